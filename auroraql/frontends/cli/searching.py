"""The commands that run statements: scripts, whose results are shown or written."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from threading import Thread

from auroraql.config import read_config
from auroraql.errors import AuroraQLError, Source, UsageError, render
from auroraql.forms.script import read
from auroraql.frontends.cli.streams import say
from auroraql.frontends.farewell import farewell
from auroraql.frontends.progress import status_line
from auroraql.output import check_writable, footer, known_format, wants_color, write
from auroraql.output import render as render_result
from auroraql.results import ResultSet
from auroraql.session import Archive, connect
from auroraql.syntax import Follow, Let, Set, Statement


def run(options: argparse.Namespace, sources: list[Source], parameters: dict[str, object]) -> None:
    """Runs scripts, one after the other; nothing of them is run when anything in them is wrong."""
    target = Path(options.output) if options.output is not None else None
    if target is not None:
        check_writable(target, options.format)
        if sum(_shows(each.statement) for source in sources for each in read(source)) != 1:
            raise UsageError("--output holds the result of one statement", "run the statements one by one")
    archive = opened(options)
    if target is None and archive.settings.format == "table":
        # What draws tables is loaded while the archive is opened and searched.
        Thread(target=import_module, args=("tabulate",), daemon=True).start()
    with archive, _leaving(archive):
        for result in archive.run_script(*sources, **parameters):
            if result.warnings:
                say(render(result.warnings, result.source))
            if result.note:
                say(result.note)
            elif target is None:
                _show(result, archive.settings.format)
            else:
                write(result, target, options.format)
                say(f"{target}: {footer(result)}")


@contextmanager
def _leaving(archive: Archive) -> Iterator[None]:
    """What was submitted goes on when the script is over, unless that is for Ctrl-C."""
    try:
        yield
    except AuroraQLError:
        _say_farewell(archive)
        raise
    _say_farewell(archive)


def _say_farewell(archive: Archive) -> None:
    for line in farewell(archive):
        say(line)


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
    for chunk in render_result(result, shown_as, width=width, color=wants_color(sys.stdout, os.environ)):
        sys.stdout.write(chunk)
    say(footer(result))
