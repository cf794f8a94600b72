"""Diagnostics of unfinished text: the one place that tells an incomplete statement from a wrong one.

Invariant: a beginning that can still become a valid statement has no error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from auroraql.completion.cursor import CursorFinder
from auroraql.completion.live_checker import NO_PARAMETERS, LiveChecker
from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.ir.times import month_number
from auroraql.language.ast import Token
from auroraql.language.splitter import detect_form
from auroraql.language.syntax_errors import CLAUSE_STARTS
from auroraql.schema.catalogue import Catalogue
from auroraql.session.analyzer import EMPTY_CONTEXT, SessionContext

MAX_CHECKED_CHARACTERS = 100_000
"""Longer texts were pasted, not typed, and are neither completed nor checked. In characters."""

_CODES_OF_LATER_CLAUSES = frozenset(("AQL0603", "AQL0607"))
"""Warnings about a clause that may still be typed: no time window, or no distance."""


_CONTINUATIONS = frozenset(("CMP", "COMMA", "TIME_UNIT"))
"""Terminals that continue an expression."""


_OPEN_TIME = re.compile(
    r"(?P<number>\d+(?:\s*[^\W\d]+)?)\s*|(?P<word>[^\W\d]+)(?:\s+\d{1,2}\w*,?)?\s*|(?P<phrase>the\s.*)"
)


class IncompleteInputCheck:
    """Checker of the text being typed, incremental from key to key."""

    def __init__(self) -> None:
        self._checks, self._finder = LiveChecker(), CursorFinder()

    def check(
        self,
        text: str,
        catalogue: Catalogue,
        standing: SessionContext = EMPTY_CONTEXT,
        parameters: Mapping[str, object] = NO_PARAMETERS,
    ) -> tuple[Diagnostic, ...]:
        """Return the diagnostics of a text. An unfinished statement is checked up to its last complete part."""
        if not text.strip() or len(text) > MAX_CHECKED_CHARACTERS:
            return ()
        diagnostics = self._checks.check(text, catalogue, standing, parameters)
        complete = (
            self._finder.unfinished_part(text)
            if any(diagnostic.severity == "error" for diagnostic in diagnostics)
            else None
        )
        if self._finder.limit_errors:
            return self._finder.limit_errors
        if complete is not None:
            diagnostics = self._checks.check(complete, catalogue, standing, parameters)
        elif text.rstrip(" ").endswith("\n"):
            # After a blank line, Enter runs the text as it is: warnings about a missing window or distance apply.
            return tuple(
                diagnostic
                for diagnostic in diagnostics
                if diagnostic.code in _CODES_OF_LATER_CLAUSES or not self._is_incomplete(diagnostic, text)
            )
        return tuple(d for d in diagnostics if not self._is_incomplete(d, text, complete))

    def _is_incomplete(self, diagnostic: Diagnostic, text: str, complete: str | None = None) -> bool:
        """Return whether a diagnostic may disappear as typing continues. `complete` is the part that was checked."""
        if diagnostic.code in _CODES_OF_LATER_CLAUSES:
            return True
        if isinstance(diagnostic.origin, Span):
            if self._finder.is_wrong and _spans_words(diagnostic.origin, text):
                return False
            if diagnostic.origin.end >= len(text) and _may_be_prefix(text):
                return True
            # A number may still get a unit of time, a duration AGO, and a month its day and year.
            open_time = _OPEN_TIME.fullmatch(text, diagnostic.origin.start)
            if open_time and (not open_time["word"] or month_number(open_time["word"]) is not None):
                return True
            # The expression at the end may continue, as in `start + 90 ` before `min`.
            if _CONTINUATIONS.intersection(diagnostic.missing) and not (complete or text)[
                diagnostic.origin.end :
            ].strip(" )+-*/%|"):
                return True
            # DuckDB reports a missing token at the last word.
            if diagnostic.code == "AQL0409" and diagnostic.origin.end >= len(text.rstrip()):
                return True
        return bool(diagnostic.missing) and self._can_be_completed(diagnostic, text)

    def _can_be_completed(self, diagnostic: Diagnostic, text: str) -> bool:
        """Return whether the missing clause can still be written after the text."""
        begin = self._finder.statement_start(text)
        if not isinstance(diagnostic.origin, Span) or diagnostic.origin.start < begin:
            return False
        if detect_form(text, begin + len(text[begin:]) - len(text[begin:].lstrip())) != "text":
            return True
        return can_follow(diagnostic.missing, diagnostic.origin.start - begin, self._finder.words)


def _spans_words(span: Span, text: str) -> bool:
    """Return whether a span ends with the text and has more than its last word, as that of a whole statement has."""
    return span.end >= len(text.rstrip()) and len(text[span.start : span.end].split()) > 1


def _may_be_prefix(text: str) -> bool:
    """Return whether the last word may become another."""
    return text[-1:].isalnum() or text[-1:] in ("_", "$")


def can_follow(missing: Sequence[str], place: int, words: Sequence[Token]) -> bool:
    """Return whether one of the missing clauses can be written after the words, in the FIND that contains `place`.

    That FIND must still be open. The clause must be absent, or the last one, which can continue. A punctuation mark can
    always follow.
    """
    if not missing[0].isalpha():
        return True
    scopes: list[list[str]] = [[]]
    level = 1
    for word in words:
        if word.type == "RPAR":
            if word.start_pos > place and len(scopes) == level:
                return False
            scopes.pop()
        scopes[-1].append(word.type)
        if word.type == "LPAR":
            scopes.append([])
        if word.start_pos <= place:
            level = len(scopes)
    scope = scopes[level - 1]
    last_clause = next((kind for kind in reversed(scope) if kind in CLAUSE_STARTS), "")
    # Words that do not start a clause, such as AS, may occur several times.
    return any(kind not in scope or kind == last_clause or kind not in CLAUSE_STARTS for kind in missing)
