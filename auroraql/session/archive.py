"""Public entry point: `connect` opens an archive, and `Archive` runs statements on it for every front end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, Self

from auroraql.codecs import script
from auroraql.diagnostics.errors import AuroraQLError, Diagnostic, Source, UsageError, make_visible, warn_diagnostics
from auroraql.engines.base import Engine, OnProgress
from auroraql.engines.record_range import record_range
from auroraql.engines.registry import DEFAULT_TIMEOUT, open_archive, open_lazily
from auroraql.language.ast import FindStatement, JobStatement, SubmitStatement
from auroraql.pictures.picture import Picture
from auroraql.results.result_set import ResultSet
from auroraql.results.stored_results import StoredResult
from auroraql.schema.catalogue import Catalogue
from auroraql.session.analyzer import (
    AnalyzedStatement,
    Analyzer,
    StatementLike,
    analyze_scripts,
    analyze_statement,
    check_scripts,
    to_source,
)
from auroraql.session.executor import Executor
from auroraql.session.jobs import Search
from auroraql.session.settings import Settings

__all__ = ["Archive", "Search", "connect"]

Say = Callable[[str], None]

OnWarnings = Callable[[Sequence[Diagnostic], Source], object]


def connect(
    archive: str | os.PathLike[str] = "demo",
    *,
    api_key: str | None = None,
    timeout: float | None = None,
    say: Say | None = None,
    watch: OnProgress | None = None,
    late: bool = False,
    verbose: bool | Callable[[str], object] = False,
) -> Archive:
    """Open an archive: `demo` (embedded, no network), the path of a catalogue file, `aurorax`, or a URL.

    `api_key` is sent to the archive in AuroraX's header. Without it, AURORAX_API_KEY is used for AuroraX itself, and no
    key for another address. `timeout` is the deadline of a search in seconds (default 600). `verbose=True` prints the
    steps of each search as pyaurorax does: request IDs and addresses, log lines of the service, bytes and records; a
    function receives the lines instead of `print`. `say` receives a message when something takes time, such as
    building the demonstration archive, and `watch` the progress of the awaited search. `late` opens the
    archive at the first search. Raises UsageError for an unknown archive, and Unreachable for one that cannot be opened.
    """
    seconds = timeout if timeout is not None else DEFAULT_TIMEOUT.total_seconds()
    if not 0 < seconds < float("inf"):
        raise UsageError(f"the timeout must be a positive number of seconds, not {seconds}")
    opening = open_lazily if late else open_archive
    opened = Archive(opening(archive, api_key, say or (lambda _: None), seconds), seconds, watch)
    opened.verbose = verbose
    return opened


class Archive(Executor):
    """An open archive: `run` returns the result of a statement, `submit` starts a search without waiting for it.

    An archive is a context manager and a session: later statements can use the results that LET stores and the
    settings that SET changes.
    """

    def __init__(self, engine: Engine, timeout: float, watch: OnProgress | None = None) -> None:
        super().__init__(engine, Settings(timeout=timeout), watch)
        self._closed = False
        self._warn: OnWarnings = warn_diagnostics

    def __repr__(self) -> str:
        return f"<Archive {make_visible(self.name)}{', closed' if self._closed else ''}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cancel running searches and close files and connections. Closing twice does nothing."""
        if not self._closed:
            self._closed = True
            super().close()

    @property
    def demonstration(self) -> bool:
        """Whether the records are synthetic."""
        return self._engine.capabilities.demonstration

    @property
    def catalogue(self) -> Catalogue:
        """Data sources and metadata keys of the archive."""
        return self._engine.catalogue()

    def run(self, statement: StatementLike, /, **parameters: object) -> ResultSet:
        """Run one statement and return its result.

        `statement` is text in any form, a query document as a dict, or a search object of pyaurorax (executed or not).
        `$name` in a text takes the keyword argument `name`. Warnings are reported by `warnings.warn`
        (`AuroraQLWarning`), or to the function of `on_warning`, and are in the result's `warnings`. Raises
        StatementError when the statement has errors, and ArchiveError when the archive fails or does not respond.
        """
        return self._run(self._analyze_one(statement, parameters))

    def run_script(self, /, *scripts: StatementLike, **parameters: object) -> Iterator[ResultSet]:
        """Yield the results of the statements of one or more scripts. Each statement runs when its result is requested.

        All scripts are checked first: StatementError is raised before any statement runs.
        """
        analyzed = self._analyze([to_source(script) for script in scripts], parameters)
        return (self._run(statement) for statement in analyzed)  # unlike `map`, a generator ends at its first error

    def map(self, result: ResultSet, *, trace: str | None = None) -> Picture:
        """Return a `Picture` of a map: sites with their fields of view, footprint tracks and closest approaches.

        `result` has ephemeris records or conjunctions. The records of conjunctions have no coordinates, so their
        positions are searched: those of the 100 nearest conjunctions. `trace` is nbtrace, sbtrace or geographic; by
        default that of the conjunctions, or the first one with positions. Raises UsageError for a result without
        positions, and ArchiveError when the search fails.
        """
        return self.picture(result, "map", trace=trace)

    def picture(self, result: ResultSet, name: str, /, **options: Any) -> Picture:
        """Return a picture of a result by name: timeline, availability, distances, map or keograms.

        `options` are those of the picture's own method. Raises UsageError for an unknown name, and for a result that does
        not have the data.
        """
        # Imported late: only pictures need numpy.
        from auroraql.session.positions import create_archive_picture

        return create_archive_picture(result, name, options, self._run_with_result)

    def _run_with_result(self, stored: StoredResult, statement: str) -> ResultSet:
        """Return the result of a statement that refers to a result which the session does not keep. Raises ArchiveError."""
        self._stored[stored.name] = stored
        try:
            return self._run_statement(self._analyze_one(statement, {}))
        finally:
            del self._stored[stored.name]

    def on_warning(self, act: OnWarnings | None) -> None:
        """Call `act` with the warnings of each statement and its source, instead of `warnings.warn`.

        Most warnings come before the statement runs; those that depend on its result come after. None restores
        `warnings.warn`.
        """
        self._warn = act or warn_diagnostics

    def _run(self, analyzed: AnalyzedStatement) -> ResultSet:
        if analyzed.warnings:
            self._warn(analyzed.warnings, analyzed.source)
        result = self._run_statement(analyzed)
        earlier = set(analyzed.warnings)
        late_warnings = [warning for warning in result.warnings if warning not in earlier]
        if late_warnings:
            self._warn(late_warnings, analyzed.source)
        return result

    def run_each(self, /, *scripts: StatementLike, **parameters: object) -> Iterator[ResultSet | AuroraQLError]:
        """Yield the result or the error of each statement of one or more scripts. An error does not end the iteration.

        Each statement is read, checked and run when its result is requested. A statement that uses the result of a
        failed one is an error.
        """
        self._check_open()
        for source in map(to_source, scripts):
            for parsed in script.iterate_statements(source):
                if isinstance(parsed, script.UnreadStatement):
                    yield self._analyzer(parameters).diagnose_unread(parsed, source)
                else:
                    yield self._to_outcome(parsed, source, parameters)

    def _to_outcome(
        self, parsed: script.ReadStatement, source: Source, parameters: Mapping[str, object]
    ) -> ResultSet | AuroraQLError:
        try:
            return self._run(analyze_statement(parsed, source, self._analyzer(parameters)))
        except AuroraQLError as error:
            return error

    def check(self, statement: StatementLike, /) -> tuple[Diagnostic, ...]:
        """Return the errors and warnings of a script, given the results of the session, without running it."""
        return next(check_scripts([to_source(statement)], self._engine.catalogue(), {}, self.session_context))[1]

    def submit(self, statement: StatementLike, /, **parameters: object) -> Search:
        """Start one FIND (or the FIND of a SUBMIT) and return the search without waiting for it."""
        analyzed = self._analyze_one(statement, parameters)
        if not isinstance(analyzed.statement, FindStatement | SubmitStatement):
            word = analyzed.statement_text.partition(" ")[0].upper()
            raise UsageError(f"{word} does not run a search", "submit the FIND alone")
        if analyzed.warnings:
            self._warn(analyzed.warnings, analyzed.source)
        return self._submit(analyzed)

    def attach(self, request_id: str, name: str = "") -> Search:
        """Return a search that the archive already has, by its request ID; another program may have submitted it.

        The search returns complete records. With a name, SHOW SEARCHES lists it. Raises Refused for an ID that
        the archive does not know.
        """
        self._check_open()
        statement = JobStatement("fetch", name, request_id)
        return self._attach(
            request_id, name, AnalyzedStatement(statement, Source(""), request_id, {}, datetime.now(UTC))
        )

    def _analyze_one(self, statement: StatementLike, parameters: Mapping[str, object]) -> AnalyzedStatement:
        source = to_source(statement)
        analyzed = self._analyze([source], parameters)
        if len(analyzed) != 1:
            script.read_one_statement(source)  # raises the error with its span
        return analyzed[0]

    def _analyze(self, sources: Iterable[Source], parameters: Mapping[str, object]) -> list[AnalyzedStatement]:
        return analyze_scripts(sources, self._analyzer(parameters))

    def _analyzer(self, parameters: Mapping[str, object]) -> Analyzer:
        """Return an analyzer for the current state of the session. Its calls to the engine share one deadline."""
        self._check_open()
        deadline = self._deadline()
        sources, kind_of = partial(self._engine.sources, deadline), partial(self._kind_of, deadline=deadline)
        find_range = partial(record_range, self._engine, deadline)
        return Analyzer(
            self._engine.catalogue(), parameters, sources, self.session_context, kind_of, record_range=find_range
        )

    def _kind_of(self, request_id: str, deadline: float) -> str:
        return self._engine.attach(request_id, deadline)[0].query.kind

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError(f"the archive '{self.name}' is closed", "connect to it again")
