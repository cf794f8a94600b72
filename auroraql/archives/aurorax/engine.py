"""The archive behind an address: holds the connection, starts runs, and ends those still open when it is closed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

from auroraql.archives.aurorax.address import Key, read_address
from auroraql.archives.aurorax.answers import (
    DESCRIBE,
    ESTIMATE,
    SOURCES,
    STATUS,
    Answer,
    Context,
    Step,
    expect,
    is_request_id,
    read_json,
    read_request_kind,
    read_status,
)
from auroraql.archives.aurorax.availability import availability_call, read_availability
from auroraql.archives.aurorax.broken import Broken
from auroraql.archives.aurorax.run import AuroraXRun, Service
from auroraql.archives.aurorax.side_by_side import side_by_side
from auroraql.archives.aurorax.sources import FULL_RECORD, STATISTICS, read_sources, read_statistics
from auroraql.archives.aurorax.ways import Ways
from auroraql.archives.aurorax.wire import Call, Wire
from auroraql.archives.base import Capabilities
from auroraql.archives.endpoints import is_aurorax, may_carry_key
from auroraql.archives.kept_file import KeptFile
from auroraql.archives.kept_sources import DAY, STATISTICS_SECONDS, KeptSources
from auroraql.errors import ArchiveError, Refused, StatementError, TimedOut, Unreachable, UsageError
from auroraql.forms import query_json
from auroraql.plan import Plan, Request
from auroraql.query import Query
from auroraql.results import Row
from auroraql.schema import PROTOCOLS
from auroraql.schema.catalogue import (
    Catalogue,
    DataSource,
    SourceDetails,
    Statistics,
    catalogue_of,
    shipped,
)
from auroraql.schema.wire import API

_SOURCES_SECONDS = 60.0
_CLOSING_SECONDS = 2.0
"""How long closing waits for cancellations that are under way already."""
_HELP_SECONDS = 5.0
"""How long is waited for what is good to know, and not needed."""


class AuroraXEngine:
    """AuroraX's search engine, or any service with its API, as an `Engine`.

    `url` is the base below which `/api/v1` lies; `name` what messages call it (the URL, if not given);
    `catalogue` replaces the facts that come with the package; `pause` waits a number of seconds; `cache` is where lists
    of sources are kept (the user's cache directory, if not given).
    Nothing is sent before the first plan. Raises UsageError for a URL or key that cannot be used.
    """

    capabilities = Capabilities(whole_query=False, words_queries=True)

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        name: str | None = None,
        catalogue: Catalogue | None = None,
        pause: Callable[[float], object] = time.sleep,
        cache: Path | None = None,
    ) -> None:
        self._url = read_address(url)
        key = Key(api_key)
        if key and not may_carry_key(self._url):
            raise UsageError(
                f"the API key is not sent to {self._url} over plain http", "use https, or leave the key out"
            )
        self._context = Context(name or self._url, key, is_aurorax=is_aurorax(self._url))
        self._catalogue = catalogue
        self._wire = Wire(self._url, self._context, pause)
        self._service = Service(self._wire, self._context, pause, Ways(KeptFile("ways", self._url, cache, here=False)))
        self._runs: list[AuroraXRun] = []
        self._sources: tuple[DataSource, ...] | None = None
        self._details: Mapping[int, SourceDetails] = {}
        self._told = time.monotonic()
        self._statistics: Mapping[str, Mapping[int, Statistics]] | None = None
        self._statistics_asked = time.monotonic()
        self._kept, self._replaceable = KeptSources(self._url, cache), catalogue is None
        self._closed = False

    def __repr__(self) -> str:
        return f"AuroraXEngine({self._url!r})"

    @property
    def name(self) -> str:
        """What messages call it."""
        return self._context.archive

    def catalogue(self) -> Catalogue:
        """The sources and metadata schemas of the disk cache; those that come with the package where it has none.

        Asks nobody.
        """
        if self._catalogue is None:
            kept = self._kept.read()
            if kept is None:
                self._catalogue = shipped()
            else:
                self._catalogue = replace(catalogue_of(kept.sources, kept.details), statistics=kept.statistics)
        return self._catalogue

    def sources(self, deadline: float = inf) -> tuple[DataSource, ...]:
        """Those of this session or of the disk cache, if not older than a day, else `GET /api/v1/data_sources`.

        Raises ArchiveError. What no list of names can say is asked of exactly these.
        """
        if self._sources is None or time.monotonic() - self._told > DAY:
            kept = self._kept.read()
            if kept is None or not kept.fresh:
                return self.refresh_sources(deadline)
            self._sources, self._details, self._told = kept.sources, kept.details, time.monotonic()
        return self._sources

    def details(self, deadline: float = inf) -> Mapping[int, SourceDetails]:
        """What the service says of each source besides its names, as current as `sources`. Raises ArchiveError."""
        self.sources(deadline)
        return self._details

    def statistics(self, kind: str, deadline: float = inf) -> Mapping[int, Statistics]:
        """What the service counts of each source, not older than ten minutes. Raises ArchiveError.

        `GET /api/v1/data_sources?include_stats=true`; kept on disk, for `catalogue`.
        """
        if self._statistics is None or time.monotonic() - self._statistics_asked > STATISTICS_SECONDS:
            kept = self._kept.read()
            if self._statistics is None and kept is not None and kept.statistics_fresh:
                self._statistics = kept.statistics
            else:
                call = Call(SOURCES, "GET", STATISTICS)
                answer = self._wire.ask(call, min(deadline, time.monotonic() + _SOURCES_SECONDS))
                self._statistics = read_statistics(answer, self._context)
                self._kept.write_statistics(self._statistics)
            self._statistics_asked = time.monotonic()
            if self._replaceable:
                self._catalogue = replace(self.catalogue(), statistics=self._statistics)
        return self._statistics.get(kind, {})

    def refresh_sources(self, deadline: float = inf) -> tuple[DataSource, ...]:
        """`GET /api/v1/data_sources`, whatever is kept; keeps what it answers. Raises ArchiveError."""
        call = Call(SOURCES, "GET", FULL_RECORD)
        answer = self._wire.ask(call, min(deadline, time.monotonic() + _SOURCES_SECONDS))
        (self._sources, self._details), self._told = read_sources(answer, self._context), time.monotonic()
        self._kept.write(self._sources, self._details)
        if self._replaceable:
            known = catalogue_of(self._sources, self._details)
            self._catalogue = replace(known, statistics=self.catalogue().statistics)
        return self._sources

    def availability(self, kind: str, first: date, last: date, only: Mapping[str, str], deadline: float) -> list[Row]:
        """`GET /api/v1/availability/…`. Raises ArchiveError."""
        answer = self._wire.ask(availability_call(kind, first, last, only), deadline)
        return read_availability(answer, kind, self._context)

    def submit(self, plan: Plan, *, awaited: bool = False) -> AuroraXRun:
        """Starts a plan: `POST /api/v1/…/search`, once a request; one that is awaited begins when it is waited for.

        Raises ArchiveError, and StatementError for what the protocol cannot say.
        """
        if self._closed:
            raise UsageError(f"the archive '{self.name}' is closed", "connect to it again")
        if plan.unsayable:
            raise StatementError(plan.unsayable)
        run = self._run(plan, awaited=awaited)
        run.submit()
        return run

    def attach(self, request_id: str, deadline: float = inf) -> tuple[Plan, AuroraXRun]:
        """A search that the service has already, whoever submitted it: its run, and a plan of whole records for it.

        Asks for its status, which tells of what kind it is. Raises Refused for an id that the service does not know,
        Failed for a search that failed, other ArchiveErrors as they come.
        """
        if not is_request_id(request_id):
            raise self._context.error(
                Refused, "that is no request id", "copy it from the log or the status of a search"
            )
        deadline, about = min(deadline, time.monotonic() + _SOURCES_SECONDS), self._context.about(request_id)
        for name, protocol in PROTOCOLS.items():
            call = Call(STATUS, "GET", protocol.request(request_id))
            answer = self._wire.answer(call, deadline)
            if isinstance(answer, Answer) and answer.status == 404:
                continue
            if isinstance(answer, Broken):
                raise about.error(answer.error, answer.words, answer.hint)
            expect(answer, STATUS, about)
            found = read_request_kind(answer, about) or name
            plan = Plan(Query(found), (Request(found),))
            run = self._run(plan)
            run.attach(request_id, read_status(answer, about))
            return plan, run
        raise about.error(Refused, "404 not found", STATUS.missing)

    def estimates(self, requests: Sequence[Request]) -> list[int | None]:
        """`POST /api/v1/utils/describe/cartesian_products`, once a request; None where the service does not say."""
        deadline = time.monotonic() + _HELP_SECONDS
        return side_by_side(partial(self._estimate, deadline=deadline), requests)

    def _estimate(self, request: Request, deadline: float) -> int | None:
        if request.criteria is None:
            return None
        count = self._helped(ESTIMATE, f"{API}/utils/describe/cartesian_products", request, deadline)
        return count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None

    def describe(self, request: Request) -> str | None:
        """`POST /api/v1/utils/describe/query/…`; None when the service does not say."""
        path = PROTOCOLS[request.kind].describe
        said = self._helped(DESCRIBE, path, request, time.monotonic() + _HELP_SECONDS)
        text = said[0] if isinstance(said, list) and len(said) == 1 else said  # the document declares a list
        words = text if isinstance(text, str) and text.isprintable() and not self._context.key.is_in(text) else ""
        return words or None

    def _helped(self, step: Step, path: str, request: Request, deadline: float) -> Any:
        """What the service says of a query, when it does."""
        call = Call(step, "POST", path, query_json.write(request), tries=1)
        try:
            return read_json(self._wire.ask(call, deadline), step.name, self._context)
        except ArchiveError:  # it is a help, and nothing needs it
            return None

    def _run(self, plan: Plan, *, awaited: bool = False) -> AuroraXRun:
        run = AuroraXRun(plan, self._service, awaited=awaited)
        self._runs = [*(each for each in self._runs if each.open or each.ending), run]
        return run

    def close(self) -> None:
        """Cancels the runs under way and closes the connections; a second time it does nothing."""
        if self._closed:
            return
        self._closed = True
        deadline = time.monotonic() + _CLOSING_SECONDS
        for run in [each for each in self._runs if each.open]:
            try:
                run.cancel()
            except (Unreachable, TimedOut):
                break  # a service that does not answer must not keep anybody from leaving
            except ArchiveError:
                continue
        for run in self._runs:
            run.ending.over_within(deadline - time.monotonic())
        self._wire.close()
