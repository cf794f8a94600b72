"""TextMate grammar of AuroraQL for editors that colour a text before the language server answers.

It is generated from the keywords of the grammar, the fields of the schema and the operators, as the Pygments lexer is, and
gives the same tokens. TextMate reads one line at a time: a rule cannot look at the next line. A statement in JSON or SQL
must therefore begin a line or follow a `;`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from auroraql.language import grammar
from auroraql.schema import KINDS
from auroraql.schema.operators import SPELLINGS

SCOPE = "source.auroraql"

Rule = dict[str, Any]

_BLANK = "[\\s\u00a0\u180e\u200b\u2060\ufeff]"
_WORD = r"[^\W\d]\w*"
_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_NOT_A_NAME = rf"(?!\w|{_BLANK}*(?:[=<>≤≥≠.]|!=))"
_STATEMENT_START = r"(?:^\ufeff?|(?<=;))"
_FOR_OR_OF_TYPE = rf"(?=(?i:find)\s+{_WORD}\s+(?i:for\s*\(|of\s+type\b))"


def textmate_grammar() -> Rule:
    """Return the grammar as JSON. Its regular expressions are valid in Oniguruma and in Python."""
    return {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "name": "AuroraQL",
        "scopeName": SCOPE,
        "fileTypes": ["aql"],
        "firstLineMatch": r"^\ufeff?#!.*\bauroraql\b",
        "patterns": [
            _match(r"\A\ufeff?#!.*", "comment.line.shebang"),
            _region(rf"{_STATEMENT_START}(?={_BLANK}*\{{)", r"(?<=\})", "#json"),
            _region(_FOR_OR_OF_TYPE, r"(;)", "#sentence", end=("punctuation.terminator",)),
            _region(
                rf"{_STATEMENT_START}{_BLANK}*((?i:sql))(?={_BLANK}|$)",
                r"(;)",
                "#sql",
                begin=("keyword.other",),
                end=("punctuation.terminator",),
            ),
            {"include": "#statement"},
        ],
        "repository": {
            "blank": {"patterns": [_match(r"--[^\r\n]*", "comment.line.double-dash"), {"include": "#comment"}]},
            "comment": _text(r"/\*", r"\*/", "comment.block", {"include": "#comment"}),
            "json": {"patterns": [_json_object()]},
            "json_value": {"patterns": [_json_object(), *_json_values()]},
            "sentence": {"patterns": _sentence_rules()},
            "sql": {"patterns": [*_sql_strings(), {"include": "#statement"}]},
            "statement": {"patterns": _statement_rules()},
        },
    }


def _match(pattern: str, *scopes: str) -> Rule:
    """Return a rule for a text within one line. Several scopes are those of the groups."""
    if len(scopes) == 1:
        return {"match": pattern, "name": f"{scopes[0]}.auroraql"}
    return {"match": pattern, "captures": _captures(scopes)}


def _captures(scopes: Iterable[str]) -> Rule:
    return {str(number): {"name": f"{scope}.auroraql"} for number, scope in enumerate(scopes, 1) if scope}


def _text(begin: str, end: str, scope: str, *patterns: Rule) -> Rule:
    """Return a rule for a text over several lines, such as a quote."""
    return {"begin": begin, "end": end, "name": f"{scope}.auroraql", "patterns": list(patterns)}


def _region(start: str, stop: str, content: str, *, begin: Iterable[str] = (), end: Iterable[str] = ()) -> Rule:
    """Return a rule for a part with rules of its own. `begin` and `end` are the scopes of the groups of its ends."""
    return {
        "begin": start,
        "end": stop,
        "beginCaptures": _captures(begin),
        "endCaptures": _captures(end),
        "patterns": [{"include": content}],
    }


def _words(words: Iterable[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=lambda word: (-len(word), word)))


def _statement_rules() -> list[Rule]:
    keywords = _words(word.lower() for word in grammar.grammar_keywords())
    symbols = _words(symbol for symbol in SPELLINGS if not symbol[0].isalpha())
    json_after_from = _region(rf"(?<![\w.])((?i:from)){_BLANK}*(?=\{{)", r"(?<=\})", "#json", begin=("keyword.other",))
    return [
        {"include": "#blank"},
        _match(";", "punctuation.terminator"),
        json_after_from,
        *_quotes(),
        *(_match(grammar.terminal_pattern(name), "constant.other.date") for name in ("DATETIME", "MONTH")),
        _match(grammar.terminal_pattern("PERIOD"), "keyword.other"),
        _match(grammar.terminal_pattern("DURATION"), "constant.numeric"),
        _match(rf"({_NUMBER}){_BLANK}*((?i:{keywords})(?!\w))", "constant.numeric", "keyword.other"),
        _match(rf"({_NUMBER}){_BLANK}*({_WORD}|%)", "constant.numeric", "keyword.unit"),
        _match(_NUMBER, "constant.numeric"),
        _text("`", "`(?!`)", "variable.other.quoted", _match("``", "constant.character.escape")),
        _match(rf"\${_WORD}", "variable.parameter"),
        _match(rf"(?<![\w.])(?i:{keywords}){_NOT_A_NAME}", "keyword.other"),
        _match(rf"(?<!\w)(?:{_field_names()})(?!\w)", "support.variable.field"),
        _match(rf"(?<!\w){_WORD}(?={_BLANK}*\()", "entity.name.function"),
        _match(rf"(?<!\w){_WORD}", "variable.other"),
        _match(rf"{symbols}|[-+*/%]", "keyword.operator"),
        _match(r"[()\[\]{},.:]", "punctuation.separator"),
    ]


def _field_names() -> str:
    return _words({part for kind in KINDS.values() for leaf in kind.leaves() for part in leaf.path})


def _quotes() -> list[Rule]:
    return [
        _text("'", "'(?!')", "string.quoted.single", _match("''", "constant.character.escape")),
        _text('"', '"(?!")', "string.quoted.double", _match('""', "constant.character.escape")),
        _text("[‘’‚‛]", "[‘’‛']", "string.quoted.single"),
        _text("[“”„‟]", '[“”‟"]', "string.quoted.double"),
    ]


def _sql_strings() -> list[Rule]:
    escapes = _match(r"\\.|''", "constant.character.escape")
    return [
        _text(r"(?<!\w)[eE]'", "'(?!')", "string.quoted.single.escaped", escapes),
        _text(rf"(?<![\w$])\$((?:{_WORD})?)\$", r"\$\1\$", "string.unquoted.heredoc"),
    ]


_DATE_TIME = r"\d{4}-\d{2}(?:-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[-+]\d{2}:?\d{2})?)?)?(?![\w:-])"


def _sentence_rules() -> list[Rule]:
    """Return the rules of describe sentences, such as `Find data_products for ((program in (trex)))`."""
    keywords = _words(word.lower() for word in grammar.grammar_keywords())
    return [
        {"include": "#blank"},
        _match(r"((?i:in))\s*(\()([^()]*)", "keyword.other", "punctuation.separator", "string.unquoted"),
        _match(_DATE_TIME, "constant.other.date"),
        _match(r"\d+", "constant.numeric"),
        _match(rf"(?<!\w)(?:{_field_names()})(?!\w)", "support.variable.field"),
        _match(rf"(?<!\w)(?i:{keywords})(?!\w)", "keyword.other"),
        _match(rf"(?<!\w){_WORD}", "text"),
        _match("[<>]=?|=", "keyword.operator"),
        _match(r"[-()\[\],.:]", "punctuation.separator"),
    ]


def _json_object() -> Rule:
    scopes = ("punctuation.separator",)
    return _region(r"(\{)", r"(\})", "#json_value", begin=scopes, end=scopes)


def _json_values() -> list[Rule]:
    escapes = _match(r"\\.", "constant.character.escape")
    return [
        _match(r'"(?:[^"\\\n]|\\.)*+"(?=\s*:)', "support.type.property-name"),
        _text('"', '"|$', "string.quoted.double", escapes),
        _match(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", "constant.numeric"),
        _match(r"(?:true|false|null)\b", "constant.language"),
        _match(r"[\[\],:]", "punctuation.separator"),
    ]
