"""Data sources as the service tells them, at its four levels, with what the server keeps of them beside the catalogue.

The catalogue holds the fields of the level basic_info. Owner, maintainers, metadata and schemas that were uploaded
are in a table of the server's own, `source_records`, which other readers of the file pass over; where it has no row,
the schemas are made from the catalogue's metadata keys.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import duckdb

from auroraql.archives.embedded import EmbeddedEngine
from auroraql.frontends.server.wire import Document
from auroraql.schema import KINDS, Type
from auroraql.schema.catalogue import Catalogue, DataSource, MetadataKey

BASIC = tuple(field.name for field in fields(DataSource))

SCHEMAS = tuple(kind.schema_key for kind in KINDS.values() if kind.schema_key)

RECORDED = (*SCHEMAS, "owner", "maintainers", "metadata")
"""What the table of the server's own holds."""

_LEVELS = {
    "identifier_only": ("identifier",),
    "basic_info": BASIC,
    "with_metadata": (*BASIC, "metadata"),
    "full_record": (*BASIC, *RECORDED),
}

LEVELS = tuple(_LEVELS)

_FIELDS = (*BASIC, *RECORDED)

RECORDS_TABLE = """
CREATE TABLE IF NOT EXISTS source_records (identifier BIGINT NOT NULL, document VARCHAR NOT NULL)
"""

_STATS = (
    """
SELECT data_source, min("start"), max("end"), count(*) FROM data_products GROUP BY data_source
""",
    """
SELECT data_source, min(epoch), max(epoch), count(*) FROM ephemeris GROUP BY data_source
""",
)

_TYPE_NAMES = {Type.STRING: "string", Type.NUMBER: "double", Type.INTEGER: "int", Type.BOOLEAN: "bool"}

_NO_SOURCE = -1 << 63

_PATIENCE = 60.0
"""Seconds that counting may take."""


class Sources:
    """The sources of an archive. What it reads is kept until `changed` is called; thread-safe."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._records: dict[int, Document] | None = None
        self._stats: dict[int, Document] | None = None

    def changed(self) -> None:
        """To be called after the catalogue was written."""
        with self._lock:
            self._records = self._stats = None

    def all(self) -> Sequence[DataSource]:
        """Every source there is now."""
        return self._engine.sources()

    def find(self, identifier: int) -> DataSource | None:
        """The source of an identifier."""
        return next((each for each in self.all() if each.identifier == identifier), None)

    def matching(self, only: Mapping[str, str]) -> list[DataSource]:
        """The sources that have each of these values; empty values and names restrict nothing. `owner` is a name too."""
        wanted = {name: value for name, value in only.items() if value}
        owner = wanted.pop("owner", "")
        return [
            each
            for each in self.all()
            if all(getattr(each, name) == value for name, value in wanted.items())
            and (not owner or self.recorded(each.identifier).get("owner") == owner)
        ]

    def recorded(self, identifier: int) -> Document:
        """What was uploaded of a source beside its basic fields."""
        with self._lock:
            if self._records is None:
                self._records = self._read_records()
            return self._records.get(identifier, {})

    def document(self, source: DataSource, level: str, *, stats: bool = False) -> Document:
        """A source at one of the levels: fields of higher ones are null, as the service sends them."""
        shown = _LEVELS[level or "basic_info"]
        made: Document = dict.fromkeys(_FIELDS)
        made |= {name: value for name, value in asdict(source).items() if name in shown}
        if set(shown) & set(RECORDED):
            made |= {name: value for name, value in self._beside(source).items() if name in shown}
        if stats:
            made["stats"] = self.stats(source.identifier)
        return made

    def _beside(self, source: DataSource) -> Document:
        catalogue = self._engine.catalogue()
        made = {kind.schema_key: _schema(catalogue, kind.name, source) for kind in KINDS.values() if kind.schema_key}
        return {"maintainers": [], **made, **self.recorded(source.identifier)}

    def stats(self, identifier: int) -> Document:
        """How many records a source has, and from when to when. Raises ArchiveError."""
        with self._lock:
            if self._stats is None:
                self._stats = self._read_stats()
            return self._stats.get(identifier, _statistics((None, None, 0), (None, None, 0)))

    def _read_records(self) -> dict[int, Document]:
        with self._engine.asking(time.monotonic() + _PATIENCE) as cursor:
            return read_records(cursor)

    def _read_stats(self) -> dict[int, Document]:
        with self._engine.asking(time.monotonic() + _PATIENCE) as cursor:
            products, ephemeris = ({row[0]: row[1:] for row in cursor.execute(sql).fetchall()} for sql in _STATS)
        none = (None, None, 0)
        return {key: _statistics(products.get(key, none), ephemeris.get(key, none)) for key in {*products, *ephemeris}}

    def shaper(self, level: str) -> Callable[[Document], Document]:
        """Gives the sources in a record another level than basic_info."""
        known = {each.identifier: self.document(each, level) for each in self.all()}

        def shape(record: Document) -> Document:
            for name in ("data_source", "e1_source", "e2_source"):
                if name in record:
                    record[name] = known.get(record[name]["identifier"], record[name])
            for name in ("data_sources", "events"):
                if name in record:
                    record[name] = [
                        known.get(each.get("identifier", _NO_SOURCE), each) for each in map(shape, record[name])
                    ]
            return record

        return shape


def read_records(cursor: duckdb.DuckDBPyConnection) -> dict[int, Document]:
    """What the server's own table holds; nothing where there is none."""
    there = cursor.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'source_records'").fetchone()
    if there is None:
        return {}
    rows = cursor.execute("SELECT identifier, document FROM source_records").fetchall()
    return {identifier: json.loads(document) for identifier, document in rows}


def _schema(catalogue: Catalogue, kind: str, source: DataSource) -> list[Document]:
    """The metadata keys that records of a source may carry. Those of any program belong to the imagers' products."""
    keys = (catalogue.key(kind, name) for name in catalogue.keys(kind))
    return [_key_document(key) for key in keys if key is not None and source.program in key.programs]


def _key_document(key: MetadataKey) -> Document:
    return {
        "field_name": key.name,
        "description": key.doc,
        "data_type": _TYPE_NAMES.get(key.type, "string"),
        "allowed_values": list(key.values),
        "additional_description": "",
        "searchable": True,
    }


def _statistics(products: Sequence[Any], ephemeris: Sequence[Any]) -> Document:
    made: Document = {}
    for name, (earliest, latest, count) in (("ephemeris", ephemeris), ("data_product", products)):
        made[f"earliest_{name}_loaded"] = None if earliest is None else earliest.isoformat(timespec="seconds")
        made[f"latest_{name}_loaded"] = None if latest is None else latest.isoformat(timespec="seconds")
        made[f"{name}_count"] = count
    return made
