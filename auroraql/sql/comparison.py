"""What it means to compare a stored value with the strings of a query: the one place that decides it.

A query's values are strings, as on the wire. How one is read depends on the field:

* a text field reads it as text; `=` is exact, `<` and `>` follow the code points;
* a number field reads it as a number, a time field as a moment (UTC);
* a metadata key has no type, so the string decides: one that reads as a number is compared with stored numbers
  and with stored text that reads as a number; one that reads as a moment with stored text that does; any
  other as text, a stored number or boolean by its plain form (`486.1`, `true`). Objects and lists have
  no plain form of their own: they are compared by the text that DuckDB shows for them.
* a whole number from 2**53 on, which no double holds exactly, is compared as a whole number.

A string may also be an interval of time, `first/last`: only equality has those, and it is equal to every moment inside.

A number is decimal digits with an optional sign, fraction and exponent: not `inf`, `nan`, `1_000`, `0x10`, nor with
blanks. A moment is `YYYY-MM-DD`, or with `THH:MM`, `:SS` and a fraction, perhaps with Z, UTC or an offset from UTC; a
blank may stand for T. A stored leap second, `:60`, is the second before it.

When the stored value cannot be read as the string is (`5` against `abc`), they are not equal, and any order
between them is unknown. When the stored value is missing, everything but IS [NOT] NULL is unknown. Unknown is
SQL's NULL: it matches nothing, negated or not. LIKE goes by the plain text and ignores case; `%` and `_`
have no escape.

A field that a record has several of, as the platforms of a conjunction, is compared by its values that are not
missing: `=`, IN and LIKE hold if they do for any of them, `!=`, NOT IN and NOT LIKE if the positive holds for none.
It is missing when no value is there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, assert_never

from auroraql.ir.time_literals import read_span
from auroraql.schema.model import Type
from auroraql.schema.operators import OPERATORS, Op
from auroraql.sql.bindings import Bindings

NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
_DATE = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
MOMENT = _DATE + r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?Z?)?"
_ODD_MOMENT = (
    _DATE + r"[T ]([01][0-9]|2[0-3]):[0-5][0-9](:([0-5][0-9]|60)(\.[0-9]+)?)?(Z| ?UTC|[+-](0[0-9]|1[0-4]):?[0-5][0-9])?"
)
"""As records of other writers have it: a leap second, an offset from UTC, a finer fraction."""

_NUMBER, _MOMENT, _WHOLE = re.compile(NUMBER), re.compile(MOMENT), re.compile("[+-]?[0-9]{1,18}")

INTEGER = "[+-]?[0-9]{1,38}"
EXACT_IN_DOUBLE = 2**53
"""Below it every whole number is a double."""
_LARGEST_WHOLE = 10**38
"""Larger numbers are compared as doubles: DuckDB's HUGEINT holds little more."""

_UNKNOWN = "CAST(NULL AS BOOLEAN)"

Reading = Literal["text", "number", "whole", "moment"]

_SHORT = 50
"""Up to how many values of a list are parameters of their own; more are one parameter, joined with."""

ARRAYS: Mapping[Reading, str] = {
    "text": "VARCHAR[]",
    "number": "DOUBLE[]",
    "whole": "HUGEINT[]",
    "moment": "TIMESTAMP[]",
}
"""The type of a parameter that holds several values read alike."""


@dataclass(frozen=True, slots=True)
class StoredValue:
    """Where a value is kept: an SQL expression, and its declared type (ANY for a metadata key).

    With `many` it is a list of values of the type, times as text.
    """

    sql: str
    type: Type
    many: bool = False

    @property
    def text(self) -> str:
        """Its plain text."""
        match self.type:
            case Type.STRING:
                return self.sql
            case Type.TIME:
                return f"strftime({self.sql}, '%Y-%m-%dT%H:%M:%S')"
            case _:
                return f"CAST({self.sql} AS VARCHAR)"

    def as_reading(self, reading: Reading) -> str:
        """It as a number, a moment or text; NULL where it cannot be read so.

        As a whole number it is exact. A fraction is rounded, but fractions of doubles are below 2**52, and only
        values from 2**53 on are compared as whole numbers.
        """
        if reading == "text":
            return self.text
        if self.type is not Type.ANY:
            return self.sql
        if reading == "whole":
            number = self.as_reading("number")
            cut = f"CASE WHEN abs({number}) < 1e38 THEN {number} WHEN {number} > 0 THEN 1e38 WHEN {number} < 0 THEN -1e38 END"
            return f"coalesce({self._matching(INTEGER, 'HUGEINT')}, CAST({cut} AS HUGEINT))"
        return moment_expression(self.text) if reading == "moment" else self._matching(NUMBER, "DOUBLE")

    @property
    def as_large_integer(self) -> str:
        """A metadata value as a whole number, where it is one that a double may round; NULL for any other."""
        return f"CASE WHEN abs({self.as_reading('number')}) >= {EXACT_IN_DOUBLE} THEN {self.as_reading('whole')} END"

    def _matching(self, pattern: str, name: str) -> str:
        return f"CASE WHEN regexp_full_match({self.text}, '{pattern}') THEN TRY_CAST({self.text} AS {name}) END"


