"""Statements run at the prompt, one after the other; each result is shown when it is there."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import closing
from types import MappingProxyType

from auroraql.errors import Source, UsageError, visible
from auroraql.frontends.repl.showing import expanded, show
from auroraql.frontends.repl.state import Archive, State
from auroraql.results import ResultSet
from auroraql.saved import bind

NO_VALUES: Mapping[str, object] = MappingProxyType({})

TYPED = "<input>"
"""What messages call a statement that was typed at the prompt."""

_VERTICALLY = re.compile(r"\\G\s*;?\s*\Z")


def results_of(
    archive: Archive, text: str, name: str = TYPED, values: Mapping[str, object] = NO_VALUES
) -> Generator[ResultSet, None, None]:
    """The results of a script; closing it cancels what is under way. Raises AuroraQLError."""
    yield from archive.run_script(Source(text, name), **values)


def run(state: State, text: str) -> None:
    """Runs what was typed; `\\G` at its end shows it a value a line."""
    statements = _VERTICALLY.sub("", text)
    state.statement = statements
    show_all(state, statements, "vertical" if statements != text else "")


def show_all(
    state: State, text: str, format: str = "", name: str = TYPED, values: Mapping[str, object] = NO_VALUES
) -> None:
    """Runs a script and shows its results."""
    state.told.clear()
    # Closing it on the way out lets a search that was interrupted be cancelled at once.
    with closing(results_of(state.archive, text, name, values)) as results:
        for result in results:
            show(state, result, format)


def run_file(state: State, argument: str) -> str:
    """Runs the statements of a file. Raises UsageError when it cannot be read."""
    if not argument:
        raise UsageError("\\i needs a file", "as in: \\i keograms.aql")
    source = read_file(argument)
    show_all(state, source.text, name=source.name, values=bind([source], {}))
    return ""


def read_file(argument: str) -> Source:
    """The statements of a file named behind a command. Raises UsageError."""
    path = expanded(argument)
    try:
        return Source(path.read_text("utf-8-sig"), str(path))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise UsageError(f"cannot read '{visible(str(path))}': {reason}") from None


def explain(state: State, text: str) -> None:
    """Shows what would be done for a statement that is being typed."""
    show_all(state, text if re.match(r"\s*(explain|describe)\b", text, re.IGNORECASE) else f"EXPLAIN {text}")
