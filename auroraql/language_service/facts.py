r"""Facts about names: what the schema, the catalogue and the grammar know about a name, apart from how it is shown.

The `\d` command of the prompt, the hover text of editors and the tools of agents show the same facts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auroraql.completion.keywords import FUNCTIONS, KEYWORDS, Keyword
from auroraql.schema import KINDS
from auroraql.schema.catalogue import Catalogue, DataSource, MetadataKey
from auroraql.schema.functions import FUNCTION_NAMES, Function
from auroraql.schema.model import Field, Kind
from auroraql.schema.source_fields import SOURCE_FIELDS

SOURCE_COLUMNS = ("identifier", "program", "platform", "instrument_type", "source_type", "display_name")
"""Attributes of a data source in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class KindFact:
    """A kind of record, with the metadata keys of its records."""

    kind: Kind
    keys: tuple[MetadataKey, ...]


@dataclass(frozen=True, slots=True)
class FieldFact:
    """A field of records of some kinds, with the values that it is known to have."""

    field: Field
    kinds: tuple[Kind, ...]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyFact:
    """A metadata key of records of a kind."""

    key: MetadataKey
    kind: str


@dataclass(frozen=True, slots=True)
class SourcesFact:
    """The data sources that have a value in a field."""

    value: str
    fields: tuple[str, ...]
    """The fields that have the value, such as program."""
    sources: tuple[DataSource, ...]


@dataclass(frozen=True, slots=True)
class FunctionFact:
    """A function of expressions, and its example."""

    function: Function
    help: Keyword


@dataclass(frozen=True, slots=True)
class KeywordFact:
    """A keyword of the grammar, and its example."""

    keyword: Keyword


Fact = KindFact | FieldFact | KeyFact | SourcesFact | FunctionFact | KeywordFact


def find_facts(catalogue: Catalogue, name: str) -> Iterator[Fact]:
    """Yield the facts about a name of the schema or the catalogue, ignoring case: a kind, a field, a key or a value."""
    folded = fold_name(name)
    yield from _kind_facts(catalogue, folded)
    yield from field_facts(catalogue, folded)
    yield from key_facts(catalogue, folded)
    yield from source_facts(catalogue, folded)


def fold_name(name: str) -> str:
    """Return a name for comparison: without quotes and blanks around it, and in lower case."""
    return name.strip().strip("'\"`").casefold()


def _kind_facts(catalogue: Catalogue, folded: str) -> Iterator[KindFact]:
    kind = KINDS.get(folded)
    if kind is not None:
        keys = (catalogue.key(kind.name, name) for name in catalogue.keys(kind.name))
        yield KindFact(kind, tuple(key for key in keys if key is not None))


def field_facts(catalogue: Catalogue, folded: str) -> Iterator[FieldFact]:
    """Yield the facts about the fields with a name. Kinds that share a field share its fact."""
    kinds_of: dict[Field, list[Kind]] = {}
    for kind in KINDS.values():
        field = kind.field(folded)
        if field is not None:
            kinds_of.setdefault(field, []).append(kind)
    for field, kinds in kinds_of.items():
        yield FieldFact(field, tuple(kinds), field.known or catalogue.values(field.bare))


def key_facts(catalogue: Catalogue, folded: str) -> Iterator[KeyFact]:
    """Yield the facts about the metadata keys with a name, one for each kind of record."""
    for kind in KINDS:
        key = catalogue.key(kind, folded.removeprefix("metadata."))
        if key is not None:
            yield KeyFact(key, kind)


def source_facts(catalogue: Catalogue, folded: str, field: str = "") -> Iterator[SourcesFact]:
    """Yield the fact about the sources that have a value in any field, or in one field."""
    columns = (field,) if field else SOURCE_COLUMNS
    sources = [s for s in catalogue.sources if folded in (str(getattr(s, column)).casefold() for column in columns)]
    if sources:
        fields = (
            column for column in columns if any(str(getattr(source, column)).casefold() == folded for source in sources)
        )
        yield SourcesFact(folded, tuple(fields), tuple(sources))


def word_facts(word: str, *, is_called: bool) -> Iterator[FunctionFact | KeywordFact]:
    """Yield the fact about a function, if the word is called, or about a keyword."""
    function = FUNCTION_NAMES.get(word.lower())
    if function is not None and is_called:
        yield FunctionFact(function, FUNCTIONS[function.name])
    elif word.upper() in KEYWORDS:
        yield KeywordFact(KEYWORDS[word.upper()])


def key_sources(catalogue: Catalogue, key: MetadataKey) -> tuple[DataSource, ...]:
    """Return the sources whose records may have a metadata key."""
    return tuple(source for source in catalogue.sources if not key.programs or source.program in key.programs)


def known_names(catalogue: Catalogue) -> Iterator[str]:
    """Yield every name that has facts: kinds, fields, metadata keys, and values of source fields."""
    for kind in KINDS.values():
        yield kind.name
        yield from (leaf.bare for leaf in kind.leaves())
        yield from catalogue.keys(kind.name)
    for field in SOURCE_FIELDS:
        yield from catalogue.values(field.bare)
