"""Which archive a name means: `demo`, the path of a catalogue file, `aurorax`, a URL. Each is loaded only when asked for.

An archive may be opened late, when it is first asked for records. Run as a program, this writes what is known of one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from auroraql.archives.base import Capabilities, Engine, Watch
from auroraql.archives.late import Glance, late, looked_at, written
from auroraql.errors import UsageError

AURORAX_URL = "https://api.aurorax.space"

Say = Callable[[str], None]


def open_archive(archive: str | os.PathLike[str], api_key: str | None, say: Say, watch: Watch | None) -> Engine:
    """Opens an archive. Raises UsageError for one there is not, Unreachable for one that cannot be opened."""
    if isinstance(archive, str) and (archive == "aurorax" or "://" in archive):
        from auroraql.archives.aurorax import AuroraXEngine

        url = AURORAX_URL if archive == "aurorax" else archive
        key = api_key if api_key is not None else os.environ.get("AURORAX_API_KEY")
        return AuroraXEngine(url, api_key=key or None, name=archive if archive == "aurorax" else None, watch=watch)
    from auroraql.archives.embedded import EmbeddedEngine

    if not archive:
        raise UsageError("no archive is named", "use demo, a catalogue file, aurorax or a URL")
    return EmbeddedEngine(None if archive == "demo" else Path(archive), say=say)


def open_late(archive: str | os.PathLike[str], api_key: str | None, say: Say, watch: Watch | None) -> Engine:
    """The same, opened when it is first asked for records; what it knows is there at once. Raises as `open_archive`."""
    glance = _demonstration(say) if archive == "demo" else looked_at(_PROGRAM, str(archive))
    if glance is None:
        return open_archive(archive, api_key, say, watch)
    return late(glance, lambda: open_archive(archive, api_key, say, watch))


_PROGRAM = [sys.executable, "-m", "auroraql.archives.opening"]


def _demonstration(say: Say) -> Glance:
    """The demonstration, whose names come with the package; it is built meanwhile where it was not yet."""
    from auroraql.archives.demo import catalogue
    from auroraql.archives.demo.place import NAME, cached_file

    if not cached_file(None).is_file():
        say(f"Building the demonstration catalogue in {cached_file(None).parent} (once, a few seconds).")
        # What it cannot do there is said when the archive is opened here.
        subprocess.run([*_PROGRAM, NAME], capture_output=True, check=False)
    return Glance(NAME, Capabilities(whole_query=True, demonstration=True), catalogue())


if __name__ == "__main__":
    sys.stdout.write(written(open_archive(sys.argv[1], None, lambda _line: None, None)))
