"""What a search came back with: columns, flat rows, and the records in AuroraX's own shape.

Rows and records say the same thing twice, so only one of them is stored: the embedded archive fetches
rows, the HTTP one records, and the other is made when it is asked for.
"""

from __future__ import annotations

import os
import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import islice
from operator import index
from typing import Any, overload

from auroraql.errors import Source, UsageError
from auroraql.plan import Plan, Residual
from auroraql.query import Column, Query, columns_of
from auroraql.schema import KINDS, Kind, Type
from auroraql.schema.catalogue import shipped

Record = dict[str, Any]
"""A record as AuroraX's API returns it: nested, timestamps as `YYYY-MM-DDTHH:MM:SS` strings."""

_SURROGATE = re.compile("[\ud800-\udfff]")

Maker = Callable[..., Any]
Objects = Callable[[tuple[str, ...]], Maker]
"""Names of members, to what makes an object of their values."""

_NAMES_SHOWN = 12
"""Columns that the one-line description of a result names."""

_CHUNK = 500
"""So many records are made at once, column by column."""

Row = tuple[Any, ...]
"""A record's values in column order, flat: timestamps as naive UTC `datetime`, missing values None."""


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a result: its name, type and unit, and the path of its value in a record."""

    name: str
    type: Type
    unit: str = ""
    path: tuple[str, ...] = ()
    many_at: int = 0
    """How many steps of the path lead to a list, in each element of which the rest is; 0: it leads through none."""
    is_key: bool = False
    """Whether the name is a key of the result's own records, as an alias is; else they keep the value at `path`."""
    digits: tuple[int, int] | None = None
    """Of a decimal number: its digits, and those after the point."""

    @property
    def record_path(self) -> tuple[str, ...]:
        """The path of its value in a record of the result."""
        return (self.name,) if self.is_key else self.path


def selected(asked: Query | Residual, kind: Kind) -> tuple[Column, ...]:
    """The columns of a result, in order: those selected, or every leaf of the record."""
    if asked.select is not None:
        return asked.select
    return columns_of(kind.leaves())


def result_columns(query: Query, kind: Kind | None = None) -> tuple[ResultColumn, ...]:
    """The columns a query's result has, in order. `kind` is what is searched, where it is no kind of the schema's."""
    searched = kind or KINDS[query.kind]
    return tuple(_column(column, searched) for column in selected(query, searched))


def _column(column: Column, kind: Kind) -> ResultColumn:
    if column.ref is None:
        return ResultColumn(column.label, Type.INTEGER, path=(column.label,), is_key=True)
    path = column.ref.path
    declared = kind.field(column.ref.name) if column.ref.role != "metadata" else None
    made = ResultColumn(column.label, Type.ANY, "", path, is_key=bool(column.alias))
    if declared is not None:
        made = replace(made, type=declared.type, unit=declared.unit)
    elif (key := shipped().key(kind.metadata, path[-1])) is not None:
        made = replace(made, unit=key.unit)  # its values may be of any type nevertheless
    if column.function:
        return _of_function(column.function, replace(made, path=(column.label,), is_key=True))
    many_at = next((n for n in range(1, len(path)) if kind.is_listed(path[:n])), 0)
    return replace(made, type=Type.OBJECT, many_at=many_at) if many_at else made


def _of_function(function: str, column: ResultColumn) -> ResultColumn:
    """The column of what a function makes of the values of another."""
    match function:
        case "count":
            return replace(column, type=Type.INTEGER, unit="")
        case "sum" if column.type is Type.INTEGER:
            return column
        case "sum" | "avg":
            return replace(column, type=Type.NUMBER)
        case _:
            return column


class Columnar(Sequence[Record]):
    """Records that an archive keeps smaller than as so many dicts: what is asked of a column is read from there."""

    @abstractmethod
    def rows(self, columns: Sequence[ResultColumn]) -> Iterator[Row]:
        """Flat rows of them, made a few at a time."""

    @abstractmethod
    def values(self, column: ResultColumn) -> list[Any]:
        """What a column of rows has of them all."""

    @abstractmethod
    def array(self, column: ResultColumn) -> Any:
        """The same as a column of Arrow, objects as JSON text; None when Arrow does not hold it."""

    @abstractmethod
    def taken(self, numbers: Sequence[int]) -> Columnar:
        """Those with these numbers, in this order."""


