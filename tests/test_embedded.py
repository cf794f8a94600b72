"""The embedded archive: the demonstration keeps its rule, its cache survives anything, a user's file stays as it is."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from auroraql.archives.demo import RULE, store
from auroraql.archives.embedded import EmbeddedEngine
from auroraql.errors import Cancelled, Failed, Refused, TimedOut, Unreachable, UsageError
from auroraql.plan import Plan, Request
from auroraql.query import And, Comparison, OrderKey, Query, Ref
from auroraql.results import Fetched, ResultSet
from auroraql.schema.catalogue import shipped
from tests.small_catalogue import FORMAT, Product, write

KIND = "data_products"
DAY = (datetime(2021, 1, 1), datetime(2021, 1, 1, 23, 59, 59))
TREX = Comparison(Ref("source", "data_source.program"), "=", ("trex",), listed=True)
DAILY = Comparison(Ref("metadata", "keogram_type"), "=", ("daily",))
KEOGRAMS = Query(KIND, And((TREX, DAILY)), *DAY)
RGB = Comparison(Ref("source", "data_source.instrument_type"), "=", ("RGB ASI",), listed=True)

CHECKSUM = "26639ea0af5d08bd2288772f156960d9-a9d8ffa4fe4ca5441bb6efb1df65043d"
"""Of every row of the demonstration. If it changes, so must the number of the rule in auroraql/archives/demo."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def demo(cache: Path) -> Iterator[EmbeddedEngine]:
    engine = EmbeddedEngine(cache_dir=cache)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def table(cache: Path, demo: EmbeddedEngine) -> Iterator[duckdb.DuckDBPyConnection]:
    """The demonstration's file itself, in a copy."""
    copy = cache / "copy.duckdb"
    copy.write_bytes(next(cache.glob("demo-*.duckdb")).read_bytes())
    with duckdb.connect(str(copy), read_only=True) as connection:
        yield connection


def plan(query: Query) -> Plan:
    return Plan(query, (Request(KIND),))


def soon(seconds: float = 60) -> float:
    return time.monotonic() + seconds


def found(engine: EmbeddedEngine, query: Query) -> ResultSet:
    run = engine.submit(plan(query))
    run.wait(soon())
    return ResultSet(plan(query), run.fetch(soon()), archive=engine.name, elapsed=0, demonstration=True)


def identifiers(engine: EmbeddedEngine, query: Query = KEOGRAMS) -> list[int]:
    return [r["data_source"]["identifier"] for r in found(engine, query).records]


# The rule of the demonstration


def test_the_five_keograms(demo: EmbeddedEngine) -> None:
    assert identifiers(demo) == [96, 101, 102, 103, 104]
    assert identifiers(demo, Query(KIND, And((TREX, RGB, DAILY)), *DAY)) == [96, 101, 102, 103, 104]
    first = found(demo, KEOGRAMS).records[0]
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


def test_as_many_as_the_real_engine_found(demo: EmbeddedEngine) -> None:
    week = Query(KIND, And((TREX, RGB)), datetime(2020, 2, 1), datetime(2020, 2, 5, 23, 59, 59))
    run = demo.submit(plan(week))
    assert run.status().result_count is None
    assert run.wait(soon()).result_count == 820
    assert "found 820 records" in run.status().logs[-1].summary


def test_shape_of_every_product(table: duckdb.DuckDBPyConnection) -> None:
    def counted(condition: str) -> int:
        return len(table.table("data_products").filter(condition))

    total = counted("true")
    assert 400_000 <= total <= 700_000
    daily, hourly = '"end" = "start" + INTERVAL 1439 MINUTE', '"end" = "start" + INTERVAL 59 MINUTE'
    midnight = '"start" = date_trunc(\'day\', "start")'
    assert counted(f'({daily} AND {midnight}) OR ({hourly} AND "start" = date_trunc(\'hour\', "start"))') == total
    assert counted('year("start") BETWEEN 2019 AND 2021 AND "end" < TIMESTAMP \'2022-01-01\'') == total
    base = "https://data[.]phys[.]ucalgary[.]ca/sort_by_project/[A-Za-z]+/[A-Za-z]+/stream2/"
    place = "[0-9]{4}/[0-9]{2}/[0-9]{2}/[a-z]+_[a-z0-9-]+"
    name = "[0-9]{8}_([0-9]{2})?_[a-z]+_[a-z0-9-]+_full-[a-z0-9.-]+[.](jpg|png|mp4)"
    assert counted(f"regexp_full_match(url, '{base}{place}(/ut[0-9]{{2}})?/{name}')") == total
    assert table.execute("SELECT count(DISTINCT url) FROM data_products").fetchall() == [(total,)]
    years = table.execute('SELECT DISTINCT year("start") FROM data_products ORDER BY ALL').fetchall()
    assert years == [(2019,), (2020,), (2021,)]


