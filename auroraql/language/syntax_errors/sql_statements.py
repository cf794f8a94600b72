"""Translator of SQL queries: from `SELECT … FROM … WHERE …` to a FIND, or to a short script.

The clauses keep their text where AuroraQL accepts it. They are put into AuroraQL's order, and their expressions are
translated (`sql_expressions`). A part without an equivalent raises UntranslatableError, which says what to use.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from auroraql.diagnostics.errors import Span
from auroraql.language.syntax_errors.foreign_constructs import CONSTRUCT_BY_NAME, CONSTRUCT_BY_WORD
from auroraql.language.syntax_errors.sql_expressions import (
    ExpressionTranslator,
    Scope,
    UntranslatableError,
    blocked,
    is_aggregate,
    write_alias,
)
from auroraql.language.syntax_errors.sql_tokens import (
    SqlToken,
    closing,
    join_tokens,
    leading_comments,
    max_depth,
    split_at,
    tokenize,
    top_level,
    word_set,
)
from auroraql.language.syntax_errors.sql_values import FUNCTIONS_OF_SQL, SHARED_FUNCTIONS, WINDOW_FUNCTIONS
from auroraql.schema import CONJUNCTIONS, KINDS
from auroraql.schema.model import Kind
from auroraql.schema.synonyms import suggest_kind

_SET_OPERATIONS = ("UNION", "INTERSECT", "EXCEPT", "MINUS")
_CLAUSES = (
    *("SELECT", "FROM", "WHERE", "GROUP", "HAVING", "QUALIFY", "WINDOW", "ORDER", "SORT"),
    *("LIMIT", "OFFSET", "FETCH", "INTO", "FOR"),
)
_SOURCES = ("data_sources", "sources", "datasources")
_NAME_TABLES = ("information_schema", "sqlite_master", "sqlite_schema", "pg_catalog", "duckdb_tables", "pg_tables")


_MAX_DEPTH = 40
"""Maximum depth of brackets in a query that is translated."""
_RESULT_NAMES = ("a", "b", "c", "d", "f", "g")
"""Names of the results that a script keeps."""
_COMPUTED_BY_SQL = frozenset(
    (
        *("filter", "ordered set", "index", "cast", "part of a time", "day of the week", "format of a time"),
        *("DISTINCT ON", "sample", "grouping", "unknown function"),
    )
)
"""Constructs of a query that DuckDB's SQL computes from the records of a search."""


class UnknownTableError(Exception):
    """A query reads a table that is not a kind of record: perhaps a result. `token` is its name."""

    def __init__(self, token: SqlToken) -> None:
        self.token = token
        super().__init__(token.text)


class UnfinishedError(Exception):
    """A query is not complete, or not in the order of SQL."""


@dataclass(frozen=True, slots=True)
class Query:
    """A translated query: its statement, and the statements that must run before it."""

    text: str
    before: tuple[str, ...] = ()

    @property
    def script(self) -> str:
        """The statements, separated by semicolons."""
        return "; ".join((*self.before, self.text))


@dataclass(frozen=True, slots=True)
class _Column:
    """An item of SELECT: its tokens, its alias, and its text in AuroraQL."""

    tokens: tuple[SqlToken, ...]
    alias: str
    text: str

    @property
    def name(self) -> str:
        """How another clause refers to the column."""
        return self.alias or self.text


@dataclass(slots=True)
class _Select:
    """The clauses of one SELECT, by keyword, as tokens without the keyword."""

    clauses: dict[str, list[SqlToken]] = field(default_factory=dict)
    keywords: dict[str, SqlToken] = field(default_factory=dict)
    is_distinct: bool = False
    limit: str = ""
    offset: str = ""
    carried: str = ""
    """Comments of FROM, which the next clause takes over."""


def translate_query(text: str, start: int, end: int) -> Query:
    """Translate the query in `text[start:end]`.

    Raises UntranslatableError, UnknownTableError and UnfinishedError.
    """
    tokens = tokenize(text, start, end)
    if max_depth(tokens) > _MAX_DEPTH:
        raise UnfinishedError
    return _Translator().query(tokens)


def is_known_table(name: str) -> bool:
    """Return whether a query that reads this table is a search of an archive: a kind, or its data sources."""
    return name.lower() in (*KINDS, *_SOURCES, *_NAME_TABLES)


