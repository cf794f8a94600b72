"""What a written time means: the interval a literal spells, moved by its shifts, as bounds in whole seconds.

A literal without a time of day is its whole interval (a year, a month, a day); one with a time of day is
that instant. Everything is naive UTC. Seconds are the finest step: a lower bound with a fraction rounds
up, an upper bound down.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Literal

_SECOND = timedelta(seconds=1)
_LITERAL = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d{2})(?:-(?P<day>\d{2})"
    r"(?:[T ](?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d+))?)?"
    r"(?P<zone>Z|[+-]\d{2}:?\d{2})?)?)?)?",
    re.IGNORECASE,
)
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_UNITS = {
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "min": "min", "mins": "min", "minute": "min", "minutes": "min",
    "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
    "d": "d", "day": "d", "days": "d", "w": "w", "week": "w", "weeks": "w",
    "month": "month", "months": "month", "year": "year", "years": "year",
}  # fmt: skip


class TimeFault(ValueError):
    """A time that does not exist; `hint` says what would."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Interval:
    """From `first` to just before `past`; an instant has no `past`."""

    first: datetime
    past: datetime | None = None

    @property
    def lower(self) -> datetime:
        """As a lower bound: its first whole second."""
        whole = self.first.replace(microsecond=0)
        return whole if whole == self.first else _moved(whole, _SECOND)

    @property
    def upper(self) -> datetime:
        """As an upper bound: its last whole second."""
        if self.past is None or self.past == datetime.max:
            return (self.past or self.first).replace(microsecond=0)
        return self.past - _SECOND


def read_interval(text: str) -> Interval:
    """The interval a literal spells. Raises TimeFault when it is no literal or names no real time."""
    match = _LITERAL.fullmatch(text.strip())
    if match is None:
        raise TimeFault(f"'{text}' is no date or time", "write 2020-02-01, 2020-02-01T06:30 or 2020-02")
    year, month, day = int(match["year"]), int(match["month"] or 1), int(match["day"] or 1)
    _check_date(year, month, day)
    first = datetime(year, month, day)
    if match["hour"]:
        return Interval(_clock(first, match))
    step = "year" if match["month"] is None else "month" if match["day"] is None else "d"
    return Interval(first, _past(first, step))


def _past(first: datetime, step: str) -> datetime:
    """The first moment after an interval; `datetime.max` when the calendar ends with it."""
    try:
        return shifted(first, Decimal(1), step)
    except TimeFault:
        return datetime.max


def _check_date(year: int, month: int, day: int) -> None:
    if year < 1:
        raise TimeFault("there is no year 0", "years run from 0001 to 9999")
    if not 1 <= month <= 12:
        raise TimeFault(f"there is no month {month:02}", "months run from 01 to 12")
    days = calendar.monthrange(year, month)[1]
    if not 1 <= day <= days:
        raise TimeFault(f"there is no day {day:02} in {year:04}-{month:02}", f"that month has {days} days")


def _clock(day: datetime, match: re.Match[str]) -> datetime:
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    if hour > 23:
        hint = (
            f"midnight is 00:00 of the next day: {_moved(day, timedelta(days=1)):%Y-%m-%d}T00:00" if hour == 24 else ""
        )
        raise TimeFault(f"there is no hour {hour}", hint or "hours run from 00 to 23")
    if minute > 59 or second > 59:
        raise TimeFault(f"there is no time {hour:02}:{minute:02}:{second:02}", "minutes and seconds run from 00 to 59")
    digits = match["fraction"] or ""
    micro = int((digits + "000000")[:6]) or (1 if digits.strip("0") else 0)
    moment = day.replace(hour=hour, minute=minute, second=second, microsecond=micro)
    return _moved(moment, -_zone(match["zone"]))


def _zone(zone: str | None) -> timedelta:
    if not zone or zone in "Zz":
        return timedelta()
    sign = -1 if zone[0] == "-" else 1
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 15 or minutes > 59:
        raise TimeFault(f"there is no time zone {zone}", "offsets run from -12:00 to +14:00")
    return sign * timedelta(hours=hours, minutes=minutes)


def _moved(moment: datetime, by: timedelta) -> datetime:
    try:
        return moment + by
    except OverflowError:
        raise TimeFault("the time lies outside the years 0001 to 9999") from None


def shifted(moment: datetime, count: Decimal, unit: str) -> datetime:
    """The moment moved by `count` units (a spelling of the grammar). Months keep the day where they can.

    Raises TimeFault when the calendar does not reach so far.
    """
    short = _UNITS[unit.lower()]
    if short in _SECONDS:
        return _moved_past(moment, count * _SECONDS[short])
    if count != count.to_integral_value():
        raise TimeFault(f"{abs(count)} {unit} is no whole number of {short}s", "use days for parts of a month or year")
    months = int(count) * (12 if short == "year" else 1)
    index = moment.year * 12 + moment.month - 1 + months
    year, month = index // 12, index % 12 + 1
    if not 1 <= year <= 9999:
        raise TimeFault("the time lies outside the years 0001 to 9999")
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


def seconds_of(unit: str) -> int:
    """How long a unit is. Raises TimeFault for those of no fixed length, months and years."""
    short = _UNITS[unit.lower()]
    if short not in _SECONDS:
        raise TimeFault(f"a {short} has no fixed length", "use days, or shorter")
    return _SECONDS[short]


def _moved_past(moment: datetime, seconds: Decimal) -> datetime:
    try:
        return moment + timedelta(microseconds=int(seconds * 1_000_000))
    except (OverflowError, ValueError):
        raise TimeFault("the time lies outside the years 0001 to 9999") from None


def shift(interval: Interval, count: Decimal, unit: str) -> Interval:
    """The interval moved whole: yesterday is a day, as today is."""
    past = shifted(interval.past, count, unit) if interval.past is not None else None
    return Interval(shifted(interval.first, count, unit), past)


def interval_of(value: date | datetime) -> Interval:
    """The interval of a Python value: a date is its day, a datetime (aware ones converted) its instant."""
    if not isinstance(value, datetime):
        first = datetime(value.year, value.month, value.day)
        return Interval(first, _past(first, "d"))
    return Interval(value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value)


def named(word: Literal["NOW", "TODAY"] | str, now: datetime) -> Interval:
    """NOW is an instant, TODAY the day of it."""
    moment = now.replace(microsecond=0)
    if word == "NOW":
        return Interval(moment)
    return interval_of(moment.date())
