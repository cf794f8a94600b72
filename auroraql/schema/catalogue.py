"""What is known of the data sources and of the metadata keys their records carry.

A `Catalogue` is a value: an archive makes its own, `shipped()` reads the facts that come with the
package. It answers only names; whether a value is unknown is for the resolver to judge, since
AuroraX's lists are not exhaustive.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from auroraql.schema import PROTOCOLS, STORED_KINDS
from auroraql.schema.model import Type

_TYPES = {"string": Type.STRING, "double": Type.NUMBER, "int": Type.INTEGER, "bool": Type.BOOLEAN}


@dataclass(frozen=True, slots=True)
class DataSource:
    """A data source at AuroraX's basic_info level. A field that the archive has no value for is an empty string."""

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


@dataclass(frozen=True, slots=True)
class Statistics:
    """How many records of one kind a source has, and the first and last moment of them (UTC, inclusive).

    Source: OpenAPI `DataSourceStats`. The moments are None where the archive has no record, or does not know them.
    """

    count: int
    earliest: datetime | None = None
    latest: datetime | None = None


def join_statistics(statistics: Iterable[Statistics]) -> Statistics:
    """The statistics of several sources together."""
    every = tuple(statistics)
    earliest = [each.earliest for each in every if each.earliest is not None]
    latest = [each.latest for each in every if each.latest is not None]
    return Statistics(sum(each.count for each in every), min(earliest, default=None), max(latest, default=None))


def statistics_document(of_kinds: Mapping[str, Statistics]) -> dict[str, Any]:
    """The statistics of one source as OpenAPI `DataSourceStats`; `of_kinds` are those of each kind of record."""
    document: dict[str, Any] = {}
    for kind in STORED_KINDS:
        name = PROTOCOLS[kind].counted_as
        statistics = of_kinds.get(kind, Statistics(0))
        for end, moment in (("earliest", statistics.earliest), ("latest", statistics.latest)):
            document[f"{end}_{name}_loaded"] = None if moment is None else moment.isoformat(timespec="seconds")
        document[f"{name}_count"] = statistics.count
    return document


@dataclass(frozen=True, slots=True)
class SourceDetails:
    """What AuroraX's level full_record has of a source besides the fields of `DataSource`.

    `schemas` holds the metadata schema of a kind of record as the archive writes it, a list of OpenAPI
    `MetadataSchema` objects, by the name of the kind; a kind whose schema the archive does not give is missing.
    """

    schemas: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    owner: str | None = None
    maintainers: tuple[str, ...] | None = None
    metadata: Mapping[str, Any] | None = None


SourceSchemas = Mapping[str, Mapping[int, tuple[MetadataKey, ...]]]
"""The metadata keys that an archive declares for each source: kind, identifier of the source, keys."""


