"""Availability: how many records each source has on each day."""

from __future__ import annotations

import time
from collections import Counter
from datetime import date, timedelta
from functools import partial

from auroraql.frontends.server.endpoints.data_sources import chosen
from auroraql.frontends.server.service import Service
from auroraql.frontends.server.sources import BASIC, LEVELS
from auroraql.frontends.server.wire import Call, Problem, Reply, Route, json_reply
from auroraql.schema import PROTOCOLS, STORED_KINDS
from auroraql.schema.data_products import PRODUCT_TYPES

_PATIENCE = 60.0
"""Seconds that counting may take."""


def available(kind: str, service: Service, call: Call) -> Reply:
    """A count by day for each source that has any."""
    first, last = _days(call)
    level = call.choice("format", LEVELS)
    call.flag("slow")
    wanted = call.choice("data_product_type", PRODUCT_TYPES) if kind == "data_products" else ""
    only = chosen(call)
    found = {each.identifier: each for each in service.sources.matching(only)}
    asked = {name: only[name] for name in ("program", "platform", "instrument_type") if only[name]}
    counts: dict[int, Counter[str]] = {}
    with service.turn():
        rows = service.engine.availability(kind, first, last, asked, time.monotonic() + _PATIENCE)
    for row in rows:
        if row[0] in found and wanted in ("", row[-2]):
            counts.setdefault(row[0], Counter())[row[len(BASIC)].date().isoformat()] += row[-1]
    return json_reply(
        [
            {"data_source": service.sources.document(found[source], level), f"available_{kind}": dict(days)}
            for source, days in counts.items()
        ]
    )


def _days(call: Call) -> tuple[date, date]:
    """The days asked for: those left out are as the service documents them."""
    first, last = call.day("start"), call.day("end")
    today = date.today()
    if last is None:
        last = today + timedelta(days=31) if first is None else _year_later(first)
    if first is None:
        first = date(min(today.year, last.year), 1, 1)
    if last < first:
        raise Problem(400, f"the end {last} is before the start {first}")
    if last.year > 9998:
        raise Problem(400, f"the end {last} is after all time")
    return first, last


def _year_later(day: date) -> date:
    return min(date(9998, 12, 31), day + timedelta(days=365)) if day.year < 9998 else day


ROUTES = tuple(Route("GET", PROTOCOLS[kind].availability, partial(available, kind)) for kind in STORED_KINDS)
