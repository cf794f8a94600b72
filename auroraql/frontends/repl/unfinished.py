"""What is wrong with a text that is being typed, and so may not be finished: the one place that knows the difference.

Invariant: no beginning of a statement is called wrong that can still be written on to a right one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from auroraql.completion import Finder
from auroraql.errors import Diagnostic, Span
from auroraql.forms.pieces import form_at
from auroraql.forms.text.lexeme import Lexeme
from auroraql.forms.text.slips import CLAUSE_STARTS
from auroraql.frontends.repl.commands import is_command, parts
from auroraql.preparing import NOTHING, Standing
from auroraql.rechecking import Rechecking
from auroraql.schema.catalogue import Catalogue

LONGEST = 100_000
"""Characters beyond which nothing is completed or checked: such a text is pasted, not typed."""

_NOT_YET = frozenset(("AQL0603", "AQL0607"))
"""What is questioned only because the statement may go on: it has no window, or no distance."""


class TypedCheck:
    """Says what is wrong with what is typed; it remembers from one key to the next."""

    def __init__(self) -> None:
        self._checks, self._finder = Rechecking(), Finder()

    def wrong(self, text: str, catalogue: Catalogue, standing: Standing = NOTHING) -> tuple[Diagnostic, ...]:
        """What is wrong with it; of what is not finished, with as much of it as makes sense."""
        if not text.strip() or len(text) > LONGEST or is_command(text):
            return ()
        # A command is no statement, and the places of the others stay the same.
        text = "".join(re.sub(r"[^\r\n]", " ", part) if is_command(part) else part for part in parts(text))
        said = self._checks.check(text, catalogue, standing)
        whole = self._finder.unfinished(text) if any(each.severity == "error" for each in said) else None
        if whole is not None:
            said = self._checks.check(whole, catalogue, standing)
        elif text.rstrip(" ").endswith("\n"):
            # Behind a blank line Enter runs it as it is, whatever it has not.
            return tuple(each for each in said if each.code in _NOT_YET or not self._goes_on(each, text))
        return tuple(each for each in said if not self._goes_on(each, text))

    def _goes_on(self, diagnostic: Diagnostic, text: str) -> bool:
        """Whether it is wrong only as far as the text goes now."""
        if diagnostic.code in _NOT_YET:
            return True
        if isinstance(diagnostic.origin, Span):
            if diagnostic.origin.end >= len(text) and _may_grow(text):
                return True
            # DuckDB blames the last word for what should follow it.
            if diagnostic.code == "AQL0409" and diagnostic.origin.end >= len(text.rstrip()):
                return True
        return bool(diagnostic.missing) and self._may_come(diagnostic, text)

    def _may_come(self, diagnostic: Diagnostic, text: str) -> bool:
        """Whether what it misses can be written behind the text."""
        begin = self._finder.begins(text)
        if not isinstance(diagnostic.origin, Span) or diagnostic.origin.start < begin:
            return False
        if form_at(text, begin + len(text[begin:]) - len(text[begin:].lstrip())) != "text":
            return True
        return may_follow(diagnostic.missing, diagnostic.origin.start - begin, self._finder.words)


def _may_grow(text: str) -> bool:
    """Whether the last word may become another."""
    return text[-1:].isalnum() or text[-1:] in ("_", "$")


def may_follow(missing: Sequence[str], place: int, words: Sequence[Lexeme]) -> bool:
    """Whether one of the clauses can be written behind the words: in the FIND that the place is in.

    That must still be open, and the clause not stand there, unless it is the last and so can go on. A mark always can.
    """
    if not missing[0].isalpha():
        return True
    scopes: list[list[str]] = [[]]
    level = 1
    for word in words:
        if word.type == "RPAR":
            if word.start_pos > place and len(scopes) == level:
                return False
            scopes.pop()
        scopes[-1].append(word.type)
        if word.type == "LPAR":
            scopes.append([])
        if word.start_pos <= place:
            level = len(scopes)
    own = scopes[level - 1]
    last = next((kind for kind in reversed(own) if kind in CLAUSE_STARTS), "")
    return any(kind not in own or kind == last for kind in missing)
