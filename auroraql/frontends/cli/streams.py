"""The standard streams and the files named on the command line: nothing a user does to them is a crash."""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from auroraql.diagnostics.errors import Source, UsageError, make_visible


def make_streams_safe() -> None:
    """What cannot be encoded (lone surrogates, an ASCII terminal) is escaped.

    A closed standard output refuses what is written to it; a closed standard error takes nothing.
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
    taken = os.open(os.devnull, flags)
    if taken != number:
        os.dup2(taken, number)
        os.close(taken)


def _escape_error(error: UnicodeError) -> tuple[str, int]:
    """As JSON escapes it, so that JSON stays JSON in every encoding."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def print_notice(text: str) -> None:
    """Write lines to standard error, after the results so far."""
    sys.stdout.flush()
    print(escape_lines(text), file=sys.stderr)


def print_error(text: str) -> None:
    """Report what went wrong, whatever has become of the results before it."""
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
    """Standard output takes no more. Whether that is as it should be: its reader has gone, as `head` does."""
    # So that Python does not complain at exit either, nothing is left to flush.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return True
    reason = "standard output is closed" if error.errno == errno.EBADF else error.strerror or error
    print_error(f"the results cannot be written: {reason}")
    return False


def read_input(name: str) -> Source:
    """A file's text; `-` is standard input. Raises UsageError."""
    try:
        data = _read_standard_input() if name == "-" else Path(name).read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        return Source(data.decode("utf-8"), "<stdin>" if name == "-" else name)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"{name} is no UTF-8 text: line {line} has a byte that cannot be read", "save it as UTF-8"
        ) from None


def _read_standard_input() -> bytes:
    if sys.stdin is None:
        raise UsageError("there is no standard input: it is closed")
    return sys.stdin.buffer.read()
