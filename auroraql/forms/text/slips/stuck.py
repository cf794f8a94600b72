"""Where the parser stuck, and what could have stood there: what every rule of slips is told."""

from __future__ import annotations

import re
from dataclasses import dataclass

from auroraql.errors import Span
from auroraql.forms.text.lexeme import Lexeme

CLAUSE_STARTS = (
    *("OF", "WITHIN", "VIA", "PRECISION", "SELECT", "WHERE"),
    *("BETWEEN", "ON", "DURING", "SINCE", "UNTIL", "LAST", "OVERLAPPING", "GROUP", "ORDER", "LIMIT"),
)


VALUE_TYPES = {"STRING", "NUMBER", "PARAM", "DATETIME", "MONTH", "TRUE", "FALSE"}


_WORD = re.compile(r"[^\W\d][\w]*")


@dataclass(frozen=True, slots=True)
class Stuck:
    """Where the parser stuck: the tokens read, what was found there, and what could have stood there."""

    text: str
    tokens: list[Lexeme]
    start: int
    end: int
    type: str
    accepts: frozenset[str]

    @property
    def found(self) -> str:
        """The text found."""
        return self.text[self.start : self.end]

    @property
    def span(self) -> Span:
        """Its place."""
        return Span(self.start, self.end)

    def before(self, back: int = 1) -> Lexeme | None:
        """The token read `back` tokens ago."""
        return self.tokens[-back] if len(self.tokens) >= back else None

    def type_before(self, back: int = 1) -> str:
        """The type of that token, or nothing."""
        token = self.before(back)
        return token.type if token is not None else ""

    def end_before(self) -> int:
        """Where the last token read ends."""
        token = self.before()
        return int(token.end_pos or 0) if token is not None else self.start


_GROUPS = (
    ({"BETWEEN", "ON", "DURING", "SINCE", "UNTIL", "LAST", "OVERLAPPING"}, "a time window (ON, BETWEEN …)"),
    ({"STRING", "NUMBER", "PARAM"}, "a value"),
    ({"DATETIME", "MONTH", "NOW", "TODAY"}, "a date or time"),
    ({"NAME", "QNAME"}, "a name"),
    ({"CMP"}, "an operator"),
    ({"TIME_UNIT"}, "a unit of time"),
    ({"LPAR"}, "'('"),
    ({"RPAR"}, "')'"),
    ({"COMMA"}, "','"),
)


_SILENT = {
    "DOT",
    "SIGN",
    "UNIT",
    "LBRACE",
    "RBRACE",
    "STAR",
    "QNAME",
    "TRUE",
    "FALSE",
    "DATETIME",
    "MONTH",
    "NOW",
    "TODAY",
    "STRING",
    "NUMBER",
    "PARAM",
    "SEMICOLON",
    "$END",
}


def expected(at: Stuck) -> str:
    """What could stand here, in people's words, from the parse table."""
    rest = set(at.accepts)
    if "DATETIME" in rest and "TRUE" not in rest:
        # A number or text there is a date, too.
        rest -= {"STRING", "NUMBER", "PARAM"}
    parts = []
    for group, words in _GROUPS:
        if group <= rest:
            parts.append(words)
            rest -= group
    parts += sorted(t for t in rest - _SILENT if t.isupper())
    if "$END" in rest:
        parts.append("the end of the statement")
    if not parts:
        parts = sorted(rest)
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " or " + parts[-1]


def is_word(text: str) -> bool:
    """Whether it is a name or keyword by its letters."""
    return _WORD.fullmatch(text) is not None
