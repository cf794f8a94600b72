"""Command-line arguments: the parser, and checks that argparse does not make."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NoReturn, cast

from auroraql import __version__
from auroraql.diagnostics.errors import Source, UsageError
from auroraql.downloads.limits import DEFAULT_AT_ONCE, MAX_AT_ONCE
from auroraql.frontends.cli.streams import escape_lines
from auroraql.pictures import PICTURE_NAMES

_EPILOG = """\
examples:
  auroraql -c "FIND data_products WHERE program = 'trex' ON 2021-01-01"
  auroraql run keograms.aql --param day=2021-01-01 --format csv
  auroraql translate --to json keograms.aql

Results go to standard output, everything else to standard error. Permanent
settings go in config.toml or in environment variables; auroraql config show
lists them. Precedence: option, variable, profile, file, default.

exit codes: 0 success, 1 a search failed or was refused, 2 error in the
statement or usage, 3 the archive cannot be reached, 4 the deadline has passed,
130 interrupted.
"""

_RUN = """\
Run the statements of files and saved queries in order, with values for their
$name parameters.

Saved queries are .aql files in the working folder or in your queries folder
(auroraql config show prints its path). A file path takes precedence over the
name of a saved query. At the prompt, \\save saves a query.
"""

_RUN_EPILOG = """\
The comments at the top of a query declare its parameters, each with a type and,
optionally, a default and a description:
  -- description  The keograms of a program on one day.
  -- param program: text = trex  the program
  -- param day: date  the day
The types are text, integer, number, boolean, date, time, period, and lists of
these, for example list of text.

examples:
  auroraql run --list
  auroraql run keograms_of_a_day day=2021-01-01
  auroraql keograms.aql program=trex
  auroraql run keograms.aql --param program=trex --output keograms.csv
  auroraql run nightly.aql --keep-going --timeout 60
  auroraql run nightly.aql --report nightly.html
"""

_CHECK_EPILOG = """\
--format json prints an object for programs: {"version": 1, "diagnostics":
[...]}. Each diagnostic has file, code, severity, message, label, hint, fix,
start and end (line and column from 1, in characters) and range (as in LSP:
lines and UTF-16 units from 0). fix is the text that replaces the range, or
null. The exit code is 2 if there is an error.

check does not run statements or contact the archive. It checks values against
the data sources that the archive last sent, or else those that come with
AuroraQL. An unknown value is a warning.
"""

_FIX = """\
Correct the errors of files where the correction is certain: it leaves no error in
its place and keeps the meaning. The command prints a diff and asks before it writes
a file. Without a terminal it writes only with --write. `-` reads standard input and
prints the corrected text. Warnings are not corrected.
"""

_FIX_EPILOG = """\
exit codes: 0 no error is left, 1 there are fixes that were not written, 2 errors
without a fix are left, or a file cannot be read or written.

examples:
  auroraql fix keograms.aql
  auroraql fix --write *.aql
  auroraql fix - < keograms.aql > fixed.aql
"""

_DOWNLOAD = """\
Run a statement and download the files of its result, whose URLs are in the column
url. Complete files are listed in manifest.jsonl in the folder. Repeat a command to
continue it: complete files are kept, and begun ones continue where they ended.
"""

_DOWNLOAD_EPILOG = """\
Without --name, a file has the shortest end of its URL that differs from those of
the other files. A template of --name has fields: the columns of the result, the
keys of its metadata, and {file}, the last part of the URL. Times take formats,
for example {start:%Y/%m/%d}.

A file that the server does not have (404, 410, or a web page in its place) is
missing and not requested again. An existing file that is not in the manifest, or
differs from it, is kept and reported.

exit codes: 0 every file is in the folder, 1 a file is missing or failed, 130
interrupted; those of a search otherwise.

examples:
  auroraql download keograms.aql --param day=2021-01-01 --to data
  auroraql download -c "FIND data_products ON 2021-01-01" --to data --dry-run
  auroraql download keograms.aql --to data --name "{platform}/{start:%Y/%m}/{file}"
"""

_SYNC = """\
Copy records of an archive into a catalogue file, which is searched like the archive
and without the network. Repeat the command with the name of the file to update it:
only what is new, recent or changed is read. A killed command leaves a correct file,
and the next one continues.
"""

_SYNC_EPILOG = """\
The records of one data source in a month (ephemeris) or a year (data products) are
a unit, and are replaced as a whole. A unit is read when it is new, when the archive
announces another number of records, when it is recent (--refresh), or to verify it
(--verify). Records are deleted only if the archive's counts confirm it.

