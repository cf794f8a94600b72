"""The parse loop: Lark's tables and terminals, driven without the bookkeeping that Lark does for every token.

It knows only how to succeed. Where a word does not fit it says so, and Lark's own interactive parser is
asked what was wrong; a test holds the two loops against each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from auroraql.forms import grammar
from auroraql.forms.tables import Rule, Table, table
from auroraql.forms.text.reading import Reading

_END = "$END"

# One entry of a row: the state shifted to and nothing, or the number of values reduced, what they become, and of what rule.
Action = tuple[int, None, str] | tuple[int, Any, str]


Make = Callable[[list[Any]], Any]


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
    """The parse table laid out for the loop, with what each rule becomes, and one scanner for all states.

    Lark compiles a scanner for each state, to tell keywords from names. Here a word is a keyword where the
    table has a place for it, and else a name: where both may come, the keywords have priority in the grammar too.
    """

    def __init__(self, table: Table, reading: Reading) -> None:
        self.start, self.end = table.start, table.end
        self.rows: dict[int, dict[str, Action]] = {}
        self.states = table.rows
        self._reductions = [_reduction(rule, reading) for rule in table.rules]
        self.keywords = frozenset(grammar.keywords())
        name = re.compile(table.terminals["NAME"])
        self.reserved = frozenset(word for word in self.keywords if not name.fullmatch(word))
        self.blank = re.compile(rf"(?:{table.terminals['WS']}|{table.terminals['COMMENT']})*")
        self.scanner = re.compile("|".join(self._alternatives(table)))

    @staticmethod
    def _alternatives(table: Table) -> Iterator[str]:
        for name in (*_SHAPES, *table.anonymous):
            yield f"(?P<{name}>{table.terminals[name]})"
        yield rf"(?P<{_WORD}>[^\W\d]\w*)|(?P<UNIT>%)"

    def row(self, state: int) -> dict[str, Action]:
        """Makes the row of a state: what may come there."""
        made = self.rows[state] = {symbol: self._action(entry) for symbol, entry in self.states[state].items()}
        return made

    def _action(self, entry: int) -> Action:
        return (entry, None, "") if entry >= 0 else self._reductions[-1 - entry]

    def kind_of(self, word: str, row: dict[str, Action]) -> str:
        """The terminal of a word in a state; nothing when it has no place there."""
        upper = word.upper()
        if upper in self.keywords and upper in row:
            return upper
        if "NAME" in row and upper not in self.reserved:
            return "NAME"
        return next((unit for unit in _UNITS if unit in row and re.fullmatch(grammar.pattern(unit), word)), "")


def _reduction(rule: Rule, reading: Reading) -> Action:
    """What a rule's children become: a helper rule's stay a list, which the rule above it opens."""
    count, origin, name, alone, kept = rule
    make = getattr(reading, name, _as_they_are)
    if alone:
        make = _unless_alone(make)
    return count, make if kept is None else _with_kept(kept, make), origin


def _as_they_are(children: list[Any]) -> list[Any]:
    return children


def _unless_alone(make: Make) -> Make:
    return lambda children: children[0] if len(children) == 1 else make(children)


def _with_kept(kept: list[list[int]], make: Make) -> Make:
    def reduce(children: list[Any]) -> Any:
        chosen: list[Any] = []
        for at, opened in kept:
            if opened:
                chosen += children[at]
            else:
                chosen.append(children[at])
        return make(chosen)

    return reduce


@cache
def tables() -> Tables:
    """The tables of the language's parser."""
    return Tables(table(), Reading())


# One loop, and long on purpose: a call for each step would cost as much as the step.
def drive(text: str, start: int, end: int) -> tuple[Any, list[Lexeme]] | None:
    """The tree of `text[start:end]` and its words; None when it is no statement."""
    known = tables()
    row, rows, blank, scan = known.row, known.rows.get, known.blank.match, known.scanner.match
    states: list[int] = [known.start]
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
                kind = known.kind_of(word, actions)
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
            if kind == _END and states[-1] == known.end:
                return values[-1], words
            actions = rows(states[-1]) or row(states[-1])
