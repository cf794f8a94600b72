"""Records of a source, uploaded and deleted with an API key.

Each request is one transaction, done when it is answered: no reader ever sees half of it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

from auroraql.frontends.server import catalogue_writer as writing
from auroraql.frontends.server.http_types import Document, HttpError, HttpRequest, HttpResponse, read_moment
from auroraql.frontends.server.service import Resource, ServedArchive
from auroraql.frontends.server.upload_validation import (
    check_source,
    read_ephemeris,
    read_product,
    read_records,
    read_urls,
)
from auroraql.schema.wire import API


class DataProductUpload(Resource):
    """The data products of a source."""

    def on_post(self, call: HttpRequest, answer: HttpResponse, identifier: str) -> None:
        """Add data products."""
        self.service.admit(call)
        source = self.service.source(identifier)
        records = read_records(call.json(), source, read_product)
        # If a record is sent twice, the last one wins.
        unique = {_product_key(record): record for record in records}
        if unique:
            with self.service.engine.writing() as cursor:
                writing.write_products(cursor, source.identifier, list(unique.values()))
        answer.status = 202

    def on_delete(self, call: HttpRequest, answer: HttpResponse, identifier: str) -> None:
        """Delete the data products that have the URLs of the body."""
        self.service.admit(call)
        document = call.document()
        source = self.service.source(identifier)
        check_source(document, source)
        urls = read_urls(document)
        with self.service.engine.writing() as cursor:
            writing.delete_products(cursor, source.identifier, urls)
        answer.media = {}


class EphemerisUpload(Resource):
    """The ephemeris of a source."""

    def on_post(self, call: HttpRequest, answer: HttpResponse, identifier: str) -> None:
        """Add ephemeris records."""
        self.service.admit(call)
        source = self.service.source(identifier)
        records = read_records(call.json(), source, read_ephemeris)
        unique = {record["epoch"]: record for record in records}
        if unique:
            with self.service.engine.writing() as cursor:
                writing.write_ephemeris(cursor, source.identifier, list(unique.values()))
        answer.status = 202

    def on_delete(self, call: HttpRequest, answer: HttpResponse, identifier: str) -> None:
        """Delete the ephemeris from a start to an end."""
        self.service.admit(call)
        document = call.document()
        source = self.service.source(identifier)
        check_source(document, source)
        start, end = (read_moment(document.get(name), name) for name in ("start", "end"))
        if end < start:
            raise HttpError(400, "the end is before the start")
        with self.service.engine.writing() as cursor:
            count = writing.delete_ephemeris(cursor, source.identifier, start, end)
        summary = f"deleted {count} records from {start.isoformat()} to {end.isoformat()}"
        self.service.deletions.append((time.monotonic(), source.identifier, str(uuid.uuid4()), summary))
        answer.status = 202


def _product_key(record: Document) -> tuple[object, ...]:
    return tuple(record[name] for name in ("start", "end", "data_product_type", "url"))


def routes(service: ServedArchive) -> Iterator[tuple[str, Resource]]:
    """Yield the paths of uploads."""
    yield f"{API}/data_sources/{{identifier}}/data_products", DataProductUpload(service)
    yield f"{API}/data_sources/{{identifier}}/ephemeris", EphemerisUpload(service)
