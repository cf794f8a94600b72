"""DNF planner: plan queries that do not fit one request by the branches of their disjunctive normal form.

Each branch becomes one request per box of sources. The requests fetch a superset of the query's records: a request
omits whatever it cannot express, and `rest` is then the whole predicate, which post-processing applies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import reduce
from itertools import product

from auroraql.diagnostics.errors import Diagnostic, replace_value
from auroraql.ir.plan import NO_FILTERS, FilterGroup, Request
from auroraql.ir.query import (
    And,
    Comparison,
    Condition,
    FieldComparison,
    Or,
    Predicate,
    Query,
    Ref,
    Window,
    collect_refs,
    normalize,
    split_conjuncts,
    window_of_comparison,
)
from auroraql.ir.source_evaluation import is_source_predicate
from auroraql.ir.times import SECOND, read_span
from auroraql.ir.window_inference import narrow_window
from auroraql.planner.pushdown import (
    MAX_REQUESTS,
    is_filter_term,
    is_list_term,
    list_name,
    response_format,
    to_filter_expression,
)
from auroraql.planner.source_cover import Box, find_cover
from auroraql.planner.source_predicates import SourcePredicates
from auroraql.schema import KINDS, Kind
from auroraql.schema.catalogue import DataSource
from auroraql.schema.operators import Op

Leaf = Comparison | FieldComparison | Condition

Branch = tuple[Leaf, ...]
"""Comparisons joined by AND."""


class DnfPlanner:
    """Planner of one query. `requests` sets `rest` and `warnings`."""

    def __init__(self, query: Query, sources: Sequence[DataSource]) -> None:
        self.query, self.sources = query, sources
        self.kind = KINDS[query.kind]
        self.truths = SourcePredicates.for_sources(sources)
        self.rest: Predicate | None = None
        self.warnings: list[Diagnostic] = []
        self.used_sources = False
        """Whether the requests depend on the list of sources. They then miss sources that are not in the list."""

    def requests(self) -> tuple[Request, ...]:
        """Return the requests without duplicates."""
        branches = self._branches()
        merged = None
        if branches is not None:
            merged = merge_request_windows(request for branch in branches for request in self._branch_requests(branch))
        if merged is None or len(merged) > MAX_REQUESTS:
            merged = self._superset_request()
        if not merged:
            self._warn_of_no_match()
        requests = tuple(dict.fromkeys(merged))
        if self.rest is None:
            return requests
        also = collect_refs(self.query.where)
        return tuple(self._request(r.lists, r.filters, (r.start, r.end), also) for r in requests)

    def check(self) -> list[Diagnostic]:
        """Return the warnings of `requests` without planning the requests."""
        branches = self._branches()
        if self.truths.has_possible(self.query.where):
            if branches is None or any(self._has_request(branch) for branch in branches):
                return []
            self._warn_of_no_match()
        else:
            self.requests()
        return self.warnings

    def _has_request(self, branch: Branch) -> bool:
        """Return whether a branch has a request: its lists and some source can match."""
        if _record_list_values(branch, self.kind) is None:
            return False
        return _is_list_only(branch) or self.truths.has_certain(And(branch))

    def _branches(self) -> list[Branch] | None:
        """Return the branches of the predicate, or None if there are too many."""
        where = _expand_time_lists(self.query.where, self.kind)
        if count_branches(where) > MAX_REQUESTS * 4:
            return None
        return list(dict.fromkeys(expand_branches(where)))

    def _branch_requests(self, branch: Branch) -> list[Request]:
        """Return the requests of one branch. Return none if no source can match it."""
        lists = _record_list_values(branch, self.kind)
        window = narrow_window(self.query, And(branch))
        if lists is None or window is None:
            return []
        filters = tuple(to_filter_expression(leaf, self.kind) for leaf in branch if is_filter_term(leaf))
        if not all(self._is_pushed_down(leaf) for leaf in branch):
            self.rest = self.query.where
        return [self._request((*box, *lists), FilterGroup(filters), window) for box in self._source_boxes(branch)]

    def _is_pushed_down(self, leaf: Leaf) -> bool:
        """Return whether a request expresses a comparison by a filter, a list, its sources or its window."""
        if is_filter_term(leaf) or is_list_term(leaf) or is_source_predicate(leaf):
            return True
        return window_of_comparison(leaf, self.kind) is not None

    def _source_boxes(self, branch: Branch) -> Sequence[Box]:
        """Return the boxes of sources of a branch.

        Lists in the statement are used unchanged, because the archive may have sources that are not in our list.
        """
        if _is_list_only(branch):
            lists = [leaf for leaf in branch if is_source_predicate(leaf) and is_list_term(leaf)]
            return [tuple((list_name(leaf, self.kind), leaf.values) for leaf in lists)]
        self.used_sources = True
        return self._covering_boxes(self.truths.certain_sources(And(branch)))

    def _covering_boxes(self, chosen: Sequence[DataSource]) -> Sequence[Box]:
        if not chosen:
            return []
        cover = find_cover(chosen, self.sources)
        if not cover.exact:
            self.rest = self.query.where
        return cover.boxes

    def _superset_request(self) -> list[Request]:
        """Return a request for all sources that a record of the query may have, without filters."""
        self.rest = self.query.where
        boxes = self._covering_boxes(self.truths.possible_sources(self.query.where))
        self.used_sources = any(boxes)
        window = narrow_window(self.query)
        return [] if window is None else [self._request(box, NO_FILTERS, window) for box in boxes]

    def _request(self, lists: Box, filters: FilterGroup, window: Window, also: tuple[Ref, ...] = ()) -> Request:
        query = self.query
        return Request(query.kind, lists, filters, *window, response_format(query, also))

    def _warn_of_no_match(self) -> None:
        self.rest = None
        never = next((term for term in split_conjuncts(self.query.where) if term == Or(())), None)
        message, label = "no data source can match: this finds nothing", "no matching source"
        if never is not None:
            message, label = "the condition is never true: this finds nothing", "never true"
        origin = self.query.where.origin if never is None or never.origin is None else never.origin
        self.warnings.append(Diagnostic("AQL0606", message, origin, label, severity="warning"))


def count_branches(predicate: Predicate) -> int:
    """Return the number of branches of a predicate in normal form."""
    match predicate:
        case Or(terms):
            return sum(map(count_branches, terms))
        case And(terms):
            return reduce(lambda total, term: min(total * count_branches(term), 10**9), terms, 1)
        case _:
            return 1


def expand_branches(predicate: Predicate) -> list[Branch]:
    """Return the branches of a predicate in normal form, which are joined by OR."""
    match predicate:
        case Comparison() | FieldComparison() | Condition():
            return [(predicate,)]
        case Or(terms):
            return [branch for term in terms for branch in expand_branches(term)]
        case And(terms):
            return [tuple(leaf for part in parts for leaf in part) for parts in product(*map(expand_branches, terms))]
        case _:
            raise AssertionError("the normal form has NOT at the leaves only")


def _expand_time_lists(predicate: Predicate, kind: Kind) -> Predicate:
    """Expand lists of times and intervals to OR, because each value becomes its own window or filter."""
    match predicate:
        case And(terms) | Or(terms):
            return normalize(replace_value(predicate, terms=tuple(_expand_time_lists(term, kind) for term in terms)))
        case Comparison(operator=Op.IN) if _is_window_list(predicate, kind):
            return normalize(
                Or(tuple(replace_value(predicate, operator=Op.EQ, values=(value,)) for value in predicate.values))
            )
        case _:
            return predicate


def _is_window_list(leaf: Comparison, kind: Kind) -> bool:
    if leaf.ref.role == "metadata":
        return any(read_span(value) is not None for value in leaf.values if "/" in value)
    declared = kind.field(leaf.ref.name) if leaf.ref.role == "record" else None
    return declared is not None and declared.bound == "both"


def merge_request_windows(requests: Iterable[Request]) -> list[Request]:
    """Join requests that differ only by their windows, if these overlap or are consecutive.

    Requests for records that span time are not joined: a record across the edge of two windows is in neither.
    """
    merged: list[Request] = []
    for request in sorted(dict.fromkeys(requests), key=lambda r: r.start or datetime.min):
        index = next((n for n, earlier in enumerate(merged) if _extends_window(earlier, request)), None)
        if index is None:
            merged.append(request)
        else:
            ends = (merged[index].end, request.end)
            merged[index] = replace(merged[index], end=None if None in ends else max(end for end in ends if end))
    return merged


def _extends_window(earlier: Request, later: Request) -> bool:
    """Return whether a request equals an earlier one but for a window that starts in or just after that one's."""
    if KINDS[later.kind].longest_record or replace(later, start=earlier.start, end=earlier.end) != earlier:
        return False
    return earlier.end is None or later.start is None or later.start - earlier.end <= SECOND


def _is_list_only(branch: Branch) -> bool:
    """Return whether a branch restricts sources only by lists, with at most one list per field."""
    on_sources = [leaf for leaf in branch if is_source_predicate(leaf)]
    lists = [leaf for leaf in on_sources if is_list_term(leaf)]
    return len(lists) == len(on_sources) == len({leaf.ref for leaf in lists})


def _record_list_values(branch: Branch, kind: Kind) -> Box | None:
    """Return the lists on record fields, such as product types. Return None if two lists exclude each other."""
    lists: dict[str, tuple[str, ...]] = {}
    for leaf in branch:
        if is_list_term(leaf) and leaf.ref.role != "source":
            name = list_name(leaf, kind)
            lists[name] = tuple(v for v in leaf.values if name not in lists or v in lists[name])
            if not lists[name]:
                return None
    return tuple(lists.items())
