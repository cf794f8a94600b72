"""Searches as programs: what pyaurorax sends when they run, and that they run as printed."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import datetime
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import assume, given
from pyaurorax.search import (
    ConjunctionSearch,
    CustomLocationsCriteriaBlock,
    DataProductSearch,
    EphemerisSearch,
    EventsCriteriaBlock,
    GroundCriteriaBlock,
    MetadataFilter,
    MetadataFilterExpression,
    SpaceCriteriaBlock,
)

from auroraql import StatementError, translate
from auroraql.codecs import pyaurorax, query_json
from auroraql.diagnostics.errors import replace_value
from auroraql.ir.query import Query
from auroraql.planner import plan_query
from auroraql.schema.catalogue import load_shipped
from tests.conftest import ROOT
from tests.support import conjunction_strategies
from tests.support.aurorax_server import EPHEMERIS, RECORDS, SOURCES, AuroraXServer
from tests.support.strategies import EVERY_SEARCH

FIND = "FIND data_products SELECT url WHERE program = 'trex' AND keogram_type IN ('daily', 'o''b') ON 2020-02-01"


@pytest.fixture
def server() -> Iterator[AuroraXServer]:
    with AuroraXServer(RECORDS, SOURCES, ephemeris=EPHEMERIS) as running:
        yield running


class RecordingManagers:
    """Replacement of pyaurorax's search managers: each creates the client's own search and records its query."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.search = SimpleNamespace(
            GroundCriteriaBlock=GroundCriteriaBlock,
            SpaceCriteriaBlock=SpaceCriteriaBlock,
            EventsCriteriaBlock=EventsCriteriaBlock,
            CustomLocationsCriteriaBlock=CustomLocationsCriteriaBlock,
            MetadataFilter=MetadataFilter,
            MetadataFilterExpression=MetadataFilterExpression,
            data_products=self._manager(DataProductSearch),
            ephemeris=self._manager(EphemerisSearch),
            conjunctions=self._manager(ConjunctionSearch),
        )

    def _manager(self, kind: Any) -> Any:
        def search(**arguments: Any) -> Any:
            self.asked.append(json.loads(json.dumps(kind(None, **arguments).query)))
            return SimpleNamespace(data=[])

        return SimpleNamespace(search=search)


def sent_query(program: str) -> Any:
    """Return the query that a program sends."""
    rooms, module = RecordingManagers(), ModuleType("pyaurorax")
    module.PyAuroraX = lambda: rooms  # type: ignore[attr-defined]
    real = sys.modules["pyaurorax"]
    sys.modules["pyaurorax"] = module
    try:
        with redirect_stdout(io.StringIO()):
            exec(compile(program, "program", "exec"), {})  # noqa: S102
    finally:
        sys.modules["pyaurorax"] = real
    return rooms.asked[0]


# pyaurorax needs both ends of the window, and writes years of less than four digits without their zeros.
_FIRST, _LAST = datetime(2020, 1, 1), datetime(2020, 1, 5, 6, 30, 1)
_SEARCHES = (EVERY_SEARCH | conjunction_strategies.searches()).map(lambda q: replace_value(q, start=_FIRST, end=_LAST))


@given(_SEARCHES)
def test_a_program_sends_the_same_query(query: Query) -> None:
    requests = plan_query(query, load_shipped(), cut=False).requests
    assume(requests)
    requested = sent_query(pyaurorax.write_pyaurorax(requests[0], "a\n'''\\ statement"))
    assert translate(requested, to="json") == query_json.write_query_json(requests[0])


def test_a_program_runs_as_printed(server: AuroraXServer) -> None:
    program = str(translate(FIND, to="python"))
    here = program.replace("PyAuroraX()", f"PyAuroraX(api_base_url={server.url!r})")
    here = f"from tests.support import client_libraries as c; c.substitute_client_libraries()\n{here}"
    environment = {**os.environ, "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-c", here], cwd=ROOT, capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.split()[0] == "url"
    assert str(RECORDS[0]["url"])[:20] in done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_curl_commands_run_as_printed(server: AuroraXServer) -> None:
    commands = str(translate(FIND, to="curl"))
    environment = {**os.environ, "NO_PROXY": "127.0.0.1", "AURORAX_URL": server.url}
    done = subprocess.run(["sh", "-c", commands], capture_output=True, text=True, env=environment, check=True)
    assert json.loads(done.stdout) == {"result": [{"url": RECORDS[0]["url"]}]}
    server.error = "it broke"
    failed = subprocess.run(["sh", "-c", commands], capture_output=True, text=True, env=environment, check=False)
    assert failed.returncode == 1
    assert "it broke" in failed.stderr


@pytest.mark.parametrize("to", ["python", "curl"])
def test_queries_beyond_one_request_are_refused(to: str) -> None:
    with pytest.raises(StatementError, match="AQL0407"):
        translate("FIND data_products WHERE keogram_type LIKE 'd%' ON 2020-02-01 LIMIT 3", to=to)
    with pytest.raises(StatementError, match="needs 2 requests"):
        translate("FIND ephemeris WHERE program = 'swarm' BETWEEN 2020-01-01 AND 2020-02-05", to=to)


def test_pyaurorax_needs_both_ends_of_the_window() -> None:
    with pytest.raises(StatementError, match="both ends"):
        translate("FIND data_products WHERE program = 'trex' SINCE 2020-02-01", to="python")
