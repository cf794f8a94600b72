"""Tests of searches over HTTP: synchronous and asynchronous, in parallel, attached to by id, with progress."""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

import auroraql
from auroraql.diagnostics.errors import ArchiveError, Failed, Refused, TimedOut, Unreachable
from auroraql.engines.aurorax import AuroraXEngine
from auroraql.engines.aurorax import run as run_module
from auroraql.engines.aurorax.parallel import MAX_THREADS, run_in_parallel
from auroraql.ir.plan import Plan, Request
from auroraql.ir.query import Column, Query, Tree
from tests.support.aurorax_matching import StepName, apply_format
from tests.support.aurorax_server import EPHEMERIS, RECORDS, SOURCES, AuroraXServer, Fault

Connect = Callable[..., AuroraXEngine]
START, END = datetime(2020, 2, 1), datetime(2020, 2, 29)
FOUND = [record for record in RECORDS if record["data_source"]["program"] == "trex"]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AuroraXServer]:
    monkeypatch.setenv("NO_PROXY", "*")
    with AuroraXServer(RECORDS, SOURCES, ephemeris=EPHEMERIS, conjunctions=[{"min_distance": 5.5}]) as running:
        running.synchronous = True
        yield running


@pytest.fixture
def connect(server: AuroraXServer) -> Iterator[Connect]:
    engines: list[AuroraXEngine] = []

    def opened(**options: Any) -> AuroraXEngine:
        engines.append(AuroraXEngine(server.url, **{"pause": lambda _: time.sleep(0.001), **options}))
        return engines[-1]

    yield opened
    server.faults.clear()
    for engine in engines:
        engine.close()


def make_request(program: str = "trex", *, last: datetime | None = END, tree: Tree | None = None) -> Request:
    return Request("data_products", (("program", (program,)),), start=START, end=last, response_format=tree)


def plan_of(*requests: Request, **options: Any) -> Plan:
    return Plan(Query(requests[0].kind), requests, **options)


PLAN = plan_of(make_request())


def fetch_records(engine: AuroraXEngine, plan: Plan = PLAN, seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds
    run = engine.submit(plan, awaited=True)
    run.wait(deadline)
    return run.fetch(deadline).records


def steps(server: AuroraXServer) -> list[str]:
    return [call.step for call in server.calls]


# Synchronous searches


def test_uses_the_synchronous_endpoint(server: AuroraXServer, connect: Connect) -> None:
    assert fetch_records(connect()) == FOUND
    assert steps(server) == ["at_once"]
    assert server.calls[0].body["query"]["data_sources"]["programs"] == ["trex"]
    tree: Tree = {"url": True}
    assert fetch_records(connect(), plan_of(make_request(tree=tree))) == apply_format(FOUND, tree)
    assert server.calls[-1].body["response_format"] == tree


def test_a_session_uses_the_asynchronous_endpoint_only_for_submit(server: AuroraXServer) -> None:
    with auroraql.connect(server.url) as archive:
        statement = "FIND ephemeris WHERE program = 'swarm' ON 2020-02-01"
        assert len(archive.run(statement)) == 3
        assert steps(server) == ["at_once"]
        assert len(archive.submit(statement).fetch()) == 3
        assert steps(server)[1:] == ["submit", "status", "data"]


@pytest.mark.parametrize(
    "request_of",
    [
        make_request(last=START + timedelta(days=3654)),
        make_request(last=None),
        Request("ephemeris", (("program", ("swarm",)),), start=START, end=START + timedelta(days=3)),
        Request("conjunctions", start=START, end=END),
    ],
    ids=["over ten years", "open", "over two days", "conjunctions"],
)
def test_large_searches_are_asynchronous(server: AuroraXServer, connect: Connect, request_of: Request) -> None:
    assert len(fetch_records(connect(), plan_of(request_of))) > 0
    assert steps(server) == ["submit", "status", "data"]


def test_counts_are_asynchronous(server: AuroraXServer, connect: Connect) -> None:
    columns = (Column(None, function="count"),)
    plan = Plan(Query("data_products", select=columns), (make_request(),), counted=True)
    run = connect().submit(plan, awaited=True)
    assert run.fetch(time.monotonic() + 20).rows == [(3,)]
    assert steps(server) == ["submit", "status"]


@pytest.mark.parametrize("status", [404, 405, 500, 502, 503])
def test_remembers_that_the_synchronous_endpoint_is_missing(
    server: AuroraXServer, connect: Connect, status: int
) -> None:
    server.faults["at_once"] = Fault(status=status)
    engine = connect()
    for _ in range(2):
        assert fetch_records(engine) == FOUND
    assert steps(server) == ["at_once", *["submit", "status", "data"] * 2]
    assert fetch_records(engine, plan_of(Request("ephemeris", start=START, end=START + timedelta(days=1)))) == EPHEMERIS
    assert server.count("at_once") == 2, "the other kind may have it"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=400),
        Fault(drop="before"),
        Fault(drop="within"),
        Fault(body=b"<html>"),
        Fault(body=b'[{"start": 5}]'),
        Fault(body=b'{"error": {"error_code": "x", "error_message": "y"}}'),
    ],
)
def test_any_fault_of_the_synchronous_endpoint_falls_back(
    server: AuroraXServer, connect: Connect, fault: Fault
) -> None:
    server.faults["at_once"] = fault
    assert fetch_records(connect()) == FOUND
    assert server.count("at_once") == 1


