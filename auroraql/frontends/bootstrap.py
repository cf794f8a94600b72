"""Start of the command line. Ctrl-C during loading ends the process without a traceback."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable

_OBJECTS = 50_000
"""Allocations between two collections of young objects. Python's default is 700."""


def run() -> int:
    """Run the command line of this process and return its exit code."""
    # The only place that tunes the garbage collector. Loaded modules stay alive, so collecting them only costs time:
    # during the start, and at the exit a tenth of the time of `translate`.
    gc.set_threshold(max(_OBJECTS, gc.get_threshold()[0]), *gc.get_threshold()[1:])
    try:
        return _load()()
    finally:
        gc.freeze()  # leaves nothing for the final collection


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
