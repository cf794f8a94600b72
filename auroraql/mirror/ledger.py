"""Ledger of a mirror file: statements, sources, units and runs. Changes belong to the transaction of a RecordWriter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb

from auroraql.engines.duckdb.sync_ledger import LEDGER_TABLES, has_ledger
from auroraql.mirror.units import Unit, UnitKey
from auroraql.schema.catalogue import Statistics

RUNNING = "running"


@dataclass(frozen=True, slots=True)
class UnitRecord:
    """Row of a unit: its mirrored time, its records, and what the archive announced when it was read."""

    unit: Unit
    complete_until: datetime
    records: int
    available: int | None
    digest: str
    read_at: datetime


SourceRows = Mapping[tuple[str, int], tuple[bool, Statistics | None]]
"""Whether the archive has a source, and its statistics, by kind and identifier."""


@dataclass(slots=True)
class Ledger:
    """Content of the ledger. It is empty for a catalogue that is not a mirror."""

    archive: str = ""
    statements: tuple[str, ...] = ()
    sources: SourceRows = field(default_factory=dict)
    units: dict[UnitKey, UnitRecord] = field(default_factory=dict)
    last_run: int = 0
    exists: bool = False


def read_ledger(connection: duckdb.DuckDBPyConnection) -> Ledger:
    """Read the ledger of a catalogue. Raises duckdb.Error for a damaged file."""
    if not has_ledger(connection):
        return Ledger()
    rows = connection.execute("SELECT archive, statement FROM sync_statements ORDER BY rowid").fetchall()
    sources = connection.execute(
        "SELECT kind, data_source, present, records, earliest, latest FROM sync_sources"
    ).fetchall()
    units = connection.execute(
        'SELECT kind, data_source, period, "start", "end", complete_until, records, available, digest, read_at'
        " FROM sync_units"
    ).fetchall()
    last = connection.execute("SELECT coalesce(max(run), 0) FROM sync_runs").fetchall()
    records = (
        UnitRecord(Unit(UnitKey(kind, source, period), start, end), *rest)
        for kind, source, period, start, end, *rest in units
    )
    return Ledger(
        rows[0][0] if rows else "",
        tuple(statement for _, statement in rows),
        {
            (kind, source): (present, None if count is None else Statistics(count, earliest, latest))
            for kind, source, present, count, earliest, latest in sources
        },
        {record.unit.key: record for record in records},
        last[0][0],
        exists=True,
    )


def create_tables(cursor: duckdb.DuckDBPyConnection) -> None:
    """Create the tables of the ledger that do not exist."""
    cursor.execute(LEDGER_TABLES)


def write_statements(cursor: duckdb.DuckDBPyConnection, archive: str, statements: Sequence[str]) -> None:
    """Replace the archive and the statements of the mirror."""
    cursor.execute("DELETE FROM sync_statements")
    cursor.executemany("INSERT INTO sync_statements VALUES (?, ?)", [(archive, statement) for statement in statements])


def write_sources(cursor: duckdb.DuckDBPyConnection, rows: SourceRows) -> None:
    """Replace the rows of the sources."""
    cursor.execute("DELETE FROM sync_sources")
    values: list[tuple[Any, ...]] = []
    for (kind, source), (present, statistics) in rows.items():
        counted = (None, None, None)
        if statistics is not None:
            counted = statistics.count, statistics.earliest, statistics.latest  # type: ignore[assignment]
        values.append((kind, source, present, *counted))
    if values:
        columns = [list(column) for column in zip(*values, strict=True)]
        unnested = ", ".join(
            f"unnest(${number}::{type_name}[])"
            for number, type_name in enumerate(("VARCHAR", "BIGINT", "BOOLEAN", "BIGINT", "TIMESTAMP", "TIMESTAMP"), 1)
        )
        cursor.execute(f"INSERT INTO sync_sources SELECT {unnested}", columns)


def write_unit(cursor: duckdb.DuckDBPyConnection, record: UnitRecord) -> None:
    """Replace the row of a unit."""
    key = record.unit.key
    delete_unit(cursor, key)
    cursor.execute(
        "INSERT INTO sync_units VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            *(key.kind, key.source, key.period, record.unit.start, record.unit.end),
            *(record.complete_until, record.records, record.available, record.digest, record.read_at),
        ],
    )


def delete_unit(cursor: duckdb.DuckDBPyConnection, key: UnitKey) -> None:
    """Delete the row of a unit."""
    cursor.execute(
        "DELETE FROM sync_units WHERE kind = ? AND data_source = ? AND period = ?", [key.kind, key.source, key.period]
    )


def confirm_units(cursor: duckdb.DuckDBPyConnection, records: Iterable[UnitRecord]) -> None:
    """Record that units were read again and are unchanged."""
    for record in records:
        key = record.unit.key
        cursor.execute(
            "UPDATE sync_units SET read_at = ?, complete_until = ?, available = ?"
            " WHERE kind = ? AND data_source = ? AND period = ?",
            [record.read_at, record.complete_until, record.available, key.kind, key.source, key.period],
        )


def write_run(
    cursor: duckdb.DuckDBPyConnection,
    run: int,
    began: datetime,
    outcome: str,
    counts: tuple[int, int, int],
    ended: datetime | None = None,
) -> None:
    """Replace the row of a run. `counts` are units, records and bytes."""
    cursor.execute("DELETE FROM sync_runs WHERE run = ?", [run])
    cursor.execute("INSERT INTO sync_runs VALUES (?, ?, ?, ?, ?, ?, ?)", [run, began, ended, outcome, *counts])
