r"""Tests of `\save`, `\queries` and `\run` at the prompt: files, messages and completion."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.styles import BaseStyle

from auroraql.config import read_config
from auroraql.frontends.cli.commands.prompt import _initial_options
from auroraql.frontends.repl.controller import Controller, run_input
from auroraql.frontends.repl.controller_protocol import ReplOptions
from auroraql.frontends.repl.line_editor import theme_style
from auroraql.frontends.repl.state import ReplState
from auroraql.frontends.shared.pager import choose_pager
from auroraql.queries import store
from auroraql.session.archive import connect
from tests.support.repl_fakes import FakeArchive, printed

QUERY = """\
-- description  The keograms of a day.
-- param program: text = trex  the program
-- param day: date
-- param sites: list of text = gillam
FIND data_products WHERE program = $program AND platform IN ($sites) AND keogram_type = 'daily' ON $day;
"""


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReplState:
    """Return a session in an empty working folder, with a user folder that does not exist yet."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return ReplState(FakeArchive(), io.StringIO(), ReplOptions(queries=tmp_path / "own"))


def enter(session: ReplState, text: str) -> str:
    """Enter one line and return the output."""
    before = len(printed(session))
    run_input(session, text)
    return printed(session)[before:]


def user_folder(session: ReplState) -> Path:
    assert session.switches.queries is not None
    return session.switches.queries


def received_parameters(session: ReplState) -> dict[str, object]:
    """Return the parameters that the archive received with the last statement."""
    assert isinstance(session.archive, FakeArchive)
    return session.archive.given


# --- \save


def test_the_last_statement_is_saved_with_its_parameters_declared(session: ReplState) -> None:
    run_input(session, "FIND data_products WHERE program = $p AND platform IN ($sites) AND start >= $s LIMIT $n")
    answer = enter(session, "\\save daily  The keograms   of a day")
    path = user_folder(session) / "daily.aql"
    assert answer == f"saved as {path}; \\run daily runs it\n"
    assert path.read_text() == (
        "-- description  The keograms of a day\n-- param p: text\n-- param sites: list of text\n-- param s: time\n"
        "-- param n: integer\n"
        "FIND data_products WHERE program = $p AND platform IN ($sites) AND start >= $s LIMIT $n;\n"
    )
    enter(session, "\\run daily p=trex sites=(gillam, 'fort smith') s=2021-01-01 n=5")
    assert received_parameters(session) == {
        "p": "trex",
        "sites": ["gillam", "fort smith"],
        "s": date(2021, 1, 1),
        "n": 5,
    }


def test_a_missing_value_comes_from_the_prompts_parameters(session: ReplState) -> None:
    with connect() as archive:
        session.archive = archive
        typed = enter(session, "FIND data_products WHERE program = $p ON $day")
        assert "the parameter $p has no value" in typed
        assert "hint: \\save NAME saves the statement, and \\run NAME p=… runs it with a value" in typed
        assert "\\run NAME day=… runs it" in typed
        assert "--param" not in typed
        assert "Python" not in typed
        assert "\\run NAME p=…" in enter(session, "\\E")
        # As the message says.
        enter(session, "\\save daily")
        again = enter(session, "\\run daily p=trex")
        assert "the parameter $day has no value" in again
        assert "day=2021-01-01 after \\run" in again
        Path("bare.aql").write_text("FIND data_products WHERE program = $p")
        assert "hint: pass a value: \\run NAME p=…" in enter(session, "\\run bare")
        assert "289 rows" in enter(session, "\\run daily p=trex day=2021-01-01")


def test_an_existing_query_is_not_overwritten_by_accident(session: ReplState) -> None:
    run_input(session, "FIND one")
    enter(session, "\\save a")
    run_input(session, "FIND two;")
    assert enter(session, "\\save A") == "the query 'a' already exists\n  = hint: \\save! a replaces it\n"
    assert (user_folder(session) / "a.aql").read_text() == "FIND one;\n"
    assert "saved as" in enter(session, "/save! a better")
    assert (user_folder(session) / "a.aql").read_text() == "-- description  better\nFIND two;\n"


@pytest.mark.parametrize(
    ("statement", "typed", "answer"),
    [
        ("FIND x;", "\\save", "\\save needs a name"),
        ("FIND x;", "\\save!", "\\save needs a name"),
        ("FIND x;", "\\save ../x", "'../x' cannot be the name"),
        ("FIND x;", "\\save! /etc/x", "cannot be the name"),
        ("FIND x;", "\\save nul", "the name of a device"),
        ("", "\\save x", "there is no statement yet"),
        ("FIND x WHERE api_key = 'abc'", "\\save x", "seems to contain an API key"),
        ("FIND x WHERE a = '0123456789abcdef0123456789abcdef'", "\\save x", "seems to contain an API key"),
        ("FIND x", "\\save x my token is here", "seems to contain an API key"),
    ],
)
def test_input_that_cannot_be_saved(session: ReplState, statement: str, typed: str, answer: str) -> None:
    session.statement = statement
    assert answer in enter(session, typed)
    assert not user_folder(session).exists()


