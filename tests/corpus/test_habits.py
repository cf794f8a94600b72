"""The habits of people who know other languages: each input with its errors and, if it has one, its fixed text.

A file of `habits` has the inputs of one family. Every fix leads to a text without errors. A fixed query in SQL finds the
rows that DuckDB finds with the query itself, or with the query of the section `sql`, which spells it for DuckDB. A `-`
there marks a query that DuckDB cannot run, for example because it has parameters.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import duckdb
import pytest

from auroraql import Archive, connect
from auroraql.diagnostics.errors import Diagnostic, Source, Span, render
from auroraql.engines.duckdb.demo import demo_cache_path
from tests.support import corpus_files, fixes

MAX_STEPS = 12
FAMILIES = corpus_files.files("habits")
CASES = {
    f"{path.stem}-{number}": case for path in FAMILIES for number, case in enumerate(corpus_files.read_cases(path), 1)
}


def errors(statement: str) -> list[Diagnostic]:
    """Return the errors of a script."""
    return [diagnostic for diagnostic in fixes.diagnostics(statement) if diagnostic.severity == "error"]


def fix(statement: str) -> str | None:
    """Apply the first fix until no error remains. Return None if an error without a fix remains."""
    for _ in range(MAX_STEPS):
        diagnostics = errors(statement)
        if not diagnostics:
            return statement
        fixable = next((error for error in diagnostics if error.fix is not None), None)
        if fixable is None:
            return None
        statement = fixes.apply_fix(statement, fixable)
    return None


def observe(case: dict[str, str]) -> dict[str, str]:
    """Return the expected sections of a case as they are today."""
    statement = case["statement"]
    diagnostics = errors(statement)
    assert diagnostics, f"nothing is wrong with {statement}"
    fixed = fix(statement)
    shown = {"rendering": render(diagnostics, Source(statement, "query.aql"))}
    return shown if fixed is None else {**shown, "fixed": fixed}


@pytest.mark.parametrize("path", FAMILIES, ids=lambda path: path.stem)
def test_a_family_of_habits(path: Path, update: bool) -> None:
    cases = corpus_files.read_cases(path)
    inputs = [{name: text for name, text in case.items() if name in corpus_files.INPUTS} for case in cases]
    answers = [{**case, **observe(case)} for case in inputs]
    if update:
        corpus_files.write_cases(path, answers)
        return
    for case, observed in zip(cases, answers, strict=True):
        assert case == observed


def test_there_are_enough_habits() -> None:
    assert len({" ".join(case["statement"].split()) for case in CASES.values()}) >= 250


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_fix_is_right(case: dict[str, str]) -> None:
    statement = case["statement"]
    assert not fixes.complaints(statement)
    for diagnostic in errors(statement):
        has_way_out = bool(diagnostic.hint) or diagnostic.fix is not None
        assert has_way_out, f"no way out of {diagnostic.message}"
        assert isinstance(diagnostic.origin, Span)


# --- queries in SQL: the rows of DuckDB and of the fixed text

_TABLES = """
CREATE SCHEMA habits;
CREATE VIEW habits.data_products AS
  SELECT p.start, p."end", s.*, p.url, p.data_product_type, p.metadata::JSON AS metadata,
    p.metadata::JSON ->> 'keogram_type' AS keogram_type, p.metadata::JSON ->> 'movie_type' AS movie_type,
    TRY_CAST(p.metadata::JSON ->> 'wavelength' AS DOUBLE) AS wavelength,
    {'platform': s.platform, 'display_name': s.display_name} AS data_source
  FROM main.data_products p JOIN main.data_sources s ON s.identifier = p.data_source;
CREATE VIEW habits.ephemeris AS
  SELECT e.epoch, s.*, {'lat': nbtrace_lat, 'lon': nbtrace_lon} AS nbtrace, m.metadata::JSON AS metadata,
    TRY_CAST(m.metadata::JSON ->> 'radial_distance' AS DOUBLE) AS radial_distance
  FROM main.ephemeris e JOIN main.data_sources s ON s.identifier = e.data_source
  LEFT JOIN main.ephemeris_metadata m ON m.identifier = e.metadata;
