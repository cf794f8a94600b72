"""What the service answered, read: an error of the tree, a request id, a status, a JSON document.

Invariant: an answer of any other shape than the one published is Failed, saying what was expected; nothing is guessed.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import NoneType
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

import msgspec

from auroraql.archives.aurorax.address import Key
from auroraql.archives.aurorax.broken import PROXY_HINT
from auroraql.archives.base import LogLine, Status
from auroraql.errors import ArchiveError, Failed, Refused, Unreachable
from auroraql.schema import PROTOCOLS

_LONGEST_EXCERPT = 120
_LONGEST_MESSAGE = 600
_REQUEST_ID = re.compile(r"(?!\.+$)[A-Za-z0-9._~%-]{1,200}")


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, its body whole and unpacked; header names in lower case.

    `reader` is what the call gave to read the body, of which `body` may then be the rest only.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    reader: object = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Context:
    """Who is asked, and about which search: what every error names."""

    archive: str
    key: Key
    request_id: str = ""
    is_aurorax: bool = True
    """Whether it is AuroraX itself, for which AURORAX_API_KEY is."""

    def about(self, request_id: str) -> Context:
        """The same, about one search."""
        return replace(self, request_id=request_id)

    def error(self, error: type[ArchiveError], message: str, hint: str = "") -> ArchiveError:
        """An error to raise; its texts hold neither the key nor characters that act on a terminal."""
        clean = self.clean(message)
        short = clean if len(clean) <= _LONGEST_MESSAGE else clean[:_LONGEST_MESSAGE] + "…"
        return error(short, archive=self.archive, request_id=self.clean(self.request_id), hint=self.clean(hint))

    def clean(self, text: str) -> str:
        """Text of the service, fit to be shown: no key, one line, printable."""
        hidden = self.key.hidden(text)
        return " ".join("".join(c if c.isprintable() else " " for c in hidden).split())

    def excerpt(self, body: bytes) -> str:
        """The beginning of a body as a quotation, an HTML page without its tags."""
        # The key is taken out before anything is cut, or half of it could be left standing.
        hidden = self.key.hidden(body.decode("utf-8", "replace"))
        text = self.clean(re.sub(r"<[^<>]{0,1000}>", " ", hidden[:100_000]))
        return f"'{text[:_LONGEST_EXCERPT]}{'…' if len(text) > _LONGEST_EXCERPT else ''}'" if text else "nothing"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the protocol: what it is called in messages, and what a 404 to it means."""

    name: str
    expected: tuple[int, ...]
    repeatable: bool
    missing: str


SUBMIT = Step("the search", (202,), False, "check that this is the address of an AuroraX service")
STATUS = Step("the status", (200,), True, "the service does not know this search any more: run it again")
DATA = Step("the records", (200,), True, "results are kept for a limited time: run the search again")
SOURCES = Step("the data sources", (200,), True, "check that this is the address of an AuroraX service")
AT_ONCE = Step("the search", (200,), False, "")
ESTIMATE = Step("the estimate", (200,), False, "this service does not estimate")
DESCRIBE = Step("the description", (200,), False, "this service does not describe")
CANCEL = Step("the cancellation", (200, 202, 204), True, "the search is gone already")

_EXPIRED = "the results are gone"
_LATER = "try again later"
_REFUSALS: dict[int, tuple[type[ArchiveError], str, str]] = {
    400: (Refused, "bad request", "EXPLAIN shows the query as it is sent"),
    407: (Unreachable, "the proxy asks for a user name and password", PROXY_HINT),
    403: (Refused, "not permitted", "this API key does not allow it"),
    404: (Refused, "not found", ""),
    409: (Refused, "a request with this id exists already", "run it again"),
    413: (Refused, "the query is too large", "shorten its lists"),
    422: (Refused, "the query cannot be processed", "EXPLAIN shows the query as it is sent"),
    429: (Refused, "too many requests", _LATER),
    500: (Failed, "an error inside the service", "run it again; if it fails again, ask for less at once"),
    502: (Unreachable, "bad gateway: the service behind it does not answer", _LATER),
    503: (Unreachable, "the service is unavailable", _LATER),
    504: (Unreachable, "the gateway gave up waiting for the service", "try again, or ask for less at once"),
}


