"""Tests of `auroraql fix`: diff, writing, line ends, several statements, exit codes, and questions on a terminal."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

import pytest

import auroraql
from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.session.fixes import fix_script
from tests.support.command_line import command
from tests.support.terminal import PROGRAM, terminal

WRONG = (
    b"\xef\xbb\xbf-- keograms of a day\r\n"
    b"FIND data_products WHERE program == 'trex' && note = 'd\xc3\xa9j\xc3\xa0' ON 2021/01/01;\r\n"
    b"FND ephemeris WHERE platform = 'swarma' DURING the past 7 days; LET c FIND data_products ON 2021-01-01;\r\n"
    b"FIND c SELECT count(*) n"
)
RIGHT = (
    b"\xef\xbb\xbf-- keograms of a day\r\n"
    b"FIND data_products WHERE program = 'trex' AND note = 'd\xc3\xa9j\xc3\xa0' ON 2021-01-01;\r\n"
    b"FIND ephemeris WHERE platform = 'swarma' LAST 7 days; LET c = FIND data_products ON 2021-01-01;\r\n"
    b"FIND c SELECT count(*) AS n"
)


def test_without_a_terminal_the_fixes_are_shown_and_not_written(tmp_path: Path) -> None:
    path = tmp_path / "a.aql"
    path.write_bytes(WRONG)
    done = command("fix", path)
    assert (done.code, path.read_bytes()) == (1, WRONG)
    assert done.err == f"{path}: 7 fixes not written (--write writes them)\n"
    path.write_bytes(WRONG)
    (tmp_path / "a.diff").write_bytes(done.out.encode())
    patched = subprocess.run(
        ["/usr/bin/env", "patch", "--binary", str(path), str(tmp_path / "a.diff")], capture_output=True, check=False
    )
    if patched.returncode != 127:  # patch is installed
        assert path.read_bytes() == RIGHT


def test_write_keeps_bytes_outside_the_fixes_and_is_repeatable(tmp_path: Path) -> None:
    path = tmp_path / "a.aql"
    path.write_bytes(WRONG)
    path.chmod(0o640)
    done = command("fix", "--write", path)
    assert (done.code, done.err) == (0, f"{path}: 7 fixes written\n")
    assert path.read_bytes() == RIGHT
    assert (stat.S_IMODE(path.stat().st_mode), [item.name for item in tmp_path.iterdir()]) == (0o640, ["a.aql"])
    again = command("fix", "-y", path)
    assert (again.code, again.out, again.err) == (0, "", "")
    assert command("check", path).code == 0


def test_standard_input_is_a_filter() -> None:
    done = command("fix", "-", stdin="FIND data_products WHERE program == 'trex' ON 2021-01-01\n")
    assert (done.code, done.out, done.err) == (0, "FIND data_products WHERE program = 'trex' ON 2021-01-01\n", "")
    assert command("fix", "-", stdin="").code == 0


def test_errors_without_a_fix_are_left_and_reported(tmp_path: Path) -> None:
    good, wrong = tmp_path / "good.aql", tmp_path / "wrong.aql"
    good.write_text("LET c = FIND data_products ON 2021-01-01;\n")
    wrong.write_text("FIND c WHERE program == 'trex'; FIND data_products WHERE a XOR b ON 2021-01-01;\n")
    done = command("fix", "--write", good, tmp_path / "missing.aql", wrong)
    assert done.code == 2
    assert "missing.aql cannot be read" in done.err
    assert "wrong.aql: 1 fix written" in done.err
    assert "error[AQL0118]: AuroraQL has no XOR" in done.err
    assert wrong.read_text().startswith("FIND c WHERE program = 'trex'; FIND")
    assert good.read_text() == "LET c = FIND data_products ON 2021-01-01;\n"


def test_warnings_are_not_fixed(tmp_path: Path) -> None:
    path = tmp_path / "a.aql"
    text = "FIND data_products WHERE platform = 'gilam' ON 2021-01-01;\n"
    path.write_text(text)
    done = command("fix", "--write", path)
    assert (done.code, done.out, path.read_text()) == (0, "", text)


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1), ("", 1)])
def test_a_terminal_is_asked(tmp_path: Path, answer: str, code: int) -> None:
    path = tmp_path / "a.aql"
    path.write_text("FND data_products ON 2021-01-01;\n")
    with terminal(tmp_path, *PROGRAM, "fix", "a.aql") as screen:
        screen.until("Write 1 fix to a.aql? [y/N]")
        assert "+FIND data_products ON 2021-01-01;" in screen.shown_lines
        screen.type(f"{answer}\r")
        assert screen.child.wait(20) == code
    assert path.read_text() == ("FIND" if answer == "y" else "FND") + " data_products ON 2021-01-01;\n"


def test_fixes_that_undo_each_other_end() -> None:
    """Two rules that contradict each other must not loop."""

    def check(text: str) -> list[Diagnostic]:
        return [Diagnostic("AQL0106", "wrong", Span(0, 1), fix="b" if text[0] == "a" else "a")]

    fixed = fix_script("a", check)
    assert (fixed.text, len(fixed.applied)) == ("b", 1)


def test_the_api_and_check_have_the_exact_span_of_a_fix() -> None:
    text = "FIND data_products\n  WHERE note = '\U0001f600' AND program == 'trex' ON 2021-01-01"
    fixed = text.replace("==", "=")
    (document,) = auroraql.check(text)["diagnostics"]
    line = text.split("\n")[1].encode("utf-16-le")
    start, end = (document["range"][side]["character"] * 2 for side in ("start", "end"))
    assert document["range"]["start"]["line"] == 1
    assert (line[:start] + str(document["fix"]).encode("utf-16-le") + line[end:]).decode("utf-16-le") == fixed.split(
        "\n"
    )[1]
    checked = json.loads(command("check", "--format", "json", "-", stdin=text).out)["diagnostics"]
    assert [(reported["fix"], reported["range"]) for reported in checked] == [(document["fix"], document["range"])]
    with pytest.raises(auroraql.StatementError) as caught:
        auroraql.translate(text, to="plan")
    (diagnostic,) = caught.value.diagnostics
    assert isinstance(diagnostic.origin, Span)
    assert text[: diagnostic.origin.start] + str(diagnostic.fix) + text[diagnostic.origin.end :] == fixed
