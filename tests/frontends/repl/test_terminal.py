"""Tests of the prompt in a real pseudo-terminal: keys are typed into it, and its screen is compared."""

from __future__ import annotations

import fcntl
import re
import stat
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from auroraql.frontends.repl.controller import run_session
from tests.support.aurorax_server import RECORDS, SOURCES, AuroraXServer, Fault
from tests.support.repl_fakes import FakeArchive
from tests.support.terminal import CTRL_C, F2, F4, F6, HEIGHT, PROGRAM, READY, UP, WIDTH, terminal


def test_a_whole_session(tmp_path: Path) -> None:
    with terminal(tmp_path, "-m", "auroraql", AURORAQL_ARCHIVE="demo") as screen:
        screen.until("Type \\? for help.")
        screen.until("F2 fuzzy: on")
        # Completion: a keyword, a field, and a value that needs quotes.
        screen.type("FIND data_products WH")
        screen.until("conditions on the records")
        screen.type("\t platf")
        screen.until("the site or spacecraft")
        screen.type("\t = smi")
        screen.until("fort smith  themis-asi")
        screen.type("\t AND keogram_type = 'dialy' ON 2021-01-01")
        # An error while typing is underlined and shown in the toolbar.
        screen.until("no keogram_type 'dialy' is known: did you mean 'daily'?")
        assert screen.underlined_text() == "'dialy'"
        # Correct it: from the end of the text back into the word.
        screen.type("\x1b[D" * len("ialy' ON 2021-01-01") + "\x1b[3~\x1b[3~ai")
        screen.until(lambda: "AND keogram_type = 'daily' ON 2021-01-01" in screen.shown_lines)
        screen.until("F2 fuzzy: on")
        assert screen.underlined_text() == ""
        # Run, export and quit.
        screen.type("\r")
        screen.until("demo (demonstration data)\nauroraql>")
        assert re.search(r"^\d+ rows? · ", screen.shown_lines, re.MULTILINE)
        screen.until("fort smith")
        screen.type("\\export daily.csv\r")
        screen.until("daily.csv: ")
        assert (tmp_path / "daily.csv").read_text().count("fort smith") > 0
        screen.type("\\q\r")
        assert screen.child.wait(20) == 0
    history = tmp_path / "state" / "auroraql" / "history"
    assert "'fort smith'" in history.read_text()
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


def test_a_key_applies_the_fix_that_the_toolbar_shows(tmp_path: Path) -> None:
    with terminal(tmp_path, "-m", "auroraql", AURORAQL_ARCHIVE="demo") as screen:
        screen.until(READY)
        # While typing: an error whose hint has the fix, then a warning, one key each.
        screen.type("FIND data_products WHERE platform == 'gilam' ON 2021-01-01 LIMIT 1")
        screen.until("F6 applies it")
        screen.type(F6)
        screen.until(lambda: "platform = 'gilam' ON" in screen.shown_lines)
        screen.until("did you mean 'gillam'?  F6 applies it")
        screen.type(F6)
        screen.until(lambda: "platform = 'gillam' ON" in screen.shown_lines)
        screen.until(READY)
        # Undo restores the text before the last fix, and the key applies it again.
        screen.type("\x1f")
        screen.until(lambda: "platform = 'gilam' ON" in screen.shown_lines)
        screen.until("F6 applies it")
        screen.type(F6)
        screen.until(READY)
        screen.type("\r")
        screen.until("1 row · ")
        # After an error: the key writes the statement with every error corrected.
        screen.type("FND data_products SELECT count(*) n WHERE program == 'trex' ON 2021/01/01;\r")
        screen.until("F6 corrects the last statement")
        screen.type(F6)
        screen.until("auroraql> FIND data_products SELECT count(*) AS n WHERE program = 'trex' ON 2021-01-01;")
        screen.type("\r")
        screen.until("\n289\n")
        screen.until(READY)
        assert "F6" not in screen.shown_lines.splitlines()[-1]
        screen.type("\\q\r")
        assert screen.child.wait(20) == 0


def test_lines_keys_and_history(tmp_path: Path) -> None:
    with terminal(tmp_path, __file__, str(tmp_path / "history")) as screen:
        screen.until("F2 fuzzy: on")
        screen.type(f"{F2}{F4}")
        screen.until("F2 fuzzy: off  F3 multiline: off  F4 keys: vi")
        screen.type(f"{F2}{F4}")
        screen.until("F2 fuzzy: on  F3 multiline: off  F4 keys: emacs")
        screen.type("FIND data_products WHERE\r")
        screen.until("...>")
        screen.type("program = 'trex';\r")
        screen.until("2021-01-01 00:00  trex")
        screen.until("1 row · 12 ms · demo (demonstration data)")
        screen.type("\x12WHERE")
        screen.until("program = 'trex';\n")
        screen.type("\r\r")
        screen.until(lambda: screen.shown_lines.count("1 row · 12 ms") == 2)
        screen.type("FIND wrong;\r")
        screen.until("     ^^^^^ here")
        screen.type("FIND slow;\r")
        screen.until("searching")
        screen.type("\x03")
        screen.until("cancelled\nauroraql>")
        screen.type(UP)
        screen.until("cancelled\nauroraql> FIND slow;")
        screen.type("\x03\x04")
        assert screen.child.wait(20) == 0


