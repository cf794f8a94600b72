"""The demonstration's ephemeris, recomputed independently: orbits, footprints, nights, and the metadata."""

from __future__ import annotations

import csv
import json
import math
from datetime import datetime
from importlib import resources

import duckdb
import pytest

from auroraql import connect
from auroraql.engines.duckdb.demo import demo_catalogue
from auroraql.schema.catalogue import load_shipped

CHECKSUM = "e5254863083a487393b74b2aea48750a"
"""Checksum of five ephemeris records an hour of each source, with their metadata.

If it changes, change the rule number in auroraql/engines/duckdb/demo too.
"""

EARTH, DAY_IN_MINUTES, TURN = 6371.2, 1440, math.radians(360.98564736629 / 1440)
SWARM, THEMIS = (3, 29, 30), (33, 34, 35, 36, 37)
REGO = (76, 78, 80, 81, 83, 911, 912, 913, 914)
GROUND = (
    *range(44, 63), 64, 65, 66, 71, 73, *REGO, 96, 101, 102, 103, 104, 339, 406, 409, 492, 494, *range(921, 931)
)  # fmt: skip
ONSETS, STEVE = 901, 902

Vector = tuple[float, float, float]


def count_where(table: duckdb.DuckDBPyConnection, condition: str) -> int:
    """Return the number of records that fulfil a condition. `m` is their metadata."""
    sql = "SELECT count(*) FROM ephemeris AS e LEFT JOIN ephemeris_metadata AS m ON m.identifier = e.metadata WHERE "
    (row,) = table.execute(sql + condition).fetchall()
    return int(row[0])


def facts(name: str) -> list[dict[str, str]]:
    return list(
        csv.DictReader(resources.files("auroraql.engines.duckdb.demo").joinpath(name).read_text("utf-8").splitlines())
    )


def minutes(since: datetime, until: datetime = datetime.max, flag: str = "") -> int:
    """Return the number of minutes of a source that was active between two dates. `flag` marks its days."""
    spans = [
        (datetime.fromisoformat(row["first_day"]), datetime.fromisoformat(row["last_day"]))
        for row in facts("days.csv")
        if not flag or row[flag] == "yes"
    ]
    return sum(((last - first).days + 1) * 1440 for first, last in spans if since <= first <= until)


OF_SWARM, OF_THEMIS = minutes(datetime(2013, 11, 25)), minutes(datetime(2007, 2, 17))
ORBITS = {
    int(row["identifier"]): minutes(
        datetime.fromisoformat(row["first_day"]),
        datetime.fromisoformat(row["last_day"]),
        "every_orbit" if row["days"] == "some" else "",
    )
    for row in facts("orbits.csv")
}
"""Number of records of each spacecraft."""
IN_ORBIT = f"data_source IN ({', '.join(map(str, ORBITS))})"
TRACKED = f"data_source IN ({', '.join(map(str, (*SWARM, *THEMIS)))})"


def unit_vector(latitude: float, longitude: float) -> Vector:
    lat, lon = math.radians(latitude), math.radians(longitude)
    return math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)


def angle(a: Vector, b: Vector) -> float:
    """Return an angle in degrees."""
    return math.degrees(math.acos(max(-1.0, min(1.0, sum(x * y for x, y in zip(a, b, strict=True))))))


POLE = unit_vector(80.65, -72.68)


def test_the_records_follow_the_rules(table: duckdb.DuckDBPyConnection) -> None:
    assert checksum(table) == CHECKSUM


def checksum(connection: duckdb.DuckDBPyConnection) -> str:
    rows = """
        SELECT bit_xor(md5_number(concat_ws('|', data_source, epoch, location_geo_lat, location_geo_lon,
            coalesce(location_gsm_lat, 999), coalesce(location_gsm_lon, 999), coalesce(nbtrace_lat, 999),
            coalesce(nbtrace_lon, 999), coalesce(sbtrace_lat, 999), coalesce(sbtrace_lon, 999), m.metadata::JSON)))
        FROM ephemeris AS e LEFT JOIN ephemeris_metadata AS m ON m.identifier = e.metadata
        WHERE minute(epoch) % 12 = 5
    """
    (number,) = connection.execute(rows).fetchall()[0]
    return f"{number:032x}"


