"""SELECT: expand trees and stars to columns, and check functions and column names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from auroraql.diagnostics.errors import Diagnostic, Origin, replace_value
from auroraql.diagnostics.suggestions import find_closest, find_misspelt
from auroraql.ir.query import Column, FieldValue, Ref, Scalar, default_columns
from auroraql.language.ast import FunctionCall, Path, Select, SelectAggregate, SelectExpression, SelectItem, SelectStar
from auroraql.language.ast import SelectColumn as Written
from auroraql.language.printer import print_scalar
from auroraql.resolver.expressions import ExpressionResolver
from auroraql.resolver.names import METADATA, NameResolver
from auroraql.resolver.values import SemanticError
from auroraql.schema import Field, Type


class ExpressionSource(Protocol):
    """Resolver that creates the resolver of its expressions when one is needed."""

    @property
    def expressions(self) -> ExpressionResolver:
        """The resolver of value expressions."""


class SelectResolver:
    """Resolver of the columns of one statement, which collects every error in them."""

    def __init__(self, names: NameResolver, predicates: ExpressionSource) -> None:
        self.names, self.predicates = names, predicates
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
            case SelectExpression():
                yield self._expression(item, above)
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

    def _expression(self, item: SelectExpression, above: tuple[str, ...]) -> Column:
        if above:
            name = f"{item.value.name}()" if isinstance(item.value, FunctionCall) else "an expression"
            hint = f"write it outside the tree, with {'.'.join(above)}. before its names"
            raise SemanticError("AQL0106", f"{name} is not allowed in a tree", item.origin, "computed", hint)
        scalar = self.predicates.expressions.resolve(item.value)
        if isinstance(scalar, FieldValue):
            return Column(scalar.ref, item.alias, item.origin)
        return self.computed_column(scalar, item.alias, item.origin)

    def computed_column(self, scalar: Scalar, alias: str, origin: Origin) -> Column:
        """Return the column of a computed value, named by its alias or its canonical text."""
        text = print_scalar(scalar, self.names.kind, self.names.catalogue)
        return Column(None, alias, origin, expression=scalar, text=text)

    def _aggregate(self, item: SelectAggregate, above: tuple[str, ...]) -> Column:
        function, path, origin = item.function, item.path, item.origin
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
        if function in ("sum", "avg") and not context.metadata and context.type not in _SUMMED:
            message = f"{function} takes numbers, and '{path.dotted}' is {context.type.value}"
            raise SemanticError(
                "AQL0205",
                message,
                path.origin,
                context.type.value,
                "count, min and max take other types",
                missing=("COMMA",),
            )
        return Column(ref, item.alias, origin, function, bare=is_bare_path(ref, path) and not item.alias)

    def _example_field(self) -> str:
        return next((f.bare for f in self.names.kind.leaves() if f.type.is_ordered), "field")

    def _check_tree(self, path: Path, above: tuple[str, ...]) -> None:
        dotted = ".".join((*above, *path.parts))
        declared = self.names.kind.field(dotted)
        if declared is not None and declared.role == "block" and not above and len(path.parts) == 1:
            return
        if declared is None or declared.type is not Type.OBJECT:
            trees = ", ".join(f.name for f in self.names.kind.fields if f.type is Type.OBJECT)
            raise SemanticError(
                "AQL0201", f"'{dotted}' has no members", path.origin, "not an object", hint=f"the objects are {trees}"
            )

    def _star_columns(self, exclude: tuple[Path, ...], above: tuple[str, ...], origin: Origin) -> Iterator[Column]:
        tree = self.names.kind.field(".".join(above)) if above else None
        if tree is not None and tree.role == "block":
            for member in self.names.kind.fields:
                if member.role == "block" and member.path[0] == tree.path[0]:
                    yield Column(Ref(member.role, member.name), origin=origin)
            return
        leaves = self.names.kind.leaves() if tree is None else tuple(_tree_leaves(tree))
        excluded = {self._excluded_paths(path, above) for path in exclude}
        for leaf, column in zip(leaves, default_columns(leaves), strict=True):
            if not excluded & {leaf.path[:n] for n in range(1, len(leaf.path) + 1)}:
                yield replace_value(column, origin=origin, bare=column.bare and not above)

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
                        f"rename one of them: … AS {column.function or ('x' if column.expression else column.label.rpartition('.')[2])}_2",
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
    # The name of a metadata key is one part, also with a dot in it.
    bare_parts = 1 if ref.role == "metadata" else 1 + ref.bare.count(".")
    return len(path.parts) == bare_parts and ref.bare != ".".join(ref.path)


def check_single(names: NameResolver, ref: Ref, path: Path) -> None:
    """Check that a path has one value per record. Raises SemanticError if it is an object or a list."""
    declared = names.declared_field(ref)
    if declared is not None and declared.type is Type.OBJECT:
        hint = f"name one of its members: {path.dotted}.…"
        raise SemanticError(
            "AQL0205", f"'{path.dotted}' is an object, not a single value", path.origin, "an object", hint
        )
    if names.kind.is_listed(ref.path):
        raise several_values_error(path.dotted, path.origin, names.block_field(path))


def several_values_error(name: str, origin: Origin, block_field: str = "") -> SemanticError:
    """Return the error for a list field where one value per record is needed.

    `block_field` is the same field of one criteria block, if there is one.
    """
    hint = f"select it, group by it, compare it, or count its elements with len({name})"
    hint = f"name the source of one block, such as {block_field}; {hint}" if block_field else hint
    return SemanticError("AQL0205", f"'{name}' has several values in a record", origin, "a list", hint)


def _tree_leaves(tree: Field) -> Iterator[Field]:
    """Yield the leaves of a tree, with nested trees expanded. An object without declared members is a leaf."""
    if not tree.members:
        yield tree
    for member in tree.members:
        yield from _tree_leaves(member)


_SUMMED = (Type.NUMBER, Type.INTEGER, Type.INTERVAL)
"""Types that `sum` and `avg` take."""
