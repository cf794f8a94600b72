"""Execution of statements at the prompt. Each result is printed as soon as it arrives."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import closing
from types import MappingProxyType

from auroraql.completion.live_checker import LiveChecker
from auroraql.diagnostics.errors import Source, UsageError, make_visible
from auroraql.frontends.repl.display import expand_path, show_result
from auroraql.frontends.repl.state import ArchiveProtocol, ReplState
from auroraql.queries import bind_parameters
from auroraql.results.result_set import ResultSet
from auroraql.session.fixes import fix_script

NO_VALUES: Mapping[str, object] = MappingProxyType({})

INPUT_NAME = "<input>"
"""Source name of typed statements in messages."""

_VERTICALLY = re.compile(r"\\G\s*;?\s*\Z")


def iterate_results(
    archive: ArchiveProtocol, text: str, name: str = INPUT_NAME, values: Mapping[str, object] = NO_VALUES
) -> Generator[ResultSet, None, None]:
    """Yield the results of a script. Closing the generator cancels the running search. Raises AuroraQLError."""
    yield from archive.run_script(Source(text, name), **values)


def run_text(state: ReplState, text: str) -> None:
    r"""Run typed text. A `\G` at its end prints one value per line."""
    statements = _VERTICALLY.sub("", text)
    state.statement = statements
    run_and_show(state, statements, "vertical" if statements != text else "")


def correct_text(state: ReplState) -> str:
    """Return the last statements with the fixes of their errors, or an empty string when they have none."""
    archive = state.archive
    catalogue, context = archive.catalogue, archive.session_context
    fixed = fix_script(state.statement, lambda text: LiveChecker().check(text, catalogue, context))
    return fixed.text if fixed.applied else ""


def run_and_show(
    state: ReplState, text: str, format: str = "", name: str = INPUT_NAME, values: Mapping[str, object] = NO_VALUES
) -> None:
    """Run a script and print its results."""
    state.shown_warnings.clear()
    # Close the generator explicitly, so that an interrupted search is cancelled at once.
    with closing(iterate_results(state.archive, text, name, values)) as results:
        for result in results:
            show_result(state, result, format)


def run_file(state: ReplState, argument: str) -> str:
    """Run the statements of a file. Raises UsageError when the file cannot be read."""
    if not argument:
        raise UsageError("\\i needs a file", "for example \\i keograms.aql")
    source = read_file(argument)
    run_and_show(state, source.text, name=source.name, values=bind_parameters([source], {}))
    return ""


def read_file(argument: str) -> Source:
    """Return the text of a file that a command names. Raises UsageError when it cannot be read."""
    path = expand_path(argument)
    try:
        return Source(path.read_text("utf-8-sig"), str(path))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"cannot read '{make_visible(str(path))}': {reason}") from None


def explain_text(state: ReplState, text: str) -> None:
    """Print the plan of a statement that is being typed."""
    run_and_show(state, text if re.match(r"\s*(explain|describe)\b", text, re.IGNORECASE) else f"EXPLAIN {text}")
