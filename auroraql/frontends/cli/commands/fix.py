"""`auroraql fix`: the fixes of a file's errors, as a diff and, on request, written to the file.

Like `check`, the command does not run statements or contact the archive.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from auroraql.config import effective_config
from auroraql.diagnostics.errors import AuroraQLError, Diagnostic, Source, render
from auroraql.engines.registry import offline_catalogue
from auroraql.frontends.cli import streams
from auroraql.frontends.cli.arguments import parse_parameters
from auroraql.frontends.cli.streams import EXIT_FAILED, EXIT_OK, EXIT_WRONG, exit_code
from auroraql.language_service.service import check_sources
from auroraql.rendering import write_text
from auroraql.schema.catalogue import Catalogue
from auroraql.session.fixes import FixedScript, fix_script


def fix_files(options: argparse.Namespace) -> int:
    """Fix the errors of files and return the exit code.

    It is 0 when no error is left, 1 when fixes were shown and not written, and 2 when errors without a fix are left
    or a file cannot be read or written.
    """
    catalogue, given = offline_catalogue(effective_config(options).archive), parse_parameters(options)
    earlier: list[Source] = []
    codes = [EXIT_OK]
    for name in options.files:
        try:
            source = streams.read_input(name)
            fixed = _fix_source(source, earlier, given, catalogue)
            earlier.append(Source(fixed.text, source.name))
            codes.append(_report(name, source, fixed, write=bool(options.write)))
        except AuroraQLError as error:  # fix the other files too
            streams.print_error(str(error))
            codes.append(exit_code(error))
    return max(codes)


def _fix_source(
    source: Source, earlier: Sequence[Source], given: dict[str, list[str]], catalogue: Catalogue
) -> FixedScript:
    """Fix one script. The scripts before it may define the results that it uses."""

    def check(text: str) -> Sequence[Diagnostic]:
        *_, (_, report) = check_sources([*earlier, Source(text, source.name)], given, catalogue)
        return report

    return fix_script(source.text, check)


def _report(name: str, source: Source, fixed: FixedScript, *, write: bool) -> int:
    """Print the diff and the errors that are left, write the file if it is allowed, and return the exit code."""
    errors = [diagnostic for diagnostic in fixed.remaining if diagnostic.severity == "error"]
    is_changed, is_unwritten = fixed.text != source.text, False
    if name == "-":
        _print(fixed.text)
    elif is_changed:
        _print("".join(_diff(source, fixed.text)))
        if write or _confirm(len(fixed.applied), source.name):
            write_text(Path(name), fixed.text)
            streams.print_notice(f"{source.name}: {_count(len(fixed.applied))} written")
        else:
            is_unwritten = True
            streams.print_notice(f"{source.name}: {_count(len(fixed.applied))} not written (--write writes them)")
    if errors:
        streams.print_notice(render(errors, Source(fixed.text, source.name)))
    return EXIT_WRONG if errors else EXIT_FAILED if is_unwritten else EXIT_OK


def _diff(source: Source, fixed: str) -> Iterator[str]:
    """Yield the lines of a unified diff."""
    before, after = source.text.splitlines(keepends=True), fixed.splitlines(keepends=True)
    for line in difflib.unified_diff(before, after, f"{source.name}", f"{source.name} (fixed)"):
        yield line if line.endswith(("\n", "\r")) else f"{line}\n\\ No newline at end of file\n"


def _print(text: str) -> None:
    """Write text to standard output as it is, or visibly on a terminal."""
    shown = "\n".join(map(streams.escape_lines, text.replace("\r\n", "\n").split("\n")))
    sys.stdout.write(shown if sys.stdout.isatty() else text)
    sys.stdout.flush()


def _confirm(count: int, name: str) -> bool:
    """Ask on a terminal whether to write the fixes. Without a terminal the answer is no."""
    if sys.stdin is None or not sys.stdin.isatty() or not sys.stderr.isatty():
        return False
    sys.stderr.write(streams.escape_lines(f"Write {_count(count)} to {name}? [y/N] "))
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _count(count: int) -> str:
    return f"{count} {'fix' if count == 1 else 'fixes'}"
