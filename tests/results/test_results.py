"""Tests of results: rows, records, data frames and files agree, and have the same types when empty."""

from __future__ import annotations

import csv
import json
import pickle
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow
import pytest

import auroraql
from auroraql import Archive, ResultSet, UsageError
from auroraql.ir.plan import Plan
from auroraql.ir.query import Column, Query, Ref
from auroraql.results.result_set import FetchedData, ResultColumn
from auroraql.schema import Type
from tests.support.aurorax_server import RECORDS, AuroraXServer
from tests.support.server_process import ServerProcess

KEOGRAMS = "FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01"
IDENTIFIERS = [96, 101, 102, 103, 104]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AuroraXServer]:
    monkeypatch.setenv("NO_PROXY", "*")
    with AuroraXServer(RECORDS) as running:
        yield running


def test_records_have_the_services_structure(demo: Archive) -> None:
    record = demo.run(f"{KEOGRAMS} LIMIT 1").records[0]
    assert [list(record), list(record["data_source"])] == [list(RECORDS[0]), list(RECORDS[0]["data_source"])]
    assert {name: type(value) for name, value in record.items()} == {k: type(v) for k, v in RECORDS[0].items()}
    assert {type(v) for v in record["data_source"].values()} == {int, str}
    assert (record["start"], record["end"]) == ("2021-01-01T00:00:00", "2021-01-01T23:59:00")
    assert json.loads(json.dumps(record)) == record


def test_rows_are_flat_and_in_the_order_of_columns(demo: Archive) -> None:
    result = demo.run(KEOGRAMS.replace("WHERE", "SELECT url, start AS began, data_source {identifier} WHERE"))
    assert [(c.name, c.type, c.unit) for c in result.columns] == [
        ("url", Type.STRING, ""),
        ("began", Type.TIME, ""),
        ("data_source.identifier", Type.INTEGER, ""),
    ]
    assert list(result) == list(result.rows)
    assert [row[1:] for row in result] == [(datetime(2021, 1, 1), identifier) for identifier in IDENTIFIERS]
    assert set(result.records[0]) == {"url", "began", "data_source"}
    assert result.records[0]["data_source"] == {"identifier": 96}


def test_a_result_knows_its_plan_and_its_warnings(demo: Archive) -> None:
    result = demo.run("FIND data_products WHERE program = 'trx' LIMIT 3")
    assert len(result) == 0
    assert [warning.code for warning in result.warnings] == ["AQL0603", "AQL0602"]
    assert result.warnings[1].severity == "warning"
    assert result.plan is not None
    assert result.plan.requests[0].lists == (("program", ("trx",)),)
    assert (result.plan.post_processing.limit, result.archive, result.demonstration) == (3, "demo", True)
    assert 0 < result.elapsed < 60


@pytest.mark.parametrize("limit", ["", "LIMIT 0"])
def test_an_empty_data_frame_has_types(demo: Archive, limit: str) -> None:
    frame = demo.run(f"{KEOGRAMS} {limit}").to_pandas()
    assert len(frame) == (0 if limit else 5)
    kinds = [frame[name].dtype.kind for name in frame.columns]
    assert kinds[:3] == ["M", "M", "i"]
    assert list(frame.columns[:3]) == ["start", "end", "identifier"]
    assert frame["start"].dt.hour.tolist() == ([] if limit else [0] * 5)
    assert frame["program"].str.upper().tolist() == ([] if limit else ["TREX"] * 5)
    assert frame["metadata"].dtype == object


@pytest.mark.parametrize("limit", ["", "LIMIT 0"])
def test_an_empty_arrow_table_has_types(demo: Archive, limit: str) -> None:
    table = demo.run(f"{KEOGRAMS} {limit}").to_arrow()
    assert table.num_rows == (0 if limit else 5)
    types = [str(field.type) for field in table.schema]
    assert types[:-1] == [*["timestamp[us]"] * 2, "int64", *["string"] * 7]
    if not limit:
        assert table["metadata"][0].as_py()["keogram_type"] == "daily"


def result_of_values(*values: Any) -> ResultSet:
    query = Query("data_products", select=(Column(Ref("metadata", "key")), Column(Ref("record", "start"))))
    return ResultSet(Plan(query, ()), FetchedData(rows=[(v, None) for v in values]), archive="a test", elapsed=0)


@pytest.mark.parametrize(
    ("values", "type", "expected"),
    [
        ((), "null", []),
        ((None, None), "null", [None, None]),
        ((1, 2.5, None), "double", [1.0, 2.5, None]),
        ((1, None), "int64", [1, None]),
        (("a", None), "string", ["a", None]),
        ((True, False), "bool", [True, False]),
        ((True, 1), "string", ["true", "1"]),
        (("a", 1, None), "string", ["a", "1", None]),
        (({"a": 1}, {}, None), "struct<a: int64>", [{"a": 1}, {"a": None}, None]),
        (([1], 2), "string", ["[1]", "2"]),
        ((10**30,), "string", [str(10**30)]),
        ((2**60 + 1, 0.5), "string", [str(2**60 + 1), "0.5"]),
    ],
)
def test_values_of_a_metadata_key_in_arrow_and_pandas(values: tuple[Any, ...], type: str, expected: list[Any]) -> None:
    result = result_of_values(*values)
    assert str(result.to_arrow().schema.field(0).type) == type
    assert result.to_arrow().column(0).to_pylist() == expected
    frame = result.to_pandas()
    assert len(frame) == len(values)
    assert frame["start"].dtype.kind == "M"
    assert frame["start"].isna().all()


