"""Query JSON of AuroraX's search endpoints (OpenAPI `DataProductQuery`, `EphemerisQuery`): reader and writer.

The reader never drops a part of a document: an unknown field is an error with its JSON pointer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from auroraql.diagnostics.errors import Diagnostic, Pointer, Span, StatementError
from auroraql.diagnostics.suggestions import find_closest
from auroraql.ir.plan import BlockRequest, CriteriaRequest, Expression, FilterGroup, Request
from auroraql.ir.query import block_names
from auroraql.language.ast import (
    AndExpression,
    BlockItem,
    Clause,
    ComparisonExpression,
    Distance,
    Duration,
    FindStatement,
    Instant,
    Of,
    OrExpression,
    Path,
    Precision,
    TextLiteral,
    Timestamp,
    Via,
    Where,
    Window,
    Within,
)
from auroraql.language.ast import Expression as Term
from auroraql.language.ast import NumberLiteral as Written
from auroraql.schema import BLOCKS, CONJUNCTIONS, EPHEMERIS, KINDS, Field, Kind
from auroraql.schema.kinds.conjunctions import HALF_MINUTE, MINUTE, PRECISION_UNIT, wire_name
from auroraql.schema.operators import OPERATORS, WIRE, Op

Document = dict[str, Any]

SOURCES = "data_sources"

_LABELS = re.compile(r"\s*\{\s*\w+\s*(?:=~?|!=|!~)\s*['\"]")
"""The beginning of a selector of PromQL or LogQL, which is not JSON."""

_BARE_NAME = re.compile(r"\s*\{\s*[^\W\d]")


def read_query_json(text: str, kind: str = "", *, offset: int = 0) -> FindStatement:
    """Read a JSON text into a statement. `kind` is the kind named before it, if any.

    `offset` is the start of the text in its source, for the span of a JSON syntax error. Raises StatementError with
    the diagnostics of the document.
    """
    try:
        document = _load_document(text)
    except json.JSONDecodeError as error:
        # Most documents are valid JSON and do not need this module.
        from auroraql.language.syntax_errors.graphql_rules import diagnose_graphql

        query = None if kind else diagnose_graphql(text, offset)
        if query is not None:
            raise StatementError([query]) from None
        at = offset + error.pos
        hint = "labels are conditions: FIND data_products WHERE program = 'trex'" if _LABELS.match(text) else ""
        if not hint and _BARE_NAME.match(text):
            hint = "write names and texts in double quotes, or write a statement: FIND data_products WHERE program = 'trex'"
        message = f"this is not valid JSON: {error.msg.lower()}"
        raise StatementError([Diagnostic("AQL0401", message, Span(at, at + 1), "", hint)]) from None
    except (_RepeatedMember, _JsonConstant) as error:
        span = Span(offset, offset + len(text))
        raise StatementError([Diagnostic("AQL0401", str(error), Span(span.start, span.start + 1))]) from None
    return read_document(document, kind)


def _load_document(text: str) -> Any:
    """Load the document of a text: JSON, a Python dict, or JSON with the quotes of a word processor."""
    try:
        return _load_strict_json(text)
    except json.JSONDecodeError as error:
        # Most documents are valid JSON and do not need this module.
        from auroraql.codecs.lenient_json import to_json

        rewritten = to_json(text)
        if rewritten is None:
            raise
        try:
            return _load_strict_json(rewritten)
        except json.JSONDecodeError:
            raise error from None


def _load_strict_json(text: str) -> Any:
    return json.loads(
        text,
        object_pairs_hook=_unique_members,
        parse_constant=_refuse_constant,
        parse_int=JsonNumber,
        parse_float=JsonNumber,
    )


class JsonNumber(str):
    """A JSON number, with its digits as written."""


class _RepeatedMember(ValueError):
    pass


class _JsonConstant(ValueError):
    pass


def _unique_members(pairs: list[tuple[str, Any]]) -> Document:
    document: Document = {}
    for key, value in pairs:
        if key in document:
            raise _RepeatedMember(f"the field '{key}' occurs twice in one object")
        document[key] = value
    return document


def _refuse_constant(name: str) -> None:
    raise _JsonConstant(f"{name} is not a JSON value")


def read_document(document: object, kind: str = "") -> FindStatement:
    """Convert a query document into a statement, whose places are JSON pointers.

    Raises StatementError with all diagnostics of the document.
    """
    reader = QueryJsonReader()
    find = reader.query(document, kind)
    if reader.wrong or find is None:
        raise StatementError(reader.wrong)
    return find


class QueryJsonReader:
    """Reader of one document, which collects its diagnostics."""

    def __init__(self) -> None:
        self.wrong: list[Diagnostic] = []
        self.notes: list[Diagnostic] = []
        """Warnings about ignored parts."""
        self.top = Pointer()
        """The place of the query in the document."""

    def note(self, code: str, message: str, at: Pointer, hint: str = "") -> None:
        self.notes.append(Diagnostic(code, message, at, hint=hint, severity="warning"))

    def say(self, code: str, message: str, at: Pointer, hint: str = "") -> None:
        self.wrong.append(Diagnostic(code, message, at, hint=hint))

    def query(self, document: object, kind_name: str) -> FindStatement | None:
        document, kind_name = self.unwrap(document, kind_name)
        top = self.top
        if not isinstance(document, dict):
            self.say("AQL0403", f"a query is an object, not {name_json_type(document)}", top)
            return None
        kind = self.kind(document, kind_name)
        if kind is None:
            return None
        if kind is CONJUNCTIONS:
            return read_criteria(self, document)
        terms: list[Term] = []
        sources = self.member(document, SOURCES, dict, top, {})
        self.check_members(sources, {*self.lists(kind, "source"), kind.filters}, top.child(SOURCES))
        terms += self.list_terms(kind, "source", sources, top.child(SOURCES))
        terms += self.list_terms(kind, "record", document, top)
        terms += self.filter_terms(sources, kind, top.child(SOURCES))
        self.check_members(document, {SOURCES, "start", "end", "request_id", *self.lists(kind, "record")}, top)
        self.refuse_request_id(document)
        clauses: list[Clause] = [*_make_where(terms), *self.windows(document, top)]
        return FindStatement(kind.name, tuple(clauses), origin=top, notes=tuple(self.notes))

    def unwrap(self, document: object, kind_name: str) -> tuple[object, str]:
        """Return the query in a status document, or in the request of one, and its kind.

        Any other document is returned unchanged.
        """
        for key in ("search_request", "query"):
            inner = document.get(key) if isinstance(document, dict) and SOURCES not in document else None
            if not isinstance(inner, dict):
                continue
            type_name = str(inner.get("request_type") or "")
            named = next((name for name in KINDS if type_name and name.rstrip("s") == type_name.rstrip("s")), "")
            kind_name = kind_name or named
            document, self.top = inner, self.top.child(key)
        return document, kind_name

    def refuse_request_id(self, document: Document) -> None:
        if document.get("request_id") is not None:
            message, hint = "a request_id belongs to one run, not to a search", "remove it: every run gets its own"
            self.say("AQL0402", message, self.top.child("request_id"), hint)

    def kind(self, document: Document, name: str) -> Kind | None:
        if name:
            if name in KINDS:
                return KINDS[name]
            self.say("AQL0404", f"'{name}' is not a kind of record", self.top, f"one of {', '.join(KINDS)}")
            return None
        inner = document.get(SOURCES)
        keys = {*document, *(inner if isinstance(inner, dict) else ())}
        kinds = [kind for kind in KINDS.values() if keys & set(kind.marks)]
        if kinds:
            return kinds[0]
        if {*document} & {SOURCES, "start", "end"}:
            return EPHEMERIS  # AuroraX's own examples without marks are ephemeris queries
        self.say(
            "AQL0404",
            "the kind of record is missing",
            self.top,
            f"write {' or '.join(f'FIND {kind} FROM {{…}}' for kind in KINDS)}, "
            f"or add {' or '.join(kind.marks[0] for kind in KINDS.values())}",
        )
        return None

    def lists(self, kind: Kind, role: str) -> dict[str, Field]:
        return {f.criterion: f for f in list_fields(kind) if f.role == role}

    def check_members(self, document: Document, names: set[str], at: Pointer) -> None:

        for key in document:
            if key not in names:
                closest = find_closest(key, names, 1, 0.6)
                hint = f"did you mean '{closest[0]}'?" if closest else f"the fields here are {', '.join(sorted(names))}"
                self.say("AQL0402", f"the query has no field '{key}' here", at.child(key), hint)

    def member(self, document: Document, key: str, type: type, at: Pointer, missing: Any) -> Any:
        value = document.get(key)
        if value is None:
            return missing
        if not isinstance(value, type) or isinstance(value, JsonNumber):
            expected = _NAMES[type]
            self.say("AQL0403", f"'{key}' takes {expected}, not {name_json_type(value)}", at.child(key))
            return missing
        return value

    def list_terms(self, kind: Kind, role: str, document: Document, at: Pointer) -> Iterator[Term]:
        for key, declared in self.lists(kind, role).items():
            values = self.member(document, key, list, at, [])
            texts = self.texts(values, at.child(key))
            if texts:
                yield ComparisonExpression(Path(declared.path, at.child(key)), Op.IN, texts, at.child(key))

    def texts(self, values: list[Any], at: Pointer) -> tuple[TextLiteral, ...]:
        literals = []
        for index, value in enumerate(values):
            if isinstance(value, bool):
                literals.append(TextLiteral(str(value).lower(), at.child(index), True))
            elif isinstance(value, str | int | float):
                literals.append(TextLiteral(str(value), at.child(index), True))
            else:
                self.say("AQL0403", f"a value is a string, not {name_json_type(value)}", at.child(index))
        return tuple(literals)

    def filter_terms(self, sources: Document, kind: Kind, at: Pointer) -> Iterator[Term]:
        here = at.child(kind.filters)
        listed = sources.get(kind.filters)
        if isinstance(listed, list):  # the older form: a list of expressions, all of which must hold
            older = [self.expression(item, here.child(index)) for index, item in enumerate(listed)]
            yield from (term for term in older if term is not None)
            return
        group = self.member(sources, kind.filters, dict, at, {})
        self.check_members(group, {"expressions", "logical_operator"}, here)
        operator = str(self.member(group, "logical_operator", str, here, "AND")).upper()
        if operator not in ("AND", "OR"):
            self.say("AQL0403", f"'{operator}' is not a logical operator", here.child("logical_operator"), "AND or OR")
        expressions = self.member(group, "expressions", list, here, [])
        terms = [self.expression(e, here.child("expressions").child(i)) for i, e in enumerate(expressions)]
        filters = tuple(t for t in terms if t is not None)
        if operator == "OR" and len(filters) > 1:
            yield OrExpression(filters, here)
        else:
            yield from filters

    def expression(self, document: object, at: Pointer) -> ComparisonExpression | None:
        if not isinstance(document, dict):
            self.say("AQL0403", f"a filter is an object, not {name_json_type(document)}", at)
            return None
        self.check_members(document, {"key", "operator", "values"}, at)
        key = self.member(document, "key", str, at, "")
        name = WIRE.get(str(self.member(document, "operator", str, at, "in")).lower())
        values = self.texts(self.member(document, "values", list, at, []), at.child("values"))
        if not key:
            self.say("AQL0403", "a filter has no key", at, "add the metadata key that it tests")
        if name is None:
            self.say(
                "AQL0403",
                f"'{document['operator']}' is not an operator of a filter",
                at.child("operator"),
                f"one of {', '.join(WIRE)}",
            )
            return None
        if not _arity_fits(name, len(values)):
            self.say(
                "AQL0403",
                f"'{OPERATORS[name].wire}' takes {_describe_arity(name)}, not {len(values)}",
                at.child("values"),
            )
            return None
        return ComparisonExpression(Path(("metadata", key), at.child("key")), name, values, at)

    def windows(self, document: Document, at: Pointer) -> Iterator[Window]:
        for key, form in (("start", "since"), ("end", "until")):
            text = self.member(document, key, str, at, None)
            if text is not None:
                here = at.child(key)
                instant = Instant(Timestamp(text, here), (), here)
                yield Window("since" if form == "since" else "until", (instant,), None, here)


def _arity_fits(operator: Op, count: int) -> bool:
    arity = OPERATORS[operator].arity
    return count >= 1 if arity < 0 else count == arity


def _describe_arity(operator: Op) -> str:
    return {1: "exactly one value", 2: "exactly two values"}.get(OPERATORS[operator].arity, "one value or more")


_NAMES: dict[type, str] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "true or false",
    type(None): "null",
}


def name_json_type(value: object) -> str:
    """Return the name of a JSON value's type, with its article."""
    is_number = isinstance(value, int | float | JsonNumber)
    return "a number" if is_number and type(value) is not bool else _NAMES.get(type(value), f"a {type(value).__name__}")


