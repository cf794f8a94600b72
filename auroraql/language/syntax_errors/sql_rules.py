"""Rules for queries in SQL where a statement, or a FIND in parentheses, is expected."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.language.syntax_errors.foreign_constructs import diagnose_construct
from auroraql.language.syntax_errors.parse_context import ParseErrorContext
from auroraql.language.syntax_errors.sql_expressions import UntranslatableError
from auroraql.language.syntax_errors.sql_statements import (
    UnfinishedError,
    UnknownTableError,
    is_known_table,
    translate_query,
)
from auroraql.language.syntax_errors.sql_tokens import SqlToken, closing, tokenize
from auroraql.schema import KINDS
from auroraql.schema.synonyms import suggest_kind

_MAX_TRANSLATED_CHARACTERS = 20_000
"""Maximum length of a query that is translated. The fixes of longer statements are not checked either."""


def find_sql_query(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a query in SQL where a statement, or a FIND in parentheses, is expected."""
    if (
        at.word_before() in ("SELECT", "WITH")
        and at.type_before() == "NAME"
        and at.type_before(2) in ("LPAR", "SUBMIT")
        and at.word != "="
    ):
        # The parser read SELECT as a name.
        select = at.tokens[-1]
        at = replace(
            at, tokens=at.tokens[:-1], start=select.start_pos, end=select.end_pos, accepts=frozenset(("FIND",))
        )
    parenthesis = at.match(r"\((?:\s*\()*\s*(select|with)(?!\w)") if not at.tokens else None
    analyze = at.match(r"analy[sz]e\s+(?:verbose\s+)?(?=select(?!\w)|with(?!\w))")
    if analyze is not None and at.type_before() in ("EXPLAIN", "DESCRIBE"):
        return Diagnostic(
            "AQL0118", "EXPLAIN shows the plan and runs nothing", at.span, "not needed", "leave ANALYZE out", ""
        )
    if at.word not in ("SELECT", "FROM", "WITH", "TABLE", "CREATE") and parenthesis is None:
        return None
    created = at.match(_CREATE) if at.word == "CREATE" and not at.tokens else None
    if created is not None:
        return _diagnose_created(at, created)
    if at.word == "CREATE" or (at.word == "TABLE" and at.tokens):
        return None
    if "SELECT" in at.accepts or (at.tokens and "FIND" not in at.accepts):
        return None
    is_nested = at.type_before() == "LPAR"
    end = _end_of_query(at) if is_nested else at.start + len(at.text[at.start : at.stop].rstrip())
    word = parenthesis[1].upper() if parenthesis is not None else at.word
    return _diagnose_query(at, word, end, is_nested=is_nested)


_CREATE = (
    r"create\s+(?:or\s+replace\s+)?(?:(?:temp|temporary|materialized)\s+)?(?:table|view)\s+(?:if\s+not\s+exists\s+)?"
    r"(?P<name>[^\W\d]\w*)\s+as\s+(?=select(?!\w)|with(?!\w)|\()"
)


def _diagnose_created(at: ParseErrorContext, created: re.Match[str]) -> Diagnostic | None:
    """Diagnose `CREATE TABLE name AS SELECT …`: LET keeps the result of a search."""
    end = at.start + len(at.text[at.start : at.stop].rstrip())
    if end - at.start > _MAX_TRANSLATED_CHARACTERS:
        return None
    try:
        query = translate_query(at.text, created.end(), end)
    except UntranslatableError as error:
        return diagnose_construct(error.construct, error.span)
    except (UnknownTableError, UnfinishedError):
        return None
    if query.before or not query.text.startswith("FIND"):
        return None
    fix = f"LET {created['name']} = {query.text}"
    message = "a result is kept with LET, not with CREATE"
    return Diagnostic("AQL0115", message, Span(at.start, end), "", f"write {fix}", fix)


