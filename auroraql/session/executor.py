"""Statements run: what each does, on an archive, with the results, searches and settings of one session."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from auroraql.diagnostics.errors import ArchiveError, Diagnostic, Failed, StatementError
from auroraql.engines.base import Engine, OnProgress, SubmissionInterrupted
from auroraql.engines.record_range import record_range
from auroraql.ir.plan import Plan
from auroraql.ir.query import Or, Query, split_conjuncts
from auroraql.language.ast import (
    ExplainStatement,
    FindStatement,
    JobStatement,
    LetStatement,
    SetStatement,
    ShowStatement,
    SqlStatement,
    SubmitStatement,
)
from auroraql.planner import plan_query as make_plan
from auroraql.resolver import resolve
from auroraql.resolver.result_references import SubqueryResults
from auroraql.results.result_set import FetchedData, ResultColumn, ResultSet, Row
from auroraql.results.stored_results import ShowPlan, StoredResult
from auroraql.schema import KINDS, Type
from auroraql.schema.catalogue import DataSource
from auroraql.session.analyzer import AnalyzedStatement, OverlaidResults, SessionContext, next_job_name
from auroraql.session.job_poller import JobPoller
from auroraql.session.jobs import PlannedFind, Search, State, report_elapsed
from auroraql.session.result_queries import plan_row_query, query_rows, stored_records, stored_result_for
from auroraql.session.settings import Settings
from auroraql.session.verbose_steps import VerboseSteps

_NO_QUERY = Query("", select=())
"""That of a result which is no search's."""


