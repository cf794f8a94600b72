"""Search requests of everyone, for who has an API key: listed, and removed. And accounts, which there are none of."""

from __future__ import annotations

import time
from collections.abc import Iterator

from auroraql.frontends.server.service import Service
from auroraql.frontends.server.wire import Call, Document, Problem, Reply, Route, json_reply
from auroraql.schema import PROTOCOLS


def listed(service: Service, call: Call) -> Reply:
    """A line for each search, those that run too."""
    service.recognise(call)
    wanted = call.choice("search_type", tuple(protocol.request_type for protocol in PROTOCOLS.values()))
    start, end, failed = call.moment("start"), call.moment("end"), call.flag("error_condition")
    least = {name: call.number(name) for name in ("query_duration", "file_size", "result_count")}
    if least["file_size"] is not None:
        least["file_size"] *= 1024
    # Sizes and counts are known of what is done alone, which they ask for, whatever is said beside them.
    active = False if least["file_size"] is not None or least["result_count"] is not None else call.flag("active")
    rows = [
        row
        for row in _rows(service)
        if (not wanted or row["search_type"] == wanted)
        and (active is None or row["active"] is active)
        and (start is None or row["requested"] >= start.isoformat())
        and (end is None or row["requested"] <= end.isoformat())
        and all(value is None or (row[name] or 0) >= value for name, value in least.items())
        and (failed is None or active or row["error_condition"] is failed)
    ]
    return json_reply(rows)


def _rows(service: Service) -> Iterator[Document]:
    for name, entry in service.searches.store.known().items():
        yield {
            "search_type": entry.kind,
            "ip_address": entry.address,
            "request_id": name,
            "requested": entry.requested.isoformat(),
            "active": False,
            "query_duration": entry.milliseconds,
            "result_file_exists": entry.held > 0,
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


def removed(service: Service, call: Call) -> Reply:
    """Stops a search if it runs, and forgets it with its records."""
    service.admit(call)
    request_id = call.path["request_id"]
    stopped = service.searches.cancel(request_id)
    if not service.searches.store.forget(request_id) and not stopped:
        raise Problem(404, f"request ID not found: there is no request '{request_id}'")
    return json_reply({})


def deletions(service: Service, call: Call) -> Reply:
    """The deletions of a source's ephemeris in the last hour."""
    source = service.source(call.identifier())
    return json_reply([name for _, name, _ in _deletions(service, source.identifier)])


def deletion(service: Service, call: Call) -> Reply:
    """What one of them did."""
    source = service.source(call.identifier())
    done = [text for _, name, text in _deletions(service, source.identifier) if name == call.path["delete_job_id"]]
    if not done:
        raise Problem(404, "there is no such deletion, or it is more than an hour ago")
    return json_reply(done)


def _deletions(service: Service, identifier: int) -> Iterator[tuple[float, str, str]]:
    for when, source, name, text in list(service.deletions):
        if source == identifier and when > time.monotonic() - 3600:
            yield when, name, text


def authenticated(_service: Service, call: Call) -> Reply:
    """Nobody has an account here."""
    document = call.document()
    if not all(isinstance(document.get(name), str) for name in ("email_address", "password")):
        raise Problem(400, "the body has an email_address and a password")
    raise Problem(401, "there are no accounts here: send an API key, in the header x-aurorax-api-key")


def ended(_service: Service, _call: Call) -> Reply:
    """There was no session to end."""
    return json_reply({})


_JOBS = "/api/v1/data_sources/{identifier}/ephemeris/delete_jobs"

ROUTES = (
    Route("GET", "/api/v1/utils/admin/search_requests", listed),
    Route("DELETE", "/api/v1/utils/admin/search_requests/{request_id}", removed),
    Route("GET", _JOBS, deletions),
    Route("GET", f"{_JOBS}/{{delete_job_id}}", deletion),
    Route("POST", "/api/v1/authenticate", authenticated),
    Route("POST", "/api/v1/authenticate/end_session", ended),
)
