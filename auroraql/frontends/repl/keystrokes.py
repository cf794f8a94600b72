"""What happens at each key: colours, candidates, and what is wrong. Nothing here asks an archive or reads a file.

Until the grammar and the names are there, which takes a moment after the first prompt, all of it is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from prompt_toolkit.completion import CompleteEvent, Completion, PathCompleter
from prompt_toolkit.document import Document

from auroraql.completion import Completer as Statements
from auroraql.completion import Finder, Known
from auroraql.errors import Diagnostic, Span
from auroraql.frontends.repl.commands import COMMANDS, command_called, is_command, parts
from auroraql.frontends.repl.state import State
from auroraql.listings import listing_columns
from auroraql.named import sql_columns
from auroraql.preparing import NOTHING, Standing
from auroraql.rechecking import Rechecking
from auroraql.schema.catalogue import Catalogue
from auroraql.settings import SETTINGS

LONGEST = 100_000
"""Characters beyond which nothing is completed or checked: such a text is pasted, not typed."""

_NOT_YET = frozenset(("AQL0105", "AQL0603", "AQL0607"))
"""What is only wrong because the statement goes on: it is not finished, it has no window, or no distance."""
_AFTER_BLOCKS = re.compile(r"\)\s*[^\W\d]|\bconjunctions\s+(?!OF?\b)\w", re.IGNORECASE)
"""A word behind a block, or in the place of all blocks: there are no more."""


def know(state: State) -> Known:
    """What completion knows as the session stands now; names of the archive are taken over when they are the same."""
    from auroraql.completion import ArchiveNames

    archive = state.archive
    held = state.known.archive if state.known is not None else None
    names = held if held is not None and held.catalogue is archive.catalogue else ArchiveNames(archive.catalogue)
    return Known(
        names,
        results={name: tuple(column.name for column in result.columns) for name, result in archive.results.items()},
        tables={name: tuple(each[0] for each in sql_columns(kept)) for name, kept in archive.standing.results.items()},
        searches=archive.searches,
        settings={name: row.values for name, row in SETTINGS.items()},
        listings=listing_columns(),
    )


class Candidates:
    """The candidates of statements, and of commands and what follows them."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._statements = Statements()
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """What may stand at the cursor."""
        before = document.text_before_cursor
        if before.lstrip()[:1] in ("\\", "/") and "\n" not in before.strip():
            yield from self._of_command(before.lstrip(), complete_event)
        elif self.state.known is not None and len(document.text) <= LONGEST:
            cursor = document.cursor_position
            found = self._statements.complete(document.text, cursor, self.state.known, loose=self.state.switches.fuzzy)
            for each in found:
                yield Completion(each.text, each.start - cursor, each.shown, each.doc)

    def _of_command(self, typed: str, event: CompleteEvent) -> Iterable[Completion]:
        name, blank, argument = typed[1:].partition(" ")
        if not blank:
            rows = [row for row in COMMANDS if row.name.startswith(name)]
            yield from (Completion(row.name, -len(name), f"{typed[0]}{row.name}", row.doc) for row in rows)
            return
        row = command_called(name)
        if row is None:
            return
        if row.takes_file:
            if event.completion_requested or argument:
                yield from self._paths.get_completions(Document(argument), event)
            return
        if row.candidates is not None:
            for each in row.candidates(self.state, argument):
                yield Completion(each.text, -each.back, each.shown, each.doc)
            return
        for word in row.words_after(self.state):
            if word.casefold().startswith(argument.casefold()):
                yield Completion(word, -len(argument))


class TypedCheck:
    """Says what is wrong with a text that is typed and may not be finished; it remembers from one key to the next."""

    def __init__(self) -> None:
        self._checks, self._finder = Rechecking(), Finder()

    def wrong(self, text: str, catalogue: Catalogue, standing: Standing = NOTHING) -> tuple[Diagnostic, ...]:
        """What is wrong with it; of what is not finished, with as much of it as makes sense."""
        if not text.strip() or len(text) > LONGEST or is_command(text):
            return ()
        # A command is no statement, and the places of the others stay the same.
        text = "".join(re.sub(r"[^\n]", " ", part) if is_command(part) else part for part in parts(text))
        said = self._checks.check(text, catalogue, standing)
        wrong = tuple(each for each in said if not _goes_on(each, text))
        if wrong or not any(each.severity == "error" for each in said):
            return wrong
        whole = self._finder.whole_beginning(text)
        if not whole.strip() or whole == text:
            return ()
        said = self._checks.check(whole, catalogue, standing)
        return tuple(each for each in said if each.code not in _NOT_YET and not _goes_on(each, text))


def _goes_on(diagnostic: Diagnostic, text: str) -> bool:
    """Whether it is wrong only because more is to come: of the statement, or of the word at the end."""
    if "never closed" in diagnostic.message:
        return True
    if diagnostic.code in _NOT_YET:  # but on a blank line Enter runs it as it is
        return diagnostic.severity == "error" or not text.rstrip(" ").endswith("\n")
    origin = diagnostic.origin
    if not isinstance(origin, Span) or diagnostic.severity != "error":
        return False
    last = text[origin.start :].rstrip()
    match diagnostic.code:
        case "AQL0114":  # a comma, behind which nothing stands yet
            return last == ","
        case "AQL0112":  # a date, of which only the year or the month stands there
            return len(last.split()) == 1
        case "AQL0213":  # blocks, to which others may be added
            return _AFTER_BLOCKS.search(text, text.rfind(";", 0, origin.start) + 1) is None
        case _:
            return origin.end >= len(text) and (text[-1:].isalnum() or last == "$")
