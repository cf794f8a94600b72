"""A word of a statement, with its terminal and its place: what Lark calls a token, and costs less to make."""

from __future__ import annotations


class Token(str):
    """A word of a statement: its text, its terminal (`type`) and its place in the source (`start_pos`, `end_pos`)."""

    __slots__ = ("end_pos", "start_pos", "type")

    type: str
    start_pos: int
    end_pos: int


def make_token(text: str, kind: str, start: int) -> Token:
    """Make the word of a terminal at its place."""
    word = Token(text)
    word.type, word.start_pos, word.end_pos = kind, start, start + len(text)
    return word
