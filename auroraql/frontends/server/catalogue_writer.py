"""SQL that changes a catalogue. The caller holds the transaction; every value is bound.

An uploaded record replaces an existing one with the same key, so an upload can be repeated.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple
from datetime import datetime
from typing import Any

import duckdb

from auroraql.frontends.server.http_types import Document
from auroraql.schema.catalogue import DataSource

Rows = Sequence[Document]
"""Records as values by catalogue column. `metadata` is JSON text or None."""

_HOLDS = """
SELECT 1 FROM data_products WHERE data_source = $1 UNION ALL SELECT 1 FROM ephemeris WHERE data_source = $1 LIMIT 1
"""

_PLACES = ", ".join(
    f"{place}_{member}" for place in ("location_geo", "location_gsm", "nbtrace", "sbtrace") for member in ("lat", "lon")
)

_SAME_PRODUCT = """
DELETE FROM data_products AS p USING (SELECT unnest($rows, recursive := true)) AS r
WHERE p.data_source = $source AND p."start" = r."start" AND p."end" = r."end"
    AND p.data_product_type = r.data_product_type AND p.url = r.url
"""

_ADD_PRODUCTS = """
INSERT INTO data_products
SELECT $source, "start", "end", data_product_type, url, metadata::JSON::VARIANT
FROM (SELECT unnest($rows, recursive := true)) ORDER BY "start"
"""

_SAME_EPOCH = """
DELETE FROM ephemeris AS e USING (SELECT unnest($rows, recursive := true)) AS r
WHERE e.data_source = $source AND e.epoch = r.epoch
"""

_ADD_METADATA = """
INSERT INTO ephemeris_metadata
SELECT $first + i, texts[i]::JSON::VARIANT FROM (SELECT $texts::VARCHAR[] AS texts), range(1, len(texts) + 1) AS t(i)
"""

_ADD_EPHEMERIS = f"""
INSERT INTO ephemeris
SELECT $source, epoch, {_PLACES}, metadata::BIGINT FROM (SELECT unnest($rows, recursive := true)) ORDER BY epoch
"""  # noqa: S608 - columns of the catalogue

_ORPHANS = """
DELETE FROM ephemeris_metadata
WHERE identifier IN (SELECT unnest($1::BIGINT[])) AND identifier NOT IN (
    SELECT metadata FROM ephemeris WHERE metadata IN (SELECT unnest($1::BIGINT[]))
)
"""


def write_source(cursor: duckdb.DuckDBPyConnection, source: DataSource, extra: Document) -> None:
    """Insert a source, replacing one with the same identifier. `extra` holds its fields beyond the basic ones."""
    delete_source(cursor, source.identifier)
    cursor.execute("INSERT INTO data_sources VALUES (?, ?, ?, ?, ?, ?)", list(astuple(source)))
    cursor.execute("INSERT INTO source_records VALUES (?, ?)", [source.identifier, json.dumps(extra)])


def delete_source(cursor: duckdb.DuckDBPyConnection, identifier: int) -> None:
    """Delete a source but not its records."""
    for table in ("data_sources", "source_records"):
        cursor.execute(f"DELETE FROM {table} WHERE identifier = ?", [identifier])  # noqa: S608 - one of two names


def has_records(cursor: duckdb.DuckDBPyConnection, identifier: int) -> bool:
    """Return whether a source has records."""
    return cursor.execute(_HOLDS, [identifier]).fetchone() is not None


def write_products(cursor: duckdb.DuckDBPyConnection, source: int, rows: Rows) -> None:
    """Insert data products with the columns start, end, data_product_type, url and metadata."""
    bound = {"source": source, "rows": list(rows)}
    cursor.execute(_SAME_PRODUCT, bound)
    cursor.execute(_ADD_PRODUCTS, bound)


def delete_products(cursor: duckdb.DuckDBPyConnection, source: int, urls: Sequence[str]) -> int:
    """Delete the data products with these URLs and return how many were deleted."""
    sql = "DELETE FROM data_products WHERE data_source = ? AND url IN (SELECT unnest(?::VARCHAR[])) RETURNING 1"
    return len(cursor.execute(sql, [source, list(urls)]).fetchall())


def write_ephemeris(cursor: duckdb.DuckDBPyConnection, source: int, rows: Rows) -> None:
    """Insert ephemeris records. Equal metadata is stored once."""
    bound = {"source": source, "rows": list(rows)}
    _delete_orphaned_metadata(cursor, cursor.execute(f"{_SAME_EPOCH} RETURNING e.metadata", bound).fetchall())
    texts = list(dict.fromkeys(row["metadata"] for row in rows if row["metadata"] is not None))
    highest = cursor.execute("SELECT coalesce(max(identifier), 0) FROM ephemeris_metadata").fetchone()
    first = highest[0] if highest else 0
    cursor.execute(_ADD_METADATA, {"first": first, "texts": texts})
    numbers: dict[Any, int] = {text: first + number for number, text in enumerate(texts, 1)}
    numbered = [{**row, "metadata": numbers.get(row["metadata"])} for row in rows]
    cursor.execute(_ADD_EPHEMERIS, {"source": source, "rows": numbered})


def delete_ephemeris(cursor: duckdb.DuckDBPyConnection, source: int, start: datetime, end: datetime) -> int:
    """Delete the ephemeris of a source from start to end, inclusive. Return how many records were deleted."""
    sql = "DELETE FROM ephemeris WHERE data_source = ? AND epoch >= ? AND epoch <= ? RETURNING metadata"
    deleted = cursor.execute(sql, [source, start, end]).fetchall()
    _delete_orphaned_metadata(cursor, deleted)
    return len(deleted)


def _delete_orphaned_metadata(cursor: duckdb.DuckDBPyConnection, deleted: Sequence[tuple[Any, ...]]) -> None:
    """Delete the metadata of deleted records that no other record uses."""
    numbers = sorted({row[0] for row in deleted if row[0] is not None})
    if numbers:
        cursor.execute(_ORPHANS, [numbers])
