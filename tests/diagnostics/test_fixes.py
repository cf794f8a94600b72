"""Tests of fixes: every one corrects the statement and keeps its meaning. No message names a grammar terminal."""

from __future__ import annotations

from random import Random

import pytest

from auroraql.codecs import script
from auroraql.diagnostics.errors import Source, Span
from auroraql.language.grammar import load_table
from auroraql.language.syntax_errors.foreign_constructs import (
    ARITHMETIC,
    FOREIGN_CONSTRUCTS,
    FUNCTIONS_OF_FIELDS,
    SQL_CONSTRUCTS,
    ForeignConstruct,
)
from auroraql.language.syntax_errors.parse_context import NAMES_OF_TERMINALS
from auroraql.language.syntax_errors.statement_rules import statement_keywords
from auroraql.schema.catalogue import load_shipped
from auroraql.session.analyzer import check_scripts
from auroraql.session.archive import connect
from tests.support import corpus_files, fixes, mutations

FIXED = (
    ("FIND data_products SELECT DISTINCT platform ON 2021-01-01", "FIND DISTINCT data_products SELECT platform ON 2021-01-01"),
    ("FIND data_products SELECT count(*) n ON 2021-01-01", "FIND data_products SELECT count(*) AS n ON 2021-01-01"),
    ("FIND data_products ON 2021-01-01 LIMIT 10, 20", "FIND data_products ON 2021-01-01 LIMIT 20 OFFSET 10"),
    ("FIND data_products LAST hour", "FIND data_products LAST 1 hour"),
    ("FIND data_products past week", "FIND data_products LAST 1 week"),
    ("FIND data_products DURING the past 7 days", "FIND data_products LAST 7 days"),
    ("FIND data_products FROM 2020-01-01 TO 2020-01-05", "FIND data_products BETWEEN 2020-01-01 AND 2020-01-05"),
    ("FIND data_products FROM 2020-01-01", "FIND data_products SINCE 2020-01-01"),
    ("FIND data_products DURING 2020-02-01/2020-02-05", "FIND data_products BETWEEN 2020-02-01 AND 2020-02-05"),
    ("FIND data_products ON 2020-02-01..2020-02-05", "FIND data_products BETWEEN 2020-02-01 AND 2020-02-05"),
    ("FIND data_products BETWEEN 2020-02-01 TO 2020-02-05", "FIND data_products BETWEEN 2020-02-01 AND 2020-02-05"),
    ("FIND data_products SINCE 20200201T063000Z", "FIND data_products SINCE 2020-02-01T06:30:00Z"),
    ("FIND data_products SINCE 2020-02-01T063000Z", "FIND data_products SINCE 2020-02-01T06:30:00Z"),
    ("FIND data_products SINCE 2020-02-01T06:30:15+1", "FIND data_products SINCE 2020-02-01T06:30:15+01:00"),
    ("FIND data_products SINCE 2020-02-01 6:30 pm", "FIND data_products SINCE 2020-02-01T18:30"),
    ("FIND data_products ON 1. Feb. 2020", "FIND data_products ON 2020-02-01"),
    ("FIND data_products ON 2020/Feb/1", "FIND data_products ON 2020-02-01"),
    ("FIND data_products ON 2020W051", "FIND data_products ON 2020-01-27"),
    ("FIND data_products SINCE 1 Feb 2020 6:30 pm", "FIND data_products SINCE 2020-02-01T18:30"),
    ("FIND data_products ON 13/02/2020", "FIND data_products ON 2020-02-13"),
    ("FIND data_products yesterday", "FIND data_products ON YESTERDAY"),
    ("FIND data_products SINCE a week ago", "FIND data_products SINCE 1 week ago"),
    ("FIND data_products SINCE 7 days", "FIND data_products SINCE NOW - 7 days"),
    ("FIND data_products DURING previous month", "FIND data_products DURING LAST MONTH"),
    ("FIND data_products in Q1 2021", "FIND data_products BETWEEN 2021-01 AND 2021-03"),
    ("FIND data_products LAST P7D", "FIND data_products LAST 7 days"),
    ("FIND data_products UNTIL now()", "FIND data_products UNTIL NOW"),
    ("FIND data_products WITH program = 'trex' ON 2021-01-01", "FIND data_products WHERE program = 'trex' ON 2021-01-01"),
    ("FIND data_products program = 'trex' ON 2021-01-01", "FIND data_products WHERE program = 'trex' ON 2021-01-01"),
    ("FIND data_products WHERE program IN ['trex', 'rego'] ON 2021-01-01", "FIND data_products WHERE program IN ('trex', 'rego') ON 2021-01-01"),
    ("FIND data_products WHERE program IN (trex, rego) ON 2021-01-01", "FIND data_products WHERE program IN ('trex', 'rego') ON 2021-01-01"),
    ("FIND data_products WHERE program = 'trex' OR 'rego' ON 2021-01-01", "FIND data_products WHERE program IN ('trex', 'rego') ON 2021-01-01"),
    (
        "FIND data_products WHERE platform IN (SELECT platform FROM ephemeris WHERE program = 'swarm' ON 2020-01-01) ON 2021-01-01",
        "FIND data_products WHERE platform IN (FIND ephemeris SELECT platform WHERE program = 'swarm' ON 2020-01-01) ON 2021-01-01",
    ),
    ("SELECT platform, url FROM data_products WHERE program = 'trex'", "FIND data_products SELECT platform, url WHERE program = 'trex'"),
    ("WITH a AS (SELECT 1) SELECT * FROM a", "SQL WITH a AS (SELECT 1) SELECT * FROM a"),
    ("SELECT * FROM ephemeris WHERE program = 'swarm'", "FIND ephemeris WHERE program = 'swarm'"),
    ("FIND data_products WHERE metadata['keogram_type'] = 'daily' ON 2021-01-01", "FIND data_products WHERE metadata.keogram_type = 'daily' ON 2021-01-01"),
    ("FIND data_products WHERE metadata->>'keogram_type' = 'daily' ON 2021-01-01", "FIND data_products WHERE metadata.keogram_type = 'daily' ON 2021-01-01"),
    ("FIND data_products WHERE wavelength = 557,7 ON 2021-01-01", "FIND data_products WHERE wavelength = 557.7 ON 2021-01-01"),
    ("FIND data_products WHERE note = 'O\\'Brien' ON 2021-01-01", "FIND data_products WHERE note = 'O''Brien' ON 2021-01-01"),
    ("FIND data_products WHERE note = 'O\\'Brien\\'s' ON 2021-01-01", "FIND data_products WHERE note = 'O''Brien''s' ON 2021-01-01"),
    (
        "FIND data_products WHERE note = 'it\\'s' AND platform = 'gillam' ON 2021-01-01",
        "FIND data_products WHERE note = 'it''s' AND platform = 'gillam' ON 2021-01-01",
    ),
    (
        "FIND data_products WHERE note = 'it's' AND platform = 'gillam' ON 2021-01-01",
        "FIND data_products WHERE note = 'it''s' AND platform = 'gillam' ON 2021-01-01",
    ),
    ('FIND data_products WHERE platform NOT CONTAINS "gill" ON 2021-01-01', "FIND data_products WHERE NOT contains(platform, 'gill') ON 2021-01-01"),
    ("FIND data_products WHERE platform STARTS WITH 'gi' ON 2021-01-01", "FIND data_products WHERE starts_with(platform, 'gi') ON 2021-01-01"),
    ("FIND data_products WHERE platform ENDS WITH 'am' ON 2021-01-01", "FIND data_products WHERE ends_with(platform, 'am') ON 2021-01-01"),
    ("FIND data_products WHERE platform ILIKE ANY (ARRAY['gill%', 'rank%']) ON 2021-01-01", "FIND data_products WHERE (platform LIKE 'gill%' OR platform LIKE 'rank%') ON 2021-01-01"),
    ('FIND data_products WHERE keogram_type IS NOT UNKNOWN ON 2021-01-01', 'FIND data_products WHERE keogram_type IS NOT NULL ON 2021-01-01'),
    ('FIND data_products WHERE keogram_type IS KNOWN ON 2021-01-01', 'FIND data_products WHERE keogram_type IS NOT NULL ON 2021-01-01'),
    ('FIND data_products WHERE NOT EXISTS keogram_type ON 2021-01-01', 'FIND data_products WHERE keogram_type IS NULL ON 2021-01-01'),
    ("FIND data_products WHERE keogram_type HAS ANY 'daily', 'hourly' ON 2021-01-01", "FIND data_products WHERE keogram_type IN ('daily', 'hourly') ON 2021-01-01"),
    ("FIND data_products WHERE program <> ALL (ARRAY['trex', 'rego']) ON 2021-01-01", "FIND data_products WHERE program NOT IN ('trex', 'rego') ON 2021-01-01"),
    ("FIND data_products WHERE program = ('trex' OR 'rego') ON 2021-01-01", "FIND data_products WHERE program IN ('trex', 'rego') ON 2021-01-01"),
    ('FIND data_products WHERE wavelength IN 500..600 ON 2021-01-01', 'FIND data_products WHERE wavelength BETWEEN 500 AND 600 ON 2021-01-01'),
    ('FIND data_products WHERE wavelength BETWEEN (500, 600) ON 2021-01-01', 'FIND data_products WHERE wavelength BETWEEN 500 AND 600 ON 2021-01-01'),
    ('FIND data_products WHERE eo:cloud_cover < 10 ON 2021-01-01', 'FIND data_products WHERE `eo:cloud_cover` < 10 ON 2021-01-01'),
    ("FIND data_products WHERE metadata:keogram_type = 'daily' ON 2021-01-01", "FIND data_products WHERE metadata.keogram_type = 'daily' ON 2021-01-01"),
    ("FIND data_products WHERE program.isin(['trex', 'rego']) ON 2021-01-01", "FIND data_products WHERE program IN ('trex', 'rego') ON 2021-01-01"),
    ('FIND data_products WHERE keogram_type.notnull() ON 2021-01-01', 'FIND data_products WHERE keogram_type IS NOT NULL ON 2021-01-01'),
    ("FIND data_products WHERE identifier::text = '96' ON 2021-01-01", "FIND data_products WHERE text(identifier) = '96' ON 2021-01-01"),
    ("FIND data_products WHERE start >= DATE '2021-01-01' ON 2021-01-01", 'FIND data_products WHERE start >= 2021-01-01 ON 2021-01-01'),
    ("FIND data_products WHERE start > TIMESTAMP '2021-01-01 06:00:00' ON 2021-01-01", 'FIND data_products WHERE start > 2021-01-01T06:00:00 ON 2021-01-01'),
    ("FIND data_products WHERE start > NOW - INTERVAL '36' HOUR ON 2021-01-01", 'FIND data_products WHERE start > NOW - 36 hour ON 2021-01-01'),
    ('FIND data_products WHERE wavelength > = 500 ON 2021-01-01', 'FIND data_products WHERE wavelength >= 500 ON 2021-01-01'),
    ("FIND data_products WHERE program NOT = 'trex' ON 2021-01-01", "FIND data_products WHERE program != 'trex' ON 2021-01-01"),
    ("FIND data_products WHERE platform <=> 'gillam' ON 2021-01-01", "FIND data_products WHERE platform IS NOT DISTINCT FROM 'gillam' ON 2021-01-01"),
    ('FIND data_products WHERE program = :program ON 2021-01-01', 'FIND data_products WHERE program = $program ON 2021-01-01'),
    ('FIND data_products WHERE wavelength > 500 AND < 600 ON 2021-01-01', 'FIND data_products WHERE wavelength > 500 AND wavelength < 600 ON 2021-01-01'),
    ("FIND data_products WHERE AND program = 'trex' ON 2021-01-01", "FIND data_products WHERE program = 'trex' ON 2021-01-01"),
    ('FIND data_products WHERE wavelength = 5.577D2 ON 2021-01-01', 'FIND data_products WHERE wavelength = 5.577e2 ON 2021-01-01'),
    ('FIND data_products WHERE wavelength = 557.7 nanometers ON 2021-01-01', 'FIND data_products WHERE wavelength = 557.7 nm ON 2021-01-01'),
    ('FIND data_products WHERE identifier !> 5 ON 2021-01-01', 'FIND data_products WHERE identifier <= 5 ON 2021-01-01'),
    ('FIND data_products WHERE platform LIKE gill% ON 2021-01-01', "FIND data_products WHERE platform LIKE 'gill%' ON 2021-01-01"),
    ('FIND data_products ON 2021-01-01 TAKE 5', 'FIND data_products ON 2021-01-01 LIMIT 5'),
    ('FIND data_products ON 2021-01-01 # one day', 'FIND data_products ON 2021-01-01 -- one day'),
    ("FIND data_products WHERE date > '2021-01-01'", "FIND data_products WHERE start > 2021-01-01"),
    ("FIND data_products WHERE date < '2021-01-01'", "FIND data_products WHERE end < 2021-01-01"),
    ("FIND ephemeris WHERE start = '2021-01-01'", "FIND ephemeris WHERE epoch BETWEEN 2021-01-01 AND 2021-01-01"),
    ("FIND ephemeris WHERE end < 2021-01-02", "FIND ephemeris WHERE epoch < 2021-01-02"),
    ("FIND data_products WHERE note = 'it's' ON 2021-01-01", "FIND data_products WHERE note = 'it''s' ON 2021-01-01"),
    (
        "FIND ephemeris WHERE 1 < radial_distance <= 5 ON 2020-01-01",
        "FIND ephemeris WHERE 1 < radial_distance AND radial_distance <= 5 ON 2020-01-01",
    ),
    ('FIND data_products WHERE "program" = \'trex\' ON 2021-01-01', "FIND data_products WHERE program = 'trex' ON 2021-01-01"),
    ("FIND data_products WHERE program: 'trex' ON 2021-01-01", "FIND data_products WHERE program = 'trex' ON 2021-01-01"),
    ("FIND data_products WHERE keogram_type NOT NULL ON 2021-01-01", "FIND data_products WHERE keogram_type IS NOT NULL ON 2021-01-01"),
    ("FIND data_products ON 2021-01-01 ORDER start", "FIND data_products ON 2021-01-01 ORDER BY start"),
    ("FIND data_products ON 2021-01-01 ORDER BY start DESCENDING", "FIND data_products ON 2021-01-01 ORDER BY start DESC"),
    ("FIND data_products WHERE date = '2021-01-01'", "FIND data_products WHERE (start >= 2021-01-01 AND end <= 2021-01-01)"),
    ("FIND ephemeris WHERE date = '2021-01-01' AND platform = 'swarma'", "FIND ephemeris WHERE epoch BETWEEN 2021-01-01 AND 2021-01-01 AND platform = 'swarma'"),
    (
        "FIND data_products SELECT platform, count(*) ON 2021-01-01 GROUP BY platform ORDER BY count",
        "FIND data_products SELECT platform, count(*) ON 2021-01-01 GROUP BY platform ORDER BY `count(*)`",
    ),
    ("LET c FIND data_products ON 2021-01-01", "LET c = FIND data_products ON 2021-01-01"),
    ("SHWO SOURCES", "SHOW SOURCES"),
    ("SHOW COLUMNS FROM data_products", "SHOW COLUMNS OF data_products"),
    ("DESCRIBE data_products", "SHOW COLUMNS OF data_products"),
    ("FIND data products ON 2021-01-01", "FIND data_products ON 2021-01-01"),
    ("FIND conjunctions ground (program = 'trex'), space WITHIN 300 km ON 2020-01-01", "FIND conjunctions OF ground (program = 'trex'), space WITHIN 300 km ON 2020-01-01"),
)  # fmt: skip
"""Wrong statements and their fixed versions: the same times, zones, lists and logic."""

