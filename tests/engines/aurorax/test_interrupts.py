"""Tests of Ctrl-C and deadlines in every step: the search is cancelled, and no thread or connection stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime

import pytest

import auroraql
from auroraql.diagnostics.errors import Cancelled, TimedOut
from auroraql.engines.aurorax import AuroraXEngine
from auroraql.engines.aurorax import run as run_module
from auroraql.ir.plan import Plan, Request
from auroraql.ir.query import Query
from tests.support.aurorax_matching import StepName
from tests.support.aurorax_server import RECORDS, SOURCES, AuroraXServer, Fault

START, END = datetime(2020, 2, 1), datetime(2020, 2, 29)
SOON_SECONDS = 0.1
"""Seconds within which the prompt returns when no search needs cancelling."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AuroraXServer]:
    monkeypatch.setenv("NO_PROXY", "*")
    with AuroraXServer(RECORDS, SOURCES) as running:
        running.synchronous = True
        yield running


@pytest.fixture
def engine(server: AuroraXServer) -> Iterator[AuroraXEngine]:
    archive = AuroraXEngine(server.url)
    yield archive
    server.faults.clear()
    archive.close()


def plan_of(*programs: str) -> Plan:
    requests = tuple(Request("data_products", (("program", (program,)),), start=START, end=END) for program in programs)
    return Plan(Query("data_products"), requests)


def count_exchanges() -> int:
    """Return the number of threads that wait for a response."""
    return sum(item.name in ("auroraql-http", "auroraql-request") for item in threading.enumerate())


