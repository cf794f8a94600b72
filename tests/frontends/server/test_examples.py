"""Tests that the demonstration contains what AuroraX's published examples search for, with the published client."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyaurorax
import pytest
from pyaurorax.cli.templates import CONJUNCTION_SEARCH_TEMPLATE
from pyaurorax.search import (
    CustomLocationsCriteriaBlock,
    EventsCriteriaBlock,
    GroundCriteriaBlock,
    Location,
    MetadataFilter,
    MetadataFilterExpression,
    SpaceCriteriaBlock,
)

from tests.support.server_process import ServerProcess

QUICK = {"poll_interval": 0.05}
IMAGERS = GroundCriteriaBlock(programs=["themis-asi"])
SWARM, THEMIS = SpaceCriteriaBlock(programs=["swarm"]), SpaceCriteriaBlock(programs=["themis"])
NORTHERN_THEMIS = SpaceCriteriaBlock(programs=["themis"], hemisphere=["northern"])
CALGARY = CustomLocationsCriteriaBlock(locations=[(51.05, -114.07)])
ONSETS = EventsCriteriaBlock(instrument_types=["substorm onset"])

Window = tuple[datetime, datetime]


def days(first: str, last: str = "") -> Window:
    return datetime.fromisoformat(first), datetime.fromisoformat(last or first) + timedelta(days=1, seconds=-1)


def filter_group(*expressions: tuple[str, str, Any], operator: str = "AND") -> Any:
    filters = [MetadataFilterExpression(key, values, operator=sign) for key, sign, values in expressions]
    return MetadataFilter(expressions=filters, operator=operator)


@pytest.fixture
def client(server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return pyaurorax.PyAuroraX(api_base_url=server.url, download_output_root_path=str(tmp_path))


MORNING = (datetime(2020, 1, 1), datetime(2020, 1, 1, 6, 59, 59))
POLAR_SWARM = SpaceCriteriaBlock(
    programs=["swarm"], metadata_filters=filter_group(("nbtrace_region", "=", "north polar cap"))
)


@pytest.mark.parametrize(
    ("window", "distance", "blocks"),
    [
        (MORNING, 100, {"ground": [IMAGERS], "space": [SWARM]}),
        (days("2020-01-01"), 100, {"ground": [IMAGERS], "space": [SWARM], "conjunction_types": ["sbtrace"]}),
        (days("2019-01-01"), 500, {"ground": [IMAGERS], "space": [SWARM], "subminute_precision": True}),
        (
            (datetime(2022, 1, 1), datetime(2022, 1, 1, 6, 59, 59)),
            500,
            {"ground": [IMAGERS, GroundCriteriaBlock(programs=["trex"])], "space": [SWARM]},
        ),
        (
            days("2019-02-01"),
            300,
            {"space": [SpaceCriteriaBlock(programs=["swarm"], hemisphere=["southern"]), NORTHERN_THEMIS]},
        ),
        (
            days("2019-02-01", "2019-02-03"),
            500,
            {"ground": [GroundCriteriaBlock(programs=["themis-asi", "rego"])], "space": [POLAR_SWARM]},
        ),
        (
            days("2020-01-01", "2020-01-04"),
            {
                "ground1-ground2": None, "ground1-space1": 500, "ground1-space2": 500,
                "ground2-space1": 500, "ground2-space2": 500, "space1-space2": None,
            },
            {
                "ground": [GroundCriteriaBlock(programs=["rego"]), GroundCriteriaBlock(programs=["trex"])],
                "space": [SWARM, THEMIS],
            },
        ),
        (days("2019-02-05"), {"ground1-space1": 200, "space1-space2": 500}, {"ground": [IMAGERS], "space": [SWARM, THEMIS]}),
        (days("2008-01-01", "2008-12-31"), 500, {"space": [THEMIS], "events": [ONSETS]}),
        (days("2008-03-01"), 500, {"space": [SWARM, THEMIS][1:], "events": [ONSETS]}),
        (days("2018-01-01"), 500, {"space": [SWARM], "custom_locations": [CALGARY]}),
        (days("2021-01-01", "2021-01-03"), 400, {"space": [SWARM], "custom_locations": [CALGARY]}),
    ],
)  # fmt: skip
def test_conjunctions(client: Any, window: Window, distance: Any, blocks: dict[str, Any]) -> None:
    search_result = client.search.conjunctions.search(*window, distance, **blocks, **QUICK)
    assert search_result.data
    assert {record.conjunction_type for record in search_result.data} == set(
        blocks.get("conjunction_types", ["nbtrace"])
    )


@pytest.mark.parametrize("version", ["calgary_{}_ml_v1", "ucalgary_themis_{}_ml_v2"])
def test_conjunctions_from_models(client: Any, version: str) -> None:
    sky, aurora = version.format("cloud"), version.format("apa")
    clear = GroundCriteriaBlock(
        programs=["themis-asi"], metadata_filters=filter_group((sky, "=", "classified as not cloudy"))
    )
    search_result = client.search.conjunctions.search(
        *days("2019-03-27"), 300, ground=[clear], space=[POLAR_SWARM], **QUICK
    )
    assert search_result.data
    sure = filter_group((aurora, "=", "classified as APA"), (f"{aurora}_confidence", ">=", 95))
    pulsating = GroundCriteriaBlock(programs=["themis-asi"], metadata_filters=sure)
    window = days("2008-01-11", "2008-01-15")
    assert client.search.conjunctions.search(*window, 500, ground=[pulsating], space=[NORTHERN_THEMIS], **QUICK).data
    hour = (datetime(2008, 1, 1, 11), datetime(2008, 1, 1, 11, 59, 59))
    for searched in (hour, days("2008-01-05")):
        assert client.search.ephemeris.search(*searched, programs=["themis-asi"], metadata_filters=sure, **QUICK).data
    bright = filter_group((sky, "=", "classified as not cloudy"), (f"{sky}_confidence", ">=", 75))
    gillam = {"programs": ["themis-asi"], "platforms": ["gillam"], "metadata_filters": bright}
    assert client.search.ephemeris.search(*days("2008-01-02"), **gillam, **QUICK).data


def test_one_conjunction_and_none(client: Any) -> None:
    blocks = {"ground": [IMAGERS], "space": [SWARM]}
    minutes = (datetime(2020, 1, 1, 0, 7), datetime(2020, 1, 1, 0, 9))
    one = client.search.conjunctions.search(*minutes, 200, **blocks, **QUICK)
    assert len(one.data) == 1
    one.pretty_print()
    assert client.search.conjunctions.search(*days("1990-01-01"), 200, **blocks, **QUICK).data == []


def test_ephemeris_and_data_products(client: Any) -> None:
    swarma = {"programs": ["swarm"], "platforms": ["swarma"], "instrument_types": ["footprint"]}
    start = datetime(2019, 1, 1)
    assert len(client.search.ephemeris.search(start, start + timedelta(seconds=59), **swarma, **QUICK).data) == 1
    region = filter_group(("nbtrace_region", "=", "north polar cap"))
    noon = start + timedelta(hours=12)
    assert client.search.ephemeris.search(start, noon, metadata_filters=region, **swarma, **QUICK).data
    afternoon = (datetime(2019, 1, 1, 16), datetime(2019, 1, 1, 16, 9, 59))
    gillam = {"programs": ["themis-asi"], "platforms": ["gillam"]}
    assert client.search.ephemeris.search(*afternoon, **gillam, **QUICK).data == []
    one = filter_group(("keogram_type", "=", "daily_hires"))
    keograms = {"programs": ["auroramax"], "data_product_types": ["keogram"], "metadata_filters": one}
    assert len(client.search.data_products.search(*days("2020-01-01"), **keograms, **QUICK).data) == 1


@pytest.mark.parametrize("kind", ["ephemeris", "data_products"])
def test_availability(client: Any, kind: str) -> None:
    day = datetime(2022, 1, 1)
    ask = getattr(client.search.availability, kind)
    for only in (
        {},
        {"program": "trex"},
        {"platform": "gillam"},
        {"instrument_type": "RGB ASI"},
        {"source_type": "ground"},
    ):
        availability = ask(day, day, **only)
        assert availability
        assert all(set(getattr(item, f"available_{kind}")) == {"2022-01-01"} for item in availability)
    assert client.search.availability.ephemeris(day, day, source_type="heo")
    assert client.search.availability.data_products(
        datetime(2019, 1, 1), datetime(2019, 1, 2), program="trex", slow=True
    )
    assert ask(day, day, program="something-that-does-not-exist") == []


def test_sources(client: Any) -> None:
    sources = client.search.sources
    assert [sources.get_using_identifier(number).identifier for number in (3, 30, 44, 76)] == [3, 30, 44, 76]
    steve = sources.get("events", "mcgrath", "STEVE", format=pyaurorax.search.FORMAT_IDENTIFIER_ONLY)
    assert client.search.metadata.get_ephemeris_schema(steve.identifier) == []
    assert client.search.metadata.get_data_products_schema(steve.identifier) == []
    assert len(sources.search(programs=["swarm"])) == 3


def test_queries_are_described_as_objects_and_as_documents(client: Any) -> None:
    """The window within one second is one that pyaurorax's own tests describe."""
    search = client.search
    products = search.DataProductSearch(client, *days("2020-01-01"), programs=["auroramax"])
    ephemeris = search.EphemerisSearch(client, *days("2020-01-01"), programs=["swarm"])
    assert search.data_products.describe(products) == search.data_products.describe(query_dict=products.query)
    assert search.ephemeris.describe(ephemeris) == search.ephemeris.describe(query_dict=ephemeris.query)
    moment = "2025-02-05T16:36:43.720Z"
    document = {"data_sources": {"programs": ["themis-asi"], "platforms": ["gillam"]}, "start": moment, "end": moment}
    assert "2025-02-05T16:36:43" in search.ephemeris.describe(query_dict=document)
    assert "2025-02-05T16:36:43" in search.data_products.describe(query_dict=document)
    described = search.conjunctions.describe(query_dict=CONJUNCTION_SEARCH_TEMPLATE)
    assert described.startswith("Find conjunctions of type (nbtrace)")


