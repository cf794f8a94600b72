"""The one path from text to results: read, resolve, plan, submit, fetch, residual. Every front end takes it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from auroraql.archives.base import DEFAULT_TIMEOUT, Engine, LogLine, Run, Status
from auroraql.errors import MOST_REPORTED, Diagnostic, Source, StatementError, UsageError
from auroraql.forms import script
from auroraql.plan import Plan
from auroraql.planner import plan as make_plan
from auroraql.resolver import resolve
from auroraql.results import Fetched, ResultSet, result_columns, rows_of
from auroraql.schema import KINDS
from auroraql.schema.catalogue import Catalogue
from auroraql.translation import unused_parameter

AURORAX_URL = "https://api.aurorax.space"

Say = Callable[[str], None]


def connect(
    archive: str = "demo", *, api_key: str | None = None, timeout: float | None = None, say: Say | None = None
) -> Archive:
    """Opens an archive: `demo` (embedded, no network), the path of a catalogue file, `aurorax`, or a URL.

    `api_key` is sent to AuroraX as its header; left out, AURORAX_API_KEY is taken. `timeout` is the
    deadline of a search in seconds (default 600). `say` is told what takes time, as building the
    demonstration archive. Raises UsageError for an archive there is not, Unreachable for one that cannot
    be opened.
    """
    deadline = timeout if timeout is not None else DEFAULT_TIMEOUT.total_seconds()
    return Archive(_open(archive, api_key, say or (lambda _: None)), deadline)


def _open(archive: str, api_key: str | None, say: Say) -> Engine:
    if archive == "aurorax" or "://" in archive:
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


class Archive:
    """An open archive. A context manager; `run` gives results, `submit` starts without waiting."""

    def __init__(self, engine: Engine, timeout: float) -> None:
        self._engine = engine
        self._timeout = timeout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of files and connections."""
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
        source = _source(text)
        script.read_one(source)
        return next(self._results(self._prepare(source, parameters)))

    def run_script(self, text: str | Source, /, **parameters: object) -> Iterator[ResultSet]:
        """The results of the statements of a script, each run when it is asked for.

        Everything that is wrong with any of them is raised before the first is run.
        """
        return self._results(self._prepare(_source(text), parameters))

    def submit(self, text: str | Source, /, **parameters: object) -> Search:
        """Starts one statement and does not wait for it."""
        source = _source(text)
        script.read_one(source)
        prepared = self._prepare(source, parameters)[0]
        return Search(self, self._engine.submit(prepared.plan), prepared)

    def _prepare(self, source: Source, parameters: Mapping[str, object]) -> list[_Prepared]:
        return prepare(source, self._engine.catalogue(), parameters)

    def _results(self, prepared: list[_Prepared]) -> Iterator[ResultSet]:
        for each in prepared:
            began = time.monotonic()
            deadline = began + self._timeout
            run = self._engine.submit(each.plan)
            try:
                run.wait(deadline)
                fetched = run.fetch(deadline)
            except BaseException:  # an interrupt too: nobody waits for it any more
                run.cancel()
                raise
            yield self._result(fetched, each, began)

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


def prepare(source: Source, catalogue: Catalogue, parameters: Mapping[str, object]) -> list[_Prepared]:
    """The plans of a script's statements. Raises StatementError with everything wrong in any of them."""
    prepared: list[_Prepared] = []
    wrong: list[Diagnostic] = []
    used: frozenset[str] = frozenset()
    now = datetime.now(UTC).replace(tzinfo=None)
    for read in script.read(source):
        try:
            resolved = resolve(read.statement, catalogue, parameters, now=now)
            prepared.append(_Prepared(make_plan(resolved.query, catalogue, resolved.warnings), source))
            used |= resolved.parameters
        except StatementError as error:
            wrong += error.diagnostics
        if len(wrong) >= MOST_REPORTED:
            break
    unused = sorted(set(parameters) - used) if not wrong else []
    wrong += [unused_parameter(name, used) for name in unused]
    if wrong:
        raise StatementError(wrong, source)
    return prepared


def check(source: Source, catalogue: Catalogue, parameters: Mapping[str, object]) -> tuple[Diagnostic, ...]:
    """What is to be said of a script, errors and warnings, without running it.

    A parameter that was given no value is no fault of the script.
    """
    try:
        prepared = prepare(source, catalogue, parameters)
    except StatementError as error:
        return tuple(each for each in error.diagnostics if each.code != "AQL0206")
    return tuple(warning for each in prepared for warning in each.plan.warnings)


def _source(text: str | Source) -> Source:
    return text if isinstance(text, Source) else Source(text)


def _finished(fetched: Fetched, plan: Plan) -> Fetched:
    """Fetched records after the residual: ordered and cut, and only the columns asked for."""
    records = fetched.records or ()
    residual = plan.residual
    if residual.order_by or residual.limit is not None or residual.offset:
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
