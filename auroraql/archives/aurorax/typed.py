"""JSON of a kind's records to columns of Arrow, without a dict for any record.

msgspec decodes it into objects made from the schema, which checks names and types on the way: measured on 200,000
ephemeris records (114 MB) it took 0.7 s with the columns; orjson and json took 1.2 s and 1.9 s to make dicts alone,
and DuckDB's reader 0.6 s, from a file that would have to be written first.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from auroraql.archives.aurorax.packed import Columns, Held, Path
from auroraql.schema import Field, Kind, Type
from auroraql.schema.sources import PREFIX

_TYPES: dict[Type, Any] = {
    Type.STRING: str | None | UnsetType,
    Type.TIME: str | None | UnsetType,
    Type.INTEGER: int | None | UnsetType,
    Type.NUMBER: int | float | None | UnsetType,
    Type.BOOLEAN: bool | None | UnsetType,
}
_ABSENT = Raw(b"")
_MOST_EXACT = 2**53
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
        except (
            msgspec.MsgspecError,
            _Unlike,
            RecursionError,
            AttributeError,
            LookupError,
            ValueError,
            TypeError,
            OverflowError,
        ):
            return None  # pyarrow's errors are of these too
        return Columns(len(records), held) if held else None

    def _columns(self, field: Field, records: Sequence[Any]) -> Iterable[tuple[Path, Held]]:
        name = field.path[0]
        values = list(map(attrgetter(name), records))
        if values[0] is UNSET or values[0] == _ABSENT:
            if any(value is not UNSET and value != _ABSENT for value in values):
                raise _Unlike
            return ()
        if name == PREFIX:
            return self._source_columns(field.members, list(map(bytes, values)))
        if field.members:
            return _member_columns(field.members, values)
        return [(field.path, _held(field.type, values))]

    def _source_columns(self, fields: Sequence[Field], texts: list[bytes]) -> Iterable[tuple[Path, Held]]:
        """The few sources of many records are decoded once each, and their columns are the numbers of these."""
        import numpy
        import pyarrow

        numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        sources = [self._source.decode(text) for text in numbers]
        found = numpy.fromiter(map(numbers.__getitem__, texts), numpy.int32, len(texts))
        places = _column(pyarrow.int32(), len(texts), found)
        return [
            (path, held._replace(array=_spread(held.array, places))) for path, held in _member_columns(fields, sources)
        ]


def _spread(values: Any, places: Any) -> Any:
    """The values at these places; by their numbers, where none is missing (dictionaries with nulls cannot be joined)."""
    import pyarrow

    return values.take(places) if values.null_count else pyarrow.DictionaryArray.from_arrays(places, values)


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
        return name, Raw, _ABSENT
    return name, _struct(field.members) | UnsetType if field.members else _TYPES[field.type], UNSET


def _member_columns(fields: Sequence[Field], objects: Sequence[Any]) -> list[tuple[Path, Held]]:
    """The columns of an object's members."""
    made = []
    for field in fields:
        values = list(map(attrgetter(field.path[-1]), objects))
        if values[0] is not UNSET:
            made.append((field.path, _held(field.type, values)))
        elif values.count(UNSET) != len(values):
            raise _Unlike
    return made


def _held(type: Type, values: Sequence[Any]) -> Held:
    """The values of a leaf, and which numbers of them are whole."""
    return Held(type, _array(type, values), _whole(values) if type is Type.NUMBER else None)


def _whole(values: Sequence[Any]) -> Any:
    """Which values came as whole numbers; None when none did. Raises _Unlike for one that a float cannot hold."""
    import numpy
    import pyarrow

    if int not in set(map(builtins.type, values)):
        return None
    if any(builtins.type(value) is int and abs(value) > _MOST_EXACT for value in values):
        raise _Unlike
    return pyarrow.array(numpy.fromiter((builtins.type(value) is int for value in values), bool, len(values)))


def _array(type: Type, values: Sequence[Any]) -> Any:
    """The values as Arrow has them. Raises what `read` expects for those that it cannot give back as they were.

    It is made of numpy's: pyarrow's own reading of a list loads pandas first.
    """
    import numpy
    import pyarrow

    match type:
        case Type.STRING:
            return _texts(values)
        case Type.TIME:
            texts = _texts(values)
            if any(len(text) != _SECONDS for text in values if text is not None):
                raise _Unlike  # a fraction or a zone, which would not come out as it was
            return texts.cast(pyarrow.timestamp("us"))
        case Type.INTEGER:
            return _column(pyarrow.int64(), len(values), numpy.array(values, numpy.int64))
        case Type.NUMBER:
            numbers = numpy.array(values, numpy.float64)  # None is NaN, which JSON has not
            return _column(pyarrow.float64(), len(values), numbers, there=~numpy.isnan(numbers))
        case _:
            return _documents(values)


def _texts(values: Sequence[str | None]) -> Any:
    """Texts, and None for those that are missing."""
    import numpy
    import pyarrow

    there = None
    if None in values:
        there = numpy.array([value is not None for value in values])
        values = [value or "" for value in values]
    texts: Sequence[Any] = values
    data = "".join(texts).encode()
    if not data.isascii():
        texts = [value.encode() for value in texts]
    return _column(pyarrow.string(), len(texts), _places(texts), data, there=there)


def _documents(values: Sequence[Raw]) -> Any:
    """The JSON of objects as texts."""
    import numpy
    import pyarrow

    places, data = _places(values), b"".join(values)
    if not all(map(len, values)):
        raise _Unlike  # a record without the field, which a column cannot tell from one that has it empty
    if not data or (numpy.frombuffer(data, numpy.uint8)[places[:-1]] != ord("{")).any():
        raise _Unlike
    column = _column(pyarrow.string(), len(values), places, data)
    column.validate(full=True)  # that it is UTF-8
    return column


def _places(values: Sequence[Any]) -> Any:
    """Where each of some texts begins when they stand one after the other, and where the last ends."""
    import numpy

    places = numpy.zeros(len(values) + 1, numpy.int32)
    numpy.cumsum(numpy.fromiter(map(len, values), numpy.int32, len(values)), out=places[1:])
    return places


def _column(type: Any, count: int, *buffers: Any, there: Any = None) -> Any:
    """A column of Arrow over these buffers; `there` says which values are not missing."""
    import numpy
    import pyarrow

    known = None if there is None or there.all() else pyarrow.py_buffer(numpy.packbits(there, bitorder="little"))
    return pyarrow.Array.from_buffers(type, count, [known, *map(pyarrow.py_buffer, buffers)])
