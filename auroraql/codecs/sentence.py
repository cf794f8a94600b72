"""The describe sentence of the service: writer and reader, driven by the wordings that the schema declares.

No public record shows the service's wording of metadata filters, or of an ephemeris window that is open at one end.
AuroraQL writes `[keogram_type = (daily) AND wavelength between (400, 500)]` and `AND epoch >= 2020-01-01T00:00 UTC`.
The reader accepts any whitespace between words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from auroraql.diagnostics.errors import Diagnostic, Span, StatementError
from auroraql.ir.plan import BlockRequest, CriteriaRequest, FilterGroup, Request
from auroraql.language.ast import (
    AndExpression,
    BlockItem,
    Clause,
    ComparisonExpression,
    Distance,
    Duration,
    Expression,
    FindStatement,
    Instant,
    NumberLiteral,
    Of,
    OrExpression,
    Path,
    TextLiteral,
    Timestamp,
    Via,
    Where,
    Window,
    Within,
)
from auroraql.language.ast import Precision as PrecisionClause
from auroraql.schema import BLOCKS, KINDS, Kind
from auroraql.schema.kinds.conjunctions import HALF_MINUTE, MINUTE, PRECISION_UNIT, wire_name
from auroraql.schema.model import (
    BlocksPart,
    BoundPart,
    BoundsPart,
    DistancesPart,
    FiltersPart,
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
    """Return the sentence for a request, identical to the service's, or to its former wording with `older`.

    A `readable` sentence can be read back. Raises StatementError when a value would be ambiguous in it.
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
            return write_part(part, request)


def _write_bounds(part: BoundsPart, request: Request) -> str:
    """Return the phrase for both ends of the window, or for the only one."""
    start = request.start and _write_time(request.start, seconds=part.seconds)
    end = request.end and _write_time(request.end, seconds=part.seconds)
    if start and end:
        return f"{part.before}{start}{part.between}{end}{part.after}"
    since = f"{part.since.before}{start}{part.since.after}" if start else ""
    return since + (f"{part.until.before}{end}{part.until.after}" if end else "")


def write_filters(group: FilterGroup) -> str:
    """Return a metadata filter group, without its brackets."""
    return f" {group.operator} ".join(
        f"{e.key} {OPERATORS[e.operator].wire} ({_BETWEEN_VALUES.join(e.values)})" for e in group.expressions
    )


def _write_time(moment: datetime, *, seconds: bool = False) -> str:
    """Return a time as the service writes it: without zero seconds, unless `seconds` (conjunctions)."""
    return moment.isoformat(timespec="seconds" if moment.second or seconds else "minutes")


def _check_invertible(request: Request) -> None:
    parts: Sequence[Request | BlockRequest] = (request, *(request.criteria.blocks if request.criteria else ()))
    diagnostics = [diagnostic for part in parts for diagnostic in _find_unsayable(part.lists, part.filters)]
    if diagnostics:
        raise StatementError(diagnostics)


def _find_unsayable(lists: Iterable[tuple[str, tuple[str, ...]]], filters: FilterGroup) -> Iterator[Diagnostic]:
    for name, values in lists:
        yield from (_unsayable(f"{name} '{value}'", value) for value in values if not _is_sayable(value))
    for expression in filters.expressions:
        if not _KEY.fullmatch(expression.key):
            yield Diagnostic(
                "AQL0406",
                f"the sentence cannot name the metadata key '{expression.key}'",
                hint="use the text or JSON form",
            )
        yield from (
            _unsayable(f"{expression.key} '{value}'", value) for value in expression.values if not _is_sayable(value)
        )


def _is_sayable(value: str) -> bool:
    return bool(value) and ", " not in value and ")" not in value and value.isprintable()


def _unsayable(what: str, value: str) -> Diagnostic:
    reason = (
        '", "' if ", " in value else "')'" if ")" in value else "nothing" if not value else "a character of no width"
    )
    return Diagnostic(
        "AQL0406",
        f"the sentence cannot express {what}: it contains {reason}",
        hint="the lists of a sentence have no quotes; use the text or JSON form",
    )


