"""Checker of proposed fixes: with the fix applied, the statement has no error at its span.

The rules that propose fixes see only a part of the statement: a token, or a value without its text. The checker parses
and resolves the whole statement with the fix. It drops a fix that does not work, and a hint that only repeats it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from auroraql.codecs import script
from auroraql.diagnostics.errors import Diagnostic, Source, Span, StatementError
from auroraql.language.ast import get_find
from auroraql.language.splitter import split_script
from auroraql.resolver import resolve
from auroraql.resolver.result_references import ResultLookup
from auroraql.resolver.values import SemanticError
from auroraql.schema.catalogue import Catalogue

_MAX_CHECKED_CHARACTERS = 20_000
"""Maximum length in characters of a statement whose fixes are checked. A longer statement gets no fixes."""

_STATEMENT_SPAN_EXCESS = 40
"""An error whose span is this many characters longer than the fix concerns the statement, not the fix."""

_NOT_WRONG = ("AQL0105", "AQL0206", "AQL0220", "AQL0410")
"""Codes that do not invalidate a fix: incomplete statements, and values or results that exist only in a session."""


def keep_valid_fixes(
    diagnostics: Iterable[Diagnostic],
    source: Source,
    span: Span,
    catalogue: Catalogue,
    parameters: Mapping[str, object] | None = None,
    now: datetime | None = None,
    results: ResultLookup | None = None,
) -> tuple[Diagnostic, ...]:
    """Return the diagnostics of one statement of a source, without the fixes that do not work.

    `span` is the span of the statement in the source. The other arguments are those of `resolve`.
    """
    return tuple(
        diagnostic
        if diagnostic.fix is None
        or diagnostic.severity == "warning"
        or not isinstance(diagnostic.origin, Span)
        or _is_valid_fix(diagnostic, diagnostic.origin, source.text, span, (catalogue, parameters, now, results))
        else _remove_fix(diagnostic, diagnostic.fix)
        for diagnostic in diagnostics
    )


_Context = tuple[Catalogue, Mapping[str, object] | None, datetime | None, ResultLookup | None]


def _remove_fix(diagnostic: Diagnostic, fix: str) -> Diagnostic:
    repeats = bool(fix.strip()) and fix.strip() in diagnostic.hint
    return replace(diagnostic, fix=None, hint="" if repeats else diagnostic.hint)


def _is_valid_fix(diagnostic: Diagnostic, span: Span, text: str, statement: Span, context: _Context) -> bool:
    if statement.end - statement.start > _MAX_CHECKED_CHARACTERS:
        return False
    fix = diagnostic.fix or ""
    start = min(statement.start, span.start)
    fixed = text[start : span.start] + fix + text[span.end : max(statement.end, span.end)]
    begin, end = span.start - start, span.start - start + len(fix)
    return not any(_is_at(error, begin, end) for error in _errors_of(fixed, context))


def _is_at(diagnostic: Diagnostic, begin: int, end: int) -> bool:
    span = diagnostic.origin
    if not isinstance(span, Span) or diagnostic.code in _NOT_WRONG:
        return False
    return (
        span.start < max(end, begin + 1)
        and span.end > begin
        and span.end - span.start <= end - begin + _STATEMENT_SPAN_EXCESS
    )


def _errors_of(text: str, context: _Context) -> tuple[Diagnostic, ...]:
    """Return the errors of one statement, or of a short script."""
    catalogue, parameters, now, results = context
    diagnostics: list[Diagnostic] = []
    for piece in split_script(text):
        if isinstance(piece, Diagnostic):
            diagnostics.append(piece)
            continue
        try:
            find = get_find(script.read_piece(text, piece).statement)
            if find is not None:
                resolve(find, catalogue, parameters, now=now, results=results)
        except StatementError as error:
            diagnostics += error.diagnostics
        except SemanticError as error:
            diagnostics.append(error.diagnostic)
    return tuple(diagnostics)
