"""Parquet: every column in a type of its own, times in UTC, objects as structs and lists. It is bytes, and no text.

Values that one type cannot hold, as numbers beside words under one metadata key, are JSON text; nothing is left out.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from auroraql.results import ResultColumn, ResultSet, whole_text
from auroraql.schema import Type

_GROUP = 100_000
"""Rows of a row group."""

_WHOLE = range(-(2**63), 2**63)
_EXACT = range(-(2**53), 2**53 + 1)
"""Whole numbers that Parquet's own types hold: among themselves, and among fractions."""


def encode_parquet(result: ResultSet) -> Iterator[bytes]:
    """A result as a Parquet file, piece by piece."""
    # Both take as long to load as many searches do.
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    groups = list(_groups(result, pyarrow))
    columns = [_one_type([group[at] for group in groups], column, pyarrow) for at, column in enumerate(result.columns)]
    schema = pyarrow.schema(
        [
            pyarrow.field(
                whole_text(column.name), pieces[0].type, metadata={"unit": column.unit} if column.unit else None
            )
            for column, pieces in zip(result.columns, columns, strict=True)
        ]
    )
    sink = _Sink()
    with ParquetWriter(sink, schema, compression="zstd") as writer:
        for at in range(len(groups)):
            writer.write_table(pyarrow.Table.from_arrays([pieces[at] for pieces in columns], schema=schema))
            yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """Takes what the writer writes, and hands it on."""

    def __init__(self) -> None:
        self._held, self._before = bytearray(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        return len(data)

    def tell(self) -> int:
        return self._before + len(self._held)

    def taken(self) -> bytes:
        """What was written since the last time."""
        taken, self._held = bytes(self._held), bytearray()
        self._before += len(taken)
        return taken


def _groups(result: ResultSet, pyarrow: Any) -> Iterator[list[Any]]:
    """The rows as columns of Arrow, a group at a time; at least one group."""
    rows = iter(result)
    chunk = list(islice(rows, _GROUP))
    while True:
        values = zip(*chunk, strict=True) if chunk else ([] for _ in result.columns)
        yield [_array(column, list(each), pyarrow) for column, each in zip(result.columns, values, strict=True)]
        chunk = list(islice(rows, _GROUP))
        if not chunk:
            return


def _array(column: ResultColumn, values: list[Any], pyarrow: Any) -> Any:
    declared = {
        Type.TIME: pyarrow.timestamp("us", "UTC"),
        Type.STRING: pyarrow.string(),
        Type.INTEGER: pyarrow.int64(),
        Type.NUMBER: pyarrow.float64(),
        Type.BOOLEAN: pyarrow.bool_(),
    }
    try:
        return pyarrow.array(values, declared.get(column.type))
    except (pyarrow.ArrowException, OverflowError, UnicodeEncodeError):
        return pyarrow.array(_alike(values))


def _one_type(pieces: list[Any], column: ResultColumn, pyarrow: Any) -> list[Any]:
    """The pieces of a column in the one type that holds them all and that Parquet can write."""
    schemas = [pyarrow.schema([(column.name, piece.type)]) for piece in pieces]
    try:
        together = pyarrow.unify_schemas(schemas, promote_options="permissive").field(0).type
        return [piece.cast(_stored(together, pyarrow)) for piece in pieces]
    except pyarrow.ArrowException:
        pass  # one group has numbers where another has words, or objects are empty
    made = pyarrow.array(_alike([value for piece in pieces for value in piece.to_pylist()]))
    whole = made.cast(_stored(made.type, pyarrow))
    ends = [sum(map(len, pieces[: at + 1])) for at in range(len(pieces))]
    return [whole.slice(end - len(piece), len(piece)) for piece, end in zip(pieces, ends, strict=True)]


def _stored(type: Any, pyarrow: Any) -> Any:
    """The type as Parquet can write it: what has no value is text. Raises ArrowException for an object without members."""
    types = pyarrow.types
    if types.is_null(type):
        return pyarrow.string()
    if types.is_list(type):
        return pyarrow.list_(_stored(type.value_type, pyarrow))
    if not types.is_struct(type):
        return type
    if type.num_fields == 0:
        raise pyarrow.ArrowInvalid("an object without members")
    return pyarrow.struct([pyarrow.field(field.name, _stored(field.type, pyarrow)) for field in type])


def _alike(values: Sequence[Any]) -> list[Any]:
    """The values made such that one type holds them: objects member by member, what does not go together as JSON text."""
    there = [value for value in values if value is not None]
    kinds = {type(value) for value in there}
    if kinds == {dict} and any(there):
        return _objects_alike(values, there)
    if kinds == {list}:
        inner = iter(_alike([each for value in there for each in value]))
        if any(there):
            return [None if value is None else list(islice(inner, len(value))) for value in values]
    if kinds == {str}:
        return [None if value is None else whole_text(value) for value in values]
    if kinds == {bool} or (kinds == {int} and all(value in _WHOLE for value in there)):
        return list(values)
    if kinds in ({float}, {int, float}) and all(isinstance(v, float) or v in _EXACT for v in there):
        return [None if value is None else float(value) for value in values]
    return [None if value is None else _text(value) for value in values]


def _objects_alike(values: Sequence[Any], there: Sequence[dict[str, Any]]) -> list[Any]:
    keys = dict.fromkeys(key for value in there for key in value)
    members = {key: _alike([None if value is None else value.get(key) for value in values]) for key in keys}
    return [
        None if value is None else {whole_text(key): column[at] for key, column in members.items()}
        for at, value in enumerate(values)
    ]


def _text(value: Any) -> str:
    return whole_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))
