"""The line that says how far a search has come: on a terminal, while it lasts, and nowhere else."""

from __future__ import annotations

from io import StringIO

import pytest

from auroraql.archives.base import Progress
from auroraql.frontends.progress import describe, status_line


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_is_one_line_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_progress_names_what_there_is() -> None:
    assert describe(Progress(3.0, "", 0, 0)) == "3 s"
