"""Opens archives by name: `demo`, a catalogue file's path, `aurorax` or a URL. Imports only the engine needed.

Opening may be lazy. Run as a program, this module prints the summary of an archive, or builds the demonstration.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from auroraql.diagnostics.errors import UsageError
from auroraql.engines.addresses import AURORAX, AURORAX_URL, is_aurorax, is_remote, resolve_url
from auroraql.engines.base import DEFAULT_TIMEOUT, EMBEDDED, Engine
from auroraql.engines.lazy import EngineSummary, make_lazy, read_summary, write_summary

__all__ = ["AURORAX_URL", "open_archive", "open_lazily"]

Say = Callable[[str], None]


def open_archive(
    archive: str | os.PathLike[str], api_key: str | None, say: Say, timeout: float = DEFAULT_TIMEOUT.total_seconds()
) -> Engine:
    """Open an archive; a catalogue file within `timeout` seconds.

    `api_key` defaults to AURORAX_API_KEY for AuroraX itself. `say` receives lines about slow steps. Raises UsageError
    for an archive that does not exist, Unreachable for one that cannot be opened, TimedOut.
    """
    if isinstance(archive, str) and is_remote(archive):
        from auroraql.engines.aurorax import AuroraXEngine

        url = resolve_url(archive)
        key = api_key
        if key is None and is_aurorax(url):
            key = os.environ.get("AURORAX_API_KEY")
        return AuroraXEngine(url, api_key=key or None, name=archive if archive == AURORAX else None)
    from auroraql.engines.duckdb.engine import EmbeddedEngine

    if not archive:
        raise UsageError("no archive is named", "use demo, a catalogue file, aurorax or a URL")
    deadline = time.monotonic() + timeout
    return EmbeddedEngine(None if archive == "demo" else Path(archive), say=say, deadline=deadline)


def open_lazily(
    archive: str | os.PathLike[str], api_key: str | None, say: Say, timeout: float = DEFAULT_TIMEOUT.total_seconds()
) -> Engine:
    """Return an archive that opens on its first request for records; name and catalogue are available at once.

    Raises the errors of `open_archive`.
    """
    if archive == "demo":
        say_once = _say_once(say)
        return _open_demonstration(lambda: open_archive(archive, api_key, say_once), say_once)
    summary = read_summary(_PROGRAM, str(archive))
    if summary is None:
        return open_archive(archive, api_key, say, timeout)
    return make_lazy(summary, lambda: open_archive(archive, api_key, say, timeout))


_SOON = 0.5
"""Seconds until the build of the demonstration is reported. An unusable cache directory is known sooner."""

_PROGRAM = [sys.executable, "-m", "auroraql.engines.registry"]


def _open_demonstration(open_it: Callable[[], Engine], say: Say) -> Engine:
    """Return the lazily opened demonstration, and build its file in a background process if it is missing."""
    from auroraql.engines.duckdb.demo import demo_catalogue
    from auroraql.engines.duckdb.demo.location import DEMO_NAME, demo_cache_path

    summary = EngineSummary(DEMO_NAME, replace(EMBEDDED, demonstration=True), demo_catalogue())
    if demo_cache_path(None).is_file():
        return make_lazy(summary, open_it)
    import subprocess  # deferred: needed only to start a process

    devnull = subprocess.DEVNULL
    # In its own session, so that neither Ctrl-C nor the end of the prompt stops it.
    build_process = subprocess.Popen(
        [*_PROGRAM, DEMO_NAME], stdin=devnull, stdout=devnull, stderr=devnull, start_new_session=True
    )

    def open_built() -> Engine:
        try:
            build_process.wait(_SOON)
        except subprocess.TimeoutExpired:
            say("Building the demonstration catalogue (once, a few seconds).")
            build_process.wait()
        return open_it()  # reports errors of the build

    return make_lazy(summary, open_built)


def _say_once(say: Say) -> Say:
    """Return a `say` that reports each line once, even if opening is retried."""
    reported: set[str] = set()

    def say_once(line: str) -> None:
        if line not in reported:
            reported.add(line)
            say(line)

    return say_once


def _main(archive: str) -> None:
    if archive == "demo":
        from auroraql.engines.duckdb.demo.demo_cache import build_cache

        build_cache()
    else:
        sys.stdout.write(write_summary(open_archive(archive, None, lambda _line: None)))


if __name__ == "__main__":
    _main(sys.argv[1])
