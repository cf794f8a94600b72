"""Results of searches: columns, flat rows, and records in AuroraX's shape.

Rows and records hold the same data, so only one form is stored: the embedded engine fetches rows and the HTTP engine
records. The other form is computed on request.
"""

from __future__ import annotations

import os
import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from importlib import import_module
from itertools import islice
from operator import index
from typing import Any, ClassVar, Union, overload

from auroraql.diagnostics.errors import Diagnostic, Source, UsageError
from auroraql.downloads.limits import DEFAULT_AT_ONCE
from auroraql.downloads.report import OnDownloadProgress, Report
from auroraql.ir.plan import Plan, PostProcessing, record_kind
from auroraql.ir.query import Column, GroupKey, Query, Scalar, Window, default_columns
from auroraql.results.provenance import Provenance
from auroraql.schema import Kind, Type
from auroraql.schema.catalogue import load_shipped
from auroraql.schema.model import Derive, is_grouped_by_element

Record = dict[str, Any]
"""Record in the shape of AuroraX's API: nested, with timestamps as `YYYY-MM-DDTHH:MM:SS` strings."""

_SURROGATE = re.compile("[\ud800-\udfff]")

Maker = Callable[..., Any]
Objects = Callable[[tuple[str, ...]], Maker]
"""Function from member names to a factory of objects with these members."""

_NAMES_SHOWN = 12
"""Maximum column names in the `repr` of a result."""

_CHUNK = 500
"""Records built at once, column by column."""

Shape = Union[Type, list["Shape"], dict[str, "Shape"]]  # noqa: UP007 - a recursive alias
"""Type of nested values: of the elements of a list (a list of one shape), or of the members of an object."""

Row = tuple[Any, ...]
"""Values of a record in column order, flat: timestamps as naive UTC `datetime`, missing values as None."""


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a result: its name, type and unit, and the path of its value in a record."""

    name: str
    type: Type
    unit: str = ""
    path: tuple[str, ...] = ()
    many_at: int = 0
    """Number of path steps that lead to a list, whose elements contain the rest of the path; 0 without a list."""
    is_key: bool = False
    """Whether the name is a key of the result's records, such as an alias; other columns keep their value at `path`."""
    digits: tuple[int, int] | None = None
    """Precision and scale of a decimal column."""
    shape: Shape | None = field(default=None, hash=False, repr=False)
    """Type of the nested values of a column of SQL, whose dates, times and durations are text. None if unknown."""
    derive: Derive | None = field(default=None, repr=False, compare=False)
    """Function that returns the object with the value from a record of the archive, which does not have it."""
    is_element: bool = False
    """Whether the values are single elements of the list at `path`, by which GROUP BY has grouped."""
    in_records: bool = True
    """Whether the records of the result have the value. Whole records of conjunctions do not name the blocks."""

    @property
    def record_path(self) -> tuple[str, ...]:
        """Path of the value in a record of the result."""
        return (self.name,) if self.is_key else self.path


def select_columns(query: Query | PostProcessing, kind: Kind) -> tuple[Column, ...]:
    """Return the columns of a result in order: those selected, or every leaf of the record."""
    if query.select is not None:
        return query.select
    return default_columns(kind.leaves())


def result_columns(query: Query, kind: Kind | None = None) -> tuple[ResultColumn, ...]:
    """Return the columns of a query's result in order. `kind` overrides the schema's kind of the query."""
    searched = kind or record_kind(query)
    columns = tuple(_column(column, searched, query.group_by) for column in select_columns(query, searched))
    is_whole = query.select is None and searched.derive is not None
    return tuple(_block_column(column, columns, is_whole) if column.derive else column for column in columns)


def _block_column(column: ResultColumn, columns: Sequence[ResultColumn], is_whole: bool) -> ResultColumn:
    """Return the column of a criteria block.

    The name of a block is a key of the records, unless other columns are members of an object with this name.
    """
    if is_whole:
        return replace(column, in_records=False)
    has_members = any(other.path[0] == column.name and other.name != column.name for other in columns)
    return replace(
        column, is_key=column.is_key or (len(column.path) > 1 and column.path[0] == column.name and not has_members)
    )


