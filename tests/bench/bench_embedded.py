"""Benchmark of the embedded archive against hand-written DuckDB SQL: `python -m tests.bench.bench_embedded`."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.ir.plan import Plan, Request
from auroraql.ir.query import And, Column, Comparison, OrderKey, Query, Ref
from auroraql.results.result_set import result_columns
from auroraql.schema import Type
from auroraql.schema.operators import Op
from auroraql.sql.dialect import DUCKDB
from auroraql.sql.statement import compile_query

KIND = "data_products"
TREX = Comparison(Ref("source", "data_source.program"), Op.EQ, ("trex",), listed=True)
DAILY = Comparison(Ref("metadata", "keogram_type"), Op.EQ, ("daily",))
BLUE = Comparison(Ref("metadata", "wavelength"), Op.LT, ("500",))
DAY = (datetime(2021, 1, 1), datetime(2021, 1, 1, 23, 59, 59))
YEAR = (datetime(2020, 1, 1), datetime(2020, 12, 31, 23, 59, 59))

_SOURCE = "s.identifier, s.program, s.platform, s.instrument_type, s.source_type, s.display_name"
_ROW = f'p."start", p."end", {_SOURCE}, p.url, p.data_product_type'
_JOIN = "data_products p JOIN data_sources s ON s.identifier = p.data_source"
_TEXT = "CAST(p.metadata[?] AS VARCHAR)"
_IN_WINDOW = 's.program = ? AND p."start" >= ? AND p."end" <= ?'

_BY_START = 'ORDER BY p."start", p.data_source'

CASES: dict[str, tuple[Query, str, list[Any]]] = {
    "keograms of a day": (
        Query(KIND, And((TREX, DAILY)), *DAY),
        f"SELECT {_ROW}, p.metadata::JSON FROM {_JOIN} WHERE {_IN_WINDOW} AND {_TEXT} = ? {_BY_START}",  # noqa: S608
        ["trex", *DAY, "keogram_type", "daily"],
    ),
    "a program's year, whole": (
        Query(KIND, TREX, *YEAR),
        f"SELECT {_ROW}, p.metadata::JSON FROM {_JOIN} WHERE {_IN_WINDOW} {_BY_START}",  # noqa: S608
        ["trex", *YEAR],
    ),
    "a program's year, two columns": (
        Query(KIND, TREX, *YEAR, select=(Column(Ref("record", "start")), Column(Ref("record", "url")))),
        f'SELECT p."start", p.url FROM {_JOIN} WHERE {_IN_WINDOW} {_BY_START}',  # noqa: S608
        ["trex", *YEAR],
    ),
    "by a number in metadata": (
        Query(KIND, And((TREX, BLUE)), *YEAR, select=(Column(Ref("record", "url")),)),
        f"SELECT p.url FROM {_JOIN} WHERE {_IN_WINDOW} AND TRY_CAST({_TEXT} AS DOUBLE) < ? {_BY_START}",  # noqa: S608
        ["trex", *YEAR, "wavelength", 500.0],
    ),
    "the last ten": (
        Query(KIND, TREX, order_by=(OrderKey(Ref("record", "end"), descending=True),), limit=10),
        f'SELECT {_ROW}, p.metadata FROM {_JOIN} WHERE s.program = ? ORDER BY p."end" DESC LIMIT 10',  # noqa: S608
        ["trex"],
    ),
}


def best(call: Callable[[], Any], times: int = 15) -> float:
    """Return the shortest time of several runs, in milliseconds."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return min(taken) * 1000


def query_runner(engine: EmbeddedEngine, query: Query) -> Callable[[], Any]:
    """Return a function that runs a query with AuroraQL, from submit to rows."""

    def call() -> Any:
        run = engine.submit(Plan(query, (Request(KIND),)))
        deadline = time.monotonic() + 60
        run.wait(deadline)
        return run.fetch(deadline).rows

    return call


def sql_runner(connection: duckdb.DuckDBPyConnection, sql: str, parameters: list[Any]) -> Callable[[], Any]:
    """Return a function that runs hand-written SQL and decodes its JSON, because both sides must return objects."""

    def call() -> Any:
        rows = connection.execute(sql, parameters).fetchall()
        return [(*row[:-1], json.loads(row[-1])) for row in rows] if "::JSON" in sql else rows

    return call


def compiled_sql_runner(connection: duckdb.DuckDBPyConnection, query: Query) -> Callable[[], Any]:
    """Return a function that runs the SQL that AuroraQL compiles for a query.

    The difference is the engine's own overhead.
    """
    columns = result_columns(query)
    statement = compile_query(query, [c.path for c in columns], DUCKDB)
    whole = [at for at, c in enumerate(columns) if c.type in (Type.OBJECT, Type.ANY)]

    def call() -> Any:
        rows = connection.execute(statement.sql, list(statement.parameters)).fetchall()
        return (
            [[json.loads(v) if at in whole and v else v for at, v in enumerate(row)] for row in rows] if whole else rows
        )

    return call


def process_time(code: str, *arguments: str) -> float:
    """Return the run time of a Python process in milliseconds."""
    return best(lambda: subprocess.run([sys.executable, "-c", code, *arguments], check=True), 9)


def main() -> None:
    """Build the demonstration in a new folder and print every measurement."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        engine = EmbeddedEngine(cache_dir=Path(folder))
        print(f"build                           {time.perf_counter() - began:9.2f} s")
        # DuckDB opens a file once in a process, with one configuration: the SQL by hand runs on the engine's connection.
        with engine.reading(math.inf) as connection:
            for name, (query, sql, parameters) in CASES.items():
                first, second = query_runner(engine, query), sql_runner(connection, sql, parameters)
                assert len(first()) == len(second()), name
                same = compiled_sql_runner(connection, query)
                mine, hand, bare = best(first), best(second), best(same)
                print(
                    f"{name:32}{mine:9.2f} ms   same SQL {bare:9.2f} ms   ratio {mine / bare:5.2f}"
                    f"   simpler SQL by hand {hand:9.2f} ms   ratio {mine / hand:5.2f}"
                )
        engine.close()
        bare = process_time("import duckdb")
        opened = "import sys, pathlib; from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine as E; "
        whole = process_time(opened + "e = E(cache_dir=pathlib.Path(sys.argv[1])); e.catalogue(); e.close()", folder)
        print(f"open and catalogue, a process   {whole:9.2f} ms   import {bare:9.2f} ms    ratio {whole / bare:5.2f}")


if __name__ == "__main__":
    main()
