"""Offline catalogue of an archive, for commands that do not search: `translate` and `check`."""

from __future__ import annotations

from auroraql.diagnostics.errors import ArchiveError
from auroraql.schema.catalogue import Catalogue, load_shipped


def offline_catalogue(archive: str) -> Catalogue:
    """Return the sources and metadata keys of an archive without network access.

    `archive` is `demo`, a catalogue file's path, `aurorax` or a URL. Services use their disk cache. Without a cache, or
    if the file is unreachable, return the packaged catalogue. Raises UsageError for an archive that does not exist.
    """
    if archive == "demo":
        from auroraql.engines.duckdb.demo import demo_catalogue

        return demo_catalogue()
    # Import here: most statements are translated for the demonstration, which needs no engine.
    from auroraql.engines.registry import open_archive

    try:
        engine = open_archive(archive, "", lambda _line: None)
    except ArchiveError:
        return load_shipped()
    try:
        return engine.catalogue()
    finally:
        engine.close()