def test_only_ground_imagers_have_products(table: duckdb.DuckDBPyConnection) -> None:
    made = """
        SELECT DISTINCT source_type, program = 'trex' AND metadata['keogram_type'] = 'daily', instrument_type = 'RGB ASI'
        FROM data_products LEFT JOIN data_sources ON identifier = data_source
    """
    kinds = table.execute(made).fetchall()
    assert {source_type for source_type, _, _ in kinds} == {"ground"}
    assert {rgb for _, daily_of_trex, rgb in kinds if daily_of_trex} == {True}


def test_no_hour_without_night(table: duckdb.DuckDBPyConnection) -> None:
    """In June nothing is dark at 60 degrees north; in December it is, but not at noon."""
    hours = table.execute(
        'SELECT DISTINCT month("start"), hour("start") FROM data_products WHERE data_source = 96'
        ' AND "end" < "start" + INTERVAL 1 HOUR'
    ).fetchall()
    assert not [h for month, h in hours if month == 6]
    assert sorted(h for month, h in hours if month == 12) == list(range(15))


def test_every_build_is_the_same(table: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "again.duckdb"), config={"threads": 1}) as again:
        store.build(again)
        assert checksum(again) == checksum(table) == CHECKSUM


def checksum(connection: duckdb.DuckDBPyConnection) -> str:
    rows = """
        SELECT bit_xor(md5_number(concat_ws('|', data_source, "start", "end", data_product_type, url, metadata::JSON)))
        FROM data_products
    """
    sources = (
        "SELECT bit_xor(md5_number(concat_ws('|', COLUMNS(*)))) FROM (SELECT identifier, program FROM data_sources)"
    )
    return "-".join(format(connection.execute(sql).fetchall()[0][0], "x") for sql in (rows, sources))


def test_catalogue_is_the_shipped_one(demo: EmbeddedEngine) -> None:
    assert demo.catalogue() == shipped()
    assert demo.name == "demo"
    assert demo.capabilities.whole_query
    assert demo.capabilities.demonstration


# The cache of the demonstration


def test_built_once_and_said_in_one_line(tmp_path: Path) -> None:
    said: list[str] = []
    folder = tmp_path / "deep" / "cache"
    for _ in range(2):
        engine = EmbeddedEngine(cache_dir=folder, say=said.append)
        assert identifiers(engine) == [96, 101, 102, 103, 104]
        engine.close()
    assert len(said) == 1
    assert "\n" not in said[0]
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


def _missing_table(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("DROP TABLE data_products")


def _no_catalogue(path: Path) -> None:
    path.unlink()
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE catalogue (schema_version INTEGER)")


def _quick_build(connection: duckdb.DuckDBPyConnection) -> None:
    """In place of the whole demonstration, where it is not the question what is built."""
    connection.execute(FORMAT)
    connection.execute("INSERT INTO catalogue VALUES (1, true, 'quick', ?)", [RULE])
    connection.execute("INSERT INTO data_products SELECT 96, 'epoch', 'epoch', 'keogram', 'quick', NULL")


@pytest.mark.parametrize("damage", [_truncate, _empty, _garbage, _other_rule, _missing_table, _no_catalogue])
def test_damaged_is_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Any) -> None:
    monkeypatch.setattr(store, "build", _quick_build)
    said: list[str] = []
    for _ in range(2):
        engine = EmbeddedEngine(cache_dir=tmp_path, say=said.append)
        assert [r["url"] for r in found(engine, Query(KIND)).records] == ["quick"]
        engine.close()
        (file,) = tmp_path.iterdir()
        damage(file)
    assert len(said) == 2