A search on the mirror for records that are not mirrored has a warning. SHOW SYNC
lists what is mirrored. The file is locked while it is synchronized.

exit codes: 0 the mirror is complete, 1 a unit is missing, 3 the archive cannot be
reached, 130 interrupted.

examples:
  auroraql sync --archive aurorax --to swarm.duckdb \\
    -c "FIND ephemeris WHERE program = 'swarm' SINCE 2013" --dry-run
  auroraql sync --archive aurorax --to swarm.duckdb \\
    -c "FIND ephemeris WHERE program = 'swarm' SINCE 2013"
  auroraql sync swarm.duckdb --verify 1%
"""

_CATALOGUE = """\
Create catalogue files, and fill, describe, check and rewrite them. A catalogue
has data sources of your own and of AuroraX, and their records. Search it with
--archive CATALOGUE, and serve it with auroraql serve.

Each action changes the file as a whole or not at all, also when it is killed or
the disk is full. While it runs, no other program can have the file open.
"""

_CONFIG = """\
Show or check the settings. They are in config.toml (show prints its path), or
in the file that AURORAQL_CONFIG names:

  archive = "aurorax"
  api_key = "..."
  profile = "lab"            # the default profile

  [profiles.lab]
  archive = "http://localhost:8080"
  format = "csv"

An API key is sent only to the archive that is set in the same table.
"""

_COMPLETION = """\
Print the shell completion script. It completes commands, options, formats,
archives, files, saved queries and their parameters. To load it in every
session:

  bash   echo 'eval "$(auroraql completion bash)"' >> ~/.bashrc
  zsh    echo 'eval "$(auroraql completion zsh)"' >> ~/.zshrc  (after compinit)
  fish   auroraql completion fish > ~/.config/fish/completions/auroraql.fish
"""

SHELLS = ("bash", "zsh", "fish")

_DOCTOR_EPILOG = (
    "exit codes: 0 no problem found, 1 the archive refuses or fails, 2 a setting is\nwrong or missing, 3 the archive"
    " cannot be reached."
)


def build_parser(
    formats: tuple[str, ...],
    targets: tuple[str, ...],
    sources: tuple[str, ...],
    arguments: Sequence[str] | None = None,
) -> argparse.ArgumentParser:
    """Return the parser of `arguments`. Options of a search may come before or after the command.

    The options of a command are declared only when the arguments contain its name. Without arguments, all are declared.
    """
    parser: argparse.ArgumentParser = _ArgumentParser(
        prog="auroraql",
        usage="auroraql [OPTION]... [-c TEXT | FILE.aql [NAME=VALUE]... | COMMAND ...]",
        description="Search AuroraX. Without a command, start a REPL on a terminal, or run the\nstatements from standard input.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"auroraql {__version__}")
    _add_statement(parser)
    _add_search(parser, formats)
    parser.set_defaults(command=None)
    words = None if arguments is None else set(insert_run_command(parser, arguments))
    commands = parser.add_subparsers(prog="auroraql", dest="command", metavar="COMMAND", title="commands")
    for name, (summary, description, epilog, add_options) in _commands(formats, targets, sources).items():
        command = _add_command(commands, name, summary, description, epilog)
        if words is None or name in words:
            add_options(command)
    return parser


_CommandRow = tuple[str, str, str | None, Callable[[argparse.ArgumentParser], None]]
"""Help line, description, epilog, and the function that declares the options of a command."""


def _commands(
    formats: tuple[str, ...], targets: tuple[str, ...], sources: tuple[str, ...]
) -> Mapping[str, _CommandRow]:
    """Return the commands by name, in the order of the help."""
    return {
        "run": (
            "run the statements of files and saved queries", _RUN, _RUN_EPILOG, lambda run: _add_run(run, formats),
        ),
        "check": ("report the errors of files without running them", "", _CHECK_EPILOG, _add_check),
        "fix": ("correct the errors of files where the correction is certain", _FIX, _FIX_EPILOG, _add_fix),
        "fmt": ("format files", "", None, _add_format),
        "translate": (
            "write a statement in another form", "", None, lambda command: _add_translate(command, targets, sources),
        ),
        "download": ("download the files of a result into a folder", _DOWNLOAD, _DOWNLOAD_EPILOG, _add_download),
        "sync": ("mirror an archive, or a part of it, in a catalogue file", _SYNC, _SYNC_EPILOG, _add_sync),
        "catalogue": ("create, fill, check and rewrite catalogue files", _CATALOGUE, None, _add_catalogue),
        "serve": ("serve a local archive to AuroraX clients over HTTP", "", None, _add_serve),
        "lsp": (
            "serve an editor by the language server protocol, over standard input and output", "", None, _add_lsp,
        ),
        "mcp": (
            "serve an agent by the Model Context Protocol, over standard input and output", "", None, _add_source_options,
        ),
        "config": ("show or check the settings", _CONFIG, None, _add_config),
        "doctor": (
            "show versions, paths, terminal and settings, and whether the archive answers", "", _DOCTOR_EPILOG,
            _add_source_options,
        ),
        "completion": ("print the shell completion script", _COMPLETION, None, _add_completion),
    }  # fmt: skip


class _ArgumentParser(argparse.ArgumentParser):
    """Parser that escapes control characters in its messages, because they quote the arguments."""

    def error(self, message: str) -> NoReturn:
        super().error(escape_lines(message))


def insert_run_command(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> list[str]:
    """Insert `run` before a file name that is in the place of a command.

    `auroraql FILE.aql` runs a file like `auroraql run FILE.aql`. Options between files and values, which argparse
    does not accept, are moved before them.
    """
    words = list(arguments)
    takes_value = {name for action in parser._actions if action.nargs is None for name in action.option_strings}
    options, others = _split_at_command(words, takes_value)
    if not others or "--" in words:
        return words
    command = others[0]
    is_file = command == "-" or command.endswith(".aql") or _is_file(command)
    if command == "run":
        others = others[1:]
    elif command in _OPTIONS_OF_COMMANDS or not is_file:
        return words
    return [*options, "run", *_options_first(others, takes_value)]


def _split_at_command(arguments: Sequence[str], takes_value: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the options that come before any other argument, and the rest."""
    at = 0
    while at < len(arguments) and arguments[at].startswith("-") and arguments[at] != "-":
        at += 2 if arguments[at] in takes_value else 1
    return list(arguments[:at]), list(arguments[at:])


