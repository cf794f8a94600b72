"""The connection that one HTTP exchange goes over, which another thread can cut while the first waits at it.

Invariant: only a connection in use is cut; one that was given back is somebody else's by then.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any, Literal

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

Phase = Literal["connecting", "securing", "exchanging"]
"""Without a connection; connected, in the TLS handshake; connected (and secured)."""


class Line:
    """Entered by the thread that makes an exchange; `cut` may come from any other."""

    def __init__(self) -> None:
        self._lock, self._socket, self._open = threading.Lock(), None, True
        self.was_cut = False
        self.phase: Phase = "connecting"
        """How far the exchange has come."""

    def __enter__(self) -> Line:
        _current.line = self
        return self

    def __exit__(self, *_raised: object) -> None:
        _current.line = None
        with self._lock:
            self._open = False

    def cut(self) -> None:
        """Ends the exchange: what waits for an answer sees the connection broken off at once."""
        with self._lock:
            if self._open:
                self.was_cut = True
                _shut(self._socket)

    def goes_over(self, connected: Any) -> None:
        """It goes over this socket from now on."""
        with self._lock:
            self._socket = connected
            if self.was_cut:
                _shut(connected)


def _shut(connected: Any) -> None:
    if connected is not None:
        with suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)


class _Current(threading.local):
    line: Line | None = None


_current = _Current()


class _Watched:
    """A connection that tells the line of its thread which socket it has."""

    sock: Any

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        _reached("exchanging")
        _tell(self.sock)

    def _new_conn(self) -> Any:
        connected = super()._new_conn()  # type: ignore[misc]
        _reached("securing")
        return connected

    def request(self, *arguments: Any, **options: Any) -> None:
        if self.sock is not None:
            _reached("exchanging")
        _tell(self.sock)  # of a connection that is used again
        super().request(*arguments, **options)  # type: ignore[misc]


def _reached(phase: Phase) -> None:
    if _current.line is not None:
        _current.line.phase = phase


def _tell(connected: Any) -> None:
    if _current.line is not None and connected is not None:
        _current.line.goes_over(connected)


class _Connection(_Watched, HTTPConnection):
    pass


class _SecureConnection(_Watched, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class Adapter(HTTPAdapter):
    """What a session of requests is given, so that its connections can be cut."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """The connections to the service itself."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        """Those that go through a proxy."""
        manager = super().proxy_manager_for(*arguments, **options)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        return manager
