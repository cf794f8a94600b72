"""What the command line does. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

from auroraql.errors import (
    AuroraQLError,
    Source,
    StatementError,
    TimedOut,
    Unreachable,
    UsageError,
    render,
)
from auroraql.frontends.cli.arguments import parser

FORMAT_NAMES = ("table", "vertical", "csv", "json", "jsonl")
TARGETS = ("aql", "json", "sentence", "plan")
SOURCES = ("auto", "aql", "json", "sentence")

DONE, FAILED, WRONG, UNREACHABLE, LATE, INTERRUPTED = 0, 1, 2, 3, 4, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code; never raises for what a user can do."""
    _make_streams_safe()
    try:
        options = parser(FORMAT_NAMES, TARGETS, SOURCES).parse_args(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        code = _COMMANDS[options.command](options)
        sys.stdout.flush()
    except AuroraQLError as error:
        _say(str(error))
        return _exit_code(error)
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has gone; so that Python does not complain at exit, nothing is left to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    return code


def _make_streams_safe() -> None:
    """What cannot be encoded (lone surrogates, an ASCII terminal) is escaped rather than a crash."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


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


def _say(text: str) -> None:
    sys.stdout.flush()
    print(text, file=sys.stderr)


def _search(options: argparse.Namespace) -> int:
    if options.text is not None:
        return _run_sources(options, iter([Source(options.text)]))
    if sys.stdin is not None and sys.stdin.isatty():
        return _repl(options)
    return _run_sources(options, iter([_read("-")]))


def _run(options: argparse.Namespace) -> int:
    return _run_sources(options, iter([_read(name) for name in options.files]))


def _run_sources(options: argparse.Namespace, sources: Iterator[Source]) -> int:
    from auroraql.config import read_config
    from auroraql.output import check_writable, footer, wants_color, write
    from auroraql.output import render as render_result
    from auroraql.public import parse_script
    from auroraql.session import connect

    config = read_config(os.environ)
    parameters = _parameters(options)
    target = Path(options.output) if options.output else None
    if target is not None:
        check_writable(target, options.format)
    shown_as = options.format or config.format
    color = wants_color(sys.stdout, os.environ)
    with connect(
        options.archive or config.archive, api_key=config.api_key, timeout=options.timeout or config.timeout, say=_say
    ) as archive:
        for source in sources:
            if target is not None and len(parse_script(source)) != 1:
                raise UsageError("--output holds the result of one statement", "run the statements one by one")
            for result in archive.run_script(source, **parameters):
                if result.warnings:
                    _say(render(result.warnings, result.source))
                if target is not None:
                    write(result, target, options.format)
                    _say(f"{target}: {footer(result)}")
                    continue
                for chunk in render_result(result, shown_as, width=_width(), color=color):
                    sys.stdout.write(chunk)
                _say(footer(result))
    return DONE


def _width() -> int | None:
    """The terminal's width; None where there is no terminal, and nothing is cut."""
    return os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else None


def _repl(options: argparse.Namespace) -> int:
    from auroraql.config import read_config
    from auroraql.frontends.repl import run_repl
    from auroraql.session import connect

    config = read_config(os.environ)
    with connect(
        options.archive or config.archive, api_key=config.api_key, timeout=options.timeout or config.timeout, say=_say
    ) as archive:
        run_repl(archive, format=options.format or config.format)
    return DONE


def _check(options: argparse.Namespace) -> int:
    from auroraql.schema.catalogue import shipped
    from auroraql.session import check

    code = DONE
    for name in options.files:
        source = _read(name)
        found = check(source, shipped(), _parameters(options))
        if found:
            _say(render(found, source))
        if any(each.severity == "error" for each in found):
            code = WRONG
    return code


def _format(options: argparse.Namespace) -> int:
    from auroraql.forms.text.formatting import format_text

    code = DONE
    for name in options.files:
        source = _read(name)
        made = format_text(source)
        if name == "-" and not options.check:
            sys.stdout.write(made)
        elif made != source.text:
            if options.check:
                _say(f"{name} would change")
                code = FAILED
            else:
                _replace(Path(name), made)
    return code


def _replace(path: Path, text: str) -> None:
    from auroraql.output import write_text

    write_text(path, text)


def _translate(options: argparse.Namespace) -> int:
    from auroraql.translation import translate_source

    if (options.text is None) == (options.file is None):
        raise UsageError("translate takes one statement", "give it by -c, as a file, or as - for standard input")
    source = Source(options.text) if options.text is not None else _read(options.file)
    translation = translate_source(source, options.to, form=options.source_form, parameters=_parameters(options))
    if translation.warnings:
        _say(render(translation.warnings, source))
    output = translation.output
    print(output if isinstance(output, str) else json.dumps(output, indent=2, ensure_ascii=False))
    return DONE


_COMMANDS: dict[str | None, Callable[[argparse.Namespace], int]] = {
    None: _search,
    "run": _run,
    "check": _check,
    "fmt": _format,
    "translate": _translate,
}


def _read(name: str) -> Source:
    """A file's text; `-` is standard input. Raises UsageError."""
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        return Source(data.decode("utf-8"), "<stdin>" if name == "-" else name)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"{name} is no UTF-8 text: line {line} has a byte that cannot be read", "save it as UTF-8"
        ) from None


def _parameters(options: argparse.Namespace) -> dict[str, object]:
    """The values of --param; a name given several times is a list."""
    given: dict[str, list[str]] = {}
    for text in cast("list[str]", getattr(options, "param", None) or []):
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"--param {text} is not NAME=VALUE", "as in: --param day=2021-01-01")
        given.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in given.items()}
