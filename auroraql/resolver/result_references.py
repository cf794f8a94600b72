"""Result references: the rows that a statement searches, and the list values and intervals it takes from results.

`bind_results` replaces references by the values, as if the user had typed them, so that no stage after the resolver
handles results. Before a script runs there are no rows yet, and only names and types are checked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from typing import Any, Protocol

from auroraql.diagnostics.errors import Diagnostic, Origin, Span, StatementError, replace_value
from auroraql.diagnostics.suggestions import find_closest, find_misspelt
from auroraql.ir.query import Interval, Using
from auroraql.language.ast import (
    AndExpression,
    BlockItem,
    BooleanLiteral,
    Clause,
    ComparisonExpression,
    Expression,
    FindStatement,
    Instant,
    NotExpression,
    NumberLiteral,
    Of,
    Operand,
    OrExpression,
    Overlap,
    Path,
    Select,
    Subquery,
    TextLiteral,
    Timestamp,
    ValueComparison,
    Where,
    clause_expressions,
    clause_uses_results,
    find_references,
    is_list_of_values,
)
from auroraql.resolver.names import METADATA, NameResolver
from auroraql.resolver.using import (
    UsingField,
    can_be_compared,
    group_rows,
    independence_warning,
    join_intervals,
    pad_intervals,
    resolve_using_field,
    to_query_using,
)
from auroraql.resolver.values import OperandResolver, SemanticError
from auroraql.resolver.windows import two_windows_error
from auroraql.results.stored_results import StoredResult
from auroraql.schema import BLOCKS, KINDS, Kind, Type
from auroraql.schema.catalogue import Catalogue
from auroraql.schema.limits import MAX_LIST_VALUES
from auroraql.schema.operators import Op
from auroraql.schema.synonyms import suggest_kind


class ResultLookup(Protocol):
    """Protocol of the session that looks up results while a statement is resolved."""

    @property
    def names(self) -> Collection[str]:
        """Names of all results."""

    def get(self, name: str) -> StoredResult | None:
        """Return the result with this name, or None."""

    def run_subquery(self, find: FindStatement) -> StoredResult:
        """Run a FIND in parentheses and return its result. Raises StatementError if it has errors."""


@dataclass(slots=True)
class BoundFind:
    """FIND with its result references replaced, and the parts that come from results: the rows searched, the intervals."""

    find: FindStatement
    kind: Kind
    searched: StoredResult | None = None
    during: tuple[Interval, ...] | None = None
    using: Using | None = None
    overlap: Origin = None
    """Position of the DURING clause that takes the intervals of a result."""
    waiting: bool = False
    """Whether it uses a result that does not exist until other statements have run."""
    origins: set[Origin] = field(default_factory=set)
    """Positions at which values were inserted."""
    errors: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)


def bind_results(
    find: FindStatement, catalogue: Catalogue, values: OperandResolver, results: ResultLookup | None = None
) -> BoundFind:
    """Replace the result references of a statement. Without `results`, every reference is an error.

    Raises SemanticError if the statement searches neither a kind nor a result. Other errors are in `BoundFind.errors`.
    """
    searched = None if find.kind in KINDS else _searched_result(find, results)
    kind = KINDS[find.kind] if searched is None else searched.kind
    bound = BoundFind(find, kind, searched, waiting=searched is not None and searched.result is None)
    if any(map(clause_uses_results, find.clauses)):
        _ReferenceBinder(bound, catalogue, values, results).bind_clauses()
    return bound


class SubqueryResults:
    """Results of FINDs in parentheses. They run innermost first and without recursion, at any depth of nesting."""

    def __init__(self, find: Callable[[FindStatement], StoredResult]) -> None:
        self._find = find
        self._outcomes: dict[int, tuple[FindStatement, StoredResult | StatementError]] = {}
        """By the id of the statement. The statement is stored too, so that its id is not reused."""

    def run_subquery(self, find: FindStatement) -> StoredResult:
        """Return the result of a FIND in parentheses, running it once. Raises StatementError, and what `find` raises."""
        if id(find) not in self._outcomes:
            for subquery in _subqueries_innermost_first(find):
                try:
                    self._outcomes[id(subquery)] = subquery, self._find(subquery)
                except StatementError as error:
                    self._outcomes[id(subquery)] = subquery, error
        outcome = self._outcomes[id(find)][1]
        if isinstance(outcome, StatementError):
            raise outcome
        return outcome


def _subqueries_innermost_first(find: FindStatement) -> list[FindStatement]:
    """Return a FIND and all FINDs nested in it, the innermost first."""
    outermost_first, pending = [], [find]
    while pending:
        current = pending.pop()
        outermost_first.append(current)
        pending += _subqueries(current)
    return outermost_first[::-1]


def _subqueries(find: FindStatement) -> Iterator[FindStatement]:
    for clause in find.clauses:
        if isinstance(clause, Overlap) and isinstance(clause.result, Subquery):
            yield clause.result.find
        for expression in clause_expressions(clause):
            for leaf in find_references(expression):
                yield from (operand.find for operand in leaf.operands if isinstance(operand, Subquery))


def _searched_result(find: FindStatement, results: ResultLookup | None) -> StoredResult:
    """Return the result that a FIND searches. Raises SemanticError if there is none."""
    stored = results.get(find.kind) if results is not None else None
    if stored is not None:
        return stored
    names = results.names if results is not None else ()
    expected = f"expected {', '.join(KINDS)} or the name of a result"
    hint, fix = suggest_kind(find.kind)
    if fix is None and (near := find_closest(find.kind, names, 1, 0.6)):
        hint, fix = f"did you mean {near[0]}?", find_misspelt(find.kind, names)
    hint = hint or _let_hint(names)
    origin = find.origin
    if isinstance(origin, Span):
        origin = Span(max(origin.end - len(find.kind), origin.start), origin.end)
    raise SemanticError("AQL0107", f"'{find.kind}' is neither a kind nor a result", origin, expected, hint, fix)


def _let_hint(names: Collection[str]) -> str:
    if names:
        return f"the results are {', '.join(names)}"
    return f"store a result with LET name = FIND {next(iter(KINDS))} …"


class _ReferenceBinder:
    """Replaces the result references in the clauses of one statement."""

    def __init__(
        self, bound: BoundFind, catalogue: Catalogue, values: OperandResolver, results: ResultLookup | None
    ) -> None:
        self.bound, self.catalogue, self.values, self.results = bound, catalogue, values, results

    def bind_clauses(self) -> None:
        """Replace the references in every clause, and move the intervals of DURING to `bound.during`."""
        clauses: list[Clause] = []
        for clause in self.bound.find.clauses:
            match clause:
                case Overlap():
                    self._overlap(clause)
                case Where(expression):
                    clauses.append(replace_value(clause, expression=self._expression(expression, self.bound.kind)))
                case Of(blocks):
                    clauses.append(replace_value(clause, blocks=tuple(map(self._block, blocks))))
                case _:
                    clauses.append(clause)
        self.bound.find = replace_value(self.bound.find, clauses=tuple(clauses))

    def _block(self, block: BlockItem) -> BlockItem:
        if block.expression is None:
            return block
        return replace_value(block, expression=self._expression(block.expression, BLOCKS[block.kind]))

    def _expression(self, expression: Expression, kind: Kind) -> Expression:
        match expression:
            case AndExpression(terms) | OrExpression(terms):
                return replace_value(expression, terms=tuple(self._expression(term, kind) for term in terms))
            case NotExpression(term):
                return replace_value(expression, term=self._expression(term, kind))
            case ComparisonExpression() | ValueComparison() if expression.operands and is_list_of_values(expression):
                try:
                    return self._list(expression, kind)
                except (SemanticError, StatementError) as error:
                    self.bound.errors += _fault_diagnostic(error)
                    return _null_check(expression)
            case ComparisonExpression(operands=(Path() as path, *_)) if (
                self._is_result_name(path.parts[0]) and len(path.parts) > 1
            ):
                message, hint = (
                    f"'{path.dotted}' is a list of values",
                    f"write {expression.path.dotted} IN {path.dotted}",
                )
                self.bound.errors.append(Diagnostic("AQL0220", message, path.origin, "many values", hint))
                return _null_check(expression)
            case _:
                return expression

    # --- lists

    def _list(self, leaf: ComparisonExpression | ValueComparison, kind: Kind) -> Expression:
        """Insert the values of a column. Before they exist, return a comparison that checks only the left side."""
        operand = leaf.operands[0]
        assert isinstance(operand, Path | Subquery), "`is_list_of_values` has checked it"  # noqa: S101
        if isinstance(operand, Path) and len(operand.parts) == 1 and not self._is_result_name(operand.parts[0]):
            return leaf  # text without quotes, which PredicateResolver reports
        origin = operand.origin
        stored, path, type_ = self._only_column(operand) if isinstance(operand, Subquery) else self._column(operand)
        if isinstance(leaf, ComparisonExpression):  # the values of others are checked when they are compared
            self._check_types(leaf, kind, operand, type_)
        self.bound.origins.add(origin)
        if stored.result is None:
            self.bound.waiting = True
            return _null_check(leaf)
        values = stored.values(path)
        if not values:
            self._warn_of_nothing(stored, origin, _format_operand(operand), leaf.operator == Op.NOT_IN)
            return OrExpression((), leaf.origin) if leaf.operator == Op.IN else AndExpression((), leaf.origin)
        if len(values) > MAX_LIST_VALUES:
            message = f"{_format_operand(operand)} has {len(values):,} values; the maximum is {MAX_LIST_VALUES:,}"
            raise SemanticError("AQL0116", message, origin, "too many", "narrow the search that found them")
        return replace_value(leaf, operands=tuple(_row_value_operand(value, origin) for value in values))

    def _is_result_name(self, name: str) -> bool:
        return self.results is not None and self.results.get(name) is not None

    def _result(self, name: str, origin: Origin) -> StoredResult:
        """Return the result with this name. Raises SemanticError if there is none."""
        if self.results is None:
            raise _no_session_error(origin)
        stored = self.results.get(name)
        if stored is None:
            near = find_closest(name, self.results.names, 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else _let_hint(self.results.names)
            raise SemanticError("AQL0220", f"the result '{name}' does not exist", origin, "unknown result", hint)
        return stored

    def _column(self, path: Operand) -> tuple[StoredResult, tuple[str, ...], Type]:
        assert isinstance(path, Path), "only paths and subqueries name results"  # noqa: S101
        stored = self._result(path.parts[0], path.origin)
        if len(path.parts) == 1:
            hint = f"name one of its columns: {stored.name}.{stored.kind.leaves()[0].bare}"
            raise SemanticError("AQL0220", f"'{stored.name}' is a result, not a list", path.origin, "a result", hint)
        return stored, *self._locate_column(stored, Path(path.parts[1:], path.origin))

    def _locate_column(self, stored: StoredResult, path: Path) -> tuple[tuple[str, ...], Type]:
        """Return the path and type of a result column. Raises SemanticError if it does not exist or is an object."""
        declared = stored.kind.field(path.dotted)
        if declared is None:
            key = path.parts[-1] if len(path.parts) == 1 or path.parts[0].casefold() == METADATA else ""
            known = self.catalogue.key(stored.kind.metadata, key)
            if not stored.kind.metadata or len(path.parts) > 2 or (known is None and len(path.parts) == 1):
                raise _unknown_column(stored, path)
            return (METADATA, key), known.type if known is not None else Type.ANY
        if declared.type is Type.OBJECT:
            members = declared.members or (declared,)
            hint = f"name one of its members: {stored.name}.{members[0].bare}"
            raise SemanticError(
                "AQL0205", f"'{path.dotted}' is an object, not a list of values", path.origin, "an object", hint
            )
        return declared.path, declared.type

    def _only_column(self, subquery: Subquery) -> tuple[StoredResult, tuple[str, ...], Type]:
        stored = self._subquery_values(subquery)
        fields = [stored.kind.field(column.name) for column in stored.columns]
        only = fields[0] if len(fields) == 1 else None
        if only is None or only.type is Type.OBJECT:
            count = len(fields)
            message = (
                "an object cannot be compared" if count == 1 else f"a list needs one column, and this FIND has {count}"
            )
            hint = "select one: FIND … SELECT data_source.platform …"
            missing = () if any(isinstance(clause, Select) for clause in subquery.find.clauses) else ("SELECT",)
            raise SemanticError("AQL0221", message, subquery.origin, "needs one column", hint, missing=missing)
        return stored, only.path, only.type

    def _subquery_values(self, subquery: Subquery) -> StoredResult:
        if self.results is None:
            raise _no_session_error(subquery.origin)
        stored = self.results.run_subquery(subquery.find)
        self.bound.warnings += stored.warnings
        return stored

    def _check_types(self, leaf: ComparisonExpression, kind: Kind, operand: Operand, type: Type) -> None:
        """Check the types of a field and a list. Raises SemanticError if they cannot be compared."""
        names = NameResolver(kind, self.catalogue)
        try:
            context = names.value_context(names.ref(leaf.path), leaf.path.dotted)
        except SemanticError:
            return  # PredicateResolver reports it
        if context.type is Type.OBJECT:
            hint = f"name one of its members: {context.name}.…"
            raise SemanticError(
                "AQL0205", f"'{context.name}' is an object and cannot be compared", leaf.path.origin, hint=hint
            )
        if not can_be_compared(context, type):
            message = f"'{context.name}' takes {context.type.value}, and {_format_operand(operand)} is {type.value}"
            raise SemanticError("AQL0203", message, operand.origin, type.value, "use another column")

    def _warn_of_nothing(self, stored: StoredResult, origin: Origin, shown: str, everything: bool) -> None:
        rows = len(stored.result) if stored.result is not None else 0
        fact = f"has {rows:,} rows, all without a value" if rows else "is empty"
        message = f"{shown} {fact}: {'this excludes nothing' if everything else 'this finds nothing'}"
        self.bound.warnings.append(Diagnostic("AQL0609", message, origin, "no values", severity="warning"))

    # --- intervals

    def _overlap(self, clause: Overlap) -> None:
        """Store the intervals of a result as the time window of the statement."""
        if self.bound.during is not None:
            self.bound.errors.append(two_windows_error(clause.origin).diagnostic)
            return
        self.bound.during, self.bound.overlap = (), clause.origin
        try:
            stored = self._overlapped_result(clause)
            fields = self._using_fields(clause, stored)
            by_minute = stored.ends == ("epoch",)
            intervals = pad_intervals(stored.intervals(), clause.padding, self.values)
            groups = group_rows(stored, fields, clause, self.values, by_minute=by_minute) if fields else ()
        except (SemanticError, StatementError) as error:
            self.bound.errors += _fault_diagnostic(error)
            return
        if stored.result is None:
            self.bound.waiting = True
            return
        if fields:
            self.bound.using = to_query_using(fields, groups)
            intervals = [interval for group in groups for interval in group.intervals]
        self.bound.during = tuple(join_intervals(intervals, by_minute=by_minute))
        if not self.bound.during:
            self._warn_of_nothing(stored, clause.result.origin, _format_operand(clause.result), everything=False)

    def _using_fields(self, clause: Overlap, stored: StoredResult) -> list[UsingField]:
        """Return the fields of USING. Raises StatementError with every error in them."""
        names = NameResolver(self.bound.kind, self.catalogue)
        clauses = self.bound.find.clauses
        where = [expression for c in clauses if isinstance(c, Where) for expression in clause_expressions(c)]
        blocks = [expression for c in clauses if isinstance(c, Of) for expression in clause_expressions(c)]
        warning = independence_warning(clause, where, blocks, stored, names)
        self.bound.warnings += [warning] if warning is not None else []
        errors: list[Diagnostic] = []
        fields: dict[UsingField, None] = {}
        for path in clause.using:
            try:
                field = resolve_using_field(path, stored, names, _format_operand(clause.result))
                if field in fields:
                    raise SemanticError(
                        "AQL0111", f"{path.dotted} is listed twice", path.origin, "the second one", "keep one"
                    )
                fields[field] = None
            except SemanticError as error:
                errors.append(error.diagnostic)
        self.bound.warnings += names.warnings
        if errors:
            raise StatementError(errors)
        return list(fields)

    def _overlapped_result(self, clause: Overlap) -> StoredResult:
        if isinstance(clause.result, Path):
            stored = self._result(clause.result.dotted, clause.result.origin)
        else:
            stored = self._subquery_values(clause.result)
        if not stored.ends:
            names = {column.name for column in stored.columns}
            missing = " and ".join(name for name in ("start", "end") if name not in names) or "times"
            message = f"the rows of {_format_operand(clause.result)} have no time interval: it has no {missing}"
            hint = "also select start and end, or epoch"
            raise SemanticError("AQL0222", message, clause.result.origin, "no times", hint)
        return stored


def _null_check(leaf: ComparisonExpression | ValueComparison) -> ComparisonExpression | ValueComparison:
    """Return a comparison of the same field that is valid for every type."""
    if isinstance(leaf, ValueComparison):
        return ValueComparison(leaf.left, Op.IS_NOT_NULL, (), origin=leaf.origin)
    return ComparisonExpression(leaf.path, Op.IS_NOT_NULL, (), leaf.origin)


def _row_value_operand(value: Any, origin: Origin) -> Operand:
    """Return a row value as an operand. Raises SemanticError if it cannot be compared."""
    match value:
        case bool():
            return BooleanLiteral(value, origin)
        case str():
            return TextLiteral(value, origin, is_untyped=True)
        case int() | float() if isfinite(value):
            return NumberLiteral(str(value), "", origin)
        case datetime():
            return Instant(Timestamp(value.isoformat(), origin), (), origin)
        case _:
            raise SemanticError("AQL0203", "the list contains an object, which cannot be compared", origin, "an object")


def _fault_diagnostic(error: SemanticError | StatementError) -> tuple[Diagnostic, ...]:
    return (error.diagnostic,) if isinstance(error, SemanticError) else error.diagnostics


def _format_operand(operand: object) -> str:
    return f"'{operand.dotted}'" if isinstance(operand, Path) else "the FIND in parentheses"


def _unknown_column(stored: StoredResult, path: Path) -> SemanticError:
    names = [leaf.bare for leaf in stored.kind.leaves()]
    near = find_closest(path.dotted, (*names, *stored.kind.names), 1, 0.7)
    if near:
        hint = f"did you mean {stored.name}.{near[0]}?"
    elif stored.kind.metadata:
        hint = f"write an unknown metadata key as {stored.name}.{METADATA}.{path.parts[-1]}"
    else:
        hint = f"its columns are {', '.join(names)}"
    fix = f"{stored.name}.{near[0]}" if near and find_misspelt(path.dotted, near) else None
    return SemanticError(
        "AQL0201", f"the result '{stored.name}' has no column '{path.dotted}'", path.origin, "unknown", hint, fix
    )


def _no_session_error(origin: Origin) -> SemanticError:
    hint = "run it in the script or session that stores the result, or write the values"
    return SemanticError(
        "AQL0410", "results are available only in a session", origin, "needs the rows of a result", hint
    )
