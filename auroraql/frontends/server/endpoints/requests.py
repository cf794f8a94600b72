"""Submitted searches: their status and log, and their records in several shapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from auroraql.frontends.server.gzip_io import GzipFile
from auroraql.frontends.server.http_types import MAX_PARTS, Document, HttpError, HttpRequest, HttpResponse
from auroraql.frontends.server.record_lines import WRAPPED, LineShape, reshape, to_line_shape
from auroraql.frontends.server.response_formats import read_format
from auroraql.frontends.server.service import Resource, ServedArchive
from auroraql.frontends.server.source_directory import LEVELS
from auroraql.schema import PROTOCOLS


class SubmittedSearch(Resource):
    """A submitted search of one kind of record."""

    def __init__(self, service: ServedArchive, kind: str) -> None:
        super().__init__(service)
        self.kind = kind

    def on_get(self, _call: HttpRequest, answer: HttpResponse, request_id: str) -> None:
        """Answer with the status of a search and its log."""
        answer.media = self.service.searches.status(request_id, self.kind)

    def on_delete(self, call: HttpRequest, answer: HttpResponse, request_id: str) -> None:
        """Cancel a search. The records of a search for conjunctions that has finished are deleted."""
        self.service.searches.status(request_id, self.kind)
        if not self.service.searches.cancel(request_id) and self.kind == "conjunctions":
            self.service.searches.store.delete_records(request_id)
            answer.status = 204
        else:
            self.on_get(call, answer, request_id)


class SubmittedSearchData(Resource):
    """The records of a submitted search of one kind of record."""

    def __init__(self, service: ServedArchive, kind: str) -> None:
        super().__init__(service)
        self.kind = kind

    def on_get(self, call: HttpRequest, answer: HttpResponse, request_id: str) -> None:
        """Answer with whole records."""
        level = call.choice("data_source_record_format", LEVELS)
        has_queries = call.flag("generate_ephemeris_queries") and self.kind == "conjunctions"
        records = self._records(request_id)
        with_level = self.service.sources.record_shaper(level) if level not in ("", "basic_info") else None
        if has_queries or with_level is not None:

            def shape(record: Document) -> Document:
                record = _add_ephemeris_queries(record) if has_queries else record
                return with_level(record) if with_level is not None else record

            records = self._reshape(records, to_line_shape(shape))
        answer.stream_records(records, call)

    def on_post(self, call: HttpRequest, answer: HttpResponse, request_id: str) -> None:
        """Answer with the parts of the records that the body asks for."""
        shape = read_format(call.json(MAX_PARTS))
        answer.stream_records(self._reshape(self._records(request_id), shape), call)

    def on_delete(self, _call: HttpRequest, answer: HttpResponse, request_id: str) -> None:
        """Delete the records of a search, and keep its status."""
        self.service.searches.status(request_id, self.kind)
        self.service.searches.store.delete_records(request_id)
        answer.media = self.service.searches.status(request_id, self.kind)

    def _records(self, request_id: str) -> GzipFile:
        result = self.service.searches.status(request_id, self.kind)["search_result"]
        file = self.service.searches.store.records(request_id)
        if file is not None:
            return GzipFile(file, result["file_size"])
        if result["completed_timestamp"] is None:
            raise HttpError(
                404, f"request '{request_id}' has not finished: its status shows when its records are available"
            )
        if result["error_condition"]:
            raise HttpError(404, f"request '{request_id}' failed and has no records: see its log")
        raise HttpError(404, f"the records of request '{request_id}' were deleted: search again")

    def _reshape(self, records: GzipFile, shape: LineShape) -> GzipFile:
        with self.service.long_call():
            return reshape(records, shape, WRAPPED, self.service.searches.spools.open())


def _add_ephemeris_queries(record: Document) -> Document:
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


def routes(service: ServedArchive) -> Iterator[tuple[str, Resource]]:
    """Yield the paths of submitted searches."""
    for kind, protocol in PROTOCOLS.items():
        path = protocol.request("{request_id}")
        yield path, SubmittedSearch(service, kind)
        yield f"{path}/data", SubmittedSearchData(service, kind)
