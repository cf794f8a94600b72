"""HTML of a result in a notebook: a small table of the first rows, safe in notebooks that the reader does not trust.

All styles are inline, because JupyterLab removes `<style>` from untrusted notebooks. There are no ids, which several
outputs on one page would repeat, and no elapsed time, so that the same rows are the same output. Values are never
markup, and only http and https URLs are links.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

from auroraql.rendering.html import URL, escape_html, file_name, visible_lines
from auroraql.rendering.table import choose_columns
from auroraql.rendering.text_output import (
    cell_writer,
    column_headers,
    cut_text,
    describe_origin,
    describe_result,
    format_count,
)
from auroraql.results.result_set import ResultColumn, ResultSet
from auroraql.schema import Type

_MAX_ROWS = 20
"""Rows that a notebook shows."""

_WIDTH, _MAX_WIDTH = 120, 400
"""Characters of a line that fit without scrolling, and to which selected columns may make it longer."""

_MAX_TEXT, _MAX_NESTED = 80, 48
"""Characters that are shown of a text, and of an object or a list."""

_NUMBER, _TEXT = "white-space: nowrap; text-align: right", "white-space: nowrap; text-align: left"
_MISSING = f"{_TEXT}; font-style: italic; color: gray"
_REPORT = "white-space: pre-wrap; font-family: monospace; margin: 0"


def notebook_html(result: ResultSet) -> str:
    """Return at most 20 rows, and the columns that fit, as a table for a notebook."""
    if result.is_report:
        lines = "\n".join(str(line) for (line,) in result.rows)
        return f'<div><pre style="{_REPORT}">{escape_html(visible_lines(lines))}</pre></div>'
    rows = list(islice(result, _MAX_ROWS))
    chosen = choose_columns(result, rows, _WIDTH, _MAX_WIDTH) if result.columns else []
    titles = column_headers(result.columns)
    head = "".join(_render_title(titles[at], result.columns[at]) for at in chosen)
    renderers = [(at, _cell_renderer(result.columns[at], [row[at] for row in rows])) for at in chosen]
    body = "".join(f"<tr>{''.join(render(row[at]) for at, render in renderers)}</tr>\n" for row in rows)
    table = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n" if chosen else ""
    return f"<div>\n{table}<p>{escape_html(_describe(result, len(rows), len(chosen)))}</p>\n</div>"


def _describe(result: ResultSet, rows: int, columns: int) -> str:
    """Return the text below the table: what is shown, and where it is from."""
    is_cut = rows < len(result)
    if not is_cut and columns == len(result.columns):
        return describe_result(result)
    shown = f"first {rows:,} of {format_count(result)}" if is_cut else format_count(result)
    some = f", {columns} of {len(result.columns)} columns" if columns < len(result.columns) else ""
    return f"{shown}{some}, from {describe_origin(result)}"


def _render_title(title: str, column: ResultColumn) -> str:
    return f'<th style="{_NUMBER if _is_number(column) else _TEXT}">{escape_html(title)}</th>'


def _is_number(column: ResultColumn) -> bool:
    return column.type in (Type.INTEGER, Type.NUMBER, Type.DECIMAL)


def _cell_renderer(column: ResultColumn, values: list[Any]) -> Callable[[Any], str]:
    """Return the function that renders the cells of a column."""
    write, style = cell_writer(column, values), _NUMBER if _is_number(column) else _TEXT

    def render(value: Any) -> str:
        if value is None:
            return f'<td style="{_MISSING}">NULL</td>'
        if isinstance(value, str) and URL.fullmatch(value):
            text = escape_html(cut_text(file_name(value), _MAX_TEXT))
            link = f'<a href="{escape_html(value)}" target="_blank" rel="noopener noreferrer">{text}</a>'
            return f'<td style="{style}">{link}</td>'
        text = cut_text(write(value), _MAX_NESTED if isinstance(value, dict | list) else _MAX_TEXT)
        direction = ' dir="auto"' if isinstance(value, str) else ""
        return f'<td style="{style}"{direction}>{escape_html(text)}</td>'

    return render
