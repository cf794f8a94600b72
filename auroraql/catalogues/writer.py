"""Writer of catalogue files: batches of records, sources and metadata keys, in one transaction at a time.

Example, which replaces the records of a month whole, together with rows of a table of the caller:

    with open_writer(path) as writer, writer.transaction() as records:
        records.replace("ephemeris", source, start, end, batches)
        records.cursor.execute("INSERT INTO sync_units VALUES (?, ?)", [...])

All changes of a transaction are committed together, and none of them is if the block raises, if the process is killed,
or if the disk is full. While a writer is open, no other process can open the file. Batches are Arrow tables with the
columns of `batch_schema`. DuckDB writes large transactions to the file as they grow, so memory is bounded by its
memory limit and by the size of a batch.
"""

# ruff: noqa: S608 - names of tables and columns of the catalogue are put into SQL, every value is bound

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from datetime import datetime
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from auroraql.diagnostics.errors import Failed
from auroraql.engines.duckdb import TYPE_NAMES
from auroraql.engines.duckdb.catalogue_file import (
    Config,
    first_error_line,
    open_catalogue,
    raise_keyboard_interrupt,
    read_catalogue,
    read_source_records,
)
from auroraql.schema.catalogue import Catalogue, DataSource, MetadataKey, merge_keys

_TIME = pa.timestamp("us")

POSITIONS = tuple(
    f"{place}_{member}" for place in ("location_geo", "location_gsm", "nbtrace", "sbtrace") for member in ("lat", "lon")
)
"""Columns of positions, in degrees."""

_SCHEMAS = {
    "data_products": pa.schema(
        {
            "data_source": pa.int64(),
            "start": _TIME,
            "end": _TIME,
            "data_product_type": pa.string(),
            "url": pa.string(),
            "metadata": pa.string(),
        }
    ),
    "ephemeris": pa.schema(
        {
            "data_source": pa.int64(),
            "epoch": _TIME,
            **dict.fromkeys(POSITIONS, pa.float64()),
            "metadata": pa.string(),
        }
    ),
}

TIME_COLUMNS = {"data_products": "start", "ephemeris": "epoch"}
"""Column by which records are found in a window and divided into units."""

KEY_COLUMNS = {
    "data_products": ("data_source", "start", "end", "data_product_type", "url"),
    "ephemeris": ("data_source", "epoch"),
}
"""Columns that identify a record."""

Batch: TypeAlias = pa.Table | pa.RecordBatch

_BATCH = "batch_to_write"
"""Name of a registered batch in SQL."""

_TYPE_NAMES = {declared: name for name, declared in TYPE_NAMES.items()}

_ORPHANS = """
DELETE FROM ephemeris_metadata
WHERE identifier IN (SELECT unnest($1::BIGINT[])) AND identifier NOT IN (
    SELECT metadata FROM ephemeris WHERE metadata IN (SELECT unnest($1::BIGINT[]))
)
"""


def batch_schema(kind: str) -> pa.Schema:
    """Return the columns of a batch of records of a kind, in the order of the table.

    Times are UTC without a zone. Positions are in degrees, and both members of a position are null or neither is.
    `metadata` is the text of a JSON object, or null.
    """
    return _SCHEMAS[kind]


def make_batch(kind: str, columns: Mapping[str, Sequence[Any]]) -> pa.RecordBatch:
    """Return a batch of Python values by column. Missing columns are null. Raises pyarrow.ArrowInvalid."""
    count = len(next(iter(columns.values()), ()))
    return pa.RecordBatch.from_pydict(
        {name: columns.get(name, [None] * count) for name in _SCHEMAS[kind].names}, _SCHEMAS[kind]
    )


@dataclass(frozen=True, slots=True)
class UnitChange:
    """Numbers of records that the replacement of a unit deleted and wrote."""

    deleted: int
    written: int


