"""Start of the command line. Ctrl-C during loading ends the process without a traceback."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable

_OBJECTS = 50_000
"""Allocations before the garbage collector runs: loaded modules stay alive, so collections during start cost time."""


def run() -> int:
    """Run the command line of this process and return its exit code."""
    main = _load()
    try:
        return main()
    finally:
        gc.freeze()  # skip the final collection at exit


def _load() -> Callable[[], int]:
    """Load the command line and return its main function."""
    gc.set_threshold(max(_OBJECTS, gc.get_threshold()[0]), *gc.get_threshold()[1:])
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
