"""JSON file in the user's cache directory with public data of a service, readable by the user alone.

Files never contain a key. Writes are atomic, so that concurrent sessions read either version. A malformed file counts
as missing.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from auroraql.engines.registry import is_loopback


class CacheFile:
    """Cache file with one title for one address; `folder` defaults to the user's cache directory.

    Without `here`, services on this machine are not cached, because another one may use the address later.
    """

    def __init__(self, title: str, url: str, folder: Path | None = None, *, here: bool = True) -> None:
        self._title, self._url, self._folder, self._here = title, url, folder, here

    @property
    def path(self) -> Path | None:
        """Path of the file; None if this address is not cached."""
        if not self._here and self._folder is None and is_loopback(self._url):
            return None
        folder = self._folder or user_cache_path("auroraql")
        digest = hashlib.sha256(self._url.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return folder / f"{self._title}-{digest}.json"

    def read(self) -> dict[str, Any] | None:
        """Return the document; None if it is missing, malformed or of another address."""
        path = self.path
        try:
            document = json.loads(path.read_bytes()) if path is not None else None
        except (OSError, ValueError, RecursionError):
            return None
        return document if isinstance(document, dict) and document.get("address") == self._url else None

    def write(self, document: dict[str, Any]) -> None:
        """Write the document atomically. OSErrors are ignored, because the cache is optional."""
        path = self.path
        if path is None:
            return
        text = json.dumps({"address": self._url, **document})
        temporary = path.with_name(f".{path.name}-{os.urandom(6).hex()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(
                os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
            ) as stream:
                stream.write(text)
            temporary.replace(path)
        except OSError:
            with suppress(OSError):
                temporary.unlink()

    def forget(self) -> None:
        """Delete the file. OSErrors are ignored."""
        with suppress(OSError):
            if self.path is not None:
                self.path.unlink()
