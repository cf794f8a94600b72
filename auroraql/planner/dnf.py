"""Queries that one request cannot say: branches of a disjunctive normal form, each with its boxes of sources.

The requests fetch a superset of the query's records: whatever a request cannot say is left out of it, and
`rest` is then the whole predicate, to be taken to what came.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import reduce
from itertools import product

from auroraql.diagnostics.errors import Diagnostic
from auroraql.ir.plan import FilterGroup, Request
from auroraql.ir.query import (
    And,
    Comparison,
    FieldComparison,
    Or,
    Predicate,
    Query,
    Ref,
    Window,
    collect_refs,
    normalize,
    window_of_comparison,
)
from auroraql.ir.time_literals import SECOND, read_span
from auroraql.ir.window_inference import narrow_window
from auroraql.planner.pushdown import (
    MAX_REQUESTS,
    is_filter_term,
    is_list_term,
    list_name,
    response_format,
    to_filter_expression,
)
from auroraql.planner.source_cover import Box, find_cover, is_source_predicate
from auroraql.planner.source_predicates import SourcePredicates
from auroraql.schema import KINDS, Kind
from auroraql.schema.catalogue import DataSource
from auroraql.schema.operators import Op

Leaf = Comparison | FieldComparison

Branch = tuple[Leaf, ...]
"""Comparisons that hold together."""


class DnfPlanner:
    """The plan of one query; `rest` and `said` are there once `requests` was asked."""

    def __init__(self, query: Query, sources: Sequence[DataSource]) -> None:
        self.query, self.sources = query, sources
        self.kind = KINDS[query.kind]
        self.truths = SourcePredicates.for_sources(sources)
        self.rest: Predicate | None = None
        self.said: list[Diagnostic] = []
        self.used_sources = False
        """Whether the requests depend on the list of sources, so that sources that it lacks are left out."""

    def requests(self) -> tuple[Request, ...]:
        """The requests, without one that asks the same as another."""
        alternatives = self._branches()
        found = None
        if alternatives is not None:
            found = merge_request_windows(
                request for branch in alternatives for request in self._branch_requests(branch)
            )
        if found is None or len(found) > MAX_REQUESTS:
            found = self._superset_request()
        if not found:
            self._warn_of_no_match()
        requests = tuple(dict.fromkeys(found))
        if self.rest is None:
            return requests
        also = collect_refs(self.query.where)
        return tuple(self._request(r.lists, r.filters, (r.start, r.end), also) for r in requests)

    def warnings(self) -> list[Diagnostic]:
        """What `requests` would say, told without them."""
        alternatives = self._branches()
        if self.truths.has_possible(self.query.where):
            if alternatives is None or any(self._has_request(branch) for branch in alternatives):
                return []
            self._warn_of_no_match()
        else:
            self.requests()
        return self.said

    def _has_request(self, branch: Branch) -> bool:
        """Whether an alternative has a request."""
        if _record_list_values(branch, self.kind) is None:
            return False
        return _is_list_only(branch) or self.truths.has_certain(And(branch))

    def _branches(self) -> list[Branch] | None:
        """The alternatives of the predicate; None when there are too many."""
        where = _expand_time_lists(self.query.where, self.kind)
        if count_branches(where) > MAX_REQUESTS * 4:
            return None
        return list(dict.fromkeys(expand_branches(where)))

    def _branch_requests(self, branch: Branch) -> list[Request]:
        """The requests of one alternative: none when no source has it."""
        lists = _record_list_values(branch, self.kind)
        window = narrow_window(self.query, And(branch))
        if lists is None or window is None:
            return []
        filters = tuple(to_filter_expression(leaf, self.kind) for leaf in branch if is_filter_term(leaf))
        if not all(self._is_pushed_down(leaf) for leaf in branch):
            self.rest = self.query.where
        return [self._request((*box, *lists), FilterGroup(filters), window) for box in self._source_boxes(branch)]

    def _is_pushed_down(self, leaf: Leaf) -> bool:
        """Whether a request says a comparison: by a filter, a list, the sources it names, or its window."""
        if is_filter_term(leaf) or is_list_term(leaf) or is_source_predicate(leaf):
            return True
        return window_of_comparison(leaf, self.kind) is not None

    def _source_boxes(self, branch: Branch) -> Sequence[Box]:
        """Lists that are written are taken as they are: an archive may have sources that nobody told us of."""
        if _is_list_only(branch):
            lists = [leaf for leaf in branch if is_source_predicate(leaf) and is_list_term(leaf)]
            return [tuple((list_name(leaf, self.kind), leaf.values) for leaf in lists)]
        self.used_sources = True
        return self._covering_boxes(self.truths.certain_sources(And(branch)))

    def _covering_boxes(self, chosen: Sequence[DataSource]) -> Sequence[Box]:
        if not chosen:
            return []
        found = find_cover(chosen, self.sources)
        if not found.exact:
            self.rest = self.query.where
        return found.boxes

    def _superset_request(self) -> list[Request]:
        """One request around every source that some record of the query may have."""
        self.rest = self.query.where
        boxes = self._covering_boxes(self.truths.possible_sources(self.query.where))
        self.used_sources = any(boxes)
        window = narrow_window(self.query)
        return [] if window is None else [self._request(box, FilterGroup(), window) for box in boxes]

    def _request(self, lists: Box, filters: FilterGroup, window: Window, also: tuple[Ref, ...] = ()) -> Request:
        query = self.query
        return Request(query.kind, lists, filters, *window, response_format(query, also))

    def _warn_of_no_match(self) -> None:
        self.rest = None
        self.said.append(
            Diagnostic(
                "AQL0606",
                "no data source can match: this finds nothing",
                self.query.where.origin,
                "leaves no source",
                severity="warning",
            )
        )


def count_branches(predicate: Predicate) -> int:
    """How many alternatives a predicate in normal form has."""
    match predicate:
        case Or(terms):
            return sum(map(count_branches, terms))
        case And(terms):
            return reduce(lambda total, term: min(total * count_branches(term), 10**9), terms, 1)
        case _:
            return 1


def expand_branches(predicate: Predicate) -> list[Branch]:
    """The alternatives of a predicate in normal form: any of them, each all of its comparisons."""
    match predicate:
        case Comparison() | FieldComparison():
            return [(predicate,)]
        case Or(terms):
            return [branch for term in terms for branch in expand_branches(term)]
        case And(terms):
            return [tuple(leaf for part in parts for leaf in part) for parts in product(*map(expand_branches, terms))]
        case _:
            raise AssertionError("the normal form has NOT at the leaves only")


def _expand_time_lists(predicate: Predicate, kind: Kind) -> Predicate:
    """Lists of times and intervals written as alternatives, where each is a window or a filter of its own."""
    match predicate:
        case And(terms) | Or(terms):
            return normalize(replace(predicate, terms=tuple(_expand_time_lists(term, kind) for term in terms)))
        case Comparison(operator=Op.IN) if _is_window_list(predicate, kind):
            return normalize(
                Or(tuple(replace(predicate, operator=Op.EQ, values=(value,)) for value in predicate.values))
            )
        case _:
            return predicate


def _is_window_list(leaf: Comparison, kind: Kind) -> bool:
    if leaf.ref.role == "metadata":
        return any(read_span(value) is not None for value in leaf.values if "/" in value)
    declared = kind.field(leaf.ref.name) if leaf.ref.role == "record" else None
    return declared is not None and declared.bound == "both"


def merge_request_windows(requests: Iterable[Request]) -> list[Request]:
    """The requests, those as one that differ only by windows which overlap or follow one another.

    Not for records that span time: one across the edge of two windows is whole in neither.
    """
    found: list[Request] = []
    for request in sorted(dict.fromkeys(requests), key=lambda each: each.start or datetime.min):
        at = next((n for n, each in enumerate(found) if _extends_window(each, request)), None)
        if at is None:
            found.append(request)
        else:
            ends = (found[at].end, request.end)
            found[at] = replace(found[at], end=None if None in ends else max(each for each in ends if each))
    return found


def _extends_window(earlier: Request, later: Request) -> bool:
    """Whether a request asks the same as an earlier one, from within its window or just after it."""
    if KINDS[later.kind].longest_record or replace(later, start=earlier.start, end=earlier.end) != earlier:
        return False
    return earlier.end is None or later.start is None or later.start - earlier.end <= SECOND


def _is_list_only(branch: Branch) -> bool:
    """Whether all that an alternative asks of sources is lists of names, one of each."""
    on_sources = [leaf for leaf in branch if is_source_predicate(leaf)]
    lists = [leaf for leaf in on_sources if is_list_term(leaf)]
    return len(lists) == len(on_sources) == len({leaf.ref for leaf in lists})


def _record_list_values(branch: Branch, kind: Kind) -> Box | None:
    """The lists of a request that are not about sources, as product types; None when none can match."""
    lists: dict[str, tuple[str, ...]] = {}
    for leaf in branch:
        if is_list_term(leaf) and leaf.ref.role != "source":
            name = list_name(leaf, kind)
            lists[name] = tuple(v for v in leaf.values if name not in lists or v in lists[name])
            if not lists[name]:
                return None
    return tuple(lists.items())
