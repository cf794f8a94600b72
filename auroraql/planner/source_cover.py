"""Predicates on data sources, evaluated over an archive's list of them, and the boxes that select the result.

AuroraX restricts sources by three lists (programs × platforms × instrument types): a box. A set of sources is
covered by few boxes that hold exactly those sources, or by one box and a residual where that is cheaper.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, assert_never

from auroraql.ir.query import And, Comparison, FieldComparison, Not, Or, Predicate, Ref
from auroraql.resolver.values import PLAIN_NUMBER
from auroraql.schema.catalogue import DataSource
from auroraql.schema.operators import OPERATORS, FieldOp, Op

AXES = ("program", "platform", "instrument_type")

Box = tuple[tuple[str, tuple[str, ...]], ...]
"""The lists of one box, by field name; a list that does not restrict is left out."""

Triple = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class SourceCover:
    """Boxes that hold all of a set of sources; `exact` when they hold no other."""

    boxes: tuple[Box, ...]
    exact: bool


def is_source_predicate(leaf: Comparison | FieldComparison) -> bool:
    """Whether a record's source alone tells what a comparison is."""
    return leaf.ref.role == "source" and (isinstance(leaf, Comparison) or leaf.other.role == "source")


def evaluate(
    predicate: Predicate, source: DataSource, unknown: Callable[[Comparison | FieldComparison], bool | None]
) -> bool | None:
    """Whether a predicate holds for the records of a source; None when that is not known.

    `unknown` answers for what is no field of the source.
    """
    match predicate:
        case Comparison(ref) if ref.role == "source":
            return compare_value(predicate, _source_value(source, ref))
        case FieldComparison(ref, operator, other) if is_source_predicate(predicate):
            return compare_source_fields(operator, _source_value(source, ref), _source_value(source, other))
        case Comparison() | FieldComparison():
            return unknown(predicate)
        case Not(term):
            found = evaluate(term, source, unknown)
            return None if found is None else not found
        case And(terms):
            return _conjunction(evaluate(term, source, unknown) for term in terms)
        case Or(terms):
            found = _conjunction(_negate(evaluate(term, source, unknown)) for term in terms)
            return _negate(found)


def _negate(found: bool | None) -> bool | None:
    return None if found is None else not found


def _conjunction(found: Iterable[bool | None]) -> bool | None:
    """SQL's AND."""
    unsure = False
    for each in found:
        if each is False:
            return False
        unsure = unsure or each is None
    return None if unsure else True


def _source_value(source: DataSource, ref: Ref) -> str | int:
    value: str | int = getattr(source, ref.name.rpartition(".")[2])
    return value


def compare_value(leaf: Comparison, value: str | int) -> bool | None:
    """Whether a comparison is true of a source's value; None where SQL does not know.

    That is so for a field without a value, and for the order of an identifier and a text that is not a number.
    """
    if not OPERATORS[leaf.operator].arity:
        return _holds(leaf.operator, value, ())
    if value == "":
        return None
    if OPERATORS[leaf.operator].pattern:
        return _holds(leaf.operator, str(value), leaf.values)
    wanted = [_number(v) for v in leaf.values] if isinstance(value, int) else list(leaf.values)
    if None in wanted and OPERATORS[leaf.operator].ordering:
        return None
    return _holds(leaf.operator, value, wanted)


def compare_source_fields(operator: FieldOp, value: str | int, other: str | int) -> bool | None:
    """Whether a comparison of two fields of a source is true; None where one of them has no value."""
    return None if "" in (value, other) else _holds(operator, value, [other])


def _holds(operator: Op, value: Any, wanted: Sequence[Any]) -> bool:
    """Whether a comparison holds; the values are of one type, or only equality compares them."""
    match operator:
        case Op.EQ:
            return bool(value == wanted[0])
        case Op.LT:
            return bool(value < wanted[0])
        case Op.LE:
            return bool(value <= wanted[0])
        case Op.IN:
            return value in wanted
        case Op.BETWEEN:
            return bool(wanted[0] <= value <= wanted[1])
        case Op.LIKE:
            return _like_pattern(wanted[0]).fullmatch(value) is not None
        case Op.IS_NULL:
            return bool(value == "")
        case Op.NE | Op.GE | Op.GT | Op.NOT_IN | Op.NOT_BETWEEN | Op.NOT_LIKE | Op.IS_NOT_NULL:
            return not _holds(OPERATORS[operator].negation, value, wanted)
        case _:
            assert_never(operator)