def _options_first(arguments: Sequence[str], takes_value: Collection[str]) -> list[str]:
    options: list[str] = []
    others: list[str] = []
    left = iter(arguments)
    for text in left:
        if text == "-" or not text.startswith("-"):
            others.append(text)
        else:
            options += [text, *islice(left, 1)] if text in takes_value else [text]
    return [*options, *others]


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False


def _add_run(run: argparse.ArgumentParser, formats: tuple[str, ...]) -> None:
    run.add_argument(
        "files",
        nargs="*",
        metavar="FILE|NAME|NAME=VALUE",
        help="a file of statements or a saved query (- for standard input), or the value of a parameter",
    )
    run.add_argument(
        "--list", dest="lists", action="store_true", help="list the saved queries (those named), and run nothing"
    )
    _add_search(run, formats, argparse.SUPPRESS)


def _add_check(check: argparse.ArgumentParser) -> None:
    check.add_argument("files", nargs="+", metavar="FILE", help="a file of statements; - for standard input")
    check.add_argument(
        "--format",
        dest="diagnostics",
        choices=("text", "json"),
        default="text",
        help="for people, on standard error (the default), or for programs, on standard output",
    )
    _add_parameters(check, argparse.SUPPRESS)
    _add_archive(check, argparse.SUPPRESS)
    _add_profile(check, argparse.SUPPRESS)


def _add_fix(fix: argparse.ArgumentParser) -> None:
    fix.add_argument("files", nargs="+", metavar="FILE", help="a file of statements; - fixes standard input")
    fix.add_argument("--write", "--yes", "-y", action="store_true", help="write the fixes without asking")
    _add_parameters(fix, argparse.SUPPRESS)
    _add_archive(fix, argparse.SUPPRESS)
    _add_profile(fix, argparse.SUPPRESS)


def _add_download(download: argparse.ArgumentParser) -> None:
    download.add_argument(
        "file", nargs="?", metavar="FILE", help="a file with one statement or a saved query; - for standard input"
    )
    download.add_argument("--to", required=True, metavar="FOLDER", help="the folder, which is created if necessary")
    download.add_argument(
        "--name", metavar="TEMPLATE", help="names of the files, for example {program}/{platform}/{file}"
    )
    download.add_argument(
        "--at-once",
        type=_read_transfer_count,
        default=DEFAULT_AT_ONCE,
        metavar="N",
        help=f"the number of simultaneous transfers, at most 4 of them to one host (default: {DEFAULT_AT_ONCE})",
    )
    download.add_argument("--verify", action="store_true", help="compare files of earlier runs with their checksums")
    download.add_argument("--dry-run", action="store_true", help="list the files and their names; request none of them")
    _add_statement(download, argparse.SUPPRESS)
    _add_parameters(download, argparse.SUPPRESS)
    _add_source_options(download)


