"""Types of query parameters, one row each: how a value is written, and which Python value it becomes.

A declared parameter is bound as its type (a date, a number), not as the text that was typed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from auroraql.ir.times import NAMED_TIMES, Interval, TimeError, read_literal, resolve_named_time, shift_interval
from auroraql.schema.operators import PLAIN_NUMBER

_NAMES = "|".join(name.replace(" ", r"\s+") for name in NAMED_TIMES)
NAMED = rf"(?i:{_NAMES})(?:\s*[+-]\s*\d+\s*[a-z]+)?"
"""A time relative to now, with an optional offset, such as `TODAY - 7 days` or `LAST MONTH`."""

_NAMED = rf"(?i)(?P<base>{_NAMES})(?:\s*(?P<sign>[+-])\s*(?P<count>\d+)\s*(?P<unit>[a-z]+))?"
# Possessive quantifiers: backtracking over the ends of a quote would take exponential time.
_QUOTED = r"'([^']*+(?:''[^']*+)*+)'|\"([^\"]*+(?:\"\"[^\"]*+)*+)\""
_LIST_ITEM = r"\s*+((?:'[^']*+(?:''[^']*+)*+'|\"[^\"]*+(?:\"\"[^\"]*+)*+\"|[^,])*+)(?:,|\Z)"
_MAX_EXPONENT = 400
_MAX_INTEGER_DIGITS = 18
"""Most digits of a whole number."""


@dataclass(frozen=True, slots=True)
class ParameterType:
    """A parameter type.

    Attributes:
        name: Name in a declaration.
        takes: Description of a value in messages, such as "a date".
        example: A value as it is written.
        read: Convert a text to a value. Raises ValueError for a text that does not fit.
        words: All values, where there are few.
    """

    name: str
    takes: str
    example: str
    read: Callable[[str], object]
    words: tuple[str, ...] = ()


def unquote_value(text: str) -> str:
    """Return a text without its quotes, if quotes enclose all of it."""
    match = re.fullmatch(_QUOTED, text.strip())
    if match is None:
        return text
    return match[1].replace("''", "'") if match[1] is not None else match[2].replace('""', '"')


def split_items(text: str) -> list[str]:
    """Return the items of a list as written: separated by commas, with or without parentheses."""
    inner = text.strip()
    if inner.startswith("(") and inner.endswith(")"):
        inner = inner[1:-1]
    return [item[1].strip() for item in re.finditer(_LIST_ITEM, inner) if item[1].strip()]


def quote_value(value: str) -> str:
    r"""Return a text as a value in front matter or after `\run`, quoted where necessary."""
    plain = re.fullmatch(r"[^\s,'\"()]+", value) is not None
    return value if plain else "'" + value.replace("'", "''") + "'"


def _read_integer(text: str) -> object:
    if re.fullmatch(rf"[+-]?[0-9]{{1,{_MAX_INTEGER_DIGITS}}}", text.strip()) is None:
        raise ValueError
    return int(text)


def _read_number(text: str) -> object:
    if PLAIN_NUMBER.fullmatch(text.strip()) is None:
        raise ValueError
    if re.fullmatch(rf"[+-]?[0-9]{{1,{_MAX_INTEGER_DIGITS}}}", text.strip()):
        return int(text)
    number = Decimal(text.strip())
    if abs(number.adjusted()) > _MAX_EXPONENT:
        raise ValueError
    return number


def _read_boolean(text: str) -> object:
    word = text.strip().lower()
    if word not in ("true", "false"):
        raise ValueError
    return word == "true"


def _read_interval(text: str) -> Interval:
    """Return the interval of a time literal, or of a time relative to this moment. Raises ValueError."""
    match = re.fullmatch(_NAMED, text.strip())
    if match is None:
        return read_literal(text.strip())
    interval = resolve_named_time(" ".join(match["base"].upper().split()), datetime.now(UTC).replace(tzinfo=None))
    if not match["count"]:
        return interval
    count = Decimal(match["sign"] + match["count"])
    if count.adjusted() > _MAX_INTEGER_DIGITS:
        raise ValueError
    return shift_interval(interval, count, match["unit"].lower())


def _read_time(text: str) -> object:
    interval = _read_interval(text)
    if interval.past is None:
        return interval.first
    return _interval_day(interval) or interval.literal or text.strip()


def _read_date(text: str) -> object:
    day = _interval_day(_read_interval(text))
    if day is None:
        raise ValueError
    return day


def _read_period(text: str) -> object:
    interval = _read_interval(text)
    if interval.past is None:
        raise ValueError
    return _interval_day(interval) or interval.literal or text.strip()


def _interval_day(interval: Interval) -> date | None:
    """Return the day that an interval covers, or None when it is longer or shorter."""
    first, past = interval.first, interval.past
    return first.date() if past is not None and (past - first).total_seconds() in (86400, 86399.999999) else None


def _raise_value_errors(read: Callable[[str], object]) -> Callable[[str], object]:
    """Return `read` with errors about times raised as ValueError."""

    def convert(text: str) -> object:
        try:
            return read(text)
        except (TimeError, KeyError, OverflowError) as fault:
            raise ValueError(str(fault) if isinstance(fault, TimeError) else "") from None

    return convert


TYPES = {
    row.name: row
    for row in (
        ParameterType("text", "a text", "trex", unquote_value),
        ParameterType("integer", "a whole number", "10", _read_integer),
        ParameterType("number", "a number", "557.7", _read_number),
        ParameterType("boolean", "true or false", "true", _read_boolean, ("true", "false")),
        ParameterType("date", "a date", "2021-01-01", _raise_value_errors(_read_date)),
        ParameterType("time", "a date or time", "2021-01-01T06:30", _raise_value_errors(_read_time)),
        ParameterType("period", "a year, a month or a date", "2021-01", _raise_value_errors(_read_period)),
    )
}
"""Every type by name. `list of` before a name makes it a list."""
