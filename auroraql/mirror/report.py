"""Options, progress and report of a synchronization."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from auroraql.schema import KINDS

DEFAULT_JOBS, MAX_JOBS = 2, 8
"""Requests to the archive at the same time."""

DEFAULT_REFRESH = timedelta(days=60)

TRANSFERRED_BYTES, STORED_BYTES = 520, 40
"""Bytes of a record in an answer and in a catalogue, measured with real metadata, for estimates."""


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """Options of a synchronization.

    Units that end after now minus `refresh` are read again, and the part `verify` of the others, those first that were
    read longest ago. The catalogue file does not grow beyond `limit_bytes`. `timeout` is that of a request, in seconds.
    """

    jobs: int = DEFAULT_JOBS
    refresh: timedelta = DEFAULT_REFRESH
    verify: float = 0.0
    limit_bytes: int | None = None
    allow_deletions: bool = False
    timeout: float = 600.0


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """Progress of a synchronization. `left` is the estimated number of remaining seconds, or None."""

    elapsed: float
    done: int
    units: int
    records: int
    bytes: int
    left: float | None


OnSyncProgress = Callable[[SyncProgress | None], object]
"""Callback for progress. None means the end."""


@dataclass(slots=True)
class SyncReport:
    """Outcome of a synchronization.

    `planned` are the numbers of units to read, by reason. `stopped` is the reason of an early end. `failures` are units
    that could not be read, and the next synchronization reads them.
    """

    archive: str
    file: str
    statements: tuple[str, ...]
    planned: dict[str, int] = field(default_factory=dict)
    known_units: int = 0
    expected_records: int = 0
    read: int = 0
    changed: int = 0
    unchanged: int = 0
    records: int = 0
    deleted: int = 0
    bytes: int = 0
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    stopped: str = ""
    dry_run: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether every planned unit was read."""
        return not self.failures and not self.stopped

    @property
    def units(self) -> int:
        """Number of units to read."""
        return sum(self.planned.values())

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        document = asdict(self) | {"complete": self.is_complete, "units": self.units}
        if self.dry_run:
            document |= {
                "expected_transfer_bytes": self.expected_records * TRANSFERRED_BYTES,
                "expected_file_bytes": self.expected_records * STORED_BYTES,
            }
        return document

    def summary(self) -> str:
        """Return the outcome in one line."""
        if self.dry_run:
            return self._describe_plan()
        if not self.units:
            return f"{self.file} is up to date with {self.archive}: {self.known_units:,} units compared, none to read"
        parts = [
            f"{self.read:,} of {self.units:,} units read from {self.archive}",
            f"{self.changed:,} changed",
            f"{self.records:,} records written",
        ]
        parts += [f"{self.deleted:,} records replaced or deleted"] if self.deleted else []
        parts += [f"{len(self.failures):,} units failed"] if self.failures else []
        return ", ".join(parts)

    def _describe_plan(self) -> str:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.planned.items() if count)
        return (
            f"{self.units:,} units to read from {self.archive}{f' ({reasons})' if reasons else ''}:"
            f" about {self.expected_records:,} records, {_size(self.expected_records * TRANSFERRED_BYTES)} to"
            f" transfer, {_size(self.expected_records * STORED_BYTES)} in {self.file}"
        )


def kind_title(kind: str) -> str:
    """Return the name of a kind for messages."""
    return KINDS[kind].title


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"
