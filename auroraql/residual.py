"""What is done to fetched records that the archive cannot do: choosing, ordering and cutting, by DuckDB.

Predicates and order mean here what they mean in the embedded archive: the same SQL is made by the same code.
Only the values that they look at are given to DuckDB, as text beside the number of their record.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import duckdb

from auroraql.plan import Residual
from auroraql.query import And, Comparison, Not, Or, Predicate, Ref
from auroraql.results import Record
from auroraql.schema import Kind, Type
from auroraql.sql import order
from auroraql.sql.bindings import Bindings
from auroraql.sql.comparison import Stored
from auroraql.sql.predicate import condition
from auroraql.sql.statement import cut

_TYPES = {Type.TIME: "TIMESTAMP", Type.INTEGER: "BIGINT", Type.NUMBER: "DOUBLE", Type.BOOLEAN: "BOOLEAN"}


def run(fetched_records: Sequence[Record], query_residual: Residual, kind: Kind) -> list[Record]:
    """The records that the residual's predicate holds for, in its order, from its offset, at most its limit.

    Equals, and records without an order asked for, keep the order they came in.
    """
    where = query_residual.where
    if not query_residual.order_by and where is None:
        return list(fetched_records)[query_residual.offset :][: query_residual.limit]
    refs = list(dict.fromkeys([*_refs(where), *(key.ref for key in query_residual.order_by)]))
    bind = Bindings()
    columns = [f"unnest({bind(_texts(fetched_records, ref))}::VARCHAR[]) AS k{at}" for at, ref in enumerate(refs)]
    places = {ref: _stored(f"k{at}", ref, kind) for at, ref in enumerate(refs)}
    chosen = ("WHERE", condition(where, lambda ref, _bind: places[ref], bind)) if where is not None else ()
    terms = order.terms(query_residual.order_by, lambda ref, _bind: places[ref], bind)
    numbered = f"unnest(range({bind(len(fetched_records))})) AS n"
    clauses = (
        "SELECT n FROM ( SELECT",
        ", ".join((*columns, numbered)),
        ")",
        *chosen,
        "ORDER BY",
        ", ".join((*terms, "n")),
    )
    sql = " ".join((*clauses, *cut(query_residual.limit, query_residual.offset, bind)))
    with _connection().cursor() as cursor:
        return [fetched_records[n] for (n,) in cursor.execute(sql, bind.values).fetchall()]


def _refs(predicate: Predicate | None) -> Iterator[Ref]:
    """What a predicate looks at."""
    match predicate:
        case Comparison(ref):
            yield ref
        case Not(term):
            yield from _refs(term)
        case And(terms) | Or(terms):
            for term in terms:
                yield from _refs(term)
        case None:
            return


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    """An empty database in memory, which reaches nothing outside."""
    return duckdb.connect(":memory:", config={"enable_external_access": False, "lock_configuration": True})


def _stored(column: str, ref: Ref, kind: Kind) -> Stored:
    field = None if ref.role == "metadata" else kind.field(ref.name)
    declared = Type.ANY if field is None else field.type
    return Stored(f"TRY_CAST({column} AS {_TYPES[declared]})" if declared in _TYPES else column, declared)


def _texts(records: Sequence[Record], ref: Ref) -> list[str | None]:
    path = ref.path
    return [_text(_value(record, path)) for record in records]


def _value(record: Record, path: tuple[str, ...]) -> Any:
    value: Any = record
    for step in path:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def _text(value: Any) -> str | None:
    """A value of a record as plain text, as the embedded archive has it."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
