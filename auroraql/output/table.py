"""The table: rows under headers, fitted to the terminal's width, cut with … and never wrapped.

On a pipe (no width) every row and every character is written. On a terminal what is left out is said, few rows that
do not fit are shown vertically, and availability as a calendar.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from auroraql.errors import visible
from auroraql.output.cells import BOLD, DIM, cell, cut, cut_title, headers, link, pad, paint, writer
from auroraql.output.layout import GAP, Column, fitted, is_crowded, measured, squeezed
from auroraql.output.screen import SAMPLE, Screen
from auroraql.output.vertical import lines_of, render_vertical
from auroraql.results import ResultSet, Row
from auroraql.schema import Type

_CHUNK = 1000

AVAILABILITY = "SHOW AVAILABILITY"
"""What is searched by the statement whose rows can be drawn."""

_FEW_LINES = 20
"""A vertical view of so many lines is seen at a glance."""


def render_table(result: ResultSet, screen: Screen) -> Iterator[str]:
    """A result as a table; as a calendar or the vertical view where a terminal shows more of it that way."""
    return map(screen.shown, _rendered(result, screen))


def _rendered(result: ResultSet, screen: Screen) -> Iterator[str]:
    if result.is_report:
        # Lines of text are not cut: the terminal wraps them.
        yield from (visible(line) + "\n" for (line,) in result.rows)
        return
    drawn = _drawn(result, screen)
    if drawn is not None:
        yield from drawn
        return
    rows = iter(result)
    first = list(islice(rows, SAMPLE if screen.width is None else screen.most_rows))
    every, texts = _measured(result, first, screen)
    shown = fitted(every, screen.width, may_leave_out=result.plan.query.select is None)
    is_short = lines_of(result, first) <= _FEW_LINES
    if shown is None and screen.width is not None and not is_short:
        shown = squeezed(every, screen.width) or None
    if shown is None or (is_crowded(every, shown, screen.width) and is_short):
        yield from render_vertical(result, screen)
        return
    yield _head(shown, screen)
    yield from _lines(shown, first, texts, screen)
    if screen.width is None:
        yield from _lines(shown, rows, None, screen)
    yield screen.columns_left_out(len(shown), len(every))
    yield screen.rows_left_out(len(first) if screen.width is not None else len(result), len(result))


def _drawn(result: ResultSet, screen: Screen) -> Iterator[str] | None:
    """The picture that a terminal is shown of availability; None of anything else."""
    if result.plan.query.kind != AVAILABILITY or screen.width is None:
        return None
    # Hardly a result is one, and all others would wait for it to be loaded.
    from auroraql.output.calendar import render_calendar

    return render_calendar(result, screen)


def grid(titles: Sequence[str], rows: Sequence[Sequence[Any]], width: int | None, *, color: bool = False) -> str:
    """A small table of things that are no search result, as the sources an archive knows."""
    screen = Screen(width, color=color)
    texts = [["" if value in ("", None) else cell(value) for value in row] for row in rows]
    declared = [Column(title, title, Type.ANY, at=at) for at, title in enumerate(titles)]
    natural = measured(declared, rows, texts)
    shown = fitted(natural, width, may_leave_out=False) or natural
    return _head(shown, screen) + "".join(_lines(shown, texts, texts, replace(screen, color=False)))


def _measured(result: ResultSet, first: Sequence[Row], screen: Screen) -> tuple[list[Column], list[list[str]]]:
    """Every column with its natural width, and the texts of the first rows."""
    titles = headers(result.columns)
    declared = [
        Column(column.name, title, column.type, at=at)
        for at, (column, title) in enumerate(zip(result.columns, titles, strict=True))
    ]
    if screen.width is None:
        texts = [_texts(row, screen) for row in first]
    else:
        values = zip(*first, strict=True) if first else ([] for _ in result.columns)
        writers = [writer(column, held) for column, held in zip(result.columns, values, strict=True)]
        texts = [
            ["NULL" if v is None and screen.color else write(v) for write, v in zip(writers, row, strict=True)]
            for row in first
        ]
    return measured(declared, first, texts), texts


def _texts(row: Sequence[Any], screen: Screen) -> list[str]:
    """Return the whole text of each value."""
    return ["NULL" if value is None and screen.color else cell(value) for value in row]


def _head(shown: Sequence[Column], screen: Screen) -> str:
    color = screen.color
    titles = [paint(pad(cut_title(c.header, c.width), c.width, right=c.right), BOLD, color=color) for c in shown]
    rules = [paint("-" * c.width, DIM, color=color) for c in shown]
    return _joined([titles, rules], screen)


def _lines(
    shown: Sequence[Column], rows: Iterable[Sequence[Any]], texts: Sequence[Sequence[str]] | None, screen: Screen
) -> Iterator[str]:
    """The lines of rows; `texts` are those of their values, where they are there already."""
    left = iter(rows)
    written = iter(texts) if texts is not None else None
    while chunk := list(islice(left, _CHUNK)):
        cells = list(islice(written, _CHUNK)) if written is not None else [_texts(row, screen) for row in chunk]
        yield _joined(
            [[_cell(c, row[c.at], text[c.at], screen) for c in shown] for row, text in zip(chunk, cells, strict=True)],
            screen,
        )


def _cell(column: Column, value: Any, text: str, screen: Screen) -> str:
    filled = _fill(column, text)
    if value is None and screen.color:
        return paint(filled, DIM, color=True)
    return link(filled, value) if screen.links else filled


def _fill(column: Column, text: str) -> str:
    return pad(text if column.whole else cut(text, column.width), column.width, right=column.right)


def _joined(rows: list[list[str]], screen: Screen) -> str:
    if screen.width is None:
        # A pipe takes everything, of which tabulate would measure each cell once more: four times the time.
        return "".join(f"{(' ' * GAP).join(cells).rstrip()}\n" for cells in rows)
    # Loading it takes as long as a small search, and most formats do without.
    from tabulate import tabulate

    # Cells come filled to their widths, so every chunk of a long table lines up: nothing is left to align.
    return tabulate(rows, tablefmt="plain", stralign=None, disable_numparse=True, preserve_whitespace=True) + "\n"
