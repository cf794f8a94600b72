"""Opens catalogue files (catalogue.sql tells their format), read only unless asked otherwise.

A file that is no catalogue is a UsageError, one that cannot be reached just now Unreachable; both say why.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb

from auroraql.archives.catalogue_format import SCHEMA_VERSION, TYPE_NAMES
from auroraql.errors import Unreachable, UsageError
from auroraql.schema import KINDS, Type
from auroraql.schema.catalogue import Catalogue, DataSource, MetadataKey, SourceDetails

LOCKED_DOWN: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "enable_external_access": False,
    "lock_configuration": True,
    # No spilling: nothing is ever written beside a user's file, and no directory is left open to statements.
    "temp_directory": "",
}
"""How every connection is made: a statement of a user can reach nothing but the catalogue."""

_INTERRUPT_EVERY = 0.01
"""Seconds between interrupts: one that comes before DuckDB has begun is lost."""

_HEADER = "SELECT schema_version, demonstration, description, rule FROM catalogue"

_TABLES = """
SELECT p.metadata, m.metadata, p.data_source, p."start", p."end", p.data_product_type, p.url,
    e.data_source, e.epoch, e.location_geo_lat, e.location_geo_lon, e.location_gsm_lat, e.location_gsm_lon,
    e.nbtrace_lat, e.nbtrace_lon, e.sbtrace_lat, e.sbtrace_lon, e.metadata, m.identifier, s.*, k.*
FROM data_products AS p, ephemeris AS e, ephemeris_metadata AS m, data_sources AS s, metadata_keys AS k LIMIT 0
"""

_SOURCES = """
SELECT
    identifier, coalesce(program, ''), coalesce(platform, ''), coalesce(instrument_type, ''),
    coalesce(source_type, ''), coalesce(display_name, '')
FROM data_sources WHERE identifier >= 0 ORDER BY identifier
"""
"""Without ad-hoc sources, which have negative identifiers; a field without a value is an empty string."""

_NAMES_OF_TYPES = {declared: name for name, declared in TYPE_NAMES.items()}

_KEYS = "SELECT kind, name, type, known_values, doc, programs, unit FROM metadata_keys ORDER BY kind, rowid"

_METADATA_COLUMNS = ("data_products", "ephemeris_metadata")
"""The tables whose metadata the first columns of _TABLES are."""


@dataclass(frozen=True)
class CatalogueFile:
    """An open catalogue: its connection, and what its header says."""

    connection: duckdb.DuckDBPyConnection
    demonstration: bool
    description: str
    rule: str


Config = Mapping[str, str | bool | int | float | list[str]]
"""Settings of DuckDB's."""


def open_catalogue(path: Path, *, writable: bool = False, config: Config = MappingProxyType({})) -> CatalogueFile:
    """Opens a catalogue file, read only or as its one writer; `config` goes before what every connection has.

    Raises UsageError or Unreachable.
    """
    if not path.exists():
        raise UsageError(f"there is no catalogue file '{path}'", "give the path of a DuckDB catalogue, or use 'demo'")
    if not path.is_file():
        raise UsageError(f"'{path}' is not a file", "give the path of a DuckDB catalogue, or use 'demo'")
    try:
        with path.open("rb+" if writable else "rb"):
            connection = duckdb.connect(str(path.absolute()), read_only=not writable, config={**LOCKED_DOWN, **config})
    except OSError as problem:
        reason = problem.strerror or str(problem)
        done = "written" if writable else "read"
        raise Unreachable(f"'{path}' cannot be {done}: {reason}", archive=str(path)) from None
    except duckdb.Error as problem:
        raise _not_opened(path, first_line(problem)) from None
    try:
        return read_header(connection, str(path))
    except UsageError:
        connection.close()
        raise


def read_header(connection: duckdb.DuckDBPyConnection, name: str) -> CatalogueFile:
    """Checks that an open database is a catalogue of this version. Raises UsageError."""
    hint = "a catalogue has the tables of auroraql/archives/catalogue.sql"
    try:
        header = connection.execute(_HEADER).fetchall()
    except duckdb.Error as problem:
        raise UsageError(f"'{name}' is not a catalogue: {first_line(problem)}", hint) from None
    if len(header) != 1:
        raise UsageError(f"'{name}' is not a catalogue: its table catalogue has {len(header)} rows, not one", hint)
    version, demonstration, description, rule = header[0]
    if version != SCHEMA_VERSION:
        raise UsageError(
            f"'{name}' is a catalogue of schema version {version}; this AuroraQL reads version {SCHEMA_VERSION}", hint
        )
    _check_tables(connection, name, hint)
    return CatalogueFile(connection, demonstration, description, rule)


