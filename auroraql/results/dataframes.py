"""Conversion of a result to one Arrow table, the source for Parquet, polars and pandas.

Invariant: every column has its declared type. Times are naive UTC. Objects are structs and lists. Values without a
common type, such as numbers and texts of one metadata key, are JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from auroraql.results.result_set import (
    ColumnarRecords,
    ResultColumn,
    ResultSet,
    Shape,
    format_duration,
    read_duration,
    replace_surrogates,
)
from auroraql.schema import Type

_GROUP = 100_000
"""Rows converted at once."""

_MAX_DEPTH = 32
"""Nesting levels that become structs; deeper objects are JSON text."""

_INT64_RANGE = range(-(2**63), 2**63)
_EXACT = range(-(2**53), 2**53 + 1)
"""Integers that fit 64-bit columns: int64, and float64 in a column with fractions."""


def to_arrow_table(result: ResultSet, *, flat: bool = False) -> Any:
    """Return the rows as a `pyarrow.Table`. With `flat`, no column has objects or lists."""
    # Import here: loading pyarrow takes as long as many searches.
    import pyarrow

    pieces = list(_column_chunks(result, pyarrow))
    columns = [_unify_types([piece[index] for piece in pieces], pyarrow) for index in range(len(result.columns))]
    fields = [
        pyarrow.field(name, column[0].type, metadata={"unit": declared.unit} if declared.unit else None)
        for name, declared, column in zip(_column_names(result), result.columns, columns, strict=True)
    ]
    typed = list(zip(fields, map(pyarrow.chunked_array, columns), strict=True))
    if flat:
        typed = _flatten_columns(typed, result, pyarrow)
    metadata = {**_pandas_types(typed, pyarrow), **_provenance_metadata(result)}
    schema = pyarrow.schema([field for field, _ in typed], metadata=metadata)
    return pyarrow.Table.from_arrays([column for _, column in typed], schema=schema)


def to_pandas_frame(result: ResultSet, *, flat: bool = False) -> Any:
    """Return the rows as a `pandas.DataFrame`, with the types that pandas reads from the Parquet file."""
    frame = to_arrow_table(result, flat=flat).to_pandas()
    if result.provenance is not None:
        frame.attrs[PROVENANCE_KEY] = result.provenance.to_document()
    return frame


PROVENANCE_KEY = "auroraql"
"""Key of the provenance in the metadata of Arrow schemas, and in `attrs` of pandas frames."""


def _provenance_metadata(result: ResultSet) -> dict[str, str]:
    """Return the provenance as schema metadata. pandas reads PANDAS_ATTRS of a Parquet file as `attrs`."""
    if result.provenance is None:
        return {}
    document = result.provenance.to_document()
    return {PROVENANCE_KEY: json.dumps(document), "PANDAS_ATTRS": json.dumps({PROVENANCE_KEY: document})}


def _column_names(result: ResultSet) -> list[str]:
    return [replace_surrogates(column.name) for column in result.columns]


def _pandas_types(typed: Sequence[tuple[Any, Any]], pyarrow: Any) -> dict[str, str]:
    """Return the schema metadata that keeps nullable integers and booleans in their type in pandas."""
    nullable = {pyarrow.int64(): "Int64", pyarrow.bool_(): "boolean"}
    described = [
        {"name": field.name, "field_name": field.name, "pandas_type": None, "numpy_type": dtype, "metadata": None}
        for field, column in typed
        if (dtype := nullable.get(field.type)) is not None and column.null_count
    ]
    if not described:
        return {}
    document = {"index_columns": [], "column_indexes": [], "columns": described, "pandas_version": ""}
    return {"pandas": json.dumps(document)}


def _flatten_columns(typed: Sequence[tuple[Any, Any]], result: ResultSet, pyarrow: Any) -> list[tuple[Any, Any]]:
    """Return columns without objects and lists: members of objects as columns, lists as JSON text."""
    has_block_columns = any(not column.in_records for column in result.columns)
    taken = {field.name for field, _ in typed}
    flat: list[tuple[Any, Any]] = []
    for field, column in typed:
        if pyarrow.types.is_struct(field.type):
            # A member that is also selected on its own has its column already.
            members = list(_flatten_struct(field.name, column, pyarrow))
            flat += [(member, values) for member, values in members if member.name not in taken]
            taken |= {member.name for member, _ in members}
        elif not pyarrow.types.is_list(field.type):
            flat.append((field, column))
        elif not (has_block_columns and pyarrow.types.is_struct(field.type.value_type)):
            flat.append((field.with_type(pyarrow.string()), _json_column(column, pyarrow)))
    return flat


def _flatten_struct(name: str, column: Any, pyarrow: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the members of an object as columns, named by their paths."""
    for member, values in zip(column.type, column.flatten(), strict=True):
        path = f"{name}.{member.name}"
        if pyarrow.types.is_struct(member.type):
            yield from _flatten_struct(path, values, pyarrow)
        elif pyarrow.types.is_list(member.type):
            yield pyarrow.field(path, pyarrow.string()), _json_column(values, pyarrow)
        else:
            yield pyarrow.field(path, member.type), values


