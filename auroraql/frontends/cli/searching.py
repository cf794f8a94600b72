"""The commands that run statements: scripts, whose results are shown or written."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from threading import Thread

from auroraql.config import read_config
from auroraql.errors import Source, UsageError, render
from auroraql.forms.script import read
from auroraql.frontends.cli.streams import say
from auroraql.frontends.progress import status_line
from auroraql.output import check_writable, footer, known_format, wants_color, write, writes_blocks
from auroraql.output import render as render_result
from auroraql.results import ResultSet
from auroraql.session import Archive, connect
from auroraql.syntax import Follow, Let, Set, Statement


def run(options: argparse.Namespace, sources: list[Source], parameters: dict[str, object]) -> None:
    """Runs scripts, one after the other; nothing of them is run when anything in them is wrong."""
    target = Path(options.output) if options.output is not None else None
    if target is not None:
        check_writable(target, options.format)
        _check_one(sources, "--output")
    archive = opened(options)
    if target is None and archive.settings.format == "table":
        # What draws tables is loaded while the archive is opened and searched.
        Thread(target=import_module, args=("tabulate",), daemon=True).start()
    with archive:
        if target is None:
            _check_shown(archive.settings.format, sources)
        held = ""
        for result in archive.run_script(*sources, **parameters):
            if result.warnings:
                say(render(result.warnings, result.source))
            if result.note:
                say(result.note)
            elif target is None:
                held = _check_beside(held, archive.settings.format)
                _show(result, held)
            else:
                write(result, target, options.format)
                say(f"{target}: {footer(result)}")


def _check_shown(shown_as: str, sources: list[Source]) -> None:
    """Raises UsageError, before anything is searched, for a format that standard output cannot take."""
    if known_format(shown_as).render is None:
        if sys.stdout.isatty():
            raise UsageError(f"{shown_as} is no text, and a terminal cannot show it", "write it with --output FILE")
        _check_one(sources, shown_as)


def _check_beside(held: str, shown_as: str) -> str:
    """The format to show a result in. Raises UsageError when it, or what was shown before, tolerates nothing beside it."""
    whole = [name for name in (held, shown_as) if name and known_format(name).render is None]
    if held and whole:
        raise UsageError(f"{whole[0]} holds the result of one statement", "run the statements one by one")
    return shown_as


def _check_one(sources: list[Source], holder: str) -> None:
    if sum(_shows(each.statement) for source in sources for each in read(source)) != 1:
        raise UsageError(f"{holder} holds the result of one statement", "run the statements one by one")


def _shows(statement: Statement) -> bool:
    """Whether it answers with rows to be seen."""
    return not isinstance(statement, Let | Set) and not (isinstance(statement, Follow) and statement.verb == "cancel")


def opened(options: argparse.Namespace, say: Callable[[str], None] = say) -> Archive:
    """The archive, and how its results are shown: of the options, the environment or the config file, the first that says.

    `say` is told what takes time.
    """
    config = read_config(os.environ)
    shown_as = known_format(options.format or config.format).name
    archive = config.archive if options.archive is None else options.archive
    made = connect(
        archive,
        api_key=config.api_key,
        timeout=options.timeout or config.timeout,
        say=say,
        watch=status_line(sys.stderr),
    )
    made.settings.begin_with(format=shown_as)
    return made


def _show(result: ResultSet, shown_as: str) -> None:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    if known_format(shown_as).render is None and width is None:
        sys.stdout.flush()
        for piece in known_format(shown_as).encoded(result):
            sys.stdout.buffer.write(piece)
    else:
        color, blocks = wants_color(sys.stdout, os.environ), writes_blocks(sys.stdout)
        for chunk in render_result(result, shown_as, width=width, color=color, blocks=blocks):
            sys.stdout.write(chunk)
    say(footer(result))
