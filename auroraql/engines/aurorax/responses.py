"""Parsing of the service's responses: errors, request ids, statuses and JSON documents.

Invariant: a response of an unpublished shape raises Failed with the expected shape; nothing is guessed.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import NoneType
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

import msgspec

from auroraql.diagnostics.errors import ArchiveError, Failed, Refused, Unreachable
from auroraql.downloads.http_headers import parse_retry_after
from auroraql.engines.aurorax.credentials import ApiKey
from auroraql.engines.aurorax.transport_errors import PROXY_HINT
from auroraql.engines.base import LogLine, RunStatus
from auroraql.schema import PROTOCOLS

_MAX_EXCERPT_LENGTH = 120
_MAX_MESSAGE_LENGTH = 600
_REQUEST_ID = re.compile(r"(?!\.+$)[A-Za-z0-9._~%-]{1,200}")


@dataclass(frozen=True, slots=True)
class ServiceResponse:
    """One HTTP answer, its body whole and unpacked; header names in lower case.

    `reader` is what the call gave to read the body, of which `body` may then be the rest only.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    reader: object = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """Archive, key and request id that errors refer to."""

    archive: str
    key: ApiKey
    request_id: str = ""
    is_aurorax: bool = True
    """Whether the service is AuroraX itself, to which AURORAX_API_KEY belongs."""

    def for_request(self, request_id: str) -> ServiceContext:
        """Return a copy for one search."""
        return replace(self, request_id=request_id)

    def error(self, error: type[ArchiveError], message: str, hint: str = "") -> ArchiveError:
        """Return an error without the key and without terminal control characters, ready to raise."""
        clean = self.clean(message)
        short = clean if len(clean) <= _MAX_MESSAGE_LENGTH else clean[:_MAX_MESSAGE_LENGTH] + "…"
        return error(short, archive=self.archive, request_id=self.clean(self.request_id), hint=self.clean(hint))

    def clean(self, text: str) -> str:
        """Return text of the service in displayable form: without the key, on one line, printable."""
        hidden = self.key.redact(text)
        return " ".join("".join(c if c.isprintable() else " " for c in hidden).split())

    def excerpt(self, body: bytes) -> str:
        """Return the start of a body in quotes; tags of an HTML page are removed."""
        # Mask the key before cutting, or a part of it could remain.
        hidden = self.key.redact(body.decode("utf-8", "replace"))
        text = self.clean(re.sub(r"<[^<>]{0,1000}>", " ", hidden[:100_000]))
        return f"'{text[:_MAX_EXCERPT_LENGTH]}{'…' if len(text) > _MAX_EXCERPT_LENGTH else ''}'" if text else "nothing"


@dataclass(frozen=True, slots=True)
class ProtocolStep:
    """Step of the protocol: its name in messages, expected statuses, whether it may be repeated, the hint for a 404."""

    name: str
    expected: tuple[int, ...]
    is_repeatable: bool
    missing_hint: str


SUBMIT = ProtocolStep("the search", (202,), False, "check that this is the address of an AuroraX service")
STATUS = ProtocolStep("the status", (200,), True, "the service no longer has this search: run it again")
DATA = ProtocolStep("the records", (200,), True, "results are kept for a limited time: run the search again")
SOURCES = ProtocolStep("the data sources", (200,), True, "check that this is the address of an AuroraX service")
SEARCH_SYNCHRONOUS = ProtocolStep("the search", (200,), False, "")
ESTIMATE = ProtocolStep("the estimate", (200,), False, "this service has no estimates")
DESCRIBE = ProtocolStep("the description", (200,), False, "this service has no descriptions")
CANCEL = ProtocolStep("the cancellation", (200, 202, 204), True, "the search no longer exists")

_DELETED_MESSAGE = "the results were deleted"
_RETRY_HINT = "try again later"
_REFUSALS: dict[int, tuple[type[ArchiveError], str, str]] = {
    400: (Refused, "bad request", "EXPLAIN shows the query as it is sent"),
    407: (Unreachable, "the proxy requires a user name and password", PROXY_HINT),
    403: (Refused, "not permitted", "this API key does not allow it"),
    404: (Refused, "not found", ""),
    409: (Refused, "a request with this ID already exists", "run it again"),
    413: (Refused, "the query is too large", "shorten its lists"),
    422: (Refused, "the query cannot be processed", "EXPLAIN shows the query as it is sent"),
    429: (Refused, "too many requests", _RETRY_HINT),
    500: (Failed, "internal server error", "run it again; if it fails again, narrow the search"),
    502: (Unreachable, "bad gateway: the service behind it does not respond", _RETRY_HINT),
    503: (Unreachable, "the service is unavailable", _RETRY_HINT),
    504: (Unreachable, "gateway timeout: the service did not respond in time", "try again, or narrow the search"),
}


