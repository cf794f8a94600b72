"""Columns of a result for pandas and Arrow, whatever broken input they hold."""

from __future__ import annotations

import json
from typing import Any

from auroraql.results import ResultColumn, whole_text
from auroraql.schema import Type


def pandas_type(column: ResultColumn, *, empty: bool) -> Any:
    """The dtype that pandas would not find by itself; None leaves it to the values."""
    if column.type is Type.TIME:
        return "datetime64[us]"
    if not empty:
        return None
    return {Type.STRING: str, Type.INTEGER: "int64", Type.NUMBER: "float64"}.get(column.type, object)


def pandas_series(pandas: Any, values: list[Any], dtype: Any) -> Any:
    """The values as a `pandas.Series`."""
    try:
        return pandas.Series(values, dtype=dtype)
    except UnicodeEncodeError:
        return pandas.Series([whole_text(v) if isinstance(v, str) else v for v in values], dtype=dtype)


def arrow_array(pyarrow: Any, column: ResultColumn, values: list[Any]) -> Any:
    """The values as an array of Arrow; objects, and values of several types, are JSON text."""
    try:
        return _typed_array(pyarrow, column, values)
    except UnicodeEncodeError:
        return _typed_array(pyarrow, column, [whole_text(v) if isinstance(v, str) else v for v in map(_plain, values)])


def _typed_array(pyarrow: Any, column: ResultColumn, values: list[Any]) -> Any:
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
