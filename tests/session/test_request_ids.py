"""Tests of searches by request id, submitted by this or another session: fetched, cancelled and named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import auroraql
from auroraql import Archive, StatementError, connect
from auroraql.diagnostics.errors import Source
from auroraql.schema.catalogue import load_shipped
from auroraql.session.analyzer import check_scripts
from tests.support.aurorax_server import AuroraXServer, Fault
from tests.support.command_line import command
from tests.support.feeding_records import PRODUCTS, serve_records, urls


@pytest.fixture(scope="module")
def server() -> Iterator[AuroraXServer]:
    with serve_records() as running:
        yield running


def submit_elsewhere(server: AuroraXServer, statement: str = "FIND data_products ON 2020-02") -> str:
    """Return the request id of a search that another session detached."""
    with connect(server.url) as another:
        search = another.submit(statement)
        search.wait()
        return search.request_ids[0]


def test_a_foreign_search_is_fetched_and_stored(service: Archive, server: AuroraXServer) -> None:
    request_id = submit_elsewhere(server, "FIND data_products SELECT url WHERE program = 'trex' ON 2020-02")
    result = service.run(f"FETCH '{request_id}'")
    expected = [p.url for p in PRODUCTS if p.url in urls(result)]
    assert sorted(expected) == urls(result)
    assert [column.name for column in result.columns[:3]] == ["start", "end", "identifier"]
    assert service.results["s1"] is result
    assert service.run("SHOW SEARCHES SELECT name, status, request_ids, result_count").rows == [
        ("s1", "done", request_id, len(result))
    ]
    assert len(service.run("SQL SELECT DISTINCT url FROM s1")) == len(expected)
    assert service.run(f"FETCH '{request_id}'").columns == result.columns
    assert service.searches == ("s1",), "the same search is the same search"


def test_the_rows_of_a_foreign_search_are_used_in_the_script(service: Archive, server: AuroraXServer) -> None:
    request_id = submit_elsewhere(server)
    script = f"FETCH day = '{request_id}'; FIND day SELECT url, platform WHERE w > 1"
    script += "; SQL SELECT count(*) FROM day"
    fetched, chosen, counted = service.run_script(script)
    assert len(fetched) == next(iter(counted))[0] == len(PRODUCTS)
    assert 0 < len(chosen) < len(fetched)
    assert [messages for _, messages in check_scripts([Source(script)], load_shipped(), {})] == [()], (
        "a check sends no request"
    )
    with pytest.raises(StatementError, match="AQL0203"):
        service.run_script(f"FETCH `odd name` = '{request_id}'; FIND `odd name` WHERE url = 5")
    with pytest.raises(StatementError, match="AQL0227"):
        service.run_script(f"FETCH ephemeris = '{request_id}'")


def test_a_script_with_an_error_sends_nothing(service: Archive, server: AuroraXServer) -> None:
    with pytest.raises(StatementError):
        service.run_script("FETCH '8b3d3ff7-ce08-463c-9fe2-b44cde68c40b'; FIND data_products WHERE program = 5")
    assert server.calls == []


def test_a_foreign_search_is_fetched_in_a_script_that_keeps_going(service: Archive) -> None:
    with connect(service.name) as elsewhere:
        (request_id,) = elsewhere.submit("FIND data_products WHERE program = 'trex'").request_ids
    outcomes = list(service.run_each(f"FIND x; FETCH '{request_id}'"))
    assert [isinstance(outcome, StatementError) for outcome in outcomes] == [True, False]


def test_a_foreign_search_is_cancelled(service: Archive, server: AuroraXServer) -> None:
    server.never = True
    try:
        with connect(server.url) as another:
            request_id = another.submit("FIND ephemeris ON 2020-02-01").request_ids[0]
            assert service.run(f"CANCEL '{request_id}'").note == f"{request_id} is cancelled"
            assert server.searches[request_id].cancelled
            assert service.searches == ()
    finally:
        server.never = False


def test_cancelling_a_finished_foreign_search_is_not_an_error(service: Archive, server: AuroraXServer) -> None:
    with connect(server.url) as another:
        request_id = another.submit("FIND ephemeris ON 2020-02-01").request_ids[0]
        assert service.run(f"CANCEL '{request_id}'").note == f"{request_id} is done"
        server.searches[request_id].cancelled = True
        ended = service.run(f"CANCEL '{request_id}'")
        assert ended.note == f"{request_id} has ended already: The search was cancelled by its user"
        assert ended.rows == [("", "failed", request_id)]
        done = command("-a", server.url, "-c", f"CANCEL '{request_id}'")
        assert (done.code, done.out) == (0, "")
        assert "has ended already" in done.err
        with pytest.raises(auroraql.Failed):  # when its records are needed, it is an error
            service.run(f"FETCH '{request_id}'")
    # A search that is unknown, or whose status is broken, does not count as ended.
    with pytest.raises(auroraql.Refused, match="404 not found"):
        service.run("CANCEL '8b3d3ff7-ce08-463c-9fe2-b44cde68c40b'")
    server.faults["status"] = Fault(body=b"{}")
    with pytest.raises(auroraql.Failed):
        service.run(f"CANCEL '{request_id}'")
    server.faults.clear()


def test_searches_of_the_session_by_their_ids(service: Archive, server: AuroraXServer) -> None:
    service.run("SUBMIT mine = FIND data_products SELECT url ON 2020-02")
    ((request_id, url),) = service.run("SHOW SEARCHES SELECT request_ids, request_urls")
    assert url == f"{server.url}/api/v1/data_products/requests/{request_id}"
    assert [column.name for column in service.run(f"FETCH '{request_id}'").columns] == ["url"], "it is the same search"
    assert service.results.keys() == {"mine"}
    assert service.run("FETCH 'mine'").columns == service.results["mine"].columns
    search = service.attach(request_id, "whole")
    assert (search.name, search.request_ids, search.request_urls) == ("whole", (request_id,), (url,))
    assert len(search.fetch()) == len(PRODUCTS)
    took = search.elapsed
    assert 0 < took == search.elapsed
    assert service.searches == ("mine", "whole")
    assert search.web_url is None, "the pages show searches of AuroraX only"
    assert service.attach(request_id).name == ""
    assert service.searches == ("mine", "whole")


def test_an_unknown_request_id(service: Archive, demo: Archive) -> None:
    with pytest.raises(auroraql.Refused, match="404 not found") as caught:
        service.run("FETCH '8b3d3ff7-ce08-463c-9fe2-b44cde68c40b'")
    assert caught.value.request_id == "8b3d3ff7-ce08-463c-9fe2-b44cde68c40b"
    assert service.searches == ()
    with pytest.raises(auroraql.Refused, match="does not keep searches"):
        demo.run("FETCH '8b3d3ff7-ce08-463c-9fe2-b44cde68c40b'")


def test_a_search_with_an_unreadable_status_has_not_failed(service: Archive, server: AuroraXServer) -> None:
    server.never = True
    try:
        service.run("SUBMIT a = FIND data_products ON 2020-02")
        server.faults["status"] = Fault(status=503, headers={"Retry-After": "60"})
        assert service.run("SHOW SEARCHES SELECT status").rows == [("unreachable",)]
        server.faults.clear()
        assert service.run("SHOW SEARCHES SELECT status").rows == [("running",)]
    finally:
        server.never = False
        server.faults.clear()