@dataclass(slots=True)
class Executor:
    """One session on one archive: what was kept, what was submitted, and the settings."""

    engine: Engine
    settings: Settings
    watch: OnProgress | None = None
    """What is told how far a search has come that is waited for."""
    results: dict[str, StoredResult] = field(default_factory=dict)
    submitted: dict[str, Search] = field(default_factory=dict)
    report_step: Callable[[str], object] | None = None
    """Receives one line for each step of a search: the verbose mode."""
    max_rows: int | None = None
    """The most rows of a FIND or of SQL that anybody will look at; no more are fetched."""
    on_interrupt: Callable[[Search], object] | None = None
    """Who is given a search that Ctrl-C ended the wait for; by default it is cancelled."""
    on_end: Callable[[Search], object] | None = None
    """Who is told, on another thread, that a search has ended that was submitted and that nobody waits for."""
    _watching: JobPoller[Search] = field(init=False)

    def __post_init__(self) -> None:
        self._watching = JobPoller(self._on_job_ended)

    @property
    def archive(self) -> str:
        """What people call the archive."""
        return self.engine.name

    @property
    def runs_when_awaited(self) -> bool:
        """Whether the engine runs a search only while somebody waits for it."""
        return self.engine.capabilities.runs_when_awaited

    def deadline(self, began: float | None = None) -> float:
        """When what began then, or begins now, has taken too long."""
        return (time.monotonic() if began is None else began) + self.settings.timeout

    @property
    def session_context(self) -> SessionContext:
        """What a script may count on."""
        kept = {name: search.stored_result for name, search in self.submitted.items()}
        ids = {search.request_ids: name for name, search in self.submitted.items()}
        return SessionContext(self.results, kept, {each[0]: name for each, name in ids.items() if len(each) == 1})

    def execute(self, prepared: AnalyzedStatement) -> ResultSet:
        """The result of a statement. Raises StatementError for what is wrong now that there are rows, ArchiveError."""
        began = time.monotonic()
        try:
            return self._execute(prepared, began)
        except StatementError as error:
            raise StatementError(error.diagnostics, prepared.source) from None

    def _execute(self, prepared: AnalyzedStatement, began: float) -> ResultSet:
        match prepared.statement:
            case FindStatement() as find:
                planned = self.plan_find(find, prepared)
                return self.run_subquery(
                    planned if self.max_rows is None else _limit_plan(planned, self.max_rows), prepared, began
                )
            case LetStatement(name, find):
                return self._execute_let(name, self.plan_find(find, prepared), prepared, began)
            case ExplainStatement() as asked:
                return self._execute_explain(asked, prepared, began)
            case SubmitStatement():
                # As it was submitted: by now it may be over.
                return self._result_of_rows(
                    _SUBMITTED, [_job_summary(self.submit(prepared), "running")], prepared, began
                )
            case JobStatement("cancel", _, request_id) if request_id:
                return self._cancel_foreign_search(request_id, prepared, began)
            case JobStatement(verb, name, request_id):
                search = self.attach(request_id, name, prepared) if request_id else self.submitted[name]
                return self._execute_fetch(search) if verb == "fetch" else self._execute_cancel(search, prepared, began)
            case ShowStatement():
                return self._execute_show(prepared, began)
            case SetStatement(name):
                note = self.settings.set_value(name.lower(), prepared.value)
                return self._result_of_rows((), [], prepared, began, note)
            case SqlStatement() as sql:
                return self._execute_sql(sql, prepared, began)

    # --- searches

    def plan_find(self, find: FindStatement, prepared: AnalyzedStatement) -> PlannedFind:
        """What a FIND means now. FINDs in parentheses are run for it. Raises StatementError, ArchiveError."""
        if prepared.plan is not None and prepared.stored_result is not None:
            return PlannedFind(prepared.plan, prepared.stored_result)
        return self.plan_find_with(find, prepared, _SessionResults(self, prepared))

    def plan_find_with(self, find: FindStatement, prepared: AnalyzedStatement, taking: _SessionResults) -> PlannedFind:
        """The same, with what it takes from results. Raises StatementError, ArchiveError."""
        catalogue = self.engine.catalogue()
        resolved = resolve(find, catalogue, prepared.parameter_values, now=prepared.now, results=taking)
        kept = stored_result_for(prepared.name, resolved, prepared.statement_text)
        if resolved.searched is not None:
            return PlannedFind(
                plan_row_query(resolved.query, resolved.searched, resolved.warnings), kept, resolved.searched
            )
        # Where an empty list leaves nothing to find, no source need be known.
        nothing = Or(()) in split_conjuncts(resolved.query.where)
        sources = tuple if nothing else partial(self.engine.sources, self.deadline())
        ends = record_range(self.engine, self.deadline())
        plan = make_plan(resolved.query, catalogue, resolved.warnings, sources, held=ends)
        return PlannedFind(_without_repeated_warning(plan), kept)

    def run_subquery(self, planned: PlannedFind, prepared: AnalyzedStatement, began: float) -> ResultSet:
        """The result of a FIND, waited for. Raises ArchiveError."""
        plan = planned.plan
        if planned.searched is not None:
            columns, fetched = query_rows(plan, planned.searched)
            return self.result(plan, fetched, prepared, began, columns)
        steps = self._steps(plan, prepared)
        run = self.engine.submit(plan, awaited=True)
        search = Search(self, run, planned, prepared, began=began, awaited=True, steps=steps)
        try:
            return search.fetch()
        except ArchiveError:  # nobody waits for it any more
            with suppress(ArchiveError):  # what led here is the error to tell
                search.cancel()
            raise

    def _steps(self, plan: Plan, prepared: AnalyzedStatement) -> VerboseSteps | None:
        if self.report_step is None:
            return None
        steps = VerboseSteps(self.report_step)
        steps.on_created(prepared.statement_text, len(plan.requests))
        return steps

    def result(
        self,
        plan: Plan,
        fetched: FetchedData,
        prepared: AnalyzedStatement,
        began: float,
        columns: tuple[ResultColumn, ...] | None = None,
        *,
        note: str = "",
        is_report: bool = False,
        request_ids: tuple[str, ...] = (),
    ) -> ResultSet:
        """Return the result of a statement."""
        answer = ResultSet(
            plan,
            fetched,
            archive=self.engine.name,
            elapsed=time.monotonic() - began,
            demonstration=self.engine.capabilities.demonstration,
            source=prepared.source,
            columns=columns,
            note=note,
            is_report=is_report,
            request_ids=request_ids,
        )
        if columns is None and plan.requests and _is_empty(answer):
            # Most searches find something and never load this module.
            from auroraql.session.empty_results import explain_empty_result

            reason = explain_empty_result(plan.query, self.engine)
            answer.warnings += (reason,) if reason is not None else ()
        return answer

    def submit(self, prepared: AnalyzedStatement) -> Search:
        """Starts a FIND and does not wait for it; that of a SUBMIT under its name. Raises StatementError, ArchiveError."""
        find = prepared.statement.find if isinstance(prepared.statement, SubmitStatement) else prepared.statement
        assert isinstance(find, FindStatement), "the session has looked"  # noqa: S101
        planned = self.plan_find(find, prepared)
        if planned.searched is not None:
            message, hint = f"'{find.kind}' is a result, and its rows are searched at once", "FIND it without SUBMIT"
            raise StatementError([Diagnostic("AQL0214", message, find.origin, "no search of the archive", hint)])
        steps = self._steps(planned.plan, prepared)
        try:
            run = self.engine.submit(planned.plan)
        except SubmissionInterrupted as stopped:
            self.on_wait_interrupted(Search(self, stopped.run, planned, prepared))
            raise
        search = Search(self, run, planned, prepared, steps=steps)
        if steps is not None:
            steps.on_progress(run)
        if search.name:
            self._replace(search)
        elif self.runs_when_awaited:
            self._watching.add(search)
        return search

    def attach(self, request_id: str, name: str, prepared: AnalyzedStatement) -> Search:
        """A search that the archive has, whoever submitted it; with a name it is one of the session's. Raises ArchiveError."""
        plan, run = self.engine.attach(request_id, self.deadline())
        kept = stored_records(name, KINDS[plan.query.kind], prepared.statement_text)
        search = Search(self, run, PlannedFind(plan, kept), replace(prepared, name=name))
        if name:
            self._replace(search)
        return search

    def on_wait_interrupted(self, search: Search) -> None:
        """Ctrl-C came while somebody waited for a search: unless a front end takes it, it is cancelled."""
        if self.on_interrupt is not None:
            self.on_interrupt(search)
            return
        with suppress(ArchiveError):  # it was to end, and that is told
            search.cancel()

    def keep(self, search: Search) -> str:
        """Takes a search that was waited for among those submitted, under a name that is free; that name."""
        if self.submitted.get(search.name) is not search:
            taken = search.name in self.submitted or not search.name.isidentifier()
            search.name = next_job_name(self.submitted) if taken else search.name
            self.submitted[search.name] = search
        search.heeded = False
        self._watching.add(search)
        return search.name

    def refresh(self) -> None:
        """Has the archive asked how the searches stand, and waits a moment for the answers."""
        self._watching.poll_all(_PATIENCE)

    def detach_jobs(self) -> list[Search]:
        """Lets what was submitted, and not fetched yet, go on when the archive is closed; that which can."""
        waiting = [each for each in list(self.submitted.values()) if each.state in ("running", "unreachable", "done")]
        return [each for each in waiting if not each.fetched and each.detach()]

    def close(self) -> None:
        """Looks after no search any more."""
        self._watching.close()

    def _on_job_ended(self, search: Search) -> None:
        if self.on_end is not None and not search.heeded:
            search.heeded = True
            self.on_end(search)

    # --- statements

    def _execute_let(self, name: str, planned: PlannedFind, prepared: AnalyzedStatement, began: float) -> ResultSet:
        result = self.run_subquery(planned, prepared, began)
        result.note = f"{name}: {_format_count(len(result), planned)}"
        self.results[name] = replace(planned.kept, result=result)
        return result

    def _replace(self, search: Search) -> None:
        """Takes a search under its name; one that had it before is reached by nobody any more, and is cancelled."""
        earlier = self.submitted.get(search.name)
        self.submitted[search.name] = search
        self._watching.add(search)
        if earlier is not None:
            with suppress(ArchiveError):
                earlier.cancel()

    def _execute_fetch(self, search: Search) -> ResultSet:
        result = search.fetch()
        self.results[search.name] = replace(search.stored_result, result=result)
        return result

    def _execute_cancel(self, search: Search, prepared: AnalyzedStatement, began: float) -> ResultSet:
        search.cancel()
        ids = ", ".join(search.request_ids)
        note = f"{search.name or ids} is {search.state}"
        return self._result_of_rows(_SUBMITTED, [_job_summary(search, search.state)], prepared, began, note)

    def _cancel_foreign_search(self, request_id: str, prepared: AnalyzedStatement, began: float) -> ResultSet:
        """Of one that has ended that is said: it is not running, which is what was wanted. Raises ArchiveError."""
        try:
            search = self.attach(request_id, "", prepared)
        except ArchiveError as error:
            if not error.ended:
                raise
            state: State = "failed" if isinstance(error, Failed) else "done"
            note = f"{request_id} has ended already: {error.message}"
            return self._result_of_rows(_SUBMITTED, [("", state, request_id)], prepared, began, note)
        return self._execute_cancel(search, prepared, began)

    def _execute_explain(self, asked: ExplainStatement, prepared: AnalyzedStatement, began: float) -> ResultSet:
        """What EXPLAIN and DESCRIBE say; nothing is searched, so FINDs in parentheses are explained too."""
        # Most statements are no reports and never load this room.
        from auroraql.session.explain import ExplainContext, answer_explain

        told = answer_explain(
            asked, ExplainContext(self.engine, _SessionResults(self, prepared), prepared.parameter_values, prepared.now)
        )
        rows = [(line,) for line in told.lines]
        said = replace(prepared, warnings=told.warnings)
        return self._result_of_rows((told.column,), rows, said, began, is_report=True)

    def _execute_show(self, prepared: AnalyzedStatement, began: float) -> ResultSet:
        # Most scripts show nothing and never load this room.
        from auroraql.session.show import TREE_LISTINGS, ListingContext, listing_rows

        shown = prepared.show_plan
        assert shown is not None, "a SHOW is read before it runs"  # noqa: S101
        if shown.refresh:
            with report_elapsed(self.watch, began):
                self.engine.refresh_sources(self.deadline(began))
        taking = OverlaidResults(_SessionResults(self, prepared), shown.result)
        resolved = resolve(
            shown.find, self.engine.catalogue(), prepared.parameter_values, now=prepared.now, results=taking
        )
        listed = ListingContext(
            catalogue=self.engine.catalogue,
            sources=partial(self._sources_of_listing, shown, prepared, began),
            details=partial(self.engine.details, self.deadline(began)),
            statistics=partial(self.engine.statistics, deadline=self.deadline(began)),
            available=partial(self.engine.availability, deadline=self.deadline(began)),
            kept=self.results,
            searches=self._execute_show_searches,
            settings=self.settings.rows,
        )
        with report_elapsed(self.watch, began):
            rows = listing_rows(shown, listed, resolved.query)
        held = self._result_of_rows(shown.result.columns, rows, prepared, began)
        plan = plan_row_query(resolved.query, shown.result, resolved.warnings)
        columns, fetched = query_rows(plan, replace(shown.result, result=held))
        reported = shown.what in TREE_LISTINGS
        return self.result(_with_days(plan, shown), fetched, prepared, began, columns, is_report=reported)

    def _sources_of_listing(self, shown: ShowPlan, prepared: AnalyzedStatement, began: float) -> Sequence[DataSource]:
        """The sources of the archive that the WHERE of a listing leaves. Raises ArchiveError."""
        from auroraql.session.show import source_row

        sources = self.engine.sources(self.deadline(began))
        if shown.source_find is None or shown.source_result is None:
            return sources
        kept, catalogue = shown.source_result, self.engine.catalogue()
        taking = OverlaidResults(_SessionResults(self, prepared), kept)
        resolved = resolve(shown.source_find, catalogue, prepared.parameter_values, now=prepared.now, results=taking)
        empty = (None,) * (len(kept.columns) - len(source_row(sources[0]))) if sources else ()
        held = self._result_of_rows(
            kept.columns, [(*source_row(source), *empty) for source in sources], prepared, began
        )
        _, fetched = query_rows(plan_row_query(resolved.query, kept, ()), replace(kept, result=held))
        identifiers = {record["identifier"] for record in fetched.records or ()}
        return tuple(source for source in sources if source.identifier in identifiers)

    def _execute_show_searches(self) -> list[Row]:
        self.refresh()
        return [search.as_row() for search in list(self.submitted.values())]  # another thread may keep one

    def _execute_sql(self, statement: SqlStatement, prepared: AnalyzedStatement, began: float) -> ResultSet:
        from auroraql.session.sql.runner import run_sql

        limited = prepared.sql_plan
        assert limited is not None, "SQL is looked at before it runs"  # noqa: S101
        tables = [self.results[name] for name in limited.tables]
        with report_elapsed(self.watch, began):
            deadline = began + self.settings.timeout
            columns, rows = run_sql(statement, tables, limited, prepared.parameter_values, deadline, self.max_rows)
        return self._result_of_rows(columns, rows, prepared, began)

    def _result_of_rows(
        self,
        columns: tuple[ResultColumn, ...],
        rows: Sequence[Row],
        prepared: AnalyzedStatement,
        began: float,
        note: str = "",
        *,
        is_report: bool = False,
    ) -> ResultSet:
        """Rows that no search found."""
        plan = Plan(_NO_QUERY, (), warnings=prepared.warnings)
        return self.result(plan, FetchedData(rows=rows), prepared, began, columns, note=note, is_report=is_report)


