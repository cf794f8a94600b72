"""Text that is longer than the terminal, shown by the pager that the user has chosen."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import chain
from typing import TextIO

from auroraql.errors import columns

_ESCAPE = re.compile(r"\x1b(?:\[[0-9;]*m|\]8;;[^\x1b]*\x1b\\\\)")


def pager(environ: Mapping[str, str], chosen: str | None = None, *, stays: bool = False) -> list[str]:
    """Return the command of the pager: the one that was chosen, or AURORAQL_PAGER, PAGER, less; empty for none.

    less ends by itself with a text that fits the screen, unless it `stays`.
    """
    named = environ.get("AURORAQL_PAGER", environ.get("PAGER", "less")) if chosen is None else chosen
    with suppress(ValueError):  # an unbalanced quote
        words = shlex.split(named)
        return ["less", "-SRX" if stays else "-SRXF", *words[1:]] if words[:1] == ["less"] else words
    return []


def can_page(command: list[str]) -> bool:
    """Return whether the command shows a page at a time: it is there, and it is not cat."""
    return bool(command) and command != ["cat"] and shutil.which(command[0]) is not None


def put(stream: TextIO, chunks: Iterable[str], command: list[str], *, lines: int, width: int | None = None) -> None:
    """Write text to a terminal, through the pager when it has more lines than fit, or lines wider than `width`."""
    waiting = iter(chunks)
    if can_page(command):
        held: list[str] = []
        count = 0
        for chunk in waiting:
            held.append(chunk)
            count += chunk.count("\n")
            if count > lines or (width is not None and _juts_out(chunk, width)):
                stream.flush()
                _page(chain(held, waiting), command)
                return
        waiting = iter(held)
    for chunk in waiting:
        stream.write(chunk)
    stream.flush()


def _juts_out(chunk: str, width: int) -> bool:
    return any(columns(line) > width for line in _ESCAPE.sub("", chunk).split("\n"))


def _page(chunks: Iterator[str], command: list[str]) -> None:
    with (
        ignoring_interrupts(),
        subprocess.Popen(command, stdin=subprocess.PIPE, encoding="utf-8", errors="replace") as process,
    ):
        assert process.stdin is not None  # noqa: S101 - it was asked for
        with suppress(BrokenPipeError):  # it was left before the end
            for chunk in chunks:
                process.stdin.write(chunk)
        with suppress(BrokenPipeError):
            process.stdin.close()


@contextmanager
def ignoring_interrupts() -> Iterator[None]:
    """While another program has the terminal, leave Ctrl-C to it."""
    # A handler, not SIG_IGN: a program that is started inherits SIG_IGN and could not be interrupted at all.
    before = signal.signal(signal.SIGINT, lambda _signal, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def page_lines() -> int:
    """Return the lines of the terminal that a result may take: its footer, the prompt and the toolbar need the rest."""
    return max(shutil.get_terminal_size().lines - 3, 1)


def page_height(environ: Mapping[str, str], chosen: str | None = None) -> int | None:
    """Return the lines of a page where no pager would show the rest, None where one does."""
    return None if can_page(pager(environ, chosen)) else page_lines()
