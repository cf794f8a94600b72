"""What a syntax error really is: the parser says where it stuck, the rules here say why and what would be right.

The rules are asked in order, the first that knows the slip answers; the last always answers. What may
stand at the place comes from the parse table, never from a list kept here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from lark import Token

from auroraql.errors import Diagnostic, Span
from auroraql.schema.operators import SPELLINGS

OPERATOR_TEXTS = ", ".join(sorted({s for s in SPELLINGS if not s[0].isalpha() and s.isascii()}))
CLAUSE_STARTS = ("SELECT", "WHERE", "BETWEEN", "ON", "DURING", "SINCE", "UNTIL", "LAST", "GROUP", "ORDER", "LIMIT")
_VALUE_TYPES = {"STRING", "NUMBER", "PARAM", "DATETIME", "MONTH", "TRUE", "FALSE"}
_WORD = re.compile(r"[^\W\d][\w]*")
_RUN = re.compile(r"[\w./:-]+(?: [\w./:-]+)*")


@dataclass(frozen=True, slots=True)
class Stuck:
    """Where the parser stuck: the tokens read, what was found there, and what could have stood there."""

    text: str
    tokens: list[Token]
    start: int
    end: int
    type: str
    accepts: frozenset[str]

    @property
    def found(self) -> str:
        """The text found."""
        return self.text[self.start : self.end]

    @property
    def span(self) -> Span:
        """Its place."""
        return Span(self.start, self.end)

    def before(self, back: int = 1) -> Token | None:
        """The token read `back` tokens ago."""
        return self.tokens[-back] if len(self.tokens) >= back else None

    def type_before(self, back: int = 1) -> str:
        """The type of that token, or nothing."""
        token = self.before(back)
        return token.type if token is not None else ""

    def end_before(self) -> int:
        """Where the last token read ends."""
        token = self.before()
        return int(token.end_pos or 0) if token is not None else self.start


def diagnose(stuck: Stuck) -> Diagnostic:
    """The one thing to say about a syntax error."""
    for rule in RULES:
        answer = rule(stuck)
        if answer is not None:
            return answer
    return _unexpected(stuck)


def _start(at: Stuck) -> Diagnostic | None:
    """Nothing read yet: this is not how a statement begins."""
    if at.tokens:
        return None
    if at.found.lower() == "select":
        return Diagnostic(
            "AQL0115",
            "a statement begins with FIND, not with SELECT",
            at.span,
            "FIND comes first",
            hint="write FIND data_products SELECT … WHERE …; there is no FROM",
        )
    near = get_close_matches(at.found.upper(), at.accepts, 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else "as in: FIND data_products WHERE program = 'trex' ON 2021-01-01"
    shown = f"'{at.found}'" if at.found.isprintable() else f"the character U+{ord(at.found[0]):04X}"
    return Diagnostic(
        "AQL0115", f"a statement begins with FIND, not with {shown}", at.span, hint=hint, fix=near[0] if near else None
    )


def _kind(at: Stuck) -> Diagnostic | None:
    """After FIND: what is to be found."""
    if "DATA_PRODUCTS" not in at.accepts:
        return None
    if at.type == "$END":
        return Diagnostic(
            "AQL0105",
            "the statement ends before it says what to find",
            at.span,
            "data_products is missing",
            hint="FIND data_products WHERE …",
        )
    near = get_close_matches(at.found.lower(), ("data_products", "ephemeris", "conjunctions"), 1, 0.5)
    return Diagnostic(
        "AQL0107",
        f"'{at.found}' is not something to find",
        at.span,
        "expected data_products",
        hint=f"did you mean {near[0]}?" if near else "FIND data_products …",
        fix=near[0] if near else None,
    )


def _unsupported_kind(at: Stuck) -> Diagnostic | None:
    """Clauses of a kind that cannot be searched yet would all be unknown: say the one thing."""
    token = next((t for t in at.tokens[:3] if t.type in ("EPHEMERIS", "CONJUNCTIONS")), None)
    if token is None:
        return None
    return not_yet_found(str(token), Span(int(token.start_pos or 0), int(token.end_pos or 0)))


def not_yet_found(kind: str, span: Span | None) -> Diagnostic:
    """A kind of the language that this version cannot search."""
    return Diagnostic(
        "AQL0501",
        f"{kind.lower()} cannot be searched yet",
        span,
        "not in this version",
        hint="this version finds data_products",
    )


def _twin(at: Stuck) -> Diagnostic | None:
    """`==`, `=>`, `=<`, `===`, `!==`, `&&`, `||`, `!`."""
    match = re.compile(r"[=<>!~&|≤≥≠]+").search(at.text, max(at.start - 2, 0), at.start + 3)
    if not match or not match.start() <= at.start <= match.end() or match.end() <= at.start:
        return None
    typed = match[0]
    meant = {
        "=>": ">=",
        "=<": "<=",
        "==": "=",
        "===": "=",
        "!==": "!=",
        "&&": "AND",
        "&": "AND",
        "||": "OR",
        "|": "OR",
        "~": "LIKE",
        "=~": "LIKE",
        "~=": "LIKE",
        "!": "NOT",
        "=!": "!=",
        "><": "<>",
    }.get(typed)
    if meant is None:
        if typed in SPELLINGS:
            return None
        return Diagnostic(
            "AQL0109",
            f"'{typed}' is no operator",
            Span(match.start(), match.end()),
            hint=f"the operators are {OPERATOR_TEXTS}, IN, BETWEEN, LIKE, IS NULL",
        )
    return Diagnostic(
        "AQL0109",
        f"'{typed}' is no operator",
        Span(match.start(), match.end()),
        f"write {meant}",
        hint=f"did you mean {meant}?",
        fix=meant,
    )


def _null(at: Stuck) -> Diagnostic | None:
    if at.type_before() != "CMP" or at.found.lower() != "null":
        return None
    operator = at.before()
    wanted = "IS NULL" if str(operator) == "=" else "IS NOT NULL"
    start = int(operator.start_pos or 0) if operator is not None else at.start
    return Diagnostic(
        "AQL0109",
        "nothing is equal to NULL, or different from it",
        Span(start, at.end),
        f"write {wanted}",
        hint=f"did you mean {wanted}?",
        fix=wanted,
    )


def _date(at: Stuck) -> Diagnostic | None:
    """Dates written in another way: 2020-1-1, 01/02/2020, 2020/02/01, 20200201."""
    run = re.compile(r"\d+[-/.:]\d+(?:[-/.:T]\d+)*\w*").search(at.text, max(at.start - 11, 0), at.start + 30)
    if run and run.start() <= at.start < run.end() and run[0].count(".") != 1:
        return _date_fix(run[0], Span(run.start(), run.end()))
    wants_time = "DATETIME" in at.accepts
    if wants_time and "NUMBER" not in at.accepts and at.type == "NUMBER":
        return _date_fix(at.found, at.span)
    return None


def _date_fix(typed: str, span: Span) -> Diagnostic:
    parts = [int(p[:9]) for p in re.findall(r"\d+", typed)]
    fix = None
    if len(parts) >= 3 and 1000 < parts[0] < 10000:
        fix = f"{parts[0]:04}-{parts[1]:02}-{parts[2]:02}"
        fix += (
            "T" + ":".join(f"{p:02}" for p in (*parts[3:6], 0, 0)[: max(len(parts[3:6]), 2)]) if len(parts) > 3 else ""
        )
    elif re.fullmatch(r"\d{8}", typed):
        fix = f"{typed[:4]}-{typed[4:6]}-{typed[6:]}"
    hint = f"did you mean {fix}?" if fix else "dates are written year-month-day, as 2020-02-01 or 2020-02-01T06:30"
    return Diagnostic(
        "AQL0112", f"'{typed}' is not how a date is written", span, "expected YYYY-MM-DD", hint=hint, fix=fix
    )


def _no_date(at: Stuck) -> Diagnostic | None:
    """A word or nothing where a window needs its moment."""
    if "DATETIME" not in at.accepts or "CMP" in at.accepts or "NAME" in at.accepts or at.type == "$END":
        return None
    shown = at.type_before()
    return Diagnostic(
        "AQL0106",
        f"'{at.found}' is no time",
        at.span,
        f"{shown} needs a date or time",
        hint="write a date as 2020-02-01, a time as 2020-02-01T06:30, or NOW or TODAY",
    )


def _unit(at: Stuck) -> Diagnostic | None:
    if "TIME_UNIT" not in at.accepts:
        return None
    if at.found.lower() == "m":
        return Diagnostic(
            "AQL0113",
            "'m' could be minutes, metres or months",
            at.span,
            "which unit?",
            hint="write min for minutes, km for kilometres, months for months",
        )
    number = at.before()
    if number is not None and number.type in ("NUMBER", "PARAM") and "UNIT" not in at.accepts:
        near = get_close_matches(
            at.found.lower(), ("seconds", "minutes", "hours", "days", "weeks", "months", "years"), 1, 0.6
        )
        label = f"expected a unit of time after {number}"
        hint = (
            f"did you mean {near[0]}?" if near else "the units are seconds, minutes, hours, days, weeks, months, years"
        )
        if _is_word(at.found) and at.found.upper() not in CLAUSE_STARTS:
            return Diagnostic(
                "AQL0113", f"'{at.found}' is no unit of time", at.span, label, hint, near[0] if near else None
            )
        return Diagnostic(
            "AQL0113", f"{number} has no unit", Span(int(number.start_pos or 0), at.end_before()), "of what?", hint
        )
    return None


def _bare_value(at: Stuck) -> Diagnostic | None:
    """`program = themis-asi`, `platform = fort smith`, `IN (trex, rego)`: text without quotes."""
    first = at.before() if at.type_before() == "NAME" else None
    if first is None:
        starts = "STRING" in at.accepts and "TRUE" in at.accepts and _is_word(at.found) and "NAME" not in at.accepts
        if not starts:
            return None
        begin = at.start
    else:
        inside_text = at.type in ("SIGN", "NAME", "NUMBER", "") and at.type_before(2) in ("CMP", "IN", "LIKE")
        if not inside_text or not (at.type != "NAME" or not _predicate_follows(at)):
            return None
        begin = int(first.start_pos or 0)
    run = _RUN.match(at.text, begin)
    words = run[0] if run else at.found
    words = _stop_at_keyword(words)
    if not words:
        return None
    quoted = "'" + words + "'"
    return Diagnostic(
        "AQL0108",
        f"'{words}' has no quotes",
        Span(begin, begin + len(words)),
        "a text is quoted",
        hint=f"write {quoted}",
        fix=quoted,
    )


def _stop_at_keyword(words: str) -> str:
    kept: list[str] = []
    for word in words.split(" "):
        if word.upper() in (*CLAUSE_STARTS, "AND", "OR"):
            break
        kept.append(word)
    return " ".join(kept)


def _predicate_follows(at: Stuck) -> bool:
    """Whether the word found begins a predicate of its own: an operator follows it."""
    follows = re.compile(r"(?:\.\w+)*\s*(?:[=<>!≤≥≠]|(?:not\s+)?(?:in|between|like)\b|is\b)", re.IGNORECASE)
    return follows.match(at.text, at.end) is not None


def _misspelt(at: Stuck) -> Diagnostic | None:
    """A word close to a keyword that could stand here."""
    if not _is_word(at.found):
        return None
    words = [t for t in at.accepts if t.isalpha() or "_" in t]
    words = [
        w
        for w in words
        if w
        not in (
            "NAME",
            "QNAME",
            "STRING",
            "PARAM",
            "NUMBER",
            "DATETIME",
            "MONTH",
            "CMP",
            "SIGN",
            "UNIT",
            "TIME_UNIT",
            "COMMA",
            "LPAR",
            "RPAR",
            "DOT",
            "STAR",
            "LBRACE",
            "RBRACE",
        )
    ]
    near = get_close_matches(at.found.upper(), words, 1, 0.66)
    if not near or near[0] == at.found.upper():
        return None
    return Diagnostic(
        "AQL0107",
        f"'{at.found}' is no keyword",
        at.span,
        f"expected {near[0]}",
        hint=f"did you mean {near[0]}?",
        fix=near[0],
    )


def _from(at: Stuck) -> Diagnostic | None:
    if at.found.lower() != "from":
        return None
    return Diagnostic(
        "AQL0106",
        "there is no FROM here",
        at.span,
        "not in this language",
        hint="FIND already names what is searched; FROM stands only before a query JSON object: FIND data_products FROM {…}",
    )


def _and_missing(at: Stuck) -> Diagnostic | None:
    if "AND" in at.accepts and at.type == "NAME" and _predicate_follows(at):
        return Diagnostic(
            "AQL0110",
            f"AND or OR is missing before '{at.found}'",
            at.span,
            "another predicate begins here",
            hint=f"write AND {at.found}",
            fix=f"AND {at.found}",
        )
    if "AND" in at.accepts and at.type in ("LPAR", "NOT"):
        return Diagnostic(
            "AQL0110",
            f"AND or OR is missing before '{at.found}'",
            at.span,
            "another predicate begins here",
            hint=f"write AND {at.found}",
            fix=f"AND {at.found}",
        )
    if at.found == "," and "AND" in at.accepts and "COMMA" not in at.accepts:
        return Diagnostic(
            "AQL0110", "predicates are joined by AND or OR, not by a comma", at.span, "write AND", fix=" AND"
        )
    return None


def _comma(at: Stuck) -> Diagnostic | None:
    if at.type_before() == "COMMA":
        comma = at.before()
        span = Span(int(comma.start_pos or 0), int(comma.end_pos or 0)) if comma is not None else at.span
        what = (
            "the list ends"
            if at.type in ("RPAR", "RBRACE", "$END") or at.found.upper() in CLAUSE_STARTS
            else "something is missing"
        )
        if at.type == "$END" or at.type in ("RPAR", "RBRACE", "COMMA") or at.found.upper() in CLAUSE_STARTS:
            return Diagnostic("AQL0114", "a comma too many", span, f"{what} after it", hint="remove the comma", fix="")
    if at.type == "RPAR" and at.type_before() == "LPAR" and at.type_before(2) == "IN":
        return Diagnostic(
            "AQL0114",
            "the list of IN is empty",
            Span(int((at.before() or at.tokens[0]).start_pos or 0), at.end),
            "no value in it",
            hint="write at least one value: IN ('keogram')",
        )
    if at.type in ("STRING", "NUMBER") and "COMMA" in at.accepts and at.type_before() in _VALUE_TYPES:
        return Diagnostic(
            "AQL0114",
            "a comma is missing between two values",
            Span(at.end_before(), at.end),
            "before this value",
            hint=f"write , {at.found}",
        )
    if at.type == "NAME" and "COMMA" in at.accepts and "AS" in at.accepts and at.type_before() in ("NAME", "QNAME"):
        return Diagnostic(
            "AQL0114",
            f"a comma or AS is missing before '{at.found}'",
            at.span,
            "another column, or an alias?",
            hint=f"write , {at.found} for a column, AS {at.found} for an alias",
        )
    return None


def _operator_missing(at: Stuck) -> Diagnostic | None:
    if "CMP" not in at.accepts or at.type == "$END":
        return None
    if at.type == "NOT" or at.found.lower() in ("not",):
        return None
    before = at.before()
    return Diagnostic(
        "AQL0106",
        f"an operator is expected after '{before}'",
        at.span,
        "expected =, IN, BETWEEN, LIKE or IS NULL",
        hint=f"write {before} = … to compare it",
    )


def _list_needed(at: Stuck) -> Diagnostic | None:
    if at.type_before() != "IN":
        return None
    return Diagnostic(
        "AQL0106",
        "IN is followed by a list in parentheses",
        at.span,
        "expected '('",
        hint=f"write IN ({at.found})" if at.type in _VALUE_TYPES else "as in: IN ('keogram', 'movie')",
    )


def _text_needed(at: Stuck) -> Diagnostic | None:
    if at.type_before() != "LIKE":
        return None
    return Diagnostic(
        "AQL0106",
        "LIKE is followed by a quoted pattern",
        at.span,
        "expected a text",
        hint="as in: display_name LIKE 'TREx RGB %'",
    )


def _count_needed(at: Stuck) -> Diagnostic | None:
    if at.type_before() not in ("LIMIT", "OFFSET"):
        return None
    if at.type == "$END":
        return None
    number = re.compile(r"[+-]?\s*[\d.]+").match(at.text, at.start)
    typed = number[0] if number else at.found
    return Diagnostic(
        "AQL0208",
        f"{at.type_before()} takes a whole number, not {typed}",
        Span(at.start, at.start + len(typed)),
        "expected a number",
        hint=f"as in: {at.type_before()} 10",
    )


def _clause_too_early(at: Stuck) -> Diagnostic | None:
    """`SELECT start, WHERE …`, `WHERE ON …`: the clause's word was taken for a name, since a name was due."""
    word = at.before()
    if word is None or word.type != "NAME" or word.upper() not in CLAUSE_STARTS:
        return None
    span = Span(int(word.start_pos or 0), int(word.end_pos or 0))
    before = at.before(2)
    if before is not None and before.type == "COMMA":
        comma = Span(int(before.start_pos or 0), int(before.end_pos or 0))
        return Diagnostic(
            "AQL0114", "a comma too many", comma, f"{word.upper()} follows, not another item", "remove the comma", ""
        )
    if before is not None and before.type in ("WHERE", "AND", "OR", "NOT", "SELECT", "BY"):
        what = "a column" if before.type in ("SELECT", "BY") else "a predicate"
        return Diagnostic(
            "AQL0106", f"{what} is missing between {before.upper()} and {word.upper()}", span, f"expected {what}"
        )
    return None


