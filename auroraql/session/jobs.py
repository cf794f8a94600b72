"""Background jobs: a search from its submission to its result, and the poller that polls the submitted ones."""

from __future__ import annotations

import heapq
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, Generic, Literal, Protocol, TypeVar

from auroraql.diagnostics.errors import (
    ArchiveError,
    Cancelled,
    Refused,
    TimedOut,
    Unreachable,
    UsageError,
    make_visible,
    shorten,
)
from auroraql.engines.base import EngineRun, LogLine, OnProgress, Progress, RunStatus
from auroraql.ir.plan import Plan
from auroraql.resolver import ResolvedFind
from auroraql.results.result_set import FetchedData, ResultSet, Row
from auroraql.results.stored_results import StoredResult
from auroraql.session.analyzer import AnalyzedStatement
from auroraql.session.result_queries import post_process_fetched, stored_result_for, warn_of_unlisted_sources
from auroraql.session.settings import Settings
from auroraql.session.verbose_steps import VerboseSteps
from auroraql.session.web_links import WEB_PAGES, find_web_url

MAX_WORKERS = 4
"""Maximum number of jobs that are polled or run at the same time."""

MAX_IMMEDIATE_POLLS = 10
"""Maximum number of polls per second over all jobs."""


class PolledJob(Hashable, Protocol):
    """Background job, as the poller needs it."""

    def poll(self) -> float | None:
        """Poll the job, or run it. Return the seconds until the next poll, or None when finished."""


Job = TypeVar("Job", bound=PolledJob)


