"""The list of a service's data sources on disk, so that completion and checks work at once and without network."""

from __future__ import annotations

import time
from dataclasses import astuple, dataclass
from pathlib import Path

from auroraql.archives.kept_file import KeptFile
from auroraql.schema.catalogue import DataSource

DAY = 24 * 3600.0
_TYPES = [int, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Kept:
    """What stands on disk; `fresh` when it is less than a day old."""

    sources: tuple[DataSource, ...]
    fresh: bool


class KeptSources:
    """The file for one address; `folder` is the user's cache directory, if not given."""

    def __init__(self, url: str, folder: Path | None = None) -> None:
        self._file = KeptFile("sources", url, folder)

    @property
    def path(self) -> Path | None:
        """Where the file is; None where nothing is kept."""
        return self._file.path

    def read(self) -> Kept | None:
        """What is kept; None when there is nothing, or nothing that can be used."""
        document = self._file.read()
        try:
            rows = document["sources"] if document is not None else None
            if document is None or not rows or not all([type(value) for value in row] == _TYPES for row in rows):
                return None
            # A moment to come is that of a clock that was wrong.
            return Kept(tuple(DataSource(*row) for row in rows), 0 <= time.time() - document["saved"] < DAY)
        except (KeyError, TypeError):
            return None

    def write(self, sources: tuple[DataSource, ...]) -> None:
        """Keeps the list."""
        self._file.write({"saved": time.time(), "sources": [astuple(source) for source in sources]})

    def forget(self) -> None:
        """Keeps none: another service is at this address now."""
        self._file.forget()
