"""SQL for comparisons of a stored value with the strings of a query, or with another value of its record.

This module defines their meaning. Only the placeholders `$1`, `$2` … of `Bindings` become SQL text.

The values of a query are strings, as in API requests. How a string is read depends on the field:

* For a text field it is text. `=` is exact; `<` and `>` compare code points.
* For a number field it is a number, for a time field a time in UTC.
* A metadata key has no type, so the string decides. A number is compared with stored numbers and with stored text
  that is a number, a time with stored text that is a time. Any other string is compared as text with the plain form
  of the stored value (`486.1`, `true`). The plain form of objects and lists is DuckDB's text for them.
* An integer from 2**53 on, which a double cannot hold exactly, is compared as an integer.

A string can also be a time interval, `first/last`. It is used only with equality and equals every moment inside.

A number has decimal digits with an optional sign, fraction and exponent, but not `inf`, `nan`, `1_000`, `0x10` or
spaces. A time is `YYYY-MM-DD`, optionally with `THH:MM`, `:SS`, a fraction, and Z, UTC or an offset. A space may
replace the T. A stored leap second, `:60`, is read as the second before it.

If the stored value cannot be read like the string (`5` and `abc`), they are not equal and their order is unknown. If
the stored value is missing, everything except IS [NOT] NULL is unknown. Unknown is SQL's NULL: it matches nothing,
negated or not. LIKE compares the plain text and ignores case. `%` and `_` cannot be escaped.

A field with several values, for example the platforms of a conjunction, is compared by its values that are not
missing. `=`, IN and LIKE are true if they are true for any value; `!=`, NOT IN and NOT LIKE if the positive operator
is true for none. The field is missing if it has no value.

When two fields of a record are compared, a metadata key is read as the type of the other field. Two metadata keys are
compared as numbers if both are numbers, as times if both are times, and otherwise by their plain text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, assert_never

from auroraql.ir.times import read_span
from auroraql.schema.model import Type
from auroraql.schema.operators import OPERATORS, FieldOp, Op

NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
_DAY = 86_400_000_000
"""Microseconds of a day."""

_DATE = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
MOMENT = _DATE + r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?Z?)?"
_ODD_MOMENT = (
    _DATE + r"[T ]([01][0-9]|2[0-3]):[0-5][0-9](:([0-5][0-9]|60)(\.[0-9]+)?)?(Z| ?UTC|[+-](0[0-9]|1[0-4]):?[0-5][0-9])?"
)
"""Time formats of other programs: with a leap second, an offset from UTC or a finer fraction."""

_NUMBER, _MOMENT, _WHOLE = re.compile(NUMBER), re.compile(MOMENT), re.compile("[+-]?[0-9]{1,18}")

INTEGER = "[+-]?[0-9]{1,38}"
EXACT_IN_DOUBLE = 2**53
"""Limit below which a double holds every integer exactly."""
_MAX_INTEGER = 10**38
"""Limit from which integers are compared as doubles: DuckDB's HUGEINT holds little more."""

_UNKNOWN = "CAST(NULL AS BOOLEAN)"

Reading = Literal["text", "number", "whole", "moment"]

_MAX_SEPARATE_PARAMETERS = 50
"""Maximum number of list values that are separate parameters. A longer list is one array parameter."""

ARRAYS: Mapping[Reading, str] = {
    "text": "VARCHAR[]",
    "number": "DOUBLE[]",
    "whole": "HUGEINT[]",
    "moment": "TIMESTAMP[]",
}
"""SQL type of an array parameter by the reading of its values."""


_SURROGATE = re.compile("[\ud800-\udfff]")


