"""Descriptions of queries, the size of conjunction searches, time zones, and what this server is."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime
from functools import partial
from math import prod

from auroraql import __version__
from auroraql.frontends.server.documents import describe, describe_document, read_plan
from auroraql.frontends.server.service import Service
from auroraql.frontends.server.wire import Call, Problem, Reply, Route, json_reply
from auroraql.plan import BlockRequest
from auroraql.schema.catalogue import DataSource

_NAMES = {"conjunction": "conjunctions", "data_products": "data_products", "ephemeris": "ephemeris"}

_SOURCE_TYPES = {"ground": ("ground",), "events": ("event_list",)}
"""The sources that a block of a kind takes; one of space takes the others."""


def described(kind: str, service: Service, call: Call) -> Reply:
    """The engine's sentence of a query, a bare string."""
    return json_reply(describe_document(call.document(), kind, service.engine))


def combinations(service: Service, call: Call) -> Reply:
    """How many combinations of sources a query of conjunctions spans."""
    plan = read_plan(call.document(), "conjunctions", service.engine)
    describe(plan)
    criteria = plan.requests[0].criteria
    blocks = criteria.blocks if criteria is not None else ()
    return json_reply(prod(_participants(block, service) for block in blocks))


def _participants(block: BlockRequest, service: Service) -> int:
    if block.points:
        return len(block.points)
    return sum(_takes(block, each) for each in service.sources.all())


def _takes(block: BlockRequest, source: DataSource) -> bool:
    types = _SOURCE_TYPES.get(block.kind)
    if types is None:
        fits = all(source.source_type not in each for each in _SOURCE_TYPES.values())
    else:
        fits = source.source_type in types
    # Some lists, as hemisphere, are about records and not about sources.
    return fits and all(getattr(source, name, values[0]) in values for name, values in block.lists if values)


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
    *(Route("POST", f"/api/v1/utils/describe/query/{name}", partial(described, kind)) for name, kind in _NAMES.items()),
    Route("POST", "/api/v1/utils/describe/cartesian_products", combinations),
    Route("GET", "/api/v1/utils/timezones", time_zones),
    Route("GET", "/api/v1/utils/timezones/convert", converted),
)
