"""Fixtures for downloads: a misbehaving file server, and results whose URLs lead to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from auroraql.downloads.downloader import DownloadOptions, download_result
from auroraql.downloads.report import Report
from auroraql.downloads.transfer import TransferLimits
from auroraql.results.result_set import FetchedData, Listing, ResultColumn, ResultSet
from auroraql.schema import Type
from tests.support.file_server import FileServer

LIMITS = TransferLimits(connect_seconds=2, stall_seconds=0.4, first_delay_seconds=0.01, max_pause_seconds=5)

COLUMNS = (
    ResultColumn("start", Type.TIME, path=("start",)),
    ResultColumn("program", Type.STRING, path=("program",)),
    ResultColumn("url", Type.STRING, path=("url",)),
)

CONTENT_SMALL = bytes(range(256)) * 4

Download = Callable[..., Report]


@pytest.fixture
def files() -> Iterator[FileServer]:
    """Return a file server."""
    with FileServer() as server:
        yield server


def result_of(urls: Sequence[str | None], *, is_local: bool = True, program: str = "trex") -> ResultSet:
    """Return a result with these URLs, of a local archive or another."""
    rows = [(datetime(2021, 1, 1, n % 24), program, url) for n, url in enumerate(urls)]
    return ResultSet(Listing(), FetchedData(rows=rows), archive="x", elapsed=0, columns=COLUMNS, is_local=is_local)


@pytest.fixture
def download(tmp_path: Path) -> Download:
    """Return a function that downloads URLs to `tmp_path / 'data'` with short time limits."""

    def run(*urls: str | None, is_local: bool = True, folder: Path | None = None, **options: object) -> Report:
        chosen = DownloadOptions(**{"limits": LIMITS, **options})  # type: ignore[arg-type]
        return download_result(result_of(urls, is_local=is_local), folder or tmp_path / "data", chosen)

    return run
