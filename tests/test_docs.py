"""Every block of the README and every example is run, so that they stay true; generated parts are compared."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from auroraql.codes import CODES
from auroraql.errors import Source
from auroraql.forms.text.formatting import format_text
from auroraql.schema.reference import MARK, reference
from tests import diagrams, errors_page
from tests.conftest import ROOT

DOCUMENTS = (ROOT / "README.md", ROOT / "grammar" / "README.md")
EXAMPLES = sorted((ROOT / "examples").glob("*.aql"))
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[pytest.param]:  # type: ignore[valid-type]
    """The blocks of one language in all documents, named by where they stand."""
    found = []
    for document in DOCUMENTS:
        text = document.read_text("utf-8")
        for match in _BLOCK.finditer(text):
            if match[1] == language:
                line = text.count("\n", 0, match.start()) + 1
                found.append(pytest.param(match[2], id=f"{document.parent.name}:{line}"))
    assert found, language
    return found


@pytest.fixture(scope="session")
def shell(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which `auroraql` is this checkout's."""
    folder = tmp_path_factory.mktemp("bin")
    command = folder / "auroraql"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m auroraql "$@"\n')
    command.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


def ran(command: str, environment: dict[str, str]) -> str:
    """What a command of a document prints; it must succeed."""
    done = subprocess.run(
        ["bash", "-ec", command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("block", blocks("console"))
def test_console_blocks_print_what_they_show(block: str, shell: dict[str, str]) -> None:
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        assert ran(command, shell) == shown, command


@pytest.mark.parametrize("block", blocks("aql"))
def test_aql_blocks_run(block: str, shell: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "block.aql"
    file.write_text(block)
    assert ran(f"auroraql run {file} --format csv", shell)
    assert format_text(Source(block)) == block


@pytest.mark.parametrize("block", blocks("python"))
def test_python_blocks_run(block: str, shell: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "block.py"
    file.write_text(block)
    ran(f"cd {tmp_path} && {sys.executable} -W error {file}", shell)


def test_only_known_kinds_of_blocks_stand_in_the_documents() -> None:
    languages = {match[1] for document in DOCUMENTS for match in _BLOCK.finditer(document.read_text("utf-8"))}
    # `sh` blocks install: the gate runs them, in an environment of its own; `text` blocks need the network.
    assert languages <= {"sh", "text", "console", "aql", "python", "lark", "toml"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.stem)
def test_an_example_runs_as_its_head_says_and_finds_something(example: Path, shell: dict[str, str]) -> None:
    (command,) = re.findall(r"^-- \$ (auroraql run .*)$", example.read_text("utf-8"), re.MULTILINE)
    assert example.name in command
    assert len(ran(command + " --format csv", shell).splitlines()) > 1


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.stem)
def test_an_example_is_formatted_and_right(example: Path, shell: dict[str, str]) -> None:
    ran(f"auroraql fmt --check {example} && auroraql check {example}", shell)


def test_there_are_examples_enough() -> None:
    assert len(EXAMPLES) >= 8


def test_the_reference_is_generated_from_schema_and_grammar(update: bool) -> None:
    path = ROOT / "grammar" / "README.md"
    text = path.read_text("utf-8")
    head, _, _ = text.partition(MARK)
    made = head + MARK + "\n\n" + reference()
    if update:
        path.write_text(made, "utf-8")
    assert path.read_text("utf-8") == made


@pytest.mark.parametrize(("name", "make"), [("ERRORS.md", errors_page.page), ("diagrams.html", diagrams.page)])
def test_a_page_is_generated(name: str, make: Callable[[], str], update: bool) -> None:
    path = ROOT / "grammar" / name
    if update:
        path.write_text(make(), "utf-8")
    assert path.read_text("utf-8") == make()


def test_every_code_has_an_example() -> None:
    too_long_to_show, said_of_a_service = {"AQL0103", "AQL0119"}, {"AQL0611"}
    assert CODES.keys() - errors_page.examples().keys() == too_long_to_show | said_of_a_service


@pytest.mark.parametrize("block", blocks("toml"))
def test_toml_blocks_are_right(block: str, shell: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(block)
    file.chmod(0o600)
    assert ran("auroraql config validate", {**shell, "AURORAQL_CONFIG": str(file)}) == f"{file}: right\n"
