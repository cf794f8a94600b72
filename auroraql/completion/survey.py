"""What the rest of a statement says about the place of the cursor: what is searched there, and what is chosen already.

It reads words and parentheses, before the cursor and behind it, and so works on statements that are not finished.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from auroraql.forms.text.lexeme import Lexeme
from auroraql.query import block_names
from auroraql.schema import BLOCKS

_QUOTES = "'\"‘’‚‛“”„‟"


@dataclass(slots=True)
class Scope:
    """A search or a block of one: what is searched, and the values asked for by = and IN."""

    kind: str
    """What FIND names: a kind of record, or a result; empty in a block."""
    block: str = ""
    """The kind of the block; empty in a search."""
    chosen: dict[str, tuple[str, ...]] = field(default_factory=dict)
    clauses: set[str] = field(default_factory=set)
    """The words that stand in it, in upper case."""

    @property
    def loose(self) -> bool:
        """Whether OR or NOT stands in it, so that what is chosen need not hold."""
        return "OR" in self.clauses or "NOT" in self.clauses


@dataclass(slots=True)
class Survey:
    """Reads the words of a statement one after the other, and tells what is known where it is asked."""

    scopes: list[Scope] = field(default_factory=lambda: [Scope("")])
    """Those that are open; a parenthesis that is no scope of its own has that around it again."""
    kinds: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    """The names that SELECT gives."""
    parameters: dict[str, None] = field(default_factory=dict)
    before: tuple[str, str, str] = ("", "", "")
    """The last three words, in upper case."""
    chosen: tuple[str, ...] = ()
    """The name whose values are being listed, and those so far."""
    word: str = ""
    """The last word as it stands."""

    def copy(self) -> Survey:
        """One that goes on by itself."""
        own = {id(scope): Scope(scope.kind, scope.block, {**scope.chosen}, {*scope.clauses}) for scope in self.scopes}
        lists = ([*self.kinds], [*self.aliases], [*self.labels], {**self.parameters})
        return Survey([own[id(scope)] for scope in self.scopes], *lists, self.before, self.chosen, self.word)

    @property
    def scope(self) -> Scope:
        """The search or block that is open."""
        return self.scopes[-1]

    @property
    def blocks(self) -> tuple[str, ...]:
        """The names and aliases of the blocks of OF."""
        return (*block_names(self.kinds), *self.aliases)

    def read(self, words: Iterable[Lexeme]) -> Survey:
        """Takes more words."""
        for word in words:
            match word.type:
                case "STRING":
                    self._value(word)
                    self.before = (*self.before[1:], "")
                case "PARAM":
                    self.parameters[word[1:]] = None
                    self.before = (*self.before[1:], "")
                case "NUMBER" | "SIGN" | "DATETIME" | "MONTH" | "STAR":
                    self.before = (*self.before[1:], "")
                case _:
                    upper = word.upper()
                    self._word(word, upper)
                    self.before = (*self.before[1:], upper)
            self.word = word
        return self

    def _value(self, word: Lexeme) -> None:
        """Takes `name = 'value'` and `name IN ('value', …)` into the scope."""
        last = self.before[2]
        if last == "=":
            self.chosen = (self.chosen[0], plain(word))
        elif self.chosen and last in ("(", ","):
            self.chosen += (plain(word),)
        else:
            return
        self.scope.chosen[self.chosen[0]] = self.chosen[1:]

    def _word(self, word: Lexeme, upper: str) -> None:
        earlier = self.before[2]
        self.scope.clauses.add(upper)
        if upper in ("=", "IN"):
            self.chosen = (plain(self.word),)
            return
        if self.chosen and not (upper == "(" and earlier == "IN") and not (upper == "," and not earlier):
            self.chosen = ()
        if upper == "FIND":
            if earlier == "(":
                self.scopes[-1] = Scope("", clauses={upper})
        elif earlier in ("FIND", "DISTINCT", "SHOW"):
            self._searched(word, upper)
        elif earlier == "AS":
            self._name(plain(word), of_block=self.before[1].lower() in BLOCKS)
        else:
            self._nested(word, upper)

    def _searched(self, word: Lexeme, upper: str) -> None:
        """What is searched stands behind FIND, FIND DISTINCT and the SHOW that a statement begins with."""
        first, second, third = self.before
        if third == "FIND" or (third == "DISTINCT" and second == "FIND") or (third == "SHOW" and not first + second):
            self.scope.kind = "" if upper == "DISTINCT" else plain(word)

    def _nested(self, word: Lexeme, upper: str) -> None:
        if upper == "(":
            self.scopes.append(self._opened())
        elif upper == ")":
            if len(self.scopes) > 1:
                self.scopes.pop()
        elif word.lower() in BLOCKS and self.before[2] in ("OF", ","):
            self.kinds.append(word.lower())

    def _name(self, name: str, *, of_block: bool) -> None:
        self.labels.append(name)
        if of_block:
            self.aliases.append(name)

    def _opened(self) -> Scope:
        """The scope within a parenthesis: its own for a block, else the one around it."""
        first, second, third = (word.lower() for word in self.before)
        if third in BLOCKS:
            return Scope("", third)
        return Scope("", first) if first in BLOCKS and second == "as" else self.scope


def plain(word: str) -> str:
    """A name or string without its quotes."""
    if len(word) > 1 and word[0] in _QUOTES + "`":
        return word[1:-1].replace(word[0] * 2, word[0])
    return word
