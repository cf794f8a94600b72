"""Tests of time literals at the limits of what they can name."""

from __future__ import annotations

from datetime import datetime

import pytest

from auroraql.ir.times import TimeError, read_interval


@pytest.mark.parametrize(
    ("zone", "utc"),
    [
        ("+14:00", datetime(2020, 1, 1, 22)),
        ("+1400", datetime(2020, 1, 1, 22)),
        ("+13:59", datetime(2020, 1, 1, 22, 1)),
        ("-12:00", datetime(2020, 1, 3)),
        ("-11:59", datetime(2020, 1, 2, 23, 59)),
        ("+00:00", datetime(2020, 1, 2, 12)),
    ],
)
def test_every_real_offset_is_read(zone: str, utc: datetime) -> None:
    assert read_interval(f"2020-01-02T12:00{zone}").first == utc


@pytest.mark.parametrize("zone", ["+14:01", "+15:00", "-12:01", "-13:00", "+99:00", "+01:60", "-00:60"])
def test_an_impossible_offset_is_refused(zone: str) -> None:
    with pytest.raises(TimeError, match="time zone"):
        read_interval(f"2020-01-02T12:00{zone}")


@pytest.mark.parametrize(
    ("fraction", "microsecond"),
    [
        ("5", 500_000),
        ("000001", 1),
        ("123456", 123_456),
        ("1234567", 123_456),
        ("9999999", 999_999),
        ("0000000", 0),
        ("0000001", 1),
        ("0000009", 1),
        ("00000000000000000001", 1),
    ],
)
def test_a_fraction_below_a_microsecond_is_truncated_but_never_to_a_whole_second(
    fraction: str, microsecond: int
) -> None:
    """A time just after a second stays after it, so that comparisons with the second keep their result."""
    assert read_interval(f"2020-01-02T12:00:00.{fraction}").first == datetime(2020, 1, 2, 12, 0, 0, microsecond)
