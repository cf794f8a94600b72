"""Tests of each key at the prompt: candidates, underlines, the toolbar and suggestions. None waits for anything."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.formatted_text import fragment_list_to_text
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.layout.controls import BufferControl
from prompt_toolkit.layout.processors import TransformationInput
from prompt_toolkit.output import DummyOutput

from auroraql.completion.incomplete_input import MAX_CHECKED_CHARACTERS, IncompleteInputCheck
from auroraql.diagnostics.errors import Diagnostic, Source, Span
from auroraql.frontends.repl.background_checks import (
    BackgroundChecker,
    CheckedText,
    UnderlineProcessor,
    format_one_line,
    nearest_diagnostic,
)
from auroraql.frontends.repl.commands import blank_commands
from auroraql.frontends.repl.controller import Controller, run_session
from auroraql.frontends.repl.controller_protocol import LazyController, ReplController, ReplOptions
from auroraql.frontends.repl.key_bindings import active_keys
from auroraql.frontends.repl.line_editor import HistorySuggestions
from auroraql.frontends.repl.loop import _check_text
from auroraql.schema.catalogue import load_shipped
from auroraql.session.archive import connect
from tests.conftest import ROOT
from tests.support import small_catalogue
from tests.support.aurorax_server import RECORDS, SOURCES, AuroraXServer
from tests.support.repl_fakes import FakeArchive, answer

QUESTIONED = "FIND data_products WHERE platform = 'gilam' ON 2021-01-01"


@pytest.fixture
def desk() -> Controller:
    return Controller(FakeArchive(), ReplOptions(color=True), io.StringIO())


def offered_candidates(desk: Controller, text: str) -> list[str]:
    event = CompleteEvent(text_inserted=True)
    return [candidate.text for candidate in desk.complete(Document(text), event)]


def test_a_command_among_statements_is_not_an_error() -> None:
    assert codes("FIND data_products ON 2021-01-01;\n\\x\nSHOW PROGRAMS;") == []
    text = blank_commands("\\x\nFIND data_products WHERE program == 'trex' ON 2021-01-01;")
    (diagnostics,) = IncompleteInputCheck().check(text, load_shipped())
    assert isinstance(diagnostics.origin, Span)
    assert diagnostics.origin.start == len("\\x\nFIND data_products WHERE program ")


def test_a_command_is_not_checked(desk: Controller) -> None:
    assert desk.check("\\d nonsense") == ()


def test_the_toolbar_shows_what_enter_would_search() -> None:
    assert codes("FIND data_products WHERE program = 'trex'") == []
    assert codes("FIND data_products WHERE program = 'trex'\n") == ["AQL0603"]
    assert codes("FIND data_products WHERE\n") == []


def codes(text: str) -> list[str]:
    return [diagnostic.code for diagnostic in IncompleteInputCheck().check(blank_commands(text), load_shipped())]


# --- candidates


def test_statements_are_completed_with_descriptions(desk: Controller) -> None:
    candidates = list(desk.complete(Document("FIND data_products WHERE plat"), CompleteEvent()))
    assert (candidates[0].text, candidates[0].start_position) == ("platform", -4)
    assert candidates[0].display_meta_text == "the site or spacecraft, such as gillam or swarma"


def test_stored_results_are_known_immediately(desk: Controller) -> None:
    archive = desk.state.archive
    assert isinstance(archive, FakeArchive)
    archive.results = {"passes": answer(Source("FIND x"))}
    desk.run("FIND x")
    assert offered_candidates(desk, "FIND pas") == ["passes"]
    assert "start" in offered_candidates(desk, "FIND passes WHERE ")
    assert offered_candidates(desk, "FETCH ") == ["morning"]


@pytest.mark.parametrize(
    ("typed", "candidates"),
    [
        ("\\ex", ["export"]),
        ("/for", ["format"]),
        ("\\format js", ["json", "jsonl"]),
        ("\\dm keogram", ["keogram_type"]),
        ("\\h WITH", ["WITHIN"]),
        ("\\d trex rgb gil", ["TREx RGB GILL"]),
        ("\\timing x", []),
        ("\\nonsense x", []),
    ],
)
def test_commands_and_their_arguments(desk: Controller, typed: str, candidates: list[str]) -> None:
    assert offered_candidates(desk, typed) == candidates


def test_file_names_follow_commands_that_take_them(desk: Controller, tmp_path: Path) -> None:
    (tmp_path / "keograms.aql").touch()
    assert offered_candidates(desk, f"\\i {tmp_path}/keo") == ["grams.aql"]


def test_f2_switches_to_prefix_matching(desk: Controller) -> None:
    assert offered_candidates(desk, "FIND data_products WHERE platform = gilam") == ["'gillam'"]
    desk.state.switches.fuzzy = False
    assert offered_candidates(desk, "FIND data_products WHERE platform = gilam") == []


def test_pasted_text_is_not_completed(desk: Controller) -> None:
    assert (
        offered_candidates(desk, "FIND data_products WHERE platform = 'x' -- " + "x" * MAX_CHECKED_CHARACTERS + "\n ")
        == []
    )


# --- errors while typing


def test_the_diagnostics_equal_those_of_the_command_line() -> None:
    with connect() as archive:
        assert IncompleteInputCheck().check(QUESTIONED, archive.catalogue, archive.session_context) == archive.check(
            QUESTIONED
        )


def mark_underlined(text: str, diagnostics: tuple[Diagnostic, ...], line: int, now: str = "") -> str:
    """Return the line with its underlined part in brackets."""
    checker = BackgroundChecker(lambda _text: diagnostics)
    checker.check_now(text)
    document = Document(now or text)
    transformation = TransformationInput(
        BufferControl(), document, line, lambda at: at, [("", document.lines[line])], 80, 24
    )
    fragments = UnderlineProcessor(checker).apply_transformation(transformation).fragments
    assert fragment_list_to_text(fragments) == document.lines[line]
    return "".join(f"[{part[1]}]" if "error" in part[0] or "warning" in part[0] else part[1] for part in fragments)


def test_the_span_is_underlined_on_its_line() -> None:
    text = "FIND data_products\nWHERE program = 5\nLIMIT 2"
    wrong = (Diagnostic("AQL0203", "no", Span(text.index("5"), text.index("5") + 1)),)
    assert [mark_underlined(text, wrong, line) for line in range(3)] == [
        "FIND data_products", "WHERE program = [5]", "LIMIT 2",
    ]  # fmt: skip
    over_two_lines = (Diagnostic("AQL0203", "no", Span(text.index("5"), text.index("LIMIT") + 1)),)
    assert [mark_underlined(text, over_two_lines, line) for line in (1, 2)] == ["WHERE program = [5]", "[L]IMIT 2"]


def test_underlines_before_a_change_stay() -> None:
    text = "FIND wrong WHERE a = 1"
    wrong = (Diagnostic("AQL0107", "no", Span(5, 7)), Diagnostic("AQL0106", "no", Span(21, 22)))
    assert mark_underlined(text, wrong, 0, "FIND wrong WHERE b = 1") == "FIND [w][r]ong WHERE b = 1"


def test_the_toolbar_shows_the_nearest_error() -> None:
    far = Diagnostic("AQL0106", "far", Span(0, 1))
    near = Diagnostic("AQL0202", "near", Span(50, 51), hint="do this")
    warning = Diagnostic("AQL0602", "warned", Span(52, 53), severity="warning")
    assert nearest_diagnostic([far, warning, near], 52) is near
    assert nearest_diagnostic([], 0) is None
    assert format_one_line(near) == "error[AQL0202] near: do this"
    assert CheckedText("a", (near,)).current_diagnostics("a") == [near]


def test_a_text_is_checked_when_typing_pauses() -> None:
    requests: list[str] = []
    shown: list[bool] = []

    def check(text: str) -> tuple[Diagnostic, ...]:
        requests.append(text)
        return ()

    checker = BackgroundChecker(check, lambda: shown.append(True), pause=0.2)
    checker.start()
    for text in ("F", "FI", "FIN", "FIND"):
        checker.on_text(text)
    deadline = time.monotonic() + 10
    while not shown and time.monotonic() < deadline:
        time.sleep(0.01)
    assert requests == ["FIND"]


# --- no input or output


KEPT = "LET c = FIND data_products SELECT start, platform WHERE program = 'trex' ON 2021-01-01"


def touched_by_typing(archive: str, *statements: str) -> list[str]:
    """Return the files and connections that were opened while many texts were typed, in a separate process."""
    command = [sys.executable, "-m", "tests.support.offline_typing", archive, *statements]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


@pytest.mark.parametrize(
    "statements", [(), (KEPT,), (KEPT, "SQL SELECT count(*) FROM c", "FIND data_products WHERE x")]
)
def test_no_key_uses_disk_or_network_with_the_demonstration(statements: tuple[str, ...]) -> None:
    assert_only_the_probe(touched_by_typing("demo", *statements))


def test_no_key_uses_disk_or_network_with_a_catalogue_file(tmp_path: Path) -> None:
    file = tmp_path / "small.duckdb"
    small_catalogue.write(file, [])
    assert_only_the_probe(touched_by_typing(str(file)))
    assert_only_the_probe(touched_by_typing(str(file), KEPT))


def test_no_key_uses_disk_or_network_with_a_service() -> None:
    with AuroraXServer(RECORDS, SOURCES) as server:
        requests = len(server.calls)
        assert_only_the_probe(touched_by_typing(server.url))
        assert len(server.calls) == requests
        assert_only_the_probe(touched_by_typing(server.url, KEPT))


def assert_only_the_probe(touched: list[str]) -> None:
    """Assert that nothing was opened but the connection that proves that the guard works."""
    assert [item for item in touched if "socket" not in item] == []
    assert touched


def test_keys_only_insert_text_until_everything_is_loaded() -> None:
    late = LazyController(lambda: pytest.fail("nobody asked for it"))
    assert late.current is None


def test_a_loading_failure_is_reported_to_its_user() -> None:
    calls: list[int] = []

    def fails() -> ReplController:
        calls.append(1)
        raise ValueError("no archive")

    late = LazyController(fails)
    for _ in range(2):
        with pytest.raises(ValueError, match="no archive"):
            late.get()
    assert calls == [1]


# --- suggestions and keys


def test_the_history_suggests_the_rest_of_a_line() -> None:
    history = InMemoryHistory()
    for entry in ("FIND data_products LIMIT 1", "FIND data_products\n  LIMIT 2", "SHOW SOURCES"):
        history.append_string(entry)
    buffer = Buffer(history=history)
    suggest = HistorySuggestions().get_suggestion

    def rest(text: str) -> str | None:
        suggestion = suggest(buffer, Document(text))
        return suggestion.text if suggestion else None

    assert rest("FIND data_products L") == "IMIT 1"
    assert rest("FIND x\n  L") == "IMIT 2"
    assert rest("SHOW SOURCES") is None
    assert rest("") is None


def type_keys(keys: str, folder: Path) -> FakeArchive:
    archive = FakeArchive()
    with create_pipe_input() as keyboard:
        # The text is longer than the pipe's buffer, so it is read while it is written.
        Thread(target=keyboard.send_text, args=(keys,), daemon=True).start()
        run_session(archive, stream=io.StringIO(), history=folder / "history", input=keyboard, output=DummyOutput())
    return archive


F3, F4, F5 = "\x1bOR", "\x1bOS", "\x1b[15~"


@pytest.mark.parametrize(
    ("keys", "questions"),
    [
        # Alt-Enter does the opposite of Enter: it inserts a line in complete input, and runs incomplete input.
        ("FIND a;\x1b\rFIND b;\r", ["FIND a;\nFIND b;"]),
        ("FIND data_products WHERE\x1b\r", ["FIND data_products WHERE"]),
        (f"{F3}FIND a;\rFIND b;\x1b\r{F3}", ["FIND a;\nFIND b;"]),
        (f"{F4}FIND a;\x1b0xi\r{F4}", ["IND a;"]),
        # In vi mode Escape and Enter run complete input, whatever F3 says, and insert a line in incomplete input.
        (f"{F4}FIND a;\x1b\r{F4}", ["FIND a;"]),
        (f"{F3}{F4}FIND a;\x1b\r{F3}{F4}", ["FIND a;"]),
        (f"{F4}FIND a WHERE\x1b0\rx = 1;\r{F4}", ["FIND a WHERE\nx = 1;"]),
        (f"FIND a{F5};\r", ["EXPLAIN FIND a", "FIND a;"]),
    ],
)
def test_keys(keys: str, questions: list[str], tmp_path: Path) -> None:
    assert type_keys(f"{keys}\\q\r", tmp_path).asked == questions


def test_a_large_script_is_pasted_quickly(tmp_path: Path) -> None:
    line = f"FIND data_products WHERE program = 'trex' AND platform IN ({', '.join(['gillam'] * 15)}) ON 2021-01-01;\n"
    script = line * 5_000
    assert len(script) > 900_000
    began = time.process_time()
    (requests,) = type_keys(f"\x1b[200~{script}\x1b[201~\r\\q\r", tmp_path).asked
    assert requests.count("FIND") == 5_000
    assert time.process_time() - began < 20


def test_the_toolbar_shows_the_states_of_the_keys() -> None:
    shown = active_keys(ReplOptions(fuzzy=False, multiline=True), EditingMode.VI)
    assert "fuzzy: off" in shown
    assert "multiline: on" in shown
    assert "keys: vi" in shown
    assert "keys: vi normal" in active_keys(ReplOptions(), EditingMode.VI, navigating=True)


def test_an_internal_error_is_shown_in_the_toolbar(desk: Controller, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_text: str) -> None:
        raise KeyError("x")

    monkeypatch.setattr(desk, "check", fails)
    (messages,) = _check_text(desk, "FIND data_products")
    assert format_one_line(messages).startswith(
        "warning[fault] AuroraQL could not check this text (KeyError: 'x'): please report"
    )
