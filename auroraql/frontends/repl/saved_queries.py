"""The commands about saved queries: `\\save` keeps the last statement, `\\queries` lists them, `\\run` runs one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from auroraql.errors import AuroraQLError, Diagnostic, Source, StatementError, UsageError, visible
from auroraql.frontends.repl.history import looks_secret
from auroraql.frontends.repl.showing import expanded
from auroraql.frontends.repl.state import State
from auroraql.frontends.repl.statements import TYPED, read_file, show_all
from auroraql.output import grid
from auroraql.saved import (
    SavedQuery,
    bind,
    check_name,
    declaration,
    find,
    header_of,
    items,
    listed,
    rows_of,
    save,
    unknown,
    unquoted,
    unreadable,
    uses_of,
    written,
)
from auroraql.saved.offers import about, values_of

# Possessive: where a quote may end in several places, trying all of them takes exponential time.
_VALUE = r"(?:'[^']*+(?:''[^']*+)*+'|\"[^\"]*+(?:\"\"[^\"]*+)*+\"|\([^)]*+\)|[^\s'\"(])*+"
_GIVEN = re.compile(rf"\s*(?:--param\s+)?(?P<name>[^\W\d]\w*)=(?P<value>{_VALUE})(?=\s|\Z)")
_PARAMETER = re.compile(r"\$([^\W\d]\w*)")
_NAME_TYPED = re.compile(r"\s(?P<name>(?:[^\W\d]\w*)?)\Z")
_VALUE_TYPED = re.compile(rf"\s(?P<name>[^\W\d]\w*)=(?P<value>{_VALUE}(?:'[^']*|\"[^\"]*|\([^)]*)?)\Z")


class Candidate(NamedTuple):
    """What would replace the last `back` characters that were typed; `shown` stands for it in the menu."""

    text: str
    back: int
    shown: str
    doc: str


def folders(state: State) -> tuple[Path, ...]:
    """Where saved queries are: the working folder, then the user's own."""
    own = state.switches.queries
    return (Path(),) if own is None else (Path(), own)


def look_again(state: State) -> None:
    """Takes the saved queries as they are on disk now; no key does."""
    state.saved = tuple(listed(folders(state)))


def save_statement(state: State, argument: str) -> str:
    """Keeps the last statement under a name, perhaps with a description. Raises UsageError, also for a name taken."""
    replaces = argument.startswith("!")
    name, _, description = argument.removeprefix("!").strip().partition(" ")
    own = state.switches.queries
    if not name or own is None:
        raise UsageError("\\save needs a name", "as in: \\save keograms_of_a_day The keograms of a program on one day")
    name = check_name(name)
    if not state.statement.strip():
        raise UsageError("there is no statement yet", "FIND something first")
    text = _with_head(state.statement.strip(), description.strip())
    if looks_secret(text):
        raise UsageError("this seems to hold an API key, and is not saved", "a key belongs in the configuration file")
    path = save(name, text, own, replace=replaces)
    look_again(state)
    first = find(name, folders(state))
    hidden = first is not None and first.path.resolve() != path.resolve()
    note = f"; here \\run {name} takes {first.path}, which comes first" if hidden and first is not None else ""
    return f"saved as {path}; \\run {name} runs it{note}"


def _with_head(statement: str, description: str) -> str:
    """A statement with a head that declares its parameters, unless it has one."""
    source = Source(statement)
    lines = [f"-- description  {' '.join(description.split())}"] if description else []
    declared, uses = header_of(source), uses_of(source)
    for name in uses.names:
        if declared.declared(name) is None:
            use = uses.first(name)
            lines.append(declaration(name, f"list of {use.type}" if use.many else use.type))
    end = "" if statement.endswith(";") else ";"
    return "\n".join([*lines, f"{statement}{end}\n"])


def list_queries(state: State, _argument: str) -> str:
    """The saved queries, with their parameters and what they are."""
    look_again(state)
    if not state.saved:
        return "there is no saved query; \\save NAME keeps the last statement"
    return grid(("name", "parameters", "description", "file"), rows_of(state.saved), state.width)


def run_query(state: State, argument: str) -> str:
    """Runs a saved query, or a file, with the values given for its parameters. Raises AuroraQLError."""
    name, rest = _name_and_rest(argument)
    if not name:
        raise UsageError(
            "\\run needs a saved query", "as in: \\run keograms_of_a_day day=2021-01-01; \\queries lists them"
        )
    query = find(name, folders(state)) if Path(name).name == name and "\0" not in name else None
    if expanded(name).is_file():
        source = read_file(name)
    elif query is not None:
        source = Source(query.source.text, str(query.path))
    elif Path(name).name != name:
        source = read_file(name)  # says why it cannot be read
    else:
        raise unreadable(name, folders(state)) or unknown(name, folders(state))
    show_all(state, source.text, name=source.name, values=bind([source], _given(rest, source)))
    return ""