class RecordWriter:
    """Changes within a transaction that the caller commits. Errors of DuckDB are raised as they are.

    `cursor` runs other statements in the same transaction, for example on tables of the caller.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self.cursor = cursor

    # --- records

    def append(self, kind: str, batch: Batch) -> int:
        """Insert a batch of records, which must not exist yet, and return its length. Other columns are ignored."""
        if not batch.num_rows:
            return 0
        with self.registered(batch) as name:
            if kind == "ephemeris":
                self._append_ephemeris(name)
            else:
                self.cursor.execute(
                    f'INSERT INTO data_products SELECT data_source, "start", "end", data_product_type, url,'
                    f" metadata::JSON::VARIANT FROM {name}"
                )
        return int(batch.num_rows)

    def _append_ephemeris(self, batch: str) -> None:
        """Insert a registered batch. Equal metadata of a batch is stored once, numbered in the order of first use."""
        self.cursor.execute(
            "CREATE OR REPLACE TEMP TABLE batch_metadata AS"
            " SELECT (SELECT coalesce(max(identifier), 0) FROM ephemeris_metadata)"
            " + row_number() OVER (ORDER BY min(place)) AS number, metadata"
            f" FROM (SELECT row_number() OVER () AS place, metadata FROM {batch})"
            " WHERE metadata IS NOT NULL GROUP BY metadata"
        )
        self.cursor.execute(
            "INSERT INTO ephemeris_metadata SELECT number, metadata::JSON::VARIANT FROM batch_metadata ORDER BY number"
        )
        self.cursor.execute(
            f"INSERT INTO ephemeris SELECT b.data_source, b.epoch, {', '.join(f'b.{name}' for name in POSITIONS)},"
            f" m.number FROM {batch} AS b LEFT JOIN batch_metadata AS m ON m.metadata = b.metadata"
            " ORDER BY date_trunc('month', b.epoch), b.data_source, b.epoch"
        )

    def replace_same(self, kind: str, batch: Batch) -> int:
        """Insert a batch, and delete the records with the same identity first. Return how many were deleted."""
        with self.registered(batch) as name:
            deleted = self._delete(kind, f"USING {name} AS b WHERE {_same(kind)}", [])
        self.append(kind, batch)
        return deleted

    def find_same(self, kind: str, batch: Batch, columns: str) -> tuple[Any, ...] | None:
        """Return the columns, as SQL of the alias b, of a record of the batch that the catalogue has, or None."""
        with self.registered(batch) as name:
            rows = self.cursor.execute(
                f"SELECT {columns} FROM {name} AS b JOIN {kind} AS r ON {_same(kind)} ORDER BY ALL LIMIT 1"
            ).fetchall()  # an unfinished result would prevent `unregister`
        return rows[0] if rows else None

    def delete(self, kind: str, source: int, start: datetime | None = None, end: datetime | None = None) -> int:
        """Delete the records of a source whose start or epoch is in [start, end). Return how many were deleted."""
        time = f'r."{TIME_COLUMNS[kind]}"'
        conditions, values = ["r.data_source = ?"], [source, *(moment for moment in (start, end) if moment is not None)]
        conditions += [f"{time} >= ?"] if start is not None else []
        conditions += [f"{time} < ?"] if end is not None else []
        return self._delete(kind, f"WHERE {' AND '.join(conditions)}", values)

    def replace(self, kind: str, source: int, start: datetime, end: datetime, batches: Iterable[Batch]) -> UnitChange:
        """Replace the records of a source whose start or epoch is in [start, end) by those of the batches.

        Raises ValueError for a record of another source or time: it might exist already.
        """
        deleted, written = self.delete(kind, source, start, end), 0
        for batch in batches:
            _check_unit(kind, batch, source, start, end)
            written += self.append(kind, batch)
        return UnitChange(deleted, written)

    def _delete(self, kind: str, clauses: str, values: Sequence[Any]) -> int:
        returned = "r.metadata" if kind == "ephemeris" else "1"
        deleted = self.cursor.execute(f"DELETE FROM {kind} AS r {clauses} RETURNING {returned}", values).fetchall()
        if kind == "ephemeris" and (numbers := sorted({row[0] for row in deleted if row[0] is not None})):
            self.cursor.execute(_ORPHANS, [numbers])
        return len(deleted)

    @contextmanager
    def registered(self, batch: Batch) -> Iterator[str]:
        """Yield the name by which SQL reads the batch within the block."""
        self.cursor.register(_BATCH, batch)
        yield _BATCH
        self.cursor.unregister(_BATCH)  # not after an error: the transaction is over, and its cursor with it

    # --- sources and metadata keys

    def catalogue(self) -> Catalogue:
        """Return the sources and metadata keys as the transaction sees them."""
        return read_catalogue(self.cursor)

    def write_source(self, source: DataSource, extra: Mapping[str, Any] | None = None) -> None:
        """Insert a source, and replace one with the same identifier.

        `extra` holds its fields of AuroraX's full_record beyond the basic ones. None keeps those that are stored.
        """
        if extra is None:
            extra = read_source_records(self.cursor).get(source.identifier, {})
        self.delete_source(source.identifier)
        self.cursor.execute("INSERT INTO data_sources VALUES (?, ?, ?, ?, ?, ?)", list(astuple(source)))
        if extra:
            self.cursor.execute("INSERT INTO source_records VALUES (?, ?)", [source.identifier, json.dumps(extra)])

    def delete_source(self, identifier: int) -> None:
        """Delete a source but not its records."""
        for table in ("data_sources", "source_records"):
            self.cursor.execute(f"DELETE FROM {table} WHERE identifier = ?", [identifier])

    def has_records(self, identifier: int) -> bool:
        """Return whether a source has records."""
        selects = " UNION ALL ".join(f"SELECT 1 FROM {kind} WHERE data_source = $1" for kind in _SCHEMAS)
        return bool(self.cursor.execute(f"{selects} LIMIT 1", [identifier]).fetchall())

    def declare_keys(self, kind: str, keys: Sequence[MetadataKey]) -> None:
        """Declare metadata keys of a kind. A key that is declared already gets the values and programs of both."""
        declared = self.catalogue().metadata.get(kind, ())
        merged = merge_keys((declared, keys))
        if merged != declared:
            self.cursor.execute("DELETE FROM metadata_keys WHERE kind = ?", [kind])
            rows = [
                (kind, k.name, _TYPE_NAMES.get(k.type, "string"), list(k.values), k.doc, list(k.programs), k.unit)
                for k in merged
            ]
            self.cursor.executemany("INSERT INTO metadata_keys VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def _check_unit(kind: str, batch: Batch, source: int, start: datetime, end: datetime) -> None:
    if not batch.num_rows:
        return
    sources = pc.unique(batch.column("data_source")).to_pylist()
    times = pc.min_max(batch.column(TIME_COLUMNS[kind])).as_py()
    if sources != [source] or not start <= times["min"] <= times["max"] < end:
        raise ValueError(
            f"{kind} of sources {sources} from {times['min']} to {times['max']} are not in the unit of source {source}"
            f" from {start} to {end}"
        )


def _same(kind: str) -> str:
    return " AND ".join(f'r."{name}" = b."{name}"' for name in KEY_COLUMNS[kind])


class CatalogueWriter:
    """Catalogue file that is open for writing. Use `open_writer`."""

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.path, self._connection = path, connection

    @contextmanager
    def transaction(self) -> Iterator[RecordWriter]:
        """Yield the writer of one transaction, which is committed at the end of the block. An error rolls it back.

        Raises Failed, for example for a full disk, and KeyboardInterrupt.
        """
        with write_errors(self.path), self._connection.cursor() as cursor:
            cursor.begin()
            try:
                yield RecordWriter(cursor)
                cursor.commit()
            except BaseException:
                _roll_back(cursor)
                raise

    def catalogue(self) -> Catalogue:
        """Return the sources and metadata keys of the file. Raises Failed."""
        with write_errors(self.path), self._connection.cursor() as cursor:
            return read_catalogue(cursor)

    def close(self) -> None:
        """Write what is only in the write-ahead log to the file, and close it. Raises Failed."""
        with write_errors(self.path):
            self._connection.close()


def _roll_back(cursor: duckdb.DuckDBPyConnection) -> None:
    try:
        cursor.rollback()
    except duckdb.Error:
        # DuckDB has ended the transaction itself: after a failed commit, or because the database is invalid.
        return


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Convert errors of DuckDB into Failed."""
    try:
        with raise_keyboard_interrupt():
            yield
    except duckdb.Error as problem:
        raise write_error(path, problem) from None


