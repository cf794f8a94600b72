"""Whitespace and comments between tokens. Comments nest, which a regular expression cannot match.

A line ends with LF, CR or CRLF, and so does a `--` comment. Other separators of lines and pages (VT, FF, NEL, U+2028,
U+2029) are whitespace, as in DuckDB's SQL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from auroraql.language import grammar

_BLOCK_MARKS = re.compile(r"/\*|\*/")


@cache
def _blank_pattern() -> re.Pattern[str]:
    """Compile the pattern of whitespace and of comments that contain no comment."""
    return re.compile(rf"(?:{grammar.terminal_pattern('WS')}|{grammar.terminal_pattern('COMMENT')})*")


@cache
def _separator_pattern() -> re.Pattern[str]:
    return re.compile(rf"(?:{grammar.terminal_pattern('WS')}|{grammar.terminal_pattern('COMMENT')}|;)*")


def block_comment_end(text: str, start: int, end: int | None = None) -> int:
    """Return the end of the comment whose `/*` is at `start`, or -1 when it is not closed before `end`."""
    open_comments = 0
    for mark in _BLOCK_MARKS.finditer(text, start, len(text) if end is None else end):
        open_comments += 1 if mark[0] == "/*" else -1
        if not open_comments:
            return mark.end()
    return -1


def skip_blanks(text: str, at: int, end: int) -> int:
    """Return the offset of the next token, at `at` or after it, or `end` when there is none."""
    return _skip(_blank_pattern(), text, at, end)


def skip_to_statement(text: str, at: int, end: int) -> int:
    """Return the offset of the next statement. Any number of `;` may separate two statements."""
    return _skip(_separator_pattern(), text, at, end)


def _skip(pattern: re.Pattern[str], text: str, at: int, end: int) -> int:
    while True:
        at = pattern.match(text, at, end).end()  # type: ignore[union-attr]
        closed = block_comment_end(text, at, end) if text.startswith("/*", at, end) else -1
        if closed < 0:
            return at
        at = closed


def find_comments(gap: str, at: int = 0) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each comment after `at` in a text of whitespace, comments and `;`."""
    while begun := _COMMENT_START.search(gap, at):
        at = begun.end() if begun[0] != "/*" else block_comment_end(gap, begun.start())
        yield begun.start(), at


_COMMENT_START = re.compile(r"--[^\r\n]*|/\*")