@dataclass(slots=True)
class _SessionResults:
    """The results of a session while a statement is resolved; FINDs in parentheses are run, each when it is met."""

    running: Executor
    analyzed: AnalyzedStatement
    _nested: SubqueryResults | None = None

    @property
    def names(self) -> Collection[str]:
        """The names of the results."""
        return self.running.results.keys()

    def get(self, name: str) -> StoredResult | None:
        """The result of a name."""
        return self.running.results.get(name)

    def run_subquery(self, find: FindStatement) -> StoredResult:
        """What a FIND in parentheses finds. Raises ArchiveError."""
        if self._nested is None:
            self._nested = SubqueryResults(self._run_subquery)
        return self._nested.run_subquery(find)

    def _run_subquery(self, find: FindStatement) -> StoredResult:
        inner = replace(self.analyzed, plan=None, name="(FIND)")
        planned = self.running.plan_find_with(find, inner, self)
        result = self.running.run_subquery(planned, inner, time.monotonic())
        return replace(planned.kept, result=result, warnings=result.warnings)


_PATIENCE = 1.0
"""Seconds that SHOW SEARCHES waits for the archive to say how they stand; after them, what is known is shown."""

_SUBMITTED = tuple(ResultColumn(name, Type.STRING, path=(name,)) for name in ("name", "status", "request_ids"))


