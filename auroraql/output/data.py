"""The text formats for programs: CSV, TSV, JSON, JSON lines. Values are exact, and every byte can be read back.

CSV is RFC 4180 with plain line feeds, so that the last column survives `cut` and `xargs`; TSV is the same with tabs.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from math import isfinite
from typing import Any

from auroraql.output.screen import Screen
from auroraql.results import Record, ResultSet, whole_text

_CHUNK = 500

_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half a character, as broken input leaves it: no encoding can write it."""


def render_csv(result: ResultSet, _screen: Screen) -> Iterator[str]:
    """A result as CSV: full column names, ISO times, objects as JSON, missing values empty."""
    return _separated(result, ",")


def render_tsv(result: ResultSet, _screen: Screen) -> Iterator[str]:
    """The same between tabs; a value that holds a tab, a quote or a line end stands in quotes, as in CSV."""
    return _separated(result, "\t")


def _separated(result: ResultSet, between: str) -> Iterator[str]:
    lines: list[str] = []
    # The csv module quotes a lone carriage return only when its own line ends hold one.
    writer = csv.writer(_Lines(lines), delimiter=between, lineterminator="\r\n")
    writer.writerow([column.name for column in result.columns])
    rows = iter(result)
    while True:
        yield whole_text("".join(lines))
        lines.clear()
        writer.writerows([[_csv_value(v) for v in row] for row in islice(rows, _CHUNK)])
        if not lines:
            return


class _Lines:
    """Takes the writer's lines and gives each a plain line feed."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def write(self, line: str) -> None:
        self._lines.append(line[:-2] + "\n")


def render_json(result: ResultSet, _screen: Screen) -> Iterator[str]:
    """A result's records, in AuroraX's own shape, as one indented array."""
    before = "[\n"
    for record in result.each_record():
        yield before + "  " + _json(record, indent=2).replace("\n", "\n  ")
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def render_jsonl(result: ResultSet, _screen: Screen) -> Iterator[str]:
    """A result's records, one a line."""
    records = result.each_record()
    while chunk := [_json(record) + "\n" for record in islice(records, _CHUNK)]:
        yield "".join(chunk)


def _json(value: Record | list[Any], indent: int | None = None) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
    except ValueError:  # JSON has no NaN and no infinity
        text = json.dumps(_finite(value), ensure_ascii=False, indent=indent, allow_nan=False)
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def _finite(value: Any) -> Any:
    match value:
        case dict():
            return {key: _finite(member) for key, member in value.items()}
        case list():
            return [_finite(member) for member in value]
        case float():
            return value if isfinite(value) else None
        case _:
            return value


def _csv_value(value: Any) -> Any:
    reader = _CSV.get(type(value))
    return value if reader is None else reader(value)


_CSV: dict[type, Callable[[Any], str]] = {
    datetime: datetime.isoformat,
    bool: lambda value: "true" if value else "false",
    dict: _json,
    list: _json,
}
