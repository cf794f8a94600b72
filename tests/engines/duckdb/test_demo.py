"""Tests of the demonstration catalogue: it follows its rules, and its cache survives any damage."""

from __future__ import annotations

import csv
import hashlib
import os
import random
import subprocess
import sys
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb
import pytest

from auroraql.diagnostics.errors import Failed
from auroraql.engines.duckdb import SCHEMA_VERSION
from auroraql.engines.duckdb.demo import RULE, build_demo, demo_cache_path, demo_catalogue
from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.ir.query import And, Query
from auroraql.schema.catalogue import load_shipped
from tests.conftest import ROOT
from tests.engines.duckdb import test_demo_ephemeris
from tests.support.embedded_runs import DAILY, DAY, KEOGRAMS, KIND, RGB, TREX, deadline_in, find_rows, identifiers, plan
from tests.support.small_catalogue import FORMAT

CHECKSUM = "74303633e52c1aafcc68d452eb5047ae-a29fff96d4344bca"
"""Checksum of all rows of the demonstration. If it changes, change the rule number in auroraql/engines/duckdb/demo
too.
"""


# The rules of the demonstration


def test_the_five_keograms(demo_engine: EmbeddedEngine) -> None:
    assert identifiers(demo_engine) == [96, 101, 102, 103, 104]
    assert identifiers(demo_engine, Query(KIND, And((TREX, RGB, DAILY)), *DAY)) == [96, 101, 102, 103, 104]
    first = find_rows(demo_engine, KEOGRAMS).records[0]
    assert first == {
        "start": "2021-01-01T00:00:00",
        "end": "2021-01-01T23:59:00",
        "data_source": {
            "identifier": 96,
            "program": "trex",
            "platform": "fort smith",
            "instrument_type": "RGB ASI",
            "source_type": "ground",
            "display_name": "TREx RGB FSMI",
        },
        "url": "https://data.phys.ucalgary.ca/sort_by_project/TREx/RGB/stream2/2021/01/01/fsmi_rgb-01/"
        "20210101__fsmi_rgb-01_full-keogram.jpg",
        "data_product_type": "keogram",
        "metadata": {
            "keogram_type": "daily",
            "imaging_start_time": "2021-01-01T00:25:00.000000",
            "imaging_end_time": "2021-01-01T14:37:00.000000",
        },
    }


def test_counts_equal_those_of_the_real_engine(demo_engine: EmbeddedEngine) -> None:
    week = Query(KIND, And((TREX, RGB)), datetime(2020, 2, 1), datetime(2020, 2, 5, 23, 59, 59))
    run = demo_engine.submit(plan(week))
    assert run.status().result_count is None
    assert run.wait(deadline_in()).result_count == 820
    assert "found 820 records" in run.status().logs[-1].summary


def test_shape_of_every_product(table: duckdb.DuckDBPyConnection) -> None:
    def count_products(condition: str) -> int:
        return len(table.table("data_products").filter(condition))

    total = count_products("true")
    assert 400_000 <= total <= 700_000
    daily, hourly = '"end" = "start" + INTERVAL 1439 MINUTE', '"end" = "start" + INTERVAL 59 MINUTE'
    midnight = '"start" = date_trunc(\'day\', "start")'
    assert (
        count_products(f'({daily} AND {midnight}) OR ({hourly} AND "start" = date_trunc(\'hour\', "start"))') == total
    )
    other = count_products("\"start\" < TIMESTAMP '2019-01-01' OR \"end\" >= TIMESTAMP '2022-01-02'")
    assert 0 < other == count_products("\"start\"::DATE = '2023-02-24'")
    base = "https://data[.]phys[.]ucalgary[.]ca/sort_by_project/[A-Za-z-]+/[A-Za-z]+/stream2/"
    place = "[0-9]{4}/[0-9]{2}/[0-9]{2}/[a-z]+_[a-z0-9-]+"
    name = "[0-9]{8}_([0-9]{2})?_[a-z]+_[a-z0-9-]+_full-[a-z0-9.-]+[.](jpg|png|mp4)"
    assert count_products(f"regexp_full_match(url, '{base}{place}(/ut[0-9]{{2}})?/{name}')") == total
    assert table.execute("SELECT count(DISTINCT url) FROM data_products").fetchall() == [(total,)]
    years = table.execute(
        'SELECT year("start"), count(*) > 200_000 FROM data_products GROUP BY 1 ORDER BY 1'
    ).fetchall()
    assert years == [(2019, True), (2020, True), (2021, True), (2022, False), (2023, False)]


