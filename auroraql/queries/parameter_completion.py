"""Completion of parameters: names with descriptions, and known values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auroraql.diagnostics.errors import Source
from auroraql.queries.front_matter import read_front_matter
from auroraql.queries.parameter_types import TYPES, split_items, unquote_value
from auroraql.queries.parameter_usage import ParameterUse, find_uses
from auroraql.schema import KINDS
from auroraql.schema.catalogue import Catalogue, load_shipped


@dataclass(frozen=True, slots=True)
class ParameterCandidate:
    """A parameter and its description: type, default and meaning on one line."""

    name: str
    doc: str


def describe_parameters(source: Source) -> Iterator[ParameterCandidate]:
    """Yield the parameters of a script: declared ones first, then the others."""
    header, uses = read_front_matter(source), find_uses(source)
    for parameter in header.parameters:
        default = "" if parameter.default is None else f" = {parameter.default}"
        yield ParameterCandidate(
            parameter.name, f"{parameter.type_name}{default}{'  ' + parameter.doc if parameter.doc else ''}"
        )
    for name in uses.names:
        if header.get_declaration(name) is None:
            use = uses.first(name)
            yield ParameterCandidate(name, f"{'list of ' if use.many else ''}{use.type}, needed")


def parameter_values(source: Source, name: str, catalogue: Catalogue | None = None) -> dict[str, str]:
    """Return known values with short descriptions: the default, the values of the type, and those of the field."""
    declared, uses = read_front_matter(source).get_declaration(name), find_uses(source)
    values: dict[str, str] = {}
    if declared is not None and declared.default is not None:
        written = split_items(declared.default) if declared.many else [declared.default]
        values |= {unquote_value(item): "the default" for item in written}
    use = uses.first(name) if name in uses.names else None
    type_ = declared.type if declared is not None else TYPES[use.type if use is not None else "text"]
    words = dict.fromkeys(type_.words, "")
    if type_.name in ("date", "time"):
        words["TODAY"] = "today, in UTC"
    for value, doc in (*words.items(), *((value, "") for value in _field_values(use, catalogue or load_shipped()))):
        values.setdefault(value, doc)
    return values


def _field_values(use: ParameterUse | None, catalogue: Catalogue) -> tuple[str, ...]:
    """Return the known values of the field that the parameter is compared with."""
    kind = KINDS.get(use.kind) if use is not None and use.compared else None
    if use is None or kind is None:
        return ()
    field, key = kind.field(use.compared), catalogue.key(use.kind, use.compared)
    if field is not None:
        return field.known or catalogue.values(field.bare)
    return key.values if key is not None else ()
