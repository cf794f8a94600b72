"""Tests of `auroraql serve` under attack: foreign pages and host names, and clients that are slow on purpose."""

from __future__ import annotations

import http.client
import json
import resource
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from auroraql.diagnostics.errors import UsageError
from auroraql.frontends.server import http_server
from auroraql.frontends.server.access import AccessPolicy, read_host, read_origin
from auroraql.frontends.server.http_types import HttpError
from tests.support.server_process import MAX, SWARM, ServerProcess, assert_refused, finished_url, post, write_keys

SEARCH = "data_products/search"

EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - nothing listens there


def post_search(server: ServerProcess, headers: dict[str, str], path: str = SEARCH) -> requests.Response:
    """Send a search with these headers, as a page would, and return the response."""
    return requests.post(f"{server.url}/api/v1/{path}", data=json.dumps(MAX), headers=headers, timeout=60)


# --- foreign pages


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1.evil.example:80"]
)
@pytest.mark.parametrize("content", ["text/plain", "application/json", "application/x-www-form-urlencoded"])
def test_a_foreign_page_cannot_search(server: ServerProcess, origin: str, content: str) -> None:
    answer = post_search(server, {"Origin": origin, "Content-Type": content})
    assert_refused(answer, 403, "--allow-origin")
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Location" not in answer.headers


def test_a_foreign_page_fails_its_preflight_request(server: ServerProcess) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = requests.options(f"{server.url}/api/v1/{SEARCH}", headers=headers, timeout=60)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("Access-Control")]


def test_a_cross_site_request_without_an_origin_is_refused(server: ServerProcess) -> None:
    assert_refused(post_search(server, {"Sec-Fetch-Site": "cross-site", "Content-Type": "application/json"}), 403)
    link = requests.get(f"{server.url}/", headers={"Sec-Fetch-Site": "cross-site"}, timeout=60)
    assert link.status_code == 200


@pytest.mark.parametrize("content", ["text/plain;charset=UTF-8", "multipart/form-data; boundary=x"])
def test_a_page_must_send_json_as_json(server: ServerProcess, content: str) -> None:
    headers = {"Origin": "http://localhost:5173", "Content-Type": content}
    assert_refused(post_search(server, headers), 415, "application/json")
    assert post_search(server, {**headers, "Content-Type": "application/json; charset=utf-8"}).status_code == 202
    assert post_search(server, {"Content-Type": content}).status_code == 202  # a program can use any content type


def test_compressed_request_bodies_are_refused(server: ServerProcess) -> None:
    assert_refused(post_search(server, {"Content-Encoding": "gzip"}), 415, "Content-Encoding")


def test_the_same_origin_is_not_a_foreign_page() -> None:
    access = AccessPolicy(EVERY_ADDRESS, ("search.example.org",))
    environ = {"REQUEST_METHOD": "POST", "HTTP_HOST": "search.example.org:8080"}
    access.check({**environ, "HTTP_ORIGIN": "http://search.example.org:8080"})
    with pytest.raises(HttpError):
        access.check({**environ, "HTTP_ORIGIN": "http://search.example.org:9090"})


# --- foreign host names


