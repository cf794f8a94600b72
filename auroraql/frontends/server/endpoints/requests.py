"""Submitted searches: their status and log, and their records in several shapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from auroraql.frontends.server.encoding import WRAPPED, LineShape, line_shape, shaped
from auroraql.frontends.server.formats import read_format
from auroraql.frontends.server.packing import Packed
from auroraql.frontends.server.service import Resource, Service
from auroraql.frontends.server.sources import LEVELS
from auroraql.frontends.server.wire import MOST_PARTS, Answer, Call, Document, Problem
from auroraql.schema import PROTOCOLS


class Request(Resource):
    """A submitted search of one kind of record."""

    def __init__(self, service: Service, kind: str) -> None:
        super().__init__(service)
        self.kind = kind

    def on_get(self, _call: Call, answer: Answer, request_id: str) -> None:
        """Answer with the status of a search and its log."""
        answer.media = self.service.searches.status(request_id, self.kind)

    def on_delete(self, call: Call, answer: Answer, request_id: str) -> None:
        """Cancel a search. The records of a search for conjunctions that has finished are deleted."""
        self.service.searches.status(request_id, self.kind)
        if not self.service.searches.cancel(request_id) and self.kind == "conjunctions":
            self.service.searches.store.delete_records(request_id)
            answer.status = 204
        else:
            self.on_get(call, answer, request_id)


class RequestData(Resource):
    """The records of a submitted search of one kind of record."""

    def __init__(self, service: Service, kind: str) -> None:
        super().__init__(service)
        self.kind = kind

    def on_get(self, call: Call, answer: Answer, request_id: str) -> None:
        """Answer with whole records."""
        level = call.choice("data_source_record_format", LEVELS)
        has_queries = call.flag("generate_ephemeris_queries") and self.kind == "conjunctions"
        records = self._records(request_id)
        with_level = self.service.sources.shaper(level) if level not in ("", "basic_info") else None
        if has_queries or with_level is not None:

            def shape(record: Document) -> Document:
                record = _with_queries(record) if has_queries else record
                return with_level(record) if with_level is not None else record

            records = self._shaped(records, line_shape(shape))
        answer.stream_records(records, call)

    def on_post(self, call: Call, answer: Answer, request_id: str) -> None:
        """Answer with the parts of the records that the body asks for."""
        shape = read_format(call.json(MOST_PARTS))
        answer.stream_records(self._shaped(self._records(request_id), shape), call)

    def on_delete(self, _call: Call, answer: Answer, request_id: str) -> None:
        """Delete the records of a search, and keep its status."""
        self.service.searches.status(request_id, self.kind)
        self.service.searches.store.delete_records(request_id)
        answer.media = self.service.searches.status(request_id, self.kind)

    def _records(self, request_id: str) -> Packed:
        result = self.service.searches.status(request_id, self.kind)["search_result"]
        file = self.service.searches.store.records(request_id)
        if file is not None:
            return Packed(file, result["file_size"])
        if result["completed_timestamp"] is None:
            raise Problem(404, f"request '{request_id}' is not done: its status tells when there are records")
        if result["error_condition"]:
            raise Problem(404, f"request '{request_id}' failed and has no records: its log tells why")
        raise Problem(404, f"the records of request '{request_id}' were deleted: search again")

    def _shaped(self, records: Packed, shape: LineShape) -> Packed:
        with self.service.turn():
            return shaped(records, shape, WRAPPED, self.service.searches.spools.open())


def _with_queries(record: Document) -> Document:
    """Return a conjunction with, for each of its events, the queries for the ephemeris of both sources."""
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


def routes(service: Service) -> Iterator[tuple[str, Resource]]:
    """Yield the paths of submitted searches."""
    for kind, protocol in PROTOCOLS.items():
        path = protocol.request("{request_id}")
        yield path, Request(service, kind)
        yield f"{path}/data", RequestData(service, kind)
