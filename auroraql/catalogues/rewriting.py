"""Rewriting of a catalogue file in the order of the format, which makes it smaller and searches of a window faster.

The records are copied a few months at a time, so that no sort needs more memory or disk space than those. The original is
locked until the copy has taken its place.
"""

# ruff: noqa: S608 - names of tables and columns are quoted, every value is bound

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from auroraql.catalogues.files import move_into_place, new_file
from auroraql.catalogues.record_files import quote, quote_name
from auroraql.catalogues.writer import TIME_COLUMNS
from auroraql.diagnostics.errors import Failed
from auroraql.engines.duckdb import SCHEMA_VERSION, read_format
from auroraql.engines.duckdb.catalogue_file import (
    CORRECT_RESULTS,
    MIGRATED_VERSIONS,
    SANDBOXED,
    OtherVersion,
    open_catalogue,
    opening_error,
)
from auroraql.engines.duckdb.spill_folder import MEMORY, spill_settings

_TABLES = "SELECT table_name, sql FROM duckdb_tables() WHERE database_name = 'original' AND schema_name = 'main'"


@dataclass(frozen=True, slots=True)
class Rewriting:
    """Sizes of a file in bytes before and after it was rewritten."""

    before: int
    after: int


def vacuum_catalogue(path: Path) -> Rewriting:
    """Rewrite a catalogue file. Raises UsageError, Unreachable and Failed; the file is then as it was."""
    return _rewrite(path, SCHEMA_VERSION)


def migrate_catalogue(path: Path) -> Rewriting | None:
    """Convert a catalogue file of an older schema version. Return None if it is of the current version already.

    Raises UsageError, Unreachable and Failed; the file is then as it was.
    """
    for version in MIGRATED_VERSIONS:
        try:
            return _rewrite(path, version)
        except OtherVersion as problem:
            if problem.version == SCHEMA_VERSION:
                return None
            last = problem
    raise last


def _rewrite(path: Path, version: int) -> Rewriting:
    """Write a catalogue file of a schema version again, in the current version."""
    path = path.resolve()
    open_catalogue(path, writable=True, version=version).connection.close()  # checked, without a write-ahead log
    before = path.stat().st_size
    with new_file(path) as temporary, _both_attached(path, temporary) as connection:
        connection.begin()  # one transaction: a checkpoint between two months would leave free blocks in the file
        _copy_tables(connection)
        connection.execute("UPDATE catalogue SET schema_version = ?", [SCHEMA_VERSION])
        _compare_counts(connection, path)
        connection.commit()
        connection.execute("USE memory")
        connection.execute("DETACH copy")
        shutil.copymode(path, temporary)
        move_into_place(temporary, path, replace=True)
    return Rewriting(before, path.stat().st_size)


@contextmanager
def _both_attached(original: Path, copy: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection to the databases `original`, locked against other processes, and `copy`, and to nothing else."""
    settings = {**spill_settings(str(copy)), "memory_limit": MEMORY, **SANDBOXED, **CORRECT_RESULTS}
    with duckdb.connect(":memory:", config=settings) as connection:
        allowed = ", ".join(quote(f"{original}{suffix}") for suffix in ("", ".wal"))
        connection.execute(f"SET allowed_paths = [{allowed}]")
        connection.execute(f"SET allowed_directories = [{quote(str(copy.parent))}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        try:
            connection.execute(f"ATTACH {quote(str(original))} AS original")
        except duckdb.Error as problem:
            raise opening_error(original, problem, writable=True) from None
        connection.execute(f"ATTACH {quote(str(copy))} AS copy")
        connection.execute("USE copy")
        yield connection


def _copy_tables(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(read_format())
    tables: dict[str, str] = dict(connection.execute(_TABLES).fetchall())
    known = {
        name
        for (name,) in connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'copy'"
        ).fetchall()
    }
    for name, sql in tables.items():
        if name not in known:
            connection.execute(sql)  # DuckDB's own text of a table of another program, for example of sync
        if name in TIME_COLUMNS:
            _copy_records(connection, name)
        else:
            columns = _columns(connection, name, "copy" if name in known else "original")
            connection.execute(
                f"INSERT INTO {quote_name(name)} ({columns}) SELECT {columns} FROM original.{quote_name(name)}"
            )


def _columns(connection: duckdb.DuckDBPyConnection, table: str, database: str) -> str:
    rows = connection.execute(
        "SELECT column_name FROM duckdb_columns() WHERE database_name = ? AND schema_name = 'main' AND table_name = ?"
        " ORDER BY column_index",
        [database, table],
    ).fetchall()
    return ", ".join(quote_name(name) for (name,) in rows)


def _copy_records(connection: duckdb.DuckDBPyConnection, kind: str) -> None:
    """Copy the records of a kind in the order of month, source and time."""
    time = quote_name(TIME_COLUMNS[kind])
    columns = _columns(connection, kind, "copy")
    for first, last in _spans(connection, kind):
        connection.execute(
            f"INSERT INTO {kind} SELECT {columns} FROM original.{kind}"
            f" WHERE {time} >= $1 AND {time} < $2::TIMESTAMP + INTERVAL 1 MONTH"
            f" ORDER BY date_trunc('month', {time}), data_source, {time}",
            [first, last],
        )


_MAX_ROWS = 5_000_000
"""Number of rows that one statement copies. A month with more of them is copied as a whole."""


def _spans(connection: duckdb.DuckDBPyConnection, kind: str) -> Iterator[tuple[datetime, datetime]]:
    """Yield the first days of the first and the last of successive months. Each statement begins a row group."""
    time = quote_name(TIME_COLUMNS[kind])
    months = connection.execute(
        f"SELECT date_trunc('month', {time})::TIMESTAMP AS month, count(*) FROM original.{kind}"
        " GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    first = last = None
    rows = 0
    for month, count in months:
        if first is not None and last is not None and rows + count > _MAX_ROWS:
            yield first, last
            first, rows = None, 0
        first, last, rows = first or month, month, rows + count
    if first is not None and last is not None:
        yield first, last


def _compare_counts(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    for kind in TIME_COLUMNS:
        counts: list[Any] = [
            connection.execute(f"SELECT count(*) FROM {database}.{kind}").fetchall()[0][0]
            for database in ("original", "copy")
        ]
        if counts[0] != counts[1]:
            raise Failed(
                f"{counts[0]} records of {kind} became {counts[1]}; nothing was changed",
                archive=str(path),
                subject=f"writing '{path}'",
            )
