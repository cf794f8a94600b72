"""The exit codes of the command line, and which of them an error has."""

from __future__ import annotations

from auroraql.errors import AuroraQLError, StatementError, TimedOut, Unreachable, UsageError

DONE, FAILED, WRONG, UNREACHABLE, LATE, INTERRUPTED = 0, 1, 2, 3, 4, 130


def exit_code(error: AuroraQLError) -> int:
    """The code that tells what went wrong."""
    match error:
        case StatementError() | UsageError():
            return WRONG
        case Unreachable():
            return UNREACHABLE
        case TimedOut():
            return LATE
        case _:
            return FAILED
