"""Fixes applied, and what must be true of the statement then: the oracle of every fix that a diagnostic offers."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime

from auroraql.codecs import script
from auroraql.diagnostics.errors import Diagnostic, Source, Span, StatementError
from auroraql.language.syntax_errors import NAMES_OF_TERMINALS
from auroraql.schema.catalogue import load_shipped
from auroraql.session.analyzer import check_scripts

NOW = datetime(2021, 3, 4, 5, 6, 7)

TERMINALS = re.compile(rf"\b(?:{'|'.join(name for name in NAMES_OF_TERMINALS if name[0] != '$')})\b")
"""Names of terminals of the grammar, which no message may hold."""

_STRING = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_DIGITS = re.compile(r"\d+")


def diagnostics(statement: str) -> tuple[Diagnostic, ...]:
    """Everything to be reported of a script: errors, and warnings too."""
    ((_, said),) = check_scripts([Source(statement)], load_shipped(), {})
    return said


def applied(statement: str, diagnostic: Diagnostic) -> str:
    """The statement with the fix of one of its diagnostics."""
    span, fix = diagnostic.origin, diagnostic.fix
    assert isinstance(span, Span), diagnostic
    assert fix is not None
    return statement[: span.start] + fix + statement[span.end :]


def still_wrong(statement: str, diagnostic: Diagnostic) -> str:
    """Why a fix is wrong: what is reported at its place once it is applied; nothing when it is right."""
    span, fix = diagnostic.origin, diagnostic.fix or ""
    assert isinstance(span, Span)
    fixed = applied(statement, diagnostic)
    if fixed == statement:
        return "the fix changes nothing"
    before = {each.code for each in diagnostics(statement)}
    for each in diagnostics(fixed):
        if not isinstance(each.origin, Span) or each.severity == "warning":
            continue
        inside = each.origin.start < span.start + len(fix) and each.origin.end > span.start
        whole = each.origin.end - each.origin.start > len(fix) + 20
        if inside and not whole and (each.code == diagnostic.code or each.code not in before):
            return f"{each.code} {each.message}"
    return ""


def changed_values(statement: str, diagnostic: Diagnostic) -> str:
    """Which texts or digits of the statement a fix loses or makes up."""
    fixed = applied(statement, diagnostic)
    lost = Counter("".join(_DIGITS.findall(statement))) - Counter("".join(_DIGITS.findall(fixed)))
    return f"digits lost: {dict(lost)}" if lost else ""


def complaints(statement: str) -> list[str]:
    """What is wrong with the diagnostics of a statement: names of terminals, fixes that do not mend."""
    found = []
    for each in diagnostics(statement):
        said = f"{each.message} | {each.label} | {each.hint}"
        for text in _STRING.sub("", said), each.label:
            plain = text.replace(statement, "")
            names = [name for name in TERMINALS.findall(plain) if name not in statement.upper()]
            if names:
                found.append(f"names {names}: {said}")
        if each.fix is not None and isinstance(each.origin, Span) and (why := still_wrong(statement, each)):
            found.append(f"fix {applied(statement, each)!r}: {why}")
    return found


def syntax(statement: str) -> list[Diagnostic]:
    """The diagnostics of reading alone."""
    try:
        script.read_script(Source(statement))
    except StatementError as error:
        return list(error.diagnostics)
    return []
