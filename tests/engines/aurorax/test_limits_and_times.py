"""Tests over HTTP: LIMIT bounds the download, and times with an offset are the same instants wherever they are read."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auroraql import Archive, connect
from auroraql.engines.aurorax.columnar import stream
from tests.support.aurorax_server import SOURCES, SWARM, AuroraXServer
from tests.support.command_line import command

FIRST = datetime(2020, 2, 1)
OFFSETS = ("", "Z", "+01:00", "-02:30", "+05:45", "+00:00")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


# --- limits

COUNT = 12_000
PAD = "x" * 300


def _position(minute: int) -> dict[str, Any]:
    place = {"lat": 1.5, "lon": 2.5}
    places = dict.fromkeys(("location_geo", "location_gsm", "nbtrace", "sbtrace"), place)
    epoch = (FIRST + timedelta(seconds=minute)).isoformat()
    return {"epoch": epoch, "data_source": SOURCES[0], **places, "metadata": {"number": minute, "pad": PAD}}


@pytest.fixture(scope="module")
def many() -> Iterator[AuroraXServer]:
    with AuroraXServer([], [*SOURCES, SWARM], ephemeris=[_position(n) for n in range(COUNT)]) as server:
        yield server


def _run_and_count_bytes(archive: Archive, statement: str) -> tuple[list[Any], int]:
    """Run a statement, and return its rows and the number of bytes received for them."""
    search = archive.submit(statement)
    result = search.fetch()
    return list(result.rows), search.progress().bytes


def test_a_limit_ends_the_download(many: AuroraXServer) -> None:
    with connect(many.url, timeout=60) as archive:
        rows, size = _run_and_count_bytes(
            archive, "FIND ephemeris SELECT metadata.number ON 2020-02-01 LIMIT 5 OFFSET 2"
        )
        assert rows == [(number,) for number in range(2, 7)]
        assert size < 2_000_000  # of about 8 MB
        rows, size = _run_and_count_bytes(
            archive, "FIND ephemeris SELECT number ON 2020-02-01 ORDER BY number DESC LIMIT 1"
        )
        assert rows == [(COUNT - 1,)]  # downloads them all


@pytest.mark.parametrize("statement", ["FIND ephemeris ON 2020-02-01", "FIND ephemeris ON 2020-02-01 LIMIT 9"])
def test_the_limit_of_the_command_line_is_pushed_down(many: AuroraXServer, statement: str) -> None:
    done = command("-a", many.url, "--limit", "5", "--format", "jsonl", "-c", statement)
    assert (done.code, done.out.count("\n")) == (0, 5)
    assert "5 of more than 5 rows are written (--limit 5)" in done.err
    assert "5 rows" in done.err


# --- times

PRODUCTS: list[dict[str, Any]] = [
    {
        "start": (FIRST + timedelta(hours=7 * n)).isoformat() + OFFSETS[n % len(OFFSETS)],
        "end": (FIRST + timedelta(hours=7 * n + 1)).isoformat() + OFFSETS[n % len(OFFSETS)],
        "data_source": SOURCES[n % 3],
        "url": f"u{n:02}",
        "data_product_type": "keogram",
        "metadata": {"number": n},
    }
    for n in range(24)
]


def _moment(text: str) -> datetime:
    """Return the instant of a time literal, as Python's own parser reads it."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


@pytest.mark.parametrize("is_packed", [False, True])
def test_times_with_an_offset_are_the_same_instants_everywhere(
    is_packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_packed:
        monkeypatch.setattr(stream, "SMALL_RESPONSE_BYTES", 1000)
        monkeypatch.setattr(stream, "CHUNK_BYTES", 1000)
    starts = [_moment(product["start"]) for product in PRODUCTS]
    ends = [_moment(product["end"]) for product in PRODUCTS]
    with AuroraXServer(copy.deepcopy(PRODUCTS)) as server, connect(server.url, timeout=20) as archive:

        def rows(statement: str) -> list[Any]:
            return list(archive.run(f"FIND {statement}").rows)

        assert [row[0] for row in rows("data_products SELECT start, url")] == starts
        assert rows("data_products SELECT min(start), max(start), min(end), max(end)") == [
            (min(starts), max(starts), min(ends), max(ends))
        ]
        assert [row[0] for row in rows("data_products SELECT start ORDER BY start DESC, url")] == sorted(starts)[::-1]
        assert rows("DISTINCT data_products SELECT start ORDER BY start") == [(start,) for start in sorted(set(starts))]
        grouped = rows("data_products SELECT start, count(*) GROUP BY start ORDER BY start")
        assert grouped == [(start, starts.count(start)) for start in sorted(set(starts))]
        for limit in sorted(starts)[::5]:
            result = rows(f"data_products SELECT start WHERE start < {limit.isoformat()} OR url = 'none' ORDER BY url")
            assert [row[0] for row in result] == [start for start in starts if start < limit]
        archive.run("LET c = FIND data_products")
        assert list(archive.run("SQL SELECT min(start), max(start) FROM c").rows) == [(min(starts), max(starts))]
        assert list(archive.run("FIND c SELECT min(start)").rows) == [(min(starts),)]
        assert list(archive.run("FIND data_products").to_pandas()["start"]) == starts