def test_a_record_a_minute(table: duckdb.DuckDBPyConnection) -> None:
    counts = dict(table.execute("SELECT data_source, count(DISTINCT epoch) FROM ephemeris GROUP BY ALL").fetchall())
    assert sorted(counts) == sorted((*ORBITS, *GROUND, ONSETS, STEVE))
    assert ({counts[item] for item in SWARM}, {counts[item] for item in THEMIS}) == ({OF_SWARM}, {OF_THEMIS})
    assert {orbit: counts[orbit] for orbit in ORBITS} == ORBITS
    assert sum(counts.values()) == count_where(table, "true") == 4_821_158
    spans = " OR ".join(
        f"epoch::DATE BETWEEN '{row['first_day']}' AND '{row['last_day']}'" for row in facts("days.csv")
    )
    assert count_where(table, f"NOT ({spans}) OR second(epoch) != 0") == 0
    assert count_where(table, "epoch >= '2020-01-01' AND epoch < '2020-03-01' AND " + TRACKED) == 8 * 60 * 1440


def test_missing_and_present_locations(table: duckdb.DuckDBPyConnection) -> None:
    for name in ("location_geo", "location_gsm", "nbtrace", "sbtrace"):
        lat, lon = f"{name}_lat", f"{name}_lon"
        assert count_where(table, f"({lat} IS NULL) != ({lon} IS NULL)") == 0
        assert count_where(table, f"abs({lat}) > 90 OR abs({lon}) > 180 OR isnan({lat}) OR isnan({lon})") == 0
    assert count_where(table, "location_geo_lat IS NULL") == 0
    ground = ", ".join(map(str, (*GROUND, ONSETS, STEVE)))
    assert count_where(table, f"(location_gsm_lat IS NULL) != (data_source IN ({ground}))") == 0


def test_orbits_are_circles_at_their_altitudes(table: duckdb.DuckDBPyConnection) -> None:
    """Each day's first hours are recomputed from Kepler's law."""
    for row in facts("orbits.csv"):
        radius = EARTH + float(row["altitude"])
        motion = 60 * math.sqrt(398600.4418 / radius**3)
        tilt, node, phase = (math.radians(float(row[name])) for name in ("inclination", "node", "phase"))
        rows = table.execute(
            "SELECT datediff('minute', TIMESTAMP '2020-01-01', epoch), location_geo_lat, location_geo_lon FROM ephemeris"
            " WHERE data_source = ? AND minute(epoch) % 20 = 0 ORDER BY epoch",
            [int(row["identifier"])],
        ).fetchall()
        assert len(rows) == ORBITS[int(row["identifier"])] / 20
        for minute, latitude, longitude in rows:
            along, turned = phase + motion * minute, node - TURN * minute
            flat = (math.cos(along), math.cos(tilt) * math.sin(along))
            place = (
                math.cos(turned) * flat[0] - math.sin(turned) * flat[1],
                math.sin(turned) * flat[0] + math.cos(turned) * flat[1],
                math.sin(tilt) * math.sin(along),
            )
            assert angle(place, unit_vector(latitude, longitude)) < 0.002


def test_orbits_are_those_of_the_missions(table: duckdb.DuckDBPyConnection) -> None:
    """Swarm orbits in about 93 minutes over the poles; THEMIS B and C stay at the distance of the moon."""
    crossings = """
        SELECT data_source, count(*) FROM (
            SELECT data_source, location_geo_lat AS now, lag(location_geo_lat) OVER w AS before FROM ephemeris
            WHERE {} AND epoch >= '2020-01-01' AND epoch < '2020-03-01' WINDOW w AS (PARTITION BY data_source ORDER BY epoch)
        ) WHERE before < 0 AND now >= 0 GROUP BY ALL
    """
    periods = {source: 60 * 1440 / count for source, count in table.execute(crossings.format(TRACKED)).fetchall()}
    assert [periods[source] for source in (3, 29, 30)] == pytest.approx([93.24, 94.58, 93.24], abs=0.1)
    assert 24 * 60 < periods[33] < periods[36] < periods[37] < 48 * 60
    assert (
        count_where(table, "data_source IN (34, 35) AND (m.metadata['radial_distance']::DOUBLE - 382271.2) != 0") == 0
    )
    assert count_where(table, "data_source IN (3, 29, 30) AND abs(location_geo_lat) > 87.8") == 0
    for source, latitude in ((3, 87.3), (29, 87.7), (33, 7.9), (34, 19.9)):
        assert count_where(table, f"data_source = {source} AND location_geo_lat > {latitude}") > 0


