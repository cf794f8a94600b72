"""Embedded engine: runs plans as SQL on a DuckDB catalogue, the demonstration or a user's file.

It runs a plan's whole Query in one statement, and ignores the plan's requests and residual.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from math import inf
from pathlib import Path
from types import MappingProxyType

import duckdb

from auroraql.diagnostics.errors import ArchiveError, AuroraQLError, Cancelled, Failed, Refused, TimedOut
from auroraql.engines.base import EMBEDDED, Capabilities, LogLine, Progress, RunStatus
from auroraql.engines.duckdb.catalogue_file import (
    CatalogueFile,
    Config,
    QueryInterrupter,
    first_error_line,
    open_catalogue,
    open_current,
    raise_keyboard_interrupt,
    read_catalogue,
    read_details,
)
from auroraql.engines.duckdb.demo import DEMO_NAME, RULE, demo_cache_path, demo_catalogue
from auroraql.engines.duckdb.spill_folder import SPILL_PREFIX
from auroraql.ir.plan import Plan, Request
from auroraql.results.result_set import FetchedData, ResultColumn, Row, result_columns
from auroraql.schema.catalogue import Catalogue, DataSource, SourceDetails, Statistics
from auroraql.sql.dialect import DUCKDB
from auroraql.sql.statement import STORED_KINDS, SqlText, compile_query, decode_rows

_DAY = timedelta(days=1)

_ROWS_PER_FETCH = 10_000
"""Rows per fetch; limits how many rows exist both in DuckDB's form and in the result's form."""

_CLOSING_SECONDS = 5.0
"""Seconds that closing waits for DuckDB to notice its interrupt."""

_COUNTED = """
SELECT r.data_source, s.program, s.platform, s.instrument_type, s.source_type, s.display_name, {columns}, count(*)
FROM {table} AS r LEFT JOIN data_sources AS s ON s.identifier = r.data_source
WHERE r.{moment} >= $1 AND r.{moment} < $2 AND ($3::VARCHAR IS NULL OR s.program = $3)
    AND ($4::VARCHAR IS NULL OR s.platform = $4) AND ($5::VARCHAR IS NULL OR s.instrument_type = $5)
GROUP BY ALL ORDER BY r.data_source, {columns}
"""

_AVAILABILITY = {
    "data_products": _COUNTED.format(
        table="data_products",
        moment='"start"',
        columns="date_trunc('day', r.\"start\")::TIMESTAMP, r.data_product_type",
    ),
    "ephemeris": _COUNTED.format(table="ephemeris", moment="epoch", columns="date_trunc('day', r.epoch)::TIMESTAMP"),
}
"""Statements that count records by source and day."""


_STATISTICS = {
    "data_products": 'SELECT data_source, count(*), min("start"), max("end") FROM data_products GROUP BY ALL',
    "ephemeris": "SELECT data_source, count(*), min(epoch), max(epoch) FROM ephemeris GROUP BY ALL",
}


def open_file(
    archive: str | os.PathLike[str], _api_key: str | None, say: Callable[[str], None], deadline: float
) -> EmbeddedEngine:
    """Open a catalogue file. Raises UsageError, Unreachable and TimedOut."""
    return EmbeddedEngine(Path(archive), say=say, deadline=deadline)


def open_demonstration(
    _archive: str, _api_key: str | None, say: Callable[[str], None], _deadline: float
) -> EmbeddedEngine:
    """Open the demonstration, and build its file first if it is missing."""
    return EmbeddedEngine(None, say=say)


def _open_demo(cache_dir: Path | None, say: Callable[[str], None], config: Config) -> CatalogueFile:
    """Open the demonstration catalogue, and build it first if it is missing, damaged or of another rule."""
    path = demo_cache_path(cache_dir)
    with raise_keyboard_interrupt():
        opened = open_current(path, RULE, config)
    if opened is not None:
        return opened
    from auroraql.engines.duckdb.demo.demo_cache import build_and_open

    return build_and_open(path, say, config)


def _delete_demo(cache_dir: Path | None) -> None:
    """Delete the cached demonstration, so that it is built again on the next use."""
    try:
        demo_cache_path(cache_dir).unlink(missing_ok=True)
    except OSError:
        # Owned by another user, or in use: the next start detects the damage again.
        return


class BackgroundOpening(threading.Thread):
    """Catalogue opened on its own thread after `start`, or on the caller's by `run`."""

    def __init__(self, open_it: Callable[[], CatalogueFile]) -> None:
        super().__init__(
            daemon=False
        )  # the interpreter waits for it at exit, because DuckDB would otherwise abort the process
        self._open = open_it
        self._file: CatalogueFile | None = None
        self._problem: BaseException | None = None

    def run(self) -> None:
        """Open the catalogue and store the outcome."""
        try:
            self._file = self._open()
        except BaseException as problem:
            self._problem = problem

    def outcome(self) -> CatalogueFile:
        """Wait and return the open catalogue. Raises the error of opening it."""
        if self.ident is not None:
            self.join()
        if self._file is None:
            raise self._problem or Cancelled("the archive was not opened", archive=DEMO_NAME)
        return self._file


