"""The head of a saved query: the comment lines a script begins with, and what they declare.

    -- description  The keograms of a program on one day.
    -- param program: text = 'trex'  the program
    -- param day: date  the day

To the language these are comments: what they declare holds where a script is run with values for its `$name`s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from auroraql.errors import LINE_END, Diagnostic, Source, Span
from auroraql.saved.types import NAMED, TYPES, ParameterType, items, unquoted, written
from auroraql.spelling import closest

# Atomic: an item that can be read in two ways would double the ways of reading the list.
_ITEM = rf"""(?>{NAMED}(?=[\s,)]|\Z)|'[^'\n]*+(?:''[^'\n]*+)*+'|"[^"\n]*+(?:""[^"\n]*+)*+"|[^\s,'"()]++)"""
_LIST = rf"{_ITEM}(?:\s*,\s*{_ITEM})*+"
_DECLARATION = (
    r"(?i)param\s+\$?(?P<name>[^\W\d]\w*)\s*:\s*(?P<many>list\b\s*(?:of\b\s*)?)?(?P<type>[^\W\d]\w*)?"
    rf"(?:\s*=\s*(?P<default>\({_LIST}\)|{_LIST}))?(?=\s|\Z)(?!\s*=)(?P<doc>.*)"
)
_BEGUN = r"(?i)\Aparam\s+\$?([^\W\d]\w*)"
# They are compiled when there is a head to read: most scripts have none.

_LONGEST = 2_000
"""Characters of a declaration."""

_KEPT = 256

_AS_IN = "as in: -- param day: date = 2021-01-01  the day"


@dataclass(frozen=True, slots=True)
class Declared:
    """A parameter as it is declared; `many` for a list, `default` as it is written, None where a value is needed."""

    name: str
    type: ParameterType
    many: bool
    default: str | None
    doc: str
    origin: Span

    @property
    def takes(self) -> str:
        """Its type in words: a date, a list of texts."""
        return f"a list of {self.type.name}s" if self.many else self.type.takes

    @property
    def called(self) -> str:
        """Its type as it is declared."""
        return f"list of {self.type.name}" if self.many else self.type.name

    @property
    def example(self) -> str:
        """A value as it is written: the default, if there is one."""
        return self.type.example if self.default is None else self.default

    def read(self, texts: list[str]) -> object:
        """Its value, from what was given for it, once or several times. Raises ValueError for what is none."""
        if not self.many:
            if len(texts) != 1:
                raise ValueError(f"it was given {len(texts)} values")
            return self.type.read(unquoted(texts[0]))
        found = [self.type.read(unquoted(each)) for text in texts for each in items(text)]
        if not found:
            raise ValueError("it was given no value")
        return found


@dataclass(frozen=True, slots=True)
class Header:
    """What the head of a script says of it, and what is wrong with it."""

    description: str = ""
    parameters: tuple[Declared, ...] = ()
    wrong: tuple[Diagnostic, ...] = ()
    mistaken: frozenset[str] = frozenset()
    """The names that something wrong declares: what they would be is not known."""

    @property
    def has_parameters(self) -> bool:
        """Whether it declares parameters, rightly or not."""
        return bool(self.parameters or self.wrong)

    def declared(self, name: str) -> Declared | None:
        """The parameter of a name."""
        return next((each for each in self.parameters if each.name == name), None)


def header_of(source: Source) -> Header:
    """The head of a script; an empty one where the script begins with a statement."""
    return _read(source.text)


@lru_cache(_KEPT)
def _read(text: str) -> Header:
    said: list[str] = []
    plain = ""
    found: dict[str, Declared] = {}
    wrong: list[Diagnostic] = []
    mistaken: list[str] = []
    for at, line in _lines(text):
        word = line.partition(" ")[0].rstrip(":").lower()
        if word == "description":
            said.append(line[len("description") :].lstrip(": \t"))
        elif word == "param":
            read = _declared(line, at)
            if isinstance(read, Declared) and read.name in found:
                read = _fault(f"the parameter ${read.name} is declared twice", read.origin, "again", "keep one")
            if isinstance(read, Declared):
                found[read.name] = read
            else:
                wrong.append(read)
                mistaken += re.findall(_BEGUN, line[:_LONGEST])
        elif not plain and not line.startswith("$ "):
            plain = line
    return Header(" ".join(filter(None, said)) or plain, tuple(found.values()), tuple(wrong), frozenset(mistaken))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The comment lines before the first statement: where the text of each begins, and that text."""
    at = 0
    while at < len(text):
        line_end = LINE_END.search(text, at)
        end = line_end.start() if line_end else len(text)
        line = text[at:end].strip(" \t\r\ufeff")
        if line.startswith("--"):
            said = line[2:].strip(" \t")
            yield text.index(said, text.index("--", at) + 2), said
        elif line and not (at == 0 and line.startswith("#!")):
            return
        at = line_end.end() if line_end else len(text)


def _declared(line: str, at: int) -> Declared | Diagnostic:
    match = re.fullmatch(_DECLARATION, line) if len(line) <= _LONGEST else None
    if match is None or not (match["type"] or match["many"]):
        return _fault("this declares no parameter", Span(at, at + len(line)), "not understood", _AS_IN)
    origin = Span(at + match.start("name"), at + match.end("name"))
    word = (match["type"] or "text").lower()
    if word not in TYPES:
        near = closest(word.removesuffix("s"), TYPES, 1, 0.5)
        hint = f"did you mean {near[0]}?" if near else f"the types are {', '.join(TYPES)}, and a list of one"
        return _fault(f"there is no type '{word}'", _span(match, "type", at), "unknown type", hint)
    doc = match["doc"].strip().lstrip("-–— ")
    made = Declared(match["name"], TYPES[word], bool(match["many"]), match["default"], doc, origin)
    if made.default is not None:
        try:
            made.read([made.default])
        except ValueError as error:
            hint = str(error) or f"as in: {made.type.example}"
            message = f"the default of ${made.name} is not {made.takes}"
            return _fault(message, _span(match, "default", at), "here", hint)
    return made


def _span(match: re.Match[str], group: str, at: int) -> Span:
    return Span(at + match.start(group), at + match.end(group))


def _fault(message: str, origin: Span, label: str, hint: str) -> Diagnostic:
    return Diagnostic("AQL0117", message, origin, label, hint)


def declaration(name: str, called: str, default: str | None = None, doc: str = "") -> str:
    """The line that declares a parameter; the default is a value, not as it is written."""
    value = "" if default is None else f" = {written(default)}"
    return f"-- param {name}: {called}{value}{'  ' + doc if doc else ''}"
