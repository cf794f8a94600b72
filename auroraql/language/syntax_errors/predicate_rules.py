"""Rules for predicates: operators of other languages, missing quotes, missing AND or OR, and lists."""

from __future__ import annotations

import re

from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.language.syntax_errors.foreign_constructs import CONSTRUCT_BY_WORD, FOREIGN_WORDS
from auroraql.language.syntax_errors.parse_context import CLAUSE_STARTS, VALUE_TYPES, ParseErrorContext, is_word
from auroraql.schema import KINDS
from auroraql.schema.operators import SPELLINGS

OPERATOR_TEXTS = ", ".join(sorted({s for s in SPELLINGS if not s[0].isalpha() and s.isascii()}))


_RUN = re.compile(r"[\w./:-]+(?: [\w./:-]+)*")
_PATTERN = re.compile(r"[\w./:%*-]+(?: [\w./:%*-]+)*")
_QUOTES = "'\""
_WORDS = r"[^\W\d][\w./-]*(?: [\w./-]+)*"
_LIST_OF_WORDS = re.compile(rf"{_WORDS}(?:\s*,\s*(?:{_WORDS}|'[^']*'))+(?=\s*\))")
_NOT_VALUES = {
    *CLAUSE_STARTS,
    *CONSTRUCT_BY_WORD,
    "AS",
    "BY",
    "FROM",
    "WITH",
    "OFFSET",
    "DESC",
    "ASC",
    "TO",
    "DISTINCT",
}
"""Words that are never taken for a value without quotes."""

_NOT_TEXTS = ("NULL", "NOT", "AND", "OR", "IN", "IS", "BETWEEN", "LIKE", "SELECT", "FIND")


