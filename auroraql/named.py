"""Results kept by name: their rows as a kind of record of its own, so that they are searched and fed like any other.

Before a script runs only the kind of a result is known, not its rows; everything here works without them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any

from auroraql.errors import Diagnostic
from auroraql.results import Record, ResultColumn, ResultSet, records_of
from auroraql.schema import Field, Kind, Type
from auroraql.schema.model import Role
from auroraql.syntax import Find


@dataclass(frozen=True)
class Kept:
    """A result under its name: its rows as a kind of record; `result` is None until they are there."""

    name: str
    kind: Kind
    columns: tuple[ResultColumn, ...]
    result: ResultSet | None = None
    written: str = ""
    """The statement it is from."""
    warnings: tuple[Diagnostic, ...] = ()
    """What was noticed of that statement."""

    @cached_property
    def records(self) -> Sequence[Record]:
        """Its rows as records of `kind`."""
        if self.result is None:
            return ()
        columns = tuple(replace(column, path=_steps(column), many_at=_many_at(column)) for column in self.columns)
        if columns == self.columns and not any(column.is_key for column in columns):
            return self.result.records
        return list(records_of(self.result.rows, tuple(replace(column, is_key=False) for column in columns)))

    def values(self, path: tuple[str, ...]) -> list[Any]:
        """The distinct values at a path of `kind`, of lists each element, in order of appearance; missing ones left out."""
        at, rest = self._column(path)
        rows = self.result.rows if self.result is not None else ()
        found: dict[Any, None] = {}
        for row in rows:
            found.update(dict.fromkeys(_reached(row[at], rest)))
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
                yield (first, last), tuple(list(_reached(row[at], rest)) for at, rest in columns)

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
        return {_steps(column): at for at, column in enumerate(self.columns)}


@dataclass(frozen=True, slots=True)
class Shown:
    """A SHOW that is right: its rows as a result without rows, the FIND that takes its clauses to them, its days."""

    what: str
    kept: Kept
    find: Find
    of: str = ""
    only_for: str = ""
    days: tuple[date, date] | None = None
    anew: bool = False
    """Whether the archive is asked again for its data sources, whatever is kept of them."""
    source_find: Find | None = None
    """The FIND that chooses the data sources it is made of, by the parts of WHERE that are about their fields."""
    source_kept: Kept | None = None
    """The data sources as a result without rows, for `source_find`."""


@dataclass(frozen=True, slots=True)
class Limited:
    """SQL that may run: which results it reads, and which parameters it takes.

    `columns` are names of which those of the columns it reads are some, in lower case; None where it may read any.
    """

    tables: tuple[str, ...]
    parameters: tuple[str, ...]
    columns: frozenset[str] | None = None


def _reached(value: Any, steps: tuple[str, ...]) -> Iterator[Any]:
    """What stands at the end of the steps, of lists in each element; nothing where a step is missing."""
    if isinstance(value, list):
        for each in value:
            yield from _reached(each, steps)
    elif steps and isinstance(value, dict):
        yield from _reached(value.get(steps[0]), steps[1:])
    elif value is not None and not steps and value == value:  # noqa: PLR0124 - NaN is no value
        yield value


def renamed(kept: Kept, name: str) -> Kept:
    """The result under another name."""
    return replace(kept, name=name, kind=replace(kept.kind, name=name, title=_title(name)))


def rows_kind(name: str, columns: Sequence[ResultColumn], base: Kind | None, *, whole: bool = False) -> Kind:
    """The rows of a result as a kind of record: its fields are the columns, by their labels.

    `base` is the kind that was searched, whose declarations are kept; `whole` tells that nothing was selected.
    """
    if whole and base is not None:
        fields, keys_of = base.fields, base.metadata
    else:
        fields = tuple(_field(column, base) for column in columns)
        metadata = any(column.record_path == ("metadata",) and not column.is_key for column in columns)
        keys_of = base.metadata if base is not None and metadata else ""
    return Kind(
        name=name,
        title=_title(name),
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


def sql_columns(kept: Kept) -> Iterator[tuple[str, int, Field, Field]]:
    """The columns of a result as a table of SQL: the name of each there, the place of the column it is from, the field
    of that, and its own.

    Source fields have their bare names; what else lies deeper has `_` for each dot.
    """
    taken: set[str] = set()
    for at, column in enumerate(kept.columns):
        field = kept.kind.field(".".join(_steps(column)))
        if field is not None:
            yield from ((_free(inner, taken), at, field, inner) for inner in _opened(field))


def _opened(field: Field) -> Sequence[Field]:
    """The parts of a field that are columns of their own: of a source always, of another object unless it is a list's."""
    is_source = any(member.role == "source" for member in field.members)
    return field.members if field.members and (is_source or not field.many) else (field,)


def _free(field: Field, taken: set[str]) -> str:
    """The name of a field's column that no other has, as DuckDB compares names."""
    long = "_".join(field.path)
    names = [field.path[-1] if field.role == "source" else long, long, *(f"{long}_{n}" for n in range(2, 1000))]
    name = next(name for name in names if name.lower() not in taken)
    taken.add(name.lower())
    return name


def _title(name: str) -> str:
    return f"the rows of {name}"


def _steps(column: ResultColumn) -> tuple[str, ...]:
    """The path of a column's values in a record of the rows: an alias names it, dots and all."""
    return tuple(column.name.split(".")) if column.is_key else column.path


def _many_at(column: ResultColumn) -> int:
    return 0 if column.is_key else column.many_at


def _field(column: ResultColumn, base: Kind | None) -> Field:
    """A column as a field; what is inside an object and has no alias is called by its bare and by its dotted name."""
    path = _steps(column)
    declared = base.field(".".join(column.path)) if base is not None else None
    has_prefix = not column.is_key and len(path) > 1
    is_dotted = has_prefix and column.name == ".".join(path)
    if declared is None:
        is_key = has_prefix and path[0] == "metadata"
        return Field(path, column.type, "", "source" if is_key else "record", unit=column.unit, is_dotted=is_dotted)
    moved = _moved(declared, declared.path, path)
    listed = declared.many or (base is not None and base.is_listed(column.path))
    role: Role = "source" if has_prefix and declared.role == "source" else "record"
    return replace(moved, role=role, many=listed, is_dotted=is_dotted)


def _moved(field: Field, old: tuple[str, ...], new: tuple[str, ...]) -> Field:
    members = tuple(_moved(member, old, new) for member in field.members)
    return replace(field, path=(*new, *field.path[len(old) :]), members=members, criterion="", bound="")
