"""Queue of search jobs: a few worker threads run them, write their results and keep a log of each.

The queue holds waiting and running searches. Finished ones, successful or not, are in the result store.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from auroraql.diagnostics.errors import AuroraQLError, Cancelled
from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine, EmbeddedRun, OutOfMemory
from auroraql.frontends.server import search_logs
from auroraql.frontends.server.gzip_io import GzipFile, compressing
from auroraql.frontends.server.http_types import Document, HttpError, archive_error_reason, utc_now
from auroraql.frontends.server.memory import Admission, Result, release_memory
from auroraql.frontends.server.query_documents import QueryDocument
from auroraql.frontends.server.record_lines import BARE, WRAPPED, LineWriter, SpoolFiles, close_on_error
from auroraql.frontends.server.result_store import ResultStore, ResultTooLarge, is_request_id
from auroraql.frontends.server.window_slices import WindowSlicer
from auroraql.ir.plan import Plan
from auroraql.results.result_set import Row, result_columns
from auroraql.schema import PROTOCOLS
from auroraql.schema.catalogue import DataSource

_PAGE = 2000
"""Records held in memory at a time."""

_MAX_ACTIVE = 256

_IDLE_SECONDS = 2.0
"""Seconds without a search after which memory is released."""


@dataclass(slots=True)
class SearchJob:
    """Search that is waiting or running."""

    request_id: str
    query: QueryDocument
    plan: Plan
    address: str
    requested: datetime = field(default_factory=utc_now)
    logs: list[Document] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)
    _run: EmbeddedRun | None = None
    _cancelled: bool = False

    @property
    def kind(self) -> str:
        """Kind of record that the search returns."""
        return self.query.request.kind

    def pages(self, engine: EmbeddedEngine, slices: WindowSlicer, deadline: float) -> Iterator[list[Row]]:
        """Yield the records in pages. `deadline` is in monotonic seconds. Raises ArchiveError."""
        for part in slices.slice_plan(self.plan, deadline):
            self._run = run = engine.submit(part)
            if self._cancelled:
                run.cancel()
            yield from run.pages(deadline, _PAGE)

    def cancel(self) -> None:
        """Cancel the search, whether or not it has started."""
        self._cancelled = True
        if self._run is not None:
            self._run.cancel()

    def seconds(self) -> float:
        """Return the seconds since the search arrived."""
        return (utc_now() - self.requested).total_seconds()

    def log(self, level: str, summary: str) -> None:
        """Add a line to the log."""
        self.logs.append({"level": level, "summary": summary, "timestamp": utc_now().isoformat()})

    def log_all(self, lines: Iterable[search_logs.Line]) -> None:
        """Add lines to the log."""
        for line in lines:
            self.log(*line)

    def status(self, result: Document | None = None) -> Document:
        """Return the status document. `result` is the result of a finished search."""
        pending = dict.fromkeys(_RESULT_FIELDS)
        return {
            "search_request": {
                "request_id": self.request_id,
                "query": self.query.document,
                "request_type": PROTOCOLS[self.kind].request_type,
                "requested": self.requested.isoformat(),
            },
            "search_result": {**pending, **(result or {})},
            "logs": list(self.logs),
        }

    def result(self, *, failed: bool, count: int = 0, size: int = 0) -> Document:
        """Return the result document. A failed search also has a data_uri: pyaurorax waits until there is one."""
        return {
            "data_uri": f"{PROTOCOLS[self.kind].request(self.request_id)}/data",
            "error_condition": failed,
            "result_count": count,
            "file_size": size,
            "query_duration": round(self.seconds() * 1000),
            "completed_timestamp": utc_now().isoformat(),
        }


_RESULT_FIELDS = (
    "data_uri",
    "result_count",
    "result_file_deleted_timestamp",
    "file_size",
    "completed_timestamp",
    "query_duration",
    "error_condition",
)


class SearchQueue:
    """Queue of a server's searches. `timeout` is in seconds. Thread-safe."""

    def __init__(self, engine: EmbeddedEngine, store: ResultStore, *, timeout: float, workers: int) -> None:
        self._engine, self.store, self._timeout = engine, store, timeout
        self.spools = SpoolFiles(store.disk)
        self._admission, self._slices = Admission(), WindowSlicer(engine)
        self._lock = threading.Lock()
        self._running: dict[str, SearchJob] = {}
        self._waiting: queue.SimpleQueue[SearchJob | None] = queue.SimpleQueue()
        self._closing = self._is_memory_used = False
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def submit(self, query: QueryDocument, plan: Plan, address: str) -> SearchJob:
        """Queue a search. Raises HttpError if its id is invalid or in use, or if the queue is full."""
        request_id = _choose_request_id(query.document)
        search = SearchJob(request_id, query, plan, address)
        search.log(*search_logs.ARRIVED)
        with self._lock:
            if request_id in self._running or self.store.has(request_id):
                raise HttpError(409, f"request '{request_id}' already exists", "Duplicate")
            if self._closing or len(self._running) >= _MAX_ACTIVE:
                raise HttpError(503, "too many searches are waiting: try again in a moment")
            self._running[request_id] = search
        self._waiting.put(search)
        return search

    def running(self, request_id: str, kind: str = "") -> SearchJob | None:
        """Return a waiting or running search, optionally of one kind, or None."""
        search = self._running.get(request_id)
        return search if search is not None and kind in ("", search.kind) else None

    def active(self) -> list[SearchJob]:
        """Return all waiting and running searches."""
        with self._lock:
            return list(self._running.values())

    def status(self, request_id: str, kind: str) -> Document:
        """Return the status of a search. Raises HttpError if there is no search of that kind and id."""
        for _ in range(2):  # the search may move to the store between the two lookups
            search = self.running(request_id, kind)
            document = search.status() if search is not None else self.store.status(request_id)
            if document is not None and document["search_request"]["request_type"] == PROTOCOLS[kind].request_type:
                return document
        raise HttpError(404, f"request ID not found: there is no {PROTOCOLS[kind].request_type} request '{request_id}'")

    def cancel(self, request_id: str) -> bool:
        """Cancel a search and wait until it has stopped. Return whether it was waiting or running."""
        search = self.running(request_id)
        if search is None:
            return False
        search.cancel()
        search.is_over.wait(5)
        return True

    def close(self) -> None:
        """Cancel all searches and stop the worker threads. The searches are stored as cancelled."""
        with self._lock:
            self._closing = True
            remaining = list(self._running.values())
        for search in remaining:
            search.cancel()
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join(5)

    def search_synchronously(self, plan: Plan, deadline: float) -> GzipFile:
        """Run a plan in the calling thread and return its records as a JSON array in a gzip file. Raises ArchiveError."""

        def write_file() -> GzipFile:
            file, size = self.spools.open(), 0
            with close_on_error(file), compressing(file.write) as write:

                def count_and_write(data: bytes) -> None:
                    nonlocal size
                    size += len(data)
                    write(data)

                parts = self._slices.slice_plan(plan, deadline)
                pages = (page for part in parts for page in self._engine.submit(part).pages(deadline, _PAGE))
                _write_records(pages, plan, count_and_write, BARE)
            file.seek(0)
            return GzipFile(file, size)

        return self.run_admitted(write_file, deadline)

    def run_admitted(self, work: Callable[[], Result], deadline: float) -> Result:
        """Run work in the calling thread when its memory is available. `deadline` is in monotonic seconds."""
        self._is_memory_used = True
        return self._admission.run(work, deadline)

    def _work(self) -> None:
        while (search := self._next()) is not None:
            try:
                result = self._run_search(search)
                self.store.finish(search.request_id, search.status(result), search.address)
            except Exception as problem:
                if not isinstance(problem, OSError):
                    traceback.print_exc(file=sys.stderr)
                reason = problem.strerror if isinstance(problem, OSError) else "there was an application error"
                search.log("error", f"The result cannot be stored: {reason}")
                status = search.status(search.result(failed=True))
                self.store.finish_without_space(search.request_id, status, search.address)
            finally:
                with self._lock:
                    self._running.pop(search.request_id, None)
                search.is_over.set()

    def _next(self) -> SearchJob | None:
        """Return the next search, or None when the server closes. Releases memory while the queue is idle."""
        while True:
            try:
                search = self._waiting.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    is_due = self._is_memory_used and not self._running
                    self._is_memory_used &= not is_due
                if is_due:
                    release_memory()
            else:
                self._is_memory_used = True
                return search

    def _run_search(self, search: SearchJob) -> Document:
        """Run a search, write its records and return its result document."""
        try:
            count, size = self._admission.run(lambda: self._write_result(search), time.monotonic() + self._timeout)
        except Cancelled:
            search.log("error", "The search request was cancelled")
        except ResultTooLarge:
            search.log("error", "The result is larger than the server's space for results (--disk)")
        except OSError as problem:
            search.log("error", f"The result cannot be written: {problem.strerror}")
        except OutOfMemory:
            search.log("error", "The search needs more memory than the server's limit (--memory)")
        except AuroraQLError as problem:
            search.log("error", f"The search failed: {archive_error_reason(problem)}")
        except HttpError as problem:
            search.log("error", f"The search failed: {problem}")
        except Exception:
            # Internal errors are not shown to clients and must not end the worker thread.
            traceback.print_exc(file=sys.stderr)
            search.log("error", "There was an application error")
        else:
            return search.result(failed=False, count=count, size=size)
        return search.result(failed=True)

    def _write_result(self, search: SearchJob) -> tuple[int, int]:
        started = time.monotonic()
        search.log_all(search_logs.starting_lines(search.query, search.request_id))
        search.log_all(search_logs.mirror_lines(search.plan.warnings))
        steps = _StepLog(search, started)
        with self.store.writing(search.request_id) as writer:
            pages = search.pages(self._engine, self._slices, started + self._timeout)
            count = _write_records(steps.log_pages(pages), search.plan, writer.write, WRAPPED)
        steps.log_end(count, writer.size, self._engine.sources())
        return count, writer.size


