"""One HTTP exchange with the service: bounded in time, and repeated only where that cannot ask for a thing twice.

Invariant: nothing is sent to another origin than the archive's own, and no call outlives its deadline.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from random import SystemRandom
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import requests
from urllib3.exceptions import HTTPError

from auroraql.archives.aurorax.address import same_origin_target
from auroraql.archives.aurorax.answers import Answer, Context, Step, expect, retry_after
from auroraql.archives.aurorax.broken import CONNECT_SECONDS, Broken, diagnose
from auroraql.archives.aurorax.line import Adapter, Line
from auroraql.archives.endpoints import is_loopback
from auroraql.errors import Cancelled, Failed, TimedOut

TRIES = 4
"""How often one step is tried before its error is told."""

_FIRST_DELAY = 0.2
_SILENT_SECONDS = 120.0
"""How long the service may send nothing at all; a large result takes it a while to write."""
_MOST_REDIRECTS = 3
_MOST_CONNECTIONS = 32
"""So many are kept open: several searches may be under way, each with several requests."""
_PASSING = (429, 500, 502, 503, 504)
_CHUNK = 256 * 1024
_TICK = 0.05
_MOST_WHOLE = 64 << 20
"""Bytes of an answer that is kept whole; lists of sources are far smaller."""
_MOST_OF_ERROR = 1 << 20
"""Bytes that are looked at of an answer which is no good one."""
_SLOWEST = 1024.0
"""Bytes a second below which an answer under way is too slow for the patience of its call."""

_spread = SystemRandom().uniform


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a call; `answer` is what came nevertheless within the grace given."""

    def __init__(self, answer: Answer | None) -> None:
        self.answer = answer
        super().__init__()


class Reader(Protocol):
    """Takes the body of a good answer while it arrives."""

    def feed(self, data: bytes) -> None:
        """Takes more of the body."""

    @property
    def has_enough(self) -> bool:
        """Whether the rest of the body is not needed."""

    @property
    def body(self) -> bytes:
        """What the answer keeps of it."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is sent: method, path below the base URL, JSON body; `step` says how it is treated.

    `reader` makes what reads the body of a good answer, anew for each try. When `patience` is given, the answer must
    begin within that many seconds, and not come drop by drop. `owner` may have it cut off (`Wire.cut`).
    """

    step: Step
    method: str
    path: str
    body: Any = None
    reader: Callable[[], Reader] | None = None
    patience: float | None = None
    owner: object = None
    tries: int = TRIES


_LATE = Broken(
    TimedOut, "the deadline passed before it answered", lasting=True, hint="allow it more time, or ask for less"
)


TOO_SLOW = Broken(TimedOut, "it did not answer in time", lasting=True)
"""The patience of a call ended before its deadline."""

_CUT = Broken(Cancelled, "nobody waits for the answer any more", lasting=True)


class _Drop(Exception):
    """The answer comes too slowly for the patience of its call."""


class Endless(ValueError):
    """More came than can be an answer; says what, and the way out."""

    def __init__(self, words: str, hint: str = "ask for less at once") -> None:
        self.words, self.hint = words, hint
        super().__init__(words)


def jittered(seconds: float) -> float:
    """The time, a fifth more or less, so that many clients do not come at once."""
    return seconds * _spread(0.8, 1.2)


class Whole:
    """Keeps a body as it is."""

    has_enough = False

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> None:
        """Takes more of the body. Raises Endless."""
        self._chunks.append(data)
        self._size += len(data)
        if self._size > _MOST_WHOLE:
            raise Endless(f"its answer is longer than {_MOST_WHOLE >> 20} MB")

    @property
    def body(self) -> bytes:
        """All of it."""
        return b"".join(self._chunks)


