"""Tests of the lines and columns of diagnostics: right for every line end, and quick in long texts."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroraql.diagnostics.errors import Diagnostic, Source, Span, render


@given(st.text("a\r\n\x0b\u2028", max_size=20))
def test_a_place_is_counted_from_the_line_ends(text: str) -> None:
    line, column = 1, 1
    for offset, character in enumerate(text):
        assert Source(text).place(offset) == (line, column), offset
        if character == "\n" or (character == "\r" and text[offset + 1 : offset + 2] != "\n"):
            line, column = line + 1, 1
        else:
            column += 1
    assert Source(text).place(len(text)) == (line, column)
    unified = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert [Source(text).line(number) for number in range(1, line + 1)] == unified


@pytest.mark.parametrize("text", ["x" * 1_000_000, "x\n" * 500_000, "x\r\n" * 300_000], ids=["one", "lf", "crlf"])
def test_thousands_of_diagnostics_of_a_long_text_take_linear_time(text: str) -> None:
    source, began = Source(text), time.process_time()
    for number in range(3000):
        place = len(text) - 3 * number - 1
        rendered = render([Diagnostic("AQL0601", "an unknown key", Span(place, place + 1), severity="warning")], source)
    assert "AQL0601" in rendered
    assert time.process_time() - began < 4  # of about 30 s when each scans the text
