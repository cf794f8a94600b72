"""The MCP server, driven over standard input and output by the client of the package mcp."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

import auroraql
from auroraql.frontends.mcp import tools as tools_module
from auroraql.frontends.mcp.reference import language_reference
from auroraql.frontends.mcp.tools import MAX_BYTES, MAX_ROWS, Tools
from auroraql.schema import KINDS
from auroraql.session.archive import Archive
from tests.conftest import ROOT

DAILY = "FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01"


def drive(session: Callable[[ClientSession], Awaitable[Any]]) -> None:
    """Run a session of an agent against a server process."""

    async def run() -> None:
        server = StdioServerParameters(command=sys.executable, args=["-m", "auroraql", "mcp"], cwd=ROOT)
        async with stdio_client(server) as (reading, writing), ClientSession(reading, writing) as client:
            await client.initialize()
            await asyncio.wait_for(session(client), 120)

    asyncio.run(run())


async def call(client: ClientSession, name: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool and return its document."""
    answer = await client.call_tool(name, arguments)
    assert not answer.is_error, answer
    document: dict[str, Any] = json.loads(answer.content[0].text)  # type: ignore[union-attr]
    return document


def test_an_agent_checks_searches_and_reads_the_language() -> None:
    async def session(client: ClientSession) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {"check", "search", "explain", "translate", "values"}
        assert all(tool.description for tool in tools.values())
        wrong = await call(client, "search", statements=DAILY.replace("=", "==", 1))
        assert (wrong["ok"], wrong["errors"][0]["fix"]) == (False, "=")
        checked = await call(client, "check", statements=DAILY.replace("trex", "trxe"))
        assert checked["diagnostics"][0]["hint"] == "did you mean 'trex'?"
        answer = await call(client, "search", statements=DAILY, limit=2)
        assert (len(answer["rows"]), answer["truncated"], answer["total"]) == (2, True, "more than 2")
        assert answer["rows"][0]["data_source"]["program"] == "trex"
        stored = "LET daily = " + DAILY.replace("'trex'", "$p")
        stored_answer = await call(client, "search", statements=stored, parameters={"p": "trex"})
        assert stored_answer["results"] == ["daily"]
        counted = await call(client, "search", statements="FIND daily SELECT count(*) AS n")
        assert counted["rows"] == [{"n": 5}]
        values = await call(client, "values", field="platform", program="trex")
        assert "gillam" in json.dumps(values["rows"])
        translated = await call(client, "translate", statement=DAILY, to="json")
        assert translated["json"] == auroraql.translate(DAILY, "json")
        assert "1 request" in json.dumps(await call(client, "explain", statement=DAILY))
        (resource,) = (await client.list_resources()).resources
        text = (await client.read_resource(resource.uri)).contents[0].text  # type: ignore[union-attr]
        assert text == language_reference()

    drive(session)


@pytest.mark.parametrize(
    "statement",
    [
        "SQL SELECT 1",
        "SET format = json",
        f"SUBMIT s = {DAILY}",
        "FETCH 's'",
        "CANCEL 's'",
        f"{DAILY}; SET timeout = 1 s",
    ],
)
def test_other_statements_are_refused_before_anything_runs(demo: Archive, statement: str) -> None:
    document = Tools(demo).search(statement)
    assert document["ok"] is False
    assert "not allowed" in document["errors"][0]["message"]
    assert not demo.submitted


def test_answers_are_bounded(demo: Archive) -> None:
    tools = Tools(demo)
    every = tools.search("FIND data_products ON 2021-01-01", limit=MAX_ROWS)
    assert every["truncated"] is True
    assert len(json.dumps(every["rows"]).encode()) <= MAX_BYTES * 1.1
    for limit in (0, -1, MAX_ROWS + 1):
        assert tools.search(DAILY, limit=limit)["ok"] is False
    exact = tools.search(DAILY, limit=5)
    assert (exact["truncated"], exact["total"], len(exact["rows"])) == (False, 5, 5)
    for number in range(60):
        document = tools.search(f"LET r{number} = {DAILY}")
    assert "keeps at most" in document["errors"][0]["message"]
    assert tools.search(f"LET r1 = {DAILY}")["ok"] is False


def test_results_of_let_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools_module, "MAX_STORED_ROWS", 12)
    with auroraql.connect() as archive:
        tools = Tools(archive)
        for number, is_kept in enumerate((True, True, False)):
            assert tools.search(f"LET r{number} = {DAILY}")["ok"] is is_kept
        assert tools.search(f"LET r1 = {DAILY}")["ok"] is True, "it replaces its rows"
        everything = tools.search("LET r3 = FIND ephemeris")
        assert "more than 12 rows together" in everything["errors"][0]["message"]


def test_names_and_values_are_data(demo: Archive) -> None:
    tools = Tools(demo)
    for field in ("program; SET format = json", "program WHERE", "x'", "`"):
        assert tools.values(field)["ok"] is False
    assert tools.values("program", program="' OR 1=1 --")["rows"] == []
    assert (
        tools.search("FIND data_products WHERE program = $p ON 2021-01-01", parameters={"p": {"a": 1}})["ok"] is False
    )
    assert tools.search("FIND data_products WHERE program = $p ON 2021-01-01")["ok"] is False


def test_warnings_are_part_of_the_answer(demo: Archive) -> None:
    document = Tools(demo).search(DAILY.replace("'trex'", "'trxe'"))
    assert document["ok"] is True
    assert any(warning["code"] == "AQL0602" for warning in document["warnings"])
    json.dumps(document)


def test_the_reference_names_every_kind_and_field() -> None:
    text = language_reference()
    for kind in KINDS.values():
        assert f"## {kind.name}" in text
        assert all(f"`{field.bare}`" in text for field in kind.leaves())