def test_damage_found_while_reading(cache: Path, demo: EmbeddedEngine, tmp_path: Path) -> None:
    whole = next(cache.glob("demo-*.duckdb"))
    damaged = tmp_path / whole.name
    content = bytearray(whole.read_bytes())
    content[4_000_000:4_500_000] = bytes(500_000)
    damaged.write_bytes(content)
    engine = EmbeddedEngine(cache_dir=tmp_path)
    run = engine.submit(plan(Query(KIND)))
    with pytest.raises(Failed, match="built again the next time") as raised:
        run.wait(soon())
    engine.close()
    assert raised.value.request_id in run.request_ids
    assert not damaged.exists()


def test_two_processes_at_once(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from tests.test_embedded import EmbeddedEngine, identifiers\n"
        "engine = EmbeddedEngine(cache_dir=Path(sys.argv[1]) / 'both'); print(identifiers(engine)); engine.close()"
    )
    root = Path(__file__).parents[1]
    both = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, cwd=root, text=True)
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=60)[0].strip() for process in both]
    assert answers == ["[96, 101, 102, 103, 104]"] * 2
    assert len(list((tmp_path / "both").iterdir())) == 1


def test_where_no_cache_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "build", _quick_build)
    (tmp_path / "file").write_text("in the way")
    said: list[str] = []
    engine = EmbeddedEngine(cache_dir=tmp_path / "file" / "cache", say=said.append)
    assert identifiers(engine, Query(KIND)) == [96]
    engine.close()
    assert "in memory" in said[-1]
    assert "Not a directory" in said[-1]


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on file sizes")
def test_a_full_disk(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from tests.test_embedded import EmbeddedEngine, identifiers\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "engine = EmbeddedEngine(cache_dir=Path(sys.argv[1]), say=print); print(identifiers(engine)); engine.close()"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, str(tmp_path)], capture_output=True, cwd=root, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "[96, 101, 102, 103, 104]", done.stderr
    assert "in memory" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_an_abandoned_build_is_cleared_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = tmp_path / "building-old", tmp_path / "building-new"
    old.mkdir()
    new.mkdir()
    monkeypatch.setattr(store, "build", _quick_build)
    os.utime(old, (0, 0))
    EmbeddedEngine(cache_dir=tmp_path).close()
    assert not old.exists()
    assert new.exists()


# A user's file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    start = datetime(2020, 1, 1)
    products = [Product(1, start, start.replace(hour=n), f"u{n}", metadata={"w": n}) for n in range(5)]
    return write(tmp_path / "mine.duckdb", [*products, Product(7, start, start, "of no known source")])


def test_a_file_is_read_and_left_alone(file: Path) -> None:
    before = _state(file)
    engine = EmbeddedEngine(file)
    results = found(engine, Query(KIND, order_by=(OrderKey(Ref("record", "end"), descending=True),)))
    assert [r["url"] for r in results.records] == ["u4", "u3", "u2", "u1", "u0", "of no known source"]
    assert results.records[-1]["data_source"]["identifier"] == 7
    assert results.records[-1]["data_source"]["program"] is None
    catalogue = engine.catalogue()
    assert [s.identifier for s in catalogue.sources] == [1, 2, 3, 44]
    assert catalogue.keys(KIND) == ("w",)
    assert not engine.capabilities.demonstration
    assert engine.name == str(file)
    engine.close()
    assert _state(file) == before


def _state(file: Path) -> tuple[str, int, list[str]]:
    return (
        hashlib.sha256(file.read_bytes()).hexdigest(),
        file.stat().st_mtime_ns,
        sorted(p.name for p in file.parent.iterdir()),
    )


def test_what_is_no_catalogue(tmp_path: Path) -> None:
    text = tmp_path / "text.duckdb"
    text.write_text("no database\n" * 10_000)
    (tmp_path / "empty.duckdb").touch()
    other = tmp_path / "other.duckdb"
    duckdb.connect(str(other)).close()
    newer = write(tmp_path / "newer.duckdb", [], version=2)
    plain = write(tmp_path / "plain.duckdb", [])
    with duckdb.connect(str(plain)) as connection:
        connection.execute("ALTER TABLE data_products ALTER metadata TYPE JSON")
    for path, fact in (
        (tmp_path / "missing.duckdb", "there is no catalogue file"),
        (tmp_path, "is not a file"),
        (text, "not a valid DuckDB database"),
        (tmp_path / "empty.duckdb", "not a valid DuckDB database"),
        (other, "is not a catalogue"),
        (newer, "schema version 2"),
        (plain, "no VARIANT"),
    ):
        with pytest.raises(UsageError, match=fact) as raised:
            EmbeddedEngine(path)
        assert raised.value.hint
        assert "\n" not in raised.value.message