def status_for_host(url: str, host: str | None, origin: str = "") -> int:
    """Return the status of a request with a given Host header."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=30)
    connection.putrequest("GET", "/api/v1/data_sources/3", skip_host=True)
    if host is not None:
        connection.putheader("Host", host)
    if origin:
        connection.putheader("Origin", origin)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_loopback_server_answers_to_loopback_names_only(server: ServerProcess) -> None:
    port = urlsplit(server.url).port
    for host in (f"127.0.0.1:{port}", "localhost", "LOCALHOST:1", "localhost.", "[::1]:80", "127.8.9.1", "a.localhost"):
        assert status_for_host(server.url, host) == 200, host
    for host in (
        "evil.example",
        f"evil.example:{port}",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "[2001:db8::1]",
        "localhosts",
    ):
        assert status_for_host(server.url, host) == 403, host
        # DNS rebinding makes the page's own origin equal to the host that it names.
        assert status_for_host(server.url, host, f"http://{host}") == 403, host


def test_allowed_host_names() -> None:
    with ServerProcess("--allow-host", "search.example.org", "--allow-host", "Other.example") as running:
        for host in ("search.example.org", "search.example.org:80", "other.example", "localhost"):
            assert status_for_host(running.url, host) == 200, host
        assert status_for_host(running.url, "evil.example") == 403


def test_a_network_server_answers_to_addresses_and_its_own_name() -> None:
    access = AccessPolicy(EVERY_ADDRESS)
    for host in ("192.0.2.7:8080", "[2001:db8::1]:8080", socket.gethostname(), "localhost", ""):
        access.check({"REQUEST_METHOD": "GET", "HTTP_HOST": host})
    with pytest.raises(HttpError, match="--allow-host"):
        access.check({"REQUEST_METHOD": "GET", "HTTP_HOST": "evil.example"})
    AccessPolicy(EVERY_ADDRESS, ("*",)).check({"REQUEST_METHOD": "GET", "HTTP_HOST": "evil.example"})


def test_options_with_invalid_names_are_refused() -> None:
    assert read_origin("HTTPS://Search.Example.org:443/") == "https://search.example.org"
    assert read_origin("http://search.example.org:8080") == "http://search.example.org:8080"
    assert read_host("[::1]") == "::1"
    for text in ("search.example.org", "ftp://a", "https://a/b", "", "https://"):
        with pytest.raises(UsageError):
            read_origin(text)
    for text in ("https://a", "a:80", "a b", ""):
        with pytest.raises(UsageError):
            read_host(text)


# --- the demonstration does not change


def test_changes_of_the_demonstration_are_reported_as_temporary(tmp_path: Path) -> None:
    keys = str(write_keys(tmp_path))
    with ServerProcess("--api-key-file", keys) as running:
        about = requests.get(running.url, timeout=60).json()
        assert (about["writable"], about["temporary"]) == (True, True)
    assert any("temporary" in line and "--archive" in line for line in running.said)
    with ServerProcess() as running:
        about = requests.get(running.url, timeout=60).json()
        assert (about["writable"], about["temporary"]) == (False, False)
    assert not any("temporary" in line for line in running.said)


# --- slow clients


@contextmanager
def listener(monkeypatch: pytest.MonkeyPatch, application: Any = None, **limits: float) -> Iterator[tuple[str, int]]:
    """Run a server in this process, with its own limits."""
    for name, value in limits.items():
        monkeypatch.setattr(http_server, f"_{name}", value)

    def answer(environ: Any, start: Any) -> list[bytes]:
        body = environ["wsgi.input"].read() or b"answer"
        start("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    server = http_server.create_server(application or answer, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield "127.0.0.1", int(server.effective_port)
    finally:
        server.close()
        for channel in list(server.active_channels.values()):
            channel.handle_close()
        thread.join(10)


def send_request(place: tuple[str, int], body: bytes = b"") -> bytes:
    """Return the response to one request."""
    connection = http.client.HTTPConnection(*place, timeout=20)
    connection.request("POST", "/", body)
    content = connection.getresponse().read()
    connection.close()
    return content


Dial = Callable[..., socket.socket]


@pytest.fixture
def dial() -> Iterator[Dial]:
    """Open connections that are closed after the test. Slow readers have a small receive buffer."""
    opened: list[socket.socket] = []

    def connect(place: tuple[str, int], data: bytes = b"", *, slow_reader: bool = False) -> socket.socket:
        connection = socket.socket()
        opened.append(connection)
        connection.settimeout(20)
        if slow_reader:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(place)
        with suppress(ConnectionError):
            connection.sendall(data)
        return connection

    yield connect
    for item in opened:
        item.close()


def place_of(server: ServerProcess) -> tuple[str, int]:
    place = urlsplit(server.url)
    return place.hostname or "", place.port or 0


def is_closed(connection: socket.socket) -> bool:
    """Return whether the server has closed a connection to which it sent nothing."""
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    return bool(waiting.poll(0))


BEGUN = {
    "nothing": b"",
    "headers": b"POST / HTTP/1.1\r\nHost: localhost\r\nX-A: ",
    "body": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n{",
    "chunks": b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n{",
}


@pytest.mark.parametrize("begun", BEGUN)
def test_slow_clients_do_not_block_others(begun: str, dial: Dial, monkeypatch: pytest.MonkeyPatch) -> None:
    with listener(monkeypatch, MAX_CONNECTIONS=50, GRACE_SECONDS=0.05) as place:
        slow = [dial(place, BEGUN[begun]) for _ in range(70)]
        stop = threading.Event()

        def trickle() -> None:
            while not stop.wait(0.02):
                for item in slow:
                    with suppress(OSError):
                        item.sendall(b"x" if BEGUN[begun] else b"")

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            for _ in range(5):
                began = time.monotonic()
                assert send_request(place, b"whole") == b"whole"
                assert time.monotonic() - began < 20
        finally:
            stop.set()
            thread.join()


def test_thousands_of_incomplete_uploads(server: ServerProcess, dial: Dial) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 1500:
        pytest.skip("this process may not open enough files")
    slow = [dial(place_of(server), BEGUN["body"]) for _ in range(1100)]
    began = time.monotonic()
    for _ in range(3):
        assert requests.get(f"{server.url}/api/v1/data_sources/3", timeout=10).status_code == 200
    assert time.monotonic() - began < 20
    closed = sum(map(is_closed, slow))
    assert 100 <= closed < 300  # only enough to make room, not all


def test_a_client_that_leaves_before_100_continue(dial: Dial, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is closed within the lock under which its request is read."""
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n"

    def broken(channel: Any, do_close: bool = True) -> None:
        channel.handle_close()

    with listener(monkeypatch) as place:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(http_server._HttpChannel, "_flush_some", broken)
            assert dial(place, head).recv(1) == b""
        assert send_request(place, b"whole") == b"whole"


def test_slow_headers_are_cut_off(dial: Dial, monkeypatch: pytest.MonkeyPatch) -> None:
    with listener(monkeypatch, HEADERS_TIMEOUT_SECONDS=0.2, CHECK_INTERVAL_SECONDS=1) as place:
        assert dial(place, BEGUN["headers"]).recv(1) == b""


