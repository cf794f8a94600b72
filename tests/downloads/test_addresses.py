"""Addresses: only http and https, and nothing on this machine or its network for an archive elsewhere."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from auroraql.downloads.addresses import RefusedAddress, check_peer, check_url
from tests.downloads.conftest import Download
from tests.support.file_server import FileFault, FileServer

LOCAL = [
    "127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "localhost", "LOCALHOST.", "a.localhost", "[::1]",
    "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[2002:7f00:1::]", "0.0.0.0", "[::]", "10.1.2.3", "172.16.0.1", "192.168.1.1",  # noqa: S104
    "169.254.169.254", "100.64.0.1", "224.0.0.1", "[fe80::1%25eth0]", "[fd00::1]", "255.255.255.255",
]  # fmt: skip


@pytest.mark.parametrize("host", LOCAL)
def test_a_local_address_is_refused_for_an_archive_elsewhere(host: str, download: Download) -> None:
    url = f"http://{host}/a.jpg"
    (failure,) = download(url, is_local=False).failed
    assert "private network" in failure.reason
    check_url(url, allow_local=True)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "only http and https"),
        ("ftp://example.org/a", "only http and https"),
        ("javascript:alert(1)", "only http and https"),
        ("//example.org/a", "only http and https"),
        ("a.jpg", "only http and https"),
        ("http://user:pw@example.org/a", "password"),
        ("http://user@example.org/a", "password"),
        ("http:///a", "no host"),
        ("http://[/a", "malformed"),
        ("http://example.org:99999/a", "malformed"),
        ("http://example.org/a\r\nHost: x", "control characters"),
        ("http://example.org/\u202ea", "control characters"),
        ("http://example.org/" + "a" * 9000, "longer than"),
    ],
)
def test_other_addresses_are_refused_for_every_archive(url: str, reason: str, download: Download) -> None:
    for is_local in (True, False):
        (failure,) = download(url, is_local=is_local).failed
        assert reason in failure.reason
        assert failure.path is None


def test_public_addresses_are_allowed() -> None:
    for url in ("https://data.phys.ucalgary.ca/a.jpg", "http://8.8.8.8/a", "http://[2606:4700::1111]:8080/a"):
        check_url(url, allow_local=False)
    check_peer("8.8.8.8")


def resolve_to(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Make every name resolve to one address."""

    def resolve(_host: str, port: int, *_arguments: Any, **_options: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_a_public_name_of_a_local_address_is_refused_before_anything_is_sent(
    files: FileServer, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.add("/a.jpg", b"secret")
    resolve_to(monkeypatch, "127.0.0.1")
    url = files.url.replace("127.0.0.1", "data.example.org") + "/a.jpg"
    (failure,) = download(url, is_local=False).failed
    assert "private network" in failure.reason
    assert not files.calls
    assert download(url).files[0].path.read_bytes() == b"secret"


def test_a_redirect_to_a_local_address_is_refused(
    files: FileServer, download: Download, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The check of peers is off, as if the first server were public."""
    monkeypatch.setattr("auroraql.downloads.connections.check_peer", lambda _address: None)
    resolve_to(monkeypatch, "127.0.0.1")
    files.add("/secret", b"secret")
    files.add("/a.jpg", b"", FileFault(status=302, headers={"Location": f"{files.url}/secret"}))
    (failure,) = download(files.url.replace("127.0.0.1", "data.example.org") + "/a.jpg", is_local=False).failed
    assert "private network" in failure.reason
    assert [call.path for call in files.calls] == ["/a.jpg"]
    assert not (tmp_path / "data" / "a.jpg").exists()


def test_the_parts_of_a_refused_address_are_not_repeated_raw() -> None:
    with pytest.raises(RefusedAddress) as raised:
        check_url("http://me:secret@example.org/", allow_local=True)
    assert "secret" not in str(raised.value)
