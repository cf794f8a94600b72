"""Tests of the HTTP engine against a small service: what it sends and finds, when it retries, and when it stops."""

from __future__ import annotations

import _thread
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import auroraql
from auroraql.diagnostics.errors import Cancelled, Failed, Refused, TimedOut, Unreachable, UsageError
from auroraql.engines.aurorax import AuroraXEngine
from auroraql.engines.aurorax import run as run_module
from auroraql.engines.aurorax.http_client import MAX_TRIES
from auroraql.engines.aurorax.records import unite_records
from auroraql.engines.base import Engine, SubmissionInterrupted
from auroraql.ir.plan import Expression, FilterGroup, Plan, Request
from auroraql.ir.query import Query, Tree
from auroraql.schema.catalogue import load_shipped
from auroraql.schema.operators import Op
from tests.support.aurorax_matching import StepName, apply_format
from tests.support.aurorax_server import RECORDS, SOURCES, AuroraXServer, Fault

KEY = "k3y/\"wh'é<b>x"
Connect = Callable[..., AuroraXEngine]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AuroraXServer]:
    monkeypatch.setenv("NO_PROXY", "*")
    with AuroraXServer(RECORDS, SOURCES) as running:
        yield running


@pytest.fixture
def pauses() -> list[float]:
    """Record the pauses that an engine from `connect` would make."""
    return []


@pytest.fixture
def connect(server: AuroraXServer, pauses: list[float]) -> Iterator[Connect]:
    engines: list[AuroraXEngine] = []

    def opened(url: str = server.url, **options: Any) -> AuroraXEngine:
        engines.append(AuroraXEngine(url, **{"pause": pauses.append, **options}))
        return engines[-1]

    yield opened
    server.faults.clear()
    for engine in engines:
        engine.close()


def make_request(*programs: str, response_format: Tree | None = None, **filters: str) -> Request:
    expressions = tuple(Expression(key, Op.EQ, (value,)) for key, value in filters.items())
    lists = (("program", programs),) if programs else ()
    return Request("data_products", lists, FilterGroup(expressions), response_format=response_format)


def plan_of(*requests: Request) -> Plan:
    return Plan(Query("data_products"), requests)


PLAN = plan_of(make_request("trex"))
FOUND = [record for record in RECORDS if record["data_source"]["program"] == "trex"]


