"""Tests of the documentation: run every code block and example, and compare the generated parts."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

import auroraql
from auroraql.diagnostics.codes import CODES
from auroraql.diagnostics.errors import Source
from auroraql.engines.duckdb.demo import demo_cache_path
from auroraql.frontends.repl.controller_protocol import LazyController, ReplOptions
from auroraql.frontends.repl.key_bindings import key_bindings
from auroraql.language.formatter import format_text
from auroraql.queries import bind_parameters
from auroraql.session.archive import Archive, connect
from tests.conftest import ROOT
from tests.docs import commands_page, diagrams, errors_page, python_page, screenshot
from tests.docs.language_reference import MARK, write_reference
from tests.support.server_process import ServerProcess

TUTORIAL = ROOT / "examples" / "README.md"
SQL_SHEET = ROOT / "examples" / "SQL.md"
FAQ = ROOT / "examples" / "FAQ.md"
CATALOGUE = ROOT / "examples" / "CATALOGUE.md"
GENERATED = {"CONFORMANCE.md", "ERRORS.md", "PYTHON.md"}
PAGES = [ROOT / "README.md", *sorted((ROOT / "grammar").glob("*.md")), *sorted((ROOT / "examples").glob("*.md"))]
DOCUMENTS = [page for page in PAGES if page.name not in GENERATED]
EXAMPLES = sorted((ROOT / "examples").glob("*.aql"))
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[pytest.param]:  # type: ignore[valid-type]
    """Return the blocks of one language in all documents, with their position as the name of the test.

    The Python blocks of the tutorial, and the commands of the page on catalogues, each have a test of their own.
    """
    fenced = []
    for document in DOCUMENTS:
        if (language, document) in (("python", TUTORIAL), ("console", CATALOGUE)):
            continue
        text = document.read_text("utf-8")
        for match in _BLOCK.finditer(text):
            if match[1] == language:
                line = text.count("\n", 0, match.start()) + 1
                fenced.append(pytest.param(match[2], id=f"{document.parent.name}/{document.stem}:{line}"))
    assert fenced, language
    return fenced


@pytest.fixture(scope="session")
def shell(tmp_path_factory: pytest.TempPathFactory, demo_engine: object) -> dict[str, str]:
    """Return an environment whose `auroraql` is this checkout's, with the demonstration built."""
    folder = tmp_path_factory.mktemp("bin")
    command = folder / "auroraql"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m auroraql "$@"\n')
    command.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


