"""The parse loop: Lark's tables and terminals, driven without the bookkeeping that Lark does for every token.

It knows only how to succeed. Where a token does not fit it says so, and Lark's own interactive parser is
asked again what was wrong; a test holds the two loops against each other.
"""

from __future__ import annotations

import re
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


class Tables:
    """The parse table and the scanners of one parser, laid out for the loop."""

    def __init__(self, parser: lark.Lark) -> None:
        frontend: Any = parser.parser
        conf = frontend.parser.parser.parse_table
        self.start = conf.start_states[grammar.START]
        self.end = conf.end_states[grammar.START]
        self._states = conf.states
        self._callbacks = frontend.parser.parser.callbacks
        self._lexers = frontend.lexer.lexers
        self.rows: dict[int, tuple[dict[str, Action], re.Pattern[str]]] = {}
        self.blank = re.compile(rf"(?:{grammar.pattern('WS')}|{grammar.pattern('COMMENT')})*")

    def row(self, state: int) -> tuple[dict[str, Action], re.Pattern[str]]:
        """Makes the row of a state: what may come there, and the scanner that tells it."""
        actions = {symbol: self._action(*entry) for symbol, entry in self._states[state].items()}
        (scanner,) = self._lexers[state].scanner._mres
        made = self.rows[state] = (actions, scanner)
        return made

    def _action(self, kind: object, argument: Any) -> Action:
        if kind is Shift:
            return argument, None, ""
        return len(argument.expansion), self._callbacks[argument], argument.origin.name


@cache
def tables() -> Tables:
    """The tables of the language's parser."""
    return Tables(grammar.parser())


# One loop, and long on purpose: a call for each step would cost as much as the step.
def drive(text: str, start: int, end: int) -> tuple[Any, list[Lexeme]] | None:
    """The tree of `text[start:end]` and its words; None when it is no statement."""
    table = tables()
    row, rows, blank = table.row, table.rows.get, table.blank.match
    states: list[int] = [table.start]
    values: list[Any] = []
    words: list[Lexeme] = []
    at = start
    while True:
        at = blank(text, at, end).end()  # type: ignore[union-attr]
        actions, scanner = rows(states[-1]) or row(states[-1])
        if at < end:
            match = scanner.match(text, at, end)
            if match is None:
                return None
            word = Lexeme(match[0])
            kind = word.type = match.lastgroup or ""
            word.start_pos, at = at, match.end()
            word.end_pos = at
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
            states.append((rows(states[-1]) or row(states[-1]))[0][origin][0])
            values.append(value)
            if kind == _END and states[-1] == table.end:
                return values[-1], words
            actions = (rows(states[-1]) or row(states[-1]))[0]