UNFIXED = (
    ("FIND data_products ON 2020-02-01T06:30MST", "-07:00"),
    ("FIND data_products ON 20201332", "year-month-day"),
    ("FIND data_products ON 01/02/2020", "2020-02-01"),
    ("FIND data_products DURING not now", ""),
    ("FIND data_products WHERE start > DATE '2021-01-01'", "midnight"),
    ("FIND data_products WHERE start::date = '2021-01-01' ON 2021-01-01", "day(start)"),
    ("FIND data_products WHERE platform !~* '^gill' ON 2021-01-01", "(?i)^gill"),
    ("FIND data_products WHERE identifier::int > 5 ON 2021-01-01", "floor"),
    ("FIND data_products WHERE wavelength ^ 2 > 5 ON 2021-01-01", "power"),
    ("FIND data_products WHERE NOT wavelength > 500 AND < 600 ON 2021-01-01", "wavelength <"),
    ("FIND ephemeris WHERE S_INTERSECTS(location_geo, POINT(1 2)) ON 2020-01-01", "distance_km"),
    ("program=trex&time.min=2021-01-01&time.max=2021-01-02", "BETWEEN 2021-01-01 AND 2021-01-02"),
    ("FIND data_products WHERE keogram_type HAS ALL 'daily', 'hourly' ON 2021-01-01", "AND keogram_type = 'hourly'"),
    ("FIND data_products last winter", "hemisphere"),
    ("FIND data_products LAST day", "ON YESTERDAY"),
    ("FIND data_products last night", "each site"),
    ("FIND data_products ON 15 Jan 21", "four digits"),
    ("FIND data_products 5 days ago", "SINCE 5 days ago"),
    ("FIND data_products WHERE a = 1 XOR b = 2 ON 2021-01-01", "(a AND NOT b) OR (b AND NOT a)"),
    ("FIND data_products WHERE a NOT IN (75, NULL) ON 2021-01-01", "IS NULL"),
    ("FIND data_products WHERE a > NULL ON 2021-01-01", "IS NULL"),
    ("FIND data_products WHERE display_name ~ 'TREx.*' ON 2021-01-01", "LIKE"),
    ("FIND data_products JOIN ephemeris ON a = b", "SQL SELECT"),
    ("FIND data_products SELECT platform, count(*) AS n WHERE n > 5 DURING 2020 GROUP BY platform", "HAVING n"),
    ("FIND data_products ON 2021-01-01 ORDER BY 1", "name a field"),
    ("FIND ephemeris WHERE NOT 1 < radial_distance <= 5 ON 2020-01-01", "AND radial_distance <="),
    ("FIND data_products WHERE wavelength = 1,000 ON 2021-01-01", "1000"),
    ("FIND data_products WHERE wavelength = 557.7 km ON 2021-01-01", "nm"),
    ("SHOW TABLES", "SHOW COLUMNS OF data_products"),
    ("SHWO x", "did you mean SHOW?"),
    ("FIND data_products WHERE a = 1 b = 2 ON 2021-01-01", "OR b"),
)
"""Wrong statements without a fix, because no fix is sure to keep the meaning, and a part of the hint."""


