"""Statements over HTTP: `GET /auroraql?statement=…&format=csv&param.day=2021-01-01`, for programs in any language.

This endpoint is AuroraQL's own. The answer is the result of the last statement as a file, or an error as text with its
place, or as `application/problem+json` for clients that accept it. A statement may use the parameters that the request
gives; nothing of the request becomes part of a statement.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from auroraql.codecs import script
from auroraql.diagnostics.errors import AuroraQLError, Source, StatementError, TimedOut, UsageError
from auroraql.frontends.server.http_types import HttpError, HttpRequest, HttpResponse
from auroraql.frontends.server.record_lines import close_on_error
from auroraql.frontends.server.service import Resource, ServedArchive
from auroraql.frontends.shared.remote_statements import check_searches_only
from auroraql.language_service.documents import diagnostic_document
from auroraql.queries import bind_parameters
from auroraql.rendering import FORMATS
from auroraql.results.result_set import ResultSet
from auroraql.session.archive import Archive

PATH = "/auroraql"

_CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8; header=present",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
"""Media types of the formats."""

_PROBLEM = "application/problem+json"

_MAX_ROWS = 200_000
"""Maximum number of rows of an answer, which is built in memory."""

_MAX_STATEMENT_CHARACTERS = 20_000

_TIMEOUT_SECONDS = 60.0

_PARAMETER = "param."


class StatementResource(Resource):
    """Results of statements."""

    def on_get(self, call: HttpRequest, answer: HttpResponse) -> None:
        """Answer with the result of the last statement, in the requested format (default: csv)."""
        shown_as = (_only_value(call, "format") and call.choice("format", tuple(_CONTENT_TYPES))) or "csv"
        source = Source(_only_value(call, "statement"), "<statement>")
        try:
            result = self._run(source, _given_parameters(call))
        except StatementError as error:
            raise _to_http_error(400, error, call, error.source or source) from None
        except TimedOut as error:
            raise _to_http_error(503, error, call, source) from None
        except UsageError as error:
            raise _to_http_error(400, error, call, source) from None
        _write_result(result, shown_as, self.service, answer)

    def _run(self, source: Source, given: dict[str, Sequence[str]]) -> ResultSet:
        if len(source.text) > _MAX_STATEMENT_CHARACTERS:
            raise UsageError(f"the statement is longer than {_MAX_STATEMENT_CHARACTERS:,} characters")
        statements = [parsed.statement for parsed in script.read_script(source)]
        check_searches_only(statements, allow_sql=self.service.allow_sql)
        # The session ends with the request. It is not closed: the engine belongs to the server.
        session = Archive(self.service.engine, _TIMEOUT_SECONDS)
        session.on_warning(lambda _warnings, _source: None)
        session.limit_rows(_MAX_ROWS + 1, stored=_MAX_ROWS)
        values = bind_parameters([source], given)
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        with self.service.long_call():
            shown = self.service.searches.run_admitted(
                lambda: _last_result(session, source, values, deadline), deadline
            )
        if shown is None:
            raise UsageError("no statement has a result", "end with a FIND or SHOW")
        if len(shown) > _MAX_ROWS:
            raise UsageError(
                f"the result has more than {_MAX_ROWS:,} rows", "add LIMIT, or search in several shorter windows"
            )
        return shown


def _last_result(session: Archive, source: Source, values: dict[str, object], deadline: float) -> ResultSet | None:
    """Run the statements and return the last result that is shown. Raises TimedOut when they take too long together."""
    shown: ResultSet | None = None
    results = session.run_script(source, **values)
    while (seconds := deadline - time.monotonic()) > 0:
        session.settings.set_value("timeout", seconds)
        result = next(results, None)
        if result is None:
            return shown
        if not result.note:
            shown = result
    message = f"the statements took more than {_TIMEOUT_SECONDS:.0f} s together"
    raise TimedOut(message, archive=session.name, hint="send fewer statements, or search in shorter windows")


def _only_value(call: HttpRequest, name: str) -> str:
    """Return a query parameter that may occur once, or an empty string."""
    if isinstance(call.params.get(name), list):
        raise HttpError(400, f"'{name}' is given several times")
    return call.parameter(name)


def _given_parameters(call: HttpRequest) -> dict[str, Sequence[str]]:
    """Return the texts of the parameters `param.NAME` by name. A repeated parameter is a list."""
    given: dict[str, Sequence[str]] = {}
    for name, value in call.params.items():
        if name.startswith(_PARAMETER):
            given[name.removeprefix(_PARAMETER)] = value if isinstance(value, list) else [value]
        elif name not in ("statement", "format"):
            raise HttpError(400, f"unknown parameter '{name}': use statement, format and param.NAME")
    return given


def _write_result(result: ResultSet, shown_as: str, service: ServedArchive, answer: HttpResponse) -> None:
    """Write a result to a file on disk or in memory, and answer with it."""
    file = service.searches.spools.open()
    size = 0
    with close_on_error(file):
        for piece in FORMATS[shown_as].encode_result(result):
            size += len(piece)
            file.write(piece)
        file.seek(0)
    answer.content_type = _CONTENT_TYPES[shown_as]
    answer.set_header("Content-Disposition", f'inline; filename="auroraql.{shown_as}"')
    answer.set_stream(file, size)


def _to_http_error(status: int, error: AuroraQLError, call: HttpRequest, source: Source) -> HttpError:
    """Return an error response: the message with its place in the statement, as text or as a problem document."""
    if _PROBLEM not in call.get_header("Accept", default=""):
        return HttpError(status, str(error), text=str(error))
    diagnostics = error.diagnostics if isinstance(error, StatementError) else ()
    document = {
        "type": "about:blank",
        "title": "the statement has errors" if diagnostics else "the statement cannot run",
        "status": status,
        "detail": str(error),
        "diagnostics": [diagnostic_document(diagnostic, source) for diagnostic in diagnostics],
    }
    return HttpError(status, str(error), document=document, media_type=_PROBLEM)


def routes(service: ServedArchive) -> Iterator[tuple[str, Resource]]:
    """Yield the path of statements."""
    yield PATH, StatementResource(service)
