"""Ephemeris on every archive: the contract of engines/test_archives.py, and the sentence of a statement."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import pytest

from auroraql import Archive, connect, translate
from auroraql.engines.aurorax.records import unite_records
from auroraql.schema import EPHEMERIS
from tests.support import small_catalogue
from tests.support.aurorax_server import SOURCE_FIELDS, AuroraXServer
from tests.support.small_catalogue import SOURCES, Position

HERE, THERE = (58.25, -110.5), (-76.75, 179.125)


def position(source: int, epoch: str, *places: tuple[float, float] | None, **metadata: Any) -> Position:
    return Position(source, datetime.fromisoformat(epoch), places or (None,) * 4, metadata)


POSITIONS = (
    position(1, "2020-02-01T00:00", HERE, None, HERE, THERE, nbtrace_region="north cusp", radial_distance=6811.2),
    position(1, "2020-02-01T00:01", THERE, HERE, None, THERE, nbtrace_region="north polar cap", tii_on=True),
    position(1, "2020-02-01T23:59", HERE, HERE, THERE, None, radial_distance=6811, tii_on=False),
    position(1, "2020-02-02T00:00", None, None, None, None),
    position(2, "2020-02-01T00:01", HERE, None, HERE, THERE, calgary_cloud_ml_v1_confidence=99.5),
    position(3, "2020-02-01T00:01", (0.0, 0.0), None, (0.5, -0.5), (-0.5, 180.0), calgary_cloud_ml_v1_confidence="75"),
    position(44, "2020-03-31T12:00", (90.0, 0.0), HERE, (90.0, 0.0), None, nbtrace_region="north cusp"),
)
"""Made-up records, one of which has nothing but its epoch."""


def record(position: Position) -> dict[str, Any]:
    """Return a position in AuroraX's JSON shape."""
    source = next(row for row in SOURCES if row[0] == position.data_source)
    names = ("location_geo", "location_gsm", "nbtrace", "sbtrace")
    places = {
        n: dict(zip(("lat", "lon"), p or (None, None), strict=True))
        for n, p in zip(names, position.places, strict=True)
    }
    described = dict(zip(SOURCE_FIELDS, source, strict=True))
    return {"epoch": position.epoch.isoformat(), "data_source": described, **places, "metadata": position.metadata}


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Archive, Archive]]:
    shuffled = POSITIONS[1::2] + POSITIONS[::2]
    path = small_catalogue.write(tmp_path_factory.mktemp("ephemeris") / "same.duckdb", [], positions=shuffled)
    sources = [dict(zip(SOURCE_FIELDS, row, strict=True)) for row in SOURCES]
    with ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("NO_PROXY", "*")
        server = stack.enter_context(AuroraXServer([], sources, ephemeris=[record(p) for p in shuffled]))
        yield stack.enter_context(connect(path)), stack.enter_context(connect(server.url, timeout=20))


STATEMENTS = [
    ("", (0, 1, 2, 3, 4, 5, 6)),
    ("ON 2020-02-01", (0, 1, 2, 4, 5)),
    ("DURING 2020-02", (0, 1, 2, 3, 4, 5)),
    ("BETWEEN 2020-02-01T00:01 AND 2020-02-01T00:01", (1, 4, 5)),
    ("BETWEEN 2020-02-01T00:00:01 AND 2020-02-01T23:59", (1, 2, 4, 5)),
    ("SINCE 2020-02-01T23:59", (2, 3, 6)),
    ("UNTIL 2020-02-01T00:00", (0,)),
    ("WHERE epoch BETWEEN 2020-02-01T23:59 AND 2020-02-02T00:00", (2, 3)),
    ("WHERE epoch >= 2020-02-02", (3, 6)),
    ("WHERE epoch <= 2020-02-01", (0, 1, 2, 4, 5)),
    ("WHERE program = 'trex' AND platform = 'fort smith'", (4,)),
    ("WHERE instrument_type IN ('RGB ASI', 'panchromatic ASI') ON 2020-02-01", (0, 1, 2, 4, 5)),
    ("WHERE nbtrace_region = 'north cusp'", (0, 6)),
    ("WHERE nbtrace_region != 'north cusp'", (1,)),
    ("WHERE nbtrace_region NOT IN ('north polar cap', 'low latitude')", (0, 6)),
    ("WHERE radial_distance > 6811", (0,)),
    ("WHERE radial_distance BETWEEN 6811 AND 6811.2", (0, 2)),
    ("WHERE tii_on = TRUE", (1,)),
    ("WHERE tii_on = FALSE OR nbtrace_region = 'north cusp'", (0, 2, 6)),
    ("WHERE calgary_cloud_ml_v1_confidence >= 90 AND program = 'trex'", (4,)),
    ("WHERE program = 'nobody'", ()),
    ("WHERE nbtrace.lat > 58 AND nbtrace.lon < 0", (0, 4)),
    ("WHERE nbtrace.lat IS NULL", (1, 3)),
    ("WHERE NOT sbtrace.lon BETWEEN 179 AND 180", ()),
    ("WHERE epoch > 2020-02-01T00:01 AND location_geo.lat = 58.25", (2,)),
    ("WHERE platform LIKE 'GILL%' AND nbtrace_region IS NULL", (2, 3, 5)),
]


