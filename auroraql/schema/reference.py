"""The reference tables of the documentation, made from the schema's rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from auroraql.codes import CODES
from auroraql.schema import KINDS, Field, Kind, Type
from auroraql.schema.catalogue import shipped
from auroraql.schema.operators import OPERATORS

MARK = "<!-- What follows is generated from the schema: pytest --update writes it. -->"
"""Where the generated part of a document begins."""


def reference() -> str:
    """The operators, and for every kind its fields and metadata keys, as Markdown."""
    return "\n".join([*_operators(), *(line for kind in KINDS.values() for line in _kind(kind)), *_codes()])


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield f"|{'---|' * len(titles)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _operators() -> Iterator[str]:
    yield "## Operators\n"
    rows = (
        (_code(row.text, *row.also), row.doc, _code(row.wire) if row.wire else "no filter of AuroraX")
        for row in OPERATORS.values()
    )
    yield from _table(("operator", "holds when the field is", "sent as"), rows)


def _kind(kind: Kind) -> Iterator[str]:
    yield f"## {kind.title.capitalize()}\n"
    yield f"`FIND {kind.name}`. {kind.doc}\n"
    fields = (each for field in kind.fields for each in (field, *field.members))
    yield from _table(("field", "type", "what it is", "native filter"), map(_field, fields))
    yield f"Metadata keys known for {kind.title} (others may be searched; an unknown one is questioned):\n"
    keys = (
        (_code(key.name), _type(key.type, key.unit), key.doc, ", ".join(f"`{v}`" for v in key.values))
        for key in shipped().metadata[kind.name]
    )
    yield from _table(("key", "type", "what it is", "known values"), keys)


def _field(field: Field) -> tuple[str, ...]:
    names = _code(field.name) if field.bare == field.name else _code(field.bare, field.name)
    end = "start and end" if field.bound == "both" else field.bound
    native = _code(field.criterion) if field.criterion else f"window {end}" if end else ""
    return names, _type(field.type, field.unit), field.doc, native


def _type(type: Type, unit: str) -> str:
    return f"{type.value}, in {unit}" if unit else type.value


def _codes() -> Iterator[str]:
    yield "## Codes of errors and warnings\n"
    yield from _table(("code", "what is said"), CODES.items())


def _code(*texts: str) -> str:
    return ", ".join(f"`{text}`" for text in texts)
