"""Law 5 for conjunctions: the joined, post-processed responses of a plan's requests equal what the criteria mean."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from auroraql.codecs import query_json
from auroraql.engines.aurorax.merge import merge_conjunctions
from auroraql.engines.aurorax.records import unite_records
from auroraql.engines.duckdb.postprocess import post_process
from auroraql.ir.query import EVERYTHING, And, Block, Comparison, Not, Or, Predicate, Query, Ref
from auroraql.planner import plan_query
from auroraql.resolver import resolve
from auroraql.results.result_set import FetchedData, Record
from auroraql.schema.catalogue import Catalogue, DataSource, load_shipped
from auroraql.schema.operators import Op
from tests.sql.test_any_conjunctions import tracks
from tests.support.brute_conjunctions import conjunctions
from tests.support.small_catalogue import Position
from tests.support.small_conjunctions import (
    SOURCES,
    assert_same,
    conjunction_query,
    hemisphere,
    key,
    minute,
    point,
    where,
)

_KNOWN = tuple(DataSource(*row) for row in SOURCES)

_LEAVES: list[Predicate] = [
    key("q", "=", "1"),
    key("q", ">=", "2"),
    key("sky", "=", "clear"),
    key("sky", "!=", "clear"),
    where("program", "swarm", "trex", operator="in"),
    where("platform", "swarm%", operator="like"),
    where("identifier", "3", operator="<="),
]
_TREES: st.SearchStrategy[Predicate] = st.recursive(
    st.sampled_from(_LEAVES),
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).flatmap(
            lambda terms: st.sampled_from([And(tuple(terms)), Or(tuple(terms))])
        ),
    ),
    max_leaves=5,
)
_SIDES: st.SearchStrategy[Predicate] = st.sampled_from([hemisphere("=", "northern"), hemisphere("!=", "northern")])
_SPACE = _TREES | st.tuples(_TREES, _SIDES).map(And)
_FOUND: st.SearchStrategy[Predicate] = st.sampled_from(
    [
        EVERYTHING,
        Comparison(Ref("record", "min_distance"), Op.LT, ("100",)),
        Comparison(Ref("source", "data_sources.platform"), Op.NE, ("swarma",)),
        Comparison(Ref("record", "start"), Op.GE, (minute(3).isoformat(),)),
    ]
)


@st.composite
def searches(draw: st.DrawFn) -> Query:
    """Generate searches with a block on the ground, one in space, and perhaps a place.

    The sources of the blocks are disjoint, so that a run that is cut in two can be recognized by them.
    """
    blocks = [Block("ground", draw(_TREES)), Block("space", draw(_SPACE))]
    if draw(st.booleans()):
        blocks.append(Block("location", points=(point("0", "0.0"),)))
    pairs = len(blocks) * (len(blocks) - 1) // 2
    limits = draw(st.lists(st.sampled_from((None, 160, 400, 12000)), min_size=pairs, max_size=pairs))
    query = conjunction_query(*blocks, limits=limits, subminute=draw(st.booleans()))
    return Query.build(Query(query.kind, draw(_FOUND), minute(0), minute(7), criteria=query.criteria))


def run_plan(query: Query, positions: tuple[Position, ...]) -> list[Record] | None:
    """Return what the plan's requests find after post-processing, as JSON; None when the query has no plan."""
    catalogue = Catalogue(_KNOWN, load_shipped().metadata)
    plan = plan_query(query, catalogue)
    if plan.unsayable:
        return None
    batches = []
    for request in plan.requests:
        document: Any = query_json.write_query_json(request)
        asked_for = resolve(query_json.read_document(document), catalogue).query
        batches.append(conjunctions(asked_for, positions, SOURCES))
    records = unite_records(batches, query.kind, plan.requests) if batches else []
    return list(post_process(FetchedData(records=records), plan).records or ())


def evaluate(query: Query, positions: tuple[Position, ...]) -> list[Record]:
    """Return what the query means, as JSON."""
    whole = plan_query(query, Catalogue(_KNOWN, load_shipped().metadata))
    records = conjunctions(query, positions, SOURCES)
    return list(post_process(FetchedData(records=records), whole).records or ())


def sort_records(records: list[Record]) -> list[Record]:
    return sorted(
        records, key=lambda r: (r["start"], r["conjunction_type"], str([s["identifier"] for s in r["data_sources"]]))
    )


@settings(deadline=None)
@given(tracks(), searches())
def test_law_5_requests_joined_find_what_the_criteria_mean(positions: tuple[Position, ...], query: Query) -> None:
    plan = run_plan(query, positions)
    assume(plan is not None)
    assert_same(sort_records(plan or []), sort_records(evaluate(query, positions)))


def _met(start: str, end: str) -> Record:
    near = {"min_distance": 1.0, "max_distance": 2.0}
    source = {"identifier": 1, "platform": "gillam"}
    whole = {"conjunction_type": "nbtrace", "start": start, "end": end, "data_sources": [source], "events": []}
    return whole | near | {"closest_epoch": start, "farthest_epoch": end}


@pytest.mark.parametrize(
    ("subminute", "second", "spans"),
    [
        (False, "00:02:00", [("00:00:00", "00:03:00")]),
        (False, "00:02:30", [("00:00:00", "00:01:00"), ("00:02:30", "00:03:00")]),
        (True, "00:02:00", [("00:00:00", "00:01:00"), ("00:02:00", "00:03:00")]),
        (True, "00:01:30", [("00:00:00", "00:03:00")]),
        (True, "00:01:15", [("00:00:00", "00:01:00"), ("00:01:15", "00:03:00")]),
    ],
)
def test_runs_are_joined_at_one_step_of_the_precision(
    subminute: bool, second: str, spans: list[tuple[str, str]]
) -> None:
    """At sub-minute precision, conjunctions two minutes apart can be separate: the pair was apart in between."""
    day = "2020-01-01T"
    parts = [[_met(day + "00:00:00", day + "00:01:00")], [_met(day + second, day + "00:03:00")]]
    assert [(r["start"], r["end"]) for r in merge_conjunctions(parts, subminute=subminute)] == [
        (day + first, day + end) for first, end in spans
    ]
