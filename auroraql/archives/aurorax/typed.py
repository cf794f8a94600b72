"""JSON of a kind's records to columns of Arrow, without a dict for any record.

msgspec decodes it into objects made from the schema, which checks names and types on the way: measured on 200,000
ephemeris records (114 MB) it took 0.7 s with the columns; orjson and json took 1.2 s and 1.9 s to make dicts alone,
and DuckDB's reader 0.6 s, from a file that would have to be written first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from auroraql.archives.aurorax.packed import Columns, Path
from auroraql.schema import Field, Kind, Type
from auroraql.schema.sources import PREFIX

_TYPES: dict[Type, Any] = {
    Type.STRING: str | None | UnsetType,
    Type.TIME: str | None | UnsetType,
    Type.INTEGER: int | None | UnsetType,
    Type.NUMBER: float | None | UnsetType,
    Type.BOOLEAN: bool | None | UnsetType,
}
_ABSENT = b""
_SECONDS = len("2020-01-01T00:00:00")


class _Unlike(Exception):
    """Records that columns cannot hold as they are."""


class ColumnReader:
    """Reads arrays of one kind's records. `for_kind` says for which kinds there is one."""

    def __init__(self, kind: Kind) -> None:
        self._fields = kind.fields
        self._source = msgspec.json.Decoder(_struct(_named(kind.fields, PREFIX).members))
        self._records = msgspec.json.Decoder(list[_struct(kind.fields)])  # type: ignore[misc]

    def read(self, data: bytes) -> Columns | None:
        """The records of a JSON array; None for those that are not as the schema has them, each like the first."""
        try:
            records = self._records.decode(data)
            held = dict(column for field in self._fields for column in self._columns(field, records))
        except (msgspec.MsgspecError, _Unlike, RecursionError, AttributeError, ValueError, TypeError, OverflowError):
            return None  # pyarrow's errors are of these too
        return Columns(len(records), held) if held else None

    def _columns(self, field: Field, records: Sequence[Any]) -> Iterable[tuple[Path, tuple[Type, Any]]]:
        name = field.path[0]
        values = list(map(attrgetter(name), records))
        if values[0] is UNSET or values[0] == _ABSENT:
            if values.count(values[0]) != len(values):
                raise _Unlike
            return ()
        if name == PREFIX:
            return self._source_columns(field.members, list(map(bytes, values)))
        if field.members:
            return _member_columns(field.members, values)
        return [(field.path, (field.type, _array(field.type, values)))]

    def _source_columns(self, fields: Sequence[Field], texts: list[bytes]) -> Iterable[tuple[Path, tuple[Type, Any]]]:
        """The few sources of many records are decoded once each, and their columns are the numbers of these."""
        import pyarrow

        numbers: dict[bytes, int] = {}
        for text in texts:
            numbers.setdefault(text, len(numbers))
        sources = [self._source.decode(text) for text in numbers]
        places = pyarrow.array(list(map(numbers.__getitem__, texts)), pyarrow.int32())
        return [
            (path, (declared, pyarrow.DictionaryArray.from_arrays(places, values)))
            for path, (declared, values) in _member_columns(fields, sources)
        ]


def for_kind(kind: Kind) -> ColumnReader | None:
    """What reads a kind's records into columns; None where they hold lists."""
    return None if any(field.many for field in kind.fields) else ColumnReader(kind)


def _named(fields: Sequence[Field], name: str) -> Field:
    return next(field for field in fields if field.path[-1] == name)


def _struct(fields: Sequence[Field]) -> Any:
    return msgspec.defstruct(
        "Record", [_member(field) for field in fields], gc=False, forbid_unknown_fields=True, kw_only=True
    )


def _member(field: Field) -> tuple[str, Any, Any]:
    name = field.path[-1]
    if name == PREFIX or (field.type not in _TYPES and not field.members):
        return name, Raw, Raw(_ABSENT)
    return name, _struct(field.members) | UnsetType if field.members else _TYPES[field.type], UNSET


def _member_columns(fields: Sequence[Field], objects: Sequence[Any]) -> list[tuple[Path, tuple[Type, Any]]]:
    """The columns of an object's members."""
    made = []
    for field in fields:
        values = list(map(attrgetter(field.path[-1]), objects))
        if values[0] is not UNSET:
            made.append((field.path, (field.type, _array(field.type, values))))
        elif values.count(UNSET) != len(values):
            raise _Unlike
    return made


def _array(type: Type, values: Sequence[Any]) -> Any:
    """The values as Arrow has them. Raises ValueError or TypeError for those that it cannot give back as they were."""
    import pyarrow
    from pyarrow import compute

    match type:
        case Type.STRING:
            return pyarrow.array(values, pyarrow.string())
        case Type.INTEGER:
            return pyarrow.array(values, pyarrow.int64())
        case Type.NUMBER:
            return pyarrow.array(values, pyarrow.float64())
        case Type.BOOLEAN:
            return pyarrow.array(values, pyarrow.bool_())
        case Type.TIME:
            texts = pyarrow.array(values, pyarrow.string())
            if compute.any(compute.not_equal(compute.binary_length(texts), _SECONDS)).as_py():
                raise _Unlike
            return texts.cast(pyarrow.timestamp("us"))
        case _:
            return pyarrow.array([_object(bytes(value)) for value in values], pyarrow.string())


def _object(text: bytes) -> bytes | None:
    if text[:1] == b"{":
        return text
    if text == b"null":
        return None
    raise _Unlike
