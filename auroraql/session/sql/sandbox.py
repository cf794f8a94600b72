"""Sandbox of SQL statements: they may run one SELECT on stored results, and access nothing else.

The check uses DuckDB's parse tree and an allowlist of tables and of functions in FROM. In addition, the database that
runs the SQL is locked (see `runner`). Either protection is sufficient.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import duckdb

from auroraql.diagnostics.errors import Diagnostic, Span, StatementError
from auroraql.diagnostics.suggestions import find_closest
from auroraql.engines.duckdb.catalogue_file import LOCKED_DOWN
from auroraql.language.ast import SqlStatement
from auroraql.results.stored_results import DottedName, SqlPlan
from auroraql.schema import KINDS
from auroraql.schema.limits import MAX_SQL_TABLES

Node = dict[str, Any]

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    **LOCKED_DOWN,
    "errors_as_json": True,
    "python_enable_replacements": False,
    "python_scan_all_frames": False,
    "memory_limit": "2GB",
}
"""Configuration of the database that runs the SQL: in memory and locked."""

_TABLE_FUNCTIONS = {"range", "generate_series", "unnest"}
"""Allowed functions in FROM: they only produce rows from their arguments."""

_REFUSED = {
    "current_setting", "getenv", "getvariable", "current_query", "write_log", "parse_duckdb_log_message",
    "sleep_ms", "pg_sleep", "nextval", "currval", "setval", "query", "query_table", "glob", "sniff_csv",
    "json_execute_serialized_sql", "which_secret", "in_search_path", "inet_client_addr", "inet_server_addr",
}  # fmt: skip
_REFUSED_BEGINNINGS = (
    "duckdb_",
    "pragma_",
    "read_",
    "parquet_",
    "pg_",
    "has_",
    "sqlite_",
    "from_substrait",
    "iceberg_",
)
"""Refused functions: they show the database, its settings or its environment. Functions that read files need FROM."""

_MAX_NAME_PARTS = 8
"""Maximum number of parts of a dotted column name."""

_SCHEMA = "information_schema"
_OWN = (("main",), ("memory", "main"))
"""Schemas that may qualify the name of a result."""


def check_sql(statement: SqlStatement, names: Collection[str]) -> SqlPlan:
    """Return what the SQL reads of the results `names`. Raises StatementError when it has errors or is not allowed."""
    inspector = _SqlInspector(statement, {name.lower(): name for name in names}, names)
    try:
        document = _loads(_parse(statement))
    except duckdb.Error as error:
        raise StatementError([sql_error(error, statement)]) from None
    if document["error"]:
        raise StatementError([_parse_error(document, statement)])
    if not document["statements"]:
        raise StatementError(
            [Diagnostic("AQL0105", "the SQL after the keyword SQL is empty", statement.origin, "write SELECT …")]
        )
    if len(document["statements"]) != 1:
        raise StatementError(
            [inspector.refusal_error("SQL runs only one statement at a time", None, "write one SELECT")]
        )
    top = document["statements"][0]["node"]
    inspector.outputs = {
        column["query_location"]
        for column in top.get("select_list") or ()
        if column["class"] == "COLUMN_REF" and not column["alias"]
    }
    inspector.inspect(top)
    if inspector.errors:
        raise StatementError(inspector.errors)
    if inspector.relation_count > MAX_SQL_TABLES:
        hint = "join fewer tables: store a part with LET, and read the result"
        message = f"the SQL reads {inspector.relation_count:,} tables; the limit is {MAX_SQL_TABLES}"
        raise StatementError([Diagnostic("AQL0116", message, _first_word(statement), "too many", hint)])
    tables, parameters = tuple(dict.fromkeys(inspector.tables)), tuple(dict.fromkeys(inspector.parameters))
    return SqlPlan(tables, parameters, inspector.columns(), inspector.dotted_names())


def _loads(text: str) -> Any:
    """Parse JSON that may nest deeper than `json.loads` can recurse. DuckDB accepts SQL that nests as deep."""
    try:
        return json.loads(text)
    except RecursionError:
        return _loads_deep(text)


_JSON_TOKEN = re.compile(r'[\[\]{},:]|"[^"\\]*(?:\\.[^"\\]*)*"|[^\s\[\]{},:"]+')


def _loads_deep(text: str) -> Any:
    """Parse JSON without recursion."""
    top: list[Any] = []
    opened: list[tuple[Any, list[str]]] = [(top, [])]
    """Open arrays and objects, with the key that awaits its value."""
    for piece in _JSON_TOKEN.findall(text):
        if piece in ",:":
            continue
        if piece in "]}":
            opened.pop()
            continue
        inside, key = opened[-1]
        value: Any = {} if piece == "{" else [] if piece == "[" else json.loads(piece)
        if isinstance(inside, list):
            inside.append(value)
        elif key:
            inside[key.pop()] = value
        else:
            key.append(value)
        if piece in "{[":
            opened.append((value, []))
    return top[0]


@dataclass(frozen=True, slots=True)
class RewrittenSql:
    """SQL as DuckDB runs it. Each of `edits` is the span of a replacement in `text` and the span of the original.

    Spans are begin and end in bytes. `columns` are the columns that the SQL may read, and their members, by every
    possible name in lower case.
    """

    text: str
    edits: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = ()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def original_offsets(self, offset: int, length: int) -> list[int]:
        """Return the offset and length in the typed SQL of an offset and length in `text`, in bytes."""
        start = self._original_offset(offset, 0)
        return [start, max(self._original_offset(offset + length, 1) - start, 0)]

    def _original_offset(self, offset: int, end: int) -> int:
        shift = 0
        for replaced, original in self.edits:
            if offset < replaced[0] + end:
                break
            if offset < replaced[1] + end:
                return original[end]
            shift = original[1] - replaced[1]
        return offset + shift


def sql_error(error: duckdb.Error, statement: SqlStatement, rewritten: RewrittenSql | None = None) -> Diagnostic:
    """Return DuckDB's error as a diagnostic with its span. `ran` is the SQL that DuckDB ran, by default the statement's."""
    text = str(error)
    try:
        details = json.loads(text[text.index("{") :])
    except ValueError:
        details = {"exception_message": text}
    location = details.get("location") or details.get("position")
    position = json.loads(location) if isinstance(location, str) else location
    if rewritten is not None:
        offset, length = position if isinstance(position, list) else (position, 1)
        details["location"] = rewritten.original_offsets(offset, length) if isinstance(offset, int) else None
        missing = _missing_column(str(details.get("exception_message", "")), details, statement, rewritten.columns)
        if missing is not None:
            return missing
    return _duckdb_message_error(str(details.get("exception_message", text)), details, statement)


_MISSING = re.compile(
    r'Referenced (?:table|column) "(?P<name>.+?)" not found|Table "(?P<table>.+?)" does not have a column named "(?P<column>.+?)"'
)


def _missing_column(
    message: str, details: Node, statement: SqlStatement, columns: Mapping[str, tuple[str, ...]]
) -> Diagnostic | None:
    """Return the error of an unknown column with a suggestion, or None when DuckDB's own message is better."""
    missing, origin = _MISSING.match(message), _source_span(details.get("location"), statement)
    if missing is None or origin is None or not isinstance(statement.origin, Span):
        return None
    start = statement.origin.start
    parts = [part.strip('"') for part in _NAME.findall(statement.text[origin.start - start : origin.end - start])]
    qualifier = parts[0] if missing["table"] and len(parts) > 1 else ""
    name = ".".join(parts[1:] if qualifier else parts)
    if name.lower() != (missing["name"] or missing["column"]).lower() and not (missing["name"] and len(parts) > 1):
        return None
    candidates = [
        candidate.strip().strip('"') for candidate in str(details.get("candidates", "")).split(",") if candidate.strip()
    ]
    names = {format_name(*path): None for path in columns.values()}
    if len(parts) == 1:
        names = {format_name(candidate): None for candidate in candidates} | names
    exact = columns.get(name.lower())
    members = [candidate for candidate in names if candidate.lower().startswith(f"{name.lower()}.")]
    suggestions = [format_name(*exact)] if exact is not None else members or find_closest(name, list(names), 1, 0.5)
    prefix = f"{format_name(qualifier)}." if qualifier else ""
    meant = " or ".join(prefix + candidate for candidate in suggestions[:_MAX_SHOWN_COLUMNS])
    hint = f"did you mean {meant}?" if meant else f"the columns include {', '.join(list(names)[:_MAX_SHOWN_COLUMNS])}"
    fix = meant if exact is not None else None
    return Diagnostic("AQL0409", f"the column '{name}' does not exist", origin, "unknown column", hint, fix)


