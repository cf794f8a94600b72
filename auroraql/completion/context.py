"""What completion knows besides the grammar: names and values of the archive, and the state of the session.

The vocabularies are built once for a catalogue and searched at every key. This module never queries an archive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from auroraql.completion.matching import NamedItem, Vocabulary
from auroraql.schema import Field, Kind, Type
from auroraql.schema.catalogue import Catalogue, DataSource, MetadataKey
from auroraql.schema.source_fields import SOURCE_FIELDS

SelectedValues = tuple[tuple[str, tuple[str, ...]], ...]
"""Conditions on source fields: pairs of a field and the values that it may have."""

_MAX_CACHED = 256
_DESCRIBED_AT_ONCE = 200


class ArchiveNames:
    """Names and values of a catalogue, indexed for completion and narrowed by conditions on source fields."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.source_fields = tuple(field.bare for field in SOURCE_FIELDS if field.type is Type.STRING)
        self._by: dict[str, dict[str, list[DataSource]]] = {name: {} for name in self.source_fields}
        for source in catalogue.sources:
            for name, by_value in self._by.items():
                by_value.setdefault(getattr(source, name), []).append(source)
        self._vocabularies: dict[object, Vocabulary] = {}
        self._docs: dict[tuple[str, str], str] = {}
        for name in self.source_fields:
            self.values(name, ()).prepare(_DESCRIBED_AT_ONCE)

    def values(self, name: str, chosen: SelectedValues) -> Vocabulary:
        """Return the values of a source field among the sources that meet the conditions.

        Return all values when none does.
        """
        return self._vocabulary_for(
            ("values", name, chosen),
            lambda: Vocabulary(self._values(name, chosen), lambda value: self._describe_value(name, value)),
        )

    def sources(self, chosen: SelectedValues) -> Sequence[DataSource]:
        """Return the sources that meet every condition."""
        if not chosen:
            return self.catalogue.sources
        candidates = [
            [source for value in values for source in self._by[name].get(value, ())] for name, values in chosen
        ]
        narrowest = min(range(len(candidates)), key=lambda i: len(candidates[i]))
        rest = [condition for i, condition in enumerate(chosen) if i != narrowest]
        return [
            source for source in candidates[narrowest] if all(getattr(source, name) in values for name, values in rest)
        ]

    def keys(self, kind: Kind, chosen: SelectedValues) -> Sequence[MetadataKey]:
        """Return the metadata keys of a kind, narrowed to those that records of the chosen sources have."""
        keys = self.catalogue.metadata.get(kind.metadata, ()) if kind.metadata else ()
        return (self.catalogue.keys_of(kind.metadata, self.sources(chosen)) or keys) if chosen and keys else keys

    def make_vocabulary(self, key: object, make: Callable[[], Iterable[NamedItem]]) -> Vocabulary:
        """Return the cached vocabulary for `key`, built by `make` on first use."""
        return self._vocabulary_for(key, lambda: Vocabulary(make()))

    def _vocabulary_for(self, key: object, make: Callable[[], Vocabulary]) -> Vocabulary:
        vocabulary = self._vocabularies.get(key)
        if vocabulary is None:
            if len(self._vocabularies) >= _MAX_CACHED:
                self._vocabularies.clear()
            vocabulary = self._vocabularies[key] = make()
        return vocabulary

    def _values(self, name: str, chosen: SelectedValues) -> Iterator[NamedItem]:
        narrowed = {getattr(source, name) for source in self.sources(chosen)} if chosen else ()
        for value in sorted(narrowed) or self.catalogue.values(name):
            yield NamedItem(value)

    def _describe_value(self, name: str, value: str) -> str:
        """Return a cached description of a value of a source field."""
        doc = self._docs.get((name, value))
        if doc is None:
            doc = self._docs[name, value] = self._summarize_sources(name, value)
        return doc

    def _summarize_sources(self, name: str, value: str) -> str:
        """Return a description of a value: what the sources with this value have in common, and their number."""
        sources = self._by[name].get(value, ())
        other_field = {"program": "instrument_type", "display_name": "platform"}.get(name, "program")
        counts = Counter(getattr(source, other_field) for source in sources)
        summary = ", ".join(list(counts)[:3]) + ("…" if len(counts) > 3 else "")
        return summary if len(sources) < 2 else f"{summary} · {len(sources)} sources"


def describe_field(field: Field | MetadataKey) -> str:
    """Return the description of a field or key, with its unit."""
    return f"{field.doc}, in {field.unit}" if field.unit else field.doc


@dataclass(frozen=True, slots=True)
class CompletionContext:
    """All names that completion can offer for a session, apart from keywords."""

    archive: ArchiveNames
    results: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Columns of the stored results, by the name of the result."""
    tables: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The same results with the SQL names of their columns."""
    searches: Sequence[str] = ()
    settings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Values of each setting, where the choice is limited."""
    parameters: Sequence[str] = ()
    listings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Columns of each SHOW list, by its word in lower case."""
