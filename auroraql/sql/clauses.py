"""Compilation of WHERE, ORDER BY and LIMIT to SQL.

AND, OR and NOT follow SQL's three-valued logic. Missing values come last, or first with NULLS FIRST. Values of a
metadata key are ordered with numbers first, by value, then everything else by its plain text. Descending order is the
exact reverse, except for missing values.
"""

# ruff: noqa: S608 - only names of the column mappings are put into SQL, every value is bound

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from auroraql.ir.query import And, Comparison, FieldComparison, Not, Or, OrderKey, Predicate, Ref
from auroraql.schema.model import Type
from auroraql.schema.operators import Op
from auroraql.sql.comparison import Bindings, StoredValue, compare_fields, compare_stored

Locate = Callable[[Ref, Bindings], StoredValue]
"""Function from a field to its SQL expression. The name of a metadata key is bound, not spliced into the SQL."""


def compile_predicate(predicate: Predicate, locate: Locate, bind: Bindings) -> str:
    """Return the SQL condition of a predicate, safe to combine with AND."""
    match predicate:
        case Comparison(ref, operator, values):
            return compare_stored(_locate_value(ref, locate, bind), operator, values, bind)
        case FieldComparison(ref, operator, other):
            return compare_fields(_locate_value(ref, locate, bind), operator, _locate_value(other, locate, bind))
        case Not(term):
            return f"NOT ({compile_predicate(term, locate, bind)})"
        case And(terms):
            return (
                _join_conditions(" AND ", _merge_equalities(terms, Op.NE, Op.NOT_IN), locate, bind) if terms else "TRUE"
            )
        case Or(terms):
            return _join_conditions(" OR ", _merge_equalities(terms, Op.EQ, Op.IN), locate, bind) if terms else "FALSE"


def _locate_value(ref: Ref, locate: Locate, bind: Bindings) -> StoredValue:
    """Return the SQL expression of a field in a condition. Empty text in a source field is read as NULL."""
    stored = locate(ref, bind)
    if ref.role != "source" or stored.type is not Type.STRING:
        return stored
    if stored.many:
        return replace(stored, sql=f"list_transform({stored.sql}, lambda each: nullif(each, ''))")
    return replace(stored, sql=f"nullif({stored.sql}, '')")


def _join_conditions(word: str, terms: Iterable[Predicate], locate: Locate, bind: Bindings) -> str:
    return f"({word.join(compile_predicate(term, locate, bind) for term in terms)})"


def _merge_equalities(terms: tuple[Predicate, ...], single: Op, several: Op) -> Iterable[Predicate]:
    """Merge `a = 1 OR a = 2` into one list: planning thousands of terms takes DuckDB seconds."""
    lists: dict[Ref, list[str]] = {}
    others: list[Predicate] = []
    for term in terms:
        if isinstance(term, Comparison) and term.operator in (single, several):
            lists.setdefault(term.ref, []).extend(term.values)
        else:
            others.append(term)
    return (*(Comparison(ref, several, tuple(values)) for ref, values in lists.items()), *others)


_MAX_EXTRACTED = 8
"""Number of metadata comparisons above which a map is cheaper."""


def has_many_comparisons(predicate: Predicate) -> bool:
    """Return whether a predicate has more comparisons of metadata than should be extracted one by one."""
    count, open_terms = 0, [predicate]
    while open_terms:
        match open_terms.pop():
            case Comparison(ref):
                count += ref.role == "metadata"
            case FieldComparison(ref, _, other):
                count += (ref.role == "metadata") + (other.role == "metadata")
            case Not(term):
                open_terms.append(term)
            case And(terms) | Or(terms):
                open_terms += terms
    return count > _MAX_EXTRACTED


def add_text_map(table: str, alias: str, condition: str) -> str:
    """Return a table with a column `texts` made from its `metadata`, as a subquery of the same alias.

    DuckDB extracts a key from a VARIANT again for every comparison and uses about a megabyte for each, which its memory
    limit does not count. A predicate with many comparisons therefore reads a map from keys to the plain texts of their
    values, which is built once for each record, through JSON. Values of JSON types have the same text as when they are
    extracted. A DECIMAL, FLOAT or HUGEINT, which only other programs store in a VARIANT, has the text of the nearest
    DOUBLE.

        `condition` limits the rows for which maps are made. OFFSET keeps DuckDB from moving conditions on the map into the
    subquery, where it would make the map for each of them.
    """
    text = "CAST(CAST(each.value AS VARIANT) AS VARCHAR)"
    entries = f"map_entries(CAST(CAST({alias}.metadata AS JSON) AS MAP(VARCHAR, JSON)))"
    texts = f"map_from_entries(list_transform({entries}, lambda each: {{'key': each.key, 'value': {text}}}))"
    return f"(SELECT {alias}.*, {texts} AS texts FROM {table} AS {alias} WHERE {condition} OFFSET 0) AS {alias}"


def text_expression(ref: Ref, alias: str, bind: Bindings) -> StoredValue:
    """Return the SQL expression of a metadata key in a table made by `add_text_map`."""
    return StoredValue(f"{alias}.texts[{bind(ref.name)}]", Type.ANY)


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
