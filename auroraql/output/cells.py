"""One value as one line of text for people: short, harmless, of known width.

What is written here never holds a control character, an escape sequence or a bidirectional mark. A missing value
and an empty text are never written alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any

from auroraql.errors import columns, visible
from auroraql.results import ResultColumn, bytes_text, duration_text
from auroraql.schema import Type

_LONG = 30

_LONGEST_CHARACTER = 4
"""How many code points one that is shown may have before a cut may take some of its marks away."""

SAFE_URL = re.compile(r"https?://[!-:<-~]+")
"""Printable ASCII; a `;` would end the parameters of a link."""

BOLD, DIM, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"


def paint(text: str, style: str, *, color: bool) -> str:
    """The text in a style, when colours are wanted."""
    return f"{style}{text}{PLAIN}" if color and text else text


def link(text: str, value: Any) -> str:
    """The text as a link to the value, when that is a URL without anything odd in it (OSC 8)."""
    if isinstance(value, str) and SAFE_URL.fullmatch(value):
        blanks = len(text) - len(text.rstrip(" "))
        return f"\x1b]8;;{value}\x1b\\{text.rstrip(' ')}\x1b]8;;\x1b\\{' ' * blanks}"
    return text


def cell(value: Any) -> str:
    """A value on one line; a missing one is empty."""
    return _TEXT.get(type(value), _other)(value)


def brief(value: Any) -> str:
    """The same, where there is no room for everything: of several sources only their names."""
    if isinstance(value, list) and value and all(isinstance(each, dict) and "display_name" in each for each in value):
        return visible(", ".join(str(each["display_name"]) for each in value))
    return cell(value)


_DECIMALS = {"km": 1, "deg": 2}
"""Decimals of a number of such a unit, where a terminal shows it in a table: finer is no position measured here."""

_MOST_DECIMALS = 6


def writer(column: ResultColumn, values: Sequence[Any]) -> Callable[[Any], str]:
    """Return what writes the values of a column in a table of a terminal, where there is no room for everything.

    Numbers are rounded by their unit, and times have no seconds where none of `values` has.
    """
    if column.type is Type.TIME and not any(isinstance(v, datetime) and (v.second or v.microsecond) for v in values):
        return lambda value: f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else brief(value)
    decimals = _DECIMALS.get(column.unit)
    return lambda value: _rounded(value, decimals) if type(value) is float else brief(value)


def _rounded(value: float, decimals: int | None) -> str:
    if decimals is not None and isfinite(value):
        return f"{value:.{decimals}f}"
    text = repr(value)
    return text if "e" in text or len(text.partition(".")[2]) <= _MOST_DECIMALS else f"{value:.{_MOST_DECIMALS}f}"


def _other(value: Any) -> str:
    return visible(str(value))


def _listing(value: dict[str, Any]) -> str:
    """An object as `keogram_type=daily, wavelength=486.1`; what is long comes last, where a cut does least harm."""
    members = [f"{key}={_member(member)}" for key, member in value.items()]
    return visible(", ".join(sorted(members, key=lambda member: len(member) > _LONG)))


def _member(value: Any) -> str:
    return value if isinstance(value, str) else _compact(value)


def _compact(value: Any) -> str:
    return visible(json.dumps(value, ensure_ascii=False, default=str))


_TEXT: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "",
    str: lambda value: visible(value) if value else "''",
    datetime: str,
    bool: lambda value: "true" if value else "false",
    int: str,
    float: repr,
    Decimal: lambda value: format(value, "f"),
    timedelta: duration_text,
    time: lambda value: value.isoformat(),
    bytes: bytes_text,
    dict: _listing,
    list: _compact,
}


def cut(text: str, width: int) -> str:
    """The text in at most `width` columns, with … where something is missing.

    A URL keeps its end, which is the file's name; cut at its end it would also look like a link that works.
    """
    if columns(text) <= width:
        return text
    if text.startswith(("https://", "http://")):
        return "…" + _last(text, width - 1)
    return _first(text, width - 1) + "…"


def cut_title(title: str, width: int) -> str:
    """Return a header in at most `width` columns: without its unit, then with the object of a member cut."""
    if columns(title) <= width:
        return title
    name = title.rpartition(" (")[0] or title
    above, dot, member = name.rpartition(".")
    if columns(name) <= width or not dot or columns(member) + 3 > width:
        return cut(name, width)
    return f"{cut(above, width - columns(member) - 1)}.{member}"


def _first(text: str, width: int) -> str:
    if text.isascii():
        return text[: max(width, 0)]
    taken = text[: max(width, 0) * _LONGEST_CHARACTER]
    while columns(taken) > width:
        taken = taken[:-1]
    return taken


def _last(text: str, width: int) -> str:
    taken = text[max(len(text) - max(width, 0), 0) :]
    while columns(taken) > width:
        taken = taken[1:]
    return taken


def pad(text: str, width: int, *, right: bool) -> str:
    """The text filled up to `width` columns with blanks, at its left when it stands to the right."""
    if text.isascii():
        return text.rjust(width) if right else text.ljust(width)
    blanks = " " * (width - columns(text))
    return blanks + text if right else text + blanks


def headers(shown: Sequence[ResultColumn]) -> list[str]:
    """The text above each column: its name and its unit."""
    return [visible(column.name) + (f" ({column.unit})" if column.unit else "") for column in shown]
