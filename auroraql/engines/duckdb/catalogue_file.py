"""Opens catalogue files in the format of catalogue.sql, read only by default.

A file that is not a catalogue raises UsageError, and an unreachable one raises Unreachable; messages give the reason.
"""

from __future__ import annotations

import errno
import json
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb

from auroraql.diagnostics.errors import TimedOut, Unreachable, UsageError
from auroraql.engines.duckdb.catalogue_check import CheckedFiles, check_catalogue, check_header
from auroraql.engines.duckdb.catalogue_format import TYPE_NAMES
from auroraql.engines.duckdb.spill_folder import MEMORY, NO_SPILL, Settings, spill_settings
from auroraql.schema import KINDS, Type
from auroraql.schema.catalogue import Catalogue, DataSource, MetadataKey, SourceDetails

SANDBOXED: Settings = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}

_LOCKS = ("SET enable_external_access = false", "SET lock_configuration = true")
"""Statements that lock the configuration; DuckDB rejects a temp_directory in the same config as these."""

# The order matters: DuckDB applies connection settings in its own order, which this one satisfies.
LOCKED_DOWN: Settings = {**SANDBOXED, "enable_external_access": False, "lock_configuration": True, **NO_SPILL}
"""Settings of a database without external access that never writes to disk."""

_INTERRUPT_EVERY = 0.01
"""Seconds between interrupts; an interrupt before the query starts has no effect."""

_SOURCES = """
SELECT
    identifier, coalesce(program, ''), coalesce(platform, ''), coalesce(instrument_type, ''),
    coalesce(source_type, ''), coalesce(display_name, '')
FROM data_sources WHERE identifier >= 0 ORDER BY identifier
"""
"""Query of permanent sources; ad-hoc sources have negative identifiers. NULL becomes an empty text."""

_NAMES_OF_TYPES = {declared: name for name, declared in TYPE_NAMES.items()}

_KEYS = "SELECT kind, name, type, known_values, doc, programs, unit FROM metadata_keys ORDER BY kind, rowid"


@dataclass(frozen=True)
class CatalogueFile:
    """Open catalogue: its connection and the fields of its header."""

    connection: duckdb.DuckDBPyConnection
    demonstration: bool
    description: str
    rule: str


Config = Mapping[str, str | bool | int | float | list[str]]
"""DuckDB settings."""


def open_catalogue(
    path: Path,
    *,
    writable: bool = False,
    config: Config = MappingProxyType({}),
    deadline: float = inf,
) -> CatalogueFile:
    """Open a catalogue file, read only or as its only writer, and validate it.

    `config` replaces default DuckDB settings. `deadline` is a `time.monotonic` time. Raises UsageError for a file that
    is not a catalogue, Unreachable for an unreadable or locked one, and TimedOut.
    """
    if not path.exists():
        raise UsageError(f"there is no catalogue file '{path}'", "give the path of a DuckDB catalogue, or use 'demo'")
    if not path.is_file():
        raise UsageError(f"'{path}' is not a file", "give the path of a DuckDB catalogue, or use 'demo'")
    mode = os.R_OK | (os.W_OK if writable else 0)
    if not os.access(path, mode):
        raise _access_error(path, writable=writable, reason=os.strerror(errno.EACCES))
    # Python never opens the file: closing any descriptor of it would release DuckDB's lock (POSIX).
    target = _name_at_first_opening(path)
    settings = {**spill_settings(str(target)), "memory_limit": MEMORY, **SANDBOXED, **config}
    try:
        connection = connect_locked(str(target), settings, read_only=not writable)
    except duckdb.Error as problem:
        raise _opening_error(path, first_error_line(problem), writable=writable) from None
    try:
        with time_bounded(connection, deadline, str(path)):
            return _check_once(connection, path, writable=writable)
    except BaseException:
        connection.close()
        raise