class _Translator:
    """Translator of a query and the queries inside it."""

    def query(self, tokens: Sequence[SqlToken]) -> Query:
        """Translate a query, which may be in parentheses."""
        tokens = _strip_parentheses(tokens)
        if not tokens:
            raise UnfinishedError
        if tokens[0].word == "WITH":
            return self._with(tokens)
        if tokens[0].word == "TABLE" and len(tokens) == 2:
            return Query(f"FIND {self._kind_of(tokens[1:])}")
        if any(_is_set_operation(tokens, index) for index in top_level(tokens)):
            return self._set_operation(tokens)
        return self._select(_split_clauses(tokens), tokens)

    def _nested(self, tokens: Sequence[SqlToken]) -> str:
        query = self.query(tokens)
        if query.before:
            raise blocked("scalar subquery", [tokens[0]])
        return query.text

    # --- queries of several searches, which become a script

    def _with(self, tokens: Sequence[SqlToken]) -> Query:
        """Translate `WITH name AS (SELECT …) SELECT …`: each part is kept with LET, and SQL reads them."""
        if len(tokens) > 1 and tokens[1].word == "RECURSIVE":
            raise blocked("recursion", [tokens[1]])
        before: list[str] = []
        names: set[str] = set()
        at = 1
        while at + 3 < len(tokens) and tokens[at + 1].word == "AS" and tokens[at + 2].is_sign("("):
            end = closing(tokens, at + 2)
            query = self.query(tokens[at + 3 : end])
            names.add(_plain(tokens[at]).lower())
            before += [*query.before, f"LET {write_alias(tokens[at])} = {query.text}"]
            at = end + 1
            if at >= len(tokens) or not tokens[at].is_sign(","):
                break
            at += 1
        rest = tokens[at:]
        if not before or not rest or rest[0].word not in ("SELECT", "FROM"):
            raise UnfinishedError
        for token, after in pairwise(rest):
            is_table = token.word in ("FROM", "JOIN") and after.kind in ("word", "quoted")
            if is_table and _plain(after).lower() not in names:
                raise blocked("join", [after])
        return Query(f"SQL {join_tokens(rest)}", tuple(before))

    def _set_operation(self, tokens: Sequence[SqlToken]) -> Query:
        """Translate `SELECT … UNION SELECT …`: each side is kept with LET, and SQL combines them."""
        begins = [index for index in top_level(tokens) if _is_set_operation(tokens, index)]
        if len(begins) >= len(_RESULT_NAMES):
            raise blocked("set operation", [tokens[begins[0]]])
        before: list[str] = []
        text, start = "SQL", 0
        for name, end in zip(_RESULT_NAMES, [*begins, len(tokens)], strict=False):
            query = self.query(tokens[start:end])
            if query.before or not query.text.startswith("FIND"):
                raise blocked("set operation", [tokens[begins[0]]])
            before.append(f"LET {name} = {query.text}")
            text += f" SELECT * FROM {name}"  # noqa: S608 - text for the user to read, which nothing runs
            if end < len(tokens):
                is_all = end + 1 < len(tokens) and tokens[end + 1].word in ("ALL", "DISTINCT")
                text += f" {tokens[end].word}" + (f" {tokens[end + 1].word}" if is_all else "")
                start = end + 1 + is_all
        return Query(text, tuple(before))

    def _select_of_result(self, select: _Select, tokens: Sequence[SqlToken], reason: UntranslatableError) -> Query:
        """Translate a SELECT that only SQL can compute: its records are kept with LET, and SQL reads them.

        Raises `reason` when the rest of the query reads anything but fields of the records.
        """
        if "WHERE" in select.clauses and _contains(select.clauses["WHERE"], reason.span):
            raise reason
        try:
            table, alias = self._table(select)
            kind = KINDS[table]
            scope = Scope(kind, frozenset(name.lower() for name in (table, alias) if name), self._nested)
            where = ExpressionTranslator(scope).translate(select.clauses.get("WHERE", []))
        except (UntranslatableError, KeyError):
            raise reason from None
        rest = _without_source(select, tokens)
        names = {*scope.tables, *_aliases(select), *_columns_of(kind)}
        if any(not _is_known(token, after, names) for token, after in pairwise([*rest, rest[-1]])):
            raise reason
        find = f"FIND {table}" + (f" WHERE {where}" if where else "")
        name = _RESULT_NAMES[0] if alias != _RESULT_NAMES[0] else _RESULT_NAMES[1]
        at = rest.index(select.keywords["FROM"])
        source = f"FROM {name}" + (f" AS {alias}" if alias else "")
        parts = [join_tokens(rest[:at]), source, join_tokens(rest[at + 1 :])]
        return Query("SQL " + " ".join(filter(None, parts)), (f"LET {name} = {find}",))

    # --- SELECT

    def _select(self, select: _Select, tokens: Sequence[SqlToken]) -> Query:
        try:
            return self._single_select(select)
        except UntranslatableError as error:
            if error.construct.name not in _COMPUTED_BY_SQL and error.construct.words[:1] != ("OVER",):
                raise
            return self._select_of_result(select, tokens, error)

    def _single_select(self, select: _Select) -> Query:
        for name in ("QUALIFY", "WINDOW"):
            if name in select.clauses:
                raise blocked("window function", [select.keywords[name]])
        before: tuple[str, ...] = ()
        source = select.clauses.get("FROM", [])
        if source and source[0].is_sign("(") and len(source) > 1 and source[1].word == "SELECT":
            table, alias, before = self._derived_table(source)
        else:
            table, alias = self._table(select)
        kind = KINDS.get(table)
        names = frozenset(name.lower() for name in (table, alias) if name)
        scope = Scope(kind, names, self._nested, _aliases(select))
        translator = ExpressionTranslator(scope)
        columns = self._columns(select, translator)
        text = self._assemble(select, table, columns, translator)
        into = select.clauses.get("INTO", [])
        if "INTO" in select.clauses:
            if len(into) != 1 or text.startswith("SHOW"):
                raise blocked("lock", [select.keywords["INTO"]])
            text = f"LET {write_alias(into[0])} = {text}"
        return Query(text, before)

    def _derived_table(self, source: Sequence[SqlToken]) -> tuple[str, str, tuple[str, ...]]:
        """Return the name of a query in FROM, which LET keeps."""
        end = closing(source, 0)
        query = self.query(source[1:end])
        rest = [token for token in source[end + 1 :] if token.word != "AS"]
        if len(rest) > 1 or query.before:
            raise blocked("scalar subquery", [source[1]])
        name = write_alias(rest[0]) if rest else _RESULT_NAMES[0]
        return name, "", (f"LET {name} = {query.text}",)

    def _table(self, select: _Select) -> tuple[str, str]:
        """Return the name of the kind that a query reads, and its alias."""
        tokens = select.clauses.get("FROM")
        if not tokens:
            raise UnfinishedError
        _check_source(tokens)
        first = tokens[0]
        names, at = [first], 1
        while at + 1 < len(tokens) and tokens[at].is_sign("."):
            names.append(tokens[at + 1])
            at += 2
        if first.is_sign("["):
            end = closing(tokens, 0)
            names, at = list(tokens[1:end]), end + 1
        if at < len(tokens) and tokens[at].is_sign("("):
            raise blocked("table function", names[:1])
        alias = ""
        if at < len(tokens) and tokens[at].word == "AS":
            at += 1
        if at < len(tokens) and tokens[at].kind in ("word", "quoted") and tokens[at].word not in ("WITH", "USING"):
            alias = _plain(tokens[at])
            at += 1
        if at < len(tokens):
            raise blocked("sample" if tokens[at].word == "USING" else "lock", tokens[at:])
        return self._kind_of(names), alias

    def _kind_of(self, names: Sequence[SqlToken]) -> str:
        plain = [_plain(name).lower() for name in names]
        if any(name in _NAME_TABLES for name in plain):
            raise blocked("metadata tables", names)
        name = plain[-1]
        if name == CONJUNCTIONS.name:
            raise blocked("conjunctions", names)
        if name in KINDS or name in _SOURCES:
            return name
        _, fix = suggest_kind(name)
        if fix is not None:
            return fix
        raise UnknownTableError(names[-1])

    def _columns(self, select: _Select, translator: ExpressionTranslator) -> list[_Column]:
        tokens = select.clauses["SELECT"]
        tokens = _strip_row_count(select, tokens)
        if not tokens:
            raise UnfinishedError
        columns = []
        for item in split_at(tokens, ","):
            if not item:
                raise UnfinishedError
            value, alias = _alias_of(item)
            if not value:
                raise UnfinishedError
            is_star = value[0].is_sign("*")
            text = f"*{_star_exclusion(value[1:])}" if is_star else translator.translate(value)
            columns.append(_Column(tuple(item), write_alias(alias) if alias is not None else "", text))
        return columns

    def _assemble(
        self, select: _Select, table: str, columns: Sequence[_Column], translator: ExpressionTranslator
    ) -> str:
        """Return the statement of a SELECT."""
        is_listing = table in _SOURCES
        parts = ["SHOW SOURCES" if is_listing else f"FIND {'DISTINCT ' if select.is_distinct else ''}{table}"]
        if is_listing and (select.is_distinct or "GROUP" in select.clauses):
            raise blocked("metadata tables", [select.keywords["FROM"]])
        select.carried = leading_comments("".join(token.gap for token in _source_tokens(select)))
        shown = ", ".join(column.text + (f" AS {column.alias}" if column.alias else "") for column in columns)
        if shown != "*":
            parts.append(_clause(select, "SELECT", "SELECT", shown))
        for keyword, written in (
            ("WHERE", "WHERE"),
            ("GROUP", "GROUP BY"),
            ("HAVING", "HAVING"),
            ("ORDER", "ORDER BY"),
        ):
            if keyword not in select.clauses:
                continue
            tokens = select.clauses[keyword]
            if not tokens:
                raise UnfinishedError
            match keyword:
                case "GROUP":
                    body = _group_keys(tokens, columns, translator)
                case "ORDER":
                    body = _order_keys(tokens, columns, translator)
                case _:
                    body = _conditions(tokens, translator)
            parts.append(_clause(select, keyword, written, body))
        _read_limits(select)
        if select.offset and not select.limit:
            raise blocked("offset", [select.keywords["OFFSET"]])
        if select.limit:
            offset = f" OFFSET {select.offset}" if select.offset not in ("", "0") else ""
            parts.append(_clause(select, "LIMIT", "LIMIT", select.limit + offset))
        return "".join(parts)


