"""Where the cursor is: in which statement, behind which words, and what has been typed of the word under it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from auroraql.completion.survey import Survey
from auroraql.completion.trail import END, Trail, words_of
from auroraql.forms import grammar
from auroraql.forms.pieces import Form, first, form_at, may_become_another
from auroraql.forms.text.driver import Stumble, drive, last_whole, tables
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
        end = self.rest
        for match in _marks().finditer(self.text, self.rest):
            if match.lastgroup == "end":
                break
            end = match.end()
        else:
            end = len(self.text)
        return tuple(words_of(self.text, self.rest, end))


@cache
def _marks() -> re.Pattern[str]:
    """Comments, quoted texts, the ends of statements, and what is not closed."""
    comment, string, name = (grammar.pattern(t) for t in ("COMMENT", "STRING", "QNAME"))
    return re.compile(rf"(?P<comment>{comment})|(?P<quoted>{string}|{name})|(?P<end>;)|(?P<stray>['\"`‘’‚‛“”„‟]|/\*)")


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
        blank = tables().blank.match(text, begin, cursor)
        begin = blank.end() if blank else begin
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
        read = drive(statement, 0, end - begin)
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
        for match in _marks().finditer(text, at):
            if match.start() >= cursor:
                break
            opened = _opened(text, match, cursor)
            if opened != -1:
                return begin, opened
            at = match.end()
            begin = at if match.lastgroup == "end" else begin
            if at < cursor:
                self._passed, self._begin = text[:at], begin
        return begin, -1


def _breaks_off(statement: str, stumble: Stumble) -> bool:
    """Whether a statement that cannot be read is right as far as it goes: it may go on where it ends."""
    at, end = stumble.found.start_pos, len(statement)
    grows = stumble.found.end_pos == end or _LAST_RUN.fullmatch(statement, at) is not None
    return stumble.found.type == END or grows or may_become_another(statement.lstrip())


def _opened(text: str, match: re.Match[str], cursor: int) -> int | None:
    """The quote that is open at the cursor; -1 where the mark is over, None where nothing can be completed in it."""
    at, end = match.span()
    match match.lastgroup:
        case "stray":
            return None if match[0] == "/*" else at
        case "comment":
            return None if cursor < end or (cursor == end and text.startswith("--", at)) else -1
        case "quoted" if cursor <= end:
            # A quote that a word follows at once was closed by one that opens another text.
            inside = cursor == end - 1 or text[end : end + 1].isalnum()
            return at if cursor < end and inside else None
        case _:
            return -1


def _closing(text: str, opened: int, cursor: int) -> str:
    """The quote at the cursor that closes the one that is open; nothing where it opens another text."""
    match = _marks().match(text, opened)
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
