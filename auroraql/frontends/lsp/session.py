"""The session of an editor: its open documents, their checks, and the answers to requests about them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import singledispatchmethod
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer

from auroraql.diagnostics.errors import AuroraQLError
from auroraql.engines.registry import offline_catalogue
from auroraql.frontends.lsp import features
from auroraql.frontends.lsp.configuration import EditorSettings, read_settings
from auroraql.frontends.lsp.documents import DocumentStore, OpenDocument
from auroraql.frontends.lsp.semantic_tokens import semantic_tokens
from auroraql.language_service.service import LanguageService
from auroraql.schema.catalogue import Catalogue, load_shipped

_PAUSE_SECONDS = 0.15
"""Pause in typing after which a document is checked."""


class EditingSession:
    """The documents that an editor has open, and the archive whose names they are checked with."""

    def __init__(self, server: LanguageServer, archive: str, settings: EditorSettings) -> None:
        self._server, self._archive, self._settings = server, archive, settings
        self._documents = DocumentStore(self._create_service)
        self._catalogue: Catalogue | None = None
        self._pending: dict[str, asyncio.TimerHandle] = {}

    def prepare(self) -> None:
        """Load the data sources and report problems of the settings, before the first document opens."""
        self._warn_of_settings(self._settings)
        self._load_catalogue()

    def answer(self, method: str, params: Any) -> Any:
        """Return the result of a request about a document.

        It is None for an unknown document, and, for requests that cost too much, for a very long one.
        """
        document = self._documents.get(params.text_document.uri)
        if document is None or (method in _SHORT_ONLY and features.is_long(document)):
            return None
        return _ANSWERS[method](document, params)

    # --- notifications

    @singledispatchmethod
    def receive(self, params: object) -> None:
        """Take a notification of the editor."""
        raise TypeError(f"{type(params).__name__} has no handler")

    @receive.register
    def _(self, params: types.DidOpenTextDocumentParams) -> None:
        opened = params.text_document
        document = self._documents.open(opened.uri, opened.text, opened.version)
        self._publish(document)
        if features.is_long(document):
            self._warn(features.LONG_DOCUMENT_MESSAGE)

    @receive.register
    def _(self, params: types.DidChangeTextDocumentParams) -> None:
        changed = params.text_document
        document = self._documents.change(changed.uri, params.content_changes, changed.version)
        if document is not None:
            self._cancel_check(changed.uri)
            loop = asyncio.get_running_loop()
            self._pending[changed.uri] = loop.call_later(_PAUSE_SECONDS, self._publish, document)

    @receive.register
    def _(self, params: types.DidSaveTextDocumentParams) -> None:
        if (document := self._documents.save(params.text_document.uri)) is not None:
            self._publish(document)

    @receive.register
    def _(self, params: types.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        self._cancel_check(uri)
        if self._documents.close(uri):
            self._send_diagnostics(types.PublishDiagnosticsParams(uri=uri, diagnostics=[]))

    @receive.register
    def _(self, params: types.DidChangeConfigurationParams) -> None:
        if params.settings is None:  # asks the server to request the settings, which it does not need
            return
        settings = read_settings(params.settings)
        self._warn_of_settings(settings)
        if settings == self._settings:
            return
        if settings.archive != self._settings.archive:
            self._catalogue = None
        self._settings = settings
        for document in self._documents.renew_services():
            self._publish(document)

    # --- checks

    def _publish(self, document: OpenDocument) -> None:
        """Publish the diagnostics of a document, unless a newer version is open."""
        if self._documents.get(document.uri) is not document:
            return
        self._cancel_check(document.uri)
        diagnostics = features.diagnostics(document)
        self._send_diagnostics(
            types.PublishDiagnosticsParams(uri=document.uri, version=document.version, diagnostics=diagnostics)
        )

    def _send_diagnostics(self, params: types.PublishDiagnosticsParams) -> None:
        self._server.text_document_publish_diagnostics(params)

    def _cancel_check(self, uri: str) -> None:
        if (pending := self._pending.pop(uri, None)) is not None:
            pending.cancel()

    def _create_service(self) -> LanguageService:
        return LanguageService(self._load_catalogue(), given=self._settings.parameters)

    def _load_catalogue(self) -> Catalogue:
        """Return the data sources of the archive, from its file or its cache. No archive is contacted."""
        if self._catalogue is None:
            try:
                self._catalogue = offline_catalogue(self._settings.archive or self._archive)
            except AuroraQLError as error:
                self._catalogue = load_shipped()
                self._warn(f"{error} The data sources that come with AuroraQL are used.")
        return self._catalogue

    def _warn_of_settings(self, settings: EditorSettings) -> None:
        for problem in settings.problems:
            self._warn(f"{problem}, and is ignored")

    def _warn(self, message: str) -> None:
        self._server.window_show_message(types.ShowMessageParams(type=types.MessageType.Warning, message=message))


# --- requests


def _definition(document: OpenDocument, params: types.DefinitionParams) -> list[types.Location]:
    occurrences = features.occurrences(document, params.position)
    return features.locations(document, [occurrence for occurrence in occurrences if occurrence.is_definition])


def _references(document: OpenDocument, params: types.ReferenceParams) -> list[types.Location]:
    occurrences = features.occurrences(document, params.position)
    selected = [o for o in occurrences if params.context.include_declaration or not o.is_definition]
    return features.locations(document, selected)


def _highlights(document: OpenDocument, params: types.DocumentHighlightParams) -> list[types.DocumentHighlight]:
    occurrences = features.occurrences(document, params.position)
    return [types.DocumentHighlight(range=document.range(occurrence.span)) for occurrence in occurrences]


def _rename(document: OpenDocument, params: types.RenameParams) -> types.WorkspaceEdit | None:
    try:
        return features.rename(document, params.position, params.new_name)
    except ValueError as error:
        raise JsonRpcInvalidParams(message=str(error)) from None


_ANSWERS: dict[str, Callable[[OpenDocument, Any], object]] = {
    types.TEXT_DOCUMENT_COMPLETION: lambda document, params: features.completion(document, params.position),
    types.TEXT_DOCUMENT_HOVER: lambda document, params: features.hover(document, params.position),
    types.TEXT_DOCUMENT_CODE_ACTION: lambda document, params: features.code_actions(document, params.range),
    types.TEXT_DOCUMENT_FORMATTING: lambda document, _: features.formatting(document),
    types.TEXT_DOCUMENT_FOLDING_RANGE: lambda document, _: features.folding_ranges(document),
    types.TEXT_DOCUMENT_CODE_LENS: lambda document, _: features.code_lenses(document),
    types.TEXT_DOCUMENT_INLAY_HINT: lambda document, params: features.inlay_hints(document, params.range),
    types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL: lambda document, _: semantic_tokens(document),
    types.TEXT_DOCUMENT_DEFINITION: _definition,
    types.TEXT_DOCUMENT_REFERENCES: _references,
    types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT: _highlights,
    types.TEXT_DOCUMENT_RENAME: _rename,
    types.TEXT_DOCUMENT_DOCUMENT_SYMBOL: lambda document, _: features.document_symbols(document),
}

_SHORT_ONLY = frozenset(
    (
        types.TEXT_DOCUMENT_FOLDING_RANGE,
        types.TEXT_DOCUMENT_CODE_LENS,
        types.TEXT_DOCUMENT_INLAY_HINT,
        types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL,
        types.TEXT_DOCUMENT_DOCUMENT_SYMBOL,
    )
)
"""Requests that editors repeat after every key."""
