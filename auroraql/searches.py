"""Searches of an archive, each carried out on a thread of its own: who waits for one hears Ctrl-C at once.

Invariant: a search that nobody waits for and nobody submitted is cancelled; one that was submitted goes on, and ends
once, as done, failed or cancelled.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal, Protocol

from auroraql.archives.base import LogLine, Progress, Run, Status, Watch
from auroraql.errors import ArchiveError, Cancelled, Refused, TimedOut, Unreachable
from auroraql.named import Kept, renamed
from auroraql.plan import Plan
from auroraql.preparing import Prepared
from auroraql.results import Fetched, ResultSet, Row
from auroraql.row_search import finished
from auroraql.search_steps import SearchSteps
from auroraql.settings import Settings

State = Literal["running", "unreachable", "cancelling", "done", "failed", "cancelled"]

_OPEN = ("running", "unreachable", "cancelling")
"""The states that are no end."""

_TICK = 0.1
"""Seconds between two looks at how far a search has come, of whoever waits for it."""

_SOONEST, _SLOWEST, _LATE_BY = 0.1, 2.5, 0.2
"""Seconds between two questions about a search that nobody waits for; the last is a part of the time it took so far."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A FIND with the values of results in it: its plan, and its rows as they will be; `searched` are rows it is of."""

    plan: Plan
    kept: Kept
    searched: Kept | None = None


class Session(Protocol):
    """What a search needs of the session it belongs to."""

    @property
    def archive(self) -> str:
        """What people call the archive."""

    @property
    def settings(self) -> Settings:
        """The deadline is one of them."""

    @property
    def runs_when_awaited(self) -> bool:
        """Whether the engine runs a search only while somebody waits for it."""

    @property
    def watch(self) -> Watch | None:
        """What is told how far a search has come that somebody waits for."""

    def interrupted(self, search: Search, /) -> None:
        """Ctrl-C came while somebody waited for it."""

    def result(
        self, plan: Plan, fetched: Fetched, prepared: Prepared, began: float, *, request_ids: tuple[str, ...]
    ) -> ResultSet:
        """Return the result of a statement."""


@contextmanager
def elapsing(watch: Watch | None, began: float) -> Iterator[None]:
    """Tells, on a thread of its own, how long a statement takes that is no search, while it is carried out here."""
    if watch is None:
        yield
        return
    over = threading.Event()

    def tell() -> None:
        with suppress(OSError):  # a terminal that is gone
            while not over.wait(_TICK):
                watch(Progress(time.monotonic() - began, "", 0, 0))

    telling = threading.Thread(target=tell, name="auroraql-elapsing", daemon=True)
    telling.start()
    try:
        yield
    finally:
        over.set()
        telling.join()
        watch(None)


@dataclass(eq=False, slots=True)
class _Labour:
    """A search being carried out, to its records when it is `whole`: what came of it, once it is over."""

    deadline: float
    whole: bool
    over: threading.Event = field(default_factory=threading.Event)
    fetched: Fetched | None = None
    error: BaseException | None = None


