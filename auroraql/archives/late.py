"""An archive that is opened when it is first asked for records: what it is called and what it knows are told before.

So that a prompt takes no more memory than an editor until something is searched. What a catalogue file or a service
knows is read in a process of its own, which then ends; whatever goes wrong there goes wrong again when it is opened here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass
from threading import Lock
from typing import Any, cast

from auroraql.archives.base import Capabilities, Engine
from auroraql.schema import Type
from auroraql.schema.catalogue import Catalogue, DataSource, MetadataKey

_LONGEST_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Glance:
    """What is known of an archive that is not open."""

    name: str
    capabilities: Capabilities
    catalogue: Catalogue


def late(glance: Glance, open_it: Callable[[], Engine]) -> Engine:
    """The archive that `open_it` opens, once it is needed. Raises then what opening it raises."""
    return cast("Engine", _Late(glance, open_it))


class _Late:
    """Stands for an engine, and is asked what the engine is asked."""

    def __init__(self, glance: Glance, open_it: Callable[[], Engine]) -> None:
        self._glance, self._open_it, self._lock = glance, open_it, Lock()
        self._engine: Engine | None = None

    @property
    def name(self) -> str:
        return self._glance.name

    @property
    def capabilities(self) -> Capabilities:
        return self._glance.capabilities

    def catalogue(self) -> Catalogue:
        return self._glance.catalogue if self._engine is None else self._engine.catalogue()

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._opened(), name)

    def _opened(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = self._open_it()
        return self._engine


def looked_at(program: list[str], archive: str) -> Glance | None:
    """What a program that writes it finds out of an archive; None where it finds nothing."""
    import subprocess  # only where a program is started

    try:
        done = subprocess.run([*program, archive], capture_output=True, check=True, timeout=_LONGEST_WAIT)
        return _read(json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return None


def written(engine: Engine) -> str:
    """What is known of an engine, as the process writes it that has it open."""
    known = engine.catalogue()
    metadata = {kind: [asdict(key) for key in keys] for kind, keys in known.metadata.items()}
    lists = list({id(keys): keys for of in known.schemas.values() for keys in of.values()}.values())
    places = {id(keys): place for place, keys in enumerate(lists)}
    document = {
        "name": engine.name,
        "capabilities": asdict(engine.capabilities),
        "sources": [astuple(source) for source in known.sources],
        "metadata": metadata,
        "lists": [[asdict(key) for key in keys] for keys in lists],
        "schemas": {kind: {at: places[id(keys)] for at, keys in of.items()} for kind, of in known.schemas.items()},
        "is_shipped": known.is_shipped,
    }
    return json.dumps(document, default=lambda value: value.value)


def _read(document: dict[str, Any]) -> Glance:
    metadata = {kind: tuple(map(_key, keys)) for kind, keys in document["metadata"].items()}
    lists = [tuple(map(_key, keys)) for keys in document["lists"]]
    schemas = {kind: {int(at): lists[place] for at, place in of.items()} for kind, of in document["schemas"].items()}
    sources = tuple(DataSource(*row) for row in document["sources"])
    catalogue = Catalogue(sources, metadata, schemas, document["is_shipped"])
    return Glance(document["name"], Capabilities(**document["capabilities"]), catalogue)


def _key(row: dict[str, Any]) -> MetadataKey:
    values, programs = tuple(row["values"]), tuple(row["programs"])
    return MetadataKey(**{**row, "type": Type(row["type"]), "values": values, "programs": programs})
