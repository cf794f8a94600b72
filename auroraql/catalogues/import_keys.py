"""Metadata keys of imported records: their names, types, values and programs, for completion and warnings."""

# ruff: noqa: S608 - names of columns of this module are put into SQL, every value is bound

from __future__ import annotations

import json
from collections.abc import Mapping

import duckdb

from auroraql.schema.catalogue import Catalogue, DataSource, MetadataKey, load_shipped
from auroraql.schema.model import Type

_MAX_KNOWN_VALUES = 20
"""Number of distinct values up to which the values of a text key are stored."""

_TYPES = {
    "UBIGINT": Type.INTEGER,
    "BIGINT": Type.INTEGER,
    "HUGEINT": Type.INTEGER,
    "DOUBLE": Type.NUMBER,
    "BOOLEAN": Type.BOOLEAN,
}


def infer_keys(
    connection: duckdb.DuckDBPyConnection, kind: str, catalogue: Catalogue, sources: Mapping[int, DataSource]
) -> list[MetadataKey]:
    """Return the keys of the metadata in the table `records`, each with the programs whose records have it."""
    structures = connection.execute(
        "SELECT data_source, CAST(json_structure(CAST(metadata AS JSON)) AS VARCHAR) FROM records"
        " WHERE metadata IS NOT NULL GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    types: dict[str, set[Type]] = {}
    programs: dict[str, dict[str, None]] = {}
    for identifier, text in structures:
        structure = json.loads(text)
        for name, declared in structure.items() if isinstance(structure, dict) else ():
            if declared != "NULL":
                types.setdefault(name, set()).add(_TYPES.get(str(declared), Type.STRING))
                programs.setdefault(name, {})[sources[identifier].program] = None
    return [
        _key(connection, kind, catalogue, name, _common_type(found), tuple(programs[name]))
        for name, found in types.items()
    ]


def _common_type(types: set[Type]) -> Type:
    if len(types) == 1:
        return next(iter(types))
    return Type.NUMBER if types == {Type.NUMBER, Type.INTEGER} else Type.STRING


def _key(
    connection: duckdb.DuckDBPyConnection,
    kind: str,
    catalogue: Catalogue,
    name: str,
    type: Type,
    programs: tuple[str, ...],
) -> MetadataKey:
    """Return a key. A key that the catalogue or AuroraX has keeps its type, its explanation and its unit."""
    known = catalogue.key(kind, name) or load_shipped().key(kind, name)
    values = _values(connection, name) if type is Type.STRING else ()
    if known is None:
        return MetadataKey(name, type, values, programs=programs)
    return MetadataKey(name, known.type, values, known.doc, programs, known.unit)


def _values(connection: duckdb.DuckDBPyConnection, name: str) -> tuple[str, ...]:
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    rows = connection.execute(
        "SELECT DISTINCT json_extract_string(metadata, $1::VARCHAR) AS value FROM records"
        f" WHERE value IS NOT NULL LIMIT {_MAX_KNOWN_VALUES + 1}",
        [pointer],
    ).fetchall()
    return tuple(sorted(value for (value,) in rows)) if len(rows) <= _MAX_KNOWN_VALUES else ()
