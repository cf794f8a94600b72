"""One statement from any written form to any other: the path of `auroraql.translate` and `auroraql translate`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
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
from auroraql.planner.windows import cut_windows, is_open, is_too_long
from auroraql.resolver import resolve, unused_parameter_warning
from auroraql.schema import KINDS
from auroraql.schema.catalogue import Catalogue, load_shipped

TARGETS = ("aql", "json", "sentence", "python", "curl", "plan")
"""The forms a statement can be written in."""

_CALLED = {"json": "one query", "python": "one search of the client", "curl": "one search"}
"""What says a statement in those forms that have one request; the sentence has codes of its own."""

FORMS: Mapping[str, Form | None] = {"auto": None, "aql": "text", "json": "json", "sentence": "sentence"}
"""The forms a statement can be read from, by the name of the option; auto tells by the text itself."""


@dataclass(frozen=True, slots=True)
class Translation:
    """A statement written in another form: text, or a document for JSON and plan."""

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
    """The one statement of a source in the form `to`.

    `catalogue` is what is known of the archive that the result is for; left out, it is what comes with the package.
    Raises StatementError when it is wrong, or when that form cannot say it.
    """
    try:
        return _translate(source, to, form, catalogue, parameters, now)
    except StatementError as error:
        # A right statement is not kept waiting by what checks the fixes of wrong ones.
        from auroraql.session.fix_checker import keep_valid_fixes

        span = Span(0, len(source.text))
        found = keep_valid_fixes(error.diagnostics, source, span, catalogue or load_shipped(), parameters, now)
        raise StatementError(found, source) from None


def _translate(
    source: Source,
    to: str,
    form: str,
    catalogue: Catalogue | None,
    parameters: Mapping[str, object] | None,
    now: datetime | None,
) -> Translation:
    read = script.read_one_statement(source)
    found = script.require_find(read, source)
    if form != "auto" and read.form != FORMS[form]:
        written = next(name for name, each in FORMS.items() if each == read.form)
        raise UsageError(
            f"the statement is written as {written}, not as {form}", "leave --from out to have it told by itself"
        )
    # A document keeps what it says, even where the service refuses it.
    whole = read.form != "text" or isinstance(found.origin, Pointer)
    return translate_find(found, to, catalogue=catalogue, parameters=parameters, now=now, verbatim=whole)


def translate_find(
    find: FindStatement,
    to: str,
    *,
    catalogue: Catalogue | None = None,
    parameters: Mapping[str, object] | None = None,
    now: datetime | None = None,
    verbatim: bool = False,
) -> Translation:
    """A statement already read, in the form `to`. Raises StatementError, and UsageError for an unknown form.

    A query whose window is open is an error where the service needs both ends. With `verbatim` it is written as it
    is, with a warning, such as a document that is translated.
    """
    if to not in TARGETS:
        raise UsageError(f"there is no form '{to}'", f"the forms are {', '.join(TARGETS)}")
    known = catalogue or load_shipped()
    resolved = resolve(find, known, parameters, now=now)
    _check_parameters(parameters, resolved.parameters)
    # The writer of a form is loaded when a statement is written in it: a command in the shell waits for imports.
    if to == "aql":
        from auroraql.language import printer

        return Translation(printer.print_query(resolved.query, known), resolved.warnings)
    whole = to in ("plan", "python", "curl")
    made = make_plan(resolved.query, known, resolved.warnings, cut=whole, held=lambda _request: None)
    if made.unsayable:
        raise StatementError(made.unsayable)
    if to == "plan":
        from auroraql.codecs import plan_json

        return Translation(plan_json.write_plan(made, known), made.warnings)
    request, left_out = require_one_request(made, find, to)
    if not whole:
        if is_open(request) and not verbatim:
            raise StatementError([_open_window(made, find)])
        left_out = (*left_out, *_refused_reason(request, find.origin))
    return Translation(_write_request(request, resolved.query, to, known), (*made.warnings, *left_out))


def _write_request(request: Request, query: Query, to: str, catalogue: Catalogue) -> str | dict[str, Any]:
    """One request in one of the forms that have one."""
    match to:
        case "json":
            from auroraql.codecs import query_json

            return query_json.write_query_json(request)
        case "sentence":
            from auroraql.codecs import sentence

            return sentence.write_sentence(request)
    from auroraql.codecs import curl, pyaurorax
    from auroraql.language import printer

    statement = printer.print_query(query, catalogue)
    return pyaurorax.write_pyaurorax(request, statement) if to == "python" else curl.write_curl(request, statement)


def _check_parameters(given: Mapping[str, object] | None, used: frozenset[str]) -> None:
    unused = sorted(set(given or ()) - used)
    if unused:
        raise StatementError([unused_parameter_warning(name, used) for name in unused])


_CLAUSES = ("ORDER BY", "GROUP BY", "LIMIT")


def _find_untranslatable(find: FindStatement, query: Query) -> Iterator[tuple[str, Origin]]:
    """What of a statement no request of AuroraX's has, and where it is written."""
    if find.distinct:
        yield "DISTINCT", find.origin
    for clause in find.clauses:
        match clause:
            case Select(items):
                functions = [item for item in items if isinstance(item, SelectAggregate)]
                yield from ((f"a function as {each.function}()", each.origin) for each in functions[:1])
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


