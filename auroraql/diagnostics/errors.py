"""Diagnostics, the exceptions that carry them, and their text form.

A `Diagnostic` is one fact about a statement: its code, its place and the way out. Only `render` turns one into text,
so every front end shows it in the same way.

    AuroraQLError
    ├── StatementError      the statement is wrong: has every diagnostic, with its place
    ├── UsageError          the call is wrong: an option, a file, a value that cannot be used
    └── ArchiveError        the archive did not answer as expected: names archive and request ID
        ├── Unreachable     the archive did not answer
        ├── Refused         the archive refused the request (bad request, not authorised, not found)
        ├── TimedOut        the deadline passed
        ├── Cancelled       the search was cancelled
        └── Failed          the search was accepted, and failed

    AuroraQLWarning         a warning about a statement that runs nevertheless
"""

from __future__ import annotations

import re
import sys
import warnings
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec
import msgspec.structs

Severity = Literal["error", "warning"]

MAX_REPORTED = 10
"""The number of diagnostics of one statement that are shown. The rest are counted."""

_LINE_WIDTH = 110

LINE_END_PATTERN = re.compile(r"\r\n?|\n")
"""The end of a line of a statement, and of a `--` comment. VT, FF, NEL, U+2028 and U+2029 are whitespace."""


@dataclass(frozen=True, slots=True)
class Span:
    """The place of something in a text: character offsets, with the end excluded."""

    start: int
    end: int

    def to(self, other: Origin) -> Span:
        """Return the span from here to the end of `other`, or this span when `other` is not a span."""
        return Span(self.start, other.end) if isinstance(other, Span) else self


@dataclass(frozen=True, slots=True)
class Pointer:
    """The place of something in a JSON document: an RFC 6901 pointer, `""` for the whole document."""

    path: str = ""

    def child(self, key: str | int) -> Pointer:
        """Return the pointer to a member or element of this one."""
        return Pointer(f"{self.path}/{str(key).replace('~', '~0').replace('/', '~1')}")


Origin = Span | Pointer | None


