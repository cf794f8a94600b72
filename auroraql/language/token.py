"""Tokens of the text form: like Lark's tokens, and cheaper to create."""

from __future__ import annotations


class Token(str):
    """A token of a statement: its text, its terminal (`type`) and its offsets (`start_pos`, `end_pos`)."""

    __slots__ = ("end_pos", "start_pos", "type")

    type: str
    start_pos: int
    end_pos: int


def make_token(text: str, kind: str, start: int) -> Token:
    """Return the token of a terminal at an offset."""
    word = Token(text)
    word.type, word.start_pos, word.end_pos = kind, start, start + len(text)
    return word