@dataclass(frozen=True)
class Catalogue:
    """The sources, and per kind the metadata keys, that an archive knows."""

    sources: tuple[DataSource, ...]
    metadata: dict[str, tuple[MetadataKey, ...]]
    schemas: SourceSchemas = field(default_factory=dict)
    """The keys of single sources, where the archive declares them; elsewhere the programs of a key decide."""
    is_shipped: bool = False
    """Whether the sources are those that come with the package, so that the archive may have others."""
    statistics: Mapping[str, Mapping[int, Statistics]] = field(default_factory=dict)
    """By kind and identifier, as last asked of the archive; empty where it was not asked."""

    @cached_property
    def _values(self) -> dict[str, tuple[str, ...]]:
        fields = ("program", "platform", "instrument_type", "source_type", "display_name")
        return {f: tuple(sorted({getattr(s, f) for s in self.sources} - {""})) for f in fields}

    @cached_property
    def _keys(self) -> dict[str, dict[str, MetadataKey]]:
        return {kind: {key.name: key for key in keys} for kind, keys in self.metadata.items()}

    def values(self, name: str) -> tuple[str, ...]:
        """The distinct values of a source field, sorted; empty for a field that has no such list."""
        return self._values.get(name, ())

    def values_of(self, name: str, programs: tuple[str, ...]) -> tuple[str, ...]:
        """The distinct values of a source field that sources of some programs have, sorted."""
        key = (name, programs)
        if key not in self._values_of_programs:
            found = {getattr(source, name) for source in self.sources if source.program in programs} - {""}
            self._values_of_programs[key] = tuple(sorted(found))
        return self._values_of_programs[key]

    @cached_property
    def _values_of_programs(self) -> dict[tuple[str, tuple[str, ...]], tuple[str, ...]]:
        """Values by the field and the programs, kept once asked for."""
        return {}

    def has_source(self, wanted: Mapping[str, Sequence[str]]) -> bool:
        """Whether a source has, for each of the named fields, one of the values."""
        names = tuple(wanted)
        if names not in self._value_combinations:
            self._value_combinations[names] = {tuple(getattr(s, name) for name in names) for s in self.sources}
        there = self._value_combinations[names]
        if all(len(values) == 1 for values in wanted.values()):
            return tuple(values[0] for values in wanted.values()) in there
        return any(all(value in values for value, values in zip(each, wanted.values(), strict=True)) for each in there)

    @cached_property
    def _value_combinations(self) -> dict[tuple[str, ...], set[tuple[str, ...]]]:
        """The values of several fields that sources have together, kept once asked for."""
        return {}

    def key(self, kind: str, name: str) -> MetadataKey | None:
        """What is known of one metadata key of a kind."""
        return self._keys.get(kind, {}).get(name)

    def keys(self, kind: str) -> tuple[str, ...]:
        """The names of the metadata keys known for a kind."""
        return tuple(self._keys.get(kind, {}))

    def source_keys(self, kind: str, source: DataSource) -> tuple[MetadataKey, ...]:
        """The metadata keys that records of a kind carry when they are of one source."""
        declared = self.schemas.get(kind, {}).get(source.identifier)
        keys = self._keys.get(kind, {}).values()
        if declared is not None:
            return (*declared, *(key for key in keys if not key.programs))
        return tuple(key for key in keys if not key.programs or source.program in key.programs)

    def carried_keys(self, kind: str, sources: Iterable[DataSource]) -> tuple[MetadataKey, ...]:
        """The metadata keys that records of any of the sources are known to carry.

        They are those of the schema of the source where the archive has one. Elsewhere keys that are not for certain
        programs are carried by the sources of which other keys are known: a spacecraft has no keys of imagers.
        """
        lists: dict[tuple[MetadataKey, ...], None] = {}
        keys = tuple(self._keys.get(kind, {}).values())
        is_divided = any(key.programs for key in keys)
        for source in sources:
            declared = self.schemas.get(kind, {}).get(source.identifier)
            known = self.source_keys(kind, source) if declared is None else tuple(declared)
            if declared is not None or not is_divided or any(key.programs for key in known):
                lists[known] = None
        return merge_keys(lists)

    def sources_named(self, name: str) -> tuple[DataSource, ...]:
        """The sources with a name: a program, platform, instrument type, display name, or an identifier as text."""
        return sources_named(self.sources, name)

    def key_of(self, kind: str, name: str, programs: tuple[str, ...]) -> MetadataKey | None:
        """A metadata key as records of some programs carry it, with their values; None where none of them does.

        For programs without a known source it is what is known of the key anywhere.
        """
        at = (kind, name, programs)
        if at not in self._keys_of_programs:
            sources = [source for source in self.sources if source.program in programs]
            keys = {key.name: key for key in self.keys_of(kind, sources)}
            for each in keys or (name,):
                self._keys_of_programs[kind, each, programs] = keys.get(each) if sources else self.key(kind, each)
            self._keys_of_programs.setdefault(at, None if sources else self.key(kind, name))
        return self._keys_of_programs[at]

    @cached_property
    def _keys_of_programs(self) -> dict[tuple[str, str, tuple[str, ...]], MetadataKey | None]:
        """Keys by kind, name and programs, kept once asked for."""
        return {}

    def keys_of(self, kind: str, sources: Iterable[DataSource]) -> tuple[MetadataKey, ...]:
        """The metadata keys that records of any of the sources carry, each with the values of all of them."""
        lists = {id(keys): keys for keys in (self.source_keys(kind, source) for source in sources)}
        return merge_keys(lists.values())


_NAMES = ("program", "platform", "instrument_type", "display_name")


def sources_named(sources: Iterable[DataSource], name: str) -> tuple[DataSource, ...]:
    """Those of the sources that have a name in one of their fields, or an identifier; case counts where it can."""
    every = tuple(sources)
    exact = tuple(s for s in every if name == str(s.identifier) or any(name == getattr(s, f) for f in _NAMES))
    lower = name.lower()
    return exact or tuple(s for s in every if any(lower == getattr(s, f).lower() for f in _NAMES))