def test_only_ground_imagers_have_products(table: duckdb.DuckDBPyConnection) -> None:
    query = """
        SELECT DISTINCT source_type, program = 'trex' AND metadata['keogram_type'] = 'daily', instrument_type = 'RGB ASI'
        FROM data_products LEFT JOIN data_sources ON identifier = data_source
    """
    kinds = table.execute(query).fetchall()
    assert {source_type for source_type, _, _ in kinds} == {"ground"}
    assert {rgb for _, daily_of_trex, rgb in kinds if daily_of_trex} == {True}


def test_no_products_without_night(table: duckdb.DuckDBPyConnection) -> None:
    """In June, 60 degrees north never gets dark; in December it does, but not at noon."""
    hours = table.execute(
        'SELECT DISTINCT month("start"), hour("start") FROM data_products WHERE data_source = 96'
        ' AND "end" < "start" + INTERVAL 1 HOUR'
    ).fetchall()
    assert not [h for month, h in hours if month == 6]
    assert sorted(h for month, h in hours if month == 12) == list(range(15))


def test_every_build_is_the_same(table: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "again.duckdb"), config={"threads": 1}) as again:
        build_demo(again)
        assert checksum(again) == checksum(table) == CHECKSUM
        assert test_demo_ephemeris.checksum(again) == test_demo_ephemeris.CHECKSUM


def checksum(connection: duckdb.DuckDBPyConnection) -> str:
    rows = """
        SELECT bit_xor(md5_number(concat_ws('|', data_source, "start", "end", data_product_type, url, metadata::JSON)))
        FROM data_products
    """
    (number,) = connection.execute(rows).fetchall()[0]
    sources = connection.execute("FROM data_sources ORDER BY ALL").fetchall()
    return f"{number:032x}-{hashlib.sha256(repr(sources).encode()).hexdigest()[:16]}"


def test_the_catalogue_lists_what_the_file_contains(demo_engine: EmbeddedEngine) -> None:
    file = EmbeddedEngine(demo_cache_path(None))
    assert (file.catalogue().sources, file.catalogue().metadata) == (load_shipped().sources, load_shipped().metadata)
    assert demo_engine.catalogue() == demo_catalogue()
    assert demo_engine.name == "demo"
    assert demo_engine.capabilities == file.capabilities
    assert demo_engine.capabilities.whole_query
    assert demo_engine.capabilities.demonstration
    file.close()


def test_invented_source_identifiers_are_marked() -> None:
    """Identifiers that AuroraX has not published start at 900, and the list marks them."""
    rows = list(
        csv.DictReader(resources.files("auroraql.schema").joinpath("data_sources.csv").read_text().splitlines())
    )
    assert all(row["note"] for row in rows if int(row["identifier"]) >= 900 or row["program"] == "rego")
    numbers = [int(row["identifier"]) for row in rows]
    assert numbers == sorted(set(numbers))


def test_every_program_has_records(table: duckdb.DuckDBPyConnection) -> None:
    rows = table.execute("""
        SELECT DISTINCT program FROM data_sources
        WHERE identifier IN (SELECT data_source FROM data_products UNION SELECT data_source FROM ephemeris)
    """).fetchall()
    assert {program for (program,) in rows} == {*load_shipped().values("program")}


# The cache of the demonstration


def test_the_demonstration_is_built_once_and_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auroraql.engines.duckdb.demo.demo_cache.build_demo", quick_build)
    messages: list[str] = []
    folder = tmp_path / "deep" / "cache"
    for _ in range(2):
        engine = EmbeddedEngine(cache_dir=folder, say=messages.append)
        assert identifiers(engine, Query(KIND)) == [96]
        engine.close()
    assert len(messages) == 1
    assert "\n" not in messages[0]
    assert [p.suffix for p in folder.iterdir()] == [".duckdb"]
    if os.name == "posix":
        assert folder.stat().st_mode & 0o777 == 0o700


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(100_000))


