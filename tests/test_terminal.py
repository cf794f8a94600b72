"""The prompt as a person meets it: a real pseudo-terminal, keys typed into it, and what its screen shows.

The screen is that of a terminal emulator (pyte), so that what was overwritten or erased is gone here too.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import stat
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyte
import pytest

from auroraql.frontends.repl.desk import talk
from tests.conftest import ROOT
from tests.repl_fakes import FakeArchive

WIDTH, HEIGHT = 100, 30
DAILY = "FIND data_products SELECT start, platform WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01"
UP, F2, F4 = "\x1b[A", "\x1bOQ", "\x1bOS"


class Screen(pyte.Screen):
    """A screen that answers when it is asked where the cursor is, as terminals do."""

    def __init__(self, handle: int) -> None:
        super().__init__(WIDTH, HEIGHT)
        self._handle = handle

    def write_process_input(self, data: str) -> None:
        os.write(self._handle, data.encode())


class Terminal:
    """A program in a terminal of its own, and the screen of that terminal."""

    def __init__(self, handle: int, child: subprocess.Popen[bytes]) -> None:
        self.handle, self.child = handle, child
        self.screen = Screen(handle)
        self._stream = pyte.ByteStream(self.screen)

    @property
    def shown(self) -> str:
        """The lines of the screen."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def type(self, text: str) -> None:
        os.write(self.handle, text.encode())

    def underlined(self) -> str:
        """What is underlined, anywhere on the screen."""
        rows = (self.screen.buffer[row] for row in range(HEIGHT))
        return "".join(row[column].data for row in rows for column in range(WIDTH) if row[column].underscore)

    def until(self, condition: str | Callable[[], bool], seconds: float = 30) -> None:
        """Reads until the screen shows a text, or a condition holds."""
        deadline = time.monotonic() + seconds
        while not (condition in self.shown if isinstance(condition, str) else condition()):
            ready, _, _ = select.select([self.handle], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"{condition!r} is not shown, but:\n{self.shown}"
            try:
                self._stream.feed(os.read(self.handle, 65536))
            except OSError:  # the other end has gone
                pytest.fail(f"{condition!r} was not shown, but:\n{self.shown}")

    def prompts(self, number: int) -> None:
        """Waits until so many prompts stand on the screen."""
        self.until(lambda: self.shown.count("auroraql> ") + self.shown.endswith("auroraql>") >= number)


@contextmanager
def terminal(folder: Path, *command: str, **environ: str) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
    plain = {
        "TERM": "xterm-256color",
        "PYTHONPATH": str(ROOT),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "PAGER": "cat",
    }
    child = subprocess.Popen(
        [sys.executable, *command], stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder,
        env={**os.environ, **plain, **environ}, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Terminal(ours, child)
    finally:
        child.kill()
        child.wait()
        os.close(ours)


def test_a_session_from_the_first_prompt_to_the_last(tmp_path: Path) -> None:
    with terminal(tmp_path, "-m", "auroraql", AURORAQL_ARCHIVE="demo") as screen:
        screen.until("Type \\? for help.")
        screen.until("F2 fuzzy: on")
        # Complete: a keyword, a field, a value that needs quotes.
        screen.type("FIND data_products WH")
        screen.until("what the records must be")
        screen.type("\t platf")
        screen.until("the site or spacecraft")
        screen.type("\t = smi")
        screen.until("fort smith  themis-asi")
        screen.type("\t AND keogram_type = 'dialy' ON 2021-01-01")
        # An error, while typing: underlined, and told in the toolbar.
        screen.until("no keogram_type 'dialy' is known: did you mean 'daily'?")
        assert screen.underlined() == "'dialy'"
        # Fixed: from the end of the text back into the word.
        screen.type("\x1b[D" * len("ialy' ON 2021-01-01") + "\x1b[3~\x1b[3~ai")
        screen.until(lambda: "AND keogram_type = 'daily' ON 2021-01-01" in screen.shown)
        screen.until("F2 fuzzy: on")
        assert screen.underlined() == ""
        # Run, export, quit.
        screen.type("\r")
        screen.until("demo (demonstration data)\nauroraql>")
        assert re.search(r"^\d+ rows? · ", screen.shown, re.MULTILINE)
        assert "fort smith" in screen.shown
        screen.type("\\export daily.csv\r")
        screen.until("daily.csv: ")
        assert (tmp_path / "daily.csv").read_text().count("fort smith") > 0
        screen.type("\\q\r")
        assert screen.child.wait(20) == 0
    history = tmp_path / "state" / "auroraql" / "history"
    assert "'fort smith'" in history.read_text()
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


def test_lines_keys_and_history(tmp_path: Path) -> None:
    with terminal(tmp_path, __file__, str(tmp_path / "history")) as screen:
        screen.until("F2 fuzzy: on")
        screen.type(f"{F2}{F4}")
        screen.until("F2 fuzzy: off  F3 several lines: off  F4 keys: vi")
        screen.type(f"{F2}{F4}")
        screen.until("F2 fuzzy: on  F3 several lines: off  F4 keys: emacs")
        screen.type("FIND data_products WHERE\r")
        screen.until("...>")
        screen.type("program = 'trex';\r")
        screen.until("2021-01-01 00:00:00  trex")
        screen.until("1 row · 12 ms · demo (demonstration data)")
        screen.type("\x12WHERE")
        screen.until("program = 'trex';\n")
        screen.type("\r\r")
        screen.until(lambda: screen.shown.count("1 row · 12 ms") == 2)
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


def test_an_entry_outlives_kill_9(tmp_path: Path) -> None:
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


def test_pictures_and_the_rows_behind_them(tmp_path: Path) -> None:
    with terminal(tmp_path, "-m", "auroraql", AURORAQL_ARCHIVE="demo") as screen:
        screen.until("F2 fuzzy: on")
        screen.type("SHOW AVAILABILITY OF ephemeris WHERE program = 'swarm' DURING 2020-01;\r")
        screen.until("Swarm C  " + "█" * 31)
        screen.until("█ 1,081–1,440 records a day\n2020-01-01 to 2020-01-31, UTC; the 93 rows: \\last\n")
        screen.type(f"{DAILY};\r")
        screen.until("2021-01-01 00:00:00  rabbit lake")
        screen.type("\\timeline\r")
        screen.until("5 data products, 2021-01-01, UTC\n")
        screen.until("blank none, █ 1 in each ")
        screen.type("\\export daily.html\r")
        screen.until("daily.html: 5 rows")
        assert (tmp_path / "daily.html").read_text("utf-8").count("rabbit lake") == 1
        screen.type("\\q\r")
        assert screen.child.wait(20) == 0


def test_without_colours_nothing_is_coloured(tmp_path: Path) -> None:
    with terminal(tmp_path, __file__, str(tmp_path / "history"), NO_COLOR="1") as screen:
        screen.until("F2 fuzzy: on")
        screen.type("FIND data_products WHERE program = 'trx' ON 2021-01-01 -- x")
        screen.until("did you mean 'trex'?")
        colors = {screen.screen.buffer[row][column].fg for row in range(HEIGHT) for column in range(WIDTH)}
        assert colors == {"default"}
        assert screen.underlined() == "'trx'"


if __name__ == "__main__":
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C, typed at the other end, interrupts this process
    talk(FakeArchive(), history=Path(sys.argv[1]))
