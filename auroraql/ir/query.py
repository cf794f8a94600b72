"""Query: the intermediate representation of a search, frozen and comparable, in normal form.

`Query.build` brings a query to normal form, so that different ways to write one search give equal values. Source
positions (`origin`) are not compared.

Normal form of the predicate:

* NOT is only at the leaves, as a negated operator (`!=`, `not in` …).
* AND and OR are flat and have at least two terms.
* Several lists of one listed field (program …) are one list, because AuroraX has one list per field. A list of one
  value is `=`.
* The terms of the outermost AND have the order of the query JSON: programs, platforms, instrument types, other fields,
  metadata.
* A time is compared with an instant, or for equality with the interval of a literal (see `auroraql.ir.times`).
* Terms of the outermost AND that equal a bound of the time window become that bound. Terms that contradict the window
  stay in the predicate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from itertools import combinations, pairwise
from typing import ClassVar, assert_never

import msgspec

from auroraql.diagnostics.errors import LocatedValue, Origin, replace_value
from auroraql.ir.times import (
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
from auroraql.schema.functions import AGGREGATES
from auroraql.schema.kinds.conjunctions import BLOCKS, EVENTS_PROGRAM, TRACES
from auroraql.schema.model import Field, Kind, Role, Type, bare_name
from auroraql.schema.operators import FIELD_OPERATORS, OPERATORS, FieldOp, Op

Tree = dict[str, "Tree | bool"]
"""AuroraX's response_format: the tree of a record with `True` leaves."""


class Ref(msgspec.Struct, frozen=True):
    """Reference to a field (role source, record or joined, by its dotted path) or a metadata key (by its name)."""

    role: Role
    name: str

    @property
    def path(self) -> tuple[str, ...]:
        """Path of the value in a record."""
        return ("metadata", self.name) if self.role == "metadata" else tuple(self.name.split("."))

    @property
    def bare(self) -> str:
        """Name that a statement may write without the prefix of its object."""
        return bare_name(self.role, self.name)


class Comparison(LocatedValue, frozen=True):
    """Comparison of a field with values, which are strings in the spelling of AuroraX's JSON.

    `listed` marks a field that AuroraX filters by a separate list (programs …, product types).
    """

    ref: Ref
    operator: Op
    values: tuple[str, ...] = ()
    listed: bool = False
    origin: Origin = None


class And(LocatedValue, frozen=True):
    """Conjunction of terms. Without terms, it is always true."""

    terms: tuple[Predicate, ...]
    origin: Origin = None


class Or(LocatedValue, frozen=True):
    """Disjunction of terms. Without terms, it is never true."""

    terms: tuple[Predicate, ...]
    origin: Origin = None


class Not(LocatedValue, frozen=True):
    """Negation of a term. It is unknown if the term is unknown, as in SQL."""

    term: Predicate
    origin: Origin = None


class FieldComparison(LocatedValue, frozen=True):
    """Comparison of two fields of a record, such as `start < metadata.imaging_start_time`."""

    ref: Ref
    operator: FieldOp
    other: Ref
    origin: Origin = None


class FieldValue(msgspec.Struct, frozen=True):
    """The value of a field or metadata key. A metadata key has the type ANY. `many` marks a list."""

    ref: Ref
    type: Type
    unit: str = ""
    many: bool = False


class Constant(msgspec.Struct, frozen=True):
    """A constant, spelled as in AuroraX's JSON. A duration is a number of microseconds."""

    value: str
    type: Type
    unit: str = ""


class Reading(msgspec.Struct, frozen=True):
    """A metadata value read as a type. It is missing if it cannot be read."""

    value: FieldValue
    type: Type
    unit: str = ""


class Call(msgspec.Struct, frozen=True):
    """A function or a sign of arithmetic applied to its arguments, with the type and unit of the result."""

    function: str
    arguments: tuple[Scalar, ...]
    type: Type
    unit: str = ""
    distinct: bool = False


class Case(msgspec.Struct, frozen=True):
    """The value of the first branch whose predicate is true, else `otherwise`, else missing."""

    branches: tuple[tuple[Predicate, Scalar], ...]
    otherwise: Scalar | None
    type: Type
    unit: str = ""


