"""The words of a script: the tokens of each statement, also of one that is wrong or unfinished."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from auroraql.completion.parser_state import ParserState
from auroraql.completion.scope import ScopeReader
from auroraql.diagnostics.errors import Diagnostic
from auroraql.language.ast import Token
from auroraql.language.splitter import Form, end_of_unbalanced, find_next_start, split_script

NAME_TERMINALS = ("NAME", "QNAME")
"""Terminals of names, plain and in backticks."""


@dataclass(frozen=True, slots=True)
class StatementWords:
    """A statement of a script, with its offsets and its words. Only statements in AuroraQL's own form have words."""

    start: int
    end: int
    form: Form
    words: Sequence[Token]

    def word_at(self, offset: int) -> int | None:
        """Return the index of the word that contains an offset or ends at it, or None."""
        touching = [at for at, word in enumerate(self.words) if word.start_pos <= offset <= word.end_pos]
        return next((at for at in touching if offset < self.words[at].end_pos), touching[-1] if touching else None)

    def scope_before(self, index: int) -> ScopeReader:
        """Return the scopes after the words before an index."""
        return ScopeReader().read(self.words[:index])


def script_words(text: str) -> Iterator[StatementWords]:
    """Yield the statements of a script in order. A statement whose end is unclear reaches to the next one."""
    end = 0
    for piece in split_script(text):
        if isinstance(piece, Diagnostic):
            begin = find_next_start(text, end)
            end = end_of_unbalanced(text, begin)
            yield StatementWords(begin, end, "text", _read_words(text, begin, end))
            continue
        end = piece.end
        words = _read_words(text, piece.start, end) if piece.form == "text" else ()
        yield StatementWords(piece.start, end, piece.form, words)


def statement_at(text: str, offset: int) -> StatementWords | None:
    """Return the statement that contains an offset, or None between statements."""
    return next((s for s in script_words(text) if s.start <= offset <= s.end), None)


def _read_words(text: str, start: int, end: int) -> Sequence[Token]:
    state = ParserState.begin()
    state.read(text, start, end)
    return state.words
