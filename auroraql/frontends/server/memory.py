"""Memory of the server: searches share it, one that runs out of it is retried alone, and unused memory is returned.

Allocators keep what a burst of searches used.
"""

from __future__ import annotations

import ctypes
import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from auroraql.engines.duckdb.embedded_engine import OutOfMemory
from auroraql.frontends.server.http_types import HttpError

Result = TypeVar("Result")


class Admission:
    """Counts running searches. Thread-safe. No search starts while another runs alone or waits to run alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._working = self._alone = 0

    def run(self, work: Callable[[], Result], deadline: float) -> Result:
        """Run work alongside other work. If it runs out of memory, run it again alone.

        Raises HttpError if the work is not admitted by the deadline (monotonic seconds), and any error of the work.
        """
        try:
            with self._take_turn(deadline, alone=False):
                return work()
        except OutOfMemory:
            with self._take_turn(deadline, alone=True):
                return work()

    @contextmanager
    def _take_turn(self, deadline: float, *, alone: bool) -> Iterator[None]:
        with self._changed:
            self._alone += alone
            if not self._changed.wait_for(
                lambda: not (self._working if alone else self._alone), deadline - time.monotonic()
            ):
                self._alone -= alone
                raise HttpError(503, "there is not enough memory for the search now: try again in a moment")
            self._working += 1
        try:
            yield
        finally:
            with self._changed:
                self._working -= 1
                self._alone -= alone
                self._changed.notify_all()


DUCKDB_SETTINGS = {"allocator_background_threads": "true", "allocator_flush_threshold": "16MB"}
"""Make DuckDB's allocator return unused memory without waiting for the next query."""


def release_memory() -> None:
    """Return unused memory to the system if the C library supports it (glibc)."""
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