class Bindings:
    """Collects the bound values of one statement. Equal values share a placeholder, except lists."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._places: dict[tuple[type, Any], str] = {}

    def __call__(self, value: Any) -> str:
        """Bind a value and return its placeholder."""
        if isinstance(value, list):
            return self._placeholder([_to_storable(item) for item in value])
        key = (type(value), value)
        if key not in self._places:
            self._places[key] = self._placeholder(_to_storable(value))
        return self._places[key]

    def _placeholder(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"


def _to_storable(value: Any) -> Any:
    """Replace lone surrogates by U+FFFD. UTF-8 cannot encode them, so stored text never contains one."""
    if isinstance(value, str) and not value.isascii():
        return _SURROGATE.sub("\ufffd", value)
    return value


@dataclass(frozen=True, slots=True)
class StoredValue:
    """SQL expression of a stored value and its declared type (ANY for a metadata key).

    With `many` it is a list of values of the type. Times in a list are text.
    """

    sql: str
    type: Type
    many: bool = False

    @property
    def text(self) -> str:
        """SQL expression of the plain text of the value."""
        match self.type:
            case Type.STRING:
                return self.sql
            case Type.TIME:
                return f"strftime({self.sql}, '%Y-%m-%dT%H:%M:%S')"
            case Type.INTERVAL:
                days, rest = f"{self.sql} // {_DAY}", f"{self.sql} % {_DAY}"
                return f"CAST(to_days(CAST({days} AS INTEGER)) + to_microseconds({rest}) AS VARCHAR)"
            case _:
                return f"CAST({self.sql} AS VARCHAR)"

    def as_reading(self, reading: Reading) -> str:
        """Return the SQL of the value as text, number, integer or time. It is NULL if it cannot be read so.

        The reading `whole` is exact for integers. It rounds fractions, but only values from 2**53 on are compared as
        integers, and doubles of that size have no fraction.
        """
        if reading == "text":
            return self.text
        if self.type is not Type.ANY:
            return self.sql
        if reading == "whole":
            number = self.as_reading("number")
            cut = f"CASE WHEN abs({number}) < 1e38 THEN {number} WHEN {number} > 0 THEN 1e38 WHEN {number} < 0 THEN -1e38 END"
            return f"coalesce({self._cast_if_match(INTEGER, 'HUGEINT')}, CAST({cut} AS HUGEINT))"
        return moment_expression(self.text) if reading == "moment" else self._cast_if_match(NUMBER, "DOUBLE")

    @property
    def as_large_integer(self) -> str:
        """SQL of a metadata value as an integer, if a double might round it, otherwise NULL."""
        return f"CASE WHEN abs({self.as_reading('number')}) >= {EXACT_IN_DOUBLE} THEN {self.as_reading('whole')} END"

    def _cast_if_match(self, pattern: str, name: str) -> str:
        return f"CASE WHEN regexp_full_match({self.text}, '{pattern}') THEN TRY_CAST({self.text} AS {name}) END"


def moment_expression(text: str) -> str:
    """Return the SQL that reads a text as a time in UTC. It is NULL if the text is not a time."""
    # TIMESTAMPTZ reads text without a zone as local time, and TIMESTAMP drops offsets.
    zoned = f"regexp_replace(regexp_replace({text}, ':60', ':59'), '(Z| ?UTC)?$', '+00:00')"
    zoned = rf"regexp_replace({zoned}, '([+-][0-9:]{{4,5}})\+00:00$', '\1')"
    return (
        f"CASE WHEN regexp_full_match({text}, '{MOMENT}') THEN TRY_CAST({text} AS TIMESTAMP)"
        f" WHEN regexp_full_match({text}, '{_ODD_MOMENT}')"
        f" THEN make_timestamp(epoch_us(TRY_CAST({zoned} AS TIMESTAMPTZ))) END"
    )


@dataclass(frozen=True, slots=True)
class QueryValue:
    """Parsed string of a query: its reading and the value to bind. An interval has its first and last moment."""

    reading: Reading
    value: str | int | float | datetime
    last: datetime | None = None


def read_value(text: str, type: Type) -> QueryValue | None:
    """Parse a query's string for a field of a type. Return None if it cannot be read."""
    match type:
        case Type.INTEGER if _WHOLE.fullmatch(text):
            return QueryValue("number", int(text))
        case Type.INTEGER:
            return _read_integer(text) or _read_number(text)
        case Type.NUMBER:
            return _read_number(text)
        case Type.TIME:
            return _read_moment(text)
        case Type.ANY:
            return _read_integer(text) or _read_number(text) or _read_moment(text) or QueryValue("text", text)
        case _:
            return QueryValue("text", text)


def compare_stored(stored: StoredValue, operator: Op, values: Sequence[str], bind: Bindings) -> str:
    """Return the SQL condition that compares a stored value with strings."""
    match operator:
        case Op.NE | Op.NOT_IN | Op.NOT_BETWEEN | Op.NOT_LIKE:
            return f"NOT ({compare_stored(stored, OPERATORS[operator].negation, values, bind)})"
        case Op.IS_NULL:
            return _no_values(stored) if stored.many else f"{stored.sql} IS NULL"
        case Op.IS_NOT_NULL:
            return f"NOT ({_no_values(stored)})" if stored.many else f"{stored.sql} IS NOT NULL"
        case Op.EQ | Op.IN | Op.LIKE | Op.BETWEEN | Op.LT | Op.LE | Op.GT | Op.GE:
            return (_compare_any if stored.many else _compare_one)(stored, operator, values, bind)
        case _:
            assert_never(operator)


_Positive = Literal[Op.EQ, Op.IN, Op.LIKE, Op.BETWEEN, Op.LT, Op.LE, Op.GT, Op.GE]
"""Operators that compare with values and are not the negation of another one in SQL."""


