"""The contract of archives: the same statement finds the same rows in a catalogue file and over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from auroraql import Archive, Cancelled, ResultSet, TimedOut, UsageError, connect
from auroraql.engines.duckdb.embedded_engine import EmbeddedRun
from auroraql.ir.query import Ref
from auroraql.results.result_set import Row
from tests.support import aurorax_matching, small_catalogue
from tests.support.aurorax_server import SOURCE_FIELDS, AuroraXServer
from tests.support.brute_force import compare
from tests.support.small_catalogue import SOURCES, Product

DAY, HOUR = timedelta(hours=23, minutes=59), timedelta(minutes=59)


def product(number: int, source: int, start: str, lasts: timedelta, kind: str, **metadata: Any) -> Product:
    began = datetime.fromisoformat(start)
    return Product(source, began, began + lasts, f"https://data.example.org/{number:02}.jpg", kind, metadata)


PRODUCTS = (
    product(1, 1, "2020-02-01", DAY, "keogram", keogram_type="daily", wavelength=6300, note=7),
    product(2, 1, "2020-02-01T06:00", HOUR, "keogram", keogram_type="hourly", wavelength="6300", note=8.5),
    product(3, 2, "2020-02-01", DAY, "keogram", keogram_type="daily", wavelength=5577.0, note=True),
    product(4, 2, "2020-02-02", DAY, "keogram", keogram_type="Daily", wavelength="5577.0", note="TRUE"),
    product(5, 3, "2020-02-02", DAY, "montage", montage_type="daily", calibrated=True),
    product(6, 3, "2020-02-02T23:00", HOUR, "montage", montage_type="daily", calibrated=False, wavelength=None),
    product(7, 3, "2020-02-03", DAY, "movie", movie_type="real-time daily", calibrated="true"),
    product(8, 44, "2020-02-03", DAY, "summary_plot", wavelength=-1.5e3, note=""),
    product(9, 44, "2020-02-29", DAY, "keogram", note="été, l'hiver (x)", imaging_start_time="2020-02-29T01:00:00"),
    product(10, 44, "2020-12-31", DAY, "keogram", note="10", wavelength=10),
    product(11, 44, "2021-01-01", DAY, "keogram", note="9", wavelength=9, **{"odd key": "x"}),
    product(12, 1, "2021-01-01", DAY, "data_availability"),
)
"""Made-up products, not in time order. Their metadata hold every type that a value can have."""

SHUFFLED = PRODUCTS[1::2] + PRODUCTS[::2]


def record(product: Product) -> dict[str, Any]:
    """Return a product in AuroraX's JSON shape."""
    source = next(row for row in SOURCES if row[0] == product.data_source)
    return {
        "start": product.start.isoformat(),
        "end": product.end.isoformat(),
        "data_source": dict(zip(SOURCE_FIELDS, source, strict=True)),
        "url": product.url,
        "data_product_type": product.data_product_type,
        "metadata": product.metadata,
    }


def holds(expression: dict[str, Any], value: Any) -> bool:
    """Return whether a metadata filter matches a stored value, by the rules of auroraql/sql/clauses.py."""
    key = Ref("metadata", expression["key"])
    return compare(value, key, expression["operator"], expression["values"]) is True


NAMES = ("identifier", "program", "platform", "instrument_type", "source_type", "display_name")


@dataclass
class Archives:
    """The same records in two archives."""

    file: Archive
    http: Archive
    server: AuroraXServer

    def __iter__(self) -> Iterator[Archive]:
        return iter((self.file, self.http))


@pytest.fixture(scope="module", params=[False, True], ids=["step by step", "at once"])
def archives(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archives]:
    # AuroraX does not publish how it compares a number stored as text: the test server does it as AuroraQL does.
    path = small_catalogue.write(tmp_path_factory.mktemp("archives") / "same.duckdb", SHUFFLED)
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("NO_PROXY", "*")
        patch.setattr(aurorax_matching, "_true", holds)
        server = stack.enter_context(
            AuroraXServer([record(p) for p in SHUFFLED], [dict(zip(NAMES, s, strict=True)) for s in SOURCES])
        )
        server.synchronous = request.param
        file = stack.enter_context(connect(path))
        http = stack.enter_context(connect(server.url, timeout=20))
        yield Archives(file, http, server)


