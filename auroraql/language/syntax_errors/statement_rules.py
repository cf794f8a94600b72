"""Rules for the structure of a statement: its first word, its kind, its clauses and blocks, and its end."""

from __future__ import annotations

import re

from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.diagnostics.suggestions import find_misspelt
from auroraql.language.syntax_errors.foreign_constructs import CONSTRUCT_BY_WORD, FOREIGN_WORDS, diagnose_construct
from auroraql.language.syntax_errors.listing_rules import diagnose_foreign_statement
from auroraql.language.syntax_errors.parse_context import (
    CLAUSE_STARTS,
    NAMES_OF_TERMINALS,
    ParseErrorContext,
    describe_expected,
    is_word,
)
from auroraql.language.syntax_errors.predicate_rules import starts_predicate
from auroraql.schema import KINDS
from auroraql.schema.synonyms import suggest_kind

SQL = "SQL"
"""The keyword of an SQL statement, which the splitter handles before the parser."""

_FIRST_WORDS = ("FIND", "LET", SQL, "SHOW", "SET", "SUBMIT", "FETCH", "CANCEL", "EXPLAIN", "DESCRIBE")
"""The keywords that begin a statement, in the order of messages. A test compares them with the grammar."""


def statement_keywords(accepts: frozenset[str]) -> list[str]:
    """Return the keywords that may begin a statement: those in `accepts` and SQL."""
    words = {terminal for terminal in accepts if terminal not in NAMES_OF_TERMINALS} | {SQL}
    return sorted(words, key=lambda word: _FIRST_WORDS.index(word) if word in _FIRST_WORDS else len(_FIRST_WORDS))


