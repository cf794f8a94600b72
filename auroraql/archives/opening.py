"""Which archive a name means: `demo`, the path of a catalogue file, `aurorax`, a URL. Each is loaded only when asked for.

An archive may be opened late, when it is first asked for records. Run as a program, this writes what is known of one, or
builds the demonstration.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from auroraql.archives.base import DEFAULT_TIMEOUT, EMBEDDED, Engine
from auroraql.archives.endpoints import AURORAX, AURORAX_URL, is_aurorax, is_remote, url_of
from auroraql.archives.late import Glance, late, looked_at, written
from auroraql.errors import UsageError

__all__ = ["AURORAX_URL", "open_archive", "open_late"]

Say = Callable[[str], None]


def open_archive(
    archive: str | os.PathLike[str], api_key: str | None, say: Say, timeout: float = DEFAULT_TIMEOUT.total_seconds()
) -> Engine:
    """Open an archive; a catalogue file within `timeout` seconds.

    Raises UsageError for one there is not, Unreachable for one that cannot be opened, TimedOut.
    """
    if isinstance(archive, str) and is_remote(archive):
        from auroraql.archives.aurorax import AuroraXEngine

        url = url_of(archive)
        key = api_key
        if key is None and is_aurorax(url):
            key = os.environ.get("AURORAX_API_KEY")
        return AuroraXEngine(url, api_key=key or None, name=archive if archive == AURORAX else None)
    from auroraql.archives.embedded import EmbeddedEngine

    if not archive:
        raise UsageError("no archive is named", "use demo, a catalogue file, aurorax or a URL")
    deadline = time.monotonic() + timeout
    return EmbeddedEngine(None if archive == "demo" else Path(archive), say=say, deadline=deadline)


def open_late(
    archive: str | os.PathLike[str], api_key: str | None, say: Say, timeout: float = DEFAULT_TIMEOUT.total_seconds()
) -> Engine:
    """The same, opened when it is first asked for records; what it knows is there at once. Raises as `open_archive`."""
    if archive == "demo":
        tell = _once(say)
        return _demonstration(lambda: open_archive(archive, api_key, tell), tell)
    glance = looked_at(_PROGRAM, str(archive))
    if glance is None:
        return open_archive(archive, api_key, say, timeout)
    return late(glance, lambda: open_archive(archive, api_key, say, timeout))


_SOON = 0.5
"""Seconds after which it is said that the demonstration is being built; where it cannot be kept, that is known sooner."""

_PROGRAM = [sys.executable, "-m", "auroraql.archives.opening"]


def _demonstration(open_it: Callable[[], Engine], say: Say) -> Engine:
    """The demonstration, whose names come with the package. It is built meanwhile, where it was not yet."""
    from auroraql.archives.demo import catalogue
    from auroraql.archives.demo.place import NAME, cached_file

    glance = Glance(NAME, replace(EMBEDDED, demonstration=True), catalogue())
    if cached_file(None).is_file():
        return late(glance, open_it)
    import subprocess  # only where a program is started

    nothing = subprocess.DEVNULL
    # In a session of its own: Ctrl-C at the prompt is not for it, nor is the end of the prompt.
    building = subprocess.Popen(
        [*_PROGRAM, NAME], stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
    )

    def built() -> Engine:
        try:
            building.wait(_SOON)
        except subprocess.TimeoutExpired:
            say("Building the demonstration catalogue (once, a few seconds).")
            building.wait()
        return open_it()  # what went wrong there is said here

    return late(glance, built)


def _once(say: Say) -> Say:
    """Says each line once, however often what it is about is tried again."""
    said: set[str] = set()

    def tell(line: str) -> None:
        if line not in said:
            said.add(line)
            say(line)

    return tell


def _main(archive: str) -> None:
    if archive == "demo":
        from auroraql.archives.demo.store import keep

        keep()
    else:
        sys.stdout.write(written(open_archive(archive, None, lambda _line: None)))


if __name__ == "__main__":
    _main(sys.argv[1])
