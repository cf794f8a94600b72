"""How statements are set: on one line when it fits, else a clause a line. Shared by writer and formatter."""

from __future__ import annotations

WIDTH = 100
INDENT = "  "


def lay_out_clauses(head: str, clauses: list[str]) -> str:
    """The statement from its head (`FIND data_products`) and its clauses, in the order given."""
    line = " ".join([head, *clauses])
    if len(line) <= WIDTH and "\n" not in line:
        return line
    return "\n".join([head, *(INDENT + clause for clause in clauses)])


def quote_text(text: str) -> str:
    """A string as a statement writes it."""
    return "'" + text.replace("'", "''") + "'"


def quote_name(name: str) -> str:
    """A name in backticks."""
    return "`" + name.replace("`", "``") + "`"