def _make_where(terms: list[Term]) -> Iterator[Where]:
    if len(terms) == 1:
        yield Where(terms[0], Pointer())
    elif terms:
        yield Where(AndExpression(tuple(terms), Pointer()), Pointer())


def list_fields(kind: Kind) -> tuple[Field, ...]:
    """Return the fields that are lists in the query JSON of the kind, in its order."""
    return tuple(f for f in kind.leaves() if f.criterion)


def write_query_json(request: Request) -> Document:
    """Return the query document of a request in normal form: with every list, without open ends of the window."""
    kind = KINDS[request.kind]
    if request.criteria is not None:
        return write_criteria(request, request.criteria)
    sources: Document = {
        f.criterion: list(request.list_values(f.bare)) for f in list_fields(kind) if f.role == "source"
    }
    sources[kind.filters] = write_filters(request.filters)
    document: Document = {SOURCES: sources, **write_window(request)}
    document.update({f.criterion: list(request.list_values(f.bare)) for f in list_fields(kind) if f.role == "record"})
    return document


def write_window(request: Request) -> Document:
    """Return the ends of the time window that are set."""
    ends = {"start": request.start, "end": request.end}
    return {end: moment.isoformat(timespec="seconds") for end, moment in ends.items() if moment is not None}


def write_filters(group: FilterGroup) -> Document:
    """Return a metadata filter group in normal form."""
    return {"expressions": [_write_expression(e) for e in group.expressions], "logical_operator": group.operator}


