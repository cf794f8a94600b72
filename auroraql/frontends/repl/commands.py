r"""Commands of the prompt, one row each: `\d trex`, or `/d trex` for those who type a slash.

A command takes the session and its argument, may change the session, and returns the text to print.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module

from auroraql.codecs.script import is_complete
from auroraql.completion.keywords import FUNCTIONS, KEYWORDS, PERIODS
from auroraql.diagnostics.errors import LINE_END_PATTERN, AuroraQLError
from auroraql.diagnostics.suggestions import find_closest
from auroraql.frontends.repl import background_jobs, query_commands, result_commands, run_statements
from auroraql.frontends.repl.describe import describe_key, describe_name
from auroraql.frontends.repl.external_editor import edit_last_statement
from auroraql.frontends.repl.help import keyword_help, lay_out_pairs
from auroraql.frontends.repl.query_commands import QueryCandidate
from auroraql.frontends.repl.state import ReplState
from auroraql.language_service.facts import known_names
from auroraql.pictures import PICTURE_NAMES
from auroraql.rendering import FORMATS
from auroraql.session.web_links import WEB_PAGES

_COMMAND = re.compile(r"[\\/](?P<name>\?|[^\W\d]\w*)(?P<argument>[^\r\n]*)")

_ANYWHERE = re.compile(r"(?:\A|[\r\n])[ \t]*\\")

_LINE = re.compile(rf"[^\r\n]*(?:{LINE_END_PATTERN.pattern}|\Z)")

_EXAMPLES = """Press Enter to run a complete statement, or end it with a semicolon. For example:
  FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01;
  FIND data_products SELECT start, url WHERE program = 'trex' LIMIT 10;
