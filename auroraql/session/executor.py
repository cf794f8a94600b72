"""Executor: runs analyzed statements on an engine, with the results, searches and settings of one session."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from types import MappingProxyType

from auroraql.diagnostics.errors import ArchiveError, Diagnostic, Failed, StatementError, UsageError, replace_value
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
from auroraql.resolver import ResolvedFind, resolve
from auroraql.resolver.result_references import SubqueryResults
from auroraql.results.provenance import Provenance
from auroraql.results.result_set import FetchedData, Listing, ResultColumn, ResultSet, Row
from auroraql.results.stored_results import ShowPlan, StoredResult
from auroraql.schema import KINDS, Type
from auroraql.schema.catalogue import DataSource
from auroraql.session.analyzer import AnalyzedStatement, OverlaidResults, SessionContext, next_job_name
from auroraql.session.jobs import JobPoller, PlannedFind, Search, State, report_elapsed
from auroraql.session.result_queries import plan_row_query, query_rows, resolved_records
from auroraql.session.settings import Settings
from auroraql.session.verbose_steps import VerboseSteps


class Executor:
    """Session on one engine: it runs analyzed statements, and holds their results, searches and settings."""

    def __init__(self, engine: Engine, settings: Settings, watch: OnProgress | None = None) -> None:
        self.settings = settings
        """Settings that SET changes."""
        self._engine, self._watch = engine, watch
        self._stored: dict[str, StoredResult] = {}
        self._submitted: dict[str, Search] = {}
        self._report_step: Callable[[str], object] | None = None
        self._max_rows: int | None = None
        self._max_stored_rows: int | None = None
        self._on_interrupt: Callable[[Search], object] | None = None
        self._on_end: Callable[[Search], object] | None = None
        self._poller: JobPoller[Search] = JobPoller(self._on_job_ended)

    @property
    def name(self) -> str:
        """Name of the archive: demo, a path, aurorax or a URL."""
        return self._engine.name

    @property
    def verbose(self) -> bool | Callable[[str], object]:
        """Whether the steps of each search are printed, or the callback that receives the lines."""
        return self._report_step or False

    @verbose.setter
    def verbose(self, verbose: bool | Callable[[str], object]) -> None:
        self._report_step = print if verbose is True else verbose or None

    @property
    def results(self) -> Mapping[str, ResultSet]:
        """Results stored by LET and FETCH, by name: a read-only copy."""
        stored = self._stored
        return MappingProxyType({name: result.result for name, result in stored.items() if result.result is not None})

    @property
    def searches(self) -> tuple[str, ...]:
        """Names of the submitted searches."""
        return tuple(self._submitted)

    @property
    def submitted(self) -> Mapping[str, Search]:
        """Submitted searches, by name: a read-only copy."""
        return MappingProxyType(dict(self._submitted))

    @property
    def session_context(self) -> SessionContext:
        """Results and searches that a script can refer to before its first statement."""
        searches = {name: search.stored_result for name, search in self._submitted.items()}
        ids = {search.request_ids: name for name, search in self._submitted.items()}
        return SessionContext(
            self._stored, searches, {request_ids[0]: name for request_ids, name in ids.items() if len(request_ids) == 1}
        )

    def limit_rows(self, rows: int | None, *, stored: int | None = None) -> None:
        """Limit the rows that a FIND or SQL fetches. Results of SUBMIT are not limited. None removes the limit.

        `stored` limits the rows of all results of LET together. A LET that exceeds it raises UsageError.
        """
        self._max_rows, self._max_stored_rows = rows, stored

    def on_progress(self, watch: OnProgress | None) -> None:
        """Set the progress callback of awaited searches. None removes it."""
        self._watch = watch

    def on_interrupt(self, act: Callable[[Search], object]) -> None:
        """Set the callback for a search whose wait Ctrl-C interrupts. It replaces the cancellation of the search."""
        self._on_interrupt = act

    def on_end(self, act: Callable[[Search], object]) -> None:
        """Set the callback, invoked on a worker thread when a background search finishes."""
        self._on_end = act

    def refresh_searches(self) -> None:
        """Poll the submitted searches, and wait up to a second for the responses."""
        self._poller.poll_all(_REFRESH_TIMEOUT_SECONDS)

    def keep(self, search: Search) -> str:
        """Add a search whose wait was interrupted to the submitted searches, under an unused name. Return the name."""
        if self._submitted.get(search.name) is not search:
            needs_name = search.name in self._submitted or not search.name.isidentifier()
            search.name = next_job_name(self._submitted) if needs_name else search.name
            self._submitted[search.name] = search
        search.heeded = False
        self._poller.add(search)
        return search.name

    def leave(self) -> list[Search]:
        """Detach the submitted, unfetched searches, so that they continue after `close`. Return the detached searches."""
        unfetched = [
            search for search in list(self._submitted.values()) if search.state in ("running", "unreachable", "done")
        ]
        return [search for search in unfetched if not search.is_fetched and search.detach()]

    def close(self) -> None:
        """Stop polling the submitted searches, and close the engine."""
        self._poller.close()
        self._engine.close()

    # --- JobSession: what a search needs

    @property
    def watch(self) -> OnProgress | None:
        """Progress callback of awaited searches."""
        return self._watch

    @property
    def runs_when_awaited(self) -> bool:
        """Whether the engine runs a search only during `wait`."""
        return self._engine.capabilities.runs_when_awaited

    def on_wait_interrupted(self, search: Search) -> None:
        """Handle Ctrl-C during a wait: call `on_interrupt`, or cancel the search."""
        if self._on_interrupt is not None:
            self._on_interrupt(search)
            return
        with suppress(ArchiveError):  # the caller reports the interruption
            search.cancel()

    def result(
        self,
        origin: Plan | Listing,
        fetched: FetchedData,
        prepared: AnalyzedStatement,
        began: float,
        columns: tuple[ResultColumn, ...] | None = None,
        *,
        note: str = "",
        is_report: bool = False,
        request_ids: tuple[str, ...] = (),
        searched: Sequence[StoredResult] = (),
    ) -> ResultSet:
        """Return the result of a statement. `searched` has the stored results whose rows it searches."""
        answer = ResultSet(
            origin,
            fetched,
            archive=self._engine.name,
            elapsed=time.monotonic() - began,
            demonstration=self._engine.capabilities.demonstration,
            is_local=self._engine.capabilities.is_local,
            source=prepared.source,
            columns=columns,
            note=note,
            is_report=is_report,
            request_ids=request_ids,
            provenance=Provenance(
                prepared.statement_text,
                self._engine.name,
                prepared.now,
                request_ids,
                {n: v for n, v in sorted(prepared.parameter_values.items()) if n in prepared.parameters},
                {stored.name: earlier for stored in searched if (earlier := stored.provenance) is not None},
            ),
        )
        if columns is None and isinstance(origin, Plan) and origin.requests and _is_empty(answer, origin.query):
            # Imported late: most searches find records.
            from auroraql.session.empty_results import explain_empty_result

            reason = explain_empty_result(origin.query, self._engine)
            answer.warnings += (reason,) if reason is not None else ()
        return answer

    # --- execution

    def _deadline(self, began: float | None = None) -> float:
        """Return the deadline of work that began at `began`, or begins now, in seconds of `time.monotonic`."""
        return (time.monotonic() if began is None else began) + self.settings.timeout

    def _run_statement(self, analyzed: AnalyzedStatement) -> ResultSet:
        """Return the result of a statement.

        Raises StatementError for errors that depend on rows, and ArchiveError.
        """
        began = time.monotonic()
        try:
            return self._execute(analyzed, began)
        except StatementError as error:
            raise StatementError(error.diagnostics, analyzed.source) from None

    def _execute(self, analyzed: AnalyzedStatement, began: float) -> ResultSet:
        match analyzed.statement:
            case FindStatement() as find:
                planned = self._plan_find(find, analyzed)
                return self._run_find(
                    planned if self._max_rows is None else _limit_plan(planned, self._max_rows), analyzed, began
                )
            case LetStatement(name, find):
                return self._execute_let(name, self._plan_find(find, analyzed), analyzed, began)
            case ExplainStatement() as explain:
                return self._execute_explain(explain, analyzed, began)
            case SubmitStatement():
                # The state at submission: the search may have ended by now.
                return self._result_of_rows(
                    _SUBMITTED, [_job_summary(self._submit(analyzed), "running")], analyzed, began
                )
            case JobStatement("cancel", _, request_id) if request_id:
                return self._cancel_foreign_search(request_id, analyzed, began)
            case JobStatement(verb, name, request_id):
                search = self._attach(request_id, name, analyzed) if request_id else self._submitted[name]
                return self._execute_fetch(search) if verb == "fetch" else self._execute_cancel(search, analyzed, began)
            case ShowStatement():
                return self._execute_show(analyzed, began)
            case SetStatement(name):
                note = self.settings.set_value(name.lower(), analyzed.value)
                return self._result_of_rows((), [], analyzed, began, note)
            case SqlStatement() as sql:
                return self._execute_sql(sql, analyzed, began)

    # --- searches

    def _plan_find(self, find: FindStatement, analyzed: AnalyzedStatement) -> PlannedFind:
        """Resolve and plan a FIND. Run its FINDs in parentheses. Raises StatementError, ArchiveError."""
        if analyzed.plan is not None and analyzed.resolved is not None:
            plan = self._join_source_facts(analyzed.plan)
            return PlannedFind(plan, analyzed.resolved, analyzed.name, analyzed.statement_text)
        return self._plan_find_with(find, analyzed, _SessionResults(self, analyzed))

    def _plan_find_with(
        self, find: FindStatement, analyzed: AnalyzedStatement, results: _SessionResults
    ) -> PlannedFind:
        """Resolve and plan a FIND with the given result lookup. Raises StatementError, ArchiveError."""
        catalogue = self._engine.catalogue()
        resolved = resolve(find, catalogue, analyzed.parameter_values, now=analyzed.now, results=results)
        name, statement_text = analyzed.name, analyzed.statement_text
        if resolved.searched is not None:
            plan = plan_row_query(resolved.query, resolved.searched, resolved.warnings)
            return PlannedFind(plan, resolved, name, statement_text)
        # An empty list matches nothing: do not request the data sources for it.
        matches_nothing = Or(()) in split_conjuncts(resolved.query.where)
        sources = tuple if matches_nothing else partial(self._engine.sources, self._deadline())
        find_range = partial(record_range, self._engine, self._deadline())
        plan = make_plan(resolved.query, catalogue, resolved.warnings, sources, record_range=find_range)
        plan = _drop_repeated_warning(self._join_source_facts(plan))
        return PlannedFind(plan, resolved, name, statement_text)

    def _join_source_facts(self, plan: Plan) -> Plan:
        """Return the plan with the values of its joined fields, and requests narrowed by them. Raises ArchiveError."""
        if not plan.query.joined_names:
            return plan
        # Imported late: few searches name fields of the archive's source list.
        from auroraql.session.source_details import load_source_facts, missing_facts_warnings
        from auroraql.session.source_narrowing import narrow_to_sources

        deadline = self._deadline()
        facts = load_source_facts(plan.query, self._engine, deadline)
        plan = narrow_to_sources(plan, facts, self._engine, deadline)
        return replace(plan, source_facts=facts, warnings=(*plan.warnings, *missing_facts_warnings(plan.query, facts)))

    def _run_find(self, planned: PlannedFind, analyzed: AnalyzedStatement, began: float) -> ResultSet:
        """Run a planned FIND, wait for it, and return its result. Raises ArchiveError."""
        plan = planned.plan
        if planned.searched is not None:
            columns, fetched = query_rows(plan, planned.searched)
            return self.result(plan, fetched, analyzed, began, columns, searched=[planned.searched])
        steps = self._steps(plan, analyzed)
        run = self._engine.submit(plan, awaited=True)
        search = Search(self, run, planned, analyzed, began=began, awaited=True, steps=steps)
        try:
            return search.fetch()
        except ArchiveError:  # the caller stops waiting
            with suppress(ArchiveError):  # report the first error
                search.cancel()
            raise

    def _steps(self, plan: Plan, analyzed: AnalyzedStatement) -> VerboseSteps | None:
        if self._report_step is None:
            return None
        steps = VerboseSteps(self._report_step)
        steps.on_created(analyzed.statement_text, len(plan.requests))
        return steps

    def _submit(self, analyzed: AnalyzedStatement) -> Search:
        """Start a FIND, or the FIND of a SUBMIT, and return the search without waiting for it.

        Raises StatementError, ArchiveError.
        """
        find = analyzed.statement.find if isinstance(analyzed.statement, SubmitStatement) else analyzed.statement
        assert isinstance(find, FindStatement), "the caller checks the statement"  # noqa: S101
        planned = self._plan_find(find, analyzed)
        if planned.searched is not None:
            message, hint = f"'{find.kind}' is a stored result and cannot be submitted", "use FIND without SUBMIT"
            raise StatementError([Diagnostic("AQL0214", message, find.origin, "not a search of the archive", hint)])
        steps = self._steps(planned.plan, analyzed)
        try:
            run = self._engine.submit(planned.plan)
        except SubmissionInterrupted as interruption:
            self.on_wait_interrupted(Search(self, interruption.run, planned, analyzed))
            raise
        search = Search(self, run, planned, analyzed, steps=steps)
        if steps is not None:
            steps.on_progress(run)
        if search.name:
            self._replace(search)
        elif self.runs_when_awaited:
            self._poller.add(search)
        return search

    def _attach(self, request_id: str, name: str, analyzed: AnalyzedStatement) -> Search:
        """Return a search that the archive already has, by request ID. With a name, add it to the session.

        Raises ArchiveError.
        """
        plan, run = self._engine.attach(request_id, self._deadline())
        resolved = resolved_records(KINDS[plan.query.kind])
        search = Search(
            self, run, PlannedFind(plan, resolved, name, analyzed.statement_text), replace(analyzed, name=name)
        )
        if name:
            self._replace(search)
        return search

    def _on_job_ended(self, search: Search) -> None:
        if self._on_end is not None and not search.heeded:
            search.heeded = True
            self._on_end(search)

    # --- statements

    def _execute_let(self, name: str, planned: PlannedFind, analyzed: AnalyzedStatement, began: float) -> ResultSet:
        room = self._room_for(name)
        result = self._run_find(planned if room is None else _limit_plan(planned, room + 1), analyzed, began)
        if room is not None and len(result) > room:
            message = f"the results of LET have more than {self._max_stored_rows:,} rows together"
            raise UsageError(message, "keep fewer rows: add conditions, a shorter window, or LIMIT")
        result.note = f"{name}: {_format_count(len(result), planned)}"
        self._stored[name] = replace(planned.stored, result=result)
        return result

    def _room_for(self, name: str) -> int | None:
        """Return how many rows a result of LET may have, or None without a limit. It replaces one of the same name."""
        if self._max_stored_rows is None:
            return None
        others = sum(len(result) for other, result in self.results.items() if other != name)
        return max(self._max_stored_rows - others, 0)

    def _replace(self, search: Search) -> None:
        """Register a search under its name. Cancel an earlier search of that name, which is no longer reachable."""
        earlier = self._submitted.get(search.name)
        self._submitted[search.name] = search
        self._poller.add(search)
        if earlier is not None:
            with suppress(ArchiveError):
                earlier.cancel()

    def _execute_fetch(self, search: Search) -> ResultSet:
        result = search.fetch()
        self._stored[search.name] = replace(search.stored_result, result=result)
        return result

    def _execute_cancel(self, search: Search, analyzed: AnalyzedStatement, began: float) -> ResultSet:
        search.cancel()
        ids = ", ".join(search.request_ids)
        note = f"{search.name or ids} is {search.state}"
        return self._result_of_rows(_SUBMITTED, [_job_summary(search, search.state)], analyzed, began, note)

    def _cancel_foreign_search(self, request_id: str, analyzed: AnalyzedStatement, began: float) -> ResultSet:
        """Cancel a search that the session did not submit. Report one that has ended, without an error.

        Raises ArchiveError.
        """
        try:
            search = self._attach(request_id, "", analyzed)
        except ArchiveError as error:
            if not error.ended:
                raise
            state: State = "failed" if isinstance(error, Failed) else "done"
            note = f"{request_id} has ended already: {error.message}"
            return self._result_of_rows(_SUBMITTED, [("", state, request_id)], analyzed, began, note)
        return self._execute_cancel(search, analyzed, began)

    def _execute_explain(self, statement: ExplainStatement, analyzed: AnalyzedStatement, began: float) -> ResultSet:
        """Return the report of EXPLAIN or DESCRIBE. FINDs in parentheses are explained, not run."""
        # Imported late: most statements are not reports.
        from auroraql.session.explain import ExplainContext, answer_explain

        explanation = answer_explain(
            statement,
            ExplainContext(self._engine, _SessionResults(self, analyzed), analyzed.parameter_values, analyzed.now),
        )
        rows = [(line,) for line in explanation.lines]
        with_warnings = replace(analyzed, warnings=explanation.warnings)
        return self._result_of_rows((explanation.column,), rows, with_warnings, began, is_report=True)

    def _execute_show(self, analyzed: AnalyzedStatement, began: float) -> ResultSet:
        # Imported late: most scripts have no SHOW.
        from auroraql.session.show import TREE_LISTINGS, ListingContext, listing_rows

        show_plan = analyzed.show_plan
        assert show_plan is not None, "the analyzer sets it for SHOW"  # noqa: S101
        if show_plan.refresh:
            with report_elapsed(self._watch, began):
                self._engine.refresh_sources(self._deadline(began))
        results = OverlaidResults(_SessionResults(self, analyzed), show_plan.result)
        resolved = resolve(
            show_plan.find, self._engine.catalogue(), analyzed.parameter_values, now=analyzed.now, results=results
        )
        context = ListingContext(
            catalogue=self._engine.catalogue,
            sources=partial(self._sources_of_listing, show_plan, analyzed, began),
            details=partial(self._engine.details, self._deadline(began)),
            statistics=partial(self._engine.statistics, deadline=self._deadline(began)),
            available=partial(self._engine.availability, deadline=self._deadline(began)),
            results=self._stored,
            searches=self._execute_show_searches,
            settings=self.settings.rows,
        )
        with report_elapsed(self._watch, began):
            rows = listing_rows(show_plan, context, resolved.query)
        stored = self._result_of_rows(show_plan.result.columns, rows, analyzed, began)
        plan = plan_row_query(resolved.query, show_plan.result, resolved.warnings)
        columns, fetched = query_rows(plan, replace(show_plan.result, result=stored))
        is_report = show_plan.what in TREE_LISTINGS
        listing = _describe_listing(show_plan, resolved)
        return self.result(listing, fetched, analyzed, began, columns, is_report=is_report)

    def _sources_of_listing(
        self, show_plan: ShowPlan, analyzed: AnalyzedStatement, began: float
    ) -> Sequence[DataSource]:
        """Return the data sources that the WHERE of a listing matches. Raises ArchiveError."""
        from auroraql.session.show import source_row

        sources = self._engine.sources(self._deadline(began))
        if show_plan.source_find is None or show_plan.source_result is None:
            return sources
        stored, catalogue = show_plan.source_result, self._engine.catalogue()
        results = OverlaidResults(_SessionResults(self, analyzed), stored)
        resolved = resolve(
            show_plan.source_find, catalogue, analyzed.parameter_values, now=analyzed.now, results=results
        )
        padding = (None,) * (len(stored.columns) - len(source_row(sources[0]))) if sources else ()
        source_rows = self._result_of_rows(
            stored.columns, [(*source_row(source), *padding) for source in sources], analyzed, began
        )
        _, fetched = query_rows(plan_row_query(resolved.query, stored, ()), replace(stored, result=source_rows))
        identifiers = {record["identifier"] for record in fetched.records or ()}
        return tuple(source for source in sources if source.identifier in identifiers)

    def _execute_show_searches(self) -> list[Row]:
        self.refresh_searches()
        return [search.as_row() for search in list(self._submitted.values())]  # copied: another thread may add a search

    def _execute_sql(self, statement: SqlStatement, analyzed: AnalyzedStatement, began: float) -> ResultSet:
        from auroraql.session.sql.runner import run_sql

        sql_plan = analyzed.sql_plan
        assert sql_plan is not None, "the analyzer sets it for SQL"  # noqa: S101
        tables = [self._stored[name] for name in sql_plan.tables]
        with report_elapsed(self._watch, began):
            deadline = began + self.settings.timeout
            columns, rows = run_sql(statement, tables, sql_plan, analyzed.parameter_values, deadline, self._max_rows)
        return self._result_of_rows(columns, rows, analyzed, began, searched=tables)

    def _result_of_rows(
        self,
        columns: tuple[ResultColumn, ...],
        rows: Sequence[Row],
        analyzed: AnalyzedStatement,
        began: float,
        note: str = "",
        *,
        is_report: bool = False,
        searched: Sequence[StoredResult] = (),
    ) -> ResultSet:
        """Return the result of a statement that does not search: rows, without requests."""
        origin, fetched = Listing(warnings=analyzed.warnings), FetchedData(rows=rows)
        return self.result(origin, fetched, analyzed, began, columns, note=note, is_report=is_report, searched=searched)


@dataclass(slots=True)
class _SessionResults:
    """`ResultLookup` of the resolver over the session's results. Runs a FIND in parentheses when it is resolved."""

    session: Executor
    analyzed: AnalyzedStatement
    _nested: SubqueryResults | None = None

    @property
    def names(self) -> Collection[str]:
        """Names of the stored results."""
        return self.session._stored.keys()

    def get(self, name: str) -> StoredResult | None:
        """Return the stored result of a name, or None."""
        return self.session._stored.get(name)

    def run_subquery(self, find: FindStatement) -> StoredResult:
        """Run a FIND in parentheses and return its result. Raises ArchiveError."""
        if self._nested is None:
            self._nested = SubqueryResults(self._run_subquery)
        return self._nested.run_subquery(find)

    def _run_subquery(self, find: FindStatement) -> StoredResult:
        inner = replace(self.analyzed, plan=None, name="(FIND)")
        planned = self.session._plan_find_with(find, inner, self)
        result = self.session._run_find(planned, inner, time.monotonic())
        return replace(planned.stored, result=result, warnings=result.warnings)