FILTERS = [
    "program = 'trex'",
    "program IN ('trex', 'unis/kho')",
    "platform = 'gillam' AND program = 'trex'",
    "data_source.instrument_type IN ('RGB ASI', 'Été 50%_x')",
    "data_product_type = 'keogram'",
    "data_product_type IN ('montage', 'movie') AND program = 'themis-asi'",
    "program = 'nobody'",
    "program = 'trex' AND program = 'rego'",
    "keogram_type = 'daily'",
    "keogram_type != 'daily'",
    "keogram_type IN ('daily', 'hourly')",
    "keogram_type NOT IN ('daily', 'hourly')",
    "NOT keogram_type = 'daily'",
    "NOT (keogram_type != 'daily' OR wavelength < 6000)",
    "keogram_type > 'a'",
    "wavelength = 6300",
    "wavelength = '6300.0'",
    "wavelength != 6300",
    "wavelength < 10",
    "wavelength <= 9",
    "wavelength > 5577",
    "wavelength >= 5577.0",
    "wavelength BETWEEN 9 AND 5577",
    "wavelength BETWEEN 5577 AND 9",
    "wavelength IN (9, 10.0)",
    "wavelength NOT IN (6300, 10)",
    "note = 10",
    "note = 1e1",
    "note = 'true'",
    "note IN (9, 8.50, 'true')",
    "note NOT IN (9, 8.50, 'true')",
    "note != 'abc'",
    "note > 'abc'",
    "note <= 'abc'",
    "note = '9'",
    "note < 10",
    "note BETWEEN 'a' AND 'f'",
    "note = ''",
    "note != ''",
    "note = 'été, l''hiver (x)'",
    "note >= 'f'",
    "calibrated = TRUE",
    "calibrated != TRUE",
    "calibrated IN (TRUE, FALSE)",
    "calibrated = 'false'",
    "imaging_start_time = 2020-02-29T01:00:00",
    "imaging_start_time > 2020-02-28",
    "imaging_start_time BETWEEN 2020-02-29 AND 2020-03-01",
    "`odd key` = 'x'",
    "nothing_has_this = 5",
    "nothing_has_this != 5",
    "keogram_type = 'hourly' OR montage_type = 'daily'",
    "keogram_type = 'hourly' OR wavelength < 0 OR calibrated = TRUE",
    "program = 'themis-asi' AND (montage_type = 'daily' OR movie_type = 'real-time daily')",
    "keogram_type = 'daily' AND wavelength > 6000 AND program = 'trex'",
    # Beyond one request: several requests, or post-processing.
    "program LIKE 't%'",
    "program != 'trex'",
    "display_name LIKE 'été%'",
    "source_type = 'leo' OR identifier IN (1, 2)",
    "identifier > 2 AND keogram_type != 'daily'",
    "start > 2020-02-01 OR program = 'trex'",
    "wavelength IS NULL",
    "wavelength IS NOT NULL AND keogram_type LIKE 'D%'",
    "url LIKE '%1%' AND data_product_type != 'movie'",
    "keogram_type = 'daily' OR program = 'trex'",
    "(keogram_type = 'daily' OR wavelength > 6000) AND (program = 'trex' OR note > 'a')",
    "NOT (program = 'trex' AND keogram_type = 'daily')",
    "start BETWEEN 2020-02-29 AND 2020-03-01 OR calibrated = TRUE",
]

WINDOWS = [
    "ON 2020-02-01",
    "ON 2020-02-01T06:00",
    "DURING 2020-02",
    "DURING 2020",
    "BETWEEN 2020-02-01 AND 2020-02-02",
    "BETWEEN 2020-02-01T06:00 AND 2020-02-01T06:59",
    "BETWEEN 2020-02-01T06:00:01 AND 2020-02-01T06:59",
    "SINCE 2020-12-31",
    "UNTIL 2020-02-02",
    "LAST 2 DAYS BEFORE 2020-02-03",
    "WHERE start >= 2020-02-02 AND end <= 2020-12-31",
    "WHERE start >= 2020-02-03",
    "SINCE 9000-01-01",
    "",
]

SELECTS = [
    "*",
    "* EXCLUDE (metadata)",
    "start, end, url",
    "url, data_source {program, identifier}",
    "url, data_source",
    "data_source.platform AS site, url AS `where it is`",
    "metadata, url",
    "url, keogram_type, metadata.wavelength AS w, calibrated, note, nothing_has_this",
    "*, wavelength",
]

