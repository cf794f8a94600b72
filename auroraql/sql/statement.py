"""Compilation of a Query to one SQL statement, and decoding of its rows.

Objects and metadata values are selected as JSON text: DuckDB returns it much faster than VARIANT, and without Decimal
values. `decode_rows` parses it, and lets equal texts share one object.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from auroraql.ir.query import EVERYTHING, Query, Ref, collect_refs
from auroraql.results.result_set import ResultColumn, Row, select_columns
from auroraql.schema import KINDS, Type
from auroraql.sql import clauses
from auroraql.sql.clauses import compile_predicate
from auroraql.sql.column_mapping import ColumnMapping, mapping_for, window_fields
from auroraql.sql.comparison import Bindings, StoredValue
from auroraql.sql.groups import compile_groups, select_values, used_refs
from auroraql.sql.interval_overlap import overlap_conditions

_AS_JSON = (Type.ANY, Type.OBJECT)


@dataclass(frozen=True, slots=True)
class SqlText:
    """SQL text and the values of its placeholders `$1`, `$2` and so on."""

    sql: str
    parameters: tuple[Any, ...]


_MAX_EXTRACTED = 16
"""Number of metadata keys in SELECT above which they are read from JSON."""


def compile_query(query: Query, paths: Sequence[tuple[str, ...]]) -> SqlText:
    """Compile a query to a statement whose columns are `paths`. Objects and metadata values are JSON text.

    Rows that ORDER BY does not order follow `ColumnMapping.ties`. An aggregate or DISTINCT query has its own columns
    and ignores `paths`.
    """
    bind = Bindings()
    mapping = mapping_for(query, bind)
    window = _window_conditions(query, mapping, bind)
    mapping = mapping.for_predicate(query.where, window)
    if query.is_aggregate or query.distinct:
        return _compile_grouped(query, mapping, window, bind)
    keys = [path for path in paths if _is_key(path)]
    # Extracting a key from a VARIANT costs DuckDB much more time and memory than from JSON.
    together = mapping.metadata if len(keys) > _MAX_EXTRACTED else ""
    pointers = {path: bind(_pointer(path[1])) for path in keys} if together else {}
    columns = {at: _column_expression(path, mapping, bind) for at, path in enumerate(paths) if path not in pointers}
    inner = ", ".join(
        (*(f"{c.sql} AS c{at}" for at, c in columns.items()), *((f"{together} AS m",) if together else ()))
    )
    # JSON is built in the outer SELECT, only for the rows that remain after LIMIT.
    outer = (
        _output_expression(at, columns[at]) if at in columns else f"CAST(m AS JSON) -> {pointers[path]}::VARCHAR"
        for at, path in enumerate(paths)
    )
    rows = _ordered_rows(query, paths, mapping, window, bind)
    return SqlText(" ".join(("SELECT", ", ".join(outer), "FROM ( SELECT", inner, rows, ")")), tuple(bind.values))


def _ordered_rows(
    query: Query, paths: Sequence[tuple[str, ...]], mapping: ColumnMapping, window: Sequence[str], bind: Bindings
) -> str:
    """Return the clauses from FROM to LIMIT."""
    where = " AND ".join((*window, *_where_conditions(query, mapping, bind)))
    ordering = ", ".join((*clauses.order_terms(query.order_by, mapping.locate, bind), *mapping.ties))
    using = query.using.refs if query.using is not None else ()
    filtered = (*collect_refs(query.where), *using, *(key.ref for key in query.order_by))
    limit = clauses.limit_clause(query.limit, query.offset, bind)
    chosen = " ".join((*((f"WHERE {where}",) if where else ()), f"ORDER BY {ordering}", *limit))
    tables = mapping.from_clause((*filtered, *map(_ref_of, paths)))
    chosen_from = mapping.from_clause(filtered)
    if not limit or chosen_from == tables:
        return f"FROM {tables} {chosen}"
    # Joining the metadata of the rows that LIMIT keeps is much cheaper than joining those of every row.
    return f"FROM {mapping.narrow_to(f'{chosen_from} {chosen}', tables)} ORDER BY {ordering}"


def _compile_grouped(query: Query, mapping: ColumnMapping, window: Sequence[str], bind: Bindings) -> SqlText:
    """Compile an aggregate or DISTINCT query."""
    columns = select_columns(query, KINDS[query.kind])
    refs = used_refs(query, columns)
    places = {ref: mapping.locate(ref, bind) for ref in refs}
    where = " AND ".join((*window, *_where_conditions(query, mapping, bind)))
    using = query.using.refs if query.using is not None else ()
    tables = mapping.from_clause((*refs, *collect_refs(query.where), *using))
    rows, named = select_values(refs, places, tables, where)
    return SqlText(compile_groups(query, columns, rows, named, bind), tuple(bind.values))


def _window_conditions(query: Query, mapping: ColumnMapping, bind: Bindings) -> Sequence[str]:
    return [
        f"{mapping.fields[field.name].sql} {sign} {bind(moment)}"
        for field, sign in window_fields(KINDS[query.kind])
        if (moment := query.start if field.bound == "start" else query.end) is not None
    ]


def _where_conditions(query: Query, mapping: ColumnMapping, bind: Bindings) -> Sequence[str]:
    conditions = []
    if query.where != EVERYTHING:
        conditions.append(compile_predicate(query.where, mapping.locate_for_comparison, bind))
    if query.during is not None:
        conditions += overlap_conditions(query.during, query.using, KINDS[query.kind], mapping.locate, bind)
    return conditions


def _column_expression(path: tuple[str, ...], mapping: ColumnMapping, bind: Bindings) -> StoredValue:
    return mapping.locate(_ref_of(path), bind)


def _ref_of(path: tuple[str, ...]) -> Ref:
    return Ref("metadata", path[1]) if _is_key(path) else Ref("record", ".".join(path))


def _output_expression(at: int, column: StoredValue) -> str:
    return f"CAST(c{at} AS JSON)" if column.many or column.type in _AS_JSON else f"c{at}"


def _is_key(path: tuple[str, ...]) -> bool:
    return path[0] == "metadata" and len(path) > 1


def _pointer(key: str) -> str:
    """Return the JSON pointer of an object member."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


MAX_STDLIB_ROWS = 500
"""Number of rows up to which Python's json is faster than importing msgspec."""


def decode_rows(rows: list[Row], columns: Sequence[ResultColumn]) -> list[Row]:
    """Return rows with the JSON text of objects and metadata values parsed."""
    if not rows:
        return rows
    parse = json.loads if len(rows) <= MAX_STDLIB_ROWS else _fast_json_parser()
    values: list[Sequence[Any]] = list(zip(*rows, strict=True))
    for at, column in enumerate(columns):
        if column.type in (Type.OBJECT, Type.ANY):
            missing: Callable[[], Any] = dict if column.type is Type.OBJECT and not column.many_at else lambda: None
            values[at] = [missing() if text is None else parse(text) for text in values[at]]
        elif column.type is Type.STRING:
            interned: dict[Any, Any] = {}
            values[at] = [interned.setdefault(text, text) for text in values[at]]
    return list(zip(*values, strict=True))


@cache
def _fast_json_parser() -> Callable[[str], Any]:
    """Return a JSON parser with the results of Python's own, many times as fast."""
    import msgspec

    decode = msgspec.json.Decoder().decode

    def parse(text: str) -> Any:
        try:
            return decode(text)
        except msgspec.DecodeError:  # lone surrogates and huge numbers, which only Python's parser accepts
            return json.loads(text)

    return parse