def check_status(answer: ServiceResponse, step: ProtocolStep, context: ServiceContext) -> None:
    """Raise the ArchiveError that the status code means, unless the step expects the code."""
    if answer.status in step.expected:
        return
    if 300 <= answer.status < 400:
        _refuse_redirect(answer, context)
    detail = _service_message(answer)
    if answer.status == 401:
        raise context.error(Refused, _join_message("401 not authenticated", detail), _key_hint(context))
    if answer.status in _REFUSALS:
        error, reason, hint = _REFUSALS[answer.status]
        if answer.status == 404:
            reason, hint = (_DELETED_MESSAGE if step is DATA else reason), step.missing_hint
        if answer.status == 503 and "maintenance mode" in detail.lower():
            reason = "maintenance"
        wait = parse_retry_after(answer.headers.get("retry-after", ""))
        if wait:
            hint = f"try again after {_format_wait(wait)}"
        refusal = context.error(error, _join_message(f"{answer.status} {reason}", detail), hint)
        refusal.retry_after_seconds = wait
        raise refusal
    if answer.status >= 400:
        error = Refused if answer.status < 500 else Failed
        raise context.error(error, _join_message(f"{answer.status} to {step.name}", detail), _RETRY_HINT)
    expected_codes = " or ".join(map(str, step.expected))
    message = f"expected {expected_codes} to {step.name}, got {answer.status}: {context.excerpt(answer.body)}"
    raise context.error(Failed, message, "check that this is the address of an AuroraX service")


def _format_wait(seconds: float) -> str:
    """Format a waiting time for messages."""
    return f"{seconds:.0f} s" if seconds < 2 * 86400 else f"{seconds / 86400:,.0f} days"


def _refuse_redirect(answer: ServiceResponse, context: ServiceContext) -> NoReturn:
    try:
        parts = urlsplit(answer.headers.get("location", ""))
        place = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}" if parts.hostname else ""
    except ValueError:
        place = ""
    message = f"{answer.status} redirect {f'to {place}' if place else 'without a usable address'} was not followed"
    raise context.error(Refused, message, f"if you trust {place}, use it as the archive" if place else "")


def _key_hint(context: ServiceContext) -> str:
    if context.key:
        return "the API key was not accepted: check AURORAX_API_KEY or the config file"
    if context.is_aurorax:
        return "set an API key in AURORAX_API_KEY or the config file"
    return (
        "set an API key in AURORAQL_API_KEY, or archive and api_key in a profile; AURORAX_API_KEY is for AuroraX alone"
    )


def _join_message(fact: str, detail: str) -> str:
    return f"{fact}: {detail}" if detail else fact


def _service_message(answer: ServiceResponse) -> str:
    """Return the error message in the body; empty for HTML or an empty body."""
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ""
    return _error_message(document) or (document if isinstance(document, str) else "")


def _error_message(document: Any) -> str:
    """Return the message of an `ErrorDocument`, bare or under `error`; empty for other documents."""
    if isinstance(document, list) and document and isinstance(document[0], dict):
        document = document[0]
    if not isinstance(document, dict):
        return ""
    inner = document.get("error")
    if isinstance(inner, dict):
        return _error_message(inner) or "an error without a message"
    code = document.get("error_code") or (inner if isinstance(inner, str) else "")
    message = document.get("error_message") or document.get("message")
    if not code and not document.get("error_message"):
        return message if isinstance(message, str) and "search_result" not in document else ""
    return f"{message} ({code})" if message and code else str(message or code)


def decode_json(data: bytes | bytearray) -> Any:
    """Decode strict JSON, with an optional byte-order mark. Raises ValueError."""
    try:
        return msgspec.json.decode(data.removeprefix(codecs.BOM_UTF8))
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from None


def read_json(answer: ServiceResponse, what: str, context: ServiceContext) -> Any:
    """Return the body as JSON. Raises Failed for other content, and for an error document in a successful response."""
    failure = None
    try:
        document = decode_json(answer.body)
    except ValueError:
        content = "an HTML page" if answer.body.lstrip()[:1] == b"<" else "something else"
        failure = f"expected {what} as JSON, got {content} of {len(answer.body)} bytes: {context.excerpt(answer.body)}"
    if failure is not None:  # raised outside the handler, because the parser's error references the whole body
        raise context.error(Failed, failure, "try again; check the archive's address")
    refuse_error(document, context)
    return document


