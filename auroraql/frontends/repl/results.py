"""The commands about results: the last one again, exported, piped, opened, and watched for what is new."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path

from auroraql.errors import AuroraQLError, UsageError, visible
from auroraql.frontends.repl.showing import check_addable, expanded, pipe, put, show
from auroraql.frontends.repl.state import State
from auroraql.frontends.repl.statements import results_of
from auroraql.output import FORMATS, footer, format_of, known_format, write
from auroraql.output.timeline import render_timeline
from auroraql.results import Fetched, ResultSet
from auroraql.spelling import closest

_AROUND_A_PICTURE = 7
"""Lines that are no source's: title, dates, what the blocks mean, and the prompt."""

_LEAST_SOURCES = 5

ON_OFF = ("on", "off")


def last_result(state: State) -> ResultSet:
    """The last result. Raises UsageError when there is none yet."""
    if state.last is None:
        raise UsageError("there is no result yet", "FIND something first")
    return state.last


def last(state: State, argument: str) -> str:
    """Shows the last result again, with every column and row, or in another format."""
    result = last_result(state)
    whole = replace(state.screen, width=None)
    put(state, known_format(argument or "table").rendered(result, whole), wide=True)
    return footer(result)


def vertically(state: State, _argument: str) -> str:
    """Shows the last result a value a line."""
    show(state, last_result(state), "vertical")
    return ""


def vertical(state: State, argument: str) -> str:
    """Turns the vertical view on, or off again."""
    on = _switched("x", argument, now=state.format == "vertical")
    if state.format == "vertical" and not on:
        state.archive.settings.show_as(state.before_vertical)
    elif state.format != "vertical" and on:
        state.before_vertical = state.format
        state.archive.settings.show_as("vertical")
    return f"results are shown as {state.format}"


def _switched(command: str, argument: str, *, now: bool) -> bool:
    """Whether something is on from now on: as the word says, else the other way round. Raises UsageError."""
    word = argument.casefold()
    if word and word not in ON_OFF:
        raise UsageError(f"\\{command} takes on or off, not '{visible(argument)}'", "alone it switches")
    return word == "on" if word else not now


def format_as(state: State, argument: str) -> str:
    """Shows results in another format from now on; without one, lists them."""
    if not argument:
        return "\n".join(
            f"{'*' if row.name == state.format else ' '} {row.name:8}  {row.doc}" for row in FORMATS.values()
        )
    if known_format(argument).render is None:
        raise UsageError(f"{argument.lower()} is no text, and a terminal cannot show it", "\\export FILE writes it")
    state.archive.settings.show_as(argument)
    return f"results are shown as {state.format}"


def export(state: State, argument: str) -> str:
    """Writes the last result to a file, in the format that its suffix names, without searching again."""
    result = last_result(state)
    if not argument:
        raise UsageError("\\export needs a file", "as in: \\export keograms.csv")
    path = expanded(argument)
    write(result, path)
    return f"{path}: {footer(result)}"


def output(state: State, argument: str) -> str:
    """Sends results to a file from now on; without one, to the terminal again."""
    path = expanded(argument) if argument else None
    told = f"{_sent_to(state, path)}; \\o alone ends that" if path is not None else "results go to the terminal"
    state.output = path
    return told


def tee(state: State, argument: str) -> str:
    """Sends results to a file too from now on; without one, no longer."""
    path = expanded(argument) if argument else None
    alone = "results go to the terminal alone"
    told = f"{_sent_to(state, path)} too; \\tee alone ends that" if path is not None else alone
    state.tee = path
    return told


def _sent_to(state: State, path: Path) -> str:
    """Where results go, and in which format. Raises UsageError for one that cannot be added to."""
    told = format_of(path) or known_format(state.format)
    if told.render is None:
        raise UsageError(f"nothing can be added to a {told.name} file", f"write one result: \\export {path}")
    check_addable(path)
    return f"results go to {path} as {told.name}"


def pipe_to(state: State, argument: str) -> str:
    """Gives the last result to a shell command."""
    result = last_result(state)
    if not argument:
        raise UsageError("\\pipe needs a command", "as in: \\pipe sort | head")
    state.stream.flush()
    code = pipe(result, argument, state.format)
    return f"the command ended with {code}" if code else ""


def open_product(state: State, argument: str) -> str:
    """Opens the file of a row in a browser; the first, when no row is named."""
    result = last_result(state)
    at = next((n for n, column in enumerate(result.columns) if column.name.rpartition(".")[2] == "url"), None)
    if at is None:
        raise UsageError("the last result has no column url", "select url too")
    if not (argument or "1").isdigit() or not 1 <= int(argument or "1") <= len(result):
        raise UsageError(f"there is no row {argument or 1}", f"the rows are 1 to {len(result):,}")
    url = next(islice(result, int(argument or "1") - 1, None))[at]
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise UsageError("this row has no URL", "take another row")
    import webbrowser

    if not webbrowser.open(url):
        return f"no browser could be opened; the URL is {url}"
    return f"opened {url}"


def timeline(state: State, argument: str) -> str:
    """Draws the last result over time, or one kept by name."""
    result = last_result(state) if not argument else _kept(state, argument)
    put(state, render_timeline(result, state.screen, max(state.height - _AROUND_A_PICTURE, _LEAST_SOURCES)))
    return ""


def _kept(state: State, name: str) -> ResultSet:
    found = state.archive.results.get(name)
    if found is None:
        close = closest(name, state.archive.results, 1)
        hint = f"did you mean {close[0]}?" if close else "SHOW RESULTS lists them; LET name = FIND … keeps one"
        raise UsageError(f"there is no result '{visible(name)}'", hint)
    return found


def timing(state: State, argument: str) -> str:
    """Says where the time went, or no longer."""
    state.timing = _switched("timing", argument, now=state.timing)
    return f"timing is {'on' if state.timing else 'off'}"


def watch(state: State, argument: str) -> str:
    """Runs the last statement again and again and says what is new, until Ctrl-C."""
    try:
        seconds = float(argument or "60")
    except ValueError:
        seconds = 0
    if not 0 < seconds <= 86_400:
        raise UsageError(f"\\watch takes a number of seconds, not '{visible(argument)}'", "as in: \\watch 60")
    if not state.statement:
        raise UsageError("there is no statement yet", "FIND something first")
    seen: dict[int, set[int]] = {}
    while True:
        try:
            with closing(results_of(state.archive, state.statement)) as results:
                for number, result in enumerate(results):
                    seen[number] = _show_new(state, result, seen.get(number))
        except AuroraQLError as error:
            state.say(str(error))  # it may be over by the next time
        time.sleep(seconds)


def _show_new(state: State, result: ResultSet, seen: set[int] | None) -> set[int]:
    """Shows the rows that were not there before; all of them, the first time."""
    known = {hash(repr(row)) for row in result}
    moment = datetime.now().strftime("%H:%M:%S")
    if seen is None:
        show(state, result)
        return known
    fresh = [row for row in result if hash(repr(row)) not in seen]
    if not fresh:
        state.say(f"{moment} nothing new")
        return seen | known
    state.say(f"{moment} {len(fresh):,} new")
    new = ResultSet(
        result.plan,
        Fetched(rows=fresh),
        archive=result.archive,
        elapsed=result.elapsed,
        demonstration=result.demonstration,
        source=result.source,
        columns=result.columns,
    )
    put(state, known_format(state.format).rendered(new, state.screen))
    return seen | known
