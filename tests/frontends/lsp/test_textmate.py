"""The TextMate grammar gives the tokens of the Pygments lexer."""

from __future__ import annotations

import json

import pytest
from pygments.token import Comment, Keyword, Literal, Name, Number, Operator, Punctuation, String, _TokenType

from auroraql.frontends.lsp.textmate import textmate_grammar
from auroraql.language.highlighter import AuroraQLLexer
from tests.conftest import ROOT
from tests.language.test_highlighter import VALID
from tests.support.textmate import TextMate

KINDS = {
    Keyword.Type: "keyword.unit",
    Keyword.Constant: "constant.language",
    Keyword: "keyword.other",
    Name.Attribute: "support.variable",
    Name.Tag: "support.type",
    Name.Function: "entity.name",
    Name.Variable: "variable.parameter",
    Name: "variable.other",
    String: "string",
    Number: "constant.numeric",
    Literal.Date: "constant.other",
    Operator: "keyword.operator",
    Punctuation: "punctuation",
    Comment: "comment",
}


ANY = "any"
"""Stands for a token other than a quote or comment that goes on in the next line: TextMate reads line by line."""


def expected_scopes(text: str) -> list[str]:
    """Return the beginning of the scope that each character should have, by the lexer."""
    scopes = []
    for _, kind, value in AuroraQLLexer().get_tokens_unprocessed(text):
        is_split = "\n" in value and scope_of(kind) not in ("string", "comment")
        scopes += [ANY if is_split else scope_of(kind)] * len(value)
    return scopes


def scope_of(kind: _TokenType) -> str:
    return next((KINDS[parent] for parent in reversed(kind.split()) if parent in KINDS), "")


def differences(text: str, scopes: list[str]) -> list[str]:
    """Return the lines in which a character other than a blank has another scope, with both scopes."""
    wrong = [
        at
        for at, (expected, scope) in enumerate(zip(expected_scopes(text), scopes, strict=True))
        if not text[at].isspace() and not same(expected, scope)
    ]
    return [f"{text[at : at + 30]!r}: {expected_scopes(text)[at]} and {scopes[at]}" for at in wrong]


def same(expected: str, scope: str) -> bool:
    if expected == ANY:
        return True
    if scope.startswith("constant.character.escape"):
        return expected in ("string", "variable.other")
    return scope.startswith(expected) if expected else scope.startswith("text") or not scope


def corpus() -> list[str]:
    """Return the statements and scripts of the corpus."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests/corpus").glob("*/*.txt"))]
    return [text.partition("\n")[2].partition("\n=== ")[0] for text in texts]


@pytest.mark.parametrize("text", VALID)
def test_statements_of_every_form(text: str) -> None:
    assert not differences(text, TextMate(textmate_grammar()).scopes(text))


def test_the_corpus() -> None:
    grammar = TextMate(textmate_grammar())
    # The time of the interpreter grows with the square of the length of a line. Editors do not colour very long lines.
    texts = [text for text in corpus() if max(map(len, text.split("\n"))) < 200]
    wrong = {text: differing for text in texts if (differing := differences(text, grammar.scopes(text)))}
    assert len(texts) > 500
    assert not wrong, f"{len(wrong)} of {len(texts)}: {list(wrong.values())[:10]}"


@pytest.mark.parametrize(
    "text",
    [
        "FIND data_products WHERE url = 'a\nb;\n''c' AND x = 5;\nFIND ephemeris",
        "/* a /* nested\n comment */ ; */ FIND ephemeris -- c\nLIMIT 5",
        "SQL SELECT e'a\\'b', $t$ ; '\n$t$ FROM x WHERE $day = 1;\nFIND ephemeris LIMIT 5",
        '{"a": [1, {"b": "c}"}],\n "d": null}\n;\nFIND ephemeris ON 2020-01-01T00:00Z',
        "FIND data_products SELECT data_source {display_name}, start WHERE start >= 2020-01-01 + 90 min LAST 3 days",
        'LET x = FIND conjunctions FROM {\n"a": 1\n};\nFIND x WHERE `od``d` = “a’b” AND len(x) > 3h20m',
        "FIND ephemeris WHERE a = '",
    ],
)
def test_texts_over_several_lines(text: str) -> None:
    assert not differences(text, TextMate(textmate_grammar()).scopes(text))


def test_the_grammar_is_json() -> None:
    assert json.loads(json.dumps(textmate_grammar())) == textmate_grammar()
