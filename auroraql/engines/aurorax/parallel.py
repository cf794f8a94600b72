"""Concurrent execution on daemon threads, which do not delay the exit of the interpreter.

Invariant: results are in input order, and the first error ends the call.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_THREADS = 4
"""Concurrent requests per plan."""

_TICK = 0.05


def run_in_parallel(
    work: Callable[[Item], Result], things: Sequence[Item], most: int = MAX_THREADS, *, in_background: bool = False
) -> list[Result]:
    """Return `work(thing)` for each thing. A single thing runs on the calling thread, unless `in_background`.

    Raises the first error; running calls then end by themselves, and no further calls start. Ctrl-C does the same.
    """
    if len(things) <= 1 and not in_background:
        return [work(thing) for thing in things]
    waiting: queue.SimpleQueue[tuple[int, Item]] = queue.SimpleQueue()
    for pair in enumerate(things):
        waiting.put(pair)
    done: queue.SimpleQueue[tuple[int, Result | BaseException, bool]] = queue.SimpleQueue()
    stopped = threading.Event()

    def labour() -> None:
        while not stopped.is_set():
            try:
                number, thing = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((number, work(thing), True))
            except BaseException as error:  # passed to the caller, KeyboardInterrupt included
                done.put((number, error, False))

    for _ in range(min(most, len(things))):
        threading.Thread(target=labour, name="auroraql-request", daemon=True).start()
    try:
        return _gather_results(done, len(things))
    finally:
        stopped.set()


def _gather_results(done: queue.SimpleQueue[tuple[int, Result | BaseException, bool]], count: int) -> list[Result]:
    results: dict[int, Result] = {}
    while len(results) < count:
        try:
            # Wait in ticks: Windows does not deliver Ctrl-C during one long wait.
            number, outcome, good = done.get(timeout=_TICK)
        except queue.Empty:
            continue
        if not good:
            assert isinstance(outcome, BaseException)  # noqa: S101 - narrows the type
            raise outcome
        results[number] = outcome  # type: ignore[assignment]
    return [results[number] for number in range(count)]


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
