"""Tests of conjunctions in a catalogue: small ones with known results, and the demonstration by brute force."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from auroraql.diagnostics.errors import replace_value
from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.ir.query import EVERYTHING, And, Block, Query
from auroraql.results.result_set import Record
from auroraql.sql.conjunction_pipeline import are_interchangeable, join_order
from tests.support.brute_conjunctions import conjunctions
from tests.support.brute_force import SOURCE_NAMES
from tests.support.embedded_runs import find_rows
from tests.support.small_catalogue import Position
from tests.support.small_conjunctions import (
    GROUND,
    KM_OF_A_DEGREE,
    SOURCES,
    SPACE,
    SWARM,
    UNDESCRIBED,
    answer,
    assert_same,
    conjunction_query,
    hemisphere,
    key,
    minute,
    passes,
    platforms,
    point,
    record_at,
    span,
    stays,
    times,
    where,
)

# Small catalogues with known results


def test_a_pass() -> None:
    (record,) = answer([*stays(), *passes()], conjunction_query(GROUND, SPACE, limits=[250]))
    gillam, swarm = (dict(zip(SOURCE_NAMES, source, strict=True)) for source in (SOURCES[0], SOURCES[2]))
    start, end = "2020-01-01T23:56:00", "2020-01-02T00:00:00"
    assert record == {
        "conjunction_type": "nbtrace",
        "start": start,
        "end": end,
        "data_sources": [gillam, swarm],
        "min_distance": 0,
        "max_distance": 222.389853,
        "closest_epoch": "2020-01-01T23:58:00",
        "farthest_epoch": start,
        "events": [
            {
                "conjunction_type": "nbtrace",
                "e1_source": gillam,
                "e2_source": swarm,
                "start": start,
                "end": end,
                "min_distance": 0,
                "max_distance": 222.389853,
            }
        ],
    }


def test_the_window_includes_its_ends() -> None:
    positions = [*stays(), *passes()]
    for first, last in ((2, 4), (3, 3), (0, 6)):
        query = replace_value(conjunction_query(GROUND, SPACE, limits=[250]), start=minute(first), end=minute(last))
        assert times(answer(positions, query)) == [span(max(first, 1), min(last, 5))]
    outside = replace_value(conjunction_query(GROUND, SPACE, limits=[250]), start=minute(6), end=minute(9))
    assert answer(positions, outside) == []


def test_a_gap_splits_a_conjunction() -> None:
    positions = [*stays(), *(item for item in passes() if item.epoch != minute(3))]
    records = answer(positions, conjunction_query(GROUND, SPACE, limits=[250]))
    assert times(records) == [span(1, 2), span(4, 5)]
    assert [record["min_distance"] for record in records] == pytest.approx([KM_OF_A_DEGREE] * 2)


def test_the_next_epoch_is_a_minute_later() -> None:
    """With two records a minute, every other record continues a run."""
    positions = [record_at(source, count / 2, 0, 0) for source in (1, 3) for count in range(6)]
    assert times(answer(positions, conjunction_query(GROUND, SPACE))) == [span(0, 2), span(0.5, 2.5)]
    assert times(answer(positions, conjunction_query(GROUND, SPACE, subminute=True))) == [span(0, 2.5)]


def test_limits_are_inclusive_and_zero_means_the_same_place() -> None:
    positions = [*stays(), *passes()]
    assert times(answer(positions, conjunction_query(GROUND, SPACE, limits=[KM_OF_A_DEGREE]))) == [span(2, 4)]
    assert times(answer(positions, conjunction_query(GROUND, SPACE, limits=[KM_OF_A_DEGREE - 2e-6]))) == [span(3, 3)]
    assert times(answer(positions, conjunction_query(GROUND, SPACE, limits=[0]))) == [span(3, 3)]
    assert times(answer(positions, conjunction_query(GROUND, SPACE, limits=[None]))) == [span(0, 6)]
    assert times(answer([*stays(), *stays(3, 0, 180)], conjunction_query(GROUND, SPACE, limits=[20015]))) == []
    assert len(answer([*stays(), *stays(3, 0, 180)], conjunction_query(GROUND, SPACE, limits=[20016]))) == 1


def test_half_minutes() -> None:
    positions = [*stays(), *passes()]
    query = conjunction_query(GROUND, SPACE, limits=[280], subminute=True)
    (record,) = answer(positions, query)
    assert times([record]) == [span(0.5, 5.5)]
    assert record["max_distance"] == pytest.approx(2.5 * KM_OF_A_DEGREE, abs=1e-5)
    assert times(answer(positions, replace_value(query, start=minute(1.5), end=minute(3.5)))) == [span(1.5, 3.5)]
    assert times(answer(positions, replace_value(query, start=minute(2), end=minute(3)))) == [span(2, 3)]
    gap = [position for position in positions if position.epoch != minute(3)]
    assert times(answer(gap, query)) == [span(0.5, 2), span(4, 5.5)]


def test_the_midpoint_is_on_the_great_circle() -> None:
    """Over the pole, not around it."""
    positions = [record_at(3, 0, 80, 0), record_at(3, 1, 80, 180), *stays(1, 90, 0)]
    (record,) = answer(positions, conjunction_query(GROUND, SPACE, limits=[1], subminute=True))
    assert times([record]) == [span(0.5, 0.5)]
    assert record["max_distance"] == pytest.approx(0, abs=1e-6)


def test_existing_half_minutes_are_not_interpolated() -> None:
    off = record_at(3, 0.5, 60, 60)
    positions = [*stays(), record_at(3, 0, 0, 0), off, record_at(3, 1, 0, 0)]
    assert times(answer(positions, conjunction_query(GROUND, SPACE, subminute=True))) == [span(0, 0), span(1, 1)]
    quarter = [*stays(), record_at(3, 0, 0, 0), record_at(3, 0.25, 0, 0), record_at(3, 1, 0, 0)]
    assert times(answer(quarter, conjunction_query(GROUND, SPACE, subminute=True))) == [span(0, 1)]
    antipodes = [*stays(), record_at(3, 0, 0, 0), record_at(3, 1, 0, 180)]
    query = conjunction_query(GROUND, SPACE, limits=[None], subminute=True)
    assert times(answer(antipodes, query)) == [span(0, 0), span(1, 1)]


def test_each_trace_has_its_locations() -> None:
    north, south, below = (10.0, 0.0), (-10.0, 0.0), (50.0, 0.0)
    imager = [Position(1, minute(0), (below, None, north, south))]
    craft = [Position(3, minute(0), (south, None, north, None)), Position(4, minute(0), (None, below, None, south))]
    for via, expected in (
        (("nbtrace",), [("nbtrace", "swarma")]),
        (("sbtrace", "nbtrace"), [("nbtrace", "swarma"), ("sbtrace", "swarmb")]),
        (("geographic",), []),
        ((), [("nbtrace", "swarma")]),
    ):
        records = answer([*imager, *craft], conjunction_query(GROUND, SPACE, limits=[1], via=via))
        assert [(r["conjunction_type"], r["data_sources"][1]["platform"]) for r in records] == expected


def test_membership_of_sources_in_blocks() -> None:
    positions = [record_at(source, 0, 0, 0) for source in (1, 2, 3, 4, 5, 6, 7, UNDESCRIBED)]
    pole = Block("location", points=(point("0", "0"),))
    for kind, expected in (("ground", [1, 2]), ("space", [3, 4, 5, 7]), ("events", [6])):
        records = answer(positions, conjunction_query(Block(kind), pole))
        assert [record["data_sources"][0]["identifier"] for record in records] == expected


def test_hemispheres_are_geographic() -> None:
    positions = [
        *stays(),
        *(Position(3, minute(n), ((lat, 0.0), None, (0.0, 0.0), None)) for n, lat in enumerate((-1, 0, 1))),
    ]
    positions.append(Position(3, minute(3), (None, None, (0.0, 0.0), None)))
    for where_it_is, expected in (
        (hemisphere("=", "northern"), [span(1, 2)]),
        (hemisphere("=", "southern"), [span(0, 0)]),
        (hemisphere("!=", "southern"), [span(1, 2)]),
        (hemisphere("in", "northern", "southern"), [span(0, 2)]),
        (EVERYTHING, [span(0, 3)]),
    ):
        assert times(answer(positions, conjunction_query(GROUND, Block("space", where_it_is)))) == expected


def test_metadata_conditions_select_minutes() -> None:
    clear = [record_at(1, count, 0, 0, **({"sky": "clear"} if count != 3 else {})) for count in range(7)]
    bare = [Position(3, item.epoch, item.places, None) for item in passes()]
    for asks, expected in (
        (key("sky", "=", "clear"), [span(1, 2), span(4, 5)]),
        (key("sky", "is null"), [span(3, 3)]),
        (key("sky", "!=", "clear"), []),
    ):
        assert times(answer([*clear, *bare], conjunction_query(Block("ground", asks), SPACE, limits=[250]))) == expected
    assert times(
        answer([*clear, *bare], conjunction_query(GROUND, Block("space", key("q", "is null")), limits=[250]))
    ) == [span(1, 5)]


def test_a_fixed_location_exists_at_every_epoch() -> None:
    places = Block("location", points=(point("60", "0"), point("51.05", "-114.070"), point("0", "0")))
    (record,) = answer(passes(), conjunction_query(SWARM, places, limits=[250]))
    assert times([record]) == [span(1, 5)]
    assert record["data_sources"][1] == {
        "identifier": -3,
        "program": "adhoc",
        "platform": "0, 0",
        "instrument_type": "adhoc",
        "source_type": "not_applicable",
        "display_name": "0, 0",
    }
    (far,) = answer([record_at(3, 0, 51.05, -114.07)], conjunction_query(places, SWARM, limits=[1]))
    assert far["data_sources"][0]["display_name"] == "51.05, -114.070"
    assert [source["identifier"] for source in far["data_sources"]] == [-2, 3]


def test_locations_alone_have_no_epochs() -> None:
    place = Block("location", points=(point("0", "0"),))
    other = Block("location", points=(point("0", "1"),))
    assert answer(passes(), conjunction_query(place, other)) == []
    assert times(answer(passes(), conjunction_query(place, other, SWARM, limits=[200, 250, 250]))) == [span(2, 5)]


# Pairs and combinations


def test_pairs_of_any_distance_are_measured() -> None:
    positions = [*stays(1), *stays(2, 40, 0), *passes()]
    blocks = (Block("ground", where("program", "trex")), Block("ground", where("program", "themis-asi")), SPACE)
    for limits, run in (([None, 250, None], span(1, 5)), ([None, None, None], span(0, 6))):
        (record,) = answer(positions, conjunction_query(*blocks, limits=limits))
        assert times([record]) == [run]
        pairs = [(event["e1_source"]["identifier"], event["e2_source"]["identifier"]) for event in record["events"]]
        assert pairs == [(1, 2), (1, 3), (2, 3)]
        assert record["min_distance"] == min(event["min_distance"] for event in record["events"]) == 0
        assert record["max_distance"] == max(event["max_distance"] for event in record["events"])
        assert record["max_distance"] > 40 * KM_OF_A_DEGREE


def test_the_nearest_pair_may_have_no_limit() -> None:
    """From an issue report: Swarm A and Swarm B fly side by side past Gillam."""
    positions = [*stays(1, 60, 0), *stays(3, 60, 3), *stays(4, 60, 3.5)]
    one, other = Block("space", where("platform", "swarma")), Block("space", where("platform", "swarmb"))
    (record,) = answer(positions, conjunction_query(GROUND, one, other, limits=[500, 500, None]))
    assert record["min_distance"] == pytest.approx(27.8, abs=0.05)
    assert [event["min_distance"] for event in record["events"]] == pytest.approx([166.8, 194.6, 27.8], abs=0.05)


def test_all_limits_must_hold_at_once() -> None:
    positions = [*stays(1), *passes(3), *passes(4, latitude=2)]
    one, other = Block("space", where("platform", "swarma")), Block("space", where("platform", "swarmb"))
    assert times(answer(positions, conjunction_query(GROUND, one, other, limits=[250, 250, 250]))) == [span(2, 4)]
    assert answer(positions, conjunction_query(GROUND, one, other, limits=[250, 250, 200])) == []


def test_interchangeable_blocks_find_a_pair_once() -> None:
    positions = [*passes(4), *passes(3), *passes(5)]
    assert platforms(answer(positions, conjunction_query(SWARM, SWARM))) == [["swarma", "swarmb"]]
    assert platforms(answer(positions, conjunction_query(SPACE, SPACE, SPACE, limits=[9, 9, 9]))) == [
        ["swarma", "swarmb", "themisb"]
    ]


def test_blocks_that_overlap_find_a_pair_once() -> None:
    positions = [*passes(3), *passes(4)]
    both = Block("space", where("platform", "swarmb", "swarma", operator="in"))
    assert platforms(answer(positions, conjunction_query(both, SWARM))) == [["swarma", "swarmb"]]
    of_b = Block("space", where("platform", "swarmb"))
    assert platforms(answer(positions, conjunction_query(of_b, SWARM))) == [["swarmb", "swarma"]]


def test_a_contained_conjunction_is_dropped() -> None:
    """Swarm B arrives early in the north: its conjunction lasts longer and contains the other."""
    a = [record_at(3, count, 1 if count > 2 else -1, 0) for count in range(5)]
    b = [record_at(4, count, 1, 0) for count in range(5)]
    blocks = (Block("space", hemisphere("=", "northern")), SWARM)
    records = answer([*a, *b], conjunction_query(*blocks))
    assert [(platforms([r])[0], *times([r])) for r in records] == [(["swarmb", "swarma"], span(0, 4))]


def test_a_conjunction_between_the_epochs_of_another_is_kept() -> None:
    """Swarm A is in the north at whole minutes, Swarm B between them."""
    a = [record_at(3, count / 2, 1 if count % 2 == 0 else -1, 0) for count in range(9)]
    b = [record_at(4, count / 2, 1 if count % 2 == 1 else -1, 0) for count in range(9)]
    records = answer([*a, *b], conjunction_query(Block("space", hemisphere("=", "northern")), SWARM))
    assert platforms(records) == [["swarma", "swarmb"], ["swarmb", "swarma"]]
    assert times(records) == [span(0, 4), span(0.5, 3.5)]


def test_other_limited_pairs_make_another_conjunction() -> None:
    positions = [*stays(1), *stays(3), *stays(4, 1, 0)]
    records = answer(positions, conjunction_query(GROUND, SWARM, SWARM, limits=[250, None, None]))
    assert platforms(records) == [["gillam", "swarma", "swarmb"], ["gillam", "swarmb", "swarma"]]
    nearest = [[event["min_distance"] for event in record["events"]] for record in records]
    assert nearest[0] == pytest.approx([0, KM_OF_A_DEGREE, KM_OF_A_DEGREE])
    assert nearest[1] == pytest.approx([KM_OF_A_DEGREE, 0, KM_OF_A_DEGREE])


def test_which_blocks_are_interchangeable() -> None:
    none = None
    criteria = conjunction_query(GROUND, SWARM, SWARM, SPACE, limits=[500, 500, 9, none, none, none]).criteria
    assert criteria is not None
    pairs = [pair for pair in criteria.pairs if are_interchangeable(criteria, *pair)]
    assert pairs == [(1, 2)]
    uneven = replace_value(criteria, distances=(Decimal(500), Decimal(400), *criteria.distances[2:]))
    assert not are_interchangeable(uneven, 1, 2)


def test_the_most_selective_pair_is_joined_first() -> None:
    place, events = Block("location", points=(point("0", "0"),)), Block("events")
    for blocks, limits, expected in (
        ((GROUND, GROUND, SPACE), (0, 500, 400), (2, 1, 0)),
        ((GROUND, GROUND, SPACE), (0, 5000, 4000), (1, 2, 0)),
        ((GROUND, SPACE, events), (0, None, 9000), (1, 2, 0)),
        ((GROUND, SPACE, place), (None, None, 5), (1, 2, 0)),
        ((SPACE, place, place), (None, None, 5), (0, 1, 2)),
        ((place, place), (5,), (0, 1)),
        ((place, GROUND), (None,), (1, 0)),
        ((GROUND, GROUND, SPACE, SPACE), (0, None, None, None, None, 300), (2, 3, 0, 1)),
    ):
        criteria = conjunction_query(*blocks, limits=limits).criteria
        assert criteria is not None
        assert sorted(join_order(criteria)) == list(range(len(blocks)))
        assert join_order(criteria) == expected, (blocks, limits)


# The demonstration


def test_the_demonstration_by_brute_force() -> None:
    """Swarm over the THEMIS imagers on one night, from the archive's own ephemeris."""
    start, end = datetime(2020, 1, 11, 2), datetime(2020, 1, 11, 4, 30)
    imagers = Block("ground", And((where("program", "themis-asi"), key("calgary_cloud_ml_v1_confidence", ">=", "75"))))
    query = replace_value(conjunction_query(imagers, SWARM, subminute=True), start=start, end=end)
    engine = EmbeddedEngine()
    described = [tuple(getattr(source, name) for name in SOURCE_NAMES) for source in engine.sources()]
    positions = [_position(r) for r in find_rows(engine, Query("ephemeris", start=start, end=end)).records]
    records = find_rows(engine, query).records
    january = find_rows(
        engine, replace_value(query, start=datetime(2020, 1, 1), end=datetime(2020, 1, 31, 23, 59))
    ).records
    engine.close()
    assert_same(records, conjunctions(query, positions, described))
    assert len(records) > 5
    assert len(january) > 20 * len(records)
    assert {source["program"] for record in january for source in record["data_sources"]} == {"themis-asi", "swarm"}
    for record in january:
        lasted = datetime.fromisoformat(record["end"]) - datetime.fromisoformat(record["start"])
        assert timedelta(0) <= lasted < timedelta(minutes=6)
        assert 0 <= record["min_distance"] <= record["max_distance"] <= 500
        assert record["start"] <= record["closest_epoch"] <= record["end"]


def _position(record: Record) -> Position:
    places = (record[name] for name in ("location_geo", "location_gsm", "nbtrace", "sbtrace"))
    whole = tuple(None if place["lat"] is None else (place["lat"], place["lon"]) for place in places)
    epoch = datetime.fromisoformat(record["epoch"])
    return Position(record["data_source"]["identifier"], epoch, whole, record["metadata"])
