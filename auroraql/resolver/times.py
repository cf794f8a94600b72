"""What a written time means: the interval of a literal (see `auroraql.ir.time_literals`), moved by its shifts."""

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


def shift_time(moment: datetime, count: Decimal, unit: str) -> datetime:
    """The moment moved by `count` units (a spelling of the grammar). Months keep the day where they can.

    Raises TimeFault when the calendar does not reach so far.
    """
    short = _UNITS[unit.lower()]
    if short in _SECONDS:
        return _shift_end(moment, count * _SECONDS[short])
    if count != count.to_integral_value():
        raise TimeError(f"{abs(count)} {unit} is no whole number of {short}s", "use days for parts of a month or year")
    months = int(count) * (12 if short == "year" else 1)
    index = moment.year * 12 + moment.month - 1 + months
    year, month = index // 12, index % 12 + 1
    if not 1 <= year <= 9999:
        raise TimeError("the time lies outside the years 0001 to 9999")
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


def unit_seconds(unit: str) -> int:
    """How long a unit is. Raises TimeFault for those of no fixed length, months and years."""
    short = _UNITS[unit.lower()]
    if short not in _SECONDS:
        raise TimeError(f"a {short} has no fixed length", "use days, or shorter")
    return _SECONDS[short]


def _shift_end(moment: datetime, seconds: Decimal) -> datetime:
    try:
        return moment + timedelta(microseconds=int(seconds * 1_000_000))
    except (OverflowError, ValueError):
        raise TimeError("the time lies outside the years 0001 to 9999") from None


def shift_interval(interval: Interval, count: Decimal, unit: str) -> Interval:
    """The interval moved whole: yesterday is a day, as today is."""
    past = shift_time(interval.past, count, unit) if interval.past is not None else None
    return Interval(shift_time(interval.first, count, unit), past)


def interval_of_value(value: date | datetime) -> Interval:
    """The interval of a Python value: a date is its day, a datetime (aware ones converted) its instant."""
    if not isinstance(value, datetime):
        first = datetime(value.year, value.month, value.day)
        return Interval(first, next_day(first))
    # A pandas Timestamp is a datetime too, with nanoseconds that nothing here has.
    clock = datetime.combine(date(value.year, value.month, value.day), value.time())
    offset = value.utcoffset()
    return Interval(clock if offset is None else add_time(clock, -offset))


def resolve_named_time(word: Literal["NOW", "TODAY"] | str, now: datetime) -> Interval:
    """NOW is an instant, TODAY the day of it."""
    moment = now.replace(microsecond=0)
    if word == "NOW":
        return Interval(moment)
    return interval_of_value(moment.date())
