"""What a statement takes from results: the rows it searches, the values of its lists, the intervals it is limited to.

`feed` puts the values where the results were named, as if they had been written there, so that nothing after the
resolver knows of results. Before a script runs there are no rows yet; then only names and types are checked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import isfinite
from typing import Any, Protocol

from auroraql.diagnostics.errors import Diagnostic, Origin, Span, StatementError
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
    Where,
)
from auroraql.resolver.intervals import join_intervals, pad_intervals
from auroraql.resolver.names import METADATA, NameResolver
from auroraql.resolver.using import (
    UsingField,
    can_be_compared,
    group_rows,
    independence_warning,
    resolve_using_field,
    to_query_using,
)
from auroraql.resolver.values import OperandResolver, SemanticError
from auroraql.resolver.windows import two_windows_error
from auroraql.results.stored_results import StoredResult
from auroraql.schema import BLOCKS, KINDS, Kind, Type
from auroraql.schema.catalogue import Catalogue
from auroraql.schema.kinds.synonyms import suggest_kind
from auroraql.schema.limits import MAX_LIST_VALUES
from auroraql.schema.operators import Op


class ResultLookup(Protocol):
    """Where results are looked up while a statement is resolved."""

    @property
    def names(self) -> Collection[str]:
        """The names of the results there are."""

    def get(self, name: str) -> StoredResult | None:
        """The result of a name; None when there is none."""

    def run_subquery(self, find: FindStatement) -> StoredResult:
        """What a FIND in parentheses finds. Raises StatementError when it is wrong."""


@dataclass(slots=True)
class BoundFind:
    """A FIND that names no result any more, and what it took: the rows searched, and the intervals."""

    find: FindStatement
    kind: Kind
    searched: StoredResult | None = None
    during: tuple[Interval, ...] | None = None
    using: Using | None = None
    overlap: Origin = None
    """Where the intervals were asked for."""
    waiting: bool = False
    """Whether it takes something that is not there before other statements have run."""
    origins: set[Origin] = field(default_factory=set)
    """Where values were put."""
    wrong: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)


def bind_results(
    find: FindStatement, catalogue: Catalogue, values: OperandResolver, results: ResultLookup | None = None
) -> BoundFind:
    """The statement with what it takes from results in its place. Without `results` there are none at all.

    Raises Fault when what is searched is no kind and no result; everything else that is wrong is in the answer.
    """
    searched = None if find.kind in KINDS else _searched_result(find, results)
    kind = KINDS[find.kind] if searched is None else searched.kind
    fed = BoundFind(find, kind, searched, waiting=searched is not None and searched.result is None)
    if any(map(_uses_results, find.clauses)):
        _ReferenceBinder(fed, catalogue, values, results).clauses()
    return fed


class SubqueryResults:
    """The results of FINDs in parentheses, the innermost first: nesting, however deep, is no recursion."""

    def __init__(self, find: Callable[[FindStatement], StoredResult]) -> None:
        self._find = find
        self._outcomes: dict[int, tuple[FindStatement, StoredResult | StatementError]] = {}
        """By the identity of the statement, which is kept so that no other takes its number."""

    def run_subquery(self, find: FindStatement) -> StoredResult:
        """What a FIND in parentheses finds. Raises StatementError, and what `find` raises."""
        if id(find) not in self._outcomes:
            for each in _subqueries_innermost_first(find):
                try:
                    self._outcomes[id(each)] = each, self._find(each)
                except StatementError as error:
                    self._outcomes[id(each)] = each, error
        outcome = self._outcomes[id(find)][1]
        if isinstance(outcome, StatementError):
            raise outcome
        return outcome


def _subqueries_innermost_first(find: FindStatement) -> list[FindStatement]:
    """A FIND and all that stand in it in parentheses, each after those in it."""
    found, pending = [], [find]
    while pending:
        each = pending.pop()
        found.append(each)
        pending += _subqueries(each)
    return found[::-1]


def _subqueries(find: FindStatement) -> Iterator[FindStatement]:
    for clause in find.clauses:
        if isinstance(clause, Overlap) and isinstance(clause.result, Subquery):
            yield clause.result.find
        for expression in _clause_expressions(clause):
            for leaf in _comparisons_with_references(expression):
                yield from (operand.find for operand in leaf.operands if isinstance(operand, Subquery))


def uses_results(find: FindStatement) -> bool:
    """Whether a statement takes anything from a result."""
    return find.kind not in KINDS or any(map(_uses_results, find.clauses))


def _uses_results(clause: Clause) -> bool:
    if isinstance(clause, Overlap):
        return True
    return any(
        _is_list_of(leaf) or _is_dotted_comparison(leaf)
        for each in _clause_expressions(clause)
        for leaf in _comparisons_with_references(each)
    )


def _is_dotted_comparison(leaf: ComparisonExpression) -> bool:
    """Whether one value is asked of a path that might lead into a result."""
    return any(isinstance(operand, Path) and len(operand.parts) > 1 for operand in leaf.operands)


def _is_list_of(leaf: ComparisonExpression) -> bool:
    """`IN name.column` or `IN (FIND …)`."""
    return leaf.operator in (Op.IN, Op.NOT_IN) and isinstance(leaf.operands[0], Path | Subquery)


def _clause_expressions(clause: Clause) -> Iterator[Expression]:
    match clause:
        case Where(expression):
            yield expression
        case Of(blocks):
            yield from (block.expression for block in blocks if block.expression is not None)
        case _:
            return


def _comparisons_with_references(expression: Expression) -> Iterator[ComparisonExpression]:
    """The comparisons with something that is found elsewhere: of most expressions none."""
    pending = [expression]
    while pending:
        each = pending.pop()
        if isinstance(each, ComparisonExpression):
            for operand in each.operands:
                if isinstance(operand, Path | Subquery):
                    yield each
                    break
        elif isinstance(each, NotExpression):
            pending.append(each.term)
        else:
            pending.extend(each.terms)


def _searched_result(find: FindStatement, results: ResultLookup | None) -> StoredResult:
    """The result that a FIND searches. Raises Fault."""
    kept = results.get(find.kind) if results is not None else None
    if kept is not None:
        return kept
    names = results.names if results is not None else ()
    expected = f"expected {', '.join(KINDS)} or the name of a result"
    hint, fix = suggest_kind(find.kind)
    if fix is None and (near := find_closest(find.kind, names, 1, 0.6)):
        hint, fix = f"did you mean {near[0]}?", find_misspelt(find.kind, names)
    hint = hint or _let_hint(names)
    origin = find.origin
    if isinstance(origin, Span):
        origin = Span(max(origin.end - len(find.kind), origin.start), origin.end)
    raise SemanticError("AQL0107", f"'{find.kind}' is not something to find", origin, expected, hint, fix)


def _let_hint(names: Collection[str]) -> str:
    if names:
        return f"the results are {', '.join(names)}"
    return f"LET name = FIND {next(iter(KINDS))} … keeps a result under a name"


class _ReferenceBinder:
    """One statement being fed."""

    def __init__(
        self, fed: BoundFind, catalogue: Catalogue, values: OperandResolver, results: ResultLookup | None
    ) -> None:
        self.fed, self.catalogue, self.values, self.results = fed, catalogue, values, results

    def clauses(self) -> None:
        kept: list[Clause] = []
        for clause in self.fed.find.clauses:
            match clause:
                case Overlap():
                    self._overlap(clause)
                case Where(expression):
                    kept.append(replace(clause, expression=self._expression(expression, self.fed.kind)))
                case Of(blocks):
                    kept.append(replace(clause, blocks=tuple(map(self._block, blocks))))
                case _:
                    kept.append(clause)
        self.fed.find = replace(self.fed.find, clauses=tuple(kept))

    def _block(self, block: BlockItem) -> BlockItem:
        if block.expression is None:
            return block
        return replace(block, expression=self._expression(block.expression, BLOCKS[block.kind]))

    def _expression(self, expression: Expression, kind: Kind) -> Expression:
        match expression:
            case AndExpression(terms) | OrExpression(terms):
                return replace(expression, terms=tuple(self._expression(term, kind) for term in terms))
            case NotExpression(term):
                return replace(expression, term=self._expression(term, kind))
            case ComparisonExpression() if _is_list_of(expression):
                try:
                    return self._list(expression, kind)
                except (SemanticError, StatementError) as fault:
                    self.fed.wrong += _fault_diagnostic(fault)
                    return _null_check(expression)
            case ComparisonExpression(operands=(Path() as path, *_)) if (
                self._is_result_name(path.parts[0]) and len(path.parts) > 1
            ):
                message, hint = (
                    f"'{path.dotted}' is a list of values",
                    f"write {expression.path.dotted} IN {path.dotted}",
                )
                self.fed.wrong.append(Diagnostic("AQL0220", message, path.origin, "many values", hint))
                return _null_check(expression)
            case _:
                return expression

    # --- lists

    def _list(self, leaf: ComparisonExpression, kind: Kind) -> Expression:
        """The comparison with the values of a column; while they are not there, one that checks the left side alone."""
        operand = leaf.operands[0]
        if isinstance(operand, Path) and len(operand.parts) == 1 and not self._is_result_name(operand.parts[0]):
            return leaf  # a text without quotes, as the resolver says
        origin = operand.origin
        kept, path, held = self._only_column(operand) if isinstance(operand, Subquery) else self._column(operand)
        self._check_types(leaf, kind, operand, held)
        self.fed.origins.add(origin)
        if kept.result is None:
            self.fed.waiting = True
            return _null_check(leaf)
        values = kept.values(path)
        if not values:
            self._warn_of_nothing(kept, origin, _format_operand(operand), leaf.operator == Op.NOT_IN)
            return OrExpression((), leaf.origin) if leaf.operator == Op.IN else AndExpression((), leaf.origin)
        if len(values) > MAX_LIST_VALUES:
            message = f"{_format_operand(operand)} has {len(values):,} values; {MAX_LIST_VALUES:,} are the most"
            raise SemanticError("AQL0116", message, origin, "too many", "narrow the search that found them")
        return replace(leaf, operands=tuple(_row_value_operand(value, origin) for value in values))

    def _is_result_name(self, name: str) -> bool:
        return self.results is not None and self.results.get(name) is not None

    def _result(self, name: str, origin: Origin) -> StoredResult:
        """The result of a name. Raises Fault when there is none."""
        if self.results is None:
            raise _no_session_error(origin)
        kept = self.results.get(name)
        if kept is None:
            near = find_closest(name, self.results.names, 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else _let_hint(self.results.names)
            raise SemanticError("AQL0220", f"there is no result '{name}'", origin, "unknown result", hint)
        return kept

    def _column(self, path: Operand) -> tuple[StoredResult, tuple[str, ...], Type]:
        assert isinstance(path, Path), "only paths and subqueries name results"  # noqa: S101
        kept = self._result(path.parts[0], path.origin)
        if len(path.parts) == 1:
            hint = f"name one of its columns: {kept.name}.{kept.kind.leaves()[0].bare}"
            raise SemanticError("AQL0220", f"'{kept.name}' is a result, and not a list", path.origin, "a result", hint)
        return kept, *self._locate_column(kept, Path(path.parts[1:], path.origin))

    def _locate_column(self, kept: StoredResult, path: Path) -> tuple[tuple[str, ...], Type]:
        """Where a column of a result is, and its type. Raises Fault when there is none, or when it is an object."""
        declared = kept.kind.field(path.dotted)
        if declared is None:
            key = path.parts[-1] if len(path.parts) == 1 or path.parts[0].casefold() == METADATA else ""
            known = self.catalogue.key(kept.kind.metadata, key)
            if not kept.kind.metadata or len(path.parts) > 2 or (known is None and len(path.parts) == 1):
                raise _unknown_column(kept, path)
            return (METADATA, key), known.type if known is not None else Type.ANY
        if declared.type is Type.OBJECT:
            members = declared.members or (declared,)
            hint = f"name one of its members, as {kept.name}.{members[0].bare}"
            raise SemanticError(
                "AQL0205", f"'{path.dotted}' is an object and no list of values", path.origin, "an object", hint
            )
        return declared.path, declared.type

    def _only_column(self, subquery: Subquery) -> tuple[StoredResult, tuple[str, ...], Type]:
        kept = self._subquery_values(subquery)
        fields = [kept.kind.field(column.name) for column in kept.columns]
        only = fields[0] if len(fields) == 1 else None
        if only is None or only.type is Type.OBJECT:
            count = len(fields)
            message = (
                "an object cannot be compared" if count == 1 else f"a list has one column, and this FIND has {count}"
            )
            hint = "select one: FIND … SELECT data_source.platform …"
            missing = () if any(isinstance(each, Select) for each in subquery.find.clauses) else ("SELECT",)
            raise SemanticError("AQL0221", message, subquery.origin, "one column is needed", hint, missing=missing)
        return kept, only.path, only.type

    def _subquery_values(self, subquery: Subquery) -> StoredResult:
        if self.results is None:
            raise _no_session_error(subquery.origin)
        kept = self.results.run_subquery(subquery.find)
        self.fed.warnings += kept.warnings
        return kept

    def _check_types(self, leaf: ComparisonExpression, kind: Kind, operand: Operand, type: Type) -> None:
        """Raises Fault when the values cannot be compared with the field."""
        names = NameResolver(kind, self.catalogue)
        try:
            place = names.value_context(names.ref(leaf.path), leaf.path.dotted)
        except SemanticError:
            return  # the resolver says it
        if place.type is Type.OBJECT:
            hint = f"name one of its members, as {place.name}.…"
            raise SemanticError(
                "AQL0205", f"'{place.name}' is an object and cannot be compared", leaf.path.origin, hint=hint
            )
        if not can_be_compared(place, type):
            message = f"'{place.name}' takes {place.type.value}, and {_format_operand(operand)} is {type.value}"
            raise SemanticError("AQL0203", message, operand.origin, type.value, "take another column")

    def _warn_of_nothing(self, kept: StoredResult, origin: Origin, shown: str, everything: bool) -> None:
        rows = len(kept.result) if kept.result is not None else 0
        found = f"has {rows:,} rows, and none a value here" if rows else "is empty"
        message = f"{shown} {found}: {'this leaves nothing out' if everything else 'this finds nothing'}"
        self.fed.warnings.append(Diagnostic("AQL0609", message, origin, "no values", severity="warning"))

    # --- intervals

    def _overlap(self, clause: Overlap) -> None:
        """Takes the intervals of a result for the window of the statement."""
        if self.fed.during is not None:
            self.fed.wrong.append(two_windows_error(clause.origin).diagnostic)
            return
        self.fed.during, self.fed.overlap = (), clause.origin
        try:
            kept = self._overlapped_result(clause)
            fields = self._using_fields(clause, kept)
            by_minute = kept.ends == ("epoch",)
            found = pad_intervals(kept.intervals(), clause.padding, self.values)
            groups = group_rows(kept, fields, clause, self.values, by_minute=by_minute) if fields else ()
        except (SemanticError, StatementError) as fault:
            self.fed.wrong += _fault_diagnostic(fault)
            return
        if kept.result is None:
            self.fed.waiting = True
            return
        if fields:
            self.fed.using = to_query_using(fields, groups)
            found = [interval for group in groups for interval in group.intervals]
        self.fed.during = tuple(join_intervals(found, by_minute=by_minute))
        if not self.fed.during:
            self._warn_of_nothing(kept, clause.result.origin, _format_operand(clause.result), everything=False)

    def _using_fields(self, clause: Overlap, kept: StoredResult) -> list[UsingField]:
        """The fields of USING. Raises Fault, or StatementError with several."""
        names = NameResolver(self.fed.kind, self.catalogue)
        clauses = self.fed.find.clauses
        where = [expression for each in clauses if isinstance(each, Where) for expression in _clause_expressions(each)]
        blocks = [expression for each in clauses if isinstance(each, Of) for expression in _clause_expressions(each)]
        said = independence_warning(clause, where, blocks, kept, names)
        self.fed.warnings += [said] if said is not None else []
        wrong: list[Diagnostic] = []
        fields: dict[UsingField, None] = {}
        for path in clause.using:
            try:
                used = resolve_using_field(path, kept, names, _format_operand(clause.result))
                if used in fields:
                    raise SemanticError(
                        "AQL0111", f"{path.dotted} stands twice", path.origin, "the second one", "keep one"
                    )
                fields[used] = None
            except SemanticError as fault:
                wrong.append(fault.diagnostic)
        self.fed.warnings += names.warnings
        if wrong:
            raise StatementError(wrong)
        return list(fields)

    def _overlapped_result(self, clause: Overlap) -> StoredResult:
        if isinstance(clause.result, Path):
            kept = self._result(clause.result.dotted, clause.result.origin)
        else:
            kept = self._subquery_values(clause.result)
        if not kept.ends:
            have = {column.name for column in kept.columns}
            missing = " and ".join(name for name in ("start", "end") if name not in have) or "its times"
            message = f"{_format_operand(clause.result)} does not tell when its rows are: it has no {missing}"
            hint = "select start and end too, or epoch"
            raise SemanticError("AQL0222", message, clause.result.origin, "no times", hint)
        return kept


def _null_check(leaf: ComparisonExpression) -> ComparisonExpression:
    """A comparison of the same field that is right whatever its type."""
    return ComparisonExpression(leaf.path, Op.IS_NOT_NULL, (), leaf.origin)


def _row_value_operand(value: Any, origin: Origin) -> Operand:
    """A value of a row as if it were written. Raises Fault for one that cannot be compared."""
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
            raise SemanticError("AQL0203", "a value of it is an object, which cannot be compared", origin, "an object")


def _fault_diagnostic(fault: SemanticError | StatementError) -> tuple[Diagnostic, ...]:
    return (fault.diagnostic,) if isinstance(fault, SemanticError) else fault.diagnostics


def _format_operand(operand: object) -> str:
    return f"'{operand.dotted}'" if isinstance(operand, Path) else "the FIND in parentheses"


def _unknown_column(kept: StoredResult, path: Path) -> SemanticError:
    names = [leaf.bare for leaf in kept.kind.leaves()]
    near = find_closest(path.dotted, (*names, *kept.kind.names), 1, 0.7)
    if near:
        hint = f"did you mean {kept.name}.{near[0]}?"
    elif kept.kind.metadata:
        hint = f"a metadata key that is not known is written {kept.name}.{METADATA}.{path.parts[-1]}"
    else:
        hint = f"its columns are {', '.join(names)}"
    fix = f"{kept.name}.{near[0]}" if near and find_misspelt(path.dotted, near) else None
    return SemanticError(
        "AQL0201", f"the result '{kept.name}' has no column '{path.dotted}'", path.origin, "unknown", hint, fix
    )


def _no_session_error(origin: Origin) -> SemanticError:
    hint = "run it where the result is kept, as in a script; or write the values themselves"
    return SemanticError("AQL0410", "a result is there only in a session", origin, "needs the rows of a result", hint)
