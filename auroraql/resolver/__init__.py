"""From what was written to what is meant: the one place where names, types, units and times are checked.

`resolve` raises everything that is wrong with a statement at once; what it returns is a Query in normal
form and the warnings, which never stop a search.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from auroraql.errors import Diagnostic, StatementError
from auroraql.query import EVERYTHING, Column, OrderKey, Predicate, Query
from auroraql.resolver.names import Names
from auroraql.resolver.predicates import Predicates
from auroraql.resolver.selection import Selection
from auroraql.resolver.values import Fault, Values
from auroraql.resolver.windows import Bounds, join_windows, no_window, resolve_window
from auroraql.schema import KINDS
from auroraql.schema.catalogue import Catalogue
from auroraql.syntax import Find, GroupBy, Limit, OrderBy, Select, Where, Window


@dataclass(frozen=True, slots=True)
class Resolved:
    """A query, what was noticed on the way, and the parameters it used."""

    query: Query
    warnings: tuple[Diagnostic, ...]
    parameters: frozenset[str]


def resolve(
    find: Find, catalogue: Catalogue, parameters: Mapping[str, object] | None = None, *, now: datetime | None = None
) -> Resolved:
    """The meaning of a statement, against the names an archive knows.

    `now` is naive UTC and stands for NOW; the clock's when left out. Raises StatementError with every
    diagnostic of the statement.
    """
    moment = now if now is not None else datetime.now(UTC).replace(tzinfo=None)
    return _Resolving(find, catalogue, Values(parameters or {}, moment)).run()


class _Resolving:
    """One statement on its way to its query."""

    def __init__(self, find: Find, catalogue: Catalogue, values: Values) -> None:
        kind = KINDS.get(find.kind)
        if kind is None:
            raise StatementError(
                [
                    Diagnostic(
                        "AQL0501",
                        f"{find.kind} cannot be searched yet",
                        find.origin,
                        "not in this version",
                        f"this version finds {', '.join(KINDS)}",
                    )
                ]
            )
        self.find, self.kind, self.values = find, kind, values
        self.names = Names(kind, catalogue)
        self.wrong: list[Diagnostic] = []

    def run(self) -> Resolved:
        predicates = Predicates(self.names, self.values)
        selection = Selection(self.names)
        where, select, order, limit, offset = self._clauses(predicates, selection)
        self.wrong += [*predicates.wrong, *selection.wrong]
        bounds = self._bounds(predicates)
        if self.wrong:
            raise StatementError(sorted(self.wrong, key=_place))
        warnings = [*self.names.warnings, *predicates.warnings]
        if bounds == Bounds():
            warnings.append(no_window(self.kind.title, self.find.origin))
        query = Query.of(Query(self.kind.name, where, bounds.start, bounds.end, select, order, limit, offset))
        return Resolved(query, tuple(sorted(warnings, key=_place)), frozenset(self.values.used))

    def _clauses(
        self, predicates: Predicates, selection: Selection
    ) -> tuple[Predicate, tuple[Column, ...] | None, tuple[OrderKey, ...], int | None, int]:
        where: Predicate = EVERYTHING
        select: tuple[Column, ...] | None = None
        order: tuple[OrderKey, ...] = ()
        limit, offset = None, 0
        for clause in self.find.clauses:
            match clause:
                case Where(expression):
                    where = predicates.where(expression)
                case Select():
                    select = selection.columns(clause)
                case Limit():
                    limit, offset = self._limit(clause)
                case GroupBy(_, origin):
                    self.wrong.append(
                        Diagnostic(
                            "AQL0501",
                            "GROUP BY cannot run yet",
                            origin,
                            "not in this version",
                            "select the rows, and group them in the result",
                        )
                    )
                case _:
                    pass
        for clause in self.find.clauses:
            if isinstance(clause, OrderBy):
                order = selection.order(clause, select)
        if self.find.distinct:
            self.wrong.append(
                Diagnostic(
                    "AQL0501",
                    "DISTINCT cannot run yet",
                    self.find.origin,
                    "not in this version",
                    "leave it out, and drop the duplicates in the result",
                )
            )
        return where, select, order, limit, offset

    def _limit(self, clause: Limit) -> tuple[int | None, int]:
        try:
            count = self.values.whole(clause.count, "LIMIT")
            return count, self.values.whole(clause.offset, "OFFSET") if clause.offset is not None else 0
        except Fault as fault:
            self.wrong.append(fault.diagnostic)
            return None, 0

    def _bounds(self, predicates: Predicates) -> Bounds:
        windows: list[tuple[Window, Bounds]] = []
        faulty = False
        for clause in self.find.clauses:
            if isinstance(clause, Window):
                try:
                    windows.append((clause, resolve_window(clause, self.values)))
                except Fault as fault:
                    self.wrong.append(fault.diagnostic)
                    faulty = True
        try:
            return Bounds() if faulty else join_windows(windows, predicates.bounds, self.find.origin)
        except Fault as fault:
            self.wrong.append(fault.diagnostic)
            return Bounds()


def unused_parameter(name: str, used: frozenset[str]) -> Diagnostic:
    """A parameter that was given and that no statement asks for."""
    asked = ", ".join(f"${each}" for each in sorted(used))
    return Diagnostic(
        "AQL0210",
        f"the parameter ${name} is given, and nothing uses it",
        hint=f"the parameters here are {asked}" if asked else "there is no parameter here",
    )


def _place(diagnostic: Diagnostic) -> int:
    """Diagnostics come in the order of the text."""
    return getattr(diagnostic.origin, "start", 0)
