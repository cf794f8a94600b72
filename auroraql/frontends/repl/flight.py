"""Searches in flight at the prompt: what Ctrl-C does to them, what is told when one ends, and the commands about them.

Invariant: the prompt comes back at once, whatever the archive takes to answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event, Lock, Thread

from auroraql.errors import ArchiveError, UsageError, columns
from auroraql.frontends.progress import lasting, status_line
from auroraql.frontends.repl.state import State
from auroraql.frontends.repl.statements import show_all
from auroraql.output import cut, grid
from auroraql.searches import Search
from auroraql.spelling import closest

AT_ONCE = 0.04
"""Seconds that the prompt waits for the archive to say that a search is cancelled."""

LONG = 10.0
"""Seconds after which the end of a search rings the bell."""

_GAP, _LEAST = 2, 8
"""Blanks between two columns of \\jobs, and the fewest columns that a log is worth showing in."""


class Flight:
    """Takes the searches of a session that nobody waits for any more."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._cancelling: _Cancelling | None = None
        if not state.archive.verbose:  # the steps take the place of the status line
            state.archive.on_progress(status_line(state.stream, state.keys))
        state.archive.on_interrupt(self.interrupted)
        state.archive.on_end(self.ended)

    def interrupted(self, search: Search) -> None:
        """Ctrl-C came while it was waited for: it is cancelled, and the prompt does not wait for that."""
        try:
            self._state.parting = self._cancelled(search, "cancelled")
        except KeyboardInterrupt:
            self._state.parting = self.again()

    def again(self) -> str:
        """Ctrl-C once more: what is still being cancelled is left as it comes to stand; what to say of it."""
        cancelling, self._cancelling = self._cancelling, None
        if cancelling is None or not cancelling.leave():
            return ""
        search = cancelling.search
        name = self._state.archive.keep(search)
        ways = " or ".join(f"\\fetch {each}" for each in (name, *search.request_ids))
        archive = self._state.archive.name
        return f"left: {archive} has not said that it is cancelled, so it may go on as {name}\n{ways} comes back to it"

    def cancel(self, search: Search) -> str:
        """Cancels a search that was submitted, in the background; what to say of it now."""
        return self._cancelled(search, f"{search.name} is cancelled")

    def ended(self, search: Search) -> None:
        """A search has ended that nobody waits for: that is told, wherever the prompt stands."""
        took = f"{search.elapsed:.1f} s" if search.elapsed < LONG else lasting(search.elapsed)
        match search.state:
            case "done":
                count = search.result_count
                found = "" if count is None else f", {count:,} record{'' if count == 1 else 's'}"
                text = f"{search.name} is done after {took}{found}: \\fetch {search.name}"
            case "failed":
                reason = search.error.message if search.error is not None else search.line
                text = f"{search.name} failed after {took}: {reason}"
            case state:
                text = f"{search.name} is {state}"
        rings = search.elapsed >= LONG and self._state.archive.settings.bell
        self._state.switches.notices.post(text, rings=rings)

    def _cancelled(self, search: Search, done: str) -> str:
        self._cancelling = _Cancelling(search, self._settled)
        if not self._cancelling.over_within(AT_ONCE):
            ids = ", ".join(search.request_ids)
            return f"cancelling {f'request {ids}' if ids else 'it'} …; Ctrl-C again leaves it as it is"
        cancelling, self._cancelling = self._cancelling, None
        return self._failed(cancelling) if cancelling.error is not None else done

    def _settled(self, cancelling: _Cancelling) -> None:
        """The archive has said what became of a cancellation after the prompt was back."""
        if cancelling is self._cancelling:
            self._cancelling = None
        ids = ", ".join(cancelling.search.request_ids)
        done = f"cancelled: request {ids}" if ids else "cancelled"
        self._state.switches.notices.post(self._failed(cancelling) if cancelling.error is not None else done)

    def _failed(self, cancelling: _Cancelling) -> str:
        """A search that could not be cancelled goes on, and is to be reached."""
        name = self._state.archive.keep(cancelling.search)
        reason = str(cancelling.error).splitlines()[0]
        return f"it could not be cancelled, and goes on as {name} (\\fetch {name}, \\cancel {name}): {reason}"


