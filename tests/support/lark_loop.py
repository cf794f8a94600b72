"""A statement parsed by Lark's own loop, to compare with AuroraQL's: the tree, or the error and what could follow."""

from __future__ import annotations

import re
from typing import Any

from lark import Token, UnexpectedCharacters, UnexpectedToken
from lark.utils import TextSlice

from auroraql.language import grammar, parser
from auroraql.language.grammar import block_comment_end

Words = list[tuple[str, str, int]]
Stuck = tuple[int, int, str, frozenset[str], Words]
"""Span and terminal of the unexpected token, the accepted terminals, and the words before."""


def read_by_lark(text: str) -> Any:
    """Return the tree of a statement, or where Lark fails. Lark's regular expressions cannot nest comments."""
    text = _without_nested_comments(text)
    session = grammar.get_parser().parse_interactive(TextSlice(text, 0, len(text)))
    state = session.parser_state
    tokens: list[Token] = []
    try:
        for token in session.lexer_thread.lex(state):
            tokens.append(token)
            state.feed_token(token)
        last = tokens[-1].end_pos if tokens else 0
        return state.feed_token(Token("$END", "", start_pos=last, end_pos=last), True)
    except UnexpectedToken as error:
        if tokens and tokens[-1] is error.token:
            tokens.pop()
        token = error.token
        return token.start_pos, token.end_pos, token.type, _accepted_after(tokens), _words(tokens)
    except UnexpectedCharacters as error:
        at = error.pos_in_stream or 0
        return at, at + 1, "", _accepted_after(tokens), _words(tokens)


def _accepted_after(tokens: list[Token]) -> frozenset[str]:
    """Return the terminals that Lark accepts after some tokens, before it reduces anything for the next one."""
    session = grammar.get_parser().parse_interactive("")
    for token in tokens:
        session.feed_token(token)
    return frozenset(session.accepts())


def read_by_us(text: str) -> Any:
    """Return the same by AuroraQL's own loop."""
    outcome = parser.run_parser(text, 0, len(text))
    if not isinstance(outcome, parser.ParseFailure):
        return outcome[0]
    token_type, accepts = outcome.found_type, grammar.get_tables().accepts(outcome.states)
    return token_type.start_pos, token_type.end_pos, token_type.type, accepts, _words(outcome.words)


def _words(outcome: Any) -> Words:
    return [(str(word), word.type, word.start_pos) for word in outcome]


_OUTER = re.compile(
    rf"{grammar.terminal_pattern('STRING')}|{grammar.terminal_pattern('QNAME')}|{grammar.terminal_pattern('COMMENT')}|/\\*"
)


def _without_nested_comments(text: str) -> str:
    """Return the text with blanks in place of each comment that contains another."""
    at = 0
    while match := _OUTER.search(text, at):
        at = match.end()
        if match[0] == "/*":
            at = block_comment_end(text, match.start())
            if at < 0:
                return text
            text = text[: match.start()] + " " * (at - match.start()) + text[at:]
    return text
