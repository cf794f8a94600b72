"""Tests of SQL over results: its answers, and the sandbox that blocks everything else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from datetime import time as clock
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from auroraql import Archive, StatementError, TimedOut, connect, parse
from auroraql.diagnostics.errors import Span
from auroraql.language.ast import SqlStatement
from auroraql.schema import Type
from auroraql.session.sql.runner import run_sql
from auroraql.session.sql.sandbox import CONFIG, check_sql

DAY = "FIND data_products WHERE program = 'trex' ON 2020-02-01"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with connect() as opened:
        for _ in opened.run_script(
            f"LET c = {DAY}",
            "LET places = FIND ephemeris SELECT epoch, platform, nbtrace, location_geo.lat, nbtrace_region, radial_distance AS r"
            " WHERE program = 'swarm' ON 2020-01-01 LIMIT 50",
            "LET passes = FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 300 km ON 2020-01-01",
            f"LET nothing = {DAY} LIMIT 0",
            f'LET `odd "name` = {DAY} LIMIT 2',
        ):
            pass
        yield opened


def error_of(archive: Archive, text: str, **parameters: Any) -> StatementError:
    """Return the error of an SQL statement that does not run."""
    with pytest.raises(StatementError) as raised:
        archive.run(f"SQL {text}", **parameters)
    return raised.value


# --- answers


def test_results_are_tables(archive: Archive) -> None:
    result = archive.run(
        "SQL SELECT platform, count(*) AS n, min(start) AS first FROM c GROUP BY platform ORDER BY n DESC, 1"
    )
    assert [(column.name, column.type) for column in result.columns] == [
        ("platform", Type.STRING),
        ("n", Type.INTEGER),
        ("first", Type.TIME),
    ]
    records = archive.results["c"].records
    for platform, n, first in result:
        mine = [item for item in records if item["data_source"]["platform"] == platform]
        assert (n, first.isoformat()) == (len(mine), min(item["start"] for item in mine))
    assert result.records[0]["platform"] == next(iter(result))[0]
    assert result.to_arrow().column_names == ["platform", "n", "first"]
    assert result.to_pandas()["n"].sum() == len(records)
    assert not result.is_report
    assert result.note == ""


COLUMNS = {
    "c": "start TIMESTAMP, end TIMESTAMP, identifier BIGINT, program VARCHAR, platform VARCHAR, instrument_type VARCHAR, "
    "source_type VARCHAR, display_name VARCHAR, url VARCHAR, data_product_type VARCHAR, metadata JSON",
    "places": "epoch TIMESTAMP, platform VARCHAR, nbtrace STRUCT(lat DOUBLE, lon DOUBLE), location_geo.lat DOUBLE, "
    "nbtrace_region VARCHAR, r DOUBLE",
    "passes": "conjunction_type VARCHAR, start TIMESTAMP, end TIMESTAMP, ground1 VARCHAR, space1 VARCHAR, "
    "data_sources JSON, min_distance DOUBLE, "
    "max_distance DOUBLE, closest_epoch TIMESTAMP, farthest_epoch TIMESTAMP, events JSON, identifier BIGINT[], "
    "program VARCHAR[], platform VARCHAR[], instrument_type VARCHAR[], source_type VARCHAR[], display_name VARCHAR[], "
    "ground1.identifier BIGINT, ground1.program VARCHAR, ground1.platform VARCHAR, ground1.instrument_type VARCHAR, "
    "ground1.source_type VARCHAR, space1.identifier BIGINT, space1.program VARCHAR, space1.platform VARCHAR, "
    "space1.instrument_type VARCHAR, space1.source_type VARCHAR",
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_have_plain_names_and_real_types(archive: Archive, name: str) -> None:
    result = archive.run(f"SQL DESCRIBE {name}")
    assert ", ".join(f"{row[0]} {row[1]}" for row in result) == COLUMNS[name]
    empty = archive.run("SQL DESCRIBE nothing")
    assert [row[:2] for row in empty] == [row[:2] for row in archive.run("SQL DESCRIBE c")]


def test_ambiguous_names_and_columns(archive: Archive) -> None:
    archive.run(
        "LET twice = FIND data_products SELECT program AS Program, data_source.program, metadata.program,"
        " keogram_type AS `a b`, data_source WHERE program = 'trex' ON 2020-02-01 LIMIT 1"
    )
    names = [row[0] for row in archive.run("SQL DESCRIBE twice")]
    assert names == ["Program", "data_source.program", "metadata.program", "a b", "data_source"]
    archive.run("LET cases = FIND data_products SELECT url AS a, start AS A, end AS A_2 ON 2020-02-01 LIMIT 1")
    assert [row[0] for row in archive.run("SQL DESCRIBE cases")] == ["a", "A_2", "A_2_2"]
    assert archive.run('SQL SELECT count(*) FROM "odd ""name"').rows == [(2,)]
    assert (
        archive.run("SQL SELECT count(*) FROM C AS other").rows == archive.run("SQL SELECT count(*) FROM main.c").rows
    )


@pytest.fixture(scope="module")
def whole(archive: Archive) -> Archive:
    """Return whole records and selected columns of them as results."""
    archive.run("LET e = FIND ephemeris WHERE program = 'swarm' ON 2020-01-01 ORDER BY epoch, platform LIMIT 4")
    archive.run("LET f = FIND e SELECT epoch, nbtrace.lat AS lat, data_source.program, nbtrace")
    return archive


def test_columns_have_the_names_of_find(whole: Archive) -> None:
    for name in ("c", "places", "e", "f"):
        every = whole.run(f"SQL FROM {name}")
        assert [column.name for column in every.columns] == [c.name for c in whole.results[name].columns], name
        assert [row[0] for row in every] == [row[0] for row in whole.results[name]]
    names = [column.name for column in whole.run("SQL SELECT * FROM passes").columns]
    assert names[: len(whole.results["passes"].columns)] == [c.name for c in whole.results["passes"].columns]


DOTTED = {
    "SELECT nbtrace.lat FROM e": "nbtrace.lat",
    'SELECT "nbtrace.lat" FROM e': "nbtrace.lat",
    "SELECT e.NBTRACE . Lat FROM e": "nbtrace.lat",
    "SELECT x.nbtrace.lat FROM main.e AS x": "nbtrace.lat",
    "SELECT nbtrace.lat FROM f": "nbtrace.lat",
    'SELECT "nbtrace.lat" FROM f': "nbtrace.lat",
    "SELECT e.nbtrace.lat FROM e JOIN f ON e.epoch = f.epoch AND e.nbtrace.lat = f.nbtrace.lat": "nbtrace.lat",
    "WITH a AS (SELECT * FROM e) SELECT a.nbtrace.lat FROM a WHERE 'é' != a.\"nbtrace.lon\"::VARCHAR": "nbtrace.lat",
    "SELECT max(nbtrace.lat) AS lat FROM e GROUP BY nbtrace.lat HAVING nbtrace.lat > -91": "lat",
    "SELECT * EXCLUDE (epoch, identifier, program, platform, instrument_type, source_type, display_name,"
    " location_geo.lat, location_geo.lon, location_gsm.lat, location_gsm.lon, nbtrace.lon, sbtrace.lat, sbtrace.lon,"
    " metadata) FROM e": "nbtrace.lat",
}


@pytest.mark.parametrize("text", DOTTED)
def test_a_dotted_name_is_a_column(whole: Archive, text: str) -> None:
    result = whole.run(f"SQL {text}")
    assert [column.name for column in result.columns] == [DOTTED[text]]
    expected = {record["nbtrace"]["lat"] for record in whole.results["e"].records}
    assert {value for (value,) in result} == expected


def test_an_alias_of_the_sql_is_kept(whole: Archive) -> None:
    for text in (
        "SELECT list_transform([{'lat': 7}], lambda nbtrace: nbtrace.lat)[1] FROM e LIMIT 1",
        "SELECT nbtrace.lat FROM (SELECT 7 AS lat FROM e) AS nbtrace LIMIT 1",
        "SELECT a.nbtrace.lat FROM (SELECT {'lat': 7} AS nbtrace FROM e) AS a LIMIT 1",
    ):
        assert whole.run(f"SQL {text}").rows == [(7,)], text
    for text in ("data_sources.platform", "platform", "passes.data_sources.platform"):
        assert whole.run(f"SQL FROM passes SELECT {text} LIMIT 1").rows[0][0] == [
            source["platform"] for source in whole.results["passes"].records[0]["data_sources"]
        ]
    assert whole.run("SQL SELECT metadata.nbtrace_region FROM e").columns[0].name == "nbtrace_region"


MISNAMED = {
    "SELECT 'é', nbtrace_lat FROM e": "nbtrace.lat",
    "SELECT e.nbtrace_lat FROM e": "e.nbtrace.lat",
    'SELECT nbtrace.lon, "e"."nbtrace_lat" FROM e': "e.nbtrace.lat",
    "SELECT data_source.program FROM e": "program",
    "SELECT program FROM f": "data_source.program",
    "SELECT min(radial_distance) FROM places": "r",
    "SELECT lon FROM f": "nbtrace.lon",
}


@pytest.mark.parametrize("text", MISNAMED)
def test_the_hint_for_a_nested_name(whole: Archive, text: str) -> None:
    (diagnostic,) = error_of(whole, text).diagnostics
    assert (diagnostic.hint, diagnostic.fix) == (f"did you mean {MISNAMED[text]}?", MISNAMED[text])
    statement = f"SQL {text}"
    assert isinstance(diagnostic.origin, Span)
    mended = statement[: diagnostic.origin.start] + MISNAMED[text] + statement[diagnostic.origin.end :]
    assert len(whole.run(mended)) > 0


def test_the_hint_for_a_misspelt_dotted_name(whole: Archive) -> None:
    for text, hint in {
        "SELECT nbtrace.latt FROM e": "did you mean nbtrace.lat?",
        "SELECT nbtrace FROM e": "did you mean nbtrace.lat or nbtrace.lon?",
        "SELECT nbtrace.lat, location_geo.lan FROM e": "did you mean location_geo.lon?",
    }.items():
        (diagnostic,) = error_of(whole, text).diagnostics
        assert diagnostic.message.endswith(" does not exist"), text
        assert (diagnostic.hint, diagnostic.fix) == (hint, None)


def test_every_plain_select_runs(archive: Archive) -> None:
    for text in (
        "VALUES (1), (2)",
        "FROM c",
        "TABLE c",
        "SUMMARIZE c",
        "SELECT * FROM range(3), generate_series(1, 2), unnest([1, 2])",
        "WITH a AS (SELECT platform FROM c), b AS MATERIALIZED (FROM a) SELECT * FROM b JOIN c USING (platform)",
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5) SELECT sum(x) FROM n",
        "SELECT platform, row_number() OVER (PARTITION BY platform ORDER BY start) FROM c QUALIFY 1 = 1",
        "SELECT list_transform(platform, lambda p: upper(p)), unnest(platform) FROM passes",
        "SELECT metadata->>'keogram_type' AS k, count(*) FILTER (metadata IS NOT NULL) FROM c GROUP BY ALL",
        "SELECT events->0->>'min_distance' FROM passes",
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_name = 'passes'",
        "SELECT date_trunc('hour', start) FROM c -- a comment; with a semicolon",
        "SELECT ';' FROM c UNION ALL BY NAME SELECT 'x'",
        "FROM (PIVOT c ON data_product_type IN ('keogram', 'movie') USING count(*))",
    ):
        assert len(archive.run(f"SQL {text}").rows) > 0, text
    assert archive.run("SQL SELECT * FROM c, nothing").rows == []


@pytest.mark.parametrize(
    "text",
    [
        "SELECT count(*) FROM c",
        "SELECT c.platform FROM c ORDER BY upper(URL)",
        "SELECT c FROM c",
        "SELECT t FROM c AS t",
        "SELECT main.c FROM c",
        "SELECT x.url FROM c AS x NATURAL JOIN c AS y",
        "SELECT a.url FROM c AS a JOIN c AS b USING (identifier, start)",
        "SELECT COLUMNS('.*form') FROM c",
        "SELECT * EXCLUDE (url) FROM c",
        "SELECT platform AS url, url FROM c",
        "SELECT program FROM c GROUP BY ALL HAVING min(length(url)) > 0",
        "SELECT (SELECT max(p.min_distance) FROM passes AS p WHERE list_contains(p.platform, c.platform)) FROM c",
        "FROM (UNPIVOT c ON platform, program)",
    ],
)
def test_every_referenced_column_is_converted(archive: Archive, text: str) -> None:
    """Columns that the SQL does not name are not converted; the answer is the same as with all of them."""
    statement = parse(f"SQL {text}")
    assert isinstance(statement, SqlStatement)
    limited = replace(check_sql(statement, ["c", "passes"]), columns=None)
    tables = [archive._stored[name] for name in limited.tables]
    _, expected = run_sql(statement, tables, limited, {}, time.monotonic() + 60)
    assert len(expected) > 0
    assert sorted(map(str, archive.run(f"SQL {text}"))) == sorted(map(str, expected))


def test_values_have_the_types_of_results(archive: Archive) -> None:
    result = archive.run(
        "SQL SELECT 1 AS a, 1.50 AS b, 'x' AS c, true AS d, NULL AS e, date '2020-02-01' AS f, "
        "timestamp '2020-02-01 01:02:03' AS g, [1.5::DECIMAL(3, 1), NULL] AS h, {'k': date '2020-02-01'} AS i, "
        "map {1: 'y'} AS j, time '01:02' AS k, 'z'::BLOB AS l, sum(2::HUGEINT) AS m, '{\"n\": 1}'::JSON AS n, 7 AS a"
    )
    assert list(result.rows[0]) == [
        1, Decimal("1.50"), "x", True, None, date(2020, 2, 1), datetime(2020, 2, 1, 1, 2, 3), [1.5, None],
        {"k": "2020-02-01"}, {"1": "y"}, clock(1, 2), b"z", 2, {"n": 1}, 7,
    ]  # fmt: skip
    kinds = [Type.INTEGER, Type.DECIMAL, Type.STRING, Type.BOOLEAN]
    assert [c.type for c in result.columns][:4] == kinds
    assert [c.type for c in result.columns][7:10] == [Type.OBJECT] * 3
    assert [c.name for c in result.columns][-1] == "a_2"
    assert result.to_arrow().num_rows == 1


def test_parameters_are_bound(archive: Archive) -> None:
    text = "SELECT count(*) FROM c WHERE platform = $site AND data_product_type IN (SELECT unnest($kinds))"
    result = archive.run(f"SQL {text}", site="gillam", kinds=["keogram", "movie"])
    assert result.rows[0][0] > 0
    assert archive.run(f"SQL {text}", site="gillam' OR 'a' = 'a", kinds=["keogram"]).rows == [(0,)]
    assert [d.code for d in error_of(archive, text, site="gillam").diagnostics] == ["AQL0206"]
    assert [d.code for d in error_of(archive, "SELECT ?, $1").diagnostics] == ["AQL0408", "AQL0408"]


# --- the sandbox


NO_SELECT = [
    "COPY c TO '{file}'", "COPY (SELECT 1) TO '{file}'", "ATTACH '{file}' AS other", "DETACH memory", "INSTALL httpfs",
    "LOAD httpfs", "SET memory_limit = '1GB'", "SET VARIABLE x = 1", "RESET memory_limit", "PRAGMA database_list",
    "PRAGMA version", "CALL pragma_version()", "CALL duckdb_settings()", "EXPORT DATABASE '{file}'", "IMPORT DATABASE '{file}'",
    "CREATE TABLE t AS SELECT 1", "CREATE MACRO m(x) AS x", "CREATE VIEW v AS SELECT 1", "CREATE SECRET s (TYPE s3)",
    "INSERT INTO c SELECT * FROM c", "UPDATE c SET url = ''", "DELETE FROM c", "DROP TABLE c", "ALTER TABLE c RENAME TO d",
    "BEGIN", "CHECKPOINT", "VACUUM", "USE memory", "PREPARE p AS SELECT 1", "EXECUTE p", "EXPLAIN SELECT 1",
    "EXPLAIN ANALYZE SELECT * FROM c", "SHOW TABLES", "SHOW ALL TABLES", "SHOW DATABASES", "DESCRIBE", "PIVOT c ON platform USING count(*)",
]  # fmt: skip

NO_RESULT = [
    "SELECT * FROM '{file}'", "FROM \"{file}\"", "FROM 'https://example.org/x.parquet'", "FROM 's3://bucket/x.csv'",
    "SELECT * FROM read_csv('{file}')", "SELECT * FROM READ_CSV_AUTO('{file}')", "SELECT * FROM \"Read_Text\"('{file}')",
    "SELECT * FROM read_blob('{file}')", "SELECT * FROM read_json('{file}')", "SELECT * FROM read_ndjson_objects('{file}')",
    "SELECT * FROM parquet_scan('{file}')", "SELECT * FROM read_parquet('{file}')", "SELECT * FROM parquet_metadata('{file}')",
    "SELECT * FROM glob('*')", "SELECT * FROM sniff_csv('{file}')", "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('c')", "SELECT * FROM json_execute_serialized_sql('x')", "SELECT * FROM duckdb_settings()",
    "SELECT * FROM main.duckdb_settings()", "SELECT * FROM system.main.duckdb_secrets()", "SELECT * FROM duckdb_functions()",
    "SELECT * FROM duckdb_tables", "FROM pg_catalog.pg_settings", "FROM pg_settings", "FROM sqlite_master", "FROM main.pragma_database_list",
    "SELECT * FROM pragma_table_info('c')", "SELECT * FROM pragma_platform()", "SELECT * FROM which_secret('a', 's3')",
    "SELECT * FROM repeat(1, 2)", "SELECT * FROM system.information_schema.tables, pg_views",
    "WITH x AS (SELECT * FROM read_text('{file}')) SELECT * FROM x", "SELECT (SELECT max(content) FROM read_text('{file}'))",
    "SELECT * FROM c, LATERAL (SELECT * FROM read_text(c.url)) AS t", "SELECT * FROM c WHERE EXISTS (FROM '{file}')",
    "SELECT 1 UNION ALL SELECT content FROM read_text('{file}')", "SELECT * FROM c ORDER BY (SELECT count(*) FROM glob('*'))",
    "SELECT * FROM (VALUES ((SELECT count(*) FROM glob('*')))) AS t", "DESCRIBE FROM read_csv('{file}')", "SUMMARIZE '{file}'",
    "WITH pg_settings AS (FROM c) SELECT * FROM pg_settings", "SELECT * FROM (WITH pg_settings AS (SELECT 1) SELECT 1), pg_settings",
    "WITH a AS (FROM duckdb_tables), duckdb_tables AS (SELECT 1) FROM a", "FROM python_variable", "SELECT * FROM list_of_rows",
    "FROM (PIVOT (FROM '{file}') ON a USING count(*))", "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL FROM '{file}') FROM n",
]  # fmt: skip

NO_FUNCTION = [
    "SELECT current_setting('memory_limit')", "SELECT CURRENT_SETTING('home_directory')", "SELECT \"current_setting\"('x')",
    "SELECT system.main.current_setting('memory_limit')", "SELECT getenv('HOME')", "SELECT \"GetEnv\"('HOME')", "SELECT getvariable('x')",
    "SELECT platform FROM c WHERE url = getvariable('x')", "SELECT max(current_setting('threads')) OVER () FROM c",
    "SELECT list_transform([1], x -> current_setting('threads'))", "SELECT 'threads'.current_setting()", "SELECT current_query()",
    "SELECT write_log('x')", "SELECT nextval('x')", "SELECT pg_sleep(1)", "SELECT sleep_ms(1)", "SELECT pg_conf_load_time()",
    "SELECT * FROM range((SELECT length(current_setting('threads'))))", "SELECT CASE WHEN true THEN current_setting('x') END",
    "FROM c GROUP BY current_setting('x')", "SELECT [current_setting('x')]", "VALUES (current_setting('x'))",
]  # fmt: skip


@pytest.mark.parametrize("text", [*NO_SELECT, *NO_RESULT, *NO_FUNCTION])
def test_unsafe_sql_is_refused(archive: Archive, text: str, tmp_path: Path) -> None:
    python_variable, list_of_rows = duckdb.values(["seen"]), [("seen",)]
    file = tmp_path / "file.csv"
    file.write_text("a,b\n1,2\n")
    before = file.read_text(), sorted(tmp_path.iterdir())
    error = error_of(archive, text.format(file=file))
    assert {diagnostic.code for diagnostic in error.diagnostics} <= {"AQL0408", "AQL0409", "AQL0220"}, text
    assert all(isinstance(diagnostic.origin, Span) for diagnostic in error.diagnostics)
    assert (file.read_text(), sorted(tmp_path.iterdir())) == before
    assert (python_variable.fetchall(), list_of_rows) == ([("seen",)], [("seen",)])


@pytest.mark.parametrize("text", [*NO_SELECT, *NO_RESULT])
def test_the_database_itself_is_locked(text: str, tmp_path: Path) -> None:
    """Without the check of the statement: nothing reaches a file, and no setting changes."""
    file = tmp_path / "file.csv"
    file.write_text("a,b\nxyzzy41,2\n")
    with duckdb.connect(":memory:", config=CONFIG) as connection:
        connection.execute("CREATE TABLE c AS SELECT 'gillam' AS platform, 'x' AS url")
        try:
            rows = str(connection.execute(text.format(file=file)).fetchall())
        except (duckdb.Error, RuntimeError):
            return
        assert "xyzzy41" not in rows
        assert sorted(tmp_path.iterdir()) == [file]
        assert connection.execute("SELECT current_setting('lock_configuration')").fetchall() == [(True,)]


def test_one_complete_statement_only(archive: Archive) -> None:
    with pytest.raises(StatementError, match="AQL0115"):
        archive.run("SQL SELECT 1; SELECT 2")
    assert [diagnostic.code for diagnostic in error_of(archive, "(SELECT 1; SELECT 2)").diagnostics] != []
    assert [diagnostic.code for diagnostic in error_of(archive, "-- nothing").diagnostics] == ["AQL0105"]
    assert [diagnostic.code for diagnostic in error_of(archive, "SELECT '\ud800'").diagnostics] == ["AQL0409"]


@pytest.mark.parametrize(
    ("text", "under"),
    [
        ("SELECT 'é', platfrom FROM c", "platfrom"),
        ("SELECT platform\n  FROM c\n  WHERE upperr(platform) = 'X'", "upperr(platform)"),
        ("SELECT 'ü' FROM c JOIN cc USING (platform)", "cc"),
        ("SELECT platform FROM c WHERE", "WHERE"),
        ("SELECT CAST(platform AS INTEGER) FROM c", "CAST(platform AS INTEGER)"),
        ("SELECT 'ö', current_setting('x')", "current_setting('x')"),
    ],
)
def test_the_span_marks_the_error(archive: Archive, text: str, under: str) -> None:
    (warnings,) = error_of(archive, text).diagnostics
    assert isinstance(warnings.origin, Span)
    assert f"SQL {text}"[warnings.origin.start : warnings.origin.end] == under


def test_deeply_nested_sql_does_not_crash(archive: Archive) -> None:
    assert error_of(archive, "SELECT " + "(" * 150 + "1 +" + ")" * 150).diagnostics[0].code == "AQL0409"
    deep = "SELECT " + "-".join(["1"] * 3000)
    try:
        assert archive.run(f"SQL {deep}").rows == [(1 - 2999,)]
    except StatementError as error:
        assert error.diagnostics[0].code == "AQL0409"


# --- deadlines and threads


def test_sql_ends_at_the_deadline() -> None:
    with connect(timeout=0.3) as archive:
        began = time.monotonic()
        with pytest.raises(TimedOut, match=r"^the SQL took too long: the SQL did not finish in time"):
            archive.run("SQL SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3")
        assert time.monotonic() - began < 20
        assert archive.run("SQL SELECT 1").rows == [(1,)]


def test_sql_in_several_threads(archive: Archive) -> None:
    values: list[Any] = []
    threads = [
        threading.Thread(target=lambda: values.append(archive.run("SQL SELECT count(*) FROM c").rows)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values == [archive.run("SQL SELECT count(*) FROM c").rows] * 4
