"""Faults of servers and connections: a file is whole under its name, or reported with the reason."""

from __future__ import annotations

import gzip
import json
import os
import random
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.downloads.conftest import Download
from tests.support.file_server import FileFault, FileServer, etag

CONTENT = random.Random(1).randbytes(300_000)


def leftovers(folder: Path) -> list[str]:
    """Return the names of parts in a folder."""
    return sorted(path.name for path in folder.rglob("*") if ".part" in path.name)


def test_a_file_is_downloaded_once_with_one_request(files: FileServer, download: Download, tmp_path: Path) -> None:
    url = files.add("/2021/keogram.jpg", CONTENT)
    report = download(url, url + "#top", url)
    assert [(file.path, file.size, file.is_new) for file in report.files] == [
        (tmp_path / "data" / "keogram.jpg", len(CONTENT), True)
    ]
    assert (tmp_path / "data" / "keogram.jpg").read_bytes() == CONTENT
    assert not report.failed
    assert not leftovers(tmp_path / "data")
    again = download(url)
    assert [file.is_new for file in again.files] == [False]
    assert len(files.calls) == 1
    (line,) = (tmp_path / "data" / "manifest.jsonl").read_text().splitlines()
    entry = json.loads(line)
    assert entry["url"] == url
    assert (entry["path"], entry["size"], entry["etag"]) == ("keogram.jpg", len(CONTENT), etag(CONTENT))
    assert entry["sha256"] == report.files[0].sha256


CUT = [
    FileFault(cut_after=100_000),
    FileFault(cut_after=0),
    FileFault(cut_after=100_000, chunked=True),
    FileFault(claim=len(CONTENT) + 1000),
    FileFault(stall_after=50_000),
    FileFault(drop=True),
    FileFault(status=500),
    FileFault(status=502),
    FileFault(status=408),
    FileFault(status=503),
    FileFault(status=429),
    FileFault(trickle=0.05),
]


@pytest.mark.parametrize("fault", CUT, ids=lambda fault: str(fault)[10:60])
def test_a_broken_transfer_is_repeated_and_continues(
    files: FileServer, download: Download, tmp_path: Path, fault: FileFault
) -> None:
    url = files.add("/a.jpg", CONTENT, fault, fault)
    report = download(url)
    assert not report.failed, report
    assert (tmp_path / "data" / "a.jpg").read_bytes() == CONTENT
    assert not leftovers(tmp_path / "data")
    if fault.cut_after == 100_000:
        assert [call.headers.get("range") for call in files.calls] == [None, "bytes=100000-", "bytes=200000-"]
        assert files.calls[1].headers["if-range"] == etag(CONTENT)


@pytest.mark.parametrize("fault", CUT, ids=lambda fault: str(fault)[10:60])
def test_a_transfer_that_always_breaks_fails_and_keeps_no_final_name(
    files: FileServer, download: Download, tmp_path: Path, fault: FileFault
) -> None:
    url = files.add("/a.jpg", CONTENT)
    files.always["/a.jpg"] = replace(fault, no_validators=True)
    report = download(url)
    assert [failure.url for failure in report.failed] == [url]
    assert "gave up after" in report.failed[0].reason
    assert not report.failed[0].is_missing
    assert len(files.calls) <= 10
    assert not (tmp_path / "data" / "a.jpg").exists()
    assert not (tmp_path / "data" / "manifest.jsonl").exists()
    del files.always["/a.jpg"]
    whole = report.retry()
    assert not whole.failed
    assert whole.files[0].path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (FileFault(status=404), "the server does not have it (404)"),
        (FileFault(status=410), "the server does not have it (410)"),
        (FileFault(headers={"Content-Type": "text/html; charset=utf-8"}), "a web page instead"),
        (FileFault(body=b"\n<!DOCTYPE html><html>not here</html>", headers={"Content-Type": "image/jpeg"}), "web page"),
    ],
)
def test_a_missing_file_is_requested_once(
    files: FileServer, download: Download, tmp_path: Path, fault: FileFault, reason: str
) -> None:
    url = files.add("/a.jpg", CONTENT, fault)
    report = download(url)
    assert reason in report.failed[0].reason
    assert report.failed[0].is_missing
    assert report.missing == report.failed
    assert len(files.calls) == 1
    assert not leftovers(tmp_path / "data")
    assert report.retry().failed == report.failed
    assert len(files.calls) == 1


