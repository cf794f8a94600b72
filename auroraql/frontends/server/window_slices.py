"""Division of a large search into consecutive slices of its window, so that DuckDB sorts one slice at a time.

The slices return the same records in the same order, because records are sorted by the sliced field. The slice edges
depend on the number of records on each day.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from auroraql.diagnostics.errors import replace_value
from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.ir.plan import Plan
from auroraql.ir.query import EVERYTHING, And, Comparison, Predicate, Query, Ref
from auroraql.schema import KINDS
from auroraql.schema.operators import Op

_UNSLICED_WINDOW = timedelta(days=3)
"""Maximum length of a window that is not sliced."""

_MAX_SLICE_RECORDS = 250_000
"""Maximum number of archive records in a slice, unless a single day has more."""

_DAYS = {
    "data_products": "SELECT date_trunc('day', \"start\")::TIMESTAMP, count(*) FROM data_products GROUP BY 1 ORDER BY 1",
    "ephemeris": "SELECT date_trunc('day', epoch)::TIMESTAMP, count(*) FROM ephemeris GROUP BY 1 ORDER BY 1",
}

Days = Sequence[tuple[datetime, int]]


class WindowSlicer:
    """Slices the searches of an archive. Thread-safe.

    The records of each day are counted once. Later uploads change the size of slices but not the results.
    """

    def __init__(self, engine: EmbeddedEngine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._days: dict[str, Days] = {}

    def slice_plan(self, plan: Plan, deadline: float) -> Iterator[Plan]:
        """Yield the plan, or the plans of its slices. Raises ArchiveError."""
        query = plan.query
        if query.kind not in _DAYS or plan.is_empty or not _is_long(query):
            yield plan
            return
        for edge in _slice_edges(self._count_days(query.kind, deadline), query):
            yield replace(plan, query=_query_before(query, edge))
            query = replace_value(query, start=edge)
        yield replace(plan, query=query)

    def _count_days(self, kind: str, deadline: float) -> Days:
        with self._lock:
            if kind not in self._days:
                with self._engine.reading(deadline) as cursor:
                    self._days[kind] = cursor.execute(_DAYS[kind]).fetchall()
            return self._days[kind]


def _is_long(query: Query) -> bool:
    return query.start is None or query.end is None or query.end - query.start > _UNSLICED_WINDOW


def _slice_edges(days: Days, query: Query) -> Iterator[datetime]:
    """Yield the days inside a query's window at which a new slice begins."""
    total = 0
    for day, count in days:
        if query.end is not None and day > query.end:
            return
        if query.start is not None and day <= query.start:
            continue
        if total and total + count > _MAX_SLICE_RECORDS:
            yield day
            total = 0
        total += count


def _query_before(query: Query, moment: datetime) -> Query:
    """Return the query restricted to records before a moment. A comparison is exact even for fractional seconds."""
    field = KINDS[query.kind].span[0]
    early: Predicate = Comparison(Ref("record", field.name), Op.LT, (moment.isoformat(),))
    return replace_value(query, where=early if query.where == EVERYTHING else And((query.where, early)))
