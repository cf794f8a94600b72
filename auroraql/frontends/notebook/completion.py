"""Completion in cells: an IPython matcher that completes the statements of `%auroraql` and `%%auroraql`."""

from __future__ import annotations

import re
from collections.abc import Callable

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from auroraql.completion import Completion
from auroraql.language_service.service import LanguageService

_MAGIC = re.compile(r"(?P<cell>\A[^\S\n]*%%auroraql\b[^\n]*\n)|(?P<line>^[^\n]*?%auroraql[^\S\n]+)", re.MULTILINE)
_OPTIONS = re.compile(r"(?:-\S+[^\S\n]+(?:(?!-)\S+[^\S\n]+)?)*")


def statement_at_cursor(cell: str, offset: int) -> tuple[str, int] | None:
    """Return the statements that contain an offset of a cell, and the offset in them. None outside of the magics."""
    for match in _MAGIC.finditer(cell):
        if match["cell"] is not None and offset >= match.end():
            return cell[match.end() :], offset - match.end()
        line_end = cell.find("\n", match.end())
        end = line_end if line_end >= 0 else len(cell)
        if match["line"] is not None and match.end() <= offset <= end:
            options = _OPTIONS.match(cell, match.end(), offset)
            start = options.end() if options is not None else match.end()
            return cell[start:end], offset - start
    return None


def create_matcher(service: Callable[[], LanguageService]) -> Callable[[CompletionContext], SimpleMatcherResult]:
    """Return a matcher of IPython's completer. `service` returns the language service of the current session."""

    @context_matcher()  # type: ignore[untyped-decorator]
    def auroraql_matcher(context: CompletionContext) -> SimpleMatcherResult:
        lines = context.full_text.split("\n")
        offset = sum(len(line) + 1 for line in lines[: context.cursor_line]) + context.cursor_position
        found = statement_at_cursor(context.full_text, offset)
        if found is None:
            return {"completions": []}
        text, cursor = found
        candidates = service().complete(text, cursor)
        if not candidates:
            return {"completions": [], "suppress": True}
        # IPython sorts candidates by name: leave out those that match only loosely, if others match exactly.
        typed = [candidate for candidate in candidates if _starts_with_typed(candidate, text, cursor)]
        candidates = typed or candidates
        # IPython replaces one fragment for all candidates: the longest that one of them replaces.
        start = min(candidate.start for candidate in candidates)
        completions = [
            SimpleCompletion(text[start : candidate.start] + candidate.text, type=candidate.doc or "auroraql")
            for candidate in candidates
        ]
        return {"completions": completions, "matched_fragment": text[start:cursor], "suppress": True}

    matcher: Callable[[CompletionContext], SimpleMatcherResult] = auroraql_matcher
    return matcher


def _starts_with_typed(candidate: Completion, text: str, cursor: int) -> bool:
    return candidate.text.casefold().startswith(text[candidate.start : cursor].casefold())
