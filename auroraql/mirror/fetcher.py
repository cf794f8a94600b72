"""Reading of units from an archive: one search for each, decoded to Arrow on the thread that receives it.

Temporary errors are retried, after the wait that the archive asks for. All threads share this wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from auroraql.diagnostics.errors import ArchiveError, Cancelled, Failed, Refused
from auroraql.engines.aurorax.aurorax_engine import AuroraXEngine
from auroraql.ir.plan import Plan, Request
from auroraql.ir.query import Query
from auroraql.mirror.record_tables import RESPONSE_FORMATS, UnitTable, build_unit_table
from auroraql.mirror.sync_planner import PlannedUnit
from auroraql.mirror.units import Unit
from auroraql.schema.catalogue import DataSource

TRIES = 4
FIRST_DELAY_SECONDS = 1.0
MAX_WAIT_SECONDS = 900.0
"""Longest wait between two attempts. An archive that asks for more ends the synchronization."""

_MARGINS = {"ephemeris": (timedelta(0),), "data_products": (timedelta(days=1), timedelta(days=40))}
"""Time around a unit in its searches. AuroraX finds the data products that are fully inside of a window, so that those
that begin in a unit and end after it need a margin. The second search runs if records are missing after the first."""

_NAMES = ("program", "platform", "instrument_type")


class Clock(Protocol):
    """Waiting that another thread can end."""

    def wait(self, seconds: float) -> bool:
        """Wait, and return whether the synchronization ends."""


@dataclass(frozen=True, slots=True)
class FetchedUnit:
    """Records of a unit, their digest, the time of the search, its size in bytes, and its request IDs."""

    planned: PlannedUnit
    records: UnitTable
    digest: str
    read_at: datetime
    bytes: int
    request_ids: tuple[str, ...]


def unit_request(unit: Unit, source: DataSource, margin: timedelta) -> Request:
    """Return the search of a unit. AuroraX cannot select a source by its identifier, so others may be found too."""
    names = ((name, getattr(source, name)) for name in _NAMES)
    lists = tuple((name, (value,)) for name, value in names if value)
    kind = unit.key.kind
    start, end = unit.start - margin, unit.end + margin
    if not margin:
        end -= timedelta(seconds=1)  # a window of exactly a month; its end is inclusive
    return Request(kind, lists, start=start, end=end, response_format=RESPONSE_FORMATS[kind])


def is_temporary(error: ArchiveError) -> bool:
    """Return whether another attempt may succeed: all errors but refusals, and of these 429."""
    return not isinstance(error, Refused | Cancelled) or error.message.startswith("429")


class UnitFetcher:
    """Reads units on several threads. `stop` ends all waits."""

    def __init__(self, engine: AuroraXEngine, timeout: float, clock: Clock | None = None) -> None:
        self.stop = threading.Event()
        self._engine, self._timeout = engine, timeout
        self._clock: Clock = clock or self.stop
        self._lock, self._resume_at = threading.Lock(), 0.0

    def fetch(self, planned: PlannedUnit) -> FetchedUnit:
        """Return the records of a unit. Raises ArchiveError after the last attempt."""
        delay = FIRST_DELAY_SECONDS
        for attempt in range(1, TRIES + 1):
            self._await_turn()
            try:
                return self._fetch_once(planned)
            except ArchiveError as error:
                wait = max(delay, error.retry_after_seconds or 0.0)
                if attempt == TRIES or wait > MAX_WAIT_SECONDS or not is_temporary(error):
                    raise
                if error.retry_after_seconds or error.message.startswith(("429", "503")):
                    self._postpone(wait)
                elif self._clock.wait(wait):
                    raise
                delay *= 4
        raise AssertionError("the last attempt returns or raises")

    def _postpone(self, seconds: float) -> None:
        """Let all threads wait before their next search."""
        with self._lock:
            self._resume_at = max(self._resume_at, time.monotonic() + seconds)

    def _await_turn(self) -> None:
        remaining = self._resume_at - time.monotonic()
        if (remaining > 0 and self._clock.wait(remaining)) or self.stop.is_set():
            raise Cancelled("the synchronization ends", archive=self._engine.name)

    def _fetch_once(self, planned: PlannedUnit) -> FetchedUnit:
        """Search for the records of a unit, with a larger margin if the archive announces more than were found."""
        best: FetchedUnit | None = None
        for margin in _MARGINS[planned.unit.key.kind]:
            fetched = self._search(planned, margin)
            if best is None or fetched.records.table.num_rows > best.records.table.num_rows:
                best = fetched if best is None else _add_requests(fetched, best)
            else:
                best = _add_requests(best, fetched)
            if planned.available is None or best.records.table.num_rows >= planned.available:
                break
        assert best is not None, "each kind has a margin"  # noqa: S101
        return best

    def _search(self, planned: PlannedUnit, margin: timedelta) -> FetchedUnit:
        request = unit_request(planned.unit, planned.source, margin)
        deadline = time.monotonic() + self._timeout
        read_at = _utc_now()
        run = self._engine.submit(Plan(Query(planned.unit.key.kind), (request,)), columnar=True)
        try:
            fetched = run.fetch(deadline)
        except Failed:
            self._delete(planned.unit.key.kind, run.request_ids)
            raise
        try:
            records = build_unit_table(planned.unit, fetched.records if fetched.records is not None else [])
        except (ValueError, TypeError, OverflowError) as problem:  # pyarrow's errors are subclasses of these
            first_line = (str(problem).splitlines() or ["malformed records"])[0]
            raise Failed(first_line, archive=self._engine.name, request_id=run.request_ids[0]) from None
        progress = run.progress()
        return FetchedUnit(planned, records, records.digest(), read_at, progress.bytes, run.request_ids)

    def delete_requests(self, fetched: FetchedUnit) -> None:
        """Delete the searches of a unit from the archive. A failure costs the archive some disk space for a while."""
        self._delete(fetched.planned.unit.key.kind, fetched.request_ids)

    def _delete(self, kind: str, request_ids: Sequence[str]) -> None:
        for request_id in request_ids:
            try:
                self._engine.delete_request(kind, request_id)
            except ArchiveError:  # the archive deletes old searches by itself
                continue


def _add_requests(fetched: FetchedUnit, other: FetchedUnit) -> FetchedUnit:
    return FetchedUnit(
        fetched.planned,
        fetched.records,
        fetched.digest,
        fetched.read_at,
        fetched.bytes + other.bytes,
        (*fetched.request_ids, *other.request_ids),
    )


def _utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
