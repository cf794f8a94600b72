"""Where the cursor is: in which statement, behind which words, and what has been typed of the word under it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from auroraql.completion.survey import Survey
from auroraql.completion.trail import END, Trail, words_of
from auroraql.errors import StatementError
from auroraql.forms.pieces import Form, closed_end, end_of_document, first, form_at, may_become_another, stops_of
from auroraql.forms.text.blanks import skip_blanks
from auroraql.forms.text.driver import Stumble, drive, last_whole
from auroraql.forms.text.lexeme import Lexeme

_NUMBER = re.compile(r"(?<!\w)\.?\d[\w.:+-]*\Z")
_WORD = re.compile(r"\$?\w*\Z")
_WHOLE = re.compile(r"[^\d\s]\s+\Z")
"""A text whose last word is over: after a blank, but behind a day the time may follow."""

_LAST_RUN = re.compile(r"[$\w.:+-]*\Z")
"""The word, number or time at the end of a text, which may go on."""

_LONGEST_WORD = 200


@dataclass(frozen=True, slots=True)
class Place:
    """The cursor's place; `begin` is where the statement begins and `start` where what is typed of a word does."""

    text: str
    form: Form
    begin: int
    start: int
    cursor: int
    quote: str = ""
    """The quote that is open, which stands at `start`."""
    closing: str = ""
    """The quote that closes it, where it stands right behind the cursor."""

    @property
    def rest(self) -> int:
        """Where the words behind the cursor begin."""
        return self.cursor + len(self.closing)

    @property
    def typed(self) -> str:
        """What has been typed of the word, without its quote."""
        return self.text[self.start + len(self.quote) : self.cursor]

    def words_behind(self) -> Sequence[Lexeme]:
        """The words from the cursor to the end of the statement."""
        at, stops = self.rest, stops_of(self.form)
        end = len(self.text)
        while match := stops.search(self.text, at):
            if match.lastgroup == "end":
                end = match.start()
                break
            closed = closed_end(self.text, match) if match.lastgroup in ("stray", "dollar") else -1
            at = max(match.end(), closed)
        return tuple(words_of(self.text, self.rest, end))


class Finder:
    """Finds the place of the cursor, and goes on from where it was when only the end of the text is new."""

    def __init__(self) -> None:
        self._passed, self._begin = "", 0
        self._words: Sequence[Lexeme] = ()

    def locate(self, text: str, cursor: int) -> Place | None:
        """The place of the cursor; None in a comment, and in or right behind a closed quote.

        At the end of what a closed quote holds, that is being typed.
        """
        begin, opened = self._last_marks(text, cursor)
        if opened is None:
            return None
        begin = skip_blanks(text, begin, cursor)
        form = form_at(text, begin)
        if opened < 0:
            return _at_word(text, form, begin, cursor)
        return Place(text, form, begin, opened, cursor, text[opened], _closing(text, opened, cursor))

    def unfinished(self, text: str) -> str | None:
        """Of a text whose last statement is merely unfinished what is whole; None where that is whole, or wrong.

        All words fit that stand there, but for one at the very end, which may become another: it is left out, with what
        belongs to it. Parentheses that are still open are closed.
        """
        begin, opened = self._last_marks(text, len(text))
        end = len(text) if opened is None or opened < 0 else opened
        statement = text[begin:end]
        try:
            read = drive(statement, 0, end - begin)
        except StatementError:  # a list above its limit, which the check reports
            self._words = ()
            return None
        self._words = read.words if isinstance(read, Stumble) else read[1]
        if not (_breaks_off(statement, read) if isinstance(read, Stumble) else end < len(text)):
            return None
        last = _LAST_RUN.search(statement)
        whole = last_whole(self._words, last.start() if last else len(statement))
        return text[:begin] if whole is None else text[: begin + whole[0]] + whole[1]

    def begins(self, text: str) -> int:
        """Where the last statement of a text begins."""
        return self._last_marks(text, len(text))[0]

    @property
    def words(self) -> Sequence[Lexeme]:
        """The words that fit of the last statement, as `unfinished` saw it."""
        return self._words

    def _last_marks(self, text: str, cursor: int) -> tuple[int, int | None]:
        """Where the statement of the cursor begins, and the quote that is open there, or -1; None: nothing fits there."""
        passed = self._passed
        goes_on = 0 < len(passed) < cursor and text.startswith(passed)
        begin, at = (self._begin, len(passed)) if goes_on else (first(text), first(text))
        start = _after_documents(text, begin, cursor)
        at, stops = max(at, start), _stops_at(text, start, cursor)
        known = begin, at
        while (match := stops.search(text, at)) and match.start() < cursor:
            opened, at = _opened(text, match, cursor)
            if opened != -1:
                break
            if match.lastgroup == "end":
                begin, start = at, _after_documents(text, at, cursor)
                at, stops = max(at, start), _stops_at(text, start, cursor)
            known = (begin, at) if at < cursor else known
        else:
            opened = -1
        if known[1]:
            self._begin, self._passed = known[0], text[: known[1]]
        return start, opened


