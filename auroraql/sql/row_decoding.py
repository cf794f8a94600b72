"""Decoding of DuckDB's rows into rows of a result: JSON text is parsed, and equal texts share one object.

DuckDB returns objects and metadata values as JSON text much faster than as VARIANT, and without Decimal values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from auroraql.results.result_set import ResultColumn, Row
from auroraql.schema import Type

MAX_STDLIB_ROWS = 500
"""Number of rows up to which Python's json is faster than importing msgspec."""


def decode_rows(rows: list[Row], columns: Sequence[ResultColumn]) -> list[Row]:
    """Return rows with the JSON text of objects and metadata values parsed."""
    if not rows:
        return rows
    parse = json.loads if len(rows) <= MAX_STDLIB_ROWS else _fast_json_parser()
    values: list[Sequence[Any]] = list(zip(*rows, strict=True))
    for at, column in enumerate(columns):
        if column.type in (Type.OBJECT, Type.ANY):
            missing: Callable[[], Any] = dict if column.type is Type.OBJECT and not column.many_at else lambda: None
            values[at] = [missing() if text is None else parse(text) for text in values[at]]
        elif column.type is Type.STRING:
            interned: dict[Any, Any] = {}
            values[at] = [interned.setdefault(text, text) for text in values[at]]
    return list(zip(*values, strict=True))


@cache
def _fast_json_parser() -> Callable[[str], Any]:
    """Return a JSON parser with the results of Python's own, many times as fast."""
    import msgspec

    decode = msgspec.json.Decoder().decode

    def parse(text: str) -> Any:
        try:
            return decode(text)
        except msgspec.DecodeError:  # lone surrogates and huge numbers, which only Python's parser accepts
            return json.loads(text)

    return parse
