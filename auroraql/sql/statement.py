"""Compilation of a Query to one SQL statement, and decoding of its rows.

A mapping gives the tables and columns of a kind. Objects and metadata values are selected as JSON text: DuckDB returns
it much faster than VARIANT, and without Decimal values. `decode_rows` parses it, and lets equal texts share one object.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

from auroraql.ir.plan import SourceFacts, record_kind
from auroraql.ir.query import (
    EVERYTHING,
    Column,
    Criteria,
    Predicate,
    Query,
    Ref,
    collect_refs,
    column_refs,
    order_refs,
)
from auroraql.ir.window_inference import narrow_windows
from auroraql.results.result_set import ResultColumn, Row, select_columns
from auroraql.schema import KINDS, Kind, Type
from auroraql.schema.kinds.conjunctions import SOURCES_FIELD
from auroraql.schema.model import Field
from auroraql.schema.source_fields import IDENTIFIER, PREFIX, SOURCE_FIELDS
from auroraql.sql import clauses
from auroraql.sql.clauses import (
    ExpressionCompiler,
    Locate,
    compile_predicate,
    has_many_comparisons,
    text_expression,
)
from auroraql.sql.conjunction_pipeline import build_pipeline
from auroraql.sql.dialect import Bindings, Dialect, StoredValue
from auroraql.sql.groups import compile_groups, select_values, used_refs
from auroraql.sql.interval_overlap import overlap_conditions
from auroraql.sql.joined_fields import join_facts


@dataclass(frozen=True)
class ColumnMapping:
    """Tables and columns of a kind. `tables` and the joins that the fields of a query need form the FROM clause; `fields` maps dotted names to SQL.

    `metadata` is the column of metadata objects. `ties` completes ORDER BY, so that equal queries return equal rows.
    `record_table` is the table and alias of the metadata. If that is not the table of the records, `records` selects
    the metadata identifiers of the records.
    """

    tables: str
    fields: Mapping[str, StoredValue]
    metadata: str
    ties: tuple[str, ...]
    source_join: str = ""
    """The join that adds the source of records. It adds no row, and keeps records of unknown sources."""
    source_fields: frozenset[str] = frozenset()
    """Dotted names of the fields that need the source."""
    metadata_join: str = ""
    """The join that adds the metadata of records that keep them in a table of their own. It adds no row."""
    record_table: tuple[str, str] | None = None
    records: str = ""
    joins: str = ""
    """The join that adds the values of joined fields. It adds no row."""
    joined: frozenset[str] = frozenset()
    """Dotted names of the joined fields."""
    texts: bool = False
    """Whether `locate_for_comparison` reads metadata from a map of texts."""

    def locate(self, ref: Ref, bind: Bindings) -> StoredValue:
        """Return the SQL expression of a field or metadata key."""
        if ref.role == "metadata":
            return bind.dialect.metadata_key(self.metadata, bind(ref.name))
        return self.fields[ref.name]

    def locate_for_comparison(self, ref: Ref, bind: Bindings) -> StoredValue:
        """Return the SQL expression of a field or metadata key in a condition."""
        if self.texts and self.record_table is not None and ref.role == "metadata":
            return text_expression(ref, self.record_table[1], bind)
        return self.locate(ref, bind)

    def for_predicate(self, predicate: Predicate, window: Sequence[str], dialect: Dialect) -> ColumnMapping:
        """Return the mapping for a predicate on the records that satisfy the conditions `window`."""
        if self.record_table is None or not has_many_comparisons(predicate):
            return self
        table, alias = self.record_table
        within = " AND ".join(window) or "TRUE"
        condition = f"{alias}.identifier IN ({self.records} WHERE {within})" if self.records else within
        plain, with_texts = f"{table} AS {alias}", dialect.with_text_map(table, alias, condition)
        tables, join = (text.replace(plain, with_texts, 1) for text in (self.tables, self.metadata_join))
        return replace(self, tables=tables, metadata_join=join, texts=True)

    def narrow_to(self, rows: str, tables: str) -> str:
        """Return a FROM clause whose first table, that of the records, has only the records of another."""
        records = self.tables
        alias = records.rpartition(" ")[2]
        return tables.replace(records, f"({' '.join(('SELECT', f'{alias}.*', 'FROM', rows))}) AS {alias}", 1)

    def from_clause(self, refs: Iterable[Ref]) -> str:
        """Return the tables that hold these fields and metadata keys."""
        names = {"metadata" if ref.role == "metadata" else ref.name for ref in refs}
        needed = (
            self.source_join if names & self.source_fields else "",
            self.metadata_join if "metadata" in names else "",
            self.joins if names & self.joined else "",
        )
        return self.tables + "".join(needed)


_NAMES_OF_SOURCES = frozenset((PREFIX, *(field.name for field in SOURCE_FIELDS if field.path != IDENTIFIER)))
"""Names of the fields that are not in the table of the records."""


def _source_join(alias: str) -> str:
    return f" LEFT JOIN data_sources AS s ON s.identifier = {alias}.data_source"


def _data_product_columns(dialect: Dialect) -> ColumnMapping:
    """Return the mapping of data products."""
    kind = KINDS["data_products"]
    fields = {f.name: StoredValue(f'p."{f.name}"', f.type) for f in kind.leaves()} | _source_fields("p")
    fields |= {f.name: _object_expression(f, fields, dialect) for f in kind.fields if f.members}
    return ColumnMapping(
        tables="data_products AS p",
        source_join=_source_join("p"),
        source_fields=_NAMES_OF_SOURCES,
        fields=fields,
        metadata="p.metadata",
        ties=('p."start"', "p.data_source", "p.url"),
        record_table=("data_products", "p"),
    )


def _ephemeris_columns(dialect: Dialect) -> ColumnMapping:
    """Return the mapping of ephemeris."""
    kind = KINDS["ephemeris"]
    fields = {f.name: StoredValue(f'e."{"_".join(f.path)}"', f.type) for f in kind.leaves()} | _source_fields("e")
    fields |= {f.name: _object_expression(f, fields, dialect) for f in kind.fields if f.members}
    return ColumnMapping(
        tables="ephemeris AS e",
        source_join=_source_join("e"),
        source_fields=_NAMES_OF_SOURCES,
        metadata_join=" LEFT JOIN ephemeris_metadata AS m ON m.identifier = e.metadata",
        fields=fields | {"metadata": StoredValue("m.metadata", Type.OBJECT)},
        metadata="m.metadata",
        ties=("e.epoch", "e.data_source"),
        record_table=("ephemeris_metadata", "m"),
        records="SELECT e.metadata FROM ephemeris AS e",
    )


def _conjunction_columns(criteria: Criteria, query: Query, bind: Bindings) -> ColumnMapping:
    """Return the mapping of conjunctions, whose tables are a subquery. A path through a list gives a list of values."""
    kind = record_kind(query)
    # Comparisons of start and end narrow the searched windows.
    pipeline = build_pipeline(criteria, narrow_windows(query), bind)
    sources = dict(
        zip(
            (f.path[0] for f in kind.fields if f.role == "block" and not f.is_hidden),
            pipeline.lists[SOURCES_FIELD],
            strict=True,
        )
    )
    return ColumnMapping(
        tables=f"({pipeline.sql}) AS c",
        fields={
            f.name: _conjunction_field(f, pipeline.lists.get(f.path[0]), sources.get(f.path[0]), bind.dialect)
            for f in kind.names.values()
        },
        metadata=bind.dialect.missing_object,
        ties=tuple(f"c.{name}" for name in pipeline.ties),
    )


def _conjunction_field(
    field: Field, elements: tuple[str, ...] | None, block: str | None, dialect: Dialect
) -> StoredValue:
    """Return a column, a list of members of the columns with a list's elements, or a member of a block's source."""
    if field.role == "block":
        return StoredValue(f'c.{block}."{field.path[-1]}"', field.type)
    if elements is None:
        return StoredValue(f'c."{field.name}"', field.type)
    inner = "".join(f'."{name}"' for name in field.path[1:])
    return StoredValue(dialect.list_of([f"c.{element}{inner}" for element in elements]), field.type, many=True)


def _source_fields(table: str) -> dict[str, StoredValue]:
    """Return the fields of a record's source. The identifier comes from the record."""
    fields = {f.name: StoredValue(f's."{f.bare}"', f.type) for f in SOURCE_FIELDS}
    return fields | {f"{PREFIX}.identifier": StoredValue(f"{table}.data_source", Type.INTEGER)}


