"""Dispatch of the command line. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from auroraql.diagnostics.errors import AuroraQLError, Source, UsageError, render
from auroraql.frontends.cli import streams
from auroraql.frontends.cli.arguments import (
    bind_script_parameters,
    build_parser,
    insert_run_command,
    parse_parameters,
    refuse_ignored_options,
)
from auroraql.frontends.cli.streams import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, exit_code

FORMAT_NAMES = ("table", "vertical", "csv", "tsv", "json", "jsonl", "parquet", "markdown", "html")
TARGETS = ("aql", "json", "sentence", "python", "curl", "idl", "notebook", "plan")
SOURCES = ("auto", "aql", "json", "sentence")

_COMPLETION_VARIABLE = "_ARGCOMPLETE"
"""Environment variable that a shell sets to request completion."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code. User errors are reported, not raised."""
    streams.make_streams_safe()
    code = _run_command(arguments)
    try:
        sys.stdout.flush()
    except OSError as error:
        stopped = _handle_interrupt(error)
        return stopped if code == EXIT_OK else code
    return code


def _run_command(arguments: Sequence[str] | None) -> int:
    try:
        if _COMPLETION_VARIABLE in os.environ:
            _complete_for_shell(build_parser(FORMAT_NAMES, TARGETS, SOURCES))
        given = sys.argv[1:] if arguments is None else arguments
        parser = build_parser(FORMAT_NAMES, TARGETS, SOURCES, given)
        options = parser.parse_args(insert_run_command(parser, given))
        refuse_ignored_options(options)
        return _COMMANDS[options.command](options)
    except SystemExit as stop:
        return int(stop.code or 0)
    except AuroraQLError as error:
        streams.print_error(str(error))
        return exit_code(error)
    except KeyboardInterrupt:
        streams.print_error("interrupted")
        return EXIT_INTERRUPTED
    except OSError as error:
        return _handle_interrupt(error)


def _complete_for_shell(parser: argparse.ArgumentParser) -> None:
    """Print the completions that a shell requests, and exit."""
    from auroraql.frontends.cli.shell_completion import complete_arguments

    complete_arguments(parser)


def _handle_interrupt(error: OSError) -> int:
    return EXIT_OK if streams.handle_closed_output(error) else EXIT_FAILED


def _run_search(options: argparse.Namespace) -> int:
    if options.text is None and _is_terminal(sys.stdin) and _is_terminal(sys.stdout):
        from auroraql.frontends.cli.commands import prompt

        prompt.start_repl(options)
        return EXIT_OK
    from auroraql.frontends.cli.commands import statements

    source = streams.read_input("-") if options.text is None else Source(options.text)
    return statements.run_scripts(options, [source], parse_parameters(options))


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _run_files(options: argparse.Namespace) -> int:
    from auroraql.frontends.cli.commands.run_files import run_files

    return run_files(options)


def _run_check(options: argparse.Namespace) -> int:
    from auroraql.frontends.cli.commands.check import check_files

    return check_files(options)


def _run_fix(options: argparse.Namespace) -> int:
    from auroraql.frontends.cli.commands.fix import fix_files

    return fix_files(options)


def _run_download(options: argparse.Namespace) -> int:
    from auroraql.frontends.cli.commands.download import download_files

    return download_files(options)


def _run_sync(options: argparse.Namespace) -> int:
    from auroraql.frontends.cli.commands.sync import run_sync

    return run_sync(options)


def _run_format(options: argparse.Namespace) -> int:
    codes = [EXIT_OK]
    for name in options.files:
        try:
            codes.append(_format_file(name, only_check=options.check))
        except AuroraQLError as error:  # format the other files too
            streams.print_error(str(error))
            codes.append(exit_code(error))
    return max(codes)


def _format_file(name: str, *, only_check: bool) -> int:
    from auroraql.language.formatter import format_text
    from auroraql.rendering import write_text

    source = streams.read_input(name)
    formatted = format_text(source)
    if name == "-" and not only_check:
        streams.print_output(formatted.removesuffix("\n"))
    elif formatted != source.text and only_check:
        streams.print_notice(f"{source.name} would change")
        return EXIT_FAILED
    elif formatted != source.text:
        write_text(Path(name), formatted)
    return EXIT_OK


def _run_translate(options: argparse.Namespace) -> int:
    from auroraql.config import effective_config
    from auroraql.engines.registry import offline_catalogue
    from auroraql.session.translation import translate_source

    if (options.text is None) == (options.file is None):
        raise UsageError("translate takes one statement", "give it with -c, as a file, or on standard input with -")
    source = Source(options.text) if options.text is not None else streams.read_input(options.file)
    values = bind_script_parameters([source], parse_parameters(options))
    catalogue = offline_catalogue(effective_config(options).archive)
    translation = translate_source(source, options.to, form=options.source_form, catalogue=catalogue, parameters=values)
    if translation.warnings:
        streams.print_notice(render(translation.warnings, source))
    output = translation.output
    streams.print_output(output if isinstance(output, str) else json.dumps(output, indent=2, ensure_ascii=False))
    return EXIT_OK


def _run_config(options: argparse.Namespace) -> int:
    from auroraql.frontends.cli.commands.configuration import show_config, validate_config

    return show_config(options) if options.action == "show" else validate_config(options)


def _run_doctor(options: argparse.Namespace) -> int:
    from auroraql.frontends.cli.commands.doctor import run_doctor

    return run_doctor(options)


def _run_completion(options: argparse.Namespace) -> int:
    from auroraql.frontends.cli.shell_completion import completion_script

    sys.stdout.write(completion_script(options.shell))
    return EXIT_OK


def _run_catalogue(options: argparse.Namespace) -> int:
    from auroraql.frontends.cli.commands.catalogue import run_catalogue

    return run_catalogue(options)


def _run_serve(options: argparse.Namespace) -> int:
    from auroraql.frontends.cli.commands.serve import run_server

    return run_server(options)


def _run_language_server(options: argparse.Namespace) -> int:
    from auroraql.frontends.cli.commands.lsp import start_server

    return start_server(options)


def _run_mcp_server(options: argparse.Namespace) -> int:
    from auroraql.frontends.cli.commands.mcp import start_server

    return start_server(options)


_COMMANDS: dict[str | None, Callable[[argparse.Namespace], int]] = {
    None: _run_search,
    "run": _run_files,
    "check": _run_check,
    "fix": _run_fix,
    "fmt": _run_format,
    "download": _run_download,
    "translate": _run_translate,
    "sync": _run_sync,
    "catalogue": _run_catalogue,
    "serve": _run_serve,
    "lsp": _run_language_server,
    "mcp": _run_mcp_server,
    "config": _run_config,
    "doctor": _run_doctor,
    "completion": _run_completion,
}
