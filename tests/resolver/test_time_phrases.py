"""Time phrases: each means the same window as a calendar computed by `datetime` and `calendar` alone, at any time of day."""

from __future__ import annotations

import calendar
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroraql.codecs import script
from auroraql.diagnostics.errors import Source, StatementError
from auroraql.ir.times import NAMED_TIMES
from auroraql.language.formatter import format_text
from auroraql.resolver import resolve
from auroraql.schema.catalogue import load_shipped

MOMENTS = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2089, 12, 31))
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
MONTHS = [name for name in calendar.month_name if name]


def window(clause: str, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return the resolved window of a clause."""
    query = resolve(script.read_find(Source(f"FIND data_products {clause}")), load_shipped(), now=now).query
    return query.start, query.end


def days(first: date, past: date) -> tuple[datetime, datetime]:
    """Return the window of whole days from `first` to the day before `past`."""
    return datetime(first.year, first.month, first.day), datetime(past.year, past.month, past.day) - SECOND


@given(MOMENTS)
def test_named_days_are_days_of_utc(now: datetime) -> None:
    today = now.date()
    assert window("ON today", now) == days(today, today + DAY)
    assert window("ON Yesterday", now) == days(today - DAY, today)
    assert window("DURING TOMORROW", now) == days(today + DAY, today + 2 * DAY)
    assert window("ON TODAY - 1 day", now) == window("ON yesterday", now) == window("ON 1 day ago", now)


@given(MOMENTS)
def test_periods_are_calendar_periods(now: datetime) -> None:
    today = now.date()
    monday = today - timedelta(days=today.isoweekday() - 1)
    assert window("this week", now) == days(monday, monday + 7 * DAY)
    assert window("DURING last week", now) == days(monday - 7 * DAY, monday)
    first = today.replace(day=1)
    length = calendar.monthrange(today.year, today.month)[1]
    assert window("DURING this month", now) == days(first, first + timedelta(days=length))
    assert window("LAST MONTH", now) == days((first - DAY).replace(day=1), first)
    assert window("this  year", now) == days(date(today.year, 1, 1), date(today.year + 1, 1, 1))
    assert window("DURING the last year", now) == days(date(today.year - 1, 1, 1), date(today.year, 1, 1))


@given(MOMENTS, st.integers(0, 400), st.integers(1, 500))
def test_ago_is_a_day_for_days_and_an_instant_for_shorter_units(now: datetime, count: int, hours: int) -> None:
    day = now.date() - timedelta(days=count)
    assert window(f"ON {count} days ago", now) == days(day, day + DAY)
    assert window(f"SINCE {count} d ago", now)[0] == days(day, day + DAY)[0]
    start, end = window(f"BETWEEN {hours} hours ago AND NOW", now)
    whole = now.replace(microsecond=0)
    assert (start, end) == (whole - timedelta(hours=hours), whole)
    assert window(f"BETWEEN {hours}h30m ago AND NOW", now)[0] == whole - timedelta(hours=hours, minutes=30)


@given(MOMENTS, st.integers(1, 60), st.integers(0, 500), st.integers(0, 90), st.integers(0, 90))
def test_a_duration_of_several_units_is_their_sum(now: datetime, d: int, h: int, m: int, s: int) -> None:
    length = timedelta(days=d, hours=h, minutes=m, seconds=s)
    end = now.replace(microsecond=0)
    for written in (f"{d}d{h}h{m}m{s}s", f"{d} days {h} hours {m} min {s} sec", f"{d}d {h}H{m}min{s}s"):
        assert window(f"LAST {written}", now) == (end - length, end)
    assert window(f"LAST {d} nights", now) == window(f"LAST {d} days", now) == (end - timedelta(days=d), end)


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2199, 12, 30)))
def test_every_spelling_of_a_day_is_that_day(day: date) -> None:
    now, name = datetime(2021, 3, 4), MONTHS[day.month - 1]
    iso = day.isocalendar()
    for written in (
        f"{day:%Y-%j}",
        f"{day.day} {name} {day.year}",
        f"{day.day:02}-{name[:3]}-{day.year}",
        f"{name[:3].lower()} {day.day}, {day.year}",
        f"{name.upper()} {day.day} {day.year}",
        f"{iso.year:04}-W{iso.week:02}-{iso.weekday}",
    ):
        assert window(f"ON {written}", now) == days(day, day + DAY), written
        assert window(f"SINCE {written} 06:30", now) if "W" not in written else True
    first = day.replace(day=1)
    past = (first + 32 * DAY).replace(day=1)
    assert window(f"DURING {name} {day.year}", now) == window(f"DURING {name[:3]} {day.year}", now) == days(first, past)
    monday = day - timedelta(days=day.isoweekday() - 1)
    assert window(f"DURING {iso.year:04}-W{iso.week:02}", now) == days(monday, monday + 7 * DAY)


@pytest.mark.parametrize("name", NAMED_TIMES)
def test_a_named_time_is_read_wherever_a_time_is(name: str) -> None:
    now = datetime(2021, 3, 4, 5, 6, 7)
    text = f"FIND data_products WHERE start >= {name.lower()}"
    query = resolve(script.read_find(Source(text)), load_shipped(), now=now).query
    given_text = resolve(
        script.read_find(Source("FIND data_products SINCE $t")), load_shipped(), {"t": name.lower()}, now=now
    ).query
    assert given_text.start is not None
    assert query == resolve(script.read_find(Source(format_text(Source(text)))), load_shipped(), now=now).query
    assert window(f"SINCE {name}", now)[0] == given_text.start


@pytest.mark.parametrize(
    "name", ["ago", "yesterday_", "this", "last", "month", "week", "may", "january", "nights", "period", "duration"]
)
def test_the_words_of_phrases_stay_names(name: str) -> None:
    query = resolve(
        script.read_find(Source(f"FIND data_products WHERE {name} = 'x' ON 2021-01-01")), load_shipped()
    ).query
    assert name in repr(query.where)


@pytest.mark.parametrize("written", ["01/02/2021", "last winter", "1 month 3 days ago", "LAST 30m1h", "15 Jan 21"])
def test_what_has_two_meanings_is_an_error(written: str) -> None:
    with pytest.raises(StatementError):
        script.read_find(Source(f"FIND data_products ON {written}"))
