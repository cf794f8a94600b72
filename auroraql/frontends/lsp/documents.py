"""Open documents of the language server: their text, lines and language service.

The server keeps the whole text itself. The line ends of the protocol are CR, LF and CRLF only, while `str.splitlines`
also splits at U+2028, form feeds and others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from lsprotocol import types

from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.language_service.positions import LineTable, Position
from auroraql.language_service.service import LanguageService


@dataclass
class OpenDocument:
    """An open document at one version. Its service stays the same from version to version."""

    uri: str
    text: str
    version: int
    service: LanguageService
    is_saved: bool = True
    """Whether the text is that of the file. Text that is being typed may be unfinished."""
    _problems: dict[bool, Sequence[Diagnostic]] = field(default_factory=dict)

    @cached_property
    def lines(self) -> LineTable:
        """The table of lines."""
        return LineTable(self.text)

    @property
    def problems(self) -> Sequence[Diagnostic]:
        """The errors and warnings. While the text differs from the file, its end may be unfinished."""
        if self.is_saved not in self._problems:
            self._problems[self.is_saved] = self.service.check(self.text, typing=not self.is_saved)
        return self._problems[self.is_saved]

    def offset(self, position: types.Position) -> int:
        """Return the offset of a position of the protocol."""
        return self.lines.offset(Position(position.line, position.character))

    def position(self, offset: int) -> types.Position:
        """Return the position of an offset in the protocol."""
        line, character = self.lines.position(offset)
        return types.Position(line=line, character=character)

    def range(self, span: Span) -> types.Range:
        """Return the range of a span in the protocol."""
        return types.Range(start=self.position(span.start), end=self.position(span.end))


@dataclass(slots=True)
class DocumentStore:
    """The open documents by address. `create_service` returns the service of a new document."""

    create_service: Callable[[], LanguageService]
    _documents: dict[str, OpenDocument] = field(default_factory=dict)

    def open(self, uri: str, text: str, version: int) -> OpenDocument:
        """Add a document and return it."""
        self._documents[uri] = OpenDocument(uri, text, version, self.create_service())
        return self._documents[uri]

    def change(
        self, uri: str, changes: Iterable[types.TextDocumentContentChangeEvent], version: int
    ) -> OpenDocument | None:
        """Apply changes to a document in their order and return it, or None for an unknown document."""
        document = self._documents.get(uri)
        if document is None:
            return None
        text = document.text
        for change in changes:
            text = _apply_change(text, change)
        self._documents[uri] = OpenDocument(uri, text, version, document.service, is_saved=False)
        return self._documents[uri]

    def save(self, uri: str) -> OpenDocument | None:
        """Note that a document is saved, and return it."""
        document = self._documents.get(uri)
        if document is not None:
            document.is_saved = True
        return document

    def close(self, uri: str) -> bool:
        """Remove a document, and return whether it was open."""
        return self._documents.pop(uri, None) is not None

    def get(self, uri: str) -> OpenDocument | None:
        """Return an open document, or None."""
        return self._documents.get(uri)

    def renew_services(self) -> Sequence[OpenDocument]:
        """Give every document a new service, and return the documents."""
        for uri, document in self._documents.items():
            self._documents[uri] = OpenDocument(
                uri, document.text, document.version, self.create_service(), document.is_saved
            )
        return tuple(self._documents.values())


def _apply_change(text: str, change: types.TextDocumentContentChangeEvent) -> str:
    """Return a text after a change. The server asks for whole texts, but some editors send parts anyway."""
    if isinstance(change, types.TextDocumentContentChangeWholeDocument):
        return change.text
    lines = LineTable(text)
    start, end = (
        lines.offset(Position(place.line, place.character)) for place in (change.range.start, change.range.end)
    )
    return text[:start] + change.text + text[max(start, end) :]
