"""Results kept by name: their rows as a kind of record of its own, so that they are searched and fed like any other.

Before a script runs only the kind of a result is known, not its rows; everything here works without them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any

from auroraql.diagnostics.errors import Diagnostic
from auroraql.language.ast import FindStatement
from auroraql.results.result_set import Record, ResultColumn, ResultSet, records_from_rows
from auroraql.schema import Field, Kind, Type
from auroraql.schema.model import Role


@dataclass(frozen=True)
class StoredResult:
    """A result under its name: its rows as a kind of record; `result` is None until they are there."""

    name: str
    kind: Kind
    columns: tuple[ResultColumn, ...]
    result: ResultSet | None = None
    statement_text: str = ""
    """The statement it is from."""
    warnings: tuple[Diagnostic, ...] = ()
    """What was noticed of that statement."""

    @cached_property
    def records(self) -> Sequence[Record]:
        """Its rows as records of `kind`."""
        if self.result is None:
            return ()
        columns = tuple(
            replace(column, path=_value_path(column), many_at=_list_depth(column)) for column in self.columns
        )
        if columns == self.columns and not any(column.is_key for column in columns):
            return self.result.records
        return list(records_from_rows(self.result.rows, tuple(replace(column, is_key=False) for column in columns)))

    def values(self, path: tuple[str, ...]) -> list[Any]:
        """The distinct values at a path of `kind`, of lists each element, in order of appearance; missing ones left out."""
        at, rest = self._column(path)
        rows = self.result.rows if self.result is not None else ()
        found: dict[Any, None] = {}
        for row in rows:
            found.update(dict.fromkeys(_reach_values(row[at], rest)))
        return list(found)

    def intervals(self) -> list[tuple[datetime, datetime]]:
        """The first and the last moment of each row that has both; needs `ends`."""
        return [interval for interval, _ in self.timed_values(())]

    def timed_values(
        self, paths: Sequence[tuple[str, ...]]
    ) -> Iterator[tuple[tuple[datetime, datetime], tuple[list[Any], ...]]]:
        """The first and the last moment of each row that has both, and its values at paths of `kind`.

        Values are those of `values`, for each path a list. Needs `ends`.
        """
        times = [self._column((name,))[0] for name in self.ends]
        columns = [self._column(path) for path in paths]
        for row in self.result.rows if self.result is not None else ():
            first, last = row[times[0]], row[times[-1]]
            if first is not None and last is not None and first <= last:
                yield (first, last), tuple(list(_reach_values(row[at], rest)) for at, rest in columns)

    @property
    def ends(self) -> tuple[str, ...]:
        """The columns that tell when a row begins and ends: start and end, or epoch alone; of neither, none."""
        times = {column.name for column in self.columns if column.type is Type.TIME}
        if {"start", "end"} <= times:
            return ("start", "end")
        return ("epoch",) if "epoch" in times else ()

    def _column(self, path: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
        """The column that holds what a path names, and the way on from there."""
        for length in range(len(path), 0, -1):
            at = self._places.get(path[:length])
            if at is not None:
                return at, path[length:]
        raise KeyError(path)

    @cached_property
    def _places(self) -> dict[tuple[str, ...], int]:
        """The numbers of the columns by the paths of their values in a record of `kind`."""
        return {_value_path(column): at for at, column in enumerate(self.columns)}


@dataclass(frozen=True, slots=True)
class ShowPlan:
    """A SHOW that is right: its rows as a result without rows, the FIND that takes its clauses to them, its days."""

    what: str
    result: StoredResult
    find: FindStatement
    of: str = ""
    only_for: str = ""
    days: tuple[date, date] | None = None
    refresh: bool = False
    """Whether the archive is asked again for its data sources, whatever is kept of them."""
    source_find: FindStatement | None = None
    """The FIND that chooses the data sources it is made of, by the parts of WHERE that are about their fields."""
    source_result: StoredResult | None = None
    """The data sources as a result without rows, for `source_find`."""


@dataclass(frozen=True, slots=True)
class DottedName:
    """A dotted name in SQL: its place in the bytes of the text, and its parts.

    `qualifier` is how many parts at its beginning name a table, `table` the result that they name, if it is one.
    `is_output` tells that it is a column of the answer without an alias.
    """

    start: int
    length: int
    parts: tuple[str, ...]
    qualifier: int
    table: str
    is_output: bool


@dataclass(frozen=True, slots=True)
class SqlPlan:
    """SQL that may run: which results it reads, and which parameters it takes.

    `columns` are names of which those of the columns it reads are some, in lower case; None where it may read any.
    """

    tables: tuple[str, ...]
    parameters: tuple[str, ...]
    columns: frozenset[str] | None = None
    dotted: tuple[DottedName, ...] = ()


def _reach_values(value: Any, steps: tuple[str, ...]) -> Iterator[Any]:
    """What stands at the end of the steps, of lists in each element; nothing where a step is missing."""
    if isinstance(value, list):
        for each in value:
            yield from _reach_values(each, steps)
    elif steps and isinstance(value, dict):
        yield from _reach_values(value.get(steps[0]), steps[1:])
    elif value is not None and not steps and value == value:  # noqa: PLR0124 - NaN is no value
        yield value


def rename_result(kept: StoredResult, name: str) -> StoredResult:
    """The result under another name."""
    return replace(kept, name=name, kind=replace(kept.kind, name=name, title=_kind_title(name)))


def kind_of_rows(name: str, columns: Sequence[ResultColumn], base: Kind | None, *, whole: bool = False) -> Kind:
    """The rows of a result as a kind of record: its fields are the columns, by their labels.

    `base` is the kind that was searched, whose declarations are kept; `whole` tells that nothing was selected.
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
        # A window of rows is a predicate like any other: nothing of them is fetched by it.
        fields=tuple(replace(field, bound="") for field in fields),
        protocol=None,
        filters="",
        marks=(),
        schema_key="",
        wording=(),
        keys_of=keys_of,
    )


