"""The parser of one text statement: from text to AST, or to the diagnostics of its errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, cast

from auroraql.diagnostics.errors import Diagnostic, Span, StatementError
from auroraql.language.ast import (
    GroupBy,
    JobStatement,
    LetStatement,
    LikePattern,
    OrderBy,
    Overlap,
    SetStatement,
    ShowClause,
    ShowTarget,
    Statement,
    SubmitStatement,
    Token,
    Window,
    get_clauses,
    get_find,
)
from auroraql.language.lr_parser import ParseFailure, run_parser


def parse(text: str, start: int = 0, end: int | None = None) -> Statement:
    """Parse one statement, `text[start:end]`, into an AST. Its spans are offsets into `text`.

    Raises StatementError with the diagnostics of the statement.
    """
    return parse_words(text, start, end)[0]


def parse_words(text: str, start: int = 0, end: int | None = None) -> tuple[Statement, list[Token]]:
    """Parse one statement, and return its AST with its tokens, typed as the parser saw them.

    Raises StatementError with the diagnostics of the statement.
    """
    statement, words = _parse(text, start, len(text) if end is None else end)
    diagnostics = [*_check_assignments(statement, words), *_check_repeated_clauses(get_clauses(statement))]
    if diagnostics:
        raise StatementError(diagnostics)
    return statement, words


def _parse(text: str, start: int, end: int) -> tuple[Any, list[Token]]:
    result = run_parser(text, start, end)
    if isinstance(result, ParseFailure):
        # Most statements are correct and do not need this module.
        from auroraql.language.syntax_errors import diagnose_failure

        raise diagnose_failure(text, result, end)
    return result


def _check_assignments(statement: Statement, words: list[Token]) -> Iterator[Diagnostic]:
    """Yield an error where a name is assigned with another sign than `=`.

    The grammar has one terminal for all comparison signs.
    """
    if isinstance(statement, LetStatement | SetStatement | SubmitStatement | JobStatement):
        sign = next((word for word in words if word.type == "CMP"), None)
        if sign is not None and sign != "=" and sign.start_pos < _value_start(statement, words):
            span = Span(sign.start_pos, sign.end_pos)
            yield Diagnostic("AQL0109", f"'{sign}' does not assign a value", span, "write =", "did you mean =?", "=")


def _value_start(statement: Statement, words: list[Token]) -> int:
    """Return the offset of the assigned value."""
    find = get_find(statement)
    return cast("Span", find.origin).start if find is not None else words[-1].end_pos


_NAMES = {GroupBy: "GROUP BY", OrderBy: "ORDER BY", LikePattern: "LIKE"}
"""Keywords of the clauses whose class has another name."""


def _check_repeated_clauses(clauses: Iterable[ShowClause]) -> list[Diagnostic]:
    """Return an error for each clause that occurs twice.

    The resolver checks time windows, because WHERE can contain one too.
    """
    seen = Counter[str]()
    diagnostics = []
    for clause in clauses:
        if isinstance(clause, Window | Overlap):
            continue
        name = (
            clause.word.upper() if isinstance(clause, ShowTarget) else _NAMES.get(type(clause), type(clause).__name__)
        )
        name = name.upper()
        seen[name] += 1
        if seen[name] == 2:
            hint = "join the two with AND" if name == "WHERE" else f"keep one {name}"
            diagnostics.append(Diagnostic("AQL0111", f"{name} occurs twice", clause.origin, "the second one", hint))
    return diagnostics
