"""Tests of the embedded archive: a user's file is read but never changed, and runs end on time or on request."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from auroraql.diagnostics.errors import Cancelled, Failed, Refused, TimedOut, Unreachable, UsageError
from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.ir.plan import Plan, Request
from auroraql.ir.query import Comparison, OrderKey, Query, Ref
from auroraql.results.result_set import FetchedData
from auroraql.schema.operators import Op
from tests.conftest import ROOT
from tests.support.embedded_runs import DAY, KEOGRAMS, KIND, deadline_in, find_rows, identifiers, plan
from tests.support.small_catalogue import Product, write

# A user's file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    start = datetime(2020, 1, 1)
    products = [Product(1, start, start.replace(hour=n), f"u{n}", metadata={"w": n}) for n in range(5)]
    return write(tmp_path / "mine.duckdb", [*products, Product(7, start, start, "of no known source")])


def test_a_file_is_read_and_not_changed(file: Path) -> None:
    before = _state(file)
    engine = EmbeddedEngine(file)
    results = find_rows(engine, Query(KIND, order_by=(OrderKey(Ref("record", "end"), descending=True),)))
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


def test_a_file_that_is_not_a_catalogue(tmp_path: Path) -> None:
    text = tmp_path / "text.duckdb"
    text.write_text("no database\n" * 10_000)
    (tmp_path / "empty.duckdb").touch()
    other = tmp_path / "other.duckdb"
    duckdb.connect(str(other)).close()
    older = write(tmp_path / "older.duckdb", [], version=1)
    newer = write(tmp_path / "newer.duckdb", [], version=4)
    plain = write(tmp_path / "plain.duckdb", [])
    with duckdb.connect(str(plain)) as connection:
        connection.execute("ALTER TABLE data_products ALTER metadata TYPE JSON")
    for path, fact in (
        (tmp_path / "missing.duckdb", "does not exist"),
        (tmp_path, "is not a file"),
        (text, "not a valid DuckDB database"),
        (tmp_path / "empty.duckdb", "not a valid DuckDB database"),
        (other, "is not a catalogue"),
        (older, "schema version 1; this AuroraQL reads version 3"),
        (newer, "schema version 4"),
        (plain, "is JSON, not VARIANT"),
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
        find_rows(EmbeddedEngine(file), Query(KIND))
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
    assert [len(find_rows(e, Query(KIND))) for e in engines] == [6, 6, 6]
    for engine in engines:
        engine.close()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a file that may not be read")
def test_a_file_without_read_permission(file: Path) -> None:
    file.chmod(0)
    with pytest.raises(Unreachable, match="cannot be read"):
        EmbeddedEngine(file)


# Runs


def test_a_plan_without_requests_searches_nothing(demo_engine: EmbeddedEngine) -> None:
    run = demo_engine.submit(Plan(KEOGRAMS, ()))
    assert run.status().done
    assert run.request_ids == ()
    assert run.fetch(deadline_in()) == FetchedData(rows=())


def test_an_unsupported_kind(demo_engine: EmbeddedEngine) -> None:
    with pytest.raises(Refused, match="it contains no magnetograms"):
        demo_engine.submit(Plan(Query("magnetograms"), (Request("magnetograms"),)))


def test_the_deadline(demo_engine: EmbeddedEngine) -> None:
    run = demo_engine.submit(plan(Query(KIND)))
    began = time.monotonic()
    with pytest.raises(TimedOut) as raised:
        run.wait(deadline_in(0.05))
    assert time.monotonic() - began < 5
    assert raised.value.request_id == run.request_ids[0]
    with pytest.raises(TimedOut):
        demo_engine.submit(plan(KEOGRAMS)).wait(time.monotonic() - 1)
    assert identifiers(demo_engine) == [96, 101, 102, 103, 104]
    assert demo_engine.submit(plan(KEOGRAMS)).wait(float("inf")).done


def test_cancel(demo_engine: EmbeddedEngine) -> None:
    run = demo_engine.submit(plan(Query(KIND)))
    threading.Timer(0.05, run.cancel).start()
    with pytest.raises(Cancelled):
        run.wait(deadline_in())
    early = demo_engine.submit(plan(KEOGRAMS))
    early.cancel()
    with pytest.raises(Cancelled):
        early.wait(deadline_in())
    done = demo_engine.submit(plan(KEOGRAMS))
    done.wait(deadline_in())
    done.cancel()
    assert len(done.fetch(deadline_in()).rows or ()) == 5


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_interrupt_ends_a_run(demo_engine: EmbeddedEngine) -> None:
    code = (
        "import sys, os, signal, threading; from pathlib import Path; from tests.support.embedded_runs import *\n"
        "engine = EmbeddedEngine(); run = engine.submit(plan(Query(KIND)))\n"
        "threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "try: run.wait(deadline_in())\n"
        "except KeyboardInterrupt: print('out')\n"
        "engine.close()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT, text=True, check=False)
    assert done.stdout == "out\n", done.stderr


def test_threads_can_search_concurrently(demo_engine: EmbeddedEngine) -> None:
    answers: list[list[int]] = []
    threads = [threading.Thread(target=lambda: answers.append(identifiers(demo_engine))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [[96, 101, 102, 103, 104]] * 8


def test_close_cancels_running_searches(demo_engine: EmbeddedEngine) -> None:
    engine = EmbeddedEngine()
    run = engine.submit(plan(Query(KIND)))
    engine.close()
    with pytest.raises(Cancelled):
        run.wait(deadline_in())


def test_records_are_json(demo_engine: EmbeddedEngine) -> None:
    blue = Comparison(Ref("metadata", "wavelength"), Op.BETWEEN, ("480", "4.9e2"))
    records = find_rows(demo_engine, Query(KIND, blue, *DAY, limit=3)).records
    assert [r["metadata"]["wavelength"] for r in records] == [486.1] * 3
    assert json.loads(json.dumps(records)) == records


def test_the_program_waits_for_a_file_that_is_being_opened() -> None:
    # DuckDB aborts the whole process when Python ends a thread in the middle of its code.
    slowly = (
        "import time; from auroraql.engines.duckdb.embedded_engine import BackgroundOpening; "
        "BackgroundOpening(lambda: (time.sleep(0.3), print('opened'))).start()"
    )
    done = subprocess.run([sys.executable, "-c", slowly], capture_output=True, check=True, timeout=60)
    assert done.stdout.split() == [b"opened"]
