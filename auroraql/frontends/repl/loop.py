"""The session at the prompt: read, run, show, again. Nothing a statement does can end it but `\\q` and Ctrl-D."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Generator
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread
from typing import TextIO

from prompt_toolkit.input import Input
from prompt_toolkit.output import Output

from auroraql import __version__
from auroraql.errors import AuroraQLError, Source
from auroraql.errors import render as rendered
from auroraql.forms.script import is_complete
from auroraql.frontends.repl.commands import is_command, run_command
from auroraql.frontends.repl.history import open_history
from auroraql.frontends.repl.prompt import line_editor, once_shown
from auroraql.frontends.repl.state import Archive, State
from auroraql.output import footer, known_format, render, wants_color
from auroraql.results import ResultSet


def run_repl(
    archive: Archive,
    *,
    format: str = "table",
    stream: TextIO | None = None,
    history: Path | None = None,
    input: Input | None = None,
    output: Output | None = None,
) -> None:
    """Talks with the user until they leave. Closing the archive is the caller's business.

    Raises UsageError for an unknown format.
    """
    stream = stream or sys.stdout
    state = State(archive, stream, wants_color(stream, os.environ), known_format(format).name)
    editor = line_editor(open_history(history), color=state.color, input=input, output=output)
    once_shown(editor, Thread(target=_warm, daemon=True).start)
    state.say(banner(archive))
    while not state.done:
        try:
            take(state, editor.prompt())
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


def _warm() -> None:
    """Loads the grammar while the user thinks."""
    with suppress(AuroraQLError):  # said when the first statement needs it
        is_complete("FIND data_products")


def banner(archive: Archive) -> str:
    """The line a session begins with."""
    origin = f"{archive.name} (demonstration data)" if archive.demonstration else archive.name
    return f"AuroraQL {__version__} · {origin} · Type \\? for help."


def take(state: State, text: str) -> None:
    """Does what was typed, and says how it went."""
    if not text.strip():
        return
    try:
        if is_command(text):
            state.say(run_command(state, text))
        else:
            _run(state, text)
    except KeyboardInterrupt:
        state.say("cancelled")
    except AuroraQLError as error:
        state.say(str(error))
    except Exception:  # a fault of ours must not take the session, and what was found in it, away
        state.say(f"{traceback.format_exc()}This is a fault of AuroraQL: please report it. The session goes on.")


def _run(state: State, text: str) -> None:
    # Closing it on the way out lets a search that was interrupted be cancelled at once.
    with closing(_results(state.archive, text)) as results:
        for result in results:
            _show(state, result)


def _results(archive: Archive, text: str) -> Generator[ResultSet, None, None]:
    yield from archive.run_script(Source(text, "<input>"))


def _show(state: State, result: ResultSet) -> None:
    if result.warnings:
        state.say(rendered(result.warnings, result.source))
    for chunk in render(result, state.format, width=state.width, color=state.color):
        state.stream.write(chunk)
    state.say(footer(result))
