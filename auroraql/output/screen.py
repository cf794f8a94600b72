"""What a text is read on: how wide it is, what it can show, and what is at hand there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TextIO

from auroraql.output.cells import DIM, paint

MOST_SHOWN = 1000
"""How many rows a terminal is shown at most; a pipe or a file gets all."""

_LEAST_LINES = 5

SAMPLE = 10_000
"""How many rows of a result that is shown whole tell how wide its columns are; a wider value after them juts out."""

BLOCKS = "▁▂▃▄▅▆▇█░▒▓·│…–"


@dataclass(frozen=True, slots=True)
class Screen:
    """A terminal, or, without a width, a pipe or a file: there everything is written and nothing is cut."""

    width: int | None = None
    height: int | None = None
    """Lines of a page, where no pager shows the rest of a longer text."""
    terminal: bool = False
    """Whether a terminal reads it, which obeys control characters. A pager shows whole tables, so it needs no width."""
    color: bool = False
    links: bool = False
    """Whether it makes links of OSC 8."""
    blocks: bool = True
    """Whether it can write block characters."""
    commands: bool = False
    """Whether the commands of the prompt are at hand, for what a note says."""
    python: bool = False
    """Whether it is what Python's `print` shows, where neither commands nor options are at hand."""

    @property
    def most_rows(self) -> int:
        """How many rows of a table are shown: what fits a page below its two lines of headers and above the notes."""
        return MOST_SHOWN if self.height is None else min(max(self.height - 4, _LEAST_LINES), MOST_SHOWN)

    def shown(self, text: str) -> str:
        """The text with a sign of one column for what was cut off, which an encoding without blocks has, too."""
        return text if self.blocks or self.width is None else text.replace("…", "~")

    def note(self, text: str) -> str:
        """A line about what is shown; never wider than the screen unless its way out is."""
        return paint(text, DIM, color=self.color) + "\n"

    def rows_left_out(self, shown: int, every: int) -> str:
        """The line that says how many rows were not shown, and the way to them; empty when there are none."""
        if shown >= every:
            return ""
        if self.python:
            return self.note(f"first {shown:,} of {every:,} rows")
        way = "\\last for all, \\export FILE to keep them" if self.commands else "--output FILE for all"
        return self.note(f"first {shown:,} of {every:,} rows: {way}")

    def columns_left_out(self, shown: int, every: int) -> str:
        """The same of columns."""
        if shown >= every:
            return ""
        text = f"{every} columns, {shown} shown"
        command = "\\last" if self.commands else "--format vertical"
        way = "" if self.python else f": {command} for all"
        fits = self.width is None or len(text) + len(way) <= self.width
        return self.note(text + way if fits else text)


def writes_blocks(stream: TextIO) -> bool:
    """Whether the stream's encoding has block characters."""
    try:
        BLOCKS.encode(stream.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
