"""Transfer of one file: requests, redirects, resumption, retries, and what each answer of a server means.

Errors are of three kinds. `MissingFile`: the server does not have it, and it is not asked again. `TransferFailed`: another
try is pointless. `TransferInterrupted`: the next try may continue.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError, ReadTimeoutError

from auroraql.downloads.addresses import check_url
from auroraql.downloads.connections import DownloadSession
from auroraql.downloads.hosts import Hosts
from auroraql.downloads.http_headers import parse_content_length, parse_content_range, parse_retry_after
from auroraql.downloads.part_file import PartFile

_CHUNK = 256 * 1024
_MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_MISSING = (404, 410)
_RETRIABLE = (408, 425, 429, 500, 502, 503, 504)
_PAUSING = (429, 503)
_MAX_PAUSES = 20
"""Times that a server may put off one file before it fails."""

_PAGE_TYPES = ("text/html", "application/xhtml+xml")
_PAGE_SUFFIXES = (".htm", ".html", ".xhtml")
_PAGE_STARTS = (b"<!doctype html", b"<html")

_jitter = random.SystemRandom().uniform


class MissingFile(Exception):
    """The server does not have the file; the text is the reason."""


class TransferFailed(Exception):
    """The file cannot be downloaded; the text is the reason."""


class TransferInterrupted(Exception):
    """The transfer ended early and may continue. `wait` is the delay in seconds that the server asks for."""

    def __init__(self, reason: str, wait: float | None = None, *, pauses_host: str = "") -> None:
        self.reason, self.wait, self.pauses_host = reason, wait, pauses_host
        self.unreachable_host = ""
        """Host that could not be connected."""
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class TransferLimits:
    """Times and numbers of tries of a transfer."""

    connect_seconds: float = 10.0
    stall_seconds: float = 30.0
    """Longest time without data, and the time in which `min_bytes` must arrive."""
    min_bytes: int = 1024
    tries: int = 5
    """Tries without new data before a file fails."""
    first_delay_seconds: float = 0.5
    max_delay_seconds: float = 30.0
    max_pause_seconds: float = 600.0
    """Longest `Retry-After` that is waited for."""


@dataclass(frozen=True, slots=True)
class TransferContext:
    """What the transfers of a download share."""

    session: DownloadSession
    hosts: Hosts
    allow_local: bool
    limits: TransferLimits
    on_bytes: Callable[[int], object]


def fetch_into(part: PartFile, context: TransferContext) -> None:
    """Receive the rest of a part until it is whole. The part is open.

    Raises MissingFile, TransferFailed, RefusedAddress, Stopped, and OSError of the disk.
    """
    limits = context.limits
    tries = pauses = 0
    largest = part.size
    unconfirmed = ""
    while not part.is_whole:
        try:
            length_known = _request_rest(part, context)
        except TransferInterrupted as error:
            context.hosts.raise_if_stopped()
            if part.size > largest:
                largest, tries = part.size, 0
            tries, pauses = (tries, pauses + 1) if error.wait is not None else (tries + 1, pauses)
            _wait_for_retry(error, context, tries, pauses)
            continue
        if length_known or part.sha256 == unconfirmed:
            return
        # Nothing tells whether a body without a length was cut: it is whole when two transfers agree.
        if tries >= limits.tries:
            raise TransferFailed("the server sends no length, and its answers differ")
        tries += 1
        unconfirmed = part.sha256
        part.info.etag = part.info.last_modified = ""
        part.restart()


def _wait_for_retry(error: TransferInterrupted, context: TransferContext, tries: int, pauses: int) -> None:
    """Wait before the next try. Raises TransferFailed after too many, and Stopped."""
    limits = context.limits
    if error.unreachable_host and context.hosts.is_down(error.unreachable_host):
        raise TransferFailed(f"{error.reason}; gave up after many tries") from error
    if tries >= limits.tries or pauses >= _MAX_PAUSES:
        count = tries if tries >= limits.tries else pauses
        raise TransferFailed(f"{error.reason}; gave up after {count} tries") from error
    if error.wait is not None and error.wait > limits.max_pause_seconds:
        raise TransferFailed(f"{error.reason}, and asks to come back after {error.wait:,.0f} s") from error
    delay = min(limits.first_delay_seconds * 2 ** max(tries - 1, 0), limits.max_delay_seconds) * _jitter(0.5, 1.5)
    if error.pauses_host:
        context.hosts.pause(error.pauses_host, delay if error.wait is None else error.wait)
        delay = _jitter(0.0, limits.first_delay_seconds)
    context.hosts.wait(delay)


def _request_rest(part: PartFile, context: TransferContext) -> bool:
    """Request what is missing of a part, following redirects. Return whether its length was known and has arrived."""
    url = part.info.url
    headers: dict[str, str] = {}
    if part.size and part.info.validator:
        headers = {"Range": f"bytes={part.size}-", "If-Range": part.info.validator}
    elif part.size:
        part.restart()
    for _ in range(_MAX_REDIRECTS + 1):
        host = check_url(url, allow_local=context.allow_local).hostname or ""
        with context.hosts.slot(host), _open_response(url, headers, context) as response:
            if response.status_code not in _REDIRECTS:
                return _receive(response, part, host, context)
            url = _redirect_target(url, response.headers.get("Location", ""))
    raise TransferFailed("the server redirects too many times")


def _open_response(url: str, headers: dict[str, str], context: TransferContext) -> requests.Response:
    """Send a request. Raises TransferInterrupted, TransferFailed, RefusedAddress and Stopped."""
    limits, origin = context.limits, urlsplit(url).netloc
    if context.hosts.is_down(origin):
        raise TransferFailed("the server cannot be reached")
    try:
        response = context.session.get(url, headers, (limits.connect_seconds, limits.stall_seconds))
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        context.hosts.raise_if_stopped()
        failure = _diagnose_transport(error)
        if isinstance(failure, TransferInterrupted):
            context.hosts.count_failure(origin)
            failure.unreachable_host = origin
        raise failure from error
    context.hosts.forget_failures(origin)
    return response


def _diagnose_transport(error: Exception) -> TransferInterrupted | TransferFailed:
    """Return what a failed connection means. The text never contains an address that the error may quote."""
    cause = getattr(error.args[0], "reason", None) if error.args else None
    if (bundle := _diagnose_bundle(error)) is not None:
        return bundle
    match error:
        case requests.exceptions.SSLError() if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return TransferFailed("the server's certificate is not valid")
        case requests.exceptions.InvalidURL() | requests.exceptions.InvalidSchema() | UnicodeError():
            return TransferFailed("the URL is malformed")
        case requests.exceptions.ProxyError():
            return TransferInterrupted("the proxy cannot be reached")
        case requests.exceptions.ConnectTimeout():
            return TransferInterrupted("the server cannot be reached: no connection in time")
        case requests.exceptions.Timeout() | ReadTimeoutError() | TimeoutError():
            return TransferInterrupted("the server sent no data in time")
        case requests.exceptions.ConnectionError() if isinstance(cause, NameResolutionError):
            return TransferInterrupted("the name of the server cannot be resolved")
        case requests.exceptions.ConnectionError() if isinstance(cause, NewConnectionError):
            return TransferInterrupted("the server cannot be reached")
        case requests.RequestException() | HTTPError() | OSError():
            return TransferInterrupted("the connection was closed before all data arrived")
        case _:
            return TransferInterrupted("the server's answer cannot be read")


_BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Environment variables that name the trusted certificates, in the order of requests."""


