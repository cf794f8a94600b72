"""Concurrent execution on daemon threads, which do not delay the exit of the interpreter as a thread pool's would.

Invariant: results are in input order, and the first error ends the call.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_THREADS = 4
"""Concurrent requests per plan."""

_TICK = 0.05
"""Seconds of one wait: Windows does not deliver Ctrl-C during one long wait."""


def run_in_parallel(
    work: Callable[[Item], Result], things: Sequence[Item], most: int = MAX_THREADS, *, in_background: bool = False
) -> list[Result]:
    """Return `work(thing)` for each thing. A single thing runs on the calling thread, unless `in_background`.

    Raises the first error; running calls then end by themselves, and no further calls start. Ctrl-C does the same.
    """
    if len(things) <= 1 and not in_background:
        return [work(thing) for thing in things]
    futures: list[Future[Result]] = [Future() for _ in things]
    waiting = deque(zip(futures, things, strict=True))
    for _ in range(min(most, len(things))):
        threading.Thread(target=_run_waiting, args=(work, waiting), name="auroraql-request", daemon=True).start()
    try:
        running = set(futures)
        while running:
            done, running = wait(running, _TICK, FIRST_EXCEPTION)
            for future in done:
                future.result()  # raises its error
    finally:
        for future in futures:
            future.cancel()
    return [future.result() for future in futures]


def _run_waiting(work: Callable[[Item], Result], waiting: deque[tuple[Future[Result], Item]]) -> None:
    """Run the waiting calls until there are none."""
    while waiting:
        try:
            future, thing = waiting.popleft()
        except IndexError:  # another thread took the last one
            return
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(work(thing))
            except BaseException as error:  # passed to the caller, KeyboardInterrupt included
                future.set_exception(error)


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