def _column(column: Column, kind: Kind, group_by: tuple[GroupKey, ...]) -> ResultColumn:
    if column.expression is not None:
        return _expression_column(column.label, column.expression)
    if column.ref is None:
        return ResultColumn(column.label, Type.INTEGER, path=(column.label,), is_key=True)
    path = column.ref.path
    declared = kind.field(column.ref.name) if column.ref.role != "metadata" else None
    result_column = ResultColumn(column.label, Type.ANY, "", path, is_key=bool(column.alias))
    if declared is not None:
        result_column = replace(result_column, type=declared.type, unit=declared.unit)
    elif (key := load_shipped().key(kind.metadata, path[-1])) is not None:
        result_column = replace(result_column, unit=key.unit)  # values of a metadata key may have any type
    if column.function:
        return _function_column(column.function, replace(result_column, path=(column.label,), is_key=True))
    if column.ref.role == "block":
        return replace(result_column, derive=kind.derive)
    if column.ref in group_by and kind.is_listed(path) and is_grouped_by_element(result_column.type):
        return replace(result_column, is_key=True, is_element=True)
    many_at = next((n for n in range(1, len(path)) if kind.is_listed(path[:n])), 0)
    is_list = many_at or (declared is not None and declared.role == "joined" and declared.many)
    return replace(result_column, type=Type.OBJECT, many_at=many_at) if is_list else result_column


def _expression_column(label: str, expression: Scalar) -> ResultColumn:
    """Return the column of a computed value."""
    return ResultColumn(label, expression.type, expression.unit, (label,), is_key=True)


def _function_column(function: str, column: ResultColumn) -> ResultColumn:
    """Return the column of an aggregate function over another column."""
    match function:
        case "count":
            return replace(column, type=Type.INTEGER, unit="")
        case "sum" if column.type is Type.INTEGER:
            return column
        case "sum" | "avg" if column.type is Type.INTERVAL:
            return column
        case "sum" | "avg":
            return replace(column, type=Type.NUMBER)
        case _:
            return column


class ColumnarRecords(Sequence[Record]):
    """Records in compact columnar storage, from which single columns can be read."""

    @abstractmethod
    def rows(self, columns: Sequence[ResultColumn]) -> Iterator[Row]:
        """Yield flat rows, built a few at a time."""

    @abstractmethod
    def values(self, column: ResultColumn) -> list[Any]:
        """Return all values of a column."""

    @abstractmethod
    def array(self, column: ResultColumn) -> Any:
        """Return the column as an Arrow array, objects as JSON text; None when it is not stored in Arrow."""

    @abstractmethod
    def take(self, numbers: Sequence[int]) -> ColumnarRecords:
        """Return the records with these indices, in this order."""


def take_records(records: Sequence[Record], numbers: Sequence[int]) -> Sequence[Record]:
    """Return the records with these indices, in this order."""
    return records.take(numbers) if isinstance(records, ColumnarRecords) else [records[n] for n in numbers]


@dataclass(frozen=True, slots=True)
class FetchedData:
    """Data from an engine: rows in the order of `result_columns`, or complete records; the other is None."""

    rows: Sequence[Row] | None = None
    records: Sequence[Record] | None = None


@dataclass(frozen=True, slots=True)
class ResultWriters:
    """Functions that present and convert a result. `auroraql.rendering` registers them, so that results import no renderer."""

    render_text: Callable[[ResultSet], str]
    render_pretty: Callable[[ResultSet], str]
    write_result: Callable[[ResultSet, str | os.PathLike[str]], None]
    write_report: Callable[[ResultSet, str | os.PathLike[str], str | None, Sequence[Any]], None]
    notebook_html: Callable[[ResultSet], str]
    to_arrow_table: Callable[[ResultSet, bool], Any]
    to_pandas_frame: Callable[[ResultSet, bool], Any]
    download: Callable[..., Report]
    create_picture: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Listing:
    """Origin of the rows of a statement that does not search: SHOW, SET, SQL, EXPLAIN, SUBMIT or CANCEL."""

    title: str = ""
    """What SHOW lists, for example `SHOW AVAILABILITY`."""
    window: Window = (None, None)
    """The days of SHOW AVAILABILITY, which its rows may not cover."""
    is_whole: bool = False
    """Whether the statement did not choose columns."""
    warnings: tuple[Diagnostic, ...] = ()