def test_a_web_page_that_was_asked_for_is_a_file(files: FileServer, download: Download) -> None:
    url = files.add("/index.html", b"<html>", FileFault(headers={"Content-Type": "text/html"}))
    assert download(url).files[0].path.read_bytes() == b"<html>"


@pytest.mark.parametrize("status", [400, 401, 403, 405, 451, 501, 204, 304])
def test_other_answers_are_not_repeated(files: FileServer, download: Download, status: int) -> None:
    url = files.add("/a.jpg", CONTENT, FileFault(status=status))
    report = download(url)
    assert str(status) in report.failed[0].reason
    assert len(files.calls) == 1


def test_retry_after_pauses_every_request_to_the_host(files: FileServer, download: Download) -> None:
    slow = FileFault(status=429, headers={"Retry-After": "1"})
    urls = [files.add(f"/{n}.jpg", CONTENT[:1000], *([slow] if n == 0 else [])) for n in range(12)]
    report = download(*urls, at_once=1)
    assert not report.failed
    first, second = files.requests_of("/0.jpg")
    others = [call.at for call in files.calls if call.path != "/0.jpg"]
    assert second.at - first.at >= 1
    assert all(at >= first.at + 1 or at <= first.at for at in others)


def test_a_long_retry_after_fails_with_the_time(files: FileServer, download: Download) -> None:
    url = files.add("/a.jpg", CONTENT, FileFault(status=503, headers={"Retry-After": "7200"}))
    began = time.monotonic()
    report = download(url)
    assert "503" in report.failed[0].reason
    assert "7,200 s" in report.failed[0].reason
    assert time.monotonic() - began < 2


CHANGED = random.Random(2).randbytes(250_000)


def test_a_file_that_changes_between_two_tries_is_one_version(files: FileServer, download: Download) -> None:
    url = files.add("/a.jpg", CONTENT, FileFault(cut_after=100_000, body=CHANGED, headers={"ETag": etag(CHANGED)}))
    assert download(url).files[0].path.read_bytes() == CONTENT


@pytest.mark.parametrize("fault", [FileFault(ignores_range=True), FileFault(wrong_range=True)])
def test_a_server_that_does_not_continue_sends_all(files: FileServer, download: Download, fault: FileFault) -> None:
    url = files.add("/a.jpg", CONTENT, FileFault(cut_after=100_000), fault)
    assert download(url).files[0].path.read_bytes() == CONTENT


def test_a_part_that_is_longer_than_the_file_begins_again(
    files: FileServer, download: Download, tmp_path: Path
) -> None:
    url = files.add("/a.jpg", CONTENT)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.jpg.part").write_bytes(CONTENT * 2)
    (folder / "a.jpg.part.json").write_text(json.dumps({"url": url, "etag": etag(CONTENT)}))
    assert download(url).files[0].path.read_bytes() == CONTENT


def test_without_validators_a_part_is_not_continued(files: FileServer, download: Download) -> None:
    url = files.add("/a.jpg", CONTENT, FileFault(cut_after=100_000, no_validators=True))
    assert download(url).files[0].path.read_bytes() == CONTENT
    assert [call.headers.get("range") for call in files.calls] == [None, None]


def test_a_body_without_a_length_is_whole_when_two_transfers_agree(files: FileServer, download: Download) -> None:
    cut = FileFault(no_length=True, cut_after=100_000)
    url = files.add("/a.jpg", CONTENT, cut)
    files.always["/a.jpg"] = FileFault(no_length=True)
    assert download(url).files[0].path.read_bytes() == CONTENT
    assert len(files.calls) == 3


def test_a_chunked_body_needs_one_request(files: FileServer, download: Download) -> None:
    url = files.add("/a.jpg", CONTENT, FileFault(chunked=True))
    assert download(url).files[0].path.read_bytes() == CONTENT
    assert len(files.calls) == 1


