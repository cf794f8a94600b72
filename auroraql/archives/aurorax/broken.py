"""What a transport error means: which error of the tree it is, in words of ours.

Invariant: an error's own text is never shown, as it may hold headers or a proxy's password.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import requests
from urllib3.exceptions import DecodeError, NewConnectionError, ReadTimeoutError, SSLError

from auroraql.errors import ArchiveError, Failed, Unreachable

CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Broken:
    """No answer: which error it is, in what words; `arrived` when the service may have read the request."""

    error: type[ArchiveError]
    words: str
    arrived: bool = True
    lasting: bool = False
    hint: str = "check the network and the archive's address"


_TROUBLES: tuple[tuple[tuple[type[BaseException], ...], Broken], ...] = (
    (
        (requests.exceptions.ProxyError,),
        Broken(Unreachable, "the proxy did not connect to it", arrived=False, hint="check HTTP_PROXY and HTTPS_PROXY"),
    ),
    (
        (requests.exceptions.SSLError, SSLError),
        Broken(
            Unreachable,
            "no secure connection: TLS or its certificate failed",
            lasting=True,
            hint="check the address, REQUESTS_CA_BUNDLE and the clock",
        ),
    ),
    (
        (requests.exceptions.ConnectTimeout,),
        Broken(Unreachable, f"no connection within {CONNECT_SECONDS:.0f} s", arrived=False),
    ),
    (
        (requests.exceptions.ContentDecodingError, DecodeError),
        Broken(Failed, "its answer is broken: it cannot be unpacked", hint="try again"),
    ),
    (
        (requests.exceptions.InvalidURL, UnicodeError),
        Broken(Unreachable, "its address cannot be used", arrived=False, lasting=True),
    ),
    ((socket.gaierror,), Broken(Unreachable, "its name is not known (DNS)", arrived=False)),
    ((ConnectionRefusedError,), Broken(Unreachable, "connection refused", arrived=False)),
    ((NewConnectionError,), Broken(Unreachable, "no route to it", arrived=False)),
    (
        (requests.exceptions.ReadTimeout, ReadTimeoutError, TimeoutError),
        Broken(Unreachable, "it fell silent before its answer was whole"),
    ),
)
"""What a transport error means, by what it was made from; the first row that fits."""

_BROKEN_OFF = Broken(Unreachable, "the connection broke off before its answer was whole")


def told(error: Exception) -> Broken:
    """The row for an error. Its own text is not used: it may hold headers or a proxy's password."""
    causes = tuple(_causes(error))
    return next((told for types, told in _TROUBLES if any(isinstance(c, types) for c in causes)), _BROKEN_OFF)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and everything it was made from, each once."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop()
        if isinstance(each, BaseException) and each not in seen:
            seen.append(each)
            waiting += [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]
    return iter(seen)
