"""The language server: requests and notifications of the protocol, over standard input and output.

Handlers are plain functions. pygls runs them in the order of the messages, so that each sees the newest text.

The modules that answer load after `initialize`, so that an editor does not wait for the grammar.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, default_converter

from auroraql import __version__
from auroraql.diagnostics.errors import AuroraQLError
from auroraql.engines.registry import offline_catalogue
from auroraql.frontends.lsp.configuration import EditorSettings, read_settings
from auroraql.frontends.lsp.documents import DocumentStore, OpenDocument
from auroraql.frontends.lsp.token_types import TOKEN_TYPES
from auroraql.schema.catalogue import Catalogue, load_shipped


def _load_on_use(name: str) -> ModuleType:
    """Return a module that loads when one of its names is used first."""
    spec = importlib.util.find_spec(name)
    assert spec is not None, "a module of this package"  # noqa: S101
    assert spec.loader is not None, "a module of this package"  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    importlib.util.LazyLoader(spec.loader).exec_module(module)
    return module


if TYPE_CHECKING:
    from auroraql.frontends.lsp import features, semantic_tokens
    from auroraql.language_service.service import LanguageService
else:
    features = _load_on_use("auroraql.frontends.lsp.features")
    semantic_tokens = _load_on_use("auroraql.frontends.lsp.semantic_tokens")

_PAUSE_SECONDS = 0.15
"""Pause in typing after which a document is checked."""


class _Protocol(LanguageServerProtocol):
    """The protocol of pygls, which does not answer a request whose parameters are malformed."""

    def structure_message(self, data: dict[str, Any]) -> Any:
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            if "id" in data and "method" in data:
                self._send_response(data["id"], error=error.to_response_error())
            raise


class AuroraQLServer(LanguageServer):
    """Language server with the open documents and the archive whose names it offers."""

    def __init__(self, archive: str) -> None:
        super().__init__(
            "auroraql",
            __version__,
            text_document_sync_kind=types.TextDocumentSyncKind.Full,
            protocol_cls=_Protocol,
            converter_factory=default_converter,
        )
        self.settings = EditorSettings()
        self.documents = DocumentStore(self._create_service)
        self.is_shut_down = False
        self.exit_code = 0
        """Exit code of the process: 1 after an `exit` without `shutdown`, as the protocol says."""
        self._archive = archive
        self._catalogue: Catalogue | None = None
        self._pending: dict[str, asyncio.TimerHandle] = {}

    def configure(self, sent: Any) -> None:
        """Use the settings that an editor sent, and check the open documents again if they differ."""
        settings = read_settings(sent)
        for problem in settings.problems:
            self.warn(f"{problem}, and is ignored")
        if settings == self.settings:
            return
        if settings.archive != self.settings.archive:
            self._catalogue = None
        self.settings = settings
        for document in self.documents.renew_services():
            self.publish(document)

    def _create_service(self) -> LanguageService:
        from auroraql.language_service.service import LanguageService

        return LanguageService(self._load_catalogue(), given=self.settings.parameters)

    def _load_catalogue(self) -> Catalogue:
        """Return the data sources of the archive, from its file or its cache. No archive is contacted."""
        if self._catalogue is None:
            try:
                self._catalogue = offline_catalogue(self.settings.archive or self._archive)
            except AuroraQLError as error:
                self._catalogue = load_shipped()
                self.warn(f"{error} The data sources that come with AuroraQL are used.")
        return self._catalogue

    def warn(self, message: str) -> None:
        """Show a warning in the editor."""
        self.window_show_message(types.ShowMessageParams(type=types.MessageType.Warning, message=message))

    def report_server_error(self, error: Exception, source: object) -> None:  # noqa: ARG002 - called by pygls
        """Log an error of a notification in the editor's log. An error of a request is in its response."""
        message = f"{type(error).__name__}: {error}"
        self.window_log_message(types.LogMessageParams(type=types.MessageType.Error, message=message))

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
        if self.documents.close(uri):
            self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri=uri, diagnostics=[]))


def create_server(archive: str) -> AuroraQLServer:
    """Return a server that offers the names of an archive."""
    server = AuroraQLServer(archive)
    _add_configuration_handlers(server)
    _add_document_handlers(server)
    _add_query_handlers(server)
    _add_symbol_handlers(server)
    return server


