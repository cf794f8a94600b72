"""The one path from text to results: read, resolve, plan, submit, fetch, residual. Every front end takes it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from auroraql.archives.base import DEFAULT_TIMEOUT, Engine, LogLine, Run, Status
from auroraql.errors import MOST_REPORTED, ArchiveError, Diagnostic, Source, StatementError, UsageError
from auroraql.forms import script
from auroraql.plan import Plan
from auroraql.planner import plan as make_plan
from auroraql.resolver import resolve, unused_parameter
from auroraql.results import Fetched, ResultSet, result_columns, rows_of
from auroraql.schema import KINDS
from auroraql.schema.catalogue import Catalogue, DataSource
from auroraql.syntax import Report, Statement

AURORAX_URL = "https://api.aurorax.space"

Say = Callable[[str], None]


def connect(
    archive: str | os.PathLike[str] = "demo",
    *,
    api_key: str | None = None,
    timeout: float | None = None,
    say: Say | None = None,
) -> Archive:
    """Opens an archive: `demo` (embedded, no network), the path of a catalogue file, `aurorax`, or a URL.

    `api_key` is sent to AuroraX as its header; left out, AURORAX_API_KEY is taken. `timeout` is the
    deadline of a search in seconds (default 600). `say` is told what takes time, as building the
    demonstration archive. Raises UsageError for an archive there is not, Unreachable for one that cannot
    be opened.
    """
    seconds = timeout if timeout is not None else DEFAULT_TIMEOUT.total_seconds()
    if not 0 < seconds < float("inf"):
        raise UsageError(f"a deadline is a number of seconds above 0, not {seconds}")
    return Archive(_open(archive, api_key, say or (lambda _: None)), seconds)


def _open(archive: str | os.PathLike[str], api_key: str | None, say: Say) -> Engine:
    if isinstance(archive, str) and (archive == "aurorax" or "://" in archive):
        from auroraql.archives.aurorax import AuroraXEngine

        url = AURORAX_URL if archive == "aurorax" else archive
        key = api_key if api_key is not None else os.environ.get("AURORAX_API_KEY")
        return AuroraXEngine(url, api_key=key or None, name=archive if archive == "aurorax" else None)
    from auroraql.archives.embedded import EmbeddedEngine

    if not archive:
        raise UsageError("no archive is named", "use demo, a catalogue file, aurorax or a URL")
    return EmbeddedEngine(None if archive == "demo" else Path(archive), say=say)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A statement ready to run."""

    plan: Plan
    source: Source
    parameters: frozenset[str]
    statement: Statement


class Archive:
    """An open archive. A context manager; `run` gives results, `submit` starts without waiting."""

    def __init__(self, engine: Engine, timeout: float) -> None:
        self._engine = engine
        self._timeout = timeout
        self._closed = False

    def __repr__(self) -> str:
        return f"<Archive {self.name}{', closed' if self._closed else ''}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cancels what is under way, and lets go of files and connections; a second time it does nothing."""
        if not self._closed:
            self._closed = True
            self._engine.close()

    @property
    def name(self) -> str:
        """What people call it: demo, a path, aurorax, a URL."""
        return self._engine.name

    @property
    def demonstration(self) -> bool:
        """Whether its records are made up."""
        return self._engine.capabilities.demonstration

    @property
    def catalogue(self) -> Catalogue:
        """The data sources and metadata keys it knows."""
        return self._engine.catalogue()

    def run(self, text: str | Source, /, **parameters: object) -> ResultSet:
        """The result of one statement in any form; `$name` in it takes the keyword argument `name`.

        Raises StatementError when the statement is wrong, ArchiveError when the archive does not answer.
        """
        return next(self._results([self._prepare_one(text, parameters)]))

    def run_script(self, /, *texts: str | Source, **parameters: object) -> Iterator[ResultSet]:
        """The results of the statements of one or more scripts, each run when it is asked for.

        Everything that is wrong with a script is raised before the first statement of any is run.
        """
        return self._results(self._prepare([Source.of(text) for text in texts], parameters))

    def submit(self, text: str | Source, /, **parameters: object) -> Search:
        """Starts one statement and does not wait for it."""
        prepared = self._prepare_one(text, parameters)
        if isinstance(prepared.statement, Report):
            raise UsageError(f"{prepared.statement.verb.upper()} runs no search", "submit the FIND alone")
        return Search(self, self._engine.submit(prepared.plan), prepared)

    def _prepare_one(self, text: str | Source, parameters: Mapping[str, object]) -> _Prepared:
        source = Source.of(text)
        prepared = self._prepare([source], parameters)
        if len(prepared) != 1:
            script.read_one(source)  # says so, with the place
        return prepared[0]

    def _prepare(self, sources: Iterable[Source], parameters: Mapping[str, object]) -> list[_Prepared]:
        if self._closed:
            raise UsageError(f"the archive '{self.name}' is closed", "connect to it again")
        return prepare(sources, self._engine.catalogue(), parameters, self._engine.sources)

    def _results(self, prepared: list[_Prepared]) -> Iterator[ResultSet]:
        for each in prepared:
            began = time.monotonic()
            if isinstance(each.statement, Report):
                yield self._report(each, each.statement, began)
                continue
            deadline = began + self._timeout
            run = self._engine.submit(each.plan)
            try:
                run.wait(deadline)
                fetched = run.fetch(deadline)
            except BaseException:  # an interrupt too: nobody waits for it any more
                with suppress(ArchiveError):  # what led here is the error to tell
                    run.cancel()
                raise
            yield self._result(fetched, each, began)

    def _report(self, prepared: _Prepared, statement: Report, began: float) -> ResultSet:
        """What EXPLAIN and DESCRIBE say; nothing is searched."""
        from auroraql.reports import report

        try:
            column, lines = report(prepared.plan, statement, self._engine)
        except StatementError as error:
            raise StatementError(error.diagnostics, prepared.source) from None
        return ResultSet(
            prepared.plan,
            Fetched(rows=[(line,) for line in lines]),
            archive=self.name,
            elapsed=time.monotonic() - began,
            demonstration=self.demonstration,
            source=prepared.source,
            columns=(column,),
        )

    def _result(self, fetched: Fetched, prepared: _Prepared, began: float) -> ResultSet:
        done = fetched if self._engine.capabilities.whole_query else _finished(fetched, prepared.plan)
        return ResultSet(
            prepared.plan,
            done,
            archive=self.name,
            elapsed=time.monotonic() - began,
            demonstration=self.demonstration,
            source=prepared.source,
        )


