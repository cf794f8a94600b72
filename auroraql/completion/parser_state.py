"""The parser state after the words before the cursor, and the tokens that may follow.

The state comes from the parse table that statements are parsed with, so completion always agrees with the grammar.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from auroraql.language.ast import Token
from auroraql.language.grammar import ParserTables, get_tables, skip_blanks

END = "$END"

_WORD = "WORD"


class StackSymbol(NamedTuple):
    """A terminal or rule on the parser's stack, and the index of its first word."""

    name: str
    first: int


@dataclass(slots=True)
class ParserState:
    """The parser's stack after some words. Words that the grammar does not accept are skipped."""

    states: list[int]
    symbols: list[StackSymbol] = field(default_factory=list)
    words: list[Token] = field(default_factory=list)

    @classmethod
    def begin(cls) -> ParserState:
        """Return the state before the first word of a statement."""
        return cls([get_tables().start])

    def copy(self) -> ParserState:
        """Return an independent copy."""
        return ParserState([*self.states], [*self.symbols], [*self.words])

    def read(self, text: str, start: int, end: int) -> None:
        """Read the words of `text[start:end]`, and skip characters that do not form a word."""
        table = get_tables()
        for word in split_words(text, start, end):
            if word.type == _WORD:
                word.type = table.kind_of(word, table_row(table, self.states[-1]))
            if _shift(table, self.states, word.type, self.symbols, len(self.words)):
                self.words.append(word)

    def accepted_terminals(self) -> frozenset[str]:
        """Return the terminals that may come next."""
        return get_tables().accepts(self.states)

    def shift(self, kind: str) -> bool:
        """Shift a terminal that has no word. Return False when it is not accepted."""
        return _shift(get_tables(), self.states, kind, self.symbols, len(self.words))

    def accepted_roles(self) -> frozenset[str]:
        """Return the grammar rules that a name would complete or end if it came next."""
        table, states = get_tables(), [*self.states]
        if not _shift(table, states, "NAME"):
            return frozenset()
        depth = len(states)
        return frozenset(
            rule for kind in table_row(table, states[-1]) for rule in _reductions(table, states, kind, depth)
        )


def table_row(table: ParserTables, state: int) -> dict[str, Any]:
    """Return the row of a state in the parse table: its action for each terminal."""
    return table.rows.get(state) or table.row(state)


def split_words(text: str, start: int, end: int) -> Iterator[Token]:
    """Yield the words of a part of a text. Keywords and names both have the type WORD."""
    table = get_tables()
    scan = table.scanner.match
    position = start
    while True:
        position = skip_blanks(text, position, end)
        if position >= end:
            return
        match = scan(text, position, end)
        if match is None:
            position += 1
            continue
        word = Token(match[0])
        word.type, word.start_pos, word.end_pos = match.lastgroup or "", position, match.end()
        position = match.end()
        yield word


def _shift(
    table: ParserTables, states: list[int], kind: str, symbols: list[StackSymbol] | None = None, at: int = 0
) -> bool:
    """Shift a terminal after the reductions that it requires.

    Return False, and leave the stack unchanged, when the terminal is not accepted.
    """
    new_states, new_symbols = (states, symbols) if symbols is None else ([*states], [*symbols])
    while True:
        action = table_row(table, new_states[-1]).get(kind)
        if action is None:
            return False
        count, callback, rule = action
        if callback is None:
            if kind == END:
                return True
            new_states.append(count)
            if symbols is not None and new_symbols is not None:
                states[:], symbols[:] = new_states, [*new_symbols, StackSymbol(kind, at)]
            return True
        first = at
        if count:
            del new_states[-count:]
            if new_symbols is not None:
                first = new_symbols[-count].first
                del new_symbols[-count:]
        new_states.append(table_row(table, new_states[-1])[rule][0])
        if new_symbols is not None:
            new_symbols.append(StackSymbol(rule, first))
        if kind == END and new_states[-1] == table.end:
            return True


def _reductions(table: ParserTables, states: list[int], kind: str, depth: int) -> Iterator[str]:
    """Yield the rules that the parser reduces before `kind`, up to the first that includes an earlier symbol."""
    reduced_states = [*states]
    while True:
        action = table_row(table, reduced_states[-1]).get(kind)
        if action is None or action[1] is None:
            return
        count, _, rule = action
        yield rule
        if len(reduced_states) - count < depth - 1:
            return
        if count:
            del reduced_states[-count:]
        reduced_states.append(table_row(table, reduced_states[-1])[rule][0])
        if kind == END and reduced_states[-1] == table.end:
            return
