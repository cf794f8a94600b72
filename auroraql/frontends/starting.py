"""The command line, loaded so that Ctrl-C meanwhile ends the process as it does later, without a traceback."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable

_OBJECTS = 50_000
"""Made before it is looked what may go: what is loaded stays, and to look again and again takes part of the start."""


def run() -> int:
    """Carries out the command line of this process, which ends with it: gives back its exit code."""
    carry_out = _loaded()
    try:
        return carry_out()
    finally:
        gc.freeze()  # nothing is looked through once more before all of it goes


def _loaded() -> Callable[[], int]:
    """What carries out a command line."""
    gc.set_threshold(max(_OBJECTS, gc.get_threshold()[0]), *gc.get_threshold()[1:])
    heard = signal.getsignal(signal.SIGINT)
    if heard is signal.default_int_handler:  # a process that is to ignore it goes on ignoring it
        signal.signal(signal.SIGINT, _leave)
    try:
        from auroraql.frontends.cli import main as carry_out
    finally:
        signal.signal(signal.SIGINT, heard)
    return carry_out


def _leave(_number: int, _frame: object) -> None:
    """Ends the process within the signal: a module that loads could take an exception for a fault of its own."""
    try:
        os.write(2, b"interrupted\n")
    finally:
        os._exit(130)
