"""Waitress HTTP server with errors in AuroraX's format and limits on slow clients.

Waitress reads requests and sends responses outside its worker threads, so a slow client holds a connection but not
a thread. Connections are limited in number, time and bytes. When there are too many, the slowest are closed, so
that new clients can always connect.
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
"""Maximum size of a request body in bytes."""

WORKER_THREADS = 16

_MAX_DISCARDED_BYTES = 8 * MAX_BODY_BYTES
"""Maximum size in bytes of an oversized body that is read and discarded, so that the client gets the error response."""

_IDLE_TIMEOUT_SECONDS = 60
"""Seconds without traffic after which a connection is closed."""

_HEADERS_TIMEOUT_SECONDS = 30.0
"""Seconds within which the headers of a request must arrive."""

_REQUEST_TIMEOUT_SECONDS = 300.0
"""Seconds within which a whole request must arrive, even if bytes keep coming."""

_RESPONSE_TIMEOUT_SECONDS = 3600.0
"""Seconds within which a client must read a response. The response's file is released afterwards."""

_MAX_CONNECTIONS = 1000
"""Maximum number of connections. Beyond it, the slowest are closed."""

_MAX_UNFINISHED_BYTES = 256 * 1024 * 1024
"""Maximum bytes of all unfinished requests. Beyond it, the largest are closed."""

_MAX_BYTES_IN_MEMORY = 1 << 18
"""Bytes of a request or a response held in memory. The rest goes to a temporary file."""

_CHECK_INTERVAL_SECONDS = 5
"""Seconds between checks for overdue connections."""

_GRACE_SECONDS = 1.0
"""Seconds before a request or a reader can count as slow."""

_ACCEPTED_AT_ONCE = 64


class _RequestParser(HTTPRequestParser):  # type: ignore[misc]
    """Request parser that drains an oversized body up to a limit: a client cut off while sending sees no response."""

    _left = 0

    def received(self, data: bytes) -> int:
        """Return how many bytes of the data belong to this request."""
        if self._left:
            consumed = min(len(data), self._left)
            self._left -= consumed
            self.completed = not self._left
            return consumed
        consumed: int = super().received(data)  # type: ignore[no-redef]
        if isinstance(self.error, RequestEntityTooLarge) and self.chunked:
            ended = self.body_rcv.completed or self.body_rcv.error
            self.completed = bool(ended) or self.body_bytes_received > _MAX_DISCARDED_BYTES
            return consumed
        too_long = isinstance(self.error, RequestEntityTooLarge) and self.body_bytes_received == 0
        if too_long and not self.expect_continue and self.content_length <= _MAX_DISCARDED_BYTES:
            self._left, self.completed = self.content_length, False
        return consumed


class _ErrorTask(ErrorTask):  # type: ignore[misc]
    """Response to a malformed request, in the same format as other errors."""

    def execute(self) -> None:
        """Send the response and close the connection."""
        error = self.request.error
        status = error.code
        body = json.dumps(error_document(status, f"{error.reason.lower()}: {error.body}")).encode()
        self.status = f"{status} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _HttpChannel(HTTPChannel):  # type: ignore[misc]
    """Connection that is closed when a request or a response takes too long, even if bytes trickle."""

    parser_class = _RequestParser
    error_task_class = _ErrorTask
    request: Any
    _began = _sending = 0.0
    _arrived = 0
    """Bytes of the unfinished request."""

    def received(self, data: bytes) -> bool:
        """Read arrived bytes. No response is being sent at that point."""
        now = time.monotonic()
        self._sending = 0.0
        if self.request is None:
            self._began = now
        elif now - self._began > _REQUEST_TIMEOUT_SECONDS:
            self.will_close = True
            return False
        self._count(len(data))
        consumed = bool(super().received(data))
        if self.request is None:
            self._count(-self._arrived)
        return consumed

    def _count(self, size: int) -> None:
        self._arrived += size
        self.server.arriving += size

    def service(self) -> None:
        """Handle one request and drop the ones pipelined after it. The client sends those again.

        Otherwise a client that does not read could block a thread, and one connection could hold hundreds of open
        responses.
        """
        with self.requests_lock:
            if len(self.requests) > 1 or self.request is not None:
                for request in self.requests[1:]:
                    request.close()
                del self.requests[1:]
                self.requests[0].headers["CONNECTION"] = "close"
        super().service()

    def readable(self) -> bool:
        """Return whether to read on. A closed connection is not read: its file descriptor may have been reused."""
        return bool(self.connected and super().readable())

    def writable(self) -> bool:
        """Return whether there is something to send."""
        return bool(self.connected and super().writable())

    def handle_write(self) -> None:
        """Send what the client accepts."""
        now = time.monotonic()
        self._sending = self._sending or now
        self.will_close = self.will_close or now - self._sending > _RESPONSE_TIMEOUT_SECONDS
        super().handle_write()

    def handle_close(self) -> None:
        """Close the connection and discard a partly received request."""
        self._count(-self._arrived)
        # Waitress also calls this while it holds `requests_lock`, when it cannot send "100 Continue".
        if self.request is not None:
            self.request.close()
        super().handle_close()

    def is_overdue(self, now: float) -> bool:
        """Return whether the client has used up its time. `now` is `time.time()`."""
        if self.requests:
            return False
        if now - self.last_activity > _IDLE_TIMEOUT_SECONDS:
            return True
        since = time.monotonic()
        if self.request is not None:
            return since - self._began > (
                _REQUEST_TIMEOUT_SECONDS if self.request.headers_finished else _HEADERS_TIMEOUT_SECONDS
            )
        return bool(self.total_outbufs_len) and since - (self._sending or since) > _RESPONSE_TIMEOUT_SECONDS

    def patience(self, now: float) -> tuple[int, float]:
        """Return a sort key: when there are too many connections, the smallest is closed first. `now` is `time.time()`."""
        if self.total_outbufs_len:
            since = time.monotonic()
            sending = since - (self._sending or since)
            return (2 if sending > _GRACE_SECONDS else 4), -sending
        if self.request is None and self.last_activity > self.creation_time:
            return 1, self.last_activity
        return (0 if now - self.creation_time > _GRACE_SECONDS else 3), self.creation_time