def taken(records: Sequence[Record], numbers: Sequence[int]) -> Sequence[Record]:
    """The records with these numbers, in this order."""
    return records.taken(numbers) if isinstance(records, Columnar) else [records[n] for n in numbers]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an engine hands over: rows in the order of `result_columns`, or whole records; one is None."""

    rows: Sequence[Row] | None = None
    records: Sequence[Record] | None = None


class ResultSet:
    """The result of one statement.

    Iteration yields rows as tuples in column order, and `len` is the number of rows. `result[0]` is a row,
    `result[10:20]` a result of those rows, and `result['url']` the list of a column's values. pandas, polars, pyarrow
    and DuckDB read a result through the Arrow PyCapsule interface (`polars.DataFrame(result)`,
    `duckdb.sql('FROM result')`). `print` shows the first rows as a table.
    """

    def __init__(
        self,
        plan: Plan,
        fetched: Fetched,
        *,
        archive: str,
        elapsed: float,
        demonstration: bool = False,
        source: Source | None = None,
        columns: tuple[ResultColumn, ...] | None = None,
        is_report: bool = False,
        note: str = "",
        request_ids: tuple[str, ...] = (),
    ) -> None:
        self.plan = plan
        self.source = source
        self.columns = columns if columns is not None else result_columns(plan.query)
        self.is_report = is_report
        """Whether the rows are lines of a report, as of EXPLAIN and DESCRIBE, and not records."""
        self.note = note
        """The text that a front end shows instead of the rows, for statements such as LET."""
        self.warnings = plan.warnings
        self.request_ids = request_ids
        """The request IDs of the archive; empty when it answered without a request."""
        self.archive = archive
        self.elapsed = elapsed
        self.demonstration = demonstration
        self._fetched = fetched

    def __len__(self) -> int:
        held = self._fetched.rows if self._fetched.rows is not None else self._fetched.records
        return len(held or ())

    def __repr__(self) -> str:
        names = ", ".join(column.name for column in self.columns[:_NAMES_SHOWN])
        more = ", …" if len(self.columns) > _NAMES_SHOWN else ""
        rows = "1 row" if len(self) == 1 else f"{len(self):,} rows"
        return f"<ResultSet of {rows} from {self.archive}: {names}{more}>"

    def __str__(self) -> str:
        """Return the first rows as a table, with what was left out and the footer of the command line."""
        from auroraql.output import render_text

        return render_text(self)

    @overload
    def __getitem__(self, key: int) -> Row: ...

    @overload
    def __getitem__(self, key: slice) -> ResultSet: ...

    @overload
    def __getitem__(self, key: str) -> list[Any]: ...

    def __getitem__(self, key: int | slice | str) -> Row | ResultSet | list[Any]:
        """Return a row by its number, a result of some rows by a slice, or the values of a column by its name.

        Raises IndexError, KeyError and TypeError as lists and dicts do.
        """
        if isinstance(key, slice):
            return self._with(range(*key.indices(len(self))))
        if isinstance(key, str):
            return self._column_values(key)
        number = range(len(self))[index(key)]  # raises IndexError, and counts negative numbers from the end
        return next(iter(self._with(range(number, number + 1))))

    def _column_values(self, name: str) -> list[Any]:
        at = next((n for n, column in enumerate(self.columns) if column.name == name), None)
        if at is None:
            raise KeyError(f"{name!r}; the columns are {', '.join(column.name for column in self.columns)}")
        held = self._fetched.records
        return held.values(self.columns[at]) if isinstance(held, Columnar) else [row[at] for row in self.rows]

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Export the rows as an Arrow stream (PyCapsule interface), with the types of `to_arrow`."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def __iter__(self) -> Iterator[Row]:
        held = self._fetched.records
        return held.rows(self.columns) if isinstance(held, Columnar) else iter(self.rows)

    @cached_property
    def rows(self) -> Sequence[Row]:
        """The rows as tuples, one value for each column: times as naive UTC `datetime`, missing values None."""
        if self._fetched.rows is not None:
            return self._fetched.rows
        return rows_of(self._fetched.records or (), self.columns)

    @cached_property
    def records(self) -> Sequence[Record]:
        """The records as dicts in AuroraX's shape. SELECT leaves only the selected parts, and an alias is a key."""
        if self._fetched.records is not None:
            return self._fetched.records
        return list(records_of(self._fetched.rows or (), self.columns))

    def each_record(self, objects: Objects) -> Iterator[Any]:
        """The records one after the other; those that are made for it, of such objects or dicts, are not kept."""
        rows = self._fetched.rows
        # Records have decimal numbers as floats; what is written has all their digits.
        has_decimals = any(column.type is Type.DECIMAL for column in self.columns)
        if rows is None or ("records" in self.__dict__ and not has_decimals):
            return iter(self.records)
        return records_of(rows, self.columns, objects)

    def head(self, count: int) -> ResultSet:
        """Return the first rows as a result of their own."""
        return self._with(range(min(count, len(self))))

    def _with(self, numbers: range) -> ResultSet:
        """Return the rows with these numbers, in this order, as a result of their own."""
        rows, records = self._fetched.rows, self._fetched.records
        fetched = Fetched(
            rows=None if rows is None else [rows[number] for number in numbers],
            records=None if records is None else taken(records, numbers),
        )
        return ResultSet(
            self.plan,
            fetched,
            archive=self.archive,
            elapsed=self.elapsed,
            demonstration=self.demonstration,
            source=self.source,
            columns=self.columns,
            is_report=self.is_report,
            note=self.note,
            request_ids=self.request_ids,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the result to a file, in the format of its suffix. The file is written whole or not at all.

        Raises UsageError for an unknown suffix, and for a file that cannot be written.
        """
        from auroraql.output import write

        write(self, path)

    def _repr_html_(self) -> str:
        """The first rows as a table, which notebooks show."""
        from auroraql.output.html import notebook_html

        return notebook_html(self)

    def to_pandas(self) -> Any:
        """Return the rows as a `pandas.DataFrame`, equal to what pandas reads from the result's Parquet file."""
        from auroraql.output.frames import pandas_frame

        return pandas_frame(self)

    def to_polars(self) -> Any:
        """Return the rows as a `polars.DataFrame`. Raises UsageError when polars is not installed."""
        try:
            import polars
        except ImportError:
            raise UsageError(
                "polars is not installed", "pip install polars, or take to_pandas() or to_arrow()"
            ) from None
        return polars.from_arrow(self.to_arrow())

    def to_arrow(self) -> Any:
        """Return the rows as a `pyarrow.Table`. Objects are structs; a column of mixed types is JSON text."""
        from auroraql.output.frames import arrow_table

        return arrow_table(self)

    @property
    def held(self) -> Sequence[Record] | None:
        """The records as the archive keeps them; None where it gave rows."""
        return self._fetched.records


def duration_text(value: timedelta) -> str:
    """A duration as `1 day 02:00:00`, which DuckDB and pandas read."""
    minutes, seconds = divmod(value.seconds, 60)
    fraction = f".{value.microseconds:06}".rstrip("0") if value.microseconds else ""
    text = f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}{fraction}"
    if not value.days:
        return text
    sign = "+" if value.days < 0 else ""
    return f"{value.days} day{'' if value.days == 1 else 's'} {sign}{text}"