def expect(answer: Answer, step: Step, context: Context) -> None:
    """Raises what the status code says, unless it is one that the step expects."""
    if answer.status in step.expected:
        return
    if 300 <= answer.status < 400:
        _refuse_redirect(answer, context)
    said = _words(answer)
    if answer.status == 401:
        raise context.error(Refused, _joined("401 not authenticated", said), _key_hint(context))
    if answer.status in _REFUSALS:
        error, words, hint = _REFUSALS[answer.status]
        if answer.status == 404:
            words, hint = (_EXPIRED if step is DATA else words), step.missing
        if answer.status == 503 and "maintenance mode" in said.lower():
            words = "maintenance"
        if wait := retry_after(answer.headers.get("retry-after", "")):
            hint = f"try again after {_lasting(wait)}"
        raise context.error(error, _joined(f"{answer.status} {words}", said), hint)
    if answer.status >= 400:
        error = Refused if answer.status < 500 else Failed
        raise context.error(error, _joined(f"{answer.status} to {step.name}", said), _LATER)
    wanted = " or ".join(map(str, step.expected))
    message = f"expected {wanted} to {step.name}, got {answer.status}: {context.excerpt(answer.body)}"
    raise context.error(Failed, message, "check that this is the address of an AuroraX service")


_LONGEST_WAIT = 1e9
"""Seconds that a Retry-After may say; more is as good as never."""


def retry_after(text: str) -> float | None:
    """Return the seconds of a `Retry-After` header, which holds them or a date; None for anything else or the past."""
    try:
        if text.isascii() and text.isdigit():
            seconds = float(text[-20:]) if len(text.lstrip("0")) <= 20 else _LONGEST_WAIT
        else:
            moment = parsedate_to_datetime(text)
            seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(seconds, _LONGEST_WAIT) if seconds > 0 else None


def _lasting(seconds: float) -> str:
    """A time to wait, for people."""
    return f"{seconds:.0f} s" if seconds < 2 * 86400 else f"{seconds / 86400:,.0f} days"


def _refuse_redirect(answer: Answer, context: Context) -> NoReturn:
    try:
        parts = urlsplit(answer.headers.get("location", ""))
        place = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}" if parts.hostname else ""
    except ValueError:
        place = ""
    message = f"{answer.status} redirected {f'to {place}' if place else 'without a usable address'}, not followed"
    raise context.error(Refused, message, f"if you trust {place}, use it as the archive" if place else "")


def _key_hint(context: Context) -> str:
    if context.key:
        return "the API key was not accepted: check AURORAX_API_KEY or the config file"
    if context.is_aurorax:
        return "set an API key in AURORAX_API_KEY or the config file"
    return (
        "set an API key in AURORAQL_API_KEY, or archive and api_key in a profile; AURORAX_API_KEY is for AuroraX alone"
    )


def _joined(fact: str, said: str) -> str:
    return f"{fact}: {said}" if said else fact


def _words(answer: Answer) -> str:
    """What the service itself says about an error; empty for a page of HTML or nothing."""
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ""
    return _error_in(document) or (document if isinstance(document, str) else "")


def _error_in(document: Any) -> str:
    """The words of an `ErrorDocument`, bare or below `error`; empty when the document is none."""
    if isinstance(document, list) and document and isinstance(document[0], dict):
        document = document[0]
    if not isinstance(document, dict):
        return ""
    inner = document.get("error")
    if isinstance(inner, dict):
        return _error_in(inner) or "an error without a message"
    code = document.get("error_code") or (inner if isinstance(inner, str) else "")
    message = document.get("error_message") or document.get("message")
    if not code and not document.get("error_message"):
        return message if isinstance(message, str) and "search_result" not in document else ""
    return f"{message} ({code})" if message and code else str(message or code)


def decoded(data: bytes | bytearray) -> Any:
    """A JSON document; strictly one, but that a byte-order mark may stand before it. Raises ValueError."""
    try:
        return msgspec.json.decode(data.removeprefix(codecs.BOM_UTF8))
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from None


