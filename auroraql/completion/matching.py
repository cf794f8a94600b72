"""Which of many names someone may mean by what they have typed of one: by its beginning, its letters, or with a slip.

Names are searched as one text, so that 10,000 of them take about a millisecond.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

PREFIX, WORD, INSIDE, LETTERS, SLIP = range(5)
"""How a name was found, best first: its beginning, that of a word of it, anywhere, letter by letter, one letter off."""

_SHORTEST_SLIP = 3
_FEW = 500
"""Names of which even one letter is looked for everywhere."""

_LONGEST = 60
"""Longer beginnings are only looked for as they are."""


class Item(NamedTuple):
    """A name and a few words about it."""

    text: str
    doc: str = ""


class Vocabulary:
    """Names that are looked through again and again, in the order in which they are offered.

    `describe` tells what a name is that comes without words about it, when it is found.
    """

    def __init__(self, items: Iterable[Item], describe: Callable[[str], str] = lambda _name: "") -> None:
        self.items = tuple(items)
        self._describe = describe

    def prepare(self, described: int) -> None:
        """Does now what the first look would do, with the words about the first names."""
        for _ in self.matches("\n", described):
            pass
        for _ in self.matches("", described):
            pass

    @cached_property
    def _lines(self) -> tuple[str, list[int]]:
        """The names as one text, folded, each behind a line feed, and where each begins."""
        folded = ["\n" + item.text.casefold().replace("\n", " ") for item in self.items]
        return "".join(folded), [0, *accumulate(map(len, folded[:-1]))]

    def matches(self, typed: str, most: int, *, loose: bool = True) -> Iterator[tuple[int, Item]]:
        """Up to `most` of the names, best first, with how each was found; `loose` is more than by beginnings."""
        if not typed:
            yield from ((PREFIX, self._described(item)) for item in self.items[:most])
            return
        folded = typed.casefold().replace("\n", " ")
        seen: dict[int, int] = {}
        for find in (self._beginnings, self._parts, self._letters, self._slips)[: 4 if loose else 2]:
            for how, at in find(folded):
                seen.setdefault(at, how)
                if len(seen) >= most:
                    break
            if len(seen) >= most or (find == self._letters and seen):
                break
        found = sorted((how, at) for at, how in seen.items() if loose or how <= WORD)
        yield from ((how, self._described(self.items[at])) for how, at in found)

    def _beginnings(self, typed: str) -> Iterator[tuple[int, int]]:
        return ((PREFIX, self._line(at)) for at in self._places("\n" + typed))

    def _parts(self, typed: str) -> Iterator[tuple[int, int]]:
        text, _ = self._lines
        for at in self._places(typed) if len(typed) > 1 or len(self.items) < _FEW else ():
            before = text[at - 1]
            yield WORD if before == "_" or not before.isalnum() else INSIDE, self._line(at)

    def _letters(self, typed: str) -> Iterator[tuple[int, int]]:
        """Names with the letters in their order."""
        if 1 < len(typed) <= _LONGEST:
            # Each class leaves out the letter that follows, so that nothing is tried twice.
            letters = "".join(rf"[^\n{re.escape(c)}]*{re.escape(c)}" for c in typed)
            yield from ((LETTERS, self._line(m.start())) for m in re.finditer(rf"\n{letters}", self._lines[0]))

    def _slips(self, typed: str) -> Iterator[tuple[int, int]]:
        if _SHORTEST_SLIP <= len(typed) <= _LONGEST:
            yield from ((SLIP, self._line(m.start())) for m in re.finditer(rf"\n{_one_off(typed)}", self._lines[0]))

    def _places(self, part: str) -> Iterator[int]:
        """Where a part stands in the text, once a line."""
        text, _ = self._lines
        at = text.find(part)
        while at >= 0:
            yield at
            end = text.find("\n", at + 1)
            at = text.find(part, end) if end >= 0 else -1

    def _line(self, at: int) -> int:
        return bisect_right(self._lines[1], at) - 1

    def _described(self, item: Item) -> Item:
        return item if item.doc else Item(item.text, self._describe(item.text))


def _one_off(typed: str) -> str:
    """What begins as typed but for one letter: another, one more, one less, or two in the wrong order."""
    made = rf"(?:[^\n]|{re.escape(typed[-1])})"
    for at in range(len(typed) - 2, -1, -1):
        here, there, rest = re.escape(typed[at]), re.escape(typed[at + 1]), re.escape(typed[at + 2 :])
        after = re.escape(typed[at + 1 :])
        made = rf"(?:{here}{made}|{there}{here}{rest}|[^\n]{after}|[^\n]{here}{after}|{after})"
    return made
