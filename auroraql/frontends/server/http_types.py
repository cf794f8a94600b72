"""Falcon request and response classes, and errors in the format of AuroraX's API."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any, BinaryIO, NoReturn, cast

import falcon

from auroraql.diagnostics.errors import AuroraQLError, Diagnostic, Pointer, StatementError, UsageError
from auroraql.frontends.server.gzip_io import GzipFile, GzipReader, accepts_gzip
from auroraql.schema.operators import OPERATORS

Document = dict[str, Any]

_CODES = {
    400: "AssertionError",
    401: "NotAuthenticated",
    403: "NotPermitted",
    404: "NotFound",
    409: "Conflict",
    413: "Other",
    415: "Other",
    429: "ToManyRequests",
    501: "NotImplemented",
    503: "Unavailable",
}
"""AuroraX's error codes (OpenAPI `ErrorDocument`). `ToManyRequests` is AuroraX's own spelling."""

_HOST = re.compile(r"[A-Za-z0-9.:_\[\]-]{1,255}", re.ASCII)

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
"""Stands for bytes of a URL that are not UTF-8, after decoding."""

_MAX_QUERY_BYTES = 1 << 20
"""Maximum size of a query in bytes. Many queries can be queued at once."""

MAX_PARTS = 500_000
"""Maximum number of values in a query or a response format. Lists and blocks have separate limits."""


class HttpError(Exception):
    """Error response. `document` replaces the default body made from `code` and `message`, and `text` any document.

    `media_type` is that of the document, if it is not plain JSON.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str = "",
        document: object = None,
        *,
        text: str = "",
        media_type: str = falcon.MEDIA_JSON,
    ) -> None:
        super().__init__(message)
        self.status, self.text, self.media_type = status, text, media_type
        self.document = document if document is not None else error_document(status, message, code)


def error_document(status: int, message: str, code: str = "") -> Document:
    """Return an error document in AuroraX's format."""
    return {"error_code": code or _CODES.get(status, "Other"), "error_message": message}


class HttpRequest(falcon.Request):
    """Falcon request with typed access to parameters and body. Invalid input raises HttpError."""

    @property
    def base(self) -> str:
        """Base URL that the request was sent to, for the Location header."""
        host = self.get_header("Host", default="")
        if not _HOST.fullmatch(host):
            host = f"{self.env['SERVER_NAME']}:{self.env['SERVER_PORT']}"
        return f"{self.scheme}://{host}"

    @property
    def key(self) -> str:
        """API key from the x-aurorax-api-key or Authorization header, or an empty string."""
        bearer = self.get_header("Authorization", default="").removeprefix("Bearer ")
        return self.get_header("x-aurorax-api-key", default=bearer)

    def document(self) -> Document:
        """Return the body, which must be a JSON object."""
        return _require_object(self.json())

    def query(self) -> Document:
        """Return the body, which must be a JSON object within the size limits of a query."""
        return _require_object(self.json(MAX_PARTS))

    def json(self, most: int | None = None) -> Any:
        """Return the parsed JSON body. It must be valid Unicode, and its numbers must be finite.

        `most` limits the number of values. A small body can hold many values, so they are counted before parsing.
        """
        body: bytes = self.bounded_stream.read()
        if most is not None and sum(map(body.count, (b",", b"[", b"{"))) > most:
            raise HttpError(400, f"the body has more than {most} values")
        try:
            document = json.loads(body, parse_float=_read_number, parse_constant=_refuse_constant)
            # A lone surrogate cannot be encoded as UTF-8, so it could not be stored.
            json.dumps(document, ensure_ascii=False).encode()
        except UnicodeError:
            raise HttpError(400, "the body is not Unicode text") from None
        except ValueError as problem:
            raise HttpError(400, f"the body is not JSON: {problem}") from None
        except RecursionError:
            raise HttpError(400, "the JSON body is nested too deeply") from None
        if most is not None and len(body) > _MAX_QUERY_BYTES:
            raise HttpError(413, f"a query has at most {_MAX_QUERY_BYTES} bytes; this one has {len(body)}")
        return document

    def parameter(self, name: str) -> str:
        """Return the first value of a query parameter, or an empty string if it is missing."""
        value = self.params.get(name, "")
        text = value[0] if isinstance(value, list) else value
        if _REPLACEMENT in text:
            raise HttpError(400, f"'{name}' is not UTF-8 text")
        return text

    def flag(self, name: str) -> bool | None:
        """Return a boolean query parameter, or None if it is missing."""
        text = self.parameter(name).lower()
        if text in ("", "true", "false"):
            return {"": None, "true": True, "false": False}[text]
        raise HttpError(400, f"'{name}' must be true or false, not '{text}'")

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """Return a query parameter that must be one of `choices`, or an empty string if it is missing."""
        text = self.parameter(name)
        if text and text not in choices:
            raise HttpError(400, f"'{name}' must be one of {', '.join(choices)}, not '{text}'")
        return text

    def number(self, name: str) -> int | None:
        """Return an integer query parameter, or None if it is missing."""
        text = self.parameter(name)
        return whole_number(text, name) if text else None

    def day(self, name: str) -> date | None:
        """Return a date query parameter (YYYY-MM-DD), or None if it is missing."""
        text = self.parameter(name)
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            raise HttpError(400, f"'{name}' must be a date such as 2020-02-01, not '{text}'") from None

    def moment(self, name: str) -> datetime | None:
        """Return a timestamp query parameter as naive UTC, or None if it is missing."""
        text = self.parameter(name)
        return read_moment(text, name) if text else None