class ResultSet:
    """Result of one statement.

    Iteration yields rows as tuples in column order, and `len` is the number of rows. `result[0]` is a row,
    `result[10:20]` a result of those rows, and `result['url']` the list of a column's values. pandas, polars, pyarrow
    and DuckDB read a result through the Arrow PyCapsule interface (`polars.DataFrame(result)`,
    `duckdb.sql('FROM result')`). `print` shows the first rows as a table.
    """

    registered_writers: ClassVar[ResultWriters | None] = None

    def __init__(
        self,
        origin: Plan | Listing,
        fetched: FetchedData,
        *,
        archive: str,
        elapsed: float,
        demonstration: bool = False,
        is_local: bool = False,
        source: Source | None = None,
        columns: tuple[ResultColumn, ...] | None = None,
        is_report: bool = False,
        note: str = "",
        request_ids: tuple[str, ...] = (),
        provenance: Provenance | None = None,
    ) -> None:
        self._origin = origin
        self.plan = origin if isinstance(origin, Plan) else None
        """The requests that a search became, and the steps after them; None for a statement that does not search."""
        self.source = source
        self.columns = columns if columns is not None else _columns_of(origin)
        self.is_report = is_report
        """Whether the rows are lines of a report, as of EXPLAIN and DESCRIBE, and not records."""
        self.note = note
        """The text that a front end shows instead of the rows, for statements such as LET."""
        self.warnings = origin.warnings
        self.request_ids = request_ids
        """The request IDs of the archive; empty when it answered without a request."""
        self.archive = archive
        self.elapsed = elapsed
        self.demonstration = demonstration
        self.is_local = is_local
        """Whether the archive is on this machine, so that its records may name addresses of this machine."""
        self.provenance = provenance
        """The statement, the archive, the request IDs and the time of the search; None for rows without a statement."""
        self._fetched = fetched

    def __len__(self) -> int:
        rows_or_records = self._fetched.rows if self._fetched.rows is not None else self._fetched.records
        return len(rows_or_records or ())

    def __repr__(self) -> str:
        names = ", ".join(column.name for column in self.columns[:_NAMES_SHOWN])
        more = ", …" if len(self.columns) > _NAMES_SHOWN else ""
        rows = "1 row" if len(self) == 1 else f"{len(self):,} rows"
        return f"<ResultSet of {rows} from {self.archive}: {names}{more}>"

    def __str__(self) -> str:
        """Return the first rows as a table, with a note on omissions and the footer of the command line."""
        return _load_writers().render_text(self)

    @overload
    def __getitem__(self, key: int) -> Row: ...

    @overload
    def __getitem__(self, key: slice) -> ResultSet: ...

    @overload
    def __getitem__(self, key: str) -> list[Any]: ...

    def __getitem__(self, key: int | slice | str) -> Row | ResultSet | list[Any]:
        """Return a row by index, a result of some rows by slice, or a column's values by name.

        Raises IndexError, KeyError and TypeError as lists and dicts do.
        """
        if isinstance(key, slice):
            return self._take_rows(range(*key.indices(len(self))))
        if isinstance(key, str):
            return self._column_values(key)
        number = range(len(self))[index(key)]  # raises IndexError, and resolves negative indices
        return next(iter(self._take_rows(range(number, number + 1))))

    def _column_values(self, name: str) -> list[Any]:
        position = next((n for n, column in enumerate(self.columns) if column.name == name), None)
        if position is None:
            raise KeyError(f"{name!r}; the columns are {', '.join(column.name for column in self.columns)}")
        records = self._fetched.records
        return (
            records.values(self.columns[position])
            if isinstance(records, ColumnarRecords)
            else [row[position] for row in self.rows]
        )

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Export the rows as an Arrow stream (PyCapsule interface), with the types of `to_arrow`."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def __iter__(self) -> Iterator[Row]:
        records = self._fetched.records
        return records.rows(self.columns) if isinstance(records, ColumnarRecords) else iter(self.rows)

    @cached_property
    def rows(self) -> Sequence[Row]:
        """The rows as tuples, one value for each column: times as naive UTC `datetime`, missing values None."""
        if self._fetched.rows is not None:
            return self._fetched.rows
        return rows_from_records(self._fetched.records or (), self.columns)

    @cached_property
    def records(self) -> Sequence[Record]:
        """The records as dicts in AuroraX's shape. SELECT leaves only the selected parts, and an alias is a key."""
        if self._fetched.records is not None:
            return self._fetched.records
        return list(records_from_rows(self._fetched.rows or (), self.columns))

    def each_record(self, objects: Objects) -> Iterator[Any]:
        """Iterate over the records without storing those built for it, as dicts or objects of the given factory."""
        rows = self._fetched.rows
        # `records` holds decimals as floats; output formats need all their digits.
        has_decimals = any(column.type is Type.DECIMAL for column in self.columns)
        if rows is None or ("records" in self.__dict__ and not has_decimals):
            return iter(self.records)
        return records_from_rows(rows, self.columns, objects)

    def head(self, count: int) -> ResultSet:
        """Return the first rows as a new result."""
        return self._take_rows(range(min(count, len(self))))

    def _take_rows(self, numbers: range) -> ResultSet:
        """Return the rows with these indices, in this order, as a new result."""
        rows, records = self._fetched.rows, self._fetched.records
        fetched = FetchedData(
            rows=None if rows is None else [rows[number] for number in numbers],
            records=None if records is None else take_records(records, numbers),
        )
        return ResultSet(
            self._origin,
            fetched,
            archive=self.archive,
            elapsed=self.elapsed,
            demonstration=self.demonstration,
            is_local=self.is_local,
            source=self.source,
            columns=self.columns,
            is_report=self.is_report,
            note=self.note,
            request_ids=self.request_ids,
            provenance=self.provenance,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the result to a file, in the format of its suffix. The file is written whole or not at all.

        Raises UsageError for an unknown suffix, and for a file that cannot be written.
        """
        _load_writers().write_result(self, path)

    def report(self, path: str | os.PathLike[str], *, title: str | None = None, pictures: Sequence[Any] = ()) -> None:
        """Write a web page with the rows, whatever the suffix of the path. The file is written whole or not at all.

        The page needs no network, except for the pictures of its rows. A browser filters and sorts the rows, at most
        500,000 of them. The title is by default the statement. `pictures` are names, such as timeline, or pictures, such
        as `result.timeline()`, which are drawn above the rows. Raises UsageError for a picture that the result has no
        data for, and for a file that cannot be written.
        """
        _load_writers().write_report(self, path, title, pictures)

    def download(
        self,
        folder: str | os.PathLike[str],
        *,
        at_once: int = DEFAULT_AT_ONCE,
        name: str | None = None,
        verify: bool = False,
        dry_run: bool = False,
        on_progress: OnDownloadProgress | None = None,
    ) -> Report:
        """Download the files of the column url into a folder, and return a report of complete and failed files.

        Files of an earlier run are kept, and begun ones are continued. `at_once` is the number of simultaneous
        transfers, at most 4 of them to one host. `name` is a template of names such as
        `{program}/{start:%Y/%m/%d}/{file}`; without it a file has the shortest end of its URL that differs from those of
        the others. `verify` compares the files of earlier runs with the checksums in `manifest.jsonl`. `dry_run` lists
        the files and requests nothing. `on_progress` is called several times a second. Raises UsageError if the result
        has no files, or the folder cannot be used. Ctrl-C ends the requests and keeps what has arrived.
        """
        return _load_writers().download(
            self, folder, at_once=at_once, name=name, verify=verify, dry_run=dry_run, on_progress=on_progress
        )

    def timeline(self) -> Any:
        """Return a `Picture` of the records of each source over time.

        `print` draws a picture with characters, a notebook shows it as SVG, `save` writes .svg, .txt, .png or .pdf, and
        `figure` draws it with matplotlib. Raises UsageError for a result without times.
        """
        return _load_writers().create_picture(self, "timeline")

    def availability(self) -> Any:
        """Return a `Picture` of the number of records of each source and day. Raises UsageError without times."""
        return _load_writers().create_picture(self, "availability")

    def distances(self) -> Any:
        """Return a `Picture` of the smallest distance of each conjunction over time, by pair of sources."""
        return _load_writers().create_picture(self, "distances")

    def keograms(self, passes: ResultSet | None = None, folder: str | os.PathLike[str] | None = None) -> Any:
        """Return a `Picture` of the keograms of a result of data products, stacked by site and day on one clock.

        `passes` is a result of conjunctions, whose closest approaches are marked on the strips of their sites. With
        `folder`, the files are downloaded into it, unless it has them, and their images are part of the picture. Without
        it, the strips show when the products cover and when the cameras imaged. Raises UsageError for a result without
        keograms, and the errors of `download`.
        """
        return _load_writers().create_picture(self, "keograms", passes=passes, folder=folder)

    def _repr_html_(self) -> str:
        """Return the first rows as a table for notebooks."""
        return _load_writers().notebook_html(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Print the first rows as a table in IPython. A result inside of a list or a dict is printed as its `repr`."""
        is_nested = len(printer.stack) > 1
        printer.text(repr(self) if cycle or is_nested else _load_writers().render_pretty(self))

    def to_pandas(self, *, flat: bool = False) -> Any:
        """Return the rows as a `pandas.DataFrame`, equal to what pandas reads from the result's Parquet file.

        `attrs["auroraql"]` of the frame is the provenance of the rows. `flat` is that of `to_arrow`. Raises UsageError
        when pandas is not installed.
        """
        _load_optional_package("pandas")
        return _load_writers().to_pandas_frame(self, flat)

    def to_polars(self, *, flat: bool = False) -> Any:
        """Return the rows as a `polars.DataFrame`. `flat` is that of `to_arrow`. Raises UsageError without polars."""
        return _load_optional_package("polars").from_arrow(self.to_arrow(flat=flat))

    def to_arrow(self, *, flat: bool = False) -> Any:
        """Return the rows as a `pyarrow.Table`. Objects are structs; a column of mixed types is JSON text.

        With `flat`, no column has objects or lists: the members of an object are columns (`metadata.keogram_type`), and
        a list is JSON text. Conjunctions have one column for each block (`ground1`, `space1`); the lists `data_sources`
        and `events`, which repeat their sources, are left out unless they are selected. The metadata of the schema has
        the provenance of the rows, as JSON under `auroraql`.
        """
        return _load_writers().to_arrow_table(self, flat)

    def with_rows(self, rows: Sequence[Row]) -> ResultSet:
        """Return a result of other rows with the same columns and origin."""
        return ResultSet(
            self._origin,
            FetchedData(rows=rows),
            archive=self.archive,
            elapsed=self.elapsed,
            demonstration=self.demonstration,
            is_local=self.is_local,
            source=self.source,
            columns=self.columns,
            provenance=self.provenance,
        )

    @property
    def kind(self) -> str:
        """Name of the searched kind or stored result, or the title of a listing."""
        return self._origin.query.kind if isinstance(self._origin, Plan) else self._origin.title

    @property
    def window(self) -> Window:
        """Time window of the statement. None is open."""
        return self._origin.query.window if isinstance(self._origin, Plan) else self._origin.window

    @property
    def is_whole(self) -> bool:
        """Whether the statement did not choose columns."""
        return self._origin.query.select is None if isinstance(self._origin, Plan) else self._origin.is_whole

    @property
    def columnar_records(self) -> Sequence[Record] | None:
        """Records in the archive's storage; None for an archive that returns rows."""
        return self._fetched.records


def _columns_of(origin: Plan | Listing) -> tuple[ResultColumn, ...]:
    return result_columns(origin.query) if isinstance(origin, Plan) else ()


def format_duration(value: timedelta) -> str:
    """Format a duration as `1 day 02:00:00`, which DuckDB and pandas parse."""
    minutes, seconds = divmod(value.seconds, 60)
    fraction = f".{value.microseconds:06}".rstrip("0") if value.microseconds else ""
    text = f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}{fraction}"
    if not value.days:
        return text
    sign = "+" if value.days < 0 else ""
    return f"{value.days} day{'' if value.days == 1 else 's'} {sign}{text}"


