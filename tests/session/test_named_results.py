"""Tests of named results and searches: LET, FIND name, SUBMIT, FETCH and EXPLAIN."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import auroraql
from auroraql import Archive, StatementError, UsageError, connect
from auroraql.diagnostics.errors import Source
from auroraql.schema.catalogue import load_shipped
from auroraql.session.analyzer import check_scripts
from tests.support.aurorax_server import AuroraXServer
from tests.support.feeding_records import DAY, FIRST, PRODUCTS, codes, last, make_archives, serve_records, urls


@pytest.fixture(scope="module")
def server() -> Iterator[AuroraXServer]:
    with serve_records() as running:
        yield running


@pytest.fixture(scope="module")
def archives(server: AuroraXServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Archive, Archive]]:
    with make_archives(server, tmp_path_factory.mktemp("feeding")) as opened:
        yield opened


# --- named results


def test_rows_of_a_result_are_searched_like_records(archives: tuple[Archive, Archive], tmp_path: Path) -> None:
    for archive in archives:
        result = archive.run("LET c = FIND data_products ON 2020-02 ORDER BY start, url")
        assert result.note == "c: 9 data products"
        assert urls(archive.run("FIND c")) == sorted(p.url for p in PRODUCTS)
        assert archive.run("FIND c").columns == result.columns
        assert list(archive.run("FIND c").records) == list(result.records)
        answer = archive.run("FIND c SELECT url, w, platform AS site WHERE w > 1 ORDER BY w DESC LIMIT 2")
        assert [row[1:] for row in answer] == [(2.5, "fort smith"), (2, "gillam")]
        assert answer.to_pandas()["site"].tolist() == ["fort smith", "gillam"]
        answer.save(tmp_path / "found.json")
        shown = json.loads((tmp_path / "found.json").read_text("utf-8"))[0]
        assert shown == {"url": PRODUCTS[5].url, "metadata": {"w": 2.5}, "site": "fort smith"}
        assert urls(archive.run("FIND c BETWEEN 2020-02-02 AND 2020-02-03")) == sorted(
            p.url for p in PRODUCTS if p.start >= FIRST + DAY and p.end < FIRST + 3 * DAY
        )
        assert urls(archive.run("FIND c WHERE data_source.identifier IN (44, 3) AND start >= 2020-02-03")) == sorted(
            p.url for p in PRODUCTS if p.data_source in (44, 3) and p.start >= FIRST + 2 * DAY
        )


def test_stored_rows_overlap_intervals_of_any_day(archives: tuple[Archive, Archive]) -> None:
    """Stored rows are not limited to the days around the intervals."""
    for archive in archives:
        script = "LET c = FIND data_products ON 2020-02; LET night = FIND ephemeris WHERE platform = 'fort smith' ON 2020-02-01"
        result = last(archive, script, "FIND c DURING night PADDED BY 5 minutes")
        expected = [
            p.url
            for p in PRODUCTS
            if p.start <= FIRST + timedelta(minutes=1444) and p.end >= FIRST + timedelta(minutes=1434)
        ]
        assert PRODUCTS[2].url in expected
        assert set(expected) <= set(urls(result))


def test_a_result_of_selected_columns_has_those_columns(archives: tuple[Archive, Archive]) -> None:
    for archive in archives:
        let = "LET c = FIND data_products SELECT start, end AS until, platform AS site, program, metadata.w, keogram_type AS k"
        result = last(archive, f"{let} ON 2020-02", "FIND c WHERE site = 'fort smith' AND w > 0 AND program = 'trex'")
        names = ["start", "until", "site", "program", "metadata.w", "k"]
        assert [column.name for column in result.columns] == names
        assert list(result) == [(datetime(2020, 2, 3, 6), datetime(2020, 2, 3, 6, 59), "fort smith", "trex", 2.5, None)]
        result = archive.run("FIND c SELECT site, start WHERE k LIKE 'dai%' ORDER BY until DESC")
        assert [row[0] for row in result] == ["longyearbyen", "fort smith", "gillam"]
        assert urls(
            archive.run("FIND data_products WHERE platform IN c.site AND keogram_type IN c.k ON 2020-02-02")
        ) == [p.url for p in (PRODUCTS[3], PRODUCTS[4])]
        with pytest.raises(StatementError, match="have no field 'platform'"):
            archive.run("FIND c WHERE platform = 'gillam'")
        with pytest.raises(StatementError, match="has no end"):
            archive.run("FIND data_products DURING c")


def test_a_result_computed_from_a_result(demo: Archive) -> None:
    script = "LET a = FIND data_products WHERE program = 'trex' ON 2020-02-01; LET b = FIND a WHERE platform = 'gillam'"
    result = list(demo.run_script(script, "LET a = FIND b SELECT start, end WHERE data_product_type = 'keogram'"))
    assert [item.note.partition(" ")[2] for item in result[1:]] == [f"{len(result[1])} rows", f"{len(result[2])} rows"]
    assert len(result[0]) > len(result[1]) > len(result[2]) > 0
    assert demo.results["a"] is result[2]
    assert [c.name for c in demo.run("FIND a").columns] == ["start", "end"]


def test_results_of_a_session_are_not_shared(demo: Archive) -> None:
    result = demo.run("LET `odd name` = FIND data_products WHERE program = 'trex' ON 2020-02-01 LIMIT 1")
    assert demo.results["odd name"] is result
    assert result.note == "odd name: 1 data product"
    with pytest.raises(TypeError):
        demo.results["x"] = result  # type: ignore[index]
    assert len(demo.run("FIND `odd name` WHERE program IN `odd name`.program")) == 1
    with connect() as another:
        assert another.results == {}


def test_conjunctions_feed_products(demo: Archive) -> None:
    script = """
        LET passes = FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 300 km DURING 2020-01;
        FIND data_products WHERE program = 'trex' AND platform IN passes.platform DURING passes PADDED BY 10 minutes
    """
    passes, result = demo.run_script(script)
    sites = {source["platform"] for item in passes.records for source in item["data_sources"]}
    assert {"gillam", "swarma"} < sites
    assert {item["data_source"]["platform"] for item in result.records} <= sites
    pad = timedelta(minutes=10)
    intervals = [(row[1] - pad, row[2] + pad) for row in passes]
    for record in result.records:
        start, end = (datetime.fromisoformat(record[name]) for name in ("start", "end"))
        assert any(start <= b and end >= a for a, b in intervals)
    near = demo.run("FIND passes SELECT start, min_distance WHERE min_distance < 50 km ORDER BY min_distance")
    distances = sorted(item["min_distance"] for item in passes.records if item["min_distance"] < 50)
    assert [row[1] for row in near] == distances


# --- all errors are reported before anything runs


def test_a_script_is_checked_completely_before_it_runs(service: Archive, server: AuroraXServer) -> None:
    with pytest.raises(StatementError) as raised:
        service.run_script(
            "LET c = FIND data_products SELECT platform ON 2020-02; FIND c WHERE url = 'x'; FIND data_products DURING c;"
            "FIND data_products WHERE start IN c.platform ON 2020-02; SHOW COLUMNS OF d; FETCH s; SET x = 1"
        )
    assert codes(raised.value) == ["AQL0201", "AQL0222", "AQL0203", "AQL0225", "AQL0226", "AQL0223"]
    assert server.calls == []
    assert service.results == {}


def test_a_check_needs_no_rows() -> None:
    text = """
        LET c = FIND ephemeris WHERE program = 'swarm' ON 2020-02-01;
        FIND data_products WHERE program IN c.program AND platform IN (FIND c SELECT platform LIMIT 5) DURING c;
        SUBMIT later = FIND data_products WHERE platform IN c.platform ON 2020-02-01; FETCH later; FIND later WHERE url = 'x';
        SQL SELECT count(*) FROM later; SHOW COLUMNS OF c; SHOW SEARCHES; SET timeout = 5 minutes
    """
    ((_, diagnostics),) = check_scripts([Source(text)], load_shipped(), {})
    assert [item.code for item in diagnostics] == ["AQL0620"]


def test_values_are_taken_when_a_statement_runs(archives: tuple[Archive, Archive]) -> None:
    for archive in archives:
        results = archive.run_script(
            "LET c = FIND data_products WHERE platform = 'fort smith' ON 2020-02",
            "FIND data_products WHERE platform IN c.platform ON 2020-02",
        )
        next(results)
        archive.run("LET c = FIND data_products WHERE platform = 'longyearbyen' ON 2020-02")
        assert urls(next(results)) == [PRODUCTS[8].url]


# --- SUBMIT, FETCH and CANCEL


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_searches_are_submitted_and_fetched(service: Archive, server: AuroraXServer) -> None:
    server.polls = 1
    rows = [
        list(result)
        for result in service.run_script(
            "SUBMIT FIND data_products ON 2020-02; SUBMIT b = FIND ephemeris ON 2020-02-01"
        )
    ]
    assert [(name, status) for ((name, status, _),) in rows] == [("s1", "running"), ("b", "running")]
    wait_until(lambda: service.run("SHOW SEARCHES SELECT status").rows == [("done",)] * 2)
    shown = service.run("SHOW SEARCHES SELECT name, status, result_count, statement")
    assert list(shown)[1] == ("b", "done", 6, "SUBMIT b = FIND ephemeris ON 2020-02-01")
    answer = service.run("FETCH s1")
    assert urls(answer) == sorted(p.url for p in PRODUCTS)
    assert service.results["s1"] is answer
    assert urls(last(service, "FETCH b; FIND s1 DURING b")) == urls(last(service, "FIND s1 DURING b"))
    assert server.count("submit") == 2
    server.polls = 0


def test_searches_are_cancelled(service: Archive, server: AuroraXServer) -> None:
    server.never = True
    try:
        for _ in service.run_script(
            "SUBMIT a = FIND data_products; SUBMIT b = FIND data_products; SUBMIT a = FIND ephemeris"
        ):
            pass
        assert [search.cancelled for search in server.searches.values()][-3:] == [True, False, False]
        assert service.run("CANCEL a").note == "a is cancelled"
        assert service.run("SHOW SEARCHES SELECT name, status").rows == [("a", "cancelled"), ("b", "running")]
        with pytest.raises(auroraql.Cancelled):
            service.run("FETCH a")
        service.close()
        assert [search.cancelled for search in server.searches.values()][-3:] == [True, True, True]
    finally:
        server.never = False


def test_submit_from_python(demo: Archive) -> None:
    search = demo.submit("SUBMIT day = FIND data_products WHERE program = $p ON 2020-02-01", p="trex")
    assert search.name == "day"
    assert len(search.fetch()) == len(demo.run("FETCH day")) > 0
    assert demo.run("SHOW SEARCHES WHERE name = 'day'").rows[0][1] == "done"
    assert len(demo.submit("FIND data_products DURING day").fetch()) > 0
    for text in ("SHOW SOURCES", "LET c = FIND data_products", "SET timeout = 5", "SQL SELECT 1"):
        with pytest.raises(UsageError, match="does not run a search"):
            demo.submit(text)


# --- parameters, EXPLAIN, DESCRIBE, translate


def test_parameters_are_allowed_in_every_statement(demo: Archive) -> None:
    script = """
        LET c = FIND data_products WHERE program = $p ON $day;
        FIND data_products WHERE program = 'themis-asi' DURING c PADDED BY $n hours LIMIT $most;
        SHOW SOURCES WHERE program = $p LIKE $like;
        SET timeout = $seconds;
        SQL SELECT count(*) FROM c WHERE program = $p AND start >= $since;
    """
    given: dict[str, Any] = {"p": "trex", "day": "2020-02-01", "n": 2, "most": 3, "like": "TREx RGB %", "seconds": 60}
    results = list(demo.run_script(script, **given, since=datetime(2020, 2, 1, 12)))
    assert [len(result) for result in results][1:3] == [3, 6]
    assert results[3].note == "timeout is 60 s"
    assert 0 < next(iter(results[4]))[0] < len(results[0])
    demo.run("SET timeout = DEFAULT")
    for missing in ("n", "like", "seconds", "p"):
        with pytest.raises(StatementError, match=rf"the parameter \${missing} has no value"):
            demo.run_script(script, **{name: v for name, v in given.items() if name != missing}, since="2020-02-01")
    with pytest.raises(StatementError, match="a padding cannot be negative"):
        demo.run_script(script, **{**given, "n": -2}, since="2020-02-01")


def test_explain_and_describe_of_statements_with_results(demo: Archive) -> None:
    demo.run("LET c = FIND data_products WHERE program = 'trex' AND platform = 'gillam' ON 2020-02-01")
    result = [line for (line,) in demo.run("EXPLAIN FIND data_products WHERE platform IN c.platform ON 2020-02-02")]
    assert "   platform in (gillam)" in result or "│  platform in (gillam)" in result
    (sentence,) = next(iter(demo.run("DESCRIBE FIND data_products WHERE platform IN c.platform ON 2020-02-02")))
    assert "platform in (gillam)" in sentence
    result = [line for (line,) in demo.run("EXPLAIN FIND c WHERE platform = 'gillam' LIMIT 3")]
    assert result[0].startswith("the rows of c: ")
    assert result[1:] == ["└─ post-processing", "   WHERE platform = 'gillam'", "   LIMIT 3"]
    inner = "FIND data_products SELECT platform WHERE program = 'rego' ON 2020-02-01"
    result = [line for (line,) in demo.run(f"EXPLAIN FIND data_products WHERE platform IN ({inner}) ON 2020-02-02")]
    assert result[:2] == ["first:", "  data products from demo: 1 request"]
    assert result[-1] == "data products from demo: the requests depend on those rows"
    for text, code in ((f"FIND data_products WHERE platform IN ({inner})", "AQL0410"), ("FIND c", "AQL0406")):
        with pytest.raises(StatementError) as raised:
            demo.run(f"DESCRIBE {text}")
        assert codes(raised.value) == [code]


def test_an_explanation_searches_nothing(service: Archive, server: AuroraXServer) -> None:
    service.run(
        "EXPLAIN FIND data_products WHERE platform IN (FIND ephemeris SELECT platform ON 2020-02-01) ON 2020-02-01"
    )
    assert server.count("submit") == 0


def test_translation_has_no_results() -> None:
    for to in ("aql", "json", "sentence", "plan"):
        with pytest.raises(StatementError, match="AQL0410"):
            auroraql.translate("FIND data_products WHERE platform IN c.platform DURING 2020-01", to)
        with pytest.raises(StatementError, match="AQL0107"):
            auroraql.translate("FIND c", to)
