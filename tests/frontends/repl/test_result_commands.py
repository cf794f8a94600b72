"""Tests of the commands for results, and of help on keywords, metadata keys and errors."""

from __future__ import annotations

import io
import os
import re
import stat
import webbrowser
from pathlib import Path
from unittest.mock import patch

import pytest

from auroraql.completion.keywords import FUNCTIONS, KEYWORDS, SQL
from auroraql.diagnostics.errors import Source
from auroraql.frontends.repl import display
from auroraql.frontends.repl.commands import run_command
from auroraql.frontends.repl.controller import run_input
from auroraql.frontends.repl.controller_protocol import ReplOptions
from auroraql.frontends.repl.display import supports_links
from auroraql.frontends.repl.external_editor import edit_text
from auroraql.frontends.repl.help import keyword_syntax
from auroraql.frontends.repl.state import ReplState
from auroraql.frontends.shared.pager import choose_pager
from auroraql.rendering import render_result
from auroraql.schema import functions
from auroraql.session.archive import connect
from tests.support.repl_fakes import (
    TABLE,
    URL,
    FakeArchive,
    NumberedProducts,
    Products,
    printed,
    products,
    state,
    take_all,
)

# --- results


def test_the_last_result_is_shown_again() -> None:
    session = state()
    run_input(session, "FIND data_products;")
    run_input(session, "\\last")
    whole = TABLE.replace("00:00  trex", "00:00:00  trex").replace("start   ", "start      ").replace("-  -", "----  -")
    assert printed(session) == TABLE + whole
    for text in ("\\format parquet", "\\last parquet"):
        run_input(session, text)
        assert printed(session).splitlines()[-2] == "parquet is a binary format, and a terminal cannot show it"
    run_input(session, "\\last csv")
    assert "start,program\n2021-01-01T00:00:00,trex\n" in printed(session)


@pytest.mark.parametrize("text", ["FIND data_products \\G", "FIND data_products\n\\G;", "FIND data_products"])
def test_vertical_view_of_the_last_result(text: str) -> None:
    session = state()
    run_input(session, text)
    if "\\G" not in text:
        run_input(session, "\\G")
    assert "-[ row 1 ]" in printed(session)
    assert "\\G" not in session.statement
    assert session.format == "table"


def test_without_a_result_the_hint_says_how_to_get_one() -> None:
    for command in ("last", "G", "export x.csv", "pipe cat", "open"):
        assert "there is no result yet" in take_all(f"\\{command}")


def test_the_last_result_is_piped(tmp_path: Path) -> None:
    session = products()
    for text in ("FIND a", "\\format csv", f"\\pipe wc -l > {tmp_path}/lines", "\\pipe false", "\\pipe"):
        run_input(session, text)
    assert (tmp_path / "lines").read_text().strip() == "2"
    assert "the command exited with status 1" in printed(session)
    assert "needs a command" in printed(session)


def test_a_product_is_opened_in_a_browser() -> None:
    session = products()
    with patch.object(webbrowser, "open", return_value=True) as opened:
        for text in ("FIND a", "FIND b", "\\open 2", "\\open", "\\open 3", "\\open x"):
            run_input(session, text)
    assert [call.args[0] for call in opened.call_args_list] == [URL.replace("01.", "1."), URL.replace("01.", "0.")]
    assert printed(session).count("the result has rows 1 to 2") == 2
    assert "no column url" in take_all("FIND a", "\\open")


def test_watch_shows_new_rows() -> None:
    session = products()
    with patch("time.sleep", side_effect=[None, None, KeyboardInterrupt]):
        run_input(session, "FIND a")
        run_input(session, "\\watch 5")
    shown = printed(session)
    assert len(re.findall(r"\d\d:\d\d:\d\d 1 new row\n", shown)) == 2
    assert shown.count("2021-01-04") == 1
    assert shown.endswith("cancelled\n")


