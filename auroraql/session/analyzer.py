"""Analyzer: parses and checks a whole script before any of it runs.

Before the run, only the columns of a referenced result are known: from an earlier LET of the script, or from a result
of the session. The executor inserts the values when the statement runs. Statements from Python programs are text, a
query document as a dict, or a search object of AuroraX's client.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Protocol, runtime_checkable

from auroraql.codecs import script
from auroraql.diagnostics.errors import (
    MAX_REPORTED,
    Diagnostic,
    Origin,
    Pointer,
    Source,
    Span,
    StatementError,
    UsageError,
    replace_value,
)
from auroraql.diagnostics.suggestions import find_closest
from auroraql.ir.plan import Plan
from auroraql.language.ast import (
    ExplainStatement,
    FindStatement,
    JobStatement,
    LetStatement,
    Parameter,
    SetStatement,
    ShowStatement,
    ShowTarget,
    SqlStatement,
    Statement,
    SubmitStatement,
    uses_results,
)
from auroraql.language.splitter import too_deep
from auroraql.planner import plan_query as make_plan
from auroraql.planner import plan_warnings
from auroraql.planner.request_windows import FindRecordRange
from auroraql.resolver import ResolvedFind, resolve, unused_parameter_warning
from auroraql.resolver.result_references import ResultLookup, SubqueryResults
from auroraql.resolver.values import OperandResolver, SemanticError
from auroraql.results.stored_results import ShowPlan, SqlPlan, StoredResult
from auroraql.schema import KINDS
from auroraql.schema.catalogue import Catalogue, DataSource
from auroraql.session.fix_checker import keep_valid_fixes
from auroraql.session.result_queries import resolved_records, stored_result_for, untimed_rows_error
from auroraql.session.settings import Value, read_set

DataSources = Callable[[], Sequence[DataSource]]

KindOf = Callable[[str], str]
"""Returns the kind of the records of a request ID. It asks the archive. Raises ArchiveError."""


@dataclass(frozen=True, slots=True)
class AnalyzedStatement:
    """A valid statement with the facts known before it runs. `name` is the name under which its result is stored."""

    statement: Statement
    source: Source
    statement_text: str
    parameter_values: Mapping[str, object]
    now: datetime
    parameters: frozenset[str] = frozenset()
    warnings: tuple[Diagnostic, ...] = ()
    name: str = ""
    plan: Plan | None = None
    """Plan of a FIND without references to results."""
    resolved: ResolvedFind | None = None
    """The FIND that it runs, as far as it is known before the run."""
    show_plan: ShowPlan | None = None
    value: Value | None = None
    sql_plan: SqlPlan | None = None

    @property
    def stored_result(self) -> StoredResult | None:
        """Columns of its result, without rows. None when it does not run a FIND."""
        return stored_result_for(self.name, self.resolved, self.statement_text) if self.resolved is not None else None


@dataclass(frozen=True, slots=True)
class SessionContext:
    """Results and searches that a script can refer to before its first statement. Searches have columns, not rows."""

    results: Mapping[str, StoredResult]
    searches: Mapping[str, StoredResult]
    request_ids: Mapping[str, str] = field(default_factory=dict)
    """Names of the searches with a single request, by request ID."""


EMPTY_CONTEXT = SessionContext({}, {})


def analyze_scripts(sources: Iterable[Source], analyzer: Analyzer) -> list[AnalyzedStatement]:
    """Analyze the statements of scripts, which share their parameters and results.

    Raises StatementError with the errors of all statements of the first script that has errors.
    """
    analyzed: list[AnalyzedStatement] = []
    for source in sources:
        diagnostics: list[Diagnostic] = []
        failed = False
        for outcome in analyzer.analyze_script(source):
            if isinstance(outcome, AnalyzedStatement):
                analyzed.append(outcome)
            else:
                diagnostics += outcome.diagnostics
                failed = True
            if len(diagnostics) >= MAX_REPORTED:
                break
        if failed:
            raise StatementError(diagnostics, source)
    unused = _warn_of_unused(analyzed, analyzer.parameters)
    if unused:
        raise StatementError(unused)
    return analyzed


def analyze_statement(parsed: script.ReadStatement, source: Source, analyzer: Analyzer) -> AnalyzedStatement:
    """Analyze one statement of a script. Raises StatementError."""
    outcome = analyzer.analyze(parsed, source)
    if isinstance(outcome, StatementError):
        raise outcome
    return outcome


def check_scripts(
    sources: Iterable[Source],
    catalogue: Catalogue,
    parameters: Mapping[str, object],
    context: SessionContext = EMPTY_CONTEXT,
) -> Iterator[tuple[Source, tuple[Diagnostic, ...]]]:
    """Yield the errors and warnings of each script without running it.

    A parameter without a value is not an error here, nor is one that only some of the scripts use.
    """
    analyzed: list[AnalyzedStatement] = []
    last, all_valid = Source(""), True
    analyzer = Analyzer(catalogue, parameters, None, context, checking=True)
    for last in sources:
        diagnostics: list[Diagnostic] = []
        for outcome in analyzer.analyze_script(last):
            if isinstance(outcome, AnalyzedStatement):
                analyzed.append(outcome)
                diagnostics += outcome.warnings
            else:
                all_valid = False
                diagnostics += diagnostics_of_error(outcome)
        yield last, tuple(diagnostics)
    unused = _warn_of_unused(analyzed, parameters) if all_valid else ()
    if unused:
        yield last, unused


def diagnostics_of_error(error: StatementError) -> list[Diagnostic]:
    """Return the diagnostics of an error, without those of parameters that have no value (AQL0206)."""
    return [diagnostic for diagnostic in (*error.diagnostics, *error.questions) if diagnostic.code != "AQL0206"]


def _warn_of_unused(analyzed: Iterable[AnalyzedStatement], parameters: Mapping[str, object]) -> tuple[Diagnostic, ...]:
    used = frozenset(name for statement in analyzed for name in statement.parameters)
    return tuple(unused_parameter_warning(name, used) for name in sorted(set(parameters) - used))


@dataclass(frozen=True, slots=True)
class OverlaidResults:
    """`ResultLookup` with one more result: the rows to which a SHOW applies its clauses."""

    results: ResultLookup
    extra: StoredResult

    @property
    def names(self) -> Collection[str]:
        """Names of the other results."""
        return self.results.names

    def get(self, name: str) -> StoredResult | None:
        """Return the stored result of a name, or None."""
        return self.extra if name == self.extra.name else self.results.get(name)

    def run_subquery(self, find: FindStatement) -> StoredResult:
        """Return the result of a FIND in parentheses."""
        return self.results.run_subquery(find)


class Analyzer:
    """Analyzer of scripts, one statement after the other. It is the `ResultLookup` of the resolver, without rows.

    With `checking` it makes no plan: the warnings of a plan are known without one.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        parameters: Mapping[str, object],
        data_sources: DataSources | None = None,
        context: SessionContext = EMPTY_CONTEXT,
        kind_of: KindOf | None = None,
        *,
        record_range: FindRecordRange | None = None,
        checking: bool = False,
        validates_fixes: bool = True,
    ) -> None:
        self.checking, self.validates_fixes, self.kind_of, self.record_range = (
            checking,
            validates_fixes,
            kind_of,
            record_range,
        )
        self.catalogue, self.parameters, self.data_sources = catalogue, parameters, data_sources
        self.now = datetime.now(UTC).replace(tzinfo=None)
        self.stored = {name: replace(result, result=None) for name, result in context.results.items()}
        self.searches = dict(context.searches)
        self.request_ids = context.request_ids
        self.foreign_ids: dict[str, str] = {}
        """Request IDs with records of an unknown kind, by the name under which FETCH will store the result."""
        self.failed_names: set[str] = set()
        """Result names of statements with errors. References to them are not reported as errors too."""
        self.used: set[str] = set()
        self._unnamed = 1
        self._nested: SubqueryResults | None = None

    def analyze_script(self, source: Source) -> Iterator[AnalyzedStatement | StatementError]:
        """Yield each analyzed statement of a script, or its error. A syntax error does not hide later statements."""
        for parsed in script.iterate_statements(source):
            yield (
                self.diagnose_unread(parsed, source)
                if isinstance(parsed, script.UnreadStatement)
                else self.analyze(parsed, source)
            )

    def diagnose_unread(self, parsed: script.UnreadStatement, source: Source) -> StatementError:
        """Return the error of a statement with a syntax error. References to its result are not reported as errors too."""
        self.failed_names.add(parsed.name(source))
        return self._validate_fixes(parsed.error, source, Span(parsed.start, parsed.end))

    def find_errors(self, text: str) -> list[Diagnostic]:
        """Return the errors of a statement or a short script at this place. Their fixes are not validated."""
        context = SessionContext(self.stored, self.searches, self.request_ids)
        analyzer = Analyzer(self.catalogue, self.parameters, context=context, checking=True, validates_fixes=False)
        analyzer.now, analyzer.failed_names = self.now, {*self.failed_names}
        outcomes = analyzer.analyze_script(Source(text))
        return [error for outcome in outcomes if isinstance(outcome, StatementError) for error in outcome.diagnostics]

    def _validate_fixes(self, error: StatementError, source: Source, span: Span) -> StatementError:
        """Return the error without the fixes that do not work."""
        diagnostics = error.diagnostics
        if self.validates_fixes and any(diagnostic.fix is not None for diagnostic in diagnostics):
            diagnostics = keep_valid_fixes(diagnostics, source, span, self.find_errors)
        return StatementError(diagnostics, source, error.questions)

    def analyze(self, parsed: script.ReadStatement, source: Source) -> AnalyzedStatement | StatementError:
        """Return an analyzed statement of a script, or its error."""
        statement_text = " ".join(source.text[parsed.start : parsed.end].split())
        draft = AnalyzedStatement(parsed.statement, source, statement_text, self.parameters, self.now)
        self.used = set()
        self._nested = None
        self._register_foreign_result(statement_text)
        try:
            analyzed = self._analyze(draft)
            return replace(analyzed, parameters=analyzed.parameters | self.used)
        except SemanticError as semantic_error:
            statement_error = StatementError([semantic_error.diagnostic], source)
        except StatementError as error:
            statement_error = StatementError(error.diagnostics, source, error.questions)
        self.failed_names.add(getattr(parsed.statement, "name", ""))
        return self._validate_fixes(statement_error, source, Span(parsed.start, parsed.end))

    # --- results, without rows

    @property
    def names(self) -> Collection[str]:
        """Names of the results that exist when the statement runs."""
        return self.stored.keys()

    def get(self, name: str) -> StoredResult | None:
        """Return the result of a name, without rows, or None.

        Raises StatementError without diagnostics for the result of a statement with errors.
        """
        if name in self.failed_names and name not in self.stored:
            raise StatementError(())
        return self.stored.get(name)

    def run_subquery(self, find: FindStatement) -> StoredResult:
        """Return the result of a FIND in parentheses, without rows."""
        if self._nested is None:
            self._nested = SubqueryResults(lambda inner: stored_result_for("(FIND)", self._resolve(inner)))
        return self._nested.run_subquery(find)

    # --- statements

    def _analyze(self, draft: AnalyzedStatement) -> AnalyzedStatement:
        match draft.statement:
            case FindStatement() as find:
                return self._analyze_find(draft, find)
            case ExplainStatement(_, find):
                return self._analyze_find(draft, find, asks=False)
            case LetStatement(name, find, origin):
                _check_name(name, origin)
                return self._store(self._analyze_find(replace(draft, name=name), find), self.stored)
            case SubmitStatement():
                return self._analyze_submit(draft, draft.statement)
            case JobStatement():
                return self._analyze_job_statement(draft, draft.statement)
            case ShowStatement():
                return self._analyze_show(draft, draft.statement)
            case SetStatement():
                values = OperandResolver(self.parameters, self.now)
                value = read_set(draft.statement, values)
                return replace(draft, value=value, parameters=frozenset(values.used))
            case SqlStatement():
                return self._analyze_sql(draft, draft.statement)

    def _resolve(self, find: FindStatement) -> ResolvedFind:
        resolved = resolve(find, self.catalogue, self.parameters, now=self.now, results=self)
        self.used |= resolved.parameters
        if resolved.searched is not None:
            diagnostic = untimed_rows_error(resolved.query, resolved.searched, find.origin)
            if diagnostic is not None:
                raise StatementError([diagnostic])
        return resolved

    def _analyze_find(self, draft: AnalyzedStatement, find: FindStatement, *, asks: bool = True) -> AnalyzedStatement:
        resolved = self._resolve(find)
        if uses_results(find):
            return replace(draft, resolved=resolved, warnings=resolved.warnings)
        if self.checking:
            warnings = plan_warnings(resolved.query, self.catalogue, resolved.warnings)
            return replace(draft, resolved=resolved, warnings=warnings)
        data_sources = self.data_sources if asks else None
        plan = make_plan(
            resolved.query, self.catalogue, resolved.warnings, data_sources, record_range=self.record_range
        )
        return replace(draft, plan=plan, resolved=resolved, warnings=plan.warnings)

    def _store(self, analyzed: AnalyzedStatement, results: dict[str, StoredResult]) -> AnalyzedStatement:
        """Store the result of a FIND, without rows, for the statements after it."""
        stored = analyzed.stored_result
        if stored is not None:
            results[analyzed.name] = stored
        return analyzed

    def _analyze_submit(self, draft: AnalyzedStatement, statement: SubmitStatement) -> AnalyzedStatement:
        name = statement.name or self._next_name()
        _check_name(name, statement.origin)
        if statement.find.kind not in KINDS and statement.find.kind in self.stored:
            message = f"'{statement.find.kind}' is a stored result and cannot be submitted"
            raise SemanticError(
                "AQL0214", message, statement.find.origin, "not a search of the archive", "use FIND without SUBMIT"
            )
        return self._store(self._analyze_find(replace(draft, name=name), statement.find), self.searches)

    def _next_name(self) -> str:
        """Return the name of the next unnamed search. Names are never reused, so continue after the last one."""
        name = next_job_name(self.searches, self.foreign_ids, begin=self._unnamed)
        self._unnamed = int(name[1:])
        return name

    def _analyze_job_statement(self, draft: AnalyzedStatement, statement: JobStatement) -> AnalyzedStatement:
        request_id = statement.request_id
        name = self.request_ids.get(request_id, request_id) if request_id else statement.name
        if request_id and (name not in self.searches or statement.name not in ("", name)):
            return self._foreign_search(draft, statement)
        return self._job_result(draft, name, statement)

    def _foreign_search(self, draft: AnalyzedStatement, statement: JobStatement) -> AnalyzedStatement:
        """Analyze FETCH or CANCEL of a search that the session did not submit. Its kind is requested when needed."""
        if statement.verb == "cancel":
            return draft
        name = statement.name or self._next_name()
        _check_name(name, statement.origin)
        for results in (self.stored, self.searches):
            results.pop(name, None)
        self.foreign_ids[name] = statement.request_id
        return replace(draft, statement=replace_value(statement, name=name), name=name)

    def _register_foreign_result(self, statement_text: str) -> None:
        """Request the kind of each foreign search that the statement may refer to. Raises ArchiveError."""
        for name in [name for name in self.foreign_ids if name in statement_text]:
            if self.kind_of is None:
                self.failed_names.add(name)  # the kind stays unknown: do not report references to it
                continue
            kind = KINDS[self.kind_of(self.foreign_ids.pop(name))]
            self.stored[name] = self.searches[name] = stored_result_for(name, resolved_records(kind))

    def _job_result(self, draft: AnalyzedStatement, name: str, statement: JobStatement) -> AnalyzedStatement:
        if name in self.failed_names and name not in self.searches:
            raise StatementError(())
        if name not in self.searches:
            near = find_closest(name, self.searches, 1, 0.5)
            suggestion = (
                f"the searches are {', '.join(self.searches)}" if self.searches else "SUBMIT name = FIND … starts one"
            )
            hint = f"did you mean {near[0]}?" if near else suggestion
            missing = ("CMP",) if statement.verb == "fetch" else ()  # FETCH name = 'id' fetches a foreign search
            message = f"the search '{name}' does not exist"
            raise SemanticError("AQL0226", message, statement.origin, "unknown search", hint, missing=missing)
        if statement.verb == "fetch":
            self.stored[name] = self.searches[name]
        return replace(draft, statement=JobStatement(statement.verb, name), name=name)

    def _analyze_show(self, draft: AnalyzedStatement, statement: ShowStatement) -> AnalyzedStatement:
        # Imported late: most scripts have no SHOW.
        from auroraql.session.show import analyze_show

        if any(
            isinstance(clause, ShowTarget) and clause.name in self.failed_names - self.stored.keys()
            for clause in statement.clauses
        ):
            raise StatementError(())
        values = OperandResolver(self.parameters, self.now)
        show_plan = analyze_show(statement, self.catalogue, self.stored, values)
        self.used |= values.used
        results = OverlaidResults(self, show_plan.result)
        resolved = resolve(show_plan.find, self.catalogue, self.parameters, now=self.now, results=results)
        self.used |= resolved.parameters
        warnings = resolved.warnings
        if show_plan.source_find is not None and show_plan.source_result is not None:
            results = OverlaidResults(self, show_plan.source_result)
            resolved_sources = resolve(
                show_plan.source_find, self.catalogue, self.parameters, now=self.now, results=results
            )
            self.used |= resolved_sources.parameters
            warnings += resolved_sources.warnings
        diagnostic = untimed_rows_error(resolved.query, show_plan.result, statement.origin)
        if diagnostic is not None:
            raise StatementError([diagnostic])
        return replace(draft, show_plan=show_plan, warnings=warnings)

    def _analyze_sql(self, draft: AnalyzedStatement, statement: SqlStatement) -> AnalyzedStatement:
        from auroraql.session.sql.sandbox import check_sql  # imported late: it loads DuckDB

        sql_plan = check_sql(statement, [*self.stored, *sorted(self.failed_names - self.stored.keys())])
        if self.failed_names & {*sql_plan.tables} - self.stored.keys():
            raise StatementError(())
        values = OperandResolver(self.parameters, self.now)
        parameter_values = {name: values.parameter(Parameter(name, statement.origin)) for name in sql_plan.parameters}
        self.used |= values.used
        return replace(draft, sql_plan=sql_plan, parameter_values=parameter_values)


