"""Times: the interval of a literal (see `auroraql.ir.time_literals`) or Python value, and shifts of it."""

from __future__ import annotations

import calendar
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from auroraql.ir.time_literals import Interval, TimeError, add_time, next_day, read_interval

__all__ = [
    "Interval",
    "TimeError",
    "interval_of_value",
    "read_interval",
    "resolve_named_time",
    "shift_interval",
    "shift_time",
    "unit_seconds",
]

_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_UNITS = {
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "min": "min", "mins": "min", "minute": "min", "minutes": "min",
    "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
    "d": "d", "day": "d", "days": "d", "w": "w", "week": "w", "weeks": "w",
    "month": "month", "months": "month", "year": "year", "years": "year",
}  # fmt: skip


def shift_time(time: datetime, count: Decimal, unit: str) -> datetime:
    """Return the time shifted by `count` units. `unit` is any spelling of the grammar.

    A shift by months keeps the day of the month, or takes the month's last day. Raises TimeError if the result is
    outside the years 0001 to 9999, or if a count of months or years has a fraction.
    """
    short = _UNITS[unit.lower()]
    if short in _SECONDS:
        return _shift_end(time, count * _SECONDS[short])
    if count != count.to_integral_value():
        raise TimeError(
            f"{abs(count)} {unit} is not a whole number of {short}s", "use days for parts of a month or year"
        )
    months = int(count) * (12 if short == "year" else 1)
    index = time.year * 12 + time.month - 1 + months
    year, month = index // 12, index % 12 + 1
    if not 1 <= year <= 9999:
        raise TimeError("the time is outside the years 0001 to 9999")
    return time.replace(year=year, month=month, day=min(time.day, calendar.monthrange(year, month)[1]))


def unit_seconds(unit: str) -> int:
    """Return the length of a unit in seconds. Raises TimeError for months and years, which vary in length."""
    short = _UNITS[unit.lower()]
    if short not in _SECONDS:
        raise TimeError(f"a {short} has no fixed length", "use days or a shorter unit")
    return _SECONDS[short]


def _shift_end(time: datetime, seconds: Decimal) -> datetime:
    try:
        return time + timedelta(microseconds=int(seconds * 1_000_000))
    except (OverflowError, ValueError):
        raise TimeError("the time is outside the years 0001 to 9999") from None


def shift_interval(interval: Interval, count: Decimal, unit: str) -> Interval:
    """Shift both ends of an interval: TODAY - 1 day is a whole day."""
    past = shift_time(interval.past, count, unit) if interval.past is not None else None
    return Interval(shift_time(interval.first, count, unit), past)


def interval_of_value(value: date | datetime) -> Interval:
    """Return the interval of a Python value: the day of a date, the instant of a datetime (aware ones in UTC)."""
    if not isinstance(value, datetime):
        first = datetime(value.year, value.month, value.day)
        return Interval(first, next_day(first))
    # A pandas Timestamp is a datetime too. Its nanoseconds are dropped.
    clock = datetime.combine(date(value.year, value.month, value.day), value.time())
    offset = value.utcoffset()
    return Interval(clock if offset is None else add_time(clock, -offset))


def resolve_named_time(word: Literal["NOW", "TODAY"] | str, now: datetime) -> Interval:
    """Return the interval of NOW, which is an instant, or of TODAY, which is its day."""
    time = now.replace(microsecond=0)
    if word == "NOW":
        return Interval(time)
    return interval_of_value(time.date())
