"""The criteria of conjunctions written as text: OF, WITHIN, VIA and PRECISION, each only where it says something."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal

from auroraql.ir.query import EVENTS_ONLY, And, Block, Criteria, Predicate, split_conjuncts
from auroraql.schema import BLOCKS, Kind
from auroraql.schema.kinds.conjunctions import HALF_MINUTE, PRECISION_UNIT, TRACES

PrintPredicate = Callable[[Predicate, Kind], str]


def print_criteria(criteria: Criteria, write_predicate: PrintPredicate) -> Iterator[str]:
    """The clauses of the criteria, in canonical order."""
    yield f"OF {', '.join(_print_block(block, write_predicate) for block in criteria.blocks)}"
    distances = ", ".join(_print_distances(criteria))
    if distances:
        yield f"WITHIN {distances}"
    if criteria.via != (TRACES[0],):
        yield f"VIA {', '.join(criteria.via) or '()'}"
    if criteria.subminute:
        yield f"PRECISION {HALF_MINUTE} {PRECISION_UNIT}"


def _print_block(block: Block, write_predicate: PrintPredicate) -> str:
    if block.kind == "location":
        points = ", ".join(f"({lat:f}, {lon:f})" for lat, lon in block.points)
        return f"location {points}" if len(block.points) == 1 else f"location ({points})"
    terms = split_conjuncts(block.where)
    if block.kind == "events" and terms[:1] == (EVENTS_ONLY,):
        terms = terms[1:]
    where = terms[0] if len(terms) == 1 else And(terms)
    return f"{block.kind} ({write_predicate(where, BLOCKS[block.kind])})" if terms else block.kind


def _print_distances(criteria: Criteria) -> Iterator[str]:
    """The limit that most pairs have stands for all; two ground blocks are at one place unless it is said."""
    names, pairs = criteria.names, list(zip(criteria.pairs, criteria.distances, strict=True))
    usual = [limit for pair, limit in pairs if not _is_ground_pair(criteria, pair)]
    general = Counter(usual).most_common(1)[0][0] if usual else None
    if usual:
        yield _print_limit(general)
    for pair, limit in pairs:
        if limit != (Decimal(0) if _is_ground_pair(criteria, pair) else general):
            yield f"{names[pair[0]]}-{names[pair[1]]} {_print_limit(limit)}"


def _is_ground_pair(criteria: Criteria, pair: tuple[int, int]) -> bool:
    return all(criteria.blocks[at].kind == "ground" for at in pair)


def _print_limit(limit: Decimal | None) -> str:
    return "ANY" if limit is None else f"{limit:f} km"
