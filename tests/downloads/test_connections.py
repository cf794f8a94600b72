"""Settings of the network: downloads use the proxy and the certificates that the environment names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.downloads.conftest import CONTENT_SMALL, Download
from tests.support.file_server import FileServer

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_a_proxy_fetches_files_of_other_hosts(
    files: FileServer, download: Download, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "http://data.example.org/2021/keogram.jpg"
    files.add(address, CONTENT_SMALL)
    monkeypatch.setenv("HTTP_PROXY", files.url.replace("//", "//user:secret@"))
    report = download(address, is_local=False)
    assert not report.failed
    assert (tmp_path / "data/keogram.jpg").read_bytes() == CONTENT_SMALL
    assert "secret" not in (tmp_path / "data/manifest.jsonl").read_text()
    (call,) = files.calls
    assert (call.path, call.headers["host"]) == (address, "data.example.org")
    assert call.headers["proxy-authorization"].startswith("Basic ")
    # A host that needs no proxy is asked itself.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert not download(files.add("/direct.jpg", CONTENT_SMALL)).failed
    assert files.calls[-1].path == "/direct.jpg"


def test_a_proxy_that_does_not_answer_is_named(download: Download, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://user:secret@127.0.0.1:9")
    (failure,) = download("http://data.example.org/a.jpg", is_local=False).failed
    assert failure.reason.startswith("the proxy cannot be reached; gave up")


CERTIFICATES = ROOT / "tests/engines/aurorax/certificates"


def test_certificates_of_the_environment_are_trusted(
    files: FileServer, download: Download, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = files.add("/a.jpg", CONTENT_SMALL).replace("http:", "https:")
    files.use_tls(CERTIFICATES / "self.pem")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    (failure,) = download(url).failed
    assert failure.reason == "the server's certificate is not valid"
    (tmp_path / "text.pem").write_text("nothing")
    for name, reason in (("none.pem", "that does not exist"), ("text.pem", "without certificates")):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / name))
        (failure,) = download(url).failed
        assert failure.reason == f"REQUESTS_CA_BUNDLE names a file {reason}"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATES / "self.pem"))
    report = download(url)
    assert not report.failed
    assert report.files[0].path.read_bytes() == CONTENT_SMALL