def test_footprints_lie_on_the_field_line(table: duckdb.DuckDBPyConnection) -> None:
    """Both ends have the same magnetic longitude and opposite latitudes, which follow from the spacecraft's L shell."""
    altitudes = {int(row["identifier"]): float(row["altitude"]) for row in facts("orbits.csv")}
    selected = (
        "SELECT data_source, location_geo_lat, location_geo_lon, nbtrace_lat, nbtrace_lon, sbtrace_lat, sbtrace_lon"
    )
    tracked = f"{TRACKED} AND minute(epoch) % 30 = 7 ORDER BY epoch, data_source"
    rows = table.execute(f"{selected} FROM ephemeris WHERE {tracked}").fetchall()
    kinds = set()
    for source, *degrees in rows:
        radius = (EARTH + altitudes[source]) / EARTH
        magnetic = 90 - angle(POLE, unit_vector(*degrees[:2]))
        shell = radius / math.cos(math.radians(magnetic)) ** 2
        foot = math.degrees(math.acos(math.sqrt((EARTH + 100) / EARTH / shell)))
        ends = [
            None if lat is None else 90 - angle(POLE, unit_vector(lat, lon)) for lat, lon in (degrees[2:4], degrees[4:])
        ]
        kinds.add((source in (3, 29, 30), ends[0] is None, ends[1] is None))
        for end, sign in zip(ends, (1, -1), strict=True):
            is_near = radius < 2 and sign * magnetic > 0
            if abs(shell - 12) > 0.01 and abs(magnetic) > 0.01:
                assert (end is not None) == (shell < 12 or is_near)
            assert end is None or abs(end - sign * foot) < 0.01
    assert kinds == {
        (True, False, False),
        (True, True, False),
        (True, False, True),
        (False, False, False),
        (False, True, True),
    }


def test_footprints_move_without_jumps(table: duckdb.DuckDBPyConnection) -> None:
    """From minute to minute a footprint of Swarm moves at most 600 km, and one of THEMIS at most 10 km."""
    steps = """
        SELECT data_source < 33, max(degrees(acos(least(1, x * lag_x + y * lag_y + z * lag_z))) * 112.9) FROM (
            SELECT *, lag(x) OVER w AS lag_x, lag(y) OVER w AS lag_y, lag(z) OVER w AS lag_z, lag(epoch) OVER w AS before
            FROM (
                SELECT data_source, epoch, cos(radians({0}_lat)) * cos(radians({0}_lon)) AS x,
                    cos(radians({0}_lat)) * sin(radians({0}_lon)) AS y, sin(radians({0}_lat)) AS z
                FROM ephemeris WHERE {1} AND {0}_lat IS NOT NULL
            ) WINDOW w AS (PARTITION BY data_source ORDER BY epoch)
        ) WHERE epoch = before + INTERVAL 1 MINUTE GROUP BY ALL
    """
    for name in ("nbtrace", "sbtrace"):
        fastest = dict(table.execute(steps.format(name, TRACKED)).fetchall())
        assert 300 < fastest[True] < 600
        assert 0 < fastest[False] < 10


def test_a_site_stays_where_it_is_and_is_its_own_footprint(table: duckdb.DuckDBPyConnection) -> None:
    places = {row["platform"]: (float(row["latitude"]), float(row["longitude"])) for row in facts("sites.csv")}
    rows = table.execute(
        "SELECT DISTINCT platform, location_geo_lat, location_geo_lon, nbtrace_lat, nbtrace_lon, sbtrace_lat, sbtrace_lon"
        " FROM ephemeris JOIN data_sources ON identifier = data_source WHERE source_type = 'ground' ORDER BY ALL"
    ).fetchall()
    platforms = {source.platform for source in demo_catalogue().sources if source.identifier in GROUND}
    assert [platform for platform, *_ in rows] == sorted(platforms)
    for platform, *degrees in rows:
        assert tuple(degrees[:2]) == tuple(degrees[2:4]) == places[platform]
        north, south = (90 - angle(POLE, unit_vector(*pair)) for pair in (degrees[2:4], degrees[4:]))
        assert abs(north + south) < 0.01
        assert south < -50


