"""Literals of time, and the interval that each one names. Everything is naive UTC, to the microsecond.

A literal without a time of day names its whole year, month or day; one with a time of day names that instant. In a
query a time is a string: an instant as `2020-01-01T06:00:00.5`, a whole interval as its first and last moment
with a slash between them.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

RESOLUTION = timedelta(microseconds=1)
"""The finest step of a time."""

SECOND = timedelta(seconds=1)

_OFFSETS = (timedelta(hours=-12), timedelta(hours=14))
"""The offsets from UTC that are in use on Earth."""

_DATE = r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"
_CLOCK = r"(?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d+))?)?"
_ZONE = r"(?P<zone>Z|[+-]\d{2}:?\d{2}|[ ]?UTC)?"
_LITERAL = re.compile(
    rf"(?:{_DATE}(?:[T ]{_CLOCK}{_ZONE}|(?P<utc>[ ]?UTC))?)|(?P<y>\d{{4}})(?:-(?P<m>\d{{2}}))?",
    re.IGNORECASE | re.ASCII,
)
_MONTHS_OF = {"month": 1, "year": 12}


class TimeError(ValueError):
    """A time that does not exist; `hint` says which would."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Interval:
    """From `first` to just before `past`; an instant has no `past`."""

    first: datetime
    past: datetime | None = None

    @property
    def last(self) -> datetime:
        """The last moment inside; that of an instant is the instant."""
        if self.past is None or self.past == datetime.max:
            return self.past or self.first
        return self.past - RESOLUTION

    @property
    def lower(self) -> datetime:
        """As the lower bound of a window: its first whole second."""
        return round_up_to_second(self.first)

    @property
    def upper(self) -> datetime:
        """As the upper bound of a window: its last whole second."""
        return self.last.replace(microsecond=0)

    @property
    def literal(self) -> str:
        """The literal of the year, month or day that this is; empty for any other interval, and for an instant."""
        first = self.first
        if self.past is None or first.time() != datetime.min.time():
            return ""
        if first.day == 1 and first.month == 1 and self.past == add_months(first, 12):
            return f"{first:%Y}".zfill(4)
        if first.day == 1 and self.past == add_months(first, 1):
            return first.date().isoformat()[:7]
        return first.date().isoformat() if self.past == next_day(first) else ""


def round_up_to_second(moment: datetime) -> datetime:
    """The moment, or the first whole second after it. Raises TimeFault when the calendar ends before."""
    whole = moment.replace(microsecond=0)
    return whole if whole == moment else add_time(whole, SECOND)


def add_time(moment: datetime, by: timedelta) -> datetime:
    """The moment moved. Raises TimeFault when the calendar does not reach so far."""
    try:
        return moment + by
    except OverflowError:
        raise TimeError("the time lies outside the years 0001 to 9999") from None


def next_day(first: datetime) -> datetime:
    """A day later; `datetime.max` when the calendar ends with this day."""
    return first + timedelta(days=1) if first.date() < datetime.max.date() else datetime.max


