"""Writer of small catalogue files for tests, in the published format (auroraql/engines/duckdb/catalogue.sql)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb

from auroraql.engines.duckdb import SCHEMA_VERSION

FORMAT = resources.files("auroraql.engines.duckdb").joinpath("catalogue.sql").read_text("utf-8")

SOURCES = (
    (1, "trex", "gillam", "RGB ASI", "ground", "TREx RGB GILL"),
    (2, "trex", "fort smith", "RGB ASI", "ground", "TREx RGB FSMI"),
    (3, "themis-asi", "gillam", "panchromatic ASI", "ground", "THEMIS-ASI GILL"),
    (44, "unis/kho", "longyearbyen", "Été 50%_x", "leo", "5"),
)


@dataclass(frozen=True)
class Product:
    """A data product. `metadata` is any JSON object, or None for SQL NULL."""

    data_source: int
    start: datetime
    end: datetime
    url: str
    data_product_type: str = "keogram"
    metadata: dict[str, Any] | None = field(default_factory=dict)


@dataclass(frozen=True)
class Position:
    """An ephemeris record. `places` are latitude and longitude of location_geo, location_gsm, nbtrace and sbtrace."""

    data_source: int
    epoch: datetime
    places: tuple[tuple[float, float] | None, ...] = (None, None, None, None)
    metadata: dict[str, Any] | None = field(default_factory=dict)


_AT_ONCE = 200
"""Rows inserted by one statement."""


def write(
    path: Path,
    products: Iterable[Product],
    sources: Sequence[tuple[Any, ...]] = SOURCES,
    *,
    positions: Sequence[Position] = (),
    version: int = SCHEMA_VERSION,
    demonstration: bool = False,
) -> Path:
    """Write the file and return its path."""
    rows = _rows(products)
    with duckdb.connect(str(path)) as connection:
        connection.begin()
        connection.execute(FORMAT)
        connection.execute("INSERT INTO catalogue VALUES (?, ?, 'a test', 'by hand')", [version, demonstration])
        connection.executemany("INSERT INTO data_sources VALUES (?, ?, ?, ?, ?, ?)", sources)
        connection.execute(
            "INSERT INTO metadata_keys VALUES ('data_products', 'w', 'double', [], 'width', ['trex'], '')"
        )
        _insert(connection, "data_products", rows)
        _write_positions(connection, positions)
        connection.commit()
    return path


def _write_positions(connection: duckdb.DuckDBPyConnection, positions: Sequence[Position]) -> None:
    rows, metadata = [], []
    for number, position in enumerate(positions):
        degrees = [value for place in position.places for value in place or (None, None)]
        rows.append((position.data_source, position.epoch, *degrees, None if position.metadata is None else number))
        if position.metadata is not None:
            metadata.append((number, _json(position.metadata)))
    _insert(connection, "ephemeris", rows)
    _insert(connection, "ephemeris_metadata", metadata)


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert many rows with one statement, because one statement for each takes many times as long.

    The last column may hold metadata.
    """
    for begin in range(0, len(rows), _AT_ONCE):
        part = rows[begin : begin + _AT_ONCE]
        last = "?" if table == "ephemeris" else "?::JSON::VARIANT"
        row = f"({', '.join([*['?'] * (len(part[0]) - 1), last])})"
        values = [value for item in part for value in item]
        connection.execute(f"INSERT INTO {table} VALUES {', '.join([row] * len(part))}", values)  # noqa: S608


def _rows(products: Iterable[Product]) -> list[tuple[Any, ...]]:
    return [(p.data_source, p.start, p.end, p.data_product_type, p.url, _json(p.metadata)) for p in products]


def _json(metadata: dict[str, Any] | None) -> str | None:
    return None if metadata is None else json.dumps(metadata)
