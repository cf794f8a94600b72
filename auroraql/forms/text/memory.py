"""A statement that was read before: what of it need not be read again when the text has changed since.

Before a change the parser goes on from the last mark; behind it, comparisons that stand there unchanged are taken as
they were read. Invariant: what is taken is what reading the text would make again, with its places.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from auroraql.errors import Span
from auroraql.spelling import alike, alike_behind
from auroraql.syntax import Comparison, Number, Operand, Path, Text, Truth


class Lexeme(str):
    """A word of a statement, with its terminal and its place: what Lark calls a token, and costs less to make."""

    __slots__ = ("end_pos", "start_pos", "type")

    type: str
    start_pos: int
    end_pos: int


def lexeme(text: str, kind: str, start: int) -> Lexeme:
    """A word at its place."""
    word = Lexeme(text)
    word.type, word.start_pos, word.end_pos = kind, start, start + len(text)
    return word


@dataclass(slots=True)
class Mark:
    """A place behind a number of words, and the parser's stack there."""

    words: int
    end: int
    states: list[int]
    values: list[Any]


@dataclass(slots=True)
class Kept:
    """A comparison that was read in a state of the parser: its words, and the one behind it, which ended it.

    `start` is where it stands in the text as it is now; its words and its value may still be where they stood.
    """

    start: int
    state: int
    words: list[Lexeme]
    following: Lexeme
    value: Comparison

    def settle(self) -> None:
        """Moves words and value to where it stands."""
        by = self.start - self.words[0].start_pos
        if by:
            for word in (*self.words, self.following):
                word.start_pos += by
                word.end_pos += by
            self.value = _moved(self.value, by)


COMPARED = "predicate"
"""What the parser makes of a comparison: the rule of the grammar."""

_EVERY = 16
"""Words between two marks."""

_LOOKED_AHEAD = 40
"""Characters behind a word that may tell what it is, as the time behind a day."""

_LASTING = (Text, Number, Truth)


class Memory:
    """A text that was read, the marks set on the way, and the comparisons in it."""

    def __init__(self) -> None:
        self.text = ""
        self.marks: list[Mark] = []
        self.words: list[Lexeme] = []
        self.kept: dict[int, Kept] = {}
        """By where they stand."""

    def resume(self, text: str, state: int) -> tuple[Mark, list[Lexeme]]:
        """The last mark that holds for a text too, and the words before it, to which those of this text are added.

        `state` is where the parser starts when there is none.
        """
        same = alike(text, self.text)
        self.kept = {each.start: each for each in self._kept_for(text, same)}
        while self.marks and self.marks[-1].end > same - _LOOKED_AHEAD:
            self.marks.pop()
        last = self.marks[-1] if self.marks else Mark(0, 0, [state], [])
        self.text, self.words = text, self.words[: last.words]
        return last, self.words

    def _kept_for(self, text: str, same: int) -> Iterator[Kept]:
        """The comparisons that stand in another text too, before what has changed or behind it."""
        by = len(text) - len(self.text)
        behind = len(self.text) - alike_behind(text, self.text, min(len(text), len(self.text)) - same)
        for each in self.kept.values():
            if each.start >= behind:
                each.start += by
                yield each
            elif each.start + (each.following.end_pos - each.words[0].start_pos) + _LOOKED_AHEAD <= same:
                yield each

    def mark(self, states: list[int], values: list[Any]) -> None:
        """Sets a mark behind the last word, when there were some since the last one."""
        if len(self.words) - (self.marks[-1].words if self.marks else 0) >= _EVERY:
            self.marks.append(Mark(len(self.words), self.words[-1].end_pos, [*states], [*values]))

    def keep(self, state: int, value: Any, following: Lexeme) -> None:
        """Keeps a comparison that was just read in a state, if what it compares with always means the same."""
        if isinstance(value, Comparison) and all(isinstance(each, _LASTING) for each in value.operands):
            start = value.path.origin.start  # type: ignore[union-attr]
            first = bisect_left(self.words, start, key=_start)
            self.kept[start] = Kept(start, state, self.words[first:], following, value)

    def take(self, start: int, state: int) -> Kept | None:
        """The comparison at a place, as it was read in this state."""
        found = self.kept.get(start)
        if found is None or found.state != state:
            return None
        found.settle()
        self.words += found.words
        return found


def _start(word: Lexeme) -> int:
    return word.start_pos


def _moved(comparison: Comparison, by: int) -> Comparison:
    """The same comparison further behind, or before."""
    path, operands = comparison.path, tuple([_moved_operand(each, by) for each in comparison.operands])
    moved = Path(path.parts, _further(path.origin, by))
    return Comparison(moved, comparison.operator, operands, _further(comparison.origin, by))


def _moved_operand(operand: Operand, by: int) -> Operand:
    origin = _further(operand.origin, by)
    if isinstance(operand, Text):
        return Text(operand.value, origin, operand.plain)
    return replace(operand, origin=origin)


def _further(origin: Any, by: int) -> Span:
    return Span(origin.start + by, origin.end + by)