def test_a_client_that_reads_nothing_is_cut_off(dial: Dial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its socket never becomes writable, so that only a timeout can close it."""
    closed = threading.Event()
    close = http_server._HttpChannel.handle_close

    def noted(channel: Any) -> None:
        closed.set()
        close(channel)

    monkeypatch.setattr(http_server._HttpChannel, "handle_close", noted)
    body = b"x" * (1 << 23)
    with listener(monkeypatch, IDLE_TIMEOUT_SECONDS=0.2, CHECK_INTERVAL_SECONDS=1) as place:
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
        dial(place, head + body, slow_reader=True)
        assert closed.wait(20)


def test_incomplete_bodies_take_bounded_memory(dial: Dial, monkeypatch: pytest.MonkeyPatch) -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\n"
    with listener(monkeypatch, MAX_UNFINISHED_BYTES=1 << 20, MAX_BYTES_IN_MEMORY=1 << 12) as place:
        slow = [dial(place, head + b"x" * 300_000) for _ in range(8)]
        assert send_request(place, b"y" * 100_000) == b"y" * 100_000
        deadline = time.monotonic() + 10
        while sum(map(is_closed, slow)) < 5 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert 5 <= sum(map(is_closed, slow)) < 8
        assert send_request(place, b"y" * 100_000) == b"y" * 100_000


def test_pipelined_requests_hold_no_thread(dial: Dial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection sends three requests and reads nothing: no thread waits to send the second response."""

    def large(environ: Any, start: Any) -> list[bytes]:
        size = 6 if environ["PATH_INFO"] == "/small" else 1 << 25
        start("200 OK", [("Content-Length", str(size))])
        return [b"x" * size]

    with listener(monkeypatch, large) as place:
        for _ in range(http_server.WORKER_THREADS + 2):
            dial(place, b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3, slow_reader=True)
        time.sleep(0.2)
        connection = http.client.HTTPConnection(*place, timeout=20)
        connection.request("GET", "/small")
        assert connection.getresponse().read() == b"x" * 6
        connection.close()


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
def test_slow_readers_of_records_do_not_block_others(server: ServerProcess, dial: Dial, accepted: str) -> None:
    location = urlsplit(finished_url(server, "ephemeris", {**SWARM, "end": "2020-01-10T00:00:00"}))
    head = f"GET {location.path}/data HTTP/1.1\r\nHost: {location.netloc}\r\nAccept-Encoding: {accepted}\r\n\r\n"
    for number in range(80):
        dial(place_of(server), head.encode() * (1 + number % 3), slow_reader=True)
    began = time.monotonic()
    assert post(server, SEARCH, MAX).status_code == 202
    assert requests.get(f"{server.url}/api/v1/data_sources/3", timeout=10).status_code == 200
    assert time.monotonic() - began < 20


def test_records_sent_uncompressed_are_complete(server: ServerProcess, dial: Dial) -> None:
    """The test reads by single bytes and in pieces.

    What the client does not accept at once is decompressed again from the file.
    """
    location = urlsplit(finished_url(server, "ephemeris", SWARM))
    packed = requests.get(f"{location.geturl()}/data", timeout=60).json()
    reader = dial(
        place_of(server),
        f"GET {location.path}/data HTTP/1.1\r\nHost: {location.netloc}\r\nConnection: close\r\n\r\n".encode(),
        slow_reader=True,
    )
    content = bytearray(reader.recv(1))
    while data := reader.recv(50_000):
        content += data
    head, _, body = bytes(content).partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}" in head.decode().lower()
    assert json.loads(body) == packed


# --- many searches cancelled at once


def test_memory_returns_after_a_cancel_storm(fresh_server: ServerProcess) -> None:
    large: dict[str, Any] = {
        "start": "2019-01-01T00:00:00",
        "end": "2021-12-31T00:00:00",
        "ground": [{}, {}],
        "space": [{}],
    }
    large["max_distances"] = {"ground1-space1": 20000, "ground1-ground2": 20000, "ground2-space1": 20000}
    before, stop = resident(fresh_server), time.monotonic() + 3

    def cancel_at_once(delay: float) -> None:
        with requests.Session() as session:
            while time.monotonic() < stop:
                accepted = session.post(f"{fresh_server.url}/api/v1/conjunctions/search", json=large, timeout=30)
                if accepted.status_code == 202:
                    time.sleep(delay)
                    session.delete(accepted.headers["Location"], timeout=30)

    threads = [threading.Thread(target=cancel_at_once, args=(0.02 * number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    deadline = time.monotonic() + 40
    while resident(fresh_server) > before + 80 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert resident(fresh_server) <= before + 80
    assert finished_url(fresh_server, SEARCH.partition("/")[0], MAX)


def resident(server: ServerProcess) -> float:
    """Return the resident memory of the server in MB."""
    status = Path(f"/proc/{server.process.pid}/status")
    if not status.is_file():
        pytest.skip("the memory of a process cannot be asked here")
    return next(int(row.split()[1]) / 1024 for row in status.read_text().splitlines() if row.startswith("VmRSS"))
