"""Incremental highlighting: Pygments tokens are recomputed from shortly before a change, and only for visible lines.

Invariant: every line has the fragments that lexing the whole text would give it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.styles import pygments_token_to_classname
from pygments.lexer import LexerContext
from pygments.token import _TokenType

from auroraql.diagnostics.suggestions import common_prefix_length
from auroraql.language.highlighter import AuroraQLLexer

MAX_HIGHLIGHTED_CHARACTERS = 100_000
"""Longer texts were pasted, not typed, and are not highlighted. In characters."""

_LOOKAHEAD_TOKENS = 8
"""Number of words after a token that may decide its style. A describe sentence is recognized by its fourth word."""


class _StyledToken(NamedTuple):
    """A token at an offset. `stack` holds the lexer's states where lexing can resume, else it is empty."""

    start: int
    style: str
    text: str
    stack: tuple[str, ...]


class IncrementalLexer(Lexer):
    """Lexer of one text that changes. It caches tokens and lines."""

    def __init__(self) -> None:
        self._lexer = AuroraQLLexer()
        self._text = ""
        self._tokens: list[_StyledToken] = []
        self._lines: list[StyleAndTextTuples] = [[]]
        self._rest: Iterator[_StyledToken] = iter(())

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """Return a function that computes the fragments of a line on demand."""
        text = document.text
        if len(text) > MAX_HIGHLIGHTED_CHARACTERS:
            return lambda line: [("", document.lines[line])] if line < len(document.lines) else []
        return lambda line: self._line(text, line)

    def _line(self, text: str, line: int) -> StyleAndTextTuples:
        if text is not self._text and text != self._text:
            self._change(text)
        while len(self._lines) <= line + 1:
            token = next(self._rest, None)
            if token is None:
                break
            self._add(token)
        return self._lines[line] if line < len(self._lines) else []

    def _add(self, token: _StyledToken) -> None:
        self._tokens.append(token)
        first, *others = token.text.split("\n")
        self._lines[-1].append((token.style, first))
        self._lines.extend([(token.style, other)] for other in others)

    def _change(self, text: str) -> None:
        """Keep the tokens well before the first change, and restart the lexer there."""
        restart = self._restart(common_prefix_length(text, self._text))
        begin, stack = (self._tokens[restart].start, self._tokens[restart].stack) if restart else (0, ())
        tokens = self._tokens[:restart]
        row, start_of_row = text.count("\n", 0, begin), text.rfind("\n", 0, begin) + 1
        first = bisect_left(tokens, start_of_row, key=lambda token: token.start + len(token.text))
        partial_line: StyleAndTextTuples = [
            (token.style, text[max(token.start, start_of_row) : token.start + len(token.text)])
            for token in tokens[first:]
        ]
        self._text, self._tokens, self._lines = text, tokens, [*self._lines[:row], partial_line]
        self._rest = self._lex_from(text, begin, stack)

    def _restart(self, unchanged: int) -> int:
        """Return the index of the token to restart from, given the length of the unchanged prefix."""
        index = bisect_left(self._tokens, unchanged, key=lambda token: token.start)
        words = 0
        while index > 0 and (words <= _LOOKAHEAD_TOKENS or not self._tokens[index].stack):
            index -= 1
            words += not self._tokens[index].text.isspace()
        return index

    def _lex_from(self, text: str, begin: int, stack: tuple[str, ...]) -> Iterator[_StyledToken]:
        if not text:
            return
        context = LexerContext(text, begin, [*stack])
        for start, kind, value in self._lexer.get_tokens_unprocessed(context=context):
            # Lexing cannot resume between tokens that one rule produced together.
            stack = tuple(context.stack) if context.pos == start else ()
            yield _StyledToken(start, _style_name(kind), value, stack)


@cache
def _style_name(kind: _TokenType) -> str:
    return f"class:{pygments_token_to_classname(kind)}"