def _object_expression(field: Field, fields: Mapping[str, StoredValue], dialect: Dialect) -> StoredValue:
    return StoredValue(dialect.json_object({f.path[-1]: fields[f.name].sql for f in field.members}), Type.OBJECT)


_COLUMNS: Mapping[str, Callable[[Dialect], ColumnMapping]] = {
    "data_products": cache(_data_product_columns),
    "ephemeris": cache(_ephemeris_columns),
}
"""Mappings of the kinds that a catalogue file stores."""

STORED_KINDS = (*_COLUMNS, "conjunctions")
"""Kinds that can be searched in a catalogue file."""


def mapping_for(query: Query, bind: Bindings, facts: SourceFacts = MappingProxyType({})) -> ColumnMapping:
    """Return the mapping for a query. Conjunctions bind the values of their criteria, and joined fields their facts."""
    if query.criteria is not None:
        return _conjunction_columns(query.criteria, query, bind)
    mapping = _COLUMNS[query.kind](bind.dialect)
    if not facts:
        return mapping
    joins, fields = join_facts(facts, KINDS[query.kind], mapping.fields[".".join(IDENTIFIER)].sql, bind)
    return replace(mapping, joins=joins, joined=frozenset(fields), fields={**mapping.fields, **fields})


def window_fields(kind: Kind) -> tuple[tuple[Field, str], ...]:
    """Return the fields that a window restricts, each with its bound and comparison sign."""
    ends: tuple[tuple[Literal["start", "end"], str], ...] = (("start", ">="), ("end", "<="))
    return tuple(
        (replace(field, bound=end), sign) for field in kind.fields for end, sign in ends if field.bound in (end, "both")
    )