class LocatedValue(msgspec.Struct, frozen=True):
    """An immutable value with fields that do not take part in its equality and hash.

    Python makes a msgspec class forty times faster than a dataclass, and every command waits for that.
    """

    uncompared: ClassVar[frozenset[str]] = frozenset(("origin",))
    """Names of the fields that do not take part."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        for name in self.__struct_fields__:
            if name not in self.uncompared and getattr(self, name) != getattr(other, name):
                return False
        return True

    def __hash__(self) -> int:
        values = [getattr(self, name) for name in self.__struct_fields__ if name not in self.uncompared]
        return hash((type(self), *values))


replace_value = msgspec.structs.replace
"""Return a copy of a msgspec value with other values for some fields."""

_MAX_PART_LENGTHS = (("message", 4_000), ("label", 200), ("hint", 1_000))
"""The maximum number of characters of each part of a diagnostic."""

_MAX_VALUE_LENGTH = 200
"""The maximum length of one value in a message. A list of values may be as long as the message."""

_LONG_VALUE = re.compile(
    rf"""
    '(?:[^']|'(?![\s,.:;)]|$)){{{_MAX_VALUE_LENGTH},}}'   # quoted: the closing quote ends a word
    | [^\s']{{{_MAX_VALUE_LENGTH},}}                     # a word without quotes
    """,
    re.VERBOSE,
)
"""A value that exceeds the maximum length."""

_MAX_POINTER_LENGTH = 200
"""The number of characters of a JSON pointer that are shown. The pointer itself stays complete for programs."""


def shorten(text: str, most: int) -> str:
    """Return the text, or the start and end of a text longer than `most` characters with a … between them."""
    if len(text) <= most:
        return text
    end = most // 3
    return f"{text[: most - end - 1]}…{text[len(text) - end :]}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """An error or a warning about a statement.

    `code` is its code, such as AQL0602, and `severity` error or warning. `message` is the fact, `label` the words under
    the caret, `hint` the way out, and `fix` the text that replaces the span. `origin` is the place: a span of characters
    in the text, or a pointer into JSON. `other_fixes` are more texts for the span, when the statement can mean several
    things.
    """

    code: str
    message: str
    origin: Origin = None
    label: str = ""
    hint: str = ""
    fix: str | None = None
    severity: Severity = "error"
    other_fixes: tuple[str, ...] = ()
    missing: tuple[str, ...] = field(default=(), compare=False, repr=False)
    """Keywords or marks that complete an unfinished text. One of them is enough."""

    def __post_init__(self) -> None:
        """Shorten parts that repeat a long value. A fix stays whole, because it replaces text."""
        for name, most in _MAX_PART_LENGTHS:
            text = getattr(self, name)
            if len(text) > most:
                object.__setattr__(self, name, shorten(text, most))
        if len(self.message) > _MAX_VALUE_LENGTH:
            message = _LONG_VALUE.sub(lambda value: shorten(value[0], _MAX_VALUE_LENGTH), self.message)
            object.__setattr__(self, "message", message)

    def shifted_by(self, by: int) -> Diagnostic:
        """Return the diagnostic for the same text `by` characters later."""
        if not by or not isinstance(self.origin, Span):
            return self
        return replace(self, origin=Span(self.origin.start + by, self.origin.end + by))


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a statement or script, and the name that errors show, such as a file name."""

    text: str = field(repr=False)
    name: str = "<statement>"

    @classmethod
    def of(cls, text: object) -> Source:
        """Return a source for a text, or the source itself. Raises UsageError for anything else."""
        if isinstance(text, Source):
            return text
        if not isinstance(text, str):
            raise UsageError(f"a statement is text, not {type(text).__name__}")
        return cls(text)

    def place(self, offset: int) -> tuple[int, int]:
        """Return the line and column of a character offset, both from 1. LF, CR and CRLF end a line."""
        starts = _line_starts(self.text)
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def line(self, number: int) -> str:
        """Return the line with a number from 1, without its end."""
        return _line(self.text, number)


# Cached: a long statement may have thousands of diagnostics, and a long line too.
@lru_cache(maxsize=2)
def _line_starts(text: str) -> Sequence[int]:
    return array("Q", chain((0,), (match.end() for match in LINE_END_PATTERN.finditer(text))))


@lru_cache(maxsize=2)
def _line(text: str, number: int) -> str:
    starts = _line_starts(text)
    end = starts[number] if number < len(starts) else None
    return text[starts[number - 1] : end].rstrip("\r\n")


class AuroraQLError(Exception):
    """The base of every exception that AuroraQL raises on purpose.

    All of them can be pickled and copied, so they cross process pools with every attribute they have.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # The default calls `__init__` with `args` only, but some attributes are keyword arguments or are set later.
        return _restore, (type(self), self.args, self.__dict__)

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython shows for this error in place of a traceback."""
        return str(self).splitlines()


def _restore(kind: type[AuroraQLError], args: tuple[Any, ...], state: dict[str, Any]) -> AuroraQLError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class AuroraQLWarning(UserWarning):
    """A warning about a statement, reported by `warnings.warn`. `diagnostic` has its parts."""

    def __init__(self, message: str, diagnostic: Diagnostic | None = None) -> None:
        self.diagnostic = diagnostic
        super().__init__(message, diagnostic)

    def __str__(self) -> str:
        return str(self.args[0])


class StatementError(AuroraQLError):
    """The statement is wrong. `diagnostics` has its errors, and `source` the text that they point into.

    `questions` are warnings about other parts of the statement.
    """

    def __init__(
        self, diagnostics: Iterable[Diagnostic], source: Source | None = None, questions: Iterable[Diagnostic] = ()
    ) -> None:
        self.diagnostics, self.questions = tuple(diagnostics), tuple(questions)
        self.source = source
        super().__init__(self.diagnostics, source)

    def __str__(self) -> str:
        return render(self.diagnostics, self.source)


class UsageError(AuroraQLError):
    """The call is wrong: an unknown option, an unwritable file, a missing value. `message` and `hint` say why."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message, self.hint = message, hint
        super().__init__(message, hint)

    def __str__(self) -> str:
        return f"{self.message}\n  = hint: {self.hint}" if self.hint else self.message


class ArchiveError(AuroraQLError):
    """The archive did not answer as expected.

    `archive` is its name, `subject` what failed if not the archive itself, `request_id` the search (empty when there
    is none yet), `hint` the way out, `log` the known lines of the search's log, `ended` whether the archive
    reports that the search is over, and `retry_after_seconds` the wait that the archive asks for, None without one. The
    message never contains an API key.
    """

    verb = "failed"

    def __init__(self, message: str, *, archive: str, request_id: str = "", hint: str = "", subject: str = "") -> None:
        self.message, self.archive, self.request_id, self.hint = message, archive, request_id, hint
        self.subject = subject or f"archive '{archive}'"
        self.log: tuple[str, ...] = ()
        self.ended = False
        self.retry_after_seconds: float | None = None
        super().__init__(message)

    def __str__(self) -> str:
        lines = [f"{self.subject} {self.verb}: {self.message}"]
        if self.request_id:
            lines.append(f"  = request: {self.request_id}")
        if self.hint:
            lines.append(f"  = hint: {self.hint}")
        return "\n".join(lines)


class Unreachable(ArchiveError):
    """The archive did not answer: there was no connection, or it was closed early."""

    verb = "cannot be reached"


class Refused(ArchiveError):
    """The archive refused the request."""

    verb = "refused"


class TimedOut(ArchiveError):
    """The deadline passed before the search was done."""

    verb = "took too long"


class Cancelled(ArchiveError):
    """The search was cancelled before it was done."""

    verb = "cancelled the search"


class Failed(ArchiveError):
    """The search was accepted and then failed, or its answer could not be read."""

    verb = "failed"


def render(diagnostics: Iterable[Diagnostic], source: Source | None = None) -> str:
    """Return the diagnostics as text: the message, the place, the line with carets, and the hint."""
    shown = tuple(diagnostics)
    parts = [_render_one(diagnostic, source) for diagnostic in shown[:MAX_REPORTED]]
    if len(shown) > MAX_REPORTED:
        parts.append(f"… and {len(shown) - MAX_REPORTED} more")
    return "\n".join(parts)


def _render_one(diagnostic: Diagnostic, source: Source | None) -> str:
    lines = [f"{diagnostic.severity}[{diagnostic.code}]: {make_visible(diagnostic.message)}"]
    gutter = " "
    if isinstance(diagnostic.origin, Span) and source is not None:
        gutter, excerpt = _excerpt(diagnostic, diagnostic.origin, source)
        lines += excerpt
    elif isinstance(diagnostic.origin, Pointer):
        name = source.name if source is not None else "<json>"
        lines.append(f"  ┌ {name} at {make_visible(shorten(diagnostic.origin.path, _MAX_POINTER_LENGTH)) or '/'}")
        if diagnostic.label:
            lines.append(f"  │ {make_visible(diagnostic.label)}")
    if diagnostic.hint:
        lines.append(f"{gutter} = hint: {make_visible(diagnostic.hint)}")
    return "\n".join(lines)


def _excerpt(diagnostic: Diagnostic, span: Span, source: Source) -> tuple[str, list[str]]:
    row, column = place = source.place(min(span.start, len(source.text)))
    line = source.line(row)
    width = max(min(span.end - span.start, len(line) - column + 1), 1)
    line, column, width = _cut_line(line, column, width)
    before, under = make_visible(line[: column - 1]), make_visible(line[column - 1 : column - 1 + width])
    carets = " " * display_width(before) + "^" * max(display_width(under), 1)
    gutter = " " * len(str(row))
    return gutter, [
        f"{gutter} ┌ {make_visible(source.name)}:{place[0]}:{place[1]}",
        f"{row} │ {make_visible(line)}",
        f"{gutter} │ {carets}{' ' + make_visible(diagnostic.label) if diagnostic.label else ''}",
    ]


def _cut_line(line: str, column: int, width: int) -> tuple[str, int, int]:
    """Cut a long line to the part around its span, with … on either side."""
    if len(line) <= _LINE_WIDTH:
        return line, column, width
    start = max(0, min(column - 1 - _LINE_WIDTH // 3, len(line) - _LINE_WIDTH))
    width = min(width, _LINE_WIDTH - (column - 1 - start))
    piece = line[start : start + _LINE_WIDTH]
    column -= start
    if start:
        piece, column = "…" + piece, column + 1
    return piece + ("…" if start + _LINE_WIDTH < len(line) else ""), column, width


def make_visible(text: str) -> str:
    """Return the text with control, bidirectional and surrogate characters replaced by visible, harmless ones."""
    if text.isprintable():
        return text
    return "".join(_escape_character(c) for c in text)


def _escape_character(character: str) -> str:
    if character.isprintable():
        return character
    if character in "\t\u00a0\u202f":
        return " "
    if ord(character) < 0x20:
        return chr(0x2400 + ord(character))
    return "\ufffd"


def display_width(text: str) -> int:
    """Return the number of terminal columns of a text. Wide characters take two, combining characters none."""
    if text.isascii():
        return len(text)
    # Most texts are ASCII, and wcwidth's tables take long to load.
    from wcwidth import wcswidth, wcwidth

    whole = wcswidth(text)
    return whole if whole >= 0 else sum(max(wcwidth(character), 0) for character in text)


_PACKAGE = str(Path(__file__).parent.parent)


def warn_diagnostics(diagnostics: Sequence[Diagnostic], source: Source | None) -> None:
    """Report each diagnostic by `warnings.warn`, at the line of the caller's code."""
    for diagnostic in diagnostics:
        warnings.warn(AuroraQLWarning(render([diagnostic], source), diagnostic), stacklevel=_caller_level())


def _caller_level() -> int:
    """Return the stack level, as `warnings.warn` in `warn_diagnostics` counts it, of the first frame outside the package."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    return level