def _clause(select: _Select, keyword: str, written: str, body: str) -> str:
    """Return a clause with the comments and line break before its keyword."""
    token = select.keywords.get(keyword)
    gap = token.gap if token is not None and keyword != "SELECT" else ""
    comments = leading_comments(gap)
    if keyword != "SELECT":
        comments, select.carried = select.carried + comments, ""
    is_line = "\n" in gap
    before = ("\n" if is_line else " ") if not comments else f" {comments}"
    return f"{before}{written} {body}"


def _check_source(tokens: Sequence[SqlToken]) -> None:
    """Check that FROM has one table. Raises UntranslatableError."""
    for index in top_level(tokens):
        word = tokens[index].word
        if tokens[index].is_sign(",") or (word in CONSTRUCT_BY_NAME["join"].words and index):
            raise blocked("join", [tokens[index]])
        if word in ("TABLESAMPLE", "SAMPLE"):
            raise blocked("sample", [tokens[index]])
        if word in CONSTRUCT_BY_WORD and index:
            raise UntranslatableError(CONSTRUCT_BY_WORD[word], tokens[index].span)
    if tokens[0].kind == "string" or tokens[0].is_sign("("):
        raise blocked("file" if tokens[0].kind == "string" else "scalar subquery", [tokens[0]])


