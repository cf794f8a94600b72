"""An open archive, and the session on it: the one path from text to results, which every front end takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType, TracebackType
from typing import Self

from auroraql.archives.base import DEFAULT_TIMEOUT, Engine, Watch
from auroraql.archives.holdings import held
from auroraql.archives.opening import open_archive, open_late
from auroraql.errors import AuroraQLError, Diagnostic, Source, UsageError
from auroraql.forms import script
from auroraql.inputs import StatementLike, source_of
from auroraql.preparing import Prepared, Preparing, Standing, check, prepare, prepare_alone
from auroraql.results import ResultSet
from auroraql.running import Running
from auroraql.schema.catalogue import Catalogue
from auroraql.searches import Search
from auroraql.settings import Settings
from auroraql.syntax import Find, Follow, Submit
from auroraql.warning import warn

__all__ = ["Archive", "Search", "connect"]

Say = Callable[[str], None]

Warn = Callable[[Sequence[Diagnostic], Source], object]


def connect(
    archive: str | os.PathLike[str] = "demo",
    *,
    api_key: str | None = None,
    timeout: float | None = None,
    say: Say | None = None,
    watch: Watch | None = None,
    late: bool = False,
    verbose: bool | Callable[[str], object] = False,
) -> Archive:
    """Opens an archive: `demo` (embedded, no network), the path of a catalogue file, `aurorax`, or a URL.

    `api_key` is sent to AuroraX as its header; left out, AURORAX_API_KEY is taken for AuroraX itself, and nothing for another address. `timeout` is the
    deadline of a search in seconds (default 600). `say` is told what takes time, as building the
    demonstration archive; `watch` how far a search has come that is waited for. `late` opens it when it is first asked
    for records; until then it takes little memory. `verbose` prints the steps of each search, as the verbose mode of
    AuroraX's client does: its requests with their ids and addresses, the service's log lines, bytes and records; a
    function receives the lines in place of `print`. Raises UsageError for an archive there is not, Unreachable for
    one that cannot be opened.
    """
    seconds = timeout if timeout is not None else DEFAULT_TIMEOUT.total_seconds()
    if not 0 < seconds < float("inf"):
        raise UsageError(f"a deadline is a number of seconds above 0, not {seconds}")
    opening = open_late if late else open_archive
    opened = Archive(opening(archive, api_key, say or (lambda _: None), seconds), seconds, watch)
    opened.verbose = verbose
    return opened


class Archive:
    """An open archive. A context manager; `run` gives results, `submit` starts without waiting.

    It is a session too: what LET keeps is there for the statements that follow, and SET holds for them.
    """

    def __init__(self, engine: Engine, timeout: float, watch: Watch | None = None) -> None:
        self._engine = engine
        self._running = Running(engine, Settings(timeout=timeout), watch)
        self._closed = False
        self._warn: Warn = warn

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
            self._running.close()
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

    @property
    def settings(self) -> Settings:
        """What SET changes."""
        return self._running.settings

    @property
    def verbose(self) -> bool | Callable[[str], object]:
        """Whether the steps of each search are printed, or the function that receives their lines."""
        return self._running.on_step or False

    @verbose.setter
    def verbose(self, verbose: bool | Callable[[str], object]) -> None:
        self._running.on_step = print if verbose is True else verbose or None

    @property
    def results(self) -> Mapping[str, ResultSet]:
        """The results kept by LET and FETCH, by their names; as they are now, and not to be changed."""
        kept = self._running.results
        return MappingProxyType({name: each.result for name, each in kept.items() if each.result is not None})

    @property
    def searches(self) -> tuple[str, ...]:
        """The names of the searches that were submitted."""
        return tuple(self._running.submitted)

    @property
    def submitted(self) -> Mapping[str, Search]:
        """The searches that were submitted, by their names; as they are now, and not to be changed."""
        return MappingProxyType(dict(self._running.submitted))

    def refresh_searches(self) -> None:
        """Has the archive asked how they stand, and waits a moment for the answers."""
        self._running.refresh()

    def look_at_most(self, rows: int | None) -> None:
        """Fetch no more rows of a FIND or of SQL than this; those kept by LET and SUBMIT come whole."""
        self._running.most = rows

    def on_progress(self, watch: Watch | None) -> None:
        """Has `watch` told how far a search has come that is waited for."""
        self._running.watch = watch

    def on_interrupt(self, act: Callable[[Search], object]) -> None:
        """Has `act` called, in place of cancelling it, with a search that Ctrl-C ended the wait for."""
        self._running.on_interrupt = act

    def on_end(self, act: Callable[[Search], object]) -> None:
        """Has `act` called, on another thread, with each submitted search that ends while nobody waits for it."""
        self._running.on_end = act

    def keep(self, search: Search) -> str:
        """Takes a search whose wait was interrupted among those submitted; the name that it has there."""
        return self._running.keep(search)

    def leave(self) -> list[Search]:
        """Lets what was submitted, and not fetched, go on when the archive is closed; those that will."""
        return self._running.leave()

    def run(self, statement: StatementLike, /, **parameters: object) -> ResultSet:
        """Run one statement and return its result.

        `statement` is text in any form, a query document as a dict, or a search object of AuroraX's client (executed
        or not). `$name` in a text takes the keyword argument `name`. Raises StatementError when the statement is
        wrong, ArchiveError when the archive does not answer. Warnings are reported by `warnings.warn`
        (`AuroraQLWarning`), unless `on_warning` takes them, and are in the result's `warnings`.
        """
        return self._run(self._prepare_one(statement, parameters))

    def run_script(self, /, *scripts: StatementLike, **parameters: object) -> Iterator[ResultSet]:
        """Yield the results of the statements of one or more scripts, each run when it is asked for.

        Everything that is wrong with a script is raised before the first statement of any is run.
        """
        prepared = self._prepare([source_of(script) for script in scripts], parameters)
        return (self._run(statement) for statement in prepared)  # ends at its first failure, as a map would not

    def on_warning(self, act: Warn | None) -> None:
        """Call `act` with the warnings of each statement and its source, in place of `warnings.warn`.

        Most are known before the statement runs; those that depend on results follow it. None restores `warnings.warn`.
        """
        self._warn = act or warn

    def _run(self, prepared: Prepared) -> ResultSet:
        if prepared.warnings:
            self._warn(prepared.warnings, prepared.source)
        result = self._running.carry_out(prepared)
        late = [warning for warning in result.warnings if warning not in prepared.warnings]
        if late:
            self._warn(late, prepared.source)
        return result

    def run_each(self, /, *scripts: StatementLike, **parameters: object) -> Iterator[ResultSet | AuroraQLError]:
        """Yield a result or an error for each statement of one or more scripts; an error does not end the iteration.

        A statement is read, checked and run when it is asked for. One that uses the result of a failed one is wrong.
        """
        self._refuse_closed()
        for source in map(source_of, scripts):
            for read in script.read_pieces(source):
                if isinstance(read, script.Unread):
                    yield self._preparing(parameters).unread(read, source)
                else:
                    yield self._outcome(read, source, parameters)

    def _outcome(
        self, read: script.Read, source: Source, parameters: Mapping[str, object]
    ) -> ResultSet | AuroraQLError:
        try:
            return self._run(prepare_alone(read, source, self._preparing(parameters)))
        except AuroraQLError as error:
            return error

    @property
    def standing(self) -> Standing:
        """What a script may count on before its first statement."""
        return self._running.standing

    def check(self, statement: StatementLike, /) -> tuple[Diagnostic, ...]:
        """Return the errors and warnings of a script, given the results of the session. Runs nothing."""
        return next(check([source_of(statement)], self._engine.catalogue(), {}, self.standing))[1]

    def submit(self, statement: StatementLike, /, **parameters: object) -> Search:
        """Start one FIND (or the one of a SUBMIT) without waiting for it."""
        prepared = self._prepare_one(statement, parameters)
        if not isinstance(prepared.statement, Find | Submit):
            word = prepared.written.partition(" ")[0].upper()
            raise UsageError(f"{word} runs no search", "submit the FIND alone")
        if prepared.warnings:
            self._warn(prepared.warnings, prepared.source)
        return self._running.submit(prepared)

    def attach(self, request_id: str, name: str = "") -> Search:
        """A search that the archive has already, by its request id, whoever submitted it; its records come whole.

        With a name it is one of the session's, as those of SUBMIT. Raises Refused for an id that the archive does not know.
        """
        self._refuse_closed()
        asked = Follow("fetch", name, request_id)
        return self._running.attach(request_id, name, Prepared(asked, Source(""), request_id, {}, datetime.now(UTC)))

    def _prepare_one(self, statement: StatementLike, parameters: Mapping[str, object]) -> Prepared:
        source = source_of(statement)
        prepared = self._prepare([source], parameters)
        if len(prepared) != 1:
            script.read_one(source)  # says so, with the place
        return prepared[0]

    def _prepare(self, sources: Iterable[Source], parameters: Mapping[str, object]) -> list[Prepared]:
        return prepare(sources, self._preparing(parameters))

    def _preparing(self, parameters: Mapping[str, object]) -> Preparing:
        """What makes statements ready as the session stands; what the engine is asked for that is to come in time."""
        self._refuse_closed()
        running, deadline = self._running, self._running.deadline()
        asked, kind_of = partial(self._engine.sources, deadline), partial(self._kind_of, deadline=deadline)
        ends = held(self._engine, deadline)
        return Preparing(self._engine.catalogue(), parameters, asked, running.standing, kind_of, held=ends)

    def _kind_of(self, request_id: str, deadline: float) -> str:
        return self._engine.attach(request_id, deadline)[0].query.kind

    def _refuse_closed(self) -> None:
        if self._closed:
            raise UsageError(f"the archive '{self.name}' is closed", "connect to it again")
