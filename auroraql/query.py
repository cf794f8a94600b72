"""The waist of the house: what a search means, frozen and comparable, in normal form.

A `Query` is made through `Query.of`, which brings it to normal form, so that two ways of writing
one search are equal values. Where things were written (`origin`) takes no part in equality.

Normal form of the predicate: NOT stands at the leaves only (as `!=`, `not in` …); AND and OR are
flat and have at least two terms; several lists of one listed field (program …) are one list, as
AuroraX has one list for each; a list of one value of such a field is `=`; the terms of the outermost
AND follow the order of the query JSON: programs, platforms, instrument types, other fields, metadata.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from auroraql.errors import Origin
from auroraql.schema.model import Role
from auroraql.schema.operators import OPERATORS

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


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field compared with values; `values` are strings as AuroraX is sent them, `operator` a schema name.

    `listed` marks a field that AuroraX filters by a list of its own (programs …, product types).
    """

    ref: Ref
    operator: str
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


Predicate = Comparison | And | Or | Not

EVERYTHING = And(())


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the result: a field, or a metadata key, under `label`; `star` when `*` brought it."""

    ref: Ref
    alias: str = ""
    origin: Origin = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """The column's name in the result: the alias, or the dotted path."""
        return self.alias or ".".join(self.ref.path)


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One key of ORDER BY; missing values come last unless `nulls_first`."""

    ref: Ref
    descending: bool = False
    nulls_first: bool = False
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Query:
    """A search as it is meant. `start` and `end` are inclusive, naive UTC, whole seconds; None is open.

    `select` None means the whole record, as AuroraX answers without a response_format.
    """

    kind: str
    where: Predicate = EVERYTHING
    start: datetime | None = None
    end: datetime | None = None
    select: tuple[Column, ...] | None = None
    order_by: tuple[OrderKey, ...] = ()
    limit: int | None = None
    offset: int = 0

    @classmethod
    def of(cls, query: Query) -> Query:
        """The query in normal form."""
        return replace(query, where=normalise(query.where))


def normalise(predicate: Predicate) -> Predicate:
    """The predicate in normal form (see the module's head); idempotent."""
    flat = _flatten(_push_not(predicate, negate=False))
    terms = flat.terms if isinstance(flat, And) else (flat,)
    merged = _merge_lists(terms)
    merged.sort(key=_place)
    return merged[0] if len(merged) == 1 else And(tuple(merged), predicate.origin)


def conjuncts(predicate: Predicate) -> tuple[Predicate, ...]:
    """The terms of the outermost AND; a single predicate is its own."""
    return predicate.terms if isinstance(predicate, And) else (predicate,)


def _push_not(predicate: Predicate, *, negate: bool) -> Predicate:
    match predicate:
        case Not(term):
            return _push_not(term, negate=not negate)
        case And(terms, origin):
            inner = tuple(_push_not(t, negate=negate) for t in terms)
            return Or(inner, origin) if negate else And(inner, origin)
        case Or(terms, origin):
            inner = tuple(_push_not(t, negate=negate) for t in terms)
            return And(inner, origin) if negate else Or(inner, origin)
        case Comparison():
            return _open_range(_negated(predicate) if negate else predicate)


def _negated(leaf: Comparison) -> Comparison:
    return replace(leaf, operator=OPERATORS[leaf.operator].negation)


def _open_range(leaf: Comparison) -> Predicate:
    """AuroraX has no `not between`: outside a range is below it or above it."""
    if leaf.operator != "not between":
        return leaf
    low, high = leaf.values
    below, above = replace(leaf, operator="<", values=(low,)), replace(leaf, operator=">", values=(high,))
    return Or((below, above), leaf.origin)


def _flatten(predicate: Predicate) -> Predicate:
    match predicate:
        case And(terms, origin):
            return _group(And, (_flatten(t) for t in terms), origin)
        case Or(terms, origin):
            return _group(Or, (_flatten(t) for t in terms), origin)
        case Comparison(operator="in", values=(_,), listed=True):
            return replace(predicate, operator="=")
        case _:
            return predicate


def _group(group: type[And] | type[Or], terms: object, origin: Origin) -> Predicate:
    flat: list[Predicate] = []
    for term in terms:  # type: ignore[attr-defined]
        flat.extend(term.terms if isinstance(term, group) else (term,))
    if group is Or:
        flat = _unite_lists(flat)
    return flat[0] if len(flat) == 1 else group(tuple(flat), origin)


def _is_list(term: Predicate) -> bool:
    return isinstance(term, Comparison) and term.listed and term.operator in ("=", "in")


def _listing(leaf: Comparison, values: tuple[str, ...]) -> Comparison:
    return replace(leaf, operator="=" if len(values) == 1 else "in", values=values)


def _unite_lists(terms: list[Predicate]) -> list[Predicate]:
    """`program = 'a' OR program = 'b'` is one list; only when nothing else is OR'd, to stay readable."""
    first = terms[0] if terms else None
    if len(terms) < 2 or not isinstance(first, Comparison) or not all(map(_is_list, terms)):
        return terms
    leaves = [t for t in terms if isinstance(t, Comparison)]
    if any(leaf.ref != first.ref for leaf in leaves):
        return terms
    values = tuple(dict.fromkeys(v for leaf in leaves for v in leaf.values))
    return [_listing(first, values)]


def _merge_lists(terms: tuple[Predicate, ...]) -> list[Predicate]:
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
            kept[at] = _listing(earlier, common)
        else:
            places.setdefault(term.ref, len(kept))
            kept.append(term)
    return kept


_SOURCE_ORDER = ("data_source.program", "data_source.platform", "data_source.instrument_type")


def _place(term: Predicate) -> int:
    """Where a term of the outermost AND stands; the sort is stable, so equals keep their order."""
    leaf = term
    while not isinstance(leaf, Comparison):
        if isinstance(leaf, Not):
            leaf = leaf.term
        elif leaf.terms:
            leaf = leaf.terms[0]
        else:
            return 9
    if leaf.ref.name in _SOURCE_ORDER and leaf.ref.role == "source":
        return _SOURCE_ORDER.index(leaf.ref.name)
    return {"source": 3, "record": 4, "metadata": 5}[leaf.ref.role]