def find_wrong_first_word(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a text that does not begin with the keyword of a statement."""
    if at.tokens:
        return None
    words = statement_keywords(at.accepts)
    begins = f"a statement begins with {', '.join(words[:-1])} or {words[-1]}"
    shown = f"'{at.found_text}'" if at.found_text.isprintable() else f"the character U+{ord(at.found_text[0]):04X}"
    message = f"a statement does not begin with {shown}"
    if at.found_text.startswith("\\"):
        hint = "commands such as \\d are for the prompt, each on its own line"
        return Diagnostic("AQL0115", "a statement does not begin with a backslash", at.span, hint=hint)
    if at.word in CONSTRUCT_BY_WORD:
        return diagnose_construct(CONSTRUCT_BY_WORD[at.word], at.span)
    statement = diagnose_foreign_statement(at, message)
    if statement is not None:
        return statement
    if at.found_text.lower() in KINDS:
        return Diagnostic(
            "AQL0115", message, at.span, "FIND comes first", f"write FIND {at.found_text}", f"FIND {at.found_text}"
        )
    if at.word in CLAUSE_STARTS:
        hint = "a clause belongs to a FIND: remove the ';' before it, or write FIND data_products first"
        return Diagnostic("AQL0115", message, at.span, "a clause", hint)
    if at.match(r"[^\W\d]\w*\(") is not None:
        hint = "functions are part of a FIND: FIND data_products SELECT platform, count(*) AS n GROUP BY platform"
        return Diagnostic("AQL0115", "a statement does not begin with a function", at.span, hint=hint)
    misspelt = None if at.word in FOREIGN_WORDS else find_misspelt(at.found_text, words)
    hint = f"did you mean {misspelt}?" if misspelt else begins
    if misspelt is None and at.match(r"[^\W\d]\w*\s*$"):
        hint = f"to show the result {at.found_text}, write FIND {at.found_text}; {begins}"
    return Diagnostic("AQL0115", message, at.span, hint=hint, fix=misspelt)


def find_missing_kind(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose FIND without a kind of record or a result after it."""
    if "DATA_PRODUCTS" not in at.accepts:
        if at.type_before(2) == "FIND" and at.type_before() == "NAME":
            words = at.match(rf"{re.escape(str(at.token_before()))}[\s-]+(\w+)", at.start_before())
            kind = find_misspelt(f"{at.token_before()}_{words[1]}", KINDS) if words is not None else None
            if kind is not None and words is not None:
                span = Span(at.start_before(), words.end())
                message = f"'{at.text[span.start : span.end]}' is one word"
                return Diagnostic("AQL0107", message, span, f"expected {kind}", f"did you mean {kind}?", kind)
        return None
    if at.type == "$END":
        return Diagnostic(
            "AQL0105",
            "the statement ends before the kind of record",
            at.span,
            f"{_list_of_kinds()} is missing",
            hint=f"FIND {next(iter(KINDS))} WHERE …",
        )
    hint, fix = suggest_kind(at.found_text)
    return Diagnostic(
        "AQL0107",
        f"'{at.found_text}' is neither a kind nor a result",
        at.span,
        f"expected {_list_of_kinds()}",
        hint=hint or f"FIND {next(iter(KINDS))} …",
        fix=fix,
    )


def _list_of_kinds() -> str:
    return " or ".join(KINDS)


def find_missing_assignment(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `LET c FIND …`, `LET c := FIND …` and `LET c AS FIND …`."""
    if not at.tokens or at.tokens[0].type not in ("LET", "SET", "SUBMIT") or at.accepts != frozenset({"CMP"}):
        return None
    sign = at.match(r":=|as(?!\w)|to(?!\w)|:")
    word = at.tokens[0].upper()
    if sign is not None:
        span = Span(at.start, sign.end())
        return Diagnostic("AQL0109", f"{word} takes '='", span, "write =", "write =", "=")
    if at.type == "$END":
        return None
    fix = f"= {at.found_text}"
    return Diagnostic(
        "AQL0109", f"'=' is missing after {word} {at.token_before()}", at.span, "expected =", f"write {fix}", fix
    )


def find_kind_after_from(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `FIND url FROM data_products` and `FIND data_products SELECT url FROM data_products`."""
    is_kind = (
        at.word == "FROM" and at.has_keyword("FIND") and at.match(rf"from\s+(?:{'|'.join(KINDS)})(?!\w)") is not None
    )
    return _selected_before_kind(at) or (find_from_clause(at) if is_kind else None)


def find_from_clause(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a FROM clause."""
    if at.word != "FROM":
        return None
    source = at.match(r"from\s+(\w+)(?!\w)(?!\s*[.,{])")
    kind = next((at.tokens[n + 1] for n, t in enumerate(at.tokens[:-1]) if t.type == "FIND"), None)
    is_repeated = source is not None and kind is not None and source[1].upper() == kind.upper()
    hint = (
        "the kind of record follows FIND: remove FROM"
        if is_repeated
        else ("the kind of record follows FIND: FIND data_products SELECT …; to read a result, use FIND name or SQL")
    )
    span = Span(at.start, source.end()) if is_repeated and source is not None else at.span
    return Diagnostic(
        "AQL0106", "FIND has no FROM clause", span, "not in this language", hint, "" if is_repeated else None
    )


def _selected_before_kind(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `FIND start, url FROM data_products`: SELECT follows the kind."""
    find = next((token for token in reversed(at.tokens[-3:]) if token.type == "FIND"), None)
    if find is None:
        return None
    columns = at.match(
        rf"find\s+(?P<columns>[^;{{}}]{{1,500}}?)\s+from\s+(?P<kind>{'|'.join(KINDS)})(?!\w)", find.start_pos
    )
    if (
        columns is None
        or columns["columns"].lower() in KINDS
        or re.search(r"\b(?:where|select|from)\b", columns["columns"], re.I)
    ):
        return None
    select = "" if columns["columns"] == "*" else f" SELECT {columns['columns']}"
    fix = f"{find} {columns['kind'].lower()}{select}"
    message = "the kind of record follows FIND, not FROM"
    return Diagnostic("AQL0106", message, Span(find.start_pos, columns.end()), "", f"write {fix}", fix)


def find_table_alias(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `FIND data_products d WHERE d.program = 'trex'`: a kind has no alias."""
    kind = at.token_before()
    if kind is None or at.type_before(2) != "FIND" or kind.lower() not in KINDS or "WHERE" not in at.accepts:
        return None
    alias = at.match(r"(?:as\s+)?(?P<alias>[^\W\d]\w*)\s*(?=where|select|on|order|group|limit|between|during|;|$)")
    if alias is None or alias["alias"].upper() in (*CLAUSE_STARTS, "AS"):
        return None
    rest = at.text[alias.end() : at.stop]
    if not alias[0].lower().startswith("as ") and f"{alias['alias']}." not in rest:
        return None
    pattern = rf"'(?:[^']|'')*'|(?<![\w.]){re.escape(alias['alias'])}\."
    renamed = re.sub(pattern, lambda match: "" if match[0].endswith(".") else match[0], rest)
    message = "a kind of record takes no alias"
    hint = f"write the fields without it: FIND {kind} {renamed.strip()}"
    return Diagnostic("AQL0118", message, Span(at.start, at.stop), "", hint.rstrip(), renamed.lstrip())


def find_predicate_in_parentheses(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `FIND data_products (program = 'trex')`, where WHERE is missing."""
    kind = at.token_before()
    if at.found_text != "(" or kind is None or at.type_before(2) != "FIND" or "WHERE" not in at.accepts:
        return None
    return Diagnostic(
        "AQL0106", "WHERE is missing before a predicate", at.span, "expected WHERE", "write WHERE (", "WHERE ("
    )


_EXPECTED_ITEMS = {
    "WHERE": "a predicate",
    "AND": "a predicate",
    "OR": "a predicate",
    "NOT": "a predicate",
    "SELECT": "a column",
    "BY": "a column",
    "WITHIN": "a distance",
    "SIGN": "a block",
    "VIA": "a trace",
}
"""The item that is missing when a clause begins directly after one of these terminals."""


def find_early_clause(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a missing item before a clause: `SELECT start, WHERE …`, `WHERE ON …`.

    A name was expected there, so the parser took the keyword of the clause for a name.
    """
    distance = 2 if at.type_before() == "NUMBER" and at.type == "SIGN" else 1  # `ground1- ON 2020-01-01`
    word = at.token_before(distance)
    if word is None or word.type != "NAME" or word.upper() not in CLAUSE_STARTS:
        return None
    span = Span(int(word.start_pos or 0), int(word.end_pos or 0))
    before = at.token_before(distance + 1)
    if before is not None and before.type == "COMMA":
        comma = Span(int(before.start_pos or 0), int(before.end_pos or 0))
        return Diagnostic(
            "AQL0114", "an extra comma", comma, f"{word.upper()} follows, not another item", "remove the comma", ""
        )
    if before is not None and before.type in _EXPECTED_ITEMS:
        item = _EXPECTED_ITEMS[before.type]
        return Diagnostic(
            "AQL0106",
            f"{item} is missing between {before.upper()} and {word.upper()}",
            span,
            f"expected {item}",
            f"write {item} there, or remove {before.upper()}" if item == "a predicate" else "",
        )
    return None


def find_row_limit(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose other forms of LIMIT.

    Examples: `LIMIT 10, 20`, `LIMIT ALL`, `OFFSET 5 LIMIT 10`, `LIMIT 10 ROWS`, `FETCH FIRST 5 ROWS ONLY`.
    """
    if at.found_text == "," and at.type_before(2) == "LIMIT":
        numbers = at.match(r"limit\s+(\d+)\s*,\s*(\d+)(?![\w.])", at.start_before(2))
        if numbers is None:
            return None
        clause = f"LIMIT {numbers[2]} OFFSET {numbers[1]}"
        span = Span(numbers.start(), numbers.end())
        return Diagnostic("AQL0118", "LIMIT takes one number", span, "two numbers", f"write {clause}", clause)
    if at.type_before() == "LIMIT" and at.word in ("ALL", "NULL", "NONE"):
        span = Span(at.start_before(), at.end)
        return Diagnostic("AQL0118", "no LIMIT means all rows", span, "not needed", "leave LIMIT out", "")
    if (
        at.word in ("ROW", "ROWS", "RECORDS")
        and at.type_before() == "NUMBER"
        and at.type_before(2) in ("LIMIT", "OFFSET")
    ):
        return Diagnostic(
            "AQL0106", f"{at.type_before(2)} takes a number alone", at.span, "one word too many", "remove it", ""
        )
    if at.word == "OFFSET" and "LIMIT" in at.accepts:
        numbers = at.match(
            r"offset\s+(\d+)(?:\s+rows?)?(?:\s+limit\s+(\d+)|\s+fetch\s+(?:first|next)\s+(\d+)\s+rows?\s+only)"
        )
        fix = f"LIMIT {numbers[2] or numbers[3]} OFFSET {numbers[1]}" if numbers else None
        span = Span(at.start, numbers.end()) if numbers else at.span
        return Diagnostic(
            "AQL0106", "OFFSET follows LIMIT", span, "LIMIT comes first", f"write {fix or 'LIMIT 10 OFFSET 20'}", fix
        )
    if at.word in ("FETCH", "TOP", "FIRST") and "LIMIT" in at.accepts:
        first = at.match(r"(?:fetch\s+(?:first|next)|top|first)\s+(\d+)(?:\s+rows?\s+only)?(?!\w)")
        fix = f"LIMIT {first[1]}" if first else None
        span = Span(at.start, first.end()) if first else at.span
        return Diagnostic(
            "AQL0118", f"'{at.found_text}' is written LIMIT", span, "expected LIMIT", f"write {fix or 'LIMIT 10'}", fix
        )
    return None


def find_missing_count(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose LIMIT or OFFSET without a whole number."""
    if at.type_before() not in ("LIMIT", "OFFSET"):
        return None
    if at.type == "$END":
        return None
    number = re.compile(r"[+-]?\s*[\d.]+").match(at.text, at.start)
    typed = number[0] if number else at.found_text
    return Diagnostic(
        "AQL0208",
        f"{at.type_before()} takes a whole number, not {typed}",
        Span(at.start, at.start + len(typed)),
        "expected a number",
        hint=f"for example: {at.type_before()} 10",
    )


def find_wrong_order(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `ORDER BY -start`, `ORDER BY start DESCENDING`, `SORT BY start`, `ORDER BY 1` and `GROUP BY 1`."""
    if at.word in ("DESCENDING", "ASCENDING") and "DESC" in at.accepts:
        keyword = "DESC" if at.word == "DESCENDING" else "ASC"
        return Diagnostic(
            "AQL0107",
            f"'{at.found_text}' is written {keyword}",
            at.span,
            f"expected {keyword}",
            f"write {keyword}",
            keyword,
        )
    if at.word in ("SORT", "SORTED", "ORDERED") and "ORDER" in at.accepts:
        by = at.match(r"\w+\s+by(?!\w)")
        fix = "ORDER BY" if by else None
        span = Span(at.start, by.end()) if by else at.span
        return Diagnostic(
            "AQL0107", f"'{at.found_text}' is written ORDER BY", span, "expected ORDER BY", "write ORDER BY", fix
        )
    if at.type_before() == "BY" and at.found_text == "-":
        path = at.match(r"-\s*([^\W\d][\w.]*)")
        fix = f"{path[1]} DESC" if path else None
        span = Span(at.start, path.end()) if path else at.span
        return Diagnostic(
            "AQL0118", "descending order is written DESC", span, "a sign", f"write {fix or 'start DESC'}", fix
        )
    if at.type_before() == "BY" and at.type == "NUMBER":
        clause = f"{at.word_before(2)} BY"
        return Diagnostic(
            "AQL0118", f"{clause} takes names, not positions", at.span, "a number", "write the name of the column"
        )
    return None


def find_forced_keyword(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose GROUP or ORDER without BY, and every other place where only one keyword is allowed."""
    keyword = next(iter(at.accepts)) if len(at.accepts) == 1 else ""
    if not keyword.isalpha() or keyword in NAMES_OF_TERMINALS or at.type == "$END":
        return None
    before = at.word_before()
    misspelt = find_misspelt(at.found_text, [keyword]) if at.word not in FOREIGN_WORDS else None
    if misspelt is not None:
        return Diagnostic(
            "AQL0107",
            f"'{at.found_text}' is not a keyword",
            at.span,
            f"expected {keyword}",
            f"did you mean {keyword}?",
            keyword,
        )
    if keyword == "FIND":
        return Diagnostic("AQL0106", f"{before} takes a search", at.span, "expected FIND", "write FIND data_products …")
    fix = f"{keyword} {at.found_text}"
    return Diagnostic(
        "AQL0106", f"{keyword} is missing after {before}", at.span, f"expected {keyword}", f"write {fix}", fix
    )


def find_missing_where(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a predicate without WHERE: `FIND data_products program = 'trex'`, `… WITH program = 'trex'`."""
    if "WHERE" not in at.accepts or not is_word(at.found_text) or at.word in at.accepts:
        return None
    if "AND" in at.accepts and at.word not in ("WITH", "WHEN", "IF", "FILTER", "HAVING", "FOR"):
        return None
    has_wrong_keyword = at.word in ("AND", "OR", "WITH", "WHEN", "IF", "FILTER", "HAVING", "FOR")
    word = at.match(r"\w+\s*") if has_wrong_keyword else None
    predicate_start = word.end() if word is not None else at.start
    if not (has_wrong_keyword or starts_predicate(at, at.end)) or (
        has_wrong_keyword and not _is_predicate_at(at, predicate_start)
    ):
        return None
    if at.has_keyword("WHERE"):
        hint = f"join it to the WHERE clause: WHERE … {at.word if at.word in ('AND', 'OR') else 'AND'} …"
        return Diagnostic("AQL0110", "a predicate belongs in WHERE", at.span, "a predicate after another clause", hint)
    clause_text = "WHERE" if has_wrong_keyword else f"WHERE {at.found_text}"
    fix = clause_text if at.word != "OR" else None
    message = f"predicates follow WHERE, not {at.word}" if has_wrong_keyword else "WHERE is missing before a predicate"
    return Diagnostic("AQL0106", message, at.span, "expected WHERE", "write WHERE", fix)


def _is_predicate_at(at: ParseErrorContext, place: int) -> bool:
    name = at.match(r"\(*\s*[^\W\d]\w*", place)
    return name is not None and starts_predicate(at, name.end())


def find_missing_of(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `FIND conjunctions ground (…)`, where OF is missing."""
    if at.word in ("GROUND", "SPACE", "EVENTS", "LOCATION") and "OF" in at.accepts and not at.has_keyword("OF"):
        joined = at.word_before() in ("BETWEEN", "WITH")
        fix = None if joined else f"OF {at.found_text}"
        return Diagnostic(
            "AQL0106", "OF is missing before the blocks", at.span, "expected OF", f"write OF {at.found_text}", fix
        )
    if (
        at.word in ("GROUND", "SPACE", "EVENTS", "LOCATION")
        and at.type_before() == "BETWEEN"
        and not at.has_keyword("OF")
    ):
        span = Span(at.start_before(), at.end)
        hint = f"write OF {at.found_text} (…), space (…); BETWEEN begins a time window"
        return Diagnostic("AQL0106", "blocks follow OF, not BETWEEN", span, "expected OF", hint, f"OF {at.found_text}")
    return None


def find_misspelt_keyword(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a misspelt keyword."""
    if not is_word(at.found_text) or at.word in FOREIGN_WORDS:
        return None
    candidates = [terminal for terminal in at.accepts if terminal not in NAMES_OF_TERMINALS and terminal != at.word]
    keyword = find_misspelt(at.found_text, candidates) if len(at.found_text) > 2 else None
    if keyword is None:
        return None
    return Diagnostic(
        "AQL0107",
        f"'{at.found_text}' is not a keyword",
        at.span,
        f"expected {keyword}",
        hint=f"did you mean {keyword}?",
        fix=keyword,
    )


def find_unfinished(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a statement that ends too early."""
    if at.type != "$END":
        return None
    last = at.token_before()
    word = str(last) if last is not None else ""
    return Diagnostic(
        "AQL0105", f"the statement ends after '{word}', unfinished", at.span, f"expected {describe_expected(at)}"
    )


_BLOCKS = {"GROUND", "SPACE", "EVENTS"}


def _is_between_blocks(at: ParseErrorContext) -> bool:
    """Return whether another block could follow here."""
    of = max((n for n, token in enumerate(at.tokens) if token.type == "OF"), default=-1)
    later = {token.type for token in at.tokens[of + 1 :]}
    return of >= 0 and "COMMA" in at.accepts and not later & {"WITHIN", "SELECT", "WHERE", "VIA", "ORDER", "GROUP"}


def find_joined_blocks(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose two blocks joined by AND or OR, or without a comma."""
    if not _is_between_blocks(at):
        return None
    word = at.found_text.upper()
    if word in ("AND", "OR"):
        return Diagnostic(
            "AQL0114", f"blocks are joined by commas, not by {word}", at.span, "write a comma", "did you mean ','?", ","
        )
    if word in (*_BLOCKS, "LOCATION"):
        place = Span(at.end_before(), at.end)
        return Diagnostic(
            "AQL0114", "a comma is missing between two blocks", place, "another block", f"write , {at.found_text}"
        )
    return None


def find_block_predicate(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose the predicate of a block without parentheses: `ground program = 'trex'`."""
    if not _is_between_blocks(at) or at.type_before() not in _BLOCKS or "LPAR" not in at.accepts or at.type != "NAME":
        return None
    block = str(at.token_before())
    return Diagnostic(
        "AQL0102",
        "the predicate of a block is in parentheses",
        at.span,
        "no '(' before it",
        hint=f"write {block} ({at.found_text} …)",
    )


def find_missing_place(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a location without coordinates, or with only one."""
    words = [token.type for token in at.tokens[-3:]]
    lacks_both = words[-1:] == ["LOCATION"] and at.type != "LPAR" and "LPAR" in at.accepts
    lacks_longitude = at.type == "RPAR" and "LOCATION" in [t.type for t in at.tokens[-6:]] and "COMMA" in at.accepts
    if not lacks_both and not lacks_longitude:
        return None
    label = "no place" if lacks_both else "no longitude"
    return Diagnostic(
        "AQL0106",
        "a location needs a latitude and a longitude",
        at.span,
        label,
        "for example: location (51.05, -114.07)",
    )
