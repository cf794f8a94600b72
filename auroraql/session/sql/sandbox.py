"""What the SQL behind the word SQL may do: one SELECT over results, which reaches nothing else.

Decided on DuckDB's own parse of it, by what is allowed of tables and of functions in FROM. The database that runs
it is locked besides (see sql_results); either wall would do.
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
from auroraql.schema.limits import MOST_SQL_TABLES

Node = dict[str, Any]

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    **LOCKED_DOWN,
    "errors_as_json": True,
    "python_enable_replacements": False,
    "python_scan_all_frames": False,
    "memory_limit": "2GB",
}
"""How a database for such SQL is opened: empty, in memory, and locked."""

_TABLE_FUNCTIONS = {"range", "generate_series", "unnest"}
"""Those that only make rows of their arguments."""

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
"""Functions that tell of the database, its settings or its surroundings; all that read files stand in FROM."""

_LONGEST_NAME = 8
"""Parts of a dotted name up to which it may be that of a column."""

_SCHEMA = "information_schema"
_OWN = (("main",), ("memory", "main"))
"""What a result may be called below."""


def check_sql(statement: SqlStatement, names: Collection[str]) -> SqlPlan:
    """What the SQL reads of the results called `names`. Raises StatementError when it is wrong, or may not run."""
    looking = _SqlInspector(statement, {name.lower(): name for name in names}, names)
    try:
        document = _loads(_parse(statement))
    except duckdb.Error as error:
        raise StatementError([sql_error(error, statement)]) from None
    if document["error"]:
        raise StatementError([_parse_error(document, statement)])
    if not document["statements"]:
        raise StatementError([Diagnostic("AQL0105", "there is no SQL behind SQL", statement.origin, "as in: SELECT …")])
    if len(document["statements"]) != 1:
        raise StatementError(
            [looking.refusal_error("SQL runs one statement, and this is several", None, "write one SELECT")]
        )
    top = document["statements"][0]["node"]
    looking.outputs = {
        column["query_location"]
        for column in top.get("select_list") or ()
        if column["class"] == "COLUMN_REF" and not column["alias"]
    }
    looking.inspect(top)
    if looking.wrong:
        raise StatementError(looking.wrong)
    if looking.relation_count > MOST_SQL_TABLES:
        hint = "join fewer at once: keep a part by LET, and read that"
        message = f"the SQL reads {looking.relation_count:,} tables, and may read {MOST_SQL_TABLES}"
        raise StatementError([Diagnostic("AQL0116", message, _first_word(statement), "too many", hint)])
    tables, parameters = tuple(dict.fromkeys(looking.tables)), tuple(dict.fromkeys(looking.parameters))
    return SqlPlan(tables, parameters, looking.columns(), looking.dotted_names())


def _loads(text: str) -> Any:
    """Read JSON that nests as deep as DuckDB lets SQL nest, which is more than Python's own reader recurses."""
    try:
        return json.loads(text)
    except RecursionError:
        return _loads_deep(text)


_JSON_TOKEN = re.compile(r'[\[\]{},:]|"[^"\\]*(?:\\.[^"\\]*)*"|[^\s\[\]{},:"]+')


def _loads_deep(text: str) -> Any:
    """Read JSON without recursion."""
    top: list[Any] = []
    opened: list[tuple[Any, list[str]]] = [(top, [])]
    """Arrays and objects, with the key of an object that waits for its value."""
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
    """SQL as DuckDB runs it: each of `edits` is where its text stands there, and where what it replaces was written.

    Places are in bytes: begin and end. `columns` are the columns that the SQL may read, and the members of them, by
    every name that one might be called by, in lower case.
    """

    text: str
    edits: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = ()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def original_offsets(self, at: int, length: int) -> list[int]:
        """Return the place and length in the SQL as it was typed, of those in `text`."""
        begin = self._original_offset(at, 0)
        return [begin, max(self._original_offset(at + length, 1) - begin, 0)]

    def _original_offset(self, at: int, end: int) -> int:
        shift = 0
        for inside, typed in self.edits:
            if at < inside[0] + end:
                break
            if at < inside[1] + end:
                return typed[end]
            shift = typed[1] - inside[1]
        return at + shift


def sql_error(error: duckdb.Error, statement: SqlStatement, ran: RewrittenSql | None = None) -> Diagnostic:
    """What DuckDB says of the SQL, at the place it gives; `ran` is what DuckDB was given, unless it is the statement."""
    text = str(error)
    try:
        said = json.loads(text[text.index("{") :])
    except ValueError:
        said = {"exception_message": text}
    place = said.get("location") or said.get("position")
    found = json.loads(place) if isinstance(place, str) else place
    if ran is not None:
        at, length = found if isinstance(found, list) else (found, 1)
        said["location"] = ran.original_offsets(at, length) if isinstance(at, int) else None
        missing = _missing_column(str(said.get("exception_message", "")), said, statement, ran.columns)
        if missing is not None:
            return missing
    return _duckdb_message_error(str(said.get("exception_message", text)), said, statement)


