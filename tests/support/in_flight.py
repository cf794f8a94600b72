"""Helpers for tests of running searches: wait for a condition, send Ctrl-C at a moment, and block searches."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from auroraql.engines.duckdb.embedded_engine import EmbeddedRun
from auroraql.results.result_set import Row

ALL = "FIND data_products DURING 2020-02"


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.01)


@contextmanager
def interrupt_when(after: Callable[[], object]) -> Iterator[None]:
    """Send Ctrl-C when a condition holds."""

    def interrupt() -> None:
        wait_until(after)
        os.kill(os.getpid(), signal.SIGINT)  # which ends a wait, as `interrupt_main` does not

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        yield
    finally:
        thread.join()


class Held:
    """Searches of an embedded archive that block until `go` is set."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = 0


@contextmanager
def block_searches() -> Iterator[Held]:
    """Block every search of an embedded archive. Cancellations and deadlines still end them."""
    blocked, execute = Held(), EmbeddedRun._execute

    def waiting(run: EmbeddedRun, deadline: float) -> list[Row]:
        blocked.begun += 1
        while not blocked.go.wait(0.01):
            run._raise_if_over(deadline)
        return execute(run, deadline)

    with patch.object(EmbeddedRun, "_execute", waiting):
        yield blocked
