"""What a search came back with: columns, flat rows, and the records in AuroraX's own shape.

Rows and records say the same thing twice, so only one of them is stored: the embedded archive fetches
rows, the HTTP one records, and the other is made when it is asked for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from auroraql.errors import Source
from auroraql.plan import Plan
from auroraql.query import Query
from auroraql.schema import KINDS, Type
from auroraql.schema.model import Field

Record = dict[str, Any]
"""A record as AuroraX's API returns it: nested, timestamps as `YYYY-MM-DDTHH:MM:SS` strings."""

Row = tuple[Any, ...]
"""A record's values in column order, flat: timestamps as naive UTC `datetime`, missing values None."""

TIME_FORMAT = "%Y-%m-%dT%H:%M:%S"


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a result: its name (alias or dotted path), type and unit, and where a record keeps it."""

    name: str
    type: Type
    unit: str = ""
    path: tuple[str, ...] = ()


def result_columns(query: Query) -> tuple[ResultColumn, ...]:
    """The columns a query's result has, in order: those selected, or every leaf of the record."""
    kind = KINDS[query.kind]
    if query.select is None:
        return tuple(_column(leaf, leaf.name) for leaf in kind.leaves())
    made = []
    for column in query.select:
        declared = kind.field(column.ref.name) if column.ref.role != "metadata" else None
        if declared is None:
            made.append(ResultColumn(column.label, Type.ANY, "", column.ref.path))
        else:
            made.append(_column(declared, column.label))
    return tuple(made)


def _column(leaf: Field, name: str) -> ResultColumn:
    return ResultColumn(name, leaf.type, leaf.unit, leaf.path)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an engine hands over: rows in the order of `result_columns`, or whole records; one is None."""

    rows: Sequence[Row] | None = None
    records: Sequence[Record] | None = None


class ResultSet:
    """The answer to one statement. Iterating gives rows, `len` their number."""

    def __init__(
        self,
        plan: Plan,
        fetched: Fetched,
        *,
        archive: str,
        elapsed: float,
        demonstration: bool = False,
        source: Source | None = None,
    ) -> None:
        self.plan = plan
        self.source = source
        self.columns = result_columns(plan.query)
        self.warnings = plan.warnings
        self.archive = archive
        self.elapsed = elapsed
        self.demonstration = demonstration
        self._fetched = fetched

    def __len__(self) -> int:
        held = self._fetched.rows if self._fetched.rows is not None else self._fetched.records
        return len(held or ())

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    @cached_property
    def rows(self) -> Sequence[Row]:
        """The flat rows, one value a column."""
        if self._fetched.rows is not None:
            return self._fetched.rows
        return rows_of(self._fetched.records or (), self.columns)

    @cached_property
    def records(self) -> Sequence[Record]:
        """The records in AuroraX's shape; of a SELECT, the parts that were selected."""
        if self._fetched.records is not None:
            return self._fetched.records
        return [record_of(row, self.columns) for row in self._fetched.rows or ()]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the result to a file in the format its suffix names, whole or not at all. Raises UsageError."""
        from auroraql.output import write

        write(self, path)

    def to_pandas(self) -> Any:
        """The rows as a `pandas.DataFrame`: one column each, timestamps as datetime64, objects as dicts."""
        import pandas

        return pandas.DataFrame.from_records(list(self.rows), columns=[c.name for c in self.columns])

    def to_arrow(self) -> Any:
        """The rows as a `pyarrow.Table`; objects (as metadata) are JSON text."""
        import pyarrow

        columns = zip(*self.rows, strict=True) if len(self) else ([] for _ in self.columns)
        arrays = [
            _arrow_array(pyarrow, column, list(values)) for column, values in zip(self.columns, columns, strict=True)
        ]
        return pyarrow.Table.from_arrays(arrays, names=[c.name for c in self.columns])


def _arrow_array(pyarrow: Any, column: ResultColumn, values: list[Any]) -> Any:
    types = {
        Type.TIME: pyarrow.timestamp("s"),
        Type.STRING: pyarrow.string(),
        Type.INTEGER: pyarrow.int64(),
        Type.NUMBER: pyarrow.float64(),
        Type.BOOLEAN: pyarrow.bool_(),
        Type.OBJECT: pyarrow.string(),
    }
    if column.type is Type.OBJECT:
        values = [None if v is None else json.dumps(v, ensure_ascii=False) for v in values]
    if column.type is not Type.ANY:
        return pyarrow.array(values, types[column.type])
    if len({type(v) for v in values if v is not None} - {int, float}) > 1 or any(isinstance(v, dict) for v in values):
        values = [None if v is None else v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values]
    return pyarrow.array(values)


def rows_of(records: Iterable[Record], columns: Sequence[ResultColumn]) -> list[Row]:
    """Flat rows from records; raises ValueError for a timestamp that is none."""
    return [tuple(_value(record, column) for column in columns) for record in records]


def _value(record: Record, column: ResultColumn) -> Any:
    value: Any = record
    for step in column.path:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    if column.type is Type.TIME and isinstance(value, str):
        return read_time(value)
    return value


def read_time(text: str) -> datetime:
    """A timestamp of a record (`2020-01-01T00:00:00`, perhaps with a fraction or Z) as naive UTC."""
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def record_of(row: Row, columns: Sequence[ResultColumn]) -> Record:
    """The AuroraX-shaped record of a flat row; metadata keys that are missing are left out."""
    record: Record = {}
    for column, value in zip(columns, row, strict=True):
        *above, last = column.path
        if value is None and above == ["metadata"]:
            continue
        inner = record
        for step in above:
            inner = inner.setdefault(step, {})
        inner[last] = value.strftime(TIME_FORMAT) if isinstance(value, datetime) else value
    return record
