"""The embedded archive: a DuckDB catalogue, either the demonstration or a user's file, asked in SQL.

A plan's Query is run whole, in one statement; its requests and residual are not needed here.
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

from auroraql.archives.base import EMBEDDED, Capabilities, LogLine, Progress, Status
from auroraql.archives.catalogue_file import (
    CatalogueFile,
    Config,
    Interrupter,
    first_line,
    interruptible,
    open_catalogue,
    read_catalogue,
    read_details,
)
from auroraql.archives.demo import catalogue as demonstrated
from auroraql.archives.demo.place import NAME, cached_file
from auroraql.archives.demo.store import forget, open_demo
from auroraql.archives.file_opening import Opening
from auroraql.errors import ArchiveError, AuroraQLError, Cancelled, Failed, Refused, TimedOut
from auroraql.plan import Plan, Request
from auroraql.results import Fetched, Row, result_columns
from auroraql.schema.catalogue import Catalogue, DataSource, SourceDetails, Statistics
from auroraql.spill import SPILL_PREFIX
from auroraql.sql.layout import HELD
from auroraql.sql.rows import decoded
from auroraql.sql.statement import compile_query

_DAY = timedelta(days=1)

_PIECE = 10_000
"""So many rows are read at once: no more of them than these are held as DuckDB gives them and as results have them."""

_CLOSING_SECONDS = 5.0
"""How long closing waits for DuckDB to hear that it is interrupted."""

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
"""How many records there are of each source and day."""


_STATISTICS = {
    "data_products": 'SELECT data_source, count(*), min("start"), max("end") FROM data_products GROUP BY ALL',
    "ephemeris": "SELECT data_source, count(*), min(epoch), max(epoch) FROM ephemeris GROUP BY ALL",
}


class EmbeddedEngine:
    """A catalogue file, or the demonstration catalogue when no path is given.

    `cache_dir` is where the demonstration is kept (None: the user's cache directory); `say` is told, in one
    line, what takes a while. `config` are settings of DuckDB; `deadline`, in seconds of `time.monotonic`, is for opening
    a user's file. Raises UsageError for a file that is no catalogue, Unreachable for one that cannot be read or is in
    use, TimedOut. A user's file is never changed, unless it is opened `writable`: then `writing` changes it, and no
    other process has it open meanwhile.
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
        self._writing, self._knowing = threading.Lock(), threading.Lock()
        self._demo = path is None
        self._name = NAME if path is None else str(path)
        self._opening = Opening(
            lambda: (
                open_demo(cache_dir, say, config)
                if path is None
                else open_catalogue(Path(path), writable=writable, config=config, deadline=deadline)
            )
        )
        self._runs: list[EmbeddedRun] = []
        self._details: Mapping[int, SourceDetails] | None = None
        self._statistics: dict[str, Mapping[int, Statistics]] = {}
        if path is None and cached_file(cache_dir).is_file():
            # DuckDB takes 20 ms to open a file, and needs no Python for it: the statement is read meanwhile.
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
        """It runs whole queries; whether its records are made up is written in the file."""
        return replace(EMBEDDED, demonstration=self._demo or self._file.demonstration)

    def catalogue(self) -> Catalogue:
        """The data sources and metadata keys of the file. Raises Failed when they cannot be read."""
        return self._catalogue

    @cached_property
    def _catalogue(self) -> Catalogue:
        if self._demo:
            # The facts that the demonstration was made from, which are quicker to read; a test compares them.
            return demonstrated()
        try:
            return read_catalogue(self._file)
        except duckdb.Error as problem:
            raise self._failure(problem) from None

    def sources(self, deadline: float = inf) -> tuple[DataSource, ...]:  # noqa: ARG002
        """The data sources of the file. Raises Failed when they cannot be read."""
        return self._catalogue.sources

    def refresh_sources(self, deadline: float = inf) -> tuple[DataSource, ...]:
        """Those of the file, which are always as it has them."""
        return self.sources(deadline)

    def details(self, deadline: float = inf) -> Mapping[int, SourceDetails]:
        """Those of the file: schemas from its metadata keys, and what `serve` was sent of a source. Raises ArchiveError."""
        with self._knowing:
            if self._details is None:
                with self.asking(deadline) as cursor:
                    self._details = read_details(cursor, self.catalogue())
            return self._details

    def statistics(self, kind: str, deadline: float = inf) -> Mapping[int, Statistics]:
        """Counted in the file. Raises ArchiveError."""
        with self._knowing:
            if kind not in self._statistics:
                with self.asking(deadline) as cursor:
                    rows = cursor.execute(_STATISTICS[kind]).fetchall()
                counted = {source: Statistics(count, first, last) for source, count, first, last in rows}
                none = Statistics(0)
                self._statistics[kind] = {each.identifier: none for each in self.catalogue().sources} | counted
            return self._statistics[kind]

    def availability(self, kind: str, first: date, last: date, only: Mapping[str, str], deadline: float) -> list[Row]:
        """Counted in the file. Raises TimedOut or Failed."""
        days = [datetime(first.year, first.month, first.day), datetime(last.year, last.month, last.day) + _DAY]
        lists = [only.get(name) for name in ("program", "platform", "instrument_type")]
        with self.asking(deadline) as cursor:
            return cursor.execute(_AVAILABILITY[kind], [*days, *lists]).fetchall()

    @contextmanager
    def asking(self, deadline: float) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to ask the catalogue in SQL, until the deadline. Raises TimedOut or Failed."""
        try:
            with (
                self._file.connection.cursor() as cursor,
                Interrupter(cursor, threading.Event(), deadline),
                interruptible(),
            ):
                yield cursor
        except duckdb.InterruptException:
            hint = "allow more time, or ask for fewer days"
            raise TimedOut("the deadline passed before all was counted", archive=self.name, hint=hint) from None
        except duckdb.Error as problem:
            raise self._failure(problem) from None

    @contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to change a catalogue that was opened `writable`: all that is done with it is kept, or nothing.

        One at a time; searches go on meanwhile, and see what was there when they began. Raises Failed.
        """
        try:
            with self._writing, self._file.connection.cursor() as cursor:
                cursor.begin()
                try:
                    yield cursor
                    cursor.commit()
                except BaseException:
                    cursor.rollback()
                    raise
                self.__dict__["_catalogue"] = read_catalogue(replace(self._file, connection=cursor))
                with self._knowing:
                    self._details, self._statistics = None, {}
        except duckdb.Error as problem:
            raise self._failure(problem) from None

    def attach(self, request_id: str, deadline: float = inf) -> tuple[Plan, EmbeddedRun]:  # noqa: ARG002
        """Raises Refused: a search here is over with the session that runs it."""
        hint = "FETCH takes the name of a SUBMIT of this session"
        raise Refused("it keeps no searches", archive=self.name, request_id=request_id, hint=hint)

    def estimates(self, requests: Sequence[Request]) -> Sequence[None]:
        """None: what they span is known from its own sources."""
        return [None] * len(requests)

    def describe(self, request: Request) -> None:
        """None: the sentence is AuroraX's, and worded by `forms.sentence`."""

    def submit(self, plan: Plan, *, awaited: bool = False) -> EmbeddedRun:  # noqa: ARG002
        """Takes a plan; it is run by the first `wait`. Raises Refused for a kind that catalogues do not hold."""
        if plan.query.kind not in HELD:
            kinds = ", ".join(HELD)
            raise Refused(f"it holds no {plan.query.kind}", archive=self.name, hint=f"a catalogue holds {kinds}")
        run = EmbeddedRun(plan, self._file.connection, self.name, self._failure)
        self._runs = [*(r for r in self._runs if not r.over or not r.idle.is_set()), run]
        return run

    def close(self) -> None:
        """Cancels what is under way and closes the file."""
        for run in self._runs:
            run.cancel()
        # DuckDB closes nothing that is in use, and no process ends well in the midst of it.
        deadline = time.monotonic() + _CLOSING_SECONDS
        for run in self._runs:
            run.idle.wait(max(deadline - time.monotonic(), 0))
        # It was never opened; or DuckDB does not hear the interrupt, and ends with the process.
        with suppress(duckdb.Error, AuroraQLError):
            self._file.connection.close()

    def _failure(self, problem: duckdb.Error, request_id: str = "") -> ArchiveError:
        """What DuckDB could not do, said as the archive's failure; a damaged demonstration is built anew."""
        hint = ""
        if isinstance(problem, duckdb.OutOfMemoryException) or _is_about_spilling(problem):
            return OutOfMemory(_out_of(problem), archive=self.name, request_id=request_id, hint=_NARROWER)
        if _shows_damage(problem):
            hint = "the file is damaged: restore it or build it again"
            if self._demo:
                forget(self._cache_dir)
                hint = "the demonstration catalogue was damaged and is built again the next time"
        return Failed(first_line(problem), archive=self.name, request_id=request_id, hint=hint)


def _shows_damage(problem: duckdb.Error) -> bool:
    """A wrong checksum is a bare duckdb.Error; what is beyond it has classes of its own."""
    classes = (duckdb.IOException, duckdb.FatalException, duckdb.InternalException, duckdb.SerializationException)
    return type(problem) is duckdb.Error or isinstance(problem, classes)


class OutOfMemory(Failed):
    """A query that needed more memory, and more space on disk, than DuckDB may take."""


_NARROWER = "narrow the search: a shorter time window, fewer sources, or fewer columns"


def _out_of(problem: duckdb.Error) -> str:
    """What there was too little of; DuckDB's own advice is about settings that nobody here can change."""
    text = str(problem)
    if _is_about_spilling(problem):
        return "the search needs more memory than it may take, and what does not fit cannot be written to disk"
    if "max_temp_directory_size" in text:
        return "the search needs more memory, and more disk space for what does not fit in it, than it may take"
    return "the search needs more memory than it may take"


def _is_about_spilling(problem: duckdb.Error) -> bool:
    """Whether the folder for spilled data failed (a full disk, a folder that is gone), and not the catalogue."""
    text = str(problem)
    return isinstance(problem, duckdb.IOException) and ("No space left" in text or f"{os.sep}{SPILL_PREFIX}" in text)


_running: set[EmbeddedRun] = set()
"""The runs that DuckDB is at work for, in whatever thread."""

_ending = threading.Event()


@atexit.register
def _stop_all() -> None:
    """Stop what is under way before the interpreter ends: DuckDB aborts a process that ends in the middle of a query."""
    _ending.set()
    deadline = time.monotonic() + _CLOSING_SECONDS
    runs = list(_running)
    for run in runs:
        run.cancel()
    for run in runs:
        run.idle.wait(max(deadline - time.monotonic(), 0))


class EmbeddedRun:
    """One query on a catalogue; `wait` runs it in the calling thread, `cancel` may come from any other."""

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
        """Set while DuckDB is not at work for it."""
        self.idle.set()
        # How many there are is told of none, too.
        is_known = plan.empty and (bool(plan.query.group_by) or not plan.query.aggregates)
        self._rows: Sequence[Row] | None = () if is_known else None
        self._stop = threading.Event()
        self._cancelled = False
        self._paged = False
        self._logs: list[LogLine] = []
        self._log("debug", "No data source can match: nothing to search" if plan.empty else "Search request arrived")

    @property
    def request_ids(self) -> tuple[str, ...]:
        """The run's own id: a query is run whole, however many requests its plan has."""
        return () if self._plan.empty else (self._id,)

    @property
    def request_urls(self) -> tuple[str, ...]:
        """None: what runs here has no address."""
        return ()

    @property
    def over(self) -> bool:
        """Whether there is nothing left to cancel."""
        return self._rows is not None or self._cancelled or self._paged

    def status(self) -> Status:
        """Where it stands; the number of rows is known once it is done."""
        return Status(self._rows is not None, None if self._rows is None else len(self._rows), tuple(self._logs))

    @property
    def known(self) -> Status:
        """The same."""
        return self.status()

    def progress(self) -> Progress:
        """How long it has taken."""
        return Progress(time.monotonic() - self._began, self._logs[-1].summary, 0, 0)

    def leave(self) -> bool:
        """False: it is over with the process that runs it."""
        return False

    def wait(self, deadline: float) -> Status:
        """Runs the query. Raises TimedOut, Cancelled or Failed."""
        if self._rows is None:
            began = time.monotonic()
            self._rows = self._execute(deadline)
            took = time.monotonic() - began
            self._log("info", f"Finished search in {took:.2f} seconds and found {len(self._rows)} records.")
        return self.status()

    def fetch(self, deadline: float) -> Fetched:
        """The rows, as flat as the query's columns."""
        self.wait(deadline)
        return Fetched(rows=self._rows)

    def cancel(self, *, patient: bool = False) -> None:  # noqa: ARG002
        """Interrupts the query, or keeps it from being run; does nothing once it is done."""
        if self._rows is None:
            self._cancelled = True
            self._stop.set()

    def pages(self, deadline: float, size: int) -> Iterator[list[Row]]:
        """The rows as DuckDB has them, objects as JSON text, so many at a time; a result need not fit in memory.

        In place of `wait` and `fetch`. Raises TimedOut, Cancelled, OutOfMemory or Failed.
        """
        self._raise_if_over(deadline)
        if self._rows is not None:
            return
        statement = compile_query(self._plan.query, [c.path for c in result_columns(self._plan.query)])
        self._begin()
        try:
            with self._connection.cursor() as cursor, Interrupter(cursor, self._stop, deadline), interruptible():
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
        statement = compile_query(self._plan.query, [c.path for c in columns])
        self._begin()
        try:
            with self._connection.cursor() as cursor, Interrupter(cursor, self._stop, deadline), interruptible():
                cursor.execute(statement.sql, list(statement.parameters))
                rows: list[Row] = []
                while some := cursor.fetchmany(_PIECE):
                    rows += decoded(some, columns)
        except duckdb.InterruptException as problem:
            self._raise_if_over(deadline)
            raise self._failure(problem, self._id) from None
        except duckdb.Error as problem:
            self._log("error", first_line(problem))
            raise self._failure(problem, self._id) from None
        finally:
            self._end()
        return rows

    def _begin(self) -> None:
        """Note that DuckDB is at work. Raises Cancelled when the interpreter ends."""
        self.idle.clear()
        _running.add(self)
        if _ending.is_set():
            self._end()
            raise Cancelled("the program ends", archive=self._archive, request_id=self._id)

    def _end(self) -> None:
        _running.discard(self)
        self.idle.set()

    def _raise_if_over(self, deadline: float) -> None:
        if self._cancelled:
            raise Cancelled("as it was told to", archive=self._archive, request_id=self._id)
        if time.monotonic() >= deadline:
            self._cancelled = True
            raise TimedOut(
                "the deadline passed before the query was done",
                archive=self._archive,
                request_id=self._id,
                hint="allow more time, or narrow the search",
            )

    def _log(self, level: str, summary: str) -> None:
        now = datetime.now(UTC).replace(tzinfo=None)
        self._logs.append(LogLine(level, summary, now.isoformat(timespec="microseconds")))
