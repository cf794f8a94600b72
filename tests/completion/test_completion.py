"""Tests of completion: which candidates appear where, and that the parser accepts every one of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lark import LarkError

from auroraql.api import parse_script
from auroraql.completion import ArchiveNames, Completer, Completion, CompletionContext
from auroraql.completion.completer import MAX_CANDIDATES
from auroraql.completion.keywords import KEYWORDS, SQL
from auroraql.completion.parser_state import ParserState, split_words
from auroraql.diagnostics.errors import Source, StatementError
from auroraql.language import grammar
from auroraql.language.splitter import detect_form
from auroraql.schema import Type
from auroraql.schema.catalogue import Catalogue, DataSource, MetadataKey, load_shipped
from auroraql.session.analyzer import Analyzer, SessionContext, analyze_scripts

KNOWN = CompletionContext(
    ArchiveNames(load_shipped()),
    results={"c": ("start", "end", "min_distance"), "odd name": ("x",), "limit": ("y",)},
    tables={"c": ("start", "platform", "min_distance"), "odd name": ("x y",), "other": ("epoch",)},
    searches=("s1",),
    settings={"format": ("table", "csv"), "timeout": ()},
    parameters=("day",),
    listings={"sources": ("program", "platform")},
)

STATEMENTS = (
    (
        "FIND data_products WHERE program = 'trex' AND keogram_type IN ('daily', 'hourly') ON 2021-01-01 LIMIT 5 "
        "OFFSET 1"
    ),
    (
        "FIND DISTINCT data_products SELECT data_source {platform, program}, count(*) AS n, metadata.keogram_type "
        "WHERE NOT (platform LIKE 'fort%' OR url IS NOT NULL) DURING 2020-02 GROUP BY platform ORDER BY n DESC "
        "NULLS FIRST"
    ),
    (
        "FIND ephemeris SELECT * EXCLUDE (metadata) WHERE location_geo.lat >= 50 deg AND tii_on = TRUE LAST 7 days "
        "BEFORE NOW - 2 h"
    ),
    (
        "FIND conjunctions OF ground AS asi (program = 'trex' AND platform = 'gillam'), space (hemisphere = "
        "'northern'), location (51.05, -114.07) WITHIN 500 km, asi - space1 300 km VIA nbtrace, sbtrace PRECISION "
        "30 s BETWEEN 2020-01-01 AND 2020-01-02 WHERE min_distance < 100 km"
    ),
    (
        "FIND data_products WHERE platform IN c.platform AND program IN (FIND c SELECT start) DURING c PADDED BY "
        "10 minutes USING (platform, start)"
    ),
    "FIND data_products OVERLAPPING 2020-01-01 AND NOW - 1 day LIMIT 5",
    "EXPLAIN FIND data_products WHERE program = $program SINCE 2020-01-01 UNTIL 2020-02-01 06:30",
    "LET k = FIND c ORDER BY min_distance",
    "SUBMIT k = FIND data_products",
    "SHOW METADATA OF data_products FOR trex LIKE 'k%'",
    "SHOW SOURCES WHERE program = 'trex' LIMIT 3",
    "SHOW VALUES OF keogram_type",
    "SET timeout = 2 minutes",
    "SET format = csv",
    "FETCH s1",
)

MEETING = "FIND conjunctions OF ground (program = 'trex'), space WITHIN 5 km ON 2020-01-01"
(KEPT,) = analyze_scripts([Source(f"LET c = {MEETING}")], Analyzer(load_shipped(), {}))
STANDING = (
    SessionContext({"c": KEPT.stored_result}, {"s1": KEPT.stored_result})
    if KEPT.stored_result is not None
    else SessionContext({}, {})
)


def complete_at_mark(marked: str, context: CompletionContext = KNOWN, *, loose: bool = True) -> list[Completion]:
    """Return the candidates at the `|` in a text."""
    cursor = marked.index("|")
    return Completer().complete(marked.replace("|", "", 1), cursor, context, loose=loose)


def candidate_texts(marked: str, context: CompletionContext = KNOWN) -> list[str]:
    return [candidate.text for candidate in complete_at_mark(marked, context)]


def lark_accepts(text: str) -> frozenset[str]:
    """Return the terminals that Lark accepts after a text. Raises when Lark refuses the text itself."""
    session = grammar.get_parser().parse_interactive(text)
    session.exhaust_lexer()
    return frozenset(session.accepts())


# --- completion follows the grammar


@pytest.mark.parametrize("text", STATEMENTS)
def test_acceptable_terminals_equal_larks(text: str) -> None:
    for word in [None, *split_words(text, 0, len(text))]:
        end = word.end_pos if word is not None else 0
        trail = ParserState.begin()
        trail.read(text, 0, end)
        assert trail.accepted_terminals() == lark_accepts(text[:end]), text[:end]


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(STATEMENTS), st.data())
def test_every_candidate_is_accepted(statement: str, data: st.DataObject) -> None:
    cursor = data.draw(st.integers(0, len(statement)))
    behind = data.draw(st.sampled_from(("", statement[cursor:])))
    begun = statement[:cursor] + data.draw(st.sampled_from(("", " ", " p", " 'f", " `", " $")))
    candidates = Completer().complete(begun + behind, len(begun), KNOWN)
    assert len(candidates) <= MAX_CANDIDATES
    try:
        for item in candidates[:1]:
            lark_accepts(begun[: item.start])
    except LarkError:
        return  # the text before the cursor is already wrong
    for item in candidates:
        if detect_form(begun, 0) == "text" and item.text != SQL.word:
            offered = begun[: item.start] + item.text
            try:
                lark_accepts(offered)
            except LarkError:
                lark_accepts(offered + behind[:1])  # the closing quote is already there, after the cursor


LATER = {
    "WHERE": "WHERE url = 'x'", "SELECT": "SELECT start", "LIMIT": "LIMIT 1", "ORDER": "ORDER BY start",
    "GROUP": "GROUP BY start", "ON": "ON 2020-01-01", "DURING": "DURING 2020", "SINCE": "SINCE 2020-01-01",
    "UNTIL": "UNTIL 2020-01-01", "BETWEEN": "BETWEEN 2020-01-01 AND 2020-01-02", "LAST": "LAST 5 days",
    "OF": "OF ground, space", "WITHIN": "WITHIN 5 km", "VIA": "VIA nbtrace", "PRECISION": "PRECISION 60 s",
    "LIKE": "LIKE 'x'", "FOR": "FOR trex", "REFRESH": "REFRESH",
}  # fmt: skip
"""A complete clause for each keyword that begins one."""


@pytest.mark.parametrize("text", STATEMENTS)
def test_every_accepted_keyword_is_offered_or_would_be_wrong(text: str) -> None:
    words = list(split_words(text, 0, len(text)))
    for end in (0, *(word.end_pos for word in words)):
        begun = text[:end]
        accepted = lark_accepts(begun) & set(grammar.grammar_keywords())
        offered = {
            candidate.text.split()[0].upper()
            for letter in sorted({word[0].lower() for word in accepted})
            for candidate in Completer().complete(f"{begun} {letter}", end + 2, KNOWN)
        }
        for word in sorted(accepted - offered):
            with pytest.raises(StatementError):
                analyze_scripts(
                    [Source(f"{begun} {LATER.get(word, word)}")],
                    Analyzer(load_shipped(), {"program": "x"}, None, STANDING),
                )


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="FIND data_products WHERE'\"`()-/*;=.,$\n{}0", max_size=60), st.data())
def test_no_input_breaks_completion(text: str, data: st.DataObject) -> None:
    completed_here = Completer().complete(text, data.draw(st.integers(0, len(text))), KNOWN)
    assert len(completed_here) <= MAX_CANDIDATES


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(STATEMENTS))
def test_incremental_completion_equals_a_fresh_start(statement: str) -> None:
    completer = Completer()
    # Typed to its end, then deleted.
    for cursor in (*range(len(statement) + 1), *range(len(statement), -1, -3)):
        text = statement[:cursor]
        assert completer.complete(text, cursor, KNOWN) == Completer().complete(text, cursor, KNOWN)


def test_every_keyword_has_a_description_and_a_valid_example() -> None:
    assert set(KEYWORDS) == set(grammar.grammar_keywords())
    for row in (*KEYWORDS.values(), SQL):
        assert re.search(rf"\b{row.word}\b", row.example, re.IGNORECASE)
        parse_script(row.example)


# --- candidates


@pytest.mark.parametrize(
    ("marked", "first"),
    [
        ("|", ["FIND", "SQL", "SHOW"]),
        ("FIND da|", ["data_products"]),
        ("FIND |", ["c", "`odd name`", "limit"]),
        ("FIND data_products WH|", ["WHERE"]),
        ("FIND data_products GR|", ["GROUP BY"]),
        ("FIND data_products WHERE pla|", ["platform"]),
        ("FIND data_products WHERE keogr|", ["keogram_type"]),
        ("FIND data_products WHERE metadata.key|", ["keogram_type"]),
        ("FIND data_products WHERE program |", ["=", "!=", "<"]),
        ("FIND data_products WHERE program = tr|", ["'trex'"]),
        ("FIND data_products WHERE program = 'tr|", ["'trex'"]),
        ('FIND data_products WHERE program = "tr|', ['"trex"']),
        ("FIND data_products WHERE program = ‘tr|", ["‘trex’"]),
        ("FIND data_products WHERE program = „tr|", ["„trex”"]),
        ("FIND data_products WHERE platform = 'fort s|", ["'fort simpson'", "'fort smith'"]),
        ("FIND data_products WHERE platform = smith|", ["'fort smith'"]),
        # The closing quote may already be there.
        ("FIND data_products WHERE platform = '|' AND program = 'trex'", ["'athabasca", "'fort smith"]),
        ("FIND data_products WHERE platform IN ('gillam', 'ath|') AND program = 'trex'", ["'athabasca"]),
        ("FIND data_products WHERE program = ‘tr|’ ON 2021-01-01", ["‘trex"]),
        ("FIND `odd|` SELECT x", ["`odd name"]),
        # Unquoted values of several words work too.
        ("FIND data_products WHERE platform = fort |", ["'fort churchill'", "'fort simpson'"]),
        ("FIND data_products WHERE platform IN ('gillam', fort sm|", ["'fort smith'"]),
        ("FIND ephemeris WHERE nbtrace_region = north au|", ["'north auroral oval'"]),
        ("FIND data_products WHERE program = 'trex' AND platform = fort |AND url IS NULL", ["'fort smith'"]),
        ("FIND data_products WHERE platform = gilam|", ["'gillam'"]),
        ("FIND data_products WHERE platform = gllm|", ["'gillam'"]),
        ("FIND data_products WHERE data_product_type = |", ["'keogram'", "'montage'"]),
        ("FIND data_products WHERE keogram_type = 'daily_h|", ["'daily_hires'", "'daily_hires_200px'"]),
        ("FIND data_products WHERE source_type = 'l|", ["'leo'"]),
        ("FIND ephemeris WHERE tii_on = TR|", ["TRUE"]),
        ("FIND ephemeris WHERE location_geo.|", ["lat", "lon"]),
        ("FIND ephemeris WHERE location_geo.lat > 5 |", ["deg", "AND"]),
        ("FIND data_products SELECT data_source {pl|", ["platform"]),
        ("FIND data_products SELECT co|", ["count("]),
        ("FIND data_products SELECT count(*) AS total ORDER BY to|", ["total"]),
        ("FIND c SELECT mi|", ["min_distance", "min("]),
        ("FIND c WHERE |", ["start", "end", "min_distance"]),
        ("FIND data_products WHERE start IN c.|", ["start", "end", "min_distance"]),
        ("FIND data_products DURING |", ["c", "`odd name`", "limit"]),
        ("FIND conjunctions OF ground AS asi, space WITHIN 5 km, |", ["ground1", "space1", "asi"]),
        ("FIND conjunctions OF ground AS asi, space WITHIN 5 km, ground1-|", ["space1", "asi"]),
        ("FIND conjunctions WITHIN |OF ground AS asi, space", ["ground1", "space1", "asi"]),
        ("FIND conjunctions OF space (hem|", ["hemisphere"]),
        ("FIND conjunctions OF space (hemisphere = |", ["'northern'", "'southern'"]),
        ("FIND conjunctions OF ground WITHIN 500 |", ["km"]),
        ("FIND conjunctions VIA nbtrace, |", ["sbtrace", "geographic"]),
        ("FIND conjunctions PRECISION |", ["60 s", "30 s"]),
        ("FIND conjunctions PRECISION 3|", ["30 s"]),
        ("FIND conjunctions OF ground, space PRECISION | ON 2020-01-01", ["60 s", "30 s"]),
        ("FIND conjunctions PRECISION 30 |", ["s"]),
        ("FIND data_products LAST 7 |", ["seconds", "minutes", "hours", "days"]),
        ("FIND data_products WHERE program = $|", ["$day"]),
        ("FIND data_products WHERE program = $p| AND platform = $place", ["$place"]),
        ("SHOW |", ["AVAILABILITY", "COLUMNS"]),
        ("SHOW SOURCES WHERE |", ["program", "platform"]),
        ("SHOW METADATA FOR tre|", ["trex"]),
        ("SHOW METADATA FOR 'fort sm|", ["'fort smith'"]),
        ("SHOW VALUES OF keo|", ["keogram_type"]),
        ("SET |", ["format", "timeout"]),
        ("SET format = |", ["table", "csv", "$day"]),
        ("SET format |", ["="]),
        ("FETCH |", ["s1"]),
        ("SQL SELECT min_d|", ["min_distance"]),
        ("SQL SELECT | FROM c", ["start", "platform", "min_distance", "c"]),
        ("SQL SELECT * FROM |", ["c", '"odd name"', "other"]),
        ("SQL SELECT * FROM c AS k JOIN other AS o ON o.|", ["epoch"]),
        ("SQL SELECT k.pl| FROM c AS k", ["platform"]),
        ('SQL SELECT * FROM "od|', ['"odd name"']),
        ('SQL SELECT x| FROM "odd name"', ['"x y"']),
        ("LET new = F|", ["FIND"]),
        ("LET new = FIND ephe|", ["ephemeris"]),
        ("SUBMIT new = FIND data_products WHERE platf|", ["platform"]),
        ("EXPLAIN F|", ["FIND"]),
        ("DESCRIBE FIND data_products WHERE program = 'tre|", ["'trex'"]),
        ("EXPLAIN FIND c WHERE min_d|", ["min_distance"]),
        ("SHOW COLUMNS OF |", ["c", "`odd name`", "limit", "conjunctions", "data_products"]),
        ("SHOW AVAILABILITY OF data_products WHERE program = 'tre|", ["'trex'"]),
        # In the middle of a statement, and in each statement of a script.
        ("FIND data_products WHERE platf| = 'gillam' ON 2020-01-01", ["platform"]),
        ("FIND data_products | program = 'trex'", ["WHERE"]),
        ("SHOW SOURCES; FIND ephemeris WHERE nbtr|; SHOW PROGRAMS", ["nbtrace", "nbtrace_region"]),
        ("FIND data_products SELECT st| WHERE program = 'trex'", ["start"]),
        ("FIND data_products; FIND ephe|", ["ephemeris"]),
        ("FIND data_products WHERE `key|", ["`keogram_type`"]),
    ],
)  # fmt: skip
def test_the_first_candidate(marked: str, first: list[str]) -> None:
    assert candidate_texts(marked)[: len(first)] == first


@pytest.mark.parametrize(
    "marked",
    [
        "FIND data_products -- WHERE |",
        "FIND data_products /* WHERE | */ ON",
        "FIND data_products /* WHERE |",
        "FIND data_products WHERE program = 'tr|ex' ON 2020-01-01",
        "FIND data_products WHERE program = 'trex'|",
        "FIND data_products ON 2020-0|",
        "FIND data_products LIMIT 1|",
        "FIND data_products LAST 3|",
        "FIND conjunctions PRECISION 5|",
        "FIND ephemeris WHERE location_geo.lat > 5|",
        "FIND data_products WHERE url = x1 2|",
        "FIND data_products SELECT start AS |",
        "LET |",
        '{"start": |',
        '{"data_sources": {"programs": ["tr|',
        "FIND data_products FROM {|",
        "SQL SELECT 'c|",
        "SQL SELECT 1 -- c|",
        "Find ephemeris for ((platform in (swarma|",
        "Find data_products for ((program in (|",
    ],
)
def test_positions_without_candidates(marked: str) -> None:
    assert candidate_texts(marked) == []


def test_a_closed_comment_does_not_count() -> None:
    assert candidate_texts("FIND /* why */ data_products -- what\n WH|") == ["WHERE"]


def test_values_are_narrowed_by_other_conditions() -> None:
    narrowed = candidate_texts("FIND data_products WHERE program = 'trex' AND platform = 'r|")
    assert narrowed == ["'rabbit lake'"] + [item for item in narrowed[1:] if "r" in item]
    assert "'resolute bay'" not in narrowed
    # Conditions before and after the cursor count, with IN, and those of the same block only.
    assert "'gillam'" in candidate_texts("FIND data_products WHERE platform = '| AND program = 'trex' ON 2020-01-01")
    assert "'swarma'" not in candidate_texts("FIND ephemeris WHERE platform = '| AND program IN ('trex', 'rego')")
    block = "FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm' AND platform = |)"
    assert [text for text in candidate_texts(block) if text[0] == "'"] == ["'swarma'", "'swarmb'", "'swarmc'"]
    assert candidate_texts("FIND conjunctions OF ground (program = 'trex'), space (program = 'sw|")[0] == "'swarm'"


def test_an_or_prevents_narrowing() -> None:
    assert "'swarma'" in candidate_texts("FIND data_products WHERE program = 'trex' OR platform = 'sw|")


def test_a_value_of_the_list_is_not_offered_again() -> None:
    offered = candidate_texts("FIND data_products WHERE keogram_type IN ('daily', |")
    assert "'hourly'" in offered
    assert "'daily'" not in offered


def test_clauses_are_offered_once_and_only_where_they_make_sense() -> None:
    offered = candidate_texts("FIND data_products WHERE program = 'trex' ON 2020-01-01 |")
    assert {"SELECT", "LIMIT", "GROUP BY"} <= set(offered)
    assert not {"WHERE", "DURING", "ON", "WITHIN", "OF"} & set(offered)
    assert "UNTIL" in candidate_texts("FIND data_products SINCE 2020-01-01 |")
    assert {"OF", "WITHIN"} <= set(candidate_texts("FIND conjunctions |"))
    assert "WHERE" not in candidate_texts("FIND data_products | WHERE program = 'trex'")


def test_using_offers_the_fields_that_the_result_has_too() -> None:
    assert "USING" in candidate_texts("FIND data_products DURING c |")
    assert "USING" in candidate_texts("FIND data_products DURING c PADDED BY 10 minutes |")
    assert "USING" not in candidate_texts("FIND data_products DURING 2020-01 |")
    assert "USING" not in candidate_texts("FIND data_products DURING c USING (platform) |")
    assert candidate_texts("FIND data_products DURING c USING (|") == ["platform", "start", "end"]
    assert candidate_texts("FIND data_products DURING c USING (platform, |") == ["start", "end"]
    assert "keogram_type" in candidate_texts("FIND data_products DURING (FIND data_products ON 2020-01-01) USING (|")
    assert "OVERLAPPING" in candidate_texts("FIND data_products WHERE program = 'trex' |")
    assert "OVERLAPPING" not in candidate_texts("FIND data_products ON 2020-01-01 |")
    assert {"NOW", "TODAY"} <= set(candidate_texts("FIND data_products OVERLAPPING |"))


def test_metadata_keys_are_narrowed_by_the_programs() -> None:
    keys = (MetadataKey("of_a", Type.STRING, programs=("a",)), MetadataKey("of_b", Type.STRING, programs=("b",)))
    sources = (DataSource(1, "a", "x", "i", "ground", "A"), DataSource(2, "b", "it's y", "i", "ground", "B"))
    context = CompletionContext(ArchiveNames(Catalogue(sources, {"data_products": keys})))
    assert candidate_texts("FIND data_products WHERE program = 'a' AND of|", context)[:1] == ["of_a"]
    assert candidate_texts("FIND data_products WHERE platform = 'x' AND of|", context)[:1] == ["of_a"]
    assert candidate_texts("FIND data_products WHERE platform = y|", context)[:1] == ["'it''s y'"]


def test_candidates_have_descriptions() -> None:
    docs = {candidate.shown: candidate.doc for candidate in complete_at_mark("FIND data_products WHERE |")}
    assert docs["program"] == "the program that runs it, such as trex or themis-asi"
    assert docs["keogram_type"] == "Type of keogram"
    assert complete_at_mark("FIND conjunctions WHERE min_d|")[0].doc.endswith(", in km")
    assert "sources" in complete_at_mark("FIND data_products WHERE program = 'trex|")[0].doc


def test_numbers_of_a_known_list_come_with_their_unit() -> None:
    docs = {candidate.text: candidate.doc for candidate in complete_at_mark("FIND conjunctions PRECISION |")}
    assert docs["60 s"].startswith("one epoch per minute")
    assert docs["30 s"].startswith("one epoch per half minute")
    channel = MetadataKey("channel", Type.NUMBER, values=("557.7", "630"), unit="km")
    context = CompletionContext(ArchiveNames(Catalogue((), {"data_products": (channel,)})))
    assert candidate_texts("FIND data_products WHERE channel = |", context)[:2] == ["557.7 km", "630 km"]
    assert candidate_texts("FIND data_products WHERE channel = 6|", context) == ["630 km"]


def test_fuzzy_matching_can_be_turned_off() -> None:
    assert [
        candidate.text for candidate in complete_at_mark("FIND data_products WHERE platform = gilam|", loose=False)
    ] == []


def test_at_most_a_hundred_candidates() -> None:
    sources = tuple(DataSource(n, f"p{n}", f"site {n:05}", "i", "ground", f"Site {n}") for n in range(10_000))
    context = CompletionContext(ArchiveNames(Catalogue(sources, {})))
    assert len(candidate_texts("FIND data_products WHERE platform = |", context)) == MAX_CANDIDATES
    assert candidate_texts("FIND data_products WHERE platform = '1234|", context)[0] == "'site 01234'"


_DOCUMENT = '{"data_product_type_filters": [], "start": "2020-01-01T00:00:00", "end": "2020-01-02T00:00:00"}'
_SENTENCE = (
    "Find data_products for ((program in (trex) filtered by metadata ()) AND  data_product_metadata_filters []) AND "
    "data_product start >= 2020-02-01T00:00 UTC AND data_product end <= 2020-02-01T23:59:59 UTC AND"
)


@pytest.mark.parametrize("separator", ["\n", "\r\n", "\n-- next\n", ";\n"])
@pytest.mark.parametrize(
    "before", [_DOCUMENT, f"FIND data_products FROM {_DOCUMENT}", f"EXPLAIN {_DOCUMENT}", _SENTENCE]
)
@pytest.mark.parametrize(
    "words", ["FIND data_products WHERE progr", "FIND data_products WHERE program = 'trex' AND platf", "f"]
)
def test_after_a_document_without_a_semicolon(before: str, separator: str, words: str) -> None:
    """The candidates are those of the statement alone, both for a fresh start and after every key."""
    context = CompletionContext(ArchiveNames(load_shipped()))
    alone = [candidate.text for candidate in Completer().complete(words, len(words), context)]
    text = f"{before}{separator}{words}"
    assert alone
    assert [candidate.text for candidate in Completer().complete(text, len(text), context)] == alone
    typing = Completer()
    for cursor in range(len(before), len(text) + 1):
        candidates = typing.complete(text[:cursor], cursor, context)
    assert [candidate.text for candidate in candidates] == alone


def test_times_in_words_are_offered_where_a_time_is_expected() -> None:
    offered = set(candidate_texts("FIND data_products WHERE program = 'trex' DURING |"))
    assert {"YESTERDAY", "TODAY", "TOMORROW", "THIS MONTH", "LAST WEEK"} <= offered
    assert "LAST MONTH" in candidate_texts("FIND data_products WHERE start >= |")
    assert "AGO" in candidate_texts("FIND data_products SINCE 5 days |")
    assert "YESTERDAY" not in candidate_texts("FIND data_products WHERE wavelength > |")
    assert not {"THIS MONTH", "YESTERDAY"} & set(candidate_texts("SET timeout = |"))


# --- columns of criteria blocks

BLOCKS_OF = "FIND conjunctions OF ground AS img (program = 'trex'), ground, space (program = 'swarm') WITHIN 5 km "


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (BLOCKS_OF + "SELECT gr|", ["ground2"]),
        (BLOCKS_OF + "SELECT im|", ["img"]),
        (BLOCKS_OF + "WHERE spa|", ["space1"]),
        (BLOCKS_OF + "WHERE img.pl|", ["platform"]),
        (BLOCKS_OF + "WHERE ground1.pl|", ["platform"]),
        (BLOCKS_OF + "GROUP BY ground2.pro|", ["program"]),
        (BLOCKS_OF + "WHERE img.platform = 'gill|", ["'gillam'"]),
        (BLOCKS_OF + "WHERE upper(img.plat|", ["platform"]),
        ("FIND conjunctions SELECT spac| OF space (program = 'swarm'), ground WITHIN 5 km", ["space1"]),
    ],
)
def test_blocks_are_completed_as_columns(typed: str, expected: list[str]) -> None:
    texts = candidate_texts(typed)
    assert [text for text in expected if text in texts] == expected, texts