def _source_tokens(select: _Select) -> list[SqlToken]:
    return [select.keywords["FROM"], *select.clauses["FROM"]]


def _conditions(tokens: Sequence[SqlToken], translator: ExpressionTranslator) -> str:
    row_number = next((token for token in tokens if token.word == "ROWNUM"), None)
    if row_number is not None:
        raise blocked("limit", [row_number])
    return translator.translate(tokens)


def _contains(tokens: Sequence[SqlToken], span: Span) -> bool:
    return bool(tokens) and tokens[0].start <= span.start <= tokens[-1].end


def _without_source(select: _Select, tokens: Sequence[SqlToken]) -> list[SqlToken]:
    """Return the tokens of a SELECT without its table and its WHERE."""
    dropped = {token.start for name in ("FROM", "WHERE") for token in select.clauses.get(name, [])}
    where = select.keywords.get("WHERE")
    return [token for token in tokens if token.start not in dropped and token is not where]


_SQL_WORDS = word_set(
    "SELECT DISTINCT ON ALL FROM GROUP BY HAVING ORDER LIMIT OFFSET QUALIFY WINDOW AS AND OR NOT IN BETWEEN "
    "LIKE ILIKE IS NULL TRUE FALSE CASE WHEN THEN ELSE END OVER PARTITION ROWS RANGE PRECEDING FOLLOWING "
    "UNBOUNDED CURRENT ROW ASC DESC NULLS FIRST LAST FILTER WHERE WITHIN ROLLUP CUBE GROUPING SETS CAST "
    "INTERVAL DATE TIMESTAMP DAY HOUR MINUTE SECOND MONTH YEAR WEEK EXTRACT EPOCH DOW DOY ISODOW INT INTEGER "
    "BIGINT DOUBLE VARCHAR TEXT FLOAT EXCLUDE"
)