def _diagnose_bundle(error: Exception) -> TransferFailed | None:
    """Return what is wrong with the file of trusted certificates that the environment names, if that is the cause."""
    name = next((variable for variable in _BUNDLE_VARIABLES if os.environ.get(variable)), "")
    if not name or not isinstance(error, OSError):
        return None
    if "TLS CA certificate bundle" in str(error) and not Path(os.environ[name]).exists():
        return TransferFailed(f"{name} names a file that does not exist")
    if any(text in str(error) for text in ("[X509", "[PEM", "no certificate or crl found")):
        return TransferFailed(f"{name} names a file without certificates")
    return None


def _redirect_target(url: str, location: str) -> str:
    """Return the address of a redirect. Raises TransferFailed; the address itself is checked before its request."""
    if not location:
        raise TransferFailed("the server redirects without an address")
    try:
        target = urljoin(url, location)
    except ValueError:
        raise TransferFailed("the server redirects to a malformed address") from None
    if urlsplit(url).scheme == "https" and target.lower().startswith("http:"):
        raise TransferFailed("the server redirects from https to http")
    return target


def _receive(response: requests.Response, part: PartFile, host: str, context: TransferContext) -> bool:
    """Append the body of an answer to a part. Return whether its length was known, and has arrived."""
    _check_status(response, part, host)
    if _is_page(response.headers.get("Content-Type", "")) and not _names_page(part.info.url):
        raise MissingFile(_PAGE_INSTEAD)
    expected = _begin_body(response, part)
    decodes = _needs_decoding(response, part)
    _copy_body(response, part, context, decodes=decodes)
    context.hosts.raise_if_stopped()
    received = response.raw.tell() if decodes else part.size
    if expected is not None and received != expected:
        raise TransferInterrupted(f"the connection was closed after {received:,} of {expected:,} bytes")
    if part.head.lstrip().lower().startswith(_PAGE_STARTS) and not _names_page(part.info.url):
        raise MissingFile(_PAGE_INSTEAD)
    return expected is not None or bool(response.raw.chunked)


