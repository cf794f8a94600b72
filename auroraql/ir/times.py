"""Times: the intervals of literals and Python values, their shifts by durations, and their canonical text.

All times are naive UTC, with microseconds. A literal without a time of day means its whole year, month or day. One with
a time of day means that instant. In a query, a time is a string: an instant such as `2020-01-01T06:00:00.5`, or an
interval as its first and last time joined by a slash.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

RESOLUTION = timedelta(microseconds=1)
"""Resolution of times."""

SECOND = timedelta(seconds=1)

_OFFSETS = (timedelta(hours=-12), timedelta(hours=14))
"""Range of the UTC offsets in use."""

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"
_CLOCK = r"(?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d+))?)?"
_ZONE = r"(?P<zone>Z|[+-]\d{2}:?\d{2}|[ ]?UTC)?"
_LITERAL = re.compile(
    rf"(?:{_DATE}(?:[T ]{_CLOCK}{_ZONE}|(?P<utc>[ ]?UTC))?)|(?P<y>\d{{4}})(?:-(?P<m>\d{{2}}))?",
    re.IGNORECASE | re.ASCII,
)
_MONTHS_OF = {"month": 1, "year": 12}
_SPELLED_DATE = re.compile(
    r"(?:(?P<year>\d{4})-(?:(?P<ordinal>\d{3})|W(?P<week>\d{2})(?:-(?P<weekday>[1-7]))?)"
    r"|(?P<d1>\d{1,2})(?:st|nd|rd|th)?[ -]+(?P<m1>[a-z]+)[ -]+(?P<y1>\d{4})"
    r"|(?P<m2>[a-z]+) +(?:(?P<d2>\d{1,2})(?:st|nd|rd|th)?,? *)?(?P<y2>\d{4}))"
    r"(?P<rest>(?:[ T]\d.*|[ ]?UTC)?)",
    re.IGNORECASE | re.ASCII,
)
"""Dates that ISO 8601 or English names write in another way: 2020-032, 2020-W05, 15 Jan 2021."""


class TimeError(ValueError):
    """Error for a time that does not exist. `hint` is the way out."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Interval:
    """Interval from `first` to just before `past`. `past` is None for an instant."""

    first: datetime
    past: datetime | None = None

    @property
    def last(self) -> datetime:
        """Last time in the interval. For an instant, the instant itself."""
        if self.past is None or self.past == datetime.max:
            return self.past or self.first
        return self.past - RESOLUTION

    @property
    def lower(self) -> datetime:
        """Lower bound of a window: the first whole second of the interval."""
        return round_up_to_second(self.first)

    @property
    def upper(self) -> datetime:
        """Upper bound of a window: the last whole second of the interval."""
        return self.last.replace(microsecond=0)

    @property
    def literal(self) -> str:
        """Literal of a year, month or day. Empty for any other interval and for an instant."""
        first = self.first
        if self.past is None or first.time() != datetime.min.time():
            return ""
        if first.day == 1 and first.month == 1 and self.past == add_months(first, 12):
            return f"{first:%Y}".zfill(4)
        if first.day == 1 and self.past == add_months(first, 1):
            return first.date().isoformat()[:7]
        return first.date().isoformat() if self.past == next_day(first) else ""


def round_up_to_second(time: datetime) -> datetime:
    """Round a time up to a whole second. Raises TimeError if the result is after the year 9999."""
    whole = time.replace(microsecond=0)
    return whole if whole == time else add_time(whole, SECOND)


def add_time(time: datetime, delta: timedelta) -> datetime:
    """Return the time plus a delta. Raises TimeError if the result is outside the years 0001 to 9999."""
    try:
        return time + delta
    except OverflowError:
        raise TimeError("the time is outside the years 0001 to 9999") from None


def next_day(first: datetime) -> datetime:
    """Return the time a day later, or `datetime.max` on the last day of year 9999."""
    return first + timedelta(days=1) if first.date() < datetime.max.date() else datetime.max


