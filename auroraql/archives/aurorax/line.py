"""HTTP connection of one exchange that another thread can shut down.

Invariant: only a connection in use is shut down; a released connection may already serve another exchange.
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
"""Phase of an exchange: no connection yet; connected, in the TLS handshake; connected (and secured)."""


class Line:
    """Context manager for the thread that makes an exchange. Other threads may call `cut`."""

    def __init__(self) -> None:
        self._lock, self._socket, self._open = threading.Lock(), None, True
        self.was_cut = False
        self.phase: Phase = "connecting"
        """Progress of the exchange."""

    def __enter__(self) -> Line:
        _current.line = self
        return self

    def __exit__(self, *_raised: object) -> None:
        _current.line = None
        with self._lock:
            self._open = False

    def cut(self) -> None:
        """Abort the exchange: its thread sees the connection closed at once."""
        with self._lock:
            if self._open:
                self.was_cut = True
                _shut(self._socket)

    def goes_over(self, connected: Any) -> None:
        """Set the socket that the exchange uses."""
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
    """Connection mixin that reports its socket to the current thread's line."""

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
        _tell(self.sock)  # for a reused connection, which does not connect again
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
    """Adapter of a requests session that makes its connections cancellable."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Create direct connections from the cancellable classes."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        """Create proxied connections from the cancellable classes."""
        manager = super().proxy_manager_for(*arguments, **options)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        return manager
