"""Where the statements of a script use their parameters: what a value given there must be, and what it is compared with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import lru_cache

from auroraql.errors import Origin, Source, StatementError
from auroraql.forms import script
from auroraql.forms.pieces import closed_end, stops_of
from auroraql.schema import KINDS, Type
from auroraql.schema.operators import Op
from auroraql.syntax import Block, Comparison, Distance, Duration, Find, Instant, Limit, Parameter, Show, Sql, Window

_KEPT = 256
_SQL_PARAMETER = re.compile(r"(?<![\w$])\$([^\W\d]\w*)")
_OF_TYPE = {Type.NUMBER: "number", Type.INTEGER: "integer", Type.BOOLEAN: "boolean", Type.TIME: "time"}
_OF_WINDOW = {"on": "date", "during": "period"}
_SOURCES = "ephemeris"
"""A kind that has the fields of data sources and, with blocks, their metadata."""


@dataclass(frozen=True, slots=True)
class Use:
    """A parameter where it stands: the type that fits there, and the field (of which kind) it is compared with."""

    name: str
    type: str = "text"
    many: bool = False
    compared: str = ""
    kind: str = ""
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Uses:
    """Every use of a parameter in a script, in order; `whole` is False where a statement cannot be read."""

    each: tuple[Use, ...]
    whole: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters, in the order they come in."""
        return tuple(dict.fromkeys(use.name for use in self.each))

    def first(self, name: str) -> Use:
        """The first use of a name, by preference one that is compared with something."""
        return next(
            use for wanted in (True, False) for use in self.each if use.name == name and bool(use.compared) >= wanted
        )


def uses_of(source: Source) -> Uses:
    """The uses of parameters in the statements of a script that can be read."""
    return _found(source.text)


@lru_cache(_KEPT)
def _found(text: str) -> Uses:
    found: list[Use] = []
    whole = True
    for read in script.read_each(Source(text)):
        if isinstance(read, StatementError):
            whole = False
        else:
            found += _uses(read.statement)
    return Uses(tuple(found), whole)


def _uses(statement: object) -> Iterator[Use]:
    """A walk without recursion, for a tree may be deep; each node comes with what a parameter there would be."""
    waiting: list[tuple[object, Use]] = [(statement, Use(""))]
    while waiting:
        node, place = waiting.pop()
        if isinstance(node, Parameter):
            yield replace(place, name=node.name, origin=node.origin)
        elif isinstance(node, Sql):
            yield from map(Use, _parameters_of(node.text))
        elif isinstance(node, tuple):
            waiting += [(each, place) for each in reversed(node)]
        elif is_dataclass(node):
            inside = _inside(node, place)
            waiting += [(getattr(node, each.name), inside) for each in reversed(fields(node)) if each.name != "origin"]


def _parameters_of(sql: str) -> Iterator[str]:
    """The parameters of a SQL text, outside comments and quotes, `$$` among them."""
    stops, at = stops_of("sql"), 0
    while match := stops.search(sql, at):
        yield from _SQL_PARAMETER.findall(sql, at, match.start())
        closed = closed_end(sql, match) if match.lastgroup in ("stray", "dollar") else -1
        at = max(match.end(), closed)
    yield from _SQL_PARAMETER.findall(sql, at)


def _inside(node: object, place: Use) -> Use:
    """What a parameter in a node would be."""
    match node:
        case Find(kind):
            return Use("", kind=kind)
        case Block() | Show():
            return Use("", kind=_SOURCES)
        case Comparison(path, operator):
            known = KINDS[place.kind].field(path.dotted) if place.kind in KINDS else None
            fits = _OF_TYPE.get(known.type, "text") if known is not None else "text"
            return Use("", fits, operator in (Op.IN, Op.NOT_IN), path.parts[-1], place.kind)
        case Window(form):
            return replace(place, type=_OF_WINDOW.get(form, "time"))
        case Instant() if place.compared:
            return replace(place, type="time")
        case Limit():
            return replace(place, type="integer")
        case Duration() | Distance() if place.type != "integer":
            return replace(place, type="number", compared="")
        case _:
            return place
