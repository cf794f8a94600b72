"""Outcome of a download: the files in the folder, and those that failed with the reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from auroraql.diagnostics.errors import make_visible

_FAILURES_SHOWN = 10
"""Maximum number of failed files in the text of a report."""

PlannedAction = Literal["download", "resume", "keep"]


@dataclass(frozen=True, slots=True)
class DownloadedFile:
    """A complete file: its URL, path, size in bytes and SHA-256. `is_new` is False for a file of an earlier run."""

    url: str
    path: Path
    size: int
    sha256: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file that a dry run found: its URL, its path, and what a download would do with it."""

    url: str
    path: Path
    action: PlannedAction


@dataclass(frozen=True, slots=True)
class FailedDownload:
    """A file that was not downloaded. `is_missing` is True when the server does not have it.

    `path` is None when the URL was refused before it had a file name.
    """

    url: str
    path: Path | None
    reason: str
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """Progress of a download: finished files, all files, bytes received and seconds elapsed."""

    done: int
    files: int
    bytes: int
    elapsed: float


OnDownloadProgress = Callable[[DownloadProgress | None], object]
"""Callback for progress, invoked on the calling thread about five times a second; None means the end."""


@dataclass(frozen=True)
class Report:
    """Outcome of a download.

    `files` are complete, in the order of the result; `failed` lists the others with the reason. A dry run
    downloads nothing and fills `planned`.
    """

    folder: Path
    files: tuple[DownloadedFile, ...] = ()
    failed: tuple[FailedDownload, ...] = ()
    planned: tuple[PlannedFile, ...] = ()
    is_dry_run: bool = False
    retry_failed: Callable[[Report], Report] | None = field(default=None, repr=False, compare=False)

    def retry(self) -> Report:
        """Download the failed files again, except missing ones, and return a report about all files.

        Raises the errors of `ResultSet.download`.
        """
        return self if self.retry_failed is None else self.retry_failed(self)

    @property
    def missing(self) -> tuple[FailedDownload, ...]:
        """The failed files that the server does not have."""
        return tuple(failure for failure in self.failed if failure.is_missing)

    def summary(self) -> str:
        """Return one line with the numbers of files and bytes."""
        if self.is_dry_run:
            return f"{self._count_planned()} in {make_visible(str(self.folder))}"
        new = [file for file in self.files if file.is_new]
        parts = [f"{_count(len(new))} downloaded ({sum(file.size for file in new) / 1e6:,.1f} MB)"]
        if len(new) < len(self.files):
            parts.append(f"{len(self.files) - len(new):,} unchanged")
        if missing := len(self.missing):
            parts.append(f"{missing:,} missing on the server")
        if other := len(self.failed) - missing:
            parts.append(f"{other:,} failed")
        return f"{make_visible(str(self.folder))}: {', '.join(parts)}"

    def _count_planned(self) -> str:
        unchanged = sum(file.action == "keep" for file in self.planned)
        resumed = sum(file.action == "resume" for file in self.planned)
        text = f"{_count(len(self.planned) - unchanged)} to download"
        text += f" ({resumed:,} begun)" if resumed else ""
        text += f", {unchanged:,} unchanged" if unchanged else ""
        return text + (f", {len(self.failed):,} refused" if self.failed else "")

    def describe_failures(self, most: int = _FAILURES_SHOWN) -> str:
        """Return a line for each failed file, at most `most`, and the number of the others."""
        lines = [f"{make_visible(failure.url)}: {make_visible(failure.reason)}" for failure in self.failed[:most]]
        if len(self.failed) > most:
            lines.append(f"… and {len(self.failed) - most:,} more")
        return "\n".join(lines)

    def __str__(self) -> str:
        return "\n".join(filter(None, (self.summary(), self.describe_failures())))


def _count(number: int) -> str:
    return "1 file" if number == 1 else f"{number:,} files"
