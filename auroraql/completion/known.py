"""What completion knows besides the grammar: the archive's names and values, and what the session holds.

Made once for a catalogue and looked through at every key; nothing here asks an archive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from auroraql.completion.matching import Item, Vocabulary
from auroraql.schema import Field, Kind, Type
from auroraql.schema.catalogue import Catalogue, DataSource, MetadataKey
from auroraql.schema.sources import SOURCE_FIELDS

Chosen = tuple[tuple[str, tuple[str, ...]], ...]
"""Source fields, and the values of which a source has one."""

_MOST_KEPT = 256
_DESCRIBED_AT_ONCE = 200


class ArchiveNames:
    """The names and values of a catalogue, ready to be looked through, and narrowed by what is chosen already."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.source_fields = tuple(each.bare for each in SOURCE_FIELDS if each.type is Type.STRING)
        self._by: dict[str, dict[str, list[DataSource]]] = {name: {} for name in self.source_fields}
        for source in catalogue.sources:
            for name, held in self._by.items():
                held.setdefault(getattr(source, name), []).append(source)
        self._made: dict[object, Vocabulary] = {}
        self._docs: dict[tuple[str, str], str] = {}
        for name in self.source_fields:
            self.values(name, ()).prepare(_DESCRIBED_AT_ONCE)

    def values(self, name: str, chosen: Chosen) -> Vocabulary:
        """The values of a source field that the sources with the chosen ones have; all, where there are none."""
        return self._kept(
            ("values", name, chosen),
            lambda: Vocabulary(self._values(name, chosen), lambda value: self._about(name, value)),
        )

    def sources(self, chosen: Chosen) -> Sequence[DataSource]:
        """The sources that have, of each field that is chosen, one of the values."""
        if not chosen:
            return self.catalogue.sources
        held = [[s for value in values for s in self._by[name].get(value, ())] for name, values in chosen]
        fewest = min(range(len(held)), key=lambda at: len(held[at]))
        rest = [each for at, each in enumerate(chosen) if at != fewest]
        return [s for s in held[fewest] if all(getattr(s, name) in values for name, values in rest)]

    def keys(self, kind: Kind, chosen: Chosen) -> Sequence[MetadataKey]:
        """The metadata keys that records of a kind have, when they are of the sources chosen."""
        keys = self.catalogue.metadata.get(kind.metadata, ()) if kind.metadata else ()
        return (self.catalogue.keys_of(kind.metadata, self.sources(chosen)) or keys) if chosen and keys else keys

    def made(self, key: object, make: Callable[[], Iterable[Item]]) -> Vocabulary:
        """A vocabulary that is made once."""
        return self._kept(key, lambda: Vocabulary(make()))

    def _kept(self, key: object, make: Callable[[], Vocabulary]) -> Vocabulary:
        found = self._made.get(key)
        if found is None:
            if len(self._made) >= _MOST_KEPT:
                self._made.clear()
            found = self._made[key] = make()
        return found

    def _values(self, name: str, chosen: Chosen) -> Iterator[Item]:
        narrowed = {getattr(source, name) for source in self.sources(chosen)} if chosen else ()
        for value in sorted(narrowed) or self.catalogue.values(name):
            yield Item(value)

    def _about(self, name: str, value: str) -> str:
        """What a value of a source field is, from the sources that have it."""
        made = self._docs.get((name, value))
        if made is None:
            made = self._docs[name, value] = self._described(name, value)
        return made

    def _described(self, name: str, value: str) -> str:
        sources = self._by[name].get(value, ())
        others = {"program": "instrument_type", "display_name": "platform"}.get(name, "program")
        several = Counter(getattr(source, others) for source in sources)
        what = ", ".join(list(several)[:3]) + ("…" if len(several) > 3 else "")
        return what if len(sources) < 2 else f"{what} · {len(sources)} sources"


def about(field: Field | MetadataKey) -> str:
    """What a field or key is, with its unit."""
    return f"{field.doc}, in {field.unit}" if field.unit else field.doc


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known where a statement is typed."""

    archive: ArchiveNames
    results: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The results kept under a name, and their columns."""
    tables: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The same results as SQL calls their columns."""
    searches: Sequence[str] = ()
    settings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The settings, and the values each can have where these are few."""
    parameters: Sequence[str] = ()
    listings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The columns of what SHOW shows, by the word behind it in lower case."""