def _add_format(fmt: argparse.ArgumentParser) -> None:
    fmt.add_argument("--check", action="store_true", help="change nothing; fail when a file would change")
    fmt.add_argument("files", nargs="+", metavar="FILE", help="a file of statements; - formats standard input")


def _add_translate(translate: argparse.ArgumentParser, targets: tuple[str, ...], sources: tuple[str, ...]) -> None:
    translate.add_argument("--to", required=True, choices=targets, help="the form to write")
    translate.add_argument(
        "--from",
        dest="source_form",
        default="auto",
        choices=sources,
        help="the form of the input (default: detected)",
    )
    _add_statement(translate, argparse.SUPPRESS)
    _add_parameters(translate, argparse.SUPPRESS)
    _add_archive(translate, argparse.SUPPRESS)
    _add_profile(translate, argparse.SUPPRESS)
    translate.add_argument("file", nargs="?", metavar="FILE", help="a file with one statement; - for standard input")


def _add_sync(sync: argparse.ArgumentParser) -> None:
    from auroraql.frontends.cli.commands.sync_options import add_options

    add_options(sync)
    _add_archive(sync, argparse.SUPPRESS)
    _add_profile(sync, argparse.SUPPRESS)
    sync.add_argument(
        "--timeout",
        type=_read_time,
        metavar="TIME",
        default=argparse.SUPPRESS,
        help="the deadline of each request, such as 10m (default: 10m)",
    )


def _add_catalogue(catalogue: argparse.ArgumentParser) -> None:
    from auroraql.frontends.cli.commands.catalogue import add_options

    add_options(catalogue)


def _add_serve(serve: argparse.ArgumentParser) -> None:
    from auroraql.frontends.cli.commands.serve import add_options

    add_options(serve)
    _add_profile(serve, argparse.SUPPRESS)


def _add_config(config: argparse.ArgumentParser) -> None:
    config.add_argument(
        "action",
        choices=("show", "validate"),
        help="show: print every setting, its value and its origin; validate: check the file",
    )
    _add_source_options(config)


def _add_completion(completion: argparse.ArgumentParser) -> None:
    completion.add_argument("shell", choices=SHELLS, help="the shell")


def _add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    help: str,
    description: str = "",
    epilog: str | None = None,
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=help,
        description=description or f"{help[0].upper()}{help[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_statement(parser: argparse.ArgumentParser, default: object = None) -> None:
    parser.add_argument("-c", dest="text", metavar="TEXT", default=default, help="the statements, as text")


def _add_parameters(parser: argparse.ArgumentParser, default: object = None) -> None:
    parser.add_argument(
        "--param",
        action="append",
        metavar="NAME=VALUE",
        default=default,
        help="a value for $NAME; repeat the option for a list",
    )


def _add_profile(parser: argparse.ArgumentParser, default: object = None) -> None:
    parser.add_argument("--profile", metavar="NAME", default=default, help="use the settings of a profile")


def _add_archive(parser: argparse.ArgumentParser, default: object = None) -> None:
    choices = "demo (the default), a catalogue file, aurorax, or a URL"
    parser.add_argument("-a", "--archive", metavar="ARCHIVE", default=default, help=choices)


def _add_lsp(lsp: argparse.ArgumentParser) -> None:
    """Add the options of the language server."""
    lsp.add_argument("--vscode", metavar="FILE.vsix", help="write the extension for VS Code to a file, and exit")
    _add_source_options(lsp)


def _add_source_options(parser: argparse.ArgumentParser, default: object = argparse.SUPPRESS) -> None:
    """Add the options that choose and configure the archive. Those of a command do not replace earlier ones."""
    _add_archive(parser, default)
    _add_profile(parser, default)
    parser.add_argument(
        "--timeout",
        type=_read_time,
        metavar="TIME",
        default=default,
        help="the deadline of each search, in seconds or with a unit, such as 90 or 10m (default: 10m)",
    )
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default=default,
        help="when to use colour (default: auto, on a terminal)",
    )


