"""A request and its answer, and errors in the shape of AuroraX's service."""

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
"""AuroraX's own names of errors (OpenAPI `ErrorDocument`), misspelt as they are."""

_HOST = re.compile(r"[A-Za-z0-9.:_\[\]-]{1,255}", re.ASCII)

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
"""What a URL's bytes that are not UTF-8 are decoded to."""

_LONGEST_QUERY = 1 << 20
"""Bytes of a query: many of them may wait at once."""

MOST_PARTS = 500_000
"""Values of a query, or of a response format; its lists and blocks have limits of their own."""


class HttpError(Exception):
    """A call that is answered with an error; `document` stands in place of the one that code and message make."""

    def __init__(self, status: int, message: str, code: str = "", document: object = None) -> None:
        super().__init__(message)
        self.status = status
        self.document = document if document is not None else error_document(status, message, code)


def error_document(status: int, message: str, code: str = "") -> Document:
    """An error in AuroraX's shape."""
    return {"error_code": code or _CODES.get(status, "Other"), "error_message": message}


class HttpRequest(falcon.Request):
    """One request, with its parameters and its body read as the endpoints need them; what is wrong raises Problem."""

    @property
    def base(self) -> str:
        """The address that this was sent to, for the header Location."""
        host = self.get_header("Host", default="")
        if not _HOST.fullmatch(host):
            host = f"{self.env['SERVER_NAME']}:{self.env['SERVER_PORT']}"
        return f"{self.scheme}://{host}"

    @property
    def key(self) -> str:
        """The API key of the header x-aurorax-api-key or Authorization; empty without one."""
        bearer = self.get_header("Authorization", default="").removeprefix("Bearer ")
        return self.get_header("x-aurorax-api-key", default=bearer)

    def document(self) -> Document:
        """Return the body, a JSON object."""
        return _require_object(self.json())

    def query(self) -> Document:
        """Return the body, a JSON object of the size of a query."""
        return _require_object(self.json(MOST_PARTS))

    def json(self, most: int | None = None) -> Any:
        """Return the body as JSON: finite numbers, and text that is Unicode; `most` limits its parts.

        A small body can hold a large document, so its parts are counted before any is made.
        """
        body: bytes = self.bounded_stream.read()
        if most is not None and sum(map(body.count, (b",", b"[", b"{"))) > most:
            raise HttpError(400, f"the body has more than {most} values: a query has no use for so many")
        try:
            document = json.loads(body, parse_float=_read_number, parse_constant=_refuse_constant)
            # Half a surrogate pair is not text, and nothing that is stored could hold it.
            json.dumps(document, ensure_ascii=False).encode()
        except UnicodeError:
            raise HttpError(400, "the body is not Unicode text") from None
        except ValueError as problem:
            raise HttpError(400, f"the body is not JSON: {problem}") from None
        except RecursionError:
            raise HttpError(400, "the body is JSON too deep to read") from None
        if most is not None and len(body) > _LONGEST_QUERY:
            raise HttpError(413, f"a query has at most {_LONGEST_QUERY} bytes, and this one has {len(body)}")
        return document

    def parameter(self, name: str) -> str:
        """Return a parameter of the URL, the first of that name; empty when it is left out."""
        value = self.params.get(name, "")
        text = value[0] if isinstance(value, list) else value
        if _REPLACEMENT in text:
            raise HttpError(400, f"'{name}' is not UTF-8 text")
        return text

    def flag(self, name: str) -> bool | None:
        """Return a parameter that is true or false; None when it is left out."""
        text = self.parameter(name).lower()
        if text in ("", "true", "false"):
            return {"": None, "true": True, "false": False}[text]
        raise HttpError(400, f"'{name}' is true or false, not '{text}'")

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """Return a parameter that takes one of several values; empty when it is left out."""
        text = self.parameter(name)
        if text and text not in choices:
            raise HttpError(400, f"'{name}' is one of {', '.join(choices)}, not '{text}'")
        return text

    def number(self, name: str) -> int | None:
        """Return a parameter that is a whole number; None when it is left out."""
        text = self.parameter(name)
        return whole_number(text, name) if text else None

    def day(self, name: str) -> date | None:
        """Return a parameter that is a date, YYYY-MM-DD; None when it is left out."""
        text = self.parameter(name)
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            raise HttpError(400, f"'{name}' is a date such as 2020-02-01, not '{text}'") from None

    def moment(self, name: str) -> datetime | None:
        """Return a parameter that is a time, as naive UTC; None when it is left out."""
        text = self.parameter(name)
        return read_moment(text, name) if text else None


def _require_object(document: object) -> Document:
    if not isinstance(document, dict):
        raise HttpError(400, "the body is not a JSON object")
    return document


class HttpResponse(falcon.Response):
    """The answer to one request."""

    def stream_records(self, records: GzipFile, call: HttpRequest) -> None:
        """Answer with a file of records, packed where the client accepts gzip. The file is closed after it is sent."""
        self.content_type = falcon.MEDIA_JSON
        if accepts_gzip(call.get_header("Accept-Encoding", default="")):
            self.set_header("Content-Encoding", "gzip")
            self.stream = records.file
        else:
            self.stream = cast("BinaryIO", GzipReader(records))


def whole_number(text: str, name: str) -> int:
    """A whole number of at most 64 bits. Raises Problem."""
    if not (text.removeprefix("-").isascii() and text.removeprefix("-").isdigit() and len(text) < 19):
        raise HttpError(400, f"'{name}' is a whole number, not '{text}'")
    return int(text)


def read_moment(text: object, name: str) -> datetime:
    """A timestamp as naive UTC; one without a zone is UTC. Raises Problem."""
    try:
        moment = datetime.fromisoformat(text if isinstance(text, str) else "")
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        raise HttpError(400, f"'{name}' is a time as 2020-02-01T00:00:00, not {text!r}") from None


@contextmanager
def statement_errors_to_http() -> Iterator[None]:
    """What is wrong with a query, as a problem of the call; hints are for statements, not for JSON."""
    try:
        yield
    except StatementError as error:
        raise HttpError(400, "; ".join(_diagnostic_text(each) for each in error.diagnostics)) from None
    except UsageError as error:
        raise HttpError(400, error.message) from None


_WORDS = re.compile(
    rf"\b(?:{'|'.join(row.text for row in OPERATORS.values() if row.text.isalpha())}|NOT|TRUE|FALSE|NULL)\b"
)
"""Words of the language that its messages use, and JSON has in lower case."""


def _diagnostic_text(each: Diagnostic) -> str:
    place = f" (at {each.origin.path or '/'})" if isinstance(each.origin, Pointer) else ""
    return f"{_WORDS.sub(lambda word: word[0].lower(), each.message)}{place}"


def archive_error_reason(error: AuroraQLError) -> str:
    """What an archive says went wrong, in one line."""
    message, hint = getattr(error, "message", str(error)), getattr(error, "hint", "")
    return f"{message}: {hint}" if hint else message


def utc_now() -> datetime:
    """The time, as naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def _read_number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        _refuse_constant(text)
    return value


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text[:30]} is no number of JSON")