def _compare_one(stored: StoredValue, operator: _Positive, values: Sequence[str], bind: Bindings) -> str:
    match operator:
        case Op.EQ | Op.IN:
            return _compare_in(stored, values, bind)
        case Op.LIKE:
            return f"{stored.text} ILIKE {bind(values[0])}"
        case Op.BETWEEN:
            low, high = values
            return f"({_compare_order(stored, '>=', low, bind)} AND {_compare_order(stored, '<=', high, bind)})"
        case Op.LT:
            return _compare_order(stored, "<", values[0], bind)
        case Op.LE:
            return _compare_order(stored, "<=", values[0], bind)
        case Op.GT:
            return _compare_order(stored, ">", values[0], bind)
        case Op.GE:
            return _compare_order(stored, ">=", values[0], bind)
        case _:
            assert_never(operator)


def _no_values(stored: StoredValue) -> str:
    return f"coalesce(list_count({stored.sql}), 0) = 0"


def _compare_any(stored: StoredValue, operator: _Positive, values: Sequence[str], bind: Bindings) -> str:
    """Return the condition for a list of stored values. It is unknown for an empty list."""
    element = StoredValue("CAST(each AS TIMESTAMP)" if stored.type is Type.TIME else "each", stored.type)
    # `= ANY` is a subquery, which a lambda cannot contain: a long list is compared in pieces.
    pieces = (values[at : at + _MAX_SEPARATE_PARAMETERS] for at in range(0, len(values), _MAX_SEPARATE_PARAMETERS))
    condition = " OR ".join(_compare_one(element, operator, piece, bind) for piece in pieces)
    return f"list_bool_or(list_transform({stored.sql}, lambda each: {condition}))"


def _compare_order(stored: StoredValue, sign: Literal["<", "<=", ">", ">="], text: str, bind: Bindings) -> str:
    value = read_value(text, stored.type)
    return _UNKNOWN if value is None else f"{stored.as_reading(value.reading)} {sign} {bind(value.value)}"


def _compare_in(stored: StoredValue, texts: Sequence[str], bind: Bindings) -> str:
    """Return the condition that a value equals one of the strings, which can have different readings."""
    values = [value for value in (read_value(text, stored.type) for text in texts) if value is not None]
    readings: tuple[Reading, ...] = ("text", "number", "whole", "moment")
    groups = [(r, [v.value for v in values if v.reading == r and v.last is None]) for r in readings]
    conditions = [_compare_one_of(stored, reading, group, bind) for reading, group in groups if group]
    conditions += [_compare_inside(stored, value, bind) for value in values if value.last is not None]
    if not conditions:
        return f"({stored.sql} IS NULL AND NULL)"
    return conditions[0] if len(conditions) == 1 else f"({' OR '.join(conditions)})"


def _compare_one_of(
    stored: StoredValue, reading: Reading, values: list[str | int | float | datetime], bind: Bindings
) -> str:
    """Return the condition that a value equals one of several values with the same reading."""
    if len(values) == 1:
        equal = f"{stored.as_reading(reading)} = {bind(values[0])}"
    elif len(values) <= _MAX_SEPARATE_PARAMETERS:
        equal = f"{stored.as_reading(reading)} IN ({', '.join(map(bind, values))})"
    else:
        equal = f"{stored.as_reading(reading)} = ANY({bind(values)}::{ARRAYS[reading]})"
    return equal if reading == "text" else _false_if_unreadable(equal, stored)


def _compare_inside(stored: StoredValue, value: QueryValue, bind: Bindings) -> str:
    """Return the condition that a value is inside a time interval."""
    inside = f"{stored.as_reading(value.reading)} BETWEEN {bind(value.value)} AND {bind(value.last)}"
    return _false_if_unreadable(inside, stored)


def _false_if_unreadable(condition: str, stored: StoredValue) -> str:
    """Make a condition false for unreadable values. For missing values it stays unknown: `TRUE AND NULL`."""
    return f"coalesce({condition}, {stored.text} IS NULL AND NULL)" if stored.type is Type.ANY else condition


def _read_integer(text: str) -> QueryValue | None:
    """Parse an integer that a double might round, in any notation."""
    if not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    # The range is checked first: a huge exponent would make an enormous integer.
    if not EXACT_IN_DOUBLE <= abs(number) < _MAX_INTEGER or number != number.to_integral_value():
        return None
    return QueryValue("whole", int(number))


def _read_number(text: str) -> QueryValue | None:
    return QueryValue("number", float(text)) if _NUMBER.fullmatch(text) else None


def _read_moment(text: str) -> QueryValue | None:
    span = read_span(text) if "/" in text else None
    if span is not None:
        return QueryValue("moment", *span)
    if not _MOMENT.fullmatch(text):
        return None
    try:
        return QueryValue("moment", datetime.fromisoformat(text).replace(tzinfo=None))
    except ValueError:
        return None


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
