"""The commands that run statements: scripts, whose results are shown or written."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from threading import Thread

from auroraql.config import Config
from auroraql.errors import AuroraQLError, Source, UsageError, render
from auroraql.forms.script import read
from auroraql.frontends.cli.exits import DONE, exit_code
from auroraql.frontends.cli.settling import settled
from auroraql.frontends.cli.streams import complain, say
from auroraql.frontends.farewell import farewell
from auroraql.frontends.progress import status_line
from auroraql.output import check_writable, footer, known_format, wants_color, write
from auroraql.output import render as render_result
from auroraql.results import ResultSet
from auroraql.saved import Given, bind
from auroraql.session import Archive, connect
from auroraql.syntax import Follow, Let, Set, Statement


def run(options: argparse.Namespace, sources: list[Source], given: Given) -> int:
    """Runs scripts, one after the other, and gives back the exit code.

    Nothing of them is run when anything in them is wrong, and the first failure ends it: raises AuroraQLError. With
    --keep-going each statement that is wrong or fails is told, and the rest is run.
    """
    target = Path(options.output) if options.output is not None else None
    if target is not None:
        check_writable(target, options.format)
        if sum(_shows(each.statement) for source in sources for each in read(source)) != 1:
            raise UsageError("--output holds the result of one statement", "run the statements one by one")
    values = bind(sources, given)
    config = settled(options)
    for warning in config.warnings:
        say(warning)
    archive = opened(config)
    if target is None and archive.settings.format == "table":
        # What draws tables is loaded while the archive is opened and searched.
        Thread(target=import_module, args=("tabulate",), daemon=True).start()
    code = DONE
    with archive, _leaving(archive):
        for outcome in _outcomes(archive, sources, values, keep_going=bool(options.keep_going)):
            if isinstance(outcome, ResultSet):
                _give(outcome, options, archive.settings.format, config)
            else:
                complain(str(outcome))
                code = code or exit_code(outcome)
    return code


def _outcomes(
    archive: Archive, sources: Sequence[Source], values: dict[str, object], *, keep_going: bool
) -> Iterator[ResultSet | AuroraQLError]:
    if keep_going:
        return archive.run_each(*sources, **values)
    return archive.run_script(*sources, **values)


def _give(result: ResultSet, options: argparse.Namespace, shown_as: str, config: Config) -> None:
    """Shows a result, or writes it to the file that was named; no more rows of it than were asked for."""
    if result.warnings:
        say(render(result.warnings, result.source))
    if result.note:
        say(result.note)
        return
    limit = None if result.is_report else options.limit
    given = result if limit is None or len(result) <= limit else result.head(limit)
    if options.output is None:
        show(given, shown_as, config)
        say(footer(result))
    else:
        write(given, options.output, options.format)
        say(f"{Path(options.output)}: {footer(result)}")
    if given is not result:
        say(f"{len(given):,} of {len(result):,} rows are written (--limit {limit})")


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


def opened(config: Config, say: Callable[[str], None] = say) -> Archive:
    """The archive of the configuration, showing results as that says. `say` is told what takes time."""
    shown_as = known_format(config.format).name
    made = connect(
        config.archive,
        api_key=config.api_key,
        timeout=config.timeout,
        say=say,
        watch=status_line(sys.stderr),
    )
    made.settings.begin_with(format=shown_as)
    return made


def is_colored(config: Config) -> bool:
    """Whether to colour standard output. What is asked for by name holds whatever the terminal is."""
    return config.color == "always" or (config.color == "auto" and wants_color(sys.stdout, os.environ))


def show(result: ResultSet, shown_as: str, config: Config) -> None:
    """Writes a result to standard output: on a terminal what fits it, elsewhere all."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for chunk in render_result(result, shown_as, width=width, color=is_colored(config)):
        sys.stdout.write(chunk)
