"""The parse loop: Lark's tables and terminals, driven without the bookkeeping that Lark does for every token.

It knows only how to succeed. Where a word does not fit it says so, and Lark's own interactive parser is
asked what was wrong; a test holds the two loops against each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import lark
from lark.parsers.lalr_analysis import Shift

from auroraql.forms import grammar

_END = "$END"

# One entry of a row: the state shifted to and nothing, or the number of values reduced, what they become, and of what rule.
Action = tuple[int, None, str] | tuple[int, Any, str]


class Lexeme(str):
    """A word of a statement, with its terminal and its place: what Lark calls a token, and costs less to make."""

    __slots__ = ("end_pos", "start_pos", "type")

    type: str
    start_pos: int
    end_pos: int


_SHAPES = ("DATETIME", "MONTH", "NUMBER", "STRING", "QNAME", "PARAM", "CMP", "SIGN", "STAR")
_UNITS = ("TIME_UNIT", "UNIT")
_WORD = "WORD"


class Tables:
    """The parse table of one parser laid out for the loop, and one scanner for all its states.

    Lark compiles a scanner for each state, to tell keywords from names. Here a word is a keyword where the
    table has a place for it, and else a name: where both may come, the keywords have priority in the grammar too.
    """

    def __init__(self, parser: lark.Lark) -> None:
        frontend: Any = parser.parser
        conf = frontend.parser.parser.parse_table
        self.start = conf.start_states[grammar.START]
        self.end = conf.end_states[grammar.START]
        self.rows: dict[int, dict[str, Action]] = {}
        self._states = conf.states
        self._callbacks = frontend.parser.parser.callbacks
        self.keywords = frozenset(grammar.keywords())
        name = re.compile(grammar.pattern("NAME"))
        self.reserved = frozenset(word for word in self.keywords if not name.fullmatch(word))
        self.blank = re.compile(rf"(?:{grammar.pattern('WS')}|{grammar.pattern('COMMENT')})*")
        self.scanner = re.compile("|".join(self._alternatives(parser)))

    @staticmethod
    def _alternatives(parser: lark.Lark) -> Iterator[str]:
        for name in _SHAPES:
            yield f"(?P<{name}>{grammar.pattern(name)})"
        for terminal in parser.terminals:
            if terminal.pattern.type == "str":
                yield f"(?P<{terminal.name}>{terminal.pattern.to_regexp()})"
        yield rf"(?P<{_WORD}>[^\W\d]\w*)|(?P<UNIT>%)"

    def row(self, state: int) -> dict[str, Action]:
        """Makes the row of a state: what may come there."""
        made = self.rows[state] = {symbol: self._action(*entry) for symbol, entry in self._states[state].items()}
        return made

    def _action(self, kind: object, argument: Any) -> Action:
        if kind is Shift:
            return argument, None, ""
        return len(argument.expansion), self._callbacks[argument], argument.origin.name

    def kind_of(self, word: str, row: dict[str, Action]) -> str:
        """The terminal of a word in a state; nothing when it has no place there."""
        upper = word.upper()
        if upper in self.keywords and upper in row:
            return upper
        if "NAME" in row and upper not in self.reserved:
            return "NAME"
        return next((unit for unit in _UNITS if unit in row and re.fullmatch(grammar.pattern(unit), word)), "")


@cache
def tables() -> Tables:
    """The tables of the language's parser."""
    return Tables(grammar.parser())


# One loop, and long on purpose: a call for each step would cost as much as the step.
def drive(text: str, start: int, end: int) -> tuple[Any, list[Lexeme]] | None:
    """The tree of `text[start:end]` and its words; None when it is no statement."""
    table = tables()
    row, rows, blank, scan = table.row, table.rows.get, table.blank.match, table.scanner.match
    states: list[int] = [table.start]
    values: list[Any] = []
    words: list[Lexeme] = []
    at = start
    while True:
        at = blank(text, at, end).end()  # type: ignore[union-attr]
        actions = rows(states[-1]) or row(states[-1])
        if at < end:
            match = scan(text, at, end)
            if match is None:
                return None
            word = Lexeme(match[0])
            kind = match.lastgroup or ""
            if kind == _WORD:
                kind = table.kind_of(word, actions)
            word.type, word.start_pos, word.end_pos = kind, at, match.end()
            at = word.end_pos
            words.append(word)
        else:
            word, kind = Lexeme(), _END
        while True:
            action = actions.get(kind)
            if action is None:
                return None
            count, callback, origin = action
            if callback is None:
                states.append(count)
                values.append(word)
                break
            reduced = values[-count:] if count else []
            if count:
                del states[-count:], values[-count:]
            value = callback(reduced)
            states.append((rows(states[-1]) or row(states[-1]))[origin][0])
            values.append(value)
            if kind == _END and states[-1] == table.end:
                return values[-1], words
            actions = rows(states[-1]) or row(states[-1])
