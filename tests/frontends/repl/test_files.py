"""Tests of writing results to files at the prompt. An error never destroys an existing file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from auroraql.frontends.repl import display
from auroraql.frontends.repl.controller import run_input
from auroraql.rendering import ResultFormat
from auroraql.results.result_set import ResultSet
from tests.support.repl_fakes import Products, printed, products, state


def test_the_last_result_is_exported_without_a_new_search(tmp_path: Path) -> None:
    session = products()
    run_input(session, "FIND data_products")
    for name in ("a.csv", "a.json"):
        run_input(session, f"\\export {tmp_path}/{name}")
    assert isinstance(session.archive, Products)
    assert len(session.archive.asked) == 1
    assert (tmp_path / "a.csv").read_text().startswith("start,url,end\n2021-01-01T00:00:00,https://")
    assert "a.json: 1 row" in printed(session)
    run_input(session, "\\export nothing.xyz")
    assert "does not show the format" in printed(session)


def test_an_export_to_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    session = products()
    (tmp_path / "kept.csv").write_text("before")
    run_input(session, "FIND data_products")
    with patch("os.fsync", side_effect=OSError(28, "No space left on device")):
        run_input(session, f"\\export {tmp_path}/kept.csv")
    assert "No space left" in printed(session)
    assert (tmp_path / "kept.csv").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["kept.csv"]


def test_results_go_to_a_file_instead_of_or_in_addition_to_the_terminal(tmp_path: Path) -> None:
    session = state()
    for text in (f"\\o {tmp_path}/o", "FIND a", "FIND b", "\\o", f"\\tee {tmp_path}/t", "FIND c", "\\tee", "FIND d"):
        run_input(session, text)
    assert (tmp_path / "o").read_text().count("trex") == 2
    assert (tmp_path / "t").read_text().count("trex") == 1
    assert printed(session).count("  trex") == 2
    run_input(session, f"\\o {tmp_path}")
    run_input(session, "FIND e")
    assert "cannot write" in printed(session)


def test_a_file_of_o_and_tee_is_in_the_format_of_its_name(tmp_path: Path) -> None:
    session = products()
    for text in (
        f"\\o {tmp_path}/a.csv",
        "FIND a",
        f"\\o {tmp_path}/a.parquet",
        "FIND b",
        "\\o",
        f"\\tee {tmp_path}/b.jsonl",
    ):
        run_input(session, text)
    assert f"results go to {tmp_path}/a.csv as csv; \\o without a file ends this" in printed(session)
    assert "results cannot be appended to a parquet file" in printed(session)
    run_input(session, "FIND c")
    assert (tmp_path / "a.csv").read_text().count("start,url,end\n") == 2
    assert (tmp_path / "b.jsonl").read_text().count('{"start"') == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.jsonl"]


def test_results_that_cannot_be_appended_whole_are_not_appended(tmp_path: Path) -> None:
    session = products()
    (tmp_path / "o").write_text("before\n")
    run_input(session, f"\\o {tmp_path}/o")
    with patch.object(display, "get_format", return_value=BREAKING):
        run_input(session, "FIND a")
    assert "No space left" in printed(session)
    assert (tmp_path / "o").read_text() == "before\n"


def _fail_after_half(_result: ResultSet, _screen: object) -> Iterator[str]:
    yield "half a ro"
    raise OSError(28, "No space left on device")


BREAKING = ResultFormat("table", "", (), _fail_after_half)

EXPORT = """\
import resource, signal, sys
from datetime import datetime
from pathlib import Path
from auroraql.ir.plan import Plan
from auroraql.ir.query import Query
from auroraql.results.result_set import FetchedData, ResultSet
way, path = sys.argv[1:]
class Rows(tuple):
    def __iter__(self):
        for number in range(200_000):
            if number == 150_000 and way == "kill":
                signal.raise_signal(signal.SIGKILL)
            yield (None,) * 8 + ("u" * 50, "keogram", {"n": number})
if way == "full":
    sys.dont_write_bytecode = True  # a short write would leave broken bytecode for the programs that follow
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
rows = Rows([(None,) * 11])
try:
    ResultSet(Plan(Query("data_products"), ()), FetchedData(rows=rows), archive="demo", elapsed=0).save(path)
except Exception as error:
    print(error)
"""


@pytest.mark.parametrize("suffix", ["csv", "parquet", "html"])
@pytest.mark.parametrize("way", ["kill", "full"])
def test_an_existing_file_survives_a_killed_export_and_a_full_disk(tmp_path: Path, way: str, suffix: str) -> None:
    path = tmp_path / f"kept.{suffix}"
    path.write_text("before")
    done = subprocess.run([sys.executable, "-c", EXPORT, way, str(path)], capture_output=True, text=True, check=False)
    assert path.read_text() == "before"
    if way == "full":
        assert done.stdout == f"cannot write '{path}': File too large\n"
        assert [item.name for item in tmp_path.iterdir()] == [path.name]
    else:
        assert done.returncode == -9
