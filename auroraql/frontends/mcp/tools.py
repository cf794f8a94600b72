"""The tools of the MCP server: plain functions that return JSON documents. Errors are documents, too.

Rows and bytes of an answer are limited here, not by the agent: `truncated` and `total` say what is left out. Statements
that change settings, run SQL or follow jobs are refused, and no tool reads or writes a file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, Literal

from auroraql.codecs import script
from auroraql.diagnostics.errors import AuroraQLError, Diagnostic, Source, StatementError, UsageError
from auroraql.frontends.shared.remote_statements import check_searches_only
from auroraql.language.ast import LetStatement, Statement
from auroraql.language.printer import quote_name
from auroraql.language_service.documents import VERSION, check_document, diagnostic_document
from auroraql.language_service.service import LanguageService
from auroraql.results.result_set import ResultSet
from auroraql.session.archive import Archive
from auroraql.session.translation import translate_source

MAX_ROWS = 500
"""Maximum number of rows that an answer contains."""

MAX_BYTES = 200_000
"""Maximum size of the rows of an answer as JSON."""

MAX_RESULTS, MAX_STORED_ROWS = 50, 500_000
"""Maximum number of results that LET keeps in a session, and of their rows together."""

Form = Literal["aql", "json", "sentence", "python", "curl", "idl", "notebook", "plan"]
"""Names of the forms of `translate`."""

Document = dict[str, Any]


class Tools:
    """The tools of one session with an archive. They run one at a time."""

    def __init__(self, archive: Archive) -> None:
        self._archive, self._lock = archive, Lock()
        self._service = LanguageService(archive.catalogue)
        self._warnings: list[tuple[Source, Sequence[Diagnostic]]] = []
        archive.on_warning(lambda warnings, source: self._warnings.append((source, warnings)))

    def check(self, statements: str) -> Document:
        """Check AuroraQL statements without running them: errors and warnings, with hints and fixes."""
        with self._lock:
            self._service.update(self._archive.catalogue, self._archive.session_context)
            return dict(check_document([(Source(statements), self._service.check(statements))]))

    def search(self, statements: str, limit: int = 50, parameters: dict[str, Any] | None = None) -> Document:
        """Run AuroraQL statements (FIND, LET, SHOW, EXPLAIN, DESCRIBE) and return the rows of the last one.

        `parameters` has the values of $names. At most `limit` rows are returned; `truncated` and `total` tell what is
        left out. Results of LET are kept for later calls.
        """
        return self._answer(statements, lambda: self._search(statements, limit, parameters or {}))

    def explain(self, statement: str) -> Document:
        """Return the plan of a FIND: its requests to AuroraX, and what is done with their records."""
        return self._answer(statement, lambda: self._search(f"EXPLAIN {statement}", MAX_ROWS, {}))

    def translate(self, statement: str, to: Form) -> Document:
        """Write one FIND in another form: canonical AuroraQL, query JSON, sentence, Python, curl, IDL, a notebook, or a plan."""
        return self._answer(statement, lambda: self._translate(statement, to))

    def values(self, field: str, program: str = "", limit: int = 100) -> Document:
        """List the values of a field, such as program, platform or instrument_type, or of a metadata key."""
        path = ".".join(map(quote_name, field.split(".")))
        where = " WHERE program = $program" if program else ""
        statement = f"SHOW VALUES OF {path}{where}"
        parameters = {"program": program} if program else {}
        return self._answer(statement, lambda: self._search(statement, limit, parameters))

    def _answer(self, text: str, run: Callable[[], Document]) -> Document:
        """Return a document with `ok`, and with the errors if there are any."""
        with self._lock:
            self._warnings.clear()
            try:
                document = {"version": VERSION, "ok": True, **run()}
            except StatementError as error:
                source = error.source or Source(text)
                errors = [diagnostic_document(diagnostic, source) for diagnostic in error.diagnostics]
                return {"version": VERSION, "ok": False, "errors": errors}
            except AuroraQLError as error:
                return {"version": VERSION, "ok": False, "errors": [{"message": str(error)}]}
            warnings = [
                diagnostic_document(warning, source)
                for source, diagnostics in self._warnings
                for warning in diagnostics
            ]
            return document | {"warnings": warnings} if warnings else document

    def _search(self, text: str, limit: int, parameters: dict[str, Any]) -> Document:
        if not 1 <= limit <= MAX_ROWS:
            raise UsageError(f"the limit is {limit}, but must be from 1 to {MAX_ROWS}", "use LIMIT and OFFSET for more")
        source = Source(text)
        statements = [parsed.statement for parsed in script.read_script(source)]
        _check_allowed(statements, len(self._archive.results))
        self._archive.limit_rows(limit + 1, stored=MAX_STORED_ROWS)
        results = [result for result in self._archive.run_script(source, **parameters) if not result.note]
        if not results:
            return {"rows": [], "total": 0, "truncated": False, "results": sorted(self._archive.results)}
        return _result_document(results[-1], limit)

    def _translate(self, statement: str, to: Form) -> Document:
        source = Source(statement)
        translation = translate_source(source, to, catalogue=self._archive.catalogue)
        self._warnings.append((source, translation.warnings))
        return {to: translation.output}


def _check_allowed(statements: Sequence[Statement], stored: int) -> None:
    """Raise UsageError for a statement that agents may not run, and for too many results of LET."""
    check_searches_only(statements)
    if stored + sum(isinstance(statement, LetStatement) for statement in statements) > MAX_RESULTS:
        raise UsageError(f"a session keeps at most {MAX_RESULTS} results", "use the same names again")


def _result_document(result: ResultSet, limit: int) -> Document:
    """Return the first rows of a result that fit the limits, as AuroraX's records."""
    rows: list[Any] = []
    size = 0
    for record in result.head(limit).records:
        size += len(json.dumps(record, ensure_ascii=False, default=str).encode("utf-8", "replace"))
        if size > MAX_BYTES:
            break
        rows.append(record)
    is_cut = len(rows) < len(result)
    total = len(result) if len(result) <= limit else f"more than {limit}"
    columns = [{"name": column.name, "unit": column.unit} for column in result.columns]
    return {"columns": columns, "rows": rows, "total": total, "truncated": is_cut}
