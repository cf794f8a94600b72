"""Which columns a table shows and how wide each is: measured on the rows, fitted to the terminal.

Numbers and times are shown whole or not at all; only text is cut, the widest first, never below 8 columns. What is
measured are the texts that will be shown, so that no value is written twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from auroraql.errors import columns
from auroraql.schema import Type

GAP = 2
"""Blanks between two columns."""

_LEAST = 8
_COMFORTABLE = 12
_READABLE = 24
_WIDEST_RIGID = 32
_WIDEST_PADDED = 500
_MOST_CUT = 2

_LEFT_OUT_FIRST = (
    "source_type",
    "display_name",
    "identifier",
    "events",
    "farthest_epoch",
    "conjunction_type",
    "url",
    "max_distance",
    "closest_epoch",
    "end",
)
"""Of a record that is shown whole: what goes first when not everything fits, in this order."""


@dataclass(slots=True)
class Column:
    """A column of a table while its width is being found; of a `whole` one nothing is cut, it rather juts out."""

    name: str
    header: str
    holds: Type
    data: int = 0
    width: int = 0
    right: bool = False
    whole: bool = False
    at: int = 0
    seen: set[type] = field(default_factory=set)

    def measure(self, value: Any, text: str) -> None:
        """Takes one value into account, and the text it will be shown as."""
        self.seen.add(type(value))
        self.data = max(self.data, columns(text))

    def settle(self) -> None:
        """Every value was seen: how wide it would like to be, and on which side it stands."""
        numbers = self.seen - {type(None)}
        self.right = bool(numbers) and numbers <= {int, float, Decimal}
        self.width = max(self.data, columns(self.header))

    def least(self) -> int:
        """The narrowest it may become."""
        rigid = self.data <= _WIDEST_RIGID and (self.right or self.holds is Type.TIME)
        return max(self.data if rigid else min(self.data, _LEAST), min(columns(self.header), _LEAST))

    def readable(self) -> int:
        """What it is cut to before any header is: a text that is still one."""
        return max(self.least(), min(self.data, _READABLE), columns(self.header))

    def comfortable(self) -> int:
        """What it needs to be worth showing: of a long text, as a URL, a quarter."""
        return max(self.least(), min(self.data, _COMFORTABLE), self.data // 4)


def measured(columns: Sequence[Column], rows: Iterable[Sequence[Any]], texts: Iterable[Sequence[str]]) -> list[Column]:
    """The columns with their natural widths, from rows and the texts of their values."""
    for row, shown in zip(rows, texts, strict=True):
        for column, value, text in zip(columns, row, shown, strict=True):
            column.measure(value, text)
    for column in columns:
        column.settle()
    return list(columns)


def is_crowded(columns: Sequence[Column], shown: Sequence[Column], width: int | None) -> bool:
    """Whether a table of the columns shown lacks too much of what is there: columns, or most of every line."""
    if width is None or len(columns) == 1:
        return False
    return len(shown) < len(columns) or sum(max(c.data, GAP) for c in columns) > _MOST_CUT * width


def fitted(columns: list[Column], width: int | None, *, may_leave_out: bool) -> list[Column] | None:
    """The columns to show, in widths that fit; None when no table of them is readable in that width."""
    if width is None:
        for column in columns:
            column.whole = True
            column.width = min(column.width, _WIDEST_PADDED)  # one huge value must not blow up every row
        return columns
    if may_leave_out:
        columns = _without(columns, _LEFT_OUT_FIRST, width)
    room = width - GAP * (len(columns) - 1)
    if sum(column.least() for column in columns) > room:
        return None
    _shrink(columns, room)
    return columns


def _without(columns: list[Column], names: tuple[str, ...], width: int) -> list[Column]:
    for name in names:
        if sum(column.comfortable() + GAP for column in columns) - GAP <= width:
            break
        columns = [column for column in columns if column.name != name]
    return columns


def _shrink(columns: list[Column], room: int) -> None:
    """Cuts long texts, then headers that are longer than everything under them, then all texts; the widest first."""
    for column in columns:
        column.width = max(min(column.width, room), column.least())
    for floor in (Column.readable, lambda c: max(c.data, c.least()), Column.least):
        while sum(column.width for column in columns) > room:
            wide = [column for column in columns if column.width > floor(column)]
            if not wide:
                break
            max(wide, key=lambda column: column.width).width -= 1
