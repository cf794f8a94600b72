"""Many records held small: in columns of Arrow, or as the JSON they came in; each is made when it is asked for.

Invariant: the records that come out are those that went in. What columns cannot say (a field that only some records
have, one that is not published) stays JSON.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

import msgspec

from auroraql.results import Columnar, Record, ResultColumn, Row, rows_of
from auroraql.schema import Type

_PIECE = 4096
"""So many records are made at once when they are asked for one by one."""

Path = tuple[str, ...]

read_text = msgspec.json.decode


class Batch(Protocol):
    """Some of the records."""

    def __len__(self) -> int: ...

    def records(self) -> list[Record]:
        """They, as AuroraX sends them."""

    def values(self, column: ResultColumn) -> list[Any]:
        """What a column of rows has of them."""

    def array(self, column: ResultColumn) -> Any:
        """The same as Arrow holds it, objects as JSON text; None when it does not."""

    def taken(self, numbers: Sequence[int]) -> Batch:
        """Those with these numbers, in this order."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Records that are there already, or are made by `load` each time."""

    count: int
    load: Callable[[], list[Record]]

    def __len__(self) -> int:
        return self.count

    def records(self) -> list[Record]:
        """They, as AuroraX sends them."""
        return self.load()

    def values(self, column: ResultColumn) -> list[Any]:
        """What a column of rows has of them."""
        return [row[0] for row in rows_of(self.load(), (column,))]

    def array(self, _column: ResultColumn) -> Any:
        """None: Arrow holds nothing of them."""
        return None

    def taken(self, numbers: Sequence[int]) -> Listed:
        """Those with these numbers, in this order."""
        every = self.load()
        some = [every[n] for n in numbers]
        return listed(some)


def listed(records: list[Record]) -> Listed:
    """A batch of records that are there."""
    return Listed(len(records), lambda: records)


class Held(NamedTuple):
    """One leaf of many records: its type, and the values as Arrow has them, objects as their JSON text.

    `whole` tells of numbers which of them came without a fraction, as 3 and not 3.0; None when none did.
    """

    type: Type
    array: Any
    whole: Any = None

    def values(self) -> list[Any]:
        """The values, objects still as text; each number as it came."""
        values: list[Any] = self.array.to_pylist()
        if self.whole is None:
            return values
        return [int(value) if whole else value for value, whole in zip(values, self.whole.to_pylist(), strict=True)]

    def mapped(self, change: Callable[[Any], Any]) -> Held:
        """The same with both columns changed."""
        return Held(self.type, change(self.array), None if self.whole is None else change(self.whole))


@dataclass(frozen=True, slots=True)
class Columns:
    """Records in columns: what is held of each leaf of them that came. Paths have one step or two."""

    count: int
    held: Mapping[Path, Held]

    def __len__(self) -> int:
        return self.count

    def records(self) -> list[Record]:
        """They, as AuroraX sends them; their fields in the order of the schema."""
        lists = [_sent(held.type, held.values()) for held in self.held.values()]
        made: list[Record] = []
        for values in zip(*lists, strict=True):
            record: Record = {}
            for path, value in zip(self.held, values, strict=True):
                if len(path) == 1:
                    record[path[0]] = value
                else:
                    record.setdefault(path[0], {})[path[1]] = value
            made.append(record)
        return made

    def values(self, column: ResultColumn) -> list[Any]:
        """What a column of rows has of them."""
        if column.path in self.held:
            held = self.held[column.path]
            values = held.values()
            return (
                [None if text is None else read_text(text) for text in values] if held.type is Type.OBJECT else values
            )
        if column.path[:1] in self.held:
            inside, rest = (
                ResultColumn("", Type.ANY, path=column.path[:1]),
                ResultColumn("", column.type, path=column.path[1:]),
            )
            return [row[0] for row in rows_of([value or {} for value in self.values(inside)], (rest,))]
        if any(path[: len(column.path)] == column.path for path in self.held):
            return [row[0] for row in rows_of(self.records(), (column,))]
        return [None] * self.count

    def array(self, column: ResultColumn) -> Any:
        """The same as Arrow holds it, objects as JSON text; None when it does not."""
        if column.path not in self.held:
            return None
        return _plain(self.held[column.path].array)

    def taken(self, numbers: Sequence[int]) -> Columns:
        """Those with these numbers, in this order."""
        if not len(numbers):
            return Columns(0, {})
        if isinstance(numbers, range) and numbers.step == 1:
            cut = slice(numbers.start, numbers.stop)
            return Columns(len(numbers), {path: held.mapped(itemgetter(cut)) for path, held in self.held.items()})
        import numpy

        places = numpy.asarray(numbers, numpy.int64)
        some = {path: held.mapped(lambda array: array.take(places)) for path, held in self.held.items()}
        return Columns(len(numbers), some)