def connect_locked(database: str, settings: Config, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Connect to a database whose statements can access only itself and its spill folder.

    Raises duckdb.Error.
    """
    connection = duckdb.connect(database, read_only=read_only, config=dict(settings))
    try:
        locked = connection.execute("SELECT current_setting('lock_configuration')").fetchone()
        for statement in () if locked == (True,) else _LOCKS:  # another connection of this process may have locked it
            connection.execute(statement)
    except duckdb.Error:
        connection.close()
        raise
    return connection


_OPENED_NAMES: dict[tuple[int, int], Path] = {}
"""Path under which this process first opened each file, by device and inode."""


def _name_at_first_opening(path: Path) -> Path:
    """Return the path under which this process first opened a file, because DuckDB identifies files by path."""
    state = path.stat()
    file = state.st_dev, state.st_ino
    first_path = _OPENED_NAMES.get(file)
    if (
        first_path is None or not first_path.exists() or not path.samefile(first_path)
    ):  # the file was deleted and its inode reused
        first_path = _OPENED_NAMES[file] = path.resolve()
    return first_path


@contextmanager
def time_bounded(connection: duckdb.DuckDBPyConnection, deadline: float, name: str) -> Iterator[None]:
    """Interrupt the connection at the deadline and on Ctrl-C. Raises TimedOut or KeyboardInterrupt."""
    try:
        with QueryInterrupter(connection, threading.Event(), deadline), raise_keyboard_interrupt():
            yield
    except duckdb.InterruptException:
        hint = "allow more time with --timeout, or check the file with DuckDB"
        raise TimedOut("the deadline passed before it was open", archive=name, hint=hint) from None


def _check_once(connection: duckdb.DuckDBPyConnection, path: Path, *, writable: bool) -> CatalogueFile:
    """Return the header after validation, which is skipped if this state of the file passed before."""
    checked = CheckedFiles(path)
    if writable or not checked.is_current:
        check_catalogue(connection, str(path))
        if not writable:
            checked.remember()
    return read_header(connection, str(path))


def read_header(connection: duckdb.DuckDBPyConnection, name: str) -> CatalogueFile:
    """Read the header of a catalogue. Raises UsageError for another version."""
    return CatalogueFile(connection, *check_header(connection, name))


def read_catalogue(file: CatalogueFile) -> Catalogue:
    """Return the data sources and metadata keys of a catalogue. Raises duckdb.Error for a damaged file."""
    sources = file.connection.execute(_SOURCES).fetchall()
    metadata: dict[str, tuple[MetadataKey, ...]] = {}
    for kind, name, type_name, values, doc, programs, unit in file.connection.execute(_KEYS).fetchall():
        key = MetadataKey(name, TYPE_NAMES.get(type_name, Type.ANY), tuple(values), doc, tuple(programs), unit)
        metadata[kind] = (*metadata.get(kind, ()), key)
    return Catalogue(tuple(DataSource(*row) for row in sources), metadata)


def read_details(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> dict[int, SourceDetails]:
    """Return source details by identifier. Raises duckdb.Error for a damaged file.

    Schemas consist of the metadata keys of a source's program, unless `serve` stored others in the optional table
    `source_records`.
    """
    records = read_source_records(connection)
    return {
        source.identifier: _source_details(source, catalogue, records.get(source.identifier, {}))
        for source in catalogue.sources
    }


def read_source_records(connection: duckdb.DuckDBPyConnection) -> dict[int, dict[str, Any]]:
    """Return what `serve` stored of each source beyond its names, as OpenAPI `Data Source`; usually empty."""
    table = connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'source_records'").fetchone()
    if table is None:
        return {}
    rows = connection.execute("SELECT identifier, document FROM source_records").fetchall()
    return {identifier: json.loads(document) for identifier, document in rows}


def _source_details(source: DataSource, catalogue: Catalogue, record: Mapping[str, Any]) -> SourceDetails:
    schemas = {
        kind.name: record.get(kind.schema_key, _metadata_schema(catalogue.carried_keys(kind.name, (source,))))
        for kind in KINDS.values()
        if kind.schema_key
    }
    maintainers = record.get("maintainers")
    return SourceDetails(
        schemas, record.get("owner"), tuple(maintainers) if maintainers is not None else None, record.get("metadata")
    )


def _metadata_schema(keys: Sequence[MetadataKey]) -> list[dict[str, Any]]:
    """Return the metadata schema of these keys, without keys that apply to any program."""
    return [_schema_entry(key) for key in keys if key.programs]


def _schema_entry(key: MetadataKey) -> dict[str, Any]:
    """Return a metadata key as OpenAPI `MetadataSchema`."""
    return {
        "field_name": key.name,
        "description": key.doc,
        "data_type": _NAMES_OF_TYPES.get(key.type, "string"),
        "allowed_values": list(key.values),
        "additional_description": "",
        "searchable": True,
    }


class QueryInterrupter:
    """Context manager that interrupts the query when `stop` is set or the deadline passes."""

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
def raise_keyboard_interrupt() -> Iterator[None]:
    """Convert DuckDB's RuntimeError on Ctrl-C back to KeyboardInterrupt."""
    try:
        yield
    except RuntimeError as problem:
        if "interrupted" not in str(problem):
            raise
        raise KeyboardInterrupt from None


def first_error_line(problem: Exception) -> str:
    """Return the first line of DuckDB's message."""
    return next((line for line in str(problem).splitlines() if line.strip()), type(problem).__name__)


_IN_USE = "close the program that has it open"


def _opening_error(path: Path, reason: str, *, writable: bool) -> UsageError | Unreachable:
    if "different configuration" in reason or "already attached" in reason:
        return Unreachable(f"'{path}' is in use by this program already", archive=str(path), hint=_IN_USE)
    if "Could not set lock" in reason:
        process = re.search(r"\(PID (\d+)\)", reason)
        by = f" by another process{f' (PID {process[1]})' if process else ''}"
        return Unreachable(f"'{path}' is in use{by}", archive=str(path), hint=_IN_USE)
    for number in (errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOSPC):
        if os.strerror(number) in reason:
            return _access_error(path, writable=writable, reason=os.strerror(number))
    return UsageError(f"'{path}' cannot be opened as a catalogue: {reason}", "give the path of a DuckDB catalogue")


def _access_error(path: Path, *, writable: bool, reason: str) -> Unreachable:
    return Unreachable(f"'{path}' cannot be {'written' if writable else 'read'}: {reason}", archive=str(path))
