"""Offline catalogue of an archive, for commands that do not search: `translate` and `check`."""

from __future__ import annotations

from typing import cast

from auroraql.diagnostics.errors import ArchiveError
from auroraql.engines.registry import find_engine
from auroraql.schema.catalogue import Catalogue, load_shipped


def offline_catalogue(archive: str) -> Catalogue:
    """Return the sources and metadata keys of an archive without network access.

    Services use their disk cache. Without a cache, or if the file is unreachable, return the packaged catalogue.
    Raises UsageError for an archive that does not exist.
    """
    definition = find_engine(archive)
    if definition.catalogue:
        return cast("Catalogue", definition.load(definition.catalogue)())
    # Import here: most statements are translated for the demonstration, which needs no engine.
    from auroraql.engines.base import open_archive

    try:
        engine = open_archive(archive, "", lambda _line: None)
    except ArchiveError:
        return load_shipped()
    try:
        return engine.catalogue()
    finally:
        engine.close()
