"""What may be written on the command line, and what it must not be written with."""

from __future__ import annotations

import argparse
from typing import cast

from auroraql import __version__
from auroraql.errors import UsageError
from auroraql.frontends.cli.serving import add_options

_EPILOG = """\
examples:
  auroraql -c "FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01"
  auroraql run keograms.aql --param day=2021-01-01 --format csv
  auroraql translate --to json -c "FIND data_products WHERE program = 'trex' ON 2020-02-01"

exit codes: 0 done, 1 a search failed or was refused, 2 the statement or the usage is wrong,
3 the archive cannot be reached, 4 the deadline passed, 130 interrupted.
"""


def parser(formats: tuple[str, ...], targets: tuple[str, ...], sources: tuple[str, ...]) -> argparse.ArgumentParser:
    """The whole command line; options of a search stand before or after the command."""
    made = argparse.ArgumentParser(
        prog="auroraql",
        description="Search AuroraX in one line. Without a command: a REPL on a terminal, else statements from standard input.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action="version", version=f"auroraql {__version__}")
    _statement(made)
    _search(made, formats)
    made.set_defaults(command=None)
    commands = made.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    run = commands.add_parser("run", help="run the statements of files")
    run.add_argument("files", nargs="+", metavar="FILE", help="a file of statements; - for standard input")
    _search(run, formats, argparse.SUPPRESS)

    check = commands.add_parser("check", help="say what is wrong in files, and run nothing")
    check.add_argument("files", nargs="+", metavar="FILE", help="a file of statements; - for standard input")
    _parameters(check, argparse.SUPPRESS)

    fmt = commands.add_parser("fmt", help="set files in the canonical layout")
    fmt.add_argument("--check", action="store_true", help="change nothing; fail when a file would change")
    fmt.add_argument("files", nargs="+", metavar="FILE", help="a file of statements; - formats standard input")

    translate = commands.add_parser("translate", help="write a statement in another form")
    translate.add_argument("--to", required=True, choices=targets, help="the form to write")
    translate.add_argument(
        "--from",
        dest="source_form",
        default="auto",
        choices=sources,
        help="the form it is in (default: tell by itself)",
    )
    _statement(translate, argparse.SUPPRESS)
    _parameters(translate, argparse.SUPPRESS)
    translate.add_argument("file", nargs="?", metavar="FILE", help="a file with one statement; - for standard input")

    add_options(commands.add_parser("serve", help="answer AuroraX clients over HTTP, from a local archive"))
    return made


def _statement(parser: argparse.ArgumentParser, default: object = None) -> None:
    parser.add_argument("-c", dest="text", metavar="TEXT", default=default, help="the statements themselves")


def _parameters(parser: argparse.ArgumentParser, default: object = None) -> None:
    parser.add_argument(
        "--param",
        action="append",
        metavar="NAME=VALUE",
        default=default,
        help="a value for $NAME; several of one name make a list",
    )


def _search(parser: argparse.ArgumentParser, formats: tuple[str, ...], default: object = None) -> None:
    parser.add_argument(
        "-a",
        "--archive",
        metavar="ARCHIVE",
        default=default,
        help="demo (the default), a catalogue file, aurorax, or a URL",
    )
    parser.add_argument("--format", choices=formats, default=default, help="how results are shown (default: table)")
    parser.add_argument(
        "--output", metavar="FILE", default=default, help="write the result to a file, in the format of its suffix"
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        metavar="SECONDS",
        default=default,
        help="give up on a search after so long (default: 600)",
    )
    _parameters(parser, default)


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError(f"a deadline is a number of seconds above 0, not {text!r}")
    return number


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
    "serve": frozenset({"archive", "timeout"}),
}
"""Which of them each command heeds."""


def refuse_idle(options: argparse.Namespace) -> None:
    """Raises UsageError for an option that the command would pass over in silence."""
    for name, spelling in _SPELLINGS.items():
        if getattr(options, name, None) is not None and name not in _HEEDED[options.command]:
            raise UsageError(f"{spelling} is no option of {options.command}")


def parameters(options: argparse.Namespace) -> dict[str, object]:
    """The values of --param; a name given several times is a list. Raises UsageError."""
    given: dict[str, list[str]] = {}
    for text in cast("list[str]", getattr(options, "param", None) or []):
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"--param {text} is not NAME=VALUE", "as in: --param day=2021-01-01")
        given.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in given.items()}