def _number(text: str) -> Decimal | None:
    # A double would round great whole numbers.
    return Decimal(text) if PLAIN_NUMBER.fullmatch(text) else None


@cache
def _like_pattern(like: str) -> re.Pattern[str]:
    """LIKE without an escape: % for anything, _ for one character, case ignored."""
    parts = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in like)
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)


def find_cover(chosen: Sequence[DataSource], every: Sequence[DataSource], *, closely: bool = False) -> SourceCover:
    """The boxes for a set of sources among all there are; `closely`: however many it takes."""
    inside, outside = {_triple(s) for s in chosen}, {_triple(s) for s in every}
    ids = {s.identifier for s in chosen}
    # Two sources may share a box of their own: then no lists tell them apart.
    pure = all(s.identifier in ids for s in every if _triple(s) in inside)
    lists = _bounding_lists(inside, outside)
    whole = tuple((AXES[at], tuple(sorted(values))) for at, values in lists.items())
    extra = len(_contained_triples(outside, lists)) - len(inside)
    if extra == 0:
        return SourceCover((whole,), pure)
    if any("" in triple for triple in inside):  # no list names a field without a value
        return SourceCover((whole,), exact=False)
    boxes = _exact_boxes(inside, outside)
    # A request costs about as much as the records of a few sources that are not wanted.
    if len(boxes) > 1 + extra / 4 and not closely:
        return SourceCover((whole,), exact=False)
    return SourceCover(boxes, pure)


def _triple(source: DataSource) -> Triple:
    return source.program, source.platform, source.instrument_type


def _contained_triples(triples: set[Triple], lists: Mapping[int, set[str]]) -> set[Triple]:
    """The triples that lists hold, each for the axis of its number."""
    held = triples
    for at, values in lists.items():
        held = {triple for triple in held if triple[at] in values}
    return held


def _bounding_lists(inside: set[Triple], outside: set[Triple]) -> dict[int, set[str]]:
    """The lists of the smallest box around the triples, without those that it does not need."""
    lists = {at: {triple[at] for triple in inside} for at in range(len(AXES))}
    lists = {at: values for at, values in lists.items() if "" not in values}
    held = _contained_triples(outside, lists)
    for at in reversed(range(len(AXES))):
        others = {n: values for n, values in lists.items() if n != at}
        if len(_contained_triples(outside, others)) == len(held):
            lists = others
    return lists


def _exact_boxes(inside: set[Triple], outside: set[Triple]) -> tuple[Box, ...]:
    """Boxes that hold the triples and no other: programs that are wanted whole together, the others cut finer."""
    wanted, there = _program_boxes(inside), _program_boxes(outside)
    shapes: dict[Box, list[str]] = defaultdict(list)
    for program in sorted(wanted):
        for shape in _boxes_within_program(wanted[program], there[program]):
            shapes[shape].append(program)
    return tuple((("program", tuple(programs)), *shape) for shape, programs in shapes.items())


def _program_boxes(triples: set[Triple]) -> dict[str, set[tuple[str, str]]]:
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for program, platform, instrument_type in triples:
        found[program].add((platform, instrument_type))
    return found


def _boxes_within_program(wanted: set[tuple[str, str]], there: set[tuple[str, str]]) -> Iterable[Box]:
    """Boxes within one program, without its name: instrument types that are wanted at the same platforms together."""
    if wanted == there:
        return ((),)
    at: dict[str, set[str]] = defaultdict(set)
    for platform, instrument_type in wanted:
        at[instrument_type].add(platform)
    together: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for instrument_type in sorted(at):
        together[tuple(sorted(at[instrument_type]))].append(instrument_type)
    return [(("platform", platforms), ("instrument_type", tuple(types))) for platforms, types in together.items()]
