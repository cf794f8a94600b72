"""From the intervals of a query to SQL: what it means that a record overlaps them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from auroraql.query import Interval, Ref, day_runs
from auroraql.schema import Kind
from auroraql.sql.bindings import Bindings
from auroraql.sql.predicate import Locate


def overlaps(intervals: Sequence[Interval], kind: Kind, locate: Locate, bind: Bindings) -> Iterator[str]:
    """The conditions: a record overlaps an interval, and one that a window must hold whole is in one run of days."""
    if not intervals or not kind.span:
        yield "FALSE"
        return
    start, end = (locate(Ref(field.role, field.name), bind).sql for field in kind.span)
    yield _one_of(intervals, f"{start} <= i.last AND {end} >= i.first", bind)
    if kind.span[0].bound == "start":
        yield _one_of(day_runs(intervals), f"{start} >= i.first AND {end} <= i.last", bind)


def _one_of(intervals: Sequence[Interval], condition: str, bind: Bindings) -> str:
    """DuckDB makes a join of inequalities of this, which takes no longer for a thousand intervals than for one."""
    first, last = (bind(list(moments)) for moments in zip(*intervals, strict=True))
    listed = f"unnest({first}::TIMESTAMP[]) AS first, unnest({last}::TIMESTAMP[]) AS last"
    return " ".join(("EXISTS (SELECT 1 FROM (SELECT", listed, ") AS i WHERE", condition, ")"))
