"""The text formats for programs: CSV, TSV, JSON, JSON lines. Values are exact, and every byte can be read back.

CSV is RFC 4180 with plain line feeds, so that the last column survives `cut` and `xargs`; TSV is the same with tabs.
An empty text is `""`, and a missing value is nothing, as DuckDB and PostgreSQL read them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from auroraql.output import json_text
from auroraql.output.screen import Screen
from auroraql.results import ResultSet, bytes_text, duration_text, whole_text

_CHUNK = 500
"""Rows that are written at once."""

_JSON_CHUNK = 2000
"""Records that are encoded at once: with fewer, starting the encoder costs a tenth of the time."""


def render_csv(result: ResultSet, _screen: Screen) -> Iterator[str]:
    """A result as CSV: full column names, ISO times, objects as JSON, missing values empty."""
    return _separated(result, ",")


def render_tsv(result: ResultSet, _screen: Screen) -> Iterator[str]:
    """The same between tabs; a value that holds a tab, a quote or a line end stands in quotes, as in CSV."""
    return _separated(result, "\t")


def _separated(result: ResultSet, between: str) -> Iterator[str]:
    if not result.columns:
        return
    names = [[column.name for column in result.columns]]
    yield whole_text("".join(_lines_of(names, between)))
    rows = iter(result)
    while chunk := list(islice(rows, _CHUNK)):
        columns = map(_csv_values, zip(*chunk, strict=True))
        yield whole_text("".join(_lines_of(list(zip(*columns, strict=True)), between)))


def _lines_of(rows: Sequence[Sequence[Any]], between: str) -> list[str]:
    """The lines of some rows. The csv module writes an empty text as a missing value, unless it is alone in its row."""
    if len(rows[0]) == 1 or any("" in row for row in rows):
        special = re.compile(f'["\\r\\n{between}]')
        return [between.join(_quoted(value, special) for value in row) + "\n" for row in rows]
    lines: list[str] = []
    # The csv module quotes a lone carriage return only when its own line ends hold one.
    csv.writer(_Lines(lines), delimiter=between, lineterminator="\r\n").writerows(rows)
    return lines


def _quoted(value: Any, special: re.Pattern[str]) -> str:
    if value is None:
        return ""
    text = str(value)
    escaped = text.replace('"', '""')
    return f'"{escaped}"' if not text or special.search(text) else text


class _Lines:
    """Takes the writer's lines and gives each a plain line feed."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def write(self, line: str) -> None:
        self._lines.append(line[:-2] + "\n")


def encode_json(result: ResultSet) -> Iterator[bytes]:
    """Write a result's records, in AuroraX's own shape, as one indented array in UTF-8."""
    records = result.each_record(json_text.objects)
    before = b"[\n"
    while chunk := list(islice(records, _JSON_CHUNK)):
        yield before + json_text.members(chunk)
        before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


def encode_jsonl(result: ResultSet) -> Iterator[bytes]:
    """Write a result's records in UTF-8, one a line."""
    records = result.each_record(json_text.objects)
    while chunk := list(islice(records, _JSON_CHUNK)):
        yield json_text.lines(chunk)


def render_json(result: ResultSet, _screen: Screen) -> Iterator[str]:
    """Write what `encode_json` writes, as text."""
    return (piece.decode() for piece in encode_json(result))


def render_jsonl(result: ResultSet, _screen: Screen) -> Iterator[str]:
    """Write what `encode_jsonl` writes, as text."""
    return (piece.decode() for piece in encode_jsonl(result))


def _csv_values(values: Sequence[Any]) -> Sequence[Any]:
    """What one column has of some rows, as the csv module is to write it."""
    for kind in _CSV.keys() & set(map(type, values)):
        of_kind = [value for value in values if type(value) is kind]
        texts = _CSV[kind](of_kind)
        if len(texts) == len(values):
            return texts
        each = iter(texts)
        values = [next(each) if type(value) is kind else value for value in values]
    return values


_CSV: dict[type, Callable[[Sequence[Any]], Sequence[Any]]] = {
    datetime: lambda values: [value.isoformat() for value in values],
    timedelta: lambda values: [duration_text(value) for value in values],
    time: lambda values: [value.isoformat() for value in values],
    bytes: lambda values: [bytes_text(value) for value in values],
    Decimal: lambda values: [format(value, "f") for value in values],
    bool: lambda values: ["true" if value else "false" for value in values],
    dict: json_text.texts,
    list: json_text.texts,
}