def run_command(command: str, environment: dict[str, str]) -> str:
    """Run a command of a document and return its output. It must succeed."""
    done = subprocess.run(
        ["bash", "-ec", command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("block", blocks("console"))
def test_console_blocks_print_what_they_show(block: str, shell: dict[str, str]) -> None:
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        assert run_command(command, shell) == shown, command


def test_the_commands_of_the_page_on_catalogues_print_what_they_show(shell: dict[str, str], tmp_path: Path) -> None:
    """They continue each other, in a folder with the file of the example."""
    shutil.copy(ROOT / "examples" / "nights.csv", tmp_path)
    blocks = re.findall(r"^( *)```console\n(.*?)^ *```$", CATALOGUE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 6
    for indent, block in blocks:
        text = re.sub(f"^{indent}", "", block, flags=re.MULTILINE)
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            assert run_command(f"cd {shlex.quote(str(tmp_path))} && {command}", shell) == shown, command


@pytest.mark.parametrize("block", blocks("aql"))
def test_aql_blocks_run(block: str, demo_engine: object) -> None:
    with connect() as archive:
        results = list(archive.run_script(block, **bind_parameters([Source(block)], {})))
    assert all(len(result) or result.note for result in results)
    assert format_text(Source(block)) == block


@pytest.mark.parametrize("block", blocks("python"))
def test_python_blocks_run(block: str, shell: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "block.py"
    file.write_text(block)
    run_command(f"cd {tmp_path} && {sys.executable} -W error {file}", shell)


def test_documents_use_known_kinds_of_blocks_only() -> None:
    languages = {match[1] for document in DOCUMENTS for match in _BLOCK.finditer(document.read_text("utf-8"))}
    # The gate runs `sh` blocks in a separate environment. `text` blocks need the network; `mermaid` blocks are
    # diagrams.
    assert languages <= {"sh", "text", "console", "aql", "python", "toml", "mermaid"}


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 250


def heading_anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub generates from the headings of a page."""
    text = _BLOCK.sub("", page.read_text("utf-8"))
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_links_resolve(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", _BLOCK.sub("", page.read_text("utf-8"))):
        if "://" not in target:
            name, _, anchor = target.partition("#")
            linked = (page.parent / name).resolve() if name else page
            assert linked.exists(), target
            assert not anchor or anchor in heading_anchors(linked), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_no_page_names_a_folder_of_a_machine(page: Path) -> None:
    assert not re.search(r"(?<![\w.:/])/(?:work|home|root|Users|tmp)/", page.read_text("utf-8"))


# --- the tutorial and the SQL cheat sheet


def rows_of_tables(page: Path) -> list[tuple[str, str]]:
    """Return the rows of a page's tables whose right cell is a statement in backticks."""
    return re.findall(r"^\| (.*) \| `([A-Z].*)` \|$", page.read_text("utf-8"), re.MULTILINE)


def test_the_tutorial_is_a_program_in_which_both_clients_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, demo_server: ServerProcess
) -> None:
    program = "\n".join(re.findall(r"^```python\n(.*?)^```$", TUTORIAL.read_text("utf-8"), re.MULTILINE | re.DOTALL))
    monkeypatch.setenv("HOME", str(tmp_path))  # pyaurorax creates a folder there
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    namespace: dict[str, Any] = {}
    try:
        exec(compile(program.replace("http://127.0.0.1:8080", demo_server.url), "tutorial", "exec"), namespace)  # noqa: S102
    finally:
        namespace["archive"].close()
    assert len(namespace["result"]) == 820


def test_the_tutorial_lists_every_saved_query() -> None:
    rows = re.findall(r"^\| \[([\w.]+)\]\(\1\) \| (.*) \|$", TUTORIAL.read_text("utf-8"), re.MULTILINE)
    assert rows == [
        (path.name, path.read_text("utf-8").partition("-- description  ")[2].splitlines()[0]) for path in EXAMPLES
    ]


@pytest.mark.parametrize("statement", [statement for _, statement in rows_of_tables(TUTORIAL)])
def test_every_pyaurorax_call_has_a_statement(statement: str, demo: Archive) -> None:
    *_, result = demo.run_script(statement)
    assert len(result)


_VIEWS = """
CREATE SCHEMA sheet;
CREATE VIEW sheet.data_products AS
  SELECT p.start, p."end", s.*, p.url, p.data_product_type, p.metadata::JSON AS metadata
  FROM main.data_products p JOIN main.data_sources s ON s.identifier = p.data_source;
CREATE VIEW sheet.products AS FROM sheet.data_products WHERE start >= '2021-01-01' AND "end" < '2021-01-02';
CREATE VIEW sheet.ephemeris AS
  SELECT e.epoch, s.*, {'lat': nbtrace_lat, 'lon': nbtrace_lon} AS nbtrace, m.metadata::JSON AS metadata
  FROM main.ephemeris e JOIN main.data_sources s ON s.identifier = e.data_source
  LEFT JOIN main.ephemeris_metadata m ON m.identifier = e.metadata;
SET search_path = 'sheet';
"""
"""The tables that the SQL of the cheat sheet queries, as views on the demonstration."""


@pytest.fixture(scope="module")
def sql(demo_engine: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    copy = shutil.copyfile(demo_cache_path(None), tmp_path_factory.mktemp("sheet") / "demo.duckdb")
    with duckdb.connect(str(copy)) as connection:
        connection.execute(_VIEWS)
        yield connection


def test_the_sql_sheet_has_enough_rows() -> None:
    assert len(rows_of_tables(SQL_SHEET)) >= 40


@pytest.mark.parametrize(("left", "right"), rows_of_tables(SQL_SHEET))
def test_sql_and_its_statement_find_the_same(
    left: str, right: str, sql: duckdb.DuckDBPyConnection, demo: Archive
) -> None:
    *_, result = demo.run_script(right)
    query = left.strip("`")
    if not query.startswith("SELECT") or "…" in query:  # a fragment of SQL, or a statement that changes data
        return
    cursor = sql.execute(query)
    assert cursor.description is not None
    names = [column[0] for column in cursor.description]
    shared = [name for name in names if name != "metadata"] if "*" in query.partition(" FROM ")[0] else []
    rows, theirs = list(result), cursor.fetchall()
    if shared and "count" not in query:  # whole records, whose columns are in another order
        places = [[column.name for column in result.columns].index(name) for name in shared]
        rows = [tuple(row[place] for place in places) for row in rows]
        theirs = [tuple(row[names.index(name)] for name in shared) for row in theirs]
    expected = Counter(theirs)
    assert Counter(rows) == expected
    assert expected or "now()" in query


# --- the FAQ


@pytest.mark.parametrize(
    ("kind", "query"),
    [
        ("data products", "SELECT DISTINCT start::DATE FROM main.data_products"),
        ("ephemeris", "SELECT DISTINCT epoch::DATE FROM main.ephemeris"),
    ],
)
def test_the_faq_lists_the_days_of_the_demonstration(kind: str, query: str, sql: duckdb.DuckDBPyConnection) -> None:
    listed = re.search(rf"^\| {kind} \| (2.*) \|$", FAQ.read_text("utf-8"), re.MULTILINE)
    assert listed is not None
    days: set[date] = set()
    for period in listed[1].split(", "):
        first, *last = (date.fromisoformat(text) for text in period.split(" to "))
        days |= {first + timedelta(days=n) for n in range(((last or [first])[0] - first).days + 1)}
    assert {day for (day,) in sql.execute(query).fetchall()} == days


# --- examples and generated pages


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.stem)
def test_an_example_runs_with_its_own_header_and_finds_something(example: Path, shell: dict[str, str]) -> None:
    (command,) = re.findall(r"^-- \$ (auroraql run .*)$", example.read_text("utf-8"), re.MULTILINE)
    assert example.name in command
    assert len(run_command(command + " --format csv", shell).splitlines()) > 1


def test_the_examples_are_formatted_and_correct(shell: dict[str, str]) -> None:
    files = shlex.join(map(str, EXAMPLES))  # in one process for all
    run_command(f"auroraql fmt --check {files} && auroraql check {files}", shell)


def test_there_are_enough_examples() -> None:
    assert len(EXAMPLES) >= 8


def test_the_reference_is_generated_from_schema_and_grammar(update: bool) -> None:
    path = ROOT / "grammar" / "README.md"
    text = path.read_text("utf-8")
    head, _, _ = text.partition(MARK)
    page = head + MARK + "\n\n" + write_reference()
    if update:
        path.write_text(page, "utf-8")
    assert path.read_text("utf-8") == page


def test_the_tables_of_commands_and_settings_are_generated(update: bool) -> None:
    path = ROOT / "grammar" / "COMMANDS.md"
    head, _, _ = path.read_text("utf-8").partition(commands_page.MARK)
    expected = head + commands_page.MARK + "\n\n" + commands_page.reference()
    if update:
        path.write_text(expected, "utf-8")
    assert path.read_text("utf-8") == expected


def test_every_function_key_is_documented() -> None:
    controller = LazyController(lambda: pytest.fail("no key was pressed"))
    bindings = key_bindings(ReplOptions(), controller, lambda _document: None).bindings
    bound = {str(getattr(key, "value", key)) for binding in bindings for key in binding.keys}
    documented = {name.lower() for name, _ in commands_page.KEYS}
    assert {key for key in bound if re.fullmatch(r"f\d+", key)} == {key for key in documented if key.startswith("f")}


@pytest.mark.parametrize(
    ("name", "make"),
    [("ERRORS.md", errors_page.page), ("PYTHON.md", python_page.page), ("diagrams.html", diagrams.page)],
)
def test_a_page_is_generated(name: str, make: Callable[[], str], update: bool) -> None:
    path = ROOT / "grammar" / name
    if update:
        path.write_text(make(), "utf-8")
    assert path.read_text("utf-8") == make()


def test_the_python_reference_has_every_public_name() -> None:
    assert python_page.documented_names() == set(dir(auroraql)) - {"__version__"}
    for entry, name in python_page.hidden_members():
        assert hasattr(entry, name) or name in getattr(entry, "__dataclass_fields__", {}), (entry, name)


@pytest.mark.parametrize(
    ("name", "make"), [("prompt.svg", screenshot.page), ("pictures/completion.svg", screenshot.completion_page)]
)
def test_a_screenshot_is_current(
    name: str, make: Callable[[Path], str], update: bool, tmp_path: Path, demo_engine: object
) -> None:
    path = ROOT / "examples" / name
    picture = make(tmp_path)
    if update:
        path.write_text(picture, "utf-8")
    assert path.read_text("utf-8") == picture


def test_the_version_has_a_changelog_entry() -> None:
    assert f"## {auroraql.__version__}\n" in (ROOT / "grammar" / "CHANGELOG.md").read_text("utf-8")


def test_every_code_has_an_example() -> None:
    too_long_to_show, only_from_services = {"AQL0103", "AQL0119"}, {"AQL0611", "AQL0616"}
    only_from_mirrors = {"AQL0228", "AQL0632"}
    without_example = CODES.keys() - errors_page.examples().keys()
    assert without_example == too_long_to_show | only_from_services | only_from_mirrors


@pytest.mark.parametrize("block", blocks("toml"))
def test_toml_blocks_are_valid(block: str, shell: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(block)
    file.chmod(0o600)
    assert run_command("auroraql config validate", {**shell, "AURORAQL_CONFIG": str(file)}) == f"{file}: valid\n"
