"""The limits of the language, each declared once: the parser enforces them before the work that they limit.

`grammar/README.md` lists them; a test compares. A statement above a limit is refused with AQL0103, AQL0104, AQL0116 or
AQL0119.
"""

from __future__ import annotations

from typing import NamedTuple

MAX_SCRIPT_CHARACTERS = 10_000_000
"""Characters of one script."""

MAX_STATEMENTS = 10_000
"""Statements of one script."""

MAX_STATEMENT_CHARACTERS = 1_000_000
"""Characters of one statement."""

MAX_DEPTH = 200
"""Brackets, braces, NOTs and FINDs inside one another, and names in one dotted path."""

MAX_LIST_VALUES = 10_000
"""Values in a list, and the items of any other list without a limit of its own."""

MAX_CLAUSES = 1_000
"""Clauses of one statement, and the blocks, distances and traces that are written before they are counted."""


MOST_COLUMNS = 2_000
"""Columns of SELECT."""

MOST_SQL_TABLES = 100
"""Tables that one SQL statement reads, each as often as it is named: DuckDB plans more joins in more than linear time."""


class ListLimit(NamedTuple):
    """How many items a list of the grammar may have; `items` names them in messages."""

    items: str
    maximum: int
    hint: str


_SEVERAL = "cut the search into several"
_ONE_LIST = "an IN list replaces many ORs, and a list as a parameter many values"

LIST_LIMITS = {
    "statement": ListLimit("clauses", MAX_CLAUSES, "keep one of each"),
    "find": ListLimit("clauses", MAX_CLAUSES, "keep one of each"),
    "blocks": ListLimit("blocks", MAX_CLAUSES, _SEVERAL),
    "block": ListLimit("places", MAX_LIST_VALUES, _SEVERAL),
    "within": ListLimit("distances", MAX_CLAUSES, "the first distance is for every pair without its own"),
    "via": ListLimit("traces", MAX_CLAUSES, "name each once"),
    "select": ListLimit("columns", MOST_COLUMNS, "select whole objects, or *"),
    "exclusion": ListLimit("columns", MAX_LIST_VALUES, "select the few that are wanted"),
    "group": ListLimit("keys", MAX_LIST_VALUES, "group by fewer"),
    "order": ListLimit("keys", MAX_LIST_VALUES, "order by fewer"),
    "instant": ListLimit("shifts", MAX_CLAUSES, "add them up"),
    "expr": ListLimit("terms", MAX_LIST_VALUES, _ONE_LIST),
    "and_expr": ListLimit("terms", MAX_LIST_VALUES, _ONE_LIST),
    "values": ListLimit("values", MAX_LIST_VALUES, _SEVERAL),
    "path": ListLimit("names", MAX_DEPTH, "no record nests that deep"),
}
"""By the rule of the grammar that has the list; Lark calls the list's own rule `__rule_star_N`."""