def write_error(path: Path, problem: duckdb.Error) -> Failed:
    """Return the error of a transaction that was not committed."""
    text = str(problem)
    reason, hint = first_error_line(problem), ""
    if "No space left" in text or "File too large" in text:
        reason, hint = "there is no space left on the disk", "free disk space; vacuum makes a catalogue smaller"
    elif isinstance(problem, duckdb.OutOfMemoryException):
        reason, hint = "the memory limit is exceeded", "free disk space for temporary files, or import fewer records"
    return Failed(f"{reason}; nothing was changed", archive=str(path), subject=f"writing '{path}'", hint=hint)


@contextmanager
def open_writer(
    path: Path, *, config: Config = MappingProxyType({}), deadline: float = inf
) -> Iterator[CatalogueWriter]:
    """Open a catalogue file as its only writer, and close it at the end of the block.

    Raises UsageError for a file that is not a catalogue, Unreachable for an unreadable, read-only or locked one, and
    TimedOut. `config` holds DuckDB settings, for example `memory_limit`. `deadline` is a `time.monotonic` time.
    """
    file = open_catalogue(path, writable=True, config=config, deadline=deadline)
    writer = CatalogueWriter(path, file.connection)
    try:
        yield writer
    except BaseException:
        _close_quietly(file.connection)
        raise
    writer.close()


def _close_quietly(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.close()
    except duckdb.Error:
        # An earlier error is being raised, and explains this one.
        return