def fetch(engine: AuroraXEngine, plan: Plan = PLAN, seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds
    run = engine.submit(plan)
    run.wait(deadline)
    return run.fetch(deadline).records


# Searching


def test_finds_records(server: AuroraXServer, connect: Connect, pauses: list[float]) -> None:
    server.polls = 3
    engine: Engine = connect(api_key="secret", name="aurorax")
    run = engine.submit(PLAN)
    status = run.wait(time.monotonic() + 20)
    assert (status.done, status.result_count, run.request_ids) == (True, 3, tuple(server.searches))
    assert status.logs[-1].summary.endswith("found 3 records.")
    assert run.fetch(time.monotonic() + 20).records == FOUND
    assert [call.step for call in server.calls] == ["submit", *["status"] * 4, "data"]
    assert len(pauses) == 3
    assert {call.headers["x-aurorax-api-key"] for call in server.calls} == {"secret"}
    assert all(call.headers["user-agent"].startswith("auroraql/") for call in server.calls)
    assert engine.catalogue() is load_shipped()
    assert (engine.name, engine.capabilities.whole_query) == ("aurorax", False)


def test_poll_interval_grows(server: AuroraXServer, connect: Connect, pauses: list[float]) -> None:
    server.polls = 40
    fetch(connect())
    assert 0.08 <= pauses[0] <= 0.12
    assert max(pauses) <= 3
    assert all(2 <= late <= 3 for late in pauses[30:])
    for at in range(1, len(pauses)):
        assert pauses[at] <= max(0.08, 0.3 * sum(pauses[:at])), "what is done is noticed soon, as it took so long"


def test_reuses_one_connection(server: AuroraXServer, connect: Connect) -> None:
    engine = connect()
    for _ in range(3):
        fetch(engine)
    assert server.connections == 1
    assert "x-aurorax-api-key" not in server.calls[0].headers


@pytest.mark.parametrize("ending", ["", "/", "/api/v1", "/api/v1/"])
def test_the_address_can_have_a_prefix(connect: Connect, ending: str) -> None:
    with AuroraXServer(RECORDS, prefix="/search/engine") as behind:
        assert fetch(connect(behind.url + ending)) == FOUND
        # Only the proxy in front knows the prefix: the service names itself without it.
        behind.faults["submit"] = Fault(headers={"Location": "/api/v1/data_products/requests/unknown"})
        with pytest.raises(Refused, match="404 not found"):
            fetch(connect(behind.url + ending))
        assert behind.calls[-1].path == "/search/engine/api/v1/data_products/requests/unknown"


def test_accepts_a_plain_array_and_unknown_fields(server: AuroraXServer, connect: Connect) -> None:
    server.faults["data"] = Fault(change=lambda document: [{**record, "new": 1} for record in document["result"]])
    assert fetch(connect()) == [{**item, "new": 1} for item in FOUND]


def test_sends_the_response_format(server: AuroraXServer, connect: Connect) -> None:
    tree: Tree = {"start": True, "data_source": {"program": True}}
    assert fetch(connect(), plan_of(make_request("trex", response_format=tree))) == apply_format(FOUND, tree)
    assert (server.calls[-1].method, server.calls[-1].body) == ("POST", tree)


@pytest.mark.parametrize("tree", [None, {"data_product_type": True}, {"data_source": {"program": True}, "url": True}])
def test_records_found_by_several_requests_are_merged(
    server: AuroraXServer, connect: Connect, tree: Tree | None
) -> None:
    server.records.append(server.records[0])  # a duplicate of another record
    requests = (make_request("trex", response_format=tree), make_request(keogram_type="daily", response_format=tree))
    expected = [*FOUND, RECORDS[0], RECORDS[4]]
    records = fetch(connect(), plan_of(*requests))
    assert records == (expected if tree is None else apply_format(expected, tree))


@given(st.lists(st.sampled_from(RECORDS), max_size=8), st.lists(st.sets(st.integers(0, 4)), min_size=2, max_size=4))
@settings(max_examples=50)
def test_union_is_exact(archive: list[Any], requests: list[set[int]]) -> None:
    batches = [[item for item in archive if RECORDS.index(item) in some] for some in requests]
    exact = [item for item in archive if any(RECORDS.index(item) in some for some in requests)]
    assert Counter(map(str, unite_records(batches, "data_products"))) == Counter(map(str, exact))


def test_a_plan_without_requests_sends_nothing(server: AuroraXServer, connect: Connect) -> None:
    assert fetch(connect(), plan_of()) == []
    assert server.calls == []


# Retries


@pytest.mark.parametrize("step", ["status", "data"])
@pytest.mark.parametrize(
    "fault", [*(Fault(status=code) for code in (429, 500, 502, 503, 504)), Fault(drop="before"), Fault(drop="within")]
)
def test_retries_idempotent_requests(server: AuroraXServer, connect: Connect, step: StepName, fault: Fault) -> None:
    fault.times = MAX_TRIES - 1
    server.faults[step] = fault
    assert fetch(connect()) == FOUND
    assert (server.count("submit"), server.count(step)) == (1, MAX_TRIES)


@pytest.mark.parametrize("fault", [Fault(drop="before", times=1), Fault(status=503, times=1), Fault(hang=9, times=1)])
def test_submits_once(server: AuroraXServer, connect: Connect, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "_SUBMIT_SECONDS", 0.3)
    server.faults["submit"] = fault
    with pytest.raises((Unreachable, TimedOut)):
        fetch(connect())
    assert server.count("submit") == 1


def test_submits_again_after_a_refusal(server: AuroraXServer, connect: Connect, pauses: list[float]) -> None:
    server.faults["submit"] = Fault(status=429, headers={"Retry-After": "3"}, times=1)
    assert fetch(connect()) == FOUND
    assert pauses == [3]


def test_obeys_retry_after(server: AuroraXServer, connect: Connect, pauses: list[float]) -> None:
    server.faults["status"] = Fault(status=429, headers={"Retry-After": "7"}, times=1)
    assert fetch(connect()) == FOUND
    assert pauses == [7]
    server.faults["data"] = Fault(status=429, headers={"Retry-After": "3600"})
    with pytest.raises(Refused, match="429 too many requests") as caught:
        fetch(connect())
    assert caught.value.hint == "try again after 3600 s"
    assert pauses == [7]


def test_connection_refused(server: AuroraXServer, connect: Connect, pauses: list[float]) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        engine = connect(f"http://127.0.0.1:{bound.getsockname()[1]}", name="mine")
        with pytest.raises(Unreachable, match="archive 'mine' cannot be reached: connection refused"):
            engine.submit(PLAN)
    assert len(pauses) == MAX_TRIES - 1


def test_unknown_host_name(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Unreachable, match="its host name is unknown"):
        connect("http://aurorax.example").submit(PLAN)


def test_tls_failure(server: AuroraXServer, connect: Connect) -> None:
    with pytest.raises(Unreachable, match="TLS"):
        connect(server.url.replace("http:", "https:")).submit(PLAN)


# Deadlines and cancellation


@pytest.mark.parametrize("step", ["submit", "status", "data", "cancel"])
@pytest.mark.parametrize(
    "fault", [Fault(hang=30), Fault(trickle=0.05), Fault(trickle=0.05, trickled="head")], ids=["hang", "body", "head"]
)
def test_stops_at_the_deadline(
    server: AuroraXServer, connect: Connect, step: StepName, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "_SUBMIT_SECONDS", 0.3 if step == "submit" else 60)
    monkeypatch.setattr(run_module, "_CANCEL_SECONDS", 0.3)
    fault = replace(fault, body=b" " * 10_000)
    server.faults[step] = fault
    server.never = step == "cancel"
    began = time.monotonic()
    with pytest.raises(TimedOut) as caught:
        fetch(connect(pause=time.sleep), seconds=0.8)
    assert time.monotonic() - began < 5
    assert "increase the timeout" in caught.value.hint
    assert caught.value.request_id == ("" if step == "submit" else next(iter(server.searches)))
    assert server.count("cancel") == (step in ("status", "cancel"))


def test_a_deadline_cancels_unfinished_searches(server: AuroraXServer, connect: Connect) -> None:
    server.never = True
    run = connect(pause=time.sleep).submit(plan_of(make_request("trex"), make_request("rainbow")))
    with pytest.raises(TimedOut, match=r"took too long: no result within \d\.\d s, and the search was cancelled"):
        run.wait(time.monotonic() + 1.5)
    assert all(search.cancelled for search in server.searches.values())
    with pytest.raises(Cancelled):
        run.fetch(time.monotonic() + 1)


def test_sends_nothing_after_the_deadline(server: AuroraXServer, connect: Connect) -> None:
    run = connect().submit(PLAN)
    with pytest.raises(TimedOut):
        run.wait(time.monotonic() - 1)
    assert [call.step for call in server.calls] == ["submit", "cancel"]


def test_ctrl_c_cancels(server: AuroraXServer, connect: Connect) -> None:
    def stop(_: float) -> None:
        raise KeyboardInterrupt

    server.never = True
    run = connect(pause=stop).submit(PLAN)
    with pytest.raises(KeyboardInterrupt):
        run.wait(time.monotonic() + 20)
    assert [search.cancelled for search in server.searches.values()] == [True]


@pytest.mark.parametrize("step", ["submit", "status"])
def test_ctrl_c_during_a_call_cancels(server: AuroraXServer, connect: Connect, step: StepName) -> None:
    server.never = True
    server.faults[step] = Fault(hang=0.4)
    timer = threading.Timer(0.1, _thread.interrupt_main)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt) as stopped:
            fetch(connect())
    finally:
        timer.join()
    if isinstance(stopped.value, SubmissionInterrupted):  # the caller that catches it cancels
        stopped.value.run.cancel()
    assert [search.cancelled for search in server.searches.values()] == [True]