def require_one_request(plan: Plan, find: FindStatement, to: str) -> tuple[Request, tuple[Diagnostic, ...]]:
    """The single request that says the whole statement, and what had to be left out of it.

    Raises StatementError when one query cannot say it: nothing is dropped that changes which records come.
    """
    code, what = ("AQL0406", "the sentence") if to == "sentence" else ("AQL0407", _CALLED[to])
    wrong = [
        Diagnostic(
            code,
            f"{what} cannot say {name}",
            origin,
            "done after the request",
            f"write it with --to plan, or leave {'the clause' if name.endswith(_CLAUSES) else 'it'} out",
        )
        for name, origin in _find_untranslatable(find, plan.query)
    ]
    if not plan.requests:
        wrong.append(Diagnostic(code, f"{what} cannot say this: no record can match", hint="see --to plan"))
    elif any(map(is_too_long, plan.requests)):
        pieces = cut_windows(plan.requests)
        message = f"{what} cannot say this window: AuroraX takes at most a month"
        where = next((c.origin for c in find.clauses if isinstance(c, Window)), plan.query.where.origin)
        wrong.append(Diagnostic(code, message, where, f"needs {len(pieces)} requests", "write it with --to plan"))
    elif plan.query.during is None and (len(plan.requests) > 1 or plan.post_processing.where is not None):
        needs = f"{len(plan.requests)} requests" if len(plan.requests) > 1 else "a predicate after the request"
        where = next((c.expression.origin for c in find.clauses if isinstance(c, Where)), None)
        wrong.append(
            Diagnostic(code, f"{what} cannot say this predicate", where, f"needs {needs}", "write it with --to plan")
        )
    if wrong:
        raise StatementError(wrong)
    left_out = [
        Diagnostic(
            "AQL0605",
            f"{what} does not say which columns are selected",
            clause.origin,
            "left out",
            "--to plan shows them as response_format",
            severity="warning",
        )
        for clause in find.clauses
        if isinstance(clause, Select) and to in ("json", "sentence")
    ]
    return plan.requests[0], tuple(left_out)


def _refused_reason(request: Request, origin: Origin) -> Iterator[Diagnostic]:
    """The warnings that the service refuses a request."""
    message = f"AuroraX refuses a search for {KINDS[request.kind].title}"
    if lacks_filter(request):
        hint = "add one, such as the program swarm; when the search is run, it lists all programs"
        yield Diagnostic("AQL0614", f"{message} without a filter", origin, "no filter", hint, severity="warning")
    if is_open(request):
        hint, label = "write both ends of its window", "open at an end"
        yield Diagnostic("AQL0614", f"{message} without both ends of a window", origin, label, hint, severity="warning")


def _open_window(plan: Plan, find: FindStatement) -> Diagnostic:
    """The error for a window that is open where the service needs both ends, at the clause or the statement."""
    error = open_window(plan.query)
    where = next((clause.origin for clause in find.clauses if isinstance(clause, Window)), None)
    return replace(error, origin=where or error.origin or find.origin)
