"""Translation of one statement between forms, for `auroraql.translate` and the command `auroraql translate`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from auroraql.codecs import script
from auroraql.diagnostics.errors import Diagnostic, Origin, Pointer, Source, Span, StatementError, UsageError
from auroraql.ir.plan import Plan, Request
from auroraql.ir.query import Query
from auroraql.language.ast import (
    FindStatement,
    GroupBy,
    Limit,
    OrderBy,
    Overlap,
    Select,
    SelectAggregate,
    Where,
    Window,
)
from auroraql.language.splitter import Form
from auroraql.planner import lacks_filter, open_window
from auroraql.planner import plan_query as make_plan
from auroraql.planner.request_windows import cut_windows, is_open, is_too_long
from auroraql.resolver import resolve, unused_parameter_warning
from auroraql.schema import KINDS
from auroraql.schema.catalogue import Catalogue, load_shipped
from auroraql.session.fix_checker import find_translation_errors, keep_valid_fixes

TARGETS = ("aql", "json", "sentence", "python", "curl", "idl", "notebook", "plan")
"""Names of the target forms."""

_CALLED = {"json": "a query", "python": "a search of the client", "curl": "a search", "idl": "a search of the library"}
"""Nouns in messages for the forms of a single request. The sentence has its own codes."""

_WITHOUT_COLUMNS = ("json", "sentence", "idl")
"""Forms that do not express selected columns."""

FORMS: Mapping[str, Form | None] = {"auto": None, "aql": "text", "json": "json", "sentence": "sentence"}
"""Source forms by the name of the option. `auto` detects the form from the text."""


@dataclass(frozen=True, slots=True)
class Translation:
    """Statement in another form: text, or a dict for JSON and plan."""

    output: str | dict[str, Any]
    warnings: tuple[Diagnostic, ...]


def translate_source(
    source: Source,
    to: str,
    *,
    form: str = "auto",
    catalogue: Catalogue | None = None,
    parameters: Mapping[str, object] | None = None,
    now: datetime | None = None,
) -> Translation:
    """Translate the only statement of a source to the form `to`.

    `catalogue` is that of the target archive, by default the one shipped with the package. `form` is the form of the
    source. Raises StatementError when the statement has errors or the form cannot express it.
    """
    try:
        return _translate(source, to, form, catalogue, parameters, now)
    except StatementError as error:
        span = Span(0, len(source.text))
        find_errors = partial(find_translation_errors, catalogue or load_shipped(), parameters, now)
        diagnostics = keep_valid_fixes(error.diagnostics, source, span, find_errors)
        raise StatementError(diagnostics, source) from None


def _translate(
    source: Source,
    to: str,
    form: str,
    catalogue: Catalogue | None,
    parameters: Mapping[str, object] | None,
    now: datetime | None,
) -> Translation:
    parsed = script.read_one_statement(source)
    find = script.require_find(parsed, source)
    if form != "auto" and parsed.form != FORMS[form]:
        written_form = next(name for name, form_name in FORMS.items() if form_name == parsed.form)
        raise UsageError(f"the statement is in the form {written_form}, not {form}", "omit --from to detect the form")
    # A query document is translated as it is, even when the service would refuse it.
    is_verbatim = parsed.form != "text" or isinstance(find.origin, Pointer)
    return translate_find(find, to, catalogue=catalogue, parameters=parameters, now=now, verbatim=is_verbatim)


def translate_find(
    find: FindStatement,
    to: str,
    *,
    catalogue: Catalogue | None = None,
    parameters: Mapping[str, object] | None = None,
    now: datetime | None = None,
    verbatim: bool = False,
) -> Translation:
    """Translate a parsed statement to the form `to`. Raises StatementError, and UsageError for an unknown form.

    A query with an open window is an error when the service needs both ends. With `verbatim` it is written as it
    is, with a warning.
    """
    if to not in TARGETS:
        raise UsageError(f"unknown form '{to}'", f"the forms are {', '.join(TARGETS)}")
    target_catalogue = catalogue or load_shipped()
    resolved = resolve(find, target_catalogue, parameters, now=now)
    _check_parameters(parameters, resolved.parameters)
    # Each codec is imported late, so that a shell command starts quickly.
    if to == "aql":
        from auroraql.language import printer

        return Translation(printer.print_query(resolved.query, target_catalogue), resolved.warnings)
    if to == "notebook":
        from auroraql.codecs import jupyter
        from auroraql.language import printer

        statement = printer.print_query(resolved.query, target_catalogue)
        return Translation(jupyter.write_notebook(resolved.query, statement), resolved.warnings)
    allows_several = to in ("plan", "python", "curl", "idl")
    plan = make_plan(
        resolved.query, target_catalogue, resolved.warnings, cut=allows_several, record_range=lambda _request: None
    )
    if plan.unsayable:
        raise StatementError(plan.unsayable)
    if to == "plan":
        from auroraql.codecs import plan_json

        return Translation(plan_json.write_plan(plan, target_catalogue), plan.warnings)
    request, warnings = require_one_request(plan, find, to)
    if not allows_several:
        if is_open(request) and not verbatim:
            raise StatementError([_open_window(plan, find)])
        warnings = (*warnings, *_refused_reason(request, find.origin))
    return Translation(_write_request(request, resolved.query, to, target_catalogue), (*plan.warnings, *warnings))


def _write_request(request: Request, query: Query, to: str, catalogue: Catalogue) -> str | dict[str, Any]:
    """Return a request in a form of a single request."""
    match to:
        case "json":
            from auroraql.codecs import query_json

            return query_json.write_query_json(request)
        case "sentence":
            from auroraql.codecs import sentence

            return sentence.write_sentence(request)
    from auroraql.codecs import curl, idl, pyaurorax
    from auroraql.language import printer

    write = {"python": pyaurorax.write_pyaurorax, "curl": curl.write_curl, "idl": idl.write_idl}[to]
    return write(request, printer.print_query(query, catalogue))


def _check_parameters(parameters: Mapping[str, object] | None, used: frozenset[str]) -> None:
    unused = sorted(set(parameters or ()) - used)
    if unused:
        raise StatementError([unused_parameter_warning(name, used) for name in unused])


_CLAUSES = ("ORDER BY", "GROUP BY", "LIMIT")


def _find_untranslatable(find: FindStatement, query: Query, *, omits_columns: bool) -> Iterator[tuple[str, Origin]]:
    """Yield the parts of a statement that an AuroraX request cannot express, with their spans.

    With `omits_columns`, the form does not express columns at all, so that they are not reported.
    """
    if find.distinct:
        yield "DISTINCT", find.origin
    for clause in find.clauses:
        match clause:
            case Select(items):
                functions = [item for item in items if isinstance(item, SelectAggregate)]
                yield from ((f"the function {function.function}()", function.origin) for function in functions[:1])
                if not omits_columns and not functions:
                    yield from _unavailable_columns(query)
            case Overlap():
                yield "the intervals of a result", clause.origin
            case Window(form="overlapping") if query.during is not None:
                yield "OVERLAPPING", clause.origin
            case GroupBy():
                yield "GROUP BY", clause.origin
            case OrderBy():
                yield "ORDER BY", clause.origin
            case Limit():
                yield "LIMIT", clause.origin


def _unavailable_columns(query: Query) -> Iterator[tuple[str, Origin]]:
    """Yield the columns that are not fields of AuroraX's records, with their spans."""
    for column in query.select or ():
        if column.expression is not None:
            yield "a computed column", column.origin
        elif column.ref is not None and column.ref.role == "joined":
            yield f"'{column.ref.bare}', which is in the list of data sources and not in records", column.origin


