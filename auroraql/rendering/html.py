"""HTML of values: escaped text, links, and a table that needs no script.

Values are never markup, and only http and https URLs are links.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

from auroraql.diagnostics.errors import make_visible
from auroraql.rendering.text_output import column_headers, format_brief, format_cell
from auroraql.results.result_set import ResultSet, Row
from auroraql.schema import Type

_CHUNK = 500
_SHORT, _LONG = 40, 160
"""Characters on one line, and characters of an object that are shown without a click."""

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})

_MARKUP = re.compile("[&<>\"']")

URL = re.compile(r"https?://[^\s\"'<>\\^`{|}]+")
_IMAGE = re.compile(r"\.(?:jpe?g|png|gif|webp|avif|svg)(?:[?#].*)?\Z", re.IGNORECASE)


def visible_lines(text: str) -> str:
    """Return a text of several lines with invisible characters escaped."""
    return "\n".join(make_visible(line) for line in text.splitlines())


def escape_html(text: str) -> str:
    """Return the text as HTML: markup escaped, and invisible characters replaced by visible ones."""
    if text.isprintable() and not _MARKUP.search(text):  # true for nearly all texts
        return text
    return visible_lines(text).translate(_ESCAPES)


def is_picture(value: Any) -> bool:
    """Return whether a value is the URL of a picture."""
    return isinstance(value, str) and URL.fullmatch(value) is not None and _IMAGE.search(value) is not None


def render_table_html(result: ResultSet, most: int) -> Iterator[str]:
    """Yield a table of the first rows, at most `most`, without scripts."""
    alignments = [
        "number" if column.type in (Type.INTEGER, Type.NUMBER, Type.DECIMAL) else "" for column in result.columns
    ]
    titles = zip(column_headers(result.columns), result.columns, alignments, strict=True)
    head = "".join(
        f'<th scope="col"{_css_class(side)} title="{escape_html(c.name)}">{escape_html(title)}</th>'
        for title, c, side in titles
    )
    yield f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n"
    rows = islice(result, most)
    while chunk := list(map(_render_row, islice(rows, _CHUNK))):
        yield "".join(chunk)
    yield "</tbody>\n</table>\n"


def _render_row(row: Row) -> str:
    return f"<tr>{''.join(map(_render_cell, row))}</tr>\n"


def _css_class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _render_cell(value: Any) -> str:
    return _CELLS.get(type(value), _render_plain)(value)


def _render_plain(value: Any) -> str:
    return f"<td>{escape_html(format_cell(value))}</td>"


def _render_words(value: str) -> str:
    if URL.fullmatch(value):
        return f'<td><a href="{escape_html(value)}" target="_blank" rel="noopener noreferrer">{escape_html(file_name(value))}</a></td>'
    return f'<td dir="auto">{_wrap_text(escape_html(value), len(value))}</td>'


def _render_number(value: float | Decimal) -> str:
    return f'<td class="number">{format_cell(value)}</td>'


def _render_nested(value: Any) -> str:
    """Format an object or a list; a long one opens on click."""
    whole, short = format_cell(value), format_brief(value)
    if len(whole) <= _LONG:
        return f"<td>{_wrap_text(escape_html(short), len(short))}</td>"
    head = short if short != whole and len(short) <= _LONG else f"{whole[:40]}…"
    return f"<td><details><summary>{escape_html(head)}</summary><div>{escape_html(whole)}</div></details></td>"


def _wrap_text(text: str, length: int) -> str:
    """Wrap a long text in a div, which may have several lines."""
    return f"<div>{text}</div>" if length > _SHORT else text


def file_name(url: str) -> str:
    """Return the file name of a URL, or the URL without one."""
    return url.rstrip("/").rpartition("/")[2] or url


_CELLS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: '<td class="null">NULL</td>',
    str: _render_words,
    int: _render_number,
    float: _render_number,
    Decimal: _render_number,
    dict: _render_nested,
    list: _render_nested,
}
