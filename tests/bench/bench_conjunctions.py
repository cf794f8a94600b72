"""Benchmark of conjunctions against the SQL of before: `python -m tests.bench.bench_conjunctions [--full | --years N]`.

Without options, a month of 24 imagers and 3 spacecraft, for the gate. `--full` measures a year, with all cases, and a
year of 60 imagers and 50 spacecraft (45 million records). `--years 22` measures a billion records, without the SQL of
before, with 2 GB of memory; it needs 20 GB of disk. The catalogues are synthetic: imagers work at night and keep their
place, spacecraft fly over the poles, and each has one record a minute. Times are CPU seconds of all threads.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from auroraql.diagnostics.errors import replace_value
from auroraql.engines.duckdb import SCHEMA_VERSION
from auroraql.engines.duckdb.catalogue_file import LOCKED_DOWN
from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.ir.plan import Plan, Request
from auroraql.ir.query import Block, Column, Comparison, Criteria, Query, Ref
from auroraql.schema.operators import Op
from tests.bench.measure import line
from tests.support.conjunctions_by_epoch import sql_of_before
from tests.support.small_catalogue import FORMAT

YEAR = (datetime(2020, 1, 1), datetime(2020, 12, 31, 23, 59, 59))

DAYS_OF_MONTH = 30
"""Days that are inserted at once, so that memory does not grow with the years."""

_SOURCES = """
INSERT INTO data_sources
SELECT 100 + n, 'imagers', 'site' || n, 'ASI', 'ground', 'ASI ' || n FROM range($1) AS t(n)
UNION ALL SELECT 1 + n, 'craft', 'craft' || n, 'footprint', 'leo', 'Craft ' || n FROM range($2) AS t(n)
"""

_IMAGERS = """
SELECT 100 + site AS source, TIMESTAMP '2020-01-01' + to_minutes("day" * 1440 + 120 + 30 * (site % 8) + n) AS epoch,
    latitude, longitude, latitude AS north
FROM (
    SELECT site, (50 + site * 7 % 25 + site / 10 % 3)::FLOAT::VARCHAR::DOUBLE AS latitude,
        ((site * 6.3 + 20) % 360 - 180)::FLOAT::VARCHAR::DOUBLE AS longitude
    FROM range($1) AS t(site)
), range($3, $4) AS d("day"), range(1020) AS m(n)
WHERE n < 840 + 180 * cos(2 * pi() * "day" / 365.25)
"""

_CRAFT = """
SELECT 1 + craft AS source, TIMESTAMP '2020-01-01' + to_minutes(n) AS epoch,
    latitude::FLOAT::VARCHAR::DOUBLE AS latitude, longitude::FLOAT::VARCHAR::DOUBLE AS longitude, abs(latitude) AS north
FROM (
    SELECT craft, n, n * 2 * pi() / (93.2 + craft % 7) + craft AS along, 0.99 + craft % 10 / 1000 AS tilt,
        degrees(asin(tilt * sin(along))) AS latitude,
        degrees(atan2(sqrt(1 - tilt * tilt) * sin(along), cos(along))) - n * 0.25 + 40 * craft AS turned,
        turned - 360 * floor((turned + 180) / 360) AS longitude
    FROM range($2) AS t(craft), range($3 * 1440, $4 * 1440) AS m(n)
)
"""

_EPHEMERIS = f"""
INSERT INTO ephemeris
SELECT source, epoch, latitude, longitude, NULL, NULL, north, longitude, -north, longitude, NULL
FROM ({_IMAGERS} UNION ALL {_CRAFT})
ORDER BY source, epoch
"""  # noqa: S608 - constants of this module

_SHIFTED = """
INSERT INTO ephemeris
SELECT data_source, epoch + to_days($1 * 366), * EXCLUDE (data_source, epoch) FROM ephemeris
WHERE epoch >= $2 AND epoch < $3
"""

_BY_HAND = """
WITH near AS (
    SELECT
        a.data_source AS imager, b.data_source AS craft, a.epoch,
        2 * 6371 * asin(sqrt(
            sin(radians(b.nbtrace_lat - a.nbtrace_lat) / 2) ** 2
            + cos(radians(a.nbtrace_lat)) * cos(radians(b.nbtrace_lat))
            * sin(radians(b.nbtrace_lon - a.nbtrace_lon) / 2) ** 2
        )) AS km
    FROM ephemeris AS a JOIN ephemeris AS b ON b.epoch = a.epoch
    WHERE a.data_source IN (SELECT identifier FROM data_sources WHERE program = 'imagers')
        AND b.data_source IN (SELECT identifier FROM data_sources WHERE program = 'craft')
        AND abs(a.nbtrace_lat - b.nbtrace_lat) < 4.5 AND km <= 500
), numbered AS (
    SELECT *, epoch - INTERVAL 1 MINUTE * row_number() OVER (PARTITION BY imager, craft ORDER BY epoch) AS run FROM near
)
SELECT imager, craft, min(epoch) AS first, max(epoch), min(km), max(km), arg_min(epoch, km), arg_max(epoch, km)
FROM numbered GROUP BY imager, craft, run ORDER BY first, imager, craft
"""


def _program(name: str) -> Comparison:
    return Comparison(Ref("source", "data_source.program"), Op.EQ, (name,), True)


IMAGERS, CRAFT = Block("ground", _program("imagers")), Block("space", _program("craft"))
_FLAT = ("start", "end", "min_distance", "max_distance", "closest_epoch", "farthest_epoch", "data_sources.identifier")
PLAIN = tuple(Column(Ref("record", name)) for name in _FLAT)


def year_query(*blocks: Block, km: int = 500, **criteria: Any) -> Query:
    """Return a query for the whole year, with the same distance limit for every pair of blocks."""
    pairs = len(blocks) * (len(blocks) - 1) // 2
    return Query(
        "conjunctions", start=YEAR[0], end=YEAR[1], criteria=Criteria(blocks, (Decimal(km),) * pairs, **criteria)
    )


CASES: dict[str, Query] = {
    "year": year_query(IMAGERS, CRAFT),
    "half": year_query(IMAGERS, CRAFT, subminute=True),
    "by all three traces": year_query(IMAGERS, CRAFT, via=("nbtrace", "sbtrace", "geographic")),
    "with two spacecraft at once": year_query(IMAGERS, CRAFT, CRAFT, km=1000),
    "between two imagers and one": year_query(IMAGERS, IMAGERS, CRAFT, km=800),
}

ALL = {"all-near": year_query(IMAGERS, CRAFT, km=20), "all-year": year_query(IMAGERS, CRAFT)}
TARGETS = {"year": "<= 0.35", "all-near": "<= 0.08", "all-year": "<= 0.25"}


def build(path: Path, imagers: int, craft: int, days: int, years: int = 1) -> None:
    """Write a catalogue of `days` days, and the same in the years after it."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(FORMAT)
        connection.execute("INSERT INTO catalogue VALUES (?, TRUE, 'a year made up', 'bench')", [SCHEMA_VERSION])
        connection.execute(_SOURCES, [imagers, craft])
        for first in range(0, days, DAYS_OF_MONTH):
            connection.execute(_EPHEMERIS, [imagers, craft, first, min(first + DAYS_OF_MONTH, days)])
            month = [YEAR[0] + timedelta(days=first), YEAR[0] + timedelta(days=first + DAYS_OF_MONTH)]
            for year in range(1, years):
                connection.execute(_SHIFTED, [year, *month])
        (count,) = connection.execute("SELECT count(*) FROM ephemeris").fetchall()[0]
        print(f"{count:,} records of ephemeris")


