"""Parsing of records: validates them against the kind's fields, and removes duplicates between requests.

Invariant: no record is lost or duplicated. Where that cannot be decided, the result is an error or keeps both records.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, combinations
from typing import Any

from auroraql.diagnostics.errors import Failed
from auroraql.engines.aurorax.columnar.batches import BatchedRecords, ColumnBatch, ListBatch, RecordBatch, list_batch
from auroraql.engines.aurorax.columnar.stream import RecordStream
from auroraql.engines.aurorax.merge import NEEDED_FIELDS, merge_conjunctions
from auroraql.engines.aurorax.responses import ServiceContext, ServiceResponse, read_json, refuse_error
from auroraql.ir.plan import Request
from auroraql.ir.query import Tree
from auroraql.results.result_set import Record, ResultColumn, read_time
from auroraql.results.result_set import take_records as taken_from
from auroraql.schema import CONJUNCTIONS, EPHEMERIS, KINDS, Field, Type

IDENTITY_FIELDS: dict[str, Tree] = {
    "data_products": {
        "data_source": {"identifier": True},
        "start": True,
        "end": True,
        "data_product_type": True,
        "url": True,
        "metadata": True,
    },
    "ephemeris": {"data_source": {"identifier": True}, "epoch": True},
    "conjunctions": NEEDED_FIELDS,
}
"""Fields that identify a record of each kind. Metadata belongs to the identity of a data product: two records of one

file that differ only there can come from different requests, and both are rows of the result.
"""

_OPTIONAL = "metadata"

_MINUTE = {
    path: ResultColumn("", declared, path=path)
    for path, declared in ((("data_source", "identifier"), Type.INTEGER), (("epoch",), Type.TIME))
}


def read_records(answer: ServiceResponse, kind: str, expected: int | None, context: ServiceContext) -> Sequence[Record]:
    """Return the records of a `…/requests/{id}/data` response.

    The document is `{"result": [...]}`, or the array that the OpenAPI document describes. Unpublished
    fields are kept. Raises Failed for another shape, and when the number of records differs from `expected`, which
    the status announced.
    """
    if isinstance(answer.reader, RecordStream) and answer.reader.has_columns:
        return _read_columns(answer, answer.reader, expected, context)
    document = read_json(answer, "records", context)
    records = document.get("result") if isinstance(document, dict) else document
    if not isinstance(records, list):
        response_excerpt = context.excerpt(answer.body)
        raise context.error(
            Failed, f"expected a list of records, or one as 'result', got {response_excerpt}", "try again"
        )
    _refuse_other_count(len(records), expected, context)
    for number, record in enumerate(records, 1):
        if problem := _diagnose_record(record, kind):
            raise context.error(Failed, f"record {number} of {len(records)}: {problem}", "try again")
    return records


def record_reader(
    kind: str,
    on_received: Callable[[int, int], object],
    expected: int | None = None,
    limit: int | None = None,
    small_bytes: int | None = None,
) -> RecordStream:
    """Return a reader for records of a kind; it calls `on_received(bytes, records)` as they arrive.

    It stops after `limit` records, and fails when more than `expected` arrive. It packs responses of at least
    `small_bytes` into columns.
    """
    return RecordStream(KINDS[kind], partial(_diagnose_record, kind=kind), on_received, expected, limit, small_bytes)


def _read_columns(
    answer: ServiceResponse, reader: RecordStream, expected: int | None, context: ServiceContext
) -> BatchedRecords:
    rest, failure, has_enough = answer.body, None, reader.has_enough
    try:
        records, around = reader.finish()
    except (ValueError, RecursionError):
        failure = f"expected records as JSON, but the response is truncated or malformed after {reader.count}: "
        failure += context.excerpt(rest)
    if failure is not None:  # raised outside the handler, because the parser's error references the whole text
        raise context.error(Failed, failure, "try again")
    refuse_error(around, context)
    if not has_enough:
        _refuse_other_count(len(records), expected, context)
    if reader.wrong is not None:
        number, problem = reader.wrong
        raise context.error(Failed, f"record {number} of {len(records)}: {problem}", "try again")
    return records


def _refuse_other_count(count: int, expected: int | None, context: ServiceContext) -> None:
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
_MAX_ABSOLUTE: dict[Type, float] = {Type.INTEGER: 2**63 - 1, Type.NUMBER: sys.float_info.max}
"""Largest absolute value of a whole number in a column of each type."""


def _diagnose_record(record: Any, kind: str) -> str:
    """Describe the first error of a record; empty when it is valid. Fields may be missing or null."""
    if not isinstance(record, dict):
        return f"expected an object, got {_quote_value(record)}"
    return _diagnose_fields(record, KINDS[kind].fields)


def _diagnose_fields(record: Record, fields: Sequence[Field]) -> str:
    """Describe the first error in an object's fields, including members and objects in lists."""
    for field in fields:
        value = record.get(field.path[-1])
        if value is None:
            continue
        if field.many and not isinstance(value, list):
            return f"expected a list as '{field.name}', got {_quote_value(value)}"
        for item in value if field.many else [value]:
            if not _has_type(item, field.type):
                return f"expected {field.type.value} as '{field.name}', got {_quote_value(item)}"
            if field.members and (problem := _diagnose_fields(item, field.members)):
                return problem
    return ""


