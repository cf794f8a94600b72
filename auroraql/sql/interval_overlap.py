"""Compilation of DURING and USING: records that overlap intervals and equal their groups in the fields of USING.

A record overlaps an interval if they share a moment. A record with a duration must also be inside the days around the
interval that API requests cover (`query.touched_days`), so that every archive returns the same records.
"""

# ruff: noqa: S608 - names of this module and of the schema are put into SQL, every value is bound

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from auroraql.ir.query import Interval, Ref, Using, touched_days
from auroraql.schema import Kind
from auroraql.sql.clauses import Locate, read_value
from auroraql.sql.dialect import Bindings, Dialect, ElementType, StoredValue, ValueReading

Rows = list[tuple[tuple[str | int | float | datetime, ...], Interval]]
"""Intervals, each with the values that a record must have."""


def overlap_conditions(
    intervals: Sequence[Interval], using: Using | None, kind: Kind, locate: Locate, bind: Bindings
) -> Iterator[str]:
    """Yield the conditions for records that overlap an interval or, with `using`, an interval of an equal group.

    The first conditions restrict the records to the hull of the intervals, so that DuckDB can skip most of a table.
    """
    if not intervals or not kind.span:
        yield "FALSE"
        return
    start, end = (locate(Ref(field.role, field.name), bind).sql for field in kind.span)
    hull = intervals[0][0], max(last for _, last in intervals)
    yield f"{start} <= {bind.dialect.as_time(bind(hull[1]))}"
    yield f"{end} >= {bind.dialect.as_time(bind(hull[0]))}"
    conditions = [f"{start} <= i.i_last", f"{end} >= i.i_first"]
    if _is_matched_whole(kind):
        conditions += [f"{start} >= i.i_earliest", f"{end} <= i.i_latest"]
    if using is None:
        yield _exists_condition([((), interval) for interval in intervals], (), (), conditions, kind, bind)
        return
    stored = [locate(ref, bind) for ref in using.refs]
    alternatives = [
        _exists_condition(rows, readings, stored, conditions, kind, bind)
        for readings, rows in _group_by_reading(using, stored).items()
    ]
    yield f"({' OR '.join(alternatives)})" if alternatives else "FALSE"


def _is_matched_whole(kind: Kind) -> bool:
    """Return whether a request returns only records that are completely inside its window."""
    return bool(kind.longest_record and kind.span[0].bound)


def _group_by_reading(using: Using, stored: Sequence[StoredValue]) -> dict[tuple[ValueReading, ...], Rows]:
    """Group the intervals and their values by how the values are read: as text, numbers or times."""
    rows: dict[tuple[ValueReading, ...], Rows] = defaultdict(list)
    for group in using.groups:
        values = [read_value(text, place.type) for text, place in zip(group.values, stored, strict=True)]
        if None not in values:
            readings = tuple(value.reading for value in values if value is not None)
            plain = tuple(value.value for value in values if value is not None)
            rows[readings] += [(plain, interval) for interval in group.intervals]
    return rows


def _exists_condition(
    rows: Rows,
    readings: tuple[ValueReading, ...],
    stored: Sequence[StoredValue],
    conditions: Iterable[str],
    kind: Kind,
    bind: Bindings,
) -> str:
    """Return an EXISTS condition, which DuckDB runs as a join: a thousand intervals are as fast as one.

    The prefix `i_` keeps the column names distinct from those of the records, which may appear without their table.
    """
    columns: dict[str, tuple[list[Any], ElementType]] = {
        "i_first": ([interval[0] for _, interval in rows], "moment"),
        "i_last": ([interval[1] for _, interval in rows], "moment"),
    }
    if _is_matched_whole(kind):
        around = [touched_days(interval, kind.longest_record) for _, interval in rows]
        columns["i_earliest"] = ([window[0] for window in around], "moment")
        columns["i_latest"] = ([window[1] for window in around], "moment")
    equal, dialect = [], bind.dialect
    for at, (reading, place) in enumerate(zip(readings, stored, strict=True)):
        columns[f"i_value{at}"] = ([values[at] for values, _ in rows], reading)
        equal.append(_equal_condition(place, reading, f"i.i_value{at}", dialect))
    listed = ", ".join(
        f"{dialect.rows_of(dialect.array(bind(values), elements))} AS {name}"
        for name, (values, elements) in columns.items()
    )
    return f"EXISTS (SELECT 1 FROM (SELECT {listed}) AS i WHERE {' AND '.join((*equal, *conditions))})"


def _equal_condition(stored: StoredValue, reading: ValueReading, value: str, dialect: Dialect) -> str:
    """Return the condition that a stored value equals a column, or that a stored list contains it."""
    if not stored.many:
        return f"{dialect.read(stored, reading)} = {value}"
    elements = dialect.map_list(stored.sql, lambda name: dialect.read(dialect.element(name, stored), reading))
    return dialect.list_contains(elements, value)
