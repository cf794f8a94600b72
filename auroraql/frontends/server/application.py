"""Falcon application: routes, CORS, compression, and errors in AuroraX's format."""

from __future__ import annotations

import json
import sys
import traceback
from typing import Any

import falcon

from auroraql.diagnostics.errors import ArchiveError, TimedOut
from auroraql.frontends.server.access import AccessPolicy
from auroraql.frontends.server.endpoints import routes
from auroraql.frontends.server.gzip_io import MIN_COMPRESSED_BYTES, accepts_gzip, compress
from auroraql.frontends.server.http_types import (
    HttpError,
    HttpRequest,
    HttpResponse,
    archive_error_reason,
    error_document,
)
from auroraql.frontends.server.service import ServedArchive

_THIS_MACHINE = AccessPolicy()

_ALLOWED = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "content-type, x-aurorax-api-key, authorization",
    "Access-Control-Max-Age": "86400",
}
"""CORS headers for an allowed page. Cookies are not allowed: no endpoint uses them."""


class Application(falcon.App[HttpRequest, HttpResponse]):
    """WSGI application that answers the requests that `access` admits."""

    _STREAM_BLOCK_SIZE = 1 << 16

    def __init__(self, service: ServedArchive, access: AccessPolicy = _THIS_MACHINE) -> None:
        super().__init__(
            request_type=HttpRequest,
            response_type=HttpResponse,
            middleware=[_AccessMiddleware(access), _EmptySegmentMiddleware(), _CompressionMiddleware()],
        )
        self.req_options.strip_url_path_trailing_slash = True
        self.req_options.keep_blank_qs_values = True
        for path, resource in routes(service):
            self.add_route(path, resource)
        self.add_error_handler(Exception, _handle_unexpected)
        self.add_error_handler(falcon.HTTPError, _handle_http_error)
        self.add_error_handler(HttpError, _handle_error)
        self.add_error_handler(TimedOut, _handle_timeout)
        self.add_error_handler(ArchiveError, _handle_archive_error)
        self.add_error_handler(RecursionError, _handle_recursion)


class _AccessMiddleware:
    """Refuses requests from foreign pages and adds the CORS headers for allowed origins."""

    def __init__(self, access: AccessPolicy) -> None:
        self._access = access

    def process_request(self, call: HttpRequest, _answer: HttpResponse) -> None:
        self._access.check(call.env)

    def process_response(self, call: HttpRequest, answer: HttpResponse, _resource: object, _succeeded: bool) -> None:
        answer.set_header("Vary", "Accept-Encoding, Origin")
        answer.set_header("X-Content-Type-Options", "nosniff")
        origin = self._access.allowed_origin(call.env)
        if origin:
            answer.set_header("Access-Control-Allow-Origin", origin)
            answer.set_header("Access-Control-Expose-Headers", "Location")
        if call.method == "OPTIONS" and answer.status == falcon.HTTP_OK:
            answer.status = falcon.HTTP_NO_CONTENT
            answer.delete_header("Content-Length")
            if origin:
                answer.set_headers(_ALLOWED)
                if call.get_header("Access-Control-Request-Private-Network") == "true":
                    answer.set_header("Access-Control-Allow-Private-Network", "true")


class _EmptySegmentMiddleware:
    """Refuses paths with an empty segment, for example `data_sources//stats`."""

    def process_resource(
        self, _call: HttpRequest, _answer: HttpResponse, _resource: object, params: dict[str, Any]
    ) -> None:
        if "" in params.values():
            raise falcon.HTTPRouteNotFound


class _CompressionMiddleware:
    """Compresses responses that are in memory. Files of records are stored compressed."""

    def process_response(self, call: HttpRequest, answer: HttpResponse, _resource: object, _succeeded: bool) -> None:
        if call.method == "HEAD":
            if answer.stream is not None:
                answer.stream.close()  # type: ignore[union-attr]
                answer.stream = None
            return
        body = None if answer.stream is not None else answer.render_body()
        if body and len(body) >= MIN_COMPRESSED_BYTES and accepts_gzip(call.get_header("Accept-Encoding", default="")):
            answer.data = compress(body)
            answer.set_header("Content-Encoding", "gzip")


def _handle_error(_call: HttpRequest, answer: HttpResponse, error: HttpError, _params: dict[str, Any]) -> None:
    answer.status = error.status
    answer.stream, answer.data = None, None
    if error.text:
        answer.content_type, answer.text = "text/plain; charset=utf-8", f"{error.text}\n"
    else:
        answer.content_type, answer.text = error.media_type, json.dumps(error.document)
    if error.status in (429, 503):
        answer.set_header("Retry-After", "1")


def _handle_timeout(call: HttpRequest, answer: HttpResponse, error: TimedOut, params: dict[str, Any]) -> None:
    _handle_error(call, answer, HttpError(503, archive_error_reason(error)), params)


def _handle_archive_error(call: HttpRequest, answer: HttpResponse, error: ArchiveError, params: dict[str, Any]) -> None:
    _handle_error(call, answer, HttpError(500, archive_error_reason(error), "ApplicationError"), params)


def _handle_recursion(call: HttpRequest, answer: HttpResponse, _error: RecursionError, params: dict[str, Any]) -> None:
    _handle_error(call, answer, HttpError(400, "the request is nested too deeply"), params)


def _handle_unexpected(call: HttpRequest, answer: HttpResponse, _error: Exception, params: dict[str, Any]) -> None:
    """Log an internal error. The response does not show its details."""
    traceback.print_exc(file=sys.stderr)
    _handle_error(call, answer, HttpError(500, "there was an application error", "ApplicationError"), params)


def _handle_http_error(
    call: HttpRequest, answer: HttpResponse, error: falcon.HTTPError, _params: dict[str, Any]
) -> None:
    """Answer with an error that Falcon raises, for example for a path without a resource."""
    match error.status_code:
        case 404:
            message = "this endpoint does not exist"
        case 405:
            message = f"this endpoint does not support {call.method}"
        case _:
            message = error.description or error.title
    answer.status = error.status_code
    answer.media = error_document(error.status_code, message)
    answer.set_headers(error.headers or {})