def require_one_request(plan: Plan, find: FindStatement, to: str) -> tuple[Request, tuple[Diagnostic, ...]]:
    """Return the single request that expresses the whole statement, and warnings for what it omits.

    Raises StatementError when one request cannot express it: nothing that changes the matching records is omitted.
    """
    code, noun = ("AQL0406", "the sentence") if to == "sentence" else ("AQL0407", _CALLED[to])
    errors = [
        Diagnostic(
            code,
            f"{noun} cannot express {name}",
            origin,
            "applied after the request",
            f"use --to plan, or remove {'the clause' if name.endswith(_CLAUSES) else 'it'}",
        )
        for name, origin in _find_untranslatable(find, plan.query, omits_columns=to in _WITHOUT_COLUMNS)
    ]
    if not plan.requests:
        errors.append(
            Diagnostic(code, f"{noun} cannot express a statement that matches no record", hint="use --to plan")
        )
    elif any(map(is_too_long, plan.requests)):
        pieces = cut_windows(plan.requests)
        message = f"{noun} cannot express this window: AuroraX accepts at most a month"
        where = next((clause.origin for clause in find.clauses if isinstance(clause, Window)), plan.query.where.origin)
        errors.append(Diagnostic(code, message, where, f"needs {len(pieces)} requests", "use --to plan"))
    elif plan.query.during is None and (len(plan.requests) > 1 or plan.post_processing.where is not None):
        requirement = f"{len(plan.requests)} requests" if len(plan.requests) > 1 else "a predicate after the request"
        where = next((clause.expression.origin for clause in find.clauses if isinstance(clause, Where)), None)
        errors.append(
            Diagnostic(code, f"{noun} cannot express this predicate", where, f"needs {requirement}", "use --to plan")
        )
    if errors:
        raise StatementError(errors)
    warnings = [
        Diagnostic(
            "AQL0605",
            f"{noun} cannot express the selected columns",
            clause.origin,
            "omitted",
            "--to plan includes them as response_format",
            severity="warning",
        )
        for clause in find.clauses
        if isinstance(clause, Select) and to in _WITHOUT_COLUMNS
    ]
    return plan.requests[0], tuple(warnings)


def _refused_reason(request: Request, origin: Origin) -> Iterator[Diagnostic]:
    """Yield warnings for a request that the service would refuse."""
    message = f"AuroraX refuses a search for {KINDS[request.kind].title}"
    if lacks_filter(request):
        hint = "add one, such as program = 'swarm'; AuroraQL adds all programs when it runs the search"
        yield Diagnostic("AQL0614", f"{message} without a filter", origin, "no filter", hint, severity="warning")
    if is_open(request):
        hint, label = "write both ends of the window", "open window"
        yield Diagnostic("AQL0614", f"{message} without both ends of a window", origin, label, hint, severity="warning")


def _open_window(plan: Plan, find: FindStatement) -> Diagnostic:
    """Return the error of an open window, with the span of its clause or of the statement."""
    error = open_window(plan.query)
    where = next((clause.origin for clause in find.clauses if isinstance(clause, Window)), None)
    return replace(error, origin=where or error.origin or find.origin)
