"""Tests of the sources that translate, check and EXPLAIN use, and of the reason given for an empty result."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

import auroraql
from auroraql.planner.source_cover import find_cover
from auroraql.planner.source_predicates import SourcePredicates
from auroraql.resolver import resolve
from auroraql.schema.catalogue import Catalogue, DataSource, load_shipped
from tests.support import small_catalogue
from tests.support.aurorax_server import SOURCES, AuroraXServer
from tests.support.command_line import command
from tests.support.server_process import ServerProcess

NEGATIVE = "FIND data_products WHERE NOT program = 'trex' ON 2020-02-01"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AuroraXServer]:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with AuroraXServer([], SOURCES) as running:
        yield running


def programs(text: str) -> list[str]:
    return json.loads(text)["data_sources"]["programs"]  # type: ignore[no-any-return]


def test_translate_uses_the_archives_sources(server: AuroraXServer) -> None:
    """It uses the sources of the last response, or the shipped list with a warning, and sends nothing."""
    way = ("translate", "--to", "json", "--archive", server.url, "-c", NEGATIVE)
    before = command(*way)
    assert (before.code, server.calls) == (0, [])
    assert "AQL0630" in before.err
    assert programs(before.out) == [name for name in load_shipped().values("program") if name != "trex"]
    with auroraql.connect(server.url) as archive:
        archive.run("SHOW SOURCES REFRESH")
        lines = [row[0] for row in archive.run(f"EXPLAIN {NEGATIVE}")]
        assert any("(rainbow, themis-asi)" in line for line in lines)
    server.calls.clear()
    after = command(*way)
    assert (after.code, after.err, server.calls) == (0, "", [])
    assert programs(after.out) == ["rainbow", "themis-asi"]
    positive = command(*way[:-1], "FIND data_products WHERE program = 'nobody' AND platform LIKE 'gil%' ON 2020-02-01")
    assert (positive.code, "AQL0407" in positive.err) == (2, True)


@pytest.mark.parametrize(
    "where",
    [
        "NOT program = 'trex'",
        "instrument_type != 'RGB ASI'",
        "instrument_type != 'footprint'",
        "display_name LIKE 'REGO%'",
        "source_type NOT IN ('leo', 'heo')",
        "platform NOT LIKE '%a'",
    ],
)
def test_every_form_of_a_predicate_finds_the_same(demo: auroraql.Archive, where: str) -> None:
    """For the shipped list and for the demonstration, which has the same sources."""
    statement = f"FIND data_products WHERE {where} ON 2019-02-01"
    result = {record["url"] for record in demo.run(statement).records}
    assert result
    for form in ("json", "sentence"):
        with pytest.warns(auroraql.AuroraQLWarning, match="128 data sources"):
            translation = auroraql.translate(statement, form)
        text = json.dumps(translation) if isinstance(translation, dict) else translation
        assert {record["url"] for record in demo.run(text).records} == result, form


_WITHOUT_A_PROGRAM = [
    ("program != 'x'", [2]),
    ("NOT program = 'x'", [2]),
    ("program IS NULL", [1]),
    ("NOT program IS NULL", [2]),
    ("program LIKE '%'", [2]),
    ("program = platform", []),
    ("program != platform", [2]),
    ("platform = 'a'", [1, 2]),
]


def test_a_source_without_a_program_is_in_no_list() -> None:
    """NULL differs from 'None': no comparison with it is true, and no list contains it."""
    sources = (DataSource(1, "", "a", "b", "ground", "one"), DataSource(2, "trex", "a", "b", "ground", "two"))
    known = Catalogue(sources, {})
    for where, expected in _WITHOUT_A_PROGRAM:
        find = auroraql.parse(f"FIND ephemeris WHERE {where}")
        query = resolve(find, known).query  # type: ignore[arg-type]
        assert [s.identifier for s in SourcePredicates(sources).certain_sources(query.where)] == expected, where
    assert known.values("program") == ("trex",)
    chosen = find_cover(sources[:1], sources)
    assert not chosen.exact
    assert "" not in {value for box in chosen.boxes for _, values in box for value in values}


def test_a_catalogue_file_reads_an_empty_program_as_none(tmp_path: Path) -> None:
    sources = [(1, "", "a", "b", "ground", "one"), (2, "trex", "a", "b", "ground", "two")]
    day = datetime(2020, 1, 1)
    path = small_catalogue.write(
        tmp_path / "c.duckdb", [small_catalogue.Product(source, day, day, f"{source}") for source in (1, 2)], sources
    )
    with auroraql.connect(path) as archive:
        for where, expected in _WITHOUT_A_PROGRAM:
            records = archive.run(f"FIND data_products WHERE {where} ON 2020-01-01").records
            assert [record["data_source"]["identifier"] for record in records] == expected, where


_PASSES = "FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 100 km WHERE"


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("FIND data_products WHERE program = 'rego' DURING 2010", "only from 2019-01-01 to 2023-02-24"),
        (
            "FIND data_products SELECT count(*) WHERE program = 'rego' ON 2020-02-01",
            "no data products of rego on 2020-02-01",
        ),
        ("FIND data_products WHERE program = 'swarm' ON 2021-01-01", "has no data products of swarm"),
        (
            "FIND data_products WHERE program = 'rainbow' AND data_product_type = 'montage' ON 2021-01-01",
            "montage",
        ),
        (
            "FIND data_products WHERE program = 'trex' BETWEEN 2021-01-01T06:10 AND 2021-01-01T06:50",
            "none is fully inside the window",
        ),
        ("FIND ephemeris WHERE program = 'elfin' ON 2023-02-24", "of elfin only from 2019-01-01 to 2022-01-01"),
        ("FIND ephemeris WHERE program = 'themis' ON 1999-01-01", "of themis only from 2008-01-01 to 2023-02-24"),
        (
            "FIND conjunctions OF ground (program = 'rego'), space (program = 'sampex') WITHIN 500 km ON 2019-02-01",
            "space1: ",
        ),
        ("FIND data_products WHERE program = 'trex' AND keogram_type = 'nonsense' ON 2021-01-01", ""),
        ("FIND data_products WHERE program = 'rego' DURING 2010 LIMIT 0", ""),
        # The window of predicates on times
        (f"{_PASSES} start >= 1999-01-01 AND end <= 1999-01-02", "ephemeris records of trex only from "),
        (f"{_PASSES} start IN (1999-01-01, 1999-01-03)", "ephemeris records of trex only from "),
        (f"{_PASSES} start = 1999-01-01 OR end = 1999-01-05", "ephemeris records of trex only from "),
        ("FIND ephemeris WHERE program = 'swarm' AND epoch IN (1999-01-01, 1999-01-03)", "records of swarm only from "),
        (
            "FIND data_products WHERE program = 'trex' AND start IN (1999-01-01, 1999-01-03)",
            "products of trex only from ",
        ),
        ("FIND ephemeris WHERE program = 'swarm' AND epoch IN (1999-01-01, 2030-01-01)", ""),
    ],
)
def test_an_empty_result_gives_a_reason(
    demo: auroraql.Archive, served: auroraql.Archive, statement: str, reason: str
) -> None:
    """Both in the embedded archive and over HTTP."""
    for archive in (demo, served):
        messages = [warning.message for warning in archive.run(statement).warnings if warning.code == "AQL0631"]
        assert len(messages) == bool(reason), archive.name
        assert all(reason in message for message in messages)


@pytest.fixture(scope="module")
def served(demo_server: ServerProcess) -> Iterator[auroraql.Archive]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "*")
        with auroraql.connect(demo_server.url) as archive:
            archive.on_warning(lambda _warnings, _source: None)
            yield archive
