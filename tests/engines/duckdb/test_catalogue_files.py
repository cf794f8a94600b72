"""Tests of untrusted catalogue files: their contents are checked before anything in them runs."""

from __future__ import annotations

import signal
import tempfile
import threading
import time
from functools import cache
from pathlib import Path

import duckdb
import pytest

from auroraql.diagnostics.errors import TimedOut, UsageError
from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.session.archive import connect
from tests.conftest import ROOT
from tests.support.small_catalogue import write

_ENDLESS = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r)"


@cache
def _bytes() -> bytes:
    """Return the bytes of a small catalogue file."""
    with tempfile.TemporaryDirectory() as folder:
        return write(Path(folder) / "small.duckdb", []).read_bytes()


def _change(path: Path, *statements: str) -> Path:
    path.write_bytes(_bytes())
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


_DOUBLING = (
    *(f"CREATE VIEW v{n} AS SELECT 1 AS a" for n in range(41)),
    *(f"CREATE OR REPLACE VIEW v{n} AS SELECT x.a FROM v{n + 1} x, v{n + 1} y" for n in range(40)),  # noqa: S608
)
"""Views that take very long merely to bind."""


@pytest.mark.parametrize(
    ("statements", "fact"),
    [
        (
            ("DROP TABLE data_sources", f"CREATE VIEW data_sources AS {_ENDLESS} SELECT n AS identifier FROM r"),  # noqa: S608
            "the view 'data_sources'",
        ),
        (("DROP TABLE catalogue", f"CREATE VIEW catalogue AS {_ENDLESS} SELECT n FROM r"), "the view 'catalogue'"),  # noqa: S608
        (("CREATE VIEW beside AS SELECT 1",), "the view 'beside'"),
        (_DOUBLING, "the view 'v"),
        ((f"CREATE MACRO date_trunc(a, b) AS ({_ENDLESS} SELECT max(n) FROM r)",), "the macro 'date_trunc'"),  # noqa: S608
        (("CREATE MACRO duckdb_views() AS TABLE SELECT 'x' WHERE false", "CREATE VIEW w AS SELECT 1"), "the view 'w'"),
        (("CREATE MACRO duckdb_functions() AS TABLE SELECT 'x' WHERE false",), "the macro 'duckdb_functions'"),
    ],
)
def test_code_in_a_catalogue_is_refused_before_it_runs(tmp_path: Path, statements: tuple[str, ...], fact: str) -> None:
    path = _change(tmp_path / "strange.duckdb", *statements)
    began = time.monotonic()
    with pytest.raises(UsageError, match=fact) as raised:
        EmbeddedEngine(path)
    assert "contains only tables" in raised.value.hint
    assert time.monotonic() - began < 10


_ROWS = {
    "catalogue": "UPDATE catalogue SET rule = rule",
    "data_sources": "INSERT INTO data_sources VALUES (9, 'a', 'b', 'c', 'd', 'e')",
    "source_records": "INSERT INTO source_records VALUES (1, '{}')",
    "metadata_keys": "INSERT INTO metadata_keys VALUES ('ephemeris', 'x', 'double', [], '', [], '')",
    "data_products": "INSERT INTO data_products VALUES (1, '2020-01-01', '2020-01-01', 'keogram', 'u', NULL)",
    "ephemeris": "INSERT INTO ephemeris (data_source, epoch) VALUES (1, '2020-01-01')",
    "ephemeris_metadata": "INSERT INTO ephemeris_metadata VALUES (1, NULL)",
}


def _required_columns() -> list[tuple[str, str]]:
    """Return the columns that the published format declares NOT NULL, as DuckDB lists them."""
    with duckdb.connect() as connection:
        connection.execute((ROOT / "auroraql/engines/duckdb/catalogue.sql").read_text())
        columns = connection.execute(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT is_nullable AND NOT internal"
        ).fetchall()
    return [(table, column) for table, column in columns if table != "data_sources" or column == "identifier"]