def _is_empty(result: ResultSet) -> bool:
    """Whether a search found nothing, be it counted only; what OFFSET and LIMIT leave out was found."""
    query = result.plan.query
    if query.limit == 0 or query.offset:
        return False
    counts = not query.group_by and bool(query.select) and all(c.function == "count" for c in query.select or ())
    return not len(result) or (counts and not any(result.rows[0]))


def _with_days(plan: Plan, shown: ShowPlan) -> Plan:
    """The plan of a listing with the days it was asked of, which its rows need not fill."""
    if shown.days is None:
        return plan
    first, last = (datetime(day.year, day.month, day.day) for day in shown.days)
    return replace(plan, query=replace(plan.query, start=first, end=last))


def _job_summary(search: Search, state: State) -> Row:
    """What SUBMIT and CANCEL answer with."""
    return search.name, state, ", ".join(search.request_ids)


def _limit_plan(planned: PlannedFind, most: int) -> PlannedFind:
    """The same search for no more rows than that: what nobody sees need not be fetched."""
    plan = planned.plan
    if planned.searched is not None or plan.counted:
        return planned
    limit = most if plan.query.limit is None else min(most, plan.query.limit)
    query, residual = replace(plan.query, limit=limit), replace(plan.post_processing, limit=limit)
    return replace(planned, plan=replace(plan, query=query, post_processing=residual))


def _format_count(count: int, planned: PlannedFind) -> str:
    """How many of what."""
    query = planned.plan.query
    kind = KINDS.get(query.kind)
    title = "rows" if kind is None or query.is_aggregate or query.distinct else kind.title
    return f"{count:,} {title.removesuffix('s') if count == 1 else title}"


def _without_repeated_warning(plan: Plan) -> Plan:
    """Where an empty result leaves nothing to find, that is said once."""
    if not any(each.code == "AQL0609" for each in plan.warnings):
        return plan
    return replace(plan, warnings=tuple(each for each in plan.warnings if each.code != "AQL0606"))
