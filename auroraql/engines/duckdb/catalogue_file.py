"""Catalogue files in the format of catalogue.sql: opening, read only by default, validation and reading.

A file that is not a catalogue raises UsageError, and an unreachable one raises Unreachable; messages give the reason. A
catalogue may be untrusted: files with views or macros, which would run with every query, are refused. Columns that the
format declares NOT NULL have a value in every row, whatever the file declares.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
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

from auroraql.diagnostics.errors import AuroraQLError, TimedOut, Unreachable, UsageError, make_visible
from auroraql.engines.disk_cache import CacheFile
from auroraql.engines.duckdb import SCHEMA_VERSION, TYPE_NAMES, read_format
from auroraql.engines.duckdb.spill_folder import MEMORY, NO_SPILL, Settings, spill_settings
from auroraql.engines.duckdb.sync_ledger import read_mirror
from auroraql.schema import KINDS, Type
from auroraql.schema.catalogue import Catalogue, DataSource, MetadataKey, SourceDetails

SANDBOXED: Settings = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}

# After a checkpoint, DuckDB 2.0.1 keeps statistics of a VARIANT that do not cover the records added to its row group.
# Its optimizer then drops predicates on their metadata as always false, and the records are not found.
CORRECT_RESULTS: Settings = {"disabled_optimizers": "statistics_propagation"}
"""Settings without which DuckDB returns wrong results."""

# DuckDB stores rows that two parts of a statement read, for example a year of records, and reads them from there.
_SEARCHES: Settings = {"disabled_optimizers": f"{CORRECT_RESULTS['disabled_optimizers']},common_subplan"}

_LOCKS = ("SET enable_external_access = false", "SET lock_configuration = true")
"""Statements that lock the configuration; DuckDB rejects a temp_directory in the same config as these."""

# The order matters: DuckDB applies connection settings in its own order, which this one satisfies.
LOCKED_DOWN: Settings = {**SANDBOXED, "enable_external_access": False, "lock_configuration": True, **NO_SPILL}
"""Settings of a database without external access that never writes to disk."""

_INTERRUPT_INTERVAL_SECONDS = 0.01
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
    version: int = SCHEMA_VERSION,
) -> CatalogueFile:
    """Open a catalogue file of a schema version, read only or as its only writer, and validate it.

    `config` replaces default DuckDB settings. `deadline` is a `time.monotonic` time. Raises UsageError for a file that
    is not a catalogue, Unreachable for an unreadable or locked one, and TimedOut.
    """
    if not path.exists():
        raise UsageError(
            f"the catalogue file '{path}' does not exist", "give the path of a DuckDB catalogue, or use 'demo'"
        )
    if not path.is_file():
        raise UsageError(f"'{path}' is not a file", "give the path of a DuckDB catalogue, or use 'demo'")
    mode = os.R_OK | (os.W_OK if writable else 0)
    if not os.access(path, mode):
        raise _access_error(path, writable=writable, reason=os.strerror(errno.EACCES))
    # Python never opens the file: closing any descriptor of it would release DuckDB's lock (POSIX).
    target = _name_at_first_opening(path)
    settings = {**spill_settings(str(target)), "memory_limit": MEMORY, **SANDBOXED, **_SEARCHES, **config}
    try:
        connection = connect_locked(str(target), settings, read_only=not writable)
    except duckdb.Error as problem:
        raise opening_error(path, problem, writable=writable) from None
    try:
        with time_bounded(connection, deadline, str(path)):
            _check_once(connection, path, version, writable=writable)
            return read_header(connection, str(path), version)
    except BaseException:
        connection.close()
        raise


def open_current(path: Path, rule: str, config: Config) -> CatalogueFile | None:
    """Return a catalogue that this program generates, if it is intact and of the current rule."""
    try:
        if not path.is_file():
            return None
        opened = open_catalogue(path, config=config)
    except (OSError, AuroraQLError, duckdb.Error):
        return None
    if opened.demonstration and opened.rule == rule:
        return opened
    opened.connection.close()
    return None


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
        hint = "increase --timeout, or check the file with DuckDB"
        raise TimedOut("the deadline passed before the file was open", archive=name, hint=hint) from None


def _check_once(connection: duckdb.DuckDBPyConnection, path: Path, version: int, *, writable: bool) -> None:
    """Validate the file, unless its current state passed before."""
    checked = CheckedFiles(path)
    if writable or not checked.is_current:
        check_catalogue(connection, str(path), version)
        if not writable:
            checked.remember()


def read_header(connection: duckdb.DuckDBPyConnection, name: str, version: int = SCHEMA_VERSION) -> CatalogueFile:
    """Read the header of a catalogue. Raises UsageError for another version."""
    return CatalogueFile(connection, *check_header(connection, name, version))


def read_catalogue(connection: duckdb.DuckDBPyConnection) -> Catalogue:
    """Return the data sources and metadata keys of a catalogue. Raises duckdb.Error for a damaged file."""
    sources = connection.execute(_SOURCES).fetchall()
    metadata: dict[str, tuple[MetadataKey, ...]] = {}
    for kind, name, type_name, values, doc, programs, unit in connection.execute(_KEYS).fetchall():
        key = MetadataKey(name, TYPE_NAMES.get(type_name, Type.ANY), tuple(values), doc, tuple(programs), unit)
        metadata[kind] = (*metadata.get(kind, ()), key)
    return Catalogue(tuple(DataSource(*row) for row in sources), metadata, mirror=read_mirror(connection))


def read_details(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> dict[int, SourceDetails]:
    """Return source details by identifier. Raises duckdb.Error for a damaged file.

    Schemas consist of the metadata keys of a source's program, unless the table `source_records` has others.
    """
    records = read_source_records(connection)
    return {
        source.identifier: _source_details(source, catalogue, records.get(source.identifier, {}))
        for source in catalogue.sources
    }


def read_source_records(connection: duckdb.DuckDBPyConnection) -> dict[int, dict[str, Any]]:
    """Return what is stored of each source beyond its names, as OpenAPI `Data Source`; usually empty."""
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
        while not self._done.wait(_INTERRUPT_INTERVAL_SECONDS):
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


def opening_error(path: Path, problem: duckdb.Error, *, writable: bool) -> UsageError | Unreachable:
    """Return the error of a file that DuckDB cannot open."""
    reason = first_error_line(problem)
    if "different configuration" in reason or "already attached" in reason:
        return Unreachable(f"'{path}' is already in use by this program", archive=str(path), hint=_IN_USE)
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


_HINT = "a catalogue has the tables of auroraql/engines/duckdb/catalogue.sql"

_HEADER_COLUMNS = ("schema_version", "demonstration", "description", "rule")
_HEADER = f"SELECT {', '.join(_HEADER_COLUMNS)} FROM main.catalogue"  # noqa: S608

# Qualified names, because a database may contain a macro or view of the same name.
_VIEWS = "SELECT view_name FROM system.main.duckdb_views() WHERE NOT internal LIMIT 1"
_MACROS = "SELECT function_name FROM system.main.duckdb_functions() WHERE NOT internal LIMIT 1"
_COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable FROM system.main.duckdb_columns()
WHERE NOT internal AND schema_name = 'main'
"""

