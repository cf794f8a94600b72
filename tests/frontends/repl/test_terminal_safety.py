"""Tests of terminal safety: no format writes control characters, and Ctrl-C reaches started programs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from prompt_toolkit.completion import Completion

from auroraql import Archive, connect
from auroraql.frontends.cli import streams
from auroraql.frontends.repl.line_editor import make_harmless
from auroraql.rendering import FORMATS
from auroraql.rendering.formats import ResultFormat
from auroraql.rendering.text_output import RenderOptions
from tests.support.command_line import command
from tests.support.terminal import CTRL_C, PROGRAM, terminal

HOSTILE = "a\x1b[31mb\x07c\x9bd\u202ee\u2066f\x7fg\rh\u200b\U000e0001i"
TEXT_FORMATS = [row for row in FORMATS.values() if row.render is not None]


def control_characters(text: str) -> set[str]:
    """Return the control characters in a text, other than line feeds, tabs and AuroraQL's own colours."""
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs") and c not in "\n\t"}


@pytest.fixture(scope="module")
def archive() -> Iterator[Archive]:
    with connect() as opened:
        yield opened


@pytest.mark.parametrize("row", TEXT_FORMATS, ids=lambda row: row.name)
@pytest.mark.parametrize("width", [80, None], ids=["fitted", "whole"])
def test_no_format_writes_control_characters(archive: Archive, row: ResultFormat, width: int | None) -> None:
    result = archive.run('SQL SELECT $text AS "a\x1bb", [$text] AS many, {a: $text} AS object', text=HOSTILE)
    written = "".join(row.render_screen(result, RenderOptions(width, terminal=True)))
    assert control_characters(written) == set()
    assert "31m" in written


def test_json_on_a_terminal_is_the_same_json(archive: Archive) -> None:
    result = archive.run("SQL SELECT $text AS t", text=HOSTILE)
    for name in ("json", "jsonl"):
        written = "".join(FORMATS[name].render_screen(result, RenderOptions(80, terminal=True)))
        document = json.loads(written)
        assert (document[0] if name == "json" else document)["t"] == HOSTILE


def test_a_file_holds_the_values_unchanged(archive: Archive, tmp_path: Path) -> None:
    result = archive.run("SQL SELECT $text AS t", text=HOSTILE)
    result.save(tmp_path / "t.csv")
    assert HOSTILE.encode() in (tmp_path / "t.csv").read_bytes()


