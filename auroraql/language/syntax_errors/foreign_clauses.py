"""Rules for statements of other tools (URLs, PromQL, Malloy, Beancount) and for clauses that FIND does not have."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.ir.times import TimeError, read_literal
from auroraql.language.printer import quote_text
from auroraql.language.syntax_errors.parse_context import ParseErrorContext
from auroraql.language.syntax_errors.pipeline_rules import hint_of_stages
from auroraql.schema import DATA_PRODUCTS, KINDS

_QUERY_STRING = re.compile(r"\??(?:[\w.]+=[^&\s]*)(?:&[\w.]+=[^&\s]*)+|\?[\w.]+=\S*")
_ADDRESS = re.compile(r"(?:https?://|/)?[\w.-]+(?::\d+)?(?:/[\w.-]+)+/?(?P<query>\?\S*)?|https?://\S+")
_WINDOW_KEYS = {"time.min": 0, "time.max": 1, "start": 0, "stop": 1, "end": 1, "start_time": 0, "end_time": 1}
_MAX_STATEMENT = 2_000

_OTHER_TOOLS = (
    (r"(?:run|query|source)\s*:", "this is Malloy, not AuroraQL",
     "write FIND data_products SELECT platform, count(*) AS n WHERE … GROUP BY platform"),
    (r"(?:data_products|ephemeris|conjunctions)\s*->\s*\{", "this is Malloy, not AuroraQL",
     "write FIND data_products SELECT platform, count(*) AS n WHERE … GROUP BY platform"),
    (r"(?:rate|irate|increase|topk|bottomk|\w+_over_time)\s*\(|\w*\s*\{\s*\w+\s*(?:=|=~|!=|!~)\s*\"|\w+\[[\d\w]+(?::[\d\w]+)?\]",
     "this is PromQL, not AuroraQL", "labels are conditions, and a range is a window: WHERE program = 'trex' LAST 5 minutes"),
    (r"(?:sum|count|avg|min|max)\s*(?:by\s*\([^)]*\)\s*)?\(", "a statement does not begin with a function",
     "write FIND data_products SELECT platform, count(*) AS n WHERE … GROUP BY platform"),
    (r"(?:println|printf|print|echo|puts|display)\s*[('\"]", "a result is shown without a command",
     "write FIND data_products SELECT … WHERE …; FIND name shows a result that LET kept"),
    (r"(?:balances|journal|print)(?!\w)", "this is a statement of Beancount", "write FIND data_products SELECT … WHERE …"),
    (r"for\s+\w+\s+in\s", "AuroraQL has no loops", "write FIND data_products SELECT … WHERE …"),
    (r"(?:import|load|attach|use)\s", "AuroraQL reads one archive",
     "choose it with --archive, or with \\connect at the prompt"),
    (r"(?:begin|commit|rollback|vacuum|analyze|pragma|call|execute)(?!\w)", "AuroraQL is read-only and has no transactions",
     "FIND finds records, and SHOW SETTINGS lists the settings"),
    (r"\.\w+", "commands of the prompt begin with a backslash", "type \\? at the prompt for the commands"),
    (r"(?:#|//|;)", "a comment begins with --", "write -- before a comment"),
)  # fmt: skip
"""Statements of other tools: the pattern of their beginning, the fact and the way out."""


def find_foreign_statement(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a URL, a query string, or a statement of another tool."""
    if at.tokens:
        return None
    text = at.text[at.start : min(at.stop, at.start + _MAX_STATEMENT)].strip().rstrip(";")
    address = _ADDRESS.fullmatch(text)
    query = text if _QUERY_STRING.fullmatch(text) else address["query"] if address is not None else None
    if query is not None or address is not None:
        span = Span(at.start, at.start + len(text))
        hint = f"write {_translate_query_string(query or '')}"
        return Diagnostic("AQL0115", "this is a URL or a part of one, not a statement", span, "", hint)
    for pattern, fact, hint in _OTHER_TOOLS:
        match = re.compile(pattern, re.IGNORECASE).match(at.text, at.start, min(at.stop, at.start + _MAX_STATEMENT))
        if match is not None:
            span = Span(at.start, at.start + len(match[0].rstrip()))
            return Diagnostic("AQL0115", fact, span, "", hint)
    return None


