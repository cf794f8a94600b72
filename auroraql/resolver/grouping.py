"""GROUP BY, DISTINCT and ORDER BY: resolve what a result row is, and check that every column has one value per row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from auroraql.diagnostics.errors import Diagnostic, Origin
from auroraql.diagnostics.suggestions import find_closest
from auroraql.ir.query import Column, OrderKey, Ref
from auroraql.language.ast import FindStatement, GroupBy, OrderBy, Path, Select, SelectStar
from auroraql.resolver.names import NameResolver
from auroraql.resolver.selection import check_single, is_bare_path
from auroraql.resolver.values import SemanticError
from auroraql.schema import Type


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
                message = f"there is no column '{path.dotted}'"
                fix = f"`{calls[0]}`"
                return SemanticError("AQL0212", message, path.origin, f"the column is {calls[0]}", hint, fix)
            near = find_closest(path.dotted, [label for label in labels if label not in functions], 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else f"the columns are {', '.join(labels)}"
            message = f"there is no column or grouped field '{path.dotted}'"
            return SemanticError("AQL0212", message, path.origin, "unknown column", hint)
        hint = f"order by a function of it: SELECT max({path.dotted}) AS top … ORDER BY top"
        message = f"a row is a group of records, which may have different values of '{path.dotted}'"
        return SemanticError("AQL0212", message, path.origin, "several values per row", hint)

    def _is_selected(self, ref: Ref) -> bool:
        if self.columns is None:
            return True
        selected = [c.ref.path for c in self.columns if c.ref is not None and not c.function]
        return any(ref.path[: len(path)] == path for path in selected)
