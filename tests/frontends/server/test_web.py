"""Tests of `auroraql serve` over HTTP: compression, other origins, trailing slashes and slow connections."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from auroraql.frontends.server import http_server
from auroraql.frontends.server.gzip_io import accepts_gzip
from tests.support.server_process import DAY, MAX, SWARM, ServerProcess, assert_refused, finished_url, get, post

PLAIN = {"Accept-Encoding": "identity"}


# --- compressed responses


def raw(url: str, accepted: str | None, method: str = "GET", body: bytes = b"") -> tuple[Any, bytes]:
    """Return a response as it arrives on the connection."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    path = f"{place.path}?{place.query}"
    connection.putrequest(method, path, skip_accept_encoding=True)
    if accepted is not None:
        connection.putheader("Accept-Encoding", accepted)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def test_responses_are_compressed_for_clients_that_accept_it(server: ServerProcess) -> None:
    data = f"{finished_url(server, 'ephemeris', SWARM)}/data"
    expected = json.dumps({"epoch": True, "nbtrace": {"lat": True}}).encode()
    once = json.dumps({"query": SWARM}).encode()
    for url, method, body in (
        (data, "GET", b""),
        (data, "POST", expected),
        (f"{server.url}/api/v1/ephemeris/search_synchronous", "POST", once),
        (f"{server.url}/api/v1/data_sources", "GET", b""),
    ):
        packed, content = raw(url, "gzip, deflate", method, body)
        plain, text = raw(url, None, method, body)
        assert (packed.status, plain.status) == (200, 200)
        assert (packed.headers["Content-Encoding"], plain.headers["Content-Encoding"]) == ("gzip", None)
        assert gzip.decompress(content) == text
        assert len(content) < len(text) / 4
        assert (int(packed.headers["Content-Length"]), int(plain.headers["Content-Length"])) == (
            len(content),
            len(text),
        )
        assert packed.headers["Content-Type"] == plain.headers["Content-Type"] == "application/json"
        assert "Accept-Encoding" in packed.headers["Vary"]
    small, _ = raw(f"{server.url}/api/v1/data_sources/3", "gzip")
    assert small.headers["Content-Encoding"] is None


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [
        ("gzip", True), ("deflate, GZIP;q=0.5", True), ("*", True), ("x-gzip", True), ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("", False), ("identity", False), ("gzip;q=0", False), ("gzip;q=0.000", False), ("*;q=0", False), ("gzipped", False),
        ("gzip;q=x", False),
    ],
)  # fmt: skip
def test_accept_encoding_is_negotiated(accepted: str, takes: bool) -> None:
    assert accepts_gzip(accepted) == takes


def test_the_size_of_a_result_is_the_size_of_its_records(server: ServerProcess) -> None:
    location = finished_url(server, "ephemeris", SWARM)
    size = requests.get(location, timeout=60).json()["search_result"]["file_size"]
    assert size == len(requests.get(f"{location}/data", headers=PLAIN, timeout=60).content)


# --- pages of other origins


def preflight(server: ServerProcess, origin: str, path: str = "data_products/search", **more: str) -> requests.Response:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST", **more}
    headers["Access-Control-Request-Headers"] = "content-type,x-aurorax-api-key"
    return requests.options(f"{server.url}/api/v1/{path}", headers=headers, timeout=60)


@pytest.mark.parametrize("origin", ["http://localhost:5173", "http://127.0.0.1", "https://[::1]:8443"])
def test_a_page_of_this_machine_can_search(server: ServerProcess, origin: str) -> None:
    answer = preflight(server, origin, **{"Access-Control-Request-Private-Network": "true"})
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert {"content-type", "x-aurorax-api-key"} <= set(answer.headers["Access-Control-Allow-Headers"].split(", "))
    assert answer.headers["Access-Control-Allow-Private-Network"] == "true"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    answer = requests.post(
        f"{server.url}/api/v1/data_products/search", json=MAX, headers={"Origin": origin}, timeout=60
    )
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert answer.headers["Access-Control-Expose-Headers"] == "Location"
    assert "Origin" in answer.headers["Vary"]
    wrong = requests.post(f"{server.url}/api/v1/data_products/search", data="{", headers={"Origin": origin}, timeout=60)
    assert (wrong.status_code, wrong.headers["Access-Control-Allow-Origin"]) == (400, origin)


@pytest.mark.parametrize(
    "origin",
    [
        "https://example.org",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
        "null",
        "http://localhost:1:2",
        "",
    ],
)
def test_a_page_of_another_site_cannot_search(server: ServerProcess, origin: str) -> None:
    assert "Access-Control-Allow-Origin" not in preflight(server, origin).headers
    answer = requests.get(f"{server.url}/api/v1/data_sources/3", headers={"Origin": origin}, timeout=60)
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("allowed", "origin", "header"),
    [
        ("https://aurorax.example", "https://aurorax.example", "https://aurorax.example"),
        ("https://aurorax.example", "https://other.example", None),
        ("https://aurorax.example", "http://localhost:80", "http://localhost:80"),
        ("*", "https://other.example", "*"),
    ],
)
def test_a_page_of_an_allowed_site_can_search(allowed: str, origin: str, header: str | None) -> None:
    with ServerProcess("--allow-origin", allowed) as server:
        assert preflight(server, origin).headers.get("Access-Control-Allow-Origin") == header
        answer = requests.post(
            f"{server.url}/api/v1/data_products/search", json=MAX, headers={"Origin": origin}, timeout=60
        )
        assert answer.headers.get("Access-Control-Allow-Origin") == header


# --- addresses


