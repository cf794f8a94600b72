"""Tests of every fault of the service, the error that the HTTP engine reports for it, and that the key stays secret."""

from __future__ import annotations

import html
import logging
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from auroraql.diagnostics.errors import ArchiveError, Failed, Refused, Unreachable, UsageError
from auroraql.engines.aurorax import AuroraXEngine
from auroraql.ir.plan import Plan, Request
from auroraql.ir.query import Query
from tests.support.aurorax_matching import StepName
from tests.support.aurorax_server import RECORDS, AuroraXServer, Fault, error

HTML = b"<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"
KEY = "k3y/\"wh'é<b>x"
PLAN = Plan(Query("data_products"), (Request("data_products", (("program", ("trex",)),)),))
FOUND = [record for record in RECORDS if record["data_source"]["program"] == "trex"]
Connect = Callable[..., AuroraXEngine]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AuroraXServer]:
    monkeypatch.setenv("NO_PROXY", "*")
    with AuroraXServer(RECORDS) as running:
        yield running


@pytest.fixture
def connect(server: AuroraXServer) -> Iterator[Connect]:
    engines: list[AuroraXEngine] = []

    def opened(**options: Any) -> AuroraXEngine:
        engines.append(AuroraXEngine(server.url, name="aurorax", pause=lambda _: None, **options))
        return engines[-1]

    yield opened
    server.faults.clear()
    for engine in engines:
        engine.close()


def fetch(engine: AuroraXEngine) -> Any:
    return engine.submit(PLAN).fetch(time.monotonic() + 20).records


def error_response(code: int, message: str = "we say so") -> Fault:
    return Fault(status=code, change=lambda _: error("Nil", message))


def change_document(**members: Any) -> Fault:
    return Fault(change=lambda document: {**document, **members})


def change_search_result(**members: Any) -> Fault:
    return Fault(change=lambda document: {**document, "search_result": {**document["search_result"], **members}})


def change_records(**members: Any) -> Fault:
    return Fault(change=lambda document: {"result": [{**record, **members} for record in document["result"]]})


Case = tuple[StepName, Fault, type[ArchiveError], str]

