"""Mapping of the fields of a kind to the tables and columns of a catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from auroraql.ir.query import Criteria, Predicate, Query, Ref
from auroraql.ir.window_inference import narrow_windows
from auroraql.schema import KINDS, Kind, Type
from auroraql.schema.model import Field
from auroraql.schema.source_fields import PREFIX, SOURCE_FIELDS
from auroraql.sql.clauses import add_text_map, has_many_comparisons, text_expression
from auroraql.sql.comparison import Bindings, StoredValue
from auroraql.sql.conjunction_pipeline import build_pipeline


@dataclass(frozen=True)
class ColumnMapping:
    """Tables and columns of a kind. `tables` and `metadata_join` form the FROM clause; `fields` maps dotted names to SQL.

    `metadata` is the column of metadata objects. `ties` completes ORDER BY, so that equal queries return equal rows.
    `record_table` is the table and alias of the metadata. If that is not the table of the records, `records` selects
    the metadata identifiers of the records.
    """

    tables: str
    fields: Mapping[str, StoredValue]
    metadata: str
    ties: tuple[str, ...]
    metadata_join: str = ""
    """The join that adds the metadata of records that keep them in a table of their own. It adds no row."""
    record_table: tuple[str, str] | None = None
    records: str = ""
    texts: bool = False
    """Whether `locate_for_comparison` reads metadata from a map of texts."""

    def locate(self, ref: Ref, bind: Bindings) -> StoredValue:
        """Return the SQL expression of a field or metadata key."""
        if ref.role == "metadata":
            return StoredValue(f"{self.metadata}[{bind(ref.name)}]", Type.ANY)
        return self.fields[ref.name]

    def locate_for_comparison(self, ref: Ref, bind: Bindings) -> StoredValue:
        """Return the SQL expression of a field or metadata key in a condition."""
        if self.texts and self.record_table is not None and ref.role == "metadata":
            return text_expression(ref, self.record_table[1], bind)
        return self.locate(ref, bind)

    def for_predicate(self, predicate: Predicate, window: Sequence[str]) -> ColumnMapping:
        """Return the mapping for a predicate on the records that satisfy the conditions `window`."""
        if self.record_table is None or not has_many_comparisons(predicate):
            return self
        table, alias = self.record_table
        within = " AND ".join(window) or "TRUE"
        condition = f"{alias}.identifier IN ({self.records} WHERE {within})" if self.records else within
        plain, with_texts = f"{table} AS {alias}", add_text_map(table, alias, condition)
        tables, join = (text.replace(plain, with_texts, 1) for text in (self.tables, self.metadata_join))
        return replace(self, tables=tables, metadata_join=join, texts=True)

    def narrow_to(self, rows: str, tables: str) -> str:
        """Return a FROM clause whose first table, that of the records, has only the records of another."""
        records = self.tables.partition(" LEFT JOIN ")[0]
        alias = records.rpartition(" ")[2]
        return tables.replace(records, f"({' '.join(('SELECT', f'{alias}.*', 'FROM', rows))}) AS {alias}", 1)

    def from_clause(self, refs: Iterable[Ref]) -> str:
        """Return the tables that hold these fields and metadata keys."""
        has_metadata = any(ref.role == "metadata" or ref.name == "metadata" for ref in refs)
        return self.tables + self.metadata_join if has_metadata else self.tables


def _data_product_columns() -> ColumnMapping:
    """Return the mapping of data products. LEFT JOIN keeps products of unknown sources."""
    kind = KINDS["data_products"]
    fields = {f.name: StoredValue(f'p."{f.name}"', f.type) for f in kind.leaves()} | _source_fields("p")
    fields |= {f.name: _object_expression(f, fields) for f in kind.fields if f.members}
    return ColumnMapping(
        tables="data_products AS p LEFT JOIN data_sources AS s ON s.identifier = p.data_source",
        fields=fields,
        metadata="p.metadata",
        ties=('p."start"', "p.data_source", "p.url"),
        record_table=("data_products", "p"),
    )


def _ephemeris_columns() -> ColumnMapping:
    """Return the mapping of ephemeris."""
    kind = KINDS["ephemeris"]
    fields = {f.name: StoredValue(f'e."{"_".join(f.path)}"', f.type) for f in kind.leaves()} | _source_fields("e")
    fields |= {f.name: _object_expression(f, fields) for f in kind.fields if f.members}
    return ColumnMapping(
        tables="ephemeris AS e LEFT JOIN data_sources AS s ON s.identifier = e.data_source",
        metadata_join=" LEFT JOIN ephemeris_metadata AS m ON m.identifier = e.metadata",
        fields=fields | {"metadata": StoredValue("m.metadata", Type.OBJECT)},
        metadata="m.metadata",
        ties=("e.epoch", "e.data_source"),
        record_table=("ephemeris_metadata", "m"),
        records="SELECT e.metadata FROM ephemeris AS e",
    )


def _conjunction_columns(criteria: Criteria, query: Query, bind: Bindings) -> ColumnMapping:
    """Return the mapping of conjunctions, whose tables are a subquery. A path through a list gives a list of values."""
    kind = KINDS["conjunctions"]
    # Comparisons of start and end narrow the searched windows.
    pipeline = build_pipeline(criteria, narrow_windows(query), bind)
    return ColumnMapping(
        tables=f"({pipeline.sql}) AS c",
        fields={f.name: _conjunction_field(f, pipeline.lists.get(f.path[0])) for f in kind.names.values()},
        metadata="CAST(NULL AS VARIANT)",
        ties=tuple(f"c.{name}" for name in pipeline.ties),
    )


def _conjunction_field(field: Field, elements: tuple[str, ...] | None) -> StoredValue:
    """Return a column, or a list of members of the columns that hold a list's elements."""
    if elements is None:
        return StoredValue(f'c."{field.name}"', field.type)
    inner = "".join(f'."{name}"' for name in field.path[1:])
    return StoredValue(f"[{', '.join(f'c.{element}{inner}' for element in elements)}]", field.type, many=True)


