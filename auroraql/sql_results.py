"""SQL over results kept by name: each is a table in a database of its own, in memory, that reaches nothing outside."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb

from auroraql.archives.catalogue_file import Interrupter, interruptible
from auroraql.errors import Diagnostic, StatementError, TimedOut
from auroraql.named import Kept, Limited, sql_columns
from auroraql.results import ResultColumn, Row
from auroraql.schema import Field, Type
from auroraql.sql_limits import CONFIG, wrong
from auroraql.syntax import Sql

_SQL_TYPES = {
    Type.STRING: "VARCHAR",
    Type.NUMBER: "DOUBLE",
    Type.INTEGER: "BIGINT",
    Type.BOOLEAN: "BOOLEAN",
    Type.TIME: "TIMESTAMP",
    Type.OBJECT: "JSON",
}

_READ_AS = {
    "varchar": Type.STRING,
    "boolean": Type.BOOLEAN,
    "date": Type.TIME,
    "double": Type.NUMBER,
    "float": Type.NUMBER,
    "decimal": Type.NUMBER,
    **dict.fromkeys(("list", "array", "struct", "map", "json", "variant"), Type.OBJECT),
}
"""DuckDB's types, by the beginnings of their names; whole numbers and timestamps have many."""


_as_json = json.JSONEncoder(ensure_ascii=False, default=str).encode


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of a table: its name, its SQL type, and its values."""

    name: str
    type: str
    values: list[Any]


def run_sql(
    statement: Sql, tables: Sequence[Kept], limited: Limited, parameters: Mapping[str, object], deadline: float
) -> tuple[tuple[ResultColumn, ...], list[Row]]:
    """The columns and rows of SQL that `check_sql` let pass; `deadline` in seconds of `time.monotonic`.

    Raises StatementError for what DuckDB finds wrong with it, TimedOut at the deadline.
    """
    try:
        columns, rows = _run(statement, tables, limited.columns, parameters, deadline)
    except duckdb.BinderException:
        # Among all the columns there are, what is misspelt has a nearest.
        columns, rows = _run(statement, tables, None, parameters, deadline)
    return columns, [tuple(map(_plain, row, columns)) for row in rows]


def _run(
    statement: Sql,
    tables: Sequence[Kept],
    only: frozenset[str] | None,
    parameters: Mapping[str, object],
    deadline: float,
) -> tuple[tuple[ResultColumn, ...], list[Row]]:
    with duckdb.connect(":memory:", config=CONFIG) as connection:
        for kept in tables:
            _make(connection, kept, only)
        try:
            with connection.cursor() as cursor, Interrupter(cursor, threading.Event(), deadline), interruptible():
                _check_parameters(cursor, parameters, statement)
                cursor.execute(statement.text, dict(parameters) or None)
                return tuple(_described(cursor.description or ())), cursor.fetchall()
        except duckdb.InterruptException:
            message, hint = "the deadline passed before the SQL was done", "allow more time: SET timeout = 20 minutes"
            raise TimedOut(message, archive="SQL", hint=hint) from None
        except duckdb.Error as error:
            if only is not None and isinstance(error, duckdb.BinderException):
                raise
            raise StatementError([_fault(error, statement)]) from None


def _check_parameters(cursor: duckdb.DuckDBPyConnection, parameters: Mapping[str, object], statement: Sql) -> None:
    """Bind each parameter by itself, so that one that DuckDB has no type for is reported by its name."""
    for name, value in parameters.items():
        try:
            cursor.execute("SELECT $value", {"value": value})
        except duckdb.InterruptException:
            raise
        except (duckdb.Error, UnicodeError, OverflowError) as error:
            reason = str(error).splitlines()[0].partition("Error: ")[2]
            message = f"the parameter ${name} cannot be used in SQL{': ' + reason[:200] if reason else ''}"
            hint = "SQL takes texts, numbers up to 128 bits, times, and lists of one type"
            raise StatementError([Diagnostic("AQL0211", message, statement.origin, hint=hint)]) from None


def _fault(error: duckdb.Error, statement: Sql) -> Diagnostic:
    if "pytz" in str(error):
        message, hint = "a time with a zone cannot be shown", "write …::TIMESTAMP; all times here are UTC"
        return Diagnostic("AQL0409", message, wrong(error, statement).origin, hint=hint)
    return wrong(error, statement)


def _make(connection: duckdb.DuckDBPyConnection, kept: Kept, only: frozenset[str] | None) -> None:
    """A result as a table of its name; of its columns those that are called so, and one for its rows to be there."""
    columns = list(_columns(kept, only))
    places = (f"unnest(${at}::{c.type}[]) AS {_quoted(c.name)}" for at, c in enumerate(columns, 1))
    chosen = ", ".join(places) or "unnest([]::INTEGER[]) AS nothing"
    connection.execute(f"CREATE TABLE {_quoted(kept.name)} AS SELECT {chosen}", [c.values for c in columns])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _columns(kept: Kept, only: frozenset[str] | None) -> Iterator[_Column]:
    """The columns of a result that are called so, and the first, with their values."""
    values = list(zip(*kept.result.rows, strict=True)) if kept.result is not None and len(kept.result) else []
    for number, (name, at, field, inner) in enumerate(sql_columns(kept)):
        if only is None or name.lower() in only or not number:
            steps = inner.path[len(field.path) :]
            reached = [_at(value, steps) for value in (values[at] if values else ())]
            yield _Column(name, *_typed(reached, inner, listed=inner.many or field.many))


def _at(value: Any, steps: tuple[str, ...]) -> Any:
    """What stands at the end of the steps; of a list, of each of its elements."""
    for step in steps:
        if isinstance(value, list):
            value = [each.get(step) if isinstance(each, dict) else None for each in value]
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def _typed(values: list[Any], field: Field, *, listed: bool) -> tuple[str, list[Any]]:
    """An SQL type for the values, and the values as it takes them."""
    declared = field.type if field.type is not Type.ANY else _type_of(values)
    if declared is Type.OBJECT:
        return "JSON", [None if v is None else _as_json(v) for v in values]
    name = _SQL_TYPES[declared]
    if not listed:
        return name, [_text(v) for v in values] if field.type is Type.ANY and declared is Type.STRING else values
    return f"{name}[]", [v if v is None or isinstance(v, list) else [v] for v in values]


def _type_of(values: list[Any]) -> Type:
    """The one type that values of a metadata key have; text, where they have several."""
    kinds = {type(value) for value in values if value is not None}
    if kinds & {dict, list}:
        return Type.OBJECT
    for types, found in (
        ({int}, Type.INTEGER),
        ({int, float}, Type.NUMBER),
        ({bool}, Type.BOOLEAN),
        ({datetime}, Type.TIME),
    ):
        if kinds and kinds <= types:
            return found
    return Type.STRING


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else _as_json(value)


def _described(description: Sequence[Any]) -> Iterator[ResultColumn]:
    """The columns of an answer; of a name that came before, with its number."""
    seen: dict[str, int] = {}
    for name, code, *_ in description:
        seen[name] = seen.get(name, 0) + 1
        label = name if seen[name] == 1 else f"{name}_{seen[name]}"
        yield ResultColumn(label, _read_as(str(code), code.id), path=(label,))


def _read_as(written: str, name: str) -> Type:
    if written == "JSON":
        return Type.OBJECT
    if name.startswith("timestamp"):
        return Type.TIME
    if name.endswith("int") or name in ("integer", "tinyint", "hugeint"):
        return Type.INTEGER
    return _READ_AS.get(name, Type.STRING)


def _plain(value: Any, column: ResultColumn) -> Any:
    """A value of DuckDB's as results have it."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if column.type is Type.OBJECT:
        return json.loads(value) if isinstance(value, str) else _nested(value)
    match value:
        case str() | datetime():
            return (
                value
                if not isinstance(value, datetime) or value.tzinfo is None
                else value.astimezone(UTC).replace(tzinfo=None)
            )
        case date():
            return datetime(value.year, value.month, value.day)
        case Decimal():
            return float(value)
        case _:
            return str(value)


def _nested(value: Any) -> Any:
    """A list or object of DuckDB's as JSON has it."""
    match value:
        case dict():
            return {str(key): _nested(each) for key, each in value.items()}
        case list() | tuple():
            return [_nested(each) for each in value]
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return float(value)
        case datetime() | date():
            return value.isoformat()
        case _:
            return str(value)
