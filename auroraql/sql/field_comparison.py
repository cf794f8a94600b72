"""SQL for comparisons of two fields of one record, by the rules of `comparison`.

A metadata key is read as the type of the other field. Two metadata keys are compared as numbers if both are numbers,
as times if both are times, and otherwise by their plain text.
"""

from __future__ import annotations

from typing import Literal, assert_never

from auroraql.schema.model import Type
from auroraql.schema.operators import FieldOp, Op
from auroraql.sql.comparison import Reading, StoredValue

_READINGS: dict[Type, Reading] = {Type.NUMBER: "number", Type.INTEGER: "number", Type.TIME: "moment"}


_Sign = Literal["=", "<", "<=", ">", ">="]


def compare_fields(left: StoredValue, operator: FieldOp, right: StoredValue) -> str:
    """Return the SQL condition that compares two stored values."""
    match operator:
        case Op.NE:
            return f"NOT ({_compare_typed(left, '=', right)})"
        case Op.EQ:
            return _compare_typed(left, "=", right)
        case Op.LT:
            return _compare_typed(left, "<", right)
        case Op.LE:
            return _compare_typed(left, "<=", right)
        case Op.GT:
            return _compare_typed(left, ">", right)
        case Op.GE:
            return _compare_typed(left, ">=", right)
        case _:
            assert_never(operator)


def _compare_typed(left: StoredValue, sign: _Sign, right: StoredValue) -> str:
    if left.type is Type.ANY and right.type is Type.ANY:
        return _compare_metadata_keys(left, sign, right)
    reading = _READINGS.get(right.type if left.type is Type.ANY else left.type, "text")
    compared = f"{left.as_reading(reading)} {sign} {right.as_reading(reading)}"
    if sign != "=" or reading == "text" or Type.ANY not in (left.type, right.type):
        return f"({compared})"
    # If both have a value but one cannot be read as the type, they are not equal.
    return f"CASE WHEN {left.sql} IS NOT NULL AND {right.sql} IS NOT NULL THEN coalesce({compared}, FALSE) END"


def _compare_metadata_keys(left: StoredValue, sign: _Sign, right: StoredValue) -> str:
    number, other_number = left.as_reading("number"), right.as_reading("number")
    moment, other_moment = left.as_reading("moment"), right.as_reading("moment")
    # Doubles round large integers: values that are equal as doubles are compared exactly.
    numbers = (
        f"CASE WHEN {number} = {other_number} AND {left.as_large_integer} IS NOT NULL THEN {left.as_large_integer} {sign} {right.as_large_integer}"
        f" ELSE {number} {sign} {other_number} END"
    )
    return (
        f"CASE WHEN {number} IS NOT NULL AND {other_number} IS NOT NULL THEN {numbers}"
        f" WHEN {moment} IS NOT NULL AND {other_moment} IS NOT NULL THEN {moment} {sign} {other_moment}"
        f" ELSE {left.text} {sign} {right.text} END"
    )
