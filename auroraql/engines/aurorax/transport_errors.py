"""Diagnosis of transport errors: the ArchiveError that each means, and its cause in this program's words.

Invariant: the text of a transport error is never shown, because it may contain headers or a proxy password.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import requests
from urllib3.exceptions import (
    DecodeError,
    LocationParseError,
    NewConnectionError,
    ProxySchemeUnknown,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util import parse_url

from auroraql.diagnostics.errors import ArchiveError, Failed, Unreachable, make_visible
from auroraql.engines.aurorax.cancellable_connection import Phase

CONNECT_SECONDS = 10.0

PROXY_HINT = "check HTTP_PROXY, HTTPS_PROXY and ALL_PROXY, and add the host to NO_PROXY if it needs no proxy"

_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True, slots=True)
class TransportFailure:
    """Failure of an exchange.

    `arrived`: the service may have read the request. `lasting`: a retry is useless.
    """

    error: type[ArchiveError]
    words: str
    may_have_arrived: bool = True
    is_permanent: bool = False
    hint: str = "check the network and the archive's address"


def _unreachable(words: str, hint: str, *, lasting: bool = True) -> TransportFailure:
    """Return a failure in which the service read nothing."""
    return TransportFailure(Unreachable, words, may_have_arrived=False, is_permanent=lasting, hint=hint)


_NOT_TLS_FAILURE = _unreachable(
    "it does not speak TLS at this port", "write http:// if the service has no encryption, or check the port"
)
NOT_HTTP_FAILURE = TransportFailure(
    Unreachable,
    "the server does not speak HTTP",
    is_permanent=True,
    hint="check the address and its port; the address of a service with encryption begins with https://",
)
_SOCKS_FAILURE = _unreachable(
    "the proxy is a SOCKS proxy, which needs the Python package PySocks",
    "pip install PySocks, or " + PROXY_HINT,
)
_BAD_PROXY_FAILURE = _unreachable("the address of the proxy is not valid", PROXY_HINT)
_CONNECTION_LOST = TransportFailure(Unreachable, "the connection was closed before the response was complete")

_FAILURES: tuple[tuple[tuple[type[BaseException], ...], TransportFailure], ...] = (
    ((requests.exceptions.InvalidProxyURL, ProxySchemeUnknown), _BAD_PROXY_FAILURE),
    (
        (requests.exceptions.ProxyError,),
        TransportFailure(Unreachable, "the proxy could not connect to it", may_have_arrived=False, hint=PROXY_HINT),
    ),
    (
        (requests.exceptions.SSLError, SSLError, ssl.SSLError),
        TransportFailure(
            Unreachable,
            "no secure connection: the TLS handshake failed",
            is_permanent=True,
            hint="check the address, REQUESTS_CA_BUNDLE and the clock",
        ),
    ),
    (
        (requests.exceptions.ConnectTimeout,),
        TransportFailure(Unreachable, f"no connection within {CONNECT_SECONDS:.0f} s", may_have_arrived=False),
    ),
    (
        (requests.exceptions.ContentDecodingError, DecodeError),
        TransportFailure(Failed, "its response cannot be decompressed", hint="try again"),
    ),
    (
        (requests.exceptions.InvalidURL, UnicodeError, LocationParseError),
        TransportFailure(Unreachable, "its address is not valid", may_have_arrived=False, is_permanent=True),
    ),
    ((socket.gaierror,), TransportFailure(Unreachable, "its host name is unknown (DNS)", may_have_arrived=False)),
    ((ConnectionRefusedError,), TransportFailure(Unreachable, "connection refused", may_have_arrived=False)),
    ((NewConnectionError,), TransportFailure(Unreachable, "no route to it", may_have_arrived=False)),
    (
        (requests.exceptions.ReadTimeout, ReadTimeoutError, TimeoutError),
        TransportFailure(Unreachable, "it stopped sending before the response was complete"),
    ),
)
"""Meaning of transport errors by their causes; the first matching row applies."""


def diagnose_transport(error: Exception, phase: Phase = "exchanging") -> TransportFailure:
    """Return the failure that an error in a phase of an exchange means."""
    causes = tuple(_cause_chain(error))
    for look in (_diagnose_certificate, _diagnose_proxy, _diagnose_tls, _diagnose_http):
        diagnosis = look(causes, phase)
        if diagnosis is not None:
            return diagnosis
    return next((row for types, row in _FAILURES if any(isinstance(c, types) for c in causes)), _CONNECTION_LOST)


_Causes = tuple[BaseException, ...]
_Diagnose = Callable[[_Causes, Phase], TransportFailure | None]

_UNTRUSTED = "it is signed by an authority that this machine does not trust"
_TRUST = "if you trust it, set REQUESTS_CA_BUNDLE to a file with the authority's certificate"
_CERTIFICATES = {
    9: ("it is not valid yet", "check this machine's clock"),
    10: ("it has expired", "contact the operators of the service, and check this machine's clock"),
    18: ("it is self-signed", _TRUST),
    19: (_UNTRUSTED, _TRUST),
    20: (_UNTRUSTED, _TRUST),
    21: (_UNTRUSTED, _TRUST),
    23: ("it was revoked", "contact the operators of the service"),
    62: ("it is valid for another host", "check the address"),
    63: ("it is valid for another address", "check the address"),
    64: ("it is valid for another address", "check the address"),
}
"""OpenSSL's verification errors (X509_V_ERR_…), with reason and hint."""


