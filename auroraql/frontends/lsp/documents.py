"""Open documents of the language server: their text, lines and language service.

The server keeps the whole text itself. The line ends of the protocol are CR, LF and CRLF only, while `str.splitlines`
also splits at U+2028, form feeds and others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from lsprotocol import types

from auroraql.diagnostics.errors import Span
from auroraql.language_service.positions import LineTable, Position
from auroraql.language_service.service import LanguageService
from auroraql.schema.catalogue import Catalogue


@dataclass
class OpenDocument:
    """An open document at one version. Its service stays the same from version to version."""

    uri: str
    text: str
    version: int
    service: LanguageService
    is_saved: bool = True
    """Whether the text is that of the file. Text that is being typed may be unfinished."""

    @cached_property
    def lines(self) -> LineTable:
        """The table of lines."""
        return LineTable(self.text)

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
    """The open documents by address. `catalogue` returns the data sources that documents are checked with."""

    catalogue: Callable[[], Catalogue]
    _documents: dict[str, OpenDocument] = field(default_factory=dict)

    def open(self, uri: str, text: str, version: int) -> OpenDocument:
        """Add a document and return it."""
        self._documents[uri] = OpenDocument(uri, text, version, LanguageService(self.catalogue()))
        return self._documents[uri]

    def change(self, uri: str, text: str, version: int) -> OpenDocument:
        """Replace the text of a document and return it."""
        earlier = self._documents.get(uri)
        service = earlier.service if earlier is not None else LanguageService(self.catalogue())
        self._documents[uri] = OpenDocument(uri, text, version, service, is_saved=False)
        return self._documents[uri]

    def save(self, uri: str) -> OpenDocument | None:
        """Note that a document is saved, and return it."""
        document = self._documents.get(uri)
        if document is not None:
            document.is_saved = True
        return document

    def close(self, uri: str) -> None:
        """Remove a document."""
        self._documents.pop(uri, None)

    def get(self, uri: str) -> OpenDocument | None:
        """Return an open document, or None."""
        return self._documents.get(uri)
