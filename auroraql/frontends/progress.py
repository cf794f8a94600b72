"""One line on a terminal that says how far a search has come, and goes away when there is something else to say.

It is never wider than the terminal is at that moment, and drawn by whoever waits, so that nothing is written into it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TextIO

from auroraql.archives.base import Progress, Watch
from auroraql.errors import columns, visible
from auroraql.output import cut

_AT_ONCE = 0.3
"""Seconds that a search may take before anything is shown of it."""

_LEAST = 8
"""Columns below which nothing of a log line is worth showing."""

_SPARE = 5
"""Columns at the end of the line: two Ctrl-C may be echoed there, and the cursor stands behind them."""

_BETWEEN = " · "


def status_line(stream: TextIO | None, keys: TextIO | None = None) -> Watch | None:
    """What shows progress on a stream; None when it is no terminal. What is typed on `keys` meanwhile is not echoed."""
    if stream is None or not stream.isatty() or os.environ.get("TERM") == "dumb":
        return None
    return _StatusLine(stream, keys if keys is not None and keys.isatty() else None)


class _StatusLine:
    def __init__(self, stream: TextIO, keys: TextIO | None) -> None:
        self._stream, self._keys = stream, keys
        self._shown = ""
        self._echoing: list[Any] | None = None
        """How the terminal was set before it was told not to echo."""

    def __call__(self, progress: Progress | None) -> None:
        width = _width(self._stream)
        if progress is None:
            self._put("", width)
            self._echo()
        elif progress.elapsed >= _AT_ONCE:
            self._hush()
            self._put(describe(progress, width - _SPARE), width)

    def _put(self, text: str, width: int) -> None:
        if text == self._shown:
            return
        # Terminals that set their lines anew when they become narrower have made several lines of it.
        above = (columns(self._shown) - 1) // width if self._shown and sets_lines_anew(os.environ) else 0
        up = f"\x1b[{above}A" if above else ""
        self._stream.write(f"\r{up}\x1b[{'J' if above else 'K'}{text}")
        self._stream.flush()
        self._shown = text

    def _hush(self) -> None:
        if self._keys is None or self._echoing is not None:
            return
        with suppress(ImportError, OSError):  # Windows has no such thing
            import termios

            handle = self._keys.fileno()
            self._echoing = termios.tcgetattr(handle)
            quiet = termios.tcgetattr(handle)
            quiet[3] &= ~termios.ECHO
            termios.tcsetattr(handle, termios.TCSANOW, quiet)

    def _echo(self) -> None:
        if self._keys is None or self._echoing is None:
            return
        import termios

        with suppress(OSError):
            termios.tcsetattr(self._keys.fileno(), termios.TCSANOW, self._echoing)
        self._echoing = None


def describe(progress: Progress, width: int = 10_000) -> str:
    """A line: seconds, the engine's last word, and what has been received; that word is cut where it is too long."""
    parts = [lasting(progress.elapsed)]
    if progress.bytes:
        parts.append(f"{progress.bytes / 1e6:,.1f} MB")
    if progress.records:
        parts.append(f"{progress.records:,} records")
    room = width - columns(_BETWEEN.join(parts)) - len(_BETWEEN)
    line = visible(progress.line)
    if line and room >= min(columns(line), _LEAST):
        parts.insert(1, cut(line, room))
    return cut(_BETWEEN.join(parts), max(width, 1))


def lasting(seconds: float) -> str:
    """A length of time as people say it."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole // 60 % 60} min"


def sets_lines_anew(environ: Mapping[str, str]) -> bool:
    """Whether the terminal is one of those that break lines anew when they become narrower."""
    names = ("TMUX", "VTE_VERSION", "KITTY_WINDOW_ID", "WEZTERM_PANE", "WT_SESSION", "KONSOLE_VERSION", "ALACRITTY_LOG")
    return any(environ.get(name) for name in names) or environ.get("TERM_PROGRAM") in ("iTerm.app", "ghostty", "vscode")


def _width(stream: TextIO) -> int:
    with suppress(OSError, ValueError):
        return os.get_terminal_size(stream.fileno()).columns or 80
    return shutil.get_terminal_size().columns
