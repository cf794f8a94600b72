"""What may be given for the parameters of a script: their names with what they are, and the values that are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auroraql.errors import Source
from auroraql.saved.header import header_of
from auroraql.saved.types import TYPES, items, unquoted
from auroraql.saved.uses import Use, uses_of
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


def values_of(source: Source, name: str, catalogue: Catalogue | None = None) -> dict[str, str]:
    """Values that a parameter may have, each with a few words: the default, those of its type, those of its field."""
    declared, uses = header_of(source).declared(name), uses_of(source)
    found: dict[str, str] = {}
    if declared is not None and declared.default is not None:
        written = items(declared.default) if declared.many else [declared.default]
        found |= {unquoted(each): "the default" for each in written}
    use = uses.first(name) if name in uses.names else None
    type_ = declared.type if declared is not None else TYPES[use.type if use is not None else "text"]
    words = dict.fromkeys(type_.words, "")
    if type_.name in ("date", "time"):
        words["TODAY"] = "the day it is now, in UTC"
    for value, doc in (*words.items(), *((value, "") for value in _of_field(use, catalogue or shipped()))):
        found.setdefault(value, doc)
    return found


def _of_field(use: Use | None, catalogue: Catalogue) -> tuple[str, ...]:
    """The known values of the field that a parameter is compared with."""
    kind = KINDS.get(use.kind) if use is not None and use.compared else None
    if use is None or kind is None:
        return ()
    field, key = kind.field(use.compared), catalogue.key(use.kind, use.compared)
    if field is not None:
        return field.known or catalogue.values(field.bare)
    return key.values if key is not None else ()
