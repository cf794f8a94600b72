"""Turns at the archive's memory: searches share it, and one that a share does not suffice for has it for itself alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from auroraql.engines.duckdb.engine import OutOfMemory
from auroraql.frontends.server.http_types import HttpError

Result = TypeVar("Result")


class Admission:
    """Who works now; thread-safe. Nobody begins beside one that works alone, or waits to."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._working = self._alone = 0

    def run(self, work: Callable[[], Result], deadline: float) -> Result:
        """Does work beside other, and when there was too little memory for that, once more alone.

        Raises what the work does, and Problem when it was not its turn by the deadline.
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
                raise HttpError(503, "there was no memory for the search: try again in a moment")
            self._working += 1
        try:
            yield
        finally:
            with self._changed:
                self._working -= 1
                self._alone -= alone
                self._changed.notify_all()