class EmbeddedEngine:
    """Catalogue file, or the demonstration catalogue without a path, as an `Engine`.

    `cache_dir` holds the demonstration and defaults to the user's cache directory. `say` receives a line about each
    slow step. `config` holds DuckDB settings. `deadline`, a `time.monotonic` time, limits the opening of a user's file.
    Files are opened read only, unless `writable`: then `writing` changes the file, and other processes cannot open it.

    Raises UsageError for a file that is not a catalogue, Unreachable for an unreadable or locked one, and TimedOut.
    """

    def __init__(
        self,
        path: Path | str | None = None,
        *,
        cache_dir: Path | None = None,
        say: Callable[[str], None] = lambda _line: None,
        writable: bool = False,
        config: Config = MappingProxyType({}),
        deadline: float = inf,
    ) -> None:
        self._cache_dir = cache_dir
        self._write_lock, self._cache_lock = threading.Lock(), threading.Lock()
        self._demo = path is None
        self._name = DEMO_NAME if path is None else str(path)
        self._opening = BackgroundOpening(
            lambda: (
                _open_demo(cache_dir, say, config)
                if path is None
                else open_catalogue(Path(path), writable=writable, config=config, deadline=deadline)
            )
        )
        self._runs: list[EmbeddedRun] = []
        self._details: Mapping[int, SourceDetails] | None = None
        self._statistics: dict[str, Mapping[int, Statistics]] = {}
        if path is None and demo_cache_path(cache_dir).is_file():
            # DuckDB takes 20 ms to open a file and needs no Python for it; the statement is parsed meanwhile.
            self._opening.start()
        else:
            self._opening.run()
            self._opening.outcome()

    @property
    def _file(self) -> CatalogueFile:
        return self._opening.outcome()

    @property
    def name(self) -> str:
        """`demo`, or the path of the file."""
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        """Capabilities of the engine. The file's header declares whether its records are synthetic."""
        return replace(EMBEDDED, demonstration=self._demo or self._file.demonstration)

    def catalogue(self) -> Catalogue:
        """Return the data sources and metadata keys of the file. Raises Failed when they cannot be read."""
        return self._catalogue

    @cached_property
    def _catalogue(self) -> Catalogue:
        if self._demo:
            # The packaged facts, from which the demonstration is built, are faster to read; a test compares them.
            return demo_catalogue()
        try:
            return read_catalogue(self._file.connection)
        except duckdb.Error as problem:
            raise self._to_archive_error(problem) from None

    def sources(self, deadline: float = inf) -> tuple[DataSource, ...]:  # noqa: ARG002
        """Return the data sources of the file. Raises Failed when they cannot be read."""
        return self._catalogue.sources

    def refresh_sources(self, deadline: float = inf) -> tuple[DataSource, ...]:
        """Return the data sources of the file, which are always current."""
        return self.sources(deadline)

    def details(self, deadline: float = inf) -> Mapping[int, SourceDetails]:
        """Return schemas from the file's metadata keys, and what `serve` stored of each source. Raises ArchiveError."""
        with self._cache_lock:
            if self._details is None:
                with self.reading(deadline) as cursor:
                    self._details = read_details(cursor, self.catalogue())
            return self._details

    def statistics(self, kind: str, deadline: float = inf) -> Mapping[int, Statistics]:
        """Count the records of each source in the file. Raises ArchiveError."""
        with self._cache_lock:
            if kind not in self._statistics:
                with self.reading(deadline) as cursor:
                    rows = cursor.execute(_STATISTICS[kind]).fetchall()
                counted = {source: Statistics(count, first, last) for source, count, first, last in rows}
                empty = Statistics(0)
                self._statistics[kind] = {source.identifier: empty for source in self.catalogue().sources} | counted
            return self._statistics[kind]

    def availability(self, kind: str, first: date, last: date, only: Mapping[str, str], deadline: float) -> list[Row]:
        """Count the records of each source and day in the file. Raises TimedOut or Failed."""
        days = [datetime(first.year, first.month, first.day), datetime(last.year, last.month, last.day) + _DAY]
        lists = [only.get(name) for name in ("program", "platform", "instrument_type")]
        with self.reading(deadline) as cursor:
            return cursor.execute(_AVAILABILITY[kind], [*days, *lists]).fetchall()

    @contextmanager
    def reading(self, deadline: float) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a cursor for SQL queries that is interrupted at the deadline. Raises TimedOut or Failed."""
        try:
            with (
                self._file.connection.cursor() as cursor,
                QueryInterrupter(cursor, threading.Event(), deadline),
                raise_keyboard_interrupt(),
            ):
                yield cursor
        except duckdb.InterruptException:
            hint = "increase the timeout, or count fewer days"
            raise TimedOut(
                "the deadline passed before all records were counted", archive=self.name, hint=hint
            ) from None
        except duckdb.Error as problem:
            raise self._to_archive_error(problem) from None

    @contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a cursor in a transaction on a catalogue that was opened `writable`; errors roll it back.

        One transaction runs at a time. Concurrent searches see the state at their start. Raises Failed.
        """
        try:
            with self._write_lock, self._file.connection.cursor() as cursor:
                cursor.begin()
                try:
                    yield cursor
                    cursor.commit()
                except BaseException:
                    cursor.rollback()
                    raise
                self.__dict__["_catalogue"] = read_catalogue(cursor)
                with self._cache_lock:
                    self._details, self._statistics = None, {}
        except duckdb.Error as problem:
            raise self._to_archive_error(problem) from None

    def attach(self, request_id: str, deadline: float = inf) -> tuple[Plan, EmbeddedRun]:  # noqa: ARG002
        """Raise Refused: searches of this engine end with their session."""
        hint = "FETCH takes the name of a SUBMIT of this session"
        raise Refused("it does not keep searches", archive=self.name, request_id=request_id, hint=hint)

    def estimates(self, requests: Sequence[Request]) -> Sequence[None]:
        """Return None for each request: the spans are computed from the catalogue's sources."""
        return [None] * len(requests)

    def describe(self, request: Request) -> None:
        """Return None: the sentence is AuroraX's, and `codecs.sentence` prints it."""

    def submit(self, plan: Plan, *, awaited: bool = False) -> EmbeddedRun:  # noqa: ARG002
        """Create a run, which the first `wait` executes. Raises Refused for a kind that catalogues do not hold."""
        if plan.query.kind not in STORED_KINDS:
            kinds = ", ".join(STORED_KINDS)
            raise Refused(f"it contains no {plan.query.kind}", archive=self.name, hint=f"a catalogue contains {kinds}")
        run = EmbeddedRun(plan, self._file.connection, self.name, self._to_archive_error)
        self._runs = [*(r for r in self._runs if not r.is_over or not r.idle.is_set()), run]
        return run

    def close(self) -> None:
        """Cancel running queries and close the file."""
        for run in self._runs:
            run.cancel()
        # DuckDB cannot close a connection in use, and a process that exits during a query aborts.
        deadline = time.monotonic() + _CLOSING_SECONDS
        for run in self._runs:
            run.idle.wait(max(deadline - time.monotonic(), 0))
        # The file may never have been opened, or DuckDB ignores the interrupt and ends with the process.
        with suppress(duckdb.Error, AuroraQLError):
            self._file.connection.close()

    def _to_archive_error(self, problem: duckdb.Error, request_id: str = "") -> ArchiveError:
        """Convert a DuckDB error to an ArchiveError; schedule a damaged demonstration to be built again."""
        hint = ""
        if isinstance(problem, duckdb.OutOfMemoryException) or _is_about_spilling(problem):
            return OutOfMemory(
                _exhausted_resource(problem), archive=self.name, request_id=request_id, hint=_NARROW_HINT
            )
        if _is_damage(problem):
            hint = "the file is damaged: restore it or build it again"
            if self._demo:
                _delete_demo(self._cache_dir)
                hint = "the demonstration catalogue is damaged and will be rebuilt on the next use"
        return Failed(first_error_line(problem), archive=self.name, request_id=request_id, hint=hint)


