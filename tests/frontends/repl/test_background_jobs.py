"""Tests of searches in flight at the prompt: Ctrl-C, notices above the input, and the commands for searches."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

import auroraql
from auroraql.diagnostics.errors import Failed
from auroraql.frontends.repl import loop
from auroraql.frontends.repl.background_jobs import LONG_SEARCH_SECONDS, BackgroundJobs
from auroraql.frontends.repl.commands import run_command
from auroraql.frontends.repl.controller import Controller, run_input, run_session
from auroraql.frontends.repl.controller_protocol import ReplOptions
from auroraql.frontends.repl.notifications import Notifications
from auroraql.frontends.repl.state import ReplState
from auroraql.session.jobs import Search
from tests.support.aurorax_server import RECORDS, SOURCES, AuroraXServer, Fault
from tests.support.in_flight import ALL, interrupt_when, wait_until
from tests.support.repl_fakes import FakeArchive, printed


@pytest.fixture
def server() -> Iterator[AuroraXServer]:
    with AuroraXServer(RECORDS, SOURCES) as running:
        running.never = True
        yield running
        running.faults.clear()


@pytest.fixture
def session(server: AuroraXServer) -> Iterator[ReplState]:
    """Return a REPL session at a service whose searches never end."""
    with auroraql.connect(server.url, timeout=30) as archive:
        state = ReplState(archive, io.StringIO(), ReplOptions())
        state.background_jobs = BackgroundJobs(state)
        yield state


def interrupt_statement(session: ReplState, server: AuroraXServer, text: str = ALL) -> str:
    """Run a statement, interrupt it with Ctrl-C, and return the output."""
    before, polls = len(printed(session)), server.count("status")
    with interrupt_when(lambda: server.count("status") > polls):
        run_input(session, text)
    return printed(session)[before:]


# --- Ctrl-C


def test_ctrl_c_cancels(session: ReplState, server: AuroraXServer) -> None:
    assert interrupt_statement(session, server) == "cancelled\n"
    assert [search.cancelled for search in server.searches.values()] == [True]
    assert session.background_jobs is not None
    assert session.background_jobs.on_second_interrupt() == ""
    assert run_command(session, "\\jobs").startswith("no search has been submitted yet")


def test_the_prompt_does_not_wait_for_an_unresponsive_service(session: ReplState, server: AuroraXServer) -> None:
    server.faults["cancel"] = Fault(hang=0.8)
    messages = interrupt_statement(session, server)
    (request_id,) = server.searches
    assert messages == f"cancelling request {request_id} …; press Ctrl-C again to stop waiting\n"
    assert session.switches.notices.take() == []
    posted = threading.Event()
    session.switches.notices.above = posted.set
    assert posted.wait(30)
    assert session.switches.notices.take() == [(f"cancelled: request {request_id}", False)]
    assert session.archive.submitted == {}


def test_a_second_ctrl_c_detaches_the_search(session: ReplState, server: AuroraXServer) -> None:
    server.faults["cancel"] = Fault(hang=1, status=403)
    interrupt_statement(session, server)
    assert session.background_jobs is not None
    messages = session.background_jobs.on_second_interrupt()
    (request_id,) = server.searches
    server.searches[request_id].cancelled = False  # as the message will say
    assert "so the search may continue as s1\n" in messages
    assert f"\\fetch s1 or \\fetch {request_id} waits for it" in messages
    assert "s1    cancelling" in run_command(session, "\\jobs")
    wait_until(lambda: session.archive.submitted["s1"].state == "running")
    assert session.switches.notices.take() == []  # the cancellation's outcome is of no interest any more
    server.never = False
    wait_until(lambda: session.archive.submitted["s1"].state == "done")
    run_input(session, f"\\fetch {request_id}")
    assert "5 rows" in printed(session)


def test_a_late_second_ctrl_c_is_harmless(
    session: ReplState, server: AuroraXServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.faults["cancel"] = Fault(hang=1)
    monkeypatch.setattr("auroraql.frontends.repl.background_jobs.QUICK_CANCEL_SECONDS", 20)
    with interrupt_when(lambda: server.count("cancel") > 0):
        messages = interrupt_statement(session, server)
    assert messages.startswith(f"{server.url} has not confirmed the cancellation")


def test_a_search_that_cannot_be_cancelled_continues(session: ReplState, server: AuroraXServer) -> None:
    server.faults["cancel"] = Fault(status=403, times=1)
    messages = interrupt_statement(session, server, f"LET c = {ALL}")
    assert messages.startswith("the search could not be cancelled and continues as c (\\fetch c, \\cancel c): archive ")
    assert run_command(session, "\\cancel c") == "c is cancelled"
    assert run_command(session, "\\cancel c") == "c is already cancelled"


# --- commands


def test_searches_are_listed_fetched_and_cancelled(session: ReplState, server: AuroraXServer) -> None:
    for name in ("night", "day"):
        run_input(session, f"SUBMIT {name} = {ALL}")
    shown = run_command(session, "\\jobs")
    first, second = server.searches
    assert [line.split()[:2] for line in shown.splitlines()[2:4]] == [["night", "running"], ["day", "running"]]
    assert first in shown  # complete in a terminal of any width, so that it can be copied
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert run_command(session, f"\\cancel {first}") == "night is cancelled"
    server.never = False
    run_input(session, "\\fetch")
    assert "5 rows" in printed(session)
    assert session.archive.results["day"] is not None
    assert server.searches[first].cancelled
    assert not server.searches[second].cancelled
    for typed, messages in (
        ("\\fetch", "there is no search to fetch"),
        ("\\cancel", "\\cancel needs the name of a search"),
        ("\\fetch nihgt", "did you mean night?"),
        ("\\cancel dayy", "did you mean day?"),
        ("\\fetch day after", "the search 'day after' does not exist"),
        ("\\fetch 00000000-0000-4000-8000-000000000000", "404"),
    ):
        run_input(session, typed)
        assert messages in printed(session)


def test_a_search_of_another_session_is_fetched_by_its_id(session: ReplState, server: AuroraXServer) -> None:
    server.never = False
    request_id = server.submit("data_products", {"start": "2020-02-01T00:00:00", "end": "2020-02-29T23:59:59"})
    run_input(session, f"\\fetch {request_id}")
    assert "rows · " in printed(session)


def test_last_error_shows_the_log_of_its_search(session: ReplState, server: AuroraXServer) -> None:
    server.error = "the cluster is on fire"
    run_input(session, ALL)
    run_input(session, "\\E")
    (request_id,) = server.searches
    full = printed(session).split("log of the search:\n")[1]
    assert f"info: Starting query for {request_id}" in full
    assert "error: the cluster is on fire" in full


# --- notices


def end_search(**given: Any) -> Any:
    fields: dict[str, Any] = {
        "name": "s1",
        "state": "done",
        "elapsed": 2.0,
        "result_count": 96,
        "error": None,
        "line": "",
    }
    return SimpleNamespace(**{**fields, **given})


@pytest.mark.parametrize(
    ("search", "text", "rings"),
    [
        (end_search(), "s1 is done after 2.0 s, 96 records: \\fetch s1", False),
        (end_search(elapsed=75.0, result_count=1), "s1 is done after 1 min 15 s, 1 record: \\fetch s1", True),
        (end_search(result_count=None), "s1 is done after 2.0 s: \\fetch s1", False),
        (end_search(state="failed", error=Failed("on fire", archive="x")), "s1 failed after 2.0 s: on fire", False),
        (end_search(state="cancelled", elapsed=LONG_SEARCH_SECONDS), "s1 is cancelled", True),
    ],
)
def test_the_end_of_a_search_is_announced(search: Any, text: str, rings: bool) -> None:
    state = ReplState(FakeArchive(), io.StringIO(), ReplOptions())
    BackgroundJobs(state).on_job_ended(search)
    assert state.switches.notices.take() == [(text, rings)]


def test_the_bell_can_be_silenced() -> None:
    with auroraql.connect() as archive:
        state = ReplState(archive, io.StringIO(), ReplOptions())
        flight = BackgroundJobs(state)
        for value, rings in (("off", False), ("'ON'", True), ("FALSE", False), ("DEFAULT", True)):
            run_input(state, f"SET bell = {value};")
            flight.on_job_ended(end_search(elapsed=LONG_SEARCH_SECONDS))
            assert state.switches.notices.take()[0][1] is rings
        run_input(state, "SET bell = loud;")
        assert "on or off" in printed(state)


class AnnouncingArchive(FakeArchive):
    """An archive that stores the callback for the end of a search."""

    def __init__(self) -> None:
        super().__init__()
        self.tell: Callable[[Any], object] | None = None

    def on_end(self, act: Callable[[Any], object], /) -> None:
        self.tell = act


def test_a_notice_while_typing_loses_no_input(tmp_path: Path) -> None:
    archive, stream = AnnouncingArchive(), io.StringIO()

    def others(keyboard: Any) -> None:
        wait_until(lambda: archive.tell)
        keyboard.send_text("FIND data_products ")
        assert archive.tell is not None
        archive.tell(end_search())
        wait_until(lambda: "s1 is done" in stream.getvalue())
        archive.tell(end_search(name="s2", line="\x1b[2J"))
        wait_until(lambda: "s2 is done" in stream.getvalue())
        keyboard.send_text("LIMIT 5;\r\\q\r")

    with create_pipe_input() as keyboard:
        thread = threading.Thread(target=others, args=(keyboard,))
        thread.start()
        run_session(archive, stream=stream, history=tmp_path / "history", input=keyboard, output=DummyOutput())
        thread.join()
    assert archive.asked == ["FIND data_products LIMIT 5;"]
    assert "\x1b" not in stream.getvalue()


def test_a_search_that_ends_during_a_statement_is_announced_before_the_next_prompt(tmp_path: Path) -> None:
    class Busy(AnnouncingArchive):
        def run_script(self, source: Any, /, **parameters: object) -> Any:
            assert self.tell is not None
            self.tell(end_search())
            return super().run_script(source, **parameters)

    stream = io.StringIO()
    with create_pipe_input() as keyboard:
        keyboard.send_text("FIND a;\r\\q\r")
        run_session(Busy(), stream=stream, history=tmp_path / "history", input=keyboard, output=DummyOutput())
    assert stream.getvalue().endswith("demo (demonstration data)\ns1 is done after 2.0 s, 96 records: \\fetch s1\n")


def test_notices_wait_until_they_are_taken() -> None:
    notices, called = Notifications(), []
    notices.post("a")
    notices.above = lambda: called.append(True)
    notices.post("b", rings=True)
    assert called == [True]
    assert notices.take() == [("a", False), ("b", True)]
    assert notices.take() == []


class RecordingController(Controller):
    """A controller that prints its interrupts and its closing."""

    def on_interrupt(self) -> None:
        self.state.say("pressed")

    def close(self) -> None:
        self.state.say("left")


def test_ctrl_c_at_an_empty_prompt_goes_to_the_search(tmp_path: Path) -> None:
    stream, archive = io.StringIO(), FakeArchive()
    with create_pipe_input() as keyboard:

        def others() -> None:
            wait_until(lambda: controllers)
            keyboard.send_text("\x03FIND wrong\x03\x03FIND a;\r\x04")

        controllers: list[RecordingController] = []

        def make(switches: ReplOptions, out: Any) -> RecordingController:
            controllers.append(RecordingController(archive, switches, out))
            return controllers[-1]

        thread = threading.Thread(target=others)
        thread.start()
        loop.run_repl("title", make, stream=stream, history=tmp_path / "h", input=keyboard, output=DummyOutput())
        thread.join()
    assert stream.getvalue().count("pressed") == 2
    assert stream.getvalue().endswith("left\n")
    assert archive.asked == ["FIND a;"]


def test_ctrl_c_during_the_interrupt_message_ends_nothing(tmp_path: Path) -> None:
    class Impatient(FakeArchive):
        def run_script(self, source: Any, /, **parameters: object) -> Any:
            self.asked.append(f"{source.text}{parameters or ''}")
            raise KeyboardInterrupt

    class Stuttering(io.StringIO):
        def write(self, text: str) -> int:
            if text == "cancelled\n":
                raise KeyboardInterrupt
            return super().write(text)

    archive = Impatient()
    with create_pipe_input() as keyboard:
        keyboard.send_text("FIND a;\rFIND b;\r\\q\r")
        run_session(archive, stream=Stuttering(), history=tmp_path / "h", input=keyboard, output=DummyOutput())
    assert archive.asked == ["FIND a;", "FIND b;"]


def test_the_prompt_returns_immediately(session: ReplState, server: AuroraXServer) -> None:
    server.faults["cancel"] = Fault(hang=3)
    pressed: list[float] = []
    flight = BackgroundJobs(session)

    def interrupted(search: Search) -> None:
        pressed.append(time.monotonic())
        flight.on_interrupt(search)

    session.archive.on_interrupt(interrupted)
    interrupt_statement(session, server)
    # Between Ctrl-C and the prompt: the 40 ms given to the service, and delays of a busy machine.
    assert time.monotonic() - pressed[0] < 1


def interrupt_submission(session: ReplState, server: AuroraXServer, text: str) -> tuple[str, float]:
    """Interrupt a hanging submission, and return the output and the seconds until the prompt returned."""
    pressed: list[float] = []

    def arrived() -> bool:
        pressed.append(time.monotonic())
        return server.count("submit") > 0

    with interrupt_when(arrived):
        run_input(session, text)
        back = time.monotonic()
    return printed(session), back - pressed[-1]


@pytest.mark.parametrize("text", [f"SUBMIT night = {ALL}", ALL])
def test_the_prompt_does_not_wait_for_a_request_id(session: ReplState, server: AuroraXServer, text: str) -> None:
    """The request id arrives later, and the search is then cancelled."""
    server.faults["submit"] = Fault(hang=2.5)
    posted = threading.Event()
    session.switches.notices.above = posted.set
    messages, took = interrupt_submission(session, server, text)
    assert messages == "cancelling the search …; press Ctrl-C again to stop waiting\n"
    assert took < 1
    assert posted.wait(30)
    (request_id,) = server.searches
    assert server.searches[request_id].cancelled
    assert session.switches.notices.take() == [(f"cancelled: request {request_id}", False)]
    assert session.archive.submitted == {}


def test_a_search_that_cannot_be_cancelled_later_is_reported(session: ReplState, server: AuroraXServer) -> None:
    server.faults["submit"] = Fault(hang=2.5)
    server.faults["cancel"] = Fault(status=403)
    notices: list[str] = []
    reported = threading.Event()

    def take_notices() -> None:
        notices.extend(text for text, _ in session.switches.notices.take())
        # The search continues, so another notice may report its end.
        if any(text.startswith("the search could not be cancelled") for text in notices):
            reported.set()

    session.switches.notices.above = take_notices
    interrupt_submission(session, server, f"SUBMIT night = {ALL}")
    assert reported.wait(30), notices
    continues = "the search could not be cancelled and continues as night (\\fetch night, \\cancel night)"
    assert any(text.startswith(continues) for text in notices)
    assert session.archive.submitted["night"].request_ids == (*server.searches,)


def test_exit_waits_briefly_for_cancellations(session: ReplState, server: AuroraXServer) -> None:
    server.faults["submit"] = Fault(hang=1)
    interrupt_submission(session, server, f"SUBMIT night = {ALL}")
    assert isinstance(session.archive, auroraql.Archive)
    session.archive.close()
    assert [search.cancelled for search in server.searches.values()] == [True]
