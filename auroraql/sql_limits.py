"""What the SQL behind the word SQL may do: one SELECT over results, which reaches nothing else.

Decided on DuckDB's own parse of it, by what is allowed of tables and of functions in FROM. The database that runs
it is locked besides (see sql_results); either wall would do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import Any

import duckdb

from auroraql.archives.catalogue_file import LOCKED_DOWN
from auroraql.errors import Diagnostic, Span, StatementError
from auroraql.named import Limited
from auroraql.spelling import closest
from auroraql.syntax import Sql

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

_SCHEMA = "information_schema"
_OWN = (("main",), ("memory", "main"))
"""What a result may be called below."""


def check_sql(statement: Sql, names: Collection[str]) -> Limited:
    """What the SQL reads of the results called `names`. Raises StatementError when it is wrong, or may not run."""
    looking = _Looking(statement, {name.lower(): name for name in names}, names)
    try:
        document = _loads(_parsed(statement))
    except duckdb.Error as error:
        raise StatementError([wrong(error, statement)]) from None
    if document["error"]:
        raise StatementError([_unread(document, statement)])
    if not document["statements"]:
        raise StatementError([Diagnostic("AQL0105", "there is no SQL behind SQL", statement.origin, "as in: SELECT …")])
    if len(document["statements"]) != 1:
        raise StatementError([looking.refusal("SQL runs one statement, and this is several", None, "write one SELECT")])
    looking.node(document["statements"][0]["node"])
    if looking.wrong:
        raise StatementError(looking.wrong)
    tables, parameters = tuple(dict.fromkeys(looking.tables)), tuple(dict.fromkeys(looking.parameters))
    return Limited(tables, parameters, looking.columns())


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


def wrong(error: duckdb.Error, statement: Sql) -> Diagnostic:
    """What DuckDB says of the SQL, at the place it gives."""
    text = str(error)
    try:
        said = json.loads(text[text.index("{") :])
    except ValueError:
        said = {"exception_message": text}
    return _told(str(said.get("exception_message", text)), said, statement)


def _parsed(statement: Sql) -> str:
    """DuckDB's parse of the SQL, as JSON. Raises duckdb.Error."""
    try:
        statement.text.encode()
    except UnicodeEncodeError:
        raise StatementError([Diagnostic("AQL0409", "the SQL holds half a character", statement.origin)]) from None
    with _parser().cursor() as cursor:
        found = cursor.execute("SELECT json_serialize_sql($1::VARCHAR)", [statement.text]).fetchone()
    return str(found[0]) if found is not None else ""


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:", config=CONFIG)


@cache
def _views() -> frozenset[str]:
    """The views that every database has, some of which show its settings."""
    with _parser().cursor() as cursor:
        return frozenset(
            str(name).lower() for (name,) in cursor.execute("SELECT view_name FROM duckdb_views()").fetchall()
        )


def _unread(document: Node, statement: Sql) -> Diagnostic:
    """Why DuckDB's parser gave no tree: it is no SELECT, or it is wrong."""
    if document.get("error_type") != "not implemented":
        return _told(str(document["error_message"]), document, statement)
    hint = "write a SELECT; FIND, LET and SHOW do the rest"
    return Diagnostic("AQL0408", "SQL only reads results: this is no SELECT", _begin(statement), "not run", hint)


def _told(message: str, said: Node, statement: Sql) -> Diagnostic:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    hint = " ".join(lines[1:3]) if len(lines) > 1 else ""
    if said.get("error_subtype") == "COLUMN_NOT_FOUND":
        columns = [name.strip() for name in str(said.get("candidates", "")).split(",")]
        near = closest(str(said.get("name", "")), columns, 1, 0.5)
        hint = f"did you mean {near[0]}?" if near else f"some of the columns are {', '.join(columns)}"
    first = lines[0] if lines else "it cannot be run"
    place = said.get("location") or said.get("position")
    return Diagnostic("AQL0409", f"DuckDB says: {first}", _span(place, statement), hint=hint)


def _span(place: Any, statement: Sql) -> Span | None:
    """From bytes of the SQL to characters of the source."""
    if not isinstance(statement.origin, Span):
        return None
    found = json.loads(place) if isinstance(place, str) else place
    at, length = found if isinstance(found, list) else (found, 1)
    data = statement.text.encode()
    if not isinstance(at, int) or not 0 <= at <= len(data):
        return _begin(statement)
    before = len(data[:at].decode(errors="ignore"))
    inside = len(data[at : at + length].decode(errors="ignore"))
    return Span(statement.origin.start + before, statement.origin.start + before + max(inside, 1))


