"""Rules for constructs of SQL and other languages that AuroraQL does not have or writes differently.

A rule never guesses. Each entry states the fact, the construct that works, and an example statement, which a test runs.
"""

from __future__ import annotations

import re

from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.language.printer import quote_name
from auroraql.language.syntax_errors.foreign_constructs import (
    ARITHMETIC,
    CONSTRUCT_BY_NAME,
    CONSTRUCT_BY_WORD,
    FUNCTIONS_OF_FIELDS,
    diagnose_construct,
)
from auroraql.language.syntax_errors.parse_context import CLAUSE_STARTS, ParseErrorContext


def find_foreign_word(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose JOIN, HAVING, XOR, CASE and so on, where the parser stopped at them or took them for a name."""
    construct = CONSTRUCT_BY_WORD.get(at.word)
    if construct is not None:
        return diagnose_construct(construct, at.span)
    name = at.token_before()
    if (
        name is None
        or name.type != "NAME"
        or name.upper() not in CONSTRUCT_BY_WORD
        or at.type in ("$END", "CMP", "COMMA", "RPAR")
    ):
        return None
    if at.type_before(2) in ("DOT", "AS", "IN", "CMP", "LET"):
        return None
    return diagnose_construct(CONSTRUCT_BY_WORD[name.upper()], Span(name.start_pos, name.end_pos))


def find_early_construct(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose OVER, FILTER, EXISTS and `* EXCEPT (…)`, whose words the parser takes for names."""
    if at.word in ("OVER", "FILTER") and at.type_before() == "RPAR":
        name = "window function" if at.word == "OVER" else "filter"
        return diagnose_construct(CONSTRUCT_BY_NAME[name], at.span)
    if at.word_before() == "EXISTS" or (at.word_before(3) == "EXISTS" and at.type_before(2) == "LPAR"):
        exists = at.tokens[-1 if at.word_before() == "EXISTS" else -3]
        return diagnose_construct(CONSTRUCT_BY_NAME["EXISTS"], Span(exists.start_pos, exists.end_pos))
    if at.word == "EXCEPT" and at.type_before() == "STAR":
        return Diagnostic("AQL0118", "EXCEPT is written EXCLUDE", at.span, "", "write EXCLUDE", "EXCLUDE")
    return None


def find_distinct(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `SELECT DISTINCT platform`, `count(DISTINCT platform)` and `SELECT TOP 10 start`."""
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
        return Diagnostic("AQL0118", "AuroraQL has no TOP", Span(at.start_before(), at.end), "", hint)
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


def find_function_call(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a function where a field or a value is expected.

    Examples: `year(start) = 2020`, `start > date('…')`, `ORDER BY count(*)`.
    """
    if at.type_before() == "LPAR" and at.type_before(2) == "NAME" and at.type in ("STRING", "NUMBER", "SIGN", "LPAR"):
        return diagnose_construct(FUNCTIONS_OF_FIELDS, Span(at.start_before(2), at.end), "a function")
    if at.found_text != "(" or at.type_before() != "NAME":
        return None
    name = at.token_before()
    assert name is not None  # noqa: S101 - guaranteed by type_before
    start, function = name.start_pos, name.lower()
    call = at.match(r"\w+\s*\(\s*([^()]*?)\s*\)", start)
    span = Span(start, call.end() if call else at.end)
    argument = call[1] if call else ""
    if function in ("date", "timestamp", "datetime", "to_date", "to_timestamp") and at.type_before(2) == "CMP":
        return _call_of_literal(at, argument, span)
    if at.type_before(2) == "BY" or (
        at.type_before(2) == "COMMA" and (at.has_keyword("ORDER") or at.has_keyword("GROUP"))
    ):
        clause = "GROUP BY" if at.has_keyword("GROUP") and not at.has_keyword("ORDER") else "ORDER BY"
        if clause == "ORDER BY":
            hint = f"name it in SELECT and order by the name: SELECT {at.text[span.start : span.end]} AS n … ORDER BY n"
            return Diagnostic("AQL0118", "ORDER BY takes a name, not a function", span, "a function", hint)
        return diagnose_construct(FUNCTIONS_OF_FIELDS, span, "a function")
    predicate = at.type_before(2) in ("WHERE", "AND", "OR", "NOT", "LPAR")
    if predicate and call is not None:
        return _call_of_field(at, function, argument, call.end(), span)
    return diagnose_construct(FUNCTIONS_OF_FIELDS, span, "a function")


def _call_of_literal(at: ParseErrorContext, argument: str, span: Span) -> Diagnostic:
    """Diagnose `date('2020-01-01')`.

    The fix is the literal itself where it has the same meaning. A date is a whole day, so it does not replace
    midnight after every operator.
    """
    literal = re.fullmatch(r"['\"](\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?Z?)?)['\"]", argument)
    operator = str(at.token_before(2))
    is_equivalent = literal is not None and (len(literal[1]) > 10 or operator in (">=", "<"))
    fix = literal[1] if literal is not None and is_equivalent else None
    hint = f"write {fix}" if fix else "write 2020-02-01 for the whole day, 2020-02-01T00:00 for midnight"
    return Diagnostic("AQL0118", "a time is written without a function", span, "a function", hint, fix)


def _call_of_field(at: ParseErrorContext, function: str, argument: str, end: int, span: Span) -> Diagnostic:
    comparison = at.match(r"\s*(=|in)\s*'?(\d{4}(?:-\d{2}-\d{2})?)'?(?![\w:.-])", end)
    if comparison is not None and comparison[1] == "=" and re.fullmatch(r"\w+", argument):
        value, fix = comparison[2], None
        if function == "year" and len(value) == 4:
            fix = f"{argument} BETWEEN {value}-01-01 AND {value}-12-31"
        elif function in ("date", "to_date", "day") and len(value) == 10:
            fix = f"{argument} BETWEEN {value} AND {value}"
        if fix is not None:
            window = f"DURING {value}" if len(value) == 4 else f"ON {value}"
            message = f"a field is compared without {function}()"
            hint = f"write {fix}, or the window {window} after WHERE"
            return Diagnostic("AQL0118", message, Span(span.start, comparison.end()), "a function", hint, fix)
    if function in ("lower", "upper", "lcase", "ucase"):
        message = f"a field is compared without {function}()"
        fold = str.lower if function in ("lower", "lcase") else str.upper
        text = at.match(r"\s*=\s*'([^'%_\\\n]*)'", end)
        if text is not None and fold(text[1]) == text[1] and re.fullmatch(r"[\w.]+", argument):
            fix = f"{argument} LIKE '{text[1]}'"
            hint = f"LIKE ignores case: write {fix}"
            return Diagnostic("AQL0118", message, Span(span.start, text.end()), "a function", hint, fix)
        hint = f"LIKE ignores case: {argument or 'display_name'} LIKE 'trex rgb %'"
        return Diagnostic("AQL0118", message, span, "a function", hint)
    if function in ("exists", "isnull", "is_null", "notnull"):
        hint = f"write {argument or 'keogram_type'} IS {'NULL' if function in ('isnull', 'is_null') else 'NOT NULL'}"
        return Diagnostic("AQL0118", f"FIND has no function {function}()", span, "a function", hint)
    if function in ("count", "min", "max", "avg", "sum"):
        return diagnose_construct(CONSTRUCT_BY_WORD["HAVING"], span, "a function of groups")
    return diagnose_construct(FUNCTIONS_OF_FIELDS, span, "a function")


def find_arithmetic(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `min_distance / 1000`, `end - start`, `m || 'ab'` and `radial_distance + 1 > 5`."""
    sign = at.match(r"\|\||[-+*/%](?!\w*[-/:]\d)")
    if sign is None or not at.tokens or at.type_before() not in ("NAME", "QNAME", "RPAR", "NUMBER", "STRING"):
        return None
    in_select = _current_clause(at) == "SELECT"
    has_space_before = at.start > at.end_before()
    if sign[0] == "||" and not in_select:
        return None
    if (
        in_select
        or "CMP" in at.accepts
        or (has_space_before and at.type_before(2) == "CMP" and at.type_before() == "NAME")
    ):
        return diagnose_construct(ARITHMETIC, Span(at.start, sign.end()), "a calculation")
    if at.type_before() == "NUMBER" and has_space_before and at.type_before(2) == "CMP":
        return diagnose_construct(ARITHMETIC, Span(at.start, sign.end()), "a calculation")
    return None


def _current_clause(at: ParseErrorContext) -> str:
    """Return the keyword of the clause in which the parser stopped, or an empty string."""
    return next((token.type for token in reversed(at.tokens) if token.type in CLAUSE_STARTS), "")


def find_member_access(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `metadata['keogram_type']`, `metadata->>'k'` and `metadata.'k'`."""
    name, start = at.token_before(), at.start
    if name is not None and name == "-" and at.found_text.startswith(">"):
        name, start = at.token_before(2), at.start_before()
    if name is None or name.type not in ("NAME", "DOT", "QNAME"):
        return None
    if name.type == "DOT":
        match = at.match(r"(['\"])(?P<key>[^'\"]+)\1")
        start = name.start_pos
    else:
        match = at.match(
            r"\s*(?:\[\s*(?P<q>['\"]?)(?P<key>[^'\"\]\[]+)(?P=q)\s*\]|->>?\s*(?P<q2>['\"]?)(?P<key2>\w[^'\"\s]*)(?P=q2))",
            start,
        )
    if match is None:
        return None
    groups = match.groupdict()
    key = (groups.get("key") or groups.get("key2") or "").strip()
    if key.isdigit():
        hint = "a list field matches when any element does, for example events.min_distance = 100"
        return Diagnostic(
            "AQL0118", "list elements cannot be selected by index", Span(start, match.end()), "an index", hint
        )
    fix = "." + quote_name(key) if not re.fullmatch(r"[^\W\d]\w*", key) else "." + key
    path = f"{'' if name.type == 'DOT' else name}{fix}"
    return Diagnostic(
        "AQL0118",
        "members of objects are written with a dot",
        Span(start, match.end()),
        "expected '.'",
        f"write {path}",
        fix,
    )


_FLIPPED = {"=": "=", "!=": "!=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def find_value_first(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `5 < x`, `1 < x < 5`, `'trex' = program` and `"program" = 'trex'`."""
    if "NAME" not in at.accepts or "STRING" in at.accepts or at.type not in ("STRING", "NUMBER", "DATETIME", "MONTH"):
        return None
    if not at.tokens or at.type_before() not in ("WHERE", "AND", "OR", "NOT", "LPAR", "SELECT", "BY", "COMMA"):
        return None
    value = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[-\w.:]+"
    comparison = at.match(rf"({value})\s*(<=|>=|<>|!=|=|<|>)\s*([^\W\d][\w.]*)(?![\w(])(?:\s*(<=|>=|<|>)\s*({value}))?")
    if comparison is not None and not (
        at.found_text[0] == '"' and comparison[3].upper() in ("NOW", "TODAY", "TRUE", "FALSE")
    ):
        fix = f"{comparison[3]} {_FLIPPED[comparison[2]]} {comparison[1]}"
        if comparison[4]:
            fix = f"({fix} AND {comparison[3]} {comparison[4]} {comparison[5]})"
        return Diagnostic(
            "AQL0118",
            "a predicate begins with a field",
            Span(at.start, comparison.end()),
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
    """Diagnose `program EQUALS 'trex'`, `program: 'trex'`, `x IS 5`, `x NOT NULL` and `x ILIKE 'a%'`."""
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
    operator = _OPERATORS.get(at.word)
    if operator is not None:
        return Diagnostic(
            "AQL0109",
            f"'{at.found_text}' is written {operator}",
            at.span,
            f"write {operator}",
            f"write {operator}",
            operator,
        )
    return None


def find_several_values(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a comparison with several values.

    Examples: `program = 'trex' OR 'rego'`, `= ('trex', 'rego')`, `= 'trex', 'rego'`, `= ['trex']`, `= ANY ('trex')`.
    """
    value = r"(?:'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$\w+|[-+]?\d[\w.:+-]*)"
    distance = next((n for n in range(1, 6) if at.type_before(n) == "CMP"), 0)
    comparison = at.token_before(distance) if distance else None
    if comparison is None or str(comparison) not in ("=", "!=", "<>"):
        return None
    rest = at.match(
        rf"(?:=|!=|<>)\s*(?:(?:any|some)\s*)?(?:[(\[{{]\s*({value}(?:\s*,\s*{value})*)\s*[)\]}}]|({value}(?:\s*(?:,|\bor\b)\s*{value})+)(?!\s*[=<>!]))",
        comparison.start_pos,
    )
    if rest is None or rest.end() <= at.start:
        return None
    if rest[2] and str(comparison) != "=" and re.search(r"\bor\b", rest[2], re.IGNORECASE):
        return None
    values = re.findall(value, rest[1] or rest[2])
    operator = "IN" if str(comparison) == "=" else "NOT IN"
    fix = f"{operator} ({', '.join(values)})"
    if rest[2] and at.match(r"\s*,\s*\d+", comparison.end_pos) is None and re.fullmatch(r"\d+,\d+", rest[2]):
        return None  # a decimal comma
    return Diagnostic(
        "AQL0109",
        f"several values are compared with {operator}",
        Span(comparison.start_pos, rest.end()),
        f"expected {operator}",
        f"write {fix}",
        fix,
    )
