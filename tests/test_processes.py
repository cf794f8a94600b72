"""Tests of concurrent processes on every file that AuroraQL writes: nothing is lost, half written or written twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from prompt_toolkit.history import FileHistory

from auroraql.engines.disk_cache import CacheFile
from tests.support.small_catalogue import write

_EACH = 40


@contextmanager
def _start_holder(program: str, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that prints `open` and ends when its input does."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"open\n"
        yield process
        _, messages = process.communicate(timeout=30)
        assert (process.returncode, messages) == (0, b"")
    finally:
        process.kill()
        process.communicate()


_WRITER = """
import os, sys
from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.diagnostics.errors import Unreachable
path, link, hard = sys.argv[1:]
engine = EmbeddedEngine(path, writable=True)
for other in (path, link, hard):  # which must not end the lock
    try:
        EmbeddedEngine(other)
    except Unreachable as error:
        assert "in use by this program" in error.message, error
    else:
        raise SystemExit("opened twice")
print("open", flush=True)
sys.stdin.read()
with engine.writing() as cursor:
    cursor.execute("INSERT INTO data_sources VALUES (99, 'a', 'b', 'c', 'd', 'e')")
engine.close()
"""

_DUCKDB = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def _commands(path: Path, keys: Path) -> list[list[str]]:
    serve = ["serve", "-a", str(path), "--port", "0"]
    return [[*serve, "--api-key-file", str(keys)], serve, ["-a", str(path), "-c", "FIND data_products"]]


def assert_in_use(path: Path, tmp_path: Path) -> None:
    """Assert that every entry point reports the file as in use and exits with the code for unreachable archives."""
    keys = tmp_path / "keys"
    keys.write_text("secret\n")
    for arguments in _commands(path, keys):
        done = subprocess.run([sys.executable, "-m", "auroraql", *arguments], capture_output=True, timeout=60)
        assert done.returncode == 3, done.stderr
        assert b"in use by another process" in done.stderr
        assert b"Traceback" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_only_one_process_opens_a_catalogue_for_writing(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.duckdb", [])
    link, hard = tmp_path / "link.duckdb", tmp_path / "hard.duckdb"
    link.symlink_to(path)
    hard.hardlink_to(path)
    with _start_holder(_WRITER, path, link, hard):
        assert_in_use(path, tmp_path)
        assert_in_use(link, tmp_path)
        with pytest.raises(duckdb.IOException, match="lock"):
            duckdb.connect(str(path))
    with duckdb.connect(str(path)) as connection:
        rows = connection.execute("SELECT count(*) FROM data_sources WHERE identifier = 99").fetchone()
    assert rows == (1,)


def test_a_catalogue_opened_by_another_duckdb_process(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.duckdb", [])
    with _start_holder(_DUCKDB, path):
        assert_in_use(path, tmp_path)


_MANY = """
import sys, time
from pathlib import Path
number, folder, each = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
from auroraql.engines.disk_cache import CacheFile
from auroraql.frontends.repl.history import open_history
from auroraql.queries.store import save_query
from auroraql.rendering import write_text
history, kept = open_history(folder / "history"), CacheFile("test", "x", folder, here=False)
print("ready", flush=True)
sys.stdin.readline()
for turn in range(each):
    mark = f"{number} {turn}"
    history.store_string(f"FIND data_products -- {mark}\\nWHERE {'a' * 3000} -- {mark}")
    kept.write({"mark": mark, "pad": mark * 5000})
    assert kept.read() is not None
    save_query(f"own{number}x{turn}", f"FIND data_products -- {mark}", folder / "saved")
    save_query("shared", f"FIND data_products -- {mark} " + "b" * 50_000 + f" {mark}", folder / "saved", replace=True)
    write_text(folder / "export.csv", (mark + "\\n") * 20_000)
"""


def test_three_processes_write_every_other_file(tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _MANY, str(number), str(tmp_path), str(_EACH)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for number in range(3)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    stored, export = CacheFile("test", "x", tmp_path, here=False), tmp_path / "export.csv"
    while any(process.poll() is None for process in processes):
        document = stored.read()
        assert document is None or document["pad"] == document["mark"] * 5000
        lines = export.read_text().splitlines() if export.exists() else []
        assert len(set(lines)) <= 1
        assert len(lines) in (0, 20_000)
        time.sleep(0.01)
    for process in processes:
        _, messages = process.communicate()
        assert (process.returncode, messages) == (0, b"")
    marks = {f"{number} {turn}" for number in range(3) for turn in range(_EACH)}
    entries = list(FileHistory(str(tmp_path / "history")).load_history_strings())
    assert {entry.rpartition("-- ")[2] for entry in entries} == marks
    assert all(entry.count(entry.rpartition("-- ")[2]) == 2 for entry in entries)
    saved = {path.stem: path.read_text() for path in (tmp_path / "saved").glob("*.aql")}
    shared = saved.pop("shared").strip()
    assert len(saved) == 3 * _EACH
    assert shared.partition("-- ")[2].split(" b")[0] in marks
    assert shared.endswith(shared.partition("-- ")[2].split(" b")[0])
    left = [path.name for path in tmp_path.rglob("*") if path.name.startswith(".")]
    assert left == []  # no half-written file is left


_APPENDER = """
import sys
from pathlib import Path
from auroraql.frontends.repl.display import append_result
from auroraql.rendering.formats import get_format
from auroraql.results.result_set import FetchedData, Listing, ResultColumn, ResultSet
from auroraql.schema import Type
class BrokenRows(list):
    def __iter__(self):
        yield from list.__iter__(self)
        raise ValueError
number, path, each = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
columns = (ResultColumn("n", Type.INTEGER, path=("n",)), ResultColumn("turn", Type.INTEGER, path=("turn",)))
print("ready", flush=True)
sys.stdin.readline()
for turn in range(each):
    rows = [(number, turn)] * 3000
    result = ResultSet(Listing(), FetchedData(rows=rows), archive="demo", elapsed=0, columns=columns)
    append_result(path, result, get_format("csv"))
    if turn % 4 == 0:  # an append that fails is undone, and only that
        broken = ResultSet(Listing(), FetchedData(rows=BrokenRows(rows)), archive="demo", elapsed=0, columns=columns)
        try:
            append_result(path, broken, get_format("csv"))
        except ValueError:
            continue
        raise SystemExit("the append did not fail")
"""


def test_three_processes_append_to_one_file(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _APPENDER, str(number), str(path), "20"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for number in range(3)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    for process in processes:
        _, messages = process.communicate(timeout=60)
        assert (process.returncode, messages) == (0, b"")
    lines = path.read_text("utf-8").splitlines()
    blocks = [lines[at : at + 3001] for at in range(0, len(lines), 3001)]
    assert all(block[0] == "n,turn" and len(set(block[1:])) == 1 and len(block) == 3001 for block in blocks)
    assert sorted(block[1] for block in blocks) == sorted(
        f"{number},{turn}" for number in range(3) for turn in range(20)
    )


def test_three_processes_check_one_catalogue_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.duckdb", [])
    command = [sys.executable, "-m", "auroraql", "-a", str(path), "--format", "json", "-c", "SHOW SOURCES"]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    for process in processes:
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert [row["identifier"] for row in json.loads(out)] == [1, 2, 3, 44]
