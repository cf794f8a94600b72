"""Tests of the test server with the published AuroraX client: the client accepts its responses as AuroraX's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyaurorax
import pytest
from pyaurorax.exceptions import AuroraXAPIError, AuroraXMaintenanceError, AuroraXSearchError

from tests.support.aurorax_server import EPHEMERIS, RECORDS, SOURCES, AuroraXServer, Fault, error

FIRST, LAST = datetime(2020, 2, 1), datetime(2020, 2, 5, 23, 59, 59)
FILTER = pyaurorax.search.MetadataFilter
EXPRESSION = pyaurorax.search.MetadataFilterExpression


@pytest.fixture
def server() -> Iterator[AuroraXServer]:
    with AuroraXServer(RECORDS, SOURCES, ephemeris=EPHEMERIS) as running:
        yield running


@pytest.fixture
def client(server: AuroraXServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return pyaurorax.PyAuroraX(api_base_url=server.url, download_output_root_path=str(tmp_path))


def test_searches_and_waits(server: AuroraXServer, client: Any) -> None:
    server.polls = 2
    search = client.search.data_products.search(FIRST, LAST, programs=["trex"], poll_interval=0.01)
    assert [record.url for record in search.data] == [
        r["url"] for r in RECORDS if r["data_source"]["program"] == "trex"
    ]
    assert search.data[0].start == datetime(2020, 2, 1)
    assert search.data[0].data_source.identifier == 103
    assert search.status["search_result"]["result_count"] == len(search.data)
    assert server.count("status") == 3


def test_runs_step_by_step(server: AuroraXServer, client: Any) -> None:
    server.polls = 1
    search = client.search.data_products.search(FIRST, LAST, platforms=["gillam"], return_immediately=True)
    assert search.request_url == client.search.data_products.get_request_url(search.request_id)
    assert not search.check_for_data()
    search.wait(poll_interval=0.01)
    assert search.check_for_data()
    search.get_data()
    assert {record.data_source.platform for record in search.data} == {"gillam"}
    logs = client.search.requests.get_logs(search.request_url)
    assert logs[-1]["summary"].startswith("Finished search in")
    assert client.search.requests.get_status(search.request_url)["search_result"]["error_condition"] is False


def test_formats_the_response(client: Any) -> None:
    expected = {"start": True, "url": True, "end": False, "data_source": {"program": True, "owner": True}}
    search = client.search.data_products.search(FIRST, LAST, response_format=expected, poll_interval=0.01)
    assert search.data[0] == {
        "start": datetime(2020, 2, 1),
        "url": RECORDS[0]["url"],
        "data_source": {"program": "trex"},
    }
    template = client.search.data_products.create_response_format_template()
    whole = client.search.data_products.search(FIRST, LAST, response_format=template, poll_interval=0.01)
    assert whole.data[0].keys() == RECORDS[0].keys()


@pytest.mark.parametrize(
    ("expressions", "operator", "numbers"),
    [
        ([("keogram_type", "daily", "=")], "and", {0, 4}),
        ([("keogram_type", ["daily", "hourly"], "in")], "and", {0, 1, 4}),
        ([("keogram_type", "daily", "!=")], "and", {1}),
        ([("keogram_type", ["daily"], "not in")], "and", {1}),
        ([("keogram_type", "daily", "="), ("movie_type", "real-time daily", "=")], "or", {0, 2, 4}),
        ([("keogram_type", "daily", "="), ("wavelength", "5577", "=")], "and", {4}),
        ([("wavelength", "900", ">")], "and", {3, 4}),
        ([("wavelength", ["0", "5577.0"], "between")], "and", {4}),
        ([("wavelength", 6300, "<")], "and", {4}),
        ([("wavelength", 6300, "<=")], "and", {3, 4}),
        ([("wavelength", 6300, ">=")], "and", {3}),
    ],
)
def test_filters_by_metadata(client: Any, expressions: list[Any], operator: Any, numbers: set[int]) -> None:
    group = FILTER([EXPRESSION(*expression) for expression in expressions], operator=operator)
    search = client.search.data_products.search(FIRST, LAST, metadata_filters=group, poll_interval=0.01)
    assert {record.url for record in search.data} == {RECORDS[i]["url"] for i in numbers}


def test_restricts_types_and_window(client: Any) -> None:
    search = client.search.data_products.search(
        FIRST, datetime(2020, 2, 1, 23, 59), data_product_types=["keogram"], poll_interval=0.01
    )
    assert [record.url for record in search.data] == [RECORDS[0]["url"], RECORDS[1]["url"]]


def test_cancels(server: AuroraXServer, client: Any) -> None:
    server.never = True
    search = client.search.data_products.search(FIRST, LAST, return_immediately=True)
    assert search.cancel(wait=True, poll_interval=0.01) == 0
    status = client.search.requests.get_status(search.request_url)
    assert status["search_result"]["error_condition"] is True
    assert server.searches[search.request_id].cancelled


def test_reports_failures(server: AuroraXServer, client: Any) -> None:
    server.error = "No data sources match the query"
    with pytest.raises(AuroraXSearchError, match="No data sources match"):
        client.search.data_products.search(FIRST, LAST, poll_interval=0.01)
    with pytest.raises(AuroraXAPIError, match="No request with given request id"):
        client.search.requests.get_status(f"{server.url}/api/v1/data_products/requests/unknown")
    maintenance = error("Nil", "AuroraX is in maintenance mode")
    server.faults["submit"] = Fault(status=503, change=lambda _: maintenance)
    with pytest.raises(AuroraXMaintenanceError, match="maintenance mode"):
        client.search.data_products.search(FIRST, LAST)


def test_lists_the_sources(client: Any) -> None:
    every = client.search.sources.list()
    assert [item.identifier for item in every] == sorted(source["identifier"] for source in SOURCES)
    assert client.search.sources.get("trex", "gillam", "RGB ASI").display_name == "TREx RGB GILL"
    assert client.search.sources.list(program="nowhere") == []


def test_searches_ephemeris(client: Any) -> None:
    moment = datetime(2020, 2, 1, 6, 1)
    search = client.search.ephemeris.search(moment, moment, programs=["swarm"], poll_interval=0.01)
    (search_result,) = search.data
    assert (search_result.epoch, search_result.data_source.platform) == (moment, "swarma")
    assert (search_result.nbtrace.lat, search_result.nbtrace.lon, search_result.sbtrace.lat) == (62.0, -110.5, None)
    assert search_result.metadata == EPHEMERIS[1]["metadata"]
    assert "/api/v1/ephemeris/requests/" in search.request_url


@pytest.mark.parametrize(
    ("expressions", "operator", "numbers"),
    [
        ([("nbtrace_region", "north auroral oval", "=")], "and", {1}),
        ([("radial_distance", ["6811.5", "6813"], "between")], "and", {1, 2}),
        ([("tii_on", "true", "=")], "and", {0}),
        ([("tii_on", "true", "!=")], "and", {1}),
        ([("tii_on", "true", "="), ("calgary_cloud_ml_v1_confidence", "99", ">=")], "or", {0, 3}),
    ],
)
def test_filters_ephemeris_by_metadata(client: Any, expressions: list[Any], operator: Any, numbers: set[int]) -> None:
    group = FILTER([EXPRESSION(*expression) for expression in expressions], operator=operator)
    search = client.search.ephemeris.search(
        FIRST, LAST, programs=["swarm", "themis-asi"], metadata_filters=group, poll_interval=0.01
    )
    assert [(e.data_source.identifier, e.epoch.minute) for e in search.data] == [
        (EPHEMERIS[i]["data_source"]["identifier"], int(EPHEMERIS[i]["epoch"][14:16])) for i in sorted(numbers)
    ]


def test_formats_ephemeris(client: Any) -> None:
    expected = {"epoch": True, "nbtrace": {"lat": True, "lon": True}, "data_source": {"platform": True}}
    search = client.search.ephemeris.search(
        FIRST, LAST, programs=["swarm"], response_format=expected, poll_interval=0.01
    )
    first: Any = search.data[0]
    assert first.keys() == expected.keys()
    assert (first["nbtrace"].lat, first["nbtrace"].lon) == (58.25, -110.5)
    assert (first["epoch"], first["data_source"]) == (datetime(2020, 2, 1, 6), {"platform": "swarma"})
    template = client.search.ephemeris.create_response_format_template()
    whole = client.search.ephemeris.search(
        FIRST, LAST, programs=["swarm"], response_format=template, poll_interval=0.01
    )
    assert whole.data[0].keys() == EPHEMERIS[0].keys()
