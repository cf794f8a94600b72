"""Pygments lexer of AuroraQL statements, and of query JSON and describe sentences between them.

Keywords come from the grammar and fields from the schema. The token texts concatenate to the input exactly. Every rule
runs in linear time: an unfinished quote or comment is one token up to the end of the input. Lexing can resume at any
offset whose state is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import ClassVar

from pygments.lexer import ExtendedRegexLexer, LexerContext, bygroups, default, include
from pygments.token import (
    Comment,
    Keyword,
    Literal,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Text,
    Whitespace,
    _TokenType,
)

from auroraql.language import grammar
from auroraql.schema import KINDS
from auroraql.schema.operators import SPELLINGS

_BLANK = "[\\s\u00a0\u180e\u200b\u2060\ufeff]"
_WORD = r"[^\W\d]\w*"
_BEFORE_OPERATOR = re.compile(rf"{_BLANK}*(?:[=<>≤≥≠.]|!=)")
_CALLED = re.compile(rf"{_BLANK}*\(")
_SYMBOLS = "|".join(re.escape(s) for s in sorted(SPELLINGS, key=len, reverse=True) if not s[0].isalpha())

Tokens = Iterator[tuple[int, _TokenType, str]]


@cache
def _keyword_pattern() -> frozenset[str]:
    return frozenset(grammar.grammar_keywords())


@cache
def _field_names() -> frozenset[str]:
    return frozenset(part for kind in KINDS.values() for leaf in kind.leaves() for part in leaf.path)


def _lex_word(_lexer: ExtendedRegexLexer, match: re.Match[str], context: LexerContext) -> Tokens:
    """Yield a word as keyword, field, function or name. A keyword next to an operator or in a path is a name."""
    word, text = match[0], match.string
    is_name = _BEFORE_OPERATOR.match(text, match.end()) or text[match.start() - 1 : match.start()] == "."
    if word.upper() in _keyword_pattern() and not is_name:
        kind = Keyword
    elif word in _field_names():
        kind = Name.Attribute
    elif _CALLED.match(text, match.end()):
        kind = Name.Function
    else:
        kind = Name
    yield match.start(), kind, word
    context.pos = match.end()


def _lex_unit(_lexer: ExtendedRegexLexer, match: re.Match[str], context: LexerContext) -> Tokens:
    """Yield a number and the unit or keyword after it. In `LIMIT 5 OFFSET 5` the word is a keyword."""
    yield match.start(), Number, match[1]
    if match[2]:
        yield match.start(2), Whitespace, match[2]
    yield match.start(3), Keyword if match[3].upper() in _keyword_pattern() else Keyword.Type, match[3]
    context.pos = match.end()


def _lex_sentence_word(_lexer: ExtendedRegexLexer, match: re.Match[str], context: LexerContext) -> Tokens:
    """Yield a word of a describe sentence."""
    word = match[0]
    kind = Name.Attribute if word in _field_names() else Keyword if word.upper() in _keyword_pattern() else Text
    yield match.start(), kind, word
    context.pos = match.end()


def _lex_dollar_quoted(_lexer: ExtendedRegexLexer, match: re.Match[str], context: LexerContext) -> Tokens:
    """Yield a SQL text in `$$…$$`, up to the end of the input when it is not closed."""
    end = match.string.find(match[0], match.end())
    end = end + len(match[0]) if end >= 0 else len(match.string)
    yield match.start(), String.Heredoc, match.string[match.start() : end]
    context.pos = end


_OPENING_TOKENS = bygroups(Keyword, Whitespace, Punctuation)  # type: ignore[no-untyped-call]
_LISTING_TOKENS = bygroups(Keyword, Whitespace, Punctuation, String)  # type: ignore[no-untyped-call]


class AuroraQLLexer(ExtendedRegexLexer):
    """Lexer of AuroraQL at the prompt and in `.aql` files."""

    name = "AuroraQL"
    aliases: ClassVar[list[str]] = ["auroraql", "aql"]
    filenames: ClassVar[list[str]] = ["*.aql"]
    flags = re.IGNORECASE

    tokens: ClassVar[dict[str, list[object]]] = {
        "root": [
            (r"\A\ufeff?#![^\r\n]*", Comment.Hashbang),
            include("blank"),
            (r";", Punctuation),
            (r"\{", Punctuation, "json"),
            (rf"(?=find\s+{_WORD}\s+(?:for\s*\(|of\s+type\b))", Text, "sentence"),
            (rf"sql(?={_BLANK})", Keyword, "sql"),
            default("statement"),
        ],
        "blank": [
            (rf"{_BLANK}+", Whitespace),
            (r"--[^\r\n]*", Comment.Single),
            (r"/\*", Comment.Multiline, "comment"),
        ],
        "comment": [
            (r"[^*/]+", Comment.Multiline),
            (r"/\*", Comment.Multiline, "#push"),
            (r"\*/", Comment.Multiline, "#pop"),
            (r"[*/]", Comment.Multiline),
        ],
        "sql": [
            (r"e'[^'\\]*+(?:(?:\\[\s\S]|'')[^'\\]*+)*+(?:'|\\?\Z)", String.Single),
            (r"(?<![\w$])(\$(?:[^\W\d]\w*)?\$)", _lex_dollar_quoted),
            include("statement"),
        ],
        "statement": [
            (r";", Punctuation, "#pop"),
            include("blank"),
            (rf"(from)({_BLANK}*)(\{{)", _OPENING_TOKENS, "json"),
            include("values"),
            (r"`[^`]*+(?:``[^`]*+)*+(?:`|\Z)", Name),
            (rf"\${_WORD}", Name.Variable),
            (_WORD, _lex_word),
            (rf"{_SYMBOLS}|[-+*/%]", Operator),
            (r"[()\[\]{},.:]", Punctuation),
        ],
        "values": [
            (r"'[^']*+(?:''[^']*+)*+(?:'|\Z)", String.Single),
            (r'"[^"]*+(?:""[^"]*+)*+(?:"|\Z)', String.Double),
            (r"[‘’‚‛][^‘’‛']*+(?:[‘’‛']|\Z)", String.Single),
            (r'[“”„‟][^“”‟"]*+(?:[“”‟"]|\Z)', String.Double),
            include("phrases"),
            (rf"((?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?)({_BLANK}*)({_WORD}|%)", _lex_unit),
            (r"(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?", Number),
        ],
        "times": [
            (
                r"\d{4}-\d{2}(?:-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[-+]\d{2}:?\d{2})?)?)?(?![\w:-])",
                Literal.Date,
            ),
        ],
        "phrases": [
            (grammar.terminal_pattern("DATETIME"), Literal.Date),
            (grammar.terminal_pattern("MONTH"), Literal.Date),
            (grammar.terminal_pattern("PERIOD"), Keyword),
            (grammar.terminal_pattern("DURATION"), Number),
        ],
        "sentence": [
            (r";", Punctuation, "#pop"),
            include("blank"),
            (r"(in)(\s*)(\()([^()]*)", _LISTING_TOKENS),
            include("times"),
            (r"\d+", Number),
            (_WORD, _lex_sentence_word),
            (r"[<>]=?|=", Operator),
            (r"[-()\[\],.:]", Punctuation),
            (r".", Text),
        ],
        "json": [
            (rf"{_BLANK}+", Whitespace),
            (r"\{", Punctuation, "#push"),
            (r"\}", Punctuation, "#pop"),
            (r'"(?:[^"\\\n]|\\.)*+"(?=\s*:)', Name.Tag),
            (r'"(?:[^"\\\n]|\\.)*+(?:"|(?=[\n\\])|\Z)', String.Double),
            (r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?", Number),
            (r"(?:true|false|null)\b", Keyword.Constant),
            (r"[\[\],:]", Punctuation),
        ],
    }