class _Cancelling:
    """A cancellation under way on a thread of its own; `tell` is called when it ends late."""

    def __init__(self, search: Search, tell: Callable[[_Cancelling], None]) -> None:
        self.search, self._tell = search, tell
        self.error: ArchiveError | None = None
        self._lock, self._over, self._is_late = Lock(), Event(), False
        Thread(target=self._work, name="auroraql-cancelling", daemon=True).start()

    def over_within(self, seconds: float) -> bool:
        """Whether it is over in so many seconds; if not, it is told of when it is."""
        self._over.wait(seconds)
        with self._lock:
            self._is_late = not self._over.is_set()
            return not self._is_late

    def leave(self) -> bool:
        """Has it told of no more; whether it is still under way."""
        with self._lock:
            self._is_late = False
            return not self._over.is_set()

    def _work(self) -> None:
        try:
            self.search.cancel(patient=True)
        except ArchiveError as error:
            self.error = error
        with self._lock:
            self._over.set()
            is_late = self._is_late
        if is_late:
            self._tell(self)


# --- commands


def jobs(state: State, _argument: str) -> str:
    """The searches of the session and how they stand."""
    state.archive.refresh_searches()
    rows = [
        (each.name, each.state, lasting(each.elapsed), each.result_count, ", ".join(each.request_ids), each.line)
        for each in state.archive.submitted.values()
    ]
    if not rows:
        return "no search was submitted yet: SUBMIT name = FIND … starts one and does not wait for it"
    # The log is cut, or left out, so that the ids are whole: they are there to be copied.
    titles = ("name", "status", "elapsed", "records", "request", "log")
    taken = columns(grid(titles[:-1], [row[:-1] for row in rows], None).split("\n")[1])
    room = state.width - taken - _GAP
    shown = [(*row[:-1], cut(row[-1], room)) for row in rows] if room >= _LEAST else [row[:-1] for row in rows]
    listed = grid(titles[: len(shown[0])], shown, None)
    return f"{listed}\\fetch NAME waits for one and shows it, \\cancel NAME stops it"


def fetch(state: State, argument: str) -> str:
    """Waits for a search and shows its result: the one named, else the last that is not fetched."""
    waiting = [each.name for each in state.archive.submitted.values() if not each.fetched and each.state != "cancelled"]
    if not argument and not waiting:
        raise UsageError("there is no search to fetch", "\\jobs lists them")
    name = _named(state, argument) if argument else waiting[-1]
    show_all(state, f"FETCH {_written(name)}" if name else f"FETCH '{_unquoted(argument)}'")
    return ""


def cancel(state: State, argument: str) -> str:
    """Stops a search."""
    if not argument:
        raise UsageError("\\cancel needs the name of a search, or its request id", "\\jobs lists them")
    name = _named(state, argument)
    if not name:
        show_all(state, f"CANCEL '{_unquoted(argument)}'")
        return ""
    search = state.archive.submitted[name]
    if search.over:
        return f"{name} is {search.state} already"
    return state.flight.cancel(search) if state.flight is not None else ""


def names_and_ids(state: State) -> Iterator[str]:
    """What may stand for a search, for completion."""
    yield from state.archive.submitted
    for search in state.archive.submitted.values():
        yield from search.request_ids


def _named(state: State, argument: str) -> str:
    """The name of a search that is meant; empty for a request id that is not of this session. Raises UsageError."""
    wanted, submitted = _unquoted(argument), state.archive.submitted
    for name, search in submitted.items():
        if wanted == name or wanted in search.request_ids:
            return name
    if not wanted.isidentifier() and " " not in wanted:
        return ""  # it may be a request id
    near = closest(wanted, submitted, 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else "\\jobs lists them"
    raise UsageError(f"there is no search '{wanted}'", hint)


def _unquoted(argument: str) -> str:
    return argument.strip().strip("'\"`;").replace("'", "''")


def _written(name: str) -> str:
    return f"`{name.replace('`', '``')}`"