@dataclass(frozen=True, slots=True)
class SqlColumn:
    """A column of a result as a table of SQL.

    `at` is the number of the result's column that it is made of, `member` the part of each element that it takes, of
    a list of sources.
    """

    name: str
    at: int
    column: ResultColumn
    field: Field | None
    member: Field | None = None

    @property
    def members(self) -> tuple[Field, ...]:
        """The members of the one object that it is, where they are declared and none is an object."""
        declared = self.field.members if self.field is not None and self.member is None else ()
        if self.field is None or self.field.many or any(member.members for member in declared):
            return ()
        return declared


def table_columns(kept: StoredResult) -> list[SqlColumn]:
    """The columns of a result as a table of SQL: those of the result, with their names and in their order.

    Names that DuckDB does not tell apart get a number. The fields of a list of sources, which the rows of a conjunction
    have, follow as columns of their own: lists with their bare names, as FIND reads them.
    """
    fields = [(at, column, _declared_field(kept, column)) for at, column in enumerate(kept.columns)]
    taken: set[str] = set()
    columns = [SqlColumn(_free_name(column.name, taken), at, column, field) for at, column, field in fields]
    for at, column, field in fields:
        if field is not None and field.many and not column.is_key:
            columns += (
                SqlColumn(_free_name(member.path[-1], taken), at, column, field, member)
                for member in field.members
                if member.role == "source" and member.path[-1].lower() not in taken
            )
    return columns


def other_names(columns: Iterable[SqlColumn]) -> dict[str, tuple[str, ...]]:
    """Names, in lower case, that a value might be called by in SQL, to its column and the member of that.

    They are the name of the column, its dotted and its bare name, and that joined by `_`.
    """
    names: dict[str, tuple[str, ...]] = {}
    for column in columns:
        path = column.member.path if column.member is not None else column.column.path
        members = [(column.name, member.path[-1]) for member in column.members]
        for steps, place in (((path, (column.name,))), *(((*path, place[-1]), place) for place in members)):
            for name in (".".join(steps), "_".join(steps), steps[-1]):
                names.setdefault(name.lower(), place)
    return names | {column.name.lower(): (column.name,) for column in columns}


def dotted_names(columns: Iterable[SqlColumn]) -> dict[str, tuple[str, ...]]:
    """Names with dots, in lower case, of columns and of members of columns, to the column and the member."""
    names: dict[str, tuple[str, ...]] = {}
    for column in columns:
        for member in column.members:
            names[f"{column.name}.{member.path[-1]}".lower()] = (column.name, member.path[-1])
        if column.member is not None:
            names[".".join(column.member.path).lower()] = (column.name,)
    return names | {column.name.lower(): (column.name,) for column in columns if "." in column.name}


def _declared_field(kept: StoredResult, column: ResultColumn) -> Field | None:
    return kept.kind.field(".".join(_value_path(column)))


def _free_name(name: str, taken: set[str]) -> str:
    """A name that no other column has, as DuckDB compares names."""
    free, number = name, 1
    while free.lower() in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free.lower())
    return free


def _kind_title(name: str) -> str:
    return f"the rows of {name}"


def _value_path(column: ResultColumn) -> tuple[str, ...]:
    """The path of a column's values in a record of the rows: an alias names it, dots and all."""
    return tuple(column.name.split(".")) if column.is_key else column.path


def _list_depth(column: ResultColumn) -> int:
    return 0 if column.is_key else column.many_at


def _field_of_column(column: ResultColumn, base: Kind | None) -> Field:
    """A column as a field; what is inside an object and has no alias is called by its bare and by its dotted name."""
    path = _value_path(column)
    declared = base.field(".".join(column.path)) if base is not None else None
    has_prefix = not column.is_key and len(path) > 1
    is_dotted = has_prefix and column.name == ".".join(path)
    if declared is None:
        is_key = has_prefix and path[0] == "metadata"
        return Field(path, column.type, "", "source" if is_key else "record", unit=column.unit, is_dotted=is_dotted)
    moved = _move_field(declared, declared.path, path)
    listed = declared.many or (base is not None and base.is_listed(column.path))
    role: Role = "source" if has_prefix and declared.role == "source" else "record"
    return replace(moved, role=role, many=listed, is_dotted=is_dotted)


def _move_field(field: Field, old: tuple[str, ...], new: tuple[str, ...]) -> Field:
    members = tuple(_move_field(member, old, new) for member in field.members)
    return replace(field, path=(*new, *field.path[len(old) :]), members=members, criterion="", bound="")