class Truth(msgspec.Struct, frozen=True):
    """A predicate as a value: TRUE, FALSE or missing."""

    predicate: Predicate
    type: Type = Type.BOOLEAN
    unit: str = ""


Scalar = FieldValue | Constant | Reading | Call | Case | Truth
"""A value computed from a record, or from a group of records."""


class Condition(LocatedValue, frozen=True):
    """Comparison of a computed value with constants, or with another value (`right`).

    `escape` is the character of LIKE … ESCAPE. `negated` is NOT before the comparison. Requests cannot express it, so
    post-processing always evaluates it.
    """

    left: Scalar
    operator: Op
    values: tuple[str, ...] = ()
    right: Scalar | None = None
    escape: str = ""
    negated: bool = False
    origin: Origin = None


Predicate = Comparison | FieldComparison | Condition | And | Or | Not

EVERYTHING = And(())


class Column(LocatedValue, frozen=True):
    """Column of the result: a field, a metadata key, a function of all records of a group, or an expression.

    `function` is empty or one of `SIMPLE_AGGREGATES`. `ref` is None for `count(*)` and expressions. `bare` records that the path was
    written without its prefix (`platform`, not `data_source.platform`). It is False if both are the same.
    """

    ref: Ref | None
    alias: str = ""
    origin: Origin = None
    function: str = ""
    bare: bool = False
    expression: Scalar | None = None
    """The computed value of the column. `ref` is then None, and `function` is empty."""
    text: str = ""
    """The expression in canonical form, which names the column if it has no alias."""

    @property
    def is_aggregate(self) -> bool:
        """Whether the column is computed from all records of a group."""
        return bool(self.function) or (self.expression is not None and has_aggregate(self.expression))

    @property
    def is_computed(self) -> bool:
        """Whether the column is more than a field of the record."""
        return bool(self.function) or self.expression is not None

    @property
    def label(self) -> str:
        """Name of the column in the result: the alias, or the column as written."""
        if self.alias or self.text:
            return self.alias or self.text
        path = "*" if self.ref is None else self.ref.bare if self.bare else ".".join(self.ref.path)
        return f"{self.function}({path})" if self.function else path


def default_columns(leaves: Sequence[Field]) -> tuple[Column, ...]:
    """Return the columns of whole records with these fields. Names are bare, or dotted if two would be equal."""
    names = Counter(leaf.bare for leaf in leaves)
    return tuple(
        Column(Ref(leaf.role, leaf.name), bare=leaf.bare != leaf.name and names[leaf.bare] == 1 and not leaf.is_dotted)
        for leaf in leaves
    )


class OrderKey(LocatedValue, frozen=True):
    """Key of ORDER BY. Missing values come last unless `nulls_first`.

    A ref with the role `column` names a result column by its label, for example an aggregate. `expression` is a
    computed key; its ref has the role `column` and the text of the expression.
    """

    ref: Ref
    descending: bool = False
    nulls_first: bool = False
    origin: Origin = None
    expression: Scalar | None = None


GroupKey = Ref | Scalar
"""Key of GROUP BY: a field, or a computed value."""


class Block(LocatedValue, frozen=True):
    """Criteria block of conjunctions: a kind of `schema.BLOCKS` and a predicate on its ephemeris.

    `points` are the latitudes and longitudes, in degrees, of a location block.
    """

    uncompared: ClassVar[frozenset[str]] = frozenset(("alias",))

    kind: str
    where: Predicate = EVERYTHING
    points: tuple[tuple[Decimal, Decimal], ...] = ()
    alias: str = ""
    """The name of the block's column. It is not part of the search: AuroraX numbers the blocks."""


class Criteria(msgspec.Struct, frozen=True):
    """Criteria of conjunctions: blocks, maximum distances and conjunction types.

    The blocks are in the order of `schema.BLOCKS`. `distances` has one limit in km for each pair of blocks, in the
    order of `pairs`. None is any distance. `via` are names of `schema.kinds.conjunctions.TRACES`. An empty `via` is
    sent as an empty list, which AuroraX treats as the first type. `subminute` also finds epochs between whole minutes.
    """

    blocks: tuple[Block, ...]
    distances: tuple[Decimal | None, ...]
    via: tuple[str, ...] = (TRACES[0],)
    subminute: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the blocks, numbered by kind: ground1, ground2, space1, location1 …."""
        return block_names(block.kind for block in self.blocks)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Pairs of block indices."""
        return tuple(combinations(range(len(self.blocks)), 2))


