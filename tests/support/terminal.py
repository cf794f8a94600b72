"""A program in its own pseudo-terminal, as a person sees it: tests type keys into it and read its screen.

The screen is that of a terminal emulator (pyte), so overwritten and erased text is gone here too. No test sleeps: it
waits for a condition of the screen, with a deadline long enough for a busy machine.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
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

from tests.conftest import ROOT

WIDTH, HEIGHT = 100, 30
UP, F2, F4, F6 = "\x1b[A", "\x1bOQ", "\x1bOS", "\x1b[17~"
CTRL_C, CTRL_D, CTRL_R = "\x03", "\x04", "\x12"
READY = "F2 fuzzy: on"
"""Text of the toolbar when everything is loaded."""

_RUN = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C, typed at the other end, interrupts it
from auroraql.frontends.cli import main
sys.exit(main())
"""

PROGRAM = ("-c", _RUN)
"""The command line, to be followed by its arguments."""


class Screen(pyte.Screen):
    """A screen that reports the position of the cursor on request, as terminals do."""

    def __init__(self, handle: int, height: int) -> None:
        super().__init__(WIDTH, height)
        self._handle = handle

    def write_process_input(self, data: str) -> None:
        os.write(self._handle, data.encode())


class Terminal:
    """A program in its own terminal, and the screen of that terminal."""

    def __init__(self, handle: int, child: subprocess.Popen[bytes], height: int) -> None:
        self.handle, self.child = handle, child
        self.screen = Screen(handle, height)
        self._stream = pyte.ByteStream(self.screen)

    @property
    def shown_lines(self) -> str:
        """Return the lines of the screen."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def type(self, text: str) -> None:
        os.write(self.handle, text.encode())

    def underlined_text(self) -> str:
        """Return the underlined text of the whole screen."""
        rows = (self.screen.buffer[row] for row in range(self.screen.lines))
        return "".join(row[column].data for row in rows for column in range(WIDTH) if row[column].underscore)

    def until(self, condition: str | Callable[[], bool], seconds: float = 60) -> None:
        """Read until the screen shows a text, or a condition holds."""
        deadline = time.monotonic() + seconds
        while not (condition in self.shown_lines if isinstance(condition, str) else condition()):
            ready, _, _ = select.select([self.handle], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"{condition!r} is not shown, but:\n{self.shown_lines}"
            try:
                self._stream.feed(os.read(self.handle, 65536))
            except OSError:  # the program has ended
                pytest.fail(f"{condition!r} was not shown, but:\n{self.shown_lines}")

    def until_gone(self, text: str) -> None:
        """Wait until a text is no longer shown."""
        self.until(lambda: text not in self.shown_lines)

    def until_prompts(self, number: int) -> None:
        """Wait until the screen shows a number of prompts."""
        self.until(lambda: self.shown_lines.count("auroraql> ") + self.shown_lines.endswith("auroraql>") >= number)


@contextmanager
def terminal(folder: Path, *command: str, **environ: str) -> Iterator[Terminal]:
    """Start a program in a terminal, with its own variables. LINES is also the height of the terminal."""
    height = int(environ.get("LINES", HEIGHT))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, WIDTH, 0, 0))
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
        yield Terminal(ours, child, height)
    finally:
        child.kill()
        child.wait()
        os.close(ours)
