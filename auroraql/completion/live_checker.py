"""Incremental checking of a script while it is typed: as `check`, but only changed statements are analyzed again.

Each statement is cached as a text of its own with offsets from its start, so that edits before it do not invalidate it.
Invariant: a cached result equals what a new check of the same statement, after the same statements, would return.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, cast

from auroraql.codecs import script
from auroraql.diagnostics.errors import Diagnostic, Source, StatementError
from auroraql.language.splitter import StatementPiece, end_of_unbalanced, find_next_start, split_script
from auroraql.results.stored_results import StoredResult
from auroraql.schema.catalogue import Catalogue
from auroraql.session.analyzer import EMPTY_CONTEXT, AnalyzedStatement, Analyzer, SessionContext, diagnostics_of_error

_NOW_TOLERANCE = timedelta(minutes=1)
"""How long cached results may use an earlier value of NOW."""

NO_PARAMETERS: Mapping[str, object] = MappingProxyType({})

Diagnostics = tuple[Diagnostic, ...]

_Statement = tuple[str, StatementPiece]
"""A statement's text, and its piece with offsets relative to that text."""

_Change = tuple[str, object, object]
"""A change of the session state by a statement: table, name, and the new value or _GONE."""

_REMOVED = object()

_Changes = tuple[_Change, ...]


@dataclass(slots=True)
class _CheckOutcome:
    """Diagnostics of a statement, and the changes it made to the state."""

    changes: _Changes
    diagnostics: Diagnostics


class _LoggedDict(dict[Any, Any]):
    """A dict that logs its changes, so that a statement's effect is recorded without copying the state."""

    def __init__(self, name: str, initial: dict[Any, Any], log: list[_Change]) -> None:
        super().__init__(initial)
        self._name, self._log = name, log

    def __setitem__(self, key: object, value: object) -> None:
        self._log.append((self._name, key, value))
        super().__setitem__(key, value)

    def pop(self, key: object, *missing: Any) -> Any:
        """Remove a name and log it."""
        self._log.append((self._name, key, _REMOVED))
        return super().pop(key, *missing)


class _LoggedSet(set[Any]):
    """A set that logs additions."""

    def __init__(self, name: str, initial: set[Any], log: list[_Change]) -> None:
        super().__init__(initial)
        self._name, self._log = name, log

    def add(self, key: object) -> None:
        """Add a name and log it."""
        self._log.append((self._name, key, None))
        super().add(key)