def test_a_body_compressed_on_its_way_is_decoded(files: FileServer, download: Download) -> None:
    encoded = FileFault(body=gzip.compress(CONTENT), headers={"Content-Encoding": "gzip"})
    image, archive = files.add("/a.jpg", CONTENT, encoded), files.add("/a.pgm.gz", CONTENT, encoded)
    unknown = files.add("/b.jpg", CONTENT, FileFault(headers={"Content-Encoding": "x-mystery"}))
    report = download(image, archive, unknown)
    assert report.files[0].path.read_bytes() == CONTENT
    assert gzip.decompress(report.files[1].path.read_bytes()) == CONTENT
    assert "compresses" in report.failed[0].reason


@pytest.mark.parametrize("cut", [1000, 299_000])
def test_a_cut_compressed_body_is_not_whole(files: FileServer, download: Download, cut: int) -> None:
    encoded = FileFault(body=gzip.compress(CONTENT), headers={"Content-Encoding": "gzip"}, cut_after=cut)
    url = files.add("/a.jpg", CONTENT, encoded)
    assert download(url).files[0].path.read_bytes() == CONTENT
    assert len(files.calls) == 2


def test_redirects_are_followed_by_hand(files: FileServer, download: Download) -> None:
    target = files.add("/deep/b.jpg", CONTENT)
    url = files.add("/a.jpg", b"", FileFault(status=302, headers={"Location": "/deep/b.jpg"}))
    report = download(url)
    assert report.files[0].path.name == "a.jpg"
    assert report.files[0].path.read_bytes() == CONTENT
    assert target.endswith(files.calls[-1].path)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("file:///etc/passwd", "only http and https"),
        ("ftp://127.0.0.1/a", "only http and https"),
        ("http://user:secret@127.0.0.1/a", "password"),
        ("http://[", "malformed"),
        ("", "without an address"),
        ("/loop.jpg", "too many times"),
    ],
)
def test_a_redirect_is_checked_like_a_url(files: FileServer, download: Download, location: str, reason: str) -> None:
    url = files.add("/loop.jpg", b"")
    files.always["/loop.jpg"] = FileFault(status=302, headers={"Location": location})
    report = download(url)
    assert reason in report.failed[0].reason
    assert "secret" not in str(report)


def test_a_dead_host_does_not_take_long(download: Download) -> None:
    began = time.monotonic()
    report = download(*(f"http://127.0.0.1:9/{n}.jpg" for n in range(300)))
    assert len(report.failed) == 300
    assert all("cannot be reached" in failure.reason for failure in report.failed)
    assert time.monotonic() - began < 10


def test_a_host_gets_at_most_four_requests_at_once(download: Download) -> None:
    with FileServer(chunk_seconds=0.01) as files:
        urls = [files.add(f"/{n}.bin", os.urandom(50_000)) for n in range(24)]
        assert not download(*urls, at_once=16).failed
        assert files.most_at_once == 4
        assert files.connections == 4
        assert len(files.calls) == 24


def test_credentials_are_never_sent(
    files: FileServer, download: Download, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hidden\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("AURORAX_API_KEY", "1234567890-secret")
    cookie = {"Set-Cookie": "session=1; Path=/"}
    urls = [files.add(f"/{n}.jpg", b"x", FileFault(headers=cookie)) for n in range(3)]
    assert not download(*urls, at_once=1).failed
    for call in files.calls:
        assert not {"authorization", "cookie", "x-aurorax-api-key"} & call.headers.keys()
        assert "secret" not in str(call)
        assert "hidden" not in str(call)


def test_the_body_of_a_redirect_is_not_read(files: FileServer, download: Download) -> None:
    files.add("/b.jpg", CONTENT)
    endless = FileFault(status=302, headers={"Location": "/b.jpg", "Content-Length": "1000000000000"})
    url = files.add("/a.jpg", b"", endless)
    began = time.monotonic()
    assert download(url).files[0].path.read_bytes() == CONTENT
    assert time.monotonic() - began < 1