_DURATION = re.compile(r"(?:(-?\d+) days? \+?)?(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?")


def read_duration(text: str) -> timedelta:
    """Return the duration that `format_duration` wrote. Raises ValueError for another text."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration")
    days, hours, minutes, seconds, fraction = match.groups()
    microseconds = int((fraction or "").ljust(6, "0"))
    return timedelta(int(days or 0), int(seconds), microseconds, minutes=int(minutes), hours=int(hours))


def bytes_text(value: bytes) -> str:
    r"""Format bytes as a DuckDB BLOB literal: printable ASCII unchanged, other bytes as `\xAA`."""
    return "".join(chr(byte) if 32 <= byte < 127 and byte not in _ESCAPED else f"\\x{byte:02X}" for byte in value)


_ESCAPED = b"\"'\\"


def replace_surrogates(text: str) -> str:
    """Return the text with lone surrogates, which UTF-8 cannot encode, replaced by U+FFFD."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def rows_from_records(records: Iterable[Record], columns: Sequence[ResultColumn]) -> list[Row]:
    """Return flat rows of the records. Raises ValueError for a malformed timestamp."""
    return list(iterate_rows(records, columns))


def iterate_rows(records: Iterable[Record], columns: Sequence[ResultColumn]) -> Iterator[Row]:
    """Yield flat rows of the records. Raises ValueError for a malformed timestamp."""
    if isinstance(records, ColumnarRecords):
        return records.rows(columns)
    return (tuple(_value(record, column) for column in columns) for record in records)


