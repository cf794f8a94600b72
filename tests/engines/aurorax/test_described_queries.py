"""Tests of a service's descriptions of queries that are not run: the estimate, the sentence, and doing without."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

import auroraql
from auroraql.diagnostics.errors import StatementError
from auroraql.engines.source_cache import SourceCache
from auroraql.session import explain
from tests.support.aurorax_server import RECORDS, SOURCES, AuroraXServer, Fault


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AuroraXServer]:
    monkeypatch.setenv("NO_PROXY", "*")
    with AuroraXServer(RECORDS, SOURCES) as running:
        yield running


def test_explain_shows_the_estimate(server: AuroraXServer) -> None:
    statement = (
        "EXPLAIN FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 500 km ON 2020-02-01"
    )
    with auroraql.connect(server.url) as archive:
        lines = [row[0] for row in archive.run(statement)]
        assert any(line.endswith(f"counted by {server.url}: 42") for line in lines)
        for fault in (Fault(status=404), Fault(body=b'"many"'), Fault(body=b"true"), Fault(body=b"{")):
            server.faults["estimate"] = fault
            lines = [row[0] for row in archive.run(statement)]
            assert not any("counted by" in line for line in lines)
    assert {call.step for call in server.calls} == {"estimate"}


@pytest.mark.parametrize(
    ("statement", "path"),
    [
        ("FIND data_products WHERE program = 'trex' ON 2020-02-01", "data_products"),
        ("FIND ephemeris WHERE program = 'swarm' ON 2020-02-01", "ephemeris"),
        (
            "FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 500 km ON 2020-02-01",
            "conjunction",
        ),
    ],
)
def test_describe_shows_the_sentence_of_the_service(server: AuroraXServer, statement: str, path: str) -> None:
    with auroraql.connect(server.url, api_key="s3cret") as archive:
        (row,) = archive.run(f"DESCRIBE {statement}")
        assert row == ("as it says",)
        assert server.calls[-1].path == f"/api/v1/utils/describe/query/{path}"
        assert server.calls[-1].body == auroraql.translate(statement, to="json")
        ours = (auroraql.translate(statement, to="sentence"),)
        for item in (["in a list"], "s3cret", "a\x1b[31mb", "", ["a", "b"], 5, None, {"error": "no"}):
            server.sentence = item  # type: ignore[assignment]
            described = archive.run(f"DESCRIBE {statement}")
            assert described.rows == [("in a list",) if item == ["in a list"] else ours]
            assert [warning.code for warning in described.warnings] == ([] if item == ["in a list"] else ["AQL0611"])
        with pytest.raises(StatementError, match="AQL0406"):
            archive.run(f"DESCRIBE {statement} LIMIT 5")


def test_a_description_is_requested_once(server: AuroraXServer) -> None:
    server.faults["describe"] = server.faults["estimate"] = Fault(status=429, headers={"Retry-After": "0"})
    find = "FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 500 km ON 2020-02-01"
    with auroraql.connect(server.url) as archive:
        archive.run(f"DESCRIBE {find}")
        archive.run(f"EXPLAIN {find}")
    assert (server.count("describe"), server.count("estimate")) == (1, 1)


def test_explain_works_without_the_service(server: AuroraXServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "_SOURCES_SECONDS", 0.5)
    with auroraql.connect(server.url) as archive:
        statement = "EXPLAIN FIND data_products WHERE NOT program = 'trex' ON 2020-02-01"
        whole = [line for (line,) in archive.run(statement)]
        assert not any("known here" in line for line in whole)
    for fault in (Fault(hang=20), Fault(status=503), Fault(body=b"<html>"), Fault(drop="before")):
        server.faults["sources"] = fault
        SourceCache(server.url).forget()
        began = time.monotonic()
        with auroraql.connect(server.url) as archive:
            lines = [line for (line,) in archive.run(statement)]
        assert time.monotonic() - began < 5
        assert lines[0].startswith("data products from ")
        assert lines[-1].startswith("planned with the data sources of the local catalogue: ")
    assert server.count("submit") == server.count("at_once") == 0
