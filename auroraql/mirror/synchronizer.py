"""Synchronization of a mirror: plan, read units on threads, and commit each unit in a transaction of its own.

Invariant: the file always holds whole units with their rows in the ledger, however the process ends. Nothing is deleted
because of an implausible answer.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import duckdb

from auroraql.catalogues.files import create_catalogue
from auroraql.catalogues.writer import CatalogueWriter, RecordWriter, open_writer
from auroraql.diagnostics.errors import ArchiveError, Failed, Refused, UsageError, make_visible
from auroraql.engines.aurorax.aurorax_engine import AuroraXEngine
from auroraql.engines.duckdb.catalogue_file import Config, open_catalogue
from auroraql.engines.duckdb.sync_ledger import COMPLETE
from auroraql.mirror.archive_sources import source_rows, write_archive_sources
from auroraql.mirror.fetcher import Clock, FetchedUnit, UnitFetcher
from auroraql.mirror.ledger import (
    RUNNING,
    Ledger,
    UnitRecord,
    confirm_units,
    create_tables,
    delete_unit,
    read_ledger,
    write_run,
    write_sources,
    write_statements,
    write_unit,
)
from auroraql.mirror.report import STORED_BYTES, OnSyncProgress, SyncOptions, SyncProgress, SyncReport
from auroraql.mirror.selection import resolve_selections
from auroraql.mirror.sync_planner import REASONS, PlannedUnit, SyncPlan, SyncPlanner
from auroraql.schema.catalogue import SourceDetails, Statistics

MAX_CONSECUTIVE_FAILURES = 3
"""Failed units in a row after which the archive counts as unreachable."""

_MEMORY: Config = {"memory_limit": "128MB", "threads": 2}
"""DuckDB settings of the writer: units are small, so that more memory would only cache the file."""

_TICK_SECONDS = 0.2
_SECOND = timedelta(seconds=1)


class _Stop(Exception):
    """Raised within the transaction of a unit that must not be written; ends the synchronization."""


def read_mirror_ledger(path: Path) -> Ledger:
    """Return the ledger of a catalogue file. Raises UsageError and ArchiveError."""
    file = open_catalogue(path)
    try:
        return read_ledger(file.connection)
    except duckdb.Error as problem:
        raise Failed(str(problem).splitlines()[0], archive=str(path)) from None
    finally:
        file.connection.close()


class Synchronizer:
    """Synchronization of one file with one archive. `archive` is the name that the ledger stores.

    `statements` are added to those of the file. `clock` waits between attempts; tests replace it.
    """

    def __init__(
        self,
        engine: AuroraXEngine,
        archive: str,
        path: Path,
        statements: Sequence[str] = (),
        options: SyncOptions = SyncOptions(),  # noqa: B008 - immutable
        *,
        on_progress: OnSyncProgress | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._engine, self._archive, self._path, self._options = engine, archive, path, options
        self._statements, self._on_progress = tuple(statements), on_progress
        self._fetcher = UnitFetcher(engine, options.timeout, clock)
        self._began, self._now = time.monotonic(), datetime.now(UTC).replace(tzinfo=None)
        self._report = SyncReport(archive, str(path), ())
        self._confirmed: list[UnitRecord] = []
        self._consecutive_failures = 0
        self._run = 0
        self._statistics: Mapping[str, Mapping[int, Statistics]] = {}
        self._details: Mapping[int, SourceDetails] = {}

    def plan(self) -> SyncReport:
        """Return what a synchronization would read, without changing the file. Raises AuroraQLError."""
        ledger = read_mirror_ledger(self._path) if self._path.exists() else Ledger()
        self._plan(ledger)
        self._report.dry_run = True
        self._report.seconds = time.monotonic() - self._began
        return self._report

    def run(self) -> SyncReport:
        """Synchronize, and return the report. Raises AuroraQLError if nothing could be begun, and KeyboardInterrupt.

        What was committed before an error or Ctrl-C stays, and the next synchronization continues.
        """
        if not self._path.exists():
            self._select_statements(Ledger())
            self._engine.refresh_sources(self._deadline())  # an unreachable archive leaves no empty file
            create_catalogue(self._path, f"Mirror of {self._archive}")
        with open_writer(self._path, config=_MEMORY) as writer:
            with writer.transaction() as records:
                ledger = read_ledger(records.cursor)
            plan = self._plan(ledger)
            self._run = ledger.last_run + 1
            self._prepare(writer, ledger)
            self._delete_vanished(writer, ledger)
            outcome = "interrupted"
            try:
                self._read_units(writer, plan)
                outcome = COMPLETE if self._report.is_complete else "incomplete"
            finally:
                self._finish(writer, outcome)
        self._report.seconds = time.monotonic() - self._began
        return self._report

    # --- before reading

    def _deadline(self) -> float:
        return time.monotonic() + self._options.timeout

    def _select_statements(self, ledger: Ledger) -> tuple[str, ...]:
        if ledger.archive and ledger.archive != self._archive:
            raise UsageError(
                f"'{self._path}' is a mirror of {ledger.archive}, not of {self._archive}",
                "leave --archive out, or mirror into another file",
            )
        statements = tuple(dict.fromkeys((*ledger.statements, *self._statements)))
        if not statements:
            raise UsageError(f"'{self._path}' is not a mirror yet", "say what to mirror: -c 'FIND ephemeris …'")
        return statements

    def _plan(self, ledger: Ledger) -> SyncPlan:
        """Ask the archive for its sources, statistics and availability, and return the plan."""
        statements = self._select_statements(ledger)
        self._engine.refresh_sources(self._deadline())
        self._details = self._engine.details(self._deadline())
        self._statistics = self._engine.refresh_statistics(self._deadline())
        catalogue = self._engine.catalogue()
        selections = resolve_selections(statements, catalogue, self._now)
        availability = partial(self._engine.availability, deadline=self._deadline())
        planner = SyncPlanner(ledger, self._statistics, availability, self._now, self._options)
        plan = planner.plan(selections)
        report = self._report
        report.statements, report.known_units = statements, plan.compared
        report.planned = {reason: sum(unit.reason == reason for unit in plan.units) for reason in REASONS}
        report.expected_records = plan.expected_records
        report.warnings += [*plan.warnings, *self._vanished_warnings(ledger)]
        return plan

    def _vanished(self, ledger: Ledger) -> dict[int, list[UnitRecord]]:
        """Return the mirrored units of sources that the archive no longer has, by source."""
        present = {source.identifier for source in self._engine.catalogue().sources}
        vanished: dict[int, list[UnitRecord]] = {}
        for key, record in ledger.units.items():
            if key.source not in present:
                vanished.setdefault(key.source, []).append(record)
        return vanished

    def _vanished_warnings(self, ledger: Ledger) -> list[str]:
        outcome = "are deleted" if self._options.allow_deletions else "are kept; --allow-deletions deletes them"
        return [
            f"data source {source} is no longer in {self._archive}:"
            f" its {sum(record.records for record in records):,} mirrored records {outcome}"
            for source, records in self._vanished(ledger).items()
        ]

    def _prepare(self, writer: CatalogueWriter, ledger: Ledger) -> None:
        """Write the statements, sources and metadata keys, as far as they have changed."""
        catalogue = self._engine.catalogue()
        rows = source_rows(ledger, catalogue, self._statistics)
        with writer.transaction() as records:
            create_tables(records.cursor)
            write_archive_sources(records, ledger, catalogue, self._details)
            if rows != ledger.sources:
                write_sources(records.cursor, rows)
            if (ledger.archive, ledger.statements) != (self._archive, self._report.statements):
                write_statements(records.cursor, self._archive, self._report.statements)

    def _delete_vanished(self, writer: CatalogueWriter, ledger: Ledger) -> None:
        if not self._options.allow_deletions:
            return
        for source, units in self._vanished(ledger).items():
            with writer.transaction() as records:
                for record in units:
                    unit = record.unit
                    self._report.deleted += records.delete(unit.key.kind, source, unit.start, unit.end)
                    delete_unit(records.cursor, unit.key)

    # --- reading and writing

    def _read_units(self, writer: CatalogueWriter, plan: SyncPlan) -> None:
        waiting, running = deque(plan.units), dict[Future[FetchedUnit], PlannedUnit]()
        deletions: list[Future[None]] = []
        with ThreadPoolExecutor(self._options.jobs, "auroraql-sync") as pool:
            try:
                while running or (waiting and not self._report.stopped):
                    while waiting and len(running) < self._options.jobs and not self._report.stopped:
                        planned = waiting.popleft()
                        running[pool.submit(self._fetcher.fetch, planned)] = planned
                    done, _ = wait(running, _TICK_SECONDS, FIRST_COMPLETED)
                    for future in done:
                        fetched = self._handle(writer, running.pop(future), future)
                        if fetched is not None:
                            deletions.append(pool.submit(self._fetcher.delete_requests, fetched))
                    self._show_progress()
                wait(deletions)
            except BaseException:
                self._fetcher.stop.set()
                for future in running:
                    future.cancel()
                self._engine.close()  # cancels the running searches
                raise
            finally:
                if self._on_progress is not None:
                    self._on_progress(None)

    def _handle(self, writer: CatalogueWriter, planned: PlannedUnit, future: Future[FetchedUnit]) -> FetchedUnit | None:
        """Commit a unit that was read, or record its failure. Return the unit if its searches may be deleted."""
        try:
            fetched = future.result()
        except ArchiveError as error:
            self._record_failure(planned, error)
            return None
        self._consecutive_failures = 0
        self._report.read += 1
        self._report.bytes += fetched.bytes
        self._warn_about(fetched)
        try:
            self._commit(writer, fetched)
        except _Stop as stop:
            self._report.stopped = self._report.stopped or str(stop)
        except Failed as error:  # the file: a full disk, for example
            self._fetcher.stop.set()
            self._report.stopped = self._report.stopped or str(error)
        return fetched

    def _record_failure(self, planned: PlannedUnit, error: ArchiveError) -> None:
        if self._report.stopped:
            return  # the searches after the reason of the stop say nothing new
        self._consecutive_failures += 1
        self._report.failures.append(f"{_describe(planned)}: {error.message}")
        is_refused = isinstance(error, Refused) and error.message.startswith(("401", "403"))
        if is_refused or self._consecutive_failures >= MAX_CONSECUTIVE_FAILURES:
            self._report.stopped = str(error)

    def _warn_about(self, fetched: FetchedUnit) -> None:
        planned, count = fetched.planned, fetched.records.table.num_rows
        if planned.available is not None and planned.available != count:
            self._report.warnings.append(
                f"{_describe(planned)}: the archive announces {planned.available:,} records and returned {count:,}"
            )
        if fetched.records.duplicates:
            self._report.warnings.append(
                f"{_describe(planned)}: {fetched.records.duplicates:,} records were returned more than once"
            )

    def _commit(self, writer: CatalogueWriter, fetched: FetchedUnit) -> None:
        """Replace a unit and its row in one transaction. An unchanged one is only confirmed, at the end."""
        planned, table = fetched.planned, fetched.records.table
        unit, known = planned.unit, planned.known
        record = UnitRecord(
            unit, _complete_until(fetched), table.num_rows, planned.available, fetched.digest, fetched.read_at
        )
        if known is not None and known.digest == record.digest and known.unit == unit:
            self._confirmed.append(record)
            self._report.unchanged += 1
            return
        self._check_size(table.num_rows)
        with writer.transaction() as records:
            change = records.replace(unit.key.kind, unit.key.source, unit.start, unit.end, [table])
            self._check_deletion(planned, change.deleted, change.written)
            write_unit(records.cursor, record)
            self._write_run(records, RUNNING, (change.written, 1))
        self._report.changed += 1
        self._report.records += change.written
        self._report.deleted += change.deleted

    def _check_size(self, count: int) -> None:
        """Raise _Stop if the file would grow beyond its limit."""
        limit = self._options.limit_bytes
        if limit is None:
            return
        log = self._path.with_name(f"{self._path.name}.wal")
        size = self._path.stat().st_size + (log.stat().st_size if log.exists() else 0)
        if size + count * STORED_BYTES > limit:
            raise _Stop(f"the catalogue has {size:,} bytes, and its limit is {limit:,} bytes (--limit-bytes)")

    def _check_deletion(self, planned: PlannedUnit, deleted: int, written: int) -> None:
        """Raise _Stop if the answer would delete records and the archive's own counts do not confirm it."""
        if written >= deleted or self._options.allow_deletions or (written and planned.available == written):
            return
        announced = "an unknown number" if planned.available is None else f"{planned.available:,}"
        raise _Stop(
            f"{_describe(planned)}: the archive returned {written:,} records, the mirror has {deleted:,}, and the"
            f" archive announces {announced}; nothing was deleted (--allow-deletions deletes them)"
        )

    # --- ledger

    def _write_run(
        self,
        records: RecordWriter,
        outcome: str,
        more: tuple[int, int] = (0, 0),
        ended: datetime | None = None,
    ) -> None:
        counts = (self._report.changed + more[1], self._report.records + more[0], self._report.bytes)
        write_run(records.cursor, self._run, self._now, outcome, counts, ended)

    def _finish(self, writer: CatalogueWriter, outcome: str) -> None:
        """Record the end of the run and the units that are unchanged."""
        try:
            with writer.transaction() as records:
                confirm_units(records.cursor, self._confirmed)
                self._write_run(records, outcome, ended=datetime.now(UTC).replace(tzinfo=None))
        except Failed as error:  # the file cannot be written: the run counts as interrupted
            self._report.stopped = self._report.stopped or str(error)

    def _show_progress(self) -> None:
        if self._on_progress is None:
            return
        report, elapsed = self._report, time.monotonic() - self._began
        done = report.read + len(report.failures)
        left = elapsed / done * (report.units - done) if done else None
        self._on_progress(SyncProgress(elapsed, done, report.units, report.records, report.bytes, left))


def _complete_until(fetched: FetchedUnit) -> datetime:
    """Return the time until which a unit has the archive's records: until it was read, or its latest prediction."""
    latest = fetched.planned.latest
    moments = (fetched.read_at, latest + _SECOND) if latest is not None else (fetched.read_at,)
    return max(fetched.planned.unit.start, min(fetched.planned.unit.end, max(moments)))


def _describe(planned: PlannedUnit) -> str:
    source = planned.source
    return make_visible(f"{planned.unit.key.label} of {source.display_name or source.identifier}")
