"""Ledger of a mirror: optional tables of a catalogue file that record what `auroraql sync` has copied into it.

A unit is the records of one kind and source in a period, a month or a year. Its row is written in the transaction
that writes its records.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from auroraql.schema.catalogue import Mirror, MirroredPart, Statistics

LEDGER_TABLES = """
CREATE TABLE IF NOT EXISTS sync_statements (archive VARCHAR NOT NULL, statement VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS sync_sources (
    kind VARCHAR NOT NULL, data_source BIGINT NOT NULL, present BOOLEAN NOT NULL,
    records BIGINT, earliest TIMESTAMP, latest TIMESTAMP
);
CREATE TABLE IF NOT EXISTS sync_units (
    kind VARCHAR NOT NULL, data_source BIGINT NOT NULL, period TIMESTAMP NOT NULL,
    "start" TIMESTAMP NOT NULL, "end" TIMESTAMP NOT NULL, complete_until TIMESTAMP NOT NULL,
    records BIGINT NOT NULL, available BIGINT, digest VARCHAR NOT NULL, read_at TIMESTAMP NOT NULL
);
CREATE TABLE IF NOT EXISTS sync_runs (
    run BIGINT NOT NULL, began TIMESTAMP NOT NULL, ended TIMESTAMP, outcome VARCHAR NOT NULL,
    units BIGINT NOT NULL, records BIGINT NOT NULL, bytes BIGINT NOT NULL
);
"""
"""Tables of the ledger. `available` is the number of records that the archive announced when the unit was read, or
NULL. `end` is exclusive. `complete_until` is earlier when the archive received records of the unit after it was read. A
run that was interrupted has no `ended`."""

_NAMES = ("sync_statements", "sync_sources", "sync_units", "sync_runs")

_TABLES = "SELECT table_name FROM duckdb_tables() WHERE table_name IN (SELECT unnest(?)) AND NOT internal"

COMPLETE = "complete"
"""Outcome of a run that read every unit it had to read."""

_PARTS = """
WITH marked AS (
    SELECT *, "start" > lag(complete_until) OVER (PARTITION BY kind, data_source ORDER BY "start") AS begins
    FROM sync_units
),
numbered AS (
    SELECT *, sum(coalesce(begins, TRUE)::INTEGER) OVER (PARTITION BY kind, data_source ORDER BY "start") AS island
    FROM marked
)
SELECT kind, data_source, min("start"), max(complete_until), count(*), sum(records)::BIGINT, min(read_at), max(read_at)
FROM numbered GROUP BY kind, data_source, island ORDER BY kind, data_source, min("start")
"""
"""Query of the spans of units that follow each other."""


def has_ledger(connection: duckdb.DuckDBPyConnection) -> bool:
    """Return whether the catalogue is a mirror."""
    return len(connection.execute(_TABLES, [list(_NAMES)]).fetchall()) == len(_NAMES)


def read_mirror(connection: duckdb.DuckDBPyConnection) -> Mirror | None:
    """Return the state of a mirror, or None for another catalogue. Raises duckdb.Error for a damaged file."""
    if not has_ledger(connection):
        return None
    archive = connection.execute("SELECT archive FROM sync_statements LIMIT 1").fetchone()
    if archive is None:
        return None
    began = connection.execute("SELECT max(began) FROM sync_runs").fetchone()
    rows = connection.execute("SELECT kind, data_source, present, records, earliest, latest FROM sync_sources")
    sources: set[int] = set()
    statistics: dict[str, dict[int, Statistics]] = {}
    for kind, source, present, records, earliest, latest in rows.fetchall():
        sources.add(source)
        if records is not None and present:
            statistics.setdefault(kind, {})[source] = Statistics(records, earliest, latest)
    return Mirror(archive[0], began[0] if began else None, frozenset(sources), statistics, _read_parts(connection))


def _read_parts(connection: duckdb.DuckDBPyConnection) -> Mapping[str, Mapping[int, MirroredPart]]:
    parts: dict[str, dict[int, MirroredPart]] = {}
    for kind, source, start, end, units, records, oldest, latest in connection.execute(_PARTS).fetchall():
        part = MirroredPart(((start, end),), units, records, oldest, latest)
        known = parts.setdefault(kind, {}).get(source)
        parts[kind][source] = part if known is None else _join(known, part)
    return parts


def _join(one: MirroredPart, other: MirroredPart) -> MirroredPart:
    return MirroredPart(
        (*one.spans, *other.spans),
        one.units + other.units,
        one.records + other.records,
        min(one.oldest_read, other.oldest_read),
        max(one.latest_read, other.latest_read),
    )
