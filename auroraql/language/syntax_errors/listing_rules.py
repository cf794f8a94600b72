"""Rules for statements of other languages that list, describe or configure: SHOW TABLES, DESC t, USE, BEGIN."""

from __future__ import annotations

import re

from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.diagnostics.suggestions import find_misspelt
from auroraql.language.syntax_errors.parse_context import NAMES_OF_TERMINALS, ParseErrorContext
from auroraql.schema import KINDS

_KINDS = f"the kinds of record are {', '.join(KINDS)}"
_TABLES = f"{_KINDS}; SHOW COLUMNS OF {next(iter(KINDS))} lists the fields of one, and SHOW RESULTS the kept results"
_WRITE_FIND = "write FIND data_products …"
_READ_ONLY = "AuroraQL only reads: there is nothing to commit, lock or set up"
_FILES = "FIND finds records, and --output FILE or .save writes them to a file"
_HELP = "type \\? at the prompt for help; auroraql --help on the command line"
_LEAVE = "type \\q at the prompt to leave"
_ARCHIVE = "choose the archive with --archive, or with \\connect at the prompt"
_SAVED = "save a statement under a name with \\save at the prompt, and run it with \\run or auroraql run"

_FIRST_WORDS = {
    **dict.fromkeys(("SEARCH", "GET", "QUERY", "FETCHALL", "RETRIEVE"), _WRITE_FIND),
    **dict.fromkeys(("START", "SAVEPOINT", "LOCK", "UNLOCK"), _READ_ONLY),
    **dict.fromkeys(("ANALYSE", "CHECKPOINT", "OPTIMIZE", "REINDEX", "GO"), _READ_ONLY),
    **dict.fromkeys(("EXPORT", "UNLOAD", "UPSERT"), _FILES),
    **dict.fromkeys(("DETACH", "CONNECT"), _ARCHIVE),
    **dict.fromkeys(("EXEC", "PREPARE", "DECLARE", "DEALLOCATE"), _SAVED),
    **dict.fromkeys(("HELP", "?", "MAN", "INFO"), _HELP),
    **dict.fromkeys(("QUIT", "EXIT", "BYE", "LOGOUT"), _LEAVE),
    "REFRESH": "SHOW SOURCES REFRESH reads the data sources again",
    "LIST": "write SHOW SOURCES, SHOW PROGRAMS or SHOW METADATA",
    "DESC": f"SHOW COLUMNS OF {next(iter(KINDS))} lists the fields of a kind",
    "COUNT": "write FIND data_products SELECT count(*) …",
    "VALUES": "SQL VALUES (1, 2) makes rows; FIND data_products … searches an archive",
}
"""Hints by the first word of a statement."""

_DESCRIBED = re.compile(
    r"(?:desc|describe|pragma\s+table_info|show\s+create\s+table)\b\s*(?:table\s+|kind\s+)?"
    r"\(?\s*['\"`]?(?P<name>[^\W\d]\w*)['\"`]?\s*\)?\s*$",
    re.IGNORECASE,
)
"""Statements that describe a table."""

_LISTINGS = {
    **dict.fromkeys(("FIELDS", "SCHEMA"), "COLUMNS"),
    **dict.fromkeys(("KEYS", "FILTERS"), "METADATA"),
    **dict.fromkeys(("SITES", "STATIONS", "SATELLITES", "SPACECRAFT"), "PLATFORMS"),
    **dict.fromkeys(("INSTRUMENTS",), "INSTRUMENT_TYPES"),
    **dict.fromkeys(("JOBS", "QUERIES", "PROCESSLIST", "REQUESTS"), "SEARCHES"),
    **dict.fromkeys(("VARIABLES", "OPTIONS", "ALL"), "SETTINGS"),
    **dict.fromkeys(("DATA_SOURCES", "DATASOURCES"), "SOURCES"),
    **dict.fromkeys(("VARS", "NAMES"), "RESULTS"),
}
"""Listings by the words that other languages use for them."""

_LISTING_HINTS = {
    **dict.fromkeys(("TABLES", "TABLE", "KINDS", "DATABASES", "SCHEMAS", "VIEWS", "COLLECTIONS", "FULL"), _TABLES),
    **dict.fromkeys(("INDEX", "INDEXES"), "SHOW METADATA lists the keys of the metadata, which all can be searched"),
    **dict.fromkeys(("STATUS", "STATE"), "SHOW SEARCHES lists the searches; auroraql doctor checks the installation"),
    "FUNCTIONS": "\\h functions at the prompt lists the functions",
    "WARNINGS": "the warnings of a statement are shown before its rows; EXPLAIN FIND … shows them without running it",
    "CREATE": f"SHOW COLUMNS OF {next(iter(KINDS))} lists the fields of a kind",
}
"""Hints by the words after SHOW that have no listing."""