_NAME = re.compile(r'"(?:[^"]|"")*"|\w+')
_MAX_SHOWN_COLUMNS = 8


def format_name(*names: str) -> str:
    """Return the name of a column and its member for SQL, in quotes unless its parts are plain identifiers."""
    words = ".".join(names).split(".")
    plain = all(re.fullmatch(r"[A-Za-z_]\w*", word) and word.lower() not in _keywords() for word in words)
    return ".".join(names if plain else map(quote_identifier, names))


def quote_identifier(name: str) -> str:
    """Return a name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@cache
def _keywords() -> frozenset[str]:
    """Return the reserved words, which are not identifiers without quotes."""
    with _parser_connection().cursor() as cursor:
        sql = "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category = 'reserved'"
        return frozenset(str(word) for (word,) in cursor.execute(sql).fetchall())


def _parse(statement: SqlStatement) -> str:
    """Return DuckDB's parse tree of the SQL as JSON. Raises duckdb.Error, and StatementError for a lone surrogate."""
    try:
        statement.text.encode()
    except UnicodeEncodeError:
        raise StatementError([Diagnostic("AQL0409", "the SQL contains a lone surrogate", statement.origin)]) from None
    with _parser_connection().cursor() as cursor:
        row = cursor.execute("SELECT json_serialize_sql($1::VARCHAR)", [statement.text]).fetchone()
    return str(row[0]) if row is not None else ""


