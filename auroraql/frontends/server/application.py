"""The WSGI application: from a request to its route, and from what goes wrong to an answer in the service's shape."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from auroraql.errors import ArchiveError, TimedOut
from auroraql.frontends.server.access import ANY, Access
from auroraql.frontends.server.endpoints import ROUTES
from auroraql.frontends.server.packing import LEAST, Unpacked, pack, takes_gzip
from auroraql.frontends.server.service import Service
from auroraql.frontends.server.wire import Call, Handler, Problem, Reply, problem_reply, reason

Environ = dict[str, Any]

_HOST = re.compile(r"[A-Za-z0-9.:_\[\]-]{1,255}", re.ASCII)

_REASONS = {
    200: "OK",
    202: "Accepted",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    500: "Internal Server Error",
    503: "Service Unavailable",
}

_ALLOWED = (
    ("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE"),
    ("Access-Control-Allow-Headers", "content-type, x-aurorax-api-key, authorization"),
    ("Access-Control-Max-Age", "86400"),
)
"""What a page may do that may do anything: cookies, which nobody needs here, are not among it."""

_PACKED = ("Content-Encoding", "gzip")

_ALWAYS = (("Vary", "Accept-Encoding, Origin"), ("X-Content-Type-Options", "nosniff"))

_THIS_MACHINE = Access()


class Application:
    """Answers calls of those whom `access` admits."""

    def __init__(self, service: Service, access: Access = _THIS_MACHINE) -> None:
        self._service, self._access = service, access
        self._routes = [(re.compile(_pattern(path)), handlers) for path, handlers in _by_path().items()]

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """One request, as WSGI has it."""
        reply = self._reply(environ)
        headers = [*reply.headers, *self._shared(environ), *_ALWAYS]
        body: Iterable[bytes]
        if isinstance(reply.body, bytes):
            headers.append(("Content-Length", str(len(reply.body))))
            body = [reply.body]
        else:
            is_packed = _PACKED in reply.headers
            body = environ["wsgi.file_wrapper"](reply.body.file if is_packed else Unpacked(reply.body), 1 << 16)
        start_response(f"{reply.status} {_REASONS.get(reply.status, 'Error')}", headers)
        if environ["REQUEST_METHOD"] == "HEAD":
            if not isinstance(reply.body, bytes):
                reply.body.file.close()
            return []
        return body

    def _reply(self, environ: Environ) -> Reply:
        try:
            self._access.check(environ)
            return self._encoded(self._answer(environ), environ)
        except Problem as problem:
            return problem_reply(problem)
        except TimedOut as problem:
            return problem_reply(Problem(503, reason(problem)))
        except ArchiveError as problem:
            return problem_reply(Problem(500, reason(problem), "ApplicationError"))
        except RecursionError:
            return problem_reply(Problem(400, "the request is nested too deeply"))
        except Exception:
            # Not for the caller's eyes, and nothing that may take the server down.
            traceback.print_exc(file=sys.stderr)
            return problem_reply(Problem(500, "there was an application error", "ApplicationError"))

    def _encoded(self, reply: Reply, environ: Environ) -> Reply:
        """Files are packed, what is in memory is not: one or the other as the caller takes it."""
        accepted = takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
        if environ["REQUEST_METHOD"] == "HEAD":
            return reply
        if not isinstance(reply.body, bytes):
            if accepted:
                return replace(reply, headers=(*reply.headers, _PACKED))
            return reply
        if accepted and len(reply.body) >= LEAST:
            return replace(reply, body=pack(reply.body), headers=(*reply.headers, _PACKED))
        return reply

    def _shared(self, environ: Environ) -> tuple[tuple[str, str], ...]:
        """What lets a page of another origin have the answer."""
        is_open = ANY in self._access.origins
        if not is_open and not self._access.allows(environ):
            return ()
        exposed = ("Access-Control-Expose-Headers", "Location")
        return ("Access-Control-Allow-Origin", ANY if is_open else environ["HTTP_ORIGIN"]), exposed

    def _options(self, environ: Environ, handlers: dict[str, Handler]) -> Reply:
        """What may be done here, and what a page may."""
        allowed: tuple[tuple[str, str], ...] = _ALLOWED if self._shared(environ) else ()
        if allowed and environ.get("HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK") == "true":
            allowed = (*allowed, ("Access-Control-Allow-Private-Network", "true"))
        return Reply(204, headers=(*self._allow(handlers), *allowed))

    def _answer(self, environ: Environ) -> Reply:
        method = environ["REQUEST_METHOD"]
        path = environ.get("PATH_INFO", "").removesuffix("/") or "/"
        for pattern, handlers in self._routes:
            matched = pattern.fullmatch(path)
            if matched is None:
                continue
            if method == "OPTIONS":
                return self._options(environ, handlers)
            handler = handlers.get("GET" if method == "HEAD" else method)
            if handler is None:
                refused = problem_reply(Problem(405, f"{method} is not for this resource"))
                return Reply(405, refused.body, (*refused.headers, *self._allow(handlers)))
            return handler(self._service, _call(environ, method, matched.groupdict()))
        raise Problem(404, "there is nothing here")

    @staticmethod
    def _allow(handlers: dict[str, Handler]) -> tuple[tuple[str, str], ...]:
        return (("Allow", ", ".join(sorted({*handlers, *(["HEAD"] if "GET" in handlers else []), "OPTIONS"}))),)


def _by_path() -> dict[str, dict[str, Handler]]:
    """The handlers of each path by method; paths without a place for something come first."""
    made: dict[str, dict[str, Handler]] = {}
    for route in sorted(ROUTES, key=lambda each: each.path.count("{")):
        made.setdefault(route.path, {})[route.method] = route.handler
    return made


def _pattern(path: str) -> str:
    return re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path))


def _call(environ: Environ, method: str, path: dict[str, str]) -> Call:
    length = environ.get("CONTENT_LENGTH") or "0"
    bearer = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
    return Call(
        method=method,
        path={name: _decoded(text) for name, text in path.items()},
        asked=_parameters(environ.get("QUERY_STRING", "")),
        body=environ["wsgi.input"].read(int(length)),
        base=_base(environ),
        key=environ.get("HTTP_X_AURORAX_API_KEY", bearer),
        address=environ.get("REMOTE_ADDR", ""),
    )


def _decoded(text: str) -> str:
    """WSGI has the bytes of a path as if they were Latin-1."""
    return text.encode("latin-1", "replace").decode("utf-8", "replace")


def _parameters(text: str) -> dict[str, str]:
    """The parameters behind the question mark, of one name the first."""
    made: dict[str, str] = {}
    try:
        for name, value in parse_qsl(text, keep_blank_values=True, max_num_fields=100, errors="strict"):
            made.setdefault(name, value)
    except (ValueError, UnicodeError):
        raise Problem(400, "the parameters cannot be read") from None
    return made


def _base(environ: Environ) -> str:
    """The address this was sent to, as far as it looks like one: it is given back in Location."""
    host = environ.get("HTTP_HOST", "")
    if not _HOST.fullmatch(host):
        host = f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    return f"{environ.get('wsgi.url_scheme', 'http')}://{host}"
