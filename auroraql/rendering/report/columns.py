"""Columns of a result as compact JSON: distinct texts with a code per row, or numbers.

Texts are in sort order, so that a browser sorts by code. They have no control or bidirectional characters. Members of
objects, such as metadata, become columns of their own, which a reader can filter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import islice
from math import isfinite
from typing import Any

from auroraql.diagnostics.errors import display_width, make_visible
from auroraql.rendering.html import is_picture
from auroraql.rendering.text_output import (
    DECIMALS,
    MAX_DECIMALS,
    cell_writer,
    column_headers,
    format_brief,
    format_cell,
)
from auroraql.results.result_set import ColumnarRecords, ResultColumn, ResultSet
from auroraql.schema import Type

MAX_ROWS = 500_000
"""Maximum number of rows of a result in a report."""

_MAX_MEMBERS = 40
"""Maximum number of members of an object that become columns."""

_EXACT = range(-(2**53), 2**53 + 1)
"""Integers that JavaScript represents exactly."""

_MIN_WIDTH, _MAX_WIDTH = 5, 42
"""Characters of the narrowest and the widest column."""

_SITE_NAMES = ("display_name", "platform")
_CAPTION_NAMES = ("data_product_type", "keogram_type", "movie_type", "montage_type")

Values = Sequence[Any]


@dataclass(frozen=True, slots=True)
class ReportColumn:
    """A column of a report: its description, and its values in row order."""

    column: ResultColumn
    values: Values

    @property
    def last_name(self) -> str:
        """Last part of the name."""
        return (self.column.path[-1] if self.column.path else self.column.name).rpartition(".")[2]


def report_columns(result: ResultSet) -> list[ReportColumn]:
    """Return the columns of the first `MAX_ROWS` rows, with members of objects as columns."""
    return list(_split_objects(zip(result.columns, _column_values(result), strict=True)))


def _column_values(result: ResultSet) -> list[Values]:
    records = result.columnar_records
    if isinstance(records, ColumnarRecords):
        return [records.values(column)[:MAX_ROWS] for column in result.columns]
    rows = list(islice(result, MAX_ROWS))
    return list(zip(*rows, strict=True)) if rows else [()] * len(result.columns)


def _split_objects(columns: Iterator[tuple[ResultColumn, Values]]) -> Iterator[ReportColumn]:
    for column, values in columns:
        keys = _member_names(values)
        if not keys:
            yield ReportColumn(column, values)
            continue
        for key in keys:
            member = ResultColumn(f"{column.name}.{key}", Type.ANY, path=(*column.path, key))
            yield ReportColumn(member, [None if value is None else value.get(key) for value in values])


def _member_names(values: Values) -> list[str]:
    """Return the members of objects in order of appearance; empty if a value is not an object, or there are many."""
    if set(map(type, values)) - {dict, type(None)}:
        return []
    shapes = dict.fromkeys(tuple(value) for value in values if value)
    names = list(dict.fromkeys(name for shape in shapes for name in shape))
    return names if len(names) <= _MAX_MEMBERS else []


def to_document(columns: Sequence[ReportColumn], rows: int) -> dict[str, Any]:
    """Return the JSON object that `report.js` reads."""
    titles = column_headers([column.column for column in columns])
    encoded = [_encode_column(column, title) for column, title in zip(columns, titles, strict=True)]
    document: dict[str, Any] = {
        "rows": rows,
        "columns": encoded,
        "picture": next((at for at, data in enumerate(encoded) if any(map(is_picture, data.get("texts", ())))), None),
        "site": _find_site(columns),
        "time": next((at for at, column in enumerate(columns) if column.column.type in (Type.TIME, Type.DATE)), None),
    }
    captions = [at for at, column in enumerate(columns) if column.last_name in _CAPTION_NAMES]
    document["caption"] = [at for at in (document["site"], document["time"]) if at is not None] + captions
    return document


def _find_site(columns: Sequence[ReportColumn]) -> int | None:
    """Return the index of the column that names the source of a row: for conjunctions, the first block."""
    names = [column.last_name for column in columns]
    named = [names.index(name) for name in _SITE_NAMES if name in names]
    blocks = [at for at, column in enumerate(columns) if column.column.derive is not None]
    return next(iter([*named, *blocks]), None)


def _encode_column(column: ReportColumn, title: str) -> dict[str, Any]:
    head: dict[str, Any] = {"name": make_visible(column.column.name), "title": title}
    if _is_numeric(column):
        head["number"] = True
    encoded = _encode_numbers(column) or _encode_texts(column)
    shown = [title + "  ", *encoded.pop("widest")]
    width = min(max(_MIN_WIDTH, *map(display_width, shown)), _MAX_WIDTH)
    return {**head, "width": width, **encoded}


def _is_numeric(column: ReportColumn) -> bool:
    if column.column.type in (Type.INTEGER, Type.NUMBER, Type.DECIMAL):
        return True
    types = set(map(type, column.values)) - {type(None)}
    return bool(types) and types <= {int, float}


def _encode_numbers(column: ReportColumn) -> dict[str, Any] | None:
    """Return the values as numbers, rounded as in a table; None if texts are smaller, or numbers cannot hold them."""
    values = column.values
    types = set(map(type, values)) - {type(None)}
    distinct = set(values) - {None} if types and types <= {int, float} else set()
    if len(distinct) <= len(values) // 2 or not _are_exact(distinct):
        return None
    digits = DECIMALS.get(column.column.unit) if float in types else None
    places = MAX_DECIMALS if digits is None else digits
    rounded = {value: round(value, places) for value in distinct}
    if digits is not None:
        texts = [f"{value:.{digits}f}" for value in (max(distinct), min(distinct))]
    else:
        texts = list(map(repr, rounded.values()))
        if any("e" in text for text in texts):
            return None  # JavaScript writes other exponents
    numbers = [None if value is None else rounded[value] for value in values]
    return {"numbers": numbers, "widest": [max(texts, key=len)]} | ({"digits": digits} if digits is not None else {})


def _are_exact(numbers: set[Any]) -> bool:
    """Return whether JavaScript represents all numbers exactly."""
    return all(isfinite(value) if type(value) is float else value in _EXACT for value in numbers)


def _encode_texts(column: ReportColumn) -> dict[str, Any]:
    """Return the distinct texts in sort order, and the code of each row's text; -1 for a missing value."""
    keys = _distinguish(column.values)
    values = {key: key for key in set(keys)} if keys is column.values else dict(zip(keys, column.values, strict=True))
    values.pop(None, None)
    write = _text_writer(column)
    texts = {key: write(value) for key, value in values.items()}
    full = {key: format_cell(value) for key, value in values.items() if isinstance(value, dict | list)}
    # Numbers that are rounded to one text are one entry. Lists with one short text are one only if they are equal.
    entries = {key: (texts[key], full.get(key, texts[key])) for key in values}
    first_keys = {entry: key for key, entry in reversed(entries.items())}
    ordered = sorted(first_keys, key=lambda entry: _sort_key(values[first_keys[entry]], entry[0]))
    code_of_entry = {entry: code for code, entry in enumerate(ordered)}
    code_of = {None: -1, **{key: code_of_entry[entry] for key, entry in entries.items()}}
    codes = list(map(code_of.__getitem__, keys))
    shown = [text for text, _ in ordered]
    document: dict[str, Any] = {"texts": shown, "widest": [max(shown, key=len, default="")]}
    if any(whole != text for text, whole in ordered):
        document["full"] = [whole for _, whole in ordered]
    return document if shown and codes.count(0) == len(codes) else document | {"codes": codes}


def _text_writer(column: ReportColumn) -> Callable[[Any], str]:
    """Return the function that formats a value: times in full, and numbers rounded as in a table."""
    write = cell_writer(column.column, column.values) if column.column.type is not Type.TIME else format_brief
    return lambda value: make_visible(value) if isinstance(value, str) else write(value)


def _distinguish(values: Values) -> Values:
    """Return keys that differ for values that differ: the values themselves if they have one hashable type."""
    types = set(map(type, values)) - {type(None)}
    if len(types) <= 1 and not types & {dict, list}:
        return values
    return [value if value is None else (type(value), repr(value)) for value in values]


def _sort_key(value: Any, text: str) -> tuple[int, Any, str]:
    """Return the place of a value: numbers, times, and then texts without regard to case."""
    match value:
        case bool():
            return (0, float(value), text)
        case datetime() | date() | time():
            return (1, value.isoformat(), text)
        case str() | dict() | list() | bytes():
            return (2, text.casefold(), text)
        case _ if hasattr(value, "total_seconds"):
            return (0, value.total_seconds(), text)
        case _:
            return (0, value, text) if value == value else (1, "", text)  # noqa: PLR0124 - NaN differs from itself
