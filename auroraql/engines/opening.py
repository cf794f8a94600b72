"""Opening of archives by name, eagerly or lazily, through the engine registry."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import cast

from auroraql.diagnostics.errors import UsageError
from auroraql.engines.base import DEFAULT_TIMEOUT, Engine
from auroraql.engines.registry import archive_forms, find_engine

Say = Callable[[str], None]


def open_archive(
    archive: str | os.PathLike[str], api_key: str | None, say: Say, timeout: float = DEFAULT_TIMEOUT.total_seconds()
) -> Engine:
    """Open an archive; a catalogue file within `timeout` seconds.

    `api_key` defaults to AURORAX_API_KEY for AuroraX itself. `say` receives lines about slow steps. Raises UsageError
    for an archive that does not exist, Unreachable for one that cannot be opened, TimedOut.
    """
    return _open(archive, api_key, say, timeout, lazily=False)


def open_lazily(
    archive: str | os.PathLike[str], api_key: str | None, say: Say, timeout: float = DEFAULT_TIMEOUT.total_seconds()
) -> Engine:
    """Return an archive whose name and catalogue are available at once; it may open on the first request for records.

    Raises the errors of `open_archive`.
    """
    return _open(archive, api_key, say, timeout, lazily=True)


def _open(archive: str | os.PathLike[str], api_key: str | None, say: Say, timeout: float, *, lazily: bool) -> Engine:
    if not archive:
        raise UsageError("no archive is named", f"use {archive_forms()}")
    definition = find_engine(archive)
    opener = definition.load((lazily and definition.lazy_opener) or definition.opener)
    return cast("Engine", opener(archive, api_key, say, time.monotonic() + timeout))
