"""Registry of output formats, read by options, file suffixes, help and messages."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TextIO

from auroraql.diagnostics.errors import UsageError, make_visible
from auroraql.diagnostics.suggestions import find_closest
from auroraql.rendering.table import render_table, render_vertical
from auroraql.rendering.text_output import RenderOptions, describe_result, format_footer
from auroraql.results.result_set import ResultSet


@dataclass(frozen=True, slots=True)
class ResultFormat:
    """Output format: renders text for a screen, or, with `render` None, encodes bytes for files only.

    Files whose names end in one of `suffixes` have this format. A text format may also have an `encode`, if it can write
    files without creating text first.
    """

    name: str
    doc: str
    suffixes: tuple[str, ...]
    render: Callable[[ResultSet, RenderOptions], Iterator[str]] | None
    encode: Callable[[ResultSet], Iterator[bytes]] | None = None
    alternative: str = ""
    """Format for several results, if this one is a document per result."""
    on_terminal: Callable[[str], str] | None = None
    """Escapes control characters in the rendered text, for formats that write values unchanged."""

    def encode_result(self, result: ResultSet) -> Iterator[bytes]:
        """Return the whole result as the bytes of a file."""
        if self.encode is not None:
            return self.encode(result)
        return (chunk.encode() for chunk in self.render_screen(result, RenderOptions()))

    def render_screen(self, result: ResultSet, screen: RenderOptions) -> Iterator[str]:
        """Return the result as text for a screen. Raises UsageError for a binary format."""
        if self.render is None:
            hint = f"write a file whose name ends with {self.suffixes[0]}"
            raise UsageError(f"{self.name} is a binary format, and a terminal cannot show it", hint)
        chunks = self.render(result, screen)
        return map(self.on_terminal, chunks) if screen.terminal and self.on_terminal is not None else chunks


def _escape_invisible(text: str) -> str:
    """Return the text with terminal control characters visible, except line feeds and tabs."""
    return _replace_characters(text, make_visible)


def _escape_in_json(text: str) -> str:
    """Return JSON with control characters as escapes, which decodes to the same value."""
    return _replace_characters(text, lambda character: json.dumps(character)[1:-1])


def _replace_characters(text: str, replacement: Callable[[str], str]) -> str:
    if text.translate(_HARMLESS).isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else replacement(c) for c in text)


_HARMLESS = str.maketrans("", "", "\n\t")


def _load_on_call(module: str, name: str) -> Callable[..., Iterator[Any]]:
    """Return a function that imports its module on the first call, because most searches end in a table."""

    def call(*arguments: Any) -> Iterator[Any]:
        chunks: Iterator[Any] = getattr(import_module(f"auroraql.rendering.{module}"), name)(*arguments)
        return chunks

    return call


_render_csv = _load_on_call("data_formats", "render_csv")
_render_tsv = _load_on_call("data_formats", "render_tsv")
_render_json = _load_on_call("data_formats", "render_json")
_encode_json = _load_on_call("data_formats", "encode_json")
_render_jsonl = _load_on_call("data_formats", "render_jsonl")
_encode_jsonl = _load_on_call("data_formats", "encode_jsonl")
_encode_parquet = _load_on_call("parquet", "encode_parquet")
_render_markdown = _load_on_call("markdown", "render_markdown")
_render_html = _load_on_call("report.page", "render_html")

FORMATS = {
    row.name: row
    for row in (
        ResultFormat("table", "rows under a header, fitted to the terminal", (".txt",), render_table),
        ResultFormat("vertical", "one value per line, not truncated", (), render_vertical),
        ResultFormat(
            "csv", "comma-separated values with a header line", (".csv",), _render_csv, on_terminal=_escape_invisible
        ),
        ResultFormat(
            "tsv", "tab-separated values with a header line", (".tsv",), _render_tsv, on_terminal=_escape_invisible
        ),
        ResultFormat(
            "json",
            "records in AuroraX's format, as an array",
            (".json",),
            _render_json,
            _encode_json,
            on_terminal=_escape_in_json,
            alternative="jsonl",
        ),
        ResultFormat(
            "jsonl",
            "records in AuroraX's format, one per line",
            (".jsonl", ".ndjson"),
            _render_jsonl,
            _encode_jsonl,
            on_terminal=_escape_in_json,
        ),
        ResultFormat(
            "parquet", "typed columns for pandas, polars and DuckDB; files only", (".parquet",), None, _encode_parquet
        ),
        ResultFormat(
            "markdown",
            "a Markdown table",
            (".md", ".markdown"),
            _render_markdown,
            on_terminal=_escape_invisible,
        ),
        ResultFormat(
            "html",
            "a web page with pictures and a table that can be filtered and sorted",
            (".html", ".htm"),
            _render_html,
            on_terminal=_escape_invisible,
        ),
    )
}
"""Formats by name."""


def get_format(name: str) -> ResultFormat:
    """Return the format called `name`. Raises UsageError with the known names."""
    output_format = FORMATS.get(name.lower())
    if output_format is None:
        suggestions = find_closest(name.lower(), FORMATS, 1)
        suggestion = f"did you mean {suggestions[0]}? " if suggestions else ""
        raise UsageError(f"unknown format '{make_visible(name)}'", f"{suggestion}the formats are {', '.join(FORMATS)}")
    return output_format


def render_result(
    result: ResultSet,
    format: str,
    *,
    width: int | None,
    color: bool,
    links: bool = False,
    blocks: bool = True,
    commands: bool = False,
) -> Iterator[str]:
    """Render a result as text, in chunks.

    `width` is the terminal's width in columns; None writes everything, as for a pipe. The other parameters are fields
    of `RenderOptions`. Raises UsageError for an unknown or binary format.
    """
    screen = RenderOptions(
        width, terminal=width is not None, color=color, links=links, blocks=blocks, commands=commands
    )
    return get_format(format).render_screen(result, screen)


_PRINTED_LINES = 24
"""The height of the page: 20 rows of a table with its header and notes."""

_PRINTED_WIDTH = 120


def render_text(result: ResultSet) -> str:
    """Render the first rows for Python's `print`: the table of a wide terminal, and its footer."""
    return f"{_render_page(result)}{format_footer(result)}"


def render_pretty(result: ResultSet) -> str:
    """Render the first rows for IPython, which stores the text in notebooks: without the time that the search took."""
    return f"{_render_page(result)}{describe_result(result)}".rstrip("\n")


def _render_page(result: ResultSet) -> str:
    """Render one page of the table, as wide as the terminal."""
    width = shutil.get_terminal_size((_PRINTED_WIDTH, 24)).columns
    return "".join(render_table(result, RenderOptions(width, height=_PRINTED_LINES, terminal=True, python=True)))


def should_color(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Return whether to color output: the stream is a terminal, and NO_COLOR and TERM=dumb are not set."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
