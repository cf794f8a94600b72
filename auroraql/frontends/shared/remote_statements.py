"""Statements that programs may send to a server: those that only search.

Settings, jobs and SQL change the session or use much of the machine, so servers refuse them.
"""

from __future__ import annotations

from collections.abc import Iterable

from auroraql.diagnostics.errors import UsageError
from auroraql.language.ast import ExplainStatement, FindStatement, LetStatement, ShowStatement, SqlStatement, Statement


def check_searches_only(statements: Iterable[Statement], *, allow_sql: bool = False) -> None:
    """Raise UsageError for a statement that is not FIND, LET, SHOW, EXPLAIN or DESCRIBE, or SQL where it is allowed."""
    allowed = FindStatement | LetStatement | ShowStatement | ExplainStatement
    for statement in statements:
        if isinstance(statement, allowed) or (allow_sql and isinstance(statement, SqlStatement)):
            continue
        if isinstance(statement, SqlStatement):
            raise UsageError("SQL is not allowed here", "use FIND … GROUP BY, or LET and FIND name")
        raise UsageError("this statement is not allowed here", "use FIND, LET, SHOW, EXPLAIN or DESCRIBE")
