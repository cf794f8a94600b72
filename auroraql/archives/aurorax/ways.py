"""Which way a request is asked: in one exchange (`search_synchronous`), or submitted, polled and fetched.

The first is quicker and leaves nothing behind. A service that has no such way, or breaks at it, is asked the other
way from then on; so are windows as long as one for which it took more than PATIENCE.
"""

from __future__ import annotations

from datetime import timedelta

from auroraql.plan import Request

PATIENCE = 4.0
"""Seconds until a synchronous answer must have begun. It bounds what a search is delayed, and computed twice."""

_LONGEST = {"data_products": timedelta(days=3650), "ephemeris": timedelta(days=2)}
"""The longest window that may be asked for at once: AuroraX says 10 years and 2 days; conjunctions have no such way."""


class Ways:
    """What one service has shown; kept as long as its engine."""

    def __init__(self) -> None:
        self._closed: set[str] = set()
        self._too_long: dict[str, timedelta] = {}

    def at_once(self, request: Request) -> bool:
        """Whether to ask for it in one exchange."""
        longest, window = _LONGEST.get(request.kind), _window(request)
        if longest is None or window is None or window > longest or request.kind in self._closed:
            return False
        return window < self._too_long.get(request.kind, timedelta.max)

    def close(self, request: Request) -> None:
        """The service has no such way for the kind of this request."""
        self._closed.add(request.kind)

    def took_too_long(self, request: Request) -> None:
        """It did not answer in time for the window of this request."""
        window = _window(request)
        if window is not None:
            self._too_long[request.kind] = min(window, self._too_long.get(request.kind, timedelta.max))


def _window(request: Request) -> timedelta | None:
    return None if request.start is None or request.end is None else request.end - request.start
