"""Data sources in AuroraX's format, at its four levels of detail.

The catalogue holds the fields of the level basic_info. Owners, maintainers, metadata and schemas are in its table
`source_records`. For sources without a row there, the schemas are derived from the catalogue's metadata keys.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields

from auroraql.engines.duckdb.catalogue_file import read_source_records
from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.frontends.server.http_types import Document
from auroraql.schema import KINDS, STORED_KINDS
from auroraql.schema.catalogue import DataSource, SourceDetails, statistics_document

BASIC = tuple(field.name for field in fields(DataSource))

SCHEMAS = tuple(kind.schema_key for kind in KINDS.values() if kind.schema_key)

RECORDED = (*SCHEMAS, "owner", "maintainers", "metadata")
"""Fields in the table `source_records`."""

_LEVELS = {
    "identifier_only": ("identifier",),
    "basic_info": BASIC,
    "with_metadata": (*BASIC, "metadata"),
    "full_record": (*BASIC, *RECORDED),
}

LEVELS = tuple(_LEVELS)

_FIELDS = (*BASIC, *RECORDED)

_NO_SOURCE = -1 << 63

_COUNT_TIMEOUT_SECONDS = 60.0
"""Deadline in seconds for counting records."""


class SourceDirectory:
    """Data sources of an archive. Thread-safe."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self._engine = engine

    def all(self) -> Sequence[DataSource]:
        """Return all current sources."""
        return self._engine.sources()

    def find(self, identifier: int) -> DataSource | None:
        """Return the source with an identifier, or None."""
        return next((source for source in self.all() if source.identifier == identifier), None)

    def matching(self, only: Mapping[str, str]) -> list[DataSource]:
        """Return the sources with all of these values by field name, including `owner`. Empty values restrict nothing."""
        filters = {name: value for name, value in only.items() if value}
        owner = filters.pop("owner", "")
        return [
            source
            for source in self.all()
            if all(getattr(source, name) == value for name, value in filters.items())
            and (not owner or self._details(source.identifier).owner == owner)
        ]

    def uploaded_fields(self, identifier: int) -> Document:
        """Return the uploaded fields of a source beyond the basic ones. Raises ArchiveError."""
        with self._engine.reading(time.monotonic() + _COUNT_TIMEOUT_SECONDS) as cursor:
            return read_source_records(cursor).get(identifier, {})

    def document(self, source: DataSource, level: str, *, stats: bool = False) -> Document:
        """Return a source at a level of detail. Fields of higher levels are null, as in AuroraX's responses."""
        visible = _LEVELS[level or "basic_info"]
        document: Document = dict.fromkeys(_FIELDS)
        # A missing text in a catalogue is null, as it is in records.
        document |= {name: None if value == "" else value for name, value in asdict(source).items() if name in visible}
        if set(visible) & set(RECORDED):
            document |= {name: value for name, value in self._extra_fields(source).items() if name in visible}
        if stats:
            document["stats"] = self.stats(source.identifier)
        return document

    def _extra_fields(self, source: DataSource) -> Document:
        details = self._details(source.identifier)
        schemas = {kind.schema_key: details.schemas.get(kind.name) for kind in KINDS.values() if kind.schema_key}
        maintainers = [*(details.maintainers or ())]
        metadata = {} if details.metadata is None else details.metadata
        return {**schemas, "owner": details.owner, "maintainers": maintainers, "metadata": metadata}

    def stats(self, identifier: int) -> Document:
        """Return the number of records of a source and their time range. Raises ArchiveError."""
        deadline = time.monotonic() + _COUNT_TIMEOUT_SECONDS
        counts = {kind: self._engine.statistics(kind, deadline) for kind in STORED_KINDS}
        return statistics_document(
            {kind: by_source[identifier] for kind, by_source in counts.items() if identifier in by_source}
        )

    def _details(self, identifier: int) -> SourceDetails:
        return self._engine.details(time.monotonic() + _COUNT_TIMEOUT_SECONDS).get(identifier, SourceDetails())

    def record_shaper(self, level: str) -> Callable[[Document], Document]:
        """Return a function that replaces the sources in a record by their form at another level."""
        documents = {source.identifier: self.document(source, level) for source in self.all()}

        def shape(record: Document) -> Document:
            for name in ("data_source", "e1_source", "e2_source"):
                if name in record:
                    record[name] = documents.get(record[name]["identifier"], record[name])
            for name in ("data_sources", "events"):
                if name in record:
                    record[name] = [
                        documents.get(part.get("identifier", _NO_SOURCE), part) for part in map(shape, record[name])
                    ]
            return record

        return shape
