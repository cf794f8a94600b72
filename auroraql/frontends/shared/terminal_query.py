"""Asks a terminal which image protocol it has. Nothing is guessed from the environment.

All questions are sent at once. Every terminal answers the last one, the primary device attributes (DA1), so its answer
also means that the others have been answered or never will be.
"""

from __future__ import annotations

import os
import re
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TextIO

from auroraql.pictures.image_protocol import ImageProtocol

_KITTY_QUERY = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"
_ITERM2_QUERY = "\x1b]1337;Capabilities\x1b\\"
_CELL_SIZE_QUERY = "\x1b[16t"
_DEVICE_QUERY = "\x1b[c"

_KITTY_ANSWER = re.compile(rb"\x1b_Gi=31;OK\x1b\\")
_ITERM2_ANSWER = re.compile(rb"\x1b\]1337;Capabilities=([\w]*)(?:\x07|\x1b\\)")
_CELL_SIZE_ANSWER = re.compile(rb"\x1b\[6;(\d{1,4});(\d{1,4})t")
_DEVICE_ANSWER = re.compile(rb"\x1b\[\?([\d;]*)c")

_ITERM2_FILES = re.compile(r"[A-Z][a-z]*\d*")
_FILE_FEATURE, _SIXEL_FEATURE = "F", "4"
"""iTerm2's feature of inline files, and the attribute of terminals with sixels."""

_TIMEOUT_SECONDS = 1.0
_MAX_ANSWER = 4096
_DEFAULT_CELL_WIDTH = 8


@dataclass(frozen=True, slots=True)
class TerminalImages:
    """What a terminal can show: its image protocol, or None, and the width of a character cell in pixels."""

    protocol: ImageProtocol | None
    cell_width: int = _DEFAULT_CELL_WIDTH


def query_terminal(output: TextIO, keys: TextIO | None) -> TerminalImages:
    """Ask the terminal for its image protocol. Without an interactive terminal, and on Windows, there is none."""
    is_terminal = keys is not None and keys.isatty() and output.isatty() and os.environ.get("TERM") != "dumb"
    if not is_terminal or keys is None or os.name != "posix":
        return TerminalImages(None)
    with _raw_mode(keys.fileno()):
        output.write(_KITTY_QUERY + _ITERM2_QUERY + _CELL_SIZE_QUERY + _DEVICE_QUERY)
        output.flush()
        return _read_answers(_receive(keys.fileno()))


def _read_answers(received: bytes) -> TerminalImages:
    cell = _CELL_SIZE_ANSWER.search(received)
    cell_width = int(cell[2]) if cell is not None and int(cell[2]) else _DEFAULT_CELL_WIDTH
    protocol: ImageProtocol | None = None
    features = _ITERM2_ANSWER.search(received)
    device = _DEVICE_ANSWER.search(received)
    if _KITTY_ANSWER.search(received):
        protocol = ImageProtocol.KITTY
    elif features is not None and _FILE_FEATURE in _ITERM2_FILES.findall(features[1].decode("ascii")):
        protocol = ImageProtocol.ITERM2
    elif device is not None and _SIXEL_FEATURE in device[1].decode("ascii").split(";")[1:]:
        protocol = ImageProtocol.SIXEL
    return TerminalImages(protocol, cell_width)


def _receive(keys: int) -> bytes:
    """Read until the terminal has answered the last question, or a second has passed."""
    received, deadline = b"", time.monotonic() + _TIMEOUT_SECONDS
    while _DEVICE_ANSWER.search(received) is None and len(received) < _MAX_ANSWER:
        ready, _, _ = select.select([keys], [], [], max(deadline - time.monotonic(), 0))
        if not ready:
            break
        part = os.read(keys, 1024)
        if not part:
            break
        received += part
    return received


@contextmanager
def _raw_mode(keys: int) -> Iterator[None]:
    """Receive the answers at once and without echo. Restore the terminal at the end."""
    termios, tty = import_module("termios"), import_module("tty")
    before = termios.tcgetattr(keys)
    try:
        tty.setcbreak(keys, termios.TCSANOW)
        yield
    finally:
        termios.tcsetattr(keys, termios.TCSANOW, before)
