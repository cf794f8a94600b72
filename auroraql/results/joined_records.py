"""Records with joined fields: values that depend on the source of a record, and that the record does not contain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

from auroraql.results.result_set import (
    ColumnarRecords,
    Record,
    ResultColumn,
    Row,
    iterate_rows,
    read_value,
    take_records,
)
from auroraql.schema import Type
from auroraql.schema.source_fields import IDENTIFIER

_IDENTIFIER = ResultColumn("", Type.INTEGER, path=IDENTIFIER)


class JoinedRecords(ColumnarRecords):
    """Records whose columns may be joined fields. The records themselves stay as the archive returned them.

    `facts` has the values by the dotted name of the field and the identifier of the source.
    """

    def __init__(self, records: Sequence[Record], facts: Mapping[str, Mapping[int, Any]]) -> None:
        self.records, self._facts = records, facts

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | Sequence[Record]:
        return JoinedRecords(self.records[index], self._facts) if isinstance(index, slice) else self.records[index]

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def rows(self, columns: Sequence[ResultColumn]) -> Iterator[Row]:
        """Yield flat rows, built a few at a time."""
        stored = [column for column in columns if self._values_of(column) is None]
        for identifier, *values in iterate_rows(self.records, (_IDENTIFIER, *stored)):
            rest = iter(values)
            yield tuple(
                next(rest)
                if (joined := self._values_of(column)) is None
                else read_value(joined.get(identifier), column)
                for column in columns
            )

    def values(self, column: ResultColumn) -> list[Any]:
        """Return all values of a column."""
        joined = self._values_of(column)
        if joined is not None:
            return [joined.get(identifier) for identifier in self.values(_IDENTIFIER)]
        if isinstance(self.records, ColumnarRecords):
            return self.records.values(column)
        return [value for (value,) in iterate_rows(self.records, (column,))]

    def array(self, column: ResultColumn) -> Any:
        """Return the column as an Arrow array, or None when it is joined or not stored in Arrow."""
        if self._values_of(column) is not None or not isinstance(self.records, ColumnarRecords):
            return None
        return self.records.array(column)

    def take(self, numbers: Sequence[int]) -> JoinedRecords:
        """Return the records with these indices, in this order."""
        return JoinedRecords(take_records(self.records, numbers), self._facts)

    def _values_of(self, column: ResultColumn) -> Mapping[int, Any] | None:
        return self._facts.get(".".join(column.path))
