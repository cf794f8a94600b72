"""The vertical view: one block a row, one line a value, nothing cut and nothing left out.

Names are the dotted ones, as a statement would use them; an object's members have a line each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from auroraql.errors import columns, visible
from auroraql.output.cells import BOLD, DIM, cell, pad, paint
from auroraql.results import ResultColumn, ResultSet

MOST_SHOWN = 1000
"""How many rows a terminal is shown; a pipe or a file gets all."""

_RULE = 60


def not_shown(missing: int, color: bool) -> Iterator[str]:
    """The line that says how many rows a terminal was not shown, and the way to them."""
    if missing > 0:
        note = f"… {missing:,} more rows not shown: LIMIT for fewer, --output FILE for all"
        yield paint(note, DIM, color=color) + "\n"


def render_vertical(result: ResultSet, width: int | None, color: bool) -> Iterator[str]:
    """A result as blocks of `name  value` lines."""
    rows = result.rows if width is None else result.rows[:MOST_SHOWN]
    names = max((columns(name) for name in _names(result.columns, rows)), default=0)
    for number, row in enumerate(rows, 1):
        head = f"-[ row {number} ]".ljust(min(width or _RULE, _RULE), "-")
        lines = [paint(head, DIM, color=color)]
        for name, value in _pairs(result.columns, row):
            shown = paint("NULL", DIM, color=True) if value is None and color else cell(value)
            lines.append(f"{paint(pad(name, names, right=False), BOLD, color=color)}  {shown}".rstrip())
        yield "\n".join(lines) + "\n"
    yield from not_shown(len(result) - len(rows), color)


def _names(shown: Sequence[ResultColumn], rows: Sequence[Sequence[Any]]) -> set[str]:
    return {name for row in rows for name, _ in _pairs(shown, row)}


def _pairs(shown: Sequence[ResultColumn], row: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    for column, value in zip(shown, row, strict=True):
        name = visible(column.name) + (f" ({column.unit})" if column.unit else "")
        if isinstance(value, dict) and value:
            yield from ((f"{name}.{visible(str(key))}", member) for key, member in value.items())
        else:
            yield name, value
