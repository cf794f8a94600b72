"""Times, sources and counts of the rows of any result, for pictures over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from auroraql.diagnostics.errors import UsageError, make_visible
from auroraql.pictures.time_axis import find_count_column, find_day_column
from auroraql.results.result_set import ResultColumn, ResultSet, Row
from auroraql.schema import Type

SOURCE_NAMES = ("display_name", "platform", "program", "identifier")
"""Members of a source that name it, best first."""

_END_OF_DAY = time(23, 59, 59)

_MAX_COUNT = 10**12
"""Maximum records of a row, so that sums of rows fit 64 bits."""


@dataclass(frozen=True, slots=True)
class RowReader:
    """Column indices of a row's time, of its sources, and of the number of records that it counts."""

    start: int
    end: int
    source: int | None
    count: int | None = None

    def time_range(self, row: Row) -> tuple[datetime, datetime] | None:
        """Return the first and last time of a row; None without a start."""
        start, end = row[self.start], row[self.end]
        if not isinstance(start, datetime):
            # A day is drawn from its first to its last moment.
            return (datetime.combine(start, time.min), datetime.combine(start, _END_OF_DAY)) if start else None
        return (start, end) if isinstance(end, datetime) and end >= start else (start, start)

    def weight(self, row: Row) -> int:
        """Return the number of records of a row. Values that are not a plausible count are limited."""
        return 1 if self.count is None else max(0, min(int(row[self.count] or 0), _MAX_COUNT))

    def sources(self, row: Row) -> list[str]:
        """Return the distinct names of a row's sources."""
        value = row[self.source] if self.source is not None else "all"
        return list(dict.fromkeys(map(source_name, value if isinstance(value, list) else [value])))


def create_row_reader(result: ResultSet) -> RowReader:
    """Return the row reader of a result. Raises UsageError without a start or epoch column."""
    start = find_column(result.columns, ("start",), Type.TIME)
    if start is None:
        start = find_column(result.columns, ("epoch",), Type.TIME)
    count = None
    if start is None:
        start, count = find_day_column(result.columns), find_count_column(result)
    if start is None:
        raise UsageError("the result has no column start or epoch", "add start to SELECT")
    end = find_column(result.columns, ("end",), Type.TIME)
    # Whole conjunctions are listed under all of their sources, not only under those of one block.
    names = [column.path[-1] if column.path and column.in_records else column.name for column in result.columns]
    candidates = (*SOURCE_NAMES, "data_source", "data_sources")
    source_index = next((names.index(name) for name in candidates if name in names), None)
    if source_index is None:
        texts = [index for index, column in enumerate(result.columns) if column.type is Type.STRING]
        source_index = texts[0] if len(texts) == 1 and count is not None else None
    return RowReader(start, start if end is None else end, source_index, count)


def find_column(columns: Sequence[ResultColumn], path: tuple[str, ...], type: Type) -> int | None:
    """Return the index of the column with this path and type, or None."""
    return next((index for index, column in enumerate(columns) if column.path == path and column.type is type), None)


def source_name(source: Any) -> str:
    """Return the name of a source, which is a text or an object of AuroraX, with invisible characters escaped."""
    if isinstance(source, dict):
        source = next((source[name] for name in SOURCE_NAMES if source.get(name) is not None), None)
    return make_visible(str(source)) if source is not None else "no source"