DataSources = Callable[[], Sequence[DataSource]]


def prepare(
    sources: Iterable[Source],
    catalogue: Catalogue,
    parameters: Mapping[str, object],
    data_sources: DataSources | None = None,
) -> list[_Prepared]:
    """The plans of the statements of scripts, which share their parameters.

    Raises StatementError with everything wrong in any statement of the first script that is wrong.
    """
    prepared: list[_Prepared] = []
    for source in sources:
        wrong: list[Diagnostic] = []
        for outcome in _outcomes(source, catalogue, parameters, data_sources):
            if isinstance(outcome, _Prepared):
                prepared.append(outcome)
            else:
                wrong += outcome.diagnostics
            if len(wrong) >= MOST_REPORTED:
                break
        if wrong:
            raise StatementError(wrong, source)
    unused = _unused(prepared, parameters)
    if unused:
        raise StatementError(unused)
    return prepared


def check(
    sources: Iterable[Source], catalogue: Catalogue, parameters: Mapping[str, object]
) -> Iterator[tuple[Source, tuple[Diagnostic, ...]]]:
    """What is to be said of each script, errors and warnings, without running it.

    A parameter that was given no value is no fault of a script, nor is one that is not used in all of them.
    """
    prepared: list[_Prepared] = []
    last, whole = Source(""), True
    for last in sources:
        said: list[Diagnostic] = []
        for outcome in _outcomes(last, catalogue, parameters):
            if isinstance(outcome, _Prepared):
                prepared.append(outcome)
                said += outcome.plan.warnings
            else:
                whole = False
                said += [each for each in outcome.diagnostics if each.code != "AQL0206"]
        yield last, tuple(said)
    unused = _unused(prepared, parameters) if whole else ()
    if unused:
        yield last, unused


def _unused(prepared: Iterable[_Prepared], parameters: Mapping[str, object]) -> tuple[Diagnostic, ...]:
    used = frozenset(name for each in prepared for name in each.parameters)
    return tuple(unused_parameter(name, used) for name in sorted(set(parameters) - used))


def _outcomes(
    source: Source, catalogue: Catalogue, parameters: Mapping[str, object], data_sources: DataSources | None = None
) -> Iterator[_Prepared | StatementError]:
    """Each statement of a script, ready to run or with what is wrong; of one that cannot be read, that alone."""
    now = datetime.now(UTC).replace(tzinfo=None)
    try:
        statements = script.read(source)
    except StatementError as error:
        yield error
        return
    for read in statements:
        outcome: _Prepared | StatementError
        try:
            resolved = resolve(script.find_in(read, source), catalogue, parameters, now=now)
            plan = make_plan(resolved.query, catalogue, resolved.warnings, data_sources)
            outcome = _Prepared(plan, source, resolved.parameters, read.statement)
        except StatementError as error:
            outcome = error
        yield outcome


def _finished(fetched: Fetched, plan: Plan) -> Fetched:
    """Fetched records after the residual: ordered and cut, and only the columns asked for."""
    records = fetched.records or ()
    residual = plan.residual
    if residual.where is not None or residual.order_by or residual.limit is not None or residual.offset:
        from auroraql.residual import run as run_residual

        records = run_residual(records, residual, KINDS[plan.query.kind])
    if plan.query.select is None:
        return Fetched(records=records)
    return Fetched(rows=rows_of(records, result_columns(plan.query)))


class Search:
    """A statement under way: its status, its logs, and its result when it is done."""

    def __init__(self, archive: Archive, run: Run, prepared: _Prepared) -> None:
        self._archive, self._run, self._prepared = archive, run, prepared
        self._began = time.monotonic()

    @property
    def request_ids(self) -> tuple[str, ...]:
        """The archive's ids of its requests."""
        return self._run.request_ids

    def status(self) -> Status:
        """Where it stands now."""
        return self._run.status()

    @property
    def logs(self) -> tuple[LogLine, ...]:
        """The engine's log lines so far."""
        return self._run.status().logs

    def wait(self, timeout: float | None = None) -> Status:
        """Waits until it is done. Raises TimedOut after `timeout` seconds (the archive's, when left out)."""
        return self._run.wait(time.monotonic() + (self._archive._timeout if timeout is None else timeout))

    def fetch(self) -> ResultSet:
        """Its result; waits for it when it is not done."""
        deadline = time.monotonic() + self._archive._timeout
        self._run.wait(deadline)
        return self._archive._result(self._run.fetch(deadline), self._prepared, self._began)

    def cancel(self) -> None:
        """Asks the archive to stop it."""
        self._run.cancel()
