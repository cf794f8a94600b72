"""The generated half of grammar/COMMANDS.md: the tables of commands, options and settings, from their declarations."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator

from auroraql.config.definitions import FILE_VARIABLE, PROFILE_VARIABLE, SETTING_DEFINITIONS, Value
from auroraql.frontends.cli.arguments import build_parser
from auroraql.frontends.cli.main import SOURCES
from auroraql.frontends.repl.commands import COMMANDS
from auroraql.queries.parameter_types import TYPES
from auroraql.rendering import FORMATS
from auroraql.session.settings import SETTINGS, Settings
from auroraql.session.translation import TARGETS

MARK = "<!-- What follows is generated from the declarations: pytest tests/docs/test_docs.py --update writes it. -->"
"""The line after which the page is generated."""

KEYS = (
    ("Enter", "run a complete statement, or start another line"),
    ("Alt-Enter", "do the opposite: start another line, or run the text as it is"),
    ("Tab", "complete a keyword, name or value"),
    ("Ctrl-C", "cancel the running search; a second time, leave it running"),
    ("Ctrl-R", "search the history"),
    ("Ctrl-X Ctrl-E (vi: `v`)", "edit the text in `$EDITOR`"),
    ("Ctrl-D", "leave"),
    ("F2", "fuzzy completion on or off"),
    ("F3", "several lines: Enter always starts another line, on or off"),
    ("F4", "emacs or vi keys"),
    ("F5", "explain the statement without running it"),
    ("F6", "apply the fix that the toolbar shows, or write the last statement with its errors corrected"),
)


def reference() -> str:
    """Return the tables as Markdown."""
    sections = (_command_line(), _prompt(), _formats(), _types(), _configuration(), _session())
    return "\n".join(line for section in sections for line in section)


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield f"|{'---|' * len(titles)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _command_line() -> Iterator[str]:
    parser = build_parser(tuple(FORMATS), tuple(TARGETS), tuple(SOURCES))
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    yield "## Commands and options\n"
    yield from _table(
        ("command", "what it does"),
        ((f"`auroraql {name}{''.join(_arguments(command))}`", doc) for name, command, doc in _leaves(commands)),
    )
    yield "Options of a search, with or without `run`:\n"
    yield from _table(("option", "meaning"), _options(parser, {"--help"}))
    searching = {option for action in parser._actions for option in action.option_strings}
    for name, command, _ in _leaves(commands):
        # Two options share the name of a search option and mean something else: they are listed separately.
        shared = searching - {"serve": {"--archive", "--timeout"}, "check": {"--format"}}.get(name, set())
        yield from _options_of(name, command, shared)


def _leaves(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
) -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    """Yield each command with its name and help, and the actions of a command that has some in its place."""
    docs = {choice.dest: choice.help or "" for choice in commands._choices_actions}
    for name, command in commands.choices.items():
        actions = [action for action in command._actions if isinstance(action, argparse._SubParsersAction)]
        if not actions:
            yield name, command, docs[name]
        for below in actions:
            for inner, action, doc in _leaves(below):
                yield f"{name} {inner}", action, doc


def _options_of(name: str, command: argparse.ArgumentParser, shared: set[str]) -> Iterator[str]:
    """Yield the options of a command: its own table, and the names of those that it shares with a search."""
    own = list(_options(command, shared))
    if own:
        yield f"Options of `{name}`:\n"
        yield from _table(("option", "meaning"), own)
    names = [action.option_strings[-1] for action in command._actions if shared & set(action.option_strings)]
    others = ", ".join(f"`{option}`" for option in names if option != "--help")
    if others:
        yield f"`{name}` also takes {others}.\n" if own else f"`{name}` takes {others}.\n"


def _arguments(command: argparse.ArgumentParser) -> Iterator[str]:
    """Yield the positional arguments of a command as the usage line shows them."""
    for action in command._actions:
        if not action.option_strings:
            shown = "|".join(map(str, action.choices)) if action.choices else str(action.metavar)
            yield f" {shown}" + ("…" if action.nargs in ("*", "+") else "")


def _options(command: argparse.ArgumentParser, without: set[str]) -> Iterator[tuple[str, str]]:
    for action in command._actions:
        if action.option_strings and not without & set(action.option_strings):
            choices = "|".join(map(str, action.choices or ()))
            value = "" if action.nargs == 0 else f" {action.metavar or choices or action.dest.upper()}"
            yield ", ".join(f"`{option}{value}`" for option in action.option_strings), action.help or ""


def _prompt() -> Iterator[str]:
    yield "## Commands of the prompt\n"
    rows = ((f"`\\{row.name} {row.argument}".rstrip() + "`", row.doc.replace("\\", "\\\\")) for row in COMMANDS)
    yield from _table(("command", "what it does"), rows)
    yield "## Keys of the prompt\n"
    yield from _table(("key", "what it does"), KEYS)


def _formats() -> Iterator[str]:
    yield "## Formats\n"
    rows = ((f"`{row.name}`", row.doc, ", ".join(f"`{end}`" for end in row.suffixes)) for row in FORMATS.values())
    yield from _table(("format", "what it is", "suffixes of files"), rows)


def _types() -> Iterator[str]:
    yield "## Types of parameters\n"
    yield from _table(
        ("type", "values", "example"), ((f"`{t.name}`", t.takes, f"`{t.example}`") for t in TYPES.values())
    )
    yield "`list of` a type takes several values with commas between them, or one `--param` for each.\n"


def _configuration() -> Iterator[str]:
    yield "## Settings of the configuration\n"
    yield from _table(
        ("setting", "variable", "default", "meaning"),
        (
            (
                f"`{row.name}`",
                ", ".join(f"`{variable}`" for variable in row.variables),
                _default(row.default),
                row.doc.replace("\\", "\\\\"),
            )
            for row in SETTING_DEFINITIONS.values()
        ),
    )
    yield f"`{FILE_VARIABLE}` names the configuration file, and `{PROFILE_VARIABLE}` the profile.\n"


def _session() -> Iterator[str]:
    yield "## Settings of a session\n"
    rows = {
        name: default
        for name, _, default, _ in Settings(timeout=float(str(SETTING_DEFINITIONS["timeout"].default))).rows()
    }
    yield from _table(
        ("setting", "default", "meaning"), ((f"`{row.name}`", rows[row.name], row.doc) for row in SETTINGS.values())
    )


def _default(value: Value) -> str:
    """Return a value as written in the configuration file, or an empty string for none."""
    match value:
        case None:
            return ""
        case bool():
            return f"`{str(value).lower()}`"
        case float():
            return f"`{value:g}`"
        case str():
            return f"`{value}`"
