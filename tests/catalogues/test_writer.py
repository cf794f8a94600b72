"""Tests of the catalogue writer: transactions, replacement of units, and what a killed or failed writer leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from auroraql.catalogues.writer import RecordWriter, make_batch, open_writer
from auroraql.diagnostics.errors import Unreachable
from auroraql.schema import Type
from auroraql.schema.catalogue import DataSource, MetadataKey
from auroraql.session.archive import connect
from tests.support.small_catalogue import write

NIGHT = datetime(2021, 1, 1)
LATER = """
FIND ephemeris WHERE identifier = 7 SINCE 2021-01-01 UNTIL 2021-12-31 SELECT epoch, location_geo.lat, metadata.n ORDER BY epoch
"""


def minutes(count: int, start: datetime = NIGHT, latitude: float = 50.0) -> pa.RecordBatch:
    return make_batch(
        "ephemeris",
        {
            "data_source": [7] * count,
            "epoch": [start + timedelta(minutes=number) for number in range(count)],
            "location_geo_lat": [latitude] * count,
            "location_geo_lon": [-100.0] * count,
            "metadata": [f'{{"n": {number % 3}}}' if number else None for number in range(count)],
        },
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = write(tmp_path / "catalogue.duckdb", [])
    with open_writer(path) as writer, writer.transaction() as records:
        records.write_source(DataSource(7, "lab", "camp", "ASI", "ground", "Lab camp"), {"owner": "me"})
    return path


def rows(path: Path) -> list[tuple[object, ...]]:
    with connect(path) as archive:
        return [tuple(row) for row in archive.run(LATER).rows]


def test_appended_records_are_found_and_equal_metadata_is_kept(path: Path) -> None:
    with open_writer(path) as writer, writer.transaction() as records:
        assert records.append("ephemeris", minutes(5)) == 5
        assert records.append("ephemeris", minutes(0)) == 0
    assert rows(path) == [
        (NIGHT + timedelta(minutes=number), 50.0, number % 3 if number else None) for number in range(5)
    ]


def test_a_unit_is_replaced_with_rows_of_the_caller(path: Path) -> None:
    with open_writer(path) as writer:
        with writer.transaction() as records:
            records.append("ephemeris", minutes(120))
        with writer.transaction() as records:
            records.cursor.execute("CREATE TABLE sync_units (unit VARCHAR)")
            hour = NIGHT + timedelta(hours=1)
            change = records.replace(
                "ephemeris", 7, NIGHT, hour, [minutes(2, latitude=51.0), minutes(1, hour - timedelta(minutes=1), 52.0)]
            )
            records.cursor.execute("INSERT INTO sync_units VALUES ('january')")
        assert (change.deleted, change.written) == (60, 3)
    found = rows(path)
    assert len(found) == 60 + 3
    assert [row[1] for row in found[:3]] == [51.0, 51.0, 52.0]
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("SELECT unit FROM sync_units").fetchall() == [("january",)]


def test_a_record_outside_of_the_unit_is_refused(path: Path) -> None:
    with open_writer(path) as writer:
        for batch in (minutes(2, NIGHT + timedelta(minutes=59)), minutes(1, NIGHT - timedelta(minutes=1))):
            with pytest.raises(ValueError, match="are not in the unit"), writer.transaction() as records:
                records.replace("ephemeris", 7, NIGHT, NIGHT + timedelta(hours=1), [batch])
    assert rows(path) == []


def test_the_same_record_is_found_and_replaced(path: Path) -> None:
    with open_writer(path) as writer, writer.transaction() as records:
        records.append("ephemeris", minutes(10))
        assert records.find_same("ephemeris", minutes(3, NIGHT + timedelta(minutes=9)), "b.epoch") == (
            NIGHT + timedelta(minutes=9),
        )
        assert records.find_same("ephemeris", minutes(3, NIGHT + timedelta(minutes=10)), "b.epoch") is None
        assert records.replace_same("ephemeris", minutes(3, NIGHT + timedelta(minutes=8), 60.0)) == 2
    assert [row[1] for row in rows(path)] == [50.0] * 8 + [60.0] * 3


def test_an_error_rolls_the_transaction_back(path: Path) -> None:
    def fail(records: RecordWriter) -> None:
        records.append("ephemeris", minutes(5))
        records.declare_keys("ephemeris", [MetadataKey("n", Type.INTEGER, programs=("lab",))])
        raise ZeroDivisionError

    with open_writer(path) as writer:
        with pytest.raises(ZeroDivisionError), writer.transaction() as records:
            fail(records)
        assert writer.catalogue().keys("ephemeris") == ()
    assert rows(path) == []


def test_declared_keys_join_the_declarations(path: Path) -> None:
    with open_writer(path) as writer:
        for value, program in (("a", "lab"), ("b", "trex")):
            with writer.transaction() as records:
                records.declare_keys("ephemeris", [MetadataKey("sky", Type.STRING, (value,), programs=(program,))])
        key = writer.catalogue().key("ephemeris", "sky")
    assert key == MetadataKey("sky", Type.STRING, ("a", "b"), programs=("lab", "trex"))


def test_a_writer_excludes_other_processes(path: Path) -> None:
    program = "import sys; from pathlib import Path; from auroraql.catalogues.writer import open_writer\n"
    program += "with open_writer(Path(sys.argv[1])): pass"
    with open_writer(path):
        done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=False)
    assert "Unreachable" in done.stderr
    assert f"is in use by another process (PID {os.getpid()})" in done.stderr


_APPENDING = """
import os, signal, sys
from pathlib import Path
from auroraql.catalogues.writer import make_batch, open_writer
import datetime, resource
limit = int(sys.argv[2])
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
start, minute, count = datetime.datetime(2022, 1, 1), datetime.timedelta(minutes=1), 70_000
columns = {"data_source": [7] * count, "location_geo_lat": [value / 7 for value in range(count)]}
with open_writer(Path(sys.argv[1])) as writer, writer.transaction() as records:
    for number in range(3):
        columns["epoch"] = [start + value * minute for value in range(number * count, (number + 1) * count)]
        records.append("ephemeris", make_batch("ephemeris", columns))
    if not limit:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("limit", [0, 600_000], ids=["killed", "disk full"])
def test_a_killed_or_failed_writer_changes_nothing(path: Path, limit: int) -> None:
    with open_writer(path) as writer, writer.transaction() as records:
        records.append("ephemeris", minutes(5))
    before = rows(path)
    done = subprocess.run(
        [sys.executable, "-c", _APPENDING, path, str(limit)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},  # the limit would cut files of compiled Python too
    )
    if limit:
        assert "there is no space left on the disk; nothing was changed" in done.stderr
    else:
        assert done.returncode == -signal.SIGKILL, done.stderr
    assert rows(path) == before
    with open_writer(path) as writer, writer.transaction() as records:
        records.append("ephemeris", minutes(1, NIGHT + timedelta(days=1)))
    assert len(rows(path)) == len(before) + 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write any file")
def test_a_read_only_file_is_refused(path: Path) -> None:
    path.chmod(0o400)
    with pytest.raises(Unreachable, match="cannot be written: Permission denied"), open_writer(path):
        pass
