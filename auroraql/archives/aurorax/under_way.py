"""What is under way on other threads, and can be waited for: submissions whose request ids may still come, cancellations."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class UnderWay:
    """Counts what is begun and not over yet."""

    def __init__(self) -> None:
        self._count, self._news = 0, threading.Condition()

    def __bool__(self) -> bool:
        return self._count > 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """One more, as long as the block runs."""
        with self._news:
            self._count += 1
        try:
            yield
        finally:
            with self._news:
                self._count -= 1
                self._news.notify_all()

    def over_within(self, seconds: float) -> bool:
        """Whether all of it is over in so many seconds."""
        with self._news:
            return self._news.wait_for(lambda: not self._count, max(seconds, 0))