def test_cancel_ends_a_run_once(server: AuroraXServer, connect: Connect) -> None:
    server.never = True
    run = connect().submit(PLAN)
    assert not run.status().done
    run.cancel()
    run.cancel()
    assert server.count("cancel") == 1
    for step in (run.status, lambda: run.wait(time.monotonic() + 1), lambda: run.fetch(time.monotonic() + 1)):
        with pytest.raises(Cancelled, match="it was cancelled before it finished") as caught:
            step()
        assert caught.value.request_id == run.request_ids[0]


def test_cancelling_a_finished_or_deleted_search_is_silent(server: AuroraXServer, connect: Connect) -> None:
    done, gone = connect().submit(PLAN), connect().submit(PLAN)
    done.wait(time.monotonic() + 20)
    done.cancel()
    assert server.count("cancel") == 0
    server.searches.clear()
    gone.cancel()
    assert server.count("cancel") == 1


def test_a_failed_submission_cancels_the_others(server: AuroraXServer, connect: Connect) -> None:
    def full(document: Any) -> Any:
        return document if len(server.searches) < 3 else server.faults["submit"].__setattr__("status", 403)

    server.faults["submit"] = Fault(change=full)
    with pytest.raises(Refused, match="403"):
        connect().submit(plan_of(*[make_request(name) for name in ("trex", "rainbow", "themis-asi", "rego")]))
    cancelled = [search.cancelled for search in server.searches.values()]
    assert cancelled[:2] == [True, True]
    assert not any(cancelled[2:])


def test_close_cancels_running_searches(server: AuroraXServer, connect: Connect) -> None:
    engine = connect()
    engine.submit(PLAN).wait(time.monotonic() + 20)
    server.never = True
    engine.submit(PLAN)
    engine.close()
    engine.close()
    assert [search.cancelled for search in server.searches.values()] == [False, True]
    with pytest.raises(UsageError, match="closed"):
        engine.submit(PLAN)


def test_sources_are_requested_once_and_only_when_needed() -> None:
    with AuroraXServer(RECORDS, SOURCES) as server, auroraql.connect(server.url) as archive:
        archive.run("FIND data_products WHERE program = 'trex'")
        assert server.count("sources") == 0
        for _ in range(2):
            archive.run("FIND data_products WHERE NOT program = 'trex'")
        assert server.count("sources") == 1


@pytest.mark.parametrize(
    "sources", [{"no": "list"}, [{"identifier": 1}], [{**SOURCES[0], "identifier": "one"}], [5], "text"]
)
def test_sources_of_an_unexpected_shape_are_an_error(sources: Any) -> None:
    with AuroraXServer(RECORDS, SOURCES) as server, auroraql.connect(server.url) as archive:
        server.faults["sources"] = Fault(body=json.dumps(sources).encode())
        with pytest.raises(Failed, match="data source"):
            archive.run("FIND data_products WHERE NOT program = 'trex'")
