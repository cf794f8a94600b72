"""JSON text as Python's own module writes it, made by msgspec, which takes a small part of the time.

Invariant: the text is that of `json.dumps(value, ensure_ascii=False)`, except for what is no JSON: NaN and infinity are
null, half a character is written `\\uXXXX`. What msgspec would write otherwise is left to Python's module.
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
"""Half a character, as broken input leaves it: no encoding can write it."""

_EXPONENT = re.compile(rb"e(?<=\de)[-\d]")
_SMALL = b"0.0000"
"""What a number that Python would write otherwise always has in it; both are found quickly in a long text."""

_OTHERWISE = re.compile(rb"(?:\A|[\[:,])-?(?:[\d.]+e|0\.0000)")
"""Such a number itself: Python has a sign in `1e+16`, and writes `1e-05` in place of five decimals."""

_quick = msgspec.json.Encoder().encode
_exact, _indented = (
    json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=indent, default=msgspec.to_builtins).encode
    for indent in (None, 2)
)


@lru_cache(maxsize=256)
def objects(names: tuple[str, ...]) -> Callable[..., Any]:
    """What makes objects with such members that are made and written in less time than dicts."""
    fields = [f"member_{n}" for n in range(len(names))]
    try:
        return msgspec.defstruct("Object", fields, rename=dict(zip(fields, names, strict=True)), gc=False)
    except ValueError:  # a label that would have to be escaped
        return lambda *members: dict(zip(names, members, strict=True))


def lines(values: Sequence[Any]) -> list[str]:
    """Each of the values in a line of its own."""
    try:
        written = list(map(_quick, values))
    except UnicodeEncodeError:
        return list(map(_as_python, values))
    if _has_otherwise(b",".join(written)):
        return list(map(_as_python, values))
    return [msgspec.json.format(each, indent=0).decode() for each in written]


def members(values: Sequence[Any]) -> str:
    """The values as members of an indented array: all that stands in the lines between its brackets."""
    try:
        written = _quick(values)
    except UnicodeEncodeError:  # half a character, which msgspec lays out as little as it writes it
        return _as_python(list(values), _indented)[2:-2]
    if _has_otherwise(written):
        written = f"[{','.join(map(_as_python, values))}]".encode()
    return msgspec.json.format(written, indent=2).decode()[2:-2]


def fractions(values: Sequence[float]) -> Sequence[float] | list[str]:
    """The text of each; the numbers themselves where JSON has none for one of them."""
    written = _quick(values)
    if _has_otherwise(written) or b"null" in written:
        return values
    return written[1:-1].decode().split(",")


def _has_otherwise(written: bytes) -> bool:
    may_have = _SMALL in written or _EXPONENT.search(written) is not None
    return may_have and _OTHERWISE.search(written) is not None


def _as_python(value: Any, encode: Callable[[Any], str] = _exact) -> str:
    try:
        text = encode(value)
    except ValueError:  # JSON has no NaN and no infinity
        text = encode(_finite(msgspec.to_builtins(value)))
    return text if text.isascii() else _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


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