def add_months(first: datetime, months: int) -> datetime:
    """Return the first day of the month that is `months` later, or `datetime.max` after the year 9999."""
    index = first.year * 12 + first.month - 1 + months
    return datetime(index // 12, index % 12 + 1, 1) if index // 12 <= datetime.max.year else datetime.max


def read_interval(text: str) -> Interval:
    """Return the interval of a literal. Raises TimeError if it is not a literal, or if the time does not exist."""
    match = _LITERAL.fullmatch(text.strip())
    if match is None:
        raise TimeError(f"'{text}' is not a date or time", _literal_hint(text.strip()))
    year, month, day = int(match["year"] or match["y"]), int(match["month"] or match["m"] or 1), int(match["day"] or 1)
    _check_date(year, month, day)
    first = datetime(year, month, day)
    if match["hour"]:
        return Interval(_read_clock(first, match))
    if match["day"]:
        return Interval(first, next_day(first))
    return Interval(first, add_months(first, _MONTHS_OF["month" if match["m"] else "year"]))


def read_literal(text: str) -> Interval:
    """Return the interval of a time literal of a statement: one of `read_interval`, or a date spelled in another way.

    These are the day of a year (`2020-032`), an ISO week or a day of it (`2020-W05`, `2020-W05-3`), and the English
    names of months (`January 2021`, `15 Jan 2021`, `Jan 15, 2021`). Raises TimeError as `read_interval` does.
    """
    match = _SPELLED_DATE.fullmatch(text.strip())
    if match is None:
        named = " ".join(text.upper().split())
        if named in NAMED_TIMES:
            raise TimeError(f"'{text}' is a text, not a time", f"write {named} without quotes")
        return read_interval(text)
    if match["week"] and not match["weekday"]:
        first = _day_of_week(int(match["year"]), int(match["week"]), 1)
        return Interval(first, shift_time(first, Decimal(1), "week"))
    name = match["m1"] or match["m2"]
    if name is None:
        day = _day_of_year(match)
        return read_interval(f"{day.date().isoformat()}{match['rest']}")
    month, number = month_number(name), match["d1"] or match["d2"]
    if month is None:
        return read_interval(text)
    date_text = f"{match['y1'] or match['y2']}-{month:02}" + (f"-{int(number):02}" if number else "")
    return read_interval(f"{date_text}{match['rest']}")


def _day_of_year(match: re.Match[str]) -> datetime:
    year = int(match["year"])
    if match["week"]:
        return _day_of_week(year, int(match["week"]), int(match["weekday"]))
    _check_date(year, 1, 1)
    days, number = 365 + calendar.isleap(year), int(match["ordinal"])
    if not 1 <= number <= days:
        raise TimeError(f"there is no day {number:03} in {year:04}", f"that year has {days} days")
    return datetime(year, 1, 1) + timedelta(days=number - 1)


def _day_of_week(year: int, week: int, weekday: int) -> datetime:
    """Return a day of an ISO week, which begins on Monday. Raises TimeError if the year has no such week."""
    _check_date(year, 1, 1)
    try:
        return datetime.fromisocalendar(year, week, weekday)
    except ValueError:
        weeks = datetime(year, 12, 28).isocalendar().week
        raise TimeError(f"there is no week {week:02} in {year:04}", f"that year has {weeks} weeks") from None


def month_number(name: str) -> int | None:
    """Return the number of a month by its English name, whole or cut to three letters or more."""
    short = name[:3].lower()
    return _MONTH_NAMES.index(short) + 1 if short in _MONTH_NAMES else None


def _literal_hint(text: str) -> str:
    """Return the hint for text that is not a time literal."""
    if re.fullmatch(r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?", text, re.ASCII):
        return "a time of day needs its date, for example 2020-02-01T06:30"
    hint = "write 2020-02-01, 2020-02-01T06:30 or 2020-02"
    hyphenated = add_hyphens(text)
    if not hyphenated:
        return hint
    error = fault_of(hyphenated)
    return f"{error}; {error.hint}" if error is not None else f"did you mean {hyphenated}?"


def add_hyphens(digits: str) -> str:
    """Return eight digits as a date with hyphens. Return an empty string for any other text."""
    plain = len(digits) == 8 and digits.isascii() and digits.isdigit()
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}" if plain else ""


def fault_of(literal: str) -> TimeError | None:
    """Return the error in a literal, or None if it is valid."""
    try:
        read_interval(literal)
    except TimeError as error:
        return error
    return None


def fault_of_literal(text: str) -> TimeError | None:
    """Return the error in text that has the form of a time literal. Return None if it is valid or has another form."""
    return fault_of(text) if _LITERAL.fullmatch(text.strip()) is not None else None


def read_full_date(text: str) -> Interval | None:
    """Return the interval of a full date, with or without a time of day. Return None for any other text."""
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
    time = day.replace(hour=hour, minute=minute, second=second, microsecond=micro)
    return add_time(time, -_read_offset(match["zone"]))


def _read_offset(zone: str | None) -> timedelta:
    """Return the UTC offset of a zone. Raises TimeError for an offset that is not in use."""
    if not zone or zone[0] not in "+-":
        return timedelta()
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    offset = timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)
    if minutes > 59 or not _OFFSETS[0] <= offset <= _OFFSETS[1]:
        raise TimeError(f"there is no time zone {zone}", "offsets run from -12:00 to +14:00")
    return offset


