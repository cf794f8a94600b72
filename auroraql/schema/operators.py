"""The comparison operators: one row each, read by grammar checks, resolver, JSON, sentence and SQL."""

from __future__ import annotations

from auroraql.schema.model import Operator

OPERATORS = {
    row.name: row
    for row in (
        Operator("=", "=", "=", 1, "!=", "equal to"),
        Operator("!=", "!=", "!=", 1, "=", "not equal to", also=("<>", "≠")),
        Operator("<", "<", "<", 1, ">=", "less than", ordering=True),
        Operator("<=", "<=", "<=", 1, ">", "at most", ordering=True, also=("≤",)),
        Operator(">", ">", ">", 1, "<=", "greater than", ordering=True),
        Operator(">=", ">=", ">=", 1, "<", "at least", ordering=True, also=("≥",)),
        Operator("in", "IN", "in", -1, "not in", "one of"),
        Operator("not in", "NOT IN", "not in", -1, "in", "none of"),
        Operator("between", "BETWEEN", "between", 2, "not between", "within, both ends included", ordering=True),
        Operator("not between", "NOT BETWEEN", "", 2, "between", "outside of", ordering=True),
        Operator("like", "LIKE", "", 1, "not like", "matches, % for anything and _ for one character"),
        Operator("not like", "NOT LIKE", "", 1, "like", "does not match"),
        Operator("is null", "IS NULL", "", 0, "is not null", "is missing"),
        Operator("is not null", "IS NOT NULL", "", 0, "is null", "is there"),
    )
}
"""Every operator by its name; `text` is how a statement types it, `wire` how AuroraX is sent it."""

SPELLINGS = {spelling: row.name for row in OPERATORS.values() for spelling in (row.text.lower(), *row.also)}
"""From each way of typing an operator to its name."""

WIRE = {row.wire: row.name for row in OPERATORS.values() if row.wire}
"""From AuroraX's spelling of an operator to its name."""
