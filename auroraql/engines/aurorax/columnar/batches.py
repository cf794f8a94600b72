"""Compact storage of many records, as Arrow columns or JSON; a record is built when it is requested.

Invariant: records come out unchanged. Records that columns cannot represent (an optional or unpublished field) stay
JSON.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

import msgspec

from auroraql.results.result_set import ColumnarRecords, Record, ResultColumn, Row, rows_from_records
from auroraql.schema import Type

_RECORDS_PER_ACCESS = 4096
"""Records built at once for access by index."""

Path = tuple[str, ...]

read_text = msgspec.json.decode


class RecordBatch(Protocol):
    """Part of the records."""

    def __len__(self) -> int: ...

    def records(self) -> list[Record]:
        """Return the records in the form that AuroraX sends."""

    def values(self, column: ResultColumn) -> list[Any]:
        """Return the values of a result column."""

    def array(self, column: ResultColumn) -> Any:
        """Return the column as an Arrow array, objects as JSON text; None when it is not stored in Arrow."""

    def take(self, numbers: Sequence[int]) -> RecordBatch:
        """Return the records with these indices, in this order."""


@dataclass(frozen=True, slots=True)
class ListBatch:
    """Batch of record dicts, stored or created by each call of `load`."""

    count: int
    load: Callable[[], list[Record]]

    def __len__(self) -> int:
        return self.count

    def records(self) -> list[Record]:
        """Return the records in the form that AuroraX sends."""
        return self.load()

    def values(self, column: ResultColumn) -> list[Any]:
        """Return the values of a result column."""
        return [row[0] for row in rows_from_records(self.load(), (column,))]

    def array(self, _column: ResultColumn) -> Any:
        """Return None: the records are not stored in Arrow."""
        return None

    def take(self, numbers: Sequence[int]) -> ListBatch:
        """Return the records with these indices, in this order."""
        records = self.load()
        selected = [records[n] for n in numbers]
        return list_batch(selected)


def list_batch(records: list[Record]) -> ListBatch:
    """Return a batch of existing records."""
    return ListBatch(len(records), lambda: records)


class LeafColumn(NamedTuple):
    """One leaf of many records: its type and an Arrow array, with objects as JSON text.

    `whole` masks the numbers that were sent without a fraction, such as 3 instead of 3.0; None when there are none.
    """

    type: Type
    array: Any
    are_integers: Any = None

    def values(self) -> list[Any]:
        """Return the values, with objects as text and whole numbers as int."""
        values: list[Any] = self.array.to_pylist()
        if self.are_integers is None:
            return values
        return [
            int(value) if whole else value for value, whole in zip(values, self.are_integers.to_pylist(), strict=True)
        ]

    def map_arrays(self, change: Callable[[Any], Any]) -> LeafColumn:
        """Return a copy with `change` applied to both arrays."""
        return LeafColumn(
            self.type, change(self.array), None if self.are_integers is None else change(self.are_integers)
        )


@dataclass(frozen=True, slots=True)
class ColumnBatch:
    """Batch of records as columns by leaf path. Paths have one or two steps."""

    count: int
    leaf_columns: Mapping[Path, LeafColumn]

    def __len__(self) -> int:
        return self.count

    def records(self) -> list[Record]:
        """Return the records in the form that AuroraX sends, with fields in schema order."""
        lists = [_json_values(leaf.type, leaf.values()) for leaf in self.leaf_columns.values()]
        records: list[Record] = []
        for values in zip(*lists, strict=True):
            record: Record = {}
            for path, value in zip(self.leaf_columns, values, strict=True):
                if len(path) == 1:
                    record[path[0]] = value
                else:
                    record.setdefault(path[0], {})[path[1]] = value
            records.append(record)
        return records

    def values(self, column: ResultColumn) -> list[Any]:
        """Return the values of a result column."""
        if column.path in self.leaf_columns:
            leaf = self.leaf_columns[column.path]
            values = leaf.values()
            return (
                [None if text is None else read_text(text) for text in values] if leaf.type is Type.OBJECT else values
            )
        if column.path[:1] in self.leaf_columns:
            parent, member = (
                ResultColumn("", Type.ANY, path=column.path[:1]),
                ResultColumn("", column.type, path=column.path[1:]),
            )
            return [row[0] for row in rows_from_records([value or {} for value in self.values(parent)], (member,))]
        if any(path[: len(column.path)] == column.path for path in self.leaf_columns):
            return [row[0] for row in rows_from_records(self.records(), (column,))]
        return [None] * self.count

    def array(self, column: ResultColumn) -> Any:
        """Return the column as an Arrow array, objects as JSON text; None when it is not stored in Arrow."""
        if column.path not in self.leaf_columns:
            return None
        return _remove_dictionary(self.leaf_columns[column.path].array)

    def take(self, numbers: Sequence[int]) -> ColumnBatch:
        """Return the records with these indices, in this order."""
        if not len(numbers):
            return ColumnBatch(0, {})
        if isinstance(numbers, range) and numbers.step == 1:
            cut = slice(numbers.start, numbers.stop)
            return ColumnBatch(
                len(numbers), {path: leaf.map_arrays(itemgetter(cut)) for path, leaf in self.leaf_columns.items()}
            )
        import numpy

        indices = numpy.asarray(numbers, numpy.int64)
        selected = {
            path: leaf.map_arrays(lambda array: array.take(indices)) for path, leaf in self.leaf_columns.items()
        }
        return ColumnBatch(len(numbers), selected)


def _json_values(type: Type, values: list[Any]) -> list[Any]:
    """Return the values in their JSON form."""
    match type:
        case Type.TIME:
            return [None if value is None else value.isoformat() for value in values]
        case Type.OBJECT:
            return [None if value is None else read_text(value) for value in values]
        case _:
            return values


class BatchedRecords(ColumnarRecords):
    """Sequence of records in batches."""

    def __init__(self, batches: Sequence[RecordBatch]) -> None:
        self._batches = [batch for batch in batches if len(batch)]
        self._starts = [0, *accumulate(len(batch) for batch in self._batches)]
        self._current_piece: tuple[int, list[Record]] = (-1, [])

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return self.take(range(*number.indices(len(self))))
        index = number + len(self) if number < 0 else number
        if not 0 <= index < len(self):
            raise IndexError(number)
        batch = bisect_right(self._starts, index) - 1
        start = self._starts[batch] + (index - self._starts[batch]) // _RECORDS_PER_ACCESS * _RECORDS_PER_ACCESS
        if self._current_piece[0] != start:
            first = start - self._starts[batch]
            piece = range(first, min(first + _RECORDS_PER_ACCESS, len(self._batches[batch])))
            self._current_piece = (start, self._batches[batch].take(piece).records())
        return self._current_piece[1][index - start]

    def __iter__(self) -> Iterator[Record]:
        return chain.from_iterable(piece.records() for piece in self._pieces())

    def rows(self, columns: Sequence[ResultColumn]) -> Iterator[Row]:
        """Yield flat rows, built a few thousand at a time."""
        for piece in self._pieces():
            yield from zip(*(piece.values(column) for column in columns), strict=True)

    def values(self, column: ResultColumn) -> list[Any]:
        """Return all values of a result column."""
        return [value for batch in self._batches for value in batch.values(column)]

    def array(self, column: ResultColumn) -> Any:
        """Return the column as a chunked Arrow array, objects as JSON text; None unless all batches have it."""
        import pyarrow

        arrays = [batch.array(column) for batch in self._batches]
        if not arrays or any(array is None for array in arrays):
            return None
        return pyarrow.chunked_array(list(chain.from_iterable(_array_chunks(array) for array in arrays)))

    def take(self, numbers: Sequence[int]) -> BatchedRecords:
        """Return the records with these indices, in this order."""
        import numpy

        indices: Any = numpy.asarray(numbers, numpy.int64)
        if (numpy.diff(indices) <= 0).any():
            return BatchedRecords([self._one().take(indices)])
        ends = numpy.searchsorted(indices, self._starts)
        parts = []
        for batch, start, (first, last) in zip(self._batches, self._starts, pairwise(ends), strict=False):
            parts.append(batch if last - first == len(batch) else batch.take(indices[first:last] - start))
        return BatchedRecords(parts)

    def batches(self) -> list[RecordBatch]:
        """Return the batches."""
        return self._batches

    def _pieces(self) -> Iterator[RecordBatch]:
        for batch in self._batches:
            if len(batch) <= 2 * _RECORDS_PER_ACCESS or isinstance(batch, ListBatch):
                yield batch
                continue
            for first in range(0, len(batch), _RECORDS_PER_ACCESS):
                yield batch.take(range(first, min(first + _RECORDS_PER_ACCESS, len(batch))))

    def _one(self) -> RecordBatch:
        """Return one batch of all records; columnar when all batches have the same columns."""
        if len(self._batches) == 1:
            return self._batches[0]
        columns = [batch for batch in self._batches if isinstance(batch, ColumnBatch)]
        if len(columns) < len(self._batches) or any(
            part.leaf_columns.keys() != columns[0].leaf_columns.keys() for part in columns
        ):
            return list_batch(list(self))
        return ColumnBatch(
            len(self),
            {path: _concatenate([part.leaf_columns[path] for part in columns]) for path in columns[0].leaf_columns},
        )


def _concatenate(parts: Sequence[LeafColumn]) -> LeafColumn:
    import numpy
    import pyarrow

    array = pyarrow.chunked_array([chunk for part in parts for chunk in _array_chunks(part.array)]).unify_dictionaries()
    if all(part.are_integers is None for part in parts):
        return LeafColumn(parts[0].type, array)
    wholes = [
        pyarrow.array(numpy.zeros(len(part.array), bool)) if part.are_integers is None else part.are_integers
        for part in parts
    ]
    return LeafColumn(
        parts[0].type, array, pyarrow.chunked_array([chunk for part in wholes for chunk in _array_chunks(part)])
    )


def _remove_dictionary(array: Any) -> Any:
    """Return the array with its dictionary encoding removed."""
    return array.cast(array.type.value_type) if hasattr(array.type, "value_type") else array


def _array_chunks(array: Any) -> list[Any]:
    return list(getattr(array, "chunks", (array,)))
