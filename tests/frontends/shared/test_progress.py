"""Tests of the progress line: on a terminal only, and only while a search runs."""

from __future__ import annotations

import os
import pty
import sys
import termios
import threading
import time
from io import StringIO
from typing import Any
from unittest.mock import patch

import pyte
import pytest

import auroraql
from auroraql.diagnostics.errors import Unreachable, display_width
from auroraql.engines.base import Progress
from auroraql.frontends.shared.progress import describe_progress, format_duration, rewraps_lines, status_line
from auroraql.session.jobs import report_elapsed
from auroraql.session.sql import runner
from tests.support.aurorax_server import RECORDS, SOURCES, AuroraXServer, Fault


class Terminal(StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clear the variables that describe the terminal that runs the tests."""
    for name in ("TMUX", "VTE_VERSION", "KITTY_WINDOW_ID", "WEZTERM_PANE", "WT_SESSION", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)


def test_progress_is_one_line_in_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert status_line(StringIO()) is None
    assert status_line(None) is None
    terminal = Terminal()
    show = status_line(terminal)
    assert show is not None
    show(Progress(0.1, "quick", 0, 0))
    show(None)
    assert terminal.getvalue() == ""
    show(Progress(12.4, "found\x1b[31m 92", 12_300_000, 4500))
    assert terminal.getvalue() == "\r\x1b[K12 s · found␛[31m 92 · 12.3 MB · 4,500 records"
    show(None)
    show(None)
    assert terminal.getvalue().count("\x1b[K") == 2
    monkeypatch.setenv("TERM", "dumb")
    assert status_line(terminal) is None


@pytest.mark.parametrize("width", [1, 2, 5, 12, 20, 33, 40, 80, 200])
@pytest.mark.parametrize("line", ["", "found 92", "Überflüge über 大きなオーロラ und 極光 gefunden", "x" * 300])
def test_the_line_is_never_wider_than_the_terminal(width: int, line: str) -> None:
    shown = describe_progress(Progress(75.9, line, 12_300_000, 4500), width)
    assert display_width(shown) <= width
    if width >= 40:  # the number of bytes is always shown, the log as far as it fits
        assert shown.startswith("1 min 15 s")
        assert shown.endswith("12.3 MB · 4,500 records")
    if width == 200 and len(line) < 300:
        assert line in shown


def test_it_is_redrawn_in_place_and_erased_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = pyte.Screen(60, 5)
    stream = pyte.Stream(screen)
    terminal = Terminal()
    show = status_line(terminal)
    assert show is not None
    stream.feed("a row\r\n")
    for width, line in ((60, "大きなオーロラ" * 9), (24, "大きなオーロラ" * 9), (9, "short"), (60, "once more")):
        screen.resize(5, width)
        with patch("shutil.get_terminal_size", lambda width=width: os.terminal_size((width, 5))):
            show(Progress(2.0, line, 0, 0))
        stream.feed(terminal.getvalue())
        terminal.seek(0)
        terminal.truncate()
        assert screen.cursor.y == 1
        assert screen.display[1].startswith("2 s")
        assert screen.display[2].strip() == ""
    show(None)
    stream.feed(terminal.getvalue())
    assert [row.strip() for row in screen.display] == ["a row", "", "", "", ""]
    assert screen.cursor.x == 0


def test_a_terminal_that_rewraps_lines_is_cleared_upwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("TMUX", "x")
    assert rewraps_lines(os.environ)
    terminal = Terminal()
    show = status_line(terminal)
    assert show is not None
    with patch("shutil.get_terminal_size", lambda: os.terminal_size((80, 5))):
        show(Progress(2.0, "x" * 90, 0, 0))
    with patch("shutil.get_terminal_size", lambda: os.terminal_size((30, 5))):
        show(None)
    assert terminal.getvalue().endswith("\r\x1b[2A\x1b[J")


def test_an_unchanged_line_is_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    show = status_line(terminal)
    assert show is not None
    for elapsed in (2.1, 2.2, 2.3, 3.0):
        show(Progress(elapsed, "found 92", 0, 0))
    assert terminal.getvalue().count("found 92") == 2


@pytest.mark.skipif(sys.platform == "win32", reason="has no such terminals")
def test_typed_keys_are_not_echoed_into_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = pty.openpty()
    try:
        with os.fdopen(os.dup(theirs)) as keys:
            show = status_line(Terminal(), keys)
            assert show is not None
            before = termios.tcgetattr(theirs)
            show(Progress(0.1, "quick", 0, 0))
            assert termios.tcgetattr(theirs) == before
            show(Progress(2.0, "searching", 0, 0))
            assert not termios.tcgetattr(theirs)[3] & termios.ECHO
            show(None)
            show(None)
            assert termios.tcgetattr(theirs) == before
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize(
    ("seconds", "duration"), [(0.4, "0 s"), (59.9, "59 s"), (75, "1 min 15 s"), (7325, "2 h 2 min")]
)
def test_durations(seconds: float, duration: str) -> None:
    assert format_duration(seconds) == duration


def test_progress_lists_the_known_facts() -> None:
    assert describe_progress(Progress(3.0, "", 0, 0)) == "3 s"


# --- statements without a search


@pytest.fixture
def reports() -> list[Progress | None]:
    return []


def assert_elapsed_was_reported(reports: list[Progress | None]) -> None:
    """Assert that the elapsed time was reported now and then, and the end once."""
    *during, last = reports
    assert last is None
    elapsed = [item.elapsed for item in during if item is not None]
    assert len(elapsed) >= 2
    assert elapsed == sorted(elapsed)
    assert elapsed[-1] > 0.3


def test_availability_shows_its_run_time(reports: list[Progress | None]) -> None:
    with AuroraXServer(RECORDS, SOURCES) as server, auroraql.connect(server.url, watch=reports.append) as archive:
        server.faults["availability"] = Fault(hang=0.6)
        archive.run("SHOW AVAILABILITY OF data_products ON 2020-02-01")
        assert_elapsed_was_reported(reports)
        reports.clear()
        server.faults["sources"] = Fault(hang=0.6)
        archive.run("SHOW SOURCES REFRESH")
        assert reports.count(None) == 2
        reports.remove(None)
        assert_elapsed_was_reported(reports)


def test_sql_shows_its_run_time(reports: list[Progress | None], monkeypatch: pytest.MonkeyPatch) -> None:
    run_sql = runner.run_sql

    def slow(*arguments: Any) -> Any:
        time.sleep(0.6)
        return run_sql(*arguments)

    monkeypatch.setattr(runner, "run_sql", slow)
    with auroraql.connect(watch=reports.append) as archive:
        archive.run("LET c = FIND data_products WHERE program = 'rainbow' ON 2020-03-01")
        reports.clear()
        archive.run("SQL SELECT count(*) FROM c")
    assert_elapsed_was_reported(reports)


def test_a_failure_or_interrupt_leaves_no_line(reports: list[Progress | None]) -> None:
    for error in (KeyboardInterrupt(), Unreachable("", archive="x")):
        with pytest.raises(type(error)), report_elapsed(reports.append, 0):
            raise error
        assert reports.pop() is None
    assert "auroraql-elapsing" not in {item.name for item in threading.enumerate()}
