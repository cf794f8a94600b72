"""What the command line does. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from auroraql.errors import AuroraQLError, Source, UsageError, render
from auroraql.frontends.cli import streams
from auroraql.frontends.cli.arguments import parameters, parser, refuse_idle, values_for, with_run
from auroraql.frontends.cli.exits import DONE, FAILED, INTERRUPTED, exit_code

FORMAT_NAMES = ("table", "vertical", "csv", "tsv", "json", "jsonl", "parquet", "markdown", "html")
TARGETS = ("aql", "json", "sentence", "python", "curl", "plan")
SOURCES = ("auto", "aql", "json", "sentence")

_ASKED = "_ARGCOMPLETE"
"""The variable by which a shell asks for completion."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code; never raises for what a user can do."""
    streams.make_safe()
    code = _carry_out(arguments)
    try:
        sys.stdout.flush()
    except OSError as error:
        stopped = _stopped(error)
        return stopped if code == DONE else code
    return code


def _carry_out(arguments: Sequence[str] | None) -> int:
    try:
        known = parser(FORMAT_NAMES, TARGETS, SOURCES)
        if _ASKED in os.environ:
            _complete(known)
        options = known.parse_args(with_run(known, sys.argv[1:] if arguments is None else arguments))
        refuse_idle(options)
        return _COMMANDS[options.command](options)
    except SystemExit as stop:
        return int(stop.code or 0)
    except AuroraQLError as error:
        streams.complain(str(error))
        return exit_code(error)
    except KeyboardInterrupt:
        streams.complain("interrupted")
        return INTERRUPTED
    except OSError as error:
        return _stopped(error)


def _complete(known: argparse.ArgumentParser) -> None:
    """Answers a shell that asks what may come next, and ends."""
    from auroraql.frontends.cli.completing import complete

    complete(known)


def _stopped(error: OSError) -> int:
    return DONE if streams.stop_writing(error) else FAILED


def _search(options: argparse.Namespace) -> int:
    if options.text is None and _is_terminal(sys.stdin) and _is_terminal(sys.stdout):
        from auroraql.frontends.cli import prompting

        prompting.repl(options)
        return DONE
    from auroraql.frontends.cli import searching

    source = streams.read("-") if options.text is None else Source(options.text)
    return searching.run(options, [source], parameters(options))


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _run(options: argparse.Namespace) -> int:
    from auroraql.frontends.cli.running_files import run_files

    return run_files(options)


def _check(options: argparse.Namespace) -> int:
    from auroraql.frontends.cli.checking import check_files

    return check_files(options)


def _format(options: argparse.Namespace) -> int:
    codes = [DONE]
    for name in options.files:
        try:
            codes.append(_format_one(name, only_check=options.check))
        except AuroraQLError as error:  # the other files are not to wait for this one
            streams.complain(str(error))
            codes.append(exit_code(error))
    return max(codes)


def _format_one(name: str, *, only_check: bool) -> int:
    from auroraql.forms.text.formatting import format_text
    from auroraql.output import write_text

    source = streams.read(name)
    made = format_text(source)
    if name == "-" and not only_check:
        streams.give(made.removesuffix("\n"))
    elif made != source.text and only_check:
        streams.say(f"{source.name} would change")
        return FAILED
    elif made != source.text:
        write_text(Path(name), made)
    return DONE


def _translate(options: argparse.Namespace) -> int:
    from auroraql.archives.known import offline_catalogue
    from auroraql.frontends.cli.settling import settled
    from auroraql.translation import translate_source

    if (options.text is None) == (options.file is None):
        raise UsageError("translate takes one statement", "give it by -c, as a file, or as - for standard input")
    source = Source(options.text) if options.text is not None else streams.read(options.file)
    values = values_for([source], parameters(options))
    known = offline_catalogue(settled(options).archive)
    translation = translate_source(source, options.to, form=options.source_form, catalogue=known, parameters=values)
    if translation.warnings:
        streams.say(render(translation.warnings, source))
    output = translation.output
    streams.give(output if isinstance(output, str) else json.dumps(output, indent=2, ensure_ascii=False))
    return DONE


def _config(options: argparse.Namespace) -> int:
    from auroraql.frontends.cli.configuring import show, validate

    return show(options) if options.action == "show" else validate(options)


def _doctor(options: argparse.Namespace) -> int:
    from auroraql.frontends.cli.doctor import examine

    return examine(options)


def _completion(options: argparse.Namespace) -> int:
    from auroraql.frontends.cli.completing import script

    sys.stdout.write(script(options.shell))
    return DONE


def _serve(options: argparse.Namespace) -> int:
    from auroraql.frontends.cli.serving import serve

    return serve(options)


_COMMANDS: dict[str | None, Callable[[argparse.Namespace], int]] = {
    None: _search,
    "run": _run,
    "check": _check,
    "fmt": _format,
    "translate": _translate,
    "serve": _serve,
    "config": _config,
    "doctor": _doctor,
    "completion": _completion,
}