def test_watch_compares_each_statement_separately() -> None:
    session = products()
    run_input(session, "FIND a")
    answer = [result for number in (1, 2) for result in NumberedProducts(number).run_script(Source("FIND a"))]
    with (
        patch("time.sleep", side_effect=[None, KeyboardInterrupt]),
        patch.object(Products, "run_script", lambda *_: answer),
    ):
        run_input(session, "\\watch 5")
    assert printed(session).count("no new rows") == 2


@pytest.mark.parametrize("argument", ["0", "x", "-1", "1e9", "nan"])
def test_watch_takes_seconds(argument: str) -> None:
    assert "number of seconds" in take_all("FIND a", f"\\watch {argument}")


def test_timing_shows_each_phase() -> None:
    shown = take_all("\\timing", "FIND a", "\\timing", "FIND b")
    assert len(re.findall(r"^time: 12\.0 ms to search, [\d.]+ ms to display$", shown, re.MULTILINE)) == 1


def test_a_file_of_statements_is_run(tmp_path: Path) -> None:
    (tmp_path / "a.aql").write_text("FIND a;")
    session = state()
    for text in (f"\\i '{tmp_path}/a.aql'", f"\\i {tmp_path}/none.aql", "\\i"):
        run_input(session, text)
    assert isinstance(session.archive, FakeArchive)
    assert session.archive.asked == ["FIND a;"]
    assert "cannot read" in printed(session)
    assert "needs a file" in printed(session)


def test_urls_are_hyperlinks_where_the_terminal_supports_them() -> None:
    session = products()
    run_input(session, "FIND a")
    assert session.last is not None
    shown = "".join(render_result(session.last, "table", width=40, color=False, links=True))
    url = URL.replace("01.", "0.")
    assert re.search(rf"\x1b\]8;;{re.escape(url)}\x1b\\…[^\x1b]+\x1b\]8;;\x1b\\", shown)
    plain = "".join(render_result(session.last, "table", width=40, color=False))
    assert re.sub(r"\x1b\]8;;[^\x1b]*\x1b\\", "", shown) == plain
    assert "\x1b" not in "".join(render_result(session.last, "csv", width=40, color=False, links=True))
    assert f"\x1b]8;;{url}\x1b\\{url}" in "".join(
        render_result(session.last, "vertical", width=40, color=False, links=True)
    )


@pytest.mark.parametrize(
    ("environ", "links"),
    [({"TERM_PROGRAM": "WezTerm"}, True), ({"VTE_VERSION": "7200"}, True), ({"VTE_VERSION": "4000"}, False),
     ({"FORCE_HYPERLINK": "1"}, True), ({"FORCE_HYPERLINK": "0", "TERM_PROGRAM": "WezTerm"}, False),
     ({"TERM": "xterm-kitty"}, True), ({"TERM": "xterm"}, False), ({}, False)],
)  # fmt: skip
def test_terminals_with_hyperlinks(environ: dict[str, str], links: bool) -> None:
    assert supports_links(environ) is links


# --- the pager


def page_result(tmp_path: Path, rows: int, height: int) -> tuple[str, str]:
    """Show a result, and return what the terminal and the pager received."""
    taken = tmp_path / "taken"
    program = tmp_path / "pager"
    program.write_text(f"#!/bin/sh\ncat > {taken}\n")
    program.chmod(stat.S_IRWXU)
    session = ReplState(Products(), io.StringIO(), ReplOptions(), pages=True)
    assert isinstance(session.archive, Products)
    session.archive.asked += [""] * (rows - 1)
    size = os.terminal_size((80, height))
    with patch.dict(os.environ, {"AURORAQL_PAGER": str(program)}), patch("shutil.get_terminal_size", lambda: size):
        run_input(session, "FIND a")
    return printed(session), taken.read_text() if taken.exists() else ""


