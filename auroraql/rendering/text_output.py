"""Text output: styles and formatted cells, the options of a target, and the texts that accompany a result.

A target is a terminal, a pipe or a file. A formatted value is one line of known width, without control characters,
escape sequences or bidirectional marks. A missing value and an empty text always differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any, TextIO

from auroraql.diagnostics.errors import display_width, make_visible
from auroraql.results.result_set import ResultColumn, ResultSet, bytes_text, format_duration
from auroraql.schema import KINDS, Type

_LONG = 30

_MAX_CHARACTER_LENGTH = 4
"""Code points per character that `cut` always keeps; further combining marks may be lost."""

SAFE_URL = re.compile(r"https?://[!-:<-~]+")
"""URLs of printable ASCII without `;`, which would end the parameters of a hyperlink."""

BOLD, DIM, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"


def apply_style(text: str, style: str, *, color: bool) -> str:
    """Return the text in a style if color is wanted."""
    return f"{style}{text}{PLAIN}" if color and text else text


def make_link(text: str, value: Any) -> str:
    """Return the text as a hyperlink (OSC 8) if the value is a safe URL."""
    if isinstance(value, str) and SAFE_URL.fullmatch(value):
        blanks = len(text) - len(text.rstrip(" "))
        return f"\x1b]8;;{value}\x1b\\{text.rstrip(' ')}\x1b]8;;\x1b\\{' ' * blanks}"
    return text


def format_cell(value: Any) -> str:
    """Format a value on one line; None gives an empty text."""
    return _TEXT.get(type(value), _format_other)(value)


def format_brief(value: Any) -> str:
    """Format a value briefly: a list of sources as their names."""
    if (
        isinstance(value, list)
        and value
        and all(isinstance(source, dict) and "display_name" in source for source in value)
    ):
        return make_visible(", ".join(str(source["display_name"]) for source in value))
    return format_cell(value)


DECIMALS = {"km": 1, "deg": 2}
"""Decimals of numbers by unit in a terminal table; more exceed the precision of the measured positions."""

MAX_DECIMALS = 6


def cell_writer(column: ResultColumn, values: Sequence[Any]) -> Callable[[Any], str]:
    """Return the formatter of a column in a terminal table.

    It rounds numbers by their unit, and omits the seconds of times if all `values` have zero seconds.
    """
    if column.type is Type.TIME and not any(isinstance(v, datetime) and (v.second or v.microsecond) for v in values):
        return lambda value: f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else format_brief(value)
    decimals = DECIMALS.get(column.unit)
    return lambda value: _format_rounded(value, decimals) if type(value) is float else format_brief(value)


def _format_rounded(value: float, decimals: int | None) -> str:
    if decimals is not None and isfinite(value):
        return f"{value:.{decimals}f}"
    text = repr(value)
    return text if "e" in text or len(text.partition(".")[2]) <= MAX_DECIMALS else f"{value:.{MAX_DECIMALS}f}"


def _format_other(value: Any) -> str:
    return make_visible(str(value))


def _format_object(value: dict[str, Any]) -> str:
    """Format an object as `keogram_type=daily, wavelength=486.1`, long members last, where a cut loses least."""
    members = [f"{key}={_format_member(member)}" for key, member in value.items()]
    return make_visible(", ".join(sorted(members, key=lambda member: len(member) > _LONG)))


def _format_member(value: Any) -> str:
    return value if isinstance(value, str) else _compact_json(value)


def _compact_json(value: Any) -> str:
    return make_visible(json.dumps(value, ensure_ascii=False, default=str))


_TEXT: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "",
    str: lambda value: make_visible(value) if value else "''",
    datetime: str,
    bool: lambda value: "true" if value else "false",
    int: str,
    float: repr,
    Decimal: lambda value: format(value, "f"),
    timedelta: format_duration,
    time: lambda value: value.isoformat(),
    bytes: bytes_text,
    dict: _format_object,
    list: _compact_json,
}


def cut_text(text: str, width: int) -> str:
    """Return the text cut to `width` columns, with … for the omitted part.

    A URL keeps its end, which is the file name. Cut at its end, it would look like a working link.
    """
    if display_width(text) <= width:
        return text
    if text.startswith(("https://", "http://")):
        return "…" + _take_last(text, width - 1)
    return _take_first(text, width - 1) + "…"


def cut_title(title: str, width: int) -> str:
    """Return a header cut to `width` columns: first without its unit, then with a shorter parent name."""
    if display_width(title) <= width:
        return title
    name = title.rpartition(" (")[0] or title
    parent, dot, member = name.rpartition(".")
    if display_width(name) <= width or not dot or display_width(member) + 3 > width:
        return cut_text(name, width)
    return f"{cut_text(parent, width - display_width(member) - 1)}.{member}"


def _take_first(text: str, width: int) -> str:
    if text.isascii():
        return text[: max(width, 0)]
    prefix = text[: max(width, 0) * _MAX_CHARACTER_LENGTH]
    while display_width(prefix) > width:
        prefix = prefix[:-1]
    return prefix


def _take_last(text: str, width: int) -> str:
    suffix = text[max(len(text) - max(width, 0), 0) :]
    while display_width(suffix) > width:
        suffix = suffix[1:]
    return suffix


def pad_text(text: str, width: int, *, right: bool) -> str:
    """Pad the text with blanks to `width` columns; `right` aligns it right."""
    if text.isascii():
        return text.rjust(width) if right else text.ljust(width)
    blanks = " " * (width - display_width(text))
    return blanks + text if right else text + blanks


def column_headers(shown: Sequence[ResultColumn]) -> list[str]:
    """Return the header of each column: its name and unit."""
    return [make_visible(column.name) + (f" ({column.unit})" if column.unit else "") for column in shown]


MAX_ROWS_SHOWN = 1000
"""Maximum rows shown on a terminal. Pipes and files receive all rows."""

_MIN_LINES = 5

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
        return MAX_ROWS_SHOWN if self.height is None else min(max(self.height - 4, _MIN_LINES), MAX_ROWS_SHOWN)

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


def describe_result(result: ResultSet) -> str:
    """Return the number of records and the archive; empty for a report, whose rows are lines of text."""
    return "" if result.is_report else f"{format_count(result)} from {describe_origin(result)}"


def describe_origin(result: ResultSet) -> str:
    """Return the archive's name."""
    return make_visible(result.archive) + (" (demonstration data)" if result.demonstration else "")


def format_count(result: ResultSet) -> str:
    """Return the number of rows with the title of their kind."""
    query = result.plan.query if result.plan is not None else None
    kind = KINDS.get(query.kind) if query is not None else None
    plain = query is None or query.is_aggregate or query.distinct
    title = "rows" if kind is None or plain else kind.title.lower()
    return f"{len(result):,} {title.removesuffix('s') if len(result) == 1 else title}"


def _format_elapsed(seconds: float) -> str:
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"
