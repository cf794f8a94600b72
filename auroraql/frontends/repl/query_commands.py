r"""Commands about saved queries: `\save` stores the last statement, `\queries` lists them, and `\run` runs one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from auroraql.diagnostics.errors import AuroraQLError, Diagnostic, Source, StatementError, UsageError, make_visible
from auroraql.frontends.repl.display import expand_path
from auroraql.frontends.repl.history import may_be_secret
from auroraql.frontends.repl.run_statements import INPUT_NAME, read_file, run_and_show
from auroraql.frontends.repl.state import ReplState
from auroraql.queries import (
    SavedQuery,
    bind_parameters,
    check_name,
    find_queries,
    find_query,
    find_uses,
    format_declaration,
    query_rows,
    quote_value,
    read_front_matter,
    save_query,
    split_items,
    unknown_query_error,
    unquote_value,
    unreadable_query_error,
)
from auroraql.queries.parameter_completion import describe_parameters, parameter_values
from auroraql.rendering import render_grid

# Possessive quantifiers: backtracking over the ends of a quote would take exponential time.
_VALUE = r"(?:'[^']*+(?:''[^']*+)*+'|\"[^\"]*+(?:\"\"[^\"]*+)*+\"|\([^)]*+\)|[^\s'\"(])*+"
_GIVEN = re.compile(rf"\s*(?:--param\s+)?(?P<name>[^\W\d]\w*)=(?P<value>{_VALUE})(?=\s|\Z)")
_PARAMETER = re.compile(r"\$([^\W\d]\w*)")
_NAME_TYPED = re.compile(r"\s(?P<name>(?:[^\W\d]\w*)?)\Z")
_VALUE_TYPED = re.compile(rf"\s(?P<name>[^\W\d]\w*)=(?P<value>{_VALUE}(?:'[^']*|\"[^\"]*|\([^)]*)?)\Z")


class QueryCandidate(NamedTuple):
    """A candidate that replaces the last `back` characters. `shown` is its menu entry."""

    text: str
    back: int
    shown: str
    doc: str


def query_folders(state: ReplState) -> tuple[Path, ...]:
    """Return the folders of saved queries: the working folder, then the user's own."""
    own = state.switches.queries
    return (Path(),) if own is None else (Path(), own)


def reload_queries(state: ReplState) -> None:
    """Reload the saved queries from disk. Completion uses this copy, so that no key reads the disk."""
    state.saved = tuple(find_queries(query_folders(state)))


def save_statement(state: ReplState, argument: str) -> str:
    """Save the last statement under a name, with an optional description.

    Raises UsageError for a bad or taken name, and when the statement may contain an API key.
    """
    replaces = argument.startswith("!")
    name, _, description = argument.removeprefix("!").strip().partition(" ")
    own = state.switches.queries
    if not name or own is None:
        raise UsageError(
            "\\save needs a name", "for example \\save keograms_of_a_day The keograms of a program on one day"
        )
    name = check_name(name)
    if not state.statement.strip():
        raise UsageError("there is no statement yet", "run a FIND first")
    text = _add_front_matter(state.statement.strip(), description.strip())
    if may_be_secret(text):
        raise UsageError(
            "the text seems to contain an API key and was not saved", "keep keys in the configuration file"
        )
    path = save_query(name, text, own, replace=replaces)
    reload_queries(state)
    found_first = find_query(name, query_folders(state))
    hidden = found_first is not None and found_first.path.resolve() != path.resolve()
    note = (
        f"; in this folder \\run {name} runs {found_first.path} instead" if hidden and found_first is not None else ""
    )
    return f"saved as {path}; \\run {name} runs it{note}"


def _add_front_matter(statement: str, description: str) -> str:
    """Return a statement with front matter that declares its parameters, unless they are declared already."""
    source = Source(statement)
    lines = [f"-- description  {' '.join(description.split())}"] if description else []
    declared, uses = read_front_matter(source), find_uses(source)
    for name in uses.names:
        if declared.get_declaration(name) is None:
            use = uses.first(name)
            lines.append(format_declaration(name, f"list of {use.type}" if use.many else use.type))
    end = "" if statement.endswith(";") else ";"
    return "\n".join([*lines, f"{statement}{end}\n"])


def show_queries(state: ReplState, _argument: str) -> str:
    """Return a table of the saved queries: name, parameters, description and file."""
    reload_queries(state)
    if not state.saved:
        return "there are no saved queries; \\save NAME saves the last statement"
    return render_grid(("name", "parameters", "description", "file"), query_rows(state.saved), state.width)


def run_saved_query(state: ReplState, argument: str) -> str:
    """Run a saved query or a file with parameter values. Raises AuroraQLError."""
    name, rest = _name_and_rest(argument)
    if not name:
        raise UsageError(
            "\\run needs a saved query", "for example \\run keograms_of_a_day day=2021-01-01; \\queries lists them"
        )
    query = find_query(name, query_folders(state)) if Path(name).name == name and "\0" not in name else None
    if expand_path(name).is_file():
        source = read_file(name)
    elif query is not None:
        source = Source(query.source.text, str(query.path))
    elif Path(name).name != name:
        source = read_file(name)  # raises an error with the reason
    else:
        raise unreadable_query_error(name, query_folders(state)) or unknown_query_error(name, query_folders(state))
    run_and_show(state, source.text, name=source.name, values=bind_parameters([source], _parse_values(rest, source)))
    return ""


