"""The HTTP side: waitress, with errors in the service's shape, and an end to what a slow client can hold.

Waitress reads a request whole, and sends what is answered, outside of the threads that answer: a slow client
holds a connection, and no thread; a connection on which nothing happens is closed.
"""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Callable
from typing import Any

import waitress
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import ErrorTask
from waitress.utilities import RequestEntityTooLarge

from auroraql.errors import UsageError
from auroraql.frontends.server.wire import error_document

MOST_BODY = 10 * 1024 * 1024
"""Bytes of a request's body; a longer one is refused."""

THREADS = 16

_MOST_DISCARDED = 8 * MOST_BODY
"""How much of a body that is too long is read and thrown away, so that its sender hears why it was refused."""

_IDLE_AFTER = 60
"""Seconds without a byte, after which a connection is closed."""

_ARRIVES_WITHIN = 300.0
"""Seconds in which a request has arrived, however busy its sender seems."""

_TAKEN_WITHIN = 3600.0
"""Seconds in which an answer is taken: the file that it stands in is given back then."""

_MOST_CONNECTIONS = 1000


class _Parser(HTTPRequestParser):  # type: ignore[misc]
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


class _Channel(HTTPChannel):  # type: ignore[misc]
    """A connection that is closed when a request or an answer takes too long, though bytes trickle."""

    parser_class = _Parser
    error_task_class = _ErrorTask
    _began = _sending = 0.0

    def received(self, data: bytes) -> bool:
        """Takes what has arrived; nothing is left to send then."""
        now = time.monotonic()
        self._sending = 0.0
        if self.request is None:
            self._began = now
        elif now - self._began > _ARRIVES_WITHIN:
            self.will_close = True
            return False
        return bool(super().received(data))

    def handle_write(self) -> None:
        """Sends what the client takes."""
        now = time.monotonic()
        self._sending = self._sending or now
        self.will_close = self.will_close or now - self._sending > _TAKEN_WITHIN
        super().handle_write()


def listen(application: Callable[..., Any], host: str, port: int) -> Any:
    """A waitress server that listens, and answers once `run` is called. Raises UsageError for a place it cannot have."""
    logging.getLogger("waitress").setLevel(logging.CRITICAL)
    try:
        bound = _bound(host, port)
    except (OSError, UnicodeError, OverflowError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        raise UsageError(f"cannot listen at {host}:{port}: {why}", "give another --host or --port") from None
    server = waitress.create_server(
        application,
        sockets=[bound],
        threads=THREADS,
        ident="auroraql",
        server_name=f"[{host}]" if ":" in host else host,
        channel_timeout=_IDLE_AFTER,
        cleanup_interval=10,
        connection_limit=_MOST_CONNECTIONS,
        max_request_body_size=MOST_BODY + 1,
        max_request_header_size=65536,
        asyncore_use_poll=True,
        clear_untrusted_proxy_headers=True,
    )
    server.channel_class = _Channel
    return server


def _bound(host: str, port: int) -> socket.socket:
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
