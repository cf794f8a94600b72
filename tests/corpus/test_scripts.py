"""Every script of the corpus, run on the demonstration: its formatting and its results."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from auroraql import Archive, connect
from auroraql.diagnostics.errors import AuroraQLError, Source
from auroraql.language.formatter import format_text
from auroraql.rendering import render_result
from tests.support import corpus_files

_IDENTIFIER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture
def archive() -> Iterator[Archive]:
    with connect() as opened:
        yield opened


@pytest.mark.parametrize("path", corpus_files.files("scripts"), ids=lambda p: p.stem)
def test_a_script_and_its_results(path: Path, archive: Archive, update: bool) -> None:
    case = corpus_files.read(path)
    source = Source(case["statement"], "script.aql")
    parameters = json.loads(case.get("parameters", "{}"))
    outcome = {
        "formatted": format_text(source).removesuffix("\n"),
        "output": csv_of_results(archive, source, parameters),
    }
    corpus_files.compare(path, case, outcome, update=update)


MAX_LINES = 8
"""Maximum number of lines that a case shows of one result."""


def shorten(text: str) -> str:
    """Return the first lines of a long result and the number of the others."""
    lines = text.splitlines(keepends=True)
    more = len(lines) - MAX_LINES
    return text if more <= 0 else "".join(lines[:MAX_LINES]) + f"… {more} lines more\n"


def csv_of_results(archive: Archive, source: Source, parameters: dict[str, object]) -> str:
    """Return the results as CSV, one after the other, up to the first error."""
    parts = []
    try:
        for result in archive.run_script(source, **parameters):
            parts.append(shorten("".join(render_result(result, "csv", width=None, color=False))))
            parts += [f"{warning.severity}[{warning.code}]: {warning.message}\n" for warning in result.warnings]
    except AuroraQLError as error:
        parts.append(str(error))
    return _IDENTIFIER.sub("<id>", "\n".join(parts)).removesuffix("\n")
