"""How far a run has come: noted from whatever thread it is on, and read by whoever waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from auroraql.archives.base import Progress


class Meter:
    """Of one run. `received` makes what notes the bytes and records of one of its answers."""

    def __init__(self) -> None:
        self._lock, self._began, self._line = threading.Lock(), time.monotonic(), ""
        self._received: dict[object, tuple[int, int]] = {}

    def said(self, line: str) -> None:
        """The engine's log goes on with this line."""
        self._line = line

    def received(self, answer: object) -> Callable[[int, int], None]:
        """What to call with the bytes and the records that an answer has so far; a second try begins anew."""

        def seen(size: int, records: int) -> None:
            with self._lock:
                self._received[answer] = size, records

        return seen

    def now(self) -> Progress:
        """How far it has come."""
        with self._lock:
            sums = [sum(each) for each in zip(*self._received.values(), strict=True)] or [0, 0]
        return Progress(time.monotonic() - self._began, self._line, *sums)