def diagnose_foreign_statement(at: ParseErrorContext, message: str) -> Diagnostic | None:
    """Diagnose the first word of a statement of another language. `message` states that no statement begins with it."""
    reset = at.match(r"reset\s+(?P<name>[^\W\d]\w*)\s*$")
    if reset is not None:
        fix = f"SET {reset['name']} = DEFAULT"
        return Diagnostic("AQL0115", message, Span(at.start, reset.end()), "", f"write {fix}", fix)
    if at.word == "LIST" and at.match(r"list\s+tables(?!\w)") is not None:
        return Diagnostic("AQL0115", message, at.span, "", _TABLES)
    hint = _FIRST_WORDS.get(at.word)
    return Diagnostic("AQL0115", message, at.span, "", hint) if hint else None


def find_described_table(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose DESC data_products and PRAGMA table_info(data_products)."""
    if at.tokens or at.found_text.startswith("\\"):
        return None
    return _diagnose_described(at, at.start, f"a statement does not begin with '{at.found_text}'")


def _diagnose_described(at: ParseErrorContext, start: int, message: str) -> Diagnostic | None:
    """Diagnose DESC table and similar statements. SHOW COLUMNS OF describes kinds and results."""
    match = _DESCRIBED.match(at.text, start, at.stop)
    if match is None or match["name"].lower() in ("select", "table"):
        return None
    name = match["name"].lower() if match["name"].lower() in KINDS else match["name"]
    fix = f"SHOW COLUMNS OF {name}"
    hint = f"write {fix}"
    if at.text[start : start + 8].lower() == "describe" and name in KINDS:
        hint += f" for its fields, DESCRIBE FIND {name} … for the engine's sentence"
    return Diagnostic("AQL0115", message, Span(start, match.end()), "expected SHOW COLUMNS OF", hint, fix)


def find_wrong_listing(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose SHOW TABLES, SHOW COLUMNS FROM and DESCRIBE data_products."""
    first = at.tokens[0].type if at.tokens else ""
    if first == "SHOW" and len(at.tokens) == 1 and at.type != "$END":
        return _diagnose_listing(at)
    if first == "SHOW" and at.word in ("FROM", "IN") and "OF" in at.accepts:
        return Diagnostic("AQL0106", f"SHOW takes OF, not {at.word}", at.span, "expected OF", "write OF", "OF")
    if first == "DESCRIBE" and len(at.tokens) == 1:
        described = _diagnose_described(at, at.tokens[0].start_pos, f"DESCRIBE takes a search, not {at.found_text}")
        if described is not None:
            return described
        if at.found_text.lower() in KINDS:
            hint = f"write SHOW COLUMNS OF {at.found_text.lower()} LIKE 'name' for one of its fields"
            return Diagnostic(
                "AQL0106", f"DESCRIBE takes a search, not {at.found_text}", at.span, "expected FIND", hint
            )
    if first == "SET" and at.found_text == "@":
        hint = "write $program in a statement, and give its value with program=trex when it runs"
        return Diagnostic("AQL0106", "SET changes settings, not parameters", at.span, "not a setting", hint)
    if first == "EXPLAIN" and len(at.tokens) == 1 and at.found_text.lower() in KINDS:
        fix = f"FIND {at.found_text}"
        return Diagnostic("AQL0106", "EXPLAIN takes a search", at.span, "expected FIND", f"write {fix}", fix)
    return None


def _diagnose_listing(at: ParseErrorContext) -> Diagnostic:
    listings = sorted(terminal for terminal in at.accepts if terminal not in NAMES_OF_TERMINALS)
    message, label = f"SHOW cannot list '{at.found_text}'", "expected a listing"
    created = _diagnose_described(at, at.tokens[0].start_pos, message)
    if created is not None:
        return created
    if at.found_text.lower() in KINDS:
        fix = f"COLUMNS OF {at.found_text.lower()}"
        return Diagnostic("AQL0107", message, at.span, label, f"write SHOW {fix} for its fields", fix)
    if at.word in _LISTING_HINTS:
        return Diagnostic("AQL0107", message, at.span, label, _LISTING_HINTS[at.word])
    if at.word in _LISTINGS:
        listing = _LISTINGS[at.word]
        table = at.match(r"\w+\s+(?:from|in|of)\s+(?=[^\W\d])")
        if table is not None and listing in ("COLUMNS", "METADATA"):
            fix = f"{listing} OF "
            return Diagnostic("AQL0107", message, Span(at.start, table.end()), label, f"write SHOW {fix}…", fix)
        only = listing if listing != "COLUMNS" else None
        return Diagnostic("AQL0107", message, at.span, label, f"write SHOW {listing}", only)
    misspelt = find_misspelt(at.found_text, listings)
    hint = f"did you mean {misspelt}?" if misspelt else f"one of {', '.join(listings)}"
    return Diagnostic("AQL0107", message, at.span, label, hint, misspelt)
