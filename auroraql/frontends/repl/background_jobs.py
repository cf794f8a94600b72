"""Background jobs at the prompt: cancellation by Ctrl-C, notifications of finished jobs, and the commands about jobs.

Invariant: the prompt returns at once, however long the archive takes to respond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event, Lock, Thread

from auroraql.diagnostics.errors import ArchiveError, UsageError, display_width
from auroraql.diagnostics.suggestions import find_closest
from auroraql.frontends.repl.run_statements import run_and_show
from auroraql.frontends.repl.state import ReplState
from auroraql.frontends.shared.progress import format_duration, status_line
from auroraql.rendering import cut_text, render_grid
from auroraql.session.jobs import Search

QUICK_CANCEL_SECONDS = 0.04
"""Seconds that the prompt waits for the archive to confirm a cancellation."""

LONG_SEARCH_SECONDS = 10.0
"""Seconds after which the end of a job rings the bell."""

_GAP, _LEAST = 2, 8
"""Columns between two cells of \\jobs, and the smallest width of the log column."""


class BackgroundJobs:
    """Handler of searches without a waiting caller: it cancels them and announces their end."""

    def __init__(self, state: ReplState) -> None:
        self._state = state
        self._cancelling: _Cancellation | None = None
        if not state.archive.verbose:  # verbose mode prints the steps instead of a status line
            state.archive.on_progress(status_line(state.stream, state.keys))
        state.archive.on_interrupt(self.on_interrupt)
        state.archive.on_end(self.on_job_ended)

    def on_interrupt(self, search: Search) -> None:
        """Cancel a search whose wait was interrupted by Ctrl-C, without waiting for the confirmation."""
        try:
            self._state.parting = self._on_cancelled(search, "cancelled")
        except KeyboardInterrupt:
            self._state.parting = self.on_second_interrupt()

    def on_second_interrupt(self) -> str:
        """Stop waiting for a running cancellation, after another Ctrl-C. Return the message to print."""
        cancelling, self._cancelling = self._cancelling, None
        if cancelling is None or not cancelling.abandon():
            return ""
        search = cancelling.search
        name = self._state.archive.keep(search)
        commands = " or ".join(f"\\fetch {reference}" for reference in (name, *search.request_ids))
        archive = self._state.archive.name
        return (
            f"{archive} has not confirmed the cancellation, so the search may continue as {name}\n"
            f"{commands} waits for it"
        )

    def cancel(self, search: Search) -> str:
        """Cancel a submitted search in the background. Return the message to print now."""
        return self._on_cancelled(search, f"{search.name} is cancelled")

    def on_job_ended(self, search: Search) -> None:
        """Post a notification when a background search ends. Callback, invoked on a worker thread."""
        duration = (
            f"{search.elapsed:.1f} s" if search.elapsed < LONG_SEARCH_SECONDS else format_duration(search.elapsed)
        )
        match search.state:
            case "done":
                count = search.result_count
                records = "" if count is None else f", {count:,} record{'' if count == 1 else 's'}"
                text = f"{search.name} is done after {duration}{records}: \\fetch {search.name}"
            case "failed":
                reason = search.error.message if search.error is not None else search.line
                text = f"{search.name} failed after {duration}: {reason}"
            case state:
                text = f"{search.name} is {state}"
        rings = search.elapsed >= LONG_SEARCH_SECONDS and self._state.archive.settings.bell
        self._state.switches.notices.post(text, rings=rings)

    def _on_cancelled(self, search: Search, done: str) -> str:
        """Start a cancellation and wait briefly. Return the message to print."""
        self._cancelling = _Cancellation(search, self._on_late_cancellation)
        if not self._cancelling.wait(QUICK_CANCEL_SECONDS):
            ids = ", ".join(search.request_ids)
            return f"cancelling {f'request {ids}' if ids else 'the search'} …; press Ctrl-C again to stop waiting"
        cancelling, self._cancelling = self._cancelling, None
        return self._on_cancel_failed(cancelling) if cancelling.error is not None else done

    def _on_late_cancellation(self, cancelling: _Cancellation) -> None:
        """Post the outcome of a cancellation that ended after the prompt had returned."""
        if cancelling is self._cancelling:
            self._cancelling = None
        ids = ", ".join(cancelling.search.request_ids)
        done = f"cancelled: request {ids}" if ids else "cancelled"
        self._state.switches.notices.post(self._on_cancel_failed(cancelling) if cancelling.error is not None else done)

    def _on_cancel_failed(self, cancelling: _Cancellation) -> str:
        """Store a search that could not be cancelled, so that it can be fetched. Return the message to print."""
        name = self._state.archive.keep(cancelling.search)
        reason = str(cancelling.error).splitlines()[0]
        return f"the search could not be cancelled and continues as {name} (\\fetch {name}, \\cancel {name}): {reason}"


class _Cancellation:
    """A cancellation on a thread of its own. It calls `tell` when it ends after the caller stopped waiting."""

    def __init__(self, search: Search, tell: Callable[[_Cancellation], None]) -> None:
        self.search, self._tell = search, tell
        self.error: ArchiveError | None = None
        self._lock, self._ended, self._notifies = Lock(), Event(), False
        Thread(target=self._work, name="auroraql-cancelling", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds` and return whether the cancellation has ended. If not, `tell` is called when it ends."""
        self._ended.wait(seconds)
        with self._lock:
            self._notifies = not self._ended.is_set()
            return not self._notifies

    def abandon(self) -> bool:
        """Suppress the call of `tell`. Return whether the cancellation is still running."""
        with self._lock:
            self._notifies = False
            return not self._ended.is_set()

    def _work(self) -> None:
        try:
            self.search.cancel(patient=True)
        except ArchiveError as error:
            self.error = error
        with self._lock:
            self._ended.set()
            notifies = self._notifies
        if notifies:
            self._tell(self)


