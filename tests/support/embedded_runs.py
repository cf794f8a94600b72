"""A statement and a few helpers that the tests of the embedded archive share."""

from __future__ import annotations

import time
from datetime import datetime

from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.ir.plan import Plan, Request
from auroraql.ir.query import And, Comparison, Query, Ref
from auroraql.results.result_set import ResultSet
from auroraql.schema.operators import Op

KIND = "data_products"
DAY = (datetime(2021, 1, 1), datetime(2021, 1, 1, 23, 59, 59))
TREX = Comparison(Ref("source", "data_source.program"), Op.EQ, ("trex",), listed=True)
DAILY = Comparison(Ref("metadata", "keogram_type"), Op.EQ, ("daily",))
KEOGRAMS = Query(KIND, And((TREX, DAILY)), *DAY)
RGB = Comparison(Ref("source", "data_source.instrument_type"), Op.EQ, ("RGB ASI",), listed=True)


def plan(query: Query) -> Plan:
    return Plan(query, (Request(KIND),))


def deadline_in(seconds: float = 60) -> float:
    return time.monotonic() + seconds


def find_rows(engine: EmbeddedEngine, query: Query) -> ResultSet:
    run = engine.submit(plan(query))
    run.wait(deadline_in())
    return ResultSet(plan(query), run.fetch(deadline_in()), archive=engine.name, elapsed=0, demonstration=True)


def identifiers(engine: EmbeddedEngine, query: Query = KEOGRAMS) -> list[int]:
    return [r["data_source"]["identifier"] for r in find_rows(engine, query).records]