def _end(at: Stuck) -> Diagnostic | None:
    if at.type != "$END":
        return None
    last = at.before()
    word = str(last) if last is not None else ""
    return Diagnostic("AQL0105", f"the statement ends after '{word}', unfinished", at.span, f"expected {expected(at)}")


RULES: tuple[Callable[[Stuck], Diagnostic | None], ...] = (
    _start,
    _kind,
    _unsupported_kind,
    _null,
    _twin,
    _clause_too_early,
    _comma,
    _end,
    _count_needed,
    _date,
    _unit,
    _from,
    _bare_value,
    _no_date,
    _misspelt,
    _and_missing,
    _list_needed,
    _text_needed,
    _operator_missing,
)


def _unexpected(at: Stuck) -> Diagnostic:
    shown = f"'{at.found}'" if at.found.isprintable() else f"the character U+{ord(at.found[0]):04X}"
    return Diagnostic("AQL0106", f"{shown} cannot stand here", at.span, f"expected {expected(at)}")


_GROUPS = (
    ({"BETWEEN", "ON", "DURING", "SINCE", "UNTIL", "LAST"}, "a time window (ON, BETWEEN …)"),
    ({"STRING", "NUMBER", "PARAM"}, "a value"),
    ({"DATETIME", "MONTH", "NOW", "TODAY"}, "a date or time"),
    ({"NAME", "QNAME"}, "a name"),
    ({"CMP"}, "an operator"),
    ({"TIME_UNIT"}, "a unit of time"),
    ({"LPAR"}, "'('"),
    ({"RPAR"}, "')'"),
    ({"COMMA"}, "','"),
)
_SILENT = {
    "DOT",
    "SIGN",
    "UNIT",
    "LBRACE",
    "RBRACE",
    "STAR",
    "QNAME",
    "TRUE",
    "FALSE",
    "DATETIME",
    "MONTH",
    "NOW",
    "TODAY",
    "STRING",
    "NUMBER",
    "PARAM",
    "SEMICOLON",
    "$END",
}


def expected(at: Stuck) -> str:
    """What could stand here, in people's words, from the parse table."""
    rest = set(at.accepts)
    parts = []
    for group, words in _GROUPS:
        if group <= rest:
            parts.append(words)
            rest -= group
    parts += sorted(t for t in rest - _SILENT if t.isupper())
    if "$END" in rest:
        parts.append("the end of the statement")
    if not parts:
        parts = sorted(rest)
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " or " + parts[-1]


def _is_word(text: str) -> bool:
    return _WORD.fullmatch(text) is not None