def block_names(kinds: Iterable[str]) -> tuple[str, ...]:
    """Return the names of blocks of these kinds, numbered per kind in their order."""
    counts = Counter[str]()
    names = []
    for kind in kinds:
        counts[kind] += 1
        names.append(f"{kind}{counts[kind]}")
    return tuple(names)


Interval = tuple[datetime, datetime]
"""First and last time, both inclusive."""


MAX_WINDOWS = 32
"""Maximum number of windows for the intervals of one query. More are joined across the shortest gaps."""


def touched_days(interval: Interval, margin_days: timedelta) -> Interval:
    """Return the whole days that an interval touches, extended by `margin_days` at both ends."""
    first = datetime.combine(interval[0], time.min)
    last = datetime.combine(interval[1], time(23, 59, 59))
    # The margin is cut at the ends of the calendar.
    return first - min(margin_days, first - datetime.min), last + min(
        margin_days, datetime.max.replace(microsecond=0) - last
    )


def merge_touched_days(intervals: Iterable[Interval], margin: timedelta = timedelta()) -> tuple[Interval, ...]:
    """Return the `touched_days` of sorted intervals, with consecutive ones joined."""
    runs: list[Interval] = []
    for start, end in (touched_days(interval, margin) for interval in intervals):
        if runs and start - runs[-1][1] <= timedelta(seconds=1):
            runs[-1] = (runs[-1][0], max(end, runs[-1][1]))
        else:
            runs.append((start, end))
    return tuple(runs)


def merge_nearest_windows(windows: Sequence[Interval], max_windows: int) -> tuple[Interval, ...]:
    """Join sorted, disjoint windows across the shortest gaps until their number is within the maximum."""
    if len(windows) <= max_windows:
        return tuple(windows)
    gaps = [later[0] - earlier[1] for earlier, later in pairwise(windows)]
    longest = sorted(sorted(range(len(gaps)), key=gaps.__getitem__, reverse=True)[: max_windows - 1])
    firsts, lasts = [0, *(gap + 1 for gap in longest)], [*longest, len(windows) - 1]
    return tuple((windows[i][0], windows[j][1]) for i, j in zip(firsts, lasts, strict=True))


class UsingGroup(msgspec.Struct, frozen=True):
    """Group of result rows that have the same values in the fields of USING.

    `values` has one string per field, in the spelling of AuroraX's JSON. `intervals` are the times of the rows, sorted
    and disjoint.
    """

    values: tuple[str, ...]
    intervals: tuple[Interval, ...]


class Using(msgspec.Struct, frozen=True):
    """Condition of DURING … USING: a record overlaps an interval of a group, and has the group's values in `refs`."""

    refs: tuple[Ref, ...]
    groups: tuple[UsingGroup, ...]


