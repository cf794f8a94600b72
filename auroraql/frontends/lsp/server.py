"""The language server: requests and notifications of the protocol, over standard input and output.

Handlers are plain functions. pygls runs them in the order of the messages, so that each sees the newest text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer

from auroraql import __version__
from auroraql.diagnostics.errors import AuroraQLError
from auroraql.engines.registry import offline_catalogue
from auroraql.frontends.lsp import features
from auroraql.frontends.lsp.documents import DocumentStore, OpenDocument
from auroraql.schema.catalogue import Catalogue, load_shipped

_PAUSE_SECONDS = 0.15
"""Pause in typing after which a document is checked."""


class AuroraQLServer(LanguageServer):
    """Language server with the open documents and the archive whose names it offers."""

    def __init__(self, archive: str) -> None:
        super().__init__("auroraql", __version__, text_document_sync_kind=types.TextDocumentSyncKind.Full)
        self.archive = archive
        self.documents = DocumentStore(self.catalogue)
        self._catalogue: Catalogue | None = None
        self._pending: dict[str, asyncio.TimerHandle] = {}

    def catalogue(self) -> Catalogue:
        """Return the data sources of the archive, from its file or its cache. No archive is contacted."""
        if self._catalogue is None:
            try:
                self._catalogue = offline_catalogue(self.archive)
            except AuroraQLError as error:
                self._catalogue = load_shipped()
                message = f"{error} The data sources that come with AuroraQL are used."
                self.window_show_message(types.ShowMessageParams(type=types.MessageType.Warning, message=message))
        return self._catalogue

    def check_after_pause(self, document: OpenDocument) -> None:
        """Publish the diagnostics of a document once its text has not changed for a moment."""
        if (pending := self._pending.pop(document.uri, None)) is not None:
            pending.cancel()
        self._pending[document.uri] = asyncio.get_running_loop().call_later(_PAUSE_SECONDS, self.publish, document)

    def publish(self, document: OpenDocument) -> None:
        """Publish the diagnostics of a document, unless a newer version is open."""
        self._pending.pop(document.uri, None)
        if self.documents.get(document.uri) is not document:
            return
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(
                uri=document.uri, version=document.version, diagnostics=features.diagnostics(document)
            )
        )

    def forget(self, uri: str) -> None:
        """Close a document and remove its diagnostics."""
        if (pending := self._pending.pop(uri, None)) is not None:
            pending.cancel()
        self.documents.close(uri)
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri=uri, diagnostics=[]))


def create_server(archive: str) -> AuroraQLServer:
    """Return a server that offers the names of an archive."""
    server = AuroraQLServer(archive)
    _add_document_handlers(server)
    _add_query_handlers(server)
    _add_symbol_handlers(server)
    return server


def _add_document_handlers(server: AuroraQLServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def _(ls: AuroraQLServer, params: types.DidOpenTextDocumentParams) -> None:
        opened = params.text_document
        ls.publish(ls.documents.open(opened.uri, opened.text, opened.version))

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def _(ls: AuroraQLServer, params: types.DidChangeTextDocumentParams) -> None:
        # The kind of synchronization is full: the last change has the whole text.
        text = params.content_changes[-1].text
        ls.check_after_pause(ls.documents.change(params.text_document.uri, text, params.text_document.version))

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def _(ls: AuroraQLServer, params: types.DidSaveTextDocumentParams) -> None:
        if (document := ls.documents.save(params.text_document.uri)) is not None:
            ls.publish(document)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def _(ls: AuroraQLServer, params: types.DidCloseTextDocumentParams) -> None:
        ls.forget(params.text_document.uri)


def _of_document(server: AuroraQLServer, name: str, answer: Callable[..., Any], options: object = None) -> None:
    """Register a request about a document. `answer` receives the document and the parameters of the request."""

    @server.feature(name, options)
    def _(ls: AuroraQLServer, params: Any) -> Any:
        document = ls.documents.get(params.text_document.uri)
        return answer(document, params) if document is not None else None


def _add_query_handlers(server: AuroraQLServer) -> None:
    _of_document(
        server,
        types.TEXT_DOCUMENT_COMPLETION,
        lambda document, params: features.completion(document, params.position),
        types.CompletionOptions(trigger_characters=[".", "'", '"', "$", "`", "(", " "]),
    )
    _of_document(server, types.TEXT_DOCUMENT_HOVER, lambda document, params: features.hover(document, params.position))
    _of_document(
        server,
        types.TEXT_DOCUMENT_CODE_ACTION,
        lambda document, params: features.code_actions(document, params.range),
        types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix]),
    )
    _of_document(server, types.TEXT_DOCUMENT_FORMATTING, lambda document, _: features.formatting(document))
    _of_document(server, types.TEXT_DOCUMENT_FOLDING_RANGE, lambda document, _: features.folding_ranges(document))
    _of_document(server, types.TEXT_DOCUMENT_CODE_LENS, lambda document, _: features.code_lenses(document))
    _of_document(
        server, types.TEXT_DOCUMENT_INLAY_HINT, lambda document, params: features.inlay_hints(document, params.range)
    )
    _of_document(
        server,
        types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL,
        lambda document, _: features.semantic_tokens(document),
        types.SemanticTokensLegend(token_types=list(features.TOKEN_TYPES), token_modifiers=[]),
    )


def _add_symbol_handlers(server: AuroraQLServer) -> None:
    def definition(document: OpenDocument, params: types.DefinitionParams) -> list[types.Location]:
        found = features.occurrences(document, params.position)
        return features.locations(document, [occurrence for occurrence in found if occurrence.is_definition])

    def references(document: OpenDocument, params: types.ReferenceParams) -> list[types.Location]:
        found = features.occurrences(document, params.position)
        wanted = [o for o in found if params.context.include_declaration or not o.is_definition]
        return features.locations(document, wanted)

    def highlights(document: OpenDocument, params: types.DocumentHighlightParams) -> list[types.DocumentHighlight]:
        found = features.occurrences(document, params.position)
        return [types.DocumentHighlight(range=document.range(occurrence.span)) for occurrence in found]

    _of_document(server, types.TEXT_DOCUMENT_DEFINITION, definition)
    _of_document(server, types.TEXT_DOCUMENT_REFERENCES, references)
    _of_document(server, types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT, highlights)

    def rename(document: OpenDocument, params: types.RenameParams) -> types.WorkspaceEdit | None:
        try:
            return features.rename(document, params.position, params.new_name)
        except ValueError as error:
            raise JsonRpcInvalidParams(message=str(error)) from None

    _of_document(server, types.TEXT_DOCUMENT_RENAME, rename)
    _of_document(server, types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, lambda document, _: features.document_symbols(document))


def run_stdio(archive: str) -> None:
    """Serve one editor over standard input and output until it disconnects."""
    create_server(archive).start_io()