def _is_known(token: SqlToken, following: SqlToken, names: Collection[str]) -> bool:
    """Return whether a token of a query means the same in DuckDB's SQL over the records of its search."""
    if token.kind == "parameter":
        return False
    if token.kind not in ("word", "quoted") or token.word in _SQL_WORDS:
        return True
    name = _plain(token).lower()
    if following.is_sign("("):
        return name in FUNCTIONS_OF_SQL | WINDOW_FUNCTIONS | SHARED_FUNCTIONS
    return name in names


def _columns_of(kind: Kind) -> set[str]:
    return {name.lower() for leaf in kind.leaves() for name in (leaf.name, leaf.bare)}


def _aliases(select: _Select) -> frozenset[str]:
    """Return the aliases of the columns of a SELECT, in lower case."""
    items = split_at(select.clauses["SELECT"], ",")
    return frozenset(_plain(alias).lower() for item in items if (alias := _alias_of(item)[1]) is not None)


def _plain(token: SqlToken) -> str:
    return token.text if token.kind == "word" else token.quoted_text if token.kind in ("quoted", "string") else ""


def _strip_parentheses(tokens: Sequence[SqlToken]) -> Sequence[SqlToken]:
    while tokens and tokens[0].is_sign("(") and closing(tokens, 0) == len(tokens) - 1:
        tokens = tokens[1:-1]
    return tokens


def _is_set_operation(tokens: Sequence[SqlToken], index: int) -> bool:
    """Return whether a word combines two queries. `* EXCEPT (column)` is a list of columns."""
    word = tokens[index].word
    return word in _SET_OPERATIONS and index > 0 and not tokens[index - 1].is_sign("*", ".")


def _split_clauses(tokens: Sequence[SqlToken]) -> _Select:
    """Split a SELECT into its clauses."""
    select = _Select(keywords=_find_keywords(tokens))
    keyword_at = {token.start: name for name, token in select.keywords.items()}
    select.clauses = {name: [] for name in select.keywords}
    keyword = ""
    for token in tokens:
        clause = keyword_at.get(token.start)
        if clause is None and not keyword:
            raise UnfinishedError
        keyword = clause or keyword
        if clause is None:
            select.clauses[keyword].append(token)
    for name in ("GROUP", "ORDER"):
        body = select.clauses.get(name)
        if body is not None:
            if not body or body[0].word != "BY":
                raise UnfinishedError
            select.clauses[name] = body[1:]
    if "FOR" in select.clauses:
        raise blocked("lock", [select.keywords["FOR"]])
    if "SELECT" not in select.clauses:
        if not tokens or tokens[0].word != "FROM":
            raise UnfinishedError
        select.clauses["SELECT"] = [SqlToken("sign", "*", " ", tokens[0].start)]
    return select


def _find_keywords(tokens: Sequence[SqlToken]) -> dict[str, SqlToken]:
    """Return the keyword of each clause. Raises UnfinishedError if one occurs twice."""
    keywords: dict[str, SqlToken] = {}
    for index in top_level(tokens):
        name = _clause_at(tokens, index)
        if name in keywords:
            raise UnfinishedError
        if name:
            keywords[name] = tokens[index]
    return keywords


