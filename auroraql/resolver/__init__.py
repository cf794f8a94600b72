"""From what was written to what is meant: the one place where names, types, units and times are checked.

`resolve` raises everything that is wrong with a statement at once; what it returns is a Query in normal
form and the warnings, which never stop a search.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from auroraql.diagnostics.errors import Diagnostic, StatementError
from auroraql.ir.query import CLAUSE, EVERYTHING, Column, Criteria, Interval, Predicate, Query
from auroraql.ir.window_inference import narrow_window
from auroraql.language.ast import (
    FindStatement,
    Limit,
    Of,
    Precision,
    Select,
    SelectAggregate,
    Via,
    Where,
    Window,
    Within,
)
from auroraql.language.ast import SelectColumn as WrittenColumn
from auroraql.resolver.grouping import GroupingResolver
from auroraql.resolver.names import NameResolver
from auroraql.resolver.predicates import PredicateResolver
from auroraql.resolver.product_lengths import warn_of_short_windows
from auroraql.resolver.result_references import BoundFind, ResultLookup, bind_results
from auroraql.resolver.selection import SelectResolver
from auroraql.resolver.values import OperandResolver, SemanticError
from auroraql.resolver.windows import WindowBounds, join_windows, no_window_warning, resolve_window, two_windows_error
from auroraql.results.stored_results import StoredResult
from auroraql.schema import CONJUNCTIONS, Kind
from auroraql.schema.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class ResolvedFind:
    """A query, what was noticed on the way, and the parameters it used."""

    query: Query
    warnings: tuple[Diagnostic, ...]
    parameters: frozenset[str]
    kind: Kind
    searched: StoredResult | None = None
    """The result whose rows are searched, where that is no kind of the archive's."""
    waiting: bool = False
    """Whether values are left out that are there only once other statements have run."""


def resolve(
    find: FindStatement,
    catalogue: Catalogue,
    parameters: Mapping[str, object] | None = None,
    *,
    now: datetime | None = None,
    results: ResultLookup | None = None,
) -> ResolvedFind:
    """The meaning of a statement, against the names an archive knows.

    `now` is naive UTC and stands for NOW; the clock's when left out. `results` are those that the statement may
    be fed from. Raises StatementError with every diagnostic of the statement.
    """
    moment = now if now is not None else datetime.now(UTC).replace(tzinfo=None)
    values = OperandResolver(parameters or {}, moment)
    try:
        fed = bind_results(find, catalogue, values, results)
    except SemanticError as fault:
        raise StatementError([fault.diagnostic]) from None
    return _FindResolver(fed, catalogue, values).run()


def _select_items(find: FindStatement) -> Iterator[WrittenColumn | SelectAggregate]:
    """The columns and functions of SELECT."""
    for clause in find.clauses:
        if isinstance(clause, Select):
            yield from (item for item in clause.items if isinstance(item, WrittenColumn | SelectAggregate))


_OF_CONJUNCTIONS = (Of, Within, Via, Precision)