_PAGE_INSTEAD = "the server sends a web page instead of the file"


def _check_status(response: requests.Response, part: PartFile, host: str) -> None:
    """Raise what an answer without a file means."""
    status = response.status_code
    if status in (200, 206):
        return
    if status in _MISSING:
        raise MissingFile(f"the server does not have it ({status})")
    if status == 416 and part.size:
        _start_again(part, "the server does not continue the file")
    if status in _RETRIABLE:
        wait = parse_retry_after(response.headers.get("Retry-After", ""))
        pauses = host if status in _PAUSING else ""
        raise TransferInterrupted(f"the server answers {status}", wait if pauses else None, pauses_host=pauses)
    if status in (401, 403):
        raise TransferFailed(f"the server refuses access ({status})")
    raise TransferFailed(f"the server answers {status}")


def _start_again(part: PartFile, reason: str) -> NoReturn:
    """Delete the data of a part that cannot be continued, and request all of it."""
    part.info.etag = part.info.last_modified = ""
    part.restart()
    raise TransferInterrupted(reason)


def _begin_body(response: requests.Response, part: PartFile) -> int | None:
    """Prepare a part for the body. Return the size in bytes that the part, or the encoded body, must reach."""
    headers = response.headers
    length = None if response.raw.chunked else parse_content_length(headers.get("Content-Length", ""))
    etag = headers.get("ETag", "")
    if response.status_code == 206:
        first = parse_content_range(headers.get("Content-Range", ""))
        changed = bool(etag and part.info.etag and etag != part.info.etag)
        if first is None or first[0] != part.size or changed or headers.get("Content-Encoding"):
            _start_again(part, "the server sends another part of the file than requested")
        if first[1] is not None:
            return first[1]
        return None if length is None else part.size + length
    if part.size:
        part.restart()
    part.info.etag, part.info.last_modified = etag, headers.get("Last-Modified", "")
    if _needs_decoding(response, part):
        part.info.etag = part.info.last_modified = ""  # a range of the encoded body cannot be continued
    part.save_info()
    return length


def _needs_decoding(response: requests.Response, part: PartFile) -> bool:
    """Return whether the server compressed the body on its way. A `.gz` file is compressed itself.

    Raises TransferFailed for an unknown compression.
    """
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return False
    if encoding in ("gzip", "x-gzip") and urlsplit(part.info.url).path.lower().endswith((".gz", ".tgz")):
        return False
    if encoding in ("gzip", "x-gzip", "deflate"):
        return True
    raise TransferFailed("the server compresses the file in an unknown way")


def _copy_body(response: requests.Response, part: PartFile, context: TransferContext, *, decodes: bool) -> None:
    """Copy the body into a part until it ends. Raises TransferInterrupted when it stalls or breaks."""
    limits = context.limits
    began, before = time.monotonic(), part.size
    while True:
        try:
            chunk = response.raw.read1(_CHUNK, decode_content=decodes)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            raise _diagnose_read(error) from error
        if not chunk:
            return
        part.write(chunk)
        context.on_bytes(len(chunk))
        context.hosts.raise_if_stopped()
        if (now := time.monotonic()) - began > limits.stall_seconds:
            if part.size - before < limits.min_bytes:
                raise TransferInterrupted("the server sends too slowly")
            began, before = now, part.size


def _diagnose_read(error: Exception) -> TransferInterrupted:
    if isinstance(error, ReadTimeoutError | TimeoutError):
        return TransferInterrupted("the server sent no data in time")
    return TransferInterrupted("the connection was closed before all data arrived")


def _is_page(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() in _PAGE_TYPES


def _names_page(url: str) -> bool:
    return PurePosixPath(urlsplit(url).path).suffix.lower() in _PAGE_SUFFIXES