_FAMILIES = {
    "BIGINT": ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"),
    "VARCHAR": ("VARCHAR", "ENUM"),
    "DOUBLE": ("DOUBLE", "FLOAT"),
}
_FAMILIES["INTEGER"] = _FAMILIES["BIGINT"]
"""Types accepted instead of a declared type; each of their values is a value of that type."""

MIGRATED_VERSIONS = (2,)
"""Older schema versions that `auroraql catalogue migrate` converts."""

_FIRST_VERSIONS = {"source_records": 3}
"""Versions that added a table, which older files may lack."""

_IDENTIFIERS = ("data_sources", "ephemeris_metadata", "source_records")
"""Tables with unique identifiers."""

_READ_AS_EMPTY = {("data_sources", column) for column in ("program", "platform", "instrument_type", "source_type", "display_name")}  # fmt: skip
"""Columns whose NULLs are read as empty texts, because real sources may lack these values."""

_LISTS = ("known_values", "programs")
_FIRST_YEAR, _LAST_YEAR = "0001-01-02", "9999-12-30"


def check_header(
    connection: duckdb.DuckDBPyConnection, name: str, version: int = SCHEMA_VERSION
) -> tuple[bool, str, str]:
    """Return demonstration, description and rule of a catalogue's header. Raises UsageError."""
    try:
        header = connection.execute(_HEADER).fetchall()
    except duckdb.CatalogException as problem:
        raise _refuse(name, str(problem).splitlines()[0]) from None
    except duckdb.BinderException as problem:
        raise _refuse(name, str(problem).splitlines()[0]) from None
    if len(header) != 1:
        raise _refuse(name, f"its table catalogue has {len(header)} rows, not one")
    if None in header[0]:
        column = _HEADER_COLUMNS[header[0].index(None)]
        raise _refuse(name, f"row 1 of catalogue has no {column} (it is NULL)")
    found, demonstration, description, rule = header[0]
    if found != version:
        raise _version_error(name, found)
    return bool(demonstration), str(description), str(rule)


