"""Named results. The rows of a result are a kind of record, so they can be searched and referenced like any other.

When a script is checked, the kind of a result is known but not its rows. Everything here works without rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any

from auroraql.diagnostics.errors import Diagnostic
from auroraql.language.ast import FindStatement
from auroraql.results.provenance import Provenance
from auroraql.results.result_set import Record, ResultColumn, ResultSet, Row, records_from_rows
from auroraql.schema import Field, Kind, Type
from auroraql.schema.kinds.conjunctions import SOURCES_FIELD
from auroraql.schema.model import Derive, Role


@dataclass(frozen=True)
class StoredResult:
    """Named result. `kind` describes its rows as records. `result` is None until the rows have been fetched."""

    name: str
    kind: Kind
    columns: tuple[ResultColumn, ...]
    result: ResultSet | None = None
    statement_text: str = ""
    """Text of the statement that produced it."""
    warnings: tuple[Diagnostic, ...] = ()
    """Warnings of that statement."""

    @property
    def provenance(self) -> Provenance | None:
        """Provenance of the rows; None until they have been fetched."""
        return self.result.provenance if self.result is not None else None

    @cached_property
    def records(self) -> Sequence[Record]:
        """Rows as records of `kind`."""
        if self.result is None:
            return ()
        columns = tuple(
            replace(column, path=_value_path(column), many_at=_list_depth(column)) for column in self.columns
        )
        if columns == self.columns and not any(column.is_key for column in columns):
            return self.result.records
        return list(records_from_rows(self.result.rows, tuple(replace(column, is_key=False) for column in columns)))

    def values(self, path: tuple[str, ...]) -> list[Any]:
        """Return the distinct values at a path of `kind`, in order of appearance. Lists give their elements."""
        read_value = self._reader(path)
        rows = self.result.rows if self.result is not None else ()
        distinct: dict[Any, None] = {}
        for row in rows:
            distinct.update(dict.fromkeys(read_value(row)))
        return list(distinct)

    def intervals(self) -> list[tuple[datetime, datetime]]:
        """Return the first and last moment of each row that has both. Requires `ends`."""
        return [interval for interval, _ in self.timed_values(())]

    def timed_values(
        self, paths: Sequence[tuple[str, ...]]
    ) -> Iterator[tuple[tuple[datetime, datetime], tuple[list[Any], ...]]]:
        """Yield the first and last moment of each row that has both, and a list of its values for each path of `kind`.

        The values are read as in `values`. Requires `ends`.
        """
        times = [self._column((name,))[0] for name in self.ends]
        readers = [self._reader(path) for path in paths]
        for row in self.result.rows if self.result is not None else ():
            first, last = row[times[0]], row[times[-1]]
            if first is not None and last is not None and first <= last:
                yield (first, last), tuple(list(read_value(row)) for read_value in readers)

    @property
    def ends(self) -> tuple[str, ...]:
        """Columns of the start and end of a row: start and end, or epoch alone. Empty if there are none."""
        times = {column.name for column in self.columns if column.type is Type.TIME}
        if {"start", "end"} <= times:
            return ("start", "end")
        return ("epoch",) if "epoch" in times else ()

    def _reader(self, path: tuple[str, ...]) -> Callable[[Row], Iterator[Any]]:
        """Return a function that yields the values at a path of `kind` from a row."""
        derive, declared = self.kind.derive, self.kind.field(".".join(path))
        if derive is not None and declared is not None and declared.role == "block":
            # Rows have the sources of a conjunction, and only the display name of the source of each block.
            at, _ = self._column((SOURCES_FIELD,))
            return lambda row: _reach_values(derive({SOURCES_FIELD: row[at]}), declared.path)
        at, rest = self._column(path)
        return lambda row: _reach_values(row[at], rest)

    def _column(self, path: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
        """Return the index of the column that holds a path, and the rest of the path inside it."""
        for length in range(len(path), 0, -1):
            at = self._column_indices.get(path[:length])
            if at is not None:
                return at, path[length:]
        raise KeyError(path)

    @cached_property
    def _column_indices(self) -> dict[tuple[str, ...], int]:
        """Column indices by the paths of their values in a record of `kind`."""
        return {_value_path(column): at for at, column in enumerate(self.columns)}


@dataclass(frozen=True, slots=True)
class ShowPlan:
    """Analyzed SHOW statement: a result without rows, and the FIND that applies its clauses to the listed rows."""

    what: str
    result: StoredResult
    find: FindStatement
    of: str = ""
    only_for: str = ""
    days: tuple[date, date] | None = None
    refresh: bool = False
    """Whether the data sources are fetched again from the archive instead of the cache."""
    source_find: FindStatement | None = None
    """FIND that selects the listed data sources, with the parts of WHERE that restrict source fields."""
    source_result: StoredResult | None = None
    """Data sources as a result without rows, for `source_find`."""


@dataclass(frozen=True, slots=True)
class DottedName:
    """Dotted name in SQL. `start` and `length` are in bytes of the text.

    `qualifier` is the number of leading parts that name a table, `table` the result with that name, if there is one.
    `is_output` means that the name is an output column without an alias.
    """

    start: int
    length: int
    parts: tuple[str, ...]
    qualifier: int
    table: str
    is_output: bool


@dataclass(frozen=True, slots=True)
class SqlPlan:
    """Analyzed SQL statement: the results that it reads and its parameters.

    `columns` includes the names of all columns that it reads, in lower case. None means that it may read any column.
    """

    tables: tuple[str, ...]
    parameters: tuple[str, ...]
    columns: frozenset[str] | None = None
    dotted: tuple[DottedName, ...] = ()


def _reach_values(value: Any, steps: tuple[str, ...]) -> Iterator[Any]:
    """Yield the values at the end of a path, for lists those of each element. A missing step yields nothing."""
    if isinstance(value, list):
        for element in value:
            yield from _reach_values(element, steps)
    elif steps and isinstance(value, dict):
        yield from _reach_values(value.get(steps[0]), steps[1:])
    elif value is not None and not steps and value == value:  # noqa: PLR0124 - NaN counts as missing
        yield value


def kind_of_rows(name: str, columns: Sequence[ResultColumn], base: Kind | None, *, whole: bool = False) -> Kind:
    """Return a kind of record for the rows of a result. Its fields are the columns, named by their labels.

    `base` is the searched kind, whose field declarations are used. `whole` means that the query has no SELECT clause.
    """
    if whole and base is not None:
        fields, keys_of = base.fields, base.metadata
    else:
        fields = tuple(_field_of_column(column, base) for column in columns)
        metadata = any(column.record_path == ("metadata",) and not column.is_key for column in columns)
        keys_of = base.metadata if base is not None and metadata else ""
    return Kind(
        name=name,
        title=_kind_title(name),
        doc="",
        # The rows are in memory, so a window on them is an ordinary predicate and not part of a request.
        fields=tuple(replace(field, bound="") for field in fields),
        protocol=None,
        filters="",
        marks=(),
        schema_key="",
        wording=(),
        keys_of=keys_of,
        derive=base.derive if whole and base is not None else None,
    )


@dataclass(frozen=True, slots=True)
class SqlColumn:
    """Column of a result as an SQL table.

    `at` is the index of the result's column. For a list of sources, `member` is the field of each element that the
    column holds.
    """

    name: str
    at: int
    column: ResultColumn
    field: Field | None
    member: Field | None = None
    derive: Derive | None = None
    """Function from a record of the archive to the object with `field`, which the result's column does not have."""

    @property
    def members(self) -> tuple[Field, ...]:
        """Declared members of an object column, if none of them is itself an object."""
        declared = self.field.members if self.field is not None and self.member is None else ()
        if self.field is None or self.field.many or any(member.members for member in declared):
            return ()
        return declared


