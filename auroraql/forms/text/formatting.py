"""The formatter of `.aql` text: keywords, quotes, blanks and line breaks set one way; comments kept.

It works on the tokens of statements that parse, so it never changes what is meant, and the order of
clauses stays the writer's own. Formatting twice gives the same text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import cast

from auroraql.errors import Diagnostic, Source, Span, StatementError
from auroraql.forms import grammar, script
from auroraql.forms.pieces import Piece, cut
from auroraql.forms.text import parsing
from auroraql.forms.text.layout import INDENT, WIDTH, quote
from auroraql.forms.text.lexeme import Lexeme
from auroraql.forms.text.reading import unquote
from auroraql.schema.operators import SPELLINGS
from auroraql.syntax import clauses_of

_KINDS = {"DATA_PRODUCTS", "EPHEMERIS", "CONJUNCTIONS", "GROUND", "SPACE", "EVENTS", "LOCATION"}
_NAMES = {"NAME", "QNAME"}
_TIGHT_AFTER = {"LPAR", "LBRACE", "DOT"}
_TIGHT_BEFORE = {"RPAR", "RBRACE", "COMMA", "DOT"}


def format_text(source: Source) -> str:
    """The text of a script, formatted: one statement after the other, each closed by `;`.

    Raises StatementError when a statement of it cannot be read.
    """
    script.read(source)
    text = source.text
    out: list[str] = []
    at = 0
    for piece in cut(text):
        if isinstance(piece, Diagnostic):
            raise StatementError([piece], source)
        before = _between(text[at : piece.start], first=not out)
        statement, at = _statement(text, piece)
        out.append(before + statement)
    out.append(_between(text[at:], first=not out).rstrip())
    joined = "".join(out).strip("\n")
    return joined + "\n" if joined else ""


def _between(gap: str, *, first: bool) -> str:
    """What stands between two statements: comments on lines of their own, at most one blank line."""
    shebang = re.match(r"\ufeff?(#![^\n]*)", gap) if first else None
    lines = [shebang[1].rstrip()] if shebang else []
    blank, trailing = False, ""
    at = shebang.end() if shebang else 0
    for match in re.compile(rf"(?P<comment>{grammar.pattern('COMMENT')})|(?P<line>\n)|;|\s").finditer(gap, at):
        if match["comment"]:
            comment = _tidy(match["comment"])
            on_last_line = not first and not lines and "\n" not in gap[at : match.start()]
            if on_last_line and not trailing:
                trailing = "  " + comment
                continue
            lines += ([""] if blank and (lines or not first) else []) + [comment]
            blank = False
        elif match["line"]:
            blank = blank or _blank_line_at(gap, match.start())
    if blank and not first:
        lines.append("")
    body = "\n".join(lines)
    if first:
        return body + "\n" if body or lines else ""
    return trailing + "\n" + (body + "\n" if lines else "")


def _blank_line_at(gap: str, at: int) -> bool:
    """Whether the line that ends here is followed by another line's end with nothing between."""
    return re.compile(r"\n[^\S\n]*\n").match(gap, at) is not None


def _tidy(comment: str) -> str:
    return "\n".join(line.rstrip() for line in comment.split("\n"))


def _statement(text: str, piece: Piece) -> tuple[str, int]:
    """One statement set, and where its last token ends: comments after that belong to what follows."""
    if piece.form != "text":
        verb = f"{piece.verb.upper()} " if piece.verb else ""
        return verb + text[piece.start : piece.end].strip() + ";", piece.end
    statement, words = parsing.parse_words(text, piece.start, piece.end)
    setter = _Setter({cast("Span", clause.origin).start for clause in clauses_of(statement)})
    at = piece.start
    for token in words:
        setter.gap(text[at : token.start_pos])
        setter.token(token)
        at = token.end_pos
    return setter.finished(), at


@cache
def _comments() -> re.Pattern[str]:
    return re.compile(grammar.pattern("COMMENT"))


@dataclass
class _Line:
    """A line being set: its text, and whether it begins a clause or only goes on with one."""

    text: str = ""
    depth: int = 0


@dataclass
class _Setter:
    """Sets one statement; `starts` are the offsets at which clauses begin."""

    starts: set[int]
    lines: list[_Line] = field(default_factory=lambda: [_Line()])
    previous: str = ""
    before_previous: str = ""
    commented: bool = False
    fresh: bool = False
    in_select: bool = False

    def gap(self, gap: str) -> None:
        """The comments between two tokens, each on its line as it was written."""
        for match in _comments().finditer(gap):
            self.commented = True
            comment = _tidy(match[0])
            alone = "\n" in gap[: match.start()] or not self.lines[-1].text
            if alone:
                self._break(self.lines[-1].depth or 1)
            self.lines[-1].text += (
                "" if alone or not self.lines[-1].text else "  " if comment.startswith("--") else " "
            ) + comment
            self.fresh = comment.startswith("--") or "\n" in gap[match.end() :] or alone

    def token(self, token: Lexeme) -> None:
        """One token of the statement."""
        begins = token.start_pos in self.starts
        if begins:
            self._break(1)
            self.in_select = token.type == "SELECT"
        elif self.fresh:
            self._break(2)
        glue = "" if not self.lines[-1].text or self._tight(token) else " "
        self.lines[-1].text += glue + _spelled(token)
        self.fresh = False
        self.before_previous, self.previous = self.previous, token.type

    def _break(self, depth: int) -> None:
        if self.lines[-1].text:
            self.lines.append(_Line())
        self.lines[-1].depth = depth

    def _tight(self, token: Lexeme) -> bool:
        if self.fresh or self.previous in _TIGHT_AFTER or token.type in _TIGHT_BEFORE:
            return True
        if token.type == "LPAR":
            return self.in_select and self.previous == "NAME"
        # Between two names it joins a pair of blocks; before a number it is the number's own; else it is a shift.
        if token.type == "SIGN" and self.previous in _NAMES:
            return True
        if self.previous == "SIGN" and self.before_previous in _NAMES:
            return True
        return self.previous == "SIGN" and self.before_previous in ("CMP", "LPAR", "COMMA", "BETWEEN", "AND", "IN")

    def finished(self) -> str:
        """The statement with its `;`, on one line when it fits and holds no comment."""
        one = " ".join(line.text for line in self.lines) + ";"
        if not self.commented and len(one) <= WIDTH + 1 and "\n" not in one:
            return one
        return "\n".join(INDENT * line.depth + line.text for line in self.lines) + ";"


def _spelled(token: Lexeme) -> str:
    text = str(token)
    match token.type:
        case "STRING":
            return quote(unquote(text))
        case "CMP":
            return SPELLINGS[text]
        case "DATETIME":
            return re.sub(r"(?<=\d)[ t](?=\d)", "T", text).replace("z", "Z").replace("utc", "UTC")
        case "TIME_UNIT" | "UNIT":
            return text.lower()
        case kind if kind in _KINDS:
            return text.lower()
        case kind if kind in grammar.keywords():
            return text.upper()
        case _:
            return text
