"""Column layout of tables: selection and widths from the rows and the terminal width.

Numbers and times are shown whole or not at all. Only text is cut, widest column first, to no less than 8 columns.
Widths are measured on the formatted texts, so that no value is formatted twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from auroraql.diagnostics.errors import display_width
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
"""Columns of complete records in the order in which they are omitted if space is short. Time, location and file of a

product, footprint of a spacecraft, and sources and distance of a conjunction are kept longest.
"""


@dataclass(slots=True)
class TableColumn:
    """Table column during layout; values of a `whole` column are never cut and may exceed its width."""

    name: str
    header: str
    values_kind: Type
    data: int = 0
    width: int = 0
    right: bool = False
    is_whole: bool = False
    at: int = 0
    file_name: int = 0
    """Width of the longest file name among its URLs, including the ellipsis."""
    seen: set[type] = field(default_factory=set)

    def measure(self, value: Any, text: str) -> None:
        """Record one value and its formatted text."""
        self.seen.add(type(value))
        self.data = max(self.data, display_width(text))
        if text.startswith(("https://", "http://")):
            self.file_name = max(self.file_name, display_width(text.rpartition("/")[2]) + 1)

    def settle(self) -> None:
        """Set natural width and alignment after all values are measured."""
        numbers = self.seen - {type(None)}
        self.right = bool(numbers) and numbers <= {int, float, Decimal}
        self.width = max(self.data, display_width(self.header))

    def min_width(self) -> int:
        """Return the minimum width."""
        rigid = self.data <= _WIDEST_RIGID and (self.right or self.values_kind is Type.TIME)
        name = display_width(self.header.rpartition(" (")[0] or self.header)
        # Members of several objects have the same name; only with the parent's name are they distinguishable.
        title = min(name, _WHOLE_TITLE) if "." in self.header else min(display_width(self.header), _LEAST)
        return max(self.data if rigid else min(self.data, _LEAST), title)

    def readable_width(self) -> int:
        """Return the width to which a text is cut before any header is cut."""
        return max(self.min_width(), min(self.data, self.file_name or _READABLE), display_width(self.header))

    def comfortable_width(self) -> int:
        """Return the width that makes it worth showing: a URL's file name, several names, else a quarter of a text."""
        if list in self.seen:
            return max(self.min_width(), min(self.data, _SEVERAL_NAMES))
        title = min(display_width(self.header.rpartition(" (")[0]), _COMFORTABLE)
        return max(self.min_width(), title, min(self.data, _COMFORTABLE), self.file_name or self.data // 4)


def measure_columns(
    columns: Sequence[TableColumn], rows: Iterable[Sequence[Any]], texts: Iterable[Sequence[str]]
) -> list[TableColumn]:
    """Return the columns with natural widths, measured on rows and their formatted texts."""
    for row, shown in zip(rows, texts, strict=True):
        for column, value, text in zip(columns, row, shown, strict=True):
            column.measure(value, text)
    for column in columns:
        column.settle()
    return list(columns)


def is_crowded(columns: Sequence[TableColumn], shown: Sequence[TableColumn], width: int | None) -> bool:
    """Return whether the shown columns omit too much: whole columns, or most of every line."""
    if width is None or len(columns) == 1:
        return False
    return len(shown) < len(columns) or sum(max(c.data, GAP) for c in columns) > _MOST_CUT * width


def fit_columns(columns: list[TableColumn], width: int | None, *, may_leave_out: bool) -> list[TableColumn] | None:
    """Return the columns to show with fitted widths; None when the table would be unreadable."""
    if width is None:
        for column in columns:
            column.is_whole = True
            column.width = min(column.width, _WIDEST_PADDED)  # limited, so that one huge value does not pad every row
        return columns
    if may_leave_out:
        columns = _without_column(columns, _LEFT_OUT_FIRST, width)
    available = width - GAP * (len(columns) - 1)
    if sum(column.min_width() for column in columns) > available:
        return None
    _shrink_columns(columns, available)
    return columns


def squeeze_columns(columns: list[TableColumn], width: int) -> list[TableColumn]:
    """Return the longest prefix of the columns that fits the width; empty when not even one fits."""
    for count in range(len(columns) - 1, 0, -1):
        fitting = fit_columns(columns[:count], width, may_leave_out=False)
        if fitting is not None:
            return fitting
    return []


def _without_column(columns: list[TableColumn], names: tuple[str, ...], width: int) -> list[TableColumn]:
    for name in names:
        if sum(column.comfortable_width() + GAP for column in columns) - GAP <= width:
            break
        columns = [column for column in columns if column.name != name and not column.name.startswith(f"{name}.")]
    return columns


def _shrink_columns(columns: list[TableColumn], available: int) -> None:
    """Shrink the widest columns: long texts first, then headers wider than their values, then all texts."""
    for column in columns:
        column.width = max(min(column.width, available), column.min_width())
    for floor in (
        TableColumn.readable_width,
        TableColumn.comfortable_width,
        lambda c: max(c.data, c.min_width()),
        TableColumn.min_width,
    ):
        while sum(column.width for column in columns) > available:
            shrinkable = [column for column in columns if column.width > floor(column)]
            if not shrinkable:
                break
            max(shrinkable, key=lambda column: column.width).width -= 1
