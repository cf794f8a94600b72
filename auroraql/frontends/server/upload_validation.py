"""What is uploaded, checked: sources and records as they come, and as the catalogue holds them.

Everything that is wrong with a list of records is told at once, and then none of it is taken.
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
from auroraql.schema.source_fields import SOURCE_TYPES

_LONGEST = {"program": 200, "platform": 50, "instrument_type": 200, "display_name": 50}
"""How many characters the service takes."""

_NAMED = ("program", "platform", "instrument_type")

_PLACES = ("location_geo", "location_gsm", "nbtrace", "sbtrace")

_MOST_TOLD = 10


def read_source(document: Document, identifier: int) -> tuple[DataSource, Document]:
    """A source, and what is kept beside its basic fields. Raises Problem."""
    unknown = sorted(set(document) - {*BASIC, *RECORDED, "stats", "format"})
    if unknown:
        raise HttpError(400, f"'{unknown[0]}' is no field of a data source")
    texts = {name: _read_text(document, name) for name in BASIC if name != "identifier"}
    for name, most in _LONGEST.items():
        if len(texts[name]) > most:
            raise HttpError(400, f"'{name}' has at most {most} characters, not {len(texts[name])}")
    if texts["source_type"] not in SOURCE_TYPES:
        raise HttpError(400, f"'source_type' is one of {', '.join(SOURCE_TYPES)}, not '{texts['source_type']}'")
    beside = {name: document[name] for name in RECORDED if document.get(name) is not None}
    for name, value in beside.items():
        _check_extra_field(name, value)
    return DataSource(identifier, **texts), beside


def read_identifier(document: Document) -> int | None:
    """The identifier that a source asks for; None when it leaves that to the server. Raises Problem."""
    value = document.get("identifier")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or whole_number(str(value), "identifier") < 0:
        raise HttpError(400, "'identifier' is a whole number from 0")
    return value


def _check_extra_field(name: str, value: object) -> None:
    match name:
        case "owner":
            right = isinstance(value, str)
        case "metadata":
            right = isinstance(value, dict)
        case "maintainers":
            right = isinstance(value, list) and all(isinstance(each, str) for each in value)
        case _:
            right = isinstance(value, list) and all(isinstance(each, dict) for each in value)
    if not right:
        wanted = {"owner": "a string", "metadata": "an object", "maintainers": "an array of strings"}
        raise HttpError(400, f"'{name}' takes {wanted.get(name, 'an array of objects')}")


def _read_text(document: Document, name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise HttpError(400, f"'{name}' is missing, or no text")
    if "\0" in value:
        raise HttpError(400, f"'{name}' holds a null character")
    return value


def read_records(body: object, source: DataSource, read: Callable[[Document], Document]) -> list[Document]:
    """A list of records of one source as columns of the catalogue. Raises Problem that tells all that is wrong."""
    if not isinstance(body, list):
        raise HttpError(400, "", document=[error_document(400, "the body is no array of records")])
    rows, wrong = [], []
    for number, document in enumerate(body):
        try:
            if not isinstance(document, dict):
                raise HttpError(400, "a record is an object")
            check_source(document, source)
            rows.append(read(document))
        except HttpError as problem:
            wrong.append(error_document(400, f"record {number}: {problem}"))
            if len(wrong) == _MOST_TOLD:
                break
    if wrong:
        raise HttpError(400, "", document=wrong)
    return rows


def check_source(document: Document, source: DataSource) -> None:
    """Raises Problem unless a document names the source that the path names."""
    for name in _NAMED:
        if _read_text(document, name) != getattr(source, name):
            raise HttpError(400, f"the {name} of data source {source.identifier} is not '{document[name]}'")


def read_product(document: Document) -> Document:
    """A data product. Raises Problem."""
    start, end = read_moment(document.get("start"), "start"), read_moment(document.get("end"), "end")
    if end < start:
        raise HttpError(400, "the end is before the start")
    kind = _read_text(document, "data_product_type")
    if kind not in PRODUCT_TYPES:
        raise HttpError(400, f"'data_product_type' is one of {', '.join(PRODUCT_TYPES)}, not '{kind}'")
    url = _read_text(document, "url")
    return {"start": start, "end": end, "data_product_type": kind, "url": url, "metadata": _read_metadata(document)}


def read_ephemeris(document: Document) -> Document:
    """A record of ephemeris. Raises Problem."""
    made: Document = {"epoch": read_moment(document.get("epoch"), "epoch")}
    for place in _PLACES:
        made[f"{place}_lat"], made[f"{place}_lon"] = _read_location(document.get(place), place)
    return {**made, "metadata": _read_metadata(document)}


def _read_location(value: object, name: str) -> tuple[float | None, float | None]:
    """Latitude and longitude in degrees, or neither. Some sources have GSM latitudes beyond 90, and AuroraX takes them."""
    if value is None:
        return None, None
    if not isinstance(value, dict):
        raise HttpError(400, f"'{name}' is an object of lat and lon")
    lat, lon = value.get("lat"), value.get("lon")
    if lat is None and lon is None:
        return None, None
    return _read_degrees(lat, name), _read_degrees(lon, name)


def _read_degrees(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.fabs(value) <= 360:
        raise HttpError(400, f"'{name}' has lat and lon in degrees, or neither")
    return float(value)


def _read_metadata(document: Document) -> str | None:
    value = document.get("metadata")
    if value is None:
        return None
    if not isinstance(value, dict):
        raise HttpError(400, "'metadata' is an object")
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    if "\\u0000" in text:
        raise HttpError(400, "'metadata' holds a null character")
    return text


def read_urls(document: Document) -> Sequence[str]:
    """The URLs of data products to delete. Raises Problem."""
    urls = document.get("urls")
    if not isinstance(urls, list) or not all(isinstance(each, str) and "\0" not in each for each in urls):
        raise HttpError(400, "'urls' is an array of the URLs to delete")
    return urls
