"""Slips in predicates: operators of other languages, missing quotes, a missing AND."""

from __future__ import annotations

import re

from auroraql.errors import Diagnostic, Span
from auroraql.forms.text.slips.stuck import CLAUSE_STARTS, VALUE_TYPES, Stuck, is_word
from auroraql.schema.operators import SPELLINGS

OPERATOR_TEXTS = ", ".join(sorted({s for s in SPELLINGS if not s[0].isalpha() and s.isascii()}))


_RUN = re.compile(r"[\w./:-]+(?: [\w./:-]+)*")


def foreign_operator(at: Stuck) -> Diagnostic | None:
    """`==`, `=>`, `=<`, `===`, `!==`, `&&`, `||`, `!`."""
    match = re.compile(r"[=<>!~&|≤≥≠]+").search(at.text, max(at.start - 2, 0), at.start + 3)
    if not match or not match.start() <= at.start <= match.end() or match.end() <= at.start:
        return None
    typed = match[0]
    meant = {
        "=>": ">=",
        "=<": "<=",
        "==": "=",
        "===": "=",
        "!==": "!=",
        "&&": "AND",
        "&": "AND",
        "||": "OR",
        "|": "OR",
        "~": "LIKE",
        "=~": "LIKE",
        "~=": "LIKE",
        "!": "NOT",
        "=!": "!=",
        "><": "<>",
    }.get(typed)
    if meant is None:
        if typed in SPELLINGS:
            return None
        return Diagnostic(
            "AQL0109",
            f"'{typed}' is no operator",
            Span(match.start(), match.end()),
            hint=f"the operators are {OPERATOR_TEXTS}, IN, BETWEEN, LIKE, IS NULL",
        )
    return Diagnostic(
        "AQL0109",
        f"'{typed}' is no operator",
        Span(match.start(), match.end()),
        f"write {meant}",
        hint=f"did you mean {meant}?",
        fix=meant,
    )


def compared_with_null(at: Stuck) -> Diagnostic | None:
    """`= NULL`, which nothing is."""
    if at.type_before() != "CMP" or at.found.lower() != "null":
        return None
    operator = at.before()
    wanted = "IS NULL" if str(operator) == "=" else "IS NOT NULL"
    start = int(operator.start_pos or 0) if operator is not None else at.start
    return Diagnostic(
        "AQL0109",
        "nothing is equal to NULL, or different from it",
        Span(start, at.end),
        f"write {wanted}",
        hint=f"did you mean {wanted}?",
        fix=wanted,
    )


def bare_value(at: Stuck) -> Diagnostic | None:
    """`program = themis-asi`, `platform = fort smith`, `IN (trex, rego)`: text without quotes."""
    first = at.before() if at.type_before() == "NAME" else None
    if first is None:
        starts = "STRING" in at.accepts and "TRUE" in at.accepts and is_word(at.found) and "NAME" not in at.accepts
        if not starts:
            return None
        begin = at.start
    else:
        inside_text = at.type in ("SIGN", "NAME", "NUMBER", "") and at.type_before(2) in ("CMP", "IN", "LIKE")
        if not inside_text or not (at.type != "NAME" or not _predicate_follows(at)):
            return None
        begin = int(first.start_pos or 0)
    run = _RUN.match(at.text, begin)
    words = run[0] if run else at.found
    words = _stop_at_keyword(words)
    if not words:
        return None
    quoted = "'" + words + "'"
    return Diagnostic(
        "AQL0108",
        f"'{words}' has no quotes",
        Span(begin, begin + len(words)),
        "a text is quoted",
        hint=f"write {quoted}",
        fix=quoted,
    )


def _stop_at_keyword(words: str) -> str:
    kept: list[str] = []
    for word in words.split(" "):
        if word.upper() in (*CLAUSE_STARTS, "AND", "OR"):
            break
        kept.append(word)
    return " ".join(kept)


def _predicate_follows(at: Stuck) -> bool:
    """Whether the word found begins a predicate of its own: an operator follows it."""
    follows = re.compile(r"(?:\.\w+)*\s*(?:[=<>!≤≥≠]|(?:not\s+)?(?:in|between|like)\b|is\b)", re.IGNORECASE)
    return follows.match(at.text, at.end) is not None


def and_missing(at: Stuck) -> Diagnostic | None:
    """Two predicates side by side, or joined by a comma."""
    begins = at.type in ("LPAR", "NOT") or (at.type == "NAME" and _predicate_follows(at))
    if "AND" in at.accepts and begins:
        return Diagnostic(
            "AQL0110",
            f"AND or OR is missing before '{at.found}'",
            at.span,
            "another predicate begins here",
            hint=f"write AND {at.found}",
            fix=f"AND {at.found}",
        )
    if at.found == "," and "AND" in at.accepts and "COMMA" not in at.accepts:
        return Diagnostic(
            "AQL0110", "predicates are joined by AND or OR, not by a comma", at.span, "write AND", fix=" AND"
        )
    return None


def operator_missing(at: Stuck) -> Diagnostic | None:
    """A name and no operator after it."""
    if "CMP" not in at.accepts or at.type in ("$END", "NOT"):
        return None
    before = at.before()
    return Diagnostic(
        "AQL0106",
        f"an operator is expected after '{before}'",
        at.span,
        "expected =, IN, BETWEEN, LIKE or IS NULL",
        hint=f"write {before} = … to compare it",
    )


def list_needed(at: Stuck) -> Diagnostic | None:
    """IN without its parentheses."""
    if at.type_before() != "IN":
        return None
    return Diagnostic(
        "AQL0106",
        "IN is followed by a list in parentheses",
        at.span,
        "expected '('",
        hint=f"write IN ({at.found})" if at.type in VALUE_TYPES else "as in: IN ('keogram', 'movie')",
    )


def text_needed(at: Stuck) -> Diagnostic | None:
    """LIKE without a quoted pattern."""
    if at.type_before() != "LIKE":
        return None
    return Diagnostic(
        "AQL0106",
        "LIKE is followed by a quoted pattern",
        at.span,
        "expected a text",
        hint="as in: display_name LIKE 'TREx RGB %'",
    )