@cache
def _parser_connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:", config=CONFIG)


@cache
def _system_views() -> frozenset[str]:
    """Return the names of the system views, some of which show settings."""
    with _parser_connection().cursor() as cursor:
        return frozenset(
            str(name).lower() for (name,) in cursor.execute("SELECT view_name FROM duckdb_views()").fetchall()
        )


def _parse_error(document: Node, statement: SqlStatement) -> Diagnostic:
    """Return the error of SQL that DuckDB's parser rejects: it is not a SELECT, or has a syntax error."""
    if document.get("error_type") != "not implemented":
        return _duckdb_message_error(str(document["error_message"]), document, statement)
    hint = "write a SELECT; use FIND, LET and SHOW for other tasks"
    return Diagnostic("AQL0408", "SQL only accepts SELECT", _first_word(statement), "not a SELECT", hint)


def _duckdb_message_error(message: str, details: Node, statement: SqlStatement) -> Diagnostic:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    hint = " ".join(lines[1:3]) if len(lines) > 1 else ""
    if details.get("error_subtype") == "COLUMN_NOT_FOUND":
        columns = [name.strip() for name in str(details.get("candidates", "")).split(",")]
        near = find_closest(str(details.get("name", "")), columns, 1, 0.5)
        hint = f"did you mean {near[0]}?" if near else f"the columns include {', '.join(columns)}"
    first = lines[0] if lines else "it cannot be run"
    location = details.get("location") or details.get("position")
    return Diagnostic("AQL0409", f"DuckDB reports: {first}", _source_span(location, statement), hint=hint)


def _source_span(location: Any, statement: SqlStatement) -> Span | None:
    """Return the span in characters of the source of DuckDB's location in bytes."""
    if not isinstance(statement.origin, Span):
        return None
    position = json.loads(location) if isinstance(location, str) else location
    offset, length = position if isinstance(position, list) else (position, 1)
    data = statement.text.encode()
    if not isinstance(offset, int) or not 0 <= offset <= len(data):
        return _first_word(statement)
    start = len(data[:offset].decode(errors="ignore"))
    length_in_characters = len(data[offset : offset + length].decode(errors="ignore"))
    return Span(statement.origin.start + start, statement.origin.start + start + max(length_in_characters, 1))


def _first_word(statement: SqlStatement) -> Span | None:
    """Return the span of the first word of the SQL."""
    if not isinstance(statement.origin, Span):
        return None
    return Span(statement.origin.start, statement.origin.start + len((statement.text.split(maxsplit=1) or [" "])[0]))