class _HttpServer(TcpWSGIServer):  # type: ignore[misc]
    """Waitress server that accepts new connections and closes slow ones instead."""

    channel_class = _HttpChannel
    arriving = 0
    """Bytes of all unfinished requests."""
    most_connections = _MAX_CONNECTIONS

    def readable(self) -> bool:
        """Return whether to accept connections. Called before each round of the event loop, when closing is safe."""
        if len(self.active_channels) > self.most_connections:
            self._close_slowest(len(self.active_channels) - self.most_connections + self.most_connections // 50)
        if self.arriving > _MAX_UNFINISHED_BYTES:
            self._close_largest()
        return bool(super().readable())

    def handle_accept(self) -> None:
        """Accept several waiting connections, so that a burst does not keep new clients out."""
        for _ in range(_ACCEPTED_AT_ONCE):
            before = len(self.active_channels)
            super().handle_accept()
            if len(self.active_channels) == before:
                return

    def maintenance(self, now: float) -> None:
        """Close overdue connections, even if their clients read nothing."""
        for channel in list(self.active_channels.values()):
            if channel.is_overdue(now):
                channel.handle_close()

    def _idle_channels(self) -> list[_HttpChannel]:
        """Return the connections without a request in a worker thread."""
        return [channel for channel in self.active_channels.values() if not channel.requests]

    def _close_slowest(self, count: int) -> None:
        now = time.time()
        for channel in sorted(self._idle_channels(), key=lambda channel: channel.patience(now))[:count]:
            channel.handle_close()

    def _close_largest(self) -> None:
        for channel in sorted(self._idle_channels(), key=lambda channel: channel._arrived, reverse=True):
            if self.arriving <= _MAX_UNFINISHED_BYTES:
                return
            channel.handle_close()


def create_server(application: Callable[..., Any], host: str, port: int) -> Any:
    """Return a listening waitress server; `run` starts it. Raises UsageError if the address cannot be bound."""
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
        channel_timeout=_IDLE_TIMEOUT_SECONDS,
        cleanup_interval=_CHECK_INTERVAL_SECONDS,
        connection_limit=most + 2 * _ACCEPTED_AT_ONCE,
        max_request_body_size=MAX_BODY_BYTES + 1,
        max_request_header_size=65536,
        inbuf_overflow=_MAX_BYTES_IN_MEMORY,
        outbuf_overflow=_MAX_BYTES_IN_MEMORY,
        # Worker threads must not wait for clients: unsent data is held in files.
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
    """Return the maximum number of connections. Each can need a second file, for its request or response."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return _MAX_CONNECTIONS
    needed = 2 * _MAX_CONNECTIONS + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        with suppress(ValueError, OSError):
            raised = needed if hard == resource.RLIM_INFINITY else min(hard, needed)
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
            soft = raised
    return (
        _MAX_CONNECTIONS
        if soft == resource.RLIM_INFINITY
        else max(8, min(_MAX_CONNECTIONS, (soft - _OTHER_FILES) // 2))
    )


_OTHER_FILES = 200
"""File descriptors reserved for everything that is not a connection."""


def _bind_socket(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
        0
    ]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(place)
    except OSError:
        bound.close()
        raise
    return bound
