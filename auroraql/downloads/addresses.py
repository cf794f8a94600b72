"""Which addresses a download may request: http and https, and this machine or a private network only for local archives.

A result comes from an archive, which may be on another machine. Its URLs must not make this machine request services
that only this machine can reach.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

_MAX_URL_LENGTH = 8_000

_Address = IPv4Address | IPv6Address


class RefusedAddress(Exception):
    """An address that is not requested; the text is the reason."""


def check_url(url: str, *, allow_local: bool) -> SplitResult:
    """Return the parts of a URL that may be requested. Raises RefusedAddress with the reason.

    A host name is not resolved here: `check_peer` judges its address when the connection is open.
    """
    if len(url) > _MAX_URL_LENGTH:
        raise RefusedAddress(f"the URL is longer than {_MAX_URL_LENGTH:,} characters")
    if not url.isprintable():
        raise RefusedAddress("the URL contains control characters")
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise RefusedAddress("the URL is malformed") from None
    if parts.scheme not in ("http", "https"):
        raise RefusedAddress("only http and https URLs are downloaded")
    if not host:
        raise RefusedAddress("the URL has no host")
    if parts.username is not None or parts.password is not None:
        raise RefusedAddress("the URL contains a user name or password, which would go into the manifest")
    if not allow_local and _is_local_host(host):
        raise _local_address_error(host)
    return parts


def check_peer(address: str) -> None:
    """Raise RefusedAddress when a connection of a remote archive's result leads to a local address."""
    parsed = _parse_address(address.partition("%")[0])
    if parsed is None or is_local_address(parsed):
        raise _local_address_error(address)


def is_local_address(address: _Address) -> bool:
    """Return whether an IP address is of this machine, a private network or otherwise not public."""
    if isinstance(address, IPv6Address) and (embedded := address.ipv4_mapped or address.sixtofour) is not None:
        return is_local_address(embedded)
    return not address.is_global or address.is_multicast


def _is_local_host(host: str) -> bool:
    name = host.rstrip(".").lower()
    address = _parse_address(name.partition("%")[0])
    if address is not None:
        return is_local_address(address)
    return name == "localhost" or name.endswith(".localhost")


def _parse_address(host: str) -> _Address | None:
    """Return a literal IP address, also in the spellings `127.1` and `0x7f000001`; None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        try:
            return IPv4Address(socket.inet_aton(host))
        except (OSError, ValueError):
            return None


def _local_address_error(host: str) -> RefusedAddress:
    return RefusedAddress(f"{host} is on this machine or a private network, and the archive is not")
