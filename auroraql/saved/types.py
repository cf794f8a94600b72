"""The types a parameter of a saved query may have, one row each: how a value is written, and what it is bound as.

A value of a declared parameter is bound as what it is (a date, a number), never as the text it was typed as.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from auroraql.resolver.times import Interval, TimeFault, named, read_interval, shift
from auroraql.resolver.values import PLAIN_NUMBER

NAMED = r"(?:now|today)(?:\s*[+-]\s*\d+\s*[a-z]+)?"
"""NOW or TODAY, perhaps shifted: `TODAY - 7 days`."""

_NAMED = r"(?i)(?P<base>now|today)(?:\s*(?P<sign>[+-])\s*(?P<count>\d+)\s*(?P<unit>[a-z]+))?"
# Possessive: where a quote may end in several places, trying all of them takes exponential time.
_QUOTED = r"'([^']*+(?:''[^']*+)*+)'|\"([^\"]*+(?:\"\"[^\"]*+)*+)\""
_LIST_ITEM = r"\s*+((?:'[^']*+(?:''[^']*+)*+'|\"[^\"]*+(?:\"\"[^\"]*+)*+\"|[^,])*+)(?:,|\Z)"
_LARGEST_EXPONENT = 400
_WHOLE = 18
"""Digits of a whole number."""


@dataclass(frozen=True, slots=True)
class ParameterType:
    """A type: its name in a header, what is said that it takes, a value as it is written, and how one is read.

    `read` raises ValueError for what is none. `words` are all its values, where these are few.
    """

    name: str
    takes: str
    example: str
    read: Callable[[str], object]
    words: tuple[str, ...] = ()


def unquoted(text: str) -> str:
    """A text without the quotes around it, if it is all in quotes."""
    match = re.fullmatch(_QUOTED, text.strip())
    if match is None:
        return text
    return match[1].replace("''", "'") if match[1] is not None else match[2].replace('""', '"')


def items(text: str) -> list[str]:
    """The items of a list as it is written: between commas, in parentheses or without them."""
    inner = text.strip()
    if inner.startswith("(") and inner.endswith(")"):
        inner = inner[1:-1]
    return [each[1].strip() for each in re.finditer(_LIST_ITEM, inner) if each[1].strip()]


def written(value: str) -> str:
    """A text as a value in a header or behind `\\run`: in quotes where it needs them."""
    plain = re.fullmatch(r"[^\s,'\"()]+", value) is not None
    return value if plain else "'" + value.replace("'", "''") + "'"


def _integer(text: str) -> object:
    if re.fullmatch(rf"[+-]?[0-9]{{1,{_WHOLE}}}", text.strip()) is None:
        raise ValueError
    return int(text)


def _number(text: str) -> object:
    if PLAIN_NUMBER.fullmatch(text.strip()) is None:
        raise ValueError
    if re.fullmatch(rf"[+-]?[0-9]{{1,{_WHOLE}}}", text.strip()):
        return int(text)
    number = Decimal(text.strip())
    if abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError
    return number


def _boolean(text: str) -> object:
    word = text.strip().lower()
    if word not in ("true", "false"):
        raise ValueError
    return word == "true"


def _interval(text: str) -> Interval:
    """The interval that a literal means, or NOW or TODAY, now. Raises ValueError."""
    match = re.fullmatch(_NAMED, text.strip())
    if match is None:
        return read_interval(text.strip())
    found = named(match["base"].upper(), datetime.now(UTC).replace(tzinfo=None))
    if not match["count"]:
        return found
    count = Decimal(match["sign"] + match["count"])
    if count.adjusted() > _WHOLE:
        raise ValueError
    return shift(found, count, match["unit"].lower())


def _time(text: str) -> object:
    found = _interval(text)
    if found.past is None:
        return found.first
    return _day(found) or text.strip()


def _date(text: str) -> object:
    day = _day(_interval(text))
    if day is None:
        raise ValueError
    return day


def _period(text: str) -> object:
    found = _interval(text)
    if found.past is None:
        raise ValueError
    return _day(found) or text.strip()


def _day(interval: Interval) -> date | None:
    """The day that an interval is; None for a longer or a shorter one."""
    first, past = interval.first, interval.past
    return first.date() if past is not None and (past - first).total_seconds() in (86400, 86399.999999) else None


def _told(read: Callable[[str], object]) -> Callable[[str], object]:
    """Reads, with a time that does not exist as a ValueError like any other."""

    def reads(text: str) -> object:
        try:
            return read(text)
        except (TimeFault, KeyError, OverflowError) as fault:
            raise ValueError(str(fault) if isinstance(fault, TimeFault) else "") from None

    return reads


TYPES = {
    row.name: row
    for row in (
        ParameterType("text", "a text", "trex", unquoted),
        ParameterType("integer", "a whole number", "10", _integer),
        ParameterType("number", "a number", "557.7", _number),
        ParameterType("boolean", "true or false", "true", _boolean, ("true", "false")),
        ParameterType("date", "a date", "2021-01-01", _told(_date)),
        ParameterType("time", "a date or time", "2021-01-01T06:30", _told(_time)),
        ParameterType("period", "a year, a month or a date", "2021-01", _told(_period)),
    )
}
"""Every type by its name; `list of` before one makes a list of it."""