class _SqlInspector:
    """Inspector of one parse tree. `results` are the names of results by their lower case, as DuckDB compares names."""

    def __init__(self, statement: SqlStatement, results: dict[str, str], names: Collection[str]) -> None:
        self.statement, self.results, self.names = statement, results, names
        self.data = statement.text.encode(errors="replace")
        self.errors: list[Diagnostic] = []
        self.tables: list[str] = []
        self.parameters: list[str] = []
        self.read: set[str] = set()
        self.rows: set[str] = set()
        self.relations: set[str] = set()
        self.defined: set[str] = set()
        self.places: dict[int, tuple[int, tuple[str, ...]]] = {}
        self.aliases: dict[str, set[str]] = {}
        self.outputs: set[int] = set()
        self.reads_all = False
        self.relation_count = 0

    def columns(self) -> frozenset[str] | None:
        """Return the names of the columns that the SQL may read, or None for all columns."""
        return None if self.reads_all or self.rows & self.relations else frozenset(self.read)

    def dotted_names(self) -> tuple[DottedName, ...]:
        """Return the dotted names in order of position, without those of names that the SQL itself defines."""
        names = []
        for start, (length, parts) in sorted(self.places.items()):
            qualifier = self._qualifier(parts)
            table = self._result(parts[:qualifier])
            if table or parts[qualifier].lower() not in self.defined:
                names.append(DottedName(start, length, parts, qualifier, table, start in self.outputs))
        return tuple(names)

    def _result(self, parts: Sequence[str]) -> str:
        """Return the result of a table name; empty for another table, or for a name of several results."""
        results = self.aliases.get(parts[-1].lower(), set()) if parts else set()
        return next(iter(results)) if len(results) == 1 else ""

    def _qualifier(self, parts: Sequence[str]) -> int:
        """Return the number of leading parts that name a table."""
        lower = tuple(part.lower() for part in parts)
        places = (0, *(len(own) for own in _OWN if lower[: len(own)] == own))
        return next((at + 1 for at in places if at < len(lower) - 1 and lower[at] in self.relations), 0)

    def inspect(self, top: Any) -> None:
        """Inspect every node of the parse tree, without recursion: SQL can nest deeply."""
        pending: list[tuple[Any, frozenset[str]]] = [(top, frozenset())]
        while pending:
            node, local = pending.pop()
            if isinstance(node, list):
                pending += ((inner, local) for inner in reversed(node))
            elif isinstance(node, dict):
                local |= frozenset(self._cte_names(node))
                self._inspect_node(node, local)
                pending += ((inner, local) for inner in reversed(_child_nodes(node)))

    def refusal_error(self, message: str, node: Node | None, hint: str) -> Diagnostic:
        """Return the error of SQL that is not allowed, at the location of a node or the first word."""
        location = None
        if node is not None and node.get("query_location_length", 0) > 0:
            location = [node["query_location"], node["query_location_length"]]
        origin = _source_span(location, self.statement) if location is not None else _first_word(self.statement)
        return Diagnostic("AQL0408", message, origin, "not allowed", hint)

    def _refuse(self, message: str, node: Node, hint: str = "SQL reads only results stored by LET") -> None:
        self.errors.append(self.refusal_error(message, node, hint))

    def _cte_names(self, node: Node) -> Iterator[str]:
        """Yield the names that WITH defines. Refuse one that is also a system view, because it would be ambiguous."""
        for entry in (node.get("cte_map") or {}).get("map", ()):
            name = str(entry["key"]).lower()
            if name in _system_views():
                self._refuse(f"WITH cannot define '{entry['key']}', the name of a system view", node, "rename it")
            yield name

    def _inspect_node(self, node: Node, local: frozenset[str]) -> None:
        self._note_columns(node)
        self.relation_count += "sample" in node and node.get("type") in ("BASE_TABLE", "TABLE_FUNCTION", "SUBQUERY")
        match node.get("type"):
            case "BASE_TABLE":
                self._table(node, local)
            case "TABLE_FUNCTION":
                self._table_function(node)
            case "SHOW_REF" if node.get("query") is None or node.get("show_type") not in ("DESCRIBE", "SUMMARY"):
                self._refuse("SQL cannot list the tables of a database", node, "SHOW RESULTS lists the stored results")
            case _:
                pass
        if node.get("class") == "PARAMETER":
            self._parameter(node)
        elif isinstance(node.get("function_name"), str):
            self._function(node, str(node["function_name"]).lower())

    def _note_columns(self, node: Node) -> None:
        """Note the names of columns and tables that a node refers to."""
        self.relations |= {
            str(node[key]).lower() for key in ("table_name", "alias") if "sample" in node and node.get(key)
        }
        self.reads_all |= node.get("type") in ("STAR", "PIVOT", "SHOW_REF") or node.get("ref_type") == "NATURAL"
        self.defined.update(_defined_names(node))
        for parts in _star_names(node):
            self._note_dotted_name(node, parts)
        names = [str(name).lower() for name in (*(node.get("column_names") or ()), *(node.get("using_columns") or ()))]
        if node.get("class") == "COLUMN_REF" and (len(names) > 1 or "." in names[0]):
            self._note_dotted_name(node, [str(name) for name in node["column_names"]])
            # A column of a result may have dots in its name.
            ends = range(2, min(len(names), _MAX_NAME_PARTS) + 1)
            self.read.update(".".join(names[at:end]) for end in ends for at in range(end - 1))
            self.read.update(name.partition(".")[0] for name in names)
        self.read.update(names)
        self.rows.update(names[-1:])

    def _note_dotted_name(self, node: Node, parts: Sequence[str]) -> None:
        """Note the position of a dotted name, if DuckDB reports one and the text there matches."""
        offset, length = node.get("query_location", -1), node.get("query_location_length", 0)
        if not 0 <= offset < len(self.data):
            return
        written = self.data[offset : offset + length].decode(errors="replace")
        pattern = r"\s*\.\s*".join(f'"?{re.escape(part.replace(chr(34), chr(34) * 2))}"?' for part in parts)
        match = re.search(pattern, written, re.IGNORECASE)
        if match is not None:
            start = offset + len(written[: match.start()].encode())
            self.places[start] = len(match[0].encode()), tuple(parts)

    def _table(self, node: Node, local: frozenset[str]) -> None:
        *above, name = _table_path(node)
        lower = name.lower()
        schema = tuple(step.lower() for step in above)
        if not above and lower in local:
            return
        if schema[-1:] == (_SCHEMA,):
            self.tables += self.names  # it describes all tables
            return
        if lower in self.results and (not above or schema in _OWN):
            self.tables.append(self.results[lower])
            self.aliases.setdefault(str(node.get("alias") or name).lower(), set()).add(self.results[lower])
        elif above or not name.isidentifier() or lower in _system_views():
            self._refuse(f"SQL cannot read '{name}', which is not a stored result", node)
        else:
            near = find_closest(name, self.names, 1, 0.5)
            alternatives = f"the results are {', '.join(self.names)}" if self.names else "LET name = FIND … stores one"
            hint = f"did you mean {near[0]}?" if near else alternatives
            if lower in KINDS:
                near = []
                hint = f"SQL reads results: write LET r = FIND {lower} … first, and FROM r in SQL"
            message, origin = f"the result '{name}' does not exist", self.refusal_error("", node, "").origin
            self.errors.append(
                Diagnostic("AQL0220", message, origin, "unknown result", hint, near[0] if near else None)
            )

    def _table_function(self, node: Node) -> None:
        function = node.get("function") or {}
        name = str(function.get("function_name", "")).lower()
        if name not in _TABLE_FUNCTIONS:
            self._refuse(f"SQL cannot use {f'{name}()' if name else 'this function'} in FROM", node)

    def _function(self, node: Node, name: str) -> None:
        if name in _REFUSED or name.startswith(_REFUSED_BEGINNINGS):
            self._refuse(f"SQL cannot use {name}()", node, "it reads the database, not the results")

    def _parameter(self, node: Node) -> None:
        name = str(node["identifier"])
        if name.isdigit():
            self._refuse("a parameter of SQL needs a name", node, "write $name")
        self.parameters.append(name)


