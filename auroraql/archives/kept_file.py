"""What is remembered of a service on disk: a JSON document in the user's cache directory, readable by them alone.

It holds what the service tells everybody, never a key. It is written whole or not at all, so that sessions side by
side find the one or the other; whatever is wrong with it, it is as if there were none.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from auroraql.archives.endpoints import is_loopback


class KeptFile:
    """The file of one title for one address; `folder` is the user's cache directory, if not given.

    Where it is not `here`, nothing is kept of a service on one's own machine, which may be another one tomorrow.
    """

    def __init__(self, title: str, url: str, folder: Path | None = None, *, here: bool = True) -> None:
        self._title, self._url, self._folder, self._here = title, url, folder, here

    @property
    def path(self) -> Path | None:
        """Where the file is; None where nothing is kept."""
        if not self._here and self._folder is None and is_loopback(self._url):
            return None
        folder = self._folder or user_cache_path("auroraql")
        digest = hashlib.sha256(self._url.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return folder / f"{self._title}-{digest}.json"

    def read(self) -> dict[str, Any] | None:
        """What is kept; None when there is nothing, or nothing of this address."""
        path = self.path
        try:
            document = json.loads(path.read_bytes()) if path is not None else None
        except (OSError, ValueError, RecursionError):
            return None
        return document if isinstance(document, dict) and document.get("address") == self._url else None

    def write(self, document: dict[str, Any]) -> None:
        """Keeps it, whole or not at all; a disk that takes nothing is no reason to fail."""
        path = self.path
        if path is None:
            return
        text = json.dumps({"address": self._url, **document})
        made = path.with_name(f".{path.name}-{os.urandom(6).hex()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
                stream.write(text)
            made.replace(path)
        except OSError:
            with suppress(OSError):
                made.unlink()

    def forget(self) -> None:
        """Keeps it no longer."""
        with suppress(OSError):
            if self.path is not None:
                self.path.unlink()
