"""The process: standard streams, input files and exit codes.

Closed streams, unencodable text and unreadable files are handled.
"""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from auroraql.diagnostics.errors import (
    AuroraQLError,
    Source,
    StatementError,
    TimedOut,
    Unreachable,
    UsageError,
    make_visible,
)


def make_streams_safe() -> None:
    """Make the standard streams escape text that they cannot encode, for example lone surrogates.

    Writing to a closed standard output fails; writing to a closed standard error is ignored.
    """
    codecs.register_error("auroraql", _escape_error)
    if sys.stderr is None:
        _reserve_descriptor(2, os.O_WRONLY)
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for the whole process
    if sys.stdout is None:
        # Open for reading: a write fails, as it would on the closed stream.
        _reserve_descriptor(1, os.O_RDONLY)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - for the whole process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="auroraql")


def _reserve_descriptor(number: int, flags: int) -> None:
    """Take the number of a closed stream, so that no file that is opened later gets it."""
    descriptor = os.open(os.devnull, flags)
    if descriptor != number:
        os.dup2(descriptor, number)
        os.close(descriptor)


def _escape_error(error: UnicodeError) -> tuple[str, int]:
    """Escape text as JSON does, so that JSON output is valid in every encoding."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def print_notice(text: str) -> None:
    """Write lines to standard error, after the results so far."""
    sys.stdout.flush()
    print(escape_lines(text), file=sys.stderr)


def print_error(text: str) -> None:
    """Write an error to standard error, even if standard output is closed."""
    with suppress(OSError):
        sys.stdout.flush()
    print(escape_lines(text), file=sys.stderr)


def escape_lines(text: str) -> str:
    """Return lines in which control and bidirectional characters are visible: names and log lines may hold any."""
    return "\n".join(map(make_visible, text.split("\n")))


def print_output(text: str) -> None:
    """Write a statement or document and a line end to standard output; on a terminal without control characters."""
    print(escape_lines(text) if sys.stdout.isatty() else text)


def handle_closed_output(error: OSError) -> bool:
    """Handle a failed write to standard output. Return True if its reader has exited, for example `head`."""
    # Redirect the stream, so that Python's flush at exit does not fail.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return True
    reason = "standard output is closed" if error.errno == errno.EBADF else error.strerror or error
    print_error(f"the results cannot be written: {reason}")
    return False


def read_input(name: str) -> Source:
    """Read a file, or standard input for `-`. Raises UsageError."""
    try:
        data = _read_standard_input() if name == "-" else Path(name).read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        return Source(data.decode("utf-8"), "<stdin>" if name == "-" else name)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{name} is not UTF-8 text: line {line} has an invalid byte", "save it as UTF-8") from None


def _read_standard_input() -> bytes:
    if sys.stdin is None:
        raise UsageError("standard input is closed")
    return sys.stdin.buffer.read()


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
