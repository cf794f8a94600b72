"""Layout of statements for the printer and the formatter: one line when it fits, otherwise one line for each clause."""

from __future__ import annotations

WIDTH = 100
INDENT = "  "


def lay_out_clauses(head: str, clauses: list[str]) -> str:
    """Lay out a statement from its head (`FIND data_products`) and its clauses, in the given order."""
    line = " ".join([head, *clauses])
    if len(line) <= WIDTH and "\n" not in line:
        return line
    return "\n".join([head, *(INDENT + clause for clause in clauses)])


def quote_text(text: str) -> str:
    """Return a text in single quotes."""
    return "'" + text.replace("'", "''") + "'"


def quote_name(name: str) -> str:
    """Return a name in backticks."""
    return "`" + name.replace("`", "``") + "`"
