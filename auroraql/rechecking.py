"""What is to be said of a script while it is typed: the same as `check` says, looked for again only where it changed.

A statement is a text of its own here, with places counted from its beginning, so that one before it can grow. Invariant:
what is remembered is only ever what a check of the same statement, after the same others, would say again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

from auroraql.errors import Diagnostic, Source, StatementError
from auroraql.forms import script
from auroraql.forms.pieces import Piece, Stops, cut, end_of_wrong
from auroraql.forms.text.memory import Memory
from auroraql.preparing import NOTHING, Prepared, Preparing, Standing, wrong_or_questioned
from auroraql.resolver.remembering import Remembered
from auroraql.schema.catalogue import Catalogue
from auroraql.spelling import alike

_SOON = timedelta(minutes=1)
"""How long NOW may be taken for what it was."""

Diagnostics = tuple[Diagnostic, ...]

_Statement = tuple[str, Piece]
"""The text of a statement, and the piece that it is of itself."""

_State = dict[str, Any]
"""What is known of results before a statement, or behind it."""


@dataclass(slots=True)
class _Outcome:
    """What was said of a statement, what was known before it, and what is known behind it."""

    before: _State
    behind: _State
    said: Diagnostics


@dataclass(slots=True)
class _Cut:
    """A text that was cut into its statements."""

    text: str = ""
    pieces: list[Piece | Diagnostic] = field(default_factory=list)
    stops: Stops = field(default_factory=Stops)

    def again(self, text: str) -> list[Piece | Diagnostic]:
        """The pieces of another text: those that were closed where it is still the same, and the rest cut anew."""
        same, at = alike(text, self.text), 0
        for number, piece in enumerate(self.pieces):
            if isinstance(piece, Diagnostic) or piece.end >= same:
                break
            if text[piece.end] == ";":
                at = number + 1
        kept = self.pieces[:at]
        begin = kept[-1].end if kept and isinstance(kept[-1], Piece) else 0
        self.stops.keep(same)
        self.text, self.pieces = text, [*kept, *cut(text, begin, self.stops)]
        return self.pieces


class Rechecking:
    """Checks one script again and again, as a session stands."""

    def __init__(self) -> None:
        self._cut, self._memory, self._remembered = _Cut(), Memory(), Remembered()
        self._read: dict[_Statement, script.Read | Diagnostics] = {}
        self._outcomes: dict[_Statement, _Outcome] = {}
        self._known: tuple[Catalogue, datetime] | None = None

    def check(self, text: str, catalogue: Catalogue, standing: Standing = NOTHING) -> Diagnostics:
        """What is to be said of it, errors and warnings; a parameter without a value is no fault of a script."""
        preparing = Preparing(catalogue, {}, None, standing, checking=True, remembered=self._remembered)
        known = self._known
        if known is None or known[0] is not catalogue or preparing.now - known[1] > _SOON:
            self._known, self._outcomes = (catalogue, preparing.now), {}
        return tuple(self._said(text, self._statements(text, self._cut.again(text)), preparing))

    def _statements(
        self, text: str, pieces: Iterable[Piece | Diagnostic]
    ) -> Iterator[tuple[int, _Statement | int, script.Read | Diagnostics]]:
        """Yield each statement with its place, and as it is read or what is wrong with it.

        Where one cannot be told from the next, the place where it ends stands for its text.
        """
        kept: dict[_Statement, script.Read | Diagnostics] = {}
        end = 0
        for piece in pieces:
            if isinstance(piece, Diagnostic):
                begin, end = end, end_of_wrong(text, end)
                yield begin, end, (piece,)
                continue
            end = piece.end
            statement = text[piece.start : piece.end], _alone(piece)
            read = kept[statement] = self._read.get(statement) or self._read_anew(*statement)
            yield piece.start, statement, read
        self._read = kept

    def _read_anew(self, text: str, piece: Piece) -> script.Read | Diagnostics:
        try:
            return script.read_piece(text, piece, self._memory)
        except StatementError as error:
            return error.diagnostics

    def _said(
        self,
        text: str,
        statements: Iterable[tuple[int, _Statement | int, script.Read | Diagnostics]],
        preparing: Preparing,
    ) -> Iterator[Diagnostic]:
        kept: dict[_Statement, _Outcome] = {}
        begun = False
        for place, statement, read in statements:
            if isinstance(statement, int):
                unread = script.Unread(StatementError(cast("Diagnostics", read)), place, statement)
                yield from wrong_or_questioned(preparing.unread(unread, Source(text)))
                continue
            before = _state(preparing)
            outcome = self._outcomes.get(statement)
            if outcome is None or outcome.before != before:
                if not begun:
                    self._remembered.begin()
                    begun = True
                said = _said(read, statement[0], preparing)
                outcome = _Outcome(before, _state(preparing), said)
            else:
                vars(preparing).update({name: copy(value) for name, value in outcome.behind.items()})
            kept[statement] = outcome
            yield from (each.moved(place) for each in outcome.said)
        self._outcomes = kept


def _said(read: script.Read | Diagnostics, text: str, preparing: Preparing) -> Diagnostics:
    if isinstance(read, tuple):
        unread = script.Unread(StatementError(read), 0, len(text))
        return tuple(wrong_or_questioned(preparing.unread(unread, Source(text))))
    if read.form == "sql" and "auroraql.sql_limits" not in sys.modules:
        # Nothing reads SQL but DuckDB, which is loaded with the first result, and not for a check.
        return ()
    outcome = preparing.outcome(read, Source(text))
    if isinstance(outcome, Prepared):
        return outcome.warnings
    return tuple(wrong_or_questioned(outcome))


def _state(preparing: Preparing) -> _State:
    """All that it learns from one statement for the next."""
    return {name: copy(value) for name, value in vars(preparing).items() if isinstance(value, dict | set)}


def _alone(piece: Piece) -> Piece:
    """The piece as it is when its text stands alone."""
    return replace(piece, start=0, end=piece.end - piece.start, body=max(piece.body - piece.start, 0), ended=False)
