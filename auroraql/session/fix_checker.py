"""Checker of proposed fixes: with the fix applied, the statement has no error at its span.

The rules that propose fixes see only a part of the statement: a token, or a value without its text. The checker analyzes
the whole statement with the fix. It drops a fix that does not work, and a hint that only repeats it. A fix that works
only together with others, such as a translated query, is completed with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from auroraql.codecs import script
from auroraql.diagnostics.errors import Diagnostic, Source, Span, StatementError
from auroraql.language.ast import get_find
from auroraql.language.splitter import split_script
from auroraql.resolver import resolve
from auroraql.resolver.values import SemanticError
from auroraql.schema.catalogue import Catalogue

FindErrors = Callable[[str], Iterable[Diagnostic]]
"""Returns the errors of a statement or a short script, with spans in the text. Their fixes need not be checked."""

_MAX_CHECKED_CHARACTERS = 20_000
"""Maximum length in characters of a statement whose fixes are checked. A longer statement gets no fixes."""

_STATEMENT_SPAN_EXCESS = 40
"""An error whose span is this many characters longer than the fix concerns the statement, not the fix."""

_MAX_COMPLETIONS = 12
"""Maximum number of fixes that complete another one."""

_GUESSES = ("AQL0209",)
"""Codes of errors whose fix is a similar name. Such a fix does not complete another one."""

_MISSING_VALUES = ("AQL0206",)
"""Codes of parameters without a value, which do not invalidate a fix."""

_NOT_WRONG = (*_MISSING_VALUES, "AQL0105", "AQL0220", "AQL0410")
"""Codes that do not invalidate a fix of a part: incomplete statements, and results that exist only in a session."""


def keep_valid_fixes(
    diagnostics: Iterable[Diagnostic], source: Source, span: Span, find_errors: FindErrors
) -> tuple[Diagnostic, ...]:
    """Return the diagnostics of one statement of a source, without the fixes that do not work.

    A fix whose text has errors with fixes of their own is completed with these. `span` is the span of the statement in
    the source.
    """
    return tuple(
        diagnostic
        if diagnostic.fix is None or diagnostic.severity == "warning" or not isinstance(diagnostic.origin, Span)
        else _check(diagnostic, diagnostic.origin, source.text, span, find_errors)
        for diagnostic in diagnostics
    )


def _check(diagnostic: Diagnostic, span: Span, text: str, statement: Span, find_errors: FindErrors) -> Diagnostic:
    """Return the diagnostic with its fix, completed if necessary, or without a fix."""
    fix = diagnostic.fix or ""
    if statement.end - statement.start > _MAX_CHECKED_CHARACTERS:
        return _remove_fix(diagnostic, fix)
    start = min(statement.start, span.start)
    before, after = text[start : span.start], text[span.end : max(statement.end, span.end)]
    is_query = diagnostic.code == "AQL0115" and _is_whole(span, statement)
    completed = fix
    for _ in range(_MAX_COMPLETIONS):
        region = Span(len(before), len(before) + len(completed))
        errors = [error for error in find_errors(before + completed + after) if _is_in(error, region, whole=is_query)]
        if not errors:
            return replace(diagnostic, fix=completed)
        step = next((error for error in errors if _is_fixable(error, region)), None)
        if step is None or not isinstance(step.origin, Span):
            return _explain_failure(diagnostic, completed, errors[0]) if is_query else _remove_fix(diagnostic, fix)
        begin, end = step.origin.start - region.start, step.origin.end - region.start
        fixed = completed[:begin] + (step.fix or "") + completed[end:]
        hint = diagnostic.hint.replace(completed, fixed) if completed.strip() else diagnostic.hint
        diagnostic, completed = replace(diagnostic, hint=hint), fixed
    return _remove_fix(diagnostic, fix)


def _is_whole(span: Span, statement: Span) -> bool:
    return span.start <= statement.start and span.end >= statement.end


def _is_fixable(error: Diagnostic, region: Span) -> bool:
    origin = error.origin
    return (
        error.fix is not None
        and isinstance(origin, Span)
        and region.start <= origin.start
        and origin.end <= region.end
        and error.fix != ""
        and error.code not in _GUESSES
    )


def _explain_failure(diagnostic: Diagnostic, fix: str, error: Diagnostic) -> Diagnostic:
    """Return the diagnostic of a query whose translation has an error: the hint names the error."""
    if fix not in diagnostic.hint:
        return replace(diagnostic, fix=None)
    way_out = f" ({error.hint})" if error.hint else ""
    return replace(diagnostic, fix=None, hint=f"it becomes {fix}, where {error.message}{way_out}")


def _remove_fix(diagnostic: Diagnostic, fix: str) -> Diagnostic:
    repeats = bool(fix.strip()) and fix.strip() in diagnostic.hint
    return replace(diagnostic, fix=None, hint="" if repeats else diagnostic.hint)


def _is_in(error: Diagnostic, region: Span, *, whole: bool) -> bool:
    """Return whether an error is in the text of a fix. `whole` is true for the fix of a whole statement."""
    origin = error.origin
    if whole:
        return error.code not in _MISSING_VALUES
    if not isinstance(origin, Span) or error.code in _NOT_WRONG:
        return False
    return (
        origin.start < max(region.end, region.start + 1)
        and origin.end > region.start
        and origin.end - origin.start <= region.end - region.start + _STATEMENT_SPAN_EXCESS
    )


def find_translation_errors(
    catalogue: Catalogue, parameters: Mapping[str, object] | None, now: datetime | None, text: str
) -> list[Diagnostic]:
    """Return the errors of a statement or a short script that is translated, without a session and its results."""
    diagnostics: list[Diagnostic] = []
    names: set[str] = set()
    for piece in split_script(text):
        if isinstance(piece, Diagnostic):
            diagnostics.append(piece)
            continue
        try:
            statement = script.read_piece(text, piece).statement
            find = get_find(statement)
            if find is not None and find.kind not in names:
                resolve(find, catalogue, parameters, now=now)
            names.add(getattr(statement, "name", ""))
        except StatementError as error:
            diagnostics += error.diagnostics
        except SemanticError as error:
            diagnostics.append(error.diagnostic)
    return diagnostics