_AS_JSON = (Type.ANY, Type.OBJECT)


@dataclass(frozen=True, slots=True)
class SqlText:
    """SQL text and the values of its placeholders `$1`, `$2` and so on."""

    sql: str
    parameters: tuple[Any, ...]


_MAX_EXTRACTED = 16
"""Number of metadata keys in SELECT above which they are read from JSON."""


def compile_query(
    query: Query, paths: Sequence[tuple[str, ...]], dialect: Dialect, facts: SourceFacts = MappingProxyType({})
) -> SqlText:
    """Compile a query to a statement whose columns are `paths`. Objects and metadata values are JSON text.

    `facts` are the values of the joined fields of the query.

    Rows that ORDER BY does not order follow `ColumnMapping.ties`. An aggregate or DISTINCT query has its own columns
    and ignores `paths`.
    """
    bind = Bindings(dialect)
    mapping = mapping_for(query, bind, facts)
    window = _window_conditions(query, mapping, bind)
    mapping = mapping.for_predicate(query.where, window, dialect)
    if query.is_aggregate or query.distinct:
        return _compile_grouped(query, mapping, window, bind)
    if query.has_expressions:
        return _compile_computed(query, mapping, window, bind)
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
        json_if_nested(replace(columns[at], sql=f"c{at}"), dialect)
        if at in columns
        else dialect.json_member("m", pointers[path])
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
    filtered = (*collect_refs(query.where), *using, *(ref for key in query.order_by for ref in order_refs(key)))
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
    columns = select_columns(query, record_kind(query))
    refs = used_refs(query, columns)
    places = {ref: mapping.locate(ref, bind) for ref in refs}
    where = " AND ".join((*window, *_where_conditions(query, mapping, bind)))
    using = query.using.refs if query.using is not None else ()
    tables = mapping.from_clause((*refs, *collect_refs(query.where), *using))
    rows, named = select_values(refs, places, tables, where)
    return SqlText(compile_groups(query, columns, rows, named, bind), tuple(bind.values))


def _compile_computed(query: Query, mapping: ColumnMapping, window: Sequence[str], bind: Bindings) -> SqlText:
    """Compile a query whose columns or sort keys are computed."""
    columns = select_columns(query, record_kind(query))
    compiler = ExpressionCompiler(mapping.locate, bind)
    values = [output_value(column, mapping.locate, compiler) for column in columns]
    where = " AND ".join((*window, *_where_conditions(query, mapping, bind)))
    using = query.using.refs if query.using is not None else ()
    refs = (ref for column in columns for ref in column_refs(column))
    ordered = (ref for key in query.order_by for ref in order_refs(key))
    tables = mapping.from_clause((*refs, *ordered, *collect_refs(query.where), *using))
    clause_texts = (
        f"SELECT {', '.join(json_if_nested(value, bind.dialect) for value in values)}",
        f"FROM {tables}",
        *((f"WHERE {where}",) if where else ()),
        f"ORDER BY {', '.join((*clauses.order_terms(query.order_by, mapping.locate, bind), *mapping.ties))}",
        *clauses.limit_clause(query.limit, query.offset, bind),
    )
    return SqlText(" ".join(clause_texts), tuple(bind.values))


def json_if_nested(value: StoredValue, dialect: Dialect) -> str:
    """Return the SQL of a column: objects, lists and metadata values as JSON."""
    return dialect.json(value.sql) if value.many or value.type in _AS_JSON else value.sql


def output_value(column: Column, locate: Locate, compiler: ExpressionCompiler) -> StoredValue:
    """Return the SQL of a column of a query that is not grouped."""
    if column.expression is not None:
        return compiler.output(column.expression)
    assert column.ref is not None, "only aggregates have no field"  # noqa: S101
    stored = locate(column.ref, compiler.bind)
    return replace(stored, sql=compiler.dialect.duration(stored.sql)) if stored.type is Type.INTERVAL else stored


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
            is_always_there = column.type is Type.OBJECT and len(column.path) == 1
            missing: Callable[[], Any] = dict if is_always_there else lambda: None
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
