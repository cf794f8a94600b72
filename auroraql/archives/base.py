"""The one contract of every archive: what it is, what it knows, and how a plan is run on it.

An engine is given a `Plan` and answers with a `Run`; `fetch` of that gives `Fetched` records. Errors
are the `ArchiveError` tree, naming engine and request id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import inf
from typing import Protocol

from auroraql.plan import Plan, Request
from auroraql.results import Fetched, Row
from auroraql.schema.catalogue import Catalogue, DataSource, SourceDetails, Statistics


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine does by itself.

    `whole_query`: it runs the Query of a plan whole (order, limit, columns), so no residual is left.
    `demonstration`: its records are made up; every front end says so.
    `runs_when_awaited`: it runs a search only while somebody waits for it.
    `words_queries`: its own sentence for a query can be asked for.
    """

    whole_query: bool
    demonstration: bool = False
    runs_when_awaited: bool = False
    words_queries: bool = False


EMBEDDED = Capabilities(whole_query=True, runs_when_awaited=True)
"""What an archive does that is asked in this process; its records may be made up besides."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a search's log, as AuroraX's status shows it: level debug, info, warn or error."""

    level: str
    summary: str
    timestamp: str

    def __str__(self) -> str:
        return f"{self.timestamp} {self.level}: {self.summary}"


@dataclass(frozen=True, slots=True)
class Status:
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


Watch = Callable[[Progress | None], object]
"""Is told how far a search has come, now and then and perhaps on another thread; None at its end."""


class Run(Protocol):
    """A plan under way on an engine."""

    @property
    def request_ids(self) -> tuple[str, ...]:
        """The engine's ids of the requests, in plan order."""

    @property
    def request_urls(self) -> tuple[str, ...]:
        """Where the engine tells of each of these requests; nothing for an engine that has no addresses."""

    @property
    def known(self) -> Status:
        """Where it stood when it was last asked."""

    def progress(self) -> Progress:
        """How far it has come, without asking."""

    def status(self) -> Status:
        """Where it stands now. Raises ArchiveError."""

    def wait(self, deadline: float) -> Status:
        """Waits until it is done. `deadline` is in seconds of `time.monotonic`.

        Raises TimedOut when the deadline passes (the search is then cancelled), Failed when the search
        failed, other ArchiveErrors as they come.
        """

    def fetch(self, deadline: float) -> Fetched:
        """The records of every request, duplicates removed by record identity. Only after `wait`."""

    def cancel(self, *, patient: bool = False) -> None:
        """Asks the engine to stop; does nothing when it is done.

        What the engine has not said yet that it took is waited for a moment; by who is `patient`, to the end.
        """

    def leave(self) -> bool:
        """Lets it go on when the engine is closed; whether it can."""


class SubmissionInterrupted(KeyboardInterrupt):
    """Ctrl-C came while an engine took a plan. It may take it yet: whoever catches this has to cancel `run`."""

    def __init__(self, run: Run) -> None:
        self.run = run
        super().__init__()


class Engine(Protocol):
    """A place that holds records: the embedded catalogue, or AuroraX's search engine over HTTP."""

    @property
    def name(self) -> str:
        """What people call it: demo, a file's path, a URL."""

    @property
    def capabilities(self) -> Capabilities:
        """What it does by itself."""

    def catalogue(self) -> Catalogue:
        """The data sources and metadata keys it knows; must not be slow (no network)."""

    def sources(self, deadline: float = inf) -> tuple[DataSource, ...]:
        """Every data source it has now, without ad-hoc ones; may ask it, once. Raises ArchiveError."""

    def refresh_sources(self, deadline: float = inf) -> tuple[DataSource, ...]:
        """The same, asked anew. Raises ArchiveError."""

    def details(self, deadline: float = inf) -> Mapping[int, SourceDetails]:
        """What it says of each source besides its names, by identifier; may ask it, once. Raises ArchiveError.

        A source that it says nothing more about may be missing.
        """

    def statistics(self, kind: str, deadline: float = inf) -> Mapping[int, Statistics]:
        """How many records of a kind (data products or ephemeris) each source has, and from when to when.

        By identifier; a source that the archive does not count is missing. May ask it; at most ten minutes old.
        Raises ArchiveError.
        """

    def availability(self, kind: str, first: date, last: date, only: Mapping[str, str], deadline: float) -> list[Row]:
        """How many records of a kind (data products or ephemeris) each source has on each day from `first` to `last`.

        A row is the fields of the source, the day, of data products their type, and the count. `only` may restrict the
        sources by program, platform and instrument_type; more may come nevertheless. Raises ArchiveError.
        """

    def submit(self, plan: Plan, *, awaited: bool = False) -> Run:
        """Starts a plan. Raises ArchiveError, and SubmissionInterrupted on Ctrl-C.

        When it is `awaited`, whoever submits it waits for it next: the engine may begin then, and take ways that
        leave no request id.
        """

    def attach(self, request_id: str, deadline: float = inf) -> tuple[Plan, Run]:
        """A search that the engine has already, whoever submitted it: its run, and a plan of whole records for it.

        Raises Refused for an id that it does not know, other ArchiveErrors as they come.
        """

    def estimates(self, requests: Sequence[Request]) -> Sequence[int | None]:
        """How many combinations of sources each request for conjunctions spans; None where the engine does not say."""

    def describe(self, request: Request) -> str | None:
        """The sentence as the engine itself words it; None when it does not say."""

    def close(self) -> None:
        """Lets go of connections; runs under way are cancelled, but those that were left."""


DEFAULT_TIMEOUT = timedelta(minutes=10)