class _Session(requests.Session):
    """Redirects are followed here, by rules of our own; requests would read their bodies to look where they lead."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        """Nowhere."""
        return


_Outcomes = queue.SimpleQueue[Answer | Exception | None]
"""What comes of one exchange; before it a None, once the answer has begun."""


class Wire:
    """The connection to one service; connections are kept open and used again."""

    def __init__(self, url: str, context: Context, pause: Callable[[float], object]) -> None:
        self.url, self._context, self._pause = url, context, pause
        self._lines: dict[Line, object] = {}
        self._cuts: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        self._session = _Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, Adapter(pool_maxsize=_MOST_CONNECTIONS))
        # Always something: requests looks into ~/.netrc where there is nothing, and takes an empty key for nothing.
        self._session.auth = context.key.sign
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))  # none is kept, so none is sent
        # A key for this machine does not pass through another one.
        self._proxies = {"http": None, "https": None, "all": None} if context.key and is_loopback(url) else None
        self._session.headers.update(
            {"User-Agent": f"auroraql/{_version()}", "Accept": "application/json", "Accept-Encoding": "gzip"}
        )

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def cut(self, owner: object) -> None:
        """Ends the exchanges under way of an owner, who waits for none of them any more."""
        self._cuts[owner] = self._cuts.get(owner, 0) + 1
        for line, its_owner in list(self._lines.items()):
            if its_owner is owner:
                line.cut()

    def ask(self, call: Call, deadline: float, request_id: str = "", *, grace: float = 0.0) -> Answer:
        """Sends the call and answers what its step expects; `deadline` in seconds of `time.monotonic`.

        On Ctrl-C raises Interrupted, after waiting up to `grace` seconds for an answer under way.
        Raises the ArchiveError that the answer, or its absence, means.
        """
        outcome = self.answer(call, deadline, grace=grace)
        context = self._context.about(request_id)
        if isinstance(outcome, Broken):
            raise context.error(outcome.error, outcome.words, outcome.hint)
        expect(outcome, call.step, context)
        return outcome

    def answer(self, call: Call, deadline: float, *, grace: float = 0.0) -> Answer | Broken:
        """The same, whatever the answer is, or why there is none."""
        cuts = self._cuts.get(call.owner, 0) if call.owner is not None else 0
        outcome = self._exchange(call, deadline, grace)
        for delay in _delays(call.tries):
            wait = _wait(call, outcome, delay)
            if wait is None or time.monotonic() + wait >= deadline:
                break
            self._pause(wait)
            if call.owner is not None and self._cuts.get(call.owner, 0) != cuts:
                return _CUT  # meanwhile nobody waits for it any more
            outcome = self._exchange(call, deadline, grace)
        return outcome

    def _exchange(self, call: Call, deadline: float, grace: float) -> Answer | Broken:
        """The exchange, on a thread of its own: name resolution, handshakes and headers that trickle cannot be
        bounded from within; a thread that is too late is left behind, and its connection is cut.
        """
        if time.monotonic() >= deadline:
            return _LATE
        outcomes: _Outcomes = queue.SimpleQueue()
        line = Line()

        def work() -> None:
            try:
                with line:
                    answer = self._send(call, deadline, lambda: outcomes.put(None))
                outcomes.put(answer)
            except Exception as error:  # handed over whole, and raised or told by the caller
                outcomes.put(error)

        self._lines[line] = call.owner
        threading.Thread(target=work, name="auroraql-http", daemon=True).start()
        try:
            begins = deadline if call.patience is None else min(deadline, time.monotonic() + call.patience)
            outcome = _taken(outcomes, begins, deadline)
        except KeyboardInterrupt:
            late = _taken(outcomes, time.monotonic() + grace) if grace else None
            raise Interrupted(late if isinstance(late, Answer) else None) from None
        finally:
            line.cut()  # does nothing to one that is over
            del self._lines[line]
        return _meant(outcome, deadline, line)

    def _send(self, call: Call, deadline: float, begun: Callable[[], object]) -> Answer:
        url = self.url + call.path
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._send_once(call, url, deadline, begun)
            repeats = answer.status in (307, 308) or (call.method == "GET" and answer.status in (301, 302, 303))
            target = same_origin_target(url, answer.headers.get("location", "")) if repeats else None
            if target is None:
                return answer
            url = target
        raise Endless(f"{answer.status} redirected again and again", "check the archive's address")

    def _send_once(self, call: Call, url: str, deadline: float, begun: Callable[[], object]) -> Answer:
        left = max(deadline - time.monotonic(), 0.001)
        # A little longer than the patience: who waits is to see that it ended, and this thread then ends by itself.
        silent = min(left, _SILENT_SECONDS if call.patience is None else 1.5 * call.patience)
        with self._session.request(
            call.method,
            url,
            json=call.body,
            timeout=(min(left, CONNECT_SECONDS), silent),
            allow_redirects=False,
            stream=True,
            proxies=self._proxies,  # type: ignore[arg-type]
        ) as response:
            begun()
            good = response.status_code in call.step.expected
            reader = call.reader() if call.reader is not None and response.status_code == 200 else Whole()
            began, size = time.monotonic(), 0
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                reader.feed(chunk)
                if reader.has_enough:
                    break
                size += len(chunk)
                now = time.monotonic()
                if now >= deadline:
                    raise TimeoutError
                if not good and size > _MOST_OF_ERROR:
                    break
                if call.patience and now - began > call.patience and size < _SLOWEST * (now - began):
                    raise _Drop
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, headers, reader.body, reader)


def _meant(outcome: Answer | Exception | None, deadline: float, line: Line) -> Answer | Broken:
    """What came of an exchange; raises what is a fault of ours."""
    late = time.monotonic() >= deadline
    match outcome:
        case Answer():
            return outcome
        case None:
            return _LATE if late else TOO_SLOW
        case _Drop():
            return TOO_SLOW
        case Endless(words=words, hint=hint):
            return Broken(Failed, words, lasting=True, hint=hint)
        case OSError() | HTTPError() | ValueError():
            return _LATE if late else _CUT if line.was_cut else diagnose(outcome, line.phase)
    raise outcome


def _version() -> str:
    try:
        return version("auroraql")
    except PackageNotFoundError:
        return "0"


def _taken(outcomes: _Outcomes, begins: float, deadline: float | None = None) -> Answer | Exception | None:
    """The outcome, or None when its answer has not begun by then, or is not there at the deadline (`begins`, if none).

    Waits in ticks, as Windows hears no Ctrl-C during one long wait.
    """
    last = begins
    while (left := last - time.monotonic()) > 0:
        try:
            outcome = outcomes.get(timeout=min(left, _TICK))
        except queue.Empty:
            continue
        if outcome is not None:
            return outcome
        last = begins if deadline is None else deadline
    return None


def _delays(tries: int) -> Iterator[float]:
    """The pauses between the tries of one step, in seconds."""
    return (jittered(_FIRST_DELAY * 2**i) for i in range(tries - 1))


def _wait(call: Call, outcome: Answer | Broken, delay: float) -> float | None:
    """How long to wait before trying again; None when that is of no use, or could run a search twice."""
    if isinstance(outcome, Broken):
        return delay if not outcome.lasting and (call.step.repeatable or not outcome.arrived) else None
    # A search that is turned away for now has not been taken, so it may be sent again; any other failure may have.
    if outcome.status not in (_PASSING if call.step.repeatable else (429,)):
        return None
    return max(delay, retry_after(outcome.headers.get("retry-after", "")) or 0.0)
