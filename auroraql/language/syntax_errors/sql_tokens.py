"""Tokens of statements in SQL and similar languages, which the translator of SQL statements reads.

The tokenizer accepts what any dialect of SQL accepts. It never fails: a character that begins no token is a sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from auroraql.diagnostics.errors import Span
from auroraql.language.grammar import find_comments, skip_blanks

TokenKind = Literal["word", "string", "quoted", "time", "number", "parameter", "sign"]

_TOKEN = re.compile(
    r"""
      (?P<string>(?:\b[nN](?='))?'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`)
    | (?P<parameter>\$[^\W\d]\w*|[@:](?!:)[^\W\d]\w*|%\([^\W\d]\w*\)s)
    | (?P<word>[^\W\d]\w*)
    | (?P<time>\d{4}-\d\d(?:-\d\d(?:[T\ ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?)?(?![\w:-]))
    | (?P<number>(?:\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<sign><=>|->>|\|\||&&|::|<=|>=|<>|!=|==|=~|!~\*|!~|~\*|->|\*\*|//|\.\.|\|>|.)
    """,
    re.VERBOSE | re.DOTALL,
)

_PAIRS = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class SqlToken:
    """A token: its kind and text, and its offsets. `gap` is the text before it: whitespace and comments."""

    kind: TokenKind
    text: str
    gap: str
    start: int

    @property
    def end(self) -> int:
        """The end of the token."""
        return self.start + len(self.text)

    @property
    def span(self) -> Span:
        """The span of the token."""
        return Span(self.start, self.end)

    @property
    def word(self) -> str:
        """The word in upper case, or an empty string for another token."""
        return self.text.upper() if self.kind == "word" else ""

    def is_sign(self, *signs: str) -> bool:
        """Return whether the token is one of these signs."""
        return self.kind == "sign" and self.text in signs

    @property
    def quoted_text(self) -> str:
        """The text inside the quotes."""
        text = self.text[1:] if self.text[0] in "nN" else self.text
        return text[1:-1].replace(text[0] * 2, text[0])


def word_set(words: str) -> frozenset[str]:
    """Return the set of the words in a text."""
    return frozenset(words.split())


def tokenize(text: str, start: int, end: int) -> list[SqlToken]:
    """Return the tokens of `text[start:end]`."""
    return list(_iterate_tokens(text, start, end))


def _iterate_tokens(text: str, start: int, end: int) -> Iterator[SqlToken]:
    at = start
    while True:
        after = skip_blanks(text, at, end)
        match = _TOKEN.match(text, after, end) if after < end else None
        if match is None:
            return
        kind: TokenKind = match.lastgroup  # type: ignore[assignment]
        yield SqlToken(kind, match[0], text[at:after], after)
        at = match.end()


def closing(tokens: Sequence[SqlToken], at: int) -> int:
    """Return the index of the bracket that closes the one at `at`, or the number of tokens if there is none."""
    open_brackets: list[str] = []
    for index in range(at, len(tokens)):
        token = tokens[index]
        if token.kind != "sign":
            continue
        if token.text in _PAIRS:
            open_brackets.append(_PAIRS[token.text])
        elif open_brackets and token.text == open_brackets[-1]:
            open_brackets.pop()
            if not open_brackets:
                return index
    return len(tokens)


def top_level(tokens: Sequence[SqlToken]) -> Iterator[int]:
    """Yield the index of each token that is outside brackets. Opening brackets are yielded, closing ones are not."""
    index = 0
    while index < len(tokens):
        yield index
        index = closing(tokens, index) + 1 if tokens[index].is_sign(*_PAIRS) else index + 1


def max_depth(tokens: Sequence[SqlToken]) -> int:
    """Return the number of levels of brackets."""
    depth = deepest = 0
    for token in tokens:
        if token.is_sign(*_PAIRS):
            depth += 1
            deepest = max(deepest, depth)
        elif token.is_sign(*_PAIRS.values()):
            depth -= 1
    return deepest


def split_at(tokens: Sequence[SqlToken], sign: str) -> list[list[SqlToken]]:
    """Split tokens at a sign that is outside brackets."""
    parts: list[list[SqlToken]] = []
    begin = 0
    for index in top_level(tokens):
        if tokens[index].is_sign(sign):
            parts.append(list(tokens[begin:index]))
            begin = index + 1
    return [*parts, list(tokens[begin:])] if tokens else []


def join_tokens(tokens: Sequence[SqlToken]) -> str:
    """Return the text of tokens as typed."""
    return "".join(
        (token.gap if index else leading_comments(token.gap)) + token.text for index, token in enumerate(tokens)
    )


def leading_comments(gap: str) -> str:
    """Return the comments of a gap, each with the line break that ends it, or an empty string."""
    return "".join(gap[start:end] + ("\n" if gap.startswith("--", start) else " ") for start, end in find_comments(gap))


def span_of(tokens: Sequence[SqlToken]) -> Span:
    """Return the span of some tokens."""
    return Span(tokens[0].start, tokens[-1].end)
