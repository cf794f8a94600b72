"""Entry point of `auroraql` and `python -m auroraql`.

`--version` is answered without loading the command line. Ctrl-C during loading ends the process without a traceback.
"""

from __future__ import annotations

import os
import sys

from auroraql import __version__

_ALLOCATIONS = 50_000
"""Allocations between two collections of young objects. Python's default is 700."""


def main() -> int:
    """Run the command line of this process and return its exit code."""
    if sys.argv[1:] == ["--version"] and _write_version(f"auroraql {__version__}\n"):
        return 0
    # Import here: `--version` needs none of these.
    import gc
    import signal

    # The only place that tunes the garbage collector. Loaded modules stay alive, so collecting them only costs time:
    # during the start, and at the exit 5 % of the instructions of `translate`.
    gc.set_threshold(max(_ALLOCATIONS, gc.get_threshold()[0]), *gc.get_threshold()[1:])
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:  # a process started with SIGINT ignored keeps ignoring it
        signal.signal(signal.SIGINT, _exit_in_signal)
    try:
        from auroraql.frontends.cli import main as run_command_line
    finally:
        signal.signal(signal.SIGINT, handler)
    try:
        return run_command_line()
    finally:
        gc.freeze()  # leaves nothing for the final collection


def _write_version(text: str) -> bool:
    """Write the version. Return False if standard output fails: the full command line handles that case."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except (OSError, AttributeError, ValueError):
        return False
    return True


def _exit_in_signal(_number: int, _frame: object) -> None:
    """Exit inside the signal handler: a module being imported could catch a KeyboardInterrupt as its own error."""
    try:
        os.write(2, b"interrupted\n")
    finally:
        os._exit(130)


if __name__ == "__main__":
    raise SystemExit(main())
