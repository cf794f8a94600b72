"""Tests of imports: what each format becomes, and one error with file, row and column for each wrong input."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from auroraql.catalogues.files import create_catalogue
from auroraql.catalogues.import_checks import ImportRules
from auroraql.catalogues.importing import ImportSettings, ImportSummary, import_records
from auroraql.catalogues.inspection import read_info
from auroraql.catalogues.sources import add_sources
from auroraql.diagnostics.errors import UsageError
from auroraql.schema import Type
from auroraql.schema.catalogue import DataSource
from auroraql.session.archive import connect
from tests.support.small_catalogue import Position, Product, write

CAMP = DataSource(7, "lab", "north camp", "ASI", "ground", "Lab north camp")
PRODUCTS: dict[str, Any] = {"kind": "data_products", "source": "7", "constants": {"data_product_type": "keogram"}}
EPHEMERIS: dict[str, Any] = {"kind": "ephemeris", "source": "lab/north camp/ASI"}


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_catalogue(tmp_path_factory.mktemp("unchanged"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return new_catalogue(tmp_path)


def new_catalogue(folder: Path) -> Path:
    path = folder / "lab.duckdb"
    create_catalogue(path, "a test")
    add_sources(path, [CAMP])
    return path


def run(
    catalogue: Path, text: str | bytes, name: str = "nights.csv", dry_run: bool = False, **settings: Any
) -> ImportSummary:
    file = catalogue.with_name(name)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return import_records(catalogue, [file], ImportSettings(**settings), dry_run=dry_run)


def rows(catalogue: Path, statement: str) -> list[tuple[object, ...]]:
    with connect(catalogue) as archive:
        return [tuple(row) for row in archive.run(statement).rows]


NIGHTS = """start;end;url;keogram_type;moon;note
2021-01-02;2021-01-02;https://lab.example/2.png;daily;5;
2021-01-01T02:00:00;2021-01-01T13:00:00;https://lab.example/1.png;daily;7.5;"a ""dark"";
night"
"""
KEOGRAMS = (
    "FIND data_products WHERE program = 'lab' SINCE 2021 SELECT start, end, metadata.moon, metadata.note ORDER BY start"
)


def test_a_csv_file_becomes_searchable(path: Path) -> None:
    columns = {"moon": "metadata.moon", "note": "metadata.note"}
    planned = run(path, NIGHTS, **PRODUCTS, columns=columns, dry_run=True)
    assert rows(path, KEOGRAMS) == []
    done = run(path, NIGHTS, **PRODUCTS, columns=columns)
    assert done == planned
    assert (done.records, done.sources, done.is_sorted) == (2, [(CAMP, 2)], False)
    assert rows(path, KEOGRAMS) == [
        (datetime(2021, 1, 1, 2), datetime(2021, 1, 1, 13), 7.5, 'a "dark";\nnight'),
        (datetime(2021, 1, 2), datetime(2021, 1, 2, 23, 59, 59), 5, None),
    ]
    with connect(path) as archive:
        keys = {key.name: key for key in archive.catalogue.metadata["data_products"]}
    assert (keys["moon"].type, keys["moon"].programs) == (Type.NUMBER, ("lab",))
    assert (keys["keogram_type"].values, keys["keogram_type"].type) == (("daily",), Type.STRING)


def test_a_repeated_import_needs_replace(path: Path) -> None:
    text = "start,end,url\n2021-01-01,2021-01-01,https://lab.example/1.png\n"
    run(path, text, **PRODUCTS)
    with pytest.raises(UsageError, match=r"nights.csv', row 1: the catalogue has this record already"):
        run(path, text, **PRODUCTS)
    with pytest.raises(UsageError, match="has this record already"):
        run(path, text, **PRODUCTS, dry_run=True)
    assert run(path, text, **PRODUCTS, replace=True).replaced == 1
    assert len(rows(path, KEOGRAMS)) == 1


def test_times_with_offsets_become_utc(path: Path) -> None:
    text = "epoch\n2021-01-01T00:00:00-07:00\n2021-07-01T00:00:00-06:00\n2021-07-01 06:01Z\n2021-07-01 06:02:00.5 UTC\n"
    run(path, text, **EPHEMERIS)
    expected = ["2021-01-01T07:00:00", "2021-07-01T06:00:00", "2021-07-01T06:01:00", "2021-07-01T06:02:00.500000"]
    with duckdb.connect(str(path), read_only=True) as connection:
        stored = connection.execute("SELECT epoch FROM ephemeris ORDER BY epoch").fetchall()
    assert [moment.isoformat() for (moment,) in stored] == expected


def test_a_declared_time_zone_is_that_of_times_without_an_offset(path: Path) -> None:
    text = "start,end,url\n2021-01-01T00:00,2021-01-01T01:00Z,https://lab.example/1.png\n"
    run(path, text, **PRODUCTS, rules=ImportRules(offset_minutes=-60))
    assert [row[:2] for row in rows(path, KEOGRAMS)] == [(datetime(2021, 1, 1, 1), datetime(2021, 1, 1, 1))]


def test_longitudes_are_wrapped_on_request(path: Path) -> None:
    text = "epoch,lat,lon\n2021-01-01,50,190\n2021-01-02,,\n2021-01-03,-50,360\n"
    columns = {"lat": "location_geo.lat", "lon": "location_geo.lon"}
    run(path, text, **EPHEMERIS, columns=columns, rules=ImportRules(wrap_longitudes=True))
    found = rows(path, "FIND ephemeris WHERE program = 'lab' SINCE 2021 SELECT location_geo.lon ORDER BY epoch")
    assert found == [(-170.0,), (None,), (0.0,)]


def test_json_of_aurorax_names_the_source_of_each_record(path: Path) -> None:
    swarm = {"identifier": 3, "program": "swarm", "platform": "swarma", "instrument_type": "footprint"}
    records: list[dict[str, Any]] = [
        {"epoch": "2021-01-01T00:01:00", "data_source": swarm, "location_geo": {"lat": 1.5, "lon": 2.5}, "metadata": {}},
        {"epoch": "2021-01-01T00:00:00", "data_source": {"identifier": 7, "program": "lab", "platform": "north camp"},
         "location_geo": {"lat": 50, "lon": -100}, "metadata": {"mode": "full", "channels": [1, 2], "n": 1}},
    ]  # fmt: skip
    with pytest.raises(UsageError, match=r"row 1: the catalogue has no data source 3/swarm/swarma/footprint"):
        run(path, json.dumps(records), "a.json", kind="ephemeris")
    done = run(path, json.dumps(records, indent=1), "a.json", kind="ephemeris", add_sources=True)
    assert [source.display_name for source in done.added_sources] == ["Swarm A"]
    lines = "\n".join(json.dumps({**record["data_source"], "epoch": "2021-01-02T00:00:00"}) for record in records)
    run(path, lines, "a.jsonl", kind="ephemeris")
    statement = "FIND ephemeris SINCE 2021 SELECT epoch, platform, location_geo.lat, metadata.mode, metadata.channels"
    assert rows(path, f"{statement} ORDER BY epoch LIMIT 2") == [
        (datetime(2021, 1, 1), "north camp", 50.0, "full", [1, 2]),
        (datetime(2021, 1, 1, 0, 1), "swarma", 1.5, None, None),
    ]


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl", "json"])
def test_results_are_imported_from_every_format_unchanged(path: Path, tmp_path: Path, suffix: str) -> None:
    night = datetime(2021, 1, 1)
    places = ((50.25, -100.5), (90.5, 200.0), None, (-50.0, 179.99))
    original = write(
        tmp_path / "original.duckdb",
        [
            Product(1, night, night.replace(hour=23), f"http://x/{n}?a=1,2", metadata={"n": n / 4, "s": "ü'\""})
            for n in range(3)
        ],
        positions=[Position(1, night, places, {"a": {"b": [True, None]}}), Position(3, night, metadata=None)],
    )
    for kind in ("data_products", "ephemeris"):
        statement = f"FIND {kind} SINCE 2021"
        with connect(original) as archive:
            result = archive.run(statement)
            result.save(tmp_path / f"{kind}.{suffix}")
        import_records(path, [tmp_path / f"{kind}.{suffix}"], ImportSettings(kind, add_sources=True))
        assert rows(path, statement) == [tuple(row) for row in result.rows], kind


WRONG_PRODUCTS = {
    "start,end,url\n2021-01-01,2021-01-01,u\n2021-13-01,2021-01-01,u": "row 2, column 'start': '2021-13-01' is not a time",
    "start,end,url\n,2021-01-01,u": "row 1, column 'start': the time is missing",
    "start,end,url\n01/02/2021,2021-01-01,u": "row 1, column 'start': '01/02/2021' is not a time",
    "start,end,url\n2021-01-05,2021-01-04,u\n2021-01-05,2021-01-04,u": "the end, '2021-01-04', is before the start (1 more rows are wrong)",
    "start,end,url\n2021-01-05,2021-01-07,u": "more than a day after its start",
    "start,end,url\n2021-01-05,2021-01-05,": "row 1, column 'url': the URL is missing",
    "start,end,url\n2021-01-05T00:00,2021-01-05T01:00Z,u": "row 1: times with and without an offset from UTC are mixed",
    "start,end,url\n2021-01-05T00:00Z,2021-01-05T01:00Z,u\n2021-01-06T00:00,2021-01-06T01:00,u": "row 2: times with and",
    "start,end,url\n2021-01-05,2021-01-05,u\n2021-01-06,2021-01-06,u\n2021-01-05,2021-01-05,u": "row 3: the record has the source, start, end, type and URL of '",
    "start,end,url,sky\n2021-01-05,2021-01-05,u,1": "a column that is not a field of data products: 'sky'",
    "start,url\n2021-01-05,u": "has no column for end",
    "start,end,url,program\n2021-01-05,2021-01-05,u,trex": "row 1: the program of the record is 'trex', and that of --source is 'lab'",
    "start,end,url\n2021-01-05,2021-01-05": "line 2 has 2 values, and the header has 3 columns",
    "start,end,url\n2021-01-05,2021-01-05,a,b": "line 2 has 4 values, and the header has 3 columns",
    'start,end,url\n2021-01-05,2021-01-05,"u': "line 2 has a double quote without its end",
    b"start,end,url\n2021-01-05,2021-01-05,\xff": "line 2 is not UTF-8 text",
    "start,end,start\n": "has two columns 'start'",
    "start,end,url\n": "has no records",
    "": "has no header",
    "start,end,url,metadata\n2021-01-05,2021-01-05,u,[1]": "row 1, column 'metadata': '[1]' is not a JSON object",
    "start,end,url,metadata\n2021-01-05,2021-01-05,u,{": "row 1, column 'metadata': '{' is not a JSON object",
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), WRONG_PRODUCTS.items(), ids=range(len(WRONG_PRODUCTS)))
def test_a_wrong_product_is_an_error_with_its_place(unchanged: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        run(unchanged, text, **PRODUCTS)
    assert f"'{unchanged.with_name('nights.csv')}'" in caught.value.message
    assert message in caught.value.message
    assert read_info(unchanged).statistics["data_products"] == {}


WRONG_EPHEMERIS = {
    "2021-01-01,50,NaN": "column 'location_geo.lon': the longitude 'NaN' is not a position",
    "2021-01-01,50,190": "column 'location_geo.lon': the longitude '190' is not from -180 to 180",
    "2021-01-01,-90.001,1": "column 'location_geo.lat': the latitude '-90.001' is not from -90 to 90",
    "2021-01-01,50,": "column 'location_geo.lat': the position has only one of latitude and longitude",
    "2021-01-01,50,x": "column 'location_geo.lon': the longitude 'x' is not a number",
    "2021-01-01,inf,0": "column 'location_geo.lat': the latitude 'inf' is not a position",
}


@pytest.mark.parametrize(("row", "message"), WRONG_EPHEMERIS.items(), ids=WRONG_EPHEMERIS)
def test_a_wrong_position_is_an_error_with_its_place(unchanged: Path, row: str, message: str) -> None:
    text = f"epoch,location_geo.lat,location_geo.lon\n2021-02-01,1,2\n{row}\n"
    with pytest.raises(UsageError) as caught:
        run(unchanged, text, **EPHEMERIS)
    assert caught.value.message == f"'{unchanged.with_name('nights.csv')}', row 2, {message}"
    assert read_info(unchanged).statistics["ephemeris"] == {}


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ('{"epoch": "2021-01-01"}\n{"epoch": 5,,}\n', "a.jsonl", "line 2 is not JSON"),
        ('[{"epoch": "2021-01-01"}, 5]', "a.json", "row 2 is not a JSON object"),
        ("5", "a.json", "does not contain JSON objects"),
        ("", "a.json", "has no records"),
        ("PAR1", "a.parquet", "cannot read '"),
    ],
)
def test_a_damaged_file_is_an_error(unchanged: Path, text: str, name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        run(unchanged, text, name, **EPHEMERIS)
    assert message in caught.value.message
    assert name in caught.value.message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"source": "nowhere"}, "the catalogue has no data source 'nowhere'"),
        ({"columns": {"ulr": "url"}}, "has no column 'ulr'"),
        ({"columns": {"url": "uri"}}, "'uri' is not a field of data products"),
        ({"constants": {"url": "http://x"}}, "column 'url' and --set http://x are both url"),
        ({"constants": {}}, "has no column for data_product_type"),
    ],
)
def test_a_wrong_option_is_an_error(unchanged: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        run(unchanged, "start,end,url\n2021-01-05,2021-01-05,u\n", **{**PRODUCTS, **settings})
    assert message in caught.value.message
