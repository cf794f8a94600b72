"""Everything behind the prompt in one place: what is typed is completed, checked, coloured, run and answered here."""

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
from auroraql.frontends.farewell import farewell
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
from auroraql.schema.catalogue import shipped

_FIRST = """\
LET warm = FIND conjunctions OF ground (program = 'trxe'), space (platform LIKE 'swarm%') WITHIN 500 km ON 2021-01-01;
FIND data_products WHERE keogram_tpye = 'daily' AND platform IN warm.start OR start IN (FIND warm) DURING warm;
SHOW METADATA OF data_products; SET format = json; EXPLAIN FIND ephemeris WHERE epoch > 2021-01-01 LIMIT"""
"""Slips of several sorts, so that what finds them is ready before it is needed."""

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
"""What others load when a statement needs it: here it is loaded at once, since a key reads no file."""


def talk(
    archive: Archive,
    *,
    switches: Switches | None = None,
    stream: TextIO | None = None,
    history: Path | None = None,
    input: Input | None = None,
    output: Output | None = None,
) -> None:
    """Talks with the user about an archive that is open. Closing it is the caller's business."""
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
    """An archive and a session with it. Making it loads the grammar and the names, so that no key has to."""

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
        shipped()
        self.lexer = Colours()
        self.state.known = know(self.state)
        self._candidates, self._checks = Candidates(self.state), TypedCheck()
        list(self.complete(Document("FIND data_products WHERE program = "), CompleteEvent()))
        for text in (_FIRST, _FIRST.rpartition(";")[0]):
            self.wrong(text)
            self.lexer.lex_document(Document(text))(0)

    def complete(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        """What may stand at the cursor."""
        return self._candidates.get_completions(document, event)

    def wrong(self, text: str) -> Sequence[Diagnostic]:
        """What is wrong with a text that is being typed."""
        archive = self.state.archive
        return self._checks.wrong(text, archive.catalogue, archive.standing)

    def is_command(self, text: str) -> bool:
        """Whether it is for the prompt itself."""
        return is_command(text)

    def submits(self, document: Document) -> bool:
        """Whether Enter ends the text here: a command, a complete statement, or a blank line after anything."""
        return submits(document)

    def take(self, text: str) -> None:
        """Does what was typed, and says how it went."""
        take(self.state, text)

    def explain(self, text: str) -> None:
        """Says what would be done for a statement."""
        try:
            explain(self.state, text)
        except AuroraQLError as error:
            self.state.say(str(as_said_here(error)))

    def edited(self, text: str) -> str | None:
        """A text as the user's own editor leaves it; None when that failed."""
        try:
            return edited_text(text, os.environ)
        except AuroraQLError as error:
            self.state.say(str(error))
            return None

    def interrupted(self) -> None:
        """Ctrl-C came when nothing was run and nothing typed: what is still being cancelled is left as it is."""
        if self.state.flight is not None:
            self.state.say(self.state.flight.again())

    def leave(self) -> None:
        """The session ends: says what becomes of searches under way."""
        for line in farewell(self.state.archive):
            self.state.say(line)


def submits(document: Document) -> bool:
    """Whether Enter ends the text here: a command, a complete statement, or a blank line after anything."""
    text = document.text
    *_, text = parts(text)  # where commands are among what was pasted, what comes behind the last is to be whole
    if not text.strip() or is_command(text) or text.rstrip(" ;\n").endswith("\\G"):
        return True
    on_blank_line = document.is_cursor_at_the_end and "\n" in text and not document.current_line.strip()
    if on_blank_line:
        return True
    try:
        return is_complete(text)
    except AuroraQLError:
        return True  # running it says what is wrong


def take(state: State, text: str) -> None:
    """Does what was typed, or pasted with commands in it, and says how it went; the rest is left where that is badly."""
    for part in parts(text):
        if not _take_one(state, part) or state.switches.done:
            return


def _take_one(state: State, text: str) -> bool:
    """Does one command, or statements; whether that went well."""
    if not text.strip():
        return True
    well = False
    try:
        if is_command(text):
            tell(state, run_command(state, text))
        else:
            run(state, text)
        well = True
    except KeyboardInterrupt:
        said, state.parting = state.parting, ""
        state.say(said or "cancelled")
    except AuroraQLError as error:
        state.error = full_error(error)
        state.say(str(as_said_here(error)))
    except Exception:  # a fault of ours must not take the session, and what was found in it, away
        state.error = traceback.format_exc()
        state.say(f"{state.error}This is a fault of AuroraQL: please report it. The session goes on.")
    if "duckdb" in sys.modules:
        import auroraql.sql_limits  # noqa: F401 - from now on SQL is checked while it is typed
    if state.known is not None:
        state.known = know(state)
        look_again(state)
    return well


def full_error(error: AuroraQLError) -> str:
    """An error with everything that led to it."""
    lines, cause = [str(as_said_here(error))], error.__cause__ or error.__context__
    if isinstance(error, ArchiveError) and error.log:
        lines += ["log of the search:", *(f"  {line}" for line in error.log)]
    while cause is not None:
        lines.append(f"  because of {type(cause).__name__}: {cause}")
        cause = cause.__cause__ or cause.__context__
    return "\n".join(lines)
