"""Constructs of SQL and other languages, each answered by the construct that does the same here.

A row never guesses: the fact, the construct that works today, and a statement that shows it (a test runs them).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.language.pretty import quote_name
from auroraql.language.syntax_errors.parse_context import CLAUSE_STARTS, ParseErrorContext
from auroraql.schema import KINDS


@dataclass(frozen=True, slots=True)
class ForeignConstruct:
    """A construct that AuroraQL does not have: its words, the fact, the way out, and an example script of that."""

    words: tuple[str, ...]
    fact: str
    hint: str
    example: str = ""
    before: str = ""
    """What the example needs before it."""


_KEPT = "LET r = FIND data_products WHERE program = 'trex' ON 2021-01-01; "
_GROUPS = "LET g = FIND data_products SELECT platform, count(*) AS n DURING 2021 GROUP BY platform; "

FUNCTIONS_OF_FIELDS = ForeignConstruct(
    (),
    "FIND has no functions of single values",
    "keep the records with LET name = FIND …, then use SQL functions: SQL SELECT … FROM name",
    "SQL SELECT date_trunc('month', start) AS month, count(*) AS n FROM r GROUP BY ALL",
    _KEPT,
)
ARITHMETIC = ForeignConstruct(
    (),
    "FIND does not calculate",
    "keep the records with LET name = FIND …, then calculate in SQL: SQL SELECT … FROM name",
    'SQL SELECT "end" - start AS length FROM r',
    _KEPT,
)

FOREIGN_CONSTRUCTS = (
    ForeignConstruct(
        ("JOIN", "INNER", "LEFT", "RIGHT", "FULL", "OUTER", "CROSS", "NATURAL", "ASOF", "LATERAL"),
        "FIND searches one kind of record and has no JOIN",
        "keep each search with LET, then join the results: SQL SELECT … FROM a JOIN b ON …",
        "LET a = FIND data_products WHERE program = 'trex' ON 2021-01-01; "
        "LET b = FIND data_products WHERE program = 'rego' ON 2021-01-01; SQL SELECT * FROM a JOIN b ON a.start = b.start",
    ),
    ForeignConstruct(
        ("HAVING", "QUALIFY"),
        "FIND has no HAVING",
        "keep the groups with LET name = FIND … GROUP BY …, then filter them: FIND name WHERE n > 100",
        "FIND g WHERE n > 100",
        _GROUPS,
    ),
    ForeignConstruct(
        ("UNION", "INTERSECT", "EXCEPT", "MINUS"),
        "one FIND cannot be combined with another",
        "join the conditions with AND, OR and NOT in one WHERE, or keep each search with LET and combine them in SQL",
        "SQL SELECT url FROM r UNION SELECT url FROM r",
        _KEPT,
    ),
    ForeignConstruct(
        ("OVER", "PARTITION", "WINDOW", "PIVOT", "UNPIVOT", "ROLLUP", "CUBE", "GROUPING"),
        "FIND has no window functions and no pivots",
        "keep the records with LET name = FIND …, then use them in SQL: SQL SELECT … FROM name",
        "SQL SELECT url, row_number() OVER (ORDER BY start) AS n FROM r",
        _KEPT,
    ),
    ForeignConstruct(
        ("CASE", "WHEN", "CAST", "EXTRACT", "INTERVAL", "COALESCE"),
        "FIND has no expressions",
        "keep the records with LET name = FIND …, then use SQL: SQL SELECT CASE WHEN … FROM name",
        "SQL SELECT CASE WHEN url IS NULL THEN 0 ELSE 1 END AS there FROM r",
        _KEPT,
    ),
    ForeignConstruct(
        ("XOR",),
        "there is no XOR",
        "write (a AND NOT b) OR (b AND NOT a)",
        "FIND data_products WHERE (program = 'trex' AND NOT platform = 'gillam') "
        "OR (platform = 'gillam' AND NOT program = 'trex') ON 2021-01-01",
    ),
    ForeignConstruct(
        (
            "REGEXP",
            "RLIKE",
            "SIMILAR",
            "GLOB",
            "MATCHES",
            "MATCH",
            "CONTAINS",
            "STARTSWITH",
            "ENDSWITH",
            "STARTS",
            "ENDS",
        ),
        "texts are matched by LIKE alone",
        "LIKE takes % for any characters and _ for one: display_name LIKE 'TREx RGB %'",
        "FIND data_products WHERE display_name LIKE 'TREx RGB %' ON 2021-01-01",
    ),
    ForeignConstruct(
        ("EXISTS",),
        "FIND has no EXISTS",
        "write field IS NOT NULL, or field IN (FIND … SELECT field …)",
        "FIND data_products WHERE keogram_type IS NOT NULL "
        "AND platform IN (FIND data_products SELECT platform WHERE program = 'rego' ON 2021-01-01) ON 2021-01-01",
    ),
    ForeignConstruct(
        ("INSERT", "UPDATE", "DELETE", "DROP", "CREATE", "ALTER", "TRUNCATE", "GRANT", "REPLACE", "MERGE", "COPY"),
        "AuroraQL only reads",
        "FIND finds records, LET keeps them under a name, and --output FILE or .save writes them to a file",
        "FIND r",
        _KEPT,
    ),
)
"""By their words, at any place of a statement."""

CONSTRUCT_BY_WORD = {word: habit for habit in FOREIGN_CONSTRUCTS for word in habit.words}

FOREIGN_WORDS = frozenset(
    {
        *CONSTRUCT_BY_WORD,
        *(
            "ALL",
            "ANALYZE",
            "ASCENDING",
            "DATABASE",
            "DATABASES",
            "DESCENDING",
            "DO",
            "ELSE",
            "END",
            "FETCH",
            "FROM",
            "GO",
        ),
        *(
            "HELP",
            "IF",
            "ILIKE",
            "INDEX",
            "INTO",
            "ISNULL",
            "NAND",
            "NEXT",
            "NOR",
            "NOTNULL",
            "ONLY",
            "QUIT",
            "ROW",
            "ROWS",
        ),
        *("SCHEMA", "SCHEMAS", "SORT", "TABLE", "TABLES", "THEN", "THIS", "TO", "TOP", "TRUNC", "USE", "WITH", "YEAR"),
        *(
            "MONTH",
            "DAY",
            "DATE",
            "TIME",
            "TIMESTAMP",
            "NULLIF",
            "NAN",
            "NONE",
            "AFTER",
            "BEFORE",
            "FILTER",
            "DISTINCT",
        ),
    }
)
"""Words that are what they are: none of them is a misspelt keyword."""


def diagnose_construct(habit: ForeignConstruct, span: Span, label: str = "") -> Diagnostic:
    """Return the diagnostic of a habit."""
    return Diagnostic("AQL0118", habit.fact, span, label or "not in AuroraQL", habit.hint)


def find_foreign_word(at: ParseErrorContext) -> Diagnostic | None:
    """JOIN, HAVING, XOR, CASE and so on, where the parser stopped at them or took them for a name."""
    habit = CONSTRUCT_BY_WORD.get(at.word)
    if habit is not None:
        return diagnose_construct(habit, at.span)
    taken = at.token_before()
    if (
        taken is None
        or taken.type != "NAME"
        or taken.upper() not in CONSTRUCT_BY_WORD
        or at.type in ("$END", "CMP", "COMMA", "RPAR")
    ):
        return None
    if at.type_before(2) in ("DOT", "AS", "IN", "CMP", "LET"):
        return None
    return diagnose_construct(CONSTRUCT_BY_WORD[taken.upper()], Span(taken.start_pos, taken.end_pos))


_ITEMS = r"(?P<items>(?:(?!\b(?:from|select|where|find)\b)[^;{}])+?)"


def parse_select_from(at: ParseErrorContext, start: int) -> tuple[str, int] | None:
    """Return the FIND that says `SELECT … FROM kind` at a place, and where that ends; None when it is another SELECT."""
    found = at.match(rf"select\s+(?P<distinct>distinct\s+)?{_ITEMS}\s+from\s+(?P<kind>\w+)(?!\w)(?!\s*[.,(])", start)
    if found is None or found["kind"].lower() not in KINDS:
        return None
    items = found["items"].strip()
    find = f"FIND {'DISTINCT ' if found['distinct'] else ''}{found['kind'].lower()}"
    return find + ("" if items == "*" else f" SELECT {items}"), found.end()


def find_select_first(at: ParseErrorContext) -> Diagnostic | None:
    """SELECT where a statement, or a FIND in parentheses, is due."""
    if at.word != "SELECT" or "SELECT" in at.accepts:
        return None
    nested = bool(at.tokens) and at.type_before() == "LPAR"
    if at.tokens and not nested and "FIND" not in at.accepts:
        return None
    where = "a search in parentheses" if nested else "a search"
    made = parse_select_from(at, at.start)
    example = "IN (FIND ephemeris SELECT platform WHERE …)" if nested else "FIND data_products SELECT … WHERE …"
    hint = f"write {made[0]} …" if made else f"write {example}; SQL before it searches the rows of results"
    if nested and made is None:
        hint = f"write {example}, or IN name.column for a column of a result"
    if nested and at.type_before(2) != "IN" and made is None:
        hint = f"write {example}"
    span = Span(at.start, made[1]) if made else at.span
    return Diagnostic(
        "AQL0115", f"{where} begins with FIND, not with SELECT", span, "FIND comes first", hint, made and made[0]
    )


def find_distinct(at: ParseErrorContext) -> Diagnostic | None:
    """`SELECT DISTINCT platform`, `count(DISTINCT platform)`, `SELECT TOP 10 start`, `SELECT ALL start`."""
    word, before = at.word_before(), at.type_before(2)
    if (
        at.type_before() != "NAME"
        or word not in ("DISTINCT", "TOP", "ALL", "UNIQUE")
        or at.type in ("COMMA", "DOT", "$END")
    ):
        return None
    if before == "LPAR":
        hint = "keep the records with LET name = FIND …, then SQL SELECT count(DISTINCT column) FROM name"
        return Diagnostic(
            "AQL0118", f"functions do not take {word}", Span(at.start_before(), at.end_before()), "", hint
        )
    if before != "SELECT":
        return None
    if word == "TOP":
        number = at.match(r"\d+")
        hint = f"write LIMIT {number[0] if number else 10} at the end"
        return Diagnostic("AQL0118", "there is no TOP", Span(at.start_before(), at.end), "", hint)
    find = next((token for token in reversed(at.tokens) if token.type == "FIND"), None)
    if word == "ALL" or find is None:
        return None
    between = at.text[find.end_pos : at.start_before()]
    fix = f"{find} DISTINCT{between.rstrip()}"
    return Diagnostic(
        "AQL0118",
        f"{word} follows FIND, not SELECT",
        Span(find.start_pos, at.end_before()),
        "FIND DISTINCT …",
        f"write {' '.join(fix.split())} {at.found_text} …",
        fix,
    )


_CALLS = {
    "=": "=",
    "==": "=",
    ">=": ">=",
    "<": "<",
}


def find_function_call(at: ParseErrorContext) -> Diagnostic | None:
    """A function where a field or a value is due: `year(start) = 2020`, `start > date('…')`, `ORDER BY count(*)`."""
    if at.type_before() == "LPAR" and at.type_before(2) == "NAME" and at.type in ("STRING", "NUMBER", "SIGN", "LPAR"):
        return diagnose_construct(FUNCTIONS_OF_FIELDS, Span(at.start_before(2), at.end), "a function")
    if at.found_text != "(" or at.type_before() != "NAME":
        return None
    name = at.token_before()
    assert name is not None  # noqa: S101 - type_before says so
    start, function = name.start_pos, name.lower()
    whole = at.match(r"\w+\s*\(\s*([^()]*?)\s*\)", start)
    span = Span(start, whole.end() if whole else at.end)
    inner = whole[1] if whole else ""
    if function in ("date", "timestamp", "datetime", "to_date", "to_timestamp") and at.type_before(2) == "CMP":
        return _call_of_literal(at, inner, span)
    if at.type_before(2) == "BY" or (
        at.type_before(2) == "COMMA" and (at.has_keyword("ORDER") or at.has_keyword("GROUP"))
    ):
        clause = "GROUP BY" if at.has_keyword("GROUP") and not at.has_keyword("ORDER") else "ORDER BY"
        if clause == "ORDER BY":
            hint = f"name it in SELECT and order by the name: SELECT {at.text[span.start : span.end]} AS n … ORDER BY n"
            return Diagnostic("AQL0118", "ORDER BY takes a name, not a function", span, "a function", hint)
        return diagnose_construct(FUNCTIONS_OF_FIELDS, span, "a function")
    predicate = at.type_before(2) in ("WHERE", "AND", "OR", "NOT", "LPAR")
    if predicate and whole is not None:
        return _call_of_field(at, function, inner, whole.end(), span)
    return diagnose_construct(FUNCTIONS_OF_FIELDS, span, "a function")


def _call_of_literal(at: ParseErrorContext, inner: str, span: Span) -> Diagnostic:
    """`date('2020-01-01')`: the literal itself, where it means the same, which midnight and a day do not always."""
    literal = re.fullmatch(r"['\"](\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?Z?)?)['\"]", inner)
    sign = _CALLS.get(at.word_before(2), "")
    sign = str(at.token_before(2))
    same = literal is not None and (len(literal[1]) > 10 or sign in (">=", "<"))
    fix = literal[1] if literal is not None and same else None
    hint = f"write {fix}" if fix else "write 2020-02-01 for the whole day, 2020-02-01T00:00 for midnight"
    return Diagnostic("AQL0118", "a time is written without a function", span, "a function", hint, fix)


def _call_of_field(at: ParseErrorContext, function: str, inner: str, end: int, span: Span) -> Diagnostic:
    compared = at.match(r"\s*(=|in)\s*'?(\d{4}(?:-\d{2}-\d{2})?)'?(?![\w:.-])", end)
    if compared is not None and compared[1] == "=" and re.fullmatch(r"\w+", inner):
        value, fix = compared[2], None
        if function == "year" and len(value) == 4:
            fix = f"{inner} BETWEEN {value}-01-01 AND {value}-12-31"
        elif function in ("date", "to_date", "day") and len(value) == 10:
            fix = f"{inner} BETWEEN {value} AND {value}"
        if fix is not None:
            window = f"DURING {value}" if len(value) == 4 else f"ON {value}"
            message = f"a field is compared without {function}()"
            hint = f"write {fix}, or the window {window} after WHERE"
            return Diagnostic("AQL0118", message, Span(span.start, compared.end()), "a function", hint, fix)
    if function in ("lower", "upper", "lcase", "ucase"):
        message = f"a field is compared without {function}()"
        folded = str.lower if function in ("lower", "lcase") else str.upper
        text = at.match(r"\s*=\s*'([^'%_\\\n]*)'", end)
        if text is not None and folded(text[1]) == text[1] and re.fullmatch(r"[\w.]+", inner):
            fix = f"{inner} LIKE '{text[1]}'"
            hint = f"LIKE ignores case: write {fix}"
            return Diagnostic("AQL0118", message, Span(span.start, text.end()), "a function", hint, fix)
        hint = f"LIKE ignores case: {inner or 'display_name'} LIKE 'trex rgb %'"
        return Diagnostic("AQL0118", message, span, "a function", hint)
    if function in ("exists", "isnull", "is_null", "notnull"):
        hint = f"write {inner or 'keogram_type'} IS {'NULL' if function in ('isnull', 'is_null') else 'NOT NULL'}"
        return Diagnostic("AQL0118", f"there is no {function}()", span, "a function", hint)
    if function in ("count", "min", "max", "avg", "sum"):
        return diagnose_construct(CONSTRUCT_BY_WORD["HAVING"], span, "a function of groups")
    return diagnose_construct(FUNCTIONS_OF_FIELDS, span, "a function")


def find_arithmetic(at: ParseErrorContext) -> Diagnostic | None:
    """`min_distance / 1000`, `end - start`, `m || 'ab'`, `radial_distance + 1 > 5`."""
    sign = at.match(r"\|\||[-+*/%](?!\w*[-/:]\d)")
    if sign is None or not at.tokens or at.type_before() not in ("NAME", "QNAME", "RPAR", "NUMBER", "STRING"):
        return None
    in_select = _current_clause(at) == "SELECT"
    apart = at.start > at.end_before()
    if sign[0] == "||" and not in_select:
        return None
    if in_select or "CMP" in at.accepts or (apart and at.type_before(2) == "CMP" and at.type_before() == "NAME"):
        return diagnose_construct(ARITHMETIC, Span(at.start, sign.end()), "a calculation")
    if at.type_before() == "NUMBER" and apart and at.type_before(2) == "CMP":
        return diagnose_construct(ARITHMETIC, Span(at.start, sign.end()), "a calculation")
    return None


def _current_clause(at: ParseErrorContext) -> str:
    """The clause that the parser stopped in."""
    return next((token.type for token in reversed(at.tokens) if token.type in CLAUSE_STARTS), "")


def find_member_access(at: ParseErrorContext) -> Diagnostic | None:
    """`metadata['keogram_type']`, `metadata->>'k'`, `data_source:program`, `metadata.'k'`."""
    name = at.token_before()
    if name is None or name.type not in ("NAME", "DOT", "QNAME"):
        return None
    if name.type == "DOT":
        found = at.match(r"(['\"])(?P<key>[^'\"]+)\1")
        start = name.start_pos
    else:
        found = at.match(
            r"\s*(?:\[\s*(?P<q>['\"]?)(?P<key>[^'\"\]\[]+)(?P=q)\s*\]|->>?\s*(?P<q2>['\"]?)(?P<key2>\w[^'\"\s]*)(?P=q2))",
            at.start,
        )
        start = at.start
    if found is None:
        return None
    groups = found.groupdict()
    key = (groups.get("key") or groups.get("key2") or "").strip()
    if key.isdigit():
        hint = "fields of lists are compared by any element, as events.min_distance = 100"
        return Diagnostic("AQL0118", "elements of lists have no names", Span(start, found.end()), "an index", hint)
    fix = "." + quote_name(key) if not re.fullmatch(r"[^\W\d]\w*", key) else "." + key
    written = f"{'' if name.type == 'DOT' else name}{fix}"
    return Diagnostic(
        "AQL0118", "members are named after a point", Span(start, found.end()), "expected '.'", f"write {written}", fix
    )


_FLIPPED = {"=": "=", "!=": "!=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def find_value_first(at: ParseErrorContext) -> Diagnostic | None:
    """`5 < x`, `1 < x < 5`, `'trex' = program`, `"program" = 'trex'`."""
    if "NAME" not in at.accepts or "STRING" in at.accepts or at.type not in ("STRING", "NUMBER", "DATETIME", "MONTH"):
        return None
    if not at.tokens or at.type_before() not in ("WHERE", "AND", "OR", "NOT", "LPAR", "SELECT", "BY", "COMMA"):
        return None
    value = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[-\w.:]+"
    sides = at.match(rf"({value})\s*(<=|>=|<>|!=|=|<|>)\s*([^\W\d][\w.]*)(?![\w(])(?:\s*(<=|>=|<|>)\s*({value}))?")
    if sides is not None and not (at.found_text[0] == '"' and sides[3].upper() in ("NOW", "TODAY", "TRUE", "FALSE")):
        fix = f"{sides[3]} {_FLIPPED[sides[2]]} {sides[1]}"
        if sides[4]:
            fix = f"({fix} AND {sides[3]} {sides[4]} {sides[5]})"
        return Diagnostic(
            "AQL0118",
            "a predicate begins with a field",
            Span(at.start, sides.end()),
            "a value first",
            f"write {fix}",
            fix,
        )
    if at.type == "STRING" and at.found_text[0] in "'\"":
        name = at.found_text[1:-1]
        fix = name if re.fullmatch(r"[^\W\d][\w.]*", name) else quote_name(name)
        return Diagnostic("AQL0118", "a name is written without quotes", at.span, "a text", f"write {fix}", fix)
    return None


_OPERATORS = {
    "EQUALS": "=",
    "EQ": "=",
    "EQUAL": "=",
    "NE": "!=",
    "NEQ": "!=",
    "GT": ">",
    "GTE": ">=",
    "GE": ">=",
    "LT": "<",
    "LTE": "<=",
    "LE": "<=",
    "ILIKE": "LIKE",
}


def find_operator_word(at: ParseErrorContext) -> Diagnostic | None:
    """`program EQUALS 'trex'`, `program: 'trex'`, `x IS 5`, `x NOT NULL`, `x ILIKE 'a%'`."""
    if at.type_before() == "IS" and at.type in (
        "STRING",
        "NUMBER",
        "TRUE",
        "FALSE",
        "DATETIME",
        "MONTH",
        "NAME",
        "PARAM",
    ):
        span = Span(at.start_before(), at.end)
        return (
            Diagnostic(
                "AQL0109", "IS compares only with NULL", at.span, "expected NULL", f"write = {at.found_text}", None
            )
            if at.type == "NAME"
            else Diagnostic(
                "AQL0109",
                "IS compares only with NULL",
                span,
                "write =",
                f"write = {at.found_text}",
                f"= {at.found_text}",
            )
        )
    if at.type_before() == "NOT" and at.type_before(2) == "IS":
        return Diagnostic(
            "AQL0109", "IS NOT compares only with NULL", at.span, "expected NULL", f"write != {at.found_text}"
        )
    if at.word == "NULL" and at.type_before() == "NOT" and "LIKE" in at.accepts:
        span = Span(at.start_before(), at.end)
        return Diagnostic("AQL0109", "IS is missing", span, "expected IS", "write IS NOT NULL", "IS NOT NULL")
    if "CMP" not in at.accepts:
        return None
    if at.word in ("ISNULL", "NOTNULL"):
        fix = "IS NULL" if at.word == "ISNULL" else "IS NOT NULL"
        return Diagnostic("AQL0109", f"{at.word} is written {fix}", at.span, f"write {fix}", f"write {fix}", fix)
    colon = at.match(r":=?(?!:)")
    if colon is not None:
        return Diagnostic(
            "AQL0109", "values are compared with '='", Span(at.start, colon.end()), "write =", "write =", " ="
        )
    if at.match(r"::\s*\w+") is not None:
        return diagnose_construct(FUNCTIONS_OF_FIELDS, at.span, "a cast")
    meant = _OPERATORS.get(at.word)
    if meant is not None:
        return Diagnostic(
            "AQL0109", f"'{at.found_text}' is written {meant}", at.span, f"write {meant}", f"write {meant}", meant
        )
    return None


def find_several_values(at: ParseErrorContext) -> Diagnostic | None:
    """`program = 'trex' OR 'rego'`, `= ('trex', 'rego')`, `= 'trex', 'rego'`, `= ['trex']`, `= ANY ('trex')`."""
    value = r"(?:'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$\w+|[-+]?\d[\w.:+-]*)"
    back = next((n for n in range(1, 6) if at.type_before(n) == "CMP"), 0)
    sign = at.token_before(back) if back else None
    if sign is None or str(sign) not in ("=", "!=", "<>"):
        return None
    rest = at.match(
        rf"(?:=|!=|<>)\s*(?:(?:any|some)\s*)?(?:[(\[{{]\s*({value}(?:\s*,\s*{value})*)\s*[)\]}}]|({value}(?:\s*(?:,|\bor\b)\s*{value})+)(?!\s*[=<>!]))",
        sign.start_pos,
    )
    if rest is None or rest.end() <= at.start:
        return None
    if rest[2] and str(sign) != "=" and re.search(r"\bor\b", rest[2], re.IGNORECASE):
        return None
    values = re.findall(value, rest[1] or rest[2])
    operator = "IN" if str(sign) == "=" else "NOT IN"
    fix = f"{operator} ({', '.join(values)})"
    if rest[2] and at.match(r"\s*,\s*\d+", sign.end_pos) is None and re.fullmatch(r"\d+,\d+", rest[2]):
        return None  # a decimal comma
    return Diagnostic(
        "AQL0109",
        f"several values are compared with {operator}",
        Span(sign.start_pos, rest.end()),
        f"expected {operator}",
        f"write {fix}",
        fix,
    )
