"""Statements run at the prompt, one after the other; each result is shown when it is there."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import closing

from auroraql.errors import Source, UsageError
from auroraql.frontends.repl.showing import expanded, show
from auroraql.frontends.repl.state import Archive, State
from auroraql.results import ResultSet

_VERTICALLY = re.compile(r"\\G\s*;?\s*\Z")


def results_of(archive: Archive, text: str, name: str = "<input>") -> Generator[ResultSet, None, None]:
    """The results of a script; closing it cancels what is under way. Raises AuroraQLError."""
    yield from archive.run_script(Source(text, name))


def run(state: State, text: str) -> None:
    """Runs what was typed; `\\G` at its end shows it a value a line."""
    statements = _VERTICALLY.sub("", text)
    state.statement = statements
    show_all(state, statements, "vertical" if statements != text else "")


def show_all(state: State, text: str, format: str = "", name: str = "<input>") -> None:
    """Runs a script and shows its results."""
    # Closing it on the way out lets a search that was interrupted be cancelled at once.
    with closing(results_of(state.archive, text, name)) as results:
        for result in results:
            show(state, result, format)


def run_file(state: State, argument: str) -> str:
    """Runs the statements of a file. Raises UsageError when it cannot be read."""
    if not argument:
        raise UsageError("\\i needs a file", "as in: \\i keograms.aql")
    path = expanded(argument)
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read '{path}': {getattr(error, 'strerror', None) or 'it is no UTF-8 text'}") from None
    show_all(state, text, name=str(path))
    return ""


def explain(state: State, text: str) -> None:
    """Shows what would be done for a statement that is being typed."""
    show_all(state, text if re.match(r"\s*(explain|describe)\b", text, re.IGNORECASE) else f"EXPLAIN {text}")