def _has_type(value: Any, type: Type) -> bool:
    if isinstance(value, bool) and type is not Type.BOOLEAN:
        return False
    if type is Type.TIME:
        return isinstance(value, str) and _is_time(value)
    if isinstance(value, int) and type in _MAX_ABSOLUTE and abs(value) > _MAX_ABSOLUTE[type]:
        return False
    return isinstance(value, _SHAPES.get(type, (object,)))


def _is_time(text: str) -> bool:
    try:
        read_time(text)
    except (ValueError, OverflowError):
        return False
    return True


def _quote_value(value: Any) -> str:
    # Do not cut here: the message is masked first, and a partial key would not be found.
    return json.dumps(value, ensure_ascii=False)


def widen_format(tree: Tree, kind: str) -> Tree:
    """Return the response_format extended by the fields that `united` needs."""
    return _merge_trees(tree, IDENTITY_FIELDS[kind])


def _merge_trees(tree: Tree, other: Tree) -> Tree:
    merged = dict(tree)
    for name, leaf in other.items():
        own_leaf = merged.get(name)
        if own_leaf is True:
            continue
        both = isinstance(own_leaf, dict) and isinstance(leaf, dict)
        merged[name] = _merge_trees(own_leaf, leaf) if both else leaf  # type: ignore[arg-type]
    return merged


def unite_records(batches: Sequence[Sequence[Record]], kind: str, requests: Sequence[Request] = ()) -> Sequence[Record]:
    """Return the records of several requests without duplicates.

    Each request returns all equal copies of a record that it matches. A record therefore occurs as often as in the
    request with the most copies. Records without an identity are never duplicates. `requests` belong to the batches:
    requests whose windows do not overlap share no records.
    """
    if len(batches) == 1:
        return batches[0]
    if kind == CONJUNCTIONS.name:
        precise = any(request.criteria is not None and request.criteria.subminute for request in requests)
        return merge_conjunctions(batches, subminute=precise)
    groups = _first_overlapping(requests) if requests else [0] * len(batches)
    taken: dict[int, Counter[object]] = {group: Counter() for group in groups}
    parts = [
        _drop_duplicates(batch, kind, taken[group]) if groups.count(group) > 1 else batch
        for batch, group in zip(batches, groups, strict=True)
    ]
    if any(isinstance(part, BatchedRecords) for part in parts):
        return BatchedRecords([part_batch for part in parts for part_batch in _batches(part)])
    return [record for part in parts for record in part]