_MISSING = re.compile(
    r'Referenced (?:table|column) "(?P<name>.+?)" not found|Table "(?P<table>.+?)" does not have a column named "(?P<column>.+?)"'
)


def _missing_column(
    message: str, said: Node, statement: SqlStatement, columns: Mapping[str, tuple[str, ...]]
) -> Diagnostic | None:
    """That there is no such column, with the name of the one that is meant; None where DuckDB's own words are better."""
    missing, origin = _MISSING.match(message), _source_span(said.get("location"), statement)
    if missing is None or origin is None or not isinstance(statement.origin, Span):
        return None
    begin = statement.origin.start
    parts = [part.strip('"') for part in _NAME.findall(statement.text[origin.start - begin : origin.end - begin])]
    qualifier = parts[0] if missing["table"] and len(parts) > 1 else ""
    name = ".".join(parts[1:] if qualifier else parts)
    if name.lower() != (missing["name"] or missing["column"]).lower() and not (missing["name"] and len(parts) > 1):
        return None
    candidates = [each.strip().strip('"') for each in str(said.get("candidates", "")).split(",") if each.strip()]
    known = {format_name(*place): None for place in columns.values()}
    if len(parts) == 1:
        known = {format_name(each): None for each in candidates} | known
    exact = columns.get(name.lower())
    inside = [each for each in known if each.lower().startswith(f"{name.lower()}.")]
    near = [format_name(*exact)] if exact is not None else inside or find_closest(name, list(known), 1, 0.5)
    prefix = f"{format_name(qualifier)}." if qualifier else ""
    meant = " or ".join(prefix + each for each in near[:_COLUMNS_SHOWN])
    hint = f"did you mean {meant}?" if meant else f"some of the columns are {', '.join(list(known)[:_COLUMNS_SHOWN])}"
    fix = meant if exact is not None else None
    return Diagnostic("AQL0409", f"there is no column '{name}'", origin, "unknown column", hint, fix)


_NAME = re.compile(r'"(?:[^"]|"")*"|\w+')
_COLUMNS_SHOWN = 8


def format_name(*names: str) -> str:
    """The name of a column and of a member as SQL takes it: in quotes, unless its parts are plain words."""
    words = ".".join(names).split(".")
    plain = all(re.fullmatch(r"[A-Za-z_]\w*", word) and word.lower() not in _keywords() for word in words)
    return ".".join(names if plain else map(quote_identifier, names))


def quote_identifier(name: str) -> str:
    """A name in the quotes of SQL."""
    return '"' + name.replace('"', '""') + '"'


@cache
def _keywords() -> frozenset[str]:
    """The words that are no names without quotes."""
    with _parser_connection().cursor() as cursor:
        sql = "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category = 'reserved'"
        return frozenset(str(word) for (word,) in cursor.execute(sql).fetchall())


def _parse(statement: SqlStatement) -> str:
    """DuckDB's parse of the SQL, as JSON. Raises duckdb.Error."""
    try:
        statement.text.encode()
    except UnicodeEncodeError:
        raise StatementError([Diagnostic("AQL0409", "the SQL holds half a character", statement.origin)]) from None
    with _parser_connection().cursor() as cursor:
        found = cursor.execute("SELECT json_serialize_sql($1::VARCHAR)", [statement.text]).fetchone()
    return str(found[0]) if found is not None else ""


@cache
def _parser_connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:", config=CONFIG)


@cache
def _system_views() -> frozenset[str]:
    """The views that every database has, some of which show its settings."""
    with _parser_connection().cursor() as cursor:
        return frozenset(
            str(name).lower() for (name,) in cursor.execute("SELECT view_name FROM duckdb_views()").fetchall()
        )


def _parse_error(document: Node, statement: SqlStatement) -> Diagnostic:
    """Why DuckDB's parser gave no tree: it is no SELECT, or it is wrong."""
    if document.get("error_type") != "not implemented":
        return _duckdb_message_error(str(document["error_message"]), document, statement)
    hint = "write a SELECT; FIND, LET and SHOW do the rest"
    return Diagnostic("AQL0408", "SQL only reads results: this is no SELECT", _first_word(statement), "not run", hint)


