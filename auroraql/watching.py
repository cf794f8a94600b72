"""Searches that nobody waits for are looked after here: a few at a time, on threads that end when there is no more to do.

Invariant: however many there are, at most MOST are asked at once, and no more than OFTEN in a second altogether.
"""

from __future__ import annotations

import heapq
import sys
import threading
import time
from collections.abc import Callable, Hashable
from itertools import count
from typing import Generic, Protocol, TypeVar

MOST = 4
"""So many are asked, or run, at once."""

OFTEN = 10
"""Questions a second, of all of them together."""


class Watched(Hashable, Protocol):
    """A search as it is looked after."""

    def look(self) -> float | None:
        """Asks how it stands, or runs it; the seconds until it is to be asked again, None when it has ended."""


Looked = TypeVar("Looked", bound=Watched)


class Watching(Generic[Looked]):
    """Asks the searches it was given until they end; `ended` is told of each, on one of its threads."""

    def __init__(self, ended: Callable[[Looked], object]) -> None:
        self._ended = ended
        self._news = threading.Condition()
        self._due: list[tuple[float, int, Looked]] = []
        self._all: set[Looked] = set()
        """Those that have not ended."""
        self._asked: set[Looked] = set()
        """Those that are asked at this moment."""
        self._awaited: set[Looked] = set()
        """Those that `hurry` waits for."""
        self._again: set[Looked] = set()
        """Those of them that were being asked when it came, and so are asked once more."""
        self._numbers = count()
        self._workers, self._closed = 0, False

    def look_after(self, search: Looked) -> None:
        """Takes a search, unless it has it already."""
        with self._news:
            is_new = search not in self._all
            self._all.add(search)
        if is_new:
            self._ask(search, 0.0)

    def _ask(self, search: Looked, after: float) -> None:
        """Has a search asked in so many seconds, if there is a worker left for it."""
        with self._news:
            if self._closed:
                return
            heapq.heappush(self._due, (time.monotonic() + after, next(self._numbers), search))
            if self._workers < min(MOST, len(self._due) + len(self._asked)):
                self._workers += 1
                threading.Thread(target=self._work, name="auroraql-watching", daemon=True).start()
            self._news.notify()

    def hurry(self, seconds: float) -> None:
        """Has every search asked now, and waits until that is done, but no longer than so many seconds."""
        with self._news:
            self._awaited, self._again = {search for _, _, search in self._due} | self._asked, set(self._asked)
            self._due = [(0.0, number, search) for _, number, search in self._due]
            heapq.heapify(self._due)
            self._news.notify_all()
            self._news.wait_for(lambda: not self._awaited, seconds)

    def close(self) -> None:
        """Looks after nothing any more, and tells of nothing."""
        with self._news:
            self._closed = True
            self._news.notify_all()

    def _work(self) -> None:
        while (search := self._next()) is not None:
            try:
                self._attend_to(search)
            except Exception:  # of whoever is told: said as threads say it, and the others are looked after
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))

    def _attend_to(self, search: Looked) -> None:
        again = search.look()
        with self._news:
            self._asked.discard(search)
            if again is None:
                self._all.discard(search)
            elif search in self._again:
                again = 0.0
            else:
                again = max(again, (len(self._due) + 1) / OFTEN)
            if again != 0.0:
                self._awaited.discard(search)
                self._news.notify_all()
            self._again.discard(search)
        if again is not None:
            self._ask(search, again)
        elif not self._closed:
            self._ended(search)

    def _next(self) -> Looked | None:
        """The next search whose time has come; None, and one worker less, when there is none to wait for."""
        with self._news:
            while self._due and not self._closed:
                left = self._due[0][0] - time.monotonic()
                if left <= 0:
                    search = heapq.heappop(self._due)[2]
                    self._asked.add(search)
                    return search
                self._news.wait(left)
            self._workers -= 1
            return None
