"""Quotes inside texts: doubled here, escaped by a backslash or merely written in other places."""

from __future__ import annotations

import re

from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.language.syntax_errors.parse_context import ParseErrorContext

_ESCAPED = re.compile(
    r"'(?:[^'\\\n]|\\.|'')*\\'(?:[^'\\\n]|\\.|'')*'|\"(?:[^\"\\\n]|\\.|\"\")*\\\"(?:[^\"\\\n]|\\.|\"\")*\""
)
_INNER = re.compile(r"(['\"])(?P<before>[^'\"=<>!(),;\n]*)\1(?P<after>\w[^'\"=<>!(),;\n]*)\1(?=\s*(?:$|[),;]|\w))")


_ENDED = re.compile(r"\\['\"]\s*(?:(?:and|or|on)\b|[=,)])", re.IGNORECASE)
"""A text that ends in a backslash, with the statement after it, as `'C:\\' AND …`."""

_OPENED = re.compile(r"(?:[=<>(,]|\b(?:like|between|and))\s*\Z", re.IGNORECASE)


def diagnose_escaped_quote(
    text: str, start: int, stop: int, place: int, *, unclosed: bool = False
) -> Diagnostic | None:
    """Return what is wrong with a text that holds `\\'`, where `place` is in it or just after it.

    With `unclosed`, the text may also be anywhere before `place`, a quote that is never closed: an odd number of
    escaped quotes turns around what later quotes of the line open and close.
    """
    for found in _ESCAPED.finditer(text, start, stop):
        if _ENDED.search(found[0]):
            continue
        turns = unclosed and found.end() <= place and found[0].count("\\" + found[0][0]) % 2
        if turns or found.start() <= place <= found.end():
            mark = found[0][0]
            fix = mark + found[0][1:-1].replace("\\" + mark, mark * 2) + mark
            return _double_quotes(found, fix, "a quote inside a text is doubled, not escaped")
        if found.start() > place:
            break
    return None


def diagnose_inner_quote(text: str, start: int, stop: int, place: int, *, unclosed: bool = False) -> Diagnostic | None:
    """Return what is wrong with a text such as `'it's'`, where `place` is in it or just after it.

    With `unclosed`, the text may also be anywhere before `place`, a quote that is never closed.
    """
    for found in _INNER.finditer(text, start, stop):
        before = text[max(start, found.start() - 20) : found.start()]
        turns = unclosed and found.end() <= place and _OPENED.search(before)
        if turns or found.start() <= place <= found.end():
            mark = found[1]
            fix = f"{mark}{found['before']}{mark * 2}{found['after']}{mark}"
            return _double_quotes(found, fix, "a quote inside a text is doubled")
        if found.start() > place:
            break
    return None


def _double_quotes(found: re.Match[str], fix: str, message: str) -> Diagnostic:
    return Diagnostic("AQL0101", message, Span(found.start(), found.end()), "a quote inside", f"write {fix}", fix)


def find_backslash(at: ParseErrorContext) -> Diagnostic | None:
    """`'O\\'Brien'` where the parser stopped at the rest of the text."""
    last = at.token_before()
    if last is None or last.type != "STRING":
        return None
    return diagnose_escaped_quote(at.text, last.start_pos, at.stop, at.start)