def _duckdb_message_error(message: str, said: Node, statement: SqlStatement) -> Diagnostic:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    hint = " ".join(lines[1:3]) if len(lines) > 1 else ""
    if said.get("error_subtype") == "COLUMN_NOT_FOUND":
        columns = [name.strip() for name in str(said.get("candidates", "")).split(",")]
        near = find_closest(str(said.get("name", "")), columns, 1, 0.5)
        hint = f"did you mean {near[0]}?" if near else f"some of the columns are {', '.join(columns)}"
    first = lines[0] if lines else "it cannot be run"
    place = said.get("location") or said.get("position")
    return Diagnostic("AQL0409", f"DuckDB says: {first}", _source_span(place, statement), hint=hint)


def _source_span(place: Any, statement: SqlStatement) -> Span | None:
    """From bytes of the SQL to characters of the source."""
    if not isinstance(statement.origin, Span):
        return None
    found = json.loads(place) if isinstance(place, str) else place
    at, length = found if isinstance(found, list) else (found, 1)
    data = statement.text.encode()
    if not isinstance(at, int) or not 0 <= at <= len(data):
        return _first_word(statement)
    before = len(data[:at].decode(errors="ignore"))
    inside = len(data[at : at + length].decode(errors="ignore"))
    return Span(statement.origin.start + before, statement.origin.start + before + max(inside, 1))


def _first_word(statement: SqlStatement) -> Span | None:
    """The first word of the SQL."""
    if not isinstance(statement.origin, Span):
        return None
    return Span(statement.origin.start, statement.origin.start + len((statement.text.split(maxsplit=1) or [" "])[0]))


class _SqlInspector:
    """One parse being looked through; `results` are the names of results by how DuckDB compares names."""

    def __init__(self, statement: SqlStatement, results: dict[str, str], names: Collection[str]) -> None:
        self.statement, self.results, self.names = statement, results, names
        self.data = statement.text.encode(errors="replace")
        self.wrong: list[Diagnostic] = []
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
        """The names that columns may be read by; a whole row is read by the name of its table."""
        return None if self.reads_all or self.rows & self.relations else frozenset(self.read)

    def dotted_names(self) -> tuple[DottedName, ...]:
        """The dotted names in the order of their places, those of what the SQL itself defines left out."""
        names = []
        for start, (length, parts) in sorted(self.places.items()):
            qualifier = self._qualifier(parts)
            table = self._result(parts[:qualifier])
            if table or parts[qualifier].lower() not in self.defined:
                names.append(DottedName(start, length, parts, qualifier, table, start in self.outputs))
        return tuple(names)

    def _result(self, parts: Sequence[str]) -> str:
        """The result that a name of a table is for; empty where it is for another table, or for several results."""
        named = self.aliases.get(parts[-1].lower(), set()) if parts else set()
        return next(iter(named)) if len(named) == 1 else ""

    def _qualifier(self, parts: Sequence[str]) -> int:
        """How many parts at the beginning name a table."""
        lower = tuple(part.lower() for part in parts)
        places = (0, *(len(own) for own in _OWN if lower[: len(own)] == own))
        return next((at + 1 for at in places if at < len(lower) - 1 and lower[at] in self.relations), 0)

    def inspect(self, top: Any) -> None:
        """Every part of the parse; without recursion, as SQL can nest deep."""
        pending: list[tuple[Any, frozenset[str]]] = [(top, frozenset())]
        while pending:
            each, local = pending.pop()
            if isinstance(each, list):
                pending += ((inner, local) for inner in reversed(each))
            elif isinstance(each, dict):
                local |= frozenset(self._cte_names(each))
                self._inspect_node(each, local)
                pending += ((inner, local) for inner in reversed(_child_nodes(each)))

    def refusal_error(self, message: str, node: Node | None, hint: str) -> Diagnostic:
        """That the SQL may not do this."""
        place = None
        if node is not None and node.get("query_location_length", 0) > 0:
            place = [node["query_location"], node["query_location_length"]]
        origin = _source_span(place, self.statement) if place is not None else _first_word(self.statement)
        return Diagnostic("AQL0408", message, origin, "not run", hint)

    def _refuse(self, message: str, node: Node, hint: str = "SQL reads results kept by LET, and nothing else") -> None:
        self.wrong.append(self.refusal_error(message, node, hint))

    def _cte_names(self, node: Node) -> Iterator[str]:
        """The names of WITH; one that is a view's too could be meant for either."""
        for entry in (node.get("cte_map") or {}).get("map", ()):
            name = str(entry["key"]).lower()
            if name in _system_views():
                self._refuse(f"WITH cannot define '{entry['key']}', which the database has already", node, "rename it")
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
                self._refuse("SQL does not show what a database holds", node, "SHOW RESULTS lists what it reads")
            case _:
                pass
        if node.get("class") == "PARAMETER":
            self._parameter(node)
        elif isinstance(node.get("function_name"), str):
            self._function(node, str(node["function_name"]).lower())

    def _note_columns(self, node: Node) -> None:
        """The columns that a part reads."""
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
            ends = range(2, min(len(names), _LONGEST_NAME) + 1)
            self.read.update(".".join(names[at:end]) for end in ends for at in range(end - 1))
            self.read.update(name.partition(".")[0] for name in names)
        self.read.update(names)
        self.rows.update(names[-1:])

    def _note_dotted_name(self, node: Node, parts: Sequence[str]) -> None:
        """Keep the place of a dotted name, where DuckDB gives one and it is written there."""
        begin, length = node.get("query_location", -1), node.get("query_location_length", 0)
        if not 0 <= begin < len(self.data):
            return
        written = self.data[begin : begin + length].decode(errors="replace")
        spelt = r"\s*\.\s*".join(f'"?{re.escape(part.replace(chr(34), chr(34) * 2))}"?' for part in parts)
        found = re.search(spelt, written, re.IGNORECASE)
        if found is not None:
            start = begin + len(written[: found.start()].encode())
            self.places[start] = len(found[0].encode()), tuple(parts)

    def _table(self, node: Node, local: frozenset[str]) -> None:
        *above, name = _table_path(node)
        lower = name.lower()
        schema = tuple(step.lower() for step in above)
        if not above and lower in local:
            return
        if schema[-1:] == (_SCHEMA,):
            self.tables += self.names  # it tells of them all
            return
        if lower in self.results and (not above or schema in _OWN):
            self.tables.append(self.results[lower])
            self.aliases.setdefault(str(node.get("alias") or name).lower(), set()).add(self.results[lower])
        elif above or not name.isidentifier() or lower in _system_views():
            self._refuse(f"SQL cannot read '{name}', which is no result", node)
        else:
            near = find_closest(name, self.names, 1, 0.5)
            known = f"the results are {', '.join(self.names)}" if self.names else "LET name = FIND … keeps one"
            hint = f"did you mean {near[0]}?" if near else known
            message, origin = f"there is no result '{name}'", self.refusal_error("", node, "").origin
            self.wrong.append(Diagnostic("AQL0220", message, origin, "unknown result", hint, near[0] if near else None))

    def _table_function(self, node: Node) -> None:
        function = node.get("function") or {}
        name = str(function.get("function_name", "")).lower()
        if name not in _TABLE_FUNCTIONS:
            self._refuse(f"SQL does not run {name or 'this'}() in FROM", node)

    def _function(self, node: Node, name: str) -> None:
        if name in _REFUSED or name.startswith(_REFUSED_BEGINNINGS):
            self._refuse(f"SQL does not run {name}()", node, "it tells of the database, not of results")

    def _parameter(self, node: Node) -> None:
        name = str(node["identifier"])
        if name.isdigit():
            self._refuse("a parameter has a name here", node, "write $name")
        self.parameters.append(name)