def moment_expression(text: str) -> str:
    """The SQL of a text read as a moment, UTC: NULL where it is none."""
    # Without a zone TIMESTAMPTZ would take the text for local time, and TIMESTAMP drops every offset.
    zoned = f"regexp_replace(regexp_replace({text}, ':60', ':59'), '(Z| ?UTC)?$', '+00:00')"
    zoned = rf"regexp_replace({zoned}, '([+-][0-9:]{{4,5}})\+00:00$', '\1')"
    return (
        f"CASE WHEN regexp_full_match({text}, '{MOMENT}') THEN TRY_CAST({text} AS TIMESTAMP)"
        f" WHEN regexp_full_match({text}, '{_ODD_MOMENT}')"
        f" THEN make_timestamp(epoch_us(TRY_CAST({zoned} AS TIMESTAMPTZ))) END"
    )


@dataclass(frozen=True, slots=True)
class QueryValue:
    """A string of a query, read: as what, and the value to bind; of an interval its first moment, and its last."""

    reading: Reading
    value: str | int | float | datetime
    last: datetime | None = None


def read_value(text: str, type: Type) -> QueryValue | None:
    """How a query's string is read for a field of a type; None when it cannot be."""
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
    """The SQL condition for a stored value, an operator of the schema and its strings."""
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
    """The condition for a list of stored values; of none, unknown."""
    element = StoredValue("CAST(each AS TIMESTAMP)" if stored.type is Type.TIME else "each", stored.type)
    # `= ANY` is a subquery, which no lambda may hold: a long list is compared in pieces.
    pieces = (values[at : at + _SHORT] for at in range(0, len(values), _SHORT))
    condition = " OR ".join(_compare_one(element, operator, piece, bind) for piece in pieces)
    return f"list_bool_or(list_transform({stored.sql}, lambda each: {condition}))"


def _compare_order(stored: StoredValue, sign: Literal["<", "<=", ">", ">="], text: str, bind: Bindings) -> str:
    value = read_value(text, stored.type)
    return _UNKNOWN if value is None else f"{stored.as_reading(value.reading)} {sign} {bind(value.value)}"


def _compare_in(stored: StoredValue, texts: Sequence[str], bind: Bindings) -> str:
    """Equal to one of the strings, which need not all be read alike."""
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
    """One condition for values read alike."""
    if len(values) == 1:
        equal = f"{stored.as_reading(reading)} = {bind(values[0])}"
    elif len(values) <= _SHORT:
        equal = f"{stored.as_reading(reading)} IN ({', '.join(map(bind, values))})"
    else:
        equal = f"{stored.as_reading(reading)} = ANY({bind(values)}::{ARRAYS[reading]})"
    return equal if reading == "text" else _or_unreadable(equal, stored)


def _compare_inside(stored: StoredValue, value: QueryValue, bind: Bindings) -> str:
    """Inside an interval of time."""
    inside = f"{stored.as_reading(value.reading)} BETWEEN {bind(value.value)} AND {bind(value.last)}"
    return _or_unreadable(inside, stored)


def _or_unreadable(condition: str, stored: StoredValue) -> str:
    """What is there but unreadable is not equal. What is missing is unknown: `TRUE AND NULL`."""
    return f"coalesce({condition}, {stored.text} IS NULL AND NULL)" if stored.type is Type.ANY else condition


def _read_integer(text: str) -> QueryValue | None:
    """A whole number that a double may round, however it is written."""
    if not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    # A huge exponent is looked at before the number is written out.
    if not EXACT_IN_DOUBLE <= abs(number) < _LARGEST_WHOLE or number != number.to_integral_value():
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