def _diagnose_certificate(causes: _Causes, _phase: Phase) -> TransportFailure | None:
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason, hint = _CERTIFICATES.get(cause.verify_code, ("it cannot be verified", _TRUST))
            return _unreachable(f"its certificate is not accepted: {reason}", hint)
    name, path = next(
        ((variable, os.environ[variable]) for variable in _BUNDLE_VARIABLES if os.environ.get(variable)), ("", "")
    )
    # Any OSError counts: ssl and requests differ in how they report a file that they cannot load.
    if name and not any(isinstance(cause, ConnectionError | TimeoutError) for cause in causes):
        if not Path(path).exists():
            return _unreachable(
                f"{name} names '{make_visible(path)}', which does not exist", f"correct {name}, or unset it"
            )
        if any(isinstance(cause, ssl.SSLError) and cause.library in ("X509", "PEM") for cause in causes):
            return _unreachable(
                f"{name} names '{make_visible(path)}', which contains no certificates", f"correct {name}"
            )
    return None


def _diagnose_proxy(causes: _Causes, _phase: Phase) -> TransportFailure | None:
    if any(isinstance(cause, requests.exceptions.InvalidSchema) for cause in causes):
        return _SOCKS_FAILURE  # the scheme of the archive's address is already validated
    if any(isinstance(cause, ValueError | LocationParseError) for cause in causes) and any(_bad_proxies()):
        return _BAD_PROXY_FAILURE
    if any(isinstance(cause, requests.exceptions.ProxyError) for cause in causes):
        if any(" 407" in str(cause) for cause in causes if type(cause) is OSError):
            return _unreachable("the proxy requires a user name and password (407)", PROXY_HINT)
        if any(isinstance(cause, socket.gaierror) for cause in causes):
            return _unreachable("the host name of the proxy is unknown (DNS)", PROXY_HINT, lasting=False)
        if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
            return _unreachable("the proxy refuses connections", PROXY_HINT, lasting=False)
    return None


def _bad_proxies() -> Iterator[str]:
    """Yield the environment variables whose proxy address is malformed."""
    for name in (*_PROXY_VARIABLES, *map(str.lower, _PROXY_VARIABLES)):
        if value := os.environ.get(name):
            try:
                host = parse_url(value if "://" in value else f"http://{value}").host
            except LocationParseError:
                host = None
            if not host:
                yield name


_NOT_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "UNKNOWN_PROTOCOL",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
)
"""OpenSSL's reasons when the peer does not speak TLS."""


def _diagnose_tls(causes: _Causes, phase: Phase) -> TransportFailure | None:
    if any(isinstance(cause, ssl.SSLError) and cause.reason in _NOT_TLS for cause in causes):
        return _NOT_TLS_FAILURE
    if phase == "securing":
        if any(isinstance(cause, TimeoutError | ReadTimeoutError | requests.exceptions.Timeout) for cause in causes):
            return _unreachable(
                f"it accepts connections but does not start TLS within {CONNECT_SECONDS:.0f} s",
                _NOT_TLS_FAILURE.hint,
            )
        if any(isinstance(cause, ConnectionError | ssl.SSLEOFError | ssl.SSLZeroReturnError) for cause in causes):
            return _unreachable(
                "it closed the connection during the TLS handshake", _NOT_TLS_FAILURE.hint, lasting=False
            )
    return None


def _diagnose_http(causes: _Causes, _phase: Phase) -> TransportFailure | None:
    for cause in causes:
        ended = isinstance(cause, http.client.RemoteDisconnected)  # RemoteDisconnected is a BadStatusLine too
        if not ended and isinstance(
            cause, http.client.BadStatusLine | http.client.UnknownProtocol | http.client.LineTooLong
        ):
            return NOT_HTTP_FAILURE
    return None


def _cause_chain(error: BaseException) -> Iterator[BaseException]:
    """Return the error and every error that it wraps, without duplicates."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        candidate = waiting.pop()
        if isinstance(candidate, BaseException) and candidate not in seen:
            seen.append(candidate)
            waiting += [*candidate.args, getattr(candidate, "reason", None), candidate.__cause__, candidate.__context__]
    return iter(seen)
