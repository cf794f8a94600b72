"""Tests of uploads to `auroraql serve`, mostly with pyaurorax: they are atomic, durable and need the key."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyaurorax
import pytest
import requests
from pyaurorax.exceptions import (
    AuroraXConflictError,
    AuroraXDuplicateError,
    AuroraXError,
    AuroraXUnauthorizedError,
)
from pyaurorax.search import DataProductData, DataSource, EphemerisData, Location

import auroraql
from tests.support.server_process import KEY, ServerProcess, write_keys
from tests.support.small_catalogue import Product, write

FIRST, LAST = datetime(2020, 1, 1), datetime(2020, 1, 3)
HEADERS = {"x-aurorax-api-key": KEY}
NAMES = {"program": "trex", "platform": "gillam", "instrument_type": "RGB ASI"}


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    products = [Product(2, datetime(2020, 1, 1), datetime(2020, 1, 1, 23, 59), "https://example.org/a.jpg")]
    return write(tmp_path / "catalogue.duckdb", products)


@pytest.fixture
def server(catalogue: Path, tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess("--api-key-file", str(write_keys(tmp_path)), archive=catalogue) as running:
        yield running


@pytest.fixture
def client(server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return pyaurorax.PyAuroraX(api_base_url=server.url, api_key=KEY, download_output_root_path=str(tmp_path))


def source(**changed: Any) -> Any:
    """Return a source that does not exist yet."""
    fields = {"program": "test-program", "platform": "test-platform", "instrument_type": "test-instrument-type"}
    return DataSource(**{**fields, "source_type": "ground", "display_name": "Test", **changed})


def product(of: Any, url: str, day: int = 1) -> Any:
    """Return the keogram of a day."""
    start, end = datetime(2020, 1, day), datetime(2020, 1, day, 23, 59, 59)
    return DataProductData(of, "keogram", start, end, url, {"keogram_type": "daily", "näme": [1, 2.5, None, True]})


def test_sources_are_added_changed_and_deleted(client: Any) -> None:
    sources = client.search.sources
    schema = [{"field_name": "test_meta1", "description": "one", "data_type": "string", "allowed_values": []}]
    added = sources.add(source(identifier=400, ephemeris_metadata_schema=schema, metadata={"a": 1}))
    assert (added.identifier, added.ephemeris_metadata_schema, added.metadata) == (400, schema, {"a": 1})
    assert client.search.metadata.get_ephemeris_schema(400) == schema
    with pytest.raises(AuroraXDuplicateError):
        sources.add(source())
    with pytest.raises(AuroraXDuplicateError):
        sources.add(source(identifier=400, platform="another"))
    assert sources.add(source(platform="another")).identifier == 401
    changed = sources.update(
        400, instrument_type="another type", metadata={}, ephemeris_metadata_schema=[], owner="me@example.org"
    )
    assert (changed.instrument_type, changed.metadata, changed.ephemeris_metadata_schema) == ("another type", {}, [])
    assert changed.platform == "test-platform"
    assert [item.identifier for item in sources.get_using_filters(owner="me@example.org")] == [400]
    assert sources.delete(400) == 0
    assert [item.identifier for item in sources.search(programs=["test-program"])] == [401]


def test_data_products_are_uploaded_and_deleted(client: Any, catalogue: Path, server: ServerProcess) -> None:
    products = client.search.data_products
    of = client.search.sources.get(**NAMES)
    assert (
        products.upload(of.identifier, [product(of, "test.jpg"), product(of, "test2.jpg", 2)], validate_source=True)
        == 0
    )
    assert products.upload(of.identifier, [product(of, "test.jpg")]) == 0  # a second upload changes nothing
    search = products.search(FIRST, LAST, programs=["trex"], platforms=["gillam"], poll_interval=0.05)
    assert [record.url for record in search.data] == ["test.jpg", "test2.jpg"]
    assert search.data[0].metadata == {"keogram_type": "daily", "näme": [1, 2.5, None, True]}
    stats = client.search.sources.get(**NAMES, include_stats=True).stats
    assert (stats.data_product_count, stats.earliest_data_product_loaded) == (2, datetime(2020, 1, 1))
    with pytest.raises(AuroraXConflictError):
        client.search.sources.delete(of.identifier)
    assert products.delete_urls(of, ["test.jpg", "not there"]) == 0
    assert server.stop() == 0
    with auroraql.connect(catalogue) as archive:
        assert [r["url"] for r in archive.run("FIND data_products ON 2020-01-02").records] == ["test2.jpg"]
        assert len(archive.run("FIND data_products SELECT url DURING 2020")) == 2


def test_data_products_are_deleted_by_time(client: Any) -> None:
    of = client.search.sources.get(**NAMES)
    client.search.data_products.upload(of.identifier, [product(of, f"{day}.jpg", day) for day in (1, 2, 3)])
    assert client.search.data_products.delete(of, datetime(2020, 1, 1), datetime(2020, 1, 3)) == 0
    left = client.search.data_products.search(FIRST, datetime(2020, 2, 1), platforms=["gillam"], poll_interval=0.05)
    assert [record.url for record in left.data] == ["3.jpg"]


def test_ephemeris_is_uploaded_and_deleted(client: Any, catalogue: Path, server: ServerProcess) -> None:
    of = client.search.sources.get(**NAMES)
    place = {"location_geo": Location(lat=51.05, lon=-114.07), "location_gsm": Location(lat=150.25, lon=-10.75)}
    records = [
        EphemerisData(of, datetime(2020, 1, 1, 0, minute), metadata={"state": "x", "n": minute // 2}, **place)
        for minute in range(4)
    ]
    assert client.search.ephemeris.upload(of.identifier, records, validate_source=True, chunk_size=2) == 0
    search_result = client.search.ephemeris.search(FIRST, LAST, platforms=["gillam"], poll_interval=0.05)
    assert [record.epoch.minute for record in search_result.data] == [0, 1, 2, 3]
    assert (search_result.data[0].location_geo.lat, search_result.data[0].nbtrace.lat) == (51.05, None)
    assert [record.metadata["n"] for record in search_result.data] == [0, 0, 1, 1]
    moved = EphemerisData(of, datetime(2020, 1, 1, 0, 3), location_geo=Location(lat=1.0, lon=2.0))
    client.search.ephemeris.upload(of.identifier, [moved])
    with pytest.raises(AuroraXConflictError):
        client.search.sources.delete(of.identifier)
    assert client.search.ephemeris.delete(of, FIRST, datetime(2020, 1, 1, 0, 1)) == 0
    jobs = requests.get(f"{server.url}/api/v1/data_sources/{of.identifier}/ephemeris/delete_jobs", timeout=10).json()
    deletions = requests.get(
        f"{server.url}/api/v1/data_sources/{of.identifier}/ephemeris/delete_jobs/{jobs[0]}", timeout=10
    )
    assert deletions.json() == ["deleted 2 records from 2020-01-01T00:00:00 to 2020-01-01T00:01:00"]
    assert server.stop(signal.SIGINT) == 130
    with auroraql.connect(catalogue) as archive:
        left = archive.run("FIND ephemeris DURING 2020").records
    assert [(r["epoch"], r["location_geo"]["lat"], r["metadata"]) for r in left] == [
        ("2020-01-01T00:02:00", 51.05, {"n": 1, "state": "x"}),
        ("2020-01-01T00:03:00", 1.0, {}),
    ]


def test_acknowledged_writes_survive_a_crash(client: Any, catalogue: Path, server: ServerProcess) -> None:
    of = client.search.sources.get(**NAMES)
    client.search.data_products.upload(of.identifier, [product(of, "test.jpg")])
    server.stop(signal.SIGKILL)
    with auroraql.connect(catalogue) as archive:
        assert len(archive.run("FIND data_products WHERE platform = 'gillam' ON 2020-01-01")) == 1


def test_an_invalid_record_rejects_the_whole_upload(client: Any, server: ServerProcess) -> None:
    of = client.search.sources.get(**NAMES)
    right = {
        **NAMES,
        "start": "2020-01-01T00:00:00",
        "end": "2020-01-01T01:00:00",
        "url": "a",
        "data_product_type": "movie",
    }
    wrong = [right, {**right, "start": "yesterday"}, {**right, "program": "rego"}, {**right, "url": None}, 5]
    answer = requests.post(f"{server.url}/api/v1/data_sources/1/data_products", json=wrong, headers=HEADERS, timeout=10)
    assert answer.status_code == 400
    assert [document["error_message"].partition(":")[0] for document in answer.json()] == [
        f"record {n}" for n in (1, 2, 3, 4)
    ]
    assert client.search.data_products.search(FIRST, LAST, platforms=["gillam"], poll_interval=0.05).data == []
    of.instrument_type = "wrong"
    with pytest.raises(AuroraXError):
        client.search.data_products.upload(of.identifier, [product(of, "test.jpg")], validate_source=True)
    with pytest.raises(AuroraXError):
        client.search.ephemeris.upload(of.identifier, [EphemerisData(of, FIRST)], validate_source=True)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"program": "x" * 201}, "at most 200"),
        ({"display_name": ""}, "'display_name' is missing"),
        ({"source_type": "moon"}, "one of ground"),
        ({"identifier": "7"}, "whole number"),
        ({"identifier": -7}, "whole number"),
        ({"metadata": []}, "an object"),
        ({"maintainers": "me"}, "array of strings"),
        ({"ephemeris_metadata_schema": [1]}, "array of objects"),
        ({"program": "a\0b"}, "null character"),
        ({"colour": "red"}, "not a field"),
    ],
)
def test_an_invalid_source_is_refused(server: ServerProcess, changed: dict[str, Any], message: str) -> None:
    fields = {k: v for k, v in vars(source()).items() if v is not None and k != "format"}
    answer = requests.post(f"{server.url}/api/v1/data_sources", json={**fields, **changed}, headers=HEADERS, timeout=10)
    assert answer.status_code == 400
    assert message in answer.json()["error_message"]


def test_put_replaces_the_whole_source(client: Any, server: ServerProcess) -> None:
    client.search.sources.add(source(identifier=400, metadata={"a": 1}))
    fields = {"program": "p", "platform": "q", "instrument_type": "r", "source_type": "leo", "display_name": "d"}
    url = f"{server.url}/api/v1/data_sources/400"
    answer = requests.put(url, json=fields, headers=HEADERS, timeout=10).json()
    assert (answer["platform"], answer["metadata"]) == ("q", {})
    moved = requests.put(url, json={**fields, "identifier": 5}, headers=HEADERS, timeout=10)
    assert moved.status_code == 400
    taken = requests.patch(url, json={**NAMES}, headers=HEADERS, timeout=10)
    assert (taken.status_code, taken.json()["error_code"]) == (409, "Duplicate")


WRITES = [
    ("POST", "data_sources"),
    ("PUT", "data_sources/1"),
    ("PATCH", "data_sources/1"),
    ("DELETE", "data_sources/1"),
    ("POST", "data_sources/1/data_products"),
    ("DELETE", "data_sources/1/data_products"),
    ("POST", "data_sources/1/ephemeris"),
    ("DELETE", "data_sources/1/ephemeris"),
    ("DELETE", "utils/admin/search_requests/x"),
]


def test_writing_requires_the_key(client: Any, server: ServerProcess) -> None:
    for method, path in WRITES:
        for headers in ({}, {"x-aurorax-api-key": "guess"}, {"x-aurorax-api-key": KEY[:-1]}):
            answer = requests.request(method, f"{server.url}/api/v1/{path}", json={}, headers=headers, timeout=10)
            assert (answer.status_code, answer.json()["error_code"]) == (401, "NotAuthenticated"), path
    client.api_key = "guess"
    with pytest.raises(AuroraXUnauthorizedError):
        client.search.sources.add(source())


def test_writing_is_disabled_by_default(catalogue: Path) -> None:
    before = catalogue.read_bytes()
    with ServerProcess(archive=catalogue) as server:
        for method, path in WRITES:
            answer = requests.request(method, f"{server.url}/api/v1/{path}", json={}, headers=HEADERS, timeout=10)
            assert (answer.status_code, answer.json()["error_code"]) == (401, "NotAuthenticated"), path
        with auroraql.connect(catalogue) as archive:  # others read it meanwhile
            assert len(archive.run("FIND data_products DURING 2020")) == 1
    assert catalogue.read_bytes() == before


def test_the_demonstration_is_written_in_a_copy(tmp_path: Path) -> None:
    with ServerProcess("--api-key-file", str(write_keys(tmp_path))) as server:
        assert "(demonstration data)" in server.said[-1]
        added = requests.post(
            f"{server.url}/api/v1/data_sources",
            json={"program": "p", "platform": "q", "instrument_type": "r", "source_type": "leo", "display_name": "d"},
            headers=HEADERS,
            timeout=10,
        )
        assert added.status_code == 200
        sources = requests.get(f"{server.url}/api/v1/data_sources?program=p", timeout=10).json()
        assert [item["identifier"] for item in sources] == [added.json()["identifier"]]
        assert server.stop() == 0
    with ServerProcess() as again:
        assert requests.get(f"{again.url}/api/v1/data_sources?program=p", timeout=10).json() == []
