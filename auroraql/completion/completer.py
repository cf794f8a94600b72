"""The completer: it ranks the names of every group that fits at the cursor."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from auroraql.completion.candidates import find_candidates, sql_candidates
from auroraql.completion.context import CompletionContext
from auroraql.completion.cursor import Cursor, CursorFinder, WordReader
from auroraql.completion.matching import NameGroup
from auroraql.language.ast import Token
from auroraql.language.printer import quote_name

_SEVERAL_WORDS = re.compile(r"[=<>(,]\s*([^\W\d][\w/.-]*(?: [\w/.-]+)* [\w/.-]*)\Z")
_MAX_VALUE_LENGTH = 100
"""Longest value of several words, in characters."""

MAX_CANDIDATES = 100
"""Largest number of candidates that are returned."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One candidate: `text` replaces everything from offset `start` to the cursor.

    `shown` is the name in the menu and `doc` a short description.
    """

    text: str
    start: int
    shown: str
    doc: str = ""


class Completer:
    """Completer of one text that is being typed. It caches the parser state between keys."""

    def __init__(self, reader: WordReader | None = None) -> None:
        self._reader, self._finder = reader or WordReader(), CursorFinder()
        self._groups_key: tuple[CompletionContext, str, str] | None = None
        self._without_quotes: Completer | None = None
        self._following_words: tuple[str, Sequence[Token]] = ("", ())
        self._groups: tuple[tuple[NameGroup, ...], frozenset[str]] = ((), frozenset())

    def complete(self, text: str, cursor: int, known: CompletionContext, *, loose: bool = True) -> list[Completion]:
        """Return at most 100 candidates for the cursor position, best first.

        Arguments:
            text: The whole text, which may hold several statements.
            cursor: Offset of the cursor in `text`.
            known: Names of the catalogue and of the session.
            loose: Match names by their letters in order and with one typo, too.

        Every candidate is a token that the parser accepts at the cursor. The list is empty in a comment, right after a
        closed quote, in query JSON and in a describe sentence. Raises UsageError when the grammar file is missing.
        """
        place = self._finder.locate(text, cursor)
        if place is None or place.form in ("json", "sentence"):
            return []
        if place.form == "sql":
            return _rank_candidates(place, sql_candidates(place, known), frozenset(), loose)
        candidates = _rank_candidates(place, *self._fitting_groups(place, known), loose)
        return [*self._multi_word_values(place, known), *candidates][:MAX_CANDIDATES]

    def _multi_word_values(self, place: Cursor, context: CompletionContext) -> Iterator[Completion]:
        """Yield the values that begin with all the words typed after an operator, such as `platform = fort sm`.

        The user left out the quotes. The candidate adds them.
        """
        typed = _SEVERAL_WORDS.search(place.text, max(place.begin, place.cursor - _MAX_VALUE_LENGTH), place.cursor)
        if typed is None or place.quote:
            return
        if self._without_quotes is None:
            self._without_quotes = Completer(self._reader)
        longer = replace(place, start=typed.start(1))
        values = (group for group in self._without_quotes._fitting_groups(longer, context)[0] if group.form == "value")
        for candidate in _rank_candidates(longer, values, frozenset(), loose=False):
            if candidate.shown.casefold().startswith(longer.typed_text.casefold()):
                yield candidate

    def _fitting_groups(
        self, place: Cursor, context: CompletionContext
    ) -> tuple[tuple[NameGroup, ...], frozenset[str]]:
        """Return the groups that fit, and the keywords that may come next. Cache both while one word is typed."""
        key = (context, place.text[place.begin : place.start], place.text[place.rest :])
        if self._groups_key is None or self._groups_key[0] is not context or self._groups_key[1:] != key[1:]:
            trail, survey = self._reader.read(place)
            scope = survey.scope
            survey.read(self._words_after_cursor(place))
            self._groups = tuple(find_candidates(trail, scope, survey, context)), trail.accepted_terminals()
            self._groups_key = key
        return self._groups

    def _words_after_cursor(self, place: Cursor) -> Sequence[Token]:
        """Return the words after the cursor. Cache them while the text before the cursor changes."""
        after = place.text[place.rest :]
        if after != self._following_words[0]:
            self._following_words = after, place.words_after()
        return self._following_words[1]


def _rank_candidates(
    place: Cursor, groups: Iterable[NameGroup], keywords: frozenset[str], loose: bool
) -> list[Completion]:
    """Return the best candidates of all groups, ordered by match quality and then by group."""
    ranked: list[tuple[int, int, Completion]] = []
    seen: set[str] = set()
    for group_order, group in enumerate(groups):
        typed = group.typed_part(place.typed_text, place.quote)
        if typed is None:
            continue
        for match, item in group.names.matches(typed, MAX_CANDIDATES, loose=loose and group.form != "number"):
            if item.text in group.but:
                continue
            replacement = group.write_name(item.text, place.quote)
            if group.is_name and item.text.upper() in keywords and replacement == item.text:
                replacement = quote_name(item.text)
            if replacement not in seen and replacement.endswith(place.closing):
                seen.add(replacement)
                replacement = replacement.removesuffix(place.closing)
                ranked.append((match, group_order, Completion(replacement, place.start, item.text, item.doc)))
    ranked.sort(key=lambda row: row[:2])
    return [completion for _, _, completion in ranked[:MAX_CANDIDATES]]
