"""The language service of one archive: checks, completion and hover for a text that changes.

An editor keeps one service per document. It caches the parser state, so that a key costs a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from auroraql.completion import ArchiveNames, Completer, Completion, CompletionContext
from auroraql.completion.incomplete_input import MAX_CHECKED_CHARACTERS, IncompleteInputCheck
from auroraql.completion.live_checker import LiveChecker
from auroraql.diagnostics.errors import Diagnostic, Source
from auroraql.language_service.hover import Hover, hover_at
from auroraql.queries import Given, known_values, read_front_matter
from auroraql.results.stored_results import table_columns
from auroraql.schema.catalogue import Catalogue
from auroraql.session.analyzer import EMPTY_CONTEXT, SessionContext, check_scripts
from auroraql.session.settings import SETTINGS
from auroraql.session.show import listing_columns


def completion_context(
    catalogue: Catalogue, session: SessionContext = EMPTY_CONTEXT, earlier: CompletionContext | None = None
) -> CompletionContext:
    """Return the names that completion offers for a catalogue and a session.

    The index of names of an `earlier` context is used again while the catalogue is the same.
    """
    names = earlier.archive if earlier is not None and earlier.archive.catalogue is catalogue else None
    return CompletionContext(
        names or ArchiveNames(catalogue),
        results={name: tuple(column.name for column in stored.columns) for name, stored in session.results.items()},
        tables={
            name: tuple(column.name for column in table_columns(stored)) for name, stored in session.results.items()
        },
        searches=tuple(session.searches),
        settings={name: row.values for name, row in SETTINGS.items()},
        listings=listing_columns(),
    )


def check_sources(
    sources: Sequence[Source], given: Given, catalogue: Catalogue, session: SessionContext = EMPTY_CONTEXT
) -> Sequence[tuple[Source, Sequence[Diagnostic]]]:
    """Return each script with its diagnostics: those of its front matter, then those of its statements.

    `given` has the texts of parameters by name. Declared parameters have their defaults, and a parameter without a value
    is not an error. The scripts share results and parameters, in their order.
    """
    values: dict[str, object] = {}
    for name, texts in given.items():
        if not any(read_front_matter(source).get_declaration(name) for source in sources):
            values[name] = texts[0] if len(texts) == 1 else texts
    reports: dict[int, list[Diagnostic]] = {}
    for number, source in enumerate(sources):
        bound, problems = known_values(source, given)
        values |= bound
        reports[number] = list(problems)
    numbers = {id(source): number for number, source in enumerate(sources)}
    for source, report in check_scripts(sources, catalogue, values, session):
        reports[numbers[id(source)]] += report
    return [(source, reports[number]) for number, source in enumerate(sources)]


@dataclass(slots=True)
class LanguageService:
    """Language service of a catalogue and a session, for one text that is edited."""

    catalogue: Catalogue
    session: SessionContext = EMPTY_CONTEXT
    given: Given = field(default_factory=dict)
    """Texts of parameters by name. They replace the defaults that the text declares."""
    _context: CompletionContext | None = None
    _read_text: str | None = None
    """The text whose results `_context` has."""
    _live: LiveChecker = field(default_factory=LiveChecker)
    _completer: Completer = field(default_factory=Completer)
    _typed: IncompleteInputCheck = field(default_factory=IncompleteInputCheck)

    def update(self, catalogue: Catalogue, session: SessionContext) -> None:
        """Use another catalogue or session state from now on."""
        if catalogue is not self.catalogue or session != self.session:
            self.catalogue, self.session, self._read_text = catalogue, session, None

    def check(self, text: str, *, typing: bool = False) -> Sequence[Diagnostic]:
        """Return the errors and warnings of a script: those of its front matter, then those of its statements.

        A parameter without a value is not an error. With `typing`, an unfinished last statement is checked up to its
        last complete part: the beginning of a valid statement has no error. A text with more than
        MAX_CHECKED_CHARACTERS characters was not typed, and is only checked without `typing`.
        """
        if typing:
            if len(text) > MAX_CHECKED_CHARACTERS:
                return ()
            values, problems = known_values(Source(text), self.given)
            return (*problems, *self._typed.check(text, self.catalogue, self.session, values))
        ((_, report),) = check_sources([Source(text)], self.given, self.catalogue, self.session)
        return report

    def complete(self, text: str, offset: int) -> Sequence[Completion]:
        """Return at most 100 candidates for the cursor at an offset, best first. A very long text has none."""
        if len(text) > MAX_CHECKED_CHARACTERS:
            return ()
        return self._completer.complete(text, offset, self._names_in(text))

    def hover(self, text: str, offset: int) -> Hover | None:
        """Return the facts about the word at an offset, or None."""
        results = self._names_in(text).results if len(text) <= MAX_CHECKED_CHARACTERS else {}
        return hover_at(text, offset, self.catalogue, results)

    def _names_in(self, text: str) -> CompletionContext:
        """Return the names of the archive and the session, and of the results that the text defines."""
        if self._context is None or text != self._read_text:
            self._live.check(text, self.catalogue, self.session, known_values(Source(text), self.given)[0])
            session = replace(self.session, results=self._live.results)
            context = completion_context(self.catalogue, session, self._context)
            # The completer caches by the identity of the context: keep it while no name changes.
            self._context = context if context != self._context else self._context
            self._read_text = text
        return self._context