def _name_and_rest(argument: str) -> tuple[str, str]:
    """What is to be run, in quotes where it has blanks, and what stands behind it."""
    quoted = re.match(r"'([^']+)'(?=\s|\Z)|\"([^\"]+)\"(?=\s|\Z)", argument)
    if quoted is None:
        name, _, rest = argument.partition(" ")
        return name, rest
    return quoted[1] or quoted[2], argument[quoted.end() :]


def _quoted(name: str) -> str:
    """A name as it is typed behind `\\run`."""
    if re.fullmatch(r"[^\s'\"]+", name):
        return name
    return f'"{name}"' if "'" in name else f"'{name}'"


def as_said_here(error: AuroraQLError) -> AuroraQLError:
    """An error as the prompt has it: where a parameter has no value, how one is given here."""
    if not isinstance(error, StatementError) or all(each.code != "AQL0206" for each in error.diagnostics):
        return error
    is_typed = error.source is None or error.source.name == TYPED
    return StatementError([_with_way_to_give(each, is_typed) for each in error.diagnostics], error.source)


def _with_way_to_give(each: Diagnostic, is_typed: bool) -> Diagnostic:
    name = _PARAMETER.search(each.message) if each.code == "AQL0206" else None
    if name is None or "\\run" in each.hint:
        return each
    given = f"\\run NAME {name[1]}=…"
    hint = f"\\save NAME keeps the statement, and {given} runs it with a value" if is_typed else f"give it as {given}"
    return replace(each, hint=hint)


def _given(text: str, source: Source) -> dict[str, list[str]]:
    """The values behind the name, as they were typed. Raises UsageError."""
    header = header_of(source)
    given: dict[str, list[str]] = {}
    at = 0
    while text[at:].strip():
        match = _GIVEN.match(text, at)
        if match is None:
            raise UsageError(
                f"'{visible(text[at:].strip())}' is not NAME=VALUE", "as in: day=2021-01-01 site='fort smith'"
            )
        at = match.end()
        value = match["value"]
        if header.declared(match["name"]) is not None:
            given.setdefault(match["name"], []).append(value)
        else:
            several = items(value) if value.startswith("(") else [value]
            given.setdefault(match["name"], []).extend(unquoted(each) for each in several)
    return given


def candidates(state: State, argument: str) -> Iterator[Candidate]:
    """What may come behind `\\run`: a query, a parameter, a value; from memory alone."""
    name, rest = _name_and_rest(argument)
    in_quotes = argument[:1] in ("'", '"') and argument.count(argument[0]) == 1
    if in_quotes or not (rest or argument.endswith(" ")):
        for query in _alike(state, argument.strip("'\"")):
            yield Candidate(_quoted(query.name), len(argument), query.name, query.header.description)
        return
    chosen = next((each for each in state.saved if each.name.casefold() == name.casefold()), None)
    if chosen is None:
        return
    value, begun = _VALUE_TYPED.search(argument), _NAME_TYPED.search(argument)
    if value is not None:
        yield from _values(state, chosen, value["name"], value["value"])
    elif begun is not None:
        used = {match["name"] for match in _GIVEN.finditer(rest)}
        for each in about(chosen.source):
            if each.name.casefold().startswith(begun["name"].casefold()) and each.name not in used:
                yield Candidate(f"{each.name}=", len(begun["name"]), each.name, each.doc)


def _alike(state: State, typed: str) -> Iterator[SavedQuery]:
    """The queries of which the name begins so, then those that have it in them."""
    begun = typed.casefold()
    yield from (query for query in state.saved if query.name.casefold().startswith(begun))
    yield from (
        query
        for query in state.saved
        if begun in query.name.casefold()[1:] and not query.name.casefold().startswith(begun)
    )


def _values(state: State, query: SavedQuery, name: str, typed: str) -> Iterator[Candidate]:
    """Values that are known; of a list for the item that is being typed."""
    catalogue = state.known.archive.catalogue if state.known is not None else None
    declared = query.header.declared(name)
    last = re.split(r"[,(]\s*", typed)[-1] if declared is None or declared.many else typed
    begun = last.lstrip("'\"").casefold()
    for value, doc in values_of(query.source, name, catalogue).items():
        if value.casefold().startswith(begun):
            yield Candidate(written(value), len(last), value, doc)