def sun_altitude(latitude: float, longitude: float, moment: datetime) -> float:
    """Return the sun's altitude in degrees.

    The formulas are other ones than the rule's: those of the Astronomical Almanac, good to 0.01 degrees.
    """
    days = (moment - datetime(2000, 1, 1, 12)).total_seconds() / 86400
    anomaly = math.radians(357.528 + 0.9856003 * days)
    ecliptic = math.radians(280.460 + 0.9856474 * days + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly))
    oblique = math.radians(23.439)
    east = math.atan2(math.cos(oblique) * math.sin(ecliptic), math.cos(ecliptic))
    north = math.asin(math.sin(oblique) * math.sin(ecliptic))
    sidereal = math.radians((280.46062 + 360.98564737 * days + longitude) % 360)
    up = math.sin(math.radians(latitude)) * math.sin(north)
    return math.degrees(math.asin(up + math.cos(math.radians(latitude)) * math.cos(north) * math.cos(sidereal - east)))


def test_imagers_work_in_the_dark_only(table: duckdb.DuckDBPyConnection) -> None:
    """The sun is 12 degrees below the horizon, give or take one. At 13 degrees the imager always works."""
    places = {row["platform"]: (float(row["latitude"]), float(row["longitude"])) for row in facts("sites.csv")}
    for source in (item for item in load_shipped().sources if item.identifier in (49, 53, 62, 65, 96, 104)):
        rows = table.execute("SELECT epoch FROM ephemeris WHERE data_source = ?", [source.identifier]).fetchall()
        working = {epoch for (epoch,) in rows}
        every = [datetime(2020, month, day, hour) for month in (1, 2) for day in range(1, 30) for hour in range(24)]
        for moment in every:
            altitude = sun_altitude(*places[source.platform], moment)
            assert moment in working or altitude > -13, (source.platform, moment)
            assert moment not in working or altitude < -11, (source.platform, moment)


def test_metadata_are_of_known_keys_and_values(table: duckdb.DuckDBPyConnection) -> None:
    rows = table.execute(
        "SELECT DISTINCT program, m.metadata::JSON FROM ephemeris AS e"
        " JOIN ephemeris_metadata AS m ON m.identifier = e.metadata JOIN data_sources AS s ON s.identifier = e.data_source"
    ).fetchall()
    carried: dict[str, set[str]] = {}
    for program, metadata in rows:
        for name, value in json.loads(metadata).items():
            key = load_shipped().key("ephemeris", name)
            assert key is not None
            assert program in key.programs
            assert not key.values or (value if isinstance(value, str) else json.dumps(value)) in key.values
            carried.setdefault(program, set()).add(name)
    assert {name for names in carried.values() for name in names} == set(load_shipped().keys("ephemeris"))
    spacecraft = {source.program for source in load_shipped().sources if source.instrument_type == "footprint"}
    assert carried.keys() == {"themis-asi", *spacecraft}


def test_metadata_are_present_when_they_should_be(table: duckdb.DuckDBPyConnection) -> None:
    assert count_where(table, "(m.metadata['nbtrace_region'] IS NULL) != (nbtrace_lat IS NULL) AND " + IN_ORBIT) == 0
    assert count_where(table, "(m.metadata['sbtrace_region'] IS NULL) != (sbtrace_lat IS NULL) AND " + IN_ORBIT) == 0
    assert count_where(table, f"data_source >= 76 AND NOT {IN_ORBIT} AND m.metadata IS NOT NULL") == 0
    with_tii = count_where(table, "m.metadata['tii_on'] IS NOT NULL")
    assert with_tii == count_where(table, "m.metadata['tii_quality_viz'] IS NOT NULL")
    assert with_tii == count_where(
        table,
        f"data_source IN {SWARM} AND (datediff('hour', TIMESTAMP '2008-01-01', epoch) // 2 + data_source) % 3 != 0",
    )
    assert count_where(table, "m.metadata['tii_on'] = false") == with_tii * 5 // 120
    assert count_where(table, "m.metadata['tii_on'] = false AND (hour(epoch) % 2 = 1 OR minute(epoch) >= 5)") == 0
    sure = "m.metadata['calgary_cloud_ml_v1_confidence']"
    assert count_where(table, f"{sure}::DOUBLE NOT BETWEEN 0 AND 100") == 0
    assert (
        count_where(
            table,
            f"({sure} IS NULL) != (m.metadata['calgary_cloud_ml_v1'] = 'not classified') AND data_source BETWEEN 44 AND 73",
        )
        == 0
    )


