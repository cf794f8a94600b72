"""Validation of catalogue files: tables of the published format, without missing values and without code.

A catalogue may be untrusted. Files with views or macros, which would run with every query, are refused. Columns that
the format declares NOT NULL have a value in every row, whatever the file declares.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from auroraql.diagnostics.errors import UsageError, make_visible
from auroraql.engines.disk_cache import CacheFile
from auroraql.engines.duckdb.catalogue_format import SCHEMA_VERSION, read_format

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

_IDENTIFIERS = ("data_sources", "ephemeris_metadata")
"""Tables with unique identifiers."""

_READ_AS_EMPTY = {("data_sources", column) for column in ("program", "platform", "instrument_type", "source_type", "display_name")}  # fmt: skip
"""Columns whose NULLs are read as empty texts, because real sources may lack these values."""

_LISTS = ("known_values", "programs")
_FIRST_YEAR, _LAST_YEAR = "0001-01-02", "9999-12-30"


def check_header(connection: duckdb.DuckDBPyConnection, name: str) -> tuple[bool, str, str]:
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
    version, demonstration, description, rule = header[0]
    if version != SCHEMA_VERSION:
        raise UsageError(
            f"'{name}' is a catalogue of schema version {version}; this AuroraQL reads version {SCHEMA_VERSION}", _HINT
        )
    return bool(demonstration), str(description), str(rule)


def check_catalogue(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Check the whole database. Raises UsageError with file, row and field, and duckdb.InterruptException."""
    try:
        _check_for_code(connection, name)
        check_header(connection, name)
        nullable = _check_columns(connection, name)
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
            hint = f"a catalogue holds tables only: make a table of it, or drop the {entity}"
            raise UsageError(f"'{name}' is not a catalogue: it holds the {entity} '{make_visible(str(code[0]))}'", hint)


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


def _check_columns(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, list[str]]:
    """Compare the tables with the format; return, by table, the NOT NULL columns that the file declares nullable."""
    actual = _columns(connection)
    to_check: dict[str, list[str]] = {}
    for table, columns in _expected_columns().items():
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
    for table in _IDENTIFIERS:
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
