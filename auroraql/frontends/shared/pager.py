"""Paging of text that does not fit the terminal."""

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

from auroraql.diagnostics.errors import display_width

_ESCAPE = re.compile(r"\x1b(?:\[[0-9;]*m|\]8;;[^\x1b]*\x1b\\\\)")


def choose_pager(environ: Mapping[str, str], chosen: str | None = None, *, stays: bool = False) -> list[str]:
    """Return the command of the pager, or an empty list for none.

    `chosen` takes precedence over AURORAQL_PAGER, PAGER and less. less quits by itself when a text fits the screen,
    unless `stays` is True.
    """
    command = environ.get("AURORAQL_PAGER", environ.get("PAGER", "less")) if chosen is None else chosen
    with suppress(ValueError):  # an unbalanced quote
        words = shlex.split(command)
        return ["less", "-SRX" if stays else "-SRXF", *words[1:]] if words[:1] == ["less"] else words
    return []


def can_page(command: list[str]) -> bool:
    """Return whether the command is an installed pager. cat does not count as one."""
    return bool(command) and command != ["cat"] and shutil.which(command[0]) is not None


def write_paged(
    stream: TextIO, chunks: Iterable[str], command: list[str], *, lines: int, width: int | None = None
) -> None:
    """Write text to a terminal, through the pager when it has more than `lines` lines or a line wider than `width`."""
    remaining = iter(chunks)
    if can_page(command):
        buffered: list[str] = []
        count = 0
        for chunk in remaining:
            buffered.append(chunk)
            count += chunk.count("\n")
            if count > lines or (width is not None and _is_too_wide(chunk, width)):
                stream.flush()
                _run_pager(chain(buffered, remaining), command)
                return
        remaining = iter(buffered)
    for chunk in remaining:
        stream.write(chunk)
    stream.flush()


def _is_too_wide(chunk: str, width: int) -> bool:
    return any(display_width(line) > width for line in _ESCAPE.sub("", chunk).split("\n"))


def _run_pager(chunks: Iterator[str], command: list[str]) -> None:
    with (
        ignore_interrupts(),
        subprocess.Popen(command, stdin=subprocess.PIPE, encoding="utf-8", errors="replace") as process,
    ):
        assert process.stdin is not None  # noqa: S101 - set by stdin=PIPE
        with suppress(BrokenPipeError):  # the user quit the pager before the end
            for chunk in chunks:
                process.stdin.write(chunk)
        with suppress(BrokenPipeError):
            process.stdin.close()


@contextmanager
def ignore_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C while another program uses the terminal. That program receives it."""
    # A handler, not SIG_IGN: child processes inherit SIG_IGN and could not be interrupted.
    before = signal.signal(signal.SIGINT, lambda _signal, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def max_page_lines() -> int:
    """Return the lines of the terminal that a result may use. Footer, prompt and toolbar need the rest."""
    return max(shutil.get_terminal_size().lines - 3, 1)


def page_height(environ: Mapping[str, str], chosen: str | None = None) -> int | None:
    """Return the lines of a page when there is no pager, or None when there is one."""
    return None if can_page(choose_pager(environ, chosen)) else max_page_lines()
