"""Front matter of a saved query: the comment lines at its beginning, and what they declare.

    -- description  The keograms of a program on one day.
    -- param program: text = 'trex'  the program
    -- param day: date  the day

The language treats these lines as comments. The declarations apply where a script runs with values for its parameters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from auroraql.diagnostics.errors import LINE_END_PATTERN, Diagnostic, Source, Span
from auroraql.diagnostics.suggestions import find_closest
from auroraql.queries.parameter_types import NAMED, TYPES, ParameterType, quote_value, split_items, unquote_value

# Atomic groups: an item that matches in two ways would make matching a list exponential.
_ITEM = rf"""(?>{NAMED}(?=[\s,)]|\Z)|'[^'\n]*+(?:''[^'\n]*+)*+'|"[^"\n]*+(?:""[^"\n]*+)*+"|[^\s,'"()]++)"""
_LIST = rf"{_ITEM}(?:\s*,\s*{_ITEM})*+"
_DECLARATION = (
    r"(?i)param\s+\$?(?P<name>[^\W\d]\w*)\s*:\s*(?P<many>list\b\s*(?:of\b\s*)?)?(?P<type>[^\W\d]\w*)?"
    rf"(?:\s*=\s*(?P<default>\({_LIST}\)|{_LIST}))?(?=\s|\Z)(?!\s*=)(?P<doc>.*)"
)
_BEGUN = r"(?i)\Aparam\s+\$?([^\W\d]\w*)"
# These patterns are compiled on first use, since most scripts have no front matter.

_MAX_DECLARATION_LENGTH = 2_000
"""Longest declaration, in characters."""

_CACHE_SIZE = 256

_AS_IN = "for example: -- param day: date = 2021-01-01  the day"


@dataclass(frozen=True, slots=True)
class ParameterDeclaration:
    """Declaration of a parameter.

    `many` marks a list. `default` is the text of the default as written, or None for a required value.
    """

    name: str
    type: ParameterType
    many: bool
    default: str | None
    doc: str
    origin: Span

    @property
    def describe_type(self) -> str:
        """Description of the type: a date, a list of texts."""
        return f"a list of {self.type.name}s" if self.many else self.type.takes

    @property
    def type_name(self) -> str:
        """The type as a declaration writes it."""
        return f"list of {self.type.name}" if self.many else self.type.name

    @property
    def example(self) -> str:
        """An example of a value: the default if there is one."""
        return self.type.example if self.default is None else self.default

    def read(self, texts: list[str]) -> object:
        """Return the value of the texts that were given. Raises ValueError for a text that does not fit the type."""
        if not self.many:
            if len(texts) != 1:
                raise ValueError(f"it was given {len(texts)} values")
            return self.type.read(unquote_value(texts[0]))
        values = [self.type.read(unquote_value(item)) for text in texts for item in split_items(text)]
        if not values:
            raise ValueError("it has no value")
        return values


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """Front matter of a script, with its diagnostics."""

    description: str = ""
    parameters: tuple[ParameterDeclaration, ...] = ()
    wrong: tuple[Diagnostic, ...] = ()
    mistaken: frozenset[str] = frozenset()
    """Names in invalid declarations. Their types are unknown, so missing values are not reported."""

    @property
    def has_parameters(self) -> bool:
        """Whether it declares parameters, validly or not."""
        return bool(self.parameters or self.wrong)

    def get_declaration(self, name: str) -> ParameterDeclaration | None:
        """Return the declaration of a parameter, or None."""
        return next((parameter for parameter in self.parameters if parameter.name == name), None)


def read_front_matter(source: Source) -> FrontMatter:
    """Return the front matter of a script. It is empty when the script begins with a statement."""
    return _parse_front_matter(source.text)


@lru_cache(_CACHE_SIZE)
def _parse_front_matter(text: str) -> FrontMatter:
    descriptions: list[str] = []
    first_comment = ""
    parameters: dict[str, ParameterDeclaration] = {}
    wrong: list[Diagnostic] = []
    mistaken: list[str] = []
    for offset, line in _comment_lines(text):
        word = line.partition(" ")[0].rstrip(":").lower()
        if word == "description":
            descriptions.append(line[len("description") :].lstrip(": \t"))
        elif word == "param":
            parameter = _parse_declaration(line, offset)
            if isinstance(parameter, ParameterDeclaration) and parameter.name in parameters:
                parameter = _declaration_error(
                    f"the parameter ${parameter.name} is declared twice", parameter.origin, "again", "keep one"
                )
            if isinstance(parameter, ParameterDeclaration):
                parameters[parameter.name] = parameter
            else:
                wrong.append(parameter)
                mistaken += re.findall(_BEGUN, line[:_MAX_DECLARATION_LENGTH])
        elif not first_comment and not line.startswith("$ "):
            first_comment = line
    return FrontMatter(
        " ".join(filter(None, descriptions)) or first_comment,
        tuple(parameters.values()),
        tuple(wrong),
        frozenset(mistaken),
    )


def _comment_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the comment lines before the first statement: the offset of the text of each, and the text."""
    offset = 0
    while offset < len(text):
        line_end = LINE_END_PATTERN.search(text, offset)
        end = line_end.start() if line_end else len(text)
        line = text[offset:end].strip(" \t\r\ufeff")
        if line.startswith("--"):
            comment = line[2:].strip(" \t")
            yield text.index(comment, text.index("--", offset) + 2), comment
        elif line and not (offset == 0 and line.startswith("#!")):
            return
        offset = line_end.end() if line_end else len(text)


def _parse_declaration(line: str, offset: int) -> ParameterDeclaration | Diagnostic:
    match = re.fullmatch(_DECLARATION, line) if len(line) <= _MAX_DECLARATION_LENGTH else None
    if match is None or not (match["type"] or match["many"]):
        return _declaration_error(
            "this is not a valid parameter declaration", Span(offset, offset + len(line)), "invalid", _AS_IN
        )
    origin = Span(offset + match.start("name"), offset + match.end("name"))
    word = (match["type"] or "text").lower()
    if word not in TYPES:
        matches = find_closest(word.removesuffix("s"), TYPES, 1, 0.5)
        hint = f"did you mean {matches[0]}?" if matches else f"the types are {', '.join(TYPES)}, and a list of one"
        return _declaration_error(
            f"the type '{word}' does not exist", _match_span(match, "type", offset), "unknown type", hint
        )
    doc = match["doc"].strip().lstrip("-–— ")
    parameter = ParameterDeclaration(match["name"], TYPES[word], bool(match["many"]), match["default"], doc, origin)
    if parameter.default is not None:
        try:
            parameter.read([parameter.default])
        except ValueError as error:
            hint = str(error) or f"for example: {parameter.type.example}"
            message = f"the default of ${parameter.name} is not {parameter.describe_type}"
            return _declaration_error(message, _match_span(match, "default", offset), "here", hint)
    return parameter


def _match_span(match: re.Match[str], group: str, offset: int) -> Span:
    return Span(offset + match.start(group), offset + match.end(group))


def _declaration_error(message: str, origin: Span, label: str, hint: str) -> Diagnostic:
    return Diagnostic("AQL0117", message, origin, label, hint)


def format_declaration(name: str, called: str, default: str | None = None, doc: str = "") -> str:
    """Return the line that declares a parameter. `default` is a value and is quoted as needed."""
    value = "" if default is None else f" = {quote_value(default)}"
    return f"-- param {name}: {called}{value}{'  ' + doc if doc else ''}"