def bytes_text(value: bytes) -> str:
    """Bytes as DuckDB writes a BLOB, and reads it: printable ASCII as it is, any other byte as `\\xAA`."""
    return "".join(chr(byte) if 32 <= byte < 127 and byte not in _ESCAPED else f"\\x{byte:02X}" for byte in value)


_ESCAPED = b"\"'\\"


def whole_text(text: str) -> str:
    """Without halves of characters, as broken input leaves them: no encoding can write one."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def rows_of(records: Iterable[Record], columns: Sequence[ResultColumn]) -> list[Row]:
    """Flat rows from records; raises ValueError for a timestamp that is none."""
    if isinstance(records, Columnar):
        return list(records.rows(columns))
    return [tuple(_value(record, column) for column in columns) for record in records]


def _value(record: Record, column: ResultColumn) -> Any:
    value = reached(record, column.path)
    if column.type is Type.TIME and isinstance(value, str):
        return read_time(value)
    return value


def reached(value: Any, steps: tuple[str, ...]) -> Any:
    """What stands at the end of the steps, of a list that for each element; None where a step is missing."""
    for at, step in enumerate(steps):
        if isinstance(value, list):
            return [reached(each, steps[at:]) for each in value]
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def read_time(text: str) -> datetime:
    """A timestamp of a record (`2020-01-01T00:00:00`, perhaps with a fraction or a zone) as naive UTC.

    A leap second is the second before it, as datetime has none.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.fromisoformat(text.replace(":60", ":59", 1))
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _dicts(names: tuple[str, ...]) -> Maker:
    return lambda *members: dict(zip(names, members, strict=True))


