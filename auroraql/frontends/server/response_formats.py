"""Response formats: a tree of booleans selects the fields of each record, on the JSON line of the record.

A tree becomes msgspec types that decode the selected fields and leave every leaf as raw bytes. A million records are
formatted in seconds, and numbers keep their exact text. Records that these types do not fit (lists in lists) and
trees with more fields than records have are processed in Python.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import msgspec

from auroraql.frontends.server.http_types import HttpError
from auroraql.frontends.server.record_lines import LineShape

_MAX_FIELDS = 1000
"""Maximum number of fields in a tree that becomes msgspec types: each field costs time."""

_SCALARS = str | int | float | bool | None


def read_format(document: object) -> LineShape:
    """Return a function that applies a `response_format` to the JSON line of a record. Raises HttpError."""
    size = _count_fields(document)
    if not isinstance(document, dict):
        raise HttpError(400, "a response format is an object")
    return _format_record(json.dumps(document)) if size <= _MAX_FIELDS else _format_in_python(document)


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
    """Return a struct type with the fields of a tree, in its order. Missing fields are not written."""
    selected = [(name, node) for name, node in tree.items() if node is not None and node is not False]
    fields: list[tuple[str, Any, Any]] = []
    for at, (_, node) in enumerate(selected):
        value_type: Any = msgspec.Raw
        if isinstance(node, dict):
            inner = _struct_type(node)
            value_type = inner | list[inner | _SCALARS] | _SCALARS  # type: ignore[valid-type]
        fields.append((f"f{at}", value_type | msgspec.UnsetType, msgspec.UNSET))
    names = {f"f{at}": name for at, (name, _) in enumerate(selected)}
    return msgspec.defstruct("Formatted", fields, rename=names)


def _count_fields(tree: object) -> int:
    """Return the number of fields in a tree. Raises HttpError for leaves other than true, false and null."""
    pending, size = [(tree, "")], 0
    while pending:
        node, place = pending.pop()
        size += 1
        if isinstance(node, dict):
            pending += [(child, f"{place}/{name}") for name, child in node.items()]
        elif node is not None and not isinstance(node, bool):
            raise HttpError(
                400, f"a response format has true or false for each field, not {node!r} (at {place or '/'})"
            )
    return size


def _apply_tree(value: Any, tree: dict[str, Any]) -> Any:
    """Return the fields of a value that the tree selects. For a list, select them in each element."""
    if isinstance(value, list):
        return [_apply_tree(element, tree) for element in value]
    if not isinstance(value, dict):
        return value
    selected = {}
    for name, node in tree.items():
        if name in value and node is not None and node is not False:
            selected[name] = _apply_tree(value[name], node) if isinstance(node, dict) else value[name]
    return selected
