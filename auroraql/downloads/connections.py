"""HTTP connections of a download: no credentials, no local addresses for remote archives, and one call that ends them.

Invariant: a request carries neither the AuroraX key, nor netrc credentials, nor cookies, and no redirect is followed
here.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.cookiejar import DefaultCookiePolicy
from typing import Any, ClassVar
from weakref import WeakSet

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from auroraql import __version__
from auroraql.downloads.addresses import check_peer
from auroraql.downloads.limits import MAX_AT_ONCE


class DownloadSession:
    """Requests session for files. Threads may share it."""

    def __init__(self, *, allow_local: bool) -> None:
        self._sockets = _OpenSockets(None if allow_local else check_peer)
        self._session = _SessionWithoutRedirects()
        self._session.auth = _add_no_credentials  # requests reads netrc only without an auth
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers.update(
            {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": f"auroraql/{__version__}"}
        )
        adapter = _DownloadAdapter(self._sockets)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def get(self, url: str, headers: Mapping[str, str], timeout: tuple[float, float]) -> requests.Response:
        """Send a GET request and return the response, whose body is not read yet. Redirects are not followed.

        `timeout` has the seconds to connect and the seconds without data. Raises the errors of requests, and
        RefusedAddress for a connection to a local address that is not allowed.
        """
        return self._session.get(url, headers=dict(headers), timeout=timeout, allow_redirects=False, stream=True)

    def shut_down(self) -> None:
        """End all requests at once: their threads see closed connections. New connections are ended too."""
        self._sockets.shut_down()

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()


class _SessionWithoutRedirects(requests.Session):
    """Session that never prepares the next request of a redirect, for which requests reads the whole body."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return None: `transfer` follows redirects."""
        del resp
        return None


def _add_no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class _OpenSockets:
    """Open sockets of a session, and the check of the address at their other end."""

    def __init__(self, check: Callable[[str], None] | None) -> None:
        self._check = check
        self._lock, self._sockets, self._ended = threading.Lock(), WeakSet[socket.socket](), False

    def add(self, connected: socket.socket, *, is_proxied: bool) -> None:
        """Add a socket that has just connected. Raises RefusedAddress, and closes the socket."""
        if self._check is not None and not is_proxied:  # the user chose the address of the proxy
            try:
                self._check(str(connected.getpeername()[0]))
            except BaseException:
                connected.close()
                raise
        with self._lock:
            self._sockets.add(connected)
            if self._ended:
                _shut_down(connected)

    def shut_down(self) -> None:
        """Shut down all sockets, and those that connect later."""
        with self._lock:
            self._ended = True
            for connected in list(self._sockets):
                _shut_down(connected)


def _shut_down(connected: socket.socket) -> None:
    # Without the TLS layer, which must not be closed while another thread reads from it.
    with suppress(OSError):
        socket.socket.shutdown(connected, socket.SHUT_RDWR)


class _RegisteredConnection:
    """Connection mixin that registers its sockets: the plain one before anything is sent, and that of TLS."""

    open_sockets: ClassVar[_OpenSockets]
    sock: Any
    proxy: Any

    def _new_conn(self) -> Any:
        connected = super()._new_conn()  # type: ignore[misc]
        self.open_sockets.add(connected, is_proxied=self.proxy is not None)
        return connected

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self.open_sockets.add(self.sock, is_proxied=True)  # its address is already checked


def _pool_classes(sockets: _OpenSockets) -> dict[str, type[HTTPConnectionPool]]:
    """Return pools whose connections register their sockets."""
    attributes = {"open_sockets": sockets}
    plain: Any = type("RegisteredHTTPConnection", (_RegisteredConnection, HTTPConnection), attributes)
    secure: Any = type("RegisteredHTTPSConnection", (_RegisteredConnection, HTTPSConnection), attributes)
    return {
        "http": type("RegisteredHTTPPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("RegisteredHTTPSPool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }


class _DownloadAdapter(HTTPAdapter):
    """Adapter that creates connections from the registering classes."""

    def __init__(self, sockets: _OpenSockets) -> None:
        self._pool_classes = _pool_classes(sockets)
        super().__init__(pool_maxsize=MAX_AT_ONCE)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Create direct connections from the registering classes."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = self._pool_classes

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        """Create proxied connections from the registering classes."""
        manager = super().proxy_manager_for(*arguments, **options)
        manager.pool_classes_by_scheme = self._pool_classes
        return manager
