"""Evaluation of predicates for a data source, without its records: three-valued, as in SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, TypeGuard, assert_never

from auroraql.ir.query import And, Comparison, Condition, FieldComparison, Not, Or, Predicate, Ref
from auroraql.schema.catalogue import DataSource
from auroraql.schema.operators import OPERATORS, PLAIN_NUMBER, FieldOp, Op, like_pattern

Leaf = Comparison | FieldComparison | Condition


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
    operands = [read_number(v) for v in leaf.values] if isinstance(value, int) else list(leaf.values)
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


def read_number(text: str) -> Decimal | None:
    """Return a value of query JSON as a number, or None if it is not one."""
    # A float would round large whole numbers.
    return Decimal(text) if PLAIN_NUMBER.fullmatch(text) else None