def _add_search(parser: argparse.ArgumentParser, formats: tuple[str, ...], default: object = None) -> None:
    _add_source_options(parser, default)
    parser.add_argument("--format", choices=formats, default=default, help="the format of results (default: table)")
    parser.add_argument(
        "--output", metavar="FILE", default=default, help="write the result to a file, in the format of its suffix"
    )
    parser.add_argument(
        "--plot",
        choices=PICTURE_NAMES,
        default=default,
        help="draw a picture of each result; with --output, write it to FILE.svg, .txt, .png or .pdf",
    )
    parser.add_argument(
        "--report",
        metavar="FILE",
        default=default,
        help="write all results to one web page, and none to standard output",
    )
    parser.add_argument(
        "--limit", type=_read_row_count, metavar="N", default=default, help="write at most N rows of each result"
    )
    parser.add_argument(
        "--keep-going",
        action="store_const",
        const=True,
        default=default,
        help="continue after a statement with an error; the exit code is that of the first error",
    )
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_const",
        const=True,
        default=default,
        help="print the steps of each search: request IDs, addresses, log lines, bytes and records",
    )
    _add_parameters(parser, default)


def _read_time(text: str) -> float:
    from auroraql.frontends.shared.time_option import read_time

    return read_time(text)


def _read_transfer_count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 2 and 1 <= int(text) <= MAX_AT_ONCE):
        raise argparse.ArgumentTypeError(f"the number of transfers must be from 1 to {MAX_AT_ONCE}, not {text!r}")
    return int(text)


def _read_row_count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise argparse.ArgumentTypeError(f"the limit must be a whole number of rows from 0, not {text!r}")
    return int(text)


_SPELLINGS = {
    "text": "-c",
    "archive": "--archive",
    "profile": "--profile",
    "timeout": "--timeout",
    "color": "--color",
    "format": "--format",
    "output": "--output",
    "report": "--report",
    "limit": "--limit",
    "keep_going": "--keep-going",
    "verbose": "--verbose",
    "param": "--param",
}
"""Options that may come before a command, as they are typed."""

_SOURCES = frozenset({"archive", "profile", "timeout", "color"})

_OPTIONS_OF_COMMANDS: dict[str | None, frozenset[str]] = {
    None: frozenset(_SPELLINGS),
    "run": frozenset(_SPELLINGS) - {"text"},
    "check": frozenset({"param", "archive", "profile"}),
    "fix": frozenset({"param", "archive", "profile"}),
    "fmt": frozenset(),
    "translate": frozenset({"text", "param", "archive", "profile"}),
    "sync": frozenset({"archive", "profile", "timeout"}),
    "catalogue": frozenset(),
    "serve": frozenset({"archive", "profile", "timeout"}),
    "download": _SOURCES | {"text", "param"},
    "lsp": _SOURCES,
    "mcp": _SOURCES,
    "config": _SOURCES,
    "doctor": _SOURCES,
    "completion": frozenset(),
}
"""Options that each command uses."""


def refuse_ignored_options(options: argparse.Namespace) -> None:
    """Raise UsageError for an option that the command does not use."""
    for name, spelling in _SPELLINGS.items():
        if getattr(options, name, None) is not None and name not in _OPTIONS_OF_COMMANDS[options.command]:
            raise UsageError(f"{spelling} is not an option of {options.command}")


def move_parameter_values(options: argparse.Namespace) -> None:
    """Move `NAME=VALUE` from the files of `run` to its parameters, unless there is a file of that name."""
    files: list[str] = []
    values: list[str] = []
    for text in options.files:
        name, equals, _ = text.partition("=")
        is_value = bool(equals) and name.isidentifier() and not _is_file(text)
        (values if is_value else files).append(text)
    options.files = files
    options.param = [*(options.param or []), *values]


def parse_parameters(options: argparse.Namespace) -> dict[str, list[str]]:
    """Return the texts of --param by name, each as often as it was given. Raises UsageError."""
    values: dict[str, list[str]] = {}
    for text in cast("list[str]", getattr(options, "param", None) or []):
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"--param {text} is not NAME=VALUE", "for example --param day=2021-01-01")
        values.setdefault(name, []).append(value)
    return values


def bind_script_parameters(sources: Sequence[Source], given: Mapping[str, Sequence[str]]) -> dict[str, object]:
    """Return the parameter values of scripts that run together. Raises UsageError like `queries.bind_parameters`."""
    if not given and not any(mark in source.text for source in sources for mark in ("--", "/*")):
        return {}  # no values and no declarations: skip loading `auroraql.queries`
    from auroraql.queries import bind_parameters

    return bind_parameters(sources, given)
