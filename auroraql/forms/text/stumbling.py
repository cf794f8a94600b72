"""The diagnostic of a statement that the parser cannot read."""

from __future__ import annotations

from auroraql.errors import StatementError
from auroraql.forms.text.driver import ParseFailure, get_tables
from auroraql.forms.text.slips import Stuck, diagnose


def stumbled(text: str, stumble: ParseFailure, end: int | None = None) -> StatementError:
    """Return the error of `text[:end]`, in which the parse loop stopped."""
    words, states, found = stumble
    stop = len(text) if end is None else end
    accepts = get_tables().accepts(states)
    return StatementError([diagnose(Stuck(text, words, found.start_pos, found.end_pos, found.type, accepts, stop))])
