"""The language server: pygls over standard input and output, and what it announces to an editor.

Handlers are plain functions. pygls runs them in the order of the messages, so that each sees the newest text.

The session, which answers, loads after `initialize`: an editor does not wait for the grammar.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, default_converter

from auroraql import __version__
from auroraql.frontends.lsp.configuration import EditorSettings, read_settings
from auroraql.frontends.lsp.token_types import TOKEN_TYPES

_REQUESTS: dict[str, object] = {
    types.TEXT_DOCUMENT_COMPLETION: types.CompletionOptions(trigger_characters=[".", "'", '"', "$", "`", "(", " "]),
    types.TEXT_DOCUMENT_HOVER: None,
    types.TEXT_DOCUMENT_CODE_ACTION: types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix]),
    types.TEXT_DOCUMENT_FORMATTING: None,
    types.TEXT_DOCUMENT_FOLDING_RANGE: None,
    types.TEXT_DOCUMENT_CODE_LENS: None,
    types.TEXT_DOCUMENT_INLAY_HINT: None,
    types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL: types.SemanticTokensLegend(
        token_types=list(TOKEN_TYPES), token_modifiers=[]
    ),
    types.TEXT_DOCUMENT_DEFINITION: None,
    types.TEXT_DOCUMENT_REFERENCES: None,
    types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT: None,
    types.TEXT_DOCUMENT_RENAME: None,
    types.TEXT_DOCUMENT_DOCUMENT_SYMBOL: None,
}
"""Requests about a document, with their options. The session answers them."""


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
    """Language server of one editor."""

    def __init__(self, archive: str) -> None:
        super().__init__(
            "auroraql",
            __version__,
            text_document_sync_kind=types.TextDocumentSyncKind.Full,
            protocol_cls=_Protocol,
            converter_factory=default_converter,
        )
        self.settings = EditorSettings()
        self.is_shut_down = False
        self.exit_code = 0
        """Exit code of the process: 1 after an `exit` without `shutdown`, as the protocol requires."""
        self._archive = archive
        self._session: Any = None

    @property
    def session(self) -> Any:
        """The `EditingSession`. Its module loads at the first use."""
        from auroraql.frontends.lsp.session import EditingSession

        if self._session is None:
            self._session = EditingSession(self, self._archive, self.settings)
        return self._session

    def report_server_error(self, error: Exception, source: object) -> None:  # noqa: ARG002 - called by pygls
        """Log an error of a notification in the editor's log. An error of a request is in its response."""
        message = f"{type(error).__name__}: {error}"
        self.window_log_message(types.LogMessageParams(type=types.MessageType.Error, message=message))


def create_server(archive: str) -> AuroraQLServer:
    """Return a server that offers the names of an archive."""
    server = AuroraQLServer(archive)
    _add_life_cycle_handlers(server)
    for name, options in _REQUESTS.items():
        _add_request_handler(server, name, options)
    for name in (
        types.TEXT_DOCUMENT_DID_OPEN,
        types.TEXT_DOCUMENT_DID_CHANGE,
        types.TEXT_DOCUMENT_DID_SAVE,
        types.TEXT_DOCUMENT_DID_CLOSE,
        types.WORKSPACE_DID_CHANGE_CONFIGURATION,
    ):
        _add_notification_handler(server, name)
    return server


def _add_life_cycle_handlers(server: AuroraQLServer) -> None:
    @server.feature(types.INITIALIZE)
    def _(ls: AuroraQLServer, params: types.InitializeParams) -> None:
        ls.settings = read_settings(params.initialization_options)

    @server.feature(types.INITIALIZED)
    def _(ls: AuroraQLServer, _params: types.InitializedParams) -> None:
        ls.session.prepare()

    @server.feature(types.SHUTDOWN)
    def _(ls: AuroraQLServer, _params: None) -> None:
        ls.is_shut_down = True

    @server.feature(types.EXIT)
    def _(ls: AuroraQLServer, _params: None) -> None:
        ls.exit_code = 0 if ls.is_shut_down else 1


def _add_request_handler(server: AuroraQLServer, name: str, options: object) -> None:
    @server.feature(name, options)
    def _(ls: AuroraQLServer, params: Any) -> Any:
        return ls.session.answer(name, params)


def _add_notification_handler(server: AuroraQLServer, name: str) -> None:
    @server.feature(name)
    def _(ls: AuroraQLServer, params: Any) -> None:
        ls.session.receive(params)


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