def _add_configuration_handlers(server: AuroraQLServer) -> None:
    @server.feature(types.INITIALIZE)
    def _(ls: AuroraQLServer, params: types.InitializeParams) -> None:
        ls.settings = read_settings(params.initialization_options)

    @server.feature(types.INITIALIZED)
    def _(ls: AuroraQLServer, _params: types.InitializedParams) -> None:
        vars(features)  # loads the module now: the first document must not wait
        for problem in ls.settings.problems:
            ls.warn(f"{problem}, and is ignored")

    @server.feature(types.SHUTDOWN)
    def _(ls: AuroraQLServer, _params: None) -> None:
        ls.is_shut_down = True

    @server.feature(types.EXIT)
    def _(ls: AuroraQLServer, _params: None) -> None:
        ls.exit_code = 0 if ls.is_shut_down else 1

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    def _(ls: AuroraQLServer, params: types.DidChangeConfigurationParams) -> None:
        if params.settings is not None:  # null asks the server to request the settings, which it does not need
            ls.configure(params.settings)


def _add_document_handlers(server: AuroraQLServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def _(ls: AuroraQLServer, params: types.DidOpenTextDocumentParams) -> None:
        opened = params.text_document
        document = ls.documents.open(opened.uri, opened.text, opened.version)
        ls.publish(document)
        if features.is_long(document):
            ls.warn(features.LONG_DOCUMENT_MESSAGE)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def _(ls: AuroraQLServer, params: types.DidChangeTextDocumentParams) -> None:
        changed = params.text_document
        document = ls.documents.change(changed.uri, params.content_changes, changed.version)
        if document is not None:
            ls.check_after_pause(document)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def _(ls: AuroraQLServer, params: types.DidSaveTextDocumentParams) -> None:
        if (document := ls.documents.save(params.text_document.uri)) is not None:
            ls.publish(document)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def _(ls: AuroraQLServer, params: types.DidCloseTextDocumentParams) -> None:
        ls.forget(params.text_document.uri)


def _of_document(
    server: AuroraQLServer,
    name: str,
    answer: Callable[..., Any],
    options: object = None,
    *,
    is_limited: bool = False,
) -> None:
    """Register a request about a document. `answer` receives the document and the parameters of the request.

    The answer is null for an unknown document, and, if the request `is_limited`, for a very long one.
    """

    @server.feature(name, options)
    def _(ls: AuroraQLServer, params: Any) -> Any:
        document = ls.documents.get(params.text_document.uri)
        if document is None or (is_limited and features.is_long(document)):
            return None
        return answer(document, params)


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
    for name, answer in (
        (types.TEXT_DOCUMENT_FOLDING_RANGE, lambda document, _: features.folding_ranges(document)),
        (types.TEXT_DOCUMENT_CODE_LENS, lambda document, _: features.code_lenses(document)),
        (types.TEXT_DOCUMENT_INLAY_HINT, lambda document, params: features.inlay_hints(document, params.range)),
    ):
        _of_document(server, name, answer, is_limited=True)
    _of_document(
        server,
        types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL,
        lambda document, _: semantic_tokens.semantic_tokens(document),
        types.SemanticTokensLegend(token_types=list(TOKEN_TYPES), token_modifiers=[]),
        is_limited=True,
    )


def _add_symbol_handlers(server: AuroraQLServer) -> None:
    def definition(document: OpenDocument, params: types.DefinitionParams) -> list[types.Location]:
        places = features.occurrences(document, params.position)
        return features.locations(document, [place for place in places if place.is_definition])

    def references(document: OpenDocument, params: types.ReferenceParams) -> list[types.Location]:
        places = features.occurrences(document, params.position)
        wanted = [place for place in places if params.context.include_declaration or not place.is_definition]
        return features.locations(document, wanted)

    def highlights(document: OpenDocument, params: types.DocumentHighlightParams) -> list[types.DocumentHighlight]:
        places = features.occurrences(document, params.position)
        return [types.DocumentHighlight(range=document.range(place.span)) for place in places]

    _of_document(server, types.TEXT_DOCUMENT_DEFINITION, definition)
    _of_document(server, types.TEXT_DOCUMENT_REFERENCES, references)
    _of_document(server, types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT, highlights)

    def rename(document: OpenDocument, params: types.RenameParams) -> types.WorkspaceEdit | None:
        try:
            return features.rename(document, params.position, params.new_name)
        except ValueError as error:
            raise JsonRpcInvalidParams(message=str(error)) from None

    _of_document(server, types.TEXT_DOCUMENT_RENAME, rename)
    _of_document(
        server,
        types.TEXT_DOCUMENT_DOCUMENT_SYMBOL,
        lambda document, _: features.document_symbols(document),
        is_limited=True,
    )


def run_stdio(archive: str) -> int:
    """Serve one editor over standard input and output until it disconnects, and return the exit code.

    Only the protocol is written to standard output. What any library prints goes to standard error.
    """
    with os.fdopen(os.dup(1), "wb") as output:
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        server = create_server(archive)
        server.start_io(stdout=output)
        return server.exit_code
