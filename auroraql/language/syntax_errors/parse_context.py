"""The place where the parser stopped and the terminals it accepts there: the input of every syntax error rule."""

from __future__ import annotations

import re
from dataclasses import dataclass

from auroraql.diagnostics.errors import Span
from auroraql.language.ast import Token

CLAUSE_STARTS = (
    *("OF", "WITHIN", "VIA", "PRECISION", "SELECT", "WHERE"),
    *("BETWEEN", "ON", "DURING", "SINCE", "UNTIL", "LAST", "OVERLAPPING", "GROUP", "ORDER", "LIMIT"),
)

WINDOW_STARTS = ("BETWEEN", "ON", "DURING", "SINCE", "UNTIL", "LAST", "OVERLAPPING")

VALUE_TYPES = {"STRING", "NUMBER", "PARAM", "DATETIME", "MONTH", "TRUE", "FALSE"}


_WORD = re.compile(r"[^\W\d][\w]*")


@dataclass(frozen=True, slots=True)
class ParseErrorContext:
    """The state of the parser at a syntax error.

    `tokens` are the tokens read so far. The unexpected token is `text[start:end]` and has the terminal `type`.
    `accepts` are the terminals that would have been accepted in its place.
    """

    text: str
    tokens: list[Token]
    start: int
    end: int
    type: str
    accepts: frozenset[str]
    stop: int = 0
    """The end of the statement in the text."""

    @property
    def found_text(self) -> str:
        """The text of the unexpected token."""
        return self.text[self.start : self.end]

    @property
    def span(self) -> Span:
        """The span of the unexpected token."""
        return Span(self.start, self.end)

    @property
    def word(self) -> str:
        """The text of the unexpected token, in upper case."""
        return self.found_text.upper()

    def token_before(self, back: int = 1) -> Token | None:
        """Return the token read `back` tokens ago, or None."""
        return self.tokens[-back] if len(self.tokens) >= back else None

    def type_before(self, back: int = 1) -> str:
        """Return the terminal of the token read `back` tokens ago, or an empty string."""
        token = self.token_before(back)
        return token.type if token is not None else ""

    def word_before(self, back: int = 1) -> str:
        """Return the text of the token read `back` tokens ago in upper case, or an empty string."""
        token = self.token_before(back)
        return str(token).upper() if token is not None else ""

    def start_before(self, back: int = 1) -> int:
        """Return the start of the token read `back` tokens ago, or of the unexpected token when there is none."""
        token = self.token_before(back)
        return int(token.start_pos or 0) if token is not None else self.start

    def end_before(self) -> int:
        """Return the end of the last token read."""
        token = self.token_before()
        return int(token.end_pos or 0) if token is not None else self.start

    def match(self, pattern: str, at: int | None = None) -> re.Match[str] | None:
        """Match a pattern, ignoring case, at an offset in the statement. `at` defaults to the unexpected token."""
        place = self.start if at is None else at
        return re.compile(pattern, re.IGNORECASE).match(self.text, place, self.stop)

    def has_keyword(self, keyword: str) -> bool:
        """Return whether a keyword was read in this statement."""
        return any(token.type == keyword for token in self.tokens)


NAMES_OF_TERMINALS = {
    "STRING": "a text in quotes",
    "NUMBER": "a number",
    "PARAM": "a parameter",
    "DATETIME": "a date or time",
    "MONTH": "a month",
    "PERIOD": "a period such as LAST WEEK",
    "DURATION": "a duration such as 1h30m",
    "NIGHTS": "nights",
    "NAME": "a name",
    "QNAME": "a name in backticks",
    "CMP": "an operator",
    "SIGN": "a sign",
    "STAR": "'*'",
    "SLASH": "'/'",
    "PERCENT": "'%'",
    "CONCAT": "'||'",
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
"""Descriptions of the terminals that are not keywords. A test compares the keys with the grammar."""

_GROUPS = (
    (
        {"BETWEEN", "ON", "DURING", "SINCE", "UNTIL", "LAST", "OVERLAPPING", "PERIOD"},
        "a time window (ON, BETWEEN …)",
    ),
    ({"STRING", "NUMBER", "TRUE"}, "a value"),
    ({"DATETIME"}, "a date or time"),
    ({"NAME"}, "a name"),
    ({"CMP"}, "an operator"),
    ({"NUMBER"}, "a number"),
    ({"STRING"}, "a text in quotes"),
)
"""Descriptions of groups of terminals. A group is described by one phrase when all its terminals are accepted."""

_TIMES = {"DATETIME", "MONTH", "PERIOD", "DURATION", "NOW", "TODAY", "YESTERDAY", "TOMORROW"}
_IMPLIED = {
    "a value": {"STRING", "NUMBER", "PARAM", "TRUE", "FALSE", "SIGN", "CASE"} | _TIMES,
    "a date or time": {"STRING", "PARAM"} | _TIMES,
    "a name": {"NAME", "QNAME"},
    "a number": {"NUMBER", "PARAM", "SIGN", "DURATION"},
    "a text in quotes": {"STRING", "PARAM"},
}

_LESS_USED = {
    "DOT",
    "SIGN",
    "UNIT",
    "NIGHTS",
    "AGO",
    "LBRACE",
    "RBRACE",
    "STAR",
    "SLASH",
    "PERCENT",
    "CONCAT",
    "SEMICOLON",
}
"""Terminals that are shown only when no other terminal is accepted."""


def describe_expected(at: ParseErrorContext) -> str:
    """Describe the terminals that are accepted here, for example "a name, a number or ')'"."""
    rest = set(at.accepts)
    if "DATETIME" in rest and "TRUE" not in rest:
        # A number or text at such a place denotes a date too.
        rest -= {"STRING", "NUMBER", "PARAM"}
    parts = []
    for group, phrase in _GROUPS:
        if group <= rest:
            parts.append(phrase)
            rest -= group | _IMPLIED.get(phrase, set())
    ends = "$END" in rest
    terminals = rest - {"$END"}
    shown = terminals - _LESS_USED if parts or ends or terminals - _LESS_USED else terminals
    parts += sorted(NAMES_OF_TERMINALS.get(terminal, terminal) for terminal in shown)
    if ends:
        parts.append(NAMES_OF_TERMINALS["$END"])
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " or " + parts[-1]


def is_word(text: str) -> bool:
    """Return whether the text has the form of a name or keyword."""
    return _WORD.fullmatch(text) is not None
