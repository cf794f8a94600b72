"""Made-up products and minutes that the tests of results share, in a catalogue file and over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from auroraql import Archive, ResultSet, StatementError, connect
from tests.support import small_catalogue
from tests.support.aurorax_server import SOURCE_FIELDS, AuroraXServer
from tests.support.small_catalogue import SOURCES, Position, Product

DAY = timedelta(days=1)
FIRST = datetime(2020, 2, 1)


def product(source: int, start: str, end: str, **metadata: Any) -> Product:
    first, last = (datetime.fromisoformat(f"2020-02-{moment}") for moment in (start, end))
    return Product(source, first, last, f"{source}_{start}_{end}.jpg", metadata=metadata)


PRODUCTS = (
    product(1, "01T00:00", "01T23:59", keogram_type="daily"),
    product(1, "01T06:00", "01T06:59", keogram_type="hourly", w=1.5),
    product(1, "01T23:30", "02T00:30", keogram_type="across midnight"),
    product(1, "02T12:00", "02T12:00", keogram_type="an instant", w=2),
    product(2, "02T00:00", "02T23:59", keogram_type="daily"),
    product(2, "03T06:00", "03T06:59", w=2.5),
    product(3, "01T06:59", "01T07:30", keogram_type="hourly"),
    product(3, "04T00:00", "05T23:59", keogram_type="of two days"),
    product(44, "03T00:00", "03T23:59", keogram_type="daily", w="wide"),
)
"""Made-up products of an hour, a day and longer. One crosses midnight."""

POSITIONS = tuple(
    Position(source, FIRST + timedelta(minutes=minute), metadata={"nbtrace_region": "north cusp"})
    for source, minutes in (
        (1, (359, 360, 361, 420, 2160, 2161)),
        (2, (0, 1439, 1441, 3000)),
        (44, (5759,)),
    )
    for minute in minutes
)


def record(product: Product) -> dict[str, Any]:
    """Return a product in AuroraX's JSON shape."""
    source = next(row for row in SOURCES if row[0] == product.data_source)
    times = {"start": product.start.isoformat(), "end": product.end.isoformat()}
    described = dict(zip(SOURCE_FIELDS, source, strict=True))
    named = {"url": product.url, "data_product_type": product.data_product_type, "metadata": product.metadata}
    return {**times, "data_source": described, **named}


def minute(position: Position) -> dict[str, Any]:
    """Return a position in AuroraX's JSON shape."""
    source = next(row for row in SOURCES if row[0] == position.data_source)
    nowhere = {"lat": None, "lon": None}
    places = dict.fromkeys(("location_geo", "location_gsm", "nbtrace", "sbtrace"), nowhere)
    described = dict(zip(SOURCE_FIELDS, source, strict=True))
    return {"epoch": position.epoch.isoformat(), "data_source": described, **places, "metadata": position.metadata}


@contextmanager
def serve_records() -> Iterator[AuroraXServer]:
    """Serve the records over HTTP."""
    sources = [dict(zip(SOURCE_FIELDS, row, strict=True)) for row in SOURCES]
    with ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("NO_PROXY", "*")
        records, minutes = [record(p) for p in PRODUCTS], [minute(p) for p in POSITIONS]
        yield stack.enter_context(AuroraXServer(records, sources, ephemeris=minutes))


@contextmanager
def make_archives(server: AuroraXServer, folder: Path) -> Iterator[tuple[Archive, Archive]]:
    """Serve the records over HTTP, and write them to a catalogue file."""
    path = small_catalogue.write(folder / "same.duckdb", PRODUCTS, positions=POSITIONS)
    with connect(path) as embedded, connect(server.url, timeout=20) as service:
        yield embedded, service


def urls(result: ResultSet) -> list[str]:
    """Return the sorted URLs of a result."""
    return sorted(record["url"] for record in result.records)


def last(archive: Archive, *texts: str, **parameters: object) -> ResultSet:
    """Return the result of the last statement of a script."""
    return list(archive.run_script(*texts, **parameters))[-1]


def codes(error: StatementError) -> list[str]:
    """Return the codes of the diagnostics."""
    return [diagnostic.code for diagnostic in error.diagnostics]
