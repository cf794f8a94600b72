"""`GET /api/v1/availability/…`: the number of records of each source per day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from auroraql.diagnostics.errors import Failed
from auroraql.engines.aurorax.http_client import ServiceCall
from auroraql.engines.aurorax.responses import ProtocolStep, ServiceContext, ServiceResponse, read_json
from auroraql.results.result_set import Row
from auroraql.schema import PROTOCOLS
from auroraql.schema.catalogue import DataSource

STEP = ProtocolStep("the availability", (200,), True, "check that this is the address of an AuroraX service")

_NAMES = tuple(field.name for field in fields(DataSource))


def availability_call(kind: str, first: date, last: date, only: Mapping[str, str]) -> ServiceCall:
    """Build the request; `only` holds values of program, platform and instrument_type."""
    parameters = {"start": first.isoformat(), "end": last.isoformat(), **only, "format": "basic_info"}
    return ServiceCall(STEP, "GET", f"{PROTOCOLS[kind].availability}?{urlencode(parameters)}")


def read_availability(answer: ServiceResponse, kind: str, context: ServiceContext) -> list[Row]:
    """Return the rows of `Engine.availability`. Raises Failed for an unpublished shape."""
    document = read_json(answer, "the availability", context)
    if not isinstance(document, list):
        raise context.error(Failed, f"expected a list of sources, got {context.excerpt(answer.body)}", "try again")
    rows: list[Row] = []
    for number, entry in enumerate(document, 1):
        try:
            rows += _read_rows(entry, f"available_{kind}", typed=kind == "data_products")
        except (KeyError, TypeError, ValueError, AttributeError):
            problem = f"the availability of source {number} of {len(document)} is not as published"
            raise context.error(Failed, problem, "try again") from None
    return rows


def _read_rows(document: Mapping[str, Any], name: str, *, typed: bool) -> Iterator[Row]:
    source = document["data_source"]
    source_cells = tuple(source[field_name] for field_name in _NAMES)
    for day, product_type, count in sorted(
        _read_counts(document.get(name) or {}), key=lambda row: (row[0], row[1] or "")
    ):
        yield (*source_cells, day, *((product_type,) if typed else ()), count)


def _read_counts(document: Mapping[str, Any]) -> Iterator[tuple[datetime, str | None, int]]:
    """Yield day, product type and count. Product types may be above or below the days, or missing."""
    for key, value in document.items():
        day = _read_day(key)
        if isinstance(value, Mapping):
            for inner, count in value.items():
                yield (day, inner, int(count)) if day is not None else (_parse_day(inner), key, int(count))
        else:
            yield _parse_day(key), None, int(value)


def _read_day(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _parse_day(text: str) -> datetime:
    """Return the day that the text spells. Raises ValueError."""
    return datetime.fromisoformat(text)
