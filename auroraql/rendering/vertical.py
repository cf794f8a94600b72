"""Vertical view: one block per row, one line per value, without cuts or omissions.

Names are dotted as in statements; each member of an object has a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from auroraql.diagnostics.errors import display_width, make_visible
from auroraql.rendering.cell_format import BOLD, DIM, apply_style, format_cell, make_link, pad_text
from auroraql.rendering.options import MAX_ROWS_SHOWN, SAMPLE_ROWS, RenderOptions
from auroraql.results.result_set import ResultColumn, ResultSet

_RULE = 60


def render_vertical(result: ResultSet, screen: RenderOptions) -> Iterator[str]:
    """Render a result as blocks of `name  value` lines."""
    rows = iter(result)
    first = list(islice(rows, SAMPLE_ROWS if screen.width is None else _max_rows(result.columns, screen)))
    names = max((display_width(name) for name in _padded_names(result.columns, first)), default=0)
    shown = 0
    for row in chain(first, rows if screen.width is None else ()):
        shown += 1
        head = f"-[ row {shown} ]".ljust(min(screen.width or _RULE, _RULE), "-")
        lines = [apply_style(head, DIM, color=screen.color)]
        for name, value in _name_value_pairs(result.columns, row):
            title = apply_style(pad_text(name, names, right=False), BOLD, color=screen.color)
            lines.append(f"{title}  {_format_value(value, screen)}".rstrip())
        yield "\n".join(lines) + "\n"
    yield screen.rows_left_out(shown, len(result))


def _max_rows(shown: Sequence[ResultColumn], screen: RenderOptions) -> int:
    """Return the number of rows that fill a page, at least one."""
    return MAX_ROWS_SHOWN if screen.height is None else max(screen.height // (len(shown) + 1), 1)


def count_lines(result: ResultSet, rows: Iterable[Sequence[Any]]) -> int:
    """Return the number of lines of the vertical view."""
    return sum(1 + sum(1 for _ in _name_value_pairs(result.columns, row)) for row in rows)


def _format_value(value: Any, screen: RenderOptions) -> str:
    if value is None and screen.color:
        return apply_style("NULL", DIM, color=True)
    return make_link(format_cell(value), value) if screen.links else format_cell(value)


def _padded_names(shown: Sequence[ResultColumn], rows: Sequence[Sequence[Any]]) -> set[str]:
    return {name for row in rows for name, _ in _name_value_pairs(shown, row)}


def _name_value_pairs(shown: Sequence[ResultColumn], row: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    for column, value in zip(shown, row, strict=True):
        name = make_visible(column.name) + (f" ({column.unit})" if column.unit else "")
        match value:
            case dict() if value:
                yield from ((f"{name}.{make_visible(str(key))}", member) for key, member in value.items())
            case [dict(), *_]:
                yield from ((f"{name}[{number}]", element) for number, element in enumerate(value, 1))
            case _:
                yield name, value