def test_messages_escape_control_characters(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    streams.print_error(f"no {HOSTILE}\nsecond line")
    assert control_characters(capfd.readouterr().err) == set()
    for arguments in (
        ("fmt", "--check", str(tmp_path / "a\x1b[31m.aql")),
        ("check", str(tmp_path / "a\x1b[31m.aql")),
        ("run", "a\x1b[31m"),
        ("a\x1b[31m",),
        ("--a\x1b[31m",),
        ("--format", "a\x1b[31m", "-c", "SHOW PROGRAMS"),
        ("-a", "a\x1b[31m.duckdb", "-c", "SHOW PROGRAMS"),
    ):
        done = command(*arguments)
        assert done.code != 0
        assert control_characters(done.err) == set(), arguments


def test_the_menu_escapes_control_characters() -> None:
    shown = make_harmless(Completion(HOSTILE, -1, HOSTILE, HOSTILE))
    assert control_characters(shown.display_text + shown.display_meta_text) == set()
    assert (shown.text, shown.start_position) == (HOSTILE, -1)
    plain = Completion("trex", -1, "trex", "a program")
    assert make_harmless(plain) is plain


def test_a_program_that_receives_the_result_is_interrupted(tmp_path: Path) -> None:
    with terminal(tmp_path, *PROGRAM, AURORAQL_ARCHIVE="demo") as screen:
        screen.until("F2 fuzzy: on")
        screen.type("SHOW PROGRAMS LIMIT 1\r")
        screen.until("demo (demonstration data)\nauroraql>")
        screen.type("\\pipe echo begun; sleep 300\r")
        screen.until("\nbegun")
        screen.type(CTRL_C)
        screen.until("the command exited with", seconds=20)
        screen.type("SHOW\tPROGRAMS LIMIT 2\r".replace("\t", "\x1b[200~\t\x1b[201~"))
        screen.until("2 rows")
        assert "^I" not in screen.shown_lines


# --- files on the command line

BY_DAY = "-- param day: date\nFIND data_products SELECT start WHERE program = 'trex' ON $day LIMIT 1;\n"
FOUND = "start\n2021-01-01T00:00:00\n"


def test_a_file_is_run_by_its_name_with_values_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("day.aql").write_text(BY_DAY)
    Path("bare").write_text(BY_DAY)
    for arguments in (
        ("day.aql", "day=2021-01-01"),
        ("-a", "demo", "day.aql", "day=2021-01-01"),
        ("--archive=demo", "day.aql", "--param", "day=2021-01-01"),
        ("bare", "day=2021-01-01"),
        ("run", "day", "day=2021-01-01"),
        ("run", "day.aql", "day=2021-01-01"),
    ):
        done = command("--format", "csv", *arguments)
        assert (done.code, done.out) == (0, FOUND), (arguments, done.err)
    assert command("-", "--format", "csv", "day=2021-01-01", stdin=BY_DAY).out == FOUND


def test_a_file_with_an_equals_sign_in_its_name_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("day=1").write_text(BY_DAY)
    done = command("--format", "csv", "run", "day=1", "day=2021-01-01")
    assert (done.code, done.out) == (0, FOUND), done.err


def test_an_argument_that_is_neither_file_nor_command_is_refused() -> None:
    assert command("nowhere.aql").code == 2
    done = command("serch")
    assert done.code == 2
    assert "invalid choice: 'serch'" in done.err


def test_the_steps_of_a_search_are_printed_on_standard_error() -> None:
    run = [
        sys.executable,
        "-m",
        "auroraql",
        "-v",
        "--format",
        "csv",
        "-c",
        "FIND data_products SELECT start ON 2021-01-01 LIMIT 1",
    ]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert done.stdout == FOUND
    assert "Search created: FIND data_products" in done.stderr
    assert "Request ID: " in done.stderr
    assert "Retrieved 1 record" in done.stderr


# --- a table on 80 columns


def _show(archive: Archive, statement: str, width: int = 80, height: int | None = None) -> list[str]:
    return "".join(
        FORMATS["table"].render_screen(archive.run(statement), RenderOptions(width, height, terminal=True))
    ).splitlines()


def test_a_table_shows_the_important_columns_first(archive: Archive) -> None:
    products = _show(archive, "FIND data_products WHERE program = 'trex' ON 2021-01-01")
    assert products[0].split() == ["start", "platform", "url"]
    assert products[2].endswith("20210101__gill_nir-215_full-keogram-hires.jpg")
    passes = _show(
        archive, "FIND conjunctions OF ground (program='trex'), space (program='swarm') WITHIN 300 km ON 2020-01-01"
    )
    assert passes[0].split() == ["start", "end", "ground1", "space1", "min_distance", "(km)"]
    assert passes[2].split()[-6:] == ["TREx", "RGB", "GILL", "Swarm", "B", "203.1"]
    positions = _show(archive, "FIND ephemeris WHERE platform = 'swarma' ON 2020-01-01")
    assert {"epoch", "nbtrace.lat", "nbtrace.lon"} <= set(positions[0].split())
    for table in (products, passes, positions):
        assert max(map(len, table[:-1])) <= 80


def test_members_of_several_objects_are_distinguished(archive: Archive) -> None:
    head = (
        _show(
            archive,
            "FIND ephemeris SELECT epoch, location_geo {lat, lon}, nbtrace {lat, lon}, sbtrace {lat, lon} "
            "WHERE platform = 'swarma' ON 2020-01-01",
            120,
        )[0]
        .replace(" (deg)", "")
        .split()
    )
    assert len(set(head)) == len(head) == 7


def test_a_long_result_is_never_shown_vertically_or_beyond_a_page(archive: Archive) -> None:
    wide = ", ".join(f"n * {number} + 1000000000 AS number_{number}" for number in range(30))
    for statement in (
        "FIND ephemeris WHERE platform = 'swarma' BETWEEN 2020-01-01 AND 2020-02-29",
        "FIND ephemeris SELECT *, nbtrace_region WHERE platform = 'swarma' ON 2020-01-01",
        f"SQL SELECT {wide} FROM range(500) AS t(n)",  # noqa: S608
    ):
        lines = _show(archive, statement, height=24)
        assert len(lines) <= 24, statement
        assert not lines[0].startswith("-["), statement
        assert any(line.startswith("first 20 of ") for line in lines), statement
    assert len(_show(archive, "FIND ephemeris WHERE platform = 'swarma' ON 2020-01-01", 30, height=24)) <= 24


def test_a_long_result_in_a_terminal_is_paged(tmp_path: Path) -> None:
    pager = tmp_path / "page"
    pager.write_text(f"#!/bin/sh\nwc -l > {tmp_path / 'lines'}\n")
    pager.chmod(0o755)
    statement = "FIND data_products WHERE program = 'trex' ON 2021-01-01"
    with terminal(tmp_path, "-m", "auroraql", "-c", statement, PAGER=str(pager)) as screen:
        assert screen.child.wait(120) == 0
    assert int((tmp_path / "lines").read_text()) == 289 + 3
    with terminal(tmp_path, "-m", "auroraql", "-c", statement, PAGER="cat") as screen:
        screen.until(
            lambda: re.search(r"first \d\d of 289 rows: --output FILE for all", screen.shown_lines) is not None
        )
        screen.until("289 rows")
