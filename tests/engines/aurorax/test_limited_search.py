"""Tests of searches with LIMIT over HTTP: the service computes no more than the statement needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from auroraql import Archive, connect, translate
from auroraql.engines.aurorax.limited_search import request_steps
from auroraql.ir.plan import Request
from tests.support.aurorax_server import SOURCES, SWARM, AuroraXServer

FIRST = datetime(2020, 2, 1)


def _position(number: int) -> dict[str, Any]:
    place = {"lat": 1.5, "lon": 2.5}
    places = dict.fromkeys(("location_geo", "location_gsm", "nbtrace", "sbtrace"), place)
    epoch = (FIRST + timedelta(hours=3 * number)).isoformat()
    return {
        "epoch": epoch,
        "data_source": SWARM,
        **places,
        "metadata": {"number": number, "even": str(number % 2 == 0)},
    }


def _product(day: int) -> dict[str, Any]:
    start = FIRST + timedelta(days=day)
    record = {"start": start.isoformat(), "end": (start + timedelta(hours=23, minutes=59)).isoformat()}
    source = {"data_source": SOURCES[0], "url": f"u{day:03}", "data_product_type": "keogram"}
    return {**record, **source, "metadata": {"number": day}}


POSITIONS, PRODUCTS = [_position(number) for number in range(1000)], [_product(day) for day in range(350)]


@pytest.fixture(scope="module", params=[True, False], ids=["synchronous", "submitted"])
def service(request: pytest.FixtureRequest) -> Iterator[tuple[AuroraXServer, Archive]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "*")
        with AuroraXServer(PRODUCTS, [*SOURCES, SWARM], ephemeris=POSITIONS) as server:
            server.synchronous = request.param
            with connect(server.url, timeout=30) as archive:
                yield server, archive


def _windows(server: AuroraXServer) -> list[tuple[datetime, datetime]]:
    """Return the windows of the searches that arrived, in order."""
    bodies = [call.body for call in server.calls if call.step in ("submit", "at_once") and call.body]
    queries = [body.get("query", body) for body in bodies]
    return [(datetime.fromisoformat(query["start"]), datetime.fromisoformat(query["end"])) for query in queries]


@pytest.mark.parametrize(
    ("clauses", "longest_days", "total"),
    [
        ("ephemeris SELECT number DURING 2020-02", 0.1, 29 * 8),
        ("ephemeris SELECT number WHERE platform = 'swarma' BETWEEN 2020-02-01 AND 2020-05-31", 0.1, 968),
        # No record in the first two months.
        ("ephemeris SELECT number WHERE platform = 'swarma' BETWEEN 2019-12-01 AND 2020-05-31", 31, 968),
        ("ephemeris SELECT number WHERE even = 'True' OR number = 5 DURING 2020-02", 1.1, 117),
        ("data_products SELECT number BETWEEN 2020-02-01 AND 2021-12-31", 24.1, 350),
        ("data_products SELECT url, number WHERE url > '' BETWEEN 2020-02-01 AND 2021-12-31", 999, 350),
    ],
)
def test_a_limit_shortens_the_requested_windows(
    service: tuple[AuroraXServer, Archive], clauses: str, longest_days: float, total: int
) -> None:
    server, archive = service
    every = archive.run(f"FIND {clauses}").rows
    assert len(every) == total
    for limit, offset in ((1, 0), (4, 1), (total - 1, 7), (total + 9, 0)):
        server.calls.clear()
        rows = archive.run(f"FIND {clauses} LIMIT {limit} OFFSET {offset}").rows
        assert len(rows) == min(limit, total - offset), (limit, offset)
        assert not Counter(rows) - Counter(every)
        spans = [last - first for first, last in _windows(server)]
        if limit + offset <= 2:
            assert max(spans) <= timedelta(days=longest_days)
    assert archive.run(f"FIND {clauses} ORDER BY number DESC LIMIT 2").rows == sorted(every, key=lambda r: -r[-1])[:2]


def test_the_request_ids_are_those_of_every_request_sent(service: tuple[AuroraXServer, Archive]) -> None:
    server, archive = service
    server.calls.clear()
    result = archive.run("FIND ephemeris SELECT number WHERE platform = 'swarma' DURING 2020-02 LIMIT 200")
    submitted = [call for call in server.calls if call.step == "submit"]
    assert len(set(result.request_ids)) == len(result.request_ids) == len(submitted)
    assert {request_id for request_id in server.searches if server.searches[request_id].cancelled} == set()


def test_conjunctions_and_submitted_searches_are_requested_whole(service: tuple[AuroraXServer, Archive]) -> None:
    server, archive = service
    for statement in (
        "FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 300 km DURING 2020-02 LIMIT 1",
        "FIND ephemeris WHERE platform = 'swarma' DURING 2020-02 LIMIT 1",
    ):
        server.calls.clear()
        archive.submit(statement).fetch()
        assert _windows(server) == [(FIRST, datetime(2020, 2, 29, 23, 59, 59))]


def test_the_steps_of_many_requests() -> None:
    plan = translate("FIND ephemeris WHERE program = 'swarm' DURING 2020", to="plan")
    assert isinstance(plan, dict)
    windows = [(request["query"]["start"], request["query"]["end"]) for request in plan["requests"]]
    requests = [
        Request("ephemeris", start=datetime.fromisoformat(start), end=datetime.fromisoformat(end))
        for start, end in windows
    ]
    for records in (1, 60, 61, 5000, 10**9):
        steps = list(request_steps(requests, records))
        assert steps[-1] == tuple(requests)
        assert next(step for step in steps if step == tuple(requests[: len(step)])) == (requests[0],)
        assert len(steps) <= 15
        for step in steps:
            *whole, last = step
            assert whole == requests[: len(whole)]
            assert last.start == requests[len(whole)].start
            assert last.end is not None
            assert last.end <= requests[len(whole)].end  # type: ignore[operator]
    assert list(request_steps([], 5)) == []
