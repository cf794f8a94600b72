"""Diagnostics of the text being typed: computed when typing pauses, underlined, and shown in the toolbar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition, Thread

from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput
from prompt_toolkit.layout.utils import explode_text_fragments

from auroraql.diagnostics.errors import Diagnostic, Span, make_visible, shorten
from auroraql.diagnostics.suggestions import common_prefix_length

PAUSE_SECONDS = 0.25
"""Seconds without a key before the text is checked."""


@dataclass(frozen=True, slots=True)
class CheckedText:
    """A text and its diagnostics."""

    text: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()

    def current_diagnostics(self, text: str) -> list[Diagnostic]:
        """Return the diagnostics that still apply to a changed text: those that end before the first change."""
        if text == self.text or not self.diagnostics:
            return list(self.diagnostics)
        unchanged = common_prefix_length(text, self.text)
        return [
            diagnostic
            for diagnostic in self.diagnostics
            if isinstance(diagnostic.origin, Span) and diagnostic.origin.end < unchanged
        ]


class BackgroundChecker:
    """Background checker of the newest text, on a thread of its own, after typing pauses."""

    def __init__(
        self,
        check: Callable[[str], Sequence[Diagnostic]],
        shown: Callable[[], None] = lambda: None,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        self._check, self._pause = check, pause
        self.shown = shown
        """Callback, invoked on the checker's thread after a text was checked."""
        self._condition = Condition()
        self._text: str | None = None
        self.checked = CheckedText()

    def start(self) -> None:
        """Start the thread."""
        Thread(target=self._work, daemon=True).start()

    def on_text(self, text: str) -> None:
        """Schedule a text for checking. It replaces a text that was not checked yet."""
        with self._condition:
            self._text = text
            self._condition.notify()

    def check_now(self, text: str) -> None:
        """Check a text on the calling thread and store its diagnostics."""
        self.checked = CheckedText(text, tuple(self._check(text)))

    def _work(self) -> None:
        while True:
            text = self._next()
            if text != self.checked.text:
                self.check_now(text)
                self.shown()

    def _next(self) -> str:
        with self._condition:
            self._condition.wait_for(lambda: self._text is not None)
            while self._condition.wait(self._pause):
                pass
            text, self._text = self._text or "", None
            return text


class UnderlineProcessor(Processor):
    """Input processor that underlines diagnostics in each line."""

    def __init__(self, checker: BackgroundChecker) -> None:
        self._checker = checker

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """Return the line with its diagnostics underlined."""
        line, document = transformation_input.lineno, transformation_input.document
        marks = list(_marked_columns(self._checker.checked.current_diagnostics(document.text), document, line))
        if not marks:
            return Transformation(transformation_input.fragments)
        fragments: StyleAndTextTuples = list(explode_text_fragments(transformation_input.fragments))
        for start, end, style in marks:
            for i in range(start, min(end, len(fragments))):
                fragments[i] = (f"{fragments[i][0]} class:{style}", *fragments[i][1:])
        return Transformation(fragments)


def _marked_columns(diagnostics: Sequence[Diagnostic], document: Document, line: int) -> list[tuple[int, int, str]]:
    """Return the marked columns of a line: first column, end column and severity of each diagnostic."""
    if not diagnostics:
        return []
    begin = document.translate_row_col_to_index(line, 0)
    length = len(document.lines[line])
    marks: list[tuple[int, int, str]] = []
    for diagnostic in diagnostics:
        if isinstance(diagnostic.origin, Span):
            start, end = (
                diagnostic.origin.start - begin,
                max(diagnostic.origin.end, diagnostic.origin.start + 1) - begin,
            )
            if start < length and end > 0:
                marks.append((max(start, 0), min(end, length), diagnostic.severity))
    return marks


def nearest_diagnostic(diagnostics: Sequence[Diagnostic], cursor: int) -> Diagnostic | None:
    """Return the diagnostic for the toolbar: errors before warnings, then the one nearest to the cursor."""

    def rank(diagnostic: Diagnostic) -> tuple[bool, int]:
        start = diagnostic.origin.start if isinstance(diagnostic.origin, Span) else 0
        return diagnostic.severity != "error", abs(cursor - start)

    return min(diagnostics, key=rank, default=None)


def format_one_line(diagnostic: Diagnostic) -> str:
    """Return a diagnostic on one line: severity, code, message, and its hint or label."""
    detail = f": {diagnostic.hint}" if diagnostic.hint else f" ({diagnostic.label})" if diagnostic.label else ""
    return make_visible(f"{diagnostic.severity}[{diagnostic.code}] {diagnostic.message}{detail}")


_MAX_SHOWN_FIX = 40


def format_fix_key(diagnostic: Diagnostic) -> str:
    """Return what F6 does about a diagnostic, or an empty string when it has no fix for the text."""
    if diagnostic.fix is None or not isinstance(diagnostic.origin, Span):
        return ""
    fix = " ".join(diagnostic.fix.split())
    if not fix:
        return "F6 removes it"
    is_in_hint = fix in diagnostic.hint
    return make_visible("F6 applies it" if is_in_hint else f"F6 applies: {shorten(fix, _MAX_SHOWN_FIX)}")
