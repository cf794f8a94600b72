"""The criteria of conjunctions in the engine's sentence: types, precision, blocks and distances, written and read.

No public record shows the engine's wording of metadata filters, hemispheres, locations or several distances
in a sentence about conjunctions; ours is
`space1=(program in (swarm) AND hemisphere in (northern) AND ephemeris_metadata_filters [a >= (5)])`,
`adhoc1=(locations in ([51.05, -114.07], [60, -110]))` and `ground1-space1=500 km, space1-adhoc1=any distance`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from auroraql.codecs.sentence import SentenceReader, write_filters
from auroraql.diagnostics.errors import Span
from auroraql.ir.plan import BlockRequest, CriteriaRequest, Request
from auroraql.language.ast import (
    AndExpression,
    BlockItem,
    Clause,
    Distance,
    Duration,
    Expression,
    NumberLiteral,
    Of,
    Path,
    Via,
    Within,
)
from auroraql.language.ast import Precision as PrecisionClause
from auroraql.schema import BLOCKS, Kind
from auroraql.schema.kinds.conjunctions import HALF_MINUTE, MINUTE, PRECISION_UNIT, wire_name
from auroraql.schema.model import BlocksPart, DistancesPart, PrecisionPart, TracesPart

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
    """One part of the wording, for a request that has criteria."""
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
    """The phrases of one block, inside of its parentheses."""
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
    """The clause that one part of the wording stands for. Raises StatementError where the wording differs."""
    begin = reader.at
    match part:
        case TracesPart():
            traces = tuple(_read_traces(reader))
            yield Via(traces, Span(begin, reader.at))
        case PrecisionPart():
            yield _read_precision(reader, kind)
        case BlocksPart():
            yield Of(tuple(_read_blocks(reader)), Span(begin, reader.at))
        case DistancesPart():
            if reader.accept(_HAVING):
                distances = tuple(_read_distances(reader))
                yield Within(distances, Span(begin, reader.at))


def _take_pattern(reader: SentenceReader, pattern: re.Pattern[str], wanted: str) -> re.Match[str]:
    found = pattern.match(reader.text, reader.at, reader.end)
    if found is None:
        reader.fail(wanted)
        raise AssertionError
    reader.at = found.end()
    return found


def _read_traces(reader: SentenceReader) -> Iterator[Path]:
    while found := _WORD.match(reader.text, reader.at, reader.end):
        reader.at = found.end()
        yield Path((found[0],), Span(*found.span()))
        if not reader.accept(_BETWEEN):
            return


def _read_precision(reader: SentenceReader, kind: Kind) -> PrecisionClause:
    """In the words of any year."""
    begin = reader.at
    wordings = [p for wording in (kind.wording, *kind.older_wordings) for p in wording if isinstance(p, PrecisionPart)]
    for precision in wordings:
        for words, seconds in ((precision.minute, MINUTE), (precision.subminute, HALF_MINUTE)):
            if reader.accept(words):
                span = Span(begin, reader.at)
                return PrecisionClause(Duration(str(seconds), PRECISION_UNIT, span), span)
    reader.fail(f"'{wordings[0].minute.strip()}'")
    raise AssertionError


def _read_blocks(reader: SentenceReader) -> Iterator[BlockItem]:
    while True:
        found = _take_pattern(reader, _BLOCK, "a criteria block, as ground1=(…)")
        kind, span = _NAMES[found[1]], Span(*found.span())
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
    found = list(reader.lists(kind, names, ""))
    yield from found
    if reader.accept(f" AND {_FILTERS}" if found else _FILTERS):
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
    found = _take_pattern(reader, _NUMBER, "a number")
    return NumberLiteral(found[0], "", Span(*found.span()))


def _read_distances(reader: SentenceReader) -> Iterator[Distance]:
    while True:
        found = _take_pattern(reader, _PAIR, "a pair of blocks, as ground1-space1=")
        span = Span(*found.span())
        if reader.accept(_ANY):
            yield Distance((found[1], found[2]), None, span)
        else:
            number = _read_number(reader)
            reader.expect(" km")
            yield Distance((found[1], found[2]), number, span)
        if not reader.accept(_BETWEEN):
            return
