"""Query documents from clients: validation against the schema, normalization and planning.

All errors are reported with their JSON pointers before planning. Types, unknown fields and the enumerations of the
OpenAPI document are always checked; limits and ranges only for queries that are run. Queries that are only described
accept every value that a sentence can express.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

from auroraql.codecs import query_json, sentence
from auroraql.codecs.query_json import (
    DISTANCES,
    LOCATIONS,
    SECONDS,
    SOURCES,
    SUBMINUTE,
    TYPES,
    list_fields,
    name_json_type,
)
from auroraql.diagnostics.errors import MAX_REPORTED, Pointer, replace_value
from auroraql.diagnostics.suggestions import find_closest, find_misspelt
from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.frontends.server.http_types import Document, HttpError, read_moment, statement_errors_to_http
from auroraql.ir.plan import NO_FILTERS, BlockRequest, CriteriaRequest, Expression, FilterGroup, Plan, Request
from auroraql.ir.times import TimeError, read_interval
from auroraql.planner import plan_query as make_plan
from auroraql.resolver import resolve
from auroraql.schema import BLOCKS, CONJUNCTIONS, KINDS, Field, Kind
from auroraql.schema.kinds.conjunctions import (
    EVENTS_PROGRAM,
    HALF_MINUTE,
    MAX_BLOCKS,
    MINUTE,
    PRECISIONS,
    TRACES,
    wire_name,
)
from auroraql.schema.operators import OPERATORS, WIRE

MAX_VALUES = 10_000
"""Maximum number of values in one list and of locations in one block."""

MAX_EXPRESSIONS = 1000
"""Maximum number of metadata filters in one group."""

_MAX_DESCRIBED_BLOCKS = 100
"""Maximum number of criteria blocks in a query that is only described. Its sentence names each pair of blocks."""

_MAX_DISTANCES = 1000

_MAX_DISTANCE_KM = 2**31
"""Kilometres that AuroraX treats as no limit."""

_RANGES = {"lat": 90, "lon": 180}
"""Members of a location and their maximum absolute value in degrees."""

_BLOCK = re.compile(rf"({'|'.join(wire_name(name) for name in BLOCKS)})([1-9][0-9]{{0,3}})", re.ASCII)

_ARITIES = {1: "exactly one value", 2: "exactly two values", -1: "at least one value"}


@dataclass(frozen=True, slots=True)
class QueryDocument:
    """Validated query. `document` is its normalized form, which the status returns; `request` its meaning."""

    document: Document
    request: Request

    @property
    def to_plan(self) -> Document:
        """Document for the resolver: without the request id and without distances of missing blocks."""
        document = {name: value for name, value in self.document.items() if name != "request_id"}
        if DISTANCES in document:
            distances = document[DISTANCES].items()
            document[DISTANCES] = {pair: limit for pair, limit in distances if _pair_exists(pair, document)}
        return document


def read_query(document: Document, kind: str, *, to_run: bool) -> QueryDocument:
    """Validate a query document of a kind. With `to_run`, also check limits and ranges. Raises HttpError."""
    reader = _DocumentReader(KINDS[kind], to_run)
    query = reader.conjunctions(document) if kind == CONJUNCTIONS.name else reader.records(document)
    if reader.problems:
        raise HttpError(400, "; ".join(reader.problems))
    return query


class _StopReading(Exception):
    """Raised to stop reading a document after an error."""


@dataclass(slots=True)
class _DocumentReader:
    """Reads one document and collects its errors in `problems`."""

    kind: Kind
    to_run: bool
    problems: list[str] = field(default_factory=list)

    def report(self, message: str, at: Pointer, hint: str = "") -> None:
        if len(self.problems) < MAX_REPORTED:
            self.problems.append(f"{message} (at {at.path or '/'}){': ' + hint if hint else ''}")

    # --- data products and ephemeris

    def records(self, document: Document) -> QueryDocument:
        top, kind = Pointer(), self.kind
        own = [field for field in list_fields(kind) if field.role == "record"]
        self.check_names(document, {SOURCES, "start", "end", "request_id", *(field.criterion for field in own)}, top)
        inner = self.check_type(document.get(SOURCES), dict, top.child(SOURCES), SOURCES) or {}
        sources, filters = self.block(inner, kind, top.child(SOURCES), "source")
        sources[kind.filters] = sources[kind.filters] or _filter_group(filters)
        normalized: Document = {SOURCES: sources}
        moments = self.window(document, normalized)
        normalized |= {field.criterion: self.list_of(document, field, top) for field in own}
        normalized["request_id"] = document.get("request_id")
        lists = tuple(
            (field.bare, tuple((sources if field.role == "source" else normalized)[field.criterion]))
            for field in list_fields(kind)
        )
        return QueryDocument(normalized, Request(kind.name, lists, filters, *moments))

    def block(self, document: Document, kind: Kind, at: Pointer, role: str = "") -> tuple[Document, FilterGroup]:
        """Read the lists and the metadata filters of a kind. Missing filters are null in the document."""
        fields = [field for field in list_fields(kind) if role in ("", field.role)]
        self.check_names(document, {*(field.criterion for field in fields), kind.filters}, at)
        normalized: Document = {field.criterion: self.list_of(document, field, at) for field in fields}
        value = document.get(kind.filters)
        filters = self.filters(value, at.child(kind.filters), kind.filters)
        normalized[kind.filters] = None if value is None else _filter_group(filters)
        return normalized, filters

    def list_of(self, document: Document, declared: Field, at: Pointer) -> list[str]:
        name = declared.criterion
        return self.texts(document.get(name), at.child(name), name, declared.known if declared.closed else ())

    def texts(self, value: object, at: Pointer, name: str, choices: tuple[str, ...] = ()) -> list[str]:
        """Read an array of strings. Numbers and booleans become text. `choices`, if not empty, are the allowed values."""
        values = self.check_type(value, list, at, name) or []
        if len(values) > MAX_VALUES:
            self.report(f"'{name}' takes at most {MAX_VALUES} values, not {len(values)}", at)
            return []
        texts = []
        for number, item in enumerate(values):
            if isinstance(item, str):
                text = item
            elif isinstance(item, bool):
                text = str(item).lower()
            elif isinstance(item, int | float):
                text = _plain_number(item)
            else:
                self.report(f"a value must be a string, not {name_json_type(item)}", at.child(number))
                continue
            if choices and text not in choices:
                self.report_unknown(text, choices, at.child(number), name)
            texts.append(text)
        return texts

    def report_unknown(self, text: str, choices: tuple[str, ...], at: Pointer, name: str) -> None:
        # Short words are similar by chance, for example XOR and OR: suggest only a word that differs in case.
        words = choices if len(text) > 3 else [word for word in choices if word.casefold() == text.casefold()]
        near = find_misspelt(text.replace(" ", "_"), words)
        hint = f"did you mean {json.dumps(near)}?" if near else ""
        self.report(f"'{name}' takes {_join_choices(choices)}, not {json.dumps(text[:100])}", at, hint)

    def filters(self, value: object, at: Pointer, name: str) -> FilterGroup:
        """Read a metadata filter group. The older form is the array of its expressions."""
        group = {"expressions": value} if isinstance(value, list) else self.check_type(value, dict, at, name) or {}
        self.check_names(group, {"expressions", "logical_operator"}, at)
        inner = at if isinstance(value, list) else at.child("expressions")
        expressions = self.check_type(group.get("expressions"), list, inner, "expressions") or []
        if len(expressions) > MAX_EXPRESSIONS:
            self.report(f"a group has at most {MAX_EXPRESSIONS} expressions, not {len(expressions)}", inner)
            return NO_FILTERS
        joined = self.check_type(group.get("logical_operator"), str, at.child("logical_operator"), "logical_operator")
        operator = "AND" if joined is None else joined.upper()
        if operator not in ("AND", "OR"):
            self.report_unknown(str(joined), ("AND", "OR"), at.child("logical_operator"), "logical_operator")
        parsed = [self.expression(item, inner.child(number)) for number, item in enumerate(expressions)]
        return FilterGroup(tuple(expression for expression in parsed if expression is not None), operator)

    def expression(self, value: object, at: Pointer) -> Expression | None:
        document = self.check_type(value, dict, at, "an expression")
        if document is None:
            if value is None:
                self.report("an expression must be an object, not null", at)
            return None
        self.check_names(document, {"key", "operator", "values"}, at)
        key = self.check_type(document.get("key"), str, at.child("key"), "key")
        if not key:
            self.report("an expression needs a metadata key in 'key'", at.child("key"))
        written = self.check_type(document.get("operator"), str, at.child("operator"), "operator")
        operator = WIRE.get((written or "in").lower())
        values = self.texts(document.get("values"), at.child("values"), "values")
        if operator is None:
            self.report_unknown(written or "", tuple(WIRE), at.child("operator"), "operator")
            return None
        arity = OPERATORS[operator].arity
        if self.to_run and (len(values) < 1 if arity < 0 else len(values) != arity):
            message = f"the operator {json.dumps(OPERATORS[operator].wire)} takes {_ARITIES[arity]}, not {len(values)}"
            self.report(message, at.child("values"))
        return Expression(key or "", operator, tuple(values))

    # --- conjunctions

    def conjunctions(self, document: Document) -> QueryDocument:
        top = Pointer()
        names = {wire_name(name): kind for name, kind in BLOCKS.items()}
        self.check_names(document, {*names, "start", "end", TYPES, DISTANCES, SECONDS, SUBMINUTE, "request_id"}, top)
        normalized: Document = {}
        moments = self.window(document, normalized)
        blocks: list[BlockRequest] = []
        try:
            arrays = {name: self.check_type(document.get(name), list, top.child(name), name) or [] for name in names}
            self.count(arrays)
            for name, kind in names.items():
                here = top.child(name)
                pairs = [self.criteria_block(block, kind, here.child(at)) for at, block in enumerate(arrays[name])]
                normalized[name] = [pair[0] for pair in pairs]
                blocks += [pair[1] for pair in pairs]
        except _StopReading:
            return QueryDocument(normalized, Request(self.kind.name))
        normalized[TYPES] = self.texts(document.get(TYPES), top.child(TYPES), TYPES, TRACES)
        normalized[DISTANCES] = self.distances(document.get(DISTANCES))
        subminute = self.precision(document, normalized)
        normalized["request_id"] = document.get("request_id")
        via = tuple(dict.fromkeys(normalized[TYPES]))
        request = CriteriaRequest(tuple(blocks), (), via, subminute)
        limits = tuple(_distance_limits(request, normalized[DISTANCES]))
        request = replace_value(request, distances=limits)
        return QueryDocument(normalized, Request(self.kind.name, start=moments[0], end=moments[1], criteria=request))

    def count(self, arrays: dict[str, list[Any]]) -> None:
        """Check the number of criteria blocks before any is read. Raises _StopReading if there are too many."""
        total, names = sum(map(len, arrays.values())), ", ".join(arrays)
        most = MAX_BLOCKS if self.to_run else _MAX_DESCRIBED_BLOCKS
        if total > most:
            name, at = _locate_block(most, arrays)
            message = f"a query has at most {most} criteria blocks in {names} together; this one has {total}"
            self.report(message, Pointer().child(name).child(at))
            raise _StopReading
        if self.to_run and total < 2:
            self.report(
                f"a search has 2 to {most} criteria blocks in {names} together; this one has {total}", Pointer()
            )

    def criteria_block(self, value: object, kind: Kind, at: Pointer) -> tuple[Document, BlockRequest]:
        document = self.check_type(value, dict, at, "a criteria block")
        if document is None:
            if value is None:
                self.report("a criteria block must be an object, not null", at)
            return {}, BlockRequest(kind.name)
        if not kind.fields:
            return self.locations(document, kind, at)
        normalized, filters = self.block(document, kind, at)
        lists = {field.bare: tuple(normalized[field.criterion]) for field in list_fields(kind)}
        if kind.name == "events" and not lists["program"]:
            lists["program"] = (EVENTS_PROGRAM,)  # pyaurorax fills it in the same way
        return normalized, BlockRequest(kind.name, tuple(lists.items()), filters)

    def locations(self, document: Document, kind: Kind, at: Pointer) -> tuple[Document, BlockRequest]:
        self.check_names(document, {LOCATIONS}, at)
        here = at.child(LOCATIONS)
        places = self.check_type(document.get(LOCATIONS), list, here, LOCATIONS) or []
        if len(places) > MAX_VALUES:
            self.report(f"'{LOCATIONS}' takes at most {MAX_VALUES} locations, not {len(places)}", here)
            return {}, BlockRequest(kind.name)
        if self.to_run and not places:
            self.report(
                "an adhoc block needs at least one location",
                here,
                'for example {"locations": [{"lat": 51, "lon": -114}]}',
            )
        parsed = [self.location(place, here.child(number)) for number, place in enumerate(places)]
        locations = [location for location in parsed if location is not None]
        points = tuple((Decimal(str(location["lat"])), Decimal(str(location["lon"]))) for location in locations)
        return {LOCATIONS: locations}, BlockRequest(kind.name, points=points)

    def location(self, value: object, at: Pointer) -> Document | None:
        if not isinstance(value, dict):
            self.report(f"a location must be an object with lat and lon, not {name_json_type(value)}", at)
            return None
        self.check_names(value, set(_RANGES), at)
        for name, most in _RANGES.items():
            degrees: Any = value.get(name)
            if not _is_number(degrees):
                self.report(f"'{name}' takes a number, not {name_json_type(degrees)}", at.child(name))
                return None
            if self.to_run and abs(degrees) > most:
                self.report(f"'{name}' must be from -{most} to {most}, not {degrees}", at.child(name))
        return {name: value[name] for name in _RANGES}

    def distances(self, value: object) -> Document:
        at = Pointer().child(DISTANCES)
        document = self.check_type(value, dict, at, DISTANCES) or {}
        if len(document) > _MAX_DISTANCES:
            self.report(f"'{DISTANCES}' takes at most {_MAX_DISTANCES} pairs, not {len(document)}", at)
            return {}
        distances: Document = {}
        seen: set[frozenset[str]] = set()
        for pair, limit in document.items():
            here = at.child(pair)
            if limit is not None and not _is_number(limit):
                self.report(f"'{pair}' takes a number of kilometres or null, not {name_json_type(limit)}", here)
                continue
            distances[pair] = int(limit) if isinstance(limit, float) and limit.is_integer() else limit
            if self.to_run:
                self.check_distance(pair, limit, here, seen)
        return distances

    def check_distance(self, pair: str, limit: float | None, at: Pointer, seen: set[frozenset[str]]) -> None:
        names = [name.strip() for name in pair.split("-")]
        if limit is not None and not 0 <= limit <= _MAX_DISTANCE_KM:
            self.report(f"'{pair}' must be from 0 to {_MAX_DISTANCE_KM} km, not {limit}", at, "null means no limit")
        if len(names) != 2 or not all(map(_BLOCK.fullmatch, names)):
            self.report(f"'{pair[:100]}' does not name two criteria blocks", at, "for example ground1-space1")
        elif names[0] == names[1]:
            self.report(f"'{pair}' names the same block twice", at)
        elif frozenset(names) in seen:
            self.report(f"'{pair}' has two distances", at, "remove one of them")
        seen.add(frozenset(names))

    def precision(self, document: Document, normalized: Document) -> bool:
        """Return whether half minutes are searched too. Of the two fields that set it, the newer one wins."""
        seconds, finer = document.get(SECONDS), document.get(SUBMINUTE)
        choices = tuple(sorted(PRECISIONS))
        if seconds is not None and (not _is_number(seconds) or seconds not in choices):
            shown = json.dumps(seconds) if isinstance(seconds, int | float | str) else name_json_type(seconds)
            self.report(
                f"'{SECONDS}' takes {' or '.join(map(str, choices))}, not {shown[:100]}", Pointer().child(SECONDS)
            )
        finer = self.check_type(finer, bool, Pointer().child(SUBMINUTE), SUBMINUTE)
        subminute = finer if finer is not None else seconds == HALF_MINUTE
        normalized[SECONDS] = HALF_MINUTE if subminute else MINUTE
        if finer is not None:
            normalized[SUBMINUTE] = finer
        return subminute

    # --- shared by all kinds

    def window(self, document: Document, normalized: Document) -> tuple[datetime | None, datetime | None]:
        """Read the window and write its ends into `normalized` in AuroraX's time format."""
        start, end = (self.moment(document.get(name), name) for name in ("start", "end"))
        normalized |= {name: None if at is None else _format_time(at) for name, at in (("start", start), ("end", end))}
        return start and start.replace(microsecond=0), end and end.replace(microsecond=0)

    def moment(self, value: object, name: str) -> datetime | None:
        if value is None:
            return None
        at = Pointer().child(name)
        text = self.check_type(value, str, at, name)
        if text is None:
            return None
        try:
            interval = read_interval(text)
            bound = interval.upper if name == "end" else interval.lower
        except TimeError:
            self.report(f"'{name}' must be a time such as 2020-02-01T00:00:00, not {json.dumps(text[:100])}", at)
            return None
        return interval.first if interval.past is None else bound

    def check_names(self, document: Document, names: set[str], at: Pointer) -> None:
        for key in document:
            if key not in names:
                near = find_closest(key[:100], names, 1, 0.6)
                hint = f"did you mean '{near[0]}'?" if near else f"the fields here are {', '.join(sorted(names))}"
                self.report(f"'{key[:100]}' is not a field of a query here", at.child(key[:100]), hint)
                if len(self.problems) >= MAX_REPORTED:
                    return

    def check_type(self, value: Any, type: type, at: Pointer, name: str) -> Any:
        """Return a value of this type. Return None for null, and for another type, which is reported."""
        if value is None or isinstance(value, type):
            return value
        label = name if " " in name else f"'{name}'"
        self.report(f"{label} takes {_TYPES[type]}, not {name_json_type(value)}", at)
        return None