@pytest.fixture
def server() -> Iterator[AuroraXServer]:
    with AuroraXServer(RECORDS, SOURCES) as running:
        running.never = True
        yield running


DAILY = "FIND data_products SELECT start, platform WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01"
FOUND = "FIND data_products SELECT start, platform WHERE program = 'trex' DURING 2020-02"


def test_a_search_is_shown_cancelled_and_detached(tmp_path: Path, server: AuroraXServer) -> None:
    with terminal(tmp_path, *PROGRAM, "-a", server.url) as screen:
        screen.until(READY)
        # During the search, one line shows the progress, and typed keys are not mixed into it.
        screen.type(f"{FOUND}\r")
        screen.until(lambda: re.search(r"^\d+ s · Starting query for ", screen.shown_lines, re.MULTILINE) is not None)
        screen.type("SHOW SOU")
        screen.until("1 s · Starting query")
        assert "SHOW SOU" not in screen.shown_lines
        # Ctrl-C cancels the search on the service, and the line disappears.
        screen.type(CTRL_C)
        screen.until("cancelled\nauroraql>")
        assert "Starting query" not in screen.shown_lines
        (first,) = server.searches
        assert server.searches[first].cancelled
        # With an unresponsive service the prompt returns all the same; a second Ctrl-C detaches the search.
        server.faults["cancel"] = Fault(hang=3, status=403)
        screen.type(f"{FOUND}\r")
        screen.until("Starting query")
        screen.type(CTRL_C)
        second = next(item for item in server.searches if item != first)
        screen.until(f"cancelling request {second}")
        screen.until(
            lambda: screen.shown_lines.splitlines()[-2].startswith("auroraql>") or "keys: emacs" in screen.shown_lines
        )
        screen.type(CTRL_C)
        screen.until("so the search may continue as s1")
        screen.until(f"\\fetch s1 or \\fetch {second} waits for it")
        server.searches[second].cancelled = False  # the cancellation was refused
        screen.type("\\jobs\r")
        screen.until("name  status")
        screen.until(second)
        # The end of a search is announced above the input.
        screen.type("SHOW PROGRAMS LIM")
        screen.until("auroraql> SHOW PROGRAMS LIM")
        server.never = False
        screen.until(lambda: re.search(r"s1 is done after .*, 3 records: \\fetch s1\n", screen.shown_lines) is not None)
        screen.until(
            lambda: (
                screen.shown_lines.rfind("s1 is done after") < screen.shown_lines.rfind("auroraql> SHOW PROGRAMS LIM")
            )
        )
        screen.type("IT 1\r")
        screen.until("1 row · ")
        screen.type("\\fetch\r")
        screen.until("3 rows · ")


def test_a_session_ends_while_searches_continue(tmp_path: Path, server: AuroraXServer) -> None:
    with terminal(tmp_path, *PROGRAM, "-a", server.url) as screen:
        screen.until(READY)
        screen.type(f"SUBMIT night = {FOUND}\r")
        screen.until("1 row · ")
        screen.type("\\cancel nihgt\r")
        screen.until("did you mean night?")
        screen.type("\\jbos\r")
        screen.until("did you mean \\jobs?")
        screen.type("/jobs\r")
        screen.until("\\fetch NAME waits for a search and shows its result")
        server.error = "the cluster is on fire"
        screen.type("\\fetch night\r")
        screen.until("failed: the cluster is on fire")
        screen.type("\\E\r")
        screen.until("log of the search:")
        (first,) = server.searches
        screen.until(f"info: Starting query for {first}")
        assert f"= request: {first}" in screen.shown_lines
        server.error = ""
        screen.type(f"SUBMIT day = {FOUND}\r")
        screen.until("day   running")
        screen.type("\\q\r")
        screen.until(f"FETCH '{list(server.searches)[1]}'")
        assert screen.child.wait(20) == 0
        assert not server.searches[list(server.searches)[1]].cancelled


def test_a_script_in_a_terminal_shows_progress(tmp_path: Path, server: AuroraXServer) -> None:
    with terminal(tmp_path, *PROGRAM, "-a", server.url, "-c", FOUND) as screen:
        screen.until("1 s · Starting query for ")
        server.never = False
        screen.until("3 rows · ")
        assert "Starting query" not in screen.shown_lines
        assert screen.shown_lines.startswith("start ")
        assert screen.child.wait(20) == 0


