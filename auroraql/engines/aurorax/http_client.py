"""HTTP client for one service: bounds each exchange in time, and retries only where no search can run twice.

Invariant: requests go only to the archive's own origin, and no call outlives its deadline.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from random import SystemRandom
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import requests
from urllib3.exceptions import HTTPError

from auroraql.diagnostics.errors import Cancelled, Failed, TimedOut
from auroraql.downloads.http_headers import parse_retry_after
from auroraql.engines.aurorax.cancellable_connection import CancellableAdapter, CancellableConnection
from auroraql.engines.aurorax.credentials import same_origin_target
from auroraql.engines.aurorax.responses import (
    ProtocolStep,
    ServiceContext,
    ServiceResponse,
    check_status,
)
from auroraql.engines.aurorax.transport_errors import (
    CONNECT_SECONDS,
    NOT_HTTP_FAILURE,
    TransportFailure,
    diagnose_transport,
)
from auroraql.engines.registry import is_loopback

MAX_TRIES = 4
"""Attempts per step before its error is raised."""

_FIRST_DELAY = 0.2
_SILENT_SECONDS = 120.0
"""Seconds without data before an exchange fails; a large result takes the service a while to write."""
_MAX_REDIRECTS = 3
_MAX_CONNECTIONS = 32
"""Connections kept open: several searches may run, each with several requests."""
_RETRIABLE_STATUSES = (429, 500, 502, 503, 504)
_CHUNK = 256 * 1024
_TICK = 0.05
_MAX_BODY_BYTES = 64 << 20
"""Size limit in bytes of a response held whole; source lists are far smaller."""
_MAX_ERROR_BYTES = 1 << 20
"""Bytes read of an error response."""
_MIN_BYTES_PER_SECOND = 1024.0
"""Bytes per second below which a response is too slow for a call with `patience`."""

_spread = SystemRandom().uniform


class CallInterrupted(KeyboardInterrupt):
    """Ctrl-C during a call. `answer` is the response that arrived within the grace period, if any."""

    def __init__(self, answer: ServiceResponse | None) -> None:
        self.answer = answer
        super().__init__()


class BodyReader(Protocol):
    """Consumer of a successful response body as it arrives."""

    def feed(self, data: bytes) -> None:
        """Process the next chunk of the body."""

    @property
    def has_enough(self) -> bool:
        """Whether the rest of the body is not needed."""

    @property
    def body(self) -> bytes:
        """Part of the body that the response keeps."""


@dataclass(frozen=True, slots=True)
class ServiceCall:
    """One request: method, path below the base URL, JSON body, and the protocol `step` that it performs.

    `reader` creates the consumer of a successful body, once per attempt. With `patience`, the response must begin
    within that many seconds and keep a minimum rate. `owner` identifies calls for `HttpClient.cancel_owner`.
    """

    step: ProtocolStep
    method: str
    path: str
    body: Any = None
    reader: Callable[[], BodyReader] | None = None
    patience_seconds: float | None = None
    owner: object = None
    tries: int = MAX_TRIES


_DEADLINE_FAILURE = TransportFailure(
    TimedOut, "no response before the deadline", is_permanent=True, hint="increase the timeout, or narrow the search"
)


TOO_SLOW_FAILURE = TransportFailure(TimedOut, "it did not respond in time", is_permanent=True)
"""Outcome of a call whose patience ended before its deadline."""

_CANCELLED_FAILURE = TransportFailure(Cancelled, "the caller no longer waits for the answer", is_permanent=True)


class _TooSlow(Exception):
    """Raised when a response arrives too slowly for the patience of its call."""


class OversizedResponse(ValueError):
    """A response that exceeds a limit; `words` describes it, and `hint` is the way out."""

    def __init__(self, words: str, hint: str = "narrow the search") -> None:
        self.words, self.hint = words, hint
        super().__init__(words)


def add_jitter(seconds: float) -> float:
    """Return the delay varied by up to 20 %, so that many clients do not retry at the same time."""
    return seconds * _spread(0.8, 1.2)


class WholeBody:
    """Reader that keeps the whole body."""

    has_enough = False

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> None:
        """Append a chunk. Raises OversizedResponse above the size limit."""
        self._chunks.append(data)
        self._size += len(data)
        if self._size > _MAX_BODY_BYTES:
            raise OversizedResponse(f"its response is longer than {_MAX_BODY_BYTES >> 20} MB")

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self._chunks)


class _HttpSession(requests.Session):
    """Session without redirect handling: requests reads redirect bodies, and this client restricts targets."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        """Report no redirect, so that requests does not follow it."""
        return


_Outcomes = queue.SimpleQueue[ServiceResponse | Exception | None]
"""Queue of one exchange: None when the response begins, then the result."""


class HttpClient:
    """HTTP client of one service, with a pool of reused connections."""

    def __init__(self, url: str, context: ServiceContext, pause: Callable[[float], object]) -> None:
        self.url, self._context, self._pause = url, context, pause
        self._lines: dict[CancellableConnection, object] = {}
        self._cuts: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        self._has_answered = False
        self._session = _HttpSession()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, CancellableAdapter(pool_maxsize=_MAX_CONNECTIONS))
        # Always set auth: without it, requests reads ~/.netrc, and it treats an empty key as none.
        self._session.auth = context.key.authorize
        self._session.cookies.set_policy(
            DefaultCookiePolicy(allowed_domains=())
        )  # store no cookies, so that none are sent
        # Do not send a key for a loopback address through a proxy.
        self._proxies = {"http": None, "https": None, "all": None} if context.key and is_loopback(url) else None
        self._session.headers.update(
            {"User-Agent": f"auroraql/{_version()}", "Accept": "application/json", "Accept-Encoding": "gzip"}
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def cancel_owner(self, owner: object) -> None:
        """Abort the running exchanges of an owner that stopped waiting."""
        self._cuts[owner] = self._cuts.get(owner, 0) + 1
        for line, line_owner in list(self._lines.items()):
            if line_owner is owner:
                line.cancel()

    def call(self, call: ServiceCall, deadline: float, request_id: str = "", *, grace: float = 0.0) -> ServiceResponse:
        """Send the call and return the response that its step expects; `deadline` is a `time.monotonic` time.

        On Ctrl-C raises CallInterrupted, after waiting up to `grace` seconds for the response. Raises the ArchiveError for
        any other response or a transport failure.
        """
        outcome = self.call_unchecked(call, deadline, grace=grace)
        context = self._context.for_request(request_id)
        if isinstance(outcome, TransportFailure):
            raise context.error(outcome.error, outcome.words, outcome.hint)
        check_status(outcome, call.step, context)
        return outcome

    def call_unchecked(
        self, call: ServiceCall, deadline: float, *, grace: float = 0.0
    ) -> ServiceResponse | TransportFailure:
        """Send the call, with retries, and return any response or the transport failure."""
        cuts = self._cuts.get(call.owner, 0) if call.owner is not None else 0
        outcome = self._after_answers(self._exchange(call, deadline, grace))
        for delay in _retry_delays(call.tries):
            wait = _retry_wait(call, outcome, delay)
            if wait is None or time.monotonic() + wait >= deadline:
                break
            self._pause(wait)
            if call.owner is not None and self._cuts.get(call.owner, 0) != cuts:
                return _CANCELLED_FAILURE  # the owner stopped waiting during the pause
            outcome = self._after_answers(self._exchange(call, deadline, grace))
        return outcome

    def _after_answers(self, outcome: ServiceResponse | TransportFailure) -> ServiceResponse | TransportFailure:
        """Return the outcome; allow a retry of a non-HTTP response if the service spoke HTTP before.

        Leftovers of an abandoned slow response may precede the next response on the same connection.
        """
        if isinstance(outcome, ServiceResponse):
            self._has_answered = True
        return replace(outcome, is_permanent=False) if outcome is NOT_HTTP_FAILURE and self._has_answered else outcome

    def _exchange(self, call: ServiceCall, deadline: float, grace: float) -> ServiceResponse | TransportFailure:
        """Run one exchange on its own thread.

        Name resolution, handshakes and slowly arriving headers cannot be bounded from within. A thread that exceeds its
        time is abandoned, and its connection is shut down.
        """
        if time.monotonic() >= deadline:
            return _DEADLINE_FAILURE
        outcomes: _Outcomes = queue.SimpleQueue()
        line = CancellableConnection()

        def work() -> None:
            try:
                with line:
                    answer = self._send(call, deadline, lambda: outcomes.put(None))
                outcomes.put(answer)
            except Exception as error:  # passed to the caller, which classifies or raises it
                outcomes.put(error)

        self._lines[line] = call.owner
        threading.Thread(target=work, name="auroraql-http", daemon=True).start()
        try:
            begins = (
                deadline if call.patience_seconds is None else min(deadline, time.monotonic() + call.patience_seconds)
            )
            outcome = _take_outcome(outcomes, begins, deadline)
        except KeyboardInterrupt:
            late = _take_outcome(outcomes, time.monotonic() + grace) if grace else None
            raise CallInterrupted(late if isinstance(late, ServiceResponse) else None) from None
        finally:
            line.cancel()  # does nothing after the exchange has ended
            del self._lines[line]
        return _interpret_outcome(outcome, deadline, line)

    def _send(self, call: ServiceCall, deadline: float, on_begin: Callable[[], object]) -> ServiceResponse:
        url = self.url + call.path
        for _ in range(_MAX_REDIRECTS + 1):
            answer = self._send_once(call, url, deadline, on_begin)
            repeats = answer.status in (307, 308) or (call.method == "GET" and answer.status in (301, 302, 303))
            target = same_origin_target(url, answer.headers.get("location", "")) if repeats else None
            if target is None:
                return answer
            url = target
        raise OversizedResponse(f"too many redirects ({answer.status})", "check the archive's address")

    def _send_once(
        self, call: ServiceCall, url: str, deadline: float, on_begin: Callable[[], object]
    ) -> ServiceResponse:
        remaining = max(deadline - time.monotonic(), 0.001)
        # Slightly longer than the patience, so that the caller notices first and this thread then ends by itself.
        read_timeout = min(remaining, _SILENT_SECONDS if call.patience_seconds is None else 1.5 * call.patience_seconds)
        with self._session.request(
            call.method,
            url,
            json=call.body,
            timeout=(min(remaining, CONNECT_SECONDS), read_timeout),
            allow_redirects=False,
            stream=True,
            proxies=self._proxies,  # type: ignore[arg-type]
        ) as response:
            on_begin()
            good = response.status_code in call.step.expected
            reader = call.reader() if call.reader is not None and response.status_code == 200 else WholeBody()
            began, size = time.monotonic(), 0
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                reader.feed(chunk)
                if reader.has_enough:
                    break
                size += len(chunk)
                now = time.monotonic()
                if now >= deadline:
                    raise TimeoutError
                if not good and size > _MAX_ERROR_BYTES:
                    break
                if (
                    call.patience_seconds
                    and now - began > call.patience_seconds
                    and size < _MIN_BYTES_PER_SECOND * (now - began)
                ):
                    raise _TooSlow
            headers = {name.lower(): value for name, value in response.headers.items()}
            return ServiceResponse(response.status_code, headers, reader.body, reader)


def _interpret_outcome(
    outcome: ServiceResponse | Exception | None, deadline: float, line: CancellableConnection
) -> ServiceResponse | TransportFailure:
    """Classify the outcome of an exchange. Raises unexpected exceptions, which are programming errors."""
    late = time.monotonic() >= deadline
    match outcome:
        case ServiceResponse():
            return outcome
        case None:
            return _DEADLINE_FAILURE if late else TOO_SLOW_FAILURE
        case _TooSlow():
            return TOO_SLOW_FAILURE
        case OversizedResponse(words=words, hint=hint):
            return TransportFailure(Failed, words, is_permanent=True, hint=hint)
        case OSError() | HTTPError() | ValueError():
            return (
                _DEADLINE_FAILURE
                if late
                else _CANCELLED_FAILURE
                if line.was_cut
                else diagnose_transport(outcome, line.phase)
            )
    raise outcome


def _version() -> str:
    try:
        return version("auroraql")
    except PackageNotFoundError:
        return "0"


def _take_outcome(
    outcomes: _Outcomes, begins: float, deadline: float | None = None
) -> ServiceResponse | Exception | None:
    """Return the outcome; None if the response has not begun by `begins`, or ended by `deadline` (default `begins`).

    Waits in ticks because Windows does not deliver Ctrl-C during one long wait.
    """
    limit = begins
    while (remaining := limit - time.monotonic()) > 0:
        try:
            outcome = outcomes.get(timeout=min(remaining, _TICK))
        except queue.Empty:
            continue
        if outcome is not None:
            return outcome
        limit = begins if deadline is None else deadline
    return None


def _retry_delays(tries: int) -> Iterator[float]:
    """Yield the pauses between attempts, in seconds."""
    return (add_jitter(_FIRST_DELAY * 2**i) for i in range(tries - 1))


def _retry_wait(call: ServiceCall, outcome: ServiceResponse | TransportFailure, delay: float) -> float | None:
    """Return the seconds until a retry; None when a retry is useless or could run a search twice."""
    if isinstance(outcome, TransportFailure):
        return delay if not outcome.is_permanent and (call.step.is_repeatable or not outcome.may_have_arrived) else None
    # A 429 rejects a search before it is accepted, so it is safe to resend; after other failures it may be running.
    if outcome.status not in (_RETRIABLE_STATUSES if call.step.is_repeatable else (429,)):
        return None
    return max(delay, parse_retry_after(outcome.headers.get("retry-after", "")) or 0.0)
