"""The demonstration catalogue: made by SQL from the package's own facts, by the rules told in rule.sql and ephemeris.sql.

The rule has a version: the same version is the same catalogue, on every machine.
"""

from __future__ import annotations

import csv
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from auroraql.archives.catalogue_format import SCHEMA_VERSION, TYPE_NAMES
from auroraql.schema.catalogue import Catalogue, MetadataKey, shipped

RULE = "demonstration rule 4"
"""Which rule made a catalogue; a cached one of another rule is made again."""

_DESCRIPTION = (
    "Demonstration data: made up by a rule, in the shape of AuroraX's data products of 2019 to 2021"
    " and its ephemeris of January and February 2020, and of both on the days of its published examples."
)

_NAMES = {declared: name for name, declared in TYPE_NAMES.items()}

_INSERTS = {
    "sites": "INSERT INTO sites SELECT unnest($rows, recursive := true)",
    "imagers": "INSERT INTO imagers SELECT unnest($rows, recursive := true)",
    "days": "INSERT INTO days SELECT unnest($rows, recursive := true)",
    "products": "INSERT INTO products SELECT unnest($rows, recursive := true)",
    "orbits": "INSERT INTO orbits SELECT unnest($rows, recursive := true)",
}


class Connection(Protocol):
    """A connection of DuckDB, which is loaded by whoever has one."""

    def execute(self, query: str, parameters: object = ..., /) -> object:
        """Runs a statement."""

    def executemany(self, query: str, parameters: object = ..., /) -> object:
        """Runs a statement once for each of several rows."""


def build(connection: Connection) -> None:
    """Fills an empty database with the demonstration catalogue. Raises duckdb.Error when it cannot be written."""
    connection.execute(_text("../catalogue.sql"))
    known = catalogue()
    connection.execute(
        "INSERT INTO catalogue VALUES ($version, true, $description, $rule)",
        {"version": SCHEMA_VERSION, "description": _DESCRIPTION, "rule": RULE},
    )
    connection.execute(
        "INSERT INTO data_sources SELECT unnest($rows, recursive := true)",
        {"rows": [asdict(source) for source in known.sources]},
    )
    for kind, keys in known.metadata.items():
        connection.executemany("INSERT INTO metadata_keys VALUES (?, ?, ?, ?, ?, ?, ?)", [_row(kind, k) for k in keys])
    connection.execute(_text("facts.sql"))
    for name, insert in _INSERTS.items():
        connection.execute(insert, {"rows": _facts(name)})
    connection.execute(_text("rule.sql"))
    connection.execute(_text("ephemeris.sql"))


@cache
def catalogue() -> Catalogue:
    """The facts that come with the package, which are all that the demonstration has."""
    return replace(shipped(), is_shipped=False)


def _text(name: str) -> str:
    return (Path(__file__).parent / name).read_text("utf-8")


def _facts(name: str) -> list[dict[str, str | None]]:
    rows = csv.DictReader(_text(f"{name}.csv").splitlines())
    return [{column: value or None for column, value in row.items()} for row in rows]


def _row(kind: str, key: MetadataKey) -> tuple[Any, ...]:
    return kind, key.name, _NAMES[key.type], list(key.values), key.doc, list(key.programs), key.unit
