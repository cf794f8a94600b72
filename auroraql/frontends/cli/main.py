"""What the command line does. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from auroraql.errors import (
    AuroraQLError,
    Source,
    StatementError,
    TimedOut,
    Unreachable,
    UsageError,
    render,
)
from auroraql.frontends.cli import streams
from auroraql.frontends.cli.arguments import parameters, parser, refuse_idle

FORMAT_NAMES = ("table", "vertical", "csv", "tsv", "json", "jsonl", "parquet", "markdown", "html")
TARGETS = ("aql", "json", "sentence", "python", "curl", "plan")
SOURCES = ("auto", "aql", "json", "sentence")

DONE, FAILED, WRONG, UNREACHABLE, LATE, INTERRUPTED = 0, 1, 2, 3, 4, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code; never raises for what a user can do."""
    streams.make_safe()
    code = _carry_out(arguments)
    try:
        sys.stdout.flush()
    except OSError as error:
        return _stopped(error) if code == DONE else code
    return code


def _carry_out(arguments: Sequence[str] | None) -> int:
    try:
        options = parser(FORMAT_NAMES, TARGETS, SOURCES).parse_args(arguments)
        refuse_idle(options)
        return _COMMANDS[options.command](options)
    except SystemExit as stop:
        return int(stop.code or 0)
    except AuroraQLError as error:
        streams.complain(str(error))
        return _exit_code(error)
    except KeyboardInterrupt:
        streams.complain("interrupted")
        return INTERRUPTED
    except OSError as error:
        return _stopped(error)


def _stopped(error: OSError) -> int:
    return DONE if streams.stop_writing(error) else FAILED


def _exit_code(error: AuroraQLError) -> int:
    match error:
        case StatementError() | UsageError():
            return WRONG
        case Unreachable():
            return UNREACHABLE
        case TimedOut():
            return LATE
        case _:
            return FAILED


def _search(options: argparse.Namespace) -> int:
    if options.text is None and sys.stdin is not None and sys.stdin.isatty():
        from auroraql.frontends.cli import prompting

        prompting.repl(options)
    else:
        from auroraql.frontends.cli import searching

        source = streams.read("-") if options.text is None else Source(options.text)
        searching.run(options, [source], parameters(options))
    return DONE


def _run(options: argparse.Namespace) -> int:
    from auroraql.frontends.cli import searching

    searching.run(options, [streams.read(name) for name in options.files], parameters(options))
    return DONE


def _check(options: argparse.Namespace) -> int:
    from auroraql.preparing import check
    from auroraql.schema.catalogue import shipped

    code = DONE
    sources = (streams.read(name) for name in options.files)
    for source, found in check(sources, shipped(), parameters(options)):
        if found:
            streams.say(render(found, source))
        if any(each.severity == "error" for each in found):
            code = WRONG
    return code


def _format(options: argparse.Namespace) -> int:
    from auroraql.forms.text.formatting import format_text
    from auroraql.output import write_text

    code = DONE
    for name in options.files:
        source = streams.read(name)
        made = format_text(source)
        if name == "-" and not options.check:
            sys.stdout.write(made)
        elif made != source.text:
            if options.check:
                streams.say(f"{source.name} would change")
                code = FAILED
            else:
                write_text(Path(name), made)
    return code


def _translate(options: argparse.Namespace) -> int:
    from auroraql.translation import translate_source

    if (options.text is None) == (options.file is None):
        raise UsageError("translate takes one statement", "give it by -c, as a file, or as - for standard input")
    source = Source(options.text) if options.text is not None else streams.read(options.file)
    translation = translate_source(source, options.to, form=options.source_form, parameters=parameters(options))
    if translation.warnings:
        streams.say(render(translation.warnings, source))
    output = translation.output
    print(output if isinstance(output, str) else json.dumps(output, indent=2, ensure_ascii=False))
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
}
