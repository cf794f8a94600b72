"""Positions in a text as programs count them: a line and a character in UTF-16 units, as in the language server protocol.

Everywhere else in AuroraQL, a position is an offset: the number of characters (code points) before it.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple, TypedDict

from auroraql.diagnostics.errors import LINE_END_PATTERN, Span


class PositionDocument(TypedDict):
    """JSON of a position: both numbers begin at 0."""

    line: int
    character: int


class RangeDocument(TypedDict):
    """JSON of a range of positions, with the end excluded."""

    start: PositionDocument
    end: PositionDocument


class Position(NamedTuple):
    """A line, from 0, and the number of UTF-16 units before the position in its line."""

    line: int
    character: int

    def document(self) -> PositionDocument:
        """Return the JSON of the position."""
        return {"line": self.line, "character": self.character}


class LineTable:
    """Table of the lines of a text. CR, LF and CRLF end a line; U+2028, form feed and others do not."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0, *(match.end() for match in LINE_END_PATTERN.finditer(text))]
        self._last = (0, 0, 0)
        """The last offset whose position was read, its line, and its UTF-16 units: a long line is not counted twice."""

    @property
    def line_count(self) -> int:
        """Number of lines. A text that ends with a line end has an empty last line."""
        return len(self._starts)

    def lines(self) -> list[str]:
        """Return the lines, each with its line end. They join to the text."""
        ends = [*self._starts[1:], len(self.text)]
        lines = [self.text[start:end] for start, end in zip(self._starts, ends, strict=True)]
        return lines if lines[-1] else lines[:-1]

    def position(self, offset: int) -> Position:
        """Return the position of an offset. Offsets outside of the text are moved to its nearest end."""
        offset = min(max(offset, 0), len(self.text))
        line = bisect_right(self._starts, offset) - 1
        start, last_line, units = self._last
        if line != last_line or offset < start:
            start, units = self._starts[line], 0
        units += utf16_length(self.text[start:offset])
        self._last = offset, line, units
        return Position(line, units)

    def offset(self, position: Position) -> int:
        """Return the offset of a position. A position outside of the text or inside a character is moved back."""
        if position.line < 0:
            return 0
        if position.line >= len(self._starts):
            return len(self.text)
        start = self._starts[position.line]
        line_end = LINE_END_PATTERN.search(self.text, start)
        line = self.text[start : line_end.start() if line_end else None]
        if line.isascii():
            return start + min(max(position.character, 0), len(line))
        units = 0
        for at, character in enumerate(line):
            units += 2 if ord(character) > _MAX_SINGLE_UNIT else 1
            if units > position.character:
                return start + at
        return start + len(line)

    def range(self, span: Span) -> RangeDocument:
        """Return the JSON of the range of a span."""
        return {"start": self.position(span.start).document(), "end": self.position(span.end).document()}


_MAX_SINGLE_UNIT = 0xFFFF
"""Largest code point that UTF-16 writes as one unit."""


def utf16_length(text: str) -> int:
    """Return the number of UTF-16 units of a text."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", errors="surrogatepass")) // 2
