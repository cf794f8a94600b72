"""The cursor: its statement, the words around it, and the part of a word that is typed before it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from auroraql.completion.parser_state import END, ParserState, split_words
from auroraql.completion.scope import ScopeReader
from auroraql.diagnostics.errors import Diagnostic, Span, StatementError
from auroraql.language.ast import Token
from auroraql.language.grammar import skip_blanks
from auroraql.language.parser import ParseFailure, last_complete_word, run_parser
from auroraql.language.splitter import (
    Form,
    detect_form,
    find_closing,
    find_document_end,
    may_become_other_form,
    skip_shebang,
    stop_pattern,
)

_NUMBER = re.compile(r"(?<!\w)\.?\d[\w.:+-]*\Z")
_WORD = re.compile(r"\$?\w*\Z")
_WHOLE = re.compile(r"(?:[^\d\s]\s+|[(),])\Z")
"""A text whose last word is complete: it ends with a blank, a comma or a parenthesis.

After a date and a blank, a time of day may still follow.
"""

_MAX_CHECKPOINTS = 8
"""Largest number of beginnings of a text whose state is kept."""

_LAST_RUN = re.compile(r"[$\w.:+-]*\Z")
"""A word, number or time at the end of a text, which may still grow."""

_MAX_WORD_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Cursor:
    """A cursor position. `begin` is the offset of its statement and `start` the offset of the word typed so far."""

    text: str
    form: Form
    begin: int
    start: int
    cursor: int
    quote: str = ""
    """The open quote, which is at `start`."""
    closing: str = ""
    """The quote that closes it, if it is right after the cursor."""

    @property
    def rest(self) -> int:
        """Offset at which the words after the cursor begin."""
        return self.cursor + len(self.closing)

    @property
    def typed_text(self) -> str:
        """The typed part of the word, without its quote."""
        return self.text[self.start + len(self.quote) : self.cursor]

    def words_after(self) -> Sequence[Token]:
        """Return the words from the cursor to the end of the statement."""
        position, stops = self.rest, stop_pattern(self.form)
        end = len(self.text)
        while match := stops.search(self.text, position):
            if match.lastgroup == "end":
                end = match.start()
                break
            closed = find_closing(self.text, match) if match.lastgroup in ("stray", "dollar") else -1
            position = max(match.end(), closed)
        return tuple(split_words(self.text, self.rest, end))


class CursorFinder:
    """Locator of the cursor. It resumes its scan when only the end of the text has changed."""

    def __init__(self) -> None:
        self._scanned, self._begin = "", 0
        self._words: Sequence[Token] = ()
        self.limit_errors: tuple[Diagnostic, ...] = ()
        """The errors of a list above its limit, which end the last call of `unfinished_part`."""
        self.is_wrong = False
        """Whether the last call of `unfinished_part` found a syntax error that no further typing removes."""

    def locate(self, text: str, cursor: int) -> Cursor | None:
        """Return the cursor position, or None in a comment and in or right after a closed quote.

        With the cursor right before the closing quote, the quoted text still counts as being typed.
        """
        begin, opened = self._last_boundaries(text, cursor)
        if opened is None:
            return None
        begin = skip_blanks(text, begin, cursor)
        form = detect_form(text, begin)
        if opened < 0:
            return _cursor_at_word(text, form, begin, cursor)
        return Cursor(text, form, begin, opened, cursor, text[opened], _closing_quote(text, opened, cursor))

    def unfinished_part(self, text: str) -> str | None:
        """Return the complete part of a text whose last statement is unfinished, or None when it is complete or wrong.

        Every token of an unfinished statement fits, apart from one at the very end that may still become another. That
        token is left out with the clause it belongs to, and open parentheses are closed.
        """
        self.limit_errors, self.is_wrong = (), False
        begin, opened = self._last_boundaries(text, len(text))
        end = len(text) if opened is None or opened < 0 else opened
        statement = text[begin:end]
        try:
            parsed = run_parser(statement, 0, end - begin)
        except StatementError as error:  # a list above its limit
            self._words = ()
            self.limit_errors = tuple(_move(diagnostic, begin) for diagnostic in error.diagnostics)
            return None
        self._words = parsed.words if isinstance(parsed, ParseFailure) else parsed[1]
        if not (_is_incomplete(statement, parsed) if isinstance(parsed, ParseFailure) else end < len(text)):
            self.is_wrong = (
                isinstance(parsed, ParseFailure) and detect_form(text, skip_blanks(text, begin, end)) == "text"
            )
            return None
        last_run = _LAST_RUN.search(statement)
        complete = last_complete_word(self._words, last_run.start() if last_run else len(statement))
        return text[:begin] if complete is None else text[: begin + complete[0]] + complete[1]

    def statement_start(self, text: str) -> int:
        """Return the offset at which the last statement of a text begins."""
        return self._last_boundaries(text, len(text))[0]

    @property
    def words(self) -> Sequence[Token]:
        """The tokens of the last statement that the last call of `unfinished_part` accepted."""
        return self._words

    def _last_boundaries(self, text: str, cursor: int) -> tuple[int, int | None]:
        """Return the offset of the cursor's statement, and the offset of the quote that is open at the cursor.

        The second is -1 when no quote is open, and None where nothing can be completed.
        """
        passed = self._scanned
        resumes = 0 < len(passed) < cursor and text.startswith(passed)
        begin, position = (self._begin, len(passed)) if resumes else (skip_shebang(text), skip_shebang(text))
        start = _start_after_documents(text, begin, cursor)
        position, stops = max(position, start), _find_stops(text, start, cursor)
        checkpoint = begin, position
        while (match := stops.search(text, position)) and match.start() < cursor:
            opened, position = _open_quote(text, match, cursor)
            if opened != -1:
                break
            if match.lastgroup == "end":
                begin, start = position, _start_after_documents(text, position, cursor)
                position, stops = max(position, start), _find_stops(text, start, cursor)
            checkpoint = (begin, position) if position < cursor else checkpoint
        else:
            opened = -1
        if checkpoint[1]:
            self._begin, self._scanned = checkpoint[0], text[: checkpoint[1]]
        return start, opened


def _move(diagnostic: Diagnostic, by: int) -> Diagnostic:
    """Return a diagnostic of a part of a text, with its span in the whole text."""
    origin = diagnostic.origin
    moved = Span(origin.start + by, origin.end + by) if isinstance(origin, Span) else origin
    return replace(diagnostic, origin=moved)


def _start_after_documents(text: str, begin: int, cursor: int) -> int:
    """Return where the last statement before the cursor begins, when JSON and sentences before it end without a `;`."""
    while True:
        end = find_document_end(text, skip_blanks(text, begin, cursor), cursor)
        if end is None or end >= cursor:
            return begin
        begin = end


def _find_stops(text: str, begin: int, cursor: int) -> re.Pattern[str]:
    """Return the pattern of the marks that begin or end something in the statement at `begin`."""
    return stop_pattern(detect_form(text, skip_blanks(text, begin, cursor)))


def _is_incomplete(statement: str, stumble: ParseFailure) -> bool:
    """Return whether a statement with a syntax error is correct up to its end and may continue there."""
    error_start, end = stumble.found_type.start_pos, len(statement)
    may_grow = stumble.found_type.end_pos == end or _LAST_RUN.fullmatch(statement, error_start) is not None
    return stumble.found_type.type == END or may_grow or may_become_other_form(statement.lstrip())


def _open_quote(text: str, match: re.Match[str], cursor: int) -> tuple[int | None, int]:
    """Return the offset of the quote that is open at the cursor, and the offset at which to continue.

    The first is -1 when the marked part ends before the cursor, and None when nothing can be completed in it.
    """
    start, end = match.span()
    match match.lastgroup:
        case "stray" | "dollar":
            closed = find_closing(text, match)
            if match.lastgroup == "stray" and match[0] != "/*":
                return start, end
            return (-1, closed) if 0 <= closed <= cursor else (None, end)
        case "comment":
            inside = cursor < end or (cursor == end and text.startswith("--", start))
            return (None, end) if inside else (-1, end)
        case "quoted" if cursor <= end:
            # A word right after the quote shows that the quote opens the next text instead of closing this one.
            inside = cursor == end - 1 or text[end : end + 1].isalnum()
            return (start, end) if cursor < end and inside else (None, end)
        case _:
            return -1, end


def _closing_quote(text: str, opened: int, cursor: int) -> str:
    """Return the quote at the cursor if it closes the open one, or an empty text if it opens another text."""
    match = stop_pattern("text").match(text, opened)
    closes = match is not None and match.end() == cursor + 1 and match.lastgroup == "quoted"
    return text[cursor] if closes and not text[cursor + 1 : cursor + 2].isalnum() else ""


def _cursor_at_word(text: str, form: Form, begin: int, cursor: int) -> Cursor | None:
    earliest = max(begin, cursor - _MAX_WORD_LENGTH)
    word = _NUMBER.search(text, earliest, cursor) or _WORD.search(text, earliest, cursor)
    return Cursor(text, form, begin, word.start() if word else cursor, cursor)


class WordReader:
    """Incremental reader of the words before the cursor. It reuses a state that it had after a beginning of the text.

    It keeps several states, because a deleted character leads back to an earlier one.
    """

    def __init__(self) -> None:
        self._checkpoints: list[tuple[str, ParserState, ScopeReader]] = []
        """Beginnings of the text that end with a complete word, most recently used last."""

    def read(self, place: Cursor) -> tuple[ParserState, ScopeReader]:
        """Return the parser state and the scopes after the words before the cursor."""
        text = place.text[place.begin : place.start]
        fitting = [checkpoint for checkpoint in self._checkpoints if text.startswith(checkpoint[0])]
        begin, trail, survey = max(fitting, key=_length_of_text, default=("", ParserState.begin(), ScopeReader()))
        trail, word_count = trail.copy(), len(trail.words)
        trail.read(text, len(begin), len(text))
        survey = survey.copy().read(trail.words[word_count:])
        if _WHOLE.search(text):
            others = [checkpoint for checkpoint in self._checkpoints if checkpoint[0] != text]
            self._checkpoints = [*others[1 - _MAX_CHECKPOINTS :], (text, trail.copy(), survey.copy())]
        return trail, survey


def _length_of_text(checkpoint: tuple[str, ParserState, ScopeReader]) -> int:
    return len(checkpoint[0])
