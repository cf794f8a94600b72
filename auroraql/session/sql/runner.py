"""Runner of SQL on stored results. Each result is a table of a locked in-memory DuckDB database."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from typing import Any, TypeVar

import duckdb

from auroraql.diagnostics.errors import Diagnostic, Failed, StatementError, TimedOut
from auroraql.engines.duckdb.catalogue_file import QueryInterrupter, raise_keyboard_interrupt
from auroraql.language.ast import SqlStatement
from auroraql.results.result_set import (
    ColumnarRecords,
    ResultColumn,
    Row,
    Shape,
    bytes_text,
    format_duration,
    reach_value,
    read_time,
)
from auroraql.results.stored_results import (
    DottedName,
    SqlColumn,
    SqlPlan,
    StoredResult,
    dotted_names,
    other_names,
    table_columns,
)
from auroraql.schema import Field, Type
from auroraql.session.sql.sandbox import CONFIG, RewrittenSql, quote_identifier, sql_error

_SQL_TYPES = {
    Type.STRING: "VARCHAR",
    Type.NUMBER: "DOUBLE",
    Type.INTEGER: "BIGINT",
    Type.BOOLEAN: "BOOLEAN",
    Type.TIME: "TIMESTAMP",
    Type.DATE: "DATE",
    Type.INTERVAL: "INTERVAL",
    Type.OBJECT: "JSON",
}

_READ_AS = {
    "varchar": Type.STRING,
    "boolean": Type.BOOLEAN,
    "date": Type.DATE,
    "interval": Type.INTERVAL,
    "time": Type.CLOCK,
    "time_ns": Type.CLOCK,
    "blob": Type.BYTES,
    "double": Type.NUMBER,
    "float": Type.NUMBER,
    "decimal": Type.DECIMAL,
    **dict.fromkeys(("list", "array", "struct", "map", "json", "variant"), Type.OBJECT),
}
"""Types of results by the id of DuckDB's type. `_result_type` handles the many integer and timestamp types."""


_as_json = json.JSONEncoder(ensure_ascii=False, default=str).encode


@dataclass(frozen=True, slots=True)
class _ColumnValues:
    """Column of a table: its name, its SQL type, and its values."""

    name: str
    type: str
    values: list[Any]


_MAX_RESULT_BYTES = 1 << 30
"""Maximum memory of the result rows, in bytes."""

_MAX_CHUNK_BYTES = 64 << 20
"""Maximum size of a batch of rows in bytes, estimated from the rows so far."""

_MAX_DEPTH = 200
"""Maximum nesting depth of objects and lists in a value."""


def run_sql(
    statement: SqlStatement,
    tables: Sequence[StoredResult],
    sql_plan: SqlPlan,
    parameters: Mapping[str, object],
    deadline: float,
    max_rows: int | None = None,
) -> tuple[tuple[ResultColumn, ...], list[Row]]:
    """Run SQL that `check_sql` accepted. Return its columns and rows. `deadline` is in seconds of `time.monotonic`.

    `most` limits the number of fetched rows. Raises StatementError when DuckDB rejects the SQL, TimedOut at the
    deadline, and Failed when the rows need too much memory.
    """
    rewritten = _rewrite_names(statement, tables, sql_plan)
    try:
        return _execute(statement, rewritten, tables, sql_plan.columns, parameters, deadline, max_rows)
    except duckdb.BinderException:
        # Retry with all columns, so that the error can suggest the nearest name.
        return _execute(statement, rewritten, tables, None, parameters, deadline, max_rows)