class OtherVersion(UsageError):
    """The catalogue is of another schema version, which is `version`."""

    def __init__(self, message: str, hint: str = "", version: int = 0) -> None:
        super().__init__(message, hint)
        self.version = version


def _version_error(name: str, version: int) -> UsageError:
    message = f"'{name}' is a catalogue of schema version {version}; this AuroraQL reads version {SCHEMA_VERSION}"
    if version in MIGRATED_VERSIONS:
        return OtherVersion(message, f"auroraql catalogue migrate {shlex.quote(name)} converts it", version)
    return OtherVersion(message, "update AuroraQL" if version > SCHEMA_VERSION else _HINT, version)


def check_catalogue(connection: duckdb.DuckDBPyConnection, name: str, version: int = SCHEMA_VERSION) -> None:
    """Check the whole database. Raises UsageError with file, row and field, and duckdb.InterruptException."""
    try:
        _check_for_code(connection, name)
        check_header(connection, name, version)
        nullable = _check_columns(connection, name, version)
        for table, columns in nullable.items():
            _check_nulls(connection, name, table, columns)
        _check_values(connection, name)
    except duckdb.InterruptException:
        raise
    except duckdb.Error as problem:
        raise _refuse(name, str(problem).splitlines()[0]) from None


def _refuse(name: str, reason: str) -> UsageError:
    return UsageError(f"'{name}' is not a catalogue: {make_visible(reason)}", _HINT)


