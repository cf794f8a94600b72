"""The formats, one row each: read by options, file suffixes, help and messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TextIO

from auroraql.errors import UsageError, visible
from auroraql.output.screen import Screen
from auroraql.output.table import render_table
from auroraql.output.vertical import render_vertical
from auroraql.results import ResultSet
from auroraql.spelling import closest


@dataclass(frozen=True, slots=True)
class Format:
    """A way of writing a result: as text for a screen, or, where `render` is None, as bytes that no screen shows.

    A file whose name ends in one of `suffixes` is written so.
    """

    name: str
    doc: str
    suffixes: tuple[str, ...]
    render: Callable[[ResultSet, Screen], Iterator[str]] | None
    encode: Callable[[ResultSet], Iterator[bytes]] | None = None
    instead: str = ""
    """Of a format that is one document for each result: the format to write several results in."""

    def encoded(self, result: ResultSet) -> Iterator[bytes]:
        """The whole result as the bytes of a file."""
        if self.encode is not None:
            return self.encode(result)
        return (chunk.encode() for chunk in self.rendered(result, Screen()))

    def rendered(self, result: ResultSet, screen: Screen) -> Iterator[str]:
        """The result as text for a screen. Raises UsageError where it is none."""
        if self.render is None:
            hint = f"write a file: its name ends with {self.suffixes[0]}"
            raise UsageError(f"{self.name} is no text, and a terminal cannot show it", hint)
        return self.render(result, screen)


def _later(module: str, name: str) -> Callable[..., Iterator[Any]]:
    """A function of a module that is loaded when it is called: most searches end in a table, and wait for no other."""

    def call(*arguments: Any) -> Iterator[Any]:
        found: Iterator[Any] = getattr(import_module(f"auroraql.output.{module}"), name)(*arguments)
        return found

    return call


_render_csv = _later("data", "render_csv")
_render_tsv = _later("data", "render_tsv")
_render_json = _later("data", "render_json")
_render_jsonl = _later("data", "render_jsonl")
_encode_parquet = _later("parquet", "encode_parquet")
_render_markdown = _later("markdown", "render_markdown")
_render_html = _later("html", "render_html")

FORMATS = {
    row.name: row
    for row in (
        Format("table", "rows under headers, fitted to the terminal", (".txt",), render_table),
        Format("vertical", "one block a row, nothing cut", (), render_vertical),
        Format("csv", "comma-separated values with a header line", (".csv",), _render_csv),
        Format("tsv", "the same with tabs", (".tsv",), _render_tsv),
        Format("json", "the records in AuroraX's shape, as an array", (".json",), _render_json, instead="jsonl"),
        Format("jsonl", "the records in AuroraX's shape, one a line", (".jsonl", ".ndjson"), _render_jsonl),
        Format(
            "parquet", "typed columns for pandas, DuckDB and others; for files", (".parquet",), None, _encode_parquet
        ),
        Format("markdown", "a table for GitHub and documents", (".md", ".markdown"), _render_markdown),
        Format("html", "a page with the pictures and the table", (".html", ".htm"), _render_html),
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


def render(
    result: ResultSet,
    format: str,
    *,
    width: int | None,
    color: bool,
    links: bool = False,
    blocks: bool = True,
    commands: bool = False,
) -> Iterator[str]:
    """The result as text, piece by piece. `width` is the terminal's; None writes everything, as for a pipe.

    The others are what a `Screen` tells. Raises UsageError for an unknown format, and for one that is no text.
    """
    return known_format(format).rendered(result, Screen(width, color, links, blocks, commands))


def wants_color(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether to colour what goes to the stream: a terminal that can, and nobody said NO_COLOR."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