def _clause_at(tokens: Sequence[SqlToken], index: int) -> str:
    """Return the keyword of the clause that begins at a token outside brackets, or an empty string."""
    word = tokens[index].word
    if word not in _CLAUSES:
        return ""
    before = tokens[index - 1] if index else None
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    if before is not None and (before.is_sign(".") or before.word == "AS" or before.is_sign(",")):
        return ""
    if word == "FROM" and before is not None and before.word == "DISTINCT" and index > 1:
        return "" if tokens[index - 2].word in ("IS", "NOT") else word
    if word in ("GROUP", "ORDER", "SORT") and (after is None or after.word != "BY"):
        return ""
    if word == "FETCH" and (after is None or after.word not in ("FIRST", "NEXT")):
        return ""
    if after is not None and after.is_sign("."):
        return ""
    return "ORDER" if word == "SORT" else word


_NOT_OPERANDS = word_set(
    "AND OR NOT IN BETWEEN LIKE ILIKE IS CASE WHEN THEN ELSE DISTINCT AS ALL INTERVAL DATE TIMESTAMP DIV MOD "
    "REGEXP RLIKE OVER FILTER WITHIN AT ESCAPE"
)


def _alias_of(item: Sequence[SqlToken]) -> tuple[list[SqlToken], SqlToken | None]:
    """Split an item of SELECT into its value and its alias, which AS may precede."""
    tokens = list(item)
    if len(tokens) < 2:
        return tokens, None
    last, before = tokens[-1], tokens[-2]
    if last.kind not in ("word", "quoted", "string"):
        return tokens, None
    if before.word == "AS":
        return tokens[:-2], last
    if last.kind == "string":
        return tokens, None
    is_operand = before.kind in ("quoted", "string", "number", "time", "parameter") or before.is_sign(")", "]")
    is_name = before.kind == "word" and before.word not in _NOT_OPERANDS
    is_type = len(tokens) > 2 and tokens[-3].is_sign("::")
    is_part = before.is_sign(".", "::") or last.word in ("END", "NULL", "ISNULL", "NOTNULL", "TRUE", "FALSE")
    if last.word in ("DAY", "HOUR", "MINUTE", "SECOND", "MONTH", "YEAR", "WEEK") and _ends_interval(tokens):
        return tokens, None
    if (is_operand or is_name or is_type) and not is_part and last.word not in CONSTRUCT_BY_WORD:
        return tokens[:-1], last
    return tokens, None


def _ends_interval(tokens: Sequence[SqlToken]) -> bool:
    return len(tokens) > 2 and tokens[-3].word == "INTERVAL"


def _strip_row_count(select: _Select, tokens: list[SqlToken]) -> list[SqlToken]:
    """Remove DISTINCT, ALL and TOP n from the start of SELECT, and remember them."""
    while tokens and tokens[0].word in ("DISTINCT", "ALL", "TOP", "UNIQUE"):
        word = tokens[0].word
        following = tokens[1] if len(tokens) > 1 else None
        if word == "TOP" and following is not None and following.is_sign("("):
            tokens = [tokens[0], *tokens[2:3], *tokens[4:]]
            following = tokens[1] if len(tokens) > 1 else None
        if following is None or following.is_sign(",", ".", "("):
            return tokens
        if word in ("DISTINCT", "UNIQUE"):
            if following.word == "ON":
                raise blocked("DISTINCT ON", [tokens[0], following])
            select.is_distinct = True
            tokens = tokens[1:]
        elif word == "ALL":
            tokens = tokens[1:]
        else:
            if following.kind not in ("number", "parameter") or (len(tokens) > 2 and tokens[2].word == "PERCENT"):
                raise blocked("limit", tokens[:3])
            select.limit = following.text
            tokens = tokens[2:]
    return tokens


def _star_exclusion(tokens: Sequence[SqlToken]) -> str:
    """Return `EXCLUDE (…)` for the columns after `*`, or an empty string."""
    if not tokens:
        return ""
    if tokens[0].word not in ("EXCLUDE", "EXCEPT") or len(tokens) < 2:
        raise UnfinishedError
    names = tokens[2:-1] if tokens[1].is_sign("(") else tokens[1:]
    return f" EXCLUDE ({', '.join(write_alias(name) for name in names if not name.is_sign(','))})"


