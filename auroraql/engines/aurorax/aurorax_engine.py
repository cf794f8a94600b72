"""Engine for an AuroraX service: owns the connection, starts runs, and cancels open runs on close."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

from auroraql.codecs import query_json
from auroraql.diagnostics.errors import ArchiveError, Refused, StatementError, TimedOut, Unreachable, UsageError
from auroraql.engines.aurorax.credentials import ApiKey, read_address
from auroraql.engines.aurorax.endpoint_policy import EndpointPolicy
from auroraql.engines.aurorax.http_client import HttpClient, ServiceCall
from auroraql.engines.aurorax.parallel import run_in_parallel
from auroraql.engines.aurorax.responses import (
    CANCEL,
    DESCRIBE,
    ESTIMATE,
    SOURCES,
    STATUS,
    ProtocolStep,
    ServiceContext,
    ServiceResponse,
    check_status,
    is_request_id,
    read_json,
    read_request_kind,
    read_status,
)
from auroraql.engines.aurorax.run import AuroraXRun, ServiceConnection
from auroraql.engines.aurorax.sources_api import (
    FULL_RECORD,
    STATISTICS,
    availability_call,
    read_availability,
    read_sources,
    read_statistics,
)
from auroraql.engines.aurorax.transport_errors import TransportFailure
from auroraql.engines.base import Capabilities
from auroraql.engines.disk_cache import CacheFile
from auroraql.engines.registry import AURORAX, AURORAX_URL, is_aurorax, is_loopback, may_carry_key
from auroraql.engines.source_cache import DAY_SECONDS, STATISTICS_SECONDS, SourceCache
from auroraql.ir.plan import Plan, Request
from auroraql.ir.query import Query
from auroraql.results.result_set import Row
from auroraql.schema import PROTOCOLS
from auroraql.schema.catalogue import (
    Catalogue,
    DataSource,
    SourceDetails,
    Statistics,
    catalogue_of,
    load_shipped,
)
from auroraql.schema.wire import API

_SOURCES_SECONDS = 60.0
_CLOSING_SECONDS = 2.0
"""Seconds that `close` waits for cancellations in progress."""
_HELP_SECONDS = 5.0
"""Time limit in seconds for optional requests: estimates and descriptions."""


class AuroraXEngine:
    """AuroraX's search engine, or any service with the same API, as an `Engine`.

    `url` is the base URL; `/api/v1` is appended. `name` appears in messages and defaults to the URL. `catalogue`
    replaces the packaged catalogue. `pause` sleeps for a number of seconds. `cache` is the directory for cached source
    lists and defaults to the user's cache directory.

    The constructor sends nothing. It raises UsageError when the URL or the key is unusable.
    """

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
        self.capabilities = Capabilities(whole_query=False, words_queries=True, is_local=is_loopback(self._url))
        key = ApiKey(api_key)
        if key and not may_carry_key(self._url):
            raise UsageError(
                f"the API key is not sent to {self._url} over plain http", "use https, or leave the key out"
            )
        self._context = ServiceContext(name or self._url, key, is_aurorax=is_aurorax(self._url))
        self._catalogue = catalogue
        self._wire = HttpClient(self._url, self._context, pause)
        self._service = ServiceConnection(
            self._wire, self._context, pause, EndpointPolicy(CacheFile("ways", self._url, cache, here=False))
        )
        self._runs: list[AuroraXRun] = []
        self._sources: tuple[DataSource, ...] | None = None
        self._details: Mapping[int, SourceDetails] = {}
        self._sources_read_at = time.monotonic()
        self._statistics: Mapping[str, Mapping[int, Statistics]] | None = None
        self._statistics_read_at = time.monotonic()
        self._source_cache, self._updates_catalogue = SourceCache(self._url, cache), catalogue is None
        self._closed = False

    def __repr__(self) -> str:
        return f"AuroraXEngine({self._url!r})"

    @property
    def name(self) -> str:
        """Name of the archive in messages."""
        return self._context.archive

    def catalogue(self) -> Catalogue:
        """Return the sources and metadata schemas from the disk cache, or the packaged catalogue without one.

        Sends no request.
        """
        if self._catalogue is None:
            cached = self._source_cache.read()
            if cached is None:
                self._catalogue = load_shipped()
            else:
                self._catalogue = replace(catalogue_of(cached.sources, cached.details), statistics=cached.statistics)
        return self._catalogue

    def sources(self, deadline: float = inf) -> tuple[DataSource, ...]:
        """Return the data sources of this session or the disk cache; refresh them when older than a day.

        Refreshing sends `GET /api/v1/data_sources`. Raises ArchiveError when that fails. The source names in a query
        are resolved to exactly these sources.
        """
        if self._sources is None or time.monotonic() - self._sources_read_at > DAY_SECONDS:
            cached = self._source_cache.read()
            if cached is None or not cached.is_fresh:
                return self.refresh_sources(deadline)
            self._sources, self._details, self._sources_read_at = cached.sources, cached.details, time.monotonic()
        return self._sources

    def details(self, deadline: float = inf) -> Mapping[int, SourceDetails]:
        """Return owner, maintainers and metadata schemas by source identifier, as current as `sources`.

        Raises ArchiveError when refreshing the sources fails.
        """
        self.sources(deadline)
        return self._details

    def statistics(self, kind: str, deadline: float = inf) -> Mapping[int, Statistics]:
        """Return record counts and time ranges by source identifier for one kind, at most ten minutes old.

        Sends `GET /api/v1/data_sources?include_stats=true` when the cache is older, and writes the answer to the disk
        cache. Raises ArchiveError when the request fails.
        """
        if self._statistics is None or time.monotonic() - self._statistics_read_at > STATISTICS_SECONDS:
            cached = self._source_cache.read()
            if self._statistics is None and cached is not None and cached.are_statistics_fresh:
                self._statistics = cached.statistics
                self._use_statistics(self._statistics)
            else:
                self._statistics = self.refresh_statistics(deadline)
        return self._statistics.get(kind, {})

    def refresh_statistics(self, deadline: float = inf) -> Mapping[str, Mapping[int, Statistics]]:
        """Return the statistics by kind and source identifier after a new request, and cache them. Raises ArchiveError."""
        call = ServiceCall(SOURCES, "GET", STATISTICS)
        answer = self._wire.call(call, min(deadline, time.monotonic() + _SOURCES_SECONDS))
        statistics = read_statistics(answer, self._context)
        self._source_cache.write_statistics(statistics)
        self._use_statistics(statistics)
        return statistics

    def _use_statistics(self, statistics: Mapping[str, Mapping[int, Statistics]]) -> None:
        self._statistics, self._statistics_read_at = statistics, time.monotonic()
        if self._updates_catalogue:
            self._catalogue = replace(self.catalogue(), statistics=statistics)

    def refresh_sources(self, deadline: float = inf) -> tuple[DataSource, ...]:
        """Send `GET /api/v1/data_sources` regardless of the cache, and cache the answer. Raises ArchiveError."""
        call = ServiceCall(SOURCES, "GET", FULL_RECORD)
        answer = self._wire.call(call, min(deadline, time.monotonic() + _SOURCES_SECONDS))
        (self._sources, self._details), self._sources_read_at = read_sources(answer, self._context), time.monotonic()
        self._source_cache.write(self._sources, self._details)
        if self._updates_catalogue:
            catalogue = catalogue_of(self._sources, self._details)
            self._catalogue = replace(catalogue, statistics=self.catalogue().statistics)
        return self._sources

    def availability(self, kind: str, first: date, last: date, only: Mapping[str, str], deadline: float) -> list[Row]:
        """Send `GET /api/v1/availability/…` and return its rows. Raises ArchiveError."""
        answer = self._wire.call(availability_call(kind, first, last, only), deadline)
        return read_availability(answer, kind, self._context)

    def submit(self, plan: Plan, *, awaited: bool = False, columnar: bool = False) -> AuroraXRun:
        """Start a plan with one `POST /api/v1/…/search` per request; an `awaited` run starts in `wait`.

        A `columnar` run keeps records of any number in columns, without a dict for each. Raises ArchiveError when a
        request fails, and StatementError for a plan that the protocol cannot express.
        """
        if self._closed:
            raise UsageError(f"the archive '{self.name}' is closed", "connect to it again")
        if plan.unsayable:
            raise StatementError(plan.unsayable)
        run = self._make_run(plan, awaited=awaited, columnar=columnar)
        run.submit()
        return run

    def delete_request(self, kind: str, request_id: str, deadline: float = inf) -> None:
        """Send `DELETE …/requests/{id}` for a finished search whose records are no longer needed. Raises ArchiveError."""
        call = ServiceCall(CANCEL, "DELETE", PROTOCOLS[kind].request(request_id), tries=1)
        self._wire.call(call, min(deadline, time.monotonic() + _HELP_SECONDS), request_id)

    def attach(self, request_id: str, deadline: float = inf) -> tuple[Plan, AuroraXRun]:
        """Return the run of a search that already exists on the service, and a plan for its complete records.

        Sends `GET …/requests/{id}`, whose answer names the kind. Raises Refused for an id unknown to the service,
        Failed for a failed search, and other ArchiveErrors from the request.
        """
        if not is_request_id(request_id):
            raise self._context.error(
                Refused, "this is not a request ID", "copy it from the log or the status of a search"
            )
        deadline, context = min(deadline, time.monotonic() + _SOURCES_SECONDS), self._context.for_request(request_id)
        for name, protocol in PROTOCOLS.items():
            call = ServiceCall(STATUS, "GET", protocol.request(request_id))
            answer = self._wire.call_unchecked(call, deadline)
            if isinstance(answer, ServiceResponse) and answer.status == 404:
                continue
            if isinstance(answer, TransportFailure):
                raise context.error(answer.error, answer.words, answer.hint)
            check_status(answer, STATUS, context)
            kind = read_request_kind(answer, context) or name
            plan = Plan(Query(kind), (Request(kind),))
            run = self._make_run(plan)
            run.attach(request_id, read_status(answer, context))
            return plan, run
        raise context.error(Refused, "404 not found", STATUS.missing_hint)

    def estimates(self, requests: Sequence[Request]) -> list[int | None]:
        """Send one `POST /api/v1/utils/describe/cartesian_products` per request; None without an estimate."""
        deadline = time.monotonic() + _HELP_SECONDS
        return run_in_parallel(partial(self._estimate, deadline=deadline), requests)

    def _estimate(self, request: Request, deadline: float) -> int | None:
        if request.criteria is None:
            return None
        count = self._optional_call(ESTIMATE, f"{API}/utils/describe/cartesian_products", request, deadline)
        return count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None

    def describe(self, request: Request) -> str | None:
        """Send `POST /api/v1/utils/describe/query/…` and return the description; None when there is none."""
        path = PROTOCOLS[request.kind].describe
        answer = self._optional_call(DESCRIBE, path, request, time.monotonic() + _HELP_SECONDS)
        text = (
            answer[0] if isinstance(answer, list) and len(answer) == 1 else answer
        )  # AuroraX's OpenAPI document declares a list
        description = (
            text if isinstance(text, str) and text.isprintable() and not self._context.key.occurs_in(text) else ""
        )
        return description or None

    def _optional_call(self, step: ProtocolStep, path: str, request: Request, deadline: float) -> Any:
        """Return the JSON answer of an optional request, or None when the request fails."""
        call = ServiceCall(step, "POST", path, query_json.write_query_json(request), tries=1)
        try:
            return read_json(self._wire.call(call, deadline), step.name, self._context)
        except ArchiveError:  # the answer is optional, and every caller handles None
            return None

    def _make_run(self, plan: Plan, *, awaited: bool = False, columnar: bool = False) -> AuroraXRun:
        run = AuroraXRun(plan, self._service, awaited=awaited, columnar=columnar)
        self._runs = [*(previous for previous in self._runs if previous.is_open or previous.ending), run]
        return run

    def close(self) -> None:
        """Cancel running searches and close the connections. Later calls do nothing."""
        if self._closed:
            return
        self._closed = True
        deadline = time.monotonic() + _CLOSING_SECONDS
        for run in [open_run for open_run in self._runs if open_run.is_open]:
            try:
                run.cancel()
            except (Unreachable, TimedOut):
                break  # a service that does not answer must not delay the exit
            except ArchiveError:
                continue
        for run in self._runs:
            run.ending.wait(deadline - time.monotonic())
        self._wire.close()


def open_service(url: str, api_key: str | None, _say: Callable[[str], None], _deadline: float) -> AuroraXEngine:
    """Return the engine of a URL. Nothing is sent. Raises UsageError for a URL or key that cannot be used."""
    return AuroraXEngine(url, api_key=_select_key(url, api_key))


def open_aurorax(_archive: str, api_key: str | None, _say: Callable[[str], None], _deadline: float) -> AuroraXEngine:
    """Return the engine of AuroraX itself. Nothing is sent. Raises UsageError for a key that cannot be used."""
    return AuroraXEngine(AURORAX_URL, api_key=_select_key(AURORAX_URL, api_key), name=AURORAX)


def _select_key(url: str, api_key: str | None) -> str | None:
    """Return the key to send: the given one, or for AuroraX itself that of the environment."""
    if api_key is None and is_aurorax(url):
        api_key = os.environ.get("AURORAX_API_KEY")
    return api_key or None
