"""How far a run has come, told to whoever watches: not too often, and from whatever thread it is on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from auroraql.archives.base import Progress, Watch

_SELDOM = 0.1


class Teller:
    """Tells of one run. `received` makes what is told the bytes and records of one of its answers."""

    def __init__(self, watch: Watch | None) -> None:
        self._watch, self._lock = watch, threading.Lock()
        self._began = self._told = time.monotonic()
        self._line, self._stopped = "", False
        self._received: dict[object, tuple[int, int]] = {}

    def said(self, line: str) -> None:
        """The engine's log goes on with this line."""
        with self._lock:
            self._line = line
        self._tell()

    def received(self, answer: object) -> Callable[[int, int], None]:
        """What to call with the bytes and the records that an answer has so far; a second try begins anew."""

        def seen(size: int, records: int) -> None:
            with self._lock:
                self._received[answer] = size, records
            self._tell()

        return seen

    def now(self) -> Progress:
        """How far it has come."""
        with self._lock:
            return self._sum(time.monotonic())

    def over(self) -> None:
        """Nothing more is told until something happens."""
        if self._watch is not None and not self._stopped:
            self._watch(None)

    def stop(self) -> None:
        """Nothing more is told, whatever still comes from threads that were left behind."""
        self.over()
        self._stopped = True

    def _tell(self) -> None:
        if self._watch is None or self._stopped:
            return
        with self._lock:
            now = time.monotonic()
            if now - self._told < _SELDOM:
                return
            self._told = now
            self._watch(self._sum(now))

    def _sum(self, now: float) -> Progress:
        sums = [sum(each) for each in zip(*self._received.values(), strict=True)] or [0, 0]
        return Progress(now - self._began, self._line, *sums)
