"""Slips in lists: commas too many and too few, and empty lists."""

from __future__ import annotations

from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.language.syntax_errors.foreign_syntax import FOREIGN_WORDS
from auroraql.language.syntax_errors.parse_context import CLAUSE_STARTS, VALUE_TYPES, ParseErrorContext
from auroraql.schema import KINDS


def find_comma(at: ParseErrorContext) -> Diagnostic | None:
    """A comma too many, or one (or AS) too few; an empty list."""
    if at.type_before() == "COMMA":
        comma = at.token_before()
        span = Span(int(comma.start_pos or 0), int(comma.end_pos or 0)) if comma is not None else at.span
        what = (
            "the list ends"
            if at.type in ("RPAR", "RBRACE", "$END") or at.found_text.upper() in CLAUSE_STARTS
            else "something is missing"
        )
        if at.type == "$END" or at.type in ("RPAR", "RBRACE", "COMMA") or at.found_text.upper() in CLAUSE_STARTS:
            return Diagnostic("AQL0114", "a comma too many", span, f"{what} after it", hint="remove the comma", fix="")
    if at.type == "NAME" and "AS" in at.accepts and at.type_before() == "RPAR":
        # `count(*) n`: a word that names no field can only be the alias.
        alias = not any(at.found_text.lower() in kind.names for kind in KINDS.values()) and at.word not in FOREIGN_WORDS
        hint = (
            f"write AS {at.found_text}"
            if alias
            else f"write , {at.found_text} for a column, AS {at.found_text} for an alias"
        )
        if at.match(r"\w+\s*(?:,|\(|where|from|on|between|during|since|until|last|group|order|limit|;|$)") is None:
            return None
        return Diagnostic(
            "AQL0114",
            f"AS is missing before '{at.found_text}'",
            at.span,
            "an alias?",
            hint,
            f"AS {at.found_text}" if alias else None,
        )
    if at.type == "RPAR" and at.type_before() == "LPAR" and at.type_before(2) == "NAME":
        function = at.token_before(2)
        if function is not None and function.lower() == "count":
            return Diagnostic(
                "AQL0106", "count() counts what it is given", at.span, "expected *", "write count(*)", "*)"
            )
    if at.type == "RPAR" and at.type_before() == "LPAR" and at.type_before(2) == "IN":
        return Diagnostic(
            "AQL0114",
            "the list of IN is empty",
            Span(int((at.token_before() or at.tokens[0]).start_pos or 0), at.end),
            "no value in it",
            hint="write at least one value: IN ('keogram')",
        )
    if at.type in ("STRING", "NUMBER") and "COMMA" in at.accepts and at.type_before() in VALUE_TYPES:
        return Diagnostic(
            "AQL0114",
            "a comma is missing between two values",
            Span(at.end_before(), at.end),
            "before this value",
            hint=f"write , {at.found_text}",
        )
    if at.type == "NAME" and "COMMA" in at.accepts and "AS" in at.accepts and at.type_before() in ("NAME", "QNAME"):
        return Diagnostic(
            "AQL0114",
            f"a comma or AS is missing before '{at.found_text}'",
            at.span,
            "another column, or an alias?",
            hint=f"write , {at.found_text} for a column, AS {at.found_text} for an alias",
        )
    return None