SET search_path = 'habits';
SET TimeZone = 'UTC';
"""
"""The tables that the queries read, on the demonstration."""

_LIMIT = re.compile(r"\s+(?:LIMIT\s+\d+(?:\s*,\s*\d+)?(?:\s+OFFSET\s+\d+)?)\s*;?$", re.IGNORECASE)
_WHOLE_RECORDS = re.compile(r"select\s+(?:distinct\s+)?(?:\w+\.)?\*|^from\s+\w+(?!.*select)", re.IGNORECASE)

_QUERY = re.compile(r"\(?\s*(?:select|from|with)\b", re.IGNORECASE)
QUERIES = {
    name: case for name, case in CASES.items() if "fixed" in case and ("sql" in case or _QUERY.match(case["statement"]))
}


_SAMPLE = """
DELETE FROM data_products WHERE NOT (
  hash(url) % 800 = 0
  OR (start >= '2021-01-01' AND start < '2021-01-03' AND hash(url) % 4 = 0)
  OR start = '2021-01-01'
);
DELETE FROM ephemeris WHERE NOT (
  hash(epoch) % 5000 = 0 OR (epoch BETWEEN '2020-01-01 05:55' AND '2020-01-01 06:15')
);
CHECKPOINT;
"""
"""Reduces the demonstration to a sample, in which a query without a time window is quick."""


@pytest.fixture(scope="module")
def catalogue(demo_engine: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a catalogue file with a sample of the demonstration."""
    copy = shutil.copyfile(demo_cache_path(None), tmp_path_factory.mktemp("habits") / "sample.duckdb")
    with duckdb.connect(str(copy)) as connection:
        connection.execute(_SAMPLE)
    return copy


@pytest.fixture(scope="module")
def sql(catalogue: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    copy = shutil.copyfile(catalogue, catalogue.with_name("views.duckdb"))
    with duckdb.connect(str(copy)) as connection:
        connection.execute(_TABLES)
        yield connection


@pytest.fixture(scope="module")
def archive(catalogue: Path) -> Iterator[Archive]:
    with connect(str(catalogue)) as opened:
        yield opened


@pytest.mark.parametrize("case", QUERIES.values(), ids=QUERIES)
def test_a_fixed_query_finds_the_rows_of_the_sql(
    case: dict[str, str], sql: duckdb.DuckDBPyConnection, archive: Archive
) -> None:
    query, fixed = case.get("sql", case["statement"]), case["fixed"]
    if query == "-":
        return
    names, theirs = run_sql(sql, query)
    *_, result = archive.run_script(fixed)
    assert len(result) == len(theirs)
    if _LIMIT.search(fixed) or "FETCH" in query:
        # Without an order, or with equal keys, the rows of a limit are not determined.
        names, theirs = run_sql(sql, _LIMIT.sub("", query))
        *_, result = archive.run_script(_LIMIT.sub("", fixed))
    ours = [tuple(row) for row in result]
    if _WHOLE_RECORDS.search(query) and "EXPLAIN" not in fixed:
        columns = [column.name for column in result.columns]
        shared = [name for name in names if name in columns and name not in ("metadata", "nbtrace", "data_source")]
        assert shared
        ours = [tuple(row[columns.index(name)] for name in shared) for row in ours]
        theirs = [tuple(row[names.index(name)] for name in shared) for row in theirs]
    assert Counter(map(plain, ours)) == Counter(map(plain, theirs))


def run_sql(sql: duckdb.DuckDBPyConnection, query: str) -> tuple[list[str], list[tuple[object, ...]]]:
    """Return the names of the columns and the rows of a query."""
    cursor = sql.execute(query)
    assert cursor.description is not None
    return [column[0] for column in cursor.description], cursor.fetchall()


def plain(row: tuple[object, ...]) -> tuple[object, ...]:
    """Return a row whose values compare equal when they are the same to six digits."""
    return tuple(
        float(f"{value:.6g}") if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
        for value in row
    )


def test_most_queries_are_compared() -> None:
    compared = [case for case in QUERIES.values() if case.get("sql") != "-"]
    assert len(compared) >= 120
    assert len(compared) >= 0.8 * len(QUERIES)


def test_the_statements_of_a_family_differ() -> None:
    for statement, same in groupby(sorted(case["statement"] for case in CASES.values())):
        assert len(list(same)) == 1, statement
