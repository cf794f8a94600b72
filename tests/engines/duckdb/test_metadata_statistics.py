"""Test that records which are added to a large catalogue later are found by their metadata."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

import auroraql
from tests.support.small_catalogue import write

ROWS = 50_000
"""Enough rows for DuckDB to store the members of metadata as columns with statistics."""


@pytest.mark.parametrize(
    "predicate",
    ["k = 'aaa'", "k = 'zzz'", "k LIKE 'zz%'", "w < 10", "w = 9999.5", "NOT k IN ('daily', 'hourly', 'aaa')"],
)
def test_values_beyond_those_of_older_records_are_found(tmp_path: Path, predicate: str) -> None:
    path = write(tmp_path / "catalogue.duckdb", [])
    insert = "INSERT INTO data_products SELECT 1, '2020-01-01', '2020-01-01', 'keogram', "
    with duckdb.connect(str(path)) as connection:
        old = "'old' || i, {'k': if(i % 2 = 0, 'daily', 'hourly'), 'w': 500.5 + i % 50}::VARIANT"
        connection.execute(f"{insert} {old} FROM range({ROWS}) t(i)")
        connection.execute("CHECKPOINT")
        for url, value in (("new1", '{"k": "aaa", "w": 1.5}'), ("new2", '{"k": "zzz", "w": 9999.5}')):
            connection.execute(f"{insert} ?, ?::JSON::VARIANT", [url, value])
        connection.execute("CHECKPOINT")
    with auroraql.connect(path) as archive:
        result = archive.run(f"FIND data_products SELECT url WHERE {predicate} ON 2020-01-01")
    assert len(result) == 1
