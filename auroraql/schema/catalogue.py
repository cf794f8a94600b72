"""What is known of the data sources and of the metadata keys their records carry.

A `Catalogue` is a value: an archive makes its own, `shipped()` reads the facts that come with the
package. It answers only names; whether a value is unknown is for the resolver to judge, since
AuroraX's lists are not exhaustive.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from auroraql.schema.model import Type

_TYPES = {"string": Type.STRING, "double": Type.NUMBER, "int": Type.INTEGER, "bool": Type.BOOLEAN}


@dataclass(frozen=True, slots=True)
class DataSource:
    """A data source at AuroraX's basic_info level."""

    identifier: int
    program: str
    platform: str
    instrument_type: str
    source_type: str
    display_name: str


@dataclass(frozen=True, slots=True)
class MetadataKey:
    """A metadata key as the sources' schemas declare it (OpenAPI `MetadataSchema`)."""

    name: str
    type: Type
    values: tuple[str, ...] = ()
    doc: str = ""
    programs: tuple[str, ...] = ()
    """The programs whose records carry it; empty when any may."""
    unit: str = ""


@dataclass(frozen=True)
class Catalogue:
    """The sources, and per kind the metadata keys, that an archive knows."""

    sources: tuple[DataSource, ...]
    metadata: dict[str, tuple[MetadataKey, ...]]
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Values of source fields that are known although no complete source shows them."""

    @cached_property
    def _values(self) -> dict[str, tuple[str, ...]]:
        fields = ("program", "platform", "instrument_type", "source_type", "display_name")
        return {f: tuple(sorted({*(getattr(s, f) for s in self.sources), *self.names.get(f, ())})) for f in fields}

    @cached_property
    def _keys(self) -> dict[str, dict[str, MetadataKey]]:
        return {kind: {key.name: key for key in keys} for kind, keys in self.metadata.items()}

    def values(self, name: str) -> tuple[str, ...]:
        """The distinct values of a source field, sorted; empty for a field that has no such list."""
        return self._values.get(name, ())

    def values_of(self, name: str, programs: tuple[str, ...]) -> tuple[str, ...]:
        """The distinct values of a source field that sources of some programs have, sorted."""
        key = (name, programs)
        if key not in self._of_programs:
            found = {getattr(source, name) for source in self.sources if source.program in programs}
            self._of_programs[key] = tuple(sorted(found))
        return self._of_programs[key]

    @cached_property
    def _of_programs(self) -> dict[tuple[str, tuple[str, ...]], tuple[str, ...]]:
        """Values by the field and the programs, kept once asked for."""
        return {}

    def has_source(self, wanted: Mapping[str, Sequence[str]]) -> bool:
        """Whether a source has, for each of the named fields, one of the values."""
        names = tuple(wanted)
        if names not in self._together:
            self._together[names] = {tuple(getattr(s, name) for name in names) for s in self.sources}
        there = self._together[names]
        if all(len(values) == 1 for values in wanted.values()):
            return tuple(values[0] for values in wanted.values()) in there
        return any(all(value in values for value, values in zip(each, wanted.values(), strict=True)) for each in there)

    @cached_property
    def _together(self) -> dict[tuple[str, ...], set[tuple[str, ...]]]:
        """The values of several fields that sources have together, kept once asked for."""
        return {}

    def key(self, kind: str, name: str) -> MetadataKey | None:
        """What is known of one metadata key of a kind."""
        return self._keys.get(kind, {}).get(name)

    def keys(self, kind: str) -> tuple[str, ...]:
        """The names of the metadata keys known for a kind."""
        return tuple(self._keys.get(kind, {}))


def read_sources(text: str) -> tuple[DataSource, ...]:
    """Data sources from CSV with the columns of `DataSource`."""
    rows = csv.DictReader(text.splitlines())
    return tuple(DataSource(int(row.pop("identifier")), **row) for row in rows)


def read_metadata(text: str) -> dict[str, tuple[MetadataKey, ...]]:
    """Metadata keys per kind from the package's own JSON: {kind: [{name, type, values, doc, programs, unit}]}."""
    document: dict[str, list[dict[str, object]]] = json.loads(text)
    return {kind: tuple(map(_key, keys)) for kind, keys in document.items()}


def _key(row: dict[str, object]) -> MetadataKey:
    values, programs = row.get("values") or (), row.get("programs") or ()
    assert isinstance(values, list | tuple)
    assert isinstance(programs, list | tuple)
    return MetadataKey(
        str(row["name"]),
        _TYPES[str(row["type"])],
        tuple(map(str, values)),
        str(row.get("doc", "")),
        tuple(map(str, programs)),
        str(row.get("unit", "")),
    )


@cache
def shipped() -> Catalogue:
    """The facts that come with the package: AuroraX's production sources and their known metadata."""
    folder = Path(__file__).parent
    return Catalogue(
        read_sources((folder / "data_sources.csv").read_text("utf-8")),
        read_metadata((folder / "metadata_keys.json").read_text("utf-8")),
        {f: tuple(names) for f, names in json.loads((folder / "known_names.json").read_text("utf-8")).items()},
    )
