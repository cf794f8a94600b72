"""A script checked while it is typed: what is said is what a check of the whole says, however it came about."""

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


def whole(text: str, standing: SessionContext = EMPTY_CONTEXT, catalogue: Catalogue | None = None) -> Any:
    """What a check that remembers nothing says."""
    return next(check_scripts([Source(text)], catalogue or load_shipped(), {}, standing))[1]


def with_places(diagnostics: Any) -> list[str]:
    return [repr(each) for each in diagnostics]


@settings(deadline=None)
@given(typings(SCRIPTS))
def test_it_says_what_a_check_of_the_whole_says(texts: list[str]) -> None:
    again = LiveChecker()
    for text in texts:
        assert with_places(again.check(text, load_shipped())) == with_places(whole(text))


def test_places_move_with_what_stands_before() -> None:
    again = LiveChecker()
    for before in ("", "FIND ephemeris LIMIT 1; ", "\n\n"):
        text = f"{before}FIND data_products WHERE platform = 'gilam' ON 2021-01-01"
        origins = [each.origin for each in again.check(text, load_shipped()) if each.code == "AQL0602"]
        assert origins == [Span(text.index("'gilam'"), text.index("'gilam'") + 7)]


def test_what_the_session_keeps_is_heeded() -> None:
    again, text = LiveChecker(), "FIND passes WHERE program = 'trex'"
    assert [each.severity for each in again.check(text, load_shipped())] == ["error"]
    (made,) = analyze_scripts([Source("LET passes = FIND data_products ON 2021-01-01")], Analyzer(load_shipped(), {}))
    assert isinstance(made.stored_result, StoredResult)
    standing = SessionContext({"passes": made.stored_result}, {})
    assert again.check(text, load_shipped(), standing) == whole(text, standing) == ()
    assert [each.severity for each in again.check(text, load_shipped())] == ["error"]


def test_another_catalogue_is_heeded() -> None:
    again, text = LiveChecker(), "FIND data_products WHERE program = 'trex' ON 2021-01-01"
    other = replace(load_shipped(), sources=(DataSource(1, "a", "b", "c", "ground", "d"),))
    assert again.check(text, load_shipped()) == ()
    assert [each.code for each in again.check(text, other)] == ["AQL0602"]


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
def test_what_is_noticed_of_a_plan_is_known_without_it(where: str) -> None:
    _same_of("FIND data_products WHERE " + where)


@pytest.mark.parametrize("where", [*WHERES[:5], *WHERES[6:9], "hemisphere != 'northern' AND hemisphere = 'southern'"])
@pytest.mark.parametrize("kind", ["ground", "space", "events"])
def test_and_of_conjunctions(where: str, kind: str) -> None:
    if "hemisphere" not in where or kind == "space":
        _same_of(f"FIND conjunctions OF {kind} ({where}), ground WITHIN 5 km")


@settings(deadline=None)
@given(st.lists(st.sampled_from(WHERES[:10]), min_size=1, max_size=3), st.sampled_from(("AND", "OR", "AND NOT")))
def test_and_of_what_is_joined(wheres: list[str], joined: str) -> None:
    _same_of("FIND data_products WHERE " + f" {joined} ".join(f"({where})" for where in wheres))


def _same_of(text: str) -> None:
    known = replace(load_shipped(), is_shipped=False)  # a plan is limited to the shipped list, and a check is not
    resolved = resolve(script.read_find(Source(text)), known)
    query, said = resolved.query, resolved.warnings
    assert with_places(plan_warnings(query, known, said)) == with_places(plan_query(query, known, said).warnings)


@pytest.mark.parametrize(
    "text",
    [
        # What is wrong with a statement does not depend on the text after it, or before it.
        "Find data_products for ((program in (trx WHERE platform in (gillam); FIND data_products ON 2021-01-01",
        "SHOW 2020-01-01SOURCES; SET format = cvs",
        "FIND data_products ON 2021-01-01; SHOW 2020-01-01SOURCES; FIND ephemeris WHER",
        'FIND ephemeris; {"start": 5}; {"start" 5}',
    ],
)
def test_what_stands_around_a_statement_changes_nothing(text: str) -> None:
    assert with_places(LiveChecker().check(text, load_shipped())) == with_places(whole(text))


def test_only_statements_that_changed_are_read_and_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    statements = [f"LET c{n} = FIND data_products WHERE platform = 'p{n}' ON 2021-01-01;\n" for n in range(50)]
    texts: list[str] = []
    read_piece, outcome = script.read_piece, Analyzer.analyze

    def counted_read(text: str, piece: StatementPiece) -> script.ReadStatement:
        texts.append(text)
        return read_piece(text, piece)

    def counted_outcome(
        self: Analyzer, read: script.ReadStatement, source: Source
    ) -> AnalyzedStatement | StatementError:
        texts.append(source.text)
        return outcome(self, read, source)

    monkeypatch.setattr(script, "read_piece", counted_read)
    monkeypatch.setattr(Analyzer, "analyze", counted_outcome)
    again = LiveChecker()
    assert len(again.check("".join(statements), load_shipped())) == 50
    assert len(texts) == 100
    texts.clear()
    edited = "".join([*statements[:20], "FIND ephemeris ON 2021-01-01;", *statements[20:]])
    said = again.check(edited, load_shipped())
    assert texts == ["FIND ephemeris ON 2021-01-01"] * 2
    assert with_places(said) == with_places(whole(edited))
