"""What the endpoints work with: the archive, its searches and sources, and who may change it."""

from __future__ import annotations

import hmac
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from auroraql.engines.duckdb.engine import EmbeddedEngine
from auroraql.frontends.server.http_types import HttpError, HttpRequest, whole_number
from auroraql.frontends.server.search_queue import SearchQueue
from auroraql.frontends.server.source_directory import SourceDirectory
from auroraql.schema.catalogue import DataSource

MAX_LONG_CALLS = 12
"""How many synchronous searches and other long work may run; the threads that are left answer everything else."""

_TURN_SECONDS = 5.0
"""How long such work waits for its turn, with the thread that answers it."""


@dataclass(slots=True)
class ServedArchive:
    """One served archive. `keys` are the API keys that may change it; none: nobody may.

    `temporary` says that changes go to a copy, which is deleted when the server ends.
    """

    engine: EmbeddedEngine
    searches: SearchQueue
    sources: SourceDirectory
    keys: tuple[str, ...] = ()
    temporary: bool = False
    at_once: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MAX_LONG_CALLS))
    deletions: deque[tuple[float, int, str, str]] = field(default_factory=lambda: deque(maxlen=1000))
    """Recent deletions of ephemeris: when (monotonic seconds), source, id and what was done."""

    @contextmanager
    def long_call(self) -> Iterator[None]:
        """Within, a thread does long work; threads are kept free for everything else. Raises Problem when many do."""
        if not self.at_once.acquire(timeout=_TURN_SECONDS):
            raise HttpError(503, "too many long requests at once: try again in a moment")
        try:
            yield
        finally:
            self.at_once.release()

    def admit(self, call: HttpRequest) -> None:
        """Raises Problem unless the call may change things."""
        if not self.keys:
            # Not 403, which the published client takes for success when it uploads or deletes.
            raise HttpError(401, "this server is read-only: it was started without --api-key-file, and knows no key")
        self.recognize(call)

    def recognize(self, call: HttpRequest) -> None:
        """Raises Problem unless the call comes with a key that this server knows."""
        if not call.key:
            raise HttpError(401, "this needs an API key, in the header x-aurorax-api-key")
        given = call.key.encode("utf-8", "surrogateescape")
        # Each key is compared, in constant time: how long it takes tells nothing.
        if not sum(hmac.compare_digest(given, key.encode()) for key in self.keys):
            raise HttpError(401, "the API key is not one that this server knows")

    def source(self, identifier: str) -> DataSource:
        """Return the source that a path names. Raises Problem for text that is not a number and for an unknown source."""
        number = whole_number(identifier, "identifier")
        source = self.sources.find(number)
        if source is None:
            raise HttpError(404, f"No Data Source record found in AuroraX for identifier {number}")
        return source


class Resource:
    """What is at one path of the server. HEAD is answered as GET, without the body."""

    def __init__(self, service: ServedArchive) -> None:
        self.service = service

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "on_get" in vars(cls):
            cls.on_head = vars(cls)["on_get"]  # type: ignore[attr-defined]
