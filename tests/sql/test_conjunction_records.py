"""Tests of conditions and columns on conjunctions: lists compared by any of their values, order, paths."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from auroraql.diagnostics.errors import replace_value
from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.ir.query import And, Block, Column, Comparison, OrderKey, Query, Ref
from auroraql.results.result_set import Record
from auroraql.schema import Type
from auroraql.schema.operators import Op
from auroraql.sql.clauses import compare_stored
from auroraql.sql.dialect import DUCKDB, Bindings, StoredValue
from auroraql.sql.statement import compile_query, mapping_for
from tests.support.embedded_runs import find_rows
from tests.support.small_catalogue import write
from tests.support.small_conjunctions import (
    BEGAN,
    GROUND,
    SOURCES,
    SPACE,
    conjunction_query,
    key,
    minute,
    passes,
    stays,
    where,
)

MET = [*stays(1), *stays(2, 0, 2), *passes(3), *passes(4, first=2, latitude=1), *stays(5, 1, 1)]
EVERY = conjunction_query(GROUND, SPACE, SPACE, limits=[150, 250, None])


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngine]:
    embedded = EmbeddedEngine(write(tmp_path_factory.mktemp("met") / "met.duckdb", [], SOURCES, positions=MET))
    yield embedded
    embedded.close()


def records(engine: EmbeddedEngine, query: Query = EVERY) -> list[Record]:
    return list(find_rows(engine, query).records)


def list_field(name: str) -> Ref:
    return Ref("source" if name.startswith("data_sources") else "record", name)


def values_of(record: Record, name: str) -> list[Any]:
    """Return the values at a path through a list of a record."""
    first, *rest = name.split(".")
    values = record[first]
    for step in rest:
        values = [value[step] for value in values]
    return list(values)


LISTED = (
    ("data_sources.platform", "swarma", "swarm%"),
    ("data_sources.identifier", "4", ""),
    ("events.e2_source.display_name", "Swarm B", "%b"),
    ("events.start", minute(2).isoformat(), ""),
    ("events.min_distance", "157.249381", ""),
    ("events.conjunction_type", "sbtrace", "nb%"),
)


@pytest.mark.parametrize(("name", "value", "pattern"), LISTED, ids=[name for name, *_ in LISTED])
def test_a_list_is_compared_by_any_of_its_values(engine: EmbeddedEngine, name: str, value: str, pattern: str) -> None:
    every = records(engine)
    among = [any(str(item) == value for item in values_of(record, name)) for record in every]
    assert len(every) == 6
    assert name == "events.conjunction_type" or len(set(among)) == 2
    long = (*(str(number) for number in range(10**6, 10**6 + 200)), value)
    if name == "events.start":
        long = (*((BEGAN + timedelta(days=number)).isoformat() for number in range(1, 200)), value)
    inside = pattern.strip("%").lower()
    alike = [any(inside in str(item).lower() for item in values_of(record, name)) for record in every]
    cases: list[tuple[str, tuple[str, ...], list[bool]]] = [
        ("=", (value,), among),
        ("!=", (value,), [not item for item in among]),
        ("in", long, among),
        ("not in", long, [not item for item in among]),
        ("is null", (), [False] * 6),
        ("is not null", (), [True] * 6),
    ]
    if pattern:
        cases += [("like", (pattern,), alike), ("not like", (pattern,), [not item for item in alike])]
    for operator, values, expected in cases:
        found_with = records(engine, replace_value(EVERY, where=Comparison(list_field(name), Op(operator), values)))
        assert found_with == [record for record, stored in zip(every, expected, strict=True) if stored], operator


def test_a_list_without_values_is_missing() -> None:
    """Post-processing sees such lists. Missing values are omitted."""

    def truth(stored: str, operator: str, *values: str) -> Any:
        bind = Bindings(DUCKDB)
        condition = compare_stored(
            StoredValue(f"CAST({stored} AS VARCHAR[])", Type.STRING, many=True), Op(operator), values, bind
        )
        ((holds,),) = duckdb.execute(f"SELECT {condition}", bind.values).fetchall()
        return holds

    for stored in ("NULL", "[]", "[NULL]"):
        assert truth(stored, "is null") is True
        assert truth(stored, "is not null") is False
        for operator in ("=", "!=", "in", "not in", "like", "not like"):
            assert truth(stored, operator, "a") is None
    assert truth("['a', NULL]", "=", "a") is True
    assert truth("['a', NULL]", "!=", "a") is False
    assert truth("['a', NULL]", "=", "b") is False
    assert truth("['a', NULL]", "not in", "b") is True
    assert truth("['a', NULL]", "is null") is False


def test_plain_fields_are_compared_ordered_and_limited(engine: EmbeddedEngine) -> None:
    every = records(engine)
    near = replace_value(EVERY, where=Comparison(Ref("record", "max_distance"), Op.LT, ("150",)))
    assert records(engine, near) == [record for record in every if record["max_distance"] < 150]
    late = replace_value(EVERY, where=Comparison(Ref("record", "start"), Op.GT, (minute(2).isoformat(),)))
    assert records(engine, late) == [record for record in every if record["start"] > minute(2).isoformat()]
    order = (OrderKey(Ref("record", "end"), descending=True), OrderKey(Ref("record", "min_distance")))
    cut = replace_value(EVERY, order_by=order, limit=3, offset=1)
    expected = sorted(every, key=lambda record: record["min_distance"])
    expected.sort(key=lambda record: str(record["end"]), reverse=True)
    assert records(engine, cut) == expected[1:4]


def test_paths_through_lists_are_selected(engine: EmbeddedEngine) -> None:
    every = records(engine)
    names = ("start", *(name for name, *_ in LISTED), "events.e1_source", "data_sources")
    columns = tuple(Column(list_field(name), f"c{at}") for at, name in enumerate(names))
    rows = find_rows(engine, replace_value(EVERY, select=columns)).rows
    assert len(rows) == len(every)
    for row, record in zip(rows, every, strict=True):
        assert row[0].isoformat() == record["start"]
        assert [list(values) for values in row[1:]] == [values_of(record, name) for name in names[1:]]


def test_unused_columns_are_not_read(tmp_path: Path) -> None:
    """The names of sources are not read when only a plain column is selected."""
    with duckdb.connect(str(write(tmp_path / "met.duckdb", [], SOURCES, positions=MET))) as connection:
        for name, is_read in (("start", False), ("min_distance", False), ("events", True)):
            statement = compile_query(replace_value(EVERY, select=(Column(list_field(name)),)), [(name,)], DUCKDB)
            rows = connection.execute(f"EXPLAIN (FORMAT JSON) {statement.sql}", list(statement.parameters)).fetchall()
            assert ("display_name" in str(rows)) is is_read


def test_no_part_of_the_criteria_becomes_sql(engine: EmbeddedEngine) -> None:
    attack = "x' OR 1=1; DROP TABLE ephemeris; --"
    blocks = (Block("ground", And((where("program", attack), key(attack, "=", attack)))), SPACE)
    bind = Bindings(DUCKDB)
    tables = mapping_for(conjunction_query(*blocks), bind).tables
    assert "DROP" not in tables
    assert attack in bind.values
    assert records(engine, conjunction_query(*blocks)) == []
