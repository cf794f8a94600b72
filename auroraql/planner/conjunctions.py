"""Conjunctions on AuroraX's protocol: criteria blocks of one flat filter group each, and whole kilometres.

A block that says more is cut into parts by its sources, and by the alternatives of its metadata. The minutes of one
conjunction may then be found by several requests; as each minute stands by itself, joining what touches is exact
(archives/aurorax/joining.py). What cannot be said so is told, and not approached.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import prod

from auroraql.diagnostics.errors import Diagnostic
from auroraql.ir.plan import BlockRequest, CriteriaRequest, FilterGroup, Request
from auroraql.ir.query import (
    And,
    Block,
    Comparison,
    Criteria,
    FieldComparison,
    Or,
    Predicate,
    Query,
    collect_refs,
    normalize,
)
from auroraql.planner.dnf import count_branches, expand_branches
from auroraql.planner.pushdown import MAX_REQUESTS, NativeRequest, response_format
from auroraql.planner.source_cover import evaluate, find_cover, is_source_predicate
from auroraql.planner.source_predicates import SourcePredicates
from auroraql.schema.catalogue import Catalogue, DataSource
from auroraql.schema.kinds.conjunctions import BLOCKS, HEMISPHERES
from auroraql.schema.operators import Op

_TYPES = {"ground": ("ground",), "events": ("event_list",)}
"""The types of sources that a block of a kind takes; a block of spacecraft takes the others."""


@dataclass
class ConjunctionPlanner:
    """The criteria of one query as requests; `unsayable` tells why there are none, `said` what was noticed."""

    criteria: Criteria
    sources: Callable[[], Sequence[DataSource]]
    catalogue: Catalogue
    unsayable: list[Diagnostic] = field(default_factory=list)
    said: list[Diagnostic] = field(default_factory=list)
    used_sources: bool = False
    """Whether the requests depend on the list of sources, so that sources that it lacks are left out."""

    def requests(self, query: Query) -> tuple[Request, ...]:
        """The requests of a query with these criteria; its predicate on what is found is left to the residual."""
        tree = response_format(query, collect_refs(query.where))
        return tuple(
            Request(query.kind, (), FilterGroup(), query.start, query.end, tree, criteria)
            for criteria in self._criteria()
        )

    def warnings(self) -> list[Diagnostic]:
        """What `requests` would say, told without them."""
        for block in self.criteria.blocks:
            if block.kind != "location":
                self._collect_warnings(_without_negation(block))
        return self.said

    def _collect_warnings(self, block: Block) -> None:
        native = NativeRequest.build(block.where, BLOCKS[block.kind])
        if native.impossible is not None:
            self.said.append(native.impossible)
        elif native.fits:
            self._warn_of_separate_requests(block, native)
        else:
            possible = SourcePredicates.for_sources(self.sources()).possible_sources(block.where)
            if not any(
                is_allowed_in_block(each, block.kind) and normalize(_remaining_predicate(block.where, each)) != Or(())
                for each in possible
            ):
                self._warn_of_no_match(block)

    def _warn_of_separate_requests(self, block: Block, native: NativeRequest) -> None:
        found = native.unmatched_values(self.catalogue, block.kind, _source_types(block.kind, self.catalogue))
        self.said += [found] if found is not None else []

    def _warn_of_no_match(self, block: Block) -> None:
        message = f"no data source can match a block of {block.kind}: this finds nothing"
        self.said.append(Diagnostic("AQL0606", message, block.where.origin, "leaves no source", severity="warning"))

    def _criteria(self) -> tuple[CriteriaRequest, ...]:
        """One for each choice of parts of the blocks; none when a block can have no source, or cannot be said."""
        criteria = self.criteria
        parts = [self._parts(block) for block in criteria.blocks]
        distances = [None if limit is None else int(limit) for limit in criteria.distances]
        broken = [limit for limit in criteria.distances if limit is not None and limit != int(limit)]
        if broken:
            self._refuse(f"distances are whole kilometres there, and {broken[0]:f} is none", None)
        if self.unsayable:
            return ()
        count = prod(map(len, parts))
        if count > MAX_REQUESTS:
            self._refuse(f"it would take {count:,} requests, and {MAX_REQUESTS} are the most", None)
            return ()
        chosen = product(*parts)
        return tuple(CriteriaRequest(each, tuple(distances), criteria.via, criteria.subminute) for each in chosen)

    def _parts(self, block: Block) -> Sequence[BlockRequest]:
        """The block as blocks of AuroraX's, which have no source in common."""
        if block.kind == "location":
            return [BlockRequest(block.kind, points=block.points)]
        block = _without_negation(block)
        native = NativeRequest.build(block.where, BLOCKS[block.kind])
        if native.impossible is not None:
            self.said.append(native.impossible)
            return []
        if native.fits:
            self._warn_of_separate_requests(block, native)
            return [_block_request(block, native)]
        return self._cut(block)

    def _cut(self, block: Block) -> Sequence[BlockRequest]:
        """Sources of which the same is asked make one part each."""
        sources, self.used_sources = self.sources(), True
        asked: dict[Predicate, list[DataSource]] = {}
        for source in sources:
            if is_allowed_in_block(source, block.kind):
                left = normalize(_remaining_predicate(block.where, source))
                if left != Or(()):
                    asked.setdefault(left, []).append(source)
        if not asked:
            self._warn_of_no_match(block)
        return [part for left, chosen in asked.items() for part in self._part(block, left, chosen, sources)]

    def _part(
        self, block: Block, left: Predicate, chosen: Sequence[DataSource], sources: Sequence[DataSource]
    ) -> Sequence[BlockRequest]:
        found = find_cover(chosen, sources, closely=True)
        if not found.exact:
            self._refuse("no lists of programs, platforms and instrument types tell these sources from others", block)
        natives = self._alternatives(block, left)
        return [
            BlockRequest(block.kind, (*box, *native.lists.items()), native.filters())
            for native in natives
            for box in found.boxes
        ]

    def _alternatives(self, block: Block, left: Predicate) -> Sequence[NativeRequest]:
        """What is asked of the metadata of sources, as flat groups any of which may hold."""
        native = NativeRequest.build(left, BLOCKS[block.kind])
        if native.fits:
            return [native]
        several = []
        if count_branches(left) <= MAX_REQUESTS:
            several = [
                NativeRequest.build(normalize(And(branch)), BLOCKS[block.kind]) for branch in expand_branches(left)
            ]
        if not several or not all(each.fits for each in several):
            self._refuse("it has no filters for all of this", block)
        elif self.criteria.subminute:
            # Half a minute is found between two minutes of one request.
            self._refuse("with sub-minute precision a block has one flat group of metadata filters", block)
        return several

    def _refuse(self, why: str, block: Block | None) -> None:
        hint = "an embedded archive finds it; here, ask for more and choose from the result"
        origin = None if block is None else block.where.origin
        self.unsayable.append(Diagnostic("AQL0407", f"AuroraX cannot say this: {why}", origin, hint=hint))


