"""Where the fields of a kind are in a catalogue: tables and columns, named after the schema's own declarations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from auroraql.ir.query import Criteria, Predicate, Query, Ref
from auroraql.ir.window_inference import narrow_windows
from auroraql.schema import KINDS, Kind, Type
from auroraql.schema.model import Field
from auroraql.schema.source_fields import PREFIX, SOURCE_FIELDS
from auroraql.sql.bindings import Bindings
from auroraql.sql.comparison import StoredValue
from auroraql.sql.conjunctions import build_pipeline
from auroraql.sql.metadata_texts import add_text_map, has_many_comparisons, text_expression


@dataclass(frozen=True)
class ColumnMapping:
    """The tables of a kind: `tables` and `metadata_join` are the FROM clause, `fields` where each declared field is.

    `metadata` is the column of metadata objects; `ties` orders what a query leaves open, so that equal
    queries give equal rows. `holder` is the table and alias of the metadata; `records`, where that is another table,
    selects the identifiers of the metadata of records.
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
    """Whether `compared` reads metadata from a map of texts."""

    def locate(self, ref: Ref, bind: Bindings) -> StoredValue:
        """Where the value of a field or metadata key is."""
        if ref.role == "metadata":
            return StoredValue(f"{self.metadata}[{bind(ref.name)}]", Type.ANY)
        return self.fields[ref.name]

    def locate_for_comparison(self, ref: Ref, bind: Bindings) -> StoredValue:
        """Where a condition finds the value of a field or metadata key."""
        if self.texts and self.record_table is not None and ref.role == "metadata":
            return text_expression(ref, self.record_table[1], bind)
        return self.locate(ref, bind)

    def for_predicate(self, predicate: Predicate, window: Sequence[str]) -> ColumnMapping:
        """Return the layout in which to take a predicate to the records for which the conditions of a window hold."""
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
    """See catalogue.sql. LEFT: a product whose source is not described is still a product."""
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
    """See catalogue.sql."""
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
    """Computed, not kept: the tables are a subquery. What a path through a list names is a list, one value an element."""
    kind = KINDS["conjunctions"]
    # Comparisons of what is found narrow where it is looked for.
    computed = build_pipeline(criteria, narrow_windows(query), bind)
    return ColumnMapping(
        tables=f"({computed.sql}) AS c",
        fields={f.name: _conjunction_field(f, computed.lists.get(f.path[0])) for f in kind.names.values()},
        metadata="CAST(NULL AS VARIANT)",
        ties=tuple(f"c.{name}" for name in computed.ties),
    )


def _conjunction_field(field: Field, elements: tuple[str, ...] | None) -> StoredValue:
    """A column, or a list of parts of the columns that are a list's elements."""
    if elements is None:
        return StoredValue(f'c."{field.name}"', field.type)
    inner = "".join(f'."{name}"' for name in field.path[1:])
    return StoredValue(f"[{', '.join(f'c.{element}{inner}' for element in elements)}]", field.type, many=True)


def _source_fields(table: str) -> dict[str, StoredValue]:
    """The fields of a record's source; the identifier is the record's own."""
    fields = {f.name: StoredValue(f's."{f.bare}"', f.type) for f in SOURCE_FIELDS}
    return fields | {f"{PREFIX}.identifier": StoredValue(f"{table}.data_source", Type.INTEGER)}


def _object_expression(field: Field, fields: Mapping[str, StoredValue]) -> StoredValue:
    members = ", ".join(f"'{f.path[-1]}', {fields[f.name].sql}" for f in field.members)
    return StoredValue(f"json_object({members})", Type.OBJECT)


COLUMN_MAPPINGS: Mapping[str, ColumnMapping] = {
    "data_products": _data_product_columns(),
    "ephemeris": _ephemeris_columns(),
}
"""The kinds that a catalogue file keeps."""

STORED_KINDS = (*COLUMN_MAPPINGS, "conjunctions")
"""The kinds that are found in one."""


def mapping_for(query: Query, bind: Bindings) -> ColumnMapping:
    """Where what a query finds is; conjunctions are computed, from the values bound."""
    if query.criteria is not None:
        return _conjunction_columns(query.criteria, query, bind)
    return COLUMN_MAPPINGS[query.kind]


def window_fields(kind: Kind) -> tuple[tuple[Field, str], ...]:
    """The fields that a window restricts, each as the end it is, with the comparison: fully inside means both are."""
    ends: tuple[tuple[Literal["start", "end"], str], ...] = (("start", ">="), ("end", "<="))
    return tuple(
        (replace(field, bound=end), sign) for field in kind.fields for end, sign in ends if field.bound in (end, "both")
    )
