"""Rules for queries of GraphQL, with and without the word `query`: they are written as SQL, and translated as SQL is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.language.syntax_errors.parse_context import ParseErrorContext
from auroraql.language.syntax_errors.sql_expressions import UntranslatableError
from auroraql.language.syntax_errors.sql_statements import UnfinishedError, UnknownTableError, translate_query
from auroraql.schema import KINDS
from auroraql.schema.model import Type

_MAX_CHARACTERS = 2_000
_MAX_DEPTH = 20
_NAME = re.compile(r"[^\W\d]\w*")
_OPERATIONS = ("query", "mutation", "subscription")
_QUERY = re.compile(
    rf"\s*(?:(?:{'|'.join(_OPERATIONS)})\b(?:\s+\w+)?\s*(?:\([^(){{}}]*\)\s*)?)?"
    r"\{\s*(?:(?:[^\W\d]\w*\s*:\s*)?[^\W\d]\w*\s*[({]|[^\W\d]\w*\s*\}\s*$)",
    re.IGNORECASE,
)
"""The beginning of a query: a name in braces, and then arguments, a selection or the end."""
_TOKEN = re.compile(
    r'[\s,]*(?:#[^\n]*[\s,]*)*("(?:[^"\\\n]|\\.)*"|\$?[^\W\d]\w*|-?\d+(?:\.\d+)?(?![\w.])|[{}()\[\]:]|\S)'
)
_LIMITS = ("first", "limit", "take", "last")
_OFFSETS = ("offset", "skip")
_HINT = (
    "write columns after SELECT and arguments after WHERE: FIND data_products SELECT start, url WHERE program = 'trex'"
)


def find_graphql_query(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `query { data_products(program: "trex") { start url } }`."""
    if at.tokens or at.word.lower() not in _OPERATIONS:
        return None
    return diagnose_graphql(at.text[at.start : at.stop], at.start)


def diagnose_graphql(text: str, start: int) -> Diagnostic | None:
    """Diagnose a query of GraphQL, or return None for another text. `start` is the offset of the text in its source.

    The fix is the whole statement, if every part of the query has an equivalent.
    """
    query = text.rstrip().removesuffix(";").rstrip()
    if _QUERY.match(query) is None:
        return None
    fix = _translate(query) if len(query) <= _MAX_CHARACTERS else None
    span = Span(start, start + len(query)) if fix is not None else Span(start, start + query.index("{") + 1)
    hint = f"write {fix}" if fix is not None else _HINT
    return Diagnostic("AQL0115", "this is GraphQL, not AuroraQL", span, "", hint, fix)


def _translate(query: str) -> str | None:
    """Return a query as a statement, or None if a part of it has no equivalent."""
    try:
        sql = _Query(query).sql()
        return translate_query(sql, 0, len(sql)).script
    except (UntranslatableError, UnknownTableError, UnfinishedError):
        return None


class _Query:
    """The tokens of a query, and its translation to SQL. Each method raises UnfinishedError for other texts."""

    def __init__(self, text: str) -> None:
        self._tokens: Iterator[str] = (match[1] for match in _TOKEN.finditer(text))
        self._next = next(self._tokens, "")

    def sql(self) -> str:
        """Return the query as a SELECT of SQL."""
        if self._next == "query":
            while self._next != "{":
                if self._take() in ("", "="):
                    raise UnfinishedError  # the default value of a parameter is not part of a statement
        self._expect("{")
        kind = self._name()
        conditions, tail = self._arguments() if self._next == "(" else ([], "")
        columns = ", ".join(self._columns("", 0)) if self._next == "{" else "*"
        self._expect("}")
        self._expect("")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"SELECT {columns} FROM {kind}{where}{tail}"  # noqa: S608 - translated, and never run

    def _take(self) -> str:
        token, self._next = self._next, next(self._tokens, "")
        return token

    def _expect(self, token: str) -> None:
        if self._take() != token:
            raise UnfinishedError

    def _name(self) -> str:
        token = self._take()
        if _NAME.fullmatch(token) is None:
            raise UnfinishedError
        return token

    def _arguments(self) -> tuple[list[str], str]:
        """Return the conditions, and LIMIT and OFFSET."""
        conditions, counts = [], {}
        self._expect("(")
        while self._next != ")":
            name = self._name()
            self._expect(":")
            if name.lower() in (*_LIMITS, *_OFFSETS):
                keyword = "LIMIT" if name.lower() in _LIMITS else "OFFSET"
                counts[keyword] = self._take()
                if name.lower() == "last" or not counts[keyword].isdecimal():
                    raise UnfinishedError
            elif any((field := kind.field(name)) is not None and field.type is Type.TIME for kind in KINDS.values()):
                raise UnfinishedError  # a bound of a window or an equal time: the query does not show which
            elif self._next == "[":
                conditions.append(f"{name} IN ({', '.join(self._list())})")
            else:
                value = self._value()
                conditions.append(f"{name} IS NULL" if value == "NULL" else f"{name} = {value}")
        self._expect(")")
        return conditions, "".join(
            f" {keyword} {counts[keyword]}" for keyword in ("LIMIT", "OFFSET") if keyword in counts
        )

    def _list(self) -> list[str]:
        self._expect("[")
        values = []
        while self._next != "]":
            values.append(self._value())
        self._expect("]")
        if not values or "NULL" in values:
            raise UnfinishedError
        return values

    def _value(self) -> str:
        token = self._take()
        if token.startswith('"') and len(token) > 1:
            try:
                text = str(json.loads(token))
            except ValueError:
                raise UnfinishedError from None
            if not text.isprintable():
                raise UnfinishedError
            return "'" + text.replace("'", "''") + "'"
        is_literal = (
            token.startswith("$") or token in ("true", "false", "null") or re.fullmatch(r"-?\d+(?:\.\d+)?", token)
        )
        if not is_literal:
            raise UnfinishedError
        return token.upper() if token.isalpha() else token

    def _columns(self, prefix: str, depth: int) -> list[str]:
        """Return the columns of a selection, with an alias where the query has one."""
        self._expect("{")
        columns = []
        while self._next != "}":
            name, alias = self._name(), ""
            if self._next == ":":
                self._take()
                name, alias = self._name(), name
            if self._next == "{" and depth < _MAX_DEPTH and not alias:
                columns += self._columns(f"{prefix}{name}.", depth + 1)
            else:
                columns.append(f"{prefix}{name}" + (f" AS {alias}" if alias else ""))
        self._expect("}")
        if not columns:
            raise UnfinishedError
        return columns
