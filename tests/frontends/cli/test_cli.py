"""Tests of the command line: results on standard output, messages on standard error, exit codes, and bad input."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import auroraql
from tests.support import small_catalogue
from tests.support.aurorax_server import RECORDS, AuroraXServer, Fault
from tests.support.command_line import Done, command, process
from tests.support.small_catalogue import Product

KEOGRAMS = "FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01"
IDENTIFIERS = "FIND data_products SELECT identifier WHERE keogram_type = 'daily' AND program = {} ON 2021-01-01"
FIVE = ["identifier", "96", "101", "102", "103", "104"]
EVERYTHING = "FIND data_products DURING 2020-02"
FOUND = "start,end\n2020-02-01T00:00:00,2020-02-01T23:59:00\n"


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """Build the demonstration first, so that no test sees the notice about the build."""
    auroraql.connect().close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AuroraXServer]:
    monkeypatch.setenv("NO_PROXY", "*")
    with AuroraXServer(RECORDS) as running:
        yield running


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str | bytes], None]:
    """Return a function that writes the configuration file."""

    def write(text: str | bytes) -> None:
        path = tmp_path / "config.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        monkeypatch.setenv("AURORAQL_CONFIG", str(path))

    return write


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# --- where statements come from


def test_one_line_to_a_table() -> None:
    done = process("-c", KEOGRAMS)
    lines = done.out.splitlines()
    assert (done.code, len(lines)) == (0, 7)
    assert lines[0].split() == ["start", "end", "identifier", "program", "platform", "instrument_type", "source_type", "display_name", "url", "data_product_type", "metadata"]  # fmt: skip
    assert "TREx RGB GILL" in done.out
    assert done.err.startswith("5 rows · ")
    assert done.err.endswith(" · demo (demonstration data)\n")


def test_statements_from_standard_input() -> None:
    done = command("--format", "csv", stdin="\ufeff" + IDENTIFIERS.format('"trex"') + ";\r\n-- and so on\n")
    assert (done.code, done.out.splitlines()) == (0, FIVE)
    assert command(stdin="").out == command("-c", " -- nothing").out == ""
    assert command("--param", "p=trex", "run", "-", "--format", "csv", stdin=IDENTIFIERS.format("$p")).out == done.out


def test_files_share_their_parameters(tmp_path: Path) -> None:
    for name, text in (("a", "$program"), ("b", "'rego'"), ("c", "$program"), ("d", "")):
        (tmp_path / name).write_text(IDENTIFIERS.format(text) if text else "")
    done = command("run", *(tmp_path / n for n in "abcd"), "--param", "program=trex", "--format", "csv")
    assert done.code == 0
    assert done.out.split(FIVE[0])[1] == done.out.split(FIVE[0])[3] == "\n" + "\n".join(FIVE[1:]) + "\n"
    assert done.err.count(" rows · ") == 3


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "error[AQL0206]: the parameter $p has no value"),
        (["p=trex"], 0, "5 rows"),
        (["p=trex", "p=rego"], 2, "error[AQL0211]"),
        (["p=trex", "q=1"], 2, "error[AQL0210]: the parameter $q is given but not used"),
        (["p"], 2, "--param p is not NAME=VALUE"),
        (["=trex"], 2, "--param =trex is not NAME=VALUE"),
        (["p='trex'"], 0, "0 rows"),
    ],
)
def test_parameters(arguments: list[str], code: int, message: str) -> None:
    done = command(*(part for item in arguments for part in ("--param", item)), "-c", IDENTIFIERS.format("$p"))
    assert done.code == code
    assert message in done.err
    assert bool(done.out) is (code == 0)


def test_a_repeated_parameter_is_a_list() -> None:
    text = IDENTIFIERS.replace("= {}", "IN ($p)")
    one, two = (command("-c", text, "--format", "csv", *item) for item in (["--param=p=trex"], ["--param=p=trex"] * 2))
    assert one.out.splitlines() == two.out.splitlines() == FIVE


# --- exit codes


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nothing"],
        ["nothing"],
        ["run"],
        ["run", "no such file"],
        ["run", "."],
        ["run", "\0"],
        ["-c", "FIND data_products WHERE program = 5"],
        ["-c", f"{KEOGRAMS}; FIND data_products WHRE program = 'trex'"],
        ["-c", KEOGRAMS, "--format", "xml"],
        ["-c", KEOGRAMS, "-a", ""],
        ["-c", KEOGRAMS, "-a", "no such file.duckdb"],
        ["-c", KEOGRAMS, "-a", "ftp://example.org"],
        ["-c", KEOGRAMS, "--timeout", "0"],
        ["-c", KEOGRAMS, "--timeout", "nan"],
        ["-c", KEOGRAMS, "--timeout", "soon"],
        ["-c", KEOGRAMS, "run", "-"],
        ["--format", "json", "check", "-"],
        ["--output", "x.csv", "fmt", "-"],
        ["translate", "-c", KEOGRAMS],
        ["translate", "--to", "nothing", "-c", KEOGRAMS],
        ["translate", "--to", "json"],
        ["translate", "--to", "json", "-c", f"{KEOGRAMS}; {KEOGRAMS}"],
        ["translate", "--to", "json", "--from", "json", "-c", KEOGRAMS],
    ],
)
def test_wrong_statements_and_usage_exit_with_2_and_print_no_result(arguments: list[str]) -> None:
    done = command(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.strip()
    assert "Traceback" not in done.err


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["translate", "--help"]])
def test_help_goes_to_standard_output(arguments: list[str]) -> None:
    done = command(*arguments)
    assert (done.code, done.err) == (0, "")
    assert "auroraql" in done.out


def test_an_unreachable_service_exits_with_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    url = f"http://127.0.0.1:{closed_port()}"
    done = command("-a", url, "-c", KEOGRAMS)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(f"archive '{url}' cannot be reached: connection refused\n  = hint: ")


def test_a_failed_search_exits_with_1_and_names_its_request(server: AuroraXServer) -> None:
    server.error = "the cluster is on fire"
    done = command("-a", server.url, "-c", EVERYTHING)
    assert (done.code, done.out) == (1, "")
    assert (
        f"archive '{server.url}' failed: the cluster is on fire\n  = request: {next(iter(server.searches))}" in done.err
    )
    server.faults["submit"] = Fault(status=401, body=b"{}")
    assert command("-a", server.url, "-c", EVERYTHING).code == 1


def test_the_deadline_exits_with_4_and_cancels_the_search(server: AuroraXServer) -> None:
    server.never = True
    done = command("-a", server.url, "-c", EVERYTHING, "--timeout", "0.5")
    assert (done.code, done.out) == (4, "")
    assert "took too long" in done.err
    assert [search.cancelled for search in server.searches.values()] == [True]


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
@pytest.mark.parametrize("options", [[], ["--keep-going"]])
def test_an_interrupt_exits_with_130_and_cancels_the_search(server: AuroraXServer, options: list[str]) -> None:
    import signal
    import threading

    server.never = True
    polled = threading.Event()

    def note(document: object) -> object:
        polled.set()
        return document

    server.faults["status"] = Fault(change=note)
    # A parent process may ignore the signal, as shells do for background jobs.
    code = "import signal, runpy; signal.signal(signal.SIGINT, signal.default_int_handler); runpy.run_module('auroraql', run_name='__main__')"
    started = subprocess.Popen(
        [sys.executable, "-c", code, "-a", server.url, "-c", f"{EVERYTHING}; {EVERYTHING}", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert polled.wait(30)
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=30)
    finally:
        started.kill()
    assert (started.returncode, out, err) == (130, "", "interrupted\n")
    assert [search.cancelled for search in server.searches.values()] == [True]


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
@pytest.mark.parametrize("module", ["argparse", "auroraql.frontends.cli.main", "auroraql.frontends.cli.streams"])
def test_an_interrupt_during_startup_exits_with_130(module: str) -> None:
    code = f"""