_TYPES: dict[type, str] = {dict: "an object", list: "an array", str: "a string", bool: "true or false"}


def _filter_group(filters: FilterGroup) -> Document:
    expressions = [
        {"key": expression.key, "operator": OPERATORS[expression.operator].wire, "values": list(expression.values)}
        for expression in filters.expressions
    ]
    return {"expressions": expressions, "logical_operator": filters.operator}


def _locate_block(number: int, arrays: dict[str, list[Any]]) -> tuple[str, int]:
    """Return the array and the index in it of the block with this number, counted over all arrays."""
    for name, blocks in arrays.items():
        if number < len(blocks):
            return name, number
        number -= len(blocks)
    raise AssertionError("block number out of range")


def _distance_limits(request: CriteriaRequest, distances: Document) -> Iterator[int | Decimal | None]:
    """Yield the distance limit of each pair of blocks. Two ground blocks have the limit 0 by default."""
    given = {frozenset(pair.replace(" ", "").split("-")): limit for pair, limit in distances.items()}
    for (first, one), (second, other) in combinations(zip(request.names, request.blocks, strict=True), 2):
        pair = frozenset((first, second))
        if pair in given:
            limit = given[pair]
            yield Decimal(str(limit)) if isinstance(limit, float) else limit
        else:
            yield 0 if one.kind == other.kind == "ground" else None


