"""SELECT, GROUP BY, DISTINCT and ORDER BY: resolve what a result row is, and check that every column has one value per row.

SELECT expands trees and stars to columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from auroraql.diagnostics.errors import Diagnostic, Origin
from auroraql.diagnostics.suggestions import find_closest, find_misspelt
from auroraql.ir.query import FUNCTIONS, Column, OrderKey, Ref, default_columns
from auroraql.language.ast import FindStatement, GroupBy, OrderBy, Path, Select, SelectAggregate, SelectItem, SelectStar
from auroraql.language.ast import SelectColumn as Written
from auroraql.resolver.names import METADATA, NameResolver
from auroraql.resolver.values import SemanticError
from auroraql.schema import Field, Type


class SelectResolver:
    """Resolver of the columns of one statement, which collects every error in them."""

    def __init__(self, names: NameResolver) -> None:
        self.names = names
        self.errors: list[Diagnostic] = []

    def columns(self, select: Select) -> tuple[Column, ...] | None:
        """Return the columns in order, or None for the whole record."""
        if len(select.items) == 1 and isinstance(select.items[0], SelectStar) and not select.items[0].exclude:
            return None
        columns: list[Column] = []
        for item in select.items:
            try:
                columns += self._item(item, ())
            except SemanticError as error:
                self.errors.append(error.diagnostic)
        self._check_labels(columns)
        return tuple(columns)

    def _item(self, item: SelectItem, above: tuple[str, ...]) -> Iterator[Column]:
        match item:
            case SelectStar(exclude, origin):
                yield from self._star_columns(exclude, above, origin)
            case SelectAggregate():
                yield self._aggregate(item, above)
            case Written(path, (), alias, origin):
                ref = self.names.ref(path, above=above)
                yield Column(ref, alias, origin, bare=not above and is_bare_path(ref, path) and not alias)
            case Written(path, members, alias, origin):
                if alias:
                    raise SemanticError(
                        "AQL0207",
                        f"the tree '{path.dotted}' cannot have an alias",
                        origin,
                        hint="give its members aliases: {a AS b}",
                    )
                self._check_tree(path, above)
                for member in members:
                    yield from self._item(member, (*above, *path.parts))

    def _aggregate(self, item: SelectAggregate, above: tuple[str, ...]) -> Column:
        function, path, origin = item.function, item.path, item.origin
        if function not in FUNCTIONS:
            raise _unknown_function_error(function, origin)
        if above:
            hint = f"write {function}({'.'.join(above)}.…) outside the tree"
            raise SemanticError("AQL0106", f"{function}() is not allowed in a tree", origin, "a function", hint)
        if path is None:
            if function != "count":
                message = f"{function} does not take *: only count does"
                raise SemanticError(
                    "AQL0205", message, origin, hint=f"name a field: {function}({self._example_field()})"
                )
            return Column(None, item.alias, origin, function)
        ref = self.names.ref(path)
        check_single(self.names, ref, path)
        context = self.names.value_context(ref, path.dotted)
        if function != "count" and not context.type.is_ordered:
            message = f"'{path.dotted}' is TRUE or FALSE, and {function} needs values with an order"
            raise SemanticError(
                "AQL0205", message, path.origin, hint=f"count its values: GROUP BY {path.dotted} with count(*)"
            )
        if function in ("sum", "avg") and not context.metadata and context.type not in (Type.NUMBER, Type.INTEGER):
            message = f"{function} takes numbers, and '{path.dotted}' is {context.type.value}"
            raise SemanticError(
                "AQL0205", message, path.origin, context.type.value, "count, min and max take other types"
            )
        return Column(ref, item.alias, origin, function, bare=is_bare_path(ref, path) and not item.alias)

    def _example_field(self) -> str:
        return next((f.bare for f in self.names.kind.leaves() if f.type.is_ordered), "field")

    def _check_tree(self, path: Path, above: tuple[str, ...]) -> None:
        dotted = ".".join((*above, *path.parts))
        declared = self.names.kind.field(dotted)
        if declared is None or declared.type is not Type.OBJECT:
            trees = ", ".join(f.name for f in self.names.kind.fields if f.type is Type.OBJECT)
            raise SemanticError(
                "AQL0201", f"'{dotted}' has no members", path.origin, "not an object", hint=f"the objects are {trees}"
            )

    def _star_columns(self, exclude: tuple[Path, ...], above: tuple[str, ...], origin: Origin) -> Iterator[Column]:
        tree = self.names.kind.field(".".join(above)) if above else None
        leaves = self.names.kind.leaves() if tree is None else tuple(_tree_leaves(tree))
        excluded = {self._excluded_paths(path, above) for path in exclude}
        for leaf, column in zip(leaves, default_columns(leaves), strict=True):
            if not excluded & {leaf.path[:n] for n in range(1, len(leaf.path) + 1)}:
                yield replace(column, origin=origin, bare=column.bare and not above)

    def _excluded_paths(self, path: Path, above: tuple[str, ...]) -> tuple[str, ...]:
        declared: Field | None = self.names.kind.field(".".join((*above, *path.parts)))
        if declared is None:
            # A record's metadata is returned as a whole, so one key cannot be excluded.
            if path.parts[0].casefold() == METADATA:
                raise SemanticError(
                    "AQL0201",
                    "a single metadata key cannot be excluded",
                    path.origin,
                    hint="write EXCLUDE (metadata), and select the keys that you need",
                )
            near = find_closest(path.dotted, [f.bare for f in self.names.kind.leaves()], 1, 0.6)
            raise SemanticError(
                "AQL0201",
                f"{self.names.kind.title} have no field '{path.dotted}'",
                path.origin,
                "unknown field",
                f"did you mean {near[0]}?" if near else "",
                find_misspelt(path.dotted, near),
            )
        return declared.path

    def _check_labels(self, columns: list[Column]) -> None:
        seen: dict[str, Column] = {}
        for column in columns:
            if column.label in seen:
                self.errors.append(
                    Diagnostic(
                        "AQL0207",
                        f"two columns are named '{column.label}'",
                        column.origin,
                        "the second one",
                        f"rename one of them: … AS {column.function or column.label.rpartition('.')[2]}_2",
                        missing=() if column.alias else ("AS",),
                    )
                )
            seen.setdefault(column.label, column)
        self._check_keys(columns)

    def _check_keys(self, columns: list[Column]) -> None:
        """Report an alias that equals the name of an object which contains other columns of the result."""
        objects = {c.ref.path[0]: c for c in reversed(columns) if c.ref is not None and not c.alias and not c.function}
        for column in columns:
            inside = objects.get(column.alias)
            if inside is not None and inside.label != column.alias:
                message = f"the alias '{column.alias}' is also the object that contains '{inside.label}'"
                hint = f"choose another alias, or give '{inside.label}' an alias"
                self.errors.append(Diagnostic("AQL0207", message, column.origin, "the same key twice", hint))


def is_bare_path(ref: Ref, path: Path) -> bool:
    """Return whether a path is written without the prefix of the object that contains the value."""
    return len(path.parts) == 1 and ref.bare != ".".join(ref.path)


def check_single(names: NameResolver, ref: Ref, path: Path) -> None:
    """Check that a path has one value per record. Raises SemanticError if it is an object or a list."""
    declared = names.declared_field(ref)
    if declared is not None and declared.type is Type.OBJECT:
        hint = f"name one of its members: {path.dotted}.…"
        raise SemanticError(
            "AQL0205", f"'{path.dotted}' is an object, not a single value", path.origin, "an object", hint
        )
    if names.kind.is_listed(ref.path):
        raise several_values_error(path.dotted, path.origin)


def several_values_error(name: str, origin: Origin) -> SemanticError:
    """Return the error for a list field where one value per record is needed."""
    hint = "select it, group by it, or compare it with =, IN or LIKE"
    return SemanticError("AQL0205", f"'{name}' has several values in a record", origin, "a list", hint)


def _tree_leaves(tree: Field) -> Iterator[Field]:
    """Yield the leaves of a tree, with nested trees expanded. An object without declared members is a leaf."""
    if not tree.members:
        yield tree
    for member in tree.members:
        yield from _tree_leaves(member)


_SAME = {"mean": "avg", "average": "avg", "maximum": "max", "minimum": "min", "total": "sum"}
_OTHERS = (
    "abs",
    "acos",
    "any",
    "asin",
    "atan",
    "cos",
    "exp",
    "len",
    "ln",
    "log",
    "mad",
    "mod",
    "pi",
    "pow",
    "sin",
    "tan",
)
"""SQL functions whose names resemble functions of FIND but are not misspellings of them."""


def _unknown_function_error(function: str, origin: Origin) -> SemanticError:
    meant = _SAME.get(function.lower()) or (
        find_misspelt(function, FUNCTIONS) if function.lower() not in _OTHERS else None
    )
    alternative = "store the records with LET name = FIND …, then use any SQL function: SQL SELECT … FROM name"
    return SemanticError(
        "AQL0209",
        f"FIND has no function '{function}'",
        origin,
        "unknown function",
        f"did you mean {meant}?" if meant else f"the functions are {', '.join(FUNCTIONS)}; {alternative}",
    )


@dataclass(frozen=True, slots=True)
class RowShape:
    """Shape of the result rows: columns (None for the whole record), grouping and order."""

    columns: tuple[Column, ...] | None = None
    group_by: tuple[Ref, ...] = ()
    order_by: tuple[OrderKey, ...] = ()


class GroupingResolver:
    """Resolver of the clauses that shape the rows of one statement, which collects every error in them."""

    def __init__(self, names: NameResolver, find: FindStatement, columns: tuple[Column, ...] | None) -> None:
        self.names, self.find, self.columns = names, find, columns
        self.errors: list[Diagnostic] = []

    def rows(self) -> RowShape:
        """Return the shape of the rows. Groups without SELECT have the grouped fields as columns."""
        written: dict[Ref, Path] = {}
        for path in self._paths():
            for ref in self._grouped_refs(path):
                written.setdefault(ref, path)
        group_by = tuple(written)
        if self.columns is None and group_by:
            for star in self._refuse_stars():
                self._refuse("*", star.origin, "select grouped fields, and functions such as count(*)")
            self.columns = tuple(Column(ref, bare=is_bare_path(ref, path)) for ref, path in written.items())
        aggregates = bool(group_by) or any(column.function for column in self.columns or ())
        if aggregates:
            self._check_columns(group_by)
        order = [key for clause in self.find.clauses if isinstance(clause, OrderBy) for key in clause.keys]
        keys: list[OrderKey] = []
        for key in order:
            try:
                ref = self._order_keys(key.path, group_by if aggregates else None)
                keys.append(OrderKey(ref, key.descending, key.nulls_first, key.path.origin))
            except SemanticError as error:
                self.errors.append(error.diagnostic)
        return RowShape(self.columns, group_by, tuple(keys))

    def _paths(self) -> Iterator[Path]:
        return (path for clause in self.find.clauses if isinstance(clause, GroupBy) for path in clause.paths)

    def _labels(self) -> Mapping[str, Column]:
        """Return the columns by label: aliases, and functions as written."""
        return {label: c for c in self.columns or () if (label := c.label if c.function else c.alias)}

    def _column_with_label(self, path: Path) -> Column | None:
        """Return the SELECT column with this label. Case matters only if two labels differ in case alone."""
        if len(path.parts) > 1:
            return None
        labels, folded = self._labels(), path.dotted.casefold()
        matches = [column for label, column in labels.items() if label.casefold() == folded]
        return labels.get(path.dotted) or (matches[0] if len(matches) == 1 else None)

    def _grouped_refs(self, path: Path) -> tuple[Ref, ...]:
        try:
            named = self._column_with_label(path)
            if named is not None and named.function:
                message = f"'{path.dotted}' is calculated for each group, so GROUP BY cannot use it"
                raise SemanticError("AQL0212", message, path.origin, "a function", "group by a field or a metadata key")
            ref = named.ref if named is not None and named.ref is not None else self.names.ref(path)
            if not self.names.kind.is_listed(ref.path) or self._is_object(ref):
                check_single(self.names, ref, path)
        except SemanticError as error:
            self.errors.append(error.diagnostic)
            return ()
        return (ref,)

    def _is_object(self, ref: Ref) -> bool:
        declared = self.names.declared_field(ref)
        return declared is not None and declared.type is Type.OBJECT

    def _refuse_stars(self) -> Iterator[SelectStar]:
        for clause in self.find.clauses:
            if isinstance(clause, Select):
                yield from (item for item in clause.items if isinstance(item, SelectStar))

    def _check_columns(self, group_by: tuple[Ref, ...]) -> None:
        """Check that each column is grouped or a function. Report one error per star or tree."""
        stars = {star.origin for star in self._refuse_stars()}
        reported: set[object] = set()
        for column in self.columns or ():
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

    def _order_keys(self, path: Path, group_by: tuple[Ref, ...] | None) -> Ref:
        """Return the field or column that ORDER BY names. `group_by` is None if rows are records.

        Raises SemanticError if it is unknown, or does not have one value per row.
        """
        named = self._column_with_label(path)
        if named is not None and named.function:
            return Ref("column", named.label)
        ref = named.ref if named is not None and named.ref is not None else self.names.ref(path)
        if self._is_object(ref):
            hint = f"name one of its members: {path.dotted}.…"
            raise SemanticError(
                "AQL0205", f"'{path.dotted}' is an object and cannot be ordered", path.origin, "an object", hint
            )
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
