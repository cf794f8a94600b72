"""Days and durations that FIND computes keep their types in stored results, in FIND of a result and in SQL."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

import auroraql

STORED = "LET g = FIND data_products SELECT day(start) AS d, end - start AS len WHERE program = 'trex' ON 2021-01-01;"
DAY, LONG, SHORT = date(2021, 1, 1), timedelta(hours=23, minutes=59), timedelta(minutes=59)


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("FIND g WHERE len > 2 h AND d = 2021-01-01 LIMIT 1", (DAY, LONG)),
        ("FIND g WHERE len BETWEEN 30 min AND 1 h LIMIT 1", (DAY, SHORT)),
        ("FIND g SELECT d, max(len), count(*) WHERE d < 2021-01-02 GROUP BY d", (DAY, LONG, 289)),
        ("FIND g SELECT d, len, len / 1 h AS hours WHERE len < 1 h LIMIT 1", (DAY, SHORT, 59 / 60)),
        ("FIND DISTINCT g SELECT len ORDER BY len", (SHORT,)),
        ("SQL SELECT d, len FROM g ORDER BY len LIMIT 1", (DAY, SHORT)),
        ("SQL SELECT d + 1 AS next FROM g LIMIT 1", (date(2021, 1, 2),)),
    ],
)
def test_a_stored_day_and_duration_keep_their_types(
    demo: auroraql.Archive, statement: str, row: tuple[object, ...]
) -> None:
    *_, result = demo.run_script(f"{STORED} {statement}")
    first = tuple(result[0])
    assert first == tuple(pytest.approx(value) if isinstance(value, float) else value for value in row)


def test_a_day_is_not_compared_with_a_text(demo: auroraql.Archive) -> None:
    with pytest.raises(auroraql.StatementError, match="is not a date or time"):
        list(demo.run_script(f"{STORED} FIND g WHERE d = 'gillam'"))


@pytest.mark.parametrize(
    "value",
    [
        "substring(platform, 0, 99999999999999999999)",
        "substring(platform, 1, identifier * 1e300)",
        "round(identifier / 7, identifier * 1e9)",
    ],
)
def test_a_count_beyond_the_engines_limit_gives_a_missing_value(demo: auroraql.Archive, value: str) -> None:
    result = demo.run(f"FIND data_products SELECT {value} AS x WHERE program = 'trex' ON 2021-01-01 LIMIT 1")
    assert list(result) == [(None,)]
