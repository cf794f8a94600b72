"""One line on a terminal that says how far a search has come, and goes away when there is something else to say."""

from __future__ import annotations

import os
import shutil
import threading
from typing import TextIO

from auroraql.archives.base import Progress, Watch
from auroraql.errors import visible

_AT_ONCE = 0.3
"""Seconds that a search may take before anything is shown of it."""

_CLEAR = "\r\x1b[K"


def status_line(stream: TextIO | None) -> Watch | None:
    """What shows progress on a stream; None when it is no terminal."""
    if stream is None or not stream.isatty() or os.environ.get("TERM") == "dumb":
        return None
    return _StatusLine(stream)


class _StatusLine:
    def __init__(self, stream: TextIO) -> None:
        self._stream, self._lock, self._shown = stream, threading.Lock(), False

    def __call__(self, progress: Progress | None) -> None:
        with self._lock:
            if progress is not None and progress.elapsed >= _AT_ONCE:
                width = shutil.get_terminal_size().columns - 1
                self._write(_CLEAR + describe(progress)[:width])
                self._shown = True
            elif progress is None and self._shown:
                self._write(_CLEAR)
                self._shown = False

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def describe(progress: Progress) -> str:
    """A line: seconds, the engine's last word, and what has been received."""
    parts = [f"{progress.elapsed:.0f} s", visible(progress.line)]
    if progress.bytes:
        parts.append(f"{progress.bytes / 1e6:,.1f} MB")
    if progress.records:
        parts.append(f"{progress.records:,} records")
    return " · ".join(part for part in parts if part)