def _after_documents(text: str, begin: int, cursor: int) -> int:
    """Return where the last statement before the cursor begins, when JSON and sentences before it end without a `;`."""
    while True:
        end = end_of_document(text, skip_blanks(text, begin, cursor), cursor)
        if end is None or end >= cursor:
            return begin
        begin = end


def _stops_at(text: str, begin: int, cursor: int) -> re.Pattern[str]:
    """What begins or ends something in the statement that begins there."""
    return stops_of(form_at(text, skip_blanks(text, begin, cursor)))


def _breaks_off(statement: str, stumble: Stumble) -> bool:
    """Whether a statement that cannot be read is right as far as it goes: it may go on where it ends."""
    at, end = stumble.found.start_pos, len(statement)
    grows = stumble.found.end_pos == end or _LAST_RUN.fullmatch(statement, at) is not None
    return stumble.found.type == END or grows or may_become_another(statement.lstrip())


def _opened(text: str, match: re.Match[str], cursor: int) -> tuple[int | None, int]:
    """The quote that is open at the cursor, and where to look on.

    -1 where what begins at the mark ends before the cursor, None where nothing can be completed in it.
    """
    at, end = match.span()
    match match.lastgroup:
        case "stray" | "dollar":
            closed = closed_end(text, match)
            if match.lastgroup == "stray" and match[0] != "/*":
                return at, end
            return (-1, closed) if 0 <= closed <= cursor else (None, end)
        case "comment":
            inside = cursor < end or (cursor == end and text.startswith("--", at))
            return (None, end) if inside else (-1, end)
        case "quoted" if cursor <= end:
            # A quote that a word follows at once was closed by one that opens another text.
            inside = cursor == end - 1 or text[end : end + 1].isalnum()
            return (at, end) if cursor < end and inside else (None, end)
        case _:
            return -1, end


def _closing(text: str, opened: int, cursor: int) -> str:
    """The quote at the cursor that closes the one that is open; nothing where it opens another text."""
    match = stops_of("text").match(text, opened)
    closes = match is not None and match.end() == cursor + 1 and match.lastgroup == "quoted"
    return text[cursor] if closes and not text[cursor + 1 : cursor + 2].isalnum() else ""


def _at_word(text: str, form: Form, begin: int, cursor: int) -> Place | None:
    near = max(begin, cursor - _LONGEST_WORD)
    word = _NUMBER.search(text, near, cursor) or _WORD.search(text, near, cursor)
    return Place(text, form, begin, word.start() if word else cursor, cursor)


class Reader:
    """Reads the words before the cursor, and goes on from where it was when only the end of the text is new."""

    def __init__(self) -> None:
        self._text, self._trail, self._survey = "", Trail.begin(), Survey()

    def read(self, place: Place) -> tuple[Trail, Survey]:
        """The parser's stack behind the words before the place, and what these say of it."""
        text = place.text[place.begin : place.start]
        if not text.startswith(self._text):
            self._text, self._trail, self._survey = "", Trail.begin(), Survey()
        trail, known = self._trail.copy(), len(self._trail.words)
        trail.read(text, len(self._text), len(text))
        survey = self._survey.copy().read(trail.words[known:])
        if _WHOLE.search(text):
            self._text, self._trail, self._survey = text, trail.copy(), survey.copy()
        return trail, survey