import builtins, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from auroraql.__main__ import main
load = builtins.__import__
def interrupted(name, *rest):
    if name == {module!r}:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            signal.pause()
        except BaseException as error:
            raise ImportError(name) from error
    return load(name, *rest)
builtins.__import__ = interrupted
sys.argv[1:] = ["-c", "SHOW SOURCES"]
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


# --- scripts


def test_a_script_with_an_error_runs_nothing(server: AuroraXServer, tmp_path: Path) -> None:
    right, wrong = tmp_path / "right.aql", tmp_path / "wrong.aql"
    right.write_text(f"{EVERYTHING}; {EVERYTHING}")
    wrong.write_text(f"{EVERYTHING};\nFIND data_products WHERE start = 5; FIND data_products LIMIT x")
    for files in ((wrong,), (right, wrong), (right, tmp_path / "missing.aql"), (right, tmp_path)):
        done = command("-a", server.url, "run", *files)
        assert (done.code, done.out, server.calls) == (2, "", [])
    assert "wrong.aql:3" not in done.err
    assert "wrong.aql:2:" in command("-a", server.url, "run", wrong).err


def test_a_script_stops_at_its_first_failure(server: AuroraXServer) -> None:
    server.faults["submit"] = Fault(status=400, body=b"{}", times=1)
    done = command("-a", server.url, "-c", f"{EVERYTHING}; {EVERYTHING}")
    assert (done.code, done.out, server.count("submit")) == (1, "", 1)


def test_check_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "warned.aql").write_text("FIND data_products WHERE program = 'trx' ON 2021-01-01")
    (tmp_path / "asks.aql").write_text("FIND data_products WHERE program = $p ON $day; FIND data_products LIMIT 5")
    (tmp_path / "wrong.aql").write_text("FIND data_products LIMIT x")
    warned = command("check", tmp_path / "warned.aql", tmp_path / "asks.aql")
    assert (warned.code, warned.out) == (0, "")
    assert "did you mean 'trex'" in warned.err
    assert "warning[AQL0603]" in warned.err
    assert "error" not in warned.err
    wrong = command("check", tmp_path / "wrong.aql", tmp_path / "warned.aql")
    assert (wrong.code, wrong.out) == (2, "")
    assert "did you mean 'trex'" in wrong.err
    assert command("check", "-", stdin=KEOGRAMS) == Done(0, "", "")
    bound = command("check", tmp_path / "asks.aql", "--param", "p=trex", "--param", "day=x")
    assert bound.code == 2
    assert "'x' is not a date" in bound.err


