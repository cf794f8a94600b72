"""Download of 300 files of 1 MB from the loopback, compared with a loop of requests and with parfive.

The server is another process. It also counts the requests: one for each file.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from auroraql.downloads.downloader import DownloadOptions, download_result
from tests.bench.measure import line
from tests.downloads.conftest import result_of
from tests.support.file_server import FileServer

FILES, SIZE = 300, 1_000_000


def main() -> None:
    """Print the times, alternately measured so that a slow moment affects all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--serve", action="store_true", help="be the server")
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    rounds = 3 if options.full else 1
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bench_download", "--serve"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stdin is not None
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    ways: dict[str, Callable[[list[str], Path], None]] = {"auroraql": download, "requests": loop_of_requests}
    if importlib.util.find_spec("parfive"):
        ways["parfive"] = download_with_parfive
    times = {
        name: min(measure(way, [f"{url}/{name}/{n}.jpg" for n in range(FILES)]) for _ in range(rounds))
        for name, way in ways.items()
    }
    server.stdin.close()
    count = int(server.stdout.read())
    line("download of 300 files of 1 MB, peer a loop of requests", times["auroraql"], times["requests"], "about 1", "s")
    if "parfive" in times:
        line("download of 300 files of 1 MB, peer parfive", times["auroraql"], times["parfive"], "1 at most", "s")
    print(f"{'requests for each file':<58}{count / FILES / rounds:>9.2f}")


def measure(way: Callable[[list[str], Path], None], urls: list[str]) -> float:
    """Return the seconds of one download into a new folder, whose files are counted."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        way(urls, Path(folder))
        took = time.perf_counter() - began
        assert sum(path.stat().st_size == SIZE for path in Path(folder).iterdir()) == FILES
    return took


def download(urls: list[str], folder: Path) -> None:
    """Download with AuroraQL: checksums, manifest and syncs included."""
    assert not download_result(result_of(urls), folder, DownloadOptions()).failed


def loop_of_requests(urls: list[str], folder: Path) -> None:
    """Download with four threads, in memory and without any check."""
    with requests.Session() as session, ThreadPoolExecutor(4) as executor:

        def fetch(url: str) -> None:
            (folder / url.rpartition("/")[2]).write_bytes(session.get(url, timeout=60).content)

        list(executor.map(fetch, urls))


def download_with_parfive(urls: list[str], folder: Path) -> None:
    """Download with parfive, four connections."""
    from parfive import Downloader

    downloader = Downloader(max_conn=4, max_splits=1, progress=False)
    for url in urls:
        downloader.enqueue_file(url, path=folder, filename=url.rpartition("/")[2])
    assert not downloader.download().errors


def serve() -> None:
    """Serve until standard input ends, then print the number of requests of AuroraQL."""
    with FileServer() as files:
        files.default = bytes(SIZE)
        print(files.url, flush=True)
        sys.stdin.read()
        print(sum(call.path.startswith("/auroraql/") for call in files.calls), flush=True)


if __name__ == "__main__":
    main()
