"""SELECT and ORDER BY: trees and stars opened into columns, aliases checked."""

from __future__ import annotations

from collections.abc import Iterator

from auroraql.errors import Diagnostic, Origin
from auroraql.query import Column, OrderKey, Ref
from auroraql.resolver.names import METADATA, Names
from auroraql.resolver.values import Fault
from auroraql.schema import Field, Type
from auroraql.spelling import closest
from auroraql.syntax import Aggregate, Item, OrderBy, Path, Select, Star
from auroraql.syntax import Column as Written

FUNCTIONS = ("count", "min", "max", "avg", "sum")


class Selection:
    """Resolves the columns of one statement, collecting everything wrong in them."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.wrong: list[Diagnostic] = []

    def columns(self, select: Select) -> tuple[Column, ...] | None:
        """The columns in order; None for the whole record."""
        if len(select.items) == 1 and isinstance(select.items[0], Star) and not select.items[0].exclude:
            return None
        found: list[Column] = []
        for item in select.items:
            try:
                found += self._item(item, ())
            except Fault as fault:
                self.wrong.append(fault.diagnostic)
        self._check_labels(found)
        return tuple(found)

    def _item(self, item: Item, above: tuple[str, ...]) -> Iterator[Column]:
        match item:
            case Star(exclude, origin):
                yield from self._star(exclude, above, origin)
            case Aggregate(function, _, _, origin):
                raise _aggregate(function, origin)
            case Written(path, (), alias, origin):
                yield Column(self.names.ref(path, above=above), alias, origin)
            case Written(path, members, alias, origin):
                if alias:
                    raise Fault(
                        "AQL0207",
                        f"the tree '{path.dotted}' cannot have an alias",
                        origin,
                        hint="name its members: {a AS b}",
                    )
                self._check_tree(path, above)
                for member in members:
                    yield from self._item(member, (*above, *path.parts))

    def _check_tree(self, path: Path, above: tuple[str, ...]) -> None:
        dotted = ".".join((*above, *path.parts))
        declared = self.names.kind.field(dotted)
        if declared is None or declared.type is not Type.OBJECT:
            trees = ", ".join(f.name for f in self.names.kind.fields if f.type is Type.OBJECT)
            raise Fault(
                "AQL0201", f"'{dotted}' has no members", path.origin, "not an object", hint=f"the objects are {trees}"
            )

    def _star(self, exclude: tuple[Path, ...], above: tuple[str, ...], origin: Origin) -> Iterator[Column]:
        leaves = self.names.kind.leaves()
        if above:
            leaves = tuple(f for f in leaves if f.path[: len(above)] == above and f.path != above)
        left_out = {self._excluded(path, above) for path in exclude}
        for leaf in leaves:
            if not left_out & {leaf.path[:n] for n in range(1, len(leaf.path) + 1)}:
                yield Column(Ref(leaf.role, leaf.name), "", origin)

    def _excluded(self, path: Path, above: tuple[str, ...]) -> tuple[str, ...]:
        declared: Field | None = self.names.kind.field(".".join((*above, *path.parts)))
        if declared is None:
            # Names the fields nearest to it; a metadata key cannot be left out of the object it is in.
            if path.parts[0] == METADATA:
                raise Fault(
                    "AQL0201",
                    "a single metadata key cannot be left out",
                    path.origin,
                    hint="EXCLUDE (metadata), and select the keys wanted",
                )
            near = closest(path.dotted, [f.bare for f in self.names.kind.leaves()], 1, 0.6)
            raise Fault(
                "AQL0201",
                f"{self.names.kind.title} have no field '{path.dotted}'",
                path.origin,
                "unknown field",
                f"did you mean {near[0]}?" if near else "",
                near[0] if near else None,
            )
        return declared.path

    def _check_labels(self, columns: list[Column]) -> None:
        seen: dict[str, Column] = {}
        for column in columns:
            if column.label in seen:
                self.wrong.append(
                    Diagnostic(
                        "AQL0207",
                        f"two columns are named '{column.label}'",
                        column.origin,
                        "the second one",
                        f"give one another name: … AS {column.label.rpartition('.')[2]}_2",
                    )
                )
            seen.setdefault(column.label, column)

    def order(self, order: OrderBy, columns: tuple[Column, ...] | None) -> tuple[OrderKey, ...]:
        """The keys of ORDER BY; an alias of SELECT may be named."""
        aliases = {c.alias: c.ref for c in columns or () if c.alias}
        keys: list[OrderKey] = []
        for key in order.keys:
            try:
                shadowed = aliases.get(key.path.dotted) if len(key.path.parts) == 1 else None
                ref = shadowed or self.names.ref(key.path)
            except Fault as fault:
                self.wrong.append(fault.diagnostic)
                continue
            declared = self.names.declared(ref)
            if declared is not None and declared.type is Type.OBJECT:
                self.wrong.append(
                    Diagnostic(
                        "AQL0205",
                        f"'{key.path.dotted}' is an object and has no order",
                        key.path.origin,
                        "an object",
                        f"name one of its members, as {key.path.dotted}.…",
                    )
                )
                continue
            keys.append(OrderKey(ref, key.descending, key.nulls_first, key.path.origin))
        return tuple(keys)


def _aggregate(function: str, origin: Origin) -> Fault:
    if function not in FUNCTIONS:
        near = closest(function, FUNCTIONS, 1, 0.6)
        return Fault(
            "AQL0209",
            f"there is no function '{function}'",
            origin,
            "unknown function",
            f"did you mean {near[0]}?" if near else f"the functions are {', '.join(FUNCTIONS)}",
            near[0] if near else None,
        )
    return Fault(
        "AQL0501",
        f"{function}() cannot run yet",
        origin,
        "not in this version",
        "select the rows, and count them in the result",
    )
