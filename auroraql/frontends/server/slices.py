"""A search of a long window as several of short ones, one after the other: DuckDB sorts a part at a time, not all.

Together they find what the one finds, in its order: records are in the order of the field by which they are parted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from auroraql.plan import Plan
from auroraql.query import EVERYTHING, And, Comparison, Predicate, Query, Ref
from auroraql.schema import KINDS

_LONGEST = {"ephemeris": timedelta(days=3), "data_products": timedelta(days=60)}
"""Of a slice: that many records of a large archive are in memory at once."""


def sliced(plan: Plan) -> Iterator[Plan]:
    """The plan, or the plans that stand for it."""
    query, longest = plan.query, _LONGEST.get(plan.query.kind)
    if longest is None or plan.empty or query.start is None or query.end is None:
        yield plan
        return
    start = query.start
    while query.end - start > longest:
        yield replace(plan, query=_before(replace(query, start=start), start + longest))
        start += longest
    yield replace(plan, query=replace(query, start=start))


def _before(query: Query, moment: datetime) -> Query:
    """The part of a query before a moment: not to the second before, since records may have fractions."""
    field = KINDS[query.kind].span[0]
    early: Predicate = Comparison(Ref("record", field.name), "<", (moment.isoformat(),))
    return replace(query, where=early if query.where == EVERYTHING else And((query.where, early)))
