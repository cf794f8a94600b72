"""Sources and metadata keys of a mirrored archive in a catalogue file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auroraql.catalogues.writer import RecordWriter
from auroraql.diagnostics.errors import UsageError
from auroraql.engines.duckdb.catalogue_file import read_source_records
from auroraql.mirror.ledger import Ledger, SourceRows
from auroraql.schema import KINDS, STORED_KINDS
from auroraql.schema.catalogue import Catalogue, DataSource, SourceDetails, Statistics


def source_rows(ledger: Ledger, catalogue: Catalogue, statistics: Mapping[str, Mapping[int, Statistics]]) -> SourceRows:
    """Return the rows of the ledger for the archive's sources, and for those that it had before."""
    rows = dict.fromkeys(ledger.sources, (False, None))
    current: dict[tuple[str, int], tuple[bool, Statistics | None]] = {
        (kind, source.identifier): (True, statistics.get(kind, {}).get(source.identifier))
        for kind in STORED_KINDS
        for source in catalogue.sources
    }
    return rows | current


def write_archive_sources(
    records: RecordWriter, ledger: Ledger, catalogue: Catalogue, details: Mapping[int, SourceDetails]
) -> int:
    """Write the archive's sources and metadata keys that are new or changed, and return the number of sources.

    Raises UsageError if the catalogue has a source of its own with the identifier of one of the archive.
    """
    stored = {source.identifier: source for source in records.catalogue().sources}
    stored_extra = read_source_records(records.cursor)
    mirrored = {identifier for _, identifier in ledger.sources}
    written = 0
    for source in catalogue.sources:
        own = stored.get(source.identifier)
        if own is not None and own != source and source.identifier not in mirrored:
            raise UsageError(
                f"data source {own.identifier} of the catalogue is '{_name(own)}', and that of the archive is"
                f" '{_name(source)}'",
                "give the catalogue's own source another identifier, or mirror into another file",
            )
        extra = _extra_fields(details.get(source.identifier))
        if own != source or stored_extra.get(source.identifier, {}) != extra:
            records.write_source(source, extra)
            written += 1
    for kind, keys in catalogue.metadata.items():
        records.declare_keys(kind, keys)
    return written


def _name(source: DataSource) -> str:
    return source.display_name or f"{source.program} {source.platform}".strip()


def _extra_fields(details: SourceDetails | None) -> dict[str, Any]:
    """Return the fields of AuroraX's full_record that `DataSource` lacks. Missing ones are left out."""
    if details is None:
        return {}
    extra: dict[str, Any] = {
        KINDS[kind].schema_key: [dict(entry) for entry in schema] for kind, schema in details.schemas.items()
    }
    fields = {
        "owner": details.owner,
        "maintainers": None if details.maintainers is None else list(details.maintainers),
        "metadata": None if details.metadata is None else dict(details.metadata),
    }
    return extra | {name: value for name, value in fields.items() if value is not None}
