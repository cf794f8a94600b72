"""Trying a fix before it is offered: the statement with the fix applied must be right at that place."""

from __future__ import annotations

from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.language.lr_parser import END, get_tables
from auroraql.language.syntax_errors.parse_context import CLAUSE_STARTS, ParseErrorContext

_AFTER = 1
"""How many tokens after the fix must fit as well."""


def is_valid_fix(at: ParseErrorContext, diagnostic: Diagnostic) -> bool:
    """Whether the parser accepts the fix of a diagnostic, and the tokens that follow it.

    Reads only from the last token before the fix, so the cost does not depend on the rest of the statement.
    """
    span, fix = diagnostic.origin, diagnostic.fix
    if fix is None or not isinstance(span, Span):
        return True
    known = get_tables()
    before = [token for token in at.tokens if token.end_pos < span.start]
    states = [known.start]
    for token in before:
        known.shift(states, token.type)
    begin = before[-1].end_pos if before else min(span.start, at.tokens[0].start_pos if at.tokens else at.start)
    text = at.text[begin : span.start] + fix + at.text[span.end : at.stop]
    fixed = span.start - begin + len(fix)
    place, after, seen = 0, 0, [token.type for token in before]
    while after < _AFTER:
        blank = known.blank.match(text, place)
        place = blank.end() if blank else place
        row = known.rows.get(states[-1]) or known.row(states[-1])
        kind = END if place >= len(text) else ""
        if not kind:
            word = known.word_at(text, place, len(text), row)
            kind = word.type
        if not known.shift(states, kind):
            # A statement that was merely unfinished stays so.
            return kind == END and not at.text[span.end : at.stop].strip()
        if kind == END:
            return True
        if place < fixed and kind in CLAUSE_STARTS and kind in seen and kind != "BETWEEN" and "LPAR" not in seen:
            return False  # the clause would be there twice
        seen.append(kind)
        if place >= fixed:
            after += 1
        place = word.end_pos
    return True