A FIND over several lines without a time window or LIMIT keeps reading: end it with ; or an empty line.
Tab completes. Ctrl-C cancels the running search; a second Ctrl-C leaves it running.
Alt-Enter does the opposite of Enter: it starts another line, or runs the text as it is.
F2 fuzzy completion   F3 multiline   F4 vi keys   F5 explain   F6 apply the fix
Ctrl-R history   Ctrl-X Ctrl-E editor"""

Words = Callable[[ReplState], Iterable[str]]


@dataclass(frozen=True, slots=True)
class ReplCommand:
    """A command: its name after the backslash, its argument, its help text and its function.

    Attributes:
        words: Whole words that run the command without a backslash, such as `quit`.
        after: Returns the words that may follow, for completion.
        candidates: Returns candidates that are more than words.
        takes_file: Whether the argument is the path of a file.
    """

    name: str
    argument: str
    doc: str
    run: Callable[[ReplState, str], str]
    words: tuple[str, ...] = ()
    after: Words | None = None
    candidates: Callable[[ReplState, str], Iterable[QueryCandidate]] | None = None
    takes_file: bool = False

    def words_after(self, state: ReplState) -> Iterable[str]:
        """Return the words that may follow, for completion."""
        return self.after(state) if self.after is not None else ()


def _run_help(state: ReplState, _argument: str) -> str:
    rows = [(f"\\{row.name} {row.argument}".rstrip(), row.doc) for row in COMMANDS]
    return f"{lay_out_pairs(rows, state.width)}\n\n{_EXAMPLES}"


def _run_quit(state: ReplState, _argument: str) -> str:
    state.switches.done = True
    return ""


def _run_describe(state: ReplState, argument: str) -> str:
    return describe_name(state.archive.catalogue, argument, state.width)


def _run_describe_key(state: ReplState, argument: str) -> str:
    return describe_key(state.archive.catalogue, argument, state.width)


def _run_error(state: ReplState, _argument: str) -> str:
    return state.error or "no error has occurred yet"


def _format_names(_state: ReplState) -> Iterable[str]:
    return FORMATS


def _describable_names(state: ReplState) -> Iterable[str]:
    return dict.fromkeys(known_names(state.known.archive.catalogue)) if state.known is not None else ()


def _key_names(state: ReplState) -> Iterable[str]:
    if state.known is None:
        return ()
    catalogue = state.known.archive.catalogue
    return dict.fromkeys(key for kind in catalogue.metadata for key in catalogue.keys(kind))


def _result_names(state: ReplState) -> Iterable[str]:
    return state.archive.results


def _picture_names(_state: ReplState) -> Iterable[str]:
    return PICTURE_NAMES


def _picture_command(name: str) -> Callable[[ReplState, str], str]:
    """Return a command that loads the pictures when it is first used."""

    def run(state: ReplState, argument: str) -> str:
        message: str = getattr(import_module("auroraql.frontends.repl.picture_commands"), name)(state, argument)
        return message

    return run


def _web_page_names(_state: ReplState) -> Iterable[str]:
    return WEB_PAGES


def _on_off_words(_state: ReplState) -> Iterable[str]:
    return result_commands.ON_OFF


def _keyword_words(_state: ReplState) -> Iterable[str]:
    return (*KEYWORDS, *PERIODS, *FUNCTIONS)


COMMANDS = (
    ReplCommand("?", "", "show this help", _run_help, ("help",)),
    ReplCommand("h", "[KEYWORD]", "explain a keyword: its syntax and an example",
            lambda state, argument: keyword_help(argument, state.width), after=_keyword_words),
    ReplCommand("d", "[NAME]", "show the sources, the fields of a kind, the sources of a program or platform, or the values of a key",
            _run_describe, after=_describable_names),
    ReplCommand("dm", "[KEY]", "explain a metadata key: its values and the sources that have it",
            _run_describe_key, after=_key_names),
    ReplCommand("last", "[FORMAT]", "show the last result with all columns and rows, or in a format",
            result_commands.show_last, after=_format_names),
    ReplCommand("x", "[on|off]", "show one value per line, or the table again", result_commands.set_vertical, after=_on_off_words),
    ReplCommand("G", "", "show the last result with one value per line; also at the end of a statement", result_commands.show_last_vertically),
    ReplCommand("format", "[NAME]", f"set the format of results: {', '.join(FORMATS)}", result_commands.set_format, after=_format_names),
    ReplCommand("export", "FILE", "write the last result to a file", result_commands.export_result, takes_file=True),
    ReplCommand("download", "FOLDER", "download the files of the last result into a folder", result_commands.download_files, takes_file=True),
    ReplCommand("o", "[FILE]", "send results to a file, or to the terminal again", result_commands.set_output, takes_file=True),
    ReplCommand("tee", "[FILE]", "also write results to a file, or stop", result_commands.set_tee, takes_file=True),
    ReplCommand("pipe", "COMMAND", "send the last result to a shell command", result_commands.pipe_last_result),
    ReplCommand("show", "[ROW]", "download the product of a row of the last result and show its image", _picture_command("show_product")),
    ReplCommand("calendar", "[NAME]", "draw the last result, or one stored by LET, by source and day", _picture_command("show_calendar"), after=_result_names),
    ReplCommand("timeline", "[NAME]", "draw the last result, or one stored by LET, over time", _picture_command("show_timeline"), after=_result_names),
    ReplCommand("plot", "[PICTURE] [FILE]", f"draw the last result, or write the picture to a file; pictures: {', '.join(PICTURE_NAMES)}",
            _picture_command("plot_result"), after=_picture_names),
    ReplCommand("open", "[ROW|PAGE]", "open the product of a row in the browser, or the search on the page aurorax or swarm-aurora", result_commands.open_product,
            after=_web_page_names),
    ReplCommand("watch", "[SECONDS]", "run the last statement repeatedly and report what is new", result_commands.watch_statement),
    ReplCommand("timing", "[on|off]", "show where the time went, or stop", result_commands.set_timing, after=_on_off_words),
    ReplCommand("jobs", "", "list the submitted searches and their status", background_jobs.show_jobs),
    ReplCommand("fetch", "[NAME|ID]", "wait for a search, by name or request ID, and show its result",
            background_jobs.fetch_job, after=background_jobs.job_names_and_ids),
    ReplCommand("cancel", "NAME|ID", "cancel a search", background_jobs.cancel_job, after=background_jobs.job_names_and_ids),
    ReplCommand("i", "FILE", "run the statements of a file", run_statements.run_file, takes_file=True),
    ReplCommand("run", "NAME [PARAM=VALUE …]", "run a saved query or a file, with values for its parameters",
            query_commands.run_saved_query, candidates=query_commands.query_candidates),
    ReplCommand("save", "NAME [DESCRIPTION]", "save the last statement as a query; \\save! replaces one",
            query_commands.save_statement),
    ReplCommand("queries", "", "list the saved queries", query_commands.show_queries),
    ReplCommand("e", "", "edit the last statement in $EDITOR", edit_last_statement),
    ReplCommand("E", "", "show the last error in full", _run_error),
    ReplCommand("q", "", "quit (also Ctrl-D)", _run_quit, ("quit", "exit")),
)  # fmt: skip
"""All commands, in the order of the help."""

_BY_NAME = {name: row for row in COMMANDS for name in (row.name, *row.words)}
_BY_WORD = {word: row for row in COMMANDS for word in row.words}


def find_command(name: str) -> ReplCommand | None:
    """Return the command of a name: an exact match, else a match in lower case."""
    return _BY_NAME.get(name) or _BY_NAME.get(name.lower())


def is_command(text: str) -> bool:
    """Return whether a text is a command and not a statement. A comment `/* … */` is not a command."""
    typed = _parse_command(text)
    return (
        (typed.startswith("\\") and LINE_END_PATTERN.search(typed) is None)
        or typed.lower() in _BY_WORD
        or _COMMAND.fullmatch(typed) is not None
    )


def blank_commands(text: str) -> str:
    """Return pasted text with its commands replaced by blanks, so that the offsets of the statements do not change."""
    return "".join(re.sub(r"[^\r\n]", " ", part) if is_command(part) else part for part in split_input(text))


def split_input(text: str) -> Iterator[str]:
    r"""Split pasted text into commands, one line each, and the statements between them, in order.

    A line that begins with a backslash is a command unless a statement is incomplete before it. A `\G` line after a
    statement belongs to that statement.
    """
    if _ANYWHERE.search(text) is None:
        yield text
        return
    statement = ""
    for line in filter(None, _LINE.findall(text)):
        shows_vertically = bool(statement.strip()) and line.strip(" \r\n;") == "\\G"
        if (
            line.lstrip().startswith("\\")
            and not shows_vertically
            and (not statement.strip() or _is_statement_complete(statement))
        ):
            yield from (statement, line) if statement else (line,)
            statement = ""
        else:
            statement += line
    if statement:
        yield statement


def _is_statement_complete(text: str) -> bool:
    """Return whether all statements are complete, so that a command may follow."""
    try:
        return is_complete(text)
    except AuroraQLError:
        return True


def run_command(state: ReplState, text: str) -> str:
    """Run a command and return the text to print. Raises UsageError for a wrong argument."""
    typed = _parse_command(text)
    match = _COMMAND.fullmatch(typed)
    name = match["name"] if match else ""
    row = _BY_WORD.get(typed.lower()) or find_command(name)
    if row is not None:
        return row.run(state, match["argument"].strip() if match else "")
    matches = find_closest(name.lower(), _BY_NAME, 1, 0.5)
    nearest = f"did you mean \\{_BY_NAME[matches[0]].name}? " if matches else ""
    return f"unknown command {typed.split(maxsplit=1)[0]}\n  = hint: {nearest}\\? lists all commands"


def _parse_command(text: str) -> str:
    return text.strip().rstrip(";").rstrip()
