"""The folder of a download: its lock, its manifest, files of the user, symbolic links, and disks that fail."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from auroraql.diagnostics.errors import UsageError
from auroraql.downloads import manifest, part_file
from tests.conftest import ROOT
from tests.downloads.conftest import CONTENT_SMALL, Download, result_of
from tests.support.file_server import FileServer, etag

DATA = CONTENT_SMALL


def test_a_file_of_the_user_is_kept_and_reported(files: FileServer, download: Download, tmp_path: Path) -> None:
    url = files.add("/a.jpg", DATA)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"mine")
    report = download(url)
    assert "not in the manifest" in report.failed[0].reason
    assert (folder / "a.jpg").read_bytes() == b"mine"
    assert not files.calls


@pytest.mark.parametrize("name", ["a.jpg.part", "a.jpg.part.json"])
def test_a_part_of_the_user_is_kept_and_reported(
    files: FileServer, download: Download, tmp_path: Path, name: str
) -> None:
    url = files.add("/a.jpg", DATA)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / name).write_bytes(b"mine")
    assert "not of a download" in download(url).failed[0].reason
    assert (folder / name).read_bytes() == b"mine"


def test_a_file_that_appears_during_the_transfer_is_kept(
    files: FileServer, download: Download, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = files.add("/a.jpg", DATA)
    fsync = os.fsync

    def fsync_and_create(descriptor: int) -> None:
        (tmp_path / "data" / "a.jpg").write_bytes(b"mine")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync_and_create)
    assert "appeared" in download(url).failed[0].reason
    assert (tmp_path / "data" / "a.jpg").read_bytes() == b"mine"


def test_a_changed_file_is_kept_and_reported(files: FileServer, download: Download, tmp_path: Path) -> None:
    url = files.add("/a.jpg", DATA)
    path = download(url).files[0].path
    path.write_bytes(DATA[::-1])
    assert not download(url).failed
    assert "differs" in download(url, verify=True).failed[0].reason
    path.write_bytes(b"short")
    assert "differs" in download(url).failed[0].reason
    assert path.read_bytes() == b"short"
    path.unlink()
    assert download(url).files[0].path.read_bytes() == DATA


def test_a_file_keeps_its_name_when_later_urls_would_share_it(files: FileServer, download: Download) -> None:
    first = files.add("/x/a.jpg", DATA)
    second = files.add("/y/a.jpg", DATA[:10])
    assert download(first).files[0].path.name == "a.jpg"
    both = download(second, first)
    assert [str(file.path).rpartition("/data/")[2] for file in both.files] == ["y/a.jpg", "a.jpg"]
    assert [file.size for file in both.files] == [10, len(DATA)]


@pytest.mark.parametrize("link", ["a.jpg", "sub", "a.jpg.part", "manifest.jsonl", ".auroraql-download.lock"])
def test_a_symbolic_link_never_leads_out_of_the_folder(
    files: FileServer, download: Download, tmp_path: Path, link: str
) -> None:
    urls = (
        [files.add("/sub/a.jpg", DATA), files.add("/top/a.jpg", DATA)] if link == "sub" else [files.add("/a.jpg", DATA)]
    )
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "target").write_bytes(b"mine")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / link).symlink_to(outside if link == "sub" else outside / "target")
    try:
        report = download(*urls)
    except UsageError as error:
        assert "symbolic link" in str(error)
    else:
        assert [failure.url for failure in report.failed] == urls[:1]
        assert "symbolic link" in report.failed[0].reason or "not of a download" in report.failed[0].reason
    assert sorted(path.name for path in outside.iterdir()) == ["target"]
    assert (outside / "target").read_bytes() == b"mine"


def test_the_folder_itself_may_be_a_symbolic_link(files: FileServer, download: Download, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    report = download(files.add("/a.jpg", DATA))
    assert report.files[0].path == tmp_path / "data" / "a.jpg"
    assert (tmp_path / "disk" / "a.jpg").read_bytes() == DATA


def test_a_folder_that_is_a_file_is_an_error(files: FileServer, download: Download, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("mine")
    with pytest.raises(UsageError, match="cannot download to"):
        download(files.add("/a.jpg", DATA))
    with pytest.raises(UsageError, match="cannot download to"):
        download(files.add("/b.jpg", DATA), folder=Path("a\0b"))
    assert not files.calls


def test_a_name_below_a_file_of_the_user_is_reported(files: FileServer, download: Download, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x").write_text("mine")
    urls = [files.add("/x/a.jpg", DATA), files.add("/y/a.jpg", DATA)]
    report = download(*urls)
    assert [failure.url for failure in report.failed] == urls[:1]
    assert (tmp_path / "data" / "x").read_text() == "mine"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_without_permission_is_an_error(files: FileServer, download: Download, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o555)
    with pytest.raises(UsageError, match="Permission denied"):
        download(files.add("/a.jpg", DATA))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_ends_the_download_with_one_reason(
    files: FileServer, download: Download, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    urls = [files.add(f"/{n}.jpg", DATA) for n in range(40)]
    write = manifest.write_fully
    written = 0

    def write_until_full(descriptor: int, data: bytes) -> None:
        nonlocal written
        written += len(data)
        if written > 8 * len(DATA):
            raise OSError(code, os.strerror(code))
        write(descriptor, data)

    for module in (manifest, part_file):
        monkeypatch.setattr(module, "write_fully", write_until_full)
    report = download(*urls, at_once=2)
    assert {failure.reason.rpartition(": ")[2] for failure in report.failed} == {os.strerror(code)}
    assert len(report.failed) >= 30
    assert len(files.calls) < 20
    monkeypatch.undo()
    assert not report.retry().failed


def test_another_error_of_the_disk_concerns_one_file(
    files: FileServer, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = [files.add(f"/{n}.jpg", DATA) for n in range(3)]
    link = os.link

    def fail_once(source: Path, target: Path, **options: bool) -> None:
        if target.name == "1.jpg":
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        link(source, target, **options)

    monkeypatch.setattr(os, "link", fail_once)
    report = download(*urls)
    assert [failure.url for failure in report.failed] == [urls[1]]
    assert "cannot be written" in report.failed[0].reason


def test_without_links_files_are_renamed(
    files: FileServer, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(errno.EPERM, "no links")

    monkeypatch.setattr(os, "link", refuse)
    assert download(files.add("/a.jpg", DATA)).files[0].path.read_bytes() == DATA


@pytest.mark.parametrize(
    "line",
    [
        "not JSON",
        "[]",
        '{"url": 1}',
        '{"url": "http://x/a", "path": "../a", "size": 1, "sha256": ""}',
        '{"url": "http://x/a", "path": "/etc/a", "size": 1, "sha256": ""}',
        '{"url": "http://x/a", "path": "a", "size": "1", "sha256": ""}',
    ],
)
def test_an_unreadable_manifest_is_an_error(files: FileServer, download: Download, tmp_path: Path, line: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "manifest.jsonl").write_text(f"{line}\n{{}}\n")
    with pytest.raises(UsageError, match="line 1 of"):
        download(files.add("/a.jpg", DATA))


@pytest.mark.parametrize("keep", [1, 20, 60, -1])
def test_a_cut_line_of_the_manifest_is_written_again(
    files: FileServer, download: Download, tmp_path: Path, keep: int
) -> None:
    """The crash left the file and the information about its part."""
    urls = [files.add(f"/{n}.jpg", DATA) for n in range(2)]
    report = download(*urls, at_once=1)
    path = tmp_path / "data" / "manifest.jsonl"
    first, second, _ = path.read_text().split("\n")
    path.write_text(f"{first}\n{second[:keep]}")
    info = {"url": urls[1], "etag": etag(DATA), "size": len(DATA), "sha256": report.files[1].sha256}
    (tmp_path / "data" / "1.jpg.part.json").write_text(json.dumps(info))
    again = download(*urls)
    assert [file.sha256 for file in again.files] == [file.sha256 for file in report.files]
    assert len(files.calls) == 2
    assert [file.is_new for file in download(*urls).files] == [False, False]
    assert len(files.calls) == 2


def test_a_whole_part_that_was_damaged_is_downloaded_again(
    files: FileServer, download: Download, tmp_path: Path
) -> None:
    url = files.add("/a.jpg", DATA)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.jpg.part").write_bytes(DATA[::-1])
    info = {"url": url, "etag": etag(DATA), "size": len(DATA), "sha256": "0" * 64}
    (tmp_path / "data" / "a.jpg.part.json").write_text(json.dumps(info))
    assert download(url).files[0].path.read_bytes() == DATA


HOLDER = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from auroraql.downloads.manifest import open_folder
    with open_folder(Path(sys.argv[1])):
        print("locked", flush=True)
        time.sleep(60)
""")


