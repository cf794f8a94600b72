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

from auroraql.codecs.script import is_complete
from auroraql.completion import CompletionContext
from auroraql.completion.incomplete_input import IncompleteInputCheck
from auroraql.diagnostics.errors import ArchiveError, AuroraQLError, Diagnostic, StatementError
from auroraql.frontends.repl.background_jobs import BackgroundJobs
from auroraql.frontends.repl.commands import blank_commands, is_command, run_command, split_input
from auroraql.frontends.repl.controller_protocol import ReplOptions
from auroraql.frontends.repl.display import print_text, supports_links
from auroraql.frontends.repl.external_editor import edit_text
from auroraql.frontends.repl.highlighting import IncrementalLexer
from auroraql.frontends.repl.line_editor import theme_style
from auroraql.frontends.repl.loop import banner, run_repl
from auroraql.frontends.repl.prompt_completer import PromptCompleter
from auroraql.frontends.repl.query_commands import adapt_error, reload_queries
from auroraql.frontends.repl.run_statements import correct_text, explain_text, run_text
from auroraql.frontends.repl.state import ArchiveProtocol, ReplState
from auroraql.frontends.shared.exit_summary import exit_summary
from auroraql.language_service.service import completion_context
from auroraql.schema.catalogue import load_shipped

_WARM_UP_STATEMENT = """\
LET warm = FIND conjunctions OF ground (program = 'trxe'), space (platform LIKE 'swarm%') WITHIN 500 km ON 2021-01-01;
FIND data_products WHERE keogram_tpye = 'daily' AND platform IN warm.start OR start IN (FIND warm) DURING warm;
SHOW METADATA OF data_products; SET format = json; EXPLAIN FIND ephemeris WHERE epoch > 2021-01-01 LIMIT"""
"""Statements with several kinds of error, checked once at start so that no key waits for a lazy import."""

_PRELOADED_MODULES = (
    *(
        "auroraql.codecs.query_json",
        "auroraql.codecs.sentence",
        "auroraql.language.syntax_errors",
        "auroraql.session.show",
    ),
    *(
        "auroraql.session.fix_checker",
        "auroraql.planner.conjunction_plan",
        "auroraql.planner.dnf",
        "auroraql.resolver.conjunction_criteria",
        "difflib",
    ),
)
"""Modules that are otherwise imported when a statement needs them. They load at start, since no key may read a file."""


def run_session(
    archive: ArchiveProtocol,
    *,
    switches: ReplOptions | None = None,
    stream: TextIO | None = None,
    history: Path | None = None,
    input: Input | None = None,
    output: Output | None = None,
) -> None:
    """Run an interactive session on an open archive. The caller closes the archive."""
    title = banner(archive.name, demonstration=archive.demonstration)
    run_repl(
        title,
        lambda switches, out: Controller(archive, switches, out),
        switches=switches,
        stream=stream,
        history=history,
        input=input,
        output=output,
    )