def table_columns(stored: StoredResult) -> list[SqlColumn]:
    """Return the columns of a result as an SQL table, in the order of the result.

    Names that differ only in case get a number, because DuckDB ignores case. The fields of a list of sources, as in
    conjunctions, follow as additional columns: lists with bare names, as FIND reads them. So do the fields of the
    source in each block of conjunctions.
    """
    fields = [(at, column, _declared_field(stored, column)) for at, column in enumerate(stored.columns)]
    taken: set[str] = set()
    columns = [SqlColumn(_free_name(column.name, taken), at, column, field) for at, column, field in fields]
    for at, column, field in fields:
        if field is not None and field.many and not column.is_key:
            columns += (
                SqlColumn(_free_name(member.path[-1], taken), at, column, field, member)
                for member in field.members
                if member.role == "source" and member.path[-1].lower() not in taken
            )
    return [*columns, *_block_members(stored, taken)]


def _block_members(stored: StoredResult, taken: set[str]) -> Iterator[SqlColumn]:
    """Yield the columns `ground1.platform` … of whole conjunctions, from their lists of sources."""
    paths = [_value_path(column) for column in stored.columns]
    if stored.kind.derive is None or (SOURCES_FIELD,) not in paths:
        return
    at = paths.index((SOURCES_FIELD,))
    for field in stored.kind.fields:
        if field.is_hidden and field.name.lower() not in taken:
            yield SqlColumn(_free_name(field.name, taken), at, stored.columns[at], field, derive=stored.kind.derive)


