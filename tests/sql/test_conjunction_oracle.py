"""Tests that conjunctions by cells and presence equal those of the SQL that measures every pair, to the last digit.

The catalogues are random: tracks over the poles, the date line and 1970, sources that move or change their place, gaps,
half minutes, odd seconds, longitudes up to 360 degrees, and missing locations.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auroraql.diagnostics.errors import replace_value
from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.ir.query import Block, Query
from auroraql.schema.kinds.conjunctions import TRACES
from auroraql.sql import conjunction_pipeline
from auroraql.sql.conjunction_pipeline import whole_millimetres
from tests.support.brute_conjunctions import conjunctions
from tests.support.conjunctions_by_epoch import sql_of_before
from tests.support.embedded_runs import find_rows
from tests.support.small_catalogue import Position, write
from tests.support.small_conjunctions import (
    SOURCES,
    assert_same,
    conjunction_query,
    hemisphere,
    key,
    point,
    where,
)

_REGIONS = ((62.0, -100.0), (0.0, 0.0), (-45.0, 179.5), (88.5, 10.0), (-89.0, 200.0), (66.0, 359.5))
_EXACT = ((90.0, 0.0), (-90.0, 30.0), (12.0, 180.0), (12.0, -180.0), (0.0, 360.0), (45.0, 0.0))
_BEGINNINGS = (datetime(2020, 1, 1, 23, 40), datetime(1969, 12, 31, 23, 45), datetime(1957, 7, 1))
_MINUTES = 50

_BLOCKS = (
    *(Block("ground"), Block("ground", where("program", "trex")), Block("ground", key("sky", "=", "clear"))),
    *(Block("space"), Block("space"), Block("space", where("program", "swarm"))),
    Block("space", hemisphere("=", "northern")),
    Block("space", key("q", ">=", "2")),
    Block("events"),
    Block("location", points=(point("62", "-100"), point("90", "0"), point("-45", "-180"), point("66", "0"))),
)
_LIMITS = (None, 0, 20, 111.194927, 160.5, 400, 400, 800, 800, 1999.5, 2000, 2001, 6000)


def _track(rng: random.Random, source: int, region: tuple[float, float], began: datetime) -> Iterator[Position]:
    """Yield the records of one source: fixed, moving its place at times, or moving all the time."""
    speed = rng.choice((0, 0, 0.3)) if source in (1, 2) else rng.choice((0.2, 3.5, 3.5, 25))
    lat, lon = region[0] + rng.uniform(-3, 3), region[1] + rng.uniform(-3, 3)
    step = timedelta(seconds=rng.choice((60, 60, 60, 30)))
    epoch = began + timedelta(seconds=rng.choice((0, 0, 0, 30, 7)))
    last = epoch + timedelta(minutes=_MINUTES)
    while epoch < last:
        lat, lon = lat + rng.uniform(-speed, speed), lon + rng.uniform(-speed, 2 * speed)
        if rng.random() < 0.02:
            lat, lon = rng.choice((*_EXACT, *_REGIONS))
        lat = max(-90.0, min(90.0, lat))
        places = [(lat, _turned(rng, lon)), None, (abs(lat), _turned(rng, lon)), (-abs(lat), _turned(rng, lon))]
        if rng.random() < 0.05:
            places[rng.randrange(4)] = None
        if rng.random() > 0.08:
            metadata = {"sky": rng.choice(("clear", "clear", "cloudy")), "q": rng.choice((1, 2, 3))}
            yield Position(source, epoch, tuple(places), rng.choice((metadata, metadata, None)))
        epoch += step


def _turned(rng: random.Random, longitude: float) -> float:
    return longitude + 360 if -360 <= longitude < 0 and rng.random() < 0.02 else longitude


def _query(rng: random.Random, began: datetime) -> Query:
    blocks = rng.choices(_BLOCKS, k=rng.choice((2, 2, 2, 3, 3, 4)))
    pairs = len(blocks) * (len(blocks) - 1) // 2
    via = tuple(rng.choices(TRACES, k=rng.choice((0, 1, 1, 3))))
    query = conjunction_query(*blocks, limits=rng.choices(_LIMITS, k=pairs), via=via, subminute=rng.random() < 0.4)
    if rng.random() < 0.3:
        query = replace_value(
            query, start=began + timedelta(minutes=rng.choice((10, 11.5))), end=began + timedelta(minutes=40)
        )
    return Query.build(query) if rng.random() < 0.5 else query


_SEARCHES = 6
_IN_GATE = max(settings().max_examples // 15, 1)


@settings(deadline=None, max_examples=_IN_GATE)
@given(st.integers(0, 10**9))
def test_conjunctions_equal_those_of_every_pair(seed: int) -> None:
    rng = random.Random(seed)
    days = rng.choice((0, 0, conjunction_pipeline.MIN_DAYS_OF_CELLS))
    began, regions = rng.choice(_BEGINNINGS), rng.sample(_REGIONS, 2)
    sources = [source[0] for source in SOURCES]
    positions = [item for source in sources for item in _track(rng, source, rng.choice(regions), began)]
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "random.duckdb", [], SOURCES, positions=positions)
        with closing(EmbeddedEngine(path)) as engine, patch.object(conjunction_pipeline, "MIN_DAYS_OF_CELLS", days):
            for _ in range(_SEARCHES):
                query = _query(rng, began)
                records = find_rows(engine, query).records
                with sql_of_before():
                    expected = find_rows(engine, query).records
                assert records == expected, query
            if len(query.criteria.blocks if query.criteria else ()) == 2:
                assert_same(records, conjunctions(query, positions, SOURCES))


@pytest.mark.parametrize("limit", ["0", "0.0000004", "111.194927", "500", "1999.9999995", "20015.086796", "30000"])
def test_limits_in_whole_millimetres(limit: str) -> None:
    """Distances compare as doubles of km that are rounded to the millimetre."""
    mm = whole_millimetres(Decimal(limit))
    assert mm / 1e6 <= float(limit) < (mm + 1) / 1e6
