"""Limits of the language. The parser enforces them before the work that they limit.

`grammar/README.md` lists them. A statement above a limit is an error: AQL0103, AQL0104, AQL0116 or AQL0119.
"""

from __future__ import annotations

from typing import NamedTuple

MAX_SCRIPT_CHARACTERS = 10_000_000
"""Maximum number of characters of a script."""

MAX_STATEMENTS = 10_000
"""Maximum number of statements of a script."""

MAX_STATEMENT_CHARACTERS = 1_000_000
"""Maximum number of characters of a statement."""

MAX_DEPTH = 200
"""Maximum nesting of brackets, braces, NOTs and FINDs, and maximum number of names in a dotted path."""

MAX_LIST_VALUES = 10_000
"""Maximum number of values of a list, and of items of any other list without a separate limit."""

MAX_CLAUSES = 1_000
"""Maximum number of clauses of a statement, and of blocks, distances and traces before their own limits apply."""


MAX_COLUMNS = 2_000
"""Maximum number of columns of SELECT and EXCLUDE, and of keys of GROUP BY and ORDER BY."""

MAX_SQL_TABLES = 100
"""Maximum number of table references of a SQL statement. The planning time of DuckDB grows faster than linearly."""


class ListLimit(NamedTuple):
    """Limit of a list of the grammar. `items` is the plural noun for messages, `hint` the way out."""

    items: str
    maximum: int
    hint: str


_SEVERAL = "split the search into several"
_ONE_LIST = "write an IN list instead of many ORs, or pass the values as one list parameter"

MAX_TERMS = 200
"""Maximum number of terms of a sum, factors of a product, arguments of a function and branches of CASE."""

LIST_LIMITS = {
    "statement": ListLimit("clauses", MAX_CLAUSES, "keep one of each"),
    "find": ListLimit("clauses", MAX_CLAUSES, "keep one of each"),
    "blocks": ListLimit("blocks", MAX_CLAUSES, _SEVERAL),
    "block": ListLimit("places", MAX_LIST_VALUES, _SEVERAL),
    "within": ListLimit("distances", MAX_CLAUSES, "the first distance applies to every pair without its own"),
    "via": ListLimit("traces", MAX_CLAUSES, "name each once"),
    "select": ListLimit("columns", MAX_COLUMNS, "select whole objects, or *"),
    "exclusion": ListLimit("columns", MAX_COLUMNS, "select the columns that you need"),
    "group_by": ListLimit("keys", MAX_COLUMNS, "group by fewer fields"),
    "order": ListLimit("keys", MAX_COLUMNS, "order by fewer fields"),
    "moment": ListLimit("shifts", MAX_CLAUSES, "add them up to one shift"),
    "expr": ListLimit("terms", MAX_LIST_VALUES, _ONE_LIST),
    "and_expr": ListLimit("terms", MAX_LIST_VALUES, _ONE_LIST),
    "values": ListLimit("values", MAX_LIST_VALUES, _SEVERAL),
    "sum": ListLimit("terms", MAX_TERMS, "split the expression"),
    "product": ListLimit("factors", MAX_TERMS, "split the expression"),
    "arguments": ListLimit("arguments", MAX_TERMS, "split the call"),
    "case": ListLimit("branches", MAX_TERMS, "use fewer branches"),
    "path": ListLimit("names", MAX_DEPTH, "no record nests that deep"),
}
"""Limits by the grammar rule that contains the list. Lark names the rule of the list itself `__rule_star_N`."""
