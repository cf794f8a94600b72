"""A statement that stumbles: what could have stood where it does, and what is to be said of it."""

from __future__ import annotations

from auroraql.errors import StatementError
from auroraql.forms.text.driver import Stumble, tables
from auroraql.forms.text.slips import Stuck, diagnose


def stumbled(text: str, stumble: Stumble) -> StatementError:
    """What to say of a statement that the loop stopped in."""
    words, states, found = stumble
    accepts = tables().accepts(states)
    return StatementError([diagnose(Stuck(text, words, found.start_pos, found.end_pos, found.type, accepts))])
