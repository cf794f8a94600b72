"""A status line on a terminal that shows the progress of a search, and disappears when other output follows.

It never exceeds the current width of the terminal. The waiting thread draws it, so it never mixes with other output.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TextIO

from auroraql.diagnostics.errors import display_width, make_visible
from auroraql.engines.base import OnProgress, Progress
from auroraql.rendering import cut_text

_DELAY_SECONDS = 0.3
"""Seconds before the progress of a search is shown."""

_MIN_LOG_WIDTH = 8
"""Smallest width at which a log line is shown, in columns."""

_RESERVED_COLUMNS = 5
"""Columns kept free at the end of the line, for the echo of two Ctrl-C and the cursor."""

_BETWEEN = " · "


def status_line(stream: TextIO | None, keys: TextIO | None = None) -> OnProgress | None:
    """Return a progress callback that draws a status line, or None when the stream is not a terminal.

    Input on `keys` is not echoed while the line is shown.
    """
    if stream is None or not stream.isatty() or os.environ.get("TERM") == "dumb":
        return None
    return _StatusLine(stream, keys if keys is not None and keys.isatty() else None)


class _StatusLine:
    """A progress callback that redraws one line of a terminal."""

    def __init__(self, stream: TextIO, keys: TextIO | None) -> None:
        self._stream, self._keys = stream, keys
        self._shown = ""
        self._echoing: list[Any] | None = None
        """Terminal attributes before echo was switched off."""

    def __call__(self, progress: Progress | None) -> None:
        width = _width(self._stream)
        if progress is None:
            self._write("", width)
            self._set_echo()
        elif progress.elapsed >= _DELAY_SECONDS:
            self._clear()
            self._write(describe_progress(progress, width - _RESERVED_COLUMNS), width)

    def _write(self, text: str, width: int) -> None:
        if text == self._shown:
            return
        # Ctrl-C may interrupt the write: the line counts as shown from here on, so that it is cleared in any case.
        shown, self._shown = self._shown, text
        # A terminal that rewraps lines when it becomes narrower has split the status line into several lines.
        above = (display_width(shown) - 1) // width if shown and rewraps_lines(os.environ) else 0
        up = f"\x1b[{above}A" if above else ""
        self._stream.write(f"\r{up}\x1b[{'J' if above else 'K'}{text}")
        self._stream.flush()

    def _clear(self) -> None:
        if self._keys is None or self._echoing is not None:
            return
        with suppress(ImportError, OSError):  # Windows has no termios
            import termios

            handle = self._keys.fileno()
            self._echoing = termios.tcgetattr(handle)
            quiet = termios.tcgetattr(handle)
            quiet[3] &= ~termios.ECHO
            termios.tcsetattr(handle, termios.TCSANOW, quiet)

    def _set_echo(self) -> None:
        if self._keys is None or self._echoing is None:
            return
        import termios

        with suppress(OSError):
            termios.tcsetattr(self._keys.fileno(), termios.TCSANOW, self._echoing)
        self._echoing = None


def describe_progress(progress: Progress, width: int = 10_000) -> str:
    """Return the status line: elapsed time, last log line, bytes and records received. Truncate the log line to fit."""
    parts = [format_duration(progress.elapsed)]
    if progress.bytes:
        parts.append(f"{progress.bytes / 1e6:,.1f} MB")
    if progress.records:
        parts.append(f"{progress.records:,} records")
    log_width = width - display_width(_BETWEEN.join(parts)) - len(_BETWEEN)
    line = make_visible(progress.line)
    if line and log_width >= min(display_width(line), _MIN_LOG_WIDTH):
        parts.insert(1, cut_text(line, log_width))
    return cut_text(_BETWEEN.join(parts), max(width, 1))


def format_duration(seconds: float) -> str:
    """Return a duration in seconds as text, such as `2 min 5 s`."""
    total = int(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60} s"
    return f"{total // 3600} h {total // 60 % 60} min"


def rewraps_lines(environ: Mapping[str, str]) -> bool:
    """Return whether the terminal is known to rewrap lines when it becomes narrower."""
    names = ("TMUX", "VTE_VERSION", "KITTY_WINDOW_ID", "WEZTERM_PANE", "WT_SESSION", "KONSOLE_VERSION", "ALACRITTY_LOG")
    return any(environ.get(name) for name in names) or environ.get("TERM_PROGRAM") in ("iTerm.app", "ghostty", "vscode")


def _width(stream: TextIO) -> int:
    with suppress(OSError, ValueError):
        return os.get_terminal_size(stream.fileno()).columns or 80
    return shutil.get_terminal_size().columns
