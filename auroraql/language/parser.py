"""The parser of one text statement: from text to AST, or to the diagnostics of its errors.

The LR parse loop runs Lark's tables and terminals without Lark's bookkeeping for each token. At an error it returns the
unexpected token and the parser states. A test compares the loop with Lark's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, cast

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
    make_token,
)
from auroraql.language.grammar import END, get_tables, pass_value, skip_blanks


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

        # The diagnostics depend on the statement alone, not on the text around it.
        tokens = [_shift_token(token, -start) for token in (*result.words, result.found_type)]
        error = diagnose_failure(text[start:end], tokens[:-1], tokens[-1], result.states, end - start)
        raise StatementError([diagnostic.shifted_by(start) for diagnostic in error.diagnostics])
    return result


def _shift_token(token: Token, offset: int) -> Token:
    return make_token(str(token), token.type, token.start_pos + offset)


class ParseFailure(NamedTuple):
    """The point where parsing stopped: the tokens before it, the parser states, and the unexpected token."""

    words: list[Token]
    states: list[int]
    found_type: Token


def _states_after(words: Sequence[Token]) -> list[int]:
    """Return the parser states after some tokens, before any reduction for the next one.

    The table may reduce before it finds that a token is wrong, and would then no longer accept what else could follow.
    """
    tables = get_tables()
    states = [tables.start]
    for word in words:
        tables.shift(states, word.type)
    return states


# One long loop on purpose: a function call for each step would cost as much as the step itself.
def run_parser(text: str, start: int, end: int) -> tuple[Any, list[Token]] | ParseFailure:
    """Parse `text[start:end]`. Return its AST and tokens, or the ParseFailure at the first unexpected token."""
    tables = get_tables()
    row, rows, blank = tables.row, tables.rows.get, tables.blank.match
    words: list[Token] = []
    states, at = [tables.start], start
    values: list[Any] = []
    while True:
        previous_end, at = at, blank(text, at, end).end()  # type: ignore[union-attr]
        if text.startswith("/*", at, end):
            at = skip_blanks(text, at, end)
        actions = rows(states[-1]) or row(states[-1])
        word = tables.word_at(text, at, end, actions) if at < end else make_token("", END, previous_end)
        kind = word.type
        while True:
            action = actions.get(kind)
            if action is None:
                return ParseFailure(words, _states_after(words), word)
            count, callback, origin = action
            if callback is None:
                states.append(count)
                values.append(word)
                words.append(word)
                at = word.end_pos
                break
            if callback is pass_value:
                # Most reductions are steps from one level of precedence to the next, which change only the state.
                state = (rows(states[-2]) or row(states[-2]))[origin][0]
                states[-1] = state
                if kind == END and state == tables.end:
                    return values[-1], words
                actions = rows(state) or row(state)
                continue
            reduced = values[-count:] if count else []
            if count:
                del states[-count:], values[-count:]
            value = callback(reduced)
            states.append((rows(states[-1]) or row(states[-1]))[origin][0])
            values.append(value)
            if kind == END and states[-1] == tables.end:
                return values[-1], words
            actions = rows(states[-1]) or row(states[-1])


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


_CHECK_INTERVAL = 64
"""The number of tokens between two saved copies of the parser states."""


def last_complete_word(words: Sequence[Token], end: int) -> tuple[int, str] | None:
    """Find the last token, ending at or before `end`, after which the tokens are a complete statement.

    Return the end of that token and the parentheses that close the statement, or None when there is no such token.
    """
    tables = get_tables()
    states = [tables.start]
    checkpoints: list[tuple[int, list[int]]] = []
    for at, word in enumerate(words):
        if at % _CHECK_INTERVAL == 0:
            checkpoints.append((at, [*states]))
        tables.shift(states, word.type)
    rest = len(words)
    for first, saved_states in reversed(checkpoints):
        states, complete = saved_states, None
        for at in range(first, rest):
            word = words[at]
            tables.shift(states, word.type)
            closing = None if word.end_pos > end or _needs_next_word(words, at) else tables.closing(states)
            complete = complete if closing is None else (word.end_pos, closing)
        if complete is not None:
            return complete
        rest = first
    return None


def _needs_next_word(words: Sequence[Token], at: int) -> bool:
    """Return whether a token needs the next one: in a path, before arguments, an assignment, or its unit of time."""
    after = words[at + 1].type if at + 1 < len(words) else ""
    return after in ("DOT", "CMP", "TIME_UNIT") or (after == "LPAR" and words[at].type == "NAME")
