"""Uses of parameters in a script: the type that each use expects, and the field that it is compared with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

from auroraql.codecs import script
from auroraql.diagnostics.errors import Origin, Source, StatementError
from auroraql.language.ast import (
    BlockItem,
    ComparisonExpression,
    Distance,
    Duration,
    FindStatement,
    Instant,
    Limit,
    Node,
    Parameter,
    ShowStatement,
    SqlStatement,
    Window,
)
from auroraql.language.splitter import find_closing, stop_pattern
from auroraql.schema import KINDS, Type
from auroraql.schema.operators import Op

_CACHE_SIZE = 256
_SQL_PARAMETER = re.compile(r"(?<![\w$])\$([^\W\d]\w*)")
_OF_TYPE = {Type.NUMBER: "number", Type.INTEGER: "integer", Type.BOOLEAN: "boolean", Type.TIME: "time"}
_OF_WINDOW = {"on": "date", "during": "period"}
_SOURCES = "ephemeris"
"""Kind that provides the fields of blocks and SHOW: data source fields and metadata."""


@dataclass(frozen=True, slots=True)
class ParameterUse:
    """One use of a parameter: the type that it expects, and the field (and its kind) that it is compared with."""

    name: str
    type: str = "text"
    many: bool = False
    compared: str = ""
    kind: str = ""
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ParameterUses:
    """All uses of parameters in a script, in order. `whole` is False when a statement cannot be parsed."""

    each: tuple[ParameterUse, ...]
    is_complete: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters in order of their first use."""
        return tuple(dict.fromkeys(use.name for use in self.each))

    def first(self, name: str) -> ParameterUse:
        """Return the first use of a parameter, preferably one that is compared with a field."""
        return next(
            use
            for is_compared in (True, False)
            for use in self.each
            if use.name == name and bool(use.compared) >= is_compared
        )


def find_uses(source: Source) -> ParameterUses:
    """Return the uses of parameters in the statements that can be parsed."""
    return _find_uses(source.text)


@lru_cache(_CACHE_SIZE)
def _find_uses(text: str) -> ParameterUses:
    uses: list[ParameterUse] = []
    is_complete = True
    for parsed in script.read_each_statement(Source(text)):
        if isinstance(parsed, StatementError):
            is_complete = False
        elif parsed.form != "text" or "$" in text[parsed.start : parsed.end]:
            uses += _statement_uses(parsed.statement)
    return ParameterUses(tuple(uses), is_complete)


def _statement_uses(statement: object) -> Iterator[ParameterUse]:
    """Yield the uses in a statement. The walk is iterative, since an AST may be deeply nested."""
    pending: list[tuple[object, ParameterUse]] = [(statement, ParameterUse(""))]
    while pending:
        node, expected = pending.pop()
        if isinstance(node, Parameter):
            yield replace(expected, name=node.name, origin=node.origin)
        elif isinstance(node, SqlStatement):
            yield from map(ParameterUse, _sql_parameters(node.text))
        elif isinstance(node, tuple):
            pending += [(child, expected) for child in reversed(node)]
        elif isinstance(node, Node):
            inner = _expected_use(node, expected)
            pending += [(getattr(node, name), inner) for name in reversed(node.__struct_fields__) if name != "origin"]


def _sql_parameters(sql: str) -> Iterator[str]:
    """Yield the parameters of a SQL text, outside comments, quotes and `$$` texts."""
    stops, position = stop_pattern("sql"), 0
    while match := stops.search(sql, position):
        yield from _SQL_PARAMETER.findall(sql, position, match.start())
        closed = find_closing(sql, match) if match.lastgroup in ("stray", "dollar") else -1
        position = max(match.end(), closed)
    yield from _SQL_PARAMETER.findall(sql, position)


def _expected_use(node: object, expected: ParameterUse) -> ParameterUse:
    """Return what a parameter inside a node is expected to be."""
    match node:
        case FindStatement(kind):
            return ParameterUse("", kind=kind)
        case BlockItem() | ShowStatement():
            return ParameterUse("", kind=_SOURCES)
        case ComparisonExpression(path, operator):
            compared_field = KINDS[expected.kind].field(path.dotted) if expected.kind in KINDS else None
            fits = _OF_TYPE.get(compared_field.type, "text") if compared_field is not None else "text"
            return ParameterUse("", fits, operator in (Op.IN, Op.NOT_IN), path.parts[-1], expected.kind)
        case Window(form):
            return replace(expected, type=_OF_WINDOW.get(form, "time"))
        case Instant() if expected.compared:
            return replace(expected, type="time")
        case Limit():
            return replace(expected, type="integer")
        case Duration() | Distance() if expected.type != "integer":
            return replace(expected, type="number", compared="")
        case _:
            return expected