# --- commands


def show_jobs(state: ReplState, _argument: str) -> str:
    """Return a table of the session's jobs: status, elapsed time, record count, request IDs and last log line."""
    state.archive.refresh_searches()
    rows = [
        (
            search.name,
            search.state,
            format_duration(search.elapsed),
            search.result_count,
            ", ".join(search.request_ids),
            search.line,
        )
        for search in state.archive.submitted.values()
    ]
    if not rows:
        return "no search has been submitted yet: SUBMIT name = FIND … starts one in the background"
    # The log column is truncated or dropped, so that request IDs stay whole and can be copied.
    titles = ("name", "status", "elapsed", "records", "request", "log")
    width_of_rest = display_width(render_grid(titles[:-1], [row[:-1] for row in rows], None).split("\n")[1])
    log_width = state.width - width_of_rest - _GAP
    shown = (
        [(*row[:-1], cut_text(row[-1], log_width)) for row in rows]
        if log_width >= _LEAST
        else [row[:-1] for row in rows]
    )
    listed = render_grid(titles[: len(shown[0])], shown, None)
    return f"{listed}\\fetch NAME waits for a search and shows its result, \\cancel NAME cancels it"


def fetch_job(state: ReplState, argument: str) -> str:
    """Wait for a search and print its result: the named one, else the last that was not fetched."""
    waiting = [
        search.name
        for search in state.archive.submitted.values()
        if not search.is_fetched and search.state != "cancelled"
    ]
    if not argument and not waiting:
        raise UsageError("there is no search to fetch", "\\jobs lists the searches")
    name = _resolve_job(state, argument) if argument else waiting[-1]
    run_and_show(state, f"FETCH {_format_job_name(name)}" if name else f"FETCH '{_unquote(argument)}'")
    return ""


def cancel_job(state: ReplState, argument: str) -> str:
    """Cancel a search by its name or request ID."""
    if not argument:
        raise UsageError("\\cancel needs the name of a search, or its request ID", "\\jobs lists the searches")
    name = _resolve_job(state, argument)
    if not name:
        run_and_show(state, f"CANCEL '{_unquote(argument)}'")
        return ""
    search = state.archive.submitted[name]
    if search.is_over:
        return f"{name} is already {search.state}"
    return state.background_jobs.cancel(search) if state.background_jobs is not None else ""


def job_names_and_ids(state: ReplState) -> Iterator[str]:
    """Yield the names and request IDs of submitted searches, for completion."""
    yield from state.archive.submitted
    for search in state.archive.submitted.values():
        yield from search.request_ids


def _resolve_job(state: ReplState, argument: str) -> str:
    """Return the name of a search, or an empty text for a request ID of another session.

    Raises UsageError when the argument is neither a known name nor a possible request ID.
    """
    argument_name, submitted = _unquote(argument), state.archive.submitted
    for name, search in submitted.items():
        if argument_name == name or argument_name in search.request_ids:
            return name
    if not argument_name.isidentifier() and " " not in argument_name:
        return ""  # it may be a request id
    matches = find_closest(argument_name, submitted, 1, 0.5)
    hint = f"did you mean {matches[0]}?" if matches else "\\jobs lists the searches"
    raise UsageError(f"the search '{argument_name}' does not exist", hint)


def _unquote(argument: str) -> str:
    return argument.strip().strip("'\"`;").replace("'", "''")


def _format_job_name(name: str) -> str:
    return f"`{name.replace('`', '``')}`"
