"""Which way a request is asked: in one exchange (`search_synchronous`), or submitted, polled and fetched.

The first is quicker and leaves nothing behind. A service that has no such way, or breaks at it, is asked the other
way from then on, for as long as that is likely to last; so are windows as long as one for which it took more than
PATIENCE. What is known is kept on disk beside the list of sources, for the sessions to come.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

from auroraql.archives.kept_file import KeptFile
from auroraql.plan import Request
from auroraql.schema import PROTOCOLS

PATIENCE = 4.0
"""Seconds until a synchronous answer must have begun. It bounds what a search is delayed, and computed twice."""

_MISSING, _BARRED = (404, 405, 501), (401, 403)
_OF_THE_REQUEST = (400, 413, 422, 429)
"""What is said of the request, or of the moment, and not of the way."""
_FOR_LONG, _FOR_AN_HOUR, _FOR_A_MINUTE = 24 * 3600.0, 3600.0, 60.0


class Ways:
    """What one service has shown. `now` tells seconds since 1970."""

    def __init__(self, kept: KeptFile, now: Callable[[], float] = time.time) -> None:
        self._kept, self._now, self._lock = kept, now, threading.Lock()
        self._closed: dict[str, float] | None = None
        self._too_long: dict[str, tuple[float, float]] = {}

    def at_once(self, request: Request) -> bool:
        """Whether to ask for it in one exchange."""
        longest, window = PROTOCOLS[request.kind].longest_synchronous, _window(request)
        if longest is None or window is None or window > longest:
            return False
        with self._lock:
            now, closed = self._now(), self._read()
            seconds, until = self._too_long.get(request.kind, (0.0, 0.0))
        if now < closed.get(request.kind, 0.0):
            return False
        return now >= until or window.total_seconds() < seconds

    def close(self, request: Request, status: int = 0) -> None:
        """The service did not take the way for a request: it answered with this status, or with nothing of use."""
        if status in _OF_THE_REQUEST:
            return
        with self._lock:
            lasts = _FOR_LONG if status in _MISSING else _FOR_AN_HOUR if status in _BARRED else _FOR_A_MINUTE
            self._read()[request.kind] = self._now() + lasts
            self._write()

    def took_too_long(self, request: Request) -> None:
        """It did not answer in time for the window of this request."""
        window = _window(request)
        if window is None:
            return
        with self._lock:
            self._read()
            seconds, until = self._too_long.get(request.kind, (0.0, 0.0))
            known = seconds if self._now() < until else float("inf")
            self._too_long[request.kind] = min(window.total_seconds(), known), self._now() + _FOR_AN_HOUR
            self._write()

    def _read(self) -> dict[str, float]:
        """Until when each kind is closed; from the file the first time, of which nothing lasts longer than it may."""
        if self._closed is None:
            now, document = self._now(), self._kept.read() or {}
            self._closed = {
                kind: until
                for kind, (until,) in _numbers(document.get("closed"), 1)
                if kind in PROTOCOLS and until <= now + _FOR_LONG
            }
            self._too_long = {
                kind: (seconds, until)
                for kind, (seconds, until) in _numbers(document.get("too_long"), 2)
                if kind in PROTOCOLS and until <= now + _FOR_AN_HOUR
            }
        return self._closed

    def _write(self) -> None:
        closed = {kind: [until] for kind, until in (self._closed or {}).items()}
        self._kept.write({"closed": closed, "too_long": self._too_long})


def _window(request: Request) -> timedelta | None:
    return None if request.start is None or request.end is None else request.end - request.start


def _numbers(found: object, count: int) -> list[tuple[str, list[float]]]:
    """The lists of so many numbers, by name; what is something else is left out."""
    members = found.items() if isinstance(found, dict) else ()
    return [
        (name, values)
        for name, values in members
        if isinstance(values, list) and len(values) == count and all(type(value) in (int, float) for value in values)
    ]
