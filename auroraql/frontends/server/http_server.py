"""The HTTP side: waitress, with errors in the service's shape, and limits on what slow clients can hold.

Waitress reads a request whole, and sends the answer, outside of the threads that answer: a slow client holds a
connection, and no thread. Connections are limited in number, time and bytes. When there are too many, those that
have been arriving longest are closed, so that new clients always get in.
"""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher
from waitress.utilities import RequestEntityTooLarge

from auroraql.diagnostics.errors import UsageError
from auroraql.frontends.server.http_types import error_document

MAX_BODY_BYTES = 10 * 1024 * 1024
"""Bytes of a request's body; a longer one is refused."""

WORKER_THREADS = 16

_MOST_DISCARDED = 8 * MAX_BODY_BYTES
"""How much of a body that is too long is read and thrown away, so that its sender hears why it was refused."""

_IDLE_AFTER = 60
"""Seconds without a byte, after which a connection is closed."""

_HEADERS_WITHIN = 30.0
"""Seconds in which the headers of a request have arrived."""

_ARRIVES_WITHIN = 300.0
"""Seconds in which a request has arrived, however busy its sender seems."""

_TAKEN_WITHIN = 3600.0
"""Seconds in which an answer is taken: the file that it stands in is given back then."""

_MOST_CONNECTIONS = 1000
"""Connections that are kept; beyond it the slowest ones are closed."""

_MOST_ARRIVING = 256 * 1024 * 1024
"""Bytes of unfinished requests that are kept in all; beyond it the largest ones are closed."""

_IN_MEMORY = 1 << 18
"""Bytes of a request or an answer that are kept in memory; the rest goes to a temporary file."""

_CHECKED_EVERY = 5
"""Seconds between looks at what is overdue."""

_NEW_FOR = 1.0
"""Seconds in which a request or a reader is not taken for a slow one."""

_ACCEPTED_AT_ONCE = 64


class _RequestParser(HTTPRequestParser):  # type: ignore[misc]
    """Reads on to the end of a body that is too long, though not for ever: who is cut off while sending sees no answer."""

    _left = 0

    def received(self, data: bytes) -> int:
        """How much of the data belongs to this request."""
        if self._left:
            taken = min(len(data), self._left)
            self._left -= taken
            self.completed = not self._left
            return taken
        taken: int = super().received(data)  # type: ignore[no-redef]
        if isinstance(self.error, RequestEntityTooLarge) and self.chunked:
            ended = self.body_rcv.completed or self.body_rcv.error
            self.completed = bool(ended) or self.body_bytes_received > _MOST_DISCARDED
            return taken
        too_long = isinstance(self.error, RequestEntityTooLarge) and self.body_bytes_received == 0
        if too_long and not self.expect_continue and self.content_length <= _MOST_DISCARDED:
            self._left, self.completed = self.content_length, False
        return taken


class _ErrorTask(ErrorTask):  # type: ignore[misc]
    """What is wrong with a request that cannot even be read, said as every other error."""

    def execute(self) -> None:
        """Answers, and closes the connection."""
        error = self.request.error
        status = error.code
        body = json.dumps(error_document(status, f"{error.reason.lower()}: {error.body}")).encode()
        self.status = f"{status} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _HttpChannel(HTTPChannel):  # type: ignore[misc]
    """A connection that is closed when a request or an answer takes too long, though bytes trickle."""

    parser_class = _RequestParser
    error_task_class = _ErrorTask
    request: Any
    _began = _sending = 0.0
    _arrived = 0
    """Bytes of the unfinished request."""

    def received(self, data: bytes) -> bool:
        """Take what has arrived; no answer is being sent then."""
        now = time.monotonic()
        self._sending = 0.0
        if self.request is None:
            self._began = now
        elif now - self._began > _ARRIVES_WITHIN:
            self.will_close = True
            return False
        self._count(len(data))
        taken = bool(super().received(data))
        if self.request is None:
            self._count(-self._arrived)
        return taken

    def _count(self, size: int) -> None:
        self._arrived += size
        self.server.arriving += size

    def service(self) -> None:
        """Answer one request. Those that were sent behind it without waiting are dropped: the client sends them again.

        Otherwise a client that does not read could hold a thread, and one connection hundreds of open answers.
        """
        with self.requests_lock:
            if len(self.requests) > 1 or self.request is not None:
                for request in self.requests[1:]:
                    request.close()
                del self.requests[1:]
                self.requests[0].headers["CONNECTION"] = "close"
        super().service()

    def readable(self) -> bool:
        """Whether to read on: not once it is closed, as its number may be another connection's by now."""
        return bool(self.connected and super().readable())

    def writable(self) -> bool:
        """Whether there is something to send."""
        return bool(self.connected and super().writable())

    def handle_write(self) -> None:
        """Send what the client takes."""
        now = time.monotonic()
        self._sending = self._sending or now
        self.will_close = self.will_close or now - self._sending > _TAKEN_WITHIN
        super().handle_write()

    def handle_close(self) -> None:
        """Close the connection, and give up what has arrived of a request."""
        self._count(-self._arrived)
        # Waitress calls this with `requests_lock` held, too, when it cannot send "100 Continue".
        if self.request is not None:
            self.request.close()
        super().handle_close()

    def is_overdue(self, now: float) -> bool:
        """Whether the client has had its time; `now` is `time.time()`."""
        if self.requests:
            return False
        if now - self.last_activity > _IDLE_AFTER:
            return True
        since = time.monotonic()
        if self.request is not None:
            return since - self._began > (_ARRIVES_WITHIN if self.request.headers_finished else _HEADERS_WITHIN)
        return bool(self.total_outbufs_len) and since - (self._sending or since) > _TAKEN_WITHIN

    def patience(self, now: float) -> tuple[int, float]:
        """Sorts connections: the smallest is closed first when there are too many. `now` is `time.time()`."""
        if self.total_outbufs_len:
            since = time.monotonic()
            sending = since - (self._sending or since)
            return (2 if sending > _NEW_FOR else 4), -sending
        if self.request is None and self.last_activity > self.creation_time:
            return 1, self.last_activity
        return (0 if now - self.creation_time > _NEW_FOR else 3), self.creation_time


