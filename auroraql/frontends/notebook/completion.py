"""Completion in cells: an IPython matcher that completes the statements of `%auroraql` and `%%auroraql`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from auroraql.frontends.notebook.options import complete_options, statement_start

_MAGIC = re.compile(r"^[^\n]*?(?P<percent>%%?)auroraql\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Place:
    """Text that is completed: statements, or with `is_options` the options of a magic. `offset` is the cursor in it."""

    text: str
    offset: int
    is_options: bool = False


def place_of_cursor(cell: str, offset: int) -> Place | None:
    """Return the part of a cell that contains an offset, if it belongs to one of the magics."""
    for magic in _MAGIC.finditer(cell):
        line_end = cell.find("\n", magic.end())
        line_end = line_end if line_end >= 0 else len(cell)
        is_cell = magic["percent"] == "%%" and not cell[: magic.start("percent")].strip()
        if is_cell and offset > line_end:
            return Place(cell[line_end + 1 :], offset - line_end - 1)
        if magic.end() < offset <= line_end:
            start = magic.end() + statement_start(cell[magic.end() : line_end])
            if is_cell or offset <= start or complete_options(cell[magic.end() : offset]) is not None:
                return Place(cell[magic.end() : line_end], offset - magic.end(), is_options=True)
            return Place(cell[start:line_end], offset - start)
    return None


class Candidate(Protocol):
    """Candidate of the completer: `text` replaces the text from the offset `start` to the cursor."""

    text: str
    start: int
    doc: str


def create_matcher(
    complete: Callable[[str, int], Sequence[Candidate]],
) -> Callable[[CompletionContext], SimpleMatcherResult]:
    """Return a matcher of IPython's completer. `complete` returns the candidates for an offset in statements."""

    @context_matcher()  # type: ignore[untyped-decorator]
    def auroraql_matcher(context: CompletionContext) -> SimpleMatcherResult:
        lines = context.full_text.split("\n")
        offset = sum(len(line) + 1 for line in lines[: context.cursor_line]) + context.cursor_position
        place = place_of_cursor(context.full_text, offset)
        if place is None:
            return {"completions": []}
        if place.is_options:
            return _complete_options(place.text[: place.offset])
        text, cursor = place.text, place.offset
        candidates = complete(text, cursor)
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


def _complete_options(typed: str) -> SimpleMatcherResult:
    names, start = complete_options(typed) or ((), len(typed))
    completions = [SimpleCompletion(name, type="option") for name in names]
    return {"completions": completions, "matched_fragment": typed[start:], "suppress": True}


def _starts_with_typed(candidate: Candidate, text: str, cursor: int) -> bool:
    return candidate.text.casefold().startswith(text[candidate.start : cursor].casefold())