def _source_fields(table: str) -> dict[str, StoredValue]:
    """Return the fields of a record's source. The identifier comes from the record."""
    fields = {f.name: StoredValue(f's."{f.bare}"', f.type) for f in SOURCE_FIELDS}
    return fields | {f"{PREFIX}.identifier": StoredValue(f"{table}.data_source", Type.INTEGER)}


def _object_expression(field: Field, fields: Mapping[str, StoredValue]) -> StoredValue:
    members = ", ".join(f"'{f.path[-1]}', {fields[f.name].sql}" for f in field.members)
    return StoredValue(f"json_object({members})", Type.OBJECT)


COLUMN_MAPPINGS: Mapping[str, ColumnMapping] = {
    "data_products": _data_product_columns(),
    "ephemeris": _ephemeris_columns(),
}
"""Mappings of the kinds that a catalogue file stores."""

STORED_KINDS = (*COLUMN_MAPPINGS, "conjunctions")
"""Kinds that can be searched in a catalogue file."""


def mapping_for(query: Query, bind: Bindings) -> ColumnMapping:
    """Return the mapping for a query. Conjunctions bind the values of their criteria."""
    if query.criteria is not None:
        return _conjunction_columns(query.criteria, query, bind)
    return COLUMN_MAPPINGS[query.kind]


def window_fields(kind: Kind) -> tuple[tuple[Field, str], ...]:
    """Return the fields that a window restricts, each with its bound and comparison sign."""
    ends: tuple[tuple[Literal["start", "end"], str], ...] = (("start", ">="), ("end", "<="))
    return tuple(
        (replace(field, bound=end), sign) for field in kind.fields for end, sign in ends if field.bound in (end, "both")
    )