def _check_for_code(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    for entity, statement in (("view", _VIEWS), ("macro", _MACROS)):
        if code := connection.execute(statement).fetchone():
            hint = f"a catalogue contains only tables: replace the {entity} by a table, or drop it"
            raise UsageError(
                f"'{name}' is not a catalogue: it contains the {entity} '{make_visible(str(code[0]))}'", hint
            )


Columns = dict[str, dict[str, tuple[str, bool]]]
"""Type and nullability by table and column, in lower case."""


def _columns(connection: duckdb.DuckDBPyConnection) -> Columns:
    tables: Columns = {}
    for table, column, type_name, nullable in connection.execute(_COLUMNS).fetchall():
        tables.setdefault(table.lower(), {})[column.lower()] = type_name, nullable
    return tables


def _expected_columns() -> Columns:
    with duckdb.connect(":memory:") as connection, connection.cursor() as cursor:
        cursor.execute(read_format())
        return _columns(cursor)


def _check_columns(connection: duckdb.DuckDBPyConnection, name: str, version: int) -> dict[str, list[str]]:
    """Compare the tables with the format; return, by table, the NOT NULL columns that the file declares nullable."""
    actual = _columns(connection)
    to_check: dict[str, list[str]] = {}
    for table, columns in _expected_columns().items():
        if table not in actual and _FIRST_VERSIONS.get(table, 0) > version:
            continue
        if table not in actual:
            raise _refuse(name, f"it has no table {table}")
        for column, (expected, may_be_null) in columns.items():
            if column not in actual[table]:
                raise _refuse(name, f"its table {table} has no column {column}")
            type_name, nullable = actual[table][column]
            if type_name.partition("(")[0] not in _FAMILIES.get(expected, (expected,)):
                raise _refuse(name, f"the type of {table}.{column} is {type_name}, not {expected}")
            if nullable and not may_be_null and (table, column) not in _READ_AS_EMPTY:
                to_check.setdefault(table, []).append(column)
    return to_check


def _check_nulls(connection: duckdb.DuckDBPyConnection, name: str, table: str, columns: list[str]) -> None:
    conditions = [f'"{column}" IS NULL' for column in columns]
    statement = f"SELECT rowid, {', '.join(conditions)} FROM main.{table} WHERE {' OR '.join(conditions)} LIMIT 1"  # noqa: S608
    if (row := connection.execute(statement).fetchone()) is not None:
        raise _refuse(name, f"row {row[0] + 1} of {table} has no {columns[row[1:].index(True)]} (it is NULL)")


def _check_values(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    tables = _columns(connection)
    for table in (table for table in _IDENTIFIERS if table in tables):
        statement = f"SELECT identifier FROM main.{table} GROUP BY identifier HAVING count(*) > 1 LIMIT 1"  # noqa: S608
        if duplicate := connection.execute(statement).fetchone():
            raise _refuse(name, f"identifier {duplicate[0]} is in {table} more than once")
    for column in _LISTS:
        statement = f"SELECT rowid FROM main.metadata_keys WHERE len(list_filter({column}, lambda x: x IS NULL)) > 0"  # noqa: S608
        if row := connection.execute(f"{statement} LIMIT 1").fetchone():
            raise _refuse(name, f"row {row[0] + 1} of metadata_keys has a NULL in {column}")
    for table, column in (("data_products", "start"), ("data_products", "end"), ("ephemeris", "epoch")):
        extremes = f'SELECT min("{column}") < $1::TIMESTAMP OR max("{column}") > $2::TIMESTAMP FROM main.{table}'  # noqa: S608
        if connection.execute(extremes, [_FIRST_YEAR, _LAST_YEAR]).fetchone() == (True,):
            where = f'"{column}" < $1::TIMESTAMP OR "{column}" > $2::TIMESTAMP'
            row = connection.execute(
                f'SELECT rowid, "{column}"::VARCHAR FROM main.{table} WHERE {where} LIMIT 1',  # noqa: S608
                [_FIRST_YEAR, _LAST_YEAR],
            ).fetchone()
            assert row is not None  # noqa: S101 - narrows the type
            raise _refuse(name, f"row {row[0] + 1} of {table} has the {column} {row[1]}, not a year from 1 to 9999")


class CheckedFiles:
    """Cache entry that records a successful check of a file's current state (size, times, inode)."""

    def __init__(self, path: Path) -> None:
        state = path.stat()
        self._state = [SCHEMA_VERSION, state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns]
        self._file = CacheFile("checked", str(path.resolve()), here=False)

    @property
    def is_current(self) -> bool:
        """Whether the file was checked in its current state."""
        return (self._file.read() or {}).get("state") == self._state

    def remember(self) -> None:
        """Record that the file was checked."""
        self._file.write({"state": self._state})
