"""No statement is parsed twice: the parser is counted while public doors read, check, format, translate and run it."""

from __future__ import annotations

import io
from collections import Counter
from itertools import count
from pathlib import Path

import pytest
from prompt_toolkit.document import Document

from auroraql.frontends.repl.controller import Controller
from auroraql.frontends.repl.controller_protocol import ReplOptions
from auroraql.language import parser
from auroraql.session.archive import connect
from tests.support.command_line import command

_LIMITS = count(1)


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the calls of the parser by the text that they parse."""
    counts: Counter[str] = Counter()
    run_parser = parser.run_parser

    def count_and_run(text: str, start: int, end: int) -> object:
        counts[text[start:end].strip()] += 1
        return run_parser(text, start, end)

    monkeypatch.setattr(parser, "run_parser", count_and_run)
    return counts


def new_statement() -> str:
    """Return a statement that nothing in this process has read before."""
    return f"FIND data_products WHERE program = 'trex' ON 2021-01-01 LIMIT {next(_LIMITS)} OFFSET 1"


@pytest.mark.parametrize("options", [(), ("--format", "json"), ("--format", "jsonl"), ("--keep-going",)])
def test_a_statement_on_the_command_line_is_parsed_once(parses: Counter[str], options: tuple[str, ...]) -> None:
    statement = new_statement()
    assert command(*options, "-c", statement).code == 0
    assert parses == {statement: 1}


def test_a_statement_whose_result_is_written_to_a_file_is_parsed_once(parses: Counter[str], tmp_path: Path) -> None:
    statement = new_statement()
    assert command("--output", tmp_path / "rows.csv", "-c", statement).code == 0
    assert parses == {statement: 1}


def test_the_statements_of_a_script_with_parameters_are_parsed_once(parses: Counter[str], tmp_path: Path) -> None:
    first, second = new_statement(), new_statement().replace("'trex'", "$program")
    script = tmp_path / "script.aql"
    script.write_text(f"-- param program: text = trex  the program\nLET a = {first};\n\n{second};\n")
    assert command("run", script, "program=trex").code == 0
    assert parses == {f"LET a = {first}": 1, second: 1}


@pytest.mark.parametrize("words", [("check",), ("fmt", "--check"), ("translate", "--to", "aql")])
def test_a_statement_is_checked_formatted_and_translated_with_one_parse(
    parses: Counter[str], tmp_path: Path, words: tuple[str, ...]
) -> None:
    statement = new_statement()
    script = tmp_path / "script.aql"
    script.write_text(f"-- a comment\n{statement};\n")
    assert command(*words, script).code in (0, 1)
    assert parses == {statement: 1}


def test_a_wrong_statement_in_a_script_is_parsed_once(parses: Counter[str], tmp_path: Path) -> None:
    script, wrong = tmp_path / "script.aql", new_statement().replace("ON 2021-01-01", "ON 2021-01-01 ON")
    script.write_text(f"SHOW SOURCES;\n{wrong};\n")
    done = command("check", script)
    assert (done.code, parses[wrong]) == (2, 1)
    assert "script.aql:2:" in done.err


def test_a_line_at_the_prompt_is_parsed_once_from_typing_to_its_result(parses: Counter[str]) -> None:
    statement = new_statement()
    with connect() as archive:
        stream = io.StringIO()
        controller = Controller(archive, ReplOptions(), stream)
        parses.clear()
        assert controller.check(statement) == ()
        assert controller.submits(Document(statement))
        controller.run(statement)
        assert parses == {statement: 1}
        assert "demo" in stream.getvalue()
