"""Execution of a plan by an AuroraX service: synchronous, or submitted, polled, fetched and cancelled.

Invariant: a search that the client stops waiting for is cancelled, and fetched data is complete or an error.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from auroraql.codecs import query_json
from auroraql.diagnostics.errors import ArchiveError, Cancelled, Failed, Refused, TimedOut
from auroraql.engines.aurorax.endpoint_policy import SYNCHRONOUS_TIMEOUT_SECONDS, EndpointPolicy
from auroraql.engines.aurorax.http_client import TOO_SLOW_FAILURE, CallInterrupted, HttpClient, ServiceCall, add_jitter
from auroraql.engines.aurorax.limited_search import records_wanted, request_steps
from auroraql.engines.aurorax.parallel import PendingCalls, run_in_parallel
from auroraql.engines.aurorax.records import (
    apply_format_to_all,
    read_records,
    record_reader,
    unite_records,
    widen_format,
)
from auroraql.engines.aurorax.responses import (
    CANCEL,
    DATA,
    SEARCH_SYNCHRONOUS,
    STATUS,
    SUBMIT,
    ServiceContext,
    ServiceResponse,
    read_request_id,
    read_status,
)
from auroraql.engines.aurorax.transport_errors import TransportFailure
from auroraql.engines.base import Progress, RunStatus, SubmissionInterrupted
from auroraql.ir.plan import Plan, Request
from auroraql.ir.query import Tree
from auroraql.results.result_set import FetchedData, Record
from auroraql.schema import PROTOCOLS


class ProgressMeter:
    """Thread-safe progress counter of one run."""

    def __init__(self) -> None:
        self._lock, self._began, self._line = threading.Lock(), time.monotonic(), ""
        self._received: dict[object, tuple[int, int]] = {}

    def log_line(self, line: str) -> None:
        """Set the engine's last log line."""
        self._line = line

    def count_received(self, answer: object) -> Callable[[int, int], None]:
        """Return a callback that takes the bytes and records received of one response; a retry starts from zero."""

        def seen(size: int, records: int) -> None:
            with self._lock:
                self._received[answer] = size, records

        return seen

    def progress(self) -> Progress:
        """Return the current progress."""
        with self._lock:
            sums = [sum(counts) for counts in zip(*self._received.values(), strict=True)] or [0, 0]
        return Progress(time.monotonic() - self._began, self._line, *sums)


FIRST_POLL_SECONDS, MIN_POLL_SECONDS, MAX_POLL_SECONDS = 0.1, 0.06, 2.5
POLL_BACKOFF = 0.2
"""Share of the elapsed time that may pass before the end of a search is noticed."""

_SUBMIT_SECONDS = 60.0
_STATUS_SECONDS = 30.0
_CANCEL_SECONDS = 5.0
_GRACE_SECONDS = 2.0
"""Seconds that Ctrl-C waits during a submission for the request id, which cancellation needs."""


_UNKNOWN = RunStatus(False, None, ())


@dataclass(slots=True, eq=False)
class _RemoteSearch:
    """One request of the plan on the service, with its last status and its records after fetching."""

    request: Request
    request_id: str = ""
    status: RunStatus = _UNKNOWN
    records: Sequence[Record] | None = None

    @property
    def path(self) -> str:
        return PROTOCOLS[self.request.kind].request(self.request_id)


@dataclass(frozen=True, slots=True)
class ServiceConnection:
    """Resources shared by all runs of one engine: HTTP client, error context, sleep and endpoint policy."""

    wire: HttpClient
    context: ServiceContext
    pause: Callable[[float], object]
    ways: EndpointPolicy


