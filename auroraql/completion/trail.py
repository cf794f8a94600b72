"""How far the grammar has come: the states of its parse table behind the words read so far, and what may follow.

Everything is read off the table that statements are parsed with, so completion cannot drift from the grammar.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from auroraql.forms.text.blanks import skip_blanks
from auroraql.forms.text.driver import Tables, tables
from auroraql.forms.text.lexeme import Lexeme

END = "$END"

_WORD = "WORD"


class Symbol(NamedTuple):
    """A terminal or rule on the parser's stack, and which word it begins with."""

    name: str
    first: int


@dataclass(slots=True)
class Trail:
    """The parser's stack after some words; words that fit nowhere were passed over."""

    states: list[int]
    symbols: list[Symbol] = field(default_factory=list)
    words: list[Lexeme] = field(default_factory=list)

    @classmethod
    def begin(cls) -> Trail:
        """Before the first word of a statement."""
        return cls([tables().start])

    def copy(self) -> Trail:
        """One that goes on by itself."""
        return Trail([*self.states], [*self.symbols], [*self.words])

    def read(self, text: str, start: int, end: int) -> None:
        """Takes the words of `text[start:end]`; what is no word at all is passed over."""
        table = tables()
        for word in words_of(text, start, end):
            if word.type == _WORD:
                word.type = table.kind_of(word, row(table, self.states[-1]))
            if _shift(table, self.states, word.type, self.symbols, len(self.words)):
                self.words.append(word)

    def accepts(self) -> frozenset[str]:
        """The terminals that may come next."""
        return tables().accepts(self.states)

    def shift(self, kind: str) -> bool:
        """Takes a terminal without its word; False where it does not fit."""
        return _shift(tables(), self.states, kind, self.symbols, len(self.words))

    def roles(self) -> frozenset[str]:
        """What a name that came next would be: the rules it could be the whole of, or the end of."""
        table, states = tables(), [*self.states]
        if not _shift(table, states, "NAME"):
            return frozenset()
        depth = len(states)
        return frozenset(rule for kind in row(table, states[-1]) for rule in _reduced(table, states, kind, depth))


def row(table: Tables, state: int) -> dict[str, Any]:
    """The row of a state: what may come there."""
    return table.rows.get(state) or table.row(state)


def words_of(text: str, start: int, end: int) -> Iterator[Lexeme]:
    """The words of a part of a text, keywords and names alike of the type WORD."""
    table = tables()
    scan = table.scanner.match
    at = start
    while True:
        at = skip_blanks(text, at, end)
        if at >= end:
            return
        match = scan(text, at, end)
        if match is None:
            at += 1
            continue
        word = Lexeme(match[0])
        word.type, word.start_pos, word.end_pos = match.lastgroup or "", at, match.end()
        at = match.end()
        yield word


def _shift(table: Tables, states: list[int], kind: str, symbols: list[Symbol] | None = None, at: int = 0) -> bool:
    """Shifts a terminal, after the reductions it asks for; False, and nothing of use left, where it does not fit."""
    held, kept = (states, symbols) if symbols is None else ([*states], [*symbols])
    while True:
        action = row(table, held[-1]).get(kind)
        if action is None:
            return False
        count, callback, rule = action
        if callback is None:
            if kind == END:
                return True
            held.append(count)
            if symbols is not None and kept is not None:
                states[:], symbols[:] = held, [*kept, Symbol(kind, at)]
            return True
        first = at
        if count:
            del held[-count:]
            if kept is not None:
                first = kept[-count].first
                del kept[-count:]
        held.append(row(table, held[-1])[rule][0])
        if kept is not None:
            kept.append(Symbol(rule, first))
        if kind == END and held[-1] == table.end:
            return True


def _reduced(table: Tables, states: list[int], kind: str, depth: int) -> Iterator[str]:
    """The rules that what stands last is reduced to before `kind`, up to the first that takes in more."""
    held = [*states]
    while True:
        action = row(table, held[-1]).get(kind)
        if action is None or action[1] is None:
            return
        count, _, rule = action
        yield rule
        if len(held) - count < depth - 1:
            return
        if count:
            del held[-count:]
        held.append(row(table, held[-1])[rule][0])
        if kind == END and held[-1] == table.end:
            return
