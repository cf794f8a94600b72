"""Data sources as the service tells them, at its four levels, with what the server keeps of them beside the catalogue.

The catalogue holds the fields of the level basic_info. Owner, maintainers, metadata and schemas that were uploaded
are in a table of the server's own, `source_records`, which other readers of the file pass over; where it has no row,
the schemas are made from the catalogue's metadata keys.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields

from auroraql.engines.duckdb.catalogue_file import read_source_records
from auroraql.engines.duckdb.engine import EmbeddedEngine
from auroraql.frontends.server.http_types import Document
from auroraql.schema import KINDS, STORED_KINDS
from auroraql.schema.catalogue import DataSource, SourceDetails, statistics_document

BASIC = tuple(field.name for field in fields(DataSource))

SCHEMAS = tuple(kind.schema_key for kind in KINDS.values() if kind.schema_key)

RECORDED = (*SCHEMAS, "owner", "maintainers", "metadata")
"""What the table of the server's own holds."""

_LEVELS = {
    "identifier_only": ("identifier",),
    "basic_info": BASIC,
    "with_metadata": (*BASIC, "metadata"),
    "full_record": (*BASIC, *RECORDED),
}

LEVELS = tuple(_LEVELS)

_FIELDS = (*BASIC, *RECORDED)

RECORDS_TABLE = """
CREATE TABLE IF NOT EXISTS source_records (identifier BIGINT NOT NULL, document VARCHAR NOT NULL)
"""

_NO_SOURCE = -1 << 63

_PATIENCE = 60.0
"""Seconds that counting may take."""


class SourceDirectory:
    """The sources of an archive; thread-safe."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self._engine = engine

    def all(self) -> Sequence[DataSource]:
        """Every source there is now."""
        return self._engine.sources()

    def find(self, identifier: int) -> DataSource | None:
        """The source of an identifier."""
        return next((each for each in self.all() if each.identifier == identifier), None)

    def matching(self, only: Mapping[str, str]) -> list[DataSource]:
        """The sources that have each of these values; empty values and names restrict nothing. `owner` is a name too."""
        wanted = {name: value for name, value in only.items() if value}
        owner = wanted.pop("owner", "")
        return [
            each
            for each in self.all()
            if all(getattr(each, name) == value for name, value in wanted.items())
            and (not owner or self._details(each.identifier).owner == owner)
        ]

    def uploaded_fields(self, identifier: int) -> Document:
        """What was uploaded of a source besides its basic fields. Raises ArchiveError."""
        with self._engine.reading(time.monotonic() + _PATIENCE) as cursor:
            return read_source_records(cursor).get(identifier, {})

    def document(self, source: DataSource, level: str, *, stats: bool = False) -> Document:
        """A source at one of the levels: fields of higher ones are null, as the service sends them."""
        shown = _LEVELS[level or "basic_info"]
        made: Document = dict.fromkeys(_FIELDS)
        # A text that is missing in a catalogue is null, as it is in records.
        made |= {name: None if value == "" else value for name, value in asdict(source).items() if name in shown}
        if set(shown) & set(RECORDED):
            made |= {name: value for name, value in self._extra_fields(source).items() if name in shown}
        if stats:
            made["stats"] = self.stats(source.identifier)
        return made

    def _extra_fields(self, source: DataSource) -> Document:
        details = self._details(source.identifier)
        schemas = {kind.schema_key: details.schemas.get(kind.name) for kind in KINDS.values() if kind.schema_key}
        maintainers = [*(details.maintainers or ())]
        metadata = {} if details.metadata is None else details.metadata
        return {**schemas, "owner": details.owner, "maintainers": maintainers, "metadata": metadata}

    def stats(self, identifier: int) -> Document:
        """How many records a source has, and from when to when. Raises ArchiveError."""
        deadline = time.monotonic() + _PATIENCE
        counted = {kind: self._engine.statistics(kind, deadline) for kind in STORED_KINDS}
        return statistics_document({kind: of[identifier] for kind, of in counted.items() if identifier in of})

    def _details(self, identifier: int) -> SourceDetails:
        return self._engine.details(time.monotonic() + _PATIENCE).get(identifier, SourceDetails())

    def record_shaper(self, level: str) -> Callable[[Document], Document]:
        """Gives the sources in a record another level than basic_info."""
        known = {each.identifier: self.document(each, level) for each in self.all()}

        def shape(record: Document) -> Document:
            for name in ("data_source", "e1_source", "e2_source"):
                if name in record:
                    record[name] = known.get(record[name]["identifier"], record[name])
            for name in ("data_sources", "events"):
                if name in record:
                    record[name] = [
                        known.get(each.get("identifier", _NO_SOURCE), each) for each in map(shape, record[name])
                    ]
            return record

        return shape