def test_statements_without_a_search_show_their_run_time(tmp_path: Path, server: AuroraXServer) -> None:
    server.faults["availability"] = Fault(hang=2.5)
    statement = "SHOW AVAILABILITY OF data_products ON 2020-02-01"
    with terminal(tmp_path, *PROGRAM, "-a", server.url, "-c", statement) as screen:
        screen.until("1 s")
        screen.until(f"· {server.url}")
        assert not re.search(r"^\d s$", screen.shown_lines, re.MULTILINE)
        assert screen.child.wait(20) == 0


def test_help_is_available(tmp_path: Path) -> None:
    with terminal(tmp_path, __file__, str(tmp_path / "history")) as screen:
        screen.until(READY)
        for typed, shown in (
            ("\\h padded", "padding: PADDED BY? duration"),
            ("\\h paded", "did you mean \\h PADDED?"),
            ("\\dm keogram_type", "TREx NIR LUCK"),
            ("\\d keogram_tpye", "did you mean keogram_type?"),
            ("/?", "Ctrl-X Ctrl-E editor"),
        ):
            screen.type(f"{typed}\r")
            screen.until(shown)


def test_kill_9_during_an_export_keeps_the_existing_file(tmp_path: Path) -> None:
    stored = tmp_path / "kept.csv"
    stored.write_text("what was there")
    with terminal(tmp_path, __file__, str(tmp_path / "history")) as screen:
        screen.until(READY)
        screen.type("FIND endless;\r")
        screen.until("rows · ")
        screen.type("\\export kept.csv\r")
        screen.until("half of it is written")
        screen.child.kill()
        screen.child.wait()
    assert stored.read_text() == "what was there"
    assert "FIND endless;" in (tmp_path / "history").read_text()
    assert "\\export kept.csv" in (tmp_path / "history").read_text()


def test_a_history_entry_survives_kill_9(tmp_path: Path) -> None:
    for number in (1, 2):
        with terminal(tmp_path, __file__, str(tmp_path / "history")) as screen:
            screen.until("F2 fuzzy: on")
            if number == 2:
                screen.type(UP)
                screen.until("auroraql> FIND data_products LIMIT 5;")
                break
            screen.type("FIND data_products LIMIT 5;\r")
            screen.until("1 row · 12 ms")
            screen.child.kill()


def test_pictures_and_their_rows(tmp_path: Path) -> None:
    with terminal(tmp_path, "-m", "auroraql", AURORAQL_ARCHIVE="demo") as screen:
        screen.until("F2 fuzzy: on")
        screen.type("SHOW AVAILABILITY OF ephemeris WHERE program = 'swarm' DURING 2020-01;\r")
        screen.until("Swarm C  " + "█" * 31)
        screen.until("█ 1,081–1,440 records a day\n2020-01-01 to 2020-01-31, UTC; the 93 rows: \\last\n")
        screen.type(f"{DAILY};\r")
        screen.until("2021-01-01 00:00  rabbit lake")
        screen.type("\\timeline\r")
        screen.until("5 data products, 2021-01-01, UTC\n")
        screen.until("blank none, █ 1 in each ")
        screen.type("\\export daily.html\r")
        screen.until("daily.html: 5 rows")
        assert (tmp_path / "daily.html").read_text("utf-8").count('<td dir="auto">rabbit lake</td>') == 1
        screen.type("\\q\r")
        assert screen.child.wait(20) == 0


def test_output_without_colours(tmp_path: Path) -> None:
    with terminal(tmp_path, __file__, str(tmp_path / "history"), NO_COLOR="1") as screen:
        screen.until("F2 fuzzy: on")
        screen.type("FIND data_products WHERE program = 'trx' ON 2021-01-01 -- x")
        screen.until("did you mean 'trex'?")
        colors = {screen.screen.buffer[row][column].fg for row in range(HEIGHT) for column in range(WIDTH)}
        assert colors == {"default"}
        assert screen.underlined_text() == "'trx'"


def test_the_prompt_follows_options_and_configuration(tmp_path: Path) -> None:
    (tmp_path / "daily.aql").write_text(f"-- param n: integer = 1  rows\n{DAILY} LIMIT $n;\n")
    environ = {"NO_COLOR": "1", "AURORAQL_ARCHIVE": "demo", "AURORAQL_KEYS": "vi", "AURORAQL_THEME": "dark"}
    with terminal(tmp_path, "-m", "auroraql", "--color", "always", **environ) as screen:
        screen.until("F4 keys: vi")
        screen.type("\\run da")
        screen.until(" daily")
        screen.type("\t n")
        screen.until("integer = 1  rows")
        screen.type("\t2\r")
        screen.until("2 rows · ")
        screen.type("FIND data_products")
        screen.until(lambda: len({screen.screen.buffer[y][x].fg for y in range(HEIGHT) for x in range(WIDTH)}) > 2)


if __name__ == "__main__":
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C, typed at the other end, interrupts this process
    run_session(FakeArchive(), history=Path(sys.argv[1]))
