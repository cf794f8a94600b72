"""Query documents as clients send them: checked by the schema, in the service's own form, in words of JSON.

Everything that is wrong is reported with its JSON pointer, before anything is planned: types, unknown fields and the
enumerations of the OpenAPI document always, limits and ranges where a search is to be run. A description judges
nothing that a sentence can say.
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
from auroraql.diagnostics.errors import MAX_REPORTED, Pointer
from auroraql.diagnostics.suggestions import find_closest, find_misspelt
from auroraql.engines.duckdb.engine import EmbeddedEngine
from auroraql.frontends.server.http_types import Document, HttpError, read_moment, statement_errors_to_http
from auroraql.ir.plan import BlockRequest, CriteriaRequest, Expression, FilterGroup, Plan, Request
from auroraql.planner import plan_query as make_plan
from auroraql.resolver import resolve
from auroraql.resolver.times import TimeError, read_interval
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

MOST_VALUES = 10_000
"""Values of one list, and locations of one block."""

MOST_EXPRESSIONS = 1000
"""Metadata filters of one group."""

_MOST_DESCRIBED = 100
"""Criteria blocks of a query that is described; each two of them are named."""

_MOST_DISTANCES = 1000

_FARTHEST = 2**31
"""Kilometres that the service has for no limit."""

_RANGES = {"lat": 90, "lon": 180}
"""The members of a location, and how many degrees they go to either side of zero."""

_BLOCK = re.compile(rf"({'|'.join(wire_name(name) for name in BLOCKS)})([1-9][0-9]{{0,3}})", re.ASCII)

_ARITIES = {1: "exactly one value", 2: "exactly two values", -1: "one value or more"}


@dataclass(frozen=True, slots=True)
class QueryDocument:
    """A checked query: `document` is the service's form of it, which its status echoes, `request` what it asks."""

    document: Document
    request: Request

    @property
    def to_plan(self) -> Document:
        """The document as the language takes it: without what only names the run, and pairs of blocks that are not there."""
        made = {name: value for name, value in self.document.items() if name != "request_id"}
        if DISTANCES in made:
            made[DISTANCES] = {pair: limit for pair, limit in made[DISTANCES].items() if _pair_exists(pair, made)}
        return made


def read_query(document: Document, kind: str, *, to_run: bool) -> QueryDocument:
    """Check a query document of a kind. `to_run` says whether limits and ranges are judged. Raises Problem."""
    reader = _DocumentReader(KINDS[kind], to_run)
    made = reader.conjunctions(document) if kind == CONJUNCTIONS.name else reader.records(document)
    if reader.problems:
        raise HttpError(400, "; ".join(reader.problems))
    return made


class _StopReading(Exception):
    """There is no use in reading on."""


