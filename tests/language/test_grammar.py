"""Tests of the grammar: free of conflicts, found wherever it is installed, and consistent with the schema."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import lark
import pytest
from hypothesis import given, settings

from auroraql.codecs import script
from auroraql.diagnostics.errors import Source, StatementError
from auroraql.ir.query import Ref
from auroraql.language import grammar, printer, syntax_errors
from auroraql.schema import KINDS
from auroraql.schema.operators import OPERATORS, SPELLINGS
from tests.support import corpus_files
from tests.support.lark_loop import read_by_lark, read_by_us
from tests.support.typing_strategies import typings


def test_the_grammar_has_only_the_conflicts_that_it_describes() -> None:
    """They are resolved as shifts: the token continues the predicate, or is the unit of the number."""
    logged: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: logged.append(record.getMessage())  # type: ignore[method-assign]
    lark.logger.addHandler(handler)
    level = lark.logger.level
    lark.logger.setLevel(logging.DEBUG)
    try:
        lark.Lark(grammar.grammar_text(), parser="lalr", start=grammar.START, maybe_placeholders=False, debug=True)
    finally:
        lark.logger.removeHandler(handler)
        lark.logger.setLevel(level)
    conflicts = {message for message in logged if "onflict" in message or message.startswith(" * ")}
    assert conflicts == {
        "Shift/Reduce conflict for terminal BETWEEN: (resolving as shift)",
        "Shift/Reduce conflict for terminal LIKE: (resolving as shift)",
        " * <predicate : sum>",
        "Shift/Reduce conflict for terminal PERCENT: (resolving as shift)",
        " * <primary : NUMBER>",
    }


def test_the_table_of_the_checkout_is_that_of_the_code() -> None:
    built = grammar.serialize_table(grammar.build_table())
    assert grammar.FILE.read_text("ascii") == built, "the code has changed: increase grammar._TABLE_FORMAT"


_HASH = json.loads(grammar.serialize_table(grammar.load_table()))["grammar"]


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache folder, in a process whose package has no parse table."""
    monkeypatch.setattr(grammar, "FILE", tmp_path / "parse_table.json")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "auroraql"


def load_again() -> str:
    return grammar.serialize_table(grammar.load_table.__wrapped__())


@pytest.mark.parametrize(
    "document", ["", "garbage", "{}", "[]", '{"grammar": "another", "start": 1}', f'{{"grammar": "{_HASH}"}}']
)
def test_a_table_that_does_not_fit_is_built_again(cache_folder: Path, document: str) -> None:
    expected = grammar.serialize_table(grammar.build_table())
    grammar.FILE.write_text(document)
    assert load_again() == expected
    (cached,) = cache_folder.iterdir()
    assert cached.read_text() == expected
    cached.write_text(document)
    assert load_again() == expected
    assert [file.read_text() for file in cache_folder.iterdir()] == [expected]


