"""Warnings about searches of records that a mirror lacks: its result would be incomplete without a word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time

from auroraql.diagnostics.errors import Diagnostic, Origin
from auroraql.ir.query import Query, Window
from auroraql.ir.window_inference import narrow_windows
from auroraql.planner.conjunction_plan import is_allowed_in_block
from auroraql.planner.source_predicates import SourcePredicates
from auroraql.schema import EPHEMERIS, KINDS, STORED_KINDS
from auroraql.schema.catalogue import Catalogue, DataSource, Mirror, MirroredPart

_MAX_NAMES = 4
_MAX_WINDOWS = 200
"""Number of windows that are compared one by one. More are compared as one window from the first to the last."""


def mirror_warnings(query: Query, catalogue: Catalogue) -> Iterator[Diagnostic]:
    """Yield a warning for each kind and block of which the catalogue, a mirror, may lack records."""
    mirror = catalogue.mirror
    if mirror is None:
        return
    windows: Sequence[Window] = narrow_windows(query)
    if len(windows) > _MAX_WINDOWS:
        windows = [(windows[0][0], windows[-1][1])]
    for name, kind, where, sources in _searched_sources(query, catalogue):
        missing = [
            source
            for source in sources
            if any(mirror.lacks(kind, source.identifier, start, end) for start, end in windows)
        ]
        if missing:
            message = f"{name}{_describe_missing(mirror, kind, missing, len(sources))}"
            yield _warning(message, where, mirror)


def _searched_sources(query: Query, catalogue: Catalogue) -> Iterator[tuple[str, str, Origin, Sequence[DataSource]]]:
    """Yield the prefix of a warning, kind, place and sources of a search, or of each block of a conjunction search."""
    predicates = SourcePredicates.for_sources(catalogue.sources)
    if query.criteria is None:
        if query.kind in STORED_KINDS:
            yield "", query.kind, query.where.origin, predicates.possible_sources(query.where)
        return
    for name, block in zip(query.criteria.names, query.criteria.blocks, strict=True):
        if block.kind != "location":
            sources = predicates.possible_sources(block.where)
            allowed = [source for source in sources if is_allowed_in_block(source, block.kind)]
            yield f"{name}: ", EPHEMERIS.name, block.where.origin, allowed


def _warning(message: str, origin: Origin, mirror: Mirror) -> Diagnostic:
    hint = f"SHOW SYNC lists what is mirrored; {mirror.archive} has the rest, and auroraql sync copies it"
    return Diagnostic("AQL0632", message, origin, "not mirrored", hint, severity="warning")


def _describe_missing(mirror: Mirror, kind: str, missing: Sequence[DataSource], count: int) -> str:
    title, names = KINDS[kind].title, _join_names(missing)
    by_source = mirror.parts.get(kind, {})
    parts = [part for source in missing if (part := by_source.get(source.identifier)) is not None]
    share = f", {len(missing)} of {count} data sources" if len(missing) > _MAX_NAMES else ""
    if not parts:
        return f"the mirror has no {title} of {names}{share}"
    spans = {_whole_span(part) for part in parts}
    if len(parts) < len(missing) or len(spans) > 1:
        return f"the mirror lacks {title} of {names} in a part of this window{share}"
    first, last = spans.pop()
    gaps = ", with gaps" if any(len(part.spans) > 1 for part in parts) else ""
    return f"the mirror has {title} of {names} only from {first} to {last}{gaps}{share}"


def _whole_span(part: MirroredPart) -> tuple[str, str]:
    """Return the mirrored time as text: its first moment, and the first moment after it."""
    return _format_moment(part.spans[0][0]), _format_moment(part.spans[-1][1])


def _format_moment(moment: datetime) -> str:
    """Return a time to the minute, or its day at midnight."""
    return f"{moment:%Y-%m-%d}" if moment.time() == time() else f"{moment:%Y-%m-%dT%H:%M}"


def _join_names(sources: Sequence[DataSource]) -> str:
    """Return the names of a few sources, or their programs, and the number of the others."""
    names = [source.display_name or str(source.identifier) for source in sources]
    if len(names) > _MAX_NAMES:
        names = list(dict.fromkeys(source.program or str(source.identifier) for source in sources))
    return ", ".join(names[:_MAX_NAMES]) + (f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else "")
