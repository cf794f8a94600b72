"""Resolver: turn the AST of a FIND into a Query in normal form. All names, types, units and times are checked here.

`resolve` raises all errors of a statement together. It returns warnings with the query, because warnings never stop a
search.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from auroraql.diagnostics.errors import Diagnostic, StatementError
from auroraql.ir.block_columns import block_columns
from auroraql.ir.plan import record_kind
from auroraql.ir.query import CLAUSE, EVERYTHING, Column, Criteria, Interval, Predicate, Query
from auroraql.ir.window_inference import narrow_window
from auroraql.language.ast import (
    FindStatement,
    GroupBy,
    Having,
    Limit,
    Of,
    OrderBy,
    Precision,
    Select,
    SelectAggregate,
    SelectExpression,
    Via,
    Where,
    Window,
    Within,
    uses_results,
)
from auroraql.language.ast import SelectColumn as WrittenColumn
from auroraql.resolver.grouping import GroupingResolver, RowShape
from auroraql.resolver.names import NameResolver
from auroraql.resolver.predicates import PredicateResolver
from auroraql.resolver.result_references import BoundFind, ResultLookup, bind_results
from auroraql.resolver.selection import SelectResolver
from auroraql.resolver.values import OperandResolver, SemanticError
from auroraql.resolver.windows import (
    WindowBounds,
    join_windows,
    no_window_warning,
    resolve_window,
    two_windows_error,
    warn_of_short_windows,
)
from auroraql.results.stored_results import StoredResult
from auroraql.schema import CONJUNCTIONS, KINDS, Kind
from auroraql.schema.catalogue import Catalogue
from auroraql.schema.kinds.conjunctions import MAX_BLOCKS, conjunctions_of


@dataclass(frozen=True, slots=True)
class ResolvedFind:
    """Resolved FIND: the query, its warnings in text order, and the names of the parameters that it uses."""

    query: Query
    warnings: tuple[Diagnostic, ...]
    parameters: frozenset[str]
    kind: Kind
    searched: StoredResult | None = None
    """The stored result whose rows are searched. None if the statement searches the archive."""
    waiting: bool = False
    """Whether the query lacks values that exist only after other statements have run."""


def resolve(
    find: FindStatement,
    catalogue: Catalogue,
    parameters: Mapping[str, object] | None = None,
    *,
    now: datetime | None = None,
    results: ResultLookup | None = None,
) -> ResolvedFind:
    """Resolve a FIND against the names in an archive's catalogue.

    `parameters` are the values of `$name`. `now` is the value of NOW in naive UTC, by default the current time.
    `results` looks up the stored results and subqueries that the statement refers to.

    Raises StatementError with every diagnostic of the statement.
    """
    reference_time = now if now is not None else datetime.now(UTC).replace(tzinfo=None)
    values = OperandResolver(parameters or {}, reference_time)
    try:
        uses = uses_results(find)
        bound = bind_results(find, catalogue, values, results) if uses else BoundFind(find, KINDS[find.kind])
    except SemanticError as error:
        raise StatementError([error.diagnostic]) from None
    return _FindResolver(bound, catalogue, values).run()


def _select_items(find: FindStatement) -> Iterator[WrittenColumn | SelectAggregate | SelectExpression]:
    """Yield the columns and functions of SELECT."""
    for clause in find.clauses:
        if isinstance(clause, Select):
            yield from (
                item for item in clause.items if isinstance(item, WrittenColumn | SelectAggregate | SelectExpression)
            )


_OF_CONJUNCTIONS = (Of, Within, Via, Precision)


def _kind_of_names(bound: BoundFind) -> Kind:
    """Return the kind whose fields a statement may name: conjunctions also have a column for each block."""
    blocks = next((clause.blocks for clause in bound.find.clauses if isinstance(clause, Of)), ())
    if bound.kind is not CONJUNCTIONS or not blocks:
        return bound.kind
    return conjunctions_of(block_columns((block.kind, block.alias) for block in blocks[:MAX_BLOCKS]))


class _FindResolver:
    """Resolver of one FIND statement, which collects every error in it."""

    def __init__(self, bound: BoundFind, catalogue: Catalogue, values: OperandResolver) -> None:
        self.bound, self.find, self.kind, self.values = bound, bound.find, bound.kind, values
        self.names = NameResolver(_kind_of_names(bound), catalogue)
        self.names.labels = {item.alias: item for item in _select_items(bound.find) if item.alias}
        self.errors: list[Diagnostic] = [*bound.errors]

    @cached_property
    def selection(self) -> SelectResolver:
        """The resolver of SELECT. Most searches return whole records and do not need it."""
        return SelectResolver(self.names, self.computed)

    @cached_property
    def computed(self) -> PredicateResolver:
        """The resolver of the predicates in expressions of SELECT, such as those of CASE."""
        return PredicateResolver(self.names, self.values, "SELECT")

    def run(self) -> ResolvedFind:
        predicates = PredicateResolver(self.names, self.values)
        where, select, limit, offset = self._clauses(predicates)
        self.errors += predicates.errors
        rows = self._row_shape(select)
        bounds, during = self._window()
        criteria, criteria_warnings = self._criteria()
        warnings = [
            *self.find.notes,
            *self.bound.warnings,
            *self.names.warnings,
            *self._drop_bound_value_warnings([*predicates.warnings, *criteria_warnings]),
        ]
        if self.errors:
            raise StatementError(
                sorted(self.errors, key=_diagnostic_sort_key), questions=sorted(warnings, key=_diagnostic_sort_key)
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
            self.bound.using,
            (CLAUSE,) if bounds != WindowBounds() or during is not None else (),
            rows.having,
        )
        query = Query.build(query)
        warnings += self._window_warnings(query)
        ordered_warnings, used = tuple(sorted(warnings, key=_diagnostic_sort_key)), frozenset(self.values.used)
        kind = self.kind if self.bound.searched is not None else record_kind(query)
        return ResolvedFind(query, ordered_warnings, used, kind, self.bound.searched, self.bound.waiting)

    def _window_warnings(self, query: Query) -> Iterator[Diagnostic]:
        """Yield warnings about the time window: none is given, or it is too short for the products."""
        if self.bound.searched is not None:
            return
        if query.window == (None, None) and query.during is None and narrow_window(query) == (None, None):
            yield no_window_warning(self.kind.title, self.find.origin)
        windows = [clause for clause in self.find.clauses if isinstance(clause, Window)]
        too_short = warn_of_short_windows(query, windows)
        if too_short is not None:
            yield too_short

    def _drop_bound_value_warnings(self, warnings: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
        """Filter out unknown-value warnings for values that come from a result: the user did not type them."""
        return (w for w in warnings if w.code != "AQL0602" or w.origin not in self.bound.origins)

    def _clauses(self, predicates: PredicateResolver) -> tuple[Predicate, tuple[Column, ...] | None, int | None, int]:
        where: Predicate = EVERYTHING
        select: tuple[Column, ...] | None = None
        limit, offset = None, 0
        for clause in self.find.clauses:
            match clause:
                case Where(expression):
                    where = predicates.where(expression)
                case Select():
                    select = self.selection.columns(clause)
                case Limit():
                    limit, offset = self._limit(clause)
                case _:
                    pass
        return where, select, limit, offset

    def _row_shape(self, columns: tuple[Column, ...] | None) -> RowShape:
        """Return the shape of the rows: `columns` are those of SELECT. Most searches return whole records."""
        if not any(isinstance(clause, Select | GroupBy | Having | OrderBy) for clause in self.find.clauses):
            return RowShape()
        selection_errors = [*self.selection.errors, *self.computed.errors]
        self.errors += selection_errors
        grouping = GroupingResolver(self.names, self.values, self.find, columns, self.selection)
        rows = grouping.rows()
        # A missing column may be the only cause of a grouping error, so a SELECT error hides those.
        self.errors += [error for error in grouping.errors if error.code != "AQL0212" or not selection_errors]
        return rows

    def _criteria(self) -> tuple[Criteria | None, list[Diagnostic]]:
        """Return the conjunction criteria and their warnings, or None and no warnings for another kind."""
        written = [clause for clause in self.find.clauses if isinstance(clause, _OF_CONJUNCTIONS)]
        if not written and self.kind is not CONJUNCTIONS:
            return None, []
        # Deferred: only conjunction searches pay for this import.
        from auroraql.resolver.conjunction_criteria import CriteriaResolver, misplaced_clauses

        if self.kind is not CONJUNCTIONS:
            self.errors += misplaced_clauses(written, self.kind.title)
            return None, []
        clauses = CriteriaResolver(self.names.catalogue, self.values)
        criteria = clauses.criteria(written, self.find.origin)
        self.errors += clauses.errors
        return criteria, clauses.warnings

    def _limit(self, clause: Limit) -> tuple[int | None, int]:
        try:
            count = self.values.whole(clause.count, "LIMIT")
            return count, self.values.whole(clause.offset, "OFFSET") if clause.offset is not None else 0
        except SemanticError as error:
            self.errors.append(error.diagnostic)
            return None, 0

    def _window(self) -> tuple[WindowBounds, tuple[Interval, ...] | None]:
        """Return the window that contains the records, and the intervals that they overlap or None.

        OVERLAPPING becomes an interval, except for records of a single moment: those overlap a window if they are in it.
        """
        bounds = self._bounds()
        overlapping = any(isinstance(c, Window) and c.form == "overlapping" for c in self.find.clauses)
        if not overlapping or len(set(self.kind.span)) < 2 or bounds.start is None or bounds.end is None:
            return bounds, self.bound.during
        return WindowBounds(), ((bounds.start, bounds.end),)

    def _bounds(self) -> WindowBounds:
        windows: list[tuple[Window, WindowBounds]] = []
        faulty = False
        for clause in self.find.clauses:
            if isinstance(clause, Window):
                try:
                    windows.append((clause, resolve_window(clause, self.values)))
                except SemanticError as error:
                    self.errors.append(error.diagnostic)
                    faulty = True
        try:
            if self.bound.during is not None and windows:
                raise two_windows_error(self.bound.overlap)
            return WindowBounds() if faulty else join_windows(windows)
        except SemanticError as error:
            self.errors.append(error.diagnostic)
            return WindowBounds()


def unused_parameter_warning(name: str, used: frozenset[str]) -> Diagnostic:
    """Return the diagnostic for a parameter that was passed but that no statement uses."""
    used_names = ", ".join(f"${used_name}" for used_name in sorted(used))
    return Diagnostic(
        "AQL0210",
        f"the parameter ${name} is given but not used",
        hint=f"the parameters are {used_names}" if used_names else "there are no parameters",
    )


def _diagnostic_sort_key(diagnostic: Diagnostic) -> int:
    """Return the start offset of a diagnostic: diagnostics are reported in text order."""
    return getattr(diagnostic.origin, "start", 0)