def wait_until(holds: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


@contextmanager
def interrupt_at(server: AuroraXServer, step: StepName) -> Iterator[list[float]]:
    """Send Ctrl-C when the step has arrived. The list receives the seconds from then until the block ended."""
    took: list[float] = []
    times: list[float] = []

    def interrupt() -> None:
        wait_until(lambda: server.count(step))
        time.sleep(0.05)
        times.append(time.monotonic())
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            yield took
    finally:
        took.append(time.monotonic() - times[0])
        thread.join()


@pytest.mark.parametrize("programs", [("trex",), ("trex", "rainbow", "themis-asi")])
def test_a_synchronous_search_is_dropped_immediately(
    server: AuroraXServer, engine: AuroraXEngine, programs: tuple[str, ...]
) -> None:
    server.seconds = 30
    with interrupt_at(server, "at_once") as took:
        engine.submit(plan_of(*programs), awaited=True).fetch(time.monotonic() + 60)
    assert took[0] < SOON_SECONDS
    wait_until(lambda: not count_exchanges(), 1)
    assert server.count("submit") == server.count("cancel") == 0


@pytest.mark.parametrize("programs", [("trex",), ("trex", "rainbow", "themis-asi")])
@pytest.mark.parametrize(("step", "hang"), [("submit", 0.3), ("status", 30), ("status", 0)])
def test_an_asynchronous_search_is_cancelled(
    server: AuroraXServer, engine: AuroraXEngine, step: StepName, hang: float, programs: tuple[str, ...]
) -> None:
    server.never, server.synchronous = True, False
    server.faults[step] = Fault(hang=hang)
    with interrupt_at(server, step) as took:
        engine.submit(plan_of(*programs), awaited=True).fetch(time.monotonic() + 60)
    assert took[0] < (1.5 if step == "submit" else 0.5)
    assert len(server.searches) == len(programs)
    assert all(search.cancelled for search in server.searches.values())
    wait_until(lambda: not count_exchanges(), 1)


def test_a_submission_that_is_accepted_after_the_cancellation_is_cancelled(
    server: AuroraXServer, engine: AuroraXEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The id arrives after the cancellation has stopped waiting for it."""
    monkeypatch.setattr(run_module, "_GRACE_SECONDS", 0.05)
    server.never, server.synchronous = True, False
    server.faults["submit"] = Fault(hang=0.6)
    run = engine.submit(plan_of("trex"), awaited=True)
    outcomes: list[BaseException] = []

    def wait() -> None:
        try:
            run.wait(time.monotonic() + 20)
        except Cancelled as error:
            outcomes.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    wait_until(lambda: server.count("submit"))
    run.cancel()
    assert run.request_ids == ()
    assert server.count("cancel") == 0
    thread.join(10)
    assert len(outcomes) == 1
    assert [search.cancelled for search in server.searches.values()] == [True]


@pytest.mark.parametrize("programs", [("trex",), ("trex", "rainbow", "themis-asi")])
@pytest.mark.parametrize("fault", [Fault(hang=30), Fault(trickle=0.05, body=b" " * 5000)], ids=["hang", "body"])
def test_a_download_is_dropped_immediately(
    server: AuroraXServer, engine: AuroraXEngine, fault: Fault, programs: tuple[str, ...]
) -> None:
    server.synchronous = False
    server.faults["data"] = fault
    run = engine.submit(plan_of(*programs))
    run.wait(time.monotonic() + 20)
    with interrupt_at(server, "data") as took:
        run.fetch(time.monotonic() + 60)
    assert took[0] < SOON_SECONDS
    wait_until(lambda: not count_exchanges(), 1)
    assert server.count("cancel") == 0, "it is done"
    server.faults.clear()
    assert len(run.fetch(time.monotonic() + 20).records or ()) > 0, "and may be fetched once more"


@pytest.mark.parametrize("step", ["at_once", "data"])
def test_a_statement_is_dropped_immediately(server: AuroraXServer, step: StepName) -> None:
    """Interrupt a statement of a session, whose searches are awaited on another thread."""
    server.synchronous = step == "at_once"
    server.faults[step] = Fault(hang=30)
    with auroraql.connect(server.url) as archive:
        with interrupt_at(server, step) as took:
            archive.run("FIND data_products WHERE program = 'trex' ON 2020-02-01")
        assert took[0] < 2 * SOON_SECONDS
        wait_until(lambda: not count_exchanges(), 1)
        server.faults.clear()
        assert len(archive.run("FIND data_products WHERE program = 'trex' ON 2020-02-01")) == 2
    assert server.count("at_once") == (2 if step == "at_once" else 0), "that is no reason to ask in another way"


@pytest.mark.parametrize("step", ["sources", "availability"])
def test_requests_other_than_searches_are_dropped_immediately(
    server: AuroraXServer, engine: AuroraXEngine, step: StepName
) -> None:
    server.faults[step] = Fault(hang=30)
    with interrupt_at(server, step) as took:
        if step == "sources":
            engine.sources()
        engine.availability("data_products", date(2020, 2, 1), date(2020, 2, 2), {}, time.monotonic() + 60)
    assert took[0] < SOON_SECONDS
    wait_until(lambda: not count_exchanges(), 1)


def test_a_cancellation_without_a_response_is_awaited_once(
    server: AuroraXServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "_CANCEL_SECONDS", 0.5)
    server.never, server.synchronous = True, False
    server.faults["cancel"] = Fault(hang=30)
    with interrupt_at(server, "status") as took, auroraql.connect(server.url) as archive:
        archive.run("FIND data_products WHERE program = 'trex' ON 2020-02-01")
    assert 0.4 < took[0] < 1.2
    assert server.count("cancel") == 1


def test_the_deadline_error_says_whether_the_search_was_cancelled(
    server: AuroraXServer, engine: AuroraXEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "_CANCEL_SECONDS", 0.3)
    server.never, server.synchronous = True, False
    with pytest.raises(TimedOut, match=r"no result within 0\.\d s, and the search was cancelled"):
        engine.submit(plan_of("trex")).fetch(time.monotonic() + 0.3)
    server.faults["cancel"] = Fault(status=403)
    with pytest.raises(
        TimedOut, match=r"(?s)and the search may still be running.*could not be cancelled: 403 not permitted"
    ) as caught:
        engine.submit(plan_of("trex")).fetch(time.monotonic() + 0.3)
    assert caught.value.request_id in server.searches


def test_a_cancelled_search_stays_cancelled(server: AuroraXServer, engine: AuroraXEngine) -> None:
    server.seconds = 30
    run = engine.submit(plan_of("trex"), awaited=True)
    with interrupt_at(server, "at_once"):
        run.fetch(time.monotonic() + 60)
    with pytest.raises(Cancelled):
        run.fetch(time.monotonic() + 1)


# The whole program


def start_program(url: str, *options: str, before: str = "") -> subprocess.Popen[str]:
    """Start the program with a search in a separate process."""
    statement = f"{before} FIND data_products WHERE program = 'trex' ON 2020-02-01"
    command = [sys.executable, "-m", "auroraql", "-a", url, *options, "-c", statement]
    environment = {**os.environ, "NO_PROXY": "*"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


@pytest.mark.parametrize("synchronous", [True, False])
def test_ctrl_c_ends_the_program(server: AuroraXServer, synchronous: bool) -> None:
    server.synchronous, server.never, server.seconds = synchronous, True, 60
    with start_program(server.url) as running:
        wait_until(lambda: server.count("at_once" if synchronous else "status"), 30)
        began = time.monotonic()
        running.send_signal(signal.SIGINT)
        out, messages = running.communicate(timeout=20)
    assert time.monotonic() - began < 3
    assert (running.returncode, out) == (130, "")
    assert messages.strip().endswith("interrupted")
    assert "Traceback" not in messages
    assert [search.cancelled for search in server.searches.values()] == ([] if synchronous else [True])


def test_a_second_ctrl_c_ends_the_program_immediately(server: AuroraXServer) -> None:
    server.synchronous, server.never = False, True
    server.faults["cancel"] = Fault(hang=60)
    with start_program(server.url) as running:
        wait_until(lambda: server.count("status"), 30)
        running.send_signal(signal.SIGINT)
        wait_until(lambda: server.count("cancel"))
        began = time.monotonic()
        running.send_signal(signal.SIGINT)
        _, messages = running.communicate(timeout=20)
    assert time.monotonic() - began < 2
    assert running.returncode == 130
    assert "Traceback" not in messages
    (request_id,) = server.searches
    assert f"FETCH '{request_id}';" in messages
    assert messages.splitlines()[-1] == "interrupted"


def test_a_second_ctrl_c_also_lists_submitted_searches(server: AuroraXServer) -> None:
    server.synchronous, server.never = False, True
    server.faults["cancel"] = Fault(hang=60)
    with start_program(
        server.url, before="SUBMIT s = FIND ephemeris WHERE program = 'swarm' ON 2020-01-01;"
    ) as running:
        wait_until(lambda: len(server.searches) == 2 and server.count("status") > 2, 30)
        running.send_signal(signal.SIGINT)
        wait_until(lambda: server.count("cancel"))
        running.send_signal(signal.SIGINT)
        _, messages = running.communicate(timeout=20)
    assert running.returncode == 130
    assert [f"FETCH '{request_id}';" in messages for request_id in server.searches] == [True, True]
    assert server.count("cancel") == 1


def test_searches_that_cannot_be_cancelled_are_listed(server: AuroraXServer) -> None:
    server.synchronous, server.never = False, True
    server.faults["cancel"] = Fault(status=403)
    with start_program(server.url) as running:
        wait_until(lambda: server.count("status"), 30)
        running.send_signal(signal.SIGINT)
        _, messages = running.communicate(timeout=20)
    (request_id,) = server.searches
    assert (running.returncode, f"FETCH '{request_id}';" in messages) == (130, True)


def test_the_deadline_ends_the_program(server: AuroraXServer) -> None:
    server.synchronous, server.never = False, True
    with start_program(server.url, "--timeout", "1") as running:
        _, messages = running.communicate(timeout=30)
    assert running.returncode == 4
    assert "and the search was cancelled" in messages
    assert [search.cancelled for search in server.searches.values()] == [True]


def test_the_deadline_applies_to_the_request_for_sources(server: AuroraXServer) -> None:
    """The sources are requested while the statement is planned."""
    server.faults["sources"] = Fault(hang=60)
    with auroraql.connect(server.url, timeout=0.5) as archive:
        for statement in ("FIND data_products WHERE NOT program = 'trex'", "SHOW SOURCES", "SHOW SOURCES REFRESH"):
            began = time.monotonic()
            with pytest.raises(TimedOut):
                archive.run(statement)
            assert time.monotonic() - began < 2


def test_an_interrupted_retry_pause_ends_the_retries(server: AuroraXServer) -> None:
    server.faults["at_once"] = Fault(status=429, headers={"Retry-After": "1"}, times=1)
    with auroraql.connect(server.url) as archive:
        with interrupt_at(server, "at_once"):
            archive.run("FIND data_products WHERE program = 'trex' ON 2020-02-01")
        time.sleep(1.2)
    assert [call.step for call in server.calls] == ["at_once"]
