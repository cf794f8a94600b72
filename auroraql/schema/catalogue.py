"""Catalogue: the data sources of an archive, and the metadata keys of their records.

Each archive has a `Catalogue`, and `load_shipped` reads the one that comes with the package. The lists of AuroraX are
not exhaustive, so the resolver only warns about names and values that a catalogue lacks.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from auroraql.schema import KINDS, PROTOCOLS, STORED_KINDS
from auroraql.schema.model import Kind, Type

_TYPES = {"string": Type.STRING, "double": Type.NUMBER, "int": Type.INTEGER, "bool": Type.BOOLEAN}


@dataclass(frozen=True, slots=True)
class DataSource:
    """Data source in AuroraX's format basic_info. A missing value is an empty string."""

    identifier: int
    program: str
    platform: str
    instrument_type: str
    source_type: str
    display_name: str


@dataclass(frozen=True, slots=True)
class MetadataKey:
    """Metadata key as the schemas of sources declare it (OpenAPI `MetadataSchema`)."""

    name: str
    type: Type
    values: tuple[str, ...] = ()
    doc: str = ""
    programs: tuple[str, ...] = ()
    """Programs whose records have the key. Empty if records of any program may have it."""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Number and time range of a source's records of one kind (OpenAPI `DataSourceStats`).

    The times are UTC and inclusive. They are None if the archive has no records or does not report them.
    """

    count: int
    earliest: datetime | None = None
    latest: datetime | None = None


def join_statistics(statistics: Iterable[Statistics]) -> Statistics:
    """Join the statistics of several sources."""
    parts = tuple(statistics)
    earliest = [part.earliest for part in parts if part.earliest is not None]
    latest = [part.latest for part in parts if part.latest is not None]
    return Statistics(sum(part.count for part in parts), min(earliest, default=None), max(latest, default=None))


def statistics_document(of_kinds: Mapping[str, Statistics]) -> dict[str, Any]:
    """Return the statistics of one source as OpenAPI `DataSourceStats`. `of_kinds` has them by kind."""
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
    """Fields of AuroraX's format full_record in addition to those of `DataSource`.

    `schemas` has the metadata schema of each kind of record as the archive returns it: a list of OpenAPI
    `MetadataSchema` objects. Kinds without a schema are missing.
    """

    schemas: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    owner: str | None = None
    maintainers: tuple[str, ...] | None = None
    metadata: Mapping[str, Any] | None = None


SourceSchemas = Mapping[str, Mapping[int, tuple[MetadataKey, ...]]]
"""Metadata keys that an archive declares, by kind and by the identifier of the source."""


MirroredSpan = tuple[datetime, datetime]
"""Start and end of mirrored time, in UTC. The end is exclusive."""

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class MirroredPart:
    """Mirrored records of one kind and source: their sorted, disjoint spans, and when they were read."""

    spans: tuple[MirroredSpan, ...]
    units: int
    records: int
    oldest_read: datetime
    latest_read: datetime

    def covers(self, start: datetime, end: datetime) -> bool:
        """Return whether the time from `start` to `end` (exclusive) is mirrored."""
        return start >= end or any(first <= start and end <= last for first, last in self.spans)


@dataclass(frozen=True, slots=True)
class Mirror:
    """State of a catalogue that mirrors an archive.

    `sources` are the identifiers of the archive's sources, mirrored or not. `statistics` are those of the archive at
    the last synchronization, by kind and identifier. `parts` are the mirrored records by kind and identifier.
    """

    archive: str
    synchronized: datetime | None
    sources: frozenset[int]
    statistics: Mapping[str, Mapping[int, Statistics]]
    parts: Mapping[str, Mapping[int, MirroredPart]]

    def lacks(self, kind: str, source: int, start: datetime | None, end: datetime | None) -> bool:
        """Return whether the archive may have records of a source in a window that are not mirrored.

        `start` and `end` are inclusive, and None is open. An open end means the last synchronization.
        """
        if source not in self.sources:
            return False
        known = self.statistics.get(kind, {}).get(source)
        is_later = end is not None and (self.synchronized is None or end > self.synchronized)
        if known is not None and not known.count and not is_later:
            return False
        part = self.parts.get(kind, {}).get(source)
        if part is None:
            return True
        begin = start
        if known is not None and known.earliest is not None:
            begin = known.earliest if start is None else max(start, known.earliest)
        finish = None if end is None else min(end, datetime.max - _SECOND) + _SECOND
        if known is not None and known.latest is not None and not is_later:
            after_latest = known.latest + _SECOND
            finish = after_latest if finish is None else min(finish, after_latest)
        return not part.covers(begin or part.spans[0][0], finish or part.spans[-1][1])


@dataclass(frozen=True)
class Catalogue:
    """Sources of an archive, and its metadata keys by kind."""

    sources: tuple[DataSource, ...]
    metadata: dict[str, tuple[MetadataKey, ...]]
    schemas: SourceSchemas = field(default_factory=dict)
    """Keys of each source, if the archive declares them. For other sources, `MetadataKey.programs` applies."""
    is_shipped: bool = False
    """Whether the sources come with the package, so that the archive may have others."""
    statistics: Mapping[str, Mapping[int, Statistics]] = field(default_factory=dict)
    """Statistics by kind and source identifier, as last fetched from the archive. Empty if they were not fetched."""
    mirror: Mirror | None = None
    """What the archive holds of another archive that it mirrors. None if it is not a mirror."""

    @cached_property
    def _values(self) -> dict[str, tuple[str, ...]]:
        fields = ("program", "platform", "instrument_type", "source_type", "display_name")
        return {f: tuple(sorted({getattr(s, f) for s in self.sources} - {""})) for f in fields}

    @cached_property
    def _keys(self) -> dict[str, dict[str, MetadataKey]]:
        return {kind: {key.name: key for key in keys} for kind, keys in self.metadata.items()}

    def values(self, name: str) -> tuple[str, ...]:
        """Return the distinct values of a source field, sorted. Return () for any other name."""
        return self._values.get(name, ())

    def values_of(self, name: str, programs: tuple[str, ...]) -> tuple[str, ...]:
        """Return the distinct values of a source field in these programs, sorted."""
        key = (name, programs)
        if key not in self._values_of_programs:
            values = {getattr(source, name) for source in self.sources if source.program in programs} - {""}
            self._values_of_programs[key] = tuple(sorted(values))
        return self._values_of_programs[key]

    @cached_property
    def _values_of_programs(self) -> dict[tuple[str, tuple[str, ...]], tuple[str, ...]]:
        """Cache of values by field and programs."""
        return {}

    def has_source(self, conditions: Mapping[str, Sequence[str]]) -> bool:
        """Return whether some source has, in each field of `wanted`, one of the field's values."""
        names = tuple(conditions)
        if names not in self._value_combinations:
            self._value_combinations[names] = {tuple(getattr(s, name) for name in names) for s in self.sources}
        combinations = self._value_combinations[names]
        if all(len(values) == 1 for values in conditions.values()):
            return tuple(values[0] for values in conditions.values()) in combinations
        return any(
            all(value in values for value, values in zip(c, conditions.values(), strict=True)) for c in combinations
        )

    @cached_property
    def _value_combinations(self) -> dict[tuple[str, ...], set[tuple[str, ...]]]:
        """Cache of the combinations of values that sources have, by fields."""
        return {}

    def key(self, kind: str, name: str) -> MetadataKey | None:
        """Return a metadata key of a kind, or None if it is unknown."""
        return self._keys.get(kind, {}).get(name)

    def keys(self, kind: str) -> tuple[str, ...]:
        """Return the names of the known metadata keys of a kind."""
        return tuple(self._keys.get(kind, {}))

    def source_keys(self, kind: str, source: DataSource) -> tuple[MetadataKey, ...]:
        """Return the metadata keys that records of a kind and source may have."""
        declared = self.schemas.get(kind, {}).get(source.identifier)
        keys = self._keys.get(kind, {}).values()
        if declared is not None:
            return (*declared, *(key for key in keys if not key.programs))
        return tuple(key for key in keys if not key.programs or source.program in key.programs)

    def carried_keys(self, kind: str, sources: Iterable[DataSource]) -> tuple[MetadataKey, ...]:
        """Return the metadata keys that records of any of the sources are known to have.

        These are the keys of the source's schema if the archive has one. Otherwise, keys without programs count only
        for sources that also have keys of their program: a spacecraft does not have the keys of imagers.
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
        """Return the sources with a name: a program, platform, instrument type, display name, or identifier as text."""
        return sources_named(self.sources, name)

    def key_of(self, kind: str, name: str, programs: tuple[str, ...]) -> MetadataKey | None:
        """Return a metadata key with its values in these programs, or None if none of the programs has it.

        For programs without known sources, return the key as it is known for all programs.
        """
        at = (kind, name, programs)
        if at not in self._keys_of_programs:
            sources = [source for source in self.sources if source.program in programs]
            keys = {key.name: key for key in self.keys_of(kind, sources)}
            for key_name in keys or (name,):
                key = keys.get(key_name) if sources else self.key(kind, key_name)
                self._keys_of_programs[kind, key_name, programs] = key
            self._keys_of_programs.setdefault(at, None if sources else self.key(kind, name))
        return self._keys_of_programs[at]

    @cached_property
    def _keys_of_programs(self) -> dict[tuple[str, str, tuple[str, ...]], MetadataKey | None]:
        """Cache of keys by kind, name and programs."""
        return {}

    def keys_of(self, kind: str, sources: Iterable[DataSource]) -> tuple[MetadataKey, ...]:
        """Return the metadata keys that records of any of the sources may have, with the values of all of them."""
        lists = {id(keys): keys for keys in (self.source_keys(kind, source) for source in sources)}
        return merge_keys(lists.values())


_NAMES = ("program", "platform", "instrument_type", "display_name")


def sources_named(sources: Iterable[DataSource], name: str) -> tuple[DataSource, ...]:
    """Return the sources that have the name in a field or as identifier. Case is ignored if no exact match exists."""
    every = tuple(sources)
    exact = tuple(s for s in every if name == str(s.identifier) or any(name == getattr(s, f) for f in _NAMES))
    lower = name.lower()
    return exact or tuple(s for s in every if any(lower == getattr(s, f).lower() for f in _NAMES))


def merge_keys(lists: Iterable[Sequence[MetadataKey]]) -> tuple[MetadataKey, ...]:
    """Merge lists of keys. A key in several lists gets the known values and programs of all of them."""
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
    """Build the catalogue of an archive from its sources and their details, by source identifier.

    Programs without schemas in the archive get the keys that come with the package, as do keys without programs. Units
    come from the package too, because AuroraX's schemas lack them.
    """
    shipped = load_shipped()
    schemas: dict[str, dict[int, tuple[MetadataKey, ...]]] = {}
    metadata: dict[str, tuple[MetadataKey, ...]] = {}
    for kind, shipped_keys in shipped.metadata.items():
        by_name = {key.name: key for key in shipped_keys}
        declared = _declared_keys(kind, sources, details, by_name)
        if not any(declared.values()):
            metadata[kind] = shipped_keys
            continue
        schemas[kind] = declared
        covered = {source.program for source in sources if source.identifier in declared}
        undeclared = [
            _remove_programs(key, covered) for key in shipped_keys if not key.programs or {*key.programs} - covered
        ]
        metadata[kind] = merge_keys((*{id(keys): keys for keys in declared.values()}.values(), undeclared))
    return Catalogue(sources, metadata, schemas)


def _remove_programs(key: MetadataKey, programs: Collection[str]) -> MetadataKey:
    return replace(key, programs=tuple(program for program in key.programs if program not in programs))


def _declared_keys(
    kind: str,
    sources: Iterable[DataSource],
    details: Mapping[int, SourceDetails],
    shipped_keys: Mapping[str, MetadataKey],
) -> dict[int, tuple[MetadataKey, ...]]:
    """Return the keys of each source that has a schema. A schema that sources of a program share is read once."""
    parsed: dict[tuple[int, str], tuple[MetadataKey, ...]] = {}
    declared: dict[int, tuple[MetadataKey, ...]] = {}
    for source in sources:
        schema = details[source.identifier].schemas.get(kind) if source.identifier in details else None
        if schema is not None:
            at = (id(schema), source.program)
            if at not in parsed:
                parsed[at] = tuple(_schema_keys(schema, source.program, shipped_keys))
            declared[source.identifier] = parsed[at]
    return declared


def _schema_keys(
    schema: Sequence[Mapping[str, Any]], program: str, shipped_keys: Mapping[str, MetadataKey]
) -> Iterator[MetadataKey]:
    """Yield the keys of one schema, a list of OpenAPI `MetadataSchema` objects. Entries without a name are skipped."""
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
    """Read data sources from CSV with the columns of `DataSource`. Other columns are ignored."""
    rows = csv.DictReader(text.splitlines())
    names = ("program", "platform", "instrument_type", "source_type", "display_name")
    return tuple(DataSource(int(row["identifier"]), *(row[name] for name in names)) for row in rows)


def read_metadata(text: str) -> dict[str, tuple[MetadataKey, ...]]:
    """Read metadata keys from the package's JSON: {kind: [{name, type, values, doc, programs, unit}]}."""
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
    """Load the catalogue that comes with the package: AuroraX's production sources and their known metadata keys.

    AuroraX's published lists lack some sources, for example of REGO. They are completed from the public lists of sites.
    The column `note` of data_sources.csv marks the invented values. Invented identifiers start at 900.
    """
    folder = Path(__file__).parent
    return Catalogue(
        read_sources((folder / "data_sources.csv").read_text("utf-8")),
        read_metadata((folder / "metadata_keys.json").read_text("utf-8")),
        is_shipped=True,
    )


def is_time_key(kind: Kind, name: str) -> bool:
    """Return whether the values of a metadata key of a kind are times."""
    owner = KINDS.get(kind.metadata)
    return owner is not None and name in owner.time_keys
