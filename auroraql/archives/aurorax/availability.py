"""`GET /api/v1/availability/…`: how many records each source has on each day, asked and read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from auroraql.archives.aurorax.answers import Answer, Context, Step, read_json
from auroraql.archives.aurorax.wire import Call
from auroraql.errors import Failed
from auroraql.results import Row
from auroraql.schema import PROTOCOLS
from auroraql.schema.catalogue import DataSource

STEP = Step("the availability", (200,), True, "check that this is the address of an AuroraX service")

_NAMES = tuple(each.name for each in fields(DataSource))


def availability_call(kind: str, first: date, last: date, only: Mapping[str, str]) -> Call:
    """What is asked; `only` are values of program, platform and instrument_type."""
    asked = {"start": first.isoformat(), "end": last.isoformat(), **only, "format": "basic_info"}
    return Call(STEP, "GET", f"{PROTOCOLS[kind].availability}?{urlencode(asked)}")


def read_availability(answer: Answer, kind: str, context: Context) -> list[Row]:
    """The rows of `Engine.availability`. Raises Failed for another shape than the published one."""
    document = read_json(answer, "the availability", context)
    if not isinstance(document, list):
        raise context.error(Failed, f"expected a list of sources, got {context.excerpt(answer.body)}", "try again")
    rows: list[Row] = []
    for number, each in enumerate(document, 1):
        try:
            rows += _rows(each, f"available_{kind}", typed=kind == "data_products")
        except (KeyError, TypeError, ValueError, AttributeError):
            wrong = f"the availability of source {number} of {len(document)} is not as published"
            raise context.error(Failed, wrong, "try again") from None
    return rows


def _rows(document: Mapping[str, Any], name: str, *, typed: bool) -> Iterator[Row]:
    source = document["data_source"]
    begin = tuple(source[each] for each in _NAMES)
    for day, product_type, count in sorted(_counts(document.get(name) or {}), key=lambda row: (row[0], row[1] or "")):
        yield (*begin, day, *((product_type,) if typed else ()), count)


def _counts(document: Mapping[str, Any]) -> Iterator[tuple[datetime, str | None, int]]:
    """Day, product type and count. The types may stand above the days or below them, or not at all."""
    for key, below in document.items():
        day = _day(key)
        if isinstance(below, Mapping):
            for inner, count in below.items():
                yield (day, inner, int(count)) if day is not None else (_known_day(inner), key, int(count))
        else:
            yield _known_day(key), None, int(below)


def _day(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _known_day(text: str) -> datetime:
    """The day that a text spells. Raises ValueError."""
    return datetime.fromisoformat(text)
