"""Tests of transport errors: each names its cause soon, and only the archive's own key is ever sent.

Every case meets a real listener on the loopback that misbehaves. The certificates in tests/engines/aurorax/certificates
are for these tests alone: one self-signed for 127.0.0.1, one for another host, and one that has expired.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from auroraql.config import read_config
from auroraql.diagnostics.errors import ArchiveError, UsageError
from auroraql.downloads.http_headers import parse_retry_after
from auroraql.engines.aurorax import AuroraXEngine, http_client, transport_errors
from auroraql.engines.registry import open_archive
from tests.support.aurorax_server import RECORDS, AuroraXServer, Fault

CERTIFICATES = Path(__file__).parent / "certificates"
KEY = "s3cret-k3y"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*transport_errors._PROXY_VARIABLES, *transport_errors._BUNDLE_VARIABLES, "NO_PROXY", "NETRC"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@contextmanager
def _listen(answer: Callable[[socket.socket], object]) -> Iterator[tuple[int, list[int]]]:
    """Run a listener that handles each connection with `answer`.

    Yields its port and a list with an entry for each connection.
    """
    connections: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connections.append(1)
                with connection, suppress(OSError):
                    answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], connections
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def _error(url: str, seconds: float = 20.0) -> ArchiveError:
    engine = AuroraXEngine(url)
    began = time.monotonic()
    try:
        with pytest.raises(ArchiveError) as raised:
            engine.refresh_sources(time.monotonic() + seconds)
    finally:
        engine.close()
    assert time.monotonic() - began < 8
    return raised.value


def _say(data: bytes) -> Callable[[socket.socket], object]:
    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(data)

    return answer


def _tls_server(name: str) -> Callable[[socket.socket], object]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / name)

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(4096)
            secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]")

    return answer


NOT_FOUND = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("scheme", "answer", "words"),
    [
        ("https", _say(NOT_FOUND), "does not speak TLS at this port"),
        ("https", _say(b"SSH-2.0-OpenSSH_9.6\r\n"), "does not speak TLS at this port"),
        ("http", _say(b"SSH-2.0-OpenSSH_9.6\r\n"), "does not speak HTTP"),
        ("http", _say(b"220 mail.example.org ESMTP\r\n"), "does not speak HTTP"),
        ("http", _say(b"\x15\x03\x01\x00\x02\x02\x16"), "does not speak HTTP"),
        ("http", _say(b"x" * 70_000 + b"\r\n"), "does not speak HTTP"),
        ("https", _tls_server("self.pem"), "certificate is not accepted: it is self-signed"),
        ("https", _tls_server("other.pem"), "certificate is not accepted: it is (self-signed|valid for another)"),
    ],
)
def test_the_error_names_what_answered(scheme: str, answer: Callable[[socket.socket], object], words: str) -> None:
    with _listen(answer) as (port, connections):
        error = _error(f"{scheme}://127.0.0.1:{port}")
    assert len(connections) == 1  # a retry would give the same
    assert re.search(words, error.message), error.message
    assert error.hint


@pytest.mark.parametrize(
    ("certificate", "words"),
    [("self.pem", ""), ("other.pem", "it is valid for another"), ("expired.pem", "it has expired")],
)
def test_errors_of_a_trusted_certificate(certificate: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATES / certificate))
    with _listen(_tls_server(certificate)) as (port, _):
        if not words:
            engine = AuroraXEngine(f"https://127.0.0.1:{port}")
            assert engine.refresh_sources(time.monotonic() + 10) == ()
            engine.close()
            return
        assert words in _error(f"https://127.0.0.1:{port}").message


def test_https_to_a_plain_http_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "CONNECT_SECONDS", 0.5)
    over = threading.Event()
    with _listen(lambda _connection: over.wait(10)) as (port, connections):
        error = _error(f"https://127.0.0.1:{port}")
        over.set()
    assert len(connections) == 1
    assert "does not start TLS" in error.message
    assert "http://" in error.hint


def test_invalid_certificate_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _listen(_tls_server("self.pem")) as (port, connections):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
        error = _error(f"https://127.0.0.1:{port}")
        assert f"REQUESTS_CA_BUNDLE names '{tmp_path}/missing.pem', which does not exist" in error.message
        assert connections == []
        (tmp_path / "text.pem").write_text("nothing")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "text.pem"))
        assert "contains no certificates" in _error(f"https://127.0.0.1:{port}").message


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        ("socks5://127.0.0.1:1080", "PySocks"),
        ("socks5h://me:pass-word@127.0.0.1:1080", "PySocks"),
        ("http://", "address of the proxy is not valid"),
        ("http://[::1", "address of the proxy is not valid"),
        ("gopher://127.0.0.1:1", "address of the proxy is not valid"),
        ("http://me:pass-word@127.0.0.1:{closed}", "the proxy refuses connections"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxies_that_do_not_work(scheme: str, proxy: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{scheme}_proxy", proxy.replace("{closed}", str(_closed_port())))
    error = _error(f"{scheme}://archive.example.org")
    assert words in error.message
    assert "pass-word" not in str(error)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_requires_a_password(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with _listen(_say(refusal)) as (port, _):
        monkeypatch.setenv(f"{scheme}_proxy", f"http://127.0.0.1:{port}")
        assert "the proxy requires a user name and password" in _error(f"{scheme}://archive.example.org").message


def test_unknown_host_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_arguments: Any, **_options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "DNS" in _error("https://archive.example.org").message
    monkeypatch.setenv("https_proxy", "http://proxy.example.org:1")
    assert "the host name of the proxy is unknown" in _error("https://archive.example.org").message


# --- credentials


@pytest.fixture
def server() -> Iterator[AuroraXServer]:
    with AuroraXServer(RECORDS) as running:
        yield running


_SENDS_CREDENTIALS = ("authorization", "proxy-authorization", "cookie", "x-aurorax-api-key")


@pytest.mark.parametrize("key", [None, "", KEY])
def test_nothing_but_the_key_is_sent(
    server: AuroraXServer, key: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for file in (tmp_path / "netrc", home / ".netrc", home / "_netrc"):
        file.write_text("machine 127.0.0.1 login a password b\ndefault login a password b\n")
        file.chmod(0o600)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    at_home = {"Location": f"http://a:b@127.0.0.1:{server.url.rpartition(':')[2]}/api/v1/data_sources"}
    server.faults["sources"] = Fault(headers={"Set-Cookie": "session=1; Path=/"}, times=1)
    engine = AuroraXEngine(server.url, api_key=key, pause=lambda _: None)
    for _ in range(2):
        engine.refresh_sources()
    server.faults["sources"] = Fault(status=307, headers=at_home)
    with pytest.raises(ArchiveError):
        engine.refresh_sources()
    engine.close()
    headers = {name: call.headers[name] for call in server.calls for name in _SENDS_CREDENTIALS if name in call.headers}
    assert headers == ({"x-aurorax-api-key": KEY} if key else {})


def test_the_key_for_this_machine_does_not_pass_through_a_proxy(
    server: AuroraXServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _listen(_say(NOT_FOUND)) as (port, connections):
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        engine = AuroraXEngine(server.url, api_key=KEY)
        engine.refresh_sources()
        engine.close()
    assert connections == []


def test_the_aurorax_key_goes_to_aurorax_only(server: AuroraXServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURORAX_API_KEY", KEY)
    engine: Any = open_archive(server.url, None, lambda _line: None)
    engine.refresh_sources()
    engine.close()
    assert not any("x-aurorax-api-key" in call.headers for call in server.calls)
    environment = {**os.environ, "AURORAX_API_KEY": KEY, "NO_PROXY": "*"}
    command = [sys.executable, "-m", "auroraql", "-a", server.url, "-c", "SHOW SOURCES"]
    assert subprocess.run(command, env=environment, capture_output=True).returncode == 0
    assert not any("x-aurorax-api-key" in call.headers for call in server.calls)
    for archive in ("aurorax", "https://api.aurorax.space", "https://API.aurorax.space:443/api/v1"):
        itself: Any = open_archive(archive, None, lambda _line: None)
        assert itself._context.key
        itself.close()
        assert read_config({"AURORAX_API_KEY": KEY}, {"archive": archive}).api_key == KEY


@pytest.mark.parametrize(
    ("archive", "variable", "is_sent"),
    [
        ("https://api.aurorax.space.example.org", "AURORAX_API_KEY", False),
        ("http://api.aurorax.space", "AURORAX_API_KEY", False),
        ("https://api.aurorax.space:8443", "AURORAX_API_KEY", False),
        ("https://lab.example.org", "AURORAX_API_KEY", False),
        ("https://lab.example.org", "AURORAQL_API_KEY", True),
        ("http://lab.example.org", "AURORAQL_API_KEY", False),
        ("http://127.0.0.1:8080", "AURORAQL_API_KEY", True),
        ("http://localhost.example.org", "AURORAQL_API_KEY", False),
        ("http://127.0.0.1.example.org", "AURORAQL_API_KEY", False),
        ("http://[::1]:8080", "AURORAQL_API_KEY", True),
    ],
)
def test_which_archive_may_receive_the_environments_key(archive: str, variable: str, is_sent: bool) -> None:
    config = read_config({variable: KEY}, {"archive": archive})
    assert (config.api_key == KEY) is is_sent
    assert bool(config.withheld) is not is_sent


def test_a_key_is_not_sent_over_plain_http() -> None:
    with pytest.raises(UsageError, match=r"not sent to http://lab\.example\.org over plain http") as raised:
        AuroraXEngine("http://lab.example.org", api_key=KEY)
    assert KEY not in str(raised.value)


# --- Retry-After

_FAR = (
    "Mon, 01 Jan 2020 00:00:00 +99999999999999",
    "Mon, 01 Jan 0001 00:00:00 +2359",
    "Mon, 01 Jan 0001 00:00:00 -2359",
    "Fri, 31 Dec 9999 23:59:59 -2359",
    "Fri, 31 Dec 99999 23:59:59 GMT",
    "Mon, 01 Jan 2020 99:99:99 GMT",
    "Mon, 01 Jan -2020 00:00:00 GMT",
    "0", "-5", "1.5", "1e999", "inf", "nan", "9" * 5000, "0" * 5000, "٣", "²", "", " ", "soon", "GMT", ",", "Mon,", "\x00",
)  # fmt: skip


@pytest.mark.parametrize("text", _FAR)
def test_a_retry_after_out_of_range_is_harmless(server: AuroraXServer, text: str) -> None:
    seconds = parse_retry_after(text)
    assert seconds is None or 0 < seconds <= 1e9
    if not (text.isascii() and text.isprintable()):
        return
    server.faults["sources"] = Fault(status=503, headers={"Retry-After": text}, times=2)
    engine = AuroraXEngine(server.url, pause=lambda _: None)
    try:
        engine.refresh_sources(time.monotonic() + 20)
    except ArchiveError as error:
        assert len(str(error)) < 500
    engine.close()


def test_a_wait_is_worded(server: AuroraXServer) -> None:
    engine = AuroraXEngine(server.url, pause=lambda _: None)
    for text, words in (("300", "300 s"), ("9" * 30, "11,574 days")):
        server.faults["sources"] = Fault(status=503, headers={"Retry-After": text})
        with pytest.raises(ArchiveError) as raised:
            engine.refresh_sources(time.monotonic() + 20)
        assert raised.value.hint == f"try again after {words}"
    engine.close()
