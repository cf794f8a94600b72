"""Data sources of imported records: named by `--source` for all of them, or by columns of each record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from auroraql.diagnostics.errors import UsageError, make_visible
from auroraql.diagnostics.suggestions import find_closest
from auroraql.schema.catalogue import Catalogue, DataSource, load_shipped
from auroraql.schema.source_fields import SOURCE_FIELDS, SOURCE_TYPES

SOURCE_COLUMNS = tuple(field.bare for field in SOURCE_FIELDS)
"""Names of the source fields of a record, in the order of `DataSource`."""

_IDENTITY = ("program", "platform", "instrument_type")

FIRST_OWN_IDENTIFIER = 1_000_000
"""Least identifier given to a new source. AuroraX's are far below, so that a mirror can share the file."""


def new_identifier(sources: Sequence[DataSource]) -> int:
    """Return an identifier that no source has."""
    return max([FIRST_OWN_IDENTIFIER - 1, *(source.identifier for source in sources)]) + 1


def find_source(catalogue: Catalogue, text: str) -> DataSource:
    """Return the source with an identifier, `program/platform/instrument type`, or another unique name.

    Raises UsageError.
    """
    by_path = [source for source in catalogue.sources if source_path(source).lower() == text.lower()]
    matches = by_path or catalogue.sources_named(text)
    if len(matches) == 1:
        return matches[0]
    if matches:
        paths = ", ".join(source_path(source) for source in matches[:3])
        raise UsageError(f"{len(matches)} data sources are named '{make_visible(text)}'", f"give one of {paths} …")
    names = [*map(source_path, catalogue.sources), *(source.display_name for source in catalogue.sources)]
    near = find_closest(text, names, 1)
    hint = f"did you mean '{near[0]}'?" if near else "auroraql catalogue add-source adds one"
    raise UsageError(f"the catalogue has no data source '{make_visible(text)}'", hint)


def source_path(source: DataSource) -> str:
    """Return the program, platform and instrument type of a source as one text, which names it in a catalogue."""
    return f"{source.program}/{source.platform}/{source.instrument_type}"


@dataclass(slots=True)
class SourceFinder:
    """Finds the source of records from the texts of their columns.

    `chosen` is the source of all records. With `add`, sources that the catalogue lacks are created and listed in
    `added`: as AuroraX lists them, or from the columns of the record.
    """

    catalogue: Catalogue
    chosen: DataSource | None = None
    add: bool = False
    added: list[DataSource] = field(default_factory=list)

    def find(self, texts: Mapping[str, str | None]) -> DataSource:
        """Return the source of a record. Raises UsageError without the place of the record."""
        given = {name: text for name, text in texts.items() if text is not None}
        if self.chosen is not None:
            _check_same(self.chosen, given)
            return self.chosen
        if not given:
            raise UsageError("the record names no data source", "--source names the one of all records")
        sources = (*self.catalogue.sources, *self.added)
        matches = list(_matching(sources, given))
        if not matches and self.add:
            self.added.append(_create(given, sources))
            return self.added[-1]
        if len(matches) != 1:
            shown = "/".join(make_visible(text) for text in given.values())
            count = f"{len(matches)} data sources" if matches else "no data source"
            hint = "--add-sources adds it" if not matches else "give program, platform and instrument_type"
            raise UsageError(f"the catalogue has {count} {shown}", hint)
        return matches[0]


def _matching(sources: Sequence[DataSource], given: Mapping[str, str]) -> Iterator[DataSource]:
    """Yield the sources that agree with the given texts. The fields that identify a source come before the others."""
    identity = {name: text for name, text in given.items() if name in _IDENTITY}
    for source in sources:
        if "identifier" in given and str(source.identifier) != given["identifier"]:
            continue
        if all(getattr(source, name) == text for name, text in (identity or given).items() if name != "identifier"):
            yield source


def _check_same(source: DataSource, given: Mapping[str, str]) -> None:
    for name, text in given.items():
        value = str(getattr(source, name))
        if name in (*_IDENTITY, "identifier") and text != value:
            raise UsageError(f"the {name} of the record is '{make_visible(text)}', and that of --source is '{value}'")


def _create(given: Mapping[str, str], known: Sequence[DataSource]) -> DataSource:
    """Return a new source. AuroraX's list completes it, and gives it its identifier there if that is free."""
    listed = list(_matching(load_shipped().sources, given))
    if len(listed) == 1:
        return _with_free_identifier(listed[0], known)
    missing = [name for name in (*_IDENTITY, "source_type") if name not in given]
    if missing:
        raise UsageError(f"the new data source has no {', '.join(missing)}", "auroraql catalogue add-source adds it")
    if given["source_type"] not in SOURCE_TYPES:
        raise UsageError(
            f"'{make_visible(given['source_type'])}' is not a type of data sources",
            f"the types are {', '.join(SOURCE_TYPES)}",
        )
    number = given.get("identifier", "")
    identifier = int(number) if number.isascii() and number.isdigit() and len(number) < 19 else new_identifier(known)
    named = given.get("display_name") or f"{given['program']} {given['platform']}"
    source = DataSource(
        identifier, given["program"], given["platform"], given["instrument_type"], given["source_type"], named
    )
    return _with_free_identifier(source, known)


def _with_free_identifier(source: DataSource, known: Sequence[DataSource]) -> DataSource:
    if all(other.identifier != source.identifier for other in known):
        return source
    return replace(source, identifier=new_identifier(known))


def listed_sources(catalogue: Catalogue, program: str) -> list[DataSource]:
    """Return the sources of a program in AuroraX's list that the catalogue lacks. Raises UsageError."""
    listed = [source for source in load_shipped().sources if source.program == program]
    if not listed:
        near = find_closest(program, load_shipped().values("program"), 1)
        hint = f"did you mean {near[0]}?" if near else "SHOW PROGRAMS lists the programs"
        raise UsageError(f"AuroraX lists no program '{make_visible(program)}'", hint)
    present = {source_path(source) for source in catalogue.sources}
    added: list[DataSource] = []
    for source in listed:
        if source_path(source) not in present:
            added.append(_with_free_identifier(source, (*catalogue.sources, *added)))
    return added
