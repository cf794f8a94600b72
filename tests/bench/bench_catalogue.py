"""Benchmark of catalogue files: `python -m tests.bench.bench_catalogue [--full]`.

Size: bytes a record with metadata that no other record has, as the writer stores them, against the order of day, source
and epoch with metadata numbered at random, which version 2 of the format allowed. Metadata: a predicate on a number,
against the same predicate by hand on a VARIANT in the row. Import: CSV into a catalogue, against DuckDB's own reading of
the file into a table. The default has 200,000 records, and `--full` 10 million.
"""

# ruff: noqa: S608 - the statements are this file's own

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import duckdb

from auroraql.catalogues.files import create_catalogue
from auroraql.catalogues.importing import ImportSettings, import_records
from auroraql.catalogues.sources import add_sources
from auroraql.catalogues.writer import POSITIONS, batch_schema, open_writer
from auroraql.schema.catalogue import DataSource
from auroraql.session.archive import connect
from tests.bench.measure import best, line

RECORDS, FULL_RECORDS = 200_000, 10_000_000
SOURCES = 10
IMAGERS = 6

# Six imagers, which stay where they are, and four spacecraft. Coordinates are decimals of float32, as AuroraX's are.
_COORDINATES = ", ".join(
    f"(sin((CASE WHEN i % {SOURCES} < {IMAGERS} THEN i % {SOURCES} ELSE i END + {7 * n}) / {95 + n}.0)"
    f" * {88 if n % 2 == 0 else 179})::FLOAT::DOUBLE AS {name}"
    for n, name in enumerate(POSITIONS)
)

_RECORDS = f"""
SELECT
    i % {SOURCES} AS data_source,
    TIMESTAMP '2020-01-01' + to_minutes(i // {SOURCES}) AS epoch,
    {_COORDINATES},
    json_object(
        'nbtrace_region', CASE i // 60 % 3 WHEN 0 THEN 'north polar cap' ELSE 'north auroral oval' END,
        'confidence', round(i * 7919 % 999983 / 999983, 6)
    ) AS metadata
FROM range($1) AS r(i)
"""


def write_new(path: Path, count: int) -> None:
    """Write a catalogue with the writer, in units of a source and month."""
    create_catalogue(path)
    sources = [
        DataSource(n, f"program {n % 3}", f"platform {n}", "footprint", "leo", f"source {n}") for n in range(SOURCES)
    ]
    add_sources(path, sources)
    names = ", ".join(batch_schema("ephemeris").names)
    with duckdb.connect() as made, open_writer(path) as writer, writer.transaction() as records:
        rows = f"SELECT {names} FROM ({_RECORDS}) ORDER BY date_trunc('month', epoch), data_source, epoch"
        made.execute(f"CREATE TABLE records AS {rows}", [count])
        for batch in made.sql("FROM records").to_arrow_reader(100_000):
            records.append("ephemeris", batch)


def write_old(path: Path, count: int) -> None:
    """Write the tables of the records in the order of day, source and epoch, with metadata numbered at random."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            f"CREATE TEMP TABLE numbered AS SELECT *, row_number() OVER (ORDER BY hash(epoch, data_source)) AS n FROM ({_RECORDS})",
            [count],
        )
        order = "ORDER BY date_trunc('day', epoch), data_source, epoch"
        connection.execute(f"CREATE TABLE ephemeris AS SELECT * REPLACE (n AS metadata) FROM numbered {order}")
        connection.execute(
            "CREATE TABLE ephemeris_metadata AS SELECT n AS identifier, metadata::VARIANT AS metadata FROM numbered ORDER BY n"
        )


def write_in_rows(path: Path, count: int) -> None:
    """Write the records with a VARIANT in each row."""
    with duckdb.connect(str(path)) as connection:
        order = "ORDER BY date_trunc('month', epoch), data_source, epoch"
        connection.execute(
            f"CREATE TABLE ephemeris AS SELECT * REPLACE (metadata::VARIANT AS metadata) FROM ({_RECORDS}) {order}",
            [count],
        )


def main(count: int) -> None:
    """Print the measurements."""
    with tempfile.TemporaryDirectory() as folder:
        new, old, rows = (Path(folder) / f"{name}.duckdb" for name in ("new", "old", "rows"))
        write_new(new, count)
        write_old(old, count)
        write_in_rows(rows, count)
        size_of = {path: path.stat().st_size / count for path in (new, old, rows)}
        print(
            f"size: {size_of[new]:.1f} bytes a record, {size_of[old]:.1f} in the old order, {size_of[rows]:.1f} with VARIANT in the row; target 30"
        )
        where = "metadata.confidence > 0.99 SELECT count(*)"
        with connect(new) as archive, duckdb.connect(str(rows), read_only=True) as by_hand:
            ours = best(lambda: archive.run(f"FIND ephemeris SINCE 2020 WHERE {where}"), 3)
            sql = "SELECT count(*) FROM ephemeris WHERE metadata['confidence']::DOUBLE > 0.99"
            peer = best(lambda: by_hand.execute(sql).fetchall(), 3)
            print(
                f"metadata: {ours / count * 1e9:.1f} ns a record, {peer / count * 1e9:.1f} by hand on VARIANT; target 10"
            )
            ours = best(lambda: archive.run("FIND ephemeris SINCE 2020 GROUP BY platform SELECT platform, count(*)"), 3)
        with duckdb.connect(str(new), read_only=True) as by_hand:
            sql = "SELECT s.platform, count(*) FROM ephemeris AS e JOIN data_sources AS s ON s.identifier = e.data_source GROUP BY 1"
            line("group by platform", ours, best(lambda: by_hand.execute(sql).fetchall(), 3), "at most 1.2")
        measure_import(Path(folder), count)


def measure_import(folder: Path, count: int) -> None:
    """Print the time of an import of CSV, and of DuckDB's reading of the file."""
    path, file = folder / "import.duckdb", folder / "records.csv"
    create_catalogue(path)
    add_sources(path, [DataSource(n, "p", f"s{n}", "footprint", "leo", "s") for n in range(SOURCES)])
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE TABLE records AS SELECT * EXCLUDE (metadata, data_source), data_source AS identifier FROM ({_RECORDS})",
            [count],
        )
        connection.execute(f"COPY records TO '{file}'")
        began = time.perf_counter()
        connection.execute(f"CREATE TABLE read AS FROM read_csv('{file}')")
        peer = time.perf_counter() - began
    began = time.perf_counter()
    assert import_records(path, [file], ImportSettings("ephemeris")).records == count
    line(f"import of {count:,} records", time.perf_counter() - began, peer, "", "s")


if __name__ == "__main__":
    main(FULL_RECORDS if "--full" in sys.argv[1:] else RECORDS)
