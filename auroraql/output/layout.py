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
_SEVERAL_NAMES = 40
_READABLE = 24
_WHOLE_TITLE = 16
_WIDEST_RIGID = 32
_WIDEST_PADDED = 500
_MOST_CUT = 2

_LEFT_OUT_FIRST = (
    "source_type",
    "identifier",
    "display_name",
    "events",
    "farthest_epoch",
    "conjunction_type",
    "location_gsm",
    "max_distance",
    "closest_epoch",
    "end",
    "sbtrace",
    "instrument_type",
    "metadata",
    "location_geo",
    "program",
    "data_product_type",
)
"""Of a record that is shown whole: what goes first when not everything fits, in this order. What people want to see
stays: when, where and the file of a product, the footprint of a spacecraft, the sources and the distance of a conjunction."""


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
    file_name: int = 0
    """The longest file name among its URLs, with the sign for the rest of the URL."""
    seen: set[type] = field(default_factory=set)

    def measure(self, value: Any, text: str) -> None:
        """Takes one value into account, and the text it will be shown as."""
        self.seen.add(type(value))
        self.data = max(self.data, columns(text))
        if text.startswith(("https://", "http://")):
            self.file_name = max(self.file_name, columns(text.rpartition("/")[2]) + 1)

    def settle(self) -> None:
        """Every value was seen: how wide it would like to be, and on which side it stands."""
        numbers = self.seen - {type(None)}
        self.right = bool(numbers) and numbers <= {int, float, Decimal}
        self.width = max(self.data, columns(self.header))

    def least(self) -> int:
        """The narrowest it may become."""
        rigid = self.data <= _WIDEST_RIGID and (self.right or self.holds is Type.TIME)
        name = columns(self.header.rpartition(" (")[0] or self.header)
        # The members of several objects have one name: only with the object's before it are they told apart.
        title = min(name, _WHOLE_TITLE) if "." in self.header else min(columns(self.header), _LEAST)
        return max(self.data if rigid else min(self.data, _LEAST), title)

    def readable(self) -> int:
        """What it is cut to before any header is: a text that is still one."""
        return max(self.least(), min(self.data, self.file_name or _READABLE), columns(self.header))

    def comfortable(self) -> int:
        """Return the width that makes it worth showing: a URL's file name, several names, else a quarter of a text."""
        if list in self.seen:
            return max(self.least(), min(self.data, _SEVERAL_NAMES))
        title = min(columns(self.header.rpartition(" (")[0]), _COMFORTABLE)
        return max(self.least(), title, min(self.data, _COMFORTABLE), self.file_name or self.data // 4)


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


def squeezed(columns: list[Column], width: int) -> list[Column]:
    """Return as many of the first columns as a table of that width has room for; none if not even one fits."""
    for count in range(len(columns) - 1, 0, -1):
        fitting = fitted(columns[:count], width, may_leave_out=False)
        if fitting is not None:
            return fitting
    return []


def _without(columns: list[Column], names: tuple[str, ...], width: int) -> list[Column]:
    for name in names:
        if sum(column.comfortable() + GAP for column in columns) - GAP <= width:
            break
        columns = [column for column in columns if column.name != name and not column.name.startswith(f"{name}.")]
    return columns


def _shrink(columns: list[Column], room: int) -> None:
    """Cuts long texts, then headers that are longer than everything under them, then all texts; the widest first."""
    for column in columns:
        column.width = max(min(column.width, room), column.least())
    for floor in (Column.readable, Column.comfortable, lambda c: max(c.data, c.least()), Column.least):
        while sum(column.width for column in columns) > room:
            wide = [column for column in columns if column.width > floor(column)]
            if not wide:
                break
            max(wide, key=lambda column: column.width).width -= 1
