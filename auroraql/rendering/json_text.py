r"""JSON encoding with msgspec.

Invariant: the output is UTF-8 JSON that decodes to the same value. Decimals keep their digits, NaN and infinity become
null, and lone surrogates, which msgspec rejects, are escaped as `\uXXXX`.
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
"""Lone surrogates from broken input, which UTF-8 cannot encode."""

_ENCODER = msgspec.json.Encoder(decimal_format="number")


@lru_cache(maxsize=256)
def object_factory(names: tuple[str, ...]) -> Callable[..., Any]:
    """Return a factory of objects with these members; they are created and encoded faster than dicts."""
    fields = [f"member_{n}" for n in range(len(names))]
    try:
        return msgspec.defstruct("Object", fields, rename=dict(zip(fields, names, strict=True)), gc=False)
    except ValueError:  # a member name that JSON would escape
        return lambda *members: dict(zip(names, members, strict=True))


def encode_lines(values: Sequence[Any]) -> bytes:
    """Return the values as JSON lines."""
    try:
        return _ENCODER.encode_lines(values)
    except UnicodeEncodeError:
        return "".join(f"{_encode_escaped(value)}\n" for value in values).encode()


def encode_texts(values: Sequence[Any]) -> list[str]:
    """Return the JSON text of each value."""
    return encode_lines(values).decode().split("\n")[:-1]


def encode_members(values: Sequence[Any]) -> bytes:
    """Return the values as members of an indented array, without its brackets."""
    try:
        encoded = _ENCODER.encode(values)
    except UnicodeEncodeError:
        return _encode_escaped(values, indent=2)[2:-2].encode()
    return msgspec.json.format(encoded, indent=2)[2:-2]


def _encode_escaped(value: Any, indent: int | None = None) -> str:
    """Encode a value that contains lone surrogates."""
    plain = _replace_non_finite(msgspec.to_builtins(value))
    separators = (",", ":") if indent is None else None
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators)
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def _replace_non_finite(value: Any) -> Any:
    match value:
        case dict():
            return {key: _replace_non_finite(member) for key, member in value.items()}
        case list():
            return [_replace_non_finite(member) for member in value]
        case float():
            return value if isfinite(value) else None
        case _:
            return value
