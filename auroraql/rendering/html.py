"""Self-contained HTML page of a result: statement, gallery of pictures, and table.

Values are never markup. Only http and https URLs are links. The page runs no scripts and sends no referrer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from itertools import islice
from typing import Any

from auroraql.diagnostics.errors import make_visible
from auroraql.rendering.text_output import (
    RenderOptions,
    column_headers,
    describe_origin,
    format_brief,
    format_cell,
    format_count,
)
from auroraql.results.result_set import ResultColumn, ResultSet, Row
from auroraql.schema import Type

_CHUNK = 500
_SHORT, _LONG = 40, 160
"""Characters on one line, and characters of an object that are shown without a click."""

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})

_MARKUP = re.compile("[&<>\"']")

URL = re.compile(r"https?://[^\s\"'<>\\^`{|}]+")
_IMAGE = re.compile(r"\.(?:jpe?g|png|gif|webp|avif|svg)(?:[?#].*)?\Z", re.IGNORECASE)

_TABLE_STYLE = """\
.auroraql table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.auroraql th, .auroraql td { padding: .25rem .6rem; text-align: left; vertical-align: top; border-bottom: 1px solid #8884; }
.auroraql td { white-space: nowrap; }
.auroraql td div { width: max-content; max-width: 38rem; white-space: normal; overflow-wrap: anywhere; }
.auroraql th.number, .auroraql td.number { text-align: right; }
.auroraql .null { opacity: .45; font-style: italic; }
.auroraql .note { opacity: .7; }
"""

_PAGE_STYLE = """\
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 1.5rem; background: Canvas; color: CanvasText; }
h1 { font-size: 1.4rem; margin: 0 0 .5rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: .6rem .8rem; border-left: 3px solid #8888; background: #8881; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); gap: .9rem; margin: 1.2rem 0; }
figure { margin: 0; border: 1px solid #8884; border-radius: .3rem; overflow: hidden; content-visibility: auto; contain-intrinsic-size: auto 12rem; }
figure img { display: block; width: 100%; height: 9rem; object-fit: contain; background: #111; color: #bbb; font-size: .8rem; }
figcaption { padding: .35rem .6rem; font-size: .87rem; display: flex; justify-content: space-between; gap: .8rem; }
.table { overflow-x: auto; }
th { position: sticky; top: 0; background: Canvas; }
tr:target { background: #fc04; }
"""

_POLICY = "default-src 'none'; img-src http: https:; style-src 'unsafe-inline'"


def render_html(result: ResultSet, _screen: RenderOptions) -> Iterator[str]:
    """Render a result as a complete page."""
    statement = visible_lines(result.source.text.strip()) if result.source is not None else ""
    count = format_count(result)
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{escape_html(statement.partition(chr(10))[0] or count)}</title>\n"
        f"<style>\n{_PAGE_STYLE}{_TABLE_STYLE}</style>\n</head>\n"
        f'<body class="auroraql">\n<h1>{count}</h1>\n'
    )
    if statement:
        yield f"<pre>{escape_html(statement)}</pre>\n"
    picture_index = _picture_column(result)
    demo_note = ": these addresses may not have pictures" if result.demonstration and picture_index is not None else ""
    yield f'<p class="note">from {escape_html(describe_origin(result))}{demo_note}</p>\n'
    if picture_index is not None:
        yield from _render_gallery(result, picture_index)
    yield '<div class="table">\n'
    yield from _render_table(result)
    yield "</div>\n</body>\n</html>\n"


def visible_lines(text: str) -> str:
    """Return a text of several lines with invisible characters escaped."""
    return "\n".join(make_visible(line) for line in text.splitlines())


def escape_html(text: str) -> str:
    """Return the text as HTML: markup escaped, and invisible characters replaced by visible ones."""
    if text.isprintable() and not _MARKUP.search(text):  # true for nearly all texts
        return text
    return visible_lines(text).translate(_ESCAPES)


# --- pictures


def _render_gallery(result: ResultSet, index: int) -> Iterator[str]:
    """Yield a lazily loaded thumbnail per picture, linked to the full picture and its row."""
    caption = _CaptionParts.caption(result.columns)
    yield '<section class="gallery">\n'
    for number, row in enumerate(result, 1):
        url = row[index]
        if _is_picture(url):
            caption_parts = [escape_html(part) for part in caption.parts(row) or (file_name(url),)]
            yield (
                f'<figure><a href="{escape_html(url)}" target="_blank" rel="noopener noreferrer">'
                f'<img src="{escape_html(url)}" loading="lazy" decoding="async" alt="{" · ".join(caption_parts)}"></a>'
                f'<figcaption><span>{" · ".join(caption_parts)}</span><a href="#row{number}">{number}</a></figcaption></figure>\n'
            )
    yield "</section>\n"


def _picture_column(result: ResultSet) -> int | None:
    """Return the index of the first column with picture URLs."""
    for row in result:
        for index, value in enumerate(row):
            if _is_picture(value):
                return index
    return None


def _is_picture(value: Any) -> bool:
    return isinstance(value, str) and URL.fullmatch(value) is not None and _IMAGE.search(value) is not None


@dataclass(frozen=True, slots=True)
class _CaptionParts:
    """Row indices of the values that distinguish pictures."""

    places: tuple[int, ...]

    @classmethod
    def caption(cls, columns: Sequence[ResultColumn]) -> _CaptionParts:
        bare = [column.path[-1] if column.path else column.name for column in columns]
        names = [bare.index(name) for name in ("display_name", "platform", "program") if name in bare][:1]
        times = [at for at, column in enumerate(columns) if column.type is Type.TIME][:1]
        return cls((*names, *times, *(bare.index(name) for name in _TOLD if name in bare)))

    def parts(self, row: Row) -> list[str]:
        """Return the caption texts of a row."""
        return [part for at in self.places if (part := _caption_value(row[at]))]


_TOLD = ("data_product_type", "keogram_type", "montage_type", "metadata")


def _caption_value(value: Any) -> str:
    """Format a caption value: a time briefly, metadata as its type."""
    match value:
        case None:
            return ""
        case datetime():
            return f"{value:%Y-%m-%d}" if value.time() == time.min else f"{value:%Y-%m-%d %H:%M}"
        case dict():
            return ", ".join(format_cell(member) for key, member in value.items() if key.endswith("_type"))
        case _:
            return format_cell(value)


# --- the table


def _render_table(result: ResultSet) -> Iterator[str]:
    """Yield the table of all rows; each row has an anchor."""
    alignments = [
        "number" if column.type in (Type.INTEGER, Type.NUMBER, Type.DECIMAL) else "" for column in result.columns
    ]
    titles = zip(column_headers(result.columns), result.columns, alignments, strict=True)
    head = "".join(
        f'<th{_css_class(side)} title="{escape_html(c.name)}">{escape_html(title)}</th>' for title, c, side in titles
    )
    yield f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n"
    rows = enumerate(result, 1)
    while chunk := [_render_row(number, row) for number, row in islice(rows, _CHUNK)]:
        yield "".join(chunk)
    yield "</tbody>\n</table>\n"


def _render_row(number: int, row: Row) -> str:
    return f'<tr id="row{number}">{"".join(map(_render_cell, row))}</tr>\n'


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
