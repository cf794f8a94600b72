"""Benchmark of ten million data products against the same SQL by hand: `python -m tests.bench.bench_large [--full]`.

Without `--full` there are one million, for the gate.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from auroraql import connect
from auroraql.engines.duckdb import SCHEMA_VERSION
from auroraql.engines.duckdb.catalogue_file import LOCKED_DOWN
from tests.bench.measure import best, line
from tests.support.small_catalogue import FORMAT

FIND = (
    "FIND data_products SELECT start, url WHERE program = 'p3' AND data_product_type = 'keogram' AND keogram_type = 'daily'"
    " BETWEEN 2020-01-01 AND 2020-12-31 ORDER BY start DESC LIMIT 100"
)

BY_HAND = """
SELECT p."start", p.url FROM data_products p JOIN data_sources s ON s.identifier = p.data_source
WHERE s.program = ? AND p.data_product_type = ? AND CAST(p.metadata[?] AS VARCHAR) = ?
    AND p."start" >= ? AND p."end" <= ? ORDER BY p."start" DESC, p.data_source, p.url LIMIT 100
"""

VALUES = ["p3", "keogram", "keogram_type", "daily", datetime(2020, 1, 1), datetime(2020, 12, 31, 23, 59, 59)]

EXPRESSIONS = {
    "hours and sites of 40 years' products": (
        (
            "FIND data_products SELECT upper(platform) AS site, hour(start) AS ut, count(*) AS n, sum(end - start) AS length"
            " WHERE (end - start) / 1 min > 30 AND length(url) > 5 BETWEEN 2010-01-01 AND 2049-12-31"
            " GROUP BY site, ut HAVING n > 2 ORDER BY site, ut"
        ),
        """
        SELECT upper(s.platform) AS site, hour(p."start") AS ut, count(*) AS n,
            to_microseconds(CAST(sum(epoch_us(p."end") - epoch_us(p."start")) AS BIGINT)) AS length
        FROM data_products p JOIN data_sources s ON s.identifier = p.data_source
        WHERE p."start" >= ? AND p."end" <= ? AND (epoch_us(p."end") - epoch_us(p."start")) / 60000000 > 30
            AND length(p.url) > 5
        GROUP BY site, ut HAVING n > 2 ORDER BY site, ut
        """,
    ),
    "a CASE of 40 years' products": (
        (
            "FIND data_products SELECT CASE WHEN hour(start) < 12 THEN 'morning' ELSE 'evening' END AS part, count(*) AS n"
            " WHERE platform || url LIKE '%1.jpg' BETWEEN 2010-01-01 AND 2049-12-31 GROUP BY part ORDER BY part"
        ),
        """
        SELECT CASE WHEN hour(p."start") < 12 THEN 'morning' ELSE 'evening' END AS part, count(*) AS n
        FROM data_products p JOIN data_sources s ON s.identifier = p.data_source
        WHERE p."start" >= ? AND p."end" <= ? AND s.platform || p.url ILIKE '%1.jpg'
        GROUP BY part ORDER BY part
        """,
    ),
}
"""Statements with expressions over all products, and the same in SQL. Both get the window."""

WINDOW = [datetime(2010, 1, 1), datetime(2049, 12, 31, 23, 59, 59)]

PRODUCTS = """
INSERT INTO data_products
SELECT n % 100, t, t + INTERVAL 59 MINUTE, ['keogram', 'movie', 'montage'][1 + n % 3],
    'https://example.org/' || n || '.jpg', {'keogram_type': ['daily', 'hourly'][1 + n % 2]}::VARIANT
FROM (SELECT n, TIMESTAMP '2015-01-01' + to_seconds(n * 315_360_000 // $1) AS t FROM range($1) AS r(n))
"""


def make(path: Path, count: int) -> None:
    """Write a catalogue of `count` products of a hundred sources over ten years."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(FORMAT)
        connection.execute("INSERT INTO catalogue VALUES (?, true, 'a bench', 'by a formula')", [SCHEMA_VERSION])
        connection.execute(
            "INSERT INTO data_sources SELECT n, 'p' || n % 10, 's' || n, 'camera', 'ground', 'd' || n FROM range(100) r(n)"
        )
        connection.execute(PRODUCTS, [count])


def _fetch(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql, WINDOW).fetchall()


def main() -> None:
    """Measure both, alternating."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="ten million")
    count = 10_000_000 if parser.parse_args().full else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.duckdb"
        make(path, count)
        with duckdb.connect(str(path), read_only=True, config=LOCKED_DOWN) as connection:
            theirs = best(lambda: connection.execute(BY_HAND, VALUES).fetchall(), 5)
            rows = connection.execute(BY_HAND, VALUES).fetchall()
            computed = {
                name: (best(partial(_fetch, connection, sql), 5), _fetch(connection, sql))
                for name, (_, sql) in EXPRESSIONS.items()
            }
        with connect(str(path)) as archive:
            assert list(archive.run(FIND)) == rows
            ours = best(lambda: archive.run(FIND), 5)
            for name, (find, _) in EXPRESSIONS.items():
                by_hand, expected = computed[name]
                assert list(archive.run(find)) == expected, name
                mine = best(partial(archive.run, find), 5)
                line(f"{name}, {count:,} in all / by hand", mine, by_hand, "<= 1.2")
        line(f"{count:,} products filtered, ordered, limited / by hand", ours, theirs, "<= 200 ms of ten million")


if __name__ == "__main__":
    main()