def test_a_query_hidden_by_another_is_reported(session: ReplState) -> None:
    Path("a.aql").write_text("FIND here;")
    session.statement = "FIND there"
    assert "; in this folder \\run a runs a.aql instead" in enter(session, "\\save a")


def test_a_full_disk_does_not_change_the_existing_file(session: ReplState, monkeypatch: pytest.MonkeyPatch) -> None:
    session.statement = "FIND one"
    enter(session, "\\save a")

    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    session.statement = "FIND two"
    monkeypatch.setattr("auroraql.rendering.files.os.fsync", full)
    for typed in ("\\save! a", "\\save b"):
        assert "No space left on device" in enter(session, typed)
    assert [(path.name, path.read_text()) for path in user_folder(session).iterdir()] == [("a.aql", "FIND one;\n")]


# --- \run


def test_a_query_runs_with_its_values(session: ReplState) -> None:
    Path("daily.aql").write_text(QUERY)
    answer = enter(session, "\\run daily day=2021-01-01 program='themis-asi'")
    assert "1 row" in answer
    assert received_parameters(session) == {"program": "themis-asi", "day": date(2021, 1, 1), "sites": ["gillam"]}
    enter(session, "\\run DAILY day=2021-01-01 sites=gillam,'fort smith' sites=pinawa;")
    assert received_parameters(session)["sites"] == ["gillam", "fort smith", "pinawa"]
    assert "1 row" in enter(session, "\\run ./daily.aql --param day=2021-01-01")
    Path("plain.aql").write_text("FIND x WHERE a = $name AND b IN ($format)")
    enter(session, "\\run plain name='it''s' format=('a b', c)")
    assert received_parameters(session) == {"name": "it's", "format": ["a b", "c"]}
    Path("defaults.aql").write_text("-- param day: date = 2021-01-01\nFIND data_products ON $day")
    assert "1 row" in enter(session, "\\i defaults.aql")
    assert received_parameters(session) == {"day": date(2021, 1, 1)}


@pytest.mark.parametrize(
    ("typed", "parts"),
    [
        ("\\run", ["\\run needs a saved query"]),
        ("\\run dayly", ["the saved query 'dayly' does not exist", "did you mean daily?"]),
        ("\\run ../daily", ["cannot read '../daily'"]),
        ("\\run daily", ["$day has no value", "day=2021-01-01 after \\run"]),
        ("\\run daily day=soon porgram=x", ["$day takes a date, not 'soon'", "did you mean $program?"]),
        ("\\run daily day", ["'day' is not NAME=VALUE"]),
        ("\\run daily day=2021-01-01 program='trex", ["is not NAME=VALUE"]),
    ],
)
def test_errors_are_reported_and_nothing_runs(session: ReplState, typed: str, parts: list[str]) -> None:
    Path("daily.aql").write_text(QUERY)
    answer = enter(session, typed)
    for part in parts:
        assert part in answer
    assert isinstance(session.archive, FakeArchive)
    assert session.archive.asked == []


def test_list_of_queries(session: ReplState) -> None:
    assert "there are no saved queries" in enter(session, "\\queries")
    Path("daily.aql").write_text(QUERY)
    answer = enter(session, "\\queries")
    assert "daily" in answer
    assert "program=trex day=… sites=gillam" in answer


# --- completion


@pytest.fixture
def desk(session: ReplState) -> Controller:
    Path("daily.aql").write_text(QUERY)
    Path("broken.aql").write_text("FIND data_products WHERE")
    return Controller(FakeArchive(), session.switches, io.StringIO())


