"""Addition of data sources to a catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from auroraql.catalogues.import_sources import listed_sources, new_identifier, source_path
from auroraql.catalogues.writer import open_writer
from auroraql.diagnostics.errors import UsageError, make_visible
from auroraql.schema.catalogue import DataSource
from auroraql.schema.source_fields import MAX_LENGTHS, SOURCE_TYPES


def check_source(source: DataSource) -> None:
    """Raise UsageError if a source lacks a text, or has one that AuroraX does not accept."""
    for name, most in MAX_LENGTHS.items():
        text = getattr(source, name)
        if not text or "\0" in text:
            raise UsageError(
                f"the {name} of a data source is missing" if not text else f"'{name}' contains a null character"
            )
        if len(text) > most:
            raise UsageError(f"'{name}' may have at most {most} characters, not {len(text)}")
    if source.source_type not in SOURCE_TYPES:
        message = f"'{make_visible(source.source_type)}' is not a type of data sources"
        raise UsageError(message, f"the types are {', '.join(SOURCE_TYPES)}")


def add_sources(path: Path, sources: Sequence[DataSource]) -> list[DataSource]:
    """Add sources to a catalogue, all or none, and return them. A negative identifier means the next free one.

    Raises UsageError for a source that the catalogue has already, and the errors of `open_writer`.
    """
    added: list[DataSource] = []
    with open_writer(path) as writer, writer.transaction() as records:
        catalogue = records.catalogue()
        for source in sources:
            check_source(source)
            known = (*catalogue.sources, *added)
            numbered = replace(source, identifier=new_identifier(known)) if source.identifier < 0 else source
            _refuse_known(numbered, known)
            records.write_source(numbered)
            added.append(numbered)
    return added


def _refuse_known(source: DataSource, known: Sequence[DataSource]) -> None:
    for other in known:
        if source_path(other) == source_path(source):
            raise UsageError(f"the catalogue has the data source {source_path(source)} already: {other.identifier}")
        if other.identifier == source.identifier:
            raise UsageError(
                f"data source {other.identifier} of the catalogue is {source_path(other)}",
                "without --identifier it gets one that is free",
            )


def add_listed_sources(path: Path, program: str) -> list[DataSource]:
    """Add the sources of a program in AuroraX's list that a catalogue lacks, and return them.

    Raises UsageError for a program that AuroraX does not list, and the errors of `open_writer`.
    """
    with open_writer(path) as writer, writer.transaction() as records:
        added = listed_sources(records.catalogue(), program)
        for source in added:
            records.write_source(source)
    return added