def merge_keys(lists: Iterable[Sequence[MetadataKey]]) -> tuple[MetadataKey, ...]:
    """The keys of several lists, each once: with the known values and programs of all, in the order they appear."""
    merged: dict[str, MetadataKey] = {}
    for key in (key for keys in lists for key in keys):
        known = merged.get(key.name)
        if known is None:
            merged[key.name] = key
        elif known is not key:
            merged[key.name] = MetadataKey(
                key.name,
                known.type if known.type is key.type else Type.ANY,
                tuple(dict.fromkeys((*known.values, *key.values))) if known.values and key.values else (),
                known.doc or key.doc,
                tuple(dict.fromkeys((*known.programs, *key.programs))) if known.programs and key.programs else (),
                known.unit or key.unit,
            )
    return tuple(merged.values())


def catalogue_of(sources: tuple[DataSource, ...], details: Mapping[int, SourceDetails]) -> Catalogue:
    """What an archive says of its sources, as a catalogue.

    A program whose schemas the archive does not give keeps the keys that come with the package, and so do the keys
    that belong to no program. Units, which AuroraX's schemas do not have, come from the package too.
    """
    known = load_shipped()
    schemas: dict[str, dict[int, tuple[MetadataKey, ...]]] = {}
    metadata: dict[str, tuple[MetadataKey, ...]] = {}
    for kind, shipped_keys in known.metadata.items():
        by_name = {key.name: key for key in shipped_keys}
        declared = _declared_keys(kind, sources, details, by_name)
        if not any(declared.values()):
            metadata[kind] = shipped_keys
            continue
        schemas[kind] = declared
        covered = {source.program for source in sources if source.identifier in declared}
        kept = [
            _without_programs(key, covered) for key in shipped_keys if not key.programs or {*key.programs} - covered
        ]
        metadata[kind] = merge_keys((*{id(keys): keys for keys in declared.values()}.values(), kept))
    return Catalogue(sources, metadata, schemas)


def _without_programs(key: MetadataKey, programs: Collection[str]) -> MetadataKey:
    return replace(key, programs=tuple(each for each in key.programs if each not in programs))


def _declared_keys(
    kind: str,
    sources: Iterable[DataSource],
    details: Mapping[int, SourceDetails],
    shipped_keys: Mapping[str, MetadataKey],
) -> dict[int, tuple[MetadataKey, ...]]:
    """The keys of each source whose schema the archive gives; equal schemas of one program are read once."""
    read: dict[tuple[int, str], tuple[MetadataKey, ...]] = {}
    declared: dict[int, tuple[MetadataKey, ...]] = {}
    for source in sources:
        schema = details[source.identifier].schemas.get(kind) if source.identifier in details else None
        if schema is not None:
            at = (id(schema), source.program)
            if at not in read:
                read[at] = tuple(_schema_keys(schema, source.program, shipped_keys))
            declared[source.identifier] = read[at]
    return declared


def _schema_keys(
    schema: Sequence[Mapping[str, Any]], program: str, shipped_keys: Mapping[str, MetadataKey]
) -> Iterator[MetadataKey]:
    """The keys of one schema (a list of OpenAPI `MetadataSchema` objects); entries without a name are passed over."""
    for entry in schema:
        name = entry.get("field_name")
        if not isinstance(name, str) or not name:
            continue
        known = shipped_keys.get(name)
        values = entry.get("allowed_values")
        yield MetadataKey(
            name,
            _TYPES.get(str(entry.get("data_type")), known.type if known is not None else Type.ANY),
            tuple(map(str, values)) if isinstance(values, list) else (),
            str(entry.get("description") or (known.doc if known is not None else "")),
            (program,),
            known.unit if known is not None else "",
        )


def read_sources(text: str) -> tuple[DataSource, ...]:
    """Data sources from CSV with the columns of `DataSource`, and one of notes, which is passed over."""
    rows = csv.DictReader(text.splitlines())
    names = ("program", "platform", "instrument_type", "source_type", "display_name")
    return tuple(DataSource(int(row["identifier"]), *(row[name] for name in names)) for row in rows)


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
def load_shipped() -> Catalogue:
    """The facts that come with the package: AuroraX's production sources and their known metadata.

    AuroraX's published lists show some sources in part only, as those of REGO. These are completed from the public
    lists of sites; the column `note` of data_sources.csv says what of a source is made up. Made-up identifiers are
    from 900 on.
    """
    folder = Path(__file__).parent
    return Catalogue(
        read_sources((folder / "data_sources.csv").read_text("utf-8")),
        read_metadata((folder / "metadata_keys.json").read_text("utf-8")),
        is_shipped=True,
    )