def test_check_finds_the_error_after_many_open_parentheses() -> None:
    script = "FIND data_products ON $day;" * 12 + "FIND data_products WHERE program = 5 ON 2021-01-01"
    done = command("check", "-", stdin=script)
    assert done.code == 2
    assert "AQL0203" in done.err
    assert "AQL0206" not in done.err


# --- translate


@pytest.mark.parametrize("source", ["aql", "auto"])
def test_translate_from_every_form(tmp_path: Path, source: str) -> None:
    path = tmp_path / "a.aql"
    path.write_text(KEOGRAMS)
    options = ["translate", "--to", "json", "--from", source]
    outs = [command(*options, *rest, stdin=KEOGRAMS).out for rest in (["-c", KEOGRAMS], [path], ["-"])]
    outs.append(command("-c", KEOGRAMS, *options).out)
    assert len(set(outs)) == 1
    assert json.loads(outs[0])["data_sources"]["programs"] == ["trex"]


def test_translate_round_trip() -> None:
    text = KEOGRAMS
    for to, source in (("json", "aql"), ("sentence", "json"), ("plan", "sentence"), ("aql", "sentence")):
        done = command("translate", "--from", source, "--to", to, "-", stdin=text)
        assert (done.code, done.err) == (0, "")
        text = done.out if to != "plan" else text
    assert text == KEOGRAMS + "\n"


def test_translate_binds_parameters_and_warns() -> None:
    done = command("translate", "--to", "aql", "-c", "FIND data_products WHERE program = $p", "--param", "p=tr'x")
    assert (done.code, done.out) == (0, "FIND data_products WHERE program = 'tr''x'\n")
    assert "warning[AQL0602]" in done.err
    assert "no time window" in done.err


# --- archive, key and configuration


def test_a_catalogue_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import datetime

    day = Product(1, datetime(2020, 2, 1), datetime(2020, 2, 1, 23, 59), "https://data.example.org/1.jpg")
    path = small_catalogue.write(tmp_path / "mine.duckdb", [day])
    select = "FIND data_products SELECT start, end ON 2020-02-01"
    done = command("--archive", path, "-c", select, "--format", "csv")
    assert (done.code, done.out) == (0, FOUND)
    assert done.err.endswith(f" · {path}\n")
    monkeypatch.setenv("AURORAQL_ARCHIVE", str(path))
    assert command("-c", select, "--format", "csv").out == FOUND
    assert command("-c", select, "--format", "csv", "-a", "demo").out != FOUND


def test_the_configuration_file(
    server: AuroraXServer, config: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    config(f'\ufeffarchive = "{server.url}"\nformat = "jsonl"\napi_key = "key-in-file"\ntimeout = 20')
    done = command("-c", "FIND data_products SELECT start ON 2020-02-04")
    assert (done.code, done.out) == (0, '{"start":"2020-02-04T00:00:00"}\n')
    assert {call.headers["x-aurorax-api-key"] for call in server.calls} == {"key-in-file"}
    monkeypatch.setenv("AURORAX_API_KEY", "for-aurorax-alone")
    monkeypatch.setenv("AURORAQL_API_KEY", "key-in-env")
    monkeypatch.setenv("AURORAQL_FORMAT", "csv")
    assert command("-c", "FIND data_products SELECT start ON 2020-02-04").out == "start\n2020-02-04T00:00:00\n"
    assert server.calls[-1].headers["x-aurorax-api-key"] == "key-in-env"
    server.error = "no such key: key-in-env"
    failed = command("-c", EVERYTHING)
    assert (failed.code, failed.out) == (1, "")
    assert "key-in" not in failed.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("archive = ", "is not valid TOML"),
        ("archve = 'demo'", "did you mean archive?"),
        ("archive = 5", "'archive' to a value of the wrong type"),
        ("api_key = ['secret']", "'api_key' to a value of the wrong type"),
        ("timeout = true", "'timeout' to a value of the wrong type"),
        ("timeout = 0", "write a positive number of seconds"),
        ("timeout = nan", "write a positive number of seconds"),
        ("format = 'xml'", "unknown format 'xml'"),
        (b"archive = '\xff'", "is not valid UTF-8"),
    ],
)
def test_an_invalid_configuration(config: Callable[[str | bytes], None], text: str, message: str) -> None:
    config(text)
    done = command("-c", KEOGRAMS)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert "secret" not in done.err


def test_a_named_configuration_file_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (tmp_path, tmp_path / "missing.toml"):
        monkeypatch.setenv("AURORAQL_CONFIG", str(path))
        assert command("-c", KEOGRAMS).code == 2
        assert command("translate", "--to", "aql", "-c", KEOGRAMS).code == 2
        assert command("fmt", "-", stdin=KEOGRAMS).code == 0
