"""Administration: the searches of every client, for holders of an API key."""

from __future__ import annotations

import time
from collections.abc import Iterator

from auroraql.frontends.server.http_types import Document, HttpError, HttpRequest, HttpResponse
from auroraql.frontends.server.service import Resource, ServedArchive
from auroraql.schema import PROTOCOLS
from auroraql.schema.wire import API


class SearchRequests(Resource):
    """The searches of every client."""

    def on_get(self, call: HttpRequest, answer: HttpResponse) -> None:
        """Answer with one row for each search, running ones too."""
        self.service.recognize(call)
        search_type = call.choice("search_type", tuple(protocol.request_type for protocol in PROTOCOLS.values()))
        start, end, failed = call.moment("start"), call.moment("end"), call.flag("error_condition")
        least = {name: call.number(name) for name in ("query_duration", "file_size", "result_count")}
        if least["file_size"] is not None:
            least["file_size"] *= 1024
        # Only finished searches have a size and a count, so a filter on these selects finished searches.
        active = False if least["file_size"] is not None or least["result_count"] is not None else call.flag("active")
        rows = [
            row
            for row in _request_rows(self.service)
            if (not search_type or row["search_type"] == search_type)
            and (active is None or row["active"] is active)
            and (start is None or row["requested"] >= start.isoformat())
            and (end is None or row["requested"] <= end.isoformat())
            and all(value is None or (row[name] or 0) >= value for name, value in least.items())
            and (failed is None or active or row["error_condition"] is failed)
        ]
        answer.media = rows


def _request_rows(service: ServedArchive) -> Iterator[Document]:
    for name, entry in service.searches.store.entries().items():
        yield {
            "search_type": entry.kind,
            "ip_address": entry.address,
            "request_id": name,
            "requested": entry.requested.isoformat(),
            "active": False,
            "query_duration": entry.milliseconds,
            "result_file_exists": entry.stored_size > 0,
            "file_size": entry.size,
            "result_count": entry.count,
            "error_condition": entry.failed,
        }
    for search in service.searches.active():
        running = {"query_duration": round(search.seconds() * 1000), "active": True, "error_condition": False}
        yield {
            "search_type": PROTOCOLS[search.kind].request_type,
            "ip_address": search.address,
            "request_id": search.request_id,
            "requested": search.requested.isoformat(),
            **running,
            "result_file_exists": False,
            "file_size": None,
            "result_count": None,
        }


class SearchRequest(Resource):
    """One search of any client."""

    def on_delete(self, call: HttpRequest, answer: HttpResponse, request_id: str) -> None:
        """Cancel the search if it runs, and delete its status and its records."""
        self.service.admit(call)
        was_running = self.service.searches.cancel(request_id)
        if not self.service.searches.store.forget(request_id) and not was_running:
            raise HttpError(404, f"request ID not found: there is no request '{request_id}'")
        answer.media = {}


class Deletions(Resource):
    """Deletions of a source's ephemeris in the last hour."""

    def on_get(self, _call: HttpRequest, answer: HttpResponse, identifier: str) -> None:
        """Answer with the ids of the deletions."""
        source = self.service.source(identifier)
        answer.media = [deletion for deletion, _ in _deletions_of(self.service, source.identifier)]


class Deletion(Resource):
    """One deletion of a source's ephemeris."""

    def on_get(self, _call: HttpRequest, answer: HttpResponse, identifier: str, delete_job_id: str) -> None:
        """Answer with a summary of what was deleted."""
        source = self.service.source(identifier)
        deletions = _deletions_of(self.service, source.identifier)
        summaries = [summary for deletion, summary in deletions if deletion == delete_job_id]
        if not summaries:
            raise HttpError(404, "no such deletion happened in the last hour")
        answer.media = summaries


def _deletions_of(service: ServedArchive, identifier: int) -> Iterator[tuple[str, str]]:
    """Yield the id and the summary of each deletion of the last hour."""
    for when, source, deletion, summary in list(service.deletions):
        if source == identifier and when > time.monotonic() - 3600:
            yield deletion, summary


class Authentication(Resource):
    """Accounts, which this server does not have."""

    def on_post(self, call: HttpRequest, _answer: HttpResponse) -> None:
        """Refuse: requests are authenticated by an API key."""
        document = call.document()
        if not all(isinstance(document.get(name), str) for name in ("email_address", "password")):
            raise HttpError(400, "the body has an email_address and a password")
        raise HttpError(401, "this server has no accounts: send an API key in the header x-aurorax-api-key")


class SessionEnd(Resource):
    """The end of a session, which this server does not have."""

    def on_post(self, _call: HttpRequest, answer: HttpResponse) -> None:
        """Do nothing."""
        answer.media = {}


def routes(service: ServedArchive) -> Iterator[tuple[str, Resource]]:
    """Yield the paths of administration."""
    jobs = f"{API}/data_sources/{{identifier}}/ephemeris/delete_jobs"
    yield f"{API}/utils/admin/search_requests", SearchRequests(service)
    yield f"{API}/utils/admin/search_requests/{{request_id}}", SearchRequest(service)
    yield jobs, Deletions(service)
    yield f"{jobs}/{{delete_job_id}}", Deletion(service)
    yield f"{API}/authenticate", Authentication(service)
    yield f"{API}/authenticate/end_session", SessionEnd(service)