def test_one_process_downloads_into_a_folder(files: FileServer, download: Download, tmp_path: Path) -> None:
    url = files.add("/a.jpg", DATA)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "data")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(UsageError, match="another process downloads to"):
            download(url)
        assert not files.calls
    finally:
        holder.kill()
        holder.communicate()
    assert not download(url).failed


def test_a_dry_run_changes_nothing(files: FileServer, download: Download, tmp_path: Path) -> None:
    urls = [files.add(f"/{n}.jpg", DATA) for n in range(2)]
    report = download(*urls, "ftp://x/a", dry_run=True)
    assert [(plan.action, plan.path.name) for plan in report.planned] == [("download", "0.jpg"), ("download", "1.jpg")]
    assert len(report.failed) == 1
    assert not files.calls
    assert not (tmp_path / "data").exists()
    download(urls[0])
    (tmp_path / "data" / "1.jpg.part").write_bytes(b"x")
    (tmp_path / "data" / "1.jpg.part.json").write_text(json.dumps({"url": urls[1], "etag": etag(DATA)}))
    assert [plan.action for plan in download(*urls, dry_run=True).planned] == ["keep", "resume"]


def test_results_without_files_are_explained(download: Download, tmp_path: Path) -> None:
    report = download(None, "")
    assert [failure.reason for failure in report.failed] == [
        "row 1 of the result has no URL",
        "row 2 of the result has no URL",
    ]
    assert not download().failed
    demo = result_of(["https://x.org/a.jpg"])
    demo.demonstration = True
    with pytest.raises(UsageError, match="synthetic"):
        demo.download(tmp_path / "demo")
    plain = result_of([])
    plain.columns = plain.columns[:2]
    with pytest.raises(UsageError, match="no column url"):
        plain.download(tmp_path / "demo")
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("at_once", [0, 33, -1])
def test_the_number_of_transfers_is_checked(download: Download, at_once: int) -> None:
    with pytest.raises(UsageError, match="from 1 to 32"):
        download("http://127.0.0.1:9/a", at_once=at_once)


def test_information_that_a_crash_left_is_removed(files: FileServer, download: Download, tmp_path: Path) -> None:
    url = files.add("/a.jpg", DATA)
    (file,) = download(url).files
    left = tmp_path / "data" / "a.jpg.part.json"
    left.write_text(json.dumps({"url": url, "etag": "", "size": len(DATA), "sha256": file.sha256}))
    download(url, dry_run=True)
    assert left.exists()
    assert not download(url).failed
    assert not left.exists()