def test_an_asynchronous_search(client: Any) -> None:
    search = client.search.ConjunctionSearch(client, *MORNING, 200, ground=[IMAGERS], space=[SWARM])
    search.check_criteria_block_count_validity()
    assert search.get_advanced_distances_combos(200) == {"ground1-space1": 200}
    search.execute()
    search.get_data()  # reports that it is too early
    search.update_status()
    search.wait(poll_interval=0.05)
    assert search.check_for_data()
    search.get_data()
    assert search.data
    assert search.request_id in client.search.conjunctions.swarmaurora.get_url(search)


def test_functions_without_a_server(client: Any) -> None:
    north, south = Location(lat=51.05, lon=-114.07), Location(lat=-51.05, lon=-114.07)
    assert client.search.util.ground_geo_to_nbtrace(north, datetime(2020, 1, 1)) == north
    assert client.search.util.ground_geo_to_sbtrace(south, datetime(2020, 1, 1)) == south
    combos = client.search.conjunctions.create_advanced_distance_combos(500, ground=1, space=2)
    assert set(combos) == {"ground1-space1", "ground1-space2", "space1-space2"}


# --- completeness

OUTSIDE = {"conjunctions.swarmaurora.create_custom_import_file", "conjunctions.swarmaurora.open_in_browser"}
"""Methods that contact another site."""


