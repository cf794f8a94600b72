"""Tests of DISTINCT, GROUP BY, aggregate functions and field comparisons: equal on every archive, and correct.

Each query runs as the embedded archive's SQL, as requests with post-processing, and by brute force.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auroraql import connect
from auroraql.codecs import script
from auroraql.diagnostics.errors import Source, StatementError, replace_value
from auroraql.engines.duckdb import postprocess
from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.ir.plan import Plan, PostProcessing, Request
from auroraql.ir.query import And, Column, Comparison, FieldComparison, Or, OrderKey, Predicate, Query, Ref
from auroraql.planner import plan_query
from auroraql.resolver import resolve
from auroraql.results.result_set import (
    FetchedData,
    ResultColumn,
    ResultSet,
    record_from_row,
    result_columns,
    rows_from_records,
)
from auroraql.schema import CONJUNCTIONS, DATA_PRODUCTS, EPHEMERIS, Type
from auroraql.schema.catalogue import load_shipped
from auroraql.schema.operators import FIELD_OPERATORS, Op
from tests.engines.test_archives import Archives, archives, record
from tests.planner.test_planner import KNOWN, SMALL, fetch, filters_as_the_language_has_them, mark_list_fields
from tests.sql.test_sql import KEY_REFS, KIND, REFS, STORED, field_comparisons, predicates
from tests.support import brute_force
from tests.support.aurorax_server import Fault
from tests.support.small_catalogue import Product, write

__all__ = ["archives", "filters_as_the_language_has_them"]

W, K, START, END = Ref("metadata", "w"), Ref("metadata", "k"), Ref("record", "start"), Ref("record", "end")
PLATFORM = Ref("source", "data_source.platform")
RECORDS = [record(product) for product in KNOWN]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngine]:
    embedded = EmbeddedEngine(write(tmp_path_factory.mktemp("groups") / "small.duckdb", KNOWN))
    yield embedded
    embedded.close()


def run_embedded(engine: EmbeddedEngine, plan: Plan) -> list[tuple[Any, ...]]:
    """Return the rows that the embedded archive finds."""
    run = engine.submit(plan)
    return list(run.fetch(time.monotonic() + 60).rows or ())


def run_by_requests(plan: Plan) -> list[tuple[Any, ...]]:
    """Return the rows that requests with post-processing find."""
    columns = result_columns(plan.query)
    done = postprocess.post_process(FetchedData(records=fetch(plan)), plan)
    return list(done.rows) if done.rows is not None else rows_from_records(done.records or (), columns)


def assert_agreement(engine: EmbeddedEngine, query: Query) -> list[tuple[Any, ...]]:
    """Assert that all archives return the same rows for a query, and return them."""
    plan = plan_query(query, SMALL)
    rows, requested = run_embedded(engine, plan), run_by_requests(plan)
    assert rows == requested
    assert rows == brute_force.rows(query, KNOWN)
    assert [list(map(type, row)) for row in rows] == [list(map(type, row)) for row in requested]
    return rows


@st.composite
def functions(draw: st.DrawFn) -> Column:
    ref = draw(st.none() | st.sampled_from(REFS))
    if ref is None:
        return Column(None, function="count")
    return Column(
        ref, function=draw(st.sampled_from(("count", "min", "max", *(("sum", "avg") if is_summable(ref) else ()))))
    )


def is_summable(ref: Ref) -> bool:
    """Return whether a field can be summed."""
    return ref in KEY_REFS or ref.name.endswith("identifier")


intervals = st.lists(st.tuples(st.integers(0, 36), st.integers(0, 3)), max_size=4, unique_by=lambda each: each[0]).map(
    lambda hours: tuple(
        (start, start + timedelta(minutes=length * 40))
        for hour, length in sorted(hours)
        for start in [datetime(2020, 1, 1) + timedelta(hours=hour * 4)]
    )
)
"""Disjoint intervals over six days."""


@st.composite
def queries(draw: st.DrawFn) -> Query:
    """Generate queries with groups or distinct rows, and anything else that a query may have."""
    keys = tuple(draw(st.lists(st.sampled_from(REFS), max_size=3, unique=True)))
    plain = [Column(ref) for ref in keys]
    distinct = draw(st.booleans())
    if draw(st.booleans()) or not keys:
        functions_ = draw(st.lists(functions(), min_size=1, max_size=3))
        columns = [*draw(st.permutations(functions_)), *draw(st.permutations(plain))[: draw(st.integers(0, 3))]]
        group_by = keys
    else:
        columns, group_by, distinct = plain, (), True
    columns = list({column.label: column for column in columns}.values())
    selected = [c.ref for c in columns if c.ref is not None and not c.function]
    by = [*(selected if distinct else keys), *(Ref("column", c.label) for c in columns if c.function)]
    order = draw(st.lists(st.builds(OrderKey, st.sampled_from(by), st.booleans(), st.booleans()), max_size=3))
    limit, offset = draw(st.none() | st.integers(0, 20)), draw(st.integers(0, 3))
    during = draw(st.none() | intervals)
    where = mark_list_fields(draw(predicates)) if draw(st.booleans()) else And(())
    return Query.build(
        Query(KIND, where, None, None, tuple(columns), tuple(order), limit, offset, distinct, group_by, None, during)
    )


def many_products(**parts: Any) -> Query:
    return Query(KIND, **parts)


@settings(max_examples=250, deadline=None)
@given(queries())
@example(many_products(select=(Column(None, function="count"),), where=Or(())))
@example(many_products(select=(Column(W), Column(W, function="min"), Column(W, function="max")), group_by=(W,)))
@example(many_products(select=(Column(None, function="count"), Column(W, function="sum")), during=()))
def test_law_5_groups_are_the_same_everywhere(engine: EmbeddedEngine, query: Query) -> None:
    assert_agreement(engine, query)


@pytest.mark.parametrize("ref", REFS, ids=lambda ref: ref.name)
def test_each_function_of_each_field(engine: EmbeddedEngine, ref: Ref) -> None:
    named = ("count", "min", "max", "sum", "avg") if is_summable(ref) else ("count", "min", "max")
    columns = tuple(Column(ref, function=name) for name in named)
    for keys in ((), (PLATFORM,), (K, PLATFORM)):
        for number, column in enumerate(columns):
            order = (OrderKey(Ref("column", column.label), descending=bool((number + len(keys)) % 2)),)
            assert_agreement(engine, many_products(select=columns, group_by=keys, order_by=order))
    assert_agreement(engine, many_products(select=(Column(ref), Column(None, function="count")), group_by=(ref,)))


@settings(max_examples=120, deadline=None)
@given(field_comparisons, st.none() | predicates)
def test_law_5_two_fields(engine: EmbeddedEngine, fields: FieldComparison, other: Predicate | None) -> None:
    where = fields if other is None else Or((fields, mark_list_fields(other)))
    assert_agreement(
        engine, Query.build(many_products(where=where, select=(Column(Ref("record", "url")),), distinct=True))
    )


@pytest.mark.parametrize("sign", ["=", "!=", "<", ">="])
def test_every_two_values_of_metadata(engine: EmbeddedEngine, tmp_path: Any, sign: str) -> None:
    at = datetime(2020, 1, 1)
    pairs = [(a, b) for a in STORED for b in STORED]
    products = [Product(1, at, at, f"u{n}", metadata={"w": a, "k": b}) for n, (a, b) in enumerate(pairs)]
    query = many_products(where=FieldComparison(W, FIELD_OPERATORS[Op(sign)], K))
    other = EmbeddedEngine(write(tmp_path / "pairs.duckdb", products))
    try:
        rows = run_embedded(other, Plan(replace_value(query, select=(Column(Ref("record", "url")),)), (Request(KIND),)))
    finally:
        other.close()
    expected = [p.url for p in brute_force.answer(query, products)]
    assert [url for (url,) in rows] == expected
    left = postprocess.filter_records([record(p) for p in products], PostProcessing(where=query.where), DATA_PRODUCTS)
    assert sorted(r["url"] for r in left) == sorted(expected)


def plan_of(text: str) -> Plan:
    resolved = resolve(script.read_find(Source(text)), load_shipped(), now=datetime(2021, 1, 1))
    return plan_query(resolved.query, load_shipped())


@pytest.mark.parametrize(
    ("text", "is_counted"),
    [
        ("FIND data_products SELECT count(*) WHERE program = 'trex' DURING 2020-01", True),
        ("FIND data_products SELECT count(*) AS a, count(*) AS b WHERE program = 'trex' DURING 2020-01", True),
        ("FIND data_products SELECT count(*) WHERE keogram_type LIKE 'd%' DURING 2020-01", False),
        ("FIND data_products SELECT count(*) WHERE program = 'trex' OR keogram_type = 'daily' DURING 2020-01", False),
        ("FIND data_products SELECT count(url) WHERE program = 'trex' DURING 2020-01", False),
        ("FIND data_products SELECT count(*) DURING 2020-01 GROUP BY platform", False),
        ("FIND data_products SELECT count(*) DURING 2020-01 LIMIT 1", False),
        ("FIND ephemeris SELECT count(*) WHERE program = 'swarm' DURING 2020", False),
        ("FIND ephemeris SELECT count(*) WHERE program = 'swarm' DURING 2020-01", True),
    ],
)
def test_a_count_alone_is_computed_by_the_engine(text: str, is_counted: bool) -> None:
    assert plan_of(text).counted is is_counted


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("SELECT count(*)", {"start": True}),
        ("SELECT max(end), count(*) GROUP BY platform", {"data_source": {"platform": True}, "end": True}),
        ("SELECT url WHERE start < metadata.imaging_start_time", {"url": True, "start": True, "metadata": True}),
    ],
)
def test_post_processed_fields_are_fetched(text: str, tree: dict[str, Any]) -> None:
    plan = plan_of(f"FIND data_products {text} ON 2020-01-01")
    assert plan.requests[0].response_format == tree


def test_paths_through_lists_are_fetched_element_by_element() -> None:
    from auroraql.planner.pushdown import response_format

    names = ("data_sources.platform", "events.e1_source", "start")
    columns = tuple(Column(Ref(CONJUNCTIONS.names[name].role, name)) for name in names)
    source = {f.path[-1]: True for f in CONJUNCTIONS.names["events.e1_source"].members}
    assert response_format(Query("conjunctions", select=columns)) == {
        "data_sources": {"platform": True},
        "events": {"e1_source": source},
        "start": True,
    }
    columns_of_result = result_columns(Query("conjunctions", select=columns))
    assert [(c.type, c.many_at) for c in columns_of_result] == [(Type.OBJECT, 1), (Type.OBJECT, 1), (Type.TIME, 0)]
    values = {
        "data_sources": [{"platform": "gill"}, {"platform": "swarma"}],
        "events": [],
        "start": "2020-01-01T00:00:00",
    }
    (row,) = rows_from_records([values], columns_of_result)
    assert row == (["gill", "swarma"], [], datetime(2020, 1, 1))
    assert record_from_row(row, columns_of_result) == values


def test_columns_through_one_list_share_its_elements() -> None:
    columns = tuple(
        ResultColumn(name, Type.OBJECT, path=tuple(name.split(".")), many_at=1)
        for name in ("events.e1_source.platform", "events.start", "events.e1_source.program")
    )
    row = (["a", "b"], ["t1", "t2"], ["p", None])
    assert record_from_row(row, columns) == {
        "events": [
            {"e1_source": {"platform": "a", "program": "p"}, "start": "t1"},
            {"e1_source": {"platform": "b", "program": None}, "start": "t2"},
        ]
    }
    assert rows_from_records([record_from_row(row, columns)], columns) == [row]


CONJUNCTION_RECORDS = [
    {
        "start": f"2020-01-01T0{n}:00:00",
        "data_sources": [
            {"platform": "gill", "program": "trex"},
            {"platform": f"swarm{'ab'[n % 2]}", "program": "swarm"},
        ],
        "min_distance": float(n),
    }
    for n in range(4)
]


def test_groups_by_a_list() -> None:
    platforms = Ref("source", "data_sources.platform")
    query = Query(
        "conjunctions",
        select=(
            Column(platforms),
            Column(None, function="count"),
            Column(Ref("record", "min_distance"), function="max"),
        ),
        group_by=(platforms,),
    )
    done = postprocess.post_process(FetchedData(records=CONJUNCTION_RECORDS), plan_query(query, SMALL))
    assert list(done.rows or ()) == [("gill", 4, 3.0), ("swarma", 2, 2.0), ("swarmb", 2, 3.0)]


def test_distinct_objects_through_a_list() -> None:
    query = Query("conjunctions", select=(Column(Ref("record", "data_sources")),), distinct=True)
    done = postprocess.post_process(FetchedData(records=CONJUNCTION_RECORDS), plan_query(query, SMALL))
    assert list(done.rows or ()) == [
        (CONJUNCTION_RECORDS[0]["data_sources"],),
        (CONJUNCTION_RECORDS[1]["data_sources"],),
    ]


def test_post_processing_of_lists() -> None:
    where = Comparison(Ref("source", "data_sources.platform"), Op.EQ, ("swarmb",))
    left = postprocess.filter_records(CONJUNCTION_RECORDS, PostProcessing(where=where), CONJUNCTIONS)
    assert [r["min_distance"] for r in left] == [1.0, 3.0]


def test_whole_records_are_stored_once(engine: EmbeddedEngine) -> None:
    query = many_products(distinct=True, order_by=(OrderKey(K, descending=True),), limit=7)
    plan = plan_query(query, SMALL)
    rows = run_embedded(engine, plan)
    twice = postprocess.post_process(FetchedData(records=[*RECORDS, *RECORDS]), plan)
    assert twice.records is not None
    assert rows_from_records(twice.records, result_columns(query)) == rows
    assert len(rows) == 7


def test_columns_of_groups() -> None:
    text = (
        "FIND ephemeris SELECT count(*), platform AS site, max(nbtrace.lat) AS top, avg(identifier), sum(identifier), "
        "min(epoch), max(metadata.x), sum(metadata.x), count(epoch) ON 2020-01-01 GROUP BY site"
    )
    columns = result_columns(plan_of(text).query)
    assert [(c.name, c.type, c.unit) for c in columns] == [
        ("count(*)", Type.INTEGER, ""),
        ("site", Type.STRING, ""),
        ("top", Type.NUMBER, "deg"),
        ("avg(identifier)", Type.NUMBER, ""),
        ("sum(identifier)", Type.INTEGER, ""),
        ("min(epoch)", Type.TIME, ""),
        ("max(metadata.x)", Type.ANY, ""),
        ("sum(metadata.x)", Type.NUMBER, ""),
        ("count(epoch)", Type.INTEGER, ""),
    ]
    assert EPHEMERIS.span == (EPHEMERIS.names["epoch"], EPHEMERIS.names["epoch"])


def test_records_of_groups_are_their_labels() -> None:
    with connect() as archive:
        result = archive.run(
            "FIND data_products SELECT platform AS site, max(end), count(*) AS n ON 2020-01-01 GROUP BY site"
        )
        assert isinstance(result, ResultSet)
        assert set(result.records[0]) == {"site", "max(end)", "n"}
        assert sum(r["n"] for r in result.records) == len(archive.run("FIND data_products ON 2020-01-01"))
        table = result.to_arrow()
        assert table.column("n").type == "int64"


def test_a_group_by_alone_has_its_keys() -> None:
    query = plan_of("FIND data_products ON 2020-01-01 GROUP BY platform, keogram_type").query
    assert query.select == (Column(PLATFORM, bare=True), Column(Ref("metadata", "keogram_type"), bare=True))


def test_two_errors_are_reported_together() -> None:
    with pytest.raises(StatementError) as caught:
        plan_of("FIND data_products SELECT url, count(*) ON 2020-01-01 GROUP BY platform ORDER BY start")
    assert [d.code for d in caught.value.diagnostics] == ["AQL0212", "AQL0212"]


STATEMENTS = [
    "FIND data_products SELECT count(*)",
    "FIND data_products SELECT count(*) WHERE program = 'trex'",
    "FIND data_products SELECT count(*), max(end) WHERE program = 'trex' AND program = 'rego'",
    "FIND data_products SELECT count(*) WHERE program LIKE 't%' AND keogram_type LIKE 'd%'",
    "FIND data_products SELECT platform AS site, count(*) AS n GROUP BY site ORDER BY n DESC, site",
    "FIND data_products SELECT platform, min(start), max(wavelength), avg(wavelength) GROUP BY platform",
    "FIND data_products SELECT note, count(*) GROUP BY note ORDER BY note DESC",
    "FIND data_products SELECT wavelength, count(*) AS n GROUP BY wavelength ORDER BY n DESC LIMIT 3",
    "FIND data_products SELECT min(note), max(note), sum(note), count(note)",
    "FIND data_products WHERE start > 2020-02-02 GROUP BY data_product_type",
    "FIND DISTINCT data_products SELECT data_product_type, keogram_type ORDER BY data_product_type",
    "FIND DISTINCT data_products SELECT data_source, calibrated",
    "FIND DISTINCT data_products ORDER BY metadata.wavelength LIMIT 4",
    "FIND DISTINCT data_products SELECT count(*) AS n GROUP BY platform, data_product_type",
    "FIND data_products SELECT url WHERE start < metadata.imaging_start_time",
    "FIND data_products SELECT url WHERE metadata.note > metadata.wavelength ORDER BY url",
    "FIND data_products SELECT url WHERE display_name != metadata.note OR platform = program ORDER BY url",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_archive_returns_the_same_rows(archives: Archives, statement: str) -> None:
    of_file, of_http = (archive.run(statement) for archive in archives)
    assert list(of_file) == list(of_http)
    assert of_file.columns == of_http.columns
    assert of_file.records == of_http.records
    assert len(of_file) > 0


def test_a_count_downloads_no_records(archives: Archives) -> None:
    before = archives.server.count("data")
    assert list(archives.http.run("FIND data_products SELECT count(*) AS a, count(*) AS b WHERE program = 'trex'")) == [
        (5, 5)
    ]
    assert archives.server.count("data") == before


def test_a_count_missing_in_the_status_is_computed_from_the_records(archives: Archives) -> None:
    def untold(document: Any) -> Any:
        document["search_result"]["result_count"] = None
        return document

    archives.server.faults["status"] = Fault(change=untold)
    try:
        assert list(archives.http.run("FIND data_products SELECT count(*) WHERE program = 'trex'")) == [(5,)]
    finally:
        archives.server.faults.clear()