def _translate_query_string(query: str) -> str:
    """Return the FIND that has the conditions and the window of a query string."""
    ends: list[str | None] = [None, None]
    terms = []
    for key, value in parse_qsl(query.lstrip("?"), max_num_fields=50) if query else ():
        if key.lower() in _WINDOW_KEYS and _is_time(value):
            ends[_WINDOW_KEYS[key.lower()]] = value
        elif DATA_PRODUCTS.field(key) is not None:
            terms.append(f"{key} = {quote_text(value)}")
    where = f" WHERE {' AND '.join(terms)}" if terms else " WHERE program = 'trex'" if not query else ""
    start, end = ends
    if start and end:
        window = f" BETWEEN {start} AND {end}"
    else:
        window = f" SINCE {start}" if start else f" UNTIL {end}" if end else " ON 2021-01-01" if not query else ""
    return f"FIND data_products{where}{window}"


def _is_time(text: str) -> bool:
    try:
        read_literal(text)
    except TimeError:
        return False
    return True


_LIMIT_WORDS = ("TAKE", "HEAD", "TOP", "FIRST", "SKIP", "SAMPLE")
_STAGES = ("SUMMARIZE", "SUMMARISE", "AGGREGATE", "EXTEND", "DERIVE", "MUTATE")
_OUTPUT_WORDS = {
    "INTO": "write the result to a file with --output FILE, or with \\export FILE at the prompt",
    "FORMAT": "choose the format with --format csv, or SET format = csv",
    ">": "write the result to a file with --output FILE, or with \\export FILE at the prompt",
    "SAVE": "write the result to a file with --output FILE, or with \\export FILE at the prompt",
}


