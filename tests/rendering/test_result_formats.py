"""Every statement of the corpus in every format, read back by an independent reader and compared with its records."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pandas
import polars
import pytest
from pandas.testing import assert_frame_equal
from pyarrow import parquet

import auroraql
from auroraql.diagnostics.errors import AuroraQLError
from auroraql.ir.plan import Plan
from auroraql.ir.query import Query
from auroraql.rendering import FORMATS, render_result
from auroraql.results.result_set import FetchedData, ResultColumn, ResultSet
from auroraql.schema import KINDS, Type
from auroraql.session.archive import Archive
from tests.support import corpus_files

STATEMENTS = [path for kind in KINDS for path in corpus_files.files(kind)]
DUCKDB = duckdb.connect()
MAX_ROWS = 20
"""Maximum number of rows written of each result."""


@pytest.fixture(scope="module")
def demo() -> Iterator[Archive]:
    with auroraql.connect() as archive:
        yield archive


def text(result: ResultSet, format: str) -> str:
    return "".join(render_result(result, format, width=None, color=False))


class Cells(HTMLParser):
    """An HTML parser that collects the headers of a table, the number of its rows, and the data of a report."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.rows = -1
        self.texts: list[str] = []
        self.rows_of_data: list[int] = []
        self._is_data = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.rows += tag == "tr"
        if tag == "th":
            self.names.append(dict(attrs).get("title") or "")
        self._is_data = (tag, dict(attrs).get("type")) == ("script", "application/json")

    def handle_data(self, data: str) -> None:
        if self._is_data:
            self.rows_of_data.append(json.loads(data)["rows"])
        self.texts.append(data)

    def handle_endtag(self, _tag: str) -> None:
        self._is_data = False


def reach(record: Any, path: tuple[str, ...]) -> Any:
    if not path:
        return record
    if isinstance(record, list):
        return [reach(item, path) for item in record]
    return reach(record.get(path[0]), path[1:]) if isinstance(record, dict) else None


def as_json(value: Any) -> Any:
    if isinstance(value, timedelta):
        hours, rest = divmod(value.seconds, 3600)
        days = f"{value.days} day{'' if value.days == 1 else 's'} " if value.days else ""
        return f"{days}{'+' if value.days < 0 else ''}{hours:02}:{rest // 60:02}:{rest % 60:02}"
    return value.isoformat() if isinstance(value, date) else value


def check_html(result: ResultSet, names: list[str], rows: list[list[Any]]) -> None:
    """Compare the page of a result with its rows. Without scripts, a browser shows the first 500."""
    page = Cells(text(result, "html"))
    if result.is_report:
        assert all(line in "".join(page.texts) for (line,) in rows)
    else:
        assert (page.names, page.rows, page.rows_of_data) == (names, min(len(rows), 500), [len(rows)] if rows else [])


def check_every_format(result: ResultSet, folder: Path) -> None:
    """Write a result in each format, and compare what other programs read with its rows and records."""
    names = [column.name for column in result.columns]
    rows, records = [list(row) for row in result], list(result.records)
    assert json.loads(text(result, "json")) == records
    assert [json.loads(line) for line in text(result, "jsonl").splitlines()] == records
    for row, record in zip(rows, records, strict=True):
        for column, value in zip(result.columns, row, strict=True):
            if not column.in_records:  # whole conjunctions do not name their blocks
                assert column.name not in record
                continue
            assert reach(record, column.record_path) == as_json(value), column.name
    for separated, between in (("csv", ","), ("tsv", "\t")):
        head, *lines = csv.reader(io.StringIO(text(result, separated), newline=""), delimiter=between)
        assert (head, len(lines)) == (names, len(rows))
        times = [at for at, column in enumerate(result.columns) if column.type is Type.TIME]
        for line, row in zip(lines, rows, strict=True):
            assert [line[at] for at in times] == [as_json(row[at]) or "" for at in times]
    for shown in ("table", "vertical", "markdown"):
        written = text(result, shown).replace("\\", "")
        assert all(name in written for name in names if rows and not result.is_report and shown != "vertical")
    check_html(result, names, rows)
    file = folder / "result.parquet"
    result.save(file)
    frame = result.to_pandas()
    assert list(frame.columns) == names
    assert_frame_equal(pandas.read_parquet(file), frame)
    assert polars.read_parquet(file).equals(result.to_polars())
    table = result.to_arrow()
    assert table.column_names == names
    with DUCKDB.cursor() as connection:
        relation = connection.execute(f"FROM '{file}'")
        assert [name for name, *_ in relation.description or ()] == names
        for values, row in zip(relation.fetchall(), rows, strict=True):
            for column, one, other in zip(result.columns, values, row, strict=True):
                if column.type not in (Type.OBJECT, Type.ANY, Type.INTERVAL):
                    assert one == other, column.name


