"""Tests of highlighting: the tokens join to the input, valid statements have no error token, and time is linear."""

from __future__ import annotations

import time
import tomllib
from importlib.metadata import EntryPoint

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pygments.token import Comment, Error, Keyword, Literal, Name, Number, String, _TokenType

from auroraql.language import grammar
from auroraql.language.highlighter import AuroraQLLexer
from tests.conftest import ROOT

DAILY = "FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01;"
SENTENCE = (
    "Find data_products for ((program in (trex, unis/kho) filtered by metadata ()) AND  "
    "data_product_metadata_filters []) AND data_product start >= 2020-02-01T00:00 UTC AND"
)
JSON = '{"start": "2020-01-01", "data_sources": {"programs": ["trex"]}, "n": [-1.5e3, true, null], "e": "\\"\\\\"}'

VALID = (
    DAILY,
    "#!/usr/bin/env auroraql\n-- why\nFIND data_products /* all\nof them */ LIMIT 10 OFFSET 5",
    "FIND data_products SELECT start, url, data_source {display_name, identifier}, `odd ``name` ORDER BY start DESC",
    "FIND data_products SELECT * EXCLUDE (metadata), count(*) AS n WHERE wavelength >= 5.5e2 AND x <> -3 % LAST 7 days",
    "FIND data_products WHERE program = $program DURING 2020-01 -- end",
    "\ufeffFIND data_products WHERE program = ‘trex’ AND platform ≠ “gillam” SINCE 2020-01-01T06:30Z + 2 h",
    "FIND data_products WHERE limit = 5 AND on.off IS NOT NULL BETWEEN 2020-02-01 06:30 AND NOW",
    SENTENCE,
    JSON,
    f"{JSON};\n{SENTENCE};{DAILY} FIND data_products FROM {JSON}",
)


def tokens(text: str) -> list[tuple[_TokenType, str]]:
    return [(kind, value) for _, kind, value in AuroraQLLexer().get_tokens_unprocessed(text)]


def kinds(text: str, word: str) -> list[_TokenType]:
    return [kind for kind, value in tokens(text) if value == word]


@pytest.mark.parametrize("text", VALID)
def test_valid_statements_have_no_error_token_and_join_to_the_input(text: str) -> None:
    pieces = tokens(text)
    assert "".join(value for _, value in pieces) == text
    assert [value for kind, value in pieces if kind is Error] == []


FRAGMENTS = st.sampled_from([*" \n'\"`‘”;{}()[]:,.\\-+/*%$#!<=>≤", "--", "/*", "*/", "find ", "from {", "5 km", *VALID])


@given(st.one_of(st.text(), st.lists(st.one_of(FRAGMENTS, st.text(max_size=3))).map("".join)))
def test_tokens_join_to_any_input(text: str) -> None:
    assert "".join(value for _, value in tokens(text)) == text


@pytest.mark.parametrize("word", grammar.grammar_keywords())
def test_every_keyword_is_highlighted_in_any_case(word: str) -> None:
    assert kinds(f"x {word} y", word) == kinds(f"x {word.lower()} y", word.lower()) == [Keyword]


@pytest.mark.parametrize("text", ["limit = 5", "limit<5", "limit.x", "metadata.limit IN (1)"])
def test_a_keyword_is_a_name_where_a_name_is_expected(text: str) -> None:
    assert kinds(f"FIND data_products WHERE {text}", "limit") == [Name]


@pytest.mark.parametrize(
    ("text", "word", "kind"),
    [
        (DAILY, "program", Name.Attribute),
        (DAILY, "keogram_type", Name),
        (DAILY, "'daily'", String.Single),
        (DAILY, "2021-01-01", Literal.Date),
        ("x < 500 km AND", "500", Number),
        ("x < 500 km AND", "km", Keyword.Type),
        ("LIMIT 5 OFFSET 5", "OFFSET", Keyword),
        ("SQL SELECT x FROM c", "SQL", Keyword),
        ("FIND c WHERE sql = 1", "sql", Name),
        ("SELECT count(*)", "count", Name.Function),
        ("x = $day", "$day", Name.Variable),
        ("x = `a b`", "`a b`", Name),
        ("x = 1 -- why", "-- why", Comment.Single),
        ("x = 'not closed", "'not closed", String.Single),
        (SENTENCE, "trex, unis/kho", String),
        (SENTENCE, "2020-02-01T00:00", Literal.Date),
        (SENTENCE, "program", Name.Attribute),
        (JSON, '"start"', Name.Tag),
        (JSON, '"trex"', String.Double),
        (f"FIND data_products FROM {JSON}", '"start"', Name.Tag),
    ],
)
def test_each_token_has_its_type(text: str, word: str, kind: _TokenType) -> None:
    assert kinds(text, word) == [kind]


HOSTILE = (
    "'",
    '"',
    "`",
    "‘",
    "(",
    "{",
    "[",
    "/*",
    "--",
    "1",
    "1 ",
    " ",
    "a.",
    "from ",
    "find ",
    '{"',
    '{"\\',
    ";{",
    "in(",
)


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_input_takes_linear_time(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    list(AuroraQLLexer().get_tokens_unprocessed(DAILY))
    began = time.process_time()
    assert "".join(value for _, value in tokens(text)) == text
    assert time.process_time() - began < 5, "a quadratic rule takes minutes"


def test_pygments_finds_the_lexer_by_its_entry_point() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    point = EntryPoint("auroraql", project["entry-points"]["pygments.lexers"]["auroraql"], "pygments.lexers")
    assert point.load() is AuroraQLLexer
    assert "*.aql" in AuroraQLLexer.filenames
