"""A plan under way on the service: asked at once, or submitted, polled, fetched and cancelled, as the API's own steps.

Invariant: a search that nobody waits for any more is cancelled, and what is fetched is whole or an error.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from auroraql.archives.aurorax.answers import (
    AT_ONCE,
    CANCEL,
    DATA,
    STATUS,
    SUBMIT,
    Answer,
    Context,
    read_status,
    read_submitted,
)
from auroraql.archives.aurorax.broken import Broken
from auroraql.archives.aurorax.progress import Meter
from auroraql.archives.aurorax.records import narrowed, read_records, record_reader, united, widened
from auroraql.archives.aurorax.side_by_side import side_by_side
from auroraql.archives.aurorax.under_way import UnderWay
from auroraql.archives.aurorax.ways import PATIENCE, Ways
from auroraql.archives.aurorax.wire import TOO_SLOW, Call, Interrupted, Wire, jittered
from auroraql.archives.base import Progress, Status, SubmissionInterrupted
from auroraql.errors import ArchiveError, Cancelled, Failed, Refused, TimedOut
from auroraql.forms import query_json
from auroraql.plan import Plan, Request, Residual
from auroraql.query import Tree
from auroraql.results import Fetched, Record
from auroraql.schema import CONJUNCTIONS, PROTOCOLS

FIRST_POLL, SOONEST_POLL, SLOWEST_POLL = 0.1, 0.06, 2.5
LATE_BY = 0.2
"""How late the end of a search is noticed, as a part of the time that it took."""

_SUBMIT_SECONDS = 60.0
_STATUS_SECONDS = 30.0
_CANCEL_SECONDS = 5.0
_GRACE_SECONDS = 2.0
"""How long Ctrl-C during a submission waits for the request id, without which nothing can be cancelled."""


_UNKNOWN = Status(False, None, ())


@dataclass(slots=True, eq=False)
class _Search:
    """One request of the plan on the service, the last that is known of it, and its records once they are there."""

    request: Request
    request_id: str = ""
    status: Status = _UNKNOWN
    records: Sequence[Record] | None = None

    @property
    def path(self) -> str:
        return PROTOCOLS[self.request.kind].request(self.request_id)


@dataclass(frozen=True, slots=True)
class Service:
    """What every run of one engine shares: the connection, who is asked, how to wait, and which ways are open."""

    wire: Wire
    context: Context
    pause: Callable[[float], object]
    ways: Ways


class AuroraXRun:
    """The `Run` of the contract, over HTTP. Made by `AuroraXEngine`.

    A run that is `awaited` asks for nothing before `wait`, and then goes through its requests a few at a time, each
    from its submission to its records.
    """

    def __init__(self, plan: Plan, service: Service, *, awaited: bool = False) -> None:
        self.plan = plan
        self._service, self._awaited, self._meter = service, awaited, Meter()
        self._wire, self._context = service.wire, service.context
        self._searches = [_Search(request) for request in plan.requests]
        self._cancelled = self._stopped = self._listed = self._left = False
        self._turn, self._in_vain_until = 0, 0.0
        self._arriving, self.ending = UnderWay(), UnderWay()

    @property
    def request_ids(self) -> tuple[str, ...]:
        """The service's ids of the searches, in plan order; what was answered at once has none."""
        return tuple(search.request_id for search in self._searches if search.request_id)

    @property
    def request_urls(self) -> tuple[str, ...]:
        """Where the service tells of each of these."""
        return tuple(self._wire.url + search.path for search in self._searches if search.request_id)

    @property
    def known(self) -> Status:
        """Where it stood when the service was last asked."""
        return self._together()

    def progress(self) -> Progress:
        """How far it has come."""
        return self._meter.now()

    def leave(self) -> bool:
        """Lets the searches go on, as nobody's to cancel; whether the service has all of them."""
        self._left = all(search.request_id for search in self._searches)
        return self._left

    @property
    def open(self) -> bool:
        """Whether a search of it may still be running, and is ours to cancel."""
        return bool(self._unfinished()) and not self._cancelled and not self._left

    def submit(self) -> None:
        """`POST …/search` for each request; when one fails, the others are cancelled. Raises ArchiveError.

        On Ctrl-C raises SubmissionInterrupted at once, while what is under way goes on behind.
        """
        if self._awaited:
            return
        try:
            side_by_side(partial(self._submit, deadline=float("inf")), self._searches, behind=True)
        except KeyboardInterrupt:
            raise SubmissionInterrupted(self) from None
        except ArchiveError:
            self._abandon()
            raise

    def attach(self, request_id: str, status: Status) -> None:
        """Takes a search that the service has already as that of its one request."""
        self._searches[0].request_id, self._searches[0].status = request_id, status

    def _submit(self, search: _Search, deadline: float) -> None:
        request, last = search.request, min(deadline, time.monotonic() + _SUBMIT_SECONDS)
        call = Call(SUBMIT, "POST", PROTOCOLS[request.kind].search, query_json.write(request))
        with self._arriving.one():
            self._refuse_cancelled()
            try:
                answer = self._wire.ask(call, last, grace=_GRACE_SECONDS)
            except Interrupted as interrupted:
                if interrupted.answer is not None:
                    # No id in a late answer means that there is nothing to cancel.
                    with contextlib.suppress(ArchiveError):
                        search.request_id = read_submitted(interrupted.answer, self._context)
                raise
            search.request_id = read_submitted(answer, self._context)
        if self._listed:  # it came too late to be cancelled with the others
            self._cancel(search, time.monotonic() + _CANCEL_SECONDS)

    def status(self) -> Status:
        """`GET …/requests/{id}` once for each unfinished search; one status of all. Raises ArchiveError."""
        self._refuse_cancelled()
        deadline = time.monotonic() + _STATUS_SECONDS
        side_by_side(partial(self._poll, deadline=deadline), [each for each in self._unfinished() if each.request_id])
        return self._together()

    def wait(self, deadline: float) -> Status:
        """Polls until every search is done, soon at first and then every 2.5 s. `deadline` as of `time.monotonic`.

        Raises TimedOut at the deadline and Failed when a search failed; the searches are cancelled on the service
        then, and on Ctrl-C. Raises other ArchiveErrors as they come, and leaves the searches running.
        """
        self._refuse_cancelled()
        try:
            while self._unfinished():  # again where another that waited for it has given up
                side_by_side(partial(self._complete, deadline=deadline, turn=self._turn), self._unfinished())
        except TimedOut as error:
            raise self._ended_late(error, self._abandon()) from None
        except (Failed, KeyboardInterrupt):
            self._abandon()
            raise
        except ArchiveError:
            self._let_go()
            raise
        return self._together()

    def _let_go(self) -> None:
        """What is still under way on other threads, when one has failed, ends."""
        self._turn += 1
        self._wire.cut(self)

    def _ended_late(self, error: TimedOut, trouble: ArchiveError | None) -> ArchiveError:
        """The error that ended it, and what became of the searches."""
        became = "" if not self.request_ids else ", and is cancelled" if trouble is None else ", and may still run"
        hint = error.hint if trouble is None else f"{error.hint}; it could not be cancelled: {trouble.message}"
        return self._context.about(error.request_id).error(TimedOut, error.message + became, hint)

    def _complete(self, search: _Search, deadline: float, turn: int) -> None:
        """Brings one search to its end; of an awaited run, its records too."""
        wanted = self._awaited and not self.plan.counted
        if wanted and self._service.ways.at_once(search.request) and self._ask_at_once(search, deadline):
            return
        if not search.request_id:
            self._submit(search, deadline)
        self._wait_for(search, deadline, turn)
        if wanted and turn == self._turn:
            self._fetch(search, deadline)

    def _ask_at_once(self, search: _Search, deadline: float) -> bool:
        """`POST …/search_synchronous`; whether that gave the records. Raises TimedOut at the deadline.

        Whatever else comes of it, the search is submitted then, which has a request id and reasons to tell.
        """
        request, began = search.request, time.monotonic()
        body = {"query": query_json.write(request), "response_format": self._format(search)}
        call = Call(
            AT_ONCE,
            "POST",
            PROTOCOLS[request.kind].search_synchronous,
            {key: value for key, value in body.items() if value is not None},
            self._reader(search),
            PATIENCE,
            self,
        )
        answer = self._wire.answer(call, deadline)
        match answer:
            case Answer(status=200):
                with contextlib.suppress(ArchiveError):
                    records = read_records(answer, request.kind, None, self._context)
                    search.records, search.status = records, Status(True, len(records), ())
                    return True
            case Broken() if time.monotonic() >= deadline:
                raise self._too_late("", began)
            case Broken(arrived=False):
                raise self._context.error(answer.error, answer.words, answer.hint)
        if answer is TOO_SLOW:
            self._service.ways.took_too_long(request)
        elif not self._stopped and not self._cancelled:
            self._service.ways.close(request, answer.status if isinstance(answer, Answer) else 0)
        return False

    def fetch(self, deadline: float) -> Fetched:
        """`GET …/requests/{id}/data`, or `POST` of a response_format. Waits first if that was not done.

        Where only the number of records is asked for, it is that of the status, and nothing is fetched.
        Raises Failed when fewer records come than were announced, Refused when they are not kept any more.
        """
        count = self.wait(deadline).result_count
        if self.plan.counted and count is not None:
            return Fetched(rows=[(count,) * len(self.plan.query.select or ())])
        try:
            missing = [search for search in self._searches if search.records is None]
            side_by_side(partial(self._fetch, deadline=deadline), missing)
        except BaseException:
            self._let_go()
            raise
        return Fetched(records=self._all_records())

    def _all_records(self) -> Sequence[Record]:
        """The records of every request, each once."""
        batches = [search.records if search.records is not None else [] for search in self._searches]
        if not batches:
            return []
        records = united(batches, self.plan.query.kind, self.plan.requests)
        tree = self.plan.requests[0].response_format if len(batches) > 1 else None
        return records if tree is None else narrowed(records, tree)

    def cancel(self, *, patient: bool = False) -> None:
        """`DELETE …/requests/{id}` for the unfinished searches. Raises ArchiveError when the service says no.

        What is under way on other threads ends: answers that were asked for at once, records that are being fetched.
        """
        if self._cancelled or time.monotonic() < self._in_vain_until:
            return
        self._cancelled = bool(self._unfinished())
        self._wire.cut(self)
        if not self._cancelled:
            return
        with self.ending.one():
            self._cancel_all(_SUBMIT_SECONDS if patient else _GRACE_SECONDS)

    def _cancel_all(self, grace: float) -> None:
        """Cancels the unfinished searches, once their request ids are there. Raises ArchiveError."""
        self._arriving.over_within(grace)
        self._listed = True
        deadline = time.monotonic() + _CANCEL_SECONDS
        known = [search for search in self._unfinished() if search.request_id]
        troubles = side_by_side(partial(self._cancel, deadline=deadline), known)
        trouble = next((each for each in troubles if each is not None), None)
        if trouble is not None:
            self._cancelled = self._listed = False
            self._in_vain_until = time.monotonic() + _CANCEL_SECONDS
            raise trouble

    def _cancel(self, search: _Search, deadline: float) -> ArchiveError | None:
        """Cancels one search; the error that this met, but that the service does not know it and so does not run it."""
        try:
            self._wire.ask(Call(CANCEL, "DELETE", search.path), deadline, search.request_id)
        except ArchiveError as error:
            # The rest is still to be cancelled.
            return None if _is_gone(error) else error
        return None

    def _abandon(self) -> ArchiveError | None:
        """Cancels as far as the service lets us; what kept it from that. The error that led here is the one to tell."""
        self._stopped = True
        self._let_go()
        try:
            self.cancel()
        except ArchiveError as trouble:
            return trouble
        return None

    def _refuse_cancelled(self) -> None:
        if self._cancelled or self._stopped:
            about = self._context.about(", ".join(self.request_ids))
            raise about.error(Cancelled, "it was cancelled before it was done", "run it again")

    def _unfinished(self) -> list[_Search]:
        return [search for search in self._searches if not search.status.done]

    def _wait_for(self, search: _Search, deadline: float, turn: int) -> None:
        began, delay, waited = time.monotonic(), FIRST_POLL, 0.0
        while not search.status.done and turn == self._turn:
            self._refuse_cancelled()
            # Said below, of the search and not of the one question; or cut off by another that waits for it too.
            with contextlib.suppress(TimedOut, Cancelled):
                self._poll(search, deadline)
            if search.status.done:
                return
            left = deadline - time.monotonic()
            if left > 0:
                self._service.pause(min(jittered(delay), left))
            if time.monotonic() >= deadline:
                raise self._too_late(search.request_id, began)
            waited += delay
            delay = min(max(SOONEST_POLL, LATE_BY * waited), SLOWEST_POLL)

    def _too_late(self, request_id: str, began: float) -> ArchiveError:
        message = f"the search was not done after {time.monotonic() - began:.1f} s"
        hint = "allow it more time, or ask for a shorter time window"
        return self._context.about(request_id).error(TimedOut, message, hint)

    def _poll(self, search: _Search, deadline: float) -> None:
        call = Call(STATUS, "GET", search.path, owner=self)
        answer = self._wire.ask(call, deadline, search.request_id)
        search.status = read_status(answer, self._context.about(search.request_id))
        if search.status.logs:
            self._meter.said(search.status.logs[-1].summary)

    def _fetch(self, search: _Search, deadline: float) -> None:
        tree = self._format(search)
        method = "GET" if tree is None else "POST"
        call = Call(DATA, method, f"{search.path}/data", tree, self._reader(search), owner=self)
        answer = self._wire.ask(call, deadline, search.request_id)
        about, expected = self._context.about(search.request_id), search.status.result_count
        search.records = read_records(answer, search.request.kind, expected, about)

    def _format(self, search: _Search) -> Tree | None:
        """The response_format to ask for; of several requests, with what tells their records apart."""
        tree = search.request.response_format
        return widened(tree, search.request.kind) if tree is not None and len(self._searches) > 1 else tree

    def _reader(self, search: _Search) -> Any:
        expected = search.status.result_count
        return partial(record_reader, search.request.kind, self._meter.received(search), expected, self._wanted())

    def _wanted(self) -> int | None:
        """How many records of each request suffice; None where all are looked at.

        Each request's first records suffice: those that it shares with requests before it are among the ones counted.
        """
        left = self.plan.residual
        if left.limit is None or left != Residual(limit=left.limit, offset=left.offset, select=left.select):
            return None
        is_joined = self.plan.query.kind == CONJUNCTIONS.name and len(self._searches) > 1
        return None if left.aggregates or is_joined else left.limit + left.offset

    def _together(self) -> Status:
        every = [search.status for search in self._searches]
        counts = [status.result_count for status in every if status.result_count is not None]
        logs = tuple(line for status in every for line in status.logs)
        known = len(counts) == len(every)
        return Status(all(status.done for status in every), sum(counts) if known else None, logs)


def _is_gone(error: ArchiveError) -> bool:
    return isinstance(error, Refused) and error.message.startswith("404")