CASES: list[Case] = [
    ("submit", Fault(status=200), Failed, "expected 202 to the search, got 200"),
    ("submit", Fault(headers={"Location": ""}), Failed, "expected a Location header .* got no such header"),
    ("submit", Fault(headers={"Location": "/api/v1/.."}), Failed, "expected a Location header .* got '/api/v1/..'"),
    ("submit", error_response(400), Refused, r"400 bad request: we say so \(Nil\).*EXPLAIN"),
    ("submit", error_response(401), Refused, "401 not authenticated: we say so.*AURORAX_API_KEY"),
    ("submit", error_response(403), Refused, "403 not permitted: we say so"),
    ("submit", error_response(404), Refused, "404 not found: we say so.*address of an AuroraX service"),
    ("submit", error_response(409), Refused, "409 .*already exists: we say so"),
    ("submit", error_response(413), Refused, "413 the query is too large"),
    ("submit", error_response(422), Refused, "422 .*we say so"),
    ("submit", error_response(418), Refused, "418 to the search: we say so"),
    ("submit", error_response(429), Refused, "429 too many requests"),
    ("submit", error_response(500), Failed, "500 internal server error: we say so"),
    ("submit", error_response(501), Failed, "501 to the search: we say so"),
    ("submit", Fault(status=502, body=HTML, content_type="text/html"), Unreachable, "502 bad gateway"),
    ("submit", error_response(503, "in maintenance mode"), Unreachable, "503 maintenance: in maintenance mode"),
    ("submit", error_response(503), Unreachable, "503 the service is unavailable: we say so"),
    ("submit", Fault(drop="before"), Unreachable, "closed before"),
    ("status", Fault(drop="before"), Unreachable, "closed before"),
    ("status", Fault(drop="within"), Unreachable, "closed before"),
    ("status", Fault(body=b'{"search_result": {'), Failed, "expected a status as JSON, got something else of 19 bytes"),
    ("status", Fault(body=b""), Failed, "expected a status as JSON, .* of 0 bytes: nothing"),
    ("status", Fault(body=b"[" * 100_000), Failed, "expected a status as JSON"),
    ("status", Fault(body=HTML), Failed, "got an HTML page .*Bad Gateway"),
    ("status", error_response(404), Refused, "404 not found: we say so.*run it again"),
    ("status", error_response(200), Failed, "we say so"),
    ("status", Fault(body=b"[1]"), Failed, r"expected an object as 'search_result' of a status, got '\[1\]'"),
    (
        "status",
        change_document(search_result=None),
        Failed,
        "expected an object as 'search_result' of a status, got 'null'",
    ),
    ("status", change_document(logs=None), Failed, "expected a list as 'logs' of a status, got 'null'"),
    (
        "status",
        change_document(logs=[{"level": "info", "summary": 5, "timestamp": ""}]),
        Failed,
        "a string as 'summary'.*5",
    ),
    ("status", change_search_result(data_uri=5), Failed, "a string or null as 'data_uri'.*'5'"),
    ("status", change_search_result(error_condition="no"), Failed, "true, false or null as 'error_condition'"),
    ("status", change_search_result(result_count="3"), Failed, "a whole number or null as 'result_count'"),
    ("status", change_search_result(result_count=True), Failed, "a whole number or null as 'result_count'"),
    ("data", error_response(404), Refused, "404 the results were deleted: we say so.*run the search again"),
    ("data", error_response(200), Failed, r"we say so \(Nil\)"),
    ("data", Fault(change=lambda _: {"error": error("Nil", "disk full")}), Failed, r"disk full \(Nil\)"),
    ("data", Fault(drop="within"), Unreachable, "closed before"),
    ("data", Fault(body=b'{"result": [{"start": '), Failed, "expected records as JSON"),
    ("data", Fault(body=b"\x1f\x8bxx", headers={"Content-Encoding": "gzip"}), Failed, "cannot be decompressed"),
    ("data", Fault(body=HTML), Failed, "expected records as JSON, got an HTML page"),
    ("data", change_document(result=None), Failed, "expected a list of records"),
    ("data", change_document(result=["x"] * 3), Failed, 'record 1 of 3: expected an object, got "x"'),
    ("data", change_document(result=[]), Failed, "announced 3 records, and 0 arrived"),
    ("data", change_records(start=5), Failed, "record 1 of 3: expected a timestamp as 'start', got 5"),
    ("data", change_records(end="soon"), Failed, "expected a timestamp as 'end', got \"soon\""),
    ("data", change_records(url=False), Failed, "expected a string as 'url', got false"),
    ("data", change_records(data_source=[]), Failed, "expected an object as 'data_source'"),
    ("data", change_records(data_source={"identifier": "3"}), Failed, "a whole number as 'data_source.identifier'"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}: {case[3]}")
def test_error_messages(server: AuroraXServer, connect: Connect, case: Case) -> None:
    step, fault, kind, words = case
    server.faults[step] = fault
    with pytest.raises(ArchiveError, match=f"(?s){words}") as caught:
        fetch(connect())
    assert type(caught.value) is kind
    assert caught.value.archive == "aurorax"
    assert caught.value.request_id == ("" if step == "submit" else next(iter(server.searches)))
    assert caught.value.hint or step == "submit"
    assert "nginx" not in str(caught.value) or kind is Failed
    assert caught.value.__context__ is None


def test_a_failed_search_reports_the_reason(server: AuroraXServer, connect: Connect) -> None:
    server.error = "No data sources match\x1b[31m the query"
    with pytest.raises(Failed, match=r"failed: No data sources match \[31m the query") as caught:
        fetch(connect())
    assert caught.value.request_id in server.searches


def test_a_null_or_empty_error_is_not_shown(server: AuroraXServer, connect: Connect) -> None:
    server.faults["data"] = change_document(error=None, error_code="")
    server.faults["status"] = change_search_result(result_count=None)
    assert fetch(connect()) == FOUND


def test_a_failure_shows_the_log_of_the_search(server: AuroraXServer, connect: Connect) -> None:
    lines = [
        {"level": level, "summary": f"{level} line", "timestamp": "2199-01-01T00:00:00"}
        for level in ("info", "error", "ERROR", "debug")
    ]
    server.faults["status"] = Fault(change=lambda d: {**d, "logs": lines, "search_result": {"error_condition": True}})
    with pytest.raises(Failed, match="failed: error line; ERROR line") as caught:
        fetch(connect())
    assert caught.value.request_id in server.searches


@pytest.mark.parametrize("step", ["status", "data", "cancel"])
@pytest.mark.parametrize(
    "words", ["Fri, 01 Jan 1999 00:00:00 GMT", "Thu, 01 Jan 2099 00:00:00", "soon", "-5", "", "9" * 400]
)
def test_a_wrong_clock_or_header_is_harmless(
    server: AuroraXServer, connect: Connect, step: StepName, words: str
) -> None:
    server.faults[step] = Fault(status=503, headers={"Retry-After": words}, times=1)
    server.never = step == "cancel"
    run = connect().submit(PLAN)
    try:
        if step == "cancel":
            run.cancel()
        else:
            assert run.fetch(time.monotonic() + 20).records == FOUND
    except Unreachable:
        assert words.startswith(("Thu", "9")), "only a wait beyond the deadline gives up"


@pytest.mark.parametrize(
    "said_of_time",
    [{"completed_timestamp": "1970-01-01T00:00:00"}, {"query_duration": -5}, {"completed_timestamp": None, "new": []}],
)
def test_irrelevant_status_fields_are_ignored(
    server: AuroraXServer, connect: Connect, said_of_time: dict[str, Any]
) -> None:
    server.faults["status"] = change_search_result(**said_of_time)
    assert fetch(connect()) == FOUND


def test_an_empty_result(server: AuroraXServer, connect: Connect) -> None:
    server.records.clear()
    assert fetch(connect()) == []
    server.faults["data"] = Fault(body=b" [ ] ")
    assert fetch(connect()) == []


# Who receives the key


@pytest.mark.parametrize("tail", ["/api/v1/data_products/requests/x/data", "", "/?a=b#c"])
def test_takes_the_data_from_the_queried_origin(server: AuroraXServer, connect: Connect, tail: str) -> None:
    with AuroraXServer(RECORDS) as thief:
        for uri in (f"{thief.url}{tail}", f"//{thief.url.removeprefix('http://')}{tail}"):
            server.faults["status"] = change_search_result(data_uri=uri)
            assert fetch(connect(api_key=KEY)) == FOUND
        assert thief.connections == 0


def test_sends_nothing_to_another_origin(server: AuroraXServer, connect: Connect) -> None:
    with AuroraXServer(RECORDS) as thief:
        server.faults["submit"] = Fault(headers={"Location": f"{thief.url}/api/v1/data_products/requests/none"})
        with pytest.raises(Refused, match="404"):
            fetch(connect(api_key=KEY))
        server.faults.clear()
        for step in ("submit", "status", "data"):
            server.faults[step] = Fault(status=307, headers={"Location": f"{thief.url}/api/v1/x?key=1"})
            with pytest.raises(Refused, match=f"307 redirect to {thief.url} was not followed"):
                fetch(connect(api_key=KEY))
            server.faults.clear()
        assert thief.connections == 0


def test_follows_redirects_within_the_origin(server: AuroraXServer, connect: Connect) -> None:
    server.faults["submit"] = Fault(status=307, headers={"Location": "/api/v1/data_products/search"}, times=1)
    assert fetch(connect()) == FOUND
    server.faults["submit"] = Fault(status=302, headers={"Location": "/api/v1/data_products/search"})
    with pytest.raises(Refused, match="302 redirect"):
        fetch(connect())
    server.faults["submit"] = Fault(status=308, headers={"Location": "/api/v1/data_products/search"})
    with pytest.raises(Failed, match=r"too many redirects \(308\)"):
        fetch(connect())


def run_expecting_an_error(engine: AuroraXEngine, step: StepName) -> None:
    run = engine.submit(PLAN)
    if step == "cancel":
        run.cancel()
    run.fetch(time.monotonic() + 20)


@pytest.mark.parametrize("step", ["submit", "status", "data", "cancel"])
@pytest.mark.parametrize("form", ["plain", "json", "page", "head", "drop"])
def test_never_shows_the_key(
    server: AuroraXServer, connect: Connect, step: StepName, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.never = step == "cancel"
    page = f"<html>{'x' * 110} {html.escape(KEY)} {KEY} {quote(KEY)}</html>".encode()
    server.faults[step] = {
        "plain": Fault(status=400, change=lambda _: error("Nil", f"the key {KEY} is not known")),
        "json": Fault(status=200, change=lambda _: {"result": KEY, "logs": KEY, "search_result": KEY}),
        "page": Fault(status=200, body=page),
        "head": Fault(status=401, headers={"Location": f"http://{quote(KEY, safe='')}/", "Retry-After": quote(KEY)}),
        "drop": Fault(drop="before"),
    }[form]
    engine = connect(api_key=KEY)
    with pytest.raises(ArchiveError) as caught:
        run_expecting_an_error(engine, step)
    trace = "".join(traceback.format_exception(caught.value))
    shown = f"{trace} {caught.value!r} {vars(caught.value)} {caplog.text} {engine!r}"
    assert any(call.headers["x-aurorax-api-key"] == KEY for call in server.calls)
    assert [piece for piece in ("k3y", "wh'", "wh\\'", "wh%27", "wh&#x27;", "b>x") if piece in shown] == []


@pytest.mark.parametrize("key", ["two\nlines", "snow\u2603man", "a blank", " ", "end\r", "nul\0"])
def test_refuses_a_key_that_cannot_be_sent(connect: Connect, key: str) -> None:
    with pytest.raises(UsageError) as caught:
        connect(api_key=key)
    assert not {word for word in key.split() if word in str(caught.value).split()} - {"a"}
    assert "AURORAX_API_KEY" in caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        *("", "aurorax", "https://", "http:///path", "ftp://host", "file:///etc", "http://host:0", "http://host:99999"),
        *("http://[::1", "http://ho st", "http://host/a\nb", "http://host?query=1", "http://host/#part"),
        *("https://ann:passw0rd@host/", "http:ann:passw0rd@host", "http://ann:passw0rd@"),
    ],
)
def test_refuses_a_bad_address(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        AuroraXEngine(url)
    assert caught.value.hint
    assert "passw0rd" not in str(caught.value)
