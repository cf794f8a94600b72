"""Semantic tokens: the colours of the highlighter in the encoding of the protocol."""

from __future__ import annotations

from functools import lru_cache

from lsprotocol import types
from pygments.token import Comment, Keyword, Literal, Name, Number, Operator, String, _TokenType

from auroraql.frontends.lsp.documents import OpenDocument
from auroraql.frontends.lsp.token_types import TOKEN_TYPES
from auroraql.language.highlighter import AuroraQLLexer
from auroraql.language_service.positions import LineTable, utf16_length

_TOKEN_TYPES: dict[_TokenType, str] = {
    Keyword: "keyword",
    Keyword.Type: "type",
    Name.Attribute: "property",
    Name.Tag: "property",
    Name.Function: "function",
    Name.Variable: "parameter",
    Name: "variable",
    String: "string",
    Number: "number",
    Literal.Date: "number",
    Operator: "operator",
    Comment: "comment",
}
"""Token types of the protocol by those of Pygments. A subtype has the type of its nearest parent."""


def semantic_tokens(document: OpenDocument) -> types.SemanticTokens:
    """Return the tokens of the highlighter, each as a difference to the one before it. A token stays on one line."""
    data: list[int] = []
    line, character = 0, 0
    for start, kind, text in AuroraQLLexer().get_tokens_unprocessed(document.text):
        name = _token_type(kind)
        if name is None:
            continue
        at = start
        for part in LineTable(text).lines():
            body = part.rstrip("\r\n")
            if body:
                position = document.lines.position(at)
                same_line = position.line == line
                delta = position.character - character if same_line else position.character
                data += (position.line - line, delta, utf16_length(body), TOKEN_TYPES.index(name), 0)
                line, character = position
            at += len(part)
    return types.SemanticTokens(data=data)


@lru_cache(256)
def _token_type(kind: _TokenType) -> str | None:
    while kind is not None:
        if kind in _TOKEN_TYPES:
            return _TOKEN_TYPES[kind]
        kind = kind.parent  # type: ignore[assignment]
    return None
