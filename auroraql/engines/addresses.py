"""Addresses of services: AuroraX itself, this machine, and where an API key may be sent."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from auroraql.engines.registry import AURORAX_URL

_PORTS = {"http": 80, "https": 443}


def url_origin(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port of a URL; None for a malformed URL."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return None


def is_aurorax(url: str) -> bool:
    """Return whether a URL is AuroraX's own service, to which AURORAX_API_KEY belongs."""
    return url_origin(url) == url_origin(AURORAX_URL)


def is_loopback(url: str) -> bool:
    """Return whether a URL's host is this machine."""
    host = ""
    try:
        host = urlsplit(url).hostname or ""
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def may_carry_key(url: str) -> bool:
    """Return whether a key may be sent to the URL: encrypted, or within this machine."""
    return urlsplit(url).scheme == "https" or is_loopback(url)
