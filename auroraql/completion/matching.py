"""Matching of typed text against groups of names: by prefix, part, letters in order, or with one typo.

All names are searched as one text, so a search of 10,000 names takes about a millisecond. A group knows which part of
the typed text it completes, and how a chosen name is written.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from auroraql.language import grammar
from auroraql.language.printer import quote_name

PREFIX, WORD, INSIDE, LETTERS, TYPO = range(5)
"""Quality of a match, best first: prefix, start of a word, substring, letters in order, one typo."""

_SHORTEST_SLIP = 3
_SMALL_VOCABULARY = 500
"""Vocabularies smaller than this are searched for a substring of a single letter."""

_MAX_PATTERN_LENGTH = 60
"""Longer texts are only searched as prefix and substring, since the patterns would be slow."""


class NamedItem(NamedTuple):
    """A name and a short description."""

    text: str
    doc: str = ""


class Vocabulary:
    """Names in the order in which they are offered, prepared for repeated searches.

    `describe` returns the description of a name that has none. It is called only for names that match.
    """

    def __init__(self, items: Iterable[NamedItem], describe: Callable[[str], str] = lambda _name: "") -> None:
        self.items = tuple(items)
        self._describe = describe

    def prepare(self, described: int) -> None:
        """Build the index and describe the first `described` names, so that the first search is fast."""
        for _ in self.matches("\n", described):
            pass
        for _ in self.matches("", described):
            pass

    @cached_property
    def _lines(self) -> tuple[str, list[int]]:
        """All names, case-folded, as one text in which a line feed precedes each; and the offset of each name."""
        folded = ["\n" + item.text.casefold().replace("\n", " ") for item in self.items]
        return "".join(folded), [0, *accumulate(map(len, folded[:-1]))]

    def matches(self, typed: str, most: int, *, loose: bool = True) -> Iterator[tuple[int, NamedItem]]:
        """Yield up to `most` names that match, best first, each with the quality of its match.

        Without `loose`, only prefixes and starts of words match.
        """
        if not typed:
            yield from ((PREFIX, self._add_description(item)) for item in self.items[:most])
            return
        folded = typed.casefold().replace("\n", " ")
        seen: dict[int, int] = {}
        for find in (self._prefix_matches, self._part_matches, self._letter_matches, self._typo_matches)[
            : 4 if loose else 2
        ]:
            for quality, position in find(folded):
                seen.setdefault(position, quality)
                if len(seen) >= most:
                    break
            if len(seen) >= most or (find == self._letter_matches and seen):
                break
        ranked = sorted((quality, position) for position, quality in seen.items() if loose or quality <= WORD)
        yield from ((quality, self._add_description(self.items[position])) for quality, position in ranked)

    def _prefix_matches(self, typed: str) -> Iterator[tuple[int, int]]:
        return ((PREFIX, self._line(at)) for at in self._part_offsets("\n" + typed))

    def _part_matches(self, typed: str) -> Iterator[tuple[int, int]]:
        text, _ = self._lines
        for at in self._part_offsets(typed) if len(typed) > 1 or len(self.items) < _SMALL_VOCABULARY else ():
            before = text[at - 1]
            yield WORD if before == "_" or not before.isalnum() else INSIDE, self._line(at)

    def _letter_matches(self, typed: str) -> Iterator[tuple[int, int]]:
        """Yield the names that contain the typed letters in order."""
        if 1 < len(typed) <= _MAX_PATTERN_LENGTH:
            # Each class excludes the next letter, so the pattern never backtracks.
            letters = "".join(rf"[^\n{re.escape(letter)}]*{re.escape(letter)}" for letter in typed)
            yield from ((LETTERS, self._line(match.start())) for match in re.finditer(rf"\n{letters}", self._lines[0]))

    def _typo_matches(self, typed: str) -> Iterator[tuple[int, int]]:
        if _SHORTEST_SLIP <= len(typed) <= _MAX_PATTERN_LENGTH:
            yield from (
                (TYPO, self._line(match.start())) for match in re.finditer(rf"\n{_typo_pattern(typed)}", self._lines[0])
            )

    def _part_offsets(self, part: str) -> Iterator[int]:
        """Yield the offset of the first occurrence of a part in each name."""
        text, _ = self._lines
        offset = text.find(part)
        while offset >= 0:
            yield offset
            end = text.find("\n", offset + 1)
            offset = text.find(part, end) if end >= 0 else -1

    def _line(self, at: int) -> int:
        return bisect_right(self._lines[1], at) - 1

    def _add_description(self, item: NamedItem) -> NamedItem:
        return item if item.doc else NamedItem(item.text, self._describe(item.text))


def _typo_pattern(typed: str) -> str:
    """Return a pattern for names that begin as typed, apart from one typo.

    A typo is a letter replaced, added, left out, or swapped with the next one.
    """
    pattern = rf"(?:[^\n]|{re.escape(typed[-1])})"
    for at in range(len(typed) - 2, -1, -1):
        here, there, rest = re.escape(typed[at]), re.escape(typed[at + 1]), re.escape(typed[at + 2 :])
        after = re.escape(typed[at + 1 :])
        pattern = rf"(?:{here}{pattern}|{there}{here}{rest}|[^\n]{after}|[^\n]{here}{after}|{after})"
    return pattern


_CLOSING = {"“": "”", "‘": "’", "„": "”", "‚": "’"}
_ENDS = {"”": '“”‟"', "’": "‘’‛'"}
"""Characters that end a text in typographic quotes, so they cannot occur in it."""
_NONE = frozenset(("",))
_QUOTES = {
    "name": frozenset(("", "`")),
    "value": frozenset(("", "'", '"', *"‘’‚‛“”„‟")),
    "sql": frozenset(("", '"')),
}
"""Opening quotes that each form of name accepts."""
_IN_SQL = re.compile(r"[a-z_][a-z0-9_]*")
"""Names that DuckDB reads without quotes, apart from its reserved words."""


@dataclass(frozen=True, slots=True)
class NameGroup:
    """Names that are written in one form.

    `form` is keyword, name, value, number, parameter, operator or sql. Names in `but` are already present and are not
    offered again.
    """

    names: Vocabulary
    form: str = "name"
    but: frozenset[str] = frozenset()

    @property
    def is_name(self) -> bool:
        """Whether the parser could read the name as a keyword of the same spelling."""
        return self.form == "name"

    def typed_part(self, text: str, quote: str) -> str | None:
        """Return the part of `text` that completes a name of this group, or None when the group does not fit."""
        if self.form == "parameter":
            return text.removeprefix("$") if not quote else None
        if text[:1].isdecimal() and not quote and self.form != "number":
            return None
        return text if quote in _QUOTES.get(self.form, _NONE) and not text.startswith("$") else None

    def write_name(self, name: str, quote: str) -> str:
        """Return the name as the statement writes it, in the open quote `quote`."""
        match self.form:
            case "name":
                return quote_name(name) if quote == "`" or not is_plain(name) else name
            case "value":
                return _quote_name(name, quote or "'")
            case "parameter":
                return f"${name}"
            case "sql":
                return name if not quote and _IN_SQL.fullmatch(name) else '"' + name.replace('"', '""') + '"'
            case _:
                return name


def _quote_name(name: str, opening: str) -> str:
    """Return a text in the open quote, or in plain quotes when it cannot be written in that one."""
    closing = _CLOSING.get(opening, opening)
    if closing == opening or any(end in name for end in _ENDS[closing]):
        closing = opening = "'" if closing in _ENDS else opening
        return opening + name.replace(closing, closing * 2) + closing
    return opening + name + closing


def is_plain(name: str) -> bool:
    """Return whether a name needs no quotes."""
    return re.fullmatch(grammar.terminal_pattern("NAME"), name) is not None


def make_items(items: Iterable[NamedItem | str]) -> Vocabulary:
    """Return a vocabulary of names, with or without descriptions."""
    return Vocabulary(item if isinstance(item, NamedItem) else NamedItem(item) for item in items)