class Query(LocatedValue, frozen=True):
    """Search in normal form.

    `start` and `end` are inclusive, in naive UTC and whole seconds. None is open. `select` is None for whole records,
    which AuroraX returns without a response_format. Only conjunctions have `criteria`. `during` restricts the search to
    records that overlap one of the sorted, disjoint intervals. An empty tuple finds nothing, and None does not
    restrict. With `using`, `during` has the intervals of all groups.
    """

    uncompared: ClassVar[frozenset[str]] = frozenset(("window_from",))

    kind: str
    where: Predicate = EVERYTHING
    start: datetime | None = None
    end: datetime | None = None
    select: tuple[Column, ...] | None = None
    order_by: tuple[OrderKey, ...] = ()
    limit: int | None = None
    offset: int = 0
    distinct: bool = False
    group_by: tuple[GroupKey, ...] = ()
    criteria: Criteria | None = None
    during: tuple[Interval, ...] | None = None
    using: Using | None = None
    window_from: tuple[str, ...] = ()
    """Descriptions of what set the bounds of the window: the window clause, or comparisons."""
    having: Predicate = EVERYTHING
    """The predicate on groups. Its values are group keys and aggregates."""

    @classmethod
    def build(cls, query: Query) -> Query:
        """Return the query in normal form."""
        criteria = query.criteria and _normalize_criteria(query.criteria)
        return _move_bounds_to_window(replace_value(query, where=normalize(query.where), criteria=criteria))

    @property
    def is_aggregate(self) -> bool:
        """Whether a result row is computed from several records."""
        return is_aggregate(self.group_by, self.select, self.having)

    @property
    def has_expressions(self) -> bool:
        """Whether a column or a sort key is an expression."""
        return has_expressions(self.select, self.order_by)

    @property
    def joined_names(self) -> tuple[str, ...]:
        """Dotted names of the fields to join from the archive's source list. The rows of a result have them already."""
        if self.kind not in KINDS:
            return ()
        return tuple(dict.fromkeys(ref.name for ref in self.refs if ref.role == "joined"))

    @property
    def refs(self) -> Iterator[Ref]:
        """References of the clauses of the query, possibly repeated. Those of conjunction criteria are not included."""
        for column in self.select or ():
            yield from column_refs(column)
        yield from collect_refs(self.where)
        for group_key in self.group_by:
            yield from key_refs(group_key)
        yield from collect_refs(self.having)
        for order_key in self.order_by:
            yield from order_refs(order_key)
        yield from self.using.refs if self.using is not None else ()

    @property
    def window(self) -> Window:
        """Time window of the query, without what comparisons of times in its predicate add."""
        return self.start, self.end

    @property
    def compares_times(self) -> bool:
        """Whether the predicate compares a time of the record, which may narrow the window."""
        kind = KINDS.get(self.kind)
        return kind is not None and any(is_time(ref, kind) for ref in collect_refs(self.where))

    @property
    def windows(self) -> tuple[tuple[datetime | None, datetime | None], ...]:
        """Time windows to search. Each record of the query is completely within one of them.

        Without intervals, this is the query's window. With intervals, it is the whole days that they touch, extended by
        the longest record of the kind, or the intervals themselves for records of a single moment. A window cuts
        conjunctions at its ends, so the windows are part of the meaning of the query.
        """
        if self.during is None:
            return (self.window,)
        margin = KINDS[self.kind].longest_record
        needed = merge_touched_days(self.during, margin) if margin else tuple(map(_round_outwards, self.during))
        inside = (
            _intersect_interval(self.start, self.end, *window) for window in merge_nearest_windows(needed, MAX_WINDOWS)
        )
        return tuple(window for window in inside if window is not None)


def is_aggregate(group_by: tuple[GroupKey, ...], select: tuple[Column, ...] | None, having: Predicate) -> bool:
    """Return whether a result row is computed from several records."""
    return bool(group_by) or any(column.is_aggregate for column in select or ()) or having != EVERYTHING


def has_expressions(select: tuple[Column, ...] | None, order_by: tuple[OrderKey, ...]) -> bool:
    """Return whether a column or a sort key is an expression."""
    return any(column.expression is not None for column in select or ()) or any(
        key.expression is not None for key in order_by
    )


def _round_outwards(interval: Interval) -> Interval:
    """Return the interval extended to whole seconds."""
    first, last = interval
    upper = last.replace(microsecond=0)
    return first.replace(microsecond=0), upper if upper == last else upper + timedelta(seconds=1)


def _intersect_interval(
    start: datetime | None, end: datetime | None, first: datetime, last: datetime
) -> Interval | None:
    """Return the intersection of a window, which may be open, and an interval. Return None if it is empty."""
    first = first if start is None else max(first, start)
    last = last if end is None else min(last, end)
    return (first, last) if first <= last else None


CLAUSE = "the window clause"
"""Description of a window clause in `Query.window_from`."""

Window = tuple[datetime | None, datetime | None]
"""Bounds of a window, both inclusive. None is open."""


