"""Source predicates: evaluate a predicate for all data sources at once, with bit masks that have a bit per source.

The truth of a predicate is two masks: the sources for which it is certainly true, and those for which it may be true.
They differ if a value is missing (NULL in SQL), or if the predicate depends on more than the source.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import reduce
from typing import Any

from auroraql.ir.query import And, Comparison, Condition, FieldComparison, Not, Or, Predicate, collect_refs
from auroraql.ir.source_evaluation import compare_source_fields, compare_value, is_source_predicate, read_number
from auroraql.schema.catalogue import DataSource
from auroraql.schema.operators import Op

TruthMasks = tuple[int, int]

Values = tuple[str | int, ...]


_MAX_CACHED_COMPARISONS = 1000
"""Maximum number of comparisons whose masks are cached."""


class SourcePredicates:
    """Evaluator of predicates over one list of sources, with a cache of masks."""

    def __init__(self, sources: Sequence[DataSource]) -> None:
        self.sources = sources
        self.every = (1 << len(sources)) - 1
        self._leaves: dict[tuple[str, Op, tuple[str, ...]], TruthMasks] = {}
        self._fields: dict[str, dict[Values, int]] = {}

    @classmethod
    def for_sources(cls, sources: Sequence[DataSource]) -> SourcePredicates:
        """Return the evaluator of a list of sources. The last one is reused, with its cache, for the same list."""
        if not _LAST or _LAST[0].sources is not sources:
            _LAST[:] = [cls(sources)]
        return _LAST[0]

    def certain_sources(self, predicate: Predicate) -> list[DataSource]:
        """Return the sources of which every record matches the predicate."""
        return self._matching_sources(self._truth(predicate, (self.every, self.every))[0])

    def possible_sources(self, predicate: Predicate) -> list[DataSource]:
        """Return the sources of which a record may match the predicate."""
        return self._matching_sources(self._truth(predicate, (0, self.every))[1])

    def has_certain(self, predicate: Predicate) -> bool:
        """Return whether every record of some source matches the predicate."""
        return self._truth(predicate, (self.every, self.every))[0] != 0

    def has_possible(self, predicate: Predicate) -> bool:
        """Return whether a record of some source may match the predicate."""
        return self._truth(predicate, (0, self.every))[1] != 0

    def _matching_sources(self, mask: int) -> list[DataSource]:
        return [source for source, bit in zip(self.sources, reversed(bin(mask)), strict=False) if bit == "1"]

    def _truth(self, predicate: Predicate, other: TruthMasks) -> TruthMasks:
        """Return the masks of a predicate. `other` are the masks of comparisons that depend on more than the source."""
        match predicate:
            case Comparison() | FieldComparison() | Condition():
                return self._cached_leaf_truth(predicate) if is_source_predicate(predicate) else other
            case Not(term):
                holding, possible = self._truth(term, other)
                return self.every & ~possible, self.every & ~holding
            case And(terms):
                truths = [self._truth(term, other) for term in terms]
                return reduce(lambda a, b: (a[0] & b[0], a[1] & b[1]), truths, (self.every, self.every))
            case Or(terms):
                truths = [self._truth(term, other) for term in terms]
                return reduce(lambda a, b: (a[0] | b[0], a[1] | b[1]), truths, (0, 0))

    def _cached_leaf_truth(self, leaf: Comparison | FieldComparison) -> TruthMasks:
        if isinstance(leaf, FieldComparison):
            return self._leaf_truth(leaf)
        key = (leaf.ref.name, leaf.operator, leaf.values)
        if key not in self._leaves:
            if len(self._leaves) >= _MAX_CACHED_COMPARISONS:
                self._leaves.clear()
            self._leaves[key] = self._leaf_truth(leaf)
        return self._leaves[key]

    def _leaf_truth(self, leaf: Comparison | FieldComparison) -> TruthMasks:
        """Return the masks of a comparison. Each distinct value of the sources is compared once."""
        if isinstance(leaf, Comparison) and leaf.operator in (Op.EQ, Op.IN, Op.NE, Op.NOT_IN):
            # Fast path: most predicates compare for equality, which is a lookup of masks.
            masks = self._masks(leaf)
            unknown = masks.get(("",), 0)
            named = reduce(int.__or__, (masks.get((value,), 0) for value in _operands(leaf)), 0) & ~unknown
            holding = named if leaf.operator in (Op.EQ, Op.IN) else self.every & ~named & ~unknown
            return holding, holding | unknown
        holding = possible = 0
        for values, mask in self._masks(leaf).items():
            if isinstance(leaf, Comparison):
                truth = compare_value(leaf, values[0])
            else:
                truth = compare_source_fields(leaf.operator, values[0], values[1])
            holding |= mask if truth else 0
            possible |= mask if truth is not False else 0
        return holding, possible

    def _masks(self, leaf: Comparison | FieldComparison) -> dict[Values, int]:
        """Return the mask of the sources that have each value, or pair of values, of the compared fields."""
        names = [ref.name.rpartition(".")[2] for ref in collect_refs(leaf)]
        key = " ".join(names)
        if key not in self._fields:
            masks: dict[Values, int] = defaultdict(int)
            for at, source in enumerate(self.sources):
                masks[tuple(getattr(source, name) for name in names)] |= 1 << at
            self._fields[key] = dict(masks)
        return self._fields[key]


def _operands(leaf: Comparison) -> Sequence[Any]:
    """Return the values of a comparison in the type of the field. Equal numbers of any type are the same key."""
    is_text = leaf.ref.name.rpartition(".")[2] != "identifier"
    return leaf.values if is_text else [read_number(value) for value in leaf.values]


_LAST: list[SourcePredicates] = []
"""The last evaluator: completion evaluates the predicates of a statement at every key."""
