"""Analyzer: parses and checks a whole script before any of it runs.

Before the run, only the columns of a referenced result are known: from an earlier LET of the script, or from a result
of the session. The executor inserts the values when the statement runs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from auroraql.codecs import script
from auroraql.diagnostics.errors import MAX_REPORTED, Diagnostic, Origin, Source, Span, StatementError
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
)
from auroraql.planner import plan_query as make_plan
from auroraql.planner import plan_warnings
from auroraql.planner.windows import FindRecordRange
from auroraql.resolver import ResolvedFind, resolve, unused_parameter_warning
from auroraql.resolver.result_references import ResultLookup, SubqueryResults, uses_results
from auroraql.resolver.values import OperandResolver, SemanticError
from auroraql.results.stored_results import ShowPlan, SqlPlan, StoredResult
from auroraql.schema import KINDS
from auroraql.schema.catalogue import Catalogue, DataSource
from auroraql.session.fix_checker import keep_valid_fixes
from auroraql.session.result_queries import stored_records, stored_result_for, untimed_rows_error
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
    stored_result: StoredResult | None = None
    """Columns of its result, without rows."""
    show_plan: ShowPlan | None = None
    value: Value | None = None
    sql_plan: SqlPlan | None = None


@dataclass(frozen=True, slots=True)
class SessionContext:
    """Results and searches that a script can refer to before its first statement. Searches have columns, not rows."""

    results: Mapping[str, StoredResult]
    searches: Mapping[str, StoredResult]
    request_ids: Mapping[str, str] = field(default_factory=dict)
    """Names of the searches with a single request, by request ID."""


EMPTY_CONTEXT = SessionContext({}, {})


def analyze_scripts(sources: Iterable[Source], preparing: Analyzer) -> list[AnalyzedStatement]:
    """Analyze the statements of scripts, which share their parameters and results.

    Raises StatementError with the errors of all statements of the first script that has errors.
    """
    prepared: list[AnalyzedStatement] = []
    for source in sources:
        wrong: list[Diagnostic] = []
        failed = False
        for outcome in preparing.analyze_script(source):
            if isinstance(outcome, AnalyzedStatement):
                prepared.append(outcome)
            else:
                wrong += outcome.diagnostics
                failed = True
            if len(wrong) >= MAX_REPORTED:
                break
        if failed:
            raise StatementError(wrong, source)
    unused = _warn_of_unused(prepared, preparing.parameters)
    if unused:
        raise StatementError(unused)
    return prepared


def analyze_statement(read: script.ReadStatement, source: Source, preparing: Analyzer) -> AnalyzedStatement:
    """Analyze one statement of a script. Raises StatementError."""
    outcome = preparing.analyze(read, source)
    if isinstance(outcome, StatementError):
        raise outcome
    return outcome


def check_scripts(
    sources: Iterable[Source],
    catalogue: Catalogue,
    parameters: Mapping[str, object],
    standing: SessionContext = EMPTY_CONTEXT,
) -> Iterator[tuple[Source, tuple[Diagnostic, ...]]]:
    """Yield the errors and warnings of each script without running it.

    A parameter without a value is not an error here, nor is one that only some of the scripts use.
    """
    prepared: list[AnalyzedStatement] = []
    last, whole = Source(""), True
    preparing = Analyzer(catalogue, parameters, None, standing, checking=True)
    for last in sources:
        said: list[Diagnostic] = []
        for outcome in preparing.analyze_script(last):
            if isinstance(outcome, AnalyzedStatement):
                prepared.append(outcome)
                said += outcome.warnings
            else:
                whole = False
                said += diagnostics_of_error(outcome)
        yield last, tuple(said)
    unused = _warn_of_unused(prepared, parameters) if whole else ()
    if unused:
        yield last, unused


def diagnostics_of_error(error: StatementError) -> list[Diagnostic]:
    """Return the diagnostics of an error, without those of parameters that have no value (AQL0206)."""
    return [each for each in (*error.diagnostics, *error.questions) if each.code != "AQL0206"]


def _warn_of_unused(prepared: Iterable[AnalyzedStatement], parameters: Mapping[str, object]) -> tuple[Diagnostic, ...]:
    used = frozenset(name for each in prepared for name in each.parameters)
    return tuple(unused_parameter_warning(name, used) for name in sorted(set(parameters) - used))


@dataclass(frozen=True, slots=True)
class OverlaidResults:
    """`ResultLookup` with one more result: the rows to which a SHOW applies its clauses."""

    results: ResultLookup
    kept: StoredResult

    @property
    def names(self) -> Collection[str]:
        """Names of the other results."""
        return self.results.names

    def get(self, name: str) -> StoredResult | None:
        """Return the stored result of a name, or None."""
        return self.kept if name == self.kept.name else self.results.get(name)

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
        standing: SessionContext = EMPTY_CONTEXT,
        kind_of: KindOf | None = None,
        *,
        held: FindRecordRange | None = None,
        checking: bool = False,
    ) -> None:
        self.checking, self.kind_of, self.held = checking, kind_of, held
        self.catalogue, self.parameters, self.data_sources = catalogue, parameters, data_sources
        self.now = datetime.now(UTC).replace(tzinfo=None)
        self.kept = {name: replace(kept, result=None) for name, kept in standing.results.items()}
        self.searches = dict(standing.searches)
        self.request_ids = standing.request_ids
        self.elsewhere: dict[str, str] = {}
        """Request IDs with records of an unknown kind, by the name under which FETCH will store the result."""
        self.lost: set[str] = set()
        """Result names of statements with errors. References to them are not reported as errors too."""
        self.used: set[str] = set()
        self._unnamed = 1
        self._nested = SubqueryResults(lambda find: stored_result_for("(FIND)", self._resolve(find)))

    def analyze_script(self, source: Source) -> Iterator[AnalyzedStatement | StatementError]:
        """Yield each analyzed statement of a script, or its error. A syntax error does not hide later statements."""
        for read in script.iterate_statements(source):
            yield (
                self.diagnose_unread(read, source)
                if isinstance(read, script.UnreadStatement)
                else self.analyze(read, source)
            )

    def diagnose_unread(self, read: script.UnreadStatement, source: Source) -> StatementError:
        """Return the error of a statement with a syntax error. References to its result are not reported as errors too."""
        self.lost.add(read.name(source))
        return self._validate_fixes(read.error, source, Span(read.start, read.end))

    def _validate_fixes(self, error: StatementError, source: Source, span: Span) -> StatementError:
        """Return the error without the fixes that do not work."""
        found = error.diagnostics
        if any(each.fix is not None for each in found):
            found = keep_valid_fixes(found, source, span, self.catalogue, self.parameters, self.now, self)
        return StatementError(found, source, error.questions)

    def analyze(self, read: script.ReadStatement, source: Source) -> AnalyzedStatement | StatementError:
        """Return an analyzed statement of a script, or its error."""
        written = " ".join(source.text[read.start : read.end].split())
        begun = AnalyzedStatement(read.statement, source, written, self.parameters, self.now)
        self.used = set()
        self._nested = SubqueryResults(lambda find: stored_result_for("(FIND)", self._resolve(find)))
        self._register_foreign_result(written)
        try:
            made = self._analyze(begun)
            return replace(made, parameters=made.parameters | self.used)
        except SemanticError as fault:
            wrong = StatementError([fault.diagnostic], source)
        except StatementError as error:
            wrong = StatementError(error.diagnostics, source, error.questions)
        self.lost.add(getattr(read.statement, "name", ""))
        return self._validate_fixes(wrong, source, Span(read.start, read.end))

    # --- results, without rows

    @property
    def names(self) -> Collection[str]:
        """Names of the results that exist when the statement runs."""
        return self.kept.keys()

    def get(self, name: str) -> StoredResult | None:
        """Return the result of a name, without rows, or None.

        Raises StatementError without diagnostics for the result of a statement with errors.
        """
        if name in self.lost and name not in self.kept:
            raise StatementError(())
        return self.kept.get(name)

    def run_subquery(self, find: FindStatement) -> StoredResult:
        """Return the result of a FIND in parentheses, without rows."""
        return self._nested.run_subquery(find)

    # --- statements

    def _analyze(self, begun: AnalyzedStatement) -> AnalyzedStatement:
        match begun.statement:
            case FindStatement() as find:
                return self._analyze_find(begun, find)[0]
            case ExplainStatement(_, find):
                return self._analyze_find(begun, find, asks=False)[0]
            case LetStatement(name, find, origin):
                _check_name(name, origin)
                made, kept = self._analyze_find(begun, find, name)
                self.kept[name] = kept
                return replace(made, name=name)
            case SubmitStatement():
                return self._analyze_submit(begun, begun.statement)
            case JobStatement():
                return self._analyze_job_statement(begun, begun.statement)
            case ShowStatement():
                return self._analyze_show(begun, begun.statement)
            case SetStatement():
                values = OperandResolver(self.parameters, self.now)
                value = read_set(begun.statement, values)
                return replace(begun, value=value, parameters=frozenset(values.used))
            case SqlStatement():
                return self._analyze_sql(begun, begun.statement)

    def _resolve(self, find: FindStatement) -> ResolvedFind:
        resolved = resolve(find, self.catalogue, self.parameters, now=self.now, results=self)
        self.used |= resolved.parameters
        if resolved.searched is not None:
            wrong = untimed_rows_error(resolved.query, resolved.searched, find.origin)
            if wrong is not None:
                raise StatementError([wrong])
        return resolved

    def _analyze_find(
        self, begun: AnalyzedStatement, find: FindStatement, name: str = "", *, asks: bool = True
    ) -> tuple[AnalyzedStatement, StoredResult]:
        resolved = self._resolve(find)
        kept = stored_result_for(name, resolved, begun.statement_text)
        if uses_results(find):
            return replace(begun, warnings=resolved.warnings), kept
        if self.checking:
            return replace(
                begun, stored_result=kept, warnings=plan_warnings(resolved.query, self.catalogue, resolved.warnings)
            ), kept
        data_sources = self.data_sources if asks else None
        plan = make_plan(resolved.query, self.catalogue, resolved.warnings, data_sources, held=self.held)
        return replace(begun, plan=plan, stored_result=kept, warnings=plan.warnings), kept

    def _analyze_submit(self, begun: AnalyzedStatement, statement: SubmitStatement) -> AnalyzedStatement:
        name = statement.name or self._next_name()
        _check_name(name, statement.origin)
        if statement.find.kind not in KINDS and statement.find.kind in self.kept:
            message = f"'{statement.find.kind}' is a stored result and cannot be submitted"
            raise SemanticError(
                "AQL0214", message, statement.find.origin, "not a search of the archive", "use FIND without SUBMIT"
            )
        made, kept = self._analyze_find(begun, statement.find, name)
        self.searches[name] = kept
        return replace(made, name=name)

    def _next_name(self) -> str:
        """Return the name of the next unnamed search. Names are never reused, so continue after the last one."""
        name = next_job_name(self.searches, self.elsewhere, begin=self._unnamed)
        self._unnamed = int(name[1:])
        return name

    def _analyze_job_statement(self, begun: AnalyzedStatement, statement: JobStatement) -> AnalyzedStatement:
        asked = statement.request_id
        own = self.request_ids.get(asked, asked) if asked else statement.name
        if asked and (own not in self.searches or statement.name not in ("", own)):
            return self._foreign_search(begun, statement)
        return self._job_result(begun, own, statement)

    def _foreign_search(self, begun: AnalyzedStatement, statement: JobStatement) -> AnalyzedStatement:
        """Analyze FETCH or CANCEL of a search that the session did not submit. Its kind is requested when needed."""
        if statement.verb == "cancel":
            return begun
        name = statement.name or self._next_name()
        _check_name(name, statement.origin)
        for known in (self.kept, self.searches):
            known.pop(name, None)
        self.elsewhere[name] = statement.request_id
        return replace(begun, statement=replace(statement, name=name), name=name)

    def _register_foreign_result(self, written: str) -> None:
        """Request the kind of each foreign search that the statement may refer to. Raises ArchiveError."""
        for name in [name for name in self.elsewhere if name in written]:
            if self.kind_of is None:
                self.lost.add(name)  # the kind stays unknown: do not report references to it
                continue
            kind = KINDS[self.kind_of(self.elsewhere.pop(name))]
            self.kept[name] = self.searches[name] = stored_records(name, kind)

    def _job_result(self, begun: AnalyzedStatement, name: str, statement: JobStatement) -> AnalyzedStatement:
        if name in self.lost and name not in self.searches:
            raise StatementError(())
        if name not in self.searches:
            near = find_closest(name, self.searches, 1, 0.5)
            known = (
                f"the searches are {', '.join(self.searches)}" if self.searches else "SUBMIT name = FIND … starts one"
            )
            hint = f"did you mean {near[0]}?" if near else known
            missing = ("CMP",) if statement.verb == "fetch" else ()  # FETCH name = 'id' fetches a foreign search
            message = f"there is no search '{name}'"
            raise SemanticError("AQL0226", message, statement.origin, "unknown search", hint, missing=missing)
        if statement.verb == "fetch":
            self.kept[name] = self.searches[name]
        return replace(begun, statement=JobStatement(statement.verb, name), name=name)

    def _analyze_show(self, begun: AnalyzedStatement, statement: ShowStatement) -> AnalyzedStatement:
        # Imported late: most scripts have no SHOW.
        from auroraql.session.show import analyze_show

        if any(
            isinstance(each, ShowTarget) and each.name in self.lost - self.kept.keys() for each in statement.clauses
        ):
            raise StatementError(())
        values = OperandResolver(self.parameters, self.now)
        shown = analyze_show(statement, self.catalogue, self.kept, values)
        self.used |= values.used
        results = OverlaidResults(self, shown.result)
        resolved = resolve(shown.find, self.catalogue, self.parameters, now=self.now, results=results)
        self.used |= resolved.parameters
        said = resolved.warnings
        if shown.source_find is not None and shown.source_result is not None:
            results = OverlaidResults(self, shown.source_result)
            chosen = resolve(shown.source_find, self.catalogue, self.parameters, now=self.now, results=results)
            self.used |= chosen.parameters
            said += chosen.warnings
        wrong = untimed_rows_error(resolved.query, shown.result, statement.origin)
        if wrong is not None:
            raise StatementError([wrong])
        return replace(begun, show_plan=shown, warnings=said)

    def _analyze_sql(self, begun: AnalyzedStatement, statement: SqlStatement) -> AnalyzedStatement:
        from auroraql.session.sql.sandbox import check_sql  # imported late: it loads DuckDB

        limited = check_sql(statement, [*self.kept, *sorted(self.lost - self.kept.keys())])
        if self.lost & {*limited.tables} - self.kept.keys():
            raise StatementError(())
        values = OperandResolver(self.parameters, self.now)
        given = {name: values.parameter(Parameter(name, statement.origin)) for name in limited.parameters}
        self.used |= values.used
        return replace(begun, sql_plan=limited, parameter_values=given)


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