_REFRESH_TIMEOUT_SECONDS = 1.0
"""Seconds that SHOW SEARCHES waits for the states of the searches. After that it shows the last known states."""

_SUBMITTED = tuple(ResultColumn(name, Type.STRING, path=(name,)) for name in ("name", "status", "request_ids"))


def _is_empty(result: ResultSet, query: Query) -> bool:
    """Return whether a search, or a count, matched no records. With OFFSET or LIMIT 0 this is unknown: return False."""
    if query.limit == 0 or query.offset:
        return False
    counts = not query.group_by and bool(query.select) and all(c.function == "count" for c in query.select or ())
    return not len(result) or (counts and not any(result.rows[0]))


def _describe_listing(show_plan: ShowPlan, resolved: ResolvedFind) -> Listing:
    """Return the origin of the rows of SHOW. Its requested days are the window, which the rows may not cover."""
    query, window = resolved.query, resolved.query.window
    if show_plan.days is not None:
        first, last = (datetime(day.year, day.month, day.day) for day in show_plan.days)
        window = first, last
    return Listing(query.kind, window, query.select is None, resolved.warnings)


def _job_summary(search: Search, state: State) -> Row:
    """Return the row of SUBMIT and CANCEL: name, status and request IDs."""
    return search.name, state, ", ".join(search.request_ids)


def _limit_plan(planned: PlannedFind, max_rows: int) -> PlannedFind:
    """Return the plan with a LIMIT of at most `most` rows."""
    plan = planned.plan
    if planned.searched is not None or plan.counted:
        return planned
    limit = max_rows if plan.query.limit is None else min(max_rows, plan.query.limit)
    query, post_processing = replace_value(plan.query, limit=limit), replace_value(plan.post_processing, limit=limit)
    return replace(planned, plan=replace(plan, query=query, post_processing=post_processing))


def _format_count(count: int, planned: PlannedFind) -> str:
    """Return a count of rows with its noun, for example `12 data products`."""
    query = planned.plan.query
    kind = KINDS.get(query.kind)
    title = "rows" if kind is None or query.is_aggregate or query.distinct else kind.title
    return f"{count:,} {title.removesuffix('s') if count == 1 else title}"


def _drop_repeated_warning(plan: Plan) -> Plan:
    """Return the plan without AQL0606 when AQL0609 already reports that an empty result matches nothing."""
    if not any(warning.code == "AQL0609" for warning in plan.warnings):
        return plan
    return replace(plan, warnings=tuple(warning for warning in plan.warnings if warning.code != "AQL0606"))