class _HttpServer(TcpWSGIServer):  # type: ignore[misc]
    """Waitress with room for everyone: new connections are accepted, and slow ones closed instead."""

    channel_class = _HttpChannel
    arriving = 0
    """Bytes of all unfinished requests."""
    most_connections = _MOST_CONNECTIONS

    def readable(self) -> bool:
        """Whether to accept connections. Called before each round of the loop, when closing is safe."""
        if len(self.active_channels) > self.most_connections:
            self._close_slowest(len(self.active_channels) - self.most_connections + self.most_connections // 50)
        if self.arriving > _MOST_ARRIVING:
            self._close_largest()
        return bool(super().readable())

    def handle_accept(self) -> None:
        """Accept what waits, so that a crowd does not keep a new client out."""
        for _ in range(_ACCEPTED_AT_ONCE):
            before = len(self.active_channels)
            super().handle_accept()
            if len(self.active_channels) == before:
                return

    def maintenance(self, now: float) -> None:
        """Close the connections that have had their time, even if their clients read nothing."""
        for channel in list(self.active_channels.values()):
            if channel.is_overdue(now):
                channel.handle_close()

    def _idle(self) -> list[_HttpChannel]:
        """The connections whose requests nothing works on."""
        return [channel for channel in self.active_channels.values() if not channel.requests]

    def _close_slowest(self, count: int) -> None:
        now = time.time()
        for channel in sorted(self._idle(), key=lambda channel: channel.patience(now))[:count]:
            channel.handle_close()

    def _close_largest(self) -> None:
        for channel in sorted(self._idle(), key=lambda channel: channel._arrived, reverse=True):
            if self.arriving <= _MOST_ARRIVING:
                return
            channel.handle_close()


def create_server(application: Callable[..., Any], host: str, port: int) -> Any:
    """A waitress server that listens, and answers once `run` is called. Raises UsageError for a place it cannot have."""
    logging.getLogger("waitress").setLevel(logging.CRITICAL)
    try:
        bound = _bind_socket(host, port)
    except (OSError, UnicodeError, OverflowError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        raise UsageError(f"cannot listen at {host}:{port}: {why}", "give another --host or --port") from None
    most = _max_connections()
    settings = Adjustments(
        sockets=[bound],
        threads=WORKER_THREADS,
        ident="auroraql",
        server_name=f"[{host}]" if ":" in host else host,
        channel_timeout=_IDLE_AFTER,
        cleanup_interval=_CHECKED_EVERY,
        connection_limit=most + 2 * _ACCEPTED_AT_ONCE,
        max_request_body_size=MAX_BODY_BYTES + 1,
        max_request_header_size=65536,
        inbuf_overflow=_IN_MEMORY,
        outbuf_overflow=_IN_MEMORY,
        # Never wait for a client in a thread that answers: what is not sent is in files.
        outbuf_high_watermark=1 << 62,
        asyncore_use_poll=True,
        clear_untrusted_proxy_headers=True,
    )
    dispatcher = ThreadedTaskDispatcher()
    dispatcher.set_thread_count(WORKER_THREADS)
    server = _HttpServer(
        application,
        {},
        _sock=bound,
        dispatcher=dispatcher,
        adj=settings,
        bind_socket=False,
        sockinfo=(bound.family, bound.type, bound.proto, bound.getsockname()),
    )
    server.most_connections = most
    return server


def _max_connections() -> int:
    """How many connections there may be; each may need a second file, for its request or answer."""
    try:
        import resource
    except ImportError:  # Windows: there is no such limit
        return _MOST_CONNECTIONS
    wanted = 2 * _MOST_CONNECTIONS + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            raised = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
            soft = raised
    return (
        _MOST_CONNECTIONS
        if soft == resource.RLIM_INFINITY
        else max(8, min(_MOST_CONNECTIONS, (soft - _OTHER_FILES) // 2))
    )


_OTHER_FILES = 200
"""Files that are kept for everything that is not a connection."""


def _bind_socket(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
        0
    ]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(place)
    except OSError:
        made.close()
        raise
    return made
