"""What goes over the wire, as values: a call, a reply, and what is wrong with a call in the service's own shape."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NoReturn

from auroraql.errors import AuroraQLError, Diagnostic, Pointer, StatementError, UsageError
from auroraql.frontends.server.packing import Packed
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

JSON = ("Content-Type", "application/json")
"""Without a charset: pyaurorax takes nothing else for JSON."""


_LONGEST_QUERY = 1 << 20
"""Bytes of a query: many of them may wait at once."""

MOST_PARTS = 500_000
"""Values of a query, or of a response format; its lists and blocks have limits of their own."""


class Problem(Exception):
    """A call that is answered with an error; `document` stands in place of the one that code and message make."""

    def __init__(self, status: int, message: str, code: str = "", document: object = None) -> None:
        super().__init__(message)
        self.status = status
        self.document = document if document is not None else error_document(status, message, code)


def error_document(status: int, message: str, code: str = "") -> Document:
    """An error in AuroraX's shape."""
    return {"error_code": code or _CODES.get(status, "Other"), "error_message": message}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its body as bytes, or as a packed file, which is closed when it was sent."""

    status: int
    body: bytes | Packed = b""
    headers: tuple[tuple[str, str], ...] = ()


def json_reply(document: object, status: int = 200) -> Reply:
    """A document as the answer."""
    return Reply(status, json.dumps(document).encode(), (JSON,))


def problem_reply(problem: Problem) -> Reply:
    """An error as the answer; who is asked to come again later is told when."""
    reply = json_reply(problem.document, problem.status)
    if problem.status in (429, 503):
        return Reply(reply.status, reply.body, (*reply.headers, ("Retry-After", "1")))
    return reply


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `base` is the address it was sent to, `key` the API key it came with, `body` unread JSON."""

    method: str
    path: Mapping[str, str]
    asked: Mapping[str, str]
    body: bytes = b""
    base: str = ""
    key: str = ""
    address: str = ""

    def document(self) -> Document:
        """The body as a JSON object. Raises Problem."""
        document = self.json()
        if not isinstance(document, dict):
            raise Problem(400, "the body is no JSON object")
        return document

    def query(self) -> Document:
        """The body as a JSON object of the size of a query. Raises Problem."""
        document = self.json(MOST_PARTS)
        if not isinstance(document, dict):
            raise Problem(400, "the body is no JSON object")
        return document

    def json(self, most: int | None = None) -> Any:
        """The body as JSON: finite numbers, and text that is Unicode; `most` limits its parts. Raises Problem.

        A small body can hold a large document, so that its parts are counted before any is made.
        """
        if most is not None and sum(map(self.body.count, (b",", b"[", b"{"))) > most:
            raise Problem(400, f"the body has more than {most} values: a query has no use for so many")
        try:
            document = json.loads(self.body, parse_float=_number, parse_constant=_refuse)
            # Half a surrogate pair is no text, and nothing that is kept could hold it.
            json.dumps(document, ensure_ascii=False).encode()
        except UnicodeError:
            raise Problem(400, "the body is no Unicode text") from None
        except ValueError as problem:
            raise Problem(400, f"the body is no JSON: {problem}") from None
        except RecursionError:
            raise Problem(400, "the body is JSON too deep to read") from None
        if most is not None and len(self.body) > _LONGEST_QUERY:
            raise Problem(413, f"a query has at most {_LONGEST_QUERY} bytes, and this one has {len(self.body)}")
        return document

    def flag(self, name: str) -> bool | None:
        """A parameter that is true or false; None when it is left out. Raises Problem."""
        text = self.asked.get(name, "").lower()
        if text in ("", "true", "false"):
            return {"": None, "true": True, "false": False}[text]
        raise Problem(400, f"'{name}' is true or false, not '{text}'")

    def choice(self, name: str, known: tuple[str, ...]) -> str:
        """A parameter that takes one of several values; empty when it is left out. Raises Problem."""
        text = self.asked.get(name, "")
        if text and text not in known:
            raise Problem(400, f"'{name}' is one of {', '.join(known)}, not '{text}'")
        return text

    def number(self, name: str) -> int | None:
        """A parameter that is a whole number; None when it is left out. Raises Problem."""
        text = self.asked.get(name, "")
        return whole_number(text, name) if text else None

    def identifier(self) -> int:
        """The data source that the path names. Raises Problem."""
        return whole_number(self.path["identifier"], "identifier")

    def day(self, name: str) -> date | None:
        """A parameter that is a date, YYYY-MM-DD; None when it is left out. Raises Problem."""
        text = self.asked.get(name, "")
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            raise Problem(400, f"'{name}' is a date as 2020-02-01, not '{text}'") from None

    def moment(self, name: str) -> datetime | None:
        """A parameter that is a time, as naive UTC; None when it is left out. Raises Problem."""
        text = self.asked.get(name, "")
        return read_moment(text, name) if text else None


def whole_number(text: str, name: str) -> int:
    """A whole number of at most 64 bits. Raises Problem."""
    if not (text.removeprefix("-").isascii() and text.removeprefix("-").isdigit() and len(text) < 19):
        raise Problem(400, f"'{name}' is a whole number, not '{text}'")
    return int(text)


def read_moment(text: object, name: str) -> datetime:
    """A timestamp as naive UTC; one without a zone is UTC. Raises Problem."""
    try:
        moment = datetime.fromisoformat(text if isinstance(text, str) else "")
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        raise Problem(400, f"'{name}' is a time as 2020-02-01T00:00:00, not {text!r}") from None


Handler = Callable[[Any, Call], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """What is answered by whom: method, path (`{name}` stands for one step of it) and handler."""

    method: str
    path: str
    handler: Handler


@contextmanager
def statement_problems() -> Iterator[None]:
    """What is wrong with a query, as a problem of the call; hints are for statements, not for JSON."""
    try:
        yield
    except StatementError as error:
        raise Problem(400, "; ".join(_told(each) for each in error.diagnostics)) from None
    except UsageError as error:
        raise Problem(400, error.message) from None


_WORDS = re.compile(
    rf"\b(?:{'|'.join(row.text for row in OPERATORS.values() if row.text.isalpha())}|NOT|TRUE|FALSE|NULL)\b"
)
"""Words of the language that its messages use, and JSON has in lower case."""


def _told(each: Diagnostic) -> str:
    place = f" (at {each.origin.path or '/'})" if isinstance(each.origin, Pointer) else ""
    return f"{_WORDS.sub(lambda word: word[0].lower(), each.message)}{place}"


def reason(error: AuroraQLError) -> str:
    """What an archive says went wrong, in one line."""
    message, hint = getattr(error, "message", str(error)), getattr(error, "hint", "")
    return f"{message}: {hint}" if hint else message


def now() -> datetime:
    """The time, as naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        _refuse(text)
    return value


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text[:30]} is no number of JSON")