def next_job_name(*taken: Collection[str], begin: int = 1) -> str:
    """Return the name of an unnamed search: the first of s1, s2, … from number `begin` on that is not taken."""
    number = begin
    while any(f"s{number}" in names for names in taken):
        number += 1
    return f"s{number}"


def _check_name(name: str, origin: Origin) -> None:
    if name.lower() in KINDS:
        hint = "choose another name"
        raise SemanticError(
            "AQL0227", f"'{name}' is a kind of record and cannot name a result", origin, "reserved", hint
        )


__all__ = ["SearchObject", "StatementLike", "to_source"]


@runtime_checkable
class SearchObject(Protocol):
    """Search of AuroraX's client, for example `pyaurorax.search.DataProductSearch`, executed or not."""

    @property
    def query(self) -> Mapping[str, Any]:
        """Query document that the client would send."""


StatementLike = str | Source | Mapping[str, Any] | SearchObject
"""One statement, as an argument of `run`, `submit`, `check` and `translate`."""

_DOCUMENT_NAME = "<query>"


def to_source(statement: object) -> Source:
    """Return the statement as a source text.

    A dict becomes its JSON; times in it become AuroraX's `YYYY-MM-DDTHH:MM:SS` in UTC. The `response_format` of a
    search object becomes SELECT. Raises UsageError for any other type, and StatementError for a dict that nests
    too deep and for a search object with a `response_format` whose query has errors.
    """
    if isinstance(statement, str | Source):
        return Source.of(statement)
    if isinstance(statement, Mapping):
        return Source(_to_json(statement), _DOCUMENT_NAME)
    document = getattr(statement, "query", None)
    if isinstance(document, Mapping):
        source = Source(_to_json(document), f"<{type(statement).__name__}>")
        template = getattr(statement, "response_format", None)
        return _add_selection(source, template) if template else source
    raise UsageError(
        f"a statement is text, a query as a dict, or a search object, not {type(statement).__name__}",
        "for example: archive.run(\"FIND data_products WHERE program = 'trex' ON 2021-01-01\")",
    )