def _is_damage(problem: duckdb.Error) -> bool:
    """Return whether an error indicates a damaged file. A wrong checksum raises a bare duckdb.Error."""
    classes = (duckdb.IOException, duckdb.FatalException, duckdb.InternalException, duckdb.SerializationException)
    return type(problem) is duckdb.Error or isinstance(problem, classes)


class OutOfMemory(Failed):
    """A query that exceeded the memory and disk space that DuckDB may use."""


_NARROW_HINT = "narrow the search: a shorter time window, fewer sources, or fewer columns"


def _exhausted_resource(problem: duckdb.Error) -> str:
    """Describe the exhausted resource. DuckDB's own advice names settings that users cannot change."""
    text = str(problem)
    if _is_about_spilling(problem):
        return "the search exceeds the memory limit, and the rest of its data cannot be written to disk"
    if "max_temp_directory_size" in text:
        return "the search exceeds the memory limit and the disk space limit"
    return "the search exceeds the memory limit"


def _is_about_spilling(problem: duckdb.Error) -> bool:
    """Return whether the spill folder failed (full disk, deleted folder), not the catalogue."""
    text = str(problem)
    return isinstance(problem, duckdb.IOException) and ("No space left" in text or f"{os.sep}{SPILL_PREFIX}" in text)


_RUNS: set[EmbeddedRun] = set()
"""Runs that DuckDB is executing, on any thread."""

