"""Post-processing of fetched records in DuckDB: the filters, groups, order and limits that the archive cannot apply.

The results are those of the embedded archive, because the same code compiles the SQL. DuckDB receives only the values
that it needs, as text next to the number of their record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any

from auroraql.diagnostics.errors import Failed
from auroraql.engines.duckdb.spill_folder import MEMORY, spill_settings
from auroraql.ir.plan import Plan, PostProcessing, record_kind
from auroraql.ir.query import Ref, collect_refs, order_refs
from auroraql.results.joined_records import JoinedRecords
from auroraql.results.result_set import (
    ColumnarRecords,
    FetchedData,
    Record,
    ResultColumn,
    Row,
    reach_value,
    result_columns,
    rows_from_records,
    select_columns,
    take_records,
)
from auroraql.schema import Kind, Type
from auroraql.sql import clauses
from auroraql.sql.clauses import ExpressionCompiler, compile_predicate
from auroraql.sql.dialect import DUCKDB, TEXT_OR_SCALAR, Bindings, StoredValue
from auroraql.sql.groups import compile_groups, select_values, used_refs
from auroraql.sql.interval_overlap import overlap_conditions
from auroraql.sql.joined_fields import value_text
from auroraql.sql.statement import decode_rows, json_if_nested, output_value


def post_process(fetched: FetchedData, plan: Plan, kind: Kind | None = None) -> FetchedData:
    """Apply a plan's post-processing to fetched data.

    Return records if the query selects whole records, and rows otherwise. `kind` is the kind of the records when it is
    not one of the schema. Rows are returned unchanged: the engine that returned them has already done all of it.
    """
    if fetched.rows is not None:
        return fetched
    searched, query = kind or record_kind(plan.query), plan.query
    records = fetched.records or ()
    if plan.source_facts:
        records = JoinedRecords(records, plan.source_facts)
    if query.is_aggregate:
        rows = group_records(records, plan.post_processing, searched)
        return FetchedData(rows=decode_rows(rows, result_columns(query, searched)))
    if query.has_expressions:
        rows = compute_rows(records, plan.post_processing, searched)
        return FetchedData(rows=decode_rows(rows, result_columns(query, searched)))
    left = filter_records(records, plan.post_processing, searched)
    if query.select is None:
        return FetchedData(records=left.records if isinstance(left, JoinedRecords) else left)
    return FetchedData(rows=rows_from_records(left, result_columns(query, searched)))


def filter_records(fetched_records: Sequence[Record], query_residual: PostProcessing, kind: Kind) -> Sequence[Record]:
    """Filter, order, offset and limit records as the post-processing requires.

    Records that compare equal, or that have no ORDER BY, keep their order. With DISTINCT the first of equal records is
    kept, and the records are in the order of `sql.groups`.
    """
    residual = query_residual
    if not residual.order_by and residual.where is None and residual.during is None and not residual.distinct:
        last = None if residual.limit is None else residual.offset + residual.limit
        return fetched_records[residual.offset : last]
    if residual.distinct:
        return take_records(
            fetched_records, [n for (n,) in _gather_groups(fetched_records, residual, kind, only="min(n)")]
        )
    values = _ValueTable(fetched_records, kind, (ref for key in residual.order_by for ref in order_refs(key)), residual)
    parts = (
        "SELECT n FROM",
        values.table,
        *((f"WHERE {values.where}",) if values.where else ()),
        f"ORDER BY {', '.join((*clauses.order_terms(residual.order_by, values.locate, values.bind), 'n'))}",
        *clauses.limit_clause(residual.limit, residual.offset, values.bind),
    )
    return take_records(fetched_records, _record_numbers(" ".join(parts), values))


def compute_rows(records: Sequence[Record], post_processing: PostProcessing, kind: Kind) -> list[Row]:
    """Return the rows of post-processing whose columns or sort keys are computed. Objects and lists are JSON text."""
    if post_processing.distinct:
        return _gather_groups(records, post_processing, kind)
    columns = select_columns(post_processing, kind)
    refs = used_refs(post_processing, columns)
    values = _ValueTable(records, kind, refs, post_processing)
    compiler = ExpressionCompiler(values.locate, values.bind)
    shown = [json_if_nested(output_value(column, values.locate, compiler), DUCKDB) for column in columns]
    parts = (
        *("SELECT", ", ".join(shown), "FROM", values.table),
        *((f"WHERE {values.where}",) if values.where else ()),
        f"ORDER BY {', '.join((*clauses.order_terms(post_processing.order_by, values.locate, values.bind), 'n'))}",
        *clauses.limit_clause(post_processing.limit, post_processing.offset, values.bind),
    )
    with _execute(" ".join(parts), values) as cursor:
        rows: list[Row] = cursor.fetchall()
        return rows


def group_records(fetched_records: Sequence[Record], query_residual: PostProcessing, kind: Kind) -> list[Row]:
    """Return the groups of a post-processing as rows, in the order of its columns. JSON values are text."""
    return _gather_groups(fetched_records, query_residual, kind)


def _gather_groups(records: Sequence[Record], residual: PostProcessing, kind: Kind, *, only: str = "") -> list[Row]:
    columns = select_columns(residual, kind)
    refs = used_refs(residual, columns)
    values = _ValueTable(records, kind, refs, residual)
    rows, places = select_values(refs, values.places, values.table, values.where, also="n")
    sql = compile_groups(residual, columns, rows, places, values.bind, only=only)
    with _execute(sql, values) as cursor:
        groups: list[Row] = cursor.fetchall()
        return groups


def _record_numbers(sql: str, values: _ValueTable) -> Sequence[int]:
    """Return the record numbers that SQL selects, as a numpy array because there may be many."""
    with _execute(sql, values) as cursor:
        numbers: Sequence[int] = cursor.fetchnumpy()["n"]
        return numbers


@contextmanager
def _execute(sql: str, values: _ValueTable) -> Iterator[Any]:
    import duckdb  # _connection has loaded it, if there is any work

    with _connection().cursor() as cursor:
        if values.arrow is not None:
            cursor.register(_FETCHED, values.arrow)
        try:
            yield cursor.execute(sql, values.bind.values)
        except duckdb.OutOfMemoryException:
            message = "it exceeds the memory limit or the disk space limit"
            hint = "narrow the search, or fetch fewer columns"
            raise Failed(message, archive="DuckDB", subject="the post-processing", hint=hint) from None
        if values.arrow is not None:
            cursor.unregister(_FETCHED)


_FETCHED = "fetched"
"""Name under which an Arrow table is registered with DuckDB."""


class _ValueTable:
    """Table with the values that a post-processing needs: a column for each, and `n`, the record number."""

    def __init__(self, records: Sequence[Record], kind: Kind, refs: Iterable[Ref], residual: PostProcessing) -> None:
        self.bind = Bindings(DUCKDB)
        span = kind.span if residual.during is not None else ()
        using = residual.using.refs if residual.using is not None else ()
        looked_for = (*collect_refs(residual.where), *refs, *(Ref(field.role, field.name) for field in span), *using)
        self.places = {ref: _storage_type(f"v{at}", ref, kind) for at, ref in enumerate(dict.fromkeys(looked_for))}
        if kind.derive is not None and any(ref.role == "block" for ref in self.places):
            derived: Sequence[Record] = [kind.derive(record) for record in records]
        else:
            derived = records
        self.arrow: Any = None
        if isinstance(records, ColumnarRecords):
            self.arrow, columns = _to_arrow_columns(records, self.places)
            self.table = f"(SELECT {', '.join((*columns, 'n'))} FROM {_FETCHED})"  # noqa: S608 - generated names
        else:
            columns = [
                _make_column(
                    f"unnest({self.bind(_value_texts(derived if ref.role == 'block' else records, ref, at))}::VARCHAR[])",
                    at,
                )
                for ref, at in self.places.items()
            ]
            self.table = f"(SELECT {', '.join((*columns, f'unnest(range({self.bind(len(records))})) AS n'))})"
        self.where = " AND ".join(self._conditions(residual, kind))

    def locate(self, ref: Ref, _bind: Bindings) -> StoredValue:
        """Return the column of a field or metadata key."""
        return self.places[ref]

    def _conditions(self, residual: PostProcessing, kind: Kind) -> Iterator[str]:
        if residual.where is not None:
            yield compile_predicate(residual.where, self.locate, self.bind)
        if residual.during is not None:
            yield from overlap_conditions(residual.during, residual.using, kind, self.locate, self.bind)


@cache
def _connection() -> Any:
    """Return an in-memory database without access to files or network."""
    # Most searches need no post-processing, and should not wait for DuckDB to load.
    import duckdb

    connection = duckdb.connect(":memory:", config={**spill_settings("residual"), "memory_limit": MEMORY})
    connection.execute("SET enable_external_access = false; SET lock_configuration = true")
    return connection


def _storage_type(column: str, ref: Ref, kind: Kind) -> StoredValue:
    field = None if ref.role == "metadata" else kind.field(ref.name)
    return StoredValue(column, Type.ANY if field is None else field.type, many=kind.is_listed(ref.path))


def _to_arrow_columns(records: ColumnarRecords, places: Mapping[Ref, StoredValue]) -> tuple[Any, list[str]]:
    """Return the needed values as an Arrow table, and the SQL of each column: as it is, or parsed from text."""
    import numpy
    import pyarrow

    arrays: dict[str, Any] = {"n": pyarrow.array(numpy.arange(len(records)))}
    columns: list[str] = []
    for ref, stored in places.items():
        name = f"c{len(columns)}"
        as_it_is = stored.type in TEXT_OR_SCALAR and not stored.many
        array = records.array(ResultColumn("", stored.type, path=ref.path)) if as_it_is else None
        arrays[name] = pyarrow.array(_value_texts(records, ref, stored), pyarrow.string()) if array is None else array
        columns.append(_make_column(name, stored) if array is None else f"{name} AS {stored.sql}")
    return pyarrow.table(arrays), columns


def _make_column(values: str, stored: StoredValue) -> str:
    """Return the SQL of a table column, parsed from text."""
    return f"{DUCKDB.parse_text(values, stored)} AS {stored.sql}"


def _value_texts(records: Sequence[Record], ref: Ref, stored: StoredValue) -> list[str | None]:
    path = ref.path
    if isinstance(records, ColumnarRecords):
        values = records.values(ResultColumn("", Type.ANY, path=path))
        values = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    else:
        values = [reach_value(record, path) for record in records]
    return [value_text(value, stored) for value in values]
