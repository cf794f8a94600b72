"""Tests of aurorax-cli, as shipped with pyaurorax, against `auroraql serve`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
import requests
from click.testing import CliRunner, Result
from pyaurorax.cli.cli import cli

from tests.support.server_process import KEY, ServerProcess, write_keys

WINDOW = {"start": "2020-01-01T00:00:00", "end": "2020-01-01T06:59:59"}
QUERIES = {
    "data_products": {**WINDOW, "data_sources": {"programs": ["auroramax"], "data_product_metadata_filters": {}}},
    "ephemeris": {**WINDOW, "data_sources": {"platforms": ["swarma"]}},
    "conjunctions": {
        **WINDOW,
        "ground": [{"programs": ["themis-asi"]}],
        "space": [{"programs": ["swarm"]}],
        "conjunction_types": ["nbtrace"],
        "max_distances": {"ground1-space1": 500},
    },
}

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    keys = write_keys(tmp_path_factory.mktemp("keys"))
    with ServerProcess("--api-key-file", str(keys)) as running:
        yield running


@pytest.fixture
def run(server: ServerProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(cli, [f"--api-base-url={server.url}", f"--api-key={KEY}", *arguments])

    return invoke


def invoke_successfully(result: Result) -> str:
    """Return the output of a command that succeeded."""
    assert result.exit_code == 0, result.output
    return result.output


def test_it_connects(run: Run) -> None:
    assert "looks good" in invoke_successfully(run("--test-connectivity"))


@pytest.mark.parametrize("kind", QUERIES)
def test_a_search_and_every_question_about_it(run: Run, kind: str, tmp_path: Path) -> None:
    query = tmp_path / "query.json"
    query.write_text(json.dumps(QUERIES[kind]))
    output = invoke_successfully(
        run("search", kind, "search", "--poll-interval=0.05", "--outfile=found.json", str(query))
    )
    assert "Data has been saved" in output
    records = json.loads((tmp_path / "found.json").read_text())
    assert records
    request = output.partition("Request ID: ")[2].split()[0]
    status = invoke_successfully(run("search", kind, "get_status", request, "--show-logs", "--show-query"))
    assert f"Result count:\t\t{len(records)}" in status
    assert "Finished search" in invoke_successfully(run("search", kind, "get_logs", request, "--filter=info"))
    assert "'start': '2020-01-01T00:00:00'" in invoke_successfully(run("search", kind, "get_query", request))
    shown = invoke_successfully(run("search", kind, "get_data", request, "--output-to-terminal=dict"))
    assert shown.count("data_source") >= len(records)
    assert invoke_successfully(run("search", kind, "get_data", request, "--outfile=again.json", "--minify"))
    assert json.loads((tmp_path / "again.json").read_text()) == records
    assert invoke_successfully(run("search", kind, "describe", str(query))).startswith("Find ")
    assert "new request ID is" in invoke_successfully(run("search", kind, "search_resubmit", request))
    template = invoke_successfully(run("search", kind, "search_template"))
    assert json.loads(template).keys() >= {"start", "end"}
    unknown = run("search", kind, "get_status", "some-bad-request-id")
    assert unknown.exit_code == 1
    assert "request ID not found" in unknown.output


def test_sources(run: Run) -> None:
    assert "swarma" in invoke_successfully(run("search", "sources", "list"))
    assert "swarma" in invoke_successfully(
        run("search", "sources", "list", "--program=swarm", "--order=program", "--reversed")
    )
    for level in ("basic_info", "with_metadata", "identifier_only", "full_record"):
        assert invoke_successfully(run("search", "sources", "get_using_identifier", "3", f"--format={level}"))
    assert invoke_successfully(run("search", "sources", "get_using_identifier", "3", "--include-stats"))
    assert "swarma" in invoke_successfully(run("search", "sources", "get", "swarm", "swarma", "footprint"))
    assert "swarma" in invoke_successfully(run("search", "sources", "search", "--programs=swarm"))


def test_sources_are_deleted(run: Run, server: ServerProcess) -> None:
    named = {"program": "test-program", "platform": "test-platform", "instrument_type": "test-type"}
    source = {**named, "identifier": 4711, "source_type": "ground", "display_name": "Another"}
    requests.post(
        f"{server.url}/api/v1/data_sources", json=source, headers={"x-aurorax-api-key": KEY}, timeout=60
    ).raise_for_status()
    assert "Another" in invoke_successfully(run("search", "sources", "get", *named.values()))
    invoke_successfully(run("search", "sources", "delete", "4711"))
    assert "Another" not in invoke_successfully(run("search", "sources", "list"))
    assert run("search", "sources", "get_using_identifier", "4711").exit_code != 0


@pytest.mark.parametrize(
    "only",
    [
        "--program=swarm",
        "--platform=gillam",
        "--instrument-type=RGB ASI",
        "--source-type=ground",
        "--owner=a@b.example",
    ],
)
def test_sources_are_filtered(run: Run, only: str) -> None:
    assert invoke_successfully(run("search", "sources", "list", only, "--include-stats"))


def test_availability(run: Run) -> None:
    ephemeris = run("search", "availability", "ephemeris", "2020-01-01", "2020-01-02", "--program=swarm")
    assert "1,440" in invoke_successfully(ephemeris)
    products = run("search", "availability", "data_products", "2020-01-01", "2020-01-02", "--program=trex")
    assert "2020-01-02" in invoke_successfully(products)


@pytest.mark.parametrize("day", ["2022/01/01", "2022-01-01", "20220101"])
@pytest.mark.parametrize("kind", ["ephemeris", "data_products"])
def test_availability_accepts_every_date_format(run: Run, kind: str, day: str) -> None:
    assert "Available Records" in invoke_successfully(run("search", "availability", kind, day, day))
    none = invoke_successfully(run("search", "availability", kind, day, day, "--program=something-that-does-not-exist"))
    assert f"No {kind.replace('_', ' ')} availability information found" in none


@pytest.mark.parametrize("kind", QUERIES)
def test_the_template_is_described(run: Run, kind: str, tmp_path: Path) -> None:
    """Its query of conjunctions has distances of blocks that it does not contain."""
    template = tmp_path / "template.json"
    template.write_text(invoke_successfully(run("search", kind, "search_template")))
    assert invoke_successfully(run("search", kind, "describe", str(template))).startswith("Find ")


def test_requests_are_deleted(run: Run, tmp_path: Path) -> None:
    query = tmp_path / "query.json"
    query.write_text(json.dumps(QUERIES["ephemeris"]))
    output = invoke_successfully(
        run("search", "ephemeris", "search", "--poll-interval=0.05", "--outfile=found.json", str(query))
    )
    request = output.partition("Request ID: ")[2].split()[0]
    invoke_successfully(run("search", "util", "delete_search_request", request))
    assert run("search", "ephemeris", "get_status", request).exit_code == 1


def test_requests_are_listed(run: Run, tmp_path: Path) -> None:
    query = tmp_path / "query.json"
    query.write_text(json.dumps(QUERIES["conjunctions"]))
    invoke_successfully(
        run("search", "conjunctions", "search", "--poll-interval=0.05", "--outfile=found.json", str(query))
    )
    listed = invoke_successfully(
        run("search", "util", "list_search_requests", "--search-type=conjunction", "--limit=10")
    )
    assert "127.0.0.1" in listed
    assert invoke_successfully(
        run("search", "util", "list_search_requests", "--start=2024-01-01T00:00:00", "--order=file_size")
    )


def commands(group: click.Group, *above: str) -> Iterator[tuple[str, ...]]:
    """Yield every command of a group, as its words."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)
        else:
            yield (*above, name)


BROKEN = {("search", "sources", "add"), ("search", "sources", "update")}
"""Commands that fail in pyaurorax 1.27 itself, before a request is sent."""


def test_every_command_is_run() -> None:
    """A test above runs it; a command that is new in pyaurorax must be added here."""
    tests = Path(__file__).read_text("utf-8")
    every = [words for words in commands(cli) if words not in BROKEN]
    assert ("search", "conjunctions", "get_query") in every
    for words in every:
        kind = "kind" if words[1] in QUERIES or words[1] == "availability" else f'"{words[1]}"'
        name = "kind" if words[1] == "availability" else f'"{words[2]}"'
        assert re.search(rf'run\(\s*"search", (?:"availability"|{kind}), {name}', tests), words
