"""Law 5: every plan with its post-processing gives what the query means, with as few requests as possible."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroraql.codecs import query_json, script
from auroraql.diagnostics.errors import Source, replace_value
from auroraql.engines.duckdb import postprocess
from auroraql.ir.plan import Plan
from auroraql.ir.query import And, Comparison, Condition, FieldComparison, Not, Or, Predicate, Query
from auroraql.planner import plan_query
from auroraql.planner.pushdown import MAX_REQUESTS
from auroraql.planner.source_cover import AXES, find_cover
from auroraql.resolver import resolve
from auroraql.schema import DATA_PRODUCTS
from auroraql.schema.catalogue import Catalogue, DataSource, load_shipped
from tests.engines.test_archives import holds, record
from tests.sql.test_sql import KIND, PRODUCTS, predicates
from tests.support import aurorax_matching, brute_force
from tests.support.small_catalogue import SOURCES

SMALL = Catalogue(tuple(DataSource(*source) for source in SOURCES), {})
KNOWN = [product for product in PRODUCTS if product.data_source in {source[0] for source in SOURCES}]
"""Products of known sources: records of unknown sources are not requested by source."""
RECORDS = [record(product) for product in KNOWN]
_TEXTS = {id(item): json.dumps(item, sort_keys=True) for item in RECORDS}
"""The records as comparable text, computed once for all examples."""


@pytest.fixture(autouse=True, scope="module")
def filters_as_the_language_has_them() -> Iterator[None]:
    """Compare numbers stored as text as AuroraQL does, because AuroraX does not publish how it does."""
    patch = pytest.MonkeyPatch()
    patch.setattr(aurorax_matching, "_true", holds)
    yield
    patch.undo()


def fetch(plan: Plan) -> list[dict[str, Any]]:
    """Return the records that a plan's requests fetch, each once."""
    records: dict[str, dict[str, Any]] = {}
    for request in plan.requests:
        for item in aurorax_matching.matching_records(request.kind, query_json.write_query_json(request), RECORDS):
            records.setdefault(_TEXTS[id(item)], item)
    return list(records.values())


def mark_list_fields(predicate: Predicate) -> Predicate:
    """Mark the fields for which AuroraX has a list, as the resolver does."""
    match predicate:
        case Comparison(ref):
            declared = DATA_PRODUCTS.field(ref.name) if ref.role != "metadata" else None
            return replace_value(predicate, listed=declared is not None and bool(declared.criterion))
        case FieldComparison() | Condition():
            return predicate
        case Not(term):
            return Not(mark_list_fields(term))
        case And(terms):
            return And(tuple(map(mark_list_fields, terms)))
        case Or(terms):
            return Or(tuple(map(mark_list_fields, terms)))


@given(predicates)
def test_law_5_every_plan_with_post_processing_equals_the_query(predicate: Predicate) -> None:
    query = Query.build(Query(KIND, mark_list_fields(predicate)))
    plan = plan_query(query, SMALL)
    assert len(plan.requests) <= MAX_REQUESTS
    done = postprocess.filter_records(fetch(plan), plan.post_processing, DATA_PRODUCTS)
    assert sorted(r["url"] for r in done) == sorted(p.url for p in brute_force.answer(query, KNOWN))


def plan_of(where: str) -> Plan:
    """Return the plan of a predicate over the shipped sources."""
    text = f"FIND data_products WHERE {where} ON 2020-02-01"
    resolved = resolve(script.read_find(Source(text)), load_shipped(), now=datetime(2021, 1, 1))
    return plan_query(resolved.query, load_shipped())


@pytest.mark.parametrize(
    ("where", "requests", "is_exact"),
    [
        ("NOT program = 'trex'", 1, True),
        ("source_type = 'ground'", 1, True),
        ("identifier IN (96, 101, 102)", 1, True),
        ("display_name LIKE 'trex rgb%'", 1, True),
        ("platform != 'gillam' AND keogram_type = 'daily'", 1, True),
        ("program = 'trex' OR keogram_type = 'daily'", 2, True),
        ("program = 'trex' AND keogram_type LIKE 'daily%'", 1, False),
        ("keogram_type IS NULL", 1, False),
        ("url LIKE '%.mp4' AND data_product_type = 'movie'", 1, False),
        ("program = 'trex' AND identifier < 0", 0, True),
        ("display_name = platform", 0, True),
        ("program < platform AND instrument_type = 'RGB ASI'", 1, True),
        ("start < metadata.imaging_start_time AND program = 'trex'", 1, False),
        ("display_name = metadata.site", 1, False),
        ("(program = 'trex' OR program = 'rainbow') AND (keogram_type = 'daily' OR keogram_type = 'hourly')", 1, True),
    ],
)
def test_how_many_requests_a_predicate_takes(where: str, requests: int, is_exact: bool) -> None:
    plan = plan_of(where)
    assert len(plan.requests) == requests
    assert (plan.post_processing.where is None) is is_exact