ORDERS = [
    "start, url",
    "start DESC, url",
    "end DESC, url DESC",
    "program, platform DESC, url",
    "data_source.identifier DESC, url",
    "wavelength, url",
    "wavelength DESC, url",
    "wavelength NULLS FIRST, url",
    "wavelength DESC NULLS FIRST, url",
    "note, url",
    "note DESC, url DESC",
    "calibrated, url",
    "keogram_type DESC, start DESC, url",
    "data_product_type, url LIMIT 4",
    "url LIMIT 5 OFFSET 3",
    "url DESC LIMIT 100 OFFSET 11",
    "url LIMIT 5 OFFSET 100",
    "url LIMIT 0",
]

STATEMENTS = [
    *(f"WHERE {item}" for item in FILTERS),
    *WINDOWS,
    *(f"SELECT {item}" for item in SELECTS),
]


def typed_text(value: Any) -> str:
    """Return a text that distinguishes values of different types, whatever the order of an object's keys."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {typed_text(value[key])}" for key in sorted(value)) + "}"
    return ", ".join(map(typed_text, value)) if isinstance(value, tuple) else repr(value)


def answers(archives: Archives, statement: str) -> tuple[ResultSet, ResultSet]:
    file, http = (archive.run(f"FIND data_products {statement}") for archive in archives)
    assert file.columns == http.columns
    assert len(file) == len(file.rows) == len(file.records) == len(http) == len(http.rows) == len(http.records)
    return file, http


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_same_rows_in_any_order(archives: Archives, statement: str) -> None:
    file, http = answers(archives, statement)
    assert sorted(map(typed_text, file.rows)) == sorted(map(typed_text, http.rows))
    assert sorted(map(typed_text, file.records)) == sorted(map(typed_text, http.records))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("select", ["", "SELECT start "])
def test_the_same_rows_in_order(archives: Archives, order: str, select: str) -> None:
    file, http = answers(archives, f"{select}ORDER BY {order}")
    assert list(map(typed_text, file.rows)) == list(map(typed_text, http.rows))
    assert list(map(typed_text, file.records)) == list(map(typed_text, http.records))


def test_whole_records_equal_the_stored_ones(archives: Archives) -> None:
    for archive in archives:
        records = archive.run("FIND data_products ORDER BY url").records
        assert records == [record(product) for product in PRODUCTS], archive.name


def test_conditions_that_no_source_fulfils_give_an_empty_result(archives: Archives) -> None:
    calls = len(archives.server.calls)
    for archive in archives:
        result = archive.run("FIND data_products WHERE program = 'trex' AND program = 'rego'")
        assert (len(result), list(result.records), result.warnings[-1].code) == (0, [], "AQL0606")
    assert len(archives.server.calls) == calls


def test_an_asynchronous_search(archives: Archives) -> None:
    for archive in archives:
        search = archive.submit("FIND data_products WHERE program = $p", p="trex")
        assert len(search.request_ids) == 1
        status = search.wait()
        assert (status.done, status.result_count, search.status().done) == (True, 5, True)
        assert search.logs[-1].summary.endswith("found 5 records.")
        assert len(search.fetch()) == len(search.fetch()) == 5
        search.cancel()
        assert search.status().done


def test_a_cancelled_search_and_a_deadline(archives: Archives, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(run: EmbeddedRun, deadline: float) -> list[Row]:
        while True:
            run._raise_if_over(deadline)
            time.sleep(0.01)

    monkeypatch.setattr(EmbeddedRun, "_execute", never)
    archives.server.never = True
    try:
        for archive in archives:
            search = archive.submit("FIND data_products")
            search.cancel()
            with pytest.raises(Cancelled):
                search.fetch()
            with pytest.raises(TimedOut) as raised:
                archive.submit("FIND data_products").wait(0)
            assert raised.value.archive == archive.name
    finally:
        archives.server.never = False


def test_a_closed_archive_reports_it(archives: Archives, tmp_path: Path) -> None:
    path = small_catalogue.write(tmp_path / "closed.duckdb", [])
    for archive in (connect(path), connect(archives.server.url)):
        archive.close()
        archive.close()
        for act in (archive.run, archive.submit, archive.run_script):
            with pytest.raises(UsageError, match="is closed"):
                act("FIND data_products")
