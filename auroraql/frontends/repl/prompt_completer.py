"""The completer of the prompt. It never queries an archive. Only completion of file names reads the disk.

It offers nothing until the grammar and the names are loaded, shortly after the first prompt.
"""

from __future__ import annotations

from collections.abc import Iterable

from prompt_toolkit.completion import CompleteEvent, Completion, PathCompleter
from prompt_toolkit.document import Document

from auroraql.completion import Completer as Statements
from auroraql.completion.incomplete_input import MAX_CHECKED_CHARACTERS
from auroraql.frontends.repl.commands import COMMANDS, find_command
from auroraql.frontends.repl.state import ReplState


class PromptCompleter:
    """Completer of statements, and of commands with their arguments."""

    def __init__(self, state: ReplState) -> None:
        self.state = state
        self._statements = Statements()
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield the candidates at the cursor."""
        before = document.text_before_cursor
        if before.lstrip()[:1] in ("\\", "/") and "\n" not in before.strip():
            yield from self._command_candidates(before.lstrip(), complete_event)
        elif self.state.known is not None and len(document.text) <= MAX_CHECKED_CHARACTERS:
            cursor = document.cursor_position
            candidates = self._statements.complete(
                document.text, cursor, self.state.known, loose=self.state.switches.fuzzy
            )
            for candidate in candidates:
                yield Completion(candidate.text, candidate.start - cursor, candidate.shown, candidate.doc)

    def _command_candidates(self, typed: str, event: CompleteEvent) -> Iterable[Completion]:
        name, blank, argument = typed[1:].partition(" ")
        if not blank:
            rows = [row for row in COMMANDS if row.name.startswith(name)]
            yield from (Completion(row.name, -len(name), f"{typed[0]}{row.name}", row.doc) for row in rows)
            return
        row = find_command(name)
        if row is None:
            return
        if row.takes_file:
            if event.completion_requested or argument:
                yield from self._paths.get_completions(Document(argument), event)
            return
        if row.candidates is not None:
            for candidate in row.candidates(self.state, argument):
                yield Completion(candidate.text, -candidate.back, candidate.shown, candidate.doc)
            return
        for word in row.words_after(self.state):
            if word.casefold().startswith(argument.casefold()):
                yield Completion(word, -len(argument))