def _group_keys(tokens: list[SqlToken], columns: Sequence[_Column], translator: ExpressionTranslator) -> str:
    if len(tokens) == 1 and tokens[0].word == "ALL":
        keys = [column.name for column in columns if not is_aggregate(column.tokens)]
        if not keys:
            raise blocked("grouping", tokens)
        return ", ".join(keys)
    if tokens[0].word in ("ROLLUP", "CUBE", "GROUPING") or tokens[-1].word in ("ROLLUP", "CUBE"):
        raise blocked("grouping", tokens)
    keys = []
    for item in split_at(_strip_parentheses(tokens), ","):
        position = _position(item, columns)
        keys.append(position if position is not None else translator.translate(item))
    return ", ".join(keys)


def _position(item: Sequence[SqlToken], columns: Sequence[_Column]) -> str | None:
    """Return the column of SELECT that a position such as `GROUP BY 1` names, or None for another key."""
    if len(item) != 1 or not re.fullmatch(r"\d+", item[0].text):
        return None
    number = int(item[0].text)
    if not 1 <= number <= len(columns) or columns[number - 1].text.startswith("*"):
        raise blocked("grouping" if not columns else "position", item)
    return columns[number - 1].name


def _order_keys(tokens: Sequence[SqlToken], columns: Sequence[_Column], translator: ExpressionTranslator) -> str:
    keys = []
    unnamed_count = next((column.text for column in columns if not column.alias and column.text == "count(*)"), "")
    for item in split_at(tokens, ","):
        if not item:
            raise UnfinishedError
        end = next((index for index in top_level(item) if index and _is_direction(item[index])), len(item))
        key, rest = item[:end], item[end:]
        collation = next((token for token in key if token.word == "COLLATE"), None)
        if collation is not None:
            raise blocked("operator", [collation])
        body = _position(key, columns)
        if body is None:
            body = translator.translate(key)
        if body.lower() == "count" and unnamed_count:
            body = unnamed_count
        direction = " ".join(token.text.upper() for token in rest)
        direction = re.sub(r"^DESCENDING", "DESC", re.sub(r"^ASCENDING", "ASC", direction))
        keys.append(f"{body} {direction}".rstrip())
    return ", ".join(keys)


def _is_direction(token: SqlToken) -> bool:
    return token.word in ("ASC", "DESC", "ASCENDING", "DESCENDING", "NULLS")


def _read_limits(select: _Select) -> None:
    """Read LIMIT, OFFSET and FETCH into the numbers of rows to take and to skip."""
    if "LIMIT" in select.clauses:
        _read_limit(select, select.clauses["LIMIT"])
    offset = select.clauses.get("OFFSET")
    if offset is not None:
        if not _is_count([token for token in offset if token.word not in ("ROW", "ROWS")]):
            raise blocked("offset", offset or [select.keywords["OFFSET"]])
        select.offset = offset[0].text
    fetch = select.clauses.get("FETCH")
    if fetch is not None:
        words = [token for token in fetch if token.word not in ("FIRST", "NEXT", "ROW", "ROWS", "ONLY")]
        if len(words) > 1 or (words and words[0].kind not in ("number", "parameter")):
            raise blocked("limit", fetch)
        select.limit = words[0].text if words else "1"
        select.keywords.setdefault("LIMIT", select.keywords["FETCH"])


def _read_limit(select: _Select, limit: Sequence[SqlToken]) -> None:
    """Read LIMIT ALL, LIMIT 10 and LIMIT 20, 10."""
    numbers = split_at(limit, ",")
    if len(limit) == 1 and limit[0].word in ("ALL", "NULL"):
        return
    if len(numbers) == 2 and all(map(_is_count, numbers)):
        select.offset, select.limit = numbers[0][0].text, numbers[1][0].text
    elif len(numbers) == 1 and _is_count(numbers[0]):
        select.limit = limit[0].text
    else:
        raise blocked("limit", limit or [select.keywords["LIMIT"]])


def _is_count(tokens: Sequence[SqlToken]) -> bool:
    return len(tokens) == 1 and (tokens[0].kind == "parameter" or re.fullmatch(r"\d+", tokens[0].text) is not None)
