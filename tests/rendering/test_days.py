"""Tests of counts by day in the timeline and the calendar."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from auroraql import Archive, ResultSet
from auroraql.diagnostics.errors import UsageError
from auroraql.pictures.availability import create_availability
from auroraql.pictures.text.availability import render_availability
from auroraql.pictures.text.timeline import render_timeline
from auroraql.pictures.timeline import create_timeline
from auroraql.rendering.text_output import RenderOptions

SCREEN = RenderOptions(width=120)
SEARCH = "FIND data_products SELECT {} WHERE program = 'trex' DURING 2020-01 GROUP BY {}"

COUNTED = {
    "a field": SEARCH.format("platform, day(start) AS day, count(*) AS n", "platform, day"),
    "an alias": SEARCH.format("platform AS site, day(start) AS d, count(*)", "site, d"),
    "an expression": SEARCH.format("upper(platform) AS site, day(start) AS d, count(url) AS urls", "site, d"),
    "a stored result": f"LET g = {SEARCH.format('platform, day(start) AS day, count(*) AS n', 'platform, day')}; FIND g",
    "SQL": f"LET g = {SEARCH.format('platform, day(start) AS day, count(*) AS n', 'platform, day')}; SQL FROM g",
}


def last(archive: Archive, script: str) -> ResultSet:
    """Return the result of the last statement of a script."""
    return list(archive.run_script(script))[-1]


@pytest.fixture(scope="module")
def counts(demo: Archive) -> Counter[str]:
    """Return the number of products of each site, in capitals."""
    result = demo.run("FIND data_products SELECT platform WHERE program = 'trex' DURING 2020-01")
    return Counter(name.upper() for name in result["platform"])


@pytest.mark.parametrize("form", COUNTED)
def test_the_timeline_counts_the_records_of_each_day(demo: Archive, counts: Counter[str], form: str) -> None:
    result = last(demo, COUNTED[form])
    drawn = "".join(render_timeline(create_timeline(result), SCREEN, 20))
    lines = re.findall(r"^(\w[\w ]*?) +│.*│ *([\d,]+)$", drawn, re.MULTILINE)
    assert {name.upper(): int(count.replace(",", "")) for name, count in lines} == counts
    assert "records counted by" in drawn
    assert "2020-01-01 to 2020-01-31" in drawn


@pytest.mark.parametrize("form", COUNTED)
def test_the_calendar_counts_the_records_of_each_day(demo: Archive, counts: Counter[str], form: str) -> None:
    drawing = render_availability(create_availability(last(demo, COUNTED[form])), SCREEN)
    lines = re.findall(r"^(\w[\w ]*?) {2,}[·░▒▓█]+ +([\d,]+) +(\d+)/31$", "".join(drawing), re.MULTILINE)
    assert {name.upper(): int(count.replace(",", "")) for name, count, _ in lines} == counts
    assert {days for *_, days in lines} == {"31"}


def test_counts_without_a_source_are_one_line(demo: Archive, counts: Counter[str]) -> None:
    result = demo.run(SEARCH.format("date_trunc('day', start) AS day, count(*) AS n", "day"))
    assert f"{counts.total():,}" in "".join(render_timeline(create_timeline(result), SCREEN, 20))
    assert f"{counts.total():,}" in "".join(render_availability(create_availability(result), SCREEN))


def test_a_result_without_days_is_refused(demo: Archive) -> None:
    result = demo.run(SEARCH.format("platform, count(*) AS n", "platform"))
    with pytest.raises(UsageError, match="no column start or epoch"):
        create_availability(result)
    with pytest.raises(UsageError, match="no column start or epoch"):
        next(iter(render_timeline(create_timeline(result), SCREEN, 20)))


def test_exports_keep_days(demo: Archive) -> None:
    result = last(demo, COUNTED["a field"])
    assert str(result.to_arrow().schema.field("day").type) == "date32[day]"
    assert result.to_pandas()["n"].sum() == sum(result["n"])
