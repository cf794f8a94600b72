"""Options of the magics: `%auroraql -a demo --as pandas FIND …`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import NoReturn

from auroraql.diagnostics.errors import UsageError
from auroraql.frontends.shared.time_option import read_time

FRAMES = ("result", "pandas", "polars", "arrow")
"""Values of `--as`."""

_ARCHIVES = ("demo", "aurorax")

_WORD = re.compile(r"""\s*("[^"]*"|'[^']*'|\S+)""")
_OPTION = re.compile(r"\s*--?[a-z]")


class _OptionParser(argparse.ArgumentParser):
    """Parser of the options of the magics. It raises UsageError instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError for a wrong option."""
        raise UsageError(f"%auroraql: {message}", self.format_usage().strip())


def _option_parser() -> _OptionParser:
    parser = _OptionParser(prog="%auroraql", add_help=False, allow_abbrev=False)
    parser.add_argument("-a", "--archive", help="open this archive: demo, a catalogue file, aurorax, or a URL")
    parser.add_argument("-o", "--out", metavar="NAME", help="store the last result in this variable instead")
    parser.add_argument("--as", dest="frame", choices=FRAMES, help="convert the last result")
    parser.add_argument("--keep-going", action="store_true", help="continue after a statement with an error")
    parser.add_argument(
        "--timeout", type=read_time, metavar="TIME", help="the deadline of a search, such as 90 (seconds) or 10m"
    )
    return parser


_FLAGS = {flag: action for action in _option_parser()._actions for flag in action.option_strings}


def split_options(line: str) -> tuple[argparse.Namespace, str]:
    """Split the options of a magic from the statement after them. Raises UsageError for a wrong option."""
    parser = _option_parser()
    words, end = _option_words(line)
    rest = line[end:]
    if _OPTION.match(rest):
        parser.error(f"unknown option {rest.split()[0]}")
    return parser.parse_args(words), rest


def statement_start(line: str) -> int:
    """Return the offset at which the options of a magic end."""
    return _option_words(line)[1]


def _option_words(line: str) -> tuple[list[str], int]:
    """Return the options with their values, and the offset after them."""
    words, end = [], 0
    while (word := _WORD.match(line, end)) is not None and word[1].startswith("-"):
        action = _FLAGS.get(word[1].partition("=")[0])
        if action is None:
            break  # a comment, or an option that does not exist
        words.append(word[1])
        end = word.end()
        if action.nargs != 0 and "=" not in word[1] and (value := _WORD.match(line, end)) is not None:
            words.append(value[1].strip("\"'"))
            end = value.end()
    return words, end


def complete_options(typed: str) -> tuple[Sequence[str], int] | None:
    """Return the candidates for the last word of the options of a magic, and its offset.

    `typed` is the text from the name of the magic to the cursor. None when the cursor is in a statement.
    """
    last_word = re.search(r"\S*\Z", typed)
    assert last_word is not None, "the pattern matches an empty text"  # noqa: S101
    word, before = last_word[0], typed[: last_word.start()]
    if before[statement_start(before) :].strip():
        return None
    action = _FLAGS.get(before.split()[-1]) if before.strip() else None
    if action is not None and action.nargs != 0:
        names: Sequence[str] = _ARCHIVES if action.dest == "archive" else tuple(action.choices or ())
    elif word.startswith("-"):
        names = tuple(_FLAGS)
    else:
        return None
    return [name for name in names if name.startswith(word)], last_word.start()
