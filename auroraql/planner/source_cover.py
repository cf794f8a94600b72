"""Source cover: evaluate predicates over the data sources of an archive, and cover the result by boxes.

AuroraX restricts sources by three lists (programs × platforms × instrument types), which form a box. A set of sources
is covered by several boxes that contain only these sources, or by one box and post-processing if that is cheaper.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeGuard, assert_never

from auroraql.ir.query import And, Comparison, Condition, FieldComparison, Not, Or, Predicate, Ref
from auroraql.resolver.values import PLAIN_NUMBER
from auroraql.schema.catalogue import DataSource
from auroraql.schema.operators import OPERATORS, FieldOp, Op, like_pattern

AXES = ("program", "platform", "instrument_type")

Box = tuple[tuple[str, tuple[str, ...]], ...]
"""Lists of one box, by field name. A list that does not restrict is omitted."""

Leaf = Comparison | FieldComparison | Condition

Triple = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class SourceCover:
    """Boxes that contain all of a set of sources. `exact` is true if they contain no other source."""

    boxes: tuple[Box, ...]
    exact: bool


def is_source_predicate(leaf: Leaf) -> TypeGuard[Comparison | FieldComparison]:
    """Return whether a comparison depends only on the source of a record."""
    if isinstance(leaf, Condition):
        return False
    return leaf.ref.role == "source" and (isinstance(leaf, Comparison) or leaf.other.role == "source")


def evaluate(predicate: Predicate, source: DataSource, unknown: Callable[[Leaf], bool | None]) -> bool | None:
    """Return whether a predicate is true for the records of a source, or None if that is unknown.

    `unknown` evaluates comparisons that do not depend on the source alone.
    """
    match predicate:
        case Comparison(ref) if ref.role == "source":
            return compare_value(predicate, _source_value(source, ref))
        case FieldComparison(ref, operator, other) if is_source_predicate(predicate):
            return compare_source_fields(operator, _source_value(source, ref), _source_value(source, other))
        case Comparison() | FieldComparison() | Condition():
            return unknown(predicate)
        case Not(term):
            return _negate(evaluate(term, source, unknown))
        case And(terms):
            return _conjunction(evaluate(term, source, unknown) for term in terms)
        case Or(terms):
            return _negate(_conjunction(_negate(evaluate(term, source, unknown)) for term in terms))


def _negate(truth: bool | None) -> bool | None:
    return None if truth is None else not truth


def _conjunction(truths: Iterable[bool | None]) -> bool | None:
    """Return the AND of truth values as in SQL: None is unknown."""
    has_unknown = False
    for truth in truths:
        if truth is False:
            return False
        has_unknown = has_unknown or truth is None
    return None if has_unknown else True


def _source_value(source: DataSource, ref: Ref) -> str | int:
    value: str | int = getattr(source, ref.name.rpartition(".")[2])
    return value


def compare_value(leaf: Comparison, value: str | int) -> bool | None:
    """Return whether a comparison is true for a source's value, or None if it is unknown as in SQL.

    It is unknown for a field without a value, and for an order between an identifier and text that is not a number.
    """
    if not OPERATORS[leaf.operator].arity:
        return _holds(leaf.operator, value, ())
    if value == "":
        return None
    if OPERATORS[leaf.operator].pattern:
        return _holds(leaf.operator, str(value), leaf.values)
    operands = [_number(v) for v in leaf.values] if isinstance(value, int) else list(leaf.values)
    if None in operands and OPERATORS[leaf.operator].ordering:
        return None
    return _holds(leaf.operator, value, operands)


def compare_source_fields(operator: FieldOp, value: str | int, other: str | int) -> bool | None:
    """Return whether a comparison of two source fields is true, or None if one of them has no value."""
    return None if "" in (value, other) else _holds(operator, value, [other])


def _holds(operator: Op, value: Any, operands: Sequence[Any]) -> bool:
    """Return whether a comparison is true. Ordering operators need values of one type."""
    match operator:
        case Op.EQ:
            return bool(value == operands[0])
        case Op.LT:
            return bool(value < operands[0])
        case Op.LE:
            return bool(value <= operands[0])
        case Op.IN:
            return value in operands
        case Op.BETWEEN:
            return bool(operands[0] <= value <= operands[1])
        case Op.LIKE:
            return like_pattern(operands[0]).fullmatch(value) is not None
        case Op.IS_NULL:
            return bool(value == "")
        case Op.NE | Op.GE | Op.GT | Op.NOT_IN | Op.NOT_BETWEEN | Op.NOT_LIKE | Op.IS_NOT_NULL:
            return not _holds(OPERATORS[operator].negation, value, operands)
        case _:
            assert_never(operator)


def _number(text: str) -> Decimal | None:
    # A float would round large whole numbers.
    return Decimal(text) if PLAIN_NUMBER.fullmatch(text) else None


def find_cover(chosen: Sequence[DataSource], every: Sequence[DataSource], *, closely: bool = False) -> SourceCover:
    """Return boxes that cover the `chosen` sources among `every` source.

    `closely` asks for exact boxes, however many these are.
    """
    inside, outside = {_triple(s) for s in chosen}, {_triple(s) for s in every}
    ids = {s.identifier for s in chosen}
    # Sources with equal values in all lists cannot be selected separately.
    pure = all(s.identifier in ids for s in every if _triple(s) in inside)
    lists = _bounding_lists(inside, outside)
    whole = tuple((AXES[at], tuple(sorted(values))) for at, values in lists.items())
    extra = len(_contained_triples(outside, lists)) - len(inside)
    if extra == 0:
        return SourceCover((whole,), pure)
    if any("" in triple for triple in inside):  # a list cannot select sources without a value
        return SourceCover((whole,), exact=False)
    boxes = _exact_boxes(inside, outside)
    # A request costs about as much as fetching the records of four sources in vain.
    if len(boxes) > 1 + extra / 4 and not closely:
        return SourceCover((whole,), exact=False)
    return SourceCover(boxes, pure)


def _triple(source: DataSource) -> Triple:
    return source.program, source.platform, source.instrument_type


def _contained_triples(triples: set[Triple], lists: Mapping[int, set[str]]) -> set[Triple]:
    """Return the triples that the lists select. `lists` are the allowed values by axis number."""
    contained = triples
    for at, values in lists.items():
        contained = {triple for triple in contained if triple[at] in values}
    return contained


def _bounding_lists(inside: set[Triple], outside: set[Triple]) -> dict[int, set[str]]:
    """Return the lists of the smallest box that contains the triples, without redundant lists."""
    lists = {at: {triple[at] for triple in inside} for at in range(len(AXES))}
    lists = {at: values for at, values in lists.items() if "" not in values}
    contained = _contained_triples(outside, lists)
    for at in reversed(range(len(AXES))):
        others = {n: values for n, values in lists.items() if n != at}
        if len(_contained_triples(outside, others)) == len(contained):
            lists = others
    return lists


def _exact_boxes(inside: set[Triple], outside: set[Triple]) -> tuple[Box, ...]:
    """Return boxes that contain exactly the triples. Programs with boxes of the same shape share a box."""
    selected, available = _program_boxes(inside), _program_boxes(outside)
    shapes: dict[Box, list[str]] = defaultdict(list)
    for program in sorted(selected):
        for shape in _boxes_within_program(selected[program], available[program]):
            shapes[shape].append(program)
    return tuple((("program", tuple(programs)), *shape) for shape, programs in shapes.items())


def _program_boxes(triples: set[Triple]) -> dict[str, set[tuple[str, str]]]:
    by_program: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for program, platform, instrument_type in triples:
        by_program[program].add((platform, instrument_type))
    return by_program


def _boxes_within_program(selected: set[tuple[str, str]], available: set[tuple[str, str]]) -> Iterable[Box]:
    """Return boxes within one program. Instrument types that are wanted at the same platforms share a box."""
    if selected == available:
        return ((),)
    platforms_of: dict[str, set[str]] = defaultdict(set)
    for platform, instrument_type in selected:
        platforms_of[instrument_type].add(platform)
    together: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for instrument_type in sorted(platforms_of):
        together[tuple(sorted(platforms_of[instrument_type]))].append(instrument_type)
    return [(("platform", platforms), ("instrument_type", tuple(types))) for platforms, types in together.items()]
