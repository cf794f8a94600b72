"""Small catalogues with sources of every kind, and searches for conjunctions in them, for tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.ir.query import Block, Comparison, Criteria, Query, Ref
from auroraql.results.result_set import Record
from auroraql.schema.operators import Op
from tests.support.embedded_runs import find_rows
from tests.support.small_catalogue import Position, write

SOURCES = (
    (1, "trex", "gillam", "RGB ASI", "ground", "TREx RGB GILL"),
    (2, "themis-asi", "gillam", "panchromatic ASI", "ground", "THEMIS-ASI GILL"),
    (3, "swarm", "swarma", "footprint", "leo", "Swarm A"),
    (4, "swarm", "swarmb", "footprint", "leo", "Swarm B"),
    (5, "themis", "themisb", "footprint", "lunar", "THEMIS B"),
    (6, "events", "toshi", "substorm onset", "event_list", "Onsets"),
    (7, "misc", "", "", "not_applicable", ""),
)
UNDESCRIBED = 8

BEGAN = datetime(2020, 1, 1, 23, 55)
"""Start of the catalogues, so that a run can last over midnight."""

KM_OF_A_DEGREE = 111.194927


def minute(count: float) -> datetime:
    return BEGAN + timedelta(minutes=count)


def where(field: str, *values: str, operator: str = "=") -> Comparison:
    return Comparison(Ref("source", f"data_source.{field}"), Op(operator), values)


def key(name: str, operator: str, *values: str) -> Comparison:
    return Comparison(Ref("metadata", name), Op(operator), values)


def hemisphere(operator: str, *values: str) -> Comparison:
    return Comparison(Ref("record", "hemisphere"), Op(operator), values)


def point(latitude: str, longitude: str) -> tuple[Decimal, Decimal]:
    return Decimal(latitude), Decimal(longitude)


def conjunction_query(*blocks: Block, limits: Sequence[float | None] = (500,), **criteria: Any) -> Query:
    distances = tuple(None if limit is None else Decimal(str(limit)) for limit in limits)
    return Query("conjunctions", criteria=Criteria(blocks, distances, **criteria))


GROUND, SPACE = Block("ground"), Block("space")
SWARM = Block("space", where("program", "swarm"))


def answer(positions: Sequence[Position], query: Query) -> Sequence[Record]:
    """Return what the embedded archive finds in a catalogue of these records."""
    return answers(positions, [query])[0]


def answers(positions: Sequence[Position], queries: Iterable[Query]) -> list[Sequence[Record]]:
    """Return the answers of several queries, because writing a catalogue takes longer than searching it."""
    with tempfile.TemporaryDirectory() as folder:
        engine = EmbeddedEngine(write(Path(folder) / "small.duckdb", [], SOURCES, positions=positions))
        try:
            return [find_rows(engine, query).records for query in queries]
        finally:
            engine.close()


def record_at(source: int, count: float, *place: float, **metadata: Any) -> Position:
    """Return a record with one place for every trace."""
    where_it_is = (place[0], place[1])
    return Position(source, minute(count), (where_it_is,) * 4, metadata)


def passes(source: int = 3, *, first: int = 0, last: int = 6, latitude: float = 0) -> list[Position]:
    """Return a spacecraft that moves one degree east a minute and passes longitude 0 in minute 3."""
    return [record_at(source, count, latitude, count - 3) for count in range(first, last + 1)]


def stays(source: int = 1, latitude: float = 0, longitude: float = 0) -> list[Position]:
    return [record_at(source, count, latitude, longitude) for count in range(-5, 15)]


def times(records: Sequence[Record]) -> list[tuple[str, str]]:
    return [(record["start"], record["end"]) for record in records]


def span(first: float, last: float) -> tuple[str, str]:
    return minute(first).isoformat(), minute(last).isoformat()


def platforms(records: Sequence[Record]) -> list[list[str]]:
    return [[source["platform"] for source in record["data_sources"]] for record in records]


def assert_same(records: Sequence[Record], expected: Sequence[Record]) -> None:
    assert [_without_distances(r) for r in records] == [_without_distances(r) for r in expected]
    for record, other in zip(records, expected, strict=True):
        assert _distances(record) == pytest.approx(_distances(other), abs=1.1e-6)


_MEASURES = ("min_distance", "max_distance")


def _without_distances(record: Record) -> Record:
    events = [{name: v for name, v in event.items() if name not in _MEASURES} for event in record["events"]]
    return {name: v for name, v in record.items() if name not in _MEASURES} | {"events": events}


def _distances(record: Record) -> list[float]:
    return [part[name] for part in (record, *record["events"]) for name in _MEASURES]