def test_a_trailing_slash_makes_no_difference(server: ServerProcess) -> None:
    assert get(server, "data_sources/3/").json() == get(server, "data_sources/3").json()
    location = finished_url(server, "data_products", MAX)
    assert requests.get(f"{location}/", timeout=60).json() == requests.get(location, timeout=60).json()
    assert_refused(get(server, "data_sources//"), 404)
    assert requests.get(f"{server.url}/", timeout=60).json()["name"] == "AuroraQL"


@pytest.mark.parametrize(
    "name",
    [
        "..%2F..%2Fetc%2Fpasswd",
        "%2e%2e",
        "%2e%2e%2f%2e%2e",
        "a%00b",
        "a%0d%0aX-Injected:%201",
        "%C3%A9",
        "a" * 200,
        "..",
        ".x",
    ],
)
def test_an_id_is_a_plain_name(server: ServerProcess, name: str) -> None:
    for tail in ("", "/data"):
        answer = requests.get(f"{server.url}/api/v1/ephemeris/requests/{name}{tail}", timeout=60)
        assert_refused(answer, 404)
        assert "X-Injected" not in answer.headers


@pytest.mark.parametrize(
    "chosen", ["../../x", "a/b", "a\r\nX-Injected: 1", "a\0b", "", " ", "a" * 101, "é", "..", 5, ["a"]]
)
def test_an_invalid_id_is_refused(server: ServerProcess, chosen: object) -> None:
    answer = post(server, "data_products/search", {**MAX, "request_id": chosen})
    assert_refused(answer, 400)
    assert "Location" not in answer.headers


def test_an_invalid_host_is_not_echoed(server: ServerProcess) -> None:
    place = urlsplit(server.url)
    body = json.dumps(MAX).encode()
    with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
        head = f'POST /api/v1/data_products/search HTTP/1.1\r\nHost: a<b>"c\r\nContent-Length: {len(body)}\r\n\r\n'
        connection.sendall(head.encode() + body)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 202
        assert (answer.headers["Location"] or "").startswith(f"http://{place.hostname}:{place.port}/")


# --- queries that the language refuses and the service accepts


def test_distances_of_missing_blocks_are_ignored(server: ServerProcess) -> None:
    query = {**DAY, "ground": [{"programs": ["themis-asi"]}], "space": [{"programs": ["swarm"]}]}
    more = {"ground1-space1": 300, "ground2-space1": 400, "ground1-events1": 900, "space1-space2": None}
    one, other = (
        post(server, "utils/describe/query/conjunction", {**query, "max_distances": item})
        for item in ({"ground1-space1": 300}, more)
    )
    assert one.json() == other.json()
    assert_refused(
        post(server, "conjunctions/search", {**query, "max_distances": {"ground1-spaec1": 300}}), 400, "spaec1"
    )


def test_a_window_within_one_second_is_empty(server: ServerProcess) -> None:
    moment = "2020-01-01T00:00:00.500Z"
    query = {"data_sources": {"platforms": ["swarma"]}, "start": moment, "end": moment}
    assert "2020-01-01T00:00" in post(server, "utils/describe/query/ephemeris", query).json()
    location = finished_url(server, "ephemeris", query)
    assert requests.get(location, timeout=60).json()["search_result"]["error_condition"] is False
    assert requests.get(f"{location}/data", timeout=60).json() == {"result": []}
    assert post(server, "ephemeris/search_synchronous", {"query": query}).json() == []
    ended = {**query, "end": "2019-01-01T00:00:00"}
    assert_refused(post(server, "ephemeris/search", ended), 400, "the time window is empty")


# --- slow connections


@contextmanager
def listener(body: bytes) -> Iterator[tuple[str, int]]:
    """Run a server with one response, in this process."""

    def application(_environ: object, start: Any) -> list[bytes]:
        start("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    server = http_server.create_server(application, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield "127.0.0.1", int(server.effective_port)
    finally:
        server.close()
        thread.join(10)


def closed_within(connection: socket.socket, seconds: float, trickle: bytes = b"") -> bool:
    """Return whether the server closes a connection that keeps sending single bytes."""
    connection.settimeout(0.05)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if trickle:
                connection.sendall(trickle)
            if connection.recv(1 if not trickle else 4096) == b"":
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    "begun", [b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"]
)
def test_a_slow_request_is_cut_off(begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "_REQUEST_TIMEOUT_SECONDS", 0.5)
    with listener(b"answer") as place, socket.create_connection(place, timeout=10) as connection:
        connection.sendall(begun)
        assert closed_within(connection, 10, b"x")
        with socket.create_connection(place, timeout=10) as other:
            other.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            with other.makefile("rb") as answered:
                assert answered.read().endswith(b"\r\n\r\nanswer")


def test_a_response_read_byte_by_byte_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "_RESPONSE_TIMEOUT_SECONDS", 0.5)
    with listener(b"x" * (1 << 23)) as place, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        # No larger than one read: otherwise each piece waits until the sender probes the window.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        connection.connect(place)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.settimeout(20)
        taken, slow = 0, time.monotonic() + 1
        try:
            while time.monotonic() < slow:
                taken += len(connection.recv(1))
                time.sleep(0.01)
            while chunk := connection.recv(1 << 20):
                taken += len(chunk)
        except ConnectionError:
            pass
        assert 0 < taken < 1 << 23


def test_a_reused_connection_is_not_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [1.0]
    monkeypatch.setattr(http_server, "time", SimpleNamespace(monotonic=lambda: moment[0]))
    monkeypatch.setattr(http_server, "_RESPONSE_TIMEOUT_SECONDS", http_server._REQUEST_TIMEOUT_SECONDS)
    with listener(b"answer") as place:
        connection = http.client.HTTPConnection(*place, timeout=10)
        for _ in range(5):
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"answer"
            moment[0] += 0.6 * http_server._REQUEST_TIMEOUT_SECONDS
        connection.close()
