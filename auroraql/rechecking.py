"""What is to be said of a script while it is typed: the same as `check` says, looked for again only where it changed.

A statement is a text of its own here, with places counted from its beginning, so that one before it can grow. Invariant:
what is remembered is only ever what a check of the same statement, after the same others, would say again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

from auroraql.errors import Diagnostic, Source, StatementError
from auroraql.forms import script
from auroraql.forms.pieces import Piece, cut, end_of_wrong, next_start
from auroraql.preparing import NOTHING, Prepared, Preparing, Standing, wrong_or_questioned
from auroraql.schema.catalogue import Catalogue

_SOON = timedelta(minutes=1)
"""How long NOW may be taken for what it was."""

Diagnostics = tuple[Diagnostic, ...]

_Statement = tuple[str, Piece]
"""The text of a statement, and the piece that it is of itself."""

_Change = tuple[str, object, object]
"""What a statement changes in what is known for the next: of which table, which name, and what it is now or _GONE."""

_GONE = object()

_Changes = tuple[_Change, ...]


@dataclass(slots=True)
class _Outcome:
    """What was said of a statement, and what it changed."""

    changes: _Changes
    said: Diagnostics


class _LoggedDict(dict[Any, Any]):
    """A table that logs what is changed in it, so that one statement costs no copy of what all others made known."""

    def __init__(self, name: str, begun: dict[Any, Any], log: list[_Change]) -> None:
        super().__init__(begun)
        self._name, self._log = name, log

    def __setitem__(self, key: object, value: object) -> None:
        self._log.append((self._name, key, value))
        super().__setitem__(key, value)

    def pop(self, key: object, *missing: Any) -> Any:
        """Remove a name, and log it."""
        self._log.append((self._name, key, _GONE))
        return super().pop(key, *missing)


class _LoggedSet(set[Any]):
    """The same for a set."""

    def __init__(self, name: str, begun: set[Any], log: list[_Change]) -> None:
        super().__init__(begun)
        self._name, self._log = name, log

    def add(self, key: object) -> None:
        """Add a name, and log it."""
        self._log.append((self._name, key, None))
        super().add(key)


class Rechecking:
    """Check one script again and again while it is typed; a statement that is as it was is not looked at again."""

    def __init__(self) -> None:
        self._read: dict[_Statement, script.Read | Diagnostics] = {}
        self._outcomes: dict[tuple[int, _Statement], _Outcome] = {}
        self._following: dict[int, list[tuple[_Changes, int]]] = {}
        """Of a number for what is known: the numbers of what is known after some changes."""
        self._numbers = 0
        self._known: tuple[Catalogue, datetime, Standing] | None = None

    def check(self, text: str, catalogue: Catalogue, standing: Standing = NOTHING) -> Diagnostics:
        """What is to be said of it, errors and warnings; a parameter without a value is no fault of a script."""
        preparing = Preparing(catalogue, {}, None, standing, checking=True)
        known = self._known
        if (
            known is None
            or known[0] is not catalogue
            or preparing.now - known[1] > _SOON
            or (known[2] is not standing and known[2] != standing)
        ):
            self._known, self._outcomes, self._following = (catalogue, preparing.now, standing), {}, {}
        return tuple(self._said(text, self._statements(text), preparing))

    def _statements(self, text: str) -> Iterator[tuple[int, _Statement | int, script.Read | Diagnostics]]:
        """Yield each statement with its place, and as it is read or what is wrong with it.

        Where one cannot be told from the next, the place where it ends replaces its text.
        """
        kept: dict[_Statement, script.Read | Diagnostics] = {}
        end = 0
        for piece in cut(text):
            if isinstance(piece, Diagnostic):
                begin = next_start(text, end)
                end = end_of_wrong(text, begin)
                yield begin, end, (piece,)
                continue
            end = piece.end
            statement = text[piece.start : piece.end], _alone(piece)
            read = kept[statement] = kept.get(statement) or self._read.get(statement) or _read_alone(*statement)
            yield piece.start, statement, read
        self._read = kept

    def _said(
        self,
        text: str,
        statements: Iterable[tuple[int, _Statement | int, script.Read | Diagnostics]],
        preparing: Preparing,
    ) -> Iterator[Diagnostic]:
        kept: dict[tuple[int, _Statement], _Outcome] = {}
        following: dict[int, list[tuple[_Changes, int]]] = {}
        log = _logged(preparing)
        state = 0
        for place, statement, read in statements:
            if isinstance(statement, int):
                log.clear()
                unread = script.Unread(StatementError(cast("Diagnostics", read)), place, statement)
                yield from wrong_or_questioned(preparing.unread(unread, Source(text)))
                state = self._next_state(state, tuple(log), following)
                continue
            outcome = kept.get((state, statement)) or self._outcomes.get((state, statement))
            if outcome is None:
                log.clear()
                said = _said(read, statement[0], preparing)
                outcome = _Outcome(tuple(log), said)
            else:
                for table, name, value in outcome.changes:
                    _apply(getattr(preparing, table), name, value)
            kept[state, statement] = outcome
            state = self._next_state(state, outcome.changes, following)
            yield from (each.moved(place) for each in outcome.said)
        self._outcomes, self._following = kept, following

    def _next_state(self, state: int, changes: _Changes, following: dict[int, list[tuple[_Changes, int]]]) -> int:
        """The number of what is known after some changes: equal changes lead from one number to one number."""
        if not changes:
            return state
        numbered = following.setdefault(state, [])
        earlier = (*numbered, *self._following.get(state, ()))
        number = next((number for known, number in earlier if known == changes), None)
        if number is None:
            self._numbers += 1
            number = self._numbers
        if (changes, number) not in numbered:
            numbered.append((changes, number))
        return number


def _logged(preparing: Preparing) -> list[_Change]:
    """The log of everything that it learns from statements for those after them."""
    log: list[_Change] = []
    for name, value in vars(preparing).items():
        if isinstance(value, dict):
            setattr(preparing, name, _LoggedDict(name, value, log))
        elif isinstance(value, set) and name != "used":
            setattr(preparing, name, _LoggedSet(name, value, log))
    return log


def _apply(table: Any, name: object, value: object) -> None:
    if isinstance(table, set):
        table.add(name)
    elif value is _GONE:
        table.pop(name, None)
    else:
        table[name] = value


def _read_alone(text: str, piece: Piece) -> script.Read | Diagnostics:
    try:
        return script.read_piece(text, piece)
    except StatementError as error:
        return error.diagnostics


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


def _alone(piece: Piece) -> Piece:
    """The piece as it is when its text stands alone."""
    return replace(piece, start=0, end=piece.end - piece.start, body=max(piece.body - piece.start, 0), ended=False)