def add_months(first: datetime, months: int) -> datetime:
    """The first day of a month, months later; `datetime.max` when the calendar ends before."""
    index = first.year * 12 + first.month - 1 + months
    return datetime(index // 12, index % 12 + 1, 1) if index // 12 <= datetime.max.year else datetime.max


def read_interval(text: str) -> Interval:
    """The interval that a literal names. Raises TimeFault when it is not a literal, or names no real time."""
    match = _LITERAL.fullmatch(text.strip())
    if match is None:
        raise TimeError(f"'{text}' is not a date or time", _way_to_write(text.strip()))
    year, month, day = int(match["year"] or match["y"]), int(match["month"] or match["m"] or 1), int(match["day"] or 1)
    _check_date(year, month, day)
    first = datetime(year, month, day)
    if match["hour"]:
        return Interval(_read_clock(first, match))
    if match["day"]:
        return Interval(first, next_day(first))
    return Interval(first, add_months(first, _MONTHS_OF["month" if match["m"] else "year"]))


def _way_to_write(text: str) -> str:
    """Return the hint for a text that is not a literal of time."""
    if re.fullmatch(r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?", text, re.ASCII):
        return "a time of day needs its date, as in 2020-02-01T06:30"
    hint = "write 2020-02-01, 2020-02-01T06:30 or 2020-02"
    hyphenated = with_hyphens(text)
    if not hyphenated:
        return hint
    fault = fault_of(hyphenated)
    return f"{fault}; {fault.hint}" if fault is not None else f"did you mean {hyphenated}?"


def with_hyphens(digits: str) -> str:
    """Return a date that is written as eight digits with its hyphens; empty for any other text."""
    plain = len(digits) == 8 and digits.isascii() and digits.isdigit()
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}" if plain else ""


def fault_of(literal: str) -> TimeError | None:
    """Return why a literal does not name a time; None where it does."""
    try:
        read_interval(literal)
    except TimeError as fault:
        return fault
    return None


def fault_of_literal(text: str) -> TimeError | None:
    """Return why a text that is written as a literal of time does not name one; None for any other text."""
    return fault_of(text) if _LITERAL.fullmatch(text.strip()) is not None else None


def read_full_date(text: str) -> Interval | None:
    """The interval of a text that is a whole date, perhaps with a time of day; None for any other text."""
    if len(text) < 10 or text[4] != "-" or text[7] != "-":
        return None
    try:
        return read_interval(text)
    except TimeError:
        return None


def _check_date(year: int, month: int, day: int) -> None:
    if year < 1:
        raise TimeError("there is no year 0", "years run from 0001 to 9999")
    if not 1 <= month <= 12:
        raise TimeError(f"there is no month {month:02}", "months run from 01 to 12")
    days = calendar.monthrange(year, month)[1]
    if not 1 <= day <= days:
        raise TimeError(f"there is no day {day:02} in {year:04}-{month:02}", f"that month has {days} days")


def _read_clock(day: datetime, match: re.Match[str]) -> datetime:
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    if hour > 23:
        hint = f"midnight is 00:00 of the next day: {next_day(day):%Y-%m-%d}T00:00" if hour == 24 else ""
        raise TimeError(f"there is no hour {hour}", hint or "hours run from 00 to 23")
    if minute > 59 or second > 59:
        raise TimeError(f"there is no time {hour:02}:{minute:02}:{second:02}", "minutes and seconds run from 00 to 59")
    digits = match["fraction"] or ""
    micro = int((digits + "000000")[:6]) or (1 if digits.strip("0") else 0)
    moment = day.replace(hour=hour, minute=minute, second=second, microsecond=micro)
    return add_time(moment, -_read_offset(match["zone"]))


def _read_offset(zone: str | None) -> timedelta:
    """How far local time is ahead of UTC. Raises TimeFault for an offset that no place on Earth has."""
    if not zone or zone[0] not in "+-":
        return timedelta()
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    offset = timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)
    if minutes > 59 or not _OFFSETS[0] <= offset <= _OFFSETS[1]:
        raise TimeError(f"there is no time zone {zone}", "offsets run from -12:00 to +14:00")
    return offset


def write_instant(moment: datetime) -> str:
    """An instant as a query has it: with seconds, and a fraction only where it is not zero."""
    text = moment.isoformat(timespec="microseconds" if moment.microsecond else "seconds")
    return text.rstrip("0") if moment.microsecond else text


def write_interval(interval: Interval) -> str:
    """An interval as a query has it: an instant, or the first and the last moment."""
    if interval.past is None:
        return write_instant(interval.first)
    return f"{write_instant(interval.first)}/{write_instant(interval.last)}"


def read_span(text: str) -> tuple[datetime, datetime] | None:
    """The first and last moment of an interval as a query has it; None for any other string."""
    first, slash, last = text.partition("/")
    if not slash or len(first) < 19 or len(last) < 19:
        return None
    ends = read_full_date(first), read_full_date(last)
    return (ends[0].first, ends[1].first) if ends[0] is not None and ends[1] is not None else None


def literal_of(first: datetime, last: datetime) -> str:
    """The literal of the year, month or day from `first` to `last`; empty when it is none of them."""
    return Interval(first, last + RESOLUTION if last < datetime.max else last).literal
