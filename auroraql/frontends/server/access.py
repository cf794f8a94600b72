"""Access control by web origin and host name, against cross-site requests and DNS rebinding.

A browser sends requests from any page to any address, including this machine. It puts the page's site in `Origin` and
the name it looked up in `Host`. Other programs send no `Origin`; their `Host` is the address that they were given.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from auroraql.diagnostics.errors import UsageError
from auroraql.frontends.server.http_types import HttpError

ANY_ORIGIN = "*"

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]{2,64}\]|[A-Za-z0-9._-]{1,253})(?::[0-9]{1,5})?", re.ASCII)

_ORIGIN = re.compile(rf"https?://{_HOST.pattern}", re.ASCII)

_LOOPBACK_ORIGIN = re.compile(r"https?://(?:localhost|127[.]0[.]0[.]1|\[::1\])(?::[0-9]{1,5})?", re.ASCII)

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
"""Ports that browsers leave out of an origin."""

_SAFE = ("GET", "HEAD", "OPTIONS")
"""Methods without side effects."""

_JSON = re.compile(r"application/(?:[a-z0-9.-]+\+)?json", re.ASCII)

Environ = Mapping[str, Any]


def read_host(text: str) -> str:
    """Return the value of `--allow-host` in lower case. Raises UsageError unless it is a host name, an address or `*`."""
    match = _HOST.fullmatch(text)
    if text == ANY_ORIGIN or (match is not None and match["name"] == text):
        return text.lower().strip("[]")
    raise UsageError(f"'{text}' is not a host name", "for example --allow-host search.example.org")


def read_origin(text: str) -> str:
    """Return the value of `--allow-origin` as browsers write it. Raises UsageError unless it is an origin, `null` or `*`."""
    origin = text.rstrip("/").lower()
    if origin not in (ANY_ORIGIN, "null") and not _ORIGIN.fullmatch(origin):
        hint = "for example --allow-origin https://search.example.org"
        raise UsageError(f"'{text}' is not the address of a web site", hint)
    return origin.removesuffix(_DEFAULT_PORTS.get(origin.partition(":")[0], ""))


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Rules for the Host and Origin headers. `host` is the listening address; `hosts` and `origins` are also allowed.

    A server on loopback accepts the loopback names of this machine. On another address it also accepts every IP
    address and the name of the machine, which DNS rebinding cannot use. Other names must be in `hosts`.
    Pages of this machine and of the server's own origin are allowed without being in `origins`.
    """

    host: str = "127.0.0.1"
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()

    def check(self, environ: Environ) -> None:
        """Refuse a request that a browser sends for a foreign page. Raises HttpError with status 403 or 415."""
        name = _host_name(environ.get("HTTP_HOST", ""))
        if name and not self._is_own(name):
            raise HttpError(
                403, f"this server does not answer to the host name '{name}': see the server's option --allow-host"
            )
        origin = environ.get("HTTP_ORIGIN", "")
        if origin and not self.allows(environ):
            raise HttpError(403, "pages of this origin are not allowed: see the server's option --allow-origin")
        method = environ["REQUEST_METHOD"]
        is_foreign = environ.get("HTTP_SEC_FETCH_SITE", "") == "cross-site"
        if is_foreign and not origin and method not in _SAFE and ANY_ORIGIN not in self.origins:
            raise HttpError(403, "requests from other sites are not allowed: see the server's option --allow-origin")
        if method not in _SAFE:
            self._check_body(environ, is_browser=bool(origin) or "HTTP_SEC_FETCH_SITE" in environ)

    def allows(self, environ: Environ) -> bool:
        """Return whether the requesting page may read the response."""
        origin = environ.get("HTTP_ORIGIN", "")
        if not origin:
            return False
        own = environ.get("HTTP_HOST", "")
        return bool(
            ANY_ORIGIN in self.origins
            or origin in self.origins
            or _LOOPBACK_ORIGIN.fullmatch(origin)
            or (own and origin.partition("://")[2] == own)
        )

    def allowed_origin(self, environ: Environ) -> str:
        """Return the value of Access-Control-Allow-Origin, or an empty string if the page may not read the response."""
        if ANY_ORIGIN in self.origins:
            return ANY_ORIGIN
        return str(environ["HTTP_ORIGIN"]) if self.allows(environ) else ""

    @staticmethod
    def _check_body(environ: Environ, *, is_browser: bool) -> None:
        """Check the content type: a page may send plain text without a preflight, so text is not accepted as JSON."""
        if environ.get("HTTP_CONTENT_ENCODING", "identity").lower() not in ("", "identity"):
            raise HttpError(
                415, "this server does not accept compressed bodies: send the body without Content-Encoding"
            )
        content = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
        if is_browser and content and not _JSON.fullmatch(content):
            raise HttpError(415, f"the Content-Type must be application/json, not {content}")

    def _is_own(self, name: str) -> bool:
        if ANY_ORIGIN in self.hosts or name in self.hosts or name == self.host.lower():
            return True
        if name == "localhost" or name.endswith(".localhost"):
            return True
        address = _parse_address(name)
        if is_loopback(self.host):
            return address is not None and address.is_loopback
        return address is not None or name in _local_host_names()


def is_loopback(host: str) -> bool:
    """Return whether a server listening on this host is reachable from its own machine only."""
    address = _parse_address(host)
    if address is None:
        with suppress(OSError, UnicodeError):
            address = _parse_address(str(socket.getaddrinfo(host, None)[0][4][0]))
    return address is not None and address.is_loopback


def _host_name(host: str) -> str:
    """Return the name in a Host header without its port, or an empty string for a malformed header."""
    match = _HOST.fullmatch(host)
    return match["name"].strip("[]").rstrip(".").lower() if match is not None else ""


def _parse_address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name.partition("%")[0])
    except ValueError:
        return None


def _local_host_names() -> tuple[str, ...]:
    name = socket.gethostname().lower()
    return (name, f"{name}.local")
