"""The table: rows under headers, fitted to the terminal's width, cut with … and never wrapped.

On a pipe (no width) every row and every character is written. On a terminal what is left out is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from auroraql.errors import visible
from auroraql.output.cells import BOLD, DIM, cell, cut, headers, link, pad, paint
from auroraql.output.layout import Column, fitted, measured
from auroraql.output.vertical import MOST_SHOWN, not_shown, render_vertical
from auroraql.results import ResultSet
from auroraql.schema import Type

_CHUNK = 1000


def render_linked_table(result: ResultSet, width: int | None, color: bool) -> Iterator[str]:
    """The same table with its URLs as links."""
    return render_table(result, width, color, links=True)


def render_table(result: ResultSet, width: int | None, color: bool, links: bool = False) -> Iterator[str]:
    """A result as a table; as the vertical view when no readable table of it fits the width."""
    if result.is_report:
        # Lines of text are not cut: the terminal wraps them.
        yield from (visible(line) + "\n" for (line,) in result.rows)
        return
    rows = result.rows if width is None else result.rows[:MOST_SHOWN]
    titles = headers(result.columns)
    declared = [
        Column(column.name, title, column.type, at=at)
        for at, (column, title) in enumerate(zip(result.columns, titles, strict=True))
    ]
    natural = measured(declared, rows, len("NULL") if color else 0)
    shown = fitted(natural, width, may_leave_out=result.plan.query.select is None)
    if shown is None:
        yield from render_vertical(result, width, color)
        return
    yield from _lines(shown, rows, color, links)
    if len(shown) < len(declared):
        note = f"{len(declared)} columns, {len(shown)} shown: \\last or --format vertical for all"
        yield paint(note, DIM, color=color) + "\n"
    yield from not_shown(len(result) - len(rows), color)


def grid(titles: Sequence[str], rows: Sequence[Sequence[Any]], width: int | None, *, color: bool = False) -> str:
    """A small table of things that are no search result, as the sources an archive knows."""
    declared = [Column(title, title, Type.ANY, at=at) for at, title in enumerate(titles)]
    natural = measured(declared, rows, 0)
    shown = fitted(natural, width, may_leave_out=False) or natural
    return "".join(_lines(shown, rows, color))


def _lines(shown: list[Column], rows: Sequence[Sequence[Any]], color: bool, links: bool = False) -> Iterator[str]:
    titles = [paint(_fill(c, c.header), BOLD, color=color) for c in shown]
    rules = [paint("-" * c.width, DIM, color=color) for c in shown]
    yield _joined([titles, rules])
    left = iter(rows)
    while chunk := [[_shown(c, row[c.at], color, links) for c in shown] for row in islice(left, _CHUNK)]:
        yield _joined(chunk)


def _shown(column: Column, value: Any, color: bool, links: bool) -> str:
    if value is None and color:
        return paint(_fill(column, "NULL"), DIM, color=True)
    text = _fill(column, cell(value))
    return link(text, value) if links else text


def _fill(column: Column, text: str) -> str:
    return pad(text if column.whole else cut(text, column.width), column.width, right=column.right)


def _joined(rows: list[list[str]]) -> str:
    # Loading it takes as long as a small search, and most formats do without.
    from tabulate import tabulate

    # Cells come filled to their widths, so every chunk of a long table lines up: nothing is left to align.
    return tabulate(rows, tablefmt="plain", stralign=None, disable_numparse=True, preserve_whitespace=True) + "\n"
