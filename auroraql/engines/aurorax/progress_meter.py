"""Progress of a run: updated by worker threads, read by the waiting thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from auroraql.engines.base import Progress


class ProgressMeter:
    """Thread-safe progress counter of one run."""

    def __init__(self) -> None:
        self._lock, self._began, self._line = threading.Lock(), time.monotonic(), ""
        self._received: dict[object, tuple[int, int]] = {}

    def log_line(self, line: str) -> None:
        """Set the engine's last log line."""
        self._line = line

    def count_received(self, answer: object) -> Callable[[int, int], None]:
        """Return a callback that takes the bytes and records received of one response; a retry starts from zero."""

        def seen(size: int, records: int) -> None:
            with self._lock:
                self._received[answer] = size, records

        return seen

    def progress(self) -> Progress:
        """Return the current progress."""
        with self._lock:
            sums = [sum(counts) for counts in zip(*self._received.values(), strict=True)] or [0, 0]
        return Progress(time.monotonic() - self._began, self._line, *sums)
