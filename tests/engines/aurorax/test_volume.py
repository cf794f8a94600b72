"""Tests of large results over HTTP: stored as columns while they arrive, and equal to small ones in every respect."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auroraql import Archive, connect
from auroraql.diagnostics.errors import Failed
from auroraql.engines.aurorax import AuroraXEngine
from auroraql.engines.aurorax.columnar import stream
from auroraql.engines.aurorax.columnar.batches import BatchedRecords, ColumnBatch, ListBatch
from auroraql.engines.aurorax.columnar.stream import RecordStream
from auroraql.engines.aurorax.records import record_reader
from auroraql.ir.plan import Plan, Request
from auroraql.ir.query import Query, Tree
from auroraql.schema import KINDS
from tests.support.aurorax_matching import apply_format
from tests.support.aurorax_server import SOURCES, SWARM, AuroraXServer, Fault

FIRST = datetime(2020, 2, 1)
COUNT = 1200


def position(minute: int) -> dict[str, Any]:
    """Return an ephemeris record."""
    places = {
        name: {"lat": None if minute % 7 == at else minute % 90 + at / 4, "lon": None if minute % 7 == at else 0.5}
        for at, name in enumerate(("location_geo", "location_gsm", "nbtrace", "sbtrace"))
    }
    metadata = {"nbtrace_region": 'é "}, {" x', "number": minute, "list": [{"a": 1}, {"b": None}]}
    epoch = (FIRST + timedelta(minutes=minute)).isoformat()
    return {"epoch": epoch, "data_source": SOURCES[minute % 3], **places, "metadata": metadata if minute % 5 else {}}


RECORDS = [position(minute) for minute in range(COUNT)]


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(stream, "SMALL_RESPONSE_BYTES", 20_000)
    monkeypatch.setattr(stream, "CHUNK_BYTES", 30_000)


@pytest.fixture
def server() -> Iterator[AuroraXServer]:
    with AuroraXServer([], [*SOURCES, SWARM], ephemeris=RECORDS) as running:
        yield running


@pytest.fixture
def archive(server: AuroraXServer) -> Iterator[Archive]:
    with connect(server.url) as opened:
        yield opened


def read(text: str, kind: str = "ephemeris", piece: int = 7001) -> tuple[RecordStream, BatchedRecords, Any]:
    """Feed a body to the stream decoder and return its result."""
    reader, data = record_reader(kind, lambda *_: None), text.encode("utf-8", "surrogatepass")
    for at in range(0, len(data), piece):
        reader.feed(data[at : at + piece])
    assert reader.has_columns
    return reader, *reader.finish()


WRITINGS: list[Callable[[Any], str]] = [
    json.dumps,
    lambda records: json.dumps({"result": records}, separators=(",", ":"), ensure_ascii=False),
    lambda records: json.dumps({"result": records, "more": [{"a": []}]}, indent=2),
]

CHANGES: list[tuple[str, type, Callable[[int, dict[str, Any]], dict[str, Any]]]] = [
    ("as published", ColumnBatch, lambda _, record: record),
    ("one has more", ListBatch, lambda n, record: {**record, "new": [n]} if n == 400 else record),
    ("all have more", ListBatch, lambda n, record: {**record, "data_source": {**record["data_source"], "owner": n}}),
    ("a field less", ColumnBatch, lambda _, record: {k: v for k, v in record.items() if k != "nbtrace"}),
    ("no metadata", ColumnBatch, lambda _, record: {k: v for k, v in record.items() if k != "metadata"}),
    (
        "some lack one",
        ListBatch,
        lambda n, record: record if n % 2 else {k: v for k, v in record.items() if k != "sbtrace"},
    ),
    ("some lack metadata", ListBatch, lambda n, record: record if n % 2 else {"epoch": record["epoch"]}),
    ("few leaves", ColumnBatch, lambda _, record: {"epoch": record["epoch"], "data_source": {"program": "é"}}),
    ("fractions", ListBatch, lambda _, record: {**record, "epoch": record["epoch"] + ".25"}),
    ("a zone", ListBatch, lambda _, record: {**record, "epoch": record["epoch"] + "Z"}),
    ("nothing there", ListBatch, lambda _, record: {**record, "nbtrace": None, "metadata": None}),
    ("whole numbers", ColumnBatch, lambda n, record: {**record, "nbtrace": {"lat": n, "lon": 3 if n % 2 else 3.0}}),
    ("only whole numbers", ColumnBatch, lambda n, record: {**record, "nbtrace": {"lat": -n, "lon": None}}),
    (
        "some pieces whole",
        ColumnBatch,
        lambda n, record: {**record, "sbtrace": {"lat": n if n < 300 else n + 0.5, "lon": 0.0}},
    ),
    ("great numbers", ListBatch, lambda n, record: {**record, "nbtrace": {"lat": 2**53 + 1 + n, "lon": None}}),
    ("negative nought", ColumnBatch, lambda _, record: {**record, "nbtrace": {"lat": -0.0, "lon": 1e300}}),
    *(
        (
            f"one lacks {name}",
            ListBatch,
            lambda n, record, name=name: {k: v for k, v in record.items() if k != name or n != 400},
        )
        for name in RECORDS[0]
    ),
    *(
        (f"one has null as {name}", kind, lambda n, record, name=name: record if n != 400 else {**record, name: None})
        for name, kind in (
            ("metadata", ListBatch),
            ("epoch", ColumnBatch),
            ("nbtrace", ListBatch),
            ("data_source", ListBatch),
        )
    ),
    (
        "two lack metadata",
        ListBatch,
        lambda n, record: {k: v for k, v in record.items() if k != "metadata" or n not in (3, 4)},
    ),
    (
        "the last lacks metadata",
        ListBatch,
        lambda n, record: {k: v for k, v in record.items() if k != "metadata" or n < COUNT - 1},
    ),
    (
        "the first lacks metadata",
        ListBatch,
        lambda n, record: {k: v for k, v in record.items() if k != "metadata" or n},
    ),
    (
        "no name",
        ColumnBatch,
        lambda _, record: {**record, "data_source": {**record["data_source"], "display_name": None}},
    ),
]


def sorted_members(value: Any) -> Any:
    """Return the JSON of a record with sorted members, which distinguishes 3 from 3.0."""
    return {name: sorted_members(value[name]) for name in sorted(value)} if isinstance(value, dict) else value


@pytest.mark.parametrize(
    ("written", "_name", "kind", "change"),
    [*((WRITINGS[0], *change) for change in CHANGES), *((written, *CHANGES[0]) for written in WRITINGS[1:])],
    ids=[*(name for name, *_ in CHANGES), "as a result", "with more"],
)
def test_columns_lose_nothing(written: Any, _name: str, kind: type, change: Any) -> None:
    records = [change(n, item) for n, item in enumerate(RECORDS)]
    _, packed, around = read(written(records))
    assert len(packed) == COUNT
    assert list(packed) == records
    assert list(map(repr, map(sorted_members, packed))) == list(map(repr, map(sorted_members, records)))
    assert any(isinstance(batch, kind) for batch in packed.batches())
    assert len(packed.batches()) >= 3
    assert (around if isinstance(around, list) else around["result"]) == []
    assert [packed[n] for n in (0, 777, -1)] == [records[n] for n in (0, 777, -1)]
    assert list(packed[3:900:50]) == records[3:900:50]
    some = (900, 3, 3, 500)
    assert list(packed.take(some)) == [records[n] for n in some]
    assert [repr(item.get("nbtrace")) for item in packed.take(some)] == [repr(records[n].get("nbtrace")) for n in some]
    with pytest.raises(IndexError):
        packed[COUNT]


@given(
    st.lists(st.recursive(st.none() | st.integers(-9, 9) | st.text("a{}[],\"\\ é", max_size=6), lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text("x}", max_size=2), below, max_size=3)), min_size=1, max_size=24),
    st.randoms(use_true_random=False),
    st.integers(40, 3000),
    st.sampled_from(WRITINGS),
)  # fmt: skip
@settings(max_examples=25)
def test_batches_end_at_record_boundaries(values: list[Any], order: random.Random, piece: int, written: Any) -> None:
    """A few values are drawn, and many records repeat one of them.

    Drawing a value for each record takes most of the time.
    """
    records = [{**RECORDS[n], "metadata": {"value": order.choice(values)}} for n in range(180)]
    reader = record_reader("ephemeris", lambda *_: None)
    reader._enough = 2000
    data = written(records).encode()
    for at in range(0, len(data), piece):
        reader.feed(data[at : at + piece])
    assert list(reader.finish()[0]) == records


def test_conjunctions_are_stored_as_columns_too() -> None:
    event = {"conjunction_type": "nbtrace", "e1_source": SWARM, "e2_source": SOURCES[0], "start": "2020-01-01T00:00:00"}
    records = [{"conjunction_type": "nbtrace", "events": [event] * (n % 5), "min_distance": n} for n in range(900)]
    assert list(read(json.dumps({"result": records}), "conjunctions")[1]) == records


def test_reports_the_number_of_records() -> None:
    reports: list[tuple[int, int]] = []
    text = json.dumps(RECORDS)
    reader = RecordStream(KINDS["ephemeris"], lambda _: "", lambda *record: reports.append(record))
    for at in range(0, len(text), 5000):
        reader.feed(text[at : at + 5000].encode())
    assert reports == sorted(reports)
    assert reports[-1][0] == len(text)
    assert 0 < reports[-1][1] <= COUNT


def fetch(server: AuroraXServer) -> Any:
    engine = AuroraXEngine(server.url, pause=lambda _: None)
    try:
        run = engine.submit(Plan(Query("ephemeris"), (Request("ephemeris"),)))
        return run.fetch(time.monotonic() + 20).records
    finally:
        engine.close()


def test_fetch_returns_columns(server: AuroraXServer) -> None:
    records = fetch(server)
    assert isinstance(records, BatchedRecords)
    assert list(records) == RECORDS


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda records: {"result": records[:-1]}, "announced 1200 records, and 1199 arrived"),
        (lambda records: {"result": [*records[:-1], {**records[0], "epoch": 5}]}, "record 1200 of 1200: expected a t"),
        (
            lambda records: {"result": [*records[:99], 7, *records[100:]]},
            "record 100 of 1200: expected an object, got 7",
        ),
        (
            lambda records: {"result": [{**r, "nbtrace": {"lat": "x"}} for r in records]},
            "record 1 of 1200: .*nbtrace.lat",
        ),
        (lambda records: {"result": records, "error": {"error_code": "E1", "error_message": "disk full"}}, "disk full"),
        (lambda records: {"records": records}, "expected a list of records"),
    ],
)
def test_records_are_validated(server: AuroraXServer, change: Any, words: str) -> None:
    server.faults["data"] = Fault(change=lambda document: change(document["result"]))
    with pytest.raises(Failed, match=words) as caught:
        fetch(server)
    assert caught.value.request_id in server.searches
    assert caught.value.__context__ is None


@pytest.mark.parametrize("end", ["", "]", "}]", "]]", "], 5}", "]} x"])
def test_truncated_responses_are_errors(server: AuroraXServer, end: str) -> None:
    body = json.dumps({"result": RECORDS})[:-3] + end
    server.faults["data"] = Fault(body=body.encode())
    with pytest.raises(Failed, match="records as JSON, but the response is truncated or malformed after 1"):
        fetch(server)


def test_a_retry_starts_from_the_beginning(server: AuroraXServer) -> None:
    server.faults["data"] = Fault(drop="within", times=2)
    assert list(fetch(server)) == RECORDS
    assert server.count("data") == 3


# Sessions

STATEMENTS = [
    f"FIND {'DISTINCT ' if statement.startswith('SELECT program ON') else ''}ephemeris {statement}"
    for statement in (
        "ON 2020-02-01",
        "WHERE number > 700 AND program = 'trex' ON 2020-02-01",
        "WHERE program != 'x' ON 2020-02-01 ORDER BY nbtrace.lat DESC, epoch LIMIT 40 OFFSET 3",
        "SELECT epoch, data_source.platform, nbtrace.lat, metadata.number, metadata.list ON 2020-02-01",
        "SELECT program ON 2020-02-01 ORDER BY program",
        "SELECT program, count(*), avg(nbtrace.lat) ON 2020-02-01 GROUP BY program ORDER BY program",
        "ON 2020-02-01 LIMIT 7",
        "WHERE nbtrace.lat > location_geo.lat ON 2020-02-01 ORDER BY display_name DESC, sbtrace.lon NULLS FIRST, epoch",
        "WHERE nbtrace_region LIKE '% x' OR number IN (5, 10, 15) ON 2020-02-01",
        "WHERE NOT nbtrace.lon = 0.5 OR list IS NULL ON 2020-02-01 ORDER BY number DESC LIMIT 20",
        "SELECT max(epoch), min(display_name), count(list), sum(nbtrace.lat), avg(number) ON 2020-02-01",
    )
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_large_result_is_queried_like_a_small_one(
    archive: Archive, statement: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    packed = archive.run(statement)
    monkeypatch.setattr(stream, "SMALL_RESPONSE_BYTES", 1 << 40)
    small = archive.run(statement)
    assert len(packed) == len(small) > 0
    assert list(packed) == list(small) == list(packed.rows)
    assert list(packed.records) == list(small.records)
    assert packed.to_arrow().schema == small.to_arrow().schema
    assert decode_objects(packed.to_arrow().to_pylist()) == decode_objects(small.to_arrow().to_pylist())
    pd.testing.assert_frame_equal(packed.to_pandas(), small.to_pandas())
    for suffix in ("csv", "jsonl"):
        files = [tmp_path / f"{name}.{suffix}" for name in ("packed", "small")]
        for result, file in zip((packed, small), files, strict=True):
            result.save(file)
    assert files[0].read_text() == files[1].read_text()


def decode_objects(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return Arrow's rows, with the JSON texts of objects decoded."""
    return [{k: json.loads(v) if isinstance(v, str) and v[:1] == "{" else v for k, v in row.items()} for row in rows]