def test_a_refusal_of_the_synchronous_endpoint_is_final(server: AuroraXServer, connect: Connect) -> None:
    pauses: list[float] = []
    server.faults["at_once"] = Fault(status=429, headers={"Retry-After": "3"}, times=1)
    assert fetch_records(connect(pause=pauses.append)) == FOUND
    assert (pauses, steps(server)) == ([3], ["at_once", "at_once"])


@pytest.mark.parametrize(
    "fault", [Fault(hang=9), Fault(trickle=0.05, trickled="head"), Fault(trickle=0.05)], ids=["hang", "head", "body"]
)
def test_the_synchronous_endpoint_has_a_time_limit(
    server: AuroraXServer, connect: Connect, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "SYNCHRONOUS_TIMEOUT_SECONDS", 0.3)
    fault.body = fault.body or b" " * 10_000 if fault.trickled == "body" else None
    server.faults["at_once"] = fault
    engine, began = connect(), time.monotonic()
    assert fetch_records(engine) == FOUND
    assert time.monotonic() - began < 3
    assert fetch_records(engine) == FOUND
    assert fetch_records(engine, plan_of(make_request(last=END + timedelta(days=400)))) == FOUND
    assert server.count("at_once") == 1, "windows as long are asked step by step from then on"
    server.faults.clear()
    assert fetch_records(engine, plan_of(make_request(last=END - timedelta(days=20)))) == FOUND
    assert server.count("at_once") == 2


def test_the_deadline_applies_to_synchronous_searches(server: AuroraXServer, connect: Connect) -> None:
    server.seconds = 5
    with pytest.raises(TimedOut, match=r"no result within 0\.\d s"):
        fetch_records(connect(), seconds=0.3)
    assert steps(server) == ["at_once"]


def test_the_deadline_applies_to_the_submission(server: AuroraXServer, connect: Connect) -> None:
    server.faults["submit"] = Fault(hang=20)
    began = time.monotonic()
    with pytest.raises(TimedOut):
        fetch_records(connect(), plan_of(make_request(last=None)), seconds=0.3)
    assert time.monotonic() - began < 4


def test_no_server_is_an_error_of_the_synchronous_endpoint(connect: Connect) -> None:
    engine = AuroraXEngine("http://127.0.0.1:9", pause=lambda _: None)
    with pytest.raises(Unreachable, match="connection refused"):
        fetch_records(engine)


# Parallel requests


@pytest.mark.parametrize("synchronous", [True, False])
def test_requests_run_in_parallel_and_merge_in_order(
    server: AuroraXServer, connect: Connect, synchronous: bool
) -> None:
    server.synchronous, server.seconds = synchronous, 1.0
    programs = ("rainbow", "trex", "themis-asi", "trex")
    began = time.monotonic()
    records = fetch_records(connect(), plan_of(*map(make_request, programs)))
    assert time.monotonic() - began < 4 * 1.0 - 0.5
    assert records == [
        record for name in programs[:3] for record in RECORDS if record["data_source"]["program"] == name
    ]


