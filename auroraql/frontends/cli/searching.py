"""The commands that run statements: a script, whose results are shown or written, and the REPL."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from importlib import import_module
from pathlib import Path
from threading import Thread

from auroraql.config import read_config
from auroraql.errors import Source, UsageError, render
from auroraql.forms.script import read
from auroraql.frontends.cli.streams import say
from auroraql.output import check_writable, footer, known_format, wants_color, write
from auroraql.output import render as render_result
from auroraql.results import ResultSet
from auroraql.session import Archive, connect


def run(options: argparse.Namespace, sources: list[Source], parameters: dict[str, object]) -> None:
    """Runs scripts, one after the other; nothing of them is run when anything in them is wrong."""
    target = Path(options.output) if options.output is not None else None
    if target is not None:
        check_writable(target, options.format)
        if sum(len(read(source)) for source in sources) != 1:
            raise UsageError("--output holds the result of one statement", "run the statements one by one")
    archive, shown_as = _opened(options)
    if target is None and shown_as == "table":
        # What draws tables is loaded while the archive is opened and searched.
        Thread(target=import_module, args=("tabulate",), daemon=True).start()
    with archive:
        for result in archive.run_script(*sources, **parameters):
            if result.warnings:
                say(render(result.warnings, result.source))
            if target is None:
                _show(result, shown_as)
            else:
                write(result, target, options.format)
                say(f"{target}: {footer(result)}")


def repl(options: argparse.Namespace) -> None:
    """The REPL, until it is left. Raises UsageError for an option that needs a statement."""
    for name in ("output", "param"):
        if getattr(options, name) is not None:
            raise UsageError(f"--{name} needs a statement", "give one by -c, as a file, or on standard input")
    # prompt_toolkit takes as long to load as a search on the demonstration takes to run.
    from auroraql.frontends.repl import run_repl

    archive, shown_as = _opened(options)
    with archive:
        run_repl(archive, format=shown_as)


def _opened(options: argparse.Namespace) -> tuple[Archive, str]:
    """The archive and the format: of the options, the environment or the config file, the first that says."""
    config = read_config(os.environ)
    shown_as = known_format(options.format or config.format).name
    archive = config.archive if options.archive is None else options.archive
    return connect(archive, api_key=config.api_key, timeout=options.timeout or config.timeout, say=say), shown_as


def _show(result: ResultSet, shown_as: str) -> None:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for chunk in render_result(result, shown_as, width=width, color=wants_color(sys.stdout, os.environ)):
        sys.stdout.write(chunk)
    say(footer(result))