class _StepLog:
    """Logs the steps of a search while its pages are written."""

    def __init__(self, search: SearchJob, started: float) -> None:
        self._search, self._started, self._queried = search, started, started
        is_conjunction = search.kind == "conjunctions"
        columns = result_columns(search.plan.query)
        self._intervals = search_logs.IntervalCounter(search.query, columns) if is_conjunction else None

    def log_pages(self, pages: Iterator[list[Row]]) -> Iterator[list[Row]]:
        """Yield the pages. The query has finished when the first page arrives."""
        page = next(pages, [])
        self._queried = time.monotonic()
        self._search.log_all(search_logs.writing_lines(self._search.kind, self._queried - self._started))
        while page:
            if self._intervals is not None:
                self._intervals.count(page)
            yield page
            page = next(pages, [])

    def log_end(self, count: int, size: int, sources: Sequence[DataSource]) -> None:
        """Log the end of a search. `count` is the number of records, `size` the bytes written."""
        now = time.monotonic()
        if self._intervals is not None:
            self._search.log_all(self._intervals.lines(sources))
        self._search.log_all(search_logs.written_lines(self._search.kind, count, now - self._queried))
        self._search.log_all(search_logs.finished_lines(size, count, now - self._started))


def _write_records(
    pages: Iterator[list[Row]], plan: Plan, write: Callable[[bytes], object], around: tuple[bytes, bytes]
) -> int:
    """Write a result page by page between its opening and closing. Return the number of records."""
    lines, count = LineWriter(result_columns(plan.query)), 0
    write(around[0])
    for page in pages:
        if page:
            write(((",\n" if count else "") + ",\n".join(lines.lines(page))).encode())
        count += len(page)
    write(around[1])
    return count


def _choose_request_id(document: Document) -> str:
    """Return the request id from the document, or a new one. Raises HttpError for an invalid id."""
    chosen = document.get("request_id")
    if chosen is None:
        return str(uuid.uuid4())
    if not isinstance(chosen, str) or not is_request_id(chosen):
        raise HttpError(400, "a request_id has up to 100 letters, digits, dots, dashes and underscores")
    return chosen
