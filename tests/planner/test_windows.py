"""Windows of a plan: cut where the service has a limit, and never where a record could span the cut."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from auroraql.ir.plan import Request
from auroraql.planner.windows import cut_windows

_MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)).map(lambda d: d.replace(microsecond=0))


@given(_MOMENTS, st.integers(0, 3 * 366 * 86400))
def test_pieces_follow_each_other_and_none_is_longer_than_a_month(start: datetime, seconds: int) -> None:
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


def test_a_month_is_one_request_and_the_calendar_has_an_end() -> None:
    month = Request("ephemeris", start=datetime(2020, 2, 1), end=datetime(2020, 2, 29, 23, 59, 59))
    assert cut_windows([month]) == (month,)
    last = Request("ephemeris", start=datetime(9999, 11, 15), end=datetime(9999, 12, 31, 23, 59, 59))
    assert len(cut_windows([last])) == 2


def test_data_products_and_open_windows_are_left_whole() -> None:
    years = Request("data_products", start=datetime(2000, 1, 1), end=datetime(2020, 1, 1))
    open_end = Request("ephemeris", start=datetime(2000, 1, 1))
    assert cut_windows([years, open_end]) == (years, open_end)
