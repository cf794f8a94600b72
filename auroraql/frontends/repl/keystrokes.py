"""What is offered at each key. Nothing here asks an archive or reads a file.

Until the grammar and the names are there, which takes a moment after the first prompt, all of it is left out.
"""

from __future__ import annotations

from collections.abc import Iterable

from prompt_toolkit.completion import CompleteEvent, Completion, PathCompleter
from prompt_toolkit.document import Document

from auroraql.completion import Completer as Statements
from auroraql.completion import Known
from auroraql.frontends.repl.commands import COMMANDS, command_called
from auroraql.frontends.repl.state import State
from auroraql.frontends.repl.unfinished import LONGEST
from auroraql.listings import listing_columns
from auroraql.named import sql_columns
from auroraql.settings import SETTINGS


def know(state: State) -> Known:
    """What completion knows as the session stands now; names of the archive are taken over when they are the same."""
    from auroraql.completion import ArchiveNames

    archive = state.archive
    held = state.known.archive if state.known is not None else None
    names = held if held is not None and held.catalogue is archive.catalogue else ArchiveNames(archive.catalogue)
    return Known(
        names,
        results={name: tuple(column.name for column in result.columns) for name, result in archive.results.items()},
        tables={
            name: tuple(column.name for column in sql_columns(kept)) for name, kept in archive.standing.results.items()
        },
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