def test_separate_windows_are_not_compared(server: AuroraXServer) -> None:
    noon = FIRST + timedelta(hours=12)
    first = Request("ephemeris", start=FIRST, end=noon)
    then = Request("ephemeris", start=noon + timedelta(minutes=1), end=FIRST + timedelta(days=1))
    whole = Request("ephemeris", start=FIRST, end=FIRST + timedelta(days=1))
    for requests in ((first, then), (whole, then), (first, whole, then)):
        engine = AuroraXEngine(server.url, pause=lambda _: None)
        run = engine.submit(Plan(Query("ephemeris"), requests))
        records = run.fetch(time.monotonic() + 20).records
        assert isinstance(records, BatchedRecords)
        assert list(records) == RECORDS
        engine.close()


def test_several_requests_are_post_processed(server: AuroraXServer) -> None:
    tree: Tree = {"epoch": True, "nbtrace": {"lat": True}, "data_source": {"program": True}}
    whole = Request("ephemeris", start=FIRST, end=FIRST + timedelta(days=1), response_format=tree)
    engine = AuroraXEngine(server.url, pause=lambda _: None)
    records = engine.submit(Plan(Query("ephemeris"), (whole, whole))).fetch(time.monotonic() + 20).records
    assert isinstance(records, BatchedRecords)
    assert list(records) == apply_format(RECORDS, tree)
    engine.close()


def test_an_empty_result(server: AuroraXServer) -> None:
    server.ephemeris.clear()
    server.faults["data"] = Fault(body=b'{"result": [' + b" " * 100_000 + b"]}")
    assert len(fetch(server)) == 0
