"""Rules for quotes inside texts. AuroraQL doubles them; other languages escape them with a backslash."""

from __future__ import annotations

import re

from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.language.syntax_errors.parse_context import ParseErrorContext

_ESCAPED = re.compile(
    r"'(?:[^'\\\n]|\\.|'')*\\'(?:[^'\\\n]|\\.|'')*'|\"(?:[^\"\\\n]|\\.|\"\")*\\\"(?:[^\"\\\n]|\\.|\"\")*\""
)
_INNER = re.compile(r"(['\"])(?P<before>[^'\"=<>!(),;\n]*)\1(?P<after>\w[^'\"=<>!(),;\n]*)\1(?=\s*(?:$|[),;]|\w))")


_ENDING_BACKSLASH = re.compile(r"\\['\"]\s*(?:(?:and|or|on)\b|[=,)])", re.IGNORECASE)
"""A text that ends in a backslash, followed by the rest of the statement, such as `'C:\\' AND …`."""

_OPENED = re.compile(r"(?:[=<>(,]|\b(?:like|between|and))\s*\Z", re.IGNORECASE)


def diagnose_escaped_quote(
    text: str, start: int, stop: int, place: int, *, unclosed: bool = False
) -> Diagnostic | None:
    r"""Return the diagnostic of a text that contains `\'`, where `place` is in the text or directly after it.

    With `unclosed`, `place` is a quote that is never closed, and the text may be anywhere before it: an odd number of
    escaped quotes swaps the opening and closing quotes in the rest of the line.
    """
    for match in _ESCAPED.finditer(text, start, stop):
        if _ENDING_BACKSLASH.search(match[0]):
            continue
        swaps_quotes = unclosed and match.end() <= place and match[0].count("\\" + match[0][0]) % 2
        if swaps_quotes or match.start() <= place <= match.end():
            mark = match[0][0]
            fix = mark + match[0][1:-1].replace("\\" + mark, mark * 2) + mark
            return _double_quotes(match, fix, "a quote inside a text is doubled, not escaped")
        if match.start() > place:
            break
    return None


def diagnose_inner_quote(text: str, start: int, stop: int, place: int, *, unclosed: bool = False) -> Diagnostic | None:
    """Return the diagnostic of a text such as `'it's'`, where `place` is in the text or directly after it.

    With `unclosed`, `place` is a quote that is never closed, and the text may be anywhere before it.
    """
    for match in _INNER.finditer(text, start, stop):
        before = text[max(start, match.start() - 20) : match.start()]
        swaps_quotes = unclosed and match.end() <= place and _OPENED.search(before)
        if swaps_quotes or match.start() <= place <= match.end():
            mark = match[1]
            fix = f"{mark}{match['before']}{mark * 2}{match['after']}{mark}"
            return _double_quotes(match, fix, "a quote inside a text is doubled")
        if match.start() > place:
            break
    return None


def _double_quotes(match: re.Match[str], fix: str, message: str) -> Diagnostic:
    return Diagnostic("AQL0101", message, Span(match.start(), match.end()), "a quote inside", f"write {fix}", fix)


def find_backslash(at: ParseErrorContext) -> Diagnostic | None:
    r"""Diagnose `'O\'Brien'` where the parser stopped at the rest of the text."""
    last = at.token_before()
    if last is None or last.type != "STRING":
        return None
    return diagnose_escaped_quote(at.text, last.start_pos, at.stop, at.start)
