"""Reference tables of the documentation, generated from the schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from auroraql.diagnostics.codes import CODES
from auroraql.schema import BLOCKS, CONJUNCTIONS, KINDS, Field, Kind, Type
from auroraql.schema.catalogue import load_shipped
from auroraql.schema.functions import FUNCTIONS
from auroraql.schema.kinds.conjunctions import MAX_BLOCKS, wire_name
from auroraql.schema.limits import (
    LIST_LIMITS,
    MAX_DEPTH,
    MAX_SCRIPT_CHARACTERS,
    MAX_STATEMENT_CHARACTERS,
    MAX_STATEMENTS,
)
from auroraql.schema.operators import OPERATORS

MARK = "<!-- What follows is generated from the schema: pytest --update writes it. -->"
"""Marker at which the generated part of a document starts."""


def write_reference() -> str:
    """Return the limits, operators, functions, kinds with fields and metadata keys, and codes as Markdown."""
    return "\n".join(
        [*_operators(), *_functions(), *(line for kind in KINDS.values() for line in _kind(kind)), *_codes()]
    )


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield f"|{'---|' * len(titles)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _operators() -> Iterator[str]:
    yield from _limits()
    yield "## Operators\n"
    rows = (
        (_code(row.text, *row.also), row.doc, _code(row.wire) if row.wire else "not a filter of AuroraX")
        for row in OPERATORS.values()
    )
    yield from _table(("operator", "true when the field is", "sent as"), rows)


def _functions() -> Iterator[str]:
    yield "## Functions\n"
    rows = ((_code(row.signature), row.doc, _code(row.example), _code(*row.also)) for row in FUNCTIONS.values())
    yield from _table(("function", "value", "example", "other names"), rows)


def _limits() -> Iterator[str]:
    yield "## Limits\n"
    yield "A statement or script above a limit is an error, which is reported before any other work.\n"
    rows = [
        ("characters of a script", MAX_SCRIPT_CHARACTERS),
        ("statements of a script", MAX_STATEMENTS),
        ("characters of a statement", MAX_STATEMENT_CHARACTERS),
        ("nested brackets, braces, NOTs and FINDs", MAX_DEPTH),
        ("blocks of one search for conjunctions", MAX_BLOCKS),
    ]
    rows += [(f"{limit.items} of `{rule}`", limit.maximum) for rule, limit in LIST_LIMITS.items() if rule != "blocks"]
    yield from _table(("what", "limit"), [(what, f"{maximum:,}") for what, maximum in rows])


def _kind(kind: Kind) -> Iterator[str]:
    yield f"## {kind.title.capitalize()}\n"
    yield f"`FIND {kind.name}`. {kind.doc}\n"
    yield from _table(("field", "type", "what it is", "native filter"), map(_field, _with_members(kind.fields)))
    if kind.metadata:
        yield from _keys(kind)
    if kind is CONJUNCTIONS:
        yield from _blocks()


def _with_members(fields: Iterable[Field]) -> Iterator[Field]:
    """Yield the fields with their members, except for the sources of events, whose members repeat those of a source."""
    for field in fields:
        yield field
        if field.path[:1] != ("events",) or len(field.path) == 1:
            yield from _with_members(field.members)


def _keys(kind: Kind) -> Iterator[str]:
    yield f"Known metadata keys of {kind.title}. You may search for others; AuroraQL warns about them:\n"
    keys = (
        (_code(key.name), _type(key.type, key.unit), key.doc, ", ".join(f"`{v}`" for v in key.values))
        for key in load_shipped().metadata[kind.metadata]
    )
    yield from _table(("key", "type", "what it is", "known values"), keys)


def _blocks() -> Iterator[str]:
    yield "Blocks of `OF`. Their predicates may name these fields, and the metadata keys of ephemeris:\n"
    rows = (
        (
            _code(block.name),
            block.doc,
            _code(*(f.bare for f in block.leaves())) or "points",
            _code(wire_name(block.name)),
        )
        for block in BLOCKS.values()
    )
    yield from _table(("block", "takes", "fields", "sent as"), rows)


def _field(field: Field) -> tuple[str, ...]:
    names = _code(field.name) if field.bare == field.name else _code(field.bare, field.name)
    end = "start and end" if field.bound == "both" else field.bound
    native = _code(field.criterion) if field.criterion else f"window {end}" if end else ""
    return names, _type(field.type, field.unit) + (", several" if field.many else ""), field.doc, native


def _type(type: Type, unit: str) -> str:
    return f"{type.value}, in {unit}" if unit else type.value


def _codes() -> Iterator[str]:
    yield "## Codes of errors and warnings\n"
    yield "[ERRORS.md](ERRORS.md) explains each code, with its cause, an example and the way out.\n"
    yield from _table(("code", "meaning"), ((name, code.title) for name, code in CODES.items()))


def _code(*texts: str) -> str:
    return ", ".join(f"`{text}`" for text in texts)
