"""Disk cache of a service's data sources, for completion and checks without the network.

It stores the sources with their full_record details. Equal metadata schemas are stored once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from auroraql.engines.disk_cache import CacheFile
from auroraql.schema import KINDS
from auroraql.schema.catalogue import DataSource, SourceDetails, Statistics

DAY_SECONDS = 24 * 3600.0
_TYPES = [int, str, str, str, str, str]
STATISTICS_SECONDS = 600.0
"""Maximum age of statistics in seconds; archives receive records continuously."""


@dataclass(frozen=True, slots=True)
class CachedSources:
    """Content of the cache; `fresh` if it is less than a day old.

    `statistics` by kind and identifier are empty if they were never requested, and `statistics_fresh` if they are less
    than ten minutes old.
    """

    sources: tuple[DataSource, ...]
    is_fresh: bool
    details: Mapping[int, SourceDetails] = field(default_factory=dict)
    statistics: Mapping[str, Mapping[int, Statistics]] = field(default_factory=dict)
    are_statistics_fresh: bool = False


class SourceCache:
    """Source cache of one address; `folder` defaults to the user's cache directory."""

    def __init__(self, url: str, folder: Path | None = None) -> None:
        self._file = CacheFile("sources", url, folder)
        self._statistics = CacheFile("statistics", url, folder)

    @property
    def path(self) -> Path | None:
        """Path of the file; None if this address is not cached."""
        return self._file.path

    def read(self) -> CachedSources | None:
        """Return the content; None if the file is missing or malformed."""
        document = self._file.read()
        try:
            rows = document["sources"] if document is not None else None
            if document is None or not rows or not all([type(value) for value in row] == _TYPES for row in rows):
                return None
            # A time in the future comes from a wrong clock.
            fresh = 0 <= time.time() - document["saved"] < DAY_SECONDS
            return CachedSources(
                tuple(DataSource(*row) for row in rows), fresh, _read_details(document), *self._read_statistics()
            )
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            return None

    def write(self, sources: tuple[DataSource, ...], details: Mapping[int, SourceDetails]) -> None:
        """Replace the sources and their details."""
        schemas: list[object] = []
        rows = {identifier: _write_details(source_details, schemas) for identifier, source_details in details.items()}
        document = {"saved": time.time(), "sources": [astuple(source) for source in sources]}
        self._file.write({**document, "schemas": schemas, "details": rows})

    def write_statistics(self, statistics: Mapping[str, Mapping[int, Statistics]]) -> None:
        """Replace the statistics."""
        rows = {
            kind: {
                identifier: [
                    source_statistics.count,
                    *map(_time_text, (source_statistics.earliest, source_statistics.latest)),
                ]
                for identifier, source_statistics in by_source.items()
            }
            for kind, by_source in statistics.items()
        }
        self._statistics.write({"saved": time.time(), "statistics": rows})

    def _read_statistics(self) -> tuple[Mapping[str, Mapping[int, Statistics]], bool]:
        document = self._statistics.read()
        try:
            if document is None:
                return {}, False
            statistics = {
                kind: {
                    int(identifier): Statistics(int(row[0]), *map(_read_time, row[1:]))
                    for identifier, row in by_source.items()
                }
                for kind, by_source in document["statistics"].items()
                if kind in KINDS
            }
            return statistics, 0 <= time.time() - document["saved"] < STATISTICS_SECONDS
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            return {}, False

    def forget(self) -> None:
        """Delete the files, because another service uses the address."""
        self._file.forget()
        self._statistics.forget()


def _write_details(details: SourceDetails, schemas: list[object]) -> dict[str, Any]:
    """Return a source's details as JSON, with indices into `schemas`, to which new schemas are appended."""
    schema_indices = {}
    for kind, schema in details.schemas.items():
        entries = [dict(entry) for entry in schema]
        if entries not in schemas:
            schemas.append(entries)
        schema_indices[kind] = schemas.index(entries)
    maintainers = None if details.maintainers is None else [*details.maintainers]
    return {"schemas": schema_indices, "owner": details.owner, "maintainers": maintainers, "metadata": details.metadata}


def _read_details(document: Mapping[str, Any]) -> dict[int, SourceDetails]:
    """Return details by identifier. A malformed document raises an error that `read` catches."""
    schemas = document["schemas"]
    if not all(isinstance(entry, dict) for schema in schemas for entry in schema):
        raise TypeError
    details = {}
    for identifier, row in document["details"].items():
        maintainers = None if row["maintainers"] is None else tuple(map(str, row["maintainers"]))
        source_schemas = {kind: schemas[index] for kind, index in row["schemas"].items() if kind in KINDS}
        details[int(identifier)] = SourceDetails(source_schemas, row["owner"], maintainers, row["metadata"])
    return details


def _time_text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _read_time(text: str | None) -> datetime | None:
    """Return the time in ISO format. Raises TypeError or ValueError."""
    return None if text is None else datetime.fromisoformat(text)
