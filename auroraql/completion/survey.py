"""What the rest of a statement says about the place of the cursor: what is searched there, and what is chosen already.

It reads words and parentheses, before the cursor and behind it, and so works on statements that are not finished.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from auroraql.forms.text.driver import Lexeme
from auroraql.query import block_names
from auroraql.schema import BLOCKS

_IDLE = frozenset(("STRING", "NUMBER", "COMMA", "CMP", "SIGN", "DOT", "DATETIME", "MONTH", "UNIT", "TIME_UNIT", "STAR"))
"""The words that say nothing about what is searched."""

_QUOTES = "'\"‘’‚‛“”„‟"


@dataclass(slots=True)
class Scope:
    """A search or a block of one: what is searched, and the values asked for by = and IN."""

    kind: str
    chosen: dict[str, tuple[str, ...]] = field(default_factory=dict)
    clauses: set[str] = field(default_factory=set)
    """The words that stand in it, in upper case."""

    @property
    def loose(self) -> bool:
        """Whether OR or NOT stands in it, so that what is chosen need not hold."""
        return "OR" in self.clauses or "NOT" in self.clauses


@dataclass(slots=True)
class Survey:
    """The scope of the cursor, and what the whole statement names."""

    scope: Scope
    blocks: tuple[str, ...] = ()
    """The names and aliases of the blocks of OF."""
    labels: tuple[str, ...] = ()
    """The names that SELECT gives."""
    parameters: tuple[str, ...] = ()


def survey(words: Sequence[Lexeme], at: int) -> Survey:
    """What is known at the word `at`, which may be behind the last."""
    open_scopes = [Scope("")]
    here = open_scopes[0]
    kinds: list[str] = []
    aliases: list[str] = []
    labels: list[str] = []
    for place, word in enumerate(words):
        if place == at:
            here = open_scopes[-1]
        if word.type in _IDLE:
            continue
        upper = word.upper()
        open_scopes[-1].clauses.add(upper)
        if upper == "FIND" or (upper == "SHOW" and not place):
            open_scopes[-1].kind = _found(words, place + 1)
        elif word == "(":
            open_scopes.append(_opened(words, place, open_scopes[-1]))
        elif word == ")" and len(open_scopes) > 1:
            open_scopes.pop()
        elif word.lower() in BLOCKS and _is_head(words, place):
            kinds.append(word.lower())
            aliases += _alias(words, place + 1)
        elif upper == "AS":
            labels += [plain(each) for each in words[place + 1 : place + 2]]
        elif place + 2 < len(words) and words[place + 1].upper() in ("=", "IN"):
            _choose(words, place, open_scopes[-1])
    here = here if at < len(words) else open_scopes[-1]
    parameters = tuple(dict.fromkeys(word[1:] for word in words if word.type == "PARAM"))
    return Survey(here, (*block_names(kinds), *aliases), tuple(labels), parameters)


def plain(word: str) -> str:
    """A name or string without its quotes."""
    if len(word) > 1 and word[0] in _QUOTES + "`":
        return word[1:-1].replace(word[0] * 2, word[0])
    return word


def _found(words: Sequence[Lexeme], at: int) -> str:
    if at < len(words) and words[at].upper() == "DISTINCT":
        at += 1
    return plain(words[at]) if at < len(words) else ""


def _opened(words: Sequence[Lexeme], at: int, outer: Scope) -> Scope:
    """The scope within a parenthesis: its own for a block or a FIND, else the one around it."""
    before = [word.lower() for word in words[max(at - 3, 0) : at]]
    if before and before[-1] in BLOCKS:
        return Scope(before[-1])
    if len(before) == 3 and before[0] in BLOCKS and before[1] == "as":
        return Scope(before[0])
    if at + 1 < len(words) and words[at + 1].upper() == "FIND":
        return Scope("")
    return outer


def _is_head(words: Sequence[Lexeme], at: int) -> bool:
    """Whether a word that is the name of a block kind begins a block."""
    return at > 0 and words[at - 1].upper() in ("OF", ",")


def _alias(words: Sequence[Lexeme], at: int) -> Iterator[str]:
    if at + 1 < len(words) and words[at].upper() == "AS":
        yield plain(words[at + 1])


def _choose(words: Sequence[Lexeme], at: int, scope: Scope) -> None:
    """Takes `name = 'value'` and `name IN ('value', …)` into the scope."""
    values = tuple(plain(word) for word in _listed(words, at + 1))
    if values:
        scope.chosen[plain(words[at])] = values


def _listed(words: Sequence[Lexeme], at: int) -> Iterator[Lexeme]:
    if words[at] == "=":
        if words[at + 1].type == "STRING":
            yield words[at + 1]
        return
    for word in words[at + 2 :]:
        if word.type == "STRING":
            yield word
        elif word != ",":
            return
