"""The language server, driven over standard input and output by pygls's client."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from lsprotocol import types as t
from pygls.exceptions import JsonRpcException
from pygls.lsp.client import LanguageClient

from auroraql.language.highlighter import AuroraQLLexer
from tests.conftest import ROOT

URI = "file:///queries/night.aql"
SCRIPT = """\
-- param day: date = 2021-01-01  the day
LET passes = FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 300 km ON $day;
FIND passes WHERE min_distance < 100;
FIND data_products WHERE program == 'trex' AND url LIKE '%😀%' AND platform IN passes.platform
LAST 7 days;
"""


class Editor:
    """An editor with one open document. It applies edits as editors do: by lines and UTF-16 units."""

    def __init__(self) -> None:
        self.client = LanguageClient("editor", "1")
        self.published: list[t.PublishDiagnosticsParams] = []
        self.text, self.version = "", 0

        @self.client.feature(t.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)  # type: ignore[untyped-decorator]
        def _(params: t.PublishDiagnosticsParams) -> None:
            self.published.append(params)

    @property
    def document(self) -> t.TextDocumentIdentifier:
        return t.TextDocumentIdentifier(uri=URI)

    def open(self, text: str) -> None:
        self.text, self.version = text, 1
        item = t.TextDocumentItem(uri=URI, language_id="auroraql", version=1, text=text)
        self.client.text_document_did_open(t.DidOpenTextDocumentParams(text_document=item))

    def type(self, text: str) -> None:
        self.text, self.version = text, self.version + 1
        change = t.TextDocumentContentChangeWholeDocument(text=text)
        document = t.VersionedTextDocumentIdentifier(uri=URI, version=self.version)
        self.client.text_document_did_change(
            t.DidChangeTextDocumentParams(text_document=document, content_changes=[change])
        )

    async def diagnostics(self) -> Sequence[t.Diagnostic]:
        """Return the diagnostics of the current version, once they are published."""
        for _ in range(600):
            current = [p for p in self.published if p.version == self.version]
            if current:
                return current[-1].diagnostics
            await asyncio.sleep(0.05)
        raise AssertionError("no diagnostics were published")

    def position(self, offset: int) -> t.Position:
        before = self.text[:offset].replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return t.Position(line=len(before) - 1, character=len(before[-1].encode("utf-16-le")) // 2)

    def after(self, word: str) -> t.Position:
        return self.position(self.text.index(word) + len(word))

    def apply(self, edits: Sequence[t.TextEdit]) -> str:
        """Return the text after edits, whose ranges refer to the text before any of them."""
        places = ((self.position(at), at) for at in reversed(range(len(self.text) + 1)))
        where = {(place.line, place.character): at for place, at in places}
        text = self.text
        for edit in sorted(edits, key=lambda e: (e.range.start.line, e.range.start.character), reverse=True):
            start, end = (where[p.line, p.character] for p in (edit.range.start, edit.range.end))
            text = text[:start] + edit.new_text + text[end:]
        return text


@asynccontextmanager
async def editing() -> AsyncIterator[Editor]:
    editor = Editor()
    await editor.client.start_io(sys.executable, "-m", "auroraql", "lsp", cwd=ROOT)
    await editor.client.initialize_async(t.InitializeParams(capabilities=t.ClientCapabilities(), root_uri=None))
    editor.client.initialized(t.InitializedParams())
    try:
        yield editor
    finally:
        await editor.client.shutdown_async(None)
        editor.client.exit(None)
        await editor.client.stop()  # type: ignore[no-untyped-call]


def drive(session: Callable[[Editor], Awaitable[Any]]) -> None:
    """Run a session of an editor against a server process."""

    async def run() -> None:
        async with editing() as editor:
            await asyncio.wait_for(session(editor), 120)

    asyncio.run(run())


def test_diagnostics_and_their_fixes() -> None:
    async def session(editor: Editor) -> None:
        editor.open(SCRIPT)
        (diagnostic,) = await editor.diagnostics()
        assert (diagnostic.code, diagnostic.severity, diagnostic.source) == (
            "AQL0109",
            t.DiagnosticSeverity.Error,
            "auroraql",
        )
        assert (diagnostic.range.start, diagnostic.range.end) == (
            editor.position(SCRIPT.index("==")),
            editor.after("=="),
        )
        params = t.CodeActionParams(
            text_document=editor.document, range=diagnostic.range, context=t.CodeActionContext(diagnostics=[diagnostic])
        )
        actions = await editor.client.text_document_code_action_async(params)
        assert actions is not None
        (action,) = actions
        assert isinstance(action, t.CodeAction)
        assert (action.title, action.is_preferred) == ("Replace == with =", True)
        assert action.edit is not None
        assert action.edit.changes is not None
        editor.type(editor.apply(action.edit.changes[URI]))
        assert editor.text == SCRIPT.replace("==", "=")
        assert not await editor.diagnostics()

    drive(session)


def test_unfinished_text_is_not_wrong_until_it_is_saved() -> None:
    async def session(editor: Editor) -> None:
        editor.open("")
        for end in range(1, 40):
            editor.type("FIND data_products WHERE program = 'trex"[:end])
        assert not await editor.diagnostics()
        editor.client.text_document_did_save(t.DidSaveTextDocumentParams(text_document=editor.document))
        for _ in range(200):
            if editor.published[-1].diagnostics:
                break
            await asyncio.sleep(0.05)
        assert editor.published[-1].diagnostics
        editor.client.text_document_did_close(t.DidCloseTextDocumentParams(text_document=editor.document))
        while editor.published[-1].diagnostics:
            await asyncio.sleep(0.05)

    drive(session)


def test_completion_and_hover() -> None:
    async def session(editor: Editor) -> None:
        editor.open(SCRIPT.replace("FIND passes", "FIND pss") + "FIND data_products WHERE program = 'trx")
        position = editor.position(len(editor.text))
        answer = await editor.client.text_document_completion_async(
            t.CompletionParams(text_document=editor.document, position=position)
        )
        assert isinstance(answer, t.CompletionList)
        first = answer.items[0]
        assert (first.label, answer.is_incomplete, first.filter_text) == ("trex", True, "'trx")
        assert isinstance(first.text_edit, t.TextEdit)
        assert editor.apply([first.text_edit]).endswith("program = 'trex'")
        answer = await editor.client.text_document_completion_async(
            t.CompletionParams(text_document=editor.document, position=editor.after("FIND pss"))
        )
        assert isinstance(answer, t.CompletionList)
        assert answer.items[0].label == "passes"
        for word, fact in (
            ("min_dist", "smallest"),
            ("'swar", "the program of"),
            ("$da", "a date"),
            ("WITH", "WITHIN"),
        ):
            hover = await editor.client.text_document_hover_async(
                t.HoverParams(text_document=editor.document, position=editor.after(word))
            )
            assert hover is not None
            assert isinstance(hover.contents, t.MarkupContent)
            assert fact in hover.contents.value

    drive(session)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_formatting_changes_only_lines_that_differ(line_end: str) -> None:
    text = (
        "FIND data_products WHERE program = 'trex' ON 2021-01-01;\n"
        "find ephemeris where platform='swarma' and url = '\u2028\x0c\x85😀' on 2021-01-01;\n"
        "FIND data_products WHERE program = 'rego' ON 2021-01-01;\n"
    ).replace("\n", line_end)

    async def session(editor: Editor) -> None:
        editor.open(text)
        options = t.FormattingOptions(tab_size=2, insert_spaces=True)
        edits = await editor.client.text_document_formatting_async(
            t.DocumentFormattingParams(text_document=editor.document, options=options)
        )
        assert edits is not None
        formatted = editor.apply(edits)
        assert "FIND ephemeris WHERE platform = 'swarma' AND url = '\u2028\x0c\x85😀' ON 2021-01-01;" in formatted
        if line_end == "\n":
            assert [(e.range.start.line, e.range.end.line) for e in edits] == [(1, 2)]
        editor.type("FIND")
        assert not await editor.client.text_document_formatting_async(
            t.DocumentFormattingParams(text_document=editor.document, options=options)
        )

    drive(session)


def test_symbols_references_and_rename() -> None:
    async def session(editor: Editor) -> None:
        editor.open(SCRIPT)
        document, position = editor.document, editor.after("IN pass")
        definition = await editor.client.text_document_definition_async(
            t.DefinitionParams(text_document=document, position=position)
        )
        assert isinstance(definition, Sequence)
        assert [d.range.start for d in definition if isinstance(d, t.Location)] == [
            editor.position(SCRIPT.index("passes"))
        ]
        references = await editor.client.text_document_references_async(
            t.ReferenceParams(
                text_document=document, position=position, context=t.ReferenceContext(include_declaration=False)
            )
        )
        assert references is not None
        assert [r.range.start.line for r in references] == [2, 3]
        edit = await editor.client.text_document_rename_async(
            t.RenameParams(text_document=document, position=position, new_name="near")
        )
        assert edit is not None
        assert edit.changes is not None
        assert editor.apply(edit.changes[URI]) == SCRIPT.replace("passes", "near")
        with pytest.raises(JsonRpcException, match="not a name"):
            await editor.client.text_document_rename_async(
                t.RenameParams(text_document=document, position=position, new_name="a; DROP")
            )
        symbols = await editor.client.text_document_document_symbol_async(
            t.DocumentSymbolParams(text_document=editor.document)
        )
        assert symbols is not None
        assert [symbol.name for symbol in symbols][:2] == ["passes", "FIND passes WHERE min_distance < 100"]
        lenses = await editor.client.text_document_code_lens_async(t.CodeLensParams(text_document=editor.document))
        assert lenses is not None
        assert [lens.command.title for lens in lenses if lens.command][:3] == ["Run", "Explain", "As JSON"]

    drive(session)


def test_hints_and_colours() -> None:
    async def session(editor: Editor) -> None:
        editor.open(SCRIPT.replace("==", "="))
        whole = t.Range(start=t.Position(line=0, character=0), end=editor.position(len(editor.text)))
        hints = await editor.client.text_document_inlay_hint_async(
            t.InlayHintParams(text_document=editor.document, range=whole)
        )
        assert hints is not None
        (hint,) = hints
        assert hint.position == editor.after("LAST 7 days")
        assert str(hint.label).endswith(" UTC")
        tokens = await editor.client.text_document_semantic_tokens_full_async(
            t.SemanticTokensParams(text_document=editor.document)
        )
        assert tokens is not None
        coloured = set()
        line, character = 0, 0
        for at in range(0, len(tokens.data), 5):
            down, right, length = tokens.data[at : at + 3]
            line, character = line + down, right if down else character + right
            units = editor.text.split("\n")[line].encode("utf-16-le")
            coloured.add((line, units[2 * character : 2 * (character + length)].decode("utf-16-le")))
        words = {w for _, _, w in AuroraQLLexer().get_tokens_unprocessed(editor.text) if w.strip() and len(w) > 2}
        assert {word for _, word in coloured} >= {word for word in words if "\n" not in word}

    drive(session)
