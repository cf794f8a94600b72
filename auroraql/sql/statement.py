"""From a Query to the one SQL statement that answers it whole: columns, conditions, groups, order and limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from auroraql.query import EVERYTHING, Query, Ref
from auroraql.results import select_columns
from auroraql.schema import KINDS, Type
from auroraql.sql import order
from auroraql.sql.bindings import Bindings
from auroraql.sql.comparison import Stored
from auroraql.sql.during import overlaps
from auroraql.sql.groups import gather, looked_at, rows_of_values
from auroraql.sql.layout import Layout, bounds, layout_of
from auroraql.sql.predicate import condition

_AS_JSON = (Type.ANY, Type.OBJECT)


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL text, and the values of its places `$1`, `$2` …"""

    sql: str
    parameters: tuple[Any, ...]


_MOST_EXTRACTED = 16
"""Metadata keys of SELECT above which they are read from JSON."""


def compile_query(query: Query, paths: Sequence[tuple[str, ...]]) -> Statement:
    """The statement whose columns are the paths, in order; objects and metadata values come as JSON text.

    Without ORDER BY, and between equals of it, rows follow the layout's own order. A query that groups, or whose
    rows are distinct, has its own columns, whatever the paths.
    """
    bind = Bindings()
    layout = layout_of(query, bind)
    window = _window(query, layout, bind)
    layout = layout.for_predicate(query.where, window)
    if query.is_aggregate or query.distinct:
        return _gathered(query, layout, window, bind)
    keys = [path for path in paths if _is_key(path)]
    # DuckDB needs time and memory for each key that it extracts from a VARIANT, and much less from JSON.
    together = layout.metadata if len(keys) > _MOST_EXTRACTED else ""
    pointers = {path: bind(_pointer(path[1])) for path in keys} if together else {}
    columns = {at: _column(path, layout, bind) for at, path in enumerate(paths) if path not in pointers}
    inner = ", ".join(
        (*(f"{c.sql} AS c{at}" for at, c in columns.items()), *((f"{together} AS m",) if together else ()))
    )
    # JSON is made outside, of the rows that are left: inside it would be made of every row that LIMIT drops.
    outer = (
        _given(at, columns[at]) if at in columns else f"CAST(m AS JSON) -> {pointers[path]}::VARCHAR"
        for at, path in enumerate(paths)
    )
    where = " AND ".join((*window, *_conditions(query, layout, bind)))
    ordering = ", ".join((*order.terms(query.order_by, layout.locate, bind), *layout.ties))
    limit = order.cut(query.limit, query.offset, bind)
    clauses = (
        "SELECT",
        ", ".join(outer),
        "FROM ( SELECT",
        inner,
        "FROM",
        layout.tables,
        *((f"WHERE {where}",) if where else ()),
        f"ORDER BY {ordering}",
        *limit,
        ")",
    )
    return Statement(" ".join(clauses), tuple(bind.values))


def _gathered(query: Query, layout: Layout, window: Sequence[str], bind: Bindings) -> Statement:
    """Rows that are groups of records, or each of which stands once."""
    columns = select_columns(query, KINDS[query.kind])
    refs = looked_at(query, columns)
    places = {ref: layout.locate(ref, bind) for ref in refs}
    where = " AND ".join((*window, *_conditions(query, layout, bind)))
    rows, named = rows_of_values(refs, places, layout.tables, where)
    return Statement(gather(query, columns, rows, named, bind), tuple(bind.values))


def _window(query: Query, layout: Layout, bind: Bindings) -> Sequence[str]:
    return [
        f"{layout.fields[field.name].sql} {sign} {bind(moment)}"
        for field, sign in bounds(KINDS[query.kind])
        if (moment := query.start if field.bound == "start" else query.end) is not None
    ]


def _conditions(query: Query, layout: Layout, bind: Bindings) -> Sequence[str]:
    conditions = []
    if query.where != EVERYTHING:
        conditions.append(condition(query.where, layout.compared, bind))
    if query.during is not None:
        conditions += overlaps(query.during, query.using, KINDS[query.kind], layout.locate, bind)
    return conditions


def _column(path: tuple[str, ...], layout: Layout, bind: Bindings) -> Stored:
    return layout.locate(Ref("metadata", path[1]) if _is_key(path) else Ref("record", ".".join(path)), bind)


def _given(at: int, column: Stored) -> str:
    return f"CAST(c{at} AS JSON)" if column.many or column.type in _AS_JSON else f"c{at}"


def _is_key(path: tuple[str, ...]) -> bool:
    return path[0] == "metadata" and len(path) > 1


def _pointer(key: str) -> str:
    """The JSON pointer of a member."""
    return "/" + key.replace("~", "~0").replace("/", "~1")