def _pair_exists(pair: str, document: Document) -> bool:
    """Return whether both blocks of a pair exist: pyaurorax's template has more pairs than blocks."""
    for name in pair.split("-"):
        match = _BLOCK.fullmatch(name.strip())
        if match is not None and int(match[2]) > len(document[match[1]]):
            return False
    return True


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _plain_number(number: float) -> str:
    """Return a number in decimal digits, the form in which it is compared."""
    return f"{Decimal(repr(number)):f}"


def _format_time(moment: datetime) -> str:
    """Format a time as AuroraX does: without a zone, and with a fraction only if there is one."""
    text = moment.isoformat()
    return text.rstrip("0") if moment.microsecond else text


def _join_choices(choices: tuple[str, ...]) -> str:
    quoted = [json.dumps(word) for word in choices]
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def plan_document(document: Document, kind: str, engine: EmbeddedEngine) -> Plan:
    """Plan a query document. Raises HttpError for its errors."""
    return plan_checked_query(read_query(document, kind, to_run=True), engine)


def plan_checked_query(query: QueryDocument, engine: EmbeddedEngine) -> Plan:
    """Plan a validated query without splitting its window. Raises HttpError for its errors."""
    document = query.to_plan
    second = _second_before_gap(document)
    if second is not None:
        document |= dict.fromkeys(("start", "end"), second.isoformat())
    with statement_errors_to_http():
        resolved = resolve(query_json.read_document(document, query.request.kind), engine.catalogue())
        plan = make_plan(resolved.query, engine.catalogue(), (), engine.sources, cut=False)
    return plan if second is None else replace(plan, requests=(), unsayable=())


def describe_query(query: QueryDocument, *, older: bool = False) -> str:
    """Return AuroraX's sentence for a query, in the current wording or in the older one."""
    return sentence.write_sentence(query.request, readable=False, older=older)


def _second_before_gap(document: Document) -> datetime | None:
    """Return the second before a window that contains no whole second, or None for any other window.

    Records have whole seconds, so such a window is empty. pyaurorax's own tests describe such a query: it is valid.
    """
    with suppress(HttpError):
        start, end = (read_moment(document.get(name), name) for name in ("start", "end"))
        second = end.replace(microsecond=0)
        if second < start <= end < second + timedelta(seconds=1):
            return second
    return None