def test_fractions_of_a_second_are_kept(server: AuroraXServer) -> None:
    server.records[:] = [{**RECORDS[0], "start": "2020-02-01T00:00:00.250000"}]
    with auroraql.connect(server.url) as archive:
        result = archive.run("FIND data_products")
        moment = datetime(2020, 2, 1, 0, 0, 0, 250_000)
        assert result.rows[0][0] == moment
        assert result.to_arrow()["start"][0].as_py() == moment
        assert result.to_pandas()["start"][0] == moment
        assert result.records == server.records
        assert archive.run("FIND data_products SELECT start").records == [{"start": "2020-02-01T00:00:00.250000"}]


def test_save_by_suffix(demo: Archive, tmp_path: Path) -> None:
    result = demo.run(KEOGRAMS)
    for name in ("a.csv", "a.json", "a.jsonl", "a.ndjson", "a.txt", "A.CSV"):
        result.save(tmp_path / name)
    result.save(str(tmp_path / "b.csv"))
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["identifier"]) for row in rows] == IDENTIFIERS
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "A.CSV").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == list(result.records)
    for name in ("a.jsonl", "a.ndjson"):
        lines = (tmp_path / name).read_text("utf-8").splitlines()
        assert [json.loads(line) for line in lines] == list(result.records)
    assert "TREx RGB GILL" in (tmp_path / "a.txt").read_text("utf-8")


def test_polars(demo: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    result = demo.run(KEOGRAMS)
    frame = result.to_polars()
    assert frame.columns == [column.name for column in result.columns]
    assert frame["platform"].to_list() == [record["data_source"]["platform"] for record in result.records]
    assert frame["start"][0] == result.rows[0][0]


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_a_missing_data_frame_package_names_its_install_command(
    demo: Archive, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    result = demo.run(KEOGRAMS)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=f"{package} is not installed\n  = hint: run `pip install {package}`, or use "):
        getattr(result, f"to_{package}")()


WITHOUT_FRAMES = """
import sys
class NotInstalled:
    def find_spec(name, *_):
        if name in ("pandas", "polars"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NotInstalled)
import auroraql
from auroraql.rendering import FORMATS
for archive in ("demo", sys.argv[1]):
    with auroraql.connect(archive) as session:
        session.run(
            "LET x = FIND ephemeris SELECT epoch, nbtrace {lat}, metadata WHERE platform = 'swarma' "
            "AND (nbtrace.lat > 60 OR radial_distance < 6850) ON 2020-01-01"
        )
        for result in (session.results["x"], session.run("SQL SELECT epoch, metadata FROM x")):
            for suffix in [suffix for chosen in FORMATS.values() for suffix in chosen.suffixes]:
                result.save(f"rows{suffix}")
            print(len(result), result.to_arrow().num_rows)
"""


def test_everything_but_data_frames_works_without_pandas_and_polars(demo_server: ServerProcess, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_FRAMES, demo_server.url]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    counts = done.stdout.split()
    assert len(counts) == 8
    assert len(set(counts)) == 1


def test_lone_surrogates_are_replaced() -> None:
    plan = Plan(Query("", select=()), ())
    columns = tuple(ResultColumn(t.name, t, path=(t.name,)) for t in (Type.STRING, Type.ANY, Type.OBJECT))
    half = "\ud800é"
    result = ResultSet(plan, FetchedData(rows=[(half, half, {"a": half})]), archive="a", elapsed=0, columns=columns)
    assert result.to_arrow().to_pylist() == [{"STRING": "\ufffdé", "ANY": "\ufffdé", "OBJECT": {"a": "\ufffdé"}}]
    assert result.to_pandas()["STRING"][0] == "\ufffdé"


def test_save_errors(demo: Archive, tmp_path: Path) -> None:
    result = demo.run(KEOGRAMS)
    for name in ("a", "a.orc", "no/such/a.csv", "."):
        with pytest.raises(UsageError):
            result.save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_an_arrow_table_can_be_stored(demo: Archive, tmp_path: Path) -> None:
    from pyarrow import parquet

    table = demo.run(KEOGRAMS).to_arrow()
    assert isinstance(table, pyarrow.Table)
    parquet.write_table(table, tmp_path / "a.parquet")
    assert parquet.read_table(tmp_path / "a.parquet").num_rows == 5


def test_a_metadata_key_has_its_known_unit(demo: Archive) -> None:
    result = demo.run("FIND ephemeris SELECT radial_distance, state WHERE platform = 'swarma' ON 2020-01-01 LIMIT 1")
    assert [column.unit for column in result.columns] == ["km", ""]
    far = "FIND ephemeris SELECT max(radial_distance) AS far, count(radial_distance) AS n ON 2020-01-01"
    assert [column.unit for column in demo.run(far).columns] == ["km", ""]


def test_a_result_works_in_a_process_that_has_only_unpickled_it(
    demo: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")  # the terminals of the two processes may differ
    result = demo.run("FIND data_products SELECT start, url WHERE program = 'trex' ON 2021-01-01 LIMIT 2")
    (tmp_path / "result.pickle").write_bytes(pickle.dumps(result))
    program = (
        "import pickle, sys; result = pickle.load(open('result.pickle', 'rb')); "
        "result.save('rows.csv'); print(len(result.to_pandas()), result.to_arrow().num_rows); print(result)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"2 2\n{result}\n"
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 3
