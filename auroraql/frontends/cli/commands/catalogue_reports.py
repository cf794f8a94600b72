"""Reports of `auroraql catalogue`, as lines of text and as documents for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from auroraql.catalogues.importing import ImportSummary
from auroraql.catalogues.inspection import CatalogueInfo, Problem
from auroraql.catalogues.record_files import FORMAT_TITLES
from auroraql.diagnostics.errors import make_visible
from auroraql.rendering.table import render_grid
from auroraql.schema import KINDS, STORED_KINDS
from auroraql.schema.catalogue import DataSource, MetadataKey, Statistics, join_statistics, statistics_document

_UNITS = ("B", "kB", "MB", "GB", "TB")

_MAX_LISTED = 12
"""Number of data sources that the report of an import lists."""


def size_text(size: float) -> str:
    """Return a number of bytes as people read it."""
    for unit in _UNITS[:-1]:
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} {_UNITS[-1]}"


def source_title(source: DataSource) -> str:
    """Return the names of a source."""
    return (
        f"{source.program}, {source.platform}, {source.instrument_type} ({source.source_type}): {source.display_name}"
    )


def _time_text(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat(timespec="seconds")


def _count_text(count: int, kind: str) -> str:
    return f"{count:,} {KINDS[kind].title}"


# --- import


def import_lines(
    summary: ImportSummary, catalogue: Path, *, offset_minutes: int | None, dry_run: bool
) -> Iterator[str]:
    """Yield how the files of an import were read, and what was written."""
    for file in summary.files:
        yield f"{file.path}: {FORMAT_TITLES[file.format]}, {_count_text(file.records, summary.kind)}"
        width = max(map(len, file.columns), default=0)
        for column, target in file.columns.items():
            yield f"  {make_visible(column):{width}}  ->  {make_visible(target)}"
        if file.unused:
            yield f"  left out: {', '.join(map(make_visible, file.unused))}"
    yield f"times: {_time_text(summary.first)} to {_time_text(summary.last)} UTC{_zone_text(summary, offset_minutes)}"
    if not summary.is_sorted:
        yield "order: the records are not in the order of time; they are sorted"
    for source, count in summary.sources[:_MAX_LISTED]:
        new = ", new" if source in summary.added_sources else ""
        yield f"data source {source.identifier} ({source_title(source)}{new}): {count:,}"
    if len(summary.sources) > _MAX_LISTED:
        yield f"and {len(summary.sources) - _MAX_LISTED} more data sources"
    if summary.keys:
        yield f"metadata: {', '.join(map(_key_text, summary.keys))}"
    yield _outcome(summary, catalogue, dry_run=dry_run)


def _zone_text(summary: ImportSummary, offset_minutes: int | None) -> str:
    if summary.has_offsets:
        return ", converted from their offsets"
    if not offset_minutes:
        return " (times without an offset are UTC)"
    sign = "-" if offset_minutes < 0 else "+"
    return f", converted from {sign}{abs(offset_minutes) // 60:02}:{abs(offset_minutes) % 60:02}"


def _key_text(key: MetadataKey) -> str:
    return f"{make_visible(key.name)} ({key.type.value})"


def _outcome(summary: ImportSummary, catalogue: Path, *, dry_run: bool) -> str:
    count = _count_text(summary.records, summary.kind)
    if dry_run:
        return f"{count} can be imported into {catalogue}; nothing was written (--dry-run)"
    replaced = f", {summary.replaced:,} of them replaced" if summary.replaced else ""
    return f"Imported {count} into {catalogue}{replaced}"


# --- info and check


def info_lines(info: CatalogueInfo, width: int | None) -> Iterator[str]:
    """Yield the contents of a catalogue."""
    yield f"{info.path}: catalogue of schema version {info.version}, {size_text(info.size)}"
    if info.description:
        yield make_visible(info.description)
    if info.demonstration:
        yield "The records are made up (demonstration data)."
    for kind in STORED_KINDS:
        total = join_statistics(info.statistics[kind].values())
        span = f", {_time_text(total.earliest)} to {_time_text(total.latest)}" if total.count else ""
        yield f"{_count_text(total.count, kind)}{span}; {info.keys[kind]} metadata keys"
    yield f"{len(info.sources):,} data sources, of which {len(_with_records(info)):,} have records"
    rows = [
        (source.identifier, source.program, source.platform, source.instrument_type, *_columns(info, source))
        for source in _with_records(info)
    ]
    if rows:
        titles = ("identifier", "program", "platform", "instrument type", "products", "ephemeris", "first", "last")
        yield render_grid(titles, rows, width)


def _with_records(info: CatalogueInfo) -> list[DataSource]:
    return [s for s in info.sources if any(s.identifier in of_kind for of_kind in info.statistics.values())]


def _columns(info: CatalogueInfo, source: DataSource) -> tuple[Any, ...]:
    of_kinds = [info.statistics[kind].get(source.identifier, Statistics(0)) for kind in STORED_KINDS]
    total = join_statistics(of_kinds)
    return (*(statistics.count for statistics in of_kinds), _time_text(total.earliest), _time_text(total.latest))


def info_document(info: CatalogueInfo) -> dict[str, Any]:
    """Return the contents of a catalogue for programs. The statistics of sources are as in AuroraX."""
    statistics: Mapping[str, Mapping[int, Statistics]] = info.statistics
    return {
        "path": str(info.path),
        "schema_version": info.version,
        "description": info.description,
        "demonstration": info.demonstration,
        "bytes": info.size,
        "records": {kind: sum(found.count for found in of_kind.values()) for kind, of_kind in statistics.items()},
        "data_sources": [
            asdict(source)
            | {
                "stats": statistics_document(
                    {
                        kind: of_kind[source.identifier]
                        for kind, of_kind in statistics.items()
                        if source.identifier in of_kind
                    }
                )
            }
            for source in info.sources
        ],
    }


def check_lines(path: Path, problems: Sequence[Problem]) -> Iterator[str]:
    """Yield the problems of a catalogue, each with its first row."""
    for problem in problems:
        more = f" (and {problem.count - 1:,} more rows)" if problem.count > 1 else ""
        yield f"{path}: row {problem.row} of {problem.table}: {problem.message}{more}"


def check_document(path: Path, problems: Sequence[Problem]) -> dict[str, Any]:
    """Return the problems of a catalogue for programs."""
    return {"path": str(path), "problems": [asdict(problem) for problem in problems]}
