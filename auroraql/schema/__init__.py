"""Schema: the kinds of records, their fields and metadata keys, the operators, and the catalogue of sources."""

from __future__ import annotations

from auroraql.schema.kinds.conjunctions import BLOCKS, CONJUNCTIONS
from auroraql.schema.kinds.data_products import DATA_PRODUCTS
from auroraql.schema.kinds.ephemeris import EPHEMERIS
from auroraql.schema.model import Field, Kind, Type
from auroraql.schema.wire import Protocol

KINDS: dict[str, Kind] = {kind.name: kind for kind in (DATA_PRODUCTS, EPHEMERIS, CONJUNCTIONS)}
"""All kinds of records, by their name in statements."""

PROTOCOLS: dict[str, Protocol] = {kind.name: kind.protocol for kind in KINDS.values() if kind.protocol is not None}
"""Protocol facts of each kind, by its name."""

STORED_KINDS = tuple(name for name, protocol in PROTOCOLS.items() if protocol.counted_as)
"""Kinds whose records an archive stores and counts. Records of other kinds are computed."""


__all__ = [
    "BLOCKS",
    "CONJUNCTIONS",
    "DATA_PRODUCTS",
    "EPHEMERIS",
    "KINDS",
    "PROTOCOLS",
    "STORED_KINDS",
    "Field",
    "Kind",
    "Protocol",
    "Type",
]