def find_foreign_clause(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose clauses and marks that FIND does not have: TAKE 5, INTO OUTFILE, `| where`, an alias of the kind."""
    ends_here = "$END" in at.accepts and "SELECT" in at.accepts
    if not at.tokens:
        return None
    if at.word in _LIMIT_WORDS and ends_here:
        return _diagnose_count(at)
    if at.type_before() == "NAME" and at.type_before(2) == "FIND" and at.type == "NUMBER":
        return _diagnose_count_first(at)
    if at.type_before() == "FIND" or (at.type_before() == "NAME" and at.type_before(2) == "FIND"):
        return _diagnose_kind(at)
    if at.found_text == "," and at.type_before() in ("DATA_PRODUCTS", "EPHEMERIS", "CONJUNCTIONS"):
        hint = "write one FIND for each kind, and keep results with LET to use them together"
        return Diagnostic("AQL0118", "a FIND searches one kind of record", at.span, "a second kind", hint)
    if at.word in _OUTPUT_WORDS and ends_here:
        fact = f"FIND has no {at.word}" if at.word.isalpha() else "a statement does not write files"
        return Diagnostic("AQL0118", fact, at.span, "", _OUTPUT_WORDS[at.word])
    if at.found_text == "\\" and ends_here:
        return Diagnostic("AQL0118", "commands such as \\G are for the prompt", at.span, "", "leave it out")
    if ends_here and (stage := _diagnose_stage(at)) is not None:
        return stage
    if at.word == "BY" and ends_here and at.match(r"by\s+\w+\s*[=<>!]") is not None:
        return Diagnostic(
            "AQL0107", "predicates follow WHERE, not BY", at.span, "expected WHERE", "write WHERE", "WHERE"
        )
    return _diagnose_bracket(at) or _diagnose_alias(at)


def _diagnose_stage(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a stage of a pipeline after a FIND: `| where …`, `SUMMARIZE …`, `COUNT`."""
    if at.found_text == "|":
        hint = hint_of_stages(at.text[at.start : min(at.stop, at.start + _MAX_STATEMENT)])
        return Diagnostic("AQL0118", "clauses are not joined by '|'", at.span, "", hint)
    count = at.match(r"count(?:\s*\(\s*\*?\s*\))?(?=\s*;?\s*$)")
    if count is not None:
        fix = "SELECT count(*)"
        return Diagnostic("AQL0118", "a function follows SELECT", Span(*count.span()), "", f"write {fix}", fix)
    if at.word in _STAGES:
        return Diagnostic("AQL0118", f"FIND has no {at.word}", at.span, "", hint_of_stages(at.word))
    return None


def _diagnose_bracket(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose braces and parentheses where a clause or a predicate is expected."""
    after_kind = at.type_before() in ("DATA_PRODUCTS", "EPHEMERIS", "CONJUNCTIONS")
    if at.found_text == "{" and (after_kind or at.type_before() in ("WHERE", "AND", "OR", "NOT")):
        hint = "write conditions after WHERE (program = 'trex' AND platform = 'gillam') and columns after SELECT"
        return Diagnostic("AQL0118", "AuroraQL has no braces here", at.span, "", hint)
    if at.found_text == "(" and after_kind:
        hint = "write conditions after WHERE: program = 'trex' AND platform = 'gillam'"
        return Diagnostic("AQL0118", "a kind of record takes no arguments", at.span, "", hint)
    return None


def _diagnose_count(at: ParseErrorContext) -> Diagnostic | None:
    count = at.match(r"(\w+)\s+(\d+)(?!\w)")
    if count is None:
        return None
    span = Span(at.start, count.end())
    if at.word in ("SKIP", "SAMPLE"):
        hint = f"write LIMIT 100 OFFSET {count[2]}" if at.word == "SKIP" else f"LIMIT {count[2]} returns some rows"
        return Diagnostic("AQL0118", f"FIND has no {at.word}", span, "", hint)
    fix = f"LIMIT {count[2]}"
    return Diagnostic("AQL0118", f"{at.word} is written LIMIT", span, "expected LIMIT", f"write {fix}", fix)


def _diagnose_count_first(at: ParseErrorContext) -> Diagnostic:
    hint = f"write LIMIT {at.found_text} at the end"
    return Diagnostic("AQL0118", "a number of rows follows LIMIT", Span(at.start_before(), at.end), "", hint)


def _diagnose_kind(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `FIND ALL data_products`: a word before the kind."""
    kind = at.match(r"\w+")
    if kind is None or kind[0].lower() not in KINDS or at.word_before() not in ("ALL", "EVERY", "ANY", "THE"):
        return None
    span = Span(at.start_before(), at.start)
    return Diagnostic("AQL0118", f"FIND takes no {at.word_before()}", span, "", "remove it", "")


def _diagnose_alias(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose an alias in quotes, and an alias of a kind or of the whole result."""
    is_kind = at.type_before() in ("DATA_PRODUCTS", "EPHEMERIS", "CONJUNCTIONS") and at.type_before(2) == "FIND"
    alias = at.match(r"(?:as\s+)?([^\W\d]\w*)")
    if (
        is_kind
        and alias is not None
        and at.match(r"(?:as\s+)?[^\W\d]\w*\s+(?:where|on|select|during)(?!\w)") is not None
    ):
        hint = f"remove it, and write fields without '{alias[1]}.'"
        span = Span(at.start, alias.end())
        return Diagnostic("AQL0118", "FIND has no alias for the kind", span, "an alias", hint)
    if at.word == "AS" and "$END" in at.accepts and "SELECT" in at.accepts and alias is not None:
        hint = f"write LET {alias[1]} = FIND … to keep the result under a name"
        return Diagnostic("AQL0118", "a FIND has no alias", Span(at.start, alias.end()), "an alias", hint)
    if at.type == "NAME" and at.type_before() == "END" and "AS" in at.accepts:
        fix = f"AS {at.found_text}"
        return Diagnostic(
            "AQL0114", f"AS is missing before '{at.found_text}'", at.span, "an alias?", f"write {fix}", fix
        )
    if at.type != "STRING" or not (at.type_before() == "AS" or "AS" in at.accepts):
        return None
    name = at.found_text[1:-1]
    shown = name if re.fullmatch(r"[^\W\d]\w*", name) else f"`{name}`"
    if "`" in name:
        return None
    fix = shown if at.type_before() == "AS" else f"AS {shown}"
    return Diagnostic("AQL0108", "an alias is a name, not a text", at.span, "a name", f"write {fix}", fix)