def test_regions_follow_latitude(table: duckdb.DuckDBPyConnection) -> None:
    region, north = "m.metadata['nbtrace_region'] = 'north {}'", "data_source IN (3, 29, 30) AND "
    cap, oval = (
        count_where(table, north + region.format("polar cap")),
        count_where(table, north + region.format("auroral oval")),
    )
    assert 0.05 < cap / (3 * OF_SWARM) < 0.2
    assert 0.01 < oval / (3 * OF_SWARM) < 0.2
    assert count_where(table, region.format("polar cap") + " AND nbtrace_lat < 60") == 0
    assert count_where(table, "m.metadata['radial_trace_region'] = 'low latitude' AND abs(location_geo_lat) > 40") == 0
    assert (
        count_where(
            table, "data_source IN (34, 35) AND m.metadata['spacecraft_region'] IN ('plasma sheet', 'tail lobe')"
        )
        > 0
    )


def test_onsets_are_at_magnetic_midnight(table: duckdb.DuckDBPyConnection) -> None:
    """One an hour, opposite to the sun in the dipole frame, 67 to 69 degrees from its equator."""
    rows = table.execute(
        "SELECT epoch, location_geo_lat, location_geo_lon, nbtrace_lat, nbtrace_lon, sbtrace_lat, sbtrace_lon"
        " FROM ephemeris WHERE data_source = ? ORDER BY epoch",
        [ONSETS],
    ).fetchall()
    hours = [epoch.replace(minute=0) for epoch, *_ in rows]
    assert len(hours) == len(set(hours)) == OF_THEMIS / 60
    assert len({epoch.minute for epoch, *_ in rows}) == 60
    for epoch, *degrees in rows:
        place, south = unit_vector(*degrees[:2]), unit_vector(*degrees[4:])
        assert degrees[:2] == degrees[2:4]
        assert 66.99 < 90 - angle(POLE, place) < 69.01
        assert abs(180 - angle(POLE, south) - angle(POLE, place)) < 0.01
        assert sun_altitude(degrees[0], degrees[1], epoch) < 0 or epoch.month not in (1, 2)


def test_the_second_version_of_a_model_differs(table: duckdb.DuckDBPyConnection) -> None:
    rows = table.execute(
        "SELECT metadata::JSON FROM ephemeris_metadata WHERE metadata['calgary_apa_ml_v1'] IS NOT NULL"
    ).fetchall()
    assert rows
    for (text,) in rows:
        document = json.loads(text)
        for sky in ("apa", "cloud"):
            first, second = f"calgary_{sky}_ml_v1", f"ucalgary_themis_{sky}_ml_v2"
            assert document[first] == document[second]
            assert (document.get(f"{second}_confidence") is None) == (document[first] == "not classified")
            assert document.get(f"{second}_confidence", 100) >= document.get(f"{first}_confidence", 0)


def test_a_statement_finds_ephemeris() -> None:
    with connect("demo") as demo:
        result = demo.run("FIND ephemeris WHERE platform = 'swarma' ON 2020-01-01")
        assert len(result) == 1440
        assert result.demonstration
        gillam = demo.run(
            "FIND ephemeris WHERE platform = 'gillam' AND program = 'themis-asi' ON 2020-01-01T06:00"
        ).records
        assert gillam[0]["nbtrace"] == gillam[0]["location_geo"] == {"lat": 56.38, "lon": -94.64}
        assert gillam[0]["location_gsm"] == {"lat": None, "lon": None}
        trex = demo.run("FIND ephemeris WHERE program = 'trex' ON 2020-01-01T06:00").records
        assert {record["data_source"]["identifier"] for record in trex} == {96, 101, 102, 103, 104}
        assert all(record["metadata"] == {} for record in trex)
