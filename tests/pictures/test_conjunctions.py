"""Tests of distances, maps and keograms, as SVG and text, against the records and the geometry of the sphere."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from math import cos, radians, sin
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from auroraql import Archive, ResultSet, UsageError
from auroraql.pictures import PICTURE_NAMES
from auroraql.pictures.geography import Projection, great_circle_distances, project_land
from auroraql.pictures.registry import PICTURES, create_picture
from auroraql.pictures.value_axis import choose_value_ticks
from auroraql.results.result_set import FetchedData, Listing, ResultColumn
from auroraql.schema import Type
from tests.pictures.svg_reader import read_svg

PASSES = "FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 300 km ON 2020-01-01"
START = datetime(2020, 2, 1)


@pytest.fixture(scope="module")
def passes(demo: Archive) -> ResultSet:
    return demo.run(PASSES)


def positions(*rows: tuple[object, ...]) -> ResultSet:
    """Return ephemeris records: epoch, name, source type, latitude and longitude of the footprint."""
    columns = (
        ResultColumn("epoch", Type.TIME, path=("epoch",)),
        ResultColumn("display_name", Type.STRING, path=("data_source", "display_name")),
        ResultColumn("source_type", Type.STRING, path=("data_source", "source_type")),
        ResultColumn("nbtrace.lat", Type.NUMBER, path=("nbtrace", "lat")),
        ResultColumn("nbtrace.lon", Type.NUMBER, path=("nbtrace", "lon")),
    )
    return ResultSet(Listing(), FetchedData(rows=rows), archive="demo", elapsed=0, columns=columns)


def test_each_conjunction_is_a_mark_at_its_distance(passes: ResultSet) -> None:
    marks = list(read_svg(passes.distances().svg()).marks())
    assert {int(mark.attrib["data-row"]) for mark, _ in marks} == set(range(1, len(passes) + 1))
    for mark, tip in marks:
        record = passes.records[int(mark.attrib["data-row"]) - 1]
        names = " – ".join(source["display_name"] for source in record["data_sources"])
        assert tip.startswith(f"{names}: {record['min_distance']:.1f} km, {record['closest_epoch'][:10]}")


def test_the_text_has_a_letter_for_each_pair(passes: ResultSet) -> None:
    lines = passes.distances().text(100).splitlines()
    legend = {name: int(count) for name, count in re.findall(r"^[a-z] (.*?): (\d+), nearest", "\n".join(lines), re.M)}
    assert sum(legend.values()) == len(passes)
    assert all(" – " in name for name in legend)
    assert passes.distances().text(60, blocks=False).isascii()


def test_a_map_of_conjunctions_searches_their_positions(demo: Archive, passes: ResultSet) -> None:
    picture = demo.map(passes)
    tips = read_svg(picture.svg()).tooltips
    for record in passes.records:
        names = " – ".join(source["display_name"] for source in record["data_sources"])
        when = record["closest_epoch"].replace("T", " ")[:16]
        assert f"{names}: {record['min_distance']:.1f} km, {when}" in tips
    assert {"TREx RGB GILL", "TREx RGB FSMI"} <= set(tips)
    assert "A TREx RGB" in picture.text(80)
    assert picture.text(60, blocks=False).replace("\n", "").isascii()
    assert not demo.results, "the intervals of the map are not a result of the session"


def test_a_map_shows_positions_near_poles_and_the_date_line() -> None:
    rows: list[tuple[object, ...]] = [
        (START + timedelta(minutes=n), "a", "leo", 89.9 - n, 179.0 + n) for n in range(20)
    ]
    rows += [(START, "pole", "ground", 90.0, 0.0), (START, "none", "leo", None, None), (START, "b", "leo", 999.0, 1.0)]
    rows += [(START, "nan", "leo", float("nan"), float("inf"))]
    picture = create_picture(positions(*rows), "map")
    drawing = read_svg(picture.svg())
    assert "3 records without a position" in picture.title
    tracks = [mark for mark, tip in drawing.marks() if tip.startswith("a, ") and mark.tag.endswith("path")]
    assert len(tracks) == 1, "the date line does not cut a track"
    assert "pole" in drawing.texts


def test_results_without_positions_are_refused(demo: Archive, passes: ResultSet) -> None:
    with pytest.raises(UsageError, match="no records with a position"):
        create_picture(positions((START, "a", "leo", None, None)), "map")
    with pytest.raises(UsageError, match="needs all of their columns"):
        demo.map(demo.run(PASSES.replace("OF", "SELECT start, min_distance OF")))
    with pytest.raises(UsageError, match="is not a trace"):
        demo.map(demo.run("FIND ephemeris WHERE platform = 'swarma' ON 2020-01-01T01:00"), trace="north")
    with pytest.raises(UsageError, match=r"did you mean map\?"):
        demo.picture(passes, "mop")
    assert tuple(PICTURES) == PICTURE_NAMES


places = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


@given(center=places, place=places)
def test_the_projection_keeps_areas_and_directions(center: tuple[float, float], place: tuple[float, float]) -> None:
    x, y = Projection(*center).project(*place)
    distance = float(great_circle_distances(*center, *place))
    if distance < 20_000:
        # Lambert's law: the radius on the map is twice the sine of half of the angle.
        assert abs((x**2 + y**2) ** 0.5 - 2 * 6371 * sin(distance / 6371 / 2)) < 1
    dot = sum(
        cos(radians(a[0])) * cos(radians(b[0])) * cos(radians(a[1] - b[1])) + sin(radians(a[0])) * sin(radians(b[0]))
        for a, b in [(center, place)]
    )
    assert abs(cos(distance / 6371) - dot) < 1e-6


def test_the_land_has_the_area_of_the_continents() -> None:
    for center in ((60.0, -100.0), (-90.0, 0.0), (10.0, 10.0)):
        rings = project_land(Projection(*center), 13_000)
        area = sum(float((e[:-1] * n[1:] - e[1:] * n[:-1]).sum()) / 2 for e, n in rings)
        assert abs(-area / 1e6 - 148) < 3, "Natural Earth has 148 million square km of land"


@given(highest=st.floats(1e-6, 1e9), most=st.integers(2, 8))
def test_ticks_are_round_and_reach_the_highest_value(highest: float, most: int) -> None:
    ticks = choose_value_ticks(highest, most)
    assert ticks[0] == 0
    assert ticks[-1] >= highest * (1 - 1e-9)
    assert len(ticks) <= most + 2


def test_passes_are_marked_on_the_keograms_of_their_sites(demo: Archive, passes: ResultSet) -> None:
    keograms = demo.run("FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2020-01-01")
    picture = keograms.keograms(passes=passes)
    tips = read_svg(picture.svg()).tooltips
    for record in passes.records:
        site, space = (source["display_name"] for source in record["data_sources"])
        time = record["closest_epoch"][11:16]
        assert f"{site}: {site} – {space}, {record['min_distance']:.1f} km, {time}" in tips
    assert sum(" km, " in tip for tip in tips) == len(passes)
    lines = [line for line in picture.text(100).splitlines() if line.startswith("TREx")]
    assert len(lines) == len(keograms)
    assert keograms.keograms(passes=passes).text(70, blocks=False).isascii()


def test_pictures_are_written_as_files_and_read_back(passes: ResultSet, tmp_path: Path) -> None:
    folder = tmp_path
    for name in ("distances.svg", "distances.png", "distances.pdf", "distances.txt"):
        passes.distances().save(folder / name)
    read_svg((folder / "distances.svg").read_text("utf-8"))
    with Image.open(folder / "distances.png") as image:
        assert image.width > 1000
    assert (folder / "distances.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(UsageError, match="not that of a picture"):
        passes.distances().save(folder / "distances.gif")
