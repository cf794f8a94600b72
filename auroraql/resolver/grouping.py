"""GROUP BY, DISTINCT and ORDER BY: resolve what a result row is, and check that every column has one value per row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from auroraql.diagnostics.errors import Diagnostic, Origin, replace_value
from auroraql.diagnostics.suggestions import find_closest
from auroraql.ir.query import (
    EVERYTHING,
    And,
    Column,
    Constant,
    FieldValue,
    GroupKey,
    Not,
    Or,
    OrderKey,
    Predicate,
    Ref,
    Scalar,
    is_aggregate,
    normalize,
)
from auroraql.language.ast import (
    BooleanLiteral,
    Duration,
    FindStatement,
    FunctionCall,
    GroupBy,
    Having,
    Instant,
    NumberLiteral,
    OrderBy,
    OrderItem,
    Path,
    Select,
    SelectStar,
    TextLiteral,
    Value,
)
from auroraql.language.printer import print_name, print_path, print_scalar
from auroraql.resolver.expressions import ExpressionResolver, ungrouped_in_predicate, ungrouped_refs
from auroraql.resolver.names import NameResolver
from auroraql.resolver.predicates import PredicateResolver
from auroraql.resolver.selection import SelectResolver, check_single, is_bare_path
from auroraql.resolver.values import OperandResolver, SemanticError
from auroraql.schema import Type


@dataclass(frozen=True, slots=True)
class RowShape:
    """Shape of the result rows: columns (None for the whole record), grouping and order."""

    columns: tuple[Column, ...] | None = None
    group_by: tuple[GroupKey, ...] = ()
    order_by: tuple[OrderKey, ...] = ()
    having: Predicate = EVERYTHING


class GroupingResolver:
    """Resolver of the clauses that shape the rows of one statement, which collects every error in them."""

    def __init__(
        self,
        names: NameResolver,
        values: OperandResolver,
        find: FindStatement,
        columns: tuple[Column, ...] | None,
        selection: SelectResolver,
    ) -> None:
        self.names, self.values, self.find, self.columns, self.selection = names, values, find, columns, selection
        self.errors: list[Diagnostic] = []

    def rows(self) -> RowShape:
        """Return the shape of the rows. Groups without SELECT have the grouped fields as columns."""
        written: dict[GroupKey, Value] = {}
        for value in self._written_keys():
            for key in self._group_keys(value):
                written.setdefault(key, value)
        written = self._without_constants(written)
        group_by = tuple(written)
        if self.columns is None and group_by:
            for star in self._refuse_stars():
                self._refuse("*", star.origin, "select grouped fields, and functions such as count(*)")
            self.columns = tuple(self._key_column(key, value) for key, value in written.items())
        having = self._having()
        aggregates = is_aggregate(group_by, self.columns, having)
        if aggregates:
            if self.columns is None and not self.errors:
                hint = "select what a group has, such as SELECT count(*), or add GROUP BY"
                message = "HAVING filters groups, and this statement has none"
                self.errors.append(
                    Diagnostic("AQL0212", message, self._having_origin(), "no groups", hint, missing=("GROUP",))
                )
            if not self.errors:
                self._check_columns(group_by)
            self._check_having(having, group_by)
        return RowShape(self.columns, group_by, self._order_keys(group_by if aggregates else None), having)

    def _order_keys(self, group_by: tuple[GroupKey, ...] | None) -> tuple[OrderKey, ...]:
        """Return the keys of ORDER BY. `group_by` is None if rows are records."""
        keys: list[OrderKey] = []
        for item in (key for clause in self.find.clauses if isinstance(clause, OrderBy) for key in clause.keys):
            try:
                key = self._order_key(item, group_by)
            except SemanticError as error:
                self.errors.append(error.diagnostic)
                continue
            # A constant is the same in every row, so it does not order them.
            keys += [] if isinstance(key.expression, Constant) else [key]
        return tuple(keys)

    def _written_keys(self) -> Iterator[Value]:
        return (key for clause in self.find.clauses if isinstance(clause, GroupBy) for key in clause.keys)

    def _without_constants(self, written: dict[GroupKey, Value]) -> dict[GroupKey, Value]:
        """Return the keys of GROUP BY that are not constants, which are the same in every record.

        A group needs another key, so constants alone are an error.
        """
        varying: dict[GroupKey, Value] = {key: value for key, value in written.items() if not isinstance(key, Constant)}
        if written and not varying:
            message = "GROUP BY has only constants, which are the same in every record"
            hint = "name a field, or remove GROUP BY: functions such as count(*) are then computed from all records"
            origin = next(iter(written.values())).origin
            self.errors.append(Diagnostic("AQL0212", message, origin, "a constant", hint))
        return varying

    def _key_column(self, key: GroupKey, value: Value) -> Column:
        if isinstance(key, Ref):
            return Column(key, bare=isinstance(value, Path) and is_bare_path(key, value))
        return self.selection.computed_column(key, "", value.origin)

    # --- HAVING

    def _having(self) -> Predicate:
        for clause in self.find.clauses:
            if isinstance(clause, Having):
                resolver = PredicateResolver(self.names, self.values, "HAVING", self._label_values())
                predicate = resolver.where(clause.expression)
                self.errors += resolver.errors
                return normalize(predicate)
        return EVERYTHING

    def _having_origin(self) -> Origin:
        return next((clause.origin for clause in self.find.clauses if isinstance(clause, Having)), None)

    def _label_values(self) -> Mapping[str, Scalar]:
        """Return the values of the columns of SELECT by their labels."""
        values: dict[str, Scalar] = {}
        expressions = PredicateResolver(self.names, self.values, "SELECT").expressions
        for column in self.columns or ():
            if column.expression is not None:
                values[column.label] = column.expression
            elif column.function:
                values[column.label] = _aggregate_value(column, expressions)
            elif column.alias and column.ref is not None:
                values[column.alias] = expressions.resolve(Path(column.ref.path))
        return {name.casefold(): value for name, value in values.items()} | values

    def _check_ungrouped(self, fields: Sequence[FieldValue], origin: Origin, group_by: tuple[GroupKey, ...]) -> None:
        for field in fields[:1]:
            name = self._format_name(field.ref)
            hint = f"add {name} to GROUP BY" if group_by else f"add GROUP BY {name}"
            self._refuse(name, origin, f"{hint}, or use a function such as max({name})")

    def _check_having(self, having: Predicate, group_by: tuple[GroupKey, ...]) -> None:
        """Report the first condition of HAVING on a field that has several values in a group."""
        for term in _leaves(having):
            for field in ungrouped_in_predicate(term, group_by)[:1]:
                name = self._format_name(field.ref)
                hint = f"put the condition into WHERE to filter records, or use a function such as max({name})"
                if field.ref.role == "metadata" and not self.names.is_known(Path((name,))):
                    hint = f"the columns are {', '.join(column.label for column in self.columns or ())}; {hint}"
                self._refuse(name, term.origin or self._having_origin(), hint)
                return

    def _labels(self) -> Mapping[str, Column]:
        """Return the columns by label: aliases, and functions as written."""
        return {label: c for c in self.columns or () if (label := c.label if c.is_computed else c.alias)}

    def _column_with_label(self, path: Path) -> Column | None:
        """Return the SELECT column with this label. Case matters only if two labels differ in case alone."""
        if len(path.parts) > 1:
            return None
        labels, folded = self._labels(), path.dotted.casefold()
        matches = [column for label, column in labels.items() if label.casefold() == folded]
        return labels.get(path.dotted) or (matches[0] if len(matches) == 1 else None)

    def _group_keys(self, value: Value) -> tuple[GroupKey, ...]:
        """Return the key of an item of GROUP BY, or nothing after an error."""
        try:
            if isinstance(value, Path):
                return (self._named_key(value),)
            self._refuse_literal("GROUP BY", value)
            # Inside an expression, a name is the field, as in SQL: upper(program) AS program … GROUP BY upper(program).
            expressions = PredicateResolver(self.names, self.values, "GROUP BY").expressions
            expressions.allows_aggregates = False
            scalar = expressions.resolve(value)
        except SemanticError as error:
            self.errors.append(error.diagnostic)
            return ()
        return (scalar.ref if isinstance(scalar, FieldValue) else scalar,)

    def _named_key(self, path: Path) -> GroupKey:
        named = self._column_with_label(path)
        if named is not None and named.is_aggregate:
            message = f"'{path.dotted}' is calculated for each group, so GROUP BY cannot use it"
            raise SemanticError("AQL0212", message, path.origin, "a function", "group by a field or a metadata key")
        if named is not None and named.expression is not None:
            return named.expression
        ref = named.ref if named is not None and named.ref is not None else self.names.ref(path)
        if not self.names.kind.is_listed(ref.path) or self._is_object(ref):
            check_single(self.names, ref, path)
        return ref

    def _refuse_literal(self, clause: str, value: Value) -> None:
        """Raise SemanticError for a literal in place of a key: a position, or a name in quotes."""
        if isinstance(value, NumberLiteral):
            raise self._ordinal_error(clause, value)
        if not isinstance(value, TextLiteral | BooleanLiteral | Instant | Duration):
            return
        hint, fix = "name a field or a column of SELECT", None
        if isinstance(value, TextLiteral):
            path = Path(tuple(value.value.split(".")), value.origin)
            if self._column_with_label(path) is not None or ("" not in path.parts and self.names.is_known(path)):
                fix = print_path(path.dotted) if len(path.parts) > 1 else print_name(path.dotted)
                hint = f"write the name without quotes: {fix}"
        verb = "does not order rows" if clause == "ORDER BY" else "does not form groups"
        raise SemanticError("AQL0212", f"a constant {verb}", value.origin, "a constant", hint, fix)

    def _ordinal_error(self, clause: str, number: NumberLiteral) -> SemanticError:
        """Return the error for the position of a column, as in GROUP BY 1."""
        columns = self.columns or ()
        at = int(number.text) if number.text.isdigit() else 0
        column = columns[at - 1] if 0 < at <= len(columns) else None
        name = None if column is None else column.alias or column.text or self._written_name(column)
        hint = f"write {name}" if name else "name a field or a column of SELECT"
        message = f"{clause} takes fields and columns by name, not by position"
        return SemanticError("AQL0212", message, number.origin, "a position", hint, name)

    def _written_name(self, column: Column) -> str:
        return column.label if not column.function else f"`{column.label}`"

    def _is_object(self, ref: Ref) -> bool:
        declared = self.names.declared_field(ref)
        return declared is not None and declared.type is Type.OBJECT

    def _refuse_stars(self) -> Iterator[SelectStar]:
        for clause in self.find.clauses:
            if isinstance(clause, Select):
                yield from (item for item in clause.items if isinstance(item, SelectStar))

    def _check_columns(self, group_by: tuple[GroupKey, ...]) -> None:
        """Check that each column is grouped or a function. Report one error per star or tree."""
        stars = {star.origin for star in self._refuse_stars()}
        reported: set[object] = set()
        for column in self.columns or ():
            if column.expression is not None:
                self._check_ungrouped(ungrouped_refs(column.expression, group_by), column.origin, group_by)
                continue
            if column.ref is None or column.function or column.ref in group_by or column.origin in reported:
                continue
            reported.add(column.origin)
            if column.origin in stars:
                self._refuse("*", column.origin, "select grouped fields, and functions such as count(*)")
                continue
            name = self._format_name(column.ref)
            hint = f"add {name} to GROUP BY" if group_by else f"add GROUP BY {name}"
            if self._is_object(column.ref):
                self._refuse(name, column.origin, f"name one of its members that is grouped: {name}.…")
            else:
                self._refuse(name, column.origin, f"{hint}, or select max({name})")

    def _format_name(self, ref: Ref) -> str:
        declared = self.names.declared_field(ref)
        return declared.bare if declared is not None else ref.name

    def _refuse(self, name: str, origin: Origin, hint: str) -> None:
        message = f"'{name}' is neither in GROUP BY nor in a function"
        self.errors.append(Diagnostic("AQL0212", message, origin, "several values per row", hint, missing=("GROUP",)))

    def _order_key(self, item: OrderItem, group_by: tuple[GroupKey, ...] | None) -> OrderKey:
        """Return a key of ORDER BY. `group_by` is None if rows are records.

        Raises SemanticError if it is unknown, or does not have one value per row.
        """
        value, origin = item.value, item.value.origin
        self._refuse_literal("ORDER BY", value)
        if not isinstance(value, Path):
            return self._computed_order_key(item, group_by)
        named = self._column_with_label(value)
        if named is not None and named.is_computed:
            by_record = named.expression if group_by is None and not self.find.distinct else None
            ref = Ref("column", named.label)
            return OrderKey(ref, item.descending, item.nulls_first, origin, by_record)
        return OrderKey(self._ordered_field(value, named, group_by), item.descending, item.nulls_first, origin)

    def _computed_order_key(self, item: OrderItem, group_by: tuple[GroupKey, ...] | None) -> OrderKey:
        origin = item.value.origin
        expressions = PredicateResolver(self.names, self.values, "ORDER BY", self._label_values()).expressions
        expressions.allows_aggregates = group_by is not None
        scalar = expressions.resolve(item.value)
        if isinstance(scalar, FieldValue):
            return self._order_key(replace_value(item, value=Path(scalar.ref.path, origin)), group_by)
        if group_by is not None and (fields := ungrouped_refs(scalar, group_by)):
            raise self._ungrouped_error(Path((self._format_name(fields[0].ref),), origin))
        if self.find.distinct and not any(column.expression == scalar for column in self.columns or ()):
            message = "DISTINCT rows have only selected columns, and this expression is not selected"
            raise SemanticError("AQL0212", message, origin, "not selected", "select it, or remove DISTINCT")
        text = print_scalar(scalar, self.names.kind, self.names.catalogue)
        return OrderKey(Ref("column", text), item.descending, item.nulls_first, origin, scalar)

    def _ordered_field(self, path: Path, named: Column | None, group_by: tuple[GroupKey, ...] | None) -> Ref:
        """Return the field that ORDER BY names. Raises SemanticError if it does not have one value per row."""
        ref = named.ref if named is not None and named.ref is not None else self.names.ref(path)
        if self._is_object(ref):
            hint = f"name one of its members: {path.dotted}.…"
            raise SemanticError(
                "AQL0205", f"'{path.dotted}' is an object and cannot be ordered", path.origin, "an object", hint
            )
        if group_by is None or ref not in group_by:
            check_single(self.names, ref, path)
        if group_by is not None and ref not in group_by:
            raise self._ungrouped_error(path)
        if self.find.distinct and not self._is_selected(ref):
            message = f"DISTINCT rows have only selected columns, and '{path.dotted}' is not selected"
            raise SemanticError("AQL0212", message, path.origin, "not selected", "select it, or remove DISTINCT")
        return ref

    def _ungrouped_error(self, path: Path) -> SemanticError:
        labels = [column.label for column in self.columns or ()]
        if not self.names.is_known(path):
            functions = [c.label for c in self.columns or () if c.function and not c.alias]
            calls = [label for label in functions if label.partition("(")[0] == path.dotted.lower()]
            if len(calls) == 1:
                hint = f"give it an alias: {calls[0]} AS n … ORDER BY n, or write `{calls[0]}`"
                message = f"the column '{path.dotted}' does not exist"
                fix = f"`{calls[0]}`"
                return SemanticError("AQL0212", message, path.origin, f"the column is {calls[0]}", hint, fix)
            near = find_closest(path.dotted, [label for label in labels if label not in functions], 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else f"the columns are {', '.join(labels)}"
            message = f"'{path.dotted}' is neither a column nor a grouped field"
            return SemanticError("AQL0212", message, path.origin, "unknown column", hint)
        hint = f"order by a function of it: SELECT max({path.dotted}) AS top … ORDER BY top"
        message = f"a row is a group of records, which may have different values of '{path.dotted}'"
        return SemanticError("AQL0212", message, path.origin, "several values per row", hint)

    def _is_selected(self, ref: Ref) -> bool:
        if self.columns is None:
            return True
        selected = [c.ref.path for c in self.columns if c.ref is not None and not c.function]
        return any(ref.path[: len(path)] == path for path in selected)


def _leaves(predicate: Predicate) -> Iterator[Predicate]:
    """Yield the comparisons of a predicate."""
    match predicate:
        case And(terms) | Or(terms):
            for term in terms:
                yield from _leaves(term)
        case Not(term):
            yield from _leaves(term)
        case _:
            yield predicate


def _aggregate_value(column: Column, expressions: ExpressionResolver) -> Scalar:
    """Return the value of a column that is an aggregate of one field."""
    arguments = () if column.ref is None else (Path(column.ref.path, column.origin),)
    return expressions.resolve(FunctionCall(column.function, arguments, origin=column.origin))
