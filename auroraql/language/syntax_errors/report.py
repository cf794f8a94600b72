"""The diagnostic of a statement that the parser cannot read."""

from __future__ import annotations

from auroraql.diagnostics.errors import StatementError
from auroraql.language.lr_parser import ParseFailure, get_tables
from auroraql.language.syntax_errors import ParseErrorContext, diagnose_syntax_error


def diagnose_failure(text: str, stumble: ParseFailure, end: int | None = None) -> StatementError:
    """Return the error of `text[:end]`, in which the parse loop stopped."""
    words, states, found = stumble
    stop = len(text) if end is None else end
    accepts = get_tables().accepts(states)
    return StatementError(
        [
            diagnose_syntax_error(
                ParseErrorContext(text, words, found.start_pos, found.end_pos, found.type, accepts, stop)
            )
        ]
    )