def _to_json(document: Mapping[str, Any]) -> str:
    try:
        return json.dumps(document, default=_to_plain, ensure_ascii=False)
    except RecursionError:
        # Python's own limit, about a thousand levels. The parser's limit on JSON is lower.
        raise StatementError([too_deep(Pointer(""))]) from None
    except (TypeError, ValueError) as error:
        raise UsageError(f"the query cannot be written as JSON: {error}") from None


def _to_plain(value: Any) -> Any:
    """Return a value of a type that JSON does not have as one that it has. Raises TypeError for an unsupported type."""
    if hasattr(value, "tolist"):  # arrays and scalars of NumPy
        return value.tolist()
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return moment.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is not a JSON type")


def _add_selection(source: Source, template: Mapping[str, Any]) -> Source:
    """Return the query as text, with a SELECT for the members of the response format."""
    # Imported late: few callers pass search objects with a response format.
    from auroraql.session.translation import translate_source

    text = str(translate_source(source, "aql").output)
    return Source(f"{text} SELECT {_select_list(template)}", source.name)


def _select_list(template: Mapping[str, Any]) -> str:
    from auroraql.language.printer import print_name

    return ", ".join(
        f"{print_name(key)} {{{_select_list(inner)}}}" if isinstance(inner, Mapping) else print_name(key)
        for key, inner in template.items()
        if inner
    )
