"""Progress of a download on the status line of a terminal, for the command line and the prompt."""

from __future__ import annotations

from typing import TextIO

from auroraql.downloads.report import DownloadProgress, OnDownloadProgress
from auroraql.engines.base import Progress
from auroraql.frontends.shared.progress import status_line


def download_status_line(stream: TextIO | None, keys: TextIO | None = None) -> OnDownloadProgress | None:
    """Return a progress callback that draws a status line, or None when the stream is not a terminal."""
    draw = status_line(stream, keys)
    if draw is None:
        return None

    def show(progress: DownloadProgress | None) -> None:
        if progress is None:
            draw(None)
        else:
            text = f"{progress.done:,} of {progress.files:,} files"
            draw(Progress(progress.elapsed, text, progress.bytes, 0))

    return show
