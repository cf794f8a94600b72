"""Lazy engine: name, capabilities and catalogue are known at once; the archive opens on its first request for records.

A prompt therefore uses little memory until the first search. A short-lived process reads the catalogue of a file or
service. If that fails, the archive is opened here, which raises the error.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass
from threading import Lock
from typing import Any, cast

from auroraql.engines.base import Capabilities, Engine
from auroraql.schema import Type
from auroraql.schema.catalogue import Catalogue, DataSource, MetadataKey

_LONGEST_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class EngineSummary:
    """Name, capabilities and catalogue of an archive that is not open."""

    name: str
    capabilities: Capabilities
    catalogue: Catalogue


def make_lazy(summary: EngineSummary, open_it: Callable[[], Engine]) -> Engine:
    """Return an engine that calls `open_it` on first use, and raises its errors then."""
    return cast("Engine", _LazyEngine(summary, open_it))


class _LazyEngine:
    """Proxy of an engine that opens it on the first access to another attribute."""

    def __init__(self, summary: EngineSummary, open_it: Callable[[], Engine]) -> None:
        self._summary, self._open_it, self._lock = summary, open_it, Lock()
        self._engine: Engine | None = None

    @property
    def name(self) -> str:
        return self._summary.name

    @property
    def capabilities(self) -> Capabilities:
        return self._summary.capabilities

    def catalogue(self) -> Catalogue:
        return self._summary.catalogue if self._engine is None else self._engine.catalogue()

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


def read_summary(program: list[str], archive: str) -> EngineSummary | None:
    """Return the summary that a program prints about an archive; None if the program fails."""
    import subprocess  # deferred: needed only to start a process

    try:
        completed = subprocess.run([*program, archive], capture_output=True, check=True, timeout=_LONGEST_WAIT)
        return _read_summary(json.loads(completed.stdout))
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return None


def write_summary(engine: Engine) -> str:
    """Return the summary of an open engine as JSON, for `looked_at`."""
    catalogue = engine.catalogue()
    metadata = {kind: [asdict(key) for key in keys] for kind, keys in catalogue.metadata.items()}
    lists = list({id(keys): keys for by_source in catalogue.schemas.values() for keys in by_source.values()}.values())
    list_indices = {id(keys): index for index, keys in enumerate(lists)}
    document = {
        "name": engine.name,
        "capabilities": asdict(engine.capabilities),
        "sources": [astuple(source) for source in catalogue.sources],
        "metadata": metadata,
        "lists": [[asdict(key) for key in keys] for keys in lists],
        "schemas": {
            kind: {identifier: list_indices[id(keys)] for identifier, keys in by_source.items()}
            for kind, by_source in catalogue.schemas.items()
        },
        "is_shipped": catalogue.is_shipped,
    }
    return json.dumps(document, default=lambda value: value.value)


def _read_summary(document: dict[str, Any]) -> EngineSummary:
    metadata = {kind: tuple(map(_metadata_key, keys)) for kind, keys in document["metadata"].items()}
    lists = [tuple(map(_metadata_key, keys)) for keys in document["lists"]]
    schemas = {
        kind: {int(identifier): lists[index] for identifier, index in by_source.items()}
        for kind, by_source in document["schemas"].items()
    }
    sources = tuple(DataSource(*row) for row in document["sources"])
    catalogue = Catalogue(sources, metadata, schemas, document["is_shipped"])
    return EngineSummary(document["name"], Capabilities(**document["capabilities"]), catalogue)


def _metadata_key(row: dict[str, Any]) -> MetadataKey:
    values, programs = tuple(row["values"]), tuple(row["programs"])
    return MetadataKey(**{**row, "type": Type(row["type"]), "values": values, "programs": programs})
