"""Records as they arrive: checked against the kind's fields, and of several requests each taken once.

Invariant: no record is lost and none is doubled; where that cannot be known, it is an error or a record too many.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from auroraql.archives.aurorax.answers import Answer, Context, read_json
from auroraql.errors import Failed
from auroraql.query import Tree
from auroraql.results import Record, read_time
from auroraql.schema import KINDS, Field, Type
from auroraql.schema.catalogue import DataSource

IDENTITY: dict[str, Tree] = {
    "data_products": {
        "data_source": {"identifier": True},
        "start": True,
        "end": True,
        "data_product_type": True,
        "url": True,
        "metadata": True,
    },
    "ephemeris": {"data_source": {"identifier": True}, "epoch": True},
    "conjunctions": {"conjunction_type": True, "start": True, "end": True, "data_sources": {"identifier": True}},
}
"""What makes two records of a kind the same one. The metadata belong to a data product: two records of one file
that differ in nothing else may be found by different requests, and both are rows of the answer.
"""

_OPTIONAL = "metadata"


def read_records(answer: Answer, kind: str, expected: int | None, context: Context) -> list[Record]:
    """The records of `…/requests/{id}/data`: `{"result": [...]}` as it answers, or the plain array of OpenAPI.

    Fields that are not published stay in the records. Raises Failed for another shape, and when fewer or more
    records came than the status had announced.
    """
    document = read_json(answer, "records", context)
    records = document.get("result") if isinstance(document, dict) else document
    if not isinstance(records, list):
        got = context.excerpt(answer.body)
        raise context.error(Failed, f"expected a list of records, or one as 'result', got {got}", "try again")
    if expected is not None and expected != len(records):
        message = f"the service announced {expected} records, and {len(records)} arrived"
        raise context.error(Failed, message, "run the search again")
    for number, record in enumerate(records, 1):
        if wrong := _wrong(record, kind):
            raise context.error(Failed, f"record {number} of {len(records)}: {wrong}", "try again")
    return records


def read_sources(answer: Answer, context: Context) -> tuple[DataSource, ...]:
    """The data sources of `GET /data_sources`, an array of basic_info records. Raises Failed for another shape."""
    document = read_json(answer, "data sources", context)
    if not isinstance(document, list):
        raise context.error(Failed, f"expected a list of data sources, got {context.excerpt(answer.body)}", "try again")
    names = tuple(each.name for each in fields(DataSource))
    for number, each in enumerate(document, 1):
        lacking = [name for name in names if not isinstance(each, dict) or name not in each]
        if lacking or not isinstance(each["identifier"], int):
            wrong = f"has no {lacking[0]}" if lacking else "has an identifier that is no number"
            raise context.error(Failed, f"data source {number} of {len(document)} {wrong}", "try again")
    return tuple(DataSource(each["identifier"], *(str(each[name]) for name in names[1:])) for each in document)


_SHAPES: dict[Type, tuple[type, ...]] = {
    Type.STRING: (str,),
    Type.INTEGER: (int,),
    Type.NUMBER: (int, float),
    Type.BOOLEAN: (bool,),
    Type.OBJECT: (dict,),
}


def _wrong(record: Any, kind: str) -> str:
    """What is wrong with a record; empty when nothing is. A field may be missing or null."""
    if not isinstance(record, dict):
        return f"expected an object, got {_quoted(record)}"
    return _wrong_in(record, KINDS[kind].fields)


def _wrong_in(record: Record, fields: Sequence[Field]) -> str:
    """What is wrong with the fields of an object, those of its members and of each object of a list included."""
    for field in fields:
        value = record.get(field.path[-1])
        if value is None:
            continue
        if field.many and not isinstance(value, list):
            return f"expected a list as '{field.name}', got {_quoted(value)}"
        for each in value if field.many else [value]:
            if not _fits(each, field.type):
                return f"expected {field.type.value} as '{field.name}', got {_quoted(each)}"
            if field.members and (wrong := _wrong_in(each, field.members)):
                return wrong
    return ""


def _fits(value: Any, type: Type) -> bool:
    if isinstance(value, bool) and type is not Type.BOOLEAN:
        return False
    if type is Type.TIME:
        return isinstance(value, str) and _is_time(value)
    return isinstance(value, _SHAPES.get(type, (object,)))


def _is_time(text: str) -> bool:
    try:
        read_time(text)
    except (ValueError, OverflowError):
        return False
    return True


def _quoted(value: Any) -> str:
    # Not cut here: the key is taken out of a message first, and half of it would not be found.
    return json.dumps(value, ensure_ascii=False)


def widened(tree: Tree, kind: str) -> Tree:
    """The response_format with what `united` needs to tell records apart."""
    return _merged(tree, IDENTITY[kind])


def _merged(tree: Tree, other: Tree) -> Tree:
    merged = dict(tree)
    for name, leaf in other.items():
        mine = merged.get(name)
        if mine is True:
            continue
        both = isinstance(mine, dict) and isinstance(leaf, dict)
        merged[name] = _merged(mine, leaf) if both else leaf  # type: ignore[arg-type]
    return merged


def united(batches: Sequence[Sequence[Record]], kind: str) -> list[Record]:
    """The records of several requests, those that more than one of them found taken once.

    Every request that finds a record finds all of its equals too, so a record occurs as often as in the request
    that has most of it: twins inside one request stay. A record without its identity is never taken for another.
    """
    if len(batches) == 1:
        return list(batches[0])
    kept: list[Record] = []
    taken: Counter[str] = Counter()
    for batch in batches:
        here: Counter[str] = Counter()
        for record in batch:
            name = _identity(record, kind)
            here[name] += 1
            if not name or here[name] > taken[name]:
                kept.append(record)
                taken[name] += 1
    return kept


def _identity(record: Record, kind: str) -> str:
    """The identity as text to compare; empty when a part of it did not come."""
    part = formatted(record, IDENTITY[kind])
    missing = IDENTITY[kind].keys() - part.keys() - {_OPTIONAL}
    nameless = any(not part[name] for name, leaf in IDENTITY[kind].items() if isinstance(leaf, dict) and name in part)
    if missing or nameless:
        return ""
    return json.dumps(part, sort_keys=True)


def formatted(record: Record, tree: Tree) -> Record:
    """The record with the leaves of the tree only, as the service applies a response_format."""
    part: Record = {}
    for name, leaf in tree.items():
        if name not in record:
            continue
        value = record[name]
        if isinstance(leaf, dict) and isinstance(value, dict):
            part[name] = formatted(value, leaf)
        elif isinstance(leaf, dict) and isinstance(value, list):
            part[name] = [formatted(each, leaf) if isinstance(each, dict) else each for each in value]
        elif leaf:
            part[name] = value
    return part
