"""Mapping of the columns of a file to the fields of records of a kind.

A column with the name of a field is that field, with or without its prefix, and with dots or underscores. A column with
the name of a known metadata key is that key. `--map` and `--set` give everything else. A column without a field is an
error, because a misspelt name would otherwise lose its values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from auroraql.catalogues.record_files import FileColumn, RecordFile
from auroraql.diagnostics.errors import UsageError, make_visible
from auroraql.diagnostics.suggestions import find_closest
from auroraql.schema import KINDS
from auroraql.schema.catalogue import Catalogue, load_shipped
from auroraql.schema.model import Field, Kind, Type
from auroraql.schema.source_fields import PREFIX

_METADATA = "metadata"
_KEY = f"{_METADATA}."


@dataclass(slots=True)
class ColumnMapping:
    """Columns and constants by the dotted name of the field, and by metadata key. `unused` are columns left out."""

    fields: dict[str, FileColumn | str] = field(default_factory=dict)
    keys: dict[str, FileColumn | str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)

    def name_of(self, field: str) -> str:
        """Return how an error names the place of a field: its column, or the field."""
        column = self.fields.get(field)
        if isinstance(column, FileColumn):
            return (
                f"column '{make_visible(column.name)}'"
                if column.name == field
                else f"column '{make_visible(column.name)}' ({field})"
            )
        return field


def stored_fields(kind: str) -> dict[str, Field]:
    """Return the fields that a file can give for records of a kind, by dotted name, without the metadata object."""
    leaves = (*KINDS[kind].leaves(), *_source_fields(KINDS[kind]))
    return {leaf.name: leaf for leaf in leaves if leaf.name != _METADATA}


def _source_fields(kind: Kind) -> Sequence[Field]:
    return next(field.members for field in kind.fields if field.name == PREFIX)


def map_columns(
    file: RecordFile, kind: str, catalogue: Catalogue, given: Mapping[str, str], constants: Mapping[str, str]
) -> ColumnMapping:
    """Map the columns of a file. `given` has fields by column (empty leaves a column out), `constants` values by field.

    Raises UsageError for a column or field that does not exist, two columns for one field, and a column without field.
    """
    mapping, names, keys = ColumnMapping(), _spellings(kind), _known_keys(kind, catalogue)
    chosen = {_find_column(file, name).name: target for name, target in given.items()}
    strange: list[str] = []
    for column in file.columns:
        if column.name in chosen:
            target = chosen[column.name]
            if not target:
                mapping.unused.append(column.name)
                continue
            _assign(mapping, file.path, kind, column, _read_target(target, kind, names))
        elif (found := _recognize(column.name, names, keys)) is not None:
            _assign(mapping, file.path, kind, column, found)
        elif column.name.startswith(f"{PREFIX}."):
            mapping.unused.append(column.name)  # a detail of the source, which is not a value of the record
        else:
            strange.append(column.name)
    if strange:
        raise _strange_columns(file.path, kind, strange, names)
    for target, value in constants.items():
        _assign(mapping, file.path, kind, value, _read_target(target, kind, names))
    return mapping


def _spellings(kind: str) -> dict[str, str]:
    """Return the dotted names of fields by the names that a column can have, normalized."""
    fields = stored_fields(kind)
    names = {_normalize(field.bare): name for name, field in fields.items()}
    return names | {_normalize(name): name for name in (*fields, _METADATA)}


def _normalize(name: str) -> str:
    return name.lower().replace(".", "_").replace(" ", "_").replace("-", "_")


def _known_keys(kind: str, catalogue: Catalogue) -> frozenset[str]:
    return frozenset((*catalogue.keys(kind), *load_shipped().keys(kind)))


def _recognize(name: str, names: Mapping[str, str], keys: Iterable[str]) -> str | None:
    """Return the field or `metadata.KEY` of a column by its name, or None."""
    if name.startswith(_KEY) and name != _KEY:
        return name
    return names.get(_normalize(name)) or (f"{_KEY}{name}" if name in keys else None)


def _find_column(file: RecordFile, name: str) -> FileColumn:
    column = file.column(name)
    if column is None:
        names = [make_visible(column.name) for column in file.columns]
        near = find_closest(name, names, 1)
        hint = f"did you mean {near[0]}?" if near else f"its columns are {', '.join(names)}"
        raise UsageError(f"'{file.path}' has no column '{make_visible(name)}'", hint)
    return column


def _read_target(target: str, kind: str, names: Mapping[str, str]) -> str:
    """Return a field, or `metadata.KEY`, as --map and --set name it. Raises UsageError."""
    if target.startswith(_KEY) and target != _KEY:
        return target
    if _normalize(target) in names:
        return names[_normalize(target)]
    near = find_closest(target, names.values(), 1)
    hint = f"did you mean {near[0]}?" if near else f"write {_KEY}{target} for a metadata key"
    raise UsageError(f"'{make_visible(target)}' is not a field of {KINDS[kind].title}", hint)


def _assign(mapping: ColumnMapping, path: Path, kind: str, value: FileColumn | str, target: str) -> None:
    is_key = target.startswith(_KEY)
    values = mapping.keys if is_key else mapping.fields
    name = target.removeprefix(_KEY) if is_key else target
    if name in values:
        described = [_describe(values[name]), _describe(value)]
        raise UsageError(f"'{path}': {' and '.join(described)} are both {target}", "leave one out with --map COLUMN=")
    if target == _METADATA and isinstance(value, str):
        raise UsageError(
            f"metadata of {KINDS[kind].title} is set by key", f"for example --set {_KEY}keogram_type=daily"
        )
    values[name] = value


def _describe(value: FileColumn | str) -> str:
    return f"column '{make_visible(value.name)}'" if isinstance(value, FileColumn) else f"--set {make_visible(value)}"


def _strange_columns(path: Path, kind: str, strange: Sequence[str], names: Mapping[str, str]) -> UsageError:
    shown = ", ".join(f"'{make_visible(name)}'" for name in strange)
    some = "columns that are not fields" if len(strange) > 1 else "a column that is not a field"
    first = make_visible(strange[0])
    members = [name for name in names.values() if name.rpartition(".")[2] == first.lower()]
    near = members or find_closest(first, names.values(), 1)
    meant = f"--map {first}={near[0]} if it is that field, " if near else "--map COLUMN=FIELD for a field, "
    hint = f"{meant}--map {first}={_KEY}{first} for a metadata key, or --map {first}= to leave it out"
    return UsageError(f"'{path}' has {some} of {KINDS[kind].title}: {shown}", hint)


def require_fields(mapping: ColumnMapping, path: Path, kind: str, required: Iterable[str]) -> None:
    """Raise UsageError if the file and the options do not give a required field."""
    for name in required:
        if name not in mapping.fields:
            known = stored_fields(kind)[name]
            value = known.known[0] if known.known else "VALUE"
            constant = "" if known.type is Type.TIME else f", or --set {name}={value} for all records"
            raise UsageError(f"'{path}' has no column for {name}", f"--map COLUMN={name} names the column{constant}")
