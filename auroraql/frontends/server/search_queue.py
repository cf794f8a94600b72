"""Searches from their arrival to their result: planned at once, run by a few workers, each with its log.

A search that is over, however it ended, is in the store; only those that wait or run are here.
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
from auroraql.engines.duckdb.engine import EmbeddedEngine, EmbeddedRun, OutOfMemory
from auroraql.frontends.server import search_logs
from auroraql.frontends.server.admission import Admission
from auroraql.frontends.server.gzip_io import GzipFile, compressing
from auroraql.frontends.server.http_types import Document, HttpError, archive_error_reason, utc_now
from auroraql.frontends.server.memory_release import release_memory
from auroraql.frontends.server.query_documents import QueryDocument
from auroraql.frontends.server.record_lines import BARE, WRAPPED, LineWriter, SpoolFiles, close_on_error
from auroraql.frontends.server.result_store import ResultStore, ResultTooLarge, is_request_id
from auroraql.frontends.server.window_slices import WindowSlicer
from auroraql.ir.plan import Plan
from auroraql.results.result_set import Row, result_columns
from auroraql.schema import PROTOCOLS
from auroraql.schema.catalogue import DataSource

_PAGE = 2000
"""How many records are held at once."""

_MOST_WAITING = 256

_IDLE_SECONDS = 2.0
"""Seconds without a search, after which memory is released."""


@dataclass(slots=True)
class SearchJob:
    """One search that waits or runs."""

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
        """What it finds."""
        return self.query.request.kind

    def pages(self, engine: EmbeddedEngine, slices: WindowSlicer, deadline: float) -> Iterator[list[Row]]:
        """Its records, so many at a time. Raises ArchiveError."""
        for part in slices.slice_plan(self.plan, deadline):
            self._run = run = engine.submit(part)
            if self._cancelled:
                run.cancel()
            yield from run.pages(deadline, _PAGE)

    def cancel(self) -> None:
        """Stops it, whether it has begun or not."""
        self._cancelled = True
        if self._run is not None:
            self._run.cancel()

    def seconds(self) -> float:
        """How long ago it arrived."""
        return (utc_now() - self.requested).total_seconds()

    def log(self, level: str, summary: str) -> None:
        """Add a line to the log."""
        self.logs.append({"level": level, "summary": summary, "timestamp": utc_now().isoformat()})

    def log_all(self, lines: Iterable[search_logs.Line]) -> None:
        """Add lines to the log."""
        for line in lines:
            self.log(*line)

    def status(self, result: Document | None = None) -> Document:
        """Its status as the service tells it; `result` is known once it is over."""
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
        """What came of it. A failed search has a data_uri too: pyaurorax waits for one for ever."""
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
    """All searches of a server. `timeout` is in seconds; thread-safe."""

    def __init__(self, engine: EmbeddedEngine, store: ResultStore, *, timeout: float, workers: int) -> None:
        self._engine, self.store, self._timeout = engine, store, timeout
        self.spools = SpoolFiles(store.disk)
        self._turns, self._slices = Admission(), WindowSlicer(engine)
        self._lock = threading.Lock()
        self._running: dict[str, SearchJob] = {}
        self._waiting: queue.SimpleQueue[SearchJob | None] = queue.SimpleQueue()
        self._closing = self._is_memory_used = False
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def submit(self, query: QueryDocument, plan: Plan, address: str) -> SearchJob:
        """Take a search. Raises Problem when its id is wrong or taken, or too many wait."""
        request_id = _choose_request_id(query.document)
        search = SearchJob(request_id, query, plan, address)
        search.log(*search_logs.ARRIVED)
        with self._lock:
            if request_id in self._running or self.store.has(request_id):
                raise HttpError(409, f"there is a request '{request_id}' already", "Duplicate")
            if self._closing or len(self._running) >= _MOST_WAITING:
                raise HttpError(503, "too many searches wait: try again in a moment")
            self._running[request_id] = search
        self._waiting.put(search)
        return search

    def running(self, request_id: str, kind: str = "") -> SearchJob | None:
        """A search that waits or runs."""
        search = self._running.get(request_id)
        return search if search is not None and kind in ("", search.kind) else None

    def active(self) -> list[SearchJob]:
        """Every search that waits or runs."""
        with self._lock:
            return list(self._running.values())

    def status(self, request_id: str, kind: str) -> Document:
        """The status of a search. Raises Problem when there is none of that kind."""
        for _ in range(2):  # between the two looks it may have moved
            search = self.running(request_id, kind)
            document = search.status() if search is not None else self.store.status(request_id)
            if document is not None and document["search_request"]["request_type"] == PROTOCOLS[kind].request_type:
                return document
        raise HttpError(404, f"request ID not found: there is no {PROTOCOLS[kind].request_type} request '{request_id}'")

    def cancel(self, request_id: str) -> bool:
        """Stops a search and waits until it has stopped; whether there was one to stop."""
        search = self.running(request_id)
        if search is None:
            return False
        search.cancel()
        search.is_over.wait(5)
        return True

    def close(self) -> None:
        """Stops everything; what was running is kept as cancelled."""
        with self._lock:
            self._closing = True
            left = list(self._running.values())
        for search in left:
            search.cancel()
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join(5)

    def search_synchronously(self, plan: Plan, deadline: float) -> GzipFile:
        """The records of a plan, searched in the calling thread, as an array in a packed file. Raises ArchiveError."""

        def written() -> GzipFile:
            file, size = self.spools.open(), 0
            with close_on_error(file), compressing(file.write) as write:

                def counted(data: bytes) -> None:
                    nonlocal size
                    size += len(data)
                    write(data)

                parts = self._slices.slice_plan(plan, deadline)
                pages = (page for part in parts for page in self._engine.submit(part).pages(deadline, _PAGE))
                _write_records(pages, plan, counted, BARE)
            file.seek(0)
            return GzipFile(file, size)

        self._is_memory_used = True
        return self._turns.run(written, deadline)

    def _work(self) -> None:
        while (search := self._next()) is not None:
            try:
                result = self._run_search(search)
                self.store.finish(search.request_id, search.status(result), search.address)
            except Exception as problem:
                if not isinstance(problem, OSError):
                    traceback.print_exc(file=sys.stderr)
                why = problem.strerror if isinstance(problem, OSError) else "there was an application error"
                search.log("error", f"The result cannot be kept: {why}")
                status = search.status(search.result(failed=True))
                self.store.finish_without_space(search.request_id, status, search.address)
            finally:
                with self._lock:
                    self._running.pop(search.request_id, None)
                search.is_over.set()

    def _next(self) -> SearchJob | None:
        """The next search, or None when the server closes. Memory is released while nothing is to be done."""
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
        """Runs a search and writes its records; gives back what came of it."""
        try:
            count, size = self._turns.run(lambda: self._write_result(search), time.monotonic() + self._timeout)
        except Cancelled:
            search.log("error", "The search request was cancelled")
        except ResultTooLarge:
            search.log("error", "The result is larger than the space this server keeps for results")
        except OSError as problem:
            search.log("error", f"The result cannot be written: {problem.strerror}")
        except OutOfMemory:
            search.log("error", "The search needs more memory than this server has for it (--memory)")
        except AuroraQLError as problem:
            search.log("error", f"The search failed: {archive_error_reason(problem)}")
        except HttpError as problem:
            search.log("error", f"The search failed: {problem}")
        except Exception:
            # Not for the caller's eyes, and nothing that may take a worker away.
            traceback.print_exc(file=sys.stderr)
            search.log("error", "There was an application error")
        else:
            return search.result(failed=False, count=count, size=size)
        return search.result(failed=True)

    def _write_result(self, search: SearchJob) -> tuple[int, int]:
        began = time.monotonic()
        search.log_all(search_logs.starting_lines(search.query, search.request_id))
        steps = _StepLog(search, began)
        with self.store.writing(search.request_id) as writer:
            pages = search.pages(self._engine, self._slices, began + self._timeout)
            count = _write_records(steps.log_pages(pages), search.plan, writer.write, WRAPPED)
        steps.log_end(count, writer.size, self._engine.sources())
        return count, writer.size


class _StepLog:
    """Logs the steps of a search while its pages pass."""

    def __init__(self, search: SearchJob, began: float) -> None:
        self._search, self._began, self._queried = search, began, began
        is_conjunction = search.kind == "conjunctions"
        columns = result_columns(search.plan.query)
        self._intervals = search_logs.IntervalCounter(search.query, columns) if is_conjunction else None

    def log_pages(self, pages: Iterator[list[Row]]) -> Iterator[list[Row]]:
        """The pages; the query is finished when the first is there."""
        page = next(pages, [])
        self._queried = time.monotonic()
        self._search.log_all(search_logs.writing_lines(self._search.kind, self._queried - self._began))
        while page:
            if self._intervals is not None:
                self._intervals.count(page)
            yield page
            page = next(pages, [])

    def log_end(self, count: int, size: int, sources: Sequence[DataSource]) -> None:
        """What was found and written, of how many bytes."""
        now = time.monotonic()
        if self._intervals is not None:
            self._search.log_all(self._intervals.lines(sources))
        self._search.log_all(search_logs.written_lines(self._search.kind, count, now - self._queried))
        self._search.log_all(search_logs.finished_lines(size, count, now - self._began))


def _write_records(
    pages: Iterator[list[Row]], plan: Plan, write: Callable[[bytes], object], around: tuple[bytes, bytes]
) -> int:
    """Writes a result, page by page, between an opening and a closing; gives back how many records it has."""
    lines, count = LineWriter(result_columns(plan.query)), 0
    write(around[0])
    for page in pages:
        if page:
            write(((",\n" if count else "") + ",\n".join(lines.lines(page))).encode())
        count += len(page)
    write(around[1])
    return count


def _choose_request_id(document: Document) -> str:
    """The id that the caller chose, or a new one. Raises Problem for one that cannot be."""
    chosen = document.get("request_id")
    if chosen is None:
        return str(uuid.uuid4())
    if not isinstance(chosen, str) or not is_request_id(chosen):
        raise HttpError(400, "a request_id has up to 100 letters, digits, dots, dashes and underscores")
    return chosen
