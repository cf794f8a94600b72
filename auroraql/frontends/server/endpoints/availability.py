"""Availability: how many records each source has on each day."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta

from auroraql.frontends.server.endpoints.data_sources import source_filters
from auroraql.frontends.server.http_types import HttpError, HttpRequest, HttpResponse
from auroraql.frontends.server.service import Resource, ServedArchive
from auroraql.frontends.server.source_directory import BASIC, LEVELS
from auroraql.schema import PROTOCOLS, STORED_KINDS
from auroraql.schema.kinds.data_products import PRODUCT_TYPES

_TIMEOUT_SECONDS = 60.0
"""Seconds that counting may take."""


class Availability(Resource):
    """How many records of one kind each source has on each day."""

    def __init__(self, service: ServedArchive, kind: str) -> None:
        super().__init__(service)
        self.kind = kind

    def on_get(self, call: HttpRequest, answer: HttpResponse) -> None:
        """Answer with a count by day for each source that has any records."""
        first, last = _requested_days(call)
        level = call.choice("format", LEVELS)
        call.flag("slow")
        product_type = call.choice("data_product_type", PRODUCT_TYPES) if self.kind == "data_products" else ""
        filters = source_filters(call)
        sources = {source.identifier: source for source in self.service.sources.matching(filters)}
        lists = {name: filters[name] for name in ("program", "platform", "instrument_type") if filters[name]}
        counts: dict[int, Counter[str]] = {}
        with self.service.long_call():
            rows = self.service.engine.availability(self.kind, first, last, lists, time.monotonic() + _TIMEOUT_SECONDS)
        for row in rows:
            if row[0] in sources and product_type in ("", row[-2]):
                counts.setdefault(row[0], Counter())[row[len(BASIC)].date().isoformat()] += row[-1]
        answer.media = [
            {
                "data_source": self.service.sources.document(sources[source], level),
                f"available_{self.kind}": dict(days),
            }
            for source, days in counts.items()
        ]


def _requested_days(call: HttpRequest) -> tuple[date, date]:
    """Return the requested first and last day. Missing days have the defaults that AuroraX documents."""
    first, last = call.day("start"), call.day("end")
    today = date.today()
    if last is None:
        last = today + timedelta(days=31) if first is None else _year_later(first)
    if first is None:
        first = date(min(today.year, last.year), 1, 1)
    if last < first:
        raise HttpError(400, f"the end {last} is before the start {first}")
    if last.year > 9998:
        raise HttpError(400, f"the end {last} is after all time")
    return first, last


def _year_later(day: date) -> date:
    return min(date(9998, 12, 31), day + timedelta(days=365)) if day.year < 9998 else day


def routes(service: ServedArchive) -> Iterator[tuple[str, Resource]]:
    """Yield the paths of availability."""
    for kind in STORED_KINDS:
        yield PROTOCOLS[kind].availability, Availability(service, kind)