def _drop_duplicates(batch: Sequence[Record], kind: str, taken: Counter[object]) -> Sequence[Record]:
    """Return the records of a batch that earlier batches do not contain."""
    counts: Counter[object] = Counter()
    numbers = []
    for number, name in enumerate(_identities(batch, kind)):
        counts[name] += 1
        if not name or counts[name] > taken[name]:
            numbers.append(number)
            taken[name] += 1
    return batch if len(numbers) == len(batch) else taken_from(batch, numbers)


def _first_overlapping(requests: Sequence[Request]) -> list[int]:
    """Return, for each request, the first index of the group of overlapping windows that contains it."""
    groups = list(range(len(requests)))
    for (index, one), (other_index, other) in combinations(enumerate(requests), 2):
        if _windows_touch(one, other):
            low, high = sorted((groups[index], groups[other_index]))
            groups = [low if group == high else group for group in groups]
    return groups


def _windows_touch(one: Request, other: Request) -> bool:
    return not any(
        first.end is not None and second.start is not None and first.end < second.start
        for first, second in ((one, other), (other, one))
    )


def _batches(records: Sequence[Record]) -> Sequence[RecordBatch]:
    return records.batches() if isinstance(records, BatchedRecords) else [list_batch(list(records))]


def _identities(records: Sequence[Record], kind: str) -> Iterator[object]:
    """Return the identity of each record; columnar ephemeris records are not materialized."""
    if kind != EPHEMERIS.name:
        return (_identity(record, kind) for record in records)
    if not isinstance(records, BatchedRecords):
        return map(_minute_identity, records)
    return chain.from_iterable(_minute_identities(batch) for batch in records.batches())


def _minute_identities(batch: RecordBatch) -> Iterator[object]:
    if not isinstance(batch, ColumnBatch) or not _MINUTE.keys() <= batch.leaf_columns.keys():
        return map(_minute_identity, batch.records())
    return zip(*(batch.values(column) for column in _MINUTE.values()), strict=True)


def _minute_identity(record: Record) -> object:
    """Return source and epoch of an ephemeris record; empty when one is missing or malformed."""
    source, epoch = record.get("data_source"), record.get("epoch")
    if not isinstance(source, dict) or "identifier" not in source or not epoch:
        return ""
    return source["identifier"], read_time(epoch)


def _identity(record: Record, kind: str) -> str:
    """Return the identity as comparable text; empty when a field is missing."""
    part = apply_format(record, IDENTITY_FIELDS[kind])
    missing = IDENTITY_FIELDS[kind].keys() - part.keys() - {_OPTIONAL}
    nameless = any(
        not part[name] for name, leaf in IDENTITY_FIELDS[kind].items() if isinstance(leaf, dict) and name in part
    )
    if missing or nameless:
        return ""
    return json.dumps(part, sort_keys=True)


def apply_format(record: Record, tree: Tree) -> Record:
    """Return the record restricted to the leaves of the tree, as the service applies a response_format."""
    part: Record = {}
    for name, leaf in tree.items():
        if name not in record:
            continue
        value = record[name]
        if isinstance(leaf, dict) and isinstance(value, dict):
            part[name] = apply_format(value, leaf)
        elif isinstance(leaf, dict) and isinstance(value, list):
            part[name] = [apply_format(item, leaf) if isinstance(item, dict) else item for item in value]
        elif leaf:
            part[name] = value
    return part


def apply_format_to_all(records: Sequence[Record], tree: Tree) -> Sequence[Record]:
    """Return all records restricted to the leaves of the tree."""
    if isinstance(records, BatchedRecords):
        return BatchedRecords([_narrow_batch(batch, tree) for batch in records.batches()])
    return [apply_format(record, tree) for record in records]


def _narrow_batch(batch: RecordBatch, tree: Tree) -> RecordBatch:
    return ListBatch(len(batch), lambda: [apply_format(record, tree) for record in batch.records()])
