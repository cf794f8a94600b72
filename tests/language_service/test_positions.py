"""Positions: the line table agrees with an independent reading of the text, for every offset."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from auroraql.diagnostics.errors import Span
from auroraql.language_service.positions import LineTable, Position, utf16_length

TEXTS = st.text(st.sampled_from("ab\r\n\u2028\x0b\x0c\x85é日𝄞😀\ud83d "), max_size=40)


def lines_of(text: str) -> list[str]:
    """Return the lines with their ends, by the rules of the language server protocol."""
    lines = [match[0] for match in re.finditer(r"[^\r\n]*(?:\r\n|\r|\n)", text)]
    return [*lines, text[sum(map(len, lines)) :]]


@given(TEXTS)
def test_every_offset_has_the_position_that_utf_16_gives(text: str) -> None:
    table = LineTable(text)
    offset = 0
    for number, line in enumerate(lines_of(text)):
        body = line.rstrip("\r\n")
        for column in range(len(body) + 1):
            units = len(body[:column].encode("utf-16-le", "surrogatepass")) // 2
            assert table.position(offset + column) == Position(number, units)
            assert table.offset(Position(number, units)) == offset + column
        offset += len(line)


def test_positions_outside_of_the_text_are_moved_to_its_ends() -> None:
    table = LineTable("ab\n😀c")
    assert table.offset(Position(0, 99)) == 2
    assert table.offset(Position(1, 1)) == 3  # inside a surrogate pair
    assert table.offset(Position(1, 99)) == 5
    assert table.offset(Position(9, 0)) == 5
    assert table.offset(Position(-1, 0)) == 0
    assert table.position(99) == Position(1, 3)
    assert table.position(-5) == Position(0, 0)
    assert table.range(Span(3, 4)) == {"start": {"line": 1, "character": 0}, "end": {"line": 1, "character": 2}}
    assert utf16_length("a😀") == 3