@pytest.mark.parametrize(("statement", "expected"), STATEMENTS, ids=[s or "all" for s, _ in STATEMENTS])
def test_every_archive_finds_the_same(archives: tuple[Archive, ...], statement: str, expected: tuple[int, ...]) -> None:
    for archive in archives:
        result = archive.run(f"FIND ephemeris {statement}")
        assert sorted(map(_text, result.records)) == sorted(_text(record(POSITIONS[i])) for i in expected), archive.name


def _text(document: dict[str, Any]) -> str:
    """Return a record as JSON, where all numbers have one type."""
    return json.dumps(json.loads(json.dumps(document), parse_int=float), sort_keys=True)


SELECTS = [
    "*",
    "* EXCLUDE (metadata, location_gsm)",
    "epoch, platform, nbtrace {lat, lon}",
    "epoch, location_geo, sbtrace.lon AS east",
    "epoch, radial_distance, tii_on, metadata.nbtrace_region AS region, nothing_has_this",
]
ORDERS = ["epoch, identifier", "nbtrace.lat DESC, epoch, identifier", "location_geo.lon NULLS FIRST, identifier, epoch"]


@pytest.mark.parametrize("select", SELECTS)
@pytest.mark.parametrize("order", ORDERS)
def test_every_archive_gives_the_same_rows_in_order(archives: tuple[Archive, ...], select: str, order: str) -> None:
    file, http = (archive.run(f"FIND ephemeris SELECT {select} ORDER BY {order}") for archive in archives)
    assert file.columns == http.columns
    assert list(map(repr, file.rows)) == [repr(row) for row in http.rows]
    assert [_text(record) for record in file.records] == [_text(record) for record in http.records]


def test_flat_columns_are_the_leaves_of_the_record_with_their_units(archives: tuple[Archive, ...]) -> None:
    for archive in archives:
        columns = archive.run("FIND ephemeris LIMIT 1").columns
        assert [column.name for column in columns] == [
            leaf.name.removeprefix("data_source.") for leaf in EPHEMERIS.leaves()
        ]
        assert {column.name: column.unit for column in columns if column.unit} == {
            f"{place}.{member}": "deg"
            for place in ("location_geo", "location_gsm", "nbtrace", "sbtrace")
            for member in ("lat", "lon")
        }


def test_a_record_is_identified_by_source_and_epoch() -> None:
    first = record(POSITIONS[0])
    again = {**first, "metadata": {"more": 1}}
    later = {**first, "epoch": "2020-02-01T00:02:00"}
    elsewhere = {**first, "data_source": {"identifier": 2}}
    assert unite_records([[first, later], [again, elsewhere]], "ephemeris") == [first, later, elsewhere]


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ("BETWEEN 2020-01-01 AND 2020-01-02", "  AND epoch between 2020-01-01T00:00 and 2020-01-02T23:59:59 UTC"),
        ("SINCE 2020-01-01", "  AND epoch >= 2020-01-01T00:00 UTC"),
        ("UNTIL 2020-01-01", "  AND epoch <= 2020-01-01T23:59:59 UTC"),
        ("", ""),
    ],
)
def test_the_sentence_describes_every_window(window: str, words: str) -> None:
    """Open windows are worded too, in a document and in the query sent for DESCRIBE."""
    statement = f"FIND ephemeris WHERE program = 'swarm' {window}"
    lists = "(program in (swarm) filtered by metadata ())"
    sentence = f"Find ephemeris for ({lists} AND  ephemeris_metadata_filters []){words}"
    assert translate(translate(sentence, to="json"), to="sentence") == sentence
    assert translate(sentence, to="aql") == translate(statement, to="aql")
    if window.startswith("BETWEEN"):
        assert translate(statement, to="sentence") == sentence
