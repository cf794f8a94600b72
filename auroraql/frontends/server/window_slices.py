"""A search of many records as several, one after the other: DuckDB sorts a part at a time, and not all.

Together they find what the one finds, in its order: records are in the order of the field by which they are parted.
Where they are parted depends on how many records the archive has on each day.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from auroraql.engines.duckdb.engine import EmbeddedEngine
from auroraql.ir.plan import Plan
from auroraql.ir.query import EVERYTHING, And, Comparison, Predicate, Query, Ref
from auroraql.schema import KINDS
from auroraql.schema.operators import Op

_SHORT = timedelta(days=3)
"""A window that is taken whole without a look at the archive."""

_MOST = 250_000
"""Records of the archive in the window of a slice, if they are not of one day."""

_DAYS = {
    "data_products": "SELECT date_trunc('day', \"start\")::TIMESTAMP, count(*) FROM data_products GROUP BY 1 ORDER BY 1",
    "ephemeris": "SELECT date_trunc('day', epoch)::TIMESTAMP, count(*) FROM ephemeris GROUP BY 1 ORDER BY 1",
}

Days = Sequence[tuple[datetime, int]]


class WindowSlicer:
    """Parts the searches of an archive; thread-safe.

    The days are counted once: what has been written since makes slices larger or smaller, and finds no less.
    """

    def __init__(self, engine: EmbeddedEngine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._days: dict[str, Days] = {}

    def slice_plan(self, plan: Plan, deadline: float) -> Iterator[Plan]:
        """The plan, or the plans that stand for it. Raises ArchiveError."""
        query = plan.query
        if query.kind not in _DAYS or plan.is_empty or not _is_long(query):
            yield plan
            return
        for edge in _slice_edges(self._count_days(query.kind, deadline), query):
            yield replace(plan, query=_query_before(query, edge))
            query = replace(query, start=edge)
        yield replace(plan, query=query)

    def _count_days(self, kind: str, deadline: float) -> Days:
        with self._lock:
            if kind not in self._days:
                with self._engine.reading(deadline) as cursor:
                    self._days[kind] = cursor.execute(_DAYS[kind]).fetchall()
            return self._days[kind]


def _is_long(query: Query) -> bool:
    return query.start is None or query.end is None or query.end - query.start > _SHORT


def _slice_edges(days: Days, query: Query) -> Iterator[datetime]:
    """The days, within a query's window, with which a slice begins."""
    held = 0
    for day, count in days:
        if query.end is not None and day > query.end:
            return
        if query.start is not None and day <= query.start:
            continue
        if held and held + count > _MOST:
            yield day
            held = 0
        held += count


def _query_before(query: Query, moment: datetime) -> Query:
    """The part of a query before a moment: not to the second before, since records may have fractions."""
    field = KINDS[query.kind].span[0]
    early: Predicate = Comparison(Ref("record", field.name), Op.LT, (moment.isoformat(),))
    return replace(query, where=early if query.where == EVERYTHING else And((query.where, early)))
