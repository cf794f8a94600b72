"""Tests of the command line's output to files, pipes, terminals, full disks and unusual encodings."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import auroraql
from auroraql.rendering import FORMATS
from tests.support.aurorax_server import RECORDS, AuroraXServer
from tests.support.command_line import Done, command, process

KEOGRAMS = "FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01"
ONE = f"{KEOGRAMS} LIMIT 1"
MANY = "FIND data_products DURING 2021-01"
EVERYTHING = "FIND data_products DURING 2020-02"
ODD = "FIND data_products SELECT program AS `größe 😀` WHERE program = 'trex' ON 2021-01-01 LIMIT 1"
TEXTS = [row.name for row in FORMATS.values() if row.render is not None]
FOUND = "start,end\n2020-02-01T00:00:00,2020-02-01T23:59:00\n"


def names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """Build the demonstration first, so that no test sees the notice about the build."""
    auroraql.connect().close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AuroraXServer]:
    monkeypatch.setenv("NO_PROXY", "*")
    with AuroraXServer(RECORDS) as running:
        yield running


# --- files


@pytest.mark.parametrize("suffix", [".txt", ".csv", ".tsv", ".json", ".ndjson", ".md", ".htm"])
def test_the_suffix_decides_the_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    done = command("-c", KEOGRAMS, "--output", path)
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith(f"{path}: 5 rows")
    shown_as = {".txt": "table", ".ndjson": "jsonl", ".md": "markdown", ".htm": "html"}.get(suffix, suffix[1:])
    pages = (path.read_text("utf-8"), command("-c", KEOGRAMS, "--format", shown_as).out)
    # A report names the time and the request of its search.
    written, printed = (re.sub(r"searched at \S+ · request [0-9a-f-]{36}", "searched", page) for page in pages)
    assert written == printed
    assert names(tmp_path) == [path.name]


def test_an_unwritable_output_is_reported_before_the_search(server: AuroraXServer, tmp_path: Path) -> None:
    for name in ("no/such/directory.csv", "name", "x.orc", ".", ""):
        done = command("-a", server.url, "-c", EVERYTHING, "--output", tmp_path / name if name else "")
        assert (done.code, done.out, server.calls) == (2, "", [])
    for several in (f"{EVERYTHING}; {EVERYTHING}", ""):
        done = command("-a", server.url, "-c", several, "--output", tmp_path / "x.csv")
        assert (done.code, done.out, server.calls) == (2, "", [])
    assert names(tmp_path) == []


def test_a_file_is_unchanged_when_the_search_fails(server: AuroraXServer, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("before")
    server.error = "no"
    assert command("-a", server.url, "-c", EVERYTHING, "--output", path).code == 1
    assert (path.read_text(), names(tmp_path)) == ("before", ["out.csv"])
    server.error = ""
    path.chmod(0o640)
    done = command("-a", server.url, "-c", "FIND data_products SELECT start, end LIMIT 1", "--output", path)
    assert (done.code, path.read_text(), stat.S_IMODE(path.stat().st_mode)) == (0, FOUND, 0o640)


def test_fmt_in_place(tmp_path: Path) -> None:
    path = tmp_path / "a.aql"
    path.write_bytes(b'\xef\xbb\xbffind data_products -- why\r\n where program="trex" on 2021-01-01')
    path.chmod(0o640)
    checked = command("fmt", "--check", path)
    assert (checked.code, checked.out, checked.err) == (1, "", f"{path} would change\n")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert command("fmt", path) == Done(0, "", "")
    once = path.read_text("utf-8")
    assert "-- why\n" in once
    assert once.startswith("FIND data_products")
    assert once.endswith("ON 2021-01-01;\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert command("fmt", "--check", path) == Done(0, "", "")
    assert command("fmt", "-", stdin=once) == Done(0, once, "")
    assert names(tmp_path) == ["a.aql"]


@pytest.mark.parametrize("content", [b"find data_products where", b"find \xff", b"find '\x00"])
def test_fmt_does_not_change_unreadable_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.aql"
    path.write_bytes(content)
    for arguments in (["fmt", path], ["fmt", "--check", path], ["fmt", "-"]):
        done = command(*arguments, stdin=content)
        assert (done.code, done.out) == (2, "")
    assert path.read_bytes() == content
    assert command("fmt", tmp_path / "missing.aql").code == command("fmt", tmp_path).code == 2


# --- streams


def shell(line: str, **env: str) -> tuple[int, str, str]:
    """Run a shell line in which `$AURORAQL` is the command line. Return its exit code, output and messages."""
    done = subprocess.run(
        ["/bin/bash", "-c", f"set -o pipefail; {line}"],
        capture_output=True,
        env={**os.environ, "AURORAQL": f"{sys.executable} -m auroraql", "ONE": ONE, "MANY": MANY, **env},
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


posix = pytest.mark.skipif(not Path("/bin/bash").exists(), reason="written for a POSIX shell")


@pytest.mark.parametrize("shown_as", TEXTS)
def test_every_format(shown_as: str) -> None:
    done = command("-c", f"{ONE}; {KEOGRAMS} LIMIT 0", "--format", shown_as)
    if shown_as == "json":
        assert (done.code, done.out) == (2, "")
        assert done.err.endswith("= hint: use --format jsonl for the results of several statements\n")
        return
    assert done.code == 0
    assert ("TREx RGB FSMI" in done.out) is True
    assert done.err.count(" · demo (demonstration data)\n") == 2


@posix
@pytest.mark.parametrize("shown_as", TEXTS)
def test_a_closed_pipe_is_silent(shown_as: str) -> None:
    code, out, err = shell(f'$AURORAQL -c "$MANY" --format {shown_as} | head -1')
    assert (code, out.count("\n"), err) == (0, 1, "")


@posix
def test_a_closed_pipe_of_bytes_is_silent() -> None:
    assert shell('$AURORAQL -c "$MANY" --format parquet | true') == (0, "", "")


@posix
def test_a_failure_after_the_pipe_was_closed_is_reported(server: AuroraXServer) -> None:
    server.error = "the cluster is on fire"
    code, _, err = shell(f'$AURORAQL -a {server.url} -c "$MANY" | true')
    assert code == 1
    assert "the cluster is on fire" in err
    assert "Traceback" not in err


@posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk to write to")
@pytest.mark.parametrize("arguments", ['-c "$ONE"', '-c "$MANY" --format csv', 'translate --to aql -c "$ONE"'])
def test_a_full_disk(arguments: str) -> None:
    code, out, err = shell(f"$AURORAQL {arguments} > /dev/full")
    assert (code, out) == (1, "")
    assert err.endswith("the results cannot be written: No space left on device\n")
    assert "Traceback" not in err


@posix
def test_closed_streams() -> None:
    assert shell("$AURORAQL <&-") == (2, "", "standard input is closed\n")
    code, out, err = shell('$AURORAQL -c "$ONE" --format csv 2>&-')
    assert (code, out.count("\n"), err) == (0, 2, "")
    code, out, err = shell('$AURORAQL -c "$ONE" --format csv >&-')
    assert (code, out, err) == (1, "", "the results cannot be written: standard output is closed\n")
    assert shell('$AURORAQL -c "$ONE" --output /dev/null --format csv >&-')[0] == 0


def test_an_ascii_terminal() -> None:
    env = {"PYTHONIOENCODING": "ascii"}
    done = process("-c", ODD, "--format", "csv", env=env)
    assert (done.code, done.out) == (0, "gr\\u00f6\\u00dfe \\ud83d\\ude00\ntrex\n")
    assert done.err.startswith("1 row \\u00b7 ")
    done = process("translate", "--to", "json", "-c", "FIND data_products WHERE note = '😀'", env=env)
    document = json.loads(done.out)["data_sources"]["data_product_metadata_filters"]["expressions"]
    assert document == [{"key": "note", "operator": "=", "values": ["😀"]}]
    wrong = process("-c", "FIND data_products WHERE größe = größe", env=env)
    assert (wrong.code, wrong.out) == (2, "")
    assert "gr\\u00f6\\u00dfe" in wrong.err


def test_a_truncated_character() -> None:
    statement = "FIND data_products WHERE note = '\udcff' ON 2021-01-01"
    done = process("-c", statement)
    assert (done.code, done.out.splitlines()[1:2] != []) == (0, True)
    done = process("translate", "--to", "json", "-c", statement)
    assert done.code == 0
    assert "\udcff" in json.dumps(json.loads(done.out), ensure_ascii=False)
    done = process("-c", "FIND data_products WHERE \udcff = 1")
    assert (done.code, done.out) == (2, "")


def test_input_that_is_not_text() -> None:
    for data in (b"FIND data_products WHERE note = '\xff'", "FIND data_products".encode("utf-16")):
        done = command(stdin=data)
        assert (done.code, done.out) == (2, "")
        assert "<stdin>" not in done.err.splitlines()[0] or "UTF-8" in done.err


def run_in_terminal(**env: str) -> str:
    """Run the command line in a terminal of 80 columns and return its output."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    command_line = [sys.executable, "-m", "auroraql", "-c", KEOGRAMS]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", **env}
    with subprocess.Popen(command_line, stdout=theirs, stderr=subprocess.DEVNULL, env=environment) as started:
        os.close(theirs)
        parts = []
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # how Linux reports that the other end is closed
                break
            if not part:
                break
            parts.append(part)
    os.close(ours)
    assert started.returncode == 0
    return b"".join(parts).decode()


def test_terminal_output_fits_and_is_coloured_unless_disabled() -> None:
    colourful = run_in_terminal(NO_COLOR="")
    assert "\x1b[" in colourful
    for plain in (run_in_terminal(NO_COLOR="1"), run_in_terminal(TERM="dumb", NO_COLOR="")):
        assert "\x1b" not in plain
        assert all(len(line) <= 80 for line in plain.splitlines())
        assert "…" in plain
    assert "\x1b" not in process("-c", KEOGRAMS, env={"NO_COLOR": ""}).out
