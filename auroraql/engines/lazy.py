"""Lazy engine: name, capabilities and catalogue are known at once; the archive opens on its first request for records."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, cast

from auroraql.engines.base import Capabilities, Engine
from auroraql.schema.catalogue import Catalogue


def make_lazy(name: str, capabilities: Capabilities, catalogue: Catalogue, open_it: Callable[[], Engine]) -> Engine:
    """Return an engine that calls `open_it` on first use, and raises its errors then."""
    return cast("Engine", _LazyEngine(name, capabilities, catalogue, open_it))


class _LazyEngine:
    """Proxy of an engine that opens it on the first access to another attribute."""

    def __init__(
        self, name: str, capabilities: Capabilities, catalogue: Catalogue, open_it: Callable[[], Engine]
    ) -> None:
        self.name, self.capabilities = name, capabilities
        self._catalogue, self._open_it, self._lock = catalogue, open_it, Lock()
        self._engine: Engine | None = None

    def catalogue(self) -> Catalogue:
        return self._catalogue if self._engine is None else self._engine.catalogue()

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._open(), name)

    def _open(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = self._open_it()
        return self._engine
