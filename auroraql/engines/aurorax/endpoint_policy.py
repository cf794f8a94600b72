"""Endpoint policy: whether a request goes to `search_synchronous`, or is submitted, polled and fetched.

The synchronous endpoint is faster and leaves no search on the service. After it is missing or fails, the policy avoids
it for a time that depends on the status; after a request took longer than PATIENCE, it avoids it for windows of that
length or longer. The policy is stored in the disk cache for later sessions.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

from auroraql.engines.disk_cache import CacheFile
from auroraql.ir.plan import Request
from auroraql.schema import PROTOCOLS

SYNCHRONOUS_TIMEOUT_SECONDS = 4.0
"""Seconds until a synchronous answer must begin. Limits the delay before a search is submitted and computed again."""

_MISSING, _BARRED = (404, 405, 501), (401, 403)
_REQUEST_STATUSES = (400, 413, 422, 429)
"""Statuses caused by the request or the moment, not by the endpoint."""
_FOR_LONG, _FOR_AN_HOUR, _FOR_A_MINUTE = 24 * 3600.0, 3600.0, 60.0


class EndpointPolicy:
    """Availability of the synchronous endpoint of one service. `now` returns seconds since 1970."""

    def __init__(self, file: CacheFile, now: Callable[[], float] = time.time) -> None:
        self._file, self._now, self._lock = file, now, threading.Lock()
        self._closed: dict[str, float] | None = None
        self._too_long: dict[str, tuple[float, float]] = {}

    def use_synchronous(self, request: Request) -> bool:
        """Return whether to send the request to `search_synchronous`."""
        longest, window = PROTOCOLS[request.kind].longest_synchronous, _window_length(request)
        if longest is None or window is None or window > longest:
            return False
        with self._lock:
            now, closed = self._now(), self._read()
            seconds, until = self._too_long.get(request.kind, (0.0, 0.0))
        if now < closed.get(request.kind, 0.0):
            return False
        return now >= until or window.total_seconds() < seconds

    def disable(self, request: Request, status: int = 0) -> None:
        """Record that the endpoint failed with this HTTP status, or without a usable answer (0)."""
        if status in _REQUEST_STATUSES:
            return
        with self._lock:
            seconds = _FOR_LONG if status in _MISSING else _FOR_AN_HOUR if status in _BARRED else _FOR_A_MINUTE
            self._read()[request.kind] = self._now() + seconds
            self._write()

    def note_timeout(self, request: Request) -> None:
        """Record that the endpoint did not answer in time for this request's window."""
        window = _window_length(request)
        if window is None:
            return
        with self._lock:
            self._read()
            seconds, until = self._too_long.get(request.kind, (0.0, 0.0))
            shortest = seconds if self._now() < until else float("inf")
            self._too_long[request.kind] = min(window.total_seconds(), shortest), self._now() + _FOR_AN_HOUR
            self._write()

    def _read(self) -> dict[str, float]:
        """Return the time until which each kind is avoided; read it from the cache file on the first call.

        Times in the file that exceed the longest allowed period are ignored.
        """
        if self._closed is None:
            now, document = self._now(), self._file.read() or {}
            self._closed = {
                kind: until
                for kind, (until,) in _finite_numbers(document.get("closed"), 1)
                if kind in PROTOCOLS and until <= now + _FOR_LONG
            }
            self._too_long = {
                kind: (seconds, until)
                for kind, (seconds, until) in _finite_numbers(document.get("too_long"), 2)
                if kind in PROTOCOLS and until <= now + _FOR_AN_HOUR
            }
        return self._closed

    def _write(self) -> None:
        closed = {kind: [until] for kind, until in (self._closed or {}).items()}
        self._file.write({"closed": closed, "too_long": self._too_long})


def _window_length(request: Request) -> timedelta | None:
    return None if request.start is None or request.end is None else request.end - request.start


def _finite_numbers(document: object, count: int) -> list[tuple[str, list[float]]]:
    """Return the lists of `count` numbers by name, without malformed entries."""
    members = document.items() if isinstance(document, dict) else ()
    return [
        (name, values)
        for name, values in members
        if isinstance(values, list) and len(values) == count and all(type(value) in (int, float) for value in values)
    ]