def offered_lines(desk: Controller, typed: str) -> list[tuple[str, str]]:
    """Return the completed lines and the descriptions of the candidates."""
    candidates = desk.complete(Document(typed), CompleteEvent())
    return [(typed[: len(typed) + item.start_position] + item.text, item.display_meta_text) for item in candidates]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("\\run ", [("\\run broken", ""), ("\\run daily", "The keograms of a day.")]),
        ("\\run ail", [("\\run daily", "The keograms of a day.")]),
        ("/run DAI", [("/run daily", "The keograms of a day.")]),
        ("\\run daily ", [
            ("\\run daily program=", "text = trex  the program"), ("\\run daily day=", "date"),
            ("\\run daily sites=", "list of text = gillam"),
        ]),
        ("\\run daily program=trex d", [("\\run daily program=trex day=", "date")]),
        ("\\run daily program=the", [("\\run daily program=themis", ""), ("\\run daily program=themis-asi", "")]),
        ("\\run daily sites='fort sm", [("\\run daily sites='fort smith'", "")]),
        ("\\run daily sites=(gillam, pina", [("\\run daily sites=(gillam, pinawa", "")]),
        ("\\run daily sites=gillam,fort\\ s", []),
        ("\\run daily sites=gillam,rab", [("\\run daily sites=gillam,'rabbit lake'", "")]),
        ("\\run daily day=", [("\\run daily day=TODAY", "today, in UTC")]),
        ("\\run nothing ", []),
        ("\\run nothing a=", []),
    ],
)  # fmt: skip
def test_names_parameters_and_values_are_completed(
    desk: Controller, typed: str, expected: list[tuple[str, str]]
) -> None:
    assert offered_lines(desk, typed) == expected


def test_completion_reads_no_file(desk: Controller, monkeypatch: pytest.MonkeyPatch) -> None:
    def touched(*_arguments: object, **_options: object) -> None:
        raise AssertionError("a key touched the disk")

    monkeypatch.setattr(store.os, "scandir", touched)  # type: ignore[attr-defined]
    monkeypatch.setattr(Path, "stat", touched)
    monkeypatch.setattr(Path, "open", touched)
    monkeypatch.setattr(Path, "read_text", touched)
    for typed in ("\\run ", "\\run daily ", "\\run daily program="):
        assert offered_lines(desk, typed)


def test_a_new_query_is_completed_immediately(desk: Controller) -> None:
    desk.run("FIND data_products LIMIT 1;")
    desk.run("\\save fresh")
    assert ("\\run fresh", "") in offered_lines(desk, "\\run fr")


# --- settings of the prompt


def test_the_prompt_starts_with_the_configured_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {
        "AURORAQL_KEYS": "vi", "AURORAQL_FUZZY": "off", "AURORAQL_MULTILINE": "on", "AURORAQL_TIMING": "on",
        "AURORAQL_THEME": "dark", "AURORAQL_PAGER": "", "AURORAQL_COLOR": "always", "AURORAQL_QUERIES": "/q",
    }  # fmt: skip
    monkeypatch.setenv("NO_COLOR", "1")
    plain, config = _initial_options(read_config({})), _initial_options(read_config(environ))
    assert (plain.color, plain.fuzzy, plain.multiline, plain.vi, plain.timing, plain.theme, plain.pager) == (
        False, True, False, False, False, "terminal", None,
    )  # fmt: skip
    assert (config.color, config.fuzzy, config.multiline, config.vi, config.timing, config.theme, config.pager, config.queries) == (
        True, False, True, True, True, "dark", "", Path("/q"),
    )  # fmt: skip
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not _initial_options(read_config({})).color
    monkeypatch.setenv("TERM", "xterm")
    assert _initial_options(read_config({})).color
    assert not _initial_options(read_config({"AURORAQL_COLOR": "never"})).color


def test_themes() -> None:
    assert theme_style("terminal") is None
    for name in ("light", "dark", "monokai"):
        style = theme_style(name)
        assert isinstance(style, BaseStyle)
        assert style.get_attrs_for_style_str("class:pygments.keyword").color
        assert style.get_attrs_for_style_str("class:error").underline
    desk = Controller(FakeArchive(), ReplOptions(theme="light", timing=True), io.StringIO())
    assert desk.state.switches.style is not None
    assert desk.state.timing


def test_the_configured_pager_has_precedence() -> None:
    assert choose_pager({"AURORAQL_PAGER": "most", "PAGER": "more"}, "less") == ["less", "-SRXF"]
    assert choose_pager({"PAGER": "more"}, "") == []
    assert choose_pager({"PAGER": "more"}) == ["more"]


def test_a_name_with_spaces_is_run_and_completed_in_quotes(session: ReplState) -> None:
    Path("two words.aql").write_text(QUERY)
    Path("it's.aql").write_text("FIND x;")
    enter(session, "\\run 'two words' day=2021-01-01")
    assert received_parameters(session)["day"] == date(2021, 1, 1)
    assert "1 row · 12 ms" in enter(session, '\\run "it\'s"')
    desk = Controller(FakeArchive(), ReplOptions(), io.StringIO())
    for typed in ("tw", "'two", "'two w"):
        assert offered_lines(desk, f"\\run {typed}")[0][0] == "\\run 'two words'"
    assert offered_lines(desk, "\\run it")[0][0] == '\\run "it\'s"'
    assert "\\run 'two words' day=" in [text for text, _ in offered_lines(desk, "\\run 'two words' d")]