class JobPoller(Generic[Job]):
    """Polls jobs until they end; calls `on_end` with each on a worker thread."""

    def __init__(self, on_end: Callable[[Job], object]) -> None:
        self._on_end = on_end
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, Job]] = []
        self._jobs: set[Job] = set()
        """Jobs that have not ended."""
        self._polling: set[Job] = set()
        """Jobs that are being polled."""
        self._awaited: set[Job] = set()
        """Jobs that `poll_all` waits for."""
        self._poll_again: set[Job] = set()
        """Jobs that were being polled when `poll_all` was called, and are polled once more."""
        self._numbers = count()
        self._workers, self._closed = 0, False

    def add(self, job: Job) -> None:
        """Add a job, unless it is present."""
        with self._changed:
            is_new = job not in self._jobs
            self._jobs.add(job)
        if is_new:
            self._schedule(job, 0.0)

    def _schedule(self, job: Job, after: float) -> None:
        """Schedule a poll of a job after `after` seconds, and start a worker if necessary."""
        with self._changed:
            if self._closed:
                return
            heapq.heappush(self._due, (time.monotonic() + after, next(self._numbers), job))
            if self._workers < min(MAX_WORKERS, len(self._due) + len(self._polling)):
                self._workers += 1
                threading.Thread(target=self._work, name="auroraql-watching", daemon=True).start()
            self._changed.notify()

    def poll_all(self, seconds: float) -> None:
        """Poll every job now, and wait until that is done, at most `seconds`."""
        with self._changed:
            self._awaited, self._poll_again = {job for _, _, job in self._due} | self._polling, set(self._polling)
            self._due = [(0.0, number, job) for _, number, job in self._due]
            heapq.heapify(self._due)
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._awaited, seconds)

    def close(self) -> None:
        """Stop polling and calling `on_end`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _work(self) -> None:
        while (job := self._next_due()) is not None:
            try:
                self._poll_job(job)
            except Exception:  # an error of `on_end`: report it as threads do, and poll the other jobs
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))

    def _poll_job(self, job: Job) -> None:
        delay = job.poll()
        with self._changed:
            self._polling.discard(job)
            if delay is None:
                self._jobs.discard(job)
            elif job in self._poll_again:
                delay = 0.0
            else:
                delay = max(delay, (len(self._due) + 1) / MAX_IMMEDIATE_POLLS)
            if delay != 0.0:
                self._awaited.discard(job)
                self._changed.notify_all()
            self._poll_again.discard(job)
        if delay is not None:
            self._schedule(job, delay)
        elif not self._closed:
            self._on_end(job)

    def _next_due(self) -> Job | None:
        """Wait for the next due job. Return None, and end the worker, when there are no jobs."""
        with self._changed:
            while self._due and not self._closed:
                remaining = self._due[0][0] - time.monotonic()
                if remaining <= 0:
                    job = heapq.heappop(self._due)[2]
                    self._polling.add(job)
                    return job
                self._changed.wait(remaining)
            self._workers -= 1
            return None


State = Literal["running", "unreachable", "cancelling", "done", "failed", "cancelled"]

_OPEN_STATES = ("running", "unreachable", "cancelling")
"""States of a search that has not ended."""

_MAX_STATEMENT_SHOWN = 80
"""Characters of a statement that IPython shows."""

_TICK_SECONDS = 0.1
"""Seconds between progress reports to a waiting caller."""

_MIN_POLL_SECONDS, _MAX_POLL_SECONDS, _POLL_BACKOFF = 0.1, 2.5, 0.2
"""Delay between polls of a background search: minimum and maximum in seconds, and share of the elapsed time."""


@dataclass(frozen=True, slots=True)
class PlannedFind:
    """FIND with resolved result references, its plan, and the name and text with which its result is stored."""

    plan: Plan
    resolved: ResolvedFind
    name: str = ""
    statement_text: str = ""

    @property
    def searched(self) -> StoredResult | None:
        """Stored result whose rows are searched, if any."""
        return self.resolved.searched

    @property
    def stored(self) -> StoredResult:
        """Its result as a stored result, without rows."""
        return stored_result_for(self.name, self.resolved, self.statement_text)


class JobSession(Protocol):
    """Part of a session that a search needs."""

    @property
    def name(self) -> str:
        """Name of the archive in messages."""

    @property
    def settings(self) -> Settings:
        """Settings of the session, including the timeout."""

    @property
    def runs_when_awaited(self) -> bool:
        """Whether the engine runs a search only during `wait`."""

    @property
    def watch(self) -> OnProgress | None:
        """Progress callback of a waited-for search."""

    def on_wait_interrupted(self, search: Search, /) -> None:
        """Handle Ctrl-C during a wait for the search."""

    def result(
        self,
        plan: Plan,
        fetched: FetchedData,
        prepared: AnalyzedStatement,
        began: float,
        *,
        request_ids: tuple[str, ...],
    ) -> ResultSet:
        """Return the result of a statement."""


@contextmanager
def report_elapsed(watch: OnProgress | None, began: float) -> Iterator[None]:
    """Report the elapsed time of a statement without a search to `watch`, on a separate thread."""
    if watch is None:
        yield
        return
    ended = threading.Event()

    def report_time() -> None:
        with suppress(OSError):  # the terminal is closed
            while not ended.wait(_TICK_SECONDS):
                watch(Progress(time.monotonic() - began, "", 0, 0))

    reporter = threading.Thread(target=report_time, name="auroraql-elapsing", daemon=True)
    reporter.start()
    try:
        yield
    finally:
        ended.set()
        reporter.join()
        watch(None)


@dataclass(eq=False, slots=True)
class _Execution:
    """Execution of a search, up to its records if `whole`, with its outcome after the end."""

    deadline: float
    whole: bool
    is_over: threading.Event = field(default_factory=threading.Event)
    fetched: FetchedData | None = None
    error: BaseException | None = None


class Search:
    """A submitted search: its status, its log, and its result when it is done."""

    def __init__(
        self,
        session: JobSession,
        run: EngineRun,
        planned: PlannedFind,
        prepared: AnalyzedStatement,
        *,
        began: float | None = None,
        awaited: bool = False,
        steps: VerboseSteps | None = None,
    ) -> None:
        self._session, self._run, self._planned, self._prepared = session, run, planned, prepared
        self._steps = steps
        self._began = time.monotonic() if began is None else began
        self._started = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
        self._duration: float | None = None
        self._end_state: State | None = None
        self._error: ArchiveError | None = None
        self._problem = ""
        self._cancelling = False
        self._execution: _Execution | None = None
        self._result: ResultSet | None = None
        self._stored: StoredResult | None = None
        self._lock = threading.Lock()
        self._awaited = awaited  # its caller waits for it
        self.name = prepared.name
        """Name given by SUBMIT; empty without a name."""
        self.heeded = False
        """Whether a caller waited for the search or cancelled it, so that its end needs no notification."""

    def __repr__(self) -> str:
        name = f" {self.name}" if self.name else ""
        ids = f", request {', '.join(self.request_ids)}" if self.request_ids else ""
        return f"<Search{name}, {self.state} for {self.elapsed:.1f} s{ids}: {self.statement}>"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Print a short `repr` in IPython, which stores it in notebooks: without the elapsed time."""
        name = f" {self.name}" if self.name else ""
        ids = f", request {', '.join(self.request_ids)}" if self.request_ids else ""
        statement = make_visible(shorten(self.statement, _MAX_STATEMENT_SHOWN))
        printer.text(f"<Search{name}, {self.state}{ids}: {statement}>")

    @property
    def request_ids(self) -> tuple[str, ...]:
        """Request IDs of the archive."""
        return self._run.request_ids

    @property
    def request_urls(self) -> tuple[str, ...]:
        """Addresses of the requests; empty for an archive without addresses."""
        return self._run.request_urls

    @property
    def web_url(self) -> str | None:
        """Address of the search on AuroraX's web page.

        None for other archives, while the search runs, and for a search that the page does not show: it shows one
        request for conjunctions with fewer than 5,000 results.
        """
        if self.state != "done" or not self.request_urls:
            return None
        with suppress(UsageError):
            kind = self._planned.plan.query.kind
            return find_web_url(WEB_PAGES["aurorax"], self.request_urls[0], kind, self.request_ids, self.result_count)
        return None

    @property
    def statement(self) -> str:
        """Statement, on one line."""
        return self._prepared.statement_text

    @property
    def stored_result(self) -> StoredResult:
        """Stored result that other statements refer to."""
        if self._stored is None or self._stored.name != self.name:
            self._stored = replace(self._planned, name=self.name).stored
        return self._stored

    # --- state

    @property
    def state(self) -> State:
        """Last known state: running, done, failed, cancelled, cancelling, or unreachable."""
        if self._run.last_status.done:
            return "done"
        if self._cancelling:
            return "cancelling"
        return self._end_state or ("unreachable" if self._problem else "running")

    @property
    def is_over(self) -> bool:
        """Whether the search has ended: done, failed or cancelled."""
        return self.state not in _OPEN_STATES

    @property
    def is_fetched(self) -> bool:
        """Whether the result was fetched."""
        return self._result is not None

    @property
    def is_refused(self) -> bool:
        """Whether the archive refused its records at the last attempt, for example because they are deleted."""
        return self._execution is not None and isinstance(self._execution.error, Refused)

    @property
    def result_count(self) -> int | None:
        """Number of matching records, or None until it is known."""
        return self._run.last_status.result_count

    @property
    def elapsed(self) -> float:
        """Seconds from the start of the search to its end, or until now."""
        return self._duration if self._duration is not None else time.monotonic() - self._began

    @property
    def line(self) -> str:
        """Last log line, or a later connection problem."""
        logs = self._run.last_status.logs
        return self._problem or (logs[-1].summary if logs else "")

    @property
    def error(self) -> ArchiveError | None:
        """Error of a failed search, or None."""
        return self._error

    def progress(self) -> Progress:
        """Return the progress of the search without asking the archive."""
        return replace(self._run.progress(), elapsed=self.elapsed)

    def status(self) -> RunStatus:
        """Ask the archive for the status. Raises ArchiveError."""
        if self._error is not None:
            raise self._error
        status = self._run.status()
        if status.done:
            self._finish()
        return status

    @property
    def logs(self) -> tuple[LogLine, ...]:
        """Log lines of the search so far."""
        status = self._run.last_status
        return status.logs if status.done or self._error is not None else self._run.status().logs

    def as_row(self) -> Row:
        """Return the row of SHOW SEARCHES, in the order of its columns."""
        ids, urls = (", ".join(values) or None for values in (self.request_ids, self.request_urls))
        return (
            self.name,
            self.state,
            round(self.elapsed, 1),
            self.line or None,
            self.result_count,
            ids,
            urls,
            self.web_url,
            self._started,
            self.statement,
        )

    def poll(self) -> float | None:
        """Poll the job, or run it for engines that run only when waited on.

        Return the seconds until the next poll, or None when it has ended.
        """
        if not self.is_over and (self._execution is None or self._execution.is_over.is_set()):
            try:
                self._execute_now() if self._awaited or self._session.runs_when_awaited else self._run.status()
                self._problem = ""
            except (Unreachable, TimedOut) as error:  # temporary: the search continues on the archive
                self._problem = str(error).splitlines()[0]
                return _MAX_POLL_SECONDS
            except ArchiveError as error:
                self._finish(error)
            except Exception as bug:
                # A bug: show it as the state, and keep polling the other searches. `fetch` raises it again.
                self._problem, self._end_state = f"{type(bug).__name__}: {bug}", "failed"
        if not self.is_over:
            return min(max(_MIN_POLL_SECONDS, _POLL_BACKOFF * self.elapsed), _MAX_POLL_SECONDS)
        self._finish()
        return None

    # --- operations

    def wait(self, timeout: float | None = None) -> RunStatus:
        """Wait until the search is done. Raises TimedOut after `timeout` seconds (default: the archive's deadline)."""
        if not self._run.last_status.done:
            self._wait_interruptibly(self._session.settings.timeout if timeout is None else timeout, whole=False)
        return self._run.last_status

    def fetch(self) -> ResultSet:
        """Return the result; wait for it when the search is not done. Raises ArchiveError."""
        if self._result is None:
            began = self._began if self._awaited else time.monotonic()
            fetched = self._wait_interruptibly(self._session.settings.timeout, whole=True)
            plan = self._planned.plan
            if self._steps is not None:
                self._steps.on_retrieved(self._run, self._count_received(fetched))
            if fetched.rows is None:  # an engine that answers the whole query returns rows
                plan = warn_of_unlisted_sources(plan, fetched)
                fetched = post_process_fetched(fetched, plan)
            self._result = self._session.result(plan, fetched, self._prepared, began, request_ids=self.request_ids)
        return self._result

    def _count_received(self, fetched: FetchedData) -> int:
        """Return the number of records that the archive sent, before post-processing."""
        rows_or_records = fetched.rows if fetched.rows is not None else fetched.records
        return len(rows_or_records or ())

    def cancel(self, *, patient: bool = False) -> None:
        """Cancel the search on the archive; do nothing when it is done. Raises ArchiveError when the archive refuses.

        When the archive has not confirmed the request yet, wait a moment for it; with `patient`, wait to the end.
        """
        self.heeded = self._cancelling = True
        try:
            self._run.cancel(patient=patient)
        except ArchiveError:
            if isinstance(self._error, Cancelled):  # it was cancelled only on this side
                self._end_state = self._error = self._duration = None
            raise
        finally:
            self._cancelling = False
        if not self._run.last_status.done:
            self._end_state = "cancelled"
            self._finish()

    def detach(self) -> bool:
        """Let the search continue after the archive is closed, to be fetched by request ID. Return whether it can."""
        return self._run.detach()

    # --- execution

    def _wait_interruptibly(self, seconds: float, *, whole: bool) -> FetchedData:
        """Wait in short steps, which allow Ctrl-C and progress reports. Raises ArchiveError."""
        self.heeded = True
        deadline, execution = time.monotonic() + seconds, None
        try:
            while execution is None or (whole and not execution.whole):  # `whole` needs an execution with records
                execution = self._execution_until(deadline, whole=whole)
        except KeyboardInterrupt:
            self._session.on_wait_interrupted(self)
            raise
        return execution.fetched or FetchedData(rows=())

    def _execution_until(self, deadline: float, *, whole: bool) -> _Execution:
        """Return a finished execution, the current or a new one. Raises its error, or TimedOut."""
        if self._error is not None:
            raise self._error
        execution, is_new = self._current_execution(_Execution(deadline, whole))
        if is_new:
            threading.Thread(target=self._execute, args=(execution,), name="auroraql-search", daemon=True).start()
        self._wait_for_execution(execution, float("inf") if is_new else deadline)
        if execution.error is not None:
            raise execution.error
        return execution

    def _execute_now(self) -> None:
        """Execute the search in the calling thread, unless another thread does."""
        execution, is_new = self._current_execution(_Execution(float("inf"), whole=True))
        if is_new:
            self._execute(execution)
        if is_new and isinstance(execution.error, Unreachable):
            raise execution.error

    def _current_execution(self, execution: _Execution) -> tuple[_Execution, bool]:
        """Return the current execution or start the given one, and whether the given one was started."""
        with self._lock:
            if self._execution is None or self._execution.is_over.is_set():
                self._execution = execution
            return self._execution, self._execution is execution

    def _wait_for_execution(self, execution: _Execution, deadline: float) -> None:
        """Wait for the end of an execution. At the deadline, cancel the search and raise TimedOut."""
        watch = self._session.watch or (lambda _progress: None)
        try:
            while not execution.is_over.wait(_TICK_SECONDS):
                watch(self.progress())
                if self._steps is not None:
                    self._steps.on_progress(self._run)
                if time.monotonic() >= deadline:
                    with suppress(ArchiveError):  # TimedOut is the error to report
                        self.cancel()
                    raise self._timeout_error()
        finally:
            watch(None)

    def _timeout_error(self) -> TimedOut:
        return TimedOut(
            f"the search did not finish within {self.elapsed:.1f} s and was cancelled",
            archive=self._session.name,
            request_id=", ".join(self.request_ids),
            hint="increase the timeout, or search a shorter time window",
        )

    def _execute(self, execution: _Execution) -> None:
        try:
            self._run.wait(execution.deadline)
            if execution.whole:
                execution.fetched = self._run.fetch(execution.deadline)
            self._finish()
        except ArchiveError as error:
            execution.error = error
            self._finish(error)
        except BaseException as error:  # passed to the waiting thread
            execution.error = error
            self._end_state = self._end_state or "failed"
        finally:
            execution.is_over.set()

    def _finish(self, error: ArchiveError | None = None) -> None:
        """Record the end, unless the error leaves the search running on the archive or is temporary."""
        status = self._run.last_status
        if error is not None:
            error.log = error.log or tuple(map(str, status.logs))
            if status.done or isinstance(error, Unreachable):
                return
            self._error = error
            self._end_state = "cancelled" if isinstance(error, Cancelled | TimedOut) else "failed"
        if self._duration is None and (status.done or self._end_state is not None):
            self._duration = time.monotonic() - self._began