def test_a_damaged_file_is_kept(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[12288:] = bytes(len(content) - 12288)
    file.write_bytes(content)
    with pytest.raises((UsageError, Failed)):
        found(EmbeddedEngine(file), Query(KIND))
    assert file.read_bytes() == content


def test_a_file_in_use(file: Path) -> None:
    with duckdb.connect(str(file)), pytest.raises(Unreachable, match="in use"):
        EmbeddedEngine(file)


def test_a_file_in_use_elsewhere(file: Path) -> None:
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(Unreachable, match="in use") as raised:
            EmbeddedEngine(file)
        other.kill()
    assert raised.value.archive == str(file)


def test_readers_share_a_file(file: Path) -> None:
    engines = [EmbeddedEngine(file) for _ in range(3)]
    assert [len(found(e, Query(KIND))) for e in engines] == [6, 6, 6]
    for engine in engines:
        engine.close()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a file that may not be read")
def test_a_file_that_may_not_be_read(file: Path) -> None:
    file.chmod(0)
    with pytest.raises(Unreachable, match="cannot be read"):
        EmbeddedEngine(file)


# Runs


def test_no_request_is_no_search(demo: EmbeddedEngine) -> None:
    run = demo.submit(Plan(KEOGRAMS, ()))
    assert run.status().done
    assert run.request_ids == ()
    assert run.fetch(soon()) == Fetched(rows=())


def test_a_kind_it_does_not_hold(demo: EmbeddedEngine) -> None:
    with pytest.raises(Refused, match="ephemeris"):
        demo.submit(Plan(Query("ephemeris"), (Request("ephemeris"),)))


def test_the_deadline(demo: EmbeddedEngine) -> None:
    run = demo.submit(plan(Query(KIND)))
    began = time.monotonic()
    with pytest.raises(TimedOut) as raised:
        run.wait(soon(0.05))
    assert time.monotonic() - began < 5
    assert raised.value.request_id == run.request_ids[0]
    with pytest.raises(TimedOut):
        demo.submit(plan(KEOGRAMS)).wait(time.monotonic() - 1)
    assert identifiers(demo) == [96, 101, 102, 103, 104]
    assert demo.submit(plan(KEOGRAMS)).wait(float("inf")).done


def test_cancel(demo: EmbeddedEngine) -> None:
    run = demo.submit(plan(Query(KIND)))
    threading.Timer(0.05, run.cancel).start()
    with pytest.raises(Cancelled):
        run.wait(soon())
    early = demo.submit(plan(KEOGRAMS))
    early.cancel()
    with pytest.raises(Cancelled):
        early.wait(soon())
    done = demo.submit(plan(KEOGRAMS))
    done.wait(soon())
    done.cancel()
    assert len(done.fetch(soon()).rows or ()) == 5


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_interrupt_gets_out(cache: Path, demo: EmbeddedEngine) -> None:
    code = (
        "import sys, os, signal, threading; from pathlib import Path; from tests.test_embedded import *\n"
        "engine = EmbeddedEngine(cache_dir=Path(sys.argv[1])); run = engine.submit(plan(Query(KIND)))\n"
        "threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "try: run.wait(soon())\n"
        "except KeyboardInterrupt: print('out')\n"
        "engine.close()"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code, str(cache)], capture_output=True, cwd=root, text=True, check=False
    )
    assert done.stdout == "out\n", done.stderr


def test_threads_may_search_at_once(demo: EmbeddedEngine) -> None:
    answers: list[list[int]] = []
    threads = [threading.Thread(target=lambda: answers.append(identifiers(demo))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [[96, 101, 102, 103, 104]] * 8


def test_close_cancels_what_is_under_way(cache: Path, demo: EmbeddedEngine) -> None:
    engine = EmbeddedEngine(cache_dir=cache)
    run = engine.submit(plan(Query(KIND)))
    engine.close()
    with pytest.raises(Cancelled):
        run.wait(soon())


def test_records_are_json(demo: EmbeddedEngine) -> None:
    blue = Comparison(Ref("metadata", "wavelength"), "between", ("480", "4.9e2"))
    records = found(demo, Query(KIND, blue, *DAY, limit=3)).records
    assert [r["metadata"]["wavelength"] for r in records] == [486.1] * 3
    assert json.loads(json.dumps(records)) == records
