"""Details and statistics of data sources, for SHOW SOURCES and for the joined fields of a search."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from auroraql.diagnostics.errors import Diagnostic
from auroraql.engines.base import Engine
from auroraql.ir.plan import SourceFacts
from auroraql.ir.query import Query
from auroraql.results.result_set import Record, ResultColumn, iterate_rows, reach_value
from auroraql.schema import KINDS, Type
from auroraql.schema.catalogue import DataSource, SourceDetails, Statistics, statistics_document
from auroraql.schema.source_fields import IDENTIFIER, SOURCE_DETAILS, SOURCE_STATISTICS

_IDENTIFIER = ResultColumn("", Type.INTEGER, path=IDENTIFIER)

Document = dict[str, Any]
"""Values of SOURCE_DETAILS and SOURCE_STATISTICS by field name, in the shape of AuroraX's API."""


def source_documents(
    names: Collection[str],
    sources: Iterable[DataSource],
    details: Callable[[], Mapping[int, SourceDetails]],
    statistics: Callable[[str], Mapping[int, Statistics]],
) -> dict[int, Document]:
    """Return the fields `names` of each source, by its identifier.

    `details` and `statistics` are methods of `Engine` with a deadline. They are called only if a field needs them.
    Raises ArchiveError.
    """
    needs_details = any(field.name in names for field in SOURCE_DETAILS)
    all_details = details() if needs_details else {}
    counted = {}
    if SOURCE_STATISTICS.name in names:
        counted = {kind.name: statistics(kind.name) for kind in KINDS.values() if kind.schema_key}
    documents = {}
    for source in sources:
        identifier = source.identifier
        document = _details_document(all_details.get(identifier, SourceDetails())) if needs_details else {}
        by_kind = {kind: by_source[identifier] for kind, by_source in counted.items() if identifier in by_source}
        document[SOURCE_STATISTICS.name] = statistics_document(by_kind) if by_kind else None
        documents[identifier] = {name: value for name, value in document.items() if name in names}
    return documents


def _details_document(details: SourceDetails) -> Document:
    """Return the values of SOURCE_DETAILS by field name."""
    schemas = {
        kind.schema_key: None
        if (schema := details.schemas.get(kind.name)) is None
        else [dict(schema_field) for schema_field in schema]
        for kind in KINDS.values()
        if kind.schema_key
    }
    maintainers = None if details.maintainers is None else list(details.maintainers)
    metadata = None if details.metadata is None else dict(details.metadata)
    return {**schemas, "owner": details.owner, "maintainers": maintainers, "metadata": metadata}


def load_source_facts(query: Query, engine: Engine, deadline: float) -> SourceFacts:
    """Return the values of the joined fields of a query for all sources of the archive. Raises ArchiveError."""
    paths = {name: tuple(name.split("."))[1:] for name in query.joined_names}
    if not paths:
        return {}
    documents = source_documents(
        {path[0] for path in paths.values()},
        engine.sources(deadline),
        partial(engine.details, deadline),
        partial(engine.statistics, deadline=deadline),
    )
    return {
        name: {identifier: reach_value(document, path) for identifier, document in documents.items()}
        for name, path in paths.items()
    }


def missing_facts_warnings(query: Query, facts: SourceFacts) -> Iterator[Diagnostic]:
    """Yield a warning for each joined field that the archive's source list has for no source."""
    origins = {
        column.ref.name: column.origin for column in query.select or () if column.ref is not None and column.origin
    }
    for name, values in facts.items():
        if all(value in (None, "", [], {}) for value in values.values()):
            message = f"the archive's source list has no value of '{name.partition('.')[2]}'"
            hint = f"it is missing in every row; SHOW SOURCES SELECT display_name, {name.split('.')[1]} shows the list"
            yield Diagnostic("AQL0616", message, origins.get(name), "no values", hint, severity="warning")


def unlisted_sources_warning(facts: SourceFacts, records: Sequence[Record]) -> Diagnostic | None:
    """Return a warning if records are of sources that the archive's source list does not have."""
    identifiers = {identifier for (identifier,) in iterate_rows(records, (_IDENTIFIER,))}
    listed = next(iter(facts.values()), {})
    unlisted = sorted(identifiers - listed.keys() - {None})
    if not unlisted:
        return None
    names = ", ".join(name.partition(".")[2] for name in facts)
    shown = ", ".join(map(str, unlisted[:5])) + (" …" if unlisted[5:] else "")
    message = f"the archive's source list has no source {shown}: {names} of its records is missing"
    hint = "SHOW SOURCES REFRESH requests the list again"
    return Diagnostic("AQL0616", message, None, "", hint, severity="warning")