def _require_object(document: object) -> Document:
    if not isinstance(document, dict):
        raise HttpError(400, "the body is not a JSON object")
    return document


class HttpResponse(falcon.Response):
    """Falcon response that can stream a file."""

    def stream_records(self, records: GzipFile, call: HttpRequest) -> None:
        """Stream a file of records, compressed if the client accepts gzip. The file is closed after it is sent."""
        self.content_type = falcon.MEDIA_JSON
        if accepts_gzip(call.get_header("Accept-Encoding", default="")):
            self.set_header("Content-Encoding", "gzip")
            self.stream = records.file
        else:
            self.stream = cast("BinaryIO", GzipReader(records))


def whole_number(text: str, name: str) -> int:
    """Parse an integer of at most 64 bits. Raises HttpError."""
    if not (text.removeprefix("-").isascii() and text.removeprefix("-").isdigit() and len(text) < 19):
        raise HttpError(400, f"'{name}' must be a whole number, not '{text}'")
    return int(text)


def read_moment(text: object, name: str) -> datetime:
    """Parse a timestamp and return it as naive UTC. A timestamp without a zone is UTC. Raises HttpError."""
    try:
        moment = datetime.fromisoformat(text if isinstance(text, str) else "")
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        raise HttpError(400, f"'{name}' must be a time such as 2020-02-01T00:00:00, not {text!r}") from None


@contextmanager
def statement_errors_to_http() -> Iterator[None]:
    """Convert errors of a query into HttpError. Hints are left out because they are about statements, not JSON."""
    try:
        yield
    except StatementError as error:
        raise HttpError(400, "; ".join(_diagnostic_text(diagnostic) for diagnostic in error.diagnostics)) from None
    except UsageError as error:
        raise HttpError(400, error.message) from None


_WORDS = re.compile(
    rf"\b(?:{'|'.join(row.text for row in OPERATORS.values() if row.text.isalpha())}|NOT|TRUE|FALSE|NULL)\b"
)
"""Keywords in diagnostic messages. Query documents write them in lower case."""


def _diagnostic_text(diagnostic: Diagnostic) -> str:
    place = f" (at {diagnostic.origin.path or '/'})" if isinstance(diagnostic.origin, Pointer) else ""
    return f"{_WORDS.sub(lambda word: word[0].lower(), diagnostic.message)}{place}"


def archive_error_reason(error: AuroraQLError) -> str:
    """Return the message and the hint of an archive error in one line."""
    message, hint = getattr(error, "message", str(error)), getattr(error, "hint", "")
    return f"{message}: {hint}" if hint else message


def utc_now() -> datetime:
    """Return the current time as naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def _read_number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        _refuse_constant(text)
    return value


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text[:30]} is not a JSON number")
