"""The waist of the house: what a search means, frozen and comparable, in normal form.

A `Query` is made through `Query.of`, which brings it to normal form, so that two ways of writing
one search are equal values. Where things were written (`origin`) takes no part in equality.

Normal form of the predicate: NOT stands at the leaves only (as `!=`, `not in` …); AND and OR are
flat and have at least two terms; several lists of one listed field (program …) are one list, as
AuroraX has one list for each; a list of one value of such a field is `=`; the terms of the outermost
AND follow the order of the query JSON: programs, platforms, instrument types, other fields, metadata.

A time is compared with an instant, or for equality with the interval that a literal names (see `auroraql.ir.time_literals`).
Terms of the outermost AND that say the same as a bound of the window are that bound; those that contradict the
window stay in the predicate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from itertools import combinations, pairwise
from typing import assert_never

from auroraql.diagnostics.errors import Origin
from auroraql.ir.time_literals import (
    RESOLUTION,
    TimeError,
    add_time,
    literal_of,
    read_full_date,
    read_span,
    round_up_to_second,
    write_instant,
)
from auroraql.schema import KINDS
from auroraql.schema.kinds.conjunctions import BLOCKS, EVENTS_PROGRAM, TRACES
from auroraql.schema.model import Field, Kind, Role
from auroraql.schema.operators import FIELD_OPERATORS, OPERATORS, FieldOp, Op

Tree = dict[str, "Tree | bool"]
"""A response_format: the record's own tree with `True` leaves."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A field of the record (role source or record, by its dotted path) or a metadata key (by its name)."""

    role: Role
    name: str

    @property
    def path(self) -> tuple[str, ...]:
        """Where the value stands in a record."""
        return ("metadata", self.name) if self.role == "metadata" else tuple(self.name.split("."))

    @property
    def bare(self) -> str:
        """The name that a statement may write without the prefix of its object."""
        return self.name.rpartition(".")[2] if self.role == "source" else self.name


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field compared with values; `values` are strings as AuroraX is sent them, `operator` a schema name.

    `listed` marks a field that AuroraX filters by a list of its own (programs …, product types).
    """

    ref: Ref
    operator: Op
    values: tuple[str, ...] = ()
    listed: bool = False
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class And:
    """Every term holds; of no terms: always true."""

    terms: tuple[Predicate, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Or:
    """At least one term holds; of no terms: never true."""

    terms: tuple[Predicate, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """The term does not hold (and is not unknown)."""

    term: Predicate
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class FieldComparison:
    """Two fields of one record compared, as `start < metadata.imaging_start_time`; the operator takes one value."""

    ref: Ref
    operator: FieldOp
    other: Ref
    origin: Origin = field(default=None, compare=False)


Predicate = Comparison | FieldComparison | And | Or | Not

EVERYTHING = And(())


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the result, under `label`: a field or metadata key, or a function of all records of a group.

    `function` is empty or one of FUNCTIONS; `ref` is None for `count(*)` alone. `bare` records that the path was
    written without its prefix (`platform`, not `data_source.platform`); it is False where both are the same.
    """

    ref: Ref | None
    alias: str = ""
    origin: Origin = field(default=None, compare=False)
    function: str = ""
    bare: bool = False

    @property
    def label(self) -> str:
        """The column's name in the result: the alias, or what was written."""
        if self.alias:
            return self.alias
        path = "*" if self.ref is None else self.ref.bare if self.bare else ".".join(self.ref.path)
        return f"{self.function}({path})" if self.function else path


def default_columns(leaves: Sequence[Field]) -> tuple[Column, ...]:
    """The columns of whole records with these fields: bare names, dotted ones where two would be the same."""
    names = Counter(leaf.bare for leaf in leaves)
    return tuple(
        Column(Ref(leaf.role, leaf.name), bare=leaf.bare != leaf.name and names[leaf.bare] == 1 and not leaf.is_dotted)
        for leaf in leaves
    )


