"""Rows as DuckDB gives them, made into those of a result: JSON text is read, and what repeats is held once.

DuckDB gives objects and metadata values as text much faster than as its own VARIANT, and then has no Decimal in them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from auroraql.results.result_set import ResultColumn, Row
from auroraql.schema import Type

FEW = 500
"""Rows that are read in less time than it takes to load what reads many quickly."""


def decode_rows(rows: list[Row], columns: Sequence[ResultColumn]) -> list[Row]:
    """Some rows with their JSON text read: objects, and metadata values."""
    if not rows:
        return rows
    read = json.loads if len(rows) <= FEW else _fast_json_reader()
    values: list[Sequence[Any]] = list(zip(*rows, strict=True))
    for at, column in enumerate(columns):
        if column.type in (Type.OBJECT, Type.ANY):
            missing: Callable[[], Any] = dict if column.type is Type.OBJECT and not column.many_at else lambda: None
            values[at] = [missing() if text is None else read(text) for text in values[at]]
        elif column.type is Type.STRING:
            once: dict[Any, Any] = {}
            values[at] = [once.setdefault(text, text) for text in values[at]]
    return list(zip(*values, strict=True))


@cache
def _fast_json_reader() -> Callable[[str], Any]:
    """A reader that gives what Python's own does, many times as fast."""
    import msgspec

    decode = msgspec.json.Decoder().decode

    def read(text: str) -> Any:
        try:
            return decode(text)
        except msgspec.DecodeError:  # halves of characters and numbers beyond all bounds, which Python reads
            return json.loads(text)

    return read