class AuroraXRun:
    """`EngineRun` of a plan over HTTP, created by `AuroraXEngine`.

    An `awaited` run sends nothing before `wait`. Then it takes a few requests at a time, each from submission to its
    records. If the plan needs only the first records, it stops as soon as it has them. A `columnar` run packs small
    responses into columns too.
    """

    def __init__(
        self, plan: Plan, service: ServiceConnection, *, awaited: bool = False, columnar: bool = False
    ) -> None:
        self.plan = plan
        self._small_bytes = 1 if columnar else None
        self._service, self._awaited, self._meter = service, awaited, ProgressMeter()
        self._wire, self._context = service.wire, service.context
        self._searches = [_RemoteSearch(request) for request in plan.requests]
        self._records_wanted, self._replaced = records_wanted(plan), list[_RemoteSearch]()
        self._cancelled = self._stopped = self._cancels_late_ids = self._detached = False
        self._turn, self._next_cancel_at = 0, 0.0
        self._submissions, self.ending = PendingCalls(), PendingCalls()

    @property
    def request_ids(self) -> tuple[str, ...]:
        """Request ids in the order of the requests. Synchronous requests have none."""
        return tuple(search.request_id for search in self._submitted_searches)

    @property
    def request_urls(self) -> tuple[str, ...]:
        """Status URLs in the order of `request_ids`."""
        return tuple(self._wire.url + search.path for search in self._submitted_searches)

    @property
    def _submitted_searches(self) -> list[_RemoteSearch]:
        return [search for search in (*self._replaced, *self._searches) if search.request_id]

    @property
    def last_status(self) -> RunStatus:
        """Status at the last poll, without a request."""
        return self._combined_status()

    def progress(self) -> Progress:
        """Return elapsed time, last log line, and bytes and records received."""
        return self._meter.progress()

    def detach(self) -> bool:
        """Give up ownership, so that `close` does not cancel the searches; return whether all are submitted."""
        is_whole = tuple(search.request for search in self._searches) == self.plan.requests
        self._detached = is_whole and all(search.request_id for search in self._searches)
        return self._detached

    @property
    def is_open(self) -> bool:
        """Whether a search may still be running and this run has to cancel it."""
        return bool(self._unfinished_searches()) and not self._cancelled and not self._detached

    def submit(self) -> None:
        """Send `POST …/search` for each request; cancel the others when one fails. Raises ArchiveError.

        On Ctrl-C raises SubmissionInterrupted at once, while pending submissions continue in the background.
        """
        if self._awaited:
            return
        try:
            run_in_parallel(partial(self._submit, deadline=float("inf")), self._searches, in_background=True)
        except KeyboardInterrupt:
            raise SubmissionInterrupted(self) from None
        except ArchiveError:
            self._abandon()
            raise

    def attach(self, request_id: str, status: RunStatus) -> None:
        """Adopt a search that already exists on the service as the run's only request."""
        self._searches[0].request_id, self._searches[0].status = request_id, status

    def _submit(self, search: _RemoteSearch, deadline: float) -> None:
        request, send_deadline = search.request, min(deadline, time.monotonic() + _SUBMIT_SECONDS)
        call = ServiceCall(SUBMIT, "POST", PROTOCOLS[request.kind].search, query_json.write_query_json(request))
        with self._submissions.track():
            self._refuse_cancelled()
            try:
                answer = self._wire.call(call, send_deadline, grace=_GRACE_SECONDS)
            except CallInterrupted as interrupted:
                if interrupted.answer is not None:
                    # A late answer without an id leaves nothing to cancel.
                    with contextlib.suppress(ArchiveError):
                        search.request_id = read_request_id(interrupted.answer, self._context)
                raise
            search.request_id = read_request_id(answer, self._context)
        if self._cancels_late_ids:  # the id arrived after the other searches were cancelled
            self._cancel(search, time.monotonic() + _CANCEL_SECONDS)

    def status(self) -> RunStatus:
        """Return the combined status after `GET …/requests/{id}` for each unfinished search. Raises ArchiveError."""
        self._refuse_cancelled()
        deadline = time.monotonic() + _STATUS_SECONDS
        run_in_parallel(
            partial(self._poll, deadline=deadline),
            [search for search in self._unfinished_searches() if search.request_id],
        )
        return self._combined_status()

    def wait(self, deadline: float) -> RunStatus:
        """Poll until every search is done: every 0.1 s at first, then up to 2.5 s apart.

        `deadline` is a `time.monotonic` time. Raises TimedOut at the deadline and Failed for a failed search; both, and
        Ctrl-C, cancel the searches on the service. Raises other ArchiveErrors and leaves the searches running.
        """
        self._refuse_cancelled()
        try:
            if self._awaited and self._records_wanted is not None and not self.plan.counted:
                self._complete_first_searches(self._records_wanted, deadline)
            else:
                self._complete_searches(deadline)
        except TimedOut as error:
            raise self._timeout_error(error, self._abandon()) from None
        except (Failed, KeyboardInterrupt):
            self._abandon()
            raise
        except ArchiveError:
            self._stop_pending()
            raise
        return self._combined_status()

    def _complete_searches(self, deadline: float) -> None:
        while self._unfinished_searches():  # repeats after another waiting thread has given up
            run_in_parallel(
                partial(self._complete_search, deadline=deadline, turn=self._turn), self._unfinished_searches()
            )

    def _complete_first_searches(self, wanted: int, deadline: float) -> None:
        """Complete searches step by step until they have the wanted number of records. Drop the others."""
        for requests in request_steps(self.plan.requests, wanted):
            completed = {search.request: search for search in (*self._replaced, *self._searches) if search.status.done}
            searches = [completed.pop(request, _RemoteSearch(request)) for request in requests]
            self._searches, self._replaced = searches, list(completed.values())
            self._complete_searches(deadline)
            if all(search.records is not None for search in searches) and len(self._all_records()) >= wanted:
                return

    def _stop_pending(self) -> None:
        """Stop the requests of this run on other threads after one of them failed."""
        self._turn += 1
        self._wire.cancel_owner(self)

    def _timeout_error(self, error: TimedOut, cancel_error: ArchiveError | None) -> ArchiveError:
        """Return the TimedOut error, with a note on whether the searches were cancelled."""
        outcome = (
            ""
            if not self.request_ids
            else ", and the search was cancelled"
            if cancel_error is None
            else ", and the search may still be running"
        )
        hint = (
            error.hint if cancel_error is None else f"{error.hint}; it could not be cancelled: {cancel_error.message}"
        )
        return self._context.for_request(error.request_id).error(TimedOut, error.message + outcome, hint)

    def _complete_search(self, search: _RemoteSearch, deadline: float, turn: int) -> None:
        """Wait for one search; in an awaited run, fetch its records as well."""
        fetches_records = self._awaited and not self.plan.counted
        if (
            fetches_records
            and self._service.ways.use_synchronous(search.request)
            and self._search_synchronously(search, deadline)
        ):
            return
        if not search.request_id:
            self._submit(search, deadline)
        self._wait_for(search, deadline, turn)
        if fetches_records and turn == self._turn:
            self._fetch(search, deadline)

    def _search_synchronously(self, search: _RemoteSearch, deadline: float) -> bool:
        """Send `POST …/search_synchronous`; return whether it gave the records.

        Raises TimedOut at the deadline, and the transport's error when the service was not reached. After any other
        outcome the caller submits the search, which gets a request id and logs.
        """
        request, began = search.request, time.monotonic()
        body = {"query": query_json.write_query_json(request), "response_format": self._format(search)}
        call = ServiceCall(
            SEARCH_SYNCHRONOUS,
            "POST",
            PROTOCOLS[request.kind].search_synchronous,
            {key: value for key, value in body.items() if value is not None},
            self._reader(search),
            SYNCHRONOUS_TIMEOUT_SECONDS,
            self,
        )
        answer = self._wire.call_unchecked(call, deadline)
        match answer:
            case ServiceResponse(status=200):
                with contextlib.suppress(ArchiveError):
                    records = read_records(answer, request.kind, None, self._context)
                    search.records, search.status = records, RunStatus(True, len(records), ())
                    return True
            case TransportFailure() if time.monotonic() >= deadline:
                raise self._deadline_error("", began)
            case TransportFailure(may_have_arrived=False):
                raise self._context.error(answer.error, answer.words, answer.hint)
        if answer is TOO_SLOW_FAILURE:
            self._service.ways.note_timeout(request)
        elif not self._stopped and not self._cancelled:
            self._service.ways.disable(request, answer.status if isinstance(answer, ServiceResponse) else 0)
        return False

    def fetch(self, deadline: float) -> FetchedData:
        """Send `GET …/requests/{id}/data`, or `POST` with a response_format, after waiting for completion.

        A count comes from the status, and nothing is fetched. Raises Failed when the number of records differs from the
        announced one, and Refused when the service has deleted them.
        """
        count = self.wait(deadline).result_count
        if self.plan.counted and count is not None:
            return FetchedData(rows=[(count,) * len(self.plan.query.select or ())])
        try:
            missing = [search for search in self._searches if search.records is None]
            run_in_parallel(partial(self._fetch, deadline=deadline), missing)
        except BaseException:
            self._stop_pending()
            raise
        return FetchedData(records=self._all_records())

    def _all_records(self) -> Sequence[Record]:
        """Return the records of all requests without duplicates."""
        batches = [search.records if search.records is not None else [] for search in self._searches]
        if not batches:
            return []
        records = unite_records(batches, self.plan.query.kind, [search.request for search in self._searches])
        tree = self.plan.requests[0].response_format if len(self.plan.requests) > 1 else None
        return records if tree is None else apply_format_to_all(records, tree)

    def cancel(self, *, patient: bool = False) -> None:
        """Send `DELETE …/requests/{id}` for the unfinished searches. Raises ArchiveError when that fails.

        Stops the requests on other threads: synchronous searches and downloads.
        """
        if self._cancelled or time.monotonic() < self._next_cancel_at:
            return
        self._cancelled = bool(self._unfinished_searches())
        self._wire.cancel_owner(self)
        if not self._cancelled:
            return
        with self.ending.track():
            self._cancel_all(_SUBMIT_SECONDS if patient else _GRACE_SECONDS)

    def _cancel_all(self, grace: float) -> None:
        """Cancel the unfinished searches after waiting `grace` seconds for request ids. Raises ArchiveError."""
        self._submissions.wait(grace)
        self._cancels_late_ids = True
        deadline = time.monotonic() + _CANCEL_SECONDS
        to_cancel = [search for search in self._unfinished_searches() if search.request_id]
        errors = run_in_parallel(partial(self._cancel, deadline=deadline), to_cancel)
        failure = next((error for error in errors if error is not None), None)
        if failure is not None:
            self._cancelled = self._cancels_late_ids = False
            self._next_cancel_at = time.monotonic() + _CANCEL_SECONDS
            raise failure

    def _cancel(self, search: _RemoteSearch, deadline: float) -> ArchiveError | None:
        """Cancel one search. Return the error, or None on success or when the service does not know the search."""
        try:
            self._wire.call(ServiceCall(CANCEL, "DELETE", search.path), deadline, search.request_id)
        except ArchiveError as error:
            # Return the error, so that the other searches are still cancelled.
            return None if _is_gone(error) else error
        return None

    def _abandon(self) -> ArchiveError | None:
        """Cancel the searches if possible. Return the error of a failed cancellation; callers raise their own error."""
        self._stopped = True
        self._stop_pending()
        try:
            self.cancel()
        except ArchiveError as cancel_error:
            return cancel_error
        return None

    def _refuse_cancelled(self) -> None:
        if self._cancelled or self._stopped:
            context = self._context.for_request(", ".join(self.request_ids))
            raise context.error(Cancelled, "it was cancelled before it finished", "run it again")

    def _unfinished_searches(self) -> list[_RemoteSearch]:
        return [search for search in self._searches if not search.status.done]

    def _wait_for(self, search: _RemoteSearch, deadline: float, turn: int) -> None:
        began, delay, waited = time.monotonic(), FIRST_POLL_SECONDS, 0.0
        while not search.status.done and turn == self._turn:
            self._refuse_cancelled()
            # _timeout_error reports the timeout of the whole search; another waiting thread may have cut this poll off.
            with contextlib.suppress(TimedOut, Cancelled):
                self._poll(search, deadline)
            if search.status.done:
                return
            remaining = deadline - time.monotonic()
            if remaining > 0:
                self._service.pause(min(add_jitter(delay), remaining))
            if time.monotonic() >= deadline:
                raise self._deadline_error(search.request_id, began)
            waited += delay
            delay = min(max(MIN_POLL_SECONDS, POLL_BACKOFF * waited), MAX_POLL_SECONDS)

    def _deadline_error(self, request_id: str, began: float) -> ArchiveError:
        message = f"no result within {time.monotonic() - began:.1f} s"
        hint = "increase the timeout, or search a shorter time window"
        return self._context.for_request(request_id).error(TimedOut, message, hint)

    def _poll(self, search: _RemoteSearch, deadline: float) -> None:
        call = ServiceCall(STATUS, "GET", search.path, owner=self)
        answer = self._wire.call(call, deadline, search.request_id)
        search.status = read_status(answer, self._context.for_request(search.request_id))
        if search.status.logs:
            self._meter.log_line(search.status.logs[-1].summary)

    def _fetch(self, search: _RemoteSearch, deadline: float) -> None:
        tree = self._format(search)
        method = "GET" if tree is None else "POST"
        call = ServiceCall(DATA, method, f"{search.path}/data", tree, self._reader(search), owner=self)
        answer = self._wire.call(call, deadline, search.request_id)
        context, expected = self._context.for_request(search.request_id), search.status.result_count
        search.records = read_records(answer, search.request.kind, expected, context)

    def _format(self, search: _RemoteSearch) -> Tree | None:
        """Return the response_format to request; for several requests, with the fields that identify records."""
        tree = search.request.response_format
        return widen_format(tree, search.request.kind) if tree is not None and len(self.plan.requests) > 1 else tree

    def _reader(self, search: _RemoteSearch) -> Any:
        expected = search.status.result_count
        return partial(
            record_reader,
            search.request.kind,
            self._meter.count_received(search),
            expected,
            self._records_wanted,
            self._small_bytes,
        )

    def _combined_status(self) -> RunStatus:
        statuses = [search.status for search in self._searches]
        counts = [status.result_count for status in statuses if status.result_count is not None]
        logs = tuple(line for status in statuses for line in status.logs)
        all_counted = len(counts) == len(statuses)
        return RunStatus(all(status.done for status in statuses), sum(counts) if all_counted else None, logs)


def _is_gone(error: ArchiveError) -> bool:
    return isinstance(error, Refused) and error.message.startswith("404")
