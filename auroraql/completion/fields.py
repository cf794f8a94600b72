"""The fields, keys and values of what is searched at a place, narrowed by what the statement chooses already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from auroraql.completion.known import Chosen, Known, about
from auroraql.completion.matching import Item, Vocabulary
from auroraql.completion.survey import Scope
from auroraql.completion.trail import Trail
from auroraql.schema import BLOCKS, KINDS, Field, Kind, Type
from auroraql.schema.conjunctions import PRECISION_UNIT, PRECISIONS

METADATA, SOURCE = "metadata", "data_source"

PRECISION_ITEMS = tuple(Item(str(seconds), doc) for seconds, doc in PRECISIONS.items())
"""What may stand behind PRECISION."""

_WRITABLE = ("km", "deg", "nm", "%")
"""The units that the grammar has a place for."""

_UNITS = ("seconds", "minutes", "hours", "days", "weeks", "months", "years")


class FieldNames:
    """What can be named in a scope: of a kind its fields and keys, of a result its columns, of SHOW those of the list."""

    def __init__(self, scope: Scope, known: Known, verb: str, listing: str) -> None:
        self.scope, self.known, self.archive = scope, known, known.archive
        self.kind: Kind | None = BLOCKS.get(scope.block) or KINDS.get(scope.kind.lower())
        self.columns = () if self.kind else tuple(known.results.get(scope.kind, ()))
        if verb == "show":
            self.kind, self.columns = None, tuple(known.listings.get(listing, ()))

    def chosen(self, but: str = "") -> Chosen:
        """What the statement asks of the source fields by = and IN, unless an OR or NOT makes it uncertain."""
        if self.scope.loose:
            return ()
        found = ((name.lower(), values) for name, values in self.scope.chosen.items())
        return tuple(sorted((n, v) for n, v in found if n in self.archive.source_fields and n != but))

    def all(self) -> Iterable[Item]:
        """Every name that may begin a path."""
        if self.kind is None:
            return [Item(name.removeprefix(f"{SOURCE}."), "column") for name in self.columns]
        kind, chosen = self.kind, self.chosen()
        return self.archive.made(("fields", kind.name, chosen), lambda: self._all(kind, chosen)).items

    def _all(self, kind: Kind, chosen: Chosen) -> Iterator[Item]:
        seen: set[str] = set()
        keys = [Item(key.name, about(key)) for key in self.archive.keys(kind, chosen)]
        fields = [Item(each.bare.split(".")[0], about(each)) for each in kind.fields if each.bare != METADATA]
        inner = [Item(m.bare, about(m)) for each in kind.fields for m in each.members if "." not in m.bare]
        whole = [Item(each.name, about(each)) for each in kind.fields if each.bare == METADATA]
        for item in (*inner, *fields, *keys, *whole):
            if item.text not in seen:
                seen.add(item.text)
                yield item

    def members(self, path: tuple[str, ...]) -> list[Item]:
        """The names that may follow a path and a dot."""
        if self.kind is None:
            start = ".".join(path) + "."
            return [Item(c.removeprefix(start), "column") for c in self.columns if c.startswith(start)]
        if path == (METADATA,):
            return [Item(key.name, about(key)) for key in self.archive.keys(self.kind, self.chosen())]
        found = self.kind.field(".".join(path))
        return [Item(member.path[-1], about(member)) for member in found.members] if found else []

    def type_of(self, path: tuple[str, ...]) -> Type:
        """The type of a path; ANY where it is not known."""
        return self._declared(path)[0]

    def unit_of(self, path: tuple[str, ...]) -> str:
        """The unit that may be written behind a value of a path; nothing where there is none."""
        field = self.kind.field(".".join(path)) if self.kind else None
        key = self.archive.catalogue.key(self.kind.metadata, path[-1]) if self.kind and path else None
        unit = field.unit if field is not None else key.unit if key is not None else ""
        return unit if unit in _WRITABLE else ""

    def values(self, path: tuple[str, ...]) -> tuple[Type, Vocabulary]:
        """The type of a path and the values known for it."""
        held, declared = self._declared(path)
        bare = path[-1].lower()
        if bare in self.archive.source_fields and (declared is None or declared.role == "source" or self.kind is None):
            listed = self.archive.values(bare, self.chosen(bare))
            if listed.items:
                return held, listed
        if declared is not None:
            return held, self.archive.made(("known", declared.known), lambda: map(Item, declared.known))
        keys = self.archive.keys(self.kind, self.chosen()) if self.kind is not None else ()
        values = next((key.values for key in keys if key.name == bare), ())
        return held, self.archive.made(("known", values), lambda: map(Item, values))

    def _declared(self, path: tuple[str, ...]) -> tuple[Type, Field | None]:
        if self.kind is None or not path:
            return Type.ANY, None
        found = self.kind.field(".".join(path))
        if found is not None:
            return found.type, found
        key = self.archive.catalogue.key(self.kind.metadata, path[-1])
        return (key.type if key is not None else Type.ANY), None

    def subjects(self, listing: str) -> Iterator[Item]:
        """What SHOW … OF may name besides a kind: results with columns, or fields and keys with known values."""
        if listing == "columns":
            yield from names_of_results(self.known)
        if listing != "values":
            return
        for name in self.archive.source_fields:
            yield Item(name, "field")
        for kind in KINDS.values():
            yield from (Item(key.name, key.doc) for key in self.archive.keys(kind, ()) if key.values)


def names_of_results(known: Known) -> list[Item]:
    """The results kept under a name, with their columns."""
    return [Item(name, ", ".join(columns[:4])) for name, columns in known.results.items()]


def unit_items(fields: FieldNames, path: tuple[str, ...], trail: Trail, accepts: frozenset[str]) -> Iterator[Item]:
    """The units that may follow a number: those of time for a duration, else the one of what it is."""
    last = trail.symbols[-2].name if len(trail.symbols) > 1 else ""
    if last == "PRECISION":
        yield Item(PRECISION_UNIT, "the unit of it")
        return
    if "UNIT" not in accepts:
        yield from (Item(unit, "unit of time") for unit in _UNITS)
        return
    open_clauses = {symbol.name for symbol in trail.symbols}
    unit = fields.unit_of(path) if path else "km" if "WITHIN" in open_clauses else "deg"
    if unit:
        yield Item(unit, "the unit of it")
