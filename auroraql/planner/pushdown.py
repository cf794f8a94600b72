"""Pushdown: express a predicate in one native request, by lists of fields and one flat group of metadata filters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeGuard

from auroraql.diagnostics.errors import Diagnostic, Origin
from auroraql.ir.plan import Expression, FilterGroup, Request, record_kind
from auroraql.ir.query import (
    Comparison,
    Or,
    Predicate,
    Query,
    Ref,
    Tree,
    collect_refs,
    column_refs,
    key_refs,
    order_refs,
    split_conjuncts,
)
from auroraql.ir.times import read_full_date, read_span
from auroraql.schema import Field, Kind
from auroraql.schema.catalogue import Catalogue, is_time_key
from auroraql.schema.kinds.conjunctions import SOURCES_FIELD
from auroraql.schema.operators import OPERATORS, Op
from auroraql.schema.source_fields import IDENTIFIER

MAX_REQUESTS = 32
"""Maximum number of requests. A query that needs more gets fewer, wider requests and post-processing."""


@dataclass
class NativeRequest:
    """Parts of one request for a kind or a block. `fits` is true if the request expresses the whole predicate."""

    kind: Kind
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    """Positions of the lists in the statement."""
    expressions: list[Expression] = field(default_factory=list)
    groups: list[Or] = field(default_factory=list)
    fits: bool = True
    impossible: Diagnostic | None = None

    @classmethod
    def build(cls, where: Predicate, kind: Kind) -> NativeRequest:
        """Collect the terms of a predicate on the records of a kind, or on the sources of a block."""
        native = cls(kind)
        for term in split_conjuncts(where):
            native._add(term)
        # AuroraX has one flat filter group: an OR cannot be combined with other filters.
        native.fits = native.fits and not native.groups[1:] and not (native.groups and native.expressions)
        return native

    def request(self, query: Query) -> Request:
        """Return the request of a query whose predicate fits."""
        lists = tuple(self.lists.items())
        return Request(query.kind, lists, self.filters(), query.start, query.end, response_format(query))

    def _add(self, term: Predicate) -> None:
        if is_list_term(term):
            self._add_list(term)
        elif is_filter_term(term):
            self.expressions.append(to_filter_expression(term, self.kind))
        elif isinstance(term, Or) and term.terms and all(map(is_filter_term, term.terms)):
            self.groups.append(term)
        else:
            self.fits = False

    def _add_list(self, term: Comparison) -> None:
        bare = list_name(term, self.kind)
        if bare in self.lists:
            message = f"no record has two values of '{bare}': this finds nothing"
            self.impossible = Diagnostic("AQL0606", message, term.origin, "not an earlier value", severity="warning")
        self.lists[bare] = term.values
        if term.origin is not None:
            self.origins[bare] = term.origin

    def unmatched_values(self, catalogue: Catalogue, block: str = "", types: tuple[str, ...] = ()) -> Diagnostic | None:
        """Return a warning if each value is known, but no data source has them together.

        For example, gillam is a platform, but not one of swarm. `types` are the source types that a block takes.
        """
        known_lists = {name: values for name, values in self.lists.items() if catalogue.values(name)}
        required = {**known_lists, "source_type": types} if types else known_lists
        all_exist = all(catalogue.has_source({name: values}) for name, values in known_lists.items())
        if len(required) < 2 or not all_exist or catalogue.has_source(required):
            return None
        programs = known_lists.get("program", ())
        others = [name for name in required if name != "program"]
        unmatched = (n for n in others if programs and not catalogue.has_source({"program": programs, n: required[n]}))
        mismatched = next(unmatched, others[-1])
        shown = " and ".join(
            f"{name} {' or '.join(repr(v) for v in values[:3])}" for name, values in known_lists.items()
        )
        available = catalogue.values_of(mismatched, programs)
        listed = f"{', '.join(available[:8])}{'…' if len(available) > 8 else ''}"
        return Diagnostic(
            "AQL0606",
            f"no {block} data source is known with {shown}".replace("  ", " "),
            self.origins.get(mismatched, self.origins.get("program")),
            "none together" if len(known_lists) > 1 else "no such source",
            f"the {mismatched}s of {' and '.join(programs[:3])} are {listed}" if available else "",
            severity="warning",
        )

    def filters(self) -> FilterGroup:
        """Return the metadata filter group of a predicate that fits."""
        if not self.groups:
            return FilterGroup(tuple(self.expressions))
        terms = [term for term in self.groups[0].terms if isinstance(term, Comparison)]
        return FilterGroup(tuple(to_filter_expression(term, self.kind) for term in terms), "OR")


def is_list_term(term: Predicate) -> TypeGuard[Comparison]:
    """Return whether a list of the request expresses the term."""
    return isinstance(term, Comparison) and term.listed and term.operator in (Op.EQ, Op.IN)


def is_filter_term(term: Predicate) -> TypeGuard[Comparison]:
    """Return whether a metadata filter expresses the term. Filters cannot compare with an interval of time."""
    if not isinstance(term, Comparison) or term.ref.role != "metadata" or not OPERATORS[term.operator].wire:
        return False
    return not any(read_span(value) for value in term.values if "/" in value)


def to_filter_expression(term: Comparison, kind: Kind) -> Expression:
    """Return the metadata filter of a comparison."""
    values = _comparable_time_values(term, kind) or term.values
    return Expression(term.ref.name, term.operator, values, term.origin)


def _comparable_time_values(term: Comparison, kind: Kind) -> tuple[str, ...] | None:
    """Spell times so that they compare equally as times and as text. Return None if the values are not times.

    A lower bound is written without trailing zeros, and any other time with six digits, as in records.
    """
    if not any("T" in value for value in term.values):
        return None
    moments = [read_full_date(value) if len(value) >= _SECONDS else None for value in term.values]
    if not any(moments):
        return None
    is_known = is_time_key(kind, term.ref.name)
    operator = OPERATORS[term.operator]
    lower = [limit == "first" for limit in operator.limits_of(len(moments))]
    rows = zip(term.values, moments, lower, strict=True)
    return tuple(value if time is None else _spell_time(value, time.first, low, is_known) for value, time, low in rows)


_SECONDS = len("2020-01-01T00:00:00")


def _spell_time(value: str, time: datetime, low: bool, is_known: bool) -> str:
    if is_known:
        return value if low else time.isoformat(timespec="microseconds")
    # An undeclared key may contain dates.
    return value[:10] if low and value[10:] == "T00:00:00" else value


def list_name(term: Comparison, kind: Kind) -> str:
    """Return the name of the list that a comparison fills."""
    declared = kind.field(term.ref.name)
    return declared.bare if declared is not None else term.ref.name


def response_format(query: Query, also: tuple[Ref, ...] = ()) -> Tree | None:
    """Return the parts of a record that a query needs, as AuroraX's response_format. None is the whole record.

    `also` are the fields that post-processing needs.
    """
    if query.select is None:
        return None
    kind = record_kind(query)
    selected = (ref for column in query.select for ref in column_refs(column))
    grouped = (ref for key in query.group_by for ref in key_refs(key))
    ordered = (ref for key in query.order_by for ref in order_refs(key))
    span = (Ref(field.role, field.name) for field in kind.span) if query.during is not None else ()
    using = query.using.refs if query.using is not None else ()
    tree: Tree = {}
    for ref in (*selected, *grouped, *collect_refs(query.having), *ordered, *span, *using, *also):
        _add_to_tree(tree, ref, kind)
    # Counting needs at least one field of each record.
    return tree or {kind.fields[0].path[0]: True}


def _add_to_tree(tree: Tree, ref: Ref, kind: Kind) -> None:
    if ref.role == "metadata":
        tree["metadata"] = True
        return
    if ref.role == "joined":
        ref = Ref("source", ".".join(IDENTIFIER))
    # A block's source is found among all sources of the record.
    declared = kind.field(ref.name if ref.role != "block" else SOURCES_FIELD)
    for *above, last in _leaf_paths(declared) if declared is not None else [ref.path]:
        inner = tree
        for step in above:
            deeper = inner.setdefault(step, {})
            assert isinstance(deeper, dict), "a leaf has no members"  # noqa: S101
            inner = deeper
        inner[last] = True


def _leaf_paths(field: Field) -> Iterator[tuple[str, ...]]:
    """Yield the paths of the leaves of a field. A field that is not an object is its own leaf."""
    if not field.members:
        yield field.path
    for member in field.members:
        yield from _leaf_paths(member)
