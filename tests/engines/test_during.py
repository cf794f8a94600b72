"""Tests of records that overlap intervals: which requests are sent, and that every archive finds the same."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from auroraql import connect
from auroraql.diagnostics.errors import replace_value
from auroraql.engines.duckdb import postprocess
from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.ir.plan import Plan, Request
from auroraql.ir.query import And, Column, Comparison, Query, Ref, Using, UsingGroup
from auroraql.planner import plan_query
from auroraql.planner.pushdown import MAX_REQUESTS
from auroraql.resolver.using import join_intervals
from auroraql.results.result_set import FetchedData
from auroraql.schema.catalogue import load_shipped
from auroraql.schema.operators import Op
from tests.engines.test_aggregates import (
    W,
    assert_agreement,
    engine,
    filters_as_the_language_has_them,
    intervals,
    many_products,
    plan_of,
    run_embedded,
)
from tests.engines.test_archives import record
from tests.planner.test_planner import SMALL
from tests.sql.test_sql import KIND
from tests.support import brute_force
from tests.support.small_catalogue import Position, Product, write

__all__ = ["engine", "filters_as_the_language_has_them"]


@settings(max_examples=150, deadline=None)
@given(intervals, st.none() | st.integers(0, 6), st.sampled_from([And(()), Comparison(W, Op.IS_NOT_NULL)]))
def test_law_5_intervals(engine: EmbeddedEngine, during: Any, hours: int | None, where: Any) -> None:
    start = None if hours is None else datetime(2020, 1, 2) + timedelta(hours=hours)
    query = many_products(
        where=where, start=start, during=during, select=(Column(Ref("record", "url")),), distinct=True
    )
    assert_agreement(engine, query)


VALUES: dict[Ref, tuple[str, ...]] = {
    Ref("source", "data_source.platform"): ("gillam", "fort smith", "longyearbyen", "nowhere"),
    Ref("source", "data_source.identifier"): ("1", "2", "44", "3.5", "x"),
    Ref("record", "start"): ("2020-01-02T00:00:00", "2020-01-02T06:00:00", "2020-01-01"),
    W: ("6300", "6300.0", "true", "x", "5577", "2020-01-02", "-1e3"),
    Ref("metadata", "k"): ("daily", "a", "1", "10"),
}


@st.composite
def usings(draw: st.DrawFn) -> Using:
    """Generate groups of values that some products have, each with its own intervals."""
    refs = tuple(draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=3, unique=True)))
    rows = draw(st.lists(st.tuples(*(st.sampled_from(VALUES[ref]) for ref in refs)), max_size=6, unique=True))
    return Using(refs, tuple(UsingGroup(values, draw(intervals)) for values in rows))


@settings(max_examples=150, deadline=None)
@given(
    usings(),
    st.sampled_from([And(()), Comparison(W, Op.IS_NOT_NULL), Comparison(next(iter(VALUES)), Op.NE, ("gillam",))]),
)
def test_law_5_using(engine: EmbeddedEngine, using: Using, where: Any) -> None:
    during = tuple(join_intervals(interval for group in using.groups for interval in group.intervals))
    query = many_products(
        where=where, during=during, using=using, select=(Column(Ref("record", "url")),), distinct=True
    )
    assert_agreement(engine, query)


def day(number: int, hour: int = 0) -> datetime:
    return datetime(2020, 1, 1) + timedelta(days=number, hours=hour)


def test_data_products_are_requested_for_the_days_around_intervals() -> None:
    query = replace_value(plan_of("FIND data_products WHERE program = 'trex'").query)
    during = ((day(0, 3), day(0, 4)), (day(0, 23), day(1, 1)), (day(2, 5), day(2, 5)), (day(9, 1), day(9, 2)))
    plan = plan_query(replace_value(query, during=during), load_shipped())
    second = timedelta(seconds=1)
    assert [(r.start, r.end) for r in plan.requests] == [(day(-1), day(4) - second), (day(8), day(11) - second)]
    bounded = plan_query(replace_value(query, during=during, start=day(1, 6), end=day(9, 6)), load_shipped())
    assert [(r.start, r.end) for r in bounded.requests] == [(day(1, 6), day(4) - second), (day(8), day(9, 6))]
    assert plan.post_processing.during == during


def test_excess_intervals_are_joined_at_the_smallest_gaps() -> None:
    query = plan_of("FIND ephemeris WHERE program = 'swarm'").query
    far = [(day(n * 3), day(n * 3, 1)) for n in range(MAX_REQUESTS)]
    near = [(first + timedelta(hours=3), last + timedelta(hours=3)) for first, last in far[:8]]
    plan = plan_query(replace_value(query, during=tuple(sorted((*far, *near)))), load_shipped(), cut=False)
    joined = [(first, last + timedelta(hours=3)) for first, last in far[:8]]
    assert [(r.start, r.end) for r in plan.requests] == [*joined, *far[8:]]


def test_no_intervals_mean_no_requests() -> None:
    query = replace_value(plan_of("FIND ephemeris WHERE program = 'swarm'").query, during=())
    assert plan_query(query, load_shipped()).requests == ()


def test_ephemeris_in_intervals(tmp_path: Any) -> None:
    positions = [Position(1, day(0) + timedelta(minutes=n)) for n in range(100)]
    during = ((day(0), day(0) + timedelta(minutes=2)), (day(0, 1), day(0, 1)))
    query = Query("ephemeris", select=(Column(Ref("record", "epoch")),), during=during)
    with connect(write(tmp_path / "e.duckdb", (), positions=positions)) as archive:
        rows = run_embedded(archive._engine, plan_query(query, SMALL))  # type: ignore[arg-type]
    expected = [(day(0),), (day(0) + timedelta(minutes=1),), (day(0) + timedelta(minutes=2),), (day(0, 1),)]
    assert rows == expected
    records = [{"epoch": p.epoch.isoformat()} for p in positions]
    done = postprocess.post_process(FetchedData(records=records), plan_query(query, SMALL))
    assert list(done.rows or ()) == expected


def test_a_thousand_intervals_are_planned_quickly() -> None:
    during = tuple((day(n // 2, 5 * (n % 2)), day(n // 2, 5 * (n % 2) + 1)) for n in range(1_000))
    counted = (Column(None, function="count"),)
    with connect() as archive:
        began = time.monotonic()
        ((rows,),) = run_embedded(archive._engine, Plan(Query(KIND, select=counted, during=during), (Request(KIND),)))  # type: ignore[arg-type]
        took = time.monotonic() - began
    assert rows > 10_000
    assert took < 5


def test_a_data_product_must_lie_in_the_days_around_an_interval(tmp_path: Any) -> None:
    spans = {
        "one day": (0, 23),
        "two days": (0, 47),
        "into the next": (20, 30),
        "the next": (25, 26),
        "beyond": (40, 90),
    }
    products = [Product(1, day(0, first), day(0, last), name) for name, (first, last) in spans.items()]
    selected = (Column(Ref("record", "url")),)
    with connect(write(tmp_path / "days.duckdb", products)) as archive:
        for during, expected in (
            ([(21, 22)], ["one day", "two days", "into the next"]),
            ([(21, 25)], ["one day", "two days", "into the next", "the next"]),
            ([(1, 2), (28, 29)], ["one day", "two days", "into the next"]),
            ([(1, 2), (50, 51)], ["one day", "two days", "beyond"]),
            ([(41, 42)], ["two days"]),
            ([(41, 42), (60, 61), (80, 81)], ["two days", "beyond"]),
        ):
            moments = tuple((day(0, first), day(0, last)) for first, last in during)
            plan = plan_query(Query(KIND, select=selected, during=moments), SMALL)
            assert [url for (url,) in run_embedded(archive._engine, plan)] == expected, during  # type: ignore[arg-type]
            done = postprocess.post_process(FetchedData(records=[record(p) for p in products]), plan)
            assert [url for (url,) in done.rows or ()] == expected, during
            assert brute_force.rows(replace_value(plan.query, distinct=True), products) == sorted(
                (url,) for url in expected
            )
