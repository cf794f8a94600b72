"""The schema, declared once: kinds, their fields, operators, and what is known of the sources."""

from __future__ import annotations

from auroraql.schema.kinds.conjunctions import BLOCKS, CONJUNCTIONS
from auroraql.schema.kinds.data_products import DATA_PRODUCTS
from auroraql.schema.kinds.ephemeris import EPHEMERIS
from auroraql.schema.model import Field, Kind, Type
from auroraql.schema.wire import Protocol

KINDS: dict[str, Kind] = {kind.name: kind for kind in (DATA_PRODUCTS, EPHEMERIS, CONJUNCTIONS)}
"""Every kind that can be found, by the name a statement uses."""

PROTOCOLS: dict[str, Protocol] = {kind.name: kind.protocol for kind in KINDS.values() if kind.protocol is not None}
"""How AuroraX is asked for the records of each kind."""

STORED_KINDS = tuple(name for name, protocol in PROTOCOLS.items() if protocol.counted_as)
"""The kinds whose records an archive stores, counts and lists by day; the others are computed."""


def is_time_key(kind: Kind, name: str) -> bool:
    """Whether records of a kind have a time under a metadata key."""
    owner = KINDS.get(kind.metadata)
    return owner is not None and name in owner.time_keys


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
    "is_time_key",
]
