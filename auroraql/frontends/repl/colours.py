"""The colours of what is typed: Pygments' tokens, made anew only from a little before a change, and as far as is shown.

Invariant: a line has the fragments that lexing the whole text would give it.
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

from auroraql.frontends.lexer import AuroraQLLexer
from auroraql.spelling import alike

LONGEST = 100_000
"""Characters beyond which a text is pasted, not typed, and is not coloured."""

_LOOKED_AHEAD = 8
"""Words behind a token that may tell what it is: a describe sentence is known by its fourth."""


class _Token(NamedTuple):
    """A token at its place; `stack` is what the lexer was in, where it can begin there again."""

    start: int
    style: str
    text: str
    stack: tuple[str, ...]


class Colours(Lexer):
    """Colours one text that changes."""

    def __init__(self) -> None:
        self._lexer = AuroraQLLexer()
        self._text = ""
        self._tokens: list[_Token] = []
        self._lines: list[StyleAndTextTuples] = [[]]
        self._rest: Iterator[_Token] = iter(())

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """The fragments of each line, found when they are asked for."""
        text = document.text
        if len(text) > LONGEST:
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

    def _add(self, token: _Token) -> None:
        self._tokens.append(token)
        first, *others = token.text.split("\n")
        self._lines[-1].append((token.style, first))
        self._lines.extend([(token.style, other)] for other in others)

    def _change(self, text: str) -> None:
        """Keeps what stands well before the first change."""
        at = self._restart(alike(text, self._text))
        begin, stack = (self._tokens[at].start, self._tokens[at].stack) if at else (0, ())
        kept = self._tokens[:at]
        row, start_of_row = text.count("\n", 0, begin), text.rfind("\n", 0, begin) + 1
        first = bisect_left(kept, start_of_row, key=lambda token: token.start + len(token.text))
        here: StyleAndTextTuples = [
            (token.style, text[max(token.start, start_of_row) : token.start + len(token.text)])
            for token in kept[first:]
        ]
        self._text, self._tokens, self._lines = text, kept, [*self._lines[:row], here]
        self._rest = self._lexed(text, begin, stack)

    def _restart(self, same: int) -> int:
        """The token to begin with again when so many characters are the same; 0 is the beginning."""
        at = bisect_left(self._tokens, same, key=lambda token: token.start)
        words = 0
        while at > 0 and (words <= _LOOKED_AHEAD or not self._tokens[at].stack):
            at -= 1
            words += not self._tokens[at].text.isspace()
        return at

    def _lexed(self, text: str, begin: int, stack: tuple[str, ...]) -> Iterator[_Token]:
        if not text:
            return
        context = LexerContext(text, begin, [*stack])
        for start, kind, value in self._lexer.get_tokens_unprocessed(context=context):
            # In the midst of what one rule made of several tokens nothing can begin again.
            stack = tuple(context.stack) if context.pos == start else ()
            yield _Token(start, _style(kind), value, stack)


@cache
def _style(kind: _TokenType) -> str:
    return f"class:{pygments_token_to_classname(kind)}"
