"""The formats, one row each: read by options, file suffixes, help and messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TextIO

from auroraql.errors import UsageError, visible
from auroraql.output.data import render_csv, render_json, render_jsonl
from auroraql.output.table import render_linked_table, render_table
from auroraql.output.vertical import render_vertical
from auroraql.results import ResultSet
from auroraql.spelling import closest


@dataclass(frozen=True, slots=True)
class Format:
    """A way of writing a result; `render` takes the result, the width (None: no limit) and whether to colour.

    Those that have `linked` can be written with URLs that a terminal makes links of.

    A file whose name ends in one of `suffixes` is written so.
    """

    name: str
    doc: str
    suffixes: tuple[str, ...]
    render: Callable[[ResultSet, int | None, bool], Iterator[str]]
    linked: Callable[[ResultSet, int | None, bool], Iterator[str]] | None = None


FORMATS = {
    row.name: row
    for row in (
        Format("table", "rows under headers, fitted to the terminal", (".txt",), render_table, render_linked_table),
        Format("vertical", "one block a row, nothing cut", (), render_vertical),
        Format("csv", "comma-separated values with a header line", (".csv",), render_csv),
        Format("json", "the records in AuroraX's shape, as an array", (".json",), render_json),
        Format("jsonl", "the records in AuroraX's shape, one a line", (".jsonl", ".ndjson"), render_jsonl),
    )
}
"""Every format by its name."""


def known_format(name: str) -> Format:
    """The format called `name`. Raises UsageError that lists the known ones."""
    found = FORMATS.get(name.lower())
    if found is None:
        close = closest(name.lower(), FORMATS, 1)
        nearest = f"did you mean {close[0]}? " if close else ""
        raise UsageError(f"there is no format '{visible(name)}'", f"{nearest}formats are {', '.join(FORMATS)}")
    return found


def render(result: ResultSet, format: str, *, width: int | None, color: bool, links: bool = False) -> Iterator[str]:
    """The result as text, piece by piece. `width` is the terminal's; None writes everything, as for a pipe.

    `links` makes URLs of a table links, for a terminal that knows OSC 8. Raises UsageError for an unknown format.
    """
    known = known_format(format)
    return (known.linked if links and known.linked is not None else known.render)(result, width, color)


def footer(result: ResultSet) -> str:
    """One line about the whole result: how many rows, how long it took, from where."""
    rows = "" if result.is_report else f"{len(result):,} row{'' if len(result) == 1 else 's'} · "
    origin = visible(result.archive) + (" (demonstration data)" if result.demonstration else "")
    return f"{rows}{_elapsed(result.elapsed)} · {origin}"


def _elapsed(seconds: float) -> str:
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def wants_color(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether to colour what goes to the stream: a terminal that can, and nobody said NO_COLOR."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
