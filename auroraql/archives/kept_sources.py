"""The disk cache of a service's data sources: completion and checks work at once, without the network.

The file holds the sources with what the level full_record has of them; equal metadata schemas are written once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from auroraql.archives.kept_file import KeptFile
from auroraql.schema import KINDS
from auroraql.schema.catalogue import DataSource, SourceDetails, Statistics

DAY = 24 * 3600.0
_TYPES = [int, str, str, str, str, str]
STATISTICS_SECONDS = 600.0
"""How long statistics count as current: an archive receives records all the time."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The content of the file; `fresh` when it is less than a day old.

    `statistics` are by kind and identifier, empty where they were never asked for, and `statistics_fresh` when they
    are less than ten minutes old.
    """

    sources: tuple[DataSource, ...]
    fresh: bool
    details: Mapping[int, SourceDetails] = field(default_factory=dict)
    statistics: Mapping[str, Mapping[int, Statistics]] = field(default_factory=dict)
    statistics_fresh: bool = False


class KeptSources:
    """The file for one address; `folder` is the user's cache directory, if not given."""

    def __init__(self, url: str, folder: Path | None = None) -> None:
        self._file = KeptFile("sources", url, folder)
        self._statistics = KeptFile("statistics", url, folder)

    @property
    def path(self) -> Path | None:
        """Where the file is; None where nothing is kept."""
        return self._file.path

    def read(self) -> Kept | None:
        """The content; None when there is no file, or none that can be used."""
        document = self._file.read()
        try:
            rows = document["sources"] if document is not None else None
            if document is None or not rows or not all([type(value) for value in row] == _TYPES for row in rows):
                return None
            # A moment in the future was written by a clock that was wrong.
            fresh = 0 <= time.time() - document["saved"] < DAY
            return Kept(
                tuple(DataSource(*row) for row in rows), fresh, _read_details(document), *self._read_statistics()
            )
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            return None

    def write(self, sources: tuple[DataSource, ...], details: Mapping[int, SourceDetails]) -> None:
        """Replaces the sources and their details."""
        schemas: list[object] = []
        rows = {identifier: _write_details(each, schemas) for identifier, each in details.items()}
        document = {"saved": time.time(), "sources": [astuple(source) for source in sources]}
        self._file.write({**document, "schemas": schemas, "details": rows})

    def write_statistics(self, statistics: Mapping[str, Mapping[int, Statistics]]) -> None:
        """Replaces the statistics."""
        rows = {
            kind: {
                identifier: [each.count, *map(_text, (each.earliest, each.latest))] for identifier, each in of.items()
            }
            for kind, of in statistics.items()
        }
        self._statistics.write({"saved": time.time(), "statistics": rows})

    def _read_statistics(self) -> tuple[Mapping[str, Mapping[int, Statistics]], bool]:
        document = self._statistics.read()
        try:
            if document is None:
                return {}, False
            statistics = {
                kind: {
                    int(identifier): Statistics(int(row[0]), *map(_moment, row[1:])) for identifier, row in of.items()
                }
                for kind, of in document["statistics"].items()
                if kind in KINDS
            }
            return statistics, 0 <= time.time() - document["saved"] < STATISTICS_SECONDS
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            return {}, False

    def forget(self) -> None:
        """Deletes the file: another service is at this address now."""
        self._file.forget()
        self._statistics.forget()


def _write_details(details: SourceDetails, schemas: list[object]) -> dict[str, Any]:
    """One source's details, its schemas as places in `schemas`, which grows by those that it does not have yet."""
    places = {}
    for kind, schema in details.schemas.items():
        written = [dict(entry) for entry in schema]
        if written not in schemas:
            schemas.append(written)
        places[kind] = schemas.index(written)
    maintainers = None if details.maintainers is None else [*details.maintainers]
    return {"schemas": places, "owner": details.owner, "maintainers": maintainers, "metadata": details.metadata}


def _read_details(document: Mapping[str, Any]) -> dict[int, SourceDetails]:
    """The details by identifier. Raises KeyError, TypeError, ValueError, IndexError or AttributeError for another shape."""
    schemas = document["schemas"]
    if not all(isinstance(entry, dict) for schema in schemas for entry in schema):
        raise TypeError
    details = {}
    for identifier, row in document["details"].items():
        maintainers = None if row["maintainers"] is None else tuple(map(str, row["maintainers"]))
        held = {kind: schemas[place] for kind, place in row["schemas"].items() if kind in KINDS}
        details[int(identifier)] = SourceDetails(held, row["owner"], maintainers, row["metadata"])
    return details


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    """The moment that a text spells. Raises TypeError or ValueError."""
    return None if text is None else datetime.fromisoformat(text)
