"""Metadata as a map of texts, for a predicate that compares many of its keys.

DuckDB extracts a key from a VARIANT again for every comparison and uses about a megabyte for each, which its memory
limit does not count. A predicate with many comparisons therefore reads a map from keys to the plain texts of their
values, which is built once for each record.

The map is built through JSON. Values of JSON types have the same text as when they are extracted. A DECIMAL, FLOAT or
HUGEINT, which only other programs store in a VARIANT, has the text of the nearest DOUBLE.
"""

# ruff: noqa: S608 - only names of the column mappings are put into SQL, every value is bound

from __future__ import annotations

from auroraql.ir.query import And, Comparison, FieldComparison, Not, Or, Predicate, Ref
from auroraql.schema import Type
from auroraql.sql.comparison import Bindings, StoredValue

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
