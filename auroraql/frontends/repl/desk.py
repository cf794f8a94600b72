"""The controller of the prompt: completes, checks, highlights and runs what the user types, and prints the results."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TextIO

from prompt_toolkit.completion import CompleteEvent, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.input import Input
from prompt_toolkit.output import Output

from auroraql.errors import ArchiveError, AuroraQLError, Diagnostic
from auroraql.forms.script import is_complete
from auroraql.frontends.farewell import exit_summary
from auroraql.frontends.repl.behind import Switches
from auroraql.frontends.repl.colours import Colours
from auroraql.frontends.repl.commands import is_command, parts, run_command
from auroraql.frontends.repl.editor import edited_text
from auroraql.frontends.repl.flight import Flight
from auroraql.frontends.repl.keystrokes import Candidates, know
from auroraql.frontends.repl.loop import banner, run_repl
from auroraql.frontends.repl.saved_queries import as_said_here, look_again
from auroraql.frontends.repl.showing import makes_links, tell
from auroraql.frontends.repl.state import Archive, State
from auroraql.frontends.repl.statements import explain, run
from auroraql.frontends.repl.themes import themed
from auroraql.frontends.repl.unfinished import TypedCheck
from auroraql.schema.catalogue import load_shipped

_FIRST = """\
LET warm = FIND conjunctions OF ground (program = 'trxe'), space (platform LIKE 'swarm%') WITHIN 500 km ON 2021-01-01;
FIND data_products WHERE keogram_tpye = 'daily' AND platform IN warm.start OR start IN (FIND warm) DURING warm;
SHOW METADATA OF data_products; SET format = json; EXPLAIN FIND ephemeris WHERE epoch > 2021-01-01 LIMIT"""
"""Statements with several kinds of error, checked once at start so that no key waits for a lazy import."""

_NEEDED = (
    *("auroraql.forms.query_json", "auroraql.forms.sentence", "auroraql.forms.text.stumbling", "auroraql.listings"),
    *(
        "auroraql.fixes",
        "auroraql.planner.criteria",
        "auroraql.planner.several",
        "auroraql.resolver.criteria",
        "difflib",
    ),
)
"""Modules that are otherwise imported when a statement needs them. They load at start, since no key may read a file."""


def talk(
    archive: Archive,
    *,
    switches: Switches | None = None,
    stream: TextIO | None = None,
    history: Path | None = None,
    input: Input | None = None,
    output: Output | None = None,
) -> None:
    """Run an interactive session on an open archive. The caller closes the archive."""
    title = banner(archive.name, demonstration=archive.demonstration)
    run_repl(
        title,
        lambda switches, out: Desk(archive, switches, out),
        switches=switches,
        stream=stream,
        history=history,
        input=input,
        output=output,
    )


class Desk:
    """Controller of a session with an archive. Its constructor loads grammar and names, so that no key has to."""

    def __init__(self, archive: Archive, switches: Switches, stream: TextIO) -> None:
        links = switches.color and makes_links(os.environ)
        pages = stream.isatty() and os.environ.get("TERM") != "dumb"
        self.state = State(archive, stream, switches, sys.stdin, links=links, pages=pages)
        self.state.flight = Flight(self.state)
        self.state.timing = switches.timing
        archive.on_warning(self.state.question)
        switches.style = themed(switches.theme)
        look_again(self.state)
        for name in _NEEDED:
            import_module(name)
        load_shipped()
        self.lexer = Colours()
        self.state.known = know(self.state)
        self._candidates, self._checks = Candidates(self.state), TypedCheck()
        list(self.complete(Document("FIND data_products WHERE program = "), CompleteEvent()))
        for text in (_FIRST, _FIRST.rpartition(";")[0]):
            self.wrong(text)
            self.lexer.lex_document(Document(text))(0)

    def complete(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        """Return the candidates at the cursor."""
        return self._candidates.get_completions(document, event)

    def wrong(self, text: str) -> Sequence[Diagnostic]:
        """Return the diagnostics of the text being typed."""
        archive = self.state.archive
        return self._checks.wrong(text, archive.catalogue, archive.standing)

    def is_command(self, text: str) -> bool:
        """Return whether the text is a backslash command."""
        return is_command(text)

    def submits(self, document: Document) -> bool:
        """Return whether Enter runs the text: a command, a complete statement, or any text before a blank line."""
        return submits(document)

    def take(self, text: str) -> None:
        """Run the submitted text and print its results or errors."""
        take(self.state, text)

    def explain(self, text: str) -> None:
        """Print the plan of a statement."""
        try:
            explain(self.state, text)
        except AuroraQLError as error:
            self.state.say(str(as_said_here(error)))

    def edited(self, text: str) -> str | None:
        """Return the text after editing in an external editor, or None when the editor failed."""
        try:
            return edited_text(text, os.environ)
        except AuroraQLError as error:
            self.state.say(str(error))
            return None

    def interrupted(self) -> None:
        """Handle Ctrl-C at an empty prompt: stop waiting for a running cancellation."""
        if self.state.flight is not None:
            self.state.say(self.state.flight.again())

    def leave(self) -> None:
        """Report what happens to running jobs, at the end of the session."""
        for line in exit_summary(self.state.archive):
            self.state.say(line)


def submits(document: Document) -> bool:
    """Return whether Enter runs the text: a command, a complete statement, or any text before a blank line."""
    text = document.text
    *_, text = parts(text)  # of pasted text with commands, only the part after the last command must be complete
    if not text.strip() or is_command(text) or text.rstrip(" ;\n").endswith("\\G"):
        return True
    on_blank_line = document.is_cursor_at_the_end and "\n" in text and not document.current_line.strip()
    if on_blank_line:
        return True
    try:
        return is_complete(text)
    except AuroraQLError:
        return True  # running it reports the error


def take(state: State, text: str) -> None:
    """Run submitted text, which may contain commands when pasted. Stop at the first part that fails."""
    for part in parts(text):
        if not _take_one(state, part) or state.switches.done:
            return


def _take_one(state: State, text: str) -> bool:
    """Run one command, or statements, and print the outcome. Return whether it succeeded."""
    if not text.strip():
        return True
    succeeded = False
    try:
        if is_command(text):
            tell(state, run_command(state, text))
        else:
            run(state, text)
        succeeded = True
    except KeyboardInterrupt:
        message, state.parting = state.parting, ""
        state.say(message or "cancelled")
    except AuroraQLError as error:
        state.error = full_error(error)
        state.say(str(as_said_here(error)))
    except Exception:  # a bug of AuroraQL must not end the session and lose its results
        state.error = traceback.format_exc()
        state.say(f"{state.error}This is a bug in AuroraQL: please report it. The session continues.")
    if "duckdb" in sys.modules:
        import auroraql.sql_limits  # noqa: F401 - once DuckDB is loaded, SQL is checked while it is typed
    if state.known is not None:
        state.known = know(state)
        look_again(state)
    return succeeded


def full_error(error: AuroraQLError) -> str:
    """Return an error with its chain of causes, and the log of the failed search."""
    lines, cause = [str(as_said_here(error))], error.__cause__ or error.__context__
    if isinstance(error, ArchiveError) and error.log:
        lines += ["log of the search:", *(f"  {line}" for line in error.log)]
    while cause is not None:
        lines.append(f"  caused by {type(cause).__name__}: {cause}")
        cause = cause.__cause__ or cause.__context__
    return "\n".join(lines)
