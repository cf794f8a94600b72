"""Engines: the protocol of an engine and its runs, and the lazy engine, which opens at the first search.

An engine takes a `Plan` and returns an `EngineRun`, whose `fetch` returns `FetchedData` records. Errors are subclasses of
`ArchiveError` and name engine and request id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import inf
from threading import Lock
from typing import Any, Protocol, cast

from auroraql.ir.plan import Plan, Request
from auroraql.results.result_set import FetchedData, Row
from auroraql.schema.catalogue import Catalogue, DataSource, SourceDetails, Statistics


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Capabilities of an engine.

    `whole_query`: it executes order, limit and columns of a query, so that no post-processing remains. `demonstration`:
    its records are synthetic, which every front end reports. `runs_when_awaited`: it runs a search only during `wait`.
    `words_queries`: it provides its own sentence for a query. `is_local`: it is on this machine, so that its records may
    name addresses of this machine.
    """

    whole_query: bool
    demonstration: bool = False
    runs_when_awaited: bool = False
    words_queries: bool = False
    is_local: bool = False


EMBEDDED = Capabilities(whole_query=True, runs_when_awaited=True, is_local=True)
"""Capabilities of an in-process archive; the demonstration replaces `demonstration`."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """Log line of a search, as in AuroraX's status: level debug, info, warn or error."""

    level: str
    summary: str
    timestamp: str

    def __str__(self) -> str:
        return f"{self.timestamp} {self.level}: {self.summary}"


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The status of a search; `result_count` is None until it is known."""

    done: bool
    result_count: int | None
    logs: tuple[LogLine, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a search: its elapsed seconds, its last log line, and the bytes and records received."""

    elapsed: float
    line: str
    bytes: int
    records: int


OnProgress = Callable[[Progress | None], object]
"""Callback for progress, possibly invoked on another thread; None means the end."""


class EngineRun(Protocol):
    """Plan in execution on an engine."""

    @property
    def request_ids(self) -> tuple[str, ...]:
        """Request ids of the engine, in plan order."""

    @property
    def request_urls(self) -> tuple[str, ...]:
        """Status URLs of the requests; empty for an engine without addresses."""

    @property
    def last_status(self) -> RunStatus:
        """Status at the last poll, without a request."""

    def progress(self) -> Progress:
        """Return the progress without a request."""

    def status(self) -> RunStatus:
        """Return the current status. Raises ArchiveError."""

    def wait(self, deadline: float) -> RunStatus:
        """Wait until the run is done; `deadline` is a `time.monotonic` time.

        Raises TimedOut at the deadline, after which the search is cancelled, Failed for a failed search, and other
        ArchiveErrors of the requests.
        """

    def fetch(self, deadline: float) -> FetchedData:
        """Return the records of all requests without duplicates. Call `wait` first."""

    def cancel(self, *, patient: bool = False) -> None:
        """Ask the engine to stop; do nothing if the run is done.

        A submission that the engine has not yet confirmed is awaited briefly, or until it ends if `patient`.
        """

    def detach(self) -> bool:
        """Let the search continue after the engine is closed. Return whether it can."""


class SubmissionInterrupted(KeyboardInterrupt):
    """Ctrl-C during a submission, which may still succeed: the handler has to cancel `run`."""

    def __init__(self, run: EngineRun) -> None:
        self.run = run
        super().__init__()


class Engine(Protocol):
    """Archive of records: the embedded catalogue, or AuroraX's search engine over HTTP."""

    @property
    def name(self) -> str:
        """Name in messages: demo, a file's path or a URL."""

    @property
    def capabilities(self) -> Capabilities:
        """Capabilities of the engine."""

    def catalogue(self) -> Catalogue:
        """Return the known data sources and metadata keys, without network access."""

    def sources(self, deadline: float = inf) -> tuple[DataSource, ...]:
        """Return all current data sources except ad-hoc ones; may send one request. Raises ArchiveError."""

    def refresh_sources(self, deadline: float = inf) -> tuple[DataSource, ...]:
        """Return the sources after a new request. Raises ArchiveError."""

    def details(self, deadline: float = inf) -> Mapping[int, SourceDetails]:
        """Return source details by identifier; may send one request. Raises ArchiveError.

        Sources without details may be missing.
        """

    def statistics(self, kind: str, deadline: float = inf) -> Mapping[int, Statistics]:
        """Return record counts and time ranges by source identifier, for data products or ephemeris.

        They are at most ten minutes old; a request may be sent. Sources without counts are missing. Raises
        ArchiveError.
        """

    def availability(self, kind: str, first: date, last: date, only: Mapping[str, str], deadline: float) -> list[Row]:
        """Return the number of records per source and day from `first` to `last`, for data products or ephemeris.

        A row holds the fields of the source, the day, the product type (data products only) and the count. `only`
        restricts sources by program, platform and instrument_type; the result may contain others. Raises ArchiveError.
        """

    def submit(self, plan: Plan, *, awaited: bool = False) -> EngineRun:
        """Start a plan. Raises ArchiveError, and SubmissionInterrupted on Ctrl-C.

        With `awaited`, the caller calls `wait` next: the engine may start then, and use endpoints without request ids.
        """

    def attach(self, request_id: str, deadline: float = inf) -> tuple[Plan, EngineRun]:
        """Return the run of a search that already exists on the engine, and a plan for its complete records.

        Raises Refused for an unknown id, and other ArchiveErrors of the request.
        """

    def estimates(self, requests: Sequence[Request]) -> Sequence[int | None]:
        """Return, for each conjunction request, the number of source combinations; None without an estimate."""

    def describe(self, request: Request) -> str | None:
        """Return the engine's own sentence for the request; None without one."""

    def close(self) -> None:
        """Close connections, and cancel running searches except those that were left."""


def make_lazy(name: str, capabilities: Capabilities, catalogue: Catalogue, open_it: Callable[[], Engine]) -> Engine:
    """Return an engine that calls `open_it` on first use, and raises its errors then."""
    return cast("Engine", _LazyEngine(name, capabilities, catalogue, open_it))


class _LazyEngine:
    """Proxy of an engine that opens it on the first access to another attribute."""

    def __init__(
        self, name: str, capabilities: Capabilities, catalogue: Catalogue, open_it: Callable[[], Engine]
    ) -> None:
        self.name, self.capabilities = name, capabilities
        self._catalogue, self._open_it, self._lock = catalogue, open_it, Lock()
        self._engine: Engine | None = None

    def catalogue(self) -> Catalogue:
        return self._catalogue if self._engine is None else self._engine.catalogue()

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._open(), name)

    def _open(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = self._open_it()
        return self._engine