def _begin(statement: Sql) -> Span | None:
    """The first word of the SQL."""
    if not isinstance(statement.origin, Span):
        return None
    return Span(statement.origin.start, statement.origin.start + len((statement.text.split(maxsplit=1) or [" "])[0]))


class _Looking:
    """One parse being looked through; `results` are the names of results by how DuckDB compares names."""

    def __init__(self, statement: Sql, results: dict[str, str], names: Collection[str]) -> None:
        self.statement, self.results, self.names = statement, results, names
        self.wrong: list[Diagnostic] = []
        self.tables: list[str] = []
        self.parameters: list[str] = []
        self.read: set[str] = set()
        self.rows: set[str] = set()
        self.relations: set[str] = set()
        self.reads_all = False

    def columns(self) -> frozenset[str] | None:
        """The names that columns may be read by; a whole row is read by the name of its table."""
        return None if self.reads_all or self.rows & self.relations else frozenset(self.read)

    def node(self, top: Any) -> None:
        """Every part of the parse; without recursion, as SQL can nest deep."""
        pending: list[tuple[Any, frozenset[str]]] = [(top, frozenset())]
        while pending:
            each, local = pending.pop()
            if isinstance(each, list):
                pending += ((inner, local) for inner in reversed(each))
            elif isinstance(each, dict):
                local |= frozenset(self._defined(each))
                self._look(each, local)
                pending += ((inner, local) for inner in reversed(_below(each)))

    def refusal(self, message: str, node: Node | None, hint: str) -> Diagnostic:
        """That the SQL may not do this."""
        place = None
        if node is not None and node.get("query_location_length", 0) > 0:
            place = [node["query_location"], node["query_location_length"]]
        origin = _span(place, self.statement) if place is not None else _begin(self.statement)
        return Diagnostic("AQL0408", message, origin, "not run", hint)

    def _refuse(self, message: str, node: Node, hint: str = "SQL reads results kept by LET, and nothing else") -> None:
        self.wrong.append(self.refusal(message, node, hint))

    def _defined(self, node: Node) -> Iterator[str]:
        """The names of WITH; one that is a view's too could be meant for either."""
        for entry in (node.get("cte_map") or {}).get("map", ()):
            name = str(entry["key"]).lower()
            if name in _views():
                self._refuse(f"WITH cannot define '{entry['key']}', which the database has already", node, "rename it")
            yield name

    def _look(self, node: Node, local: frozenset[str]) -> None:
        self._note(node)
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

    def _note(self, node: Node) -> None:
        """The columns that a part reads."""
        self.relations |= {
            str(node[key]).lower() for key in ("table_name", "alias") if "sample" in node and node.get(key)
        }
        self.reads_all |= node.get("type") in ("STAR", "PIVOT", "SHOW_REF") or node.get("ref_type") == "NATURAL"
        names = [str(name).lower() for name in (*(node.get("column_names") or ()), *(node.get("using_columns") or ()))]
        self.read.update(names)
        self.rows.update(names[-1:])

    def _table(self, node: Node, local: frozenset[str]) -> None:
        *above, name = _path(node)
        lower = name.lower()
        schema = tuple(step.lower() for step in above)
        if not above and lower in local:
            return
        if schema[-1:] == (_SCHEMA,):
            self.tables += self.names  # it tells of them all
            return
        if lower in self.results and (not above or schema in _OWN):
            self.tables.append(self.results[lower])
        elif above or not name.isidentifier() or lower in _views():
            self._refuse(f"SQL cannot read '{name}', which is no result", node)
        else:
            near = closest(name, self.names, 1, 0.5)
            known = f"the results are {', '.join(self.names)}" if self.names else "LET name = FIND … keeps one"
            hint = f"did you mean {near[0]}?" if near else known
            message, origin = f"there is no result '{name}'", self.refusal("", node, "").origin
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


def _below(node: Node) -> list[Any]:
    """The parts of a part; a function in FROM has been looked at with what it stands in."""
    if node.get("type") == "TABLE_FUNCTION" and isinstance(node.get("function"), dict):
        function = {name: part for name, part in node["function"].items() if name != "function_name"}
        return [part for name, part in node.items() if name != "function"] + [function]
    return list(node.values())


def _path(node: Node) -> Sequence[str]:
    """The name of a table with what it stands below."""
    path = (node.get("qualified_name") or {}).get("path")
    return path or [part for part in (node["catalog_name"], node["schema_name"], node["table_name"]) if part]
