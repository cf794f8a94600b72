"""Output target of a text: its width and capabilities, and the texts that accompany a result: notes and footer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TextIO

from auroraql.diagnostics.errors import make_visible
from auroraql.rendering.cell_format import DIM, apply_style
from auroraql.results.result_set import ResultSet
from auroraql.schema import KINDS

MAX_ROWS_SHOWN = 1000
"""Maximum rows shown on a terminal. Pipes and files receive all rows."""

_LEAST_LINES = 5

SAMPLE_ROWS = 10_000
"""Rows that determine the column widths of an unlimited table. A wider value in a later row exceeds its column."""

BLOCKS = "▁▂▃▄▅▆▇█░▒▓·│…–"


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """Terminal, or, with `width` None, a pipe or file, which receives all rows uncut."""

    width: int | None = None
    height: int | None = None
    """Lines of a page, for output without a pager."""
    terminal: bool = False
    """Whether a terminal interprets control characters. With a pager it does, although `width` is None."""
    color: bool = False
    links: bool = False
    """Whether to write hyperlinks (OSC 8)."""
    blocks: bool = True
    """Whether the encoding has block characters."""
    commands: bool = False
    """Whether notes may name commands of the REPL."""
    python: bool = False
    """Whether the text is Python's `print` output, where notes name neither commands nor options."""

    @property
    def most_rows(self) -> int:
        """Maximum table rows: a page without two header lines and the notes."""
        return MAX_ROWS_SHOWN if self.height is None else min(max(self.height - 4, _LEAST_LINES), MAX_ROWS_SHOWN)

    def format_shown(self, text: str) -> str:
        """Return the text with the ellipsis replaced by `~` if the encoding lacks it."""
        return text if self.blocks or self.width is None else text.replace("…", "~")

    def note(self, text: str) -> str:
        """Return a dimmed note line."""
        return apply_style(text, DIM, color=self.color) + "\n"

    def rows_left_out(self, shown: int, total: int) -> str:
        """Return the note on omitted rows, with a command that shows them; empty when there are none."""
        if shown >= total:
            return ""
        if self.python:
            return self.note(f"first {shown:,} of {total:,} rows")
        hint = "\\last for all, \\export FILE to save them" if self.commands else "--output FILE for all"
        return self.note(f"first {shown:,} of {total:,} rows: {hint}")

    def columns_left_out(self, shown: int, total: int) -> str:
        """Return the note on omitted columns; empty when there are none."""
        if shown >= total:
            return ""
        text = f"{total} columns, {shown} shown"
        command = "\\last" if self.commands else "--format vertical"
        hint = "" if self.python else f": {command} for all"
        fits = self.width is None or len(text) + len(hint) <= self.width
        return self.note(text + hint if fits else text)


def supports_blocks(stream: TextIO) -> bool:
    """Return whether the stream's encoding has block characters."""
    try:
        BLOCKS.encode(stream.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def format_footer(result: ResultSet) -> str:
    """Return row count, elapsed time and archive."""
    rows = "" if result.is_report else f"{len(result):,} row{'' if len(result) == 1 else 's'} · "
    return f"{rows}{_format_elapsed(result.elapsed)} · {describe_origin(result)}"


def describe_origin(result: ResultSet) -> str:
    """Return the archive's name."""
    return make_visible(result.archive) + (" (demonstration data)" if result.demonstration else "")


def format_count(result: ResultSet) -> str:
    """Return the number of rows with the title of their kind."""
    kind = KINDS.get(result.plan.query.kind)
    plain = kind is None or result.plan.query.is_aggregate or result.plan.query.distinct
    title = "rows" if kind is None or plain else kind.title.lower()
    return f"{len(result):,} {title.removesuffix('s') if len(result) == 1 else title}"


def _format_elapsed(seconds: float) -> str:
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"
