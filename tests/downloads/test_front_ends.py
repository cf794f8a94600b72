"""The front ends of a download: the command line and the prompt."""

from __future__ import annotations

import io
import random
from datetime import datetime
from pathlib import Path

import pytest

from auroraql.frontends.repl.controller import run_input
from auroraql.frontends.repl.controller_protocol import ReplOptions
from auroraql.frontends.repl.state import ReplState
from auroraql.session.archive import connect
from tests.downloads.crash_rounds import write_catalogue
from tests.support.command_line import command
from tests.support.file_server import FileServer
from tests.support.repl_fakes import printed
from tests.support.small_catalogue import Product, write

CONTENT = random.Random(7).randbytes(5_000)
FIND = "FIND data_products ON 2021-01-01"


@pytest.fixture
def catalogue(files: FileServer, tmp_path: Path) -> Path:
    """Return a catalogue file with three products, one of which is missing."""
    urls = [files.add("/x/a.jpg", CONTENT), files.add("/x/b.jpg", CONTENT), files.url + "/x/missing.jpg"]
    return write_catalogue(tmp_path / "c.duckdb", urls)


def test_the_command_downloads_and_fails_for_a_missing_file(catalogue: Path, tmp_path: Path, files: FileServer) -> None:
    folder = tmp_path / "data"
    done = command("download", "-a", catalogue, "-c", FIND, "--to", folder)
    assert (done.code, done.out) == (1, "")
    assert f"{files.url}/x/missing.jpg: the server does not have it (404)" in done.err
    assert f"{folder}: 2 files downloaded (0.0 MB), 1 missing on the server" in done.err
    again = command("download", "-a", catalogue, "-c", FIND, "--to", folder, "--verify")
    assert "0 files downloaded (0.0 MB), 2 unchanged, 1 missing" in again.err


def test_the_command_takes_a_file_with_parameters_and_a_template(catalogue: Path, tmp_path: Path) -> None:
    query = tmp_path / "q.aql"
    query.write_text("-- param day: date\nLET all = FIND data_products ON $day;\nFIND all WHERE url LIKE '%a.jpg';\n")
    name = "{program}/{start:%Y/%m/%d}/{file}"
    done = command(
        "download", "-a", catalogue, query, "--param", "day=2021-01-01", "--to", tmp_path / "data", "--name", name
    )
    assert done.code == 0, done.err
    assert (tmp_path / "data" / "trex" / "2021" / "01" / "01" / "a.jpg").read_bytes() == CONTENT


def test_a_dry_run_lists_the_files(catalogue: Path, tmp_path: Path, files: FileServer) -> None:
    done = command("download", "-a", catalogue, "-c", FIND, "--to", tmp_path / "data", "--dry-run")
    assert done.code == 0
    assert done.out.splitlines()[0] == f"download\t{tmp_path}/data/a.jpg\t{files.url}/x/a.jpg"
    assert "3 files to download" in done.err
    assert not files.calls


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-c", FIND], "--to"),
        (["--to", "x"], "takes one file"),
        (["-c", FIND, "q.aql", "--to", "x"], "takes one file"),
        (["-c", f"{FIND}; {FIND}", "--to", "x"], "the result of one statement"),
        (["-c", "SET limit = 3", "--to", "x"], "the result of one statement"),
        (["-c", f"{FIND} SELECT start", "--to", "x"], "no column url"),
        (["-c", FIND, "--to", "x", "--at-once", "0"], "from 1 to 32"),
        (["-c", FIND, "--to", "x", "--name", "../{file}"], "leads out of the folder"),
        (["-c", FIND, "--to", "x", "--name", "{prgram}"], "did you mean {program}?"),
        (["-c", FIND, "--to", "x", "--name", "{program}"], "to several files"),
        (["-c", "FIND data_product ON 2021", "--to", "x"], "data_products"),
    ],
)
def test_wrong_calls_are_explained(
    catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = command("download", "-a", catalogue, *arguments)
    assert done.code == 2
    assert reason in done.err
    assert "Traceback" not in done.err


def test_the_demonstration_has_no_files(tmp_path: Path) -> None:
    done = command("download", "-c", FIND, "--to", tmp_path / "data")
    assert done.code == 2
    assert "synthetic" in done.err
    assert not (tmp_path / "data").exists()


def test_hostile_text_reaches_the_terminal_escaped(tmp_path: Path, files: FileServer) -> None:
    hostile = [f"{files.url}/a\x1b[2J.jpg", f"{files.url}/b\u202egpj.exe"]
    products = [Product(1, datetime(2021, 1, 1, n), datetime(2021, 1, 1, n), url) for n, url in enumerate(hostile)]
    catalogue = write(tmp_path / "h.duckdb", products)
    for option in ([], ["--dry-run"]):
        done = command("download", "-a", catalogue, "-c", FIND, "--to", tmp_path / "data", *option)
        assert done.code == 1
        assert not {"\x1b", "\u202e"} & set(done.out + done.err)


def test_the_prompt_downloads_the_last_result(catalogue: Path, tmp_path: Path) -> None:
    with connect(catalogue) as archive:
        state = ReplState(archive, io.StringIO(), ReplOptions())
        run_input(state, "\\download data")
        assert "there is no result yet" in printed(state)
        run_input(state, FIND + ";")
        run_input(state, "\\download")
        assert "\\download needs a folder" in printed(state)
        run_input(state, f"\\download {tmp_path}/data")
        assert "2 files downloaded (0.0 MB), 1 missing on the server" in printed(state)
        assert (tmp_path / "data" / "b.jpg").read_bytes() == CONTENT
