"""Tests of jobs: they run in the background, a few are polled at a time, and they can be detached and fetched later."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

import auroraql
from auroraql import Archive, Cancelled, Failed, Refused, Search, TimedOut
from auroraql.engines.aurorax.run import AuroraXRun
from auroraql.engines.base import Progress
from auroraql.engines.registry import open_lazily
from auroraql.frontends.shared.exit_summary import exit_summary
from auroraql.session.jobs import MAX_WORKERS, JobPoller
from tests.support.aurorax_server import RECORDS, SOURCES, AuroraXServer, Fault
from tests.support.command_line import command
from tests.support.in_flight import ALL, Held, block_searches, interrupt_when, wait_until


@pytest.fixture
def server() -> Iterator[AuroraXServer]:
    with AuroraXServer(RECORDS, SOURCES) as running:
        yield running


@pytest.fixture
def service(server: AuroraXServer) -> Iterator[Archive]:
    with auroraql.connect(server.url, timeout=30) as archive:
        yield archive


@pytest.fixture
def demo() -> Iterator[Archive]:
    with auroraql.connect() as archive:
        yield archive


@pytest.fixture
def blocked() -> Iterator[Held]:
    with block_searches() as blocked:
        yield blocked


# --- polling


class PolledJob:
    """A job that finishes after a number of polls and records how many jobs are polled concurrently."""

    together = most = 0
    lock = threading.Lock()

    def __init__(self, looks: int) -> None:
        self.left = looks

    def poll(self) -> float | None:
        with PolledJob.lock:
            PolledJob.together += 1
            PolledJob.most = max(PolledJob.most, PolledJob.together)
        time.sleep(0.005)
        with PolledJob.lock:
            PolledJob.together -= 1
        self.left -= 1
        return 0.001 if self.left else None


def test_a_few_jobs_are_polled_concurrently_and_each_end_is_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auroraql.session.jobs.MAX_IMMEDIATE_POLLS", 10_000)
    PolledJob.together = PolledJob.most = 0
    ended: list[PolledJob] = []
    watching = JobPoller(ended.append)
    every = [PolledJob(3) for _ in range(40)]
    for item in every:
        watching.add(item)
    wait_until(lambda: len(ended) == 40)
    assert 1 < PolledJob.most <= MAX_WORKERS
    assert set(ended) == set(every)
    wait_until(lambda: "auroraql-watching" not in {element.name for element in threading.enumerate()})


def test_an_error_in_a_callback_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: raised.append(args.exc_type))
    ended: list[PolledJob] = []

    def tell(search: PolledJob) -> None:
        ended.append(search)
        raise ZeroDivisionError

    watching = JobPoller(tell)
    for _ in range(3 * MAX_WORKERS):
        watching.add(PolledJob(1))
    wait_until(lambda: len(ended) == 3 * MAX_WORKERS)
    watching.add(PolledJob(1))
    wait_until(lambda: len(ended) == 3 * MAX_WORKERS + 1)
    wait_until(lambda: len(raised) == len(ended))
    assert set(raised) == {ZeroDivisionError}


def test_an_internal_error_ends_one_search_only(service: Archive, server: AuroraXServer) -> None:
    messages: list[str] = []
    service.on_end(lambda search: messages.append(f"{search.name} {search.state} {search.line}"))
    with patch.object(AuroraXRun, "status", side_effect=KeyError("what")):
        service.run(f"SUBMIT a = {ALL}")
        wait_until(lambda: messages)
    service.run(f"SUBMIT b = {ALL}")
    wait_until(lambda: len(messages) == 2)
    assert messages == ["a failed KeyError: 'what'", f"b done {service.submitted['b'].line}"]
    assert len(service.run("FETCH a")) == 5


def test_a_hanging_poll_delays_others_only_briefly() -> None:
    class Hanging(PolledJob):
        def poll(self) -> float | None:
            go.wait(20)
            return None

    go = threading.Event()
    watching = JobPoller[Hanging](lambda _search: None)
    watching.add(Hanging(1))
    began = time.monotonic()
    watching.poll_all(0.1)
    assert 0.1 <= time.monotonic() - began < 5
    go.set()


def test_searches_end_in_the_background_and_are_reported(server: AuroraXServer, service: Archive) -> None:
    messages: list[tuple[str, str, int | None]] = []
    service.on_end(lambda search: messages.append((search.name, search.state, search.result_count)))
    server.polls = 2
    for name in ("a", "b", "c"):
        service.run(f"SUBMIT {name} = FIND data_products WHERE program = 'trex' DURING 2020-02")
    wait_until(lambda: len(messages) == 3)
    assert sorted(messages) == [("a", "done", 3), ("b", "done", 3), ("c", "done", 3)]
    server.error = "the cluster is on fire"
    service.run(f"SUBMIT d = {ALL}")
    wait_until(lambda: len(messages) == 4)
    assert messages[-1] == ("d", "failed", None)
    failed = service.submitted["d"]
    assert failed.error is not None
    assert failed.error.log[-1].endswith("error: the cluster is on fire")
    with pytest.raises(Failed, match="on fire"):
        service.run("FETCH d")


def test_an_awaited_search_is_not_reported(server: AuroraXServer, service: Archive) -> None:
    messages: list[Search] = []
    service.on_end(messages.append)
    server.seconds = 0.3
    service.run(f"SUBMIT a = {ALL}")
    assert len(service.run("FETCH a")) == 5
    service.run(f"SUBMIT b = {ALL}")
    service.run("CANCEL b")
    wait_until(lambda: all(item.is_over for item in service.submitted.values()))
    time.sleep(0.3)
    assert messages == []


def test_status_of_searches_has_their_addresses(server: AuroraXServer, service: Archive) -> None:
    server.never = True
    service.run(f"SUBMIT a = {ALL}")
    wait_until(lambda: service.submitted["a"].line)
    shown = dict(
        zip((c.name for c in service.run("SHOW SEARCHES").columns), service.run("SHOW SEARCHES").rows[0], strict=True)
    )
    (request_id,) = server.searches
    assert (shown["name"], shown["status"], shown["result_count"]) == ("a", "running", None)
    assert shown["request_ids"] == request_id
    assert shown["request_urls"] == f"{server.url}/api/v1/data_products/requests/{request_id}"
    assert shown["log"] == f"Starting query for {request_id}"
    assert 0 <= shown["elapsed"] < 30
    assert [column.unit for column in service.run("SHOW SEARCHES").columns if column.name == "elapsed"] == ["s"]


def test_an_unavailable_service_is_polled_again(
    server: AuroraXServer, service: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auroraql.session.jobs._MAX_POLL_SECONDS", 0.05)
    server.never = True
    server.faults["status"] = Fault(status=503, times=8)
    service.run(f"SUBMIT a = {ALL}")
    wait_until(lambda: "unavailable" in service.submitted["a"].line)
    assert service.submitted["a"].state == "unreachable"
    wait_until(lambda: service.submitted["a"].line.startswith("Starting query"))
    server.never = False
    wait_until(lambda: service.submitted["a"].state == "done")


def test_an_embedded_archive_runs_jobs_in_the_background(demo: Archive) -> None:
    for number in range(6):
        demo.run(f"SUBMIT day{number} = FIND data_products WHERE program = 'trex' ON 2021-01-0{number + 1}")
    unnamed = demo.submit("FIND data_products WHERE program = 'trex' ON 2021-01-01")
    wait_until(lambda: all(item.state == "done" for item in (*demo.submitted.values(), unnamed)))
    counts = [item.result_count for item in demo.submitted.values()]
    assert counts == [len(demo.run(f"FETCH day{number}")) for number in range(6)]
    assert demo.run("SHOW SEARCHES SELECT request_urls").rows == [(None,)] * 6


def test_a_lazy_archive_treats_jobs_as_an_open_one(demo: Archive) -> None:
    """Whether its jobs run only when awaited is known before it opens."""
    late = open_lazily("demo", None, lambda _line: None)
    try:
        assert late.capabilities == demo._engine.capabilities
        assert late.capabilities.runs_when_awaited
    finally:
        late.close()


def test_a_second_fetch_has_its_own_deadline(demo: Archive, blocked: Held) -> None:
    demo.run("SUBMIT a = FIND data_products ON 2021-01-01")
    wait_until(lambda: blocked.begun)
    demo.run("SET timeout = 0.2")
    with pytest.raises(TimedOut, match="was cancelled"):
        demo.run("FETCH a")
    wait_until(lambda: demo.submitted["a"].state == "cancelled")
    assert not blocked.go.is_set()


# --- cancelled, detached, fetched later


def test_ctrl_c_is_handled_immediately_or_by_a_front_end(server: AuroraXServer, service: Archive) -> None:
    server.never = True
    server.faults["cancel"] = Fault(hang=5)
    taken: list[Search] = []
    service.on_interrupt(taken.append)
    pressed: list[float] = []

    def waited_for() -> bool:
        pressed[:] = [time.monotonic()]
        return server.count("status") > 0

    with interrupt_when(waited_for), pytest.raises(KeyboardInterrupt):
        service.run(ALL)
    assert time.monotonic() - pressed[0] < 1
    assert [search.request_ids for search in taken] == [tuple(server.searches)]
    assert server.count("cancel") == 0
    server.faults.clear()


def test_ctrl_c_cancels_without_a_front_end(server: AuroraXServer, service: Archive, blocked: Held) -> None:
    server.never = True
    with interrupt_when(lambda: server.count("status") > 0), pytest.raises(KeyboardInterrupt):
        service.run(ALL)
    assert [search.cancelled for search in server.searches.values()] == [True]
    server.calls.clear()
    service.run(f"SUBMIT a = {ALL}")
    with interrupt_when(lambda: server.count("status") > 2), pytest.raises(KeyboardInterrupt):
        service.run("FETCH a")
    assert service.submitted["a"].state == "cancelled"
    with auroraql.connect() as demo, interrupt_when(lambda: blocked.begun), pytest.raises(KeyboardInterrupt):
        demo.run("FIND data_products ON 2021-01-01")
    assert not blocked.go.is_set()


def test_a_search_that_could_not_be_cancelled_continues(server: AuroraXServer, service: Archive) -> None:
    server.never = True
    server.faults["cancel"] = Fault(status=403, body=b"{}", times=1)
    taken: list[Search] = []
    service.on_interrupt(taken.append)
    with interrupt_when(lambda: server.count("status") > 0), pytest.raises(KeyboardInterrupt):
        service.run(f"LET c = {ALL}")
    (search,) = taken
    with pytest.raises(auroraql.Refused):
        search.cancel()
    server.searches[search.request_ids[0]].cancelled = False  # as the message said
    assert service.keep(search) == service.keep(search) == "c"
    assert service.run("SHOW SEARCHES SELECT name, status").rows == [("c", "running")]
    messages: list[Search] = []
    service.on_end(messages.append)
    server.never = False
    wait_until(lambda: messages == [search])
    assert len(service.run("FETCH c")) == 5
    assert len(service.run("FIND c WHERE platform = 'gillam'")) == 4


def test_a_stored_search_needs_a_new_name(server: AuroraXServer, service: Archive) -> None:
    server.never = True
    taken: list[Search] = []
    service.on_interrupt(taken.append)
    service.run(f"SUBMIT s1 = {ALL}")
    for text in (ALL, f"FIND data_products WHERE program IN ({ALL} AND program = 'trex' SELECT program) ON 2020-02-01"):
        server.calls.clear()
        with (
            interrupt_when(lambda: server.count("submit") and server.count("status") > 2),
            pytest.raises(KeyboardInterrupt),
        ):
            service.run(text.replace("DURING 2020-02 AND program = 'trex'", "WHERE program = 'trex' DURING 2020-02"))
        service.keep(taken[-1])
    assert list(service.submitted) == ["s1", "s2", "s3"]
    server.never = False
    assert len(service.run("FETCH s2")) == 5
    assert len(service.run("FETCH s3")) == 3
    assert len(service.run("FIND s3")) == 3


def test_cancelling_a_finished_search_does_nothing(service: Archive, server: AuroraXServer) -> None:
    service.run(f"SUBMIT a = {ALL}")
    wait_until(lambda: service.submitted["a"].state == "done")
    assert service.run("CANCEL a").note == "a is done"
    assert server.count("cancel") == 0


def test_a_cancelled_search_of_an_embedded_archive(demo: Archive, blocked: Held) -> None:
    for number in range(6):
        demo.run(f"SUBMIT s{number} = FIND data_products ON 2021-01-01")
    assert demo.run("CANCEL s5").note == "s5 is cancelled"
    with pytest.raises(Cancelled):
        demo.run("FETCH s5")
    blocked.go.set()
    assert len(demo.run("FETCH s4")) == len(demo.run("FETCH s0")) > 0


# --- the end of a session


def test_detached_searches_continue_and_the_others_are_cancelled(server: AuroraXServer) -> None:
    server.never = True
    with auroraql.connect(server.url) as archive:
        archive.run(f"SUBMIT a = {ALL}")
        lines = list(exit_summary(archive))
        archive.run(f"SUBMIT b = {ALL}")
    first, second = server.searches
    assert lines == [f"a continues at {server.url}, and can be fetched there later:", f"  FETCH '{first}';"]
    assert [server.searches[item].cancelled for item in (first, second)] == [False, True]


def test_a_refused_download_has_no_hint_to_fetch(server: AuroraXServer) -> None:
    server.faults["data"] = Fault(status=404)
    with auroraql.connect(server.url) as archive:
        archive.run(f"SUBMIT a = {ALL}")
        with pytest.raises(Refused, match="the results were deleted"):
            archive.run("FETCH a")
        assert list(exit_summary(archive)) == []


def test_a_finished_script_detaches_its_searches(server: AuroraXServer, tmp_path: Path) -> None:
    server.never = True
    done = command("-a", server.url, "-c", f"SUBMIT night = {ALL}")
    (request_id,) = server.searches
    assert done.code == 0
    assert f"night continues at {server.url}, and can be fetched there later:\n  FETCH '{request_id}';" in done.err
    done = command("-a", server.url, "-c", f"SUBMIT a = {ALL}; FIND c")
    assert (done.code, len(server.searches)) == (2, 1)
    done = command("-a", server.url, "-c", f"SUBMIT a = {ALL}; SET timeout = 0.3 s; {ALL}")
    assert done.code == 4
    assert "a continues at" in done.err
    assert [search.cancelled for search in server.searches.values()] == [False, False, True]


def test_an_archive_is_closed_during_searches(blocked: Held) -> None:
    with auroraql.connect() as archive:
        for number in range(6):
            archive.run(f"SUBMIT s{number} = FIND data_products ON 2021-01-01")
        lines = list(exit_summary(archive))
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert len(lines) == 6
    assert lines[0].startswith("s0 was still running and was cancelled: demo ")
    assert not blocked.go.is_set()


# --- progress


def test_the_waiting_thread_reports_progress(server: AuroraXServer) -> None:
    messages: list[Progress | None] = []
    threads: set[str] = set()

    def watch(progress: Progress | None) -> None:
        messages.append(progress)
        threads.add(threading.current_thread().name)
        if progress is not None and progress.line.startswith("Starting query for "):
            server.never = False  # the service finishes the search after its first log line was reported

    with auroraql.connect(server.url, watch=watch, timeout=30) as archive:
        archive.run(f"SUBMIT a = {ALL}")
        wait_until(lambda: archive.submitted["a"].state == "done")
        assert messages == []
        server.never = True
        archive.run(ALL)
    seen = [item for item in messages if item is not None]
    assert [item.elapsed for item in seen] == sorted(item.elapsed for item in seen)
    assert [item for item in seen if item.line.startswith("Starting query for ")]
    assert messages[-1] is None
    assert threads == {threading.current_thread().name}