def _end_of_query(at: ParseErrorContext) -> int:
    """Return the end of a query in parentheses."""
    opening = at.start_before()
    tokens = tokenize(at.text, opening, min(at.stop, opening + _MAX_TRANSLATED_CHARACTERS))
    index = closing(tokens, 0)
    return tokens[index - 1].end if 0 < index <= len(tokens) else at.end


def _diagnose_query(at: ParseErrorContext, word: str, end: int, *, is_nested: bool) -> Diagnostic:
    message = f"a search{' in parentheses' if is_nested else ''} begins with FIND, not with {word}"
    example = "IN (FIND ephemeris SELECT platform WHERE …)" if is_nested else "FIND data_products SELECT … WHERE …"
    hint = f"write {example}; " + (
        "for a column of a result, IN name.column"
        if is_nested
        else "to search the rows of results, write SQL before SELECT"
    )
    general = Diagnostic("AQL0115", message, at.span, "FIND comes first", hint)
    if end - at.start > _MAX_TRANSLATED_CHARACTERS:
        return general
    whole = Span(at.start, end)
    tokens = tokenize(at.text, at.start, end)
    if not at.tokens and _reads_only_results(tokens):
        hint = "write SQL first to search the rows of a result; FIND searches data_products, ephemeris and conjunctions"
        return Diagnostic("AQL0115", message, whole, "", hint, f"SQL {at.text[at.start : end]}")
    if is_nested and (column := _column_of_result(tokens)) is not None:
        opening = at.start_before()
        span = Span(opening, at.text.index(")", end) + 1)
        return Diagnostic("AQL0115", message, span, "a column of a result", f"write IN {column}", column)
    try:
        fix = translate_query(at.text, at.start, end).script
    except UntranslatableError as error:
        return diagnose_construct(error.construct, error.span)
    except UnknownTableError as error:
        hint, _ = suggest_kind(error.token.quoted_text if error.token.kind != "word" else error.token.text)
        if hint:
            return Diagnostic("AQL0115", message, error.token.span, "not a kind of record", hint)
        return general
    except UnfinishedError:
        return _diagnose_without_table(at, general, end) if not at.tokens else general
    return Diagnostic("AQL0115", message, whole, "", f"write {fix}", fix)


def _reads_only_results(tokens: Sequence[SqlToken]) -> bool:
    """Return whether a query reads only names that are not similar to a kind of record."""
    names = []
    for index, token in enumerate(tokens[:-1]):
        if token.word not in ("FROM", "JOIN") or tokens[index + 1].kind not in ("word", "quoted"):
            continue
        end = index + 1
        while end + 2 < len(tokens) and tokens[end + 1].is_sign("."):
            end += 2
        if tokens[end + 1 : end + 2] and tokens[end + 1].is_sign("("):
            return False
        names += [item.quoted_text if item.kind == "quoted" else item.text for item in tokens[index + 1 : end + 1 : 2]]
    return bool(names) and not any(is_known_table(name) or suggest_kind(name)[0] for name in names)


def _column_of_result(tokens: Sequence[SqlToken]) -> str | None:
    """Return the column of a result that `SELECT column FROM name` reads, or None for another query."""
    words = [token for token in tokens if token.word != "DISTINCT"]
    if len(words) != 4 or [words[0].word, words[2].word] != ["SELECT", "FROM"]:
        return None
    column, name = words[1], words[3]
    is_plain = column.kind == name.kind == "word" and not is_known_table(name.text)
    return f"{name.text}.{column.text}" if is_plain else None


def _diagnose_without_table(at: ParseErrorContext, general: Diagnostic, end: int) -> Diagnostic:
    """Diagnose a query without FROM: SQL can compute it, unless it names a kind."""
    words = {token.text.lower() for token in tokenize(at.text, at.start, end)}
    if words & {"from", "where", "*", *KINDS} or len(words) < 2:
        return general
    fix = f"SQL {at.text[at.start : end]}"
    hint = f"write {fix}, or name a kind of record: FIND data_products SELECT …"
    return replace(general, origin=Span(at.start, end), label="", hint=hint, fix=fix)