def _sent(type: Type, values: list[Any]) -> list[Any]:
    """Values as JSON has them."""
    match type:
        case Type.TIME:
            return [None if value is None else value.isoformat() for value in values]
        case Type.OBJECT:
            return [None if value is None else read_text(value) for value in values]
        case _:
            return values


class Packed(Columnar):
    """Records in batches, as a sequence of them."""

    def __init__(self, batches: Sequence[Batch]) -> None:
        self._batches = [batch for batch in batches if len(batch)]
        self._starts = [0, *accumulate(len(batch) for batch in self._batches)]
        self._opened: tuple[int, list[Record]] = (-1, [])

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return self.taken(range(*number.indices(len(self))))
        at = number + len(self) if number < 0 else number
        if not 0 <= at < len(self):
            raise IndexError(number)
        batch = bisect_right(self._starts, at) - 1
        start = self._starts[batch] + (at - self._starts[batch]) // _PIECE * _PIECE
        if self._opened[0] != start:
            first = start - self._starts[batch]
            piece = range(first, min(first + _PIECE, len(self._batches[batch])))
            self._opened = (start, self._batches[batch].taken(piece).records())
        return self._opened[1][at - start]

    def __iter__(self) -> Iterator[Record]:
        return chain.from_iterable(piece.records() for piece in self._pieces())

    def rows(self, columns: Sequence[ResultColumn]) -> Iterator[Row]:
        """Flat rows of them, made a few at a time."""
        for piece in self._pieces():
            yield from zip(*(piece.values(column) for column in columns), strict=True)

    def values(self, column: ResultColumn) -> list[Any]:
        """What a column of rows has of them all."""
        return [value for batch in self._batches for value in batch.values(column)]

    def array(self, column: ResultColumn) -> Any:
        """The same as a column of Arrow, objects as JSON text; None when Arrow does not hold it."""
        import pyarrow

        arrays = [batch.array(column) for batch in self._batches]
        if not arrays or any(array is None for array in arrays):
            return None
        return pyarrow.chunked_array(list(chain.from_iterable(_chunks(array) for array in arrays)))

    def taken(self, numbers: Sequence[int]) -> Packed:
        """Those with these numbers, in this order."""
        import numpy

        places: Any = numpy.asarray(numbers, numpy.int64)
        if (numpy.diff(places) <= 0).any():
            return Packed([self._one().taken(places)])
        ends = numpy.searchsorted(places, self._starts)
        parts = []
        for batch, start, (first, last) in zip(self._batches, self._starts, pairwise(ends), strict=False):
            parts.append(batch if last - first == len(batch) else batch.taken(places[first:last] - start))
        return Packed(parts)

    def batches(self) -> list[Batch]:
        """What it is made of."""
        return self._batches

    def _pieces(self) -> Iterator[Batch]:
        for batch in self._batches:
            if len(batch) <= 2 * _PIECE or isinstance(batch, Listed):
                yield batch
                continue
            for first in range(0, len(batch), _PIECE):
                yield batch.taken(range(first, min(first + _PIECE, len(batch))))

    def _one(self) -> Batch:
        """All in one batch: in columns where every batch has the same."""
        if len(self._batches) == 1:
            return self._batches[0]
        columns = [batch for batch in self._batches if isinstance(batch, Columns)]
        if len(columns) < len(self._batches) or any(each.held.keys() != columns[0].held.keys() for each in columns):
            return listed(list(self))
        return Columns(len(self), {path: _joined([each.held[path] for each in columns]) for path in columns[0].held})


def _joined(parts: Sequence[Held]) -> Held:
    import numpy
    import pyarrow

    array = pyarrow.chunked_array([chunk for each in parts for chunk in _chunks(each.array)]).unify_dictionaries()
    if all(each.whole is None for each in parts):
        return Held(parts[0].type, array)
    wholes = [pyarrow.array(numpy.zeros(len(each.array), bool)) if each.whole is None else each.whole for each in parts]
    return Held(parts[0].type, array, pyarrow.chunked_array([chunk for each in wholes for chunk in _chunks(each)]))


def _plain(array: Any) -> Any:
    """The array without the dictionary that sources are kept with."""
    return array.cast(array.type.value_type) if hasattr(array.type, "value_type") else array


def _chunks(array: Any) -> list[Any]:
    return list(getattr(array, "chunks", (array,)))