def records_of(rows: Iterable[Row], columns: Sequence[ResultColumn], objects: Objects = _dicts) -> Iterator[Record]:
    """The AuroraX-shaped records of flat rows; metadata keys that are missing are left out.

    `objects` may make something else than dicts, where the members of an object are the same in every row.
    """
    shape, left = _shape(columns), iter(rows)
    keys = [at for at, column in enumerate(columns) if column.record_path[:-1] == ("metadata",)]
    while chunk := list(islice(left, _CHUNK)):
        values = list(zip(*chunk, strict=True))
        if shape is None or any(None in values[at] for at in keys):
            yield from (record_of(row, columns) for row in chunk)
        else:
            # Other objects than dicts are written at once, by an encoder that knows dates and decimal numbers.
            kinds: set[type] = _NOT_OF_JSON if objects is _dicts else {timedelta, bytes}
            yield from _objects(shape, [_sent(column, kinds) for column in values], objects)


def _shape(columns: Sequence[ResultColumn]) -> dict[str, Any] | None:
    """A record with the numbers of the columns in place of values; None where it takes more than their places."""
    shape: dict[str, Any] = {}
    for at, column in enumerate(columns):
        inside: Any = shape
        *above, last = column.record_path
        for step in above:
            inside = inside.setdefault(step, {}) if isinstance(inside, dict) else None
        if (column.many_at and not column.is_key) or not isinstance(inside, dict) or last in inside:
            return None
        inside[last] = at
    return shape


def _objects(shape: dict[str, Any], values: Sequence[Sequence[Any]], objects: Objects) -> Iterator[Any]:
    parts = [_objects(at, values, objects) if isinstance(at, dict) else values[at] for at in shape.values()]
    return map(objects(tuple(shape)), *parts)


def _sent(values: Sequence[Any], kinds: set[type]) -> Sequence[Any]:
    """The values of a column as JSON has them; only those of some types differ there."""
    return values if kinds.isdisjoint(map(type, values)) else list(map(_sent_value, values))


_NOT_OF_JSON: set[type] = {datetime, date, timedelta, Decimal, time, bytes}


def _sent_value(value: Any) -> Any:
    match value:
        case date() | time():  # and datetime
            return value.isoformat()
        case bytes():
            return bytes_text(value)
        case timedelta():
            return duration_text(value)
        case Decimal():
            return float(value)
        case _:
            return value


def record_of(row: Row, columns: Sequence[ResultColumn]) -> Record:
    """The record of one row."""
    record: Record = {}
    for column, value in zip(columns, row, strict=True):
        path = column.record_path
        if value is None and path[:-1] == ("metadata",):
            continue
        if 0 < column.many_at < len(path) and isinstance(value, list):
            _put_in_each(record, column, value)
        else:
            _put(record, path, _sent_value(value))
    return record


def _put(record: Record, path: tuple[str, ...], value: Any) -> None:
    *above, last = path
    for step in above:
        record = record.setdefault(step, {})
    record[last] = value


def _put_in_each(record: Record, column: ResultColumn, values: list[Any]) -> None:
    """Columns that lead through one list share its elements."""
    *above, name = column.path[: column.many_at]
    for step in above:
        record = record.setdefault(step, {})
    elements = record.setdefault(name, [])
    elements += [{} for _ in values[len(elements) :]]
    for element, value in zip(elements, values, strict=False):
        _put(element, column.path[column.many_at :], value)