def public_methods(search: Any) -> Iterator[str]:
    """Return every method of pyaurorax's search module as manager.method, and of its search objects as .method."""
    managers = {name: value for name, value in vars(type(search)).items() if isinstance(value, property)}
    for name in managers:
        yield from _methods(getattr(search, name), name)
    for item in (search.ConjunctionSearch, search.DataProductSearch, search.EphemerisSearch):
        yield from (f".{name}" for name, _ in inspect.getmembers(item, inspect.isfunction) if not name.startswith("_"))


def _methods(manager: object, name: str) -> Iterator[str]:
    if not type(manager).__module__.startswith("pyaurorax") or inspect.isclass(manager):
        return
    for member, value in inspect.getmembers(manager):
        if inspect.ismethod(value) and not member.startswith("_"):
            yield f"{name}.{member}"
        elif type(value).__name__.endswith("Manager") and not member.startswith("_"):
            yield from _methods(value, f"{name}.{member}")


def test_every_method_of_the_client_is_called(client: Any) -> None:
    """A test of the server calls it; a method that is new in pyaurorax must be added here."""
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    called = set(re.findall(r"\bsearch((?:[.][a-z_]+)+)[(]", tests)) | set(re.findall(r"([.][a-z_]+)[(]", tests))
    called = {name.removeprefix(".") if name.count(".") > 1 else name for name in called}
    for name in ("sources", "data_products"):  # where a test uses a shorter name
        called |= {f"{name}{match}" for match in re.findall(rf"\b{name.rpartition('_')[2]}([.][a-z_]+)[(]", tests)}
    methods = set(public_methods(client.search))
    assert {"sources.list", "conjunctions.search", "ephemeris.upload", ".cancel"} <= methods
    assert sorted(methods - called - OUTSIDE) == []
