"""The archive behind an address: holds the connection, starts runs, and ends those still open when it is closed."""

from __future__ import annotations

import time
from collections.abc import Callable

from auroraql.archives.aurorax.address import Key, read_address
from auroraql.archives.aurorax.answers import SOURCES, Context
from auroraql.archives.aurorax.records import read_sources
from auroraql.archives.aurorax.run import AuroraXRun
from auroraql.archives.aurorax.wire import Call, Wire
from auroraql.archives.base import Capabilities
from auroraql.errors import ArchiveError, StatementError, TimedOut, Unreachable, UsageError
from auroraql.plan import Plan
from auroraql.schema.catalogue import Catalogue, DataSource, shipped

_SOURCES_SECONDS = 60.0


class AuroraXEngine:
    """AuroraX's search engine, or any service with its API, as an `Engine`.

    `url` is the base below which `/api/v1` lies; `name` what messages call it (the URL, if not given);
    `catalogue` replaces the facts that come with the package; `pause` waits a number of seconds.
    Nothing is sent before the first plan. Raises UsageError for a URL or key that cannot be used.
    """

    capabilities = Capabilities(whole_query=False)

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        name: str | None = None,
        catalogue: Catalogue | None = None,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._url = read_address(url)
        self._context = Context(name or self._url, Key(api_key))
        self._catalogue, self._pause = catalogue, pause
        self._wire = Wire(self._url, self._context, pause)
        self._runs: list[AuroraXRun] = []
        self._sources: tuple[DataSource, ...] | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"AuroraXEngine({self._url!r})"

    @property
    def name(self) -> str:
        """What messages call it."""
        return self._context.archive

    def catalogue(self) -> Catalogue:
        """The sources and metadata keys that come with the package, or those given; asks nobody."""
        return self._catalogue or shipped()

    def sources(self) -> tuple[DataSource, ...]:
        """`GET /api/v1/data_sources`, once: what no list can say is asked of exactly these. Raises ArchiveError."""
        if self._sources is None:
            call = Call(SOURCES, "GET", "/api/v1/data_sources?format=basic_info")
            answer = self._wire.ask(call, time.monotonic() + _SOURCES_SECONDS)
            self._sources = read_sources(answer, self._context)
        return self._sources

    def submit(self, plan: Plan) -> AuroraXRun:
        """Starts a plan: `POST /api/v1/…/search`, once a request. Raises ArchiveError.

        Raises StatementError for what the protocol cannot say.
        """
        if self._closed:
            raise UsageError(f"the archive '{self.name}' is closed", "connect to it again")
        if plan.unsayable:
            raise StatementError(plan.unsayable)
        run = AuroraXRun(plan, self._wire, self._context, self._pause)
        run.submit()
        self._runs = [each for each in self._runs if each.open] + [run]
        return run

    def close(self) -> None:
        """Cancels the runs under way and closes the connections; a second time it does nothing."""
        if self._closed:
            return
        self._closed = True
        for run in self._runs:
            try:
                run.cancel()
            except (Unreachable, TimedOut):
                break  # a service that does not answer must not keep anybody from leaving
            except ArchiveError:
                continue
        self._wire.close()
