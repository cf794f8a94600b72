r"""What `\d` and `\dm` print about the schema and the data sources. Pure functions that return text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap

from auroraql.diagnostics.suggestions import find_closest
from auroraql.language_service.facts import (
    SOURCE_COLUMNS,
    Fact,
    FieldFact,
    FunctionFact,
    KeyFact,
    KeywordFact,
    KindFact,
    SourcesFact,
    field_facts,
    find_facts,
    fold_name,
    key_facts,
    key_sources,
    known_names,
)
from auroraql.rendering import render_grid
from auroraql.schema import KINDS
from auroraql.schema.catalogue import Catalogue, DataSource, MetadataKey
from auroraql.schema.model import Field


def describe_name(catalogue: Catalogue, name: str, width: int) -> str:
    """Return a description of everything with a name, or the overview for an empty name."""
    if not fold_name(name):
        return _describe_all(catalogue, width)
    sections = [section for fact in find_facts(catalogue, name) for section in _describe_fact(fact, width)]
    return "\n".join(sections) if sections else _unknown_name(name, known_names(catalogue))


def describe_key(catalogue: Catalogue, name: str, width: int) -> str:
    """Return a description of a metadata key: type, values and sources. An empty name lists all keys."""
    folded = fold_name(name).removeprefix("metadata.")
    if not folded:
        rows = [(key.name, kind, _type_name(key), key.doc) for kind, keys in catalogue.metadata.items() for key in keys]
        return render_grid(("metadata key", "of", "type", ""), rows, width) + "\\dm KEY describes one"
    facts = list(key_facts(catalogue, folded))
    if not facts and any(field_facts(catalogue, folded)):
        return f"{folded} is a field, not a metadata key\n  = hint: \\d {folded} describes it; \\dm lists the metadata keys"
    if not facts:
        return _unknown_name(name, (key.name for keys in catalogue.metadata.values() for key in keys), "\\dm")
    return "\n".join(part for fact in facts for part in _describe_whole_key(catalogue, fact, width))


def _describe_whole_key(catalogue: Catalogue, fact: KeyFact, width: int) -> Iterator[str]:
    key, sources = fact.key, key_sources(catalogue, fact.key)
    yield f"{key.name}, {key.type.value}{f' in {key.unit}' if key.unit else ''}, metadata of {fact.kind}: {key.doc}"
    yield from _describe_values(key.values, width)
    if not key.programs:
        yield f"records of any of the {len(sources)} sources may have this key"
    else:
        yield _source_grid(sources, width)


def _source_grid(sources: Iterable[DataSource], width: int) -> str:
    rows = [[getattr(source, column) for column in SOURCE_COLUMNS] for source in sources]
    return render_grid(SOURCE_COLUMNS, rows, width)


def _unknown_name(name: str, known: Iterable[str], command: str = "\\d") -> str:
    names = {known_name.casefold(): known_name for known_name in known}
    matches = find_closest(fold_name(name), names, 3)
    nearest = " or ".join(names[folded] for folded in matches)
    hint = f"did you mean {nearest}?" if matches else f"{command} alone lists what is available"
    return f"nothing is named '{name}'\n  = hint: {hint}"


def _describe_all(catalogue: Catalogue, width: int) -> str:
    kinds = render_grid(("kind", ""), [(kind.name, kind.doc) for kind in KINDS.values()], width)
    by_program: dict[str, list[DataSource]] = {}
    for source in catalogue.sources:
        by_program.setdefault(source.program, []).append(source)
    rows = [
        (
            program,
            len(sources),
            _join_values(s.platform for s in sources),
            _join_values(s.instrument_type for s in sources),
        )
        for program, sources in sorted(by_program.items())
    ]
    programs = render_grid(("program", "sources", "platforms", "instrument types"), rows, width)
    return f"{kinds}\n{programs}\n\\d NAME describes a kind, a program, a platform, a field or a metadata key"


def _join_values(values: Iterator[str]) -> str:
    return ", ".join(dict.fromkeys(values))


def _describe_fact(fact: Fact, width: int) -> Iterator[str]:
    match fact:
        case KindFact(kind, keys):
            yield f"{kind.title}: {kind.doc}\n"
            fields = [(leaf.bare, _type_name(leaf), leaf.doc) for leaf in kind.leaves()]
            yield render_grid(("field", "type", ""), fields, width)
            rows = [(key.name, _type_name(key), key.doc, ", ".join(key.values)) for key in keys]
            if rows:
                yield render_grid(("metadata key", "type", "", "known values"), rows, width)
        case FieldFact(field, kinds, values):
            yield f"{field.name}, {field.type.value}, of {', '.join(kind.name for kind in kinds)}: {field.doc}"
            yield from _describe_values(values, width)
        case KeyFact(key, kind_name):
            yield f"{key.name}, {key.type.value}, metadata of {kind_name}: {key.doc}"
            if key.programs:
                yield f"programs: {', '.join(key.programs)}"
            yield from _describe_values(key.values, width)
        case SourcesFact(_, _, sources):
            yield _source_grid(sources, width)
        case FunctionFact() | KeywordFact():
            yield from ()  # `\h` explains them


def _describe_values(values: tuple[str, ...], width: int) -> Iterator[str]:
    if values:
        text = "known values: " + ", ".join(f"'{value}'" for value in values)
        yield "\n".join(wrap(text, max(width, 20), subsequent_indent="  ", break_on_hyphens=False))


def _type_name(thing: Field | MetadataKey) -> str:
    return thing.type.name.lower()
