"""Application of fixes to a script: the first fix of each statement, then a new check, until nothing changes.

Only the fixes of errors are applied. `fix_checker` has verified each: with the fix applied, the statement has no error
there. Warnings are about statements that run, so their fixes are left to the user.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.language.splitter import split_script

CheckText = Callable[[str], Sequence[Diagnostic]]
"""Function that returns the diagnostics of a text."""

_MAX_ROUNDS = 100
"""Maximum number of checks of one script. Each applies up to one fix per statement."""


@dataclass(frozen=True, slots=True)
class FixedScript:
    """A script after its fixes: the text, the diagnostics whose fixes were applied, and those of the text."""

    text: str
    applied: tuple[Diagnostic, ...]
    remaining: tuple[Diagnostic, ...]


def is_safe_fix(diagnostic: Diagnostic) -> bool:
    """Return whether a diagnostic is an error with a fix that can be applied to the text."""
    return diagnostic.severity == "error" and diagnostic.fix is not None and isinstance(diagnostic.origin, Span)


def apply_fix(text: str, diagnostic: Diagnostic) -> str:
    """Return the text with the fix of one diagnostic. A diagnostic without a fix leaves it unchanged."""
    span, fix = diagnostic.origin, diagnostic.fix
    if fix is None or not isinstance(span, Span):
        return text
    return text[: span.start] + fix + text[span.end :]


def fix_script(text: str, check: CheckText) -> FixedScript:
    """Apply the safe fixes of a script until it has none. `check` returns the diagnostics of a text."""
    applied: list[Diagnostic] = []
    seen = {text}
    diagnostics = tuple(check(text))
    for _ in range(_MAX_ROUNDS):
        chosen = _first_of_each_statement(text, filter(is_safe_fix, diagnostics))
        fixed = text
        for diagnostic in reversed(chosen):  # from the end, so that the offsets before it stay valid
            fixed = apply_fix(fixed, diagnostic)
        if fixed in seen:
            break
        text = fixed
        seen.add(text)
        applied += chosen
        diagnostics = tuple(check(text))
    return FixedScript(text, tuple(applied), diagnostics)


def _first_of_each_statement(text: str, diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return the first of the diagnostics in each statement, in the order of the text."""
    starts = [piece.start for piece in split_script(text) if not isinstance(piece, Diagnostic)]
    first: dict[int, Diagnostic] = {}
    for diagnostic in sorted(diagnostics, key=_start):
        first.setdefault(bisect_right(starts, _start(diagnostic)), diagnostic)
    chosen = sorted(first.values(), key=_start)
    end, separate = -1, []
    for diagnostic in chosen:
        span = diagnostic.origin
        if isinstance(span, Span) and span.start >= end:
            separate.append(diagnostic)
            end = span.end
    return separate


def _start(diagnostic: Diagnostic) -> int:
    return diagnostic.origin.start if isinstance(diagnostic.origin, Span) else 0
