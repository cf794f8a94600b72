"""Searches: `POST …/search` starts one, `POST …/search_synchronous` answers with its records."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial

from auroraql.frontends.server.documents import plan_document, plan_query
from auroraql.frontends.server.encoding import BARE, LineShape, line_shape, shaped
from auroraql.frontends.server.formats import read_format
from auroraql.frontends.server.query_documents import read_query
from auroraql.frontends.server.service import Service
from auroraql.frontends.server.sources import LEVELS
from auroraql.frontends.server.wire import JSON, Call, Document, Problem, Reply, Route
from auroraql.plan import Plan
from auroraql.query import EVERYTHING
from auroraql.schema import PROTOCOLS

_LONGEST_EPHEMERIS = timedelta(days=31)

_PATIENCE = 60.0
"""Seconds that a synchronous search may take."""


def start(kind: str, service: Service, call: Call) -> Reply:
    """202 and where to ask for the status."""
    query = read_query(call.query(), kind, to_run=True)
    plan = plan_query(query, service.engine)
    if kind == "ephemeris":
        _check_ephemeris(plan)
    search = service.searches.submit(query, plan, call.address)
    return Reply(202, headers=(("Location", f"{call.base}{PROTOCOLS[kind].request(search.request_id)}"),))


def _check_ephemeris(plan: Plan) -> None:
    """What the service asks of ephemeris searches. Raises Problem."""
    query = plan.query
    if query.where == EVERYTHING:
        raise Problem(
            400, "an ephemeris search has at least one filter: programs, platforms, instrument types or metadata"
        )
    if query.start is None or query.end is None or query.end - query.start >= _LONGEST_EPHEMERIS:
        raise Problem(400, "an ephemeris search covers one month at most, from start to end: divide it into several")


def at_once(kind: str, service: Service, call: Call) -> Reply:
    """The records themselves, as an array."""
    body = call.query()
    unknown = set(body) - {"query", "response_format"}
    query = body.get("query")
    if not isinstance(query, dict) or unknown:
        raise Problem(400, "the body has a query, which is an object, and perhaps a response_format; nothing else")
    shape = _shape(service, body, call)
    plan = plan_document(query, kind, service.engine)
    if kind == "ephemeris":
        _check_ephemeris(plan)
    start, end, longest = plan.query.start, plan.query.end, PROTOCOLS[kind].longest_synchronous
    assert longest is not None, "only kinds with a synchronous search have this route"  # noqa: S101
    if start is None or end is None or end - start > longest:
        raise Problem(400, f"a synchronous search has a window of {longest.days} days at most: use {kind}/search")
    with service.turn():
        found = service.searches.at_once(plan, time.monotonic() + _PATIENCE)
        if shape is not None:
            found = shaped(found, shape, BARE, service.searches.spools.open())
    return Reply(200, found, (JSON,))


def _shape(service: Service, body: Document, call: Call) -> LineShape | None:
    level = call.choice("data_source_record_format", LEVELS)
    wanted = body.get("response_format")
    if wanted is not None:
        return read_format(wanted)
    return line_shape(service.sources.shaper(level)) if level not in ("", "basic_info") else None


ROUTES = (
    *(Route("POST", protocol.search, partial(start, kind)) for kind, protocol in PROTOCOLS.items()),
    *(
        Route("POST", protocol.search_synchronous, partial(at_once, kind))
        for kind, protocol in PROTOCOLS.items()
        if protocol.longest_synchronous is not None
    ),
)
