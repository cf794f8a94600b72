"""A plan under way on the service: submitted, polled, fetched, cancelled, as the API's own steps.

Invariant: a search that nobody waits for any more is cancelled, and what is fetched is whole or an error.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from auroraql.archives.aurorax.answers import CANCEL, DATA, STATUS, SUBMIT, Context, read_status, read_submitted
from auroraql.archives.aurorax.records import formatted, read_records, united, widened
from auroraql.archives.aurorax.wire import Call, Interrupted, Wire, jittered
from auroraql.archives.base import Status
from auroraql.errors import ArchiveError, Cancelled, Failed, Refused, TimedOut
from auroraql.forms import query_json
from auroraql.plan import Plan, Request
from auroraql.query import Tree
from auroraql.results import Fetched, Record
from auroraql.schema import KINDS

FIRST_POLL = 0.1
SLOWEST_POLL = 2.5
BACK_OFF = 1.5

_SUBMIT_SECONDS = 60.0
_STATUS_SECONDS = 30.0
_CANCEL_SECONDS = 5.0
_GRACE_SECONDS = 2.0
"""How long Ctrl-C during a submission waits for the request id, without which nothing can be cancelled."""

_API = "/api/v1/"


_UNKNOWN = Status(False, None, ())


@dataclass(slots=True)
class _Search:
    """One request of the plan on the service, and the last that is known of it."""

    request: Request
    request_id: str
    status: Status = _UNKNOWN

    @property
    def path(self) -> str:
        return f"{_API}{KINDS[self.request.kind].endpoint.rsplit('/', 1)[0]}/requests/{self.request_id}"


class AuroraXRun:
    """The `Run` of the contract, over HTTP. Made by `AuroraXEngine.submit`."""

    def __init__(self, plan: Plan, wire: Wire, context: Context, pause: Callable[[float], object]) -> None:
        self._plan, self._wire, self._context, self._pause = plan, wire, context, pause
        self._searches: list[_Search] = []
        self._cancelled = False

    @property
    def request_ids(self) -> tuple[str, ...]:
        """The service's ids of the searches, in plan order."""
        return tuple(search.request_id for search in self._searches)

    @property
    def open(self) -> bool:
        """Whether a search of it may still be running."""
        return bool(self._unfinished()) and not self._cancelled

    def submit(self) -> None:
        """`POST …/search` for each request; when one fails, those before it are cancelled. Raises ArchiveError."""
        try:
            for request in self._plan.requests:
                self._submit(request)
        except (ArchiveError, KeyboardInterrupt):
            self._abandon()
            raise

    def _submit(self, request: Request) -> None:
        call = Call(SUBMIT, "POST", _API + KINDS[request.kind].endpoint, query_json.write(request))
        try:
            answer = self._wire.ask(call, time.monotonic() + _SUBMIT_SECONDS, grace=_GRACE_SECONDS)
        except Interrupted as interrupted:
            if interrupted.answer is not None:
                # No id in a late answer means that there is nothing to cancel.
                with contextlib.suppress(ArchiveError):
                    self._searches.append(_Search(request, read_submitted(interrupted.answer, self._context)))
            raise
        self._searches.append(_Search(request, read_submitted(answer, self._context)))

    def status(self) -> Status:
        """`GET …/requests/{id}` once for each unfinished search; one status of all. Raises ArchiveError."""
        self._refuse_cancelled()
        deadline = time.monotonic() + _STATUS_SECONDS
        for search in self._unfinished():
            self._poll(search, deadline)
        return self._together()

    def wait(self, deadline: float) -> Status:
        """Polls until every search is done, soon at first and then every 2.5 s. `deadline` as of `time.monotonic`.

        Raises TimedOut at the deadline and Failed when a search failed; the searches are cancelled on the service
        then, and on Ctrl-C. Raises other ArchiveErrors as they come, and leaves the searches running.
        """
        self._refuse_cancelled()
        try:
            for search in self._unfinished():
                self._wait_for(search, deadline)
        except (TimedOut, Failed, KeyboardInterrupt):
            self._abandon()
            raise
        return self._together()

    def fetch(self, deadline: float) -> Fetched:
        """`GET …/requests/{id}/data`, or `POST` of a response_format. Waits first if that was not done.

        Raises Failed when fewer records come than were announced, Refused when they are not kept any more.
        """
        self.wait(deadline)
        several = len(self._searches) > 1
        kind = self._plan.query.kind
        batches = [self._fetch(search, deadline, several=several) for search in self._searches]
        records = united(batches, kind) if several else [record for batch in batches for record in batch]
        tree = self._plan.requests[0].response_format if several else None
        return Fetched(records=records if tree is None else [formatted(record, tree) for record in records])

    def cancel(self) -> None:
        """`DELETE …/requests/{id}` for the unfinished searches. Raises ArchiveError when the service says no."""
        unfinished = self._unfinished()
        if not unfinished or self._cancelled:
            return
        self._cancelled = True
        deadline = time.monotonic() + _CANCEL_SECONDS
        trouble: ArchiveError | None = None
        for search in unfinished:
            try:
                self._wire.ask(Call(CANCEL, "DELETE", search.path), deadline, search.request_id)
            except ArchiveError as error:
                # The rest is still to be cancelled, and what the service does not know runs no more.
                trouble = trouble or (None if _is_gone(error) else error)
        if trouble is not None:
            self._cancelled = False
            raise trouble

    def _abandon(self) -> None:
        """Cancels as far as the service lets us: the error that led here is the one to tell."""
        with contextlib.suppress(ArchiveError):
            self.cancel()

    def _refuse_cancelled(self) -> None:
        if self._cancelled:
            about = self._context.about(", ".join(self.request_ids))
            raise about.error(Cancelled, "it was cancelled before it was done", "run it again")

    def _unfinished(self) -> list[_Search]:
        return [search for search in self._searches if not search.status.done]

    def _wait_for(self, search: _Search, deadline: float) -> None:
        began, delay = time.monotonic(), FIRST_POLL
        while True:
            self._poll(search, deadline)
            if search.status.done:
                return
            left = deadline - time.monotonic()
            if left > 0:
                self._pause(min(jittered(delay), left))
            if time.monotonic() >= deadline:
                message = f"the search was not done after {time.monotonic() - began:.1f} s, and is cancelled"
                hint = "allow it more time, or ask for a shorter time window"
                raise self._context.about(search.request_id).error(TimedOut, message, hint)
            delay = min(delay * BACK_OFF, SLOWEST_POLL)

    def _poll(self, search: _Search, deadline: float) -> None:
        answer = self._wire.ask(Call(STATUS, "GET", search.path), deadline, search.request_id)
        search.status = read_status(answer, self._context.about(search.request_id))

    def _fetch(self, search: _Search, deadline: float, *, several: bool) -> list[Record]:
        kind, tree = search.request.kind, search.request.response_format
        if tree is not None and several:
            tree = widened(tree, kind)
        answer = self._wire.ask(_data_call(search, tree), deadline, search.request_id)
        return read_records(answer, kind, search.status.result_count, self._context.about(search.request_id))

    def _together(self) -> Status:
        every = [search.status for search in self._searches]
        counts = [status.result_count for status in every if status.result_count is not None]
        logs = tuple(line for status in every for line in status.logs)
        known = len(counts) == len(every)
        return Status(all(status.done for status in every), sum(counts) if known else None, logs)


def _data_call(search: _Search, tree: Tree | None) -> Call:
    method = "GET" if tree is None else "POST"
    return Call(DATA, method, f"{search.path}/data", tree)


def _is_gone(error: ArchiveError) -> bool:
    return isinstance(error, Refused) and error.message.startswith("404")
