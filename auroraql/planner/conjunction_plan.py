"""Conjunction planner: requests whose criteria blocks have one flat filter group each, and distances in whole km.

A block that AuroraX cannot express is split by its sources and by the alternatives of its metadata predicate. Several
requests may then find the minutes of one conjunction. AuroraX evaluates each minute separately, so joining adjacent
minutes is exact (engines/aurorax/merge.py). Criteria that cannot be split exactly are an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod

from auroraql.diagnostics.errors import Diagnostic, replace_value
from auroraql.ir.plan import NO_FILTERS, BlockRequest, CriteriaRequest, Request
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
from auroraql.ir.source_evaluation import evaluate, is_source_predicate
from auroraql.planner.dnf import count_branches, expand_branches
from auroraql.planner.pushdown import MAX_REQUESTS, NativeRequest, response_format
from auroraql.planner.source_cover import find_cover
from auroraql.planner.source_predicates import SourcePredicates
from auroraql.schema.catalogue import Catalogue, DataSource
from auroraql.schema.kinds.conjunctions import BLOCKS, HEMISPHERES, SOURCE_TYPES, takes_source_type
from auroraql.schema.operators import Op


@dataclass
class ConjunctionPlanner:
    """Planner of one query's criteria. `unsayable` are errors, because of which there are no requests."""

    criteria: Criteria
    sources: Callable[[], Sequence[DataSource]]
    catalogue: Catalogue
    unsayable: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    used_sources: bool = False
    """Whether the requests depend on the list of sources. They then miss sources that are not in the list."""

    def requests(self, query: Query) -> tuple[Request, ...]:
        """Return the requests of a query. Its WHERE on the conjunctions themselves is left to post-processing."""
        tree = response_format(query, collect_refs(query.where))
        return tuple(
            Request(query.kind, (), NO_FILTERS, query.start, query.end, tree, criteria) for criteria in self._criteria()
        )

    def check(self) -> list[Diagnostic]:
        """Return the warnings of `requests` without planning the requests."""
        for block in self.criteria.blocks:
            if block.kind != "location":
                self._collect_warnings(_remove_negation(block))
        return self.warnings

    def _collect_warnings(self, block: Block) -> None:
        native = NativeRequest.build(block.where, BLOCKS[block.kind])
        if native.impossible is not None:
            self.warnings.append(native.impossible)
        elif native.fits:
            self._warn_of_unmatched_values(block, native)
        else:
            possible = SourcePredicates.for_sources(self.sources()).possible_sources(block.where)
            if not any(
                is_allowed_in_block(s, block.kind) and normalize(_remaining_predicate(block.where, s)) != Or(())
                for s in possible
            ):
                self._warn_of_no_match(block)

    def _warn_of_unmatched_values(self, block: Block, native: NativeRequest) -> None:
        warning = native.unmatched_values(self.catalogue, block.kind, _source_types(block.kind, self.catalogue))
        self.warnings += [warning] if warning is not None else []

    def _warn_of_no_match(self, block: Block) -> None:
        message = f"no data source can match a block of {block.kind}: this finds nothing"
        self.warnings.append(
            Diagnostic("AQL0606", message, block.where.origin, "no matching source", severity="warning")
        )

    def _criteria(self) -> tuple[CriteriaRequest, ...]:
        """Return criteria for each combination of block parts. Return () if a block matches no source or on errors."""
        criteria = self.criteria
        parts = [self._parts(block) for block in criteria.blocks]
        distances = [None if limit is None else int(limit) for limit in criteria.distances]
        fractional = [limit for limit in criteria.distances if limit is not None and limit != int(limit)]
        if fractional:
            self._refuse(f"distances are whole kilometres, and {fractional[0]:f} is not", None)
        if self.unsayable:
            return ()
        count = prod(map(len, parts))
        if count > MAX_REQUESTS:
            self._refuse(f"it needs {count:,} requests, and the maximum is {MAX_REQUESTS}", None)
            return ()
        combinations = product(*parts)
        return tuple(
            CriteriaRequest(blocks, tuple(distances), criteria.via, criteria.subminute) for blocks in combinations
        )

    def _parts(self, block: Block) -> Sequence[BlockRequest]:
        """Return the AuroraX blocks that together are the block. No source is in two of them."""
        if block.kind == "location":
            return [BlockRequest(block.kind, points=block.points)]
        block = _remove_negation(block)
        native = NativeRequest.build(block.where, BLOCKS[block.kind])
        if native.impossible is not None:
            self.warnings.append(native.impossible)
            return []
        if native.fits:
            self._warn_of_unmatched_values(block, native)
            return [_block_request(block, native)]
        return self._cut(block)

    def _cut(self, block: Block) -> Sequence[BlockRequest]:
        """Split a block by its sources: sources with the same remaining predicate share a part."""
        sources, self.used_sources = self.sources(), True
        by_predicate: dict[Predicate, list[DataSource]] = {}
        for source in sources:
            if is_allowed_in_block(source, block.kind):
                remaining = normalize(_remaining_predicate(block.where, source))
                if remaining != Or(()):
                    by_predicate.setdefault(remaining, []).append(source)
        if not by_predicate:
            self._warn_of_no_match(block)
        return [
            part for remaining, chosen in by_predicate.items() for part in self._part(block, remaining, chosen, sources)
        ]

    def _part(
        self, block: Block, remaining: Predicate, chosen: Sequence[DataSource], sources: Sequence[DataSource]
    ) -> Sequence[BlockRequest]:
        cover = find_cover(chosen, sources, closely=True)
        if not cover.exact:
            self._refuse("lists of programs, platforms and instrument types cannot select these sources alone", block)
        natives = self._alternatives(block, remaining)
        return [
            BlockRequest(block.kind, (*box, *native.lists.items()), native.filters())
            for native in natives
            for box in cover.boxes
        ]

    def _alternatives(self, block: Block, remaining: Predicate) -> Sequence[NativeRequest]:
        """Return requests with one flat filter group each, which together express the remaining predicate."""
        native = NativeRequest.build(remaining, BLOCKS[block.kind])
        if native.fits:
            return [native]
        alternatives = []
        if count_branches(remaining) <= MAX_REQUESTS:
            alternatives = [
                NativeRequest.build(normalize(And(branch)), BLOCKS[block.kind]) for branch in expand_branches(remaining)
            ]
        if not alternatives or not all(native.fits for native in alternatives):
            self._refuse("its filters cannot express the whole predicate", block)
        elif self.criteria.subminute:
            # AuroraX finds a half minute only between two minutes of the same request.
            self._refuse("with sub-minute precision a block has one flat group of metadata filters", block)
        return alternatives

    def _refuse(self, why: str, block: Block | None) -> None:
        hint = "search an embedded archive, or search for more and filter the result"
        origin = None if block is None else block.where.origin
        self.unsayable.append(Diagnostic("AQL0407", f"AuroraX cannot express this: {why}", origin, hint=hint))