def _defined_names(node: Node) -> Iterator[str]:
    """The names, in lower case, that a part gives to columns or to what a lambda takes."""
    if "class" in node and node.get("alias"):
        yield str(node["alias"]).lower()
    for name in (*(node.get("aliases") or ()), *(node.get("column_name_alias") or ())):
        yield str(name).lower()
    if node.get("type") == "LAMBDA":
        taken = node.get("lhs") or {}
        for each in (taken, *(argument.get("expression") or {} for argument in taken.get("arguments") or ())):
            yield from (str(name).lower() for name in each.get("column_names") or ())


def _star_names(node: Node) -> Iterator[list[str]]:
    """The dotted names after EXCLUDE."""
    for excluded in node.get("qualified_exclude_list") or ():
        parts = [str(excluded[key]) for key in ("catalog", "schema", "table", "column") if excluded.get(key)]
        if len(parts) > 1:
            yield parts


def _child_nodes(node: Node) -> list[Any]:
    """The parts of a part; a function in FROM has been looked at with what it stands in."""
    if node.get("type") == "TABLE_FUNCTION" and isinstance(node.get("function"), dict):
        function = {name: part for name, part in node["function"].items() if name != "function_name"}
        return [part for name, part in node.items() if name != "function"] + [function]
    return list(node.values())


def _table_path(node: Node) -> Sequence[str]:
    """The name of a table with what it stands below."""
    path = (node.get("qualified_name") or {}).get("path")
    return path or [part for part in (node["catalog_name"], node["schema_name"], node["table_name"]) if part]