_INTERPRETER_EXITS = threading.Event()


@atexit.register
def _stop_all() -> None:
    """Stop running queries before the interpreter exits: a process that exits during a query aborts."""
    _INTERPRETER_EXITS.set()
    deadline = time.monotonic() + _CLOSING_SECONDS
    runs = list(_RUNS)
    for run in runs:
        run.cancel()
    for run in runs:
        run.idle.wait(max(deadline - time.monotonic(), 0))


class EmbeddedRun:
    """One query on a catalogue. `wait` runs it in the calling thread; other threads may call `cancel`."""

    def __init__(
        self,
        plan: Plan,
        connection: duckdb.DuckDBPyConnection,
        archive: str,
        failure: Callable[[duckdb.Error, str], ArchiveError],
    ) -> None:
        self._plan = plan
        self._archive = archive
        self._failure = failure
        self._connection = connection
        self._id = str(uuid.uuid4())
        self._began = time.monotonic()
        self.idle = threading.Event()
        """Set while DuckDB does not execute the run."""
        self.idle.set()
        # Aggregates without groups have a row even if no record can match.
        is_known = plan.is_empty and (bool(plan.query.group_by) or not plan.query.is_aggregate)
        self._rows: Sequence[Row] | None = () if is_known else None
        self._stop = threading.Event()
        self._cancelled = False
        self._paged = False
        self._logs: list[LogLine] = []
        self._log("debug", "No data source can match: nothing to search" if plan.is_empty else "Search request arrived")

    @property
    def request_ids(self) -> tuple[str, ...]:
        """Id of the run: it executes the whole query, whatever requests the plan has."""
        return () if self._plan.is_empty else (self._id,)

    @property
    def request_urls(self) -> tuple[str, ...]:
        """Empty: embedded runs have no addresses."""
        return ()

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to cancel."""
        return self._rows is not None or self._cancelled or self._paged

    def status(self) -> RunStatus:
        """Return the status; the number of rows is known after completion."""
        return RunStatus(self._rows is not None, None if self._rows is None else len(self._rows), tuple(self._logs))

    @property
    def last_status(self) -> RunStatus:
        """Current status."""
        return self.status()

    def progress(self) -> Progress:
        """Return the elapsed time and last log line."""
        return Progress(time.monotonic() - self._began, self._logs[-1].summary, 0, 0)

    def detach(self) -> bool:
        """Return False: the run ends with its process."""
        return False

    def wait(self, deadline: float) -> RunStatus:
        """Execute the query. Raises TimedOut, Cancelled or Failed."""
        if self._rows is None:
            began = time.monotonic()
            self._rows = self._execute(deadline)
            took = time.monotonic() - began
            self._log("info", f"Finished search in {took:.2f} seconds and found {len(self._rows)} records.")
        return self.status()

    def fetch(self, deadline: float) -> FetchedData:
        """Return the rows, in the order of the query's columns."""
        self.wait(deadline)
        return FetchedData(rows=self._rows)

    def cancel(self, *, patient: bool = False) -> None:  # noqa: ARG002
        """Interrupt the query, or prevent its start; do nothing once it is done."""
        if self._rows is None:
            self._cancelled = True
            self._stop.set()

    def pages(self, deadline: float, size: int) -> Iterator[list[Row]]:
        """Yield the rows in lists of `size`, objects as JSON text, without holding the result in memory.

        Replaces `wait` and `fetch`. Raises TimedOut, Cancelled, OutOfMemory or Failed.
        """
        self._raise_if_over(deadline)
        if self._rows is not None:
            return
        statement = self._compile(result_columns(self._plan.query))
        self._begin()
        try:
            with (
                self._connection.cursor() as cursor,
                QueryInterrupter(cursor, self._stop, deadline),
                raise_keyboard_interrupt(),
            ):
                cursor.execute(statement.sql, list(statement.parameters))
                while rows := cursor.fetchmany(size):
                    yield rows
                    self._raise_if_over(deadline)
        except duckdb.InterruptException as problem:
            self._raise_if_over(deadline)
            raise self._failure(problem, self._id) from None
        except duckdb.Error as problem:
            raise self._failure(problem, self._id) from None
        finally:
            self._paged = True
            self._end()

    def _execute(self, deadline: float) -> list[Row]:
        self._raise_if_over(deadline)
        columns = result_columns(self._plan.query)
        statement = self._compile(columns)
        self._begin()
        try:
            with (
                self._connection.cursor() as cursor,
                QueryInterrupter(cursor, self._stop, deadline),
                raise_keyboard_interrupt(),
            ):
                cursor.execute(statement.sql, list(statement.parameters))
                rows: list[Row] = []
                while batch := cursor.fetchmany(_ROWS_PER_FETCH):
                    rows += decode_rows(batch, columns)
        except duckdb.InterruptException as problem:
            self._raise_if_over(deadline)
            raise self._failure(problem, self._id) from None
        except duckdb.Error as problem:
            self._log("error", first_error_line(problem))
            raise self._failure(problem, self._id) from None
        finally:
            self._end()
        return rows

    def _compile(self, columns: Sequence[ResultColumn]) -> SqlText:
        return compile_query(self._plan.query, [column.path for column in columns], DUCKDB, self._plan.source_facts)

    def _begin(self) -> None:
        """Register the running query. Raises Cancelled when the interpreter exits."""
        self.idle.clear()
        _RUNS.add(self)
        if _INTERPRETER_EXITS.is_set():
            self._end()
            raise Cancelled("AuroraQL is exiting", archive=self._archive, request_id=self._id)

    def _end(self) -> None:
        _RUNS.discard(self)
        self.idle.set()

    def _raise_if_over(self, deadline: float) -> None:
        if self._cancelled:
            raise Cancelled("on request", archive=self._archive, request_id=self._id)
        if time.monotonic() >= deadline:
            self._cancelled = True
            raise TimedOut(
                "the deadline passed before the query finished",
                archive=self._archive,
                request_id=self._id,
                hint="increase the timeout, or narrow the search",
            )

    def _log(self, level: str, summary: str) -> None:
        now = datetime.now(UTC).replace(tzinfo=None)
        self._logs.append(LogLine(level, summary, now.isoformat(timespec="microseconds")))
