"""One statement of text parsed: tokens into the parse table, and a diagnostic where they do not fit."""

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
    Window,
    get_clauses,
    get_find,
)
from auroraql.language.lr_parser import ParseFailure, run_parser
from auroraql.language.token import Token


def parse(text: str, start: int = 0, end: int | None = None) -> Statement:
    """The syntax tree of one statement, `text[start:end]`; spans are offsets into `text`.

    Raises StatementError with what is wrong.
    """
    return parse_words(text, start, end)[0]


def parse_words(text: str, start: int = 0, end: int | None = None) -> tuple[Statement, list[Token]]:
    """The same with the words of the statement, typed as the parser saw them."""
    statement, words = _parse(text, start, len(text) if end is None else end)
    wrong = [*_check_assignments(statement, words), *_check_repeated_clauses(get_clauses(statement))]
    if wrong:
        raise StatementError(wrong)
    return statement, words


def _parse(text: str, start: int, end: int) -> tuple[Any, list[Token]]:
    read = run_parser(text, start, end)
    if isinstance(read, ParseFailure):
        # Most statements are right and never load this room.
        from auroraql.language.syntax_errors import diagnose_failure

        raise diagnose_failure(text, read, end)
    return read


def _check_assignments(statement: Statement, words: list[Token]) -> Iterator[Diagnostic]:
    """A name is given something by `=`; the grammar has one word for all signs of comparison."""
    if isinstance(statement, LetStatement | SetStatement | SubmitStatement | JobStatement):
        sign = next((word for word in words if word.type == "CMP"), None)
        if sign is not None and sign != "=" and sign.start_pos < _value_start(statement, words):
            span = Span(sign.start_pos, sign.end_pos)
            yield Diagnostic("AQL0109", f"'{sign}' gives a name nothing", span, "write =", "did you mean =?", "=")


def _value_start(statement: Statement, words: list[Token]) -> int:
    """Where what a name is given begins."""
    found = get_find(statement)
    return cast("Span", found.origin).start if found is not None else words[-1].end_pos


_NAMES = {GroupBy: "GROUP BY", OrderBy: "ORDER BY", LikePattern: "LIKE"}
"""How clauses are written that are not called by their own name."""


def _check_repeated_clauses(clauses: Iterable[ShowClause]) -> list[Diagnostic]:
    """Each clause stands once; the time window is looked at with WHERE, which can say it too."""
    seen = Counter[str]()
    found = []
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
            found.append(Diagnostic("AQL0111", f"{name} stands twice", clause.origin, "the second one", hint))
    return found
