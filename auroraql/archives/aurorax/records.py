"""Records as they arrive: checked against the kind's fields, and of several requests each taken once.

Invariant: no record is lost and none is doubled; where that cannot be known, it is an error or a record too many.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, combinations
from typing import Any

from auroraql.archives.aurorax.answers import Answer, Context, read_json, refuse_error
from auroraql.archives.aurorax.arriving import RecordReader
from auroraql.archives.aurorax.joining import NEEDED, joined
from auroraql.archives.aurorax.packed import Batch, Columns, Listed, Packed, listed
from auroraql.errors import Failed
from auroraql.plan import Request
from auroraql.query import Tree
from auroraql.results import Record, ResultColumn, read_time
from auroraql.results import taken as taken_from
from auroraql.schema import CONJUNCTIONS, EPHEMERIS, KINDS, Field, Type

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
    "conjunctions": NEEDED,
}
"""What makes two records of a kind the same one. The metadata belong to a data product: two records of one file
that differ in nothing else may be found by different requests, and both are rows of the answer.
"""

_OPTIONAL = "metadata"

_MINUTE = {
    path: ResultColumn("", declared, path=path)
    for path, declared in ((("data_source", "identifier"), Type.INTEGER), (("epoch",), Type.TIME))
}


def read_records(answer: Answer, kind: str, expected: int | None, context: Context) -> Sequence[Record]:
    """The records of `…/requests/{id}/data`: `{"result": [...]}` as it answers, or the plain array of OpenAPI.

    Fields that are not published stay in the records. Raises Failed for another shape, and when fewer or more
    records came than the status had announced.
    """
    if isinstance(answer.reader, RecordReader) and answer.reader.packed:
        return _packed(answer, answer.reader, expected, context)
    document = read_json(answer, "records", context)
    records = document.get("result") if isinstance(document, dict) else document
    if not isinstance(records, list):
        got = context.excerpt(answer.body)
        raise context.error(Failed, f"expected a list of records, or one as 'result', got {got}", "try again")
    _refuse_other_count(len(records), expected, context)
    for number, record in enumerate(records, 1):
        if wrong := _wrong(record, kind):
            raise context.error(Failed, f"record {number} of {len(records)}: {wrong}", "try again")
    return records


def record_reader(
    kind: str, seen: Callable[[int, int], object], expected: int | None = None, wanted: int | None = None
) -> RecordReader:
    """What reads records of a kind while they arrive; `seen` is told how many bytes and records came.

    Of more records than are expected, or wanted, the rest is not waited for.
    """
    return RecordReader(KINDS[kind], partial(_wrong, kind=kind), seen, expected, wanted)


def _packed(answer: Answer, reader: RecordReader, expected: int | None, context: Context) -> Packed:
    rest, trouble, has_enough = answer.body, None, reader.has_enough
    try:
        records, around = reader.finish()
    except (ValueError, RecursionError):
        trouble = f"expected records as JSON, but they break off or are broken after {reader.count}: "
        trouble += context.excerpt(rest)
    if trouble is not None:  # raised out here, as the parser's error holds the whole text
        raise context.error(Failed, trouble, "try again")
    refuse_error(around, context)
    if not has_enough:
        _refuse_other_count(len(records), expected, context)
    if reader.wrong is not None:
        number, wrong = reader.wrong
        raise context.error(Failed, f"record {number} of {len(records)}: {wrong}", "try again")
    return records


def _refuse_other_count(count: int, expected: int | None, context: Context) -> None:
    if expected is not None and expected != count:
        message = f"the service announced {expected} records, and {count} arrived"
        raise context.error(Failed, message, "run the search again")


_SHAPES: dict[Type, tuple[type, ...]] = {
    Type.STRING: (str,),
    Type.INTEGER: (int,),
    Type.NUMBER: (int, float),
    Type.BOOLEAN: (bool,),
    Type.OBJECT: (dict,),
}
_LARGEST: dict[Type, float] = {Type.INTEGER: 2**63 - 1, Type.NUMBER: sys.float_info.max}
"""What a whole number may be in a column of its type."""


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
    if isinstance(value, int) and type in _LARGEST and abs(value) > _LARGEST[type]:
        return False
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


def united(batches: Sequence[Sequence[Record]], kind: str, requests: Sequence[Request] = ()) -> Sequence[Record]:
    """The records of several requests, those that more than one of them found taken once.

    Every request that finds a record finds all of its equals too, so a record occurs as often as in the request
    that has most of it: twins inside one request stay. A record without its identity is never taken for another.
    `requests` are those of the batches: where their windows lie apart, no record is in two of them.
    """
    if len(batches) == 1:
        return batches[0]
    if kind == CONJUNCTIONS.name:
        precise = any(request.criteria is not None and request.criteria.subminute for request in requests)
        return joined(batches, subminute=precise)
    groups = _overlapping(requests) if requests else [0] * len(batches)
    taken: dict[int, Counter[object]] = {group: Counter() for group in groups}
    parts = [
        _not_yet(batch, kind, taken[group]) if groups.count(group) > 1 else batch
        for batch, group in zip(batches, groups, strict=True)
    ]
    if any(isinstance(part, Packed) for part in parts):
        return Packed([each for part in parts for each in _batches(part)])
    return [record for part in parts for record in part]


def _not_yet(batch: Sequence[Record], kind: str, taken: Counter[object]) -> Sequence[Record]:
    """The records of a batch that were not taken from those before."""
    here: Counter[object] = Counter()
    numbers = []
    for number, name in enumerate(_identities(batch, kind)):
        here[name] += 1
        if not name or here[name] > taken[name]:
            numbers.append(number)
            taken[name] += 1
    return batch if len(numbers) == len(batch) else taken_from(batch, numbers)


def _overlapping(requests: Sequence[Request]) -> list[int]:
    """For each request the number of the first one that its window touches, itself or through others."""
    groups = list(range(len(requests)))
    for (at, one), (before, other) in combinations(enumerate(requests), 2):
        if _touch(one, other):
            low, high = sorted((groups[at], groups[before]))
            groups = [low if group == high else group for group in groups]
    return groups


def _touch(one: Request, other: Request) -> bool:
    return not any(
        first.end is not None and second.start is not None and first.end < second.start
        for first, second in ((one, other), (other, one))
    )


def _batches(records: Sequence[Record]) -> Sequence[Batch]:
    return records.batches() if isinstance(records, Packed) else [listed(list(records))]


def _identities(records: Sequence[Record], kind: str) -> Iterator[object]:
    """What tells each of the records apart; of those of ephemeris in columns without making them."""
    if kind != EPHEMERIS.name:
        return (_identity(record, kind) for record in records)
    if not isinstance(records, Packed):
        return map(_minute, records)
    return chain.from_iterable(_minutes(batch) for batch in records.batches())


def _minutes(batch: Batch) -> Iterator[object]:
    if not isinstance(batch, Columns) or not _MINUTE.keys() <= batch.held.keys():
        return map(_minute, batch.records())
    return zip(*(batch.values(column) for column in _MINUTE.values()), strict=True)


def _minute(record: Record) -> object:
    """The source and the epoch of a record of ephemeris; empty when one of them did not come, or is none we know."""
    source, epoch = record.get("data_source"), record.get("epoch")
    if not isinstance(source, dict) or "identifier" not in source or not epoch:
        return ""
    return source["identifier"], read_time(epoch)


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


def narrowed(records: Sequence[Record], tree: Tree) -> Sequence[Record]:
    """All of the records with the leaves of the tree only."""
    if isinstance(records, Packed):
        return Packed([_narrowed(batch, tree) for batch in records.batches()])
    return [formatted(record, tree) for record in records]


def _narrowed(batch: Batch, tree: Tree) -> Batch:
    return Listed(len(batch), lambda: [formatted(record, tree) for record in batch.records()])