def _write_expression(expression: Expression) -> Document:
    return {"key": expression.key, "operator": OPERATORS[expression.operator].wire, "values": list(expression.values)}


TYPES, DISTANCES = "conjunction_types", "max_distances"
SECONDS, SUBMINUTE = "epoch_search_precision", "subminute_precision"
LOCATIONS = "locations"

_MEMBERS = ("lat", "lon")


def read_criteria(reader: QueryJsonReader, document: Document) -> FindStatement:
    """Convert a document into a statement. Its diagnostics are collected by the reader."""
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
    terms: list[Term] = [
        *reader.list_terms(kind, "source", document, here),
        *reader.list_terms(kind, "record", document, here),
        *reader.filter_terms(document, kind, here),
    ]
    where = terms[0] if len(terms) == 1 else AndExpression(tuple(terms), here) if terms else None
    return BlockItem(kind.name, "", where, (), here)


def _read_location(reader: QueryJsonReader, document: Document, kind: Kind, here: Pointer) -> BlockItem:
    reader.check_members(document, {LOCATIONS}, here)
    points = []
    locations = reader.member(document, LOCATIONS, list, here, [])
    if not locations:
        reader.say(
            "AQL0403", "a block has no locations", here, 'for example: {"locations": [{"lat": 51, "lon": -114}]}'
        )
    for at, location in enumerate(locations):
        point = _read_point(reader, location, here.child(LOCATIONS).child(at))
        if point is not None:
            points.append(point)
    return BlockItem(kind.name, "", None, tuple(points), here)


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
            reader.say("AQL0402", f"'{key}' is not a pair of blocks", here, "for example: ground1-space1")
        elif (value is None or limit is not None) and not {first, second} <= names:
            reader.note("AQL0605", f"the distance of '{key}' is ignored: the query has no such blocks", here)
        elif value is None or limit is not None:
            yield Distance((first, second), limit, here)


