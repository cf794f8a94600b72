"""The query JSON of conjunctions (OpenAPI `SuperConjunctionQuery`): blocks, distances, types and precision.

Both wire forms of the precision are read: `epoch_search_precision` in seconds, and `subminute_precision`,
which has replaced it and is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from auroraql.codecs.query_json import (
    Document,
    JsonNumber,
    QueryJsonReader,
    name_json_type,
    write_filters,
    write_window,
)
from auroraql.diagnostics.errors import Pointer
from auroraql.ir.plan import BlockRequest, CriteriaRequest, Request
from auroraql.ir.query import block_names
from auroraql.language.ast import (
    AndExpression,
    BlockItem,
    Clause,
    Distance,
    Duration,
    Expression,
    FindStatement,
    Of,
    Path,
    Precision,
    Via,
    Within,
)
from auroraql.language.ast import NumberLiteral as Written
from auroraql.schema import BLOCKS, CONJUNCTIONS, Kind
from auroraql.schema.kinds.conjunctions import HALF_MINUTE, MINUTE, PRECISION_UNIT, wire_name

TYPES, DISTANCES = "conjunction_types", "max_distances"
SECONDS, SUBMINUTE = "epoch_search_precision", "subminute_precision"
LOCATIONS = "locations"

_MEMBERS = ("lat", "lon")


def read_criteria(reader: QueryJsonReader, document: Document) -> FindStatement:
    """The statement that a document stands for; what is wrong with it is told to the reader."""
    top = reader.top
    wires = [wire_name(name) for name in BLOCKS]
    reader.check_members(document, {*wires, "start", "end", TYPES, DISTANCES, SECONDS, SUBMINUTE, "request_id"}, top)
    reader.refuse_request_id(document)
    blocks = tuple(_read_blocks(reader, document, top))
    names = {*block_names(wire_name(block.kind) for block in blocks), *block_names(block.kind for block in blocks)}
    clauses: tuple[Clause, ...] = (
        Of(blocks, top),
        Within(tuple(_read_distances(reader, document, top, names)), top.child(DISTANCES)),
        _read_via(reader, document, top),
        *_read_precision(reader, document, top),
        *reader.windows(document, top),
    )
    return FindStatement(CONJUNCTIONS.name, clauses, origin=top, notes=tuple(reader.notes))


def _read_blocks(reader: QueryJsonReader, document: Document, top: Pointer) -> Iterator[BlockItem]:
    for name, kind in BLOCKS.items():
        wire = wire_name(name)
        for at, block in enumerate(reader.member(document, wire, list, top, [])):
            here = top.child(wire).child(at)
            if not isinstance(block, dict):
                reader.say("AQL0403", f"a criteria block is an object, not {name_json_type(block)}", here)
            elif kind.fields:
                yield _read_block(reader, block, kind, here)
            else:
                yield _read_location(reader, block, kind, here)


def _read_block(reader: QueryJsonReader, document: Document, kind: Kind, here: Pointer) -> BlockItem:
    names = {**reader.lists(kind, "source"), **reader.lists(kind, "record")}
    reader.check_members(document, {*names, kind.filters}, here)
    terms: list[Expression] = [
        *reader.list_terms(kind, "source", document, here),
        *reader.list_terms(kind, "record", document, here),
        *reader.filter_terms(document, kind, here),
    ]
    where = terms[0] if len(terms) == 1 else AndExpression(tuple(terms), here) if terms else None
    return BlockItem(kind.name, "", where, (), here)


def _read_location(reader: QueryJsonReader, document: Document, kind: Kind, here: Pointer) -> BlockItem:
    reader.check_members(document, {LOCATIONS}, here)
    found = []
    places = reader.member(document, LOCATIONS, list, here, [])
    if not places:
        reader.say("AQL0403", "a block of locations has none", here, 'as in: {"locations": [{"lat": 51, "lon": -114}]}')
    for at, place in enumerate(places):
        point = _read_point(reader, place, here.child(LOCATIONS).child(at))
        if point is not None:
            found.append(point)
    return BlockItem(kind.name, "", None, tuple(found), here)


def _read_point(reader: QueryJsonReader, place: Any, here: Pointer) -> tuple[Written, Written] | None:
    if not isinstance(place, dict):
        reader.say("AQL0403", f"a location is an object, not {name_json_type(place)}", here)
        return None
    reader.check_members(place, set(_MEMBERS), here)
    numbers = [_read_number(reader, place.get(name), here.child(name)) for name in _MEMBERS]
    return (numbers[0], numbers[1]) if numbers[0] is not None and numbers[1] is not None else None


def _read_number(reader: QueryJsonReader, value: Any, here: Pointer, unit: str = "") -> Written | None:
    if isinstance(value, JsonNumber) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return Written(str(value), unit, here)
    reader.say("AQL0403", f"'{here.path.rpartition('/')[2]}' takes a number, not {name_json_type(value)}", here)
    return None


def _read_distances(reader: QueryJsonReader, document: Document, top: Pointer, names: set[str]) -> Iterator[Distance]:
    for key, value in reader.member(document, DISTANCES, dict, top, {}).items():
        here = top.child(DISTANCES).child(key)
        first, dash, second = key.partition("-")
        limit = None if value is None else _read_number(reader, value, here)
        if not dash:
            reader.say("AQL0402", f"'{key}' is no pair of blocks", here, "as in: ground1-space1")
        elif (value is None or limit is not None) and not {first, second} <= names:
            reader.note("AQL0605", f"the distance of '{key}' is ignored: the query has no such blocks", here)
        elif value is None or limit is not None:
            yield Distance((first, second), limit, here)


def _read_via(reader: QueryJsonReader, document: Document, top: Pointer) -> Via:
    here = top.child(TYPES)
    texts = reader.texts(reader.member(document, TYPES, list, top, []), here)
    return Via(tuple(Path((text.value,), text.origin) for text in texts), here)


def _read_precision(reader: QueryJsonReader, document: Document, top: Pointer) -> Iterator[Precision]:
    finer = reader.member(document, SUBMINUTE, bool, top, None)
    seconds = document.get(SECONDS)
    if seconds is not None:
        here = top.child(SECONDS)
        written = _read_number(reader, seconds, here)
        if written is None:
            return
        if not written.text.isdigit() or not 1 <= int(written.text[:9]) <= MINUTE:
            reader.say("AQL0403", f"a precision is 1 to {MINUTE} seconds, not {written.text}", here)
        elif finer is not None and finer != (int(written.text) < MINUTE):
            reader.say("AQL0403", f"'{SECONDS}' and '{SUBMINUTE}' say different things", here, "keep one of them")
        else:
            yield Precision(Duration(written.text, PRECISION_UNIT, here), here)
    elif finer is not None:
        here = top.child(SUBMINUTE)
        yield Precision(Duration(str(HALF_MINUTE if finer else MINUTE), PRECISION_UNIT, here), here)


def write_criteria(request: Request, criteria: CriteriaRequest) -> Document:
    """The document of a request: every list there, every pair filled, the precision only where it is the finer."""
    document: Document = {**write_window(request), **{wire_name(name): [] for name in BLOCKS}}
    for block in criteria.blocks:
        document[wire_name(block.kind)].append(_write_block(block))
    document[TYPES] = list(criteria.via)
    document[DISTANCES] = dict(zip(criteria.pairs, criteria.distances, strict=True))
    if criteria.subminute:
        document[SUBMINUTE] = True
    return document


def _write_block(block: BlockRequest) -> Document:
    kind = BLOCKS[block.kind]
    if not kind.fields:
        return {LOCATIONS: [dict(zip(_MEMBERS, map(_plain_number, point), strict=True)) for point in block.points]}
    lists = {f.criterion: list(block.list_values(f.bare)) for f in kind.leaves() if f.criterion}
    return {**lists, kind.filters: write_filters(block.filters)}


def _plain_number(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)
