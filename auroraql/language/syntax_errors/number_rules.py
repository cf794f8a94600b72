"""Rules for numbers with groups of digits and decimal commas. A fix always denotes the number that was typed."""

from __future__ import annotations

import re

from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.language.syntax_errors.parse_context import ParseErrorContext

_BLANK = "[ \u00a0\u2007\u2009\u202f]"
_END = r"(?![\w.]|,\d)"
_GROUPED = tuple(
    re.compile(pattern + _END)
    for pattern in (
        r"(?P<whole>\d{1,3}(?:\.\d{3})+),(?P<part>\d+)",
        r"(?P<whole>\d{1,3}(?:,\d{3})+)\.(?P<part>\d+)",
        r"(?P<whole>\d{1,3}(?:\.\d{3}){2,})",
        r"(?P<whole>\d{1,3}(?:,\d{3}){2,})",
        rf"(?P<whole>\d{{1,3}}(?:{_BLANK}\d{{3}})+)(?:[.,](?P<part>\d+))?",
        r"(?P<whole>\d+(?:_\d{3})+)(?:\.(?P<part>\d+))?",
    )
)
"""Numbers with groups of three digits. Each pattern can denote one number only."""
_DECIMAL_COMMA = re.compile(r"(\d+),(\d+)(?![\w,.])")
_SIGNS = {".": "point", ",": "comma", "_": "'_'"}


def find_written_number(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `557,7`, `1_000`, `6 900`, `6,900.5` and `6.900,5`."""
    number = at.token_before()
    if number is None or number.type != "NUMBER":
        return None
    return _find_groups(at, number.start_pos) or _find_decimal_comma(at, number.start_pos)


def _find_groups(at: ParseErrorContext, start: int) -> Diagnostic | None:
    matches = (pattern.match(at.text, start, at.stop) for pattern in _GROUPED)
    match = next((match for match in matches if match is not None and match.end() > at.start), None)
    if match is None:
        return None
    sign = next(character for character in match["whole"] if not character.isdigit())
    part = match.groupdict().get("part")
    fix = re.sub(r"\D", "", match["whole"]) + (f".{part}" if part else "")
    span, label = Span(match.start(), match.end()), f"no {_SIGNS.get(sign, 'blank')} in a number"
    if sign.isspace() and "COMMA" in at.accepts:
        hint = f"write {fix} for one number, or a comma between two values"
        return Diagnostic("AQL0106", "digits cannot be grouped", span, label, hint)
    return Diagnostic("AQL0106", "digits cannot be grouped", span, label, f"write {fix}", fix)


def _find_decimal_comma(at: ParseErrorContext, start: int) -> Diagnostic | None:
    match = _DECIMAL_COMMA.match(at.text, start, at.stop)
    if match is None or match.end() <= at.start:
        return None
    whole, part, span = match[1], match[2], Span(match.start(), match.end())
    if len(part) == 3 and whole != "0":
        hint = f"write {whole}{part} without a comma, or {whole}.{part} with a point"
        return Diagnostic("AQL0106", f"'{match[0]}' is not how a number is written", span, "a comma in a number", hint)
    fix = f"{whole}.{part}"
    return Diagnostic("AQL0106", "the decimal separator is '.'", span, "a comma in a number", f"write {fix}", fix)