def _other_rule(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE catalogue SET rule = 'demonstration rule 0'")


def _drop_table(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("DROP TABLE data_products")


def _no_catalogue(path: Path) -> None:
    path.unlink()
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE catalogue (schema_version INTEGER)")


def quick_build(connection: duckdb.DuckDBPyConnection) -> None:
    """Replace the build of the demonstration by a quick one, for tests that do not depend on its contents."""
    connection.execute(FORMAT)
    connection.execute("INSERT INTO catalogue VALUES (?, true, 'quick', ?)", [SCHEMA_VERSION, RULE])
    connection.execute("INSERT INTO data_products SELECT 96, 'epoch', 'epoch', 'keogram', 'quick', NULL")


@pytest.mark.parametrize("damage", [_truncate, _empty, _garbage, _other_rule, _drop_table, _no_catalogue])
def test_a_damaged_cache_is_rebuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Any) -> None:
    monkeypatch.setattr("auroraql.engines.duckdb.demo.demo_cache.build_demo", quick_build)
    messages: list[str] = []
    for _ in range(2):
        engine = EmbeddedEngine(cache_dir=tmp_path, say=messages.append)
        assert [r["url"] for r in find_rows(engine, Query(KIND)).records] == ["quick"]
        engine.close()
        (file,) = tmp_path.iterdir()
        damage(file)
    assert len(messages) == 2


def test_damage_found_while_reading(demo_engine: EmbeddedEngine, tmp_path: Path) -> None:
    whole = demo_cache_path(None)
    damaged = tmp_path / whole.name
    content = bytearray(whole.read_bytes())
    content[4_000_000:4_500_000] = bytes(500_000)
    damaged.write_bytes(content)
    engine = EmbeddedEngine(cache_dir=tmp_path)
    run = engine.submit(plan(Query(KIND)))
    with pytest.raises(Failed, match="rebuilt on the next use") as raised:
        run.wait(deadline_in())
    engine.close()
    assert raised.value.request_id in run.request_ids
    assert not damaged.exists()


def test_two_processes_build_at_once(tmp_path: Path) -> None:
    """Each process starts to build before the other has finished."""
    code = """
import sys, time
from pathlib import Path
from auroraql.engines.duckdb.demo import demo_cache
from tests.support.embedded_runs import KIND, EmbeddedEngine, Query, identifiers
from tests.engines.duckdb.test_demo import quick_build
folder, mine, other = map(Path, sys.argv[1:])
def build(connection):
    quick_build(connection)
    mine.touch()
    end = time.monotonic() + 30
    while not other.exists() and time.monotonic() < end:
        time.sleep(0.01)
demo_cache.build_demo = build
engine = EmbeddedEngine(cache_dir=folder)
print(identifiers(engine, Query(KIND)), other.exists())
engine.close()
"""
    folder, one, other = (str(tmp_path / name) for name in ("both", "one", "other"))
    both = [
        subprocess.Popen([sys.executable, "-c", code, folder, *marks], stdout=subprocess.PIPE, cwd=ROOT, text=True)
        for marks in ((one, other), (other, one))
    ]
    answers = [process.communicate(timeout=60)[0].strip() for process in both]
    assert answers == ["[96] True"] * 2
    assert len(list((tmp_path / "both").iterdir())) == 1


def test_a_folder_that_cannot_hold_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auroraql.engines.duckdb.demo.demo_cache.build_demo", quick_build)
    (tmp_path / "file").write_text("in the way")
    messages: list[str] = []
    engine = EmbeddedEngine(cache_dir=tmp_path / "file" / "cache", say=messages.append)
    assert identifiers(engine, Query(KIND)) == [96]
    engine.close()
    assert "in memory" in messages[-1]
    assert "Not a directory" in messages[-1]


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on file sizes")
def test_a_full_disk(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from tests.support.embedded_runs import EmbeddedEngine, identifiers\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "engine = EmbeddedEngine(cache_dir=Path(sys.argv[1]), say=print); print(identifiers(engine)); engine.close()"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, str(tmp_path)], capture_output=True, cwd=ROOT, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "[96, 101, 102, 103, 104]", done.stderr
    assert "in memory" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_an_abandoned_build_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = tmp_path / "building-old", tmp_path / "building-new"
    old.mkdir()
    new.mkdir()
    monkeypatch.setattr("auroraql.engines.duckdb.demo.demo_cache.build_demo", quick_build)
    os.utime(old, (0, 0))
    EmbeddedEngine(cache_dir=tmp_path).close()
    assert not old.exists()
    assert new.exists()