class _FindResolver:
    """One statement on its way to its query."""

    def __init__(self, fed: BoundFind, catalogue: Catalogue, values: OperandResolver) -> None:
        self.fed, self.find, self.kind, self.values = fed, fed.find, fed.kind, values
        self.names = NameResolver(fed.kind, catalogue)
        self.names.labels = {item.alias: item for item in _select_items(fed.find) if item.alias}
        self.wrong: list[Diagnostic] = [*fed.wrong]

    def run(self) -> ResolvedFind:
        predicates = PredicateResolver(self.names, self.values)
        selection = SelectResolver(self.names)
        where, select, limit, offset = self._clauses(predicates, selection)
        grouping = GroupingResolver(self.names, self.find, select)
        rows = grouping.rows()
        self.wrong += [*predicates.wrong, *selection.wrong]
        # What is wrong with a column may be all that is wrong with the rows.
        self.wrong += [each for each in grouping.wrong if each.code != "AQL0212" or not selection.wrong]
        bounds, during = self._window()
        criteria, said = self._criteria()
        warnings = [
            *self.find.notes,
            *self.fed.warnings,
            *self.names.warnings,
            *self._without_waiting_values([*predicates.warnings, *said]),
        ]
        if self.wrong:
            raise StatementError(
                sorted(self.wrong, key=_diagnostic_sort_key), questions=sorted(warnings, key=_diagnostic_sort_key)
            )
        query = Query(
            self.kind.name,
            where,
            bounds.start,
            bounds.end,
            rows.columns,
            rows.order_by,
            limit,
            offset,
            self.find.distinct,
            rows.group_by,
            criteria,
            during,
            self.fed.using,
            (CLAUSE,) if bounds != WindowBounds() or during is not None else (),
        )
        query = Query.build(query)
        warnings += self._about_window(query)
        said_in_order, used = tuple(sorted(warnings, key=_diagnostic_sort_key)), frozenset(self.values.used)
        return ResolvedFind(query, said_in_order, used, self.kind, self.fed.searched, self.fed.waiting)

    def _about_window(self, query: Query) -> Iterator[Diagnostic]:
        """What is to be noticed about when records are searched for."""
        if self.fed.searched is not None:
            return
        if narrow_window(query) == (None, None) and query.during is None:
            yield no_window_warning(self.kind.title, self.find.origin)
        windows = [clause for clause in self.find.clauses if isinstance(clause, Window)]
        too_short = warn_of_short_windows(query, windows)
        if too_short is not None:
            yield too_short

    def _without_waiting_values(self, warnings: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
        """The warnings, without those of values that were found and not written."""
        return (each for each in warnings if each.code != "AQL0602" or each.origin not in self.fed.origins)

    def _clauses(
        self, predicates: PredicateResolver, selection: SelectResolver
    ) -> tuple[Predicate, tuple[Column, ...] | None, int | None, int]:
        where: Predicate = EVERYTHING
        select: tuple[Column, ...] | None = None
        limit, offset = None, 0
        for clause in self.find.clauses:
            match clause:
                case Where(expression):
                    where = predicates.where(expression)
                case Select():
                    select = selection.columns(clause)
                case Limit():
                    limit, offset = self._limit(clause)
                case _:
                    pass
        return where, select, limit, offset

    def _criteria(self) -> tuple[Criteria | None, list[Diagnostic]]:
        """What conjunctions are found between, and what was noticed of it; of another kind, none."""
        written = [clause for clause in self.find.clauses if isinstance(clause, _OF_CONJUNCTIONS)]
        if not written and self.kind is not CONJUNCTIONS:
            return None, []
        # Most searches are for something else and never load this room.
        from auroraql.resolver.conjunctions import CriteriaResolver, misplaced_clauses

        if self.kind is not CONJUNCTIONS:
            self.wrong += misplaced_clauses(written, self.kind.title)
            return None, []
        clauses = CriteriaResolver(self.names.catalogue, self.values)
        criteria = clauses.criteria(written, self.find.origin)
        self.wrong += clauses.wrong
        return criteria, clauses.warnings

    def _limit(self, clause: Limit) -> tuple[int | None, int]:
        try:
            count = self.values.whole(clause.count, "LIMIT")
            return count, self.values.whole(clause.offset, "OFFSET") if clause.offset is not None else 0
        except SemanticError as fault:
            self.wrong.append(fault.diagnostic)
            return None, 0

    def _window(self) -> tuple[WindowBounds, tuple[Interval, ...] | None]:
        """The window that records lie in, and the intervals that they overlap; None where there are none.

        A record of a single moment overlaps a window when it is inside.
        """
        bounds = self._bounds()
        overlapping = any(isinstance(each, Window) and each.form == "overlapping" for each in self.find.clauses)
        if not overlapping or len(set(self.kind.span)) < 2 or bounds.start is None or bounds.end is None:
            return bounds, self.fed.during
        return WindowBounds(), ((bounds.start, bounds.end),)

    def _bounds(self) -> WindowBounds:
        windows: list[tuple[Window, WindowBounds]] = []
        faulty = False
        for clause in self.find.clauses:
            if isinstance(clause, Window):
                try:
                    windows.append((clause, resolve_window(clause, self.values)))
                except SemanticError as fault:
                    self.wrong.append(fault.diagnostic)
                    faulty = True
        try:
            if self.fed.during is not None and windows:
                raise two_windows_error(self.fed.overlap)
            return WindowBounds() if faulty else join_windows(windows)
        except SemanticError as fault:
            self.wrong.append(fault.diagnostic)
            return WindowBounds()


def unused_parameter_warning(name: str, used: frozenset[str]) -> Diagnostic:
    """A parameter that was given and that no statement asks for."""
    asked = ", ".join(f"${each}" for each in sorted(used))
    return Diagnostic(
        "AQL0210",
        f"the parameter ${name} is given, and nothing uses it",
        hint=f"the parameters here are {asked}" if asked else "there is no parameter here",
    )


def _diagnostic_sort_key(diagnostic: Diagnostic) -> int:
    """Diagnostics come in the order of the text."""
    return getattr(diagnostic.origin, "start", 0)
