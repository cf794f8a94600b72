"""Tests of compiled SQL: it finds the same as a brute-force evaluation of every product."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auroraql.diagnostics.errors import replace_value
from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.engines.duckdb.postprocess import filter_records as run_residual
from auroraql.ir.plan import Plan, PostProcessing, Request
from auroraql.ir.query import And, Column, Comparison, FieldComparison, Not, Or, OrderKey, Predicate, Query, Ref
from auroraql.results.result_set import Record, Row, result_columns
from auroraql.schema import KINDS
from auroraql.schema.operators import OPERATORS, Op
from auroraql.sql.dialect import DUCKDB, INTEGER, NUMBER
from auroraql.sql.statement import compile_query
from tests.support import brute_force
from tests.support.small_catalogue import SOURCES, Product, write

KIND = "data_products"

ODD_KEY = "it's \"odd\"; -- $1 ['x'] é"

STORED: tuple[Any, ...] = (
    *("daily", "Daily", "hourly_hires", "", "é", "50%", "a_b", "a\nb", "5", "5.0", "05", " 5", "1_000", "0x10"),
    *("inf", "nan", "1e2", "true", "abc", "\\%", "2020-02-30", "2020-01-01", "2020-01-01T00:27:00.000000"),
    *("2020-01-01 00:27:00", "2020-01-01T00:27:00Z", "{", "'; DROP TABLE data_products; --"),
    *(5, 5.5, -3, 0, 486.1, 100.0, 12345678901, True, False, None),
    *(2**53, 2**53 + 1, -(2**53) - 1, str(2**53 + 1), f"{2**53}.0", str(10**30 + 1), 1e300),
)

VALUES = (
    *(v for v in STORED if isinstance(v, str)),
    *("486.1", "5.5", "-3", "+5", ".5", "5.", "1e999", "100", "false", "DAILY", "trex", "gillam", "É", "zzz"),
    *("1", "2", "3", "3.0", "44", "99999999999999999999", "-1e400", "2020-01-01T00:27:00", "2020-01-01T01", "keogram"),
    *(str(2**53), f"{2**53 + 1}.0", f"-{2**53 + 1}", str(10**30), "1e30", "-1e300"),
    *("2020-01-02", "2020-01-02T00:00:00", "RGB ASI", "leo", "TREx RGB GILL", "\ud800", "\0", "u5"),
)

PATTERNS = (
    "%",
    "_",
    "",
    "d%",
    "%ly%",
    "D_ILY",
    "50%",
    "50\\%",
    "a_b",
    "%É%",
    "trex%",
    "2020-01-0_T%",
    "5",
    "%.%",
    "tru_",
)


def _products() -> list[Product]:
    """Generate a few dozen products with every stored value under one key or another, missing keys and non-objects."""
    products = []
    for at, stored in enumerate(STORED):
        start = datetime(2020, 1, 1) + timedelta(hours=3 * (at // 3))
        metadata: dict[str, Any] = {"w": stored}
        if at % 3:
            metadata["k"] = STORED[(at * 7) % len(STORED)]
        if at % 4 == 0:
            metadata[ODD_KEY] = STORED[(at * 5) % len(STORED)]
        source = (1, 2, 3, 44)[at % 4]
        products.append(
            Product(source, start, start + timedelta(minutes=59), f"u{at}", "movie" if at % 5 else "", metadata)
        )
    bare = datetime(2020, 1, 1)
    unknown_source = Product(7, bare, bare, "of no known source", metadata={"w": "7"})
    return [*products, unknown_source, Product(1, bare, bare, "bare"), Product(2, bare, bare, "null", metadata=None)]


PRODUCTS = _products()

SOURCE_REFS = tuple(Ref("source", f"data_source.{name}") for name in brute_force.SOURCE_NAMES)
RECORD_REFS = tuple(Ref("record", name) for name in ("start", "end", "url", "data_product_type"))
KEY_REFS = tuple(Ref("metadata", name) for name in ("w", "k", ODD_KEY, "nowhere", ""))
REFS = (*SOURCE_REFS, *RECORD_REFS, *KEY_REFS)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngine]:
    embedded = EmbeddedEngine(write(tmp_path_factory.mktemp("small") / "small.duckdb", PRODUCTS))
    yield embedded
    embedded.close()


def rows(engine: EmbeddedEngine, query: Query) -> list[Row]:
    run = engine.submit(Plan(query, (Request(KIND),)))
    deadline = time.monotonic() + 60
    run.wait(deadline)
    return list(run.fetch(deadline).rows or ())


def urls(engine: EmbeddedEngine, query: Query) -> list[str]:
    selected = replace_value(query, select=(Column(Ref("record", "url")),))
    return [url for (url,) in rows(engine, selected)]


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    ref, name = draw(st.sampled_from(REFS)), draw(st.sampled_from(tuple(OPERATORS)))
    if name.endswith("like"):
        return Comparison(ref, name, (draw(st.sampled_from(PATTERNS)),))
    arity = OPERATORS[name].arity
    count = draw(st.integers(1, 5)) if arity < 0 else arity
    return Comparison(ref, name, tuple(draw(st.sampled_from(VALUES)) for _ in range(count)))


_SIGNS = st.sampled_from(("=", "!=", "<", "<=", ">", ">="))
_SORTS = [[ref for ref in REFS if brute_force.kind_of(ref) in (sort, "any")] for sort in ("text", "time", "number")]
field_comparisons = st.sampled_from(_SORTS).flatmap(
    lambda refs: st.builds(FieldComparison, st.sampled_from(refs), _SIGNS, st.sampled_from(refs))
)


def _branches(inner: st.SearchStrategy[Predicate]) -> st.SearchStrategy[Predicate]:
    several = st.lists(inner, max_size=4).map(tuple)
    return st.one_of(several.map(And), several.map(Or), inner.map(Not))


predicates: st.SearchStrategy[Predicate] = st.recursive(
    st.one_of(comparisons(), comparisons(), field_comparisons), _branches, max_leaves=8
)
bounds = st.none() | st.integers(0, 50).map(lambda hours: datetime(2020, 1, 1) + timedelta(hours=hours))
order_keys = st.builds(OrderKey, st.sampled_from(REFS), st.booleans(), st.booleans())
queries = st.builds(
    Query,
    st.just(KIND),
    predicates,
    bounds,
    bounds,
    st.none(),
    st.lists(order_keys, max_size=3).map(tuple),
    st.none() | st.integers(0, 20),
    st.integers(0, 5),
)


@settings(max_examples=300, deadline=None)
@given(queries)
@example(Query(KIND, Not(Comparison(Ref("metadata", "w"), Op.IN, ("abc", "5", "2020-01-01")))))
@example(Query(KIND, Comparison(Ref("metadata", "w"), Op.NE, ("5",))))
def test_sql_finds_what_the_query_means(engine: EmbeddedEngine, query: Query) -> None:
    assert urls(engine, query) == [p.url for p in brute_force.answer(query, PRODUCTS)]


@settings(max_examples=150, deadline=None)
@given(predicates)
def test_normal_form_means_the_same(engine: EmbeddedEngine, predicate: Predicate) -> None:
    query = Query(KIND, predicate)
    assert urls(engine, Query.build(query)) == urls(engine, query)


@pytest.mark.parametrize("ref", REFS, ids=lambda ref: ref.name)
def test_each_value_with_each_field(engine: EmbeddedEngine, ref: Ref) -> None:
    # Two operators for each value; `test_sql_finds_what_the_query_means` draws the others.
    for text, name in [*product(VALUES[::2], (Op.EQ, Op.LT)), *product(VALUES[1::2], (Op.NE, Op.GE))]:
        query = Query(KIND, Comparison(ref, name, (text,)))
        assert urls(engine, query) == [p.url for p in brute_force.answer(query, PRODUCTS)], (name, text)


@pytest.mark.parametrize("ref", REFS, ids=lambda ref: ref.name)
def test_each_pattern_with_each_field(engine: EmbeddedEngine, ref: Ref) -> None:
    for pattern, name in product(PATTERNS, (Op.LIKE, Op.NOT_LIKE)):
        query = Query(KIND, Comparison(ref, name, (pattern,)))
        assert urls(engine, query) == [p.url for p in brute_force.answer(query, PRODUCTS)], (name, pattern)


@pytest.mark.parametrize("ref", REFS, ids=lambda ref: ref.name)
def test_each_field_orders_both_ways(engine: EmbeddedEngine, ref: Ref) -> None:
    for descending, nulls_first in product((False, True), repeat=2):
        query = Query(KIND, order_by=(OrderKey(ref, descending, nulls_first),))
        assert urls(engine, query) == [p.url for p in brute_force.answer(query, PRODUCTS)], query.order_by


def test_terms_on_one_field(engine: EmbeddedEngine) -> None:
    w = Ref("metadata", "w")
    pairs = (("5", "abc"), ("5", "5.0"), ("daily", "zzz"))
    for name, values in product((Op.EQ, Op.NE, Op.IN, Op.NOT_IN), pairs):
        terms = tuple(Comparison(w, name, (v,)) for v in values)
        for where in (And(terms), Or(terms), Not(And(terms)), Not(Or(terms))):
            query = Query(KIND, where)
            assert urls(engine, query) == [p.url for p in brute_force.answer(query, PRODUCTS)], where


@settings(max_examples=150, deadline=None)
@given(st.lists(order_keys, min_size=1, max_size=3), st.none() | st.integers(0, 20), st.integers(0, 5))
def test_post_processing_orders_like_the_archive(
    engine: EmbeddedEngine, keys: list[OrderKey], limit: int | None, offset: int
) -> None:
    query = Query(KIND, order_by=tuple(keys), limit=limit, offset=offset)
    records = [_record(p) for p in brute_force.answer(Query(KIND), PRODUCTS)]
    residual = PostProcessing(query.order_by, limit, offset)
    assert [r["url"] for r in run_residual(records, residual, KINDS[KIND])] == urls(engine, query)


def _record(product: Product) -> Record:
    source = next((s for s in SOURCES if s[0] == product.data_source), (product.data_source,))
    return {
        "start": product.start.isoformat(),
        "end": product.end.isoformat(),
        "data_source": dict(zip(brute_force.SOURCE_NAMES, source, strict=False)),
        "url": product.url,
        "data_product_type": product.data_product_type,
        "metadata": product.metadata,
    }


def test_post_processing_accepts_incomplete_records() -> None:
    keys = (OrderKey(Ref("record", "start")), OrderKey(Ref("metadata", "k"), descending=True))
    records: list[Record] = [
        {"n": 0, "start": "not a time", "metadata": None},
        {"n": 1, "start": "2020-01-02T00:00:00Z", "metadata": {"k": "\ud800"}},
        {"n": 2, "start": "2020-01-01T00:00:00", "metadata": "no object"},
        {"n": 3, "start": "2020-01-01T00:00:00.5", "metadata": {"k": {"deep": [1]}}},
    ]
    assert [r["n"] for r in run_residual(records, PostProcessing(keys), KINDS[KIND])] == [2, 3, 1, 0]
    assert run_residual([], PostProcessing(keys, 3, 1), KINDS[KIND]) == []
    assert [r["n"] for r in run_residual(records, PostProcessing(limit=2, offset=1), KINDS[KIND])] == [1, 2]


def test_columns_equal_those_of_the_result(engine: EmbeddedEngine) -> None:
    fsmi = Query(KIND, Comparison(Ref("record", "url"), Op.EQ, ("u29",)))
    columns = result_columns(fsmi)
    (row,) = rows(engine, fsmi)
    assert len(row) == len(columns)
    values = dict(zip((c.name for c in columns), row, strict=True))
    assert values["start"] == PRODUCTS[29].start
    assert values["identifier"] == 2
    assert values["display_name"] == "TREx RGB FSMI"
    assert values["metadata"] == PRODUCTS[29].metadata


def test_selected_columns_keep_order_and_type(engine: EmbeddedEngine) -> None:
    names = (Ref("metadata", "w"), Ref("record", "data_source"), Ref("record", "metadata"), Ref("record", "end"))
    query = Query(KIND, select=tuple(Column(ref, f"c{at}") for at, ref in enumerate(names)), limit=None)
    result = rows(engine, query)
    assert len(result) == len(PRODUCTS)
    for row, record in zip(result, brute_force.answer(query, PRODUCTS), strict=True):
        stored = brute_force.value(record, Ref("metadata", "w"))
        assert row[0] == stored
        assert type(row[0]) is type(stored)
        assert row[1]["identifier"] == record.data_source
        assert list(row[1]) == list(brute_force.SOURCE_NAMES)
        assert row[2] == (record.metadata or {})
        assert row[3] == record.end


def test_no_part_of_a_query_becomes_sql(engine: EmbeddedEngine) -> None:
    attack = "x' OR 1=1; DROP TABLE data_products; --"
    ref = Ref("metadata", attack)
    query = Query(
        KIND,
        And((Comparison(ref, Op.EQ, (attack,)), Comparison(Ref("record", "url"), Op.LIKE, (attack,)))),
        select=(Column(ref, attack),),
        order_by=(OrderKey(ref),),
    )
    statement = compile_query(query, [c.path for c in result_columns(query)], DUCKDB)
    assert "DROP" not in statement.sql
    assert "'" not in statement.sql.replace(f"'{NUMBER}'", "").replace(f"'{INTEGER}'", "")
    assert attack in statement.parameters
    assert rows(engine, query) == []
    assert len(urls(engine, Query(KIND))) == len(PRODUCTS)


def test_long_lists_and_deep_trees(engine: EmbeddedEngine) -> None:
    many = tuple(str(n) for n in range(10_000))
    for ref in (Ref("metadata", "w"), Ref("source", "data_source.identifier"), Ref("record", "url")):
        query = Query(KIND, Comparison(ref, Op.NOT_IN, many))
        assert urls(engine, query) == [p.url for p in brute_force.answer(query, PRODUCTS)]
    deep: Predicate = Comparison(Ref("metadata", "w"), Op.EQ, ("daily",))
    for level in range(200):
        deep = Not(deep) if level % 2 else Or((deep, Comparison(Ref("record", "url"), Op.EQ, (f"u{level}",))))
    assert urls(engine, Query(KIND, deep)) == [p.url for p in brute_force.answer(Query(KIND, deep), PRODUCTS)]
    wide = Or(tuple(Comparison(Ref("metadata", "w"), Op.EQ, (str(n),)) for n in range(2_000)))
    assert urls(engine, Query(KIND, wide)) == [p.url for p in brute_force.answer(Query(KIND, wide), PRODUCTS)]


def test_limits_beyond_every_table(engine: EmbeddedEngine) -> None:
    assert len(urls(engine, Query(KIND, limit=10**30))) == len(PRODUCTS)
    assert urls(engine, Query(KIND, offset=10**30)) == []
    assert urls(engine, Query(KIND, limit=0)) == []


def test_nested_and_unusual_values_are_returned_unchanged(tmp_path: Path) -> None:
    start = datetime(2020, 1, 1)
    nested = {
        "list": [1, 2.5, None, {"a": "b"}],
        "object": {"a.b": True},
        "a.b": "dotted",
        "$": 1,
        "": "empty",
        "n": None,
    }
    engine = EmbeddedEngine(write(tmp_path / "nested.duckdb", [Product(1, start, start, "u", metadata=nested)]))
    try:
        (row,) = rows(engine, Query(KIND))
        assert row[-1] == nested
        for key, stored in nested.items():
            query = Query(KIND, select=(Column(Ref("metadata", key)),))
            assert rows(engine, query) == [(stored,)]
            there = Query(KIND, Comparison(Ref("metadata", key), Op.IS_NOT_NULL))
            assert len(rows(engine, there)) == (stored is not None)
    finally:
        engine.close()
