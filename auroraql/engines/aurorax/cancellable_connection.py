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


class CancellableConnection:
    """Context manager for the thread that makes an exchange. Other threads may call `cancel`."""

    def __init__(self) -> None:
        self._lock, self._socket, self._open = threading.Lock(), None, True
        self.was_cut = False
        self.phase: Phase = "connecting"
        """Progress of the exchange."""

    def __enter__(self) -> CancellableConnection:
        _current.line = self
        return self

    def __exit__(self, *_raised: object) -> None:
        _current.line = None
        with self._lock:
            self._open = False

    def cancel(self) -> None:
        """Abort the exchange: its thread sees the connection closed at once."""
        with self._lock:
            if self._open:
                self.was_cut = True
                _shut_down(self._socket)

    def use_socket(self, connected: Any) -> None:
        """Set the socket that the exchange uses."""
        with self._lock:
            self._socket = connected
            if self.was_cut:
                _shut_down(connected)


def _shut_down(connected: Any) -> None:
    if connected is not None:
        with suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)


class _CurrentConnection(threading.local):
    line: CancellableConnection | None = None


_current = _CurrentConnection()


class _TrackedConnection:
    """Connection mixin that reports its socket to the current thread's `CancellableConnection`."""

    sock: Any

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        _note_phase("exchanging")
        _note_socket(self.sock)

    def _new_conn(self) -> Any:
        connected = super()._new_conn()  # type: ignore[misc]
        _note_phase("securing")
        return connected

    def request(self, *arguments: Any, **options: Any) -> None:
        if self.sock is not None:
            _note_phase("exchanging")
        _note_socket(self.sock)  # for a reused connection, which does not connect again
        super().request(*arguments, **options)  # type: ignore[misc]


def _note_phase(phase: Phase) -> None:
    if _current.line is not None:
        _current.line.phase = phase


def _note_socket(connected: Any) -> None:
    if _current.line is not None and connected is not None:
        _current.line.use_socket(connected)


class _HttpConnection(_TrackedConnection, HTTPConnection):
    pass


class _HttpsConnection(_TrackedConnection, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class CancellableAdapter(HTTPAdapter):
    """Adapter of a requests session that makes its connections cancellable."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Create direct connections from the cancellable classes."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        """Create proxied connections from the cancellable classes."""
        manager = super().proxy_manager_for(*arguments, **options)
        manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
        return manager
