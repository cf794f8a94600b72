r"""What `\d` and `\dm` print about the schema and the data sources. Pure functions that return text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from textwrap import wrap

from auroraql.diagnostics.suggestions import find_closest
from auroraql.rendering import render_grid
from auroraql.schema import KINDS
from auroraql.schema.catalogue import Catalogue, DataSource, MetadataKey
from auroraql.schema.model import Field, Kind

_SOURCE = ("identifier", "program", "platform", "instrument_type", "source_type", "display_name")


def describe_name(catalogue: Catalogue, name: str, width: int) -> str:
    """Return a description of everything with a name, or the overview for an empty name."""
    folded = name.strip().strip("'\"`").casefold()
    if not folded:
        return _describe_all(catalogue, width)
    sections = [section for describer in _FINDERS for section in describer(catalogue, folded, width)]
    return "\n".join(sections) if sections else _unknown_name(name, folded, describable_names(catalogue))


def describe_key(catalogue: Catalogue, name: str, width: int) -> str:
    """Return a description of a metadata key: type, values and sources. An empty name lists all keys."""
    folded = name.strip().strip("'\"`").removeprefix("metadata.").casefold()
    if not folded:
        rows = [(key.name, kind, _type_name(key), key.doc) for kind, keys in catalogue.metadata.items() for key in keys]
        return render_grid(("metadata key", "of", "type", ""), rows, width) + "\\dm KEY describes one"
    matches = [
        (kind, key) for kind, keys in catalogue.metadata.items() for key in keys if key.name.casefold() == folded
    ]
    if not matches and any(True for _ in _describe_field(catalogue, folded, width)):
        return f"{folded} is a field, not a metadata key\n  = hint: \\d {folded} describes it; \\dm lists the metadata keys"
    if not matches:
        return _unknown_name(name, folded, (key.name for keys in catalogue.metadata.values() for key in keys), "\\dm")
    return "\n".join(part for kind, key in matches for part in _describe_whole_key(catalogue, kind, key, width))


def _describe_whole_key(catalogue: Catalogue, kind: str, key: MetadataKey, width: int) -> Iterator[str]:
    yield f"{key.name}, {key.type.value}{f' in {key.unit}' if key.unit else ''}, metadata of {kind}: {key.doc}"
    yield from _describe_values(key.values, width)
    sources = [source for source in catalogue.sources if not key.programs or source.program in key.programs]
    if not key.programs:
        yield f"records of any of the {len(sources)} sources may have this key"
    else:
        yield render_grid(_SOURCE, [[getattr(source, column) for column in _SOURCE] for source in sources], width)


def _unknown_name(name: str, folded_name: str, known: Iterable[str], command: str = "\\d") -> str:
    names = {known_name.casefold(): known_name for known_name in known}
    matches = find_closest(folded_name, names, 3)
    nearest = " or ".join(names[folded] for folded in matches)
    hint = f"did you mean {nearest}?" if matches else f"{command} alone lists what is available"
    return f"nothing is named '{name}'\n  = hint: {hint}"


def describable_names(catalogue: Catalogue) -> Iterator[str]:
    """Yield every name that can be described."""
    for kind in KINDS.values():
        yield kind.name
        yield from (leaf.bare for leaf in kind.leaves())
        yield from catalogue.keys(kind.name)
    for column in _SOURCE[1:]:
        yield from catalogue.values(column)


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


def _describe_kind(catalogue: Catalogue, folded: str, width: int) -> Iterator[str]:
    kind = KINDS.get(folded)
    if kind is None:
        return
    yield f"{kind.title}: {kind.doc}\n"
    yield render_grid(("field", "type", ""), [(leaf.bare, _type_name(leaf), leaf.doc) for leaf in kind.leaves()], width)
    keys = [catalogue.key(kind.name, name) for name in catalogue.keys(kind.name)]
    rows = [(key.name, _type_name(key), key.doc, ", ".join(key.values)) for key in keys if key]
    if rows:
        yield render_grid(("metadata key", "type", "", "known values"), rows, width)


def _describe_field(catalogue: Catalogue, folded: str, width: int) -> Iterator[str]:
    holders: dict[Field, list[Kind]] = {}
    for kind in KINDS.values():
        candidate = kind.field(folded)
        if candidate is not None:
            holders.setdefault(candidate, []).append(kind)
    for field, kinds in holders.items():
        yield f"{field.name}, {field.type.value}, of {', '.join(kind.name for kind in kinds)}: {field.doc}"
        yield from _describe_values(field.known or catalogue.values(field.bare), width)


def _describe_metadata_key(catalogue: Catalogue, folded: str, width: int) -> Iterator[str]:
    for kind in KINDS:
        key = catalogue.key(kind, folded.removeprefix("metadata."))
        if key is not None:
            yield f"{key.name}, {key.type.value}, metadata of {kind}: {key.doc}"
            if key.programs:
                yield f"programs: {', '.join(key.programs)}"
            yield from _describe_values(key.values, width)


def _describe_sources(catalogue: Catalogue, folded: str, width: int) -> Iterator[str]:
    rows = [
        [getattr(source, column) for column in _SOURCE]
        for source in catalogue.sources
        if folded in (str(getattr(source, column)).casefold() for column in _SOURCE)
    ]
    if rows:
        yield render_grid(_SOURCE, rows, width)


def _describe_values(values: tuple[str, ...], width: int) -> Iterator[str]:
    if values:
        text = "known values: " + ", ".join(f"'{value}'" for value in values)
        yield "\n".join(wrap(text, max(width, 20), subsequent_indent="  ", break_on_hyphens=False))


def _type_name(thing: Field | MetadataKey) -> str:
    return thing.type.name.lower()


_FINDERS: tuple[Callable[[Catalogue, str, int], Iterator[str]], ...] = (
    _describe_kind,
    _describe_field,
    _describe_metadata_key,
    _describe_sources,
)
"""Lookups of a name. The output joins every match."""