def _rewrite_names(statement: SqlStatement, tables: Sequence[StoredResult], sql_plan: SqlPlan) -> RewrittenSql:
    """Return the SQL with dotted column names in quotes. DuckDB would read `a.b` as a table and a column."""
    columns = {result.name: table_columns(result) for result in tables}
    names = {table: dotted_names(table_names) for table, table_names in columns.items()}
    all_names = {name: path for table_names in names.values() for name, path in table_names.items()}
    data, end, length = statement.text.encode(), 0, 0
    pieces: list[bytes] = []
    edits: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for dotted in sql_plan.dotted:
        written = _dotted_reference(dotted, names.get(dotted.table, all_names))
        if written is None or dotted.start < end:
            continue
        pieces += (data[end : dotted.start], written.encode())
        begin, end = length + len(pieces[-2]), dotted.start + dotted.length
        length = begin + len(pieces[-1])
        edits.append(((begin, length), (dotted.start, end)))
    text = b"".join((*pieces, data[end:])).decode()
    others = {other: path for table_names in columns.values() for other, path in other_names(table_names).items()}
    return RewrittenSql(text, tuple(edits), others)


def _dotted_reference(dotted: DottedName, names: Mapping[str, tuple[str, ...]]) -> str | None:
    """Return a dotted name with its column and member in quotes, or None when no column has that name."""
    # A table that is not a result has its own columns. A result may have a column that begins with the result's name.
    for qualifier in (0,) if not dotted.qualifier else (dotted.qualifier, 0) if dotted.table else (dotted.qualifier,):
        rest = dotted.parts[qualifier:]
        for length in range(len(rest), 0, -1):
            name = ".".join(rest[:length])
            column_path = names.get(name.lower())
            if column_path is not None:
                path = ".".join(
                    quote_identifier(part) for part in (*dotted.parts[:qualifier], *column_path, *rest[length:])
                )
                is_named = column_path[-1].lower() == name.lower() or length < len(rest) or not dotted.is_output
                return path if is_named else f"{path} AS {quote_identifier(name)}"
    return None


def _connection() -> duckdb.DuckDBPyConnection:
    """Open an empty, locked in-memory database with the time zone UTC."""
    # The TimeZone setting exists only after the database is open, so the lock comes after it.
    connection = duckdb.connect(":memory:", config={k: v for k, v in CONFIG.items() if k != "lock_configuration"})
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.execute("SET GLOBAL lock_configuration = true")
    return connection


def _execute(
    statement: SqlStatement,
    rewritten: RewrittenSql,
    tables: Sequence[StoredResult],
    only: frozenset[str] | None,
    parameters: Mapping[str, object],
    deadline: float,
    max_rows: int | None,
) -> tuple[tuple[ResultColumn, ...], list[Row]]:
    with _connection() as connection:
        try:
            with (
                connection.cursor() as cursor,
                QueryInterrupter(cursor, threading.Event(), deadline),
                raise_keyboard_interrupt(),
            ):
                for result in tables:
                    _create_table(cursor, result, only, deadline)
                _check_parameters(cursor, parameters, statement)
                cursor.execute(rewritten.text, dict(parameters) or None)
                if any(str(code) == "TIMESTAMP WITH TIME ZONE" for _, code, *_ in cursor.description or ()):
                    cursor.execute(*_convert_time_zones(cursor, rewritten.text, parameters))
                columns = tuple(_result_columns(cursor.description or ()))
                _check_depth(columns, cursor.description or (), statement)
                return columns, _fetch_rows(cursor, columns, statement, deadline, max_rows)
        except duckdb.InterruptException:
            message, hint = "the SQL did not finish in time", "increase the timeout: SET timeout = 20 minutes"
            raise TimedOut(message, archive="SQL", subject="the SQL", hint=hint) from None
        except duckdb.Error as error:
            if only is not None and isinstance(error, duckdb.BinderException):
                raise
            raise StatementError([sql_error(error, statement, rewritten)]) from None


