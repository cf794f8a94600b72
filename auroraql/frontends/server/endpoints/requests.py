"""Requests that were started: their status and log, their records in whatever shape, and their end."""

from __future__ import annotations

from functools import partial
from typing import Any

from auroraql.frontends.server.encoding import WRAPPED, LineShape, line_shape, shaped
from auroraql.frontends.server.formats import read_format
from auroraql.frontends.server.packing import Packed
from auroraql.frontends.server.service import Service
from auroraql.frontends.server.sources import LEVELS
from auroraql.frontends.server.wire import JSON, MOST_PARTS, Call, Document, Problem, Reply, Route, json_reply
from auroraql.schema import PROTOCOLS


def status(kind: str, service: Service, call: Call) -> Reply:
    """Where a request stands, with its log."""
    return json_reply(service.searches.status(call.path["request_id"], kind))


def cancel(kind: str, service: Service, call: Call) -> Reply:
    """Stops a request; of one for conjunctions that is done, the records are deleted."""
    request_id = call.path["request_id"]
    service.searches.status(request_id, kind)
    if not service.searches.cancel(request_id) and kind == "conjunctions":
        service.searches.store.delete_records(request_id)
        return Reply(204)
    return status(kind, service, call)


def delete_records(kind: str, service: Service, call: Call) -> Reply:
    """Deletes the records of a request, and keeps its status."""
    service.searches.status(call.path["request_id"], kind)
    service.searches.store.delete_records(call.path["request_id"])
    return status(kind, service, call)


def records(kind: str, service: Service, call: Call) -> Reply:
    """The records as they were found."""
    level = call.choice("data_source_record_format", LEVELS)
    queries = call.flag("generate_ephemeris_queries") and kind == "conjunctions"
    file = _records(kind, service, call)
    leveled = service.sources.shaper(level) if level not in ("", "basic_info") else None
    if not queries and leveled is None:
        return Reply(200, file, (JSON,))

    def shape(record: Document) -> Document:
        record = _with_queries(record) if queries else record
        return leveled(record) if leveled is not None else record

    return Reply(200, _shaped(service, file, line_shape(shape)), (JSON,))


def formatted(kind: str, service: Service, call: Call) -> Reply:
    """The parts of the records that the body asks for."""
    shape = read_format(call.json(MOST_PARTS))
    return Reply(200, _shaped(service, _records(kind, service, call), shape), (JSON,))


def _records(kind: str, service: Service, call: Call) -> Packed:
    request_id = call.path["request_id"]
    found = service.searches.status(request_id, kind)["search_result"]
    file = service.searches.store.records(request_id)
    if file is not None:
        return Packed(file, found["file_size"])
    if found["completed_timestamp"] is None:
        raise Problem(404, f"request '{request_id}' is not done: its status tells when there are records")
    if found["error_condition"]:
        raise Problem(404, f"request '{request_id}' failed and has no records: its log tells why")
    raise Problem(404, f"the records of request '{request_id}' were deleted: search again")


def _shaped(service: Service, packed: Packed, shape: LineShape) -> Packed:
    with service.turn():
        return shaped(packed, shape, WRAPPED, service.searches.spools.open())


def _with_queries(record: Document) -> Document:
    """A conjunction with, for each of its events, the queries for the ephemeris of either source."""
    for event in record.get("events") or ():
        for end in ("e1", "e2"):
            event[f"generated_{end}_ephemeris_query"] = _ephemeris_query(event[f"{end}_source"], event)
    return record


def _ephemeris_query(source: Document, event: Document) -> dict[str, Any]:
    return {
        "data_sources": {f"{name}s": [source[name]] for name in ("program", "platform", "instrument_type")},
        "start": event["start"],
        "end": event["end"],
    }


ROUTES = tuple(
    Route(method, protocol.request("{request_id}") + tail, partial(handler, kind))
    for kind, protocol in PROTOCOLS.items()
    for method, tail, handler in (
        ("GET", "", status),
        ("DELETE", "", cancel),
        ("GET", "/data", records),
        ("POST", "/data", formatted),
        ("DELETE", "/data", delete_records),
    )
)
