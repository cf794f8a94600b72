"""The candidates at a place: from every group of names that fits there, the best matches of what is typed first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from auroraql.completion.groups import Group
from auroraql.completion.in_sql import sql_offers
from auroraql.completion.known import Known
from auroraql.completion.offers import offers
from auroraql.completion.place import Finder, Place, Reader
from auroraql.forms.text.layout import quote_name
from auroraql.forms.text.lexeme import Lexeme

_SEVERAL_WORDS = re.compile(r"[=<>(,]\s*([^\W\d][\w/.-]*(?: [\w/.-]+)* [\w/.-]*)\Z")
_LONGEST = 100
"""Characters of a value over several words."""

MOST = 100
"""No menu is longer."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What would replace the text from `start` to the cursor; `shown` is the name in the menu, `doc` what it is."""

    text: str
    start: int
    shown: str
    doc: str = ""


class Completer:
    """Completes one text that grows: what was read of it is kept from one key to the next."""

    def __init__(self) -> None:
        self._reader, self._finder = Reader(), Finder()
        self._at: tuple[Known, str, str] | None = None
        self._without_quotes: Completer | None = None
        self._behind: tuple[str, Sequence[Lexeme]] = ("", ())
        self._groups: tuple[tuple[Group, ...], frozenset[str]] = ((), frozenset())

    def complete(self, text: str, cursor: int, known: Known, *, loose: bool = True) -> list[Completion]:
        """What may stand at the cursor, best first, at most 100. `loose` finds names by their letters and with slips.

        Whatever is offered is accepted by the parser there. Raises UsageError where the grammar is missing.
        """
        place = self._finder.locate(text, cursor)
        if place is None or place.form in ("json", "sentence"):
            return []
        if place.form == "sql":
            return _ranked(place, sql_offers(place, known), frozenset(), loose)
        found = _ranked(place, *self._offered(place, known), loose)
        return [*self._of_several_words(place, known), *found][:MOST]

    def _of_several_words(self, place: Place, known: Known) -> Iterator[Completion]:
        """Values that begin with all the words typed behind an operator: `platform = fort sm` lacks its quotes."""
        typed = _SEVERAL_WORDS.search(place.text, max(place.begin, place.cursor - _LONGEST), place.cursor)
        if typed is None or place.quote:
            return
        if self._without_quotes is None:
            self._without_quotes = Completer()
        longer = replace(place, start=typed.start(1))
        values = (group for group in self._without_quotes._offered(longer, known)[0] if group.form == "value")
        for each in _ranked(longer, values, frozenset(), loose=False):
            if each.shown.casefold().startswith(longer.typed.casefold()):
                yield each

    def _offered(self, place: Place, known: Known) -> tuple[tuple[Group, ...], frozenset[str]]:
        """The groups that fit and the keywords that may come, which stay the same while one word is typed."""
        at = (known, place.text[place.begin : place.start], place.text[place.rest :])
        if self._at is None or self._at[0] is not known or self._at[1:] != at[1:]:
            trail, survey = self._reader.read(place)
            scope = survey.scope
            survey.read(self._words_behind(place))
            self._groups = tuple(offers(trail, scope, survey, known)), trail.accepts()
            self._at = at
        return self._groups

    def _words_behind(self, place: Place) -> Sequence[Lexeme]:
        """The words behind the cursor, which stay the same while something is typed before them."""
        behind = place.text[place.rest :]
        if behind != self._behind[0]:
            self._behind = behind, place.words_behind()
        return self._behind[1]


def _ranked(place: Place, groups: Iterable[Group], keywords: frozenset[str], loose: bool) -> list[Completion]:
    found: list[tuple[int, int, Completion]] = []
    seen: set[str] = set()
    for order, group in enumerate(groups):
        typed = group.typed(place.typed, place.quote)
        if typed is None:
            continue
        for how, item in group.names.matches(typed, MOST, loose=loose and group.form != "number"):
            if item.text in group.but:
                continue
            written = group.written(item.text, place.quote)
            if group.is_name and item.text.upper() in keywords and written == item.text:
                written = quote_name(item.text)
            if written not in seen and written.endswith(place.closing):
                seen.add(written)
                written = written.removesuffix(place.closing)
                found.append((how, order, Completion(written, place.start, item.text, item.doc)))
    found.sort(key=lambda each: each[:2])
    return [completion for _, _, completion in found[:MOST]]
