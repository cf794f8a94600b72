"""Tests of pictures in the terminal: the calendar of availability and the timeline of a result, with readable axes."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroraql.diagnostics.errors import UsageError
from auroraql.diagnostics.errors import display_width as width_of
from auroraql.frontends.repl.controller import run_input
from auroraql.frontends.repl.state import ReplState
from auroraql.ir.plan import Plan
from auroraql.ir.query import Column, Query, Ref
from auroraql.pictures.text.timeline import render_timeline
from auroraql.pictures.time_axis import ASCII_BARS, BARS, DAY, SHADES, STEPS, BlockScale, choose_step, draw_axis
from auroraql.pictures.timeline import create_timeline
from auroraql.rendering import render_result, supports_blocks
from auroraql.rendering.text_output import BLOCKS, RenderOptions
from auroraql.results.result_set import FetchedData, ResultColumn, ResultSet, Row
from auroraql.schema import Type
from auroraql.session.archive import Archive
from tests.support.repl_fakes import printed, take_all

FEBRUARY = datetime(2020, 2, 1)
TRACES = "FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 300 km ON 2020-01-01"


def availability(rows: Sequence[Row], first: datetime, last: datetime) -> ResultSet:
    """Return a result of SHOW AVAILABILITY: names, days and counts."""
    query = Query("SHOW AVAILABILITY", start=first, end=last)
    columns = (
        ResultColumn("display_name", Type.STRING, "", ("display_name",)),
        ResultColumn("date", Type.TIME, "", ("date",)),
        ResultColumn("count", Type.INTEGER, "", ("count",)),
    )
    return ResultSet(Plan(query, ()), FetchedData(rows=rows), archive="demo", elapsed=0.1, columns=columns)


def days(counts: dict[str, Sequence[int]], first: datetime = FEBRUARY) -> ResultSet:
    rows = [
        (name, first + timedelta(days=at), count)
        for name, item in counts.items()
        for at, count in enumerate(item)
        if count
    ]
    most = max(map(len, counts.values()))
    return availability(rows, first, first + timedelta(days=most - 1))


def calendar(result: ResultSet, width: int, **screen: bool) -> list[str]:
    return "".join(render_result(result, "table", width=width, color=False, **screen)).splitlines()


def strip(line: str) -> str:
    return re.split(r"  +", line)[1]


# --- the calendar


def test_print_draws_every_row_of_a_long_result() -> None:
    result = days({name: [1] * 29 for name in ("Swarm A", "Swarm B")})
    lines = str(result).splitlines()
    assert [line.split("  ")[0] for line in lines[1:3]] == ["Swarm A", "Swarm B"]
    assert all(line.endswith("29  29/29") for line in lines[1:3])
    assert not any("--format" in line or "first" in line for line in lines)  # programs pass no options


def test_each_source_has_a_line_and_each_day_a_shade() -> None:
    shown = calendar(days({"Swarm A": [0, 1, 2, 3, 4], "TREx RGB GILL": [4, 0, 0, 0, 1]}), 60)
    assert strip(shown[1]) == "···░░░▒▒▒▓▓▓███"
    assert strip(shown[2]) == "███·········░░░"
    assert re.split(r"  +", shown[1].strip())[2:] == ["10", "4/5"]
    assert shown[0].split() == ["┌2020-02-01", "records", "days"]
    assert shown[3] == "· none  ░ 1  ▒ 2  ▓ 3  █ 4 records a day"
    assert shown[4] == "2020-02-01 to 2020-02-05, UTC; the 6 rows: --format csv"
    assert calendar(days({"a": [1]}), 60, commands=True)[-1] == "2020-02-01, UTC; the 1 rows: \\last"


def test_days_are_combined_to_weeks_and_months_in_a_narrow_terminal() -> None:
    year = days({"a": [1440] * 60 + [0] * 300 + [1] * 5}, datetime(2020, 1, 1))
    week, month = calendar(year, 90), calendar(year, 40)
    assert "mean of 1 week" in week[2]
    assert "mean of 1 month" in month[2]
    assert strip(month[1]) == "██·········░"
    assert strip(week[1])[0] == "█", "a week that only began has the days that it has"
    assert "2020-01" in week[0]
    for shown in (week, month):
        assert shown[1].split()[-2:] == ["86,405", "65/365"]


def test_days_without_records_at_either_end_are_drawn(demo: Archive) -> None:
    result = demo.run("SHOW AVAILABILITY OF ephemeris WHERE platform = 'swarma' BETWEEN 2019-12-29 AND 2020-01-02")
    assert len(result) == 2
    assert strip(calendar(result, 80)[1]) == "·" * 9 + "█" * 6


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_no_line_of_sources_is_wider_than_the_terminal(demo: Archive, width: int) -> None:
    result = demo.run("SHOW AVAILABILITY OF data_products WHERE program = 'trex' DURING 2020")
    lines = calendar(result, width)
    assert max(map(width_of, lines[:11])) <= width
    if width >= 60:
        assert len(lines) == 13


def test_pipes_other_formats_and_other_columns_get_rows(demo: Archive) -> None:
    requests = "OF data_products WHERE platform = 'gillam' ON 2020-02-01"
    result = demo.run(f"SHOW AVAILABILITY {requests}")
    assert "".join(render_result(result, "table", width=None, color=False)).count("2020-02-01 00:00:00") == len(result)
    assert "".join(render_result(result, "csv", width=80, color=False)).count("\n") == len(result) + 1
    assert "█" in "".join(calendar(result, 80))
    for select in ("SELECT display_name, date", "SELECT date, count", "SELECT display_name, max(count) AS count"):
        group = " GROUP BY display_name" if "max" in select else ""
        other = demo.run(f"SHOW AVAILABILITY {requests.replace(' WHERE', f' {select} WHERE')}{group}")
        assert "█" not in "".join(calendar(other, 80)), select
    assert "█" in "".join(
        calendar(demo.run(f"SHOW AVAILABILITY {requests.replace(' WHERE', ' SELECT platform, count, date WHERE')}"), 80)
    )
    assert calendar(demo.run(f"SHOW AVAILABILITY {requests} LIMIT 0"), 80)[0].startswith("identif")


def test_sources_with_the_same_name_have_separate_lines(demo: Archive) -> None:
    rows = [(1, "same", FEBRUARY, 1), (2, "same", FEBRUARY, 2)]
    columns = tuple(
        ResultColumn(name, kind, "", (name,))
        for name, kind in (("identifier", Type.INTEGER), ("display_name", Type.STRING), ("date", Type.TIME), ("count", Type.INTEGER))
    )  # fmt: skip
    query = Query("SHOW AVAILABILITY", start=FEBRUARY, end=FEBRUARY)
    result = ResultSet(Plan(query, ()), FetchedData(rows=rows), archive="demo", elapsed=0.1, columns=columns)
    assert [line.split()[0] for line in calendar(result, 80)[1:3]] == ["same", "same"]


def test_thousands_of_sources_are_truncated_and_counted() -> None:
    shown = calendar(days({f"s{n}": [1] for n in range(1500)}), 80)
    assert "first 1,000 of 1,500 sources" in shown
    assert sum(line.startswith("s") for line in shown) == 1000


def test_names_are_escaped_and_measured_as_displayed() -> None:
    shown = calendar(days({"\x1b[2J\u202e漢字漢字漢字漢字漢字漢字漢字漢字": [1, 2], "a": [2, 1]}), 60)
    assert "\x1b" not in "".join(shown)
    assert width_of(shown[1]) == width_of(shown[2]) <= 60


def test_the_prompt_draws_the_calendar_and_keeps_the_rows(demo: Archive) -> None:
    session = ReplState(demo, io.StringIO())
    run_input(session, "SHOW AVAILABILITY OF ephemeris WHERE platform = 'swarma' DURING 2020-01")
    assert "Swarm A  █████" in printed(session)
    assert "31 rows · " in printed(session)
    run_input(session, "\\last")
    assert printed(session).count("2020-01-31 00:00:00") == 1


# --- the timeline


def products(*rows: tuple[Any, ...], names: Sequence[str] = ("start", "end")) -> ResultSet:
    roles = {"display_name": "source", "program": "source"}
    refs = [Ref(roles.get(name, "record"), f"data_source.{name}" if name in roles else name) for name in names]  # type: ignore[arg-type]
    query = Query("data_products", select=tuple(Column(ref) for ref in refs))
    return ResultSet(Plan(query, ()), FetchedData(rows=rows), archive="demo", elapsed=0.1)


def timeline(result: ResultSet, width: int = 80, most: int = 40, *, blocks: bool = True) -> list[str]:
    return "".join(render_timeline(create_timeline(result), RenderOptions(width, blocks=blocks), most)).splitlines()


def hours(start: int, end: int, name: str = "a") -> tuple[datetime, datetime, str]:
    return FEBRUARY + timedelta(hours=start), FEBRUARY + timedelta(hours=end, minutes=-1), name


def test_products_are_counted_in_their_time_bins() -> None:
    rows = [hours(0, 24), hours(0, 12), hours(0, 6), hours(0, 6), hours(18, 24, "b")]
    shown = timeline(products(*rows, names=("start", "end", "display_name")), 33)
    assert shown[0] == "5 data products, 2020-02-01, UTC"
    assert shown[2:4] == ["a │██████▄▄▄▄▄▄▂▂▂▂▂▂▂▂▂▂▂▂│4", "b │" + " " * 18 + "▂▂▂▂▂▂│1"]
    assert shown[4] == "blank none, ▂ 1 … █ 4 in each column (1 hour)"
    assert shown[1].startswith("   ┌2020-02-01")


def test_a_conjunction_appears_under_each_of_its_sources(demo: Archive) -> None:
    result = demo.run(TRACES)
    shown = timeline(result)
    assert shown[0] == f"{len(result)} conjunctions, each listed under all its sources, 2020-01-01, UTC"
    counts = {line.split(" │")[0].strip(): int(line.rpartition("│")[2]) for line in shown[2:-1]}
    expected: dict[str, int] = {}
    for record in result.records:
        for source in record["data_sources"]:
            expected[source["display_name"]] = expected.get(source["display_name"], 0) + 1
    assert counts == expected
    assert list(counts.values()) == sorted(counts.values(), reverse=True)


def test_results_without_a_source_or_with_one_instant() -> None:
    shown = timeline(products((FEBRUARY,), (FEBRUARY,), names=("start",)))
    assert shown[0] == "2 data products, 2020-02-01 00:00, UTC"
    assert shown[2] == "all │████│2"


def test_the_window_of_the_query_is_the_axis(demo: Archive) -> None:
    shown = timeline(demo.run("FIND data_products WHERE platform = 'gillam' BETWEEN 2019-12 AND 2020-01 LIMIT 3"))
    assert "2019-12-01 to 2020-01-31" in shown[0]


def test_rows_without_a_time_are_reported() -> None:
    shown = timeline(products((FEBRUARY, "a"), (None, "a"), names=("start", "display_name")))
    assert shown[0].endswith("; 1 without a time")
    assert shown[2].endswith("│1")


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (products(("a",), names=("display_name",)), "no column start or epoch"),
        (products(names=("start",)), "no rows with a time"),
        (products((None,), names=("start",)), "no rows with a time"),
    ],
)
def test_results_that_cannot_be_drawn_are_reported(result: ResultSet, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        timeline(result)


def test_the_busiest_of_thousands_of_sources_are_drawn_and_the_others_counted() -> None:
    rows = [(FEBRUARY + timedelta(minutes=at), f"s{n}") for n in range(3000) for at in range(3 if n == 2999 else 1)]
    shown = timeline(products(*rows, names=("start", "display_name")), most=10)
    assert shown[2].startswith("s2999")
    assert len(shown) == 14
    assert shown[12] == "2,990 more sources, not drawn, have 2,990"


@given(
    rows=st.lists(
        st.tuples(st.datetimes(), st.datetimes() | st.none(), st.text(max_size=30) | st.none()), min_size=1, max_size=20
    ),
    width=st.integers(10, 200),
    blocks=st.booleans(),
)
def test_any_times_can_be_drawn(rows: list[Row], width: int, blocks: bool) -> None:
    shown = timeline(products(*rows, names=("start", "end", "display_name")), width, blocks=blocks)
    assert max(map(width_of, shown[1:-1])) <= max(width, 40)
    drawn = [line for line in shown[2:-1] if line.count("│" if blocks else "|") >= 2]
    assert len({width_of(line) for line in drawn}) == 1
    edge = "│" if blocks else "|"
    for line in drawn:
        assert set(line.rpartition(edge)[0].rpartition(edge)[2]) & set((BARS if blocks else ASCII_BARS)[1:]), (
            "something is somewhere"
        )


def test_a_stored_result_is_drawn_by_its_name(demo: Archive) -> None:
    session = ReplState(demo, io.StringIO())
    for text in (
        f"LET drawn = {TRACES}",
        "\\timeline drawn",
        "\\timeline drwn",
        "SQL SELECT start, min_distance FROM drawn",
        "\\timeline",
        "SHOW PROGRAMS",
        "\\timeline",
    ):
        run_input(session, text)
    shown = printed(session)
    assert "TREx RGB FSMI │" in shown
    assert "did you mean drawn?" in shown
    assert re.search(r"^all │.*│\d+$", shown, re.MULTILINE)
    assert shown.endswith("the result has no column start or epoch\n  = hint: add start to SELECT\n")
    assert "there is no result yet" in take_all("\\timeline")


def test_a_million_rows_are_drawn_without_storing_them() -> None:
    class Rows(Sequence[Row]):
        def __len__(self) -> int:
            return 100_000

        def __getitem__(self, at: Any) -> Any:
            raise AssertionError("rows are taken one after the other")

        def __iter__(self) -> Iterator[Row]:
            return ((FEBRUARY + timedelta(minutes=n), "a") for n in range(100_000))

    result = products(names=("start", "display_name")).with_rows(Rows())
    assert timeline(result)[2].endswith("│100,000")


# --- characters, scales and axes


def with_keys(*rows: Row) -> ResultSet:
    query = Query("data_products", select=tuple(Column(Ref("metadata", name)) for name in "abc"))
    return ResultSet(Plan(query, ()), FetchedData(rows=rows), archive="demo", elapsed=0.1)


def test_without_block_characters_the_output_is_ascii() -> None:
    result = days({"a": [1, 2, 3, 400], "b": [0, 0, 1, 9]})
    assert "".join(calendar(result, 80, blocks=False)).isascii()
    rows = [hours(0, 24), hours(0, 12, "b"), *[hours(0, 1)] * 30]
    assert "".join(timeline(products(*rows, names=("start", "end", "display_name")), blocks=False)).isascii()
    long = [("a name that is cut off", "b" * 90, n) for n in range(40)]
    shown = "".join(render_result(with_keys(*long), "table", width=60, color=False, blocks=False))
    assert shown.isascii()
    assert "bb~" in shown
    assert {width_of(line) for line in shown.splitlines()} == {60}
    for encoding, writes in (("utf-8", True), ("ascii", False), ("latin-1", False), ("utf-16", True)):
        assert supports_blocks(io.TextIOWrapper(io.BytesIO(), encoding)) is writes
    assert set(BARS + SHADES) - set(BLOCKS) <= {" "}


@given(highest=st.integers(0, 10**9), characters=st.sampled_from([BARS, SHADES, ASCII_BARS]))
def test_a_scale_explains_its_characters(highest: int, characters: str) -> None:
    scale = BlockScale(characters, highest)
    assert scale.character(0) == characters[0]
    counted = 0
    for character, messages in scale.ranges():
        low, _, high = re.sub(r"[,]", "", messages).replace("-", "–").partition("–")
        assert int(low) == counted + 1
        counted = int(high or low)
        assert {scale.character(int(low)), scale.character(counted)} == {character}
    assert counted == highest


@given(first=st.datetimes(), last=st.datetimes(), room=st.integers(11, 300))
def test_the_axis_uses_whole_time_steps_that_fit(first: datetime, last: datetime, room: int) -> None:
    first, last = min(first, last), max(first, last)
    step, starts = choose_step(first, last, room)
    assert 1 <= len(starts) <= room
    assert starts[0] <= first
    assert [step.next_start(a) for a in starts[:-1]] == starts[1:]
    assert last < step.next_start(starts[-1]) or step.next_start(starts[-1]) == datetime.max
    for item in (1, 2, 5):
        assert len(draw_axis(step, starts, item, "┌")) <= len(starts) * item


def test_dates_are_at_their_columns() -> None:
    starts = list(DAY.pieces(FEBRUARY, FEBRUARY + timedelta(days=28)))
    assert draw_axis(DAY, starts, 1, "┌") == "  ┌02-03 ┌02-10 ┌02-17 ┌02-24"
    assert (
        draw_axis(DAY, starts, 3, "┌") == "      ┌2020-02-03          ┌02-10               ┌02-17               ┌02-24"
    )
    hour = next(step for step in STEPS if step.name == "1 hour")
    begun = list(hour.pieces(FEBRUARY + timedelta(hours=20), FEBRUARY + timedelta(hours=44)))
    assert draw_axis(hour, begun, 3, "|") == "   |21:00   |02-02   |03:00   |06:00   |09:00   |12:00   |15:00   |18:00"
    week = next(step for step in STEPS if step.name == "1 week")
    assert draw_axis(week, list(week.pieces(datetime(2020, 1, 1), datetime(2020, 12, 31))), 1, "┌").startswith(
        "┌2020-01     ┌2020-04"
    )
