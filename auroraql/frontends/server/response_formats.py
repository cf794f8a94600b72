"""Response formats: what a tree of true leaves makes of a record, done on the line of JSON that the record is.

A tree becomes types of msgspec's, which read the fields it asks for and leave every leaf as the bytes it is: so a
million records are formatted in seconds, and no number is ever read and written again. A record that these types do
not fit, with lists in lists, goes through Python, and so does a tree of more fields than records have.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import msgspec

from auroraql.frontends.server.http_types import HttpError
from auroraql.frontends.server.record_lines import LineShape

_MOST_FIELDS = 1000
"""Fields of a tree that types are made of: each costs time."""

_SCALARS = str | int | float | bool | None


def read_format(document: object) -> LineShape:
    """What a response_format makes of a record's line. Raises Problem for one that is none."""
    size = _count_fields(document)
    if not isinstance(document, dict):
        raise HttpError(400, "a response format is an object")
    return _format_record(json.dumps(document)) if size <= _MOST_FIELDS else _format_in_python(document)


@lru_cache(maxsize=64)
def _format_record(text: str) -> LineShape:
    tree = json.loads(text)
    decode, encode = msgspec.json.Decoder(_struct_type(tree)).decode, msgspec.json.Encoder().encode
    otherwise = _format_in_python(tree)

    def shape(line: bytes) -> bytes:
        try:
            return encode(decode(line))
        except msgspec.ValidationError:
            return otherwise(line)

    return shape


def _format_in_python(tree: dict[str, Any]) -> LineShape:
    return lambda line: msgspec.json.encode(_apply_tree(msgspec.json.decode(line), tree))


def _struct_type(tree: dict[str, Any]) -> Any:
    """A type that has the fields of a tree, in its order; what is not there is left out again."""
    wanted = [(name, each) for name, each in tree.items() if each is not None and each is not False]
    fields: list[tuple[str, Any, Any]] = []
    for at, (_, each) in enumerate(wanted):
        held: Any = msgspec.Raw
        if isinstance(each, dict):
            inner = _struct_type(each)
            held = inner | list[inner | _SCALARS] | _SCALARS  # type: ignore[valid-type]
        fields.append((f"f{at}", held | msgspec.UnsetType, msgspec.UNSET))
    names = {f"f{at}": name for at, (name, _) in enumerate(wanted)}
    return msgspec.defstruct("Formatted", fields, rename=names)


def _count_fields(tree: object) -> int:
    """How many fields a tree has. Raises Problem where leaves are other than true, false and null."""
    waiting, size = [(tree, "")], 0
    while waiting:
        each, place = waiting.pop()
        size += 1
        if isinstance(each, dict):
            waiting += [(below, f"{place}/{name}") for name, below in each.items()]
        elif each is not None and not isinstance(each, bool):
            raise HttpError(
                400, f"a response format has true or false for each field, not {each!r} (at {place or '/'})"
            )
    return size


def _apply_tree(value: Any, tree: dict[str, Any]) -> Any:
    """The parts of a value that the tree asks for; of a list, those of each element."""
    if isinstance(value, list):
        return [_apply_tree(each, tree) for each in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for name, wanted in tree.items():
        if name in value and wanted is not None and wanted is not False:
            made[name] = _apply_tree(value[name], wanted) if isinstance(wanted, dict) else value[name]
    return made