def _json_column(column: Any, pyarrow: Any) -> Any:
    texts = [None if value is None else _json_text(value) for value in column.to_pylist()]
    return pyarrow.chunked_array([pyarrow.array(texts, pyarrow.string())])


def _column_chunks(result: ResultSet, pyarrow: Any) -> Iterator[list[Any]]:
    """Yield Arrow columns for groups of rows; at least one group."""
    records = result.columnar_records
    if isinstance(records, ColumnarRecords):
        yield [_array_from_columnar(records, column, pyarrow) for column in result.columns]
        return
    rows = iter(result)
    chunk = list(islice(rows, _GROUP))
    while True:
        values = zip(*chunk, strict=True) if chunk else ([] for _ in result.columns)
        yield [
            _make_array(column, list(column_values), pyarrow)
            for column, column_values in zip(result.columns, values, strict=True)
        ]
        chunk = list(islice(rows, _GROUP))
        if not chunk:
            return


def _array_from_columnar(records: ColumnarRecords, column: ResultColumn, pyarrow: Any) -> Any:
    declared = _declared_type(column, pyarrow)
    array = records.array(column) if declared is not None else None
    if array is None:
        return _make_array(column, records.values(column), pyarrow)
    combined = array.combine_chunks() if isinstance(array, pyarrow.ChunkedArray) else array
    return combined.cast(declared)


def _declared_type(column: ResultColumn, pyarrow: Any) -> Any:
    """Return the fixed Arrow type of a column; None if it depends on the values."""
    if column.type is Type.DECIMAL:
        return pyarrow.decimal128(*(column.digits or (38, 0)))
    return {
        Type.TIME: pyarrow.timestamp("us"),
        Type.DATE: pyarrow.date32(),
        Type.INTERVAL: pyarrow.duration("us"),
        Type.CLOCK: pyarrow.time64("us"),
        Type.BYTES: pyarrow.binary(),
        Type.STRING: pyarrow.string(),
        Type.INTEGER: pyarrow.int64(),
        Type.NUMBER: pyarrow.float64(),
        Type.BOOLEAN: pyarrow.bool_(),
    }.get(column.type)


def _nested_type(shape: Shape, pyarrow: Any) -> Any:
    """Return the Arrow type of nested values, or None if a part of it is not known."""
    if isinstance(shape, Type):
        return _declared_type(ResultColumn("", shape), pyarrow)
    if isinstance(shape, list):
        element = _nested_type(shape[0], pyarrow)
        return None if element is None else pyarrow.list_(element)
    members = {replace_surrogates(name): _nested_type(member, pyarrow) for name, member in shape.items()}
    return pyarrow.struct(members) if members and None not in members.values() else None


def _nested_value(value: Any, shape: Shape) -> Any:
    """Return a nested value with its dates, times and durations read from text. Raises ValueError."""
    if value is None:
        return None
    if isinstance(shape, list):
        return [_nested_value(element, shape[0]) for element in value]
    if isinstance(shape, dict):
        return {replace_surrogates(name): _nested_value(value.get(name), member) for name, member in shape.items()}
    return _READ_TEXT[shape](value) if shape in _READ_TEXT and isinstance(value, str) else value


_READ_TEXT: dict[Type, Callable[[str], Any]] = {
    Type.TIME: datetime.fromisoformat,
    Type.DATE: date.fromisoformat,
    Type.CLOCK: time.fromisoformat,
    Type.INTERVAL: read_duration,
    Type.STRING: replace_surrogates,
}
"""Functions that read the text of nested values."""


