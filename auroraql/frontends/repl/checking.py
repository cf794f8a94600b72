"""What is wrong with what is being typed: found when typing pauses, underlined where it stands, said in the toolbar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition, Thread

from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput
from prompt_toolkit.layout.utils import explode_text_fragments

from auroraql.errors import Diagnostic, Span, visible
from auroraql.spelling import alike

PAUSE = 0.25
"""Seconds without a key before a text is checked."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A text, and what is to be said of it."""

    text: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()

    def still(self, text: str) -> list[Diagnostic]:
        """What is still so in a text that may have changed since: all that stands before the first change."""
        if text == self.text or not self.diagnostics:
            return list(self.diagnostics)
        same = alike(text, self.text)
        return [each for each in self.diagnostics if isinstance(each.origin, Span) and each.origin.end < same]


class Checker:
    """Checks the last text it was given, in a thread of its own, once nothing newer came for a while."""

    def __init__(
        self,
        check: Callable[[str], Sequence[Diagnostic]],
        shown: Callable[[], None] = lambda: None,
        pause: float = PAUSE,
    ) -> None:
        self._check, self._pause = check, pause
        self.shown = shown
        """What is called, in that thread, when a text was checked."""
        self._news = Condition()
        self._text: str | None = None
        self.checked = Checked()

    def start(self) -> None:
        """Begins to wait for texts."""
        Thread(target=self._work, daemon=True).start()

    def typed(self, text: str) -> None:
        """Takes a text to check; the one before is forgotten."""
        with self._news:
            self._text = text
            self._news.notify()

    def check_now(self, text: str) -> None:
        """Checks a text, and keeps what is to be said of it."""
        self.checked = Checked(text, tuple(self._check(text)))

    def _work(self) -> None:
        while True:
            text = self._next()
            if text != self.checked.text:
                self.check_now(text)
                self.shown()

    def _next(self) -> str:
        with self._news:
            self._news.wait_for(lambda: self._text is not None)
            while self._news.wait(self._pause):
                pass
            text, self._text = self._text or "", None
            return text


class Underlined(Processor):
    """Underlines what is wrong, line by line."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """The line with what is wrong in it underlined."""
        line, document = transformation_input.lineno, transformation_input.document
        marks = list(_marks(self._checker.checked.still(document.text), document, line))
        if not marks:
            return Transformation(transformation_input.fragments)
        fragments: StyleAndTextTuples = list(explode_text_fragments(transformation_input.fragments))
        for start, end, style in marks:
            for at in range(start, min(end, len(fragments))):
                fragments[at] = (f"{fragments[at][0]} class:{style}", *fragments[at][1:])
        return Transformation(fragments)


def _marks(found: Sequence[Diagnostic], document: Document, line: int) -> list[tuple[int, int, str]]:
    """The columns of a line that are wrong."""
    if not found:
        return []
    begin = document.translate_row_col_to_index(line, 0)
    length = len(document.lines[line])
    marks: list[tuple[int, int, str]] = []
    for each in found:
        if isinstance(each.origin, Span):
            start, end = each.origin.start - begin, max(each.origin.end, each.origin.start + 1) - begin
            if start < length and end > 0:
                marks.append((max(start, 0), min(end, length), each.severity))
    return marks


def said(found: Sequence[Diagnostic], cursor: int) -> Diagnostic | None:
    """The one to say: an error rather than a warning, and the one nearest to the cursor."""

    def far(each: Diagnostic) -> tuple[bool, int]:
        at = each.origin.start if isinstance(each.origin, Span) else 0
        return each.severity != "error", abs(cursor - at)

    return min(found, key=far, default=None)


def one_line(diagnostic: Diagnostic) -> str:
    """A diagnostic on one line: the fact and the way out."""
    way_out = f": {diagnostic.hint}" if diagnostic.hint else f" ({diagnostic.label})" if diagnostic.label else ""
    return visible(f"{diagnostic.severity}[{diagnostic.code}] {diagnostic.message}{way_out}")
