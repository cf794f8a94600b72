"""Flat frames, and the provenance that frames, tables and files carry, read back by other programs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from auroraql.ir.plan import Plan
from auroraql.ir.query import Query
from auroraql.results.provenance import Provenance
from auroraql.results.result_set import FetchedData, ResultColumn, ResultSet
from auroraql.schema import Type
from auroraql.session.archive import Archive, connect
from tests.support.server_process import ServerProcess

PASSES = "FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 300 km ON $day"
DAY = date(2021, 1, 1)


@pytest.fixture(scope="module", params=["demo", "http"])
def archive(request: pytest.FixtureRequest) -> Iterator[Archive]:
    """Return the embedded archive, and the same records over HTTP."""
    name = "demo"
    if request.param == "http":
        server: ServerProcess = request.getfixturevalue("demo_server")
        name = server.url
    with connect(name, api_key="secret-key") as opened:
        yield opened


def assert_flat(table: pa.Table) -> None:
    assert not [field for field in table.schema if pa.types.is_nested(field.type)]


def test_flat_conjunctions_have_a_column_for_each_block(archive: Archive) -> None:
    result = archive.run(PASSES, day=DAY)
    frame = result.to_pandas(flat=True)
    assert list(frame.columns) == [
        "conjunction_type", "start", "end", "ground1", "space1",
        "min_distance", "max_distance", "closest_epoch", "farthest_epoch",
    ]  # fmt: skip
    assert len(frame) == len(result)
    sources = [sorted(source["display_name"] for source in record["data_sources"]) for record in result.records]
    assert [sorted(pair) for pair in frame[["ground1", "space1"]].values.tolist()] == sources
    assert frame.groupby("ground1")["min_distance"].min().notna().all()
    assert_flat(result.to_arrow(flat=True))
    assert result.to_polars(flat=True).columns == list(frame.columns)
    nested = result.to_pandas()
    assert list(nested.columns) == [column.name for column in result.columns]
    assert nested["data_sources"][0][0]["program"] in ("trex", "swarm")


def test_flat_keeps_what_was_selected(archive: Archive) -> None:
    result = archive.run(f"{PASSES} SELECT space1, data_sources, events.min_distance", day=DAY)
    frame = result.to_pandas(flat=True)
    assert list(frame.columns) == [column.name for column in result.columns]
    first = json.loads(frame["data_sources"][0])
    assert {source["program"] for source in first} == {"trex", "swarm"}
    assert json.loads(frame["events.min_distance"][0]) == result.rows[0][2]


def test_flat_objects_have_a_column_for_each_member(archive: Archive) -> None:
    result = archive.run("FIND ephemeris WHERE program = 'swarm' ON 2021-01-01 LIMIT 5")
    table = result.to_arrow(flat=True)
    assert_flat(table)
    members = result.to_arrow().column("metadata").type
    assert {f"metadata.{member.name}" for member in members} <= set(table.column_names)
    assert table["metadata.radial_distance"].to_pylist() == [
        record["metadata"]["radial_distance"] for record in result.records
    ]
    both = archive.run("FIND data_products SELECT metadata, keogram_type ON 2021-01-01 LIMIT 2").to_pandas(flat=True)
    assert both.columns.is_unique


def test_flat_values_of_any_shape() -> None:
    column = ResultColumn("a", Type.ANY, path=("a",))
    shapes: list[Any] = [
        [{"b": {"c": 1, "d": [1, 2]}}, None, {"b": None, "e": "x"}],
        [[], [None], ["x"]],
        [[[1]], [], None],
        [1, "x", {"a": 1}],
        [None, None],
        [{}, {}],
        [],
    ]
    for values in shapes:
        rows = [(value,) for value in values]
        result = ResultSet(
            Plan(Query("", select=()), ()), FetchedData(rows=rows), archive="a", elapsed=0, columns=(column,)
        )
        table = result.to_arrow(flat=True)
        assert_flat(table)
        assert table.num_rows == len(values)
        assert len(result.to_pandas(flat=True)) == len(values)


def test_a_frame_carries_its_provenance(archive: Archive) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    result = archive.run(f"  {PASSES}\n  LIMIT 3", day=DAY)
    origin = result.to_pandas(flat=True).attrs["auroraql"]
    assert origin == result.to_pandas().attrs["auroraql"]
    assert origin["statement"] == f"{PASSES} LIMIT 3"
    assert origin["parameters"] == {"day": "2021-01-01"}
    assert origin["archive"] == archive.name
    assert origin["request_ids"] == list(result.request_ids)
    assert len(origin["request_ids"]) == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", origin["searched_at"])
    searched_at = datetime.fromisoformat(origin["searched_at"])
    assert before <= searched_at <= before + timedelta(minutes=5)
    assert "secret-key" not in json.dumps(origin)


def test_slices_and_searches_of_results_keep_the_provenance(archive: Archive) -> None:
    archive.run(f"LET passes = {PASSES}", day=DAY)
    stored = archive.results["passes"]
    assert stored[:2].to_pandas().attrs == stored.to_pandas().attrs
    near = archive.run("FIND passes WHERE min_distance < $km", km=200).to_pandas().attrs["auroraql"]
    assert near["parameters"] == {"km": 200}
    assert "request_ids" not in near
    assert near["results"] == {"passes": stored.to_pandas().attrs["auroraql"]}
    counted = archive.run("SQL SELECT space1, count(*) AS n FROM passes GROUP BY space1").to_pandas().attrs["auroraql"]
    assert counted["results"] == near["results"]
    with_columns = archive.run("FIND passes LIMIT 2").to_pandas(flat=True)
    assert {"ground1", "space1"} < set(with_columns.columns)


def test_parquet_files_are_read_back_with_their_provenance(archive: Archive, tmp_path: Path) -> None:
    result = archive.run(f"{PASSES} SELECT start, ground1, min_distance", day=DAY)
    assert result.provenance is not None
    expected = result.provenance.to_document()
    path = tmp_path / "passes.parquet"
    result.save(path)
    assert pd.read_parquet(path).attrs == {"auroraql": expected}
    pd.testing.assert_frame_equal(pd.read_parquet(path), result.to_pandas())
    assert json.loads(parquet.read_schema(path).metadata[b"auroraql"]) == expected
    assert json.loads(pl.read_parquet_metadata(path)["auroraql"]) == expected
    assert pl.read_parquet(path).height == len(result)
    with duckdb.connect() as connection:
        query = "SELECT decode(value) FROM parquet_kv_metadata(?) WHERE decode(key) = 'auroraql'"
        ((text,),) = connection.execute(query, [str(path)]).fetchall()
        assert json.loads(text) == expected
        assert connection.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchall() == [(len(result),)]


def test_frames_with_provenance_can_be_joined_and_written(archive: Archive, tmp_path: Path) -> None:
    one, two = (archive.run(PASSES, day=date(2021, 1, n)).to_pandas(flat=True) for n in (1, 2))
    assert len(pd.concat([one, two])) == len(one) + len(two)
    one.to_parquet(tmp_path / "one.parquet")
    assert pd.read_parquet(tmp_path / "one.parquet").attrs == one.attrs


def test_provenance_of_odd_parameters_is_json() -> None:
    odd = {
        "when": datetime(2021, 1, 1, 6),
        "for": timedelta(hours=1),
        "in": ["a", DAY],
        "text": "\ud800\u202e",
        "no": None,
    }
    document = Provenance("FIND x", "demo", datetime(2021, 1, 2, tzinfo=UTC), parameters=odd).to_document()
    assert json.loads(json.dumps(document)) == document
    assert document["parameters"]["in"] == ["a", "2021-01-01"]
    assert document["searched_at"] == "2021-01-02T00:00:00Z"