def find_foreign_operator(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `==`, `=>`, `=<`, `===`, `!==`, `&&`, `||` and `!`."""
    match = re.compile(r"[=<>!~&|≤≥≠]+").search(at.text, max(at.start - 2, 0), at.start + 3)
    if not match or not match.start() <= at.start <= match.end() or match.end() <= at.start:
        return None
    typed = match[0]
    if "~" in typed:
        hint = "LIKE takes % for any characters and _ for one: display_name LIKE 'TREx RGB %'"
        return Diagnostic("AQL0109", f"'{typed}' is not an operator", Span(match.start(), match.end()), "", hint)
    replacement = {
        "=>": ">=",
        "=<": "<=",
        "==": "=",
        "===": "=",
        "!==": "!=",
        "&&": "AND",
        "&": "AND",
        "||": "OR",
        "|": "OR",
        "!": "NOT",
        "=!": "!=",
        "><": "<>",
    }.get(typed)
    if replacement is None:
        if typed in SPELLINGS:
            return None
        return Diagnostic(
            "AQL0109",
            f"'{typed}' is not an operator",
            Span(match.start(), match.end()),
            hint=f"the operators are {OPERATOR_TEXTS}, IN, BETWEEN, LIKE, IS NULL",
        )
    return Diagnostic(
        "AQL0109",
        f"'{typed}' is not an operator",
        Span(match.start(), match.end()),
        f"write {replacement}",
        hint=f"did you mean {replacement}?",
        fix=replacement,
    )


def find_joined_predicates(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `a = 1 || b = 2`, and `1 < x < 5`: a second comparison in a predicate."""
    if at.type != "CMP":
        return None
    for back in range(1, 12):
        token = at.token_before(back)
        if token is None or token.type in ("WHERE", "AND", "OR", "NOT", "ON", "HAVING"):
            return None
        if token.type == "CONCAT":
            span = Span(token.start_pos, token.end_pos)
            hint = "did you mean OR?"
            return Diagnostic("AQL0109", "'||' joins texts, not predicates", span, "write OR", hint, "OR")
        if token.type == "CMP":
            middle = at.text[token.end_pos : at.start].strip()
            fix = f" AND {middle} {at.found_text}"
            hint = f"write{fix} …"
            message = "a comparison has two sides, and this one has three"
            span = Span(at.end_before(), at.end)
            # NOT would apply to the first comparison only.
            is_negated = at.type_before(back + 2) == "NOT"
            return Diagnostic("AQL0109", message, span, "another comparison", hint, None if is_negated else fix)
    return None


def find_percent_of_number(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `10 % x`: after a number, the sign is the unit percent."""
    if at.type_before() != "PERCENT" or at.type_before(2) != "NUMBER":
        return None
    sign, number = at.token_before(), at.token_before(2)
    span = Span(sign.start_pos, sign.end_pos) if sign is not None else at.span
    hint = f"write mod({number}, …) for the remainder of a division"
    return Diagnostic("AQL0106", "after a number, '%' is the unit percent", span, "not a division", hint)


def find_null_comparison(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose NULL after a comparison operator or in a list."""
    if at.word == "NULL" and "STRING" in at.accepts and at.type_before() in ("COMMA", "LPAR"):
        hint = "remove NULL from the list; field IS NULL finds records without a value"
        return Diagnostic("AQL0109", "a list cannot contain NULL", at.span, "not a value", hint)
    if at.type_before() != "CMP" or at.found_text.lower() != "null":
        return None
    operator = at.token_before()
    if str(operator) not in ("=", "!=", "<>", "≠"):
        hint = "field IS NULL finds records without a value, field IS NOT NULL finds the others"
        return Diagnostic("AQL0109", "NULL cannot be compared with < or >", at.span, "not a value", hint)
    predicate = "IS NULL" if str(operator) == "=" else "IS NOT NULL"
    start = int(operator.start_pos or 0) if operator is not None else at.start
    return Diagnostic(
        "AQL0109",
        "NULL cannot be compared with = or !=",
        Span(start, at.end),
        f"write {predicate}",
        hint=f"did you mean {predicate}?",
        fix=predicate,
    )


_CLAUSE_WORDS = ("SELECT", "WHERE", "GROUP", "HAVING", "ORDER", "OF", "WITHIN", "FIND", "SHOW")
"""Words after which a clause, or a statement, begins."""


def find_condition_in_select(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `SELECT platform LIKE 'g%'` and `SELECT a = 1 OR b = 2`, which need parentheses."""
    if at.word not in ("LIKE", "ILIKE", "AND", "OR", "NOT"):
        return None
    clauses = [number for number, token in enumerate(at.tokens) if token.type in _CLAUSE_WORDS]
    if (
        not clauses
        or at.tokens[clauses[-1]].type != "SELECT"
        or "BETWEEN" in [token.type for token in at.tokens[clauses[-1] :]]
    ):
        return None
    message = f"a condition with {at.word} needs parentheses in SELECT"
    hint = "write SELECT (platform LIKE 'g%' OR platform = 'pinawa') AS q"
    return Diagnostic("AQL0106", message, at.span, "not in parentheses", hint)


def find_bare_value(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a text without quotes: `program = themis-asi`, `platform = fort smith`, `IN (trex, rego)`."""
    first = at.token_before() if at.type_before() == "NAME" else None
    if first is None:
        expects_value = (
            "STRING" in at.accepts and "TRUE" in at.accepts and is_word(at.found_text) and "NAME" not in at.accepts
        )
        if not expects_value:
            return None
        if at.word in _NOT_TEXTS:
            return None
        start = at.start
    else:
        inside_text = at.type in ("SIGN", "NAME", "NUMBER", "") and at.type_before(2) in ("CMP", "IN", "LIKE")
        if not inside_text or not (at.type != "NAME" or not starts_predicate(at, at.end)):
            return None
        if at.type == "SIGN" and at.start > first.end_pos:
            return None  # a calculation
        start = int(first.start_pos or 0)
    run = (_PATTERN if "LIKE" in (at.type_before(), at.type_before(2)) else _RUN).match(at.text, start)
    words = run[0] if run else at.found_text
    words = _words_before_keyword(words)
    if not words or words.split(" ")[0].upper() in _NOT_VALUES:
        return None
    quoted = "'" + words + "'"
    word_list = _LIST_OF_WORDS.match(at.text, start) if "IN" in (at.type_before(2), at.type_before(3)) else None
    if word_list is not None:
        items = [item.strip() for item in word_list[0].split(",")]
        fix = ", ".join(item if item[0] in "'\"" else f"'{item}'" for item in items)
        return Diagnostic(
            "AQL0108",
            f"{' and '.join(repr(item) for item in items if item[0] not in _QUOTES)} have no quotes",
            Span(start, word_list.end()),
            "texts are quoted",
            hint=f"write {fix}",
            fix=fix,
        )
    return Diagnostic(
        "AQL0108",
        f"'{words}' has no quotes",
        Span(start, start + len(words)),
        "a text is quoted",
        hint=f"write {quoted}",
        fix=quoted,
    )


def _words_before_keyword(words: str) -> str:
    selected: list[str] = []
    for word in words.split(" "):
        if word.upper() in (*CLAUSE_STARTS, "AND", "OR"):
            break
        selected.append(word)
    return " ".join(selected)


def starts_predicate(at: ParseErrorContext, place: int) -> bool:
    """Return whether the name that ends at an offset begins a predicate, because an operator follows it."""
    follows = re.compile(r"(?:\.\w+)*\s*(?:[=<>!≤≥≠]|(?:not\s+)?(?:in|between|like)\b|is\b)", re.IGNORECASE)
    return follows.match(at.text, place) is not None


def find_missing_and(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose two predicates without AND or OR between them, or joined by a comma."""
    begins = at.type in ("LPAR", "NOT") or (at.type == "NAME" and starts_predicate(at, at.end))
    if "AND" in at.accepts and begins:
        return Diagnostic(
            "AQL0110",
            f"AND or OR is missing before '{at.found_text}'",
            at.span,
            "another predicate begins here",
            hint=f"write AND {at.found_text}, or OR {at.found_text}",
        )
    if at.found_text == "," and "AND" in at.accepts and "COMMA" not in at.accepts:
        return Diagnostic(
            "AQL0110", "predicates are joined by AND or OR, not by a comma", at.span, "a comma", "write AND or OR"
        )
    return None


def find_missing_operator(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a name without an operator after it."""
    if "CMP" not in at.accepts or at.type in ("$END", "NOT"):
        return None
    before = at.token_before()
    is_name = at.type_before() in ("NAME", "QNAME", "STRING")
    compared = f"{before} = …" if is_name else "… = … with a value on each side"
    return Diagnostic(
        "AQL0106",
        f"an operator is expected after '{before}'",
        at.span,
        "expected =, IN, BETWEEN, LIKE or IS NULL",
        hint=f"write {compared} to compare it" if is_name else f"a condition compares two values: write {compared}",
    )


def find_between_without_and(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `BETWEEN 1 TO 5`, `BETWEEN 1, 5` and `BETWEEN (1, 5)` in a predicate."""
    value = r"(?:'(?:[^']|'')*'|[-+]?[\w.:]+(?: ?(?:km|deg|%))?)"
    if at.found_text == "(" and at.type_before() == "BETWEEN":
        both = at.match(rf"\(\s*({value})\s*(?:,|and(?!\w)|to(?!\w))\s*({value})\s*\)")
        fix = f"{both[1]} AND {both[2]}" if both else None
        span = Span(at.start, both.end()) if both else at.span
        hint = f"write BETWEEN {fix or 'low AND high'}"
        return Diagnostic("AQL0106", "BETWEEN takes two values joined by AND", span, "no parentheses", hint, fix)
    distance = next((n for n in range(2, 5) if at.type_before(n) == "BETWEEN"), 0)
    if not distance or "AND" not in at.accepts:
        return None
    separator = at.match(r"(?:to|till|until|or)(?!\w)|,|\.\.\.?|/|–|—")
    if separator is None:
        return None
    span, blank = Span(at.start, separator.end()), " " if at.start == at.end_before() else ""
    after = "" if at.text[separator.end() : separator.end() + 1].isspace() else " "
    fix = None if at.word == "OR" else f"{blank}AND{after}"
    return Diagnostic("AQL0106", "BETWEEN takes two values joined by AND", span, "expected AND", "write AND", fix)


def find_missing_list(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose IN without parentheses, with brackets, or with nested parentheses."""
    value = r"(?:'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$\w+|[-+]?\d[\w.:+-]*)"
    values = rf"{value}(?:\s*,\s*{value})*"
    nested = at.found_text == "(" and "IN" in (at.type_before(2), at.type_before(3))
    if at.type_before() != "IN" and not nested:
        return None
    if nested:
        start = at.start_before()
        value_list = at.match(rf"\(\s*(\(\s*{values}\s*,?\s*\)(?:\s*,\s*\(\s*{values}\s*\))*)\s*\)", start)
    elif at.found_text[:1] in "[{":
        start = at.start
        value_list = at.match(rf"(\[\s*{values}\s*\]|\{{\s*{values}\s*\}})", start)
    else:
        start = at.start
        value_list = at.match(rf"({values})(?!\s*(?:[=<>!]|and(?!\w)\s*[-+\d'\"]))", start)
    if value_list is None:
        message = "a list has one pair of parentheses" if nested else "IN is followed by a list in parentheses"
        return Diagnostic("AQL0106", message, at.span, "expected a value" if nested else "expected '('", _AS_LIST)
    fix = f"({', '.join(re.findall(value, value_list[1]))})"
    message = "a list has one pair of parentheses" if nested else "IN is followed by a list in parentheses"
    return Diagnostic("AQL0106", message, Span(start, value_list.end()), "a list", f"write IN {fix}", fix)


_AS_LIST = "for example: IN ('keogram', 'movie')"


def find_pairs_in_list(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `IN ('a' OR 'b')` and `IN ('a' AND 'b')`."""
    if at.found_text.upper() not in ("OR", "AND") or at.type_before() not in VALUE_TYPES:
        return None
    if "COMMA" not in at.accepts or "RPAR" not in at.accepts or "OR" in at.accepts:
        return None
    fix = "," if at.word == "OR" else None
    return Diagnostic("AQL0114", "values of a list are separated by commas", at.span, "write ','", "write ','", fix)


def find_missing_value(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a word or sign where a value is expected."""
    if not {"STRING", "NUMBER", "TRUE"} <= at.accepts or at.type == "$END" or "NOT" in at.accepts:
        return None
    before = at.word_before()
    label = f"a value is expected after {before}" if before else "a value is expected"
    shown = f"'{at.found_text}'" if at.found_text.isprintable() else f"the character U+{ord(at.found_text[0]):04X}"
    hint = "values are texts in quotes, numbers, TRUE, FALSE, times such as 2020-02-01, and $parameters"
    return Diagnostic("AQL0106", f"{shown} is not a value", at.span, label, hint)


def find_missing_text(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose LIKE without a quoted pattern."""
    if at.type_before() != "LIKE":
        return None
    return Diagnostic(
        "AQL0106",
        "LIKE is followed by a quoted pattern",
        at.span,
        "expected a text",
        hint="for example: display_name LIKE 'TREx RGB %'",
    )


def find_comma(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a superfluous comma, a missing comma or AS, or an empty list."""
    if at.type_before() == "COMMA":
        comma = at.token_before()
        span = Span(int(comma.start_pos or 0), int(comma.end_pos or 0)) if comma is not None else at.span
        what = (
            "the list ends"
            if at.type in ("RPAR", "RBRACE", "$END") or at.found_text.upper() in CLAUSE_STARTS
            else "something is missing"
        )
        if at.type == "$END" or at.type in ("RPAR", "RBRACE", "COMMA") or at.found_text.upper() in CLAUSE_STARTS:
            return Diagnostic("AQL0114", "an extra comma", span, f"{what} after it", hint="remove the comma", fix="")
    if at.type == "NAME" and "AS" in at.accepts and at.type_before() == "RPAR":
        # `count(*) n`: a word that is not the name of a field can only be an alias.
        alias = not any(at.found_text.lower() in kind.names for kind in KINDS.values()) and at.word not in FOREIGN_WORDS
        hint = (
            f"write AS {at.found_text}"
            if alias
            else f"write , {at.found_text} for a column, AS {at.found_text} for an alias"
        )
        if at.match(r"\w+\s*(?:,|\(|where|from|on|between|during|since|until|last|group|order|limit|;|$)") is None:
            return None
        return Diagnostic(
            "AQL0114",
            f"AS is missing before '{at.found_text}'",
            at.span,
            "an alias?",
            hint,
            f"AS {at.found_text}" if alias else None,
        )
    if at.type == "RPAR" and at.type_before() == "LPAR" and at.type_before(2) == "NAME":
        function = at.token_before(2)
        if function is not None and function.lower() == "count":
            return Diagnostic("AQL0106", "count() needs an argument", at.span, "expected *", "write count(*)", "*)")
    if at.type == "RPAR" and at.type_before() == "LPAR" and at.type_before(2) == "IN":
        return Diagnostic(
            "AQL0114",
            "the list of IN is empty",
            Span(int((at.token_before() or at.tokens[0]).start_pos or 0), at.end),
            "no value in it",
            hint="write at least one value: IN ('keogram')",
        )
    if at.type in ("STRING", "NUMBER") and "COMMA" in at.accepts and at.type_before() in VALUE_TYPES:
        return Diagnostic(
            "AQL0114",
            "a comma is missing between two values",
            Span(at.end_before(), at.end),
            "before this value",
            hint=f"write , {at.found_text}",
        )
    # `end` is a field too, and `s` and `km` are units.
    is_name = at.type in ("NAME", "END", "TIME_UNIT", "UNIT") and at.found_text.isidentifier()
    if is_name and "COMMA" in at.accepts and "AS" in at.accepts and at.type_before() in (*VALUE_TYPES, "NAME", "QNAME"):
        return Diagnostic(
            "AQL0114",
            f"a comma or AS is missing before '{at.found_text}'",
            at.span,
            "another column, or an alias?",
            hint=f"write , {at.found_text} for a column, AS {at.found_text} for an alias",
        )
    return None