@dataclass(slots=True)
class _DocumentReader:
    """Reads one document, collecting what is wrong with it."""

    kind: Kind
    to_run: bool
    problems: list[str] = field(default_factory=list)

    def say(self, message: str, at: Pointer, hint: str = "") -> None:
        if len(self.problems) < MAX_REPORTED:
            self.problems.append(f"{message} (at {at.path or '/'}){': ' + hint if hint else ''}")

    # --- data products and ephemeris

    def records(self, document: Document) -> QueryDocument:
        top, kind = Pointer(), self.kind
        own = [each for each in list_fields(kind) if each.role == "record"]
        self.check_names(document, {SOURCES, "start", "end", "request_id", *(each.criterion for each in own)}, top)
        inner = self.check_type(document.get(SOURCES), dict, top.child(SOURCES), SOURCES) or {}
        sources, filters = self.block(inner, kind, top.child(SOURCES), "source")
        sources[kind.filters] = sources[kind.filters] or _filter_group(filters)
        made: Document = {SOURCES: sources}
        moments = self.window(document, made)
        made |= {each.criterion: self.list_of(document, each, top) for each in own}
        made["request_id"] = document.get("request_id")
        lists = tuple(
            (each.bare, tuple((sources if each.role == "source" else made)[each.criterion]))
            for each in list_fields(kind)
        )
        return QueryDocument(made, Request(kind.name, lists, filters, *moments))

    def block(self, document: Document, kind: Kind, at: Pointer, role: str = "") -> tuple[Document, FilterGroup]:
        """The lists and the metadata filters of a kind, which are null where there are none."""
        fields = [each for each in list_fields(kind) if role in ("", each.role)]
        self.check_names(document, {*(each.criterion for each in fields), kind.filters}, at)
        made: Document = {each.criterion: self.list_of(document, each, at) for each in fields}
        value = document.get(kind.filters)
        filters = self.filters(value, at.child(kind.filters), kind.filters)
        made[kind.filters] = None if value is None else _filter_group(filters)
        return made, filters

    def list_of(self, document: Document, declared: Field, at: Pointer) -> list[str]:
        name = declared.criterion
        return self.texts(document.get(name), at.child(name), name, declared.known if declared.closed else ())

    def texts(self, value: object, at: Pointer, name: str, known: tuple[str, ...] = ()) -> list[str]:
        """An array of strings, of the known ones where there are any; numbers are written out."""
        values = self.check_type(value, list, at, name) or []
        if len(values) > MOST_VALUES:
            self.say(f"'{name}' takes at most {MOST_VALUES} values, not {len(values)}", at)
            return []
        made = []
        for number, each in enumerate(values):
            if isinstance(each, str):
                text = each
            elif isinstance(each, bool):
                text = str(each).lower()
            elif isinstance(each, int | float):
                text = _plain_number(each)
            else:
                self.say(f"a value is a string, not {name_json_type(each)}", at.child(number))
                continue
            if known and text not in known:
                self.unknown(text, known, at.child(number), name)
            made.append(text)
        return made

    def unknown(self, text: str, known: tuple[str, ...], at: Pointer, name: str) -> None:
        # Words of few letters are alike by chance, as XOR and OR are: only another case of one is a slip.
        words = known if len(text) > 3 else [word for word in known if word.casefold() == text.casefold()]
        near = find_misspelt(text.replace(" ", "_"), words)
        hint = f"did you mean {json.dumps(near)}?" if near else ""
        self.say(f"'{name}' takes {_choose_known(known)}, not {json.dumps(text[:100])}", at, hint)

    def filters(self, value: object, at: Pointer, name: str) -> FilterGroup:
        """A metadata filter group; the older form is the array of its expressions."""
        group = {"expressions": value} if isinstance(value, list) else self.check_type(value, dict, at, name) or {}
        self.check_names(group, {"expressions", "logical_operator"}, at)
        inner = at if isinstance(value, list) else at.child("expressions")
        expressions = self.check_type(group.get("expressions"), list, inner, "expressions") or []
        if len(expressions) > MOST_EXPRESSIONS:
            self.say(f"a group has at most {MOST_EXPRESSIONS} expressions, not {len(expressions)}", inner)
            return FilterGroup()
        joined = self.check_type(group.get("logical_operator"), str, at.child("logical_operator"), "logical_operator")
        operator = "AND" if joined is None else joined.upper()
        if operator not in ("AND", "OR"):
            self.unknown(str(joined), ("AND", "OR"), at.child("logical_operator"), "logical_operator")
        read = [self.expression(each, inner.child(number)) for number, each in enumerate(expressions)]
        return FilterGroup(tuple(each for each in read if each is not None), operator)

    def expression(self, value: object, at: Pointer) -> Expression | None:
        document = self.check_type(value, dict, at, "an expression")
        if document is None:
            if value is None:
                self.say("an expression is an object, not null", at)
            return None
        self.check_names(document, {"key", "operator", "values"}, at)
        key = self.check_type(document.get("key"), str, at.child("key"), "key")
        if not key:
            self.say("an expression names the metadata key that it compares, in 'key'", at.child("key"))
        written = self.check_type(document.get("operator"), str, at.child("operator"), "operator")
        operator = WIRE.get((written or "in").lower())
        values = self.texts(document.get("values"), at.child("values"), "values")
        if operator is None:
            self.unknown(written or "", tuple(WIRE), at.child("operator"), "operator")
            return None
        arity = OPERATORS[operator].arity
        if self.to_run and (len(values) < 1 if arity < 0 else len(values) != arity):
            message = f"the operator {json.dumps(OPERATORS[operator].wire)} takes {_ARITIES[arity]}, not {len(values)}"
            self.say(message, at.child("values"))
        return Expression(key or "", operator, tuple(values))

    # --- conjunctions

    def conjunctions(self, document: Document) -> QueryDocument:
        top = Pointer()
        names = {wire_name(name): kind for name, kind in BLOCKS.items()}
        self.check_names(document, {*names, "start", "end", TYPES, DISTANCES, SECONDS, SUBMINUTE, "request_id"}, top)
        made: Document = {}
        moments = self.window(document, made)
        blocks: list[BlockRequest] = []
        try:
            arrays = {name: self.check_type(document.get(name), list, top.child(name), name) or [] for name in names}
            self.count(arrays)
            for name, kind in names.items():
                here = top.child(name)
                pairs = [self.criteria_block(each, kind, here.child(at)) for at, each in enumerate(arrays[name])]
                made[name] = [pair[0] for pair in pairs]
                blocks += [pair[1] for pair in pairs]
        except _StopReading:
            return QueryDocument(made, Request(self.kind.name))
        made[TYPES] = self.texts(document.get(TYPES), top.child(TYPES), TYPES, TRACES)
        made[DISTANCES] = self.distances(document.get(DISTANCES))
        subminute = self.precision(document, made)
        made["request_id"] = document.get("request_id")
        via = tuple(dict.fromkeys(made[TYPES]))
        found = CriteriaRequest(tuple(blocks), (), via, subminute)
        limits = tuple(_distance_limits(found, made[DISTANCES]))
        asked = CriteriaRequest(found.blocks, limits, via, subminute)
        return QueryDocument(made, Request(self.kind.name, start=moments[0], end=moments[1], criteria=asked))

    def count(self, arrays: dict[str, list[Any]]) -> None:
        """Check how many criteria blocks there are before any is read. Raises _Broken when they are too many."""
        total, names = sum(map(len, arrays.values())), ", ".join(arrays)
        most = MAX_BLOCKS if self.to_run else _MOST_DESCRIBED
        if total > most:
            name, at = _locate_block(most, arrays)
            message = f"a query has at most {most} criteria blocks, in {names} together, and this one has {total}"
            self.say(message, Pointer().child(name).child(at))
            raise _StopReading
        if self.to_run and total < 2:
            self.say(
                f"a search has 2 to {most} criteria blocks, in {names} together, and this one has {total}", Pointer()
            )

    def criteria_block(self, value: object, kind: Kind, at: Pointer) -> tuple[Document, BlockRequest]:
        document = self.check_type(value, dict, at, "a criteria block")
        if document is None:
            if value is None:
                self.say("a criteria block is an object, not null", at)
            return {}, BlockRequest(kind.name)
        if not kind.fields:
            return self.locations(document, kind, at)
        made, filters = self.block(document, kind, at)
        lists = {each.bare: tuple(made[each.criterion]) for each in list_fields(kind)}
        if kind.name == "events" and not lists["program"]:
            lists["program"] = (EVENTS_PROGRAM,)  # as the service's own client fills it in
        return made, BlockRequest(kind.name, tuple(lists.items()), filters)

    def locations(self, document: Document, kind: Kind, at: Pointer) -> tuple[Document, BlockRequest]:
        self.check_names(document, {LOCATIONS}, at)
        here = at.child(LOCATIONS)
        places = self.check_type(document.get(LOCATIONS), list, here, LOCATIONS) or []
        if len(places) > MOST_VALUES:
            self.say(f"'{LOCATIONS}' takes at most {MOST_VALUES} places, not {len(places)}", here)
            return {}, BlockRequest(kind.name)
        if self.to_run and not places:
            self.say(
                "a block of adhoc has one location or more", here, 'as in {"locations": [{"lat": 51, "lon": -114}]}'
            )
        read = [self.location(place, here.child(number)) for number, place in enumerate(places)]
        found = [each for each in read if each is not None]
        points = tuple((Decimal(str(place["lat"])), Decimal(str(place["lon"]))) for place in found)
        return {LOCATIONS: found}, BlockRequest(kind.name, points=points)

    def location(self, value: object, at: Pointer) -> Document | None:
        if not isinstance(value, dict):
            self.say(f"a location is an object with lat and lon, not {name_json_type(value)}", at)
            return None
        self.check_names(value, set(_RANGES), at)
        for name, most in _RANGES.items():
            degrees: Any = value.get(name)
            if not _is_number(degrees):
                self.say(f"'{name}' takes a number, not {name_json_type(degrees)}", at.child(name))
                return None
            if self.to_run and abs(degrees) > most:
                self.say(f"'{name}' is from -{most} to {most}, not {degrees}", at.child(name))
        return {name: value[name] for name in _RANGES}

    def distances(self, value: object) -> Document:
        at = Pointer().child(DISTANCES)
        document = self.check_type(value, dict, at, DISTANCES) or {}
        if len(document) > _MOST_DISTANCES:
            self.say(f"'{DISTANCES}' takes at most {_MOST_DISTANCES} pairs, not {len(document)}", at)
            return {}
        read: Document = {}
        seen: set[frozenset[str]] = set()
        for pair, limit in document.items():
            here = at.child(pair)
            if limit is not None and not _is_number(limit):
                self.say(f"'{pair}' takes a number of kilometres or null, not {name_json_type(limit)}", here)
                continue
            read[pair] = int(limit) if isinstance(limit, float) and limit.is_integer() else limit
            if self.to_run:
                self.judge_distance(pair, limit, here, seen)
        return read

    def judge_distance(self, pair: str, limit: float | None, at: Pointer, seen: set[frozenset[str]]) -> None:
        names = [name.strip() for name in pair.split("-")]
        if limit is not None and not 0 <= limit <= _FARTHEST:
            self.say(f"'{pair}' is from 0 to {_FARTHEST} km, not {limit}", at, "null is no limit")
        if len(names) != 2 or not all(map(_BLOCK.fullmatch, names)):
            self.say(f"'{pair[:100]}' does not name two criteria blocks", at, "as in ground1-space1")
        elif names[0] == names[1]:
            self.say(f"'{pair}' names one block twice", at)
        elif frozenset(names) in seen:
            self.say(f"'{pair}' has two distances", at, "keep one of them")
        seen.add(frozenset(names))

    def precision(self, document: Document, made: Document) -> bool:
        """Whether half minutes are searched too: of the two fields for it the newer one wins."""
        seconds, finer = document.get(SECONDS), document.get(SUBMINUTE)
        known = tuple(sorted(PRECISIONS))
        if seconds is not None and (not _is_number(seconds) or seconds not in known):
            shown = json.dumps(seconds) if isinstance(seconds, int | float | str) else name_json_type(seconds)
            self.say(f"'{SECONDS}' takes {' or '.join(map(str, known))}, not {shown[:100]}", Pointer().child(SECONDS))
        finer = self.check_type(finer, bool, Pointer().child(SUBMINUTE), SUBMINUTE)
        subminute = finer if finer is not None else seconds == HALF_MINUTE
        made[SECONDS] = HALF_MINUTE if subminute else MINUTE
        if finer is not None:
            made[SUBMINUTE] = finer
        return subminute

    # --- what all have

    def window(self, document: Document, made: Document) -> tuple[datetime | None, datetime | None]:
        """The ends of the window, which are written into `made` as the service writes times."""
        start, end = (self.moment(document.get(name), name) for name in ("start", "end"))
        made |= {name: None if at is None else _format_time(at) for name, at in (("start", start), ("end", end))}
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
            self.say(f"'{name}' is a time such as 2020-02-01T00:00:00, not {json.dumps(text[:100])}", at)
            return None
        return interval.first if interval.past is None else bound

    def check_names(self, document: Document, names: set[str], at: Pointer) -> None:
        for key in document:
            if key not in names:
                near = find_closest(key[:100], names, 1, 0.6)
                hint = f"did you mean '{near[0]}'?" if near else f"the fields here are {', '.join(sorted(names))}"
                self.say(f"'{key[:100]}' is no field of a query here", at.child(key[:100]), hint)
                if len(self.problems) >= MAX_REPORTED:
                    return

    def check_type(self, value: Any, type: type, at: Pointer, name: str) -> Any:
        """A value of this type; None where it is null or of another."""
        if value is None or isinstance(value, type):
            return value
        shown = name if " " in name else f"'{name}'"
        self.say(f"{shown} takes {_TYPES[type]}, not {name_json_type(value)}", at)
        return None