def read_json(answer: Answer, what: str, context: Context) -> Any:
    """The body as JSON; Failed when it is none, or when it is the service's own error in a good answer."""
    failure = None
    try:
        document = decoded(answer.body)
    except ValueError:
        got = "an HTML page" if answer.body.lstrip()[:1] == b"<" else "something else"
        failure = f"expected {what} as JSON, got {got} of {len(answer.body)} bytes: {context.excerpt(answer.body)}"
    if failure is not None:  # raised out here, as the parser's error holds the whole body
        raise context.error(Failed, failure, "try again; check the archive's address")
    refuse_error(document, context)
    return document


def refuse_error(document: Any, context: Context) -> None:
    """Raises Failed when a document is the service's own error."""
    said = "" if isinstance(document, list) or _holds_result(document) else _error_in(document)
    if said:
        raise context.error(Failed, said, "run the search again")


def _holds_result(document: Any) -> bool:
    return isinstance(document, dict) and "result" in document and not document.get("error")


def read_submitted(answer: Answer, context: Context) -> str:
    """The request id of `POST …/search`: the last segment of `Location`.

    Only the id is taken from there: host and prefix stay the archive's own, so a service behind a proxy that
    names itself otherwise works, and the key goes nowhere else.
    """
    location = answer.headers.get("location", "")
    try:
        request_id = urlsplit(location).path.rstrip("/").rsplit("/", 1)[-1]
    except ValueError:
        request_id = ""
    if not is_request_id(request_id):
        got = context.excerpt(location.encode()) if location else "no such header"
        raise context.error(Failed, f"expected a Location header that ends in a request id, got {got}")
    return request_id


def read_status(answer: Answer, context: Context) -> Status:
    """The status of `GET …/requests/{id}`, as `SearchQueryResponse`. Raises Failed when the search failed."""
    document = read_json(answer, "a status", context)
    result = _member(document, "search_result", "object", context)
    logs = tuple(_log_line(line, context) for line in _member(document, "logs", "list", context))
    uri = _member(result, "data_uri", "string?", context)
    failed = _member(result, "error_condition", "boolean?", context)
    count = _member(result, "result_count", "integer?", context)
    deleted = _member(result, "result_file_deleted_timestamp", "string?", context)
    if failed:
        failure = context.error(Failed, _reason(logs), "change the search, or run it again later")
        failure.log, failure.ended = tuple(map(str, logs)), True
        raise failure
    if deleted and uri is None:
        expired = context.error(Refused, f"{_EXPIRED} since {deleted}", DATA.missing)
        expired.ended = True
        raise expired
    return Status(uri is not None, count, logs)


def is_request_id(text: str) -> bool:
    """Whether a text may be a request id: a piece of a path that leads nowhere else, however it is unpacked."""
    meant = unquote(text)
    return _REQUEST_ID.fullmatch(text) is not None and not re.search(r"[/\\?#%\s]|^\.+$", meant) and meant.isprintable()


def read_request_kind(answer: Answer, context: Context) -> str:
    """The kind that a status says its search is of; empty when it does not say one we know."""
    document = read_json(answer, "a status", context)
    request = document.get("search_request") if isinstance(document, dict) else None
    said = request.get("request_type") if isinstance(request, dict) else None
    if not isinstance(said, str):
        return ""
    request_type = said.removesuffix("_multi")  # the type of conjunctions once ended so
    return next((kind for kind, protocol in PROTOCOLS.items() if protocol.request_type == request_type), "")


def _log_line(line: Any, context: Context) -> LogLine:
    level, summary, timestamp = (_member(line, name, "string", context) for name in ("level", "summary", "timestamp"))
    return LogLine(level, context.clean(summary), timestamp)


def _reason(logs: tuple[LogLine, ...]) -> str:
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


def _member(document: Any, name: str, shape: str, context: Context) -> Any:
    """The member of a status called `name`; one that may be null may be missing. Failed for another shape."""
    types, words = _SHAPES[shape]
    inside = isinstance(document, dict)
    value = document.get(name) if inside else None
    if inside and isinstance(value, types) and (bool in types or not isinstance(value, bool)):
        return value
    got = context.excerpt(json.dumps(value if inside and name in document else document).encode())
    hint = "check that this is the address of an AuroraX service"
    raise context.error(Failed, f"expected {words} as '{name}' of a status, got {got}", hint)
