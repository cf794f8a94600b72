"""Counter of pending operations on other threads, such as submissions and cancellations."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class PendingCalls:
    """Counts operations that have begun and not ended."""

    def __init__(self) -> None:
        self._count, self._changed = 0, threading.Condition()

    def __bool__(self) -> bool:
        return self._count > 0

    @contextmanager
    def track(self) -> Iterator[None]:
        """Count one operation while the block runs."""
        with self._changed:
            self._count += 1
        try:
            yield
        finally:
            with self._changed:
                self._count -= 1
                self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds` for all operations to end. Return whether they did."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._count, max(seconds, 0))
