"""Slips in the criteria of conjunctions: how blocks are joined, where their predicates and places stand, distances."""

from __future__ import annotations

from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.language.syntax_errors.parse_context import ParseErrorContext

_BLOCKS = {"GROUND", "SPACE", "EVENTS"}


def _is_between_blocks(at: ParseErrorContext) -> bool:
    """Whether another block could follow here."""
    of = max((n for n, token in enumerate(at.tokens) if token.type == "OF"), default=-1)
    later = {token.type for token in at.tokens[of + 1 :]}
    return of >= 0 and "COMMA" in at.accepts and not later & {"WITHIN", "SELECT", "WHERE", "VIA", "ORDER", "GROUP"}


def find_joined_blocks(at: ParseErrorContext) -> Diagnostic | None:
    """AND between two blocks, or nothing."""
    if not _is_between_blocks(at):
        return None
    word = at.found_text.upper()
    if word in ("AND", "OR"):
        return Diagnostic(
            "AQL0114", f"blocks are joined by commas, not by {word}", at.span, "write a comma", "did you mean ','?", ","
        )
    if word in (*_BLOCKS, "LOCATION"):
        place = Span(at.end_before(), at.end)
        return Diagnostic(
            "AQL0114", "a comma is missing between two blocks", place, "another block", f"write , {at.found_text}"
        )
    return None


def find_block_predicate(at: ParseErrorContext) -> Diagnostic | None:
    """`ground program = 'trex'`."""
    if not _is_between_blocks(at) or at.type_before() not in _BLOCKS or "LPAR" not in at.accepts or at.type != "NAME":
        return None
    block = str(at.token_before())
    return Diagnostic(
        "AQL0102",
        "the predicate of a block is in parentheses",
        at.span,
        "no '(' before it",
        hint=f"write {block} ({at.found_text} …)",
    )


def find_missing_place(at: ParseErrorContext) -> Diagnostic | None:
    """A location without its place, or with one number."""
    words = [token.type for token in at.tokens[-3:]]
    alone = words[-1:] == ["LOCATION"] and at.type != "LPAR" and "LPAR" in at.accepts
    half = at.type == "RPAR" and "LOCATION" in [t.type for t in at.tokens[-6:]] and "COMMA" in at.accepts
    if not alone and not half:
        return None
    label = "no place" if alone else "no longitude"
    return Diagnostic(
        "AQL0106", "a location is a latitude and a longitude", at.span, label, "as in: location (51.05, -114.07)"
    )
