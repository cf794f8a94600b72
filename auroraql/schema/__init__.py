"""The schema, declared once: kinds, their fields, operators, and what is known of the sources."""

from __future__ import annotations

from auroraql.schema.conjunctions import BLOCKS, CONJUNCTIONS
from auroraql.schema.data_products import DATA_PRODUCTS
from auroraql.schema.ephemeris import EPHEMERIS
from auroraql.schema.model import Field, Kind, Operator, Type

KINDS: dict[str, Kind] = {kind.name: kind for kind in (DATA_PRODUCTS, EPHEMERIS, CONJUNCTIONS)}
"""Every kind that can be found, by the name a statement uses."""

FILTERED: dict[str, Kind] = KINDS | BLOCKS
"""Everything that lists and filters of a query select from: the kinds, and the blocks of conjunctions."""

__all__ = [
    "BLOCKS",
    "CONJUNCTIONS",
    "DATA_PRODUCTS",
    "EPHEMERIS",
    "FILTERED",
    "KINDS",
    "Field",
    "Kind",
    "Operator",
    "Type",
]