class Controller:
    """Controller of a session with an archive. Its constructor loads grammar and names, so that no key has to."""

    def __init__(self, archive: ArchiveProtocol, switches: ReplOptions, stream: TextIO) -> None:
        links = switches.color and supports_links(os.environ)
        pages = stream.isatty() and os.environ.get("TERM") != "dumb"
        self.state = ReplState(archive, stream, switches, sys.stdin, links=links, pages=pages)
        self.state.background_jobs = BackgroundJobs(self.state)
        self.state.timing = switches.timing
        archive.on_warning(self.state.show_warnings)
        switches.style = theme_style(switches.theme)
        reload_queries(self.state)
        for name in _PRELOADED_MODULES:
            import_module(name)
        load_shipped()
        self.lexer = IncrementalLexer()
        self.state.known = _session_names(self.state)
        self._candidates, self._checks = PromptCompleter(self.state), IncompleteInputCheck()
        list(self.complete(Document("FIND data_products WHERE program = "), CompleteEvent()))
        for text in (_WARM_UP_STATEMENT, _WARM_UP_STATEMENT.rpartition(";")[0]):
            self.check(text)
            self.lexer.lex_document(Document(text))(0)

    def complete(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        """Return the candidates at the cursor."""
        return self._candidates.get_completions(document, event)

    def check(self, text: str) -> Sequence[Diagnostic]:
        """Return the diagnostics of the text being typed."""
        archive = self.state.archive
        if is_command(text):
            return ()
        return self._checks.check(blank_commands(text), archive.catalogue, archive.session_context)

    def is_command(self, text: str) -> bool:
        """Return whether the text is a backslash command."""
        return is_command(text)

    def submits(self, document: Document) -> bool:
        """Return whether Enter runs the text: a command, a complete statement, or any text before a blank line."""
        return can_submit(document)

    def run(self, text: str) -> None:
        """Run the submitted text and print its results or errors."""
        run_input(self.state, text)

    def explain(self, text: str) -> None:
        """Print the plan of a statement."""
        try:
            explain_text(self.state, text)
        except AuroraQLError as error:
            self.state.say(str(adapt_error(error)))

    def edit(self, text: str) -> str | None:
        """Return the text after editing in an external editor, or None when the editor failed."""
        try:
            return edit_text(text, os.environ)
        except AuroraQLError as error:
            self.state.say(str(error))
            return None

    def on_interrupt(self) -> None:
        """Handle Ctrl-C at an empty prompt: stop waiting for a running cancellation."""
        if self.state.background_jobs is not None:
            self.state.say(self.state.background_jobs.on_second_interrupt())

    def close(self) -> None:
        """Report what happens to running jobs, at the end of the session."""
        for line in exit_summary(self.state.archive):
            self.state.say(line)


def _session_names(state: ReplState) -> CompletionContext:
    """Return the names that completion offers. Names of the archive are indexed again only when they have changed."""
    return completion_context(state.archive.catalogue, state.archive.session_context, state.known)


def can_submit(document: Document) -> bool:
    """Return whether Enter runs the text: a command, a complete statement, or any text before a blank line."""
    text = document.text
    *_, text = split_input(text)  # of pasted text with commands, only the part after the last command must be complete
    if not text.strip() or is_command(text) or text.rstrip(" ;\n").endswith("\\G"):
        return True
    on_blank_line = document.is_cursor_at_the_end and "\n" in text and not document.current_line.strip()
    if on_blank_line:
        return True
    try:
        return is_complete(text)
    except AuroraQLError:
        return True  # running it reports the error


def run_input(state: ReplState, text: str) -> None:
    """Run submitted text, which may contain commands when pasted. Stop at the first part that fails."""
    for part in split_input(text):
        if not _run_part(state, part) or state.switches.done:
            return


def _run_part(state: ReplState, text: str) -> bool:
    """Run one command, or statements, and print the outcome. Return whether it succeeded."""
    if not text.strip():
        return True
    succeeded = False
    state.switches.corrected = ""
    try:
        if is_command(text):
            print_text(state, run_command(state, text))
        else:
            run_text(state, text)
        succeeded = True
    except KeyboardInterrupt:
        message, state.parting = state.parting, ""
        state.say(message or "cancelled")
    except StatementError as error:
        state.error = full_traceback(error)
        state.say(str(adapt_error(error)))
        state.switches.corrected = correct_text(state) if not is_command(text) else ""
    except AuroraQLError as error:
        state.error = full_traceback(error)
        state.say(str(adapt_error(error)))
    except Exception:  # a bug of AuroraQL must not end the session and lose its results
        state.error = traceback.format_exc()
        state.say(f"{state.error}This is a bug in AuroraQL: please report it. The session continues.")
    if "duckdb" in sys.modules:
        import auroraql.session.sql.sandbox  # noqa: F401 - once DuckDB is loaded, SQL is checked while it is typed
    if state.known is not None:
        state.known = _session_names(state)
        reload_queries(state)
    return succeeded


def full_traceback(error: AuroraQLError) -> str:
    """Return an error with its chain of causes, and the log of the failed search."""
    lines, cause = [str(adapt_error(error))], error.__cause__ or error.__context__
    if isinstance(error, ArchiveError) and error.log:
        lines += ["log of the search:", *(f"  {line}" for line in error.log)]
    while cause is not None:
        lines.append(f"  caused by {type(cause).__name__}: {cause}")
        cause = cause.__cause__ or cause.__context__
    return "\n".join(lines)
