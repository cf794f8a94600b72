"""The write side: sources added, changed and deleted, and their records uploaded and deleted, behind an API key.

Each call is one transaction, done when it is answered: nothing of it is ever seen half done.
"""

from __future__ import annotations

import time
import uuid

from auroraql.frontends.server import catalogue_writing as writing
from auroraql.frontends.server.service import Service
from auroraql.frontends.server.sources import RECORDED
from auroraql.frontends.server.uploads import (
    check_source,
    read_ephemeris,
    read_identifier,
    read_product,
    read_records,
    read_source,
    read_urls,
)
from auroraql.frontends.server.wire import Call, Document, Problem, Reply, Route, json_reply, read_moment
from auroraql.schema.catalogue import DataSource


def add(service: Service, call: Call) -> Reply:
    """Adds a source; without an identifier it gets the next one."""
    service.admit(call)
    document = call.document()
    identifier = read_identifier(document)
    source, beside = read_source(document, 0 if identifier is None else identifier)
    with service.engine.writing() as cursor:
        known = service.sources.all()
        if identifier is None:
            source, beside = read_source(document, max([0, *(each.identifier for each in known)]) + 1)
        elif any(each.identifier == identifier for each in known):
            raise Problem(409, f"there is a data source with the identifier {identifier} already", "Duplicate")
        _refuse_twin(service, source)
        writing.write_source(cursor, source, beside)
    return json_reply(service.sources.document(source, "full_record"))


def _refuse_twin(service: Service, source: DataSource) -> None:
    """No two sources have program, platform and instrument type alike: nothing would tell their records apart."""
    for each in service.sources.all():
        alike = (each.program, each.platform, each.instrument_type)
        if alike == (source.program, source.platform, source.instrument_type) and each.identifier != source.identifier:
            raise Problem(
                409, f"data source {each.identifier} has this program, platform and instrument type", "Duplicate"
            )


def replace(service: Service, call: Call) -> Reply:
    """Puts a source in the place of another, whole."""
    service.admit(call)
    return _changed(service, call, {})


def change(service: Service, call: Call) -> Reply:
    """Changes the fields that are given, and are not null."""
    service.admit(call)
    found = service.source(call.identifier())
    whole = service.sources.document(found, "basic_info") | service.sources.uploaded(found.identifier)
    return _changed(service, call, {name: value for name, value in whole.items() if name in RECORDED or value})


def _changed(service: Service, call: Call, before: Document) -> Reply:
    found = service.source(call.identifier())
    document = call.document()
    if read_identifier(document) not in (None, found.identifier):
        raise Problem(400, "the identifier of a data source does not change")
    given = {name: value for name, value in document.items() if value is not None}
    source, beside = read_source({**before, **given, "identifier": found.identifier}, found.identifier)
    with service.engine.writing() as cursor:
        service.source(found.identifier)
        _refuse_twin(service, source)
        writing.write_source(cursor, source, beside)
    return json_reply(service.sources.document(source, "full_record"))


def delete(service: Service, call: Call) -> Reply:
    """Deletes a source that has no records."""
    service.admit(call)
    found = service.source(call.identifier())
    with service.engine.writing() as cursor:
        if writing.holds_records(cursor, found.identifier):
            raise Problem(409, "there are records of this data source: delete them first", "Conflict")
        writing.delete_source(cursor, found.identifier)
    return json_reply({})


def add_products(service: Service, call: Call) -> Reply:
    """Adds data products to a source."""
    service.admit(call)
    source = service.source(call.identifier())
    rows = read_records(call.json(), source, read_product)
    if rows:
        with service.engine.writing() as cursor:
            writing.write_products(cursor, source.identifier, _last_of({_product_key(row): row for row in rows}))
    return Reply(202)


def _product_key(row: Document) -> tuple[object, ...]:
    return tuple(row[name] for name in ("start", "end", "data_product_type", "url"))


def _last_of(rows: dict[object, Document]) -> list[Document]:
    """Of what came twice, what came last."""
    return list(rows.values())


def delete_products(service: Service, call: Call) -> Reply:
    """Deletes the data products of a source that have these URLs."""
    service.admit(call)
    document = call.document()
    source = service.source(call.identifier())
    check_source(document, source)
    urls = read_urls(document)
    with service.engine.writing() as cursor:
        writing.delete_products(cursor, source.identifier, urls)
    return json_reply({})


def add_ephemeris(service: Service, call: Call) -> Reply:
    """Adds ephemeris to a source."""
    service.admit(call)
    source = service.source(call.identifier())
    rows = read_records(call.json(), source, read_ephemeris)
    if rows:
        with service.engine.writing() as cursor:
            writing.write_ephemeris(cursor, source.identifier, _last_of({row["epoch"]: row for row in rows}))
    return Reply(202)


def delete_ephemeris(service: Service, call: Call) -> Reply:
    """Deletes the ephemeris of a source from a start to an end."""
    service.admit(call)
    document = call.document()
    source = service.source(call.identifier())
    check_source(document, source)
    start, end = (read_moment(document.get(name), name) for name in ("start", "end"))
    if end < start:
        raise Problem(400, "the end is before the start")
    with service.engine.writing() as cursor:
        count = writing.delete_ephemeris(cursor, source.identifier, start, end)
    told = f"deleted {count} records from {start.isoformat()} to {end.isoformat()}"
    service.deletions.append((time.monotonic(), source.identifier, str(uuid.uuid4()), told))
    return Reply(202)


_SOURCE = "/api/v1/data_sources/{identifier}"

ROUTES = (
    Route("POST", "/api/v1/data_sources", add),
    Route("PUT", _SOURCE, replace),
    Route("PATCH", _SOURCE, change),
    Route("DELETE", _SOURCE, delete),
    Route("POST", f"{_SOURCE}/data_products", add_products),
    Route("DELETE", f"{_SOURCE}/data_products", delete_products),
    Route("POST", f"{_SOURCE}/ephemeris", add_ephemeris),
    Route("DELETE", f"{_SOURCE}/ephemeris", delete_ephemeris),
)
