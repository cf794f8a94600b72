"""Tests of the timeline and the availability of a result, as SVG, figure and text, against its records."""

from __future__ import annotations

import io
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroraql import Archive, ResultSet
from auroraql.frontends.repl.controller import run_input
from auroraql.frontends.repl.state import ReplState
from auroraql.ir.plan import Plan
from auroraql.ir.query import Column, Query, Ref
from auroraql.results.result_set import FetchedData, Row
from tests.pictures.svg_reader import read_svg
from tests.support.command_line import command
from tests.support.repl_fakes import printed

START = datetime(2020, 2, 1)
KEOGRAMS = "FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' DURING 2021-01"


def products(*rows: Row) -> ResultSet:
    """Return a result of products: start, end and the name of the source."""
    names = (Ref("record", "start"), Ref("record", "end"), Ref("source", "data_source.display_name"))
    query = Query("data_products", select=tuple(map(Column, names)))
    return ResultSet(Plan(query, ()), FetchedData(rows=rows), archive="demo", elapsed=0.1)


def test_each_record_is_a_bar_at_its_time(demo: Archive) -> None:
    result = demo.run(KEOGRAMS)
    drawing = read_svg(result.timeline().svg())
    bars = [mark for mark, _ in drawing.marks()]
    assert sorted(int(bar.attrib["data-row"]) for bar in bars) == list(range(1, len(result) + 1))
    positions = {int(bar.attrib["data-row"]): float(bar.attrib["x"]) for bar in bars}
    starts = result["start"]
    days = {(starts[row - 1] - datetime(2021, 1, 1)).days: x for row, x in positions.items()}
    step = (days[30] - days[0]) / 30
    assert all(abs(x - days[0] - step * day) < 0.1 for day, x in days.items())
    counts = Counter(result["display_name"])
    assert set(counts) <= set(drawing.texts)


def test_many_records_are_counted_in_pieces() -> None:
    rows = [(START + timedelta(minutes=n), START + timedelta(minutes=n), "a") for n in range(100_000)]
    drawing = read_svg(products(*rows).timeline().svg())
    assert len(drawing.tooltips) < 300
    counts = [int(tip.split(": ")[1].split(" in ")[0].replace(",", "")) for tip in drawing.tooltips]
    assert sum(counts) == 100_000
    assert "100,000" in drawing.texts


def test_availability_has_a_square_for_each_source_and_day(demo: Archive) -> None:
    result = demo.run(KEOGRAMS)
    expected = Counter(
        (name, start.date()) for name, start in zip(result["display_name"], result["start"], strict=True)
    )
    tips = read_svg(result.availability().svg()).tooltips
    assert Counter(tips) == Counter(f"{name}: {count} on {day}" for (name, day), count in expected.items())
    text = result.availability().text(100)
    assert all(f"{name}  " in text for name, _ in expected)


@given(
    rows=st.lists(
        st.tuples(st.datetimes() | st.none(), st.datetimes() | st.none(), st.text(max_size=40) | st.none()),
        min_size=1,
        max_size=12,
    ).filter(lambda rows: any(row[0] for row in rows)),
    inline=st.booleans(),
)
def test_any_rows_are_safe_and_complete(rows: list[Row], inline: bool) -> None:
    result = products(*rows)
    drawing = read_svg(result.timeline().svg(inline=inline))
    assert len(drawing.tooltips) == sum(row[0] is not None for row in rows)
    read_svg(result.availability().svg(inline=inline))
    for text in (result.timeline().text(60, blocks=False), result.availability().text(60)):
        assert "\x1b" not in text
        assert all(character.isprintable() or character == "\n" for character in text)


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "javascript:alert(1)", "\x1b]0;x\x07", "\u202eab", "]]>&\"'"]
)
def test_hostile_names_are_text(name: str) -> None:
    picture = products((START, START, name)).timeline()
    drawing = read_svg(picture.svg())
    assert len(drawing.tooltips) == 1
    assert "\x1b" not in picture.svg() + picture.text() + picture._repr_html_()
    assert "\u202e" not in picture.svg() + picture.text()
    assert "<script" not in picture.svg() + picture._repr_html_()


def test_the_command_line_and_the_prompt_draw_pictures(demo: Archive, tmp_path: Path) -> None:
    state = ReplState(demo, io.StringIO())
    for text in (KEOGRAMS, f"\\plot availability {tmp_path}/days.svg", "\\plot", "\\plot map", "\\plot tmeline"):
        run_input(state, text)
    shown = printed(state)
    assert len(read_svg((tmp_path / "days.svg").read_text("utf-8")).tooltips) == 155
    assert "TREx RGB FSMI │█" in shown
    assert "the result has no positions over time" in shown
    assert "did you mean timeline?" in shown
    done = command("-c", KEOGRAMS, "--plot", "timeline")
    assert done.code == 0
    assert "TREx RGB FSMI │█" in done.out
    done = command("-c", KEOGRAMS, "--plot", "timeline", "--output", tmp_path / "line.svg")
    assert (done.code, done.out) == (0, "")
    assert len(read_svg((tmp_path / "line.svg").read_text("utf-8")).tooltips) == 155
    done = command("-c", KEOGRAMS, "--plot", "timeline", "--output", tmp_path / "line.csv")
    assert done.code == 2
    assert "not that of a picture" in done.err