def _name_and_rest(argument: str) -> tuple[str, str]:
    """Return the name of the query, which may be quoted, and the text after it."""
    quoted = re.match(r"'([^']+)'(?=\s|\Z)|\"([^\"]+)\"(?=\s|\Z)", argument)
    if quoted is None:
        name, _, rest = argument.partition(" ")
        return name, rest
    return quoted[1] or quoted[2], argument[quoted.end() :]


def _quote_query_name(name: str) -> str:
    r"""Return a name as it is typed after `\run`."""
    if re.fullmatch(r"[^\s'\"]+", name):
        return name
    return f'"{name}"' if "'" in name else f"'{name}'"


def adapt_error(error: AuroraQLError) -> AuroraQLError:
    r"""Return the error with hints that suit the prompt: how `\run` gives a value to a parameter."""
    if not isinstance(error, StatementError) or all(diagnostic.code != "AQL0206" for diagnostic in error.diagnostics):
        return error
    is_typed = error.source is None or error.source.name == INPUT_NAME
    return StatementError([_add_value_hint(diagnostic, is_typed) for diagnostic in error.diagnostics], error.source)


def _add_value_hint(diagnostic: Diagnostic, is_typed: bool) -> Diagnostic:
    name = _PARAMETER.search(diagnostic.message) if diagnostic.code == "AQL0206" else None
    if name is None or "\\run" in diagnostic.hint:
        return diagnostic
    command = f"\\run NAME {name[1]}=…"
    hint = (
        f"\\save NAME saves the statement, and {command} runs it with a value"
        if is_typed
        else f"pass a value: {command}"
    )
    return replace(diagnostic, hint=hint)


def _parse_values(text: str, source: Source) -> dict[str, list[str]]:
    """Return the values of `name=value` pairs as typed. Raises UsageError for anything else."""
    header = read_front_matter(source)
    given: dict[str, list[str]] = {}
    at = 0
    while text[at:].strip():
        match = _GIVEN.match(text, at)
        if match is None:
            raise UsageError(
                f"'{make_visible(text[at:].strip())}' is not NAME=VALUE", "for example day=2021-01-01 site='fort smith'"
            )
        at = match.end()
        value = match["value"]
        if header.get_declaration(match["name"]) is not None:
            given.setdefault(match["name"], []).append(value)
        else:
            values = split_items(value) if value.startswith("(") else [value]
            given.setdefault(match["name"], []).extend(unquote_value(item) for item in values)
    return given


def query_candidates(state: ReplState, argument: str) -> Iterator[QueryCandidate]:
    r"""Yield the candidates after `\run`: queries, parameters and values. Reads only memory."""
    name, rest = _name_and_rest(argument)
    in_quotes = argument[:1] in ("'", '"') and argument.count(argument[0]) == 1
    if in_quotes or not (rest or argument.endswith(" ")):
        for query in _matching_queries(state, argument.strip("'\"")):
            yield QueryCandidate(_quote_query_name(query.name), len(argument), query.name, query.header.description)
        return
    chosen = next((item for item in state.saved if item.name.casefold() == name.casefold()), None)
    if chosen is None:
        return
    value, name_typed = _VALUE_TYPED.search(argument), _NAME_TYPED.search(argument)
    if value is not None:
        yield from _value_candidates(state, chosen, value["name"], value["value"])
    elif name_typed is not None:
        used = {match["name"] for match in _GIVEN.finditer(rest)}
        for item in describe_parameters(chosen.source):
            if item.name.casefold().startswith(name_typed["name"].casefold()) and item.name not in used:
                yield QueryCandidate(f"{item.name}=", len(name_typed["name"]), item.name, item.doc)


def _matching_queries(state: ReplState, typed: str) -> Iterator[SavedQuery]:
    """Yield the queries whose name begins with the typed text, then those that contain it."""
    prefix = typed.casefold()
    yield from (query for query in state.saved if query.name.casefold().startswith(prefix))
    yield from (
        query
        for query in state.saved
        if prefix in query.name.casefold()[1:] and not query.name.casefold().startswith(prefix)
    )


def _value_candidates(state: ReplState, query: SavedQuery, name: str, typed: str) -> Iterator[QueryCandidate]:
    """Yield the known values of a parameter. For a list, complete the item being typed."""
    catalogue = state.known.archive.catalogue if state.known is not None else None
    declared = query.header.get_declaration(name)
    last_item = re.split(r"[,(]\s*", typed)[-1] if declared is None or declared.many else typed
    prefix = last_item.lstrip("'\"").casefold()
    for value, doc in parameter_values(query.source, name, catalogue).items():
        if value.casefold().startswith(prefix):
            yield QueryCandidate(quote_value(value), len(last_item), value, doc)