_TYPES: dict[type, str] = {dict: "an object", list: "an array", str: "a string", bool: "true or false"}


def _filter_group(filters: FilterGroup) -> Document:
    expressions = [
        {"key": each.key, "operator": OPERATORS[each.operator].wire, "values": list(each.values)}
        for each in filters.expressions
    ]
    return {"expressions": expressions, "logical_operator": filters.operator}


def _locate_block(number: int, arrays: dict[str, list[Any]]) -> tuple[str, int]:
    """The array, and the place in it, of the block that has this number among all of them."""
    for name, blocks in arrays.items():
        if number < len(blocks):
            return name, number
        number -= len(blocks)
    raise AssertionError("there are not so many blocks")


def _distance_limits(found: CriteriaRequest, distances: Document) -> Iterator[int | Decimal | None]:
    """The limit of each two blocks; between two on the ground it is 0 where none is given."""
    given = {frozenset(pair.replace(" ", "").split("-")): limit for pair, limit in distances.items()}
    for (first, one), (second, other) in combinations(zip(found.names, found.blocks, strict=True), 2):
        pair = frozenset((first, second))
        if pair in given:
            limit = given[pair]
            yield Decimal(str(limit)) if isinstance(limit, float) else limit
        else:
            yield 0 if one.kind == other.kind == "ground" else None