def read_sentence(text: str, start: int = 0, end: int | None = None) -> FindStatement:
    """Read a sentence, `text[start:end]`, into a statement. Its spans are offsets into `text`.

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
    """Reader of one sentence, which follows a wording.

    `at` is the current offset. `word_starts` is the start of expected words in which the text ends, or -1.
    """

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
                    clauses += read_part(self, part, kind)
        if self.text[self.at : self.end].strip():
            self.fail("nothing more")
        if terms:
            clauses.append(Where(terms[0] if len(terms) == 1 else AndExpression(tuple(terms), origin), origin))
        return FindStatement(kind.name, (*clauses, *windows), origin=origin)

    def wording(self, kind: Kind) -> Wording:
        """Return the wording that begins with the next words, or the newest wording."""
        candidates = (
            w for w in (kind.wording, *kind.older_wordings) if isinstance(w[0], WordsPart) and self.is_next(w[0].text)
        )
        return next(candidates, kind.wording)

    def is_next(self, words: str) -> bool:
        """Return whether fixed words come next, without consuming them."""
        at = self.at
        is_next = self.accept(words)
        self.at = at
        return is_next

    def accept(self, words: str) -> bool:
        """Consume fixed words if they come next, with any whitespace between them. Return whether they did."""
        pattern = r"\s+".join(map(re.escape, words.split()))
        lead = r"\s*" if words[:1].isspace() else ""
        trail = r"\s*" if words[-1:].isspace() else ""
        match = re.compile(lead + pattern + trail, re.IGNORECASE).match(self.text, self.at, self.end)
        if match:
            self.at = match.end()
        elif self.end - self.at < 2 * len(words) and " ".join(words.split()).casefold().startswith(
            self.rest.casefold()
        ):
            self.word_starts = self.at
        return match is not None

    @property
    def rest(self) -> str:
        """The text that remains to be read, with single spaces."""
        return " ".join(self.text[self.at : self.end].split())

    def expect(self, words: str) -> None:
        if not self.accept(words):
            self.fail(f"'{words.strip()}'")

    def fail(self, expected: str) -> None:
        rest = re.compile(r"\s*(\S*)").match(self.text, self.at, self.end)
        start, end = (rest.start(1), rest.end(1)) if rest else (self.at, self.at + 1)
        in_a_list = self.text.startswith("(", start) and ")" not in self.text[start : self.end]
        breaks_off = end == self.end or self.word_starts == self.at or in_a_list
        raise StatementError(
            [
                Diagnostic(
                    "AQL0405",
                    "the sentence differs from the service's wording",
                    Span(start, max(end, min(start + 1, len(self.text)))),
                    f"expected {expected}",
                    "paste the whole sentence of the service, or write FIND … WHERE …",
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
            start = self.at
            if self.accept(f"{lead}{name} in "):
                declared = kind.field(name)
                values, span = self.values()
                path = declared.path if declared is not None else (name,)
                yield ComparisonExpression(Path(path, Span(start, start + 1)), Op.IN, values, span)
                lead = " AND "

    def filters(self) -> Iterator[Expression]:
        terms: list[Expression] = []
        joins: set[str] = set()
        start = self.at
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
                [Diagnostic("AQL0405", "one filter group is joined by AND or by OR, not by both", Span(start, self.at))]
            )
        if "OR" in joins:
            yield OrExpression(tuple(terms), Span(start, self.at))
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
            for bound in (part.since, part.until):
                yield from self.bound(bound.end, bound.before, bound.after)
            return
        start = self.at
        first = self.instant()
        self.expect(part.between)
        second = self.instant()
        yield Window("between", (first, second), None, Span(start, self.at))
        self.expect(part.after)

    def instant(self) -> Instant:
        match = _TIME.match(self.text, self.at, self.end)
        if match is None:
            self.fail("a time such as 2020-02-01T00:00")
            raise AssertionError
        self.at = match.end()
        span = Span(match.start(), match.end())
        return Instant(Timestamp(match[0], span), (), span)


def _split_values(inner: str, offset: int) -> Iterator[TextLiteral]:
    for value in inner.split(_BETWEEN_VALUES):
        yield TextLiteral(value, Span(offset, offset + len(value)), True)
        offset += len(value) + len(_BETWEEN_VALUES)


Part = TracesPart | PrecisionPart | BlocksPart | DistancesPart

_BETWEEN = ", "
_HAVING = " HAVING max distances between location points of "
_FILTERS = "ephemeris_metadata_filters ["
_LOCATIONS = "locations in ("
_ANY = "any distance"

_NAMES = {wire_name(name): kind for name, kind in BLOCKS.items()}
_BLOCK = re.compile(rf"({'|'.join(_NAMES)})\d+\s*=\s*\(")
_PAIR = re.compile(r"(\w+)-(\w+)\s*=\s*")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_WORD = re.compile(r"\w+")


def write_part(part: Part, request: Request) -> str:
    """Return one part of the wording, for a request with criteria."""
    criteria = request.criteria
    assert criteria is not None, "only conjunctions have such parts in their wording"  # noqa: S101
    match part:
        case TracesPart():
            return _BETWEEN.join(criteria.via)
        case PrecisionPart(minute, subminute):
            return subminute if criteria.subminute else minute
        case BlocksPart():
            named = zip(criteria.names, criteria.blocks, strict=True)
            return " AND ".join(f"{name}=({write_block(block)})" for name, block in named)
        case DistancesPart():
            return _HAVING + _BETWEEN.join(_write_distances(criteria)) if criteria.distances else ""


def write_block(block: BlockRequest) -> str:
    """Return the phrases of one block, without its parentheses."""
    if block.points:
        points = _BETWEEN.join(f"[{lat:f}, {lon:f}]" for lat, lon in block.points)
        return f"{_LOCATIONS}{points})"
    phrases = [f"{name} in ({_BETWEEN.join(values)})" for name, values in block.lists if values]
    if block.filters.expressions:
        phrases.append(f"{_FILTERS}{write_filters(block.filters)}]")
    return " AND ".join(phrases)


def _write_distances(criteria: CriteriaRequest) -> Iterator[str]:
    for pair, limit in zip(criteria.pairs, criteria.distances, strict=True):
        yield f"{pair}={_ANY}" if limit is None else f"{pair}={limit:f} km" if limit % 1 else f"{pair}={int(limit)} km"


def read_part(reader: SentenceReader, part: Part, kind: Kind) -> Iterator[Clause]:
    """Yield the clause of one part of the wording. Raises StatementError where the text differs from the wording."""
    start = reader.at
    match part:
        case TracesPart():
            traces = tuple(_read_traces(reader))
            yield Via(traces, Span(start, reader.at))
        case PrecisionPart():
            yield _read_precision(reader, kind)
        case BlocksPart():
            yield Of(tuple(_read_blocks(reader)), Span(start, reader.at))
        case DistancesPart():
            if reader.accept(_HAVING):
                distances = tuple(_read_distances(reader))
                yield Within(distances, Span(start, reader.at))


def _take_pattern(reader: SentenceReader, pattern: re.Pattern[str], expected: str) -> re.Match[str]:
    match = pattern.match(reader.text, reader.at, reader.end)
    if match is None:
        reader.fail(expected)
        raise AssertionError
    reader.at = match.end()
    return match


def _read_traces(reader: SentenceReader) -> Iterator[Path]:
    while match := _WORD.match(reader.text, reader.at, reader.end):
        reader.at = match.end()
        yield Path((match[0],), Span(*match.span()))
        if not reader.accept(_BETWEEN):
            return


def _read_precision(reader: SentenceReader, kind: Kind) -> PrecisionClause:
    """Read the precision in the current wording or a former one."""
    start = reader.at
    wordings = [p for wording in (kind.wording, *kind.older_wordings) for p in wording if isinstance(p, PrecisionPart)]
    for precision in wordings:
        for words, seconds in ((precision.minute, MINUTE), (precision.subminute, HALF_MINUTE)):
            if reader.accept(words):
                span = Span(start, reader.at)
                return PrecisionClause(Duration(str(seconds), PRECISION_UNIT, span), span)
    reader.fail(f"'{wordings[0].minute.strip()}'")
    raise AssertionError


def _read_blocks(reader: SentenceReader) -> Iterator[BlockItem]:
    while True:
        match = _take_pattern(reader, _BLOCK, "a criteria block such as ground1=(…)")
        kind, span = _NAMES[match[1]], Span(*match.span())
        if kind.fields:
            terms = tuple(_read_phrases(reader, kind))
            where = terms[0] if len(terms) == 1 else AndExpression(terms, span) if terms else None
            yield BlockItem(kind.name, "", where, (), span)
        else:
            yield BlockItem(kind.name, "", None, tuple(_read_points(reader)), span)
        reader.expect(")")
        if not reader.accept(" AND "):
            return


def _read_phrases(reader: SentenceReader, kind: Kind) -> Iterator[Expression]:
    names = tuple(field.bare for field in kind.leaves() if field.criterion)
    lists = list(reader.lists(kind, names, ""))
    yield from lists
    if reader.accept(f" AND {_FILTERS}" if lists else _FILTERS):
        yield from reader.filters()
        reader.expect("]")


def _read_points(reader: SentenceReader) -> Iterator[tuple[NumberLiteral, NumberLiteral]]:
    reader.expect(_LOCATIONS)
    while True:
        reader.expect("[")
        latitude = _read_number(reader)
        reader.expect(",")
        longitude = _read_number(reader)
        reader.expect("]")
        yield latitude, longitude
        if not reader.accept(_BETWEEN):
            break
    reader.expect(")")


def _read_number(reader: SentenceReader) -> NumberLiteral:
    reader.accept(" ")
    match = _take_pattern(reader, _NUMBER, "a number")
    return NumberLiteral(match[0], "", Span(*match.span()))


def _read_distances(reader: SentenceReader) -> Iterator[Distance]:
    while True:
        match = _take_pattern(reader, _PAIR, "a pair of blocks such as ground1-space1=")
        span = Span(*match.span())
        if reader.accept(_ANY):
            yield Distance((match[1], match[2]), None, span)
        else:
            number = _read_number(reader)
            reader.expect(" km")
            yield Distance((match[1], match[2]), number, span)
        if not reader.accept(_BETWEEN):
            return
