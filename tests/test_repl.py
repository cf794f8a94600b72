"""The prompt: when a line is submitted, what commands say, what is kept, and a session in a real terminal."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import select
import stat
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from auroraql.errors import Diagnostic, Refused, Source, Span, StatementError
from auroraql.frontends.repl import run_repl
from auroraql.frontends.repl.commands import COMMANDS, is_command, run_command
from auroraql.frontends.repl.describe import describe
from auroraql.frontends.repl.history import PrivateHistory, looks_secret, open_history
from auroraql.frontends.repl.loop import banner, take
from auroraql.frontends.repl.prompt import submits
from auroraql.frontends.repl.state import State
from auroraql.plan import Plan
from auroraql.query import Column, Query, Ref
from auroraql.results import Fetched, ResultSet
from auroraql.schema import KINDS
from auroraql.schema.catalogue import Catalogue, shipped

QUERY = Query("data_products", select=(Column(Ref("record", "start")), Column(Ref("source", "data_source.program"))))


class FakeArchive:
    """Answers any statement with one row; some words in it make it fail, as their names say."""

    name = "demo"
    demonstration = True

    def __init__(self) -> None:
        self.asked: list[str] = []

    @property
    def catalogue(self) -> Catalogue:
        return shipped()

    def run_script(self, source: Source, /) -> Iterator[ResultSet]:
        text = source.text
        self.asked.append(text)
        if "wrong" in text:
            at = text.index("wrong")
            raise StatementError([Diagnostic("AQL0001", "no such thing", Span(at, at + 5), "here")], source)
        if "refused" in text:
            raise Refused("no \x1b[2J", archive="demo")
        if "interrupted" in text:
            raise KeyboardInterrupt
        if "fault" in text:
            raise ZeroDivisionError
        if "slow" in text:
            print("searching", flush=True)
            time.sleep(60)
        yield answer(source)


def answer(source: Source) -> ResultSet:
    warnings = (Diagnostic("AQL0900", "careful", Span(0, 4), severity="warning"),) if "careful" in source.text else ()
    rows = [(datetime(2021, 1, 1), "trex")]
    plan = Plan(QUERY, (), warnings=warnings)
    return ResultSet(plan, Fetched(rows), archive="demo", elapsed=0.012, demonstration=True, source=source)


def state() -> State:
    return State(FakeArchive(), io.StringIO())


def said(session: State) -> str:
    assert isinstance(session.stream, io.StringIO)
    return session.stream.getvalue()


def take_all(*texts: str) -> str:
    session = state()
    for text in texts:
        take(session, text)
    return said(session)


TABLE = """\
start                program
-------------------  -------
2021-01-01 00:00:00  trex
1 row · 12 ms · demo (demonstration data)
"""

# --- what is submitted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n",
        "\\q",
        "/d trex",
        "quit",
        "FIND data_products;",
        "FIND data_products WHERE\n",
        "FIND x; FIND wrong wrong;",
    ],
)
def test_enter_submits_what_is_whole(text: str) -> None:
    assert submits(Document(text))


@pytest.mark.parametrize(
    "text", ["FIND", "FIND data_products WHERE", "FIND data_products WHERE program = 'tr", "/* why", "{"]
)
def test_enter_opens_a_line_in_what_is_not(text: str) -> None:
    assert not submits(Document(text))


def test_a_blank_line_submits_only_below_the_text() -> None:
    assert submits(Document("FIND data_products WHERE\n  "))
    assert not submits(Document("\n\nFIND data_products WHERE", cursor_position=0))


# --- commands


@pytest.mark.parametrize("text", ["\\d", "/d trex", "\\?", "/?", "\\", " \\x; ", "HELP", "quit;", "exit", "\\nonsense"])
def test_what_is_a_command(text: str) -> None:
    assert is_command(text)


@pytest.mark.parametrize("text", ["FIND x", "/* a comment */ FIND x", "/*", "-- \\d", "help me", "\n'\\d'", "{}"])
def test_what_is_none(text: str) -> None:
    assert not is_command(text)


def test_the_help_names_every_command() -> None:
    for row in COMMANDS:
        assert f"\\{row.name}" in run_command(state(), "\\?")
        assert row.doc in run_command(state(), "help")


@pytest.mark.parametrize(
    ("typed", "meant"), [("\\fromat", "\\format"), ("\\qq", "\\q"), ("/hlep", "\\?"), ("\\quit now", "")]
)
def test_a_mistyped_command_is_answered_by_the_nearest(typed: str, meant: str) -> None:
    answered = run_command(state(), typed)
    assert (f"did you mean {meant}?" in answered) if meant else (answered == "")


def test_the_view_is_toggled_and_comes_back() -> None:
    session = state()
    take(session, "\\format csv")
    take(session, "\\x")
    assert session.format == "vertical"
    take(session, "/x")
    assert session.format == "csv"
    take(session, "\\format")
    assert "* csv" in said(session)


def test_an_unknown_format_is_told_with_the_nearest() -> None:
    assert "did you mean csv?" in take_all("\\format cvs")


@pytest.mark.parametrize("text", ["\\q", "/q", "quit", "exit;"])
def test_leaving(text: str) -> None:
    session = state()
    take(session, text)
    assert session.done


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", ["data_products", "themis-asi", "panchromatic ASI"]),
        ("data_products", ["display_name", "the number of the data source", "keogram_type", "hourly"]),
        ("'TREX'", ["TREx RGB GILL", "rabbit lake"]),
        ("rabbit lake", ["TREx RGB RABB", "rainbow"]),
        ("103", ["TREx RGB GILL"]),
        ("program", ["data_source.program, a string", "'themis-asi'"]),
        ("data_product_type", ["'keogram'"]),
        ("keogram_type", ["a string, metadata of data_products", "'daily_hires'", "auroramax"]),
        ("metadata.keogram_type", ["'daily_hires'"]),
        ("keogram_tpye", ["did you mean keogram_type"]),
        ("\x1b", ["\\d alone lists"]),
    ],
)
def test_what_is_known_of_a_name(name: str, shown: list[str]) -> None:
    text = describe(shipped(), name, 100)
    assert all(each in text for each in shown)


@pytest.mark.parametrize("width", [20, 60, 80])
def test_every_known_name_is_described(width: int) -> None:
    catalogue = shipped()
    for kind in KINDS.values():
        for name in (kind.name, *(leaf.bare for leaf in kind.leaves()), *catalogue.keys(kind.name)):
            assert "nothing is called" not in describe(catalogue, name, width)


# --- statements


def test_a_statement_is_answered_with_a_table_and_its_footer() -> None:
    assert take_all("FIND data_products;") == TABLE


def test_an_error_shows_where_it_is() -> None:
    assert take_all("FIND wrong;").splitlines() == [
        "error[AQL0001]: no such thing",
        "  ┌ <input>:1:6",
        "1 │ FIND wrong;",
        "  │      ^^^^^ here",
    ]


def test_warnings_come_before_the_rows() -> None:
    shown = take_all("FIND careful;")
    assert shown.startswith("warning[AQL0900]: careful")
    assert shown.endswith(TABLE)


@pytest.mark.parametrize(
    ("text", "told"),
    [("refused", "archive 'demo' refused: no ␛[2J\n"), ("interrupted", "cancelled\n"), ("fault", "please report it")],
)
def test_nothing_that_goes_wrong_ends_the_session(text: str, told: str) -> None:
    shown = take_all(text, "FIND data_products")
    assert told in shown
    assert shown.endswith(TABLE)


def test_the_banner_tells_demonstration_data() -> None:
    assert re.fullmatch(r"AuroraQL .* · demo \(demonstration data\) · Type \\\? for help\.", banner(FakeArchive()))


# --- the session, with keys


def session(keys: str, folder: Path) -> tuple[FakeArchive, str]:
    archive, stream = FakeArchive(), io.StringIO()
    with create_pipe_input() as keyboard:
        keyboard.send_text(keys)
        run_repl(archive, stream=stream, history=folder / "history", input=keyboard, output=DummyOutput())
    return archive, stream.getvalue()


def test_a_statement_over_two_lines(tmp_path: Path) -> None:
    archive, shown = session("FIND data_products WHERE\r program = 'trex'\r\\q\r", tmp_path)
    assert archive.asked == ["FIND data_products WHERE\n program = 'trex'"]
    assert shown.endswith(TABLE)


def test_a_pasted_script_is_one_input(tmp_path: Path) -> None:
    archive, _ = session("\x1b[200~FIND a;\nFIND b;\n\x1b[201~\r\x04", tmp_path)
    assert archive.asked == ["FIND a;\nFIND b;\n"]


def test_ctrl_c_clears_the_line_and_ctrl_d_leaves(tmp_path: Path) -> None:
    archive, _ = session("FIND wrong\x03FIND data_products;\r\x04", tmp_path)
    assert archive.asked == ["FIND data_products;"]


def test_the_last_statement_comes_back(tmp_path: Path) -> None:
    session("FIND a;\r\x04", tmp_path)
    archive, _ = session("\x1b[A\r\x04", tmp_path)
    assert archive.asked == ["FIND a;"]


# --- history


def test_the_history_is_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "state" / "history"
    history = open_history(file)
    history.append_string("FIND a\n  WHERE 'ü\ud800'")
    history.append_string("FIND b")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert list(PrivateHistory(file).load_history_strings()) == ["FIND b", "FIND a\n  WHERE 'ü?'"]


SECRETS = (
    "SET api_key = 'x'",
    "-- x-aurorax-api-key: abc",
    "AURORAX_API_KEY=abc",
    "'0b8c1f0e-3b1e-4c55-9d3b-0f5f6b0d9a11'",
    "'a8Fk20dkL39dkfjWQ29dkfjs03kd'",
)


@pytest.mark.parametrize("text", SECRETS)
def test_what_may_be_an_api_key_is_never_written(tmp_path: Path, text: str) -> None:
    file = tmp_path / "history"
    open_history(file).append_string(f"FIND a\n{text}")
    assert file.read_text() == ""


@pytest.mark.parametrize(
    "text", ["FIND data_products WHERE keogram_type = 'daily_hires_200px' ON 2021-01-01", "a" * 200_000]
)
def test_what_is_no_api_key(text: str) -> None:
    assert not looks_secret(text)


def test_without_a_place_for_it_the_history_is_kept_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert isinstance(open_history(tmp_path / "file" / "history"), InMemoryHistory)


# --- a real terminal


class Terminal:
    """The other end of a pseudo-terminal, and everything shown on it so far."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.shown = ""
        self.raw = b""

    def type(self, text: str) -> None:
        os.write(self.handle, text.encode())

    def until(self, text: str, seconds: float = 20) -> None:
        """Reads until the text is shown; what came before it is forgotten."""
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            ready, _, _ = select.select([self.handle], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"{text!r} is not shown, but: {self.shown}"
            try:
                self.raw += os.read(self.handle, 65536)
            except OSError:  # the other end has gone
                pytest.fail(f"{text!r} was not shown, but: {self.shown}")
            self.shown = re.sub(r"\x1b(?:\[[?0-9;]*[a-zA-Z]|[=>])", "", self.raw.decode(errors="replace"))
        self.shown = self.shown.split(text, 1)[1]
        self.raw = self.shown.encode()


@contextmanager
def terminal(history: Path) -> Iterator[tuple[Terminal, subprocess.Popen[bytes]]]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    root = str(Path(__file__).parent.parent)
    environ = os.environ | {"TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1", "PYTHONPATH": root}
    child = subprocess.Popen(
        [sys.executable, __file__, str(history)],
        stdin=theirs, stdout=theirs, stderr=theirs, env=environ, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Terminal(ours), child
    finally:
        child.kill()
        child.wait()
        os.close(ours)


def test_a_session_in_a_real_terminal(tmp_path: Path) -> None:
    with terminal(tmp_path / "history") as (screen, child):
        screen.until("Type \\? for help.")
        screen.until("auroraql>")
        screen.type("FIND data_products WHERE\r")
        screen.until("...>")
        screen.type("program = 'trex';\r")
        screen.until("2021-01-01 00:00:00  trex")
        screen.until("1 row · 12 ms · demo (demonstration data)")
        screen.until("auroraql>")
        screen.type("FIND wrong;\r")
        screen.until("     ^^^^^ here")
        screen.until("auroraql>")
        screen.type("FIND slow;\r")
        screen.until("searching")
        screen.type("\x03")
        screen.until("cancelled")
        screen.until("auroraql>")
        screen.type("\\q\r")
        assert child.wait(20) == 0


if __name__ == "__main__":
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C, typed at the other end, interrupts this process
    run_repl(FakeArchive(), history=Path(sys.argv[1]))