def other_names(columns: Iterable[SqlColumn]) -> dict[str, tuple[str, ...]]:
    """Return other lower-case names for the values in SQL, mapped to a column and, if any, its member.

    They are the name of the column, its dotted path, its path joined by `_`, and its bare name.
    """
    names: dict[str, tuple[str, ...]] = {}
    for column in columns:
        path = column.member.path if column.member is not None else column.column.path
        path = path if column.derive is None or column.field is None else column.field.path
        for also in column.field.also if column.field is not None else ():
            names.setdefault(also.lower(), (column.name,))
        members = [(column.name, member.path[-1]) for member in column.members]
        for steps, place in (((path, (column.name,))), *(((*path, place[-1]), place) for place in members)):
            for name in (".".join(steps), "_".join(steps), steps[-1]):
                names.setdefault(name.lower(), place)
    return names | {column.name.lower(): (column.name,) for column in columns}


def dotted_names(columns: Iterable[SqlColumn]) -> dict[str, tuple[str, ...]]:
    """Return lower-case dotted names of columns and their members, mapped to the column and, if any, the member."""
    names: dict[str, tuple[str, ...]] = {}
    for column in columns:
        for member in column.members:
            names[f"{column.name}.{member.path[-1]}".lower()] = (column.name, member.path[-1])
        if column.member is not None:
            names[".".join(column.member.path).lower()] = (column.name,)
        elif column.field is not None and column.field.role == "block":
            names |= {also.lower(): (column.name,) for also in (column.field.name, *column.field.also) if "." in also}
    return names | {column.name.lower(): (column.name,) for column in columns if "." in column.name}


def _declared_field(stored: StoredResult, column: ResultColumn) -> Field | None:
    return stored.kind.field(".".join(_value_path(column)))


def _free_name(name: str, taken: set[str]) -> str:
    """Return a name that is unique among `taken`, ignoring case as DuckDB does."""
    free, number = name, 1
    while free.lower() in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free.lower())
    return free


def _kind_title(name: str) -> str:
    return f"the rows of {name}"


def _value_path(column: ResultColumn) -> tuple[str, ...]:
    """Return the path of a column's values in a record. An alias is split at its dots."""
    return tuple(column.name.split(".")) if column.is_key else column.path


def _list_depth(column: ResultColumn) -> int:
    return 0 if column.is_key else column.many_at


def _field_of_column(column: ResultColumn, base: Kind | None) -> Field:
    """Return a column as a field. A member of an object without an alias has a bare and a dotted name."""
    path = _value_path(column)
    declared = base.field(".".join(column.path)) if base is not None else None
    has_prefix = not column.is_key and len(path) > 1
    is_dotted = has_prefix and column.name == ".".join(path)
    if declared is None:
        is_key = has_prefix and path[0] == "metadata"
        return Field(path, column.type, "", "source" if is_key else "record", unit=column.unit, is_dotted=is_dotted)
    moved = _move_field(declared, declared.path, path)
    listed = not column.is_element and (declared.many or (base is not None and base.is_listed(column.path)))
    role: Role = declared.role if has_prefix and declared.role in ("source", "block", "joined") else "record"
    return replace(moved, role=role, many=listed, is_dotted=is_dotted, is_hidden=False, also=())


def _move_field(field: Field, old: tuple[str, ...], new: tuple[str, ...]) -> Field:
    members = tuple(_move_field(member, old, new) for member in field.members)
    return replace(field, path=(*new, *field.path[len(old) :]), members=members, criterion="", bound="")
