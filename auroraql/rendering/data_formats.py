r"""Text formats for programs: CSV, TSV, JSON and JSON lines. Values are exact and readable without loss.

CSV follows RFC 4180 with plain line feeds, so that the last column works with `cut` and `xargs`. TSV differs only in
the separator. An empty text is `""` and a missing value is empty, as in DuckDB and PostgreSQL.

Invariant: the output is UTF-8 JSON that decodes to the same value. Decimals keep their digits, NaN and infinity become
null, and lone surrogates, which msgspec rejects, are escaped as `\uXXXX`.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from math import isfinite
from typing import Any

import msgspec

from auroraql.rendering.text_output import RenderOptions
from auroraql.results.result_set import ResultSet, bytes_text, format_duration, replace_surrogates

_SURROGATE = re.compile("[\ud800-\udfff]")
"""Lone surrogates from broken input, which UTF-8 cannot encode."""

_ENCODER = msgspec.json.Encoder(decimal_format="number")


@lru_cache(maxsize=256)
def object_factory(names: tuple[str, ...]) -> Callable[..., Any]:
    """Return a factory of objects with these members; they are created and encoded faster than dicts."""
    fields = [f"member_{n}" for n in range(len(names))]
    try:
        return msgspec.defstruct("Object", fields, rename=dict(zip(fields, names, strict=True)), gc=False)
    except ValueError:  # a member name that JSON would escape
        return lambda *members: dict(zip(names, members, strict=True))


def encode_lines(values: Sequence[Any]) -> bytes:
    """Return the values as JSON lines."""
    try:
        return _ENCODER.encode_lines(values)
    except UnicodeEncodeError:
        return "".join(f"{_encode_escaped(value)}\n" for value in values).encode()


def encode_texts(values: Sequence[Any]) -> list[str]:
    """Return the JSON text of each value."""
    return encode_lines(values).decode().split("\n")[:-1]


def encode_members(values: Sequence[Any]) -> bytes:
    """Return the values as members of an indented array, without its brackets."""
    try:
        encoded = _ENCODER.encode(values)
    except UnicodeEncodeError:
        return _encode_escaped(values, indent=2)[2:-2].encode()
    return msgspec.json.format(encoded, indent=2)[2:-2]


def _encode_escaped(value: Any, indent: int | None = None) -> str:
    """Encode a value that contains lone surrogates."""
    plain = _replace_non_finite(msgspec.to_builtins(value))
    separators = (",", ":") if indent is None else None
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators)
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def _replace_non_finite(value: Any) -> Any:
    match value:
        case dict():
            return {key: _replace_non_finite(member) for key, member in value.items()}
        case list():
            return [_replace_non_finite(member) for member in value]
        case float():
            return value if isfinite(value) else None
        case _:
            return value


_CHUNK = 500
"""Rows that are written at once."""

_JSON_CHUNK = 1000
"""Records per call of the encoder: enough that starting it costs little, few enough that a reader that stops early,
such as `head`, costs little too."""


def render_csv(result: ResultSet, _screen: RenderOptions) -> Iterator[str]:
    """Render a result as CSV: full column names, ISO times, objects as JSON, missing values empty."""
    return _render_separated(result, ",")


def render_tsv(result: ResultSet, _screen: RenderOptions) -> Iterator[str]:
    """Render a result as TSV; values with tabs, quotes or line breaks are quoted as in CSV."""
    return _render_separated(result, "\t")


def _render_separated(result: ResultSet, separator: str) -> Iterator[str]:
    if not result.columns:
        return
    names = [[column.name for column in result.columns]]
    yield replace_surrogates("".join(_separated_lines(names, separator)))
    rows = iter(result)
    while chunk := list(islice(rows, _CHUNK)):
        columns = map(_csv_values, zip(*chunk, strict=True))
        yield replace_surrogates("".join(_separated_lines(list(zip(*columns, strict=True)), separator)))


def _separated_lines(rows: Sequence[Sequence[Any]], separator: str) -> list[str]:
    """Return lines of rows. Rows with empty texts bypass the csv module, which does not distinguish them from None."""
    if len(rows[0]) == 1 or any("" in row for row in rows):
        special = re.compile(f'["\\r\\n{separator}]')
        return [separator.join(_quote_special(value, special) for value in row) + "\n" for row in rows]
    lines: list[str] = []
    # With "\r\n" as its line end, the csv module also quotes a lone carriage return.
    csv.writer(_LineCollector(lines), delimiter=separator, lineterminator="\r\n").writerows(rows)
    return lines


def _quote_special(value: Any, special: re.Pattern[str]) -> str:
    if value is None:
        return ""
    text = str(value)
    escaped = text.replace('"', '""')
    return f'"{escaped}"' if not text or special.search(text) else text


class _LineCollector:
    """File-like collector that replaces the writer's line end by a line feed."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def write(self, line: str) -> None:
        self._lines.append(line[:-2] + "\n")


def encode_json(result: ResultSet) -> Iterator[bytes]:
    """Encode a result's records, in AuroraX's shape, as an indented array in UTF-8."""
    records = result.each_record(object_factory)
    separator = b"[\n"
    while chunk := list(islice(records, _JSON_CHUNK)):
        yield separator + encode_members(chunk)
        separator = b",\n"
    yield b"[]\n" if separator == b"[\n" else b"\n]\n"


def encode_jsonl(result: ResultSet) -> Iterator[bytes]:
    """Encode a result's records in UTF-8, one per line."""
    records = result.each_record(object_factory)
    while chunk := list(islice(records, _JSON_CHUNK)):
        yield encode_lines(chunk)


def render_json(result: ResultSet, _screen: RenderOptions) -> Iterator[str]:
    """Return the output of `encode_json` as text."""
    return (piece.decode() for piece in encode_json(result))


def render_jsonl(result: ResultSet, _screen: RenderOptions) -> Iterator[str]:
    """Return the output of `encode_jsonl` as text."""
    return (piece.decode() for piece in encode_jsonl(result))


def _csv_values(values: Sequence[Any]) -> Sequence[Any]:
    """Convert the values of a column to what the csv module writes correctly."""
    for value_type in _CSV.keys() & set(map(type, values)):
        matching = [value for value in values if type(value) is value_type]
        texts = _CSV[value_type](matching)
        if len(texts) == len(values):
            return texts
        text_iterator = iter(texts)
        values = [next(text_iterator) if type(value) is value_type else value for value in values]
    return values


_CSV: dict[type, Callable[[Sequence[Any]], Sequence[Any]]] = {
    datetime: lambda values: [value.isoformat() for value in values],
    timedelta: lambda values: [format_duration(value) for value in values],
    time: lambda values: [value.isoformat() for value in values],
    bytes: lambda values: [bytes_text(value) for value in values],
    Decimal: lambda values: [format(value, "f") for value in values],
    bool: lambda values: ["true" if value else "false" for value in values],
    dict: encode_texts,
    list: encode_texts,
}
