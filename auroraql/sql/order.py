"""From ORDER BY and LIMIT to SQL: the order of values that may be missing, or of different types, and the cut.

Missing values come last, or first if asked for. The values of a metadata key are ordered numbers first,
by value, then everything else by its plain text; descending is the exact reverse, but for missing ones.
"""

from __future__ import annotations

from collections.abc import Iterable

from auroraql.ir.query import OrderKey
from auroraql.schema.model import Type
from auroraql.sql.bindings import Bindings
from auroraql.sql.comparison import StoredValue
from auroraql.sql.predicate import Locate

_MOST = 2**63 - 1


def limit_clause(limit: int | None, offset: int, bind: Bindings) -> tuple[str, ...]:
    """LIMIT and OFFSET, where there are any."""
    first = () if limit is None else (f"LIMIT {bind(min(limit, _MOST))}",)
    return (*first, f"OFFSET {bind(min(offset, _MOST))}") if offset else first


def order_terms(keys: Iterable[OrderKey], locate: Locate, bind: Bindings) -> tuple[str, ...]:
    """The terms of an SQL ORDER BY."""
    return tuple(term for key in keys for term in _key_terms(key, locate(key.ref, bind)))


def _key_terms(key: OrderKey, stored: StoredValue) -> tuple[str, ...]:
    direction = "DESC" if key.descending else "ASC"
    missing = "FIRST" if key.nulls_first else "LAST"
    if stored.type is not Type.ANY:
        value = stored.text if stored.type is Type.OBJECT else stored.sql
        return (f"{value} {direction} NULLS {missing}",)
    number = stored.as_reading("number")
    return (
        f"{stored.sql} IS NULL {'DESC' if key.nulls_first else 'ASC'}",
        f"{number} {direction} NULLS {'FIRST' if key.descending else 'LAST'}",
        f"{stored.as_large_integer} {direction}",  # tells whole numbers apart that are one double
        f"CASE WHEN {number} IS NULL THEN {stored.text} END {direction}",
    )
