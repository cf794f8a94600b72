"""Symbols of a script: the results that LET, SUBMIT and FETCH name, the parameters, and where each is used."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from auroraql.diagnostics.errors import Source, Span
from auroraql.language.ast import Token
from auroraql.language.splitter import find_closing, stop_pattern
from auroraql.language_service.facts import fold_name
from auroraql.language_service.words import NAME_TERMINALS, StatementWords, script_words
from auroraql.queries import read_front_matter

SymbolKind = Literal["result", "parameter"]

_SQL_NAME = re.compile(r"(?<![\w$.'\"])(?P<name>[^\W\d]\w*)(?!\w|\s*\()")
_SQL_TABLE_BEFORE = re.compile(r"(?:\b(?:from|join)|,)\s*\Z", re.IGNORECASE)
_SQL_PARAMETER = re.compile(r"(?<![\w$])\$(?P<name>[^\W\d]\w*)")

_REFERRING_TERMINALS = frozenset(("FIND", "DISTINCT", "DURING", "FETCH", "CANCEL", "IN", "OF"))
"""Terminals after which a name can be that of a result."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One place where a symbol is defined or used. `name` is without quotes and in lower case for results.

    `span` is that of the name, without the `$` of a parameter.
    """

    kind: SymbolKind
    name: str
    span: Span
    is_definition: bool


def find_occurrences(text: str) -> Sequence[Occurrence]:
    """Return the definitions and uses of symbols in a script, in order. Uses of unknown results are left out."""
    statements = list(script_words(text))
    definitions = [*_declared_parameters(text), *(d for statement in statements for d in _definitions(statement))]
    results = {definition.name for definition in definitions if definition.kind == "result"}
    uses = (use for statement in statements for use in _uses(text, statement, results))
    places = {occurrence.span: occurrence for occurrence in (*uses, *definitions)}  # a definition replaces its use
    return sorted(places.values(), key=lambda occurrence: occurrence.span.start)


def occurrence_at(text: str, offset: int) -> Occurrence | None:
    """Return the occurrence whose name contains or ends at an offset."""
    return next((o for o in find_occurrences(text) if o.span.start <= offset <= o.span.end), None)


def same_symbol(text: str, occurrence: Occurrence) -> Sequence[Occurrence]:
    """Return every occurrence of the same symbol, in order."""
    return [o for o in find_occurrences(text) if (o.kind, o.name) == (occurrence.kind, occurrence.name)]


def _declared_parameters(text: str) -> Iterator[Occurrence]:
    for parameter in read_front_matter(Source(text)).parameters:
        at = text.find(parameter.name, parameter.origin.start)
        yield Occurrence("parameter", parameter.name, Span(at, at + len(parameter.name)), True)


def _definitions(statement: StatementWords) -> Iterator[Occurrence]:
    words = statement.words
    if len(words) > 2 and words[0].type in ("LET", "SUBMIT", "FETCH") and words[2].type == "CMP":
        yield _result(words[1], is_definition=True)


def _uses(text: str, statement: StatementWords, results: set[str]) -> Iterator[Occurrence]:
    if statement.form == "sql":
        yield from _sql_uses(text, statement, results)
        return
    words = statement.words
    for index, word in enumerate(words):
        if word.type == "PARAM":
            yield Occurrence("parameter", word[1:], Span(word.start_pos + 1, word.end_pos), False)
        elif word.type in NAME_TERMINALS and fold_name(word) in results and _can_refer(words, index):
            yield _result(word, is_definition=False)


def _can_refer(words: Sequence[Token], index: int) -> bool:
    """Return whether a name can be that of a result: after a keyword that takes one, or before a column."""
    before = words[index - 1].type if index else ""
    if before == "DOT":
        return False
    is_path = index + 1 < len(words) and words[index + 1].type == "DOT"
    return is_path or before in _REFERRING_TERMINALS


def _result(word: Token, *, is_definition: bool) -> Occurrence:
    quoted = word[:1] == "`"
    span = Span(word.start_pos + quoted, word.end_pos - quoted)
    return Occurrence("result", fold_name(word), span, is_definition)


def _sql_uses(text: str, statement: StatementWords, results: set[str]) -> Iterator[Occurrence]:
    for start, end in _sql_code(text, statement.start, statement.end):
        for match in _SQL_PARAMETER.finditer(text, start, end):
            yield Occurrence("parameter", match["name"], Span(*match.span("name")), False)
        for match in _SQL_NAME.finditer(text, start, end):
            is_table = (
                _SQL_TABLE_BEFORE.search(text, start, match.start()) or text[match.end() : match.end() + 1] == "."
            )
            if match["name"].casefold() in results and is_table:
                yield Occurrence("result", match["name"].casefold(), Span(*match.span("name")), False)


def _sql_code(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a SQL statement outside of comments, quotes and `$$` texts."""
    stops, begin, position = stop_pattern("sql"), start, start
    while (match := stops.search(text, position, end)) is not None:
        position = match.end()
        if match.lastgroup in ("comment", "quoted", "stray", "dollar"):
            closed = find_closing(text, match) if match.lastgroup in ("stray", "dollar") else -1
            yield begin, match.start()
            begin = position = max(position, closed)
    yield begin, max(begin, end)