def test_too_many_alternatives_become_one_wider_request() -> None:
    where = " AND ".join(f"(keogram_type = 'k{i}' OR movie_type = 'm{i}')" for i in range(20))
    plan = plan_of(f"program = 'trex' AND {where}")
    assert len(plan.requests) == 1
    assert plan.requests[0].list_values("program") == ("trex",)
    assert plan.post_processing.where == plan.query.where


@pytest.mark.parametrize(("alternatives", "is_exact"), [(32, True), (33, False)])
def test_the_limit_of_alternatives(alternatives: int, is_exact: bool) -> None:
    """Four by 32 alternatives are planned separately; one more, and the plan is a single wider request.

    No source has the programs, so only one of the alternatives needs a request.
    """
    few = " OR ".join([*(f"program LIKE 'a{i}%'" for i in range(3)), "keogram_type = 'daily'"])
    many = " OR ".join([*(f"program LIKE 'b{i}%'" for i in range(alternatives - 1)), "movie_type = 'daily'"])
    plan = plan_of(f"({few}) AND ({many})")
    assert len(plan.requests) == 1
    assert (plan.post_processing.where is None) is is_exact


@pytest.mark.parametrize(
    "where",
    [
        "(program = 'trex' AND url LIKE '%.mp4') OR (program = 'trex' AND url LIKE '%.jpg')",
        "(program = 'trex' AND keogram_type LIKE 'd%') OR (program = 'trex' AND movie_type LIKE 'd%')",
    ],
)
def test_alternatives_with_the_same_request_send_it_once(where: str) -> None:
    plan = plan_of(where)
    assert [request.list_values("program") for request in plan.requests] == [("trex",)]
    assert plan.post_processing.where == plan.query.where


def test_an_empty_set_of_sources_gives_an_empty_result_and_a_warning() -> None:
    plan = plan_of("program = 'trex' AND source_type = 'heo'")
    assert plan.requests == ()
    assert [w.code for w in plan.warnings] == ["AQL0606", "AQL0630"]


def test_an_unknown_source_is_still_requested() -> None:
    plan = plan_of("program = 'brand-new' AND keogram_type LIKE 'd%'")
    assert [r.list_values("program") for r in plan.requests] == [("brand-new",)]


def sources_in(sources: Sequence[DataSource], lists: Sequence[tuple[str, tuple[str, ...]]]) -> set[int]:
    """Return the sources inside a box."""
    return {s.identifier for s in sources if all(getattr(s, name) in values for name, values in lists)}


_GRID = tuple(
    DataSource(number, *names, "ground", "")
    for number, names in enumerate(itertools.product(("p", "q", "r"), ("a", "b", "c"), ("x", "y")))
)


@given(st.lists(st.sampled_from(_GRID), min_size=1, unique=True), st.lists(st.sampled_from(_GRID), unique=True))
def test_boxes_contain_exactly_the_sources_or_report_that_they_do_not(
    chosen: list[DataSource], others: list[DataSource]
) -> None:
    every = list({s.identifier: s for s in (*chosen, *others)}.values())
    cover = find_cover(chosen, every)
    expected = {s.identifier for s in chosen}
    covered = set().union(*(sources_in(every, box) for box in cover.boxes))
    assert covered == expected if cover.exact else covered > expected
    assert all(name in AXES for box in cover.boxes for name, _ in box)


def test_sources_with_the_same_names_are_separated_by_post_processing() -> None:
    twins = [DataSource(1, "p", "a", "x", "ground", "One"), DataSource(2, "p", "a", "x", "ground", "Two")]
    assert not find_cover(twins[:1], twins).exact
    assert find_cover(twins, twins).exact
