"""State shared by the endpoints: the archive, its searches and sources, and the API keys."""

from __future__ import annotations

import hmac
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.frontends.server.http_types import HttpError, HttpRequest, whole_number
from auroraql.frontends.server.search_queue import SearchQueue
from auroraql.frontends.server.source_directory import SourceDirectory
from auroraql.schema.catalogue import DataSource

MAX_LONG_CALLS = 12
"""Maximum number of concurrent long requests. The remaining threads answer everything else."""

_LONG_CALL_WAIT_SECONDS = 5.0
"""Seconds that a long request waits for a free slot."""


@dataclass(slots=True)
class ServedArchive:
    """Served archive. `keys` are the API keys that may change it; without keys it is read-only.

    `temporary` means that changes go to a copy that is deleted when the server stops.
    """

    engine: EmbeddedEngine
    searches: SearchQueue
    sources: SourceDirectory
    keys: tuple[str, ...] = ()
    temporary: bool = False
    allow_sql: bool = False
    """Whether statements over HTTP may use SQL."""
    at_once: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MAX_LONG_CALLS))
    deletions: deque[tuple[float, int, str, str]] = field(default_factory=lambda: deque(maxlen=1000))
    """Recent deletions of ephemeris: time (monotonic seconds), source, id and summary."""

    @contextmanager
    def long_call(self) -> Iterator[None]:
        """Reserve one of the slots for long requests. Raises HttpError if none becomes free in time."""
        if not self.at_once.acquire(timeout=_LONG_CALL_WAIT_SECONDS):
            raise HttpError(503, "too many long requests at once: try again in a moment")
        try:
            yield
        finally:
            self.at_once.release()

    def admit(self, call: HttpRequest) -> None:
        """Check that the request may change the archive. Raises HttpError."""
        if not self.keys:
            # Not 403: pyaurorax takes that for success when it uploads or deletes.
            raise HttpError(401, "this server is read-only: it was started without --api-key-file")
        self.recognize(call)

    def recognize(self, call: HttpRequest) -> None:
        """Check that the request has a valid API key. Raises HttpError."""
        if not call.key:
            raise HttpError(401, "this endpoint needs an API key in the header x-aurorax-api-key")
        given_key = call.key.encode("utf-8", "surrogateescape")
        # Every key is compared in constant time, so timing reveals nothing about the keys.
        if not sum(hmac.compare_digest(given_key, key.encode()) for key in self.keys):
            raise HttpError(401, "the API key is not valid for this server")

    def source(self, identifier: str) -> DataSource:
        """Return the source with the identifier of a path. Raises HttpError for a non-number or an unknown source."""
        number = whole_number(identifier, "identifier")
        source = self.sources.find(number)
        if source is None:
            raise HttpError(404, f"No Data Source record found in AuroraX for identifier {number}")
        return source


class Resource:
    """Falcon resource of one path. HEAD runs the GET handler; the body is not sent."""

    def __init__(self, service: ServedArchive) -> None:
        self.service = service

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "on_get" in vars(cls):
            cls.on_head = vars(cls)["on_get"]  # type: ignore[attr-defined]
