"""Start of the REPL. The prompt appears before the archive is open."""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack
from typing import TextIO

from auroraql.config import Config, effective_config, user_query_folder
from auroraql.diagnostics.errors import UsageError
from auroraql.engines.registry import find_engine
from auroraql.frontends.cli.streams import print_notice
from auroraql.frontends.repl import banner, run_repl
from auroraql.frontends.repl.controller_protocol import ReplController, ReplOptions


def start_repl(options: argparse.Namespace) -> None:
    """Run the REPL. Raises UsageError for an option that needs a statement."""
    for name in ("output", "limit", "keep_going", "param"):
        if getattr(options, name) is not None:
            spelling = name.replace("_", "-")
            raise UsageError(f"--{spelling} needs a statement", "give one with -c, as a file, or on standard input")
    config = effective_config(options)
    archive = config.archive
    with ExitStack() as stack:
        definition = find_engine(archive)
        if definition.always_exists:
            title = banner(archive, demonstration=definition.is_demonstration)
            verbose = bool(options.verbose)
            run_repl(
                title,
                lambda switches, stream: _make_controller(config, switches, stream, stack, verbose=verbose),
                switches=_initial_options(config),
            )
        else:
            _run_opened(config, stack, verbose=bool(options.verbose))


def _make_controller(
    config: Config, switches: ReplOptions, stream: TextIO, stack: ExitStack, *, verbose: bool
) -> ReplController:
    """Create the controller. Runs in a thread while the prompt is shown."""
    # The modules that open archives take several times as long to load as the prompt.
    from auroraql.frontends.cli.commands.statements import open_archive_from_config
    from auroraql.frontends.repl.controller import Controller

    def write_line(line: str) -> None:
        stream.write(f"{line}\n")
        stream.flush()

    return Controller(
        stack.enter_context(open_archive_from_config(config, write_line, late=True, verbose=verbose)), switches, stream
    )


def _run_opened(config: Config, stack: ExitStack, *, verbose: bool) -> None:
    """Run the REPL on an archive that may not exist, which is opened before the prompt appears."""
    from auroraql.frontends.cli.commands.statements import open_archive_from_config
    from auroraql.frontends.repl.controller import run_session

    run_session(
        stack.enter_context(open_archive_from_config(config, late=True, verbose=verbose)),
        switches=_initial_options(config),
    )


def _initial_options(config: Config) -> ReplOptions:
    """Return the options of the REPL from the configuration, and print its warnings."""
    for warning in config.warnings:
        print_notice(warning)
    plain = config.color == "auto" and (bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb")
    return ReplOptions(
        color=config.color != "never" and not plain,
        fuzzy=config.is_on("fuzzy"),
        multiline=config.is_on("multiline"),
        vi=config.text("keys") == "vi",
        timing=config.is_on("timing"),
        theme=config.text("theme"),
        pager=None if config.origins["pager"] == "default" else config.text("pager"),
        queries=user_query_folder(config),
    )
