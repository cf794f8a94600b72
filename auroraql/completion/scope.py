"""Scopes of a statement: what is searched at the cursor, and which conditions are already typed.

Words and parentheses before and after the cursor are enough, so unfinished statements are read too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from auroraql.ir.query import block_names
from auroraql.language.ast import Token
from auroraql.schema import BLOCKS

_QUOTES = "'\"‘’‚‛“”„‟"


@dataclass(slots=True)
class Scope:
    """A search or a block of conjunctions, with its conditions by = and IN."""

    kind: str
    """Kind of record or result after FIND. Empty in a block."""
    block: str = ""
    """Kind of the block. Empty in a search."""
    selected: dict[str, tuple[str, ...]] = field(default_factory=dict)
    clauses: set[str] = field(default_factory=set)
    """Words of the scope, in upper case."""

    @property
    def is_loose(self) -> bool:
        """Whether the scope holds OR or NOT, so that its conditions are not certain."""
        return "OR" in self.clauses or "NOT" in self.clauses


@dataclass(slots=True)
class ScopeReader:
    """Reader of the words of a statement. It tracks open scopes, blocks, labels and parameters."""

    scopes: list[Scope] = field(default_factory=lambda: [Scope("")])
    """Open scopes. A parenthesis without a scope of its own repeats the enclosing scope."""
    kinds: list[str] = field(default_factory=list)
    """Kinds of the blocks of OF."""
    aliases: dict[int, str] = field(default_factory=dict)
    """Aliases of the blocks, by their index."""
    labels: list[str] = field(default_factory=list)
    """Names that SELECT defines."""
    parameters: dict[str, None] = field(default_factory=dict)
    before: tuple[str, str, str] = ("", "", "")
    """The last three words, in upper case."""
    chosen: tuple[str, ...] = ()
    """The name whose values are being listed, and its values so far."""
    word: str = ""
    """The last word as typed."""

    def copy(self) -> ScopeReader:
        """Return an independent copy. Scopes that are shared in the original stay shared in the copy."""
        copies = {
            id(scope): Scope(scope.kind, scope.block, {**scope.selected}, {*scope.clauses}) for scope in self.scopes
        }
        lists = ([*self.kinds], {**self.aliases}, [*self.labels], {**self.parameters})
        return ScopeReader([copies[id(scope)] for scope in self.scopes], *lists, self.before, self.chosen, self.word)

    @property
    def scope(self) -> Scope:
        """The innermost open search or block."""
        return self.scopes[-1]

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names and aliases of the blocks of OF."""
        return (*block_names(self.kinds), *self.aliases.values())

    @property
    def named_kinds(self) -> tuple[tuple[str, str], ...]:
        """Kind and alias of each block. The alias is empty if the block has none."""
        return tuple((kind, self.aliases.get(index, "")) for index, kind in enumerate(self.kinds))

    def read(self, words: Iterable[Token]) -> ScopeReader:
        """Read more words and return the reader itself."""
        for word in words:
            match word.type:
                case "STRING":
                    self._read_value(word)
                    self.before = (*self.before[1:], "")
                case "PARAM":
                    self.parameters[word[1:]] = None
                    self.before = (*self.before[1:], "")
                case "NUMBER" | "SIGN" | "DATETIME" | "MONTH" | "PERIOD" | "DURATION" | "STAR":
                    self.before = (*self.before[1:], "")
                case _:
                    upper = word.upper()
                    self._read_word(word, upper)
                    self.before = (*self.before[1:], upper)
            self.word = word
        return self

    def _read_value(self, word: Token) -> None:
        """Add a value of `name = 'value'` or `name IN ('value', …)` to the conditions of the scope."""
        last_word = self.before[2]
        if last_word == "=":
            self.chosen = (self.chosen[0], unquote(word))
        elif self.chosen and last_word in ("(", ","):
            self.chosen += (unquote(word),)
        else:
            return
        self.scope.selected[self.chosen[0]] = self.chosen[1:]

    def _read_word(self, word: Token, upper: str) -> None:
        earlier = self.before[2]
        self.scope.clauses.add(upper)
        if upper in ("=", "IN"):
            self.chosen = (unquote(self.word),)
            return
        if self.chosen and not (upper == "(" and earlier == "IN") and not (upper == "," and not earlier):
            self.chosen = ()
        if upper == "FIND":
            if earlier == "(":
                self.scopes[-1] = Scope("", clauses={upper})
        elif earlier in ("FIND", "DISTINCT", "SHOW"):
            self._read_searched(word, upper)
        elif earlier == "AS":
            self._read_name(unquote(word), of_block=self.before[1].lower() in BLOCKS)
        else:
            self._read_nested(word, upper)

    def _read_searched(self, word: Token, upper: str) -> None:
        """Store the kind that follows FIND, FIND DISTINCT, or SHOW at the beginning of a statement."""
        first, second, third = self.before
        if third == "FIND" or (third == "DISTINCT" and second == "FIND") or (third == "SHOW" and not first + second):
            self.scope.kind = "" if upper == "DISTINCT" else unquote(word)

    def _read_nested(self, word: Token, upper: str) -> None:
        if upper == "(":
            self.scopes.append(self._open_scope())
        elif upper == ")":
            if len(self.scopes) > 1:
                self.scopes.pop()
        elif word.lower() in BLOCKS and self.before[2] in ("OF", ","):
            self.kinds.append(word.lower())

    def _read_name(self, name: str, *, of_block: bool) -> None:
        self.labels.append(name)
        if of_block:
            self.aliases[len(self.kinds) - 1] = name

    def _open_scope(self) -> Scope:
        """Return the scope inside a parenthesis: a new one for a block, else the enclosing one."""
        first, second, third = (word.lower() for word in self.before)
        if third in BLOCKS:
            return Scope("", third)
        return Scope("", first) if first in BLOCKS and second == "as" else self.scope


def unquote(word: str) -> str:
    """Return a name or string without its quotes."""
    if len(word) > 1 and word[0] in _QUOTES + "`":
        return word[1:-1].replace(word[0] * 2, word[0])
    return word
