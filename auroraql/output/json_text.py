"""JSON text, written by msgspec.

Invariant: what is written is JSON in UTF-8 and reads back as the value: a decimal number keeps its digits, NaN and
infinity are null, and half of a surrogate pair, which msgspec refuses, is escaped as `\\uXXXX`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import isfinite
from typing import Any

import msgspec

_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair, as broken input leaves it: no encoding can write it."""

_ENCODER = msgspec.json.Encoder(decimal_format="number")


@lru_cache(maxsize=256)
def objects(names: tuple[str, ...]) -> Callable[..., Any]:
    """Return a factory of objects with these members, which are made and written in less time than dicts."""
    fields = [f"member_{n}" for n in range(len(names))]
    try:
        return msgspec.defstruct("Object", fields, rename=dict(zip(fields, names, strict=True)), gc=False)
    except ValueError:  # a label that would have to be escaped
        return lambda *members: dict(zip(names, members, strict=True))


def lines(values: Sequence[Any]) -> bytes:
    """Return the values as JSON lines."""
    try:
        return _ENCODER.encode_lines(values)
    except UnicodeEncodeError:
        return "".join(f"{_escaped(value)}\n" for value in values).encode()


def texts(values: Sequence[Any]) -> list[str]:
    """The JSON text of each value."""
    return lines(values).decode().split("\n")[:-1]


def members(values: Sequence[Any]) -> bytes:
    """Return the values as members of an indented array: the lines between its brackets."""
    try:
        written = _ENCODER.encode(values)
    except UnicodeEncodeError:
        return _escaped(values, indent=2)[2:-2].encode()
    return msgspec.json.format(written, indent=2)[2:-2]


def _escaped(value: Any, indent: int | None = None) -> str:
    """A value that holds halves of surrogate pairs."""
    plain = _finite(msgspec.to_builtins(value))
    separators = (",", ":") if indent is None else None
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators)
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def _finite(value: Any) -> Any:
    match value:
        case dict():
            return {key: _finite(member) for key, member in value.items()}
        case list():
            return [_finite(member) for member in value]
        case float():
            return value if isfinite(value) else None
        case _:
            return value
