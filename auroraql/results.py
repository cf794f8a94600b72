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

from auroraql.errors import Source, UsageError
from auroraql.plan import Plan
from auroraql.query import Query
from auroraql.schema import KINDS, Type
from auroraql.schema.model import Field

Record = dict[str, Any]
"""A record as AuroraX's API returns it: nested, timestamps as `YYYY-MM-DDTHH:MM:SS` strings."""

Row = tuple[Any, ...]
"""A record's values in column order, flat: timestamps as naive UTC `datetime`, missing values None."""


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
        columns: tuple[ResultColumn, ...] | None = None,
    ) -> None:
        self.plan = plan
        self.source = source
        self.columns = columns if columns is not None else result_columns(plan.query)
        self.is_report = columns is not None
        """Whether it is what EXPLAIN or DESCRIBE says, a line a row, and not records."""
        self.warnings = plan.warnings
        self.archive = archive
        self.elapsed = elapsed
        self.demonstration = demonstration
        self._fetched = fetched

    def __len__(self) -> int:
        held = self._fetched.rows if self._fetched.rows is not None else self._fetched.records
        return len(held or ())

    def __repr__(self) -> str:
        return f"<ResultSet of {len(self)} rows and {len(self.columns)} columns from {self.archive}>"

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

        values = zip(*self.rows, strict=True) if len(self) else ([] for _ in self.columns)
        series = [
            pandas.Series(list(each), dtype=_pandas_type(column, empty=not len(self)))
            for column, each in zip(self.columns, values, strict=True)
        ]
        return pandas.concat(series, axis=1, keys=[c.name for c in self.columns])

    def to_polars(self) -> Any:
        """The rows as a `polars.DataFrame`. Raises UsageError where polars is not installed."""
        try:
            import polars
        except ImportError:
            raise UsageError(
                "polars is not installed", "pip install polars, or take to_pandas() or to_arrow()"
            ) from None
        return polars.from_arrow(self.to_arrow())

    def to_arrow(self) -> Any:
        """The rows as a `pyarrow.Table`; objects (as metadata), and values of several types, are JSON text."""
        import pyarrow

        columns = zip(*self.rows, strict=True) if len(self) else ([] for _ in self.columns)
        arrays = [
            _arrow_array(pyarrow, column, list(values)) for column, values in zip(self.columns, columns, strict=True)
        ]
        return pyarrow.Table.from_arrays(arrays, names=[c.name for c in self.columns])


def _pandas_type(column: ResultColumn, *, empty: bool) -> Any:
    """The dtype that pandas would not find by itself; None leaves it to the values."""
    if column.type is Type.TIME:
        return "datetime64[us]"
    if not empty:
        return None
    return {Type.STRING: str, Type.INTEGER: "int64", Type.NUMBER: "float64"}.get(column.type, object)


def _arrow_array(pyarrow: Any, column: ResultColumn, values: list[Any]) -> Any:
    types = {
        Type.TIME: pyarrow.timestamp("us"),
        Type.STRING: pyarrow.string(),
        Type.INTEGER: pyarrow.int64(),
        Type.NUMBER: pyarrow.float64(),
        Type.BOOLEAN: pyarrow.bool_(),
        Type.OBJECT: pyarrow.string(),
    }
    if column.type is Type.OBJECT:
        values = [_plain(v) for v in values]
    if column.type is not Type.ANY:
        return pyarrow.array(values, types[column.type])
    if not any(isinstance(v, dict) for v in values):
        try:
            return pyarrow.array(values)
        except (pyarrow.ArrowException, OverflowError):
            pass  # of several types, which a column of Arrow cannot hold
    return pyarrow.array([_plain(v) for v in values], pyarrow.string())


def _plain(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


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
        inner[last] = value.isoformat() if isinstance(value, datetime) else value
    return record
