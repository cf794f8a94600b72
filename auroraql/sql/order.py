"""Compilation of ORDER BY, LIMIT and OFFSET, with an order for missing values and for values of different types.

Missing values come last, or first with NULLS FIRST. Values of a metadata key are ordered with numbers first, by
value, then everything else by its plain text. Descending order is the exact reverse, except for missing values.
"""

from __future__ import annotations

from collections.abc import Iterable

from auroraql.ir.query import OrderKey
from auroraql.schema.model import Type
from auroraql.sql.clauses import Locate
from auroraql.sql.comparison import Bindings, StoredValue

_MAX_BIGINT = 2**63 - 1


def limit_clause(limit: int | None, offset: int, bind: Bindings) -> tuple[str, ...]:
    """Return the LIMIT and OFFSET clauses that a query has."""
    first = () if limit is None else (f"LIMIT {bind(min(limit, _MAX_BIGINT))}",)
    return (*first, f"OFFSET {bind(min(offset, _MAX_BIGINT))}") if offset else first


def order_terms(keys: Iterable[OrderKey], locate: Locate, bind: Bindings) -> tuple[str, ...]:
    """Return the terms of an SQL ORDER BY."""
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
        f"{stored.as_large_integer} {direction}",  # orders integers that are equal as doubles
        f"CASE WHEN {number} IS NULL THEN {stored.text} END {direction}",
    )