def test_only_results_longer_than_the_screen_are_paged(tmp_path: Path) -> None:
    terminal, pager_shown = page_result(tmp_path, 5, 24)
    assert "2021-01-05" in terminal
    assert pager_shown == ""
    terminal, pager_shown = page_result(tmp_path, 28, 24)
    assert "2021-01-28" in pager_shown
    assert "2021-01-28" not in terminal
    assert "28 rows" in terminal


@pytest.mark.parametrize(
    ("environ", "command"),
    [
        ({}, ["less", "-SRXF"]),
        ({"PAGER": "more -e"}, ["more", "-e"]),
        ({"PAGER": "more", "AURORAQL_PAGER": "less -i"}, ["less", "-SRXF", "-i"]),
        ({"PAGER": ""}, []),
        ({"PAGER": "'"}, []),
    ],
)
def test_the_users_pager_is_used(environ: dict[str, str], command: list[str]) -> None:
    assert choose_pager(environ) == command


def test_a_missing_pager_is_not_an_error(tmp_path: Path) -> None:
    session = ReplState(Products(), io.StringIO(), ReplOptions(), pages=True)
    with patch.dict(os.environ, {"PAGER": str(tmp_path / "none")}):
        display.write_text(session, ["a\n" * 500])
    assert printed(session).count("a") == 500


# --- help


def test_help_of_a_keyword_has_its_syntax_and_an_example() -> None:
    shown = run_command(state(), "\\h within;")
    assert "maximum distance between blocks" in shown
    assert 'within: WITHIN distance ("," distance)*' in shown
    assert "example:" in shown
    assert "did you mean \\h WITHIN?" in take_all("\\h witin")
    assert "\\h KEYWORD explains one" in run_command(state(), "\\h")


@pytest.mark.parametrize("word", KEYWORDS)
def test_every_statement_keyword_has_a_syntax_rule(word: str) -> None:
    assert keyword_syntax(word)


def test_every_function_has_help() -> None:
    assert set(FUNCTIONS) == set(functions.FUNCTIONS)


def test_every_example_runs() -> None:
    with connect() as archive:
        for example in dict.fromkeys(row.example for row in (*KEYWORDS.values(), *FUNCTIONS.values(), SQL)):
            assert [len(result) for result in archive.run_script(example)], example


def test_help_of_a_metadata_key_has_its_values_and_sources() -> None:
    shown = run_command(state(), "\\dm keogram_type")
    assert "Type of keogram" in shown
    assert "'daily_hires'" in shown
    assert "TREx RGB GILL" in shown
    assert "did you mean keogram_type?" in run_command(state(), "\\dm keogram_tpye")
    assert "movie_type" in run_command(state(), "\\dm")
    assert "any of the" in run_command(state(), "\\dm metadata.imaging_start_time")


def test_the_last_error_is_shown_in_full() -> None:
    session = products()
    run_input(session, "\\E")
    run_input(session, "FIND fails")
    run_input(session, "\\E")
    assert printed(session).startswith("no error has occurred yet")
    assert printed(session).endswith("  caused by OSError: the disk\n")


# --- the editor


def editor(folder: Path, code: int) -> dict[str, str]:
    program = folder / "editor"
    program.write_text(f'#!/bin/sh\nprintf "FIND b" > "$1"\nexit {code}\n')
    program.chmod(stat.S_IRWXU)
    return {"EDITOR": str(program)}


def test_the_editor_returns_the_text_unless_it_fails(tmp_path: Path) -> None:
    assert edit_text("FIND a", editor(tmp_path, 0)) == "FIND b"
    assert edit_text("FIND a", editor(tmp_path, 1)) is None
    session = state()
    with patch.dict(os.environ, editor(tmp_path, 0)):
        run_input(session, "\\e")
    assert session.switches.draft == "FIND b"
    with patch.dict(os.environ, {"EDITOR": "/no/editor", "VISUAL": ""}):
        run_input(session, "\\e")
    assert "cannot be run" in printed(session)
