"""Entry point of `auroraql` and `python -m auroraql`.

`--version` is answered without loading the command line. Ctrl-C during loading ends the process without a traceback.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable

from auroraql import __version__

_ALLOCATIONS = 50_000
"""Allocations between two collections of young objects. Python's default is 700."""


def main() -> int:
    """Run the command line of this process and return its exit code."""
    if sys.argv[1:] == ["--version"] and _write_version(f"auroraql {__version__}\n"):
        return 0
    # The only place that tunes the garbage collector. Loaded modules stay alive, so collecting them only costs time:
    # during the start, and at the exit a tenth of the time of `translate`.
    gc.set_threshold(max(_ALLOCATIONS, gc.get_threshold()[0]), *gc.get_threshold()[1:])
    run = _load()
    try:
        return run()
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


def _load() -> Callable[[], int]:
    """Load the command line and return its main function."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:  # a process started with SIGINT ignored keeps ignoring it
        signal.signal(signal.SIGINT, _exit_in_signal)
    try:
        from auroraql.frontends.cli import main
    finally:
        signal.signal(signal.SIGINT, handler)
    return main


def _exit_in_signal(_number: int, _frame: object) -> None:
    """Exit inside the signal handler: a module being imported could catch a KeyboardInterrupt as its own error."""
    try:
        os.write(2, b"interrupted\n")
    finally:
        os._exit(130)


if __name__ == "__main__":
    raise SystemExit(main())
