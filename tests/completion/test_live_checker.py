"""Tests of checking while typing: an incremental check reports the same as a check of the whole text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auroraql.codecs import script
from auroraql.completion.live_checker import LiveChecker
from auroraql.diagnostics.errors import Source, Span, StatementError
from auroraql.language.splitter import StatementPiece
from auroraql.planner import plan_query, plan_warnings
from auroraql.resolver import resolve
from auroraql.results.stored_results import StoredResult
from auroraql.schema.catalogue import Catalogue, DataSource, load_shipped
from auroraql.session.analyzer import (
    EMPTY_CONTEXT,
    AnalyzedStatement,
    Analyzer,
    SessionContext,
    analyze_scripts,
    check_scripts,
)
from tests.support.typing_strategies import typings

SCRIPTS = (
    (
        "FIND data_products WHERE program = 'trx' AND keogram_tpye = 'daily' AND (platform = 'gilam' OR "
        "wavelength > 5) ON 2021-01-01 06:30; SHOW SOURCES WHERE program = 'trex'; SET format = cvs"
    ),
    (
        "LET c = FIND conjunctions OF ground AS asi (program = 'trex'), space (platform LIKE 'swarm%') "
        "WITHIN 5 km ON 2020-01-01;\n"
        "FIND data_products WHERE platform IN c.platfrom DURING c PADDED BY 5 minutes;\n"
        "FIND c SELECT start, nothing WHERE min_distance < 5 km ORDER BY start LIMIT 3; LET c = FIND "
        "ephemeris LIMIT 1;\n"
        "FIND c WHERE epoch > 2020-01-01"
    ),
    (
        "SUBMIT s = FIND ephemeris WHERE platform = 'swarma' LAST 7 days; FETCH s; CANCEL t; FIND s WHERE x "
        "= 1;\n"
        "DESCRIBE FIND data_products WHERE NOT platform = 'nowhere' ON 2021-01-01; SHOW METADATA OF s FOR trx"
    ),
    (
        '{"start": "2020-01-01T00:00:00", "end": "2020-01-02T00:00:00", "data_sources": {"programs": '
        '["trx"]}, "data_product_type_filters": []}; FIND data_products WHERE platform = $p AND $x = 5; '
        "EXPLAIN FIND ephemeris"
    ),
    (
        "Find data_products for ((program in (trx) filtered by metadata ()) AND  "
        "data_product_metadata_filters []) AND data_product start >= 2020-02-01T00:00 UTC AND data_product "
        "end <= 2020-02-01T23:59:59 UTC AND\n"
        "FIND data_products WHERE program = 'swarm' AND platform = 'gillam' ON 2021-01-01; FIND x; -- no "
        "such result"
    ),
)


def check_from_scratch(text: str, standing: SessionContext = EMPTY_CONTEXT, catalogue: Catalogue | None = None) -> Any:
    """Return the diagnostics of a check without a cache."""
    return next(check_scripts([Source(text)], catalogue or load_shipped(), {}, standing))[1]


def codes_with_positions(diagnostics: Any) -> list[str]:
    return [repr(diagnostic) for diagnostic in diagnostics]


@settings(deadline=None)
@given(typings(SCRIPTS))
def test_an_incremental_check_equals_a_full_one(texts: list[str]) -> None:
    again = LiveChecker()
    for text in texts:
        assert codes_with_positions(again.check(text, load_shipped())) == codes_with_positions(check_from_scratch(text))


def test_positions_move_with_the_text_before() -> None:
    again = LiveChecker()
    for before in ("", "FIND ephemeris LIMIT 1; ", "\n\n"):
        text = f"{before}FIND data_products WHERE platform = 'gilam' ON 2021-01-01"
        origins = [
            diagnostic.origin for diagnostic in again.check(text, load_shipped()) if diagnostic.code == "AQL0602"
        ]
        assert origins == [Span(text.index("'gilam'"), text.index("'gilam'") + 7)]


def test_changes_of_stored_results_are_noticed() -> None:
    again, text = LiveChecker(), "FIND passes WHERE program = 'trex'"
    assert [diagnostic.severity for diagnostic in again.check(text, load_shipped())] == ["error"]
    (statement,) = analyze_scripts(
        [Source("LET passes = FIND data_products ON 2021-01-01")], Analyzer(load_shipped(), {})
    )
    assert isinstance(statement.stored_result, StoredResult)
    standing = SessionContext({"passes": statement.stored_result}, {})
    assert again.check(text, load_shipped(), standing) == check_from_scratch(text, standing) == ()
    assert [diagnostic.severity for diagnostic in again.check(text, load_shipped())] == ["error"]


def test_a_change_of_catalogue_is_noticed() -> None:
    again, text = LiveChecker(), "FIND data_products WHERE program = 'trex' ON 2021-01-01"
    other = replace(load_shipped(), sources=(DataSource(1, "a", "b", "c", "ground", "d"),))
    assert again.check(text, load_shipped()) == ()
    assert [diagnostic.code for diagnostic in again.check(text, other)] == ["AQL0602"]


WHERES = (
    "program = 'trex' AND platform = 'nowhere'",
    "program = 'trex' AND platform = 'swarma'",
    "NOT program = 'trex' OR keogram_type = 'daily'",
    "program = 'trex' AND program = 'swarm'",
    "platform LIKE 'zz%'",
    "platform LIKE 'zz%' AND (wavelength > 5 OR program = 'trex')",
    "identifier = 101 AND platform != 'gillam' OR identifier IN (5, 6) AND program = 'rego'",
    "identifier > 3 OR identifier BETWEEN 1 AND 3",
    "platform IS NULL OR (program = 'trex' AND program != 'trex')",
    "data_product_type = 'keogram' AND NOT data_product_type IN ('keogram') AND NOT program = 'trex'",
    " OR ".join(f"(platform = 'p{n}' AND wavelength = {n})" for n in range(40)),
    " OR ".join(f"(platform = 'p{n}' AND NOT program = 'trex')" for n in range(40)),
    " AND ".join(f"(platform LIKE 'p{n}%' OR program = 'q{n}')" for n in range(12)),
)


@pytest.mark.parametrize("where", WHERES)
def test_warnings_of_a_plan_are_found_without_the_plan(where: str) -> None:
    _assert_same_warnings("FIND data_products WHERE " + where)


@pytest.mark.parametrize("where", [*WHERES[:5], *WHERES[6:9], "hemisphere != 'northern' AND hemisphere = 'southern'"])
@pytest.mark.parametrize("kind", ["ground", "space", "events"])
def test_warnings_of_conjunction_plans_are_found_without_the_plan(where: str, kind: str) -> None:
    if "hemisphere" not in where or kind == "space":
        _assert_same_warnings(f"FIND conjunctions OF {kind} ({where}), ground WITHIN 5 km")


@settings(deadline=None)
@given(st.lists(st.sampled_from(WHERES[:10]), min_size=1, max_size=3), st.sampled_from(("AND", "OR", "AND NOT")))
def test_warnings_of_joined_conjunctions_are_found_without_the_plan(wheres: list[str], joined: str) -> None:
    _assert_same_warnings("FIND data_products WHERE " + f" {joined} ".join(f"({where})" for where in wheres))


def _assert_same_warnings(text: str) -> None:
    context = replace(
        load_shipped(), is_shipped=False
    )  # a plan is limited to the shipped list of sources, a check is not
    resolved = resolve(script.read_find(Source(text)), context)
    query, warnings = resolved.query, resolved.warnings
    assert codes_with_positions(plan_warnings(query, context, warnings)) == codes_with_positions(
        plan_query(query, context, warnings).warnings
    )


@pytest.mark.parametrize(
    "text",
    [
        # The errors of a statement do not depend on the text before or after it.
        "Find data_products for ((program in (trx WHERE platform in (gillam); FIND data_products ON 2021-01-01",
        "SHOW 2020-01-01SOURCES; SET format = cvs",
        "FIND data_products ON 2021-01-01; SHOW 2020-01-01SOURCES; FIND ephemeris WHER",
        'FIND ephemeris; {"start": 5}; {"start" 5}',
    ],
)
def test_surrounding_text_changes_nothing(text: str) -> None:
    assert codes_with_positions(LiveChecker().check(text, load_shipped())) == codes_with_positions(
        check_from_scratch(text)
    )


def test_only_changed_statements_are_parsed_and_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    statements = [f"LET c{n} = FIND data_products WHERE platform = 'p{n}' ON 2021-01-01;\n" for n in range(50)]
    texts: list[str] = []
    read_piece, outcome = script.read_piece, Analyzer.analyze

    def count_read(text: str, piece: StatementPiece) -> script.ReadStatement:
        texts.append(text)
        return read_piece(text, piece)

    def count_outcome(
        self: Analyzer, statement: script.ReadStatement, source: Source
    ) -> AnalyzedStatement | StatementError:
        texts.append(source.text)
        return outcome(self, statement, source)

    monkeypatch.setattr(script, "read_piece", count_read)
    monkeypatch.setattr(Analyzer, "analyze", count_outcome)
    again = LiveChecker()
    assert len(again.check("".join(statements), load_shipped())) == 50
    assert len(texts) == 100
    texts.clear()
    edited = "".join([*statements[:20], "FIND ephemeris ON 2021-01-01;", *statements[20:]])
    diagnostics = again.check(edited, load_shipped())
    assert texts == ["FIND ephemeris ON 2021-01-01"] * 2
    assert codes_with_positions(diagnostics) == codes_with_positions(check_from_scratch(edited))