def write_instant(time: datetime) -> str:
    """Format an instant for a query: with seconds, and with a fraction if it is not zero."""
    text = time.isoformat(timespec="microseconds" if time.microsecond else "seconds")
    return text.rstrip("0") if time.microsecond else text


def write_interval(interval: Interval) -> str:
    """Format an interval for a query: an instant, or the first and the last time joined by a slash."""
    if interval.past is None:
        return write_instant(interval.first)
    return f"{write_instant(interval.first)}/{write_instant(interval.last)}"


def read_span(text: str) -> tuple[datetime, datetime] | None:
    """Return the first and last time of an interval of a query. Return None for any other string."""
    first, slash, last = text.partition("/")
    if not slash or len(first) < 19 or len(last) < 19:
        return None
    ends = read_full_date(first), read_full_date(last)
    return (ends[0].first, ends[1].first) if ends[0] is not None and ends[1] is not None else None


def literal_of(first: datetime, last: datetime) -> str:
    """Return the literal of the year, month or day from `first` to `last`. Return "" if it is none of them."""
    return Interval(first, last + RESOLUTION if last < datetime.max else last).literal


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


_DAY_OFFSETS = {"TODAY": 0, "YESTERDAY": -1, "TOMORROW": 1}
_PERIODS = {"WEEK": "week", "MONTH": "month", "YEAR": "year"}

NAMED_TIMES = (
    "NOW",
    *_DAY_OFFSETS,
    *(f"{which} {period}" for period in _PERIODS for which in ("THIS", "LAST")),
)
"""Times relative to now: an instant, days, and the calendar weeks (from Monday), months and years of UTC."""


def resolve_named_time(word: str, now: datetime) -> Interval:
    """Return the interval of a named time: the instant of NOW, or the whole day, week, month or year."""
    if word == "NOW":
        return Interval(now.replace(microsecond=0))
    today = interval_of_value(now.date())
    if word in _DAY_OFFSETS:
        return shift_interval(today, Decimal(_DAY_OFFSETS[word]), "day")
    which, period = word.split()
    offset = {"WEEK": now.weekday(), "MONTH": now.day - 1, "YEAR": now.timetuple().tm_yday - 1}[period]
    first = shift_time(today.first, Decimal(-offset), "day")
    if which == "LAST":
        first = shift_time(first, Decimal(-1), _PERIODS[period])
    return Interval(first, shift_time(first, Decimal(1), _PERIODS[period]))


_DURATION_PART = re.compile(r"(\d+)\s*([a-z]+)", re.IGNORECASE | re.ASCII)


def read_duration(text: str) -> tuple[str, str]:
    """Return the count and unit of a duration in several units, such as 90 and "min" for `1h30m`.

    The unit is the smallest one that the text names.
    """
    parts = [
        (int(count), "min" if unit.lower() == "m" else unit.lower()) for count, unit in _DURATION_PART.findall(text)
    ]
    smallest = _UNITS.get(parts[-1][1], "year")
    if smallest in _SECONDS:
        seconds = sum(count * _SECONDS[_UNITS[unit]] for count, unit in parts)
        return str(seconds // _SECONDS[smallest]), smallest
    years, months = parts[0][0], parts[-1][0]
    return str(12 * years + months), "months"


_NUMBER = re.compile(r"\s*\+?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*", re.IGNORECASE | re.ASCII)
_LENGTH_PART = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]+)", re.IGNORECASE | re.ASCII)


def read_seconds(text: str) -> float:
    """Return the seconds of a length of time that an option or a setting gives.

    A number without a unit counts seconds. The units are those of the grammar, and `m` for minutes, since no distance
    or month can be meant: `90`, `1.5h`, `10m`, `10 min`, `1h30m`. Raises TimeError for another text.
    """
    if _NUMBER.fullmatch(text):
        return float(text)
    seconds, end = 0.0, 0
    while match := _LENGTH_PART.match(text, end):
        unit = match[2].lower()
        short = "min" if unit == "m" else _UNITS.get(unit)
        if short not in _SECONDS:
            break
        seconds, end = seconds + float(match[1]) * _SECONDS[short], match.end()
    if end == 0 or text[end:].strip():
        raise TimeError(
            f"{text!r} is not a length of time", "write seconds, or a number with a unit: 90, 10m, 2h, 1h30m"
        )
    return seconds


def is_length_in_days(unit: str) -> bool:
    """Return whether a unit is a day or a number of days, so that a time that many units ago is a day."""
    return _UNITS[unit.lower()] not in ("s", "min", "h")