def test_a_source_without_names_is_read(tmp_path: Path) -> None:
    names = ("program", "platform", "instrument_type", "source_type", "display_name")
    path = _change(
        tmp_path / "nameless.duckdb",
        *(f"ALTER TABLE data_sources ALTER {name} DROP NOT NULL" for name in names),
        "INSERT INTO data_sources (identifier) VALUES (9)",
        "INSERT INTO data_products VALUES (9, '2020-01-01', '2020-01-01', 'keogram', 'u', NULL)",
    )
    with connect(path) as archive:
        assert archive.run("FIND data_products WHERE identifier = 9").records[0]["url"] == "u"
        assert len(archive.run("FIND data_products WHERE program != 'trex'")) <= 1
        for statement in ("SHOW SOURCES", "SHOW PROGRAMS", "SHOW VALUES OF platform"):
            archive.run(statement)


@pytest.mark.parametrize(("table", "column"), _required_columns())
def test_a_null_is_named_by_file_row_and_field(tmp_path: Path, table: str, column: str) -> None:
    path = _change(
        tmp_path / "gap.duckdb",
        _ROWS[table],
        f'ALTER TABLE {table} ALTER "{column}" DROP NOT NULL',
        f'UPDATE {table} SET "{column}" = NULL WHERE rowid = (SELECT max(rowid) FROM {table})',  # noqa: S608
    )
    with pytest.raises(UsageError, match=rf"gap\.duckdb' is not .* row \d+ of {table} has no {column} \(it is NULL\)"):
        EmbeddedEngine(path)


@pytest.mark.parametrize(
    ("statement", "fact"),
    [
        ("INSERT INTO metadata_keys VALUES ('ephemeris', 'x', 'int', ['a', NULL], '', [], '')", "NULL in known_values"),
        ("INSERT INTO data_sources SELECT * FROM data_sources", "identifier .* is in data_sources more than once"),
        ("ALTER TABLE ephemeris ALTER epoch TYPE TIMESTAMPTZ", "ephemeris.epoch is TIMESTAMP WITH TIME ZONE, not"),
        ("INSERT INTO ephemeris (data_source, epoch) VALUES (1, 'infinity')", "the epoch infinity"),
        ("INSERT INTO ephemeris (data_source, epoch) VALUES (1, '44-03-15 (BC)')", r"the epoch 0044-03-15 \(BC\)"),
        ("ALTER TABLE data_products DROP url", "data_products has no column url"),
        ("DROP TABLE ephemeris_metadata", "no table ephemeris_metadata"),
    ],
)
def test_impossible_values_are_named(tmp_path: Path, statement: str, fact: str) -> None:
    with pytest.raises(UsageError, match=fact):
        EmbeddedEngine(_change(tmp_path / "odd.duckdb", statement))


def test_a_changed_file_is_checked_again(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.duckdb", [])
    for _ in range(2):
        EmbeddedEngine(path).close()
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE VIEW w AS SELECT 1")
    with pytest.raises(UsageError, match="the view 'w'"):
        EmbeddedEngine(path)


_SLOW = (
    # A generated column is computed on every read.
    "DROP TABLE ephemeris",
    "CREATE TABLE ephemeris (data_source BIGINT NOT NULL, seed BIGINT,"
    " epoch TIMESTAMP GENERATED ALWAYS AS (TIMESTAMP '2020-01-01' + to_seconds((list_sum(range(seed)) % 60)::BIGINT)),"
    + ", ".join(f"{place}_{axis} DOUBLE" for place in ("location_geo", "location_gsm", "nbtrace", "sbtrace") for axis in ("lat", "lon"))
    + ", metadata BIGINT)",
    "INSERT INTO ephemeris (data_source, seed) SELECT 1, 3000 + i % 7 FROM range(40000) r(i)",
)  # fmt: skip


def test_the_deadline_and_ctrl_c_end_the_opening(tmp_path: Path) -> None:
    path = _change(tmp_path / "slow.duckdb", *_SLOW)
    with pytest.raises(TimedOut, match="before the file was open"):
        connect(path, timeout=0.1)
    timer = threading.Timer(0.1, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        connect(path)
    timer.join()
