"""Contents of a catalogue file, and the check of its records one by one.

Opening a file checks its format, which every search depends on. `find_problems` checks what searches do not depend on:
records of unknown sources, records that occur twice, and positions and times that are not possible.
"""

# ruff: noqa: S608 - names of tables and columns of the catalogue are put into SQL, every value is bound

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path

import duckdb

from auroraql.catalogues.writer import KEY_COLUMNS, POSITIONS, TIME_COLUMNS
from auroraql.diagnostics.errors import Failed
from auroraql.engines.duckdb import SCHEMA_VERSION
from auroraql.engines.duckdb.catalogue_file import (
    CatalogueFile,
    first_error_line,
    open_catalogue,
    raise_keyboard_interrupt,
    read_catalogue,
    time_bounded,
)
from auroraql.schema import STORED_KINDS
from auroraql.schema.catalogue import DataSource, Statistics

_END_COLUMNS = {"data_products": "end", "ephemeris": "epoch"}


@dataclass(frozen=True, slots=True)
class CatalogueInfo:
    """Contents of a catalogue. `size` is in bytes, and `statistics` has the records of each source by kind."""

    path: Path
    version: int
    description: str
    demonstration: bool
    size: int
    sources: tuple[DataSource, ...]
    statistics: Mapping[str, Mapping[int, Statistics]]
    keys: Mapping[str, int]
    """Number of declared metadata keys by kind."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Wrong rows of a table: their number, the first of them (from 1), and what is wrong."""

    table: str
    row: int
    count: int
    message: str


def read_info(path: Path, deadline: float = inf) -> CatalogueInfo:
    """Read the contents of a catalogue. Raises the errors of `open_catalogue`, and Failed."""
    with _opened(path, deadline) as file:
        catalogue = read_catalogue(file.connection)
        statistics = {kind: _statistics(file.connection, kind) for kind in STORED_KINDS}
        keys = {kind: len(catalogue.keys(kind)) for kind in STORED_KINDS}
    return CatalogueInfo(
        path,
        SCHEMA_VERSION,
        file.description,
        file.demonstration,
        path.stat().st_size,
        catalogue.sources,
        statistics,
        keys,
    )


def find_problems(path: Path, deadline: float = inf) -> list[Problem]:
    """Check the records of a catalogue. Raises the errors of `open_catalogue`, and Failed for a damaged file."""
    with _opened(path, deadline) as file:
        return [*_unknown_sources(file.connection), *_repeated(file.connection), *_impossible(file.connection)]


@contextmanager
def _opened(path: Path, deadline: float) -> Iterator[CatalogueFile]:
    file = open_catalogue(path, deadline=deadline)
    try:
        with time_bounded(file.connection, deadline, str(path)), raise_keyboard_interrupt():
            yield file
    except duckdb.InterruptException:
        raise
    except duckdb.Error as problem:
        hint = "the file is damaged: restore it from a copy, or build it again"
        raise Failed(first_error_line(problem), archive=str(path), subject=f"'{path}'", hint=hint) from None
    finally:
        file.connection.close()


def _statistics(connection: duckdb.DuckDBPyConnection, kind: str) -> dict[int, Statistics]:
    rows = connection.execute(
        f'SELECT data_source, count(*), min("{TIME_COLUMNS[kind]}"), max("{_END_COLUMNS[kind]}") FROM {kind} GROUP BY ALL'
        " ORDER BY ALL"
    ).fetchall()
    return {source: Statistics(count, first, last) for source, count, first, last in rows}


def _wrong_rows(connection: duckdb.DuckDBPyConnection, table: str, condition: str, message: str) -> Iterator[Problem]:
    count, row = connection.execute(f"SELECT count(*), min(rowid) FROM {table} AS r WHERE {condition}").fetchall()[0]
    if count:
        yield Problem(table, row + 1, count, message)


def _unknown_sources(connection: duckdb.DuckDBPyConnection) -> Iterator[Problem]:
    unknown = "data_source NOT IN (SELECT identifier FROM data_sources)"
    for kind in STORED_KINDS:
        yield from _wrong_rows(
            connection, kind, unknown, "the record is of a data source that the catalogue does not have"
        )


def _repeated(connection: duckdb.DuckDBPyConnection) -> Iterator[Problem]:
    for kind, columns in KEY_COLUMNS.items():
        key = ", ".join(f'"{name}"' for name in columns)
        repeated = f"SELECT max(rowid) AS row, count(*) - 1 AS extra FROM {kind} GROUP BY {key} HAVING count(*) > 1"
        extra, row = connection.execute(f"SELECT sum(extra), min(row) FROM ({repeated})").fetchall()[0]
        if extra:
            yield Problem(kind, row + 1, int(extra), "the record occurs twice")


def _impossible(connection: duckdb.DuckDBPyConnection) -> Iterator[Problem]:
    yield from _wrong_rows(connection, "data_products", '"end" < "start"', "the end is before the start")
    for latitude, longitude in zip(POSITIONS[::2], POSITIONS[1::2], strict=True):
        place = latitude.removesuffix("_lat")
        # AuroraX has GSM latitudes beyond 90 and longitudes beyond 180.
        most = (360, 360) if "gsm" in place else (90, 180)
        for column, limit in zip((latitude, longitude), most, strict=True):
            wrong = f"NOT isfinite({column}) OR abs({column}) > {limit}"
            name = f"{place}.{column.rpartition('_')[2]}"
            yield from _wrong_rows(connection, "ephemeris", wrong, f"{name} is not from -{limit} to {limit}")
        single = f"({latitude} IS NULL) <> ({longitude} IS NULL)"
        yield from _wrong_rows(connection, "ephemeris", single, f"{place} has only one of lat and lon")
