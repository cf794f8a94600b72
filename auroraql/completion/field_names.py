"""Fields, metadata keys and values of the kind that a scope searches, narrowed by the conditions already typed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from auroraql.completion.context import CompletionContext, SelectedValues, describe_field
from auroraql.completion.matching import NamedItem, Vocabulary
from auroraql.completion.parser_state import ParserState
from auroraql.completion.scope import Scope
from auroraql.ir.block_columns import block_columns
from auroraql.schema import BLOCKS, CONJUNCTIONS, KINDS, Field, Kind, Type
from auroraql.schema.kinds.conjunctions import MAX_BLOCKS, PRECISION_UNIT, PRECISIONS, conjunctions_of

METADATA, SOURCE = "metadata", "data_source"

PRECISION_ITEMS = tuple(NamedItem(str(seconds), doc) for seconds, doc in PRECISIONS.items())
"""Candidates after PRECISION, in seconds."""

_WRITABLE = ("km", "deg", "nm", "%")
"""Units that the grammar accepts after a number."""

_UNITS = ("seconds", "minutes", "hours", "days", "weeks", "months", "years")


class FieldNames:
    """Names available in a scope: fields and keys of a kind, columns of a result, or columns of a SHOW list."""

    def __init__(
        self,
        scope: Scope,
        context: CompletionContext,
        verb: str,
        listing: str,
        blocks: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.scope, self.known, self.archive = scope, context, context.archive
        self.kind: Kind | None = BLOCKS.get(scope.block) or KINDS.get(scope.kind.lower())
        self.blocks = blocks[:MAX_BLOCKS] if self.kind is CONJUNCTIONS else ()
        if self.blocks:
            self.kind = conjunctions_of(block_columns(self.blocks))
        self.columns = () if self.kind else tuple(context.results.get(scope.kind, ()))
        if verb == "show":
            self.kind, self.columns = None, tuple(context.listings.get(listing, ()))

    def selected_values(self, but: str = "") -> SelectedValues:
        """Return the values that the statement requires of source fields by = and IN, without the field `but`.

        The result is empty when the scope holds OR or NOT, since the conditions are then not certain.
        """
        if self.scope.is_loose:
            return ()
        conditions = ((name.lower(), values) for name, values in self.scope.selected.items())
        names = {*self.archive.source_fields} - {but}
        return tuple(sorted((name, values) for name, values in conditions if name in names))

    def all_names(self) -> Iterable[NamedItem]:
        """Return every name that a path can begin with."""
        if self.kind is None:
            return [NamedItem(name.removeprefix(f"{SOURCE}."), "column") for name in self.columns]
        kind, chosen = self.kind, self.selected_values()
        return self.archive.make_vocabulary(
            ("fields", kind.name, self.blocks, chosen), lambda: self._collect_names(kind, chosen)
        ).items

    def _collect_names(self, kind: Kind, chosen: SelectedValues) -> Iterator[NamedItem]:
        seen: set[str] = set()
        keys = [NamedItem(key.name, describe_field(key)) for key in self.archive.keys(kind, chosen)]
        fields = [
            NamedItem(field.bare.split(".")[0], describe_field(field))
            for field in kind.fields
            if field.bare != METADATA and not field.is_hidden
        ]
        inner = [
            NamedItem(member.bare, describe_field(member))
            for field in kind.fields
            for member in field.members
            if "." not in member.bare
        ]
        whole = [NamedItem(field.name, describe_field(field)) for field in kind.fields if field.bare == METADATA]
        joined = [NamedItem(field.bare, describe_field(field)) for field in kind.joined if field.bare != METADATA]
        for item in (*inner, *fields, *keys, *whole, *joined):
            if item.text not in seen:
                seen.add(item.text)
                yield item

    def members(self, path: tuple[str, ...]) -> list[NamedItem]:
        """Return the names that may follow a path and a dot."""
        if self.kind is None:
            start = ".".join(path) + "."
            return [
                NamedItem(column.removeprefix(start), "column") for column in self.columns if column.startswith(start)
            ]
        if path == (METADATA,):
            return [
                NamedItem(key.name, describe_field(key)) for key in self.archive.keys(self.kind, self.selected_values())
            ]
        field = self.kind.field(".".join(path))
        joined = self.kind.joined if path == (SOURCE,) else ()
        members = (*field.members, *joined) if field else ()
        if field is not None and field.role == "block":
            members = tuple(f for f in self.kind.fields if f.role == "block" and f.path[0] == field.path[0])
        return [NamedItem(member.path[-1], describe_field(member)) for member in members]

    def type_of(self, path: tuple[str, ...]) -> Type:
        """Return the type of a path, or ANY when it is unknown."""
        return self._declared_item(path)[0]

    def unit_of(self, path: tuple[str, ...]) -> str:
        """Return the unit that may follow a value of a path, or an empty text."""
        field = self.kind.field(".".join(path)) if self.kind else None
        key = self.archive.catalogue.key(self.kind.metadata, path[-1]) if self.kind and path else None
        unit = field.unit if field is not None else key.unit if key is not None else ""
        return unit if unit in _WRITABLE else ""

    def values(self, path: tuple[str, ...]) -> tuple[Type, Vocabulary]:
        """Return the type of a path and its known values."""
        value_type, declared = self._declared_item(path)
        bare = path[-1].lower()
        if bare in self.archive.source_fields and (
            declared is None or declared.role in ("source", "block") or self.kind is None
        ):
            listed = self.archive.values(bare, self.selected_values(bare))
            if listed.items:
                return value_type, listed
        if declared is not None:
            return value_type, self.archive.make_vocabulary(
                ("known", declared.known), lambda: map(NamedItem, declared.known)
            )
        keys = self.archive.keys(self.kind, self.selected_values()) if self.kind is not None else ()
        values = next((key.values for key in keys if key.name == bare), ())
        return value_type, self.archive.make_vocabulary(("known", values), lambda: map(NamedItem, values))

    def _declared_item(self, path: tuple[str, ...]) -> tuple[Type, Field | None]:
        if self.kind is None or not path:
            return Type.ANY, None
        field = self.kind.field(".".join(path))
        if field is not None:
            return field.type, field
        key = self.archive.catalogue.key(self.kind.metadata, path[-1])
        return (key.type if key is not None else Type.ANY), None

    def subjects(self, listing: str) -> Iterator[NamedItem]:
        """Yield the subjects of SHOW … OF other than kinds.

        These are results for COLUMNS, and fields and keys with known values for VALUES.
        """
        if listing == "columns":
            yield from result_names(self.known)
        if listing != "values":
            return
        for name in self.archive.source_fields:
            yield NamedItem(name, "field")
        for kind in KINDS.values():
            yield from (NamedItem(key.name, key.doc) for key in self.archive.keys(kind, ()) if key.values)


def result_names(context: CompletionContext) -> list[NamedItem]:
    """Return the stored results, each described by its first columns."""
    return [NamedItem(name, ", ".join(columns[:4])) for name, columns in context.results.items()]


def unit_items(
    fields: FieldNames, path: tuple[str, ...], trail: ParserState, accepts: frozenset[str]
) -> Iterator[NamedItem]:
    """Yield the units that may follow a number: units of time after a duration, else the unit of the value."""
    last_symbol = trail.symbols[-2].name if len(trail.symbols) > 1 else ""
    if last_symbol == "PRECISION":
        yield NamedItem(PRECISION_UNIT, "unit of the precision")
        return
    if "UNIT" not in accepts:
        yield from (NamedItem(unit, "unit of time") for unit in _UNITS)
        return
    open_clauses = {symbol.name for symbol in trail.symbols}
    unit = fields.unit_of(path) if path else "km" if "WITHIN" in open_clauses else "deg"
    if unit:
        yield NamedItem(unit, "unit of the value")
