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
from auroraql.language.syntax_errors.parse_context import ParseErrorContext


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
    """Diagnose `SELECT DISTINCT platform`, `count(ALL platform)` and `SELECT TOP 10 start`."""
    word, before = at.word_before(), at.type_before(2)
    if (
        at.type_before() != "NAME"
        or word not in ("DISTINCT", "TOP", "ALL", "UNIQUE")
        or at.type in ("COMMA", "DOT", "$END")
    ):
        return None
    if before == "LPAR":
        hint = f"remove {word}; count(DISTINCT platform) counts different values"
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
    """Diagnose a function outside of the clauses that compute values: `VALUES OF lower(program)`, `IN lower('x')`."""
    if at.found_text != "(" or at.type_before() != "NAME":
        return None
    call = at.match(r"\w+\s*\(\s*([^()]*?)\s*\)", at.start_before())
    span = Span(at.start_before(), call.end() if call else at.end)
    return diagnose_construct(FUNCTIONS_OF_FIELDS, span, "a function")


def find_arithmetic(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a calculation outside of the clauses that compute values: `LIMIT 5 + 5`, `WITHIN 500 + 5 km`."""
    sign = at.match(r"\|\||[-+*/%](?!\w*[-/:]\d)")
    if sign is None or at.type_before() not in ("NAME", "QNAME", "RPAR", "NUMBER", "STRING", "PARAM", "UNIT"):
        return None
    return diagnose_construct(ARITHMETIC, Span(at.start, sign.end()), "a calculation")


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
