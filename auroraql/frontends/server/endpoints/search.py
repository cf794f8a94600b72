"""Searches: `POST …/search` starts one, `POST …/search_synchronous` answers with its records."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

from auroraql.frontends.server.http_types import Document, HttpError, HttpRequest, HttpResponse
from auroraql.frontends.server.query_documents import plan_checked_query, plan_document, read_query
from auroraql.frontends.server.record_lines import BARE, LineShape, reshape, to_line_shape
from auroraql.frontends.server.response_formats import read_format
from auroraql.frontends.server.service import Resource, ServedArchive
from auroraql.frontends.server.source_directory import LEVELS
from auroraql.ir.plan import Plan
from auroraql.ir.query import EVERYTHING
from auroraql.schema import PROTOCOLS

_MAX_EPHEMERIS_WINDOW = timedelta(days=31)

_TIMEOUT_SECONDS = 60.0
"""Seconds that a synchronous search may take."""


class SearchSubmission(Resource):
    """Searches of one kind of record."""

    def __init__(self, service: ServedArchive, kind: str) -> None:
        super().__init__(service)
        self.kind = kind

    def on_post(self, call: HttpRequest, answer: HttpResponse) -> None:
        """Submit a search: 202 and, in Location, the path of its status."""
        query = read_query(call.query(), self.kind, to_run=True)
        plan = plan_checked_query(query, self.service.engine)
        _check_ephemeris(plan)
        search = self.service.searches.submit(query, plan, call.remote_addr)
        answer.status = 202
        answer.location = f"{call.base}{PROTOCOLS[self.kind].request(search.request_id)}"


class SynchronousSearch(Resource):
    """Searches of one kind of record that are answered at once, with windows up to `longest`."""

    def __init__(self, service: ServedArchive, kind: str, longest: timedelta) -> None:
        super().__init__(service)
        self.kind, self.longest = kind, longest

    def on_post(self, call: HttpRequest, answer: HttpResponse) -> None:
        """Answer with the records, as an array."""
        body = call.query()
        unknown = set(body) - {"query", "response_format"}
        query = body.get("query")
        if not isinstance(query, dict) or unknown:
            raise HttpError(
                400, "the body must have a query, which is an object, and may have a response_format; nothing else"
            )
        shape = self._shape(body, call)
        plan = plan_document(query, self.kind, self.service.engine)
        _check_ephemeris(plan)
        start, end = plan.query.start, plan.query.end
        if start is None or end is None or end - start > self.longest:
            limit = f"the window of a synchronous search is at most {self.longest.days} days"
            raise HttpError(400, f"{limit}: use {self.kind}/search")
        with self.service.long_call():
            records = self.service.searches.search_synchronously(plan, time.monotonic() + _TIMEOUT_SECONDS)
            if shape is not None:
                records = reshape(records, shape, BARE, self.service.searches.spools.open())
        answer.stream_records(records, call)

    def _shape(self, body: Document, call: HttpRequest) -> LineShape | None:
        level = call.choice("data_source_record_format", LEVELS)
        response_format = body.get("response_format")
        if response_format is not None:
            return read_format(response_format)
        return to_line_shape(self.service.sources.record_shaper(level)) if level not in ("", "basic_info") else None


def _check_ephemeris(plan: Plan) -> None:
    """Raise HttpError for an ephemeris search that AuroraX refuses: one without a filter, or longer than a month."""
    query = plan.query
    if query.kind != "ephemeris":
        return
    if query.where == EVERYTHING:
        raise HttpError(
            400, "an ephemeris search needs at least one filter: programs, platforms, instrument types or metadata"
        )
    if query.start is None or query.end is None or query.end - query.start >= _MAX_EPHEMERIS_WINDOW:
        raise HttpError(400, "the window of an ephemeris search is at most one month: divide it into several searches")


def routes(service: ServedArchive) -> Iterator[tuple[str, Resource]]:
    """Yield the paths of searches."""
    for kind, protocol in PROTOCOLS.items():
        yield protocol.search, SearchSubmission(service, kind)
        if protocol.longest_synchronous is not None:
            yield protocol.search_synchronous, SynchronousSearch(service, kind, protocol.longest_synchronous)
