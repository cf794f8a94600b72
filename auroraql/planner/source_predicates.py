"""A predicate over all data sources at once: a bit a source, so that fifty comparisons cost what fifty cost.

A truth is two masks: of the sources for which it holds, and of those for which it may hold (they differ by what
is unknown, SQL's NULL, or by what is no field of a source).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import reduce

from auroraql.ir.query import And, Comparison, FieldComparison, Not, Or, Predicate, collect_refs
from auroraql.planner.source_cover import compare_source_fields, compare_value, is_source_predicate
from auroraql.schema.catalogue import DataSource
from auroraql.schema.operators import Op

TruthMasks = tuple[int, int]

Values = tuple[str | int, ...]


_MOST_KEPT = 1000
"""Comparisons whose truth is kept: a mask has as many bits as there are sources."""


class SourcePredicates:
    """Evaluates predicates over one list of sources."""

    def __init__(self, sources: Sequence[DataSource]) -> None:
        self.sources = sources
        self.every = (1 << len(sources)) - 1
        self._leaves: dict[tuple[str, Op, tuple[str, ...]], TruthMasks] = {}
        self._fields: dict[str, dict[Values, int]] = {}

    @classmethod
    def for_sources(cls, sources: Sequence[DataSource]) -> SourcePredicates:
        """Those over a list; of the same list as the last time, with what was found out then."""
        if not _LAST or _LAST[0].sources is not sources:
            _LAST[:] = [cls(sources)]
        return _LAST[0]

    def certain_sources(self, predicate: Predicate) -> list[DataSource]:
        """The sources for which the predicate holds whatever is no field of a source."""
        return self._matching_sources(self._truth(predicate, (self.every, self.every))[0])

    def possible_sources(self, predicate: Predicate) -> list[DataSource]:
        """The sources of which a record may fulfil the predicate."""
        return self._matching_sources(self._truth(predicate, (0, self.every))[1])

    def has_certain(self, predicate: Predicate) -> bool:
        """Whether there is a source for which it holds."""
        return self._truth(predicate, (self.every, self.every))[0] != 0

    def has_possible(self, predicate: Predicate) -> bool:
        """Whether there is a source of which a record may fulfil it."""
        return self._truth(predicate, (0, self.every))[1] != 0

    def _matching_sources(self, mask: int) -> list[DataSource]:
        return [source for source, bit in zip(self.sources, reversed(bin(mask)), strict=False) if bit == "1"]

    def _truth(self, predicate: Predicate, other: TruthMasks) -> TruthMasks:
        """`other` is the truth of what is no field of a source."""
        match predicate:
            case Comparison() | FieldComparison():
                return self._known_leaf(predicate) if is_source_predicate(predicate) else other
            case Not(term):
                holding, possible = self._truth(term, other)
                return self.every & ~possible, self.every & ~holding
            case And(terms):
                truths = [self._truth(term, other) for term in terms]
                return reduce(lambda a, b: (a[0] & b[0], a[1] & b[1]), truths, (self.every, self.every))
            case Or(terms):
                truths = [self._truth(term, other) for term in terms]
                return reduce(lambda a, b: (a[0] | b[0], a[1] | b[1]), truths, (0, 0))

    def _known_leaf(self, leaf: Comparison | FieldComparison) -> TruthMasks:
        if isinstance(leaf, FieldComparison):
            return self._leaf(leaf)
        key = (leaf.ref.name, leaf.operator, leaf.values)
        if key not in self._leaves:
            if len(self._leaves) >= _MOST_KEPT:
                self._leaves.clear()
            self._leaves[key] = self._leaf(leaf)
        return self._leaves[key]

    def _leaf(self, leaf: Comparison | FieldComparison) -> TruthMasks:
        """Each value that sources have of the field, or two values of the two, is looked at once."""
        if isinstance(leaf, Comparison) and leaf.operator in (Op.EQ, Op.IN, Op.NE, Op.NOT_IN) and _is_text(leaf):
            # What most predicates ask needs no look at all.
            masks = self._masks(leaf)
            unknown = masks.get(("",), 0)
            named = reduce(int.__or__, (masks.get((value,), 0) for value in leaf.values), 0) & ~unknown
            holding = named if leaf.operator in (Op.EQ, Op.IN) else self.every & ~named & ~unknown
            return holding, holding | unknown
        holding = possible = 0
        for values, mask in self._masks(leaf).items():
            if isinstance(leaf, Comparison):
                found = compare_value(leaf, values[0])
            else:
                found = compare_source_fields(leaf.operator, values[0], values[1])
            holding |= mask if found else 0
            possible |= mask if found is not False else 0
        return holding, possible

    def _masks(self, leaf: Comparison | FieldComparison) -> dict[Values, int]:
        """Each value of the field, or fields, compared, with the mask of the sources that have it."""
        names = [ref.name.rpartition(".")[2] for ref in collect_refs(leaf)]
        key = " ".join(names)
        if key not in self._fields:
            masks: dict[Values, int] = defaultdict(int)
            for at, source in enumerate(self.sources):
                masks[tuple(getattr(source, name) for name in names)] |= 1 << at
            self._fields[key] = dict(masks)
        return self._fields[key]


def _is_text(leaf: Comparison) -> bool:
    return leaf.ref.name.rpartition(".")[2] != "identifier"


_LAST: list[SourcePredicates] = []
"""The last that was asked for: while a statement is typed, its predicates are asked again and again."""