def _value(record: Record, column: ResultColumn) -> Any:
    value = reach_value(record if column.derive is None else column.derive(record), column.path)
    return read_value(value, column) if isinstance(value, str) else value


def read_value(value: Any, column: ResultColumn) -> Any:
    """Return a value of a record in the type of a column. Raises ValueError for a malformed timestamp."""
    if not isinstance(value, str):
        return value
    match column.type:
        case Type.TIME:
            return read_time(value)
        case Type.DATE:
            return date.fromisoformat(value)
        case Type.INTERVAL:
            return read_duration(value)
        case _:
            return value


def reach_value(value: Any, steps: tuple[str, ...]) -> Any:
    """Return the value at the path, or a list of values if it leads through a list; None if a step is missing."""
    for depth, step in enumerate(steps):
        if isinstance(value, list):
            return [reach_value(element, steps[depth:]) for element in value]
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def read_time(text: str) -> datetime:
    """Return a record's timestamp (`2020-01-01T00:00:00`, optionally with a fraction or zone) as naive UTC.

    A leap second becomes the second before it, because datetime cannot represent it. Raises ValueError.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.fromisoformat(text.replace(":60", ":59", 1))
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _make_dicts(names: tuple[str, ...]) -> Maker:
    return lambda *members: dict(zip(names, members, strict=True))


def records_from_rows(
    rows: Iterable[Row], columns: Sequence[ResultColumn], objects: Objects = _make_dicts
) -> Iterator[Record]:
    """Yield AuroraX-shaped records of flat rows; missing metadata keys are left out.

    `objects` may create other objects than dicts if the members are the same in every row.
    """
    shape, remaining = _record_shape(columns), iter(rows)
    keys = [number for number, column in enumerate(columns) if column.record_path[:-1] == ("metadata",)]
    while chunk := list(islice(remaining, _CHUNK)):
        values = list(zip(*chunk, strict=True))
        if shape is None or any(None in values[number] for number in keys):
            yield from (record_from_row(row, columns) for row in chunk)
        else:
            # The encoder of such objects supports dates and decimals, so that only other types are converted.
            kinds: set[type] = _NOT_OF_JSON if objects is _make_dicts else {timedelta, bytes}
            yield from _build_objects(shape, [_json_values(column, kinds) for column in values], objects)


def _record_shape(columns: Sequence[ResultColumn]) -> dict[str, Any] | None:
    """Return a record with column indices as values; None if columns share a list or a path."""
    shape: dict[str, Any] = {}
    for number, column in enumerate(columns):
        if not column.in_records:
            continue
        parent: Any = shape
        *parents, last = column.record_path
        for step in parents:
            parent = parent.setdefault(step, {}) if isinstance(parent, dict) else None
        if (column.many_at and not column.is_key) or not isinstance(parent, dict) or last in parent:
            return None
        parent[last] = number
    return shape


def _build_objects(shape: dict[str, Any], values: Sequence[Sequence[Any]], objects: Objects) -> Iterator[Any]:
    parts = [
        _build_objects(part, values, objects) if isinstance(part, dict) else values[part] for part in shape.values()
    ]
    return map(objects(tuple(shape)), *parts)


def _json_values(values: Sequence[Any], kinds: set[type]) -> Sequence[Any]:
    """Return the values of a column in their JSON form; only some types differ."""
    return values if kinds.isdisjoint(map(type, values)) else list(map(_json_value, values))


_NOT_OF_JSON: set[type] = {datetime, date, timedelta, Decimal, time, bytes}


def _json_value(value: Any) -> Any:
    match value:
        case date() | time():  # includes datetime
            return value.isoformat()
        case bytes():
            return bytes_text(value)
        case timedelta():
            return format_duration(value)
        case Decimal():
            return float(value)
        case _:
            return value


def record_from_row(row: Row, columns: Sequence[ResultColumn]) -> Record:
    """Return the record of one row."""
    record: Record = {}
    for column, value in zip(columns, row, strict=True):
        path = column.record_path
        if not column.in_records:
            continue
        if value is None and path[:-1] == ("metadata",):
            continue
        if 0 < column.many_at < len(path) and isinstance(value, list):
            _put_in_each(record, column, value)
        else:
            _put_value(record, path, _json_value(value))
    return record


def _put_value(record: Record, path: tuple[str, ...], value: Any) -> None:
    *parents, last = path
    for step in parents:
        record = record.setdefault(step, {})
    # An object may share its path with columns of its members. It is copied, because it belongs to the row.
    record[last] = {**(record.get(last) or {}), **value} if isinstance(value, dict) else value


def _put_in_each(record: Record, column: ResultColumn, values: list[Any]) -> None:
    """Put values into the elements of a list, which columns with the same list share."""
    *parents, name = column.path[: column.many_at]
    for step in parents:
        record = record.setdefault(step, {})
    elements = record.setdefault(name, [])
    elements += [{} for _ in values[len(elements) :]]
    for element, value in zip(elements, values, strict=False):
        _put_value(element, column.path[column.many_at :], value)


_FRAME_PACKAGES = {"pandas": "to_polars() or to_arrow()", "polars": "to_pandas() or to_arrow()"}
"""Packages for data frames, which AuroraQL works without, and the methods that do not need them."""


def _load_optional_package(name: str) -> Any:
    """Import a package for data frames. Raises UsageError with the command that installs it."""
    try:
        return import_module(name)
    except ImportError:
        hint = f"run `pip install {name}`, or use {_FRAME_PACKAGES[name]}"
        raise UsageError(f"{name} is not installed", hint) from None


def _load_writers() -> ResultWriters:
    """Return the registered writers. A process that has only unpickled a result loads them here."""
    if ResultSet.registered_writers is None:
        import_module("auroraql.rendering")
    assert ResultSet.registered_writers is not None, "the package registers them"  # noqa: S101
    return ResultSet.registered_writers
