"""A statement parsed by Lark's own loop, which can tell what could have stood where it stumbles."""

from __future__ import annotations

from typing import Any

from lark import Token, UnexpectedCharacters, UnexpectedToken
from lark.utils import TextSlice

from auroraql.errors import StatementError
from auroraql.forms import grammar
from auroraql.forms.text.slips import Stuck, diagnose

_END = "$END"


def run(text: str, start: int, end: int) -> tuple[Any, list[Any]]:
    """The tree of `text[start:end]` and its words. Raises StatementError where it stumbles."""
    session = grammar.parser().parse_interactive(TextSlice(text, start, end))
    state = session.parser_state
    read: list[Token] = []
    try:
        for token in session.lexer_thread.lex(state):
            read.append(token)
            state.feed_token(token)
        last = int(read[-1].end_pos or start) if read else start
        return state.feed_token(Token(_END, "", start_pos=last, end_pos=last), True), read
    except UnexpectedToken as error:
        if read and read[-1] is error.token:
            read.pop()
        raise StatementError([diagnose(_stuck(text, read, error.token, session))]) from None
    except UnexpectedCharacters as error:
        at = int(error.pos_in_stream or 0)
        odd = Token("", text[at], start_pos=at, end_pos=at + 1)
        raise StatementError([diagnose(_stuck(text, read, odd, session))]) from None


def _stuck(text: str, read: list[Token], token: Token, session: Any) -> Stuck:
    start, end = int(token.start_pos or 0), int(token.end_pos or 0)
    return Stuck(text, read, start, end, token.type, frozenset(session.accepts()))
