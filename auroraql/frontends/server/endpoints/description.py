"""Descriptions of queries, the size of conjunction searches, time zones, and what this server is."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime
from functools import partial
from math import prod

from auroraql import __version__
from auroraql.frontends.server.documents import describe
from auroraql.frontends.server.query_documents import read_query
from auroraql.frontends.server.search_logs import participants
from auroraql.frontends.server.service import Service
from auroraql.frontends.server.wire import Call, Problem, Reply, Route, json_reply
from auroraql.schema import PROTOCOLS


def described(kind: str, _service: Service, call: Call) -> Reply:
    """The engine's sentence of a query, a bare string."""
    return json_reply(describe(read_query(call.query(), kind, to_run=False)))


def combinations(service: Service, call: Call) -> Reply:
    """How many combinations of sources a query of conjunctions spans."""
    criteria = read_query(call.query(), "conjunctions", to_run=False).request.criteria
    blocks = criteria.blocks if criteria is not None else ()
    sources = service.sources.all()
    return json_reply(prod(len(block.points) or len(participants(block, sources)) for block in blocks))


def time_zones(_service: Service, _call: Call) -> Reply:
    """The names of all time zones."""
    return json_reply(sorted(zoneinfo.available_timezones()))


def converted(_service: Service, call: Call) -> Reply:
    """A timestamp of a time zone in UTC."""
    moment = call.asked.get("ts", "")
    try:
        zone = zoneinfo.ZoneInfo(call.asked.get("tz", "") or "UTC")
        written = datetime.fromisoformat(moment)
        utc = (written if written.tzinfo else written.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise Problem(400, "'ts' is a time as 2020-02-01T00:00:00, and 'tz' a time zone as America/Edmonton") from None
    return json_reply([utc.replace(tzinfo=None).isoformat()])


def about(service: Service, _call: Call) -> Reply:
    """What this server is."""
    return json_reply(
        {
            "name": "AuroraQL",
            "version": __version__,
            "archive": service.engine.name.rpartition("/")[2],
            "demonstration": service.engine.capabilities.demonstration,
            "writable": bool(service.keys),
            "temporary": service.temporary,
        }
    )


ROUTES = (
    Route("GET", "/", about),
    *(Route("POST", protocol.describe, partial(described, kind)) for kind, protocol in PROTOCOLS.items()),
    Route("POST", "/api/v1/utils/describe/cartesian_products", combinations),
    Route("GET", "/api/v1/utils/timezones", time_zones),
    Route("GET", "/api/v1/utils/timezones/convert", converted),
)
