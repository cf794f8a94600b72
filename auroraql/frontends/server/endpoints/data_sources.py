"""Data sources: the list, one by its identifier, a search by lists, and statistics.

Sources are added, changed and deleted with an API key. Each request is one transaction, done when it is answered.
"""

from __future__ import annotations

from collections.abc import Iterator

from auroraql.frontends.server import catalogue_writer as writing
from auroraql.frontends.server.http_types import Document, HttpError, HttpRequest, HttpResponse
from auroraql.frontends.server.service import Resource, ServedArchive
from auroraql.frontends.server.source_directory import LEVELS, RECORDED
from auroraql.frontends.server.upload_validation import read_identifier, read_source
from auroraql.schema.catalogue import DataSource
from auroraql.schema.source_fields import SOURCE_TYPES
from auroraql.schema.wire import API

FILTERS = ("program", "platform", "instrument_type", "source_type", "owner")
"""The parameters that choose sources."""

_LISTS = {"programs": "program", "platforms": "platform", "instrument_types": "instrument_type"}


def source_filters(call: HttpRequest) -> dict[str, str]:
    """Return the values by which a request chooses sources; empty where it does not restrict. Raises HttpError."""
    call.choice("source_type", SOURCE_TYPES)
    return {name: call.parameter(name) for name in FILTERS}


class DataSources(Resource):
    """The list of sources."""

    def on_get(self, call: HttpRequest, answer: HttpResponse) -> None:
        """Answer with the sources that fit the parameters."""
        level, stats = call.choice("format", LEVELS), bool(call.flag("include_stats"))
        sources = self.service.sources.matching(source_filters(call))
        answer.media = [self.service.sources.document(source, level, stats=stats) for source in sources]

    def on_post(self, call: HttpRequest, answer: HttpResponse) -> None:
        """Add a source. Without an identifier it gets the next one."""
        self.service.admit(call)
        document = call.document()
        identifier = read_identifier(document)
        source, extra = read_source(document, 0 if identifier is None else identifier)
        with self.service.engine.writing() as cursor:
            known = self.service.sources.all()
            if identifier is None:
                source, extra = read_source(document, max([0, *(other.identifier for other in known)]) + 1)
            elif any(other.identifier == identifier for other in known):
                raise HttpError(409, f"a data source with the identifier {identifier} already exists", "Duplicate")
            _refuse_duplicate(self.service, source)
            writing.write_source(cursor, source, extra)
        answer.media = self.service.sources.document(source, "full_record")


class SourceSearch(Resource):
    """Searches for sources."""

    def on_post(self, call: HttpRequest, answer: HttpResponse) -> None:
        """Answer with the sources that have, for each list that is not empty, one of its values."""
        level, stats = call.choice("format", LEVELS), bool(call.flag("include_stats"))
        lists = _requested_lists(call)
        answer.media = [
            self.service.sources.document(source, level, stats=stats)
            for source in self.service.sources.all()
            if all(getattr(source, name) in values for name, values in lists.items() if values)
        ]


class SourceByIdentifier(Resource):
    """One source."""

    def on_get(self, call: HttpRequest, answer: HttpResponse, identifier: str) -> None:
        """Answer with the source."""
        level, stats = call.choice("format", LEVELS), bool(call.flag("include_stats"))
        answer.media = self.service.sources.document(self.service.source(identifier), level, stats=stats)

    def on_put(self, call: HttpRequest, answer: HttpResponse, identifier: str) -> None:
        """Replace the source."""
        self.service.admit(call)
        self._change(call, answer, self.service.source(identifier), {})

    def on_patch(self, call: HttpRequest, answer: HttpResponse, identifier: str) -> None:
        """Change the fields that are given and are not null."""
        self.service.admit(call)
        source = self.service.source(identifier)
        document = self.service.sources.document(source, "basic_info")
        document |= self.service.sources.uploaded_fields(source.identifier)
        before = {name: value for name, value in document.items() if name in RECORDED or value}
        self._change(call, answer, source, before)

    def on_delete(self, call: HttpRequest, answer: HttpResponse, identifier: str) -> None:
        """Delete the source. It must not have records."""
        self.service.admit(call)
        source = self.service.source(identifier)
        with self.service.engine.writing() as cursor:
            if writing.has_records(cursor, source.identifier):
                raise HttpError(409, "there are records of this data source: delete them first", "Conflict")
            writing.delete_source(cursor, source.identifier)
        answer.media = {}

    def _change(self, call: HttpRequest, answer: HttpResponse, source: DataSource, before: Document) -> None:
        document = call.document()
        if read_identifier(document) not in (None, source.identifier):
            raise HttpError(400, "the identifier of a data source does not change")
        changes = {name: value for name, value in document.items() if value is not None}
        changed, extra = read_source({**before, **changes, "identifier": source.identifier}, source.identifier)
        with self.service.engine.writing() as cursor:
            self.service.source(str(source.identifier))  # it may have been deleted meanwhile
            _refuse_duplicate(self.service, changed)
            writing.write_source(cursor, changed, extra)
        answer.media = self.service.sources.document(changed, "full_record")


class SourceStatistics(Resource):
    """The number of records of one source, and their first and last times."""

    def on_get(self, call: HttpRequest, answer: HttpResponse, identifier: str) -> None:
        """Answer with the statistics."""
        level = call.choice("format", LEVELS)
        call.flag("slow")
        source = self.service.source(identifier)
        document = {"data_source": self.service.sources.document(source, level)}
        answer.media = document | self.service.sources.stats(source.identifier)


def _requested_lists(call: HttpRequest) -> dict[str, list[str]]:
    document = call.document()
    unknown = sorted(set(document) - set(_LISTS))
    if unknown:
        fields = ", ".join(_LISTS)
        raise HttpError(400, f"'{unknown[0]}' is not a field of a search for sources: the fields are {fields}")
    for name, values in document.items():
        if values is not None and not (isinstance(values, list) and all(isinstance(value, str) for value in values)):
            raise HttpError(400, f"'{name}' takes an array of strings")
    return {_LISTS[name]: values for name, values in document.items() if values}


def _refuse_duplicate(service: ServedArchive, source: DataSource) -> None:
    """Raise HttpError if another source has the same program, platform and instrument type.

    Nothing would tell the records of the two apart.
    """
    for other in service.sources.all():
        is_alike = (other.program, other.platform, other.instrument_type) == (
            source.program,
            source.platform,
            source.instrument_type,
        )
        if is_alike and other.identifier != source.identifier:
            raise HttpError(
                409, f"data source {other.identifier} has this program, platform and instrument type", "Duplicate"
            )


def routes(service: ServedArchive) -> Iterator[tuple[str, Resource]]:
    """Yield the paths of data sources."""
    yield f"{API}/data_sources", DataSources(service)
    yield f"{API}/data_sources/search", SourceSearch(service)
    yield f"{API}/data_sources/{{identifier}}", SourceByIdentifier(service)
    yield f"{API}/data_sources/{{identifier}}/stats", SourceStatistics(service)