def _check_parameters(
    cursor: duckdb.DuckDBPyConnection, parameters: Mapping[str, object], statement: SqlStatement
) -> None:
    """Bind each parameter separately, to report one of an unsupported type by name. Raises StatementError."""
    for name, value in parameters.items():
        try:
            cursor.execute("SELECT $value", {"value": value})
        except duckdb.InterruptException:
            raise
        except (duckdb.Error, UnicodeError, OverflowError) as error:
            reason = str(error).splitlines()[0].partition("Error: ")[2]
            message = f"the parameter ${name} cannot be used in SQL{': ' + reason[:200] if reason else ''}"
            hint = "SQL accepts strings, numbers up to 128 bits, times, and lists of one type"
            raise StatementError([Diagnostic("AQL0211", message, statement.origin, hint=hint)]) from None


def _convert_time_zones(
    cursor: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object]
) -> tuple[str, dict[str, object] | None]:
    """Return the SQL with its times converted to UTC without a time zone, like all times of a result."""
    described = cursor.description or ()
    zoned = [str(code) == "TIMESTAMP WITH TIME ZONE" for _, code, *_ in described]
    columns = ", ".join(
        f"c{index}{'::TIMESTAMP' if is_zoned else ''} AS {quote_identifier(str(name))}"
        for index, (is_zoned, (name, *_)) in enumerate(zip(zoned, described, strict=True))
    )
    names = ", ".join(f"c{index}" for index in range(len(zoned)))
    text = sql.strip().removesuffix(";")
    return f"SELECT {columns} FROM (\n{text}\n) AS answer({names})", dict(parameters) or None  # noqa: S608


