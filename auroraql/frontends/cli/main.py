"""What the command line does. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import argparse
import codecs
import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

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
    code = _carry_out(arguments)
    try:
        sys.stdout.flush()
    except OSError as error:
        return code or _stop_writing(error)
    return code


def _carry_out(arguments: Sequence[str] | None) -> int:
    try:
        options = parser(FORMAT_NAMES, TARGETS, SOURCES).parse_args(arguments)
        _refuse_idle(options)
        return _COMMANDS[options.command](options)
    except SystemExit as stop:
        return int(stop.code or 0)
    except AuroraQLError as error:
        _complain(str(error))
        return _exit_code(error)
    except KeyboardInterrupt:
        _complain("interrupted")
        return INTERRUPTED
    except OSError as error:
        return _stop_writing(error)


def _stop_writing(error: OSError) -> int:
    """Standard output takes no more; that its reader has gone, as `head` does, is nothing to complain of."""
    # So that Python does not complain at exit either, nothing is left to flush.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return DONE
    _complain(f"the results cannot be written: {error.strerror or error}")
    return FAILED


def _make_streams_safe() -> None:
    """What cannot be encoded (lone surrogates, an ASCII terminal) is escaped, and a closed stream takes nothing."""
    codecs.register_error("auroraql", _escaped)
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for the whole process
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="auroraql")


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """As JSON escapes it, so that JSON stays JSON in every encoding."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


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


def _complain(text: str) -> None:
    """Says what went wrong, whatever became of the results before it."""
    with suppress(OSError):
        sys.stdout.flush()
    print(text, file=sys.stderr)


_SPELLINGS = {
    "text": "-c",
    "archive": "--archive",
    "format": "--format",
    "output": "--output",
    "timeout": "--timeout",
    "param": "--param",
}
"""The options that may stand before a command, as they are typed."""

_HEEDED: dict[str | None, frozenset[str]] = {
    None: frozenset(_SPELLINGS),
    "run": frozenset(_SPELLINGS) - {"text"},
    "check": frozenset({"param"}),
    "fmt": frozenset(),
    "translate": frozenset({"text", "param"}),
}
"""Which of them each command heeds."""


def _refuse_idle(options: argparse.Namespace) -> None:
    """An option that a command would pass over in silence is an error."""
    for name, spelling in _SPELLINGS.items():
        if getattr(options, name, None) is not None and name not in _HEEDED[options.command]:
            raise UsageError(f"{spelling} is no option of {options.command}")


def _search(options: argparse.Namespace) -> int:
    if options.text is not None:
        return _run_sources(options, [Source(options.text)])
    if sys.stdin is not None and sys.stdin.isatty():
        return _repl(options)
    return _run_sources(options, [_read("-")])


def _run(options: argparse.Namespace) -> int:
    return _run_sources(options, [_read(name) for name in options.files])


def _run_sources(options: argparse.Namespace, sources: list[Source]) -> int:
    from auroraql.output import check_writable, known_format
    from auroraql.public import parse_script

    config, parameters = _config(), _parameters(options)
    target = Path(options.output) if options.output is not None else None
    if target is None:
        options.format = known_format(options.format or config.format).name
    else:
        check_writable(target, options.format)
        if sum(len(parse_script(source)) for source in sources) != 1:
            raise UsageError("--output holds the result of one statement", "run the statements one by one")
    with _connected(options, config) as archive:
        for result in archive.run_script(*sources, **parameters):
            if result.warnings:
                _say(render(result.warnings, result.source))
            _show(result, target, options.format)
    return DONE


def _show(result: ResultSet, target: Path | None, shown_as: str) -> None:
    from auroraql.output import footer, wants_color, write
    from auroraql.output import render as render_result

    if target is not None:
        write(result, target, shown_as)
        _say(f"{target}: {footer(result)}")
        return
    for chunk in render_result(result, shown_as, width=_width(), color=wants_color(sys.stdout, os.environ)):
        sys.stdout.write(chunk)
    _say(footer(result))


def _config() -> Config:
    from auroraql.config import read_config

    return read_config(os.environ)


def _connected(options: argparse.Namespace, config: Config) -> Archive:
    from auroraql.session import connect

    chosen = config.archive if options.archive is None else options.archive
    return connect(chosen, api_key=config.api_key, timeout=options.timeout or config.timeout, say=_say)


def _width() -> int | None:
    """The terminal's width; None where there is no terminal, and nothing is cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _repl(options: argparse.Namespace) -> int:
    from auroraql.frontends.repl import run_repl
    from auroraql.output import known_format

    for name in ("output", "param"):
        if getattr(options, name) is not None:
            raise UsageError(f"{_SPELLINGS[name]} takes a statement", "give one by -c, as a file, or on standard input")
    config = _config()
    shown_as = known_format(options.format or config.format).name
    with _connected(options, config) as archive:
        run_repl(archive, format=shown_as)
    return DONE


def _check(options: argparse.Namespace) -> int:
    from auroraql.schema.catalogue import shipped
    from auroraql.session import check

    code = DONE
    sources = (_read(name) for name in options.files)
    for source, found in check(sources, shipped(), _parameters(options)):
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
                _say(f"{source.name} would change")
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
        data = _standard_input() if name == "-" else Path(name).read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        return Source(data.decode("utf-8"), "<stdin>" if name == "-" else name)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"{name} is no UTF-8 text: line {line} has a byte that cannot be read", "save it as UTF-8"
        ) from None


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise UsageError("there is no standard input: it is closed")
    return sys.stdin.buffer.read()


def _parameters(options: argparse.Namespace) -> dict[str, object]:
    """The values of --param; a name given several times is a list."""
    given: dict[str, list[str]] = {}
    for text in cast("list[str]", getattr(options, "param", None) or []):
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"--param {text} is not NAME=VALUE", "as in: --param day=2021-01-01")
        given.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in given.items()}
