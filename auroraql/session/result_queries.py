"""Queries on stored results: plans without requests, which post-processing answers alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from auroraql.diagnostics.errors import Diagnostic, Origin
from auroraql.ir.plan import Plan, PostProcessing
from auroraql.ir.query import EVERYTHING, And, Comparison, Predicate, Query, Ref, normalize
from auroraql.resolver import ResolvedFind
from auroraql.results.result_set import FetchedData, ResultColumn, result_columns
from auroraql.results.stored_results import StoredResult, kind_of_rows
from auroraql.schema import Kind, Type
from auroraql.schema.operators import Op


def plan_row_query(query: Query, stored: StoredResult, warnings: tuple[Diagnostic, ...]) -> Plan:
    """Return the plan of a query on a stored result: no requests, and the whole query as post-processing."""
    where = (
        normalize(And((query.where, *_window_predicate(query, stored)))) if query.start or query.end else query.where
    )
    post_processing = PostProcessing(
        query.order_by,
        query.limit,
        query.offset,
        query.select,
        where if where != EVERYTHING else None,
        query.distinct,
        query.group_by,
        query.during,
        query.using,
        query.having,
    )
    return Plan(query, (), post_processing, warnings)


def query_rows(plan: Plan, stored: StoredResult) -> tuple[tuple[ResultColumn, ...], FetchedData]:
    """Run a plan on the rows of a stored result. Return its columns and matching rows."""
    return row_query_columns(plan.query, stored), post_process_fetched(
        FetchedData(records=stored.records), plan, stored.kind
    )


def post_process_fetched(fetched: FetchedData, plan: Plan, kind: Kind | None = None) -> FetchedData:
    """Return the result of post-processing records. `kind` is that of a searched result, None for archive records."""
    # Imported late: an engine that answers the whole query returns rows.
    from auroraql.engines.duckdb.postprocess import post_process

    return post_process(fetched, plan, kind)


def warn_of_unlisted_sources(plan: Plan, fetched: FetchedData) -> Plan:
    """Return the plan with a warning if its joined fields lack values, because a source of the records is not listed."""
    if not plan.source_facts:
        return plan
    # Imported late: few searches name fields of the archive's source list.
    from auroraql.session.source_details import unlisted_sources_warning

    warning = unlisted_sources_warning(plan.source_facts, fetched.records or ())
    return plan if warning is None else replace(plan, warnings=(*plan.warnings, warning))


def row_query_columns(query: Query, stored: StoredResult) -> tuple[ResultColumn, ...]:
    """Return the columns of a query on a stored result."""
    return tuple(_original_column(column, stored) for column in result_columns(query, stored.kind))


def stored_result_for(name: str, resolved: ResolvedFind, statement_text: str = "") -> StoredResult:
    """Return the stored result of a FIND under a name, without rows."""
    query, searched = resolved.query, resolved.searched
    columns = row_query_columns(query, searched) if searched is not None else result_columns(query)
    kind = kind_of_rows(name, columns, resolved.kind, whole=query.select is None and not query.is_aggregate)
    return StoredResult(name, kind, columns, None, statement_text, resolved.warnings)


def resolved_records(kind: Kind) -> ResolvedFind:
    """Return the FIND of complete records of a kind, as which a search that another program submitted is stored."""
    return ResolvedFind(Query(kind.name), (), frozenset(), kind)


def untimed_rows_error(query: Query, stored: StoredResult, origin: Origin) -> Diagnostic | None:
    """Return the error of a time window on rows without start and end columns, or None."""
    if stored.ends or (query.start is None and query.end is None and query.during is None):
        return None
    hint = "remove the window, or select start and end in the stored result"
    return Diagnostic("AQL0222", f"{stored.kind.title} have no start and end times", origin, "no start and end", hint)


def _window_predicate(query: Query, stored: StoredResult) -> Iterator[Predicate]:
    """Yield the comparisons of the window: a row must be entirely inside it."""
    first, last = (Ref("record", name) for name in (stored.ends[0], stored.ends[-1]))
    for ref, operator, moment in ((first, Op.GE, query.start), (last, Op.LE, query.end)):
        if moment is not None:
            yield Comparison(ref, operator, (moment.isoformat(timespec="seconds"),))


def _original_column(column: ResultColumn, stored: StoredResult) -> ResultColumn:
    """Return the column, typed as an object when each of its values is a list."""
    declared = stored.kind.field(".".join(column.path))
    if declared is not None and declared.many and not column.many_at and not column.is_element:
        return replace(column, type=Type.OBJECT)
    return column