def _read_via(reader: QueryJsonReader, document: Document, top: Pointer) -> Via:
    here = top.child(TYPES)
    texts = reader.texts(reader.member(document, TYPES, list, top, []), here)
    return Via(tuple(Path((text.value,), text.origin) for text in texts), here)


def _read_precision(reader: QueryJsonReader, document: Document, top: Pointer) -> Iterator[Precision]:
    subminute = reader.member(document, SUBMINUTE, bool, top, None)
    seconds = document.get(SECONDS)
    if seconds is not None:
        here = top.child(SECONDS)
        number = _read_number(reader, seconds, here)
        if number is None:
            return
        if not number.text.isdigit() or not 1 <= int(number.text[:9]) <= MINUTE:
            reader.say("AQL0403", f"a precision is 1 to {MINUTE} seconds, not {number.text}", here)
        elif subminute is not None and subminute != (int(number.text) < MINUTE):
            reader.say("AQL0403", f"'{SECONDS}' and '{SUBMINUTE}' contradict each other", here, "keep one of them")
        else:
            yield Precision(Duration(number.text, PRECISION_UNIT, here), here)
    elif subminute is not None:
        here = top.child(SUBMINUTE)
        yield Precision(Duration(str(HALF_MINUTE if subminute else MINUTE), PRECISION_UNIT, here), here)


def write_criteria(request: Request, criteria: CriteriaRequest) -> Document:
    """Return the document of a request, with every list and every pair. `subminute_precision` is set only when true."""
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
