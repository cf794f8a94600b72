"""`GET /auroraql`: other programs read results from a URL, and errors as text or problem documents."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlencode

import duckdb
import pandas
import pyarrow.parquet
import pytest
import requests

from auroraql.session.archive import Archive
from tests.support.server_process import ServerProcess

DAILY = "FIND data_products WHERE program = $p AND keogram_type = 'daily' ON $day ORDER BY platform"


@pytest.fixture
def address(server: ServerProcess) -> str:
    return f"{server.url}/auroraql"


def get(address: str, statement: str, *, accept: str = "*/*", **parameters: str) -> requests.Response:
    return requests.get(address, {"statement": statement, **parameters}, headers={"Accept": accept}, timeout=60)


GIVEN = {"param.p": "trex", "param.day": "2021-01-01"}


def test_every_format_has_the_same_rows(address: str, demo: Archive) -> None:
    expected = [row["url"] for row in demo.run(DAILY, p="trex", day="2021-01-01").records]
    assert len(expected) == 5
    answer = get(address, DAILY, **GIVEN)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert [row["url"] for row in csv.DictReader(io.StringIO(answer.text))] == expected
    answer = get(address, DAILY, format="json", **GIVEN)
    assert (answer.headers["Content-Type"], [row["url"] for row in answer.json()]) == ("application/json", expected)
    lines = get(address, DAILY, format="jsonl", **GIVEN).text.splitlines()
    assert [json.loads(line)["url"] for line in lines] == expected
    content = get(address, DAILY, format="parquet", **GIVEN).content
    assert pyarrow.parquet.read_table(io.BytesIO(content)).column("url").to_pylist() == expected


def test_pandas_and_duckdb_read_the_answer(address: str, tmp_path: Path) -> None:
    url = f"{address}?{urlencode({'statement': DAILY, **GIVEN})}"
    frame = pandas.read_csv(url)
    file = tmp_path / "answer.csv"
    file.write_bytes(requests.get(url, timeout=60).content)
    rows = duckdb.read_csv(str(file)).project("platform, start").fetchall()
    assert [platform for platform, _ in rows] == list(frame["platform"])
    assert len(rows) == 5


def test_the_last_of_several_statements_is_the_answer(address: str) -> None:
    script = (
        "LET passes = FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 300 km ON 2020-01-01;"
        "FIND passes SELECT count(*) AS n"
    )
    assert get(address, script).text == "n\n15\n"
    # Another request has another session.
    assert get(address, "FIND passes").status_code == 400


def test_errors_show_the_place(address: str) -> None:
    answer = get(address, "FIND data_products WHERE program == 'trex' ON 2021-01-01")
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert "^^" in answer.text
    assert "did you mean =?" in answer.text
    problem = get(address, "FIND data_products WHERE program == 'trex'", accept="application/problem+json")
    assert problem.headers["Content-Type"] == "application/problem+json"
    assert problem.json()["diagnostics"][0]["fix"] == "="
    assert problem.json()["status"] == problem.status_code == 400


@pytest.mark.parametrize(
    ("statement", "parameters", "message"),
    [
        ("", {}, "no statement"),
        ("SQL SELECT 1", {}, "SQL is not allowed"),
        ("SET timeout = 1 s", {}, "not allowed"),
        (f"SUBMIT x = {DAILY}", {}, "not allowed"),
        ("FETCH 'x'", {}, "not allowed"),
        (DAILY, {}, "$"),
        (DAILY, {**GIVEN, "param.other": "1"}, "other"),
        (DAILY, {**GIVEN, "nonsense": "1"}, "nonsense"),
        (DAILY, {**GIVEN, "format": "html"}, "format"),
        ("FIND ephemeris DURING 2020", {}, "more than 200,000 rows"),
        ("-- " + "x" * 20_000, {}, "longer than"),
        ("LET a = FIND data_products ON 2021-01-01", {}, "no statement has a result"),
    ],
)
def test_what_is_refused(address: str, statement: str, parameters: dict[str, str], message: str) -> None:
    answer = get(address, statement, **parameters)
    assert answer.status_code == 400
    assert message in answer.text


def test_parameters_are_values(address: str) -> None:
    hostile = "trex' OR 1=1 --"
    answer = get(address, DAILY, **{**GIVEN, "param.p": hostile})
    assert (answer.status_code, len(answer.text.splitlines())) == (200, 1)
    several = "FIND DISTINCT data_products SELECT program WHERE program IN $p ON 2021-01-01"
    given = [("statement", several), ("param.p", "trex"), ("param.p", "themis-asi")]
    assert sorted(requests.get(address, given, timeout=60).text.split()) == ["program", "themis-asi", "trex"]


def test_other_pages_may_not_read_it(address: str) -> None:
    answer = requests.get(
        address, {"statement": "SHOW PROGRAMS"}, headers={"Origin": "https://evil.example"}, timeout=60
    )
    assert answer.status_code == 403
    assert requests.post(address, data={"statement": "SHOW PROGRAMS"}, timeout=60).status_code == 405
    assert requests.head(address, params={"statement": "SHOW PROGRAMS"}, timeout=60).content == b""


def test_sql_can_be_allowed(demo_engine: object) -> None:
    script = "LET d = FIND data_products WHERE program = 'trex' ON 2021-01-01; SQL SELECT count(*) AS n FROM d"
    with ServerProcess("--allow-sql") as server:
        assert get(f"{server.url}/auroraql", script).text == "n\n289\n"
        answer = get(f"{server.url}/auroraql", "SQL SELECT * FROM read_csv('/etc/passwd')")
        assert answer.status_code == 400


_OCTAVE = """
lines = strsplit(strtrim(urlread(getenv("TABLE_URL"))), "\\n");
printf("%d %s", numel(lines) - 1, strsplit(lines{2}, ","){2})
"""
_READERS = {
    "Rscript": ("-e", 'frame <- read.csv(Sys.getenv("TABLE_URL")); cat(nrow(frame), frame$platform[1])'),
    "octave": ("--no-gui", "--quiet", "--eval", _OCTAVE),
}


@pytest.mark.parametrize("program", _READERS)
def test_r_and_octave_read_a_table_from_a_url(address: str, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    monkeypatch.setenv("NO_PROXY", "*")
    statement = f"FIND data_products SELECT start, platform WHERE {DAILY.partition('WHERE ')[2]}"
    url = f"{address}?{urlencode({'statement': statement, **GIVEN})}"
    monkeypatch.setenv("TABLE_URL", url)
    done = subprocess.run([program, *_READERS[program]], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "5 fort smith"


def test_a_script_that_asks_for_too_much_is_refused(address: str) -> None:
    month = "FIND ephemeris WHERE program = 'swarm' DURING 2020-01"
    answer = get(address, "; ".join(f"LET a{n} = {month}" for n in range(100)) + "; FIND a0 LIMIT 1")
    assert answer.status_code == 400
    assert "the results of LET have more than 200,000 rows together" in answer.text
    assert get(address, f"LET a = {month}; FIND a SELECT epoch LIMIT 2").text.count("2020-01-01") == 2
    for name in ("statement", "format"):
        repeated = {"statement": DAILY, "format": "csv", **GIVEN, name: ["csv", "csv"]}
        answer = requests.get(address, repeated, timeout=60)
        assert (answer.status_code, "is given several times" in answer.text) == (400, True)