def cpu_seconds() -> float:
    """Return the CPU seconds of this process, of all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def best_cpu(call: Callable[[], list[Any]], times: int = 2) -> tuple[float, list[Any]]:
    """Return the least CPU seconds of several runs, and the rows."""
    seconds = []
    for _ in range(times):
        began = cpu_seconds()
        rows = call()
        seconds.append(cpu_seconds() - began)
    return min(seconds), rows


def run_query(engine: EmbeddedEngine, query: Query) -> list[Any]:
    """Run a query with AuroraQL and return its rows."""
    run = engine.submit(Plan(query, (Request(query.kind),)))
    return list(run.fetch(time.monotonic() + 3600).rows or ())


def peak() -> float:
    """Return the peak memory of this process in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)


def build_apart(path: Path, *numbers: int) -> None:
    """Build a catalogue in another process, so that the memory used for writing is not counted."""
    arguments = [str(number) for number in numbers]
    subprocess.run(
        [sys.executable, "-m", "tests.bench.bench_conjunctions", "--build", str(path), *arguments], check=True
    )


def compare(path: Path, cases: Mapping[str, Query]) -> None:
    """Print the ratio of each case to the SQL of before. Both have the same rows."""
    with closing(EmbeddedEngine(path)) as engine:
        for name, case in cases.items():
            query = replace_value(case, select=PLAIN)
            seconds, rows = best_cpu(partial(run_query, engine, query))
            with sql_of_before():
                seconds_before, rows_before = best_cpu(partial(run_query, engine, query), 1)
            assert rows == rows_before, name
            line(
                f"{name}: {len(rows):,} conjunctions / the SQL of before",
                seconds,
                seconds_before,
                TARGETS.get(name, ""),
            )
            if name == "year":
                minutes = seconds
            if name == "half":
                line("half: the search by half minutes / by minutes", seconds, minutes, "<= 1.5")


def measure_years(path: Path, years: int) -> None:
    """Print the time and memory of a search of many years with 2 GB of memory."""
    query = replace_value(year_query(IMAGERS, CRAFT, km=100), end=YEAR[1] + timedelta(days=366 * years), select=PLAIN)
    with closing(EmbeddedEngine(path, config={"memory_limit": "2GB"})) as engine:
        began = time.perf_counter()
        seconds, rows = best_cpu(partial(run_query, engine, query), 1)
        wall = time.perf_counter() - began
    print(f"{years} years: {len(rows):,} conjunctions, {seconds:.1f} s CPU, {wall:.1f} s wall, peak {peak():.2f} GB")


def main(*, full: bool, years: int) -> None:
    """Build the catalogues and print every measurement."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.duckdb"
        if years:
            build_apart(path, 60, 50, 366, years)
            measure_years(path, years)
            return
        build_apart(path, 24, 3, 366 if full else DAYS_OF_MONTH)
        compare(path, CASES if full else {name: CASES[name] for name in ("year", "half")})
        if full:
            with duckdb.connect(str(path), read_only=True, config=LOCKED_DOWN) as connection:
                seconds, rows = best_cpu(lambda: connection.execute(_BY_HAND).fetchall())
            line(f"year by hand: {len(rows):,} conjunctions", seconds, None, "")
            path.unlink()
            build_apart(path, 60, 50, 366)
            compare(path, ALL)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="a year, and every case")
    parser.add_argument("--years", type=int, default=0, help="60 imagers and 50 spacecraft over a number of years")
    parser.add_argument("--build", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.build is not None:
        build(Path(options.build[0]), *map(int, options.build[1:]))
    else:
        main(full=options.full, years=options.years)