class LiveChecker:
    """Checker of one script that changes. Unchanged statements come from its cache."""

    def __init__(self) -> None:
        self._parsed: dict[_Statement, script.ReadStatement | Diagnostics] = {}
        self._outcomes: dict[tuple[int, _Statement], _CheckOutcome] = {}
        self._transitions: dict[int, list[tuple[_Changes, int]]] = {}
        """Transitions between numbered states: for each state, the changes and the number of the resulting state."""
        self._state_count = 0
        self._context: tuple[Catalogue, datetime, SessionContext, Mapping[str, object]] | None = None
        self.results: Mapping[str, StoredResult] = {}
        """Results of the session and of the statements of the last checked script, by name. They have no rows."""

    def check(
        self,
        text: str,
        catalogue: Catalogue,
        standing: SessionContext = EMPTY_CONTEXT,
        parameters: Mapping[str, object] = NO_PARAMETERS,
    ) -> Diagnostics:
        """Return the errors and warnings of a script. A parameter without a value is not an error."""
        preparing = Analyzer(catalogue, parameters, None, standing, checking=True)
        context = self._context
        if (
            context is None
            or context[0] is not catalogue
            or preparing.now - context[1] > _NOW_TOLERANCE
            or (context[2] is not standing and context[2] != standing)
            or context[3] != parameters
        ):
            self._context, self._outcomes, self._transitions = (catalogue, preparing.now, standing, parameters), {}, {}
        diagnostics = tuple(self._check_incrementally(text, self._statements(text), preparing))
        self.results = preparing.stored
        return diagnostics

    def _statements(self, text: str) -> Iterator[tuple[int, _Statement | int, script.ReadStatement | Diagnostics]]:
        """Yield the offset of each statement, its cache key, and its AST or its syntax errors.

        Where the end of a statement is unclear, the offset of its end replaces the cache key.
        """
        parsed: dict[_Statement, script.ReadStatement | Diagnostics] = {}
        end = 0
        for piece in split_script(text):
            if isinstance(piece, Diagnostic):
                begin = find_next_start(text, end)
                end = end_of_unbalanced(text, begin)
                yield begin, end, (piece,)
                continue
            end = piece.end
            statement = text[piece.start : piece.end], _detached_piece(piece)
            result = parsed[statement] = parsed.get(statement) or self._parsed.get(statement) or _read_alone(*statement)
            yield piece.start, statement, result
        self._parsed = parsed

    def _check_incrementally(
        self,
        text: str,
        statements: Iterable[tuple[int, _Statement | int, script.ReadStatement | Diagnostics]],
        preparing: Analyzer,
    ) -> Iterator[Diagnostic]:
        outcomes: dict[tuple[int, _Statement], _CheckOutcome] = {}
        following: dict[int, list[tuple[_Changes, int]]] = {}
        log = _log_changes(preparing)
        state = 0
        for offset, statement, result in statements:
            if isinstance(statement, int):
                log.clear()
                unread = script.UnreadStatement(StatementError(cast("Diagnostics", result)), offset, statement)
                yield from diagnostics_of_error(preparing.diagnose_unread(unread, Source(text)))
                state = self._next_state(state, tuple(log), following)
                continue
            outcome = outcomes.get((state, statement)) or self._outcomes.get((state, statement))
            if outcome is None:
                log.clear()
                diagnostics = _check_statement(result, statement[0], preparing)
                outcome = _CheckOutcome(tuple(log), diagnostics)
            else:
                for table, name, value in outcome.changes:
                    _apply(getattr(preparing, table), name, value)
            outcomes[state, statement] = outcome
            state = self._next_state(state, outcome.changes, following)
            yield from (diagnostic.shifted_by(offset) for diagnostic in outcome.diagnostics)
        self._outcomes, self._transitions = outcomes, following

    def _next_state(self, state: int, changes: _Changes, following: dict[int, list[tuple[_Changes, int]]]) -> int:
        """Return the number of the state after some changes. Equal changes of one state lead to the same number."""
        if not changes:
            return state
        numbered = following.setdefault(state, [])
        earlier = (*numbered, *self._transitions.get(state, ()))
        number = next((number for transition, number in earlier if transition == changes), None)
        if number is None:
            self._state_count += 1
            number = self._state_count
        if (changes, number) not in numbered:
            numbered.append((changes, number))
        return number


def _log_changes(preparing: Analyzer) -> list[_Change]:
    """Replace the tables of the analyzer by logging ones, and return their log."""
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
    elif value is _REMOVED:
        table.pop(name, None)
    else:
        table[name] = value


def _read_alone(text: str, piece: StatementPiece) -> script.ReadStatement | Diagnostics:
    try:
        return script.read_piece(text, piece)
    except StatementError as error:
        return error.diagnostics


def _check_statement(result: script.ReadStatement | Diagnostics, text: str, preparing: Analyzer) -> Diagnostics:
    if isinstance(result, tuple):
        unread = script.UnreadStatement(StatementError(result), 0, len(text))
        return tuple(diagnostics_of_error(preparing.diagnose_unread(unread, Source(text))))
    if result.form == "sql" and "auroraql.session.sql.sandbox" not in sys.modules:
        # SQL is parsed by DuckDB, which loads with the first result. A check must not load it.
        return ()
    outcome = preparing.analyze(result, Source(text))
    if isinstance(outcome, AnalyzedStatement):
        return outcome.warnings
    return tuple(diagnostics_of_error(outcome))


def _detached_piece(piece: StatementPiece) -> StatementPiece:
    """Return the piece with offsets relative to its own text."""
    return replace(
        piece, start=0, end=piece.end - piece.start, body=max(piece.body - piece.start, 0), is_terminated=False
    )