def refuse_error(document: Any, context: ServiceContext) -> None:
    """Raise Failed if the document is an error document."""
    message = "" if isinstance(document, list) or _has_result(document) else _error_message(document)
    if message:
        raise context.error(Failed, message, "run the search again")


def _has_result(document: Any) -> bool:
    return isinstance(document, dict) and "result" in document and not document.get("error")


def read_request_id(answer: ServiceResponse, context: ServiceContext) -> str:
    """Return the request id of a `POST …/search` response: the last segment of its `Location`.

    Host and prefix of the location are ignored. A service behind a proxy that reports another name then works, and the
    key goes to no other host.
    """
    location = answer.headers.get("location", "")
    try:
        request_id = urlsplit(location).path.rstrip("/").rsplit("/", 1)[-1]
    except ValueError:
        request_id = ""
    if not is_request_id(request_id):
        header = context.excerpt(location.encode()) if location else "no such header"
        raise context.error(Failed, f"expected a Location header that ends in a request id, got {header}")
    return request_id


def read_status(answer: ServiceResponse, context: ServiceContext) -> RunStatus:
    """Return the status in a `GET …/requests/{id}` response (`SearchQueryResponse`).

    Raises Failed for a failed search, and Refused when the service has deleted the results.
    """
    document = read_json(answer, "a status", context)
    result = _get_member(document, "search_result", "object", context)
    logs = tuple(_log_line(line, context) for line in _get_member(document, "logs", "list", context))
    uri = _get_member(result, "data_uri", "string?", context)
    failed = _get_member(result, "error_condition", "boolean?", context)
    count = _get_member(result, "result_count", "integer?", context)
    deleted = _get_member(result, "result_file_deleted_timestamp", "string?", context)
    if failed:
        failure = context.error(Failed, _failure_reason(logs), "change the search, or run it again later")
        failure.log, failure.ended = tuple(map(str, logs)), True
        raise failure
    if deleted and uri is None:
        expired = context.error(Refused, f"{_DELETED_MESSAGE} at {deleted}", DATA.missing_hint)
        expired.ended = True
        raise expired
    return RunStatus(uri is not None, count, logs)


def is_request_id(text: str) -> bool:
    """Return whether the text is a valid request id: one path segment that stays one after percent-decoding."""
    decoded_text = unquote(text)
    return (
        _REQUEST_ID.fullmatch(text) is not None
        and not re.search(r"[/\\?#%\s]|^\.+$", decoded_text)
        and decoded_text.isprintable()
    )


def read_request_kind(answer: ServiceResponse, context: ServiceContext) -> str:
    """Return the kind in a status response; empty when it is missing or unknown."""
    document = read_json(answer, "a status", context)
    request = document.get("search_request") if isinstance(document, dict) else None
    type_name = request.get("request_type") if isinstance(request, dict) else None
    if not isinstance(type_name, str):
        return ""
    request_type = type_name.removesuffix("_multi")  # older conjunction types end in `_multi`
    return next((kind for kind, protocol in PROTOCOLS.items() if protocol.request_type == request_type), "")


def _log_line(line: Any, context: ServiceContext) -> LogLine:
    level, summary, timestamp = (
        _get_member(line, name, "string", context) for name in ("level", "summary", "timestamp")
    )
    return LogLine(level, context.clean(summary), timestamp)


def _failure_reason(logs: tuple[LogLine, ...]) -> str:
    errors = [line.summary for line in logs if line.level.lower() == "error"]
    return "; ".join(errors) or (logs[-1].summary if logs else "the service gives no reason")


_SHAPES: dict[str, tuple[tuple[type, ...], str]] = {
    "object": ((dict,), "an object"),
    "list": ((list,), "a list"),
    "string": ((str,), "a string"),
    "string?": ((str, NoneType), "a string or null"),
    "boolean?": ((bool, NoneType), "true, false or null"),
    "integer?": ((int, NoneType), "a whole number or null"),
}


def _get_member(document: Any, name: str, shape: str, context: ServiceContext) -> Any:
    """Return a member of a status; a nullable member may be missing. Raises Failed for another type."""
    types, words = _SHAPES[shape]
    inside = isinstance(document, dict)
    value = document.get(name) if inside else None
    if inside and isinstance(value, types) and (bool in types or not isinstance(value, bool)):
        return value
    actual = context.excerpt(json.dumps(value if inside and name in document else document).encode())
    hint = "check that this is the address of an AuroraX service"
    raise context.error(Failed, f"expected {words} as '{name}' of a status, got {actual}", hint)
