"""What may be given for the parameters of a script: their names with what they are, and the values that are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auroraql.errors import Source
from auroraql.saved.header import header_of
from auroraql.saved.types import TYPES, unquoted
from auroraql.saved.uses import uses_of
from auroraql.schema import KINDS
from auroraql.schema.catalogue import Catalogue, shipped


@dataclass(frozen=True, slots=True)
class Offer:
    """A parameter: its name, and its type, default and meaning in a line."""

    name: str
    doc: str


def about(source: Source) -> Iterator[Offer]:
    """The parameters of a script: those declared, then the others."""
    header, uses = header_of(source), uses_of(source)
    for each in header.parameters:
        default = "" if each.default is None else f" = {each.default}"
        yield Offer(each.name, f"{each.called}{default}{'  ' + each.doc if each.doc else ''}")
    for name in uses.names:
        if header.declared(name) is None:
            use = uses.first(name)
            yield Offer(name, f"{'list of ' if use.many else ''}{use.type}, needed")


def values_of(source: Source, name: str, catalogue: Catalogue | None = None) -> Iterator[tuple[str, str]]:
    """Values that a parameter may have, each with a few words: the default, those of its type, those of its field."""
    declared = header_of(source).declared(name)
    uses = uses_of(source)
    if declared is not None and declared.default is not None:
        yield unquoted(declared.default) if not declared.many else declared.default, "the default"
    use = uses.first(name) if name in uses.names else None
    type_ = declared.type if declared is not None else TYPES[use.type if use is not None else "text"]
    for word in type_.words:
        yield word, ""
    if type_.name in ("date", "time"):
        yield "TODAY", "the day it is now, in UTC"
    if use is not None and use.compared:
        known = catalogue or shipped()
        field = KINDS[use.kind].field(use.compared) if use.kind in KINDS else None
        key = known.key(use.kind, use.compared) if use.kind in KINDS else None
        values = field.known or known.values(field.bare) if field is not None else key.values if key is not None else ()
        for value in values:
            yield value, ""
