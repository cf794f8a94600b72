"""Tests of searches that exceed memory: they spill to a private folder, which is removed however the process ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import duckdb
import pytest

from auroraql.engines.duckdb import spill_folder
from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine, OutOfMemory
from auroraql.ir.query import OrderKey, Query, Ref
from auroraql.session.archive import connect
from tests.support.embedded_runs import deadline_in, plan
from tests.support.small_catalogue import write

_ROWS = 400_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a catalogue whose sorted rows take more memory than these tests allow."""
    path = write(tmp_path_factory.mktemp("large") / "large.duckdb", [])
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "INSERT INTO data_products SELECT 1, TIMESTAMP '2020-01-01' + to_seconds(i::BIGINT),"
            " TIMESTAMP '2020-01-01' + to_seconds(i::BIGINT), 'keogram',"
            " 'https://example.org/' || repeat(md5(i::VARCHAR), 3), NULL FROM range($1) AS r(i)",
            [_ROWS],
        )
    return path


BY_URL = Query("data_products", order_by=(OrderKey(Ref("record", "url")),))


_LITTLE: spill_folder.Settings = {"memory_limit": "100MB", "threads": 1}


def _first(path: Path, settings: spill_folder.Settings) -> list[Any]:
    """Return the first page of all rows in the order of their URLs, which needs a complete sort."""
    engine = EmbeddedEngine(path, config={**_LITTLE, **settings})
    try:
        with closing(cast("Any", engine.submit(plan(BY_URL)).pages(deadline_in(), 1000))) as pages:
            return cast("list[Any]", next(pages))
    finally:
        engine.close()


def test_a_search_that_exceeds_memory_spills(large: Path, tmp_path: Path) -> None:
    rows = _first(large, spill_folder.SpillFolder(tmp_path, 1 << 30).settings("x"))
    assert len(rows) == 1000
    assert rows == sorted(rows, key=lambda row: row[-3])
    assert list(tmp_path.iterdir()) == []  # the spill files are gone
    with pytest.raises(OutOfMemory, match="exceeds the memory limit"):  # the memory that the search took
        _first(large, spill_folder.NO_SPILL)


def test_a_full_spill_folder_is_one_clear_error(large: Path, tmp_path: Path) -> None:
    with pytest.raises(OutOfMemory, match="the disk space limit") as raised:
        _first(large, spill_folder.SpillFolder(tmp_path, 1 << 20).settings("x"))
    assert "\n" not in raised.value.message
    assert "PRAGMA" not in str(raised.value)
    assert "narrow the search" in raised.value.hint
    with pytest.raises(OutOfMemory, match="cannot be written to disk"):
        _first(large, spill_folder.SpillFolder(tmp_path / "spill-gone", 1 << 30).settings("x"))


def test_the_memory_limit_is_half_of_the_available_memory(large: Path) -> None:
    engine = EmbeddedEngine(large)
    with engine.reading(deadline_in()) as cursor:
        row = cursor.execute("SELECT current_setting('memory_limit'), current_setting('temp_directory')").fetchone()
    engine.close()
    with duckdb.connect() as plain:
        usual = plain.execute("SELECT current_setting('memory_limit')").fetchone()
    assert row is not None
    assert usual is not None
    assert _size(row[0]) == pytest.approx(_size(usual[0]) * 0.5 / 0.8, rel=0.05)
    assert Path(row[1]).parent.name.startswith("spill-")


def _size(text: str) -> float:
    number, unit = text.split()
    return float(number) * {"MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}[unit]


_PROGRAM = """
import sys, time
from auroraql.session.archive import connect
archive = connect()
archive.run("FIND data_products LIMIT 1")
print("open", flush=True)
time.sleep(float(sys.argv[1]))
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_no_files_are_left_by_processes_that_end_or_are_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, isolated_user_folders: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with connect() as archive:
        archive.run("FIND data_products LIMIT 1")

    def folders() -> list[Path]:
        return list(tmp_path.rglob("spill-*"))

    def started(seconds: float) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(seconds)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        return process

    one, other = started(60), started(60)
    done = None
    try:
        assert len(folders()) == 2
        assert all((path.stat().st_mode & 0o777) == 0o700 for path in folders())
        (folders()[0] / "left.tmp").write_bytes(b"x" * 1000)
        one.send_signal(signal.SIGKILL)
        one.wait()
        assert len(folders()) == 2  # no process could remove it yet
        done = started(0)
        done.wait()
        assert done.returncode == 0
        assert len(folders()) == 1  # the live process keeps its own
        assert other.poll() is None
    finally:
        for process in filter(None, (one, other, done)):
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


_UNCLOSED = """
import sys, time
from auroraql.session.archive import connect
archive = connect()
search = archive.submit(
    "FIND conjunctions OF ground (program='themis-asi'), space (program='swarm') WITHIN 5000 km"
    " BETWEEN 2020-01-01 AND 2020-02-20"
)
if sys.argv[2] == "dropped":
    del archive
time.sleep(float(sys.argv[1]))
"""


@pytest.mark.parametrize(("seconds", "output"), [("0.05", "kept"), ("0.4", "kept"), ("0.4", "dropped")])
def test_a_program_exits_cleanly_during_a_search(seconds: str, output: str, isolated_user_folders: Path) -> None:
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", _UNCLOSED, seconds, output], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert time.monotonic() - began < 30