def _block_request(block: Block, native: NativeRequest) -> BlockRequest:
    return BlockRequest(block.kind, tuple(native.lists.items()), native.filters())


def is_allowed_in_block(source: DataSource, kind: str) -> bool:
    """Whether a block of a kind takes a source, by the source's type."""
    types = _TYPES.get(kind)
    if types is not None:
        return source.source_type in types
    return all(source.source_type not in each for each in _TYPES.values())


def _source_types(kind: str, catalogue: Catalogue) -> tuple[str, ...]:
    """The types of sources that a block of a kind takes."""
    others = [each for types in _TYPES.values() for each in types]
    return _TYPES.get(kind) or tuple(each for each in catalogue.values("source_type") if each not in others)


def _without_negation(block: Block) -> Block:
    return replace(block, where=normalize(_positive_predicate(block.where)))


def _positive_predicate(predicate: Predicate) -> Predicate:
    """Not in one hemisphere is in the other: AuroraX has a list of those that are wanted."""
    match predicate:
        case And(terms):
            return replace(predicate, terms=tuple(map(_positive_predicate, terms)))
        case Or(terms):
            return replace(predicate, terms=tuple(map(_positive_predicate, terms)))
        case Comparison(ref, Op.NE | Op.NOT_IN, values) if ref.name == "hemisphere" and ref.role == "record":
            others = tuple(each for each in HEMISPHERES if each not in values)
            return replace(predicate, operator=Op.IN, values=others) if others else Or(())
        case _:
            return predicate


def _remaining_predicate(predicate: Predicate, source: DataSource) -> Predicate:
    """What is left to ask of a record when its source is known; Or(()) when nothing of it can match."""
    match predicate:
        case And(terms, origin):
            rest = [_remaining_predicate(term, source) for term in terms]
            if any(term == Or(()) for term in rest):
                return Or(())
            return And(tuple(term for term in rest if term != And(())), origin)
        case Or(terms, origin):
            rest = [_remaining_predicate(term, source) for term in terms]
            if any(term == And(()) for term in rest):
                return And(())
            return Or(tuple(term for term in rest if term != Or(())), origin)
        case Comparison() | FieldComparison() if is_source_predicate(predicate):
            return And(()) if evaluate(predicate, source, lambda _leaf: None) else Or(())
        case _:
            return predicate