@pytest.mark.parametrize(("statement", "fixed"), FIXED, ids=[item[0][:60] for item in FIXED])
def test_a_fix_keeps_the_meaning(statement: str, fixed: str) -> None:
    (first, *_) = [diagnostic for diagnostic in fixes.diagnostics(statement) if diagnostic.severity == "error"]
    assert fixes.apply_fix(statement, first) == fixed
    assert fixes.still_wrong(statement, first) == ""
    assert not fixes.complaints(statement)
    assert not [diagnostic for diagnostic in fixes.diagnostics(fixed) if diagnostic.severity == "error"]


@pytest.mark.parametrize(("statement", "hint"), UNFIXED, ids=[item[0][:60] for item in UNFIXED])
def test_an_ambiguous_error_has_a_hint_and_no_fix(statement: str, hint: str) -> None:
    (first, *_) = [diagnostic for diagnostic in fixes.diagnostics(statement) if diagnostic.severity == "error"]
    assert first.fix is None
    assert hint in first.hint
    assert not fixes.complaints(statement)


@pytest.mark.parametrize("path", corpus_files.files("errors"), ids=lambda p: p.stem)
def test_every_fix_of_the_corpus_is_correct(path: object) -> None:
    statement = corpus_files.read(path)["statement"]  # type: ignore[arg-type]
    assert not fixes.complaints(statement)
    for diagnostic in fixes.diagnostics(statement):
        if diagnostic.fix is not None and diagnostic.code not in ("AQL0112", "AQL0601", "AQL0602"):
            assert not fixes.changed_values(statement, diagnostic)


