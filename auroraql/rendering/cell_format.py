"""Formatting of one value as one line of text for people, of known width.

The text contains no control characters, escape sequences or bidirectional marks. A missing value and an empty text
always differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any

from auroraql.diagnostics.errors import display_width, make_visible
from auroraql.results.result_set import ResultColumn, bytes_text, format_duration
from auroraql.schema import Type

_LONG = 30

_LONGEST_CHARACTER = 4
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


_DECIMALS = {"km": 1, "deg": 2}
"""Decimals of numbers by unit in a terminal table; more exceed the precision of the measured positions."""

_MOST_DECIMALS = 6


def cell_writer(column: ResultColumn, values: Sequence[Any]) -> Callable[[Any], str]:
    """Return the formatter of a column in a terminal table.

    It rounds numbers by their unit, and omits the seconds of times if all `values` have zero seconds.
    """
    if column.type is Type.TIME and not any(isinstance(v, datetime) and (v.second or v.microsecond) for v in values):
        return lambda value: f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else format_brief(value)
    decimals = _DECIMALS.get(column.unit)
    return lambda value: _format_rounded(value, decimals) if type(value) is float else format_brief(value)


def _format_rounded(value: float, decimals: int | None) -> str:
    if decimals is not None and isfinite(value):
        return f"{value:.{decimals}f}"
    text = repr(value)
    return text if "e" in text or len(text.partition(".")[2]) <= _MOST_DECIMALS else f"{value:.{_MOST_DECIMALS}f}"


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
    prefix = text[: max(width, 0) * _LONGEST_CHARACTER]
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
