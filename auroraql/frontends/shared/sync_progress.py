"""Progress of a synchronization on the status line of a terminal."""

from __future__ import annotations

from typing import TextIO

from auroraql.engines.base import Progress
from auroraql.frontends.shared.progress import format_duration, status_line
from auroraql.mirror.report import OnSyncProgress, SyncProgress


def sync_status_line(stream: TextIO | None) -> OnSyncProgress | None:
    """Return a progress callback that draws a status line, or None when the stream is not a terminal."""
    draw = status_line(stream)
    if draw is None:
        return None

    def show(progress: SyncProgress | None) -> None:
        draw(None if progress is None else describe_sync_progress(progress))

    return show


def describe_sync_progress(progress: SyncProgress) -> Progress:
    """Return the progress with a text: units, records per second, and the time left."""
    parts = [f"{progress.done:,} of {progress.units:,} units"]
    if progress.elapsed >= 1 and progress.records:
        parts.append(f"{progress.records / progress.elapsed:,.0f} records/s")
    if progress.left is not None and progress.done < progress.units:
        parts.append(f"{format_duration(progress.left)} left")
    return Progress(progress.elapsed, ", ".join(parts), progress.bytes, progress.records)