def test_a_cached_table_is_not_built_again(cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = load_again()
    monkeypatch.setattr(grammar, "build_table", lambda: pytest.fail("the table was built again"))
    assert load_again() == expected


def test_the_table_is_built_where_no_cache_can_be_written(cache_folder: Path) -> None:
    cache_folder.parent.write_text("in the way")
    assert load_again() == grammar.serialize_table(grammar.build_table())


def test_every_schema_operator_is_in_the_grammar() -> None:
    words = set(grammar.grammar_keywords())
    for operator in OPERATORS.values():
        typed = [part.upper() for spelling in (operator.text, *operator.also) for part in spelling.split()]
        for part in typed:
            assert part in words or re.fullmatch(grammar.terminal_pattern("CMP"), part), part
        operand = {0: "", 1: "'x'", 2: "'x' AND 'y'", -1: "('x')"}[operator.arity]
        (statement,) = script.read_script(Source(f"FIND data_products WHERE a {operator.text} {operand}"))
        assert statement.statement.clauses[0].expression.operator == operator.op  # type: ignore[union-attr]
        assert OPERATORS[operator.negation].negation == operator.op


def test_every_comparison_of_the_grammar_is_in_the_schema() -> None:
    alternatives = re.sub(r"[\[\]]", "", grammar.terminal_pattern("CMP").replace("[≤≥≠]", "≤|≥|≠")).split("|")
    assert {a for a in SPELLINGS if not a[0].isalpha()} == {a.strip("(?:)") for a in alternatives}


@pytest.mark.parametrize("word", sorted({*grammar.grammar_keywords(), "days", "km", "x"}))
def test_a_keyword_is_a_name_where_a_name_is_expected(word: str) -> None:
    kind = KINDS["data_products"]
    written = printer.print_name(word)
    (statement,) = script.read_script(
        Source(f"FIND data_products SELECT {written} WHERE {written} = 5 ORDER BY {written}")
    )
    assert statement.statement.clauses[1].expression.path.parts == (word,)  # type: ignore[union-attr]
    field = kind.field(word)  # field names are case-insensitive: METADATA is one
    assert field is None or field.name == word.lower()
    assert Ref("metadata", word).path == ("metadata", word)


def test_clauses_named_in_messages_are_keywords() -> None:
    assert set(syntax_errors.CLAUSE_STARTS) <= set(grammar.grammar_keywords())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_word_of_the_grammar(kind: str) -> None:
    assert kind.upper() in grammar.grammar_keywords()


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("FIND data_products", False),
        ("FIND data_products ON 2021-01-01", True),
        ("FIND data_products WHERE program = 'trex'", True),
        ("LIMIT 1; FIND data_products WHERE program = 'trex'", True),
        ("FIND data_products\nWHERE program = 'trex'", False),
        ("FIND data_products\nWHERE program = 'trex' LIMIT 5", True),
        ("FIND data_products\nWHERE NOT (program = 'trex' OR start < 2021-01-01)", True),
        ("FIND data_products\nSELECT start ORDER BY start", False),
        ("LET a = FIND ephemeris\nWHERE program = 'trex'", False),
        ("SUBMIT FIND ephemeris\nDURING passes", True),
        ("FIND passes\nWHERE min_distance < 5", True),
        ("FIND conjunctions OF ground, space ON 2021-01-01", True),
        ("FIND conjunctions\nOF ground, space ON 2021-01-01", False),
        ("FIND conjunctions\nOF ground, space WITHIN 500 km", False),
        ("FIND conjunctions\nOF ground, space WITHIN 500 km ON 2021-01-01", True),
        ("FIND data_products;", True),
        ("FIND data_products WHERE", False),
        ("FIND data_products WHERE program =", False),
        ("FIND data_products WHERE program = 'tr", False),
        ("FIND data_products WHERE (program = 'trex'", False),
        ("FIND data_products WHERE (program = 'trex' OR", False),
        ("FIND data_products BETWEEN 2020-01-01", False),
        ("FIND data_products WHERE program == 'trex'", True),
        ("FORM", True),
        ("", True),
        ("-- a comment", True),
        ("/* a comment", False),
        ('{"data_product_type_filters": [', False),
        ('{"data_product_type_filters": []}', True),
        ("FIND data_products; FIND", False),
    ],
)
def test_incomplete_input_is_distinguished_from_wrong_input(text: str, complete: bool) -> None:
    assert script.is_complete(text) is complete


def test_spans_are_offsets_into_the_whole_script() -> None:
    text = "FIND data_products;\n  FIND data_products WHERE a == 1"
    with pytest.raises(StatementError) as caught:
        script.read_script(Source(text))
    (diagnostic,) = caught.value.diagnostics
    assert text[diagnostic.origin.start : diagnostic.origin.end] == "=="  # type: ignore[union-attr]


def test_no_state_accepts_both_a_name_and_a_keyword_that_could_be_one() -> None:
    """Therefore one scanner suffices for all states. Terminals with a priority win in both parse loops."""
    table = grammar.get_tables()
    first = {terminal.name for terminal in grammar.get_parser().terminals if terminal.priority}
    for state in range(len(table.states)):
        row = table.row(state)
        if "NAME" in row:
            names = set(table.keywords & row.keys()) - table.reserved
            assert names <= first


EVERY = tuple(
    [corpus_files.read(path)["aql"] for kind in KINDS for path in corpus_files.files(kind)]
    # Lark's loop has no limits: it reads lists that AuroraQL refuses as too long.
    + [
        case["statement"]
        for case in map(corpus_files.read, corpus_files.files("errors"))
        if "[AQL0116]" not in case["rendering"]
    ]
)


@pytest.mark.parametrize("text", EVERY)
def test_both_parse_loops_build_the_same_tree(text: str) -> None:
    assert read_by_us(text) == read_by_lark(text)


@settings(deadline=None)
@given(typings(tuple(text for text in EVERY if len(text) < 400), most=4))
def test_both_parse_loops_fail_at_the_same_position(texts: list[str]) -> None:
    assert read_by_us(texts[-1]) == read_by_lark(texts[-1])
