"""The list of a service's data sources on disk, so that completion and checks work at once and without network.

One file an address, in the user's cache directory, readable by the user alone. It holds names that the service gives
to everybody, never a key. Whatever is wrong with a file, it is as if there were none.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import astuple, dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_cache_path

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
        self._url, self._folder = url, folder

    @property
    def path(self) -> Path | None:
        """Where the file is. None on one's own machine: a service there comes and goes, and is quick to ask."""
        if self._folder is None and _is_here(self._url):
            return None
        folder = self._folder or user_cache_path("auroraql")
        return folder / f"sources-{hashlib.sha256(self._url.encode()).hexdigest()[:16]}.json"

    def read(self) -> Kept | None:
        """What is kept; None when there is nothing, or nothing that can be used."""
        path = self.path
        try:
            document = json.loads(path.read_bytes()) if path is not None else None
            if document is None or document["address"] != self._url:
                return None
            rows = document["sources"]
            if not rows or not all([type(value) for value in row] == _TYPES for row in rows):
                return None
            # A moment to come is that of a clock that was wrong.
            return Kept(tuple(DataSource(*row) for row in rows), 0 <= time.time() - document["saved"] < DAY)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def write(self, sources: tuple[DataSource, ...]) -> None:
        """Keeps the list, whole or not at all; a disk that takes nothing is no reason to fail."""
        path = self.path
        if path is None:
            return
        rows = [astuple(source) for source in sources]
        text = json.dumps({"address": self._url, "saved": time.time(), "sources": rows})
        made = path.with_name(f".{path.name}-{os.urandom(6).hex()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
                stream.write(text)
            made.replace(path)
        except OSError:
            with suppress(OSError):
                made.unlink()


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
