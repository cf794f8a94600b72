"""Tests of predicates with many metadata comparisons: the same rows as with few, in little memory."""

from __future__ import annotations

import subprocess
import sys

import duckdb
import pytest

from auroraql import Archive
from auroraql.ir.query import Ref
from auroraql.sql import clauses
from auroraql.sql.dialect import DUCKDB, Bindings

VALUES = """{
    'text': 'x y', 'quoted': '"a" \\ b', 'empty': '', 'null text': 'null', 'number text': '1.50', 'none': NULL,
    'true': true, 'whole': 5, 'negative': -5, 'real': 486.1::DOUBLE, 'round': 630.0::DOUBLE,
    'large': 1e20::DOUBLE, 'small': 1e-7::DOUBLE, 'nan': 'nan'::DOUBLE,
    'time': TIMESTAMP '2020-01-01 10:00:00', 'object': {'a': ['1', 'x']}, 'list': [1, 2], 'é.$[0]': 'é'
}"""

CONDITIONS = [
    "(keogram_type = 'daily' OR wavelength > 500)",
    "NOT (keogram_type = 'daily' OR wavelength > 500)",
    "wavelength IS NOT NULL AND keogram_type LIKE 'HOUR%'",
    "keogram_type != 'hourly'",
    "(wavelength BETWEEN 400 AND 560 OR montage_type IS NOT NULL)",
    "imaging_start_time < imaging_end_time",
    "imaging_start_time >= '2021-01-01'",
]


def test_a_text_in_the_map_equals_the_keys() -> None:
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE kept AS SELECT CAST({VALUES} AS VARIANT) AS metadata UNION ALL SELECT NULL")
    keys = [key for (key,) in connection.execute("SELECT unnest(variant_keys(metadata)) FROM kept").fetchall()]
    assert len(keys) == 18
    for key in (*keys, "missing"):
        bind = Bindings(DUCKDB)
        in_map = DUCKDB.text(clauses.text_expression(Ref("metadata", key), "k", bind))
        table = DUCKDB.with_text_map("kept", "k", "TRUE")
        extracted = f"CAST(k.metadata[{bind(key)}] AS VARCHAR)"
        rows = connection.execute(f"SELECT {in_map}, {extracted} FROM {table}", bind.values).fetchall()  # noqa: S608
        assert len(rows) == 2
        assert all(left == right for left, right in rows), key


@pytest.mark.parametrize("where", CONDITIONS)
@pytest.mark.parametrize("columns", ["", "SELECT count(*), keogram_type GROUP BY keogram_type "])
def test_many_comparisons_find_the_same_rows_as_few(demo: Archive, where: str, columns: str) -> None:
    many = " AND ".join(f"(made_up_{number} IS NULL OR made_up_{number} > 1)" for number in range(10))
    few, much = (
        demo.run(f"FIND data_products {columns}WHERE program = 'trex' AND {condition} ON 2021-01-01")
        for condition in (where, f"{where} AND {many}")
    )
    assert len(few) > 0
    assert list(much) == list(few)


@pytest.mark.parametrize(
    "statement",
    [
        "FIND ephemeris WHERE program = 'swarm' AND {} BETWEEN 2020-01-01T00:00 AND 2020-01-01T01:00",
        "FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm' AND {}) WITHIN 300 km ON 2020-01-01",
    ],
)
def test_many_comparisons_of_ephemeris(demo: Archive, statement: str) -> None:
    known = "(nbtrace_region = 'north auroral oval' OR state LIKE '%e%')"
    many = " OR ".join(f"made_up_{number} = {number}" for number in range(160))
    few, much = (demo.run(statement.format(condition)) for condition in (known, f"({known} OR {many})"))
    assert len(few) > 0
    assert list(much) == list(few)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
def test_the_memory_of_many_comparisons(demo: Archive) -> None:
    """Measured in a separate process, because the peak is the process's. Separate extraction took 2.5 GB."""
    program = """
import re, warnings
from pathlib import Path
from auroraql import connect
warnings.simplefilter("ignore")
terms = " OR ".join(f"k{number} = {number}" for number in range(800))
with connect() as archive:
    archive.run(f"FIND ephemeris WHERE {terms} BETWEEN 2020-01-01T00:00 AND 2020-01-01T00:10")
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""
    demo.run("FIND data_products ON 2021-01-01 LIMIT 1")  # builds the file
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert int(done.stdout) < 700
