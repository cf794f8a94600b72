"""`GET /api/v1/data_sources` and `/api/v1/availability/…`: data sources, their details and statistics, and daily counts.

Details come in the full_record format. Sources with a negative identifier are ad-hoc locations of conjunction searches,
and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from auroraql.diagnostics.errors import Failed
from auroraql.engines.aurorax.http_client import ServiceCall
from auroraql.engines.aurorax.responses import ProtocolStep, ServiceContext, ServiceResponse, read_json
from auroraql.results.result_set import Row, read_time
from auroraql.schema import KINDS, PROTOCOLS, STORED_KINDS
from auroraql.schema.catalogue import DataSource, SourceDetails, Statistics
from auroraql.schema.wire import SOURCE_LIST

FULL_RECORD = f"{SOURCE_LIST}?format=full_record"

STATISTICS = f"{SOURCE_LIST}?format=identifier_only&include_stats=true"

_NAMES = tuple(field.name for field in fields(DataSource))


def read_sources(
    answer: ServiceResponse, context: ServiceContext
) -> tuple[tuple[DataSource, ...], dict[int, SourceDetails]]:
    """Return the sources, and their details by identifier. Raises Failed for an unpublished shape."""
    documents = _read_list(answer, _NAMES, context)
    sources = tuple(
        DataSource(document["identifier"], *(_text_or_empty(document[name]) for name in _NAMES[1:]))
        for document in documents
    )
    return sources, {document["identifier"]: _read_details(document) for document in documents}


def read_statistics(answer: ServiceResponse, context: ServiceContext) -> dict[str, dict[int, Statistics]]:
    """Return statistics by kind and identifier; sources without statistics are left out.

    Raises Failed for an unpublished shape.
    """
    documents = _read_list(answer, ("identifier",), context)
    return {
        kind: {
            document["identifier"]: statistics
            for document in documents
            if isinstance(document.get("stats"), dict)
            and (statistics := _read_statistics(document["stats"], PROTOCOLS[kind].counted_as)) is not None
        }
        for kind in STORED_KINDS
    }


def _read_list(answer: ServiceResponse, names: Sequence[str], context: ServiceContext) -> list[dict[str, Any]]:
    """Return the documents of permanent sources after checking that each has the given names."""
    documents = read_json(answer, "data sources", context)
    if not isinstance(documents, list):
        raise context.error(Failed, f"expected a list of data sources, got {context.excerpt(answer.body)}", "try again")
    for number, entry in enumerate(documents, 1):
        missing = [name for name in names if not isinstance(entry, dict) or name not in entry]
        if missing or not isinstance(entry["identifier"], int):
            problem = f"has no {missing[0]}" if missing else "has an identifier that is not a number"
            raise context.error(Failed, f"data source {number} of {len(documents)} {problem}", "try again")
    return [entry for entry in documents if entry["identifier"] >= 0]


def _text_or_empty(value: Any) -> str:
    return "" if value is None else str(value)


def _read_details(document: Mapping[str, Any]) -> SourceDetails:
    """Return the details of a source that `DataSource` does not hold; malformed members count as missing."""
    schemas: dict[str, list[dict[str, Any]]] = {}
    for kind in KINDS.values():
        schema = document.get(kind.schema_key) if kind.schema_key else None
        if isinstance(schema, list) and all(isinstance(entry, dict) for entry in schema):
            schemas[kind.name] = schema
    owner, maintainers, metadata = (document.get(name) for name in ("owner", "maintainers", "metadata"))
    return SourceDetails(
        schemas,
        owner if isinstance(owner, str) else None,
        tuple(map(str, maintainers)) if isinstance(maintainers, list) else None,
        metadata if isinstance(metadata, dict) else None,
    )


def _read_statistics(document: Mapping[str, Any], name: str) -> Statistics | None:
    count = document.get(f"{name}_count")
    if not isinstance(count, int):
        return None
    return Statistics(count, *(_read_time(document.get(f"{end}_{name}_loaded")) for end in ("earliest", "latest")))


def _read_time(value: Any) -> datetime | None:
    try:
        return read_time(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


AVAILABILITY = ProtocolStep("the availability", (200,), True, "check that this is the address of an AuroraX service")


def availability_call(kind: str, first: date, last: date, only: Mapping[str, str]) -> ServiceCall:
    """Build the request; `only` holds values of program, platform and instrument_type."""
    parameters = {"start": first.isoformat(), "end": last.isoformat(), **only, "format": "basic_info"}
    return ServiceCall(AVAILABILITY, "GET", f"{PROTOCOLS[kind].availability}?{urlencode(parameters)}")


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