def _defined_names(node: Node) -> Iterator[str]:
    """Yield the names that a node gives to columns or lambda parameters, in lower case."""
    if "class" in node and node.get("alias"):
        yield str(node["alias"]).lower()
    for name in (*(node.get("aliases") or ()), *(node.get("column_name_alias") or ())):
        yield str(name).lower()
    if node.get("type") == "LAMBDA":
        parameters = node.get("lhs") or {}
        for parameter in (
            parameters,
            *(argument.get("expression") or {} for argument in parameters.get("arguments") or ()),
        ):
            yield from (str(name).lower() for name in parameter.get("column_names") or ())


def _star_names(node: Node) -> Iterator[list[str]]:
    """Yield the dotted names after EXCLUDE."""
    for excluded in node.get("qualified_exclude_list") or ():
        parts = [str(excluded[key]) for key in ("catalog", "schema", "table", "column") if excluded.get(key)]
        if len(parts) > 1:
            yield parts


def _child_nodes(node: Node) -> list[Any]:
    """Return the child nodes of a node. A function in FROM is inspected with its parent: return only its arguments."""
    if node.get("type") == "TABLE_FUNCTION" and isinstance(node.get("function"), dict):
        function = {name: part for name, part in node["function"].items() if name != "function_name"}
        return [part for name, part in node.items() if name != "function"] + [function]
    return list(node.values())


def _table_path(node: Node) -> Sequence[str]:
    """Return the name of a table with its catalog and schema, if any."""
    path = (node.get("qualified_name") or {}).get("path")
    return path or [part for part in (node["catalog_name"], node["schema_name"], node["table_name"]) if part]