@pytest.mark.parametrize("path", STATEMENTS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_a_statement_of_the_corpus_in_every_format(demo: Archive, path: Path, tmp_path: Path) -> None:
    text = corpus_files.read(path)["aql"]
    try:
        # Some statements find the whole archive: the first rows are enough.
        result = demo.run(text if " LIMIT " in text else f"{text} LIMIT {MAX_ROWS}")
    except AuroraQLError:
        pytest.skip("the demonstration refuses it")
    check_every_format(result.head(MAX_ROWS), tmp_path)


OTHERS = (
    "SET timeout = 100 s",
    "SHOW SETTINGS",
    "SHOW SOURCES WHERE program = 'trex'",
    "SHOW AVAILABILITY OF data_products WHERE program = 'trex' DURING 2021-01",
    "EXPLAIN FIND data_products WHERE program = 'trex' ON 2021-01-01",
    "DESCRIBE FIND data_products WHERE program = 'trex' ON 2021-01-01",
    "FIND data_products WHERE program = 'trex' ON 1999-01-01",
    "SQL SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a",
    "SQL SELECT 1 AS x WHERE false",
    "SQL SELECT * FROM c",
    "SQL SELECT NULL::DECIMAL(10, 2) AS d, NULL::DATE AS t, NULL::BIGINT AS n, NULL::BOOLEAN AS b, NULL::JSON AS j",
    "SQL SELECT x FROM (VALUES (9007199254740993), (NULL)) AS t(x)",
    "FIND c",
    "FIND c SELECT start AS began, platform",
)


@pytest.mark.parametrize("statement", OTHERS)
def test_every_method_works_on_every_kind_of_result(demo: Archive, statement: str, tmp_path: Path) -> None:
    demo.run(
        "LET c = FIND conjunctions OF ground (program='trex'), space (program='swarm') WITHIN 300 km ON 2020-01-01"
    )
    result = demo.run(statement)
    if result.columns:
        check_every_format(result, tmp_path)
    assert repr(result)
    assert len(result.head(1)) == min(len(result), 1)
    assert result._repr_html_().startswith("<div")
    assert (result.to_pandas().shape, result.to_arrow().num_columns) == (
        (len(result), len(result.columns)),
        len(result.columns),
    )
    assert result.to_polars().width == len(result.columns)
    for row in FORMATS.values():
        assert isinstance(b"".join(row.encode_result(result)), bytes)


def test_sql_keeps_dates_durations_and_decimal_numbers(demo: Archive) -> None:
    result = demo.run(
        "SQL SELECT 1.10::DECIMAL(4, 2) AS d, DATE '2020-01-01' AS t, INTERVAL 25 hours AS i, "
        "TIMESTAMPTZ '2020-01-01 06:00:00+00' AS z"
    )
    assert list(result) == [(Decimal("1.10"), date(2020, 1, 1), timedelta(hours=25), datetime(2020, 1, 1, 6))]
    assert result.records == [{"d": 1.1, "t": "2020-01-01", "i": "1 day 01:00:00", "z": "2020-01-01T06:00:00"}]
    assert text(result, "csv") == "d,t,i,z\n1.10,2020-01-01,1 day 01:00:00,2020-01-01T06:00:00\n"
    assert text(result, "jsonl") == '{"d":1.10,"t":"2020-01-01","i":"1 day 01:00:00","z":"2020-01-01T06:00:00"}\n'
    assert list(map(str, result.to_arrow().schema.types)) == [
        "decimal128(4, 2)", "date32[day]", "duration[us]", "timestamp[us]"
    ]  # fmt: skip
    with duckdb.connect() as connection:
        assert connection.execute("SELECT '1 day 01:00:00'::INTERVAL = INTERVAL 25 hours").fetchone() == (True,)


NESTED = {
    "decimals": [1.1, "12345678901234567890.12"],
    "s": {
        "day": "2020-01-02",
        "lasts": ["1 day 01:00:00"],
        "at": "2020-01-01T06:00:00",
        "zoned": "2020-01-01T06:00:00",
        "clock": "06:30:15.500000",
        "data": "a\\xFF",
    },
}


def test_sql_keeps_the_values_inside_lists_and_objects(demo: Archive, tmp_path: Path) -> None:
    result = demo.run(
        "SQL SELECT [1.10, 12345678901234567890.12::DECIMAL(38, 2)] AS decimals, "
        "{'day': DATE '2020-01-02', 'lasts': [INTERVAL 25 hours], 'at': TIMESTAMP '2020-01-01 06:00:00', "
        "'zoned': TIMESTAMPTZ '2020-01-01 06:00:00+00', 'clock': TIME '06:30:15.5', 'data': 'a\\xFF'::BLOB} AS s"
    )
    assert result.records == [NESTED]
    assert json.loads(text(result, "json")) == json.loads(f"[{text(result, 'jsonl')}]") == [NESTED]
    for name, delimiter in (("csv", ","), ("tsv", "\t")):
        (row,) = csv.DictReader(io.StringIO(text(result, name)), delimiter=delimiter)
        assert {column: json.loads(cell) for column, cell in row.items()} == NESTED
    result.save(tmp_path / "nested.parquet")
    (row,) = parquet.read_table(tmp_path / "nested.parquet").to_pylist()
    assert row == {
        "decimals": ["1.1", "12345678901234567890.12"],
        "s": {
            "day": date(2020, 1, 2),
            "lasts": [timedelta(hours=25)],
            "at": datetime(2020, 1, 1, 6),
            "zoned": datetime(2020, 1, 1, 6),
            "clock": clock(6, 30, 15, 500_000),
            "data": "a\\xFF",
        },
    }
    for name in ("table", "vertical", "markdown", "html"):
        shown = text(result, name)
        for value in ("12345678901234567890.12", "2020-01-02", "1 day 01:00:00", "2020-01-01T06:00:00", "06:30:15.5"):
            assert value in shown, name


def test_sql_keeps_times_and_bytes(demo: Archive, tmp_path: Path) -> None:
    result = demo.run(
        "SQL SELECT TIME '06:30:15.5' AS t, 'a\\x00\\xFF'::BLOB AS b, 2::HUGEINT AS h, "
        "9007199254740993::UBIGINT AS u, '12345678-1234-1234-1234-123456789012'::UUID AS i "
        "UNION ALL SELECT NULL, NULL, NULL, NULL, NULL ORDER BY t NULLS LAST"
    )
    identifier = "12345678-1234-1234-1234-123456789012"
    values = (clock(6, 30, 15, 500_000), b"a\x00\xff", 2, 2**53 + 1, identifier)
    assert list(result) == [values, (None,) * 5]
    assert text(result, "csv") == f"t,b,h,u,i\n06:30:15.500000,a\\x00\\xFF,2,9007199254740993,{identifier}\n,,,,\n"
    record = {"t": "06:30:15.500000", "b": "a\\x00\\xFF", "h": 2, "u": 2**53 + 1, "i": identifier}
    assert result.records[0] == json.loads(text(result, "jsonl").splitlines()[0]) == record
    for part in (result, result.head(0), result[1:]):
        types = ["time64[us]", "binary", "int64", "int64", "string"]
        assert list(map(str, part.to_arrow().schema.types)) == types
    path = tmp_path / "types.parquet"
    demo.run("SQL SELECT TIME '06:30:15.5' AS t, 'a\\x00'::BLOB AS b").save(path)
    with duckdb.connect() as connection:
        rows = connection.execute("SELECT t, b FROM read_parquet($1)", [str(path)]).fetchall()
        assert rows == [(values[0], b"a\x00")]
        assert connection.execute("SELECT 'a\\x00\\xFF'::BLOB").fetchone() == (values[1],)
    assert pandas.read_parquet(path)["t"][0] == values[0]
    assert "06:30:15" in str(demo.run("SQL SELECT TIME '06:30:15' AS t, 'z'::BLOB AS b"))


def test_an_alias_is_a_key_and_a_path_keeps_the_structure(demo: Archive) -> None:
    text = "FIND data_products SELECT platform AS site, program, keogram_type, start WHERE keogram_type = 'daily' ON 2021-01-01 LIMIT 1"
    result = demo.run(text)
    assert [column.name for column in result.columns] == ["site", "program", "keogram_type", "start"]
    (record,) = result.records
    assert list(record) == ["site", "data_source", "metadata", "start"]
    assert list(record["data_source"]) == ["program"]
    counts = demo.run(
        "FIND data_products SELECT platform, count(*), max(end) AS latest ON 2021-01-01 GROUP BY platform"
    )
    assert list(counts.records[0]) == ["data_source", "count(*)", "latest"]
    with pytest.raises(AuroraQLError, match="the alias 'data_source' is also the object that contains 'program'"):
        demo.run("FIND data_products SELECT start AS data_source, program ON 2021-01-01")


def test_csv_distinguishes_an_empty_text_from_a_missing_one(demo: Archive) -> None:
    result = demo.run("SQL SELECT * FROM (VALUES ('', NULL, 'a,b'), (NULL, '', '\"'), ('x', 'y', 'z')) AS t(a, b, c)")
    assert text(result, "csv") == 'a,b,c\n"",,"a,b"\n,"",""""\nx,y,z\n'
    assert text(demo.run("SQL SELECT * FROM (VALUES (''), (NULL)) AS t(a)"), "csv") == 'a\n""\n\n'


def test_excessive_nesting_is_an_error(demo: Archive) -> None:
    with pytest.raises(AuroraQLError, match="a value of 'j' is nested more than 200 levels deep"):
        demo.run("SQL SELECT (repeat('[', 900) || repeat(']', 900))::JSON AS j")
    deep = demo.run("SQL SELECT (repeat('[', 150) || repeat(']', 150))::JSON AS j")
    for row in FORMATS.values():
        assert b"".join(row.encode_result(deep))


def test_lone_surrogates_reach_every_data_frame() -> None:
    half, columns = (
        "\ud800",
        tuple(ResultColumn(t.name, t, path=(t.name,)) for t in (Type.ANY, Type.OBJECT, Type.STRING)),
    )
    for value in ({half: [half]}, [half], half):
        plan, fetched = Plan(Query("", select=()), ()), FetchedData(rows=[(value, value, value)])
        odd = ResultSet(plan, fetched, archive="a", elapsed=0, columns=columns)
        assert odd.to_pandas().shape == odd.to_polars().shape == (1, 3)
        assert half not in str(odd.to_arrow().to_pylist())


@pytest.mark.parametrize("zone", ["America/Edmonton", "Asia/Tokyo"])
@pytest.mark.usefixtures("demo_engine")
def test_other_time_zones_and_the_plain_locale(zone: str, isolated_user_folders: Path) -> None:
    """Run a representative part of the suite in another time zone with the C locale.

    The demonstration is the one built by this run.
    """
    tests = [
        "tests/results/test_results.py",
        "tests/session/sql/test_runner.py",
        "tests/planner/test_windows.py",
        "tests/rendering/test_result_formats.py::test_every_method_works_on_every_kind_of_result",
        "tests/rendering/test_result_formats.py::test_sql_keeps_dates_durations_and_decimal_numbers",
    ]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:xdist",
            "-q",
            "-x",
            *tests,
            "-k",
            "not data_frames",
            "-o",
            "addopts=",
            f"--home={isolated_user_folders}",
        ],
        env={**os.environ, "TZ": zone, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