def _move_bounds_to_window(query: Query) -> Query:
    """Move the terms of the outermost AND that are bounds of the window from the predicate to the window."""
    kind = KINDS.get(query.kind)
    if kind is None or not any(declared.bound for declared in kind.fields):
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
        names += [ref.name for ref in collect_refs(term)]
    if not names or (start is not None and end is not None and start > end):
        return query
    where = rest[0] if len(rest) == 1 else And(tuple(rest), query.where.origin)
    origins = tuple(dict.fromkeys((*query.window_from, *(f"WHERE {name}" for name in names))))
    return replace_value(query, where=where, start=start, end=end, window_from=origins)


def intersect(a: Window, b: Window) -> Window:
    """Return the intersection of two windows. It ends before it starts if it is empty."""
    starts, ends = ([bound for bound in pair if bound is not None] for pair in zip(a, b, strict=True))
    return max(starts, default=None), min(ends, default=None)


def window_of_comparison(term: Predicate, kind: Kind) -> Window | None:
    """Return the window, in whole seconds, that is equivalent to a comparison of a time. Return None for others.

    Records start and end at whole seconds. A window contains whole products, so only a minimum of the start and a
    maximum of the end are bounds of it.
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
    """Round a window inwards to whole seconds. Return None if its start is after the last second of year 9999."""
    try:
        return limits[0] and round_up_to_second(limits[0]), limits[1] and limits[1].replace(microsecond=0)
    except TimeError:
        return None


def time_limits(leaf: Comparison) -> Window | None:
    """Return the first and last time that match a comparison of a time. Return None if they are not one interval."""
    spans = [span for value in leaf.values if (span := _interval_ends(value)) is not None]
    if not spans or len(spans) < len(leaf.values) or (leaf.operator == Op.IN and len(spans) > 1):
        return None
    try:
        return _limits(leaf.operator, spans[0], spans[-1][1])
    except TimeError:
        return None


def _limits(operator: Op, value: Interval, last: datetime) -> Window | None:
    """Return the times that a comparison with an interval allows. `last` is the last time of its last value."""
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
    """Return the first and last time of a value of a query. Return None for a string that is not a time."""
    span = read_span(value)
    if span is not None:
        return span
    instant = read_full_date(value)
    return None if instant is None else (instant.first, instant.first)


def _normalize_criteria(criteria: Criteria) -> Criteria:
    """Sort the blocks by kind, keeping their order within a kind, and reorder the distances accordingly."""
    order = sorted(range(len(criteria.blocks)), key=lambda at: _BLOCK_ORDER.index(criteria.blocks[at].kind))
    limits = {frozenset(pair): limit for pair, limit in zip(criteria.pairs, criteria.distances, strict=True)}
    distances = (limits[frozenset((order[i], order[j]))] for i, j in criteria.pairs)
    blocks = tuple(_normalize_block(criteria.blocks[at]) for at in order)
    return replace_value(
        criteria, blocks=blocks, distances=tuple(None if d is None else _canonical_number(d) for d in distances)
    )


def _normalize_block(block: Block) -> Block:
    """Normalize a block. A block of events without a program gets that of event lists, as pyaurorax sends it."""
    where = normalize(block.where)
    if block.kind == "events" and not any(_names_program(term) for term in split_conjuncts(where)):
        where = normalize(And((EVENTS_ONLY, *split_conjuncts(where)), block.where.origin))
    return replace_value(
        block, where=where, points=tuple((_canonical_number(lat), _canonical_number(lon)) for lat, lon in block.points)
    )


def _names_program(term: Predicate) -> bool:
    return isinstance(term, Comparison) and term.ref == EVENTS_ONLY.ref and _is_list(term)


EVENTS_ONLY = Comparison(Ref("source", "data_source.program"), Op.EQ, (EVENTS_PROGRAM,), True)
"""Default predicate of a block of events."""


def _canonical_number(number: Decimal) -> Decimal:
    """Return the canonical form of a number, rounded to 10 decimals, which is finer than any measurement."""
    return round(number, 10).normalize() + 0


_BLOCK_ORDER = tuple(BLOCKS)


def normalize(predicate: Predicate) -> Predicate:
    """Return the predicate in normal form (see the module docstring). The function is idempotent."""
    flat = _flatten(_push_not(predicate, negate=False))
    terms = flat.terms if isinstance(flat, And) else (flat,)
    merged = _intersect_lists(terms)
    merged.sort(key=_sort_key)
    return merged[0] if len(merged) == 1 else And(tuple(merged), predicate.origin)


def split_conjuncts(predicate: Predicate) -> tuple[Predicate, ...]:
    """Return the terms of the outermost AND. Any other predicate is its own single term."""
    return predicate.terms if isinstance(predicate, And) else (predicate,)


def is_time(ref: Ref, kind: Kind) -> bool:
    """Return whether a reference is a time field of the record."""
    declared = kind.field(ref.name) if ref.role == "record" else None
    return declared is not None and declared.type is Type.TIME and not kind.is_listed(ref.path)


def collect_refs(predicate: Predicate | None) -> tuple[Ref, ...]:
    """Return the distinct references of a predicate."""
    match predicate:
        case Comparison(ref):
            return (ref,)
        case FieldComparison(ref, _, other):
            return (ref, other)
        case Condition(left, right=right):
            return tuple(dict.fromkeys((*scalar_refs(left), *scalar_refs(right))))
        case And(terms) | Or(terms):
            return tuple(dict.fromkeys(ref for term in terms for ref in collect_refs(term)))
        case Not(term):
            return collect_refs(term)
        case None:
            return ()


def has_conditions(predicate: Predicate) -> bool:
    """Return whether a predicate compares a computed value."""
    match predicate:
        case Condition():
            return True
        case And(terms) | Or(terms):
            return any(map(has_conditions, terms))
        case Not(term):
            return has_conditions(term)
        case Comparison() | FieldComparison():
            return False


def scalar_refs(scalar: Scalar | None) -> tuple[Ref, ...]:
    """Return the distinct references of a value."""
    match scalar:
        case FieldValue(ref):
            return (ref,)
        case Reading(value):
            return (value.ref,)
        case Call(_, arguments):
            return tuple(dict.fromkeys(ref for argument in arguments for ref in scalar_refs(argument)))
        case Case(branches, otherwise):
            refs = (ref for test, value in branches for ref in (*collect_refs(test), *scalar_refs(value)))
            return tuple(dict.fromkeys((*refs, *scalar_refs(otherwise))))
        case Truth(predicate):
            return collect_refs(predicate)
        case Constant() | None:
            return ()


def key_refs(key: GroupKey) -> tuple[Ref, ...]:
    """Return the distinct references of a key of GROUP BY."""
    return (key,) if isinstance(key, Ref) else scalar_refs(key)


def column_refs(column: Column) -> tuple[Ref, ...]:
    """Return the distinct references of a column."""
    return scalar_refs(column.expression) if column.ref is None else (column.ref,)


def order_refs(key: OrderKey) -> tuple[Ref, ...]:
    """Return the distinct fields of a sort key. A key that names a column has none."""
    if key.expression is not None:
        return scalar_refs(key.expression)
    return () if key.ref.role == "column" else (key.ref,)


def has_aggregate(scalar: Scalar | None) -> bool:
    """Return whether a value is computed from all records of a group."""
    match scalar:
        case Call(function, arguments):
            return function in AGGREGATES or any(map(has_aggregate, arguments))
        case Case(branches, otherwise):
            return has_aggregate(otherwise) or any(
                predicate_has_aggregate(test) or has_aggregate(value) for test, value in branches
            )
        case Truth(predicate):
            return predicate_has_aggregate(predicate)
        case FieldValue() | Reading() | Constant() | None:
            return False


def predicate_has_aggregate(predicate: Predicate) -> bool:
    """Return whether a predicate contains an aggregate."""
    match predicate:
        case Condition(left, right=right):
            return has_aggregate(left) or has_aggregate(right)
        case And(terms) | Or(terms):
            return any(map(predicate_has_aggregate, terms))
        case Not(term):
            return predicate_has_aggregate(term)
        case Comparison() | FieldComparison():
            return False


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
            return replace_value(predicate, operator=negation) if negate else predicate
        case Condition():
            return replace_value(predicate, negated=not predicate.negated) if negate else predicate


def _negate(leaf: Comparison) -> Comparison:
    return replace_value(leaf, operator=OPERATORS[leaf.operator].negation)


def _expand_not_between(leaf: Comparison) -> Predicate:
    """Rewrite NOT BETWEEN to `<` OR `>`, because AuroraX does not have it."""
    if leaf.operator != Op.NOT_BETWEEN:
        return leaf
    low, high = leaf.values
    below, above = (
        replace_value(leaf, operator=Op.LT, values=(low,)),
        replace_value(leaf, operator=Op.GT, values=(high,)),
    )
    return Or((below, above), leaf.origin)


def _expand_interval_equality(leaf: Predicate) -> Predicate:
    """Rewrite equality with a time interval to BETWEEN. `!=` is only rewritten if no literal names the interval."""
    if not isinstance(leaf, Comparison) or leaf.operator not in (Op.EQ, Op.NE):
        return leaf
    span = read_span(leaf.values[0])
    if span is None or (leaf.operator == Op.NE and literal_of(*span)):
        return leaf
    operator = Op.BETWEEN if leaf.operator == Op.EQ else Op.NOT_BETWEEN
    return _expand_not_between(replace_value(leaf, operator=operator, values=tuple(map(write_instant, span))))


def _flatten(predicate: Predicate) -> Predicate:
    match predicate:
        case Comparison():
            single = predicate.listed and predicate.operator == Op.IN and len(predicate.values) == 1
            return replace_value(predicate, operator=Op.EQ) if single else predicate
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
    # FALSE decides an AND, and TRUE decides an OR, also if another term is unknown.
    decisive = Or if group is And else And
    decided = next((term for term in flat if isinstance(term, decisive) and not term.terms), None)
    if decided is not None:
        return decided
    if group is Or:
        flat = _union_lists(flat)
    return flat[0] if len(flat) == 1 else group(tuple(flat), origin)


def _is_list(term: Predicate) -> bool:
    return isinstance(term, Comparison) and term.listed and term.operator in (Op.EQ, Op.IN)


def _make_list(leaf: Comparison, values: tuple[str, ...]) -> Comparison:
    return replace_value(leaf, operator=Op.EQ if len(values) == 1 else Op.IN, values=values)


def _union_lists(terms: list[Predicate]) -> list[Predicate]:
    """Join an OR of lists of one field, such as `program = 'a' OR program = 'b'`, to one list."""
    first = terms[0] if terms else None
    if len(terms) < 2 or not isinstance(first, Comparison) or not all(map(_is_list, terms)):
        return terms
    leaves = [t for t in terms if isinstance(t, Comparison)]
    if any(leaf.ref != first.ref for leaf in leaves):
        return terms
    values = tuple(dict.fromkeys(v for leaf in leaves for v in leaf.values))
    return [_make_list(first, values)]


def _intersect_lists(terms: tuple[Predicate, ...]) -> list[Predicate]:
    """Intersect the lists of one field in an AND. Disjoint lists stay, so that the planner can warn about them."""
    merged: list[Predicate] = []
    positions: dict[Ref, int] = {}
    for term in terms:
        if not isinstance(term, Comparison) or not _is_list(term):
            merged.append(term)
            continue
        at = positions.get(term.ref)
        earlier = merged[at] if at is not None else None
        common = tuple(v for v in earlier.values if v in term.values) if isinstance(earlier, Comparison) else ()
        if at is not None and isinstance(earlier, Comparison) and common:
            merged[at] = _make_list(earlier, common)
        else:
            positions.setdefault(term.ref, len(merged))
            merged.append(term)
    return merged


_SOURCE_ORDER = ("data_source.program", "data_source.platform", "data_source.instrument_type")


def _sort_key(term: Predicate) -> int:
    """Return the rank of a term of the outermost AND. The sort is stable, so terms of equal rank keep their order."""
    leaf = term
    while not isinstance(leaf, Comparison | FieldComparison):
        if isinstance(leaf, Condition):
            return 7
        if isinstance(leaf, Not):
            leaf = leaf.term
        elif leaf.terms:
            leaf = leaf.terms[0]
        else:
            return 9
    if leaf.ref.name in _SOURCE_ORDER and leaf.ref.role == "source":
        return _SOURCE_ORDER.index(leaf.ref.name)
    return {"source": 3, "joined": 3, "record": 4, "block": 4, "metadata": 5, "column": 6}[leaf.ref.role]
