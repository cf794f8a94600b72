"""Validation of uploaded sources and records, and their conversion to catalogue columns.

All errors of a list of records are reported at once. A list with an error is rejected as a whole.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from auroraql.frontends.server.http_types import Document, HttpError, error_document, read_moment, whole_number
from auroraql.frontends.server.source_directory import BASIC, RECORDED
from auroraql.schema.catalogue import DataSource
from auroraql.schema.kinds.data_products import PRODUCT_TYPES
from auroraql.schema.source_fields import MAX_LENGTHS, SOURCE_TYPES

_NAMED = ("program", "platform", "instrument_type")

_PLACES = ("location_geo", "location_gsm", "nbtrace", "sbtrace")

_MAX_ERRORS = 10


def read_source(document: Document, identifier: int) -> tuple[DataSource, Document]:
    """Read an uploaded source. Return it and its fields beyond the basic ones. Raises HttpError."""
    unknown = sorted(set(document) - {*BASIC, *RECORDED, "stats", "format"})
    if unknown:
        raise HttpError(400, f"'{unknown[0]}' is not a field of a data source")
    texts = {name: _read_text(document, name) for name in BASIC if name != "identifier"}
    for name, most in MAX_LENGTHS.items():
        if len(texts[name]) > most:
            raise HttpError(400, f"'{name}' may have at most {most} characters, not {len(texts[name])}")
    if texts["source_type"] not in SOURCE_TYPES:
        raise HttpError(400, f"'source_type' must be one of {', '.join(SOURCE_TYPES)}, not '{texts['source_type']}'")
    extra = {name: document[name] for name in RECORDED if document.get(name) is not None}
    for name, value in extra.items():
        _check_extra_field(name, value)
    return DataSource(identifier, **texts), extra


def read_identifier(document: Document) -> int | None:
    """Return the identifier of an uploaded source, or None if the server chooses it. Raises HttpError."""
    value = document.get("identifier")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or whole_number(str(value), "identifier") < 0:
        raise HttpError(400, "'identifier' must be a whole number of at least 0")
    return value


def _check_extra_field(name: str, value: object) -> None:
    match name:
        case "owner":
            is_valid = isinstance(value, str)
        case "metadata":
            is_valid = isinstance(value, dict)
        case "maintainers":
            is_valid = isinstance(value, list) and all(isinstance(item, str) for item in value)
        case _:
            is_valid = isinstance(value, list) and all(isinstance(item, dict) for item in value)
    if not is_valid:
        expected = {"owner": "a string", "metadata": "an object", "maintainers": "an array of strings"}
        raise HttpError(400, f"'{name}' takes {expected.get(name, 'an array of objects')}")


def _read_text(document: Document, name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise HttpError(400, f"'{name}' is missing or is not text")
    if "\0" in value:
        raise HttpError(400, f"'{name}' contains a null character")
    return value


def read_records(body: object, source: DataSource, read_record: Callable[[Document], Document]) -> list[Document]:
    """Convert a list of records of one source to catalogue columns. Raises HttpError with all errors."""
    if not isinstance(body, list):
        raise HttpError(400, "", document=[error_document(400, "the body is not an array of records")])
    rows, errors = [], []
    for number, document in enumerate(body):
        try:
            if not isinstance(document, dict):
                raise HttpError(400, "a record must be an object")
            check_source(document, source)
            rows.append(read_record(document))
        except HttpError as problem:
            errors.append(error_document(400, f"record {number}: {problem}"))
            if len(errors) == _MAX_ERRORS:
                break
    if errors:
        raise HttpError(400, "", document=errors)
    return rows


def check_source(document: Document, source: DataSource) -> None:
    """Check that a document names the source of the path. Raises HttpError."""
    for name in _NAMED:
        if _read_text(document, name) != getattr(source, name):
            raise HttpError(400, f"the {name} of data source {source.identifier} is not '{document[name]}'")


def read_product(document: Document) -> Document:
    """Convert an uploaded data product to catalogue columns. Raises HttpError."""
    start, end = read_moment(document.get("start"), "start"), read_moment(document.get("end"), "end")
    if end < start:
        raise HttpError(400, "the end is before the start")
    kind = _read_text(document, "data_product_type")
    if kind not in PRODUCT_TYPES:
        raise HttpError(400, f"'data_product_type' must be one of {', '.join(PRODUCT_TYPES)}, not '{kind}'")
    url = _read_text(document, "url")
    return {"start": start, "end": end, "data_product_type": kind, "url": url, "metadata": _read_metadata(document)}


def read_ephemeris(document: Document) -> Document:
    """Convert an uploaded ephemeris record to catalogue columns. Raises HttpError."""
    row: Document = {"epoch": read_moment(document.get("epoch"), "epoch")}
    for place in _PLACES:
        row[f"{place}_lat"], row[f"{place}_lon"] = _read_location(document.get(place), place)
    return {**row, "metadata": _read_metadata(document)}


def _read_location(value: object, name: str) -> tuple[float | None, float | None]:
    """Return latitude and longitude in degrees, or two None. AuroraX accepts GSM latitudes beyond 90."""
    if value is None:
        return None, None
    if not isinstance(value, dict):
        raise HttpError(400, f"'{name}' must be an object with lat and lon")
    lat, lon = value.get("lat"), value.get("lon")
    if lat is None and lon is None:
        return None, None
    return _read_degrees(lat, name), _read_degrees(lon, name)


def _read_degrees(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.fabs(value) <= 360:
        raise HttpError(400, f"'{name}' needs lat and lon in degrees, or neither")
    return float(value)


def _read_metadata(document: Document) -> str | None:
    value = document.get("metadata")
    if value is None:
        return None
    if not isinstance(value, dict):
        raise HttpError(400, "'metadata' must be an object")
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    if "\\u0000" in text:
        raise HttpError(400, "'metadata' contains a null character")
    return text


def read_urls(document: Document) -> Sequence[str]:
    """Return the URLs of the data products to delete. Raises HttpError."""
    urls = document.get("urls")
    if not isinstance(urls, list) or not all(isinstance(url, str) and "\0" not in url for url in urls):
        raise HttpError(400, "'urls' must be an array of the URLs to delete")
    return urls
