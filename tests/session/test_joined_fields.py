"""Tests of joined fields: facts of the archive's source list in SELECT, WHERE, GROUP BY and ORDER BY of a FIND."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import duckdb
import pytest

from auroraql import Archive, StatementError, connect, translate
from auroraql.engines.aurorax.columnar import stream
from tests.support import small_catalogue
from tests.support.aurorax_server import EPHEMERIS, RECORDS, SOURCE_FIELDS, SOURCES, SWARM, AuroraXServer
from tests.support.small_catalogue import Position, Product

DETAILS: dict[int, dict[str, Any]] = {
    103: {"owner": "a@b.example", "maintainers": ["c", "d"], "metadata": {"site": {"code": "GILL"}}},
    46: {"owner": 'it\'s "e"', "maintainers": [], "metadata": None},
    87: {"owner": None, "maintainers": None, "metadata": {"k": [1, 2.5]}},
    3: {"owner": "a@b.example", "maintainers": ["c"], "metadata": None},
}
SCHEMA = [{"field_name": "w", "data_type": "double", "allowed_values": []}, {"field_name": "v", "data_type": "int"}]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Archive, Archive]]:
    """Return archives with the same records and details of sources: a catalogue file, and a service."""
    products = [
        Product(
            record["data_source"]["identifier"],
            datetime.fromisoformat(record["start"]),
            datetime.fromisoformat(record["end"]),
            record["url"],
            record["data_product_type"],
        )
        for record in RECORDS
    ]
    minutes = [Position(e["data_source"]["identifier"], datetime.fromisoformat(e["epoch"])) for e in EPHEMERIS]
    sources = [tuple(item[name] for name in SOURCE_FIELDS) for item in (*SOURCES, SWARM)]
    path = small_catalogue.write(tmp_path_factory.mktemp("joined") / "f.duckdb", products, sources, positions=minutes)
    with duckdb.connect(str(path)) as connection:
        for identifier, details in DETAILS.items():
            document = json.dumps({**details, "data_product_metadata_schema": SCHEMA})
            connection.execute("INSERT INTO source_records VALUES (?, ?)", [identifier, document])
    with connect(path) as embedded:
        statistics = {row[0]: row[1] for row in embedded.run("SHOW SOURCES SELECT identifier, stats")}
        described = [
            {
                **source,
                **DETAILS[source["identifier"]],
                "data_product_metadata_schema": SCHEMA,
                "stats": statistics[source["identifier"]],
            }
            for source in (*SOURCES, SWARM)
        ]
        with ExitStack() as stack:
            stack.enter_context(pytest.MonkeyPatch.context()).setenv("NO_PROXY", "*")
            server = stack.enter_context(AuroraXServer(RECORDS, described, ephemeris=EPHEMERIS))
            yield embedded, stack.enter_context(connect(server.url, timeout=20))


def test_selected_fields_are_those_of_the_source_list(both: tuple[Archive, Archive]) -> None:
    for archive in both:
        names = "owner, maintainers, data_source.metadata, data_product_metadata_schema, stats"
        bare = names.replace("data_source.", "")
        facts = {identifier: values for identifier, *values in archive.run(f"SHOW SOURCES SELECT identifier, {bare}")}
        for kind, records in (("data_products", RECORDS), ("ephemeris", EPHEMERIS)):
            result = archive.run(f"FIND {kind} SELECT identifier, {names} DURING 2020-02")
            assert Counter(row[0] for row in result) == Counter(
                record["data_source"]["identifier"] for record in records
            )
            assert all(list(row[1:]) == facts[row[0]] for row in result), (archive.name, kind)
            assert [column.name for column in result.columns][1:] == names.split(", ")
            assert result.records[0]["data_source"]["owner"] == facts[result.rows[0][0]][0]


def test_clauses_use_them(both: tuple[Archive, Archive]) -> None:
    by_owner = Counter(DETAILS[record["data_source"]["identifier"]]["owner"] for record in RECORDS)
    for archive in both:
        groups = archive.run(
            "FIND data_products SELECT owner, count(*) AS n DURING 2020-02 GROUP BY owner ORDER BY owner"
        )
        assert Counter(dict(groups)) == by_owner
        for where, expected in (
            ("owner = 'a@b.example'", {103}),
            ("owner LIKE '%\"e\"'", {46}),
            ("owner IS NULL", {87}),
            ("NOT owner = 'a@b.example'", {46}),
            ("owner = 'a@b.example' OR program = 'rainbow'", {103, 87}),
            ("maintainers = 'd'", {103}),
            ("stats.data_product_count >= 2", {103}),
            ("data_source.stats.latest_data_product_loaded >= 2020-02-03", {46, 87}),
            ("start < stats.latest_data_product_loaded AND program = 'trex'", {103}),
            ("data_product_metadata_schema.field_name = 'v' AND owner = 'nobody'", set()),
            ("len(maintainers) = 2", {103}),
        ):
            result = archive.run(f"FIND data_products WHERE {where} DURING 2020-02")
            assert {record["data_source"]["identifier"] for record in result.records} == expected, (archive.name, where)
            assert all(set(record["data_source"]) == set(SOURCE_FIELDS) for record in result.records)
        (first, *_) = archive.run(
            "FIND data_products SELECT url, owner DURING 2020-02 ORDER BY owner DESC, url LIMIT 1"
        )
        assert first[1] == max(filter(None, by_owner))
        (distinct,) = archive.run(
            "FIND DISTINCT ephemeris SELECT upper(owner) AS o WHERE platform = 'swarma' ON 2020-02-01"
        )
        assert distinct == ("A@B.EXAMPLE",)


def test_an_object_and_a_field_in_it(both: tuple[Archive, Archive]) -> None:
    for archive in both:
        for columns in ("data_source, owner", "owner, data_source", "data_source {*, owner}"):
            result = archive.run(f"FIND data_products SELECT {columns} WHERE program = 'trex' ON 2020-02-02")
            assert result.records == [{"data_source": {**SOURCES[0], "owner": "a@b.example"}}]
        (row,) = archive.run("FIND data_products SELECT data_source, owner WHERE program = 'trex' ON 2020-02-02")
        assert row[0] == SOURCES[0]


def test_rows_of_a_result_keep_them(both: tuple[Archive, Archive]) -> None:
    for archive in both:
        archive.run(
            "LET kept = FIND data_products SELECT start, owner, stats, stats.data_product_count AS n DURING 2020-02"
        )
        assert archive.run("FIND kept SELECT n, owner WHERE owner = 'a@b.example' LIMIT 1").rows == [(3, "a@b.example")]
        (row,) = archive.run("SQL SELECT max(n), max(stats.latest_data_product_loaded) FROM kept")
        assert row == (3, datetime(2020, 2, 4, 23, 59))
        archive.run("LET whole = FIND data_products DURING 2020-02")
        with pytest.raises(StatementError, match="list of data sources"):
            archive.run("FIND whole SELECT owner")
        with pytest.raises(StatementError, match=r"no field 'stats\.nothing'"):
            archive.run("FIND data_products SELECT stats.nothing ON 2020-02-01")
        with pytest.raises(StatementError, match="conjunctions have no field 'owner'"):
            archive.run("FIND conjunctions OF ground, space WITHIN 5 km SELECT owner ON 2020-02-01")


def test_missing_values_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    listed = [{**source, "owner": "" if source["identifier"] == 46 else None} for source in SOURCES[:2]]
    with AuroraXServer(RECORDS, listed) as server, connect(server.url, timeout=20) as archive:
        result = archive.run("FIND data_products SELECT identifier, owner, stats.data_product_count DURING 2020-02")
        assert [warning.code for warning in result.warnings] == ["AQL0616"] * 3
        messages = " ".join(warning.message for warning in result.warnings)
        assert "no value of 'owner'" in messages
        assert "no value of 'stats.data_product_count'" in messages
        assert "no source 87" in messages
        result = archive.run("FIND data_products SELECT start DURING 2020-02")
        assert result.warnings == ()


def test_many_records_of_a_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records in columnar storage."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(stream, "SMALL_RESPONSE_BYTES", 10_000)
    minutes = range(300)
    records = [
        {**RECORDS[n % len(RECORDS)], "start": f"2020-02-01T{n // 60 % 24:02}:{n % 60:02}:00", "url": f"{n}"}
        for n in minutes
    ]
    described = [{**source, **DETAILS[source["identifier"]]} for source in SOURCES]
    owners = Counter(DETAILS[record["data_source"]["identifier"]]["owner"] for record in records)
    with AuroraXServer(records, described) as server, connect(server.url, timeout=20) as archive:
        rows = archive.run("FIND data_products SELECT owner, url, start DURING 2020-02").rows
        assert Counter(row[0] for row in rows) == owners
        groups = archive.run("FIND data_products SELECT owner, count(*) AS n DURING 2020-02 GROUP BY owner")
        assert Counter(dict(groups)) == owners
        result = archive.run(
            "FIND data_products WHERE owner = 'a@b.example' DURING 2020-02 ORDER BY url LIMIT 5 OFFSET 2"
        )
        urls = [r["url"] for r in records if DETAILS[r["data_source"]["identifier"]]["owner"] == "a@b.example"]
        assert [record["url"] for record in result.records] == sorted(urls)[2:7]


def test_forms_that_cannot_express_them() -> None:
    text = "FIND data_products SELECT start, owner WHERE program = 'trex' ON 2021-01-01"
    for form in ("python", "curl"):
        with pytest.raises(StatementError, match="'owner', which is in the list of data sources"):
            translate(text, to=form)
    plan = translate(text, to="plan")
    assert isinstance(plan, dict)
    assert plan["joined"] == {
        "endpoint": "/api/v1/data_sources",
        "on": "data_source.identifier",
        "paths": ["data_source.owner"],
    }
    assert plan["requests"][0]["response_format"] == {"start": True, "data_source": {"identifier": True}}


@pytest.mark.parametrize(
    "text",
    [
        "FIND data_products WHERE data_source.metadata IS NULL ON 2021-01-01",
        "FIND data_products SELECT data_source.metadata, metadata, stats.data_product_count ON 2021-01-01",
        "FIND ephemeris SELECT stats.ephemeris_count, max(owner) AS o ON 2021-01-01 GROUP BY stats.ephemeris_count",
        "FIND ephemeris SELECT owner, stats {ephemeris_count} WHERE stats.ephemeris_count > 5 ON 2021-01-01 ORDER BY owner",
    ],
)
def test_the_canonical_text_means_the_same(text: str) -> None:
    canonical = translate(text, to="aql")
    assert isinstance(canonical, str)
    assert translate(canonical, to="aql") == canonical
    assert translate(canonical, to="plan") == translate(text, to="plan")
    assert "`" not in canonical


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[AuroraXServer, Archive]]:
    monkeypatch.setenv("NO_PROXY", "*")
    described = [{**source, **DETAILS[source["identifier"]]} for source in (*SOURCES, SWARM)]
    with (
        AuroraXServer(RECORDS, described, ephemeris=EPHEMERIS) as server,
        connect(server.url, timeout=20) as archive,
    ):
        yield server, archive


@pytest.mark.parametrize(
    ("where", "programs"),
    [
        ("owner = 'a@b.example' AND program != 'swarm'", [["trex"]]),
        ("owner LIKE 'it%' AND keogram_type = 'daily'", [["themis-asi"]]),
        ("upper(owner) = 'A@B.EXAMPLE' AND start >= 2020-02-01", [["swarm", "trex"]]),
        ("maintainers IN ('d', 'e')", [["trex"]]),
        ("NOT owner = 'a@b.example'", [["themis-asi"]]),
        ("owner = program OR maintainers = 'd'", [["trex"]]),
        ("(owner = 'nobody' OR maintainers = 'd') AND platform = 'gillam'", [["trex"]]),
        ("owner = 'nobody'", []),
        ("owner = 'a@b.example' AND owner LIKE 'it%'", []),
        # A source that the list does not have may match.
        ("owner IS NULL", [[]]),
        ("owner = 'a@b.example' OR keogram_type = 'daily'", [[], []]),
    ],
)
def test_predicates_on_them_narrow_the_requests(
    service: tuple[AuroraXServer, Archive], where: str, programs: list[list[str]]
) -> None:
    server, archive = service
    statement = f"FIND data_products SELECT identifier, url WHERE {where} DURING 2020-02"
    result = archive.run(statement)
    requested = [call.body["data_sources"]["programs"] for call in server.calls if call.step == "submit"]
    assert sorted(map(sorted, requested)) == sorted(programs)
    assert ("AQL0606" in {warning.code for warning in result.warnings}) is (not programs)
    report = "\n".join(line for (line,) in archive.run(f"EXPLAIN {statement}"))
    assert report.count("POST /api/v1/data_products/search") == len(programs) or "nothing is requested" in report
    assert all(name in report for names in programs for name in names)
