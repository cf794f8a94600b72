"""Validation of fixes: a fix is offered only if the parser accepts it at its place."""

from __future__ import annotations

from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.language.lr_parser import END, get_tables
from auroraql.language.syntax_errors.parse_context import CLAUSE_STARTS, ParseErrorContext

_AFTER = 1
"""The number of tokens after the fix that the parser must accept as well."""


def is_valid_fix(at: ParseErrorContext, diagnostic: Diagnostic) -> bool:
    """Return whether the parser accepts the fix of a diagnostic and the token after it.

    Parsing starts at the last token before the fix, so the cost does not depend on the rest of the statement.
    """
    span, fix = diagnostic.origin, diagnostic.fix
    if fix is None or not isinstance(span, Span):
        return True
    tables = get_tables()
    before = [token for token in at.tokens if token.end_pos < span.start]
    states = [tables.start]
    for token in before:
        tables.shift(states, token.type)
    start = before[-1].end_pos if before else min(span.start, at.tokens[0].start_pos if at.tokens else at.start)
    text = at.text[start : span.start] + fix + at.text[span.end : at.stop]
    fixed = span.start - start + len(fix)
    offset, accepted_after, seen = 0, 0, [token.type for token in before]
    while accepted_after < _AFTER:
        blank = tables.blank.match(text, offset)
        offset = blank.end() if blank else offset
        row = tables.rows.get(states[-1]) or tables.row(states[-1])
        kind = END if offset >= len(text) else ""
        if not kind:
            word = tables.word_at(text, offset, len(text), row)
            kind = word.type
        if not tables.shift(states, kind):
            # The fix may leave the statement unfinished if nothing follows it.
            return kind == END and not at.text[span.end : at.stop].strip()
        if kind == END:
            return True
        if offset < fixed and kind in CLAUSE_STARTS and kind in seen and kind != "BETWEEN" and "LPAR" not in seen:
            return False  # the clause would occur twice
        seen.append(kind)
        if offset >= fixed:
            accepted_after += 1
        offset = word.end_pos
    return True
