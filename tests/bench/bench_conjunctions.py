"""Benchmark of a year of conjunctions against hand-written DuckDB SQL: `python -m tests.bench.bench_conjunctions`.

The year is synthetic: 24 stationary imagers that work at night and 3 spacecraft on polar orbits, one record a minute.
That is about 9 million records, as many as a year of the THEMIS imagers and Swarm has.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb

from auroraql.engines.duckdb import SCHEMA_VERSION
from auroraql.engines.duckdb.catalogue_file import LOCKED_DOWN
from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.ir.plan import Plan, Request
from auroraql.ir.query import Block, Column, Comparison, Criteria, Query, Ref
from auroraql.schema.operators import Op

YEAR = (datetime(2020, 1, 1), datetime(2020, 12, 31, 23, 59, 59))

_SOURCES = """
INSERT INTO data_sources
SELECT 100 + n, 'imagers', 'site' || n, 'ASI', 'ground', 'ASI ' || n FROM range(24) AS t(n)
UNION ALL SELECT 1 + n, 'craft', 'craft' || n, 'footprint', 'leo', 'Craft ' || n FROM range(3) AS t(n)
"""

_IMAGERS = """
INSERT INTO ephemeris
SELECT 100 + site, epoch, latitude, longitude, NULL, NULL, latitude, longitude, -latitude, longitude, NULL
FROM (
    SELECT
        site,
        TIMESTAMP '2020-01-01' + to_minutes("day" * 1440 + 120 + 30 * (site % 8) + n) AS epoch,
        50 + site * 7 % 25 + site / 10 AS latitude,
        site * 6.3 - 160 AS longitude
    FROM range(24) AS t(site), range(366) AS d("day"), range(1020) AS m(n)
    WHERE n < 840 + 180 * cos(2 * pi() * "day" / 366)
)
ORDER BY date_trunc('day', epoch), site, epoch
"""

_CRAFT = """
INSERT INTO ephemeris
SELECT 1 + craft, epoch, latitude, longitude, NULL, NULL, abs(latitude), longitude, -abs(latitude), longitude, NULL
FROM (
    SELECT
        craft,
        TIMESTAMP '2020-01-01' + to_minutes(n) AS epoch,
        n * 2 * pi() / (93.2 + craft) + craft AS along,
        degrees(asin(0.999 * sin(along))) AS latitude,
        degrees(atan2(0.045 * sin(along), cos(along))) - n * 0.25 + 40 * craft AS turned,
        turned - 360 * floor((turned + 180) / 360) AS longitude
    FROM range(3) AS t(craft), range(366 * 1440) AS m(n)
)
ORDER BY epoch, craft
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


CASES: dict[str, tuple[Query, tuple[Column, ...] | None]] = {
    "a year, columns as by hand": (year_query(IMAGERS, CRAFT), PLAIN),
    "a year, whole records": (year_query(IMAGERS, CRAFT), None),
    "at half minutes": (year_query(IMAGERS, CRAFT, subminute=True), PLAIN),
    "by all three traces": (year_query(IMAGERS, CRAFT, via=("nbtrace", "sbtrace", "geographic")), PLAIN),
    "with two spacecraft at once": (year_query(IMAGERS, CRAFT, CRAFT, km=1000), PLAIN),
    "between two imagers and one": (year_query(IMAGERS, IMAGERS, CRAFT, km=800), PLAIN),
}


def build(path: Path) -> None:
    """Write the catalogue file."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(resources.files("auroraql.engines.duckdb").joinpath("catalogue.sql").read_text("utf-8"))
        connection.execute("INSERT INTO catalogue VALUES (?, TRUE, 'a year made up', 'bench')", [SCHEMA_VERSION])
        for statement in (_SOURCES, _IMAGERS, _CRAFT):
            connection.execute(statement)
        (count,) = connection.execute("SELECT count(*) FROM ephemeris").fetchall()[0]
        print(f"{count:,} records of ephemeris")


def best(call: Callable[[], list[Any]], times: int = 3) -> tuple[float, int]:
    """Return the shortest time of several runs, in seconds, and the number of rows."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        rows = call()
        taken.append(time.perf_counter() - began)
    return min(taken), len(rows)


def run_query(engine: EmbeddedEngine, query: Query) -> list[Any]:
    """Run a query with AuroraQL and return its rows."""
    run = engine.submit(Plan(query, (Request(query.kind),)))
    return list(run.fetch(time.monotonic() + 600).rows or ())


def peak() -> float:
    """Return the peak memory of this process in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)


def main(*, full: bool) -> None:
    """Build the catalogue and print every measurement.

    The peak of memory never falls, so each line shows the peak so far.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "year.duckdb"
        # In a separate process, so that the memory used for writing is not counted.
        subprocess.run([sys.executable, "-m", "tests.bench.bench_conjunctions", "--build", str(path)], check=True)
        print(f"{'':32}{'':>9}     peak so far {peak():6.2f} GB")
        engine = EmbeddedEngine(path)
        for name, (query, select) in list(CASES.items())[: None if full else 2]:
            chosen = Query(query.kind, start=query.start, end=query.end, select=select, criteria=query.criteria)
            taken, count = best(partial(run_query, engine, chosen))
            print(f"{name:32}{taken:9.2f} s   peak so far {peak():6.2f} GB   {count:9,} conjunctions")
        engine.close()
        with duckdb.connect(str(path), read_only=True, config=LOCKED_DOWN) as connection:
            taken, count = best(lambda: connection.execute(_BY_HAND).fetchall())
            print(f"{'a year by hand':32}{taken:9.2f} s   peak so far {peak():6.2f} GB   {count:9,} conjunctions")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="every case, not only those of the first figure")
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.build is not None:
        build(options.build)
    else:
        main(full=options.full)