class Search:
    """A submitted search: its status, its log, and its result when it is done."""

    def __init__(
        self,
        session: Session,
        run: Run,
        planned: Planned,
        prepared: Prepared,
        *,
        began: float | None = None,
        awaited: bool = False,
        steps: SearchSteps | None = None,
    ) -> None:
        self._session, self._run, self._planned, self._prepared = session, run, planned, prepared
        self._steps = steps
        self._began = time.monotonic() if began is None else began
        self._started = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
        self._took: float | None = None
        self._ended: State | None = None
        self._error: ArchiveError | None = None
        self._trouble = ""
        self._cancelling = False
        self._labour: _Labour | None = None
        self._result: ResultSet | None = None
        self._lock = threading.Lock()
        self._awaited = awaited  # the run was started by a caller who waits for it
        self.name = prepared.name
        """What SUBMIT called it; empty when it was submitted without the word."""
        self.heeded = False
        """Whether somebody waited for it or cancelled it, and so need not be told that it has ended."""

    def __repr__(self) -> str:
        name = f" {self.name}" if self.name else ""
        ids = f", request {', '.join(self.request_ids)}" if self.request_ids else ""
        return f"<Search{name}, {self.state} for {self.elapsed:.1f} s{ids}: {self.statement}>"

    @property
    def request_ids(self) -> tuple[str, ...]:
        """The request IDs of the archive."""
        return self._run.request_ids

    @property
    def request_urls(self) -> tuple[str, ...]:
        """The addresses of the requests; empty for an archive without addresses."""
        return self._run.request_urls

    @property
    def statement(self) -> str:
        """The statement, on one line."""
        return self._prepared.written

    @property
    def kept(self) -> Kept:
        """What is known of its rows."""
        kept = self._planned.kept
        return kept if kept.name == self.name else renamed(kept, self.name)

    # --- how it stands

    @property
    def state(self) -> State:
        """The last known state: running, done, failed, cancelled, cancelling, or unreachable."""
        if self._run.known.done:
            return "done"
        if self._cancelling:
            return "cancelling"
        return self._ended or ("unreachable" if self._trouble else "running")

    @property
    def over(self) -> bool:
        """Whether the search has ended: done, failed or cancelled."""
        return self.state not in _OPEN

    @property
    def fetched(self) -> bool:
        """Whether the result was fetched."""
        return self._result is not None

    @property
    def refused(self) -> bool:
        """Whether the archive would not give its records when it was last asked, as when they are deleted."""
        return self._labour is not None and isinstance(self._labour.error, Refused)

    @property
    def result_count(self) -> int | None:
        """The number of records that the search found; None until it is known."""
        return self._run.known.result_count

    @property
    def elapsed(self) -> float:
        """The seconds from the start of the search to its end, or until now."""
        return self._took if self._took is not None else time.monotonic() - self._began

    @property
    def line(self) -> str:
        """The last line of its log, or what went wrong since."""
        said = self._run.known.logs
        return self._trouble or (said[-1].summary if said else "")

    @property
    def error(self) -> ArchiveError | None:
        """Why the search failed; None if it did not."""
        return self._error

    def progress(self) -> Progress:
        """Return the progress of the search without asking the archive."""
        return replace(self._run.progress(), elapsed=self.elapsed)

    def status(self) -> Status:
        """Ask the archive for the status. Raises ArchiveError."""
        if self._error is not None:
            raise self._error
        status = self._run.status()
        if status.done:
            self._end()
        return status

    @property
    def logs(self) -> tuple[LogLine, ...]:
        """The log lines of the search so far."""
        known = self._run.known
        return known.logs if known.done or self._error is not None else self._run.status().logs

    def as_row(self) -> Row:
        """What SHOW SEARCHES has of it, in the order of its columns."""
        ids, urls = (", ".join(each) or None for each in (self.request_ids, self.request_urls))
        return (
            self.name,
            self.state,
            round(self.elapsed, 1),
            self.line or None,
            self.result_count,
            ids,
            urls,
            self._started,
            self.statement,
        )

    def look(self) -> float | None:
        """Asks how it stands, or carries it out where nobody else does; when to ask again, None when it has ended."""
        if not self.over and (self._labour is None or self._labour.over.is_set()):
            try:
                self._labour_now() if self._awaited or self._session.runs_when_awaited else self._run.status()
                self._trouble = ""
            except (Unreachable, TimedOut) as trouble:  # it may be back in a while, and the search goes on there
                self._trouble = str(trouble).splitlines()[0]
                return _SLOWEST
            except ArchiveError as error:
                self._end(error)
            except Exception as fault:  # of ours; whoever fetches it meets it again, and the others are looked after
                self._trouble, self._ended = f"{type(fault).__name__}: {fault}", "failed"
        if not self.over:
            return min(max(_SOONEST, _LATE_BY * self.elapsed), _SLOWEST)
        self._end()
        return None

    # --- what is done about it

    def wait(self, timeout: float | None = None) -> Status:
        """Wait until the search is done. Raises TimedOut after `timeout` seconds (default: the archive's deadline)."""
        if not self._run.known.done:
            self._attend(self._session.settings.timeout if timeout is None else timeout, whole=False)
        return self._run.known

    def fetch(self) -> ResultSet:
        """Return the result; wait for it when the search is not done. Raises ArchiveError."""
        if self._result is None:
            began = self._began if self._awaited else time.monotonic()
            fetched = self._attend(self._session.settings.timeout, whole=True)
            plan = self._planned.plan
            if self._steps is not None:
                self._steps.retrieved(self._run, self._received(fetched))
            self._result = self._session.result(
                plan, finished(fetched, plan), self._prepared, began, request_ids=self.request_ids
            )
        return self._result

    def _received(self, fetched: Fetched) -> int:
        """Return the number of records that the archive sent, before post-processing."""
        held = fetched.rows if fetched.rows is not None else fetched.records
        return len(held or ())

    def cancel(self, *, patient: bool = False) -> None:
        """Cancel the search on the archive; do nothing when it is done. Raises ArchiveError when the archive refuses.

        When the archive has not confirmed the request yet, wait a moment for it; with `patient`, wait to the end.
        """
        self.heeded = self._cancelling = True
        try:
            self._run.cancel(patient=patient)
        except ArchiveError:
            if isinstance(self._error, Cancelled):  # on our side only
                self._ended = self._error = self._took = None
            raise
        finally:
            self._cancelling = False
        if not self._run.known.done:
            self._ended = "cancelled"
            self._end()

    def leave(self) -> bool:
        """Lets it go on when the archive is closed; whether it can. It is fetched by its request id then."""
        return self._run.leave()

    # --- on its thread

    def _attend(self, seconds: float, *, whole: bool) -> Fetched:
        """Waits for it in short steps, so that Ctrl-C is heard and progress is told. Raises ArchiveError."""
        self.heeded = True
        deadline, labour = time.monotonic() + seconds, None
        try:
            while labour is None or (whole and not labour.whole):  # one that only waited is no end of it
                labour = self._labour_until(deadline, whole=whole)
        except KeyboardInterrupt:
            self._session.interrupted(self)
            raise
        return labour.fetched or Fetched(rows=())

    def _labour_until(self, deadline: float, *, whole: bool) -> _Labour:
        """A labour that is over: the one that was under way, or a new one. Raises what it raised, TimedOut."""
        if self._error is not None:
            raise self._error
        labour, is_ours = self._taken_up(_Labour(deadline, whole))
        if is_ours:
            threading.Thread(target=self._carry_out, args=(labour,), name="auroraql-search", daemon=True).start()
        self._stand_by(labour, float("inf") if is_ours else deadline)
        if labour.error is not None:
            raise labour.error
        return labour

    def _labour_now(self) -> None:
        """Carries it out in the calling thread, unless another does."""
        labour, is_ours = self._taken_up(_Labour(float("inf"), whole=True))
        if is_ours:
            self._carry_out(labour)
        if is_ours and isinstance(labour.error, Unreachable):
            raise labour.error

    def _taken_up(self, labour: _Labour) -> tuple[_Labour, bool]:
        """The labour that is under way already, or the new one; whether it is that."""
        with self._lock:
            if self._labour is None or self._labour.over.is_set():
                self._labour = labour
            return self._labour, self._labour is labour

    def _stand_by(self, labour: _Labour, deadline: float) -> None:
        """Waits for the end of a labour. Raises TimedOut, and cancels the search, at the deadline."""
        watch = self._session.watch or (lambda _progress: None)
        try:
            while not labour.over.wait(_TICK):
                watch(self.progress())
                if self._steps is not None:
                    self._steps.watch(self._run)
                if time.monotonic() >= deadline:
                    with suppress(ArchiveError):  # that it is late is the error to tell
                        self.cancel()
                    raise self._late()
        finally:
            watch(None)

    def _late(self) -> TimedOut:
        return TimedOut(
            f"the search was not done after {self.elapsed:.1f} s, and is cancelled",
            archive=self._session.archive,
            request_id=", ".join(self.request_ids),
            hint="allow it more time, or ask for a shorter time window",
        )

    def _carry_out(self, labour: _Labour) -> None:
        try:
            self._run.wait(labour.deadline)
            if labour.whole:
                labour.fetched = self._run.fetch(labour.deadline)
            self._end()
        except ArchiveError as error:
            labour.error = error
            self._end(error)
        except BaseException as error:  # handed over whole to whoever waits
            labour.error = error
            self._ended = self._ended or "failed"
        finally:
            labour.over.set()

    def _end(self, error: ArchiveError | None = None) -> None:
        """Takes down that it is over, unless the error leaves it running on the archive, or can be tried again."""
        known = self._run.known
        if error is not None:
            error.log = error.log or tuple(map(str, known.logs))
            if known.done or isinstance(error, Unreachable):
                return
            self._error = error
            self._ended = "cancelled" if isinstance(error, Cancelled | TimedOut) else "failed"
        if self._took is None and (known.done or self._ended is not None):
            self._took = time.monotonic() - self._began
