"""Tests of a plan's windows: split at the service's limit, and never where a record could cross the boundary."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auroraql.ir.plan import Request
from auroraql.planner.dnf import merge_request_windows
from auroraql.planner.request_windows import close_windows, cut_windows, is_too_long

_MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)).map(lambda d: d.replace(microsecond=0))


@given(_MOMENTS, st.integers(0, 3 * 366 * 86400))
@example(datetime(2020, 1, 1), 31 * 86400 - 1)
@example(datetime(2020, 1, 1), 31 * 86400)
@example(datetime(2020, 1, 1), 31 * 86400 + 1)
@example(datetime(2020, 1, 31), 29 * 86400)
def test_pieces_are_contiguous_and_at_most_a_month_long(start: datetime, seconds: int) -> None:
    end = start + timedelta(seconds=seconds)
    pieces = cut_windows([Request("ephemeris", start=start, end=end)])
    assert (pieces[0].start, pieces[-1].end) == (start, end)
    for before, after in pairwise(pieces):
        assert before.end is not None
        assert after.start == before.end + timedelta(seconds=1)
    for piece in pieces:
        assert piece.start is not None
        assert piece.end is not None
        assert timedelta() <= piece.end - piece.start < timedelta(days=31)


def test_a_month_is_one_request_and_the_calendar_ends() -> None:
    month = Request("ephemeris", start=datetime(2020, 2, 1), end=datetime(2020, 2, 29, 23, 59, 59))
    assert cut_windows([month]) == (month,)
    last = Request("ephemeris", start=datetime(9999, 11, 15), end=datetime(9999, 12, 31, 23, 59, 59))
    assert len(cut_windows([last])) == 2


def test_data_products_and_open_windows_are_not_split() -> None:
    years = Request("data_products", start=datetime(2000, 1, 1), end=datetime(2020, 1, 1))
    open_end = Request("ephemeris", start=datetime(2000, 1, 1))
    assert cut_windows([years, open_end]) == (years, open_end)


@pytest.mark.parametrize(("seconds", "refused"), [(-1, False), (0, True), (1, True)])
def test_a_window_of_31_days_is_the_first_to_be_split(seconds: int, refused: bool) -> None:
    start = datetime(2020, 1, 1)
    end = start + timedelta(days=31, seconds=seconds)
    assert is_too_long(Request("ephemeris", start=start, end=end)) is refused


@pytest.mark.parametrize(("gap", "count"), [(-60, 1), (0, 1), (1, 1), (2, 2)])
def test_windows_that_overlap_or_are_a_second_apart_become_one_request(gap: int, count: int) -> None:
    first, middle, last = datetime(2020, 1, 1), datetime(2020, 1, 2), datetime(2020, 1, 3)
    requests = [
        Request("ephemeris", start=middle + timedelta(seconds=gap), end=last),
        Request("ephemeris", start=first, end=middle),
    ]
    merged = merge_request_windows(requests)
    assert len(merged) == count
    assert (merged[0].start, merged[-1].end) == (first, last)


@pytest.mark.parametrize("kind", ["ephemeris", "data_products"])
def test_duplicate_requests_are_sent_once(kind: str) -> None:
    request = Request(kind, (("program", ("trex",)),), start=datetime(2020, 1, 1), end=datetime(2020, 1, 2))
    assert merge_request_windows([request, request]) == [request]


def test_an_open_window_is_closed_with_the_record_range() -> None:
    moment = datetime(2020, 1, 1)
    request = Request("ephemeris", end=moment)
    closed = Request("ephemeris", start=moment, end=moment)
    assert close_windows([request], lambda _: (moment, moment)) == ((closed,), True)
    later = moment + timedelta(seconds=1)
    assert close_windows([request], lambda _: (later, later)) == ((), True)


def test_the_given_end_of_an_open_window_is_narrowed_to_the_records() -> None:
    first, last = datetime(2018, 1, 1), datetime(2020, 6, 1)
    for bounds, window in (
        ({"start": datetime(1990, 1, 1)}, (first, last)),
        ({"start": datetime(2019, 1, 1)}, (datetime(2019, 1, 1), last)),
        ({"end": datetime(2030, 1, 1)}, (first, last)),
        ({"end": datetime(2019, 1, 1)}, (first, datetime(2019, 1, 1))),
    ):
        (request,), known = close_windows(
            [Request("ephemeris", start=bounds.get("start"), end=bounds.get("end"))], lambda _: (first, last)
        )
        assert known
        assert (request.start, request.end) == window
    whole = Request("ephemeris", start=datetime(1990, 1, 1), end=datetime(1990, 1, 2))
    assert close_windows([whole], lambda _: (first, last)) == ((whole,), True)
