"""Processes that end at any moment: killed or interrupted, the next run completes the folder with whole files.

`python -m tests.downloads.crash_rounds 20` kills at more moments.
"""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

from auroraql.downloads.downloader import DownloadOptions, download_result
from tests.downloads.conftest import result_of
from tests.downloads.crash_rounds import check_folder, run_rounds, start_download, write_catalogue
from tests.support.file_server import FileServer

ROUNDS = 2


def test_a_killed_download_is_completed_by_the_next(tmp_path: Path) -> None:
    run_rounds(tmp_path, ROUNDS, random.Random(5))


def test_ctrl_c_ends_quickly_and_keeps_the_parts(tmp_path: Path) -> None:
    content = random.Random(3).randbytes(2_000_000)
    with FileServer(chunk_seconds=0.05) as files:
        urls = [files.add(f"/{n}.jpg", content) for n in range(8)]
        catalogue = write_catalogue(tmp_path / "c.duckdb", urls)
        process = start_download(catalogue, tmp_path / "data")
        deadline = time.monotonic() + 90
        while not any(path.stat().st_size > 50_000 for path in (tmp_path / "data").glob("*.part")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert time.monotonic() - began < 3
        assert process.returncode == 130
        assert err.rstrip().endswith("interrupted; the same command continues the download")
        sizes = {path.name: path.stat().st_size for path in (tmp_path / "data").glob("*.part")}
        assert max(sizes.values()) > 50_000
        files.chunk_seconds = 0
        before = len(files.calls)
        report = download_result(result_of(urls), tmp_path / "data", DownloadOptions())
        assert not report.failed
        ranges = [call.headers["range"] for call in files.calls[before:] if "range" in call.headers]
        assert set(ranges) == {f"bytes={size}-" for size in sizes.values() if size}
        check_folder(tmp_path / "data", {f"{n}.jpg": content for n in range(8)})


def test_two_processes_on_one_folder_do_not_disturb_each_other(tmp_path: Path) -> None:
    content = random.Random(4).randbytes(400_000)
    with FileServer(chunk_seconds=0.02) as files:
        urls = [files.add(f"/{n}.jpg", content) for n in range(8)]
        catalogue = write_catalogue(tmp_path / "c.duckdb", urls)
        both = [start_download(catalogue, tmp_path / "data") for _ in range(2)]
        errors = [process.communicate(timeout=120)[1] for process in both]
        codes = sorted(process.returncode for process in both)
        assert codes in ([0, 2], [0, 0]), errors  # [0, 0] if one ended before the other began
        if codes == [0, 2]:
            assert any("another process downloads to" in error for error in errors)
        assert len(files.calls) == 8
        check_folder(tmp_path / "data", {f"{n}.jpg": content for n in range(8)})


def test_300_files_at_once_take_one_request_each(tmp_path: Path) -> None:
    with FileServer() as files:
        contents = {f"{n}.jpg": random.Random(n).randbytes(20_000 + n) for n in range(300)}
        urls = [files.add(f"/{name}", content) for name, content in contents.items()]
        report = download_result(result_of(urls), tmp_path / "data", DownloadOptions(at_once=32))
        assert (len(report.files), len(report.failed)) == (300, 0)
        assert len(files.calls) == 300
        assert files.most_at_once <= 4
        assert files.connections <= 4
        check_folder(tmp_path / "data", contents)
