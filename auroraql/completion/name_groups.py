"""Groups of candidates: which part of the typed text a group completes, and how a chosen name is written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from auroraql.completion.matching import NamedItem, Vocabulary
from auroraql.language import grammar
from auroraql.language.printer import quote_name

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
