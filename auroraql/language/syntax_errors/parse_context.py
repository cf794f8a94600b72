"""The place where the parser stopped, and what could follow there: the input of every rule for syntax errors."""

from __future__ import annotations

import re
from dataclasses import dataclass

from auroraql.diagnostics.errors import Span
from auroraql.language.token import Token

CLAUSE_STARTS = (
    *("OF", "WITHIN", "VIA", "PRECISION", "SELECT", "WHERE"),
    *("BETWEEN", "ON", "DURING", "SINCE", "UNTIL", "LAST", "OVERLAPPING", "GROUP", "ORDER", "LIMIT"),
)

WINDOW_STARTS = ("BETWEEN", "ON", "DURING", "SINCE", "UNTIL", "LAST", "OVERLAPPING")

VALUE_TYPES = {"STRING", "NUMBER", "PARAM", "DATETIME", "MONTH", "TRUE", "FALSE"}


_WORD = re.compile(r"[^\W\d][\w]*")


@dataclass(frozen=True, slots=True)
class ParseErrorContext:
    """The tokens read so far, what was found after them, and the terminals that could have followed."""

    text: str
    tokens: list[Token]
    start: int
    end: int
    type: str
    accepts: frozenset[str]
    stop: int = 0
    """Where the statement ends in the text."""

    @property
    def found_text(self) -> str:
        """The text found."""
        return self.text[self.start : self.end]

    @property
    def span(self) -> Span:
        """The place of the text found."""
        return Span(self.start, self.end)

    @property
    def word(self) -> str:
        """The text found, in upper case."""
        return self.found_text.upper()

    def token_before(self, back: int = 1) -> Token | None:
        """The token read `back` tokens ago."""
        return self.tokens[-back] if len(self.tokens) >= back else None

    def type_before(self, back: int = 1) -> str:
        """The type of that token, or nothing."""
        token = self.token_before(back)
        return token.type if token is not None else ""

    def word_before(self, back: int = 1) -> str:
        """The text of that token in upper case, or nothing."""
        token = self.token_before(back)
        return str(token).upper() if token is not None else ""

    def start_before(self, back: int = 1) -> int:
        """Where that token starts; where the text found starts when there is none."""
        token = self.token_before(back)
        return int(token.start_pos or 0) if token is not None else self.start

    def end_before(self) -> int:
        """Where the last token read ends."""
        token = self.token_before()
        return int(token.end_pos or 0) if token is not None else self.start

    def match(self, pattern: str, at: int | None = None) -> re.Match[str] | None:
        """Match a pattern (case ignored) at a place of the statement: by default where the text found starts."""
        place = self.start if at is None else at
        return re.compile(pattern, re.IGNORECASE).match(self.text, place, self.stop)

    def has_keyword(self, keyword: str) -> bool:
        """Whether a keyword was read in this statement."""
        return any(token.type == keyword for token in self.tokens)


NAMES_OF_TERMINALS = {
    "STRING": "a text in quotes",
    "NUMBER": "a number",
    "PARAM": "a parameter",
    "DATETIME": "a date or time",
    "MONTH": "a month",
    "NAME": "a name",
    "QNAME": "a name in backticks",
    "CMP": "an operator",
    "SIGN": "a sign",
    "STAR": "'*'",
    "TIME_UNIT": "a unit of time",
    "UNIT": "a unit",
    "LPAR": "'('",
    "RPAR": "')'",
    "LBRACE": "'{'",
    "RBRACE": "'}'",
    "COMMA": "','",
    "DOT": "'.'",
    "SEMICOLON": "';'",
    "$END": "the end of the statement",
}
"""How people call the terminals of the grammar that are not keywords. A test holds this against the grammar."""

_GROUPS = (
    ({"BETWEEN", "ON", "DURING", "SINCE", "UNTIL", "LAST", "OVERLAPPING"}, "a time window (ON, BETWEEN …)"),
    ({"STRING", "NUMBER", "TRUE"}, "a value"),
    ({"DATETIME"}, "a date or time"),
    ({"NAME"}, "a name"),
    ({"CMP"}, "an operator"),
    ({"NUMBER"}, "a number"),
    ({"STRING"}, "a text in quotes"),
)
"""What several terminals are together: the first of each set is enough to call them so."""

_IMPLIED = {
    "a value": {"STRING", "NUMBER", "PARAM", "DATETIME", "MONTH", "NOW", "TODAY", "TRUE", "FALSE", "SIGN"},
    "a date or time": {"DATETIME", "MONTH", "NOW", "TODAY", "STRING", "PARAM"},
    "a name": {"NAME", "QNAME"},
    "a number": {"NUMBER", "PARAM", "SIGN"},
    "a text in quotes": {"STRING", "PARAM"},
}

_LESS_USED = {"DOT", "SIGN", "UNIT", "LBRACE", "RBRACE", "STAR", "SEMICOLON"}
"""What is only named when nothing else could follow."""


def describe_expected(at: ParseErrorContext) -> str:
    """What could follow here, in words for people, from the parse table."""
    rest = set(at.accepts)
    if "DATETIME" in rest and "TRUE" not in rest:
        # A number or text there is a date, too.
        rest -= {"STRING", "NUMBER", "PARAM"}
    parts = []
    for group, words in _GROUPS:
        if group <= rest:
            parts.append(words)
            rest -= group | _IMPLIED.get(words, set())
    ends = "$END" in rest
    named = rest - {"$END"}
    shown = named - _LESS_USED if parts or ends or named - _LESS_USED else named
    parts += sorted(NAMES_OF_TERMINALS.get(each, each) for each in shown)
    if ends:
        parts.append(NAMES_OF_TERMINALS["$END"])
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " or " + parts[-1]


def is_word(text: str) -> bool:
    """Whether it is a name or keyword by its letters."""
    return _WORD.fullmatch(text) is not None
