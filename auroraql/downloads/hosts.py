"""Limits of each host: the number of simultaneous requests, and pauses that a server asks for."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from auroraql.downloads.limits import CONNECTIONS_PER_HOST

MAX_FAILURES_IN_A_ROW = 20
"""Failed connections to a host, by all files together, after which it is not tried any more."""


class Stopped(Exception):
    """The download is being ended; nothing more is requested."""


class Hosts:
    """Slots and pauses by host name. Threads share it."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        """Set to end the download; waiting threads then raise Stopped."""
        self._lock = threading.Lock()
        self._slots: dict[str, threading.BoundedSemaphore] = defaultdict(
            lambda: threading.BoundedSemaphore(CONNECTIONS_PER_HOST)
        )
        self._resume_at: dict[str, float] = {}
        self._failures: dict[str, int] = defaultdict(int)

    @contextmanager
    def slot(self, host: str) -> Iterator[None]:
        """Hold one of the host's connections, after its pause. Raises Stopped."""
        with self._lock:
            slots = self._slots[host]
        with slots:
            while (pause := self._resume_at.get(host, 0.0) - time.monotonic()) > 0:
                self.wait(pause)
            self.raise_if_stopped()
            yield

    def pause(self, host: str, seconds: float) -> None:
        """Send nothing to a host for some seconds."""
        with self._lock:
            self._resume_at[host] = max(self._resume_at.get(host, 0.0), time.monotonic() + seconds)

    def count_failure(self, host: str) -> None:
        """Count a connection that failed, since the last one that did not."""
        with self._lock:
            self._failures[host] += 1

    def forget_failures(self, host: str) -> None:
        """Note that a host has answered."""
        self._failures[host] = 0

    def is_down(self, host: str) -> bool:
        """Return whether the last connections all failed, and more tries are pointless."""
        return self._failures[host] >= MAX_FAILURES_IN_A_ROW

    def wait(self, seconds: float) -> None:
        """Wait some seconds. Raises Stopped."""
        if self.stop.wait(seconds):
            raise Stopped

    def raise_if_stopped(self) -> None:
        """Raise Stopped when the download is being ended."""
        if self.stop.is_set():
            raise Stopped
