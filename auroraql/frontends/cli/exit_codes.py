"""Exit codes of the command line."""

from __future__ import annotations

from auroraql.diagnostics.errors import AuroraQLError, StatementError, TimedOut, Unreachable, UsageError

EXIT_OK, EXIT_FAILED, EXIT_WRONG, EXIT_UNREACHABLE, EXIT_TIMED_OUT, EXIT_INTERRUPTED = 0, 1, 2, 3, 4, 130


def exit_code(error: AuroraQLError) -> int:
    """Return the exit code for an error."""
    match error:
        case StatementError() | UsageError():
            return EXIT_WRONG
        case Unreachable():
            return EXIT_UNREACHABLE
        case TimedOut():
            return EXIT_TIMED_OUT
        case _:
            return EXIT_FAILED