def test_the_number_of_threads_is_limited() -> None:
    running, most, lock, together = 0, 0, threading.Lock(), threading.Barrier(MAX_THREADS)

    def work(number: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        if number < MAX_THREADS:
            together.wait(30)  # proves that as many do run at once, however busy the machine is
        time.sleep(0.02 * (number % 3))
        with lock:
            running -= 1
        return number * number

    assert run_in_parallel(work, range(20)) == [n * n for n in range(20)]
    assert most == MAX_THREADS
    assert run_in_parallel(work, []) == []


def test_the_first_error_stops_the_others() -> None:
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        if number == 2:
            raise ValueError(number)
        time.sleep(0.05)

    with pytest.raises(ValueError, match="2"):
        run_in_parallel(work, range(50))
    time.sleep(0.1)
    assert len(begun) <= 2 * MAX_THREADS


def test_a_failure_cancels_the_others(server: AuroraXServer, connect: Connect) -> None:
    server.never = True
    server.faults["status"] = Fault(body=b"[]", times=1)
    with pytest.raises(Failed):
        fetch_records(
            connect(), plan_of(*[make_request(name, last=None) for name in ("trex", "rainbow", "themis-asi")])
        )
    assert all(search.cancelled for search in server.searches.values())


@pytest.mark.parametrize("step", ["submit", "status"])
def test_ctrl_c_cancels_all_requests(server: AuroraXServer, connect: Connect, step: StepName) -> None:
    server.never = True
    server.faults[step] = Fault(hang=0.4)
    timer = threading.Timer(0.15, _thread.interrupt_main)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            fetch_records(
                connect(), plan_of(*[make_request(name, last=None) for name in ("trex", "rainbow", "themis-asi")])
            )
    finally:
        timer.join()
    assert len(server.searches) == 3
    assert all(search.cancelled for search in server.searches.values())


def test_ctrl_c_ends_a_synchronous_search(server: AuroraXServer, connect: Connect) -> None:
    server.faults["at_once"] = Fault(hang=5)
    timer = threading.Timer(0.2, _thread.interrupt_main)
    began = time.monotonic()
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            fetch_records(connect(), plan_of(*map(make_request, ("trex", "rainbow", "themis-asi"))))
    finally:
        timer.join()
    assert time.monotonic() - began < 2
    assert server.count("submit") == 0


def test_a_detached_search_is_no_longer_polled(server: AuroraXServer, connect: Connect) -> None:
    server.never = True
    server.faults["status"] = Fault(status=403, times=1)
    run = connect(pause=time.sleep).submit(plan_of(make_request(last=None), make_request("rainbow", last=None)))
    with pytest.raises(Refused):
        run.wait(time.monotonic() + 20)
    time.sleep(0.5)
    polls = server.count("status")
    time.sleep(0.8)
    assert server.count("status") == polls
    assert not any(search.cancelled for search in server.searches.values())
    server.never = False
    assert len(run.fetch(time.monotonic() + 20).records or ()) == 4


def test_a_second_ctrl_c_detaches_immediately(server: AuroraXServer, connect: Connect) -> None:
    server.never = True
    server.faults["cancel"] = Fault(hang=20)
    timers = [threading.Timer(after, _thread.interrupt_main) for after in (0.2, 0.6)]
    began = time.monotonic()
    for timer in timers:
        timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            fetch_records(connect(), plan_of(make_request(last=None)))
    finally:
        for timer in timers:
            timer.join()
    assert time.monotonic() - began < 3
    server.faults.clear()


# Searches by request id


@pytest.mark.parametrize(("kind", "count"), [("data_products", 5), ("ephemeris", 4), ("conjunctions", 1)])
def test_fetches_a_search_by_its_id(server: AuroraXServer, connect: Connect, kind: str, count: int) -> None:
    server.polls = 2
    request_id = server.submit(kind, {})
    plan, run = connect().attach(request_id)
    assert (run.request_ids, plan.query.kind) == ((request_id,), kind)
    assert len(run.fetch(time.monotonic() + 20).records or ()) == count
    assert server.count("submit") == 0


@pytest.mark.parametrize("request_id", ["", "..", "a/b", "x?y", "a b", "é"])
def test_an_invalid_request_id_is_not_sent(server: AuroraXServer, connect: Connect, request_id: str) -> None:
    with pytest.raises(Refused, match="not a request ID"):
        connect().attach(request_id)
    assert server.calls == []


def test_an_unknown_request_id(server: AuroraXServer, connect: Connect) -> None:
    with pytest.raises(Refused, match="404 not found") as caught:
        connect().attach("8b3d3ff7-ce08-463c-9fe2-b44cde68c40b")
    assert caught.value.request_id.startswith("8b3d3ff7")
    assert server.count("status") == 3


def test_a_failed_search_by_its_id(server: AuroraXServer, connect: Connect) -> None:
    server.error = "disk full"
    with pytest.raises(Failed, match="disk full"):
        connect().attach(server.submit("data_products", {}))


# Progress


def test_progress_shows_the_log_the_bytes_and_the_time(server: AuroraXServer, connect: Connect) -> None:
    server.seconds = 0.2
    run = connect(pause=time.sleep).submit(plan_of(make_request(last=None)), awaited=True)
    assert (run.progress().line, run.progress().bytes, run.progress().records) == ("", 0, 0)
    run.fetch(time.monotonic() + 20)
    progress = run.progress()
    assert progress.line.startswith("Finished search in ")
    assert progress.bytes > 100
    assert 0.2 <= progress.elapsed < 20


# Several threads that wait for one search


def test_one_threads_error_does_not_end_the_wait_of_another(server: AuroraXServer, connect: Connect) -> None:
    server.seconds = 0.6
    run = connect(pause=time.sleep).submit(plan_of(make_request(last=None)))
    outcomes: list[object] = []

    def wait(seconds: float) -> None:
        try:
            outcomes.append(run.wait(time.monotonic() + seconds).done)
        except ArchiveError as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=wait, args=(seconds,)) for seconds in (20, 20)]
    server.faults["status"] = Fault(status=403, times=1)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == sorted(map(str, [Refused, True]))
    assert len(run.fetch(time.monotonic() + 20).records or ()) == 3


def test_a_transient_fault_is_forgotten(
    server: AuroraXServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.faults["at_once"] = Fault(status=503, times=1)
    engine = connect()
    fetch_records(engine)
    fetch_records(engine)
    assert server.count("at_once") == 1
    later = time.time() + 61
    monkeypatch.setattr(engine._service.ways, "_now", lambda: later)
    fetch_records(engine)
    assert steps(server)[-1] == "at_once"
    assert server.count("at_once") == 2