FUNCTIONS = ("count", "min", "max", "avg", "sum")
"""What can be said of the records of a group at once."""


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One key of ORDER BY; missing values come last unless `nulls_first`.

    A ref of the role `column` names a column of the result by its label, as that of an aggregate.
    """

    ref: Ref
    descending: bool = False
    nulls_first: bool = False
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Block:
    """A criteria block of conjunctions: a kind of `schema.BLOCKS` and a predicate on its ephemeris.

    `points` are latitude and longitude, in degrees, of the places of a location block.
    """

    kind: str
    where: Predicate = EVERYTHING
    points: tuple[tuple[Decimal, Decimal], ...] = ()


@dataclass(frozen=True, slots=True)
class Criteria:
    """Between what conjunctions are found, and how near.

    The blocks are in the order of `schema.BLOCKS`. `distances` has one limit in km for each two blocks, in the
    order of `pairs`; None is any distance. `via` are names of `schema.kinds.conjunctions.TRACES`; none at all is
    what AuroraX is sent as an empty list, which it answers by the first of them. `subminute`: also
    between whole minutes.
    """

    blocks: tuple[Block, ...]
    distances: tuple[Decimal | None, ...]
    via: tuple[str, ...] = (TRACES[0],)
    subminute: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The blocks' names, numbered by kind: ground1, ground2, space1, location1 …"""
        return block_names(block.kind for block in self.blocks)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Each two blocks, by their places."""
        return tuple(combinations(range(len(self.blocks)), 2))


def block_names(kinds: Iterable[str]) -> tuple[str, ...]:
    """The names of blocks of these kinds, numbered per kind in their order."""
    counts = Counter[str]()
    found = []
    for kind in kinds:
        counts[kind] += 1
        found.append(f"{kind}{counts[kind]}")
    return tuple(found)


Interval = tuple[datetime, datetime]
"""A first and a last moment, both included."""


MAX_WINDOWS = 32
"""The most windows that the intervals of one query become; more are joined where the gaps are the shortest."""


def touched_days(interval: Interval, margin_days: timedelta) -> Interval:
    """The whole days that an interval touches, and those within `margin` before and after them."""
    first = datetime.combine(interval[0], time.min)
    last = datetime.combine(interval[1], time(23, 59, 59))
    # The calendar ends: a margin past it is cut.
    return first - min(margin_days, first - datetime.min), last + min(
        margin_days, datetime.max.replace(microsecond=0) - last
    )


def merge_touched_days(intervals: Iterable[Interval], margin: timedelta = timedelta()) -> tuple[Interval, ...]:
    """The `whole_days` of intervals, consecutive ones joined; the intervals are in order."""
    runs: list[Interval] = []
    for start, end in (touched_days(interval, margin) for interval in intervals):
        if runs and start - runs[-1][1] <= timedelta(seconds=1):
            runs[-1] = (runs[-1][0], max(end, runs[-1][1]))
        else:
            runs.append((start, end))
    return tuple(runs)


def merge_nearest_windows(windows: Sequence[Interval], most: int) -> tuple[Interval, ...]:
    """At most `most` windows: those with the shortest gaps between them are joined. The windows are in order, apart."""
    if len(windows) <= most:
        return tuple(windows)
    gaps = [later[0] - earlier[1] for earlier, later in pairwise(windows)]
    kept = sorted(sorted(range(len(gaps)), key=gaps.__getitem__, reverse=True)[: most - 1])
    firsts, lasts = [0, *(at + 1 for at in kept)], [*kept, len(windows) - 1]
    return tuple((windows[i][0], windows[j][1]) for i, j in zip(firsts, lasts, strict=True))


@dataclass(frozen=True, slots=True)
class UsingGroup:
    """The rows of a result that have the same values in the fields of USING: those values, and the rows' intervals.

    The values are strings as AuroraX is sent them, one for each field. The intervals are in order, apart from one another.
    """

    values: tuple[str, ...]
    intervals: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Using:
    """DURING … USING: a record overlaps an interval of a group and equals the group's value in each field of `refs`."""

    refs: tuple[Ref, ...]
    groups: tuple[UsingGroup, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A search as it is meant. `start` and `end` are inclusive, naive UTC, whole seconds; None is open.

    `select` None means the whole record, as AuroraX answers without a response_format. `criteria` are there
    for conjunctions, and only for them. `during` restricts to records that overlap one of the intervals
    (in order, apart from one another); an empty tuple finds nothing, None does not restrict. With `using`, `during`
    has the intervals of all its groups.
    """

    kind: str
    where: Predicate = EVERYTHING
    start: datetime | None = None
    end: datetime | None = None
    select: tuple[Column, ...] | None = None
    order_by: tuple[OrderKey, ...] = ()
    limit: int | None = None
    offset: int = 0
    distinct: bool = False
    group_by: tuple[Ref, ...] = ()
    criteria: Criteria | None = None
    during: tuple[Interval, ...] | None = None
    using: Using | None = None
    window_from: tuple[str, ...] = field(default=(), compare=False)
    """What gave the window its bounds, for people: the clause, or comparisons."""

    @classmethod
    def build(cls, query: Query) -> Query:
        """The query in normal form."""
        criteria = query.criteria and _normalize_criteria(query.criteria)
        return _move_bounds_to_window(replace(query, where=normalize(query.where), criteria=criteria))

    @property
    def is_aggregate(self) -> bool:
        """Whether a row of the result is made of several records."""
        return bool(self.group_by) or any(column.function for column in self.select or ())

    @property
    def windows(self) -> tuple[tuple[datetime | None, datetime | None], ...]:
        """The windows in which records are looked for; every record of the query is whole in one of them.

        Without intervals it is the query's own window. With them it is the whole days that they touch, with the
        longest record of the kind around them; records of a single moment are looked for in the intervals themselves.
        A conjunction is found as far as its window goes, so its windows are part of what the query means.
        """
        if self.during is None:
            return ((self.start, self.end),)
        margin = KINDS[self.kind].longest_record
        needed = merge_touched_days(self.during, margin) if margin else tuple(map(_round_outwards, self.during))
        inside = (
            _intersect_interval(self.start, self.end, *window) for window in merge_nearest_windows(needed, MAX_WINDOWS)
        )
        return tuple(window for window in inside if window is not None)


def _round_outwards(interval: Interval) -> Interval:
    """The interval with ends in whole seconds, not shorter."""
    first, last = interval
    upper = last.replace(microsecond=0)
    return first.replace(microsecond=0), upper if upper == last else upper + timedelta(seconds=1)


def _intersect_interval(
    start: datetime | None, end: datetime | None, first: datetime, last: datetime
) -> Interval | None:
    """What a window, perhaps open, and an interval have in common."""
    first = first if start is None else max(first, start)
    last = last if end is None else min(last, end)
    return (first, last) if first <= last else None


CLAUSE = "the window clause"
"""What gives a window its bounds when no comparison does."""

Window = tuple[datetime | None, datetime | None]
"""The bounds of a window, both included; None is open."""


def _move_bounds_to_window(query: Query) -> Query:
    """The query with each term of the outermost AND that is a bound of the window as that bound."""
    kind = KINDS.get(query.kind)
    if kind is None or not any(each.bound for each in kind.fields):
        return query
    start, end = query.start, query.end
    rest: list[Predicate] = []
    names: list[str] = []
    for term in split_conjuncts(query.where):
        window = window_of_comparison(term, kind)
        if window is None:
            rest.append(term)
            continue
        start, end = intersect((start, end), window)
        names += [each.name for each in collect_refs(term)]
    if not names or (start is not None and end is not None and start > end):
        return query
    where = rest[0] if len(rest) == 1 else And(tuple(rest), query.where.origin)
    origins = tuple(dict.fromkeys((*query.window_from, *(f"WHERE {name}" for name in names))))
    return replace(query, where=where, start=start, end=end, window_from=origins)


def intersect(a: Window, b: Window) -> Window:
    """What two windows have in common; it ends before it starts when that is nothing."""
    starts, ends = ([each for each in pair if each is not None] for pair in zip(a, b, strict=True))
    return max(starts, default=None), min(ends, default=None)


def window_of_comparison(term: Predicate, kind: Kind) -> Window | None:
    """The window, in whole seconds, that means the same as a comparison of a time; None for any other predicate.

    Records begin and end at whole seconds. A product is whole in its window, so only the earliest start and the
    latest end are bounds of it.
    """
    if not isinstance(term, Comparison) or term.ref.role != "record" or len(term.values) > 2:
        return None
    declared = kind.field(term.ref.name)
    if declared is None or not declared.bound:
        return None
    limits = time_limits(term)
    if limits is None or (declared.bound == "start" and limits[1]) or (declared.bound == "end" and limits[0]):
        return None
    return round_to_seconds(limits)


def round_to_seconds(limits: Window) -> Window | None:
    """The whole seconds from one moment to another; None where the calendar ends before the first of them."""
    try:
        return limits[0] and round_up_to_second(limits[0]), limits[1] and limits[1].replace(microsecond=0)
    except TimeError:
        return None


def time_limits(leaf: Comparison) -> Window | None:
    """The earliest and latest moment that fulfils a comparison of a time; None when it is not one interval of time."""
    spans = [span for value in leaf.values if (span := _interval_ends(value)) is not None]
    if not spans or len(spans) < len(leaf.values) or (leaf.operator == Op.IN and len(spans) > 1):
        return None
    try:
        return _limits(leaf.operator, spans[0], spans[-1][1])
    except TimeError:
        return None


def _limits(operator: Op, value: Interval, last: datetime) -> Window | None:
    """The moments that a comparison with an interval allows; `last` is the last moment of its last value."""
    match operator:
        case Op.EQ | Op.IN | Op.BETWEEN:
            return value[0], last
        case Op.GE:
            return value[0], None
        case Op.GT:
            return add_time(value[1], RESOLUTION), None
        case Op.LE:
            return None, value[1]
        case Op.LT:
            return None, add_time(value[0], -RESOLUTION)
        case Op.NE | Op.NOT_IN | Op.NOT_BETWEEN | Op.LIKE | Op.NOT_LIKE | Op.IS_NULL | Op.IS_NOT_NULL:
            return None
    assert_never(operator)


def _interval_ends(value: str) -> Interval | None:
    """The first and last moment of a time as a query has it; None for a string that is no time."""
    span = read_span(value)
    if span is not None:
        return span
    found = read_full_date(value)
    return None if found is None else (found.first, found.first)


def _normalize_criteria(criteria: Criteria) -> Criteria:
    """Blocks by kind, in the order written; the limits of pairs follow them."""
    order = sorted(range(len(criteria.blocks)), key=lambda at: _BLOCK_ORDER.index(criteria.blocks[at].kind))
    limits = {frozenset(pair): limit for pair, limit in zip(criteria.pairs, criteria.distances, strict=True)}
    distances = (limits[frozenset((order[i], order[j]))] for i, j in criteria.pairs)
    blocks = tuple(_normalize_block(criteria.blocks[at]) for at in order)
    return replace(
        criteria, blocks=blocks, distances=tuple(None if d is None else _canonical_number(d) for d in distances)
    )


def _normalize_block(block: Block) -> Block:
    """A block of events that names no program has that of event lists, as the engine's client sends it."""
    where = normalize(block.where)
    if block.kind == "events" and not any(_names_program(term) for term in split_conjuncts(where)):
        where = normalize(And((EVENTS_ONLY, *split_conjuncts(where)), block.where.origin))
    return replace(
        block, where=where, points=tuple((_canonical_number(lat), _canonical_number(lon)) for lat, lon in block.points)
    )


def _names_program(term: Predicate) -> bool:
    return isinstance(term, Comparison) and term.ref == EVENTS_ONLY.ref and _is_list(term)


EVENTS_ONLY = Comparison(Ref("source", "data_source.program"), Op.EQ, (EVENTS_PROGRAM,), True)
"""What a block of events says by itself."""


def _canonical_number(number: Decimal) -> Decimal:
    """One form of equal numbers; finer than a hundredth of a millimetre nothing is measured."""
    return round(number, 10).normalize() + 0


_BLOCK_ORDER = tuple(BLOCKS)


def normalize(predicate: Predicate) -> Predicate:
    """The predicate in normal form (see the module's head); idempotent."""
    flat = _flatten(_push_not(predicate, negate=False))
    terms = flat.terms if isinstance(flat, And) else (flat,)
    merged = _intersect_lists(terms)
    merged.sort(key=_sort_key)
    return merged[0] if len(merged) == 1 else And(tuple(merged), predicate.origin)


def split_conjuncts(predicate: Predicate) -> tuple[Predicate, ...]:
    """The terms of the outermost AND; a single predicate is its own."""
    return predicate.terms if isinstance(predicate, And) else (predicate,)


def collect_refs(predicate: Predicate | None) -> tuple[Ref, ...]:
    """What a predicate looks at, each once."""
    match predicate:
        case Comparison(ref):
            return (ref,)
        case FieldComparison(ref, _, other):
            return (ref, other)
        case And(terms) | Or(terms):
            return tuple(dict.fromkeys(ref for term in terms for ref in collect_refs(term)))
        case Not(term):
            return collect_refs(term)
        case None:
            return ()


def _push_not(predicate: Predicate, *, negate: bool) -> Predicate:
    match predicate:
        case Comparison():
            return _expand_interval_equality(_expand_not_between(_negate(predicate) if negate else predicate))
        case Not(term):
            return _push_not(term, negate=not negate)
        case And(terms, origin):
            inner = tuple([_push_not(t, negate=negate) for t in terms])
            return Or(inner, origin) if negate else And(inner, origin)
        case Or(terms, origin):
            inner = tuple([_push_not(t, negate=negate) for t in terms])
            return And(inner, origin) if negate else Or(inner, origin)
        case FieldComparison():
            negation = FIELD_OPERATORS[OPERATORS[predicate.operator].negation]
            return replace(predicate, operator=negation) if negate else predicate


def _negate(leaf: Comparison) -> Comparison:
    return replace(leaf, operator=OPERATORS[leaf.operator].negation)


def _expand_not_between(leaf: Comparison) -> Predicate:
    """AuroraX has no `not between`: outside a range is below it or above it."""
    if leaf.operator != Op.NOT_BETWEEN:
        return leaf
    low, high = leaf.values
    below, above = replace(leaf, operator=Op.LT, values=(low,)), replace(leaf, operator=Op.GT, values=(high,))
    return Or((below, above), leaf.origin)


def _expand_interval_equality(leaf: Predicate) -> Predicate:
    """Equal to an interval of time is between its ends. Not equal stays, where a literal names the interval."""
    if not isinstance(leaf, Comparison) or leaf.operator not in (Op.EQ, Op.NE):
        return leaf
    span = read_span(leaf.values[0])
    if span is None or (leaf.operator == Op.NE and literal_of(*span)):
        return leaf
    operator = Op.BETWEEN if leaf.operator == Op.EQ else Op.NOT_BETWEEN
    return _expand_not_between(replace(leaf, operator=operator, values=tuple(map(write_instant, span))))


def _flatten(predicate: Predicate) -> Predicate:
    match predicate:
        case Comparison():
            single = predicate.listed and predicate.operator == Op.IN and len(predicate.values) == 1
            return replace(predicate, operator=Op.EQ) if single else predicate
        case And(terms, origin):
            return _make_group(And, [_flatten(t) for t in terms], origin)
        case Or(terms, origin):
            return _make_group(Or, [_flatten(t) for t in terms], origin)
        case _:
            return predicate


def _make_group(group: type[And] | type[Or], terms: Iterable[Predicate], origin: Origin) -> Predicate:
    flat: list[Predicate] = []
    for term in terms:
        flat.extend(term.terms if isinstance(term, group) else (term,))
    if group is Or:
        flat = _union_lists(flat)
    return flat[0] if len(flat) == 1 else group(tuple(flat), origin)


def _is_list(term: Predicate) -> bool:
    return isinstance(term, Comparison) and term.listed and term.operator in (Op.EQ, Op.IN)


def _make_list(leaf: Comparison, values: tuple[str, ...]) -> Comparison:
    return replace(leaf, operator=Op.EQ if len(values) == 1 else Op.IN, values=values)


def _union_lists(terms: list[Predicate]) -> list[Predicate]:
    """`program = 'a' OR program = 'b'` is one list; only when nothing else is OR'd, to stay readable."""
    first = terms[0] if terms else None
    if len(terms) < 2 or not isinstance(first, Comparison) or not all(map(_is_list, terms)):
        return terms
    leaves = [t for t in terms if isinstance(t, Comparison)]
    if any(leaf.ref != first.ref for leaf in leaves):
        return terms
    values = tuple(dict.fromkeys(v for leaf in leaves for v in leaf.values))
    return [_make_list(first, values)]


def _intersect_lists(terms: tuple[Predicate, ...]) -> list[Predicate]:
    """ANDed lists of one field become their intersection; an empty one stays as written, for the planner to say."""
    kept: list[Predicate] = []
    places: dict[Ref, int] = {}
    for term in terms:
        if not isinstance(term, Comparison) or not _is_list(term):
            kept.append(term)
            continue
        at = places.get(term.ref)
        earlier = kept[at] if at is not None else None
        common = tuple(v for v in earlier.values if v in term.values) if isinstance(earlier, Comparison) else ()
        if at is not None and isinstance(earlier, Comparison) and common:
            kept[at] = _make_list(earlier, common)
        else:
            places.setdefault(term.ref, len(kept))
            kept.append(term)
    return kept


_SOURCE_ORDER = ("data_source.program", "data_source.platform", "data_source.instrument_type")


def _sort_key(term: Predicate) -> int:
    """Where a term of the outermost AND stands; the sort is stable, so equals keep their order."""
    leaf = term
    while not isinstance(leaf, Comparison | FieldComparison):
        if isinstance(leaf, Not):
            leaf = leaf.term
        elif leaf.terms:
            leaf = leaf.terms[0]
        else:
            return 9
    if leaf.ref.name in _SOURCE_ORDER and leaf.ref.role == "source":
        return _SOURCE_ORDER.index(leaf.ref.name)
    return {"source": 3, "record": 4, "metadata": 5, "column": 6}[leaf.ref.role]
