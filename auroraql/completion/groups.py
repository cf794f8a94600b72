"""Groups of names of one sort: what is typed of one, and how it is written where it is chosen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from auroraql.completion.matching import Item, Vocabulary
from auroraql.forms import grammar
from auroraql.forms.text.layout import quote_name

_CLOSING = {"“": "”", "‘": "’", "„": "”", "‚": "’"}
_ENDS = {"”": '“”‟"', "’": "‘’‛'"}
"""What ends a text in quotes as word processors set them, and so cannot stand in it."""
_NONE = frozenset(("",))
_QUOTES = {
    "name": frozenset(("", "`")),
    "value": frozenset(("", "'", '"', *"‘’‚‛“”„‟")),
    "sql": frozenset(("", '"')),
}
"""The quotes in which names of a form are written."""
_IN_SQL = re.compile(r"[a-z_][a-z0-9_]*")
"""What DuckDB takes for a name without quotes, unless it is one of its words."""


@dataclass(frozen=True, slots=True)
class Group:
    """Names of one sort: `form` is how they are written, as keyword, name, value, number, parameter, or in SQL.

    Those of `but` stand there already.
    """

    names: Vocabulary
    form: str = "name"
    but: frozenset[str] = frozenset()

    @property
    def is_name(self) -> bool:
        """Whether a keyword of the same spelling would be read in its place."""
        return self.form == "name"

    def typed(self, text: str, quote: str) -> str | None:
        """What is typed of one of these names; None where none of them can stand."""
        if self.form == "parameter":
            return text.removeprefix("$") if not quote else None
        if text[:1].isdecimal() and not quote and self.form != "number":
            return None
        return text if quote in _QUOTES.get(self.form, _NONE) and not text.startswith("$") else None

    def written(self, name: str, quote: str) -> str:
        """The name as a statement writes it, in the quote that is open."""
        match self.form:
            case "name":
                return quote_name(name) if quote == "`" or not is_plain(name) else name
            case "value":
                return _quoted(name, quote or "'")
            case "parameter":
                return f"${name}"
            case "sql":
                return name if not quote and _IN_SQL.fullmatch(name) else '"' + name.replace('"', '""') + '"'
            case _:
                return name


def _quoted(name: str, opening: str) -> str:
    """A text in the quote that is open, or in plain ones where it could not stand in that."""
    closing = _CLOSING.get(opening, opening)
    if closing == opening or any(each in name for each in _ENDS[closing]):
        closing = opening = "'" if closing in _ENDS else opening
        return opening + name.replace(closing, closing * 2) + closing
    return opening + name + closing


def is_plain(name: str) -> bool:
    """Whether a name can be written as it is."""
    return re.fullmatch(grammar.pattern("NAME"), name) is not None


def made(items: Iterable[Item | str]) -> Vocabulary:
    """Names, some of which come with a few words about them."""
    return Vocabulary(item if isinstance(item, Item) else Item(item) for item in items)
