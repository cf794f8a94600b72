"""What is known of an archive that is not open, for commands that search nothing: `translate` and `check`."""

from __future__ import annotations

from auroraql.errors import ArchiveError
from auroraql.schema.catalogue import Catalogue, shipped


def known_of(archive: str) -> Catalogue:
    """The sources and metadata keys of an archive, without the network: of a service, those of the disk cache.

    `archive` is `demo`, the path of a catalogue file, `aurorax` or a URL. Where nothing is kept, or a file cannot be
    reached, it is what comes with the package. Raises UsageError for an archive that does not exist.
    """
    if archive == "demo":
        from auroraql.archives.demo import catalogue

        return catalogue()
    # Most statements are translated for the archive that takes no engine to be known.
    from auroraql.archives.opening import open_archive

    try:
        engine = open_archive(archive, "", lambda _line: None)
    except ArchiveError:
        return shipped()
    try:
        return engine.catalogue()
    finally:
        engine.close()
