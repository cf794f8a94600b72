"""The same work for several things at once, on threads that nobody has to wait for.

Invariant: results come in the order of the things, and the first error ends it all.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")

MOST = 4
"""So many requests of one plan are under way at once."""

_TICK = 0.05


def side_by_side(
    work: Callable[[Thing], Result], things: Sequence[Thing], most: int = MOST, *, behind: bool = False
) -> list[Result]:
    """What the work gives for each thing; one thing alone is worked on by the caller's own thread, unless `behind`.

    Raises the error of the work that comes first; what is under way elsewhere then ends by itself, and nothing more
    is begun. On Ctrl-C it is the same.
    """
    if len(things) <= 1 and not behind:
        return [work(thing) for thing in things]
    waiting: queue.SimpleQueue[tuple[int, Thing]] = queue.SimpleQueue()
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
            except BaseException as error:  # handed over whole, an interrupt of the work too
                done.put((number, error, False))

    for _ in range(min(most, len(things))):
        threading.Thread(target=labour, name="auroraql-request", daemon=True).start()
    try:
        return _gathered(done, len(things))
    finally:
        stopped.set()


def _gathered(done: queue.SimpleQueue[tuple[int, Result | BaseException, bool]], count: int) -> list[Result]:
    results: dict[int, Result] = {}
    while len(results) < count:
        try:
            # In ticks, as Windows hears no Ctrl-C during one long wait.
            number, outcome, good = done.get(timeout=_TICK)
        except queue.Empty:
            continue
        if not good:
            assert isinstance(outcome, BaseException)  # noqa: S101 - for the type
            raise outcome
        results[number] = outcome  # type: ignore[assignment]
    return [results[number] for number in range(count)]
