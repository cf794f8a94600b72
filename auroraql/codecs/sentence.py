"""The engine's describe sentence, read and written by the wordings that the schema declares per kind.

The wording of non-empty metadata filters is AuroraQL's own (no public record shows the engine's):
`[keogram_type = (daily) AND wavelength between (400, 500)]`; so is that of an ephemeris window which is
open at one end: `AND epoch >= 2020-01-01T00:00 UTC`. Blanks may be wrapped when read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from auroraql.diagnostics.errors import Diagnostic, Span, StatementError
from auroraql.ir.plan import BlockRequest, FilterGroup, Request
from auroraql.language.ast import (
    AndExpression,
    Clause,
    ComparisonExpression,
    Expression,
    FindStatement,
    Instant,
    OrExpression,
    Path,
    TextLiteral,
    Timestamp,
    Where,
    Window,
)
from auroraql.schema import KINDS
from auroraql.schema.model import (
    BlocksPart,
    BoundPart,
    BoundsPart,
    DistancesPart,
    FiltersPart,
    Kind,
    ListsPart,
    PrecisionPart,
    TracesPart,
    Wording,
    WordingPart,
    WordsPart,
)
from auroraql.schema.operators import OPERATORS, WIRE, Op

_LIST = re.compile(r"\(([^)]*)\)")
_KEY = re.compile(r"[^\W\d][\w.]*")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?")
_BETWEEN_VALUES = ", "


def write_sentence(request: Request, *, readable: bool = True, older: bool = False) -> str:
    """The sentence for a request, to the byte as the engine words it, or with `older` as it worded it before.

    A `readable` sentence can be read back: raises StatementError when a value cannot be told from the words
    around it, so that it would mean something else.
    """
    if readable:
        _check_invertible(request)
    kind = KINDS[request.kind]
    wording = kind.older_wordings[0] if older and kind.older_wordings else kind.wording
    return "".join(_write_part(part, request) for part in wording)


def _write_part(part: WordingPart, request: Request) -> str:
    match part:
        case WordsPart(text):
            return text
        case ListsPart(names, before):
            lists = [
                f"{name} in ({_BETWEEN_VALUES.join(request.list_values(name))})"
                for name in names
                if request.list_values(name)
            ]
            return before + " AND ".join(lists) if lists else ""
        case FiltersPart():
            return write_filters(request.filters)
        case BoundPart(end, before, after):
            moment = request.start if end == "start" else request.end
            return f"{before}{_write_time(moment)}{after}" if moment is not None else ""
        case BoundsPart():
            return _write_bounds(part, request)
        case TracesPart() | PrecisionPart() | BlocksPart() | DistancesPart():
            # Most searches are for something else and never load this room.
            from auroraql.codecs import conjunction_sentence

            return conjunction_sentence.write_part(part, request)


def _write_bounds(part: BoundsPart, request: Request) -> str:
    """Both ends, or the one that there is."""
    start = request.start and _write_time(request.start, seconds=part.seconds)
    end = request.end and _write_time(request.end, seconds=part.seconds)
    if start and end:
        return f"{part.before}{start}{part.between}{end}{part.after}"
    since = f"{part.since.before}{start}{part.since.after}" if start else ""
    return since + (f"{part.until.before}{end}{part.until.after}" if end else "")


def write_filters(group: FilterGroup) -> str:
    """A metadata filter group, inside of its brackets."""
    return f" {group.operator} ".join(
        f"{e.key} {OPERATORS[e.operator].wire} ({_BETWEEN_VALUES.join(e.values)})" for e in group.expressions
    )


def _write_time(moment: datetime, *, seconds: bool = False) -> str:
    """The engine leaves out seconds that are zero, but for conjunctions."""
    return moment.isoformat(timespec="seconds" if moment.second or seconds else "minutes")


def _check_invertible(request: Request) -> None:
    parts: Sequence[Request | BlockRequest] = (request, *(request.criteria.blocks if request.criteria else ()))
    wrong = [each for part in parts for each in _find_unsayable(part.lists, part.filters)]
    if wrong:
        raise StatementError(wrong)


def _find_unsayable(lists: Iterable[tuple[str, tuple[str, ...]]], filters: FilterGroup) -> Iterator[Diagnostic]:
    for name, values in lists:
        yield from (_unsayable(f"{name} '{value}'", value) for value in values if not _is_sayable(value))
    for expression in filters.expressions:
        if not _KEY.fullmatch(expression.key):
            yield Diagnostic(
                "AQL0406",
                f"the sentence cannot name the metadata key '{expression.key}'",
                hint="the text and JSON forms can",
            )
        yield from (
            _unsayable(f"{expression.key} '{value}'", value) for value in expression.values if not _is_sayable(value)
        )


def _is_sayable(value: str) -> bool:
    return bool(value) and ", " not in value and ")" not in value and value.isprintable()


def _unsayable(what: str, value: str) -> Diagnostic:
    held = '", "' if ", " in value else "')'" if ")" in value else "nothing" if not value else "a character of no width"
    return Diagnostic(
        "AQL0406",
        f"the sentence cannot say {what}: it holds {held}",
        hint="its lists have no quotes; the text and JSON forms can say it",
    )


def read_sentence(text: str, start: int = 0, end: int | None = None) -> FindStatement:
    """The statement a sentence stands for, `text[start:end]`; spans are offsets into `text`.

    Raises StatementError at the first place where the wording differs.
    """
    prefix = re.compile(r"\s*query\s+description\s*:\s*", re.IGNORECASE).match(text, start)
    start = prefix.end() if prefix is not None else start
    reader = SentenceReader(text, start, len(text) if end is None else end)
    name = re.compile(r"find\s+(\w+)", re.IGNORECASE).match(text, start)
    kind = KINDS.get(name[1].lower()) if name else None
    if kind is None:
        span = Span(name.start(1), name.end(1)) if name else Span(start, start + 1)
        shown = name[1] if name else "this"
        raise StatementError(
            [
                Diagnostic(
                    "AQL0405",
                    f"there are no sentences about {shown}",
                    span,
                    hint=f"they are about {', '.join(KINDS)}",
                )
            ]
        )
    return reader.sentence(kind)


@dataclass
class SentenceReader:
    """Reads along the wording; `at` is how far it has come, `begun` where words were due that the text breaks off in."""

    text: str
    at: int
    end: int
    word_starts: int = -1

    def sentence(self, kind: Kind) -> FindStatement:
        origin = Span(self.at, self.end)
        terms: list[Expression] = []
        windows: list[Window] = []
        clauses: list[Clause] = []
        for part in self.wording(kind):
            match part:
                case WordsPart(text):
                    self.expect(text)
                case ListsPart(names, before):
                    terms += self.lists(kind, names, before)
                case FiltersPart():
                    terms += self.filters()
                case BoundPart(end, before, after):
                    windows += self.bound(end, before, after)
                case BoundsPart():
                    windows += self.bounds(part)
                case TracesPart() | PrecisionPart() | BlocksPart() | DistancesPart():
                    from auroraql.codecs import conjunction_sentence

                    clauses += conjunction_sentence.read_part(self, part, kind)
        if self.text[self.at : self.end].strip():
            self.fail("nothing more")
        if terms:
            clauses.append(Where(terms[0] if len(terms) == 1 else AndExpression(tuple(terms), origin), origin))
        return FindStatement(kind.name, (*clauses, *windows), origin=origin)

    def wording(self, kind: Kind) -> Wording:
        """The wording whose first words these are; the newest one if none is."""
        meant = (
            w for w in (kind.wording, *kind.older_wordings) if isinstance(w[0], WordsPart) and self.is_next(w[0].text)
        )
        return next(meant, kind.wording)

    def is_next(self, words: str) -> bool:
        """Whether fixed words come next, without taking them."""
        at = self.at
        met = self.accept(words)
        self.at = at
        return met

    def accept(self, words: str) -> bool:
        """Fixed words, any run of blanks for a blank; a dangling end is not missed."""
        wanted = r"\s+".join(map(re.escape, words.split()))
        lead = r"\s*" if words[:1].isspace() else ""
        trail = r"\s*" if words[-1:].isspace() else ""
        match = re.compile(lead + wanted + trail, re.IGNORECASE).match(self.text, self.at, self.end)
        if match:
            self.at = match.end()
        elif self.end - self.at < 2 * len(words) and " ".join(words.split()).casefold().startswith(
            self.rest.casefold()
        ):
            self.word_starts = self.at
        return match is not None

    @property
    def rest(self) -> str:
        """What is still to be read, with single blanks."""
        return " ".join(self.text[self.at : self.end].split())

    def expect(self, words: str) -> None:
        if not self.accept(words):
            self.fail(f"'{words.strip()}'")

    def fail(self, wanted: str) -> None:
        rest = re.compile(r"\s*(\S*)").match(self.text, self.at, self.end)
        start, end = (rest.start(1), rest.end(1)) if rest else (self.at, self.at + 1)
        in_a_list = self.text.startswith("(", start) and ")" not in self.text[start : self.end]
        breaks_off = end == self.end or self.word_starts == self.at or in_a_list
        raise StatementError(
            [
                Diagnostic(
                    "AQL0405",
                    "this is not how the sentence goes on",
                    Span(start, max(end, min(start + 1, len(self.text)))),
                    f"expected {wanted}",
                    "paste the engine's sentence whole, or write FIND … WHERE …",
                    missing=("…",) if breaks_off else (),
                )
            ]
        )

    def values(self) -> tuple[tuple[TextLiteral, ...], Span]:
        match = _LIST.match(self.text, self.at, self.end)
        if match is None or not match[1]:
            self.fail("a list in parentheses")
            raise AssertionError
        self.at = match.end()
        return tuple(_split_values(match[1], match.start(1))), Span(match.start(), match.end())

    def lists(self, kind: Kind, names: tuple[str, ...], before: str) -> Iterator[Expression]:
        lead = before
        for name in names:
            begin = self.at
            if self.accept(f"{lead}{name} in "):
                declared = kind.field(name)
                values, span = self.values()
                path = declared.path if declared is not None else (name,)
                yield ComparisonExpression(Path(path, Span(begin, begin + 1)), Op.IN, values, span)
                lead = " AND "

    def filters(self) -> Iterator[Expression]:
        terms: list[Expression] = []
        joins: set[str] = set()
        begin = self.at
        while match := _KEY.match(self.text, self.at, self.end):
            self.at = match.end()
            operator = self.operator()
            values, span = self.values()
            self.fits(operator, values, span)
            terms.append(
                ComparisonExpression(
                    Path(("metadata", match[0]), Span(match.start(), match.end())), operator, values, span
                )
            )
            joined = next((word for word in ("AND", "OR") if self.accept(f" {word} ")), "")
            if not joined:
                break
            joins.add(joined)
        if len(joins) > 1:
            raise StatementError(
                [Diagnostic("AQL0405", "one filter group joins by AND or by OR, not by both", Span(begin, self.at))]
            )
        if "OR" in joins:
            yield OrExpression(tuple(terms), Span(begin, self.at))
        else:
            yield from terms

    def operator(self) -> Op:
        for wire in sorted(WIRE, key=len, reverse=True):
            if self.accept(f" {wire} "):
                return WIRE[wire]
        self.fail(f"one of {', '.join(WIRE)}")
        raise AssertionError

    def fits(self, operator: Op, values: tuple[TextLiteral, ...], span: Span) -> None:
        arity = OPERATORS[operator].arity
        if arity > 0 and len(values) != arity:
            raise StatementError([Diagnostic("AQL0405", f"'{operator}' takes {arity} values, not {len(values)}", span)])

    def bound(self, end: str, before: str, after: str) -> Iterator[Window]:
        if not self.accept(before):
            return
        instant = self.instant()
        self.expect(after)
        yield Window("since" if end == "start" else "until", (instant,), None, instant.origin)

    def bounds(self, part: BoundsPart) -> Iterator[Window]:
        if not self.accept(part.before):
            for each in (part.since, part.until):
                yield from self.bound(each.end, each.before, each.after)
            return
        begin = self.at
        first = self.instant()
        self.expect(part.between)
        second = self.instant()
        yield Window("between", (first, second), None, Span(begin, self.at))
        self.expect(part.after)

    def instant(self) -> Instant:
        match = _TIME.match(self.text, self.at, self.end)
        if match is None:
            self.fail("a time as 2020-02-01T00:00")
            raise AssertionError
        self.at = match.end()
        span = Span(match.start(), match.end())
        return Instant(Timestamp(match[0], span), (), span)


def _split_values(inner: str, offset: int) -> Iterator[TextLiteral]:
    for value in inner.split(_BETWEEN_VALUES):
        yield TextLiteral(value, Span(offset, offset + len(value)), True)
        offset += len(value) + len(_BETWEEN_VALUES)