def _check_tables(connection: duckdb.DuckDBPyConnection, name: str, hint: str) -> None:
    try:
        described = connection.execute(_TABLES).description
    except duckdb.Error as problem:
        raise UsageError(f"'{name}' is not a catalogue: {first_line(problem)}", hint) from None
    for table, column in zip(_METADATA_COLUMNS, described, strict=False):
        if str(column[1]) != "VARIANT":
            raise UsageError(f"'{name}' is not a catalogue: {table}.metadata is no VARIANT", hint)


def read_catalogue(file: CatalogueFile) -> Catalogue:
    """The data sources and metadata keys of a catalogue. Raises duckdb.Error for a damaged file."""
    sources = file.connection.execute(_SOURCES).fetchall()
    metadata: dict[str, tuple[MetadataKey, ...]] = {}
    for kind, name, type_name, values, doc, programs, unit in file.connection.execute(_KEYS).fetchall():
        key = MetadataKey(name, TYPE_NAMES.get(type_name, Type.ANY), tuple(values), doc, tuple(programs), unit)
        metadata[kind] = (*metadata.get(kind, ()), key)
    return Catalogue(tuple(DataSource(*row) for row in sources), metadata)


def read_details(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> dict[int, SourceDetails]:
    """What a catalogue file has of each source besides its names, by identifier. Raises duckdb.Error for a damaged file.

    Schemas are made of the metadata keys of the source's program, unless `serve` was sent others: what it is sent of
    a source is in a table of its own, `source_records`, which a catalogue need not have.
    """
    records = read_source_records(connection)
    return {
        source.identifier: _details(source, catalogue, records.get(source.identifier, {}))
        for source in catalogue.sources
    }


def read_source_records(connection: duckdb.DuckDBPyConnection) -> dict[int, dict[str, Any]]:
    """What `serve` was sent of each source beyond its names, as OpenAPI `Data Source` has it; usually nothing."""
    there = connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'source_records'").fetchone()
    if there is None:
        return {}
    rows = connection.execute("SELECT identifier, document FROM source_records").fetchall()
    return {identifier: json.loads(document) for identifier, document in rows}


def _details(source: DataSource, catalogue: Catalogue, record: Mapping[str, Any]) -> SourceDetails:
    schemas = {
        kind.name: record.get(kind.schema_key, _schema(catalogue.source_keys(kind.name, source)))
        for kind in KINDS.values()
        if kind.schema_key
    }
    maintainers = record.get("maintainers")
    return SourceDetails(
        schemas, record.get("owner"), tuple(maintainers) if maintainers is not None else None, record.get("metadata")
    )


def _schema(keys: Sequence[MetadataKey]) -> list[dict[str, Any]]:
    """The metadata schema of a source with these keys; those of any program are told of no single source."""
    return [_schema_entry(key) for key in keys if key.programs]


def _schema_entry(key: MetadataKey) -> dict[str, Any]:
    """A metadata key as OpenAPI `MetadataSchema`."""
    return {
        "field_name": key.name,
        "description": key.doc,
        "data_type": _NAMES_OF_TYPES.get(key.type, "string"),
        "allowed_values": list(key.values),
        "additional_description": "",
        "searchable": True,
    }


class Interrupter:
    """While it is entered, a query is interrupted as soon as `stop` is set or the deadline passes."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, stop: threading.Event, deadline: float) -> None:
        self._cursor, self._stop, self._deadline = cursor, stop, deadline
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_raised: object) -> None:
        self._done.set()
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        self._stop.wait(min(max(self._deadline - time.monotonic(), 0), threading.TIMEOUT_MAX))
        while not self._done.wait(_INTERRUPT_EVERY):
            self._cursor.interrupt()


@contextmanager
def interruptible() -> Iterator[None]:
    """DuckDB answers ^C with a RuntimeError of its own; inside of this it is a KeyboardInterrupt again."""
    try:
        yield
    except RuntimeError as problem:
        if "interrupted" not in str(problem):
            raise
        raise KeyboardInterrupt from None


def first_line(problem: Exception) -> str:
    """What DuckDB said, in one line."""
    return next((line for line in str(problem).splitlines() if line.strip()), type(problem).__name__)


def _not_opened(path: Path, reason: str) -> UsageError | Unreachable:
    if "Could not set lock" in reason or "different configuration" in reason:
        hint = "close the program that has it open for writing"
        return Unreachable(f"'{path}' is in use: {reason}", archive=str(path), hint=hint)
    return UsageError(f"'{path}' cannot be opened as a catalogue: {reason}", "give the path of a DuckDB catalogue")
