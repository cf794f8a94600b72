"""Tests of pyaurorax against `auroraql serve`: every public method of its search module."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyaurorax
import pytest
from pyaurorax.exceptions import (
    AuroraXAPIError,
    AuroraXDataRetrievalError,
    AuroraXNotFoundError,
    AuroraXUnauthorizedError,
)

import auroraql
from tests.support.server_process import KEY, ServerProcess, write_keys

DAY, DAY_END = datetime(2020, 1, 1), datetime(2020, 1, 1, 23, 59, 59)
QUICK = {"poll_interval": 0.05}
EXPRESSION, FILTER = pyaurorax.search.MetadataFilterExpression, pyaurorax.search.MetadataFilter
GROUND, SPACE = pyaurorax.search.GroundCriteriaBlock, pyaurorax.search.SpaceCriteriaBlock


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    keys = write_keys(tmp_path_factory.mktemp("keys"))
    with ServerProcess("--api-key-file", str(keys)) as running:
        yield running


@pytest.fixture
def client(server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return pyaurorax.PyAuroraX(api_base_url=server.url, api_key=KEY, download_output_root_path=str(tmp_path))


# --- data products


def test_data_products_equal_those_of_the_archive(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    search = client.search.data_products.search(
        DAY, DAY_END, programs=["auroramax"], data_product_types=["keogram"], verbose=True, **QUICK
    )
    with auroraql.connect() as archive:
        result = archive.run(
            "FIND data_products WHERE program = 'auroramax' AND data_product_type = 'keogram' ON 2020-01-01"
        )
    assert [item.url for item in search.data] == [record["url"] for record in result.records]
    assert search.data[0].start == DAY
    assert search.data[0].data_source.identifier == result.records[0]["data_source"]["identifier"]
    assert [item.metadata for item in search.data] == [record["metadata"] for record in result.records]
    assert search.status["search_result"]["result_count"] == len(search.data)
    search.pretty_print()
    assert "url=" in str(search.data[0])
    assert "records" in capsys.readouterr().out
    assert search.describe().startswith("Find data_products for ((program in (auroramax)")


def test_data_products_step_by_step(client: Any) -> None:
    search = client.search.data_products.search(DAY, DAY_END, programs=["auroramax"], return_immediately=True)
    search.get_data()  # reports that it is too early
    search.update_status()
    search.wait(poll_interval=0.05)
    assert search.check_for_data()
    search.get_data()
    assert search.data
    assert search.request_url == client.search.data_products.get_request_url(search.request_id)
    assert [line["level"] for line in search.logs] == ["debug", "info", "info", "debug", "info", "debug", "info"]


def test_metadata_filters(client: Any) -> None:
    one = FILTER(expressions=[EXPRESSION("keogram_type", "daily_hires", operator="=")])
    search = client.search.data_products.search(
        DAY, DAY_END, programs=["auroramax"], data_product_types=["keogram"], metadata_filters=one, **QUICK
    )
    assert [item.metadata["keogram_type"] for item in search.data] == ["daily_hires"]
    either = FILTER(
        expressions=[
            EXPRESSION("keogram_type", ["daily_hires"], operator="in"),
            EXPRESSION("movie_type", "real-time daily", operator="="),
        ],
        operator="OR",
    )
    with warnings.catch_warnings(record=True) as messages:
        warnings.simplefilter("always")
        search = client.search.data_products.search(
            DAY,
            DAY_END,
            programs=["auroramax"],
            metadata_filters=either,
            metadata_filters_logical_operator="OR",
            **QUICK,
        )
    assert len(messages) == 1
    assert {item.data_product_type for item in search.data} == {"keogram", "movie"}


def test_response_format_of_data_products(client: Any) -> None:
    expected = {"start": True, "url": True, "end": False, "data_source": {"program": True, "owner": True}}
    search = client.search.data_products.search(DAY, DAY_END, programs=["auroramax"], response_format=expected, **QUICK)
    assert search.data
    for record in search.data:
        assert set(record) == {"start", "url", "data_source"}
        assert record["data_source"] == {"program": "auroramax"}
    template = client.search.data_products.create_response_format_template()
    whole = client.search.data_products.search(DAY, DAY_END, programs=["auroramax"], response_format=template, **QUICK)
    assert set(whole.data[0]) == {"start", "end", "data_source", "url", "data_product_type", "metadata"}


def test_no_data(client: Any) -> None:
    search = client.search.data_products.search(
        datetime(1990, 1, 1), datetime(1990, 1, 2), programs=["auroramax"], **QUICK
    )
    assert search.data == []
    assert search.status["search_result"]["result_count"] == 0


# --- ephemeris


def test_ephemeris(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    search = client.search.ephemeris.search(
        DAY, DAY + timedelta(minutes=9, seconds=59), programs=["swarm"], platforms=["swarma"],
        instrument_types=["footprint"], verbose=True, **QUICK,
    )  # fmt: skip
    assert [record.epoch for record in search.data] == [DAY + timedelta(minutes=n) for n in range(10)]
    assert isinstance(search.data[0].location_geo.lat, float)
    assert search.data[0].metadata["state"] == "definitive"
    search.pretty_print()
    assert "epoch=" in str(search.data[0])
    assert "ephemeris results" in capsys.readouterr().out
    assert search.describe().startswith("Find ephemeris for ((program in (swarm) AND platform in (swarma)")
    one = client.search.ephemeris.search(DAY, DAY, programs=["swarm"], platforms=["swarma"], **QUICK)
    assert len(one.data) == 1


def test_ephemeris_filters_and_formats(client: Any) -> None:
    region = FILTER(expressions=[EXPRESSION("nbtrace_region", "north polar cap", operator="=")])
    expected = {
        "epoch": True,
        "metadata": True,
        "location_geo": {"lat": True, "lon": True},
        "data_source": {"identifier": True},
    }
    search = client.search.ephemeris.search(
        DAY, DAY + timedelta(hours=12), platforms=["swarma"], metadata_filters=region, response_format=expected, **QUICK
    )
    assert {record["metadata"]["nbtrace_region"] for record in search.data} == {"north polar cap"}
    assert all(set(record) == set(expected) for record in search.data)
    template = client.search.ephemeris.create_response_format_template()
    whole = client.search.ephemeris.search(DAY, DAY, platforms=["swarma"], response_format=template, **QUICK)
    assert set(whole.data[0]) == set(template)


def test_missing_locations_are_null_in_both(client: Any) -> None:
    search = client.search.ephemeris.search(DAY, DAY_END, programs=["themis-asi"], platforms=["gillam"], **QUICK)
    assert search.data
    assert all((record.location_gsm.lat is None) == (record.location_gsm.lon is None) for record in search.data)


# --- conjunctions


def search_conjunctions(client: Any, **options: Any) -> Any:
    """Search for Swarm over THEMIS imagers in a night of the demonstration."""
    chosen = {"ground": [GROUND(programs=["themis-asi"])], "space": [SPACE(programs=["swarm"])], **options}
    return client.search.conjunctions.search(DAY, datetime(2020, 1, 1, 6, 59, 59), 500, **QUICK, **chosen)


def test_conjunctions(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    search = search_conjunctions(client, verbose=True)
    assert search.data
    first = search.data[0]
    assert [source.program for source in first.data_sources] == ["themis-asi", "swarm"]
    assert first.min_distance <= first.max_distance <= 500
    assert first.start <= first.closest_epoch <= first.end
    assert first.events[0]["start"] >= first.start
    search.pretty_print()
    first.pretty_print()
    assert "conjunction results" in capsys.readouterr().out
    assert search.status["search_result"]["result_count"] == len(search.data)


def test_every_type_of_conjunctions(client: Any) -> None:
    southern = search_conjunctions(client, conjunction_types=["sbtrace"])
    assert {record.conjunction_type for record in southern.data} <= {"sbtrace"}
    finer = search_conjunctions(client, subminute_precision=True)
    assert len(finer.data) >= len(search_conjunctions(client).data)
    expected = {"start": True, "min_distance": True, "data_sources": {"identifier": True}}
    formatted = search_conjunctions(client, response_format=expected)
    assert all(set(record) == set(expected) for record in formatted.data)
    assert set(formatted.data[0]["data_sources"][0]) == {"identifier"}
    template = client.search.conjunctions.create_response_format_template()
    assert (
        search_conjunctions(client, response_format=template).data[0]["events"][0]["e1_source"]["program"]
        == "themis-asi"
    )


def test_conjunctions_of_a_place_and_from_raw_queries(client: Any) -> None:
    place = pyaurorax.search.CustomLocationsCriteriaBlock(locations=[(56.4, -94.6)])
    search_result = client.search.conjunctions.search(
        DAY, DAY_END, 900, space=[SPACE(programs=["swarm"], hemisphere=["northern"])], custom_locations=[place], **QUICK
    )
    assert {record.data_sources[1].program for record in search_result.data} == {"adhoc"}
    raw = {
        "start": "2020-01-01T00:00:00.000Z",
        "end": "2020-01-01T06:59:59.000Z",
        "conjunction_types": ["nbtrace"],
        "ground": [
            {"programs": ["themis-asi"], "platforms": [], "instrument_types": [], "ephemeris_metadata_filters": {}}
        ],
        "space": [{"programs": ["swarm"], "hemisphere": ["northern"]}],
        "max_distances": {"ground1-space1": 500},
        "epoch_search_precision": 60,
    }
    whole = client.search.conjunctions.search_from_raw_query(raw, poll_interval=0.05)
    again = client.search.conjunctions.search_from_raw_query(json.dumps(raw), poll_interval=0.05)
    assert len(whole.data) == len(again.data) > 0
    assert client.search.conjunctions.search_from_raw_query(raw, return_immediately=True).executed


def test_conjunctions_with_separate_distances(client: Any) -> None:
    combos = client.search.conjunctions.create_advanced_distance_combos(400, ground=1, space=2)
    combos["space1-space2"] = None
    search = client.search.conjunctions.search(
        DAY,
        datetime(2020, 1, 1, 6),
        combos,
        ground=[GROUND(programs=["themis-asi"])],
        space=[SPACE(platforms=["swarma"]), SPACE(platforms=["swarmc"])],
        **QUICK,
    )
    assert search.data
    assert all(len(record.data_sources) == 3 for record in search.data)


@pytest.mark.parametrize(("finer", "words"), [(None, "one-minute"), (True, "sub-minute"), (False, "one-minute")])
def test_conjunctions_are_described(client: Any, finer: bool | None, words: str) -> None:
    search = client.search.ConjunctionSearch(
        client, DAY, DAY_END, 500, [GROUND(programs=["themis-asi"])], [SPACE(programs=["swarm"])],
        subminute_precision=finer,
    )  # fmt: skip
    assert f"{words} precision" in client.search.conjunctions.describe(search)
    assert client.search.conjunctions.describe(query_dict=search.query) == search.describe()


# --- requests


def test_requests_by_their_url(client: Any) -> None:
    search = client.search.EphemerisSearch(client, DAY, DAY + timedelta(hours=1), platforms=["swarma"])
    search.execute()
    status = client.search.requests.wait_for_data(search.request_url, poll_interval=0.05)
    assert status["search_result"]["error_condition"] is False
    assert client.search.requests.get_status(search.request_url)["search_request"]["query"]["request_id"] is None
    assert client.search.requests.get_logs(search.request_url)[-1]["summary"].startswith("Finished search in")
    search.update_status(status)
    records = client.search.requests.get_data(search.data_url)
    assert len(records) == status["search_result"]["result_count"] == 61
    raw = client.search.requests.get_data(search.data_url, response_format={"epoch": True}, skip_serializing=True)
    assert raw[0] == {"epoch": "2020-01-01T00:00:00"}


def test_requests_are_cancelled(client: Any) -> None:
    search = client.search.EphemerisSearch(client, DAY, DAY + timedelta(days=30), programs=["swarm", "themis"])
    search.execute()
    assert search.cancel(wait=True, poll_interval=0.05) == 0
    status = client.search.requests.get_status(search.request_url)
    assert status["search_result"]["completed_timestamp"] is not None
    other = client.search.DataProductSearch(client, DAY, DAY + timedelta(days=300), programs=["trex"])
    other.execute()
    assert client.search.requests.cancel(other.request_url, wait=True) == 0
    with pytest.raises(AuroraXAPIError, match="request ID not found"):
        client.search.requests.cancel(client.search.ephemeris.get_request_url("not-there"))


def test_requests_are_listed_with_a_key(client: Any) -> None:
    search_conjunctions(client)
    now = datetime.now(UTC)
    listed = client.search.requests.list(search_type="conjunction", start=now - timedelta(hours=1), end=now)
    assert listed
    assert {item["search_type"] for item in listed} == {"conjunction"}
    some = client.search.requests.list(
        result_count=10, file_size=1, query_duration=0, error_condition=False, active=True
    )
    assert all(item["result_count"] >= 10 for item in some)
    with pytest.raises(ValueError, match="not one that PyAuroraX knows"):
        client.search.requests.list(search_type="nonsense")
    assert client.search.requests.delete(listed[0]["request_id"]) == 0
    with pytest.raises(AuroraXAPIError, match="request ID not found"):
        client.search.requests.get_status(client.search.conjunctions.get_request_url(listed[0]["request_id"]))
    client.api_key = None
    with pytest.raises(AuroraXUnauthorizedError, match="Administrator API key"):
        client.search.requests.list()


def test_missing_records(client: Any) -> None:
    with pytest.raises(AuroraXDataRetrievalError):
        client.search.requests.get_data(f"{client.search.ephemeris.get_request_url('not-there')}/data")


# --- sources


def test_sources_are_listed(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    listed = client.search.sources.list()
    with auroraql.connect() as archive:
        assert [element.identifier for element in listed] == [source.identifier for source in archive.catalogue.sources]
    for order in ("identifier", "program", "platform", "instrument_type", "display_name", "owner"):
        assert len(client.search.sources.list(order=order)) == len(listed)
    counted = client.search.sources.list(program="swarm", include_stats=True)
    for item in counted:
        item.pretty_print()
        item.stats.pretty_print()
        assert item.stats.ephemeris_count > 0
        assert item.stats.earliest_ephemeris_loaded == datetime(2018, 1, 1)
    client.search.sources.list_in_table(limit=5)
    assert "swarma" in capsys.readouterr().out


def test_sources_are_found(client: Any) -> None:
    sources = client.search.sources
    one = sources.get("swarm", "swarma", "footprint", format=pyaurorax.search.FORMAT_IDENTIFIER_ONLY)
    assert (one.identifier, one.program) == (3, None)
    assert sources.get_using_identifier(3, format=pyaurorax.search.FORMAT_FULL_RECORD).platform == "swarma"
    assert [s.platform for s in sources.get_using_filters(program="swarm", instrument_type="footprint")] == [
        "swarma",
        "swarmb",
        "swarmc",
    ]
    assert len(sources.get_using_filters(source_type="leo", program="swarm")) == 3
    assert sources.get_using_filters(owner="nobody@example.org") == []
    assert [s.identifier for s in sources.search(programs=["swarm"], platforms=["swarmb"], include_stats=True)] == [29]
    assert sources.search(programs=["something-not-existing"]) == []
    with pytest.raises(AuroraXNotFoundError):
        sources.get("definitely", "doesnt", "exist")
    with pytest.raises(AuroraXAPIError, match="No Data Source record found in AuroraX for identifier 12345678"):
        sources.get_using_identifier(12345678)


def test_metadata_schemas(client: Any) -> None:
    schema = client.search.metadata.get_ephemeris_schema(3)
    metadata = {item["field_name"]: "" for item in schema}
    assert "nbtrace_region" in metadata
    assert client.search.metadata.validate(schema, metadata)
    assert not client.search.metadata.validate(schema, {"some_bad_key": 1})
    imager = client.search.sources.get("themis-asi", "gillam", "panchromatic ASI")
    assert client.search.metadata.get_data_products_schema(imager.identifier)
    assert client.search.metadata.get_data_products_schema(3) == []


# --- availability


def test_availability(client: Any) -> None:
    availability = client.search.availability.ephemeris(
        datetime(2020, 1, 1), datetime(2020, 1, 2), program="swarm", platform="swarma", instrument_type="footprint"
    )
    assert [item.available_ephemeris for item in availability] == [{"2020-01-01": 1440, "2020-01-02": 1440}]
    assert availability[0].data_source.program == "swarm"
    products = client.search.availability.data_products(
        datetime(2020, 1, 1), datetime(2020, 1, 1), program="trex", instrument_type="RGB ASI", slow=True
    )
    counted = {product.data_source.identifier: product.available_data_products["2020-01-01"] for product in products}
    search = client.search.data_products.search(DAY, DAY_END, programs=["trex"], instrument_types=["RGB ASI"], **QUICK)
    assert sum(counted.values()) == len(search.data)
    assert client.search.availability.ephemeris(datetime(1990, 1, 1), datetime(1990, 1, 2)) == []
