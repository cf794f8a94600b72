"""Rows that are there already, as those of a result: how they are kept, and searched by the residual alone."""

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


def plan_row_query(query: Query, kept: StoredResult, warnings: tuple[Diagnostic, ...]) -> Plan:
    """The plan of a search of rows: no request, and a residual that says everything."""
    where = normalize(And((query.where, *_window_predicate(query, kept)))) if query.start or query.end else query.where
    residual = PostProcessing(
        query.order_by,
        query.limit,
        query.offset,
        query.select,
        where if where != EVERYTHING else None,
        query.distinct,
        query.group_by,
        query.during,
        query.using,
    )
    return Plan(query, (), residual, warnings)


def query_rows(plan: Plan, kept: StoredResult) -> tuple[tuple[ResultColumn, ...], FetchedData]:
    """The columns and what is left of the rows of a result."""
    return row_query_columns(plan.query, kept), post_process_fetched(FetchedData(records=kept.records), plan, kept.kind)


def post_process_fetched(fetched: FetchedData, plan: Plan, kind: Kind | None = None) -> FetchedData:
    """What was fetched, after the residual. `kind` is what is searched, where it is no kind of an archive's."""
    if fetched.rows is not None:
        return fetched
    # An archive that does it all needs none of this.
    from auroraql.engines.duckdb.postprocess import post_process

    return post_process(fetched, plan, kind)


def row_query_columns(query: Query, kept: StoredResult) -> tuple[ResultColumn, ...]:
    """The columns that a search of rows has."""
    return tuple(_original_column(column, kept) for column in result_columns(query, kept.kind))


def stored_result_for(name: str, resolved: ResolvedFind, written: str = "") -> StoredResult:
    """The result of a FIND under a name, before its rows are there."""
    query, searched = resolved.query, resolved.searched
    columns = row_query_columns(query, searched) if searched is not None else result_columns(query)
    kind = kind_of_rows(name, columns, resolved.kind, whole=query.select is None and not query.is_aggregate)
    return StoredResult(name, kind, columns, None, written, resolved.warnings)


def stored_records(name: str, kind: Kind, written: str = "") -> StoredResult:
    """Records of a kind, as an archive has them, under a name."""
    columns = result_columns(Query(kind.name))
    return StoredResult(name, kind_of_rows(name, columns, kind, whole=True), columns, None, written)


def untimed_rows_error(query: Query, kept: StoredResult, origin: Origin) -> Diagnostic | None:
    """What is wrong with a window on rows that do not tell when they are."""
    if kept.ends or (query.start is None and query.end is None and query.during is None):
        return None
    hint = "leave the window out, or keep start and end too"
    return Diagnostic("AQL0222", f"{kept.kind.title} do not tell when they are", origin, "no start and end", hint)


def _window_predicate(query: Query, kept: StoredResult) -> Iterator[Predicate]:
    """The window as a predicate: rows lie fully inside."""
    first, last = (Ref("record", name) for name in (kept.ends[0], kept.ends[-1]))
    for ref, operator, moment in ((first, Op.GE, query.start), (last, Op.LE, query.end)):
        if moment is not None:
            yield Comparison(ref, operator, (moment.isoformat(timespec="seconds"),))


def _original_column(column: ResultColumn, kept: StoredResult) -> ResultColumn:
    """A column with the path that it had in the result, and as an object where each of its values is a list."""
    declared = kept.kind.field(".".join(column.path))
    if declared is not None and declared.many and not column.many_at:
        return replace(column, type=Type.OBJECT)
    return column
