"""Slips in how a statement is put together: its first word, its kind, its clauses, its end."""

from __future__ import annotations

import re

from auroraql.errors import Diagnostic, Span
from auroraql.forms.text.slips.stuck import CLAUSE_STARTS, Stuck, expected, is_word
from auroraql.schema import KINDS
from auroraql.spelling import closest


def first_word(at: Stuck) -> Diagnostic | None:
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
    if at.found.startswith("\\"):
        return Diagnostic(
            "AQL0115",
            "a statement begins with FIND, not with a backslash",
            at.span,
            hint="commands such as \\d are for the prompt, each on a line of its own",
        )
    near = closest(at.found.upper(), at.accepts, 1, 0.7)
    hint = f"did you mean {near[0]}?" if near else "as in: FIND data_products WHERE program = 'trex' ON 2021-01-01"
    shown = f"'{at.found}'" if at.found.isprintable() else f"the character U+{ord(at.found[0]):04X}"
    return Diagnostic(
        "AQL0115", f"a statement begins with FIND, not with {shown}", at.span, hint=hint, fix=near[0] if near else None
    )


def kind_of_record(at: Stuck) -> Diagnostic | None:
    """After FIND: what is to be found."""
    if "DATA_PRODUCTS" not in at.accepts:
        return None
    if at.type == "$END":
        return Diagnostic(
            "AQL0105",
            "the statement ends before it says what to find",
            at.span,
            f"{_one_of_kinds()} is missing",
            hint=f"FIND {next(iter(KINDS))} WHERE …",
        )
    near = closest(at.found.lower(), KINDS, 1, 0.5)
    return Diagnostic(
        "AQL0107",
        f"'{at.found}' is not something to find",
        at.span,
        f"expected {_one_of_kinds()}",
        hint=f"did you mean {near[0]}?" if near else f"FIND {next(iter(KINDS))} …",
        fix=near[0] if near else None,
    )


def _one_of_kinds() -> str:
    return " or ".join(KINDS)


def from_clause(at: Stuck) -> Diagnostic | None:
    """SQL's FROM."""
    if at.found.lower() != "from":
        return None
    return Diagnostic(
        "AQL0106",
        "there is no FROM here",
        at.span,
        "not in this language",
        hint="FIND already names what is searched; FROM stands only before a query JSON object: FIND data_products FROM {…}",
    )


_WANTED = {
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
"""What is missing when a clause begins right after one of these."""


def clause_too_early(at: Stuck) -> Diagnostic | None:
    """`SELECT start, WHERE …`, `WHERE ON …`: the clause's word was taken for a name, since a name was due."""
    back = 2 if at.type_before() == "NUMBER" and at.type == "SIGN" else 1  # `ground1- ON 2020-01-01`
    word = at.before(back)
    if word is None or word.type != "NAME" or word.upper() not in CLAUSE_STARTS:
        return None
    span = Span(int(word.start_pos or 0), int(word.end_pos or 0))
    before = at.before(back + 1)
    if before is not None and before.type == "COMMA":
        comma = Span(int(before.start_pos or 0), int(before.end_pos or 0))
        return Diagnostic(
            "AQL0114", "a comma too many", comma, f"{word.upper()} follows, not another item", "remove the comma", ""
        )
    if before is not None and before.type in _WANTED:
        what = _WANTED[before.type]
        return Diagnostic(
            "AQL0106", f"{what} is missing between {before.upper()} and {word.upper()}", span, f"expected {what}"
        )
    return None


def count_needed(at: Stuck) -> Diagnostic | None:
    """LIMIT or OFFSET without a whole number."""
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


def misspelt(at: Stuck) -> Diagnostic | None:
    """A word close to a keyword that could stand here."""
    if not is_word(at.found):
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
    near = closest(at.found.upper(), words, 1, 0.66)
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


def unfinished(at: Stuck) -> Diagnostic | None:
    """The statement ends where something is due."""
    if at.type != "$END":
        return None
    last = at.before()
    word = str(last) if last is not None else ""
    return Diagnostic("AQL0105", f"the statement ends after '{word}', unfinished", at.span, f"expected {expected(at)}")
