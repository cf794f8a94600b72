"""Where a catalogue keeps the fields of a kind: tables and columns, named after the schema's own declarations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from auroraql.query import Ref
from auroraql.schema import KINDS, Kind, Type
from auroraql.schema.model import Field
from auroraql.schema.sources import PREFIX, SOURCE_FIELDS
from auroraql.sql.bindings import Bindings
from auroraql.sql.comparison import Stored


@dataclass(frozen=True)
class Layout:
    """The tables of a kind: `tables` is the FROM clause, `fields` where each declared field is, by dotted name.

    `metadata` is the column of metadata objects; `ties` orders what a query leaves open, so that equal
    queries give equal rows.
    """

    tables: str
    fields: Mapping[str, Stored]
    metadata: str
    ties: tuple[str, ...]

    def locate(self, ref: Ref, bind: Bindings) -> Stored:
        """Where the value of a field or metadata key is."""
        if ref.role == "metadata":
            return Stored(f"{self.metadata}[{bind(ref.name)}]", Type.ANY)
        return self.fields[ref.name]


def _data_products() -> Layout:
    """See catalogue.sql. LEFT: a product whose source is not described is still a product."""
    fields = {f.name: Stored(f's."{f.bare}"', f.type) for f in SOURCE_FIELDS}
    fields |= {f.name: Stored(f'p."{f.name}"', f.type) for f in KINDS["data_products"].fields if not f.members}
    fields[f"{PREFIX}.identifier"] = Stored("p.data_source", Type.INTEGER)
    members = ", ".join(f"'{f.bare}', {fields[f.name].sql}" for f in SOURCE_FIELDS)
    fields[PREFIX] = Stored(f"json_object({members})", Type.OBJECT)
    return Layout(
        tables="data_products AS p LEFT JOIN data_sources AS s ON s.identifier = p.data_source",
        fields=fields,
        metadata="p.metadata",
        ties=('p."start"', "p.data_source", "p.url"),
    )


LAYOUTS: Mapping[str, Layout] = {"data_products": _data_products()}
"""The kinds that a catalogue file keeps."""


def bounds(kind: Kind) -> tuple[tuple[Field, str], ...]:
    """The fields that a window restricts, with the comparison for each: fully inside means both ends are."""
    signs = {"start": ">=", "end": "<="}
    return tuple((field, signs[field.bound]) for field in kind.fields if field.bound)
