"""Application of fixes, and the oracle of every fix: what must be true of the fixed statement."""

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
"""Names of grammar terminals, which no message may contain."""

_STRING = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_DIGITS = re.compile(r"\d+")


def diagnostics(statement: str) -> tuple[Diagnostic, ...]:
    """Return every diagnostic of a script: errors and warnings."""
    ((_, warnings),) = check_scripts([Source(statement)], load_shipped(), {})
    return warnings


def apply_fix(statement: str, diagnostic: Diagnostic) -> str:
    """Return the statement with the fix of one of its diagnostics."""
    span, fix = diagnostic.origin, diagnostic.fix
    assert isinstance(span, Span), diagnostic
    assert fix is not None
    return statement[: span.start] + fix + statement[span.end :]


def still_wrong(statement: str, diagnostic: Diagnostic) -> str:
    """Return why a fix is wrong: the diagnostics at its position after it is applied. Empty when it is right."""
    span, fix = diagnostic.origin, diagnostic.fix or ""
    assert isinstance(span, Span)
    fixed = apply_fix(statement, diagnostic)
    if fixed == statement:
        return "the fix changes nothing"
    before = {element.code for element in diagnostics(statement)}
    for item in diagnostics(fixed):
        if not isinstance(item.origin, Span) or item.severity == "warning":
            continue
        inside = item.origin.start < span.start + len(fix) and item.origin.end > span.start
        whole = item.origin.end - item.origin.start > len(fix) + 20
        if inside and not whole and (item.code == diagnostic.code or item.code not in before):
            return f"{item.code} {item.message}"
    return ""


def changed_values(statement: str, diagnostic: Diagnostic) -> str:
    """Return the texts and digits of the statement that a fix loses or invents."""
    if diagnostic.label == "a position":
        return ""  # the name of the column replaces its number
    fixed = apply_fix(statement, diagnostic)
    lost = Counter("".join(_DIGITS.findall(statement))) - Counter("".join(_DIGITS.findall(fixed)))
    return f"digits lost: {dict(lost)}" if lost else ""


def complaints(statement: str) -> list[str]:
    """Return the faults of a statement's diagnostics: names of terminals, and fixes that do not correct."""
    found = []
    for diagnostic in diagnostics(statement):
        messages = f"{diagnostic.message} | {diagnostic.label} | {diagnostic.hint}"
        for text in _STRING.sub("", messages), diagnostic.label:
            plain = text.replace(statement, "")
            names = [name for name in TERMINALS.findall(plain) if name not in statement.upper()]
            if names:
                found.append(f"names {names}: {messages}")
        if (
            diagnostic.fix is not None
            and isinstance(diagnostic.origin, Span)
            and (why := still_wrong(statement, diagnostic))
        ):
            found.append(f"fix {apply_fix(statement, diagnostic)!r}: {why}")
    return found


def syntax(statement: str) -> list[Diagnostic]:
    """Return the diagnostics of parsing alone."""
    try:
        script.read_script(Source(statement))
    except StatementError as error:
        return list(error.diagnostics)
    return []
