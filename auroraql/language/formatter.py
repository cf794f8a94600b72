"""The formatter of `.aql` text: it normalizes keywords, quotes, spaces and line breaks, and keeps comments.

It works on the tokens of statements that parse, so it never changes their meaning. Clauses keep their order.
Formatting is idempotent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import cast

from auroraql.codecs import script
from auroraql.diagnostics.errors import LINE_END_PATTERN, Diagnostic, Source, Span, StatementError
from auroraql.language import grammar
from auroraql.language.ast import Token, get_clauses
from auroraql.language.ast_builder import unquote
from auroraql.language.grammar import find_comments
from auroraql.language.printer import INDENT, WIDTH, quote_text
from auroraql.language.splitter import StatementPiece, find_closing, split_script, stop_pattern
from auroraql.schema.operators import SPELLINGS

_KINDS = {"DATA_PRODUCTS", "EPHEMERIS", "CONJUNCTIONS", "GROUND", "SPACE", "EVENTS", "LOCATION"}
_NAMES = {"NAME", "QNAME"}
_TIGHT_AFTER = {"LPAR", "LBRACE", "DOT"}
_TIGHT_BEFORE = {"RPAR", "RBRACE", "COMMA", "DOT"}


def format_text(source: Source) -> str:
    """Return a script formatted, each statement closed by `;`.

    Raises StatementError when a statement cannot be read.
    """
    script.read_script(source)
    text = source.text
    out: list[str] = []
    at = 0
    for piece in split_script(text):
        if isinstance(piece, Diagnostic):
            raise StatementError([piece], source)
        before = _format_gap(text[at : piece.start], first=not out)
        statement, at = _format_statement(text, piece)
        out.append(before + statement)
    out.append(_format_gap(text[at:], first=not out).rstrip())
    joined = "".join(out).strip("\n")
    return joined + "\n" if joined else ""


def _format_gap(gap: str, *, first: bool) -> str:
    """Format the text between two statements: comments on their own lines, and at most one blank line."""
    gap = LINE_END_PATTERN.sub("\n", gap)
    shebang = _SHEBANG.match(gap) if first else None
    lines = [shebang[1].rstrip()] if shebang else []
    at = shebang.end() if shebang else 0
    trailing, on_last_line = "", not first
    for start, end in find_comments(gap, at):
        blank = _BLANK_LINE.search(gap, at, start) is not None
        on_last_line = on_last_line and "\n" not in gap[at:start]
        comment, at = _format_comment(gap[start:end]), end
        if on_last_line:
            trailing += "  " + comment
            on_last_line = "\n" not in comment
            continue
        lines += ([""] if blank and (lines or not first) else []) + [comment]
    if not first and _BLANK_LINE.search(gap, at):
        lines.append("")
    body = "\n".join(lines)
    if first:
        return body + "\n" if body or lines else ""
    return trailing + "\n" + (body + "\n" if lines else "")


_SHEBANG = re.compile(r"\ufeff?(#![^\n]*)")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")


def _format_comment(comment: str) -> str:
    return "\n".join(line.rstrip() for line in comment.split("\n"))


def _format_statement(text: str, piece: StatementPiece) -> tuple[str, int]:
    """Format one statement, and return it with the end of its last token.

    Comments after that token belong to the next statement.
    """
    if piece.form == "sql":
        sql = text[piece.body : piece.end].strip()
        # A `--` comment at the end would include the `;`.
        return f"SQL {sql}{chr(10) if _ends_in_line_comment(sql) else ''};", piece.end
    if piece.form != "text":
        verb = f"{piece.verb.upper()} " if piece.verb else ""
        return verb + text[piece.start : piece.end].strip() + ";", piece.end
    statement = script.read_piece(text, piece)
    setter = _StatementFormatter({cast("Span", clause.origin).start for clause in get_clauses(statement.statement)})
    at = piece.start
    for token in statement.tokens:
        setter.gap(text[at : token.start_pos])
        setter.token(token)
        at = token.end_pos
    return setter.finish(), at


def _ends_in_line_comment(sql: str) -> bool:
    stops, at, last = stop_pattern("sql"), 0, ""
    while match := stops.search(sql, at):
        closed = find_closing(sql, match) if match.lastgroup in ("stray", "dollar") else -1
        at, last = max(match.end(), closed), match[0][:2]
    return at == len(sql) and last == "--"


@dataclass
class _OutputLine:
    """An output line: its text, and its indentation depth."""

    text: str = ""
    depth: int = 0


@dataclass
class _StatementFormatter:
    """The formatter of one statement. `starts` are the offsets at which clauses begin."""

    starts: set[int]
    lines: list[_OutputLine] = field(default_factory=lambda: [_OutputLine()])
    previous: str = ""
    before_previous: str = ""
    has_comment: bool = False
    at_line_start: bool = False
    clause: str = ""
    """Keyword of the clause that is being written."""

    def gap(self, gap: str) -> None:
        """Add the comments between two tokens. A comment on its own line stays there."""
        if not gap:
            return
        gap = LINE_END_PATTERN.sub("\n", gap)
        at = 0
        for start, end in find_comments(gap):
            self.has_comment = True
            comment = _format_comment(gap[start:end])
            on_own_line = "\n" in gap[at:start] or not self.lines[-1].text
            at = end
            if on_own_line:
                self._break(self.lines[-1].depth or 1)
            line = self.lines[-1]
            line.text += ("  " if comment.startswith("--") else " ") * bool(line.text) + comment
            self.at_line_start = comment.startswith("--") or on_own_line
        self.at_line_start = self.at_line_start or (at > 0 and "\n" in gap[at:])

    def token(self, token: Token) -> None:
        """Add one token."""
        begins_clause = token.start_pos in self.starts
        if begins_clause:
            self._break(1)
            self.clause = token.type
        elif self.at_line_start:
            self._break(2)
        glue = "" if not self.lines[-1].text or self._tight(token) else " "
        self.lines[-1].text += glue + _format_token(token)
        self.at_line_start = False
        self.before_previous, self.previous = self.previous, token.type

    def _break(self, depth: int) -> None:
        if self.lines[-1].text:
            self.lines.append(_OutputLine())
        self.lines[-1].depth = depth

    def _tight(self, token: Token) -> bool:
        if self.at_line_start or self.previous in _TIGHT_AFTER or token.type in _TIGHT_BEFORE:
            return True
        if token.type == "LPAR":
            # A call of a function, but not the alias of a block: `ground AS asi (…)`.
            return self.previous == "NAME" and self.before_previous != "AS"
        # In WITHIN, a sign between two names joins a pair of blocks.
        if self.clause == "WITHIN" and (
            (token.type == "SIGN" and self.previous in _NAMES)
            or (self.previous == "SIGN" and self.before_previous in _NAMES)
        ):
            return True
        # A sign that is not between two values belongs to the value after it.
        return self.previous == "SIGN" and self.before_previous in _BEFORE_VALUES

    def finish(self) -> str:
        """Return the statement with its `;`, on one line when it fits and contains no comment."""
        one = " ".join(line.text for line in self.lines) + ";"
        if not self.has_comment and len(one) <= WIDTH + 1 and "\n" not in one:
            return one
        return "\n".join(INDENT * line.depth + line.text for line in self.lines) + ";"


_BEFORE_VALUES = frozenset(
    (
        "CMP",
        "LPAR",
        "COMMA",
        "BETWEEN",
        "AND",
        "OR",
        "NOT",
        "IN",
        "SELECT",
        "WHERE",
        "HAVING",
        "BY",
        "CASE",
        "WHEN",
        "THEN",
    )
) | frozenset(("ELSE", "SIGN", "STAR", "SLASH", "PERCENT", "CONCAT", "DISTINCT"))
"""Tokens before a value. A sign after one of them is the sign of the value."""


def _format_token(token: Token) -> str:
    text = str(token)
    match token.type:
        case "STRING":
            return quote_text(unquote(text))
        case "CMP":
            return SPELLINGS[text]
        case "DATETIME":
            # Between a date and a time of day. In `January 5 2021`, the blank is part of the date.
            return re.sub(r"(?<=-\d{2})[ t](?=\d{2}:)", "T", text).replace("z", "Z").replace("utc", "UTC")
        case "TIME_UNIT" | "UNIT" | "NIGHTS":
            return text.lower()
        case "PERIOD":
            return " ".join(text.upper().removeprefix("THE").split())
        case kind if kind in _KINDS:
            return text.lower()
        case kind if kind in grammar.grammar_keywords():
            return text.upper()
        case _:
            return text
