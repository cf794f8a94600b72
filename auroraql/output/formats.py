"""The formats, one row each: read by options, file suffixes, help and messages."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TextIO

from auroraql.errors import UsageError, visible
from auroraql.output.screen import Screen
from auroraql.output.summary import footer
from auroraql.output.table import render_table
from auroraql.output.vertical import render_vertical
from auroraql.results import ResultSet
from auroraql.spelling import closest


@dataclass(frozen=True, slots=True)
class Format:
    """A way of writing a result: as text for a screen, or, where `render` is None, as bytes that no screen shows.

    A file whose name ends in one of `suffixes` is written so. `encode` is also given where a file needs no text first.
    """

    name: str
    doc: str
    suffixes: tuple[str, ...]
    render: Callable[[ResultSet, Screen], Iterator[str]] | None
    encode: Callable[[ResultSet], Iterator[bytes]] | None = None
    instead: str = ""
    """Of a format that is one document for each result: the format to write several results in."""
    on_terminal: Callable[[str], str] | None = None
    """Makes control characters visible in what `render` gives, where that writes values unchanged."""

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
        chunks = self.render(result, screen)
        return map(self.on_terminal, chunks) if screen.terminal and self.on_terminal is not None else chunks


def _made_visible(text: str) -> str:
    """Return text with every character that a terminal could obey, except line feeds and tabs, made visible."""
    return _replaced(text, visible)


def _made_escapes(text: str) -> str:
    """Return JSON with those characters as escapes: it is the same JSON."""
    return _replaced(text, lambda character: json.dumps(character)[1:-1])


def _replaced(text: str, replacement: Callable[[str], str]) -> str:
    if text.translate(_HARMLESS).isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else replacement(c) for c in text)


_HARMLESS = str.maketrans("", "", "\n\t")


def _later(module: str, name: str) -> Callable[..., Iterator[Any]]:
    """A function of a module that is loaded when it is called: most searches end in a table, and wait for no other."""

    def call(*arguments: Any) -> Iterator[Any]:
        found: Iterator[Any] = getattr(import_module(f"auroraql.output.{module}"), name)(*arguments)
        return found

    return call


_render_csv = _later("data", "render_csv")
_render_tsv = _later("data", "render_tsv")
_render_json = _later("data", "render_json")
_encode_json = _later("data", "encode_json")
_render_jsonl = _later("data", "render_jsonl")
_encode_jsonl = _later("data", "encode_jsonl")
_encode_parquet = _later("parquet", "encode_parquet")
_render_markdown = _later("markdown", "render_markdown")
_render_html = _later("html", "render_html")

FORMATS = {
    row.name: row
    for row in (
        Format("table", "rows under headers, fitted to the terminal", (".txt",), render_table),
        Format("vertical", "one value per line, nothing cut", (), render_vertical),
        Format("csv", "comma-separated values with a header line", (".csv",), _render_csv, on_terminal=_made_visible),
        Format("tsv", "the same with tabs", (".tsv",), _render_tsv, on_terminal=_made_visible),
        Format(
            "json",
            "the records in AuroraX's shape, as an array",
            (".json",),
            _render_json,
            _encode_json,
            on_terminal=_made_escapes,
            instead="jsonl",
        ),
        Format(
            "jsonl",
            "the records in AuroraX's shape, one per line",
            (".jsonl", ".ndjson"),
            _render_jsonl,
            _encode_jsonl,
            on_terminal=_made_escapes,
        ),
        Format(
            "parquet", "typed columns for pandas, polars and DuckDB; files only", (".parquet",), None, _encode_parquet
        ),
        Format(
            "markdown",
            "a table for GitHub and documents",
            (".md", ".markdown"),
            _render_markdown,
            on_terminal=_made_visible,
        ),
        Format(
            "html", "a page with pictures and the table", (".html", ".htm"), _render_html, on_terminal=_made_visible
        ),
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
    """Render a result as text, piece by piece.

    `width` is the terminal's in columns; None writes everything, as for a pipe. The others are fields of `Screen`.
    Raises UsageError for an unknown format, and for one that is not text.
    """
    screen = Screen(width, terminal=width is not None, color=color, links=links, blocks=blocks, commands=commands)
    return known_format(format).rendered(result, screen)


_PRINTED_LINES = 24
"""The height of the page: 20 rows of a table with its header and notes."""

_PRINTED_WIDTH = 120


def render_text(result: ResultSet) -> str:
    """Render the first rows of a result as Python's `print` shows it: the table of a wide terminal, and its footer."""
    width = shutil.get_terminal_size((_PRINTED_WIDTH, 24)).columns
    screen = Screen(width, height=_PRINTED_LINES, terminal=True, python=True)
    return f"{''.join(render_table(result, screen))}{footer(result)}"


def wants_color(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether to colour what goes to the stream: a terminal that can, and nobody said NO_COLOR."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