def _make_array(column: ResultColumn, values: list[Any], pyarrow: Any) -> Any:
    declared = _declared_type(column, pyarrow)
    if column.shape is not None and _object_depth(values) <= _MAX_DEPTH:
        # Values that Python cannot hold, such as years before 1, stay text.
        with suppress(OverflowError, ValueError):
            values = [_nested_value(value, column.shape) for value in values]
            declared = _nested_type(column.shape, pyarrow)
    if column.type is Type.OBJECT and _object_depth(values) > _MAX_DEPTH:
        return pyarrow.array(_unify_values(values))
    try:
        return pyarrow.array(values, declared)
    except (pyarrow.ArrowException, OverflowError, UnicodeEncodeError):
        pass
    if column.type is Type.INTEGER and all(value is None or isinstance(value, int) for value in values):
        try:
            return pyarrow.array([None if v is None else Decimal(v) for v in values], pyarrow.decimal128(38, 0))
        except pyarrow.ArrowException:
            pass  # more digits than any Arrow type has
    if column.type is Type.STRING:
        return pyarrow.array([None if value is None else _json_text(value) for value in values], declared)
    return pyarrow.array(_unify_values(values))


def _object_depth(values: Sequence[Any]) -> int:
    """Return the nesting depth of the values, counted up to one above the limit."""
    depth, level = 0, [value for value in values if isinstance(value, dict | list)]
    while level and depth <= _MAX_DEPTH:
        depth += 1
        members = (member for value in level for member in (value.values() if isinstance(value, dict) else value))
        level = [member for member in members if isinstance(member, dict | list)]
    return depth


def _unify_types(pieces: list[Any], pyarrow: Any) -> list[Any]:
    """Cast the chunks of a column to one type that holds them all and that Parquet can write."""
    schemas = [pyarrow.schema([("", piece.type)]) for piece in pieces]
    try:
        unified = pyarrow.unify_schemas(schemas, promote_options="permissive").field(0).type
        if pyarrow.types.is_null(unified):
            return pieces  # no values and no declared type
        return [piece.cast(_storable_type(unified, pyarrow)) for piece in pieces]
    except pyarrow.ArrowException:
        pass  # numbers in one group and texts in another, or empty objects
    converted = pyarrow.array(_unify_values([value for piece in pieces for value in piece.to_pylist()]))
    cast = converted.cast(_storable_type(converted.type, pyarrow))
    ends = [sum(map(len, pieces[: index + 1])) for index in range(len(pieces))]
    return [cast.slice(end - len(piece), len(piece)) for piece, end in zip(pieces, ends, strict=True)]


def _storable_type(type: Any, pyarrow: Any) -> Any:
    """Return the type as Parquet can write it, with text for null. Raises ArrowException for an empty struct."""
    types = pyarrow.types
    if types.is_null(type):
        return pyarrow.string()
    if types.is_list(type):
        return pyarrow.list_(_storable_type(type.value_type, pyarrow))
    if not types.is_struct(type):
        return type
    if type.num_fields == 0:
        raise pyarrow.ArrowInvalid("an object without members")
    return pyarrow.struct([pyarrow.field(field.name, _storable_type(field.type, pyarrow)) for field in type])


def _unify_values(values: Sequence[Any], depth: int = 0) -> list[Any]:
    """Convert the values to a common type: objects member by member, incompatible values to JSON text."""
    present = [value for value in values if value is not None]
    kinds = {type(value) for value in present}
    if kinds == {dict} and any(present) and depth < _MAX_DEPTH:
        return _unify_objects(values, present, depth)
    if kinds == {list} and depth < _MAX_DEPTH:
        inner = iter(_unify_values([item for value in present for item in value], depth + 1))
        if any(present):
            return [None if value is None else list(islice(inner, len(value))) for value in values]
    if kinds == {str}:
        return [None if value is None else replace_surrogates(value) for value in values]
    if kinds == {bool} or (kinds == {int} and all(value in _INT64_RANGE for value in present)):
        return list(values)
    if kinds in ({datetime}, {date}, {timedelta}):
        return list(values)
    if kinds in ({float}, {int, float}) and all(isinstance(v, float) or v in _EXACT for v in present):
        return [None if value is None else float(value) for value in values]
    return [None if value is None else _json_text(value) for value in values]


def _unify_objects(values: Sequence[Any], present: Sequence[dict[str, Any]], depth: int) -> list[Any]:
    keys = dict.fromkeys(key for value in present for key in value)
    members = {
        key: _unify_values([None if value is None else value.get(key) for value in values], depth + 1) for key in keys
    }
    return [
        None if value is None else {replace_surrogates(key): column[index] for key, column in members.items()}
        for index, value in enumerate(values)
    ]


def _json_text(value: Any) -> str:
    return replace_surrogates(
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=_plain_value)
    )


def _plain_value(value: Any) -> str:
    return format_duration(value) if isinstance(value, timedelta) else str(value)
