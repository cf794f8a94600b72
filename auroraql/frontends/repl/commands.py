"""The commands of the prompt, one row each: `\\d trex`, or `/d trex` for those who type a slash.

Each takes the session and its argument, changes the session if it must, and returns what to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from auroraql.frontends.repl.describe import describe
from auroraql.frontends.repl.state import State
from auroraql.output import FORMATS, known_format
from auroraql.spelling import closest

_COMMAND = re.compile(r"[\\/](?P<name>\?|[^\W\d]\w*)(?P<argument>[^\n]*)")

_EXAMPLES = """Statements end with ; or, when they are complete, with Enter. As in:
  FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01;
  FIND data_products SELECT start, platform, url WHERE program = 'trex' DURING 2020-02 LIMIT 10;"""


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its name as typed after the backslash, what follows it, what it does; `words` do it too."""

    name: str
    argument: str
    doc: str
    run: Callable[[State, str], str]
    words: tuple[str, ...] = ()


def _help(_state: State, _argument: str) -> str:
    rows = [(f"\\{row.name} {row.argument}".rstrip(), row.doc) for row in COMMANDS]
    width = max(len(typed) for typed, _ in rows)
    return "\n".join([*(f"  {typed.ljust(width)}  {doc}" for typed, doc in rows), "", _EXAMPLES])


def _quit(state: State, _argument: str) -> str:
    state.done = True
    return ""


def _describe(state: State, argument: str) -> str:
    return describe(state.archive.catalogue, argument, state.width)


def _vertical(state: State, _argument: str) -> str:
    if state.format == "vertical":
        state.format = state.before_vertical
    else:
        state.before_vertical, state.format = state.format, "vertical"
    return f"results are shown as {state.format}"


def _format(state: State, argument: str) -> str:
    if not argument:
        return "\n".join(
            f"{'*' if row.name == state.format else ' '} {row.name:8}  {row.doc}" for row in FORMATS.values()
        )
    state.format = known_format(argument).name
    return f"results are shown as {state.format}"


COMMANDS = (
    Command("?", "", "this help", _help, ("help",)),
    Command("d", "[NAME]", "sources, or a kind's fields, a program's or platform's sources, a key's values", _describe),
    Command("x", "", "one line a value, or back to the table", _vertical),
    Command("format", "[NAME]", f"how results are shown: {', '.join(FORMATS)}", _format),
    Command("q", "", "leave (also Ctrl-D)", _quit, ("quit", "exit")),
)
"""Every command, in the order of the help."""

_BY_NAME = {name: row for row in COMMANDS for name in (row.name, *row.words)}
_BY_WORD = {word: row for row in COMMANDS for word in row.words}


def is_command(text: str) -> bool:
    """Whether this is for the prompt itself, and no statement. A comment `/* … */` is none."""
    typed = _typed(text)
    return typed.startswith("\\") or typed.lower() in _BY_WORD or _COMMAND.fullmatch(typed) is not None


def run_command(state: State, text: str) -> str:
    """Carries out a command and returns what to say. Raises UsageError for a wrong argument."""
    typed = _typed(text)
    match = _COMMAND.fullmatch(typed)
    name = match["name"].lower() if match else ""
    row = _BY_WORD.get(typed.lower()) or _BY_NAME.get(name)
    if row is not None:
        return row.run(state, match["argument"].strip() if match else "")
    close = closest(name, _BY_NAME, 1, 0.5)
    nearest = f"did you mean \\{_BY_NAME[close[0]].name}? " if close else ""
    return f"there is no command {typed.split(maxsplit=1)[0]}\n  = hint: {nearest}\\? lists all"


def _typed(text: str) -> str:
    return text.strip().rstrip(";").rstrip()