def _pair_exists(pair: str, document: Document) -> bool:
    """Whether the blocks of a pair are there: the template of the published client has more pairs than blocks."""
    for name in pair.split("-"):
        found = _BLOCK.fullmatch(name.strip())
        if found is not None and int(found[2]) > len(document[found[1]]):
            return False
    return True


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _plain_number(number: float) -> str:
    """A number in decimal digits, as it is compared."""
    return f"{Decimal(repr(number)):f}"


def _format_time(moment: datetime) -> str:
    """As the service writes times: without a zone, and with as much of a fraction as there is."""
    text = moment.isoformat()
    return text.rstrip("0") if moment.microsecond else text


def _choose_known(known: tuple[str, ...]) -> str:
    shown = [json.dumps(each) for each in known]
    return f"{', '.join(shown[:-1])} or {shown[-1]}"


def plan_document(document: Document, kind: str, engine: EmbeddedEngine) -> Plan:
    """The plan of a query document. Raises Problem for what is wrong with it."""
    return plan_checked_query(read_query(document, kind, to_run=True), engine)


def plan_checked_query(query: QueryDocument, engine: EmbeddedEngine) -> Plan:
    """The plan of a checked query, whole and uncut. Raises Problem for what is wrong with it."""
    document = query.to_plan
    second = _second_before_gap(document)
    if second is not None:
        document |= dict.fromkeys(("start", "end"), second.isoformat())
    with statement_errors_to_http():
        resolved = resolve(query_json.read_document(document, query.request.kind), engine.catalogue())
        plan = make_plan(resolved.query, engine.catalogue(), (), engine.sources, cut=False)
    return plan if second is None else replace(plan, requests=(), unsayable=())


def describe_query(query: QueryDocument, *, older: bool = False) -> str:
    """The engine's sentence of a query, in its newest wording or in an older one."""
    return sentence.write_sentence(query.request, readable=False, older=older)


def _second_before_gap(document: Document) -> datetime | None:
    """The second before a window that lies between two, where no record can; None for any other window.

    The published client describes such a query in its own tests, so it is no mistake.
    """
    with suppress(HttpError):
        start, end = (read_moment(document.get(name), name) for name in ("start", "end"))
        second = end.replace(microsecond=0)
        if second < start <= end < second + timedelta(seconds=1):
            return second
    return None
