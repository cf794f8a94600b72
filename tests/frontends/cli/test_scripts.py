"""Tests of scripts: exit codes, --keep-going, limits, diagnostics as JSON, and closed pipes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import auroraql
from auroraql import AuroraQLError, ResultSet
from auroraql.diagnostics.errors import Source
from auroraql.frontends.cli.main import FORMAT_NAMES
from tests.frontends.cli.test_cli import closed_port
from tests.frontends.cli.test_output import posix, run_in_terminal, shell
from tests.support.aurorax_server import RECORDS, AuroraXServer, Fault
from tests.support.command_line import command

GOOD = "FIND data_products SELECT start ON 2021-01-01 LIMIT 1;"
FOUND = "start\n2021-01-01T00:00:00\n"
EVERYTHING = "FIND data_products DURING 2020-02;"


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """Build the demonstration first, so that no test sees the notice about the build."""
    auroraql.connect().close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AuroraXServer]:
    monkeypatch.setenv("NO_PROXY", "*")
    with AuroraXServer(RECORDS) as running:
        yield running


# --- running on after a failure


@pytest.mark.parametrize(
    "wrong",
    [
        "FIND data_products WHRE program = 'trex'",
        "FIND data_products WHERE start = TRUE",
        "FIND nothing ON 2021-01-01",
        "FIND data_products WHERE program = $p",
        "FETCH nothing",
        "SQL SELECT * FROM nothing",
        "SET nothing = 5",
        "FIND data_products WHERE program IN (FIND data_products SELECT program WHRE x)",
    ],
)
def test_a_wrong_statement_is_reported_and_the_rest_runs(wrong: str) -> None:
    text = f"{GOOD}\n{wrong};\n{GOOD}"
    done = command("-c", text, "--keep-going", "--format", "csv")
    assert (done.code, done.out) == (2, FOUND * 2)
    assert done.err.count("error[") == 1
    assert "<statement>:2:" in done.err
    # Without the option nothing of the script runs.
    assert (command("-c", text, "--format", "csv").code, command("-c", text).out) == (2, "")


def test_statements_that_use_a_failed_result_fail_too(server: AuroraXServer) -> None:
    server.faults["submit"] = Fault(status=400, body=b"{}", times=1)
    script = "LET c = ALL FIND c; SQL SELECT count(*) FROM c; SHOW COLUMNS OF c; ALL".replace("ALL", EVERYTHING)
    done = command("-a", server.url, "--keep-going", "-c", script, "--format", "csv")
    assert done.code == 1
    assert done.out.startswith("start,")
    assert done.err.count("error[") == 3
    assert done.err.count("'c'") >= 3
    assert "Traceback" not in done.err


def test_the_exit_code_is_that_of_the_first_failure(server: AuroraXServer) -> None:
    server.faults["submit"] = Fault(status=400, body=b"{}", times=1)
    assert command("-a", server.url, "--keep-going", "-c", f"FIND x; {EVERYTHING}").code == 2
    server.faults["submit"] = Fault(status=400, body=b"{}", times=1)
    assert command("-a", server.url, "--keep-going", "-c", f"{EVERYTHING} FIND x;").code == 1
    server.never = True
    late = f"SET timeout = 300 ms; {EVERYTHING} FIND x;".replace("300 ms", "0.3")
    done = command("-a", server.url, "--keep-going", "-c", late)
    assert done.code == 4
    assert "error[" in done.err
    gone = f"http://127.0.0.1:{closed_port()}"
    done = command("-a", gone, "--keep-going", "-c", EVERYTHING * 2)
    assert (done.code, done.err.count("cannot be reached")) == (3, 2)
    assert command("-c", GOOD * 2, "--keep-going").code == 0


def test_scripts_in_several_files_keep_going_too(tmp_path: Path) -> None:
    for name, text in (("a", f"LET c = {GOOD}"), ("b", "FIND 'never closed"), ("c", "FIND c;")):
        (tmp_path / f"{name}.aql").write_text(text)
    done = command("run", *sorted(tmp_path.iterdir()), "--keep-going", "--format", "csv")
    assert (done.code, done.out) == (2, FOUND)
    assert "b.aql:1:6" in done.err
    # A usage error runs nothing.
    assert command("run", tmp_path / "a.aql", tmp_path / "none.aql", "--keep-going").out == ""
    assert command("run", tmp_path / "a.aql", "--keep-going", "--param", "x=1").code == 2


def test_keep_going_from_python() -> None:
    with auroraql.connect() as archive:
        outcomes = list(archive.run_each(f"{GOOD} FIND x; {GOOD}", Source("FIND", "b")))
        assert [type(outcome).__name__ for outcome in outcomes] == [
            "ResultSet",
            "StatementError",
            "ResultSet",
            "StatementError",
        ]
        assert all(isinstance(outcome, ResultSet | AuroraQLError) for outcome in outcomes)
        assert "<statement>:1:" in str(outcomes[1])
        (given,) = archive.run_each("FIND data_products SELECT program WHERE program = $p LIMIT 1", p="trex", q=1)
        assert isinstance(given, ResultSet)
        archive.close()
        with pytest.raises(auroraql.UsageError):
            list(archive.run_each(GOOD))


# --- limits


@pytest.mark.parametrize("shown_as", [name for name in FORMAT_NAMES if name != "parquet"])
def test_a_limit_is_reported_when_it_omits_rows(shown_as: str) -> None:
    text = "FIND data_products SELECT start, program ON 2021-01-01 ORDER BY program, start"
    done = command("-c", f"{text} LIMIT 3", "--format", shown_as)
    cut = command("-c", text, "--format", shown_as, "--limit", "3")
    assert cut.code == 0
    if shown_as == "html":  # which shows the run time
        assert cut.out.count("<tr") == done.out.count("<tr")
    else:
        assert cut.out == done.out
    assert "\n3 of " in cut.err
    assert "rows are written (--limit 3)" in cut.err
    assert "--limit" not in command("-c", f"{text} LIMIT 3", "--limit", "3").err


def test_a_limit_applies_to_written_results_only(server: AuroraXServer, tmp_path: Path) -> None:
    script = "LET c = FIND data_products ON 2021-01-01 LIMIT 7; SQL SELECT count(*) AS n FROM c; EXPLAIN FIND data_products ON 2021-01-01"
    done = command("-c", script, "--limit", "1", "--format", "csv")
    assert done.out.startswith("n\n7\n")
    assert len(done.out.splitlines()) > 4
    assert "--limit" not in done.err
    # All these rows would take minutes.
    done = command("-c", "SQL SELECT * FROM range(5000000000) AS t(n)", "--limit", "2", "--format", "csv")
    assert done.out == "n\n0\n1\n"
    assert "2 of more than 2 rows are written (--limit 2)" in done.err
    path = tmp_path / "out.csv"
    done = command("-a", server.url, "-c", EVERYTHING, "--limit", "0", "--output", path)
    assert (done.code, len(path.read_text().splitlines())) == (0, 1)
    assert "0 of " in done.err
    for wrong in ("-1", "x", "1.5", ""):
        assert command("-c", GOOD, f"--limit={wrong}").code == 2


# --- diagnostics as JSON


def check_text(text: str, *arguments: str) -> list[dict[str, object]]:
    done = command("check", "--format", "json", "-", *arguments, stdin=text)
    document = json.loads(done.out)
    assert document["version"] == 1
    assert done.err == ""
    diagnostics: list[dict[str, object]] = document["diagnostics"]
    assert done.code == (2 if any(item["severity"] == "error" for item in diagnostics) else 0)
    return diagnostics


def test_a_diagnostic_for_editors() -> None:
    (diagnostic,) = check_text(
        "-- 😀\nFIND data_products\n  WHERE note = '😀' AND program = 5 ON 2021-01-01", "--param", "x=1"
    )[:1]
    hint = diagnostic.pop("hint")
    assert isinstance(hint, str)
    assert hint.startswith("write '5' if that is the name of a program")
    assert diagnostic == {
        "file": "<stdin>",
        "code": "AQL0203",
        "severity": "error",
        "message": "'program' takes a string, not a number",
        "label": "a number",
        "fix": "'5'",
        "start": {"line": 3, "column": 34},
        "end": {"line": 3, "column": 35},
        "range": {"start": {"line": 2, "character": 34}, "end": {"line": 2, "character": 35}},
        "pointer": None,
    }


def test_every_fix_of_a_date_is_reported_to_editors() -> None:
    (day,) = check_text("FIND data_products WHERE start > 2021-01-01 AND end < 2021-02")
    assert (day["fix"], day["other_fixes"]) == ("start >= 2021-01-01", ["start > 2021-01-01T00:00"])
    (month,) = check_text("FIND ephemeris WHERE platform = 'swarma' AND epoch = '2021-01'")
    assert (month["fix"], month["other_fixes"]) == ("epoch BETWEEN 2021-01 AND 2021-01", ["epoch = 2021-01-01T00:00"])


@pytest.mark.parametrize(
    "text",
    ["", "FIND data_products WHERE", "FIND data_products WHERE program = 'x\n", "{\"start\": 5}", "FIND data_products FROM {\"a\": 1}",
     "-- param day: dat\nFIND data_products ON $day", "FIND data_products\r\nWHERE x = = 5", "\ufeffFIND x", "FIND 😀", "SQL SELEC 1"],
)  # fmt: skip
def test_every_diagnostic_has_the_same_members_and_a_position(text: str) -> None:
    lines = text.split("\n")
    for item in check_text(text):
        assert list(item) == [
            "file",
            "code",
            "severity",
            "message",
            "label",
            "hint",
            "fix",
            "start",
            "end",
            "range",
            "pointer",
        ]
        span = item["range"]
        assert isinstance(span, dict)
        for place in (span["start"], span["end"]):
            assert place["line"] < len(lines)
            assert 0 <= place["character"] <= len(lines[place["line"]].encode("utf-16-le")) // 2


def test_diagnostics_of_several_files(tmp_path: Path) -> None:
    (tmp_path / "a.aql").write_text("FIND data_products WHERE program = 'trx' ON 2021-01-01")
    (tmp_path / "b.aql").write_text("-- param idle: text = x\nFIND data_products LIMIT x")
    (tmp_path / "c.aql").write_text("FIND data_products ON 2021-01-01")
    done = command("check", "--format", "json", *sorted(tmp_path.iterdir()))
    document = [
        (Path(diagnostic["file"]).name, diagnostic["severity"], diagnostic["fix"])
        for diagnostic in json.loads(done.out)["diagnostics"]
    ]
    assert done.code == 2
    assert document[0] == ("a.aql", "warning", "'trex'") or document[0] == ("a.aql", "warning", None)
    assert {name for name, _, _ in document[1:]} == {"b.aql"}
    assert json.loads(command("check", "--format=json", tmp_path / "c.aql").out) == {"version": 1, "diagnostics": []}


# --- streams


@posix
@pytest.mark.parametrize(
    "arguments",
    ["--help", "run --help", "run --list --format json", "config show", "completion zsh", "check --format json wrong.aql",
     "translate --to plan -c \"$ONE\"", "fmt -", "doctor", "config validate"],
)  # fmt: skip
def test_an_immediately_closed_pipe_is_silent_in_every_command(arguments: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.aql").write_text("FIND data_products LIMIT x;" * 3)
    expected = 2 if "wrong" in arguments else 0
    assert shell(f'cd {tmp_path}; echo "$ONE" | $AURORAQL {arguments} | true') == (expected, "", "")


@posix
@pytest.mark.parametrize("shown_as", FORMAT_NAMES)
def test_an_immediately_closed_pipe_is_silent_in_every_format(shown_as: str) -> None:
    code, out, err = shell(f'$AURORAQL -c "$MANY" --format {shown_as} | true')
    assert (code, out, [line for line in err.splitlines() if " rows · " not in line]) == (0, "", [])


def test_no_prompt_without_an_output_terminal() -> None:
    """When results go to a file, statements are read from the terminal as from a file."""
    pty = pytest.importorskip("pty")
    import os

    ours, theirs = pty.openpty()
    started = subprocess.Popen(
        [sys.executable, "-m", "auroraql", "--format", "csv"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    os.close(theirs)
    os.write(ours, f"{GOOD}\n\x04".encode())
    out, err = started.communicate(timeout=60)
    os.close(ours)
    assert (started.returncode, out.decode()) == (0, FOUND)
    assert "\x1b" not in err.decode()
    assert "AuroraQL" not in out.decode() + err.decode()


def test_colour_on_a_terminal_is_a_setting() -> None:
    assert "\x1b[" in run_in_terminal(NO_COLOR="1", AURORAQL_COLOR="always")
    assert "\x1b[" not in run_in_terminal(NO_COLOR="", AURORAQL_COLOR="never")
