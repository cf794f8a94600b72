"""Descriptions of queries, the size of conjunction searches, time zones, and what this server is."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from math import prod

from auroraql import __version__
from auroraql.frontends.server.http_types import HttpError, HttpRequest, HttpResponse
from auroraql.frontends.server.query_documents import describe_query, read_query
from auroraql.frontends.server.search_logs import block_sources
from auroraql.frontends.server.service import Resource, ServedArchive
from auroraql.schema import PROTOCOLS
from auroraql.schema.wire import API


class About(Resource):
    """The server itself."""

    def on_get(self, _call: HttpRequest, answer: HttpResponse) -> None:
        """Answer with the version of AuroraQL and the archive."""
        answer.media = {
            "name": "AuroraQL",
            "version": __version__,
            "archive": self.service.engine.name.rpartition("/")[2],
            "demonstration": self.service.engine.capabilities.demonstration,
            "writable": bool(self.service.keys),
            "temporary": self.service.temporary,
        }


class Description(Resource):
    """Queries for one kind of record in words."""

    def __init__(self, service: ServedArchive, kind: str) -> None:
        super().__init__(service)
        self.kind = kind

    def on_post(self, call: HttpRequest, answer: HttpResponse) -> None:
        """Answer with the engine's sentence, a bare string."""
        answer.media = describe_query(read_query(call.query(), self.kind, to_run=False))


class CartesianProducts(Resource):
    """The size of searches for conjunctions."""

    def on_post(self, call: HttpRequest, answer: HttpResponse) -> None:
        """Answer with the number of combinations of sources that a query spans."""
        criteria = read_query(call.query(), "conjunctions", to_run=False).request.criteria
        blocks = criteria.blocks if criteria is not None else ()
        sources = self.service.sources.all()
        answer.media = prod(len(block.points) or len(block_sources(block, sources)) for block in blocks)


class TimeZones(Resource):
    """Time zones."""

    def on_get(self, _call: HttpRequest, answer: HttpResponse) -> None:
        """Answer with the names of all time zones."""
        answer.media = sorted(zoneinfo.available_timezones())


class TimeConversion(Resource):
    """Times of a time zone in UTC."""

    def on_get(self, call: HttpRequest, answer: HttpResponse) -> None:
        """Answer with the timestamp `ts` of the time zone `tz` in UTC."""
        try:
            zone = zoneinfo.ZoneInfo(call.parameter("tz") or "UTC")
            written = datetime.fromisoformat(call.parameter("ts"))
            utc = (written if written.tzinfo else written.replace(tzinfo=zone)).astimezone(UTC)
        except (ValueError, OverflowError, OSError, zoneinfo.ZoneInfoNotFoundError):
            message = "'ts' is a time such as 2020-02-01T00:00:00, and 'tz' a time zone such as America/Edmonton"
            raise HttpError(400, message) from None
        answer.media = [utc.replace(tzinfo=None).isoformat()]


def routes(service: ServedArchive) -> Iterator[tuple[str, Resource]]:
    """Yield the paths of descriptions and utilities."""
    yield "/", About(service)
    for kind, protocol in PROTOCOLS.items():
        yield protocol.describe, Description(service, kind)
    yield f"{API}/utils/describe/cartesian_products", CartesianProducts(service)
    yield f"{API}/utils/timezones", TimeZones(service)
    yield f"{API}/utils/timezones/convert", TimeConversion(service)