def _block_request(block: Block, native: NativeRequest) -> BlockRequest:
    return BlockRequest(block.kind, tuple(native.lists.items()), native.filters())


def is_allowed_in_block(source: DataSource, kind: str) -> bool:
    """Return whether a kind of block takes a source, by the source's type."""
    return takes_source_type(kind, source.source_type)


def _source_types(kind: str, catalogue: Catalogue) -> tuple[str, ...]:
    """Return the source types that a kind of block takes."""
    return SOURCE_TYPES.get(kind) or tuple(t for t in catalogue.values("source_type") if takes_source_type(kind, t))


def _remove_negation(block: Block) -> Block:
    return replace_value(block, where=normalize(_positive_predicate(block.where)))


def _positive_predicate(predicate: Predicate) -> Predicate:
    """Rewrite NOT on hemispheres to IN the others, because AuroraX takes a list of the wanted hemispheres."""
    match predicate:
        case And(terms):
            return replace_value(predicate, terms=tuple(map(_positive_predicate, terms)))
        case Or(terms):
            return replace_value(predicate, terms=tuple(map(_positive_predicate, terms)))
        case Comparison(ref, Op.NE | Op.NOT_IN, values) if ref.name == "hemisphere" and ref.role == "record":
            others = tuple(hemisphere for hemisphere in HEMISPHERES if hemisphere not in values)
            return replace_value(predicate, operator=Op.IN, values=others) if others else Or(())
        case _:
            return predicate


def _remaining_predicate(predicate: Predicate, source: DataSource) -> Predicate:
    """Return the predicate on a record of a known source. Return Or(()) if no record of it can match."""
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