def test_no_mutation_gets_a_wrong_fix_or_the_name_of_a_terminal() -> None:
    statements, random = mutations.statements(), Random(20261130)
    for _ in range(600):
        statement = mutations.mutate(random.choice(statements), random)
        assert not fixes.complaints(statement), statement


def test_every_terminal_has_a_readable_name() -> None:
    keywords = {name for name, value in load_table().terminals.items() if value == rf"(?i:{name.lower()}(?!\w))"}
    others = set(load_table().terminals) - keywords - {"WS", "COMMENT"}
    assert others <= set(NAMES_OF_TERMINALS)


def test_statement_keywords_are_complete() -> None:
    start = load_table().rows[load_table().start]
    words = {name for name in start if name.isupper()}
    assert set(statement_keywords(frozenset(words))) == words | {"SQL"}
    (warnings,) = fixes.diagnostics("@ data_products")
    assert all(word in warnings.hint for word in words | {"SQL"})


@pytest.mark.parametrize(
    "habit", [*FOREIGN_CONSTRUCTS, *SQL_CONSTRUCTS, FUNCTIONS_OF_FIELDS, ARITHMETIC], ids=lambda habit: habit.fact
)
def test_hints_for_sql_habits_are_valid_today(habit: ForeignConstruct) -> None:
    assert habit.example
    with connect() as archive:
        for result in archive.run_script(Source(habit.before + habit.example)):
            assert result.columns


def test_one_unparsable_statement_hides_no_other() -> None:
    text = (
        "FINDD data_products ON 2021-01-01;\nFIND data_products WHERE program = 'trx' ON 2021-01-01;\n"
        "LET c = FIND ephemeris WHERE (platform = 'swarma' ON 2020-01-01;\nFIND c;\n"
        "FIND data_products WHERE program = 5 ON 2021-01-01"
    )
    ((_, diagnostics),) = check_scripts([Source(text)], load_shipped(), {})
    assert [item.code for item in diagnostics] == ["AQL0115", "AQL0602", "AQL0102", "AQL0203"]
    assert [item.origin.start for item in diagnostics if isinstance(item.origin, Span)] == sorted(
        item.origin.start for item in diagnostics if isinstance(item.origin, Span)
    )
    assert len(list(script.read_each_statement(Source(text)))) == 5
