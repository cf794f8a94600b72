"""Tests of every fault at every step: each ends soon, in the right rows or in an AuroraQL error that names it.

The table of `engines/aurorax/test_faults.py` has the words of each error; here every step meets every fault.
"""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from auroraql.codecs import script
from auroraql.diagnostics.errors import ArchiveError, Failed, Refused, Source, TimedOut, Unreachable
from auroraql.engines.aurorax import AuroraXEngine, http_client
from auroraql.engines.aurorax import aurorax_engine as engine_module
from auroraql.engines.aurorax import run as run_module
from auroraql.engines.aurorax.columnar import stream
from auroraql.ir.plan import Plan, Request
from auroraql.ir.query import Query
from auroraql.planner import plan_query
from auroraql.resolver import resolve
from auroraql.schema.catalogue import load_shipped
from tests.support.aurorax_matching import StepName
from tests.support.aurorax_server import EPHEMERIS, RECORDS, SOURCES, AuroraXServer, Fault

START, END = datetime(2020, 2, 1), datetime(2020, 2, 29)
FOUND = [record for record in RECORDS if record["data_source"]["program"] == "trex"]
PLAN = Plan(Query("data_products"), (Request("data_products", (("program", ("trex",)),), start=START, end=END),))

STEPS: tuple[StepName, ...] = ("submit", "status", "data", "sources", "availability")
"""Steps that a result needs. The others are optional, or have an alternative."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AuroraXServer]:
    monkeypatch.setenv("NO_PROXY", "*")
    with AuroraXServer(RECORDS, SOURCES, ephemeris=EPHEMERIS) as running:
        yield running


@pytest.fixture
def engine(server: AuroraXServer) -> Iterator[AuroraXEngine]:
    archive = AuroraXEngine(server.url, name="aurorax", api_key="s3cret-k3y", pause=lambda _: None)
    yield archive
    server.faults.clear()
    archive.close()


def run_step(engine: AuroraXEngine, step: StepName, seconds: float = 20.0, *, awaited: bool = False) -> Any:
    """Run a step and the steps that it needs, and return its result."""
    deadline = time.monotonic() + seconds
    if step == "sources":
        return engine.refresh_sources()
    if step == "availability":
        return engine.availability("data_products", date(2020, 2, 1), date(2020, 2, 29), {}, deadline)
    return engine.submit(PLAN, awaited=awaited).fetch(deadline).records


def head(status: str, *lines: str, kind: str = "application/json") -> bytes:
    """Return the head of an HTTP response as bytes."""
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Type: {kind}", *lines, "", ""]).encode()


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


HTML = b"<html><head><title>Gateway</title></head><body><h1>nginx</h1></body></html>"
PACKED = gzip.compress(json.dumps([{"a": "x" * 5000}]).encode())
LONG = json.dumps([{"start": "2020-02-01T00:00:00"}] * 400).encode()

FAULTS: list[tuple[str, Fault, type[ArchiveError] | tuple[type[ArchiveError], ...]]] = [
    ("dropped before", Fault(drop="before"), Unreachable),
    ("nothing at all", Fault(raw=b""), Unreachable),
    ("no HTTP", Fault(raw=b"SSH-2.0-OpenSSH_9.6\r\n"), Unreachable),
    ("half a head", Fault(raw=b"HTTP/1.1 200 OK\r\nContent-Ty"), Failed),
    ("a status that is no number", Fault(raw=b"HTTP/1.1 abc OK\r\n\r\n"), Unreachable),
    ("a negative length", Fault(raw=head("200 OK", "Content-Length: -5") + b"["), Failed),
    ("cut off by length", Fault(raw=head("200 OK", "Content-Length: 90000") + LONG), Unreachable),
    ("a chunk cut off", Fault(raw=head("200 OK", "Transfer-Encoding: chunked") + chunk(LONG)[:900]), Unreachable),
    ("the last chunk missing", Fault(raw=head("200 OK", "Transfer-Encoding: chunked") + chunk(LONG)), Unreachable),
    ("chunks of no size", Fault(raw=head("200 OK", "Transfer-Encoding: chunked") + b"zz\r\n[]"), Unreachable),
    ("gzip cut off", Fault(raw=head("200 OK", "Content-Encoding: gzip") + PACKED[:-20]), Failed),
    ("gzip that is none", Fault(raw=head("200 OK", "Content-Encoding: gzip") + b"[]" * 50), Failed),
    ("a body cut off by closing", Fault(raw=head("200 OK") + LONG[:-30]), Failed),
    ("400", Fault(status=400), Refused),
    ("401", Fault(status=401), Refused),
    ("403", Fault(status=403), Refused),
    ("404", Fault(status=404), Refused),
    ("410", Fault(status=410), Refused),
    ("429", Fault(status=429, headers={"Retry-After": "0"}), Refused),
    ("500", Fault(status=500), Failed),
    ("500 in broken JSON", Fault(status=500, body=b'{"error_code": '), Failed),
    ("502 as HTML", Fault(status=502, body=HTML, content_type="text/html"), Unreachable),
    ("503", Fault(status=503), Unreachable),
    ("503 maintenance", Fault(status=503, body=b'{"error_message": "in maintenance mode"}'), Unreachable),
    ("504", Fault(status=504, body=b""), Unreachable),
    ("an unheard-of status", Fault(status=299, body=b"[]"), Failed),
    ("204", Fault(status=204, body=b""), Failed),
    ("304", Fault(status=304, body=b""), Refused),
    ("a redirect without Location", Fault(status=307, body=b""), Refused),
    ("a redirect to nowhere", Fault(status=307, headers={"Location": "http://[::1"}, body=b""), Refused),
    ("a redirect to another scheme", Fault(status=307, headers={"Location": "file:///etc/passwd"}, body=b""), Refused),
    ("empty", Fault(status=200, body=b""), Failed),
    ("blank", Fault(status=200, body=b" \r\n\t"), Failed),
    ("HTML", Fault(status=200, body=HTML, content_type="text/html"), Failed),
    ("HTML said to be JSON", Fault(status=200, body=HTML), Failed),
    ("broken JSON", Fault(status=200, body=b'[{"start": "2020'), Failed),
    ("two documents", Fault(status=200, body=b"[] []"), Failed),
    ("no UTF-8", Fault(status=200, body=b'[{"url": "\xff\xfe"}]'), Failed),
    ("UTF-16", Fault(status=200, body='[{"url": "é"}]'.encode("utf-16")), Failed),
    ("a NUL", Fault(status=200, body=b"[\x00]"), Failed),
    ("NaN", Fault(status=200, body=b'[{"start": NaN}]'), Failed),
    ("a number without end", Fault(status=200, body=b"[" + b"9" * 10_000 + b"]"), Failed),
    ("a float beyond all", Fault(status=200, body=b"[1e999999]"), Failed),
    ("nests deep", Fault(status=200, body=b"[" * 200_000 + b"]" * 200_000), Failed),
    ("an error in a good answer", Fault(status=200, body=b'{"error": {"error_code": "E1", "error_message": "m"}}'), Failed),
    ("an error as text", Fault(status=200, body=b'{"error": "no"}'), Failed),
    ("a list of errors", Fault(status=200, body=b'{"error": [1]}'), Failed),
    ("null", Fault(status=200, body=b"null"), Failed),
    ("true", Fault(status=200, body=b"true"), Failed),
    ("a text", Fault(status=200, body=b'"fine"'), Failed),
    ("an object", Fault(status=200, body=b'{"a": {}}'), Failed),
    ("a list of lists", Fault(status=200, body=b"[[]]"), Failed),
    ("a list of nulls", Fault(status=200, body=b"[null]"), Failed),
]  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("name", "fault", "kind"), FAULTS, ids=[name for name, *_ in FAULTS])
def test_a_fault_is_an_error(
    server: AuroraXServer, engine: AuroraXEngine, step: StepName, name: str, fault: Fault, kind: Any
) -> None:
    server.faults[step] = replace(fault)
    if step == "submit" and fault.status in (None, 200) and kind is Failed:
        kind = (Failed, Unreachable)  # only the head of a response to a submission is read
    began = time.monotonic()
    with pytest.raises(ArchiveError) as caught:
        run_step(engine, step)
    assert isinstance(caught.value, kind), (name, caught.value)
    assert time.monotonic() - began < 5
    assert caught.value.archive == "aurorax"
    assert bool(caught.value.request_id) == (step in ("status", "data"))
    assert caught.value.message
    message = str(caught.value)
    assert message.isprintable() or (set(message) - {"\n"} and all(c.isprintable() or c == "\n" for c in message))
    assert "s3cret" not in message
    assert len(message) < 1500


@pytest.mark.parametrize(("name", "fault", "kind"), FAULTS, ids=[name for name, *_ in FAULTS])
def test_a_fault_of_the_synchronous_endpoint_falls_back(
    server: AuroraXServer, engine: AuroraXEngine, name: str, fault: Fault, kind: Any
) -> None:
    server.synchronous = True
    server.faults["at_once"] = replace(fault)
    assert run_step(engine, "data", awaited=True) == FOUND, (name, kind)


@pytest.mark.parametrize(("name", "fault", "kind"), FAULTS[::4], ids=[name for name, *_ in FAULTS[::4]])
def test_a_fault_of_the_estimate_omits_it(
    server: AuroraXServer, engine: AuroraXEngine, name: str, fault: Fault, kind: Any
) -> None:

    text = "FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 500 km ON 2020-02-01"
    (request,) = plan_query(resolve(script.read_find(Source(text)), load_shipped()).query, load_shipped()).requests
    assert list(engine.estimates([request, request])) == [42, 42]
    assert engine.describe(request) == "as it says"
    server.faults["estimate"] = server.faults["describe"] = replace(fault)
    assert list(engine.estimates([request])) == [None], (name, kind)
    assert engine.describe(request) in (None, "fine"), (name, kind)


# Unusual but valid responses


@pytest.mark.parametrize(
    "fault",
    [
        Fault(content_type="text/plain; charset=latin-1"),
        Fault(content_type=""),
        Fault(headers={"X-Many": "x" * 60_000}),
        Fault(headers={f"X-{n}": "y" for n in range(80)}),
        Fault(headers={"Set-Cookie": "a=b; Domain=elsewhere.example"}),
        Fault(headers={"Date": "Thu, 01 Jan 1970 00:00:00 GMT", "Age": "-1", "Expires": "never"}),
        Fault(headers={"Connection": "close"}),
        Fault(drop="within", times=2),
        Fault(trickle=0.0001),
    ],
)
@pytest.mark.parametrize("step", STEPS)
def test_harmless_deviations(server: AuroraXServer, engine: AuroraXEngine, step: StepName, fault: Fault) -> None:
    expected = run_step(engine, step)
    if step == "submit" and fault.drop:
        return
    server.faults[step] = replace(fault)
    assert run_step(engine, step) == expected
    assert expected


@pytest.mark.parametrize("head_lines", [101, 20_000])
def test_a_flood_of_headers(server: AuroraXServer, engine: AuroraXEngine, head_lines: int) -> None:
    flood = head("200 OK", *(f"X-{n}: y" for n in range(head_lines)))
    server.faults["status"] = Fault(raw=flood + b"{}")
    with pytest.raises(Unreachable):
        run_step(engine, "status")


def test_a_byte_order_mark(server: AuroraXServer, engine: AuroraXEngine) -> None:
    server.faults["data"] = Fault(body=b"\xef\xbb\xbf" + json.dumps({"result": FOUND}).encode())
    server.faults["sources"] = Fault(body=b"\xef\xbb\xbf" + json.dumps(SOURCES).encode())
    assert run_step(engine, "data") == FOUND
    assert len(engine.refresh_sources()) == len(SOURCES)


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (b'{"start": NaN}', "JSON"),
        (b'{"start": Infinity}', "JSON"),
        (b'{"url": "\\ud800"}', "JSON"),
        (b'{"metadata": {"a": "\\udc00x"}}', "JSON"),
        (b'{"url": "\xc3\x28"}', "JSON"),
        (b'{"url": "a\x00b"}', "JSON"),
        (b'{"start": "2020-02-01T00:00:00",}', "JSON"),
        (b'{"data_source": {"identifier": 9223372036854775808}}', "a whole number as 'data_source.identifier'"),
        (b'{"metadata": ' + b'{"a": ' * 100_000 + b"1" + b"}" * 100_000 + b"}", "JSON"),
    ],
)
def test_a_small_response_is_validated_like_a_large_one(
    server: AuroraXServer,
    engine: AuroraXEngine,
    small: bool,
    wrong: bytes,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not small:
        monkeypatch.setattr(stream, "SMALL_RESPONSE_BYTES", 1000)
        monkeypatch.setattr(stream, "CHUNK_BYTES", 1000)
    good = json.dumps(FOUND[0]).encode()
    body = b"[" + b", ".join([good] * 40 + [wrong] + [good] * 40) + b"]"
    server.faults["status"] = Fault(change=lambda status: with_count(status, 81))
    server.faults["data"] = Fault(body=body)
    with pytest.raises(Failed, match=words):
        len(run_step(engine, "data"))


@pytest.mark.parametrize("small", [True, False])
def test_the_last_of_duplicate_members_counts(
    server: AuroraXServer, engine: AuroraXEngine, small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not small:
        monkeypatch.setattr(stream, "SMALL_RESPONSE_BYTES", 1000)
        monkeypatch.setattr(stream, "CHUNK_BYTES", 1000)
    twice = b'{"url": "first", "metadata": {"a": 1, "a": 2}, "url": "last"}'
    server.faults["status"] = Fault(change=lambda status: with_count(status, 90))
    server.faults["data"] = Fault(body=b"[" + b",".join([twice] * 90) + b"]")
    records = run_step(engine, "data")
    assert list(records) == [{"url": "last", "metadata": {"a": 2}}] * 90


def with_count(status: Any, count: int) -> Any:
    return {**status, "search_result": {**status["search_result"], "result_count": count}}


# Responses without end


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("begin", [b"[", b"", b'{"a": "'], ids=["list", "blank", "text"])
def test_an_endless_body_is_aborted(
    server: AuroraXServer, engine: AuroraXEngine, step: StepName, begin: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "_MAX_BODY_BYTES", 4 << 20)
    monkeypatch.setattr(stream, "MAX_RESPONSE_BYTES", 4 << 20)
    status = "202 Accepted" if step == "submit" else "200 OK"
    server.faults[step] = Fault(raw=head(status) + begin, endless=b" " * 65_536)
    with pytest.raises(Failed, match=r"is longer than 4 MB|4 MB and is not a list of records"):
        run_step(engine, step)


def test_an_endless_error_body_is_still_reported(server: AuroraXServer, engine: AuroraXEngine) -> None:
    server.faults["data"] = Fault(raw=head("403 Forbidden"), endless=b"no " * 20_000)
    with pytest.raises(Refused, match="403 not permitted"):
        run_step(engine, "data")


def test_endless_records_are_aborted(
    server: AuroraXServer, engine: AuroraXEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SMALL_RESPONSE_BYTES", 1000)
    server.faults["data"] = Fault(raw=head("200 OK") + b"[", endless=(json.dumps(FOUND[0]) + ",").encode() * 500)
    with pytest.raises(Failed, match="announced 3 records, and more arrived"):
        run_step(engine, "data")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "fault",
    [
        Fault(hang=20),
        Fault(trickle=0.05, trickled="head"),
        Fault(trickle=0.05, body=b" " * 5000),
        Fault(raw=b"", endless=b"HTTP/1.1 100 Continue\r\n\r\n" * 50),
    ],
    ids=["hang", "head", "body", "go on"],
)
def test_no_wait_exceeds_its_deadline(
    server: AuroraXServer, engine: AuroraXEngine, step: StepName, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_SOURCES_SECONDS", 0.5)
    monkeypatch.setattr(run_module, "_SUBMIT_SECONDS", 0.5)
    server.faults[step] = replace(fault)
    began = time.monotonic()
    with pytest.raises(TimedOut):
        run_step(engine, step, 0.7)
    assert time.monotonic() - began < 3
    assert_no_threads_are_left()


def assert_no_threads_are_left() -> None:
    """Assert that no thread is left: an abandoned exchange has its connection cut, and its thread ends by itself."""
    end = time.monotonic() + 2
    while names := [item.name for item in threading.enumerate() if item.name.startswith("auroraql")]:
        assert time.monotonic() < end, names
        time.sleep(0.01)


# Addresses in responses


@pytest.mark.parametrize(
    "location",
    [
        *("", "/", "https://elsewhere.example/", "..", "a/../..", "/x/%2e%2e", "/x/%2E", "/x/a%2Fb", "/x/a%5cb"),
        *("/x/a b", "/x/a%20b", "/x/a%0ab", "/x/a%25b", "/x/é", "/x/" + "a" * 201, "//[", "/x/%00", "/x/a%3Fb"),
        *("?id=5", "#5"),
    ],
)
def test_a_location_without_an_id(server: AuroraXServer, engine: AuroraXEngine, location: str) -> None:
    server.faults["submit"] = Fault(headers={"Location": location})
    with pytest.raises(Failed, match="expected a Location header that ends in a request id"):
        run_step(engine, "submit")
    assert {call.step for call in server.calls} == {"submit"}


@pytest.mark.parametrize("before", ["", "/api/v1/data_products/requests/", "requests/", "http://elsewhere.example/x/"])
@pytest.mark.parametrize("after", ["", "/", "?a=b", "#c"])
def test_only_the_id_of_a_location_is_used(
    server: AuroraXServer, engine: AuroraXEngine, before: str, after: str
) -> None:
    request_id = server.submit("data_products", {"data_sources": {"programs": ["trex"]}})
    server.faults["submit"] = Fault(headers={"Location": f"{before}{request_id}{after}"})
    assert run_step(engine, "submit") == FOUND


def test_the_data_of_a_deleted_search(server: AuroraXServer, engine: AuroraXEngine) -> None:
    """A status without a data address means that the results were deleted; the engine does not wait for them."""

    def deleted(status: Any) -> Any:
        gone = {"data_uri": None, "result_file_deleted_timestamp": "2024-01-01T00:00:00"}
        return {**status, "search_result": {**status["search_result"], **gone}}

    request_id = server.submit("data_products", {})
    server.faults["status"] = Fault(change=deleted)
    with pytest.raises(Refused, match="the results were deleted at 2024-01-01T00:00:00") as caught:
        engine.attach(request_id)
    assert caught.value.request_id == request_id
    assert "again" in caught.value.hint


def test_results_with_an_address_are_fetched_although_a_deletion_time_is_set(
    server: AuroraXServer, engine: AuroraXEngine
) -> None:
    """The deletion time may lie in the future: only a missing address means that the results were deleted."""

    def scheduled(status: Any) -> Any:
        result = {**status["search_result"], "result_file_deleted_timestamp": "2030-01-01T00:00:00"}
        return {**status, "search_result": result}

    server.faults["status"] = Fault(change=scheduled)
    assert run_step(engine, "data") == FOUND


@pytest.mark.parametrize("count", [0, 2, 4, -1, 10**30])
def test_a_wrong_number_of_records_is_always_an_error(server: AuroraXServer, engine: AuroraXEngine, count: int) -> None:
    server.faults["status"] = Fault(change=lambda status: with_count(status, count))
    with pytest.raises(Failed, match="announced"):
        run_step(engine, "data")
