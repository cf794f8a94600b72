"""Tests of the prompt: when Enter submits, what commands print, and what keys do."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from auroraql.completion.keywords import FUNCTIONS
from auroraql.diagnostics.errors import UsageError
from auroraql.frontends.repl import banner
from auroraql.frontends.repl.commands import COMMANDS, is_command, run_command, split_input
from auroraql.frontends.repl.controller import can_submit, run_input, run_session
from auroraql.frontends.repl.describe import describe_name
from auroraql.schema import KINDS
from auroraql.schema.catalogue import load_shipped
from tests.support.repl_fakes import TABLE, FakeArchive, printed, state, take_all

# --- submitting


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
def test_enter_submits_complete_input(text: str) -> None:
    assert can_submit(Document(text))


@pytest.mark.parametrize(
    "text", ["FIND", "FIND data_products WHERE", "FIND data_products WHERE program = 'tr", "/* why", "{"]
)
def test_enter_inserts_a_line_in_incomplete_input(text: str) -> None:
    assert not can_submit(Document(text))


def test_a_blank_line_submits_only_at_the_end_of_the_text() -> None:
    assert can_submit(Document("FIND data_products WHERE\n  "))
    assert not can_submit(Document("\n\nFIND data_products WHERE", cursor_position=0))


# --- commands


@pytest.mark.parametrize("text", ["\\d", "/d trex", "\\?", "/?", "\\", " \\x; ", "HELP", "quit;", "exit", "\\nonsense"])
def test_commands_are_recognized(text: str) -> None:
    assert is_command(text)


@pytest.mark.parametrize("text", ["FIND x", "/* a comment */ FIND x", "/*", "-- \\d", "help me", "\n'\\d'", "{}"])
def test_other_text_is_not_a_command(text: str) -> None:
    assert not is_command(text)


def test_the_help_names_every_command() -> None:
    for row in COMMANDS:
        assert f"\\{row.name}" in run_command(state(), "\\?")
        assert row.doc in " ".join(run_command(state(), "help").split())


@pytest.mark.parametrize("width", [30, 40, 80, 200])
def test_help_fits_the_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    listed = run_command(state(), "\\?").partition("\n\nPress Enter")[0] + "\n" + run_command(state(), "\\h")
    assert max(map(len, listed.splitlines())) <= width


@pytest.mark.parametrize(
    ("typed", "meant"), [("\\fromat", "\\format"), ("\\qq", "\\q"), ("/hlep", "\\?"), ("\\quit now", "")]
)
def test_a_mistyped_command_gets_a_suggestion(typed: str, meant: str) -> None:
    answered = run_command(state(), typed)
    assert (f"did you mean {meant}?" in answered) if meant else (answered == "")


def test_the_view_is_toggled_and_restored() -> None:
    session = state()
    run_input(session, "\\format csv")
    run_input(session, "\\x")
    assert session.format == "vertical"
    run_input(session, "/x")
    assert session.format == "csv"
    run_input(session, "\\format")
    assert "* csv" in printed(session)


@pytest.mark.parametrize(("command", "message"), [("x", "shown as"), ("timing", "timing is")])
def test_switches_accept_on_and_off(command: str, message: str) -> None:
    session = state()
    before = run_command(session, f"\\{command} off")
    assert message in before
    assert run_command(session, f"\\{command} OFF") == before
    on = run_command(session, f"\\{command} on")
    assert on != before
    assert run_command(session, f"\\{command} on") == on
    assert run_command(session, f"\\{command}") == before
    with pytest.raises(UsageError, match="takes on or off, not 'maybe'"):
        run_command(session, f"\\{command} maybe")


@pytest.mark.parametrize("name", ["missing/rows.csv", "."])
@pytest.mark.parametrize("command", ["o", "tee"])
def test_an_unwritable_output_is_reported_immediately(command: str, name: str, tmp_path: Path) -> None:
    session = state()
    with pytest.raises(UsageError, match="cannot write"):
        run_command(session, f"\\{command} {tmp_path / name}")
    assert (session.output, session.tee) == (None, None)
    run_command(session, f"\\{command} {tmp_path / 'rows.csv'}")
    assert not (tmp_path / "rows.csv").exists()


def test_a_field_is_not_a_metadata_key() -> None:
    assert run_command(state(), "\\dm program").endswith("\\d program describes it; \\dm lists the metadata keys")
    assert "\\dm alone lists" in run_command(state(), "\\dm xyzzy")


@pytest.mark.parametrize("word", FUNCTIONS)
def test_functions_have_a_help_page_too(word: str) -> None:
    page = run_command(state(), f"\\h {word}(")
    assert page.startswith(f"{word}: ")
    assert 'function "(" (arguments | DISTINCT sum | all)? ")"' in page


def test_help_shows_no_terminal_name() -> None:
    page = run_command(state(), "\\h last month")
    assert "window: (THIS | LAST) (WEEK | MONTH | YEAR)" in page
    assert "PERIOD" not in page
    assert 'SET setting "="' in run_command(state(), "\\h set")


def test_an_unknown_format_gets_a_suggestion() -> None:
    assert "did you mean csv?" in take_all("\\format cvs")


@pytest.mark.parametrize("text", ["\\q", "/q", "quit", "exit;"])
def test_commands_that_quit(text: str) -> None:
    session = state()
    run_input(session, text)
    assert session.switches.done


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
def test_help_for_a_name(name: str, shown: list[str]) -> None:
    text = describe_name(load_shipped(), name, 100)
    assert all(item in text for item in shown)


@pytest.mark.parametrize("width", [20, 60, 80])
def test_every_known_name_has_help(width: int) -> None:
    catalogue = load_shipped()
    for kind in KINDS.values():
        for name in (kind.name, *(leaf.bare for leaf in kind.leaves()), *catalogue.keys(kind.name)):
            assert "nothing is named" not in describe_name(catalogue, name, width)


# --- statements


def test_a_statement_prints_a_table_and_its_footer() -> None:
    assert take_all("FIND data_products;") == TABLE


def test_an_error_shows_its_position() -> None:
    assert take_all("FIND wrong;").splitlines() == [
        "error[AQL0001]: no such thing",
        "  ┌ <input>:1:6",
        "1 │ FIND wrong;",
        "  │      ^^^^^ here",
    ]


def test_warnings_precede_the_rows() -> None:
    shown = take_all("FIND careful;")
    assert shown.startswith("warning[AQL0900]: careful")
    assert shown.endswith(TABLE)


@pytest.mark.parametrize(
    ("text", "message"),
    [("refused", "archive 'demo' refused: no ␛[2J\n"), ("interrupted", "cancelled\n"), ("fault", "please report it")],
)
def test_no_error_ends_the_session(text: str, message: str) -> None:
    shown = take_all(text, "FIND data_products")
    assert message in shown
    assert shown.endswith(TABLE)


def test_the_banner_mentions_demonstration_data() -> None:
    assert re.fullmatch(
        r"AuroraQL .* · demo \(demonstration data\) · Type \\\? for help\.", banner("demo", demonstration=True)
    )


# --- the session, with keys


def session(keys: str, folder: Path) -> tuple[FakeArchive, str]:
    archive, stream = FakeArchive(), io.StringIO()
    with create_pipe_input() as keyboard:
        keyboard.send_text(keys)
        run_session(archive, stream=stream, history=folder / "history", input=keyboard, output=DummyOutput())
    return archive, stream.getvalue()


def test_a_statement_over_several_lines(tmp_path: Path) -> None:
    archive, shown = session("FIND data_products WHERE\r program = 'trex'\r  ON 2021-01-01\r\\q\r", tmp_path)
    assert archive.asked == ["FIND data_products WHERE\n program = 'trex'\n  ON 2021-01-01"]
    assert shown.endswith(TABLE)


def test_a_pasted_script_is_one_input(tmp_path: Path) -> None:
    archive, _ = session("\x1b[200~FIND a;\nFIND b;\n\x1b[201~\r\x04", tmp_path)
    assert archive.asked == ["FIND a;\nFIND b;\n"]


def test_commands_are_pasted_among_statements(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    pasted = f"\\timing\nFIND a;\n\n\\export {file}\n\\x\nFIND b;\n\\G\n"
    archive, shown = session(f"\x1b[200~{pasted}\x1b[201~\r\x04", tmp_path)
    assert [item.strip() for item in archive.asked] == ["FIND a;", "FIND b;"]
    assert file.read_text().startswith("start,")
    assert shown.count("timing is on") == shown.count("shown as vertical") == 1
    assert shown.count("-[ row 1 ]") == 1


def test_a_failure_discards_the_rest_of_the_pasted_text(tmp_path: Path) -> None:
    archive, shown = session("\x1b[200~\\x\nFIND wrong;\n\\timing\nFIND b;\x1b[201~\r\x04", tmp_path)
    assert archive.asked == ["FIND wrong;\n"]
    assert "timing" not in shown


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("FIND a;\n\\x\n", ["FIND a;\n", "\\x\n"]),
        ("FIND a WHERE\n\\x\n", ["FIND a WHERE\n\\x\n"]),
        ("FIND a WHERE b = 'c\n\\x\n'", ["FIND a WHERE b = 'c\n\\x\n'"]),
        ("/* why\n\\x */ FIND a;", ["/* why\n\\x */ FIND a;"]),
        ("FIND a;\n\\G", ["FIND a;\n\\G"]),
        ("\\x\n\n\\G", ["\\x\n", "\n", "\\G"]),
    ],
)
def test_a_command_starts_only_where_no_statement_is_open(text: str, cut: list[str]) -> None:
    assert [*split_input(text)] == cut


def test_a_statement_continues_after_a_pasted_command() -> None:
    assert can_submit(Document("FIND a;\n\\x"))
    assert can_submit(Document("\\x\nFIND a;"))
    assert not can_submit(Document("\\x\nFIND a WHERE"))


def test_ctrl_c_clears_the_line_and_ctrl_d_leaves(tmp_path: Path) -> None:
    archive, _ = session("FIND wrong\x03FIND data_products;\r\x04", tmp_path)
    assert archive.asked == ["FIND data_products;"]


def test_the_last_statement_is_recalled(tmp_path: Path) -> None:
    session("FIND a;\r\x04", tmp_path)
    archive, _ = session("\x1b[A\r\x04", tmp_path)
    assert archive.asked == ["FIND a;"]