def _fetch_rows(
    cursor: duckdb.DuckDBPyConnection,
    columns: Sequence[ResultColumn],
    statement: SqlStatement,
    deadline: float,
    max_rows: int | None,
) -> list[Row]:
    """Fetch the rows in batches. Raises duckdb.InterruptException at the deadline, and Failed for too much memory."""
    rows: list[Row] = []
    used_bytes, size = 0, 1
    # Only these columns need conversion.
    converted = [
        index
        for index, (_, code, *_) in enumerate(cursor.description or ())
        if code.id not in _AS_IN_PYTHON or str(code) == "JSON"
    ]
    sized = [index for index, column in enumerate(columns) if column.type in (Type.STRING, Type.OBJECT, Type.BYTES)]
    while batch := cursor.fetchmany(size if max_rows is None else min(size, max_rows - len(rows))):
        used_bytes += (64 + 32 * len(columns)) * len(batch) + sum(
            _estimate_bytes(row[index]) for row in batch for index in sized
        )
        if converted:
            values: list[Sequence[Any]] = list(zip(*batch, strict=True))
            for index in converted:
                values[index] = [_plain_value(value, columns[index], statement) for value in values[index]]
            batch = list(zip(*values, strict=True))
        rows += batch
        if used_bytes > _MAX_RESULT_BYTES:
            message = f"the rows need more than {_MAX_RESULT_BYTES >> 30} GB of memory, after {len(rows):,} rows"
            hint = "add LIMIT, select fewer columns, or use GROUP BY"
            raise Failed(message, archive="SQL", subject="the SQL", hint=hint)
        if time.monotonic() >= deadline:
            raise duckdb.InterruptException
        size = max(1, min(10 * size, 10_000, _MAX_CHUNK_BYTES * len(rows) // used_bytes))
        if max_rows is not None and len(rows) >= max_rows:
            break
    return rows


_AS_IN_PYTHON = {
    "varchar", "boolean", "tinyint", "smallint", "integer", "bigint", "hugeint", "utinyint", "usmallint", "uinteger",
    "ubigint", "float", "double", "date", "timestamp", "decimal", "interval", "time", "blob",
}  # fmt: skip
"""DuckDB's types whose values need no conversion."""


def _estimate_bytes(value: Any) -> int:
    """Return the approximate memory of a string, list or object, in bytes."""
    if isinstance(value, str | bytes):
        return 30 + len(value)
    total, level = 0, [value] if isinstance(value, dict | list | tuple) else []
    while level:
        members = [
            member
            for container in level
            for member in (container.values() if isinstance(container, dict) else container)
        ]
        total += 60 * len(members) + sum(len(member) for member in members if isinstance(member, str | bytes))
        level = [member for member in members if isinstance(member, dict | list | tuple)]
    return total


def _check_depth(columns: Sequence[ResultColumn], description: Sequence[Any], statement: SqlStatement) -> None:
    for column, (_, code, *_) in zip(columns, description, strict=True):
        written = str(code)
        if written.count("(") + written.count("[") > _MAX_DEPTH and _nesting_depth(written, "([", ")]") > _MAX_DEPTH:
            raise _too_deep_error(column, statement)


def _too_deep_error(column: ResultColumn, statement: SqlStatement) -> StatementError:
    message = f"a value of '{column.name}' is nested more than {_MAX_DEPTH} levels deep"
    hint = "cast it to VARCHAR, or select a part of it"
    return StatementError([Diagnostic("AQL0409", message, statement.origin, hint=hint)])


_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def _nesting_depth(text: str, opening: str, closing: str) -> int:
    """Return the nesting depth of brackets in a text, ignoring those in double quotes."""
    depth = deepest = 0
    for character in _QUOTED.sub("", text):
        if character in opening:
            depth += 1
            deepest = max(deepest, depth)
        elif character in closing:
            depth -= 1
    return deepest


def _read_json(text: str, column: ResultColumn, statement: SqlStatement) -> Any:
    if text.count("[") + text.count("{") > _MAX_DEPTH and _nesting_depth(text, "[{", "]}") > _MAX_DEPTH:
        raise _too_deep_error(column, statement)
    return json.loads(text)


def _create_table(
    cursor: duckdb.DuckDBPyConnection, result: StoredResult, only: frozenset[str] | None, deadline: float
) -> None:
    """Create a table of a result, with the columns named in `only` (None for all), and at least the first column.

    Raises duckdb.InterruptException at the deadline.
    """
    columns = [_to_loadable(column) for column in _until_deadline(_table_columns(result, only), deadline)]
    declared = ", ".join(f"{quote_identifier(column.name)} {column.type}" for column in columns) or "nothing INTEGER"
    cursor.execute(f"CREATE TABLE {quote_identifier(result.name)} ({declared})")
    selections = ", ".join(f"unnest(${index}::{column.type}[])" for index, column in enumerate(columns, 1))
    insertion = f"INSERT INTO {quote_identifier(result.name)} SELECT {selections}"
    rows = len(columns[0].values) if columns else 0
    for start in _until_deadline(range(0, rows, _ROWS_AT_ONCE), deadline):
        cursor.execute(insertion, [column.values[start : start + _ROWS_AT_ONCE] for column in columns])


_ROWS_AT_ONCE = 20_000
"""Rows per INSERT. DuckDB cannot be interrupted while it binds them."""

_Each = TypeVar("_Each")


def _until_deadline(values: Iterable[_Each], deadline: float) -> Iterator[_Each]:
    """Yield the values. Raises duckdb.InterruptException at the deadline."""
    for value in values:
        if time.monotonic() >= deadline:
            raise duckdb.InterruptException
        yield value


def _to_loadable(column: _ColumnValues) -> _ColumnValues:
    """Return the column, converted to strings or JSON if it has values that are not of the declared type."""
    if column.type == "JSON" or column.type.startswith("STRUCT"):
        return column
    element, _, listed = column.type.partition("[")
    values = [element_value for value in column.values for element_value in value or ()] if listed else column.values
    integers = [value for value in values if type(value) is int] if element == "BIGINT" else ()
    if set(map(type, values)) <= _PARAMETER_TYPES[element] and all(value in _INT64_RANGE for value in integers):
        return column
    if column.type == "VARCHAR":
        return replace(column, values=[_value_text(value) for value in column.values])
    return replace(column, type="JSON", values=[None if value is None else _as_json(value) for value in column.values])


_PARAMETER_TYPES: dict[str, set[type]] = {
    "VARCHAR": {str, type(None)},
    "DOUBLE": {float, int, type(None)},
    "BIGINT": {int, type(None)},
    "BOOLEAN": {bool, type(None)},
    "TIMESTAMP": {datetime, type(None)},
    "DATE": {date, type(None)},
    "INTERVAL": {timedelta, type(None)},
}
"""Python types of the values that an SQL type accepts."""

_INT64_RANGE = range(-(2**63), 2**63)


def _table_columns(result: StoredResult, only: frozenset[str] | None) -> Iterator[_ColumnValues]:
    """Yield the columns named in `only` (None for all), and the first column, with their values."""
    for number, column in enumerate(table_columns(result)):
        if only is None or column.name.lower() in only or not number:
            yield _ColumnValues(column.name, *_typed_values(_values_of_column(result, column), column))


def _values_of_column(result: StoredResult, column: SqlColumn) -> list[Any]:
    """Return the values of a column. Columnar records are read without building whole rows."""
    if result.result is None:
        return []
    records = result.result.columnar_records
    if isinstance(records, ColumnarRecords):
        values = records.values(result.columns[column.at])
    else:
        values = [row[column.at] for row in result.result.rows]
    if column.derive is not None and column.field is not None:
        name, derive, steps = result.columns[column.at].path[0], column.derive, column.field.path
        values = [reach_value(derive({name: value}), steps) for value in values]
    if column.member is not None:
        name = column.member.path[-1]
        values = [
            value if value is None else [element.get(name) if isinstance(element, dict) else None for element in value]
            for value in values
        ]
    return values


def _typed_values(values: list[Any], column: SqlColumn) -> tuple[str, list[Any]]:
    """Return an SQL type for the values, and the values converted to it."""
    declared = (column.member or column.field or column.column).type
    is_list = column.member is not None or bool(column.column.many_at)
    if column.field is not None and not column.field.members:
        is_list |= column.field.many
    if declared is Type.ANY:
        declared = Type.OBJECT if is_list else _common_type(values)
        if declared is Type.STRING:
            return "VARCHAR", [_value_text(value) for value in values]
    if column.members and not is_list and all(value is None or isinstance(value, dict) for value in values):
        return _struct_values(values, column.members)
    if declared is Type.OBJECT:
        return "JSON", [None if value is None else _as_json(value) for value in values]
    name = _SQL_TYPES[declared]
    if not is_list:
        return name, values
    return f"{name}[]", [value if value is None or isinstance(value, list) else [value] for value in values]


def _struct_values(values: list[Any], members: Sequence[Field]) -> tuple[str, list[Any]]:
    """Return the STRUCT type of objects with these members, and the objects."""
    columns = {
        member.path[-1]: _to_loadable(_ColumnValues("", _SQL_TYPES[member.type], _member_values(values, member)))
        for member in members
    }
    declared = ", ".join(f"{quote_identifier(name)} {column.type}" for name, column in columns.items())
    objects = zip(*(column.values for column in columns.values()), strict=True)
    structs = [
        None if value is None else dict(zip(columns, members_of_value, strict=True))
        for value, members_of_value in zip(values, objects, strict=True)
    ]
    return f"STRUCT({declared})", structs


def _member_values(values: list[Any], member: Field) -> list[Any]:
    """Return the values of a member of objects. Times are text in objects, as in AuroraX's records."""
    of_member = (None if value is None else value.get(member.path[-1]) for value in values)
    if member.type is not Type.TIME:
        return list(of_member)
    with suppress(ValueError):
        return [read_time(value) if isinstance(value, str) else value for value in of_member]
    return [None if value is None else value.get(member.path[-1]) for value in values]


def _common_type(values: list[Any]) -> Type:
    """Return the common type of the values of a metadata key, or STRING when there is none."""
    kinds = {type(value) for value in values if value is not None}
    if kinds & {dict, list}:
        return Type.OBJECT
    for types, common in (
        ({int}, Type.INTEGER),
        ({int, float}, Type.NUMBER),
        ({bool}, Type.BOOLEAN),
        ({datetime}, Type.TIME),
    ):
        if kinds and kinds <= types:
            return common
    return Type.STRING


def _value_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else _as_json(value)


def _result_columns(description: Sequence[Any]) -> Iterator[ResultColumn]:
    """Yield the result columns. A repeated name gets a number that makes it unique."""
    names = [str(name) for name, *_ in description]
    used_names, counts = set(names), dict[str, int]()
    for name, (_, code, *_) in zip(names, description, strict=True):
        label, counts[name] = name, counts.get(name, 0) + 1
        while counts[name] > 1 and label in used_names:
            label = f"{name}_{counts[name]}"
            counts[name] += label in used_names
        used_names.add(label)
        column_type = _result_type(str(code), code.id)
        shape = _nested_shape(code) if column_type is Type.OBJECT else None
        yield ResultColumn(label, column_type, path=(label,), digits=_decimal_digits(str(code)), shape=shape)


def _nested_shape(code: Any) -> Shape:
    """Return the shape of the values of a DuckDB type. A type that is text or JSON in nested values is ANY."""
    match code.id:
        case "list" | "array":
            return [_nested_shape(code.children[0][1])]
        case "struct":
            return {str(name): _nested_shape(member) for name, member in code.children}
        case _:
            scalar = _result_type(str(code), code.id)
            return Type.ANY if scalar in (Type.OBJECT, Type.DECIMAL, Type.BYTES) or code.id not in _TYPED else scalar


_TYPED = frozenset(
    (
        *("varchar", "boolean", "date", "interval", "time", "double", "float"),
        *("tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint", "uinteger"),
        *("timestamp", "timestamp_s", "timestamp_ms", "timestamp_us", "timestamp_tz", "timestamp with time zone"),
    )
)
"""Ids of the DuckDB types whose nested values have a type in Arrow."""


def _decimal_digits(type_name: str) -> tuple[int, int] | None:
    match = _DECIMAL.fullmatch(type_name)
    return (int(match[1]), int(match[2])) if match else None


_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")


def _result_type(type_name: str, name: str) -> Type:
    if type_name == "JSON":
        return Type.OBJECT
    if name.startswith("timestamp"):
        return Type.TIME
    if name.endswith("int") or name in ("integer", "tinyint", "hugeint"):
        return Type.INTEGER
    return _READ_AS.get(name, Type.STRING)


def _plain_value(value: Any, column: ResultColumn, statement: SqlStatement) -> Any:
    """Return a DuckDB value as a result value."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if column.type is Type.OBJECT:
        return _read_json(value, column, statement) if isinstance(value, str) else _nested_value(value)
    match value:
        case datetime() if value.tzinfo is not None:
            return value.astimezone(UTC).replace(tzinfo=None)
        case str() | date() | timedelta() | Decimal() | bytes():
            return value
        case clock() if column.type is Type.CLOCK:
            return value
        case _:
            return str(value)


def _nested_value(value: Any) -> Any:
    """Return a DuckDB list or object as JSON values. A decimal that a float cannot hold is text with all its digits."""
    match value:
        case dict():
            return {str(key): _nested_value(element) for key, element in value.items()}
        case list() | tuple():
            return [_nested_value(element) for element in value]
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            number = float(value)
            return number if Decimal(repr(number)) == value else format(value, "f")
        case datetime() if value.tzinfo is not None:
            return value.astimezone(UTC).replace(tzinfo=None).isoformat()
        case date() | clock():  # includes datetime
            return value.isoformat()
        case bytes():
            return bytes_text(value)
        case timedelta():
            return format_duration(value)
        case _:
            return str(value)
